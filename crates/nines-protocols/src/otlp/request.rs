//! The frame that the three signals share: request → resources → scopes → items.

use nines_model::rows::ResourceId;
use nines_model::{Batch, Resource, RowsBuilder, Timestamp};

use super::attributes::{self, Owner};
use super::error::DecodeError;
use super::row::{RowWriter, SharedFields};
use super::tally::Place;
use super::wire::Message;
use super::{
    Decoded, MAX_ITEMS_PER_REQUEST, MAX_RESOURCE_FIELDS_PER_REQUEST, Reason, Signal, Tally, logs, metrics,
    traces,
};

/// Why there is no row for an item.
#[derive(Debug)]
pub(super) enum ItemError {
    /// The item, and so the whole request, is not a protobuf message.
    Malformed(DecodeError),
    /// The request is sound, but this item cannot be kept.
    Rejected(Reason),
}

impl From<DecodeError> for ItemError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<Reason> for ItemError {
    fn from(reason: Reason) -> Self {
        Self::Rejected(reason)
    }
}

impl ItemError {
    pub fn within(self, name: &'static str, index: impl Into<Option<usize>>) -> Self {
        match self {
            Self::Malformed(error) => Self::Malformed(error.within(name, index)),
            rejected @ Self::Rejected(_) => rejected,
        }
    }
}

/// What was changed in the item at hand; counted only if the item is kept in the end.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Reason>);

impl Notes {
    pub fn add(&mut self, reason: Reason) {
        debug_assert!(!reason.rejects());
        if !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }
}

/// A request while it is being decoded.
pub(super) struct Request {
    signal: Signal,
    received_at: Timestamp,
    rows: RowsBuilder,
    scratch: String,
    tally: Tally,
    pub place: Place,
    pub notes: Notes,
    resource_fields: usize,
}

/// What the items of one scope share: made when the first item needs it, and refused as a whole if it breaks a limit.
struct Shared<'a> {
    resource: &'a [Message<'a>],
    scope: Vec<Message<'a>>,
    made: Option<Result<ResourceId, Reason>>,
}

pub(super) fn decode(signal: Signal, body: &[u8], received_at: Timestamp) -> Result<Decoded, DecodeError> {
    let mut request = Request {
        signal,
        received_at,
        rows: RowsBuilder::new(),
        scratch: String::new(),
        tally: Tally::default(),
        place: Place::default(),
        notes: Notes::default(),
        resource_fields: 0,
    };
    let [resources, ..] = signal.levels();
    let mut fields = Message::body(body).fields();
    while let Some(field) = fields.next()? {
        if field.number == 1 {
            let index = request.place.resource;
            request.resource(field.message(resources)?).map_err(|error| error.within(resources, index))?;
            request.place.resource += 1;
        }
    }
    let batch = Batch { dataset: signal.dataset(), received_at, rows: request.rows.finish() };
    Ok(Decoded { batch, tally: request.tally })
}

impl Request {
    /// One `Resource{Logs,Spans,Metrics}`: `resource = 1`, `scope_… = 2`. Two passes, because protobuf does not promise
    /// that the resource comes first.
    fn resource(&mut self, message: Message<'_>) -> Result<(), DecodeError> {
        let mut resource = Vec::new();
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            if field.number == 1 {
                resource.push(field.message("resource")?);
            }
        }
        let [_, scopes, _] = self.signal.levels();
        self.place.scope = 0;
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            if field.number == 2 {
                let index = self.place.scope;
                self.scope(field.message(scopes)?, &resource).map_err(|error| error.within(scopes, index))?;
                self.place.scope += 1;
            }
        }
        Ok(())
    }

    /// One `Scope{Logs,Spans,Metrics}`: `scope = 1`, items `= 2`.
    fn scope(&mut self, message: Message<'_>, resource: &[Message<'_>]) -> Result<(), DecodeError> {
        let mut shared = Shared { resource, scope: Vec::new(), made: None };
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            if field.number == 1 {
                shared.scope.push(field.message("scope")?);
            }
        }
        let [_, _, items] = self.signal.levels();
        self.place.item = 0;
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            if field.number == 2 {
                let index = self.place.item;
                let resource = self.shared_resource(&mut shared)?;
                self.item(field.message(items)?, resource).map_err(|error| error.within(items, index))?;
                self.place.item += 1;
            }
        }
        Ok(())
    }

    fn item(
        &mut self,
        message: Message<'_>,
        resource: Result<ResourceId, Reason>,
    ) -> Result<(), DecodeError> {
        self.place.point = None;
        let resource = match resource {
            Ok(resource) => resource,
            Err(reason) => {
                let items = if self.signal == Signal::Metrics { metrics::count_points(message)? } else { 1 };
                self.tally.add(reason, items, self.place);
                return Ok(());
            }
        };
        let decoded = match self.signal {
            Signal::Logs => logs::decode(message, &mut self.open_row(resource)),
            Signal::Traces => traces::decode(message, &mut self.open_row(resource)),
            Signal::Metrics => return metrics::decode(message, resource, self),
        };
        self.keep(decoded)
    }

    /// Opens the row of an item; [`Request::keep`] closes it.
    pub fn open_row(&mut self, resource: ResourceId) -> RowWriter<'_> {
        self.rows.begin(resource);
        RowWriter {
            rows: &mut self.rows,
            notes: &mut self.notes,
            scratch: &mut self.scratch,
            received_at: self.received_at,
        }
    }

    /// Keeps the open row, with the time that its item has, or counts why it is not kept.
    pub fn keep(&mut self, decoded: Result<Timestamp, ItemError>) -> Result<(), DecodeError> {
        let notes = std::mem::take(&mut self.notes);
        match decoded {
            Err(ItemError::Malformed(error)) => return Err(error),
            Err(ItemError::Rejected(reason)) => self.reject(reason, 1),
            Ok(_) if self.rows.len() >= MAX_ITEMS_PER_REQUEST => self.reject(Reason::TooManyItems, 1),
            Ok(timestamp) => {
                for note in notes.0 {
                    self.tally.add(note, 1, self.place);
                }
                self.rows.commit(timestamp);
            }
        }
        self.rows.cancel();
        Ok(())
    }

    pub fn reject(&mut self, reason: Reason, items: u64) {
        self.tally.add(reason, items, self.place);
    }

    fn shared_resource(
        &mut self,
        shared: &mut Shared<'_>,
    ) -> Result<Result<ResourceId, Reason>, DecodeError> {
        if let Some(made) = shared.made {
            return Ok(made);
        }
        let made = match self.make_resource(shared) {
            Ok(resource) => Ok(self.rows.add_resource(resource)),
            Err(ItemError::Rejected(reason)) => Err(reason),
            Err(ItemError::Malformed(error)) => return Err(error),
        };
        shared.made = Some(made);
        Ok(made)
    }

    fn make_resource(&mut self, shared: &Shared<'_>) -> Result<Resource, ItemError> {
        if self.resource_fields >= MAX_RESOURCE_FIELDS_PER_REQUEST {
            return Err(Reason::TooManyScopes.into());
        }
        let Self { notes, scratch, .. } = self;
        let mut fields = SharedFields::default();
        for resource in shared.resource {
            attributes::append(*resource, 1, Owner::Resource, &mut fields, notes, scratch)
                .map_err(|error| error.within("resource", None))?;
        }
        for scope in &shared.scope {
            attributes::append_scope(*scope, &mut fields, notes, scratch)
                .map_err(|error| error.within("scope", None))?;
        }
        self.resource_fields += fields.fields.len();
        Ok(Resource { attributes: fields.fields })
    }
}
