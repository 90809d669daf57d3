//! Limits of telemetry: how much is kept, who sends how much, and what waits to be deleted.

use clap::{Args, Subcommand};
use nines_api::{ConfirmLimitsRequest, KeptLimit, LimitsResponse, ScopeStatus};
use nines_base::ByteSize;
use serde::Serialize;

use super::Session;
use crate::exit::Code;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines limits                                   what holds, who sends how much, what waits\n  nines limits confirm \"retention of logs\"       delete what that limit wants deleted\n\nLimits are set by documents: kind TelemetryLimits."
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Delete what a limit wants deleted, however much it is
    Confirm {
        /// As `nines limits` names it
        #[arg(required = true, value_name = "LIMIT")]
        limits: Vec<String>,
    },
}

/// What the command prints.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    kept: LimitsResponse,
    scopes: Vec<ScopeStatus>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let kept = match arguments.command {
        None => session.client.limits().await?,
        Some(Command::Confirm { limits }) => {
            session.client.confirm_limits(&ConfirmLimitsRequest { limits }).await?
        }
    };
    let scopes = session.client.status().await?.ingest.scopes;
    session.output.print_text(&Report { kept, scopes }, text)?;
    Ok(Code::Ok)
}

fn text(report: &Report) -> String {
    let mut text = kept(&report.kept.limits).render();
    if !report.scopes.is_empty() {
        text.push_str(&format!("\n{}", sent(&report.scopes).render()));
    }
    for removal in &report.kept.removals {
        text.push_str(&format!(
            "\n{} would delete {} rows in {} segments at once ({} of {}), so the former limit stays in force: widen it, or run  nines limits confirm {:?}\n",
            removal.limit,
            removal.rows,
            removal.segments,
            ByteSize(removal.bytes),
            ByteSize(removal.live_bytes),
            removal.limit
        ));
    }
    text
}

fn kept(limits: &[KeptLimit]) -> Table {
    let mut table = Table::new(["limit", "wanted", "in force"]);
    for limit in limits {
        let amount = |amount: Option<u64>| match amount {
            None => "none".to_owned(),
            Some(amount) if limit.unit == "bytes" => ByteSize(amount).to_string(),
            Some(amount) if amount % 86_400 == 0 => format!("{} d", amount / 86_400),
            Some(amount) => format!("{} h", amount as f64 / 3_600.0),
        };
        table.row([limit.limit.clone(), amount(limit.wanted), amount(limit.in_force)]);
    }
    table
}

fn sent(scopes: &[ScopeStatus]) -> Table {
    let mut table =
        Table::new(["who", "events", "sent", "stored", "refused", "events/s", "bytes/s", "stored at most"]);
    for one in scopes {
        let refused: u64 = one.refused.iter().map(|refused| refused.count).sum();
        let bytes =
            |amount: Option<u64>| amount.map_or("–".to_owned(), |bytes| ByteSize(bytes).to_string());
        table.row([
            format!("{} {}", one.scope, one.name).trim().to_owned(),
            one.accepted_events.to_string(),
            ByteSize(one.accepted_bytes).to_string(),
            ByteSize(one.stored_bytes).to_string(),
            if one.is_over { style::red(&refused.to_string()) } else { refused.to_string() },
            one.events_per_second.map_or("–".to_owned(), |rate| rate.to_string()),
            bytes(one.bytes_per_second),
            bytes(one.stored_bytes_max),
        ]);
    }
    table
}
