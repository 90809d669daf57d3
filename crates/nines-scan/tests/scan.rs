//! The scanner over a real store: hot rows, sealed segments, and both at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scan {
    mod aggregates;
    mod damage;
    mod large;
    mod limits;
    mod search;
    mod semantics;
    mod support;
}
