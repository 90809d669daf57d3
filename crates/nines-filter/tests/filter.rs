//! The language as its users see it: what parses to what, what selects what, and what is refused how.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod filter {
    mod malformed;
    mod properties;
    mod select;
    mod semantics;
}
