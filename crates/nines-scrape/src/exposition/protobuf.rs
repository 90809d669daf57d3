//! The delimited protobuf format. Source: `io/prometheus/client/metrics.proto` of prometheus/client_model 0.6 and
//! upstream's `protobufparse.go`.

use std::borrow::Cow;
use std::collections::VecDeque;

use nines_series::{Counts, Histogram, METRIC_NAME, MetricType, ResetHint, Span};
use prost::Message;

use super::cursor::format_open_metrics;
use super::{Entry, ExposedExemplar, ExposedLabel, ExpositionError, LABELS_MAX, ParseOptions, Sample, Value};

/// Between the parts of a key. No text holds it.
const SEPARATOR: u8 = 0xff;

/// One family at a time is decoded; its samples wait in a queue.
#[derive(Debug)]
pub struct ProtobufParser<'b> {
    body: &'b [u8],
    options: ParseOptions,
    /// Messages read so far, for errors.
    families: usize,
    pending: VecDeque<Pending>,
    key: Vec<u8>,
    labels: Vec<ExposedLabel<'static>>,
    exemplars: Vec<ExposedExemplar<'static>>,
}

#[derive(Debug)]
enum Pending {
    Type(String, MetricType),
    Help(String, String),
    Unit(String, String),
    Sample(Owned),
}

#[derive(Debug)]
struct Owned {
    name: String,
    /// Of the metric; the last may be `le` or `quantile`.
    labels: Vec<(String, String)>,
    value: Value,
    t_ms: Option<i64>,
    start_ms: Option<i64>,
    exemplars: Vec<wire::Exemplar>,
}

impl<'b> ProtobufParser<'b> {
    pub(super) fn new(body: &'b [u8], options: ParseOptions) -> Self {
        Self {
            body,
            options,
            families: 0,
            pending: VecDeque::new(),
            key: Vec::new(),
            labels: Vec::new(),
            exemplars: Vec::new(),
        }
    }

