//! Learning: postmortems, reviews, the weekly meeting and takeovers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use nines_api as api;
use nines_base::ErrorKind;
use nines_filter::{Expr, Filter};
use nines_incidents::{
    Actor, Command, EntryKind, Incident, IncidentError, IncidentId, Language, Query as Find,
};
use nines_learning::{
    CallMade, Edit, LearningError, Postmortem, Review, Section, Seen, Sheet, SheetKind, Shift,
    State as PostmortemState, Week, markdown,
};
use nines_model::{Dataset, TimeRange, Timestamp, field};
use nines_oncall::escalation::What;
use nines_state::alerts::AlertFilter;
use serde::Deserialize;

use super::changes::change;
use super::telemetry::search_dataset;
use crate::audit::AuditNote;
use crate::extract::{Body, Caller, range};
use crate::learning::{DraftError, drafted};
use crate::problem::{ApiError, ApiResult};
use crate::{SharedApp, render};

const DEFAULT_RANGE: Duration = Duration::from_secs(30 * 86_400);
/// Incidents that a review looks at: a year of more than five a day. The figures say how many they are over.
const INCIDENTS_MAX: usize = 2_000;
/// Entries of one incident that are searched for who took it.
const ENTRIES_READ: u32 = 500;
/// What a takeover looks back at.
const FAULTS_RANGE: Duration = Duration::from_secs(90 * 86_400);
/// Lines of facts of one point; the rest is a click away.
const FACTS_MAX: usize = 8;
/// Alerts of one week that are counted; beyond that the figure is this.
const ALERTS_MAX: u32 = 1_000;

impl From<LearningError> for ApiError {
    fn from(error: LearningError) -> Self {
        let kind = error.kind();
        match &error {
            LearningError::NotReady { missing, .. } => {
                let hint = missing.join("; ");
                Self::new(kind, "the postmortem cannot be closed yet").code("not_ready").hint(hint)
            }
            LearningError::Store { .. } | LearningError::Corrupt { .. } => Self::from_kind(kind, &error),
            _ => match error.to_string().split_once(": ") {
                Some((detail, hint)) => Self::new(kind, detail).hint(hint),
                None => Self::new(kind, error.to_string()),
            },
        }
    }
}

impl From<DraftError> for ApiError {
    fn from(error: DraftError) -> Self {
        match error {
            DraftError::Incident(error) => error.into(),
            DraftError::Learning(error) => error.into(),
            DraftError::NotResolved { .. } => Self::new(ErrorKind::Conflict, error.to_string()),
        }
    }
}

pub async fn postmortems(State(app): State<SharedApp>) -> ApiResult<Json<api::PostmortemsResponse>> {
    let now = app.clock.now();
    let all = app.learning.postmortems().await?;
    let postmortems = all.iter().map(|it| render::learning::summary(it, now)).collect();
    Ok(Json(api::PostmortemsResponse { postmortems }))
}

pub async fn postmortem(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
) -> ApiResult<Json<api::Postmortem>> {
    let found = read(&app, incident_id(&id)?).await?;
    Ok(Json(render::learning::postmortem(&found, app.clock.now())))
}

