//! OTLP metrics as series, as Prometheus' own OTLP endpoint makes them with its defaults.
//!
//! What goes in are rows of the dataset `metrics` (so gRPC, HTTP and JSON mean the same, and masking has been there first);
//! what comes out is a [`Translated`] request for the series store. The rows are stored beside, unchanged.
//!
//! # What becomes of a point
//! | point | series |
//! |---|---|
//! | gauge, sum | one; a monotonic sum ends in `_total` |
//! | histogram | `_bucket` by `le`, `_sum`, `_count` |
//! | exponential histogram | one native histogram |
//! | summary | one by `quantile`, `_sum`, `_count` |
//!
//! Names are translated by [`names`] (`UnderscoreEscapingWithSuffixes`, Prometheus' default). Attributes of the point are
//! labels; of the resource only `job` (`service.namespace/service.name`) and `instance` (`service.instance.id`) are, and
//! the rest is on the series `target_info`, to be joined with PromQL's `info`. A resource that names no service (a host, a
//! pod) would make one series of all of its like: there the name of the machine is `instance`, and a label. The scope is left out. A point that says
//! "no recorded value" is a staleness marker.
//!
//! # Deltas
//! Prometheus refuses delta temporality by default; here deltas are added up ([`delta`]), so that `rate` works on them.
//! Each new sum begins with a zero at the point's start, so that the first delta counts, also after a restart.
//!
//! Source: prometheus/prometheus `storage/remote/otlptranslator/prometheusremotewrite`.

mod buckets;
mod delta;
pub mod names;
mod point;
mod translated;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use nines_model::{Batch, Dataset, Resource, Value, field};
use nines_series::MetricType;
use parking_lot::Mutex;

pub use delta::DELTA_SERIES_MAX;
pub use translated::Translated;

use delta::Sums;
use names::{Suffix, label_name, metric_name, unit_name};
use point::{Kind, Point};
use translated::Series;

/// What happened since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TranslatedStats {
    /// Points that became series.
    pub points: u64,
    /// Points without a name, a value or a type that series have. Their rows are kept.
    pub left_out: u64,
    /// Deltas that came after a later one of their series, or beyond [`DELTA_SERIES_MAX`]. Their rows are kept.
    pub late_deltas: u64,
    /// Series of deltas that are being added up.
    pub delta_series: u64,
}

/// Makes series of rows. Keeps the sums of deltas, so a node has one.
#[derive(Debug, Default)]
pub struct Translator {
    sums: Mutex<Sums>,
    points: AtomicU64,
    left_out: AtomicU64,
    late_deltas: AtomicU64,
}

impl Translator {
    /// The series of all rows of `batches` that are metrics. The same rows again give the same series, also of deltas.
    pub fn translate(&self, batches: &[Batch]) -> Translated {
        let mut out = Translated::default();
        let (mut points, mut left_out, mut late) = (0, 0, 0);
        for batch in batches.iter().filter(|batch| batch.dataset == Dataset::Metrics) {
            let resources: Vec<Identity> = batch.rows.resources().iter().map(Identity::of).collect();
            let mut newest: HashMap<usize, i64> = HashMap::new();
            for row in batch.rows.iter() {
                let resource = row.resource_index();
                let point = Point::of(row);
                match self.point(&point, &resources[resource], &mut out) {
                    Taken::Kept => {
                        points += 1;
                        let known = newest.entry(resource).or_insert(point.t_ms);
                        *known = point.t_ms.max(*known);
                    }
                    Taken::LeftOut => left_out += 1,
                    Taken::Late => late += 1,
                }
            }
            for (resource, t_ms) in newest {
                resources[resource].target_info(t_ms, &mut out);
            }
        }
        self.points.fetch_add(points, Ordering::Relaxed);
        self.left_out.fetch_add(left_out, Ordering::Relaxed);
        self.late_deltas.fetch_add(late, Ordering::Relaxed);
        out
    }

    pub fn stats(&self) -> TranslatedStats {
        TranslatedStats {
            points: self.points.load(Ordering::Relaxed),
            left_out: self.left_out.load(Ordering::Relaxed),
            late_deltas: self.late_deltas.load(Ordering::Relaxed),
            delta_series: self.sums.lock().len() as u64,
        }
    }

