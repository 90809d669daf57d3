//! Status pages: kept by editors, read by anybody; and statements, which two people approve.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_api as api;
use nines_base::ErrorKind;
use nines_incidents::{
    Actor, Approval, ApprovalRole, Audience, Command, Incident, IncidentError, IncidentId, Language,
    NewUpdate, Query as Find,
};
use nines_model::{TimeRange, Timestamp};
use nines_notify::TargetId;
use nines_statuspage::{
    Component, DAYS, Form, Frame, LinkSecret, Maintenance, Seen, Statement, StatusError, StatusPage, View,
    atom, html, rss, style_source, view,
};
use serde::Deserialize;

use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::{Body, Caller};
use crate::problem::{ApiError, ApiResult};

/// Incidents that a page looks at: more than five a day over its history.
const INCIDENTS_MAX: usize = 500;
/// How long before it begins a maintenance window is announced.
const ANNOUNCED: Duration = Duration::from_secs(14 * 86_400);
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
    lang: Option<String>,
    /// `none`: for a copy that is served elsewhere, where nobody would take the form.
    form: Option<String>,
}

/// The page itself. A private one without its link is not there.
pub async fn page(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (page, seen) = seen(&app, &name, shown.key.as_deref()).await?;
    let feed = page.secret.is_none().then(|| format!("{}/status/{}/atom.xml", app.public_url, page.name));
    let action = format!("/status/{}/subscribers", page.name);
    let frame = Frame {
        language: language(shown.lang.as_deref(), &headers),
        feed: feed.as_deref(),
        form: (shown.form.as_deref() != Some("none"))
            .then_some(Form { action: &action, email: page.mail_channel.is_some() }),
        key: page.secret.as_ref().and(shown.key.as_deref()),
    };
    let body = html(&seen, &frame);
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

/// What was asked for by name, else what the browser prefers.
pub(super) fn language(asked: Option<&str>, headers: &HeaderMap) -> Language {
    let preferred = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let first = preferred.and_then(|tags| tags.split([',', ';']).next());
    Language::from_tag(asked.or(first).unwrap_or_default())
}

pub(super) fn answer(body: String, kind: &'static str, is_private: bool) -> Response {
    let policy = format!(
        "default-src 'none'; style-src {}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        style_source()
    );
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    let headers = response.headers_mut();
    let policy = HeaderValue::from_str(&policy).expect("a policy is visible ASCII");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let cached = if is_private { "private, no-store" } else { CACHED };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cached));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    response
}

/// The page of that name, if the link opens it.
pub(super) async fn opened(app: &SharedApp, name: &str, key: Option<&str>) -> ApiResult<StatusPage> {
    let page =
        app.status_pages.pages().await?.into_iter().find(|page| page.name == name && page.is_open_to(key));
    Ok(page.ok_or_else(|| StatusError::NotFound(name.chars().take(60).collect()))?)
}

async fn seen(app: &SharedApp, name: &str, key: Option<&str>) -> ApiResult<(StatusPage, View)> {
    let page = opened(app, name, key).await?;
    let view = viewed(app, &page).await?;
    Ok((page, view))
}

/// What the page shows now.
pub(crate) async fn viewed(app: &SharedApp, page: &StatusPage) -> ApiResult<View> {
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
    let (maintenance, planned) = maintenance(app, page, now);
    Ok(view(
        page,
        &Seen {
            now,
            watched_since: watched_since.unwrap_or(Timestamp::MAX),
            incidents: &incidents,
            updates: &updates,
            maintenance: &maintenance,
            planned: &planned,
        },
    ))
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

/// Windows that say that the page announces them: those that run now, and those that begin soon. A window concerns the
/// services of the page that its filter holds.
fn maintenance(app: &SharedApp, page: &StatusPage, now: Timestamp) -> (Vec<Maintenance>, Vec<Maintenance>) {
    let roster = app.oncall.rota.roster();
    let services: Vec<&String> = page.components.iter().flat_map(|component| &component.services).collect();
    let (mut running, mut planned) = (Vec::new(), Vec::new());
    for window in roster.windows.iter().filter(|window| window.is_public) {
        let is_held = |service: &&&String| window.filter.accepts(&nines_oncall::intake::of_service(service));
        let held: Vec<String> = services.iter().filter(is_held).map(|service| (*service).clone()).collect();
        if held.is_empty() {
            continue;
        }
        let of_run = |run: TimeRange| Maintenance {
            name: window.name.clone(),
            reason: window.reason.clone(),
            services: held.clone(),
            components: Vec::new(),
            from: run.start,
            until: run.end,
        };
        running.extend(window.active_at(now).map(of_run));
        planned.extend(window.next_after(now).filter(|run| run.start < now + ANNOUNCED).map(of_run));
    }
    planned.sort_by_key(|window| window.from);
    (running, planned)
}

pub async fn list(State(app): State<SharedApp>) -> ApiResult<Json<api::StatusPagesResponse>> {
    let mut pages = Vec::new();
    for page in app.status_pages.pages().await? {
        pages.push(rendered(&app, &page, None).await?);
    }
    Ok(Json(api::StatusPagesResponse { pages }))
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
        mail_channel: request.mail_channel.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
        updated_at: now,
        updated_by: caller.name,
    };
    page.check()?;
    if let Some(channel) = &page.mail_channel
        && app.targets.get(&TargetId(channel.clone())).is_none_or(|channel| channel.mailer().is_none())
    {
        return Err(ApiError::invalid(format!("there is no e-mail channel `{channel}`"))
            .hint("declare a Channel of type email, or leave subscribers by mail out"));
    }
    app.status_pages.put_page(&page).await?;
    Ok(Json(rendered(&app, &page, secret.as_deref()).await?))
}

pub async fn remove(State(app): State<SharedApp>, Path(name): Path<String>) -> ApiResult<StatusCode> {
    if !app.status_pages.remove_page(&name).await? {
        return Err(StatusError::NotFound(name).into());
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn rendered(app: &SharedApp, page: &StatusPage, secret: Option<&str>) -> ApiResult<api::StatusPage> {
    let counts = app.subscribers.store.count_subscribers(&page.name).await?;
    let key = secret.map(|secret| format!("?key={secret}")).unwrap_or_default();
    Ok(api::StatusPage {
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
        mail_channel: page.mail_channel.clone(),
        subscribers: api::SubscriberCounts {
            email: counts.email,
            webhook: counts.webhook,
            pending: counts.pending,
        },
        updated_at: page.updated_at.to_string(),
        updated_by: page.updated_by.clone(),
    })
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
