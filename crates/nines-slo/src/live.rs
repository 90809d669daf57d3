//! All indicators that are measured while data flows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nines_base::ErrorKind;
use nines_model::{Batch, Dataset, RowSet, Rows, SmolStr, TimeRange, Timestamp, ValueRef, field};
use parking_lot::Mutex;

use crate::budget::Counts;
use crate::document::{Budgeting, Window};
use crate::evidence::{Collector, Evidence};
use crate::indicator::{Measure, Outcome};
use crate::metric::{Bound, Counted};
use crate::rings::{BackfillPart, Bucket, Rings};

/// Indicators measured at once. Each costs half a megabyte and some ten nanoseconds per event of its service.
pub const LIVE_MAX: usize = 1_000;
/// Seconds-of-a-batch remembered while an indicator waits for its history: 24 bytes each. At ten batches a second with
/// events of three seconds each, four hours.
const OVERLAP_MAX: usize = 500_000;
/// How long after its time a sample of a series may still arrive and be counted without a restart. Senders that retry
/// catch up within minutes; what comes later is in the counts after the next restart.
pub const LATE_MAX: Duration = Duration::from_secs(600);
/// How stale published evidence may be while ingest is busy.
const EVIDENCE_PUBLISH_EVERY: Duration = Duration::from_millis(250);

/// The indicators that are measured live, and their counters.
///
/// `observe` is called by the one publisher of ingest, in sequence order. Readers ([`LiveSlis::get`], then
/// [`LiveSli::rings`] and [`LiveSli::evidence`]) never wait for it: evaluation shares no lock with ingest.
///
/// # A new indicator
/// 1. [`LiveSlis::add`]: it counts every batch observed from now on.
/// 2. Take a snapshot of the store, count [`LiveSli::backfill_plan`] in it.
/// 3. [`LiveSlis::finish`] with the snapshot's `last_sequence`: batches that were counted both ways are taken out again,
///    so every event counts once. A restart is the same with an empty step 1.
#[derive(Debug)]
pub struct LiveSlis {
    current: ArcSwap<Set>,
    /// Held by whoever changes counters or the set, so that a batch is seen by all of a set or by none.
    turn: Mutex<Turn>,
}

#[derive(Debug, Default)]
struct Set {
    by_id: BTreeMap<String, Arc<LiveSli>>,
    by_dataset: BTreeMap<Dataset, Group>,
}

/// The indicators of one dataset. Most are about one service, and an event is judged only by its own service's.
#[derive(Debug, Default)]
struct Group {
    slis: Vec<Arc<LiveSli>>,
    /// Positions in `slis`, by the service that the indicator names.
    by_service: HashMap<SmolStr, Vec<usize>>,
    /// Positions of those that name none.
    of_any: Vec<usize>,
}

#[derive(Debug, Default)]
struct Turn {
    /// Of each dataset, as snapshots have it: one that is quiet stays behind the others.
    last_sequences: BTreeMap<Dataset, u64>,
}

/// One indicator's live state.
#[derive(Debug)]
pub struct LiveSli {
    pub id: String,
    pub indicator: Measure,
    rings: Rings,
    /// The last batch of its dataset that was observed before this began to count.
    began_after: u64,
    writer: Mutex<Writer>,
    published: ArcSwap<Evidence>,
    /// Of one that is read from series.
    reading: ArcSwap<Reading>,
}

/// How the last question about series went.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// When it was asked.
    pub at: Option<Timestamp>,
    /// Up to which time everything that has arrived is counted.
    pub until: Option<Timestamp>,
    /// Series that had samples, the last time that it could be answered.
    pub series: usize,
    /// Where good events are interpolated.
    pub bound: Option<Bound>,
    /// Why it could not be answered, if so. The counts stand still meanwhile, and grow stale.
    pub error: Option<String>,
    pub took: Duration,
}

#[derive(Debug)]
struct Writer {
    collector: Collector,
    published_at: Timestamp,
    history: History,
    /// Of series: what has been counted of the last [`LATE_MAX`], by second, to be corrected when something comes late.
    tail: BTreeMap<i64, Counts>,
}

#[derive(Debug)]
enum History {
    /// What has been counted since the beginning, in order of sequence.
    Awaited(Vec<Overlap>),
    /// Too much was counted meanwhile to remember.
    Overflown,
    Merged,
}

