//! What a page says, in the form that its channel takes, and how it is kept.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ChannelKind;

/// The body of one page, already rendered: nothing has to be looked up to send it.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Webhook {
        payload: Value,
    },
    /// `{"text", "blocks"}`.
    Slack {
        message: Value,
    },
    Email {
        subject: String,
        text: String,
        html: String,
        attachments: Vec<Attachment>,
    },
    /// For channels that write their own form when they send: a title, lines, and the payload that webhooks get.
    Message {
        title: String,
        text: String,
        payload: Value,
    },
    /// Written when it is sent, from the pages that were merged into it.
    Digest,
}

/// A file of text that comes with a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub name: String,
    pub media_type: String,
    pub text: String,
}

/// The block of a Slack message that only channels with interactivity send.
pub(crate) const BUTTONS_BLOCK: &str = "nines_actions";

/// What can be done to an incident from Slack. The action's value is the incident.
fn buttons(incident: &str) -> Value {
    let button = |name: &str, action: &str| {
        json!({
            "type": "button",
            "action_id": format!("nines_{action}"),
            "value": incident,
            "text": {"type": "plain_text", "text": name},
        })
    };
    let level = |level: &str| json!({"text": {"type": "plain_text", "text": format!("Confirm {level}")}, "value": format!("{level}:{incident}")});
    let mut acknowledge = button("Acknowledge", "acknowledge");
    acknowledge["style"] = json!("primary");
    json!({
        "type": "actions",
        "block_id": BUTTONS_BLOCK,
        "elements": [
            acknowledge,
            button("Escalate", "escalate"),
            button("Post an update", "update"),
            {
                "type": "static_select",
                "action_id": "nines_confirm",
                "placeholder": {"type": "plain_text", "text": "Confirm level"},
                "options": [level("P0"), level("P1"), level("P2")],
            },
        ],
    })
}

/// A message in every form, before it is known which channels will carry it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub title: String,
    pub text: String,
    pub html: String,
    /// Mails alone carry them.
    pub attachments: Vec<Attachment>,
    pub slack: Value,
    pub webhook: Value,
}

impl Draft {
    /// The simple case: a title and some lines. `webhook` is the payload for machines.
    pub fn plain(title: impl Into<String>, text: impl Into<String>, webhook: Value) -> Self {
        let (title, text) = (title.into(), text.into());
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // Slack's limit of 3000 characters for a section, its escapes included.
        let section: String =
            format!("*{}*\n{escaped}", title.replace(['<', '>', '&', '*'], " ")).chars().take(3000).collect();
        let slack = json!({
            "text": title.replace(['<', '>', '&'], " "),
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": section}}],
        });
        let slack = with_buttons(slack, &webhook);
        let html = format!(
            "<!doctype html><html><body><pre style=\"font-family:system-ui,sans-serif\">{escaped}</pre></body></html>"
        );
        Self { title, text, html, attachments: Vec::new(), slack, webhook }
    }

    pub fn for_channel(&self, kind: ChannelKind) -> Content {
        match kind {
            ChannelKind::Webhook => Content::Webhook { payload: self.webhook.clone() },
            ChannelKind::Slack => Content::Slack { message: self.slack.clone() },
            ChannelKind::Email => Content::Email {
                subject: self.title.clone(),
                text: self.text.clone(),
                html: self.html.clone(),
                attachments: self.attachments.clone(),
            },
            _ => Content::Message {
                title: self.title.clone(),
                text: self.text.clone(),
                payload: self.webhook.clone(),
            },
        }
    }
}

/// Adds the buttons of the incident that the payload is about, unless it is over.
pub(crate) fn with_buttons(mut slack: Value, payload: &Value) -> Value {
    let data = &payload["data"];
    let over = [&data["state"], &data["status"]]
        .iter()
        .any(|state| matches!(state.as_str(), Some("resolved" | "reviewed" | "cancelled" | "merged")));
    if let (Some(incident), Some(blocks), false) =
        (data["incident"].as_str(), slack["blocks"].as_array_mut(), over)
    {
        blocks.push(buttons(incident));
    }
    slack
}

/// The persisted form. A sample of each version is in the tests and stays there.
#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum Stored {
    #[serde(rename = "1")]
    V1 { content: StoredV1 },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum StoredV1 {
    Webhook {
        payload: Value,
    },
    Slack {
        message: Value,
    },
    Email {
        subject: String,
        text: String,
        html: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<Attachment>,
    },
    Message {
        title: String,
        text: String,
        payload: Value,
    },
    Digest,
}

impl Content {
    pub fn to_stored(&self) -> String {
        let content = match self.clone() {
            Self::Webhook { payload } => StoredV1::Webhook { payload },
            Self::Slack { message } => StoredV1::Slack { message },
            Self::Email { subject, text, html, attachments } => {
                StoredV1::Email { subject, text, html, attachments }
            }
            Self::Message { title, text, payload } => StoredV1::Message { title, text, payload },
            Self::Digest => StoredV1::Digest,
        };
        serde_json::to_string(&Stored::V1 { content }).expect("json values and strings always serialise")
    }

    pub fn from_stored(text: &str) -> Result<Self, serde_json::Error> {
        let Stored::V1 { content } = serde_json::from_str(text)?;
        Ok(match content {
            StoredV1::Webhook { payload } => Self::Webhook { payload },
            StoredV1::Slack { message } => Self::Slack { message },
            StoredV1::Email { subject, text, html, attachments } => {
                Self::Email { subject, text, html, attachments }
            }
            StoredV1::Message { title, text, payload } => Self::Message { title, text, payload },
            StoredV1::Digest => Self::Digest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_survives_the_database_and_version_1_is_read_for_ever() {
        let attachment = Attachment {
            name: "a.csv".to_owned(),
            media_type: "text/csv; charset=utf-8".to_owned(),
            text: "a,b\n".to_owned(),
        };
        let plain = Draft::plain("it <broke>", "a & b", json!({"type": "test"}));
        let draft = Draft { attachments: vec![attachment], ..plain };
        for kind in [ChannelKind::Webhook, ChannelKind::Slack, ChannelKind::Email, ChannelKind::Sms] {
            let content = draft.for_channel(kind);
            assert_eq!(Content::from_stored(&content.to_stored()).unwrap(), content);
        }
        let samples = [
            (
                r#"{"version":"1","content":{"kind":"webhook","payload":{"a":1}}}"#,
                Content::Webhook { payload: json!({"a": 1}) },
            ),
            (r#"{"version":"1","content":{"kind":"digest"}}"#, Content::Digest),
            (
                r#"{"version":"1","content":{"kind":"email","subject":"s","text":"t","html":"h"}}"#,
                Content::Email {
                    subject: "s".to_owned(),
                    text: "t".to_owned(),
                    html: "h".to_owned(),
                    attachments: Vec::new(),
                },
            ),
        ];
        for (text, content) in samples {
            assert_eq!(Content::from_stored(text).unwrap(), content);
        }
    }
}
