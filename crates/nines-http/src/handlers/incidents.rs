//! Incidents: report, read, and move on step by step.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use nines_api as api;
use nines_incidents::{
    Actor, Class, Command, EntryKind, Fact, Incident, IncidentError, IncidentId, Level, NewUpdate,
    Query as Find, Record, Report, Role, Statistics, Text,
};
use nines_model::{TimeRange, Timestamp};
use serde::Deserialize;

use crate::audit::AuditNote;
use crate::extract::{Body, Caller, Lang, optional_time, required_time};
use crate::problem::{ApiError, ApiResult};
use crate::{SharedApp, render};

/// Entries of one incident that a page shows; the store holds more.
const TIMELINE_SHOWN_MAX: u32 = 2000;
/// What the averages beside the list are taken over.
const STATISTICS_RANGE: Duration = Duration::from_secs(90 * 24 * 3600);

impl From<IncidentError> for ApiError {
    fn from(error: IncidentError) -> Self {
        let text = error.to_string();
        let kind = error.kind();
        // Refusals read "what: hint"; the hint has a place of its own on the wire.
        match text.split_once(": ") {
            Some((detail, hint)) if matches!(error, IncidentError::Refused(_)) => {
                Self::new(kind, detail).hint(hint)
            }
            _ => Self::from_kind(kind, &error),
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    state: Option<String>,
}

pub async fn list(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<api::IncidentsResponse>> {
    let state = query.state.as_deref().filter(|state| *state != "open");
    let find = Find {
        open: (query.state.as_deref() == Some("open")).then_some(true),
        state: state.map(nines_incidents::State::parse).transpose().map_err(IncidentError::from)?,
        ..Find::default()
    };
    let now = app.clock.now();
    // Open ones first and whole: a page of the newest could leave an old open one out.
    let mut incidents =
        if query.state.is_none() { app.incidents.find(&Find::open()).await? } else { Vec::new() };
    for incident in app.incidents.find(&find).await? {
        if !incidents.iter().any(|known| known.id == incident.id) {
            incidents.push(incident);
        }
    }
    incidents.retain(|incident| is_seen(&caller, incident));
    incidents.sort_by_key(|incident| (!incident.state.is_open(), std::cmp::Reverse(incident.id)));
    let statistics = match caller.sees_all() {
        true => app.incidents.statistics(TimeRange::new(now - STATISTICS_RANGE, now)).await?,
        // They are taken over all incidents: nothing for those who see some.
        false => Statistics::default(),
    };
    Ok(Json(api::IncidentsResponse {
        incidents: incidents.iter().map(|incident| rendered(&app, incident)).collect(),
        mean: render::incidents::mean(&statistics),
        on_time_rate: statistics.on_time_rate(),
    }))
}

pub async fn report(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(request): Body<api::ReportRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::ReportResponse>)> {
    if !caller.sees_service(&request.service) {
        return Err(ApiError::new(
            nines_base::ErrorKind::Forbidden,
            format!("service `{:.100}` is not one of your teams'", request.service),
        )
        .code("other_team")
        .hint("report for a service that your team answers for, or ask somebody who may report for all"));
    }
    let report = Report {
        class: Class::parse(&request.class).map_err(IncidentError::from)?,
        level: Level::parse(&request.level).map_err(IncidentError::from)?,
        service: request.service,
        scope: request.scope,
        status: request.status,
        started_at: required_time("started_at", &request.started_at)?,
        progress: request.progress,
        next_update_at: optional_time("next_update_at", request.next_update_at.as_deref())?,
        title: request.title,
        is_drill: request.is_drill,
        idempotency_key: None,
    };
    let incident = app.incidents.report(&report, &Actor::person(caller.name)).await?;
    let note = AuditNote {
        resource: Some(format!("incidents/{}", incident.id)),
        details: format!("{} {} {}", incident.class, incident.level(), incident.intake.service),
        ..AuditNote::default()
    };
    let answer = api::ReportResponse {
        id: incident.id.to_string(),
        next_update_at: incident.next_update_at().unwrap_or(incident.reported_at).to_string(),
        incident: rendered(&app, &incident),
    };
    Ok((Extension(note), Json(answer)))
}

pub async fn show(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<String>,
    Lang(language): Lang,
) -> ApiResult<Json<api::IncidentDetail>> {
    let id = incident_id(&id)?;
    let incident = find(&app, &caller, id).await?;
    let entries = app.incidents.timeline(id, 0, TIMELINE_SHOWN_MAX).await?;
    let mut readings = app.promises.of_service(&incident.intake.service);
    readings.retain(|view| caller.sees_service(&view.promise.service));
    let facts: Vec<_> =
        readings.iter().filter_map(|reading| render::slos::fact(reading, language)).map(Fact).collect();
    let draft_update = match incident.state.is_open() {
        true => app.incidents.draft(id, &facts, language).await?.text,
        false => String::new(),
    };
    let mut alerts = Vec::new();
    for link in &incident.alerts {
        alerts.extend(app.alert(&link.alert_id).await?.filter(|alert| caller.sees_service(&alert.service)));
    }
    let last_update_at = app.incidents.updates(id).await?.last().map(|update| update.posted_at.to_string());
    let mut shown = rendered(&app, &incident);
    shown.clock.last_update_at = last_update_at;
    Ok(Json(api::IncidentDetail {
        incident: shown,
        timeline: entries.iter().map(|entry| render::incidents::entry(entry, language)).collect(),
        alerts,
        slos: app.slos(&readings, language).await?,
        draft_update,
        escalation: super::oncall::of_incident(&app, &id.to_string()).await?,
        foreign_alerts: super::alerts::foreign(&app, &caller, None, Some(id.to_string())).await?,
    }))
}

pub async fn step(
    State(app): State<SharedApp>,
    Path((id, step)): Path<(String, String)>,
    Extension(who): Extension<Arc<nines_access::Actor>>,
    caller: Caller,
    Body(request): Body<api::StepRequest>,
) -> ApiResult<Json<api::Incident>> {
    let id = incident_id(&id)?;
    let before = find(&app, &caller, id).await?;
    crate::policies::check_incident_step(&app, &who, &step, &before).await?;
    let actor = Actor::person(caller.name);
    if let Some(class) = &request.class {
        let class = Class::parse(class).map_err(IncidentError::from)?;
        if before.class != class {
            let reason = request.text.clone().unwrap_or_else(|| format!("class set to {class}"));
            app.incidents.act(id, &Command::ChangeClass { class, reason }, &actor).await?;
        }
    }
    if step == "review" {
        super::learning::check_reviewed(&app, &app.incidents.get(id).await?).await?;
    }
    let incident = app.incidents.act(id, &command(&step, request, now(&app))?, &actor).await?;
    Ok(Json(rendered(&app, &incident)))
}

pub(crate) const STEPS: &[&str] = &[
    "acknowledge",
    "escalate",
    "confirm",
    "assign",
    "update",
    "note",
    "mitigate",
    "relapse",
    "resolve",
    "reopen",
    "review",
    "cancel",
];

pub(super) fn command(step: &str, request: api::StepRequest, now: Timestamp) -> ApiResult<Command> {
    let text = request.text.unwrap_or_default();
    Ok(match step {
        "acknowledge" => Command::Acknowledge,
        // The escalation follows the timeline: the entry is the request.
        "escalate" => Command::Record(Record {
            at: now,
            kind: EntryKind::Escalation,
            text: Text::Plain(match text.as_str() {
                "" => "asked for the next step".to_owned(),
                why => format!("asked for the next step: {why}"),
            }),
            link: None,
        }),
        "confirm" => {
            let level = request.level.ok_or_else(|| {
                ApiError::invalid("`level` is missing")
                    .hint("confirm names the level: P0, P1 or P2; if unsure, the higher one")
            })?;
            Command::Confirm { level: Level::parse(&level).map_err(IncidentError::from)? }
        }
        "assign" => Command::AssignRole { role: Role::Commander, person: request.commander },
        "update" => Command::PostUpdate(NewUpdate {
            text,
            scope: request.scope,
            status: request.status,
            progress: request.progress,
            next_update_at: optional_time("next_update_at", request.next_update_at.as_deref())?,
            ..NewUpdate::default()
        }),
        "note" => Command::Note { text, link: None },
        "mitigate" => Command::Mitigate { how: text },
        "relapse" => Command::Relapse { reason: text },
        "resolve" => Command::Resolve { summary: text },
        "reopen" => Command::Reopen { reason: text },
        "review" => Command::Review { summary: text },
        "cancel" => Command::Cancel { reason: text },
        other => {
            let hint = match nines_filter::nearest(other, STEPS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? the steps are {}", STEPS.join(", ")),
                None => format!("the steps are {}", STEPS.join(", ")),
            };
            return Err(ApiError::not_found(format!("an incident has no step `{other}`")).hint(hint));
        }
    })
}

/// The incident, if it touches a service that the caller sees; else the answer is that there is none.
async fn find(app: &SharedApp, caller: &Caller, id: IncidentId) -> ApiResult<Incident> {
    let incident = app.incidents.get(id).await?;
    if !is_seen(caller, &incident) {
        return Err(IncidentError::NotFound { id }.into());
    }
    Ok(incident)
}

fn is_seen(caller: &Caller, incident: &Incident) -> bool {
    caller.sees_one_of(incident.services.iter().map(String::as_str))
}

fn incident_id(text: &str) -> ApiResult<IncidentId> {
    text.parse().map_err(|error| ApiError::from(IncidentError::from(error)))
}

fn rendered(app: &SharedApp, incident: &Incident) -> api::Incident {
    let cadence = app.incidents.cadence().of(incident.level());
    render::incidents::incident(incident, cadence.as_secs(), now(app))
}

fn now(app: &SharedApp) -> Timestamp {
    app.clock.now()
}
