//! The combined format: `client ident user [time] "request" status bytes "referer" "user agent"`.
//! Source: nginx, `log_format combined`; Apache, `mod_log_config`. More fields behind are kept as `log.extra`; a line of the
//! common format has no last two.

use super::fields::{Fields, present};
use super::web::WebRequest;
use crate::intake::IntakeError;
use crate::rows::RowWriter;
use crate::time;

pub(super) fn is_line(line: &str) -> bool {
    parse(line).is_some()
}

/// `false` if the line is none.
pub(super) fn write(line: &str, rows: &mut RowWriter) -> Result<bool, IntakeError> {
    let Some((at, request, extra)) = parse(line) else { return Ok(false) };
    rows.set_time(at);
    request.write(rows)?;
    if !extra.is_empty() {
        rows.str("log.extra", extra)?;
    }
    Ok(true)
}

fn parse(line: &str) -> Option<(nines_model::Timestamp, WebRequest<'_>, &str)> {
    let mut fields = Fields::of(line);
    let client = fields.next()?;
    fields.next()?;
    let user = fields.next()?;
    if !fields.rest().starts_with('[') {
        return None;
    }
    let at = time::parse_common_log(fields.next()?)?;
    let line = fields.next()?;
    let status = fields.next()?.parse().ok()?;
    let bytes = fields.next()?.parse().ok();
    let mut request = WebRequest {
        client: present(client),
        user: present(user),
        status: Some(status),
        response_bytes: bytes,
        ..WebRequest::default()
    };
    request.set_request_line(line);
    request.referer = fields.next().and_then(present);
    request.user_agent = fields.next().and_then(present);
    Some((at, request, fields.rest()))
}
