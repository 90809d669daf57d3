//! The hand-written walk against prost.

use proptest::prelude::*;
use prost::Message;

use nines_series::decode::{decode_v1, decode_v2};
use nines_series::{Counts, WriteRequest};

#[derive(Clone, PartialEq, Message)]
struct Request1 {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<Series1>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Metadata1>,
    /// A field of a later version.
    #[prost(string, tag = "15")]
    unknown: String,
}

#[derive(Clone, PartialEq, Message)]
struct Series1 {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    exemplars: Vec<Exemplar1>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(int64, tag = "3")]
    start_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Exemplar1 {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata1 {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(uint64, tag = "6")]
    zero_count: u64,
    #[prost(message, repeated, tag = "8")]
    negative_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "9")]
    negative_deltas: Vec<i64>,
    #[prost(message, repeated, tag = "11")]
    positive_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "12")]
    positive_deltas: Vec<i64>,
    #[prost(uint32, tag = "14")]
    reset_hint: u32,
    #[prost(int64, tag = "15")]
    timestamp: i64,
    #[prost(double, repeated, tag = "16")]
    custom_values: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Request2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<Series2>,
}

#[derive(Clone, PartialEq, Message)]
struct Series2 {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<Histogram>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<Metadata2>,
    /// Where early drafts had the start.
    #[prost(int64, tag = "6")]
    created_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata2 {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
    #[prost(uint32, tag = "4")]
    unit_ref: u32,
}

fn label() -> impl Strategy<Value = Label> {
    ("[a-z_]{0,8}", "\\PC{0,8}").prop_map(|(name, value)| Label { name, value })
}

fn sample() -> impl Strategy<Value = Sample> {
    (any::<u64>(), any::<i64>(), prop_oneof![Just(0), any::<i64>()]).prop_map(
        |(bits, timestamp, start_timestamp)| Sample {
            value: f64::from_bits(bits),
            timestamp,
            start_timestamp,
        },
    )
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let deltas = proptest::collection::vec(-5i64..20, 0..6);
    let spans = proptest::collection::vec((-3i32..3, 0u32..4), 0..3);
    (deltas, spans, any::<u64>(), any::<i64>(), -60i32..10, 0u32..6).prop_map(
        |(positive_deltas, spans, count, timestamp, schema, reset_hint)| Histogram {
            count,
            sum: count as f64 / 3.0,
            schema,
            zero_threshold: 0.5,
            zero_count: count / 2,
            negative_spans: Vec::new(),
            negative_deltas: vec![1, 2],
            positive_spans: spans.into_iter().map(|(offset, length)| Span { offset, length }).collect(),
            positive_deltas,
            reset_hint,
            timestamp,
            custom_values: vec![0.1, 7.0],
        },
    )
}

fn some<S: Strategy>(of: S) -> impl Strategy<Value = Vec<S::Value>> {
    proptest::collection::vec(of, 0..4)
}

fn request1() -> impl Strategy<Value = Request1> {
    let exemplar = (some(label()), any::<u64>(), any::<i64>())
        .prop_map(|(labels, bits, timestamp)| Exemplar1 { labels, value: f64::from_bits(bits), timestamp });
    let series = (some(label()), some(sample()), some(exemplar), some(histogram())).prop_map(
        |(labels, samples, exemplars, histograms)| Series1 { labels, samples, exemplars, histograms },
    );
    let metadata = (0u32..12, "[a-z]{0,5}").prop_map(|(kind, name)| Metadata1 {
        kind,
        help: format!("help of {name}"),
        name,
        unit: "s".into(),
    });
    (some(series), some(metadata), "[a-z]{0,3}").prop_map(|(timeseries, metadata, unknown)| Request1 {
        timeseries,
        metadata,
        unknown,
    })
}

/// What both sides say, as text: NaNs are equal if their bits are.
fn describe(request: &WriteRequest<'_>) -> Vec<String> {
    let histogram = |t: &i64, h: &nines_series::Histogram| {
        let Counts::Whole { count, zero, positive, .. } = &h.counts else { panic!("whole counts were sent") };
        let hint = h.reset_hint as u32;
        format!(
            "{t} {count} {zero} {positive:?} {:?} {} {hint} {:?}",
            h.positive_spans, h.schema, h.custom_values
        )
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let each =
        |(labels, samples, histograms): (&[nines_series::RawLabel<'_>], &[nines_series::Sample], &[_])| {
            let labels: Vec<_> = labels.iter().map(|(name, value)| (text(name), text(value))).collect();
            let samples: Vec<_> =
                samples.iter().map(|sample| (sample.t_ms, sample.value.to_bits())).collect();
            let histograms: Vec<_> = histograms.iter().map(|(t, h)| histogram(t, h)).collect();
            format!("{labels:?} {samples:?} {histograms:?}")
        };
    request.iter().map(each).collect()
}

fn expected(labels: Vec<(String, String)>, samples: &[Sample], histograms: &[Histogram]) -> String {
    let samples: Vec<_> = samples.iter().map(|sample| (sample.timestamp, sample.value.to_bits())).collect();
    let histograms: Vec<_> = histograms
        .iter()
        .map(|h| {
            let counts = h.positive_deltas.iter().scan(0i64, |sum, delta| {
                *sum += delta;
                Some(u64::try_from(*sum).unwrap_or(u64::MAX))
            });
            let spans: Vec<_> = h
                .positive_spans
                .iter()
                .map(|span| nines_series::Span { offset: span.offset, length: span.length })
                .collect();
            let hint = if h.reset_hint > 3 { 0 } else { h.reset_hint };
            format!(
                "{} {} {} {:?} {spans:?} {} {hint} {:?}",
                h.timestamp,
                h.count,
                h.zero_count,
                counts.collect::<Vec<_>>(),
                h.schema,
                h.custom_values
            )
        })
        .collect();
    format!("{labels:?} {samples:?} {histograms:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn version_1_says_what_prost_says(request in request1(), flip in any::<(u16, u8)>()) {
        let mut bytes = request.encode_to_vec();
        let decoded = decode_v1(&bytes).unwrap();
        let expected: Vec<_> = request
            .timeseries
            .iter()
            .map(|series| {
                let labels = series.labels.iter().map(|label| (label.name.clone(), label.value.clone()));
                expected(labels.collect(), &series.samples, &series.histograms)
            })
            .collect();
        prop_assert_eq!(describe(&decoded), expected);
        for end in 0..bytes.len() {
            let _ = decode_v1(&bytes[..end]);
            let _ = decode_v2(&bytes[..end]);
        }
        if !bytes.is_empty() {
            let at = usize::from(flip.0) % bytes.len();
            bytes[at] ^= flip.1;
            let _ = decode_v1(&bytes);
        }
    }

    #[test]
    fn version_2_says_what_prost_says(request in request1(), flip in any::<(u16, u8)>()) {
        let mut symbols = vec![String::new()];
        let mut symbol = |text: &str| {
            symbols.iter().position(|one| one == text).unwrap_or_else(|| {
                symbols.push(text.to_owned());
                symbols.len() - 1
            }) as u32
        };
        let timeseries = request
            .timeseries
            .iter()
            .map(|series| Series2 {
                labels_refs: series
                    .labels
                    .iter()
                    .flat_map(|label| [symbol(&label.name), symbol(&label.value)])
                    .collect(),
                samples: series.samples.clone(),
                histograms: series.histograms.clone(),
                metadata: Some(Metadata2 { kind: 1, help_ref: symbol("some help"), unit_ref: 0 }),
                created_timestamp: 7,
            })
            .collect();
        let mut bytes = Request2 { symbols, timeseries }.encode_to_vec();
        let decoded = decode_v2(&bytes).unwrap();
        let expected: Vec<_> = request
            .timeseries
            .iter()
            .map(|series| {
                let labels = series.labels.iter().map(|label| (label.name.clone(), label.value.clone()));
                expected(labels.collect(), &series.samples, &series.histograms)
            })
            .collect();
        prop_assert_eq!(describe(&decoded), expected);
        for end in 0..bytes.len() {
            let _ = decode_v2(&bytes[..end]);
        }
        if !bytes.is_empty() {
            let at = usize::from(flip.0) % bytes.len();
            bytes[at] ^= flip.1;
            let _ = decode_v2(&bytes);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_v1(&bytes);
        let _ = decode_v2(&bytes);
    }
}

#[test]
fn errors_say_where() {
    let error = |bytes: &[u8]| decode_v1(bytes).unwrap_err().to_string();
    assert_eq!(
        error(&[0x0a, 0x05, 0x12]),
        "remote write body ends inside the request at byte 2: send the whole message"
    );
    assert!(
        error(&[0x0d, 0, 0, 0, 0]).contains("wire type 5 for a time series"),
        "{}",
        error(&[0x0d, 0, 0, 0, 0])
    );
    let first = Request2 { symbols: vec!["x".into()], timeseries: vec![] }.encode_to_vec();
    assert!(decode_v2(&first).unwrap_err().to_string().contains("do not start with the empty string"));
}
