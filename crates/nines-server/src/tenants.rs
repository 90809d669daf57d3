//! Limits of tenants and datasets as configured by `TelemetryLimits` documents, and the loop that compares them with what is
//! stored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nines_api as api;
use nines_base::disk::{SharedDisk, publish};
use nines_base::{SharedClock, Shutdown};
use nines_ingest::{Amounts, Scope, ScopeStats, StoredDataset, TenantLimits, Tenants};
use nines_model::Dataset;
use nines_slo::{Document, Registry, TelemetryLimit, TelemetryScope};
use nines_storage::{Limits as StoreLimits, Store};
use tokio::task::JoinHandle;

use crate::series::Metrics;

/// Who sent what is stored; see `docs/formats/shares.md`.
const STATE_FILE: &str = "shares.state";
/// How late a budget of stored bytes may be: seals and retention run at this pace too.
const ROUND: Duration = Duration::from_secs(5);
/// What a crash forgets of who sent what, at most.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// The limits of all documents together.
pub fn limits_of(registry: &Registry) -> TenantLimits {
    let mut limits = TenantLimits::default();
    for limit in self::limits(registry) {
        let place = match &limit.scope {
            TelemetryScope::Organisation => &mut limits.organisation,
            TelemetryScope::EachTeam => &mut limits.each_team,
            TelemetryScope::Team(name) => limits.teams.entry(name.clone()).or_default(),
            TelemetryScope::Dataset(name) => match Dataset::parse(name) {
                Some(dataset) => limits.datasets.entry(dataset).or_default(),
                // The document was read against the same list; see the test.
                None => continue,
            },
        };
        *place = place.stricter(amounts(limit));
    }
    limits
}

/// How much is kept: `base`, as the node was started, with what documents say of datasets. The shorter of two retentions
/// holds.
pub fn kept_of(registry: &Registry, base: &StoreLimits) -> StoreLimits {
    let mut said = BTreeMap::<Dataset, Duration>::new();
    let mut kept = base.clone();
    for limit in limits(registry) {
        let TelemetryScope::Dataset(name) = &limit.scope else { continue };
        let Some(dataset) = Dataset::parse(name) else { continue };
        if let Some(retention) = limit.retention_secs.map(Duration::from_secs) {
            let known = said.entry(dataset).or_insert(retention);
            *known = retention.min(*known);
        }
        if limit.legal_hold {
            kept.legal_hold.insert(dataset);
        }
    }
    kept.retention.extend(said);
    kept
}

/// What documents say of metrics, which lie as series too.
pub fn metrics_retention(registry: &Registry) -> Option<Duration> {
    kept_of(registry, &StoreLimits::default()).retention.get(&Dataset::Metrics).copied()
}

fn limits(registry: &Registry) -> impl Iterator<Item = &TelemetryLimit> {
    let documents = registry.iter().filter_map(|document| match &**document {
        Document::TelemetryLimits(limits) => Some(limits),
        _ => None,
    });
    documents.flat_map(|document| &document.limits)
}

fn amounts(limit: &TelemetryLimit) -> Amounts {
    Amounts {
        events_per_second: limit.events_per_second,
        bytes_per_second: limit.bytes_per_second,
        burst: limit.burst_secs.map(Duration::from_secs_f64),
        stored_bytes: limit.stored_bytes,
    }
}

/// What the loop looks at.
pub struct Surroundings {
    pub clock: SharedClock,
    pub disk: SharedDisk,
    pub store: Store,
    pub metrics: Metrics,
}

/// Reads who sent what is stored. A file that cannot be read is said and begun anew: budgets of stored bytes then count
/// from now on.
pub fn open(data: &Path, clock: &SharedClock, disk: &SharedDisk) -> Tenants {
    let tenants = Tenants::new(SharedClock::clone(clock));
    let file = data.join(STATE_FILE);
    match disk.read(&file) {
        Ok(bytes) => {
            let read = String::from_utf8(bytes).map_err(|error| error.to_string());
            if let Err(error) = read.and_then(|text| tenants.restore(&text)) {
                tracing::warn!(file = %file.display(), error, "who sent what is stored cannot be read, counting begins anew");
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "who sent what is stored cannot be read, counting begins anew");
        }
    }
    tenants
}

/// Compares limits with what is stored until `shutdown` begins, and writes down who sent it.
pub fn start(
    tenants: Tenants,
    data: &Path,
    surroundings: Surroundings,
    shutdown: &Shutdown,
) -> JoinHandle<()> {
    let (file, shutdown) = (data.join(STATE_FILE), shutdown.clone());
    tokio::spawn(async move {
        let Surroundings { clock, disk, store, metrics } = surroundings;
        let mut written = tenants.state();
        let mut written_at = clock.monotonic();
        loop {
            tenants.weigh(&stored(&store, &metrics), clock.now());
            let now = clock.monotonic();
            if shutdown.has_begun() || now.saturating_sub(written_at) >= WRITE_EVERY {
                written_at = now;
                let state = tenants.state();
                if state != written && write(&disk, &file, &state).await {
                    written = state;
                }
            }
            if shutdown.has_begun() {
                return;
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = clock.sleep(ROUND) => {}
            }
        }
    })
}

