use clap::{Args, Subcommand};
use nines_api::{
    BrowsersResponse, ImportResponse, OncallResponse, OverridesResponse, ShiftsResponse, SwapRequest,
    TakeRequest,
};

use super::{Session, short_time};
use crate::exit::Code;
use crate::instant;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nines oncall who
  nines oncall shifts shop --end 4w
  nines oncall take shop --start 2026-11-23T01:00:00Z --end 2026-11-24T01:00:00Z --reason 'ann is ill'
  nines oncall import --from pagerduty export.json --dry-run")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Who is on call now, by schedule and team
    Who,
    /// Shifts of a schedule: the next two weeks, unless asked for
    Shifts(Range),
    /// When nobody is on call
    Gaps(Range),
    /// Take a shift over
    Take(Take),
    /// Two people give each other a time
    Swap(Swap),
    /// Schedules and policies from an export of another tool
    Import(Import),
    /// The browsers in which you take notifications; they are registered in themselves
    Browsers(Browsers),
}

#[derive(Debug, Args)]
struct Browsers {
    /// Send one of them a notification, and say what became of it
    #[arg(long, value_name = "ID", conflicts_with = "remove")]
    test: Option<String>,
    /// Take no notifications there any more
    #[arg(long, value_name = "ID")]
    remove: Option<String>,
}

#[derive(Debug, Args)]
struct Range {
    /// Name of the schedule
    schedule: String,
    /// RFC 3339, or how long from now [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant::ahead)]
    start: Option<String>,
    /// RFC 3339, or how long from now
    #[arg(long, value_name = "TIME", value_parser = instant::ahead)]
    end: Option<String>,
}

#[derive(Debug, Args)]
struct Take {
    /// Name of the schedule
    schedule: String,
    /// RFC 3339, or how long from now
    #[arg(long, value_name = "TIME", value_parser = instant::ahead)]
    start: String,
    /// RFC 3339, or how long from now
    #[arg(long, value_name = "TIME", value_parser = instant::ahead)]
    end: String,
    /// Whose [default: whoever is on call then]
    #[arg(long)]
    from: Option<String>,
    /// Who takes it [default: the owner of the key]
    #[arg(long)]
    person: Option<String>,
    /// Shown beside it
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Debug, Args)]
struct Swap {
    /// Name of the schedule
    schedule: String,
    /// One of the two
    first: String,
    /// The time that the first gives, as START/END
    #[arg(value_name = "START/END")]
    gives: String,
    /// The other
    second: String,
    /// The time that the second gives, as START/END
    #[arg(value_name = "START/END")]
    takes: String,
    /// Shown beside it
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Debug, Args)]
struct Import {
    /// grafana, pagerduty or goalert
    #[arg(long)]
    from: String,
    /// The export, as JSON
    file: std::path::PathBuf,
    /// Only say what it would become
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let client = &session.client;
    match arguments.command {
        Command::Who => session.output.print(&client.oncall().await?, who)?,
        Command::Shifts(it) => session.output.print(&it.ask(session).await?, shifts)?,
        Command::Gaps(it) => session.output.print(&it.ask(session).await?, gaps)?,
        Command::Take(it) => {
            let request = TakeRequest {
                start: it.start,
                end: it.end,
                from: it.from,
                person: it.person,
                reason: it.reason,
            };
            session.output.print(&client.take_shift(&it.schedule, &request).await?, overrides)?;
        }
        Command::Swap(it) => {
            let [first, second] = [&it.gives, &it.takes].map(|text| span(text));
            let ((first_start, first_end), (second_start, second_end)) = (first?, second?);
            let request = SwapRequest {
                first: it.first,
                first_start,
                first_end,
                second: it.second,
                second_start,
                second_end,
                reason: it.reason,
            };
            session.output.print(&client.swap_shifts(&it.schedule, &request).await?, overrides)?;
        }
        Command::Browsers(it) => return keep_browsers(it, session).await,
        Command::Import(it) => {
            let export = std::fs::read(&it.file)
                .map_err(|error| anyhow::anyhow!("cannot read {}: {error}", it.file.display()))?;
            session
                .output
                .print_text(&client.import_oncall(&it.from, export, it.dry_run).await?, imported)?;
        }
    }
    Ok(Code::Ok)
}

