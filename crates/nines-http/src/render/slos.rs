//! Promises as they cross the wire.

use std::time::Duration;

use nines_api as api;
use nines_filter::{Expr, Filter};
use nines_incidents::Language;
use nines_model::{TimeRange, Timestamp, field};
use nines_slo::{
    Audience, Budget, BudgetStatus, Exhaustion, Indicator, Locale, Measure, MeasurementState, MetricForm,
    MetricIndicator, Period, PeriodUnit, Rings, Severity, SloReading, StaleReason, TierReading, Verdict,
    Window, budget_sentence, burn_rate, duration_in_words, state_sentence,
};

use crate::promises::PromiseView;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// What "now" is: the shortest of these with enough events.
const NOW_WINDOWS: [Duration; 4] = [Duration::from_secs(10), MINUTE, Duration::from_secs(300), HOUR];

pub fn locale(language: Language) -> Locale {
    Locale::from_tag(language.as_str())
}

/// The promise as it stands. `alert_id` and `incident_id` are those that are open for it.
pub fn slo(
    view: &PromiseView,
    language: Language,
    alert_id: Option<String>,
    incident_id: Option<String>,
) -> api::Slo {
    let (promise, reading) = (&view.promise, &view.reading);
    let locale = locale(language);
    let rings = view.live.as_ref().map(|live| live.rings());
    let counts = |window| rings.map(|rings| rings.sum(reading.at, window)).unwrap_or_default();
    api::Slo {
        name: promise.id.clone(),
        display_name: promise.title.clone(),
        description: promise.description.clone().unwrap_or_default(),
        service: promise.service.clone(),
        owner: view.owner.clone(),
        runbook: view.runbook.clone(),
        category: category(promise.indicator.as_ref().ok()).to_owned(),
        measurement: measurement(&reading.state).to_owned(),
        measurement_reason: state_sentence(reading, locale),
        status: status(reading).map(|status| status.as_str().to_owned()),
        target: promise.target.as_f64(),
        sla_target: promise.settings.sla.map(|sla| sla.as_f64()),
        window: window(&promise.window),
        window_start: reading.window.start.to_string(),
        window_end: reading.window.end.to_string(),
        sli: reading.attained,
        good: reading.counts.good,
        total: reading.counts.total(),
        budget: budget(reading.budget.as_ref(), reading.exhaustion),
        sla_budget: reading.sla.as_ref().map(|sla| budget(Some(&sla.budget), None)),
        burns: reading.tiers.iter().map(|tier| burn(tier, reading)).collect(),
        error_rate_now: rings
            .and_then(|rings| error_rate_now(rings, rings.edge(reading.at), promise.min_events)),
        error_rate_normal: rings.and_then(|rings| error_rate_normal(rings, reading.at)),
        events_per_second: counts(MINUTE).total() as f64 / MINUTE.as_secs_f64(),
        last_event_at: reading.newest_event.map(|at| at.to_string()),
        coverage: reading.coverage,
        left_out_late: reading.ignored_late,
        left_out_ahead: reading.ignored_future,
        sentence_engineer: budget_sentence(reading, locale, Audience::Engineer),
        sentence_leader: budget_sentence(reading, locale, Audience::Leader),
        alert_id,
        incident_id,
        sparkline: rings.map(|rings| sparkline(rings, reading.at)).unwrap_or_default(),
        indicator: promise.indicator.as_ref().ok().and_then(Measure::events).map(indicator),
        metric: promise.indicator.as_ref().ok().and_then(Measure::series).map(|ours| metric(ours, view)),
    }
}

/// Where the budget stands, if that can be said. One that burns fast enough to page somebody is at risk, however much of
/// it is left.
fn status(reading: &SloReading) -> Option<BudgetStatus> {
    let status = reading.status.filter(|_| reading.state == MeasurementState::Measured)?;
    let pages =
        |tier: &TierReading| tier.verdict == Verdict::Breaching && tier.tier.severity == Severity::Page;
    let burning = reading.tiers.iter().any(pages);
    Some(if status == BudgetStatus::Healthy && burning { BudgetStatus::AtRisk } else { status })
}

/// Worst first: what burns, what is spent, what nobody can see, what is nearly spent, what is well.
pub fn urgency(slo: &api::Slo) -> (u8, i64) {
    let firing = slo.burns.iter().any(|burn| burn.firing && burn.severity == "page");
    let rank = match (slo.measurement.as_str(), slo.status.as_deref()) {
        _ if firing || slo.incident_id.is_some() => 0,
        ("measured", Some("exhausted")) => 1,
        ("stale", _) => 2,
        ("measured", Some("at_risk")) => 3,
        ("too_few", _) => 4,
        ("measured", _) => 5,
        ("invalid", _) => 6,
        _ => 7,
    };
    (rank, (slo.budget.remaining_fraction.clamp(-1e6, 1e6) * 1e6) as i64)
}

