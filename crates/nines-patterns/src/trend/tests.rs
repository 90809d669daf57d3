use proptest::prelude::*;

use super::*;

fn at_minute(minute: i64) -> Timestamp {
    Timestamp::from_nanos(minute * MINUTE_NS + 17)
}

proptest! {
    /// The ring equals counting by hand, in any order of arrival.
    #[test]
    fn the_ring_equals_counting(minutes in prop::collection::vec(1000_i64..1400, 1..200)) {
        let mut trend = Trend::new(at_minute(minutes[0]), 1);
        for &minute in &minutes[1..] {
            trend.add(at_minute(minute), 1);
        }
        let newest = *minutes.iter().max().unwrap();
        let counts = trend.last_minutes(at_minute(newest), MINUTES_KEPT);
        // A line older than the ring when it came is not in it, so only those that were young enough on arrival count.
        let mut seen = i64::MIN;
        let mut expected = vec![0_u32; MINUTES_KEPT];
        for &minute in &minutes {
            seen = seen.max(minute);
            let age = (newest - minute) as usize;
            if seen - minute < MINUTES_KEPT as i64 && age < MINUTES_KEPT {
                expected[MINUTES_KEPT - 1 - age] += 1;
            }
        }
        prop_assert_eq!(counts, expected);
        prop_assert_eq!(trend.total(), minutes.len() as u64);
        prop_assert_eq!(Trend::restore(trend.save()), trend);
    }

    /// Merging two trends equals counting both in one, if all fits into the ring.
    #[test]
    fn merging_equals_counting_together(
        left in prop::collection::vec(1000_i64..1100, 1..50),
        right in prop::collection::vec(1000_i64..1100, 1..50),
    ) {
        let of = |minutes: &[i64]| {
            let mut trend = Trend::new(at_minute(minutes[0]), 1);
            minutes[1..].iter().for_each(|&minute| trend.add(at_minute(minute), 1));
            trend
        };
        let mut merged = of(&left);
        merged.merge(&of(&right));
        prop_assert_eq!(merged, of(&[left, right].concat()));
    }

    /// More recent lines never make a surge less certain, more past never makes it more certain.
    #[test]
    fn surges_are_monotone(rate in 0_u32..50, recent in 5_u32..500, more in 1_u32..100) {
        let chance = |past: u32, recent: u32| surge(&[past; 60], &[recent; 5]).map_or(1.0, |surge| surge.chance);
        prop_assert!(chance(rate, recent + more) <= chance(rate, recent));
        prop_assert!(chance(rate + more, recent) >= chance(rate, recent));
    }
}

#[test]
fn a_steady_pattern_does_not_surge_and_a_tenfold_one_does() {
    assert_eq!(surge(&[10; 60], &[12, 9, 10, 14, 10]), None);
    assert!(surge(&[10; 60], &[100; 5]).is_some());
    // Never seen before, now four a minute: little, but certain.
    assert!(surge(&[0; 60], &[4; 5]).is_some());
    // Too little to matter, and too little past.
    assert_eq!(surge(&[0; 60], &[3; 5]), None);
    assert_eq!(surge(&[0; 14], &[100; 5]), None);
}

#[test]
fn what_comes_in_bunches_needs_more_to_surge() {
    // 300 lines every tenth minute: a bunch of 300 is no news.
    let bunches: Vec<u32> = (0..60).map(|minute| if minute % 10 == 0 { 300 } else { 0 }).collect();
    assert_eq!(surge(&bunches, &[300, 0, 0, 0, 0]), None);
    assert!(surge(&bunches, &[3000, 3000, 3000, 3000, 3000]).is_some());
}

#[test]
fn noise_is_not_called_a_surge() {
    // Poisson counts by Knuth's method from a fixed seed: 20 000 judgements, none above the bar.
    let mut state = 42_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut poisson = |mean: f64| {
        let limit = f64::exp(-mean);
        let (mut product, mut count) = (uniform(), 0);
        while product > limit {
            product *= uniform();
            count += 1;
        }
        count
    };
    for round in 0..20_000 {
        let mean = 0.5 + f64::from(round % 40);
        let past: Vec<u32> = (0..60).map(|_| poisson(mean)).collect();
        let recent: Vec<u32> = (0..5).map(|_| poisson(mean)).collect();
        assert_eq!(surge(&past, &recent), None, "round {round}");
    }
}

#[test]
fn new_needs_a_watch_that_began_before() {
    let trend = Trend::new(at_minute(1000), 1);
    assert!(trend.is_new(at_minute(1005), at_minute(900), 60));
    assert!(!trend.is_new(at_minute(1005), at_minute(995), 60), "the watch has just begun");
    assert!(!trend.is_new(at_minute(1100), at_minute(900), 60), "an old acquaintance");
}
