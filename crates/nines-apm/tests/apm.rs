//! Questions over a real store, hot and sealed, against brute force over the generated spans.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apm {
    mod brute;
    mod entries;
    mod errors;
    mod map;
    mod shop;
    mod traces;
}
