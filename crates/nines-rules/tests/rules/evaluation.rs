//! Groups over a store: order, staleness, failures, restarts, reloads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nines_base::ManualClock;
use nines_model::Timestamp;
use nines_promql::conformance::series_from_notation;
use nines_promql::{Control, Engine, SeriesData, Value, is_stale};
use nines_rules::document::{RuleGroup, parse};
use nines_rules::{Context, Evaluator, GroupKey, GroupState, MemoryStore, Ran, evaluate};

const MINUTE: i64 = 60_000;

struct World {
    store: MemoryStore,
    engine: Engine,
    control: Control,
    clock: Arc<ManualClock>,
    external_labels: BTreeMap<String, String>,
}

impl World {
    /// Series with a value each minute.
    fn new(series: &[&str]) -> Self {
        let series = series.iter().map(|line| series_from_notation(line, MINUTE).unwrap());
        Self {
            store: MemoryStore::new(series),
            engine: Engine::default(),
            control: Control::default(),
            clock: ManualClock::at(Timestamp::EPOCH),
            external_labels: [("cluster".to_owned(), "eu".to_owned())].into(),
        }
    }

    fn context(&self) -> Context<'_> {
        Context {
            engine: &self.engine,
            store: &self.store,
            clock: self.clock.as_ref(),
            control: &self.control,
            external_labels: &self.external_labels,
            external_url: "http://nines/prometheus",
            query_offset: Duration::ZERO,
        }
    }

    fn ask(&self, query: &str, at_ms: i64) -> Vec<String> {
        let answer = self.engine.instant(&self.store, query, at_ms, &self.control).unwrap();
        let Value::Vector(samples) = answer.value else { panic!() };
        let mut all: Vec<String> =
            samples.iter().map(|sample| format!("{} {:?}", sample.labels, sample.value)).collect();
        all.sort();
        all
    }

    /// Times at which the series with this name has samples, those of markers below zero.
    fn times(&self, name: &str) -> Vec<i64> {
        let series: Vec<SeriesData> = self.store.series();
        let found = series.iter().find(|series| series.labels.metric_name() == name).expect("it was written");
        found
            .times
            .iter()
            .zip(&found.values)
            .map(|(time, value)| if is_stale(*value) { -*time } else { *time })
            .collect()
    }
}

fn group(yaml: &str) -> Arc<RuleGroup> {
    parse("r.yml", yaml).unwrap().groups.remove(0)
}

#[test]
fn rules_see_what_those_before_them_wrote_and_series_end_when_they_vanish() {
    let world = World::new(&["x{job=\"a\"} 1 2 stale _ 5", "x{job=\"b\"} 10 10 10 10 10"]);
    let group = group(
        "groups:
- name: g
  labels: {team: t}
  rules:
  - {record: 'job:x:sum', expr: sum by (job) (x)}
  - {record: 'x:sum', expr: sum(job:x:sum), labels: {team: '', env: prod}}
  - {record: only_a, expr: 'job:x:sum{job=\"a\"}'}
  - {record: scalar, expr: 40 + 2}
",
    );
    let mut state = GroupState::new(&group);
    for minute in 0..4 {
        evaluate(&group, &mut state, &world.context(), minute * MINUTE);
    }
    assert_eq!(
        world.ask("job:x:sum", 0),
        [
            "{__name__=\"job:x:sum\", job=\"a\", team=\"t\"} Float(1.0)",
            "{__name__=\"job:x:sum\", job=\"b\", team=\"t\"} Float(10.0)"
        ]
    );
    assert_eq!(world.ask("x:sum", MINUTE), ["{__name__=\"x:sum\", env=\"prod\"} Float(12.0)"]);
    assert_eq!(world.ask("scalar", MINUTE), ["{__name__=\"scalar\", team=\"t\"} Float(42.0)"]);
    // Gone at two minutes: one marker, not two.
    assert_eq!(world.times("only_a"), [0, MINUTE, -2 * MINUTE]);
    evaluate(&group, &mut state, &world.context(), 4 * MINUTE);
    assert_eq!(world.times("only_a"), [0, MINUTE, -2 * MINUTE, 4 * MINUTE]);
    let ended = state.end(5 * MINUTE);
    assert_eq!(ended.len(), 5, "{ended:?}");
}

