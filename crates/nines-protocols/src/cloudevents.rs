//! CloudEvents 1.0 over HTTP: structured, batched and binary.
//!
//! Source: CloudEvents 1.0.2, its JSON format and its HTTP protocol binding. Context attributes are named by OpenTelemetry's
//! conventions (`cloudevents.event_id`, …), the type is also the row's `event_name`, extensions keep their names. Data that
//! is an object becomes `data.…` fields, other data `body`.

use nines_model::{Batch, Dataset, Timestamp, field};

use crate::document::{DocumentReader, put_value};
use crate::intake::{IntakeError, text};
use crate::json::{Cursor, Kind, compact};
use crate::rows::RowWriter;
use crate::time;

const ID: &str = "cloudevents.event_id";
const SOURCE: &str = "cloudevents.event_source";
const TYPE: &str = "cloudevents.event_type";
const SPEC_VERSION: &str = "cloudevents.event_spec_version";

/// `application/cloudevents+json`: one event.
pub fn decode_structured(body: &[u8], received_at: Timestamp) -> Result<Batch, IntakeError> {
    let mut rows = RowWriter::new(Dataset::Logs, received_at);
    let mut cursor = Cursor::new(text(body)?);
    event(&mut DocumentReader::new(), &mut cursor, &mut rows)?;
    cursor.end()?;
    Ok(rows.finish())
}

/// `application/cloudevents-batch+json`: an array of events, maybe an empty one.
pub fn decode_batch(body: &[u8], received_at: Timestamp) -> Result<Batch, IntakeError> {
    let mut rows = RowWriter::new(Dataset::Logs, received_at);
    let mut reader = DocumentReader::new();
    let mut cursor = Cursor::new(text(body)?);
    cursor.enter_array()?;
    let mut index = 0;
    while cursor.next_element(index == 0)? {
        event(&mut reader, &mut cursor, &mut rows).map_err(|error| error.in_record(index))?;
        index += 1;
    }
    cursor.end()?;
    Ok(rows.finish())
}

/// Binary mode: `attributes` are the `ce-…` headers, decoded and without their prefix; the body is the data, and
/// `is_json` what its content type says.
pub fn decode_binary(
    attributes: &[(String, String)],
    body: &[u8],
    is_json: bool,
    received_at: Timestamp,
) -> Result<Batch, IntakeError> {
    let mut rows = RowWriter::new(Dataset::Logs, received_at);
    for (name, value) in attributes {
        attribute(name, value, &mut rows)?;
    }
    let text = text(body)?;
    let mut cursor = Cursor::new(text);
    match (is_json, cursor.is_at_end()) {
        (_, true) => {}
        (true, false) => {
            data(&mut DocumentReader::new(), &mut cursor, &mut rows)?;
            cursor.end()?;
        }
        (false, false) => rows.str(field::BODY, text)?,
    }
    finish(&mut rows)?;
    Ok(rows.finish())
}

fn event(
    reader: &mut DocumentReader,
    cursor: &mut Cursor<'_>,
    rows: &mut RowWriter,
) -> Result<(), IntakeError> {
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        match (key.as_ref(), cursor.kind()?) {
            ("data", _) => data(reader, cursor, rows)?,
            ("data_base64", Kind::Str) => {
                let encoded = cursor.string()?;
                rows.str(field::BODY, &encoded)?;
            }
            (name, Kind::Str) => {
                let value = cursor.string()?;
                attribute(name, &value, rows)?;
            }
            (name @ ("id" | "source" | "type" | "specversion" | "time"), _) => {
                return Err(IntakeError::wrong("attribute", name, "context attributes are strings"));
            }
            (name, _) => put_value(name, cursor, rows)?,
        }
    }
    finish(rows)
}

fn attribute(name: &str, value: &str, rows: &mut RowWriter) -> Result<(), IntakeError> {
    match name {
        "id" => rows.str(ID, value),
        "source" => rows.str(SOURCE, value),
        "type" => {
            rows.str(field::EVENT_NAME, value)?;
            rows.str(TYPE, value)
        }
        "specversion" => rows.str(SPEC_VERSION, value),
        "subject" => rows.str("cloudevents.event_subject", value),
        "datacontenttype" => rows.str("cloudevents.event_data_content_type", value),
        "dataschema" => rows.str("cloudevents.event_data_schema", value),
        "time" => {
            let at = time::parse(value).ok_or_else(|| {
                IntakeError::wrong("time", value, "use RFC 3339, such as 2026-11-21T08:30:00Z")
            })?;
            rows.set_time(at);
            Ok(())
        }
        // Distributed tracing extension: `00-<trace id>-<span id>-<flags>`.
        "traceparent" => {
            let mut parts = value.split('-').skip(1);
            crate::document::id(field::TRACE_ID, parts.next().unwrap_or_default(), rows)?;
            crate::document::id(field::SPAN_ID, parts.next().unwrap_or_default(), rows)
        }
        name => rows.str(name, value),
    }
}

fn data(
    reader: &mut DocumentReader,
    cursor: &mut Cursor<'_>,
    rows: &mut RowWriter,
) -> Result<(), IntakeError> {
    match cursor.kind()? {
        Kind::Object => reader.read_as("data.", cursor, rows),
        Kind::Str => {
            let text = cursor.string()?;
            rows.str(field::BODY, &text)
        }
        _ => rows.str(field::BODY, &compact(cursor.raw()?)),
    }
}

fn finish(rows: &mut RowWriter) -> Result<(), IntakeError> {
    let hint = "a CloudEvent has id, source, specversion and type";
    for (column, what) in [(ID, "id"), (SOURCE, "source"), (SPEC_VERSION, "specversion"), (TYPE, "type")] {
        if !rows.has(column) {
            return Err(IntakeError::Missing { what, hint });
        }
    }
    rows.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0","id":"7","source":"/orders","type":"order.paid","time":"2026-11-21T08:30:00Z","comexampleextension":"x","data":{"amount":12,"user":{"id":"u1"}}}"#;

    #[test]
    fn the_three_modes_say_the_same() {
        let structured = decode_structured(EVENT.as_bytes(), Timestamp::EPOCH).unwrap();
        let batched = decode_batch(format!("[{EVENT}]").as_bytes(), Timestamp::EPOCH).unwrap();
        assert_eq!(structured, batched);
        let headers = [
            ("specversion", "1.0"),
            ("id", "7"),
            ("source", "/orders"),
            ("type", "order.paid"),
            ("time", "2026-11-21T08:30:00Z"),
            ("comexampleextension", "x"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let binary =
            decode_binary(&headers, br#"{"amount":12,"user":{"id":"u1"}}"#, true, Timestamp::EPOCH).unwrap();
        assert_eq!(structured, binary);
        let event = structured.rows.row(0);
        assert_eq!(event.get_str("event_name"), Some("order.paid"));
        assert_eq!(event.get("data.amount").and_then(nines_model::ValueRef::as_int), Some(12));
        assert_eq!(event.get_str("data.user.id"), Some("u1"));
        assert_eq!(event.timestamp().to_string(), "2026-11-21T08:30:00Z");
    }

    #[test]
    fn what_is_required_is_missed_by_name() {
        for missing in ["id", "source", "type", "specversion"] {
            let body = EVENT.replace(&format!("\"{missing}\":"), "\"other\":");
            let error = decode_structured(body.as_bytes(), Timestamp::EPOCH).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{missing}` is missing")), "{error}");
        }
        let soon = EVENT.replace("2026-11-21T08:30:00Z", "soon");
        assert!(decode_structured(soon.as_bytes(), Timestamp::EPOCH).is_err());
    }
}
