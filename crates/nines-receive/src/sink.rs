use std::time::Duration;

use futures::future::BoxFuture;
use nines_base::ErrorKind;
use nines_model::Batch;

/// Where decoded telemetry goes. The server's sink is the ingest path, which returns after the fsync.
pub trait Sink: Send + Sync {
    /// Returns once the batches are as durable as a success answer promises. All of them are kept, or none.
    ///
    /// `bytes` is the size of the request after decompression, for budgets. The future may be dropped when the client
    /// goes away; the batches may then be kept or not.
    fn submit(&self, batches: Vec<Batch>, bytes: u64) -> BoxFuture<'_, Result<(), SinkError>>;
}

/// Why the batches were not kept. Kinds that mean "never" (`InvalidInput`, `TooLarge`, `Forbidden`) tell the client to
/// drop them; `Exhausted` tells it to slow down; every other kind to try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    pub kind: ErrorKind,
    /// For the client to read.
    pub message: String,
    /// When to try again; the receiver chooses if there is no hint.
    pub retry_after: Option<Duration>,
}
