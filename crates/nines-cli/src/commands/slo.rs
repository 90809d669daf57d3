use std::path::PathBuf;

use clap::{Args, Subcommand};
use nines_api::{Burn, ServiceDefaults, Slo, SlosResponse};

use super::apply::Bundle;
use super::{Session, duration, percent, short_time};
use crate::exit::Code;
use crate::output::style;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nines slo list\n  nines slo propose checkout | nines apply -f -\n  nines slo import sloth.yml\n  nines slo import pyrra/ --apply\n  nines slo show checkout-availability\n  nines slo list --output json | jq '.slos[] | select(.status == \"exhausted\") | .name'"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All promises, worst first
    List,
    /// One promise: its budget and what burns it
    Show {
        /// Name of the promise
        name: String,
    },
    /// What a service could promise, with reasons from its past
    ///
    /// Prints the documents; on standard error why each target is as it is, and whom the alerts reach. Nothing is changed.
    Propose {
        /// As in `service.name`
        service: String,
    },
    /// Translate SLO documents of Sloth or Pyrra
    ///
    /// Prints the OpenSLO documents that come of them, and on standard error a line for each promise: translated,
    /// approximated and how, or left out and what to do. Nothing is changed without --apply.
    Import {
        /// Files, directories, or - for standard input
        #[arg(required = true, value_name = "FILE|DIR|-")]
        files: Vec<PathBuf>,
        /// Apply what came of them, all or none
        #[arg(long)]
        apply: bool,
    },
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    match arguments.command {
        Command::List => session.output.print(&session.client.slos().await?, list)?,
        Command::Show { name } => session.output.print_text(&session.client.slo(&name).await?, show)?,
        Command::Propose { service } => propose(&session.client.service_defaults(&service).await?, session)?,
        Command::Import { files, apply } => return import(&files, apply, session).await,
    }
    Ok(Code::Ok)
}

fn propose(answer: &ServiceDefaults, session: &Session) -> anyhow::Result<()> {
    session.output.print_text(answer, |answer| {
        let documents: Vec<&str> = answer.proposals.iter().map(|it| it.yaml.trim_end()).collect();
        documents.join("\n---\n") + "\n"
    })?;
    for proposal in &answer.proposals {
        eprintln!("{}: {}", proposal.name, proposal.reason);
    }
    for text in &answer.partial {
        eprintln!("{} {text}", style::yellow("warning:"));
    }
    let route = &answer.route;
    let team = route.team.as_deref().unwrap_or("any team");
    match (route.by.as_str(), &route.policy) {
        (_, Some(policy)) => eprintln!("alerts: policy {policy} of {team}"),
        ("nobody", _) => eprintln!("alerts: nobody; give the service an owner, or a team `firstLine: true`"),
        ("first_line", _) => {
            eprintln!("alerts: the first line ({}), as nobody owns it", route.channels.join(", "))
        }
        _ => eprintln!("alerts: the channels of {team} ({})", route.channels.join(", ")),
    }
    if !answer.slos.is_empty() {
        eprintln!("it promises already: {}", answer.slos.join(", "));
    }
    Ok(())
}

async fn import(files: &[PathBuf], apply: bool, session: &Session) -> anyhow::Result<Code> {
    let bundle = Bundle::read(files)?;
    let answer = session.client.import_slos(bundle.text.clone(), bundle.only_name(), !apply).await;
    let answer = match bundle.faults(answer)? {
        Ok(answer) => answer,
        Err(code) => return Ok(code),
    };
    session.output.print_text(&answer, |answer| answer.yaml.clone())?;
    for line in &answer.report {
        let word = match line.outcome.as_str() {
            "translated" => style::green("translated"),
            "approximated" => style::yellow("approximated"),
            _ => style::red("left out"),
        };
        eprintln!("{word}  {}: {}", line.source, line.slo.as_ref().unwrap_or(&line.name));
        line.notes.iter().for_each(|note| eprintln!("    {note}"));
    }
    for warning in &answer.warnings {
        eprintln!("{} {}", style::yellow("warning:"), warning.message);
    }
    if answer.dry_run {
        eprintln!("dry run: nothing was changed; --apply applies the documents above");
    } else {
        eprintln!("{} documents applied", answer.results.len());
    }
    Ok(Code::Ok)
}

fn list(answer: &SlosResponse) -> Table {
    let mut table =
        Table::new(["promise", "service", "state", "sli", "target", "budget left", "now"]).right(&[3, 4, 5]);
    for slo in &answer.slos {
        table.row([
            slo.name.clone(),
            slo.service.clone(),
            state(slo),
            slo.sli.map(percent).unwrap_or_default(),
            percent(slo.target),
            slo.sli.map(|_| percent(slo.budget.remaining_fraction)).unwrap_or_default(),
            slo.sentence_engineer.clone(),
        ]);
    }
    table
}

