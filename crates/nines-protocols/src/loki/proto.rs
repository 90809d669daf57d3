//! `logproto.PushRequest`: `streams = 1 { labels = 1, entries = 2 { timestamp = 1, line = 2, structuredMetadata = 3 } }`.

use nines_model::{Batch, Dataset, Timestamp, field};

use super::labels;
use super::{put_metadata, set_stream};
use crate::intake::IntakeError;
use crate::protobuf::{Field, Fields};
use crate::rows::RowWriter;

/// Reads a push request in protobuf, after the snappy around it is gone.
pub fn decode_protobuf(body: &[u8], received_at: Timestamp) -> Result<Batch, IntakeError> {
    let mut rows = RowWriter::new(Dataset::Logs, received_at);
    let mut fields = Fields::new(body);
    let mut index = 0;
    while let Some(field) = fields.next()? {
        if field.number == 1 {
            stream(field.message()?, &mut rows).map_err(|error| error.in_record(index))?;
            index += 1;
        }
    }
    Ok(rows.finish())
}

fn stream(stream: Fields<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    // Labels first, wherever they stand.
    let mut text = None;
    let mut fields = stream.clone();
    while let Some(field) = fields.next()? {
        if field.number == 1 {
            text = Some(field.text()?);
        }
    }
    let Some(text) = text else {
        return Err(IntakeError::Missing {
            what: "labels",
            hint: "each stream names its labels: {service_name=\"checkout\"}",
        });
    };
    set_stream(&labels::parse(text)?, rows);
    let mut fields = stream;
    while let Some(field) = fields.next()? {
        if field.number == 2 {
            entry(field.message()?, rows)?;
            rows.end()?;
        }
    }
    Ok(())
}

fn entry(mut fields: Fields<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    // Protobuf leaves empty strings out; an empty line is still a line.
    let mut line = "";
    rows.set_time(rows.received_at());
    while let Some(field) = fields.next()? {
        match field.number {
            1 => {
                if let Some(at) = timestamp(field)? {
                    rows.set_time(at);
                }
            }
            2 => line = field.text()?,
            3 => pair(field.message()?, rows)?,
            _ => {}
        }
    }
    rows.str(field::BODY, line)
}

/// `google.protobuf.Timestamp`: `seconds = 1`, `nanos = 2`. The epoch itself is a time that was not set.
fn timestamp(field: Field<'_>) -> Result<Option<Timestamp>, IntakeError> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut fields = field.message()?;
    while let Some(field) = fields.next()? {
        match field.number {
            1 => seconds = field.varint()?.cast_signed(),
            2 => nanos = field.varint()?.cast_signed(),
            _ => {}
        }
    }
    let total = seconds.checked_mul(1_000_000_000).and_then(|total| total.checked_add(nanos));
    match total {
        Some(0) => Ok(None),
        Some(total) => Ok(Some(Timestamp::from_nanos(total))),
        None => Err(IntakeError::wrong(
            "time of an entry",
            &seconds.to_string(),
            "send a time between 1678 and 2261",
        )),
    }
}

/// `LabelPairAdapter`: `name = 1`, `value = 2`.
fn pair(mut fields: Fields<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    let (mut name, mut value) = ("", "");
    while let Some(field) = fields.next()? {
        match field.number {
            1 => name = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    put_metadata(name, value, rows)
}
