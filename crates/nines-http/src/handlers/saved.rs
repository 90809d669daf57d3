//! Questions that teams keep.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use nines_api as api;
use nines_filter::Filter;
use nines_saved::{Question, QuestionKind, Saved, SavedError};
use serde::Deserialize;

use super::telemetry::dataset;
use crate::SharedApp;
use crate::extract::{Body, Caller};
use crate::problem::{ApiError, ApiResult};

impl From<SavedError> for ApiError {
    fn from(error: SavedError) -> Self {
        Self::from_kind(error.kind(), &error)
    }
}

#[derive(Debug, Deserialize)]
pub struct SavedQuery {
    kind: Option<String>,
    team: Option<String>,
}

pub async fn list(
    State(app): State<SharedApp>,
    Query(asked): Query<SavedQuery>,
) -> ApiResult<Json<api::SavedResponse>> {
    let kind = asked.kind.as_deref().map(kind).transpose()?;
    let all = app.saved.list().await?;
    let wanted = all.into_iter().filter(|saved| {
        kind.is_none_or(|kind| saved.question.kind == kind)
            && (asked.team.is_none() || saved.question.team.is_none() || saved.question.team == asked.team)
    });
    Ok(Json(api::SavedResponse { questions: wanted.map(rendered).collect() }))
}

pub async fn show(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
) -> ApiResult<Json<api::SavedQuestion>> {
    match app.saved.get(&name).await {
        Ok(saved) => Ok(Json(rendered(saved))),
        Err(error @ SavedError::NotFound(_)) => {
            let all = app.saved.list().await?;
            let near = nines_filter::nearest(&name, all.iter().map(|saved| saved.question.name.as_str()));
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            Err(ApiError::from(error).hint_opt(hint))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn save(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::SavedRequest>,
) -> ApiResult<Json<api::SavedQuestion>> {
    let kind = kind(&request.kind)?;
    if kind == QuestionKind::Search {
        // A search that cannot be read is no use to the next person.
        Filter::parse(&request.text)?;
        if let Some(name) = &request.dataset {
            dataset(name)?;
        }
    }
    let question = Question {
        name: request.name.trim().to_owned(),
        kind,
        team: request.team.filter(|team| !team.is_empty()),
        description: request.description,
        dataset: request.dataset,
        text: request.text,
        from: request.from,
        to: request.to,
        columns: request.columns,
        split_by: request.split_by,
    };
    let saved = app.saved.put(&question, &caller.name, app.clock.now()).await?;
    app.feed.publish("saved", Some(saved.question.name.clone()));
    Ok(Json(rendered(saved)))
}

/// One's own, or any as an editor.
pub async fn delete(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    let saved = app.saved.get(&name).await?;
    if saved.created_by != caller.name && caller.role < Some(api::Role::Editor) {
        return Err(ApiError::new(
            nines_base::ErrorKind::Forbidden,
            format!("`{name}` was saved by {}", saved.created_by),
        )
        .hint("its author or an editor can delete it"));
    }
    app.saved.delete(&name).await?;
    app.feed.publish("saved", Some(name));
    Ok(StatusCode::NO_CONTENT)
}

fn kind(text: &str) -> ApiResult<QuestionKind> {
    QuestionKind::parse(text)
        .ok_or_else(|| ApiError::invalid(format!("`kind` is `{text}`")).hint("it is search or sql"))
}

fn rendered(saved: Saved) -> api::SavedQuestion {
    let question = saved.question;
    api::SavedQuestion {
        question: api::SavedRequest {
            name: question.name,
            kind: question.kind.as_str().to_owned(),
            team: question.team,
            description: question.description,
            dataset: question.dataset,
            text: question.text,
            from: question.from,
            to: question.to,
            columns: question.columns,
            split_by: question.split_by,
        },
        created_by: saved.created_by,
        created_at: saved.created_at.to_string(),
        updated_by: saved.updated_by,
        updated_at: saved.updated_at.to_string(),
    }
}
