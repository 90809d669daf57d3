//! Who has reported since the last time, by the series in which every unit shows itself.

use std::collections::{BTreeMap, HashMap};

use nines_fleet::identify::{ANCHORS, Anchor, attributes, describes, identify};
use nines_fleet::{Book, Kind, Sighting};
use nines_promql::{Labels, Selection, Source, SourceError, is_stale, parse_selector};

use super::{Asked, Keeper};

/// What is read again each time, because samples come late.
const OVERLAP_MS: i64 = 60_000;
/// How far back the first round looks, and one after a pause.
const LOOKED_BACK_MS: i64 = 3_600_000;
/// Sightings that the book is held for: a millisecond.
const SEEN_AT_ONCE: usize = 500;
/// What everybody says of who sends, by `job` and `instance`.
const SENDERS: &str = "target_info";

type Senders = HashMap<(String, String), BTreeMap<String, String>>;

/// Gives until when was read.
pub fn round(keeper: &Keeper, asked: &Asked<'_>, since_ms: Option<i64>) -> Result<i64, SourceError> {
    let now_ms = keeper.now_ms();
    let start_ms =
        since_ms.map_or(now_ms - LOOKED_BACK_MS, |since| (since - OVERLAP_MS).max(now_ms - LOOKED_BACK_MS));
    let range = (start_ms, now_ms);
    let senders = senders(asked, range)?;
    let mut sightings = Vec::new();
    for anchor in ANCHORS {
        let text = format!("{}{{{}}}", anchor.metric, anchor.with);
        read(asked, &text, range, |labels, times, values| {
            let book = keeper.book.read();
            sightings.extend(sighting(anchor, labels, times, values, &senders, &book));
        })?;
    }
    // Whoever asks gets a turn in between.
    for some in sightings.chunks(SEEN_AT_ONCE) {
        let mut book = keeper.book.write();
        some.iter().for_each(|sighting| book.see(sighting));
    }
    Ok(now_ms)
}

fn read(
    asked: &Asked<'_>,
    selector: &str,
    (start_ms, end_ms): (i64, i64),
    mut each: impl FnMut(&Labels, &[i64], &[f64]),
) -> Result<(), SourceError> {
    let selector = parse_selector(selector).expect("a selector of our own table");
    let source = asked.source();
    let mut set = source.select(&Selection {
        matchers: &selector.matchers,
        start_ms,
        end_ms,
        step_ms: 0,
        range_ms: end_ms - start_ms,
        function: None,
    })?;
    while let Some(view) = set.next()? {
        each(&view.labels, view.times, view.values);
    }
    Ok(())
}

fn pairs(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|label| (label.name.as_str(), label.value.as_str()))
}

fn senders(asked: &Asked<'_>, range: (i64, i64)) -> Result<Senders, SourceError> {
    let mut senders = Senders::new();
    read(asked, SENDERS, range, |labels, _, _| {
        let key = (labels.get("job").to_owned(), labels.get("instance").to_owned());
        senders.entry(key).or_default().extend(attributes(pairs(labels)));
    })?;
    Ok(senders)
}

fn sighting(
    anchor: &Anchor,
    labels: &Labels,
    times: &[i64],
    values: &[f64],
    senders: &Senders,
    book: &Book,
) -> Option<Sighting> {
    let label = |name: &str| Some(labels.get(name)).filter(|value| !value.is_empty());
    let found = identify(anchor.kind, &label)?;
    let sender = (labels.get("job").to_owned(), labels.get("instance").to_owned());
    let of_sender = senders.get(&sender);
    let speaks =
        values.iter().all(|value| !is_stale(*value) && (anchor.kind != Kind::Target || *value != 0.0));
    if let Some(until) = times.last().filter(|_| speaks) {
        let own = pairs(labels).filter(|(name, _)| describes(name));
        // A series' own label comes before what its sender says under the same name.
        let of_sender = of_sender.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()));
        let of_sender = of_sender.filter(|(name, _)| labels.get(name).is_empty());
        if book.knows(&found.key, *until, found.reporter.as_ref(), own.chain(of_sender)) {
            return None;
        }
    }
    let mut about = attributes(pairs(labels));
    for (name, value) in of_sender.into_iter().flatten() {
        about.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let (mut times_ms, mut ended_at_ms, mut silent_at_ms) = (Vec::with_capacity(times.len()), None, None);
    for (time, value) in times.iter().zip(values) {
        if is_stale(*value) {
            ended_at_ms = Some(*time);
        } else if anchor.kind == Kind::Target && *value == 0.0 {
            silent_at_ms = Some(*time);
        } else {
            times_ms.push(*time);
        }
    }
    // Staleness of a host's own series means that its target did not answer; the target says which of the two it is.
    let ended_at_ms = ended_at_ms.filter(|_| anchor.kind == Kind::Target);
    Some(Sighting {
        key: found.key,
        name: found.name,
        reporter: found.reporter,
        attributes: about,
        times_ms,
        ended_at_ms,
        silent_at_ms,
    })
}
