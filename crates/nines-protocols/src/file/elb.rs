//! Load balancers of AWS, application and classic.
//!
//! Source: "Access logs for your Application Load Balancer" and "… Classic Load Balancer" (AWS). Fields are found by
//! position, fields that were added later are ignored, `-` and `-1` mean nothing. What is the balancer's own is named as in
//! Elastic's AWS integration (`aws.elb.…`).

use nines_model::{Timestamp, field};

use super::fields::{Fields, present};
use super::web::WebRequest;
use crate::intake::IntakeError;
use crate::rows::RowWriter;
use crate::time;

const TYPES: [&str; 6] = ["http", "https", "h2", "grpcs", "ws", "wss"];

/// Fields of an application load balancer's line in its first version; ten more were added since.
const ALB_FIELDS_MIN: usize = 17;
const ELB_FIELDS: usize = 15;

/// Fields that are read; AWS appends new ones.
const FIELDS_MAX: usize = 64;

pub(super) fn is_alb(line: &str) -> bool {
    let mut fields = Fields::of(line);
    let is_type = fields.next().is_some_and(|kind| TYPES.contains(&kind));
    is_type
        && fields.next().and_then(time::parse).is_some()
        && fields.take(FIELDS_MAX).count() >= ALB_FIELDS_MIN - 2
}

pub(super) fn is_elb(line: &str) -> bool {
    let mut fields = Fields::of(line);
    let is_time = fields.next().is_some_and(|at| at.ends_with('Z') && time::parse(at).is_some());
    is_time && fields.take(FIELDS_MAX).count() == ELB_FIELDS - 1
}

pub(super) fn write_alb(line: &str, rows: &mut RowWriter) -> Result<bool, IntakeError> {
    let fields: Vec<&str> = Fields::of(line).take(FIELDS_MAX).collect();
    if fields.len() < ALB_FIELDS_MIN || !TYPES.contains(&fields[0]) {
        return Ok(false);
    }
    // From the time on both kinds have the same fifteen fields.
    if !write_common(&fields[1..], rows)? {
        return Ok(false);
    }
    let field = |index: usize| fields.get(index).copied().and_then(present);
    for (name, index) in [
        ("aws.elb.target_group.arn", 16),
        ("aws.elb.trace_id", 17),
        ("aws.elb.domain_name", 18),
        ("aws.elb.chosen_cert.arn", 19),
        ("aws.elb.action_executed", 22),
        ("aws.elb.redirect_url", 23),
        ("aws.elb.error.reason", 24),
        ("aws.elb.target_port", 25),
        ("aws.elb.target_status_code", 26),
        ("aws.elb.classification", 27),
        ("aws.elb.classification_reason", 28),
        ("aws.elb.connection_trace_id", 29),
    ] {
        if let Some(value) = field(index) {
            rows.str(name, value)?;
        }
    }
    rows.str("aws.elb.type", fields[0])?;
    if let Some(priority) = field(20).and_then(|priority| priority.parse().ok()) {
        rows.int("aws.elb.matched_rule_priority", priority)?;
    }
    if let Some(trace_id) = field(17).and_then(trace_id) {
        rows.str(field::TRACE_ID, &trace_id)?;
    }
    Ok(true)
}

pub(super) fn write_elb(line: &str, rows: &mut RowWriter) -> Result<bool, IntakeError> {
    let fields: Vec<&str> = Fields::of(line).take(FIELDS_MAX).collect();
    if fields.len() < ELB_FIELDS - 3 {
        return Ok(false);
    }
    write_common(&fields, rows)
}

/// `time elb client:port backend:port request_s backend_s response_s elb_status backend_status received sent "request"
/// "user agent" cipher protocol`
fn write_common(fields: &[&str], rows: &mut RowWriter) -> Result<bool, IntakeError> {
    let field = |index: usize| fields.get(index).copied().and_then(present);
    let number =
        |index: usize| field(index).and_then(|text| text.parse::<i64>().ok()).filter(|number| *number >= 0);
    let Some(at) = field(0).and_then(time::parse) else { return Ok(false) };
    rows.set_time(at);
    let mut request = WebRequest {
        status: number(7),
        user_agent: field(12),
        request_bytes: number(9),
        response_bytes: number(10),
        duration_ns: duration_ns(fields.get(4..7)),
        ..WebRequest::default()
    };
    if let Some((address, port)) = field(2).map(split_port) {
        (request.client, request.client_port) = (Some(address), port);
    }
    if let Some(line) = field(11) {
        request.set_request_line(line);
    }
    request.write(rows)?;
    for (name, index) in [("aws.elb.name", 1), ("tls.cipher", 13), ("tls.protocol.name", 14)] {
        if let Some(value) = field(index) {
            rows.str(name, value)?;
        }
    }
    if let Some((address, port)) = field(3).map(split_port) {
        rows.str("aws.elb.backend.ip", address)?;
        if let Some(port) = port {
            rows.int("aws.elb.backend.port", port)?;
        }
    }
    if let Some(status) = number(8) {
        rows.int("aws.elb.backend.http.response.status_code", status)?;
    }
    for (name, index) in [
        ("aws.elb.request_processing_time.sec", 4),
        ("aws.elb.backend_processing_time.sec", 5),
        ("aws.elb.response_processing_time.sec", 6),
    ] {
        if let Some(seconds) =
            field(index).and_then(|text| text.parse().ok()).filter(|seconds| *seconds >= 0.0)
        {
            rows.float(name, seconds)?;
        }
    }
    Ok(true)
}

/// The sum of the parts, to the nanosecond; `None` if one of them is missing.
fn duration_ns(parts: Option<&[&str]>) -> Option<i64> {
    parts?.iter().try_fold(0_i64, |sum, part| {
        if part.starts_with('-') {
            return None;
        }
        sum.checked_add(time::from_number(part).map(Timestamp::as_nanos)?)
    })
}

/// `192.0.2.1:443` or `[2001:db8::1]:443`, and what has no port.
fn split_port(text: &str) -> (&str, Option<i64>) {
    match text.rsplit_once(':').and_then(|(address, port)| Some((address, port.parse().ok()?))) {
        Some((address, port)) => (address.trim_matches(['[', ']']), Some(port)),
        None => (text, None),
    }
}

/// `Root=1-58337262-36d228ad5d99923122bbe354` as the trace id that OpenTelemetry gives the same trace.
fn trace_id(text: &str) -> Option<String> {
    let root = text.split(';').find_map(|part| part.strip_prefix("Root="))?;
    let mut parts = root.split('-');
    let (version, time, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let id = format!("{time}{rest}").to_ascii_lowercase();
    let is_id = version == "1" && id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(id)
}
