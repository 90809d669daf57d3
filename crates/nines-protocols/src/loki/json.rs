//! `{"streams":[{"stream":{…},"values":[["<nanoseconds>","line",{…}]]}]}`

use nines_model::{Batch, Dataset, Timestamp, field};

use super::labels::Labels;
use super::{put_metadata, set_stream};
use crate::intake::{IntakeError, text};
use crate::json::{Cursor, Kind, compact};
use crate::rows::RowWriter;

/// Reads a push request in JSON.
pub fn decode_json(body: &[u8], received_at: Timestamp) -> Result<Batch, IntakeError> {
    let mut cursor = Cursor::new(text(body)?);
    let mut rows = RowWriter::new(Dataset::Logs, received_at);
    let mut has_streams = false;
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        if key != "streams" {
            cursor.raw()?;
            continue;
        }
        has_streams = true;
        cursor.enter_array()?;
        let mut index = 0;
        while cursor.next_element(index == 0)? {
            stream(&mut cursor, &mut rows).map_err(|error| error.in_record(index))?;
            index += 1;
        }
    }
    cursor.end()?;
    if !has_streams {
        let hint =
            "a push request is {\"streams\":[{\"stream\":{…},\"values\":[[\"<nanoseconds>\",\"line\"]]}]}";
        return Err(IntakeError::Missing { what: "streams", hint });
    }
    Ok(rows.finish())
}

fn stream(cursor: &mut Cursor<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    let mut has_labels = false;
    // Values that come before their labels are walked again once those are known.
    let mut early = None;
    let mut has_values = false;
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        match key.as_ref() {
            "stream" => {
                set_stream(&stream_labels(cursor)?, rows);
                has_labels = true;
            }
            "values" => {
                has_values = true;
                if has_labels {
                    values(cursor, rows)?;
                } else {
                    early = Some(cursor.clone());
                    cursor.raw()?;
                }
            }
            _ => drop(cursor.raw()?),
        }
    }
    if !has_labels {
        return Err(IntakeError::Missing {
            what: "stream",
            hint: "each stream names its labels: {\"stream\":{\"service_name\":\"checkout\"}}",
        });
    }
    if !has_values {
        return Err(IntakeError::Missing {
            what: "values",
            hint: "each stream has lines: [[\"<nanoseconds>\",\"line\"]]",
        });
    }
    match early {
        Some(mut early) => values(&mut early, rows),
        None => Ok(()),
    }
}

fn stream_labels<'a>(cursor: &mut Cursor<'a>) -> Result<Labels<'a>, IntakeError> {
    let mut labels = Labels::new();
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(name) = cursor.next_key(is_first)? {
        is_first = false;
        if cursor.kind()? != Kind::Str {
            return Err(IntakeError::wrong("label value", cursor.raw()?, "label values are strings"));
        }
        labels.push((name, cursor.string()?));
    }
    Ok(labels)
}

fn values(cursor: &mut Cursor<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    cursor.enter_array()?;
    let mut is_first = true;
    while cursor.next_element(is_first)? {
        is_first = false;
        entry(cursor, rows)?;
        rows.end()?;
    }
    Ok(())
}

const ENTRY: &str = "an entry is [\"<nanoseconds>\", \"line\"] or [\"<nanoseconds>\", \"line\", {metadata}]";

fn entry(cursor: &mut Cursor<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    cursor.enter_array()?;
    if !cursor.next_element(true)? || cursor.kind()? != Kind::Str {
        return Err(IntakeError::Missing { what: "time of an entry", hint: ENTRY });
    }
    let time = cursor.string()?;
    let nanos: i64 = time.parse().map_err(|_| {
        IntakeError::wrong("time of an entry", &time, "send nanoseconds since 1970 as a string")
    })?;
    rows.set_time(Timestamp::from_nanos(nanos));
    if !cursor.next_element(false)? || cursor.kind()? != Kind::Str {
        return Err(IntakeError::Missing { what: "line of an entry", hint: ENTRY });
    }
    let line = cursor.string()?;
    rows.str(field::BODY, &line)?;
    if !cursor.next_element(false)? {
        return Ok(());
    }
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(name) = cursor.next_key(is_first)? {
        is_first = false;
        match cursor.kind()? {
            Kind::Str => {
                let value = cursor.string()?;
                put_metadata(&name, &value, rows)?;
            }
            // Loki wants strings here; a number's or a list's text is as good.
            _ => put_metadata(&name, &compact(cursor.raw()?), rows)?,
        }
    }
    if cursor.next_element(false)? {
        return Err(IntakeError::wrong("entry", "four elements", ENTRY));
    }
    Ok(())
}
