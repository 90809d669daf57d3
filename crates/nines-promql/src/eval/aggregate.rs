//! Aggregations. Rows are added to their group as they come, so that the input of a sum over many series is never kept.

use std::sync::Arc;

use crate::annotations::Note;
use crate::ast::{Aggregate, AggregateOp, Span};
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::window_fn::{HistogramTotal, quantile};
use crate::labels::{Grouping, Groups};
use crate::number::kahan;
use crate::row::{ABSENT, Cell, Row, RowView, is_absent, present};

impl Evaluator<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate, span: Span) -> Result<Vec<Row>, QueryError> {
        if aggregate.op.selects() {
            return self.pick(aggregate, span);
        }
        if aggregate.op == AggregateOp::CountValues {
            return self.count_values(aggregate);
        }
        let qs = match &aggregate.param {
            Some(param) => self.scalar(param)?,
            None => Vec::new(),
        };
        if let (AggregateOp::Quantile, Some(param)) = (aggregate.op, &aggregate.param) {
            for q in qs.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
                self.run.note(Note::InvalidQuantile { bits: q.to_bits() }, param.span);
            }
        }
        let steps = self.grid.steps;
        let mut groups = Groups::new(Grouping::new(&aggregate.grouping, aggregate.without));
        let mut tallies: Vec<Tally> = Vec::new();
        let inner_span = aggregate.expr.span;
        self.stream(&aggregate.expr, &mut |row| {
            let group = groups.of(row.labels);
            if group == tallies.len() {
                self.run.keep(2 * steps)?;
                tallies.push(Tally::new(aggregate.op, steps));
            }
            if aggregate.op == AggregateOp::Quantile {
                self.run.keep(steps)?;
            }
            let tally = &mut tallies[group];
            tally.drop_name |= row.drop_name;
            tally.add(&row, |note| self.run.note(note, inner_span));
            Ok(())
        })?;
        let mut rows = Vec::with_capacity(tallies.len());
        for (labels, tally) in groups.labels.into_iter().zip(tallies) {
            let drop_name = tally.drop_name;
            let mut row = Row::empty(labels, drop_name, steps);
            tally.finish(&mut row, &qs, |note| self.run.note(note, inner_span));
            if !row.is_empty() {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    fn count_values(&self, aggregate: &Aggregate) -> Result<Vec<Row>, QueryError> {
        let Some(param) = &aggregate.param else {
            return Err(QueryError::execution("count_values needs a label"));
        };
        let label = self.label_name(param, "label name")?;
        let steps = self.grid.steps;
        let mut grouping = aggregate.grouping.clone();
        if !aggregate.without {
            grouping.push(label.as_str().into());
        }
        let mut groups = Groups::new(Grouping::new(&grouping, aggregate.without));
        let mut rows: Vec<Row> = Vec::new();
        self.stream(&aggregate.expr, &mut |row| {
            let row = row.to_row();
            for step in 0..steps {
                let text = match row.get(step) {
                    None => continue,
                    Some(Cell::Float(value)) => crate::number::format_float(value),
                    Some(Cell::Histogram(histogram)) => histogram.describe(),
                };
                let group = groups.of(&row.labels.with(&label, &text));
                if group == rows.len() {
                    self.run.keep(steps)?;
                    rows.push(Row::empty(groups.labels[group].clone(), false, steps));
                }
                let count = &mut rows[group].values[step];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
            Ok(())
        })?;
        Ok(rows)
    }
}

/// One group over all steps.
struct Tally {
    op: AggregateOp,
    drop_name: bool,
    /// The sum, the extreme or the sum of squares; [`ABSENT`] before the first sample.
    floats: Vec<f64>,
    /// What rounding has lost, or the mean.
    second: Vec<f64>,
    counts: Vec<f64>,
    /// Steps at which the sum of an average overflowed; there `floats` holds the mean. Empty if there are none.
    incremental: Vec<bool>,
    histograms: Vec<Option<HistogramState>>,
    /// All values, for quantiles.
    values: Vec<Vec<f64>>,
}

enum HistogramState {
    Total(Box<HistogramTotal>),
    /// Histograms that cannot be added up.
    Incompatible,
}

impl Tally {
    fn new(op: AggregateOp, steps: usize) -> Self {
        let sized = |needed: bool| if needed { vec![0.0; steps] } else { Vec::new() };
        let deviates = matches!(op, AggregateOp::Stddev | AggregateOp::Stdvar);
        let averages = op == AggregateOp::Avg;
        Self {
            op,
            drop_name: false,
            floats: vec![ABSENT; steps],
            second: sized(deviates || averages || op == AggregateOp::Sum),
            counts: sized(deviates || averages),
            incremental: Vec::new(),
            histograms: Vec::new(),
            values: if op == AggregateOp::Quantile { vec![Vec::new(); steps] } else { Vec::new() },
        }
    }

    fn add(&mut self, row: &RowView<'_>, note: impl Fn(Note)) {
        let steps = row.values.len();
        match self.op {
            AggregateOp::Sum => {
                let sums = self.floats.iter_mut().zip(&mut self.second);
                for (value, (sum, lost)) in row.values.iter().zip(sums) {
                    if is_absent(*value) {
                        continue;
                    }
                    if is_absent(*sum) {
                        *sum = *value;
                    } else {
                        (*sum, *lost) = kahan(*value, *sum, *lost);
                    }
                }
            }
            AggregateOp::Avg => (0..steps).for_each(|step| self.average(step, row.values[step])),
            AggregateOp::Count | AggregateOp::Group => {
                let counts = self.op == AggregateOp::Count;
                for step in 0..steps {
                    if !is_absent(row.values[step]) || matches!(row.histograms.get(step), Some(Some(_))) {
                        let so_far = self.floats[step];
                        let first = is_absent(so_far) || !counts;
                        self.floats[step] = if first { 1.0 } else { so_far + 1.0 };
                    }
                }
                return;
            }
            AggregateOp::Min | AggregateOp::Max => {
                let max = self.op == AggregateOp::Max;
                for (best, value) in self.floats.iter_mut().zip(row.values) {
                    let better = if max { *value > *best } else { *value < *best };
                    if !is_absent(*value) && (is_absent(*best) || best.is_nan() || better) {
                        *best = *value;
                    }
                }
            }
            AggregateOp::Stddev | AggregateOp::Stdvar => {
                (0..steps).for_each(|step| self.deviate(step, row.values[step]));
            }
            AggregateOp::Quantile => {
                for (values, value) in self.values.iter_mut().zip(row.values) {
                    if !is_absent(*value) {
                        values.push(*value);
                    }
                }
            }
            _ => {}
        }
        if row.histograms.is_empty() {
            return;
        }
        if !matches!(self.op, AggregateOp::Sum | AggregateOp::Avg) {
            note(Note::HistogramIgnoredInAggregation { aggregation: self.op.name() });
            return;
        }
        if self.histograms.is_empty() {
            self.histograms.resize_with(steps, || None);
        }
        let averages = self.op == AggregateOp::Avg;
        for (state, histogram) in self.histograms.iter_mut().zip(row.histograms) {
            let Some(histogram) = histogram else { continue };
            match state {
                None => {
                    *state = Some(HistogramState::Total(Box::new(HistogramTotal::new(histogram, averages))))
                }
                Some(HistogramState::Incompatible) => {}
                Some(HistogramState::Total(total)) => {
                    if total.add(histogram).is_err() {
                        let metric = row.labels.metric_name().to_owned();
                        note(Note::MixedSchemas { metric });
                        *state = Some(HistogramState::Incompatible);
                    }
                }
            }
        }
    }

    fn average(&mut self, step: usize, value: f64) {
        if is_absent(value) {
            return;
        }
        self.counts[step] += 1.0;
        let count = self.counts[step];
        let so_far = self.floats[step];
        if is_absent(so_far) {
            self.floats[step] = value;
            return;
        }
        let overflowed = self.incremental.get(step).copied().unwrap_or(false);
        if !overflowed {
            let (sum, lost) = kahan(value, so_far, self.second[step]);
            if !sum.is_infinite() {
                (self.floats[step], self.second[step]) = (sum, lost);
                return;
            }
            if self.incremental.is_empty() {
                self.incremental = vec![false; self.floats.len()];
            }
            self.incremental[step] = true;
            self.floats[step] = so_far / (count - 1.0);
            self.second[step] /= count - 1.0;
        }
        let part = (count - 1.0) / count;
        let (mean, lost) = kahan(value / count, part * self.floats[step], part * self.second[step]);
        (self.floats[step], self.second[step]) = (mean, lost);
    }

    /// Welford's mean and sum of squares.
    fn deviate(&mut self, step: usize, value: f64) {
        if is_absent(value) {
            return;
        }
        self.counts[step] += 1.0;
        if is_absent(self.floats[step]) {
            self.second[step] = value;
            self.floats[step] = if value.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let off = value - self.second[step];
        self.second[step] += off / self.counts[step];
        self.floats[step] += off * (value - self.second[step]);
    }

    fn finish(mut self, row: &mut Row, qs: &[f64], note: impl Fn(Note)) {
        for step in 0..self.floats.len() {
            let float = self.floats[step];
            if let Some(state) = self.histograms.get_mut(step).and_then(Option::take) {
                if !is_absent(float) {
                    note(Note::MixedFloatsHistogramsInAggregation);
                    continue;
                }
                if let HistogramState::Total(total) = state {
                    total.tell(&note);
                    let average = self.op == AggregateOp::Avg;
                    let sum = if average { total.average() } else { total.sum() };
                    row.set(step, Cell::Histogram(Arc::new(sum.compacted())));
                }
                continue;
            }
            if self.op == AggregateOp::Quantile {
                if !self.values[step].is_empty() {
                    row.values[step] = present(quantile(qs[step], &mut self.values[step]));
                }
                continue;
            }
            if is_absent(float) {
                continue;
            }
            let incremental = self.incremental.get(step).copied().unwrap_or(false);
            row.values[step] = present(match self.op {
                AggregateOp::Sum => float + self.second[step],
                AggregateOp::Avg if incremental => float + self.second[step],
                AggregateOp::Avg => float / self.counts[step] + self.second[step] / self.counts[step],
                AggregateOp::Stdvar => float / self.counts[step],
                AggregateOp::Stddev => (float / self.counts[step]).sqrt(),
                _ => float,
            });
        }
    }
}
