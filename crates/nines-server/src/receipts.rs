//! Whether an import is stored already, asked of the rows themselves.

use std::time::Duration;

use async_trait::async_trait;
use nines_filter::{Expr, Filter};
use nines_model::{Dataset, TimeRange};
use nines_query::{Engine, Limits};
use nines_receive::{Receipts, ReceiptsError};
use nines_storage::Store;

/// The field that the receiver puts an `Idempotency-Key` in.
const IMPORT_ID: &str = "nines.import.id";

/// Counts are wanted, not their times.
const STEP: Duration = Duration::from_secs(366 * 24 * 3600);

/// An importer that comes back waits for this, and it may be on a busy node.
const TIMEOUT: Duration = Duration::from_secs(20);

pub struct StoredImports {
    pub store: Store,
    pub engine: Engine,
}

#[async_trait]
impl Receipts for StoredImports {
    async fn rows(&self, dataset: Dataset, id: &str) -> Result<u64, ReceiptsError> {
        let filter = Filter::from_ast(Expr::equals(IMPORT_ID, id));
        let snapshot =
            self.store.snapshot(dataset, TimeRange::ALL).map_err(|error| ReceiptsError(error.to_string()))?;
        let limits = Limits { timeout: Some(TIMEOUT), ..Limits::default() };
        let counted = self
            .engine
            .count_buckets(snapshot, filter.clone(), filter, TimeRange::ALL, STEP, limits)
            .await
            .map_err(|error| ReceiptsError(error.to_string()))?;
        Ok(counted.iter().map(|bucket| bucket.total).sum())
    }
}
