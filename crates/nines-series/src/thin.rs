//! Fewer samples for long ranges: what an old day keeps of each series.
//!
//! In each [`BUCKET_MS`] a series keeps real samples at their real times, never means: the least, the greatest and the last,
//! every staleness marker with the numbers on both its sides, and both sides of each fall as long as there are few of them. So
//! - `increase` and `rate` of a counter between any two samples that are left are what they were: a fall of a counter is a
//!   restart, and none is hidden;
//! - `max_over_time` and `min_over_time` over whole buckets are what they were;
//! - a window of five minutes has two samples of whatever was scraped every half minute or more often;
//! - `avg_over_time`, `sum_over_time`, `count_over_time` and quantiles over time are of the samples that are left.
//!
//! Thinning what is thinned changes nothing. Native histograms are kept as they are: their hints speak of the one before.

use crate::model::is_stale;

/// Two buckets and a scrape fit into five minutes, which is the staleness of PromQL and the window of most rates.
pub const BUCKET_MS: i64 = 2 * 60 * 1_000;

/// A counter falls when its process starts; what falls more often in two minutes is a gauge, whose least and greatest say enough.
const FALLS_MAX: usize = 2;

/// Removes what a thinned series does not keep. `times` increase; `values` are as many.
pub fn thin(times: &mut Vec<i64>, values: &mut Vec<f64>) {
    let mut kept = 0;
    let mut start = 0;
    let mut keep = Vec::new();
    let mut past = Past::default();
    while start < times.len() {
        let bucket = times[start].div_euclid(BUCKET_MS);
        let mut end = start + 1;
        while end < times.len() && times[end].div_euclid(BUCKET_MS) == bucket {
            end += 1;
        }
        chosen(&values[start..end], &mut past, &mut keep);
        for &place in &keep {
            times[kept] = times[start + place];
            values[kept] = values[start + place];
            kept += 1;
        }
        start = end;
    }
    times.truncate(kept);
    values.truncate(kept);
}

/// What came before a bucket.
#[derive(Default)]
struct Past {
    /// What the bucket begins with may be a fall from it.
    last: Option<f64>,
    /// A staleness marker, and no number since.
    has_ended: bool,
}

/// Which places of a bucket stay, ascending.
fn chosen(values: &[f64], past: &mut Past, keep: &mut Vec<usize>) {
    keep.clear();
    let number = |place: &usize| !values[*place].is_nan();
    let least = (0..values.len()).filter(number).min_by(|&a, &b| values[a].total_cmp(&values[b]));
    let greatest =
        (0..values.len()).filter(number).max_by(|&a, &b| values[a].total_cmp(&values[b]).then(b.cmp(&a)));
    keep.extend(least.into_iter().chain(greatest).chain((0..values.len()).rev().find(number)));
    keep.push(values.len() - 1);
    if past.last.is_none() {
        // The day before, in another file, may have ended higher.
        keep.push(0);
    }
    for (place, value) in values.iter().enumerate() {
        if is_stale(*value) {
            keep.extend((0..place).rev().find(number));
        }
        if is_stale(*value) || (past.has_ended && !value.is_nan()) {
            keep.push(place);
        }
        past.has_ended = is_stale(*value) || (past.has_ended && value.is_nan());
    }
    let mut falls = Vec::with_capacity(FALLS_MAX + 1);
    let mut previous = past.last.map(|value| (None, value));
    for (place, &value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
        if let Some((at, _)) = previous.filter(|(_, last)| value < *last) {
            falls.push((at, place));
        }
        previous = Some((Some(place), value));
    }
    if falls.len() <= FALLS_MAX {
        keep.extend(falls.into_iter().flat_map(|(at, place)| at.into_iter().chain([place])));
    }
    past.last = previous.map(|(_, value)| value);
    keep.sort_unstable();
    keep.dedup();
}

#[cfg(test)]
mod tests {
    use nines_base::Random;

    use super::*;
    use crate::model::STALE_NAN_BITS;

    /// As PromQL counts it: a fall is a restart from zero. Staleness markers are not numbers.
    fn increase(samples: &[(i64, f64)]) -> f64 {
        let numbers: Vec<f64> =
            samples.iter().map(|sample| sample.1).filter(|value| !value.is_nan()).collect();
        numbers.windows(2).map(|pair| if pair[1] < pair[0] { pair[1] } else { pair[1] - pair[0] }).sum()
    }

    fn thinned(samples: &[(i64, f64)]) -> Vec<(i64, f64)> {
        let (mut times, mut values) = samples.iter().copied().unzip();
        thin(&mut times, &mut values);
        times.into_iter().zip(values).collect()
    }

