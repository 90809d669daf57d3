use proptest::prelude::*;

use super::*;

fn round_trip(samples: &[Sample]) -> usize {
    let (mut chunk, mut scratch) = (Vec::new(), Scratch::default());
    encode(&mut chunk, samples, &mut scratch);
    let (mut times, mut values) = (Vec::new(), Vec::new());
    decode(&chunk, &mut times, &mut values, &mut scratch).expect("what was encoded decodes");
    let back: Vec<_> = times.iter().zip(&values).map(|(&t, value)| (t, value.to_bits())).collect();
    let given: Vec<_> = samples.iter().map(|sample| (sample.t_ms, sample.value.to_bits())).collect();
    assert_eq!(back, given);
    chunk.len()
}

fn every_15_s(values: impl IntoIterator<Item = f64>) -> Vec<Sample> {
    let start = 1_763_800_000_000;
    let at = |index: usize| start + 15_000 * index as i64;
    values.into_iter().enumerate().map(|(index, value)| Sample { t_ms: at(index), value }).collect()
}

#[test]
fn every_kind_of_series_comes_back_and_takes_no_more_than_it_should() {
    let stale = f64::from_bits(crate::model::STALE_NAN_BITS);
    let cases: [(&str, Vec<f64>, usize); 8] = [
        ("one sample", vec![1.5], 20),
        ("constant", vec![7.0; 240], 24),
        ("steady counter", (0..240).map(|i| f64::from(i) * 50.0).collect(), 40),
        ("counter with a reset", (0..240).map(|i| f64::from(i % 120) * 3.0).collect(), 250),
        ("cents", (0..240).map(|i| f64::from(i * 37 % 100) / 100.0).collect(), 280),
        ("ends stale", (0..239).map(|i| f64::from(i) * 2.0).chain([stale]).collect(), 60),
        ("no pattern at all", (0..240).map(|i| (f64::from(i) * 0.1).sin()).collect(), 240 * 8 + 40),
        (
            "edge values",
            vec![
                0.0,
                -0.0,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN,
                stale,
                f64::MIN,
                f64::MAX,
                5e-324,
                -1e300,
                WHOLE_MAX,
            ],
            200,
        ),
    ];
    for (name, values, bytes_max) in cases {
        let bytes = round_trip(&every_15_s(values));
        assert!(bytes <= bytes_max, "{name}: {bytes} bytes");
    }
}

#[test]
fn extreme_times_come_back() {
    let at = |t_ms: i64, value: f64| Sample { t_ms, value };
    round_trip(&[at(i64::MIN, 1.0), at(-1, 2.0), at(0, 3.0), at(i64::MAX, 4.0)]);
    round_trip(&[at(i64::MIN, 1.0), at(i64::MAX, 1.0)]);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        (-1_000_000i64..1_000_000).prop_map(|whole| whole as f64),
        ((-1_000_000i64..1_000_000), 0u8..6).prop_map(|(whole, e)| whole as f64 / POWERS[usize::from(e)]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_samples_come_back(
        start in -1_000_000_000_000i64..3_000_000_000_000,
        steps in proptest::collection::vec((1i64..100_000, any_value()), 1..300),
    ) {
        let mut t_ms = start;
        let samples: Vec<_> = steps
            .into_iter()
            .map(|(step, value)| {
                t_ms += step;
                Sample { t_ms, value }
            })
            .collect();
        round_trip(&samples);
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        values in proptest::collection::vec(any_value(), 1..100),
        flip in any::<(u16, u8)>(),
    ) {
        let (mut times, mut decoded, mut scratch) = (Vec::new(), Vec::new(), Scratch::default());
        let _ = decode(&bytes, &mut times, &mut decoded, &mut scratch);
        let mut chunk = Vec::new();
        encode(&mut chunk, &every_15_s(values), &mut scratch);
        let at = usize::from(flip.0) % chunk.len();
        chunk[at] ^= flip.1;
        let _ = decode(&chunk, &mut times, &mut decoded, &mut scratch);
        prop_assert!(decoded.len() <= 2 * CHUNK_SAMPLES_MAX);
    }
}
