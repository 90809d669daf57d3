//! SQL, search and traces.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use nines_api as api;
use nines_filter::{Filter, FilterError};
use nines_ingest::IngestError;
use nines_model::{Dataset, TimeRange, Timestamp, field};
use nines_query as query;
use query::{Limits, QueryError};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::SharedApp;
use crate::extract::{Body, Caller, range};
use crate::problem::{ApiError, ApiResult};
use crate::render;

const TIMEOUT_SECS_MAX: u32 = 300;
pub const DEFAULT_RANGE: Duration = Duration::from_secs(3600);
const BUCKETS_DEFAULT: u32 = 60;
const BUCKETS_MAX: u32 = 500;
const FACET_VALUES: usize = 10;

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = error.kind();
        match &error {
            QueryError::Filter(fault) => fault.clone().into(),
            QueryError::Invalid { message, position, hint } => {
                let at = position
                    .map(|(line, column)| format!(" at line {line}, column {column}"))
                    .unwrap_or_default();
                Self::new(kind, format!("{message}{at}")).code("invalid_query").hint_opt(hint.clone())
            }
            _ => Self::from_kind(kind, &error),
        }
    }
}

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        Self::new(error.kind(), error.message)
            .code("invalid_filter")
            .hint_opt(error.hint)
            .offset(Some(error.offset))
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        let pause = error.retry_after();
        let answer = Self::from_kind(error.kind(), &error);
        match pause {
            Some(pause) => answer.retry_after(pause),
            None => answer,
        }
    }
}

pub async fn sql(
    State(app): State<SharedApp>,
    Body(request): Body<api::SqlRequest>,
) -> ApiResult<Json<api::SqlResponse>> {
    if let Some(timeout) = request.timeout_secs.filter(|timeout| *timeout == 0 || *timeout > TIMEOUT_SECS_MAX)
    {
        return Err(ApiError::invalid(format!(
            "`timeout_secs` {timeout} is not between 1 and {TIMEOUT_SECS_MAX}"
        )));
    }
    let answer = app
        .engine
        .sql(query::SqlRequest {
            query: request.query,
            limit_rows: request.limit.map(|limit| limit as usize),
            timeout: request.timeout_secs.map(|secs| Duration::from_secs(secs.into())),
            ..query::SqlRequest::default()
        })
        .await?;
    Ok(Json(api::SqlResponse {
        columns: columns(&answer.columns),
        rows: answer.rows,
        stats: stats(&answer.stats),
    }))
}

