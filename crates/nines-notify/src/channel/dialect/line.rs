//! LINE: a push message of the Messaging API. Limits: 5000 characters (UTF-16 units) a text. The page's id is the retry
//! key, so a repeat is taken once: 409 says that it was there already. Source: developers.line.biz, Messaging API
//! reference, "Send push message" and "Retrying a failed API request".

use std::time::Duration;

use http::HeaderName;
use nines_egress::{Request, Response};
use serde_json::json;

use super::{Dialect, Message, clean, clean_lines, cut, json_request, paced, read_status};
use crate::{ChannelKind, Limits, Outcome, Secret};

/// Characters of which each may be two units.
const TEXT_MAX: usize = 2_500;

#[derive(Debug, Clone)]
pub struct Line {
    pub api_url: String,
    pub token: Secret,
    /// A user, group or room.
    pub to: String,
}

impl Line {
    pub const API_URL: &str = "https://api.line.me";
}

impl Dialect for Line {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Line
    }

    fn limits(&self) -> Limits {
        paced(Duration::from_millis(200))
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let text = format!("{}\n\n{}", clean(message.title, 300), clean_lines(message.text, TEXT_MAX));
        let body = json!({
            "to": self.to,
            "messages": [{"type": "text", "text": cut(&text, TEXT_MAX)}],
            "notificationDisabled": message.level() == Some("P2") || message.is_over(),
        });
        let id = &message.delivery.page.0;
        let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
        let key =
            format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32));
        json_request(format!("{}/v2/bot/message/push", self.api_url.trim_end_matches('/')), &body)
            .bearer(self.token.expose())
            .header(HeaderName::from_static("x-line-retry-key"), &key)
    }

    fn read(&self, response: &Response) -> Outcome {
        let reference =
            |name: &str| response.headers.get(name).and_then(|it| it.to_str().ok()).map(str::to_owned);
        match response.status.as_u16() {
            409 => Outcome::Delivered { reference: reference("x-line-accepted-request-id") },
            200..=299 => Outcome::Delivered { reference: reference("x-line-request-id") },
            _ => read_status(response),
        }
    }
}
