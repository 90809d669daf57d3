//! How often each text of a field occurs.

use arrow::array::ArrayRef;

use crate::coded::{ABSENT, Dictionary, UNKNOWN, encode};

/// Values counted per field. A field with more is an id: its most frequent values tell nothing.
pub(crate) const DISTINCT_MAX: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Tally {
    values: Dictionary,
    /// By code.
    counts: Vec<u64>,
    /// Events that have the field at all.
    pub present: u64,
    overflowed: bool,
}

impl Tally {
    pub fn new() -> Self {
        Self { values: Dictionary::new(DISTINCT_MAX), counts: Vec::new(), present: 0, overflowed: false }
    }

    /// Counts the field `name` of some rows.
    pub fn count(&mut self, name: &str, column: Option<&ArrayRef>, overflow: Option<&ArrayRef>, rows: usize) {
        if column.is_none() && overflow.is_none() {
            return;
        }
        for code in encode(name, column, overflow, rows, &mut self.values) {
            match code {
                ABSENT => continue,
                UNKNOWN => self.overflowed = true,
                code => {
                    if self.counts.len() <= code as usize {
                        self.counts.resize(self.values.len().max(code as usize + 1), 0);
                    }
                    self.counts[code as usize] += 1;
                }
            }
            self.present += 1;
        }
    }

    /// Counts events that have the same text.
    pub fn add(&mut self, text: &str, events: u64) {
        self.present += events;
        match self.values.code(text) {
            UNKNOWN => self.overflowed = true,
            code => {
                self.counts.resize(self.values.len(), 0);
                self.counts[code as usize] += events;
            }
        }
    }

    /// Notes that there are values that were not counted, because they are too many different ones.
    pub fn overflow(&mut self) {
        self.overflowed = true;
    }

    pub fn merge(mut self, other: &Self) -> Self {
        for (code, count) in (0..).zip(&other.counts) {
            match self.values.code(other.values.text(code)) {
                UNKNOWN => self.overflowed = true,
                code => {
                    self.counts.resize(self.values.len(), 0);
                    self.counts[code as usize] += count;
                }
            }
        }
        self.present += other.present;
        self.overflowed |= other.overflowed;
        self
    }

    /// There were too many values to count them all.
    pub fn is_overflowed(&self) -> bool {
        self.overflowed || self.values.is_overflowed()
    }

    /// Different values; a lower bound if it overflowed.
    pub fn distinct(&self) -> u64 {
        self.values.len() as u64
    }

    /// Values with their counts, the most frequent first, then by text.
    pub fn most_frequent(&self) -> Vec<(String, u64)> {
        let values = (0..).zip(&self.counts).map(|(code, count)| (self.values.text(code).to_owned(), *count));
        let mut values: Vec<(String, u64)> = values.collect();
        values.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        values
    }

    /// Memory that it takes, roughly: each text is held twice.
    pub fn bytes(&self) -> usize {
        const PER_VALUE: usize = 80;
        let texts: usize = (0..self.values.len() as u32).map(|code| 2 * self.values.text(code).len()).sum();
        texts + PER_VALUE * self.values.len()
    }
}
