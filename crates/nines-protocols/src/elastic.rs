//! Elasticsearch: the bulk API, single documents, and what clients ask before they send.
//!
//! Source: the Elasticsearch 8 and 9 REST reference ("Bulk index or delete documents"), and what the official Python and
//! JavaScript clients, Fluent Bit, Filebeat and Vector send and expect.
//!
//! Nines keeps events, and events do not change: `index` and `create` add a row to `logs` (also when a document of that
//! id exists), `update` and `delete` are refused item by item. The index is kept as `elasticsearch.index`, an id that the
//! client chose as `event.id`.

mod answer;
mod bulk;
pub mod handshake;

pub use answer::{BulkAnswer, Shape, error_body};
pub use bulk::{Bulk, BulkError, Item, ItemError, Operation, bulk, document};

/// Documents of one request; agents send a few thousand.
pub const MAX_ITEMS_PER_REQUEST: usize = crate::rows::MAX_ROWS_PER_REQUEST;

/// What a request that names no index writes to.
pub const DEFAULT_INDEX: &str = "logs";
