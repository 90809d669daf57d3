//! From a request to an acknowledged write: resolve the series, encode the record, hand it to the journal, wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use nines_wal::Ticket;

use super::{Inner, SeriesStore};
use crate::SeriesError;
use crate::error::{REJECTION_SERIES_BYTES_MAX, Reason, Rejection};
use crate::head::index::SeriesRef;
use crate::model::{Exemplar, Labels, Metadata, render_labels};
use crate::record::{Batch, BatchPart};
use crate::request::{Part, RawLabel, SeriesPart, WriteRequest};

/// Rejections that an outcome names; the rest is only counted. An answer stays readable.
pub const REJECTIONS_NAMED_MAX: usize = 16;

/// What became of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WriteOutcome {
    pub samples_written: u64,
    pub histograms_written: u64,
    /// Those outside of the times that samples may have are left out.
    pub exemplars_written: u64,
    /// Samples and histograms that were not written.
    pub rejected: u64,
    /// The first [`REJECTIONS_NAMED_MAX`] of them, by series.
    pub rejections: Vec<Rejection>,
    /// Start timestamps that were sent; they are not stored.
    pub start_timestamps: u64,
}

impl WriteOutcome {
    /// Whether the sender must be told that something was not written.
    pub fn is_whole(&self) -> bool {
        self.rejected == 0 && self.rejections.is_empty()
    }

    fn reject(&mut self, labels: &[RawLabel<'_>], reason: Reason, samples: u64) {
        self.rejected += samples;
        if self.rejections.len() >= REJECTIONS_NAMED_MAX {
            return;
        }
        let mut series = render_labels(labels.iter().copied());
        let end = series.floor_char_boundary(REJECTION_SERIES_BYTES_MAX);
        series.truncate(end);
        self.rejections.push(Rejection { series, reason, samples });
    }
}

/// A write on its way. Dropping it does not take the write back.
#[must_use = "nothing is durable before this resolves"]
#[derive(Debug)]
pub struct PendingWrite(oneshot::Receiver<Result<WriteOutcome, SeriesError>>);

impl PendingWrite {
    /// As awaiting, for threads that are not part of the async runtime.
    pub fn wait(self) -> Result<WriteOutcome, SeriesError> {
        self.0.blocking_recv().unwrap_or(Err(SeriesError::Closed))
    }
}

impl Future for PendingWrite {
    type Output = Result<WriteOutcome, SeriesError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = std::task::ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(outcome.unwrap_or(Err(SeriesError::Closed)))
    }
}

/// What goes to the publisher.
pub(super) enum Message {
    Write(Box<Write>),
    /// Runs between two writes.
    Cut(Box<dyn FnOnce(&Inner) + Send>),
}

pub(super) struct Write {
    pub ticket: Ticket,
    pub batch: Batch,
    pub defined: Vec<SeriesRef>,
    pub epoch: u32,
    pub outcome: WriteOutcome,
    pub done: oneshot::Sender<Result<WriteOutcome, SeriesError>>,
}

impl SeriesStore {
    /// Resolves and journals a request. What comes back resolves when the samples are durable and visible. Costs one
    /// pass over the labels here; fsync and the head's work happen on other threads.
    ///
    /// Errors are about the whole request and say themselves whether to send it again; what is wrong with single series
    /// is in the outcome.
    pub fn write(&self, request: WriteRequest<'_>) -> Result<PendingWrite, SeriesError> {
        let inner = &self.0;
        inner.check_room()?;
        // Numbers that were found stay valid until they are in the journal.
        let _stay = inner.evicting.read();
        let (batch, outcome) = inner.resolve(request);
        let (done, answer) = oneshot::channel();
        if batch.is_empty() {
            // Nobody waits for it yet, so it cannot fail.
            let _ = done.send(Ok(outcome));
            return Ok(PendingWrite(answer));
        }
        inner.journal_batch(batch, outcome, done)?;
        Ok(PendingWrite(answer))
    }
}

impl Inner {
    fn check_room(&self) -> Result<(), SeriesError> {
        if self.pages.bytes() > self.config.head_bytes_max {
            return Err(SeriesError::Overloaded { bound: "memory of the head" });
        }
        let free = self.free_bytes();
        if free < self.config.free_bytes_min {
            return Err(SeriesError::DiskFull { free, needed: self.config.free_bytes_min });
        }
        Ok(())
    }