    pub fn next(&mut self) -> Result<Option<Entry<'_>>, ExpositionError> {
        while self.pending.is_empty() {
            if self.body.is_empty() {
                return Ok(None);
            }
            self.family()?;
        }
        Ok(match self.pending.pop_front() {
            None => None,
            Some(Pending::Type(metric, kind)) => Some(Entry::Type { metric: metric.into(), kind }),
            Some(Pending::Help(metric, help)) => {
                Some(Entry::Help { metric: metric.into(), help: help.into() })
            }
            Some(Pending::Unit(metric, unit)) => {
                Some(Entry::Unit { metric: metric.into(), unit: unit.into() })
            }
            Some(Pending::Sample(sample)) => Some(Entry::Sample(self.expose(sample))),
        })
    }

    fn fail<T>(&self, message: impl Into<String>, hint: &'static str) -> Result<T, ExpositionError> {
        let (line, column) = (self.families, 0);
        Err(ExpositionError { line, column, message: message.into(), hint: Some(hint) })
    }

    fn family(&mut self) -> Result<(), ExpositionError> {
        self.families += 1;
        let family = match wire::MetricFamily::decode_length_delimited(&mut self.body) {
            Ok(family) => family,
            Err(error) => {
                let message = format!("message cannot be decoded ({error})");
                return self.fail(message, "send `MetricFamily` messages, each behind its length");
            }
        };
        if family.name.is_empty() {
            return self.fail("family has no name", "name every metric family");
        }
        let kind = match family.kind {
            0 => MetricType::Counter,
            1 => MetricType::Gauge,
            2 => MetricType::Summary,
            3 => MetricType::Unknown,
            4 => MetricType::Histogram,
            5 => MetricType::GaugeHistogram,
            other => {
                let message = format!("family `{}` has type {other}, which is not known", family.name);
                return self.fail(message, "types are 0 to 5");
            }
        };
        let name = family.name;
        self.pending.push_back(Pending::Help(name.clone(), family.help));
        self.pending.push_back(Pending::Type(name.clone(), kind));
        if !family.unit.is_empty() {
            self.pending.push_back(Pending::Unit(name.clone(), family.unit));
        }
        for metric in family.metric {
            self.metric(&name, kind, metric)?;
        }
        Ok(())
    }

    fn metric(&mut self, name: &str, kind: MetricType, metric: wire::Metric) -> Result<(), ExpositionError> {
        let mut labels: Vec<(String, String)> = Vec::with_capacity(metric.label.len() + 1);
        for label in metric.label {
            if labels.iter().any(|(known, _)| *known == label.name) || label.name == METRIC_NAME {
                let message = format!("metric `{name}` has label `{}` twice", label.name);
                return self.fail(message, "give each label once");
            }
            if labels.len() + 1 >= LABELS_MAX {
                let message = format!("metric `{name}` has more than {LABELS_MAX} labels");
                return self.fail(message, "use fewer labels");
            }
            labels.push((label.name, label.value));
        }
        // As upstream: zero means that there is none.
        let t_ms = (metric.timestamp_ms != 0).then_some(metric.timestamp_ms);
        let mut parts = Parts { name, labels, t_ms, start_ms: None, out: &mut self.pending };
        match kind {
            MetricType::Counter => {
                let Some(counter) = metric.counter else { return self.no_value(name, "counter") };
                parts.start_ms = counter.created.map(|time| time.millis());
                parts.float("", None, counter.value, counter.exemplar.into_iter().collect());
            }
            MetricType::Gauge => {
                let Some(gauge) = metric.gauge else { return self.no_value(name, "gauge") };
                parts.float("", None, gauge.value, Vec::new());
            }
            MetricType::Summary => {
                let Some(summary) = metric.summary else { return self.no_value(name, "summary") };
                parts.start_ms = summary.created.map(|time| time.millis());
                parts.float("_count", None, summary.count as f64, Vec::new());
                parts.float("_sum", None, summary.sum, Vec::new());
                for quantile in summary.quantile {
                    let label = ("quantile", format_open_metrics(quantile.quantile));
                    parts.float("", Some(label), quantile.value, Vec::new());
                }
            }
            MetricType::Histogram | MetricType::GaugeHistogram => {
                let Some(histogram) = metric.histogram else { return self.no_value(name, "histogram") };
                parts.start_ms = histogram.created.as_ref().map(wire::Time::millis);
                let native = self.options.native_histograms && histogram.is_native();
                if !native || self.options.classic_histograms_too {
                    classic(&mut parts, &histogram);
                }
                if native {
                    parts.native(histogram, kind == MetricType::GaugeHistogram);
                }
            }
            _ => {
                let Some(untyped) = metric.untyped else { return self.no_value(name, "untyped") };
                parts.float("", None, untyped.value, Vec::new());
            }
        }
        Ok(())
    }

    fn no_value<T>(&self, name: &str, kind: &str) -> Result<T, ExpositionError> {
        let message = format!("metric `{name}` of type {kind} has no {kind} value");
        self.fail(message, "set the field that the family's type says")
    }

    fn expose(&mut self, sample: Owned) -> Sample<'_> {
        self.key.clear();
        self.labels.clear();
        self.exemplars.clear();
        self.key.extend_from_slice(sample.name.as_bytes());
        for (name, value) in &sample.labels {
            for part in [name, value] {
                self.key.push(SEPARATOR);
                self.key.extend_from_slice(part.as_bytes());
            }
        }
        // A native histogram must not share the key of a float with the same labels.
        if matches!(sample.value, Value::Histogram(_)) {
            self.key.push(SEPARATOR);
        }
        self.labels.push((Cow::Borrowed(METRIC_NAME), Cow::Owned(sample.name)));
        self.labels.extend(sample.labels.into_iter().map(|(name, value)| (name.into(), value.into())));
        self.exemplars.extend(sample.exemplars.into_iter().map(|exemplar| ExposedExemplar {
            labels: exemplar.label.into_iter().map(|pair| (pair.name.into(), pair.value.into())).collect(),
            value: exemplar.value,
            t_ms: exemplar.timestamp.map(|time| time.millis()),
        }));
        let (value, t_ms, start_ms) = (sample.value, sample.t_ms, sample.start_ms);
        Sample { key: &self.key, labels: &self.labels, value, t_ms, start_ms, exemplars: &self.exemplars }
    }
}

/// What the samples of one metric share.
struct Parts<'a> {
    name: &'a str,
    labels: Vec<(String, String)>,
    t_ms: Option<i64>,
    start_ms: Option<i64>,
    out: &'a mut VecDeque<Pending>,
}

