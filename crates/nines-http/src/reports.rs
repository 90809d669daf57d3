//! Reviews by mail: what a report says, whom it reaches, and how it gets into the outbox.
//!
//! A page's id comes from the report, its period and the channel, so planning a report again plans the same pages, which
//! the outbox has already: a report goes out once for each period, whoever is killed when.

use std::collections::BTreeSet;
use std::time::Duration;

use nines_api as api;
use nines_model::{TimeRange, Timestamp};
use nines_notify::{
    Attachment, ChannelKind, Draft, Event, PageFilter, PageState, Priority, Route, Subject, SubjectKind,
    TargetId, plan_draft,
};
use nines_oncall::report::{Period, ReviewReport};
use nines_oncall::{PersonId, Roster};
use serde_json::json;

use crate::SharedApp;
use crate::handlers::learning::look;
use crate::problem::ApiResult;
use crate::render;

/// Whatever else waits is sent first.
const PRIORITY: Priority = Priority(8);

/// Where a report goes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Readers {
    pub channels: Vec<String>,
    /// Who gets nothing, and why.
    pub problems: Vec<String>,
}

/// By the mail channels of those whom the report names, each once.
pub fn readers(report: &ReviewReport, roster: &Roster, is_mail: &dyn Fn(&str) -> bool) -> Readers {
    let mut readers = Readers::default();
    let mut add = |channels: Vec<String>| {
        for channel in channels {
            if !readers.channels.contains(&channel) {
                readers.channels.push(channel);
            }
        }
    };
    let mut problems = Vec::new();
    for person in &report.people {
        match mail_of(person, roster, is_mail) {
            Some(channel) => add(vec![channel]),
            None => problems.push(format!("{person} has no mail channel, in personal rules or teams")),
        }
    }
    for name in &report.teams {
        match roster.teams.get(name) {
            None => problems.push(format!("there is no team {name}")),
            Some(team) => {
                let found: Vec<String> = team.channels.iter().filter(|it| is_mail(it)).cloned().collect();
                if found.is_empty() {
                    problems.push(format!("team {name} has no mail channel"));
                }
                add(found);
            }
        }
    }
    for channel in &report.channels {
        match is_mail(channel) {
            true => add(vec![channel.clone()]),
            false => problems.push(format!("`{channel}` is no mail channel")),
        }
    }
    readers.problems = problems;
    readers
}

/// The first of their own; of those of their teams, if they have none.
fn mail_of(person: &PersonId, roster: &Roster, is_mail: &dyn Fn(&str) -> bool) -> Option<String> {
    let rules = roster.rules.get(person);
    let own = rules.into_iter().flat_map(|rules| rules.high.iter().chain(&rules.low));
    let own = own.map(|contact| contact.channel.clone()).find(|channel| is_mail(channel));
    own.or_else(|| roster.team_channels(person).into_iter().find(|channel| is_mail(channel)))
}

/// A report as it would go out.
pub async fn preview(
    app: &SharedApp,
    report: &ReviewReport,
    period: &Period,
) -> ApiResult<api::ReportPreview> {
    let now = app.clock.now();
    let review = render::learning::review(&look(app, period.range, now).await?, now);
    let url = format!("{}/reviews", app.public_url);
    let readers = readers_of(app, report);
    Ok(api::ReportPreview {
        report: report.name.clone(),
        period: period.key.clone(),
        start: period.range.start.to_string(),
        end: period.range.end.to_string(),
        due_at: period.due_at.to_string(),
        subject: subject_line(report, period, &review),
        text: text(&review, &days(report, period.range), &url),
        html: html(&review, report, period, &url),
        csv: render::learning::csv(&review),
        channels: readers.channels,
        problems: readers.problems,
        queued: 0,
    })
}

