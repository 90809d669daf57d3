//! Native histograms: buckets by a formula (exponential) or by given bounds (custom), counts whole or fractional.
//!
//! The layout follows Prometheus' `Histogram` message: spans name which buckets are there, counts follow in their order.
//! Counts are absolute here, where the wire has differences for whole ones.

use crate::codec::cursor::{Cursor, Damaged, put_varint, put_zigzag};

/// The schema that means "upper bounds are in `custom_values`".
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// Exponential schemas: each bucket is 2^(2^-schema) times as wide as the one before. Upstream takes −4 to 8.
const EXPONENTIAL_SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// Of one histogram, negative and positive together. Upstream's scrapers limit to 160 by default; the finest schema
/// over the whole range of `f64` would be half a million.
pub const HISTOGRAM_BUCKETS_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResetHint {
    #[default]
    Unknown,
    Reset,
    NotReset,
    Gauge,
}

impl ResetHint {
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Reset, Self::NotReset, Self::Gauge];
}

/// `length` buckets in a row, `offset` behind the end of the span before (the first: from bucket 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub offset: i32,
    pub length: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Counts {
    Whole { count: u64, zero: u64, positive: Vec<u64>, negative: Vec<u64> },
    Fractional { count: f64, zero: f64, positive: Vec<f64>, negative: Vec<f64> },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    pub reset_hint: ResetHint,
    pub schema: i32,
    /// Observations up to this distance from 0 are in the zero bucket.
    pub zero_threshold: f64,
    /// The staleness marker is a histogram with this sum (see [`crate::model::STALE_NAN_BITS`]).
    pub sum: f64,
    pub positive_spans: Vec<Span>,
    pub negative_spans: Vec<Span>,
    /// Upper bounds, inclusive, strictly increasing; only with [`CUSTOM_BUCKETS_SCHEMA`].
    pub custom_values: Vec<f64>,
    pub counts: Counts,
}

/// Why a histogram cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum HistogramFault {
    #[error("schema is none of -53 and -4 to 8")]
    Schema,
    #[error("spans name another number of buckets than there are counts")]
    SpanLength,
    #[error("a span overlaps the one before")]
    SpanOffset,
    #[error("a bucket's count is below zero or not a number")]
    NegativeCount,
    #[error("count is below the sum of its buckets")]
    Count,
    #[error("custom bounds are not strictly increasing numbers")]
    CustomBounds,
    #[error(
        "custom buckets go with neither negative buckets, nor a zero bucket, nor spans beyond the bounds"
    )]
    CustomLayout,
    #[error("more than 10000 buckets")]
    TooManyBuckets,
}

impl Histogram {
    pub fn is_stale(&self) -> bool {
        super::is_stale(self.sum)
    }

    /// The rules of upstream's `Histogram.Validate` and `FloatHistogram.Validate`.
    pub fn check(&self) -> Result<(), HistogramFault> {
        let custom = self.schema == CUSTOM_BUCKETS_SCHEMA;
        if !custom && !EXPONENTIAL_SCHEMAS.contains(&self.schema) {
            return Err(HistogramFault::Schema);
        }
        let (positive, negative) = match &self.counts {
            Counts::Whole { positive, negative, .. } => (positive.len(), negative.len()),
            Counts::Fractional { positive, negative, .. } => (positive.len(), negative.len()),
        };
        if positive + negative > HISTOGRAM_BUCKETS_MAX {
            return Err(HistogramFault::TooManyBuckets);
        }
        let positive_end = check_spans(&self.positive_spans, positive)?;
        check_spans(&self.negative_spans, negative)?;
        if custom {
            self.check_custom(positive_end)?;
        } else if !self.custom_values.is_empty() {
            return Err(HistogramFault::CustomLayout);
        }
        self.check_counts()
    }

