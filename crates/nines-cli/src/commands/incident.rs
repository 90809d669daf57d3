use clap::{Args, Subcommand};
use nines_api::{Incident, IncidentDetail, IncidentsResponse, ReportRequest, ReportResponse, StepRequest};

use super::{Session, duration, percent, short_time};
use crate::exit::Code;
use crate::instant;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nines incident report --level P1 --class S2 --service checkout --scope 'all buyers in Berlin' \\
    --status 'payment page does not load' --started-at 10m --progress 'looking at the last deploy'
  nines incident ack INC-2026-0042
  nines incident update INC-2026-0042 'rolled back, watching' --progress 'rollback done'
  nines incident resolve INC-2026-0042")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Incidents, open ones first
    List {
        /// reported, confirmed, responding, mitigated, resolved, reviewed, cancelled or merged
        #[arg(long)]
        state: Option<String>,
    },
    /// One incident: its clock, its marks, its timeline
    Show {
        /// Such as INC-2026-0042
        id: String,
    },
    /// Report an incident with the six fields
    Report(Report),
    /// Say that you are on it
    #[command(alias = "acknowledge")]
    Ack(Step),
    /// Confirm the level, and the class if it changes
    Confirm(Confirm),
    /// Name the commander
    Assign(Assign),
    /// Tell what is new; sets the clock for the next update
    Update(Update),
    /// Add a note to the timeline
    Note(Note),
    /// Users are no longer hit
    Mitigate(Step),
    /// Users are hit again
    Relapse(Step),
    /// It is over
    Resolve(Step),
    /// The review is done
    Review(Step),
    /// It was none
    Cancel(Note),
    /// It is not over
    Reopen(Step),
    /// Draft a text for the public; it is published when public relations and a manager have approved it
    State(Note),
    /// Approve a text for the public
    Approve(Approve),
}

#[derive(Debug, Args)]
struct Report {
    /// P0, P1 or P2: preliminary; if unsure, the higher one
    #[arg(long)]
    level: String,
    /// S1 customer complaint, S2 found by monitoring, S3 routine change, P4 internal work
    #[arg(long)]
    class: String,
    /// Impacted service
    #[arg(long)]
    service: String,
    /// Who and where is hit
    #[arg(long)]
    scope: String,
    /// What is seen now
    #[arg(long)]
    status: String,
    /// When it began: RFC 3339, or how long ago
    #[arg(long, value_parser = instant::argument, value_name = "TIME", allow_hyphen_values = true)]
    started_at: String,
    /// How far the handling is
    #[arg(long)]
    progress: String,
    /// When the next update comes [default: by the level, 10, 20 or 60 minutes from now]
    #[arg(long, value_parser = instant::argument, value_name = "TIME")]
    next_update_at: Option<String>,
    /// A title [default: made from service and status]
    #[arg(long)]
    title: Option<String>,
    /// An exercise: real clock and timeline, left out of statistics
    #[arg(long)]
    drill: bool,
}

#[derive(Debug, Args)]
struct Step {
    /// Such as INC-2026-0042
    id: String,
    /// For the timeline
    text: Option<String>,
}

#[derive(Debug, Args)]
struct Note {
    /// Such as INC-2026-0042
    id: String,
    /// For the timeline
    text: String,
}

#[derive(Debug, Args)]
struct Confirm {
    /// Such as INC-2026-0042
    id: String,
    /// P0, P1 or P2
    #[arg(long)]
    level: String,
    /// S1, S2, S3 or P4
    #[arg(long)]
    class: Option<String>,
    /// For the timeline
    text: Option<String>,
}

#[derive(Debug, Args)]
struct Assign {
    /// Such as INC-2026-0042
    id: String,
    /// Who leads
    commander: String,
}

#[derive(Debug, Args)]
struct Approve {
    /// Such as INC-2026-0042
    id: String,
    /// The number of the statement
    number: u32,
    /// public_relations, or manager (an administrator, and somebody else)
    #[arg(long = "as")]
    role: String,
}

