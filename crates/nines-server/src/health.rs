//! What the node says of itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use nines_api as api;
use nines_base::{SharedClock, disk::SharedDisk};
use nines_http::Health;
use nines_ingest::{Ingest, Tenants};
use nines_model::{Dataset, Timestamp};
use nines_notify::{OutboxStore, PageState};
use nines_oncall::Rota;
use nines_receive::{Connections, Cut, OtlpReceiver};
use nines_storage::{Limit, Notice, Store};
use parking_lot::Mutex;

use crate::audit_anchors::AuditAlarm;
use crate::listeners::Listeners;
use crate::oncall::Shared;
use crate::paging::{Vitals, count};
use crate::promises::PromiseKeeper;
use crate::series::Metrics;

/// Rules not evaluated for this long are late: `paging_delayed`.
const EVALUATION_LATE: Duration = Duration::from_secs(10);

pub struct NodeHealth {
    pub clock: SharedClock,
    pub started_at: Timestamp,
    pub disk: SharedDisk,
    pub data_dir: PathBuf,
    pub tenants: Tenants,
    pub store: Store,
    pub metrics: Metrics,
    pub ingest: Ingest,
    pub keeper: Arc<PromiseKeeper>,
    pub outbox: Arc<dyn OutboxStore>,
    pub vitals: Arc<Vitals>,
    pub rota: Rota,
    pub shared: Arc<Shared>,
    /// All that take telemetry over HTTP and gRPC.
    pub receivers: Vec<OtlpReceiver>,
    pub listeners: Listeners,
    /// What recovery found damaged, in words.
    pub recovery_damage: Vec<String>,
    pub audit_alarm: AuditAlarm,
    pub leading: Option<nines_pair::Leadership>,
    /// Accepted events when they were last looked at, for the rate.
    pub last_rate: Mutex<(Duration, u64, f64)>,
}

#[async_trait]
impl Health for NodeHealth {
    async fn status(&self) -> Result<api::Status, Box<dyn std::error::Error + Send + Sync>> {
        let stats = self.ingest.stats();
        let store = self.store.stats();
        let counts = self.outbox.counts().await?;
        let damage: Vec<String> =
            self.recovery_damage
                .iter()
                .cloned()
                .chain(self.metrics.damage())
                .chain(
                    self.store.damaged().iter().map(|damaged| {
                        format!("segment {}: {}", damaged.file.path.display(), damaged.reason)
                    }),
                )
                .collect();
        let received: nines_receive::Stats = self.receivers.iter().map(OtlpReceiver::stats).sum();
        let evaluated_ago = self.vitals.evaluated_ago(&self.clock);
        let accepted: u64 = stats.accepted_events.values().sum();
        let series = self.metrics.status();
        let mut modes = Vec::new();
        if stats.journal.failed_commits_in_a_row > 0 || series.failed_commits_in_a_row > 0 {
            modes.push("journal_failed".to_owned());
        }
        if !damage.is_empty() {
            modes.push("storage_damaged".to_owned());
        }
        if evaluated_ago > EVALUATION_LATE || self.vitals.standstill(&self.clock).is_some() {
            modes.push("paging_delayed".to_owned());
        }
        if self.audit_alarm.is_on() {
            modes.push("audit_log_cut".to_owned());
        }
        let pair = self.leading.as_ref().map(|leading| crate::pair::shown(leading.status()));
        if let Some(pair) = &pair {
            if pair.by_promise || !pair.reaches_postgresql {
                modes.push("pair_alone".to_owned());
            }
            if pair.trouble.is_some() || pair.backlog_writes > 0 {
                modes.push("pair_behind".to_owned());
            }
        }
        let millis = |duration: Option<Duration>| duration.map(|duration| duration.as_secs_f64() * 1e3);
        Ok(api::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at.to_string(),
            now: self.clock.now().to_string(),
            modes,
            durability: "fsync".to_owned(),
            ingest: api::IngestStatus {
                accepted_events: accepted,
                accepted_bytes: stats.accepted_bytes,
                refused: stats
                    .refused_requests
                    .iter()
                    .map(|(reason, count)| api::Refused { reason: (*reason).to_owned(), count: *count })
                    .collect(),
                requests: api::ReceivedRequests {
                    accepted: received.requests_accepted,
                    rejected: received.requests_rejected,
                    deferred: received.requests_deferred,
                    failed: received.requests_failed,
                    records_rejected: received.items_rejected,
                },
                stamps: api::StampStatus {
                    undated: stats.undated_events,
                    ahead: stats.ahead_events,
                    late: stats.late_events,
                },
                scopes: crate::tenants::shown(&self.tenants),
                events_per_second: self.rate(accepted),
                fsync_p50_ms: millis(stats.journal.commit_latency.quantile(0.5)),
                fsync_p99_ms: millis(stats.journal.commit_latency.quantile(0.99)),
                // By its arrival: one source whose clock is ahead would hide that nothing comes any more.
                last_event_at: self.store.newest_received_at().map(|at| at.to_string()),
            },
            listeners: self.listeners.all().map(listener).into(),
            storage: Dataset::ALL
                .into_iter()
                .map(|dataset| {
                    let stats = store.datasets.get(&dataset).cloned().unwrap_or_default();
                    api::DatasetStatus {
                        dataset: dataset.to_string(),
                        rows: stats.hot_rows + stats.segment_rows,
                        hot_rows: stats.hot_rows,
                        segments: stats.segments,
                        bytes_on_disk: stats.segment_bytes,
                        columns: stats.columns,
                        oldest: stats.oldest.map(|at| at.to_string()),
                        newest: stats.newest.map(|at| at.to_string()),
                    }
                })
                .collect(),
            series,
            journal_bytes: store.journal_bytes,
            disk_free_bytes: self.disk.free_bytes(&self.data_dir).unwrap_or(0),
            memory_bytes: resident_bytes(),
            paging: api::PagingStatus {
                rules: self.keeper.kept().len() as u64,
                firing: self.vitals.firing.load(Ordering::Relaxed),
                queued: count(&counts, PageState::Queued) + count(&counts, PageState::Sending),
                undeliverable: count(&counts, PageState::Undeliverable),
                evaluated_secs_ago: evaluated_ago.as_secs_f64(),
                oldest_queued_secs: self
                    .outbox
                    .oldest_due()
                    .await?
                    .map(|due| self.clock.now().since(due).as_secs_f64()),
                walked_secs_ago: self.vitals.walked_ago(&self.clock).as_secs_f64(),
                audited_secs_ago: self.vitals.audited_ago(&self.clock).as_secs_f64(),
                audits: self.vitals.audits.load(Ordering::Relaxed),
                escalating: self.shared.escalating.load(Ordering::Relaxed),
                escalation_defects: self.shared.defects.load(Ordering::Relaxed),
                digesting: self.shared.digesting.load(Ordering::Relaxed),
                teams_without_policy: self
                    .rota
                    .roster()
                    .teams
                    .iter()
                    .filter(|(_, team)| team.policy.is_none())
                    .map(|(name, _)| name.clone())
                    .collect(),
            },
            pair,
            notices: store
                .notices
                .iter()
                .map(ToString::to_string)
                .chain(self.metrics.notice())
                .chain(crate::tenants::notices(&self.tenants))
                .collect(),
            damage,
        })
    }

    async fn limits(&self) -> api::LimitsResponse {
        let of_rows = self.store.limits_in_force().await.into_iter();
        let mut limits: Vec<_> = of_rows
            .filter(|(_, wanted, in_force)| wanted.is_some() || in_force.is_some())
            .map(|(limit, wanted, in_force)| api::KeptLimit {
                limit: limit.to_string(),
                unit: if matches!(limit, Limit::Retention(_)) { "seconds" } else { "bytes" }.to_owned(),
                wanted,
                in_force,
            })
            .collect();
        let retention = Some(self.metrics.retention().as_secs());
        limits.push(api::KeptLimit {
            limit: "retention of series of metrics".to_owned(),
            unit: "seconds".to_owned(),
            wanted: retention,
            in_force: retention,
        });
        api::LimitsResponse { limits, removals: self.removals() }
    }

    async fn confirm_limits(
        &self,
        limits: &[String],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if limits.iter().any(|name| name == LIMITS_ON_SERIES) {
            self.metrics.confirm_limits();
        }
        let of_rows = self.store.limits_in_force().await.into_iter().map(|(limit, ..)| limit);
        let named: Vec<Limit> = of_rows.filter(|limit| limits.contains(&limit.to_string())).collect();
        Ok(self.store.confirm_removals(&named).await?)
    }
}

