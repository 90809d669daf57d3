use std::time::Duration;

use async_trait::async_trait;
use nines_base::{Backoff, ErrorKind, Random, SharedClock, Shutdown};
use nines_protocols::file::Format;

/// Whole lines of one file.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The same for the same bytes from the same place of the same file, and for nothing else.
    pub key: String,
    /// Whether an earlier process may have sent it already, so that the node has to look among its rows.
    pub may_be_repeat: bool,
    pub format: Format,
    /// Of the file, as people named it.
    pub path: String,
    pub body: Vec<u8>,
}

/// What the node said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Rows that are stored now.
    pub rows: u64,
    /// They were stored before.
    pub is_repeat: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    pub kind: ErrorKind,
    pub message: String,
    pub retry_after: Option<Duration>,
}

/// The way to a node.
#[async_trait]
pub trait Sender: Send + Sync {
    /// Returns once the lines are on the node's disk.
    async fn send(&self, chunk: &Chunk) -> Result<Sent, SendError>;
}

/// Between attempts: from a second to half a minute, spread so that a thousand agents do not return at once.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) };

/// Sends until the node takes it, for as long as trying again can help; gives up after `patience`, if there is one, and when
/// `shutdown` begins.
pub(crate) async fn send_patiently(
    sender: &dyn Sender,
    mut chunk: Chunk,
    patience: Option<Duration>,
    clock: &SharedClock,
    random: &Random,
    shutdown: &Shutdown,
) -> Result<Sent, SendError> {
    let started = clock.monotonic();
    let mut attempt = 0;
    loop {
        let error = match sender.send(&chunk).await {
            Ok(sent) => return Ok(sent),
            Err(error) => error,
        };
        let waited = clock.monotonic().saturating_sub(started);
        let has_time = patience.is_none_or(|patience| waited < patience);
        if !error.kind.is_retryable() || !has_time || shutdown.has_begun() {
            return Err(error);
        }
        // The answer may have been lost after the lines were stored.
        chunk.may_be_repeat = true;
        let pause = BACKOFF.pause(attempt, random).max(error.retry_after.unwrap_or_default());
        tracing::warn!(
            error = error.message,
            pause_ms = pause.as_millis() as u64,
            "lines were not taken yet"
        );
        attempt += 1;
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = shutdown.begun() => return Err(error),
        }
    }
}