/// Puts it into the outbox. How many pages are new: none if it went out for this period before.
pub async fn queue(app: &SharedApp, report: &ReviewReport, preview: &api::ReportPreview) -> ApiResult<u64> {
    let now = app.clock.now();
    let payload = json!({
        "type": "review.report",
        "timestamp": now.to_string(),
        "data": {"report": report.name, "period": preview.period, "url": format!("{}/reviews", app.public_url)},
    });
    let attachment = Attachment {
        name: format!("{}-{}.csv", report.name, preview.period),
        media_type: "text/csv; charset=utf-8".to_owned(),
        text: preview.csv.clone(),
    };
    let draft = Draft {
        html: preview.html.clone(),
        attachments: vec![attachment],
        ..Draft::plain(preview.subject.clone(), preview.text.clone(), payload)
    };
    let route = |channel: &String| Route {
        target: TargetId(channel.clone()),
        kind: ChannelKind::Email,
        fallback: None,
    };
    let routes: Vec<Route> = preview.channels.iter().map(route).collect();
    let subject = subject(&report.name, &preview.period);
    let pages = plan_draft(&subject, "report", Event::Notice, PRIORITY, &draft, &routes, now);
    Ok(app.outbox.insert(&pages).await?)
}

/// Sends what is due. `done` are the periods that this process knows to be out.
pub async fn send_due(app: &SharedApp, done: &mut BTreeSet<(String, String)>) -> ApiResult<()> {
    let now = app.clock.now();
    let roster = app.oncall.rota.roster();
    done.retain(|(name, _)| roster.reports.contains_key(name));
    for report in roster.reports.values() {
        let period = report.last_due(now);
        let key = (report.name.clone(), period.key.clone());
        if !report.is_due(&period, now) || done.contains(&key) {
            continue;
        }
        let preview = preview(app, report, &period).await?;
        for problem in &preview.problems {
            tracing::warn!(report = report.name, period = period.key, problem, "a reader gets no report");
        }
        let queued = queue(app, report, &preview).await?;
        tracing::info!(report = report.name, period = period.key, queued, "a report is in the outbox");
        done.insert(key);
    }
    Ok(())
}

/// A report with its next time, and where its newest one is.
pub async fn summary(app: &SharedApp, report: &ReviewReport) -> ApiResult<api::ReviewReport> {
    let now = app.clock.now();
    let period = report.last_due(now);
    let filter = PageFilter::of_subject(subject(&report.name, &period.key));
    let pages = app.outbox.pages(&filter).await?;
    let sent = pages.into_iter().map(|page| api::ReportSent {
        channel: page.new.target.to_string(),
        state: page.state.as_str().to_owned(),
        at: page.changed_at.to_string(),
        error: page.detail.filter(|_| page.state != PageState::Delivered),
    });
    let readers = readers_of(app, report);
    Ok(api::ReviewReport {
        name: report.name.clone(),
        every: report.every.as_str().to_owned(),
        time_zone: report.zone.name().to_owned(),
        next_at: report.next_due(now).to_string(),
        period: period.key.clone(),
        due_at: period.due_at.to_string(),
        channels: readers.channels,
        problems: readers.problems,
        sent: sent.collect(),
    })
}

fn readers_of(app: &SharedApp, report: &ReviewReport) -> Readers {
    let is_mail = |name: &str| app.targets.kind(&TargetId(name.to_owned())) == Some(ChannelKind::Email);
    readers(report, &app.oncall.rota.roster(), &is_mail)
}

fn subject(report: &str, period: &str) -> Subject {
    Subject { kind: SubjectKind::Outbox, id: format!("report/{report}/{period}") }
}

fn subject_line(report: &ReviewReport, period: &Period, it: &api::ReviewResponse) -> String {
    let incidents = if it.incidents == 1 { "incident" } else { "incidents" };
    format!("Review {}, {}: {} {incidents}, {} P0", report.name, period.key, it.incidents, it.p0)
}

/// Name and value of each figure, as people read them.
fn figures(it: &api::ReviewResponse) -> Vec<(&'static str, String)> {
    let share =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |it| format!("{:.0} %", 100.0 * it));
    let times = |median: Option<f64>, mean: Option<f64>| match (median, mean) {
        (Some(median), Some(mean)) => format!("{} (mean {})", span(median), span(mean)),
        _ => "–".to_owned(),
    };
    vec![
        ("Incidents", format!("{} (P0 {}, P1 {}, P2 {})", it.incidents, it.p0, it.p1, it.p2)),
        ("MTTD, detect", times(it.median.mttd_secs, it.mean.mttd_secs)),
        ("MTTA, acknowledge", times(it.median.mtta_secs, it.mean.mtta_secs)),
        ("MTTR, resolve", times(it.median.mttr_secs, it.mean.mttr_secs)),
        ("Updates in time", share(it.on_time_rate)),
        (
            "Closed by the first line",
            format!("{} of {} that escalated", share(it.first_line_share), it.escalated),
        ),
        ("Toil", format!("{} ({} with an incident in hand)", share(it.toil_share), span(it.toil_secs))),
        (
            "Postmortems",
            format!(
                "{} of {} closed, {} overdue",
                it.postmortems_closed,
                it.postmortems_due,
                it.postmortems_overdue.len()
            ),
        ),
        ("Measures", format!("{} open, {} overdue", it.measures.len(), it.measures_overdue)),
    ]
}

