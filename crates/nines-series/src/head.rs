//! What is in memory: the index of active series, and their samples that are in no segment yet.

pub mod index;
pub mod pages;
pub mod symbols;
