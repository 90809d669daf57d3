//! Which services need which, as their traces show it, for the desk: an alert of a service is held while a service that
//! it needs has a graver one. Paging does not wait for it: without a map, or with an old one, alerts are told.

use std::sync::Arc;
use std::time::Duration;

use nines_apm::{Apm, Scope};
use nines_base::{SharedClock, Shutdown};
use nines_model::TimeRange;
use nines_oncall::noise::Dependencies;
use nines_query::Engine;
use tokio::task::JoinHandle;

use super::Shared;

/// What services call changes with deploys, not with minutes.
const EVERY: Duration = Duration::from_secs(60);
/// Until there is a first call between two services, it is looked for more often.
const EVERY_WHILE_EMPTY: Duration = Duration::from_secs(5);
/// Calls that are older say nothing about today's outage.
const LOOK_BACK: Duration = Duration::from_secs(15 * 60);

pub fn start(engine: Engine, shared: Arc<Shared>, clock: SharedClock, shutdown: Shutdown) -> JoinHandle<()> {
    tokio::spawn(async move {
        let apm = Apm::new(engine);
        let mut is_empty = true;
        while !shutdown.has_begun() {
            let now = clock.now();
            match apm.map(&Scope::of(TimeRange::new(now - LOOK_BACK, now))).await {
                Ok((map, _)) => {
                    is_empty = map.edges.is_empty();
                    // Behind a queue nobody waits: what is down there is no cause up here.
                    let waited = map.edges.iter().filter(|edge| !edge.is_async);
                    let calls = waited.map(|edge| (edge.caller.to_string(), edge.callee.to_string()));
                    *shared.dependencies.lock() = Arc::new(Dependencies::of_calls(calls));
                }
                Err(error) => {
                    tracing::warn!(
                        error = error.to_string(),
                        "the map of services cannot be read, will retry"
                    );
                }
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = clock.sleep(if is_empty { EVERY_WHILE_EMPTY } else { EVERY }) => {}
            }
        }
    })
}
