//! Which services and operations there are, and which hurt: counts, errors and latency from spans.

use datafusion::arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::{count, max, sum};
use datafusion::logical_expr::{Expr, SortExpr, cast, lit, when};
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp, field};

use crate::engine::{Engine, Limits, Query};
use crate::error::{QueryError, Step};
use crate::functions::quantile_of;
use crate::lower::{column, in_range, lower, text_of};
use crate::rows::Aggregates;
use crate::stats::QueryStats;

/// Lines of either list.
pub const OPERATIONS_MAX: usize = 1_000;

/// Spans of one service, or of one operation of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationSummary {
    pub service: String,
    /// The span's name; absent where all of a service is told.
    pub operation: Option<String>,
    pub spans: u64,
    /// Spans with `status_code: error`.
    pub errors: u64,
    /// Latency in nanoseconds, within [`crate::RELATIVE_ERROR`].
    pub p50_ns: Option<f64>,
    pub p95_ns: Option<f64>,
    /// All durations together: which operation costs users the most time.
    pub total_ns: f64,
    pub last_seen_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OperationsResult {
    pub operations: Vec<OperationSummary>,
    pub stats: QueryStats,
}

impl Engine {
    /// Every service that has spans in the range, the busiest first.
    pub async fn services(&self, range: TimeRange, limits: Limits) -> Result<OperationsResult, QueryError> {
        self.run(limits, move |query| async move { summarise(&query, Filter::all(), range, false).await })
            .await
    }

    /// The operations among the spans that `filter` selects, those that took the most time together first.
    pub async fn operations(
        &self,
        filter: Filter,
        range: TimeRange,
        limits: Limits,
    ) -> Result<OperationsResult, QueryError> {
        self.run(limits, move |query| {
            let filter = filter.clone();
            async move { summarise(&query, filter, range, true).await }
        })
        .await
    }
}

async fn summarise(
    query: &Query,
    filter: Filter,
    range: TimeRange,
    by_operation: bool,
) -> Result<OperationsResult, QueryError> {
    let planning = |error| query.error(error, Step::Planning);
    let snapshot = query.snapshot(Dataset::Spans, range).await?;
    let duration = || cast(column(field::DURATION_NS), DataType::Float64);
    let failed = when(column(field::STATUS_CODE).eq(lit("error")), lit(1)).end().map_err(planning)?;
    let mut groups = vec![text_of(field::SERVICE_NAME, &snapshot.schema).alias("service")];
    if by_operation {
        groups.push(text_of(field::NAME, &snapshot.schema).alias("operation"));
    }
    let figures: Vec<Expr> = vec![
        count(lit(1)).alias("spans"),
        count(failed).alias("errors"),
        quantile_of(duration(), 0.5).alias("p50"),
        quantile_of(duration(), 0.95).alias("p95"),
        sum(duration()).alias("total"),
        max(cast(column(field::TIMESTAMP), DataType::Int64)).alias("last"),
    ];
    let first_by = if by_operation { "total" } else { "spans" };
    let selected = in_range(range, &snapshot.schema)
        .and(lower(&filter, &snapshot.schema))
        .and(text_of(field::SERVICE_NAME, &snapshot.schema).is_not_null());
    let frame = query
        .table(Dataset::Spans, &snapshot)?
        .filter(selected)
        .and_then(|frame| frame.aggregate(groups, figures))
        .and_then(|frame| {
            let order =
                [SortExpr::new(column(first_by), false, false), SortExpr::new(column("service"), true, true)];
            frame.sort(order.to_vec())
        })
        .and_then(|frame| frame.limit(0, Some(OPERATIONS_MAX)))
        .map_err(planning)?;
    let (_, batches) = query.collect(frame).await?;
    let mut operations = Vec::new();
    let shift = usize::from(by_operation);
    for batch in &batches {
        let rows = Aggregates { batch };
        for row in rows.rows() {
            operations.push(OperationSummary {
                service: rows.text(0, row).unwrap_or_default(),
                operation: if by_operation { rows.text(1, row) } else { None },
                spans: rows.count(1 + shift, row),
                errors: rows.count(2 + shift, row),
                p50_ns: rows.float(3 + shift, row),
                p95_ns: rows.float(4 + shift, row),
                total_ns: rows.float(5 + shift, row).unwrap_or(0.0),
                last_seen_at: rows.int(6 + shift, row).map(Timestamp::from_nanos),
            });
        }
    }
    let stats = QueryStats { rows_returned: operations.len() as u64, ..query.stats() };
    Ok(OperationsResult { operations, stats })
}
