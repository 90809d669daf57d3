//! Status pages: what people outside may see of our promises and incidents, as pages that need no program to be read.
//!
//! Words
//! - **Page** ([`StatusPage`]): a name, a title and **components**, each of which stands for services. A private page is
//!   shown to whoever has its link.
//! - **State** ([`Condition`]) of a component: from confirmed incidents of its services (P0 major, P1 partial, P2 degraded)
//!   and from public maintenance windows. What was not watched yet is *unknown*, never green.
//! - **Statement** ([`Statement`]): a text for the public about an incident. It becomes an update for the public, and is
//!   shown, once public relations and a manager, two different people, have approved it.
//!
//! Promises
//! - Nothing of an incident is shown but its time, its components, its state and approved statements: titles, scopes and
//!   updates for responders stay inside.
//! - Rendering is pure, every value is escaped for its sink, and the page holds no script.
//! - Secrets of links are stored hashed; addresses of subscribers are sealed, and no page, feed or export has one.

mod error;
mod feed;
pub mod format;
mod html;
mod page;
mod subscriber;
mod view;
mod words;

use async_trait::async_trait;

pub use error::StatusError;
pub use feed::{atom, rss};
pub use html::{Form, Frame, STYLE, html, leaf, style_source};
pub use page::{COMPONENTS_MAX, Component, LinkSecret, PAGES_MAX, Statement, StatusPage, TEXT_BYTES_MAX};
pub use subscriber::{
    ASK_AGAIN_AFTER, CONFIRM_WITHIN, PENDING_MAX, POST_AGE_MAX, POSTS_KEPT, Post, SUBSCRIBERS_MAX,
    Subscriber, SubscriberCounts, SubscriberStore, Way, letter, news, question,
};
pub use view::{Condition, DAYS, Day, Maintenance, Notice, Seen, ShownComponent, View, view};
pub use words::Words;

/// Where pages and statements are kept. A write that returned `Ok` is durable.
#[async_trait]
pub trait StatusStore: Send + Sync {
    /// By name.
    async fn pages(&self) -> Result<Vec<StatusPage>, StatusError>;
    /// In place of the one of that name.
    async fn put_page(&self, page: &StatusPage) -> Result<(), StatusError>;
    /// Whether it was there.
    async fn remove_page(&self, name: &str) -> Result<bool, StatusError>;
    /// Of one incident, in order.
    async fn statements(&self, incident: &str) -> Result<Vec<Statement>, StatusError>;
    /// In place of the one of that incident and number. `version` is the one before; 0 for a new one.
    async fn put_statement(&self, statement: &Statement) -> Result<(), StatusError>;
}
