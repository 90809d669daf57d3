//! `nines promql`: metrics of a node asked in PromQL; the language without a node.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use nines_base::SystemClock;
use nines_model::Timestamp;
use nines_promql::conformance;
use serde_json::{Value, json};

use super::{Session, short_time};
use crate::exit::Code;
use crate::output::{Format, style};
use crate::table::Table;

/// Points of a range, unless a step is given: about what a terminal shows.
const POINTS: f64 = 60.0;
/// A scrape interval: closer points are mostly the same.
const STEP_SECS_MIN: f64 = 15.0;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    long_about = "Ask metrics in PromQL, at one instant or over a range.\n\nThe language is that of Prometheus 3.14. Warnings go to standard error.",
    after_help = "Examples:\n  nines promql 'up == 0'\n  nines promql 'sum by (job) (rate(http_requests_total[5m]))' --range 1h\n  nines promql 'up' --at 2026-11-21T08:30:00Z --output json\n  nines promql format 'sum by (job) (rate(http_requests_total[5m]))'\n  nines promql conformance ~/prometheus/promql/promqltest/testdata"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The expression
    #[arg(required = true)]
    query: Option<String>,
    /// At this time, or the range's end: RFC 3339, or how long ago [default: now]
    #[arg(long, value_name = "TIME", value_parser = crate::instant::argument)]
    at: Option<String>,
    /// Over a range of this length, such as 1h or 7d
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    range: Option<f64>,
    /// Between two points of the range, such as 30s [default: a sixtieth of the range, at least 15s]
    #[arg(long, value_name = "DURATION", value_parser = seconds, requires = "range")]
    step: Option<f64>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run upstream's .test scripts, unchanged, and print how many evaluations pass
    Conformance {
        /// A folder with .test files
        dir: PathBuf,
    },
    /// Print an expression in canonical form, or point at the mistake in it
    Format {
        /// The expression
        query: String,
    },
}

/// As PromQL writes durations.
fn seconds(text: &str) -> Result<f64, String> {
    match nines_promql::parse_duration(text) {
        Some(millis) if millis > 0 => Ok(millis as f64 / 1_000.0),
        _ => Err(format!("`{text}` is not a duration: write a number and a unit, such as 30s, 1h or 7d")),
    }
}

pub async fn run(
    arguments: Arguments,
    output: Format,
    session: impl FnOnce() -> anyhow::Result<Session>,
) -> anyhow::Result<Code> {
    match (arguments.command, arguments.query) {
        (Some(Command::Conformance { dir }), _) => conform(&dir, output),
        (Some(Command::Format { query }), _) => {
            let canonical = nines_promql::parse(&query)?.to_string();
            output.print_text(&json!({ "query": canonical }), |_| format!("{canonical}\n"))?;
            Ok(Code::Ok)
        }
        (None, query) => {
            let query = query.context("the expression is missing")?;
            // Before it travels: a mistake is pointed at without a node.
            nines_promql::parse(&query)?;
            let client = session()?.client;
            let answer = match arguments.range {
                None => client.promql(&query, arguments.at.as_deref()).await?,
                Some(range) => {
                    let step = arguments.step.unwrap_or((range / POINTS).max(STEP_SECS_MIN).round());
                    let end = match &arguments.at {
                        Some(at) => Timestamp::parse_rfc3339(at)?,
                        None => SystemClock::shared().now(),
                    };
                    let start = end - std::time::Duration::from_secs_f64(range);
                    client.promql_range(&query, &start.to_string(), &end.to_string(), step).await?
                }
            };
            for (name, paint) in [("warnings", style::yellow as fn(&str) -> String), ("infos", style::cyan)] {
                for note in answer[name].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    eprintln!("{} {note}", paint(&format!("{}:", name.trim_end_matches('s'))));
                }
            }
            output.print(&answer["data"], table)?;
            Ok(Code::Ok)
        }
    }
}

fn conform(dir: &std::path::Path, output: Format) -> anyhow::Result<Code> {
    let report = conformance::run_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    anyhow::ensure!(report.files > 0, "{} has no .test files", dir.display());
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    let answer = json!({
        "files": report.files, "cases": report.cases, "passed": report.passed, "failures": failures,
    });
    output.print_text(&answer, |_| {
        let mut text: String =
            failures.iter().map(|failure| format!("{} {failure}\n", style::red("failed:"))).collect();
        text.push_str(&format!("{} of {}\n", report.passed, report.cases));
        text
    })?;
    Ok(if failures.is_empty() { Code::Ok } else { Code::Failed })
}

/// A line for each sample.
fn table(data: &Value) -> Table {
    let result = data["result"].as_array().map(Vec::as_slice).unwrap_or_default();
    match data["resultType"].as_str() {
        Some("vector") => {
            let mut table = Table::new(["series", "value"]).right(&[1]);
            for sample in result {
                let (_, value) = point(sample.get("value").or_else(|| sample.get("histogram")));
                table.row([series(&sample["metric"]), value]);
            }
            table
        }
        Some("matrix") => {
            let mut table = Table::new(["time", "series", "value"]).right(&[2]);
            for row in result {
                let name = series(&row["metric"]);
                for sample in ["values", "histograms"].iter().filter_map(|key| row[*key].as_array()).flatten()
                {
                    let (time, value) = point(Some(sample));
                    table.row([time, name.clone(), value]);
                }
            }
            table
        }
        _ => {
            let mut table = Table::new(["value"]).right(&[0]);
            table.row([point(Some(&data["result"])).1]);
            table
        }
    }
}

/// Time and value of `[1435781451.781, "1"]`; of a histogram its count and sum.
fn point(sample: Option<&Value>) -> (String, String) {
    let Some(sample) = sample else { return Default::default() };
    let nanos = (sample[0].as_f64().unwrap_or_default() * 1e3).round() as i64 * 1_000_000;
    let value = match &sample[1] {
        Value::String(text) => text.clone(),
        histogram => format!(
            "count {} sum {}",
            histogram["count"].as_str().unwrap_or_default(),
            histogram["sum"].as_str().unwrap_or_default()
        ),
    };
    (short_time(&Timestamp::from_nanos(nanos).to_string()), value)
}

/// `up{job="checkout"}`
fn series(metric: &Value) -> String {
    let labels = metric.as_object().into_iter().flatten();
    let (names, rest): (Vec<_>, Vec<_>) = labels.partition(|(name, _)| *name == "__name__");
    let name = names.first().and_then(|(_, name)| name.as_str()).unwrap_or_default();
    let rest: Vec<String> = rest.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    if rest.is_empty() && !name.is_empty() {
        name.to_owned()
    } else {
        format!("{name}{{{}}}", rest.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_lines() {
        let vector = json!({ "resultType": "vector", "result": [
            { "metric": { "__name__": "up", "job": "a" }, "value": [1435781451.781, "1"] },
            { "metric": {}, "histogram": [1435781451, { "count": "3", "sum": "1.5" }] },
        ] });
        let text = table(&vector).render();
        assert!(text.contains("up{job=\"a\"}") && text.contains("count 3 sum 1.5"), "{text}");
        let matrix = json!({ "resultType": "matrix", "result": [
            { "metric": { "__name__": "up" }, "values": [[1435781451.781, "1"], [1435781466.781, "0"]] },
        ] });
        let text = table(&matrix).render();
        assert!(text.contains("07-01 20:10:51.781  up") && text.lines().count() == 3, "{text}");
        assert_eq!(table(&json!({ "resultType": "scalar", "result": [1, "2"] })).render(), "value\n    2\n");
    }
}
