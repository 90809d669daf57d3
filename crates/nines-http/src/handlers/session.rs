//! Signing in and out, and keys.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_access::{
    Actor, Bounds, GRACE_DEFAULT, GRACE_MAX, Grant, KeyId, NewKey, SessionInfo, clear_cookie, session_cookie,
};
use nines_api as api;

use super::people::origin;
use super::secrets::Private;
use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::{Body, optional_time};
use crate::problem::{ApiError, ApiResult};

pub async fn show(
    Extension(actor): Extension<Arc<Actor>>,
    session: Option<Extension<SessionInfo>>,
) -> Json<api::Session> {
    Json(api::Session {
        name: actor.name.clone(),
        role: actor.grant.as_str().to_owned(),
        teams: teams(&actor),
        csrf_token: session.as_ref().map(|session| session.csrf_token.clone()),
        expires_at: session.map(|session| session.expires_at.to_string()),
    })
}

fn teams(actor: &Actor) -> BTreeMap<String, String> {
    actor.teams.iter().map(|(team, role)| (team.clone(), role.as_str().to_owned())).collect()
}

/// Exchanges a key or a one-time token for a session cookie. Public: what is sent is the credential.
pub async fn sign_in(
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Private(request): Private<api::SignInRequest>,
) -> ApiResult<Response> {
    let origin = origin(peer, &headers);
    let signed_in = match (request.key, request.token, request.name.zip(request.password)) {
        (Some(key), None, None) => app.access.sign_in_with_key(key.trim(), &origin).await?,
        (None, Some(token), None) => {
            app.access.sign_in_with_link(&token, request.code.as_deref(), &origin).await?
        }
        (None, None, Some((name, password))) => {
            app.access.sign_in_with_password(&name, &password, request.code.as_deref(), &origin).await?
        }
        _ => {
            return Err(ApiError::invalid("send either `key`, or `token`, or `name` and `password`")
                .hint("a key starts with nin_; a token is the end of the one-time link"));
        }
    };
    let session = api::Session {
        name: signed_in.actor.name.clone(),
        role: signed_in.actor.grant.as_str().to_owned(),
        teams: teams(&signed_in.actor),
        csrf_token: Some(signed_in.csrf_token.clone()),
        expires_at: Some(signed_in.expires_at.to_string()),
    };
    let cookie = session_cookie(&signed_in, app.clock.now(), app.is_secure());
    let note = AuditNote { actor: Some(Arc::new(signed_in.actor)), ..AuditNote::default() };
    Ok(with_cookie((Extension(note), Json(session)).into_response(), &cookie))
}

pub async fn sign_out(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult<Response> {
    app.access.sign_out(&actor).await?;
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &clear_cookie(app.is_secure())))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    let value = HeaderValue::from_str(cookie).expect("a cookie of ours is visible ASCII");
    response.headers_mut().insert(header::SET_COOKIE, value);
    response
}

pub async fn keys(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult<Json<api::KeysResponse>> {
    let keys = app.access.keys(&actor).await?;
    Ok(Json(api::KeysResponse { keys: keys.iter().map(rendered).collect() }))
}

pub async fn create_key(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(request): Body<api::KeyRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::KeyCreated>)> {
    nines_filter::Filter::parse(request.filter.as_deref().unwrap_or_default())?;
    if request.scopes.len() > SCOPES_MAX || request.scopes.iter().any(|scope| !is_scope(scope)) {
        return Err(ApiError::invalid("`scopes` are not names of operations")
            .hint(format!("write up to {SCOPES_MAX}, such as ec2.start, elb.* or runbook/restart")));
    }
    let new = NewKey {
        name: request.name,
        grant: Grant::parse(&request.role).map_err(nines_access::AccessError::from)?,
        expires_at: optional_time("expires_at", request.expires_at.as_deref())?,
        account: request.account,
        bounds: Bounds {
            team: request.team.filter(|team| !team.trim().is_empty()),
            filter: request.filter.filter(|text| !text.trim().is_empty()),
            scopes: request.scopes,
            rate_per_minute: request.rate_per_minute.filter(|rate| *rate > 0),
        },
    };
    let issued = app.access.create_key(&actor, &new).await?;
    let note = AuditNote {
        resource: Some(format!("keys/{}", issued.key.id)),
        details: format!("{} as {}", issued.key.name, issued.key.grant.as_str()),
        ..AuditNote::default()
    };
    let created = api::KeyCreated { key: rendered(&issued.key), secret: issued.secret.expose().to_owned() };
    Ok((Extension(note), Json(created)))
}

pub async fn replace_key(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Path(id): Path<String>,
    Body(request): Body<api::KeyReplacement>,
) -> ApiResult<(Extension<AuditNote>, Json<api::KeyCreated>)> {
    let grace = request.grace_secs.map_or(GRACE_DEFAULT, Duration::from_secs).min(GRACE_MAX);
    let issued = app.access.replace_key(&actor, &KeyId(id.clone()), grace).await?;
    let note = AuditNote {
        resource: Some(format!("keys/{}", issued.key.id)),
        details: format!(
            "{} in place of {id}, which ends in {} s at the latest",
            issued.key.name,
            grace.as_secs()
        ),
        ..AuditNote::default()
    };
    let created = api::KeyCreated { key: rendered(&issued.key), secret: issued.secret.expose().to_owned() };
    Ok((Extension(note), Json(created)))
}

pub async fn revoke_key(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    app.access.revoke_key(&actor, &KeyId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Operations that a key may be bounded to: more is a list that nobody reads.
const SCOPES_MAX: usize = 50;

fn is_scope(text: &str) -> bool {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "._-/*".contains(char);
    (1..=100).contains(&text.len()) && text.chars().all(is_part)
}

fn rendered(key: &nines_access::Key) -> api::Key {
    api::Key {
        id: key.id.to_string(),
        name: key.name.clone(),
        role: key.grant.as_str().to_owned(),
        prefix: format!("nin_{}_{}", key.grant.as_str(), key.id),
        created_at: key.created_at.to_string(),
        created_by: key.created_by.clone(),
        team: key.bounds.team.clone(),
        filter: key.bounds.filter.clone(),
        scopes: key.bounds.scopes.clone(),
        rate_per_minute: key.bounds.rate_per_minute,
        expires_at: key.expires_at.map(|at| at.to_string()),
        last_used_at: key.last_used_at.map(|at| at.to_string()),
        revoked: key.revoked_at.is_some(),
        replaces: key.replaces.as_ref().map(ToString::to_string),
    }
}
