//! DingTalk (钉钉): a custom robot's webhook, signed, as Markdown. Limits: 20000 bytes; 20 messages a minute. Source:
//! open.dingtalk.com, "Custom robot access" and "Customize robot security settings" (sign = base64 of HMAC-SHA256 of
//! `timestamp\nsecret` under the secret-encoded, the timestamp in milliseconds).

use nines_base::percent_encoded;
use std::time::Duration;

use nines_egress::{Request, Response};
use serde_json::json;

use super::{
    Dialect, Message, clean, clean_lines, cut_bytes, defused, hmac_base64, json_request, paced, read_code,
};
use crate::{ChannelKind, Limits, Outcome, Secret};

/// Below 20000 with room for JSON.
const TEXT_BYTES_MAX: usize = 15_000;
/// "system busy", "send too fast" and "the request is too frequent".
const BUSY: [i64; 3] = [-1, 130_101, 410_100];

#[derive(Debug, Clone)]
pub struct Dingtalk {
    /// With the robot's access token.
    pub url: Secret,
    pub secret: Option<Secret>,
}

impl Dialect for Dingtalk {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Dingtalk
    }

    fn limits(&self) -> Limits {
        paced(Duration::from_secs(3))
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let link = message.url().map(|url| format!("\n\n[open]({url})")).unwrap_or_default();
        let title = defused(&clean(message.title, 200));
        // Its Markdown joins lines that have no blank line between them.
        let lines = defused(&clean_lines(message.text, 5_000)).replace('\n', "\n\n");
        let text = cut_bytes(&format!("### {title}\n\n{lines}"), TEXT_BYTES_MAX) + &link;
        let body = json!({"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": {"isAtAll": false}});
        let url = match &self.secret {
            None => self.url.expose().to_owned(),
            Some(secret) => {
                let at = message.delivery.now.as_millis();
                let sign =
                    hmac_base64(secret.expose().as_bytes(), format!("{at}\n{}", secret.expose()).as_bytes());
                let join = if self.url.expose().contains('?') { '&' } else { '?' };
                format!("{}{join}timestamp={at}&sign={}", self.url.expose(), percent_encoded(&sign))
            }
        };
        json_request(url, &body)
    }

    fn read(&self, response: &Response) -> Outcome {
        read_code(response, &["errcode"], &["errmsg"], &BUSY)
    }
}
