//! The loop that runs what policies ask for: an action of the catalogue or a runbook, ordered by a step.
//!
//! It is beside the page path and not on it: the escalator takes its next step by the clock, whether an action is done,
//! waits for somebody to approve it, or cannot be planned because the cloud does not answer. An order becomes a run of the
//! machine that people command too, at the level of whoever applied the policy as they are now, with all that is asked of
//! people: scopes, policies, limits, four eyes. The run's idempotency key comes from the order (incident, round and step),
//! so whoever is killed between an order and its run starts it once, and a step that is taken again in the same round finds
//! what it did. What becomes of the run is told by the run itself, on the incident's timeline.

use std::time::Duration;

use futures::StreamExt;
use nines_access::Actor;
use nines_actions::{ActionError, Caller, Intent, Request, Run, RunState};
use nines_base::{ErrorKind, Shutdown, chain};
use nines_http::{Runbooks, SharedApp, operator};
use nines_incidents::{Actor as IncidentActor, Command, EntryKind, IncidentId, Record, Text};
use nines_model::Timestamp;
use nines_oncall::PendingOrder;
use nines_oncall::escalation::What;
use tokio::task::JoinHandle;

/// As often as the escalator looks.
const ROUND: Duration = Duration::from_secs(1);
/// Orders that are looked at in one round, those for people among them.
const ORDERS_PER_ROUND: u32 = 2_000;
/// A cloud answers within seconds, and a storm opens many incidents: some at a time.
const AT_ONCE: usize = 4;
/// How long an action is tried that cannot be started now: a cloud that throttles is back by then, and what is done later
/// is nothing that anybody expects any more.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

pub fn start(app: &SharedApp, shutdown: &Shutdown) -> JoinHandle<()> {
    tokio::spawn(run(app.clone(), shutdown.clone()))
}

/// What a target of a policy means, as things are now.
pub fn intent(runbooks: &Runbooks, name: &str, with: &str) -> Result<Intent, ActionError> {
    let values = match with {
        "" => serde_json::Map::new(),
        with => serde_json::from_str(with).map_err(|error| ActionError::Invalid(error.to_string()))?,
    };
    runbooks.intent(name, &values)
}

async fn run(app: SharedApp, shutdown: Shutdown) {
    while !shutdown.has_begun() {
        if let Err(error) = round(&app).await {
            tracing::warn!(error = %chain(&*error), "the actions of policies cannot be run, will retry");
        }
        tokio::select! {
            () = shutdown.begun() => {}
            () = app.clock.sleep(ROUND) => {}
        }
    }
}

async fn round(app: &SharedApp) -> anyhow::Result<()> {
    let pending = app.oncall.repository.pending_orders(ORDERS_PER_ROUND).await?;
    let actions = pending.into_iter().filter(|order| matches!(order.what, What::Action { .. }));
    let done = futures::stream::iter(actions.map(|order| async move {
        if let Err(error) = perform(app, &order).await {
            tracing::warn!(order = order.key, error = %chain(&*error), "an action of a policy cannot be run, will retry");
        }
    }));
    done.buffer_unordered(AT_ONCE).collect::<()>().await;
    Ok(())
}

/// What is to be said of an order that is over.
struct Told {
    text: String,
    run: Option<Run>,
}

async fn perform(app: &SharedApp, order: &PendingOrder) -> anyhow::Result<()> {
    let now = app.clock.now();
    let Some(Told { text, run }) = attempt(app, order, now).await? else { return Ok(()) };
    // Said before the order is done: said twice after a crash rather than never.
    write(app, order, text, run.as_ref().map(link), now).await;
    app.oncall.repository.orders_done(std::slice::from_ref(&order.key), now).await?;
    app.feed.publish("oncall", Some(order.incident.clone()));
    Ok(())
}

