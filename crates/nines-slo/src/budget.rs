//! Error budgets: what a promise allows to go wrong, what has gone wrong, what is left. Pure arithmetic.
//!
//! The budget belongs to the **whole window**. What is allowed is `(1 − target)` of all events (or slices) that the
//! window will hold; while only a part of it has been measured (a young SLO, the middle of a calendar month) the rest
//! is expected to look like the measured part and counts as unspent. The share measured is shown beside it as
//! coverage, and a window covered for less than nine tenths is labelled young.

use std::time::Duration;

use crate::document::Ratio;

/// Good and bad events (or slices) of some stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub good: u64,
    pub bad: u64,
}

/// What was measured over a window, in the unit that the budgeting method counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    pub unit: BudgetUnit,
    /// Events, or slices that had events.
    pub total: f64,
    /// Of these, what went wrong; a fraction of a slice with ratio time slices.
    pub bad: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetUnit {
    Events,
    Slices,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    pub unit: BudgetUnit,
    /// In `unit`, for the whole window.
    pub allowed: f64,
    /// In `unit`. May exceed `allowed`.
    pub spent: f64,
    /// `1 − spent / allowed`: 1 when untouched, 0 when exhausted, negative when overspent. With nothing allowed, 1 or
    /// minus infinity.
    pub remaining_share: f64,
    /// The time that a total failure may last: `(1 − target) × window`.
    pub allowed_time: Duration,
    /// What is left of it; zero when exhausted.
    pub remaining_time: Duration,
    /// By how much it is exceeded; zero unless exhausted.
    pub overspent_time: Duration,
}

/// Where a budget stands. At risk from [`AT_RISK_SHARE`] left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetStatus {
    Healthy,
    AtRisk,
    Exhausted,
}

/// A budget with this share left, or less, is at risk.
pub const AT_RISK_SHARE: f64 = 0.2;
/// A window measured for less than this share is young.
pub const COVERAGE_FLOOR: f64 = 0.9;

impl Counts {
    pub fn total(self) -> u64 {
        self.good.saturating_add(self.bad)
    }

    /// `None` of nothing: no traffic is not 100 %.
    pub fn good_ratio(self) -> Option<f64> {
        (self.total() > 0).then(|| self.good as f64 / self.total() as f64)
    }

    pub fn bad_ratio(self) -> Option<f64> {
        (self.total() > 0).then(|| self.bad as f64 / self.total() as f64)
    }
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { good: self.good.saturating_add(other.good), bad: self.bad.saturating_add(other.bad) }
    }
}

impl From<Counts> for Measured {
    fn from(counts: Counts) -> Self {
        Self { unit: BudgetUnit::Events, total: counts.total() as f64, bad: counts.bad as f64 }
    }
}

impl Budget {
    /// `coverage` is the share of the window that was measured, in `(0, 1]`.
    ///
    /// 99.9 % over 30 days allows 43 min 12 s. With a million events, 400 of them bad, six tenths are left:
    /// ```
    /// use std::time::Duration;
    /// use nines_slo::{Budget, Counts, Ratio};
    /// let window = Duration::from_secs(30 * 86_400);
    /// let target = Ratio::from_f64(0.999).unwrap();
    /// let budget = Budget::new(target, window, Counts { good: 999_600, bad: 400 }.into(), 1.0);
    /// assert_eq!(budget.allowed_time, Duration::from_secs(43 * 60 + 12));
    /// assert_eq!(budget.allowed.round(), 1000.0);
    /// assert!((budget.remaining_share - 0.6).abs() < 1e-9);
    /// assert_eq!(budget.remaining_time.as_secs(), 25 * 60 + 55);
    ///
    /// // 99 % over a day: "less than 15 minutes".
    /// let day = Budget::new(Ratio::from_f64(0.99).unwrap(), Duration::from_secs(86_400), Counts::default().into(), 1.0);
    /// assert_eq!(day.allowed_time, Duration::from_secs(14 * 60 + 24));
    /// ```
    pub fn new(target: Ratio, window: Duration, measured: Measured, coverage: f64) -> Self {
        let coverage = if coverage.is_finite() { coverage.clamp(f64::MIN_POSITIVE, 1.0) } else { 1.0 };
        let allowed_share = target.complement().as_f64();
        let allowed = measured.total / coverage * allowed_share;
        let allowed_time = target.complement().of(window);
        let remaining_share = match (measured.bad > 0.0, allowed > 0.0) {
            (false, _) => 1.0,
            (true, true) => 1.0 - measured.bad / allowed,
            (true, false) => f64::NEG_INFINITY,
        };
        Self {
            unit: measured.unit,
            allowed,
            spent: measured.bad,
            remaining_share,
            allowed_time,
            remaining_time: scale(allowed_time, remaining_share),
            overspent_time: scale(allowed_time, -remaining_share),
        }
    }

