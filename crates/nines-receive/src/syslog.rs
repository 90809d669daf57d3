//! Syslog listeners: UDP, TCP with both framings, TLS.
//!
//! Source: RFC 5426 (UDP), RFC 6587 (TCP), RFC 5425 (TLS).
//!
//! # Promises
//! - Syslog has no answers, so nothing can be acknowledged or refused. Over TCP and TLS the next bytes are read only once
//!   the last ones are stored: a node that cannot keep up, or whose disk is full, makes its senders wait, and theirs is the
//!   queue. What was read and not yet stored when the process dies is lost; over a clean stop nothing is.
//! - Over UDP nobody can be made to wait: what finds the queue full is dropped and counted.
//! - The sender's address is kept as `client.address` beside the host that the message names.
//! - Memory is bounded by connections × [`SyslogLimits::message_bytes`], and by the queue over UDP.

mod frame;
mod stream;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nines_base::{KIB, SharedClock, Shutdown};
use nines_model::{Batch, Dataset, Value};
use nines_protocols::rows::RowWriter;

use crate::sink::Sink;

/// Bounds on what senders can make the listeners do.
#[derive(Debug, Clone)]
pub struct SyslogLimits {
    /// Of one message; what is beyond is cut off and counted. RFC 5425 asks for 8 KiB, Java stack traces for more.
    pub message_bytes: usize,
    /// Open connections of one listener; more get the room of those that are idle.
    pub connections: usize,
    /// Open connections of one address; more are closed at once, so that one sender cannot shut out the others.
    pub connections_per_address: usize,
    /// For a TLS handshake.
    pub handshake_timeout: Duration,
}

impl Default for SyslogLimits {
    fn default() -> Self {
        Self {
            message_bytes: 64 * KIB as usize,
            connections: 512,
            connections_per_address: 64,
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

/// What the listeners have done since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyslogStats {
    /// Stored.
    pub messages: u64,
    /// Lost over UDP, because the queue was full.
    pub messages_dropped: u64,
    /// Cut at [`SyslogLimits::message_bytes`].
    pub messages_cut: u64,
    /// Batches that were stored only after waiting for room.
    pub waits: u64,
    /// Connections closed because their address had too many.
    pub connections_refused: u64,
}

/// The listeners share this. Cloning is cheap.
#[derive(Clone)]
pub struct Syslog {
    inner: Arc<Inner>,
}

struct Inner {
    limits: SyslogLimits,
    sink: Arc<dyn Sink>,
    clock: SharedClock,
    messages: AtomicU64,
    dropped: AtomicU64,
    cut: AtomicU64,
    waits: AtomicU64,
    refused: AtomicU64,
}

/// Between two attempts to store, unless the sink says otherwise.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

impl Syslog {
    pub fn new(limits: SyslogLimits, sink: Arc<dyn Sink>, clock: SharedClock) -> Self {
        let count = || AtomicU64::new(0);
        let (messages, dropped, cut, waits, refused) = (count(), count(), count(), count(), count());
        Self { inner: Arc::new(Inner { limits, sink, clock, messages, dropped, cut, waits, refused }) }
    }

    pub fn stats(&self) -> SyslogStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SyslogStats {
            messages: read(&self.inner.messages),
            messages_dropped: read(&self.inner.dropped),
            messages_cut: read(&self.inner.cut),
            waits: read(&self.inner.waits),
            connections_refused: read(&self.inner.refused),
        }
    }
}

impl Inner {
    fn rows(&self) -> RowWriter {
        RowWriter::new(Dataset::Logs, self.clock.now())
    }

    /// Stores a batch, for as long as it takes; gives up only when the node stops or the batch can never be stored.
    async fn store(&self, batch: Batch, bytes: u64, shutdown: &Shutdown) {
        let messages = batch.rows.len() as u64;
        if messages == 0 {
            return;
        }
        let mut has_waited = false;
        loop {
            let error = match self.sink.submit(vec![batch.clone()], bytes).await {
                Ok(()) => {
                    self.messages.fetch_add(messages, Ordering::Relaxed);
                    return;
                }
                Err(error) => error,
            };
            if !has_waited {
                has_waited = true;
                self.waits.fetch_add(1, Ordering::Relaxed);
            }
            if !error.kind.is_retryable() || shutdown.has_begun() {
                tracing::warn!(messages, error = error.message, "syslog messages were not stored");
                self.dropped.fetch_add(messages, Ordering::Relaxed);
                return;
            }
            tokio::select! {
                () = self.clock.sleep(error.retry_after.unwrap_or(RETRY_PAUSE)) => {}
                () = shutdown.begun() => {}
            }
        }
    }
}

/// What rows of this sender share.
fn set_sender(rows: &mut RowWriter, peer: SocketAddr) {
    rows.set_resource([("client.address", Value::str(peer.ip().to_canonical().to_string()))]);
}
