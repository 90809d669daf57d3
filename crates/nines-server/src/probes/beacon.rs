//! The node's own heartbeat: a call to somebody outside, who notices when it ends. It goes out only while the page path
//! does its rounds and its auditor looks, so that a node that looks alive but pages nobody is missed as well.

use std::sync::Arc;
use std::time::Duration;

use nines_base::{SharedClock, Shutdown};
use nines_egress::{Egress, Request};

use crate::paging::Vitals;

/// A node that is gone is noticed within 90 s by a watcher with a grace of half a minute.
const EVERY: Duration = Duration::from_secs(60);

pub struct Beacon {
    /// `None`: nobody outside is told.
    pub url: Option<String>,
    pub egress: Egress,
    pub clock: SharedClock,
    pub vitals: Arc<Vitals>,
}

impl Beacon {
    pub async fn run(self, shutdown: Shutdown) {
        let Some(url) = &self.url else { return };
        while !shutdown.has_begun() {
            if let Some(why) = self.vitals.standstill(&self.clock) {
                tracing::error!(why, "no heartbeat is sent: the page path stands still");
            } else {
                match self.egress.send(Request::get(url.as_str())).await {
                    Ok(response) if response.status.is_success() => {}
                    Ok(response) => tracing::warn!(status = %response.status, "the heartbeat was not taken"),
                    Err(error) => tracing::warn!(%error, "the heartbeat could not be sent"),
                }
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.clock.sleep(EVERY) => {}
            }
        }
    }
}
