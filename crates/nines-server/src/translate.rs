//! From a promise's reading to what the rules and messages of alerting want. Pure but for reading counters.

use std::sync::Arc;
use std::time::Duration;

use nines_alerting as alerting;
use nines_http::render::slos::{error_rate_normal, indicator, short_duration};
use nines_model::{Dataset, TimeRange, Timestamp, field};
use nines_patterns::PatternView;
use nines_slo::{
    Exhaustion, Measure, MeasurementState, RecentChanges, Rings, SloReading, TierReading, Verdict, burn_rate,
};

use crate::promises::Kept;

/// What traffic is judged over.
const TRAFFIC_WINDOW: Duration = Duration::from_secs(300);
/// What "now" is, in a message, when no tier is breaching.
const RECENT: Duration = Duration::from_secs(300);
/// How far back evidence is looked for.
const EVIDENCE_WINDOW: Duration = Duration::from_secs(300);
/// A change older than this explains nothing that begins now.
const CHANGE_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Changes up to this much after the seeming start still count: the windows see a fault's start only roughly.
const CHANGE_SLACK: Duration = Duration::from_secs(60);
/// What links into search show around the fault.
const SEARCH_BEFORE: Duration = Duration::from_secs(300);
const SEARCH_AFTER: Duration = Duration::from_secs(600);

/// The rule's input of this instant.
pub fn reading(kept: &Kept, reading: &SloReading) -> alerting::Reading {
    reading_of(kept, kept.live.as_ref().map(|live| live.rings()), reading)
}

/// The same over other counters than the live ones: those of a replay.
pub fn reading_of(kept: &Kept, rings: Option<&Rings>, reading: &SloReading) -> alerting::Reading {
    let promise = &kept.promise;
    let recent = reading.burn.as_ref().map_or(RECENT, |burn| burn.over.min(RECENT));
    let counts = rings.map(|rings| rings.sum(reading.at, recent)).unwrap_or_default();
    let budget = reading.budget.as_ref();
    alerting::Reading {
        at: reading.at,
        subject: Arc::new(alerting::Subject {
            slo: promise.id.clone(),
            noun: noun(kept).to_owned(),
            failing: failing(kept),
            service: promise.service.clone(),
            owner: kept.owner.clone().unwrap_or_default(),
            environment: None,
        }),
        measurement: match &reading.state {
            MeasurementState::Measured => alerting::Measurement::Measured,
            MeasurementState::TooFew { .. } => alerting::Measurement::TooFew,
            MeasurementState::Stale(_) => alerting::Measurement::Stale,
            MeasurementState::Invalid(_) => alerting::Measurement::Invalid,
            MeasurementState::Paused => alerting::Measurement::Paused,
        },
        burns: reading.tiers.iter().map(|tier| burn(tier, reading)).collect(),
        last_event_at: reading.newest_event,
        began_at: rings.filter(|_| breaching(reading)).and_then(|rings| began_at(rings, reading)),
        traffic: reading.volume.as_ref().and_then(|volume| {
            Some(alerting::Traffic {
                events: rings?.sum(reading.at, TRAFFIC_WINDOW).total(),
                expected: volume.expected_per_minute? * TRAFFIC_WINDOW.as_secs_f64() / 60.0,
                window: TRAFFIC_WINDOW,
            })
        }),
        objective: promise.target.as_f64(),
        sla: promise.settings.sla.map(|sla| sla.as_f64()),
        window: window_words(promise.window.nominal()),
        error_rate: counts.bad_ratio(),
        normal_rate: rings.and_then(|rings| normal_rate(rings, reading.at)),
        recent,
        good: counts.good,
        total: counts.total(),
        budget_left: budget.map(|budget| budget.remaining_share),
        budget_left_time: budget.map(|budget| budget.remaining_time),
        exhaustion_in: match reading.exhaustion {
            Some(Exhaustion::In(duration)) => Some(duration),
            Some(Exhaustion::Exhausted) => Some(Duration::ZERO),
            _ => None,
        },
    }
}