#[derive(Debug)]
struct Overlap {
    sequence: u64,
    secs: i64,
    counts: Counts,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LiveError {
    #[error("more than {LIVE_MAX} indicators are measured; remove some first")]
    TooMany,
    #[error("indicator {0} is not measured")]
    NotFound(String),
    #[error("indicator {0} has its history already")]
    Merged(String),
    /// The snapshot was older than the indicator. Take a new one.
    #[error("history up to batch {have} is older than indicator {id}, which began after batch {need}")]
    Behind { id: String, have: u64, need: u64 },
    /// Counting history took too long. Add the indicator again.
    #[error("history of indicator {0} took too long; begin again")]
    Overflown(String),
}

impl LiveError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooMany => ErrorKind::Exhausted,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Merged(_) => ErrorKind::Conflict,
            Self::Behind { .. } | Self::Overflown(_) => ErrorKind::Unavailable,
        }
    }
}

impl Default for LiveSlis {
    fn default() -> Self {
        Self { current: ArcSwap::from_pointee(Set::default()), turn: Mutex::default() }
    }
}

impl LiveSlis {
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a batch. Called in order of `sequence`; does not block on anything but a change of the set.
    pub fn observe(&self, sequence: u64, batch: &Batch) {
        let mut turn = self.turn.lock();
        let last = turn.last_sequences.entry(batch.dataset).or_default();
        *last = (*last).max(sequence);
        let set = self.current.load();
        if let Some(group) = set.by_dataset.get(&batch.dataset) {
            group.observe(sequence, batch);
        }
    }

    /// Starts to measure an indicator, replacing one of the same id.
    ///
    /// # Errors
    /// [`LiveError::TooMany`].
    pub fn add(
        &self,
        id: &str,
        indicator: impl Into<Measure>,
        window: &Window,
        budgeting: Budgeting,
    ) -> Result<Arc<LiveSli>, LiveError> {
        let indicator = indicator.into();
        let rings = Rings::sized_for(window, budgeting);
        let turn = self.turn.lock();
        let mut by_id = self.current.load().by_id.clone();
        if by_id.len() >= LIVE_MAX && !by_id.contains_key(id) {
            return Err(LiveError::TooMany);
        }
        let dataset = indicator.events().map(|indicator| indicator.dataset);
        let began_after = dataset.and_then(|dataset| turn.last_sequences.get(&dataset)).copied().unwrap_or(0);
        let writer = Writer {
            collector: Collector::new(indicator.events()),
            published_at: Timestamp::MIN,
            history: History::Awaited(Vec::new()),
            tail: BTreeMap::new(),
        };
        let sli = Arc::new(LiveSli {
            id: id.to_owned(),
            indicator,
            rings,
            began_after,
            writer: Mutex::new(writer),
            published: ArcSwap::from_pointee(Evidence::default()),
            reading: ArcSwap::default(),
        });
        by_id.insert(id.to_owned(), Arc::clone(&sli));
        self.current.store(Arc::new(Set::new(by_id)));
        Ok(sli)
    }

    /// Adds history, counted by the plan of the same `now` in a snapshot that held all batches of the dataset up to
    /// `last_sequence` and no later one. `since` is the start of what the store still knows.
    ///
    /// # Errors
    /// [`LiveError`]; the indicator goes on counting what is live.
    pub fn finish(
        &self,
        sli: &LiveSli,
        last_sequence: u64,
        now: Timestamp,
        since: Timestamp,
        parts: &[(Duration, Vec<Bucket>)],
    ) -> Result<(), LiveError> {
        let _turn = self.turn.lock();
        if last_sequence < sli.began_after {
            return Err(LiveError::Behind { id: sli.id.clone(), have: last_sequence, need: sli.began_after });
        }
        let mut writer = sli.writer.lock();
        match std::mem::replace(&mut writer.history, History::Merged) {
            History::Merged => Err(LiveError::Merged(sli.id.clone())),
            History::Overflown => {
                writer.history = History::Overflown;
                Err(LiveError::Overflown(sli.id.clone()))
            }
            History::Awaited(overlap) => {
                let both =
                    overlap.iter().filter(|it| it.sequence <= last_sequence).map(|it| (it.secs, it.counts));
                sli.rings.merge(now, since, parts, both);
                Ok(())
            }
        }
    }

