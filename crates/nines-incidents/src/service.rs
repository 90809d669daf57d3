//! The service: reads the store, asks the [`machine`](crate::machine), stores the step, announces the change.

use std::collections::HashMap;
use std::sync::Arc;

use nines_base::SharedClock;
use nines_model::{TimeRange, Timestamp};
use tokio::sync::{Mutex, broadcast};

use crate::feed::FEED_BACKLOG_MAX;
use crate::machine::{self, REOPEN_WITHIN};
use crate::open::OpenIncidents;
use crate::{
    Actor, AlertSignal, Cadence, Change, CloseoutMail, Command, Draft, Entry, Fact, Incident, IncidentError,
    IncidentId, Language, PendingEffect, Query, Record, Report, Repository, RepositoryError, State,
    Statistics, Step, Update, Watch, closeout_mail, draft_update,
};

/// How often a change is decided again because somebody else was first. One process has one writer, so a second
/// conflict already needs another process on the same store; five of them in a row mean a defect.
const CONFLICT_RETRIES_MAX: u32 = 5;
/// Timeline entries read to draft an update or a mail; more than [`machine::TIMELINE_ENTRIES_MAX`] cannot come from
/// people.
const TIMELINE_READ_MAX: u32 = 20_000;
/// Resolved incidents of a service among which one to reopen is looked for; it was resolved within half an hour, so it
/// is among the newest unless a service resolves one each minute.
const RESOLVED_LOOKED_AT_MAX: u32 = 30;
/// Incidents that statistics look at; a page of the list at a time.
const STATISTICS_INCIDENTS_MAX: usize = 10_000;

/// The incidents of this node. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Incidents {
    inner: Arc<Inner>,
}

struct Inner {
    repository: Arc<dyn Repository>,
    clock: SharedClock,
    cadence: Cadence,
    /// One writer at a time: two alerts of one service must not open two incidents. Incidents change a few times a
    /// minute, and the page path does not wait for this.
    writer: Mutex<()>,
    open: OpenIncidents,
    feed: broadcast::Sender<Change>,
}

/// What became of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertOutcome {
    pub incident: Incident,
    pub kind: JoinKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    Opened,
    Joined,
    Reopened,
    /// It was there already: nothing changed.
    Unchanged,
}

/// What one round of the control loop did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TickReport {
    /// Open incidents looked at.
    pub looked_at: usize,
    /// Those that the clock had something to say about.
    pub changed: Vec<IncidentId>,
    /// When the clock next has something to say; `None` if nothing is open.
    pub next_wake: Option<Timestamp>,
}

impl Incidents {
    pub fn new(repository: Arc<dyn Repository>, clock: SharedClock, cadence: Cadence) -> Self {
        let feed = broadcast::Sender::new(FEED_BACKLOG_MAX);
        Self {
            inner: Arc::new(Inner {
                repository,
                clock,
                cadence,
                writer: Mutex::new(()),
                open: OpenIncidents::default(),
                feed,
            }),
        }
    }

    /// A person reports. The same idempotency key gives the same incident.
    pub async fn report(&self, report: &Report, actor: &Actor) -> Result<Incident, IncidentError> {
        let _writer = self.inner.writer.lock().await;
        if let Some(key) = &report.idempotency_key
            && let Some(id) = self.inner.repository.by_idempotency_key(key).await?
        {
            return self.get(id).await;
        }
        let now = self.inner.clock.now();
        // Decided once before a number is drawn, so that a refusal costs none.
        let year = year_of(now);
        machine::open_by_report(IncidentId { year, number: 0 }, report, actor, &self.inner.cadence, now)?;
        let id = IncidentId { year, number: self.inner.repository.next_number(year).await? };
        let step = machine::open_by_report(id, report, actor, &self.inner.cadence, now)?;
        self.commit(vec![step]).await.map(first)
    }

