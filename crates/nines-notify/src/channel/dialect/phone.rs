//! Texts and calls through any provider with an HTTP API. The body is a template in which `{to}`, `{text}`, `{title}`,
//! `{url}`, `{level}` and `{page}` stand for values; each is written as the body's format quotes it, so no value ends a
//! string or adds a field. A template has no logic: there is nothing in it that a value could run.

use nines_base::percent_encoded;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use nines_egress::Request;

use super::{Dialect, Message, clean, cut};
use crate::{ChannelKind, Limits, Secret};

/// A text of one SMS: 160 characters of the GSM alphabet, 70 of any other (3GPP TS 23.038).
const GSM_MAX: usize = 160;
const UCS_MAX: usize = 70;
/// What is read aloud; half a minute.
const SPOKEN_MAX: usize = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    Json,
    Form,
}

#[derive(Debug, Clone)]
pub struct Phone {
    /// Read aloud rather than written.
    pub voice: bool,
    pub url: Secret,
    pub to: String,
    /// With `user` it is the password of Basic, else a bearer token.
    pub token: Option<Secret>,
    pub user: Option<String>,
    pub format: BodyFormat,
    pub template: String,
}

impl Phone {
    /// What most gateways take.
    pub const TEMPLATE: &str = r#"{"to":"{to}","text":"{text}","id":"{page}"}"#;

    fn text(&self, message: &Message<'_>) -> String {
        let title = clean(message.title, 1_000);
        if self.voice {
            let what = if message.is_over() { "It is over" } else { "Nines calls you" };
            return cut(&format!("{what}. {title}."), SPOKEN_MAX);
        }
        let id = message.data("incident").unwrap_or_default();
        let url = message.url().unwrap_or(id);
        let is_gsm = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii() && !matches!(c, '`' | '[' | ']' | '{' | '}' | '~' | '^' | '|' | '\\'))
        };
        let plain = title.replace('\u{a0}', " ").replace('…', "...").replace('[', "(").replace(']', ")");
        let limit = if is_gsm(&plain) && is_gsm(url) { GSM_MAX } else { UCS_MAX };
        // The link is worth more than the end of the title, unless it leaves no room for it.
        let link = if url.chars().count() + 20 > limit { id } else { url };
        let room = limit.saturating_sub(link.chars().count() + 1);
        let cut_title = if limit == GSM_MAX && plain.chars().count() > room {
            format!("{}...", plain.chars().take(room.saturating_sub(3)).collect::<String>())
        } else {
            cut(&plain, room)
        };
        format!("{cut_title} {link}").trim_end().to_owned()
    }

    fn body(&self, message: &Message<'_>) -> String {
        let quoted = |value: &str| match self.format {
            BodyFormat::Form => percent_encoded(value),
            BodyFormat::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
        };
        let (text, title) = (self.text(message), clean(message.title, 300));
        let values = [
            ("{to}", self.to.as_str()),
            ("{text}", &text),
            ("{title}", &title),
            ("{url}", message.url().unwrap_or_default()),
            ("{level}", message.level().unwrap_or_default()),
            ("{page}", &message.delivery.page.0),
        ];
        // One pass from left to right: what a value says is never looked at again.
        let (mut body, mut rest) = (String::new(), self.template.as_str());
        'template: while let Some(at) = rest.find('{') {
            body.push_str(&rest[..at]);
            rest = &rest[at..];
            for (name, value) in values {
                if let Some(after) = rest.strip_prefix(name) {
                    body.push_str(&quoted(value));
                    rest = after;
                    continue 'template;
                }
            }
            body.push('{');
            rest = &rest[1..];
        }
        body + rest
    }
}

impl Dialect for Phone {
    fn kind(&self) -> ChannelKind {
        if self.voice { ChannelKind::Voice } else { ChannelKind::Sms }
    }

    fn limits(&self) -> Limits {
        Limits { concurrency: 1, interval: Duration::from_secs(1) }
    }

    fn request(&self, message: &Message<'_>) -> Request {
        let content_type = match self.format {
            BodyFormat::Json => "application/json",
            BodyFormat::Form => "application/x-www-form-urlencoded",
        };
        let request = Request::post(self.url.expose(), self.body(message))
            .header(CONTENT_TYPE, content_type)
            .header(HeaderName::from_static("idempotency-key"), &message.delivery.page.0);
        match (&self.user, &self.token) {
            (Some(user), token) => {
                let password = token.as_ref().map(Secret::expose).unwrap_or_default();
                request.header(
                    AUTHORIZATION,
                    &format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
                )
            }
            (None, Some(token)) => request.bearer(token.expose()),
            (None, None) => request,
        }
    }
}
