//! One question while it runs: what it reads, in which pieces, and what it has cost so far.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use nines_filter::Filter;
use nines_model::{Dataset, TimeRange};
use nines_storage::Snapshot;

use crate::error::ScanError;
use crate::part::Part;
use crate::predicate::Node;
use crate::rows::Rows;
use crate::scanner::{Reads, Scanner};
use crate::segment::Segment;
use crate::select::Selector;
use crate::stats::{Counters, QueryStats};

/// When other threads are called to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Help {
    AtOnce,
    /// After [`HELP_AFTER`]: it is probably done sooner than another thread wakes up.
    Later,
}

/// How long a question that should be brief runs alone. Waking another thread costs a tenth of it, and where the
/// machine idles as much as all of it.
const HELP_AFTER: Duration = Duration::from_millis(1);

pub(crate) struct Question {
    scanner: Scanner,
    started: Duration,
    counters: Arc<Counters>,
    /// Segments of all snapshots, and those of them of which at least one row group was looked into.
    segments: Mutex<(HashSet<i64>, HashSet<i64>)>,
    partial: Mutex<Vec<String>>,
    read: Reads,
}

/// A snapshot in parts, with the rows that are asked for.
pub(crate) struct Target {
    pub snapshot: Arc<Snapshot>,
    pub parts: Vec<Part>,
    pub segments: Vec<Arc<Segment>>,
    pub selector: Selector,
}

impl Question {
    pub fn new(scanner: Scanner, started: Duration, read: &Reads) -> Self {
        Self {
            scanner,
            started,
            counters: Arc::default(),
            segments: Mutex::default(),
            partial: Mutex::default(),
            read: Arc::clone(read),
        }
    }

    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// What the dataset holds now of what `filter` selects in `range`.
    pub fn target(&self, dataset: Dataset, filter: &Filter, range: TimeRange) -> Result<Target, ScanError> {
        let snapshot = self.scanner.store().snapshot(dataset, range);
        let snapshot = snapshot.map_err(|source| ScanError::storage(dataset, source))?;
        self.target_of(Arc::new(snapshot), filter, range)
    }

    pub fn target_of(
        &self,
        snapshot: Arc<Snapshot>,
        filter: &Filter,
        range: TimeRange,
    ) -> Result<Target, ScanError> {
        self.note(&snapshot);
        let dataset = snapshot.dataset;
        let mut parts: Vec<Part> = Vec::new();
        let mut segments = Vec::with_capacity(snapshot.segments.len());
        for file in &snapshot.segments {
            let segment = self.scanner.footers().open(file, &self.counters);
            let segment = Arc::new(segment.map_err(|source| ScanError::storage(dataset, source))?);
            parts.extend((0..segment.row_groups()).map(|group| Part::stored(Arc::clone(&segment), group)));
            segments.push(segment);
        }
        parts.extend(snapshot.hot.iter().filter_map(|batch| Part::hot(dataset, batch.clone())));
        parts.retain(|part| part.min_time < range.end && range.start <= part.max_time);
        let selector = Selector::new(filter, range, &snapshot.schema);
        Ok(Target { snapshot, parts, segments, selector })
    }

    /// Remembers what is read, and what is missing from it.
    fn note(&self, snapshot: &Arc<Snapshot>) {
        self.read.lock().push(Arc::clone(snapshot));
        self.segments.lock().0.extend(snapshot.segments.iter().map(|file| file.id));
        let mut partial = self.partial.lock();
        for damaged in &snapshot.damaged {
            let file = &damaged.file;
            let text = format!(
                "{}: {} rows between {} and {} are missing, because segment {} is damaged: {}",
                snapshot.dataset, file.rows, file.min_time, file.max_time, file.id, damaged.reason
            );
            if !partial.contains(&text) {
                partial.push(text);
            }
        }
    }

    /// The rows of the part that are asked for.
    pub fn select(&self, part: &Part, selector: &Selector) -> Result<Rows, ScanError> {
        let rows = selector.select(part, self.scanner.selections(), &self.counters)?;
        Ok(self.looked_into(part, rows))
    }

    /// As [`Question::select`], where of the filter only `left` is to be asked of the part.
    pub fn select_of(&self, part: &Part, selector: &Selector, left: Node) -> Result<Rows, ScanError> {
        let rows = selector.select_of(part, left, self.scanner.selections(), &self.counters)?;
        Ok(self.looked_into(part, rows))
    }

