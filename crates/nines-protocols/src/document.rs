//! One JSON object to one row in the common schema: nested objects become dotted names, the names that other systems
//! have for time, text, severity, service, host and trace become ours, and everything else keeps its name.
//!
//! # What becomes of a field
//! - **Time** is the first of `@timestamp`, `timestamp`, `time`, `ts`, `date`, `datetime`, `_time`, `eventTime` that can be
//!   read as an instant ([`crate::time::parse`]).
//! - **`body`** is the first text among `message`, `msg`, `log`, `body`, `_msg`, `@message`.
//! - **`severity_text` and `severity_number`** come from the first of `log.level`, `level`, `severity`, `severity_text`,
//!   `loglevel`, `lvl`, `levelname` whose value is a level; pino's and bunyan's numbers are known.
//! - `service` → `service.name`, `host` and `hostname` → `host.name`, `trace.id`, `traceId`, `traceID` → `trace_id`,
//!   and so on for `span_id`. Ids of 32 or 16 hex digits are put in lower case.
//! - An object is walked into; an array is kept as compact JSON; `null` is an absent field; an integer beyond 64 bits is
//!   kept as its digits in a string.
//! - Of two fields that would have one name the first stays; a second text or time keeps its own name.

use nines_model::field;

use crate::intake::IntakeError;
use crate::json::{Cursor, JsonError, Kind, MAX_DEPTH, Number, Problem, compact};
use crate::rows::RowWriter;
use crate::{severity, time};

pub(crate) const HOST_NAME: &str = "host.name";

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Time,
    Body,
    Severity,
    SeverityNumber,
    Id(&'static str),
    Named(&'static str),
    Plain,
}

fn role(name: &str) -> Role {
    match name {
        "@timestamp" | "timestamp" | "time" | "ts" | "date" | "datetime" | "_time" | "eventTime" => {
            Role::Time
        }
        "message" | "msg" | "log" | "body" | "_msg" | "@message" => Role::Body,
        "level" | "log.level" | "severity" | "severity_text" | "loglevel" | "lvl" | "levelname" => {
            Role::Severity
        }
        "severity_number" => Role::SeverityNumber,
        "trace_id" | "trace.id" | "traceId" | "traceID" | "traceid" => Role::Id(field::TRACE_ID),
        "span_id" | "span.id" | "spanId" | "spanID" | "spanid" => Role::Id(field::SPAN_ID),
        "service" | "service_name" => Role::Named(field::SERVICE_NAME),
        "service_version" => Role::Named(field::SERVICE_VERSION),
        "service.environment" => Role::Named(field::DEPLOYMENT_ENVIRONMENT),
        "host" | "hostname" => Role::Named(HOST_NAME),
        _ => Role::Plain,
    }
}

/// Reads documents; keeps its buffers between them.
#[derive(Debug, Default)]
pub struct DocumentReader {
    /// The dotted name of the field that is read, as far as it is nested.
    path: String,
    /// Lengths of `path` at each open level.
    levels: Vec<usize>,
}

/// Which of the parts that a row has once were found.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    time: bool,
    severity: bool,
}

impl DocumentReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the fields of the object at `cursor` into the row of `rows` that is open. The row is not ended; after an
    /// error it should be abandoned.
    pub fn read(&mut self, cursor: &mut Cursor<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
        self.path.clear();
        self.read_below(cursor, rows)
    }

    /// As [`DocumentReader::read`], all names behind `prefix`, which ends with a point.
    pub fn read_as(
        &mut self,
        prefix: &str,
        cursor: &mut Cursor<'_>,
        rows: &mut RowWriter,
    ) -> Result<(), IntakeError> {
        self.path.clear();
        self.path.push_str(prefix);
        self.read_below(cursor, rows)
    }

    fn read_below(&mut self, cursor: &mut Cursor<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
        self.levels.clear();
        self.levels.push(self.path.len());
        let mut found = Found::default();
        cursor.enter_object()?;
        let mut is_first = true;
        loop {
            let Some(key) = cursor.next_key(is_first)? else {
                self.levels.pop();
                let Some(length) = self.levels.last() else { return Ok(()) };
                self.path.truncate(*length);
                is_first = false;
                continue;
            };
            is_first = false;
            let kind = cursor.kind()?;
            if kind == Kind::Object {
                is_first = true;
                self.descend(&key, cursor)?;
                continue;
            }
            if self.path.is_empty() {
                found.field(&key, kind, cursor, rows)?;
            } else {
                let length = self.path.len();
                self.path.push_str(&key);
                let read = found.field(&self.path, kind, cursor, rows);
                self.path.truncate(length);
                read?;
            }
        }
    }

    fn descend(&mut self, key: &str, cursor: &mut Cursor<'_>) -> Result<(), JsonError> {
        if self.levels.len() >= MAX_DEPTH as usize {
            return Err(JsonError { at: cursor.at(), problem: Problem::TooDeep });
        }
        cursor.enter_object()?;
        self.path.push_str(key);
        self.path.push('.');
        self.levels.push(self.path.len());
        Ok(())
    }
}

