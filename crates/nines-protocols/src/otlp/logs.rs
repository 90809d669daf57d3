//! Log records.

use nines_model::{Timestamp, field};

use super::Reason;
use super::attributes::{self, DROPPED_ATTRIBUTES, Owner};
use super::request::ItemError;
use super::row::RowWriter;
use super::value;
use super::wire::Message;

/// One `LogRecord`; answers its time.
pub(super) fn decode(message: Message<'_>, row: &mut RowWriter<'_>) -> Result<Timestamp, ItemError> {
    let (mut time, mut observed, mut severity, mut flags, mut dropped) = (0, 0, 0, 0, 0);
    let (mut severity_text, mut event_name) = ("", "");
    let (mut trace_id, mut span_id) = (&[][..], &[][..]);
    let (mut body, mut has_attributes) = (None, false);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => time = field.fixed64("time_unix_nano")?,
            2 => severity = field.int32("severity_number")?,
            3 => severity_text = field.text("severity_text")?,
            5 => body = Some(field.message("body")?),
            6 => has_attributes = true,
            7 => dropped = field.uint32("dropped_attributes_count")?,
            8 => flags = field.fixed32("flags")?,
            9 => trace_id = field.bytes("trace_id")?,
            10 => span_id = field.bytes("span_id")?,
            11 => observed = field.fixed64("observed_time_unix_nano")?,
            12 => event_name = field.text("event_name")?,
            _ => {}
        }
    }
    let observed = value::timestamp(observed)?;
    let time = value::timestamp(time)?;
    let timestamp = time.or(observed).unwrap_or(row.received_at);

    if let Some(observed) = observed
        && time != Some(observed)
    {
        row.int(field::OBSERVED_TIMESTAMP, observed.as_nanos());
    }
    if severity != 0 {
        row.int(field::SEVERITY_NUMBER, i64::from(severity));
    }
    row.text(field::SEVERITY_TEXT, severity_text);
    row.text(field::EVENT_NAME, event_name);
    if let Some(body) = body
        && let Some(body) = value::body(body, row.scratch).map_err(|error| error.within("body", None))?
    {
        row.rows.put(field::BODY, body);
    }
    put_context(row, field::TRACE_ID, trace_id, 16);
    put_context(row, field::SPAN_ID, span_id, 8);
    row.count(field::FLAGS, flags);
    row.count(DROPPED_ATTRIBUTES, dropped);
    if has_attributes {
        attributes::append(message, 6, Owner::Log, row.rows, row.notes, row.scratch)?;
    }
    Ok(timestamp)
}

/// The specification has a record with an invalid id kept, as one that belongs to no trace.
fn put_context(row: &mut RowWriter<'_>, column: &'static str, id: &[u8], length: usize) {
    if id.len() == length && !value::is_zero(id) {
        row.id(column, id);
    } else if !id.is_empty() && id.len() != length {
        row.notes.add(Reason::LogIdInvalid);
    }
}
