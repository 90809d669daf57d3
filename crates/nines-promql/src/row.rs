//! What an expression is worth: a value for each step of each series.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::QueryError;
use crate::histogram::Histogram;
use crate::labels::Labels;

/// Stands for "no sample" in a dense row. A quiet NaN with a payload that no arithmetic makes; samples that hold it
/// are read as the usual NaN.
const ABSENT_BITS: u64 = 0x7ff8_6e69_6e65_7300;
pub(crate) const ABSENT: f64 = f64::from_bits(ABSENT_BITS);

#[inline(always)]
pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT_BITS
}

/// A sample as it came from a store.
#[inline(always)]
pub(crate) fn present(value: f64) -> f64 {
    if is_absent(value) { f64::NAN } else { value }
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Float(f64),
    Histogram(Arc<Histogram>),
}

pub(crate) type Histograms = Vec<Option<Arc<Histogram>>>;

/// One series over all steps.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub labels: Labels,
    /// The name goes when the query is done, if names are removed late.
    pub drop_name: bool,
    pub values: Vec<f64>,
    /// As long as `values`, or empty if there are none. Where one stands, the float is absent.
    pub histograms: Histograms,
}

/// A row on its way to whoever wants it.
#[derive(Clone, Copy)]
pub(crate) struct RowView<'r> {
    pub labels: &'r Labels,
    pub drop_name: bool,
    pub values: &'r [f64],
    pub histograms: &'r [Option<Arc<Histogram>>],
}

impl RowView<'_> {
    pub fn to_row(self) -> Row {
        Row {
            labels: self.labels.clone(),
            drop_name: self.drop_name,
            values: self.values.to_vec(),
            histograms: self.histograms.to_vec(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.histograms.is_empty() && self.values.iter().all(|value| is_absent(*value))
    }
}

impl Row {
    pub fn empty(labels: Labels, drop_name: bool, steps: usize) -> Self {
        Self { labels, drop_name, values: vec![ABSENT; steps], histograms: Vec::new() }
    }

    pub fn view(&self) -> RowView<'_> {
        RowView {
            labels: &self.labels,
            drop_name: self.drop_name,
            values: &self.values,
            histograms: &self.histograms,
        }
    }

    pub fn get(&self, step: usize) -> Option<Cell> {
        if let Some(Some(histogram)) = self.histograms.get(step) {
            return Some(Cell::Histogram(histogram.clone()));
        }
        let value = self.values[step];
        if is_absent(value) { None } else { Some(Cell::Float(value)) }
    }

    pub fn has(&self, step: usize) -> bool {
        !is_absent(self.values[step]) || matches!(self.histograms.get(step), Some(Some(_)))
    }

    pub fn set(&mut self, step: usize, cell: Cell) {
        match cell {
            Cell::Float(value) => self.values[step] = present(value),
            Cell::Histogram(histogram) => {
                if self.histograms.is_empty() {
                    self.histograms = vec![None; self.values.len()];
                }
                self.histograms[step] = Some(histogram);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// Takes over the samples of a row with the same labels. Fails if both have one for the same step.
    fn absorb(&mut self, other: Row) -> Result<(), QueryError> {
        for step in 0..self.values.len() {
            if let Some(cell) = other.get(step) {
                if self.has(step) {
                    return Err(QueryError::execution(SAME_LABELS));
                }
                self.set(step, cell);
            }
        }
        Ok(())
    }
}

pub(crate) const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";

/// Rows with equal labels become one.
pub(crate) fn merge_same_labels(rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
    let mut places: HashMap<Labels, usize> = HashMap::with_capacity(rows.len());
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match places.get(&row.labels) {
            None => {
                places.insert(row.labels.clone(), merged.len());
                merged.push(row);
            }
            Some(place) => merged[*place].absorb(row)?,
        }
    }
    Ok(merged)
}