impl Found {
    fn field(
        &mut self,
        name: &str,
        kind: Kind,
        cursor: &mut Cursor<'_>,
        rows: &mut RowWriter,
    ) -> Result<(), IntakeError> {
        match kind {
            Kind::Str => {
                let text = cursor.string()?;
                self.text(name, &text, rows)
            }
            Kind::Number => {
                let number = cursor.number()?;
                self.number(name, number, rows)
            }
            Kind::Array => rows.json(plain_name(name), &compact(cursor.raw()?)),
            Kind::Literal | Kind::Object => match cursor.raw()? {
                "null" => Ok(()),
                word => rows.bool(plain_name(name), word == "true"),
            },
        }
    }

    fn text(&mut self, name: &str, text: &str, rows: &mut RowWriter) -> Result<(), IntakeError> {
        match role(name) {
            Role::Plain => rows.str(name, text),
            Role::Body if !rows.has(field::BODY) => rows.str(field::BODY, text),
            Role::Time if !self.time => match time::parse(text) {
                Some(at) => {
                    self.time = true;
                    rows.set_time(at);
                    Ok(())
                }
                None => rows.str(name, text),
            },
            Role::Severity if !self.severity => match severity::of_word(text) {
                Some(number) => {
                    self.severity = true;
                    rows.str(field::SEVERITY_TEXT, text)?;
                    rows.int(field::SEVERITY_NUMBER, number)
                }
                None => rows.str(name, text),
            },
            Role::Id(column) => id(column, text, rows),
            Role::Named(column) => rows.str(column, text),
            _ => rows.str(plain_name(name), text),
        }
    }

    fn number(&mut self, name: &str, number: Number<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
        let role = role(name);
        if role == Role::Time && !self.time {
            let at = match number {
                Number::Int(number) => time::from_int(number),
                Number::Float(_, text) | Number::Big(text) => time::from_number(text),
            };
            if let Some(at) = at {
                self.time = true;
                rows.set_time(at);
                return Ok(());
            }
        }
        match (role, number) {
            (Role::Severity, Number::Int(level))
                if !self.severity && severity::of_bunyan(level).is_some() =>
            {
                self.severity = true;
                let (number, word) = severity::of_bunyan(level).unwrap_or_default();
                rows.str(field::SEVERITY_TEXT, word)?;
                rows.int(field::SEVERITY_NUMBER, number)
            }
            (Role::SeverityNumber, Number::Int(number @ 1..=24)) => {
                self.severity = true;
                rows.int(field::SEVERITY_NUMBER, number)
            }
            (_, number) => put_number(plain_name(name), number, rows),
        }
    }
}

/// A number as a field.
pub(crate) fn put_number(name: &str, number: Number<'_>, rows: &mut RowWriter) -> Result<(), IntakeError> {
    match number {
        Number::Int(number) => rows.int(name, number),
        Number::Float(number, _) => rows.float(name, number),
        Number::Big(digits) => rows.str(name, digits),
    }
}

/// Any scalar or array at the cursor as the field `name`; an object as compact JSON.
pub(crate) fn put_value(
    name: &str,
    cursor: &mut Cursor<'_>,
    rows: &mut RowWriter,
) -> Result<(), IntakeError> {
    match cursor.kind()? {
        Kind::Str => {
            let text = cursor.string()?;
            rows.str(name, &text)
        }
        Kind::Number => {
            let number = cursor.number()?;
            put_number(name, number, rows)
        }
        Kind::Literal => match cursor.raw()? {
            "null" => Ok(()),
            word => rows.bool(name, word == "true"),
        },
        Kind::Array | Kind::Object => rows.json(name, &compact(cursor.raw()?)),
    }
}

/// A trace or span id: hex in lower case, other text as it is. All zeros mean none.
pub(crate) fn id(column: &str, text: &str, rows: &mut RowWriter) -> Result<(), IntakeError> {
    let (mut is_hex, mut has_upper, mut is_zero) = (matches!(text.len(), 16 | 32), false, true);
    if is_hex {
        // One pass without branches: every line of a traced service has two of these.
        for byte in text.bytes() {
            is_hex &= byte.is_ascii_hexdigit();
            has_upper |= byte.is_ascii_uppercase();
            is_zero &= byte == b'0';
        }
    }
    if text.is_empty() || is_hex && is_zero {
        return Ok(());
    }
    if is_hex && has_upper {
        return rows.str(column, &text.to_ascii_lowercase());
    }
    rows.str(column, text)
}

/// The name under which a value is kept that cannot be what its name stands for: a column of ours must not hold it.
fn plain_name(name: &str) -> &str {
    match name {
        // `RowWriter` renames these two itself.
        field::TIMESTAMP | field::OVERFLOW => name,
        field::BODY => "attributes.body",
        field::SEVERITY_TEXT => "attributes.severity_text",
        field::SEVERITY_NUMBER => "attributes.severity_number",
        field::TRACE_ID => "attributes.trace_id",
        field::SPAN_ID => "attributes.span_id",
        _ => name,
    }
}

#[cfg(test)]
mod tests;
