//! Log records.

use std::sync::Arc;

use nines_model::{Event, Resource, Timestamp, Value, field};

use super::Reason;
use super::attributes::{self, DROPPED_ATTRIBUTES, Owner};
use super::request::{ItemError, Notes};
use super::value::{self, Columns};
use super::wire::Message;

/// Room for the fixed columns, beside the attributes.
const FIXED_COLUMNS: usize = 9;

/// One `LogRecord`.
pub(super) fn decode(
    message: Message<'_>,
    resource: &Arc<Resource>,
    received_at: Timestamp,
    notes: &mut Notes,
) -> Result<Event, ItemError> {
    let (mut time, mut observed, mut severity, mut flags, mut dropped) = (0, 0, 0, 0, 0);
    let (mut severity_text, mut event_name) = ("", "");
    let (mut trace_id, mut span_id) = (&[][..], &[][..]);
    let mut body = None;
    let mut attribute_count = 0;
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => time = field.fixed64("time_unix_nano")?,
            2 => severity = field.int32("severity_number")?,
            3 => severity_text = field.text("severity_text")?,
            5 => body = Some(field.message("body")?),
            6 => attribute_count += 1,
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
    let timestamp = value::timestamp(time)?.or(observed).unwrap_or(received_at);

    let mut columns =
        Columns(Vec::with_capacity(FIXED_COLUMNS + attribute_count.min(super::MAX_ATTRIBUTES_PER_ITEM)));
    if let Some(observed) = observed {
        columns.push(field::OBSERVED_TIMESTAMP, observed.as_nanos());
    }
    if severity != 0 {
        columns.push(field::SEVERITY_NUMBER, i64::from(severity));
    }
    columns.push_text(field::SEVERITY_TEXT, severity_text);
    columns.push_text(field::EVENT_NAME, event_name);
    if let Some(body) = body
        && let Some(body) = value::body(body).map_err(|error| error.within("body", None))?
    {
        columns.push(field::BODY, body);
    }
    push_context(&mut columns, field::TRACE_ID, trace_id, 16, notes);
    push_context(&mut columns, field::SPAN_ID, span_id, 8, notes);
    columns.push_count(field::FLAGS, flags);
    columns.push_count(DROPPED_ATTRIBUTES, dropped);
    attributes::append(message, 6, Owner::Log, &mut columns.0, notes)?;
    Ok(Event { timestamp, resource: Arc::clone(resource), fields: columns.0 })
}

/// The specification has a record with an invalid id kept, as one that belongs to no trace.
fn push_context(columns: &mut Columns, column: &'static str, id: &[u8], length: usize, notes: &mut Notes) {
    if id.len() == length && !value::is_zero(id) {
        columns.push(column, Value::Str(value::hex(id)));
    } else if !id.is_empty() && id.len() != length {
        notes.add(Reason::LogIdInvalid);
    }
}
