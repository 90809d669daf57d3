//! The state machine of a rule.
//!
//! ```text
//!             over, too few events            holds                     good long enough
//!  inactive ─────────────────────► pending ─────────► firing ───────────────────────────► resolved
//!      ▲ └──────────────────── holds ────────────────► ▲  │ ticket⇄page, flapping             │
//!      └──── measured and good ──┘                     └──┴───────── holds again ≤ 30 min ────┘
//! ```
//!
//! What "holds" means for a burn tier: its two windows are over the threshold (the SLO's verdict), *and* so is the
//! shortest window that has enough events, which tells what happens now. Without the last part an outage of five minutes
//! would keep the 6 h / 30 min tier "firing" for half an hour after the repair, and the alert with it.
//!
//! What "good" means: measured data, and for each condition of the alert either its own short window or the present is
//! below the threshold. It must be so for as long as the fastest of those short windows, in at least two evaluations
//! without a gap. On too few events the long window's length takes the short one's place.

use std::time::Duration;

use nines_model::Timestamp;

use crate::track::CHANGES_MAX;
use crate::{
    AlertId, Burn, Condition, ConditionKind, Decision, Measurement, OpenAlert, Phase, Policy, Reading,
    Reason, Severity, Track, Transition, TransitionKind,
};

/// One step of the rule. Pure; call it for every reading, in order of time.
pub fn decide(policy: &Policy, track: &Track, reading: &Reading) -> Decision {
    let mut next = track.clone();
    next.evaluated_at = Some(reading.at);
    next.changes.retain(|at| reading.at.since(*at) < policy.flap_window);
    let holding = holding(policy, reading);
    let (kind, reason) = if track.phase == Phase::Firing {
        step_open(policy, &mut next, reading, &holding, track.evaluated_at)
    } else {
        step_closed(policy, &mut next, reading, &holding)
    };
    let transition = match (kind, &mut next.alert) {
        (Some(kind), Some(alert)) => {
            alert.transitions += 1;
            Some(Transition {
                alert: alert.id.clone(),
                number: alert.transitions,
                kind,
                at: reading.at,
                severity: alert.severity,
                reason: reason.clone(),
            })
        }
        _ => None,
    };
    let changed = next.differs_from(track);
    Decision { track: next, transition, reason, changed }
}

/// A condition that holds now, and why.
struct Holding {
    condition: Condition,
    reason: Reason,
    began_at: Timestamp,
}

/// What holds, the most severe and fastest first.
fn holding(policy: &Policy, reading: &Reading) -> Vec<Holding> {
    let mut found = Vec::new();
    if matches!(reading.measurement, Measurement::Paused | Measurement::Invalid) {
        return found;
    }
    if reading.measurement != Measurement::Stale {
        let now = reading.rate_now();
        let burns =
            reading.burns.iter().filter(|burn| burn.firing && now.is_none_or(|rate| rate >= burn.threshold));
        found.extend(burns.map(|burn| hold_burn(burn, reading.at)));
    }
    let stopped = traffic_stopped(policy, reading);
    if let (Some(severity), Some((expected, window))) = (policy.traffic_stopped, stopped) {
        let kind = ConditionKind::TrafficStopped;
        found.push(Holding {
            condition: plain(kind, severity, window),
            reason: Reason::TrafficStopped { expected, window },
            began_at: reading.last_event_at.unwrap_or(reading.at - window),
        });
    }
    if let (Some(severity), Some(age), None) = (policy.stale, stale_age(policy, reading), stopped) {
        found.push(Holding {
            condition: plain(ConditionKind::DataStale, severity, policy.clear_at_least),
            reason: Reason::DataStale { age },
            began_at: reading.last_event_at.unwrap_or(reading.at),
        });
    }
    found.sort_by_key(|hold| (std::cmp::Reverse(hold.condition.severity), hold.condition.short));
    found
}

