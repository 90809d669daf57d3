//! Metrics of this machine in OpenTelemetry's names, ready to be sent as OTLP.
//!
//! Words introduced here
//! - **Reading**: what was read of the machine at one instant ([`Reading`]).
//! - **Host**: reads one after the other ([`Host`]); nothing is computed over time here, counters go out as they are.
//!
//! Promises: what cannot be read is left out and told once, never guessed; the number of processes, containers and file
//! systems is bounded; no process is started.
//! Source: OpenTelemetry semantic conventions 1.3x, `system.*`, `process.*`, `container.*`, `k8s.*`.

mod containers;
pub mod kubelet;
mod proc;
mod processes;
mod system;

use std::collections::BTreeSet;
use std::path::PathBuf;

use nines_base::Random;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

/// What of a machine is read.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Of everything that is sent: `host.name`, region, labels.
    pub attributes: Vec<(String, String)>,
    pub processes: bool,
    pub containers: bool,
    /// Where control groups are mounted.
    pub cgroup_root: PathBuf,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            attributes: Vec::new(),
            processes: true,
            containers: true,
            cgroup_root: PathBuf::from("/sys/fs/cgroup"),
        }
    }
}

/// Reads one part of the host.
type Part = fn(&mut Reading) -> std::io::Result<()>;

/// Metrics of one instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    metrics: Vec<Measured>,
}

/// One metric with its points.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub name: &'static str,
    pub unit: &'static str,
    pub kind: Kind,
    pub points: Vec<(Vec<(&'static str, String)>, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grows until the machine, process or container starts anew.
    Counter,
    /// A sum that goes up and down: bytes in use.
    Level,
    Gauge,
}

impl Reading {
    fn add(
        &mut self,
        name: &'static str,
        unit: &'static str,
        kind: Kind,
        points: impl IntoIterator<Item = (Vec<(&'static str, String)>, f64)>,
    ) {
        let points: Vec<_> = points.into_iter().collect();
        if !points.is_empty() {
            self.metrics.push(Measured { name, unit, kind, points });
        }
    }

    pub fn metrics(&self) -> &[Measured] {
        &self.metrics
    }

    pub fn points(&self) -> usize {
        self.metrics.iter().map(|metric| metric.points.len()).sum()
    }

    /// As a request of OTLP. `boot_nanos`: since when counters count; `at_nanos`: now; both since 1970.
    pub fn to_otlp(&self, attributes: &[(String, String)], boot_nanos: u64, at_nanos: u64) -> Vec<u8> {
        let metrics = self.metrics.iter().map(|metric| metric.to_otlp(boot_nanos, at_nanos)).collect();
        let scope = InstrumentationScope {
            name: "nines-agent".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let resource = Resource {
            attributes: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            ..Resource::default()
        };
        let resource_metrics = vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }],
            schema_url: String::new(),
        }];
        ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
    }
}

impl Measured {
    fn to_otlp(&self, boot_nanos: u64, at_nanos: u64) -> Metric {
        let point = |(attributes, value): &(Vec<(&'static str, String)>, f64)| NumberDataPoint {
            attributes: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            start_time_unix_nano: if self.kind == Kind::Counter { boot_nanos } else { 0 },
            time_unix_nano: at_nanos,
            value: Some(number_data_point::Value::AsDouble(*value)),
            ..NumberDataPoint::default()
        };
        let data_points = self.points.iter().map(point).collect();
        let data = match self.kind {
            Kind::Gauge => metric::Data::Gauge(Gauge { data_points }),
            kind => metric::Data::Sum(Sum {
                data_points,
                aggregation_temporality: AggregationTemporality::Cumulative as i32,
                is_monotonic: kind == Kind::Counter,
            }),
        };
        Metric {
            name: self.name.to_owned(),
            unit: self.unit.to_owned(),
            data: Some(data),
            ..Metric::default()
        }
    }
}

fn attribute(name: &str, value: &str) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    }
}

/// This machine.
pub struct Host {
    options: HostOptions,
    /// Parts that could not be read, told once each.
    told: BTreeSet<&'static str>,
}

impl Host {
    pub fn new(options: HostOptions) -> Self {
        Self { options, told: BTreeSet::new() }
    }

    pub fn options(&self) -> &HostOptions {
        &self.options
    }

    /// Reads everything. Blocks for some milliseconds; a mount that hangs is asked no more than once.
    pub fn read(&mut self) -> Reading {
        let mut reading = Reading::default();
        let parts: [(&'static str, Part); 6] = [
            ("cpu", system::cpu),
            ("memory", system::memory),
            ("load and uptime", system::load),
            ("disks", system::disks),
            ("file systems", system::filesystems),
            ("network", system::network),
        ];
        for (name, part) in parts {
            if let Err(error) = part(&mut reading) {
                self.tell(name, &error);
            }
        }
        if self.options.processes
            && let Err(error) = processes::read(&mut reading)
        {
            self.tell("processes", &error);
        }
        if self.options.containers {
            containers::read(&mut reading, &self.options.cgroup_root);
        }
        reading
    }

    fn tell(&mut self, part: &'static str, error: &dyn std::error::Error) {
        if self.told.insert(part) {
            tracing::warn!(part, error = error.to_string(), "cannot be read on this machine and is left out");
        }
    }
}

/// What tells this machine from others: its name, and where it has one the id that survives renames.
pub fn identity(random: &Random) -> Vec<(String, String)> {
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let name = read("/proc/sys/kernel/hostname").filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| format!("host-{:08x}", random.next_u64() as u32));
    let id = read("/etc/machine-id").filter(|id| !id.is_empty());
    let mut attributes = vec![("host.name".to_owned(), name), ("os.type".to_owned(), "linux".to_owned())];
    attributes.extend(id.map(|id| ("host.id".to_owned(), id)));
    attributes
}

/// When the machine started, in nanoseconds since 1970; 0 if it does not say.
pub fn booted_at() -> u64 {
    let stat = proc::text("stat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|secs| secs.trim().parse::<u64>().ok()).unwrap_or(0).saturating_mul(1_000_000_000)
}

/// CPU seconds and resident bytes of this very process: what collecting costs.
pub fn own_cost() -> Option<(f64, u64)> {
    let stat = processes::stat(&proc::text("self/stat").ok()?)?;
    let units = proc::Units::of_this_machine();
    Some(((stat.user + stat.system) as f64 / units.ticks_per_sec, stat.resident_pages * units.page_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_read_and_makes_a_request() {
        let reading = Host::new(HostOptions::default()).read();
        let names: Vec<&str> = reading.metrics().iter().map(|metric| metric.name).collect();
        for name in [
            "system.cpu.time",
            "system.memory.usage",
            "system.memory.limit",
            "system.filesystem.usage",
            "system.network.io",
            "system.uptime",
            "process.memory.usage",
        ] {
            assert!(names.contains(&name), "{name} is missing in {names:?}");
        }
        let bytes = reading.to_otlp(&[("host.name".to_owned(), "a".to_owned())], 1, 2);
        let request = ExportMetricsServiceRequest::decode(bytes.as_slice()).unwrap();
        let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
        assert_eq!(metrics.len(), reading.metrics().len());
        let cpu = metrics.iter().find(|metric| metric.name == "system.cpu.time").unwrap();
        let Some(metric::Data::Sum(sum)) = &cpu.data else { panic!("not a sum") };
        assert!(sum.is_monotonic && sum.data_points[0].start_time_unix_nano == 1);
    }
}
