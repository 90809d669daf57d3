//! On call: who, when, changes by hand, calendars, imports, and where escalations stand.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_api as api;
use nines_base::ErrorKind;
use nines_model::TimeRange;
use nines_notify::{PageFilter, Subject};
use nines_oncall::escalation::Escalation;
use nines_oncall::noise::{MaintenanceWindow, When};
use nines_oncall::{By, OncallError, PersonId, RotaError, ScheduleError, Swap, document, import};
use nines_state::intake::CalendarFeed;
use serde::Deserialize;

use crate::audit::AuditNote;
use crate::extract::{BODY_BYTES_MAX, Body, Caller, bytes, optional_time, required_time};
use crate::handlers::slos::warning;
use crate::problem::{ApiError, ApiResult};
use crate::{SharedApp, render};

/// What a calendar shows unless somebody asks.
const SHIFTS_DEFAULT: Duration = Duration::from_secs(14 * 86_400);
/// Calls of one incident that a page shows.
const CALLS_SHOWN_MAX: u32 = 500;

type Noted<T> = (Extension<AuditNote>, Json<T>);

impl From<RotaError> for ApiError {
    fn from(error: RotaError) -> Self {
        Self::from_kind(error.kind(), &error)
    }
}

impl From<OncallError> for ApiError {
    fn from(error: OncallError) -> Self {
        Self::from_kind(error.kind(), &error)
    }
}

impl From<ScheduleError> for ApiError {
    fn from(error: ScheduleError) -> Self {
        Self::from_kind(error.kind(), &error)
    }
}

pub async fn now(State(app): State<SharedApp>) -> Json<api::OncallResponse> {
    Json(render::oncall::now(&app.oncall.rota.roster(), app.clock.now()))
}

#[derive(Debug, Deserialize)]
pub struct ShiftsQuery {
    start: Option<String>,
    end: Option<String>,
}

pub async fn shifts(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Query(asked): Query<ShiftsQuery>,
) -> ApiResult<Json<api::ShiftsResponse>> {
    let start = optional_time("start", asked.start.as_deref())?.unwrap_or_else(|| app.clock.now());
    let end = optional_time("end", asked.end.as_deref())?.unwrap_or(start + SHIFTS_DEFAULT);
    let range = range(start, end)?;
    Ok(Json(render::oncall::shifts(&app.oncall.rota.schedule(&name)?, range)?))
}

pub async fn override_shift(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Body(request): Body<api::OverrideRequest>,
) -> ApiResult<Noted<api::OverridesResponse>> {
    let range = range(required_time("start", &request.start)?, required_time("end", &request.end)?)?;
    let people: Vec<PersonId> = request.people.iter().map(|name| PersonId::new(name.trim())).collect();
    let said = format!("{} from {} to {}", request.people.join(", "), request.start, request.end);
    let made = app.oncall.rota.put_override(&name, range, people, &by(&app, caller, request.reason)).await?;
    Ok(changed(&app, &name, said, vec![made]))
}

