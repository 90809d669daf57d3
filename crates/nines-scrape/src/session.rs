//! What is known of one target from scrape to scrape: which series it exposed, as what they are stored, which have
//! ended. Turns bodies into batches. Source: upstream's `scrapeCache` and `scrapeLoop.append` of version 3.
//!
//! # When a series is marked stale
//! - It was in the last scrape and is not in this one.
//! - The scrape failed (no answer, a body that cannot be read, a limit): all series of the last scrape. Upstream spares
//!   those that stood before the mistake in the body, although it does not store them; here they end too.
//! - The target is gone: all its series and its report.
//! - Never a series with timestamps of its own, unless `track_timestamps_staleness` says so.
//!
//! Pure: no clock, no IO. Labels are computed once for each series that is new and kept as long as it is exposed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use nines_series::{Counts, Exemplar, Histogram, Labels, METRIC_NAME, Metadata, MetricType, STALE_NAN_BITS};

use crate::batch::{Batch, Point, PointValue};
use crate::config::{Job, Limits};
use crate::error::ScrapeError;
use crate::exposition::{Entry, ExposedExemplar, ExposedLabel, Format, ParseOptions, Parser, Sample, Value};
use crate::labels::LabelSet;
use crate::relabel;

/// Entries that failed scrapes may add to the cache before it is emptied of what the last good one did not hold. As upstream.
const FAILED_GROWTH_MAX: usize = 1_000;

/// Characters of an exemplar's labels, as the OpenMetrics specification bounds them. Longer ones are left out.
const EXEMPLAR_CHARACTERS_MAX: usize = 128;

/// What a scrape counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Samples in the body, as far as it was read.
    pub scraped: usize,
    /// Of these, what relabelling left.
    pub added: usize,
    /// Series that the last good scrape did not hold.
    pub series_added: usize,
    /// Left out because their series was already there.
    pub duplicates: usize,
}

/// A series as it is stored. Two ways of writing it share one.
#[derive(Debug)]
struct Slot {
    labels: Arc<Labels>,
    /// The scrape that last had a sample of it with the scrape's own time.
    written: AtomicU64,
    /// The scrape that last had it watched for its end.
    tracked: AtomicU64,
}

#[derive(Debug)]
struct Cached {
    slot: Arc<Slot>,
    seen: u64,
}

type Map<K, V> = HashMap<K, V, RandomState>;

/// One target's memory.
#[derive(Debug)]
pub struct Session {
    job: Arc<Job>,
    /// Of the target: what every sample gets.
    target: LabelSet,
    cached: Map<Box<[u8]>, Cached>,
    dropped: Map<Box<[u8]>, u64>,
    slots: Map<Arc<Labels>, Arc<Slot>>,
    metadata: Map<Box<str>, (Metadata, u64)>,
    previous: Vec<Arc<Slot>>,
    current: Vec<Arc<Slot>>,
    report: Vec<(&'static str, Arc<Labels>)>,
    /// From 1; 0 is never.
    scrape: u64,
    entries_when_good: usize,
}

impl Session {
    pub fn new(job: Arc<Job>, target: &LabelSet) -> Self {
        Self {
            job,
            target: target.clone(),
            cached: Map::default(),
            dropped: Map::default(),
            slots: Map::default(),
            metadata: Map::default(),
            previous: Vec::new(),
            current: Vec::new(),
            report: Vec::new(),
            scrape: 1,
            entries_when_good: 0,
        }
    }

    /// Reads a body. The batch is what is to be stored whatever the result: after a mistake it holds stale markers only.
    pub fn read(
        &mut self,
        body: &[u8],
        content_type: Option<&str>,
        t_ms: i64,
    ) -> (Batch, Tally, Result<(), ScrapeError>) {
        let (mut batch, mut tally) = (Batch::default(), Tally::default());
        if body.is_empty() {
            // As upstream: an answer without a body is a good one that exposes nothing.
            return (self.nothing(t_ms), tally, Ok(()));
        }
        match self.read_body(body, content_type, t_ms, &mut batch, &mut tally) {
            Ok(()) => {
                let stale =
                    self.previous.iter().filter(|slot| slot.tracked.load(Ordering::Relaxed) != self.scrape);
                batch.points.extend(stale.map(|slot| stale_point(&slot.labels, t_ms)));
                self.next_scrape(true);
                (batch, tally, Ok(()))
            }
            Err(error) => (self.nothing(t_ms), tally, Err(error)),
        }
    }