fn hold_burn(burn: &Burn, at: Timestamp) -> Holding {
    let condition = Condition {
        kind: ConditionKind::Burn,
        name: burn.tier.clone(),
        severity: burn.severity,
        threshold: burn.threshold,
        short: burn.short,
        long: burn.long,
    };
    let reason = Reason::Over {
        tier: burn.tier.clone(),
        rate: burn.short_rate.unwrap_or(burn.threshold),
        threshold: burn.threshold,
        long: burn.long,
        short: burn.short,
    };
    Holding { condition, reason, began_at: at - burn.short }
}

fn plain(kind: ConditionKind, severity: Severity, window: Duration) -> Condition {
    Condition { kind, name: kind.as_str().to_owned(), severity, threshold: 0.0, short: window, long: window }
}

/// Events expected and the window that is empty of them.
fn traffic_stopped(policy: &Policy, reading: &Reading) -> Option<(f64, Duration)> {
    let traffic = reading.traffic?;
    (traffic.events == 0 && traffic.expected >= policy.traffic_expected_min)
        .then_some((traffic.expected, traffic.window))
}

fn stale_age(policy: &Policy, reading: &Reading) -> Option<Duration> {
    let age = reading.at.since(reading.last_event_at?);
    (reading.measurement == Measurement::Stale && age >= policy.stale_after).then_some(age)
}

fn step_closed(
    policy: &Policy,
    next: &mut Track,
    reading: &Reading,
    holding: &[Holding],
) -> (Option<TransitionKind>, Reason) {
    let at = reading.at;
    if let Some(first) = holding.first() {
        let since = *next.pending_since.get_or_insert(at);
        let held = at.since(since);
        if held < policy.hold_for {
            next.phase = Phase::Pending;
            return (None, Reason::Holding { remaining: policy.hold_for - held });
        }
        return (Some(fire(policy, next, reading, holding)), first.reason.clone());
    }
    if !matches!(reading.measurement, Measurement::Measured | Measurement::TooFew) {
        return (None, Reason::Held { measurement: reading.measurement });
    }
    if let Some(burn) = reading.burns.iter().find(|burn| burn.is_over() && !burn.firing) {
        next.pending_since.get_or_insert(at);
        next.phase = Phase::Pending;
        return (None, Reason::TooFewEvents { tier: burn.tier.clone() });
    }
    next.pending_since = None;
    let resolved_at = next.alert.as_ref().and_then(|alert| alert.resolved_at);
    next.phase = match resolved_at {
        Some(resolved_at) if at.since(resolved_at) <= policy.reopen_within => Phase::Resolved,
        _ => {
            next.alert = None;
            Phase::Inactive
        }
    };
    (None, Reason::Quiet)
}

/// Opens an alert, or the last one again. `holding` is not empty.
fn fire(policy: &Policy, next: &mut Track, reading: &Reading, holding: &[Holding]) -> TransitionKind {
    let at = reading.at;
    let severity = holding.iter().map(|hold| hold.condition.severity).max().unwrap_or(Severity::Ticket);
    let conditions: Vec<Condition> = holding.iter().map(|hold| hold.condition.clone()).collect();
    let began_at = holding.iter().map(|hold| hold.began_at).max().unwrap_or(at);
    let estimated = next.pending_since.take().map_or(began_at, |pending| pending.min(began_at));
    let started_at = reading.began_at.unwrap_or(estimated).min(at);
    let flapping = note_change(policy, next, at);
    next.phase = Phase::Firing;
    let reopens =
        |alert: &OpenAlert| alert.resolved_at.is_some_and(|ended| at.since(ended) <= policy.reopen_within);
    if let Some(alert) = next.alert.as_mut().filter(|alert| reopens(alert)) {
        alert.resolved_at = None;
        alert.reopened += 1;
        alert.severity = severity;
        alert.severity_max = alert.severity_max.max(severity);
        alert.conditions = conditions;
        (alert.page_clear_since, alert.clear_since) = (None, None);
        alert.flapping = flapping;
        return if flapping { TransitionKind::Flapping } else { TransitionKind::Reopened };
    }
    next.alert = Some(OpenAlert {
        id: AlertId::of(&next.slo, at),
        started_at,
        detected_at: at,
        resolved_at: None,
        severity,
        severity_max: severity,
        conditions,
        page_clear_since: None,
        clear_since: None,
        flapping: false,
        reopened: 0,
        transitions: 0,
        budget_left_at_start: reading.budget_left,
    });
    TransitionKind::Fired
}