pub async fn remove_override(
    State(app): State<SharedApp>,
    Path((name, id)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    app.oncall.rota.remove_override(&name, &id).await?;
    app.feed.publish("oncall", None);
    Ok(StatusCode::NO_CONTENT)
}

pub async fn take(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Body(request): Body<api::TakeRequest>,
) -> ApiResult<Noted<api::OverridesResponse>> {
    let range = range(required_time("start", &request.start)?, required_time("end", &request.end)?)?;
    let schedule = app.oncall.rota.schedule(&name)?;
    let person = PersonId::new(request.person.unwrap_or_else(|| caller.name.clone()));
    let by = by(&app, caller, request.reason);
    let from = match request.from {
        Some(from) => PersonId::new(from),
        // A gap belongs to nobody: whoever takes it is put there.
        None => match schedule.on_call_at(range.start).people.first() {
            Some(from) => from.clone(),
            None => {
                let said = format!("{person} covers a gap from {} to {}", range.start, range.end);
                let made = app.oncall.rota.put_override(&name, range, vec![person], &by).await?;
                return Ok(changed(&app, &name, said, vec![made]));
            }
        },
    };
    if from == person {
        return Err(ApiError::new(ErrorKind::Conflict, format!("{person} is on call then already"))
            .hint("name somebody else with `person`"));
    }
    let said = format!("{person} for {from} from {} to {}", range.start, range.end);
    let made = app.oncall.rota.take(&name, &from, &person, range, &by).await?;
    Ok(changed(&app, &name, said, vec![made]))
}

pub async fn swap(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Body(request): Body<api::SwapRequest>,
) -> ApiResult<Noted<api::OverridesResponse>> {
    let time = |field: &str, text: &str| required_time(field, text);
    let swap = Swap {
        first_range: range(
            time("first_start", &request.first_start)?,
            time("first_end", &request.first_end)?,
        )?,
        second_range: range(
            time("second_start", &request.second_start)?,
            time("second_end", &request.second_end)?,
        )?,
        first: PersonId::new(request.first),
        second: PersonId::new(request.second),
    };
    let said = format!("{} and {}", swap.first, swap.second);
    let made = app.oncall.rota.swap(&name, &swap, &by(&app, caller, request.reason)).await?;
    Ok(changed(&app, &name, said, made))
}

pub async fn calendars(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
) -> ApiResult<Json<api::CalendarsResponse>> {
    app.oncall.rota.schedule(&name)?;
    let feeds = app.oncall.intake.feeds(&name).await?;
    Ok(Json(api::CalendarsResponse { calendars: feeds.iter().map(render::oncall::calendar).collect() }))
}

pub async fn create_calendar(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Body(request): Body<api::CalendarRequest>,
) -> ApiResult<Noted<api::CalendarCreated>> {
    app.oncall.rota.schedule(&name)?;
    let feed = CalendarFeed {
        id: app.random.uuid(app.clock.now()).simple().to_string(),
        schedule: name,
        person: request.person.filter(|person| !person.is_empty()),
        made_by: caller.name,
        made_at: app.clock.now(),
    };
    // 256 bits: the address is the whole secret.
    let secret: [u8; 32] = app.random.bytes();
    let token: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    app.oncall.intake.add_feed(&feed, &token).await?;
    let note = AuditNote { resource: Some(format!("calendars/{}", feed.id)), ..AuditNote::default() };
    let url = format!("{}/api/v1/calendars/{token}.ics", app.public_url);
    let created = api::CalendarCreated { calendar: render::oncall::calendar(&feed), url };
    Ok((Extension(note), Json(created)))
}

pub async fn remove_calendar(
    State(app): State<SharedApp>,
    Path((name, id)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    if !app.oncall.intake.remove_feed(&name, &id).await? {
        return Err(ApiError::not_found(format!("schedule `{name}` has no calendar `{id}`")));
    }
    Ok(StatusCode::NO_CONTENT)
}

pub async fn calendar(State(app): State<SharedApp>, Path(token): Path<String>) -> ApiResult<Response> {
    let token = token.strip_suffix(".ics").unwrap_or(&token);
    let feed = app.oncall.intake.feed(token).await?;
    let feed = feed.ok_or_else(|| {
        ApiError::not_found("there is no such calendar")
            .hint("its address may have been removed; make a new one on the on-call page")
    })?;
    let schedule = app.oncall.rota.schedule(&feed.schedule)?;
    let person = feed.person.as_deref().map(PersonId::new);
    let host = app.public_url.split_once("://").map_or(app.public_url.as_str(), |(_, host)| host);
    let text = schedule.ical(person.as_ref(), host, app.clock.now())?;
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "inline; filename=\"on-call.ics\""),
    ];
    Ok((headers, text).into_response())
}

pub async fn escalations(State(app): State<SharedApp>) -> ApiResult<Json<api::EscalationsResponse>> {
    let mut escalations = Vec::new();
    for stored in app.oncall.repository.open_escalations().await? {
        escalations.push(rendered(&app, &stored.state).await?);
    }
    Ok(Json(api::EscalationsResponse { escalations }))
}

/// Where the escalation of one incident stands, with whom it called and what became of that.
pub async fn of_incident(app: &SharedApp, incident: &str) -> ApiResult<Option<api::Escalation>> {
    match app.oncall.repository.escalation(incident).await? {
        Some(stored) => rendered(app, &stored.state).await.map(Some),
        None => Ok(None),
    }
}

async fn rendered(app: &SharedApp, state: &Escalation) -> ApiResult<api::Escalation> {
    let orders = app.oncall.repository.orders_of(&state.incident).await?;
    let subject = Subject::incident(state.incident.clone());
    let filter = PageFilter { limit: CALLS_SHOWN_MAX, ..PageFilter::of_subject(subject) };
    let pages = app.outbox.pages(&filter).await?;
    Ok(render::oncall::escalation(state, &orders, &pages))
}

