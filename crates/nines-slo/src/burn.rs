//! Burn rates: how many times faster than the promise allows the budget is being spent, and when that is worth a page.
//!
//! A burn rate of 1 spends the budget in exactly the window. An alert tier says "this share of the budget within that
//! time" and looks at two windows, as in the SRE workbook (chapter 5, "Alerting on SLOs", approach 6): the long one shows
//! that the loss matters, the short one, a twelfth of it, that it is still going on.

use std::time::Duration;

use crate::budget::Counts;
use crate::document::Ratio;

/// How loudly a tier speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Page,
    Ticket,
}

/// A condition on two windows of one SLO.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// Stable: part of an alert's identity. `seconds`, `page_1h`, `page_6h`, `ticket_1d`, `ticket_3d`, or the name of an
    /// alert policy.
    pub name: String,
    pub severity: Severity,
    /// The share of the budget that the long window spends at the threshold; `None` in the seconds tier.
    pub budget_share: Option<f64>,
    pub long: Duration,
    pub short: Duration,
    /// The share of bad events from which each window counts, in `(0, 1]`.
    pub long_bad_share: f64,
    pub short_bad_share: f64,
}

/// (name, severity, share of the budget, long window) of CAPABILITIES 4.1: the workbook's two page rules and its ticket
/// rule, and Sloth's additional ticket rule on a day.
const TABLE: [(&str, Severity, f64, Duration); 4] = [
    ("page_1h", Severity::Page, 0.02, Duration::from_secs(3_600)),
    ("page_6h", Severity::Page, 0.05, Duration::from_secs(6 * 3_600)),
    ("ticket_1d", Severity::Ticket, 0.10, Duration::from_secs(86_400)),
    ("ticket_3d", Severity::Ticket, 0.10, Duration::from_secs(3 * 86_400)),
];

/// Short windows are a twelfth of the long ones (workbook).
pub const SHORT_WINDOW_DIVISOR: u32 = 12;
/// The shortest SLO window for which the table's long windows stand as they are. For a shorter one they shrink in
/// proportion, or else a service within its promise would burn "too fast".
const TABLE_WINDOW_MIN: Duration = Duration::from_secs(7 * 86_400);

pub const SECONDS_TIER: &str = "seconds";
pub const SECONDS_LONG: Duration = Duration::from_secs(60);
pub const SECONDS_SHORT: Duration = Duration::from_secs(5);
/// Near-total failure: ten times what is allowed and at least four in ten.
const SECONDS_BURN: f64 = 10.0;
const SECONDS_BAD_SHARE_MIN: f64 = 0.4;
/// A generous target (90 %) makes ten times the allowance impossible; nine in ten is near-total by any measure.
const SECONDS_BAD_SHARE_MAX: f64 = 0.9;
/// A total failure must not wait until the short window is full of it: these are looked at first, and each speaks if it
/// holds enough events by itself. Traffic of 25 events a second is paged within about a second.
const SECONDS_FIRST: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Events that the short window must hold before it is believed (Conviva's figure).
pub const MIN_EVENTS: u64 = 25;
/// One-sided 95 %.
const CONFIDENCE_Z: f64 = 1.645;

/// The tiers of an SLO with this target and window: the seconds tier first, then the table, scaled.
///
/// ```
/// use std::time::Duration;
/// use nines_slo::{Ratio, default_tiers};
/// let target = Ratio::from_f64(0.999).unwrap();
/// let tiers = default_tiers(target, Duration::from_secs(30 * 86_400));
/// let page = &tiers[1];
/// assert_eq!((page.long.as_secs(), page.short.as_secs()), (3_600, 300));
/// // 2 % of 30 days' budget within an hour: 14.4 times too fast, 1.44 % of events.
/// assert!((page.burn_threshold(target) - 14.4).abs() < 1e-9);
/// assert!((page.long_bad_share - 0.0144).abs() < 1e-9);
/// ```
pub fn default_tiers(target: Ratio, window: Duration) -> Vec<Tier> {
    let allowed = target.complement().as_f64();
    let mut tiers = vec![seconds_tier(allowed)];
    let shrink = (window.as_secs_f64() / TABLE_WINDOW_MIN.as_secs_f64()).min(1.0);
    for (name, severity, share, long) in TABLE {
        let long_secs = (long.as_secs_f64() * shrink / 60.0).ceil().max(1.0) as u64 * 60;
        let long = Duration::from_secs(long_secs);
        let burn = share * window.as_secs_f64() / long.as_secs_f64();
        let bad_share = burn * allowed;
        // A burn that cannot be reached, as every event is bad long before, would be a rule that never fires.
        let bad_share = bad_share.min(SECONDS_BAD_SHARE_MAX.max(allowed));
        tiers.push(Tier {
            name: name.to_owned(),
            severity,
            budget_share: Some(share),
            long,
            short: long / SHORT_WINDOW_DIVISOR,
            long_bad_share: bad_share,
            short_bad_share: bad_share,
        });
    }
    tiers
}

pub(crate) fn seconds_tier(allowed: f64) -> Tier {
    let short = (SECONDS_BURN * allowed).clamp(SECONDS_BAD_SHARE_MIN, SECONDS_BAD_SHARE_MAX.max(allowed));
    Tier {
        name: SECONDS_TIER.to_owned(),
        severity: Severity::Page,
        budget_share: None,
        long: SECONDS_LONG,
        short: SECONDS_SHORT,
        // The short window shows that the failure is near total; the minute must only be over its allowance at all, or
        // a service that was well until now could not be paged about for many seconds.
        long_bad_share: allowed.min(1.0),
        short_bad_share: short,
    }
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

impl Tier {
    /// The burn rate at which the long window counts.
    pub fn burn_threshold(&self, target: Ratio) -> f64 {
        burn_rate(self.long_bad_share, target)
    }
}

/// Bad share ÷ allowed share. Infinite when nothing is allowed and something is bad.
pub fn burn_rate(bad_share: f64, target: Ratio) -> f64 {
    let allowed = target.complement().as_f64();
    if bad_share <= 0.0 { 0.0 } else { bad_share / allowed }
}

/// Bounds of the share of bad events in the long run, given those seen: the Wilson score interval (Wilson 1927), which
/// stays sensible for few events and for shares near 0 and 1. One-sided 95 % each.
///
/// ```
/// use nines_slo::{Counts, wilson_bounds};
/// // 2 of 4 failed: almost anything may be true.
/// let (low, high) = wilson_bounds(Counts { good: 2, bad: 2 });
/// assert!(low < 0.2 && high > 0.8);
/// // 500 of 1000 failed: about half do.
/// let (low, high) = wilson_bounds(Counts { good: 500, bad: 500 });
/// assert!(low > 0.47 && high < 0.53);
/// ```
pub fn wilson_bounds(counts: Counts) -> (f64, f64) {
    let n = counts.total() as f64;
    if n == 0.0 {
        return (0.0, 1.0);
    }
    let share = counts.bad as f64 / n;
    let z2 = CONFIDENCE_Z * CONFIDENCE_Z;
    let centre = share + z2 / (2.0 * n);
    let spread = CONFIDENCE_Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
}

/// What a tier says about the events of its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Both windows are over, and the short one surely so.
    Breaching,
    Quiet,
    /// Over by what was seen, but too few events were seen to be sure, even in the widened window; or none of them lately.
    TooFew,
}

/// A tier evaluated at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct TierReading {
    pub tier: Tier,
    pub verdict: Verdict,
    /// The short window that was judged: the tier's own, or narrowed, or doubled to find enough events.
    pub short: Duration,
    pub short_counts: Counts,
    pub long_counts: Counts,
    pub short_burn: f64,
    pub long_burn: f64,
    /// Lower bound of the short window's bad share.
    pub short_share_low: f64,
}

