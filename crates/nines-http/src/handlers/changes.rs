//! Changes: recorded by pipelines, read beside every chart.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use nines_api as api;
use nines_filter::Filter;
use nines_model::{Batch, Dataset, Event, Name, Resource, Value, field};
use serde::Deserialize;
use serde_json::Value as Json_;

use crate::SharedApp;
use crate::extract::{Body, Caller, optional_time, range};
use crate::handlers::telemetry::{of_service, search_dataset};
use crate::problem::{ApiError, ApiResult};

/// The kinds that alerts and charts know how to draw.
const KINDS: [&str; 4] = ["deploy", "feature_flag", "config", "infrastructure"];
/// A change is a line, not a document.
const TEXT_BYTES_MAX: usize = 1024;
const ATTRIBUTES_MAX: usize = 64;
const LISTED_MAX: usize = 200;
const DEFAULT_RANGE: Duration = Duration::from_secs(24 * 3600);

/// Durable and visible to alerts when this answers.
pub async fn record(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::ChangeRequest>,
) -> ApiResult<Json<api::Change>> {
    if !KINDS.contains(&request.kind.as_str()) {
        return Err(ApiError::invalid(format!("`{}` is not a kind of change", request.kind))
            .hint(format!("use {}", KINDS.join(", "))));
    }
    for (name, text) in [("title", &request.title), ("service", &request.service)] {
        if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err(ApiError::invalid(format!(
                "`{name}` must have 1 to {TEXT_BYTES_MAX} bytes, it has {}",
                text.len()
            )));
        }
    }
    if request.attributes.len() > ATTRIBUTES_MAX {
        return Err(ApiError::invalid(format!("more than {ATTRIBUTES_MAX} attributes")));
    }
    let now = app.clock.now();
    let at = optional_time("at", request.at.as_deref())?.unwrap_or(now);
    let id = app.random.uuid(now).to_string();
    let by = request.by.unwrap_or(caller.name);
    let mut fields: Vec<(Name, Value)> = vec![
        (field::NAME.into(), request.title.as_str().into()),
        (field::CHANGE_ID.into(), id.as_str().into()),
        (field::CHANGE_KIND.into(), request.kind.as_str().into()),
        (field::CHANGE_BY.into(), by.as_str().into()),
        (field::SERVICE_NAME.into(), request.service.as_str().into()),
    ];
    if let Some(version) = &request.version {
        fields.push((field::SERVICE_VERSION.into(), version.as_str().into()));
    }
    if let Some(undo) = &request.undo {
        fields.push((field::CHANGE_UNDO.into(), undo.as_str().into()));
    }
    for (name, value) in &request.attributes {
        if !fields.iter().any(|(known, _)| known == name) {
            fields.push((name.as_str().into(), value_of(value)));
        }
    }
    let bytes =
        fields.iter().map(|(name, value)| name.len() + value.as_str().map_or(8, str::len)).sum::<usize>()
            as u64;
    let event = Event { timestamp: at, resource: Arc::new(Resource::default()), fields };
    let batch = Batch::of_events(Dataset::Changes, now, &[event]);
    app.ingest.submit(vec![batch], bytes).await?;
    app.feed.publish("change", Some(id.clone()));
    Ok(Json(api::Change {
        id,
        at: at.to_string(),
        title: request.title,
        kind: request.kind,
        service: request.service,
        version: request.version,
        by: Some(by),
        undo: request.undo,
    }))
}

fn value_of(value: &Json_) -> Value {
    match value {
        Json_::String(text) => text.as_str().into(),
        Json_::Bool(flag) => (*flag).into(),
        Json_::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        other => Value::Json(other.to_string().into()),
    }
}

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    start: Option<String>,
    end: Option<String>,
    service: Option<String>,
}

pub async fn list(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<api::ChangesResponse>> {
    let range = range(query.start.as_deref(), query.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?;
    let filter = query.service.map_or_else(Filter::all, |service| of_service(&service));
    let rows =
        search_dataset(&app, Dataset::Changes, Some(caller.narrowed(filter)), range, LISTED_MAX).await?;
    Ok(Json(api::ChangesResponse { changes: rows.iter().map(change).collect() }))
}

/// A row of the dataset `changes` as a change.
pub fn change(row: &serde_json::Map<String, Json_>) -> api::Change {
    let text = |name: &str| row.get(name).and_then(Json_::as_str).map(str::to_owned);
    api::Change {
        id: text(field::CHANGE_ID).unwrap_or_default(),
        at: text(field::TIMESTAMP).unwrap_or_default(),
        title: text(field::NAME).unwrap_or_default(),
        kind: text(field::CHANGE_KIND).unwrap_or_default(),
        service: text(field::SERVICE_NAME).unwrap_or_default(),
        version: text(field::SERVICE_VERSION),
        by: text(field::CHANGE_BY),
        undo: text(field::CHANGE_UNDO),
    }
}
