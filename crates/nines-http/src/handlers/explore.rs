//! Search that guides: what is different about some rows, and what lies around one.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use nines_api as api;
use nines_filter::{Expr, Filter, Literal, Operator, Test};
use nines_model::{Dataset, TimeRange};
use nines_query as query;
use query::{Limits, Order};

use super::telemetry::{DEFAULT_RANGE, dataset, stats};
use crate::SharedApp;
use crate::difference::{Tally, differences, explains};
use crate::extract::{Body, Caller, optional_time, range, required_time};
use crate::problem::{ApiError, ApiResult};

/// Fields that one question counts; the engine takes no more.
const FIELDS_PER_PASS: usize = 64;
/// Fields looked at in all, the first by name. Datasets of real systems have 50 to 150.
const FIELDS_MAX: usize = 128;
/// Values of a field that are compared. What is rarer than the 200th cannot reach the margin.
const VALUES_PER_FIELD: usize = 200;
/// Rows on each side, by default and at most.
const AROUND_DEFAULT: u32 = 20;
const AROUND_MAX: u32 = 200;
/// How far from the moment is looked: first near, because that is nearly always enough and cheap.
const AROUND_REACH: [Duration; 2] = [Duration::from_secs(600), Duration::from_secs(86_400)];
/// What rows of a stream may have in common.
const STREAM_FIELDS_MAX: usize = 8;

pub async fn compare(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::CompareRequest>,
) -> ApiResult<Json<api::CompareResponse>> {
    let dataset = dataset(&request.dataset)?;
    let filter = caller.narrowed(Filter::parse(&request.filter)?);
    let all = range(request.start.as_deref(), request.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?;
    let selection = &request.selected;
    if selection.filter.is_none() && selection.start.is_none() && selection.end.is_none() {
        return Err(ApiError::invalid("`selected` is empty")
            .hint("say which rows to explain: by a filter, by a start, or by an end"));
    }
    let narrower = Filter::parse(selection.filter.as_deref().unwrap_or_default())?;
    let start =
        optional_time("selected.start", selection.start.as_deref())?.unwrap_or(all.start).max(all.start);
    let end = optional_time("selected.end", selection.end.as_deref())?.unwrap_or(all.end).min(all.end);
    if start >= end {
        return Err(ApiError::invalid("the selected time is empty, or outside of the range"));
    }

    // What the selection itself is about differs by definition.
    let by_definition = narrower.fields();
    let known = app.engine.fields(dataset);
    let mut fields: Vec<String> = known
        .iter()
        .filter(|column| {
            explains(&column.name, column.kind) && !by_definition.contains(&column.name.as_str())
        })
        .map(|column| column.name.clone())
        .collect();
    fields.truncate(FIELDS_MAX);

    let mut answer = Counted::default();
    let whole = answer.count(&app, dataset, &filter, all, &fields).await?;
    let selected = filter.clone().and(narrower.clone());
    let part = answer.count(&app, dataset, &selected, TimeRange::new(start, end), &fields).await?;
    let answered = api::CompareResponse {
        selected: part.rows,
        rest: whole.rows.saturating_sub(part.rows),
        differences: differences(&part, &whole),
        fields: fields.len() as u32,
        sampled: answer.sampled,
        stats: answer.stats,
    };
    Ok(Json(answered))
}

/// What the passes of one comparison have cost.
#[derive(Default)]
struct Counted {
    sampled: bool,
    stats: api::QueryStats,
}

impl Counted {
    /// Values of the fields among the rows. Fields with too many values are left out: they are ids.
    async fn count(
        &mut self,
        app: &SharedApp,
        dataset: Dataset,
        filter: &Filter,
        range: TimeRange,
        fields: &[String],
    ) -> ApiResult<Tally> {
        let mut tally = Tally::default();
        for fields in fields.chunks(FIELDS_PER_PASS) {
            let request = query::FacetsRequest {
                dataset,
                filter: filter.clone(),
                range,
                fields: Some(fields.to_vec()),
                top: VALUES_PER_FIELD,
                limits: Limits::default(),
            };
            let counted = app.engine.facets(request).await?;
            tally.rows = tally.rows.max(counted.events);
            self.sampled |= counted.sampled;
            add(&mut self.stats, stats(&counted.stats));
            for facet in counted.facets.into_iter().filter(|facet| !facet.overflowed) {
                tally.fields.insert(facet.field, facet.values.into_iter().collect::<HashMap<_, _>>());
            }
        }
        Ok(tally)
    }
}

pub async fn around(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::AroundRequest>,
) -> ApiResult<Json<api::AroundResponse>> {
    let dataset = dataset(&request.dataset)?;
    let at = required_time("at", &request.at)?;
    if request.stream.len() > STREAM_FIELDS_MAX {
        return Err(ApiError::invalid(format!("{} fields are too many for a stream", request.stream.len()))
            .hint(format!("name at most {STREAM_FIELDS_MAX}")));
    }
    let equals = |same: &api::FieldValue| {
        let literal = Literal::for_field(&same.field, same.value.clone());
        Expr::compare(same.field.as_str(), Test::Is(Operator::Equal, literal))
    };
    let filter = caller.narrowed(Filter::from_ast(Expr::and(request.stream.iter().map(equals).collect())));
    let rows = |asked: Option<u32>| asked.unwrap_or(AROUND_DEFAULT).min(AROUND_MAX) as usize;
    let (before, after) = (rows(request.before), rows(request.after));

    let mut stats = api::QueryStats::default();
    let reach = |range: [TimeRange; 2], order: Order, limit: usize| {
        let (app, filter) = (app.clone(), filter.clone());
        async move {
            let mut cost = api::QueryStats::default();
            let mut found =
                query::SearchResult { rows: Vec::new(), next: None, stats: query::QueryStats::default() };
            for range in range {
                if limit == 0 || found.rows.len() >= limit {
                    break;
                }
                let ask = query::SearchRequest::new(dataset, filter.clone(), range);
                found = app.engine.search(query::SearchRequest { limit, order, ..ask }).await?;
                add(&mut cost, super::telemetry::stats(&found.stats));
            }
            ApiResult::Ok((found, cost))
        }
    };
    let (earlier, cost) =
        reach(AROUND_REACH.map(|reach| TimeRange::new(at - reach, at)), Order::NewestFirst, before).await?;
    add(&mut stats, cost);
    let (later, cost) =
        reach(AROUND_REACH.map(|reach| TimeRange::new(at, at + reach)), Order::OldestFirst, after + 1)
            .await?;
    add(&mut stats, cost);

    let count = earlier.rows.len();
    let mut rows: Vec<_> = earlier.rows;
    rows.reverse();
    rows.extend(later.rows);
    stats.rows_returned = rows.len() as u64;
    Ok(Json(api::AroundResponse {
        rows,
        before: count as u32,
        more_before: earlier.next.is_some(),
        more_after: later.next.is_some(),
        stats,
    }))
}

/// Both together.
pub fn add(sum: &mut api::QueryStats, more: api::QueryStats) {
    sum.run_time_ms += more.run_time_ms;
    sum.rows_scanned += more.rows_scanned;
    sum.bytes_scanned += more.bytes_scanned;
    sum.segments_scanned += more.segments_scanned;
    sum.segments_pruned += more.segments_pruned;
    sum.rows_returned += more.rows_returned;
    sum.truncated |= more.truncated;
    for part in more.partial {
        if !sum.partial.contains(&part) {
            sum.partial.push(part);
        }
    }
}
