//! Where a promise stands: states, tiers, exhaustion, sentences.

use std::sync::Arc;
use std::time::Duration;

use nines_model::TimeRange;
use nines_slo::{
    Audience, BudgetStatus, Exhaustion, LiveSli, LiveSlis, Locale, MeasurementState, Promise, Registry,
    SECONDS_TIER, StaleReason, Verdict, VolumeBasis, budget_sentence, evaluate, parse, series,
    state_sentence,
};

use crate::stream::{START, at, batch, event};

const SLO: &str = r#"
apiVersion: openslo/v1
kind: SLO
metadata:
  name: shop
  annotations: {nines/sla: "99"}
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        bad: {metricSource: {type: nines, spec: {dataset: spans, filter: "http.response.status_code >= 500"}}}
        total: {metricSource: {type: nines, spec: {dataset: spans, filter: "service.name: shop"}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"#;

fn promise(text: &str) -> Promise {
    let mut registry = Registry::default();
    registry.apply(parse(None, text).unwrap_or_else(|errors| panic!("{errors:#?}")).documents).unwrap();
    registry.promises().remove(0)
}

struct World {
    promise: Promise,
    slis: LiveSlis,
    sli: Arc<LiveSli>,
    sequence: u64,
}

impl World {
    /// Measured since `known` seconds before [`START`].
    fn new(text: &str, known: i64) -> Self {
        let promise = promise(text);
        let slis = LiveSlis::new();
        let indicator = promise.indicator.clone().unwrap();
        let sli = slis.add(&promise.id, indicator, &promise.window, promise.budgeting).unwrap();
        slis.start_empty(&sli, at(START - known)).unwrap();
        Self { promise, slis, sli, sequence: 0 }
    }

    /// `good` and `bad` events in each second of `from..to`, seconds from [`START`].
    fn traffic(&mut self, from: i64, to: i64, good: usize, bad: usize) {
        self.traffic_each(1, from, to, good, bad);
    }

    /// Events in every `step`th second.
    fn traffic_each(&mut self, step: usize, from: i64, to: i64, good: usize, bad: usize) {
        for second in (from..to).step_by(step) {
            let time = at(START + second) + Duration::from_millis(100);
            let events = (0..good + bad).map(|index| event(time, index < good)).collect();
            self.sequence += 1;
            self.slis.observe(self.sequence, &batch(time, events));
        }
    }

    fn reading(&self, second: i64) -> nines_slo::SloReading {
        evaluate(&self.promise, Some(self.sli.rings()), at(START + second))
    }
}

#[test]
fn a_total_failure_breaches_the_seconds_tier_within_three_seconds_and_ends_soon_after() {
    let mut world = World::new(SLO, 600);
    world.traffic(-600, 0, 20, 0);
    let seconds = |world: &World, second| {
        let reading = world.reading(second);
        let tier = reading.tiers.iter().find(|tier| tier.tier.name == SECONDS_TIER).unwrap().clone();
        (tier.verdict, reading)
    };
    assert_eq!(seconds(&world, 0).0, Verdict::Quiet);
    let mut detected = None;
    for second in 0..30 {
        world.traffic(second, second + 1, 0, 20);
        if seconds(&world, second + 1).0 == Verdict::Breaching {
            detected.get_or_insert(second + 1);
        }
    }
    assert!(detected.is_some_and(|second| second <= 3), "{detected:?}");
    let (_, reading) = seconds(&world, 30);
    assert_eq!(reading.state, MeasurementState::Measured);
    let burn = reading.burn.unwrap();
    assert!((1..=5).contains(&burn.over.as_secs()) && burn.bad_share == 1.0, "{burn:?}");
    assert!((burn.rate - 1_000.0).abs() < 1e-6);
    // 30 s of failure out of 43 min 12 s. The window is young, so that ten minutes' traffic does not stand for 30 days.
    let budget = reading.budget.unwrap();
    assert!((budget.remaining_time.as_secs_f64() - (2_592.0 - 30.0)).abs() < 2.0, "{budget:?}");
    assert!(reading.young);
    assert!(matches!(reading.exhaustion, Some(Exhaustion::In(gone)) if gone.as_secs().abs_diff(2_562) <= 2));
    // Mended: quiet once the short window is clean.
    world.traffic(30, 40, 20, 0);
    assert_eq!(seconds(&world, 40).0, Verdict::Quiet);
}

/// What is heard of hours late is charged to the budget. It calls nobody, unless it still goes on.
#[test]
fn a_failure_that_is_over_breaches_no_tier_however_few_events_came_since() {
    let mut world = World::new(SLO, 7 * 86_400);
    let burst = (0..200).map(|second| event(at(START - 5 * 3_600 + second), false)).collect();
    world.sequence += 1;
    world.slis.observe(world.sequence, &batch(at(START), burst));
    let verdict = |world: &World, name: &str| {
        let reading = world.reading(0);
        reading.tiers.iter().find(|tier| tier.tier.name == name).map(|tier| tier.verdict)
    };
    let reading = world.reading(0);
    assert_eq!((reading.counts.bad, reading.budget.unwrap().status()), (200, BudgetStatus::Exhausted));
    assert!(
        reading
            .tiers
            .iter()
            .all(|tier| tier.verdict != Verdict::Breaching || tier.tier.short.as_secs() > 5 * 3_600)
    );
    assert_eq!(verdict(&world, "page_6h"), Some(Verdict::TooFew));
    // One request in ten minutes, each of which fails.
    world.traffic_each(600, -6 * 3_600, 0, 0, 1);
    assert_eq!(verdict(&world, "page_6h"), Some(Verdict::Breaching));
}

#[test]
fn states_are_honest() {
    let promise = promise(SLO);
    assert_eq!(evaluate(&promise, None, at(START)).state, MeasurementState::Stale(StaleReason::Starting));

    let mut world = World::new(SLO, 600);
    let reading = world.reading(0);
    assert_eq!(reading.state, MeasurementState::Stale(StaleReason::NeverSeen));
    assert_eq!((reading.status, reading.attained, reading.budget), (None, None, None));

    world.traffic(0, 2, 5, 0);
    assert_eq!(world.reading(2).state, MeasurementState::TooFew { have: 10, need: 25 });
    assert_eq!(world.reading(2).status, None, "a guess is not green");
    world.traffic(2, 200, 5, 0);
    assert_eq!(
        (world.reading(200).state, world.reading(200).status),
        (MeasurementState::Measured, Some(BudgetStatus::Healthy))
    );

    // 5 a second, then nothing: stopped after half a minute, and not 100 %.
    assert_eq!(world.reading(220).state, MeasurementState::Measured);
    let stopped = world.reading(231);
    assert!(
        matches!(
            stopped.state,
            MeasurementState::Stale(StaleReason::TrafficStopped { basis: VolumeBasis::LastHour, .. })
        ),
        "{:?}",
        stopped.state
    );
    assert_eq!(stopped.status, None);
    assert!(state_sentence(&stopped, Locale::En).unwrap().starts_with("traffic stopped at "));

    let foreign = SLO.replace("type: nines", "type: prometheus");
    let reading = evaluate(&self::promise(&foreign), None, at(START));
    assert_eq!(
        reading.state,
        MeasurementState::Invalid("source type prometheus is not measured yet".to_owned())
    );
    let paused = SLO.replace("nines/sla: \"99\"", "nines/paused: \"true\"");
    let reading = evaluate(&self::promise(&paused), Some(world.sli.rings()), at(START + 200));
    assert_eq!((reading.state.as_str(), reading.status, reading.tiers.len()), ("paused", None, 0));
}

#[test]
fn silence_is_judged_by_the_same_hour_last_week() {
    let week = 7 * 86_400;
    let mut world = World::new(SLO, week + 7_200);
    // Last week at this hour there was one event a minute; today the last came eight minutes ago.
    for minute in 0..60 {
        let second = -week - 1_800 + minute * 60;
        world.traffic(second, second + 1, 1, 0);
    }
    for minute in 0..30 {
        world.traffic(-2_280 + minute * 60, -2_279 + minute * 60, 1, 0);
    }
    let reading = world.reading(0);
    let volume = reading.volume.clone().unwrap();
    assert_eq!(volume.basis, Some(VolumeBasis::LastWeek));
    assert!((volume.expected_per_minute.unwrap() - 1.0).abs() < 0.05);
    // Nine events missing: silent, but not surely stopped.
    assert!(
        matches!(reading.state, MeasurementState::Stale(StaleReason::Silent { .. })),
        "{:?}",
        reading.state
    );
    // Last week nothing came at this hour: a service that sleeps at night is not stale.
    let mut quiet = World::new(SLO, week + 7_200);
    quiet.traffic(-week - 4_000, -week - 3_900, 1, 0);
    quiet.traffic(-4_000, -3_900, 1, 0);
    assert_eq!(quiet.reading(0).state, MeasurementState::Measured);
}

#[test]
fn the_sla_has_its_own_margin_and_an_exhausted_budget_stays_exhausted() {
    let mut world = World::new(SLO, 30 * 86_400);
    world.traffic(-1_000, 0, 995, 5);
    let reading = world.reading(0);
    assert_eq!(
        (reading.status, reading.exhaustion),
        (Some(BudgetStatus::Exhausted), Some(Exhaustion::Exhausted))
    );
    let sla = reading.sla.clone().unwrap();
    assert_eq!(sla.budget.status(), BudgetStatus::Healthy);
    assert!((sla.margin.unwrap() - 0.005).abs() < 1e-9);
    // Silence hides green, not red.
    let stale = world.reading(3_600);
    assert_eq!((stale.state.as_str(), stale.status), ("stale", Some(BudgetStatus::Exhausted)));
    assert_eq!(
        budget_sentence(&reading, Locale::En, Audience::Leader),
        "no budget left, exceeded by 2 h 52 min"
    );
}

#[test]
fn sentences_tell_engineers_and_leaders_in_three_languages() {
    // Half of the budget is spent, and 0.4 % fail now: four times too fast.
    let mut world = World::new(SLO, 40 * 86_400);
    world.traffic_each(10, -3_600, 0, 249, 1);
    world.traffic_each(10, -100_000, -98_000, 3_000, 0);
    let reading = world.reading(0);
    let say = |locale, audience| budget_sentence(&reading, locale, audience);
    let engineer = say(Locale::En, Audience::Engineer);
    assert!(
        engineer.starts_with(
            "20 min of budget left (48% of 43 min); burning 4.0× over the last 2 h; at this rate gone in "
        ),
        "{engineer}"
    );
    let leader = say(Locale::En, Audience::Leader);
    assert!(leader.starts_with("20 min of budget left; at this rate gone in 3 d "), "{leader}");
    assert!(
        say(Locale::ZhTw, Audience::Leader).starts_with("額度剩餘 20 分鐘；照此速度 3 天"),
        "{}",
        say(Locale::ZhTw, Audience::Leader)
    );
    assert!(say(Locale::ZhCn, Audience::Leader).starts_with("额度剩余 20 分钟；照此速度 3 天"));
}

#[test]
fn a_chart_shows_events_and_the_budget_going_down() {
    let mut world = World::new(SLO, 30 * 86_400);
    world.traffic(-600, -300, 10, 0);
    world.traffic(-300, 0, 9, 1);
    let range = TimeRange::new(at(START - 600), at(START));
    let (step, points) = series(&world.promise, world.sli.rings(), range, Duration::from_secs(10), 100);
    assert_eq!(step.as_secs(), 10);
    assert!(points.len() >= 60 && points.iter().map(|point| point.counts.total()).sum::<u64>() == 6_000);
    let remaining: Vec<f64> = points.iter().filter_map(|point| point.remaining_share).collect();
    assert!((remaining[5] - 1.0).abs() < 1e-9 && remaining.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9));
    let last = world.reading(0).budget.unwrap().remaining_share;
    assert!((remaining.last().unwrap() - last).abs() < 1e-6);
    let (step, points) = series(&world.promise, world.sli.rings(), range, Duration::from_secs(1), 50);
    assert!(points.len() <= 50 && step.as_secs() == 16, "{step:?} {}", points.len());
}
