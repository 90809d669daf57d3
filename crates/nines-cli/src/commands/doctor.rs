//! Checks a node from outside and says what is wrong with it, and what to do.

use std::time::Duration;

use clap::Args;
use nines_api::{PairStatus, Status};
use nines_base::ByteSize;
use nines_model::Timestamp;
use serde::Serialize;

use super::{Session, duration};
use crate::exit::Code;
use crate::output::style;

#[derive(Debug, Args)]
#[command(
    long_about = "Check a node and say what is wrong with it.\n\nExits with 1 if a check failed; warnings do not count."
)]
pub struct Arguments {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Check>,
}

/// A node that does not say in this time whether it is ready is not.
const READY_WAIT_MAX: Duration = Duration::from_secs(5);

/// Rules are evaluated every second: three missed rounds are no longer chance, ten are a paging outage.
const EVALUATED_WARN_SECS: f64 = 3.0;
const EVALUATED_FAIL_SECS: f64 = 10.0;

/// The promise is a page within seconds.
const QUEUED_WARN_SECS: f64 = 30.0;

/// Senders batch for some seconds; a minute of silence on a node that has taken events is worth a look.
const SILENCE_WARN_SECS: f64 = 60.0;

/// Below the first the journal may soon not grow, below the second it is a matter of minutes.
const DISK_WARN_BYTES: u64 = 10 << 30;
const DISK_FAIL_BYTES: u64 = 1 << 30;

/// The other node of a pair tells PostgreSQL every two seconds that it is there.
const OTHER_SEEN_WARN_SECS: f64 = 30.0;
/// What the other has not applied yet; it reads 256 writes every fifth of a second.
const OTHER_BEHIND_WARN_WRITES: u64 = 1_000;
/// After a takeover the next step of an escalation comes earlier or later by as much.
const CLOCK_WARN_SECS: f64 = 1.0;

/// A disk whose fsync takes this long holds back every acknowledgement.
const FSYNC_WARN_MS: f64 = 100.0;

pub async fn run(session: &Session) -> anyhow::Result<Code> {
    let ready = session.client.ready(READY_WAIT_MAX).await?;
    let status = session.client.status().await?;
    let report = Report { checks: examine(ready, &status) };
    session.output.print_text(&report, show)?;
    let failed = report.checks.iter().any(|check| check.verdict == Verdict::Failed);
    Ok(if failed { Code::Failed } else { Code::Ok })
}

fn examine(ready: bool, status: &Status) -> Vec<Check> {
    let checks = [
        check(
            "ready",
            if ready { Verdict::Ok } else { Verdict::Failed },
            if ready { "telemetry is taken in" } else { "recovery is not over, or telemetry is refused" }
                .to_owned(),
            "wait for recovery; if it stays, read the node's log",
        ),
        modes(status),
        ingest(status),
        acknowledgement(status),
        evaluation(status),
        pages(status),
        disk(status),
        check(
            "limits",
            if status.notices.is_empty() { Verdict::Ok } else { Verdict::Warning },
            if status.notices.is_empty() {
                "what is to be kept is kept".to_owned()
            } else {
                status.notices.join("; ")
            },
            "each says what can be done",
        ),
        check(
            "damage",
            if status.damage.is_empty() { Verdict::Ok } else { Verdict::Failed },
            if status.damage.is_empty() { "none found".to_owned() } else { status.damage.join("; ") },
            "the named parts cannot be read: restore them from a backup, or accept the loss",
        ),
    ];
    checks.into_iter().chain(status.pair.as_ref().map(pair)).collect()
}

fn check(name: &'static str, verdict: Verdict, found: String, hint: &'static str) -> Check {
    Check { name, verdict, found, hint: (verdict != Verdict::Ok).then_some(hint) }
}

fn modes(status: &Status) -> Check {
    let degraded: Vec<&str> = status.modes.iter().map(String::as_str).filter(|mode| *mode != "ok").collect();
    let verdict = if degraded.is_empty() { Verdict::Ok } else { Verdict::Failed };
    let found = if degraded.is_empty() { "ok".to_owned() } else { degraded.join(", ") };
    check("mode", verdict, found, "the node is degraded in this way; its log says why")
}

