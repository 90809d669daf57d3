//! What one run of a check saw.

use std::net::IpAddr;
use std::time::Duration;

use nines_model::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// When the check began.
    pub at: Timestamp,
    pub outcome: Outcome,
    /// Why it is no success: the kind for programs, and one sentence for people.
    pub reason: Option<(FailureKind, String)>,
    /// From the beginning to the last byte that was wanted.
    pub duration: Duration,
    pub phases: Phases,
    pub facts: Facts,
    /// In the order of the document; those that were not reached are absent.
    pub assertions: Vec<Assertion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Success,
    /// The target was reached and is wrong, or cannot be reached.
    Failure,
    /// The check could not be carried out: it says nothing about the target.
    Unable,
}

/// Why a check is no success; `error.type` of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The name has no address.
    Resolve,
    Connect,
    Timeout,
    /// The handshake, before any certificate was looked at.
    Tls,
    Certificate,
    /// The target does not speak the protocol.
    Protocol,
    Assertion,
    /// This machine has no network, or no resolver that answers.
    NoNetwork,
    /// The egress policy does not allow the address.
    Forbidden,
    /// This machine may not do that: a socket that needs a right, a variable that is not set.
    NotPermitted,
}

/// How long each step took; `None` if it was not taken. Redirects add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
    pub resolve: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    /// From the request to the first byte of the answer.
    pub process: Option<Duration>,
    pub transfer: Option<Duration>,
}

/// What was seen on the way. All of it is optional.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    pub address: Option<IpAddr>,
    pub http_status: Option<u16>,
    /// `1.1`, `2`.
    pub http_version: Option<&'static str>,
    pub body_bytes: Option<u64>,
    pub redirects: u32,
    /// `1.2`, `1.3`.
    pub tls_version: Option<&'static str>,
    pub certificate: Option<CertificateFacts>,
    pub dns_code: Option<&'static str>,
    pub dns_answers: Vec<String>,
    /// `SERVING`, `NOT_SERVING`, …
    pub grpc_health: Option<&'static str>,
}

/// Of the certificate that the target shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateFacts {
    pub subject: String,
    pub issuer: String,
    pub names: Vec<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// The earliest end of any certificate that was sent along, this one included.
    pub chain_not_after: Timestamp,
    pub chain_length: u32,
}

/// One thing that was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// `status is 200`.
    pub what: String,
    pub passed: bool,
    /// What was there instead, cut to [`SAW_CHARS_MAX`].
    pub saw: String,
}

/// Enough for a header or the start of an error page.
pub const SAW_CHARS_MAX: usize = 200;

impl Assertion {
    pub fn new(what: impl Into<String>, passed: bool, saw: impl AsRef<str>) -> Self {
        Self { what: what.into(), passed, saw: saw.as_ref().chars().take(SAW_CHARS_MAX).collect() }
    }
}

impl Outcome {
    /// As `event.outcome` of ECS.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Unable => "unknown",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Success, Self::Failure, Self::Unable].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

impl FailureKind {
    pub const ALL: [Self; 10] = [
        Self::Resolve,
        Self::Connect,
        Self::Timeout,
        Self::Tls,
        Self::Certificate,
        Self::Protocol,
        Self::Assertion,
        Self::NoNetwork,
        Self::Forbidden,
        Self::NotPermitted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::Protocol => "protocol",
            Self::Assertion => "assertion",
            Self::NoNetwork => "no_network",
            Self::Forbidden => "forbidden",
            Self::NotPermitted => "not_permitted",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it says something about the target.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::NoNetwork | Self::Forbidden | Self::NotPermitted => Outcome::Unable,
            _ => Outcome::Failure,
        }
    }
}

impl Phases {
    /// With the names that blackbox_exporter gives them.
    pub fn named(&self) -> [(&'static str, Option<Duration>); 5] {
        [
            ("resolve", self.resolve),
            ("connect", self.connect),
            ("tls", self.tls),
            ("processing", self.process),
            ("transfer", self.transfer),
        ]
    }
}
