//! The control loop of subscribers to status pages. It shares neither a queue nor a connection with paging: it reads
//! `control.db`, compares what pages show with what was posted, and tells whoever is behind. Takes no input, wakes by the
//! feed of incidents and by time, and doing it twice tells nobody twice.

use std::time::Duration;

use nines_base::Shutdown;
use nines_http::SharedApp;
use tokio::task::JoinHandle;

/// News are told within this time, and a maintenance that is announced too.
const ROUND: Duration = Duration::from_secs(10);
/// After a change of an incident: several come together, and are told in one letter.
const SETTLE: Duration = Duration::from_secs(1);

pub fn start(app: &SharedApp, shutdown: &Shutdown) -> JoinHandle<()> {
    tokio::spawn(run(app.clone(), shutdown.clone()))
}

async fn run(app: SharedApp, shutdown: Shutdown) {
    let mut changes = app.incidents.watch(app.incidents.revision().await.unwrap_or(0));
    while !shutdown.has_begun() {
        if let Err(error) = app.subscribers.tell(&app).await {
            tracing::warn!(error = error.detail(), "subscribers of status pages cannot be told, will retry");
        }
        let pause = tokio::select! {
            () = shutdown.begun() => Duration::ZERO,
            () = app.clock.sleep(ROUND) => Duration::ZERO,
            changed = changes.next() => if changed.is_ok() { SETTLE } else { ROUND },
        };
        tokio::select! {
            () = shutdown.begun() => {}
            () = app.clock.sleep(pause) => {}
        }
    }
}
