//! The one integration-test binary of this crate.

#[path = "all/limits.rs"]
mod limits;
#[path = "all/ssrf.rs"]
mod ssrf;
