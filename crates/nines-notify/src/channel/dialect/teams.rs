//! Microsoft Teams through a Workflows webhook that posts an Adaptive Card. Limits: some 28 KB for the whole message.
//! Source: learn.microsoft.com, "Create incoming webhooks with Workflows"; Adaptive Cards schema 1.4. Text goes into runs
//! (`RichTextBlock`), which are not read as Markdown.

use std::time::Duration;

use nines_egress::Request;
use serde_json::json;

use super::{Dialect, Message, clean, clean_lines, json_request, paced};
use crate::{ChannelKind, Limits, Secret};

/// With JSON around it, well below 28 KB in characters of three bytes.
const TEXT_MAX: usize = 6_000;
const TITLE_MAX: usize = 300;

#[derive(Debug, Clone)]
pub struct Teams {
    pub url: Secret,
}

impl Dialect for Teams {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Teams
    }

    /// Workflows take four requests a second.
    fn limits(&self) -> Limits {
        paced(Duration::from_millis(250))
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let color = match (message.is_over(), message.level()) {
            (true, _) => "Good",
            (false, Some("P0")) => "Attention",
            (false, Some("P1")) => "Warning",
            (false, _) => "Default",
        };
        let run = |text: String| json!({"type": "TextRun", "text": text});
        let mut title = run(clean(message.title, TITLE_MAX));
        (title["weight"], title["size"], title["color"]) = (json!("Bolder"), json!("Medium"), json!(color));
        let lines = clean_lines(message.text, TEXT_MAX);
        let mut body = vec![json!({"type": "RichTextBlock", "inlines": [title]})];
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            body.push(
                json!({"type": "RichTextBlock", "spacing": "Small", "inlines": [run(line.to_owned())]}),
            );
        }
        let open = |title: &str, url: &str| json!({"type": "Action.OpenUrl", "title": title, "url": url});
        let actions: Vec<_> = [
            message.acknowledge_url().filter(|_| !message.is_over()).map(|url| open("Acknowledge", url)),
            message.url().map(|url| open("Open", url)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": body,
            "actions": actions,
            "msteams": {"width": "Full"},
        });
        let body = json!({
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
        });
        json_request(self.url.expose(), &body)
    }
}
