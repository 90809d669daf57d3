//! Promises: the board, one SLO, its history, and the documents that declare them.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::StatusCode;
use nines_api as api;
use nines_model::{Dataset, TimeRange};
use nines_query::Limits;
use nines_slo::{DocumentError, DocumentWarning, series};
use serde::Deserialize;

use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::{BODY_BYTES_MAX, Caller, Lang, bytes, range};
use crate::handlers::changes::change;
use crate::handlers::telemetry::{of_service, search_dataset};
use crate::problem::{ApiError, ApiResult};
use crate::promises::{ApplyError, PromiseView};
use crate::render;

const DEFAULT_RANGE: Duration = Duration::from_secs(3 * 3600);
const SUSPECTS_WINDOW: Duration = Duration::from_secs(300);
const SUSPECTS_WINDOW_SECS_MAX: u64 = 600;
/// One point for every two pixels of a wide chart.
const SERIES_POINTS: usize = 400;
const CHANGES_MAX: usize = 200;

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Faults(ref faults) => {
                let faults = faults.iter().map(fault).collect();
                Self::invalid(error.to_string()).code("invalid_documents").faults(faults)
            }
            ApplyError::Remove(error) => Self::new(error.kind(), error.to_string()),
            ApplyError::UnknownKind { .. } | ApplyError::NotFound { .. } => {
                Self::not_found(error.to_string())
            }
            ApplyError::Live(error) => Self::new(error.kind(), error.to_string()),
            ApplyError::Store(_) => Self::from_kind(nines_base::ErrorKind::Unavailable, &error),
        }
    }
}

pub async fn list(State(app): State<SharedApp>, Lang(language): Lang) -> ApiResult<Json<api::SlosResponse>> {
    let mut slos = app.slos(&app.promises.all(), language).await?;
    slos.sort_by_key(render::slos::urgency);
    Ok(Json(api::SlosResponse { at: app.clock.now().to_string(), slos }))
}

pub async fn show(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Lang(language): Lang,
) -> ApiResult<Json<api::Slo>> {
    let view = find(&app, &name)?;
    let mut slos = app.slos(std::slice::from_ref(&view), language).await?;
    slos.pop().map(Json).ok_or_else(|| ApiError::not_found(format!("there is no SLO `{name}`")))
}

#[derive(Debug, Deserialize)]
pub struct RangeQuery {
    start: Option<String>,
    end: Option<String>,
}

