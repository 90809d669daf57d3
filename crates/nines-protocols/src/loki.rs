//! Loki: the push API, as JSON and as protobuf.
//!
//! Source: Loki's HTTP API, "Ingest logs", and `pkg/push/push.proto`.
//!
//! A stream's labels are shared by its rows; an entry's line is `body`, its structured metadata fields of the row. Labels
//! cannot have points in their names, so those that Loki and its agents derive from OpenTelemetry's names get those back
//! (`service_name` → `service.name`, `k8s_pod_name` and `pod` → `k8s.pod.name`); any other keeps its name. Without
//! `service_name` the service is the first of the labels that Loki itself looks at (`discover_service_name`).

mod json;
mod labels;
mod proto;

use nines_model::{Value, field};

use crate::document;
use crate::intake::IntakeError;
use crate::rows::RowWriter;
use crate::severity;

pub use json::decode_json;
pub use proto::decode_protobuf;

/// Writes a stream's labels as what its rows share.
fn set_stream(labels: &labels::Labels<'_>, rows: &mut RowWriter) {
    let find =
        |wanted: &&str| labels.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_ref());
    let mut attributes: Vec<(&str, Value)> = Vec::with_capacity(labels.len() + 2);
    if let Some(service) = labels::SERVICE.iter().find_map(find) {
        attributes.push((field::SERVICE_NAME, Value::str(service)));
    }
    let level = labels::LEVEL.iter().find_map(find);
    if let Some((level, number)) = level.and_then(|level| Some((level, severity::of_word(level)?))) {
        attributes.push((field::SEVERITY_TEXT, Value::str(level)));
        attributes.push((field::SEVERITY_NUMBER, Value::Int(number)));
    }
    for (name, value) in labels {
        let is_level = labels::LEVEL.contains(&name.as_ref()) && severity::of_word(value).is_some();
        if !is_level {
            attributes.push((labels::column(name), Value::str(value)));
        }
    }
    rows.set_resource(attributes);
}

/// One piece of structured metadata as a field of the open row.
fn put_metadata(name: &str, value: &str, rows: &mut RowWriter) -> Result<(), IntakeError> {
    if labels::LEVEL.contains(&name)
        && let Some(number) = severity::of_word(value)
        && !rows.has(field::SEVERITY_NUMBER)
    {
        rows.str(field::SEVERITY_TEXT, value)?;
        return rows.int(field::SEVERITY_NUMBER, number);
    }
    match name {
        "trace_id" | "traceID" | "traceId" | "traceid" => document::id(field::TRACE_ID, value, rows),
        "span_id" | "spanID" | "spanId" | "spanid" => document::id(field::SPAN_ID, value, rows),
        "severity_text" => rows.str(field::SEVERITY_TEXT, value),
        "severity_number" => match value.parse() {
            Ok(number @ 1..=24) => rows.int(field::SEVERITY_NUMBER, number),
            _ => rows.str("attributes.severity_number", value),
        },
        field::BODY => rows.str("attributes.body", value),
        _ => rows.str(labels::column(name), value),
    }
}

#[cfg(test)]
mod tests;
