//! What a target exposes, read: the Prometheus text format 0.0.4 (and 1.0.0, which adds quoted names), OpenMetrics
//! text 1.0.0, and the delimited protobuf messages that carry native histograms.
//!
//! [`Parser`] pulls one [`Entry`] after the other out of a body. Names and values are borrowed from the body; what a
//! sample needs beside is kept in buffers that are used again.
//!
//! Promises: no IO; no body panics; work is linear in the body; the first mistake ends the reading and names its line,
//! its column and what to do. What upstream's parsers of version 3 take, these take, except label names that are given
//! twice, which upstream's store refuses later. Nothing is made up: a series that the body does not hold is not returned,
//! but for the `+Inf` bucket that a protobuf histogram may leave out.
//!
//! As upstream since version 3, `le` of histograms and `quantile` of summaries are written as OpenMetrics writes
//! numbers (`1.0`), so that a series does not change its name with the format.

mod cursor;
mod openmetrics;
mod protobuf;
mod text;

use std::borrow::Cow;
use std::fmt;

use nines_base::ErrorKind;
use nines_series::{Histogram, MetricType};

use openmetrics::OpenMetricsParser;
use protobuf::ProtobufParser;
use text::TextParser;

/// Labels of one sample, before anything is added. Upstream's own limit is not set; the widest exporters have about
/// forty.
pub const LABELS_MAX: usize = 512;

/// A format of an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text 0.0.4 and 1.0.0.
    Text,
    /// OpenMetrics text 0.0.1 and 1.0.0.
    OpenMetrics,
    /// Length-delimited `io.prometheus.client.MetricFamily`.
    Protobuf,
}

impl Format {
    /// By a `Content-Type`, as upstream's `extractMediaType`; `None` for one that says nothing of these.
    pub fn of_content_type(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        match media.as_str() {
            "application/openmetrics-text" => Some(Self::OpenMetrics),
            "text/plain" => Some(Self::Text),
            "application/vnd.google.protobuf" => {
                // Other messages travel under this type too; only this one is an exposition.
                let fits = |part: &str| match part.split_once('=') {
                    Some((name, value)) if name.trim().eq_ignore_ascii_case("proto") => {
                        value.trim().trim_matches('"') == "io.prometheus.client.MetricFamily"
                    }
                    Some((name, value)) if name.trim().eq_ignore_ascii_case("encoding") => {
                        value.trim().trim_matches('"').eq_ignore_ascii_case("delimited")
                    }
                    _ => true,
                };
                parts.all(fits).then_some(Self::Protobuf)
            }
            _ => None,
        }
    }
}

/// One thing of a body, in its order.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'p> {
    Type { metric: Cow<'p, str>, kind: MetricType },
    Help { metric: Cow<'p, str>, help: Cow<'p, str> },
    Unit { metric: Cow<'p, str>, unit: Cow<'p, str> },
    Sample(Sample<'p>),
}

/// A label as it was exposed; `__name__` is one of them.
pub type ExposedLabel<'p> = (Cow<'p, str>, Cow<'p, str>);

#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'p> {
    /// Name and labels as they were written: the same bytes are the same series. Written otherwise the same series has
    /// another key, so it is good for caches only.
    pub key: &'p [u8],
    /// In order of appearance, `__name__` first if it is there at all; no name twice.
    pub labels: &'p [ExposedLabel<'p>],
    pub value: Value,
    /// The time that the target gave, in milliseconds.
    pub t_ms: Option<i64>,
    /// When counting began, in milliseconds, as the protobuf format says it. The text formats say it in a series of
    /// its own, `…_created`.
    pub start_ms: Option<i64>,
    pub exemplars: &'p [ExposedExemplar<'p>],
}

/// What a sample holds. Histograms are native ones.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Float(f64),
    Histogram(Box<Histogram>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExposedExemplar<'p> {
    pub labels: Vec<ExposedLabel<'p>>,
    pub value: f64,
    pub t_ms: Option<i64>,
}

/// How to read what can be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ParseOptions {
    /// Histograms of the protobuf format come as native ones where they are; else only their classic buckets.
    pub native_histograms: bool,
    /// Their classic buckets come along all the same.
    pub classic_histograms_too: bool,
}

/// Pulls entries out of a body.
#[derive(Debug)]
pub enum Parser<'b> {
    Text(TextParser<'b>),
    OpenMetrics(OpenMetricsParser<'b>),
    Protobuf(Box<ProtobufParser<'b>>),
}

impl<'b> Parser<'b> {
    pub fn new(format: Format, body: &'b [u8], options: ParseOptions) -> Result<Self, ExpositionError> {
        Ok(match format {
            Format::Text => Self::Text(TextParser::new(cursor::utf8(body)?)),
            Format::OpenMetrics => Self::OpenMetrics(OpenMetricsParser::new(cursor::utf8(body)?)),
            Format::Protobuf => Self::Protobuf(Box::new(ProtobufParser::new(body, options))),
        })
    }

    /// The next entry, or `None` at the end. After an error there is nothing more.
    #[expect(
        clippy::should_implement_trait,
        reason = "an entry borrows from the parser, which an iterator cannot say"
    )]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, ExpositionError> {
        match self {
            Self::Text(parser) => parser.next(),
            Self::OpenMetrics(parser) => parser.next(),
            Self::Protobuf(parser) => parser.next(),
        }
    }
}

/// Where a body is no exposition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}{}", At(*.line, *.column), Advice(.hint.as_deref()))]
pub struct ExpositionError {
    /// From 1; in the protobuf format the number of the message.
    pub line: usize,
    /// From 1, in bytes; 0 in the protobuf format.
    pub column: usize,
    pub message: String,
    /// What the exporter should write.
    pub hint: Option<&'static str>,
}

struct At(usize, usize);
struct Advice<'a>(Option<&'a str>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (message, 0) => write!(f, "metric family {message}: "),
            (line, column) => write!(f, "line {line}, column {column}: "),
        }
    }
}

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

impl ExpositionError {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// The label whose value is a number, by the type of its family.
fn number_label(kind: MetricType) -> Option<&'static str> {
    match kind {
        MetricType::Histogram => Some("le"),
        MetricType::Summary => Some("quantile"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
