//! What is scraped and what rules say, as Prometheus tells it.
//!
//! Source: prometheus/prometheus `web/api/v1/api.go` of version 3.14: `rules`, `alerts`, `targets`, `scrapePools`,
//! `targetMetadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use nines_model::Timestamp;
use nines_promql::{Labels, Matcher, parse_selector};
use nines_rules::alert::{Alert, AlertState};
use nines_rules::document::{AlertingRule, Rule, RuleKind};
use nines_rules::{GroupStatus, RuleStatus, schedule};
use nines_scrape::{LabelSet, ScrapeError, TargetStatus, format_duration};
use serde_json::{Map, Value, json};

use super::{Data, Outcome, Refused, invalid};
use crate::parameters::Parameters;
use crate::questions::Questions;

/// Metadata of targets that one answer holds: some hundred bytes each.
const METADATA_MAX: usize = 200_000;

/// Go's zero time, which stands for "never".
const NEVER: &str = "0001-01-01T00:00:00Z";

impl Questions {
    pub(super) fn rules(&self, parameters: &Parameters) -> Outcome {
        let asked = RulesAsked::of(parameters)?;
        let groups = self.around.rules.as_ref().map(|rules| rules.status()).unwrap_or_default();
        let mut shown: Vec<Value> = Vec::new();
        let mut next = None;
        let mut is_found = asked.token.is_none();
        for group in &groups {
            is_found = is_found || asked.token.as_deref() == Some(&*token(group));
            if !is_found || !asked.wants(group) {
                continue;
            }
            let rules = asked.rules_of(group);
            if rules.is_empty() {
                continue;
            }
            if asked.limit.is_some_and(|limit| shown.len() == limit) {
                next = Some(token(group));
                break;
            }
            shown.push(json!({
                "name": group.group.name,
                "file": &*group.group.file,
                "rules": rules,
                "interval": seconds(group.interval),
                "limit": group.group.limit,
                "evaluationTime": seconds(group.evaluation_took),
                "lastEvaluation": time(group.last_evaluation_ms),
            }));
        }
        if let (Some(token), false) = (&asked.token, is_found) {
            let text = format!("invalid group_next_token '{token}'. were rule groups changed?");
            return Err(Refused::bad_data(text));
        }
        let mut data = json!({ "groups": shown });
        if let Some(next) = next {
            data["groupNextToken"] = Value::String(next);
        }
        Ok(Data::of(data.to_string()))
    }

    pub(super) fn alerts(&self) -> Outcome {
        let groups = self.around.rules.as_ref().map(|rules| rules.status()).unwrap_or_default();
        let rules = groups.iter().flat_map(|group| group.rules.iter());
        let alerts: Vec<Value> = rules.flat_map(active).collect();
        Ok(Data::of(json!({ "alerts": alerts }).to_string()))
    }

    pub(super) fn targets(&self, parameters: &Parameters) -> Outcome {
        let state = parameters.get("state").unwrap_or("any").to_lowercase();
        let pool = parameters.get("scrapePool");
        let (shows_active, shows_dropped) =
            (matches!(&*state, "active" | "any"), matches!(&*state, "dropped" | "any"));
        let scraper = self.around.targets.as_ref();
        let is_wanted = |job: &str| pool.is_none_or(|pool| pool == job);
        let mut active = Vec::new();
        if let Some(scraper) = scraper.filter(|_| shows_active) {
            let mut targets = scraper.targets();
            // Upstream's order: by the name of the pool.
            targets.sort_by(|a, b| a.job.cmp(&b.job));
            active.extend(targets.iter().filter(|target| is_wanted(&target.job)).map(target));
        }
        let (mut dropped, mut counts) = (Vec::new(), Value::Null);
        if shows_dropped {
            let mut by_job = Map::new();
            for job in scraper.map(|scraper| scraper.jobs()).unwrap_or_default() {
                // Upstream counts those of all pools, whichever is asked for.
                by_job.insert(job.job.clone(), json!(job.dropped_count));
                if is_wanted(&job.job) {
                    dropped.extend(
                        job.dropped.iter().map(
                            |labels| json!({ "discoveredLabels": pairs(labels), "scrapePool": job.job }),
                        ),
                    );
                }
            }
            counts = Value::Object(by_job);
        }
        let data =
            json!({ "activeTargets": active, "droppedTargets": dropped, "droppedTargetCounts": counts });
        Ok(Data::of(data.to_string()))
    }

