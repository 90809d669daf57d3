//! The functions that Nines adds to SQL: `quantile(value, q)`.

mod quantile;

pub(crate) use quantile::quantile;
