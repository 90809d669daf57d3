use nines_model::{Dataset, Timestamp, Value};

use super::*;

/// The row of a document as `time | name=value …`, names sorted.
pub fn row(text: &str) -> Result<String, IntakeError> {
    let mut rows = RowWriter::new(Dataset::Logs, Timestamp::EPOCH);
    let mut cursor = Cursor::new(text);
    DocumentReader::new().read(&mut cursor, &mut rows)?;
    cursor.end()?;
    rows.end()?;
    Ok(shown(&rows.finish().rows.events()[0]))
}

fn shown(event: &nines_model::Event) -> String {
    let mut fields: Vec<String> = event
        .fields
        .iter()
        .map(|(name, value)| match value {
            Value::Str(text) => format!("{name}={text}"),
            Value::Json(text) => format!("{name}=json {text}"),
            Value::Int(number) => format!("{name}={number}"),
            Value::Float(number) => format!("{name}={number:?}"),
            other => format!("{name}={other:?}"),
        })
        .collect();
    fields.sort();
    format!("{} | {}", event.timestamp, fields.join(" "))
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(row(text).unwrap(), expected, "{text}");
}

#[test]
fn names_of_other_systems_become_ours() {
    check(
        r#"{"@timestamp":"2026-11-21T08:30:00Z","message":"paid","log":{"level":"WARN","logger":"x"},"service":{"name":"shop"},"host":{"name":"h1"},"trace":{"id":"0AF7651916CD43DD8448EB211C80319C"}}"#,
        "2026-11-21T08:30:00Z | body=paid host.name=h1 log.logger=x service.name=shop severity_number=13 severity_text=WARN trace_id=0af7651916cd43dd8448eb211c80319c",
    );
    check(
        r#"{"level":30,"time":1795249800500,"pid":7,"hostname":"h1","msg":"hello"}"#,
        "2026-11-21T08:30:00.5Z | body=hello host.name=h1 pid=7 severity_number=9 severity_text=info",
    );
    check(
        r#"{"date":1795249800.123456789,"log":"x","service":"a"}"#,
        "2026-11-21T08:30:00.123456789Z | body=x service.name=a",
    );
}

#[test]
fn what_is_not_known_keeps_its_dotted_name_and_its_value() {
    check(
        r#"{"time":1,"a":{"b":{"c":1},"d":[1, "x y", {"e":null}]},"f":1.50,"g":true,"h":null,"i":18446744073709551616,"j":{}}"#,
        "1970-01-01T00:00:01Z | a.b.c=1 a.d=json [1,\"x y\",{\"e\":null}] f=1.5 g=Bool(true) i=18446744073709551616",
    );
}

#[test]
fn a_value_that_cannot_be_what_its_name_says_is_kept_beside() {
    check(
        r#"{"timestamp":"soon","time":5,"message":"a","body":"b","level":"gold","trace_id":7,"severity_number":99}"#,
        "1970-01-01T00:00:05Z | attributes.body=b attributes.severity_number=99 attributes.timestamp=soon attributes.trace_id=7 body=a level=gold",
    );
    check(
        r#"{"ts":1,"time":"2026-11-21","level":"info","severity":"HIGH","a":1,"a":2}"#,
        "1970-01-01T00:00:01Z | a=1 severity=HIGH severity_number=9 severity_text=info time=2026-11-21",
    );
}

#[test]
fn depth_and_width_are_bounded() {
    let deep = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert!(row(&deep(MAX_DEPTH as usize)).is_ok());
    for levels in [MAX_DEPTH as usize + 1, 10_000] {
        assert!(row(&deep(levels)).unwrap_err().to_string().contains("nested deeper"), "{levels}");
    }
    let wide = |count: usize| {
        let fields: Vec<String> = (0..count).map(|index| format!("\"f{index}\":{index}")).collect();
        format!("{{{}}}", fields.join(","))
    };
    assert!(row(&wide(1000)).is_ok());
    for count in [1001, 100_000] {
        assert!(row(&wide(count)).unwrap_err().to_string().contains("more than 1000 fields"), "{count}");
    }
    let long = format!("{{\"{}\":1}}", "n".repeat(10 << 20));
    assert!(row(&long).unwrap_err().to_string().contains("10485760 bytes"));
}