    pub(super) fn scrape_pools(&self) -> Outcome {
        let names = self.around.targets.as_ref().map(|scraper| scraper.job_names()).unwrap_or_default();
        let names: BTreeSet<String> = names.into_iter().collect();
        Ok(Data::of(json!({ "scrapePools": names }).to_string()))
    }

    pub(super) fn targets_metadata(&self, parameters: &Parameters) -> Outcome {
        let limit = parameters.limit("limit")?.min(METADATA_MAX);
        let metric = parameters.get("metric");
        let matchers = match parameters.get("match_target") {
            None => Vec::new(),
            Some(text) => parse_selector(text).map_err(|error| invalid("match_target", error))?.matchers,
        };
        let mut found: Vec<Value> = Vec::new();
        let all = self.around.targets.as_ref().map(|scraper| scraper.metadata()).unwrap_or_default();
        for (target, families) in all {
            let labels = Labels::new(target.labels.iter());
            if !matchers.iter().all(|matcher| matcher.matches_labels(&labels)) {
                continue;
            }
            for (name, metadata) in families {
                if found.len() >= limit {
                    break;
                }
                if metric.is_some_and(|metric| metric != &*name) {
                    continue;
                }
                let mut entry = json!({
                    "target": pairs(&target.labels),
                    "type": metadata.kind.as_str(),
                    "help": &*metadata.help,
                    "unit": &*metadata.unit,
                });
                // Who asks for one metric knows its name.
                if metric.is_none() {
                    entry["metric"] = json!(&*name);
                }
                found.push(entry);
            }
        }
        if found.is_empty() {
            return Err(Refused::not_found("specified metadata not found"));
        }
        Ok(Data::of(Value::Array(found).to_string()))
    }
}

/// What of the rules is wanted.
struct RulesAsked {
    alerting: bool,
    recording: bool,
    names: BTreeSet<String>,
    groups: BTreeSet<String>,
    files: BTreeSet<String>,
    /// One of these sets must match the labels of a rule; none: all do.
    matchers: Vec<Vec<Matcher>>,
    without_alerts: bool,
    limit: Option<usize>,
    token: Option<String>,
}

impl RulesAsked {
    fn of(parameters: &Parameters) -> Result<Self, Refused> {
        let kind = parameters.get("type").unwrap_or_default().to_lowercase();
        if !matches!(&*kind, "" | "alert" | "record") {
            return Err(invalid("type", format!("not supported value {kind:?}")));
        }
        let set = |name: &'static str| parameters.all(name).map(str::to_owned).collect();
        let matchers: Result<Vec<_>, Refused> = parameters
            .all("match[]")
            .map(|text| {
                parse_selector(text)
                    .map(|selector| selector.matchers)
                    .map_err(|error| Refused::bad_data(error.to_string()))
            })
            .collect();
        let without_alerts = match parameters.get("exclude_alerts") {
            None => false,
            Some(text) => truth(text).ok_or_else(|| {
                invalid("exclude_alerts", format!("error converting exclude_alerts: {text:?} is no boolean"))
            })?,
        };
        let limit = match parameters.get("group_limit") {
            None => None,
            Some(text) => match text.parse::<i64>() {
                Ok(limit) if limit > 0 => usize::try_from(limit).ok(),
                Ok(_) => return Err(invalid("group_limit", "group_limit needs to be greater than 0")),
                Err(error) => return Err(not_a_number(error)),
            },
        };
        let token = parameters.get("group_next_token").map(str::to_owned);
        if token.is_some() && limit.is_none() {
            let text = "group_limit needs to be present in order to paginate over the groups";
            return Err(invalid("group_next_token", text));
        }
        Ok(Self {
            alerting: kind != "record",
            recording: kind != "alert",
            names: set("rule_name[]"),
            groups: set("rule_group[]"),
            files: set("file[]"),
            matchers: matchers?,
            without_alerts,
            limit,
            token,
        })
    }

    fn wants(&self, group: &GroupStatus) -> bool {
        let is_in = |set: &BTreeSet<String>, name: &str| set.is_empty() || set.contains(name);
        is_in(&self.groups, &group.group.name) && is_in(&self.files, &group.group.file)
    }

