use anyhow::bail;
use clap::Args;
use nines_api::{SavedRequest, SearchRequest, SearchResponse};
use serde_json::{Map, Value};

use super::sql::cell;
use super::{Session, pointing_into, print_stats, short_time};
use crate::exit::Code;
use crate::instant;
use crate::output::style;
use crate::table::{Table, one_line};

#[derive(Debug, Args)]
#[command(
    long_about = "Find rows with a filter, newest first.\n\nA filter compares fields (`service.name: checkout and http.response.status_code >= 500`), joins with and, or, not and brackets, and searches text with plain words. Rows go to standard output; run time, rows and bytes scanned to standard error.",
    after_help = "Examples:\n  nines search 'service.name: checkout and severity_number >= 17'\n  nines search 'status_code: error' --dataset spans --start 15m\n  nines search timeout --start 2026-11-21T08:00:00Z --end 2026-11-21T09:00:00Z --output json\n  nines search '' --dataset changes --fields timestamp,service.name,name,change.by\n  nines search 'status_code: error' -d spans --save 'failing spans' --team shop\n  nines search --saved 'failing spans' --start 15m"
)]
pub struct Arguments {
    /// The filter; empty matches everything
    #[arg(default_value = "")]
    filter: String,
    /// logs, spans, metrics, probes, beacons or changes [default: logs]
    #[arg(long, short)]
    dataset: Option<String>,
    /// From this time: RFC 3339, or how long ago [default: an hour before the end]
    #[arg(long, value_parser = instant::argument, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,
    /// Before this time: RFC 3339, or how long ago [default: now]
    #[arg(long, value_parser = instant::argument, value_name = "TIME", allow_hyphen_values = true)]
    end: Option<String>,
    /// At most this many rows [default: 100, at most 1000]
    #[arg(long, short = 'n')]
    limit: Option<u32>,
    /// Go on after an earlier page: its `next_cursor`
    #[arg(long)]
    cursor: Option<String>,
    /// Print these fields as columns
    #[arg(long, value_delimiter = ',', value_name = "FIELD,…")]
    fields: Vec<String>,
    /// Keep the search under this name, for everybody, in place of one that has it
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// The team that a kept search is for [default: everybody]
    #[arg(long, value_name = "TEAM", requires = "save")]
    team: Option<String>,
    /// Run the search that was kept under this name; a filter narrows it
    #[arg(long, value_name = "NAME", conflicts_with = "save")]
    saved: Option<String>,
}

pub async fn run(mut arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    if let Some(name) = arguments.saved.take() {
        recall(&mut arguments, session, &name).await?;
    }
    if let Some(name) = arguments.save.take() {
        keep(&arguments, session, name).await?;
    }
    let request = SearchRequest {
        dataset: arguments.dataset.unwrap_or_else(|| "logs".to_owned()),
        filter: arguments.filter,
        start: arguments.start,
        end: arguments.end,
        limit: arguments.limit,
        cursor: arguments.cursor,
    };
    let answer = pointing_into(&request.filter, session.client.search(&request).await)?;
    session.output.print_text(&answer, |answer| {
        if arguments.fields.is_empty() {
            lines(&request.dataset, answer)
        } else {
            columns(&arguments.fields, answer)
        }
    })?;
    for notice in &answer.notices {
        eprintln!("{} {}", style::yellow("note:"), notice.message);
    }
    print_stats(&answer.stats);
    if let Some(cursor) = &answer.next_cursor {
        eprintln!("{}", style::dim(&format!("more: --cursor {cursor}")));
    }
    Ok(Code::Ok)
}

/// Takes filter, dataset and columns from the kept search; its time too, where it is written as the API reads times.
async fn recall(arguments: &mut Arguments, session: &Session, name: &str) -> anyhow::Result<()> {
    let kept = session.client.saved_one(name).await?.question;
    if kept.kind != "search" {
        bail!("`{name}` is SQL, not a search: run it with `nines sql --saved '{name}'`");
    }
    arguments.filter = both(&kept.text, &arguments.filter);
    arguments.dataset = arguments.dataset.take().or(kept.dataset);
    if arguments.fields.is_empty() {
        arguments.fields = kept.columns;
    }
    let time = |text: Option<String>| {
        text.and_then(|text| instant::argument(text.strip_prefix("now-").unwrap_or(&text)).ok())
    };
    arguments.start = arguments.start.take().or_else(|| time(kept.from));
    arguments.end = arguments.end.take().or_else(|| time(kept.to));
    Ok(())
}

