//! Signing in by an identity provider: away to it, and back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_access::{AccessError, Role, SignedIn, Standing, Vouched, session_cookie};
use nines_api as api;
use nines_base::ErrorKind;
use nines_oidc::{ATTEMPT_TTL, Identity, OidcError, Provider};
use serde::Deserialize;

use super::people::origin;
use crate::SharedApp;
use crate::audit::AuditNote;
use crate::problem::{ApiError, ApiResult};

/// Binds a sign-in to the browser that began it. `Lax`, because the provider's page sends the browser back.
const COOKIE: &str = "nines_oidc";
/// The provider sent the browser here, so a redirect would not carry a strict cookie; a page that goes on by itself does.
const BACK_HOME: &str = "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=/\"><title>Nines</title><a href=\"/\">Nines</a>";

impl From<OidcError> for ApiError {
    fn from(error: OidcError) -> Self {
        match (error.kind(), error.to_string().rsplit_once(": ")) {
            (ErrorKind::InvalidInput, Some((detail, hint))) => Self::invalid(detail).hint(hint),
            // What is wrong with the set-up is for the log as well: people cannot mend it.
            (kind @ (ErrorKind::Internal | ErrorKind::Unavailable), _) => {
                tracing::error!(%error, "nobody can sign in by the identity provider");
                Self::new(kind, error.to_string()).hint("the people who run this node have to look at it")
            }
            (kind, _) => Self::new(kind, error.to_string()),
        }
    }
}

/// Which ways there are to sign in.
pub async fn ways(State(app): State<SharedApp>) -> Json<api::SignInWays> {
    Json(api::SignInWays { oidc: app.oidc.as_ref().map(|provider| provider.name().to_owned()) })
}

fn provider(app: &SharedApp) -> ApiResult<Arc<Provider>> {
    app.oidc.clone().ok_or_else(|| {
        ApiError::not_found("no identity provider is set up")
            .hint("give one with --oidc-issuer, or sign in with a key")
    })
}

pub async fn start(State(app): State<SharedApp>) -> ApiResult<Response> {
    let begun = provider(&app)?.begin().await?;
    let secure = if app.is_secure() { "; Secure" } else { "" };
    let max_age = ATTEMPT_TTL.as_secs();
    let cookie =
        format!("{COOKIE}={}; Path=/oidc; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}", begun.browser);
    let location = HeaderValue::from_str(&begun.url)
        .map_err(|_| ApiError::invalid("the identity provider's address cannot be gone to"))?;
    let mut response = (StatusCode::FOUND, [(header::LOCATION, location)]).into_response();
    set_cookie(&mut response, &cookie);
    Ok(response)
}

#[derive(Debug, Deserialize)]
pub struct Back {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

pub async fn callback(
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> ApiResult<Response> {
    let provider = provider(&app)?;
    if let Some(error) = back.error {
        // A word of RFC 6749; anything else is not repeated.
        let is_word =
            error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let reason = if is_word { error } else { "it did not say why".to_owned() };
        return Err(OidcError::Refused { reason }.into());
    }
    let browser = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).and_then(browser);
    let (Some(state), Some(code), Some(browser)) = (back.state, back.code, browser) else {
        return Err(OidcError::UnknownAttempt.into());
    };
    let identity = provider.finish(&state, &code, &browser).await?;
    let (role, teams) = standing(&identity, provider.roles())?;
    let origin = origin(peer, &headers);
    let vouched = Vouched {
        subject: &identity.subject,
        name: &identity.name,
        role,
        teams: teams.as_ref(),
        second_factor: identity.second_factor,
    };
    let signed_in = match app.access.sign_in_with_subject(&vouched, &origin).await {
        // Somebody else has the name: theirs stays theirs.
        Err(AccessError::NameTaken { name }) => {
            let issuer = identity.subject.split('|').next().unwrap_or_default();
            let host = issuer.split("://").nth(1).unwrap_or(issuer).split('/').next().unwrap_or(issuer);
            let name = format!("{name} ({host})");
            app.access.sign_in_with_subject(&Vouched { name: &name, ..vouched }, &origin).await?
        }
        other => other?,
    };
    Ok(home(&app, signed_in))
}

fn home(app: &SharedApp, signed_in: SignedIn) -> Response {
    let cookie = session_cookie(&signed_in, app.clock.now(), app.is_secure());
    let note = AuditNote { actor: Some(Arc::new(signed_in.actor)), ..AuditNote::default() };
    let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    let mut response = (Extension(note), html, BACK_HOME).into_response();
    set_cookie(&mut response, &cookie);
    set_cookie(&mut response, &format!("{COOKIE}=; Path=/oidc; HttpOnly; SameSite=Lax; Max-Age=0"));
    response
}

/// The strongest role that the person's groups give everywhere and in each team; nobody becomes an owner by a group.
/// Where no group gives a team, teams are not the provider's affair: `None`.
fn standing<'a>(
    identity: &Identity,
    mut known: impl Iterator<Item = &'a str>,
) -> ApiResult<(Role, Option<BTreeMap<String, Role>>)> {
    let read = |word: &str| Standing::parse_all(word).unwrap_or_default();
    let mut everywhere = None;
    let mut teams = BTreeMap::new();
    for standing in identity.roles.iter().flat_map(|word| read(word)) {
        match standing {
            Standing::Everywhere(role) if role < Role::Owner => everywhere = everywhere.max(Some(role)),
            Standing::Everywhere(_) => {}
            Standing::In { team, role } => {
                let held = teams.entry(team).or_insert(role);
                *held = role.max(*held);
            }
        }
    }
    let role = everywhere.or((!teams.is_empty()).then_some(Role::Member));
    let by_provider = known.any(|word| read(word).iter().any(|one| matches!(one, Standing::In { .. })));
    role.map(|role| (role, by_provider.then_some(teams))).ok_or_else(|| {
        ApiError::new(ErrorKind::Forbidden, format!("{} has no role here", identity.name))
            .hint("ask the people who run this node to give one of your groups a role")
    })
}

fn browser(header: &str) -> Option<String> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then(|| value.to_owned())
}

fn set_cookie(response: &mut Response, cookie: &str) {
    let value = HeaderValue::from_str(cookie).expect("a cookie of ours is visible ASCII");
    response.headers_mut().append(header::SET_COOKIE, value);
}