/// What is not measured is never shown as healthy.
fn state(slo: &Slo) -> String {
    match (slo.measurement.as_str(), slo.status.as_deref()) {
        ("measured", Some("healthy")) => style::green("healthy"),
        ("measured", Some("at_risk")) => style::yellow("at risk"),
        ("measured", Some(status)) => style::red(status),
        (measurement, _) => style::dim(&measurement.replace('_', " ")),
    }
}

fn show(slo: &Slo) -> String {
    let mut text = format!("{}  {}  {}\n", style::bold(&slo.name), slo.service, state(slo));
    for sentence in [&slo.description, &slo.sentence_engineer, &slo.sentence_leader] {
        if !sentence.is_empty() {
            text.push_str(&format!("{sentence}\n"));
        }
    }
    if let Some(reason) = &slo.measurement_reason {
        text.push_str(&format!("not measured: {reason}\n"));
    }
    text.push('\n');
    for (label, value) in facts(slo) {
        text.push_str(&format!("{label:<16}{value}\n"));
    }
    text.push('\n');
    text + &burns(&slo.burns).render()
}

fn facts(slo: &Slo) -> Vec<(&'static str, String)> {
    let budget = |budget: &nines_api::Budget| {
        let left = format!(
            "{} left ({:.1} of {:.1} min)",
            percent(budget.remaining_fraction),
            budget.remaining_minutes,
            budget.total_minutes
        );
        match budget.exhausted_in_secs {
            Some(secs) => format!("{left}, gone in {} at the burn of the last hour", duration(secs)),
            None => left,
        }
    };
    let mut facts = vec![("target", format!("{} over {}", percent(slo.target), slo.window))];
    facts.extend(
        slo.sli.map(|sli| ("measured", format!("{} ({} of {} good)", percent(sli), slo.good, slo.total))),
    );
    facts.push(("budget", budget(&slo.budget)));
    if let (Some(target), Some(sla)) = (slo.sla_target, &slo.sla_budget) {
        facts.push(("contract (SLA)", format!("{}: {}", percent(target), budget(sla))));
    }
    facts.push(("events", format!("{:.1} per second", slo.events_per_second)));
    facts.push(("coverage", percent(slo.coverage)));
    if slo.left_out_ahead + slo.left_out_late > 0 {
        let left_out = format!(
            "{} events stamped more than ten minutes after their arrival, {} from before everything that is counted",
            slo.left_out_ahead, slo.left_out_late
        );
        facts.push(("left out", left_out));
    }
    facts.extend(slo.last_event_at.as_ref().map(|at| ("last event", short_time(at))));
    facts.extend(slo.owner.as_ref().map(|owner| ("owner", owner.clone())));
    facts.extend(slo.runbook.as_ref().map(|runbook| ("runbook", runbook.clone())));
    facts.extend(slo.alert_id.as_ref().map(|id| ("alert", id.clone())));
    facts.extend(slo.incident_id.as_ref().map(|id| ("incident", id.clone())));
    facts.extend(
        slo.indicator
            .as_ref()
            .map(|it| ("bad events", format!("nines search -d {} '{}'", it.dataset, it.bad_filter))),
    );
    if let Some(metric) = &slo.metric {
        let how = format!("{} every {} s in {} series", metric.method, metric.interval_secs, metric.series);
        facts.push(("read from metrics", how));
        facts.push((if metric.part == "bad" { "bad" } else { "good" }, metric.part_query.clone()));
        facts.extend(metric.total_query.as_ref().map(|total| ("of all", total.clone())));
        facts.extend(metric.bound.as_ref().map(|bound| {
            let (least, most) = (percent(bound.sli_min), percent(bound.sli_max));
            ("exactness", format!("the threshold is no bucket boundary: between {least} and {most}"))
        }));
        facts.extend(metric.error.as_ref().map(|error| ("not asked", error.clone())));
    }
    facts
}

fn burns(burns: &[Burn]) -> Table {
    let mut table =
        Table::new(["window", "severity", "burn long", "burn short", "fires at", "state"]).right(&[2, 3, 4]);
    let rate = |rate: Option<f64>| rate.map(|rate| format!("{rate:.1}×")).unwrap_or_default();
    for burn in burns {
        let state = match (burn.firing, burn.enough_events) {
            (true, _) => style::red("firing"),
            (false, true) => "quiet".to_owned(),
            (false, false) => style::dim("too few events"),
        };
        table.row([
            burn.name.clone(),
            burn.severity.clone(),
            rate(burn.long_rate),
            rate(burn.short_rate),
            format!("{:.1}×", burn.threshold),
            state,
        ]);
    }
    table
}