    /// The scrape brought nothing: everything that was there has ended.
    pub fn nothing(&mut self, t_ms: i64) -> Batch {
        let points = self.previous.iter().map(|slot| stale_point(&slot.labels, t_ms)).collect();
        self.current.clear();
        self.next_scrape(false);
        Batch { points, metadata: Vec::new() }
    }

    /// The target is gone: its series and its report end at `t_ms`.
    pub fn end(&mut self, t_ms: i64) -> Batch {
        let mut batch = self.nothing(t_ms);
        let report = std::mem::take(&mut self.report);
        batch.points.extend(report.iter().map(|(_, labels)| stale_point(labels, t_ms)));
        batch
    }

    /// The same for series that were written before this session began.
    pub fn end_of(series: Vec<Labels>, t_ms: i64) -> Batch {
        let points = series.into_iter().map(|labels| stale_point(&Arc::new(labels), t_ms)).collect();
        Batch { points, metadata: Vec::new() }
    }

    /// The samples that a scrape writes about itself.
    pub fn report(
        &mut self,
        batch: &mut Batch,
        t_ms: i64,
        took: Duration,
        timeout: Duration,
        outcome: &Outcome,
    ) {
        let mut all = vec![
            ("up", f64::from(u8::from(outcome.healthy))),
            ("scrape_duration_seconds", took.as_secs_f64()),
            ("scrape_samples_scraped", outcome.tally.scraped as f64),
            ("scrape_samples_post_metric_relabeling", outcome.tally.added as f64),
            ("scrape_series_added", outcome.tally.series_added as f64),
        ];
        if self.job.extra_metrics {
            all.push(("scrape_timeout_seconds", timeout.as_secs_f64()));
            all.push(("scrape_sample_limit", self.job.limits.samples as f64));
            all.push(("scrape_body_size_bytes", outcome.body_bytes as f64));
        }
        for (name, value) in all {
            let labels = self.report_labels(name);
            batch.points.push(Point { labels, t_ms, value: PointValue::Float(value), exemplars: Vec::new() });
        }
    }

    fn report_labels(&mut self, name: &'static str) -> Arc<Labels> {
        if let Some((_, labels)) = self.report.iter().find(|(known, _)| *known == name) {
            return labels.clone();
        }
        let mut labels = self.target.clone();
        labels.set(METRIC_NAME, name);
        let labels = Arc::new(labels.to_labels());
        self.report.push((name, labels.clone()));
        labels
    }

    /// What the target says of its metric families.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &Metadata)> {
        self.metadata.iter().map(|(metric, (metadata, _))| (&**metric, metadata))
    }

    /// Series of the last scrape.
    pub fn series(&self) -> usize {
        self.previous.len()
    }

    fn read_body(
        &mut self,
        body: &[u8],
        content_type: Option<&str>,
        t_ms: i64,
        batch: &mut Batch,
        tally: &mut Tally,
    ) -> Result<(), ScrapeError> {
        let format = content_type
            .and_then(Format::of_content_type)
            .or_else(|| self.job.fallback.map(|protocol| protocol.format()));
        let Some(format) = format else {
            return Err(ScrapeError::ContentType { content_type: content_type.map(str::to_owned) });
        };
        let options = ParseOptions {
            native_histograms: self.job.native_histograms,
            classic_histograms_too: self.job.classic_histograms_too,
        };
        let limits = self.job.limits;
        let mut too_many = None;
        let mut parser = Parser::new(format, body, options)?;
        while let Some(entry) = parser.next()? {
            match entry {
                Entry::Sample(sample) => {
                    tally.scraped += 1;
                    self.sample(sample, t_ms, limits, batch, tally, &mut too_many)?;
                }
                Entry::Type { metric, kind } => self.describe(&metric, batch, |known| known.kind = kind),
                Entry::Help { metric, help } => self.describe(&metric, batch, |known| {
                    if *known.help != *help {
                        known.help = Arc::from(&*help);
                    }
                }),
                Entry::Unit { metric, unit } => self.describe(&metric, batch, |known| {
                    if *known.unit != *unit {
                        known.unit = Arc::from(&*unit);
                    }
                }),
            }
        }
        too_many.map_or(Ok(()), Err)
    }

