//! Unit tests of rules, as `promtool test rules` runs them. Source: upstream's `cmd/promtool/unittest.go` of version 3 and
//! `docs/configuration/unit_testing_rules.md`.

mod compare;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nines_base::ManualClock;
use nines_model::Timestamp;
use nines_promql::{Control, Engine, Value};
pub use nines_yaml::DocumentError;

use crate::alert::{AlertState, millis};
use crate::document::{self, RuleGroup, RuleKind};
use crate::group::{Context, GroupState, evaluate, map_of};
use crate::memory::MemoryStore;

pub use read::{AlertTest, ExpectedAlert, ExpectedSample, ExpressionTest, TestFile, TestGroup, parse};

/// Evaluations of one test: a month of minutes. More is a mistake in the file.
pub const STEPS_MAX: i64 = 50_000;

/// Gives the files that a pattern of `rule_files` names: how each is called, and its text.
pub type Files<'f> = dyn FnMut(&str) -> Result<Vec<(String, String)>, String> + 'f;

/// What came of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub tests: usize,
    pub checks: usize,
    pub failures: Vec<Failure>,
}

/// One check that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Name of the test, or its number from 1.
    pub test: String,
    /// In the test file, from 1.
    pub line: u32,
    pub message: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: test {}: {}", self.line, self.test, self.message)
    }
}

