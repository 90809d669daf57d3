//! Whether the values of a column of text repeat often enough for a dictionary.
//!
//! A dictionary takes each value once and a number for each row; without one each row takes its value. A reader of a single
//! row decodes the whole dictionary of its row group, so a large one must be worth it: of a trace by its id, the dictionaries
//! of two columns with a value of its own in nearly every row were two fifths.

use arrow::array::{AsArray, RecordBatch};
use hashbrown::HashSet;

/// Batches that are looked at before the first is written.
pub const SAMPLED_BATCHES: usize = 4;

/// Fewer values prove nothing.
const VALUES_MIN: usize = 1_024;

/// So many are a small dictionary, whatever else.
const DISTINCT_FEW: usize = 4_096;

/// Some three quarters of where the writer gives a dictionary up, in a sample that is half of a row group.
const DICTIONARY_BYTES_MAX: usize = 768 * 1024;

/// What a byte of text that hardly repeats takes once compressed: 0.52 for digits, 0.43 for hexadecimal, 0.40 for addresses.
const COMPRESSED: f64 = 0.45;

/// A dictionary must take this part of what rows would take without one.
const WORTH: f64 = 0.7;

/// `None` where too few rows have the column, or it is no text.
pub fn is_worth_a_dictionary(batches: &[RecordBatch], name: &str) -> Option<bool> {
    let mut seen = HashSet::new();
    let (mut values, mut seen_bytes, mut last) = (0, 0, None);
    for batch in batches {
        let Some(column) = batch.column_by_name(name) else { continue };
        for text in column.as_string_view_opt()?.iter().flatten() {
            values += 1;
            if last == Some(text) {
                continue;
            }
            last = Some(text);
            if seen.insert(text) {
                seen_bytes += text.len();
            }
        }
        if values >= VALUES_MIN && seen.len() * 32 < values {
            return Some(true);
        }
    }
    let distinct = seen.len();
    if values < VALUES_MIN {
        return None;
    }
    if distinct <= DISTINCT_FEW {
        return Some(true);
    }
    let value = COMPRESSED * seen_bytes as f64 / distinct as f64;
    let number = (distinct as f64).log2() / 8.0;
    let with_dictionary = value * distinct as f64 / values as f64 + number;
    Some(with_dictionary < WORTH * value && seen_bytes + 4 * distinct <= DICTIONARY_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringViewArray};

    use super::*;

    /// Rows whose value is made of the row's number.
    fn judged(rows: usize, value: impl Fn(usize) -> Option<String>) -> Option<bool> {
        let column: ArrayRef = Arc::new((0..rows).map(value).collect::<StringViewArray>());
        let batch = RecordBatch::try_from_iter([("column", column)]).unwrap();
        is_worth_a_dictionary(&[batch.slice(0, rows / 2), batch.slice(rows / 2, rows - rows / 2)], "column")
    }

    /// Scatters, so that equal values do not lie together.
    fn scattered(row: usize, distinct: usize) -> usize {
        row.wrapping_mul(2_654_435_761) % distinct
    }

    #[test]
    fn what_repeats_gets_one_and_what_does_not_gets_none() {
        let rows = 65_536;
        let method = |row: usize| Some(["GET", "POST"][row % 2].to_owned());
        assert_eq!(judged(rows, method), Some(true));
        // A trace has some spans of different services.
        let trace = |row| Some(format!("{:032x}", scattered(row, rows / 5)));
        assert_eq!(judged(rows, trace), Some(true));
        let span = |row| Some(format!("{row:016x}"));
        assert_eq!(judged(rows, span), Some(false));
        // Short values: their numbers would take as much as they do.
        let user = |row| Some(format!("{}", 100_000 + scattered(row, rows / 2)));
        assert_eq!(judged(rows, user), Some(false));
        // A few thousand names of hosts.
        let host = |row| Some(format!("gke-{}", scattered(row, 4_000)));
        assert_eq!(judged(rows, host), Some(true));
        // Long values that repeat twice would fill more than a dictionary may have.
        let long = |row| Some(format!("{:0200}", row / 2));
        assert_eq!(judged(rows, long), Some(false));
    }

    #[test]
    fn few_values_and_other_types_prove_nothing() {
        assert_eq!(judged(65_536, |row| (row < 100).then(|| row.to_string())), None);
        let numbers: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![1; 5_000]));
        let batch = RecordBatch::try_from_iter([("column", numbers)]).unwrap();
        assert_eq!(is_worth_a_dictionary(std::slice::from_ref(&batch), "column"), None);
        assert_eq!(is_worth_a_dictionary(&[batch], "other"), None);
    }
}
