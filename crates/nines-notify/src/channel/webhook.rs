//! Webhooks as Standard Webhooks 1.0 has them: `webhook-id` is the page's id on every attempt, `webhook-timestamp` the
//! attempt's time, `webhook-signature` one `v1,` signature for each active secret.
//! A node of a pair adds `nines-epoch`, the epoch of its lease.
//! Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderName;
use http::header::CONTENT_TYPE;
use nines_egress::{Egress, Request};
use nines_model::Timestamp;
use sha2::Sha256;

use super::{
    Channel, ChannelKind, Delivery, Limits, Outcome, outcome_of_error, outcome_of_status, wrong_content,
};
use crate::{Content, Secret};

/// Four at a time: enough that a receiver with 500 ms takes 8 pages a second, few enough for a small one.
const LIMITS: Limits = Limits { concurrency: 4, interval: Duration::ZERO };

#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// May hold a secret in its path, so it is one.
    pub url: Secret,
    /// `whsec_` and base64, or any text. Two while a secret is being replaced: each signs. None: unsigned.
    pub secrets: Vec<Secret>,
}

#[derive(Debug)]
pub struct Webhook {
    config: WebhookConfig,
    egress: Egress,
}

impl Webhook {
    pub fn new(config: WebhookConfig, egress: Egress) -> Self {
        Self { config, egress }
    }
}

#[async_trait::async_trait]
impl Channel for Webhook {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Webhook
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Content::Webhook { payload } = &delivery.content else { return wrong_content(self.kind()) };
        let body = payload.to_string();
        let id = &delivery.page.0;
        let mut request = Request::post(self.config.url.expose(), body.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(HeaderName::from_static("webhook-id"), id)
            .header(HeaderName::from_static("webhook-timestamp"), &delivery.now.as_secs().to_string());
        if let Some(epoch) = delivery.epoch {
            request = request.header(HeaderName::from_static("nines-epoch"), &epoch.to_string());
        }
        if !self.config.secrets.is_empty() {
            let sign = |secret| signature(secret, id, delivery.now, body.as_bytes());
            let signatures: Vec<_> = self.config.secrets.iter().map(sign).collect();
            request = request.header(HeaderName::from_static("webhook-signature"), &signatures.join(" "));
        }
        match self.egress.send(request).await {
            Ok(response) if response.status.is_success() => Outcome::Delivered { reference: None },
            Ok(response) => outcome_of_status(response.status, &response.headers),
            Err(error) => outcome_of_error(&error),
        }
    }
}

/// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, the timestamp in whole seconds.
pub fn signature(secret: &Secret, id: &str, at: Timestamp, body: &[u8]) -> String {
    let text = secret.expose();
    let decoded = text.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    let key = decoded.unwrap_or_else(|| text.as_bytes().to_vec());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("hmac takes a key of any length");
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(at.as_secs().to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries
    /// (standard-webhooks/libraries: secret, id, timestamp and payload of the `sign` test).
    #[test]
    fn the_published_example_is_reproduced() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Timestamp::from_secs(1_614_265_330);
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
