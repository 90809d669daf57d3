//! How a page leaves.

pub mod dialect;
pub mod email;
pub mod jira;
pub mod slack;
pub mod webhook;
pub mod webpush;

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use nines_egress::EgressError;
use nines_model::Timestamp;

use crate::{Content, Event, PageId, Subject};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    Webhook,
    Slack,
    Email,
    Teams,
    Discord,
    Telegram,
    Line,
    Wecom,
    Dingtalk,
    Feishu,
    Sms,
    Voice,
    PagerDuty,
    Opsgenie,
    Jira,
    WebPush,
}

impl ChannelKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Email => "email",
            Self::Teams => "teams",
            Self::Discord => "discord",
            Self::Telegram => "telegram",
            Self::Line => "line",
            Self::Wecom => "wecom",
            Self::Dingtalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::PagerDuty => "pagerduty",
            Self::Opsgenie => "opsgenie",
            Self::Jira => "jira",
            Self::WebPush => "webPush",
        }
    }
}

/// What a provider bears from one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sends at a time.
    pub concurrency: usize,
    /// Between the starts of two sends.
    pub interval: Duration,
}

/// One attempt to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub page: PageId,
    pub subject: Subject,
    pub event: Event,
    pub content: Content,
    /// When the page was made: what the receiver is told, the same on each attempt.
    pub created_at: Timestamp,
    pub now: Timestamp,
    pub thread: Option<String>,
    /// Of the lease under which a node of a pair sends it. A receiver that keeps the highest can tell what is stale.
    pub epoch: Option<i64>,
}

/// What is known after an attempt. Details are for people and logs: they name hosts and codes, never secrets.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Delivered {
        reference: Option<String>,
    },
    /// The provider certainly did not take it.
    Retryable {
        detail: String,
        after: Option<Duration>,
    },
    /// The provider will never take it.
    Permanent {
        detail: String,
    },
    /// The provider may have taken it.
    Unknown {
        detail: String,
    },
}

/// A way to reach one target. An implementation makes one attempt, bounds its time, and retries nothing.
#[async_trait::async_trait]
pub trait Channel: Send + Sync {
    fn kind(&self) -> ChannelKind;
    fn limits(&self) -> Limits;
    async fn deliver(&self, delivery: &Delivery) -> Outcome;

    /// The way to write to others than the channel's own recipients, if this is e-mail.
    fn mailer(&self) -> Option<&email::Email> {
        None
    }
}

fn outcome_of_error(error: &EgressError) -> Outcome {
    let detail = error.to_string();
    match error {
        // Somebody must change the configuration; until then it is visible, and the fallback goes out at once.
        EgressError::Url { .. } | EgressError::Refused { .. } => Outcome::Permanent { detail },
        error if error.may_have_been_sent() => Outcome::Unknown { detail },
        _ => Outcome::Retryable { detail, after: None },
    }
}

/// The usual meaning of a status that is not a success.
fn outcome_of_status(status: StatusCode, headers: &HeaderMap) -> Outcome {
    let detail = format!("http status {}", status.as_u16());
    match status.as_u16() {
        // The gateway gave up waiting; what is behind it may have the page.
        504 => Outcome::Unknown { detail },
        408 | 425 | 429 | 500..=599 => Outcome::Retryable { detail, after: retry_after(headers) },
        _ => Outcome::Permanent { detail },
    }
}

/// Seconds only: the date form depends on the provider's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn wrong_content(kind: ChannelKind) -> Outcome {
    Outcome::Permanent {
        detail: format!("the page was written for another kind of channel than {}", kind.as_str()),
    }
}
