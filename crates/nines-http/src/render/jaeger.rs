//! Rows of `spans` in the JSON of Jaeger's query API, and in OTLP's JSON for its third version.
//!
//! Source: Jaeger `model/json/model.go` (v1) and `proto/api_v3/query_service.proto`; the fields that Jaeger UI and
//! Grafana's data source read.

use std::collections::BTreeMap;

use nines_model::field;
use serde_json::{Map, Value, json};

use super::traces::{list, start_of, text};

/// Beginnings of attribute names that describe the process rather than one request. The rows no longer say which of their
/// attributes came with the resource.
const PROCESS: [&str; 12] = [
    "service.",
    "host.",
    "k8s.",
    "cloud.",
    "container.",
    "telemetry.",
    "deployment.",
    "process.",
    "os.",
    "vcs.",
    "faas.",
    "device.",
];

/// Fields that Jaeger has a place for.
const PLACED: [&str; 13] = [
    field::TIMESTAMP,
    field::TRACE_ID,
    field::SPAN_ID,
    field::PARENT_SPAN_ID,
    field::NAME,
    field::SERVICE_NAME,
    field::KIND,
    field::DURATION_NS,
    field::STATUS_CODE,
    field::STATUS_MESSAGE,
    field::SPAN_EVENTS,
    field::SPAN_LINKS,
    field::FLAGS,
];

type Row = Map<String, Value>;

fn is_process(name: &str) -> bool {
    PROCESS.iter().any(|start| name.starts_with(start))
}

/// `rows` of any number of traces, each trace whole; the order of `ids`.
pub fn traces(ids: &[impl AsRef<str>], rows: &[Row]) -> Vec<Value> {
    let mut by_trace: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_trace.entry(text(row, field::TRACE_ID).unwrap_or_default()).or_default().push(row);
    }
    ids.iter().filter_map(|id| by_trace.get(id.as_ref()).map(|rows| trace(id.as_ref(), rows))).collect()
}

fn trace(trace_id: &str, rows: &[&Row]) -> Value {
    // Spans of one process share an entry: equal service and equal attributes.
    let mut processes: Vec<(Value, String)> = Vec::new();
    let mut spans = Vec::with_capacity(rows.len());
    for row in rows {
        let tags: Vec<Value> = row
            .iter()
            .filter(|(name, _)| is_process(name))
            .filter_map(|(name, value)| own_tag(name, value))
            .collect();
        let process =
            json!({ "serviceName": text(row, field::SERVICE_NAME).unwrap_or("unknown"), "tags": tags });
        let id = match processes.iter().find(|(known, _)| *known == process) {
            Some((_, id)) => id.clone(),
            None => {
                let id = format!("p{}", processes.len() + 1);
                processes.push((process, id.clone()));
                id
            }
        };
        spans.push(span(trace_id, row, &id));
    }
    let processes: Map<String, Value> = processes.into_iter().map(|(process, id)| (id, process)).collect();
    json!({ "traceID": trace_id, "spans": spans, "processes": processes, "warnings": null })
}

fn span(trace_id: &str, row: &Row, process: &str) -> Value {
    let mut references: Vec<Value> = Vec::new();
    if let Some(parent) = text(row, field::PARENT_SPAN_ID) {
        references.push(json!({ "refType": "CHILD_OF", "traceID": trace_id, "spanID": parent }));
    }
    for link in list(row, field::SPAN_LINKS) {
        let (trace, span) = (link.get("trace_id"), link.get("span_id"));
        references.push(json!({ "refType": "FOLLOWS_FROM", "traceID": trace, "spanID": span }));
    }
    let mut tags: Vec<Value> = row
        .iter()
        .filter(|(name, _)| !is_process(name))
        .filter_map(|(name, value)| own_tag(name, value))
        .collect();
    tags.push(tag("span.kind", &text(row, field::KIND).unwrap_or("internal").into()));
    match text(row, field::STATUS_CODE) {
        Some("error") => {
            tags.push(tag("error", &true.into()));
            tags.push(tag("otel.status_code", &"ERROR".into()));
        }
        Some("ok") => tags.push(tag("otel.status_code", &"OK".into())),
        _ => {}
    }
    if let Some(message) = text(row, field::STATUS_MESSAGE).filter(|message| !message.is_empty()) {
        tags.push(tag("otel.status_description", &message.into()));
    }
    let start_us = start_of(row).as_nanos().div_euclid(1_000);
    let duration_us = row.get(field::DURATION_NS).and_then(Value::as_i64).unwrap_or(0) / 1_000;
    json!({
        "traceID": trace_id,
        "spanID": text(row, field::SPAN_ID).unwrap_or_default(),
        "operationName": text(row, field::NAME).unwrap_or_default(),
        "references": references,
        "flags": 1,
        "startTime": start_us,
        "duration": duration_us,
        "tags": tags,
        "logs": list(row, field::SPAN_EVENTS).iter().map(log).collect::<Vec<_>>(),
        "processID": process,
        "warnings": null,
    })
}

