//! Status pages: kept by editors, read by anybody; and statements, which two people approve.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_api as api;
use nines_base::ErrorKind;
use nines_incidents::{
    Actor, Approval, ApprovalRole, Audience, Command, Incident, IncidentError, IncidentId, NewUpdate,
    Query as Find,
};
use nines_model::{TimeRange, Timestamp};
use nines_statuspage::{
    Component, DAYS, LinkSecret, Maintenance, Seen, Statement, StatusError, StatusPage, View, atom, html,
    rss, style_source, view,
};
use serde::Deserialize;

use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::{Body, Caller};
use crate::problem::{ApiError, ApiResult};

/// Incidents that a page looks at: more than five a day over its history.
const INCIDENTS_MAX: usize = 500;
/// How long proxies and browsers may keep a page: a storm of readers costs one rendering in this time for each proxy.
const CACHED: &str = "public, max-age=15";

impl From<StatusError> for ApiError {
    fn from(error: StatusError) -> Self {
        Self::from_kind(error.kind(), &error)
    }
}

#[derive(Debug, Deserialize)]
pub struct Shown {
    key: Option<String>,
}

/// The page itself. A private one without its link is not there.
pub async fn page(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Query(shown): Query<Shown>,
) -> ApiResult<Response> {
    let (page, seen) = seen(&app, &name, shown.key.as_deref()).await?;
    let feed = page.secret.is_none().then(|| format!("{}/status/{}/atom.xml", app.public_url, page.name));
    let body = html(&seen, feed.as_deref());
    Ok(answer(body, "text/html; charset=utf-8", page.secret.is_some()))
}

/// `atom.xml` and `rss.xml`.
pub async fn feed(
    State(app): State<SharedApp>,
    Path((name, file)): Path<(String, String)>,
    Query(shown): Query<Shown>,
) -> ApiResult<Response> {
    let (page, seen) = seen(&app, &name, shown.key.as_deref()).await?;
    let address = format!("{}/status/{}", app.public_url, page.name);
    let (body, kind) = match file.as_str() {
        "atom.xml" => (atom(&seen, &address), "application/atom+xml; charset=utf-8"),
        "rss.xml" => (rss(&seen, &address), "application/rss+xml; charset=utf-8"),
        _ => return Err(ApiError::not_found("a status page has atom.xml and rss.xml")),
    };
    Ok(answer(body, kind, page.secret.is_some()))
}

fn answer(body: String, kind: &'static str, is_private: bool) -> Response {
    let policy = format!(
        "default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        style_source()
    );
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    let headers = response.headers_mut();
    let policy = HeaderValue::from_str(&policy).expect("a policy is visible ASCII");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let cached = if is_private { "private, no-store" } else { CACHED };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cached));
    response
}

async fn seen(app: &SharedApp, name: &str, key: Option<&str>) -> ApiResult<(StatusPage, View)> {
    let page =
        app.status_pages.pages().await?.into_iter().find(|page| page.name == name && page.is_open_to(key));
    let page = page.ok_or_else(|| StatusError::NotFound(name.chars().take(60).collect()))?;
    let now = app.clock.now();
    let incidents = incidents(app, now).await?;
    let mut updates = BTreeMap::new();
    for incident in incidents.iter().filter(|incident| incident.updates > 0) {
        updates.insert(incident.id, app.incidents.updates(incident.id).await?);
    }
    let stats = app.store.stats();
    let watched_since = stats.datasets.values().filter_map(|stats| stats.oldest).min();
    // A node that only has people's reports watches since the first of them, and a new one since now.
    let watched_since = watched_since.into_iter().chain(incidents.last().map(|it| it.reported_at)).min();
    let maintenance = maintenance(app, &page, now);
    let view = view(
        &page,
        &Seen {
            now,
            watched_since: watched_since.unwrap_or(Timestamp::MAX),
            incidents: &incidents,
            updates: &updates,
            maintenance: &maintenance,
        },
    );
    Ok((page, view))
}

async fn incidents(app: &SharedApp, now: Timestamp) -> ApiResult<Vec<Incident>> {
    let history = Duration::from_secs(DAYS as u64 * 86_400);
    let find = Find {
        reported_in: Some(TimeRange::new(now - history, now + Duration::from_secs(1))),
        limit: Find::LIMIT_MAX,
        ..Find::default()
    };
    let mut all = app.incidents.find(&find).await?;
    for open in app.incidents.open().await? {
        if !all.iter().any(|known| known.id == open.id) {
            all.push(open);
        }
    }
    all.sort_by_key(|incident| std::cmp::Reverse(incident.id));
    all.truncate(INCIDENTS_MAX);
    Ok(all)
}

/// Windows that say that the page announces them and that hold one of the page's services now.
fn maintenance(app: &SharedApp, page: &StatusPage, now: Timestamp) -> Vec<Maintenance> {
    let roster = app.oncall.rota.roster();
    let services: Vec<&String> = page.components.iter().flat_map(|component| &component.services).collect();
    let windows = roster.windows.iter().filter(|window| window.is_public);
    windows
        .filter_map(|window| {
            let held: Vec<(String, Timestamp)> = services
                .iter()
                .filter_map(|service| {
                    let alert = nines_oncall::intake::of_service(service);
                    window.holds(&alert, now).map(|until| ((*service).clone(), until))
                })
                .collect();
            let until = held.iter().map(|(_, until)| *until).max()?;
            Some(Maintenance {
                name: window.name.clone(),
                reason: window.reason.clone(),
                services: held.into_iter().map(|(service, _)| service).collect(),
                until,
            })
        })
        .collect()
}

