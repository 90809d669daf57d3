//! "You are next": what people are told before their shift.

use std::time::Duration;

use nines_model::{TimeRange, Timestamp};

use super::{PersonId, Schedule, ScheduleError};

/// A day before, to find somebody else, and a quarter of an hour before, to find the telephone.
pub const NOTICE_LEADS: [Duration; 2] = [Duration::from_secs(24 * 3_600), Duration::from_secs(15 * 60)];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOverNotice {
    pub person: PersonId,
    /// When they come on call, not having been before.
    pub starts_at: Timestamp,
    pub lead: Duration,
    /// When they are to be told.
    pub at: Timestamp,
    /// The same for the same notice, however often it is worked out: schedule, person, start and lead.
    pub key: String,
}

impl Schedule {
    /// The notices that fall due after `after` and up to `until`, by time. A loop that passes its last `until` as the
    /// next `after` tells everybody once; somebody who comes on call by an override made later than a lead is not told
    /// by this, but by whoever makes the override.
    pub fn notices(
        &self,
        after: Timestamp,
        until: Timestamp,
        leads: &[Duration],
    ) -> Result<Vec<HandOverNotice>, ScheduleError> {
        let second = Duration::from_secs(1);
        let mut notices = Vec::new();
        for lead in leads {
            // From a second before, to see who was on call already.
            let range = TimeRange::new(after + *lead, until + *lead + second);
            let shifts = self.shifts(range)?;
            for pair in shifts.windows(2) {
                let [before, shift] = pair else { continue };
                for person in &shift.on_call.people {
                    if before.on_call.people.contains(person) {
                        continue;
                    }
                    let starts_at = shift.range.start;
                    notices.push(HandOverNotice {
                        person: person.clone(),
                        starts_at,
                        lead: *lead,
                        at: starts_at - *lead,
                        key: format!("{}/{person}/{starts_at}/{}", self.name, lead.as_secs()),
                    });
                }
            }
        }
        notices.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        Ok(notices)
    }
}
