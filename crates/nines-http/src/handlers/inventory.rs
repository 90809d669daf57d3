//! The inventory: what there is, whether it keeps to the standards, and what is waived.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_access::Actor;
use nines_api as api;
use nines_inventory::{
    By, Defaults, InventoryError, NewWaiver, Query as Asked, ResourceKey, Scope, Truth, read,
};
use serde::Deserialize;

use crate::audit::AuditNote;
use crate::extract::{Body, required_time};
use crate::handlers::slos::fault;
use crate::problem::{ApiError, ApiResult};
use crate::render::inventory as render;
use crate::{Collected, SharedApp};

const RESOURCES_SHOWN: usize = 200;
const RESOURCES_SHOWN_MAX: usize = 5_000;

impl From<InventoryError> for ApiError {
    fn from(error: InventoryError) -> Self {
        let answer = Self::from_kind(error.kind(), &error);
        match error {
            InventoryError::Document(faults) => {
                answer.code("invalid_document").faults(faults.iter().map(fault).collect())
            }
            _ => answer,
        }
    }
}

pub async fn score(State(app): State<SharedApp>) -> Json<api::InventoryScore> {
    Json(render::score(&app.inventory))
}

#[derive(Debug, Deserialize)]
pub struct ResourcesQuery {
    kind: Option<String>,
    owner: Option<String>,
    q: Option<String>,
    rule: Option<String>,
    verdict: Option<String>,
    gone: Option<String>,
    limit: Option<usize>,
    format: Option<String>,
}

pub async fn resources(
    State(app): State<SharedApp>,
    Query(asked): Query<ResourcesQuery>,
) -> ApiResult<Response> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let truth = match given(asked.verdict).as_deref() {
        None => None,
        Some("passed") => Some(Truth::True),
        Some("failed") => Some(Truth::False),
        Some("unknown") => Some(Truth::Unknown),
        Some(other) => {
            return Err(ApiError::invalid(format!("`verdict`: there is no `{other}`"))
                .hint("use passed, failed or unknown"));
        }
    };
    let question = Asked {
        kind: given(asked.kind),
        // Empty is a question too: what nobody owns.
        owner: asked.owner,
        text: given(asked.q),
        rule: given(asked.rule),
        truth,
        is_gone: asked.gone.as_deref() == Some("true"),
    };
    let is_csv = asked.format.as_deref() == Some("csv");
    let shown = if is_csv { RESOURCES_SHOWN_MAX } else { RESOURCES_SHOWN };
    let limit = asked.limit.unwrap_or(shown).min(RESOURCES_SHOWN_MAX);
    let inventory = &app.inventory.inventory;
    let (found, count) = inventory.resources(&question, limit);
    let standards = inventory.standards();
    if is_csv {
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (header::CONTENT_DISPOSITION, "attachment; filename=\"inventory.csv\""),
        ];
        return Ok((headers, render::csv(&found, &standards)).into_response());
    }
    let resources = found.iter().map(|(one, verdicts)| render::listed(one, verdicts, &standards)).collect();
    Ok(Json(api::InventoryResources { resources, count }).into_response())
}

#[derive(Debug, Deserialize)]
pub struct ResourceQuery {
    key: Option<String>,
}

pub async fn resource(
    State(app): State<SharedApp>,
    Query(asked): Query<ResourceQuery>,
) -> ApiResult<Json<api::InventoryResource>> {
    let text = asked.key.unwrap_or_default();
    let missing = || ApiError::not_found(format!("there is no resource `{text}`"));
    let key = ResourceKey::parse(&text).ok_or_else(missing)?;
    let inventory = &app.inventory.inventory;
    let (resource, verdicts) = inventory.resource(&key).ok_or_else(missing)?;
    Ok(Json(render::resource(&resource, &verdicts, &inventory.standards())))
}

pub async fn import(
    State(app): State<SharedApp>,
    Body(request): Body<api::InventoryImport>,
) -> ApiResult<(Extension<AuditNote>, Json<api::InventoryTaken>)> {
    let defaults = Defaults {
        account: request.account.unwrap_or_default(),
        region: request.region.unwrap_or_default(),
        is_complete: request.complete,
    };
    let imported = read(request.file.as_deref(), &request.text, &defaults)?;
    let inventory = &app.inventory.inventory;
    let mut taken = Vec::new();
    for listing in imported.listings {
        let merged = match request.dry_run {
            true => inventory.foresee(&listing),
            false => inventory.take(&listing).await?,
        };
        taken.push(Collected { listing, merged });
    }
    if !request.dry_run {
        inventory.keep_day().await?;
        app.feed.publish("inventory", None);
    }
    let answer = render::taken(imported.format, &taken, imported.skipped);
    let note = AuditNote {
        resource: Some("inventory".to_owned()),
        details: render::told(&answer),
        is_question: request.dry_run,
        ..AuditNote::default()
    };
    Ok((Extension(note), Json(answer)))
}