    fn same(one: &[(i64, f64)], other: &[(i64, f64)]) -> bool {
        let bits = |samples: &[(i64, f64)]| {
            samples.iter().map(|(at, value)| (*at, value.to_bits())).collect::<Vec<_>>()
        };
        bits(one) == bits(other)
    }

    /// A day of a counter scraped every few seconds, with gaps, restarts and ends.
    fn counter(random: &Random) -> Vec<(i64, f64)> {
        let (mut at, mut value, mut samples) = (0i64, 0.0, Vec::new());
        let step = 1_000 * (1 + random.below(30)) as i64;
        while at < 86_400_000 {
            match random.below(300) {
                0 => value = random.below(50) as f64,
                1 => at += random.below(3_600_000) as i64,
                2 => {
                    samples.push((at, f64::from_bits(STALE_NAN_BITS)));
                    at += step;
                    continue;
                }
                _ => value += random.below(20) as f64,
            }
            samples.push((at, value));
            at += step;
        }
        samples
    }

    #[test]
    fn no_increase_of_a_counter_is_lost_or_made_up() {
        for seed in 0..200 {
            let random = Random::from_seed(seed);
            let samples = counter(&random);
            // More falls than a bucket keeps are the restarts of a process that does not come up: left out here.
            let mut falls = std::collections::HashMap::new();
            let numbers: Vec<_> = samples.iter().filter(|sample| !sample.1.is_nan()).collect();
            for pair in numbers.windows(2).filter(|pair| pair[1].1 < pair[0].1) {
                *falls.entry(pair[1].0 / BUCKET_MS).or_insert(0) += 1;
            }
            if falls.values().any(|count| *count > FALLS_MAX) {
                continue;
            }
            let left = thinned(&samples);
            assert!(left.len() < samples.len(), "seed {seed}");
            for _ in 0..50 {
                let (a, b) =
                    (random.below(left.len() as u64) as usize, random.below(left.len() as u64) as usize);
                let (from, to) = (left[a.min(b)].0, left[a.max(b)].0);
                let between = |all: &[(i64, f64)]| -> Vec<(i64, f64)> {
                    all.iter().copied().filter(|(at, _)| (from..=to).contains(at)).collect()
                };
                let (before, after) = (increase(&between(&samples)), increase(&between(&left)));
                assert_eq!(before, after, "seed {seed}, from {from} to {to}");
            }
        }
    }

    #[test]
    fn every_bucket_keeps_its_bounds_its_last_and_its_ends_and_again_changes_nothing() {
        let mut kept = (0, 0);
        for seed in 0..200 {
            let random = Random::from_seed(seed);
            let samples: Vec<(i64, f64)> = (0..2_000)
                .map(|index| {
                    let value = match random.below(50) {
                        0 => f64::from_bits(STALE_NAN_BITS),
                        1 => f64::NAN,
                        2 => f64::INFINITY,
                        _ => random.unit() * 100.0 - 50.0,
                    };
                    (index * 15_000, value)
                })
                .collect();
            let left = thinned(&samples);
            assert!(same(&thinned(&left), &left), "seed {seed}: thinning twice is not thinning once");
            assert!(
                left.iter().all(|one| samples.iter().any(|other| same(&[*one], &[*other]))),
                "seed {seed}: made up"
            );
            for bucket in samples.chunk_by(|a, b| a.0.div_euclid(BUCKET_MS) == b.0.div_euclid(BUCKET_MS)) {
                let inside: Vec<_> = left
                    .iter()
                    .copied()
                    .filter(|(at, _)| at.div_euclid(BUCKET_MS) == bucket[0].0.div_euclid(BUCKET_MS))
                    .collect();
                let bounds = |all: &[(i64, f64)]| {
                    all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| {
                        (low.min(*value), high.max(*value))
                    })
                };
                assert_eq!(bounds(bucket), bounds(&inside), "seed {seed}");
                assert_eq!(
                    bucket[bucket.len() - 1].0,
                    inside[inside.len() - 1].0,
                    "seed {seed}: the last is gone"
                );
                let ends = |all: &[(i64, f64)]| all.iter().filter(|(_, value)| is_stale(*value)).count();
                assert_eq!(ends(bucket), ends(&inside), "seed {seed}: an end is gone");
            }
            kept = (kept.0 + left.len(), kept.1 + samples.len());
        }
        println!("of gauges at 15 s {} of {} samples are left", kept.0, kept.1);
    }
}