fn ingest(status: &Status) -> Check {
    let age = status.ingest.last_event_at.as_deref().and_then(|at| {
        let (at, now) = (Timestamp::parse_rfc3339(at).ok()?, Timestamp::parse_rfc3339(&status.now).ok()?);
        Some(now.since(at).as_secs_f64())
    });
    let refused: u64 = status.ingest.refused.iter().map(|refused| refused.count).sum();
    let (verdict, found, hint) = match age {
        None if status.ingest.accepted_events > 0 => {
            (Verdict::Ok, format!("{} events since the start", status.ingest.accepted_events), "")
        }
        None => (
            Verdict::Warning,
            "no event yet".to_owned(),
            "send OTLP to port 4317 or 4318 with the ingest key",
        ),
        Some(secs) if secs > SILENCE_WARN_SECS => (
            Verdict::Warning,
            format!("last event {} ago", duration(secs)),
            "are the senders running, and is their key valid?",
        ),
        Some(secs) if refused > 0 => (
            Verdict::Warning,
            format!("last event {} ago, {refused} refused since the start", duration(secs)),
            "`nines status` names the reasons",
        ),
        Some(secs) => (Verdict::Ok, format!("last event {} ago", duration(secs)), ""),
    };
    check("ingest", verdict, found, hint)
}

fn acknowledgement(status: &Status) -> Check {
    let slow = status.ingest.fsync_p99_ms.is_some_and(|millis| millis > FSYNC_WARN_MS);
    let found = match status.ingest.fsync_p99_ms {
        Some(millis) => format!("after {}, p99 {millis:.1} ms", status.durability),
        None => format!("after {}, not measured yet", status.durability),
    };
    let verdict = if slow { Verdict::Warning } else { Verdict::Ok };
    check("acknowledgement", verdict, found, "put the data directory on a disk that syncs faster")
}

fn evaluation(status: &Status) -> Check {
    let secs = status.paging.evaluated_secs_ago;
    let verdict = match secs {
        secs if secs > EVALUATED_FAIL_SECS => Verdict::Failed,
        secs if secs > EVALUATED_WARN_SECS => Verdict::Warning,
        _ => Verdict::Ok,
    };
    let found = format!("{} rules, last round {} ago", status.paging.rules, duration(secs));
    check("evaluation", verdict, found, "promises are not watched: the node is overloaded or stuck")
}

fn pages(status: &Status) -> Check {
    let paging = &status.paging;
    let oldest = paging.oldest_queued_secs.unwrap_or(0.0);
    let verdict = match (paging.undeliverable, oldest) {
        (1.., _) => Verdict::Failed,
        (0, secs) if secs > QUEUED_WARN_SECS => Verdict::Warning,
        _ => Verdict::Ok,
    };
    let found = format!("{} queued, {} undeliverable", paging.queued, paging.undeliverable);
    check(
        "pages",
        verdict,
        found,
        "`nines alert list` leads to the page and its last error; check the channel",
    )
}

fn disk(status: &Status) -> Check {
    let verdict = match status.disk_free_bytes {
        free if free < DISK_FAIL_BYTES => Verdict::Failed,
        free if free < DISK_WARN_BYTES => Verdict::Warning,
        _ => Verdict::Ok,
    };
    let found = format!("{} free", ByteSize(status.disk_free_bytes));
    check("disk", verdict, found, "make room or shorten retention before the journal cannot grow")
}

