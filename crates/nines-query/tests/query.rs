//! SQL over a real store: hot rows, sealed segments, and both at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod query {
    mod limits;
    mod malformed;
    mod sql;
    mod support;
}
