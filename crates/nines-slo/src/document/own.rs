//! Our own kinds: who is told by which means, who belongs together, what a service is.

use std::fmt;

use super::Meta;
use super::provider::ProviderTarget;
use super::yaml::Yaml;

/// A means of telling people. `apiVersion: nines/v1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    pub meta: Meta,
    pub description: Option<String>,
    pub target: ChannelTarget,
    /// Name of the channel that is told if this one has not taken a page within half a minute.
    pub fallback: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ChannelTarget {
    /// `secret` signs the request (Standard Webhooks).
    Webhook { url: String, secret: Option<Secret> },
    /// `api_url` is the base of the Slack Web API; absent means Slack's own.
    Slack { api_url: Option<String>, token: Secret, channel: String, interactive: bool },
    /// `smtp` is `smtp://[user:password@]host[:port]` or `smtps://…`.
    Email { smtp: Secret, from: String, to: Vec<String> },
    /// One of [`super::PROVIDERS`].
    Provider(ProviderTarget),
}

/// People who answer for services. `apiVersion: nines/v1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Team {
    pub meta: Meta,
    pub description: Option<String>,
    pub members: Vec<String>,
    /// Names of [`Channel`]s, in order of preference.
    pub channels: Vec<String>,
    /// Who is on call now.
    pub on_call: Option<String>,
    /// Name of the escalation policy by which its people are called; without it the one that has the team's name.
    pub escalation: Option<String>,
    /// Answers for what nobody else answers for: promises without an owner, incidents of unknown services.
    pub first_line: bool,
}

/// A service. `openslo/v1` knows its description; the rest is `nines/v1`. Both name the same object.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    pub meta: Meta,
    pub description: Option<String>,
    /// Name of a [`Team`].
    pub owner: Option<String>,
    pub runbook: Option<String>,
    /// Names of services that this one calls.
    pub dependencies: Vec<String>,
}

/// Where a metric comes from. Kept for foreign sources.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSource {
    pub meta: Meta,
    pub description: Option<String>,
    pub source_type: String,
    pub connection_details: Yaml,
}

/// Text that must not reach a log or a screen by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// What is shown in its place.
    pub const REDACTED: &'static str = "********";
    /// How a reference begins: `secret://name`.
    pub const REFERENCE: &'static str = "secret://";

    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether it points at a secret that is kept elsewhere, instead of being one.
    pub fn is_reference(&self) -> bool {
        self.0.starts_with(Self::REFERENCE)
    }

    /// The text itself: for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::REDACTED)
    }
}
