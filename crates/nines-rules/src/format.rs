//! What of a group outlives the process: its alerts. JSON, tagged with its version; see `docs/formats/rules.md`.

use std::collections::BTreeMap;

use nines_base::ErrorKind;
use nines_promql::Labels;
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, AlertState};
use crate::document::{RuleGroup, RuleKind};
use crate::group::{GroupState, map_of};

#[derive(Debug, thiserror::Error)]
#[error("stored state of a rule group cannot be read: {reason}: its alerts begin anew")]
pub struct FormatError {
    reason: String,
}

impl FormatError {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum Stored {
    #[serde(rename = "1")]
    V1(GroupV1),
}

#[derive(Serialize, Deserialize)]
struct GroupV1 {
    /// Of the last evaluation.
    evaluated_at_ms: i64,
    rules: Vec<RuleV1>,
}

#[derive(Serialize, Deserialize)]
struct RuleV1 {
    alert: String,
    /// As the file has them.
    labels: BTreeMap<String, String>,
    alerts: Vec<AlertV1>,
}

#[derive(Serialize, Deserialize)]
struct AlertV1 {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    state: StateV1,
    /// Its bits as a number, for JSON has no infinity.
    value_bits: u64,
    active_at_ms: i64,
    fired_at_ms: Option<i64>,
    resolved_at_ms: Option<i64>,
    keep_firing_since_ms: Option<i64>,
    last_sent_at_ms: Option<i64>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum StateV1 {
    Pending,
    Firing,
    Resolved,
}

/// The state to be kept; `None` if there is nothing to keep, and what was kept may go.
pub fn encode(group: &RuleGroup, state: &GroupState) -> Option<Vec<u8>> {
    let evaluated_at_ms = state.last_evaluation_ms?;
    let mut rules = Vec::new();
    for (rule, known) in group.rules.iter().zip(&state.rules) {
        let RuleKind::Alerting(alerting) = &rule.kind else { continue };
        if known.alerts.is_empty() {
            continue;
        }
        let alerts = known.alerts.values().map(stored).collect();
        rules.push(RuleV1 { alert: alerting.alert.clone(), labels: rule.labels.clone(), alerts });
    }
    if rules.is_empty() {
        return None;
    }
    let stored = Stored::V1(GroupV1 { evaluated_at_ms, rules });
    Some(serde_json::to_vec(&stored).expect("numbers, texts and maps with text keys are always JSON"))
}

/// The state of `group` as it was kept, for a process that begins at `now_ms`.
///
/// What was firing goes on firing until an evaluation says otherwise. What was pending has been pending for as long as
/// somebody looked: time that passed without evaluations, beyond one interval, does not count towards `for`. Upstream
/// forgets both after an hour.
pub fn decode(
    group: &RuleGroup,
    bytes: &[u8],
    interval_ms: i64,
    now_ms: i64,
) -> Result<GroupState, FormatError> {
    let stored: Stored =
        serde_json::from_slice(bytes).map_err(|error| FormatError { reason: error.to_string() })?;
    let Stored::V1(GroupV1 { evaluated_at_ms, mut rules }) = stored;
    let unseen_ms = now_ms.saturating_sub(evaluated_at_ms).saturating_sub(interval_ms).max(0);
    let mut state = GroupState::new(group);
    for (rule, known) in group.rules.iter().zip(&mut state.rules) {
        let RuleKind::Alerting(alerting) = &rule.kind else { continue };
        let same = |stored: &RuleV1| stored.alert == alerting.alert && stored.labels == rule.labels;
        let Some(at) = rules.iter().position(same) else { continue };
        for alert in rules.remove(at).alerts {
            let mut alert = loaded(alert);
            if alert.state == AlertState::Pending {
                alert.active_at_ms = alert.active_at_ms.saturating_add(unseen_ms);
            }
            known.alerts.insert(alert.labels.clone(), alert);
        }
    }
    state.last_evaluation_ms = Some(evaluated_at_ms);
    Ok(state)
}

fn stored(alert: &Alert) -> AlertV1 {
    AlertV1 {
        labels: map_of(&alert.labels),
        annotations: alert.annotations.clone(),
        state: match alert.state {
            AlertState::Pending => StateV1::Pending,
            AlertState::Firing => StateV1::Firing,
            AlertState::Resolved => StateV1::Resolved,
        },
        value_bits: alert.value.to_bits(),
        active_at_ms: alert.active_at_ms,
        fired_at_ms: alert.fired_at_ms,
        resolved_at_ms: alert.resolved_at_ms,
        keep_firing_since_ms: alert.keep_firing_since_ms,
        last_sent_at_ms: alert.last_sent_at_ms,
    }
}

fn loaded(stored: AlertV1) -> Alert {
    Alert {
        labels: Labels::new(stored.labels),
        annotations: stored.annotations,
        state: match stored.state {
            StateV1::Pending => AlertState::Pending,
            StateV1::Firing => AlertState::Firing,
            StateV1::Resolved => AlertState::Resolved,
        },
        value: f64::from_bits(stored.value_bits),
        active_at_ms: stored.active_at_ms,
        fired_at_ms: stored.fired_at_ms,
        resolved_at_ms: stored.resolved_at_ms,
        keep_firing_since_ms: stored.keep_firing_since_ms,
        last_sent_at_ms: stored.last_sent_at_ms,
    }
}
