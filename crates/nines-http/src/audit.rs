//! What is written to the audit log, and what happens when it cannot be.
//!
//! Every call of a route with an audit word leaves one entry, whatever became of it; so does every refusal. The answer
//! waits until the entry is durable. If an entry cannot be written, calls that would leave one are refused until one can:
//! a privileged step that nobody can trace is worse than one that waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use nines_access::{Actor, AuditEntry, AuditLog, AuditResult};
use nines_base::{ErrorKind, SharedClock};
use parking_lot::Mutex;

use crate::problem::{ApiError, ApiResult, REQUEST_ID};

/// Refusals that are written in [`REFUSALS_WINDOW`]; the rest are only counted, and the count is written with the next.
/// A person who mistypes makes a few, a scanner makes thousands, each costing an fsync.
const REFUSALS_MAX: u32 = 60;
const REFUSALS_WINDOW: Duration = Duration::from_secs(60);

/// What a handler adds to its entry: put it into the answer as an extension.
#[derive(Debug, Clone, Default)]
pub struct AuditNote {
    /// Who it turned out to be, for calls that sign in.
    pub actor: Option<Arc<Actor>>,
    /// Such as `key/3f…`; without it, the path.
    pub resource: Option<String>,
    pub details: String,
    /// Nothing was done, only asked: a dry run.
    pub is_question: bool,
    /// What became of it, where the status does not say: some callers understand 200 only.
    pub outcome: Option<AuditResult>,
}

/// One call, as the guard sees it.
pub struct Call<'a> {
    pub action: &'a str,
    pub path: &'a str,
    pub peer: SocketAddr,
}

pub struct Auditor {
    pub log: Arc<dyn AuditLog>,
    clock: SharedClock,
    is_failing: AtomicBool,
    refusals: Mutex<Refusals>,
}

#[derive(Default)]
struct Refusals {
    window_began: Duration,
    written: u32,
    unwritten: u64,
}

impl Auditor {
    pub fn new(log: Arc<dyn AuditLog>, clock: SharedClock) -> Self {
        Self { log, clock, is_failing: AtomicBool::new(false), refusals: Mutex::default() }
    }

    /// Before a privileged call: can what it does be written down? After a failure, one call in flight tries.
    pub async fn ready(&self, actor: &Actor, call: &Call<'_>) -> ApiResult<()> {
        if !self.is_failing.load(Ordering::Acquire) {
            return Ok(());
        }
        let entry = self
            .entry(actor, call, AuditResult::Failed)
            .with_details("the audit log failed before this call, and is tried with it");
        self.append(&entry).await
    }

    /// After the call: one entry.
    pub async fn done(
        &self,
        actor: &Actor,
        call: &Call<'_>,
        status: StatusCode,
        note: &AuditNote,
    ) -> ApiResult<()> {
        if note.is_question {
            return Ok(());
        }
        let result = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => AuditResult::Denied,
            status if status.is_client_error() || status.is_server_error() => AuditResult::Failed,
            _ => note.outcome.unwrap_or(AuditResult::Done),
        };
        let actor = note.actor.as_deref().unwrap_or(actor);
        let mut entry = self.entry(actor, call, result).with_details(&note.details);
        if let Some(resource) = &note.resource {
            entry.resource.clone_from(resource);
        }
        self.append(&entry).await
    }

    /// A caller who was not let in. Bounded, see [`REFUSALS_MAX`].
    pub async fn refused(&self, actor: &Actor, call: &Call<'_>, reason: &str) {
        let unwritten = {
            let mut refusals = self.refusals.lock();
            let now = self.clock.monotonic();
            if now.saturating_sub(refusals.window_began) >= REFUSALS_WINDOW {
                (refusals.window_began, refusals.written) = (now, 0);
            }
            if refusals.written >= REFUSALS_MAX {
                refusals.unwritten += 1;
                return;
            }
            refusals.written += 1;
            std::mem::take(&mut refusals.unwritten)
        };
        let details = match unwritten {
            0 => reason.to_owned(),
            more => format!("{reason} ({more} refusals before this one were only counted)"),
        };
        let entry = self.entry(actor, call, AuditResult::Denied).with_details(&details);
        // The caller is refused anyway; the failure is in the node's log and stops privileged calls.
        let _ = self.append(&entry).await;
    }

    fn entry(&self, actor: &Actor, call: &Call<'_>, result: AuditResult) -> AuditEntry {
        let resource = call.path.strip_prefix("/api/v1/").unwrap_or(call.path);
        AuditEntry::new(self.clock.now(), actor, call.action, resource, result)
            .with_request(&REQUEST_ID.try_with(Clone::clone).unwrap_or_default())
            .with_address(&call.peer.to_string())
    }

    async fn append(&self, entry: &AuditEntry) -> ApiResult<()> {
        match self.log.append(entry).await {
            Ok(_) => {
                self.is_failing.store(false, Ordering::Release);
                Ok(())
            }
            Err(error) => {
                self.is_failing.store(true, Ordering::Release);
                tracing::error!(%error, action = entry.action, "the audit log cannot be written");
                Err(ApiError::new(ErrorKind::Unavailable, "the audit log cannot be written")
                    .code("audit_unavailable")
                    .hint("calls that change something are refused until it can; look at the disk and the node's log"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nines_access::MemoryRepository;
    use nines_base::{ManualClock, SystemClock};
    use nines_model::Timestamp;

    use super::*;

    fn call() -> Call<'static> {
        Call { action: "key.create", path: "/api/v1/keys", peer: SocketAddr::from(([10, 0, 0, 7], 4000)) }
    }

    #[tokio::test]
    async fn refusals_are_bounded_and_their_number_is_not_lost() {
        let log = Arc::new(MemoryRepository::default());
        let clock = ManualClock::at(Timestamp::from_secs(1_000));
        let auditor = Auditor::new(log.clone(), clock.clone());
        let stranger = Actor::anonymous(false);
        for _ in 0..REFUSALS_MAX + 7 {
            auditor.refused(&stranger, &call(), "no key").await;
        }
        assert_eq!(log.read(0, 1000).await.unwrap().len(), REFUSALS_MAX as usize);
        clock.advance(REFUSALS_WINDOW);
        auditor.refused(&stranger, &call(), "no key").await;
        let entries = log.read(0, 1000).await.unwrap();
        let last = &entries.last().unwrap().entry;
        assert!(last.details.contains("7 refusals before this one"), "{last:?}");
        assert_eq!(last.address, "10.0.0.7:4000");
    }

    #[tokio::test]
    async fn what_a_call_came_to_is_in_its_entry_and_dry_runs_leave_none() {
        let log = Arc::new(MemoryRepository::default());
        let auditor = Auditor::new(log.clone(), SystemClock::shared());
        let actor = Actor::system("test");
        let note = AuditNote { resource: Some("key/1".to_owned()), ..AuditNote::default() };
        for status in [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::CONFLICT] {
            auditor.done(&actor, &call(), status, &note).await.unwrap();
        }
        let question = AuditNote { is_question: true, ..AuditNote::default() };
        auditor.done(&actor, &call(), StatusCode::OK, &question).await.unwrap();
        let entries = log.read(0, 10).await.unwrap();
        let results: Vec<_> = entries.iter().map(|record| record.entry.result).collect();
        assert_eq!(results, [AuditResult::Done, AuditResult::Denied, AuditResult::Failed]);
        assert!(entries.iter().all(|record| record.entry.resource == "key/1"));
    }
}
