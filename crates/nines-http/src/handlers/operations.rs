//! Operations: what can be done, what would be done, and what is being done.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use futures::Stream;
use nines_access::Actor;
use nines_actions::{ActionError, Answer, Request, Run, RunFilter, RunId, RunState, infra};
use nines_api as api;
use nines_incidents::IncidentError;
use serde::Deserialize;

use crate::audit::AuditNote;
use crate::extract::Body;
use crate::policies::operator;
use crate::problem::{ApiError, ApiResult};
use crate::render::operations as render;
use crate::{Feed, SharedApp};

const RUNS_SHOWN: u32 = 100;
const RUNS_SHOWN_MAX: u32 = 1_000;
/// Events of one run that are read at a time. A run of 200 steps has some 700.
const EVENTS_READ_MAX: u32 = 1_000;
/// Proxies cut silent connections after 30 to 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How often a stream of events looks by itself, should a message about its run have been lost.
const EVENTS_INTERVAL: Duration = Duration::from_secs(5);
/// The longest reason of a stop.
const REASON_CHARS_MAX: usize = 500;

impl From<ActionError> for ApiError {
    fn from(error: ActionError) -> Self {
        let answer = Self::from_kind(error.kind(), &error);
        match error {
            ActionError::PlanChanged { .. } => answer.code("plan_changed"),
            ActionError::ApprovalExpired { .. } => answer.code("approval_expired"),
            ActionError::OverRadius { .. } => answer.code("over_radius"),
            ActionError::Barred { .. } => answer.code("policy"),
            ActionError::TargetBusy { .. } => answer.code("target_busy"),
            ActionError::KeyReused { .. } => answer.code("idempotency_key_reused"),
            ActionError::Damped { .. } | ActionError::Worsened { .. } => answer.code("damped"),
            ActionError::Stopped { .. } => {
                answer.code("actions_stopped").hint("an administrator lifts the stop: nines ops stop --lift")
            }
            ActionError::Unaudited { .. } => {
                answer.code("audit_unavailable").hint("look at the disk and the node's log")
            }
            _ => answer,
        }
    }
}

