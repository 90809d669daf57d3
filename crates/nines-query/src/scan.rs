//! Rows for those who count them by themselves.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::logical_expr::Expr;
use futures::StreamExt;
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange};

use crate::engine::{Engine, Limits, Query};
use crate::error::{QueryError, Step};
use crate::lower::{column, in_range, lower};
use crate::stats::QueryStats;

#[derive(Debug, Clone)]
pub struct ScanRequest {
    pub dataset: Dataset,
    pub filter: Filter,
    pub range: TimeRange,
    /// Those that the dataset has are read, in this order; others are left out of the batches.
    pub columns: Vec<String>,
    pub limits: Limits,
}

impl Engine {
    /// Folds every selected row into what `start` makes. Batches come in no order.
    ///
    /// The fold runs on the engine's threads, a batch of some thousand rows at a time, and its memory is not counted
    /// against the engine's limit: bound it. If stored data proves damaged, it starts anew without it.
    pub async fn scan<S, M, F>(
        &self,
        request: ScanRequest,
        start: M,
        fold: F,
    ) -> Result<(S, QueryStats), QueryError>
    where
        S: Send + 'static,
        M: Fn() -> S + Send + Sync + 'static,
        F: Fn(&mut S, &RecordBatch) + Send + Sync + 'static,
    {
        let limits = request.limits.clone();
        let (request, start, fold) = (Arc::new(request), Arc::new(start), Arc::new(fold));
        self.run(limits, move |query| {
            let (request, start, fold) = (Arc::clone(&request), Arc::clone(&start), Arc::clone(&fold));
            async move {
                let mut state = start();
                read(&query, &request, |batch| fold(&mut state, batch)).await?;
                Ok((state, query.stats()))
            }
        })
        .await
    }
}

async fn read(
    query: &Query,
    request: &ScanRequest,
    mut see: impl FnMut(&RecordBatch),
) -> Result<(), QueryError> {
    let snapshot = query.snapshot(request.dataset, request.range).await?;
    let known = |name: &&String| snapshot.schema.column_with_name(name).is_some();
    let columns: Vec<Expr> = request.columns.iter().filter(known).map(|name| column(name)).collect();
    let selected = in_range(request.range, &snapshot.schema).and(lower(&request.filter, &snapshot.schema));
    let frame = query
        .table(request.dataset, &snapshot)?
        .filter(selected)
        .and_then(|frame| frame.select(columns))
        .map_err(|error| query.error(error, Step::Planning))?;
    let mut stream = query.stream(frame).await?;
    while let Some(batch) = stream.next().await {
        see(&batch.map_err(|error| query.error(error, Step::Running))?);
    }
    Ok(())
}
