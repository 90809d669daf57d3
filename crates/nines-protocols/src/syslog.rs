//! Syslog: RFC 5424 with structured data, and RFC 3164 as it is found in the wild.
//!
//! Every message becomes a row, whatever it looks like: what is neither form is kept whole as `body`, because a daemon that
//! cannot be told "no" must not lose its line. Columns follow OpenTelemetry and ECS: `body`, `severity_number`,
//! `severity_text`, `host.name`, `service.name` (the APP-NAME or tag), `process.pid`, `syslog.facility`, `syslog.msgid`, and
//! `syslog.sd.<id>.<name>` for structured data. Who sent it is kept apart from who it says it is from: the receiver adds
//! `client.address`.

use nines_model::field;

use crate::document::HOST_NAME;
use crate::intake::IntakeError;
use crate::rows::RowWriter;
use crate::{severity, time};

/// Structured data elements and parameters beyond this many are left out; RFC 5424 has a handful.
const PARAMETERS_MAX: usize = 200;

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

/// Writes one message, without its framing, into `rows` as one row. Bytes that are not UTF-8 are replaced.
///
/// # Errors
/// [`IntakeError::TooManyRows`] only.
pub fn decode(message: &[u8], rows: &mut RowWriter) -> Result<(), IntakeError> {
    let text = String::from_utf8_lossy(message);
    let text = text.trim_end_matches(['\n', '\r', '\0']);
    if text.is_empty() {
        return Ok(());
    }
    if write(text, rows).is_err() {
        // A name or a count beyond what a row may have: the text itself always fits.
        rows.abandon();
        rows.str(field::BODY, text)?;
    }
    rows.end()
}

fn write(text: &str, rows: &mut RowWriter) -> Result<(), IntakeError> {
    let Some((priority, rest)) = priority(text) else {
        return match legacy_head(text, rows)? {
            true => Ok(()),
            false => rows.str(field::BODY, text),
        };
    };
    let (number, word) = severity::of_syslog(priority & 7);
    rows.int(field::SEVERITY_NUMBER, number)?;
    rows.str(field::SEVERITY_TEXT, word)?;
    rows.str("syslog.facility", FACILITIES[usize::from(priority >> 3)])?;
    if let Some(rest) = rest.strip_prefix("1 ")
        && modern(rest, rows)?
    {
        return Ok(());
    }
    if legacy_head(rest, rows)? { Ok(()) } else { tag_and_body(rest, rows) }
}

/// `<165>`: facility × 8 + severity, 0 to 191.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|number| is_number && *number <= 191)?;
    Some((number, rest))
}

/// The rest of an RFC 5424 message behind its version: `TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD [MSG]`. `false`, and
/// nothing written, if it is none.
fn modern(text: &str, rows: &mut RowWriter) -> Result<bool, IntakeError> {
    let mut parts = text.splitn(6, ' ');
    let mut next = || parts.next();
    let (Some(at), Some(host), Some(app), Some(process), Some(message_id), Some(rest)) =
        (next(), next(), next(), next(), next(), next())
    else {
        return Ok(false);
    };
    let moment = time::parse(at);
    if at != "-" && moment.is_none() {
        return Ok(false);
    }
    let Some((parameters, body)) = structured_data(rest) else { return Ok(false) };
    if let Some(at) = moment {
        rows.set_time(at);
    }
    let present = |value: &&str| !value.is_empty() && *value != "-";
    for (column, value) in [(HOST_NAME, host), (field::SERVICE_NAME, app), ("syslog.msgid", message_id)] {
        if present(&value) {
            rows.str(column, value)?;
        }
    }
    if present(&process) {
        put_process(process, rows)?;
    }
    for (name, value) in &parameters {
        rows.str(name, value)?;
    }
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    // rsyslog keeps the space behind an RFC 3164 tag, so that one message would have two texts by its transport.
    let body = body.strip_prefix(' ').unwrap_or(body);
    if !body.is_empty() {
        rows.str(field::BODY, body)?;
    }
    Ok(true)
}