pub async fn as_markdown(State(app): State<SharedApp>, Path(id): Path<String>) -> ApiResult<Response> {
    let found = read(&app, incident_id(&id)?).await?;
    let name = format!("attachment; filename=\"{}.md\"", found.incident);
    let headers = [
        (header::CONTENT_TYPE, "text/markdown; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, markdown(&found)).into_response())
}

pub async fn edit(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<String>,
    Body(request): Body<api::PostmortemEdit>,
) -> ApiResult<(Extension<AuditNote>, Json<api::Postmortem>)> {
    let found = read(&app, incident_id(&id)?).await?;
    let sections: Result<BTreeMap<Section, String>, LearningError> =
        request.sections.into_iter().map(|(name, text)| Ok((Section::parse(&name)?, text))).collect();
    let sections = sections?;
    let measures = request.measures.map(measures).transpose()?;
    let changed: Vec<&str> = sections.keys().map(|section| section.as_str()).collect();
    let details = format!("{} {}", changed.join(" "), if measures.is_some() { "measures" } else { "" });
    let edit = Edit {
        owner: request.owner.map(Some),
        sections,
        measures,
        data_lost: request.data_lost_secs.map(|secs| Some(Duration::from_secs(secs))),
    };
    let next = found.edited(request.version, edit, &caller.name, app.clock.now())?;
    let note = AuditNote { details: details.trim().to_owned(), ..AuditNote::default() };
    Ok((Extension(note), stored(&app, &next).await?))
}

/// `draft` begins one where none must be written; `close` asks the gate, and marks the incident as reviewed.
pub async fn step(
    State(app): State<SharedApp>,
    caller: Caller,
    Path((id, step)): Path<(String, String)>,
    Body(request): Body<api::PostmortemStep>,
) -> ApiResult<Json<api::Postmortem>> {
    let id = incident_id(&id)?;
    let now = app.clock.now();
    match step.as_str() {
        "draft" => {
            let incident = app.incidents.get(id).await?;
            let drafted =
                drafted(app.learning.as_ref(), &app.incidents, app.promises.as_ref(), &incident, true, now)
                    .await?;
            let drafted = drafted.ok_or(LearningError::NotFound(id))?;
            app.feed.publish("postmortem", Some(id.to_string()));
            Ok(Json(render::learning::postmortem(&drafted, now)))
        }
        "close" => {
            let closed = read(&app, id).await?.close(request.version, &caller.name, now)?;
            let answer = stored(&app, &closed).await?;
            let incident = app.incidents.get(id).await?;
            if incident.state == nines_incidents::State::Resolved {
                let summary = format!("postmortem closed with {} measures", closed.measures.len());
                app.incidents.act(id, &Command::Review { summary }, &Actor::person(caller.name)).await?;
            }
            Ok(answer)
        }
        "reopen" => {
            let reopened = read(&app, id).await?.reopen(request.version, &caller.name, now)?;
            stored(&app, &reopened).await
        }
        other => Err(ApiError::not_found(format!("a postmortem has no step `{other}`"))
            .hint("the steps are draft, close, reopen")),
    }
}

/// An incident that must be learnt from is reviewed by closing its postmortem, and by nothing else.
pub async fn check_reviewed(app: &SharedApp, incident: &Incident) -> ApiResult<()> {
    let is_open = |it: &Postmortem| it.mandatory && it.state == PostmortemState::Draft;
    match app.learning.postmortem(incident.id).await? {
        Some(found) if is_open(&found) => Err(ApiError::new(
            ErrorKind::Conflict,
            format!("the postmortem of {} is not closed", incident.id),
        )
        .code("not_ready")
        .hint("close it: that marks the incident as reviewed")),
        _ => Ok(()),
    }
}

#[derive(Debug, Deserialize)]
pub struct ReviewQuery {
    start: Option<String>,
    end: Option<String>,
    format: Option<String>,
}

pub async fn review(State(app): State<SharedApp>, Query(asked): Query<ReviewQuery>) -> ApiResult<Response> {
    let now = app.clock.now();
    let range =
        Review::check_range(range(asked.start.as_deref(), asked.end.as_deref(), now, DEFAULT_RANGE)?)?;
    let answer = render::learning::review(&look(&app, range, now).await?, now);
    if asked.format.as_deref() == Some("csv") {
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (header::CONTENT_DISPOSITION, "attachment; filename=\"review.csv\""),
        ];
        return Ok((headers, render::learning::csv(&answer)).into_response());
    }
    Ok(Json(answer).into_response())
}

pub async fn reports(State(app): State<SharedApp>) -> ApiResult<Json<api::ReviewReportsResponse>> {
    let roster = app.oncall.rota.roster();
    let mut found = Vec::with_capacity(roster.reports.len());
    for report in roster.reports.values() {
        found.push(crate::reports::summary(&app, report).await?);
    }
    Ok(Json(api::ReviewReportsResponse { reports: found }))
}

pub async fn report(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
) -> ApiResult<Json<api::ReportPreview>> {
    let report = report_named(&app, &name)?;
    let period = report.last_due(app.clock.now());
    Ok(Json(crate::reports::preview(&app, &report, &period).await?))
}

pub async fn send_report(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Body(asked): Body<api::ReportSendRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::ReportPreview>)> {
    let report = report_named(&app, &name)?;
    let period = report.last_due(app.clock.now());
    let mut preview = crate::reports::preview(&app, &report, &period).await?;
    if !asked.dry_run {
        preview.queued = crate::reports::queue(&app, &report, &preview).await?;
    }
    let details = format!("{} of {name}, {} mails queued", preview.period, preview.queued);
    let note = AuditNote { details, is_question: asked.dry_run, ..AuditNote::default() };
    Ok((Extension(note), Json(preview)))
}

fn report_named(app: &SharedApp, name: &str) -> ApiResult<nines_oncall::report::ReviewReport> {
    let roster = app.oncall.rota.roster();
    roster.reports.get(name).cloned().ok_or_else(|| {
        let near = nines_filter::nearest(name, roster.reports.keys().map(String::as_str));
        let hint = near.map_or_else(
            || "declare one: kind ReviewReport".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        ApiError::not_found(format!("there is no report `{name}`")).hint(hint)
    })
}

pub async fn meeting(
    State(app): State<SharedApp>,
    Path(week): Path<String>,
) -> ApiResult<Json<api::MeetingResponse>> {
    let now = app.clock.now();
    let week = if week == "now" { Week::of(now) } else { Week::parse(&week)? };
    let review = look(&app, week.range(), now).await?;
    let sheet = sheet_of(&app, SheetKind::Meeting, &week.to_string(), now).await?;
    let mut views = app.promises.all();
    let left =
        |view: &crate::PromiseView| view.reading.budget.as_ref().map_or(f64::MAX, |it| it.remaining_share);
    views.sort_by(|a, b| left(a).total_cmp(&left(b)));
    let promises = views.iter().filter_map(|view| render::slos::fact(view, Language::En)).collect();
    let alerts = app.alerts.alerts(&AlertFilter { limit: ALERTS_MAX, ..AlertFilter::default() }).await?;
    let of_week = alerts.iter().filter(|it| week.range().contains(it.alert.detected_at));
    let (urgent, other): (Vec<_>, Vec<_>) = of_week.partition(|it| it.incident.is_some());
    let changes = search_dataset(&app, Dataset::Changes, None, week.range(), FACTS_MAX).await?;
    let facts = |point: &str| match point {
        "coming_changes" => {
            changes.iter().map(change).map(|it| format!("{} {}: {}", it.at, it.service, it.title)).collect()
        }
        _ => Vec::new(),
    };
    Ok(Json(api::MeetingResponse {
        week: week.to_string(),
        review: render::learning::review(&review, now),
        promises,
        alerts_urgent: u32::try_from(urgent.len()).unwrap_or(u32::MAX),
        alerts_other: u32::try_from(other.len()).unwrap_or(u32::MAX),
        sheet: render::learning::sheet(&sheet, &facts, now),
    }))
}

pub async fn edit_meeting(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(week): Path<String>,
    Body(request): Body<api::SheetEdit>,
) -> ApiResult<Json<api::Sheet>> {
    let week = if week == "now" { Week::of(app.clock.now()) } else { Week::parse(&week)? };
    edit_sheet(&app, SheetKind::Meeting, &week.to_string(), request, &caller).await
}

pub async fn takeover(
    State(app): State<SharedApp>,
    Path(service): Path<String>,
) -> ApiResult<Json<api::Sheet>> {
    let now = app.clock.now();
    let sheet = sheet_of(&app, SheetKind::Takeover, &service, now).await?;
    let facts = takeover_facts(&app, &service, now).await?;
    let facts = |point: &str| facts.get(point).cloned().unwrap_or_default();
    Ok(Json(render::learning::sheet(&sheet, &facts, now)))
}

pub async fn edit_takeover(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(service): Path<String>,
    Body(request): Body<api::SheetEdit>,
) -> ApiResult<Json<api::Sheet>> {
    edit_sheet(&app, SheetKind::Takeover, &service, request, &caller).await
}

async fn edit_sheet(
    app: &SharedApp,
    kind: SheetKind,
    key: &str,
    request: api::SheetEdit,
    caller: &Caller,
) -> ApiResult<Json<api::Sheet>> {
    let now = app.clock.now();
    let points = request.points.into_iter().map(|(name, point)| (name, (point.text, point.done))).collect();
    let measures = request.measures.map(measures).transpose()?;
    let sheet = sheet_of(app, kind, key, now).await?;
    let next = sheet.edited(request.version, points, measures, &caller.name, now)?;
    app.learning.put_sheet(&next).await?;
    app.feed.publish("sheet", Some(key.to_owned()));
    Ok(Json(render::learning::sheet(&next, &|_| Vec::new(), now)))
}

async fn sheet_of(app: &SharedApp, kind: SheetKind, key: &str, now: Timestamp) -> ApiResult<Sheet> {
    if key.is_empty() || key.len() > 200 {
        return Err(ApiError::invalid("the name has 1 to 200 bytes"));
    }
    Ok(app.learning.sheet(kind, key).await?.unwrap_or_else(|| Sheet::new(kind, key, now)))
}

/// What the node knows for each of the twelve steps; steps that are about people stay empty.
async fn takeover_facts(
    app: &SharedApp,
    service: &str,
    now: Timestamp,
) -> ApiResult<BTreeMap<&'static str, Vec<String>>> {
    let mut facts: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let views = app.promises.of_service(service);
    let runbooks: BTreeSet<String> = views.iter().filter_map(|view| view.runbook.clone()).collect();
    facts.insert("documents", runbooks.into_iter().map(|url| format!("runbook: {url}")).collect());
    let owners: BTreeSet<String> = views.iter().filter_map(|view| view.owner.clone()).collect();
    facts.insert(
        "developers",
        owners.into_iter().map(|owner| format!("team {owner} answers for it")).collect(),
    );
    let promised =
        views.iter().map(|view| format!("{}: {}", view.promise.title, render::slos::promised(view)));
    facts.insert("expectations", promised.collect());
    facts.insert("metrics", views.iter().filter_map(|view| render::slos::fact(view, Language::En)).collect());
    let find = Find { service: Some(service.to_owned()), ..Find::default() };
    let faults = app.incidents.find(&find).await?;
    let recent = faults.iter().filter(|it| now.since(it.reported_at) < FAULTS_RANGE && !it.is_drill);
    let told =
        recent.take(FACTS_MAX).map(|it| format!("{} {} {}: {}", it.id, it.level(), it.state, it.title));
    facts.insert("recent_faults", told.collect());
    let filter = Filter::from_ast(Expr::equals(field::SERVICE_NAME, service.to_owned()));
    let last = TimeRange::new(now - DEFAULT_RANGE, now);
    let rows = search_dataset(app, Dataset::Changes, Some(filter), last, FACTS_MAX).await?;
    facts.insert("progress", rows.iter().map(change).map(|it| format!("{} {}", it.at, it.title)).collect());
    let theirs = app.learning.postmortems().await?;
    let theirs = theirs.iter().filter(|it| it.facts.services.iter().any(|name| name == service));
    let open = theirs.flat_map(|it| {
        let open = it.measures.iter().filter(|measure| measure.done.is_none());
        open.map(|measure| format!("{}: {}", it.incident, measure.text)).collect::<Vec<_>>()
    });
    facts.insert("improvements", open.take(FACTS_MAX).collect());
    Ok(facts)
}

/// Reads everything that a review is computed from.
pub async fn look(app: &SharedApp, range: TimeRange, now: Timestamp) -> ApiResult<Review> {
    let incidents = incidents_of(app, range).await?;
    let mut handed_on = BTreeMap::new();
    let mut handled = Vec::new();
    for incident in &incidents {
        if let Some(stored) = app.oncall.repository.escalation(&incident.id.to_string()).await? {
            handed_on.insert(incident.id, stored.state.step > 0 || stored.state.round > 0);
        }
        handled.extend(in_hand(app, incident, now).await?);
    }
    let orders = app.oncall.repository.orders_done_since(range.start).await?;
    let calls: Vec<CallMade> = orders
        .into_iter()
        .filter_map(|record| match record.order.what {
            What::Send { person, .. } => Some(CallMade {
                at: record.done_at?,
                person: person.as_str().to_owned(),
                incident: record.order.incident,
            }),
            _ => None,
        })
        .collect();
    let seen = Seen {
        range,
        now,
        incidents: &incidents,
        postmortems: &app.learning.postmortems().await?,
        meetings: &app.learning.sheets(SheetKind::Meeting).await?,
        calls: &calls,
        shifts: &shifts(app, range, now),
        handed_on: &handed_on,
        handled: &handled,
    };
    Ok(Review::of(&seen))
}

async fn incidents_of(app: &SharedApp, range: TimeRange) -> ApiResult<Vec<Incident>> {
    let mut find = Find { reported_in: Some(range), limit: Find::LIMIT_MAX, ..Find::default() };
    let mut all: Vec<Incident> = Vec::new();
    while all.len() < INCIDENTS_MAX {
        let page = app.incidents.find(&find).await?;
        let Some(oldest) = page.last() else { break };
        find.before = Some(oldest.id);
        all.extend(page);
    }
    Ok(all)
}

/// Who took it, from then until it was over.
async fn in_hand(
    app: &SharedApp,
    incident: &Incident,
    now: Timestamp,
) -> ApiResult<Option<(String, TimeRange)>> {
    let Some(acked) = incident.marks.acked.filter(|_| !incident.is_drill) else { return Ok(None) };
    let entries = app.incidents.timeline(incident.id, 0, ENTRIES_READ).await?;
    let taken = entries.iter().find(|entry| entry.kind == EntryKind::Acknowledged);
    let end = incident.marks.resolved.unwrap_or(now).max(acked);
    Ok(taken.map(|entry| (entry.actor.clone(), TimeRange::new(acked, end))))
}

/// Shifts of all schedules up to now; those to come are nobody's load yet.
fn shifts(app: &SharedApp, range: TimeRange, now: Timestamp) -> Vec<Shift> {
    let past = TimeRange::new(range.start, range.end.min(now).max(range.start));
    let roster = app.oncall.rota.roster();
    let schedules = roster.schedules.values().filter_map(|schedule| schedule.shifts(past).ok());
    schedules
        .flatten()
        .flat_map(|shift| {
            let people =
                shift.on_call.people.iter().map(|person| person.as_str().to_owned()).collect::<Vec<_>>();
            people.into_iter().map(move |person| Shift { person, range: shift.range })
        })
        .collect()
}

async fn read(app: &SharedApp, id: IncidentId) -> ApiResult<Postmortem> {
    app.learning.postmortem(id).await?.ok_or_else(|| LearningError::NotFound(id).into())
}

async fn stored(app: &SharedApp, next: &Postmortem) -> ApiResult<Json<api::Postmortem>> {
    app.learning.put_postmortem(next).await?;
    app.feed.publish("postmortem", Some(next.incident.to_string()));
    Ok(Json(render::learning::postmortem(next, app.clock.now())))
}

fn measures(measures: Vec<api::Measure>) -> Result<Vec<nines_learning::Measure>, LearningError> {
    measures.into_iter().map(render::learning::measure_in).collect()
}

fn incident_id(text: &str) -> ApiResult<IncidentId> {
    text.parse().map_err(|error| ApiError::from(IncidentError::from(error)))
}
