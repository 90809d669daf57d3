//! The outbox as a repository. Implemented in memory here and over SQLite in `nines-state`; both pass
//! [`crate::contract`].

use nines_base::ErrorKind;
use nines_model::Timestamp;

use crate::{Attempt, NewPage, Page, PageId, PageState, Subject, TargetId};

#[derive(Debug, thiserror::Error)]
#[error("outbox: {message}")]
pub struct StoreError {
    pub kind: ErrorKind,
    pub message: String,
}

impl StoreError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// Said of an attempt whose process died.
pub const INTERRUPTED: &str = "the process stopped during the attempt";

/// A page that is now `sending`, and what its channel needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    pub page: Page,
    /// The provider's reference of the newest delivered trigger or update of the same subject at the same target: what
    /// a resolve or update changes or answers.
    pub thread: Option<String>,
}

/// A target with queued pages or something to fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub target: TargetId,
    /// When the first of its pages can be claimed; past if one can be now, `None` if each waits for another of its subject
    /// that is being sent.
    pub due: Option<Timestamp>,
    /// Whether [`OutboxStore::fold`] would find something.
    pub folds: bool,
}

/// How an attempt ended, for the outbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Finish {
    Delivered { reference: Option<String> },
    Retry { at: Timestamp, unknown: bool, detail: String },
    Undeliverable { detail: String },
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PageFilter {
    pub subject: Option<Subject>,
    pub target: Option<TargetId>,
    pub state: Option<PageState>,
    pub merged_into: Option<PageId>,
    /// 0: [`PageFilter::LIMIT_DEFAULT`]. Never more than [`PageFilter::LIMIT_MAX`].
    pub limit: u32,
}

impl PageFilter {
    pub const LIMIT_DEFAULT: u32 = 100;
    pub const LIMIT_MAX: u32 = 1000;

    pub fn of_subject(subject: Subject) -> Self {
        Self { subject: Some(subject), ..Self::default() }
    }

    pub fn limit(&self) -> u32 {
        if self.limit == 0 { Self::LIMIT_DEFAULT } else { self.limit.min(Self::LIMIT_MAX) }
    }
}

/// Every method is one transaction: it happens whole, durably, or not at all. One deliverer uses a store at a time.
#[async_trait::async_trait]
pub trait OutboxStore: Send + Sync {
    /// Adds the pages that are not there yet, by id, and returns how many were new. In the order given, each new page
    /// first settles the waiting ones of the same subject at the same target:
    /// - a trigger, update or resolve supersedes the triggers and updates that are still queued;
    /// - a resolve of which nothing reached the target (nothing was delivered, is being sent or may have arrived)
    ///   while something was queued is itself superseded, and waits for the digest;
    /// - a fallback page that resolves what never reached its target is superseded by the page it stands in for.
    async fn insert(&self, pages: &[NewPage]) -> Result<u64, StoreError>;

    /// After a crash: pages that are `sending` become `queued`, due now, with one more unknown attempt. Returns how
    /// many. Call once, before the first claim.
    async fn recover(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Targets with queued pages or something to fold, by name.
    async fn waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, StoreError>;

    /// Takes due pages of each target, up to its limit, most severe first, then newest, and makes them `sending`. A page is
    /// due if no other of its subject is being sent to the target and its time has come; or if it is further off than
    /// [`crate::PAUSE_MAX`] and was written in the future, for then the clock was set back. One transaction for all
    /// targets: with hundreds of them, as many people are called, and each transaction is a write to disk.
    async fn claim(&self, wanted: &[(TargetId, usize)], now: Timestamp) -> Result<Vec<Claimed>, StoreError>;

    /// Ends the attempts of pages that are `sending`, all or none; anything else is left alone. Delivered: its fallback
    /// page, if still queued, is superseded. Undeliverable: its fallback page is due now. A trigger or update that is to be
    /// retried although a newer page of its subject exists at the target is superseded instead.
    async fn finish(&self, ended: &[(PageId, Finish)], now: Timestamp) -> Result<(), StoreError>;

    /// The target works again: its queued pages that wait after a failure are due now.
    async fn hasten(&self, target: &TargetId, now: Timestamp) -> Result<(), StoreError>;

    /// What held a subject's pages back is over: those that were never tried are due now, what stands in for another
    /// [`crate::FALLBACK_AFTER`] later. Returns how many.
    async fn release(&self, subject: &Subject, now: Timestamp) -> Result<u64, StoreError>;

    /// Puts superseded pages of the target that belong to nothing yet into its digest: the queued one, unless an
    /// attempt of it may have arrived, else a new one. Returns the digest if there was anything.
    async fn fold(&self, target: &TargetId, now: Timestamp) -> Result<Option<PageId>, StoreError>;

    /// A person asks for one more try of an undeliverable page. False if it is not undeliverable.
    async fn retry(&self, page: &PageId, now: Timestamp) -> Result<bool, StoreError>;

    async fn page(&self, page: &PageId) -> Result<Option<Page>, StoreError>;

    /// Newest first.
    async fn pages(&self, filter: &PageFilter) -> Result<Vec<Page>, StoreError>;

    /// In order.
    async fn attempts(&self, page: &PageId) -> Result<Vec<Attempt>, StoreError>;

    /// How many pages are in each state.
    async fn counts(&self) -> Result<Vec<(PageState, u64)>, StoreError>;

    /// When the page that has waited longest (queued or being sent) was due; `None` if none waits.
    async fn oldest_due(&self) -> Result<Option<Timestamp>, StoreError>;
}
