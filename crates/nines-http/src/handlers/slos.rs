//! Promises: the board, one SLO, its history, and the documents that declare them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::StatusCode;
use nines_api as api;
use nines_model::{Dataset, TimeRange};
use nines_query::Limits;
use nines_slo::{Counts, DocumentError, DocumentWarning, LiveSli, Measure, MetricIndicator, series};
use serde::Deserialize;

use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::{BODY_BYTES_MAX, Caller, Lang, bytes, range};
use crate::handlers::changes::change;
use crate::handlers::defaults;
use crate::handlers::telemetry::{of_service, search_dataset};
use crate::problem::{ApiError, ApiResult};
use crate::promises::{AppliedDocument, ApplyError, PromiseView};
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

pub async fn list(
    State(app): State<SharedApp>,
    caller: Caller,
    Lang(language): Lang,
) -> ApiResult<Json<api::SlosResponse>> {
    let mut slos = app.slos(&seen(&app, &caller), language).await?;
    slos.sort_by_key(render::slos::urgency);
    Ok(Json(api::SlosResponse { at: app.clock.now().to_string(), slos }))
}

pub async fn show(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Lang(language): Lang,
) -> ApiResult<Json<api::Slo>> {
    let view = find(&app, &caller, &name)?;
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
    caller: Caller,
    Path(name): Path<String>,
    Query(asked): Query<RangeQuery>,
) -> ApiResult<Json<api::SloSeriesResponse>> {
    let view = find(&app, &caller, &name)?;
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
    caller: Caller,
    Path(name): Path<String>,
    Query(asked): Query<SuspectsQuery>,
) -> ApiResult<Json<api::SuspectsResponse>> {
    let window = asked
        .window_secs
        .map_or(SUSPECTS_WINDOW, |secs| Duration::from_secs(secs.clamp(10, SUSPECTS_WINDOW_SECS_MAX)));
    Ok(Json(render::slos::suspects(&find(&app, &caller, &name)?, window)))
}

/// Live and stored counts of the same whole minutes: equal once everything has arrived.
pub async fn replay(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Query(asked): Query<RangeQuery>,
) -> ApiResult<Json<api::SloReplayResponse>> {
    const MINUTE: Duration = Duration::from_secs(60);
    let view = find(&app, &caller, &name)?;
    let (Some(live), Ok(measure)) = (&view.live, &view.promise.indicator) else {
        return Err(ApiError::new(
            nines_base::ErrorKind::Conflict,
            format!("`{name}` is not measured, so there is nothing to compare"),
        ));
    };
    let asked = range(asked.start.as_deref(), asked.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?;
    let range = TimeRange::new(asked.start.floor_to(MINUTE), asked.end.floor_to(MINUTE) + MINUTE);
    let started = app.clock.monotonic();
    let indicator = match measure {
        Measure::Events(indicator) => indicator,
        Measure::Series(indicator) => return replayed_series(&app, live, indicator.clone(), range).await,
    };
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

/// The same of series. What the live counters have not reached yet is left out on both sides.
async fn replayed_series(
    app: &SharedApp,
    live: &LiveSli,
    indicator: MetricIndicator,
    range: TimeRange,
) -> ApiResult<Json<api::SloReplayResponse>> {
    /// As much as one question may read at a usual scrape interval.
    const RANGE_MAX: Duration = Duration::from_secs(24 * 3_600);
    let started = app.clock.monotonic();
    let until = live.reading().until.unwrap_or(range.start);
    let end = range.end.min(until).max(range.start);
    let range = TimeRange::new(range.start.max(end - RANGE_MAX), end);
    let counted = app.metrics.ask(move |asked| {
        let source = asked.source();
        indicator.count(&source, &asked.engine(), asked.control, range)
    });
    let counted = counted.await?.map_err(|error| ApiError::new(error.kind, error.message))?;
    let stored = counted.seconds.iter().fold(Counts::default(), |sum, bucket| sum + bucket.counts);
    let counts = live.rings().sum_range(range);
    let run_time_ms = (app.clock.monotonic() - started).as_secs_f64() * 1e3;
    Ok(Json(api::SloReplayResponse {
        start: range.start.to_string(),
        end: range.end.to_string(),
        live_good: counts.good,
        live_total: counts.total(),
        stored_good: stored.good,
        stored_total: stored.total(),
        stats: api::QueryStats { run_time_ms, rows_returned: 1, ..api::QueryStats::default() },
    }))
}

#[derive(Debug, Deserialize)]
pub struct ApplyQuery {
    dry_run: Option<String>,
    file: Option<String>,
    /// `false`: a new service is given no promises.
    defaults: Option<String>,
}

pub async fn apply(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ApplyQuery>,
    request: Request,
) -> ApiResult<(Extension<AuditNote>, Json<api::ApplyResponse>)> {
    let yaml = documents(request).await?;
    let dry_run = matches!(asked.dry_run.as_deref(), Some("true" | "1" | ""));
    let by = caller.name.as_str();
    let (mut applied, mut warnings) = app.promises.apply(asked.file.as_deref(), &yaml, by, dry_run).await?;
    let mut reasons = BTreeMap::new();
    if !matches!(asked.defaults.as_deref(), Some("false" | "0")) {
        let given = defaults::given(&app, &applied, &yaml, by, dry_run).await;
        applied.extend(given.applied);
        warnings.extend(given.warnings);
        reasons = given.reasons;
    }
    if !dry_run {
        app.feed.publish("slos", None);
    }
    let note = noted(&applied, dry_run);
    let answer = api::ApplyResponse {
        dry_run,
        results: applied
            .into_iter()
            .map(|document| api::Applied { reason: reasons.remove(&document.name), ..outcome(document) })
            .collect(),
        warnings: warnings.iter().map(warning).collect(),
    };
    Ok((Extension(note), Json(answer)))
}

/// The text of a request's documents.
async fn documents(request: Request) -> ApiResult<String> {
    let body = bytes(request, BODY_BYTES_MAX).await?;
    String::from_utf8(body).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        ApiError::invalid(format!("the documents are not UTF-8: byte {offset} is wrong")).offset(Some(offset))
    })
}

