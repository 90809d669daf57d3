//! A client of the API, in the API's own words: each operation of [`nines_api::ROUTES`] is one method that takes and
//! gives the wire types.
//!
//! Promises:
//! - paths and methods come from the route table, so client and server cannot drift apart;
//! - an answer that is not a success is a [`ClientError`]: a problem document keeps its code, hint, offset and faults;
//! - nothing is retried here: the caller knows which of its calls may be sent twice ([`ClientError::is_retryable`]);
//! - no answer may be larger than [`ANSWER_BYTES_MAX`], and none is waited for longer than [`ANSWER_WAIT_MAX`].

mod call;
mod client;
mod error;

pub use call::{ANSWER_BYTES_MAX, ANSWER_WAIT_MAX};
pub use client::{ApplyOptions, Client, Ingest, Ingested, ObjectsQuery};
pub use error::ClientError;
