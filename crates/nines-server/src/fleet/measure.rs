//! What of a kind of unit can be measured, in the names of OpenTelemetry, node_exporter, cAdvisor and the kubelet.

use std::collections::BTreeMap;

use nines_api::InfraMeasure;
use nines_base::ErrorKind;
use nines_fleet::identify::identify;
use nines_fleet::{Kind, UnitKey};
use nines_promql::{Labels, QueryError, SampleValue, Value};

use super::Asked;

/// Points of a history: a sparkline of a few dozen pixels.
pub const HISTORY_POINTS: usize = 24;
/// Over which rates are taken, at least: two scrapes of a minute.
const WINDOW_SECS_MIN: u32 = 120;
/// What stands for it in the table.
const WINDOW: &str = "$window";

/// How several series of one unit are one value: the disks of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    Sum,
    Max,
}

struct Measure {
    kind: Kind,
    name: &'static str,
    unit: &'static str,
    fold: Fold,
    /// Whatever of them has series.
    expressions: &'static [&'static str],
}

const fn measure(
    kind: Kind,
    name: &'static str,
    unit: &'static str,
    fold: Fold,
    expressions: &'static [&'static str],
) -> Measure {
    Measure { kind, name, unit, fold, expressions }
}

const MEASURES: &[Measure] = &[
    measure(
        Kind::Host,
        "cpu",
        "ratio",
        Fold::Max,
        &[
            "1 - avg without (cpu, cpu_logical_number, cpu_mode, state) (rate(system_cpu_time_seconds_total{cpu_mode=\"idle\"}[$window]))",
            "1 - avg without (cpu, state) (rate(system_cpu_time_seconds_total{state=\"idle\"}[$window]))",
            "1 - avg without (cpu, mode) (rate(node_cpu_seconds_total{mode=\"idle\"}[$window]))",
        ],
    ),
    measure(
        Kind::Host,
        "memory",
        "ratio",
        Fold::Max,
        &[
            "system_memory_utilization_ratio{state=~\"|used\"}",
            "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
        ],
    ),
    measure(
        Kind::Host,
        "disk",
        "ratio",
        Fold::Max,
        &[
            "system_filesystem_utilization_ratio",
            "1 - node_filesystem_avail_bytes{fstype!~\"tmpfs|ramfs|overlay|squashfs\"} / node_filesystem_size_bytes > 0",
        ],
    ),
    measure(
        Kind::Host,
        "network",
        "bytes/s",
        Fold::Sum,
        &[
            "rate(system_network_io_bytes_total{network_interface_name!=\"lo\", device!=\"lo\"}[$window])",
            "rate(node_network_receive_bytes_total{device!=\"lo\"}[$window])",
            "rate(node_network_transmit_bytes_total{device!=\"lo\"}[$window])",
        ],
    ),
    measure(
        Kind::Host,
        "disk io",
        "bytes/s",
        Fold::Sum,
        &[
            "rate(system_disk_io_bytes_total[$window])",
            "rate(node_disk_read_bytes_total[$window])",
            "rate(node_disk_written_bytes_total[$window])",
        ],
    ),
    measure(Kind::Host, "load", "", Fold::Max, &["system_cpu_load_average_1m", "node_load1"]),
    measure(
        Kind::Pod,
        "cpu",
        "cores",
        Fold::Sum,
        &[
            "rate(k8s_pod_cpu_time_seconds_total[$window])",
            "rate(container_cpu_usage_seconds_total{pod!=\"\", container!=\"\", container!=\"POD\"}[$window])",
        ],
    ),
    measure(Kind::Pod, "memory", "bytes", Fold::Max, &["k8s_pod_memory_usage_bytes"]),
    measure(Kind::Pod, "network", "bytes/s", Fold::Sum, &["rate(k8s_pod_network_io_bytes_total[$window])"]),
    measure(
        Kind::Container,
        "cpu",
        "cores",
        Fold::Sum,
        &[
            "rate(container_cpu_time_seconds_total[$window])",
            "rate(container_cpu_usage_seconds_total{container!=\"\", container!=\"POD\"}[$window])",
            "rate(k8s_container_cpu_time_seconds_total[$window])",
        ],
    ),
    measure(
        Kind::Container,
        "memory",
        "bytes",
        Fold::Max,
        &["container_memory_usage_bytes", "k8s_container_memory_usage_bytes"],
    ),
    measure(
        Kind::Process,
        "cpu",
        "cores",
        Fold::Sum,
        &["rate(process_cpu_time_seconds_total{process_executable_name!=\"\"}[$window])"],
    ),
    measure(
        Kind::Process,
        "memory",
        "bytes",
        Fold::Max,
        &["process_memory_usage_bytes{process_executable_name!=\"\"}"],
    ),
    measure(Kind::Target, "scrape duration", "s", Fold::Max, &["scrape_duration_seconds"]),
    measure(Kind::Target, "samples", "", Fold::Max, &["scrape_samples_scraped"]),
];

