//! A trace as the waterfall shows it: spans in order of start, and the path that decided how long it took.

use std::collections::{HashMap, HashSet};

use nines_api as api;
use nines_model::{Timestamp, field};
use serde_json::{Map, Value};

/// Fields that have a place of their own in [`api::TraceSpan`].
const PLACED: [&str; 12] = [
    field::TIMESTAMP,
    field::TRACE_ID,
    field::SPAN_ID,
    field::PARENT_SPAN_ID,
    field::NAME,
    field::SERVICE_NAME,
    field::KIND,
    field::DURATION_NS,
    field::STATUS_CODE,
    field::STATUS_MESSAGE,
    field::SPAN_EVENTS,
    field::SPAN_LINKS,
];

pub fn trace(
    trace_id: String,
    rows: Vec<Map<String, Value>>,
    logs: Vec<Map<String, Value>>,
    stats: api::QueryStats,
) -> api::TraceResponse {
    let mut spans: Vec<(i64, api::TraceSpan)> = rows.into_iter().map(span).collect();
    spans.sort_by_key(|(start, span)| (*start, std::cmp::Reverse(span.duration_ns)));
    let first = spans.first().map_or(0, |(start, _)| *start);
    let mut spans: Vec<api::TraceSpan> = spans
        .into_iter()
        .map(|(start, mut span)| {
            span.offset_ns = start - first;
            span
        })
        .collect();
    let critical = critical_path(&spans);
    for (index, span) in spans.iter_mut().enumerate() {
        span.critical = critical.contains(&index);
    }
    let truncated = stats.truncated;
    api::TraceResponse { trace_id, spans, logs, truncated, stats }
}

fn span(mut row: Map<String, Value>) -> (i64, api::TraceSpan) {
    let text =
        |row: &Map<String, Value>, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let start_text = text(&row, field::TIMESTAMP).unwrap_or_default();
    let start = Timestamp::parse_rfc3339(&start_text).unwrap_or(Timestamp::EPOCH).as_nanos();
    let events = match row.get(field::SPAN_EVENTS) {
        Some(Value::String(json)) => serde_json::from_str(json).unwrap_or_default(),
        Some(Value::Array(events)) => events.clone(),
        _ => Vec::new(),
    };
    let shown = api::TraceSpan {
        span_id: text(&row, field::SPAN_ID).unwrap_or_default(),
        parent_span_id: text(&row, field::PARENT_SPAN_ID),
        name: text(&row, field::NAME).unwrap_or_default(),
        service: text(&row, field::SERVICE_NAME).unwrap_or_else(|| "unknown".to_owned()),
        kind: text(&row, field::KIND).unwrap_or_else(|| "internal".to_owned()),
        start: start_text,
        offset_ns: 0,
        duration_ns: row.get(field::DURATION_NS).and_then(Value::as_i64).unwrap_or(0),
        status: text(&row, field::STATUS_CODE).unwrap_or_else(|| "unset".to_owned()),
        status_message: text(&row, field::STATUS_MESSAGE).filter(|message| !message.is_empty()),
        critical: false,
        attributes: {
            row.retain(|name, _| !PLACED.contains(&name.as_str()));
            row
        },
        events,
    };
    (start, shown)
}

/// Indices of the spans on the critical path: from the longest root, walk back from its end; at each moment the child
/// that finished last before it is what the parent was waiting for. Children that end after their parent (fire and
/// forget) are clipped to it.
///
/// Source: the "last finishing child" rule of Jaeger's critical path, after Zhang et al., "CRISP", USENIX ATC 2022, §3.
fn critical_path(spans: &[api::TraceSpan]) -> HashSet<usize> {
    let by_id: HashMap<&str, usize> =
        spans.iter().enumerate().map(|(index, span)| (span.span_id.as_str(), index)).collect();
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (index, span) in spans.iter().enumerate() {
        match span.parent_span_id.as_deref().and_then(|parent| by_id.get(parent)) {
            Some(parent) if *parent != index => children.entry(*parent).or_default().push(index),
            _ => roots.push(index),
        }
    }
    let end = |index: usize| spans[index].offset_ns.saturating_add(spans[index].duration_ns);
    let mut path = HashSet::new();
    let Some(root) = roots.into_iter().max_by_key(|index| spans[*index].duration_ns) else { return path };
    // A stack, not recursion: a hostile trace may be as deep as it is long. A span that is its own ancestor is met once.
    let mut stack = vec![(root, end(root))];
    while let Some((index, until)) = stack.pop() {
        if !path.insert(index) {
            continue;
        }
        let limit = until.min(end(index));
        let mut moment = limit;
        let mut waiting: Vec<usize> = children.get(&index).cloned().unwrap_or_default();
        waiting.sort_by_key(|child| end(*child));
        while let Some(child) = waiting.pop() {
            if spans[child].offset_ns >= moment || end(child).min(limit) > moment {
                continue;
            }
            stack.push((child, moment));
            moment = spans[child].offset_ns;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(id: &str, parent: Option<&str>, start_ms: i64, duration_ms: i64) -> Map<String, Value> {
        let at = Timestamp::from_millis(start_ms).to_string();
        let row = json!({
            "timestamp": at, "span_id": id, "parent_span_id": parent, "name": id, "service.name": "shop",
            "duration_ns": duration_ms * 1_000_000, "http.route": "/x",
        });
        row.as_object().unwrap().clone()
    }

    fn critical(rows: Vec<Map<String, Value>>) -> Vec<String> {
        let trace = trace("t".to_owned(), rows, Vec::new(), api::QueryStats::default());
        trace.spans.into_iter().filter(|span| span.critical).map(|span| span.span_id).collect()
    }

    #[test]
    fn the_critical_path_follows_the_child_that_finished_last() {
        // root 0–100 waits for a 10–40 and then for b 50–95, beside which c 50–60 did not matter; b waits for d 55–90.
        let rows = vec![
            row("root", None, 0, 100),
            row("a", Some("root"), 10, 30),
            row("b", Some("root"), 50, 45),
            row("c", Some("root"), 50, 10),
            row("d", Some("b"), 55, 35),
        ];
        assert_eq!(critical(rows), ["root", "a", "b", "d"]);
    }

    #[test]
    fn orphans_loops_and_emptiness_do_no_harm() {
        assert!(critical(Vec::new()).is_empty());
        assert_eq!(
            critical(vec![row("a", Some("b"), 0, 10), row("b", Some("a"), 0, 10)]),
            Vec::<String>::new()
        );
        assert_eq!(critical(vec![row("a", Some("a"), 0, 10)]), ["a"]);
        assert_eq!(critical(vec![row("late", Some("lost"), 5, 10)]), ["late"]);
    }

    #[test]
    fn offsets_count_from_the_first_span_and_other_fields_are_attributes() {
        let trace = trace(
            "t".to_owned(),
            vec![row("b", Some("a"), 7, 1), row("a", None, 5, 10)],
            Vec::new(),
            api::QueryStats::default(),
        );
        let offsets: Vec<_> =
            trace.spans.iter().map(|span| (span.span_id.as_str(), span.offset_ns)).collect();
        assert_eq!(offsets, [("a", 0), ("b", 2_000_000)]);
        assert_eq!(trace.spans[0].attributes.keys().collect::<Vec<_>>(), ["http.route"]);
    }
}
