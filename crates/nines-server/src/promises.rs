//! The promises of this node: declared documents, live counters, and the latest readings.
//!
//! A new promise begins to count at once; its history is then counted from a snapshot of the store and merged in
//! (`nines_slo::LiveSlis` sees to it that no event is counted twice). The same happens for every promise at start, so
//! creating one and restarting are one path.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use nines_api::ReplayResponse;
use nines_base::{SharedClock, Shutdown};
use nines_http::{AppliedDocument, ApplyError, PromiseView, Promises, Rehearsal, ReplayError, Tails};
use nines_ingest::{Observer, Tenants};
use nines_metrics::Questions;
use nines_model::{Batch, Dataset, TimeRange, Timestamp};
use nines_notify::Targets;
use nines_oncall::document::{Documents, KINDS};
use nines_oncall::{Roster, Rota};
use nines_query::{Engine, Limits};
use nines_slo::{
    Bucket, Counts, Document, DocumentKey, DocumentKind, DocumentWarning, LiveSli, LiveSlis, Promise,
    RecentChanges, Registry, SloReading, evaluate,
};
use nines_state::objects::{Applied, NewObject, Objects};
use nines_storage::Store;
use tokio::sync::{Mutex, mpsc};

use crate::channels::{Duty, Routing, configured_targets};
use crate::masking::MaskingSwitch;
use crate::oncall::declared;
use crate::series::Metrics;

/// Promises whose history waits to be counted. As many as can be live.
const BACKFILL_QUEUE: usize = nines_slo::LIVE_MAX;
/// After a count of history failed (overload, a damaged segment): the promise counts live meanwhile.
const BACKFILL_PAUSE: Duration = Duration::from_secs(5);
/// Counting months of history may take longer than a person would wait for an answer.
const BACKFILL_TIMEOUT: Duration = Duration::from_secs(600);

/// What the publisher calls for every batch, in order.
pub struct LiveObserver {
    pub live: Arc<LiveSlis>,
    pub changes: Arc<RecentChanges>,
    pub tails: Tails,
}

impl Observer for LiveObserver {
    fn observe(&self, sequence: u64, batch: &Batch) {
        self.live.observe(sequence, batch);
        self.changes.observe(batch);
        self.tails.observe(batch);
    }
}

/// One promise with what the evaluator needs beside its counters. Replaced as a whole when documents change.
#[derive(Clone)]
pub struct Kept {
    pub promise: Arc<Promise>,
    pub live: Option<Arc<LiveSli>>,
    pub owner: Option<String>,
    pub on_call: Option<String>,
    pub runbook: Option<String>,
    /// Services that this one calls, by its service document.
    pub dependencies: Vec<String>,
    pub routing: Routing,
}

/// What is set up anew whenever documents change.
pub struct Followers {
    /// Channels, which call out through `egress`.
    pub targets: Targets,
    pub egress: nines_egress::Egress,
    /// What comes back from channels.
    pub hooks: nines_http::ChatHooks,
    pub masking: Arc<MaskingSwitch>,
    /// How much telemetry may come.
    pub tenants: Tenants,
    /// Their retention.
    pub metrics: Metrics,
    pub rota: Rota,
    /// What steps of policies may run.
    pub runbooks: Arc<nines_http::Runbooks>,
    pub secrets: Arc<dyn nines_secrets::SecretResolver>,
    /// What promises over metrics are read from.
    pub questions: Questions,
}

pub struct PromiseKeeper {
    clock: SharedClock,
    store: Store,
    engine: Engine,
    objects: Objects,
    live: Arc<LiveSlis>,
    targets: Targets,
    masking: Arc<MaskingSwitch>,
    tenants: Tenants,
    metrics: Metrics,
    egress: nines_egress::Egress,
    hooks: nines_http::ChatHooks,
    secrets: Arc<dyn nines_secrets::SecretResolver>,
    questions: Questions,
    registry: Mutex<Registry>,
    /// On-call documents, as declared; changed only with the registry locked.
    oncall: Mutex<Documents>,
    rota: Rota,
    runbooks: Arc<nines_http::Runbooks>,
    kept: ArcSwap<Vec<Kept>>,
    duty: ArcSwap<Duty>,
    readings: ArcSwap<HashMap<String, Arc<SloReading>>>,
    backfill: mpsc::Sender<Arc<LiveSli>>,
    /// One replay at a time: each keeps a core busy for seconds.
    replaying: Mutex<()>,
}