/// `None`: not now.
async fn attempt(app: &SharedApp, order: &PendingOrder, now: Timestamp) -> anyhow::Result<Option<Told>> {
    let What::Action { name, with, step, once, policy_version } = &order.what else { return Ok(None) };
    let action = format!("action {name} of step {step}");
    let over = |text: String, run: Option<Run>| Ok(Some(Told { text: format!("{action}: {text}"), run }));
    let Some(stored) = app.oncall.repository.escalation(&order.incident).await? else {
        return over("not run, its escalation is gone".to_owned(), None);
    };
    let policy = &stored.state.policy.name;
    let once = if once.is_empty() { &order.key } else { once };
    let author = format!("escalation policy {policy}");
    let key = format!("escalation/{once}");
    let known = app.operations.actions.by_key(&author, &key).await?;
    let is_answered = stored.state.is_acked() || stored.state.is_over();
    match known.as_ref().map(|run| (run, run.state)) {
        None | Some((_, RunState::Ready)) => {}
        // Once it is approved it is ready, and started here.
        Some((run, RunState::WaitingForApproval)) if !is_answered => {
            return waits(
                app,
                order,
                format!("{action}: run {} waits for a second person to approve it", run.id),
                run,
                now,
            )
            .await;
        }
        Some((run, state)) => {
            let text = format!("run {} is {}, and is not asked for twice", run.id, words(state));
            return over(text, known);
        }
    }
    let owner = match owner(app, policy, *policy_version).await? {
        Ok(owner) => owner,
        Err(why) => return over(format!("not run, {why}"), known),
    };
    let caller = caller(app, &owner, &author);
    if is_answered {
        give_up(app, &caller, known.as_ref()).await;
        return over("not run, somebody has answered".to_owned(), known);
    }
    let request =
        Request { idempotency_key: Some(key), incident: Some(order.incident.clone()), plan_hash: None };
    let run = match intent(&app.operations.runbooks, name, with) {
        Ok(intent) => app.operations.actions.run(&caller, intent, &request).await,
        Err(error) => Err(error),
    };
    let at = format!("at the level of {}, who applied the policy", owner.name);
    match run {
        Ok(run) if run.state == RunState::WaitingForApproval => {
            let text =
                format!("{action}: run {} waits for a second person to approve it; asked for {at}", run.id);
            waits(app, order, text, &run, now).await
        }
        Ok(run) => over(format!("run {} started {at}", run.id), Some(run)),
        Err(error) if may_pass(&error) && now.since(order.ordered_at) < PATIENCE => {
            if app.oncall.repository.tell_once(&format!("action-waits/{}", order.key), now).await? {
                let text = format!("{action}: cannot be run yet and is tried again: {}", chain(&error));
                write(app, order, text, None, now).await;
            }
            Ok(None)
        }
        Err(error) => {
            let known = app
                .operations
                .actions
                .by_key(&author, request.idempotency_key.as_deref().unwrap_or_default());
            let known = known.await?;
            give_up(app, &caller, known.as_ref()).await;
            over(format!("not run {at}: {}", chain(&error)), known)
        }
    }
}

/// Says once that it waits for somebody. The order stays, so that the run is started when it is approved; a run that nobody
/// approves is given up by the machine, and the order with it.
async fn waits(
    app: &SharedApp,
    order: &PendingOrder,
    text: String,
    run: &Run,
    now: Timestamp,
) -> anyhow::Result<Option<Told>> {
    if app.oncall.repository.tell_once(&format!("action-approval/{}", order.key), now).await? {
        write(app, order, text, Some(link(run)), now).await;
    }
    Ok(None)
}

fn link(run: &Run) -> String {
    format!("/operations/run/{}", run.id)
}

/// Whether it may be another answer soon: what is busy, throttled or stopped now.
fn may_pass(error: &ActionError) -> bool {
    matches!(error, ActionError::TargetBusy { .. })
        || matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable)
}

/// A run that was asked for and not started counts against the open ones.
async fn give_up(app: &SharedApp, caller: &Caller, run: Option<&Run>) {
    let Some(run) = run.filter(|run| run.state == RunState::Ready) else { return };
    if let Err(error) = app.operations.actions.cancel(caller, &run.id).await {
        tracing::warn!(run = %run.id, %error, "a run that was not started could not be given up");
    }
}

/// Whoever applied this version of the policy, as they are now; or why that is nobody.
async fn owner(app: &SharedApp, policy: &str, version: u64) -> anyhow::Result<Result<Actor, String>> {
    let revisions = app.objects.history("EscalationPolicy", policy).await?;
    let Some(revision) = revisions.into_iter().find(|revision| revision.revision == version) else {
        return Ok(Err(format!("nobody knows who applied version {version} of the policy")));
    };
    let by = revision.applied_by;
    Ok(app.access.holder_named(&by).await?.ok_or_else(|| {
        format!(
            "`{by}` applied the policy and is nobody whose rights are certain now: somebody who may run it applies it anew"
        )
    }))
}

/// The rights of the owner; a name of its own, so that an order is one run whoever owns the policy by now.
fn caller(app: &SharedApp, owner: &Actor, author: &str) -> Caller {
    Caller { name: author.to_owned(), is_automated: true, may_approve: false, ..operator(app, owner) }
}

fn words(state: RunState) -> String {
    state.as_str().replace('_', " ")
}

async fn write(app: &SharedApp, order: &PendingOrder, text: String, link: Option<String>, now: Timestamp) {
    let Ok(incident) = order.incident.parse::<IncidentId>() else { return };
    let record = Record { at: now, kind: EntryKind::Page, text: Text::Plain(text), link };
    let written = app.incidents.act(incident, &Command::Record(record), &IncidentActor::system()).await;
    if let Err(error) = written {
        tracing::warn!(error = %chain(&error), "an action of a policy is not on the timeline");
    }
}
