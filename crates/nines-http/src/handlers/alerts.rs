//! Alerts and pages, read only: the page path writes them.

use axum::Json;
use axum::extract::{Path, Query, State};
use nines_api as api;
use nines_notify::{PageFilter, PageState};
use nines_state::StateError;
use nines_state::alerts::AlertFilter;
use nines_state::intake::{ForeignCounts, ForeignFilter};
use serde::Deserialize;

use crate::SharedApp;
use crate::extract::Caller;
use crate::problem::{ApiError, ApiResult};

const LISTED_MAX: u32 = 200;

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        Self::from_kind(error.kind(), &error)
    }
}

impl From<nines_notify::StoreError> for ApiError {
    fn from(error: nines_notify::StoreError) -> Self {
        Self::from_kind(error.kind(), &error)
    }
}

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    state: Option<String>,
    slo: Option<String>,
}

pub async fn list(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ListQuery>,
) -> ApiResult<Json<api::AlertsResponse>> {
    let open = match asked.state.as_deref() {
        None => None,
        Some("firing") => Some(true),
        Some("resolved") => Some(false),
        Some(other) => {
            return Err(ApiError::invalid(format!("`{other}` is not a state of an alert"))
                .hint("use firing or resolved"));
        }
    };
    let filter = AlertFilter { open, slo: asked.slo, limit: LISTED_MAX, ..AlertFilter::default() };
    let mut found = Vec::new();
    match &caller.services {
        None => {
            found = app.alerts.alerts(&filter).await?;
            found.retain(|alert| !caller.hidden.contains(&alert.service));
        }
        // Asked for one by one: those of others, however many, take no place from theirs.
        Some(services) => {
            for service in services.iter() {
                let of_service = AlertFilter { service: Some(service.clone()), ..filter.clone() };
                found.extend(app.alerts.alerts(&of_service).await?);
            }
        }
    }
    let mut alerts = Vec::new();
    for stored in &found {
        alerts.push(app.rendered_alert(stored).await?);
    }
    alerts.sort_by_key(|alert| alert.state == "resolved");
    let counts = match caller.sees_all() {
        true => app.oncall.intake.counts().await?,
        // They count everybody's.
        false => ForeignCounts::default(),
    };
    Ok(Json(api::AlertsResponse {
        alerts,
        foreign: if filter.slo.is_some() { Vec::new() } else { foreign(&app, &caller, open, None).await? },
        foreign_counts: api::ForeignCounts {
            alerts: counts.alerts,
            open: counts.open,
            suppressed: counts.suppressed,
            received: counts.received,
        },
    }))
}

/// Alerts of other systems, open ones first.
pub async fn foreign(
    app: &SharedApp,
    caller: &Caller,
    open: Option<bool>,
    incident: Option<String>,
) -> ApiResult<Vec<api::ForeignAlert>> {
    let filter = ForeignFilter { open, incident, limit: LISTED_MAX };
    let alerts = app.oncall.intake.alerts(&filter).await?;
    let seen = alerts.iter().filter(|alert| caller.sees_one_of(alert.entry.alert.service.as_deref()));
    Ok(seen.map(crate::render::oncall::foreign_alert).collect())
}

pub async fn show(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<api::Alert>> {
    let alert = app.alert(&id).await?.filter(|alert| caller.sees_service(&alert.service));
    alert.map(Json).ok_or_else(|| ApiError::not_found(format!("there is no alert `{id}`")))
}

#[derive(Debug, Deserialize)]
pub struct PagesQuery {
    state: Option<String>,
}

pub async fn pages(
    State(app): State<SharedApp>,
    Query(asked): Query<PagesQuery>,
) -> ApiResult<Json<api::PagesResponse>> {
    let state = asked.state.as_deref().map(|word| {
        PageState::parse(word).ok_or_else(|| {
            let words: Vec<_> = PageState::ALL.iter().map(|state| state.as_str()).collect();
            ApiError::invalid(format!("`{word}` is not a state of a page"))
                .hint(format!("use {}", words.join(", ")))
        })
    });
    let filter = PageFilter { state: state.transpose()?, limit: LISTED_MAX, ..PageFilter::default() };
    let pages = app.outbox.pages(&filter).await?;
    Ok(Json(api::PagesResponse { pages: pages.iter().map(|page| app.rendered_page(page)).collect() }))
}