    pub fn status(&self) -> BudgetStatus {
        if self.remaining_share <= 0.0 {
            BudgetStatus::Exhausted
        } else if self.remaining_share <= AT_RISK_SHARE {
            BudgetStatus::AtRisk
        } else {
            BudgetStatus::Healthy
        }
    }

    /// How long the budget lasts if this share of events goes on failing: time left ÷ bad share. `None` if nothing
    /// fails; zero once exhausted. The good of the window's old end that a rolling window will forget is not counted.
    ///
    /// 17 minutes left with 15 % failing are gone in 1 h 53 min:
    /// ```
    /// use std::time::Duration;
    /// use nines_slo::{Budget, Counts, Ratio};
    /// let mut budget = Budget::new(
    ///     Ratio::from_f64(0.999).unwrap(), Duration::from_secs(30 * 86_400), Counts::default().into(), 1.0);
    /// budget.remaining_time = Duration::from_secs(17 * 60);
    /// assert_eq!(budget.gone_in(0.15), Some(Duration::from_secs(6_800)));
    /// assert_eq!(budget.gone_in(0.0), None);
    /// ```
    pub fn gone_in(&self, bad_share: f64) -> Option<Duration> {
        (bad_share > 0.0).then(|| scale(self.remaining_time, 1.0 / bad_share))
    }
}

impl BudgetStatus {
    /// The word of the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::AtRisk => "at_risk",
            Self::Exhausted => "exhausted",
        }
    }
}

/// Rounded to the millisecond, which no promise is finer than; saturates; negative becomes zero.
pub(crate) fn scale(duration: Duration, factor: f64) -> Duration {
    let millis = duration.as_secs_f64() * 1e3 * factor;
    if millis.is_nan() || millis <= 0.0 {
        Duration::ZERO
    } else {
        Duration::from_millis(millis.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS_30: Duration = Duration::from_secs(30 * 86_400);

    fn budget(target: f64, good: u64, bad: u64, coverage: f64) -> Budget {
        Budget::new(Ratio::from_f64(target).unwrap(), DAYS_30, Counts { good, bad }.into(), coverage)
    }

    #[test]
    fn budgets_run_from_untouched_to_overspent() {
        assert_eq!(budget(0.99, 1_000, 0, 1.0).remaining_share, 1.0);
        assert_eq!(budget(0.99, 0, 0, 1.0).status(), BudgetStatus::Healthy);
        assert_eq!(budget(0.99, 9_920, 80, 1.0).status(), BudgetStatus::AtRisk);
        assert_eq!(budget(0.99, 9_900, 100, 1.0).status(), BudgetStatus::Exhausted);
        let over = budget(0.99, 9_800, 200, 1.0);
        assert!((over.remaining_share + 1.0).abs() < 1e-9);
        assert_eq!((over.remaining_time, over.overspent_time), (Duration::ZERO, over.allowed_time));
    }

    #[test]
    fn a_young_window_is_not_exhausted_by_its_first_bad_minute() {
        // One day of thirty is measured, and a minute of it failed: 2.3 % of the budget, not 70 %.
        let young = budget(0.999, 86_400 - 60, 60, 1.0 / 30.0);
        assert!((young.remaining_share - (1.0 - 60.0 / 2_592.0)).abs() < 1e-9);
    }

    #[test]
    fn four_nines_allow_four_minutes_and_nineteen_seconds() {
        assert_eq!(budget(0.9999, 1, 0, 1.0).allowed_time, Duration::from_millis(259_200));
    }
}
