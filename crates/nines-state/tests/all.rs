//! The one integration-test binary of this crate.

#[path = "all/database.rs"]
mod database;