    fn describe(&mut self, metric: &str, batch: &mut Batch, change: impl FnOnce(&mut Metadata)) {
        let scrape = self.scrape;
        let changed = |known: &mut (Metadata, u64), new: bool| {
            let before = known.0.clone();
            change(&mut known.0);
            known.1 = scrape;
            if new || known.0 != before {
                let last = batch.metadata.last_mut().filter(|(name, _)| **name == *metric);
                match last {
                    Some((_, metadata)) => *metadata = known.0.clone(),
                    None => batch.metadata.push((Arc::from(metric), known.0.clone())),
                }
            }
        };
        match self.metadata.get_mut(metric) {
            Some(known) => changed(known, false),
            None => {
                let mut new = (Metadata { kind: MetricType::Unknown, ..Metadata::default() }, scrape);
                changed(&mut new, true);
                self.metadata.insert(Box::from(metric), new);
            }
        }
    }

    fn sample(
        &mut self,
        sample: Sample<'_>,
        scrape_ms: i64,
        limits: Limits,
        batch: &mut Batch,
        tally: &mut Tally,
        too_many: &mut Option<ScrapeError>,
    ) -> Result<(), ScrapeError> {
        let own_time = sample.t_ms.filter(|_| self.job.honor_timestamps);
        let scrape = self.scrape;
        if let Some(seen) = self.dropped.get_mut(sample.key) {
            *seen = scrape;
            return Ok(());
        }
        let known = match self.cached.get_mut(sample.key) {
            Some(cached) => {
                cached.seen = scrape;
                Some(cached.slot.clone())
            }
            None => None,
        };
        let slot = match &known {
            Some(slot) => slot.clone(),
            None => match self.new_slot(&sample, limits)? {
                Some(slot) => slot,
                None => return Ok(()),
            },
        };
        tally.added += 1;
        if own_time.is_none() && slot.written.swap(scrape, Ordering::Relaxed) == scrape {
            tally.duplicates += 1;
            return Ok(());
        }
        let value = match sample.value {
            Value::Float(value) => PointValue::Float(value),
            Value::Histogram(histogram) => {
                if limits.histogram_buckets > 0 && buckets(&histogram) > limits.histogram_buckets {
                    too_many.get_or_insert(ScrapeError::BucketLimit { limit: limits.histogram_buckets });
                    return Ok(());
                }
                PointValue::Histogram(*histogram)
            }
        };
        if limits.samples > 0 && batch.points.len() >= limits.samples {
            // Read on, so that people see how many there are.
            *too_many = Some(ScrapeError::SampleLimit { limit: limits.samples });
            return Ok(());
        }
        if known.is_none() {
            self.cached.insert(Box::from(sample.key), Cached { slot: slot.clone(), seen: scrape });
            if too_many.is_none() {
                tally.series_added += 1;
            }
        }
        let tracked = own_time.is_none() || self.job.track_timestamps_staleness;
        if tracked && slot.tracked.swap(scrape, Ordering::Relaxed) != scrape {
            self.current.push(slot.clone());
        }
        let t_ms = own_time.unwrap_or(scrape_ms);
        let native = matches!(value, PointValue::Histogram(_));
        let exemplars = sample.exemplars.iter().filter_map(|exemplar| kept(exemplar, t_ms, native)).collect();
        batch.points.push(Point { labels: slot.labels.clone(), t_ms, value, exemplars });
        Ok(())
    }

    /// The series that a sample is stored as; `None` if relabelling drops it.
    fn new_slot(&mut self, sample: &Sample<'_>, limits: Limits) -> Result<Option<Arc<Slot>>, ScrapeError> {
        let Some(labels) = sample_labels(sample.labels, &self.target, &self.job) else {
            self.dropped.insert(Box::from(sample.key), self.scrape);
            return Ok(None);
        };
        if labels.get(METRIC_NAME).is_empty() {
            return Err(ScrapeError::NoName);
        }
        check_limits(&labels, limits)?;
        let labels = Arc::new(labels.to_labels());
        if let Some(slot) = self.slots.get(&labels) {
            return Ok(Some(slot.clone()));
        }
        let (written, tracked) = (AtomicU64::new(0), AtomicU64::new(0));
        let slot = Arc::new(Slot { labels: labels.clone(), written, tracked });
        self.slots.insert(labels, slot.clone());
        Ok(Some(slot))
    }

