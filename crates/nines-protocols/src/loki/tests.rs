use nines_model::{Batch, Dataset, Timestamp, Value};

use super::*;

fn shown(batch: &Batch) -> Vec<String> {
    let show = |(name, value): &(nines_model::Name, Value)| match value {
        Value::Str(text) => format!("{name}={text}"),
        other => format!("{name}={other:?}"),
    };
    batch
        .rows
        .events()
        .iter()
        .map(|event| {
            let mut fields: Vec<String> =
                event.resource.attributes.iter().chain(&event.fields).map(show).collect();
            fields.sort();
            format!("{} {}", event.timestamp, fields.join(" "))
        })
        .collect()
}

const JSON: &str = r#"{"streams":[
  {"stream":{"app":"shop","pod":"shop-1","level":"warn"},"values":[["1795249800000000001","slow"],["1795249800000000002","slower",{"trace_id":"0AF7651916CD43DD8448EB211C80319C","n":7}]]},
  {"values":[["3","x"]],"stream":{"service_name":"cart"}}]}"#;

#[test]
fn streams_become_rows_with_shared_labels() {
    let batch = decode_json(JSON.as_bytes(), Timestamp::EPOCH).unwrap();
    assert_eq!(batch.dataset, Dataset::Logs);
    let shop =
        "app=shop body=slow k8s.pod.name=shop-1 service.name=shop severity_number=Int(13) severity_text=warn";
    assert_eq!(
        shown(&batch),
        [
            format!("2026-11-21T08:30:00.000000001Z {shop}"),
            "2026-11-21T08:30:00.000000002Z app=shop body=slower k8s.pod.name=shop-1 n=7 service.name=shop severity_number=Int(13) severity_text=warn trace_id=0af7651916cd43dd8448eb211c80319c".to_owned(),
            "1970-01-01T00:00:00.000000003Z body=x service.name=cart".to_owned(),
        ]
    );
    assert_eq!(batch.rows.resource_of()[0], batch.rows.resource_of()[1]);
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number > 127 {
        out.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

fn field(number: u8, payload: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], &varint(payload.len())[..], payload].concat()
}

#[test]
fn protobuf_says_the_same_as_json() {
    let pair =
        |name: &str, value: &str| field(3, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
    let stream = |labels: &str, entries: &[Vec<u8>]| {
        field(1, &[field(1, labels.as_bytes()), entries.concat()].concat())
    };
    let seconds = [&[0x08][..], &varint(1_795_249_800)].concat();
    let entry = |nanos: u8, line: &str, more: Vec<u8>| {
        field(
            2,
            &[field(1, &[&seconds[..], &[0x10, nanos]].concat()), field(2, line.as_bytes()), more].concat(),
        )
    };
    let body = [
        stream(
            r#"{app="shop", pod="shop-1", level="warn"}"#,
            &[
                entry(1, "slow", Vec::new()),
                entry(
                    2,
                    "slower",
                    [pair("trace_id", "0AF7651916CD43DD8448EB211C80319C"), pair("n", "7")].concat(),
                ),
            ],
        ),
        stream(r#"{service_name="cart"}"#, &[field(2, &[field(1, &[0x10, 3]), field(2, b"x")].concat())]),
    ]
    .concat();
    let from_json = decode_json(JSON.as_bytes(), Timestamp::EPOCH).unwrap();
    let from_protobuf = decode_protobuf(&body, Timestamp::EPOCH).unwrap();
    assert_eq!(shown(&from_json), shown(&from_protobuf));
    for length in 1..body.len() {
        let _ = decode_protobuf(&body[..length], Timestamp::EPOCH);
    }
}

#[track_caller]
fn check(body: &str, expected: &str) {
    let error = decode_json(body.as_bytes(), Timestamp::EPOCH).unwrap_err().to_string();
    assert!(error.contains(expected), "{body}: {error}");
}

#[test]
fn mistakes_are_named_with_their_stream() {
    check("{}", "`streams` is missing");
    check("[]", "JSON has no object at byte 0");
    check(r#"{"streams":[{"values":[]}]}"#, "record 1: `stream` is missing");
    check(r#"{"streams":[{"stream":{}}]}"#, "record 1: `values` is missing");
    check(r#"{"streams":[{"stream":{"a":1},"values":[]}]}"#, "`label value` is `1`");
    check(r#"{"streams":[{"stream":{},"values":[["soon","x"]]}]}"#, "`time of an entry` is `soon`");
    check(r#"{"streams":[{"stream":{},"values":[[1,"x"]]}]}"#, "`time of an entry` is missing");
    check(r#"{"streams":[{"stream":{},"values":[["1"]]}]}"#, "`line of an entry` is missing");
    check(r#"{"streams":[{"stream":{},"values":[["1","x",{},1]]}]}"#, "`entry` is `four elements`");
    let labels = |text: &str| decode_protobuf(&field(1, &field(1, text.as_bytes())), Timestamp::EPOCH);
    for wrong in ["", "{", "{a}", "{a=1}", "{a=\"x}", "{a=\"x\" b=\"y\"}", "{a b=\"x\"}", "{a=\"\\q\"}"] {
        assert!(labels(wrong).unwrap_err().to_string().contains("`labels` is"), "{wrong}");
    }
    assert!(labels(r#"{a="\u00e9\n", b="y",}"#).is_ok());
}