fn put_process(process: &str, rows: &mut RowWriter) -> Result<(), IntakeError> {
    match process.parse::<i64>() {
        Ok(number) => rows.int("process.pid", number),
        Err(_) => rows.str("syslog.procid", process),
    }
}

type Parameters = Vec<(String, String)>;

/// `-` or `[id name="value" …][…]`, and the message behind it.
fn structured_data(text: &str) -> Option<(Parameters, &str)> {
    if let Some(rest) = text.strip_prefix('-') {
        return Some((Parameters::new(), message(rest)?));
    }
    let mut parameters = Parameters::new();
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        let end = element.find([' ', ']'])?;
        let id = &element[..end];
        rest = &element[end..];
        while let Some(parameter) = rest.strip_prefix(' ') {
            let (name, quoted) = parameter.split_once("=\"")?;
            let (value, after) = parameter_value(quoted)?;
            if parameters.len() < PARAMETERS_MAX {
                // The enterprise number behind an `@` stays: two vendors may use one id.
                parameters.push((format!("syslog.sd.{id}.{name}"), value));
            }
            rest = after;
        }
        rest = rest.strip_prefix(']')?;
    }
    (rest.len() < text.len()).then_some(())?;
    Some((parameters, message(rest)?))
}

fn message(rest: &str) -> Option<&str> {
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(' ') }
}