/// Runs a test file. Errors are about the files; what a test finds wrong is in the report.
pub fn run(name: &str, text: &str, files: &mut Files<'_>) -> Result<Report, Vec<DocumentError>> {
    let file = parse(name, text)?;
    let mut groups: Vec<Arc<RuleGroup>> = Vec::new();
    let mut errors = Vec::new();
    for (pattern, line) in &file.rule_files {
        match files(pattern) {
            Ok(found) => {
                for (name, text) in found {
                    match document::parse(&name, &text) {
                        Ok(file) => groups.extend(file.groups),
                        Err(more) => errors.extend(more),
                    }
                }
            }
            Err(message) => errors.push(DocumentError {
                file: Some(Arc::from(name)),
                line: *line,
                column: 1,
                path: "rule_files".to_owned(),
                message,
                hint: None,
            }),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    order(&mut groups, &file.group_order);
    let mut report = Report::default();
    for (number, test) in file.tests.iter().enumerate() {
        let shown = test.name.clone().unwrap_or_else(|| format!("{}", number + 1));
        report.tests += 1;
        let (checks, failures) = run_test(&file, test, &groups);
        report.checks += checks;
        let failure = |(line, message)| Failure { test: shown.clone(), line, message };
        report.failures.extend(failures.into_iter().map(failure));
    }
    Ok(report)
}

/// Groups that `group_eval_order` names come first, in its order.
fn order(groups: &mut [Arc<RuleGroup>], names: &[String]) {
    groups.sort_by_key(|group| names.iter().position(|name| *name == group.name).unwrap_or(usize::MAX));
}

/// How many checks there were, and what was wrong, with its line.
fn run_test(file: &TestFile, test: &TestGroup, groups: &[Arc<RuleGroup>]) -> (usize, Vec<(u32, String)>) {
    let (mut checks, mut failures) = (0, Vec::new());
    let mut series = Vec::new();
    for (line, written, values) in &test.series {
        let text = format!("{written} {values}");
        match nines_promql::conformance::series_from_notation(&text, millis(test.interval)) {
            Ok(mut found) => {
                shift(&mut found, test.start_ms);
                series.push(found);
            }
            Err(why) => failures.push((*line, format!("series `{written}`: {why}"))),
        }
    }
    let store = MemoryStore::new(series);
    let clock = ManualClock::at(Timestamp::from_millis(test.start_ms));
    let (engine, control) = (Engine::default(), Control::default());
    let context = Context {
        engine: &engine,
        store: &store,
        clock: clock.as_ref(),
        control: &control,
        external_labels: &test.external_labels,
        external_url: &test.external_url,
        query_offset: Duration::ZERO,
    };
    let step = millis(file.evaluation_interval).max(1);
    let alert_times = test.alerts.iter().map(|alert| alert.at_ms);
    let last =
        alert_times.chain(test.expressions.iter().map(|expression| expression.at_ms)).max().unwrap_or(0);
    if last / step > STEPS_MAX {
        failures.push((test.line, format!("the test takes more than {STEPS_MAX} evaluations: shorten it")));
        return (checks, failures);
    }
    let mut states: Vec<GroupState> = groups.iter().map(|group| GroupState::new(group)).collect();
    let mut failed_rules: BTreeSet<String> = BTreeSet::new();
    let mut at = 0;
    while at <= last {
        for (group, state) in groups.iter().zip(&mut states) {
            evaluate(group, state, &context, test.start_ms + at);
            for (rule, known) in group.rules.iter().zip(&state.rules) {
                if let Some(error) = &known.last_error
                    && failed_rules.insert(format!("{}/{}", group.name, rule.name()))
                {
                    let time = nines_promql::format_duration(at);
                    let (rule, group) = (rule.name(), &group.name);
                    let message = format!("rule `{rule}` of group `{group}` failed at {time}: {error}");
                    failures.push((test.line, message));
                }
            }
        }
        for alert in test.alerts.iter().filter(|alert| (at..at + step).contains(&alert.at_ms)) {
            checks += 1;
            let checked = check_alerts(alert, groups, &states);
            failures.extend(checked.err().map(|message| (alert.line, message)));
        }
        at += step;
    }
    for expression in &test.expressions {
        checks += 1;
        let found = engine.instant(&store, &expression.expr, test.start_ms + expression.at_ms, &control);
        let checked = match found.map(|answer| answer.value) {
            Ok(Value::Vector(samples)) => compare::samples(expression, &samples, file.fuzzy),
            Ok(Value::Scalar { time_ms, value }) => {
                let labels = nines_promql::Labels::default();
                let value = nines_promql::SampleValue::Float(value);
                compare::samples(expression, &[nines_promql::Sample { labels, time_ms, value }], file.fuzzy)
            }
            Ok(_) => Err(format!("`{}` gives no vector", expression.expr)),
            Err(error) => Err(format!("`{}`: {error}", expression.expr)),
        };
        failures.extend(checked.err().map(|message| (expression.line, message)));
    }
    (checks, failures)
}

fn shift(series: &mut nines_promql::SeriesData, by_ms: i64) {
    series.times.iter_mut().for_each(|time| *time += by_ms);
    series.histograms.iter_mut().for_each(|point| point.time += by_ms);
}

/// Firing alerts only, as upstream.
fn check_alerts(test: &AlertTest, groups: &[Arc<RuleGroup>], states: &[GroupState]) -> Result<(), String> {
    let mut found: Vec<(BTreeMap<String, String>, BTreeMap<String, String>)> = Vec::new();
    for (group, state) in groups.iter().zip(states) {
        for (rule, known) in group.rules.iter().zip(&state.rules) {
            if !matches!(rule.kind, RuleKind::Alerting(_)) || rule.name() != test.alert {
                continue;
            }
            let firing = known.alerts.values().filter(|alert| alert.state == AlertState::Firing);
            found.extend(firing.map(|alert| (map_of(&alert.labels), alert.annotations.clone())));
        }
    }
    let mut expected: Vec<_> = test
        .expected
        .iter()
        .map(|expected| {
            let mut labels = expected.labels.clone();
            labels.retain(|_, value| !value.is_empty());
            labels.insert("alertname".to_owned(), test.alert.clone());
            (labels, expected.annotations.clone())
        })
        .collect();
    found.sort();
    expected.sort();
    if found == expected {
        return Ok(());
    }
    let time = nines_promql::format_duration(test.at_ms);
    Err(format!(
        "alert `{}` at {time}: expected {}, got {}",
        test.alert,
        compare::shown_alerts(&expected),
        compare::shown_alerts(&found)
    ))
}