async fn keep(arguments: &Arguments, session: &Session, name: String) -> anyhow::Result<()> {
    let request = SavedRequest {
        name,
        kind: "search".to_owned(),
        team: arguments.team.clone(),
        description: String::new(),
        dataset: Some(arguments.dataset.clone().unwrap_or_else(|| "logs".to_owned())),
        text: arguments.filter.clone(),
        from: None,
        to: None,
        columns: arguments.fields.clone(),
        split_by: None,
    };
    let saved = pointing_into(&request.text, session.client.save(&request).await)?;
    eprintln!("{} kept as `{}`", style::green("ok:"), saved.question.name);
    Ok(())
}

/// A filter that selects what both do.
fn both(kept: &str, more: &str) -> String {
    match (kept.trim(), more.trim()) {
        (kept, "") => kept.to_owned(),
        ("", more) => more.to_owned(),
        (kept, more) => format!("({kept}) and ({more})"),
    }
}

fn columns(fields: &[String], answer: &SearchResponse) -> String {
    let mut table = Table::new(fields);
    for row in &answer.rows {
        table.row(fields.iter().map(|field| row.get(field).map(cell).unwrap_or_default()));
    }
    table.render()
}

/// A line for each row, oldest last: time, the fields that its dataset is read by, then the rest.
fn lines(dataset: &str, answer: &SearchResponse) -> String {
    answer.rows.iter().map(|row| line(dataset, row)).collect()
}

/// Fields that a line begins with.
fn leading(dataset: &str) -> &'static [&'static str] {
    match dataset {
        "logs" => &["severity_text", "service.name", "body"],
        "spans" => &["service.name", "name", "duration_ns", "status_code"],
        "metrics" => &["service.name", "name", "value", "unit"],
        "changes" => &["change.kind", "service.name", "service.version", "name"],
        _ => &["service.name", "name", "body"],
    }
}

/// Fields that another one says better, or that are for machines.
const QUIET: [&str; 11] = [
    "timestamp",
    "observed_timestamp",
    "severity_number",
    "events",
    "links",
    "flags",
    "scope.name",
    "scope.version",
    "trace_state",
    "span_id",
    "parent_span_id",
];

/// Where it ran says the same on nearly every line. `--fields` and `--output json` show it.
const QUIET_PREFIXES: [&str; 10] = [
    "telemetry.",
    "cloud.",
    "k8s.",
    "container.",
    "host.",
    "os.",
    "deployment.",
    "vcs.",
    "service.instance.",
    "service.namespace",
];

fn line(dataset: &str, row: &Map<String, Value>) -> String {
    let leading = leading(dataset);
    let time = row.get("timestamp").map(cell).unwrap_or_default();
    let mut parts = vec![style::dim(&short_time(&time))];
    parts.extend(leading.iter().filter_map(|name| Some(paint(name, row.get(*name)?))));
    for (name, value) in row {
        let quiet = QUIET.contains(&name.as_str())
            || QUIET_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || leading.contains(&name.as_str());
        if !quiet && !value.is_null() {
            parts.push(style::dim(&format!("{name}={}", one_line(&cell(value)))));
        }
    }
    parts.join(" ") + "\n"
}

fn paint(name: &str, value: &Value) -> String {
    let text = one_line(&cell(value));
    match (name, text.as_str()) {
        ("severity_text", "ERROR" | "FATAL") | ("status_code", "error") => style::red(&text),
        ("severity_text", "WARN") => style::yellow(&text),
        ("service.name", _) => style::cyan(&text),
        ("duration_ns", _) => match value.as_f64() {
            Some(nanos) => format!("{:.1}ms", nanos / 1e6),
            None => text,
        },
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_begins_with_what_its_dataset_is_read_by() {
        let row = json!({
            "body": "payment\nrefused", "service.name": "checkout", "severity_number": 17, "severity_text": "ERROR",
            "timestamp": "2026-11-21T08:30:00.5Z", "user.id": "u7", "telemetry.sdk.name": "opentelemetry", "cloud.region": "x",
        });
        let line = line("logs", row.as_object().unwrap());
        assert_eq!(line, "11-21 08:30:00.500 ERROR checkout payment\\nrefused user.id=u7\n");
    }

    #[test]
    fn a_kept_search_is_narrowed_and_never_widened() {
        assert_eq!(both("a: 1 or b: 2", "c: 3"), "(a: 1 or b: 2) and (c: 3)");
        assert_eq!((both("a: 1", " "), both("", "b")), ("a: 1".to_owned(), "b".to_owned()));
    }

    #[test]
    fn a_span_shows_its_duration_in_milliseconds() {
        let row = json!({ "timestamp": "2026-11-21T08:30:00Z", "service.name": "a", "name": "GET /", "duration_ns": 1_500_000 });
        assert_eq!(line("spans", row.as_object().unwrap()), "11-21 08:30:00.000 a GET / 1.5ms\n");
    }
}