impl Parts<'_> {
    fn push(
        &mut self,
        name: String,
        label: Option<(&str, String)>,
        value: Value,
        exemplars: Vec<wire::Exemplar>,
    ) {
        let mut labels = self.labels.clone();
        if let Some((name, value)) = label {
            labels.retain(|(known, _)| known != name);
            labels.push((name.to_owned(), value));
        }
        let (t_ms, start_ms) = (self.t_ms, self.start_ms);
        self.out.push_back(Pending::Sample(Owned { name, labels, value, t_ms, start_ms, exemplars }));
    }

    fn float(
        &mut self,
        suffix: &str,
        label: Option<(&str, String)>,
        value: f64,
        exemplars: Vec<wire::Exemplar>,
    ) {
        // A NaN of the target's is an ordinary one, never a stale marker.
        let value = if value.is_nan() { f64::NAN } else { value };
        self.push(format!("{}{suffix}", self.name), label, Value::Float(value), exemplars);
    }

    fn native(&mut self, histogram: wire::Histogram, gauge: bool) {
        let exemplars = match histogram.exemplars.is_empty() {
            false => histogram.exemplars.clone(),
            true => histogram.bucket.iter().filter_map(|bucket| bucket.exemplar.clone()).collect(),
        };
        let value = Value::Histogram(Box::new(histogram.into_native(gauge)));
        self.push(self.name.to_owned(), None, value, exemplars);
    }
}

/// As the text formats have it: count, sum, buckets, with the bucket of everything added where it is not written out.
fn classic(parts: &mut Parts<'_>, histogram: &wire::Histogram) {
    let whole = histogram.count as f64;
    let count = if histogram.count_float > 0.0 { histogram.count_float } else { whole };
    parts.float("_count", None, count, Vec::new());
    parts.float("_sum", None, histogram.sum, Vec::new());
    let mut infinite = false;
    for bucket in &histogram.bucket {
        infinite |= bucket.upper_bound == f64::INFINITY;
        let count = if bucket.count_float > 0.0 { bucket.count_float } else { bucket.count as f64 };
        let label = ("le", format_open_metrics(bucket.upper_bound));
        parts.float("_bucket", Some(label), count, bucket.exemplar.clone().into_iter().collect());
    }
    if !infinite {
        parts.float("_bucket", Some(("le", "+Inf".to_owned())), count, Vec::new());
    }
}

