//! The audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// Oldest first, unless `newest` or `before` was asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditResponse {
    pub entries: Vec<AuditRecord>,
    /// Pass as `after` for the entries that follow; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_after: Option<u64>,
    /// Pass as `before` for the entries that came earlier; absent at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_before: Option<u64>,
}

/// One entry in its place in the chain.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub sequence: u64,
    pub at: Time,
    pub actor: String,
    /// `key:<id>`, `session:<id>`, `system` or `anonymous`.
    pub via: String,
    /// Such as `key.create`; a refused call is the word of its route, or `route.<operation>`.
    pub action: String,
    pub resource: String,
    /// `done`, `denied` or `failed`.
    pub result: String,
    pub request_id: String,
    /// From where; empty for the node itself.
    pub address: String,
    pub details: String,
    /// SHA-256 over this entry and the hash before it, in hexadecimal.
    pub hash: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditVerdict {
    /// Every hash covers its entry and the one before.
    pub intact: bool,
    /// Entries that were read and found in order.
    pub entries: u64,
    /// The first entry that is not what was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<u64>,
}
