//! Events to test with, and the slow, obvious way to count them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nines_base::Random;
use nines_filter::Filter;
use nines_model::{Batch, Dataset, Event, Name, Resource, RowRef, TimeRange, Timestamp, Value, ValueRef};
use nines_slo::{BackfillPart, Bucket, Budgeting, Counts, Indicator, Period, Window};

pub const START: i64 = 1_800_000_000;

pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

pub fn indicator() -> Indicator {
    Indicator {
        dataset: Dataset::Spans,
        total: Filter::parse("service.name: shop").unwrap(),
        good: Filter::parse("http.response.status_code < 500").unwrap(),
    }
}

pub fn window(days: u32) -> Window {
    Window::Rolling(Period::days(days))
}

pub fn event(at: Timestamp, ok: bool) -> Event {
    event_with(at, ok, &[])
}

pub fn event_with(at: Timestamp, ok: bool, extra: &[(&str, &str)]) -> Event {
    let resource = Resource { attributes: vec![(Name::new("service.name"), Value::str("shop"))] };
    let status = if ok { 200 } else { 503 };
    let mut fields = vec![(Name::new("http.response.status_code"), Value::Int(status))];
    fields.extend(extra.iter().map(|(name, value)| (Name::new(name), Value::str(value))));
    Event { timestamp: at, resource: Arc::new(resource), fields }
}

pub fn batch(received_at: Timestamp, events: Vec<Event>) -> Batch {
    Batch::of_events(Dataset::Spans, received_at, &events)
}

/// `count` batches: most events on time, some seconds to minutes late or a little early, few hours to months late.
/// Received times rise by milliseconds to hours. Some events are of another service.
pub fn stream(random: &Random, count: u64) -> Vec<Batch> {
    let mut now = at(START + random.below(86_400) as i64);
    (0..count)
        .map(|_| {
            now = now
                + match random.below(20) {
                    0 => Duration::from_secs(random.below(6 * 3_600)),
                    1..=4 => Duration::from_secs(random.below(120)),
                    _ => Duration::from_millis(random.below(1_500)),
                };
            let events = (0..=random.below(12))
                .map(|_| {
                    let late = match random.below(100) {
                        0 => Duration::from_secs(random.below(120 * 86_400)),
                        1..=3 => Duration::from_secs(random.below(5 * 86_400)),
                        4..=9 => Duration::from_secs(random.below(6 * 3_600)),
                        10..=29 => Duration::from_secs(random.below(180)),
                        _ => Duration::from_millis(random.below(4_000)),
                    };
                    let time = if random.below(25) == 0 {
                        now + Duration::from_secs(random.below(600))
                    } else {
                        now - late
                    };
                    let mut event = event(time, random.below(4) > 0);
                    if random.below(5) == 0 {
                        event.fields.push((Name::new("service.name"), Value::str("other")));
                    }
                    event
                })
                .collect();
            batch(now, events)
        })
        .collect()
}

/// Brute force: looks at every event.
pub fn count(batches: &[Batch], range: TimeRange) -> Counts {
    let mut counts = Counts::default();
    for row in
        batches.iter().flat_map(|batch| batch.rows.iter()).filter(|row| range.contains(row.timestamp()))
    {
        add(&mut counts, row);
    }
    counts
}

/// The same for whoever asks of many ranges.
pub fn counts_by_time(batches: &[Batch]) -> BTreeMap<Timestamp, Counts> {
    let mut by_time = BTreeMap::<_, Counts>::new();
    for row in batches.iter().flat_map(|batch| batch.rows.iter()) {
        add(by_time.entry(row.timestamp()).or_default(), row);
    }
    by_time
}

fn add(counts: &mut Counts, row: RowRef<'_>) {
    if row.get_str("service.name") != Some("shop") {
        return;
    }
    if row.get("http.response.status_code") == Some(ValueRef::Int(200)) {
        counts.good += 1;
    } else {
        counts.bad += 1;
    }
}

/// What a query answers: buckets by `floor(timestamp / step)` of the events in the range, empty ones left out.
pub fn count_buckets(batches: &[Batch], part: &BackfillPart) -> (Duration, Vec<Bucket>) {
    let mut starts: Vec<Timestamp> = batches
        .iter()
        .flat_map(|batch| batch.rows.iter())
        .filter(|row| part.range.contains(row.timestamp()))
        .map(|row| row.timestamp().floor_to(part.step))
        .collect();
    starts.sort();
    starts.dedup();
    let bucket =
        |start: Timestamp| Bucket { start, counts: count(batches, TimeRange::new(start, start + part.step)) };
    (part.step, starts.into_iter().map(bucket).collect())
}

/// An SLI that sees all of `batches` live, from the very first.
pub fn live(batches: &[Batch], days: u32) -> Arc<nines_slo::LiveSli> {
    let slis = nines_slo::LiveSlis::new();
    let sli = slis.add("a", indicator(), &window(days), Budgeting::Occurrences).unwrap();
    slis.start_empty(&sli, at(START - 100 * 86_400)).unwrap();
    for (sequence, batch) in batches.iter().enumerate() {
        slis.observe(sequence as u64 + 1, batch);
    }
    sli
}
