//! The audit log, for those who may see it.

use axum::Json;
use axum::extract::{Query, State};
use nines_access::{AuditError, AuditQuery, AuditResult};
use nines_api as api;
use serde::Deserialize;

use crate::SharedApp;
use crate::problem::{ApiError, ApiResult};

const LIMIT: u32 = 200;
const LIMIT_MAX: u32 = 1000;

impl From<AuditError> for ApiError {
    fn from(error: AuditError) -> Self {
        Self::from_kind(error.kind(), &error)
    }
}

#[derive(Debug, Deserialize)]
pub struct Asked {
    after: Option<u64>,
    limit: Option<u32>,
    newest: Option<String>,
    before: Option<u64>,
    action: Option<String>,
    result: Option<String>,
    text: Option<String>,
}

pub async fn list(
    State(app): State<SharedApp>,
    Query(asked): Query<Asked>,
) -> ApiResult<Json<api::AuditResponse>> {
    let limit = asked.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    if asked.newest.is_some() || asked.before.is_some() {
        return newest(&app, asked, limit).await;
    }
    let records = app.audit.log.read(asked.after.unwrap_or(0), limit).await?;
    let is_full = records.len() == limit as usize;
    Ok(Json(api::AuditResponse {
        next_after: records.last().filter(|_| is_full).map(|record| record.sequence),
        next_before: None,
        entries: records.iter().map(rendered).collect(),
    }))
}

async fn newest(app: &SharedApp, asked: Asked, limit: u32) -> ApiResult<Json<api::AuditResponse>> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let result = given(asked.result).map(|word| {
        AuditResult::parse(&word).ok_or_else(|| {
            ApiError::invalid(format!("a call never came to `{word}`")).hint("it was done, denied or failed")
        })
    });
    let query = AuditQuery {
        before: asked.before,
        result: result.transpose()?,
        action: given(asked.action),
        text: given(asked.text),
        limit,
    };
    let records = app.audit.log.find(&query).await?;
    let is_full = records.len() == limit as usize;
    Ok(Json(api::AuditResponse {
        next_after: None,
        next_before: records.last().filter(|_| is_full).map(|record| record.sequence),
        entries: records.iter().map(rendered).collect(),
    }))
}

pub async fn verify(State(app): State<SharedApp>) -> ApiResult<Json<api::AuditVerdict>> {
    Ok(Json(match app.audit.log.verify().await {
        Ok(entries) => api::AuditVerdict { intact: true, entries, broken_at: None },
        Err(AuditError::Broken { sequence }) => {
            tracing::error!(sequence, "the audit log is broken");
            api::AuditVerdict {
                intact: false,
                entries: sequence.saturating_sub(1),
                broken_at: Some(sequence),
            }
        }
        Err(error) => return Err(error.into()),
    }))
}

fn rendered(record: &nines_access::AuditRecord) -> api::AuditRecord {
    let entry = &record.entry;
    api::AuditRecord {
        sequence: record.sequence,
        at: entry.at.to_string(),
        actor: entry.actor.clone(),
        via: entry.via.clone(),
        action: entry.action.clone(),
        resource: entry.resource.clone(),
        result: entry.result.as_str().to_owned(),
        request_id: entry.request_id.clone(),
        address: entry.address.clone(),
        details: entry.details.clone(),
        hash: record.hash.to_hex(),
    }
}
