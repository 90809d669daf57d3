//! Answers.

use std::sync::Arc;

use crate::annotations::Annotations;
use crate::histogram::Histogram;
use crate::labels::Labels;

/// A sample of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    Float(f64),
    Histogram(Arc<Histogram>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub labels: Labels,
    pub time_ms: i64,
    pub value: SampleValue,
}

/// A series of an answer. Times ascend; each time is in one of the two lists.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    pub labels: Labels,
    pub floats: Vec<(i64, f64)>,
    pub histograms: Vec<(i64, Arc<Histogram>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Scalar {
        time_ms: i64,
        value: f64,
    },
    Text {
        time_ms: i64,
        value: String,
    },
    /// In no order, unless the query asks for one.
    Vector(Vec<Sample>),
    /// Sorted by labels.
    Matrix(Vec<Series>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub value: Value,
    pub annotations: Annotations,
    pub stats: Stats,
}

/// What the query cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Series that the selectors found.
    pub series: usize,
    /// Samples that the store handed out.
    pub samples_read: usize,
    /// Samples of intermediate results that were kept.
    pub samples_kept: usize,
}
