//! The browsers in which a person takes notifications.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// Those of the caller, and what another one needs to register.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BrowsersResponse {
    /// The node's key, base64url: the `applicationServerKey` of a subscription.
    pub public_key: String,
    /// By which name schedules and policies call the caller.
    pub person: String,
    /// The oldest first.
    pub browsers: Vec<Browser>,
    /// How many there can be.
    pub limit: usize,
    /// Whether the caller has personal rules. Without them, calls of high urgency come to their browsers.
    pub has_rules: bool,
    /// Whether calls of high urgency (P0, P1) come to browsers.
    pub high: bool,
    /// The same for those of low urgency (P2).
    pub low: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Browser {
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// The host of its push service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its push service said that it takes nothing any more: it has to be registered again.
    pub is_gone: bool,
    pub registered_at: Time,
    /// When the last message was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Time>,
    /// What became of it; absent if the push service took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A browser's own subscription, as `PushSubscription.toJSON()` gives it, in one level.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewBrowser {
    pub label: String,
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
}