async fn write(disk: &SharedDisk, file: &Path, state: &str) -> bool {
    let (disk, path, bytes) = (SharedDisk::clone(disk), PathBuf::from(file), state.to_owned());
    let written = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        publish(disk.as_ref(), &path, |file| file.write_all(bytes.as_bytes()))
    });
    match written.await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(file = %file.display(), %error, "who sent what is stored could not be written down");
            false
        }
        Err(_) => false,
    }
}

/// Sealed telemetry of each dataset. Metrics lie twice, as rows and as series.
fn stored(store: &Store, metrics: &Metrics) -> BTreeMap<Dataset, StoredDataset> {
    let stats = store.stats();
    let mut stored: BTreeMap<Dataset, StoredDataset> = stats
        .datasets
        .iter()
        .map(|(dataset, stats)| {
            (*dataset, StoredDataset { bytes: stats.segment_bytes, oldest: stats.oldest })
        })
        .collect();
    let series = metrics.store.stats().segment_bytes;
    if series > 0 {
        let metric = stored.entry(Dataset::Metrics).or_default();
        metric.bytes += series;
        metric.oldest = metric.oldest.min(Some(metrics.oldest_kept()));
    }
    stored
}

/// Those that have a limit or have sent something.
pub fn shown(tenants: &Tenants) -> Vec<api::ScopeStatus> {
    let is_of_interest = |one: &ScopeStats| {
        let sends = one.accepted_requests > 0 || one.stored_bytes > 0 || !one.refused_requests.is_empty();
        one.limits != Amounts::default() || sends && !matches!(one.scope, Scope::Dataset(_))
    };
    tenants.stats().into_iter().filter(is_of_interest).map(|one| status(&one)).collect()
}

fn status(one: &ScopeStats) -> api::ScopeStatus {
    let refused = one.refused_requests.iter();
    api::ScopeStatus {
        scope: one.scope.kind().to_owned(),
        name: one.scope.name().to_owned(),
        accepted_requests: one.accepted_requests,
        accepted_events: one.accepted_events,
        accepted_bytes: one.accepted_bytes,
        stored_bytes: one.stored_bytes,
        refused: refused
            .map(|(kind, count)| api::Refused { reason: kind.as_str().to_owned(), count: *count })
            .collect(),
        is_over: one.is_over,
        events_per_second: one.limits.events_per_second,
        bytes_per_second: one.limits.bytes_per_second,
        stored_bytes_max: one.limits.stored_bytes,
    }
}

/// In words, for those that are over a limit now.
pub fn notices(tenants: &Tenants) -> Vec<String> {
    let over = tenants.stats().into_iter().filter(|one| one.is_over);
    over.map(|one| format!("{} is over its limits: what it sends is refused for now", one.scope)).collect()
}

#[cfg(test)]
mod tests {
    use nines_slo::{TELEMETRY_DATASETS, parse};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn documents_and_store_know_the_same_datasets() {
        assert_eq!(TELEMETRY_DATASETS, Dataset::ALL.map(Dataset::as_str));
    }

    #[test]
    fn documents_hold_together_and_the_smaller_amount_wins() {
        let mut registry = Registry::default();
        assert_eq!(limits_of(&registry), TenantLimits::default());
        let text = "apiVersion: nines/v1\nkind: Team\nmetadata: {name: shop}\nspec: {}\n---\n\
             apiVersion: nines/v1\nkind: TelemetryLimits\nmetadata: {name: a}\nspec:\n  limits:\n  - {team: shop, eventsPerSecond: 10, storedBytes: 5}\n  - {eachTeam: true, bytesPerSecond: 7}\n---\n\
             apiVersion: nines/v1\nkind: TelemetryLimits\nmetadata: {name: b}\nspec:\n  limits:\n  - {team: shop, eventsPerSecond: 3, bytesPerSecond: 4}\n  - {dataset: spans, eventsPerSecond: 9}\n";
        registry.apply(parse(None, text).unwrap().documents).unwrap();
        let limits = limits_of(&registry);
        let shop = Amounts {
            events_per_second: Some(3),
            bytes_per_second: Some(4),
            stored_bytes: Some(5),
            ..Amounts::default()
        };
        assert_eq!(limits.teams["shop"], shop);
        assert_eq!(limits.each_team.bytes_per_second, Some(7));
        assert_eq!(limits.datasets[&Dataset::Spans].events_per_second, Some(9));
        assert_eq!(limits.organisation, Amounts::default());
    }

    #[test]
    fn documents_say_how_long_datasets_are_kept() {
        let mut registry = Registry::default();
        let base = StoreLimits {
            retention: [(Dataset::Logs, DAY), (Dataset::Spans, DAY)].into(),
            ..StoreLimits::default()
        };
        assert_eq!(kept_of(&registry, &base), base);
        let text = "apiVersion: nines/v1\nkind: TelemetryLimits\nmetadata: {name: a}\nspec:\n  limits:\n  - {dataset: logs, retention: 9d}\n  - {dataset: logs, retention: 30d}\n  - {dataset: changes, legalHold: true}\n";
        registry.apply(parse(None, text).unwrap().documents).unwrap();
        let kept = kept_of(&registry, &base);
        assert_eq!(kept.retention, [(Dataset::Logs, 9 * DAY), (Dataset::Spans, DAY)].into());
        assert_eq!(kept.legal_hold, [Dataset::Changes].into());
    }
}
