//! Which values the selected events have most often: the panel beside a search, and what is offered while typing.

use std::collections::HashMap;

use datafusion::arrow::array::Array;
use futures::StreamExt;
use nines_filter::{Filter, TEXT_FIELDS};
use nines_model::{Dataset, TimeRange, ValueType, field};
use nines_storage::{Column, Snapshot};
use serde_json::Value;

use crate::engine::{Engine, Limits, Query};
use crate::error::{QueryError, Step};
use crate::lower::{column, in_range, lower, text_of};
use crate::render::cell;
use crate::stats::QueryStats;

/// Facets that are chosen if none are named: as many as a panel shows.
const FACETS_DEFAULT: usize = 16;
/// Facets that can be named in one request.
const FACETS_MAX: usize = 64;
/// Columns that are looked at in order to choose.
const CANDIDATES_MAX: usize = 100;
/// Values counted per facet. A field with more is an id, and tells nothing as a facet.
const DISTINCT_MAX: usize = 1_000;
/// Events that are counted at most; then the answer says that it is a sample. Enough for one part in a thousand.
const EVENTS_MAX: u64 = 500_000;

#[derive(Debug, Clone)]
pub struct FacetsRequest {
    pub dataset: Dataset,
    pub filter: Filter,
    pub range: TimeRange,
    /// The fields to count; `None` lets the engine choose those that divide the events best.
    pub fields: Option<Vec<String>>,
    /// Values per facet.
    pub top: usize,
    pub limits: Limits,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FacetsResult {
    /// In the order asked for, else the most useful first.
    pub facets: Vec<Facet>,
    /// Events that were counted.
    pub events: u64,
    /// Not all selected events were counted, only the first that were found.
    pub sampled: bool,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    pub field: String,
    /// Value as text, and events that have it: most frequent first.
    pub values: Vec<(String, u64)>,
    /// Events that have the field at all.
    pub present: u64,
    /// Different values; a lower bound if `overflowed`.
    pub distinct: u64,
    /// There were too many values to count them all.
    pub overflowed: bool,
}

impl Engine {
    /// One pass over the candidate columns of the selected events.
    pub async fn facets(&self, request: FacetsRequest) -> Result<FacetsResult, QueryError> {
        let limits = request.limits.clone();
        self.run(limits, move |query| {
            let request = request.clone();
            async move { facets(&query, &request).await }
        })
        .await
    }
}

pub(crate) async fn facets(query: &Query, request: &FacetsRequest) -> Result<FacetsResult, QueryError> {
    let snapshot = query.snapshot(request.dataset, request.range).await?;
    let names = match &request.fields {
        Some(names) if names.len() > FACETS_MAX => {
            let message = format!("{} facets are too many", names.len());
            return Err(QueryError::invalid(message).hint(format!("ask for at most {FACETS_MAX}")));
        }
        Some(names) => names.clone(),
        None => candidates(&query.engine().store().columns(request.dataset)),
    };
    let mut tallies: Vec<Tally> = names.into_iter().map(Tally::new).collect();
    let sampled = count(query, request, snapshot, &mut tallies).await?;
    let events = tallies.iter().map(|tally| tally.events).max().unwrap_or(0);
    let mut facets: Vec<Facet> = tallies.into_iter().map(|tally| tally.finish(request.top.max(1))).collect();
    if request.fields.is_none() {
        facets.retain(|facet| facet.present > 0 && !facet.overflowed);
        facets.sort_by_key(usefulness);
        facets.truncate(FACETS_DEFAULT);
    }
    Ok(FacetsResult { facets, events, sampled, stats: query.stats() })
}

/// Counts until the data or the bound ends; whether it was the bound.
async fn count(
    query: &Query,
    request: &FacetsRequest,
    snapshot: std::sync::Arc<Snapshot>,
    tallies: &mut [Tally],
) -> Result<bool, QueryError> {
    let texts = tallies.iter().enumerate();
    let texts =
        texts.map(|(index, tally)| text_of(&tally.field, &snapshot.schema).alias(format!("facet {index}")));
    // The time keeps the number of rows where no facet is asked for.
    let columns: Vec<_> = texts.chain([column(field::TIMESTAMP)]).collect();
    let frame = query
        .table(request.dataset, &snapshot)?
        .filter(in_range(request.range, &snapshot.schema).and(lower(&request.filter, &snapshot.schema)))
        .and_then(|frame| frame.select(columns))
        .map_err(|error| query.error(error, Step::Planning))?;
    let mut stream = query.stream(frame).await?;
    let mut seen = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| query.error(error, Step::Running))?;
        for (tally, values) in tallies.iter_mut().zip(batch.columns()) {
            tally.count(values.as_ref());
        }
        seen += batch.num_rows() as u64;
        if seen >= EVENTS_MAX {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Tally {
    field: String,
    counts: HashMap<String, u64>,
    events: u64,
    present: u64,
    overflowed: bool,
}

impl Tally {
    fn new(field: String) -> Self {
        Self { field, counts: HashMap::new(), events: 0, present: 0, overflowed: false }
    }

    fn count(&mut self, values: &dyn Array) {
        self.events += values.len() as u64;
        self.present += (values.len() - values.null_count()) as u64;
        for row in 0..values.len() {
            let Value::String(text) = cell(values, row) else { continue };
            if let Some(count) = self.counts.get_mut(&text) {
                *count += 1;
            } else if self.counts.len() < DISTINCT_MAX {
                self.counts.insert(text, 1);
            } else {
                self.overflowed = true;
            }
        }
    }

    fn finish(self, top: usize) -> Facet {
        let distinct = self.counts.len() as u64;
        let mut values: Vec<(String, u64)> = self.counts.into_iter().collect();
        values.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        values.truncate(top);
        Facet { field: self.field, values, present: self.present, distinct, overflowed: self.overflowed }
    }
}

/// Fields that people look at first, in this order.
const FAVOURITES: [&str; 14] = [
    field::SERVICE_NAME,
    field::SEVERITY_TEXT,
    field::STATUS_CODE,
    field::NAME,
    "http.route",
    "http.response.status_code",
    "cloud.region",
    field::DEPLOYMENT_ENVIRONMENT,
    field::SERVICE_VERSION,
    field::KIND,
    "exception.type",
    "error.type",
    "host.name",
    field::CHANGE_KIND,
];

/// Columns that may divide the events: short texts, flags and integers, neither ids nor times nor prose.
fn candidates(columns: &[Column]) -> Vec<String> {
    let divides = |column: &&Column| {
        let name = column.name.as_str();
        let is_prose = TEXT_FIELDS.contains(&name) && !FAVOURITES.contains(&name);
        let is_id = name.ends_with("_id") || name.ends_with(".id");
        matches!(column.kind, ValueType::Str | ValueType::Bool | ValueType::Int)
            && !is_prose
            && !is_id
            && !name.ends_with("_ns")
            && name != field::OVERFLOW
    };
    let mut names: Vec<String> =
        columns.iter().filter(divides).map(|column| column.name.to_string()).collect();
    names.sort_by_key(|name| favour(name));
    names.truncate(CANDIDATES_MAX);
    names
}

fn favour(name: &str) -> usize {
    FAVOURITES.iter().position(|favourite| *favourite == name).unwrap_or(FAVOURITES.len())
}

/// Sorts before others: favourites that divide, then fields with a few values that many events have.
fn usefulness(facet: &Facet) -> (bool, usize, bool, std::cmp::Reverse<u64>, String) {
    let divides = facet.distinct > 1;
    let readable = facet.distinct <= 50;
    (!divides, favour(&facet.field), !readable, std::cmp::Reverse(facet.present), facet.field.clone())
}
