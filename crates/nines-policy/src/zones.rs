//! The time zones that a text names: `context.at["Asia/Taipei"]`. Each gets a clock in the schema and in the context.

use jiff::tz::TimeZone;

use crate::error::Fault;

/// Zones that all policies together may name: a company's offices, not a list of the world's.
pub(crate) const ZONES_MAX: usize = 32;

/// The zones of a text, sorted, each once; a fault for each name that is none.
pub(crate) fn of(document: &str, text: &str) -> (Vec<String>, Vec<Fault>) {
    let (mut zones, mut faults) = (Vec::new(), Vec::new());
    for (start, opening) in text.match_indices("at[\"") {
        let from = start + opening.len();
        let Some(length) = text[from..].find('"') else { continue };
        let name = &text[from..from + length];
        // `UTC` is none of the database's names everywhere.
        if TimeZone::get(name).is_ok() {
            zones.push(name.to_owned());
        } else {
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let hint = nearest(name, known.iter().map(String::as_str)).map_or_else(
                || "use a name of the time zone database, such as Asia/Taipei".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            faults.push(
                Fault::at(document, text, from, format!("there is no time zone `{}`", shown(name)))
                    .hint(hint),
            );
        }
    }
    zones.sort();
    zones.dedup();
    (zones, faults)
}

/// The nearest of some names, if it is near enough to have been meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|near| (strsim::jaro_winkler(&name.to_lowercase(), &near.to_lowercase()), near));
    scored.filter(|(score, _)| *score > 0.85).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, near)| near)
}

fn shown(name: &str) -> String {
    name.chars().filter(|char| !char.is_control()).take(64).collect()
}
