//! The one integration-test binary of this crate.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests do")]

mod abuse;
mod arguments;
mod credentials;
mod credit;
mod formats;
mod kills;
mod machine;
mod moto;
mod paths;
mod runbooks;
mod support;
