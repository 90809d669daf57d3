//! A corpus of broken requests, generated from readable tables. Each must be refused with an error that names the
//! encoding and, where there is one, the place; none may panic or be half accepted.

use nines_base::ErrorKind;
use nines_protocols::otlp::{Format, Signal, decode};

use crate::support::{RECEIVED_AT, log_with, metric_with, span_with, to_protobuf};

/// A broken request and a part of the message that it must be refused with.
struct Case {
    what: String,
    signal: Signal,
    format: Format,
    body: Vec<u8>,
    says: &'static str,
}

fn protobuf_case(what: impl Into<String>, signal: Signal, body: Vec<u8>, says: &'static str) -> Case {
    Case { what: what.into(), signal, format: Format::Protobuf, body, says }
}

fn json_case(what: impl Into<String>, signal: Signal, text: impl Into<String>, says: &'static str) -> Case {
    Case { what: what.into(), signal, format: Format::Json, body: text.into().into_bytes(), says }
}

/// A length-delimited field, in a field, …: the path of field numbers from the request to `content`.
fn at_path(path: &[u8], content: &[u8]) -> Vec<u8> {
    path.iter().rev().fold(content.to_vec(), |inner, number| {
        let mut outer = vec![number << 3 | 2];
        prost::encode_length_delimiter(inner.len(), &mut outer).unwrap();
        outer.extend(inner);
        outer
    })
}

/// Field paths from a request to its items: all three signals have the same.
const ITEM: &[u8] = &[1, 2, 2];

fn wrong_wire_types() -> Vec<Case> {
    const VARINT: u8 = 0;
    const FIXED64: u8 = 1;
    const DELIMITED: u8 = 2;
    const FIXED32: u8 = 5;
    // The field, and a wire type that it does not have.
    let table: &[(Signal, &[u8], u8, u8, &str)] = &[
        (Signal::Logs, &[], 1, VARINT, "resource_logs: expected a message at byte 1, found a varint"),
        (Signal::Logs, &[1], 2, FIXED64, "resource_logs[0].scope_logs: expected a message"),
        (Signal::Logs, &[1], 1, FIXED32, "resource_logs[0].resource: expected a message"),
        (Signal::Logs, &[1, 2], 2, VARINT, "scope_logs[0].log_records: expected a message"),
        (Signal::Logs, ITEM, 1, VARINT, "log_records[0].time_unix_nano: expected a 64-bit number"),
        (Signal::Logs, ITEM, 2, DELIMITED, "severity_number: expected a varint"),
        (Signal::Logs, ITEM, 3, VARINT, "severity_text: expected a string"),
        (Signal::Logs, ITEM, 5, FIXED64, "body: expected a message"),
        (Signal::Logs, ITEM, 6, VARINT, "attributes: expected a message"),
        (Signal::Logs, ITEM, 7, FIXED32, "dropped_attributes_count: expected a varint"),
        (Signal::Logs, ITEM, 8, VARINT, "flags: expected a 32-bit number"),
        (Signal::Logs, ITEM, 9, VARINT, "trace_id: expected bytes"),
        (Signal::Logs, ITEM, 10, FIXED64, "span_id: expected bytes"),
        (Signal::Logs, ITEM, 11, FIXED32, "observed_time_unix_nano: expected a 64-bit number"),
        (Signal::Logs, ITEM, 12, VARINT, "event_name: expected a string"),
        (Signal::Traces, ITEM, 1, VARINT, "spans[0].trace_id: expected bytes"),
        (Signal::Traces, ITEM, 2, VARINT, "span_id: expected bytes"),
        (Signal::Traces, ITEM, 4, FIXED64, "parent_span_id: expected bytes"),
        (Signal::Traces, ITEM, 5, VARINT, "name: expected a string"),
        (Signal::Traces, ITEM, 6, DELIMITED, "kind: expected a varint"),
        (Signal::Traces, ITEM, 7, VARINT, "start_time_unix_nano: expected a 64-bit number"),
        (Signal::Traces, ITEM, 8, FIXED32, "end_time_unix_nano: expected a 64-bit number"),
        (Signal::Traces, ITEM, 15, VARINT, "status: expected a message"),
        (Signal::Metrics, ITEM, 1, VARINT, "metrics[0].name: expected a string"),
        (Signal::Metrics, ITEM, 3, FIXED64, "unit: expected a string"),
        (Signal::Metrics, ITEM, 5, VARINT, "gauge: expected a message"),
    ];
    let value: &[&[u8]] = &[&[1], &[0; 8], &[0], &[], &[], &[0; 4]];
    let cases = table.iter().map(|(signal, path, number, wire_type, says)| {
        let mut field = Vec::new();
        prost::encode_length_delimiter(usize::from(*number) << 3 | usize::from(*wire_type), &mut field)
            .unwrap();
        field.extend(value[usize::from(*wire_type)]);
        let what = format!("{signal:?}: field {number} with wire type {wire_type}");
        protobuf_case(what, *signal, at_path(path, &field), says)
    });
    cases.collect()
}