    /// An alert fires. It joins the newest open incident of its service, else reopens one that was resolved within
    /// [`REOPEN_WITHIN`], else opens a new one. Calling it again with the same alert changes nothing.
    pub async fn alert_fired(&self, signal: &AlertSignal) -> Result<AlertOutcome, IncidentError> {
        let _writer = self.inner.writer.lock().await;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let now = self.inner.clock.now();
            let Some(incident) = self.incident_for(signal, now).await? else {
                let year = year_of(now);
                let id = IncidentId { year, number: self.inner.repository.next_number(year).await? };
                let step = machine::open_by_alert(id, signal, &self.inner.cadence, now);
                let incident = self.commit(vec![step]).await.map(first)?;
                return Ok(AlertOutcome { incident, kind: JoinKind::Opened });
            };
            let Some(step) = machine::alert_fired(&incident, signal, &self.inner.cadence, now) else {
                return Ok(AlertOutcome { incident, kind: JoinKind::Unchanged });
            };
            let was_open = incident.state.is_open();
            match self.commit(vec![step]).await.map(first) {
                Err(error) if is_conflict(&error) => {}
                Ok(incident) => {
                    let kind = if was_open { JoinKind::Joined } else { JoinKind::Reopened };
                    return Ok(AlertOutcome { incident, kind });
                }
                Err(error) => return Err(error),
            }
        }
        Err(busy("record an alert"))
    }

    /// The alert stopped firing. `None` if no open or resolved incident has it firing.
    pub async fn alert_resolved(&self, alert_id: &str) -> Result<Option<Incident>, IncidentError> {
        let _writer = self.inner.writer.lock().await;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let Some(incident) = self.inner.repository.by_alert(alert_id).await? else { return Ok(None) };
            let now = self.inner.clock.now();
            let Some(step) = machine::alert_resolved(&incident, alert_id, &self.inner.cadence, now) else {
                return Ok(None);
            };
            match self.commit(vec![step]).await.map(first) {
                Err(error) if is_conflict(&error) => {}
                other => return other.map(Some),
            }
        }
        Err(busy("record that an alert resolved"))
    }

    /// Carries out one command on one incident.
    pub async fn act(
        &self,
        id: IncidentId,
        command: &Command,
        actor: &Actor,
    ) -> Result<Incident, IncidentError> {
        let _writer = self.inner.writer.lock().await;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let incident = self.get(id).await?;
            let step =
                machine::apply(&incident, command, actor, &self.inner.cadence, self.inner.clock.now())?;
            match self.commit(vec![step]).await.map(first) {
                Err(error) if is_conflict(&error) => {}
                other => return other,
            }
        }
        Err(busy("change an incident"))
    }

    /// Writes entries on many timelines, in the order given, in one write. One that its incident does not take is left out,
    /// and answered with why.
    pub async fn record(
        &self,
        records: &[(IncidentId, Record)],
        actor: &Actor,
    ) -> Result<Vec<(IncidentId, IncidentError)>, IncidentError> {
        let _writer = self.inner.writer.lock().await;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let now = self.inner.clock.now();
            let mut reached: HashMap<IncidentId, Incident> = HashMap::new();
            let (mut steps, mut refused) = (Vec::with_capacity(records.len()), Vec::new());
            for (id, record) in records {
                let incident = match reached.get(id) {
                    Some(incident) => Ok(incident.clone()),
                    None => self.get(*id).await,
                };
                let command = Command::Record(record.clone());
                let step = incident.and_then(|incident| {
                    Ok(machine::apply(&incident, &command, actor, &self.inner.cadence, now)?)
                });
                match step {
                    Ok(step) => {
                        reached.insert(*id, step.incident.clone());
                        steps.push(step);
                    }
                    Err(error) => refused.push((*id, error)),
                }
            }
            if steps.is_empty() {
                return Ok(refused);
            }
            match self.commit(steps).await {
                Err(error) if is_conflict(&error) => {}
                stored => return stored.map(|_| refused),
            }
        }
        Err(busy("write timelines"))
    }

    /// Folds `source` into `target` and gives the target.
    pub async fn merge(
        &self,
        source: IncidentId,
        target: IncidentId,
        actor: &Actor,
    ) -> Result<Incident, IncidentError> {
        let _writer = self.inner.writer.lock().await;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let (from, into) = (self.get(source).await?, self.get(target).await?);
            let steps = machine::merge(&from, &into, actor, &self.inner.cadence, self.inner.clock.now())?;
            match self.commit(steps.to_vec()).await {
                Err(error) if is_conflict(&error) => {}
                other => return other.map(last),
            }
        }
        Err(busy("merge incidents"))
    }

    /// One round of the promise clock over all open incidents. Idempotent, takes no input, and picks up where the
    /// last process stopped. Run it every second, or at `next_wake`.
    pub async fn tick(&self) -> Result<TickReport, IncidentError> {
        let _writer = self.inner.writer.lock().await;
        let now = self.inner.clock.now();
        let open = self.open().await?;
        let mut report = TickReport { looked_at: open.len(), ..TickReport::default() };
        for incident in open {
            let mut promise = incident.promise.clone();
            if let Some(step) = machine::tick(&incident, &self.inner.cadence, now) {
                match self.commit(vec![step]).await.map(first) {
                    Ok(incident) => {
                        report.changed.push(incident.id);
                        promise = incident.promise;
                    }
                    // Somebody else changed it; the next round sees what it is now.
                    Err(error) if is_conflict(&error) => {}
                    Err(error) => return Err(error),
                }
            }
            let wakes_at = promise.map(|promise| promise.wakes_at(self.inner.cadence.nudge_before));
            report.next_wake = [report.next_wake, wakes_at].into_iter().flatten().min();
        }
        Ok(report)
    }

    pub async fn get(&self, id: IncidentId) -> Result<Incident, IncidentError> {
        self.inner.repository.get(id).await?.ok_or(IncidentError::NotFound { id })
    }

    /// Newest first, at most [`Query::LIMIT_MAX`]; `Query::before` gives the next page.
    pub async fn find(&self, query: &Query) -> Result<Vec<Incident>, IncidentError> {
        Ok(self.inner.repository.find(query).await?)
    }

    /// All open incidents, whatever their number: for control loops, which must see each one.
    pub async fn open(&self) -> Result<Vec<Incident>, IncidentError> {
        Ok(self.inner.open.read(&*self.inner.repository).await?)
    }

    /// The incident that an alert belongs to, if any.
    pub async fn by_alert(&self, alert_id: &str) -> Result<Option<Incident>, IncidentError> {
        Ok(self.inner.repository.by_alert(alert_id).await?)
    }

    /// Entries with a sequence above `after`, in order.
    pub async fn timeline(
        &self,
        id: IncidentId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, IncidentError> {
        Ok(self.inner.repository.timeline(id, after, limit).await?)
    }

    pub async fn updates(&self, id: IncidentId) -> Result<Vec<Update>, IncidentError> {
        Ok(self.inner.repository.updates(id).await?)
    }

    /// The next update, drafted from what changed since the last one and the `facts` that the caller measured.
    pub async fn draft(
        &self,
        id: IncidentId,
        facts: &[Fact],
        language: Language,
    ) -> Result<Draft, IncidentError> {
        let incident = self.get(id).await?;
        let updates = self.updates(id).await?;
        let entries = self.timeline(id, 0, TIMELINE_READ_MAX).await?;
        let now = self.inner.clock.now();
        Ok(draft_update(&incident, updates.last(), &entries, facts, &self.inner.cadence, language, now))
    }

    /// The close-out mail; `None` until the incident is resolved.
    pub async fn closeout(
        &self,
        id: IncidentId,
        language: Language,
    ) -> Result<Option<CloseoutMail>, IncidentError> {
        let incident = self.get(id).await?;
        let updates = self.updates(id).await?;
        let entries = self.timeline(id, 0, TIMELINE_READ_MAX).await?;
        Ok(closeout_mail(&incident, &updates, &entries, language))
    }

    /// Over the incidents reported in `range`, the newest 10 000 of them.
    pub async fn statistics(&self, range: TimeRange) -> Result<Statistics, IncidentError> {
        let mut query = Query { reported_in: Some(range), limit: Query::LIMIT_MAX, ..Query::default() };
        let mut all = Vec::new();
        while all.len() < STATISTICS_INCIDENTS_MAX {
            let page = self.find(&query).await?;
            let Some(oldest) = page.last() else { break };
            query.before = Some(oldest.id);
            all.extend(page);
        }
        Ok(Statistics::of(&all))
    }

    /// Effects that nobody has marked done, the oldest first. Do them, then call [`Incidents::effects_done`]; a crash
    /// in between gives them again, with the same keys.
    pub async fn pending_effects(&self, limit: u32) -> Result<Vec<PendingEffect>, IncidentError> {
        Ok(self.inner.repository.pending_effects(limit).await?)
    }

    pub async fn effects_done(&self, sequences: &[u64]) -> Result<(), IncidentError> {
        Ok(self.inner.repository.complete_effects(sequences).await?)
    }

    /// The revision of the newest change.
    pub async fn revision(&self) -> Result<u64, IncidentError> {
        Ok(self.inner.repository.revision().await?)
    }

    /// Follows all changes after revision `since`.
    pub fn watch(&self, since: u64) -> Watch {
        Watch::new(Arc::clone(&self.inner.repository), self.inner.feed.subscribe(), since)
    }

    pub fn cadence(&self) -> &Cadence {
        &self.inner.cadence
    }

    /// The incident that this alert belongs to now.
    async fn incident_for(
        &self,
        signal: &AlertSignal,
        now: Timestamp,
    ) -> Result<Option<Incident>, IncidentError> {
        let is_near = |incident: &Incident| {
            incident.state.is_open()
                || (incident.state == State::Resolved
                    && incident.marks.resolved.is_some_and(|at| now.since(at) <= REOPEN_WITHIN))
        };
        if let Some(incident) = self.inner.repository.by_alert(&signal.alert_id).await?
            && is_near(&incident)
        {
            return Ok(Some(incident));
        }
        let is_theirs =
            |incident: &Incident| !incident.is_drill && incident.services.contains(&signal.service);
        let open = self.open().await?;
        if let Some(incident) = open.into_iter().filter(is_theirs).max_by_key(|incident| incident.id) {
            return Ok(Some(incident));
        }
        let resolved = Query {
            service: Some(signal.service.clone()),
            state: Some(State::Resolved),
            limit: RESOLVED_LOOKED_AT_MAX,
            ..Query::default()
        };
        let resolved = self.find(&resolved).await?;
        Ok(resolved.into_iter().find(|incident| is_theirs(incident) && is_near(incident)))
    }

    /// Stores the steps and announces them. Gives the incidents as stored.
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Incident>, IncidentError> {
        let changes = self.inner.repository.commit(&steps).await?;
        let mut incidents = Vec::with_capacity(steps.len());
        for (step, change) in steps.into_iter().zip(changes) {
            let mut incident = step.incident;
            incident.revision = change.revision;
            tracing::debug!(incident = %incident.id, revision = change.revision, state = %incident.state, "incident changed");
            // Nobody listening is fine.
            let _ = self.inner.feed.send(change);
            incidents.push(incident);
        }
        Ok(incidents)
    }
}

fn year_of(now: Timestamp) -> u16 {
    // `Timestamp` covers the years 1677 to 2262, all of them four digits.
    now.to_string().get(..4).and_then(|year| year.parse().ok()).unwrap_or(1970)
}

fn is_conflict(error: &IncidentError) -> bool {
    matches!(error, IncidentError::Repository(RepositoryError::Conflict { .. }))
}

fn busy(operation: &'static str) -> IncidentError {
    let source = format!("changed by somebody else {CONFLICT_RETRIES_MAX} times in a row").into();
    RepositoryError::Unavailable { operation, source }.into()
}

fn first(mut incidents: Vec<Incident>) -> Incident {
    incidents.swap_remove(0)
}

fn last(mut incidents: Vec<Incident>) -> Incident {
    incidents.pop().expect("a commit gives back each of its steps")
}