pub async fn history(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Query(asked): Query<RangeQuery>,
) -> ApiResult<Json<api::SloSeriesResponse>> {
    let view = find(&app, &name)?;
    let range = range(asked.start.as_deref(), asked.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?;
    let (step, points) = match &view.live {
        Some(live) => series(&view.promise, live.rings(), range, Duration::from_secs(1), SERIES_POINTS),
        None => (Duration::from_secs(1), Vec::new()),
    };
    let rows =
        search_dataset(&app, Dataset::Changes, Some(of_service(&view.promise.service)), range, CHANGES_MAX)
            .await?;
    let mut changes: Vec<_> = rows.iter().map(change).collect();
    changes.reverse();
    Ok(Json(api::SloSeriesResponse {
        bucket_secs: step.as_secs().max(1),
        starts: points.iter().map(|point| point.start.to_string()).collect(),
        good: points.iter().map(|point| point.counts.good).collect(),
        total: points.iter().map(|point| point.counts.total()).collect(),
        budget_remaining: points
            .iter()
            .map(|point| point.remaining_share.filter(|share| share.is_finite()))
            .collect(),
        changes,
    }))
}

#[derive(Debug, Deserialize)]
pub struct SuspectsQuery {
    window_secs: Option<u64>,
}

pub async fn suspects(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Query(asked): Query<SuspectsQuery>,
) -> ApiResult<Json<api::SuspectsResponse>> {
    let window = asked
        .window_secs
        .map_or(SUSPECTS_WINDOW, |secs| Duration::from_secs(secs.clamp(10, SUSPECTS_WINDOW_SECS_MAX)));
    Ok(Json(render::slos::suspects(&find(&app, &name)?, window)))
}

/// Live and stored counts of the same whole minutes: equal once everything has arrived.
pub async fn replay(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Query(asked): Query<RangeQuery>,
) -> ApiResult<Json<api::SloReplayResponse>> {
    const MINUTE: Duration = Duration::from_secs(60);
    let view = find(&app, &name)?;
    let (Some(live), Ok(indicator)) = (&view.live, &view.promise.indicator) else {
        return Err(ApiError::new(
            nines_base::ErrorKind::Conflict,
            format!("`{name}` is not measured, so there is nothing to compare"),
        ));
    };
    let asked = range(asked.start.as_deref(), asked.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?;
    let range = TimeRange::new(asked.start.floor_to(MINUTE), asked.end.floor_to(MINUTE) + MINUTE);
    let started = app.clock.monotonic();
    let snapshot = app
        .store
        .snapshot(indicator.dataset, range)
        .map_err(|error| ApiError::from_kind(nines_base::ErrorKind::Unavailable, &error))?;
    let counts = live.rings().sum_range(range);
    let partial: Vec<String> = snapshot.damaged.iter().map(|damaged| damaged.reason.clone()).collect();
    let buckets = app
        .engine
        .count_buckets(
            snapshot,
            indicator.total.clone(),
            indicator.good.clone(),
            range,
            MINUTE,
            Limits::default(),
        )
        .await?;
    let stats = api::QueryStats {
        run_time_ms: (app.clock.monotonic() - started).as_secs_f64() * 1e3,
        rows_returned: buckets.len() as u64,
        partial,
        ..api::QueryStats::default()
    };
    Ok(Json(api::SloReplayResponse {
        start: range.start.to_string(),
        end: range.end.to_string(),
        live_good: counts.good,
        live_total: counts.total(),
        stored_good: buckets.iter().map(|bucket| bucket.good).sum(),
        stored_total: buckets.iter().map(|bucket| bucket.total).sum(),
        stats,
    }))
}

#[derive(Debug, Deserialize)]
pub struct ApplyQuery {
    dry_run: Option<String>,
    file: Option<String>,
}

pub async fn apply(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ApplyQuery>,
    request: Request,
) -> ApiResult<(Extension<AuditNote>, Json<api::ApplyResponse>)> {
    let body = bytes(request, BODY_BYTES_MAX).await?;
    let yaml = String::from_utf8(body).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        ApiError::invalid(format!("the documents are not UTF-8: byte {offset} is wrong")).offset(Some(offset))
    })?;
    let dry_run = matches!(asked.dry_run.as_deref(), Some("true" | "1" | ""));
    let (applied, warnings) = app.promises.apply(asked.file.as_deref(), &yaml, &caller.name, dry_run).await?;
    if !dry_run {
        app.feed.publish("slos", None);
    }
    let done: Vec<String> = applied
        .iter()
        .map(|document| format!("{}/{} {}", document.kind, document.name, document.outcome))
        .collect();
    let note = AuditNote { is_question: dry_run, details: done.join(", "), ..AuditNote::default() };
    let answer = api::ApplyResponse {
        dry_run,
        results: applied
            .into_iter()
            .map(|document| api::Applied {
                kind: document.kind.to_owned(),
                name: document.name,
                outcome: document.outcome.to_owned(),
                revision: document.revision,
            })
            .collect(),
        warnings: warnings.iter().map(warning).collect(),
    };
    Ok((Extension(note), Json(answer)))
}

#[derive(Debug, Deserialize)]
pub struct ObjectsQuery {
    kind: Option<String>,
}

pub async fn objects(
    State(app): State<SharedApp>,
    Query(asked): Query<ObjectsQuery>,
) -> ApiResult<Json<api::ObjectsResponse>> {
    Ok(Json(api::ObjectsResponse { objects: app.objects(asked.kind.as_deref()).await? }))
}

pub async fn delete(
    State(app): State<SharedApp>,
    caller: Caller,
    Path((kind_name, name)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    app.promises.remove(&kind_name, &name, &caller.name).await?;
    app.feed.publish("slos", None);
    Ok(StatusCode::NO_CONTENT)
}

fn find(app: &SharedApp, name: &str) -> ApiResult<PromiseView> {
    app.promises.get(name).ok_or_else(|| {
        let all = app.promises.all();
        let near = nines_filter::nearest(name, all.iter().map(|view| view.promise.id.as_str()));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        ApiError::not_found(format!("there is no SLO `{name}`")).hint_opt(hint)
    })
}

fn fault(error: &DocumentError) -> api::Fault {
    api::Fault {
        file: error.file.as_deref().map(str::to_owned),
        line: error.line,
        column: error.column,
        path: error.path.clone(),
        message: error.message.clone(),
        hint: error.hint.clone(),
    }
}

fn warning(warning: &DocumentWarning) -> api::Fault {
    api::Fault {
        file: warning.file.as_deref().map(str::to_owned),
        line: warning.line,
        column: warning.column,
        path: warning.path.clone(),
        message: warning.message.clone(),
        hint: None,
    }
}
