//! What reports: hosts, pods, containers, groups of processes and scrape targets, and what has stopped.
//!
//! # Words
//! - **Unit**: one thing that reports by itself, of a [`Kind`] and with a name ([`Unit`]).
//! - **Sighting**: series in which a unit shows itself, and when ([`Sighting`]); [`identify`] makes them of labels.
//! - **Book**: every unit that ever reported ([`Book`]), bounded by [`UNITS_MAX`]; it is kept over restarts by [`format`].
//! - **Reporter**: the unit through which another one is seen: a host for its containers, a target for a scraped host.
//! - **Standing**: reporting, late, absent, or gone on purpose ([`Standing`]).
//! - **Watch**: what somebody wants to be told of ([`Watch`]).
//!
//! # Absence
//! The interval of a unit is the median of its own last gaps. Silence of [`LATE_INTERVALS`] of them is late, of
//! [`ABSENT_INTERVALS`] absent, both plus what it takes a sample to arrive. Silence counts only while this node was
//! there to hear: a restart makes nobody absent. What is absent has no value; it is never zero and never healthy.
//!
//! Gone on purpose is told apart by what the data holds ([`Book::standing`]): a target that was taken out of the scrape
//! configuration ends its `up` with a staleness marker, while one that does not answer has `up` at 0; a container, pod or
//! process that its host still reports without has ended, while one whose host is silent is not known. What the data cannot
//! tell, such as a host that was scaled in, a person says: retired, until it reports again.
//!
//! # Promises
//! Pure: no IO, no clock. The order in which sightings arrive does not matter for when a unit was first and last seen.

mod book;
mod compare;
mod factor;
pub mod format;
mod grouping;
pub mod identify;
mod unit;
mod watch;

pub use book::{Book, Standing, State, UNITS_MAX};
pub use compare::{Place, Spread, median, spread};
pub use factor::{Factor, factor};
pub use grouping::{Group, Grouping, Histories, Member, Tally, counted, grouped, labels};
pub use unit::{Kind, Retired, Sighting, Unit, UnitKey};
pub use watch::{About, INTERVALS_RANGE, WATCHES_MAX, Watch, WatchError, WithName};

/// Reports that may be missed before a unit is late.
pub const LATE_INTERVALS: u32 = 2;
/// And before it is absent, unless a watch says otherwise.
pub const ABSENT_INTERVALS: u32 = 4;
/// What a sample may take until it is here: senders gather for five seconds by default (`batch_send_deadline` of remote
/// write).
pub const ARRIVAL_MS: i64 = 5_000;
