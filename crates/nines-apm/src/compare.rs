//! Two sides beside each other: a new version and the one before, or this hour and the last.
//!
//! A verdict is honest in three ways. It needs a least number of requests on both sides. It takes the sample into
//! account: the interval of the difference must exclude "the same". And it knows that looking at many endpoints finds a
//! difference somewhere by chance: the intervals are widened so that all verdicts of the table hold together with
//! probability 0.95.

use std::collections::HashMap;

use nines_model::{SmolStr, TimeRange};

use crate::entries::{EndpointRow, Entries};
use crate::figures::Figures;
use crate::stats::{Interval, quantile_ratio, share_difference, z_for};

/// Requests that a side needs: below, even a doubled error rate could be chance, and no quantile has an interval.
pub const REQUESTS_MIN: u64 = 30;
/// A change of latency below this factor is not worth a word, however sure it is.
const LATENCY_FACTOR_MIN: f64 = 1.05;
/// Nor is a change of the error ratio below one request in a thousand.
const ERROR_CHANGE_MIN: f64 = 0.001;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Worse,
    Better,
    /// No difference that matters was found. It may be there and be smaller than what so many requests can show.
    Same,
    TooFew,
    /// Only the candidate has it.
    Added,
    /// Only the baseline has it.
    Removed,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
            Self::TooFew => "too_few",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }
}

/// One endpoint, or all of them, on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// `None` for all endpoints together.
    pub endpoint: Option<Endpoint>,
    pub baseline: Figures,
    pub candidate: Figures,
    /// Candidate's error ratio minus baseline's. `None` where a side has no requests.
    pub error_change: Option<Interval>,
    /// Candidate's quantile over baseline's.
    pub p50_ratio: Option<Interval>,
    pub p95_ratio: Option<Interval>,
    pub errors: Verdict,
    /// The worse of what median and 95th percentile say; of the median alone where a side has too few requests for the
    /// other to have an interval.
    pub latency: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub service: SmolStr,
    /// `None`: those beyond the bound of a tally.
    pub name: Option<SmolStr>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub total: Compared,
    /// The worst first, then by the candidate's impact.
    pub endpoints: Vec<Compared>,
    /// Over which the rates are.
    pub baseline_range: TimeRange,
    pub candidate_range: TimeRange,
    /// Verdicts in the table, which the intervals were widened for.
    pub comparisons: usize,
}

impl Compared {
    /// The worse of the two verdicts.
    pub fn verdict(&self) -> Verdict {
        self.errors.min(self.latency)
    }
}

/// Compares what both sides counted.
pub fn compare(
    baseline: &Entries,
    baseline_range: TimeRange,
    candidate: &Entries,
    candidate_range: TimeRange,
) -> Comparison {
    let mut rows: HashMap<Endpoint, (Figures, Figures)> = HashMap::new();
    for EndpointRow { service, name, figures, .. } in baseline.endpoints() {
        rows.entry(Endpoint { service, name }).or_default().0 = figures;
    }
    for EndpointRow { service, name, figures, .. } in candidate.endpoints() {
        rows.entry(Endpoint { service, name }).or_default().1 = figures;
    }
    // Errors and two quantiles, for each row that can have a verdict, and for the total.
    let judged = rows.values().filter(|(a, b)| a.requests.min(b.requests) >= REQUESTS_MIN).count() + 1;
    let comparisons = judged * 3;
    let z = z_for(comparisons);
    let (mut total_a, mut total_b) = (Figures::default(), Figures::default());
    for (a, b) in rows.values() {
        total_a.merge(a);
        total_b.merge(b);
    }
    let mut endpoints: Vec<Compared> =
        rows.into_iter().map(|(endpoint, (a, b))| judge(Some(endpoint), a, b, z)).collect();
    endpoints.sort_by(|a, b| {
        let name = |row: &Compared| row.endpoint.as_ref().map(|it| (it.service.clone(), it.name.clone()));
        let impact = |row: &Compared| row.candidate.total_ns.max(row.baseline.total_ns);
        (a.verdict(), std::cmp::Reverse(impact(a)), name(a)).cmp(&(
            b.verdict(),
            std::cmp::Reverse(impact(b)),
            name(b),
        ))
    });
    let total = judge(None, total_a, total_b, z);
    Comparison { total, endpoints, baseline_range, candidate_range, comparisons }
}

