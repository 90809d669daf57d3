//! Promises: indicators, objectives, error budgets and burn rates, live and from history.

mod budget;
mod burn;
mod document;
mod registry;
mod window;

pub use budget::*;
pub use burn::*;
pub use document::*;
pub use registry::*;
pub use window::{CALENDAR_MAX, ROLLING_MAX};
