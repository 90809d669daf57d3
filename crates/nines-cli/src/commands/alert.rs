use clap::{Args, Subcommand};
use nines_api::{
    Alert, AlertRequest, AlertsResponse, IntakeResponse, SilenceRequest, SilenceResponse, SilencesResponse,
};

use super::{Session, duration, percent, short_time};
use crate::exit::Code;
use crate::instant;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines alert send 'disk is full' --service db --level P2\n  nines alert list --state firing\n  nines alert silence 'service.name: db' --until 2h --reason 'new disks'"
)]
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
    /// Send an alert; a title is enough
    Send(Send),
    /// Do not tell of what a filter matches, until a time; without a filter, list the silences
    Silence(Silence),
    /// One alert: what it says and where its pages are
    Show {
        /// Id of the alert
        id: String,
    },
}

#[derive(Debug, Args)]
struct Send {
    /// One line for people
    title: String,
    /// P0, P1 or P2 [default: P1]
    #[arg(long)]
    level: Option<String>,
    /// Impacted service
    #[arg(long)]
    service: Option<String>,
    /// Alerts with the same key are one [default: those with the same labels, or the same title]
    #[arg(long, value_name = "KEY")]
    dedup_key: Option<String>,
    /// What else is known, as NAME=VALUE
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// It is over
    #[arg(long)]
    resolved: bool,
}

#[derive(Debug, Args)]
struct Silence {
    /// Such as `service.name: db and host: db-*`
    filter: Option<String>,
    /// When it ends: RFC 3339, or how long from now
    #[arg(long, value_name = "TIME", value_parser = instant::ahead, requires = "filter")]
    until: Option<String>,
    /// Whoever finds it will ask
    #[arg(long, default_value = "", requires = "filter")]
    reason: String,
    /// Only say what it would hold back
    #[arg(long, requires = "filter")]
    preview: bool,
    /// End the silence of this id
    #[arg(long, value_name = "ID", conflicts_with = "filter")]
    end: Option<String>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    match arguments.command {
        Command::List { state, slo } => {
            session.output.print(&session.client.alerts(state.as_deref(), slo.as_deref()).await?, list)?;
        }
        Command::Send(send) => {
            let answer = session.client.send_alert(&send.request()?).await?;
            session.output.print(&answer, receipts)?;
        }
        Command::Silence(silence) => return silence.run(session).await,
        Command::Show { id } => session.output.print_text(&session.client.alert(&id).await?, show)?,
    }
    Ok(Code::Ok)
}

impl Send {
    fn request(self) -> anyhow::Result<AlertRequest> {
        let mut labels = std::collections::BTreeMap::new();
        for label in &self.labels {
            let Some((name, value)) = label.split_once('=') else {
                anyhow::bail!("`{label}` is no label: write it as NAME=VALUE");
            };
            labels.insert(name.trim().to_owned(), value.to_owned());
        }
        Ok(AlertRequest {
            title: self.title,
            status: self.resolved.then(|| "resolved".to_owned()),
            level: self.level,
            service: self.service,
            dedup_key: self.dedup_key,
            labels,
            ..AlertRequest::default()
        })
    }
}

impl Silence {
    async fn run(self, session: &Session) -> anyhow::Result<Code> {
        if let Some(id) = &self.end {
            session.client.end_silence(id).await?;
            eprintln!("ended {id}");
            return Ok(Code::Ok);
        }
        let Some(filter) = self.filter else {
            session.output.print(&session.client.silences().await?, silences)?;
            return Ok(Code::Ok);
        };
        let Some(end) = self.until else {
            anyhow::bail!("say when it ends, such as `--until 2h`: nothing is silent for ever");
        };
        let request = SilenceRequest { filter, start: None, end, reason: self.reason };
        let answer = session.client.silence(&request, self.preview).await?;
        session.output.print_text(&answer, silenced)?;
        Ok(Code::Ok)
    }
}

fn receipts(answer: &IntakeResponse) -> Table {
    let mut table = Table::new(["fingerprint", "became", "group", "incident", "nobody is told because"]);
    for receipt in &answer.alerts {
        table.row([
            receipt.fingerprint.clone(),
            receipt.received.replace('_', " "),
            receipt.group.clone(),
            receipt.incident.clone().unwrap_or_default(),
            receipt.suppressed.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn silences(answer: &SilencesResponse) -> Table {
    let mut table = Table::new(["id", "state", "until", "by", "filter", "reason"]);
    for silence in &answer.silences {
        table.row([
            silence.id.clone(),
            silence.state.clone(),
            short_time(&silence.end),
            silence.author.clone(),
            silence.filter.clone(),
            silence.reason.clone(),
        ]);
    }
    table
}

fn silenced(answer: &SilenceResponse) -> String {
    let (silence, preview) = (&answer.silence, &answer.preview);
    let begun = if answer.dry_run { "would hold back" } else { "holds back" };
    let mut text = format!(
        "{begun} {} of {} open alerts until {}\n",
        preview.matching,
        preview.of,
        short_time(&silence.end)
    );
    if !answer.dry_run {
        text = format!("id {}\n{text}", silence.id);
    }
    for title in &preview.titles {
        text.push_str(&format!("  {title}\n"));
    }
    text
}

/// Alerts of promises first, then those of other systems under their fingerprints.
fn list(answer: &AlertsResponse) -> Table {
    let mut table = Table::new(["id", "state", "level", "promise", "detected", "incident", "what"]);
    let foreign = answer.foreign.iter().map(|alert| {
        let what = match &alert.suppressed {
            Some(why) => format!("{} (nobody is told: {why})", alert.title),
            None if alert.count > 1 => format!("{} (arrived {} times)", alert.title, alert.count),
            None => alert.title.clone(),
        };
        [
            alert.fingerprint.clone(),
            state(&alert.state),
            alert.level.clone(),
            format!("from {}", alert.source),
            short_time(&alert.first_at),
            alert.incident.clone().unwrap_or_default(),
            what,
        ]
    });
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
    for row in foreign {
        table.row(row);
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
