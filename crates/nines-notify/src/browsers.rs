//! The browsers in which people take notifications: who registered which, and the one target that all of a person's are.
//!
//! A page for a person goes to each of their browsers at once. It is delivered when every browser that can be reached has
//! taken it; one that failed for a while is tried again alone, as the deliverer says. One whose push service says that
//! it takes nothing any more is not asked again, and stays in the list until its owner has seen that.
//!
//! The page path reads memory alone. What it learns is written by [`Browsers::keep`], which runs elsewhere.

mod memory;
mod person;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nines_base::{ErrorKind, Random, SharedClock, Shutdown};
use nines_egress::Egress;
use nines_model::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;

use person::{OfPerson, PartlyTaken, detail};

pub use memory::MemoryBrowsers;

use crate::channel::webpush::{Pushed, Pusher, Subscription, public_key};
use crate::channel::{ChannelKind, Delivery};
use crate::{
    Draft, Event, PageId, PushError, Secret, StoreError, Subject, SubjectKind, Target, TargetId, Targets,
};

/// Browsers of one person: telephone, tablet, machines at work and at home, each with a second browser.
pub const BROWSERS_MAX: usize = 8;
/// Characters of what somebody calls a browser.
pub const LABEL_MAX: usize = 80;
/// Between two tests of one person.
const TEST_PAUSE: Duration = Duration::from_secs(3);
/// What targets of people begin with; names of documents have no slash.
const PREFIX: &str = "browsers/";

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BrowserId(pub String);

impl fmt::Display for BrowserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One browser of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser {
    pub id: BrowserId,
    /// Whose it is.
    pub account: String,
    /// What that account is called, by which schedules and policies name people.
    pub person: String,
    pub label: String,
    /// `None` once its push service has said that it is gone.
    pub subscription: Option<Subscription>,
    pub registered_at: Timestamp,
    pub used_at: Option<Timestamp>,
    /// What became of the last message; `None` if it was taken.
    pub failure: Option<String>,
}

/// A browser as its owner registers it.
#[derive(Debug, Clone)]
pub struct NewBrowser {
    pub account: String,
    pub person: String,
    pub label: String,
    pub subscription: Subscription,
}

#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    #[error(transparent)]
    Push(#[from] PushError),
    #[error("a browser is called something in 1 to {LABEL_MAX} characters")]
    Label,
    #[error("you have {BROWSERS_MAX} browsers registered already; remove one of them first")]
    Full,
    #[error("you have no browser `{0}`")]
    NotFound(BrowserId),
    #[error("this browser takes nothing any more; register it again")]
    Gone,
    #[error("a test was sent a moment ago; wait {} s", TEST_PAUSE.as_secs())]
    TooFast,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BrowserError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Push(PushError::Browser | PushError::Endpoint) | Self::Label => ErrorKind::InvalidInput,
            Self::Push(PushError::Node | PushError::Random) => ErrorKind::Internal,
            Self::Full | Self::Gone => ErrorKind::Conflict,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::TooFast => ErrorKind::Exhausted,
            Self::Store(_) => ErrorKind::Unavailable,
        }
    }
}

/// Where browsers are kept, with the node's own key for them. Endpoints and keys are secrets.
#[async_trait]
pub trait BrowserStore: Send + Sync {
    /// The node's key: `made` if there was none before.
    async fn push_key(&self, made: &Secret) -> Result<Secret, StoreError>;

    /// All, the oldest first.
    async fn browsers(&self) -> Result<Vec<Browser>, StoreError>;

    /// Keeps a new one in place of those of `replaced`, together.
    async fn add(&self, browser: &Browser, replaced: &[BrowserId]) -> Result<(), StoreError>;

    /// What was learnt of one that is still kept: its subscription (whether it is gone), when it was used, its failure.
    async fn note(&self, browser: &Browser) -> Result<(), StoreError>;

    async fn remove(&self, ids: &[BrowserId]) -> Result<(), StoreError>;
}

/// Hears of everything that changes whom browsers reach.
#[async_trait]
pub trait BrowserFollower: Send + Sync {
    /// `people` have at least one browser that takes notifications.
    async fn changed(&self, people: BTreeSet<String>);

    /// A push service said that this one takes nothing any more.
    async fn gone(&self, browser: &Browser);
}

pub struct BrowsersParts {
    pub store: Arc<dyn BrowserStore>,
    pub follower: Arc<dyn BrowserFollower>,
    pub targets: Targets,
    pub egress: Egress,
    pub clock: SharedClock,
    pub random: Random,
    /// How people reach the node, without a slash at the end.
    pub public_url: String,
}

/// Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Browsers {
    inner: Arc<Inner>,
}

