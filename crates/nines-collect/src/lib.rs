//! Files and machines to a node: `nines import` for files that lie there, `nines agent tail` for files that are written,
//! `nines agent run` for those and for the machine itself ([`host`]), whose readings wait in a [`Queue`] on disk.
//!
//! Both cut a file into chunks of whole lines and hand each to a [`Sender`] with a key that says what it is: which file,
//! from where, which bytes. The node keeps the key with the rows and adds nothing when the same chunk comes again.
//!
//! # Promises
//! - **An import that is run again adds nothing**, wherever it was cut off: what is about to be sent is written down and
//!   synced before it is sent, what was stored after it. Even without that file the node knows the chunks it has.
//! - **A tail sends every whole line at least once**, across rotation by rename and by truncation, restarts and a node that
//!   is down: the place is written down and synced after the node has said that the lines are on its disk.
//! - Memory is bounded by one chunk ([`CHUNK_BYTES_MAX`]) whatever the files are.

mod checkpoint;
mod chunk;
mod error;
mod fingerprint;
pub mod host;
mod import;
mod queue;
mod send;
mod tail;

pub use chunk::{CHUNK_BYTES_MAX, CHUNK_LINES_MAX};
pub use error::CollectError;
pub use import::{FileReport, Import, ImportOptions, Progress};
pub use queue::{Queue, QueueOptions};
pub use send::{Chunk, SendError, Sender, Sent};
pub use tail::{Tail, TailOptions, TailStats};
