//! Key-value lists to fields with unique names.

use std::collections::HashSet;

use nines_model::{Name, Value, field};

use super::request::{ItemError, Notes};
use super::value;
use super::wire::Message;
use super::{MAX_ATTRIBUTES_PER_ITEM, MAX_NAME_BYTES, Reason};

/// Up to here a linear search for a name used twice is quicker than hashing.
const LINEAR_SEARCH_MAX: usize = 32;

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

/// Adds the `repeated KeyValue` in field `number` of `message` to `fields`, keeping names unique: of two with the
/// same name the first stays. Null values are left out.
pub(super) fn append(
    message: Message<'_>,
    number: u32,
    owner: Owner,
    fields: &mut Vec<(Name, Value)>,
    notes: &mut Notes,
) -> Result<(), ItemError> {
    let mut names: Option<HashSet<Name>> = None;
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
        if let Some((name, value)) =
            key_value(pair, owner, notes).map_err(|error| error.within("attributes", index))?
        {
            if names.is_none() && fields.len() > LINEAR_SEARCH_MAX {
                names = Some(fields.iter().map(|(name, _)| name.clone()).collect());
            }
            let is_new = match &mut names {
                Some(names) => names.insert(name.clone()),
                None => fields.iter().all(|(taken, _)| *taken != name),
            };
            if is_new {
                fields.push((name, value));
            } else {
                notes.add(Reason::AttributeTwice);
            }
        }
        index += 1;
    }
    Ok(())
}

/// `InstrumentationScope`: `name = 1`, `version = 2`, `attributes = 3`.
pub(super) fn append_scope(
    message: Message<'_>,
    fields: &mut Vec<(Name, Value)>,
    notes: &mut Notes,
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
        let is_new = fields.iter().all(|(taken, _)| taken != column);
        if !text.is_empty() && is_new {
            fields.push((Name::new_static(column), Value::str(text)));
        }
    }
    append(message, 3, Owner::Scope, fields, notes)
}

fn key_value(
    message: Message<'_>,
    owner: Owner,
    notes: &mut Notes,
) -> Result<Option<(Name, Value)>, ItemError> {
    let (name, value) = value::key_value(message)?;
    if name.is_empty() {
        notes.add(Reason::AttributeWithoutName);
        return Ok(None);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(Reason::AttributeNameTooLong.into());
    }
    let Some(value) = value else { return Ok(None) };
    let Some(value) = value::any_value(value).map_err(|error| error.within("value", None))? else {
        return Ok(None);
    };
    Ok(Some((owner.column(name), value)))
}

impl Owner {
    /// The column for an attribute: its own name unless that is taken.
    fn column(self, name: &str) -> Name {
        match self {
            Self::Scope => Name::from(format!("scope.{name}")),
            Self::Resource if self.is_taken(name) => Name::from(format!("resource.{name}")),
            _ if self.is_taken(name) => Name::from(format!("attributes.{name}")),
            _ => Name::new(name),
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
