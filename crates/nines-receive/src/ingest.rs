//! The server's sink.

use futures::future::BoxFuture;
use nines_base::ErrorKind;
use nines_ingest::{Ingest, IngestError};
use nines_model::Batch;

use crate::sink::{Sink, SinkError};

impl Sink for Ingest {
    fn submit(&self, batches: Vec<Batch>, bytes: u64) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            match Ingest::submit(self, batches, bytes).await {
                Ok(_) => Ok(()),
                Err(error) => {
                    let refusal = refusal(&error);
                    if refusal.kind != ErrorKind::Exhausted {
                        tracing::warn!(error = &error as &dyn std::error::Error, "telemetry was not stored");
                    }
                    Err(refusal)
                }
            }
        })
    }
}

/// Only a request that is too large can never succeed; a full disk is not the client's pace; all else may pass.
fn refusal(error: &IngestError) -> SinkError {
    let kind = match error.kind() {
        ErrorKind::TooLarge => ErrorKind::TooLarge,
        ErrorKind::Exhausted if error.reason() != "disk full" => ErrorKind::Exhausted,
        _ => ErrorKind::Unavailable,
    };
    SinkError { kind, message: error.to_string(), retry_after: error.retry_after() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_may_pass_is_retryable_and_a_full_disk_is_not_the_clients_pace() {
        let overloaded = IngestError::Overloaded { bound: "in flight", retry_after: Duration::from_secs(3) };
        let cases = [
            (overloaded, ErrorKind::Exhausted),
            (IngestError::DiskFull { free: 1, needed: 2 }, ErrorKind::Unavailable),
            (IngestError::Closed, ErrorKind::Unavailable),
            (IngestError::TooLarge { bytes: 2, limit: 1 }, ErrorKind::TooLarge),
            (IngestError::Start(std::io::Error::other("x")), ErrorKind::Unavailable),
        ];
        for (error, kind) in cases {
            let refusal = refusal(&error);
            assert_eq!(refusal.kind, kind, "{error}");
            assert_eq!(refusal.retry_after, error.retry_after());
        }
    }
}