    fn point(&self, point: &Point<'_>, resource: &Identity, out: &mut Translated) -> Taken {
        let Some(kind) = point.kind else { return Taken::LeftOut };
        let suffix = match kind {
            Kind::Gauge => Suffix::Gauge,
            Kind::Sum if point.is_monotonic => Suffix::Counter,
            _ => Suffix::Other,
        };
        let Some(name) = metric_name(point.name, point.unit, suffix) else { return Taken::LeftOut };
        let labels = labels_of(point, resource);
        let known = out.series.len();
        let taken = match kind {
            Kind::Gauge | Kind::Sum => self.number(&name, point, labels, out),
            Kind::Histogram => self.classic(&name, point, &labels, out),
            Kind::Exponential => self.native(&name, point, labels, out),
            Kind::Summary => buckets::summary(&name, point, &labels, out),
        };
        if taken == Taken::Kept && out.series.len() > known {
            let metric_type = match kind {
                Kind::Gauge => MetricType::Gauge,
                Kind::Sum if point.is_monotonic => MetricType::Counter,
                Kind::Sum => MetricType::Gauge,
                Kind::Histogram | Kind::Exponential => MetricType::Histogram,
                Kind::Summary => MetricType::Summary,
            };
            out.metadata(&name, metric_type, point.description, || unit_name(point.unit));
        }
        taken
    }

    fn number(&self, name: &str, point: &Point<'_>, labels: Labels, out: &mut Translated) -> Taken {
        if point.is_absent {
            out.series.push(Series::stale(name, labels, point.t_ms));
            return Taken::Kept;
        }
        let Some(value) = point.value else { return Taken::LeftOut };
        let mut series = Series::new(name, labels);
        if point.is_delta {
            let Some(sum) = self.sums.lock().number(&series.key(), point, value) else { return Taken::Late };
            series.samples.extend(sum.zero_at.map(|t_ms| (t_ms, 0.0)));
            series.samples.push((point.t_ms, sum.total));
        } else {
            series.samples.push((point.t_ms, value));
        }
        series.exemplars = point.exemplars();
        out.series.push(series);
        Taken::Kept
    }

    fn classic(&self, name: &str, point: &Point<'_>, labels: &Labels, out: &mut Translated) -> Taken {
        if point.is_absent {
            // Which buckets there were is not said; the two that are always there end.
            for suffix in ["_count", "_sum"] {
                out.series.push(Series::stale(&format!("{name}{suffix}"), labels.clone(), point.t_ms));
            }
            return Taken::Kept;
        }
        let Some(mut distribution) = buckets::Classic::of(point) else { return Taken::LeftOut };
        let mut zero_at = None;
        if point.is_delta {
            let key = Series::new(name, labels.clone()).key();
            match self.sums.lock().classic(&key, point, distribution) {
                Some((total, zero)) => (distribution, zero_at) = (total, zero),
                None => return Taken::Late,
            }
        }
        distribution.push(name, point, labels, zero_at, out);
        Taken::Kept
    }