pub async fn search(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::SearchRequest>,
) -> ApiResult<Json<api::SearchResponse>> {
    let dataset = dataset(&request.dataset)?;
    let asked = Filter::parse(&request.filter)?;
    let range = range(request.start.as_deref(), request.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?;
    let notices = notices(&app, &caller, dataset, &asked);
    let filter = caller.narrowed(asked);
    let mut ask = query::SearchRequest::new(dataset, filter, range);
    ask.limit = request.limit.map_or(query::PAGE_DEFAULT, |limit| limit as usize);
    ask.cursor = request.cursor;
    let answer = app.engine.search(ask).await?;
    Ok(Json(api::SearchResponse {
        rows: answer.rows,
        next_cursor: answer.next,
        notices,
        stats: stats(&answer.stats),
    }))
}

/// Fields that nothing of this dataset has ever had are probably typos; an empty answer should say so.
pub fn notices(app: &SharedApp, caller: &Caller, dataset: Dataset, filter: &Filter) -> Vec<api::Notice> {
    // They tell of values that are there, which may be in rows that this caller does not see.
    if caller.sees.is_some() {
        return Vec::new();
    }
    let known = app.engine.fields(dataset);
    let unknown = filter.fields().into_iter().filter(|name| !known.iter().any(|column| column.name == *name));
    unknown
        .map(|name| {
            let with = app.engine.nearest_field(dataset, name);
            let meant = with.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            api::Notice {
                message: format!("{dataset} have no field `{name}`{meant}"),
                replace: Some(name.to_owned()),
                with,
            }
        })
        .collect()
}

/// Rows for handlers of our own, newest first.
pub async fn search_dataset(
    app: &SharedApp,
    dataset: Dataset,
    filter: Option<Filter>,
    range: TimeRange,
    limit: usize,
) -> ApiResult<Vec<Map<String, Value>>> {
    let mut ask = query::SearchRequest::new(dataset, filter.unwrap_or_else(Filter::all), range);
    ask.limit = limit;
    Ok(app.engine.search(ask).await?.rows)
}

pub async fn histogram(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::HistogramRequest>,
) -> ApiResult<Json<api::HistogramResponse>> {
    let answer = app
        .engine
        .histogram(query::HistogramRequest {
            dataset: dataset(&request.dataset)?,
            filter: caller.narrowed(Filter::parse(&request.filter)?),
            range: range(request.start.as_deref(), request.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?,
            buckets: request.buckets.unwrap_or(BUCKETS_DEFAULT).clamp(1, BUCKETS_MAX) as usize,
            split_by: request.split_by,
            limits: Limits::default(),
        })
        .await?;
    let total = answer.series.iter().flat_map(|series| &series.counts).sum();
    Ok(Json(api::HistogramResponse {
        bucket_secs: answer.step.as_secs_f64(),
        starts: answer.buckets.iter().map(ToString::to_string).collect(),
        series: answer
            .series
            .into_iter()
            .map(|series| api::HistogramSeries {
                name: match series.of {
                    query::SeriesOf::All => "all".to_owned(),
                    query::SeriesOf::Value(value) => value,
                    query::SeriesOf::Other => "other".to_owned(),
                    query::SeriesOf::Absent => "none".to_owned(),
                },
                counts: series.counts,
            })
            .collect(),
        total,
        stats: stats(&answer.stats),
    }))
}

pub async fn facets(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::FacetsRequest>,
) -> ApiResult<Json<api::FacetsResponse>> {
    let dataset = dataset(&request.dataset)?;
    let answer = app
        .engine
        .facets(query::FacetsRequest {
            dataset,
            filter: caller.narrowed(Filter::parse(&request.filter)?),
            range: range(request.start.as_deref(), request.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?,
            fields: request.fields,
            top: FACET_VALUES,
            limits: Limits::default(),
        })
        .await?;
    let known = app.engine.fields(dataset);
    let facets = answer.facets.into_iter().map(|facet| api::Facet {
        kind: known
            .iter()
            .find(|column| column.name == facet.field)
            .map_or("string", |column| column.kind)
            .to_owned(),
        field: facet.field,
        values: facet.values.into_iter().map(|(value, count)| api::FacetValue { value, count }).collect(),
        present: facet.present,
        total: answer.events,
    });
    let facets = facets.collect();
    let mut stats = stats(&answer.stats);
    stats.truncated |= answer.sampled;
    Ok(Json(api::FacetsResponse { facets, stats }))
}

pub async fn suggest(
    State(app): State<SharedApp>,
    Body(request): Body<api::SuggestRequest>,
) -> ApiResult<Json<api::SuggestResponse>> {
    let cursor = request.cursor.unwrap_or(request.text.len()).min(request.text.len());
    if !request.text.is_char_boundary(cursor) {
        return Err(ApiError::invalid(format!("`cursor` {cursor} is inside a character"))
            .hint("it counts bytes of UTF-8"));
    }
    let answer = app
        .engine
        .suggest(query::SuggestRequest {
            dataset: dataset(&request.dataset)?,
            cursor,
            range: range(request.start.as_deref(), request.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?,
            text: request.text,
            limits: Limits::default(),
        })
        .await?;
    let suggestions = answer.items.into_iter().map(|item| api::Suggestion {
        text: item.text,
        kind: match item.kind {
            query::SuggestionKind::Field => "field",
            query::SuggestionKind::Value => "value",
            query::SuggestionKind::Operator => "operator",
            query::SuggestionKind::Keyword => "keyword",
        }
        .to_owned(),
        detail: item.detail,
        count: item.count,
    });
    Ok(Json(api::SuggestResponse {
        replace_start: answer.replace.start,
        replace_end: answer.replace.end,
        suggestions: suggestions.collect(),
        stats: stats(&answer.stats),
    }))
}

pub async fn fields(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
) -> ApiResult<Json<api::FieldsResponse>> {
    Ok(Json(api::FieldsResponse { fields: columns(&app.engine.fields(dataset(&name)?)) }))
}

pub async fn trace(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(trace_id): Path<String>,
) -> ApiResult<Json<api::TraceResponse>> {
    let mut answer = app.engine.trace(&trace_id, TimeRange::ALL, Limits::default()).await?;
    for rows in [&mut answer.spans, &mut answer.logs] {
        rows.retain(|row| caller.sees_one_of(row.get(field::SERVICE_NAME).and_then(Value::as_str)));
    }
    if answer.spans.is_empty() && answer.logs.is_empty() {
        return Err(ApiError::not_found(format!("there is no trace {trace_id}"))
            .hint("it may not have arrived yet, or be older than retention"));
    }
    Ok(Json(render::traces::trace(trace_id, answer.spans, answer.logs, stats(&answer.stats))))
}

#[derive(Debug, Deserialize)]
pub struct RangeQuery {
    start: Option<String>,
    end: Option<String>,
}

pub async fn services(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<RangeQuery>,
) -> ApiResult<Json<api::ServicesResponse>> {
    let range = range(asked.start.as_deref(), asked.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?;
    let answer = app.engine.services(range, Limits::default()).await?;
    let millis = |nanos: Option<f64>| nanos.map(|nanos| nanos / 1e6);
    let seen = answer.operations.into_iter().filter(|service| caller.sees_service(&service.service));
    let services = seen.map(|service| api::ServiceSummary {
        name: service.service,
        spans: service.spans,
        errors: service.errors,
        p50_ms: millis(service.p50_ns),
        p95_ms: millis(service.p95_ns),
        last_seen: service.last_seen_at.unwrap_or(Timestamp::EPOCH).to_string(),
    });
    Ok(Json(api::ServicesResponse { services: services.collect(), stats: stats(&answer.stats) }))
}

pub fn dataset(name: &str) -> ApiResult<Dataset> {
    Dataset::parse(name).ok_or_else(|| {
        let names = Dataset::ALL.map(Dataset::as_str);
        let hint = match nines_filter::nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the datasets are {}", names.join(", ")),
        };
        ApiError::invalid(format!("there is no dataset `{name}`")).hint(hint)
    })
}

fn columns(columns: &[query::Column]) -> Vec<api::Column> {
    columns
        .iter()
        .map(|column| api::Column { name: column.name.clone(), kind: column.kind.to_owned() })
        .collect()
}

pub fn stats(stats: &query::QueryStats) -> api::QueryStats {
    api::QueryStats {
        run_time_ms: stats.run_time.as_secs_f64() * 1e3,
        rows_scanned: stats.rows_scanned,
        bytes_scanned: stats.bytes_scanned,
        segments_scanned: stats.segments_scanned,
        segments_pruned: stats.segments_pruned,
        rows_returned: stats.rows_returned,
        truncated: stats.truncated,
        partial: stats.partial.clone(),
    }
}

/// For pages that read `changes` beside something else.
pub fn of_service(service: &str) -> Filter {
    Filter::from_ast(nines_filter::Expr::equals(field::SERVICE_NAME, service))
}