    /// Encodes outside of the lock that gives sequence numbers; if a seal has begun a new epoch meanwhile, once more,
    /// because the record would else rest on definitions that are about to be cut off.
    fn journal_batch(
        &self,
        batch: Batch,
        outcome: WriteOutcome,
        done: oneshot::Sender<Result<WriteOutcome, SeriesError>>,
    ) -> Result<(), SeriesError> {
        loop {
            let epoch = self.epoch.load(Ordering::Acquire);
            let (record, defined) = {
                let index = self.index.read();
                let needs = |series: &SeriesRef| {
                    index.touch(*series, epoch);
                    index.needs_definition(*series, epoch)
                };
                let parts = batch.parts.iter().map(|part| part.series);
                let mut defined: Vec<SeriesRef> = parts.filter(needs).collect();
                defined.extend(batch.exemplars.iter().map(|(series, _)| *series).filter(needs));
                defined.sort_unstable();
                defined.dedup();
                (batch.encode(&index, &defined), defined)
            };
            let queue = self.queue.lock();
            let sender: &SyncSender<Message> = queue.as_ref().ok_or(SeriesError::Closed)?;
            if self.epoch.load(Ordering::Acquire) != epoch {
                continue;
            }
            // Only requests in flight take places, and none comes while the lock is held.
            if self.in_flight.load(Ordering::Relaxed) >= super::INFLIGHT_WRITES_MAX {
                return Err(SeriesError::Overloaded { bound: "writes in flight" });
            }
            let ticket = self.journal.append(record)?;
            self.in_flight.fetch_add(1, Ordering::Relaxed);
            let write = Write { ticket, batch, defined, epoch, outcome, done };
            return sender.try_send(Message::Write(Box::new(write))).map_err(|_| SeriesError::Closed);
        }
    }

    /// Finds or adds the series, and leaves out what cannot be written, with the reason.
    fn resolve(&self, request: WriteRequest<'_>) -> (Batch, WriteOutcome) {
        let mut outcome =
            WriteOutcome { start_timestamps: request.start_timestamps, ..WriteOutcome::default() };
        let mut found: Vec<Option<SeriesRef>> = Vec::with_capacity(request.series.len());
        {
            let index = self.index.read();
            let find = |series: &SeriesPart| {
                let labels = &request.labels[series.labels.range()];
                // A label set that is known as it stands needs no checks: it was checked when it came first.
                if series.unreadable { None } else { index.find(index.hash_of(labels), labels) }
            };
            found.extend(request.series.iter().map(find));
        }
        self.resolve_unknown(&request, &mut found, &mut outcome);
        (self.batch_of(request, &found, &mut outcome), outcome)
    }

    fn resolve_unknown(
        &self,
        request: &WriteRequest<'_>,
        found: &mut [Option<SeriesRef>],
        outcome: &mut WriteOutcome,
    ) {
        if found.iter().all(Option::is_some) {
            return;
        }
        let budgets = *self.budgets.lock();
        let mut over_budget = Vec::new();
        {
            let mut index = self.index.write();
            let unknown = found.iter_mut().zip(&request.series).filter(|(series, _)| series.is_none());
            for (place, series) in unknown {
                let labels = &request.labels[series.labels.range()];
                let samples = (series.samples.len() + series.histograms.len()) as u64;
                if series.unreadable {
                    outcome.reject(labels, Reason::SymbolReference, samples);
                    continue;
                }
                let canonical = match canonical(labels) {
                    Ok(canonical) => canonical,
                    Err(reason) => {
                        outcome.reject(labels, reason, samples);
                        continue;
                    }
                };
                let hash = index.hash_of(&canonical);
                let known = index.find(hash, &canonical);
                match known.map_or_else(|| index.add(hash, &canonical, budgets), Ok) {
                    Ok(series) => *place = Some(series),
                    Err(Reason::Budget(exceeded)) => over_budget.push((*series, exceeded, samples)),
                    Err(reason) => outcome.reject(labels, reason, samples),
                }
            }
        }
        // Who fills a budget takes a walk over the index, which must not hold up others.
        for (series, exceeded, samples) in over_budget {
            let exceeded = self.offenders.name(exceeded, samples, || self.index.read());
            outcome.reject(&request.labels[series.labels.range()], Reason::Budget(exceeded), samples);
        }
    }

