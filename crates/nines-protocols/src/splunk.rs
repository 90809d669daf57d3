//! Splunk's HTTP Event Collector: events and raw text.
//!
//! Source: Splunk Enterprise, "Format events for HTTP Event Collector" and "Troubleshoot HTTP Event Collector" (the codes).
//! Names as the OpenTelemetry Collector's `splunk_hec` receiver has them: `host` → `host.name`, `source`, `sourcetype` and
//! `index` → `com.splunk.…`. Indexed `fields` keep their names. An `event` that is an object is read as any JSON event.

use nines_model::{Batch, Dataset, Timestamp, Value, field};

use crate::document::{DocumentReader, HOST_NAME, put_value};
use crate::intake::{IntakeError, lines, text};
use crate::json::{Cursor, Kind};
use crate::rows::RowWriter;
use crate::time;

/// What Splunk calls a mistake in the data; the receiver has the codes of everything else.
#[derive(Debug, thiserror::Error)]
pub enum HecError {
    #[error("No data")]
    NoData,
    #[error("Event field is required")]
    EventMissing { event: usize },
    #[error("Event field cannot be blank")]
    EventBlank { event: usize },
    #[error("Error in handling indexed fields")]
    Fields { event: usize },
    #[error("Invalid data format")]
    Invalid { event: usize, source: IntakeError },
}

impl HecError {
    /// Splunk's code.
    pub fn code(&self) -> u8 {
        match self {
            Self::NoData => 5,
            Self::Invalid { .. } => 6,
            Self::EventMissing { .. } => 12,
            Self::EventBlank { .. } => 13,
            Self::Fields { .. } => 15,
        }
    }

    /// The event that is wrong, counted from 0 as Splunk does.
    pub fn event(&self) -> Option<usize> {
        match self {
            Self::NoData => None,
            Self::EventMissing { event } | Self::EventBlank { event } | Self::Fields { event } => {
                Some(*event)
            }
            Self::Invalid { event, .. } => Some(*event),
        }
    }
}

/// Reads the body of `/services/collector/event`: objects one after another, or an array of them.
pub fn decode_events(body: &[u8], received_at: Timestamp) -> Result<Batch, HecError> {
    let invalid = |event, source| HecError::Invalid { event, source };
    let mut rows = RowWriter::new(Dataset::Logs, received_at);
    let mut reader = DocumentReader::new();
    let mut cursor = Cursor::new(text(body).map_err(|error| invalid(0, error))?);
    if cursor.is_at_end() {
        return Err(HecError::NoData);
    }
    let in_array = cursor.kind().map_err(|error| invalid(0, error.into()))? == Kind::Array;
    if in_array {
        cursor.enter_array().map_err(|error| invalid(0, error.into()))?;
    }
    let mut index = 0;
    loop {
        let more = if in_array { cursor.next_element(index == 0) } else { Ok(!cursor.is_at_end()) };
        if !more.map_err(|error| invalid(index, error.into()))? {
            break;
        }
        event(index, &mut reader, &mut cursor, &mut rows)?;
        index += 1;
    }
    cursor.end().map_err(|error| invalid(index, error.into()))?;
    Ok(rows.finish())
}

fn event(
    index: usize,
    reader: &mut DocumentReader,
    cursor: &mut Cursor<'_>,
    rows: &mut RowWriter,
) -> Result<(), HecError> {
    let invalid = |source: IntakeError| HecError::Invalid { event: index, source };
    let mut has_event = false;
    let mut walk = |cursor: &mut Cursor<'_>, rows: &mut RowWriter| -> Result<Option<HecError>, IntakeError> {
        // The envelope's time and host win over those in the event, wherever they stand.
        let mut event_at = None;
        let mut at = None;
        cursor.enter_object()?;
        let mut is_first = true;
        while let Some(key) = cursor.next_key(is_first)? {
            is_first = false;
            match key.as_ref() {
                "event" => {
                    has_event = true;
                    event_at = Some(cursor.clone());
                    let raw = cursor.raw()?;
                    if raw == "\"\"" || raw == "null" {
                        return Ok(Some(HecError::EventBlank { event: index }));
                    }
                }
                "time" => at = event_time(cursor)?,
                "host" => put_value(HOST_NAME, cursor, rows)?,
                "source" => put_value("com.splunk.source", cursor, rows)?,
                "sourcetype" => put_value("com.splunk.sourcetype", cursor, rows)?,
                "index" => put_value("com.splunk.index", cursor, rows)?,
                "fields" if cursor.kind()? == Kind::Object => fields(cursor, rows)?,
                "fields" => return Ok(Some(HecError::Fields { event: index })),
                _ => drop(cursor.raw()?),
            }
        }
        let Some(mut event) = event_at else {
            return Ok(Some(HecError::EventMissing { event: index }));
        };
        match event.kind()? {
            Kind::Object => reader.read(&mut event, rows)?,
            _ => put_value(field::BODY, &mut event, rows)?,
        }
        if let Some(at) = at {
            rows.set_time(at);
        }
        rows.end()?;
        Ok(None)
    };
    match walk(cursor, rows) {
        Ok(None) => Ok(()),
        Ok(Some(error)) => Err(error),
        Err(error) => Err(invalid(error)),
    }
}

