//! Learning: figures over a time, postmortems, the weekly meeting, the takeover of a service.

use clap::{Args, Subcommand};
use nines_api::{
    MeetingResponse, Postmortem, PostmortemsResponse, ReportPreview, ReviewReportsResponse, ReviewResponse,
    Sheet,
};

use super::{Session, duration, percent, short_time};
use crate::exit::Code;
use crate::instant;
use crate::output::style;
use crate::table::{Table, one_line};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nines review figures --start 30d
  nines review figures --start 90d --csv > review.csv
  nines review week
  nines review postmortem INC-2026-0042 --markdown > INC-2026-0042.md
  nines review close INC-2026-0042
  nines review takeover checkout
  nines review reports
  nines review send weekly --dry-run")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How incidents were handled: times, updates in time, calls by person, toil; drills apart
    Figures {
        /// RFC 3339, or how long ago [default: 30d]
        #[arg(long, value_parser = instant::argument, value_name = "TIME")]
        start: Option<String>,
        #[arg(long, value_parser = instant::argument, value_name = "TIME")]
        end: Option<String>,
        /// As CSV
        #[arg(long)]
        csv: bool,
    },
    /// The weekly meeting: the week in figures, the promises, what is carried over
    Week {
        /// Such as 2026-W47
        #[arg(default_value = "now")]
        week: String,
    },
    /// Postmortems: which are due, which are overdue
    Postmortems,
    /// One postmortem
    Postmortem {
        /// Such as INC-2026-0042
        id: String,
        /// As one document
        #[arg(long)]
        markdown: bool,
    },
    /// Begin a postmortem of an incident that need not have one
    Draft {
        /// Such as INC-2026-0042
        id: String,
    },
    /// Close a postmortem; it needs a long-term measure with an owner and a day
    Close {
        /// Such as INC-2026-0042
        id: String,
    },
    /// The twelve steps of taking over a service, with what the node knows
    Takeover { service: String },
    /// Reviews that go out by mail: when next, to whom, and where the newest one is
    Reports,
    /// Send the review of the time that ended last by mail; once for each time and reader
    Send {
        /// As its document is called
        report: String,
        /// Show it and send nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let client = &session.client;
    match arguments.command {
        Command::Figures { start, end, csv: true } => {
            print!("{}", client.review_csv(start.as_deref(), end.as_deref()).await?);
        }
        Command::Figures { start, end, csv: false } => {
            session.output.print_text(&client.review(start.as_deref(), end.as_deref()).await?, figures)?;
        }
        Command::Week { week } => session.output.print_text(&client.meeting(&week).await?, meeting)?,
        Command::Postmortems => session.output.print(&client.postmortems().await?, list)?,
        Command::Postmortem { id, markdown: true } => print!("{}", client.postmortem_markdown(&id).await?),
        Command::Postmortem { id, markdown: false } => {
            session.output.print_text(&client.postmortem(&id).await?, show)?;
        }
        Command::Draft { id } => {
            session.output.print_text(&client.step_postmortem(&id, "draft", 0).await?, show)?;
        }
        Command::Close { id } => {
            let version = client.postmortem(&id).await?.version;
            session.output.print_text(&client.step_postmortem(&id, "close", version).await?, show)?;
        }
        Command::Takeover { service } => {
            session.output.print_text(&client.takeover(&service).await?, sheet)?
        }
        Command::Reports => session.output.print(&client.review_reports().await?, reports)?,
        Command::Send { report, dry_run } => {
            let sent = client.send_review_report(&report, dry_run).await?;
            session.output.print_text(&sent, |it| report_text(it, dry_run))?;
        }
    }
    Ok(Code::Ok)
}

fn figures(review: &ReviewResponse) -> String {
    let time = |secs: Option<f64>| secs.map(duration).unwrap_or_else(|| "–".to_owned());
    let share = |share: Option<f64>| share.map(percent).unwrap_or_else(|| "–".to_owned());
    let mut text = format!("{} to {}\n", short_time(&review.start), short_time(&review.end));
    let mut fact = |name: &str, value: String| text.push_str(&format!("{name:<26}{value}\n"));
    fact("incidents", format!("{} (P0 {}, P1 {}, P2 {})", review.incidents, review.p0, review.p1, review.p2));
    for (name, mean, median) in [
        ("time to detect", review.mean.mttd_secs, review.median.mttd_secs),
        ("time to acknowledge", review.mean.mtta_secs, review.median.mtta_secs),
        ("time to resolve", review.mean.mttr_secs, review.median.mttr_secs),
    ] {
        fact(name, format!("mean {}, median {}", time(mean), time(median)));
    }
    fact("updates in time", share(review.on_time_rate));
    fact(
        "closed by the first line",
        format!("{} of {} that escalated", share(review.first_line_share), review.escalated),
    );
    fact("toil", format!("{} ({})", share(review.toil_share), duration(review.toil_secs)));
    fact(
        "postmortems",
        format!(
            "{} due, {} closed, {} overdue",
            review.postmortems_due,
            review.postmortems_closed,
            review.postmortems_overdue.len()
        ),
    );
    fact("open measures", format!("{}, {} overdue", review.measures.len(), review.measures_overdue));
    for load in &review.load {
        let each = load.calls_per_shift.map(|it| format!(", {it:.1} a shift")).unwrap_or_default();
        fact(
            &one_line(&load.person),
            format!("{} calls{each}, {} in hand", load.calls, duration(load.in_hand_secs)),
        );
    }
    for drill in &review.drills {
        fact(
            &format!("drill {}", drill.incident),
            format!("recovered in {}, lost {}", time(drill.recovery_secs), time(drill.data_lost_secs)),
        );
    }
    text
}