/// What is asked, once it is known what for.
#[derive(Debug, Clone)]
pub struct Asking {
    pub kind: Kind,
    pub measure: InfraMeasure,
    fold: Fold,
    pub range_secs: u32,
}

fn shown(measure: &Measure, range_secs: u32) -> InfraMeasure {
    let window = format!("{}s", WINDOW_SECS_MIN.max(step_of(range_secs) * 2));
    InfraMeasure {
        name: measure.name.to_owned(),
        unit: measure.unit.to_owned(),
        expressions: measure.expressions.iter().map(|text| text.replace(WINDOW, &window)).collect(),
    }
}

fn step_of(range_secs: u32) -> u32 {
    (range_secs / (HISTORY_POINTS as u32 - 1)).max(1)
}

pub fn of_kind(kind: Kind, range_secs: u32) -> Vec<InfraMeasure> {
    MEASURES.iter().filter(|measure| measure.kind == kind).map(|one| shown(one, range_secs)).collect()
}

impl Asking {
    /// The measure of that name, the kind's first if none is named; or a question of one's own.
    ///
    /// # Errors
    /// There is no such measure; the names that there are.
    pub fn new(
        kind: Kind,
        name: Option<&str>,
        query: Option<String>,
        range_secs: u32,
    ) -> Result<Self, Vec<&'static str>> {
        if let Some(query) = query {
            let measure =
                InfraMeasure { name: "query".to_owned(), unit: String::new(), expressions: vec![query] };
            return Ok(Self { kind, measure, fold: Fold::Max, range_secs });
        }
        let mut of_kind = MEASURES.iter().filter(|measure| measure.kind == kind);
        let known: Vec<&'static str> = of_kind.clone().map(|measure| measure.name).collect();
        let measure = of_kind.find(|measure| name.is_none_or(|name| name == measure.name)).ok_or(known)?;
        Ok(Self { kind, measure: shown(measure, range_secs), fold: measure.fold, range_secs })
    }

    pub fn step_secs(&self) -> u32 {
        step_of(self.range_secs)
    }
}

pub use nines_fleet::Histories as Values;

/// The values of each unit, the last of them now, and what is missing. If the past is too much to be read, only now is.
pub fn values(asked: &Asked<'_>, asking: &Asking, now_ms: i64) -> Result<(Values, Vec<String>), QueryError> {
    let (mut values, mut notes) = (Values::new(), Vec::new());
    let step_ms = i64::from(asking.step_secs()) * 1000;
    let start_ms = now_ms - step_ms * (HISTORY_POINTS as i64 - 1);
    for expression in &asking.measure.expressions {
        let source = asked.source();
        let engine = asked.engine(None);
        let answer = match engine.range(&source, expression, start_ms, now_ms, step_ms, &asked.control) {
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                notes.push("the past is left out: it is more than one question may read".to_owned());
                engine.instant(&asked.source(), expression, now_ms, &asked.control)?
            }
            other => other?,
        };
        let mut seen: BTreeMap<UnitKey, Vec<Option<f64>>> = BTreeMap::new();
        let mut add = |labels: &Labels, time: i64, value: f64| {
            let label = |name: &str| Some(labels.get(name)).filter(|value| !value.is_empty());
            let Some(found) = identify(asking.kind, &label) else { return };
            if !value.is_finite() {
                return;
            }
            let point = ((time - start_ms) / step_ms).clamp(0, HISTORY_POINTS as i64 - 1) as usize;
            let points = seen.entry(found.key).or_insert_with(|| vec![None; HISTORY_POINTS]);
            points[point] = folded(asking.fold, points[point], value);
        };
        match answer.value {
            Value::Matrix(matrix) => {
                for series in &matrix {
                    series.floats.iter().for_each(|(time, value)| add(&series.labels, *time, *value));
                }
            }
            Value::Vector(vector) => {
                for sample in &vector {
                    if let SampleValue::Float(value) = &sample.value {
                        add(&sample.labels, now_ms, *value);
                    }
                }
            }
            _ => {}
        }
        for (key, points) in seen {
            let known = values.entry(key).or_insert_with(|| vec![None; HISTORY_POINTS]);
            for (known, point) in known.iter_mut().zip(points) {
                if let Some(value) = point {
                    *known = folded(asking.fold, *known, value);
                }
            }
        }
    }
    notes.dedup();
    Ok((values, notes))
}

fn folded(fold: Fold, known: Option<f64>, value: f64) -> Option<f64> {
    Some(match (known, fold) {
        (None, _) => value,
        (Some(known), Fold::Sum) => known + value,
        (Some(known), Fold::Max) => known.max(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_is_a_query() {
        for kind in Kind::ALL {
            let measures = of_kind(kind, 3_600);
            assert!(!measures.is_empty(), "{kind:?}");
            for text in measures.iter().flat_map(|measure| &measure.expressions) {
                nines_promql::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            }
        }
        assert_eq!(
            Asking::new(Kind::Target, Some("cpu"), None, 60).unwrap_err(),
            ["scrape duration", "samples"]
        );
    }
}
