//! What stands, as people see it.

use std::collections::BTreeSet;
use std::time::Duration;

use nines_api as api;
use nines_model::Timestamp;
use nines_probe::{HeartbeatPeriod, LOCAL, Verdict};

use super::{Beating, State, Tower, Watched};

/// A runner elsewhere reports at least every ten seconds.
const RUNNER_SILENT_AFTER: Duration = Duration::from_secs(60);

pub fn overview(tower: &Tower, with_secrets: bool) -> api::UptimeResponse {
    let now = tower.parts.clock.now();
    let state = tower.state.lock();
    let mut probes: Vec<_> = state.probes.values().map(|watched| probe(watched, now)).collect();
    let rank = |verdict: &str| match Verdict::parse(verdict) {
        Some(Verdict::Down) => 0,
        Some(Verdict::Degraded) => 1,
        Some(Verdict::Unknown) => 2,
        _ => 3,
    };
    probes.sort_by_key(|probe| (probe.paused, rank(&probe.verdict)));
    let heartbeats = state.heartbeats.values().map(|beating| {
        let url = with_secrets.then(|| {
            let name = &beating.heartbeat.name;
            format!("{}/api/v1/heartbeats/{name}/ping?secret={}", tower.parts.public_url, tower.secret(name))
        });
        heartbeat(beating, url, now)
    });
    api::UptimeResponse { heartbeats: heartbeats.collect(), runners: runners(&state, now), probes }
}

fn probe(watched: &Watched, now: Timestamp) -> api::ProbeStatus {
    let probe = &watched.probe;
    let standing = watched.watch.standing();
    let days = watched.history.days(now);
    let good: u64 = days.iter().map(|day| day.good).sum();
    let all = good + days.iter().map(|day| day.bad).sum::<u64>();
    let locations = watched.watch.views(now).into_iter().map(|view| api::ProbeLocation {
        standing: view.standing.as_str().to_owned(),
        since: view.since.map(|at| at.to_string()),
        measured_at: view.measured_at.map(|at| at.to_string()),
        duration_ms: watched.last.get(&view.location).map(|(_, result)| result.duration_ms),
        reason: view.reason,
        location: view.location,
    });
    api::ProbeStatus {
        name: probe.name.clone(),
        description: probe.description.clone(),
        service: probe.service.clone(),
        labels: probe.labels.clone(),
        kind: probe.check.kind().to_owned(),
        target: probe.target(),
        level: probe.level.clone(),
        runbook: probe.runbook.clone(),
        interval_secs: probe.interval.as_secs_f64(),
        paused: probe.paused,
        quorum: probe.quorum,
        verdict: standing.verdict.as_str().to_owned(),
        since: standing.since.to_string(),
        alerting: standing.is_alerting && !probe.paused,
        locations: locations.collect(),
        last: watched.last.values().max_by_key(|(at, _)| *at).map(|(_, result)| result.clone()),
        availability: (all > 0).then(|| good as f64 / all as f64),
        days,
    }
}

fn heartbeat(beating: &Beating, ping_url: Option<String>, now: Timestamp) -> api::HeartbeatStatus {
    let heartbeat = &beating.heartbeat;
    api::HeartbeatStatus {
        name: heartbeat.name.clone(),
        description: heartbeat.description.clone(),
        service: heartbeat.service.clone(),
        labels: heartbeat.labels.clone(),
        level: heartbeat.level.clone(),
        runbook: heartbeat.runbook.clone(),
        period: match &heartbeat.period {
            HeartbeatPeriod::Every(every) => format!("every {}", short(*every)),
            HeartbeatPeriod::Cron(cron) => cron.text().to_owned(),
        },
        grace_secs: heartbeat.grace.as_secs_f64(),
        standing: heartbeat.standing(&beating.state, now).as_str().to_owned(),
        last_at: beating.state.last.map(|(at, _)| at.to_string()),
        due_at: heartbeat.due_at(&beating.state).to_string(),
        missed_at: heartbeat.missed_at(&beating.state).to_string(),
        took_secs: beating.state.took.map(|took| took.as_secs_f64()),
        ping_url,
    }
}

/// `90 s`, `5 min`, `24 h`, `7 d`: in the largest unit that it is whole in.
fn short(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        _ if secs >= 172_800 && secs.is_multiple_of(86_400) => format!("{} d", secs / 86_400),
        _ if secs >= 3_600 && secs.is_multiple_of(3_600) => format!("{} h", secs / 3_600),
        _ if secs >= 120 && secs.is_multiple_of(60) => format!("{} min", secs / 60),
        _ => format!("{secs} s"),
    }
}

/// Every location that is to measure something, and every one that does.
fn runners(state: &State, now: Timestamp) -> Vec<api::RunnerStatus> {
    let declared = state.probes.values().flat_map(|watched| &watched.probe.locations);
    let locations: BTreeSet<&String> = declared.chain(state.runners.keys()).collect();
    let of = |location: &String| {
        let probes = state.probes.values().filter(|watched| watched.probe.runs_at(location)).count();
        let seen = state.runners.get(location);
        let seen_at = seen.and_then(|seen| seen.seen_at);
        let fault = seen.and_then(|seen| seen.fault.as_ref());
        let is_silent = location != LOCAL && seen_at.is_some_and(|at| now.since(at) > RUNNER_SILENT_AFTER);
        let (standing, finding) = match (seen_at, fault) {
            (None, _) if location == LOCAL => ("ok", "this node; it has measured nothing yet".to_owned()),
            (None, _) => (
                "missing",
                format!(
                    "nobody measures there: run `nines probe --join URL --location {location}` on a machine there"
                ),
            ),
            (Some(_), _) if is_silent => ("silent", "the runner does not report any more".to_owned()),
            (Some(_), Some(fault)) => {
                ("at_fault", format!("the runner is at fault, not the targets: {fault}"))
            }
            (Some(_), None) => ("ok", "the runner reaches what it should".to_owned()),
        };
        api::RunnerStatus {
            location: location.clone(),
            probes: probes as u64,
            seen_at: seen_at.map(|at| at.to_string()),
            standing: standing.to_owned(),
            finding,
        }
    };
    locations.into_iter().map(of).collect()
}
