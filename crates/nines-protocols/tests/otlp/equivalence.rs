//! Messages made at random from the generated types, which encode them as protobuf and as JSON: both must give the
//! same events, and every plain attribute must come out as it went in.

use nines_model::Value;
use nines_protocols::otlp::{Format, Signal, decode};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;

use crate::support::RECEIVED_AT;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,30}", any::<String>()]
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL,
        (-1000..1000).prop_map(f64::from)
    ]
}

fn scalar() -> impl Strategy<Value = any_value::Value> {
    prop_oneof![
        text().prop_map(any_value::Value::StringValue),
        any::<bool>().prop_map(any_value::Value::BoolValue),
        any::<i64>().prop_map(any_value::Value::IntValue),
        finite().prop_map(any_value::Value::DoubleValue),
        vec(any::<u8>(), 0..20).prop_map(any_value::Value::BytesValue),
    ]
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = option::weighted(0.95, scalar()).prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 16, 4, |inner| {
        let pair = (text(), option::of(inner.clone()));
        prop_oneof![
            vec(inner, 0..4).prop_map(|values| any_value::Value::ArrayValue(ArrayValue { values })),
            vec(pair.prop_map(|(key, value)| KeyValue { key, value, ..Default::default() }), 0..4)
                .prop_map(|values| any_value::Value::KvlistValue(KeyValueList { values })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = (text(), option::weighted(0.9, any_value()));
    vec(pair.prop_map(|(key, value)| KeyValue { key, value, ..Default::default() }), 0..6)
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => vec(any::<u8>(), length), 1 => vec(any::<u8>(), 0..20), 1 => Just(vec![0; length])]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 1_600_000_000_000_000_000..1_700_000_000_000_000_000_u64, 1 => Just(0), 1 => any::<u64>()]
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    option::of(attributes().prop_map(|attributes| Resource { attributes, ..Default::default() }))
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    option::of((text(), text(), attributes()).prop_map(|(name, version, attributes)| InstrumentationScope {
        name,
        version,
        attributes,
        ..Default::default()
    }))
}

prop_compose! {
    fn log_record()(
        (time_unix_nano, observed_time_unix_nano) in (time(), time()),
        severity_number in -1..30_i32,
        (severity_text, event_name) in (text(), text()),
        body in option::of(any_value()),
        attributes in attributes(),
        (dropped_attributes_count, flags) in (0..3_u32, any::<u32>()),
        (trace_id, span_id) in (id(16), id(8)),
    ) -> LogRecord {
        LogRecord {
            time_unix_nano, observed_time_unix_nano, severity_number, severity_text, body, attributes,
            dropped_attributes_count, flags, trace_id, span_id, event_name,
        }
    }
}

prop_compose! {
    fn span()(
        (trace_id, span_id, parent_span_id) in (id(16), id(8), id(8)),
        (trace_state, name, message) in (text(), text(), text()),
        (kind, code) in (-1..8_i32, -1..4_i32),
        (start_time_unix_nano, end_time_unix_nano) in (time(), time()),
        attributes in attributes(),
        (flags, dropped_attributes_count, dropped_events_count, dropped_links_count)
            in (any::<u32>(), 0..3_u32, 0..3_u32, 0..3_u32),
        events in vec((time(), text(), attributes()), 0..3),
        links in vec((id(16), id(8), text(), attributes(), any::<u32>()), 0..3),
        has_status in any::<bool>(),
    ) -> Span {
        Span {
            trace_id, span_id, trace_state, parent_span_id, flags, name, kind, start_time_unix_nano,
            end_time_unix_nano, attributes, dropped_attributes_count, dropped_events_count, dropped_links_count,
            events: events.into_iter().map(|(time_unix_nano, name, attributes)| Event {
                time_unix_nano, name, attributes, dropped_attributes_count: 1,
            }).collect(),
            links: links.into_iter().map(|(trace_id, span_id, trace_state, attributes, flags)| Link {
                trace_id, span_id, trace_state, attributes, flags, ..Default::default()
            }).collect(),
            status: has_status.then_some(Status { message, code }),
        }
    }
}

prop_compose! {
    fn number_point()(
        attributes in attributes(),
        (start_time_unix_nano, time_unix_nano) in (time(), time()),
        flags in 0..3_u32,
        value in option::of(prop_oneof![
            finite().prop_map(number_data_point::Value::AsDouble),
            any::<i64>().prop_map(number_data_point::Value::AsInt),
        ]),
    ) -> NumberDataPoint {
        NumberDataPoint { attributes, start_time_unix_nano, time_unix_nano, flags, value, ..Default::default() }
    }
}

prop_compose! {
    fn histogram_point()(
        attributes in attributes(),
        (start_time_unix_nano, time_unix_nano, count) in (time(), time(), any::<u64>()),
        (sum, min, max) in (option::of(finite()), option::of(finite()), option::of(finite())),
        explicit_bounds in vec(finite(), 0..4),
        extra in 0..2_usize,
    ) -> HistogramDataPoint {
        let bucket_counts = vec![3; if explicit_bounds.is_empty() { 0 } else { explicit_bounds.len() + extra }];
        HistogramDataPoint {
            attributes, start_time_unix_nano, time_unix_nano, count, sum, min, max, explicit_bounds, bucket_counts,
            ..Default::default()
        }
    }
}

prop_compose! {
    fn exponential_point()(
        attributes in attributes(),
        (time_unix_nano, count, zero_count) in (time(), 0..10_u64, any::<u64>()),
        (sum, zero_threshold) in (option::of(finite()), finite()),
        scale in any::<i32>(),
        sides in vec((any::<i32>(), vec(any::<u64>(), 0..4)), 2),
        (has_positive, has_negative) in any::<(bool, bool)>(),
    ) -> ExponentialHistogramDataPoint {
        let side = |index: usize| Buckets { offset: sides[index].0, bucket_counts: sides[index].1.clone() };
        ExponentialHistogramDataPoint {
            attributes, time_unix_nano, count, sum, scale, zero_count, zero_threshold,
            positive: has_positive.then(|| side(0)),
            negative: has_negative.then(|| side(1)),
            ..Default::default()
        }
    }
}

fn metric_data() -> impl Strategy<Value = metric::Data> {
    let summary = (time(), any::<u64>(), finite(), vec((finite(), finite()), 0..3)).prop_map(
        |(time_unix_nano, count, sum, quantiles)| SummaryDataPoint {
            time_unix_nano,
            count,
            sum,
            quantile_values: quantiles
                .into_iter()
                .map(|(quantile, value)| ValueAtQuantile { quantile, value })
                .collect(),
            ..Default::default()
        },
    );
    prop_oneof![
        vec(number_point(), 0..4).prop_map(|data_points| metric::Data::Gauge(Gauge { data_points })),
        (vec(number_point(), 0..4), 0..4_i32, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| {
                metric::Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
            }
        ),
        (vec(histogram_point(), 0..4), 0..4_i32).prop_map(|(data_points, aggregation_temporality)| {
            metric::Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential_point(), 0..4), 0..4_i32).prop_map(|(data_points, aggregation_temporality)| {
            metric::Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary, 0..3).prop_map(|data_points| metric::Data::Summary(Summary { data_points })),
    ]
}

prop_compose! {
    fn any_metric()(
        (name, description, unit) in (text(), text(), text()),
        data in option::weighted(0.95, metric_data()),
    ) -> Metric {
        Metric { name, description, unit, data, ..Default::default() }
    }
}

fn check_same(signal: Signal, protobuf: &[u8], json: &[u8]) -> Result<(), TestCaseError> {
    let from_protobuf = decode(signal, Format::Protobuf, protobuf, RECEIVED_AT)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    let from_json = decode(signal, Format::Json, json, RECEIVED_AT)
        .map_err(|error| TestCaseError::fail(format!("{error}\n{}", String::from_utf8_lossy(json))))?;
    prop_assert_eq!(&from_protobuf, &from_json);
    for event in from_protobuf.batch.rows.events() {
        for (index, (name, value)) in event.fields.iter().enumerate() {
            prop_assert!(event.fields[..index].iter().all(|(other, _)| other != name), "{} twice", name);
            if let Value::Json(text) = value {
                prop_assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{}", text);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn logs(
        contents in vec((resource(), vec((scope(), vec(log_record(), 0..4)), 0..3)), 0..3),
    ) {
        let request = ExportLogsServiceRequest { resource_logs: contents.into_iter().map(|(resource, scopes)| ResourceLogs {
            resource,
            scope_logs: scopes.into_iter().map(|(scope, log_records)| ScopeLogs {
                scope, log_records, ..Default::default()
            }).collect(),
            ..Default::default()
        }).collect() };
        check_same(Signal::Logs, &request.encode_to_vec(), &serde_json::to_vec(&request).unwrap())?;
    }

    #[test]
    fn traces(
        contents in vec((resource(), vec((scope(), vec(span(), 0..4)), 0..3)), 0..3),
    ) {
        let request = ExportTraceServiceRequest { resource_spans: contents.into_iter().map(|(resource, scopes)| ResourceSpans {
            resource,
            scope_spans: scopes.into_iter().map(|(scope, spans)| ScopeSpans {
                scope, spans, ..Default::default()
            }).collect(),
            ..Default::default()
        }).collect() };
        check_same(Signal::Traces, &request.encode_to_vec(), &serde_json::to_vec(&request).unwrap())?;
    }

    #[test]
    fn metrics(
        contents in vec((resource(), vec((scope(), vec(any_metric(), 0..4)), 0..3)), 0..3),
    ) {
        let request = ExportMetricsServiceRequest { resource_metrics: contents.into_iter().map(|(resource, scopes)| ResourceMetrics {
            resource,
            scope_metrics: scopes.into_iter().map(|(scope, metrics)| ScopeMetrics {
                scope, metrics, ..Default::default()
            }).collect(),
            ..Default::default()
        }).collect() };
        check_same(Signal::Metrics, &request.encode_to_vec(), &serde_json::to_vec(&request).unwrap())?;
    }

    /// Against the obvious mapping, written out: plain values under names that nobody else has.
    #[test]
    fn plain_attributes_come_out_as_they_went_in(values in vec(scalar(), 0..50)) {
        let attributes = values.iter().enumerate().map(|(index, value)| KeyValue {
            key: format!("key.{index}"),
            value: Some(AnyValue { value: Some(value.clone()) }),
            ..Default::default()
        }).collect();
        let record = LogRecord { attributes, ..Default::default() };
        let scope = ScopeLogs { log_records: vec![record], ..Default::default() };
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs { scope_logs: vec![scope], ..Default::default() }],
        };
        let decoded = decode(Signal::Logs, Format::Protobuf, &request.encode_to_vec(), RECEIVED_AT).unwrap();
        let event = &decoded.batch.rows.events()[0];
        prop_assert_eq!(event.fields.len(), values.len());
        for (index, value) in values.into_iter().enumerate() {
            let expected = match value {
                any_value::Value::StringValue(text) => Value::str(text),
                any_value::Value::BoolValue(flag) => Value::Bool(flag),
                any_value::Value::IntValue(number) => Value::Int(number),
                any_value::Value::DoubleValue(number) => Value::Float(number),
                any_value::Value::BytesValue(bytes) => Value::Bytes(bytes.into()),
                other => unreachable!("{other:?} is not plain"),
            };
            prop_assert_eq!(event.get(&format!("key.{index}")), Some(&expected));
        }
    }

    /// Any bytes at all: an answer, never a panic.
    #[test]
    fn arbitrary_bytes_are_answered(bytes in vec(any::<u8>(), 0..200)) {
        for signal in Signal::ALL {
            for format in [Format::Protobuf, Format::Json] {
                let _ = decode(signal, format, &bytes, RECEIVED_AT);
            }
        }
    }
}
