mod pages;

use clap::Args;
use nines_api::{ClocksResponse, DatasetStatus, Status};
use nines_base::ByteSize;

use super::{Session, duration, short_time};
use crate::exit::Code;
use crate::output::style;
use crate::table::{Table, one_line};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nines status
  nines status page public --title 'Shop status' --component 'Checkout=checkout,payments'
  nines status export ./site")]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<pages::Command>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    if let Some(command) = arguments.command {
        return pages::run(command, session).await;
    }
    let status = session.client.status().await?;
    // A node of a pair that stands by has no senders, and says so otherwise.
    let clocks = session.client.clocks().await.ok();
    session.output.print_text(&status, |status| show(status, clocks.as_ref()))?;
    Ok(Code::Ok)
}

/// Sources that are named below the facts; the others are in the web and the API.
const CLOCKS_SHOWN: usize = 5;

fn show(status: &Status, clocks: Option<&ClocksResponse>) -> String {
    let (ingest, paging) = (&status.ingest, &status.paging);
    let millis = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1} ms"));
    let refused: Vec<String> =
        ingest.refused.iter().map(|it| format!("{} {}", it.count, it.reason)).collect();
    let facts = [
        ("version", status.version.clone()),
        ("mode", if status.modes.is_empty() { "ok".to_owned() } else { status.modes.join(", ") }),
        ("started", short_time(&status.started_at)),
        (
            "ingest",
            format!(
                "{:.0} events/s, {} in all ({})",
                ingest.events_per_second,
                ingest.accepted_events,
                ByteSize(ingest.accepted_bytes)
            ),
        ),
        ("refused", if refused.is_empty() { "nothing".to_owned() } else { refused.join(", ") }),
        (
            "acknowledged",
            format!(
                "after {} (p50 {}, p99 {})",
                status.durability,
                millis(ingest.fsync_p50_ms),
                millis(ingest.fsync_p99_ms)
            ),
        ),
        (
            "stamps",
            format!(
                "{} without a time, {} ahead and {} late by more than ten minutes",
                ingest.stamps.undated, ingest.stamps.ahead, ingest.stamps.late
            ),
        ),
        ("last event", ingest.last_event_at.as_deref().map_or("–".to_owned(), short_time)),
        (
            "metrics",
            format!(
                "{} active series of {}, {} samples in, {} rejected, {} on disk",
                status.series.active_series,
                status.series.series_max,
                status.series.samples,
                status.series.rejected.iter().map(|it| it.count).sum::<u64>(),
                ByteSize(status.series.bytes_on_disk)
            ),
        ),
        ("journal", ByteSize(status.journal_bytes).to_string()),
        ("disk free", ByteSize(status.disk_free_bytes).to_string()),
        ("memory", ByteSize(status.memory_bytes).to_string()),
        (
            "paging",
            format!(
                "{} rules, {} firing, {} queued, {} undeliverable, evaluated {} ago",
                paging.rules,
                paging.firing,
                paging.queued,
                paging.undeliverable,
                duration(paging.evaluated_secs_ago)
            ),
        ),
    ];
    let mut text: String = facts.iter().map(|(label, value)| format!("{label:<14}{value}\n")).collect();
    for refused in &status.series.refused_metrics {
        text.push_str(&format!(
            "{} metric `{}` is at its limit of {} series: label `{}` has {} values\n",
            style::yellow("notice:"),
            refused.metric,
            refused.limit,
            refused.label,
            refused.label_values
        ));
    }
    for source in clocks.iter().flat_map(|clocks| &clocks.worst).take(CLOCKS_SHOWN) {
        let by = duration(source.ahead_secs.abs());
        let how = if source.ahead_secs > 0.0 {
            format!("has a clock that is {by} ahead")
        } else {
            format!("sends stamps that are {by} old: its clock is behind, or it sends late")
        };
        let names = [&source.service, &source.place];
        let names: Vec<&str> =
            names.into_iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        text.push_str(&format!("{} {} {how}\n", style::yellow("notice:"), one_line(&names.join(" on "))));
    }
    for notice in &status.notices {
        text.push_str(&format!("{} {notice}\n", style::yellow("notice:")));
    }
    for damage in &status.damage {
        text.push_str(&format!("{} {damage}\n", style::red("damaged:")));
    }
    text + "\n" + &datasets(&status.storage).render()
}

fn datasets(storage: &[DatasetStatus]) -> Table {
    let mut table =
        Table::new(["dataset", "rows", "hot", "segments", "on disk", "columns", "oldest", "newest"])
            .right(&[1, 2, 3, 4, 5]);
    for dataset in storage {
        table.row([
            dataset.dataset.clone(),
            dataset.rows.to_string(),
            dataset.hot_rows.to_string(),
            dataset.segments.to_string(),
            ByteSize(dataset.bytes_on_disk).to_string(),
            dataset.columns.to_string(),
            dataset.oldest.as_deref().map(short_time).unwrap_or_default(),
            dataset.newest.as_deref().map(short_time).unwrap_or_default(),
        ]);
    }
    table
}
