//! What a service promises before anybody has thought about it: SLOs with a target that its own past gives reasons for.
//!
//! A target is one of [`TARGETS`], never tighter than [`DEFAULT_TARGET`]: the highest that the past would have kept with
//! half of its budget left, and that so much traffic can measure. Without a past it is the default, and says so.
//! A time limit is one of [`LIMITS_MS`], the next above what 99 of 100 requests took; without a past there is none,
//! because a guess would page.

use std::collections::BTreeMap;

use crate::document::{
    Budgeting, Document, Meta, Metric, Objective, Op, Period, Ratio, Ref, Settings, Sli, Slo, Window,
};

mod telemetry;

pub use telemetry::{FAMILIES, Family, STATUS, SeriesSource, Telemetry};

/// Targets that people say aloud, in percent.
pub const TARGETS: [f64; 7] = [90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9];
/// What a service promises of which nothing is known: 40 minutes in four weeks.
pub const DEFAULT_TARGET: f64 = 99.9;
/// Share of requests that are within the time limit.
pub const LATENCY_TARGET: f64 = 99.0;
/// Steps of time limits, about two and a half apart, as people perceive them.
pub const LIMITS_MS: [u32; 12] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];
/// The window of every proposal: four weeks have as many weekends each.
const WINDOW_DAYS: u32 = 28;
/// A budget of fewer bad events than this is spent by a handful of accidents.
const BUDGET_EVENTS_MIN: f64 = 10.0;
/// So much of the budget the past may have used for a target to be proposed.
const BUDGET_USED_MAX: f64 = 0.5;
/// Fewer requests than this say nothing about a share of them.
const REQUESTS_MIN: u64 = 1_000;
/// Room above what was measured before a limit is taken: a step that is reached every day pages every day.
const LIMIT_ROOM: f64 = 1.25;
/// Longest name of an object.
const NAME_MAX: usize = 63;

/// What the telemetry of a service says about its past.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServicePast {
    /// As in `service.name`.
    pub service: String,
    /// What its requests are counted from.
    pub telemetry: Telemetry,
    /// Log lines, if there is nothing else.
    pub requests: u64,
    pub errors: u64,
    /// What 99 of 100 requests took at most.
    pub p99_ms: Option<f64>,
    /// How far back it goes.
    pub days: f64,
}

/// An SLO that could be kept, and why it is as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub slo: Slo,
    /// `availability`, `latency`, or `quality` of what only writes log lines.
    pub category: &'static str,
    /// Whole sentences.
    pub reason: String,
}

impl Proposal {
    /// The document, ready to be applied.
    pub fn yaml(&self) -> String {
        Document::Slo(self.slo.clone()).to_yaml()
    }
}

/// Availability always; latency if the past says what is usual.
pub fn propose(past: &ServicePast) -> Vec<Proposal> {
    let known = past.requests >= REQUESTS_MIN;
    let mut proposals = vec![availability(past, known)];
    proposals.extend(past.p99_ms.filter(|_| known).and_then(|p99_ms| latency(past, p99_ms)));
    proposals
}

fn availability(past: &ServicePast, known: bool) -> Proposal {
    let (target, reason) = if known {
        reasoned_target(past)
    } else {
        let seen = match past.requests {
            0 => "there are no requests yet".to_owned(),
            seen => format!("{seen} {} say too little", past.telemetry.counted()),
        };
        (
            DEFAULT_TARGET,
            format!(
                "{seen}: {DEFAULT_TARGET}% is where services begin, 40 minutes in {WINDOW_DAYS} days; look again after a week"
            ),
        )
    };
    let sli = past.telemetry.ratio(&past.service);
    if past.telemetry == Telemetry::LogLines {
        let text = format!("{} of 100 log lines are no errors.", digits(target));
        let slo = slo(past, "quality", "log-lines", text, sli, objective(target));
        let reason = format!(
            "{reason}; nothing counts its requests: send spans, metrics, or `{STATUS}` with its log records, and it can promise what people wait for"
        );
        return Proposal { slo, category: "quality", reason };
    }
    let text = format!("{} of 100 requests are answered without an error of ours.", digits(target));
    let slo = slo(past, "availability", "answers", text, sli, objective(target));
    Proposal { slo, category: "availability", reason }
}

