//! How long to wait before trying again, and when to stop trying.

use std::time::Duration;

use nines_base::{Backoff, Random};

/// A page that could not be delivered in two days is given up, visibly. Twice the 24 h that Standard Webhooks asks for,
/// so that an outage over one night and one day is survived; after two days the resolve or the incident tells more.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(48 * 3600);

/// The longest pause of anything here. A page that waits for longer than this was put there by a clock that has since
/// been set back, and is due.
pub const PAUSE_MAX: Duration = Duration::from_secs(900);

/// What we accept from a `Retry-After`: a provider that asks for a day would silence us for a day.
const RETRY_AFTER_MAX: Duration = PAUSE_MAX;

/// Between attempts of one page, so that one which its provider always chokes on does not starve the others.
const PAGE: Backoff = Backoff { base: Duration::from_secs(2), cap: Duration::from_secs(300) };

/// Between attempts on a target that fails: one probe at least every 30 s, so that a page is out within 60 s of the
/// provider's recovery.
const LANE: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) };

/// After an unknown outcome each further attempt may be a duplicate. A provider that takes pages and never answers for
/// D seconds gets at most 1 + D/15 of them for each target, fewer as the pause grows. The longest leaves room for the
/// attempt before it, which took ten seconds to end: a page is out within 60 s of the provider's recovery here too.
const UNKNOWN: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(45)];

pub(crate) fn page_pause(attempt: u32, random: &Random) -> Duration {
    PAGE.pause(attempt, random)
}

/// `failures` in a row, this one included.
pub(crate) fn lane_pause(failures: u32, random: &Random) -> Duration {
    LANE.pause(failures.saturating_sub(1), random)
}

/// Uniform in the upper half: an early retry is worse here than a late one.
pub(crate) fn unknown_pause(failures: u32, random: &Random) -> Duration {
    let bound = if failures <= 1 { UNKNOWN[0] } else { UNKNOWN[1] };
    bound.mul_f64(0.5 + 0.5 * random.unit())
}

/// What the provider asked for, and up to a tenth more, so that all who were told the same do not return together.
pub(crate) fn asked_pause(asked: Duration, random: &Random) -> Duration {
    let asked = asked.min(RETRY_AFTER_MAX.mul_f64(0.9));
    asked + asked.mul_f64(0.1 * random.unit())
}
