//! What cannot be kept is counted, with its reason and place, and the rest of the request is kept.

use nines_protocols::otlp::{
    MAX_ATTRIBUTES_PER_ITEM, MAX_DEPTH, MAX_ITEMS_PER_REQUEST, MAX_NAME_BYTES, PartialSuccess, Reason, Signal,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::support::{json, log_with, metric_with, protobuf, span_with, to_protobuf};

fn logs(records: Vec<LogRecord>) -> Vec<u8> {
    let scope = ScopeLogs { log_records: records, ..Default::default() };
    let resource = ResourceLogs { scope_logs: vec![scope], ..Default::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec()
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
}

fn flag() -> AnyValue {
    AnyValue { value: Some(any_value::Value::BoolValue(true)) }
}

/// `levels` arrays round nothing, built without recursion.
fn nested(levels: usize) -> AnyValue {
    (0..levels).fold(flag(), |inner, _| AnyValue {
        value: Some(any_value::Value::ArrayValue(ArrayValue { values: vec![inner] })),
    })
}

/// A span of a JSON request; both encodings must agree on the verdict.
#[track_caller]
fn check(signal: Signal, request: &str, kept: usize, reasons: &[(Reason, u64)]) -> PartialSuccess {
    let decoded = json(signal, request).unwrap();
    assert_eq!(protobuf(signal, &to_protobuf(signal, request)).unwrap(), decoded);
    assert_eq!(decoded.batch.rows.len(), kept);
    for (reason, count) in reasons {
        assert_eq!(decoded.tally.count(*reason), *count, "{reason:?}");
    }
    decoded.tally.partial_success(signal).unwrap()
}

#[test]
fn spans_with_wrong_ids_are_rejected_one_by_one() {
    let good = r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","startTimeUnixNano":"1","endTimeUnixNano":"2""#;
    let spans = [
        good.to_owned(),
        good.replace("5b8efff7", ""),
        good.replace("5b8efff798038103d269b633813fc60c", ""),
        good.replace("5b8efff798038103d269b633813fc60c", "00000000000000000000000000000000"),
        good.replace("eee1", ""),
        good.replace("eee19b7ec3c1b174", "0000000000000000"),
        format!(r#"{good},"parentSpanId":"aa""#),
        format!(r#"{good},"parentSpanId":"0000000000000000""#),
    ];
    let request =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{}}}]}}]}}]}}"#, spans.join("},{"));
    let partial = check(
        Signal::Traces,
        &request,
        2,
        &[
            (Reason::TraceIdLength, 2),
            (Reason::TraceIdZero, 1),
            (Reason::SpanIdLength, 1),
            (Reason::SpanIdZero, 1),
            (Reason::ParentSpanIdLength, 1),
        ],
    );
    assert_eq!(partial.rejected, 6);
    assert!(
        partial.message.starts_with(
            "rejected 2 spans with a trace id that is not 16 bytes (first at resource_spans[0].scope_spans[0].spans[1]), "
        ),
        "{}",
        partial.message
    );
}

