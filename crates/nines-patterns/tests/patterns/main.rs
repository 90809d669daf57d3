//! Patterns end to end.
mod loghub;
