//! Pages that arrive: the durable outbox and one module for each channel.
//!
//! Words
//! - **Page**: one message to one target about one subject (an alert, an incident). Its id is a hash of what it is
//!   about, so planning the same thing twice makes one page, and it is the idempotency key towards the provider.
//! - **Target**: a configured place to send to, such as `slack-shop`; a **channel** is how ([`Channel`]).
//! - **Browser** ([`Browser`]): one that a person registered for notifications; all of a person's are one target
//!   ([`Browsers`]).
//! - **Outbox** ([`OutboxStore`]): where pages wait, durably, with the log of their attempts.
//! - **Deliverer** ([`Deliverer`]): the loop that empties the outbox.
//! - **Outcome** ([`Outcome`]): what is known after an attempt: delivered, retryable, permanent, or *unknown*, when the
//!   provider may have taken it although we never heard so.
//!
//! ```text
//!  queued ──► sending ──► delivered
//!    ▲ ▲         │ ├────► undeliverable   refused for good, or given up after [`GIVE_UP_AFTER`]
//!    │ └─ retry ─┘ │
//!    │             └ crash: requeued at start as an unknown outcome, same id
//!    └──► superseded      a newer page says more, or it is over: folded into a digest
//! ```
//!
//! Promises
//! - At least once: a page that was inserted ends in `delivered`, `undeliverable` or `superseded`, whatever crashes in
//!   between, and a person can see which and why.
//! - A repeat happens only after an unknown outcome and carries the same id; after one, its lane waits, so a provider
//!   that takes pages and then times out gets few.
//! - After an outage the most severe and newest pages go first. What fired and resolved meanwhile comes as one digest
//!   for each target.
//! - Each target has its own lane (concurrency, rate, pauses): a slow one delays nobody else.
//! - Secrets are in no log, error or `Debug`.

mod alert_pages;
mod backoff;
mod browsers;
mod channel;
mod content;
pub mod contract;
mod deliverer;
mod memory;
mod page;
mod secret;
mod store;
mod targets;

pub use alert_pages::plan;
pub use backoff::{GIVE_UP_AFTER, PAUSE_MAX};
pub use browsers::{
    BROWSERS_MAX, Browser, BrowserError, BrowserFollower, BrowserId, BrowserStore, Browsers, BrowsersParts,
    LABEL_MAX, MemoryBrowsers, NewBrowser, is_browsers, target as browsers_target,
};
pub use channel::dialect::dingtalk::Dingtalk;
pub use channel::dialect::discord::Discord;
pub use channel::dialect::feishu::Feishu;
pub use channel::dialect::line::Line;
pub use channel::dialect::opsgenie::Opsgenie;
pub use channel::dialect::pagerduty::PagerDuty;
pub use channel::dialect::phone::{BodyFormat, Phone};
pub use channel::dialect::teams::Teams;
pub use channel::dialect::telegram::Telegram;
pub use channel::dialect::wecom::Wecom;
pub use channel::dialect::{Dialect, Message, Spoken};
pub use channel::email::{Email, EmailConfig, Letter, SmtpTls};
pub use channel::jira::{Jira, JiraConfig};
pub use channel::slack::{Slack, SlackConfig, SlackWebhook};
pub use channel::webhook::{Webhook, WebhookConfig, signature};
pub use channel::webpush::{
    ANSWERED, PushError, Pushed, Pusher, Subscription, new_key as new_push_key, public_key as public_push_key,
};
pub use channel::{Channel, ChannelKind, Delivery, Limits, Outcome};
pub use content::{Attachment, Content, Draft};
pub use deliverer::{Deliverer, DelivererConfig, LaneStatus, Permission};
pub use memory::MemoryOutbox;
pub use page::{
    Attempt, AttemptOutcome, Event, NewPage, Page, PageId, PageState, Priority, Subject, SubjectKind,
    TargetId,
};
pub use secret::Secret;
pub use store::{Claimed, Finish, INTERRUPTED, OutboxStore, PageFilter, StoreError, Waiting};
pub use targets::{FALLBACK_AFTER, Route, Target, Targets, plan_draft};
