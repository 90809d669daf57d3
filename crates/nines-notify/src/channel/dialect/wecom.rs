//! WeCom (企业微信): a group robot's webhook, as Markdown. Limits: 4096 bytes; 20 messages a minute for a robot. WeCom's
//! Markdown has no escapes, so what could mention or link is put in full-width form. Source: developer.work.weixin.qq.com,
//! path 91770 "群机器人配置说明".

use std::time::Duration;

use nines_egress::{Request, Response};
use serde_json::json;

use super::{Dialect, Message, clean, clean_lines, cut_bytes, defused, json_request, paced, read_code};
use crate::{ChannelKind, Limits, Outcome, Secret};

const TEXT_BYTES_MAX: usize = 4_096;
/// "system busy" and "api freq out of limit".
const BUSY: [i64; 2] = [-1, 45009];

#[derive(Debug, Clone)]
pub struct Wecom {
    /// With the robot's key.
    pub url: Secret,
}

impl Dialect for Wecom {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Wecom
    }

    fn limits(&self) -> Limits {
        paced(Duration::from_secs(3))
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let link = message.url().map(|url| format!("\n[open]({url})")).unwrap_or_default();
        let text = format!(
            "**{}**\n{}",
            defused(&clean(message.title, 200)),
            defused(&clean_lines(message.text, 4_000))
        );
        let text = cut_bytes(&text, TEXT_BYTES_MAX.saturating_sub(link.len())) + &link;
        json_request(self.url.expose(), &json!({"msgtype": "markdown", "markdown": {"content": text}}))
    }

    fn read(&self, response: &Response) -> Outcome {
        read_code(response, &["errcode"], &["errmsg"], &BUSY)
    }
}
