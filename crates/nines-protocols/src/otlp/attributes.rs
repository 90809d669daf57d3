//! Key-value lists to fields with unique names.

use nines_model::field;

use super::request::{ItemError, Notes};
use super::row::{Fields, SharedFields};
use super::value;
use super::wire::Message;
use super::{MAX_ATTRIBUTES_PER_ITEM, MAX_NAME_BYTES, Reason};

/// Columns that count what the sender left out. Named as in the protobuf messages.
pub(super) const DROPPED_ATTRIBUTES: &str = "dropped_attributes_count";
pub(super) const DROPPED_EVENTS: &str = "dropped_events_count";
pub(super) const DROPPED_LINKS: &str = "dropped_links_count";

/// Whose attributes they are: decides which names are taken by columns of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Resource,
    Scope,
    Log,
    Span,
    Point,
}

/// Adds the `repeated KeyValue` in field `number` of `message` to `fields`. Null values are left out.
pub(super) fn append(
    message: Message<'_>,
    number: u32,
    owner: Owner,
    fields: &mut impl Fields,
    notes: &mut Notes,
    scratch: &mut String,
) -> Result<(), ItemError> {
    let mut index = 0;
    let mut encoded = message.fields();
    while let Some(candidate) = encoded.next()? {
        if candidate.number != number {
            continue;
        }
        if index >= MAX_ATTRIBUTES_PER_ITEM {
            return Err(Reason::TooManyAttributes.into());
        }
        let pair = candidate.message("attributes")?;
        key_value(pair, owner, fields, notes, scratch).map_err(|error| error.within("attributes", index))?;
        index += 1;
    }
    Ok(())
}

/// `InstrumentationScope`: `name = 1`, `version = 2`, `attributes = 3`.
pub(super) fn append_scope(
    message: Message<'_>,
    fields: &mut SharedFields,
    notes: &mut Notes,
    scratch: &mut String,
) -> Result<(), ItemError> {
    let (mut name, mut version) = ("", "");
    let mut encoded = message.fields();
    while let Some(candidate) = encoded.next()? {
        match candidate.number {
            1 => name = candidate.text("name")?,
            2 => version = candidate.text("version")?,
            _ => {}
        }
    }
    for (column, text) in [(field::SCOPE_NAME, name), (field::SCOPE_VERSION, version)] {
        if !text.is_empty() {
            fields.put(column, text.into());
        }
    }
    append(message, 3, Owner::Scope, fields, notes, scratch)
}

fn key_value(
    message: Message<'_>,
    owner: Owner,
    fields: &mut impl Fields,
    notes: &mut Notes,
    scratch: &mut String,
) -> Result<(), ItemError> {
    let (name, value) = value::key_value(message)?;
    if name.is_empty() {
        notes.add(Reason::AttributeWithoutName);
        return Ok(());
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(Reason::AttributeNameTooLong.into());
    }
    let Some(value) = value else { return Ok(()) };
    let value = value::any_value(value, scratch).map_err(|error| error.within("value", None))?;
    let Some(value) = value else { return Ok(()) };
    let is_new = match owner.prefix(name) {
        None => fields.put(name, value),
        Some(prefix) => fields.put(&format!("{prefix}.{name}"), value),
    };
    if !is_new {
        notes.add(Reason::AttributeTwice);
    }
    Ok(())
}

impl Owner {
    /// What is put before the name of an attribute to make its column: nothing unless the name is taken.
    fn prefix(self, name: &str) -> Option<&'static str> {
        match self {
            Self::Scope => Some("scope"),
            Self::Resource if self.is_taken(name) => Some("resource"),
            _ if self.is_taken(name) => Some("attributes"),
            _ => None,
        }
    }

    fn is_taken(self, name: &str) -> bool {
        let everywhere =
            matches!(name, field::TIMESTAMP | field::OVERFLOW | field::SCOPE_NAME | field::SCOPE_VERSION);
        everywhere
            || match self {
                Self::Scope => false,
                Self::Resource => {
                    [Self::Log, Self::Span, Self::Point].into_iter().any(|owner| owner.is_taken(name))
                }
                Self::Log => matches!(
                    name,
                    field::OBSERVED_TIMESTAMP
                        | field::SEVERITY_NUMBER
                        | field::SEVERITY_TEXT
                        | field::EVENT_NAME
                        | field::BODY
                        | field::TRACE_ID
                        | field::SPAN_ID
                        | field::FLAGS
                        | DROPPED_ATTRIBUTES
                ),
                Self::Span => matches!(
                    name,
                    field::TRACE_ID
                        | field::SPAN_ID
                        | field::PARENT_SPAN_ID
                        | field::TRACE_STATE
                        | field::FLAGS
                        | field::NAME
                        | field::KIND
                        | field::DURATION_NS
                        | field::STATUS_CODE
                        | field::STATUS_MESSAGE
                        | field::SPAN_EVENTS
                        | field::SPAN_LINKS
                        | DROPPED_ATTRIBUTES
                        | DROPPED_EVENTS
                        | DROPPED_LINKS
                ),
                Self::Point => matches!(
                    name,
                    field::NAME
                        | field::DESCRIPTION
                        | field::UNIT
                        | field::METRIC_TYPE
                        | field::TEMPORALITY
                        | field::IS_MONOTONIC
                        | field::START_TIMESTAMP
                        | field::FLAGS
                        | field::VALUE
                        | super::metrics::VALUE_INT
                        | field::COUNT
                        | field::SUM
                        | field::MIN
                        | field::MAX
                        | field::BUCKETS
                        | field::EXEMPLARS
                ),
            }
    }
}
