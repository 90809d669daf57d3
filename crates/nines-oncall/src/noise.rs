//! Noise control: how an alert storm becomes one page and a list.
//!
//! An alert passes these in order, each a pure decision with a reason:
//! 1. [`AlertBook`]: is it new, or one that is known (fingerprint)? Merges can be seen and undone.
//! 2. [`Gate`]: is anybody to be told now? Maintenance, silences, inhibition, flapping.
//! 3. [`Grouper`]: which alerts are told together, and when?
//! 4. [`Limiter`]: how many messages does one person get? What is too much becomes one digest.
//!
//! Promises
//! - A P0 waits for nothing: a new group of it is told at once, and a person who has had too much still gets it.
//! - Nobody gets more than [`MESSAGES_MAX`] messages in [`MESSAGES_WINDOW`], digests included.
//! - Whatever is held back is counted where people can see it.
//! - Memory is bounded whatever is sent: see the constants of each part.

mod book;
mod flapping;
mod gate;
mod grouping;
mod inhibition;
mod limiter;
mod maintenance;
mod silence;

pub use book::{
    ALERTS_MAX, AlertBook, AlertEntry, Expired, MEMBERS_MAX, Member, REOPEN_WITHIN, Received, SeparateError,
};
pub use flapping::{FLAP_CHANGES, FLAP_WINDOW, Flapping, Steadiness};
pub use gate::{Gate, Suppression};
pub use grouping::{
    GROUP_INTERVAL, GROUP_WAIT, GROUPS_MAX, GroupNotice, GroupWhy, Grouper, Grouping, REPEAT_AFTER,
};
pub use inhibition::{Cause, DEPTH_MAX, Dependencies, InhibitRule, Inhibited, Inhibitor, OpenIncident};
pub use limiter::{
    DIGEST_WAIT, Digest, Limiter, MESSAGES_MAX, MESSAGES_WINDOW, Message, ORDINARY_MAX, URGENT_MAX, Verdict,
};
pub use maintenance::{MAINTENANCE_DEFAULT_MAX, MaintenanceWindow, When, WindowError};
pub use silence::{
    LabelMatch, LabelOperator, Preview, SILENCE_MAX, SILENCE_NOTICE, Silence, SilenceError, SilenceId,
    UNMATCHED_AFTER,
};
