//! Spans.

use nines_model::{Timestamp, field};

use super::Reason;
use super::attributes::{self, DROPPED_ATTRIBUTES, DROPPED_EVENTS, DROPPED_LINKS, Owner};
use super::error::DecodeError;
use super::request::{ItemError, Notes};
use super::row::RowWriter;
use super::value::{self, push_display, push_hex, push_text};
use super::wire::Message;

/// One `Span`; answers its start, which is its time.
pub(super) fn decode(message: Message<'_>, row: &mut RowWriter<'_>) -> Result<Timestamp, ItemError> {
    let (mut start, mut end, mut kind, mut flags) = (0, 0, 0, 0);
    let (mut dropped_attributes, mut dropped_events, mut dropped_links) = (0, 0, 0);
    let (mut name, mut trace_state) = ("", "");
    let (mut trace_id, mut span_id, mut parent_id) = (&[][..], &[][..], &[][..]);
    let (mut status, mut has_events, mut has_links) = (None, false, false);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => trace_id = field.bytes("trace_id")?,
            2 => span_id = field.bytes("span_id")?,
            3 => trace_state = field.text("trace_state")?,
            4 => parent_id = field.bytes("parent_span_id")?,
            5 => name = field.text("name")?,
            6 => kind = field.int32("kind")?,
            7 => start = field.fixed64("start_time_unix_nano")?,
            8 => end = field.fixed64("end_time_unix_nano")?,
            10 => dropped_attributes = field.uint32("dropped_attributes_count")?,
            11 => has_events = true,
            12 => dropped_events = field.uint32("dropped_events_count")?,
            13 => has_links = true,
            14 => dropped_links = field.uint32("dropped_links_count")?,
            15 => status = Some(field.message("status")?),
            16 => flags = field.fixed32("flags")?,
            _ => {}
        }
    }
    check_id(trace_id, 16, Reason::TraceIdLength, Reason::TraceIdZero)?;
    check_id(span_id, 8, Reason::SpanIdLength, Reason::SpanIdZero)?;
    if !parent_id.is_empty() && parent_id.len() != 8 {
        return Err(Reason::ParentSpanIdLength.into());
    }
    let (timestamp, duration_ns) = times(start, end, row.received_at, row.notes)?;

    row.id(field::TRACE_ID, trace_id);
    row.id(field::SPAN_ID, span_id);
    if !value::is_zero(parent_id) {
        row.id(field::PARENT_SPAN_ID, parent_id);
    }
    row.text(field::TRACE_STATE, trace_state);
    row.count(field::FLAGS, flags);
    row.str(field::NAME, name);
    let kind = kind_name(kind, row.notes);
    row.str(field::KIND, kind);
    row.int(field::DURATION_NS, duration_ns);
    put_status(row, status)?;
    if has_events {
        write_all(message, 11, "events", row.scratch, write_event)?;
        row.rows.json(field::SPAN_EVENTS, row.scratch);
    }
    if has_links {
        write_all(message, 13, "links", row.scratch, write_link)?;
        row.rows.json(field::SPAN_LINKS, row.scratch);
    }
    row.count(DROPPED_ATTRIBUTES, dropped_attributes);
    row.count(DROPPED_EVENTS, dropped_events);
    row.count(DROPPED_LINKS, dropped_links);
    attributes::append(message, 9, Owner::Span, row.rows, row.notes, row.scratch)?;
    Ok(timestamp)
}

fn check_id(id: &[u8], length: usize, wrong_length: Reason, zero: Reason) -> Result<(), Reason> {
    if id.len() != length {
        return Err(wrong_length);
    }
    if value::is_zero(id) { Err(zero) } else { Ok(()) }
}

/// Start and duration in nanoseconds. An end before the start (clocks step) gives 0; a missing time is replaced by the
/// other one, or by the time of arrival.
fn times(
    start: u64,
    end: u64,
    received_at: Timestamp,
    notes: &mut Notes,
) -> Result<(Timestamp, i64), Reason> {
    let (start, end) = match (value::timestamp(start)?, value::timestamp(end)?) {
        (Some(start), Some(end)) => (start, end),
        (start, end) => {
            notes.add(Reason::TimeMissing);
            let known = start.or(end).unwrap_or(received_at);
            (known, known)
        }
    };
    if end < start {
        notes.add(Reason::SpanEndsBeforeStart);
    }
    Ok((start, end.max(start).as_nanos().saturating_sub(start.as_nanos())))
}

