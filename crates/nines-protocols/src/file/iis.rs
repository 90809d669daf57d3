//! W3C extended logs, as IIS writes them. Source: W3C "Extended Log File Format" and IIS, "Select W3C Fields to Log".
//!
//! `#Fields:` says what the columns of the lines behind it are, and may change within a file. `cs-uri-stem` is kept as
//! `cs_uri_stem`, `cs(User-Agent)` as `cs_user_agent`, and so on for any field; a `+` in a value stands for a space.

use std::borrow::Cow;

use super::fields::present;
use super::web::WebRequest;
use crate::intake::IntakeError;
use crate::rows::RowWriter;
use crate::time;

/// What IIS logs unless told otherwise.
const DEFAULT: &str = "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) \
    cs(Referer) sc-status sc-substatus sc-win32-status time-taken";

/// Columns that are read of a directive; IIS has about 30.
const COLUMNS_MAX: usize = 200;

/// The names in a `#Fields:` line, if it is one. An importer that sends a file in pieces sends the last one again.
pub fn fields_directive(line: &str) -> Option<&str> {
    line.strip_prefix("#Fields:").map(str::trim_ascii)
}

/// The columns as the last directive has them.
pub(super) struct Columns {
    names: Vec<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Self { names: DEFAULT.split_ascii_whitespace().map(column).collect() }
    }
}

impl Columns {
    pub fn directive(&mut self, line: &str) {
        if let Some(names) = fields_directive(line) {
            self.names = names.split_ascii_whitespace().take(COLUMNS_MAX).map(column).collect();
        }
    }

    /// `false` if the line has another number of fields than the directive has names.
    pub fn write(&self, line: &str, rows: &mut RowWriter) -> Result<bool, IntakeError> {
        let values: Vec<&str> = line.split(' ').collect();
        if values.len() != self.names.len() {
            return Ok(false);
        }
        let value = |wanted: &str| {
            let index = self.names.iter().position(|name| name == wanted)?;
            present(values[index])
        };
        let at = match (value("date"), value("time")) {
            (Some(date), Some(time)) => time::parse_date_and_time(date, time),
            _ => None,
        };
        let Some(at) = at else { return Ok(false) };
        rows.set_time(at);
        let number = |name: &str| value(name).and_then(|text| text.parse::<i64>().ok());
        let user_agent = value("cs_user_agent").map(spaced);
        let referer = value("cs_referer").map(spaced);
        let request = WebRequest {
            client: value("c_ip"),
            method: value("cs_method"),
            path: value("cs_uri_stem"),
            query: value("cs_uri_query"),
            server: value("cs_host"),
            server_port: number("s_port"),
            protocol: value("cs_version"),
            status: number("sc_status"),
            user_agent: user_agent.as_deref(),
            referer: referer.as_deref(),
            user: value("cs_username"),
            request_bytes: number("cs_bytes"),
            response_bytes: number("sc_bytes"),
            duration_ns: number("time_taken").and_then(|millis| millis.checked_mul(1_000_000)),
            ..WebRequest::default()
        };
        // Whoever stands behind a proxy logs the real client in a field of its own.
        if let Some(original) = value("original_ip") {
            rows.str("original_ip", first_address(original))?;
        }
        request.write(rows)?;
        for (name, text) in self.names.iter().zip(&values) {
            let Some(text) = present(text) else { continue };
            match text.parse::<i64>() {
                Ok(number) if is_number(name) => rows.int(name, number)?,
                _ => rows.str(name, &spaced(text))?,
            }
        }
        Ok(true)
    }
}

/// The SQL name of a field: `cs(User-Agent)` is `cs_user_agent`.
fn column(name: &str) -> String {
    let mut column = String::with_capacity(name.len());
    for character in name.trim_end_matches(')').chars() {
        column.push(if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' });
    }
    match column.as_str() {
        "originalip" | "x_forwarded_for" | "cs_x_forwarded_for" => "original_ip".to_owned(),
        _ => column,
    }
}

fn is_number(name: &str) -> bool {
    matches!(
        name,
        "sc_status" | "sc_substatus" | "sc_win32_status" | "time_taken" | "s_port" | "sc_bytes" | "cs_bytes"
    )
}

fn spaced(text: &str) -> Cow<'_, str> {
    if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) }
}

/// Of `client,+proxy,+proxy` the client.
fn first_address(text: &str) -> &str {
    text.split([',', '+']).next().unwrap_or(text)
}