struct Inner {
    parts: BrowsersParts,
    pusher: Pusher,
    public_key: String,
    known: Mutex<BTreeMap<BrowserId, Known>>,
    taken: Mutex<PartlyTaken>,
    tested: Mutex<BTreeMap<String, Duration>>,
    learnt: Notify,
    /// One change at a time: followers must not hear of two in the wrong order.
    writer: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Known {
    browser: Browser,
    /// Something of it is not written yet.
    is_dirty: bool,
}

/// The target that all browsers of a person are.
pub fn target(person: &str) -> TargetId {
    TargetId(format!("{PREFIX}{person}"))
}

/// Whether a target is the browsers of somebody.
pub fn is_browsers(target: &str) -> bool {
    target.starts_with(PREFIX)
}

impl Browsers {
    /// Reads what is kept, and makes the node's key if it has none.
    ///
    /// # Errors
    /// A store that cannot be read, a key that is none.
    pub async fn open(parts: BrowsersParts) -> Result<Self, BrowserError> {
        let key = parts.store.push_key(&crate::new_push_key()?).await?;
        let public_key = public_key(&key)?;
        let pusher = Pusher::new(key, parts.public_url.clone(), parts.egress.clone());
        let stored = parts.store.browsers().await?.into_iter();
        let known = stored.map(|browser| (browser.id.clone(), Known { browser, is_dirty: false })).collect();
        let inner = Inner {
            parts,
            pusher,
            public_key,
            known: Mutex::new(known),
            taken: Mutex::default(),
            tested: Mutex::default(),
            learnt: Notify::new(),
            writer: tokio::sync::Mutex::default(),
        };
        let this = Self { inner: Arc::new(inner) };
        this.publish().await;
        Ok(this)
    }

    /// What browsers are told to take messages of: base64url of a point of P-256.
    pub fn public_key(&self) -> &str {
        &self.inner.public_key
    }

    /// Those of an account, the oldest first.
    pub fn of(&self, account: &str) -> Vec<Browser> {
        self.sorted(|browser| browser.account == account)
    }

    /// Those of a person that can be reached.
    fn reachable(&self, person: &str) -> Vec<Browser> {
        self.sorted(|browser| browser.person == person && browser.subscription.is_some())
    }

    fn sorted(&self, wanted: impl Fn(&Browser) -> bool) -> Vec<Browser> {
        let known = self.inner.known.lock();
        let mut found: Vec<Browser> =
            known.values().map(|known| &known.browser).filter(|browser| wanted(browser)).cloned().collect();
        found.sort_by(|a, b| (a.registered_at, &a.id).cmp(&(b.registered_at, &b.id)));
        found
    }

    /// Keeps a browser. One with the same address is the same browser, whoever registered it before: it has one owner, and
    /// shows nothing of anybody else's.
    pub async fn register(&self, new: NewBrowser) -> Result<Browser, BrowserError> {
        new.subscription.check()?;
        let label = new.label.trim();
        if label.is_empty() || label.chars().count() > LABEL_MAX || label.chars().any(char::is_control) {
            return Err(BrowserError::Label);
        }
        let _writer = self.inner.writer.lock().await;
        let is_same = |browser: &Browser| {
            browser.subscription.as_ref().is_some_and(|known| known.endpoint == new.subscription.endpoint)
        };
        // What is gone makes room for what is not.
        let mut replaced = self.sorted(is_same);
        let mut own = self.of(&new.account);
        own.retain(|browser| !replaced.iter().any(|same| same.id == browser.id));
        if own.len() >= BROWSERS_MAX {
            let gone = own.into_iter().find(|browser| browser.subscription.is_none());
            replaced.push(gone.ok_or(BrowserError::Full)?);
        }
        let replaced: Vec<BrowserId> = replaced.into_iter().map(|browser| browser.id).collect();
        let now = self.inner.parts.clock.now();
        let browser = Browser {
            id: BrowserId(self.inner.parts.random.uuid(now).simple().to_string()),
            account: new.account,
            person: new.person,
            label: label.to_owned(),
            subscription: Some(new.subscription),
            registered_at: now,
            used_at: None,
            failure: None,
        };
        self.inner.parts.store.add(&browser, &replaced).await?;
        {
            let mut known = self.inner.known.lock();
            known.retain(|id, _| !replaced.contains(id));
            known.insert(browser.id.clone(), Known { browser: browser.clone(), is_dirty: false });
        }
        self.publish().await;
        Ok(browser)
    }

    /// Forgets one of an account's.
    pub async fn remove(&self, account: &str, id: &BrowserId) -> Result<Browser, BrowserError> {
        let browser = self.one(account, id)?;
        self.forget(vec![id.clone()]).await?;
        Ok(browser)
    }

    /// Forgets all of an account's: it can do nothing any more.
    pub async fn remove_all(&self, account: &str) -> Result<(), BrowserError> {
        let ids: Vec<BrowserId> = self.of(account).into_iter().map(|browser| browser.id).collect();
        if ids.is_empty() { Ok(()) } else { self.forget(ids).await }
    }

