//! Secrets: what goes in is not given back, except to an administrator who says why.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// A value to keep.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretRequest {
    /// 1 to 32 768 bytes. It is never answered.
    pub value: String,
}

/// A value to put in place of the one in use; without it the node makes one of 256 random bits.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct RotateRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevealRequest {
    /// Why it has to be seen; goes into the audit log. At least ten characters.
    pub reason: String,
    /// The newest, unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// A secret without its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Secret {
    pub name: String,
    /// How documents refer to it: `secret://name`.
    pub reference: String,
    /// The newest first; the first is in use, and the second still good while it is being replaced.
    pub versions: Vec<SecretVersion>,
    /// Since the node began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
    /// Documents that refer to it, as `Channel/desk`.
    pub used_by: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SecretVersion {
    pub version: u32,
    pub created_at: Time,
    pub created_by: String,
    /// The master key that wraps its data key.
    pub master: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretsResponse {
    /// By name.
    pub secrets: Vec<Secret>,
    /// The master key in use.
    pub master: String,
}

#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretRotated {
    pub secret: Secret,
    /// The value that the node made; shown this once. Absent where the caller gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretRevealed {
    pub name: String,
    pub version: u32,
    pub value: String,
}
