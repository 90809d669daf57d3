//! One evaluation of a group: its rules one after the other, each seeing what those before it wrote.
//! Source: upstream's `rules/group.go` and `rules/recording.go` of version 3.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use nines_base::{Clock, ErrorKind};
use nines_promql::{
    Control, Engine, Labels, METRIC_NAME, QueryError, Sample, SampleValue, Source, Value as Answer,
    stale_marker,
};

use crate::alert::{self, Alert, AlertState, Alerts, Found, TooMany, millis};
use crate::document::{AlertingRule, Rule, RuleGroup, RuleKind};
use crate::template::{AlertData, QuerySample, Surroundings, Value};

/// Where rules read and write. What is appended is visible to the next read.
pub trait RuleStore: Send + Sync {
    fn source(&self) -> &dyn Source;

    /// Floats and native histograms; a float with the bits of a stale marker ends its series.
    fn append(&self, samples: &[Sample]) -> Result<(), StoreError>;
}

/// Nothing of the samples was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("results could not be stored: {message}")]
pub struct StoreError {
    pub message: String,
    pub kind: ErrorKind,
}

/// Why a rule had no result this time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("rule result is not a vector or scalar")]
    NotVector,
    #[error("vector contains metrics with the same labelset after applying {whose} labels: {labels}")]
    SameLabels { whose: &'static str, labels: String },
    #[error("exceeded limit of {limit} with {found} series")]
    TooManySeries { limit: usize, found: usize },
    #[error(transparent)]
    TooManyAlerts(#[from] TooMany),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RuleError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Query(error) => error.kind(),
            Self::NotVector | Self::SameLabels { .. } => ErrorKind::InvalidInput,
            Self::TooManySeries { .. } | Self::TooManyAlerts(_) => ErrorKind::TooLarge,
            Self::Store(error) => error.kind,
        }
    }
}

/// What an evaluation stands on.
pub struct Context<'a> {
    pub engine: &'a Engine,
    pub store: &'a dyn RuleStore,
    /// For how long each took.
    pub clock: &'a dyn Clock,
    pub control: &'a Control,
    /// Of the server; templates see them.
    pub external_labels: &'a BTreeMap<String, String>,
    /// Of the server; links begin with it.
    pub external_url: &'a str,
    /// For groups that name none.
    pub query_offset: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Not evaluated yet.
    #[default]
    Unknown,
    Ok,
    Err,
}

impl Health {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Err => "err",
        }
    }
}

/// What is known of one rule.
#[derive(Debug, Clone, Default)]
pub struct RuleState {
    pub health: Health,
    pub last_error: Option<RuleError>,
    pub last_evaluation_ms: Option<i64>,
    pub evaluation_took: Duration,
    /// Of an alerting rule.
    pub alerts: Alerts,
    /// Series that the last evaluation wrote. What is missing next time has ended.
    written: HashSet<Labels>,
}

/// What is known of a group.
#[derive(Debug, Clone, Default)]
pub struct GroupState {
    /// As many as the group has rules, in their order.
    pub rules: Vec<RuleState>,
    pub last_evaluation_ms: Option<i64>,
    pub evaluation_took: Duration,
    /// Evaluations that did not happen because the one before took too long, since the start.
    pub missed: u64,
    /// Series of rules that are gone; the next evaluation ends them.
    orphans: HashSet<Labels>,
}

impl GroupState {
    pub fn new(group: &RuleGroup) -> Self {
        Self { rules: group.rules.iter().map(|_| RuleState::default()).collect(), ..Self::default() }
    }

    /// The state for a changed group: rules that are the same go on, in their order where there are several alike.
    #[must_use]
    pub fn carried_over(mut self, before: &RuleGroup, after: &RuleGroup) -> Self {
        let mut old: Vec<Option<RuleState>> = std::mem::take(&mut self.rules).into_iter().map(Some).collect();
        for rule in &after.rules {
            let same = |(at, was): &(usize, &Rule)| {
                was.identity() == rule.identity() && old.get(*at).is_some_and(Option::is_some)
            };
            let found = before.rules.iter().enumerate().find(same).map(|(at, _)| at);
            self.rules.push(found.and_then(|at| old[at].take()).unwrap_or_default());
        }
        self.orphans.extend(old.into_iter().flatten().flat_map(|gone| gone.written));
        self
    }

    /// The group is gone: everything that it wrote has ended at `time_ms`.
    pub fn end(&mut self, time_ms: i64) -> Vec<Sample> {
        let written = self.rules.iter_mut().flat_map(|rule| rule.written.drain());
        written.chain(self.orphans.drain()).map(|labels| stale(labels, time_ms)).collect()
    }
}

