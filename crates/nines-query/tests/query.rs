//! The engine over a real store: hot rows, sealed segments, and both at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod query {
    mod aggregates;
    mod limits;
    mod lowering;
    mod malformed;
    mod search;
    mod sql;
    mod support;
}
