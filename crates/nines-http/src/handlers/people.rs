//! Accounts, what people sign in with, their sessions, and terminals that sign in through a browser.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use nines_access::{
    Account, AccountId, Actor, DEVICE_CODE_TTL, DEVICE_POLL_PAUSE, DeviceToken, Origin, Role, RouteAccess,
    SessionId, TeamMember, Via,
};
use nines_api as api;
use nines_base::ErrorKind;
use serde::Deserialize;

use super::secrets::Private;
use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::Body;
use crate::problem::{ApiError, ApiResult};
use crate::render::picture;

type Who = Extension<Arc<Actor>>;

/// Where a request comes from, for the throttle and for the list of sessions.
pub fn origin<'a>(peer: SocketAddr, headers: &'a HeaderMap) -> Origin<'a> {
    let client = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Origin { address: peer.ip(), client }
}

pub async fn accounts(
    State(app): State<SharedApp>,
    Extension(actor): Who,
) -> ApiResult<Json<api::AccountsResponse>> {
    let accounts = app.access.accounts(&actor).await?;
    Ok(Json(api::AccountsResponse { accounts: accounts.iter().map(account).collect() }))
}

pub async fn invite(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Body(request): Body<api::InviteRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::Invited>)> {
    let role = Role::parse(&request.role).map_err(nines_access::AccessError::from)?;
    let invitation = app.access.invite(&actor, &request.name, role).await?;
    Ok(invited(&app, &invitation))
}

