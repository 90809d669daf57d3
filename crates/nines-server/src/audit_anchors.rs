//! Writes down where the audit log ends, outside the store, so that nobody who can write the store can cut the log off or
//! write it anew without being found out ([`nines_access::anchor`]).
//!
//! Every half minute in which something was added: a line in the node's own log, which whoever collects it keeps, and one in
//! the file that `--audit-anchors` names. Before each line the log must still hold the one before; if it does not, the node
//! says so in its log and its status until it is started with another file. Nothing waits for this loop.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use nines_access::anchor::read_anchors;
use nines_access::{Anchor, AuditLog, AuditQuery};
use nines_base::{SharedClock, Shutdown};
use tokio::task::JoinHandle;

/// An entry is anchored within a minute, whatever one round takes.
const ROUND: Duration = Duration::from_secs(30);

struct AuditAnchors {
    log: Arc<dyn AuditLog>,
    clock: SharedClock,
    file: Option<PathBuf>,
    last: Option<Anchor>,
    is_broken: Arc<AtomicBool>,
}

/// Tells whether the log was found not to hold what was written down.
#[derive(Clone, Default)]
pub struct AuditAlarm(Arc<AtomicBool>);

impl AuditAlarm {
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// # Errors
/// The file exists and is not one of anchors, or cannot be written.
pub fn start(
    file: Option<&Path>,
    log: Arc<dyn AuditLog>,
    clock: &SharedClock,
    shutdown: &Shutdown,
) -> anyhow::Result<(AuditAlarm, JoinHandle<()>)> {
    let mut last = None;
    if let Some(path) = file {
        append(path, "").with_context(|| format!("cannot write audit anchors to {}", path.display()))?;
        let text = std::fs::read_to_string(path)?;
        last = read_anchors(&text).map_err(|fault| anyhow!("{}, {fault}", path.display()))?.pop();
    }
    let alarm = AuditAlarm::default();
    let (clock, file, is_broken) = (Arc::clone(clock), file.map(Path::to_owned), Arc::clone(&alarm.0));
    let mut anchors = AuditAnchors { log, clock, file, last, is_broken };
    let shutdown = shutdown.clone();
    let task = tokio::spawn(async move {
        while !shutdown.has_begun() {
            if let Err(error) = anchors.round().await {
                tracing::warn!(error = format!("{error:#}"), "cannot anchor the audit log, will retry");
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = anchors.clock.sleep(ROUND) => {}
            }
        }
        // What the stop itself left in the log is anchored too.
        if let Err(error) = anchors.round().await {
            tracing::warn!(error = format!("{error:#}"), "cannot anchor the audit log");
        }
    });
    Ok((alarm, task))
}

impl AuditAnchors {
    async fn round(&mut self) -> anyhow::Result<()> {
        if let Some(last) = self.last
            && !self
                .log
                .read(last.sequence - 1, 1)
                .await?
                .first()
                .is_some_and(|entry| Anchor::from(entry) == last)
        {
            self.is_broken.store(true, Ordering::Relaxed);
            tracing::error!(anchor = %last, "the audit log does not hold what was written down of it: it was cut off or written anew");
            return Ok(());
        }
        let newest = self.log.find(&AuditQuery { limit: 1, ..AuditQuery::default() }).await?;
        let Some(anchor) = newest.first().map(Anchor::from).filter(|anchor| self.last != Some(*anchor))
        else {
            return Ok(());
        };
        tracing::info!(%anchor, "audit log");
        if let Some(path) = &self.file {
            append(path, &format!("{} {anchor}\n", self.clock.now()))
                .with_context(|| format!("cannot write to {}", path.display()))?;
        }
        self.last = Some(anchor);
        Ok(())
    }
}

/// Some eighty bytes and a sync, twice a minute.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}