fn reasoned_target(past: &ServicePast) -> (f64, String) {
    let bad = past.errors as f64 / past.requests as f64;
    let a_window = past.requests as f64 / past.days.max(1.0) * f64::from(WINDOW_DAYS);
    let counted = past.telemetry.counted();
    let fine = if past.telemetry == Telemetry::LogLines { "no errors" } else { "answered" };
    let measured = format!(
        "{}% of {} {counted} in the last {} were {fine}",
        digits(100.0 * (1.0 - bad)),
        past.requests,
        days(past.days)
    );
    let allowed = |target: f64| 1.0 - target / 100.0;
    let kept = |target: &&f64| bad <= allowed(**target) * BUDGET_USED_MAX;
    let is_counted = |target: &&f64| a_window * allowed(**target) >= BUDGET_EVENTS_MIN;
    let lowest = TARGETS[0];
    let by_past = TARGETS.iter().rev().find(kept).copied();
    let by_traffic = TARGETS.iter().rev().find(is_counted).copied().unwrap_or(lowest);
    match by_past {
        None => (
            lowest,
            format!(
                "{measured}: even {lowest}% would not have been kept, so begin there and mend the service"
            ),
        ),
        Some(target) if by_traffic < target => (
            by_traffic,
            format!(
                "{measured}, but {a_window:.0} {counted} in {WINDOW_DAYS} days cannot tell {target}% from luck: {by_traffic}% leaves {:.0} errors to be counted",
                a_window * allowed(by_traffic)
            ),
        ),
        Some(target) => {
            let used = 100.0 * bad / allowed(target);
            let tightest =
                if target >= DEFAULT_TARGET { ", the tightest that is proposed unasked" } else { "" };
            (target, format!("{measured}: {target}%{tightest}, of whose budget that uses {used:.0}%"))
        }
    }
}

fn latency(past: &ServicePast, p99_ms: f64) -> Option<Proposal> {
    let (sli, unit_ms) = past.telemetry.durations(&past.service)?;
    let limits = past.telemetry.limits_ms(&LIMITS_MS);
    let limit = limits.into_iter().find(|limit| *limit >= p99_ms * LIMIT_ROOM)?;
    let step = if unit_ms == 1.0 && matches!(past.telemetry, Telemetry::Spans { .. }) {
        "the next step"
    } else {
        "the next bound of its buckets"
    };
    let reason = format!(
        "{LATENCY_TARGET} of 100 requests took at most {} ms in the last {}: {} ms is {step} that leaves room",
        digits(if p99_ms >= 10.0 { p99_ms.round() } else { p99_ms }),
        days(past.days),
        digits(limit)
    );
    let objective =
        Objective { op: Some(Op::Lte), value: Some(limit / unit_ms), ..objective(LATENCY_TARGET) };
    let text = format!("{LATENCY_TARGET} of 100 requests are answered within {} ms.", digits(limit));
    let slo = slo(past, "latency", "duration", text, sli, objective);
    Some(Proposal { slo, category: "latency", reason })
}

fn slo(
    past: &ServicePast,
    category: &str,
    indicator: &str,
    text: String,
    metric: Metric,
    objective: Objective,
) -> Slo {
    let meta = |suffix: &str| Meta { name: name(&past.service, suffix), ..Meta::default() };
    let sli = Sli { meta: meta(indicator), description: None, metric };
    let labels = BTreeMap::from([("category".to_owned(), vec![category.to_owned()])]);
    let display_name = Some(format!("{} {category}", past.service));
    Slo {
        meta: Meta { display_name, labels, ..meta(category) },
        description: Some(text),
        service: past.service.clone(),
        indicator: Some(Ref::Inline(Box::new(sli))),
        window: Window::Rolling(Period::days(WINDOW_DAYS)),
        budgeting: Budgeting::Occurrences,
        objectives: vec![objective],
        alert_policies: Vec::new(),
        settings: Settings::default(),
    }
}

fn objective(percent: f64) -> Objective {
    Objective {
        display_name: None,
        target: Ratio::from_f64(percent / 100.0).unwrap_or(Ratio::ONE),
        op: None,
        value: None,
        time_slice_target: None,
        time_slice_window: None,
        composite_weight: None,
        indicator: None,
    }
}

/// A name of an object that begins as the service does.
fn name(service: &str, suffix: &str) -> String {
    let letters = service.to_lowercase();
    let mut word: String = letters.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    word.truncate(NAME_MAX - suffix.len() - 1);
    match word.trim_matches('-') {
        "" => format!("service-{suffix}"),
        word => format!("{word}-{suffix}"),
    }
}

fn days(days: f64) -> String {
    let hours = (days * 24.0).round().max(1.0);
    match days {
        days if days >= 1.5 => format!("{days:.0} days"),
        _ if hours < 1.5 => "hour".to_owned(),
        _ => format!("{hours:.0} hours"),
    }
}

