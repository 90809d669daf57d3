//! Uptime as text.

use nines_api::{HeartbeatStatus, ProbeResult, ProbeStatus, RunnerStatus, UptimeResponse};

use crate::commands::{percent, short_time};
use crate::output::style;
use crate::table::Table;

pub fn overview(answer: &UptimeResponse) -> String {
    let mut text = String::new();
    if answer.probes.is_empty() && answer.heartbeats.is_empty() {
        return "nothing is watched yet: apply a document of kind Probe or Heartbeat\n".to_owned();
    }
    if !answer.probes.is_empty() {
        text += &probes(&answer.probes).render();
        for probe in &answer.probes {
            for location in probe.locations.iter().filter(|location| location.standing != "up") {
                let reason = location.reason.as_deref().unwrap_or("nothing was measured yet");
                text += &format!("{} from {}: {reason}\n", probe.name, location.location);
            }
        }
    }
    if !answer.heartbeats.is_empty() {
        text += &format!("\n{}", heartbeats(&answer.heartbeats).render());
    }
    for runner in answer.runners.iter().filter(|runner| runner.standing != "ok") {
        text += &at_fault(runner);
    }
    text
}

fn at_fault(runner: &RunnerStatus) -> String {
    format!("{} {}: {}\n", style::yellow("runner"), runner.location, runner.finding)
}

fn word(verdict: &str) -> String {
    match verdict {
        "up" | "ok" => style::green(verdict),
        "down" | "missed" | "failed" => style::red(verdict),
        _ => style::yellow(verdict),
    }
}

fn probes(probes: &[ProbeStatus]) -> Table {
    let mut table =
        Table::new(["probe", "state", "since", "locations", "90 days", "took", "target"]).right(&[4, 5]);
    for probe in probes {
        let up = probe.locations.iter().filter(|location| location.standing == "up").count();
        let took = probe.last.as_ref().map(|last| format!("{:.0} ms", last.duration_ms));
        table.row([
            probe.name.clone(),
            if probe.paused { "paused".to_owned() } else { word(&probe.verdict) },
            short_time(&probe.since),
            format!("{up}/{} up", probe.locations.len()),
            probe.availability.map_or("–".to_owned(), percent),
            took.unwrap_or_default(),
            probe.target.clone(),
        ]);
    }
    table
}

fn heartbeats(heartbeats: &[HeartbeatStatus]) -> Table {
    let mut table = Table::new(["heartbeat", "state", "last", "due", "period", "ping"]);
    for heartbeat in heartbeats {
        table.row([
            heartbeat.name.clone(),
            word(&heartbeat.standing),
            heartbeat.last_at.as_deref().map_or("never".to_owned(), short_time),
            short_time(&heartbeat.due_at),
            heartbeat.period.clone(),
            heartbeat.ping_url.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// One measurement, whole.
pub fn result(result: &ProbeResult) -> String {
    let state = match result.outcome.as_str() {
        "success" => style::green("success"),
        "failure" => style::red("failure"),
        _ => style::yellow("cannot be checked from here"),
    };
    let mut text = format!("{}  {state}  {:.1} ms\n", result.probe, result.duration_ms);
    if let Some(reason) = &result.reason {
        text += &format!("  {reason}\n");
    }
    let order = ["resolve", "connect", "tls", "processing", "transfer"];
    let phases = order.iter().filter_map(|name| Some((name, result.phases_ms.get(*name)?)));
    let phases: Vec<String> = phases.map(|(name, millis)| format!("{name} {millis:.1} ms")).collect();
    text += &format!("  {}\n", phases.join(" · "));
    for assertion in &result.assertions {
        let mark = if assertion.passed { style::green("✓") } else { style::red("✗") };
        let saw = if assertion.passed { String::new() } else { format!(", saw {}", assertion.saw) };
        text += &format!("  {mark} {}{saw}\n", assertion.what);
    }
    if let Some(certificate) = &result.certificate {
        text += &format!(
            "  certificate {} by {}, until {} (chain of {})\n",
            certificate.subject, certificate.issuer, certificate.not_after, certificate.chain_length
        );
    }
    if !result.dns_answers.is_empty() {
        text += &format!("  answers {}\n", result.dns_answers.join(", "));
    }
    text
}
