//! Patterns end to end.
mod foreign;
mod loghub;
mod properties;