    fn batch_of(
        &self,
        request: WriteRequest<'_>,
        found: &[Option<SeriesRef>],
        outcome: &mut WriteOutcome,
    ) -> Batch {
        let times = self.allowed_times();
        let mut batch = Batch {
            samples: request.samples,
            histograms: request
                .histograms
                .into_iter()
                .map(|(t, histogram)| (t, Arc::new(histogram)))
                .collect(),
            ..Batch::default()
        };
        let labels_of = |part: Part| &request.labels[part.range()];
        batch.parts.reserve_exact(found.len());
        for (series, part) in found.iter().zip(&request.series) {
            let &Some(series) = series else { continue };
            let samples = &batch.samples[part.samples.range()];
            let histograms = &batch.histograms[part.histograms.range()];
            let fine = |t_ms: i64| times.at_once(t_ms);
            if samples.iter().all(|sample| fine(sample.t_ms)) && histograms.is_empty() {
                outcome.samples_written += samples.len() as u64;
                let (samples, histograms) = (part.samples, part.histograms);
                batch.parts.push(BatchPart { series, samples, histograms });
            } else {
                self.add_checked(&mut batch, series, part, labels_of(part.labels), times, outcome);
            }
            for exemplar in &request.exemplars[part.exemplars.range()] {
                let is_fine =
                    fine(exemplar.t_ms) || times.check(exemplar.t_ms, self.pages.last_t_ms(series)).is_ok();
                if let Some(labels) = text_labels(&request.exemplar_labels[exemplar.labels.range()])
                    && is_fine
                {
                    let (t_ms, value) = (exemplar.t_ms, exemplar.value);
                    batch.exemplars.push((series, Exemplar { t_ms, value, labels }));
                    outcome.exemplars_written += 1;
                }
            }
        }
        batch.metadata = self.new_metadata(&request.metadata);
        batch
    }

    /// The rare way: some sample needs the newest time of its series, or there are histograms to check.
    fn add_checked(
        &self,
        batch: &mut Batch,
        series: SeriesRef,
        part: &SeriesPart,
        labels: &[RawLabel<'_>],
        times: super::Times,
        outcome: &mut WriteOutcome,
    ) {
        let last = self.pages.last_t_ms(series);
        let push = |batch: &mut Batch, samples: Part, histograms: Part| {
            if samples.len() + histograms.len() > 0 {
                batch.parts.push(BatchPart { series, samples, histograms });
            }
        };
        let one = |index: usize| Part { start: index as u32, end: index as u32 + 1 };
        for index in part.samples.range() {
            match times.check(batch.samples[index].t_ms, last) {
                Ok(()) => {
                    outcome.samples_written += 1;
                    push(batch, one(index), Part::default());
                }
                Err(reason) => outcome.reject(labels, reason, 1),
            }
        }
        for index in part.histograms.range() {
            let (t_ms, histogram) = &batch.histograms[index];
            let checked = histogram.check().map_err(Reason::Histogram);
            match checked.and_then(|()| times.check(*t_ms, last)) {
                Ok(()) => {
                    outcome.histograms_written += 1;
                    push(batch, Part::default(), one(index));
                }
                Err(reason) => outcome.reject(labels, reason, 1),
            }
        }
    }

    /// What is not known yet; senders repeat it every minute.
    fn new_metadata(&self, raw: &[crate::request::RawMetadata<'_>]) -> Vec<(Arc<str>, Metadata)> {
        if raw.is_empty() {
            return Vec::new();
        }
        let known = self.metadata.lock();
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Arc::<str>::from);
        let new = raw.iter().filter_map(|raw| {
            let metric = text(raw.metric).filter(|metric| !metric.is_empty())?;
            let metadata = Metadata { kind: raw.kind, help: text(raw.help)?, unit: text(raw.unit)? };
            let room = known.len() < super::METADATA_MAX || known.contains_key(&metric);
            (room && known.get(&metric) != Some(&metadata)).then_some((metric, metadata))
        });
        new.collect()
    }
}

/// Sorted, unique, without empty values.
fn canonical<'a>(labels: &[RawLabel<'a>]) -> Result<Vec<RawLabel<'a>>, Reason> {
    let mut canonical: Vec<RawLabel<'a>> =
        labels.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
    canonical.sort_by(|a, b| a.0.cmp(b.0));
    match canonical.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Reason::DuplicateLabel(String::from_utf8_lossy(pair[0].0).into_owned())),
        None => Ok(canonical),
    }
}

fn text_labels(labels: &[RawLabel<'_>]) -> Option<Labels> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let pairs: Option<Vec<_>> =
        labels.iter().map(|(name, value)| Some((text(*name)?, text(*value)?))).collect();
    pairs.map(Labels::new)
}