/// What the SLI counts, for sentences.
fn noun(kept: &Kept) -> &'static str {
    match kept.promise.indicator.as_ref().ok().and_then(Measure::events).map(|indicator| indicator.dataset) {
        Some(Dataset::Spans) => "requests",
        Some(Dataset::Logs) => "log records",
        _ => "events",
    }
}

fn failing(kept: &Kept) -> alerting::Failing {
    let slow = kept.promise.indicator.as_ref().is_ok_and(|measure| match measure {
        Measure::Events(indicator) => indicator.good.fields().contains(&field::DURATION_NS),
        Measure::Series(indicator) => indicator.method() == "observed",
    });
    if slow { alerting::Failing::TooSlow } else { alerting::Failing::Fail }
}

fn breaching(reading: &SloReading) -> bool {
    reading.tiers.iter().any(|tier| tier.verdict == Verdict::Breaching)
}

/// The first second of the present run of bad seconds: those with twice the allowed share of bad events, or more. The run
/// ends where there was none for [`CALM`]. `None` if nothing bad happened lately: a long tier that is still draining.
fn began_at(rings: &Rings, reading: &SloReading) -> Option<Timestamp> {
    const SECOND: Duration = Duration::from_secs(1);
    const LOOK_BACK: Duration = Duration::from_secs(3600);
    const CALM: Duration = Duration::from_secs(60);
    let bad_share = 2.0 * reading.target.complement().as_f64();
    let end = reading.at.floor_to(SECOND) + SECOND;
    let seconds = rings.series(TimeRange::new(end - LOOK_BACK, end), SECOND);
    let mut began = None;
    let mut last_seen = end;
    for bucket in seconds.iter().rev() {
        if last_seen.since(bucket.start) > CALM {
            break;
        }
        if bucket.counts.bad > 0 && bucket.counts.bad_ratio().is_some_and(|share| share >= bad_share) {
            began = Some(bucket.start);
            last_seen = bucket.start;
        }
    }
    began
}

/// What is usual: a day's figure where there is one, else the hour before the last minutes.
fn normal_rate(rings: &Rings, at: Timestamp) -> Option<f64> {
    error_rate_normal(rings, at).or_else(|| {
        let before = at - RECENT;
        rings.sum_range(TimeRange::new(before - Duration::from_secs(3600), before)).bad_ratio()
    })
}

fn burn(tier: &TierReading, reading: &SloReading) -> alerting::Burn {
    let rate = |counts: nines_slo::Counts, rate: f64| (counts.total() > 0).then_some(rate);
    alerting::Burn {
        tier: format!("{}/{}", short_duration(tier.tier.long), short_duration(tier.tier.short)),
        severity: match tier.tier.severity {
            nines_slo::Severity::Page => alerting::Severity::Page,
            nines_slo::Severity::Ticket => alerting::Severity::Ticket,
        },
        long: tier.tier.long,
        short: tier.tier.short,
        threshold: burn_rate(tier.tier.short_bad_share, reading.target),
        long_rate: rate(tier.long_counts, tier.long_burn),
        short_rate: rate(tier.short_counts, tier.short_burn),
        enough_events: tier.verdict != Verdict::TooFew,
        firing: tier.verdict == Verdict::Breaching,
    }
}

fn window_words(window: Duration) -> String {
    match window.as_secs() / 86_400 {
        0 => format!("{} hours", window.as_secs() / 3600),
        1 => "day".to_owned(),
        days => format!("{days} days"),
    }
}

