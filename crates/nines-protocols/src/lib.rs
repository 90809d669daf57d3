//! Wire formats to rows and back. Bytes in, [`nines_model::Rows`] out: nothing here does IO, reads a clock or
//! keeps state between calls, so every decoder can be fuzzed and replayed.
//!
//! Each protocol is one module. A decoder promises three things for *any* input: it returns (no panic, no stack
//! overflow), it allocates in proportion to the input, and an error says what is wrong and where.
//!
//! Beside OTLP, each of the other protocols writes rows of the common schema through [`rows::RowWriter`]; what their
//! names become is told in [`document`].

pub mod change_event;
pub mod cloudevents;
pub mod document;
pub mod elastic;
pub mod events;
pub mod file;
pub mod firehose;
pub mod intake;
pub mod json;
pub mod loki;
pub mod otlp;
mod protobuf;
pub mod rows;
pub mod severity;
pub mod splunk;
pub mod syslog;
pub mod time;