/// The specification lets an unspecified kind be taken for `internal`.
fn kind_name(kind: i32, notes: &mut Notes) -> &'static str {
    match kind {
        0 | 1 => "internal",
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => {
            notes.add(Reason::EnumUnknown);
            "internal"
        }
    }
}

/// `Status`: `message = 2`, `code = 3`.
fn put_status(row: &mut RowWriter<'_>, status: Option<Message<'_>>) -> Result<(), ItemError> {
    let (mut text, mut code) = ("", 0);
    if let Some(status) = status {
        let mut fields = status.fields();
        let within = |error: DecodeError| error.within("status", None);
        while let Some(field) = fields.next().map_err(within)? {
            match field.number {
                2 => text = field.text("message").map_err(within)?,
                3 => code = field.int32("code").map_err(within)?,
                _ => {}
            }
        }
    }
    let code = match code {
        0 => "unset",
        1 => "ok",
        2 => "error",
        _ => {
            row.notes.add(Reason::EnumUnknown);
            "unset"
        }
    };
    row.str(field::STATUS_CODE, code);
    row.text(field::STATUS_MESSAGE, text);
    Ok(())
}

/// Makes `out` the messages in the repeated field `number` as a JSON array.
fn write_all(
    message: Message<'_>,
    number: u32,
    name: &'static str,
    out: &mut String,
    write: impl Fn(Message<'_>, &mut String) -> Result<(), ItemError>,
) -> Result<(), ItemError> {
    out.clear();
    out.push('[');
    let mut index = 0;
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        if field.number == number {
            if index > 0 {
                out.push(',');
            }
            write(field.message(name)?, out).map_err(|error| error.within(name, index))?;
            index += 1;
        }
    }
    out.push(']');
    Ok(())
}

/// `Span.Event` as `{"timestamp":ns,"name":"…","attributes":{…},"dropped_attributes_count":n}`; the last two only if
/// there are any.
fn write_event(message: Message<'_>, out: &mut String) -> Result<(), ItemError> {
    let (mut time, mut name, mut has_attributes, mut dropped) = (0, "", false, 0);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => time = field.fixed64("time_unix_nano")?,
            2 => name = field.text("name")?,
            3 => has_attributes = true,
            4 => dropped = field.uint32("dropped_attributes_count")?,
            _ => {}
        }
    }
    out.push_str("{\"timestamp\":");
    push_display(out, time);
    out.push_str(",\"name\":");
    push_text(out, name);
    if has_attributes {
        out.push_str(",\"attributes\":");
        value::write_attributes(message, 3, out)?;
    }
    push_member(out, DROPPED_ATTRIBUTES, dropped);
    out.push('}');
    Ok(())
}

/// `Span.Link` as `{"trace_id":"…","span_id":"…","trace_state":"…","flags":n,"attributes":{…},…}`; all but the ids only
/// if sent. Ids are as sent, in hex, whatever their length.
fn write_link(message: Message<'_>, out: &mut String) -> Result<(), ItemError> {
    let (mut trace_id, mut span_id, mut trace_state) = (&[][..], &[][..], "");
    let (mut has_attributes, mut dropped, mut flags) = (false, 0, 0);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => trace_id = field.bytes("trace_id")?,
            2 => span_id = field.bytes("span_id")?,
            3 => trace_state = field.text("trace_state")?,
            4 => has_attributes = true,
            5 => dropped = field.uint32("dropped_attributes_count")?,
            6 => flags = field.fixed32("flags")?,
            _ => {}
        }
    }
    out.push_str("{\"trace_id\":\"");
    push_hex(out, trace_id);
    out.push_str("\",\"span_id\":\"");
    push_hex(out, span_id);
    out.push('"');
    if !trace_state.is_empty() {
        out.push_str(",\"trace_state\":");
        push_text(out, trace_state);
    }
    push_member(out, field::FLAGS, flags);
    if has_attributes {
        out.push_str(",\"attributes\":");
        value::write_attributes(message, 4, out)?;
    }
    push_member(out, DROPPED_ATTRIBUTES, dropped);
    out.push('}');
    Ok(())
}

fn push_member(out: &mut String, name: &str, count: u32) {
    if count > 0 {
        push_display(out, format_args!(",\"{name}\":{count}"));
    }
}
