//! Values of templates.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What a pipeline carries. Cloning is cheap.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    /// Go's `map[string]string` or `map[string]any`. A key that is not there is an empty text.
    Map(Arc<BTreeMap<String, Value>>),
    List(Arc<Vec<Value>>),
    /// A Go structure. A field that is not there is an error.
    Record(Arc<Vec<(&'static str, Value)>>),
    /// Nanoseconds; Go's `time.Duration`.
    Duration(i64),
    /// Milliseconds since the epoch; Go's `time.Time`, in UTC.
    Time(i64),
    /// A native histogram, as people read it.
    Histogram(Arc<str>),
}

/// One result of the `query` function.
#[derive(Debug, Clone, PartialEq)]
pub struct QuerySample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Value {
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    pub(crate) fn record<const N: usize>(fields: [(&'static str, Self); N]) -> Self {
        Self::Record(Arc::new(fields.into()))
    }

    pub(crate) fn of_labels(labels: &BTreeMap<String, String>) -> Self {
        Self::Map(Arc::new(labels.iter().map(|(name, value)| (name.clone(), Self::text(value))).collect()))
    }

    pub(crate) fn of_sample(sample: &QuerySample) -> Self {
        Self::record([("Labels", Self::of_labels(&sample.labels)), ("Value", Self::Float(sample.value))])
    }

    /// Go's idea of it: false, zero, empty and nil are not true.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(flag) => *flag,
            Self::Int(number) | Self::Duration(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Record(_) | Self::Time(_) | Self::Histogram(_) => true,
        }
    }

    /// As Go names it, for messages and `%T`.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Map(_) => "map[string]string",
            Self::List(_) => "template.queryResult",
            Self::Record(_) => "*template.sample",
            Self::Duration(_) => "time.Duration",
            Self::Time(_) => "time.Time",
            Self::Histogram(_) => "*histogram.FloatHistogram",
        }
    }

    /// `.name` of it.
    pub(crate) fn field(&self, name: &str) -> Result<Self, String> {
        match self {
            Self::Map(map) => Ok(map.get(name).cloned().unwrap_or_else(|| Self::text(""))),
            Self::Record(fields) => match fields.iter().find(|(field, _)| *field == name) {
                Some((_, value)) => Ok(value.clone()),
                None => {
                    let known: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
                    Err(format!("there is no field `{name}` here: fields are {}", known.join(", ")))
                }
            },
            Self::Duration(nanos) => match name {
                "Seconds" => Ok(Self::Float(*nanos as f64 / 1e9)),
                "Minutes" => Ok(Self::Float(*nanos as f64 / 6e10)),
                "Hours" => Ok(Self::Float(*nanos as f64 / 3.6e12)),
                "Milliseconds" => Ok(Self::Int(nanos / 1_000_000)),
                _ => Err(format!("a duration has no field `{name}`")),
            },
            Self::Time(millis) => match name {
                "Unix" => Ok(Self::Int(millis.div_euclid(1000))),
                "UnixMilli" => Ok(Self::Int(*millis)),
                _ => Err(format!("a time has no field `{name}` here")),
            },
            Self::Nil => Err(format!("nil has no field `{name}`")),
            other => Err(format!("a {} has no field `{name}`", other.type_name())),
        }
    }
}