pub async fn maintenance(State(app): State<SharedApp>) -> Json<api::MaintenanceResponse> {
    let now = app.clock.now();
    let roster = app.oncall.rota.roster();
    let windows = roster.windows.iter().map(|window| render::oncall::window(window, now)).collect();
    Json(api::MaintenanceResponse { windows })
}

/// A window is a document like those of files, so that it is listed, kept and deleted as one.
pub async fn plan_maintenance(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::MaintenanceRequest>,
) -> ApiResult<Json<api::MaintenanceResponse>> {
    let range = range(required_time("start", &request.start)?, required_time("end", &request.end)?)?;
    let window = MaintenanceWindow {
        name: request.name,
        filter: nines_filter::Filter::parse(&request.filter)?,
        when: When::Once(range),
        author: caller.name.clone(),
        reason: request.reason,
        is_public: request.public,
    };
    app.promises.apply(None, &document::window_yaml(&window), &caller.name, false).await?;
    app.feed.publish("oncall", None);
    Ok(maintenance(State(app)).await)
}

#[derive(Debug, Deserialize)]
pub struct ImportQuery {
    from: Option<String>,
    dry_run: Option<String>,
}

pub async fn import(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ImportQuery>,
    request: Request,
) -> ApiResult<Noted<api::ImportResponse>> {
    let body = bytes(request, BODY_BYTES_MAX).await?;
    let imported = match asked.from.as_deref() {
        Some("grafana") => import::grafana(&body),
        Some("pagerduty") => import::pagerduty(&body),
        Some("goalert") => import::goalert(&body),
        other => {
            let what =
                other.map_or("`from` is missing".to_owned(), |other| format!("`{other}` is not known"));
            return Err(ApiError::invalid(what).hint("use from=grafana, from=pagerduty or from=goalert"));
        }
    };
    let imported = imported.map_err(|error| ApiError::new(error.kind(), error.to_string()))?;
    let dry_run = matches!(asked.dry_run.as_deref(), Some("true" | "1" | ""));
    let texts: Vec<String> = imported
        .schedules
        .iter()
        .map(document::schedule_yaml)
        .chain(imported.policies.iter().map(document::policy_yaml))
        .collect();
    let yaml = texts.join("---\n");
    let (applied, warnings) = match texts.is_empty() {
        true => (Vec::new(), Vec::new()),
        false => app.promises.apply(None, &yaml, &caller.name, dry_run).await?,
    };
    let note = AuditNote {
        is_question: dry_run,
        details: format!("{} schedules, {} policies", imported.schedules.len(), imported.policies.len()),
        ..AuditNote::default()
    };
    let answer = api::ImportResponse {
        dry_run,
        yaml,
        notes: imported
            .notes
            .into_iter()
            .map(|note| api::ImportNote {
                object: note.object,
                pointer: note.pointer,
                outcome: note.outcome.to_string(),
                why: note.why,
            })
            .collect(),
        results: applied
            .into_iter()
            .map(|document| api::Applied {
                kind: document.kind.to_owned(),
                name: document.name,
                outcome: document.outcome.to_owned(),
                revision: document.revision,
                reason: None,
            })
            .collect(),
        warnings: warnings.iter().map(warning).collect(),
    };
    app.feed.publish("oncall", None);
    Ok((Extension(note), Json(answer)))
}

fn by(app: &SharedApp, caller: Caller, reason: String) -> By {
    By { id: app.random.uuid(app.clock.now()).simple().to_string(), author: caller.name, reason }
}

fn range(start: nines_model::Timestamp, end: nines_model::Timestamp) -> ApiResult<TimeRange> {
    if start >= end {
        return Err(ApiError::new(
            ErrorKind::InvalidInput,
            format!("`start` {start} is not before `end` {end}"),
        )
        .hint("swap them"));
    }
    Ok(TimeRange::new(start, end))
}

fn changed(
    app: &SharedApp,
    schedule: &str,
    details: String,
    made: Vec<nines_oncall::Override>,
) -> Noted<api::OverridesResponse> {
    app.feed.publish("oncall", None);
    let note = AuditNote { resource: Some(format!("schedules/{schedule}")), details, ..AuditNote::default() };
    let overrides = made.iter().map(render::oncall::overridden).collect();
    (Extension(note), Json(api::OverridesResponse { overrides }))
}
