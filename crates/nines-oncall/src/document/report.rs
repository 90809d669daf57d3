//! `ReviewReport`.

use nines_slo::Meta;
use nines_slo::documents::{Fields, Reader};

use super::words;
use crate::PersonId;
use crate::report::{Every, REPORT_READERS_MAX, ReviewReport};
use crate::zone::Zone;

/// Nine in the morning, when a week begins.
const AT_DEFAULT: u32 = 9 * 3_600;

pub(super) fn read(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<ReviewReport> {
    let errors = reader.errors.len();
    let path = spec.path_of("every");
    let every = match spec.get(reader, "every") {
        Some(node) => reader.choice(node, &path, &[("week", Every::Week), ("month", Every::Month)]),
        None => Some(Every::Week),
    };
    let zone = words::zone(reader, &mut spec).unwrap_or_else(Zone::utc);
    let at_secs = words::time_of_day(reader, &mut spec, "at", false).unwrap_or(AT_DEFAULT);
    let (mark, path) = (spec.mark_of("on"), spec.path_of("on"));
    let weekday = match spec.text(reader, "on") {
        None => 0,
        Some(_) if every == Some(Every::Month) => {
            reader.error(mark, &path, "a report of a month goes out on its first day", None);
            0
        }
        Some(text) => match words::weekday(text.trim()) {
            Ok(day) => day,
            Err(hint) => {
                reader.error(mark, &path, format!("`{text}` is not a weekday"), hint);
                0
            }
        },
    };
    let people: Vec<PersonId> = spec.texts(reader, "people").into_iter().map(PersonId::new).collect();
    let (teams, channels) = (spec.texts(reader, "teams"), spec.texts(reader, "channels"));
    let (mark, path) = (spec.mark, spec.path.clone());
    spec.finish(reader);
    let readers = people.len() + teams.len() + channels.len();
    if readers == 0 && reader.errors.len() == errors {
        let hint = Some("name some under people, teams or channels".to_owned());
        reader.error(mark, &path, "the report goes to nobody", hint);
    }
    if readers > REPORT_READERS_MAX {
        reader.error(mark, &path, format!("the report has more than {REPORT_READERS_MAX} readers"), None);
    }
    if reader.errors.len() > errors {
        return None;
    }
    Some(ReviewReport { name: meta.name, every: every?, at_secs, weekday, zone, people, teams, channels })
}