    fn rules_of(&self, group: &GroupStatus) -> Vec<Value> {
        let mut shown = Vec::new();
        for (at, (rule, status)) in group.group.rules.iter().zip(&group.rules).enumerate() {
            let labels = Labels::new(rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let fits = |set: &Vec<Matcher>| set.iter().all(|matcher| matcher.matches_labels(&labels));
            if !(self.names.is_empty() || self.names.contains(rule.name()))
                || !(self.matchers.is_empty() || self.matchers.iter().any(fits))
            {
                continue;
            }
            match &rule.kind {
                RuleKind::Alerting(alerting) if self.alerting => {
                    let state = group.rule_state(at).unwrap_or("unknown");
                    shown.push(alerting_rule(rule, alerting, status, state, self.without_alerts));
                }
                RuleKind::Recording { .. } if self.recording => shown.push(recording_rule(rule, status)),
                _ => {}
            }
        }
        shown
    }
}

fn not_a_number(error: impl Display) -> Refused {
    invalid("group_limit", format!("group_limit needs to be a valid number: {error}"))
}

/// As Go's `strconv.ParseBool`.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Where a page begins: opaque to the client.
fn token(group: &GroupStatus) -> String {
    format!("{:016x}", schedule::place(&group.group))
}

fn alerting_rule(
    rule: &Rule,
    alerting: &AlertingRule,
    status: &RuleStatus,
    state: &str,
    without_alerts: bool,
) -> Value {
    let mut shown = json!({
        "state": state,
        "name": alerting.alert,
        "query": rule.expr.to_string(),
        "duration": seconds(alerting.hold),
        "keepFiringFor": seconds(alerting.keep_firing),
        "labels": rule.labels,
        "annotations": alerting.annotations,
        "alerts": if without_alerts { Vec::new() } else { active(status).collect() },
        "type": "alerting",
    });
    evaluated(&mut shown, status);
    shown
}

fn recording_rule(rule: &Rule, status: &RuleStatus) -> Value {
    let mut shown = json!({
        "name": rule.name(),
        "query": rule.expr.to_string(),
        "labels": rule.labels,
        "type": "recording",
    });
    evaluated(&mut shown, status);
    shown
}

fn evaluated(shown: &mut Value, status: &RuleStatus) {
    shown["health"] = json!(status.health.as_str());
    if let Some(error) = &status.last_error {
        shown["lastError"] = json!(error.to_string());
    }
    shown["evaluationTime"] = json!(seconds(status.evaluation_took));
    shown["lastEvaluation"] = time(status.last_evaluation_ms);
}

/// Alerts that are pending or firing.
fn active(status: &RuleStatus) -> impl Iterator<Item = Value> {
    status.alerts.values().filter(|alert| alert.state != AlertState::Resolved).map(alert)
}

fn alert(alert: &Alert) -> Value {
    let labels: BTreeMap<&str, &str> =
        alert.labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect();
    let mut shown = json!({
        "labels": labels,
        "annotations": alert.annotations,
        "state": alert.state.as_str(),
        "activeAt": time(Some(alert.active_at_ms)),
        "value": scientific(alert.value),
    });
    if alert.keep_firing_since_ms.is_some() {
        shown["keepFiringSince"] = time(alert.keep_firing_since_ms);
    }
    shown
}

/// As Go's `strconv.FormatFloat(value, 'e', -1, 64)`.
fn scientific(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn time(at_ms: Option<i64>) -> Value {
    Value::String(at_ms.map_or_else(|| NEVER.to_owned(), |at| Timestamp::from_millis(at).to_string()))
}

/// Whole numbers without a point, as Go writes them.
fn seconds(time: Duration) -> Value {
    if time.subsec_nanos() == 0 { json!(time.as_secs()) } else { json!(time.as_secs_f64()) }
}

fn pairs(labels: &LabelSet) -> BTreeMap<&str, &str> {
    labels.iter().collect()
}

fn target(status: &TargetStatus) -> Value {
    let TargetStatus { job, target, state } = status;
    let last_scrape = state.last_scrape.map_or_else(|| NEVER.to_owned(), |at| at.to_string());
    json!({
        "discoveredLabels": pairs(&target.discovered),
        "labels": pairs(&target.labels),
        "scrapePool": job,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": state.last_error.as_ref().map(ScrapeError::to_string).unwrap_or_default(),
        "lastScrape": last_scrape,
        "lastScrapeDuration": seconds(state.last_duration),
        "health": state.health.as_str(),
        "scrapeInterval": format_duration(target.interval),
        "scrapeTimeout": format_duration(target.timeout),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_alerts_look_as_go_writes_them() {
        for (value, expected) in [
            (1.0, "1e+00"),
            (0.0, "0e+00"),
            (-1234.5, "-1.2345e+03"),
            (1e-7, "1e-07"),
            (1e300, "1e+300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(scientific(value), expected);
        }
    }
}
