//! The whole store against a map, through any sequence of writes, seals, merges, crashes and restarts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use nines_series::WriteRequest;

use crate::harness::{DAY_MS, HOUR_MS, Machine, add, all};

#[derive(Debug, Clone)]
enum Step {
    /// Series, and minutes with values.
    Write(Vec<(u8, Vec<(u16, i8)>)>),
    Seal,
    Compact,
    Restart,
    /// The clock moves on, so that days pass and can be merged.
    Days(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let samples = proptest::collection::vec((0u16..2_800, any::<i8>()), 1..60);
    let write = proptest::collection::vec((0u8..6, samples), 1..4).prop_map(Step::Write);
    prop_oneof![
        6 => write,
        2 => Just(Step::Seal),
        2 => Just(Step::Compact),
        1 => Just(Step::Restart),
        1 => (1u8..5).prop_map(Step::Days),
    ]
}

/// Series that compress in different ways.
fn value(series: u8, raw: i8) -> f64 {
    match series {
        0 => f64::from(raw),
        1 => f64::from(raw) / 100.0,
        2 => f64::from(raw).sin(),
        3 => f64::from(raw) * 1e300,
        4 if raw % 8 == 0 => f64::NEG_INFINITY,
        _ => f64::from(raw / 64),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_a_map(steps in proptest::collection::vec(step(), 1..25), seed in any::<u64>()) {
        let machine = Machine::new(seed);
        let (mut store, _) = machine.open();
        let mut model: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Write(series) => {
                    let names: Vec<String> = series.iter().map(|(series, _)| format!("s{series}")).collect();
                    let mut request = WriteRequest::default();
                    for (name, (series, samples)) in names.iter().zip(&series) {
                        let at = |minute: u16| DAY_MS + i64::from(minute) * HOUR_MS / 60;
                        let samples: Vec<_> =
                            samples.iter().map(|&(minute, raw)| (at(minute), value(*series, raw))).collect();
                        add(&mut request, &[("series", name)], &samples);
                        let known = model.entry(format!("{{series={name:?}}}")).or_default();
                        known.extend(samples);
                    }
                    let outcome = store.write(request).unwrap().wait().unwrap();
                    prop_assert!(outcome.is_whole(), "{outcome:?}");
                }
                Step::Seal => {
                    store.seal().unwrap();
                }
                Step::Compact => {
                    store.compact().unwrap();
                }
                Step::Restart => {
                    drop(store);
                    machine.disk.crash();
                    let recovery;
                    (store, recovery) = machine.open();
                    prop_assert_eq!(recovery.orphan_samples, 0);
                }
                Step::Days(days) => machine.clock.advance(std::time::Duration::from_secs(u64::from(days) * 86_400)),
            }
        }
        let expected: Vec<(String, Vec<(i64, f64)>)> =
            model.into_iter().map(|(series, samples)| (series, samples.into_iter().collect())).collect();
        prop_assert_eq!(all(&store), expected);
    }
}

/// `NINES_SERIES_CASES` runs more.
fn cases() -> u32 {
    std::env::var("NINES_SERIES_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}
