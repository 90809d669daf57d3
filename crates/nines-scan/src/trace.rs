//! One trace: its spans, and the logs that were written under it.

use std::future::ready;
use std::sync::Arc;

use serde_json::{Map, Value};

use nines_filter::{Expr, Filter};
use nines_model::{Dataset, TimeRange, field};

use crate::error::ScanError;
use crate::question::Question;
use crate::scanner::{Asked, Limits, Scanner};
use crate::search::{Order, PAGE_MAX, SearchRequest, page};
use crate::stats::QueryStats;

/// Spans, and as many logs, of one trace. A waterfall of more cannot be read.
pub const TRACE_ROWS_MAX: usize = PAGE_MAX;

#[derive(Debug, Clone, PartialEq)]
pub struct TraceResult {
    /// By start, parents before children of the same instant where the ids tell.
    pub spans: Vec<Map<String, Value>>,
    /// By time.
    pub logs: Vec<Map<String, Value>>,
    /// `truncated` tells that a bound was reached.
    pub stats: QueryStats,
}

impl Scanner {
    /// Filters of ids make this cheap over all of time; a range makes it cheaper. An unknown trace is two empty lists.
    pub fn trace(&self, trace_id: &str, range: TimeRange, limits: Limits) -> Asked<'_, TraceResult> {
        let trace_id = trace_id.to_ascii_lowercase();
        if trace_id.len() != 32 || !trace_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = format!("`{trace_id}` is not a trace id");
            return Box::pin(ready(Err(ScanError::invalid(message, "it has 32 hexadecimal digits"))));
        }
        Box::pin(self.run(limits, move |question| {
            let trace_id = trace_id.clone();
            async move { trace(&question, &trace_id, range).await }
        }))
    }
}

async fn trace(question: &Arc<Question>, trace_id: &str, range: TimeRange) -> Result<TraceResult, ScanError> {
    let (spans, logs) = tokio::try_join!(
        rows_of(question, Dataset::Spans, trace_id, range),
        rows_of(question, Dataset::Logs, trace_id, range)
    )?;
    let truncated = spans.len() == TRACE_ROWS_MAX || logs.len() == TRACE_ROWS_MAX;
    let rows_returned = (spans.len() + logs.len()) as u64;
    let stats = QueryStats { rows_returned, truncated, ..question.stats() };
    Ok(TraceResult { spans, logs, stats })
}

async fn rows_of(
    question: &Arc<Question>,
    dataset: Dataset,
    trace_id: &str,
    range: TimeRange,
) -> Result<Vec<Map<String, Value>>, ScanError> {
    let filter = Filter::from_ast(Expr::equals(field::TRACE_ID, trace_id));
    let request = SearchRequest {
        limit: TRACE_ROWS_MAX,
        order: Order::OldestFirst,
        ..SearchRequest::new(dataset, filter, range)
    };
    let mut rows = page(question, &request).await?.rows;
    // Rows come by time. A root has no parent, and so sorts first among those that start with it.
    for tied in rows.chunk_by_mut(|left, right| left[field::TIMESTAMP] == right[field::TIMESTAMP]) {
        tied.sort_by_cached_key(|row| [text(row, field::PARENT_SPAN_ID), text(row, field::SPAN_ID)]);
    }
    Ok(rows)
}

fn text(row: &Map<String, Value>, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}
