//! Policies: shown, checked against the past, applied and removed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use nines_access::Actor;
use nines_api as api;
use nines_base::ErrorKind;
use nines_policy::{Compiled, Effect, Fault, PolicyError, PolicyInfo, StoredDocument};

use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::Body;
use crate::policies::keeps;
use crate::policies::rehearsal::rehearse;
use crate::problem::{ApiError, ApiResult};

/// Calls of the past that a text is put to, unless more or fewer are asked for.
const CALLS: u32 = 1_000;
const CALLS_MAX: u32 = 10_000;
/// Of a document's name, as of other documents.
const NAME_CHARS_MAX: usize = 63;

pub async fn list(State(app): State<SharedApp>) -> ApiResult<Json<api::PoliciesResponse>> {
    let stored = app.policies.repository.list().await.map_err(PolicyError::from)?;
    Ok(Json(answer(&app, &stored)))
}

pub async fn versions(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
) -> ApiResult<Json<api::PoliciesResponse>> {
    let versions = app.policies.repository.versions(&name).await.map_err(PolicyError::from)?;
    if versions.is_empty() {
        return Err(not_found(&app, name).await?);
    }
    Ok(Json(answer(&app, &versions)))
}

pub async fn schema(State(app): State<SharedApp>) -> ApiResult<Json<api::PolicySchema>> {
    // A clock for an example zone, so that the words show how one is written.
    let text = Compiled::schema_text(app.policies.policies.vocabulary(), "at[\"UTC\"]");
    Ok(Json(api::PolicySchema { text }))
}

pub async fn check(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(request): Body<api::PolicyCheckRequest>,
) -> ApiResult<Json<api::PolicyChecked>> {
    let name = request.name.as_deref().unwrap_or("new");
    check_name(name)?;
    let calls = request.calls.unwrap_or(CALLS).min(CALLS_MAX);
    let compiled = match app.policies.compiled_with(name, Some(&request.text)).await {
        Ok(compiled) => compiled,
        Err(PolicyError::Invalid { faults, .. }) => {
            let problems = faults.iter().map(problem).collect();
            return Ok(Json(api::PolicyChecked {
                problems,
                policies: Vec::new(),
                keeps_caller: true,
                rehearsal: None,
            }));
        }
        Err(error) => return Err(error.into()),
    };
    let prefix = format!("{name}/");
    let own = compiled.policies().iter().filter(|policy| policy.id.starts_with(&prefix));
    Ok(Json(api::PolicyChecked {
        problems: Vec::new(),
        policies: own.map(rendered).collect(),
        keeps_caller: keeps(&compiled, &app, &actor, app.clock.now()).is_ok(),
        rehearsal: Some(rehearse(&app, &compiled, calls).await?),
    }))
}

pub async fn put(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Path(name): Path<String>,
    Body(request): Body<api::PolicyRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::PolicyDocument>)> {
    check_name(&name)?;
    let may = |compiled: &Compiled| match keeps(compiled, &app, &actor, app.clock.now()) {
        Err(refusal) if !request.force => {
            let detail = format!("you could not take this back: {refusal}");
            Err(ApiError::new(ErrorKind::Conflict, detail)
                .code("locks_out")
                .hint("leave administrators a way to put_policy and remove_policy, or send force"))
        }
        _ => Ok(()),
    };
    let stored = app.policies.apply(&name, &request.text, &actor.name, may).await?;
    app.feed.publish("policy", Some(name.clone()));
    let note = AuditNote {
        resource: Some(format!("policies/{name}")),
        details: format!("version {}", stored.version),
        ..AuditNote::default()
    };
    Ok((Extension(note), Json(document(&app, &stored))))
}

pub async fn remove(State(app): State<SharedApp>, Path(name): Path<String>) -> ApiResult<StatusCode> {
    if !app.policies.remove(&name).await? {
        return Err(not_found(&app, name).await?);
    }
    app.feed.publish("policy", Some(name));
    Ok(StatusCode::NO_CONTENT)
}

async fn not_found(app: &SharedApp, name: String) -> ApiResult<ApiError> {
    let stored = app.policies.repository.list().await.map_err(PolicyError::from)?;
    let near = nines_filter::nearest(&name, stored.iter().map(|document| document.name.as_str()));
    let nearest = near.map(ToString::to_string);
    Ok(PolicyError::NotFound { name, nearest }.into())
}

fn check_name(name: &str) -> Result<(), PolicyError> {
    let is_good = (1..=NAME_CHARS_MAX).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_good {
        return Ok(());
    }
    let name = name.chars().filter(|char| !char.is_control()).take(NAME_CHARS_MAX).collect();
    Err(PolicyError::BadName { name })
}

fn answer(app: &SharedApp, stored: &[StoredDocument]) -> api::PoliciesResponse {
    let counters = app.policies.policies.counters();
    api::PoliciesResponse {
        documents: stored.iter().map(|stored| document(app, stored)).collect(),
        counts: api::PolicyCounts {
            evaluated: counters.evaluated,
            refused: counters.refused,
            errors: counters.errors,
        },
    }
}

fn document(app: &SharedApp, stored: &StoredDocument) -> api::PolicyDocument {
    let read = Compiled::new(app.policies.policies.vocabulary(), &[(&stored.name, &stored.text)]);
    let (policies, problems) = match &read {
        Ok(compiled) => (compiled.policies().iter().map(rendered).collect(), Vec::new()),
        Err(PolicyError::Invalid { faults, .. }) => (Vec::new(), faults.iter().map(problem).collect()),
        Err(_) => (Vec::new(), Vec::new()),
    };
    api::PolicyDocument {
        name: stored.name.clone(),
        version: stored.version,
        text: stored.text.clone(),
        enabled: stored.is_enabled,
        applied_at: stored.applied_at.to_string(),
        applied_by: stored.applied_by.clone(),
        policies,
        problems,
    }
}

fn rendered(policy: &PolicyInfo) -> api::Policy {
    let effect = match policy.effect {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    };
    api::Policy {
        id: policy.id.clone(),
        effect: effect.to_owned(),
        reason: policy.reason.clone(),
        line: policy.line,
    }
}

fn problem(fault: &Fault) -> api::PolicyProblem {
    api::PolicyProblem {
        document: fault.document.clone(),
        line: fault.line,
        column: fault.column,
        message: fault.message.clone(),
        hint: fault.hint.clone(),
    }
}