/// From behind the opening quote: `\"`, `\\` and `\]` are escaped, other backslashes stand for themselves.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let at = rest.find(['"', '\\'])?;
        value.push_str(&rest[..at]);
        if rest.as_bytes()[at] == b'"' {
            return Some((value, &rest[at + 1..]));
        }
        match rest.as_bytes().get(at + 1) {
            Some(escaped @ (b'"' | b'\\' | b']')) => {
                value.push(char::from(*escaped));
                rest = &rest[at + 2..];
            }
            _ => {
                value.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
}

/// The head of an RFC 3164 message, `Oct 11 22:14:15 host tag[pid]: text`, or the same with an RFC 3339 time, as rsyslog
/// and journald forward it. `false`, and nothing written, if there is no time.
fn legacy_head(text: &str, rows: &mut RowWriter) -> Result<bool, IntakeError> {
    let bsd = time::parse_bsd(text, rows.received_at());
    let (at, rest) = match bsd {
        Some((at, length)) => (at, &text[length..]),
        None => match text.split_once(' ') {
            Some((head, _)) if head.len() >= 19 && head.as_bytes()[4] == b'-' => match time::parse(head) {
                Some(at) => (at, &text[head.len()..]),
                None => return Ok(false),
            },
            _ => return Ok(false),
        },
    };
    let Some(rest) = rest.strip_prefix(' ') else { return Ok(false) };
    rows.set_time(at);
    // A host has no colon at its end; a tag has one, or a number in brackets.
    match rest.split_once(' ') {
        Some((host, after)) if !host.ends_with(':') && !host.contains('[') && !host.is_empty() => {
            rows.str(HOST_NAME, host)?;
            tag_and_body(after, rows)?;
        }
        _ => tag_and_body(rest, rows)?,
    }
    Ok(true)
}

/// `tag[pid]: text`; without a tag all of it is text.
fn tag_and_body(text: &str, rows: &mut RowWriter) -> Result<(), IntakeError> {
    if let Some((head, body)) = text.split_once(':') {
        let (tag, process) = match head.strip_suffix(']').and_then(|head| head.split_once('[')) {
            Some((tag, process)) => (tag, Some(process)),
            None => (head, None),
        };
        // RFC 3164 has 32 letters and digits; programs are named more freely today.
        let is_tag = (1..=64).contains(&tag.len())
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./()".contains(&byte));
        if is_tag {
            rows.str(field::SERVICE_NAME, tag)?;
            if let Some(process) = process.filter(|process| !process.is_empty()) {
                put_process(process, rows)?;
            }
            return rows.str(field::BODY, body.strip_prefix(' ').unwrap_or(body));
        }
    }
    rows.str(field::BODY, text)
}

#[cfg(test)]
mod tests {
    use nines_model::{Dataset, Timestamp, Value};
    use proptest::prelude::*;

    use super::*;

    fn row(message: &[u8]) -> String {
        let now = Timestamp::parse_rfc3339("2026-11-21T08:30:00Z").unwrap();
        let mut rows = RowWriter::new(Dataset::Logs, now);
        decode(message, &mut rows).unwrap();
        let batch = rows.finish();
        let events = batch.rows.events();
        let Some(event) = events.first() else { return "nothing".to_owned() };
        let show = |value: &Value| match value {
            Value::Str(text) => text.to_string(),
            Value::Int(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        let mut fields: Vec<String> =
            event.fields.iter().map(|(name, value)| format!("{name}={}", show(value))).collect();
        fields.sort();
        format!("{} | {}", event.timestamp, fields.join(" | "))
    }

    #[track_caller]
    fn check(message: &str, expected: &str) {
        assert_eq!(row(message.as_bytes()), expected, "{message}");
    }

    #[test]
    fn rfc_5424_examples() {
        check(
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick on /dev/pts/8",
            "2003-10-11T22:14:15.003Z | body='su root' failed for lonvick on /dev/pts/8 | host.name=mymachine.example.com | service.name=su | severity_number=18 | severity_text=crit | syslog.facility=auth | syslog.msgid=ID47",
        );
        check(
            "<165>1 2003-10-11T22:14:15.003Z h evntslog 8710 ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"App\\\"l\\]\"][x@1 a=\"b\"] An application event",
            "2003-10-11T22:14:15.003Z | body=An application event | host.name=h | process.pid=8710 | service.name=evntslog | severity_number=10 | severity_text=notice | syslog.facility=local4 | syslog.msgid=ID47 | syslog.sd.exampleSDID@32473.eventSource=App\"l] | syslog.sd.exampleSDID@32473.iut=3 | syslog.sd.x@1.a=b",
        );
        check(
            "<0>1 - - - - - -",
            "2026-11-21T08:30:00Z | severity_number=21 | severity_text=emerg | syslog.facility=kern",
        );
    }

    #[test]
    fn rfc_3164_as_it_is_found() {
        check(
            "<34>Oct 11 22:14:15 mymachine su[42]: 'su root' failed\n",
            "2026-10-11T22:14:15Z | body='su root' failed | host.name=mymachine | process.pid=42 | service.name=su | severity_number=18 | severity_text=crit | syslog.facility=auth",
        );
        check(
            "<13>2026-11-21T08:00:00.5+08:00 h app: x",
            "2026-11-21T00:00:00.5Z | body=x | host.name=h | service.name=app | severity_number=10 | severity_text=notice | syslog.facility=user",
        );
        check(
            "<13>Nov  1 00:00:00 app[1]: no host",
            "2026-11-01T00:00:00Z | body=no host | process.pid=1 | service.name=app | severity_number=10 | severity_text=notice | syslog.facility=user",
        );
        check(
            "<13>only: text",
            "2026-11-21T08:30:00Z | body=text | service.name=only | severity_number=10 | severity_text=notice | syslog.facility=user",
        );
    }

    #[test]
    fn what_is_neither_is_kept_whole() {
        check("hello world", "2026-11-21T08:30:00Z | body=hello world");
        check("<999>x", "2026-11-21T08:30:00Z | body=<999>x");
        check(
            "<13>1 soon h a p m - x",
            "2026-11-21T08:30:00Z | body=1 soon h a p m - x | severity_number=10 | severity_text=notice | syslog.facility=user",
        );
        check("\n", "nothing");
    }

    proptest! {
        #[test]
        fn any_bytes_make_one_row_at_most(bytes in proptest::collection::vec(any::<u8>(), 0..200), head in "(<[0-9]{1,3}>1? ?)?") {
            let message = [head.as_bytes(), &bytes].concat();
            let mut rows = RowWriter::new(Dataset::Logs, Timestamp::EPOCH);
            decode(&message, &mut rows).unwrap();
            prop_assert!(rows.len() <= 1);
        }
    }
}
