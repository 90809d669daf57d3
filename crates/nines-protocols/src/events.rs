//! Events of any kind as JSON: one object, an array of objects, or objects one after another (NDJSON, or simply
//! concatenated). Names are made ours as [`crate::document`] says.

use nines_model::{Batch, Dataset, Timestamp, Value};

use crate::document::DocumentReader;
use crate::intake::{IntakeError, text};
use crate::json::{Cursor, Kind};
use crate::rows::RowWriter;

/// Reads a body of JSON events for `dataset`. `shared` are attributes of all of them; an event's own field wins.
///
/// # Errors
/// The first record that cannot be read, by its number: nothing is kept then.
pub fn decode(
    dataset: Dataset,
    body: &[u8],
    shared: &[(String, String)],
    received_at: Timestamp,
) -> Result<Batch, IntakeError> {
    let mut rows = RowWriter::new(dataset, received_at);
    if !shared.is_empty() {
        rows.set_resource(shared.iter().map(|(name, value)| (name, Value::str(value))));
    }
    let mut reader = DocumentReader::new();
    let mut cursor = Cursor::new(text(body)?);
    if cursor.is_at_end() {
        return Err(IntakeError::Missing {
            what: "body",
            hint: "send JSON objects, one a line or in an array",
        });
    }
    let mut index = 0;
    if cursor.kind()? == Kind::Array {
        cursor.enter_array()?;
        while cursor.next_element(index == 0)? {
            event(&mut reader, &mut cursor, &mut rows).map_err(|error| error.in_record(index))?;
            index += 1;
        }
        cursor.end()?;
    } else {
        while !cursor.is_at_end() {
            event(&mut reader, &mut cursor, &mut rows).map_err(|error| error.in_record(index))?;
            index += 1;
        }
    }
    Ok(rows.finish())
}

fn event(
    reader: &mut DocumentReader,
    cursor: &mut Cursor<'_>,
    rows: &mut RowWriter,
) -> Result<(), IntakeError> {
    reader.read(cursor, rows)?;
    rows.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(body: &str) -> Result<usize, String> {
        let batch = decode(Dataset::Logs, body.as_bytes(), &[], Timestamp::EPOCH);
        batch.map(|batch| batch.rows.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn objects_come_alone_in_lines_in_arrays_or_in_a_row() {
        for (body, expected) in [
            ("{\"a\":1}", 1),
            ("{\"a\":1}\n\n{\"a\":2}\r\n", 2),
            ("{\"a\":1}{\"a\":2} {\"a\":3}", 3),
            ("[{\"a\":1},{\"a\":2}]", 2),
            ("[]", 0),
        ] {
            assert_eq!(count(body), Ok(expected), "{body}");
        }
        let error = count("{\"a\":1}\n{\"a\":}\n").unwrap_err();
        assert_eq!(error, "record 2: JSON has no value at byte 13");
        assert_eq!(count("[{\"a\":1},7]").unwrap_err(), "record 2: JSON has no object at byte 9");
        assert!(count(" \n").unwrap_err().starts_with("`body` is missing"));
    }
}
