//! Who is told of news of a page, and what is news.
//!
//! Words
//! - **Subscriber** ([`Subscriber`]): a mail address or a webhook. A mail address is **pending** until its link has been
//!   followed; a webhook has answered a challenge before it is kept.
//! - **Post** ([`Post`]): one piece of news of a page, numbered from 1. Posts are found by comparing what a page shows with
//!   what was posted ([`news`]), so that nothing has to be told when it happens, and doing it twice posts nothing twice.
//! - A subscriber has a place in the posts: the number of the last one that it was told. That is the whole queue.

use std::time::Duration;

use async_trait::async_trait;
use nines_incidents::Language;
use nines_model::Timestamp;
use sha2::{Digest, Sha256};

use crate::{LinkSecret, Notice, StatusError, View, Words};

/// Of one page. More is a newsletter.
pub const SUBSCRIBERS_MAX: usize = 10_000;
/// Addresses of one page that have not been confirmed: what somebody may ask for in the names of others.
pub const PENDING_MAX: usize = 500;
/// A link that was not followed in this time is good for nothing, and the address is forgotten.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// An address is asked for confirmation no more often than this, whoever types it.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3_600);
/// What could not be told in this time is not told any more: the page tells it.
pub const POST_AGE_MAX: Duration = Duration::from_secs(48 * 3_600);
/// Posts of one page that are kept.
pub const POSTS_KEPT: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    pub page: String,
    /// Of page and address: an address is there once.
    pub id: String,
    pub way: Way,
    /// Names of components; empty: all.
    pub components: Vec<String>,
    pub language: Language,
    /// In every link of this subscriber.
    pub token: String,
    pub asked_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    /// The number of the last post that it was told.
    pub told: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    Email(String),
    /// `secret` signs what is sent, as Standard Webhooks has it.
    Webhook {
        url: String,
        secret: String,
    },
}

impl Way {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Webhook { .. } => "webhook",
        }
    }

    pub fn address(&self) -> &str {
        match self {
            Self::Email(address) => address,
            Self::Webhook { url, .. } => url,
        }
    }
}