#[derive(Debug, Args)]
struct Update {
    /// Such as INC-2026-0042
    id: String,
    /// What is new
    text: String,
    /// Who and where is hit, if that changed
    #[arg(long)]
    scope: Option<String>,
    /// What is seen now, if that changed
    #[arg(long)]
    status: Option<String>,
    /// How far the handling is, if that changed
    #[arg(long)]
    progress: Option<String>,
    /// When the next update comes [default: by the level]
    #[arg(long, value_parser = instant::argument, value_name = "TIME")]
    next_update_at: Option<String>,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let with_text = |text: Option<String>| StepRequest { text, ..StepRequest::default() };
    let (id, step, request) = match arguments.command {
        Command::List { state } => {
            session.output.print(&session.client.incidents(state.as_deref()).await?, list)?;
            return Ok(Code::Ok);
        }
        Command::Show { id } => {
            session.output.print_text(&session.client.incident(&id).await?, show)?;
            return Ok(Code::Ok);
        }
        Command::Report(report) => {
            let answer = session.client.report_incident(&report.into()).await?;
            session.output.print_text(&answer, reported)?;
            return Ok(Code::Ok);
        }
        Command::Ack(step) => (step.id, "acknowledge", with_text(step.text)),
        Command::Confirm(it) => {
            let request = StepRequest { level: Some(it.level), class: it.class, ..with_text(it.text) };
            (it.id, "confirm", request)
        }
        Command::Assign(it) => {
            (it.id, "assign", StepRequest { commander: Some(it.commander), ..StepRequest::default() })
        }
        Command::Update(it) => {
            let request = StepRequest {
                scope: it.scope,
                status: it.status,
                progress: it.progress,
                next_update_at: it.next_update_at,
                ..with_text(Some(it.text))
            };
            (it.id, "update", request)
        }
        Command::Note(note) => (note.id, "note", with_text(Some(note.text))),
        Command::Mitigate(step) => (step.id, "mitigate", with_text(step.text)),
        Command::Relapse(step) => (step.id, "relapse", with_text(step.text)),
        Command::Resolve(step) => (step.id, "resolve", with_text(step.text)),
        Command::Review(step) => (step.id, "review", with_text(step.text)),
        Command::Cancel(note) => (note.id, "cancel", with_text(Some(note.text))),
        Command::State(it) => {
            session.output.print_text(&session.client.draft_statement(&it.id, &it.text).await?, statement)?;
            return Ok(Code::Ok);
        }
        Command::Approve(it) => {
            let approved = session.client.approve_statement(&it.id, it.number, &it.role).await?;
            session.output.print_text(&approved, statement)?;
            return Ok(Code::Ok);
        }
        Command::Reopen(step) => (step.id, "reopen", with_text(step.text)),
    };
    let incident = session.client.step_incident(&id, step, &request).await?;
    session.output.print_text(&incident, stepped)?;
    Ok(Code::Ok)
}

impl From<Report> for ReportRequest {
    fn from(report: Report) -> Self {
        Self {
            level: report.level,
            class: report.class,
            service: report.service,
            scope: report.scope,
            status: report.status,
            started_at: report.started_at,
            progress: report.progress,
            next_update_at: report.next_update_at,
            title: report.title,
            is_drill: report.drill,
        }
    }
}

fn reported(answer: &ReportResponse) -> String {
    format!("id              {}\nnext_update_at  {}\n", answer.id, answer.next_update_at)
}

fn statement(it: &nines_api::Statement) -> String {
    let approved: Vec<String> = it.approvals.iter().map(|by| format!("{} ({})", by.by, by.role)).collect();
    match &it.published_at {
        Some(at) => format!("statement {} published {}\n", it.number, short_time(at)),
        None => format!("statement {} waits; approved by: {}\n", it.number, approved.join(", ")),
    }
}

fn stepped(incident: &Incident) -> String {
    let clock = match &incident.clock.next_update_at {
        Some(at) => format!(", next update by {}", short_time(at)),
        None => String::new(),
    };
    format!("{} {} {}{clock}\n", incident.id, incident.level, state(&incident.state))
}

fn list(answer: &IncidentsResponse) -> Table {
    let mut table =
        Table::new(["id", "level", "class", "state", "service", "started", "next update", "what"]);
    for incident in &answer.incidents {
        table.row([
            incident.id.clone(),
            incident.level.clone(),
            incident.class.clone(),
            state(&incident.state),
            incident.service.clone(),
            short_time(&incident.started_at),
            next_update(incident),
            incident.title.clone(),
        ]);
    }
    table
}

fn next_update(incident: &Incident) -> String {
    let at = incident.clock.next_update_at.as_deref().map(short_time).unwrap_or_default();
    if incident.clock.overdue { style::red(&format!("{at} overdue")) } else { at }
}

fn state(state: &str) -> String {
    match state {
        "reported" | "confirmed" | "responding" => style::red(state),
        "mitigated" => style::yellow(state),
        "resolved" | "reviewed" => style::green(state),
        other => style::dim(other),
    }
}

