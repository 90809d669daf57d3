//! What OTLP/JSON allows beyond, and forbids within, plain JSON.

use nines_model::Value;
use nines_protocols::otlp::Signal;

use crate::support::{json, log_with, metric_with, protobuf, span_with, to_protobuf};

/// The field `name` of the only event.
fn field(signal: Signal, request: &str, name: &str) -> Option<Value> {
    let decoded = json(signal, request).unwrap_or_else(|error| panic!("{request}: {error}"));
    assert_eq!(decoded.batch.rows.len(), 1, "{request}");
    decoded.batch.rows.events()[0].get(name).cloned()
}

fn attribute(value: &str) -> Option<Value> {
    field(Signal::Logs, &log_with(&format!(r#""attributes":[{{"key":"a","value":{{{value}}}}}]"#)), "a")
}

#[test]
fn numbers_may_be_strings_and_integers_may_have_a_point_or_an_exponent() {
    let cases = [
        (r#""intValue":5"#, Value::Int(5)),
        (r#""intValue":"5""#, Value::Int(5)),
        (r#""intValue":5.0"#, Value::Int(5)),
        (r#""intValue":1e3"#, Value::Int(1000)),
        (r#""intValue":"-9223372036854775808""#, Value::Int(i64::MIN)),
        (r#""intValue":9223372036854775807"#, Value::Int(i64::MAX)),
        (r#""doubleValue":5"#, Value::Float(5.0)),
        (r#""doubleValue":"2.5""#, Value::Float(2.5)),
        (r#""doubleValue":1.7976931348623157e308"#, Value::Float(f64::MAX)),
        (r#""doubleValue":"Infinity""#, Value::Float(f64::INFINITY)),
        (r#""doubleValue":"-Infinity""#, Value::Float(f64::NEG_INFINITY)),
        // A number that the JSON library's own parser rounds wrongly.
        (r#""doubleValue":51.24817837550540e-9"#, Value::Float(5.124_817_837_550_54e-8)),
    ];
    for (text, expected) in cases {
        assert_eq!(attribute(text), Some(expected), "{text}");
    }
    assert!(matches!(attribute(r#""doubleValue":"NaN""#), Some(Value::Float(number)) if number.is_nan()));
    let at = json(Signal::Logs, &log_with(r#""timeUnixNano":1600000000000000001"#)).unwrap();
    assert_eq!(at.batch.rows.events()[0].timestamp.as_nanos(), 1_600_000_000_000_000_001);
}

#[test]
fn bytes_are_base64_of_either_alphabet_with_or_without_padding() {
    for text in ["+/8=", "-_8=", "+/8", "-_8"] {
        assert_eq!(
            attribute(&format!(r#""bytesValue":"{text}""#)),
            Some(Value::Bytes(vec![0xfb, 0xff].into())),
            "{text}"
        );
    }
}

#[test]
fn ids_are_hex_in_any_case() {
    let request = span_with(r#""parentSpanId":"ABCDEF0123456789""#);
    assert_eq!(field(Signal::Traces, &request, "parent_span_id"), Some(Value::str("abcdef0123456789")));
}

#[test]
fn unknown_keys_and_snake_case_keys_are_ignored_whatever_they_hold() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for unknown in [
        r#""new":1"#.to_owned(),
        r#""new":{"a":[1,{"b":null}]}"#.to_owned(),
        r#""severity_number":"text""#.to_owned(),
        r#""SeverityNumber":9"#.to_owned(),
        format!(r#""new":{deep}"#),
    ] {
        let request = log_with(&format!(r#"{unknown},"severityText":"kept""#));
        assert_eq!(field(Signal::Logs, &request, "severity_text"), Some(Value::str("kept")));
        assert_eq!(field(Signal::Logs, &request, "severity_number"), None);
    }
    assert_eq!(attribute(r#""futureValue":1"#), None);
}

#[test]
fn null_is_an_absent_field() {
    let request = r#"{"resourceLogs":[{"resource":null,"scopeLogs":[{"scope":null,"logRecords":[{
        "timeUnixNano":null,"severityNumber":null,"severityText":null,"body":null,"attributes":null,"traceId":null
    }]}]}]}"#;
    let decoded = json(Signal::Logs, request).unwrap();
    assert!(decoded.batch.rows.events()[0].fields.is_empty());
    let request = metric_with(
        r#""name":"m","gauge":{"dataPoints":[{"timeUnixNano":"1","asDouble":null,"asInt":"3"}]}"#,
    );
    assert_eq!(field(Signal::Metrics, &request, "value"), Some(Value::Float(3.0)));
}

#[test]
fn a_zero_that_was_sent_differs_from_one_that_was_not() {
    let point = |members: &str| {
        metric_with(&format!(
            r#""name":"m","histogram":{{"aggregationTemporality":1,"dataPoints":[{{"timeUnixNano":"1",{members}}}]}}"#
        ))
    };
    let sent = point(r#""count":"0","sum":0"#);
    assert_eq!(field(Signal::Metrics, &sent, "sum"), Some(Value::Float(0.0)));
    let absent = point(r#""count":"0""#);
    assert_eq!(field(Signal::Metrics, &absent, "sum"), None);
    assert_eq!(
        protobuf(Signal::Metrics, &to_protobuf(Signal::Metrics, &sent)).unwrap(),
        json(Signal::Metrics, &sent).unwrap()
    );
}

/// What is forbidden, and that the answer says where and why.
#[test]
fn mistakes_are_told_with_their_place() {
    let kind = span_with(r#""kind":"SPAN_KIND_SERVER""#);
    let id = log_with(r#""traceId":"W47/95gDgQPSabYzgT/GDA==""#);
    let number = log_with(r#""timeUnixNano":"yesterday""#);
    let cases = [
        (
            json(Signal::Traces, &kind),
            "body is not valid OTLP JSON: resourceSpans[0].scopeSpans[0].spans[0].kind: invalid type: \
             string \"SPAN_KIND_SERVER\", expected an integer (OTLP/JSON has enums as integers, not names) at line 1",
        ),
        (
            json(Signal::Logs, &id),
            "resourceLogs[0].scopeLogs[0].logRecords[0].traceId: invalid value: string \"W47/95gDgQPSabYzgT/GDA==\", \
             expected a string of hex digits, two for each byte (ids are not base64 in OTLP/JSON)",
        ),
        (
            json(Signal::Logs, &number),
            "logRecords[0].timeUnixNano: invalid value: string \"yesterday\", expected an integer from 0 to 2^64-1",
        ),
    ];
    for (result, expected) in cases {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}\ndoes not contain\n{expected}");
    }
}
