//! Remote write from the sender's side: its messages, written down from the specifications.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<Series>,
}

/// `prometheus.TimeSeries`.
#[derive(Clone, PartialEq, Message)]
pub struct Series {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// The same message in both versions.
#[derive(Clone, PartialEq, Message)]
pub struct Sample {
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

impl Series {
    /// Values with their times in milliseconds.
    pub fn new(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> Self {
        let label = |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into() };
        let sample = |&(value, timestamp): &(f64, i64)| Sample { value, timestamp };
        Self { labels: labels.iter().map(label).collect(), samples: samples.iter().map(sample).collect() }
    }
}

/// As it goes over the wire.
pub fn compressed(message: &impl Message) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).expect("a block fits into memory")
}

/// A request of version 1.0, as it goes over the wire.
pub fn written(series: impl IntoIterator<Item = Series>) -> Vec<u8> {
    compressed(&WriteRequest { timeseries: series.into_iter().collect() })
}