/// A line for the draft of an incident's next update.
pub fn fact(view: &PromiseView, language: Language) -> Option<String> {
    view.live.as_ref()?;
    Some(format!(
        "{}: {}",
        view.promise.title,
        budget_sentence(&view.reading, locale(language), Audience::Engineer)
    ))
}

/// What was promised, in few words.
pub fn promised(view: &PromiseView) -> String {
    format!("{} % over {}", view.promise.target.as_f64() * 100.0, window(&view.promise.window))
}

/// Bad fraction now: over the shortest window with enough events to say.
pub fn error_rate_now(rings: &Rings, at: Timestamp, min_events: u64) -> Option<f64> {
    let windows = NOW_WINDOWS.map(|window| rings.sum(at, window));
    let enough = windows.iter().find(|counts| counts.total() >= min_events);
    enough.or(windows.last()).and_then(|counts| counts.bad_ratio())
}

/// Bad fraction of the day before the last quarter of an hour: what is usual.
pub fn error_rate_normal(rings: &Rings, at: Timestamp) -> Option<f64> {
    let before = at - Duration::from_secs(900);
    rings.sum_range(TimeRange::new(before - DAY, before)).bad_ratio()
}

fn sparkline(rings: &Rings, at: Timestamp) -> Vec<Option<f64>> {
    let end = at.floor_to(MINUTE) + MINUTE;
    rings
        .series(TimeRange::new(end - HOUR, end), MINUTE)
        .iter()
        .map(|bucket| bucket.counts.bad_ratio())
        .collect()
}

fn metric(indicator: &MetricIndicator, view: &PromiseView) -> api::SloMetric {
    let part_of = |is_bad: bool| if is_bad { "bad" } else { "good" };
    let (part, total, limit) = match &indicator.form {
        MetricForm::Counts { is_bad, total, .. } => (part_of(*is_bad), Some(total), None),
        MetricForm::Share { is_bad, total, .. } => (part_of(*is_bad), total.as_ref(), None),
        MetricForm::Threshold { op, value, .. } => ("value", None, Some((op, *value))),
    };
    let reading = view.live.as_ref().map(|live| live.reading()).unwrap_or_default();
    let bound = reading.bound.filter(|bound| bound.total > 0.0).map(|bound| api::SloMetricBound {
        below: bound.below,
        above: Some(bound.above).filter(|above| above.is_finite()),
        sli_min: bound.good_min / bound.total,
        sli_max: bound.good_max / bound.total,
    });
    api::SloMetric {
        method: indicator.method().to_owned(),
        part: part.to_owned(),
        part_query: indicator.questions().first().map(|asked| asked.text.clone()).unwrap_or_default(),
        total_query: total.map(|total| total.text.clone()),
        op: limit.map(|(op, _)| op.as_str().to_owned()),
        threshold: limit.map(|(_, value)| value),
        interval_secs: indicator.interval.as_secs(),
        series: reading.series as u64,
        counted_until: reading.until.map(|until| until.to_string()),
        error: reading.error.clone(),
        bound,
    }
}

pub fn indicator(indicator: &Indicator) -> api::Indicator {
    // An indicator that was written with `bad` has `good = not (bad)`: a person wants to read the former.
    let bad = match indicator.good.ast() {
        Expr::Not(bad) => (**bad).clone(),
        good => Expr::not(good.clone()),
    };
    let mut parts = conjuncts(indicator.total.ast());
    for part in conjuncts(&bad) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    let bad = Filter::from_ast(Expr::and(parts.into_iter().cloned().collect()));
    api::Indicator {
        dataset: indicator.dataset.to_string(),
        total_filter: indicator.total.to_string(),
        bad_filter: bad.to_string(),
    }
}

fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::And(parts) => parts.iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

/// The family that the indicator belongs to, read off the fields that decide what is bad.
fn category(measure: Option<&Measure>) -> &'static str {
    let indicator = match measure {
        Some(Measure::Events(indicator)) => indicator,
        Some(Measure::Series(indicator)) => {
            return match indicator.method() {
                "observed" => "latency",
                "counted" => "availability",
                _ => "custom",
            };
        }
        None => return "custom",
    };
    let fields = indicator.good.fields();
    let has = |name: &str| fields.contains(&name);
    if has(field::DURATION_NS) {
        "latency"
    } else if fields.iter().any(|name| {
        ["utilization", "utilisation", "usage", "queue", "saturation", "pool"]
            .iter()
            .any(|word| name.contains(word))
    }) {
        "saturation"
    } else if fields.iter().any(|name| name.starts_with("error.") || name.starts_with("exception."))
        || has(field::SEVERITY_NUMBER)
    {
        "errors"
    } else {
        "availability"
    }
}