fn log(event: &Value) -> Value {
    let nanos = event.get("timestamp").and_then(Value::as_i64).unwrap_or(0);
    let name = event.get("name").cloned().unwrap_or_default();
    let mut fields = vec![tag("event", &name)];
    if let Some(attributes) = event.get("attributes").and_then(Value::as_object) {
        fields.extend(attributes.iter().map(|(name, value)| tag(name, value)));
    }
    json!({ "timestamp": nanos.div_euclid(1_000), "fields": fields })
}

fn own_tag(name: &str, value: &Value) -> Option<Value> {
    (!PLACED.contains(&name) && !value.is_null()).then(|| tag(name, value))
}

fn tag(name: &str, value: &Value) -> Value {
    match value {
        Value::Bool(_) => json!({ "key": name, "type": "bool", "value": value }),
        Value::Number(number) if number.is_f64() => json!({ "key": name, "type": "float64", "value": value }),
        Value::Number(_) => json!({ "key": name, "type": "int64", "value": value }),
        Value::String(_) => json!({ "key": name, "type": "string", "value": value }),
        other => json!({ "key": name, "type": "string", "value": other.to_string() }),
    }
}

/// One trace as `{"resourceSpans":[…]}`, one entry per process.
pub fn otlp(rows: &[Row]) -> Value {
    let mut resources: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
    for row in rows {
        let attributes = |process: bool| -> Vec<Value> {
            row.iter()
                .filter(|(name, _)| is_process(name) == process)
                .filter(|(name, value)| {
                    (*name == field::SERVICE_NAME || !PLACED.contains(&name.as_str())) && !value.is_null()
                })
                .map(|(name, value)| json!({ "key": name, "value": any_value(value) }))
                .collect()
        };
        let resource = attributes(true);
        let span = otlp_span(row, attributes(false));
        match resources.iter_mut().find(|(known, _)| *known == resource) {
            Some((_, spans)) => spans.push(span),
            None => resources.push((resource, vec![span])),
        }
    }
    let resources: Vec<Value> = resources
        .into_iter()
        .map(|(attributes, spans)| {
            json!({ "resource": { "attributes": attributes }, "scopeSpans": [{ "scope": {}, "spans": spans }] })
        })
        .collect();
    json!({ "resourceSpans": resources })
}

fn otlp_span(row: &Row, attributes: Vec<Value>) -> Value {
    let start = start_of(row).as_nanos();
    let duration = row.get(field::DURATION_NS).and_then(Value::as_i64).unwrap_or(0);
    let kind = match text(row, field::KIND) {
        Some("server") => 2,
        Some("client") => 3,
        Some("producer") => 4,
        Some("consumer") => 5,
        _ => 1,
    };
    let code = match text(row, field::STATUS_CODE) {
        Some("ok") => 1,
        Some("error") => 2,
        _ => 0,
    };
    let events: Vec<Value> = list(row, field::SPAN_EVENTS).iter().map(otlp_event).collect();
    json!({
        "traceId": text(row, field::TRACE_ID).unwrap_or_default(),
        "spanId": text(row, field::SPAN_ID).unwrap_or_default(),
        "parentSpanId": text(row, field::PARENT_SPAN_ID).unwrap_or_default(),
        "name": text(row, field::NAME).unwrap_or_default(),
        "kind": kind,
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": start.saturating_add(duration).to_string(),
        "attributes": attributes,
        "events": events,
        "status": { "code": code, "message": text(row, field::STATUS_MESSAGE).unwrap_or_default() },
    })
}

