//! What is checked, as declared.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;

use crate::verdict::Thresholds;

/// The location of the node itself.
pub const LOCAL: &str = "local";

/// A check of one target, at an interval, from locations.
#[derive(Debug, Clone)]
pub struct Probe {
    pub name: String,
    pub description: Option<String>,
    /// Whose users notice when the target is down.
    pub service: Option<String>,
    /// Of `metadata.labels`: on the series, the events and the alert.
    pub labels: BTreeMap<String, String>,
    pub check: Check,
    /// From 1 s; 60 s by default.
    pub interval: Duration,
    pub timeout: Duration,
    pub failure_threshold: u32,
    pub success_threshold: u32,
    /// At least one, without repetition.
    pub locations: Vec<String>,
    /// Locations that must see it down, from 1 to as many as there are.
    pub quorum: u32,
    /// `P0`, `P1` or `P2`.
    pub level: String,
    pub runbook: Option<String>,
    pub paused: bool,
    /// A certificate that ends within this raises an alert of level P2; zero: never.
    pub certificate_warning: Duration,
}

#[derive(Debug, Clone)]
pub enum Check {
    Http(Box<HttpCheck>),
    Tcp(TcpCheck),
    Tls(TlsCheck),
    Dns(DnsCheck),
    Icmp(IcmpCheck),
    Grpc(GrpcCheck),
}

#[derive(Debug, Clone)]
pub struct HttpCheck {
    pub url: http::Uri,
    pub method: http::Method,
    pub headers: Vec<(http::HeaderName, Secretive)>,
    pub body: String,
    /// Hops that are followed; 0: the first answer counts.
    pub redirects_max: u32,
    pub tls: TlsOptions,
    pub expect: HttpExpect,
}

/// A value that stands in the document, or in the environment of the runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secretive {
    Plain(String),
    /// The name of a variable; it begins with [`ENVIRONMENT_PREFIX`].
    Environment(String),
}

/// Only such variables may be sent out: a document must not be a way to read the rest of the environment.
pub const ENVIRONMENT_PREFIX: &str = "NINES_PROBE_";

#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// The certificate may be of anybody and for any name.
    pub skip_verification: bool,
    /// PEM of authorities in place of the machine's.
    pub authorities: Option<String>,
    /// In place of the host: sent, and looked for in the certificate.
    pub server_name: Option<String>,
    /// A certificate that ends sooner fails the check.
    pub lasts_at_least: Duration,
}

#[derive(Debug, Clone, Default)]
pub struct HttpExpect {
    /// Empty: 200 to 399.
    pub status: Vec<std::ops::RangeInclusive<u16>>,
    pub headers: Vec<(http::HeaderName, Regex)>,
    pub body_contains: Vec<String>,
    pub body_lacks: Vec<String>,
    pub body_matches: Vec<Regex>,
    pub json: Vec<JsonExpect>,
    pub latency_below: Option<Duration>,
}

#[derive(Debug, Clone)]
pub struct JsonExpect {
    /// As written: `$.data.items[0].state`.
    pub path: String,
    pub steps: Vec<JsonStep>,
    pub expect: JsonValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonStep {
    Key(String),
    Index(usize),
}

#[derive(Debug, Clone)]
pub enum JsonValue {
    Exists,
    /// Text, or a number or truth value by its text.
    Equals(String),
    Matches(Regex),
}

#[derive(Debug, Clone)]
pub struct TcpCheck {
    pub address: HostPort,
    pub tls: Option<TlsOptions>,
    pub send: String,
    /// Found in what the target sends.
    pub expect: Option<Regex>,
}

#[derive(Debug, Clone)]
pub struct TlsCheck {
    pub address: HostPort,
    pub options: TlsOptions,
    /// Names that the certificate must be for.
    pub names: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct DnsCheck {
    pub name: String,
    pub record: RecordType,
    pub server: HostPort,
    pub over_tcp: bool,
    /// `NOERROR` unless said otherwise.
    pub code: u8,
    /// Each must be among the answers.
    pub answers: Vec<String>,
    /// And nothing else.
    pub exact: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordType {
    A,
    Aaaa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Soa,
    Srv,
    Txt,
    Caa,
}

#[derive(Debug, Clone)]
pub struct IcmpCheck {
    pub host: String,
}

#[derive(Debug, Clone)]
pub struct GrpcCheck {
    pub address: HostPort,
    /// Empty: the server as a whole.
    pub service: String,
    pub tls: Option<TlsOptions>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl HostPort {
    /// `host:port`, `[v6]:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.trim().rsplit_once(':')?;
        let host = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']'))?;
        let is_name = !host.is_empty() && !host.contains(['/', ' ', '@']);
        let port = port.parse().ok().filter(|port| *port > 0)?;
        is_name.then(|| Self { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Probe {
    /// What is checked, for people and as `instance` of the series.
    pub fn target(&self) -> String {
        match &self.check {
            Check::Http(check) => check.url.to_string(),
            Check::Tcp(check) => check.address.to_string(),
            Check::Tls(check) => check.address.to_string(),
            Check::Dns(check) => format!("{} {} @{}", check.name, check.record.as_str(), check.server),
            Check::Icmp(check) => check.host.clone(),
            Check::Grpc(check) if check.service.is_empty() => check.address.to_string(),
            Check::Grpc(check) => format!("{}/{}", check.address, check.service),
        }
    }

    /// Where a connection shows that the target can be reached; `None` where checks make none.
    pub fn endpoint(&self) -> Option<HostPort> {
        match &self.check {
            Check::Http(check) => check.endpoint(),
            Check::Tcp(check) => Some(check.address.clone()),
            Check::Tls(check) => Some(check.address.clone()),
            Check::Grpc(check) => Some(check.address.clone()),
            Check::Dns(_) | Check::Icmp(_) => None,
        }
    }

    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            failures: self.failure_threshold,
            successes: self.success_threshold,
            quorum: self.quorum,
            silent_after: self.interval * 3 + self.timeout + SILENCE_SLACK,
        }
    }

    /// How soon a check is repeated whose location has not settled: three failures in a row are then seen within two
    /// intervals, as long as the timeout is no longer than a quarter of the interval.
    pub fn confirm_interval(&self) -> Duration {
        self.interval / 4
    }

    pub fn runs_at(&self, location: &str) -> bool {
        !self.paused && self.locations.iter().any(|known| known == location)
    }
}

/// Beyond three intervals: the way of a batch from a runner that is far away.
const SILENCE_SLACK: Duration = Duration::from_secs(15);

impl HttpCheck {
    pub fn endpoint(&self) -> Option<HostPort> {
        endpoint_of(&self.url)
    }
}

/// The host and port that a web address is served at.
pub fn endpoint_of(url: &http::Uri) -> Option<HostPort> {
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_u16().or_else(|| match url.scheme_str()? {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    })?;
    Some(HostPort { host, port })
}

impl Check {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Dns(_) => "dns",
            Self::Icmp(_) => "icmp",
            Self::Grpc(_) => "grpc",
        }
    }
}

impl RecordType {
    pub const ALL: [Self; 10] = [
        Self::A,
        Self::Aaaa,
        Self::Cname,
        Self::Mx,
        Self::Ns,
        Self::Ptr,
        Self::Soa,
        Self::Srv,
        Self::Txt,
        Self::Caa,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Ptr => "PTR",
            Self::Soa => "SOA",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
            Self::Caa => "CAA",
        }
    }

    /// As assigned by IANA ("DNS Parameters").
    pub fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Ptr => 12,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Srv => 33,
            Self::Caa => 257,
        }
    }
}