impl Subscriber {
    pub fn id_of(page: &str, way: &Way) -> String {
        let mut hash = Sha256::new();
        for part in [page, way.as_str(), &way.address().to_lowercase()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.finalize()[..12].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Hashes are compared, so that the time tells nothing of the token.
    pub fn knows(&self, token: &str) -> bool {
        LinkSecret::of(token) == LinkSecret::of(&self.token)
    }

    /// What a link holds.
    pub fn key(&self) -> String {
        format!("{}-{}", self.id, self.token)
    }

    /// # Errors
    /// An address that no mail or webhook can go to; the message does not repeat it.
    pub fn check(&self) -> Result<(), StatusError> {
        let invalid = |message: &str| Err(StatusError::Invalid(message.to_owned()));
        match &self.way {
            Way::Email(address) => {
                let plain = address.chars().all(|c| c.is_ascii_graphic() && !"<>()[]\\,;:\"".contains(c));
                let parts = address.split_once('@');
                let whole = parts.is_some_and(|(name, host)| {
                    !name.is_empty() && host.contains('.') && !host.contains('@') && !host.ends_with('.')
                });
                // RFC 5321, 4.5.3.1.
                if !plain || !whole || address.len() > 254 {
                    return invalid("this is not a mail address");
                }
            }
            Way::Webhook { url, .. } => {
                let scheme = url.starts_with("https://") || url.starts_with("http://");
                if !scheme || url.len() > 2_048 || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
                    return invalid("this is not the address of a webhook");
                }
            }
        }
        if self.components.len() > crate::COMPONENTS_MAX {
            return invalid("there are too many components");
        }
        Ok(())
    }

    /// Whether the post concerns it and came after it asked.
    pub fn wants(&self, post: &Post, now: Timestamp) -> bool {
        let is_ours = self.components.is_empty()
            || post.components.iter().any(|component| self.components.contains(component));
        is_ours && self.confirmed_at.is_some_and(|at| post.at >= at) && now.since(post.at) < POST_AGE_MAX
    }
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// From 1 within its page; 0 before it is kept.
    pub number: u64,
    /// Tells posts of a page apart; the same news has the same key.
    pub key: String,
    /// When it became news here.
    pub at: Timestamp,
    pub components: Vec<String>,
    pub title: String,
    pub text: String,
    /// Of the notice on the page: what it is about.
    pub anchor: String,
    /// Only worth telling to those who know of the notice: kept if something of it was posted before.
    pub is_sequel: bool,
}

/// Everything that a page shows and would have posted.
pub fn news(view: &View) -> Vec<Post> {
    let words = Words::of(Language::En);
    let post = |notice: &Notice, what: String, at: Timestamp, text: &str| Post {
        number: 0,
        key: format!("{}/{what}", notice.id),
        at,
        components: notice.components.clone(),
        title: notice.title(),
        text: text.to_owned(),
        anchor: notice.id.clone(),
        is_sequel: false,
    };
    let over = |notice: &Notice| {
        let at = notice.ended_at?;
        Some(Post { is_sequel: true, ..post(notice, format!("over/{}", at.as_nanos()), view.at, words.over) })
    };
    let mut posts = Vec::new();
    for window in view.planned.iter().chain(&view.maintenance) {
        posts.push(Post {
            number: 0,
            key: format!("maintenance/{}/{}", window.name, window.from.as_secs()),
            at: view.at,
            components: window.components.clone(),
            title: format!("{}: {}", words.planned, window.name),
            text: format!("{}\n{} – {} UTC", window.reason, clock(window.from), clock(window.until)),
            anchor: format!("maintenance/{}", window.name),
            is_sequel: false,
        });
    }
    for notice in view.past.iter().rev().chain(view.open.iter().rev()) {
        // What an incident is now may be graver than what was told: its condition is part of the key.
        if notice.ended_at.is_none() && notice.statements.is_empty() {
            posts.push(post(notice, format!("open/{}", notice.condition.as_str()), view.at, words.looking));
        }
        for (at, text) in notice.statements.iter().rev() {
            posts.push(post(notice, format!("statement/{}", at.as_nanos()), view.at, text));
        }
        posts.extend(over(notice));
    }
    posts.extend(view.silent.iter().filter_map(over));
    posts
}

/// `2026-11-22 08:30`.
fn clock(at: Timestamp) -> String {
    at.to_string().get(..16).unwrap_or_default().replace('T', " ")
}

/// A message about posts, newest first, in the subscriber's language: subject, text and HTML. `page` is where more is, if
/// the reader may go there without a secret; `leave` ends it.
pub fn letter(
    title: &str,
    posts: &[Post],
    language: Language,
    page: Option<&str>,
    leave: &str,
) -> (String, String, String) {
    let words = Words::of(language);
    let subject = match posts {
        [one] => format!("{title}: {}", one.title),
        many => format!("{title}: {} ({})", many.first().map_or("", |post| &post.title), many.len()),
    };
    let subject: String = subject.chars().filter(|c| !c.is_control()).take(200).collect();
    let mut text = String::new();
    let mut body = String::new();
    for post in posts {
        text.push_str(&format!("{}\n{} UTC\n\n{}\n\n", post.title, clock(post.at), post.text));
        body.push_str(&format!(
            "<h2 style=\"font-size:17px;margin:24px 0 0\">{}</h2><p style=\"color:#5f6368;margin:0\">{} UTC</p><p>{}</p>",
            crate::html::escape(&post.title),
            clock(post.at),
            crate::html::escape(&post.text).replace('\n', "<br>"),
        ));
    }
    if let Some(page) = page {
        text.push_str(&format!("{}: {page}\n", words.back));
    }
    text.push_str(&format!("{}: {leave}\n", words.unsubscribe));
    (subject, text, wrapped(title, &body, words, page, &[(words.unsubscribe, leave)]))
}

/// The mail that asks whether the address wants news.
pub fn question(title: &str, language: Language, confirm: &str) -> (String, String, String) {
    let words = Words::of(language);
    let subject: String =
        format!("{title}: {}", words.confirm).chars().filter(|c| !c.is_control()).take(200).collect();
    let text = format!("{}\n\n{}: {confirm}\n", words.confirm_why, words.confirm);
    let body = format!("<p>{}</p>", words.confirm_why);
    (subject, text, wrapped(title, &body, words, None, &[(words.confirm, confirm)]))
}

fn wrapped(title: &str, body: &str, words: &Words, page: Option<&str>, links: &[(&str, &str)]) -> String {
    let link = |(name, url): (&str, &str)| {
        format!(
            "<a href=\"{}\" style=\"color:#3566a8\">{}</a>",
            crate::html::escape(url),
            crate::html::escape(name)
        )
    };
    let links: Vec<String> =
        page.map(|page| (words.back, page)).into_iter().chain(links.iter().copied()).map(link).collect();
    format!(
        "<!doctype html><html lang=\"{}\"><body style=\"font:16px/1.5 system-ui,sans-serif;color:#1c1d1f;max-width:640px\">\
         <h1 style=\"font-size:20px\">{}</h1>{body}<p style=\"margin-top:32px\">{}</p></body></html>",
        words.language.as_str(),
        crate::html::escape(title),
        links.join(" · ")
    )
}

/// Where subscribers and posts are kept. A write that returned `Ok` is durable.
#[async_trait]
pub trait SubscriberStore: Send + Sync {
    /// In place of the one with that id.
    ///
    /// # Errors
    /// [`StatusError::Full`] beyond [`SUBSCRIBERS_MAX`] and [`PENDING_MAX`].
    async fn put_subscriber(&self, subscriber: &Subscriber) -> Result<(), StatusError>;
    async fn subscriber(&self, page: &str, id: &str) -> Result<Option<Subscriber>, StatusError>;
    /// Whether it was there.
    async fn remove_subscriber(&self, page: &str, id: &str) -> Result<bool, StatusError>;
    /// Confirmed and pending, by way.
    async fn count_subscribers(&self, page: &str) -> Result<SubscriberCounts, StatusError>;
    /// Confirmed ones that have not been told everything up to `number`, by id, at most `limit`.
    async fn behind(&self, page: &str, number: u64, limit: u32) -> Result<Vec<Subscriber>, StatusError>;
    async fn set_told(&self, page: &str, id: &str, number: u64) -> Result<(), StatusError>;
    /// Keeps those whose key is new, and gives the number of the newest of the page, 0 without any.
    async fn add_posts(&self, page: &str, posts: &[Post]) -> Result<u64, StatusError>;
    /// Those after `number`, in order.
    async fn posts_after(&self, page: &str, number: u64) -> Result<Vec<Post>, StatusError>;
    /// Addresses that were asked before `before` and never confirmed are forgotten.
    async fn forget_pending(&self, before: Timestamp) -> Result<u64, StatusError>;
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriberCounts {
    pub email: u64,
    pub webhook: u64,
    pub pending: u64,
}
