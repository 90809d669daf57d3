//! Discord through a channel's webhook. Limits: title 256, description 4096 characters, 6000 in all embeds; five calls in
//! two seconds. A webhook of an application carries buttons, which come back to the application's interactions endpoint;
//! Discord refuses them of any other, so they are put on only where the address says `with_components=true`. Source: discord.com/developers, Webhook resource and embed limits. Mentions are switched off and Markdown
//! is escaped, so that no value of the telemetry calls anybody or makes a link.

use std::time::Duration;

use nines_egress::{Request, Response};
use serde_json::{Value, json};

use super::{Dialect, Message, clean, clean_lines, cut, json_request, paced, read_status};
use crate::{ChannelKind, Limits, Outcome, Secret};

const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4_096;

const CUSTOM_ID_MAX: usize = 100;
/// What a button is called, and the command behind it.
const BUTTONS: [(&str, &str); 3] =
    [("Acknowledge", "acknowledge"), ("Escalate", "escalate"), ("Resolve", "resolve")];

#[derive(Debug, Clone)]
pub struct Discord {
    pub url: Secret,
}

impl Dialect for Discord {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Discord
    }

    fn limits(&self) -> Limits {
        paced(Duration::from_millis(500))
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let color = match (message.is_over(), message.level()) {
            (true, _) => 0x2e_7d32,
            (false, Some("P0")) => 0xc6_2828,
            (false, Some("P1")) => 0xef_6c00,
            (false, _) => 0x54_6e7a,
        };
        let mut embed = json!({
            "title": cut(&escaped(&clean(message.title, TITLE_MAX)), TITLE_MAX),
            "description": cut(&escaped(&clean_lines(message.text, DESCRIPTION_MAX)), DESCRIPTION_MAX),
            "color": color,
            "footer": {"text": message.key()},
        });
        if let Some(url) = message.url() {
            embed["url"] = json!(url);
        }
        let mut body = json!({"embeds": [embed], "allowed_mentions": {"parse": []}});
        let takes_buttons = self.url.expose().contains("with_components=true");
        if let Some(incident) = message.data("incident").filter(|_| takes_buttons && !message.is_over()) {
            let buttons: Vec<Value> = BUTTONS
                .iter()
                .map(|(label, word)| (label, format!("nines:{word}:{incident}")))
                .filter(|(_, id)| id.len() <= CUSTOM_ID_MAX)
                .map(|(label, id)| json!({"type": 2, "style": 2, "label": label, "custom_id": id}))
                .collect();
            if !buttons.is_empty() {
                body["components"] = json!([{"type": 1, "components": buttons}]);
            }
        }
        // With `wait` the answer names the message; without it a refusal would be silent.
        let join = if self.url.expose().contains('?') { '&' } else { '?' };
        json_request(format!("{}{join}wait=true", self.url.expose()), &body)
    }

    fn read(&self, response: &Response) -> Outcome {
        match read_status(response) {
            Outcome::Delivered { .. } => {
                let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
                Outcome::Delivered { reference: answer["id"].as_str().map(str::to_owned) }
            }
            other => other,
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '[' | ']' | '(' | ')' | '#') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