/// What is known about the cause, gathered once at a transition.
pub fn evidence(
    kept: &Kept,
    at: Timestamp,
    started_at: Timestamp,
    changes: &RecentChanges,
    news: &[PatternView],
    public_url: &str,
) -> alerting::Evidence {
    let promise = &kept.promise;
    let mut evidence = alerting::Evidence { on_call: kept.on_call.clone(), ..alerting::Evidence::default() };
    if let Some(live) = &kept.live {
        let seen = live.evidence();
        let users = seen.users_hit(at, EVIDENCE_WINDOW);
        evidence.users_hit =
            (users.count > 0).then_some(alerting::UsersHit { count: users.count, window: EVIDENCE_WINDOW });
        evidence.suspects = seen.suspects(at, EVIDENCE_WINDOW).iter().map(suspect).collect();
        evidence.sample_traces =
            seen.bad_traces(at, EVIDENCE_WINDOW).iter().map(ToString::to_string).collect();
    }
    let services =
        std::iter::once(promise.service.as_str()).chain(kept.dependencies.iter().map(String::as_str));
    let concerned = services.clone();
    evidence.log_patterns = news
        .iter()
        .filter(|view| {
            concerned.clone().any(|name| view.facts.services.iter().any(|(known, _)| known == name))
        })
        .map(log_pattern)
        .collect();
    let change = changes.last_of(services, started_at + CHANGE_SLACK);
    evidence.last_change =
        change.filter(|change| started_at.since(change.at) <= CHANGE_AGE_MAX).map(|change| {
            alerting::Change {
                at: change.at,
                kind: change.kind.as_deref().unwrap_or("change").replace('_', " "),
                summary: summary(
                    change.kind.as_deref().unwrap_or("change"),
                    change.title.as_deref().unwrap_or("without a title"),
                ),
                by: change.by.as_deref().map(str::to_owned),
                undo: change.undo.as_deref().map(str::to_owned),
            }
        });
    evidence.links = links(kept, started_at, &evidence, public_url);
    evidence
}

/// The title without the kind that the sentence says before it: "deploy" and "deploy checkout 2.4.1" give "deploy checkout
/// 2.4.1".
fn summary(kind: &str, title: &str) -> String {
    let rest = title.strip_prefix(kind).and_then(|rest| rest.strip_prefix(' '));
    rest.unwrap_or(title).to_owned()
}

fn log_pattern(view: &PatternView) -> alerting::LogPattern {
    let (lines, times) = match view.surge {
        Some(surge) if surge.expected >= 1.0 => (surge.recent, Some(surge.recent as f64 / surge.expected)),
        Some(surge) => (surge.recent, None),
        None => (view.facts.trend.total(), None),
    };
    alerting::LogPattern { template: view.template.clone(), lines, times }
}

fn suspect(suspect: &nines_slo::Suspect) -> alerting::Suspect {
    alerting::Suspect {
        field: suspect.field.to_string(),
        value: suspect.value.to_string(),
        bad: suspect.bad,
        total: suspect.total,
        share_of_bad: suspect.share_of_bad,
        share_of_all: suspect.share_of_total,
    }
}

fn links(
    kept: &Kept,
    started_at: Timestamp,
    evidence: &alerting::Evidence,
    public_url: &str,
) -> alerting::Links {
    let (from, to) = (started_at - SEARCH_BEFORE, started_at + SEARCH_AFTER);
    let search = kept.promise.indicator.as_ref().ok().map(|ours| {
        let ours = match ours {
            Measure::Events(ours) => indicator(ours),
            Measure::Series(ours) => {
                let query = ours.questions().first().map(|question| encoded(&question.text));
                let (query, from, to) =
                    (query.unwrap_or_default(), encoded(&from.to_string()), encoded(&to.to_string()));
                return format!("{public_url}/metrics?expr={query}&from={from}&to={to}");
            }
        };
        format!(
            "{public_url}/search?dataset={}&q={}&from={}&to={}",
            ours.dataset,
            encoded(&ours.bad_filter),
            encoded(&from.to_string()),
            encoded(&to.to_string()),
        )
    });
    alerting::Links {
        incident: None,
        slo: Some(format!("{public_url}/slo/{}", encoded(&kept.promise.id))),
        search,
        traces: evidence.sample_traces.first().map(|trace| format!("{public_url}/trace/{trace}")),
        runbook: kept.runbook.clone(),
        acknowledge: None,
        silence: None,
    }
}

/// Percent-encoding of a query value: all but RFC 3986's unreserved characters.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn filters_survive_a_link() {
        assert_eq!(encoded("a.b: \"x y\" & c"), "a.b%3A%20%22x%20y%22%20%26%20c");
    }
}