impl PromiseKeeper {
    /// Also gives the queue of promises whose history is to be counted, for [`Self::run_backfill`].
    pub fn new(
        clock: SharedClock,
        store: Store,
        engine: Engine,
        objects: Objects,
        live: Arc<LiveSlis>,
        followers: Followers,
    ) -> (Self, mpsc::Receiver<Arc<LiveSli>>) {
        let (backfill, waiting) = mpsc::channel(BACKFILL_QUEUE);
        let Followers {
            targets,
            masking,
            tenants,
            metrics,
            egress,
            hooks,
            rota,
            runbooks,
            secrets,
            questions,
        } = followers;
        let keeper = Self {
            clock,
            store,
            engine,
            objects,
            live,
            targets,
            masking,
            tenants,
            metrics,
            egress,
            hooks,
            secrets,
            questions,
            registry: Mutex::default(),
            oncall: Mutex::default(),
            rota,
            runbooks,
            kept: ArcSwap::default(),
            duty: ArcSwap::default(),
            readings: ArcSwap::default(),
            backfill,
            replaying: Mutex::default(),
        };
        (keeper, waiting)
    }

    /// Reads the stored documents. One that this version cannot read is logged and left out: the rest still pages.
    pub async fn load(&self) -> anyhow::Result<()> {
        let mut registry = self.registry.lock().await;
        let mut stored = self.objects.list().await?;
        let others = [nines_http::RUNBOOK_KIND, nines_http::SCRAPE_KIND, nines_http::RULES_KIND];
        stored.retain(|object| !others.contains(&object.kind.as_str()));
        // Together first, because they refer to each other; one by one only if that fails.
        let texts: Vec<&str> = stored.iter().map(|object| object.yaml.as_str()).collect();
        let mut oncall = Documents::default();
        let whole = declared::read(None, &texts.join("\n---\n"))
            .map(|(file, documents)| registry.apply(file.documents).map(|_| documents));
        if let Ok(Ok(documents)) = whole {
            oncall = documents;
        } else {
            for object in &stored {
                let outcome = declared::read(None, &object.yaml).and_then(|(file, documents)| {
                    oncall = declared::joined(&oncall, &documents);
                    registry.apply(file.documents)
                });
                if let Err(faults) = outcome {
                    let fault = faults.first().map(ToString::to_string);
                    tracing::error!(
                        kind = object.kind,
                        name = object.name,
                        fault,
                        "stored document cannot be read"
                    );
                }
            }
        }
        // A policy's version is the revision of its document: a running escalation sees by it that there is a newer one.
        for policy in &mut oncall.policies {
            let is_its = |object: &&nines_state::objects::Object| {
                object.kind == "EscalationPolicy" && object.name == policy.name
            };
            policy.version = stored.iter().find(is_its).map_or(0, |object| object.revision);
        }
        self.reconcile(&registry)?;
        self.rota.declare(Roster::of(&oncall, &registry)).await?;
        *self.oncall.lock().await = oncall;
        Ok(())
    }

    pub fn kept(&self) -> Arc<Vec<Kept>> {
        self.kept.load_full()
    }

    /// Who is told about incidents.
    pub fn duty(&self) -> Arc<Duty> {
        self.duty.load_full()
    }

    /// What the evaluator read last; for the board.
    pub fn publish(&self, readings: HashMap<String, Arc<SloReading>>) {
        self.readings.store(Arc::new(readings));
    }

