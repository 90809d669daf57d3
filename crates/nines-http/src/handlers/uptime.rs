//! Probes, heartbeats, and the exchange with runners elsewhere.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use nines_access::{Action, Actor, Resource, authorize};
use nines_api as api;
use nines_api::Role;
use serde::Deserialize;

use crate::extract::{Body, Caller};
use crate::problem::{ApiError, ApiResult};
use crate::{SharedApp, UptimeError};

impl From<UptimeError> for ApiError {
    fn from(error: UptimeError) -> Self {
        let answer = Self::from_kind(error.kind(), &error);
        match error {
            UptimeError::Heartbeat { .. } => {
                answer.hint("its address is on the uptime page, and in `nines probe list` for editors")
            }
            UptimeError::Ping { .. } => answer.hint("say ping, start, fail, or the exit status as a number"),
            _ => answer,
        }
    }
}

pub async fn show(State(app): State<SharedApp>, caller: Caller) -> Json<api::UptimeResponse> {
    let may_see_secrets = caller.role.is_some_and(|role| role >= Role::Editor);
    Json(app.uptime.overview(may_see_secrets))
}

#[derive(Debug, Deserialize)]
pub struct AssignedQuery {
    location: Option<String>,
}

pub async fn assigned(
    State(app): State<SharedApp>,
    Query(asked): Query<AssignedQuery>,
) -> ApiResult<Json<api::AssignedProbes>> {
    let location = asked.location.filter(|location| !location.is_empty());
    let location = location.ok_or_else(|| {
        ApiError::invalid("`location` is missing").hint("say where the runner is: ?location=tokyo")
    })?;
    Ok(Json(app.uptime.assigned(&location)))
}

pub async fn report(
    State(app): State<SharedApp>,
    Body(report): Body<api::ProbeReport>,
) -> ApiResult<Json<api::ProbeReportTaken>> {
    Ok(Json(app.uptime.report(report).await?))
}

#[derive(Debug, Deserialize)]
pub struct PingQuery {
    secret: Option<String>,
}

pub async fn ping(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Path((name, word)): Path<(String, String)>,
    Query(asked): Query<PingQuery>,
) -> ApiResult<Json<api::HeartbeatPinged>> {
    let has_key = !actor.is_anonymous()
        && authorize(&actor, Action::SendTelemetry, &Resource::Node).into_result().is_ok();
    let secret = asked.secret.unwrap_or_default();
    let secret = if has_key && secret.is_empty() { None } else { Some(secret.as_str()) };
    Ok(Json(app.uptime.ping(&name, &word, secret).await?))
}
