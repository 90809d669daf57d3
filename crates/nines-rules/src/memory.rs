//! A store in memory: for unit tests of rules.

use std::collections::BTreeMap;

use nines_promql::{
    HistogramPoint, Labels, Sample, SampleValue, Selection, SeriesData, SeriesSet, SeriesView, Source,
    SourceError,
};
use parking_lot::RwLock;

use crate::group::{RuleStore, StoreError};

/// Series by labels. Of two samples at one time the later written counts.
#[derive(Debug, Default)]
pub struct MemoryStore(RwLock<BTreeMap<Labels, SeriesData>>);

impl MemoryStore {
    pub fn new(series: impl IntoIterator<Item = SeriesData>) -> Self {
        Self(RwLock::new(series.into_iter().map(|series| (series.labels.clone(), series)).collect()))
    }

    /// A copy of everything.
    pub fn series(&self) -> Vec<SeriesData> {
        self.0.read().values().cloned().collect()
    }
}

impl RuleStore for MemoryStore {
    fn source(&self) -> &dyn Source {
        self
    }

    fn append(&self, samples: &[Sample]) -> Result<(), StoreError> {
        let mut all = self.0.write();
        for sample in samples {
            let series = all
                .entry(sample.labels.clone())
                .or_insert_with(|| SeriesData { labels: sample.labels.clone(), ..SeriesData::default() });
            let time = sample.time_ms;
            let float = series.times.partition_point(|known| *known < time);
            let histogram = series.histograms.partition_point(|known| known.time < time);
            if series.times.get(float) == Some(&time) {
                series.times.remove(float);
                series.values.remove(float);
                if !series.starts.is_empty() {
                    series.starts.remove(float);
                }
            }
            if series.histograms.get(histogram).is_some_and(|known| known.time == time) {
                series.histograms.remove(histogram);
            }
            match &sample.value {
                SampleValue::Float(value) => {
                    series.times.insert(float, time);
                    series.values.insert(float, *value);
                    if !series.starts.is_empty() {
                        series.starts.insert(float, 0);
                    }
                }
                SampleValue::Histogram(value) => {
                    let point = HistogramPoint { time, start: 0, histogram: value.clone() };
                    series.histograms.insert(histogram, point);
                }
            }
        }
        Ok(())
    }
}

impl Source for MemoryStore {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet + 's>, SourceError> {
        let all = self.0.read();
        let matches =
            |labels: &Labels| selection.matchers.iter().all(|matcher| matcher.matches_labels(labels));
        let mut found = Vec::new();
        for (labels, series) in all.iter().filter(|(labels, _)| matches(labels)) {
            let times = range(&series.times, selection, |time| *time);
            let histograms = range(&series.histograms, selection, |point| point.time);
            if times.is_empty() && histograms.is_empty() {
                continue;
            }
            found.push(SeriesData {
                labels: labels.clone(),
                values: series.values[times.clone()].to_vec(),
                starts: series.starts.get(times.clone()).unwrap_or_default().to_vec(),
                times: series.times[times].to_vec(),
                histograms: series.histograms[histograms].to_vec(),
            });
        }
        Ok(Box::new(Found { found, next: 0 }))
    }
}

fn range<T>(items: &[T], selection: &Selection<'_>, time: impl Fn(&T) -> i64) -> std::ops::Range<usize> {
    let from = items.partition_point(|item| time(item) < selection.start_ms);
    from..items.partition_point(|item| time(item) <= selection.end_ms).max(from)
}

struct Found {
    found: Vec<SeriesData>,
    next: usize,
}

impl SeriesSet for Found {
    fn next(&mut self) -> Result<Option<SeriesView<'_>>, SourceError> {
        let view = self.found.get(self.next).map(SeriesData::view);
        self.next += 1;
        Ok(view)
    }
}
