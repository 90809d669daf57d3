//! Lines of files: access logs of load balancers and web servers, JSON lines, syslog, plain text.
//!
//! A line is a row, whatever it looks like: one that does not fit the format is kept whole as `body`. Access logs get two
//! sets of names, so that a filter for spans also fits them and a query for web server logs runs as it is: those of
//! OpenTelemetry (`http.request.method`, `url.path`, `http.response.status_code`, `client.address`, `duration_ns`, …) and
//! those of W3C logs as SQL knows them (`cs_method`, `cs_uri_stem`, `cs_uri_query`, `c_ip`, `cs_user_agent`, `cs_referer`,
//! `sc_status`, `time_taken` in milliseconds, `original_ip`). Their `body` is the request and its status.

mod elb;
mod fields;
mod iis;
mod nginx;
mod web;

use nines_model::{Batch, Dataset, Timestamp, Value, field};

use crate::document::DocumentReader;
use crate::intake::{IntakeError, lines};
use crate::json::Cursor;
use crate::rows::RowWriter;
use crate::syslog;

pub use iis::fields_directive;

/// What the lines of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON events, strictly: one that cannot be read is an error. For programs that send.
    Json,
    /// JSON objects, one a line; another line is text. For files.
    JsonLines,
    /// Plain text.
    Lines,
    Syslog,
    /// The combined format of nginx and Apache, maybe with more behind it.
    Nginx,
    /// Application load balancers of AWS.
    Alb,
    /// Classic load balancers of AWS.
    Elb,
    /// W3C extended logs, with `#Fields:` directives, as IIS writes them.
    Iis,
}

impl Format {
    pub const ALL: [Self; 8] = [
        Self::Json,
        Self::JsonLines,
        Self::Lines,
        Self::Syslog,
        Self::Nginx,
        Self::Alb,
        Self::Elb,
        Self::Iis,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Lines => "lines",
            Self::Syslog => "syslog",
            Self::Nginx => "nginx",
            Self::Alb => "alb",
            Self::Elb => "elb",
            Self::Iis => "iis",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// All names, for people.
    pub fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// The format of most of the first lines of a file.
    pub fn detect(start: &str) -> Self {
        /// Enough to see past a few lines of another kind.
        const LINES_LOOKED_AT: usize = 20;
        if lines(start).any(|line| fields_directive(line).is_some()) {
            return Self::Iis;
        }
        let kinds: Vec<Self> = lines(start).take(LINES_LOOKED_AT).map(Self::of_line).collect();
        let count = |format: &Self| kinds.iter().filter(|kind| *kind == format).count();
        let best = Self::ALL.into_iter().max_by_key(count).unwrap_or(Self::Lines);
        if count(&best) * 2 > kinds.len() { best } else { Self::Lines }
    }

    fn of_line(line: &str) -> Self {
        if line.starts_with('{') && Cursor::new(line).raw().is_ok() {
            Self::JsonLines
        } else if elb::is_alb(line) {
            Self::Alb
        } else if elb::is_elb(line) {
            Self::Elb
        } else if nginx::is_line(line) {
            Self::Nginx
        } else if line.starts_with('<') && line[1..].starts_with(|digit: char| digit.is_ascii_digit()) {
            Self::Syslog
        } else {
            Self::Lines
        }
    }
}

/// Reads lines. `shared` are attributes of all of them. Bytes that are not UTF-8 are replaced.
///
/// # Errors
/// Too many lines for one request; a mistake in [`Format::Json`].
pub fn decode(
    format: Format,
    dataset: Dataset,
    body: &[u8],
    shared: &[(String, String)],
    received_at: Timestamp,
) -> Result<Batch, IntakeError> {
    if format == Format::Json {
        return crate::events::decode(dataset, body, shared, received_at);
    }
    let mut rows = RowWriter::new(dataset, received_at);
    if !shared.is_empty() {
        rows.set_resource(shared.iter().map(|(name, value)| (name, Value::str(value))));
    }
    let text = String::from_utf8_lossy(body);
    let mut documents = DocumentReader::new();
    let mut columns = iis::Columns::default();
    for line in lines(&text) {
        let fits = match format {
            Format::Json | Format::Lines => Ok(false),
            Format::JsonLines => json_line(&mut documents, line, &mut rows),
            Format::Syslog => {
                syslog::decode(line.as_bytes(), &mut rows)?;
                continue;
            }
            Format::Nginx => nginx::write(line, &mut rows),
            Format::Alb => elb::write_alb(line, &mut rows),
            Format::Elb => elb::write_elb(line, &mut rows),
            Format::Iis if line.starts_with('#') => {
                columns.directive(line);
                continue;
            }
            Format::Iis => columns.write(line, &mut rows),
        };
        if !matches!(fits, Ok(true)) {
            rows.abandon();
            rows.str(field::BODY, line)?;
        }
        rows.end()?;
    }
    Ok(rows.finish())
}

fn json_line(documents: &mut DocumentReader, line: &str, rows: &mut RowWriter) -> Result<bool, IntakeError> {
    let mut cursor = Cursor::new(line);
    documents.read(&mut cursor, rows)?;
    cursor.end()?;
    Ok(true)
}

#[cfg(test)]
mod tests;