/// What became of the documents, for the audit log.
fn noted(applied: &[AppliedDocument], dry_run: bool) -> AuditNote {
    let done: Vec<String> = applied
        .iter()
        .map(|document| format!("{}/{} {}", document.kind, document.name, document.outcome))
        .collect();
    AuditNote { is_question: dry_run, details: done.join(", "), ..AuditNote::default() }
}

fn outcome(document: AppliedDocument) -> api::Applied {
    api::Applied {
        kind: document.kind.to_owned(),
        name: document.name,
        outcome: document.outcome.to_owned(),
        revision: document.revision,
        reason: None,
    }
}

/// Documents of other SLO generators. Only `dry_run=false` applies what came of them.
pub async fn import(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ApplyQuery>,
    request: Request,
) -> ApiResult<(Extension<AuditNote>, Json<api::ImportSlosResponse>)> {
    let text = documents(request).await?;
    let dry_run = !matches!(asked.dry_run.as_deref(), Some("false" | "0"));
    let imported = nines_slo::import::import(asked.file.as_deref(), &text).map_err(ApplyError::Faults)?;
    let (mut applied, mut warnings) = (Vec::new(), Vec::new());
    if !imported.yaml.is_empty() {
        (applied, warnings) = app.promises.apply(None, &imported.yaml, &caller.name, dry_run).await?;
        if !dry_run {
            app.feed.publish("slos", None);
        }
    }
    let note = noted(&applied, dry_run);
    let line = |line: nines_slo::import::Line| api::ImportedSlo {
        source: line.source.to_owned(),
        name: line.name,
        slo: line.slo,
        outcome: line.outcome.as_str().to_owned(),
        notes: line.notes,
    };
    let answer = api::ImportSlosResponse {
        dry_run,
        yaml: imported.yaml,
        report: imported.lines.into_iter().map(line).collect(),
        results: applied.into_iter().map(outcome).collect(),
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

/// The promises of the services that the caller sees.
fn seen(app: &SharedApp, caller: &Caller) -> Vec<PromiseView> {
    let mut all = app.promises.all();
    all.retain(|view| caller.sees_service(&view.promise.service));
    all
}

fn find(app: &SharedApp, caller: &Caller, name: &str) -> ApiResult<PromiseView> {
    let found = app.promises.get(name).filter(|view| caller.sees_service(&view.promise.service));
    found.ok_or_else(|| {
        let all = seen(app, caller);
        let near = nines_filter::nearest(name, all.iter().map(|view| view.promise.id.as_str()));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        ApiError::not_found(format!("there is no SLO `{name}`")).hint_opt(hint)
    })
}

pub(crate) fn fault(error: &DocumentError) -> api::Fault {
    api::Fault {
        file: error.file.as_deref().map(str::to_owned),
        line: error.line,
        column: error.column,
        path: error.path.clone(),
        message: error.message.clone(),
        hint: error.hint.clone(),
    }
}

pub(crate) fn warning(warning: &DocumentWarning) -> api::Fault {
    api::Fault {
        file: warning.file.as_deref().map(str::to_owned),
        line: warning.line,
        column: warning.column,
        path: warning.path.clone(),
        message: warning.message.clone(),
        hint: None,
    }
}
