//! The control loops of learning: each resolved incident that must be learnt from gets the draft of its postmortem, and
//! reviews go out by mail.
//!
//! Takes no input, wakes by the feed of incidents and by time, and doing it twice does no harm: what is drafted is left
//! alone unless its incident was resolved anew.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nines_base::{SharedClock, Shutdown, chain};
use nines_http::{Feed, Promises, SharedApp, drafted, reports};
use nines_incidents::{Incidents, Query, State};
use nines_learning::LearningStore;
use nines_state::Database;
use nines_state::learning::SqliteLearning;
use tokio::task::JoinHandle;

/// How long a change may be missed before resolved incidents are looked at anyway.
const ROUND: Duration = Duration::from_secs(30);
/// Reports are of days, and people notice no seconds.
const REPORTS_ROUND: Duration = Duration::from_secs(10);
/// Resolved incidents that are looked at: a draft is due at once, so the newest are enough even after a day's outage.
const LOOKED_AT: u32 = 200;

pub struct Surroundings {
    pub control: Database,
    pub clock: SharedClock,
    pub incidents: Incidents,
    pub promises: Arc<dyn Promises>,
    pub feed: Feed,
}

/// The store for handlers, and the loop.
pub fn start(surroundings: Surroundings, shutdown: &Shutdown) -> (Arc<dyn LearningStore>, JoinHandle<()>) {
    let store: Arc<dyn LearningStore> = Arc::new(SqliteLearning::new(surroundings.control.clone()));
    let task = tokio::spawn(run(Arc::clone(&store), surroundings, shutdown.clone()));
    (store, task)
}

/// The loop of reports by mail. What is due is put into the outbox, which knows what it has: doing it twice does no harm.
pub fn report(app: &SharedApp, shutdown: &Shutdown) -> JoinHandle<()> {
    let (app, shutdown) = (app.clone(), shutdown.clone());
    tokio::spawn(async move {
        let mut done = BTreeSet::new();
        while !shutdown.has_begun() {
            if let Err(error) = reports::send_due(&app, &mut done).await {
                tracing::warn!(error = error.detail(), "reports cannot be sent, will retry");
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = app.clock.sleep(REPORTS_ROUND) => {}
            }
        }
    })
}

async fn run(store: Arc<dyn LearningStore>, with: Surroundings, shutdown: Shutdown) {
    let mut changes = with.incidents.watch(with.incidents.revision().await.unwrap_or(0));
    while !shutdown.has_begun() {
        if let Err(error) = round(store.as_ref(), &with).await {
            tracing::warn!(error = %chain(&error), "postmortems cannot be drafted, will retry");
        }
        tokio::select! {
            () = shutdown.begun() => {}
            () = with.clock.sleep(ROUND) => {}
            changed = changes.next() => if changed.is_err() {
                with.clock.sleep(ROUND).await;
            }
        }
    }
}

async fn round(store: &dyn LearningStore, with: &Surroundings) -> Result<(), nines_http::DraftError> {
    let resolved = Query { state: Some(State::Resolved), limit: LOOKED_AT, ..Query::default() };
    for incident in with.incidents.find(&resolved).await? {
        let before = store.postmortem(incident.id).await?.map(|known| known.version);
        let now = with.clock.now();
        let drafted = drafted(store, &with.incidents, with.promises.as_ref(), &incident, false, now).await?;
        if drafted.map(|drafted| drafted.version) != before {
            with.feed.publish("postmortem", Some(incident.id.to_string()));
        }
    }
    Ok(())
}
