//! Address credit: how clients behave, who is blocked, and until when.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// What people set about address credit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreditSettings {
    /// `off`, `watch` (scores only), `propose` (a run waits for approval) or `act` (blocks by itself).
    pub mode: String,
    /// Whose access logs are believed, in the filter language, such as `service.name: edge`.
    pub from: String,
    /// `logs` or `spans`.
    pub dataset: String,
    /// Networks that are never scored and never blocked.
    pub allow: Vec<String>,
    /// The firewall's address set for IPv4.
    pub list: String,
    /// The one for IPv6; without it, IPv6 addresses are scored and not blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_ipv6: Option<String>,
    /// Points at which an address is blocked.
    pub block_at: f64,
    /// Points below which it may be released.
    pub release_at: f64,
    /// Points halve in this time.
    pub half_life_secs: u32,
    /// The first block; each further one within a day is twice as long.
    pub block_secs: u32,
    pub block_secs_max: u32,
    /// Networks blocked at a time.
    pub blocks_max: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditRule {
    pub name: String,
    pub about: String,
    pub points: f64,
}

/// Points that an address has by a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreditReason {
    pub rule: String,
    pub points: f64,
}

/// What is known about an address, or about the /64 of an IPv6 address.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditAddress {
    pub network: String,
    /// The address of it that was seen last.
    pub address: String,
    pub score: f64,
    /// The largest part of the score first.
    pub because: Vec<CreditReason>,
    pub last_at: Time,
}

/// A block, in force or over.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditBlock {
    pub network: String,
    /// The firewall's address set.
    pub list: String,
    /// `asked`, `blocked`, `releasing`, `released` or `failed`.
    pub phase: String,
    pub since: Time,
    pub until: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Blocks of this network within a day, this one included.
    pub times: u32,
    /// When it was decided.
    pub score: f64,
    pub because: Vec<CreditReason>,
    /// The run that blocks or releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The run waits for a person, if the phase is `asked`.
    pub needs_approval: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditStatus {
    pub settings: CreditSettings,
    /// Where the address sets are.
    pub cloud: String,
    pub rules: Vec<CreditRule>,
    /// Addresses that something is known about.
    pub addresses: u64,
    /// Requests that were scored since the node started.
    pub requests: u64,
    /// Requests that were not scored, because there were too many at once.
    pub left_out: u64,
    /// Whether the stored past is in the scores.
    pub is_complete: bool,
    pub worst: Vec<CreditAddress>,
    /// Those that are not over, then the newest of those that are.
    pub blocks: Vec<CreditBlock>,
}

/// A request of an address.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditRequest {
    pub at: Time,
    pub status: u16,
    pub path: String,
    /// The rules that it breaks.
    pub rules: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditExplanation {
    /// The network that is judged.
    pub network: String,
    /// Why it is never blocked, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never: Option<String>,
    /// Nothing: nothing is known against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<CreditAddress>,
    /// The newest first.
    pub blocks: Vec<CreditBlock>,
    /// Of the last hour, the newest first.
    pub requests: Vec<CreditRequest>,
}

/// Settings of today over a stored past.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditRehearsalRequest {
    /// Without them, those in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<CreditSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
}

/// A block that would have been.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditRehearsedBlock {
    pub network: String,
    pub since: Time,
    /// Nothing: it would still be in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    pub score: f64,
    pub because: Vec<CreditReason>,
    /// Requests that the firewall would have stopped.
    pub requests: u64,
    /// Those of them that were answered with 2xx.
    pub answered_well: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditRehearsal {
    pub start: Time,
    pub end: Time,
    /// Requests that were looked at.
    pub requests: u64,
    /// Requests that would have been stopped, and those of them that were answered with 2xx.
    pub stopped: u64,
    pub stopped_answered_well: u64,
    /// In the order of their begin; at most 1 000.
    pub blocks: Vec<CreditRehearsedBlock>,
    pub blocks_count: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditReleaseRequest {
    /// As in the list of blocks, such as `203.0.113.7/32`.
    pub network: String,
}
