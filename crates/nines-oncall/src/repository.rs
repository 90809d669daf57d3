//! What a store of on-call state must do. Declared documents (schedules, policies, personal rules) are kept as text by
//! whoever keeps documents; here is what changes while people work: overrides, escalations with their orders, silences
//! set by hand, and what has been told.
//!
//! Promises that every implementation keeps, and [`crate::contract`] checks
//! - A write that returned `Ok` is durable, and a failed one changed nothing.
//! - The state of an escalation and the orders of the decision that led to it are stored together, so that whoever is
//!   killed between decision and delivery finds both or neither.
//! - An escalation is changed from the version that was read, or not at all.
//! - An order whose key is known is not stored twice.
//! - What is given together is stored together. A storm opens a thousand escalations in a minute and each takes many
//!   steps; one write for all of them is what lets the next person be called in time.

use async_trait::async_trait;
use nines_base::ErrorKind;
use nines_model::Timestamp;

use crate::escalation::{Escalation, Order, What};
use crate::noise::Silence;
use crate::schedule::{OVERRIDES_MAX, Override, OverrideId};

#[derive(Debug, thiserror::Error)]
pub enum OncallError {
    #[error("schedule `{schedule}` has {OVERRIDES_MAX} overrides already; remove some that have ended")]
    TooManyOverrides { schedule: String },
    #[error("override `{id}` of schedule `{schedule}` is there already and says something else")]
    OverrideExists { schedule: String, id: OverrideId },
    #[error("cannot {operation}")]
    Store {
        operation: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OncallError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::OverrideExists { .. } => ErrorKind::Conflict,
            Self::TooManyOverrides { .. } => ErrorKind::Exhausted,
            Self::Store { .. } => ErrorKind::Unavailable,
        }
    }
}

/// An escalation as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub state: Escalation,
    /// From 1.
    pub version: u64,
}

/// What an escalation became, and what was ordered with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    pub state: Escalation,
    /// The version that it was decided upon.
    pub version: u64,
    pub orders: Vec<Order>,
}

/// An order that has not been carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingOrder {
    pub key: String,
    pub incident: String,
    pub what: What,
    /// Why, in words.
    pub reason: String,
    pub ordered_at: Timestamp,
}

/// An order, and when it was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    pub order: PendingOrder,
    pub done_at: Option<Timestamp>,
}

#[async_trait]
pub trait OncallRepository: Send + Sync {
    /// Of one schedule, in the order in which they were made.
    async fn overrides(&self, schedule: &str) -> Result<Vec<Override>, OncallError>;

    /// Adds all of them, in order, or none. One that is there already, and the same, is left as it is.
    async fn add_overrides(&self, schedule: &str, overrides: &[Override]) -> Result<(), OncallError>;

    /// Whether it was there.
    async fn remove_override(&self, schedule: &str, id: &OverrideId) -> Result<bool, OncallError>;

    /// Keeps new escalations as version 1, each with the next turn of its policy (from 0) for the round-robin steps, and
    /// answers what is kept for each: of an incident that has an escalation already, that one.
    async fn start(&self, new: &[Escalation], now: Timestamp) -> Result<Vec<Stored>, OncallError>;

    /// Keeps what escalations became and answers the new version of each. `None`: somebody else moved it since, or it is
    /// not known, and nothing of that move is kept.
    async fn save(&self, moves: &[Move], now: Timestamp) -> Result<Vec<Option<u64>>, OncallError>;

    async fn escalation(&self, incident: &str) -> Result<Option<Stored>, OncallError>;

    /// Those that are not over, by incident. For the loop that ticks and for the auditor.
    async fn open_escalations(&self) -> Result<Vec<Stored>, OncallError>;

    /// The oldest orders that have not been carried out, at most `limit`.
    async fn pending_orders(&self, limit: u32) -> Result<Vec<PendingOrder>, OncallError>;

    /// Orders have been carried out. Doing so twice is no error.
    async fn orders_done(&self, keys: &[String], now: Timestamp) -> Result<(), OncallError>;

    /// Every order of an incident, in the order in which they were given.
    async fn orders_of(&self, incident: &str) -> Result<Vec<OrderRecord>, OncallError>;

    /// Orders that were carried out at or after `at`, by that time: what the messages of the last minutes are counted by.
    async fn orders_done_since(&self, at: Timestamp) -> Result<Vec<OrderRecord>, OncallError>;

    /// By id. Those that have ended stay until they are removed.
    async fn silences(&self) -> Result<Vec<Silence>, OncallError>;

    /// In place of the one with the same id.
    async fn put_silence(&self, silence: &Silence) -> Result<(), OncallError>;

    async fn remove_silence(&self, id: &str) -> Result<bool, OncallError>;

    /// Whether `key` is told for the first time. For notices that must go out once, such as those before a shift.
    async fn tell_once(&self, key: &str, now: Timestamp) -> Result<bool, OncallError>;
}
