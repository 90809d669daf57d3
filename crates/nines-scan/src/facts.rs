//! What is known of a column without reading its values, and which tests that settles.

use parquet::data_type::AsBytes;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use crate::predicate::ColumnTest;

/// Of one column in one part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub rows: u64,
    pub nulls: Option<u64>,
    low: Option<Bound>,
    high: Option<Bound>,
}

#[derive(Debug, Clone, PartialEq)]
enum Bound {
    Int(i64),
    /// `exact` tells that this very text occurs; a long one may be cut.
    Text {
        bytes: Vec<u8>,
        exact: bool,
    },
}

impl Facts {
    pub fn of_hot(rows: usize, nulls: usize) -> Self {
        Self { rows: rows as u64, nulls: Some(nulls as u64), low: None, high: None }
    }

    pub fn of_chunk(chunk: &ColumnChunkMetaData) -> Self {
        // Columns are flat: one value or null per row.
        let rows = chunk.num_values().max(0) as u64;
        let Some(statistics) = chunk.statistics() else { return Self { rows, ..Self::default() } };
        let (low, high) = match statistics {
            Statistics::Int64(ints) => {
                (ints.min_opt().copied().map(Bound::Int), ints.max_opt().copied().map(Bound::Int))
            }
            Statistics::ByteArray(texts) => {
                let bound = |text: Option<&parquet::data_type::ByteArray>, exact| {
                    text.map(|text| Bound::Text { bytes: text.as_bytes().to_vec(), exact })
                };
                (
                    bound(texts.min_opt(), statistics.min_is_exact()),
                    bound(texts.max_opt(), statistics.max_is_exact()),
                )
            }
            // Floats have NaN and two zeros, booleans two values: not worth the reasoning.
            _ => (None, None),
        };
        Self { rows, nulls: statistics.null_count_opt(), low, high }
    }

    pub fn is_all_null(&self) -> bool {
        self.nulls == Some(self.rows)
    }

    /// The least and the greatest integer or time.
    pub fn ints(&self) -> Option<(i64, i64)> {
        match (&self.low, &self.high) {
            (Some(Bound::Int(low)), Some(Bound::Int(high))) => Some((*low, *high)),
            _ => None,
        }
    }

    /// `Some(true)` if every row passes the test, `Some(false)` if none does.
    pub fn settle(&self, test: &ColumnTest) -> Option<bool> {
        if self.is_all_null() {
            return Some(false);
        }
        let of_present = match test {
            ColumnTest::Present => Some(true),
            ColumnTest::TextIs { text, negated } => {
                self.settle_text(text.as_bytes()).map(|is| is != *negated)
            }
            ColumnTest::TextBegins { start, .. } => self.settle_prefix(start.as_bytes()),
            ColumnTest::Range { low, high, negated } => {
                self.settle_range(*low, *high).map(|inside| inside != *negated)
            }
            _ => None,
        };
        // What is true of all values is true of all rows only if none is null.
        of_present.filter(|passes| !passes || self.nulls == Some(0))
    }

    fn settle_range(&self, low: i64, high: i64) -> Option<bool> {
        if low > high {
            return Some(false);
        }
        let (least, greatest) = self.ints()?;
        if greatest < low || high < least {
            Some(false)
        } else if low <= least && greatest <= high {
            Some(true)
        } else {
            None
        }
    }

    fn settle_text(&self, text: &[u8]) -> Option<bool> {
        match (&self.low, &self.high) {
            (
                Some(Bound::Text { bytes: low, exact: true }),
                Some(Bound::Text { bytes: high, exact: true }),
            ) if low == high => Some(low == text),
            (Some(Bound::Text { bytes: low, .. }), _) if text < low.as_slice() => Some(false),
            (_, Some(Bound::Text { bytes: high, .. })) if text > high.as_slice() => Some(false),
            _ => None,
        }
    }

    /// Nothing begins so if all texts sort before the prefix, or after all that begins so.
    fn settle_prefix(&self, start: &[u8]) -> Option<bool> {
        let below = matches!(&self.high, Some(Bound::Text { bytes, .. }) if bytes.as_slice() < start);
        let above = matches!(&self.low, Some(Bound::Text { bytes, .. })
            if bytes.as_slice() > start && !bytes.starts_with(start));
        (below || above).then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(low: &str, high: &str, exact: bool) -> Facts {
        let bound = |text: &str| Some(Bound::Text { bytes: text.into(), exact });
        Facts { rows: 10, nulls: Some(0), low: bound(low), high: bound(high) }
    }

    fn is(text: &str) -> ColumnTest {
        ColumnTest::TextIs { text: text.into(), negated: false }
    }

    #[test]
    fn texts_are_settled_by_their_bounds() {
        let facts = texts("cart", "checkout", true);
        assert_eq!(facts.settle(&is("api")), Some(false));
        assert_eq!(facts.settle(&is("cart")), None);
        assert_eq!(facts.settle(&is("payment")), Some(false));
        assert_eq!(texts("cart", "cart", true).settle(&is("cart")), Some(true));
        assert_eq!(texts("cart", "cart", false).settle(&is("cart")), None, "a bound may be cut");
        let other = ColumnTest::TextIs { text: "cart".into(), negated: true };
        assert_eq!(texts("cart", "cart", true).settle(&other), Some(false));
        let some_null = Facts { nulls: Some(1), ..texts("cart", "cart", true) };
        assert_eq!(some_null.settle(&is("cart")), None);
        let all_null = Facts { nulls: Some(10), ..Facts { rows: 10, ..Facts::default() } };
        assert_eq!(all_null.settle(&is("cart")), Some(false));
    }

    #[test]
    fn ranges_and_prefixes_are_settled_by_their_bounds() {
        let ints = Facts { rows: 10, nulls: Some(0), low: Some(Bound::Int(5)), high: Some(Bound::Int(9)) };
        let range = |low, high| ints.settle(&ColumnTest::Range { low, high, negated: false });
        assert_eq!(range(0, 4), Some(false));
        assert_eq!(range(5, 9), Some(true));
        assert_eq!(range(6, 20), None);
        assert_eq!(range(7, 6), Some(false));
        let facts = texts("cart", "checkout", false);
        assert_eq!(facts.settle_prefix(b"a"), Some(false));
        assert_eq!(facts.settle_prefix(b"ca"), None);
        assert_eq!(facts.settle_prefix(b"ch"), None);
        assert_eq!(facts.settle_prefix(b"d"), Some(false));
    }
}