fn stale(labels: Labels, time_ms: i64) -> Sample {
    Sample { labels, time_ms, value: SampleValue::Float(stale_marker()) }
}

/// Evaluates all rules at `now_ms`. A rule that fails leaves the others alone, and its series do not end.
pub fn evaluate(group: &RuleGroup, state: &mut GroupState, context: &Context<'_>, now_ms: i64) {
    let began = context.clock.monotonic();
    let offset_ms = millis(group.query_offset.unwrap_or(context.query_offset));
    let time_ms = now_ms.saturating_sub(offset_ms);
    state.rules.resize_with(group.rules.len(), RuleState::default);
    for (rule, known) in group.rules.iter().zip(&mut state.rules) {
        if context.control.cancel.has_begun() {
            // What was not evaluated keeps its state; the next time will do.
            return;
        }
        let rule_began = context.clock.monotonic();
        let outcome = one(group, rule, known, context, now_ms, time_ms);
        known.last_evaluation_ms = Some(now_ms);
        known.evaluation_took = context.clock.monotonic().saturating_sub(rule_began);
        known.health = if outcome.is_ok() { Health::Ok } else { Health::Err };
        known.last_error = outcome.err();
        if let Some(error) = &known.last_error {
            let (file, name) = (&group.file, rule.name());
            tracing::warn!(%file, group = %group.name, rule = name, line = rule.line, %error, "rule failed");
        }
    }
    if !state.orphans.is_empty() {
        let ends: Vec<Sample> = state.orphans.iter().map(|labels| stale(labels.clone(), time_ms)).collect();
        if context.store.append(&ends).is_ok() {
            state.orphans.clear();
        }
    }
    state.last_evaluation_ms = Some(now_ms);
    state.evaluation_took = context.clock.monotonic().saturating_sub(began);
}

fn one(
    group: &RuleGroup,
    rule: &Rule,
    known: &mut RuleState,
    context: &Context<'_>,
    now_ms: i64,
    time_ms: i64,
) -> Result<(), RuleError> {
    let found = ask(context, &rule.expr, time_ms)?;
    let mut samples = match &rule.kind {
        RuleKind::Recording { record } => recorded(group, rule, record, found, time_ms)?,
        RuleKind::Alerting(alerting) => {
            let found = expanded(rule, alerting, found, context, now_ms, time_ms)?;
            let before = std::mem::take(&mut known.alerts);
            known.alerts =
                alert::advance(before, found, now_ms, alerting.hold, alerting.keep_firing, group.limit)?;
            alert::samples(&known.alerts, time_ms).collect()
        }
    };
    let now_written: HashSet<Labels> = samples.iter().map(|sample| sample.labels.clone()).collect();
    let ended = known.written.iter().filter(|labels| !now_written.contains(*labels));
    samples.extend(ended.map(|labels| stale(labels.clone(), time_ms)));
    if !samples.is_empty() {
        context.store.append(&samples)?;
    }
    known.written = now_written;
    Ok(())
}

/// An instant query as rules ask it: a scalar is a vector of one sample without labels.
fn ask(
    context: &Context<'_>,
    expr: &nines_promql::ast::Expr,
    time_ms: i64,
) -> Result<Vec<Sample>, RuleError> {
    let answer = context.engine.instant_of(context.store.source(), expr, time_ms, context.control)?;
    match answer.value {
        Answer::Vector(samples) => Ok(samples),
        Answer::Scalar { value, .. } => {
            Ok(vec![Sample { labels: Labels::default(), time_ms, value: SampleValue::Float(value) }])
        }
        _ => Err(RuleError::NotVector),
    }
}

fn recorded(
    group: &RuleGroup,
    rule: &Rule,
    record: &str,
    found: Vec<Sample>,
    time_ms: i64,
) -> Result<Vec<Sample>, RuleError> {
    let mut seen = BTreeSet::new();
    let mut samples = Vec::with_capacity(found.len());
    for sample in found {
        let changed = rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let labels = with_all(&sample.labels, changed.chain([(METRIC_NAME, record)]));
        if !seen.insert(labels.clone()) {
            return Err(RuleError::SameLabels { whose: "rule", labels: labels.to_string() });
        }
        samples.push(Sample { labels, time_ms, value: sample.value });
    }
    if group.limit > 0 && samples.len() > group.limit {
        return Err(RuleError::TooManySeries { limit: group.limit, found: samples.len() });
    }
    Ok(samples)
}

/// An empty value takes the label away.
fn with_all<'a>(labels: &'a Labels, changed: impl Iterator<Item = (&'a str, &'a str)>) -> Labels {
    let before = labels.iter().map(|label| (label.name.as_str(), label.value.as_str()));
    Labels::new(before.chain(changed))
}