fn show(detail: &IncidentDetail) -> String {
    let incident = &detail.incident;
    let heading = format!("{} {}", incident.id, incident.title);
    let mut text = format!("{}  {}  {}\n", style::bold(&heading), incident.level, state(&incident.state));
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<14}{value}\n"));
        }
    };
    fact("service", &incident.service);
    fact("scope", &incident.scope);
    fact("status", &incident.status);
    fact("progress", &incident.progress);
    fact("class", &incident.class);
    let confirmed = match (&incident.confirmed_level, &incident.confirmed_by) {
        (Some(level), Some(by)) => format!("{level} by {by} (was {})", incident.preliminary_level),
        _ => format!("not yet (preliminary {})", incident.preliminary_level),
    };
    fact("confirmed", &confirmed);
    fact("commander", incident.commander.as_deref().unwrap_or_default());
    fact("started", &short_time(&incident.started_at));
    fact("next update", &next_update(incident));
    fact("updates", &format!("{}, of which late {}", incident.clock.updates, incident.clock.late_updates));
    let times = &incident.times;
    let time = |secs: Option<f64>| secs.map(duration).unwrap_or_else(|| "–".to_owned());
    fact(
        "times",
        &format!(
            "detected in {}, acknowledged in {}, resolved in {}",
            time(times.mttd_secs),
            time(times.mtta_secs),
            time(times.mttr_secs)
        ),
    );
    for slo in &detail.slos {
        let sli = slo.sli.map(percent).unwrap_or_else(|| slo.measurement.clone());
        fact("promise", &format!("{}: {sli} of {}", slo.name, percent(slo.target)));
    }
    text.push('\n');
    for entry in &detail.timeline {
        let who = format!("{:<10}", crate::table::one_line(&entry.actor));
        let what = crate::table::one_line(&entry.text);
        text.push_str(&format!(
            "{} {} {:<15} {what}\n",
            style::dim(&short_time(&entry.at)),
            style::cyan(&who),
            entry.kind
        ));
    }
    if !detail.draft_update.is_empty() {
        text.push_str(&format!("\n{}\n{}\n", style::bold("draft of the next update"), detail.draft_update));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments as All, Command as Any};
    use clap::FromArgMatches;

    fn parsed(line: &[&str]) -> Result<Command, clap::Error> {
        let matches = crate::help::command().try_get_matches_from([&["nines", "incident"], line].concat())?;
        match All::from_arg_matches(&matches)?.command {
            Any::Incident(incident) => Ok(incident.command),
            _ => panic!("another command"),
        }
    }

    const REPORT: [&str; 15] = [
        "report",
        "--level",
        "P1",
        "--class",
        "S2",
        "--service",
        "checkout",
        "--scope",
        "all buyers",
        "--status",
        "page does not load",
        "--started-at",
        "2026-11-21T16:30:00+08:00",
        "--progress",
        "looking",
    ];

    #[test]
    fn a_report_is_the_six_fields() {
        let Ok(Command::Report(report)) = parsed(&REPORT) else { panic!("not a report") };
        let request = ReportRequest::from(report);
        assert_eq!((request.level.as_str(), request.class.as_str()), ("P1", "S2"));
        assert_eq!((request.service.as_str(), request.scope.as_str()), ("checkout", "all buyers"));
        assert_eq!((request.status.as_str(), request.progress.as_str()), ("page does not load", "looking"));
        assert_eq!(request.started_at, "2026-11-21T08:30:00Z");
        assert_eq!(request.next_update_at, None);
    }

    #[test]
    fn a_report_without_one_of_its_fields_is_refused() {
        for missing in (1..REPORT.len()).step_by(2) {
            let mut line = REPORT.to_vec();
            let removed: Vec<_> = line.drain(missing..missing + 2).collect();
            let error = parsed(&line).err().unwrap_or_else(|| panic!("taken without {removed:?}"));
            assert_eq!(error.kind(), clap::error::ErrorKind::MissingRequiredArgument, "{removed:?}");
        }
    }

    #[test]
    fn steps_take_what_they_need() {
        assert!(matches!(parsed(&["ack", "INC-2026-0001"]), Ok(Command::Ack(Step { text: None, .. }))));
        assert!(matches!(
            parsed(&["acknowledge", "INC-2026-0001", "on it"]),
            Ok(Command::Ack(Step { text: Some(_), .. }))
        ));
        assert!(matches!(parsed(&["confirm", "INC-2026-0001", "--level", "P0"]), Ok(Command::Confirm(_))));
        assert!(parsed(&["confirm", "INC-2026-0001"]).is_err());
        assert!(parsed(&["note", "INC-2026-0001"]).is_err());
        assert!(parsed(&["resolve"]).is_err());
    }
}