async fn keep_browsers(it: Browsers, session: &Session) -> anyhow::Result<Code> {
    let client = &session.client;
    if let Some(id) = it.remove {
        client.remove_browser(&id).await?;
    }
    let tested = match it.test {
        Some(id) => Some(client.test_browser(&id).await?),
        None => None,
    };
    session.output.print(&client.browsers().await?, browsers)?;
    Ok(if tested.is_some_and(|tested| tested.failure.is_some()) { Code::Failed } else { Code::Ok })
}

fn browsers(answer: &BrowsersResponse) -> Table {
    let mut table =
        Table::new(["id", "browser", "push service", "registered", "last sent", "what became of it"]);
    for browser in &answer.browsers {
        let outcome = match (&browser.failure, &browser.used_at) {
            (Some(failure), _) => style::red(failure),
            (None, Some(_)) => "taken".to_owned(),
            (None, None) => String::new(),
        };
        table.row([
            browser.id.clone(),
            browser.label.clone(),
            browser.service.clone().unwrap_or_default(),
            short_time(&browser.registered_at),
            browser.used_at.as_deref().map(short_time).unwrap_or_default(),
            outcome,
        ]);
    }
    table
}

impl Range {
    async fn ask(&self, session: &Session) -> anyhow::Result<ShiftsResponse> {
        Ok(session.client.shifts(&self.schedule, self.start.as_deref(), self.end.as_deref()).await?)
    }
}

fn span(text: &str) -> anyhow::Result<(String, String)> {
    let parts =
        text.split_once('/').ok_or_else(|| anyhow::anyhow!("`{text}` is no time: write START/END"))?;
    let part = |text: &str| instant::ahead(text).map_err(|error| anyhow::anyhow!("{error}"));
    Ok((part(parts.0)?, part(parts.1)?))
}

fn people(people: &[String]) -> String {
    if people.is_empty() { style::red("nobody") } else { people.join(", ") }
}

fn who(answer: &OncallResponse) -> Table {
    let mut table = Table::new(["what", "name", "on call", "because", "next", "from"]);
    for team in &answer.teams {
        let because = match &team.policy {
            Some(policy) => format!("first step of policy {policy}"),
            None => "no policy: pages go by the routes".to_owned(),
        };
        let (nobody, none) = (String::new(), String::new());
        table.row(["team".to_owned(), team.name.clone(), people(&team.on_call), because, nobody, none]);
    }
    for schedule in &answer.schedules {
        table.row([
            "schedule".to_owned(),
            schedule.name.clone(),
            people(&schedule.on_call),
            schedule.because.clone(),
            schedule.next_at.as_ref().map(|_| people(&schedule.next)).unwrap_or_default(),
            schedule.next_at.as_deref().map(short_time).unwrap_or_default(),
        ]);
    }
    table
}

fn shifts(answer: &ShiftsResponse) -> Table {
    let mut table = Table::new(["from", "to", "on call", "because"]);
    for shift in &answer.shifts {
        table.row([
            short_time(&shift.start),
            short_time(&shift.end),
            people(&shift.people),
            shift.because.clone(),
        ]);
    }
    table
}

fn gaps(answer: &ShiftsResponse) -> Table {
    let mut table = Table::new(["from", "to"]);
    for gap in &answer.gaps {
        table.row([short_time(&gap.start), short_time(&gap.end)]);
    }
    table
}

fn overrides(answer: &OverridesResponse) -> Table {
    let mut table = Table::new(["id", "from", "to", "on call", "instead of", "reason"]);
    for change in &answer.overrides {
        table.row([
            change.id.clone(),
            short_time(&change.start),
            short_time(&change.end),
            change.people.join(", "),
            change.instead_of.clone().unwrap_or_default(),
            change.reason.clone(),
        ]);
    }
    table
}

fn imported(answer: &ImportResponse) -> String {
    let mut text = String::new();
    for note in &answer.notes {
        let why = if note.why.is_empty() { String::new() } else { format!(": {}", note.why) };
        text.push_str(&format!("{}: {}{why}\n", note.object, note.outcome));
    }
    if answer.dry_run {
        return format!("{}\n{text}", answer.yaml);
    }
    for result in &answer.results {
        text.push_str(&format!("{} {} {}\n", result.kind, result.name, result.outcome));
    }
    text
}
