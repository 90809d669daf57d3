//! What happened to the items of a request that could be read but not kept as sent.

use std::fmt::Write;

use super::Signal;

/// Why an item was rejected, or what was changed to be able to keep it. The text completes "2 spans: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    TooManyItems,
    TooManyScopes,
    TooManyAttributes,
    AttributeNameTooLong,
    NestedTooDeep,
    TimeOutOfRange,
    TraceIdLength,
    TraceIdZero,
    SpanIdLength,
    SpanIdZero,
    ParentSpanIdLength,
    MetricWithoutName,
    PointWithoutValue,
    CountOutOfRange,
    BucketsDoNotMatch,
    // Below: the item is kept.
    SpanEndsBeforeStart,
    TimeMissing,
    LogIdInvalid,
    AttributeWithoutName,
    AttributeTwice,
    EnumUnknown,
}

impl Reason {
    const COUNT: usize = Self::EnumUnknown as usize + 1;

    /// Whether the item is lost; otherwise it is kept with the change that the text tells.
    pub fn rejects(self) -> bool {
        (self as usize) < Self::SpanEndsBeforeStart as usize
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooManyItems => "more items than one request may hold: send smaller batches",
            Self::TooManyScopes => "too many scopes with large resources: send smaller batches",
            Self::TooManyAttributes => "more than 1000 attributes",
            Self::AttributeNameTooLong => "an attribute name longer than 256 bytes",
            Self::NestedTooDeep => "a value nested deeper than 64 levels",
            Self::TimeOutOfRange => "a time after the year 2262",
            Self::TraceIdLength => "a trace id that is not 16 bytes",
            Self::TraceIdZero => "a trace id that is all zero",
            Self::SpanIdLength => "a span id that is not 8 bytes",
            Self::SpanIdZero => "a span id that is all zero",
            Self::ParentSpanIdLength => "a parent span id that is not 8 bytes",
            Self::MetricWithoutName => "a metric without a name",
            Self::PointWithoutValue => "no value and no flag that says so",
            Self::CountOutOfRange => "a count above 2^63",
            Self::BucketsDoNotMatch => "bucket counts that do not fit the bounds",
            Self::SpanEndsBeforeStart => "an end before the start: duration set to 0",
            Self::TimeMissing => "no time: time of arrival used",
            Self::LogIdInvalid => "a trace or span id of the wrong length: left out",
            Self::AttributeWithoutName => "an attribute without a name: left out",
            Self::AttributeTwice => "an attribute name used twice: the first one kept",
            Self::EnumUnknown => "an enum number that is not defined: read as the default",
        }
    }

    const ALL: [Self; Self::COUNT] = [
        Self::TooManyItems,
        Self::TooManyScopes,
        Self::TooManyAttributes,
        Self::AttributeNameTooLong,
        Self::NestedTooDeep,
        Self::TimeOutOfRange,
        Self::TraceIdLength,
        Self::TraceIdZero,
        Self::SpanIdLength,
        Self::SpanIdZero,
        Self::ParentSpanIdLength,
        Self::MetricWithoutName,
        Self::PointWithoutValue,
        Self::CountOutOfRange,
        Self::BucketsDoNotMatch,
        Self::SpanEndsBeforeStart,
        Self::TimeMissing,
        Self::LogIdInvalid,
        Self::AttributeWithoutName,
        Self::AttributeTwice,
        Self::EnumUnknown,
    ];
}

/// Counts per reason, with the place of the first of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    counts: [u64; Reason::COUNT],
    first: [Option<Place>; Reason::COUNT],
}

/// Indices of an item: resource, scope, record (or metric), and the data point for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Place {
    pub resource: usize,
    pub scope: usize,
    pub item: usize,
    pub point: Option<usize>,
}

/// The part of a success response that tells of anything less than full success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialSuccess {
    /// 0 for a mere warning.
    pub rejected: u64,
    pub message: String,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: [0; Reason::COUNT], first: [None; Reason::COUNT] }
    }
}

impl Tally {
    pub(super) fn add(&mut self, reason: Reason, items: u64, place: Place) {
        if items > 0 {
            self.counts[reason as usize] += items;
            self.first[reason as usize].get_or_insert(place);
        }
    }

    pub fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize]
    }

    /// Items that were not kept.
    pub fn rejected(&self) -> u64 {
        Reason::ALL.into_iter().filter(|reason| reason.rejects()).map(|reason| self.count(reason)).sum()
    }

    /// `None` if everything was kept exactly as sent: then the response's field must stay unset.
    pub fn partial_success(&self, signal: Signal) -> Option<PartialSuccess> {
        if self.counts.iter().all(|count| *count == 0) {
            return None;
        }
        let rejected = self.rejected();
        let mut message = String::new();
        for verdict in [true, false] {
            let reasons = Reason::ALL.into_iter().filter(|reason| reason.rejects() == verdict);
            let mut separator = if verdict { "rejected " } else { "kept with changes: " };
            for reason in reasons.filter(|reason| self.count(*reason) > 0) {
                if separator != ", " && !message.is_empty() {
                    message.push_str("; ");
                }
                let count = self.count(reason);
                let noun = signal.item_noun(count);
                // Writing to a String cannot fail.
                let _ = write!(message, "{separator}{count} {noun} with {}", reason.as_str());
                if let Some(place) = &self.first[reason as usize] {
                    let _ = write!(message, " (first at {})", place.path(signal));
                }
                separator = ", ";
            }
        }
        Some(PartialSuccess { rejected, message })
    }
}

impl Place {
    fn path(&self, signal: Signal) -> String {
        let [resources, scopes, items] = signal.levels();
        let mut path =
            format!("{resources}[{}].{scopes}[{}].{items}[{}]", self.resource, self.scope, self.item);
        if let Some(point) = self.point {
            let _ = write!(path, ".data_points[{point}]");
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_listed_in_the_order_of_their_numbers() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }

    #[test]
    fn texts_name_the_limits_as_they_are() {
        let says = |reason: Reason, limit: u64| reason.as_str().contains(&limit.to_string());
        assert!(says(Reason::TooManyAttributes, crate::otlp::MAX_ATTRIBUTES_PER_ITEM as u64));
        assert!(says(Reason::AttributeNameTooLong, crate::otlp::MAX_NAME_BYTES as u64));
        assert!(says(Reason::NestedTooDeep, u64::from(crate::otlp::MAX_DEPTH)));
    }

    #[test]
    fn the_message_counts_reasons_and_names_the_first_place_of_each() {
        let mut tally = Tally::default();
        assert_eq!(tally.partial_success(Signal::Traces), None);
        tally.add(Reason::AttributeTwice, 1, Place::default());
        let warning = tally.partial_success(Signal::Traces).unwrap();
        assert_eq!(warning.rejected, 0);
        tally.add(Reason::TraceIdLength, 1, Place { item: 4, ..Place::default() });
        tally.add(Reason::TraceIdLength, 1, Place { item: 7, ..Place::default() });
        let partial = tally.partial_success(Signal::Traces).unwrap();
        assert_eq!(partial.rejected, 2);
        assert_eq!(
            partial.message,
            "rejected 2 spans with a trace id that is not 16 bytes (first at resource_spans[0].scope_spans[0].spans[4]); \
             kept with changes: 1 span with an attribute name used twice: the first one kept \
             (first at resource_spans[0].scope_spans[0].spans[0])"
        );
    }
}