#[test]
fn a_span_that_ends_before_it_starts_is_kept_with_no_duration() {
    let request = span_with(r#""name":"late""#).replace(r#""3000""#, r#""500""#);
    let partial = check(Signal::Traces, &request, 1, &[(Reason::SpanEndsBeforeStart, 1)]);
    assert_eq!(partial.rejected, 0);
    let event = &json(Signal::Traces, &request).unwrap().batch.rows.events()[0];
    assert_eq!(event.get("duration_ns").unwrap().as_int(), Some(0));
    assert_eq!(event.timestamp.as_nanos(), 1000);
}

#[test]
fn a_log_record_with_a_wrong_id_is_kept_without_it() {
    let request = log_with(r#""traceId":"abcd","spanId":"0000000000000000","severityText":"x""#);
    let partial = check(Signal::Logs, &request, 1, &[(Reason::LogIdInvalid, 1)]);
    assert_eq!(partial.rejected, 0);
    let event = &json(Signal::Logs, &request).unwrap().batch.rows.events()[0];
    assert_eq!((event.get("trace_id"), event.get("span_id")), (None, None));
}

#[test]
fn of_two_attributes_with_one_name_the_first_stays_and_nameless_ones_go() {
    let request = log_with(
        r#""attributes":[{"key":"a","value":{"intValue":"1"}},{"key":"a","value":{"intValue":"2"}},
           {"key":"","value":{"intValue":"3"}}]"#,
    );
    check(Signal::Logs, &request, 1, &[(Reason::AttributeTwice, 1), (Reason::AttributeWithoutName, 1)]);
    let event = &json(Signal::Logs, &request).unwrap().batch.rows.events()[0];
    assert_eq!(event.fields.len(), 1);
    assert_eq!(event.get("a").unwrap().as_int(), Some(1));
}

#[test]
fn names_stay_unique_among_many_attributes() {
    let attributes = (0..1000).map(|index| attribute(&format!("a{}", index % 500), flag())).collect();
    let decoded =
        protobuf(Signal::Logs, &logs(vec![LogRecord { attributes, ..Default::default() }])).unwrap();
    assert_eq!(decoded.batch.rows.events()[0].fields.len(), 500);
    assert_eq!(decoded.tally.count(Reason::AttributeTwice), 1);
}

#[test]
fn a_record_that_is_too_wide_or_has_a_huge_name_is_rejected_and_its_neighbours_stay() {
    let wide = |count: usize| LogRecord {
        attributes: (0..count).map(|index| attribute(&format!("a{index}"), flag())).collect(),
        ..Default::default()
    };
    let named = |bytes: usize| LogRecord {
        attributes: vec![attribute(&"k".repeat(bytes), flag())],
        ..Default::default()
    };
    let body = logs(vec![
        wide(MAX_ATTRIBUTES_PER_ITEM),
        wide(MAX_ATTRIBUTES_PER_ITEM + 1),
        wide(100_000),
        named(MAX_NAME_BYTES),
        named(MAX_NAME_BYTES + 1),
        named(10 << 20),
    ]);
    let decoded = protobuf(Signal::Logs, &body).unwrap();
    assert_eq!(decoded.batch.rows.len(), 2);
    assert_eq!(decoded.tally.count(Reason::TooManyAttributes), 2);
    assert_eq!(decoded.tally.count(Reason::AttributeNameTooLong), 2);
}

#[test]
fn values_nest_to_the_limit_and_no_further_in_both_encodings() {
    let max = MAX_DEPTH as usize;
    // The flag inside is a level too.
    for (levels, kept) in [(max - 2, 2), (max - 1, 2), (max, 1), (max + 1, 1), (200, 1)] {
        let value = format!(
            "{}{{\"boolValue\":true}}{}",
            r#"{"arrayValue":{"values":["#.repeat(levels),
            "]}}".repeat(levels)
        );
        let request =
            log_with(&format!(r#""attributes":[{{"key":"a","value":{value}}}]}},{{"severityText":"next""#));
        let body = logs(vec![
            LogRecord { attributes: vec![attribute("a", nested(levels))], ..Default::default() },
            LogRecord { severity_text: "next".to_owned(), ..Default::default() },
        ]);
        let decoded = json(Signal::Logs, &request).unwrap();
        assert_eq!(protobuf(Signal::Logs, &body).unwrap(), decoded, "{levels} levels");
        assert_eq!(decoded.batch.rows.len(), kept, "{levels} levels");
        assert_eq!(decoded.tally.count(Reason::NestedTooDeep), 2 - kept as u64);
        assert_eq!(decoded.batch.rows.events().last().unwrap().get_str("severity_text"), Some("next"));
    }
}

/// On a quarter of the stack that a worker thread has.
#[test]
fn ten_thousand_levels_do_not_exhaust_a_small_stack() {
    let work = || {
        let levels = 10_000;
        for (open, close) in [
            (r#"{"arrayValue":{"values":["#, "]}}"),
            (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}"),
        ] {
            let value = format!("{}{{}}{}", open.repeat(levels), close.repeat(levels));
            for request in [
                log_with(&format!(r#""attributes":[{{"key":"a","value":{value}}}]"#)),
                log_with(&format!(r#""body":{value}"#)),
            ] {
                let decoded = json(Signal::Logs, &request).unwrap();
                assert_eq!(decoded.tally.count(Reason::NestedTooDeep), 1);
            }
        }
        // Protobuf by hand: every level wraps the one before.
        let mut value = Vec::new();
        for _ in 0..levels {
            for tag in [0x0a, 0x2a] {
                let mut outer = vec![tag];
                prost::encode_length_delimiter(value.len(), &mut outer).unwrap();
                outer.append(&mut value);
                value = outer;
            }
        }
        let pair = KeyValue { key: "a".to_owned(), ..Default::default() }.encode_to_vec();
        let wrap = |tag: u8, inner: &[u8]| {
            let mut outer = vec![tag];
            prost::encode_length_delimiter(inner.len(), &mut outer).unwrap();
            outer.extend_from_slice(inner);
            outer
        };
        let pair = [pair, wrap(0x12, &value)].concat();
        let body = wrap(0x0a, &wrap(0x12, &wrap(0x12, &wrap(0x32, &pair))));
        let decoded = protobuf(Signal::Logs, &body).unwrap();
        assert_eq!(decoded.tally.count(Reason::NestedTooDeep), 1);
    };
    std::thread::Builder::new().stack_size(512 * 1024).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_resource_over_a_limit_takes_all_its_records_with_it_and_no_others() {
    let scope =
        |count: usize| ScopeLogs { log_records: vec![LogRecord::default(); count], ..Default::default() };
    let resource = |attributes: usize| Resource {
        attributes: (0..attributes).map(|index| attribute(&format!("a{index}"), flag())).collect(),
        ..Default::default()
    };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![
            ResourceLogs {
                resource: Some(resource(1001)),
                scope_logs: vec![scope(3), scope(2)],
                ..Default::default()
            },
            ResourceLogs { resource: Some(resource(3)), scope_logs: vec![scope(4)], ..Default::default() },
        ],
    };
    let decoded = protobuf(Signal::Logs, &request.encode_to_vec()).unwrap();
    assert_eq!(decoded.batch.rows.len(), 4);
    assert_eq!(decoded.tally.count(Reason::TooManyAttributes), 5);
}

/// 20 000 scopes of four bytes each under a resource of 1000 attributes would copy a gigabyte.
#[test]
fn many_scopes_cannot_multiply_a_wide_resource() {
    let scope = ScopeLogs { log_records: vec![LogRecord::default()], ..Default::default() };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes: (0..1000).map(|index| attribute(&format!("a{index}"), flag())).collect(),
                ..Default::default()
            }),
            scope_logs: vec![scope; 20_000],
            ..Default::default()
        }],
    };
    let decoded = protobuf(Signal::Logs, &request.encode_to_vec()).unwrap();
    assert_eq!(decoded.batch.rows.len(), 500);
    assert_eq!(decoded.tally.count(Reason::TooManyScopes), 19_500);
}

#[test]
fn items_beyond_the_limit_are_counted_not_kept() {
    let body = logs(vec![LogRecord::default(); MAX_ITEMS_PER_REQUEST + 7]);
    let decoded = protobuf(Signal::Logs, &body).unwrap();
    assert_eq!(decoded.batch.rows.len(), MAX_ITEMS_PER_REQUEST);
    assert_eq!(decoded.tally.count(Reason::TooManyItems), 7);
}

#[test]
fn times_that_do_not_fit_are_rejected_and_missing_ones_replaced() {
    let request = log_with(r#""timeUnixNano":"18446744073709551615""#);
    check(Signal::Logs, &request, 0, &[(Reason::TimeOutOfRange, 1)]);
    let request = span_with(r#""name":"x""#).replace(r#""startTimeUnixNano":"1000""#, r#""kind":1"#);
    check(Signal::Traces, &request, 1, &[(Reason::TimeMissing, 1)]);
}

#[test]
fn metric_points_that_mean_nothing_are_rejected() {
    let points = r#"{"dataPoints":[{"timeUnixNano":"1","asInt":"1"},{"timeUnixNano":"1"}]}"#;
    let request = metric_with(&format!(r#""name":"m","gauge":{points}"#));
    let partial = check(Signal::Metrics, &request, 1, &[(Reason::PointWithoutValue, 1)]);
    assert!(partial.message.contains("1 data point with no value"), "{}", partial.message);
    assert!(partial.message.contains("metrics[0].data_points[1]"), "{}", partial.message);
    let request = metric_with(&format!(r#""name":"","gauge":{points}"#));
    check(Signal::Metrics, &request, 0, &[(Reason::MetricWithoutName, 2)]);

    let histogram = |point: &str| {
        metric_with(&format!(
            r#""name":"m","histogram":{{"aggregationTemporality":1,"dataPoints":[{{"timeUnixNano":"1",{point}}}]}}"#
        ))
    };
    let request = histogram(r#""count":"1","bucketCounts":["1"],"explicitBounds":[1,2]"#);
    check(Signal::Metrics, &request, 0, &[(Reason::BucketsDoNotMatch, 1)]);
    let request = histogram(r#""count":"18446744073709551615""#);
    check(Signal::Metrics, &request, 0, &[(Reason::CountOutOfRange, 1)]);
    let request = span_with(r#""kind":77,"status":{"code":9}"#);
    check(Signal::Traces, &request, 1, &[(Reason::EnumUnknown, 1)]);
}