#[test]
fn a_rule_that_fails_leaves_the_others_alone_and_ends_nothing() {
    let world = World::new(&["x{a=\"1\"} 1 1 1", "x{a=\"2\"} _ 1 _", "y 1 1 1"]);
    let group = group(
        "groups:
- name: g
  limit: 1
  rules:
  - {record: same, expr: x, labels: {a: ''}}
  - {record: limited, expr: x}
  - {alert: Many, expr: x}
  - {record: good, expr: y}
",
    );
    let mut state = GroupState::new(&group);
    evaluate(&group, &mut state, &world.context(), 0);
    assert!(state.rules.iter().all(|rule| rule.last_error.is_none()));
    evaluate(&group, &mut state, &world.context(), MINUTE);
    let errors: Vec<String> =
        state.rules.iter().filter_map(|rule| Some(rule.last_error.as_ref()?.to_string())).collect();
    assert_eq!(
        errors,
        [
            "vector contains metrics with the same labelset after applying rule labels: {__name__=\"same\"}",
            "exceeded limit of 1 with 2 series",
            "exceeded limit of 1 with 2 alerts",
        ]
    );
    assert_eq!(world.times("good"), [0, MINUTE]);
    assert_eq!(world.times("same"), [0]);
    assert_eq!(world.times("limited"), [0]);
}

#[test]
fn alerts_are_series_and_notices() {
    let world = World::new(&["x{job=\"a\",v=\"1\"} 1 1 1 stale"]);
    let group = group(
        "groups:
- name: g
  rules:
  - alert: High
    expr: x > 0
    for: 1m
    labels: {severity: 'p{{ $labels.v }}', job: '', alertname: other}
    annotations: {summary: '{{ $labels.job }} is {{ $value }} ({{ with query \"x + 1\" }}{{ . | first | value }}{{ end }}) in {{ $externalLabels.cluster }}', broken: '{{ query \"(\" }}'}
",
    );
    let mut state = GroupState::new(&group);
    let mut sent = Vec::new();
    for minute in 0..4 {
        evaluate(&group, &mut state, &world.context(), minute * MINUTE);
        let (interval, resend) = (Duration::from_secs(60), Duration::from_secs(60));
        sent.push(nines_rules::notices(
            &group,
            &mut state,
            &world.context(),
            minute * MINUTE,
            interval,
            resend,
        ));
    }
    assert_eq!(
        world.ask("ALERTS", 0),
        [
            "{__name__=\"ALERTS\", alertname=\"High\", alertstate=\"pending\", severity=\"p1\", v=\"1\"} Float(1.0)"
        ]
    );
    assert_eq!(
        world.ask("ALERTS", MINUTE),
        [
            "{__name__=\"ALERTS\", alertname=\"High\", alertstate=\"firing\", severity=\"p1\", v=\"1\"} Float(1.0)"
        ]
    );
    assert_eq!(
        world.ask("ALERTS_FOR_STATE", MINUTE),
        ["{__name__=\"ALERTS_FOR_STATE\", alertname=\"High\", severity=\"p1\", v=\"1\"} Float(0.0)"]
    );
    assert!(world.ask("ALERTS", 3 * MINUTE).is_empty());
    let counts: Vec<usize> = sent.iter().map(Vec::len).collect();
    // Pending: nothing. Firing: at once, then only after more than a minute. Resolved: at once.
    assert_eq!(counts, [0, 1, 0, 1]);
    let firing = &sent[1][0];
    assert_eq!(firing.labels["cluster"], "eu");
    assert_eq!(firing.annotations["summary"], "a is 1 (2) in eu");
    assert!(
        firing.annotations["broken"].starts_with("<error expanding template: line 1, column 4: "),
        "{firing:?}"
    );
    assert_eq!((firing.starts_at_ms, firing.ends_at_ms), (MINUTE, 5 * MINUTE));
    assert_eq!(firing.generator_url, "http://nines/prometheus/graph?g0.expr=x+%3E+0&g0.tab=1");
    assert_eq!(sent[3][0].ends_at_ms, 3 * MINUTE);
}

