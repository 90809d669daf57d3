//! The series store as rules see it: what they ask is read from it, what they find is written to it.

use nines_promql::{Control, Histogram, Sample, SampleValue, Source};
use nines_rules::{RuleStore, StoreError};
use nines_series::{Counts, ResetHint, SeriesError, SeriesStore, Span, WriteRequest};

use crate::questions::Questions;
use crate::source::StoreSource;

/// For one group's evaluation. Blocks; an append returns when its samples are durable and visible.
pub struct SeriesRules<'a> {
    store: &'a SeriesStore,
    source: StoreSource<'a>,
}

impl<'a> SeriesRules<'a> {
    pub fn new(questions: &'a Questions, control: &'a Control) -> Self {
        Self { store: questions.store(), source: questions.source(control) }
    }
}

impl RuleStore for SeriesRules<'_> {
    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn append(&self, samples: &[Sample]) -> Result<(), StoreError> {
        let mut request = WriteRequest::default();
        for sample in samples {
            for label in sample.labels.iter() {
                request.label(label.name.as_bytes(), label.value.as_bytes());
            }
            match &sample.value {
                SampleValue::Float(value) => request.sample(sample.time_ms, *value),
                SampleValue::Histogram(histogram) => request.histogram(sample.time_ms, stored(histogram)),
            }
            request.end_series();
        }
        let outcome = self.store.write(request).and_then(|pending| pending.wait()).map_err(failed)?;
        // Upstream too goes on with what it could write, and says what it could not.
        if outcome.rejected > 0 {
            tracing::warn!(rejected = outcome.rejected, "results of rules were refused by the store");
        }
        Ok(())
    }
}

fn failed(error: SeriesError) -> StoreError {
    StoreError { message: error.to_string(), kind: error.kind() }
}

/// The histogram as it is stored: the inverse of [`crate::source::histogram`].
fn stored(histogram: &Histogram) -> nines_series::Histogram {
    let (positive_spans, positive) = spans(&histogram.positive);
    let (negative_spans, negative) = spans(&histogram.negative);
    nines_series::Histogram {
        reset_hint: match histogram.hint {
            nines_promql::histogram::ResetHint::Unknown => ResetHint::Unknown,
            nines_promql::histogram::ResetHint::Reset => ResetHint::Reset,
            nines_promql::histogram::ResetHint::NotReset => ResetHint::NotReset,
            nines_promql::histogram::ResetHint::Gauge => ResetHint::Gauge,
        },
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        sum: histogram.sum,
        positive_spans,
        negative_spans,
        custom_values: histogram.bounds.clone(),
        counts: Counts::Fractional { count: histogram.count, zero: histogram.zero_count, positive, negative },
    }
}

/// Runs of neighbouring buckets, and the counts in order.
fn spans(buckets: &[(i32, f64)]) -> (Vec<Span>, Vec<f64>) {
    let mut spans: Vec<Span> = Vec::new();
    let mut next = 0_i32;
    for (index, _) in buckets {
        match spans.last_mut() {
            Some(last) if *index == next => last.length += 1,
            _ => spans.push(Span { offset: index.saturating_sub(next), length: 1 }),
        }
        next = index.saturating_add(1);
    }
    (spans, buckets.iter().map(|(_, count)| *count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_read_as_it_was_written() {
        let histogram = Histogram {
            schema: 2,
            count: 10.5,
            sum: 3.0,
            zero_threshold: 0.001,
            zero_count: 1.5,
            positive: vec![(-3, 2.0), (-2, 1.0), (0, 0.5), (4, 4.0)],
            negative: vec![(1, 1.5)],
            hint: nines_promql::histogram::ResetHint::Gauge,
            ..Histogram::default()
        };
        assert_eq!(crate::source::histogram(&stored(&histogram)), histogram);
    }
}