/// How removals name what deletes series of metrics: retention and their part of the disk budget.
const LIMITS_ON_SERIES: &str = "limits on series of metrics";

fn listener(connections: &Connections) -> api::ListenerStatus {
    let stats = connections.stats();
    let cut = Cut::ALL.iter().zip(stats.cut);
    api::ListenerStatus {
        name: stats.listener.to_owned(),
        open: stats.open as u64,
        max: stats.max as u64,
        cut: cut.map(|(reason, count)| api::Refused { reason: reason.as_str().to_owned(), count }).collect(),
    }
}

impl NodeHealth {
    fn removals(&self) -> Vec<api::Removal> {
        let rows = self.store.stats().notices.into_iter().filter_map(|notice| match notice {
            Notice::RemovalRefused { limit, segments, rows, bytes, live_bytes } => {
                Some(api::Removal { limit: limit.to_string(), segments, rows, bytes, live_bytes })
            }
            _ => None,
        });
        let series = self.metrics.refused_deletion().map(|refused| api::Removal {
            limit: LIMITS_ON_SERIES.to_owned(),
            segments: refused.segments,
            rows: refused.samples,
            bytes: refused.bytes,
            live_bytes: self.metrics.store.stats().segment_bytes,
        });
        rows.chain(series).collect()
    }

    /// Events per second since the rate was last asked for, over at least a second.
    fn rate(&self, accepted: u64) -> f64 {
        let now = self.clock.monotonic();
        let mut last = self.last_rate.lock();
        let (at, count, rate) = *last;
        let elapsed = now.saturating_sub(at);
        if elapsed < Duration::from_secs(1) {
            return rate;
        }
        let rate = accepted.saturating_sub(count) as f64 / elapsed.as_secs_f64();
        *last = (now, accepted, rate);
        rate
    }
}

/// From `/proc/self/statm`, in pages of 4 KiB; 0 where there is no such file.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