/// Seconds since the epoch, as a number or as text.
fn event_time(cursor: &mut Cursor<'_>) -> Result<Option<Timestamp>, IntakeError> {
    let hint = "send seconds since 1970, such as 1795249800.500";
    let found = match cursor.kind()? {
        Kind::Str => cursor.string()?,
        Kind::Literal => {
            cursor.raw()?;
            return Ok(None);
        }
        _ => cursor.raw()?.into(),
    };
    let at = time::from_number(found.trim_ascii());
    at.map(Some).ok_or_else(|| IntakeError::wrong("time", &found, hint))
}

fn fields(cursor: &mut Cursor<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(name) = cursor.next_key(is_first)? {
        is_first = false;
        put_value(&name, cursor, rows)?;
    }
    Ok(())
}

/// Reads the body of `/services/collector/raw`: a line is an event. `metadata` are the query's `host`, `source`,
/// `sourcetype` and `index`; `at` its `time`.
pub fn decode_raw(
    body: &[u8],
    metadata: &[(String, String)],
    at: Option<Timestamp>,
    received_at: Timestamp,
) -> Result<Batch, HecError> {
    let mut rows = RowWriter::new(Dataset::Logs, received_at);
    let names = metadata.iter().filter_map(|(name, value)| {
        let column = match name.as_str() {
            "host" => HOST_NAME,
            "source" => "com.splunk.source",
            "sourcetype" => "com.splunk.sourcetype",
            "index" => "com.splunk.index",
            _ => return None,
        };
        Some((column, Value::str(value)))
    });
    rows.set_resource(names);
    let text = text(body).map_err(|source| HecError::Invalid { event: 0, source })?;
    for (event, line) in lines(text).enumerate() {
        if let Some(at) = at {
            rows.set_time(at);
        }
        rows.str(field::BODY, line)
            .and_then(|()| rows.end())
            .map_err(|source| HecError::Invalid { event, source })?;
    }
    if rows.is_empty() { Err(HecError::NoData) } else { Ok(rows.finish()) }
}

/// The `time` of a raw request's query.
pub fn query_time(text: &str) -> Option<Timestamp> {
    time::from_number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str) -> Vec<String> {
        let batch = decode_events(body.as_bytes(), Timestamp::EPOCH).unwrap();
        let show = |event: &nines_model::Event| {
            let mut fields: Vec<String> =
                event.fields.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            fields.sort();
            format!("{} {}", event.timestamp, fields.join(" "))
        };
        batch.rows.events().iter().map(show).collect()
    }

    #[test]
    fn events_keep_their_envelope_and_their_fields() {
        assert_eq!(
            shown(
                r#"{"event":"x","time":1795249800.5,"host":"h","sourcetype":"s"}{"time":"1","event":{"message":"m","time":9},"fields":{"a":"b"},"index":"main"}"#
            ),
            [
                r#"2026-11-21T08:30:00.5Z body=Str("x") com.splunk.sourcetype=Str("s") host.name=Str("h")"#,
                r#"1970-01-01T00:00:01Z a=Str("b") body=Str("m") com.splunk.index=Str("main")"#,
            ]
        );
    }

    #[test]
    fn mistakes_have_splunks_codes() {
        for (body, code, event) in [
            ("", 5, None),
            ("{", 6, Some(0)),
            ("{\"event\":\"a\"}{\"event\":}", 6, Some(1)),
            ("{\"time\":1}", 12, Some(0)),
            ("{\"event\":\"\"}", 13, Some(0)),
            ("{\"event\":\"a\",\"fields\":7}", 15, Some(0)),
            ("{\"event\":\"a\",\"time\":\"soon\"}", 6, Some(0)),
        ] {
            let error = decode_events(body.as_bytes(), Timestamp::EPOCH).unwrap_err();
            assert_eq!((error.code(), error.event()), (code, event), "{body}");
        }
    }
}
