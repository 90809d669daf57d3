//! Providers that take one HTTP call for each page. Each has a module that only knows its dialect: what the call looks
//! like within the provider's limits, and what its answer means. Calling, timing and refusing addresses are here.

pub mod dingtalk;
pub mod discord;
pub mod feishu;
pub mod line;
pub mod opsgenie;
pub mod pagerduty;
pub mod phone;
pub mod teams;
pub mod telegram;
pub mod wecom;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use nines_egress::{Egress, Request, Response};
use serde_json::Value;
use sha2::Sha256;

use super::{
    Channel, ChannelKind, Delivery, Limits, Outcome, outcome_of_error, outcome_of_status, wrong_content,
};
use crate::{Content, Event};

/// How one provider is spoken to. Pure: nothing here calls anybody.
pub trait Dialect: Send + Sync {
    fn kind(&self) -> ChannelKind;

    fn limits(&self) -> Limits;

    fn request(&self, message: &Message<'_>) -> Request;

    /// What the answer means; by default its status, and nothing to refer to.
    fn read(&self, response: &Response) -> Outcome {
        read_status(response)
    }
}

/// A page as a dialect sees it.
pub struct Message<'a> {
    pub delivery: &'a Delivery,
    pub title: &'a str,
    pub text: &'a str,
    /// `{"type", "data"}`, as webhooks get it.
    pub payload: &'a Value,
}

impl Message<'_> {
    /// A text of the payload's data; empty ones count as absent.
    pub fn data(&self, name: &str) -> Option<&str> {
        self.payload["data"][name].as_str().filter(|text| !text.is_empty())
    }

    fn link(&self, direct: &str, among_links: &str) -> Option<&str> {
        let of_alert = self.payload["data"]["links"][among_links].as_str();
        self.data(direct).or(of_alert).filter(|url| url.starts_with("https://") || url.starts_with("http://"))
    }

    /// Where to read more.
    pub fn url(&self) -> Option<&str> {
        self.link("url", "incident").or_else(|| self.link("url", "slo"))
    }

    /// Where to take it.
    pub fn acknowledge_url(&self) -> Option<&str> {
        self.link("acknowledge_url", "acknowledge")
    }

    /// `P0`, `P1`, `P2`; a digest and a notice of the node itself have none.
    pub fn level(&self) -> Option<&str> {
        self.data("level")
    }

    /// Nobody is called for it any more.
    pub fn is_over(&self) -> bool {
        let ended = ["resolved", "reviewed", "cancelled", "merged"];
        let state = self.data("state").or_else(|| self.data("status"));
        self.delivery.event == Event::Resolve || state.is_some_and(|state| ended.contains(&state))
    }

    /// The same for all pages of one subject, for ever.
    pub fn key(&self) -> String {
        // An incident's pages and those of its alerts are one story for a ticket system.
        match self.data("incident") {
            Some(incident) => format!("nines-{incident}"),
            None => format!("nines-{}-{}", self.delivery.subject.kind.as_str(), self.delivery.subject.id),
        }
    }
}

/// A dialect with what it takes to call.
pub struct Spoken<D> {
    dialect: D,
    egress: Egress,
}

impl<D: Dialect> Spoken<D> {
    pub fn new(dialect: D, egress: Egress) -> Self {
        Self { dialect, egress }
    }
}

#[async_trait::async_trait]
impl<D: Dialect> Channel for Spoken<D> {
    fn kind(&self) -> ChannelKind {
        self.dialect.kind()
    }

    fn limits(&self) -> Limits {
        self.dialect.limits()
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Content::Message { title, text, payload } = &delivery.content else {
            return wrong_content(self.kind());
        };
        let request = self.dialect.request(&Message { delivery, title, text, payload });
        match self.egress.send(request).await {
            Ok(response) => self.dialect.read(&response),
            Err(error) => outcome_of_error(&error),
        }
    }
}

/// Success is delivery; anything else is as usual.
pub(super) fn read_status(response: &Response) -> Outcome {
    if response.status.is_success() {
        return Outcome::Delivered { reference: None };
    }
    outcome_of_status(response.status, &response.headers)
}

/// For providers that answer 200 and say in `code_field` of the body what they think; 0 is well. `busy` are the codes of
/// "later".
pub(super) fn read_code(
    response: &Response,
    code_fields: &[&str],
    message_fields: &[&str],
    busy: &[i64],
) -> Outcome {
    if !response.status.is_success() {
        return outcome_of_status(response.status, &response.headers);
    }
    let Ok(answer) = serde_json::from_slice::<Value>(&response.body) else {
        return Outcome::Unknown { detail: "the answer is not json".to_owned() };
    };
    let Some(code) = code_fields.iter().find_map(|field| answer[*field].as_i64()) else {
        return Outcome::Unknown { detail: "the answer names no code".to_owned() };
    };
    if code == 0 {
        return Outcome::Delivered { reference: None };
    }
    let said = message_fields.iter().find_map(|field| answer[*field].as_str()).unwrap_or("no reason named");
    let detail = format!("code {code}: {}", clean(said, 200));
    if busy.contains(&code) {
        Outcome::Retryable { detail, after: None }
    } else {
        Outcome::Permanent { detail }
    }
}

/// At most `max` characters, the last of them an ellipsis if anything was cut; on one line, without control characters
/// and without marks that turn the direction of what follows.
pub(super) fn clean(text: &str, max: usize) -> String {
    let turns =
        |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns(*c)).collect();
    cut(&line, max)
}

/// As [`clean`], but lines stay lines.
pub(super) fn clean_lines(text: &str, max: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| clean(line, max)).collect();
    cut(&lines.join("\n"), max)
}

pub(super) fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(max.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// At most `max` bytes of UTF-8, cut between characters.
pub(super) fn cut_bytes(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// For markups without escapes: what could make a link, a mention or a picture is put in its full-width form.
pub(super) fn defused(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '<' => '＜',
            '>' => '＞',
            '[' => '［',
            ']' => '］',
            '@' => '＠',
            '`' => '｀',
            c => c,
        })
        .collect()
}

/// HMAC-SHA256 of the parts as one text.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("hmac takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

pub(super) fn hmac_base64(key: &[u8], text: &[u8]) -> String {
    STANDARD.encode(hmac(key, &[text]))
}

/// One at a time, this long apart.
pub(super) const fn paced(interval: Duration) -> Limits {
    Limits { concurrency: 1, interval }
}

pub(super) fn json_request(url: impl Into<String>, body: &Value) -> Request {
    Request::post(url, body.to_string()).header(http::header::CONTENT_TYPE, "application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_cannot_mention_anybody() {
        assert_eq!(cut_bytes("結帳失敗", 9), "結帳…");
        assert_eq!(cut_bytes("abc", 3), "abc");
        assert_eq!(clean("a\u{202e}b\r\nc", 10), "ab  c");
        assert_eq!(clean_lines("a\r\nb\tc", 10), "a\nb c");
        assert_eq!(defused("<@all> [x](y)"), "＜＠all＞ ［x］(y)");
        assert_eq!(nines_base::percent_encoded("a+b/é"), "a%2Bb%2F%C3%A9");
    }
}