    /// Adds the history of one that is read from series. `parts` are counted by the plan of the same `now`, up to `until`;
    /// `recent` is what of it lies within [`LATE_MAX`] before `until`, by second.
    ///
    /// # Errors
    /// [`LiveError::Merged`].
    pub fn finish_series(
        &self,
        sli: &LiveSli,
        now: Timestamp,
        until: Timestamp,
        since: Timestamp,
        parts: &[(Duration, Vec<Bucket>)],
        recent: &[Bucket],
    ) -> Result<(), LiveError> {
        let mut writer = sli.writer.lock();
        if matches!(writer.history, History::Merged) {
            return Err(LiveError::Merged(sli.id.clone()));
        }
        writer.history = History::Merged;
        sli.rings.merge(now, since, parts, std::iter::empty());
        if let Some(newest) = recent.last() {
            sli.rings.saw_second(newest.start);
        }
        writer.tail = recent.iter().map(|bucket| (bucket.start.as_secs(), bucket.counts)).collect();
        let known = (**sli.reading.load()).clone();
        sli.reading.store(Arc::new(Reading { until: Some(until), ..known }));
        Ok(())
    }

    /// Measures without history, from `since` on: for a first start with an empty store.
    ///
    /// # Errors
    /// [`LiveError::Merged`].
    pub fn start_empty(&self, sli: &LiveSli, since: Timestamp) -> Result<(), LiveError> {
        let _turn = self.turn.lock();
        let mut writer = sli.writer.lock();
        if matches!(writer.history, History::Merged) {
            return Err(LiveError::Merged(sli.id.clone()));
        }
        writer.history = History::Merged;
        sli.rings.set_known_since(since);
        Ok(())
    }

    /// Stops measuring. Answers whether it was measured.
    pub fn remove(&self, id: &str) -> bool {
        let _turn = self.turn.lock();
        let mut by_id = self.current.load().by_id.clone();
        let removed = by_id.remove(id).is_some();
        self.current.store(Arc::new(Set::new(by_id)));
        removed
    }

    pub fn get(&self, id: &str) -> Option<Arc<LiveSli>> {
        self.current.load().by_id.get(id).cloned()
    }

    pub fn ids(&self) -> Vec<String> {
        self.current.load().by_id.keys().cloned().collect()
    }
}

impl Set {
    fn new(by_id: BTreeMap<String, Arc<LiveSli>>) -> Self {
        let mut by_dataset: BTreeMap<Dataset, Group> = BTreeMap::new();
        for sli in by_id.values() {
            let Measure::Events(indicator) = &sli.indicator else { continue };
            let group = by_dataset.entry(indicator.dataset).or_default();
            let position = group.slis.len();
            match indicator.only_service() {
                Some(service) => group.by_service.entry(service).or_default().push(position),
                None => group.of_any.push(position),
            }
            group.slis.push(Arc::clone(sli));
        }
        Self { by_id, by_dataset }
    }
}

impl Group {
    fn observe(&self, sequence: u64, batch: &Batch) {
        let rows = &batch.rows;
        let everything = RowSet::all(rows.len());
        for position in &self.of_any {
            self.slis[*position].observe(sequence, batch, &everything);
        }
        if self.by_service.is_empty() {
            return;
        }
        match self.rows_by_service(rows) {
            Some(by_service) => {
                for (service, within) in by_service {
                    for position in self.by_service.get(service).into_iter().flatten() {
                        self.slis[*position].observe(sequence, batch, &within);
                    }
                }
            }
            // A service that is not text: the filters decide what it is equal to.
            None => {
                for position in self.by_service.values().flatten() {
                    self.slis[*position].observe(sequence, batch, &everything);
                }
            }
        }
    }

    /// The rows of each service that an indicator names; `None` if a service is given otherwise than by text.
    fn rows_by_service<'a>(&self, rows: &'a Rows) -> Option<HashMap<&'a str, RowSet>> {
        if rows.extras().iter().any(|extra| extra.name == field::SERVICE_NAME) {
            return None;
        }
        let mut by_service: HashMap<&str, RowSet> = HashMap::new();
        let mut add = |service: &'a str, row: usize| {
            if self.by_service.contains_key(service) {
                by_service.entry(service).or_insert_with(|| RowSet::none(rows.len())).insert(row);
            }
        };
        let mut inherits = RowSet::all(rows.len());
        for column in rows.columns_named(field::SERVICE_NAME) {
            for (row, value) in column.iter() {
                add(value.as_str()?, row);
                inherits.remove(row);
            }
        }
        let mut of_resources = Vec::with_capacity(rows.resources().len());
        for resource in rows.resources() {
            of_resources.push(match resource.get(field::SERVICE_NAME).map(ValueRef::from) {
                Some(value) => Some(value.as_str()?),
                None => None,
            });
        }
        for row in inherits.iter() {
            if let Some(service) = of_resources[rows.resource_of()[row] as usize] {
                add(service, row);
            }
        }
        Some(by_service)
    }
}

