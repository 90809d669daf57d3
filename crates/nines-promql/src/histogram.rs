//! Native histograms with float counts, exponential (schemas −4 to 8) or with custom bounds (schema −53).
//!
//! Follows upstream's `model/histogram/float_histogram.go`. Where upstream keeps spans and an array, we keep sorted
//! pairs of bucket index and count: what a reader can see is the same, and merging is one merge of two sorted lists.
//! Bucket `i` of an exponential histogram holds `(2^((i-1)/2^schema), 2^(i/2^schema)]`; bucket `i` of one with custom
//! bounds holds `(bounds[i-1], bounds[i]]`, the first from −∞ and the last to +∞.

mod arithmetic;
mod buckets;
mod quantile;
mod reset;
mod trim;

pub use arithmetic::{Added, IncompatibleSchemas};
pub use buckets::Bucket;
pub use quantile::{ClassicBucket, ForcedMonotonicity, classic_fraction, classic_quantile};

use std::fmt::Write as _;

use crate::number::format_float;

/// The schema of histograms with custom bounds.
pub const CUSTOM_SCHEMA: i32 = -53;

/// What is known of a counter reset between this histogram and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResetHint {
    #[default]
    Unknown,
    Reset,
    NotReset,
    /// Not a counter at all.
    Gauge,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    pub schema: i32,
    /// Absolute values up to this count as zero. Meaningless with custom bounds.
    pub zero_threshold: f64,
    pub zero_count: f64,
    /// All observations, NaN included.
    pub count: f64,
    pub sum: f64,
    /// Index and count, sorted by index. Counts may be zero; [`Histogram::compact`] removes those.
    pub positive: Vec<(i32, f64)>,
    pub negative: Vec<(i32, f64)>,
    /// Upper bounds of schema −53, ascending, without +Inf.
    pub bounds: Vec<f64>,
    pub hint: ResetHint,
}

impl Histogram {
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_SCHEMA
    }

    /// Removes empty buckets.
    pub fn compact(&mut self) {
        self.positive.retain(|(_, count)| *count != 0.0);
        self.negative.retain(|(_, count)| *count != 0.0);
    }

    #[must_use]
    pub fn compacted(mut self) -> Self {
        self.compact();
        self
    }

    /// How many samples this counts as in a budget: as upstream, one for every 16 bytes.
    pub fn size(&self) -> usize {
        let bytes = 80 + 16 * (self.positive.len() + self.negative.len()) + 8 * self.bounds.len();
        bytes.div_ceil(16)
    }

    /// Exactly equal, NaN to NaN, whatever the hints say.
    pub fn same_as(&self, other: &Self) -> bool {
        let lists = |a: &[(i32, f64)], b: &[(i32, f64)]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
        };
        self.schema == other.schema
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && self.zero_threshold == other.zero_threshold
            && same(self.zero_count, other.zero_count)
            && self.bounds == other.bounds
            && lists(&self.positive, &other.positive)
            && lists(&self.negative, &other.negative)
    }

    /// As `count_values` writes it into a label: `{count:3, sum:1.5, [-0.001,0.001]:1, (0.5,1]:2}`.
    pub fn describe(&self) -> String {
        let mut text = format!("{{count:{}, sum:{}", format_float(self.count), format_float(self.sum));
        for bucket in self.buckets() {
            if bucket.count == 0.0 {
                continue;
            }
            let open = if bucket.lower_inclusive { '[' } else { '(' };
            let close = if bucket.upper_inclusive { ']' } else { ')' };
            let (lower, upper) = (format_float(bucket.lower), format_float(bucket.upper));
            let _ = write!(text, ", {open}{lower},{upper}{close}:{}", format_float(bucket.count));
        }
        text.push('}');
        text
    }
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}