fn otlp_event(event: &Value) -> Value {
    let nanos = event.get("timestamp").and_then(Value::as_i64).unwrap_or(0);
    let attributes = event.get("attributes").and_then(Value::as_object);
    let attributes: Vec<Value> = attributes
        .into_iter()
        .flatten()
        .map(|(name, value)| json!({ "key": name, "value": any_value(value) }))
        .collect();
    json!({ "timeUnixNano": nanos.to_string(), "name": event.get("name"), "attributes": attributes })
}

fn any_value(value: &Value) -> Value {
    match value {
        Value::Bool(_) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": value }),
        // 64-bit integers are strings in OTLP's JSON.
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::String(_) => json!({ "stringValue": value }),
        other => json!({ "stringValue": other.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let row = json!({
            "timestamp": "2026-11-21T08:00:00.0000015Z", "trace_id": "t", "span_id": "s", "parent_span_id": "p",
            "name": "GET /", "service.name": "shop", "kind": "server", "duration_ns": 2_500, "status_code": "error",
            "status_message": "boom", "http.response.status_code": 503, "host.name": "h1", "retry": true, "load": 0.5,
            "events": [{ "timestamp": 1_000, "name": "exception", "attributes": { "exception.type": "E" } }],
            "links": [{ "trace_id": "t2", "span_id": "s2" }],
        });
        row.as_object().unwrap().clone()
    }

    #[test]
    fn a_span_in_the_first_version() {
        let told = traces(&["t", "gone"], &[row()]);
        assert_eq!(told.len(), 1);
        let span = &told[0]["spans"][0];
        assert_eq!((&span["startTime"], &span["duration"]), (&json!(1_795_248_000_000_001_i64), &json!(2)));
        assert_eq!(span["references"][0], json!({ "refType": "CHILD_OF", "traceID": "t", "spanID": "p" }));
        assert_eq!(span["references"][1]["refType"], "FOLLOWS_FROM");
        let tags = span["tags"].as_array().unwrap();
        for expected in [
            json!({ "key": "http.response.status_code", "type": "int64", "value": 503 }),
            json!({ "key": "span.kind", "type": "string", "value": "server" }),
            json!({ "key": "error", "type": "bool", "value": true }),
            json!({ "key": "otel.status_description", "type": "string", "value": "boom" }),
            json!({ "key": "load", "type": "float64", "value": 0.5 }),
        ] {
            assert!(tags.contains(&expected), "{expected} in {tags:?}");
        }
        assert_eq!(span["logs"][0]["timestamp"], 1);
        assert_eq!(span["logs"][0]["fields"][0]["value"], "exception");
        let process = &told[0]["processes"][span["processID"].as_str().unwrap()];
        assert_eq!(process["serviceName"], "shop");
        assert_eq!(process["tags"], json!([{ "key": "host.name", "type": "string", "value": "h1" }]));
    }

    #[test]
    fn a_span_in_the_third() {
        let told = otlp(&[row(), row()]);
        assert_eq!(told["resourceSpans"].as_array().unwrap().len(), 1);
        let spans = &told["resourceSpans"][0]["scopeSpans"][0]["spans"];
        assert_eq!(spans.as_array().unwrap().len(), 2);
        assert_eq!(spans[0]["startTimeUnixNano"], "1795248000000001500");
        assert_eq!(spans[0]["endTimeUnixNano"], "1795248000000004000");
        assert_eq!((&spans[0]["kind"], &spans[0]["status"]["code"]), (&json!(2), &json!(2)));
        let resource = told["resourceSpans"][0]["resource"]["attributes"].as_array().unwrap();
        assert!(resource.contains(&json!({ "key": "service.name", "value": { "stringValue": "shop" } })));
    }
}