/// Three decimals at most, without zeros that say nothing.
fn digits(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(requests: u64, errors: u64) -> ServicePast {
        ServicePast {
            service: "Check\"out".to_owned(),
            telemetry: Telemetry::default(),
            requests,
            errors,
            p99_ms: Some(180.0),
            days: 14.0,
        }
    }

    fn target(requests: u64, errors: u64) -> (String, String) {
        let proposal = propose(&past(requests, errors)).remove(0);
        (proposal.slo.objectives[0].target.to_string(), proposal.reason)
    }

    #[test]
    fn a_target_is_what_the_past_keeps_with_half_of_its_budget_left() {
        assert_eq!(target(1_000_000, 100).0, "99.9%");
        assert_eq!(target(1_000_000, 501).0, "99.8%");
        assert_eq!(target(1_000_000, 4_000).0, "99%");
        let (target, reason) = target(1_000_000, 100_000);
        assert_eq!(target, "90%");
        assert!(reason.contains("would not have been kept"), "{reason}");
    }

    #[test]
    fn little_traffic_is_not_promised_what_it_cannot_measure() {
        let (target, reason) = target(1_000, 0);
        assert_eq!(target, "99.5%", "{reason}");
        assert!(reason.contains("cannot tell 99.9% from luck"), "{reason}");
    }

    #[test]
    fn without_a_past_there_is_the_default_and_no_limit_of_time() {
        let proposals = propose(&ServicePast { service: "new".to_owned(), ..ServicePast::default() });
        assert_eq!(proposals.len(), 1);
        assert_eq!(proposals[0].slo.objectives[0].target.to_string(), "99.9%");
        assert!(proposals[0].reason.contains("no requests yet"), "{}", proposals[0].reason);
    }

    #[test]
    fn what_is_proposed_can_be_applied_and_is_measured() {
        let proposals = propose(&past(1_000_000, 100));
        assert_eq!(proposals.len(), 2);
        assert_eq!(proposals[1].slo.objectives[0].value, Some(250.0));
        let yaml: Vec<String> = proposals.iter().map(Proposal::yaml).collect();
        let parsed = crate::parse(None, &yaml.join("\n---\n")).expect("documents");
        let mut registry = crate::Registry::default();
        registry.apply(parsed.documents).expect("applied");
        let promises = registry.promises();
        assert_eq!(promises.len(), 2);
        for promise in promises {
            assert!(promise.indicator.is_ok(), "{}: {:?}", promise.id, promise.indicator);
            assert_eq!(promise.service, "Check\"out");
        }
    }

    #[test]
    fn series_and_logs_are_promised_of_by_their_own_measure() {
        let mut registry = crate::Registry::default();
        for (number, family) in FAMILIES.iter().enumerate() {
            let series = SeriesSource { bounds_ms: vec![100.0, 300.0, 500.0], ..family.source("shop.1") };
            let telemetry = Telemetry::Series(Box::new(series));
            let past = ServicePast { service: format!("shop.{number}"), telemetry, ..past(1_000_000, 100) };
            let proposals = propose(&past);
            assert_eq!(proposals.len(), 2, "{}", family.counter);
            // A bound of its own buckets, in the unit of the series.
            let limit = proposals[1].slo.objectives[0].value.unwrap();
            assert_eq!(limit * family.unit_ms(), 300.0, "{}", family.counter);
            assert!(proposals[1].reason.contains("the next bound of its buckets"), "{}", proposals[1].reason);
            let yaml: Vec<String> = proposals.iter().map(Proposal::yaml).collect();
            registry.apply(crate::parse(None, &yaml.join("\n---\n")).expect("documents").documents).unwrap();
        }
        for telemetry in [Telemetry::AccessLogs, Telemetry::LogLines] {
            let service = format!("{telemetry:?}");
            let past = ServicePast { service, telemetry, p99_ms: None, ..past(1_000_000, 100) };
            let proposals = propose(&past);
            assert_eq!(proposals.len(), 1);
            let of_lines = proposals[0].category == "quality";
            assert_eq!(of_lines, past.telemetry == Telemetry::LogLines);
            assert_eq!(of_lines, proposals[0].reason.contains("nothing counts its requests"));
            registry.apply(crate::parse(None, &proposals[0].yaml()).unwrap().documents).unwrap();
        }
        for promise in registry.promises() {
            assert!(promise.indicator.is_ok(), "{}: {:?}", promise.id, promise.indicator);
        }
    }
}
