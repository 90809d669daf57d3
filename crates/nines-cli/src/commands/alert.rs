use clap::{Args, Subcommand};
use nines_api::{Alert, AlertsResponse};

use super::{Session, duration, percent, short_time};
use crate::exit::Code;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nines alert list --state firing\n  nines alert show 0199…")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Alerts, firing first
    List {
        /// pending, firing or resolved
        #[arg(long)]
        state: Option<String>,
        /// Only of this promise
        #[arg(long)]
        slo: Option<String>,
    },
    /// One alert: what it says and where its pages are
    Show {
        /// Id of the alert
        id: String,
    },
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    match arguments.command {
        Command::List { state, slo } => {
            session.output.print(&session.client.alerts(state.as_deref(), slo.as_deref()).await?, list)?;
        }
        Command::Show { id } => session.output.print_text(&session.client.alert(&id).await?, show)?,
    }
    Ok(Code::Ok)
}

fn list(answer: &AlertsResponse) -> Table {
    let mut table = Table::new(["id", "state", "level", "promise", "detected", "incident", "what"]);
    for alert in &answer.alerts {
        table.row([
            alert.id.clone(),
            state(&alert.state),
            alert.message.severity.clone(),
            alert.slo.clone(),
            short_time(&alert.detected_at),
            alert.incident_id.clone().unwrap_or_default(),
            alert.message.title.clone(),
        ]);
    }
    table
}

fn state(state: &str) -> String {
    match state {
        "firing" => style::red(state),
        "pending" => style::yellow(state),
        "resolved" => style::green(state),
        other => other.to_owned(),
    }
}

/// The seven fields, what stands behind them, and the pages.
fn show(alert: &Alert) -> String {
    let message = &alert.message;
    let mut text =
        format!("{}  {}  {}\n", style::bold(&message.title), message.severity, state(&alert.state));
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<14}{value}\n"));
        }
    };
    fact("impact", &message.explanation);
    fact("observed", &message.observed);
    fact("ideal", &message.ideal);
    fact("why", &alert.reason);
    for item in &message.context {
        fact(&item.label, &item.value);
    }
    if let Some(users) = message.users_hit {
        fact("users hit", &users.to_string());
    }
    if let Some(secs) = message.exhausted_in_secs {
        fact("budget gone in", &duration(secs));
    }
    for suspect in &message.suspects {
        fact(
            "suspect",
            &format!(
                "{} = {}: {} of the bad events ({} of all), fails {} of the time",
                suspect.field,
                suspect.value,
                percent(suspect.share_of_bad),
                percent(suspect.share_of_total),
                percent(suspect.rate),
            ),
        );
    }
    if let Some(change) = &message.last_change {
        let by = change.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        fact("last change", &format!("{} {}{by}", short_time(&change.at), change.title));
        fact("undo", change.undo.as_deref().unwrap_or_default());
    }
    for link in &message.links {
        fact(&link.rel, &link.url);
    }
    for missing in &message.incomplete {
        fact("not filled", missing);
    }
    fact("started", &short_time(&alert.started_at));
    fact("detected", &short_time(&alert.detected_at));
    fact("resolved", &alert.resolved_at.as_deref().map(short_time).unwrap_or_default());
    fact("incident", alert.incident_id.as_deref().unwrap_or_default());
    text.push('\n');
    text + &pages(alert).render()
}

fn pages(alert: &Alert) -> Table {
    let mut table =
        Table::new(["page", "purpose", "channel", "state", "attempts", "delivered", "last error"])
            .right(&[4]);
    for page in &alert.pages {
        table.row([
            page.id.clone(),
            page.purpose.clone(),
            format!("{} ({})", page.channel, page.channel_type),
            page.state.clone(),
            page.attempts.to_string(),
            page.delivered_at.as_deref().map(short_time).unwrap_or_default(),
            page.last_error.clone().unwrap_or_default(),
        ]);
    }
    table
}
