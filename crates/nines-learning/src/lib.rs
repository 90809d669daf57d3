//! Learning from what happened: postmortems, reviews over a time, the weekly meeting and the takeover of a service.
//!
//! Words
//! - **Postmortem** ([`Postmortem`]): what one incident teaches. Drafted from the timeline when the incident is resolved,
//!   with its **facts** ([`Facts`]) frozen: marks, people, timeline and charts as they were, whatever is forgotten later.
//! - **Measure** ([`Measure`]): something that somebody will do, short-term or long-term, with an owner and a day.
//! - **Gate** ([`Postmortem::close`]): a postmortem is closed only with its factors named, an owner, and at least one
//!   long-term measure that has an owner and a day.
//! - **Review** ([`Review`]): figures over a time, all computed from what is stored: nothing is typed in.
//! - **Sheet** ([`Sheet`]): what people add to generated pages, the weekly meeting and the takeover of a service.
//!
//! Promises
//! - Pure: `now` and all facts are arguments; the store is a trait.
//! - Drills are left out of every figure but the drills' own: recovery time, and what data was lost.
//! - Every list and text is bounded by a constant with a name.

mod draft;
mod edit;
mod error;
pub mod format;
mod markdown;
mod postmortem;
mod review;
mod sheet;
mod store;

pub use draft::{Found, draft, is_mandatory, refreeze};
pub use edit::Edit;
pub use error::LearningError;
pub use markdown::markdown;
pub use postmortem::{
    Chart, Day, Facts, LINES_MAX, Line, MEASURES_MAX, Measure, MeasureKind, Postmortem, SECTION_BYTES_MAX,
    Section, State,
};
pub use review::{CallMade, DrillResult, Load, Median, Review, Seen, Shift};
pub use sheet::{MEETING_POINTS, POINT_BYTES_MAX, Point, Sheet, SheetKind, TAKEOVER_STEPS, Week};
pub use store::{LearningStore, POSTMORTEMS_MAX};
