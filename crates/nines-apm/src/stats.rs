//! Intervals that say how far a figure may be off because only so many requests were seen.
//!
//! All of them treat requests as independent. Requests that fail together (one bad second) are not, and the true
//! intervals are then wider: a verdict near its limit deserves a second look.

use nines_query::RELATIVE_ERROR;
use nines_query::sketch::Sketch;

/// Both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// How many standard deviations an interval must reach so that *all* of `comparisons` intervals hold together with
/// probability 0.95 (Bonferroni: each with `1 − 0.05 / comparisons`).
///
/// ```
/// # use nines_apm::stats::z_for;
/// assert!((z_for(1) - 1.95996).abs() < 1e-4);
/// assert!((z_for(10) - 2.80703).abs() < 1e-4);
/// ```
pub fn z_for(comparisons: usize) -> f64 {
    inverse_normal(1.0 - 0.05 / (2.0 * comparisons.max(1) as f64))
}

/// The quantile function of the standard normal distribution, for `p` in `[0.5, 1)`.
///
/// Source: P. J. Acklam, "An algorithm for computing the inverse normal cumulative distribution function" (2003);
/// relative error below 1.15e-9.
fn inverse_normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let p = p.clamp(0.5, 1.0 - f64::EPSILON);
    if p > 1.0 - 0.024_25 {
        let q = (-2.0 * (1.0 - p).ln()).sqrt();
        return -horner(&C, q) / (horner(&D, q) * q + 1.0);
    }
    let q = p - 0.5;
    let r = q * q;
    horner(&A, r) * q / (horner(&B, r) * r + 1.0)
}

/// The share behind `hits` of `trials`: Wilson's score interval, which stays within `[0, 1]` and is sound for few trials
/// and for none or all of them hit.
///
/// Source: E. B. Wilson (1927); the form in Brown, Cai, DasGupta, "Interval Estimation for a Binomial Proportion" (2001).
///
/// ```
/// # use nines_apm::stats::{wilson, z_for};
/// // Newcombe (1998), table I: 81 of 263, 95 %.
/// let interval = wilson(81, 263, z_for(1));
/// assert!((interval.low - 0.2553).abs() < 5e-5 && (interval.high - 0.3662).abs() < 5e-5);
/// ```
pub fn wilson(hits: u64, trials: u64, z: f64) -> Interval {
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, p, z2) = (trials as f64, hits as f64 / trials as f64, z * z);
    let middle = p + z2 / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    Interval { low: ((middle - half) / scale).max(0.0), high: ((middle + half) / scale).min(1.0) }
}

/// `hits_b / trials_b − hits_a / trials_a`, by the square-and-add of two Wilson intervals.
///
/// Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions" (1998), method 10.
///
/// ```
/// # use nines_apm::stats::{share_difference, z_for};
/// // Newcombe's example (a): 56 of 70 against 48 of 80.
/// let interval = share_difference((48, 80), (56, 70), z_for(1));
/// assert!((interval.low - 0.0524).abs() < 5e-5 && (interval.high - 0.3339).abs() < 5e-5);
/// ```
pub fn share_difference(a: (u64, u64), b: (u64, u64), z: f64) -> Interval {
    let share = |(hits, trials): (u64, u64)| if trials == 0 { 0.5 } else { hits as f64 / trials as f64 };
    let (pa, pb) = (share(a), share(b));
    let (ia, ib) = (wilson(a.0, a.1, z), wilson(b.0, b.1, z));
    let difference = pb - pa;
    Interval {
        low: difference - (pb - ib.low).hypot(ia.high - pa),
        high: difference + (ib.high - pb).hypot(pa - ia.low),
    }
}

