//! What waits in the outbox.

use std::fmt;

use nines_model::Timestamp;
use sha2::{Digest, Sha256};

use crate::Content;

/// 32 hex digits: a hash of subject, step and target. The same page planned twice has the same id, and the provider
/// sees it as the idempotency key of every attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageId(pub String);

impl PageId {
    /// `step` tells the pages of one subject apart: the number of the alert's transition, of the incident's update.
    pub fn of(subject: &Subject, step: &str, target: &TargetId) -> Self {
        let mut hash = Sha256::new();
        for part in [subject.kind.as_str(), &subject.id, step, &target.0] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Self(hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The configured name of a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(pub String);

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in the database, the API and on screen.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }
    };
}

words!(SubjectKind { Alert = "alert", Incident = "incident", Outbox = "outbox" });

words!(
    /// What the page tells of its subject, which decides what may replace it.
    Event {
        /// It began, or got worse. A later trigger, update or resolve replaces it while it waits.
        Trigger = "trigger",
        /// It changed in a way that wakes nobody.
        Update = "update",
        /// It is over. If nothing of the subject reached the target, both go into the digest.
        Resolve = "resolve",
        /// Stands for itself: a nudge, an escalation, a test. Never replaced.
        Notice = "notice",
        /// What happened and ended while the target could not be reached.
        Digest = "digest",
    }
);

words!(
    PageState {
        Queued = "queued",
        Sending = "sending",
        Delivered = "delivered",
        Undeliverable = "undeliverable",
        Superseded = "superseded",
    }
);

words!(
    /// How an attempt ended.
    AttemptOutcome {
        /// It has not; or the process died and has not started again.
        Running = "running",
        Ok = "ok",
        Retryable = "retryable",
        Permanent = "permanent",
        /// The provider may have taken it.
        Unknown = "unknown",
    }
);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    pub kind: SubjectKind,
    pub id: String,
}

impl Subject {
    pub fn alert(id: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Alert, id: id.into() }
    }

    pub fn incident(id: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Incident, id: id.into() }
    }
}

/// 0 goes first. P0, P1 and P2 are 0, 1 and 2; a digest is [`Priority::DIGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(pub u8);

impl Priority {
    pub const DIGEST: Self = Self(9);
}

/// A page to be inserted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPage {
    pub id: PageId,
    pub subject: Subject,
    pub event: Event,
    pub target: TargetId,
    pub priority: Priority,
    /// One line, for lists and digests.
    pub title: String,
    pub content: Content,
    pub created_at: Timestamp,
    /// Not before this. Later than `created_at` for a fallback page.
    pub due_at: Timestamp,
    /// Sent only if that page was not delivered by `due_at`, or sooner if it turns out undeliverable.
    pub fallback_of: Option<PageId>,
}

impl NewPage {
    /// The digest that a store makes in [`crate::OutboxStore::fold`]. `number` tells digests apart, for ever.
    pub fn digest(target: &TargetId, number: u64, now: Timestamp) -> Self {
        let subject = Subject { kind: SubjectKind::Outbox, id: format!("digest-{number}") };
        Self {
            id: PageId::of(&subject, "digest", target),
            subject,
            event: Event::Digest,
            target: target.clone(),
            priority: Priority::DIGEST,
            title: "what happened and ended while this target could not be reached".to_owned(),
            content: Content::Digest,
            created_at: now,
            due_at: now,
            fallback_of: None,
        }
    }
}

/// A page as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub new: NewPage,
    pub state: PageState,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts after which the provider may have it although we do not know.
    pub unknown_attempts: u32,
    pub next_attempt_at: Timestamp,
    pub changed_at: Timestamp,
    /// Why it is not delivered, in words: the last failure, or what superseded it.
    pub detail: Option<String>,
    /// The provider's name for it, such as Slack's channel and timestamp.
    pub reference: Option<String>,
    /// The page that says what this one would have said.
    pub merged_into: Option<PageId>,
}

impl Page {
    pub fn is_terminal(&self) -> bool {
        !matches!(self.state, PageState::Queued | PageState::Sending)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub page: PageId,
    /// From 1.
    pub number: u32,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub outcome: AttemptOutcome,
    pub detail: Option<String>,
}