    fn native(&self, name: &str, point: &Point<'_>, labels: Labels, out: &mut Translated) -> Taken {
        let mut series = Series::new(name, labels);
        if point.is_absent {
            series.histograms.push((point.t_ms, buckets::stale()));
            out.series.push(series);
            return Taken::Kept;
        }
        let Some(histogram) = buckets::native(point) else { return Taken::LeftOut };
        if point.is_delta {
            let Some((total, zero_at)) = self.sums.lock().native(&series.key(), point, histogram) else {
                return Taken::Late;
            };
            let zero = zero_at.map(|t_ms| (t_ms, buckets::empty_like(&total)));
            series.histograms.extend(zero);
            series.histograms.push((point.t_ms, total));
        } else {
            series.histograms.push((point.t_ms, histogram));
        }
        series.exemplars = point.exemplars();
        out.series.push(series);
        Taken::Kept
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Kept,
    LeftOut,
    Late,
}

/// Names and values, sorted, unique; without the metric's name.
type Labels = Vec<(String, String)>;

/// Attributes that tell machines, pods and containers apart.
const MACHINE: [&str; 7] = [
    "host.name",
    "k8s.node.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "container.id",
    "container.name",
];
/// What stands for `service.instance.id` where no service is named: the nearest thing that has a name.
const INSTANCES: [&str; 5] = ["container.id", "k8s.pod.name", "k8s.node.name", "host.name", "host.id"];

/// What a resource says of who sends.
struct Identity {
    job: Option<String>,
    instance: Option<String>,
    /// Of a resource that names no service: labels of [`MACHINE`].
    machine: Labels,
    /// The rest, as labels of `target_info`.
    info: Labels,
}

impl Identity {
    fn of(resource: &Resource) -> Self {
        let text = |name: &str| resource.get(name).map(value_text).filter(|text| !text.is_empty());
        let job = text(field::SERVICE_NAME).map(|service| match text("service.namespace") {
            Some(namespace) => format!("{namespace}/{service}"),
            None => service,
        });
        let identifying = [field::SERVICE_NAME, "service.namespace", "service.instance.id"];
        let is_info = |name: &str| !identifying.contains(&name) && !name.starts_with("scope.");
        let mut info = Joined::default();
        for (name, value) in resource.attributes.iter().filter(|(name, _)| is_info(name)) {
            info.add(name.strip_prefix("resource.").unwrap_or(name), value_text(value));
        }
        let mut machine = Joined::default();
        let mut instance = text("service.instance.id");
        if job.is_none() && instance.is_none() {
            instance = INSTANCES.iter().find_map(|name| text(name));
            for name in MACHINE {
                machine.add(name, text(name).unwrap_or_default());
            }
        }
        Self { job, instance, machine: machine.finish(), info: info.finish() }
    }

    fn identify(&self, labels: &mut Labels) {
        for (name, value) in [("job", &self.job), ("instance", &self.instance)] {
            let Some(value) = value else { continue };
            labels.retain(|(known, _)| known != name);
            labels.push((name.to_owned(), value.clone()));
        }
        // What the point says of itself is nearer.
        for (name, value) in &self.machine {
            if !labels.iter().any(|(known, _)| known == name) {
                labels.push((name.clone(), value.clone()));
            }
        }
        labels.sort();
    }

    /// What else is known of the sender, if there is a sender and anything else.
    fn target_info(&self, t_ms: i64, out: &mut Translated) {
        if self.info.is_empty() || (self.job.is_none() && self.instance.is_none()) {
            return;
        }
        let mut labels = self.info.clone();
        self.identify(&mut labels);
        let mut series = Series::new("target_info", labels);
        series.samples.push((t_ms, 1.0));
        out.series.push(series);
        out.metadata("target_info", MetricType::Gauge, "Target metadata", String::new);
    }
}

fn labels_of(point: &Point<'_>, resource: &Identity) -> Labels {
    let mut labels = Joined::default();
    for (name, value) in &point.attributes {
        labels.add(name, value.clone());
    }
    let mut labels = labels.finish();
    resource.identify(&mut labels);
    labels
}

/// Labels by their translated names. Attributes that become one label are joined by `;`, in the order of their own names.
#[derive(Default)]
struct Joined(Vec<(String, String, String)>);

impl Joined {
    fn add(&mut self, name: &str, value: String) {
        if let Some(label) = label_name(name).filter(|label| label != "__name__") {
            self.0.push((label, name.to_owned(), value));
        }
    }

    fn finish(mut self) -> Labels {
        self.0.sort();
        let mut labels: Labels = Vec::with_capacity(self.0.len());
        for (label, _, value) in self.0 {
            match labels.last_mut() {
                Some((known, joined)) if *known == label => {
                    joined.push(';');
                    joined.push_str(&value);
                }
                _ => labels.push((label, value)),
            }
        }
        labels.retain(|(_, value)| !value.is_empty());
        labels
    }
}

fn value_text(value: &Value) -> String {
    point::text_of(value.into())
}