    /// Makes the live counters and the targets those of the registry.
    fn reconcile(&self, registry: &Registry) -> Result<(), nines_slo::LiveError> {
        let promises = registry.promises();
        let wanted: BTreeMap<&str, &Promise> =
            promises.iter().map(|promise| (promise.id.as_str(), promise)).collect();
        for id in self.live.ids() {
            let keep = wanted.get(id.as_str()).is_some_and(|promise| {
                let same = |live: &Arc<LiveSli>| {
                    promise.indicator.as_ref().is_ok_and(|indicator| *indicator == live.indicator)
                };
                self.live.get(&id).as_ref().is_some_and(same)
            });
            if !keep {
                self.live.remove(&id);
            }
        }
        for promise in &promises {
            if let Ok(indicator) = &promise.indicator
                && self.live.get(&promise.id).is_none()
            {
                let live =
                    self.live.add(&promise.id, indicator.clone(), &promise.window, promise.budgeting)?;
                // History of series is counted by the threads that ask for them.
                if live.indicator.events().is_some() && self.backfill.try_send(live).is_err() {
                    tracing::error!(promise = promise.id, "history is not counted: the queue is full");
                }
            }
        }
        self.masking.follow(registry);
        self.tenants.set_limits(crate::tenants::limits_of(registry));
        let kept = crate::tenants::kept_of(registry, &self.store.config().limits);
        self.metrics.set_retention(crate::tenants::metrics_retention(registry));
        self.store.set_limits(kept);
        self.targets.replace(configured_targets(registry, &self.egress, &*self.secrets));
        self.hooks.replace(crate::providers::hooks(registry, &*self.secrets));
        let kept: Vec<Kept> = promises.into_iter().map(|promise| self.keep(registry, promise)).collect();
        let promised = kept.iter().map(|kept| (kept.promise.service.as_str(), &kept.routing));
        self.duty.store(Arc::new(Duty::of(registry, promised)));
        self.kept.store(Arc::new(kept));
        Ok(())
    }

    /// A secret has another value: channels are set up anew.
    pub async fn secrets_changed(&self) {
        let registry = self.registry.lock().await;
        self.targets.replace(configured_targets(&registry, &self.egress, &*self.secrets));
    }

    /// Whom to call from now on.
    async fn follow(&self, oncall: &Documents, registry: &Registry) -> Result<(), ApplyError> {
        let declared = self.rota.declare(Roster::of(oncall, registry)).await;
        declared.map_err(|error| ApplyError::Store(Box::new(error)))
    }

    fn keep(&self, registry: &Registry, promise: Promise) -> Kept {
        let service = match registry.get(DocumentKind::Service, &promise.service).map(|document| &**document)
        {
            Some(Document::Service(service)) => Some(service),
            _ => None,
        };
        let owner =
            promise.settings.owner.clone().or_else(|| service.and_then(|service| service.owner.clone()));
        let team = owner.as_deref().and_then(|owner| registry.get(DocumentKind::Team, owner));
        let team = match team.map(|document| &**document) {
            Some(Document::Team(team)) => Some(team),
            _ => None,
        };
        Kept {
            live: self.live.get(&promise.id),
            runbook: promise
                .settings
                .runbook
                .clone()
                .or_else(|| service.and_then(|service| service.runbook.clone())),
            dependencies: service.map(|service| service.dependencies.clone()).unwrap_or_default(),
            on_call: team.and_then(|team| team.on_call.clone()),
            routing: Routing::of(registry, &promise, team),
            owner,
            promise: Arc::new(promise),
        }
    }

    /// The promises to put through a stored window, with the documents to try applied to a copy of the registry.
    async fn rehearsed(&self, rehearsal: &Rehearsal) -> Result<Vec<Kept>, ReplayError> {
        let mut registry = self.registry.lock().await.clone();
        let mut tried = None;
        if let Some(yaml) = &rehearsal.documents {
            let wrong = |faults| ReplayError::Documents(ApplyError::Faults(faults));
            let (parsed, _) = declared::read(None, yaml).map_err(wrong)?;
            tried =
                Some(parsed.documents.iter().map(|parsed| parsed.document.key().name).collect::<Vec<_>>());
            registry.apply(parsed.documents).map_err(wrong)?;
        }
        let promises = registry.promises();
        let wanted = |promise: &Promise| match (&rehearsal.slo, &tried) {
            (Some(slo), _) => promise.id == *slo || promise.slo == *slo,
            (None, Some(names)) => names.contains(&promise.slo),
            (None, None) => true,
        };
        let found: Vec<Kept> = promises
            .iter()
            .filter(|promise| wanted(promise))
            .map(|promise| self.keep(&registry, promise.clone()))
            .collect();
        match &rehearsal.slo {
            Some(name) if found.is_empty() => {
                let near = nines_filter::nearest(name, promises.iter().map(|promise| promise.id.as_str()));
                Err(ReplayError::NotFound { name: name.clone(), near: near.map(str::to_owned) })
            }
            _ => Ok(found),
        }
    }

