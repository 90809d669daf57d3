//! The state machine of an alerting rule. Pure: what is found now and what was before make what is after.
//! Source: upstream's `AlertingRule.Eval` of version 3.
//!
//! ```text
//!            found                held for `for`            not found
//! inactive ─────────► pending ───────────────────► firing ────────────► resolved ──15 min──► forgotten
//!     ▲                  │                           │ ▲                    │
//!     └────not found─────┘        not found, within  └─┘                    └── found ──► pending
//!                                 `keep_firing_for`
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use nines_promql::{Labels, METRIC_NAME, Sample, SampleValue};

/// How long a resolved alert is remembered, so that who receives alerts hears of it more than once. As upstream.
pub const RESOLVED_RETENTION_MS: i64 = 15 * 60 * 1000;

/// The series that alerts are visible as.
pub const ALERTS: &str = "ALERTS";
pub const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertState {
    Pending,
    Firing,
    /// Upstream says "inactive" of these too.
    Resolved,
}

impl AlertState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "inactive",
        }
    }
}

/// One label set of one rule. Times are milliseconds since the epoch, those of evaluations.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// With `alertname`, without the name of the metric.
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    pub state: AlertState,
    /// Of the last time that the condition held.
    pub value: f64,
    pub active_at_ms: i64,
    pub fired_at_ms: Option<i64>,
    pub resolved_at_ms: Option<i64>,
    pub keep_firing_since_ms: Option<i64>,
    pub last_sent_at_ms: Option<i64>,
}

/// What an evaluation found for one label set.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub annotations: BTreeMap<String, String>,
    pub value: f64,
}

/// Alerts of one rule, by labels.
pub type Alerts = BTreeMap<Labels, Alert>;

/// More alerts than the group's limit. All are forgotten then, as upstream does: a rule that fires everywhere says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("exceeded limit of {limit} with {found} alerts")]
pub struct TooMany {
    pub limit: usize,
    pub found: usize,
}

/// The alerts after an evaluation at `now_ms`. `limit` 0 is none.
pub fn advance(
    before: Alerts,
    mut found: BTreeMap<Labels, Found>,
    now_ms: i64,
    hold: Duration,
    keep_firing: Duration,
    limit: usize,
) -> Result<Alerts, TooMany> {
    let (hold_ms, keep_ms) = (millis(hold), millis(keep_firing));
    let mut after = Alerts::new();
    let mut active = 0;
    for (labels, alert) in before {
        let next = match found.remove(&labels) {
            Some(found) if alert.state == AlertState::Resolved => Some(begin(&labels, found, now_ms)),
            Some(Found { annotations, value }) => {
                Some(Alert { annotations, value, keep_firing_since_ms: None, ..alert })
            }
            None => absent(alert, now_ms, keep_ms),
        };
        let Some(next) = next else { continue };
        after.insert(labels, next);
    }
    for (labels, found) in found {
        let alert = begin(&labels, found, now_ms);
        after.insert(labels, alert);
    }
    for alert in after.values_mut() {
        active += usize::from(alert.state != AlertState::Resolved);
        if alert.state == AlertState::Pending && now_ms.saturating_sub(alert.active_at_ms) >= hold_ms {
            alert.state = AlertState::Firing;
            alert.fired_at_ms = Some(now_ms);
        }
    }
    if limit > 0 && active > limit {
        return Err(TooMany { limit, found: active });
    }
    Ok(after)
}

fn begin(labels: &Labels, found: Found, now_ms: i64) -> Alert {
    Alert {
        labels: labels.clone(),
        annotations: found.annotations,
        state: AlertState::Pending,
        value: found.value,
        active_at_ms: now_ms,
        fired_at_ms: None,
        resolved_at_ms: None,
        keep_firing_since_ms: None,
        last_sent_at_ms: None,
    }
}

/// The condition does not hold (any more).
fn absent(mut alert: Alert, now_ms: i64, keep_ms: i64) -> Option<Alert> {
    match alert.state {
        AlertState::Pending => None,
        AlertState::Resolved => {
            let since = alert.resolved_at_ms.map_or(0, |at| now_ms.saturating_sub(at));
            (since <= RESOLVED_RETENTION_MS).then_some(alert)
        }
        AlertState::Firing => {
            let since = *alert.keep_firing_since_ms.get_or_insert(now_ms);
            if keep_ms > 0 && now_ms.saturating_sub(since) < keep_ms {
                return Some(alert);
            }
            alert.state = AlertState::Resolved;
            alert.keep_firing_since_ms = None;
            alert.resolved_at_ms = Some(now_ms);
            Some(alert)
        }
    }
}

