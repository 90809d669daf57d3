//! Status pages and the statements that they show.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatusPagesResponse {
    pub pages: Vec<StatusPage>,
}

/// A page without what it shows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatusPage {
    pub name: String,
    pub title: String,
    pub description: String,
    pub components: Vec<StatusComponent>,
    /// Shown only with its link.
    pub private: bool,
    /// Where it is. Of a private page with its secret, once: when the page is made.
    pub url: String,
    /// The e-mail channel by which subscribers are written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_channel: Option<String>,
    #[serde(default)]
    pub subscribers: SubscriberCounts,
    pub updated_at: Time,
    pub updated_by: String,
}

/// How many are told of news. Who they are is shown nowhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SubscriberCounts {
    pub email: u64,
    pub webhook: u64,
    /// Addresses whose link has not been followed; they are forgotten after a day.
    pub pending: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatusComponent {
    pub name: String,
    /// The services that it stands for.
    pub services: Vec<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct StatusPageRequest {
    pub title: String,
    #[serde(default)]
    pub description: String,
    pub components: Vec<StatusComponent>,
    /// Makes a new link each time it is saved as private.
    #[serde(default)]
    pub private: bool,
    /// The name of an e-mail channel: with it, people can subscribe by mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_channel: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatementsResponse {
    /// In order.
    pub statements: Vec<Statement>,
}

/// A text for the public about an incident.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    pub number: u32,
    pub text: String,
    pub drafted_by: String,
    pub drafted_at: Time,
    pub approvals: Vec<StatementApproval>,
    /// Absent until both have approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Time>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatementApproval {
    /// `public_relations` or `manager`.
    pub role: String,
    #[serde(default)]
    pub by: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct StatementRequest {
    pub text: String,
}