    fn next_scrape(&mut self, good: bool) {
        let entries = self.cached.len() + self.dropped.len() + self.metadata.len();
        if good {
            self.entries_when_good = entries;
        }
        std::mem::swap(&mut self.previous, &mut self.current);
        self.current.clear();
        if good || entries > self.entries_when_good + FAILED_GROWTH_MAX {
            let scrape = self.scrape;
            self.cached.retain(|_, cached| cached.seen == scrape);
            self.dropped.retain(|_, seen| *seen == scrape);
            self.metadata.retain(|_, (_, seen)| *seen == scrape);
            // What neither the cache nor the last scrape holds is held by this map alone.
            self.slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        self.scrape += 1;
    }
}

/// How a scrape went, for its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    pub healthy: bool,
    pub tally: Tally,
    /// Decompressed; −1 if the body was too large, 0 after another failure.
    pub body_bytes: i64,
}

fn stale_point(labels: &Arc<Labels>, t_ms: i64) -> Point {
    let value = PointValue::Float(f64::from_bits(STALE_NAN_BITS));
    Point { labels: labels.clone(), t_ms, value, exemplars: Vec::new() }
}

/// What is exposed and what the target says, as one label set; `None` if relabelling drops it. As upstream's
/// `mutateSampleLabels`.
fn sample_labels(exposed: &[ExposedLabel<'_>], target: &LabelSet, job: &Job) -> Option<LabelSet> {
    let mut labels: LabelSet = exposed.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut in_conflict: Vec<(String, String)> = Vec::new();
    for (name, value) in target.iter() {
        // An exposed label that is empty counts as one that is there, if labels are honoured.
        if job.honor_labels && exposed.iter().any(|(exposed, _)| exposed == name) {
            continue;
        }
        let exposed = labels.get(name);
        if !exposed.is_empty() {
            in_conflict.push((name.to_owned(), exposed.to_owned()));
        }
        labels.set(name, value);
    }
    in_conflict.sort_by_key(|(name, _)| name.len());
    for (name, value) in in_conflict {
        let mut renamed = name;
        loop {
            renamed.insert_str(0, "exported_");
            if labels.get(&renamed).is_empty() {
                labels.set(renamed, value);
                break;
            }
        }
    }
    relabel::process(&mut labels, &job.metric_relabel).then_some(labels).filter(|labels| !labels.is_empty())
}

fn check_limits(labels: &LabelSet, limits: Limits) -> Result<(), ScrapeError> {
    let metric = || {
        let name = labels.get(METRIC_NAME);
        name[..name.floor_char_boundary(50)].to_owned()
    };
    let over = |what, key, found: usize, limit: usize| {
        if limit > 0 && found > limit {
            return Err(ScrapeError::LabelLimit { what, key, metric: metric(), found, limit });
        }
        Ok(())
    };
    over("number of labels", "label_limit", labels.len(), limits.labels)?;
    if limits.label_name_bytes == 0 && limits.label_value_bytes == 0 {
        return Ok(());
    }
    for (name, value) in labels.iter() {
        over("length of a label name", "label_name_length_limit", name.len(), limits.label_name_bytes)?;
        over("length of a label value", "label_value_length_limit", value.len(), limits.label_value_bytes)?;
    }
    Ok(())
}

fn buckets(histogram: &Histogram) -> usize {
    match &histogram.counts {
        Counts::Whole { positive, negative, .. } => positive.len() + negative.len(),
        Counts::Fractional { positive, negative, .. } => positive.len() + negative.len(),
    }
}

/// Exemplars of native histograms need a time of their own, as upstream has it.
fn kept(exemplar: &ExposedExemplar<'_>, t_ms: i64, native: bool) -> Option<Exemplar> {
    if native && exemplar.t_ms.is_none() {
        return None;
    }
    let characters = exemplar.labels.iter().map(|(name, value)| name.chars().count() + value.chars().count());
    if characters.sum::<usize>() > EXEMPLAR_CHARACTERS_MAX {
        return None;
    }
    let labels = exemplar.labels.iter().map(|(name, value)| (Arc::from(&**name), Arc::from(&**value)));
    Some(Exemplar {
        t_ms: exemplar.t_ms.unwrap_or(t_ms),
        value: exemplar.value,
        labels: Labels::new::<Arc<str>, Arc<str>>(labels),
    })
}

#[cfg(test)]
mod tests;
