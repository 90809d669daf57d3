//! Scrape configurations, as Prometheus writes them.
//!
//! [`parse`] reads a whole `prometheus.yml` or a file that holds only `scrape_configs`. It reports every mistake at once,
//! with line, column and a hint. What Prometheus knows and this crate does not do is an error that says so: a target
//! that is silently not scraped, or scraped without its certificate check, would be worse.
//!
//! Parts of the file that are about something else (`alerting`, `remote_write`, …) load with a warning.

mod read;
mod redact;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use nines_base::MIB;
pub use nines_yaml::{DocumentError, DocumentWarning};

use crate::labels::LabelSet;
use crate::relabel::Rule;

pub(crate) use read::group;
pub use read::parse;
pub use redact::redacted;

/// Upstream's defaults.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a body may have at most where the configuration sets no limit; upstream takes any. The largest expositions of
/// large clusters (kube-state-metrics) are some 50 MiB.
pub const BODY_BYTES_MAX: u64 = 256 * MIB;

/// Jobs of one file. Generated configurations of large fleets have some hundreds.
pub const JOBS_MAX: usize = 10_000;

impl Job {
    /// The files with secrets, as they were written.
    pub fn secret_files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let authorization = self.authorization.as_mut().map(|authorization| match authorization {
            Authorization::Basic { password: secret, .. }
            | Authorization::Token { credentials: secret, .. } => secret,
        });
        let headers = self.headers.iter_mut().map(|(_, secret)| secret);
        authorization.into_iter().chain(headers).filter_map(|secret| match secret {
            Secret::Written(_) => None,
            Secret::File(path) => Some(path),
        })
    }
}

/// What a file says of scraping.
#[derive(Debug, Clone, Default)]
pub struct ScrapeFile {
    pub jobs: Vec<Job>,
    /// Patterns of rule files, as written; relative to the file's folder.
    pub rule_files: Vec<String>,
    pub evaluation_interval: Option<Duration>,
    pub external_labels: LabelSet,
    pub warnings: Vec<DocumentWarning>,
}

/// One entry of `scrape_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Unique in its file.
    pub name: String,
    pub interval: Duration,
    /// Not longer than `interval`.
    pub timeout: Duration,
    pub honor_labels: bool,
    pub honor_timestamps: bool,
    /// Series with timestamps of their own are marked stale too.
    pub track_timestamps_staleness: bool,
    /// In order of preference.
    pub protocols: Vec<Protocol>,
    /// For targets that do not say what they send.
    pub fallback: Option<Protocol>,
    pub native_histograms: bool,
    pub classic_histograms_too: bool,
    pub extra_metrics: bool,
    pub path: String,
    pub scheme: Scheme,
    pub params: BTreeMap<String, Vec<String>>,
    /// Whether compressed bodies are asked for.
    pub compression: bool,
    pub follow_redirects: bool,
    pub limits: Limits,
    /// How many targets that relabelling dropped are remembered for people; 0 is the crate's own bound.
    pub keep_dropped_targets: usize,
    pub authorization: Option<Authorization>,
    pub headers: Vec<(String, Secret)>,
    pub static_groups: Vec<Group>,
    pub files: Vec<FileDiscovery>,
    pub dns: Vec<DnsDiscovery>,
    pub relabel: Vec<Rule>,
    pub metric_relabel: Vec<Rule>,
}

/// Zero is no limit, but for the body, whose zero is [`BODY_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    pub body_bytes: u64,
    pub samples: usize,
    pub targets: usize,
    pub labels: usize,
    pub label_name_bytes: usize,
    pub label_value_bytes: usize,
    pub histogram_buckets: usize,
}

impl Limits {
    pub fn body_bytes_max(&self) -> u64 {
        if self.body_bytes == 0 { BODY_BYTES_MAX } else { self.body_bytes }
    }
}

/// `scrape_protocols`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    PrometheusProto,
    OpenMetricsText0_0_1,
    OpenMetricsText1_0_0,
    PrometheusText0_0_4,
    PrometheusText1_0_0,
}

impl Protocol {
    pub const ALL: [(&'static str, Self); 5] = [
        ("PrometheusProto", Self::PrometheusProto),
        ("OpenMetricsText0.0.1", Self::OpenMetricsText0_0_1),
        ("OpenMetricsText1.0.0", Self::OpenMetricsText1_0_0),
        ("PrometheusText0.0.4", Self::PrometheusText0_0_4),
        ("PrometheusText1.0.0", Self::PrometheusText1_0_0),
    ];

    /// Upstream's default order; with native histograms protobuf comes first.
    pub fn defaults(native_histograms: bool) -> Vec<Self> {
        let text = [
            Self::OpenMetricsText1_0_0,
            Self::OpenMetricsText0_0_1,
            Self::PrometheusText1_0_0,
            Self::PrometheusText0_0_4,
        ];
        let first = native_histograms.then_some(Self::PrometheusProto);
        first.into_iter().chain(text).collect()
    }

    pub(crate) fn format(self) -> crate::exposition::Format {
        use crate::exposition::Format;
        match self {
            Self::PrometheusProto => Format::Protobuf,
            Self::OpenMetricsText0_0_1 | Self::OpenMetricsText1_0_0 => Format::OpenMetrics,
            Self::PrometheusText0_0_4 | Self::PrometheusText1_0_0 => Format::Text,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::OpenMetricsText0_0_1 => "application/openmetrics-text;version=0.0.1",
            Self::OpenMetricsText1_0_0 => "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
            Self::PrometheusText0_0_4 => "text/plain;version=0.0.4",
            Self::PrometheusText1_0_0 => "text/plain;version=1.0.0;escaping=allow-utf-8",
        }
    }

    /// The `Accept` header, as upstream's `acceptHeader` weighs it.
    pub fn accept(protocols: &[Self]) -> String {
        let mut weight = protocols.len() + 1;
        let mut parts = Vec::with_capacity(weight);
        for protocol in protocols {
            parts.push(format!("{};q=0.{weight}", protocol.media_type()));
            weight -= 1;
        }
        parts.push(format!("*/*;q=0.{weight}"));
        parts.join(",")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    #[default]
    Http,
    Https,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Where a secret comes from. Its text never shows in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    Written(String),
    /// Read before each scrape, so that it can be replaced without a restart.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(_) => f.write_str("<secret>"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    Basic {
        username: String,
        password: Secret,
    },
    /// `Authorization: <scheme> <credentials>`.
    Token {
        scheme: String,
        credentials: Secret,
    },
}

/// Targets with labels in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Where it comes from, for people: the place in the file, the file's name, the name that was looked up.
    pub source: String,
    /// Each has at least `__address__`.
    pub targets: Vec<LabelSet>,
    pub labels: LabelSet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiscovery {
    /// Paths whose last part may hold `*`; end in `.json`, `.yml` or `.yaml`.
    pub patterns: Vec<String>,
    pub refresh: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsDiscovery {
    pub names: Vec<String>,
    pub record: RecordType,
    /// For all types but SRV, whose answers have ports.
    pub port: u16,
    pub refresh: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordType {
    A,
    Aaaa,
    Srv,
    Mx,
    Ns,
}

impl RecordType {
    pub const ALL: [(&'static str, Self); 5] =
        [("A", Self::A), ("AAAA", Self::Aaaa), ("SRV", Self::Srv), ("MX", Self::Mx), ("NS", Self::Ns)];

    /// The number on the wire.
    pub fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Mx => 15,
            Self::Aaaa => 28,
            Self::Srv => 33,
        }
    }
}

#[cfg(test)]
mod tests;
