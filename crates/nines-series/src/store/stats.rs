use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use nines_wal::JournalStats;

use super::SeriesStore;
use super::offenders::RefusedMetric;
use super::write::WriteOutcome;
use crate::head::pages::Appended;

#[derive(Debug, Default)]
pub struct Counters {
    samples: AtomicU64,
    duplicates: AtomicU64,
    out_of_order: AtomicU64,
    /// By the word of the reason; there are as many as variants of it.
    rejected: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    pub fn appended(&self, appended: Appended) {
        self.samples.fetch_add(appended.samples, Ordering::Relaxed);
        self.duplicates.fetch_add(appended.duplicates, Ordering::Relaxed);
        self.out_of_order.fetch_add(appended.out_of_order, Ordering::Relaxed);
    }

    /// Rejections beyond the named ones of a request are counted under the last reason that it names.
    pub fn count(&self, outcome: &WriteOutcome) {
        if outcome.rejected == 0 {
            return;
        }
        let mut rejected = self.rejected.lock();
        let mut rest = outcome.rejected;
        for rejection in &outcome.rejections {
            rest -= rejection.samples;
            *rejected.entry(rejection.reason.code()).or_default() += rejection.samples;
        }
        if let Some(last) = outcome.rejections.last() {
            *rejected.entry(last.reason.code()).or_default() += rest;
        }
    }
}

/// What the store says of itself. Counts are since the start.
#[derive(Debug, Clone, Default)]
pub struct SeriesStats {
    pub active_series: u64,
    /// In the head, not yet sealed.
    pub head_samples: u64,
    pub head_bytes: u64,
    /// Of the index of active series.
    pub index_bytes: u64,
    pub segments: u64,
    pub segment_bytes: u64,
    pub segment_samples: u64,
    /// Series tables of segments that are in memory.
    pub segment_index_bytes: u64,
    /// In the head, not yet sealed.
    pub exemplars: u64,
    pub samples_appended: u64,
    /// The same time and value as the newest sample of the series.
    pub duplicate_samples: u64,
    pub out_of_order_samples: u64,
    pub rejected: BTreeMap<&'static str, u64>,
    /// Those that budgets stopped, most refusals first.
    pub refused_metrics: Vec<RefusedMetric>,
    pub journal: JournalStats,
}

impl SeriesStore {
    pub fn stats(&self) -> SeriesStats {
        let inner = &self.0;
        let segments = inner.segments.read().clone();
        let (active_series, index_bytes) = {
            let index = inner.index.read();
            (index.live(), index.memory())
        };
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SeriesStats {
            active_series,
            index_bytes,
            head_samples: inner.pages.samples(),
            head_bytes: inner.pages.bytes(),
            segments: segments.len() as u64,
            segment_bytes: segments.iter().map(|segment| segment.file_bytes()).sum(),
            segment_samples: segments.iter().map(|segment| segment.info().samples).sum(),
            segment_index_bytes: segments.iter().map(|segment| segment.index_memory()).sum(),
            exemplars: inner.exemplars.lock().len() as u64,
            samples_appended: load(&inner.counters.samples),
            duplicate_samples: load(&inner.counters.duplicates),
            out_of_order_samples: load(&inner.counters.out_of_order),
            rejected: inner.counters.rejected.lock().clone(),
            refused_metrics: inner.offenders.list(),
            journal: inner.journal.stats(),
        }
    }
}
