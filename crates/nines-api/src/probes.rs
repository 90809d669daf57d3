//! Uptime: probes and their verdicts, heartbeats, and what runners elsewhere exchange with the node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UptimeResponse {
    /// What is down first, then by name.
    pub probes: Vec<ProbeStatus>,
    pub heartbeats: Vec<HeartbeatStatus>,
    pub runners: Vec<RunnerStatus>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProbeStatus {
    pub name: String,
    pub description: Option<String>,
    pub service: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// `http`, `tcp`, `tls`, `dns`, `icmp`, `grpc`.
    pub kind: String,
    pub target: String,
    /// Of the alert: `P0`, `P1`, `P2`.
    pub level: String,
    pub runbook: Option<String>,
    pub interval_secs: f64,
    pub paused: bool,
    /// Locations that must see it down.
    pub quorum: u32,
    /// `up`, `degraded`, `down`, `unknown`.
    pub verdict: String,
    pub since: Time,
    /// Somebody was told that it is down, and not yet that it is up.
    pub alerting: bool,
    pub locations: Vec<ProbeLocation>,
    /// The last measurement of any location.
    pub last: Option<ProbeResult>,
    /// Of the last 90 days, oldest first; days without a measurement are absent.
    pub days: Vec<ProbeDay>,
    /// Successes of all that counted in `days`, 0 to 1.
    pub availability: Option<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProbeLocation {
    pub location: String,
    /// `up`, `down`, `settling`, `runner_at_fault`, `unable`, `silent`, `new`.
    pub standing: String,
    pub since: Option<Time>,
    pub measured_at: Option<Time>,
    pub duration_ms: Option<f64>,
    /// Why the last measurement was no success.
    pub reason: Option<String>,
}

/// Measurements of one UTC day, from all locations.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, PartialEq, Eq)]
pub struct ProbeDay {
    /// `2026-11-22`.
    pub day: String,
    pub good: u64,
    pub bad: u64,
    /// Of runners at fault or unable: they say nothing of the target.
    pub unknown: u64,
}

/// One measurement. Times of phases in milliseconds; a phase that was not taken is absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema, PartialEq)]
pub struct ProbeResult {
    /// Given by the runner, growing.
    pub sequence: u64,
    pub probe: String,
    pub location: String,
    pub at: Time,
    /// `success`, `failure`, `unknown`.
    pub outcome: String,
    /// `resolve`, `connect`, `timeout`, `tls`, `certificate`, `protocol`, `assertion`, `no_network`, `forbidden`,
    /// `not_permitted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub duration_ms: f64,
    /// `resolve`, `connect`, `tls`, `processing`, `transfer`.
    pub phases_ms: BTreeMap<String, f64>,
    /// What the self-check of the runner found, if the runner is at fault rather than the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_fault: Option<String>,
    /// A repetition between the regular times, to make sure.
    #[serde(default)]
    pub confirmation: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    #[serde(default)]
    pub redirects: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ProbeCertificate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_code: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_answers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_health: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assertions: Vec<ProbeAssertion>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, PartialEq)]
pub struct ProbeCertificate {
    pub subject: String,
    pub issuer: String,
    pub names: Vec<String>,
    pub not_before: Time,
    pub not_after: Time,
    /// The earliest end in the chain that was sent.
    pub chain_not_after: Time,
    pub chain_length: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, PartialEq, Eq)]
pub struct ProbeAssertion {
    pub what: String,
    pub passed: bool,
    pub saw: String,
}

/// Whoever carries checks out at a location.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunnerStatus {
    pub location: String,
    /// Probes that are to run there.
    pub probes: u64,
    /// When it was last heard of; absent if never.
    pub seen_at: Option<Time>,
    /// `ok`, `at_fault`, `silent`, `missing`.
    pub standing: String,
    /// In words, for whoever asks whether the probe itself is at fault.
    pub finding: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatStatus {
    pub name: String,
    pub description: Option<String>,
    pub service: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub level: String,
    pub runbook: Option<String>,
    /// `every 1h`, or the times as crontab writes them.
    pub period: String,
    pub grace_secs: f64,
    /// `new`, `up`, `late`, `missed`, `failed`, `paused`.
    pub standing: String,
    pub last_at: Option<Time>,
    pub due_at: Time,
    /// When silence becomes an alert.
    pub missed_at: Time,
    /// From the last start to its end.
    pub took_secs: Option<f64>,
    /// The address to ping, with its secret; for editors only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ping_url: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatPinged {
    pub name: String,
    pub standing: String,
    pub due_at: Time,
}

/// What a runner is to do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, PartialEq, Eq)]
pub struct AssignedProbes {
    pub location: String,
    /// The documents of kind `Probe`, as they were applied, separated by `---`.
    pub documents: String,
}

/// What a runner has measured.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProbeReport {
    /// The same as long as the runner keeps its folder; results are numbered within it.
    pub runner: String,
    pub location: String,
    /// In order of their numbers. None: the runner only says that it is there.
    pub results: Vec<ProbeResult>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProbeReportTaken {
    /// Everything up to this number is on disk.
    pub sequence: u64,
    /// Results that are stored now; those that were known already are not counted.
    pub stored: u64,
}
