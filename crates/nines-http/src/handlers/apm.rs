//! Services, endpoints, the service map, error groups, and two sides beside each other.

use axum::Json;
use axum::extract::{Path, Query, State};
use nines_api as api;
use nines_apm::errors::Fingerprint;
use nines_apm::{Apm, Scope};
use nines_filter::{Expr, Filter};
use nines_model::{TimeRange, field};
use serde::Deserialize;

use crate::SharedApp;
use crate::extract::{Body, Caller, range};
use crate::handlers::telemetry::{DEFAULT_RANGE, stats};
use crate::problem::{ApiError, ApiResult};
use crate::render;

#[derive(Debug, Deserialize)]
pub struct ScopeQuery {
    start: Option<String>,
    end: Option<String>,
    service: Option<String>,
    filter: Option<String>,
}

impl ScopeQuery {
    fn scope(&self, app: &SharedApp, caller: &Caller) -> ApiResult<Scope> {
        Ok(Scope {
            range: range(self.start.as_deref(), self.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?,
            service: self.service.as_deref().filter(|name| !name.is_empty()).map(Into::into),
            filter: caller.narrowed(Filter::parse(self.filter.as_deref().unwrap_or_default())?),
        })
    }
}

fn apm(app: &SharedApp) -> Apm {
    Apm::new(app.engine.clone())
}

pub async fn services(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ScopeQuery>,
) -> ApiResult<Json<api::ApmServicesResponse>> {
    let scope = asked.scope(&app, &caller)?;
    let (entries, cost) = apm(&app).entries(&scope).await?;
    Ok(Json(render::apm::services(&entries, scope.range, stats(&cost))))
}

pub async fn endpoints(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ScopeQuery>,
) -> ApiResult<Json<api::EndpointsResponse>> {
    let scope = asked.scope(&app, &caller)?;
    let (entries, cost) = apm(&app).entries(&scope).await?;
    Ok(Json(render::apm::endpoints(&entries, scope.range, stats(&cost))))
}

pub async fn map(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ScopeQuery>,
) -> ApiResult<Json<api::ServiceMapResponse>> {
    let scope = asked.scope(&app, &caller)?;
    let (map, cost) = apm(&app).map(&scope).await?;
    Ok(Json(render::apm::map(&map, scope.service.as_deref(), scope.range, stats(&cost))))
}

pub async fn errors(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ScopeQuery>,
) -> ApiResult<Json<api::ErrorGroupsResponse>> {
    let scope = asked.scope(&app, &caller)?;
    let (groups, tally, cost) = apm(&app).errors(&scope, Some(before(scope.range))).await?;
    let answer = render::apm::groups(&groups, tally.grid(), scope.range, tally.left_out(), stats(&cost));
    Ok(Json(answer))
}

pub async fn error(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(fingerprint): Path<String>,
    Query(asked): Query<ScopeQuery>,
) -> ApiResult<Json<api::ErrorGroupResponse>> {
    let scope = asked.scope(&app, &caller)?;
    let unknown = || {
        ApiError::not_found(format!("there is no error group {fingerprint} in this time"))
            .hint("widen the time range: a group is made of what happened in it")
    };
    let wanted = Fingerprint::parse(&fingerprint).ok_or_else(unknown)?;
    let (found, tally, cost) = apm(&app).error(&scope, wanted, Some(before(scope.range))).await?;
    let found = found.ok_or_else(unknown)?;
    Ok(Json(render::apm::one_group(&found, tally.grid(), scope.range, stats(&cost))))
}

/// The time of equal length that ends where the range begins.
fn before(range: TimeRange) -> TimeRange {
    TimeRange::new(range.start - range.duration(), range.start)
}

pub async fn compare(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::ApmCompareRequest>,
) -> ApiResult<Json<api::ApmCompareResponse>> {
    // Once, so that two sides without times are the same time.
    let now = app.clock.now();
    let side = |side: &api::CompareSide| -> ApiResult<Scope> {
        let filter = caller.narrowed(Filter::parse(&side.filter)?);
        let version = side
            .version
            .as_ref()
            .map(|version| Filter::from_ast(Expr::equals(field::SERVICE_VERSION, version.as_str())));
        let range = range(side.start.as_deref(), side.end.as_deref(), now, DEFAULT_RANGE);
        Ok(Scope {
            range: range?,
            service: request.service.as_deref().map(Into::into),
            filter: version.into_iter().fold(filter, Filter::and),
        })
    };
    let baseline = side(&request.baseline)?;
    let candidate = side(&request.candidate)?;
    if baseline.range == candidate.range && baseline.filter == candidate.filter {
        return Err(ApiError::invalid("baseline and candidate are the same requests")
            .hint("give them different versions, times or filters"));
    }
    let (found, cost) = apm(&app).compare(&baseline, &candidate).await?;
    Ok(Json(render::apm::comparison(&found, stats(&cost))))
}
