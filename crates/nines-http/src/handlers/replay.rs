//! Rehearsal: a stored window through today's promises and rules.

use axum::Json;
use axum::extract::State;
use nines_api as api;
use nines_model::TimeRange;

use crate::SharedApp;
use crate::extract::{Body, optional_time, required_time};
use crate::problem::{ApiError, ApiResult};
use crate::promises::{Rehearsal, ReplayError};

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Documents(error) => error.into(),
            ReplayError::Query(error) => error.into(),
            other => Self::from_kind(other.kind(), &other),
        }
    }
}

pub async fn replay(
    State(app): State<SharedApp>,
    Body(request): Body<api::ReplayRequest>,
) -> ApiResult<Json<api::ReplayResponse>> {
    let start = required_time("start", &request.start)?;
    let end = optional_time("end", request.end.as_deref())?.unwrap_or_else(|| app.clock.now());
    if start >= end {
        return Err(ApiError::invalid(format!("`start` {start} is not before `end` {end}")).hint("swap them"));
    }
    let rehearsal =
        Rehearsal { slo: request.slo, documents: request.documents, range: TimeRange::new(start, end) };
    Ok(Json(app.promises.replay(rehearsal).await?))
}
