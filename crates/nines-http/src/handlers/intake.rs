//! Alerts of other systems come in: read, kept, answered.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nines_access::{Action, Credentials, Resource, authorize};
use nines_api as api;
use nines_oncall::alert::IncomingAlert;
use nines_oncall::intake::{self, Intake, IntakeError};
use nines_oncall::noise::Received;
use serde_json::json;

use crate::audit::AuditNote;
use crate::desk::Receipt;
use crate::extract::{BODY_BYTES_MAX, Body, Caller, bytes};
use crate::guard::peer_of;
use crate::problem::{ApiError, ApiResult, status_of};
use crate::{DeskError, SharedApp};

impl From<IntakeError> for ApiError {
    fn from(error: IntakeError) -> Self {
        let fault = fault(&error);
        Self::new(error.kind(), error.to_string()).code("invalid_alerts").faults(vec![fault])
    }
}

pub async fn native(
    State(app): State<SharedApp>,
    caller: Caller,
    request: Request,
) -> ApiResult<Json<api::IntakeResponse>> {
    let body = bytes(request, BODY_BYTES_MAX).await?;
    take(&app, intake::native(&body)?, &caller.name).await
}

pub async fn grafana(
    State(app): State<SharedApp>,
    caller: Caller,
    request: Request,
) -> ApiResult<Json<api::IntakeResponse>> {
    let body = bytes(request, BODY_BYTES_MAX).await?;
    take(&app, intake::grafana(&body)?, &caller.name).await
}

/// Alerts that can be read are kept even if others of the request cannot; if none can, the request is refused.
pub async fn take(app: &SharedApp, intake: Intake, by: &str) -> ApiResult<Json<api::IntakeResponse>> {
    let Intake { alerts, mistakes } = intake;
    if alerts.is_empty()
        && let Some(first) = mistakes.first()
    {
        let answer = ApiError::new(first.kind(), first.to_string()).code("invalid_alerts");
        return Err(answer.faults(mistakes.iter().map(fault).collect()));
    }
    let receipts = keep(app, alerts, by).await?;
    Ok(Json(api::IntakeResponse {
        alerts: receipts.into_iter().map(receipt).collect(),
        mistakes: mistakes.iter().map(fault).collect(),
    }))
}

pub async fn keep(app: &SharedApp, alerts: Vec<IncomingAlert>, by: &str) -> Result<Vec<Receipt>, DeskError> {
    if alerts.is_empty() {
        return Ok(Vec::new());
    }
    app.oncall.desk.receive(alerts, by).await
}

/// PagerDuty's Events API v2: the key is in the body, and the answers are PagerDuty's.
pub async fn pagerduty(State(app): State<SharedApp>, request: Request) -> Response {
    let answer = |status: StatusCode, word: &str, message: &str, errors: Vec<String>| {
        (status, Json(json!({"status": word, "message": message, "errors": errors}))).into_response()
    };
    let peer = peer_of(&request);
    let shown = nines_receive::key(request.headers()).map(std::borrow::Cow::into_owned);
    let body = match bytes(request, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let event = intake::pagerduty(&body);
    let key = match (&event, shown) {
        (Ok(event), _) => Some(event.routing_key.clone()),
        (Err(_), shown) => shown,
    };
    let header = key.map(|key| format!("Bearer {key}"));
    let credentials = Credentials {
        authorization: header.as_deref(),
        cookie: None,
        csrf: None,
        is_unsafe: true,
        address: peer.ip(),
    };
    let actor = match app.access.authenticate(&credentials).await {
        Ok(authenticated) => authenticated.actor,
        Err(error) => {
            let status = status_of(error.kind());
            let why = format!("routing_key: {error}; use one of the keys of this node");
            return answer(status, "invalid key", "Event object is invalid", vec![why]);
        }
    };
    if let Err(denial) = authorize(&actor, Action::SendTelemetry, &Resource::Node).into_result() {
        let why = format!("routing_key: {denial}; use an ingest key of this node");
        return answer(status_of(denial.kind()), "invalid key", "Event object is invalid", vec![why]);
    }
    let event = match event {
        Ok(event) => event,
        Err(error) => {
            let why = vec![error.to_string()];
            return answer(StatusCode::BAD_REQUEST, "invalid event", "Event object is invalid", why);
        }
    };
    match keep(&app, vec![event.alert], &actor.name).await {
        Ok(_) => {
            let body = json!({
                "status": "success",
                "message": "Event processed",
                "dedup_key": event.dedup_key,
            });
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
        // PagerDuty's clients come again after 429 and 5xx.
        Err(error) => ApiError::from(error).into_response(),
    }
}

pub async fn separate(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(fingerprint): Path<String>,
    Body(request): Body<api::SeparateRequest>,
) -> ApiResult<(axum::Extension<AuditNote>, Json<api::SeparateResponse>)> {
    let fingerprints = app.oncall.desk.separate(&fingerprint, &request.labels, &caller.name).await?;
    app.feed.publish("alert", None);
    let details = format!("by {}: {}", request.labels.join(", "), fingerprints.join(", "));
    let note = AuditNote { details, ..AuditNote::default() };
    Ok((axum::Extension(note), Json(api::SeparateResponse { fingerprints })))
}

pub async fn join(State(app): State<SharedApp>, Path(fingerprint): Path<String>) -> ApiResult<StatusCode> {
    if !app.oncall.desk.join(&fingerprint).await? {
        return Err(ApiError::not_found(format!("`{fingerprint}` was not taken apart")));
    }
    Ok(StatusCode::NO_CONTENT)
}

fn receipt(receipt: Receipt) -> api::AlertReceipt {
    let received = match receipt.received {
        Received::New => "new",
        Received::Merged { .. } => "merged",
        Received::Reopened { .. } => "reopened",
        Received::Resolved { .. } => "resolved",
        Received::NothingToResolve => "nothing_to_resolve",
        Received::Overflow => "overflow",
    };
    api::AlertReceipt {
        fingerprint_rule: receipt.fingerprint.to_string(),
        fingerprint: receipt.fingerprint.id,
        received: received.to_owned(),
        suppressed: receipt.suppressed,
        group: receipt.group,
        incident: receipt.incident,
    }
}

fn fault(error: &IntakeError) -> api::Fault {
    api::Fault {
        file: None,
        line: 0,
        column: 0,
        path: error.pointer().to_owned(),
        message: error.to_string(),
        hint: None,
    }
}