const SLOW: &str = "groups:
- name: g
  interval: 1m
  rules:
  - {alert: Slow, expr: x > 0, for: 5m}
  - {alert: Fast, expr: x > 0}
";

fn due(evaluator: &Evaluator, world: &World, minutes: std::ops::Range<i64>) -> Vec<Ran> {
    minutes.flat_map(|minute| evaluator.run_due(&world.context(), (minute + 1) * MINUTE - 1)).collect()
}

fn states(evaluator: &Evaluator) -> Vec<&'static str> {
    let status = evaluator.status();
    (0..2).map(|rule| status[0].rule_state(rule).unwrap()).collect()
}

#[test]
fn alerts_survive_a_restart_however_long_it_takes() {
    let world = World::new(&["x 1x2000"]);
    let evaluator = || {
        let evaluator = Evaluator::new(Duration::from_secs(60), Duration::from_secs(60));
        evaluator.apply([group(SLOW)]);
        evaluator
    };
    let before = evaluator();
    let ran = due(&before, &world, 0..4);
    assert!(ran.len() >= 3, "{ran:?}");
    assert_eq!(states(&before), ["pending", "firing"]);
    let kept = ran.last().unwrap().stored.clone().unwrap();
    println!("{}", String::from_utf8_lossy(&kept));

    // A day later: what fired fires, what was pending has two or three minutes of its five.
    let after = evaluator();
    let key = GroupKey::of(&group(SLOW));
    let day = 24 * 60;
    assert!(after.restore(&key, &kept, day * MINUTE).unwrap());
    assert_eq!(states(&after), ["pending", "firing"]);
    let ran = due(&after, &world, day..day + 1);
    assert_eq!(ran.len(), 1);
    assert_eq!(states(&after), ["pending", "firing"]);
    // Sent again, as the pause has passed; and it still began when it began.
    assert!(
        ran[0]
            .notices
            .iter()
            .any(|notice| notice.labels["alertname"] == "Fast" && notice.starts_at_ms < 5 * MINUTE)
    );
    due(&after, &world, day + 1..day + 4);
    assert_eq!(states(&after), ["firing", "firing"]);
    // Nobody was missing evaluations before the process began.
    assert_eq!(after.status()[0].missed, 0);

    assert!(!after.restore(&GroupKey { file: "other".into(), name: "g".into() }, &kept, 0).unwrap());
    assert!(after.restore(&key, b"{\"version\":\"9\"}", 0).is_err());
    // The form of the first version is kept for ever.
    let old = br#"{"version":"1","evaluated_at_ms":0,"rules":[{"alert":"Fast","labels":{},"alerts":[{"labels":{"alertname":"Fast"},"annotations":{},"state":"firing","value_bits":4607182418800017408,"active_at_ms":-60000,"fired_at_ms":-60000,"resolved_at_ms":null,"keep_firing_since_ms":null,"last_sent_at_ms":0}]}]}"#;
    assert!(evaluator().restore(&key, old, MINUTE).unwrap());
}

#[test]
fn a_changed_file_keeps_the_alerts_of_rules_that_stayed_and_ends_the_rest() {
    let world = World::new(&["x 1x100"]);
    let evaluator = Evaluator::new(Duration::from_secs(60), Duration::from_secs(60));
    evaluator.apply([group(SLOW)]);
    due(&evaluator, &world, 0..3);
    assert_eq!(world.ask("count(ALERTS)", 3 * MINUTE), ["{} Float(2.0)"]);
    evaluator.apply([group(
        "groups:
- name: g
  interval: 1m
  rules:
  - {record: new, expr: x}
  - {alert: Fast, expr: x > 0.5}
",
    )]);
    due(&evaluator, &world, 3..4);
    let status = evaluator.status();
    let fast = status[0].rules[1].alerts.values().next().unwrap();
    assert!(fast.active_at_ms < 2 * MINUTE, "{fast:?}");
    assert_eq!(
        world.ask("ALERTS", 4 * MINUTE),
        ["{__name__=\"ALERTS\", alertname=\"Fast\", alertstate=\"firing\"} Float(1.0)"]
    );
    evaluator.apply([]);
    evaluator.run_due(&world.context(), 5 * MINUTE);
    assert!(world.ask("{__name__=~\"ALERTS|new\"}", 5 * MINUTE).is_empty());
    assert_eq!(evaluator.next_due_ms(5 * MINUTE), None);
}