/// What was found, under the labels of its alerts and with its annotations.
fn expanded(
    rule: &Rule,
    alerting: &AlertingRule,
    found: Vec<Sample>,
    context: &Context<'_>,
    now_ms: i64,
    time_ms: i64,
) -> Result<BTreeMap<Labels, Found>, RuleError> {
    let mut alerts = BTreeMap::new();
    let mut query = |text: &str| -> Result<Vec<QuerySample>, String> {
        let expr = nines_promql::parse(text).map_err(|error| error.to_string())?;
        let samples = ask(context, &expr, time_ms).map_err(|error| error.to_string())?;
        let plain =
            |sample: Sample| QuerySample { labels: map_of(&sample.labels), value: float_of(&sample.value) };
        Ok(samples.into_iter().map(plain).collect())
    };
    for sample in found {
        let value = match &sample.value {
            SampleValue::Float(value) => Value::Float(*value),
            SampleValue::Histogram(histogram) => Value::Histogram(histogram.describe().into()),
        };
        let labels = map_of(&sample.labels);
        let (external_labels, external_url) = (context.external_labels, context.external_url);
        let data = AlertData { labels: &labels, external_labels, external_url, value };
        let mut expand = |template: &crate::template::Template| {
            let mut around = Surroundings { external_url, now_ms, query: &mut query };
            // A template that fails must not silence its alert: the text says what is wrong, as upstream's does.
            template
                .expand(&data, &mut around)
                .unwrap_or_else(|error| format!("<error expanding template: {error}>"))
        };
        let of_rule: Vec<(&str, String)> = alerting
            .label_templates
            .iter()
            .map(|(name, template)| (name.as_str(), expand(template)))
            .collect();
        let annotations = &alerting.annotation_templates;
        let annotations =
            annotations.iter().map(|(name, template)| (name.clone(), expand(template))).collect();
        let of_rule = of_rule.iter().map(|(name, value)| (*name, value.as_str()));
        let changed =
            [(METRIC_NAME, "")].into_iter().chain(of_rule).chain([("alertname", alerting.alert.as_str())]);
        let labels = with_all(&sample.labels, changed);
        let value = float_of(&sample.value);
        if alerts.insert(labels.clone(), Found { annotations, value }).is_some() {
            return Err(RuleError::SameLabels { whose: "alert", labels: labels.to_string() });
        }
    }
    debug_assert!(rule.labels.len() == alerting.label_templates.len());
    Ok(alerts)
}

/// Of a native histogram upstream's alerts have no value either.
fn float_of(value: &SampleValue) -> f64 {
    match value {
        SampleValue::Float(value) => *value,
        SampleValue::Histogram(_) => 0.0,
    }
}

pub(crate) fn map_of(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect()
}

/// An alert for those who page people: what upstream posts to an Alertmanager.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub starts_at_ms: i64,
    /// In the past: when it ended. In the future: when it is over unless it is sent again.
    pub ends_at_ms: i64,
    /// The page that shows the expression.
    pub generator_url: String,
}

/// The alerts that are to be sent after an evaluation at `now_ms`, which are noted as sent. As upstream's `sendAlerts`:
/// a firing alert is valid for four times the longer of the interval and the pause between two sendings.
pub fn notices(
    group: &RuleGroup,
    state: &mut GroupState,
    context: &Context<'_>,
    now_ms: i64,
    interval: Duration,
    resend: Duration,
) -> Vec<Notice> {
    let valid_ms = 4 * millis(interval.max(resend));
    let mut all = Vec::new();
    for (rule, known) in group.rules.iter().zip(&mut state.rules) {
        for alert in known.alerts.values_mut() {
            if alert.is_to_send(now_ms, millis(resend)) {
                alert.last_sent_at_ms = Some(now_ms);
                all.push(notice(rule, alert, context, now_ms.saturating_add(valid_ms)));
            }
        }
    }
    all
}

fn notice(rule: &Rule, alert: &Alert, context: &Context<'_>, valid_until_ms: i64) -> Notice {
    let mut labels = map_of(&alert.labels);
    for (name, value) in context.external_labels {
        labels.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let ends_at_ms = match (alert.state, alert.resolved_at_ms) {
        (AlertState::Resolved, Some(at)) => at,
        _ => valid_until_ms,
    };
    Notice {
        labels,
        annotations: alert.annotations.clone(),
        starts_at_ms: alert.fired_at_ms.unwrap_or(alert.active_at_ms),
        ends_at_ms,
        generator_url: format!("{}{}", context.external_url.trim_end_matches('/'), graph_path(&rule.text)),
    }
}

/// As upstream's `TableLinkForExpression`.
fn graph_path(expr: &str) -> String {
    format!("/graph?g0.expr={}&g0.tab=1", crate::template::escape_query(expr))
}