/// The series of the alerts that are pending or firing.
pub fn samples<'a>(alerts: &'a Alerts, time_ms: i64) -> impl Iterator<Item = Sample> + 'a {
    let active = alerts.values().filter(|alert| alert.state != AlertState::Resolved);
    active.flat_map(move |alert| {
        let state = alert.labels.with("alertstate", alert.state.as_str()).with(METRIC_NAME, ALERTS);
        let since = alert.labels.with(METRIC_NAME, ALERTS_FOR_STATE);
        let seconds = alert.active_at_ms.div_euclid(1000) as f64;
        [(state, 1.0), (since, seconds)].map(|(labels, value)| Sample {
            labels,
            time_ms,
            value: SampleValue::Float(value),
        })
    })
}

impl Alert {
    /// Whether those who receive alerts are to hear of it now: when it fires, again after each `resend_ms`, and when it
    /// resolves.
    pub fn is_to_send(&self, now_ms: i64, resend_ms: i64) -> bool {
        let sent = self.last_sent_at_ms;
        match self.state {
            AlertState::Pending => false,
            AlertState::Resolved if self.resolved_at_ms > sent => true,
            _ => sent.is_none_or(|sent| now_ms.saturating_sub(sent) > resend_ms || resend_ms == 0),
        }
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    /// Evaluates every minute; `x` is found, `.` is not. The states, one letter each: `-`, `p`, `f`, `r`.
    fn states(found: &str, hold: u64, keep: u64) -> String {
        let mut alerts = Alerts::new();
        let labels = Labels::new([("alertname", "A")]);
        let mut out = String::new();
        for (minute, mark) in found.chars().enumerate() {
            let mut now = BTreeMap::new();
            if mark == 'x' {
                now.insert(labels.clone(), Found { annotations: BTreeMap::new(), value: 1.0 });
            }
            let minutes = |count| Duration::from_secs(60 * count);
            alerts = advance(alerts, now, minute as i64 * MINUTE, minutes(hold), minutes(keep), 0).unwrap();
            out.push(match alerts.get(&labels).map(|alert| alert.state) {
                None => '-',
                Some(AlertState::Pending) => 'p',
                Some(AlertState::Firing) => 'f',
                Some(AlertState::Resolved) => 'r',
            });
        }
        out
    }

    #[test]
    fn an_alert_lives_as_upstreams_do() {
        assert_eq!(states("xx..", 0, 0), "ffrr");
        assert_eq!(states("xxxx..x", 2, 0), "ppffrrp");
        // What did not hold long enough is forgotten at once, and begins anew.
        assert_eq!(states("xx.xxx", 2, 0), "pp-ppf");
        // It goes on firing, and what comes back starts the time again.
        assert_eq!(states("x..x....", 0, 3), "fffffffr");
        assert_eq!(states("x....", 0, 2), "fffrr");
        // A resolved one is remembered for a quarter of an hour.
        assert_eq!(states(&format!("x{}", ".".repeat(18)), 0, 0), format!("f{}--", "r".repeat(16)));
    }

    #[test]
    fn a_rule_over_its_limit_says_how_many_there_are() {
        let found = (0..3).map(|n| {
            let labels = Labels::new([("n", n.to_string())]);
            (labels, Found { annotations: BTreeMap::new(), value: 1.0 })
        });
        let error =
            advance(Alerts::new(), found.collect(), 0, Duration::ZERO, Duration::ZERO, 2).unwrap_err();
        assert_eq!(error.to_string(), "exceeded limit of 2 with 3 alerts");
    }

    #[test]
    fn it_is_sent_when_it_changes_and_again_after_a_while() {
        let labels = Labels::default();
        let mut alert = begin(&labels, Found { annotations: BTreeMap::new(), value: 1.0 }, 0);
        assert!(!alert.is_to_send(MINUTE, MINUTE));
        alert.state = AlertState::Firing;
        assert!(alert.is_to_send(0, MINUTE));
        alert.last_sent_at_ms = Some(0);
        assert!(!alert.is_to_send(MINUTE, MINUTE));
        assert!(alert.is_to_send(MINUTE + 1, MINUTE));
        alert.state = AlertState::Resolved;
        alert.resolved_at_ms = Some(1);
        assert!(alert.is_to_send(2, MINUTE));
    }

    proptest! {
        /// Against the sentence in upstream's documentation: it fires exactly if the condition held at every evaluation
        /// from at least `for` ago, or if it fired less than `keep_firing_for` before the condition went.
        #[test]
        fn it_fires_exactly_when_the_condition_held_long_enough(
            found in prop::collection::vec(any::<bool>(), 1..30),
            hold in 0_u64..5,
            keep in 0_u64..4,
        ) {
            let text: String = found.iter().map(|found| if *found { 'x' } else { '.' }).collect();
            let states = states(&text, hold, keep);
            let (mut held, mut fires, mut gone) = (0_u64, false, 0_u64);
            for (found, state) in found.iter().zip(states.chars()) {
                if *found {
                    held += 1;
                    gone = 0;
                    fires = fires || held > hold;
                } else {
                    gone += 1;
                    fires = fires && gone <= keep;
                    if !fires {
                        held = 0;
                    }
                }
                prop_assert_eq!(state == 'f', fires, "{} {}", text, states);
                if !*found {
                    held = 0;
                }
            }
        }
    }
}
