//! InfraAPI: the fifteen paths, answered by the same machine as everything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, FromRequest, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_access::{Actor, AuditResult};
use nines_actions::infra::{Reply, dispatch};
use nines_base::ErrorKind;
use serde_json::{Map, Value, json};

use super::operations::check_incident;
use crate::SharedApp;
use crate::audit::AuditNote;
use crate::chat::BadSignature;
use crate::extract::bytes;
use crate::policies::operator;
use crate::problem::{ApiError, ApiResult};

/// Parameters of one action. The largest is a thousand networks.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// A slash command's form has some 600 bytes, its text at most 4000 more, percent-encoded.
const COMMAND_BYTES_MAX: usize = 32 * 1024;

pub async fn call(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Query(asked): Query<BTreeMap<String, String>>,
    request: Request,
) -> ApiResult<Response> {
    let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
    let mut body = match method.as_str() {
        "GET" => {
            let values = asked.iter().filter(|(name, _)| *name != "dryRun");
            values.map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect()
        }
        _ => object(&bytes(request, BODY_BYTES_MAX).await?)?,
    };
    let is_dry = dry_run(asked.get("dryRun").map(String::as_str), body.remove("dryRun"))?;
    check_incident(&app, body.get("incident").and_then(Value::as_str)).await?;
    let body = Value::Object(body);
    let reply =
        dispatch(&app.operations.actions, &path, &method, &body, is_dry, &operator(&app, &actor)).await?;
    Ok(match reply {
        Reply::Ok(answer) => {
            let note = AuditNote { is_question: true, ..AuditNote::default() };
            (Extension(note), Json(answer)).into_response()
        }
        Reply::Accepted(answer) => {
            let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
            app.feed.publish("run", Some(text("run")));
            let hash: String = text("planHash").chars().take(12).collect();
            let note = AuditNote {
                resource: Some(format!("runs/{}", text("run"))),
                details: format!("{}, plan {hash}, {}", text("action"), text("state")),
                ..AuditNote::default()
            };
            (StatusCode::ACCEPTED, Extension(note), Json(answer)).into_response()
        }
    })
}

/// A body is JSON whatever its content type says: the callers are programs and curl, and cookies need a token besides.
fn object(body: &[u8]) -> ApiResult<Map<String, Value>> {
    let wrong = |detail: String| {
        ApiError::invalid(detail)
            .code("invalid_body")
            .hint("send a JSON object with the action's parameters, such as {\"instanceIds\": [\"i-…\"]}")
    };
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(wrong("the body is not an object".to_owned())),
        Err(error) => Err(wrong(format!("the body is not JSON: {error}"))),
    }
}

/// `?dryRun=true` or `"dryRun": true`. What is neither true nor false is refused: a typo must not do the thing.
fn dry_run(query: Option<&str>, body: Option<Value>) -> ApiResult<bool> {
    let of_query = match query {
        None => false,
        Some("true" | "1" | "") => true,
        Some("false" | "0") => false,
        Some(other) => {
            return Err(ApiError::invalid(format!("`dryRun` is true or false, not `{other}`")));
        }
    };
    match body {
        None => Ok(of_query),
        Some(Value::Bool(of_body)) => Ok(of_query || of_body),
        Some(_) => Err(ApiError::invalid("`dryRun` is true or false")),
    }
}

/// A slash command. What the signature does not vouch for is refused; everything else is answered with 200 and words, for
/// Slack shows nothing else to whoever typed it.
pub async fn slack(State(app): State<SharedApp>, request: Request) -> ApiResult<Response> {
    let refused = |detail: &str, hint: &str| {
        ApiError::new(ErrorKind::Unauthenticated, detail).code("bad_signature").hint(hint)
    };
    let Some(chat) = &app.operations.chat else {
        return Err(refused(
            "no chat may command this node",
            "give the app's signing secret with --slack-signing-secret",
        ));
    };
    let timestamp = header_text(&request, "x-slack-request-timestamp");
    let signature = header_text(&request, "x-slack-signature");
    let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
    let body = bytes(request, COMMAND_BYTES_MAX).await?;
    match chat.check(&timestamp, &signature, &body, app.clock.now()) {
        Ok(()) => {}
        Err(BadSignature::Flooded) => {
            return Err(
                ApiError::new(ErrorKind::Exhausted, "too many commands").hint("try again in a minute")
            );
        }
        Err(BadSignature::Repeated) => {
            return Err(refused("this command was taken before", "type it again"));
        }
        Err(BadSignature::Wrong) => {
            return Err(refused(
                "the signature does not fit the body, or is older than five minutes",
                "check the signing secret and the clocks of both sides",
            ));
        }
    }
    let mut form = Request::builder().method("POST").uri("/");
    if let Some(content_type) = content_type {
        form = form.header(header::CONTENT_TYPE, content_type);
    }
    let form = form.body(axum::body::Body::from(body)).map_err(|error| ApiError::internal(&error))?;
    let form = axum::Form::<BTreeMap<String, String>>::from_request(form, &()).await;
    let axum::Form(form) = form.map_err(|_| ApiError::invalid("a slash command is a form"))?;
    let user = form.get("user_id").map(String::as_str).unwrap_or_default();
    let said = |text: String| Json(json!({"response_type": "ephemeral", "text": text}));
    let Some(actor) = chat.actor(user) else {
        let text = format!("I do not know you (`{user}`): an administrator adds you with --slack-user");
        let note = AuditNote {
            outcome: Some(AuditResult::Denied),
            details: format!("slack user {user} is nobody here"),
            ..AuditNote::default()
        };
        return Ok((Extension(note), said(text)).into_response());
    };
    let mut command = Map::new();
    command.insert("text".to_owned(), Value::from(form.get("text").cloned().unwrap_or_default()));
    let caller = operator(&app, &actor);
    let command = Value::Object(command);
    let answered = dispatch(&app.operations.actions, "/Ops/Slack", "POST", &command, false, &caller);
    let mut note = AuditNote {
        actor: Some(Arc::new(actor)),
        details: format!("slack user {user}: {}", form.get("text").map(String::as_str).unwrap_or_default()),
        ..AuditNote::default()
    };
    Ok(match answered.await {
        Ok(reply) => {
            app.feed.publish("run", None);
            (Extension(note), Json(reply.body().clone())).into_response()
        }
        Err(error) => {
            let kind = error.kind();
            note.outcome =
                Some(if kind == ErrorKind::Forbidden { AuditResult::Denied } else { AuditResult::Failed });
            if kind == ErrorKind::Internal {
                return Err(error.into());
            }
            (Extension(note), said(format!("refused: {error}"))).into_response()
        }
    })
}

fn header_text(request: &Request, name: &str) -> String {
    let value = request.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_is_asked_for_clearly_or_refused() {
        for (query, body, expected) in [
            (None, None, Some(false)),
            (Some("true"), None, Some(true)),
            (Some(""), None, Some(true)),
            (Some("false"), Some(Value::Bool(true)), Some(true)),
            (None, Some(Value::Bool(false)), Some(false)),
            (Some("yes"), None, None),
            (None, Some(Value::from("true")), None),
            (None, Some(Value::from(1)), None),
        ] {
            assert_eq!(dry_run(query, body.clone()).ok(), expected, "{query:?} {body:?}");
        }
    }
}