    fn check_custom(&self, positive_end: i64) -> Result<(), HistogramFault> {
        let increasing = self.custom_values.windows(2).all(|pair| pair[0] < pair[1]);
        if !increasing || self.custom_values.iter().any(|bound| !bound.is_finite()) {
            return Err(HistogramFault::CustomBounds);
        }
        let starts_below_zero = self.positive_spans.first().is_some_and(|span| span.offset < 0);
        let zero = match &self.counts {
            Counts::Whole { zero, .. } => *zero == 0,
            Counts::Fractional { zero, .. } => *zero == 0.0,
        };
        // The last bucket, behind the last bound, reaches to infinity.
        let fits = positive_end <= self.custom_values.len() as i64 + 1;
        let plain = zero && self.zero_threshold == 0.0 && self.negative_spans.is_empty();
        if starts_below_zero || !fits || !plain { Err(HistogramFault::CustomLayout) } else { Ok(()) }
    }

    fn check_counts(&self) -> Result<(), HistogramFault> {
        match &self.counts {
            Counts::Whole { count, zero, positive, negative } => {
                let all = positive.iter().chain(negative).try_fold(*zero, |sum, &one| sum.checked_add(one));
                let all = all.ok_or(HistogramFault::Count)?;
                // Observations that are not a number are counted but are in no bucket.
                let fits = if self.sum.is_nan() { all <= *count } else { all == *count };
                if fits { Ok(()) } else { Err(HistogramFault::Count) }
            }
            Counts::Fractional { count, zero, positive, negative } => {
                let mut each = positive.iter().chain(negative).chain([zero, count]);
                let good = each.all(|&one| one >= 0.0 || self.is_stale());
                if good { Ok(()) } else { Err(HistogramFault::NegativeCount) }
            }
        }
    }

    /// Appends the form in which histograms lie in the journal and in segments.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let fractional = matches!(self.counts, Counts::Fractional { .. });
        out.push(self.reset_hint as u8 | if fractional { FRACTIONAL } else { 0 });
        put_zigzag(out, i64::from(self.schema));
        out.extend_from_slice(&self.zero_threshold.to_le_bytes());
        out.extend_from_slice(&self.sum.to_le_bytes());
        for spans in [&self.positive_spans, &self.negative_spans] {
            put_varint(out, spans.len() as u64);
            for span in spans {
                put_zigzag(out, i64::from(span.offset));
                put_varint(out, u64::from(span.length));
            }
        }
        put_floats(out, &self.custom_values);
        match &self.counts {
            Counts::Whole { count, zero, positive, negative } => {
                put_varint(out, *count);
                put_varint(out, *zero);
                for buckets in [positive, negative] {
                    put_varint(out, buckets.len() as u64);
                    buckets.iter().for_each(|&bucket| put_varint(out, bucket));
                }
            }
            Counts::Fractional { count, zero, positive, negative } => {
                put_floats(out, &[*count, *zero]);
                put_floats(out, positive);
                put_floats(out, negative);
            }
        }
    }

    pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, Damaged> {
        let flags = cursor.u8()?;
        let hint = ResetHint::ALL.get(usize::from(flags & !FRACTIONAL)).copied();
        let reset_hint = hint.ok_or(cursor.damaged())?;
        let schema = i32::try_from(cursor.zigzag()?).map_err(|_| cursor.damaged())?;
        let (zero_threshold, sum) = (cursor.f64()?, cursor.f64()?);
        let (positive_spans, negative_spans) = (take_spans(cursor)?, take_spans(cursor)?);
        let custom_values = take_floats(cursor)?;
        let counts = if flags & FRACTIONAL == 0 {
            let (count, zero) = (cursor.varint()?, cursor.varint()?);
            Counts::Whole { count, zero, positive: take_whole(cursor)?, negative: take_whole(cursor)? }
        } else {
            let both = take_floats(cursor)?;
            let &[count, zero] = both.as_slice() else { return Err(cursor.damaged()) };
            Counts::Fractional { count, zero, positive: take_floats(cursor)?, negative: take_floats(cursor)? }
        };
        Ok(Self {
            reset_hint,
            schema,
            zero_threshold,
            sum,
            positive_spans,
            negative_spans,
            custom_values,
            counts,
        })
    }
}

