//! Answers from what a segment says about itself: how many of its rows are of each service, severity and minute.
//!
//! Where a filter and an answer know nothing finer than that, the rows need not be read at all.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray};

use nines_model::{Name, TimeRange, field};
use nines_storage::index::{CountGroup, MINUTE_NANOS};

use crate::error::ScanError;
use crate::evaluate::Evaluator;
use crate::part::Columns;
use crate::predicate::Node;
use crate::question::Target;
use crate::segment::Segment;

/// What rows are counted by.
const COUNTED: [&str; 3] = [field::SERVICE_NAME, field::SEVERITY_NUMBER, field::SEVERITY_TEXT];

/// Takes the segments out of `target` whose counts answer for them, and hands `see` each group of their rows that is
/// selected. `named` are the fields that the answer tells apart.
pub(crate) fn take_counted(
    target: &mut Target,
    range: TimeRange,
    named: &[&str],
    mut see: impl FnMut(&CountGroup),
) -> Result<(), ScanError> {
    let mut taken = Vec::new();
    for segment in &target.segments {
        let Some((groups, filter)) = counts_of(segment, range, named, target.selector.filter()) else {
            continue;
        };
        let passed = match &filter {
            Node::Const(passes) => vec![*passes; groups.len()],
            filter => Evaluator::new(filter.columns())
                .evaluate(filter, &columns(groups, &filter.columns()))?
                .iter()
                .collect(),
        };
        groups.iter().zip(passed).filter(|(_, passed)| *passed).for_each(|(group, _)| see(group));
        taken.push(segment.file.id);
    }
    target.parts.retain(|part| part.row_group().is_none_or(|(segment, _)| !taken.contains(&segment.file.id)));
    Ok(())
}

/// The counts of the segment and what is left of the filter, if they tell all that is asked for.
fn counts_of<'a>(
    segment: &'a Segment,
    range: TimeRange,
    named: &[&str],
    filter: &Node,
) -> Option<(&'a [CountGroup], Node)> {
    let file = &segment.file;
    let is_inside = range.start <= file.min_time && file.max_time < range.end;
    // A value that did not fit its column is not counted by.
    if !is_inside || segment.has_values(field::OVERFLOW) {
        return None;
    }
    let groups = segment.counts()?;
    let filter = filter.fold(&|leaf| (!segment.has_values(&leaf.column)).then_some(false));
    let is_counted = |name: &str| COUNTED.contains(&name);
    let filter_is_counted = filter.columns().into_iter().all(|name| is_counted(name));
    let named_are_counted = named.iter().all(|name| is_counted(name) || !segment.has_values(name));
    (filter_is_counted && named_are_counted).then_some((groups, filter))
}

/// One row per group.
fn columns(groups: &[CountGroup], names: &[&Name]) -> Columns {
    let column = |name: &&Name| -> ArrayRef {
        match name.as_str() {
            field::SERVICE_NAME => {
                Arc::new(StringViewArray::from_iter(groups.iter().map(|group| group.service.as_deref())))
            }
            field::SEVERITY_TEXT => Arc::new(StringViewArray::from_iter(
                groups.iter().map(|group| group.severity_text.as_deref()),
            )),
            _ => Arc::new(Int64Array::from_iter(groups.iter().map(|group| group.severity_number))),
        }
    };
    Columns { arrays: names.iter().map(|name| Some(column(name))).collect(), rows: groups.len() }
}

/// The text of a field that rows are counted by; of any other field there is none.
pub(crate) fn text_of<'a>(group: &'a CountGroup, name: &str) -> Option<Cow<'a, str>> {
    match name {
        field::SERVICE_NAME => group.service.as_deref().map(Cow::Borrowed),
        field::SEVERITY_TEXT => group.severity_text.as_deref().map(Cow::Borrowed),
        field::SEVERITY_NUMBER => group.severity_number.map(|number| Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// Whether steps of this many nanoseconds, counted from the epoch, are made of whole minutes.
pub(crate) fn is_whole_minutes(step_nanos: u128) -> bool {
    step_nanos > 0 && step_nanos.is_multiple_of(MINUTE_NANOS as u128)
}