pub async fn list(State(app): State<SharedApp>) -> ApiResult<Json<api::StatusPagesResponse>> {
    let pages = app.status_pages.pages().await?;
    Ok(Json(api::StatusPagesResponse {
        pages: pages.iter().map(|page| rendered(&app, page, None)).collect(),
    }))
}

pub async fn put(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Body(request): Body<api::StatusPageRequest>,
) -> ApiResult<Json<api::StatusPage>> {
    let now = app.clock.now();
    let secret = request.private.then(|| {
        let (first, second) = (app.random.uuid(now), app.random.uuid(now));
        format!("{}{}", first.simple(), second.simple())
    });
    let page = StatusPage {
        name,
        title: request.title.trim().to_owned(),
        description: request.description.trim().to_owned(),
        components: request
            .components
            .into_iter()
            .map(|it| Component { name: it.name.trim().to_owned(), services: it.services })
            .collect(),
        secret: secret.as_deref().map(LinkSecret::of),
        updated_at: now,
        updated_by: caller.name,
    };
    page.check()?;
    app.status_pages.put_page(&page).await?;
    Ok(Json(rendered(&app, &page, secret.as_deref())))
}

pub async fn remove(State(app): State<SharedApp>, Path(name): Path<String>) -> ApiResult<StatusCode> {
    if !app.status_pages.remove_page(&name).await? {
        return Err(StatusError::NotFound(name).into());
    }
    Ok(StatusCode::NO_CONTENT)
}

fn rendered(app: &SharedApp, page: &StatusPage, secret: Option<&str>) -> api::StatusPage {
    let key = secret.map(|secret| format!("?key={secret}")).unwrap_or_default();
    api::StatusPage {
        name: page.name.clone(),
        title: page.title.clone(),
        description: page.description.clone(),
        components: page
            .components
            .iter()
            .map(|it| api::StatusComponent { name: it.name.clone(), services: it.services.clone() })
            .collect(),
        private: page.secret.is_some(),
        url: format!("{}/status/{}{key}", app.public_url, page.name),
        updated_at: page.updated_at.to_string(),
        updated_by: page.updated_by.clone(),
    }
}

pub async fn statements(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
) -> ApiResult<Json<api::StatementsResponse>> {
    let id = incident_id(&id)?.to_string();
    let statements = app.status_pages.statements(&id).await?;
    Ok(Json(api::StatementsResponse { statements: statements.iter().map(statement).collect() }))
}

pub async fn draft(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<String>,
    Body(request): Body<api::StatementRequest>,
) -> ApiResult<Json<api::Statement>> {
    let incident = app.incidents.get(incident_id(&id)?).await?;
    let id = incident.id.to_string();
    let last = app.status_pages.statements(&id).await?.last().map_or(0, |it| it.number);
    let draft = Statement::new(&id, last + 1, &request.text, &caller.name, app.clock.now())?;
    app.status_pages.put_statement(&draft).await?;
    app.feed.publish("incident", Some(id));
    Ok(Json(statement(&draft)))
}

/// Public relations are editors, managers are administrators; never one person as both. The second approval publishes.
pub async fn approve(
    State(app): State<SharedApp>,
    caller: Caller,
    Path((id, number)): Path<(String, u32)>,
    Body(request): Body<api::StatementApproval>,
) -> ApiResult<(Extension<AuditNote>, Json<api::Statement>)> {
    let id = incident_id(&id)?;
    let role = ApprovalRole::parse(&request.role).map_err(IncidentError::from)?;
    if role == ApprovalRole::Manager && caller.role < Some(api::Role::Admin) {
        return Err(ApiError::new(ErrorKind::Forbidden, "only an administrator approves as a manager"));
    }
    let known = app.status_pages.statements(&id.to_string()).await?;
    let found = known.into_iter().find(|it| it.number == number);
    let found = found.ok_or_else(|| ApiError::not_found(format!("{id} has no statement {number}")))?;
    let mut next = found.approved(role, &caller.name)?;
    let is_last = next.is_approved();
    if is_last {
        next.published_at = Some(app.clock.now());
    }
    // Stored first: of two who approve at once one is told to read again, and the update is posted once.
    app.status_pages.put_statement(&next).await?;
    if is_last {
        let approvals = next.approvals.iter().map(|(role, by)| Approval { role: *role, by: by.clone() });
        let update = NewUpdate {
            text: next.text.clone(),
            audiences: vec![Audience::Public],
            approvals: approvals.collect(),
            ..NewUpdate::default()
        };
        app.incidents.act(id, &Command::PostUpdate(update), &Actor::person(caller.name)).await?;
    }
    let details =
        format!("statement {number} as {}{}", role.as_str(), if is_last { ", published" } else { "" });
    let note = AuditNote { details, ..AuditNote::default() };
    Ok((Extension(note), Json(statement(&next))))
}

fn statement(it: &Statement) -> api::Statement {
    api::Statement {
        number: it.number,
        text: it.text.clone(),
        drafted_by: it.drafted_by.clone(),
        drafted_at: it.drafted_at.to_string(),
        approvals: it
            .approvals
            .iter()
            .map(|(role, by)| api::StatementApproval { role: role.as_str().to_owned(), by: by.clone() })
            .collect(),
        published_at: it.published_at.map(|at| at.to_string()),
    }
}

fn incident_id(text: &str) -> ApiResult<IncidentId> {
    text.parse().map_err(|error| ApiError::from(IncidentError::from(error)))
}