/// The `q` quantile of what `sketch` was drawn from: between two order statistics, widened by the sketch's own error.
/// `None` where too few values were seen for the interval to have both ends.
///
/// Source: W. J. Conover, "Practical Nonparametric Statistics", confidence interval for a quantile (normal
/// approximation to the binomial ranks).
pub fn quantile_interval(sketch: &Sketch, q: f64, z: f64) -> Option<Interval> {
    let n = sketch.count() as f64;
    let half = z * (n * q * (1.0 - q)).sqrt();
    let (low, high) = ((n * q - half).floor(), (n * q + half).ceil() + 1.0);
    if low < 1.0 || high > n {
        return None;
    }
    // Half a rank less, so that rounding cannot push it to the next one.
    let at = |rank: f64| sketch.quantile((rank - 0.5) / n);
    Some(Interval { low: at(low)? * (1.0 - RELATIVE_ERROR), high: at(high)? * (1.0 + RELATIVE_ERROR) })
}

/// The `q` quantile of `b` over that of `a`, by square-and-add on the logarithms. `None` if either has too few values,
/// or reaches down to zero.
///
/// Source: G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures" (2008), applied to logarithms.
pub fn quantile_ratio(a: &Sketch, b: &Sketch, q: f64, z: f64) -> Option<Interval> {
    let (ia, ib) = (quantile_interval(a, q, z)?, quantile_interval(b, q, z)?);
    let (xa, xb) = (a.quantile(q)?, b.quantile(q)?);
    if ia.low <= 0.0 || ib.low <= 0.0 || xa <= 0.0 || xb <= 0.0 {
        return None;
    }
    let ratio = (xb / xa).ln();
    let low = ratio - (xb / ib.low).ln().hypot((ia.high / xa).ln());
    let high = ratio + (ib.high / xb).ln().hypot((xa / ia.low).ln());
    Some(Interval { low: low.exp(), high: high.exp() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of our own (splitmix64), so that the draws are the same everywhere.
    struct Draws(u64);

    impl Draws {
        fn unit(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = self.0;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }

        fn hits(&mut self, p: f64, n: u64) -> u64 {
            (0..n).filter(|_| self.unit() < p).count() as u64
        }

        fn latencies(&mut self, scale: f64, n: u64) -> Sketch {
            let mut sketch = Sketch::default();
            for _ in 0..n {
                sketch.insert(scale * -(1.0 - self.unit()).ln());
            }
            sketch
        }
    }

    /// Of 1000 intervals, so many hold the truth: 95 % of them, and not far fewer.
    fn check_cover(name: &str, mut holds: impl FnMut(&mut Draws) -> bool) {
        let mut draws = Draws(7);
        let covered = (0..1000).filter(|_| holds(&mut draws)).count();
        assert!(covered >= 930, "{name}: only {covered} of 1000 intervals hold the truth");
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let z = z_for(1);
        check_cover("wilson", |draws| wilson(draws.hits(0.03, 200), 200, z).contains(0.03));
        check_cover("difference", |draws| {
            let (a, b) = (draws.hits(0.02, 300), draws.hits(0.05, 400));
            share_difference((a, 300), (b, 400), z).contains(0.03)
        });
        let median = std::f64::consts::LN_2 * 1e6;
        check_cover("median", |draws| {
            quantile_interval(&draws.latencies(1e6, 150), 0.5, z).is_some_and(|it| it.contains(median))
        });
        check_cover("ratio of medians", |draws| {
            let (a, b) = (draws.latencies(1e6, 150), draws.latencies(2e6, 150));
            quantile_ratio(&a, &b, 0.5, z).is_some_and(|it| it.contains(2.0))
        });
        check_cover("ratio of 95th percentiles", |draws| {
            let (a, b) = (draws.latencies(1e6, 900), draws.latencies(1.5e6, 600));
            quantile_ratio(&a, &b, 0.95, z).is_some_and(|it| it.contains(1.5))
        });
    }

    #[test]
    fn few_values_have_no_interval() {
        let mut draws = Draws(1);
        assert_eq!(quantile_interval(&draws.latencies(1.0, 20), 0.95, z_for(1)), None);
        assert_eq!(quantile_interval(&Sketch::default(), 0.5, z_for(1)), None);
        let interval = wilson(0, 0, z_for(1));
        assert_eq!((interval.low, interval.high), (0.0, 1.0));
    }
}