    fn view(&self, kept: &Kept) -> PromiseView {
        let reading = self.readings.load().get(&kept.promise.id).cloned();
        let reading = reading.unwrap_or_else(|| {
            let rings = kept.live.as_ref().map(|live| live.rings());
            Arc::new(evaluate(&kept.promise, rings, self.clock.now()))
        });
        PromiseView {
            promise: Arc::clone(&kept.promise),
            reading,
            live: kept.live.clone(),
            owner: kept.owner.clone(),
            runbook: kept.runbook.clone(),
        }
    }

    /// Counts the history of promises, one after the other, until shutdown.
    pub async fn run_backfill(&self, mut waiting: mpsc::Receiver<Arc<LiveSli>>, shutdown: Shutdown) {
        loop {
            let live = tokio::select! {
                () = shutdown.begun() => return,
                live = waiting.recv() => live,
            };
            let Some(live) = live else { return };
            let still_wanted = || self.live.get(&live.id).is_some_and(|current| Arc::ptr_eq(&current, &live));
            while still_wanted() && !shutdown.has_begun() {
                match self.count_history(&live).await {
                    Ok(()) => break,
                    Err(error) => tracing::warn!(
                        promise = live.id,
                        error = format!("{error:#}"),
                        "history could not be counted, will retry"
                    ),
                }
                tokio::select! {
                    () = shutdown.begun() => return,
                    () = self.clock.sleep(BACKFILL_PAUSE) => {}
                }
            }
        }
    }

    async fn count_history(&self, live: &LiveSli) -> anyhow::Result<()> {
        let Some(indicator) = live.indicator.events() else { return Ok(()) };
        let now = self.clock.now();
        let plan = live.backfill_plan(now);
        let whole = plan
            .iter()
            .map(|part| part.range)
            .reduce(|all, part| TimeRange::new(all.start.min(part.start), all.end.max(part.end)));
        let whole = whole.unwrap_or(TimeRange::new(now, now));
        let snapshot = self.store.snapshot(indicator.dataset, whole)?;
        let last_sequence = snapshot.last_sequence;
        let mut parts = Vec::new();
        for part in plan {
            let limits = Limits { timeout: Some(BACKFILL_TIMEOUT), ..Limits::default() };
            let (total, good) = (indicator.total.clone(), indicator.good.clone());
            let counted = self
                .engine
                .count_buckets(snapshot.clone(), total, good, part.range, part.step, limits)
                .await?;
            let buckets = counted.into_iter().map(|bucket| Bucket {
                start: bucket.start,
                counts: Counts { good: bucket.good, bad: bucket.total - bucket.good },
            });
            parts.push((part.step, buckets.collect()));
        }
        let since = self.known_since(indicator.dataset, now);
        self.live.finish(live, last_sequence, now, since, &parts)?;
        tracing::info!(promise = live.id, since = since.to_string(), "history is counted");
        Ok(())
    }

    /// Since when this node has telemetry of the dataset; now if it has none.
    fn known_since(&self, dataset: Dataset, now: Timestamp) -> Timestamp {
        let stats = self.store.stats();
        let oldest = stats.datasets.get(&dataset).and_then(|stats| stats.oldest);
        oldest.unwrap_or(now).min(now)
    }
}

#[async_trait]
impl Promises for PromiseKeeper {
    fn all(&self) -> Vec<PromiseView> {
        self.kept.load().iter().map(|kept| self.view(kept)).collect()
    }