/// Beside the reset hint, which takes two bits.
const FRACTIONAL: u8 = 0x80;

/// The index behind the last bucket.
fn check_spans(spans: &[Span], buckets: usize) -> Result<i64, HistogramFault> {
    let mut end = 0i64;
    let mut named = 0u64;
    for (index, span) in spans.iter().enumerate() {
        if index > 0 && span.offset < 0 {
            return Err(HistogramFault::SpanOffset);
        }
        end += i64::from(span.offset) + i64::from(span.length);
        named += u64::from(span.length);
    }
    if named == buckets as u64 { Ok(end) } else { Err(HistogramFault::SpanLength) }
}

fn put_floats(out: &mut Vec<u8>, floats: &[f64]) {
    put_varint(out, floats.len() as u64);
    floats.iter().for_each(|float| out.extend_from_slice(&float.to_le_bytes()));
}

fn take_floats(cursor: &mut Cursor<'_>) -> Result<Vec<f64>, Damaged> {
    let count = cursor.count(8)?;
    (0..count).map(|_| cursor.f64()).collect()
}

fn take_whole(cursor: &mut Cursor<'_>) -> Result<Vec<u64>, Damaged> {
    let count = cursor.count(1)?;
    (0..count).map(|_| cursor.varint()).collect()
}

fn take_spans(cursor: &mut Cursor<'_>) -> Result<Vec<Span>, Damaged> {
    let count = cursor.count(2)?;
    let span = |cursor: &mut Cursor<'_>| {
        let offset = i32::try_from(cursor.zigzag()?).map_err(|_| cursor.damaged())?;
        Ok(Span { offset, length: cursor.varint_u32()? })
    };
    (0..count).map(|_| span(cursor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Histogram {
        Histogram {
            reset_hint: ResetHint::NotReset,
            schema: 3,
            zero_threshold: 1e-128,
            sum: 18.4,
            positive_spans: vec![Span { offset: -2, length: 2 }, Span { offset: 1, length: 1 }],
            negative_spans: vec![Span { offset: 0, length: 1 }],
            custom_values: Vec::new(),
            counts: Counts::Whole { count: 12, zero: 2, positive: vec![1, 5, 3], negative: vec![1] },
        }
    }

    #[test]
    fn histograms_come_back_and_damage_is_an_error() {
        let custom = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            zero_threshold: 0.0,
            negative_spans: Vec::new(),
            positive_spans: vec![Span { offset: 0, length: 3 }],
            custom_values: vec![0.1, 1.0],
            counts: Counts::Fractional {
                count: 1.5,
                zero: 0.0,
                positive: vec![0.5, 0.5, 0.5],
                negative: vec![],
            },
            ..sample()
        };
        for histogram in [sample(), custom] {
            assert_eq!(histogram.check(), Ok(()));
            let mut bytes = Vec::new();
            histogram.encode(&mut bytes);
            assert_eq!(Histogram::decode(&mut Cursor::new(&bytes, "histogram")), Ok(histogram));
            for end in 0..bytes.len() {
                assert!(Histogram::decode(&mut Cursor::new(&bytes[..end], "histogram")).is_err());
            }
        }
    }

    #[test]
    fn faults_are_named() {
        let check = |change: fn(&mut Histogram)| {
            let mut histogram = sample();
            change(&mut histogram);
            histogram.check()
        };
        assert_eq!(check(|h| h.schema = 9), Err(HistogramFault::Schema));
        assert_eq!(check(|h| h.positive_spans[0].length = 1), Err(HistogramFault::SpanLength));
        assert_eq!(check(|h| h.positive_spans[1].offset = -1), Err(HistogramFault::SpanOffset));
        assert_eq!(check(|h| h.sum = f64::NAN), Ok(()));
        assert_eq!(check(|h| h.custom_values = vec![1.0]), Err(HistogramFault::CustomLayout));
        assert_eq!(check(|h| h.schema = CUSTOM_BUCKETS_SCHEMA), Err(HistogramFault::CustomLayout));
    }
}