fn broken_protobuf() -> Vec<Case> {
    let logs = |what, content: &[u8], says| protobuf_case(what, Signal::Logs, content.to_vec(), says);
    let metric = |what, path: &[u8], content: &[u8], says| {
        let named = [at_path(&[1], b"m"), at_path(path, content)].concat();
        protobuf_case(what, Signal::Metrics, at_path(ITEM, &named), says)
    };
    vec![
        logs("text instead of protobuf", b"hello", "not the start of a field"),
        logs("JSON instead of protobuf", b"{\"resourceLogs\":[]}", "OTLP protobuf"),
        logs("field number 0", &[0x02, 0x00], "not the start of a field (number 0"),
        logs("wire type 4 without a group", &[0x0c], "wire type 4"),
        logs("wire type 6", &[0x0e], "wire type 6"),
        logs("wire type 7", &[0x0f], "wire type 7"),
        logs("field number above 2^29", &[0xfa, 0xff, 0xff, 0xff, 0x7f, 0x00], "not the start of a field"),
        logs("a tag of eleven bytes", &[0xff; 11], "longer than 64 bits"),
        logs("a tag that never ends", &[0x8a], "ends in the middle of a field at byte 0"),
        logs("a length that never ends", &[0x0a, 0xff], "ends in the middle of a field at byte 1"),
        logs("a length beyond the end", &[0x0a, 0x05, 0x00], "says 5 bytes but 1 are left"),
        logs(
            "a length of 2^63",
            &[0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
            "are left",
        ),
        logs(
            "a length of 4 GiB",
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
            "says 4294967295 bytes but 0 are left",
        ),
        logs("an unknown group that is not closed", &[0x7b, 0x08, 0x01], "a group at byte 1"),
        logs(
            "unknown groups nested deeply",
            &[0x7b; 10_000],
            "a group at byte 1 is not closed or is nested too deeply",
        ),
        logs("an unknown field cut short", &[0x79, 1, 2, 3], "ends in the middle of a field"),
        logs(
            "a message that ends inside its parent's length",
            &at_path(&[1, 2], &[0x12, 0x03, 0x00]),
            "resource_logs[0].scope_logs[0]: the length at byte 5 says 3 bytes but 1 are left",
        ),
        logs(
            "a text that is not UTF-8",
            &at_path(&[1, 2, 2, 3], &[0xff, 0xfe]),
            "severity_text: the text at byte",
        ),
        logs(
            "a key that is not UTF-8",
            &at_path(&[1, 2, 2, 6, 1], &[0xc3, 0x28]),
            "attributes[0].key: the text",
        ),
        logs(
            "a body that is not UTF-8",
            &at_path(&[1, 2, 2, 5, 1], &[0xed, 0xa0, 0x80]),
            "body.string_value: the text",
        ),
        logs("a UTF-8 text that is overlong", &at_path(&[1, 2, 2, 3], &[0xc0, 0x80]), "not valid UTF-8"),
        logs(
            "an int value with the wire type of a string",
            &at_path(&[1, 2, 2, 6], &[at_path(&[1], b"k"), at_path(&[2, 3], b"12")].concat()),
            "attributes[0].value.int_value: expected a varint",
        ),
        logs(
            "a broken element of a nested array",
            &at_path(&[1, 2, 2, 5, 5], &[at_path(&[1], &[0x10, 1]), vec![0x08, 1]].concat()),
            "body.array_value.values: expected a message",
        ),
        metric(
            "a packed run of seven bytes",
            &[9, 1, 6],
            &[0; 7],
            "data_points[0].bucket_counts: the message ends",
        ),
        metric("a bound as a varint", &[9, 1], &[0x38, 1], "explicit_bounds: expected a 64-bit number"),
        metric(
            "a value as text",
            &[5, 1, 4],
            b"12",
            "gauge.data_points[0].as_double: expected a 64-bit number",
        ),
        metric(
            "a scale as text",
            &[10, 1, 6],
            b"1",
            "exponential_histogram.data_points[0].scale: expected a varint",
        ),
        metric(
            "exponential counts cut short",
            &[10, 1, 8, 2],
            &[0x80],
            "positive.bucket_counts: the message ends",
        ),
        metric(
            "a broken quantile",
            &[11, 1, 6],
            &[0x08, 1],
            "quantile_values[0].quantile: expected a 64-bit number",
        ),
        metric(
            "a broken exemplar",
            &[9, 1, 8],
            &[0x18, 1],
            "exemplars[0].as_double: expected a 64-bit number",
        ),
        metric("a temporality as text", &[7, 2], b"x", "sum.aggregation_temporality: expected a varint"),
    ]
}

fn broken_json() -> Vec<Case> {
    let logs = |what, text: &str, says| json_case(what, Signal::Logs, text, says);
    let log = |what, members: &str, says| json_case(what, Signal::Logs, log_with(members), says);
    let span = |what, members: &str, says| json_case(what, Signal::Traces, span_with(members), says);
    let point = |what, members: &str, says| {
        let metric = format!(r#""name":"m","gauge":{{"dataPoints":[{{{members}}}]}}"#);
        json_case(what, Signal::Metrics, metric_with(&metric), says)
    };
    let value = |what, value: &str, says| {
        json_case(
            what,
            Signal::Logs,
            log_with(&format!(r#""attributes":[{{"key":"k","value":{value}}}]"#)),
            says,
        )
    };
    let deep = |open: &str| open.repeat(10_000);
    let mut cases = vec![
        logs("nothing", "", "EOF while parsing a value"),
        logs("a space", " ", "EOF while parsing a value"),
        logs("an array", "[]", "invalid type: sequence, expected an object"),
        logs("a string", "\"x\"", "expected an object"),
        logs("null", "null", "expected an object"),
        logs("a number", "1", "expected an object"),
        logs("an open object", "{", "EOF while parsing an object"),
        logs("text after the object", "{} {}", "trailing characters"),
        logs("a trailing comma", r#"{"resourceLogs":[],}"#, "trailing comma"),
        logs("single quotes", "{'resourceLogs':[]}", "key must be a string"),
        logs("a comment", "{/* */}", "key must be a string"),
        logs("a key that is not a string", "{1:2}", "key must be a string"),
        logs("protobuf instead of JSON", "\n\u{11}\u{12}", "expected value"),
        logs("a byte order mark", "\u{feff}{}", "expected value"),
        logs(
            "an object for an array",
            r#"{"resourceLogs":{}}"#,
            "resourceLogs: invalid type: map, expected an array",
        ),
        logs("a string for an array", r#"{"resourceLogs":"x"}"#, "expected an array"),
        logs(
            "null in an array",
            r#"{"resourceLogs":[null]}"#,
            "resourceLogs[0]: invalid type: null, expected an object",
        ),
        logs(
            "a number in an array",
            r#"{"resourceLogs":[{},7]}"#,
            "resourceLogs[1]: invalid type: integer `7`",
        ),
        logs(
            "an array for an object",
            r#"{"resourceLogs":[{"resource":[]}]}"#,
            "resourceLogs[0].resource: invalid type",
        ),
        log("an enum by name", r#""severityNumber":"SEVERITY_NUMBER_INFO""#, "integers, not names"),
        log("an enum as a numeric string", r#""severityNumber":"9""#, "integers, not names"),
        log(
            "an enum with a fraction",
            r#""severityNumber":9.5"#,
            "floating point `9.5`, expected an integer",
        ),
        log("an enum beyond 32 bits", r#""severityNumber":4294967296"#, "expected an integer"),
        log("a time before the epoch", r#""timeUnixNano":-1"#, "expected an integer from 0 to 2^64-1"),
        log(
            "a time beyond 64 bits",
            r#""timeUnixNano":"18446744073709551616""#,
            "expected an integer from 0",
        ),
        log("a time in RFC 3339", r#""timeUnixNano":"2026-11-21T00:00:00Z""#, "timeUnixNano: invalid value"),
        log("a time with a fraction", r#""timeUnixNano":1.5"#, "floating point `1.5`"),
        log("an empty time", r#""timeUnixNano":"""#, "timeUnixNano: invalid value"),
        log("a time that is true", r#""timeUnixNano":true"#, "boolean `true`"),
        log("a hex time", r#""timeUnixNano":"0x10""#, "timeUnixNano: invalid value"),
        log("a text that is a number", r#""severityText":5"#, "expected a string"),
        log("a text that is an object", r#""severityText":{}"#, "invalid type: map, expected a string"),
        log("flags below 0", r#""flags":-1"#, "expected an integer from 0 to 2^32-1"),
        log("flags beyond 32 bits", r#""flags":4294967296"#, "expected an integer from 0 to 2^32-1"),
        log("an id in base64", r#""traceId":"W47/95gDgQPSabYzgT/GDA==""#, "ids are not base64"),
        log("an id of odd length", r#""traceId":"5b8efff798038103d269b633813fc60""#, "two for each byte"),
        log("an id with a letter beyond f", r#""spanId":"gee19b7ec3c1b174""#, "hex digits"),
        log(
            "a time of a megabyte",
            &format!(r#""timeUnixNano":"{}""#, "x".repeat(1 << 20)),
            "expected an integer from 0",
        ),
        log("an id with spaces", r#""spanId":" ee19b7ec3c1b17 ""#, "hex digits"),
        log("an id that is a number", r#""spanId":12"#, "expected a string of hex digits"),
        log("an id with wide letters", "\"spanId\":\"éé\"", "hex digits"),
        log(
            "a body that is plain text",
            r#""body":"text""#,
            "body: invalid type: string \"text\", expected an object",
        ),
        log(
            "attributes as an object",
            r#""attributes":{"a":1}"#,
            "attributes: invalid type: map, expected an array",
        ),
        log("a key that is a number", r#""attributes":[{"key":1}]"#, "attributes[0].key: invalid type"),
        log("a lone surrogate", r#""severityText":"\ud800""#, "hex escape"),
        log("a control character in a text", "\"severityText\":\"a\nb\"", "control character"),
        log("an unknown escape", r#""severityText":"\x41""#, "invalid escape"),
        log("an unknown field that is broken", r#""new":[1,}"#, "at line 1"),
        value(
            "a bare string",
            "\"x\"",
            "attributes[0].value: invalid type: string \"x\", expected an object",
        ),
        value("a bool as text", r#"{"boolValue":"true"}"#, "expected true or false"),
        value("a bool as number", r#"{"boolValue":1}"#, "expected true or false"),
        value("an int as text", r#"{"intValue":"many"}"#, "expected a 64-bit integer"),
        value("an int with a fraction", r#"{"intValue":0.5}"#, "expected a 64-bit integer"),
        value("an int beyond 64 bits", r#"{"intValue":9223372036854775808}"#, "expected a 64-bit integer"),
        value("an int below 64 bits", r#"{"intValue":"-9223372036854775809"}"#, "expected a 64-bit integer"),
        value("an int that overflows everything", r#"{"intValue":1e300}"#, "expected a 64-bit integer"),
        value("a double as a word", r#"{"doubleValue":"many"}"#, "expected a number"),
        value("a double that only Rust can read", r#"{"doubleValue":"inf"}"#, "\"-Infinity\""),
        value("a double beyond its range", r#"{"doubleValue":1e999}"#, "expected a number"),
        value("a double that is NaN without quotes", r#"{"doubleValue":NaN}"#, "expected value"),
        value(
            "a double that is an array",
            r#"{"doubleValue":[1]}"#,
            "doubleValue: invalid value: [1], expected a number",
        ),
        value("bytes that are not base64", r#"{"bytesValue":"%%"}"#, "expected a string of base64"),
        value("bytes of impossible length", r#"{"bytesValue":"A"}"#, "expected a string of base64"),
        value(
            "a list that is a bare array",
            r#"{"arrayValue":[1]}"#,
            "arrayValue: invalid type: sequence, expected an object",
        ),
        value(
            "a list with a bare value",
            r#"{"arrayValue":{"values":[1]}}"#,
            "arrayValue.values[0]: invalid type",
        ),
        value("a map that is a bare object", r#"{"kvlistValue":{"values":{"a":1}}}"#, "expected an array"),
        span("a kind by name", r#""kind":"SPAN_KIND_CLIENT""#, "spans[0].kind: invalid type"),
        span(
            "a status that is a number",
            r#""status":2"#,
            "status: invalid type: integer `2`, expected an object",
        ),
        span(
            "a status code by name",
            r#""status":{"code":"STATUS_CODE_ERROR"}"#,
            "status.code: invalid type",
        ),
        span("a link id in base64", r#""links":[{"traceId":"AAAA/+=="}]"#, "links[0].traceId: invalid value"),
        span("an event without braces", r#""events":["x"]"#, "events[0]: invalid type"),
        point("a value as text", r#""asDouble":"many""#, "gauge.dataPoints[0].asDouble: invalid value"),
        point("an int point with a fraction", r#""asInt":1.5"#, "asInt: invalid type: floating point `1.5`"),
        point("an exemplar that is a number", r#""exemplars":[1]"#, "exemplars[0]: invalid type"),
        json_case(
            "a temporality by name",
            Signal::Metrics,
            metric_with(r#""name":"m","sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA"}"#),
            "sum.aggregationTemporality: invalid type",
        ),
        json_case(
            "bounds as strings that are no numbers",
            Signal::Metrics,
            metric_with(r#""name":"m","histogram":{"dataPoints":[{"explicitBounds":[1,"x"]}]}"#),
            "explicitBounds[1]: invalid value",
        ),
        json_case(
            "bucket counts below 0",
            Signal::Metrics,
            metric_with(r#""name":"m","histogram":{"dataPoints":[{"bucketCounts":[-1]}]}"#),
            "bucketCounts[0]: invalid value",
        ),
        logs("10 000 open arrays", &deep("["), "expected an object"),
        logs("10 000 open resources", &deep(r#"{"resourceLogs":["#), "at line 1"),
        logs("10 000 open unknown objects", &format!(r#"{{"new":{}"#, deep(r#"{"a":"#)), "EOF"),
        log(
            "10 000 open values",
            &format!(r#""body":{}"#, deep(r#"{"arrayValue":{"values":["#)),
            "at line 1",
        ),
    ];
    let mut not_utf8 = log_with(r#""severityText":"??""#).into_bytes();
    for byte in &mut not_utf8 {
        if *byte == b'?' {
            *byte = 0xff;
        }
    }
    cases.push(Case {
        what: "a text that is not UTF-8".to_owned(),
        signal: Signal::Logs,
        format: Format::Json,
        body: not_utf8,
        says: "invalid unicode code point",
    });
    cases
}

#[test]
fn every_case_is_refused_with_its_reason() {
    let cases: Vec<Case> =
        [wrong_wire_types(), broken_protobuf(), broken_json()].into_iter().flatten().collect();
    assert!(cases.len() >= 120, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        match decode(case.signal, case.format, &case.body, RECEIVED_AT) {
            Ok(_) => wrong.push(format!("{}: accepted", case.what)),
            Err(error) => {
                let message = error.to_string();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                if !message.contains(case.says) || message.len() > 1000 {
                    wrong.push(format!("{}: {message}\n   should say: {}", case.what, case.says));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn samples() -> Vec<(Signal, String)> {
    let log = r#""timeUnixNano":"1600000000000000001","severityNumber":9,"body":{"stringValue":"text"},
        "traceId":"5b8efff798038103d269b633813fc60c","attributes":[{"key":"k","value":{"arrayValue":{"values":[
        {"intValue":"5"},{"kvlistValue":{"values":[{"key":"x","value":{"boolValue":true}}]}}]}}}]"#;
    let span = r#""name":"GET","kind":2,"events":[{"name":"e","timeUnixNano":"5"}],"links":[{"traceId":"aa"}],
        "status":{"code":2,"message":"no"}"#;
    let metric = r#""name":"m","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[
        {"timeUnixNano":"5","count":"2","sum":1.5,"bucketCounts":["1","1"],"explicitBounds":[1]}]}"#;
    vec![
        (Signal::Logs, log_with(log)),
        (Signal::Traces, span_with(span)),
        (Signal::Metrics, metric_with(metric)),
    ]
}

/// A request has one top-level field here, so every proper beginning of it is broken.
#[test]
fn every_truncation_is_refused() {
    for (signal, text) in samples() {
        let body = to_protobuf(signal, &text);
        for length in 1..body.len() {
            let error = decode(signal, Format::Protobuf, &body[..length], RECEIVED_AT).unwrap_err();
            assert!(error.to_string().starts_with("body is not valid OTLP protobuf: "), "{error}");
        }
        for length in 0..text.len() {
            let error = decode(signal, Format::Json, &text.as_bytes()[..length], RECEIVED_AT).unwrap_err();
            assert!(error.to_string().contains(" at line "), "{error}");
        }
    }
}

/// Not every change of a bit breaks a message; none may panic, and none may make more of it than was there.
#[test]
fn every_flipped_bit_is_answered() {
    for (signal, text) in samples() {
        for (format, body) in
            [(Format::Protobuf, to_protobuf(signal, &text)), (Format::Json, text.clone().into_bytes())]
        {
            for bit in 0..body.len() * 8 {
                let mut flipped = body.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if let Ok(decoded) = decode(signal, format, &flipped, RECEIVED_AT) {
                    assert!(decoded.batch.rows.len() as u64 + decoded.tally.rejected() <= 1);
                }
            }
        }
    }
}
