//! Unit tests of rules, as people write them.

use nines_rules::testing::run;

const RULES: &str = r#"
groups:
- name: example
  rules:
  - record: job:up:count
    expr: count by (job) (up == 1)
  - alert: InstanceDown
    expr: up == 0
    for: 5m
    keep_firing_for: 2m
    labels: {severity: page}
    annotations:
      summary: "Instance {{ $labels.instance }} down"
      description: "{{ $labels.instance }} of job {{ $labels.job }} in {{ $externalLabels.region }} has been down for more than 5 minutes."
"#;

const TESTS: &str = r#"
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- name: down
  interval: 1m
  external_labels: {region: eu}
  input_series:
  - series: 'up{job="prometheus", instance="localhost:9090"}'
    values: '0x11 1x10'
  - series: 'up{job="node", instance="localhost:9100"}'
    values: '1+0x6 0x20'
  - series: 'sizes'
    values: '{{schema:0 count:3 sum:4 buckets:[1 2]}}x5'
  alert_rule_test:
  - eval_time: 4m59s
    alertname: InstanceDown
  - eval_time: 10m
    alertname: InstanceDown
    exp_alerts:
    - exp_labels: {severity: page, instance: "localhost:9090", job: prometheus}
      exp_annotations:
        summary: Instance localhost:9090 down
        description: localhost:9090 of job prometheus in eu has been down for more than 5 minutes.
  promql_expr_test:
  - expr: job:up:count
    eval_time: 4m
    exp_samples:
    - labels: 'job:up:count{job="node"}'
      value: 1
  - expr: sizes
    eval_time: 2m
    exp_samples:
    - labels: sizes
      histogram: '{{schema:0 count:3 sum:4 buckets:[1 2]}}'
  - expr: 1 + 1
    exp_samples:
    - value: 2
"#;

fn outcome(tests: &str) -> Vec<String> {
    let mut files = |pattern: &str| Ok(vec![(pattern.to_owned(), RULES.to_owned())]);
    let report = run("tests.yml", tests, &mut files).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!((report.tests, report.checks), (1, 5));
    report.failures.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_of_the_documentation_passes() {
    assert_eq!(outcome(TESTS), Vec::<String>::new());
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_both_sides() {
    let changed = TESTS
        .replace("value: 1\n", "value: 2\n")
        .replace("severity: page, instance", "severity: ticket, instance")
        .replace("buckets:[1 2]}}'\n  - expr: 1", "buckets:[2 1]}}'\n  - expr: 1");
    let found = outcome(&changed);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(
        found[0].starts_with(
            "line 18: test down: alert `InstanceDown` at 10m: expected {alertname=\"InstanceDown\""
        ),
        "{found:#?}"
    );
    assert!(found[1].contains("`job:up:count` at 4m: expected {__name__=\"job:up:count\", job=\"node\"} 2, got {__name__=\"job:up:count\", job=\"node\"} 1"), "{found:#?}");
}

#[test]
fn mistakes_in_the_files_are_reported_before_anything_runs() {
    let mut missing = |pattern: &str| Err(format!("`{pattern}` is not there"));
    let errors = run("tests.yml", TESTS, &mut missing).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "tests.yml:2:14: rule_files: `rules.yml` is not there".replace(":14", ":1")
    );
    let mut broken =
        |pattern: &str| Ok(vec![(pattern.to_owned(), "groups: [{name: a, rules: [{alert: x}]}]".to_owned())]);
    let errors = run("tests.yml", TESTS, &mut broken).unwrap_err();
    assert!(errors[0].to_string().starts_with("rules.yml:1:28"), "{}", errors[0]);
    let mut none = |_: &str| Ok(Vec::new());
    let errors =
        run("tests.yml", "tests: [{input_serie: []}]\nevaluation_interval: 5", &mut none).unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        run("tests.yml", "tests: [{promql_expr_test: [{expr: up, eval_time: 10y}]}]", &mut none)
            .unwrap()
            .failures[0]
            .message
            .contains("evaluations")
    );
}
