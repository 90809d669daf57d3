//! YAML that people write, read so that every mistake of a file is reported at once, each with its place and a hint.
//!
//! [`parse`] makes a tree in which every node knows its line and column; a [`Reader`] takes typed values out of it and
//! collects what is wrong on the way; [`Fields`] is one map of it and names the keys that nobody asked for.
//!
//! Promises: no IO; nothing panics; depth, nodes and bytes of a file are bounded, whatever its aliases do.

mod error;
mod node;
mod reader;

pub use error::{DocumentError, DocumentWarning, nearest, suggest};
pub use node::{
    DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX, DOCUMENT_NODES_MAX, DOCUMENTS_MAX, Entry, Mark, Node, Raw,
    SyntaxError, parse,
};
pub use reader::{Fields, Marks, Reader};