    fn looked_into(&self, part: &Part, rows: Rows) -> Rows {
        if !rows.is_none()
            && let Some((segment, _)) = part.row_group()
        {
            self.segments.lock().1.insert(segment.file.id);
        }
        rows
    }

    /// Whether [`Question::select_of`] knows the answer without reading a column.
    pub fn is_kept(&self, part: &Part, selector: &Selector, left: &Node) -> bool {
        selector.is_kept(part, left, self.scanner.selections())
    }

    /// What it has cost up to now.
    pub fn stats(&self) -> QueryStats {
        let (all, scanned) = &*self.segments.lock();
        QueryStats {
            run_time: self.scanner.monotonic().saturating_sub(self.started),
            rows_scanned: self.counters.rows.load(Ordering::Relaxed),
            bytes_scanned: self.counters.bytes.load(Ordering::Relaxed),
            segments_scanned: scanned.len() as u64,
            segments_pruned: (all.len() - scanned.len()) as u64,
            partial: self.partial.lock().clone(),
            ..QueryStats::default()
        }
    }

    /// Puts every part to `work`, on several threads, each with a state of its own that `make` makes; the states in no
    /// particular order. `work` may end it early for all. Between parts each thread pauses, so that the
    /// question can be cancelled.
    pub async fn scan<S, M, W>(
        self: &Arc<Self>,
        help: Help,
        parts: Vec<Part>,
        make: M,
        work: W,
    ) -> Result<Vec<S>, ScanError>
    where
        S: Send + 'static,
        M: Fn() -> S,
        W: Fn(&Question, usize, &Part, &mut S) -> Result<ControlFlow<()>, ScanError> + Send + Sync + 'static,
    {
        let round = Arc::new(Round::new(parts, work));
        let mut states = Vec::new();
        if help == Help::Later {
            let (began, mut mine) = (self.scanner.monotonic(), make());
            while self.scanner.monotonic().saturating_sub(began) < HELP_AFTER {
                if round.step(self, &mut mine).await?.is_break() {
                    return Ok(vec![mine]);
                }
            }
            states.push(mine);
        }
        let threads = self.scanner.config().threads.clamp(1, round.left().max(1));
        let mut tasks: Vec<_> = (0..threads)
            .map(|_| {
                let (question, round, mut state) = (Arc::clone(self), Arc::clone(&round), make());
                async move {
                    while round.step(&question, &mut state).await?.is_continue() {}
                    Ok(state)
                }
            })
            .collect();
        if tasks.len() == 1 {
            let only = tasks.pop().expect("there is one");
            states.push(only.await?);
            return Ok(states);
        }
        // All are spawned, none is run here: what a worker of the runtime has spawned last waits for that very worker,
        // and only what it has spawned before can be taken by others.
        let tasks: Vec<_> = tasks.into_iter().map(|task| self.scanner.spawn(task)).collect();
        for task in tasks {
            states.push(task.finish().await?);
        }
        Ok(states)
    }
}

/// Parts that several threads take in turn.
struct Round<W> {
    parts: Vec<Part>,
    work: W,
    next: AtomicUsize,
    is_done: AtomicBool,
}

impl<W> Round<W> {
    fn new(parts: Vec<Part>, work: W) -> Self {
        Self { parts, work, next: AtomicUsize::new(0), is_done: AtomicBool::new(false) }
    }

    /// Parts that nobody has taken yet.
    fn left(&self) -> usize {
        self.parts.len().saturating_sub(self.next.load(Ordering::Relaxed))
    }

    /// Works on the next part, and pauses; tells whether there is another one to work on.
    async fn step<S>(&self, question: &Question, state: &mut S) -> Result<ControlFlow<()>, ScanError>
    where
        W: Fn(&Question, usize, &Part, &mut S) -> Result<ControlFlow<()>, ScanError>,
    {
        if self.is_done.load(Ordering::Relaxed) {
            return Ok(ControlFlow::Break(()));
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(part) = self.parts.get(index) else { return Ok(ControlFlow::Break(())) };
        if (self.work)(question, index, part, state)?.is_break() {
            self.is_done.store(true, Ordering::Relaxed);
        }
        tokio::task::yield_now().await;
        Ok(ControlFlow::Continue(()))
    }
}
