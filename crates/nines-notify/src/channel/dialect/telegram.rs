//! Telegram: `sendMessage` of the Bot API, as plain text (no parse mode, so nothing in it is markup). Limits: 4096
//! characters; about one message a second in a chat. Source: core.telegram.org/bots/api and its FAQ.

use std::time::Duration;

use nines_egress::{Request, Response};
use serde_json::{Value, json};

use super::{Dialect, Message, clean, clean_lines, cut, json_request, paced};
use crate::{ChannelKind, Limits, Outcome, Secret};

const TEXT_MAX: usize = 4_096;
/// Of `callback_data`.
const CALLBACK_BYTES_MAX: usize = 64;

#[derive(Debug, Clone)]
pub struct Telegram {
    /// `https://api.telegram.org` unless a server of one's own stands in.
    pub api_url: String,
    pub token: Secret,
    /// A chat's id or `@name`.
    pub chat: String,
    /// Buttons answer to the bot's webhook, which this node must be.
    pub interactive: bool,
}

impl Telegram {
    pub const API_URL: &str = "https://api.telegram.org";
}

impl Dialect for Telegram {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Telegram
    }

    fn limits(&self) -> Limits {
        paced(Duration::from_secs(1))
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let text = format!("{}\n\n{}", clean(message.title, 300), clean_lines(message.text, TEXT_MAX));
        let mut buttons = Vec::new();
        let mut first = Vec::new();
        if let Some(incident) = message.data("incident").filter(|_| self.interactive && !message.is_over()) {
            for (name, word) in [("Acknowledge", "acknowledge"), ("Escalate", "escalate")] {
                let data = format!("nines:{word}:{incident}");
                if data.len() <= CALLBACK_BYTES_MAX {
                    first.push(json!({"text": name, "callback_data": data}));
                }
            }
        }
        if !first.is_empty() {
            buttons.push(Value::Array(first));
        }
        if let Some(url) = message.url().filter(|url| url.starts_with("https://")) {
            // Telegram refuses buttons whose address it cannot reach, such as those of a node without a name.
            buttons.push(json!([{"text": "Open", "url": url}]));
        }
        let mut body = json!({
            "chat_id": self.chat,
            "text": cut(&text, TEXT_MAX),
            "link_preview_options": {"is_disabled": true},
            "disable_notification": message.level() == Some("P2") || message.is_over(),
        });
        if !buttons.is_empty() {
            body["reply_markup"] = json!({"inline_keyboard": buttons});
        }
        let api = self.api_url.trim_end_matches('/');
        json_request(format!("{api}/bot{}/sendMessage", self.token.expose()), &body)
    }

    fn read(&self, response: &Response) -> Outcome {
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if response.status.is_success() && answer["ok"] == json!(true) {
            let id = answer["result"]["message_id"].as_i64();
            return Outcome::Delivered { reference: id.map(|id| id.to_string()) };
        }
        let detail = format!(
            "http status {}: {}",
            response.status.as_u16(),
            clean(answer["description"].as_str().unwrap_or("no reason named"), 200)
        );
        match response.status.as_u16() {
            429 => {
                let after = answer["parameters"]["retry_after"].as_u64().map(Duration::from_secs);
                Outcome::Retryable { detail, after }
            }
            500..=599 => Outcome::Retryable { detail, after: None },
            200..=299 => Outcome::Unknown { detail },
            _ => Outcome::Permanent { detail },
        }
    }
}
