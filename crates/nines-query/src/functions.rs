//! The functions that Nines adds to SQL and to its own plans.
//!
//! In SQL: `quantile(value, q)`. In plans only, because they carry a compiled test: [`field_test`], [`text_test`],
//! [`overflow_test`], [`overflow_text`] and [`row_hash`].

mod overflow;
mod quantile;
mod row_hash;
mod test;
mod values;

pub(crate) use overflow::{OverflowQuestion, overflow_test, overflow_text};
pub(crate) use quantile::{quantile, quantile_of};
pub(crate) use row_hash::row_hash;
pub(crate) use test::{field_test, text_test};