fn judge(endpoint: Option<Endpoint>, a: Figures, b: Figures, z: f64) -> Compared {
    let both = a.requests > 0 && b.requests > 0;
    let error_change = both.then(|| share_difference((a.errors, a.requests), (b.errors, b.requests), z));
    let p50_ratio = quantile_ratio(&a.latency, &b.latency, 0.5, z);
    let p95_ratio = quantile_ratio(&a.latency, &b.latency, 0.95, z);
    let without = match (a.requests, b.requests) {
        (0, 0) => Some(Verdict::TooFew),
        (0, _) => Some(Verdict::Added),
        (_, 0) => Some(Verdict::Removed),
        (a, b) if a.min(b) < REQUESTS_MIN => Some(Verdict::TooFew),
        _ => None,
    };
    let change = b.error_ratio().unwrap_or(0.0) - a.error_ratio().unwrap_or(0.0);
    let errors = without.unwrap_or_else(|| match error_change {
        Some(interval) if interval.low > 0.0 && change >= ERROR_CHANGE_MIN => Verdict::Worse,
        Some(interval) if interval.high < 0.0 && change <= -ERROR_CHANGE_MIN => Verdict::Better,
        _ => Verdict::Same,
    });
    let ratio = |q: f64| match (a.quantile_ns(q), b.quantile_ns(q)) {
        (Some(a), Some(b)) if a > 0.0 => b / a,
        _ => 1.0,
    };
    let one = |interval: Option<Interval>, q: f64| match interval {
        Some(interval) if interval.low > 1.0 && ratio(q) >= LATENCY_FACTOR_MIN => Verdict::Worse,
        Some(interval) if interval.high < 1.0 && ratio(q) <= 1.0 / LATENCY_FACTOR_MIN => Verdict::Better,
        Some(_) => Verdict::Same,
        None => Verdict::TooFew,
    };
    let latency = without.unwrap_or_else(|| one(p95_ratio, 0.95).min(one(p50_ratio, 0.5)));
    Compared { endpoint, baseline: a, candidate: b, error_change, p50_ratio, p95_ratio, errors, latency }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::Entry;

    const RANGE: TimeRange = TimeRange::ALL;

    /// Entries of the endpoints, each with how many, how many of them errors, and how long.
    fn entries(rows: &[(&str, u64, u64, i64)]) -> Entries {
        let mut entries = Entries::over(RANGE);
        for (name, count, errors, millis) in rows {
            for number in 0..*count {
                // Spread over a tenth, so that quantiles differ.
                let duration_ns = millis * 1_000_000 + (number as i64 % 100) * millis * 1_000;
                let error = number < *errors;
                let version = None;
                entries.add(&Entry { at: 0, service: "shop", name, duration_ns, error, version });
            }
        }
        entries
    }

    fn verdicts(a: &[(&str, u64, u64, i64)], b: &[(&str, u64, u64, i64)]) -> Vec<(String, Verdict, Verdict)> {
        let compared = compare(&entries(a), RANGE, &entries(b), RANGE);
        let told = |row: &Compared| {
            let endpoint = row.endpoint.as_ref().unwrap();
            (endpoint.name.as_ref().unwrap().to_string(), row.errors, row.latency)
        };
        compared.endpoints.iter().map(told).collect()
    }

    #[test]
    fn what_is_clearly_worse_comes_first_and_little_traffic_has_no_verdict() {
        use Verdict::*;
        let a = [("pay", 2_000, 2, 20), ("list", 2_000, 20, 20), ("rare", 9, 0, 20), ("old", 50, 0, 20)];
        let b = [("pay", 500, 60, 20), ("list", 500, 5, 40), ("rare", 9, 9, 90), ("new", 50, 0, 20)];
        let found = verdicts(&a, &b);
        let expected = [
            ("list", Same, Worse),
            ("pay", Worse, Same),
            ("rare", TooFew, TooFew),
            ("new", Added, Added),
            ("old", Removed, Removed),
        ];
        let expected: Vec<_> = expected.iter().map(|(name, e, l)| ((*name).to_owned(), *e, *l)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_same_is_called_the_same_however_many_endpoints_there_are() {
        // Two draws of one coin for each of 60 endpoints: a single false alarm may come once in twenty tables.
        let mut state = 9_u64;
        let mut draw = |n: u64, p: u64| {
            (0..n)
                .filter(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) % 1_000 < p
                })
                .count() as u64
        };
        let names: Vec<String> = (0..60).map(|number| format!("e{number}")).collect();
        let mut alarms = 0;
        for _ in 0..20 {
            let mut side = || -> Vec<(&str, u64, u64, i64)> {
                names.iter().map(|name| (name.as_str(), 300, draw(300, 30), 20)).collect()
            };
            let found = verdicts(&side(), &side());
            alarms += usize::from(found.iter().any(|(_, errors, _)| *errors != Verdict::Same));
        }
        assert!(alarms <= 4, "{alarms} of 20 tables raise a false alarm");
    }

    #[test]
    fn a_change_too_small_to_matter_is_none() {
        let a = [("pay", 4_000_u64, 0, 1_000)];
        let b = [("pay", 4_000, 0, 1_020)];
        assert_eq!(verdicts(&a, &b)[0].2, Verdict::Same);
    }
}