#[test]
fn late_evaluations_are_counted_and_happen_at_their_slots() {
    let world = World::new(&["x 1x100"]);
    let evaluator = Evaluator::new(Duration::from_secs(60), Duration::from_secs(60));
    evaluator.apply([group(SLOW)]);
    let now = 10 * MINUTE;
    // A new group is evaluated at once, for the slot that it is in.
    assert!(evaluator.next_due_ms(now).unwrap() <= now);
    let first = evaluator.run_due(&world.context(), now)[0].at_ms;
    assert!(first <= now && first > now - MINUTE);
    assert!(evaluator.run_due(&world.context(), first + 20).is_empty());
    assert_eq!(evaluator.next_due_ms(first + 20), Some(first + MINUTE));
    assert!(evaluator.run_due(&world.context(), first + MINUTE - 1).is_empty());
    assert_eq!(evaluator.run_due(&world.context(), first + 4 * MINUTE + 5)[0].at_ms, first + 4 * MINUTE);
    assert_eq!(evaluator.status()[0].missed, 3);
    // A clock that is set back silences nobody.
    assert_eq!(evaluator.run_due(&world.context(), first + MINUTE)[0].at_ms, first + MINUTE);
    assert_eq!(evaluator.next_due_ms(first + MINUTE), Some(first + 2 * MINUTE));
}

#[test]
fn an_offset_looks_back_and_writes_back() {
    let world = World::new(&["x 1 2 3 4 5"]);
    let group = group("groups: [{name: g, query_offset: 2m, rules: [{record: r, expr: x}]}]\n");
    let mut state = GroupState::new(&group);
    evaluate(&group, &mut state, &world.context(), 4 * MINUTE);
    assert_eq!(world.times("r"), [2 * MINUTE]);
    assert_eq!(world.ask("r", 2 * MINUTE), ["{__name__=\"r\"} Float(3.0)"]);
}

#[test]
fn one_group_at_a_time_the_longest_due_first() {
    let world = World::new(&["up 1+0x60"]);
    let text = "groups:\n- {name: often, interval: 1m, rules: [{record: a, expr: up}]}\n- {name: rare, interval: 30m, rules: [{record: b, expr: up}]}\n";
    let evaluator = Evaluator::new(Duration::from_secs(60), Duration::from_secs(60));
    evaluator.apply(parse("f", text).unwrap().groups);
    let mut ran = Vec::new();
    let now_ms = 40 * MINUTE;
    while let Some(one) = evaluator.run_next(&world.context(), now_ms) {
        ran.push(one.group.name);
    }
    assert_eq!(ran, ["rare", "often"], "each once, and the one whose slot is older before");
    assert!(evaluator.next_due_ms(now_ms).is_some_and(|due| due > now_ms));
}

#[test]
fn a_custom_resource_is_a_file_with_a_name() {
    let text = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: shop\n  labels: {release: x}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: up == 0\n";
    let file = parse("f", text).unwrap();
    assert_eq!((file.name.as_deref(), file.groups[0].rules[0].name()), (Some("shop"), "A"));
    let wrong = text.replace("PrometheusRule", "ServiceMonitor").replace("  groups:", "  group:");
    let errors: Vec<String> = parse("f", &wrong).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(errors.iter().any(|error| error.contains("must be `PrometheusRule`")), "{errors:?}");
    assert!(errors.iter().any(|error| error.contains("`group`")), "{errors:?}");
}
