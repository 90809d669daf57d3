//! Requests taken from the limits of who sends them.

use std::sync::Arc;

use futures::future::BoxFuture;
use nines_base::ErrorKind;
use nines_ingest::{Charge, OverLimit, Tenant};
use nines_model::{Batch, Dataset};

use crate::refusal::{Cause, Refusal};
use crate::sink::{Sink, SinkError};

/// A sink of one tenant, for senders that show no key: syslog.
pub struct Metered {
    pub tenant: Tenant,
    pub sink: Arc<dyn Sink>,
}

impl Sink for Metered {
    fn submit(&self, batches: Vec<Batch>, bytes: u64) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(self.take(batches, bytes))
    }
}

impl Metered {
    async fn take(&self, batches: Vec<Batch>, bytes: u64) -> Result<(), SinkError> {
        let charge = charge(&self.tenant, &batches, bytes).map_err(|over| SinkError {
            kind: ErrorKind::Exhausted,
            retry_after: Some(over.retry_after),
            message: over.to_string(),
        })?;
        self.sink.submit(batches, bytes).await?;
        charge.keep();
        Ok(())
    }
}

pub(crate) fn charge(tenant: &Tenant, batches: &[Batch], bytes: u64) -> Result<Charge, OverLimit> {
    let part = |batch: &Batch| (batch.dataset, batch.rows.len() as u64);
    match batches {
        [batch] => tenant.charge(&[part(batch)], bytes),
        batches => {
            let parts: Vec<(Dataset, u64)> = batches.iter().map(part).collect();
            tenant.charge(&parts, bytes)
        }
    }
}

impl From<OverLimit> for Refusal {
    fn from(over: OverLimit) -> Self {
        Self { retry_after: Some(over.retry_after), ..Self::new(Cause::OverLimit, over.to_string()) }
    }
}
