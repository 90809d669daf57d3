//! One trace: its spans, and the logs that were written under it.

use datafusion::logical_expr::SortExpr;
use nines_filter::{Expr, Filter};
use nines_model::{Dataset, TimeRange, field};
use serde_json::{Map, Value};

use crate::engine::{Engine, Limits, Query};
use crate::error::{QueryError, Step};
use crate::lower::{column, in_range, lower};
use crate::rows::objects;
use crate::stats::QueryStats;

/// Spans, and as many logs, of one trace. A waterfall of more cannot be read.
pub const TRACE_ROWS_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq)]
pub struct TraceResult {
    /// By start, parents before children of the same instant where the ids tell.
    pub spans: Vec<Map<String, Value>>,
    /// By time.
    pub logs: Vec<Map<String, Value>>,
    /// `truncated` tells that a bound was reached.
    pub stats: QueryStats,
}

impl Engine {
    /// Bloom filters make this cheap over all of time; a range makes it cheaper. An unknown trace is two empty lists.
    pub async fn trace(
        &self,
        trace_id: &str,
        range: TimeRange,
        limits: Limits,
    ) -> Result<TraceResult, QueryError> {
        let trace_id = trace_id.to_ascii_lowercase();
        if trace_id.len() != 32 || !trace_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let error = QueryError::invalid(format!("`{trace_id}` is not a trace id"));
            return Err(error.hint("it has 32 hexadecimal digits"));
        }
        self.run(limits, move |query| {
            let trace_id = trace_id.clone();
            async move { trace(&query, &trace_id, range).await }
        })
        .await
    }
}

async fn trace(query: &Query, trace_id: &str, range: TimeRange) -> Result<TraceResult, QueryError> {
    let spans = rows_of(query, Dataset::Spans, trace_id, range).await?;
    let logs = rows_of(query, Dataset::Logs, trace_id, range).await?;
    let truncated = spans.len() == TRACE_ROWS_MAX || logs.len() == TRACE_ROWS_MAX;
    let rows_returned = (spans.len() + logs.len()) as u64;
    let stats = QueryStats { rows_returned, truncated, ..query.stats() };
    Ok(TraceResult { spans, logs, stats })
}

async fn rows_of(
    query: &Query,
    dataset: Dataset,
    trace_id: &str,
    range: TimeRange,
) -> Result<Vec<Map<String, Value>>, QueryError> {
    let snapshot = query.snapshot(dataset, range).await?;
    let filter = Filter::from_ast(Expr::equals(field::TRACE_ID, trace_id));
    let ascending = |name: &str| SortExpr::new(column(name), true, true);
    let frame = query
        .table(dataset, &snapshot)?
        .filter(in_range(range, &snapshot.schema).and(lower(&filter, &snapshot.schema)))
        // Nulls first: a root has no parent.
        .and_then(|frame| {
            let by_parent = (dataset == Dataset::Spans).then(|| ascending(field::PARENT_SPAN_ID));
            let order =
                [ascending(field::TIMESTAMP)].into_iter().chain(by_parent).chain([ascending(field::SPAN_ID)]);
            frame.sort(order.collect())
        })
        .and_then(|frame| frame.limit(0, Some(TRACE_ROWS_MAX)))
        .map_err(|error| query.error(error, Step::Planning))?;
    let (_, batches) = query.collect(frame).await?;
    Ok(objects(&batches, &query.engine().store().columns(dataset)))
}
