//! Signing in, keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// Exchange a key or a one-time token for a browser session (cookie `nines_session`).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignInRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The token of the first-run link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Who is calling.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    pub name: String,
    /// `viewer`, `responder`, `editor`, `admin`, `owner`.
    pub role: String,
    /// Send as `x-nines-csrf` with every unsafe call that is authenticated by the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csrf_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyRequest {
    pub name: String,
    /// A role, or `ingest` for a key that may only send telemetry.
    pub role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// A key without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Key {
    pub id: String,
    pub name: String,
    pub role: String,
    /// The first characters, to recognise it by.
    pub prefix: String,
    pub created_at: Time,
    pub created_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
    pub revoked: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeysResponse {
    pub keys: Vec<Key>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyCreated {
    pub key: Key,
    /// Shown this once.
    pub secret: String,
}