pub async fn new_link(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> ApiResult<(Extension<AuditNote>, Json<api::Invited>)> {
    let invitation = app.access.new_link(&actor, &AccountId(id)).await?;
    Ok(invited(&app, &invitation))
}

fn invited(
    app: &SharedApp,
    invitation: &nines_access::Invitation,
) -> (Extension<AuditNote>, Json<api::Invited>) {
    let note = AuditNote {
        resource: Some(format!("accounts/{}", invitation.account.id)),
        details: format!("{} as {}", invitation.account.name, invitation.account.role.as_str()),
        ..AuditNote::default()
    };
    let link = format!("{}/first-run/{}", app.public_url, invitation.token.expose());
    (Extension(note), Json(api::Invited { account: account(&invitation.account), link }))
}

pub async fn disable(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    app.access.disable_account(&actor, &AccountId(id.clone())).await?;
    app.browsers.remove_all(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody lost phone and recovery codes: their next sign-in asks for no code.
pub async fn reset_second_factor(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> ApiResult<(Extension<AuditNote>, StatusCode)> {
    let had = app.access.reset_second_factor(&actor, &AccountId(id)).await?;
    let details = if had { "taken away; their sessions have ended" } else { "there was none" }.to_owned();
    Ok((Extension(AuditNote { details, ..AuditNote::default() }), StatusCode::NO_CONTENT))
}

/// Teams that documents declare or that have members, with what belongs to them.
pub async fn teams(
    State(app): State<SharedApp>,
    Extension(actor): Who,
) -> ApiResult<Json<api::TeamsResponse>> {
    let members = app.access.members(&actor).await?;
    let roster = app.oncall.rota.roster();
    let sees_all = actor.grant.satisfies(RouteAccess::AtLeast(Role::Viewer));
    let declared = roster.teams.keys().filter(|team| sees_all || actor.teams.contains_key(*team));
    let names: BTreeSet<&String> = declared.chain(members.iter().map(|member| &member.team)).collect();
    let teams = names.into_iter().map(|name| api::Team {
        is_declared: roster.teams.contains_key(name),
        services: roster.services_of(&[name.clone()].into()).into_iter().collect(),
        members: members.iter().filter(|member| member.team == *name).map(member).collect(),
        may_manage: actor.grant_in(name).satisfies(RouteAccess::AtLeast(Role::Admin)),
        name: name.clone(),
    });
    Ok(Json(api::TeamsResponse { teams: teams.collect() }))
}

fn member(member: &TeamMember) -> api::Member {
    api::Member { name: member.name.clone(), role: member.role.as_str().to_owned() }
}

pub async fn put_member(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path((team, person)): Path<(String, String)>,
    Body(request): Body<api::MemberRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::Member>)> {
    let role = Role::parse(&request.role).map_err(nines_access::AccessError::from)?;
    let roster = app.oncall.rota.roster();
    // A member of a team that nobody declares could do nothing there. Whoever may not manage it learns nothing of it.
    let may_manage = actor.grant_in(&team).satisfies(RouteAccess::AtLeast(Role::Admin));
    if may_manage && !roster.teams.contains_key(&team) {
        let near = nines_filter::nearest(&team, roster.teams.keys().map(String::as_str));
        let hint = near.map_or_else(
            || "declare it first: `kind: Team`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(ApiError::not_found(format!("there is no team `{team}`")).hint(hint));
    }
    let put = app.access.put_member(&actor, &team, &person, role).await?;
    let note = AuditNote {
        resource: Some(format!("teams/{team}/members/{}", put.name)),
        details: format!("{} as {} in {team}", put.name, put.role.as_str()),
        ..AuditNote::default()
    };
    Ok((Extension(note), Json(member(&put))))
}

pub async fn remove_member(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path((team, person)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    app.access.remove_member(&actor, &team, &person).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn me(State(app): State<SharedApp>, Extension(actor): Who) -> ApiResult<Json<api::Me>> {
    let security = app.access.security(&actor).await?;
    Ok(Json(api::Me {
        account: account(&security.account),
        has_password: security.has_password,
        has_totp: security.has_totp,
        recovery_codes_left: security.recovery_codes_left,
    }))
}

pub async fn set_password(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Private(request): Private<api::PasswordRequest>,
) -> ApiResult<StatusCode> {
    let origin = origin(peer, &headers);
    app.access.set_password(&actor, request.current.as_deref(), &request.new, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn begin_totp(
    State(app): State<SharedApp>,
    Extension(actor): Who,
) -> ApiResult<Json<api::TotpBegun>> {
    let begun = app.access.enrol_totp(&actor).await?;
    let uri = begun.uri.expose().to_owned();
    let svg =
        picture::qr(&uri).ok_or_else(|| ApiError::invalid("the account's name is too long for a picture"))?;
    Ok(Json(api::TotpBegun { secret: begun.secret.expose().to_owned(), uri, svg }))
}

pub async fn confirm_totp(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Private(request): Private<api::CodeRequest>,
) -> ApiResult<Json<api::RecoveryCodes>> {
    let codes = app.access.confirm_totp(&actor, &request.code, &origin(peer, &headers)).await?;
    Ok(Json(api::RecoveryCodes { codes: codes.iter().map(|code| code.expose().to_owned()).collect() }))
}

pub async fn remove_totp(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Private(request): Private<api::CodeRequest>,
) -> ApiResult<StatusCode> {
    app.access.remove_totp(&actor, &request.code, &origin(peer, &headers)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
pub struct Asked {
    all: Option<String>,
}

pub async fn sessions(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Query(asked): Query<Asked>,
) -> ApiResult<Json<api::SessionsResponse>> {
    let all = asked.all.as_deref() == Some("true");
    let sessions = app.access.sessions(&actor, all).await?;
    let names = if all { app.access.accounts(&actor).await? } else { Vec::new() };
    let name =
        |id: &AccountId| names.iter().find(|account| account.id == *id).map(|account| account.name.clone());
    let sessions = sessions.into_iter().map(|session| api::OpenSession {
        account: session.account.as_ref().and_then(name),
        key: session.key.map(|key| key.to_string()),
        created_at: session.created_at.to_string(),
        expires_at: session.expires_at.to_string(),
        address: session.address,
        client: session.client,
        is_current: actor.via == Via::Session(session.id.clone()),
        id: session.id.to_string(),
    });
    Ok(Json(api::SessionsResponse { sessions: sessions.collect() }))
}

pub async fn end_session(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    app.access.revoke_session(&actor, &SessionId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn begin_device(
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Body(request): Body<api::DeviceRequest>,
) -> Json<api::DeviceBegun> {
    let code = app.access.begin_device(&request.client, &peer.ip().to_string());
    let verification_uri = format!("{}/device", app.public_url);
    Json(api::DeviceBegun {
        device_code: code.device.expose().to_owned(),
        verification_uri_complete: format!("{verification_uri}?code={}", code.user_code),
        verification_uri,
        user_code: code.user_code,
        expires_in_secs: DEVICE_CODE_TTL.as_secs(),
        interval_secs: DEVICE_POLL_PAUSE.as_secs(),
    })
}

pub async fn device(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path(code): Path<String>,
) -> ApiResult<Json<api::DeviceWaiting>> {
    let waiting = app.access.device_request(&actor, &code)?;
    Ok(Json(api::DeviceWaiting {
        user_code: waiting.user_code,
        client: waiting.client,
        address: waiting.address,
        asked_at: waiting.asked_at.to_string(),
    }))
}

pub async fn answer_device(
    State(app): State<SharedApp>,
    Extension(actor): Who,
    Path(code): Path<String>,
    Body(answer): Body<api::DeviceAnswer>,
) -> ApiResult<(Extension<AuditNote>, StatusCode)> {
    let waiting = app.access.device_request(&actor, &code)?;
    app.access.answer_device(&actor, &code, answer.confirm)?;
    let word = if answer.confirm { "confirmed" } else { "refused" };
    let note = AuditNote {
        resource: Some("device".to_owned()),
        details: format!("{word} {} from {}", waiting.client, waiting.address),
        ..AuditNote::default()
    };
    Ok((Extension(note), StatusCode::NO_CONTENT))
}

/// The errors have the words of RFC 8628.
pub async fn device_token(
    State(app): State<SharedApp>,
    Private(request): Private<api::DeviceTokenRequest>,
) -> ApiResult<Json<api::DeviceKey>> {
    let not_yet =
        |code: &'static str, detail: &str| Err(ApiError::new(ErrorKind::InvalidInput, detail).code(code));
    match app.access.device_token(&request.device_code).await? {
        DeviceToken::Pending => not_yet("authorization_pending", "nobody has confirmed the code yet"),
        DeviceToken::SlowDown => not_yet("slow_down", "this asks more often than it was told to"),
        DeviceToken::Denied => not_yet("access_denied", "somebody refused the code"),
        DeviceToken::Expired => not_yet("expired_token", "the code is unknown, too old or was used"),
        DeviceToken::Key(issued) => Ok(Json(api::DeviceKey {
            name: issued.key.name.clone(),
            role: issued.key.grant.as_str().to_owned(),
            secret: issued.secret.expose().to_owned(),
            expires_at: issued.key.expires_at.map(|at| at.to_string()),
        })),
    }
}

fn account(account: &Account) -> api::Account {
    api::Account {
        id: account.id.to_string(),
        name: account.name.clone(),
        role: account.role.as_str().to_owned(),
        created_at: account.created_at.to_string(),
        disabled: account.disabled_at.is_some(),
    }
}