/// The messages, by their numbers. Fields that are not here are skipped.
mod wire {
    use super::{Counts, Histogram as Native, ResetHint, Span};

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct MetricFamily {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub help: String,
        #[prost(int32, tag = "3")]
        pub kind: i32,
        #[prost(message, repeated, tag = "4")]
        pub metric: Vec<Metric>,
        #[prost(string, tag = "5")]
        pub unit: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        #[prost(message, optional, tag = "2")]
        pub gauge: Option<Simple>,
        #[prost(message, optional, tag = "3")]
        pub counter: Option<Counter>,
        #[prost(message, optional, tag = "4")]
        pub summary: Option<Summary>,
        #[prost(message, optional, tag = "5")]
        pub untyped: Option<Simple>,
        #[prost(int64, tag = "6")]
        pub timestamp_ms: i64,
        #[prost(message, optional, tag = "7")]
        pub histogram: Option<Histogram>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct LabelPair {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub value: String,
    }

    /// A gauge or an untyped value.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Simple {
        #[prost(double, tag = "1")]
        pub value: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Counter {
        #[prost(double, tag = "1")]
        pub value: f64,
        #[prost(message, optional, tag = "2")]
        pub exemplar: Option<Exemplar>,
        #[prost(message, optional, tag = "3")]
        pub created: Option<Time>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Summary {
        #[prost(uint64, tag = "1")]
        pub count: u64,
        #[prost(double, tag = "2")]
        pub sum: f64,
        #[prost(message, repeated, tag = "3")]
        pub quantile: Vec<Quantile>,
        #[prost(message, optional, tag = "4")]
        pub created: Option<Time>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Quantile {
        #[prost(double, tag = "1")]
        pub quantile: f64,
        #[prost(double, tag = "2")]
        pub value: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Histogram {
        #[prost(uint64, tag = "1")]
        pub count: u64,
        #[prost(double, tag = "2")]
        pub sum: f64,
        #[prost(message, repeated, tag = "3")]
        pub bucket: Vec<Bucket>,
        #[prost(double, tag = "4")]
        pub count_float: f64,
        #[prost(sint32, tag = "5")]
        pub schema: i32,
        #[prost(double, tag = "6")]
        pub zero_threshold: f64,
        #[prost(uint64, tag = "7")]
        pub zero_count: u64,
        #[prost(double, tag = "8")]
        pub zero_count_float: f64,
        #[prost(message, repeated, tag = "9")]
        pub negative_span: Vec<BucketSpan>,
        #[prost(sint64, repeated, packed = "false", tag = "10")]
        pub negative_delta: Vec<i64>,
        #[prost(double, repeated, packed = "false", tag = "11")]
        pub negative_count: Vec<f64>,
        #[prost(message, repeated, tag = "12")]
        pub positive_span: Vec<BucketSpan>,
        #[prost(sint64, repeated, packed = "false", tag = "13")]
        pub positive_delta: Vec<i64>,
        #[prost(double, repeated, packed = "false", tag = "14")]
        pub positive_count: Vec<f64>,
        #[prost(message, optional, tag = "15")]
        pub created: Option<Time>,
        #[prost(message, repeated, tag = "16")]
        pub exemplars: Vec<Exemplar>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Bucket {
        #[prost(uint64, tag = "1")]
        pub count: u64,
        #[prost(double, tag = "2")]
        pub upper_bound: f64,
        #[prost(message, optional, tag = "3")]
        pub exemplar: Option<Exemplar>,
        #[prost(double, tag = "4")]
        pub count_float: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct BucketSpan {
        #[prost(sint32, tag = "1")]
        pub offset: i32,
        #[prost(uint32, tag = "2")]
        pub length: u32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Exemplar {
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        #[prost(double, tag = "2")]
        pub value: f64,
        #[prost(message, optional, tag = "3")]
        pub timestamp: Option<Time>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Time {
        #[prost(int64, tag = "1")]
        pub seconds: i64,
        #[prost(int32, tag = "2")]
        pub nanos: i32,
    }

    impl Time {
        pub fn millis(&self) -> i64 {
            self.seconds.saturating_mul(1000).saturating_add(i64::from(self.nanos / 1_000_000))
        }
    }

    impl Histogram {
        /// As upstream's `isNativeHistogram`: a histogram without observations says it by its threshold or an empty span.
        pub fn is_native(&self) -> bool {
            !self.positive_span.is_empty()
                || !self.negative_span.is_empty()
                || self.zero_threshold > 0.0
                || self.zero_count > 0
        }

        pub fn into_native(self, gauge: bool) -> Native {
            let fractional = self.count_float > 0.0 || self.zero_count_float > 0.0;
            let counts = if fractional {
                let (count, zero) = (self.count_float, self.zero_count_float);
                let (positive, negative) = (self.positive_count, self.negative_count);
                Counts::Fractional { count, zero, positive, negative }
            } else {
                let (positive, negative) = (absolute(&self.positive_delta), absolute(&self.negative_delta));
                Counts::Whole { count: self.count, zero: self.zero_count, positive, negative }
            };
            Native {
                reset_hint: if gauge { ResetHint::Gauge } else { ResetHint::Unknown },
                schema: self.schema,
                zero_threshold: self.zero_threshold,
                sum: if self.sum.is_nan() { f64::NAN } else { self.sum },
                positive_spans: spans(&self.positive_span),
                negative_spans: spans(&self.negative_span),
                custom_values: Vec::new(),
                counts,
            }
        }
    }

    fn spans(spans: &[BucketSpan]) -> Vec<Span> {
        // A span of no length that moves nothing only says that the histogram is a native one.
        let meant = spans.iter().filter(|span| span.length > 0 || span.offset != 0);
        meant.map(|span| Span { offset: span.offset, length: span.length }).collect()
    }

    /// Differences to counts. One that falls below zero is kept as a huge number, which the histogram's own check refuses.
    fn absolute(deltas: &[i64]) -> Vec<u64> {
        let mut count = 0_i64;
        let next = |delta: &i64| {
            count = count.wrapping_add(*delta);
            count as u64
        };
        deltas.iter().map(next).collect()
    }
}