pub fn measurement(state: &MeasurementState) -> &'static str {
    match state {
        MeasurementState::Measured => "measured",
        MeasurementState::TooFew { .. } => "too_few",
        MeasurementState::Stale(
            StaleReason::Starting
            | StaleReason::NeverSeen
            | StaleReason::Silent { .. }
            | StaleReason::TrafficStopped { .. },
        ) => "stale",
        MeasurementState::Invalid(_) => "invalid",
        MeasurementState::Paused => "paused",
    }
}

fn budget(budget: Option<&Budget>, exhaustion: Option<Exhaustion>) -> api::Budget {
    let minutes = |duration: Duration| duration.as_secs_f64() / 60.0;
    api::Budget {
        allowed_events: budget.map_or(0.0, |budget| budget.allowed),
        spent_events: budget.map_or(0.0, |budget| budget.spent),
        // With nothing allowed the share is minus infinity, which JSON cannot say.
        remaining_fraction: budget.map_or(1.0, |budget| budget.remaining_share.max(-1e9)),
        remaining_minutes: budget
            .map_or(0.0, |budget| minutes(budget.remaining_time) - minutes(budget.overspent_time)),
        total_minutes: budget.map_or(0.0, |budget| minutes(budget.allowed_time)),
        exhausted_in_secs: match exhaustion {
            Some(Exhaustion::In(duration)) => Some(duration.as_secs_f64()),
            Some(Exhaustion::Exhausted)
                if budget.is_some_and(|budget| budget.status() == BudgetStatus::Exhausted) =>
            {
                Some(0.0)
            }
            _ => None,
        },
    }
}

fn burn(tier: &TierReading, reading: &SloReading) -> api::Burn {
    let finite = |rate: f64| rate.min(1e9);
    let rate = |counts: nines_slo::Counts, rate: f64| (counts.total() > 0).then(|| finite(rate));
    api::Burn {
        name: format!("{}/{}", short_duration(tier.tier.long), short_duration(tier.tier.short)),
        severity: tier.tier.severity.as_str().to_owned(),
        long_secs: tier.tier.long.as_secs(),
        short_secs: tier.tier.short.as_secs(),
        threshold: finite(burn_rate(tier.tier.short_bad_share, reading.target)),
        long_rate: rate(tier.long_counts, tier.long_burn),
        short_rate: rate(tier.short_counts, tier.short_burn),
        enough_events: tier.verdict != Verdict::TooFew,
        firing: tier.verdict == Verdict::Breaching,
    }
}

/// The length of a window as tiers are called: `5s`, `5m`, `6h`, `3d`.
pub fn short_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=90 => format!("{seconds}s"),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ => format!("{}m", seconds.div_ceil(60)),
    }
}

fn window(window: &Window) -> String {
    match window {
        Window::Rolling(period) => format!("{} rolling", period_text(*period)),
        Window::Calendar { period, zone, .. } => format!("calendar {}, {zone}", period_text(*period)),
    }
}

fn period_text(period: Period) -> String {
    let unit = match period.unit {
        PeriodUnit::Second => "s",
        PeriodUnit::Minute => "min",
        PeriodUnit::Hour => "h",
        PeriodUnit::Day => "d",
        PeriodUnit::Week => "w",
        PeriodUnit::Month => "month",
        PeriodUnit::Quarter => "quarter",
        PeriodUnit::Year => "year",
    };
    format!("{}{unit}", period.count)
}

/// A duration for people, in their language.
pub fn words(duration: Duration, language: Language) -> String {
    duration_in_words(duration, locale(language))
}

pub fn suspects(view: &PromiseView, window: Duration) -> api::SuspectsResponse {
    let Some(live) = &view.live else { return empty_suspects(window) };
    let evidence = live.evidence();
    let at = view.reading.at;
    let users = evidence.users_hit(at, window);
    api::SuspectsResponse {
        window_secs: window.as_secs(),
        suspects: evidence.suspects(at, window).iter().map(suspect).collect(),
        users_hit: users.count,
        users_hit_at_least: users.at_least,
        sample_trace_ids: evidence.bad_traces(at, window).iter().map(ToString::to_string).collect(),
    }
}

fn empty_suspects(window: Duration) -> api::SuspectsResponse {
    let window_secs = window.as_secs();
    api::SuspectsResponse {
        window_secs,
        suspects: Vec::new(),
        users_hit: 0,
        users_hit_at_least: false,
        sample_trace_ids: Vec::new(),
    }
}

pub fn suspect(suspect: &nines_slo::Suspect) -> api::Suspect {
    api::Suspect {
        field: suspect.field.to_string(),
        value: suspect.value.to_string(),
        bad: suspect.bad,
        total: suspect.total,
        share_of_bad: suspect.share_of_bad,
        share_of_total: suspect.share_of_total,
        lift: suspect.lift,
        rate: suspect.rate,
    }
}