    async fn apply(
        &self,
        file: Option<&str>,
        yaml: &str,
        by: &str,
        dry_run: bool,
    ) -> Result<(Vec<AppliedDocument>, Vec<DocumentWarning>), ApplyError> {
        let (parsed, mut documents) = declared::read(file, yaml).map_err(ApplyError::Faults)?;
        let mut warnings = parsed.warnings;
        let keys: Vec<DocumentKey> = parsed.documents.iter().map(|parsed| parsed.document.key()).collect();
        let mut registry = self.registry.lock().await;
        let mut next = registry.clone();
        let checked = parsed.documents.clone();
        let applied = next.apply(parsed.documents).map_err(ApplyError::Faults)?;
        self.masking.check(&next).map_err(|fault| ApplyError::Faults(vec![fault]))?;
        warnings.extend(applied.warnings.iter().cloned());
        warnings.extend(crate::metric_slis::check::unknown_metrics(&self.questions, &next, &checked));
        let outcome = |key: &DocumentKey| match key {
            key if applied.created.contains(key) => "created",
            key if applied.changed.contains(key) => "changed",
            _ => "unchanged",
        };
        let mut oncall = self.oncall.lock().await;
        let known = oncall.texts();
        let called = documents.texts();
        let outcomes: Vec<(&'static str, String, &'static str)> = keys
            .iter()
            .map(|key| (key.kind.as_str(), key.name.clone(), outcome(key)))
            .chain(called.iter().map(|new| {
                let old = known.iter().find(|old| (old.0, &old.1) == (new.0, &new.1));
                let outcome = match old {
                    None => "created",
                    Some(old) if old.2 == new.2 => "unchanged",
                    Some(_) => "changed",
                };
                (new.0, new.1.clone(), outcome)
            }))
            .collect();
        let joined = declared::joined(&oncall, &documents);
        warnings.extend(declared::findings(
            &documents,
            &joined,
            &next,
            &self.runbooks,
            &self.rota.roster().in_browsers,
        ));
        let mut revisions = vec![0; outcomes.len()];
        if !dry_run {
            let ours = keys
                .iter()
                .filter_map(|key| next.get(key.kind, &key.name).map(|document| (key, document)))
                .map(|(key, document)| NewObject {
                    kind: key.kind.as_str().to_owned(),
                    name: key.name.clone(),
                    yaml: document.to_yaml(),
                });
            let theirs =
                called.into_iter().map(|(kind, name, yaml)| NewObject { kind: kind.to_owned(), name, yaml });
            let objects: Vec<NewObject> = ours.chain(theirs).collect();
            let stored = self.objects.apply(&objects, by, self.clock.now()).await;
            let stored = stored.map_err(|error| ApplyError::Store(Box::new(error)))?;
            revisions = stored
                .iter()
                .map(|stored| match stored {
                    Applied::Created { revision }
                    | Applied::Updated { revision }
                    | Applied::Unchanged { revision } => *revision,
                })
                .collect();
            for (document, revision) in outcomes.iter().zip(&revisions) {
                let is_its = |policy: &&mut nines_oncall::escalation::EscalationPolicy| {
                    document.0 == "EscalationPolicy" && document.1 == policy.name
                };
                if let Some(policy) = documents.policies.iter_mut().find(is_its) {
                    policy.version = *revision;
                }
            }
            *registry = next.clone();
            *oncall = declared::joined(&oncall, &documents);
            self.reconcile(&registry).map_err(ApplyError::Live)?;
            self.follow(&oncall, &registry).await?;
        }
        let applied = outcomes
            .into_iter()
            .zip(revisions)
            .map(|((kind, name, outcome), revision)| AppliedDocument { kind, name, outcome, revision });
        Ok((applied.collect(), warnings))
    }

    async fn remove(&self, kind: &str, name: &str, by: &str) -> Result<(), ApplyError> {
        let mut registry = self.registry.lock().await;
        let mut oncall = self.oncall.lock().await;
        let mut next = registry.clone();
        let mut called = oncall.clone();
        let kind = if let Some(kind) = declared::is_ours(kind) {
            if !declared::remove(&mut called, kind, name) {
                return Err(ApplyError::NotFound { kind, name: name.to_owned() });
            }
            kind
        } else {
            let found = DocumentKind::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(kind));
            let Some(found) = found else {
                let known: Vec<&str> = DocumentKind::ALL.iter().map(|kind| kind.as_str()).collect();
                let others = vec![nines_http::RUNBOOK_KIND, nines_http::SCRAPE_KIND, nines_http::RULES_KIND];
                let known = [known, KINDS.to_vec(), others].concat().join(", ");
                return Err(ApplyError::UnknownKind { kind: kind.to_owned(), known });
            };
            next.remove(&DocumentKey { kind: found, name: name.to_owned() }).map_err(ApplyError::Remove)?;
            found.as_str()
        };
        self.objects
            .delete(kind, name, by, self.clock.now())
            .await
            .map_err(|error| ApplyError::Store(Box::new(error)))?;
        *registry = next;
        *oncall = called;
        self.reconcile(&registry).map_err(ApplyError::Live)?;
        self.follow(&oncall, &registry).await
    }

    async fn replay(&self, rehearsal: Rehearsal) -> Result<ReplayResponse, ReplayError> {
        let _turn = self.replaying.try_lock().map_err(|_| ReplayError::Busy)?;
        let kept = self.rehearsed(&rehearsal).await?;
        crate::replay::replay(&self.store, &self.engine, &self.questions, &self.clock, kept, rehearsal.range)
            .await
    }
}