fn meeting(meeting: &MeetingResponse) -> String {
    let mut text =
        format!("{}\n{}", style::bold(&format!("week {}", meeting.week)), figures(&meeting.review));
    text.push_str(&format!(
        "{:<26}{} urgent, {} other\n",
        "alerts", meeting.alerts_urgent, meeting.alerts_other
    ));
    text.push_str(&format!("\n{}\n", style::bold("promises")));
    for promise in &meeting.promises {
        text.push_str(&format!("- {}\n", one_line(promise)));
    }
    text.push_str(&format!("\n{}\n", style::bold("carried over")));
    for it in &meeting.review.measures {
        let due = it.due.as_deref().unwrap_or("no day");
        let due = if it.overdue { style::red(&format!("{due} overdue")) } else { due.to_owned() };
        let (origin, owner) =
            (it.origin.as_deref().unwrap_or_default(), it.owner.as_deref().unwrap_or("nobody"));
        text.push_str(&format!("- {due} {} {}: {}\n", one_line(owner), one_line(origin), one_line(&it.text)));
    }
    text.push('\n');
    text.push_str(&sheet(&meeting.sheet));
    text
}

fn sheet(sheet: &Sheet) -> String {
    let mut text = String::new();
    for point in &sheet.points {
        let tick = if point.done { "x" } else { " " };
        text.push_str(&format!("[{tick}] {}\n", style::bold(&point.name.replace('_', " "))));
        for fact in &point.facts {
            text.push_str(&format!("    · {}\n", one_line(fact)));
        }
        for line in point.text.lines() {
            text.push_str(&format!("    {}\n", one_line(line)));
        }
    }
    text
}

fn reports(answer: &ReviewReportsResponse) -> Table {
    let mut table = Table::new(["report", "every", "next", "newest", "mails", "to"]);
    for it in &answer.reports {
        let sent: Vec<String> = it.sent.iter().map(|one| format!("{} {}", one.channel, one.state)).collect();
        let to = it.channels.iter().chain(&it.problems).map(|text| one_line(text)).collect::<Vec<_>>();
        table.row([
            it.name.clone(),
            format!("{}, {}", it.every, it.time_zone),
            short_time(&it.next_at),
            it.period.clone(),
            if sent.is_empty() { "not sent".to_owned() } else { sent.join(", ") },
            to.join(", "),
        ]);
    }
    table
}

fn report_text(it: &ReportPreview, dry_run: bool) -> String {
    let to = if it.channels.is_empty() { "nobody".to_owned() } else { it.channels.join(", ") };
    let mut text = format!("{}\nto {to}\n", style::bold(&one_line(&it.subject)));
    for problem in &it.problems {
        text.push_str(&format!("{}\n", style::yellow(&one_line(problem))));
    }
    text.push('\n');
    for line in it.text.lines() {
        text.push_str(&format!("{}\n", one_line(line)));
    }
    let what = match (dry_run, it.queued) {
        (true, _) => "nothing is sent: this was a dry run".to_owned(),
        (false, 0) => format!("nothing is sent: {} went out before, or nobody gets it", it.period),
        (false, 1) => "1 mail is in the outbox".to_owned(),
        (false, queued) => format!("{queued} mails are in the outbox"),
    };
    text + "\n" + &what + "\n"
}

fn list(answer: &PostmortemsResponse) -> Table {
    let mut table = Table::new(["incident", "level", "state", "due", "owner", "open measures", "what"]);
    for it in &answer.postmortems {
        let due = it.due.clone().unwrap_or_default();
        table.row([
            it.incident.clone(),
            it.level.clone(),
            if it.state == "closed" { style::green("closed") } else { style::yellow("draft") },
            if it.overdue { style::red(&format!("{due} overdue")) } else { due },
            it.owner.clone().unwrap_or_default(),
            it.measures_open.to_string(),
            it.title.clone(),
        ]);
    }
    table
}

fn show(postmortem: &Postmortem) -> String {
    let it = &postmortem.summary;
    let mut text =
        format!("{}  {}  {}\n", style::bold(&format!("{} {}", it.incident, it.title)), it.level, it.state);
    for (section, written) in &postmortem.sections {
        text.push_str(&format!("\n{}\n", style::bold(&section.replace('_', " "))));
        for line in written.lines() {
            text.push_str(&format!("  {}\n", one_line(line)));
        }
    }
    for measure in &postmortem.measures {
        let tick = if measure.done { "x" } else { " " };
        let owner = measure.owner.as_deref().unwrap_or("nobody");
        let due = measure.due.as_deref().unwrap_or("no day");
        text.push_str(&format!(
            "[{tick}] {} {} {}: {}\n",
            measure.kind,
            due,
            one_line(owner),
            one_line(&measure.text)
        ));
    }
    for missing in &postmortem.missing {
        text.push_str(&format!("{} {missing}\n", style::yellow("missing:")));
    }
    text
}
