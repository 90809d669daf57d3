//! What people do not want to hear for a while.

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::StatusCode;
use nines_api as api;
use nines_filter::Filter;
use nines_model::TimeRange;
use nines_oncall::noise::{Silence, SilenceId};
use serde::Deserialize;

use crate::audit::AuditNote;
use crate::extract::{Body, Caller, optional_time, required_time};
use crate::problem::{ApiError, ApiResult};
use crate::{DeskError, SharedApp, render};

impl From<DeskError> for ApiError {
    fn from(error: DeskError) -> Self {
        let answer = Self::new(error.kind(), error.to_string());
        match error {
            DeskError::Separate(_) => answer,
            // A sender that is told when to come again does not knock all the time.
            DeskError::Busy | DeskError::Store(_) => answer.retry_after(std::time::Duration::from_secs(1)),
        }
    }
}

pub async fn list(State(app): State<SharedApp>) -> ApiResult<Json<api::SilencesResponse>> {
    Ok(Json(api::SilencesResponse { silences: all(&app).await? }))
}

/// Those that hold now, then those to come, then those that ended last.
pub async fn all(app: &SharedApp) -> ApiResult<Vec<api::Silence>> {
    let now = app.clock.now();
    let by_hand = app.oncall.repository.silences().await?;
    let is_declared = |silence: &&Silence| !by_hand.iter().any(|known| known.id == silence.id);
    let roster = app.oncall.rota.roster();
    let declared = roster.silences.iter().filter(is_declared);
    let mut silences: Vec<api::Silence> = declared
        .map(|silence| render::oncall::silence(silence, true, now))
        .chain(by_hand.iter().map(|silence| render::oncall::silence(silence, false, now)))
        .collect();
    let rank = |silence: &api::Silence| match silence.state.as_str() {
        "active" => 0,
        "pending" => 1,
        _ => 2,
    };
    silences.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| b.end.cmp(&a.end)));
    Ok(silences)
}

#[derive(Debug, Deserialize)]
pub struct SetQuery {
    dry_run: Option<String>,
}

pub async fn set(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<SetQuery>,
    Body(request): Body<api::SilenceRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::SilenceResponse>)> {
    let now = app.clock.now();
    // Whole seconds: what people read in the reason why nobody is told.
    let second = std::time::Duration::from_secs(1);
    let start = optional_time("start", request.start.as_deref())?.unwrap_or(now).floor_to(second);
    let end = required_time("end", &request.end)?.floor_to(second);
    if end <= now {
        return Err(ApiError::invalid(format!("the silence would have ended at {end} already"))
            .hint("choose an end that is to come"));
    }
    let silence = Silence {
        id: SilenceId(app.random.uuid(now).to_string()),
        filter: Filter::parse(&request.filter)?,
        range: TimeRange { start, end },
        author: caller.name,
        reason: request.reason,
        created_at: now,
        matched_at: None,
        noticed_at: None,
    };
    let dry_run = matches!(asked.dry_run.as_deref(), Some("true" | "1" | ""));
    // While somebody still types, the reason may be missing; the filter and the end may not.
    let checked = if dry_run && silence.reason.is_empty() {
        Silence { reason: "preview".to_owned(), ..silence.clone() }
    } else {
        silence.clone()
    };
    checked.check().map_err(nines_oncall::RotaError::from)?;
    let preview = app.oncall.desk.preview(&silence).await?;
    if !dry_run {
        app.oncall.rota.silence(&silence).await?;
        app.feed.publish("oncall", None);
    }
    let note = AuditNote {
        is_question: dry_run,
        resource: Some(format!("silences/{}", silence.id)),
        details: format!("{} until {end}: {}", silence.filter, silence.reason),
        ..AuditNote::default()
    };
    let answer = api::SilenceResponse {
        silence: render::oncall::silence(&silence, false, now),
        preview: render::oncall::preview(preview),
        dry_run,
    };
    Ok((Extension(note), Json(answer)))
}

pub async fn end(State(app): State<SharedApp>, Path(id): Path<String>) -> ApiResult<StatusCode> {
    app.oncall.rota.end_silence(&id).await?;
    app.feed.publish("oncall", None);
    Ok(StatusCode::NO_CONTENT)
}
