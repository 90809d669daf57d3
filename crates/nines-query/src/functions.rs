//! The functions that Nines adds to SQL (`quantile(value, q)`), and bounds on those that make texts.

mod bounded;
mod quantile;

pub(crate) use bounded::{BoundedConcat, bounded, is_growing};

pub(crate) use quantile::quantile;
