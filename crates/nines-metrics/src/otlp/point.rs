//! A data point as its row has it.

use nines_model::rows::RowRef;
use nines_model::{ValueRef, field};
use serde::Deserialize;

/// Bit of a point's flags: the series has ended or was not measured.
const NO_RECORDED_VALUE: i64 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
}

#[derive(Debug, Default)]
pub struct Point<'a> {
    pub name: &'a str,
    pub unit: &'a str,
    pub description: &'a str,
    pub kind: Option<Kind>,
    pub is_delta: bool,
    pub is_monotonic: bool,
    /// The point says that there is no value.
    pub is_absent: bool,
    pub t_ms: i64,
    pub start_ms: Option<i64>,
    pub value: Option<f64>,
    pub count: Option<f64>,
    pub sum: Option<f64>,
    /// JSON, as `nines_protocols::otlp` writes it.
    pub buckets: Option<&'a str>,
    exemplars: Option<&'a str>,
    /// Under the sender's own names.
    pub attributes: Vec<(&'a str, String)>,
}

/// An exemplar on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    pub t_ms: i64,
    pub value: f64,
    pub labels: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct StoredExemplar {
    timestamp: i64,
    value: Option<f64>,
    trace_id: Option<String>,
    span_id: Option<String>,
    #[serde(default)]
    attributes: serde_json::Map<String, serde_json::Value>,
}

impl<'a> Point<'a> {
    /// One pass over the row's own fields.
    pub fn of(row: RowRef<'a>) -> Self {
        let mut point = Self { t_ms: row.timestamp().as_millis(), ..Self::default() };
        let mut metric_type = None;
        for (name, value) in row.own_fields() {
            match name.as_str() {
                field::NAME => point.name = value.as_str().unwrap_or_default(),
                field::UNIT => point.unit = value.as_str().unwrap_or_default(),
                field::DESCRIPTION => point.description = value.as_str().unwrap_or_default(),
                field::METRIC_TYPE => metric_type = value.as_str(),
                field::TEMPORALITY => point.is_delta = value.as_str() == Some("delta"),
                field::IS_MONOTONIC => point.is_monotonic = matches!(value, ValueRef::Bool(true)),
                field::START_TIMESTAMP => point.start_ms = value.as_int().map(|nanos| nanos / 1_000_000),
                field::FLAGS => {
                    point.is_absent = value.as_int().is_some_and(|flags| flags & NO_RECORDED_VALUE != 0);
                }
                field::VALUE => point.value = value.as_f64(),
                field::COUNT => point.count = value.as_f64(),
                field::SUM => point.sum = value.as_f64(),
                field::BUCKETS => point.buckets = value.as_str(),
                field::EXEMPLARS => point.exemplars = value.as_str(),
                field::MIN | field::MAX | "value_int" => {}
                other => {
                    // An attribute with a column's name lies under this prefix.
                    let name = other.strip_prefix("attributes.").unwrap_or(other);
                    point.attributes.push((name, text_of(value)));
                }
            }
        }
        point.kind = match metric_type {
            Some("gauge") => Some(Kind::Gauge),
            Some("sum") => Some(Kind::Sum),
            Some("histogram") => Some(Kind::Histogram),
            Some("exponential_histogram") => Some(Kind::Exponential),
            Some("summary") => Some(Kind::Summary),
            Some(_) => None,
            // Rows that came in another way: a name and a number are a gauge.
            None => point.value.map(|_| Kind::Gauge),
        };
        if point.name.is_empty() {
            point.kind = None;
        }
        point
    }

    /// In the order sent; those without a value are left out.
    pub fn exemplars(&self) -> Vec<Exemplar> {
        let Some(text) = self.exemplars else { return Vec::new() };
        // Written by our own decoder; if it cannot be read, the point is worth more than its exemplars.
        let stored: Vec<StoredExemplar> = serde_json::from_str(text).unwrap_or_default();
        let of = |stored: StoredExemplar| {
            let ids = [("trace_id", stored.trace_id), ("span_id", stored.span_id)];
            let ids = ids.into_iter().filter_map(|(name, id)| Some((name.to_owned(), id?)));
            let attributes = stored.attributes.into_iter().filter_map(|(name, value)| {
                let text = match value {
                    serde_json::Value::String(text) => text,
                    other => other.to_string(),
                };
                Some((super::label_name(&name)?, text))
            });
            let mut labels: Vec<(String, String)> = ids.chain(attributes).collect();
            labels.sort();
            labels.dedup_by(|later, earlier| later.0 == earlier.0);
            Some(Exemplar { t_ms: stored.timestamp / 1_000_000, value: stored.value?, labels })
        };
        stored.into_iter().filter_map(of).collect()
    }
}

/// As OpenTelemetry's `AsString`: numbers and truths in words, the rest as it is.
pub fn text_of(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Str(text) | ValueRef::Json(text) => text.to_owned(),
        ValueRef::Int(number) => number.to_string(),
        ValueRef::Float(number) => nines_promql::format_float(number),
        ValueRef::Bool(truth) => truth.to_string(),
        ValueRef::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
