//! Log patterns: which statement of a program wrote a line, found from the lines alone.
mod generalise;
mod hash;
mod header;
mod lexicon;
mod miner;
mod template;
mod token;

pub use miner::{ALIASES_MAX, Config, Merge, Miner, NEIGHBOURS_MAX, PATTERNS_MAX, PatternId, SHAPES_MAX};
pub use template::{Slot, Template};
