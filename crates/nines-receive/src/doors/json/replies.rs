//! Requests that may come twice.
//!
//! A client that lost its answer sends the same body with the same `Idempotency-Key` again. While the first is on its way
//! the second is told to wait; once it is stored the second gets the first one's answer. The last [`REPLIES_MAX`] answers
//! are kept in memory. A client that may have been answered by a process that is gone says so with `Nines-Repeat: true`:
//! then the rows themselves are asked ([`Receipts`]).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::HeaderMap;
use nines_model::Dataset;
use parking_lot::Mutex;

use crate::receiver::Inner;
use crate::refusal::{Cause, Refusal};

/// Answers that are remembered, at about 100 bytes each. An importer has one request open at a time, so this covers
/// thousands of them for hours.
const REPLIES_MAX: usize = 65_536;

/// Longest key.
const KEY_BYTES_MAX: usize = 128;

/// Knows which imports are stored, whoever stored them. Implemented by the server over the query engine.
#[async_trait]
pub trait Receipts: Send + Sync {
    /// Rows of `dataset` whose `nines.import.id` is `id`.
    async fn rows(&self, dataset: Dataset, id: &str) -> Result<u64, ReceiptsError>;
}

/// The rows could not be asked; worth retrying.
#[derive(Debug, thiserror::Error)]
#[error("stored rows could not be counted: {0}")]
pub struct ReceiptsError(pub String);

pub(crate) struct Replies {
    known: Mutex<Known>,
    receipts: Option<Arc<dyn Receipts>>,
}

#[derive(Default)]
struct Known {
    /// `None` while the request is on its way.
    events: HashMap<String, Option<u64>>,
    /// Answered ones, oldest first.
    answered: VecDeque<String>,
}

/// The right to store what comes under a key. Given back when dropped, unless it was used.
pub(crate) struct Turn {
    replies: Arc<Replies>,
    key: String,
    is_stored: bool,
}

pub(crate) enum Begun {
    Turn(Turn),
    /// So many rows are stored already.
    Stored(u64),
}

impl Replies {
    pub fn new(receipts: Option<Arc<dyn Receipts>>) -> Self {
        Self { known: Mutex::default(), receipts }
    }

    pub async fn begin(
        self: &Arc<Self>,
        key: &str,
        headers: &HeaderMap,
        dataset: Dataset,
        inner: &Inner,
    ) -> Result<Begun, Refusal> {
        {
            let mut known = self.known.lock();
            match known.events.get(key) {
                Some(Some(events)) => return Ok(Begun::Stored(*events)),
                Some(None) => {
                    let message = "the same request is on its way: ask again later";
                    return Err(Refusal::new(Cause::Busy, message));
                }
                None => drop(known.events.insert(key.to_owned(), None)),
            }
        }
        let turn = Turn { replies: Arc::clone(self), key: key.to_owned(), is_stored: false };
        let may_be_repeat = headers.get("nines-repeat").is_some_and(|value| value == "true");
        let (true, Some(receipts)) = (may_be_repeat, &self.receipts) else { return Ok(Begun::Turn(turn)) };
        match receipts.rows(dataset, key).await {
            Ok(0) => Ok(Begun::Turn(turn)),
            Ok(events) => {
                turn.stored(events);
                Ok(Begun::Stored(events))
            }
            Err(error) => {
                tracing::warn!(%error, at = %inner.clock.now(), "an import could not be looked up");
                Err(Refusal::new(Cause::Unavailable, error.to_string()))
            }
        }
    }
}

impl Turn {
    pub fn stored(mut self, events: u64) {
        self.is_stored = true;
        let mut known = self.replies.known.lock();
        known.events.insert(self.key.clone(), Some(events));
        known.answered.push_back(self.key.clone());
        if known.answered.len() > REPLIES_MAX
            && let Some(oldest) = known.answered.pop_front()
        {
            known.events.remove(&oldest);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_stored {
            self.replies.known.lock().events.remove(&self.key);
        }
    }
}

/// The request's `Idempotency-Key`, if it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or("").trim();
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!(
            "`idempotency-key` must be 1 to {KEY_BYTES_MAX} visible ASCII characters: use a hash of the body"
        );
        return Err(Refusal::new(Cause::Malformed, message));
    }
    Ok(Some(key.to_owned()))
}
