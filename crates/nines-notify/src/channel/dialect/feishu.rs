//! Feishu and Lark (飞书): a custom bot's webhook, signed, as a post whose text is plain. Limits: 20 KB; five a second and
//! a hundred a minute. Source: open.feishu.cn, "Custom bot usage guide" (sign = base64 of HMAC-SHA256 of nothing under the
//! key `timestamp\nsecret`, the timestamp in seconds).

use std::time::Duration;

use nines_egress::{Request, Response};
use serde_json::{Value, json};

use super::{Dialect, Message, clean, clean_lines, cut_bytes, hmac_base64, json_request, paced, read_code};
use crate::{ChannelKind, Limits, Outcome, Secret};

const TEXT_BYTES_MAX: usize = 15_000;
/// "request too frequent" of both generations of the API, and "internal error".
const BUSY: [i64; 3] = [9_499, 11_232, 19_007];

#[derive(Debug, Clone)]
pub struct Feishu {
    pub url: Secret,
    pub secret: Option<Secret>,
}

impl Dialect for Feishu {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Feishu
    }

    fn limits(&self) -> Limits {
        paced(Duration::from_millis(700))
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let text = cut_bytes(&clean_lines(message.text, 5_000), TEXT_BYTES_MAX);
        let mut lines: Vec<Value> = text.lines().map(|line| json!([{"tag": "text", "text": line}])).collect();
        if let Some(url) = message.url() {
            lines.push(json!([{"tag": "a", "text": "open", "href": url}]));
        }
        let post = json!({"en_us": {"title": clean(message.title, 200), "content": lines}});
        let mut body = json!({"msg_type": "post", "content": {"post": post}});
        if let Some(secret) = &self.secret {
            let at = message.delivery.now.as_secs();
            let sign = hmac_base64(format!("{at}\n{}", secret.expose()).as_bytes(), b"");
            (body["timestamp"], body["sign"]) = (json!(at.to_string()), json!(sign));
        }
        json_request(self.url.expose(), &body)
    }

    fn read(&self, response: &Response) -> Outcome {
        read_code(response, &["code", "StatusCode"], &["msg", "StatusMessage"], &BUSY)
    }
}