/// Evaluates a tier. `counts` answers the events of the last so-much time.
///
/// **Widening.** A short window with fewer than `min_events` is doubled, at most to the long one, until it holds enough;
/// if even the long one does not, the tier can only be [`Verdict::TooFew`] or quiet. It is never skipped.
///
/// **Narrowing.** The seconds tier first asks its last second and its last two; whichever is breaching by itself, with
/// enough events and confidence, is taken in place of the short window.
pub fn read_tier(
    tier: &Tier,
    target: Ratio,
    min_events: u64,
    mut counts: impl FnMut(Duration) -> Counts,
) -> TierReading {
    if tier.name == SECONDS_TIER {
        for short in SECONDS_FIRST {
            let narrowed = Tier { name: String::new(), short, ..tier.clone() };
            let reading = read_window(&narrowed, target, min_events, &mut counts);
            if reading.verdict == Verdict::Breaching && reading.short == short {
                return TierReading { tier: tier.clone(), ..reading };
            }
        }
    }
    read_window(tier, target, min_events, &mut counts)
}

fn read_window(
    tier: &Tier,
    target: Ratio,
    min_events: u64,
    counts: &mut impl FnMut(Duration) -> Counts,
) -> TierReading {
    let long_counts = counts(tier.long);
    let mut short = tier.short.min(tier.long);
    let mut short_counts = counts(short);
    while short_counts.total() < min_events && short < tier.long {
        short = (short * 2).min(tier.long);
        short_counts = counts(short);
    }
    let over = |counts: Counts, share: f64| counts.bad_ratio().is_some_and(|bad| bad >= share);
    let (short_share_low, _) = wilson_bounds(short_counts);
    let seen = over(long_counts, tier.long_bad_share) && over(short_counts, tier.short_bad_share);
    let sure = short_counts.total() >= min_events && short_share_low >= tier.short_bad_share;
    let verdict = match (seen, sure) {
        (true, true) => Verdict::Breaching,
        (true, false) => Verdict::TooFew,
        (false, _) => Verdict::Quiet,
    };
    let burn = |counts: Counts| burn_rate(counts.bad_ratio().unwrap_or(0.0), target);
    TierReading {
        tier: tier.clone(),
        verdict,
        short,
        short_counts,
        long_counts,
        short_burn: burn(short_counts),
        long_burn: burn(long_counts),
        short_share_low,
    }
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Breaching => "breaching",
            Self::Quiet => "quiet",
            Self::TooFew => "too_few",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn target() -> Ratio {
        Ratio::from_f64(0.999).unwrap()
    }

    #[test]
    fn burn_rates_are_those_of_the_table_in_all_columns() {
        // CAPABILITIES 4.1: rates for windows of 30, 7, 28 and 90 days.
        let table = [
            ("page_1h", 3_600, 300, [14.4, 3.36, 13.44, 43.2]),
            ("page_6h", 21_600, 1_800, [6.0, 1.4, 5.6, 18.0]),
            ("ticket_1d", 86_400, 7_200, [3.0, 0.7, 2.8, 9.0]),
            ("ticket_3d", 259_200, 21_600, [1.0, 0.23, 0.93, 3.0]),
        ];
        for (column, days) in [30, 7, 28, 90].into_iter().enumerate() {
            let tiers = default_tiers(target(), DAY * days);
            for (tier, (name, long, short, rates)) in tiers[1..].iter().zip(&table) {
                assert_eq!(
                    (tier.name.as_str(), tier.long.as_secs(), tier.short.as_secs()),
                    (*name, *long, *short)
                );
                let rate = (tier.burn_threshold(target()) * 100.0).round() / 100.0;
                assert_eq!(rate, rates[column], "{name} at {days} d");
            }
        }
    }

    #[test]
    fn a_window_of_a_day_shrinks_the_long_windows() {
        let tiers = default_tiers(Ratio::from_f64(0.99).unwrap(), DAY);
        assert_eq!(tiers[1].long.as_secs(), 540);
        assert!(tiers.iter().skip(1).all(|tier| tier.long < DAY / 2));
    }

    #[test]
    fn the_seconds_tier_sees_a_total_failure_within_seconds() {
        let tier = seconds_tier(0.001);
        assert!((tier.long_bad_share - 0.001).abs() < 1e-12 && tier.short_bad_share == 0.4);
        // 100 events a second; everything fails since `seconds`.
        let verdict = |seconds: u64| {
            read_tier(&tier, target(), MIN_EVENTS, |window| {
                let bad = seconds.min(window.as_secs()) * 100;
                Counts { good: window.as_secs() * 100 - bad, bad }
            })
            .verdict
        };
        assert_eq!(
            (verdict(0), verdict(1), verdict(3)),
            (Verdict::Quiet, Verdict::Breaching, Verdict::Breaching)
        );
        // With a target of 99 % and 95 % too, within ten seconds.
        for target in [0.99, 0.95, 0.9] {
            let tier = seconds_tier(1.0 - target);
            assert!(tier.long_bad_share * 60.0 <= 12.0 && tier.short_bad_share <= 0.9, "{tier:?}");
        }
    }

    #[test]
    fn few_events_widen_the_window_and_never_page_alone() {
        let tier = seconds_tier(0.01);
        // One event a second, all bad: 5 in 5 s. Widened to 40 s there are 40.
        let reading =
            read_tier(&tier, target(), MIN_EVENTS, |window| Counts { good: 0, bad: window.as_secs() });
        assert_eq!((reading.verdict, reading.short.as_secs()), (Verdict::Breaching, 40));
        // Three bad events in all: over by what was seen, but nobody is woken.
        let reading = read_tier(&tier, target(), MIN_EVENTS, |_| Counts { good: 0, bad: 3 });
        assert_eq!((reading.verdict, reading.short), (Verdict::TooFew, tier.long));
        // 11 of 25 is over 40 %, but may well be chance.
        let reading = read_tier(&tier, target(), MIN_EVENTS, |_| Counts { good: 14, bad: 11 });
        assert_eq!(reading.verdict, Verdict::TooFew);
        assert_eq!(read_tier(&tier, target(), MIN_EVENTS, |_| Counts::default()).verdict, Verdict::Quiet);
    }

    #[test]
    fn wilson_bounds_are_where_the_observation_is_just_believable() {
        // The interval's definition, solved the other way round: at each bound p the observed share lies exactly z
        // standard errors, sqrt(p(1−p)/n), away.
        for (good, bad) in [(9, 1), (14, 11), (0, 25), (1, 999), (500, 500)] {
            let counts = Counts { good, bad };
            let (n, seen) = (counts.total() as f64, counts.bad_ratio().unwrap());
            let (low, high) = wilson_bounds(counts);
            assert!(low <= seen && seen <= high);
            for bound in [low, high].into_iter().filter(|bound| *bound > 0.0 && *bound < 1.0) {
                let distance = (seen - bound).abs();
                let expected = CONFIDENCE_Z * (bound * (1.0 - bound) / n).sqrt();
                assert!((distance - expected).abs() < 1e-12, "{counts:?}: {distance} {expected}");
            }
        }
        assert_eq!(wilson_bounds(Counts::default()), (0.0, 1.0));
    }
}
