//! Aggregations that pick series: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use std::cmp::Ordering;

use crate::annotations::Note;
use crate::ast::{Aggregate, AggregateOp, Span};
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::labels::{Grouping, Groups};
use crate::row::{ABSENT, Cell, Row};

impl Evaluator<'_> {
    pub(super) fn pick(&self, aggregate: &Aggregate, span: Span) -> Result<Vec<Row>, QueryError> {
        let Some(param) = &aggregate.param else {
            return Err(QueryError::execution("a parameter is needed"));
        };
        let params = self.scalar(param)?;
        self.check_params(aggregate.op, &params, param.span)?;
        let rows = self.rows(&aggregate.expr)?;
        let mut groups = Groups::new(Grouping::new(&aggregate.grouping, aggregate.without));
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let group = groups.of(&row.labels);
            if group == members.len() {
                members.push(Vec::new());
            }
            members[group].push(at);
        }
        let steps = self.grid.steps;
        let mut kept: Vec<Option<Row>> = vec![None; rows.len()];
        let mut order: Vec<usize> = Vec::new();
        let shares: Vec<f64> = match aggregate.op {
            AggregateOp::LimitRatio => rows.iter().map(share).collect(),
            _ => Vec::new(),
        };
        let mut candidates: Vec<(usize, f64)> = Vec::new();
        for members in &members {
            self.run.go_on()?;
            for (step, param) in params.iter().enumerate() {
                let chosen: Vec<usize> = match aggregate.op {
                    AggregateOp::LimitRatio => {
                        let ratio = param.clamp(-1.0, 1.0);
                        let present = members.iter().copied().filter(|at| rows[*at].has(step));
                        present.filter(|at| is_sampled(ratio, shares[*at])).collect()
                    }
                    AggregateOp::LimitK => {
                        let present = members.iter().copied().filter(|at| rows[*at].has(step));
                        present.take(whole(*param)).collect()
                    }
                    op => {
                        candidates.clear();
                        for &at in members {
                            match rows[at].get(step) {
                                Some(Cell::Float(value)) => candidates.push((at, value)),
                                Some(Cell::Histogram(_)) => {
                                    let aggregation = op.name();
                                    self.run.note(Note::HistogramIgnoredInAggregation { aggregation }, span);
                                }
                                None => {}
                            }
                        }
                        let top = op == AggregateOp::TopK;
                        // Stable, so that of equal values the first ones stay.
                        candidates.sort_by(|a, b| nan_last(a.1, b.1, top));
                        candidates.iter().take(whole(*param)).map(|(at, _)| *at).collect()
                    }
                };
                for at in chosen {
                    let row = kept[at].get_or_insert_with(|| {
                        order.push(at);
                        Row { values: vec![ABSENT; steps], histograms: Vec::new(), ..rows[at].clone() }
                    });
                    if let Some(cell) = rows[at].get(step) {
                        row.set(step, cell);
                    }
                }
            }
        }
        Ok(order.into_iter().filter_map(|at| kept[at].take()).collect())
    }

    fn check_params(&self, op: AggregateOp, params: &[f64], span: Span) -> Result<(), QueryError> {
        for param in params {
            if op == AggregateOp::LimitRatio {
                if param.is_nan() {
                    return Err(QueryError::execution("Ratio value is NaN"));
                }
                if param.abs() > 1.0 {
                    let capped = if *param > 0.0 { 1 } else { -1 };
                    self.run.note(Note::InvalidRatio { bits: param.to_bits(), capped }, span);
                }
                continue;
            }
            if param.is_nan() {
                return Err(QueryError::execution("Parameter value is NaN"));
            }
            // As upstream, which counts in 64 bits.
            if *param >= 9.223_372_036_854_775e18 {
                return Err(QueryError::execution(format!("Scalar value {param} overflows int64")));
            }
            if *param <= -9.223_372_036_854_775e18 {
                return Err(QueryError::execution(format!("Scalar value {param} underflows int64")));
            }
        }
        Ok(())
    }
}

fn whole(param: f64) -> usize {
    if param >= 1.0 { param as usize } else { 0 }
}

/// Where the series lies between 0 and 1, by its labels.
fn share(row: &Row) -> f64 {
    row.labels.stable_hash() as f64 / u64::MAX as f64
}

/// Positive ratios take from below, negative ones from above, so that `r` and `r - 1` together take each series once.
fn is_sampled(ratio: f64, share: f64) -> bool {
    (ratio >= 0.0 && share < ratio) || (ratio < 0.0 && share >= 1.0 + ratio)
}

/// By value, NaN behind everything in both directions.
pub(super) fn nan_last(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if descending => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
    }
}