/// Remembers a change; true if there are now enough of them to call it flapping.
fn note_change(policy: &Policy, next: &mut Track, at: Timestamp) -> bool {
    if next.changes.len() == CHANGES_MAX {
        next.changes.remove(0);
    }
    next.changes.push(at);
    next.changes.len() >= policy.flap_changes_min.min(CHANGES_MAX)
}

fn step_open(
    policy: &Policy,
    next: &mut Track,
    reading: &Reading,
    holding: &[Holding],
    evaluated_at: Option<Timestamp>,
) -> (Option<TransitionKind>, Reason) {
    let at = reading.at;
    let Some(mut alert) = next.alert.take() else {
        // A firing track always has an alert; one that does not was damaged, and starts over rather than stay silent.
        next.phase = Phase::Inactive;
        return step_closed(policy, next, reading, holding);
    };
    for hold in holding {
        if !alert.conditions.iter().any(|known| known.name == hold.condition.name) {
            alert.conditions.push(hold.condition.clone());
        }
    }
    let contiguous = evaluated_at.is_some_and(|last| at.since(last) <= policy.gap_max);
    let page = verdict(policy, &alert, reading, holding, Severity::Page);
    let all = verdict(policy, &alert, reading, holding, Severity::Ticket);
    alert.page_clear_since = page.clear_since(alert.page_clear_since, at, contiguous);
    alert.clear_since = all.clear_since(alert.clear_since, at, contiguous);

    let clear_for = clear_for(policy, &alert, Severity::Ticket, all.on_few_events());
    let page_clear_for = clear_for_page(policy, &alert, &page);
    let (kind, reason) = match holding.first() {
        Some(first) if first.condition.severity > alert.severity => {
            alert.severity = first.condition.severity;
            alert.severity_max = alert.severity_max.max(alert.severity);
            (Some(TransitionKind::Escalated), first.reason.clone())
        }
        _ if is_clear(alert.clear_since, at, clear_for) => close(policy, next, &mut alert, at, clear_for),
        _ if alert.severity == Severity::Page && is_clear(alert.page_clear_since, at, page_clear_for) => {
            alert.severity = Severity::Ticket;
            alert.conditions.retain(|condition| condition.severity == Severity::Ticket);
            alert.page_clear_since = None;
            (Some(TransitionKind::Lowered), Reason::Cleared { clear_for: page_clear_for })
        }
        _ => (None, all.reason(reading, alert.clear_since, clear_for)),
    };
    next.alert = Some(alert);
    (kind, reason)
}

fn close(
    policy: &Policy,
    next: &mut Track,
    alert: &mut OpenAlert,
    at: Timestamp,
    clear_for: Duration,
) -> (Option<TransitionKind>, Reason) {
    let many = note_change(policy, next, at);
    if many && !alert.flapping {
        // It stays open, and quiet, until it has been good for the whole window.
        alert.flapping = true;
        return (
            Some(TransitionKind::Flapping),
            Reason::Flapping { changes: next.changes.len(), window: policy.flap_window },
        );
    }
    next.phase = Phase::Resolved;
    alert.resolved_at = Some(at);
    alert.flapping = false;
    (alert.page_clear_since, alert.clear_since) = (None, None);
    (Some(TransitionKind::Resolved), Reason::Cleared { clear_for })
}

/// At least two evaluations, for `Some` is set by the first of them, and the whole length.
fn is_clear(since: Option<Timestamp>, at: Timestamp, clear_for: Duration) -> bool {
    since.is_some_and(|since| at > since && at.since(since) >= clear_for)
}

