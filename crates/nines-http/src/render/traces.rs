//! A trace as the waterfall shows it: spans in order of start, each with its own time, and the path that decided how long it
//! took.

use std::cmp::Reverse;

use nines_api as api;
use nines_apm::trace::{Placed, Span, analyse};
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

/// Whose clock a span was written by: the first of these that it has, else its service.
const CLOCKS: [&str; 6] =
    ["host.id", "host.name", "k8s.node.name", "k8s.pod.name", "container.id", "service.instance.id"];

pub fn trace(
    trace_id: String,
    mut rows: Vec<Map<String, Value>>,
    logs: Vec<Map<String, Value>>,
    stats: api::QueryStats,
) -> api::TraceResponse {
    let spans: Vec<Span> = rows.iter().map(known_span).collect();
    let analysis = analyse(&spans);
    let mut order: Vec<&Placed> = analysis.spans.iter().collect();
    order.sort_by_key(|place| (place.start_ns, Reverse(place.end_ns), place.depth));
    let shown = order.into_iter().map(|place| shown_span(std::mem::take(&mut rows[place.span]), place));
    let id = |index: usize| spans[analysis.spans[index].span].id.to_string();
    let critical_path = analysis.critical.iter().map(|section| api::CriticalSection {
        span_id: id(section.span),
        start_ns: section.start_ns,
        end_ns: section.end_ns,
    });
    let services = analysis.services.iter().map(|share| api::TraceService {
        name: share.service.to_string(),
        spans: share.spans,
        errors: share.errors,
        self_ns: share.self_ns,
        critical_ns: share.critical_ns,
    });
    api::TraceResponse {
        trace_id,
        spans: shown.collect(),
        logs,
        truncated: stats.truncated,
        duration_ns: analysis.duration_ns,
        critical_path: critical_path.collect(),
        services: services.collect(),
        lost_parents: analysis.lost_parents,
        duplicates: analysis.duplicates,
        circles: analysis.circles,
        stats,
    }
}

pub(super) fn text<'a>(row: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    row.get(name).and_then(Value::as_str)
}

pub(super) fn start_of(row: &Map<String, Value>) -> Timestamp {
    let text = text(row, field::TIMESTAMP).unwrap_or_default();
    Timestamp::parse_rfc3339(text).unwrap_or(Timestamp::EPOCH)
}

fn known_span(row: &Map<String, Value>) -> Span {
    let service = text(row, field::SERVICE_NAME).unwrap_or("unknown");
    let clock = CLOCKS.iter().find_map(|name| text(row, name)).unwrap_or(service);
    let kind = text(row, field::KIND);
    Span {
        id: text(row, field::SPAN_ID).unwrap_or_default().into(),
        parent: text(row, field::PARENT_SPAN_ID).map(Into::into),
        service: service.into(),
        clock: clock.into(),
        start_ns: start_of(row).as_nanos(),
        duration_ns: row.get(field::DURATION_NS).and_then(Value::as_i64).unwrap_or(0),
        error: text(row, field::STATUS_CODE) == Some("error"),
        is_client: kind == Some("client"),
        is_async: kind == Some("consumer"),
    }
}

fn shown_span(mut row: Map<String, Value>, place: &Placed) -> api::TraceSpan {
    let owned = |name: &str| text(&row, name).map(str::to_owned);
    api::TraceSpan {
        span_id: owned(field::SPAN_ID).unwrap_or_default(),
        parent_span_id: owned(field::PARENT_SPAN_ID),
        name: owned(field::NAME).unwrap_or_default(),
        service: owned(field::SERVICE_NAME).unwrap_or_else(|| "unknown".to_owned()),
        kind: owned(field::KIND).unwrap_or_else(|| "internal".to_owned()),
        start: owned(field::TIMESTAMP).unwrap_or_default(),
        offset_ns: place.start_ns,
        duration_ns: place.end_ns - place.start_ns,
        self_ns: place.self_ns,
        critical_ns: place.critical_ns,
        shifted_ns: place.shifted_ns,
        lost_parent: place.lost_parent,
        status: owned(field::STATUS_CODE).unwrap_or_else(|| "unset".to_owned()),
        status_message: owned(field::STATUS_MESSAGE).filter(|message| !message.is_empty()),
        critical: place.critical_ns > 0,
        events: list(&row, field::SPAN_EVENTS).into_iter().map(event).collect(),
        links: list(&row, field::SPAN_LINKS).iter().filter_map(link).collect(),
        attributes: {
            row.retain(|name, _| !PLACED.contains(&name.as_str()));
            row
        },
    }
}

/// A JSON column as the array that it holds, whether it was read as text or as JSON.
pub(super) fn list(row: &Map<String, Value>, name: &str) -> Vec<Value> {
    match row.get(name) {
        Some(Value::String(json)) => serde_json::from_str(json).unwrap_or_default(),
        Some(Value::Array(items)) => items.clone(),
        _ => Vec::new(),
    }
}

/// The event with its time as people and programs read it elsewhere in the API.
fn event(mut event: Value) -> Value {
    if let Some(fields) = event.as_object_mut()
        && let Some(nanos) = fields.remove("timestamp").and_then(|at| at.as_i64())
    {
        fields.insert("time".to_owned(), Timestamp::from_nanos(nanos).to_string().into());
    }
    event
}

fn link(link: &Value) -> Option<api::SpanLink> {
    let text = |name: &str| link.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(api::SpanLink { trace_id: text("trace_id")?, span_id: text("span_id")? })
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

    fn of(rows: Vec<Map<String, Value>>) -> api::TraceResponse {
        trace("t".to_owned(), rows, Vec::new(), api::QueryStats::default())
    }

    #[test]
    fn offsets_count_from_the_first_span_and_other_fields_are_attributes() {
        let trace = of(vec![row("b", Some("a"), 7, 1), row("a", None, 5, 10)]);
        let offsets: Vec<_> =
            trace.spans.iter().map(|span| (span.span_id.as_str(), span.offset_ns)).collect();
        assert_eq!(offsets, [("a", 0), ("b", 2_000_000)]);
        assert_eq!(trace.spans[0].attributes.keys().collect::<Vec<_>>(), ["http.route"]);
        assert_eq!((trace.spans[0].self_ns, trace.spans[1].self_ns), (9_000_000, 1_000_000));
        let path: Vec<_> =
            trace.critical_path.iter().map(|section| (section.span_id.as_str(), section.start_ns)).collect();
        assert_eq!(path, [("a", 0), ("b", 2_000_000), ("a", 3_000_000)]);
        assert_eq!(trace.services[0].critical_ns, 10_000_000);
    }

    #[test]
    fn nothing_does_no_harm() {
        let trace = of(Vec::new());
        assert!(trace.spans.is_empty() && trace.critical_path.is_empty());
    }

    #[test]
    fn events_and_links_are_read_from_text_and_from_json() {
        let events = json!([{ "timestamp": 1_500_000_000, "name": "retry", "attributes": { "n": 1 } }]);
        let links = json!([{ "trace_id": "t2", "span_id": "s2" }]);
        let mut first = row("a", None, 0, 1);
        first.insert("events".to_owned(), events.clone());
        first.insert("links".to_owned(), links.clone());
        let mut second = row("b", None, 1, 1);
        second.insert("events".to_owned(), events.to_string().into());
        second.insert("links".to_owned(), links.to_string().into());
        for span in of(vec![first, second]).spans {
            assert_eq!(span.events[0]["time"], "1970-01-01T00:00:01.5Z");
            assert_eq!(span.events[0]["name"], "retry");
            assert_eq!(span.links[0].span_id, "s2");
        }
    }
}
