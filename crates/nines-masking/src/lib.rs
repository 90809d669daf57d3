//! Masking: personal data and secrets are found in telemetry and made unreadable before anything is written.
//!
//! Words introduced here
//! - **Rule**: what to look for (a [`BuiltIn`] or a regular expression), in which fields, and what to do with it.
//! - **Action**: *mask* writes `[payment_card]` in its place; *hash* writes `[email:3f9a0c12d4e5b678]`, the same for the
//!   same text, so that lines about one person can still be joined; *drop* takes the whole field away.
//! - **Masker**: rules made ready for use with the key of the node's hashes.
//!
//! Promises
//! - What a rule finds is in no byte that [`Masker::mask_text`] gives back.
//! - Text in which nothing is found is not copied. One pass over its bytes serves all built-ins.
//! - JSON stays JSON.
//! - What was masked is left alone when it comes again.
//! - Pure: no IO; the key comes from outside.
//!
//! What is *not* promised: that everything personal is found. A name is a word like any other; who logs names drops the
//! field. See `docs/guides/masking.md` for what each built-in takes for what.

mod card;
mod find;
mod glob;
mod ids;
mod masker;
mod phone;
mod rules;
mod secret;
mod token;

pub use masker::{HashKey, Masked, Masker};
pub use rules::{Action, BuiltIn, MaskingError, PATTERN_BYTES_MAX, RULES_MAX, Rule, Rules, What};