fn clear_for(policy: &Policy, alert: &OpenAlert, floor: Severity, on_few_events: bool) -> Duration {
    if alert.flapping {
        return policy.flap_window;
    }
    let relevant = alert.conditions.iter().filter(|condition| condition.severity >= floor);
    let windows = relevant.map(|condition| if on_few_events { condition.long } else { condition.short });
    windows.min().unwrap_or_default().max(policy.clear_at_least)
}

fn clear_for_page(policy: &Policy, alert: &OpenAlert, page: &Verdict) -> Duration {
    clear_for(policy, alert, Severity::Page, page.on_few_events())
}

/// What one reading says about the conditions of an alert.
enum Verdict {
    Bad { condition: String },
    Good { on_few_events: bool },
    Unknown,
}

impl Verdict {
    fn clear_since(&self, before: Option<Timestamp>, at: Timestamp, contiguous: bool) -> Option<Timestamp> {
        match self {
            Self::Good { .. } => Some(before.filter(|since| contiguous && *since <= at).unwrap_or(at)),
            Self::Bad { .. } | Self::Unknown => None,
        }
    }

    fn on_few_events(&self) -> bool {
        matches!(self, Self::Good { on_few_events: true })
    }

    fn reason(&self, reading: &Reading, clear_since: Option<Timestamp>, clear_for: Duration) -> Reason {
        match self {
            Self::Bad { condition } => Reason::StillBad { condition: condition.clone() },
            Self::Unknown => Reason::Held { measurement: reading.measurement },
            Self::Good { .. } => {
                let good_for = clear_since.map_or(Duration::ZERO, |since| reading.at.since(since));
                Reason::Clearing { remaining: clear_for.saturating_sub(good_for) }
            }
        }
    }
}

/// The verdict over the conditions of at least the severity `floor`.
fn verdict(
    policy: &Policy,
    alert: &OpenAlert,
    reading: &Reading,
    holding: &[Holding],
    floor: Severity,
) -> Verdict {
    if let Some(hold) = holding.iter().find(|hold| hold.condition.severity >= floor) {
        return Verdict::Bad { condition: hold.condition.name.clone() };
    }
    let mut result = Verdict::Good { on_few_events: false };
    for condition in alert.conditions.iter().filter(|condition| condition.severity >= floor) {
        match judge(policy, condition, reading) {
            bad @ Verdict::Bad { .. } => return bad,
            Verdict::Unknown => result = Verdict::Unknown,
            few @ Verdict::Good { on_few_events: true } if !matches!(result, Verdict::Unknown) => {
                result = few
            }
            Verdict::Good { .. } => {}
        }
    }
    result
}

fn judge(policy: &Policy, condition: &Condition, reading: &Reading) -> Verdict {
    let seen = matches!(reading.measurement, Measurement::Measured | Measurement::TooFew);
    let good = Verdict::Good { on_few_events: false };
    match condition.kind {
        ConditionKind::Burn if seen => judge_burn(condition, reading),
        ConditionKind::DataStale if seen => good,
        ConditionKind::DataStale if stale_age(policy, reading).is_some() => {
            Verdict::Bad { condition: condition.name.clone() }
        }
        ConditionKind::TrafficStopped if reading.traffic.is_some_and(|traffic| traffic.events > 0) => good,
        ConditionKind::Burn | ConditionKind::DataStale | ConditionKind::TrafficStopped => Verdict::Unknown,
    }
}

fn judge_burn(condition: &Condition, reading: &Reading) -> Verdict {
    let own = reading.burns.iter().find(|burn| burn.tier == condition.name).and_then(|burn| burn.short_rate);
    let now = reading.rate_now();
    let over = |rate: f64| rate >= condition.threshold;
    match (now, own) {
        (None, None) => Verdict::Unknown,
        (Some(now), Some(own)) if over(now) && over(own) => {
            Verdict::Bad { condition: condition.name.clone() }
        }
        (None, Some(own)) if over(own) => Verdict::Bad { condition: condition.name.clone() },
        (Some(now), None) if over(now) => Verdict::Bad { condition: condition.name.clone() },
        (now, _) => Verdict::Good { on_few_events: now.is_none() },
    }
}