impl LiveSli {
    /// Counts the rows in `within` that this indicator is about.
    fn observe(&self, sequence: u64, batch: &Batch, within: &RowSet) {
        let Measure::Events(indicator) = &self.indicator else { return };
        let judged = indicator.judge(&batch.rows, within);
        let mut writer = self.writer.lock();
        for (row, outcome) in judged.outcomes() {
            let row = batch.rows.row(row);
            let at = row.timestamp();
            if self.rings.record(at, outcome, batch.received_at) {
                writer.history.remember(sequence, at, outcome);
                writer.collector.observe(row, outcome, batch.received_at);
            }
        }
        self.publish(&mut writer, batch.received_at);
    }

    fn publish(&self, writer: &mut Writer, received_at: Timestamp) {
        if received_at.since(writer.published_at) >= EVIDENCE_PUBLISH_EVERY {
            writer.published_at = received_at;
            self.published.store(Arc::new(writer.collector.snapshot()));
        }
    }

    /// Makes the counts of `range` those of `counted`, which has read all of it at `at`. Counting the same again changes
    /// nothing; what came late is added where it belongs. Only after [`LiveSlis::finish_series`], and only from
    /// [`LiveSli::recount_from`] on.
    pub fn recount(&self, range: TimeRange, counted: &Counted, lag: Duration, took: Duration, at: Timestamp) {
        let mut writer = self.writer.lock();
        let mut tail = std::mem::take(&mut writer.tail);
        let fresh: BTreeMap<i64, Counts> =
            counted.seconds.iter().map(|bucket| (bucket.start.as_secs(), bucket.counts)).collect();
        let within = range.start.as_secs()..range.end.as_secs();
        for (second, old) in tail.range(within).filter(|(second, _)| !fresh.contains_key(second)) {
            self.rings.replace(*second, *old, Counts::default());
        }
        for (second, new) in &fresh {
            self.rings.replace(*second, tail.get(second).copied().unwrap_or_default(), *new);
        }
        tail.retain(|second, _| *second < range.start.as_secs());
        tail.extend(fresh);
        let kept_from = (range.end - LATE_MAX).as_secs();
        writer.tail = tail.split_off(&kept_from);
        self.rings.set_lag(lag);
        self.reading.store(Arc::new(Reading {
            at: Some(at),
            until: Some(range.end),
            series: counted.series,
            bound: counted.bound,
            error: None,
            took,
        }));
    }

    /// The question could not be answered at `at`.
    pub fn not_counted(&self, at: Timestamp, took: Duration, error: String) {
        let known = (**self.reading.load()).clone();
        self.reading.store(Arc::new(Reading { at: Some(at), took, error: Some(error), ..known }));
    }

    /// From where on series are to be counted the next time; `None` before their history is in.
    pub fn recount_from(&self) -> Option<Timestamp> {
        let until = self.reading.load().until?;
        Some(Timestamp::from_secs((until - LATE_MAX).as_secs()))
    }

    /// How the last question about series went.
    pub fn reading(&self) -> Arc<Reading> {
        self.reading.load_full()
    }

    /// The counters. Reading them takes no lock.
    pub fn rings(&self) -> &Rings {
        &self.rings
    }

    /// What history has to be counted before [`LiveSlis::finish`] with the same `now`.
    pub fn backfill_plan(&self, now: Timestamp) -> Vec<BackfillPart> {
        self.rings.backfill_plan(now)
    }

    /// Whether history is in, so that windows are whole.
    pub fn has_history(&self) -> bool {
        self.rings.known_since().is_some()
    }

    /// The evidence so far. Never waits: while a batch is being counted it is up to a quarter of a second old.
    pub fn evidence(&self) -> Arc<Evidence> {
        match self.writer.try_lock() {
            Some(writer) => Arc::new(writer.collector.snapshot()),
            None => self.published.load_full(),
        }
    }
}

impl History {
    fn remember(&mut self, sequence: u64, at: Timestamp, outcome: Outcome) {
        let Self::Awaited(overlap) = self else { return };
        let secs = at.as_secs();
        let same = overlap.last().is_some_and(|last| last.sequence == sequence && last.secs == secs);
        if !same {
            if overlap.len() == OVERLAP_MAX {
                *self = Self::Overflown;
                return;
            }
            overlap.push(Overlap { sequence, secs, counts: Counts::default() });
        }
        let Some(last) = overlap.last_mut() else { return };
        match outcome {
            Outcome::Good => last.counts.good += 1,
            Outcome::Bad => last.counts.bad += 1,
        }
    }
}
