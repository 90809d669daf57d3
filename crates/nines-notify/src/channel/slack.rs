//! Slack: the Web API with a bot token (`chat.postMessage`, `chat.update`) or an incoming webhook.
//! Source: docs.slack.dev, methods chat.postMessage and chat.update, rate limits (one message a second and channel),
//! incoming webhook errors.

use std::time::Duration;

use http::HeaderName;
use http::header::CONTENT_TYPE;
use nines_egress::{Egress, Request, Response};
use serde_json::{Value, json};

use super::{
    Channel, ChannelKind, Delivery, Limits, Outcome, outcome_of_error, outcome_of_status, retry_after,
    wrong_content,
};
use crate::content::BUTTONS_BLOCK;
use crate::{Content, Event, Secret};

/// About one message a second in a channel; short bursts are tolerated but not promised.
const LIMITS: Limits = Limits { concurrency: 1, interval: Duration::from_secs(1) };

/// `ok: false` answers that may be different next time. All others are about the request, the token or the channel.
const RETRYABLE: [&str; 8] = [
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "access_limited",
];

/// Blocks that Slack will not draw. The text alone still says what matters.
const BAD_BLOCKS: [&str; 2] = ["invalid_blocks", "invalid_blocks_format"];

#[derive(Debug, Clone)]
pub struct SlackConfig {
    /// `https://slack.com/api` unless an emulator or a proxy stands in.
    pub api_url: String,
    pub token: Secret,
    /// A channel's id, or its name for the first message.
    pub channel: String,
    /// The app sends what people press to this node; without it messages carry no buttons.
    pub interactive: bool,
}

impl SlackConfig {
    pub const API_URL: &str = "https://slack.com/api";
}

#[derive(Debug)]
pub struct Slack {
    config: SlackConfig,
    egress: Egress,
}

impl Slack {
    pub fn new(config: SlackConfig, egress: Egress) -> Self {
        Self { config, egress }
    }

    async fn call(&self, method: &str, body: &Value) -> Result<Value, Outcome> {
        let url = format!("{}/{method}", self.config.api_url.trim_end_matches('/'));
        let request = Request::post(url, body.to_string())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .bearer(self.config.token.expose());
        let response = self.egress.send(request).await.map_err(|error| outcome_of_error(&error))?;
        read(method, &response)
    }

    /// Posts; a message whose blocks are refused is posted again as text.
    async fn post(&self, mut body: Value) -> Result<Value, Outcome> {
        match self.call("chat.postMessage", &body).await {
            Err(Outcome::Permanent { detail }) if BAD_BLOCKS.iter().any(|error| detail.ends_with(error)) => {
                tracing::warn!(channel = %self.config.channel, "slack refused the blocks, sending text");
                body.as_object_mut().map(|body| body.remove("blocks"));
                self.call("chat.postMessage", &body).await
            }
            other => other,
        }
    }

    async fn try_deliver(&self, delivery: &Delivery, message: &Value) -> Result<Option<String>, Outcome> {
        let mut body = message.clone();
        body["metadata"] = json!({"event_type": "nines_page", "event_payload": {"page": delivery.page.0}});
        let thread = delivery.thread.as_deref().and_then(parse_reference);
        if let (Event::Update | Event::Resolve, Some((channel, ts))) = (delivery.event, thread) {
            // First the message itself, which may be repeated without harm, then the answer under it.
            let mut update = message.clone();
            (update["channel"], update["ts"]) = (json!(channel), json!(ts));
            self.call("chat.update", &update).await?;
            (body["channel"], body["thread_ts"]) = (json!(channel), json!(ts));
            body.as_object_mut().map(|body| body.remove("blocks"));
            self.call("chat.postMessage", &body).await?;
            return Ok(Some(reference(&channel, &ts)));
        }
        body["channel"] = json!(self.config.channel);
        let answer = self.post(body).await?;
        Ok(match (answer["channel"].as_str(), answer["ts"].as_str()) {
            (Some(channel), Some(ts)) => Some(reference(channel, ts)),
            _ => None,
        })
    }
}

#[async_trait::async_trait]
impl Channel for Slack {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Slack
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Content::Slack { message } = &delivery.content else { return wrong_content(self.kind()) };
        let message = &if self.config.interactive { message.clone() } else { without_buttons(message) };
        match self.try_deliver(delivery, message).await {
            Ok(reference) => Outcome::Delivered { reference },
            Err(outcome) => outcome,
        }
    }
}

/// Slack answers 200 to almost everything and says in the body what it thinks.
fn read(method: &str, response: &Response) -> Result<Value, Outcome> {
    if !response.status.is_success() {
        return Err(outcome_of_status(response.status, &response.headers));
    }
    let Ok(answer) = serde_json::from_slice::<Value>(&response.body) else {
        return Err(Outcome::Unknown { detail: format!("{method}: the answer is not json") });
    };
    if answer["ok"] == json!(true) {
        return Ok(answer);
    }
    let error: String = answer["error"].as_str().unwrap_or("no error named").chars().take(100).collect();
    let detail = format!("{method}: {error}");
    if RETRYABLE.contains(&error.as_str()) {
        Err(Outcome::Retryable { detail, after: retry_after(&response.headers) })
    } else {
        Err(Outcome::Permanent { detail })
    }
}

/// What nobody would hear of if it were pressed is not shown.
fn without_buttons(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(blocks) = message["blocks"].as_array_mut() {
        blocks.retain(|block| block["block_id"] != BUTTONS_BLOCK);
    }
    message
}

fn reference(channel: &str, ts: &str) -> String {
    json!({"channel": channel, "ts": ts}).to_string()
}

fn parse_reference(text: &str) -> Option<(String, String)> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some((value["channel"].as_str()?.to_owned(), value["ts"].as_str()?.to_owned()))
}

/// An incoming webhook: one channel, no token, no threads or updates.
#[derive(Debug)]
pub struct SlackWebhook {
    url: Secret,
    egress: Egress,
}

impl SlackWebhook {
    pub fn new(url: Secret, egress: Egress) -> Self {
        Self { url, egress }
    }
}

#[async_trait::async_trait]
impl Channel for SlackWebhook {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Slack
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Content::Slack { message } = &delivery.content else { return wrong_content(self.kind()) };
        let request = Request::post(self.url.expose(), without_buttons(message).to_string())
            .header(CONTENT_TYPE, "application/json")
            .header(HeaderName::from_static("x-nines-page"), &delivery.page.0);
        match self.egress.send(request).await {
            Ok(response) if response.status.is_success() => Outcome::Delivered { reference: None },
            Ok(response) => outcome_of_status(response.status, &response.headers),
            Err(error) => outcome_of_error(&error),
        }
    }
}