pub async fn collect(
    State(app): State<SharedApp>,
) -> ApiResult<(Extension<AuditNote>, Json<api::InventoryTaken>)> {
    let Some(collector) = &app.inventory.collector else {
        let text = "no provider is set up to collect from".to_owned();
        return Err(ApiError::from(InventoryError::Conflict(text))
            .hint("start the node with --aws-region, or import files: nines inventory import FILE"));
    };
    let collected = collector.collect().await?;
    app.feed.publish("inventory", None);
    let answer = render::taken("aws", &collected, Default::default());
    let note = AuditNote {
        resource: Some("inventory".to_owned()),
        details: render::told(&answer),
        ..AuditNote::default()
    };
    Ok((Extension(note), Json(answer)))
}

pub async fn standards(State(app): State<SharedApp>) -> Json<api::InventoryStandards> {
    Json(api::InventoryStandards { standards: render::standards(&app.inventory.inventory) })
}

pub async fn apply(
    State(app): State<SharedApp>,
    Body(request): Body<api::StandardsRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::StandardsApplied>)> {
    let names = app.inventory.inventory.apply(request.file.as_deref(), &request.text).await?;
    app.feed.publish("inventory", None);
    let note = AuditNote {
        resource: Some("inventory/standards".to_owned()),
        details: names.join(", "),
        ..AuditNote::default()
    };
    Ok((Extension(note), Json(api::StandardsApplied { names })))
}

pub async fn remove_standard(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
) -> ApiResult<(Extension<AuditNote>, StatusCode)> {
    app.inventory.inventory.remove_standard(&name).await?;
    app.feed.publish("inventory", None);
    let resource = Some(format!("inventory/standards/{name}"));
    Ok((Extension(AuditNote { resource, ..AuditNote::default() }), StatusCode::NO_CONTENT))
}

pub async fn waivers(State(app): State<SharedApp>) -> Json<api::WaiversResponse> {
    let inventory = &app.inventory.inventory;
    let now = inventory.now();
    Json(api::WaiversResponse {
        waivers: inventory.waivers().iter().map(|waiver| render::waiver(waiver, now)).collect(),
    })
}

pub async fn ask_waiver(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(request): Body<api::WaiverRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::ComplianceWaiver>)> {
    let new = NewWaiver {
        rule: request.rule,
        scope: Scope {
            resource: request.resource,
            kind: request.kind,
            account: request.account,
            owner: request.owner_is,
        },
        reason: request.reason,
        owner: request.owner,
        ends_at: required_time("ends_at", &request.ends_at)?,
    };
    let waiver = app.inventory.inventory.ask_waiver(new, &by(&actor)).await?;
    Ok(noted(&app, &waiver))
}

pub async fn approve_waiver(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Path(id): Path<String>,
) -> ApiResult<(Extension<AuditNote>, Json<api::ComplianceWaiver>)> {
    let waiver = app.inventory.inventory.approve_waiver(&id, &by(&actor)).await?;
    Ok(noted(&app, &waiver))
}

pub async fn remove_waiver(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
) -> ApiResult<(Extension<AuditNote>, StatusCode)> {
    app.inventory.inventory.remove_waiver(&id).await?;
    app.feed.publish("inventory", None);
    let resource = Some(format!("inventory/waivers/{id}"));
    Ok((Extension(AuditNote { resource, ..AuditNote::default() }), StatusCode::NO_CONTENT))
}

fn noted(
    app: &SharedApp,
    waiver: &nines_inventory::Waiver,
) -> (Extension<AuditNote>, Json<api::ComplianceWaiver>) {
    app.feed.publish("inventory", None);
    let note = AuditNote {
        resource: Some(format!("inventory/waivers/{}", waiver.id)),
        details: format!("{} until {}: {}", waiver.rule, waiver.ends_at, waiver.reason),
        ..AuditNote::default()
    };
    (Extension(note), Json(render::waiver(waiver, app.inventory.inventory.now())))
}

/// Two keys of one person, or one that the other made, are one pair of eyes.
fn by(actor: &Actor) -> By {
    let people = actor.person.iter().flat_map(|person| [Some(person.id.clone()), person.key_maker.clone()]);
    By { name: actor.name.clone(), people: people.flatten().collect() }
}