/// Whether the other node could take over now, and this one go on without PostgreSQL.
fn pair(pair: &PairStatus) -> Check {
    let mut found = vec![format!("{} of {} in epoch {}", pair.role, pair.name, pair.epoch)];
    let mut ills: Vec<(Verdict, String, &'static str)> = Vec::new();
    if let Some(trouble) = &pair.trouble {
        ills.push((Verdict::Failed, trouble.clone(), "this node cannot take part until that is mended"));
    }
    if !pair.reaches_postgresql {
        let how = if pair.by_promise { "goes on by the other's promise" } else { "is about to stop" };
        let verdict = if pair.by_promise { Verdict::Warning } else { Verdict::Failed };
        ills.push((verdict, format!("PostgreSQL does not answer; it {how}"), "bring PostgreSQL back"));
    }
    if pair.backlog_writes > 0 && pair.reaches_postgresql {
        let waiting = format!("{} writes wait for PostgreSQL's log", pair.backlog_writes);
        ills.push((Verdict::Warning, waiting, "they are shipped; if the number stays, read the node's log"));
    }
    match (&pair.other, pair.other_seen_secs, pair.other_behind_writes) {
        (Some(other), Some(seen), behind) => {
            let behind = behind.unwrap_or(0);
            found.push(format!("{other} seen {} ago, {behind} writes behind", duration(seen)));
            if seen > OTHER_SEEN_WARN_SECS {
                ills.push((Verdict::Failed, "nobody would take over".to_owned(), "start the other node"));
            } else if behind > OTHER_BEHIND_WARN_WRITES {
                let late = "a takeover would wait for these writes".to_owned();
                ills.push((Verdict::Warning, late, "is the other node's disk or way to PostgreSQL slow?"));
            }
        }
        _ => {
            ills.push((Verdict::Failed, "there is no other node".to_owned(), "start it: docs/guides/pair.md"))
        }
    }
    if let Some(ahead) = pair.other_clock_secs {
        found.push(format!("its clock {:+.2} s", ahead));
        if ahead.abs() > CLOCK_WARN_SECS {
            let apart = "the clocks are apart".to_owned();
            ills.push((Verdict::Warning, apart, "synchronise both: escalations are due by the clock"));
        }
    }
    match pair.peer_answers {
        Some(true) => found.push("it answers directly".to_owned()),
        Some(false) => ills.push((
            Verdict::Warning,
            "it does not answer at --pair-peer".to_owned(),
            "without that way this node stops as soon as PostgreSQL does",
        )),
        None => {}
    }
    // The gravest names what to do.
    let verdict = if ills.iter().any(|ill| ill.0 == Verdict::Failed) {
        Verdict::Failed
    } else if ills.is_empty() {
        Verdict::Ok
    } else {
        Verdict::Warning
    };
    let hint = ills.iter().find(|ill| ill.0 == verdict).map_or("", |ill| ill.2);
    found.extend(ills.into_iter().map(|ill| ill.1));
    check("pair", verdict, found.join("; "), hint)
}

fn show(report: &Report) -> String {
    let mut text = String::new();
    for check in &report.checks {
        let verdict = match check.verdict {
            Verdict::Ok => style::green("ok     "),
            Verdict::Warning => style::yellow("warning"),
            Verdict::Failed => style::red("failed "),
        };
        text.push_str(&format!("{verdict}  {:<16}{}\n", check.name, crate::table::one_line(&check.found)));
        if let Some(hint) = check.hint {
            text.push_str(&format!("{:25}{}\n", "", style::dim(hint)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(change: impl FnOnce(&mut Status)) -> Status {
        let mut status: Status = serde_json::from_value(json!({
            "version": "0.1.0", "started_at": "2026-11-21T08:00:00Z", "now": "2026-11-21T09:00:00Z",
            "modes": ["ok"], "durability": "fsync",
            "ingest": {
                "accepted_events": 10, "accepted_bytes": 1000, "refused": [], "events_per_second": 1.0,
                "requests": {
                    "accepted": 5, "rejected": 0, "deferred": 0, "failed": 0, "records_rejected": 0,
                },
                "fsync_p50_ms": 1.0, "fsync_p99_ms": 4.0, "last_event_at": "2026-11-21T08:59:58Z",
            },
            "storage": [], "series": nines_api::SeriesStatus::default(), "journal_bytes": 0, "disk_free_bytes": 100_u64 << 30, "memory_bytes": 0,
            "paging": { "rules": 6, "firing": 0, "queued": 0, "undeliverable": 0, "evaluated_secs_ago": 0.4, "oldest_queued_secs": null },
            "notices": [],
            "damage": [],
        }))
        .unwrap();
        change(&mut status);
        status
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Status), expected: &[(&str, Verdict)]) {
        let checks = examine(true, &status(change));
        let found: Vec<(&str, Verdict)> = checks
            .iter()
            .filter(|check| check.verdict != Verdict::Ok)
            .map(|check| (check.name, check.verdict))
            .collect();
        assert_eq!(found, expected);
        assert!(checks.iter().all(|check| (check.verdict == Verdict::Ok) == check.hint.is_none()));
    }

    #[test]
    fn each_ill_is_found_and_nothing_else() {
        check(|_| (), &[]);
        check(|status| status.modes = vec!["ingest_refused".to_owned()], &[("mode", Verdict::Failed)]);
        check(|status| status.ingest.last_event_at = None, &[]);
        check(
            |status| (status.ingest.last_event_at, status.ingest.accepted_events) = (None, 0),
            &[("ingest", Verdict::Warning)],
        );
        check(
            |status| status.ingest.last_event_at = Some("2026-11-21T08:58:00Z".to_owned()),
            &[("ingest", Verdict::Warning)],
        );
        check(|status| status.ingest.fsync_p99_ms = Some(400.0), &[("acknowledgement", Verdict::Warning)]);
        check(|status| status.paging.evaluated_secs_ago = 5.0, &[("evaluation", Verdict::Warning)]);
        check(|status| status.paging.evaluated_secs_ago = 60.0, &[("evaluation", Verdict::Failed)]);
        check(|status| status.paging.undeliverable = 1, &[("pages", Verdict::Failed)]);
        check(|status| status.paging.oldest_queued_secs = Some(90.0), &[("pages", Verdict::Warning)]);
        check(|status| status.disk_free_bytes = 5 << 30, &[("disk", Verdict::Warning)]);
        check(|status| status.disk_free_bytes = 5 << 20, &[("disk", Verdict::Failed)]);
        check(|status| status.damage = vec!["segment 7".to_owned()], &[("damage", Verdict::Failed)]);
    }

    #[test]
    fn a_pair_that_could_not_take_over_is_found() {
        let paired = |change: fn(&mut PairStatus)| {
            move |status: &mut Status| {
                let mut pair: PairStatus = serde_json::from_value(json!({
                    "name": "a", "role": "leader", "epoch": 3, "leader": "a", "leader_url": "http://a",
                    "reaches_postgresql": true, "by_promise": false, "vouches": false, "permitted_secs": 4.0,
                    "backlog_writes": 0, "other": "b", "other_seen_secs": 0.4, "other_behind_writes": 2,
                    "other_clock_secs": -0.01, "peer_answers": true,
                }))
                .unwrap();
                change(&mut pair);
                status.pair = Some(pair);
            }
        };
        check(paired(|_| ()), &[]);
        let warning = [("pair", Verdict::Warning)];
        let failed = [("pair", Verdict::Failed)];
        check(paired(|pair| pair.peer_answers = Some(false)), &warning);
        check(paired(|pair| pair.other_clock_secs = Some(2.5)), &warning);
        check(paired(|pair| pair.other_behind_writes = Some(5_000)), &warning);
        check(paired(|pair| pair.backlog_writes = 7), &warning);
        check(paired(|pair| (pair.reaches_postgresql, pair.by_promise) = (false, true)), &warning);
        check(paired(|pair| pair.reaches_postgresql = false), &failed);
        check(paired(|pair| pair.other_seen_secs = Some(45.0)), &failed);
        check(paired(|pair| (pair.other, pair.other_seen_secs) = (None, None)), &failed);
        check(paired(|pair| pair.trouble = Some("its files differ".to_owned())), &failed);
    }
}
