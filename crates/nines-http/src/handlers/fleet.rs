//! Infrastructure: what reports, what has stopped, what will run full.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::StatusCode;
use nines_access::Actor;
use nines_api as api;
use serde::Deserialize;

use crate::audit::AuditNote;
use crate::extract::Body;
use crate::problem::{ApiError, ApiResult};
use crate::{FleetError, Histories, InfraQuestion, SaturationQuestion, SharedApp};

/// Histories, in seconds: an hour if nothing is said, a day at most.
const RANGE_SECS: u32 = 3_600;
const RANGE_SECS_MAX: u32 = 86_400;

impl From<FleetError> for ApiError {
    fn from(error: FleetError) -> Self {
        let answer = Self::from_kind(error.kind(), &error);
        match error {
            FleetError::NotFound { .. } => answer.hint("nines infra lists what ever reported"),
            _ => answer,
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct UnitsQuery {
    kind: Option<String>,
    by: Option<String>,
    measure: Option<String>,
    query: Option<String>,
    q: Option<String>,
    range: Option<String>,
    state: Option<String>,
    history: Option<String>,
    unit: Option<String>,
}

pub async fn units(
    State(app): State<SharedApp>,
    Query(asked): Query<UnitsQuery>,
) -> ApiResult<Json<api::InfraResponse>> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let range_secs = match given(asked.range) {
        None => RANGE_SECS,
        Some(text) => seconds(&text).ok_or_else(|| {
            ApiError::invalid(format!("`range`: `{text}` is not a time")).hint("write 30m, 6h or 1d")
        })?,
    };
    let histories = match (given(asked.history).as_deref(), given(asked.unit)) {
        (None | Some("all"), _) => Histories::All,
        (Some("none"), None) => Histories::None,
        (Some("none"), Some(unit)) => Histories::Of(unit),
        (Some(other), _) => {
            let detail = format!("`history` is `all` or `none`, not `{other}`");
            return Err(ApiError::invalid(detail).hint("with `none`, `unit` names the one that has it"));
        }
    };
    let question = InfraQuestion {
        kind: given(asked.kind),
        by: given(asked.by),
        measure: given(asked.measure),
        query: given(asked.query),
        filter: asked.q.unwrap_or_default(),
        range_secs: range_secs.clamp(60, RANGE_SECS_MAX),
        state: given(asked.state),
        histories,
    };
    Ok(Json(app.fleet.units(question).await?))
}

/// `90s`, `30m`, `6h`, `1d`.
fn seconds(text: &str) -> Option<u32> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(factor)
}

#[derive(Debug, Deserialize)]
pub struct UnitQuery {
    kind: Option<String>,
    id: Option<String>,
}

pub async fn unit(
    State(app): State<SharedApp>,
    Query(asked): Query<UnitQuery>,
) -> ApiResult<Json<api::InfraUnitDetail>> {
    let kind = asked.kind.unwrap_or_else(|| "host".to_owned());
    Ok(Json(app.fleet.unit(&kind, &asked.id.unwrap_or_default()).await?))
}

pub async fn retire(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(request): Body<api::InfraRetire>,
) -> ApiResult<(Extension<AuditNote>, Json<api::InfraUnit>)> {
    let unit = app.fleet.retire(&request, &actor.name).await?;
    app.feed.publish("infrastructure", None);
    let note = AuditNote {
        resource: Some(format!("infrastructure/{}/{}", request.kind, request.id)),
        details: if request.reason.is_empty() { "taken back".to_owned() } else { request.reason },
        ..AuditNote::default()
    };
    Ok((Extension(note), Json(unit)))
}

pub async fn watches(State(app): State<SharedApp>) -> Json<api::InfraWatches> {
    Json(app.fleet.watches())
}

pub async fn put_watch(
    State(app): State<SharedApp>,
    Body(watch): Body<api::InfraWatch>,
) -> ApiResult<(Extension<AuditNote>, Json<api::InfraWatchStatus>)> {
    let status = app.fleet.put_watch(&watch).await?;
    app.feed.publish("infrastructure", None);
    let note = AuditNote {
        resource: Some(format!("infrastructure/watches/{}", watch.name)),
        details: match watch.absent_after {
            Some(intervals) => format!("absent after {intervals} missed reports: {}", watch.filter),
            None => {
                format!("full within {} h: {}", watch.full_within_hours.unwrap_or_default(), watch.filter)
            }
        },
        ..AuditNote::default()
    };
    Ok((Extension(note), Json(status)))
}

pub async fn delete_watch(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
) -> ApiResult<(Extension<AuditNote>, StatusCode)> {
    app.fleet.delete_watch(&name).await?;
    app.feed.publish("infrastructure", None);
    let resource = Some(format!("infrastructure/watches/{name}"));
    Ok((Extension(AuditNote { resource, ..AuditNote::default() }), StatusCode::NO_CONTENT))
}

#[derive(Debug, Deserialize)]
pub struct SaturationQuery {
    q: Option<String>,
    query: Option<String>,
    probability: Option<f64>,
    id: Option<String>,
    limit: Option<usize>,
}

pub async fn saturation(
    State(app): State<SharedApp>,
    Query(asked): Query<SaturationQuery>,
) -> ApiResult<Json<api::SaturationResponse>> {
    let question = SaturationQuestion {
        filter: asked.q.unwrap_or_default(),
        query: asked.query.filter(|query| !query.is_empty()),
        probability: asked.probability,
        id: asked.id.filter(|id| !id.is_empty()),
        limit: asked.limit,
    };
    Ok(Json(app.fleet.saturation(question).await?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ranges_are_read() {
        for (text, expected) in
            [("90", Some(90)), ("30m", Some(1800)), ("1d", Some(86_400)), ("", None), ("1w", None)]
        {
            assert_eq!(super::seconds(text), expected, "{text}");
        }
    }
}