    async fn forget(&self, ids: Vec<BrowserId>) -> Result<(), BrowserError> {
        let _writer = self.inner.writer.lock().await;
        self.inner.parts.store.remove(&ids).await?;
        self.inner.known.lock().retain(|id, _| !ids.contains(id));
        self.publish().await;
        Ok(())
    }

    fn one(&self, account: &str, id: &BrowserId) -> Result<Browser, BrowserError> {
        let found = self.inner.known.lock().get(id).map(|known| known.browser.clone());
        found.filter(|browser| browser.account == account).ok_or_else(|| BrowserError::NotFound(id.clone()))
    }

    /// Sends a notification that says that notifications arrive. Answers what became of it.
    pub async fn test(&self, account: &str, id: &BrowserId) -> Result<Browser, BrowserError> {
        let browser = self.one(account, id)?;
        let subscription = browser.subscription.as_ref().ok_or(BrowserError::Gone)?;
        let monotonic = self.inner.parts.clock.monotonic();
        {
            let mut tested = self.inner.tested.lock();
            tested.retain(|_, at| monotonic.saturating_sub(*at) < TEST_PAUSE);
            // A refusal does not begin the pause again.
            if tested.contains_key(account) {
                return Err(BrowserError::TooFast);
            }
            tested.insert(account.to_owned(), monotonic);
        }
        let now = self.inner.parts.clock.now();
        let pushed = self.inner.pusher.push(subscription, &self.test_delivery(&browser, now)).await;
        self.learn(id, &pushed, now);
        self.one(account, id)
    }

    fn test_delivery(&self, browser: &Browser, now: Timestamp) -> Delivery {
        let url = format!("{}/you", self.inner.parts.public_url);
        let payload = json!({"type": "oncall.test", "timestamp": now.to_string(), "data": {"url": url}});
        let text = format!("{}: calls for {} arrive here.", browser.label, browser.person);
        let subject = Subject { kind: SubjectKind::Outbox, id: format!("test-of-{}", browser.id) };
        let target = target(&browser.person);
        Delivery {
            page: PageId::of(&subject, "test", &target),
            subject,
            event: Event::Notice,
            content: Draft::plain("Nines: notifications work", text, payload)
                .for_channel(ChannelKind::WebPush),
            created_at: now,
            now,
            thread: None,
            epoch: None,
        }
    }

    /// Notes what became of a message.
    fn learn(&self, id: &BrowserId, pushed: &Pushed, at: Timestamp) {
        {
            let mut all = self.inner.known.lock();
            // It was removed meanwhile, or is known to be gone.
            let Some(known) = all.get_mut(id) else { return };
            if known.browser.subscription.is_none() {
                return;
            }
            known.is_dirty = true;
            known.browser.used_at = Some(at);
            known.browser.failure = match pushed {
                Pushed::Taken => None,
                Pushed::Gone(status) => {
                    known.browser.subscription = None;
                    Some(format!("it takes nothing any more (http status {status})"))
                }
                Pushed::Failed(outcome) => Some(detail(outcome).to_owned()),
            };
        }
        self.inner.learnt.notify_one();
    }

    /// Writes what is learnt, until shutdown and once more then. Not on the page path: it waits for the disk.
    pub async fn keep(&self, shutdown: Shutdown) {
        while !shutdown.has_begun() {
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.inner.learnt.notified() => {}
            }
            self.write().await;
        }
    }

    async fn write(&self) {
        let _writer = self.inner.writer.lock().await;
        let dirty: Vec<Browser> = {
            let mut known = self.inner.known.lock();
            let dirty = known
                .values_mut()
                .filter_map(|known| std::mem::take(&mut known.is_dirty).then(|| known.browser.clone()));
            dirty.collect()
        };
        let mut has_gone = false;
        for browser in &dirty {
            if let Err(error) = self.inner.parts.store.note(browser).await {
                // The next message to it is written again.
                tracing::warn!(%error, browser = %browser.id, "what became of a notification is not kept");
            }
            if browser.subscription.is_none() {
                has_gone = true;
                self.inner.parts.follower.gone(browser).await;
            }
        }
        if has_gone {
            self.publish().await;
        }
    }

    /// Tells the page path and whoever follows whom browsers reach now.
    async fn publish(&self) {
        let people: BTreeSet<String> = {
            let known = self.inner.known.lock();
            let reached = known.values().filter(|known| known.browser.subscription.is_some());
            reached.map(|known| known.browser.person.clone()).collect()
        };
        let targets = people.iter().map(|person| Target {
            id: target(person),
            channel: Arc::new(OfPerson::new(self.clone(), person.clone())),
        });
        self.inner.parts.targets.replace_of_people(targets);
        self.inner.parts.follower.changed(people).await;
    }
}

impl fmt::Debug for Browsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Browsers({})", self.inner.known.lock().len())
    }
}

#[cfg(test)]
mod tests;
