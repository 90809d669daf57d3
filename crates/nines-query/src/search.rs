//! The latest (or earliest) events that a filter selects, a page at a time.

use std::sync::Arc;

use datafusion::logical_expr::{Expr, SortExpr};
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp, field};
use nines_storage::Snapshot;
use serde_json::{Map, Value};

use crate::engine::{Engine, Limits, Query};
use crate::error::{QueryError, Step};
use crate::functions::row_hash;
use crate::lower::{column, in_range, lower};
use crate::rows::{objects, timestamps};
use crate::stats::QueryStats;

/// Rows on one page unless the request says otherwise.
pub const PAGE_DEFAULT: usize = 100;
/// The most rows on one page.
pub const PAGE_MAX: usize = 10_000;

#[derive(Debug, Clone)]
pub struct SearchRequest {
    pub dataset: Dataset,
    pub filter: Filter,
    pub range: TimeRange,
    /// At most [`PAGE_MAX`].
    pub limit: usize,
    /// [`SearchResult::next`] of the page before.
    pub cursor: Option<String>,
    pub order: Order,
    pub limits: Limits,
}

impl SearchRequest {
    pub fn new(dataset: Dataset, filter: Filter, range: TimeRange) -> Self {
        let order = Order::NewestFirst;
        Self { dataset, filter, range, limit: PAGE_DEFAULT, cursor: None, order, limits: Limits::default() }
    }
}

/// Rows of one instant follow in an order that depends only on what they say, so pages neither repeat nor lose rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    /// One object per event: `timestamp` and every field that is present, those from the overflow included.
    pub rows: Vec<Map<String, Value>>,
    /// Asks for the rows after these; absent on the last page.
    pub next: Option<String>,
    pub stats: QueryStats,
}

impl Engine {
    /// Costs two passes: the first reads only times and what the filter needs, to find the instant at which the page
    /// ends; the second reads whole rows, of that stretch alone.
    pub async fn search(&self, request: SearchRequest) -> Result<SearchResult, QueryError> {
        let limits = request.limits.clone();
        self.run(limits, move |query| {
            let request = request.clone();
            async move { page(&query, request).await }
        })
        .await
    }
}

async fn page(query: &Query, request: SearchRequest) -> Result<SearchResult, QueryError> {
    let cursor = request.cursor.as_deref().map(Cursor::parse).transpose()?;
    let limit = request.limit.clamp(1, PAGE_MAX);
    let skip = cursor.map_or(0, |cursor| cursor.skip);
    let range = cursor.map_or(request.range, |cursor| cursor.rest_of(request.range, request.order));
    let snapshot = query.snapshot(request.dataset, range).await?;
    let (mut found, next) = find(query, &request, &snapshot, range, skip, limit).await?;
    found.truncate(limit);
    let stats = QueryStats { rows_returned: found.len() as u64, truncated: next.is_some(), ..query.stats() };
    Ok(SearchResult { rows: found, next, stats })
}

type Page = (Vec<Map<String, Value>>, Option<String>);

async fn find(
    query: &Query,
    request: &SearchRequest,
    snapshot: &Arc<Snapshot>,
    range: TimeRange,
    skip: usize,
    limit: usize,
) -> Result<Page, QueryError> {
    let planning = |error| query.error(error, Step::Planning);
    let newest = request.order == Order::NewestFirst;
    let selected = lower(&request.filter, &snapshot.schema);
    let by_time = || SortExpr::new(column(field::TIMESTAMP), !newest, false);

    let times = query
        .table(request.dataset, snapshot)?
        .filter(in_range(range, &snapshot.schema).and(selected.clone()))
        .and_then(|frame| frame.select(vec![column(field::TIMESTAMP)]))
        .and_then(|frame| frame.sort(vec![by_time()]))
        .and_then(|frame| frame.limit(0, Some(skip + limit + 1)))
        .map_err(planning)?;
    let (_, batches) = query.collect(times).await?;
    let times = timestamps(&batches);
    let more = times.len() > skip + limit;
    let on_page = &times[..times.len().min(skip + limit)];
    let (Some(first), Some(last)) = (on_page.first(), on_page.last()) else { return Ok((Vec::new(), None)) };

    let stretch =
        TimeRange::new(*first.min(last), Timestamp::from_nanos(first.max(last).as_nanos().saturating_add(1)));
    let everything: Vec<Expr> = snapshot.schema.fields().iter().map(|field| column(field.name())).collect();
    let by_content = SortExpr::new(row_hash(everything), true, false);
    let page = query
        .table(request.dataset, snapshot)?
        .filter(in_range(stretch, &snapshot.schema).and(selected))
        .and_then(|frame| frame.sort(vec![by_time(), by_content]))
        .and_then(|frame| frame.limit(skip, Some(limit)))
        .map_err(planning)?;
    let (_, batches) = query.collect(page).await?;
    let rows = objects(&batches, &query.engine().store().columns(request.dataset));
    let next = more.then(|| {
        // Rows of the last instant that this page and those before it have shown.
        let shown = on_page.iter().rev().take_while(|at| *at == last).count();
        Cursor { at: *last, skip: shown }.to_string()
    });
    Ok((rows, next))
}

/// Where the next page begins: after the first `skip` rows of the instant `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    at: Timestamp,
    skip: usize,
}

/// Pages cannot go deeper into one instant: each of them sorts all rows before it again.
const SKIP_MAX: usize = 1_000_000;

impl Cursor {
    fn parse(text: &str) -> Result<Self, QueryError> {
        let wrong =
            || QueryError::invalid("cursor is not valid").hint("pass `next` of the page before as it is");
        let (at, skip) = text.split_once('.').ok_or_else(wrong)?;
        let at = i64::from_str_radix(at, 36).map_err(|_| wrong())?;
        let skip = usize::from_str_radix(skip, 36).ok().filter(|skip| *skip <= SKIP_MAX).ok_or_else(wrong)?;
        Ok(Self { at: Timestamp::from_nanos(at), skip })
    }

    fn rest_of(self, range: TimeRange, order: Order) -> TimeRange {
        match order {
            Order::NewestFirst => TimeRange::new(
                range.start,
                range.end.min(Timestamp::from_nanos(self.at.as_nanos().saturating_add(1))),
            ),
            Order::OldestFirst => TimeRange::new(range.start.max(self.at), range.end),
        }
    }
}

/// Base 36, `at.skip`: short, and opaque enough that nobody builds one.
impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nanos = self.at.as_nanos();
        write!(
            f,
            "{}{}.{}",
            if nanos < 0 { "-" } else { "" },
            base_36(nanos.unsigned_abs()),
            base_36(self.skip as u64)
        )
    }
}

fn base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).expect("below 36"));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_nonsense_is_refused() {
        for (at, skip) in
            [(0, 0), (1_790_000_000_000_000_000, 17), (-5, 1), (i64::MIN, 3), (i64::MAX, SKIP_MAX)]
        {
            let cursor = Cursor { at: Timestamp::from_nanos(at), skip };
            assert_eq!(Cursor::parse(&cursor.to_string()).unwrap(), cursor);
        }
        for wrong in ["", ".", "1", "1.", "1.-1", "x y.1", "zzzzzzzzzzzzzzzz.1", "1.zzzzzzz"] {
            assert!(Cursor::parse(wrong).is_err(), "{wrong}");
        }
    }
}
