//! Changes as pipelines send them to PagerDuty: the body of `POST /v2/change/enqueue`.
//!
//! Source: PagerDuty, "Send a change event" (Events API v2). One request is one row of `changes`:
//! `summary` → `name`, `custom_details.service` or else `source` → `service.name`, `custom_details` `version` or `commit` →
//! `service.version`, `user` or `author` → `change.by`, `kind` → `change.kind` (`deploy` if there is none), `undo` or
//! `rollback` → `change.undo`. Other details keep their names, links are `change.links` in JSON.

use nines_model::{Batch, Dataset, Timestamp, field};

use crate::document::{DocumentReader, put_value};
use crate::intake::{IntakeError, text};
use crate::json::{Cursor, Kind, compact};
use crate::rows::RowWriter;
use crate::time;

/// The kinds of change that charts and alerts know.
const KINDS: [&str; 4] = ["deploy", "feature_flag", "config", "infrastructure"];

/// PagerDuty's own bound on `summary`, in characters.
const SUMMARY_CHARS_MAX: usize = 1024;

/// The `routing_key` of a body, for who must know the sender before it reads the rest.
pub fn routing_key(body: &[u8]) -> Result<Option<String>, IntakeError> {
    let mut cursor = Cursor::new(text(body)?);
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        if key == "routing_key" && cursor.kind()? == Kind::Str {
            return Ok(Some(cursor.string()?.into_owned()));
        }
        cursor.raw()?;
    }
    Ok(None)
}

/// Reads one change event. `id` becomes `change.id`.
pub fn decode(body: &[u8], id: &str, received_at: Timestamp) -> Result<Batch, IntakeError> {
    let mut rows = RowWriter::new(Dataset::Changes, received_at);
    let mut has_payload = false;
    let mut cursor = Cursor::new(text(body)?);
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        match (key.as_ref(), cursor.kind()?) {
            ("payload", Kind::Object) => {
                has_payload = true;
                payload(&mut cursor, &mut rows)?;
            }
            ("links", Kind::Array) => rows.json("change.links", &compact(cursor.raw()?))?,
            _ => drop(cursor.raw()?),
        }
    }
    cursor.end()?;
    if !has_payload {
        return Err(IntakeError::Missing {
            what: "payload",
            hint: "send {\"payload\":{\"summary\":\"…\",\"source\":\"…\"}}",
        });
    }
    if !rows.has(field::CHANGE_KIND) {
        rows.str(field::CHANGE_KIND, KINDS[0])?;
    }
    rows.str(field::CHANGE_ID, id)?;
    rows.end()?;
    Ok(rows.finish())
}

fn payload(cursor: &mut Cursor<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    let mut source = None;
    let mut details = None;
    let mut has_summary = false;
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        match (key.as_ref(), cursor.kind()?) {
            ("summary", Kind::Str) => {
                let summary = cursor.string()?;
                let length = summary.trim().chars().count();
                if length == 0 || length > SUMMARY_CHARS_MAX {
                    return Err(IntakeError::wrong("summary", &summary, "write 1 to 1024 characters"));
                }
                has_summary = true;
                rows.str(field::NAME, &summary)?;
            }
            ("timestamp", Kind::Str) => {
                let at = cursor.string()?;
                let hint = "use RFC 3339, such as 2026-11-21T08:30:00Z";
                rows.set_time(time::parse(&at).ok_or_else(|| IntakeError::wrong("timestamp", &at, hint))?);
            }
            ("source", Kind::Str) => source = Some(cursor.string()?),
            ("custom_details", Kind::Object) => {
                details = Some(cursor.clone());
                cursor.raw()?;
            }
            ("summary" | "timestamp" | "source" | "custom_details", _) => {
                let hint = "summary, source and timestamp are strings, custom_details is an object";
                return Err(IntakeError::wrong("payload", cursor.raw()?, hint));
            }
            (name, _) => put_value(name, cursor, rows)?,
        }
    }
    if !has_summary {
        return Err(IntakeError::Missing { what: "summary", hint: "say in a line what was changed" });
    }
    if let Some(mut details) = details {
        custom_details(&mut details.clone(), rows)?;
        DocumentReader::new().read(&mut details, rows)?;
    }
    match source {
        Some(source) => {
            rows.str(field::SERVICE_NAME, &source)?;
            rows.str("change.source", &source)
        }
        None => Ok(()),
    }
}

/// The details that have a column of their own; the document reader then takes all of them.
fn custom_details(cursor: &mut Cursor<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        if cursor.kind()? != Kind::Str {
            cursor.raw()?;
            continue;
        }
        let value = cursor.string()?;
        let column = match key.as_ref() {
            "service" | "service.name" | "service_name" => field::SERVICE_NAME,
            "version" | "service.version" | "commit" | "sha" | "build" => field::SERVICE_VERSION,
            "user" | "author" | "by" | "change.by" => field::CHANGE_BY,
            "undo" | "rollback" | "change.undo" => field::CHANGE_UNDO,
            "kind" | "change.kind" if KINDS.contains(&value.as_ref()) => field::CHANGE_KIND,
            _ => continue,
        };
        rows.str(column, &value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipelines_event_is_a_change() {
        let body = r#"{"routing_key":"k","payload":{"summary":"Build 7 deployed","timestamp":"2026-11-21T08:30:00Z","source":"ci","custom_details":{"service":"checkout","commit":"abc123","user":"ann","pipeline":{"id":9}}},"links":[{"href":"https://ci/7","text":"run"}]}"#;
        assert_eq!(routing_key(body.as_bytes()).unwrap().as_deref(), Some("k"));
        let batch = decode(body.as_bytes(), "id1", Timestamp::EPOCH).unwrap();
        assert_eq!(batch.dataset, Dataset::Changes);
        let event = batch.rows.row(0);
        for (name, value) in [
            ("name", "Build 7 deployed"),
            ("service.name", "checkout"),
            ("service.version", "abc123"),
            ("change.by", "ann"),
            ("change.kind", "deploy"),
            ("change.id", "id1"),
            ("change.source", "ci"),
            ("change.links", r#"[{"href":"https://ci/7","text":"run"}]"#),
        ] {
            assert_eq!(event.get_str(name), Some(value), "{name}");
        }
        assert_eq!(event.timestamp().to_string(), "2026-11-21T08:30:00Z");
    }

    #[test]
    fn mistakes_are_named() {
        let check = |body: &str, expected: &str| {
            let error = decode(body.as_bytes(), "id", Timestamp::EPOCH).unwrap_err().to_string();
            assert!(error.contains(expected), "{body}: {error}");
        };
        check("{}", "`payload` is missing");
        check("{\"payload\":{}}", "`summary` is missing");
        check("{\"payload\":{\"summary\":\" \"}}", "`summary` is");
        check("{\"payload\":{\"summary\":7}}", "`payload` is `7`");
        check("{\"payload\":{\"summary\":\"x\",\"timestamp\":\"soon\"}}", "`timestamp` is `soon`");
    }
}
