use std::time::Duration;

use crate::Severity;

/// The timing of the state machine. The defaults are the product's; a test or a drill may change them.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How long a condition must hold before the alert fires. Burn windows already confirm, so it is zero.
    pub hold_for: Duration,
    /// An alert stays open at least this long after the last bad evaluation, however short the tier's window is:
    /// the seconds tier (5 s) would resolve and fire again between two bursts.
    pub clear_at_least: Duration,
    /// A silence between two evaluations longer than this does not count as good time.
    pub gap_max: Duration,
    /// [`Self::flap_changes_min`] changes (fired, resolved, reopened) in this time are flapping.
    pub flap_window: Duration,
    pub flap_changes_min: usize,
    /// A promise that breaks again within this time of resolving reopens the same alert.
    pub reopen_within: Duration,
    /// Fewer expected events than this in the traffic window and silence is no news. With 25 expected, a Poisson source
    /// is silent by chance once in e^25 ≈ 7 × 10^10 windows.
    pub traffic_expected_min: f64,
    /// What traffic that stopped does. `None` switches it off.
    pub traffic_stopped: Option<Severity>,
    /// Stale data older than this alerts by itself.
    pub stale_after: Duration,
    pub stale: Option<Severity>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            hold_for: Duration::ZERO,
            clear_at_least: Duration::from_secs(30),
            gap_max: Duration::from_secs(10),
            flap_window: Duration::from_secs(600),
            flap_changes_min: 4,
            reopen_within: Duration::from_secs(1800),
            traffic_expected_min: 25.0,
            traffic_stopped: Some(Severity::Page),
            stale_after: Duration::from_secs(300),
            stale: Some(Severity::Ticket),
        }
    }
}