fn span(secs: f64) -> String {
    match secs {
        secs if secs < 60.0 => format!("{secs:.0} s"),
        secs if secs < 5_400.0 => format!("{:.0} min", secs / 60.0),
        secs => format!("{:.1} h", secs / 3_600.0),
    }
}

fn load(it: &api::ReviewedPerson) -> String {
    let each = it.calls_per_shift.map(|each| format!(", {each:.1} each shift")).unwrap_or_default();
    format!("{} calls, {} shifts{each}, {} in hand", it.calls, it.shifts, span(it.in_hand_secs))
}

fn measure(it: &api::Measure) -> String {
    let due = it.due.as_deref().map(|due| format!(", due {due}")).unwrap_or_default();
    let owner = it.owner.as_deref().unwrap_or("nobody");
    format!("{} ({owner}{due})", it.text)
}

/// Measures and people that a mail lists; the page has all.
const LISTED_MAX: usize = 50;

fn text(it: &api::ReviewResponse, days: &str, url: &str) -> String {
    let mut text = format!("{days}\n\n");
    for (name, value) in figures(it) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    let mut list = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            for line in lines {
                text.push_str(&format!("- {}\n", line.replace(['\r', '\n'], " ")));
            }
        }
    };
    let (people, measures) = lists(it);
    list("Calls by person", people.into_iter().map(|(name, value)| format!("{name}: {value}")).collect());
    list("Overdue postmortems", it.postmortems_overdue.clone());
    list("Open measures", measures);
    text.push_str(&format!("\nAll of it: {url}\n"));
    text
}

fn lists(it: &api::ReviewResponse) -> (Vec<(String, String)>, Vec<String>) {
    let people = it.load.iter().take(LISTED_MAX).map(|one| (one.person.clone(), load(one))).collect();
    (people, it.measures.iter().take(LISTED_MAX).map(measure).collect())
}

/// First and last day on the report's wall.
fn days(report: &ReviewReport, range: TimeRange) -> String {
    let date = |at: Timestamp| report.zone.wall(at).date();
    let (first, last) = (date(range.start), date(range.end - Duration::from_secs(1)));
    format!("{first} to {last}, {}", report.zone.name())
}

fn html(it: &api::ReviewResponse, report: &ReviewReport, period: &Period, url: &str) -> String {
    let row = |name: &str, value: &str| {
        format!(
            "<tr><td style=\"padding:2px 16px 2px 0\">{}</td><td><b>{}</b></td></tr>",
            escaped(name),
            escaped(value)
        )
    };
    let table = |rows: String| format!("<table style=\"border-collapse:collapse\">{rows}</table>");
    let list = |title: &str, lines: &[String]| match lines.is_empty() {
        true => String::new(),
        false => {
            let items: String = lines.iter().map(|line| format!("<li>{}</li>", escaped(line))).collect();
            format!("<h2 style=\"font-size:15px\">{}</h2><ul>{items}</ul>", escaped(title))
        }
    };
    let (people, measures) = lists(it);
    let by_person = match people.is_empty() {
        true => String::new(),
        false => {
            let rows = people.iter().map(|(name, value)| row(name, value)).collect();
            format!("<h2 style=\"font-size:15px\">Calls by person</h2>{}", table(rows))
        }
    };
    let figures = table(figures(it).iter().map(|(name, value)| row(name, value)).collect());
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"></head>\
         <body style=\"font:14px/1.5 system-ui,sans-serif\"><h1 style=\"font-size:18px\">Review {} · {}</h1>\
         <p>{}</p>{figures}{by_person}{}{}<p><a href=\"{}\">All of it</a></p></body></html>",
        escaped(&report.name),
        escaped(&period.key),
        escaped(&days(report, period.range)),
        list("Overdue postmortems", &it.postmortems_overdue),
        list("Open measures", &measures),
        escaped(url),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