pub async fn list(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult<Json<api::ActionsResponse>> {
    let caller = operator(&app, &actor);
    let operations = &app.operations;
    Ok(Json(api::ActionsResponse {
        cloud: operations.actions.cloud_name(),
        actions: render::catalogue(operations.runbooks.all().values()),
        level: caller.level.as_str().to_owned(),
        may_approve: caller.may_approve,
        stop: operations.actions.stop().await?.as_ref().map(render::stop),
    }))
}

pub async fn inventory(State(app): State<SharedApp>) -> ApiResult<Json<api::CloudInventory>> {
    let actions = &app.operations.actions;
    let inventory = actions.inventory().await?;
    Ok(Json(render::inventory(actions.cloud_name(), &inventory)))
}

pub async fn read(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(asked): Body<api::PlanRequest>,
) -> ApiResult<Json<api::SeenResponse>> {
    let seen = app.operations.actions.read(&operator(&app, &actor), &asked.action, &asked.arguments).await?;
    Ok(Json(api::SeenResponse { seen: infra::seen_json(&seen) }))
}

pub async fn plan(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(asked): Body<api::PlanRequest>,
) -> ApiResult<Json<api::ActionPlan>> {
    let intent = app.operations.intent(&asked.action, &asked.arguments)?;
    let caller = operator(&app, &actor);
    let plan = app.operations.actions.plan(&caller, intent).await?;
    let barred = app.operations.actions.would_bar(&caller, &plan, asked.incident.as_deref()).await;
    Ok(Json(render::plan(&plan, barred)))
}

#[derive(Debug, Deserialize)]
pub struct RunsQuery {
    state: Option<String>,
    incident: Option<String>,
    action: Option<String>,
    limit: Option<u32>,
}

pub async fn runs(
    State(app): State<SharedApp>,
    Query(asked): Query<RunsQuery>,
) -> ApiResult<Json<api::RunsResponse>> {
    let state = asked.state.as_deref().map(run_state).transpose()?;
    let filter = RunFilter { state, incident: asked.incident, action: asked.action };
    let limit = asked.limit.unwrap_or(RUNS_SHOWN).clamp(1, RUNS_SHOWN_MAX);
    let runs = app.operations.actions.list(&filter, limit).await?;
    Ok(Json(api::RunsResponse { runs: runs.iter().map(render::run).collect() }))
}

fn run_state(word: &str) -> ApiResult<RunState> {
    RunState::parse(word).ok_or_else(|| {
        let known: Vec<_> = RunState::ALL.iter().map(|state| state.as_str()).collect();
        let near = nines_filter::nearest(word, known.iter().copied());
        let hint = near.map_or_else(
            || format!("the states are {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        ApiError::invalid(format!("a run is never `{word}`")).hint(hint)
    })
}

pub async fn start(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(asked): Body<api::RunRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::ActionRun>)> {
    check_incident(&app, asked.incident.as_deref()).await?;
    let intent = app.operations.intent(&asked.action, &asked.arguments)?;
    let request = Request {
        idempotency_key: asked.idempotency_key,
        incident: asked.incident,
        plan_hash: Some(asked.plan_hash),
    };
    let run = app.operations.actions.run(&operator(&app, &actor), intent, &request).await?;
    told(&app.feed, &run);
    Ok((Extension(note(&run)), Json(render::run(&run))))
}

/// An incident that a run is to be linked to has to be there: a typo would leave its timeline silent.
pub async fn check_incident(app: &SharedApp, incident: Option<&str>) -> ApiResult<()> {
    if let Some(incident) = incident {
        let id = incident.parse().map_err(IncidentError::from)?;
        app.incidents.get(id).await?;
    }
    Ok(())
}

pub async fn show(State(app): State<SharedApp>, Path(id): Path<String>) -> ApiResult<Json<api::ActionRun>> {
    Ok(Json(render::run(&app.operations.actions.get(&RunId(id)).await?)))
}

#[derive(Debug, Deserialize)]
pub struct EventsQuery {
    after: Option<u64>,
}

pub async fn history(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    Query(asked): Query<EventsQuery>,
) -> ApiResult<Json<api::RunEventsResponse>> {
    let run = app.operations.actions.get(&RunId(id)).await?;
    let events = app.operations.history.of_run(&run.id, asked.after.unwrap_or(0), EVENTS_READ_MAX).await;
    let events = events.map_err(ActionError::from)?;
    Ok(Json(api::RunEventsResponse { events: events.iter().map(render::event).collect() }))
}

/// What happened and happens to one run, each event once, until the run is over.
pub async fn events(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    Query(asked): Query<EventsQuery>,
) -> ApiResult<Sse<impl Stream<Item = Result<Message, Infallible>>>> {
    let changes = app.feed.subscribe();
    let run = app.operations.actions.get(&RunId(id)).await?.id;
    let waiting = std::collections::VecDeque::<api::RunEvent>::new();
    let state = (app, run, asked.after.unwrap_or(0), waiting, changes);
    let stream =
        futures::stream::unfold(state, |(app, run, mut after, mut waiting, mut changes)| async move {
            loop {
                if let Some(event) = waiting.pop_front() {
                    after = event.sequence;
                    let message =
                        Message::default().event("run").json_data(&event).expect("an event is plain data");
                    return Some((Ok(message), (app, run, after, waiting, changes)));
                }
                // Asked before the events are read: what it did at last is then among them.
                let is_over = app
                    .operations
                    .actions
                    .get(&run)
                    .await
                    .map_or(true, |run| run.state.is_over() && run.unwitnessed.is_empty());
                let Ok(events) = app.operations.history.of_run(&run, after, EVENTS_READ_MAX).await else {
                    return None;
                };
                waiting.extend(events.iter().map(render::event));
                if !waiting.is_empty() {
                    continue;
                }
                if is_over {
                    return None;
                }
                tokio::select! {
                    () = app.shutdown.begun() => return None,
                    // Whatever came, or was missed: look again.
                    _ = changes.recv() => {}
                    () = app.clock.sleep(EVENTS_INTERVAL) => {}
                }
            }
        });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("alive")))
}

const STEPS: [&str; 4] = ["approve", "start", "cancel", "answer"];

pub async fn step(
    State(app): State<SharedApp>,
    Path((id, step)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(asked): Body<api::RunStepRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::ActionRun>)> {
    let (actions, caller, id) = (&app.operations.actions, operator(&app, &actor), RunId(id));
    let run = match step.as_str() {
        "approve" => {
            let hash = asked.plan_hash.ok_or_else(|| {
                ApiError::invalid("`plan_hash` is missing")
                    .hint("an approval is for exactly one plan: send the hash of the one that you looked at")
            })?;
            actions.approve(&caller, &id, &hash).await?
        }
        "start" => actions.start(&caller, &id).await?,
        "cancel" => actions.cancel(&caller, &id).await?,
        "answer" => {
            let answer = asked.answer.as_deref().and_then(Answer::parse).ok_or_else(|| {
                ApiError::invalid("`answer` is missing or unknown").hint("answer done, retry or compensate")
            })?;
            actions.answer(&caller, &id, answer).await?
        }
        other => {
            let near = nines_filter::nearest(other, STEPS);
            let hint = near.map_or_else(
                || format!("the steps are {}", STEPS.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(ApiError::not_found(format!("a run has no step `{other}`")).hint(hint));
        }
    };
    told(&app.feed, &run);
    let note = AuditNote { details: format!("{step}: {}", note(&run).details), ..note(&run) };
    Ok((Extension(note), Json(render::run(&run))))
}

pub async fn stop(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
    Body(asked): Body<api::StopRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::GlobalStop>)> {
    let reason = asked.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control)
    {
        return Err(ApiError::invalid(format!(
            "`reason` must be a line of 1 to {REASON_CHARS_MAX} characters"
        ))
        .hint("say it for everybody whose run stands still now"));
    }
    let stop = app.operations.actions.stop_all(&operator(&app, &actor), reason).await?;
    app.feed.publish("run", None);
    let note = AuditNote { details: reason.to_owned(), ..AuditNote::default() };
    Ok((Extension(note), Json(render::stop(&stop))))
}

pub async fn lift_stop(
    State(app): State<SharedApp>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult<StatusCode> {
    app.operations.actions.lift_stop(&operator(&app, &actor)).await?;
    app.feed.publish("run", None);
    Ok(StatusCode::NO_CONTENT)
}

fn told(feed: &Feed, run: &Run) {
    feed.publish("run", Some(run.id.0.clone()));
}

pub fn note(run: &Run) -> AuditNote {
    let hash = &run.plan.hash[..run.plan.hash.len().min(12)];
    let targets = run.plan.targets.join(", ");
    AuditNote {
        resource: Some(format!("runs/{}", run.id)),
        details: format!("{} on {targets}, plan {hash}, {}", run.plan.action, run.state.as_str()),
        ..AuditNote::default()
    }
}
