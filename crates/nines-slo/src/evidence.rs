//! What an alert needs to say who is hit and what they have in common, kept while events arrive so that a page never
//! waits for a query.
//!
//! Per minute and indicator: how often each value of each attribute occurs among good and bad events, which users
//! had a bad one, and a few traces. It is bounded in every direction and **not exact**: at high rates events are
//! sampled, with weights, and an attribute with many values is left out. The counters that decide whether to page are
//! elsewhere ([`Rings`](crate::Rings)) and exact.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use nines_model::{Name, RowRef, SmolStr, Timestamp, ValueRef, field};

use crate::indicator::{Indicator, Outcome};

/// Minutes kept: a page looks at the last five, a slow one at the last quarter of an hour.
pub const EVIDENCE_MINUTES: usize = 15;
/// Attributes looked at per indicator; later ones are ignored. Spans carry some thirty.
pub const EVIDENCE_FIELDS_MAX: usize = 64;
/// Values of one attribute in one minute. An attribute with more says nothing about a common cause.
pub const EVIDENCE_VALUES_MAX: usize = 64;
/// Longer values are texts, not categories.
const VALUE_BYTES_MAX: usize = 100;
/// Events of one outcome that are looked at in one second; beyond, one in two, then one in four, and so on.
const EXACT_PER_SECOND: u64 = 250;
/// Different users counted in one minute. Beyond, the number is a lower bound.
const USERS_PER_MINUTE_MAX: usize = 10_000;
/// Traces kept per minute, the newest.
const TRACES_PER_MINUTE: usize = 5;

/// A value is suspected if its share among the bad events exceeds its share among all by this much …
const EXCESS_MIN: f64 = 0.1;
/// … and at least so many bad events (weighted) have it.
const SUSPECT_BAD_MIN: u64 = 3;
/// Suspects named at most.
pub const SUSPECTS_MAX: usize = 5;

/// Fields that are identity, measurement, or badness itself, and so never a cause.
const IGNORED: [&str; 33] = [
    field::TRACE_ID,
    field::SPAN_ID,
    field::PARENT_SPAN_ID,
    field::TRACE_STATE,
    field::FLAGS,
    field::SPAN_EVENTS,
    field::SPAN_LINKS,
    field::DURATION_NS,
    field::BODY,
    field::STATUS_CODE,
    field::STATUS_MESSAGE,
    field::SEVERITY_NUMBER,
    field::SEVERITY_TEXT,
    field::OBSERVED_TIMESTAMP,
    field::EVENT_NAME,
    field::USER_ID,
    field::VALUE,
    field::OVERFLOW,
    field::SCOPE_NAME,
    field::SCOPE_VERSION,
    "http.response.status_code",
    "http.status_code",
    "rpc.grpc.status_code",
    "error",
    "error.type",
    "error.message",
    "exception.type",
    "exception.message",
    "exception.stacktrace",
    "session.id",
    "process.pid",
    "client.port",
    "network.peer.port",
];

/// Between equally suspicious attributes, the one that says more about a cause comes first.
const PREFERRED: [&str; 8] = [
    field::SERVICE_VERSION,
    "feature_flag.result.variant",
    "feature_flag.key",
    "cloud.region",
    "cloud.availability_zone",
    "k8s.node.name",
    "host.name",
    "http.route",
];

/// An attribute value that bad events have more often than events at large.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    pub field: SmolStr,
    pub value: SmolStr,
    /// Events with the value, estimated where sampled.
    pub bad: u64,
    pub total: u64,
    /// Of the bad events, the share with the value.
    pub share_of_bad: f64,
    /// Of all events, the share with the value.
    pub share_of_total: f64,
    /// `share_of_bad / share_of_total`: 1 is no suspicion.
    pub lift: f64,
    /// Of the events with the value, the share that is bad.
    pub rate: f64,
}

/// Users with at least one bad event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsersHit {
    pub count: u64,
    /// There may be more: a minute had more users than are counted.
    pub at_least: bool,
}

/// The evidence at one instant. Cheap to clone; never changes.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    minutes: Vec<Arc<Minute>>,
    fields: Arc<Vec<Name>>,
}

#[derive(Debug, Clone, Default)]
struct Minute {
    index: i64,
    total: Tally,
    values: HashMap<(u16, SmolStr), Tally>,
    /// By field: values seen, beyond the bound the field is out for this minute.
    distinct: Vec<u16>,
    users: HashSet<u64>,
    users_overflow: bool,
    traces: Vec<SmolStr>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    good: u64,
    bad: u64,
}

impl Tally {
    fn add(&mut self, outcome: Outcome, weight: u64) {
        match outcome {
            Outcome::Good => self.good += weight,
            Outcome::Bad => self.bad += weight,
        }
    }

    fn total(self) -> u64 {
        self.good + self.bad
    }
}

/// Gathers evidence. One writer.
#[derive(Debug)]
pub(crate) struct Collector {
    evidence: Evidence,
    ignored: HashSet<Name>,
    ids: HashMap<Name, Option<u16>>,
    second: i64,
    seen: [u64; 2],
    drawn: u64,
}

impl Collector {
    /// Without an indicator over events there is nothing to collect.
    pub fn new(indicator: Option<&Indicator>) -> Self {
        let ignored = IGNORED
            .into_iter()
            .chain(indicator.into_iter().flat_map(Indicator::own_fields))
            .map(Name::new)
            .collect();
        Self {
            evidence: Evidence::default(),
            ignored,
            ids: HashMap::new(),
            second: i64::MIN,
            seen: [0; 2],
            drawn: 0,
        }
    }

    pub fn snapshot(&self) -> Evidence {
        self.evidence.clone()
    }

    pub fn observe(&mut self, row: RowRef<'_>, outcome: Outcome, received_at: Timestamp) {
        let weight = self.weight(outcome, received_at);
        if weight.is_none() && outcome == Outcome::Good {
            return;
        }
        let Some(position) = self.minute(row.timestamp()) else { return };
        let minute = Arc::make_mut(&mut self.evidence.minutes[position]);
        if outcome == Outcome::Bad
            && let Some(user) = row.get(field::USER_ID)
        {
            if minute.users.len() < USERS_PER_MINUTE_MAX {
                minute.users.insert(hash_of(user));
            } else {
                minute.users_overflow |= !minute.users.contains(&hash_of(user));
            }
        }
        let Some(weight) = weight else { return };
        if outcome == Outcome::Bad
            && let Some(trace) = row.get_str(field::TRACE_ID)
            && !minute.traces.iter().any(|known| known == trace)
        {
            if minute.traces.len() == TRACES_PER_MINUTE {
                minute.traces.remove(0);
            }
            minute.traces.push(SmolStr::new(trace));
        }
        minute.total.add(outcome, weight);
        for (name, value) in row.fields() {
            let Some(text) = category(value) else { continue };
            let Some(id) = id_of(name, &self.ignored, &mut self.ids, &mut self.evidence.fields) else {
                continue;
            };
            minute.count(id, text, outcome, weight);
        }
    }

    /// How many events this one stands for; `None` if it is passed over. The choice is by a hash of a running number:
    /// repeatable, and blind to any rhythm of the stream.
    fn weight(&mut self, outcome: Outcome, received_at: Timestamp) -> Option<u64> {
        if received_at.as_secs() != self.second {
            self.second = received_at.as_secs();
            self.seen = [0; 2];
        }
        let seen = &mut self.seen[outcome as usize];
        let weight = (*seen / EXACT_PER_SECOND).next_power_of_two().max(1);
        *seen += 1;
        if weight == 1 {
            return Some(1);
        }
        self.drawn = self.drawn.wrapping_add(1);
        (mix(self.drawn) & (weight - 1) == 0).then_some(weight)
    }

    /// The position of the minute of `at`, made if need be; `None` if it is older than those kept.
    fn minute(&mut self, at: Timestamp) -> Option<usize> {
        let index = at.as_secs().div_euclid(60);
        let minutes = &mut self.evidence.minutes;
        match minutes.binary_search_by_key(&index, |minute| minute.index) {
            Ok(position) => Some(position),
            Err(0) if minutes.len() >= EVIDENCE_MINUTES => None,
            Err(position) => {
                minutes.insert(position, Arc::new(Minute { index, ..Minute::default() }));
                if minutes.len() > EVIDENCE_MINUTES {
                    minutes.remove(0);
                    return Some(position - 1);
                }
                Some(position)
            }
        }
    }
}

impl Minute {
    fn count(&mut self, id: u16, text: SmolStr, outcome: Outcome, weight: u64) {
        let slot = usize::from(id);
        if self.distinct.len() <= slot {
            self.distinct.resize(slot + 1, 0);
        }
        if usize::from(self.distinct[slot]) > EVIDENCE_VALUES_MAX {
            return;
        }
        match self.values.entry((id, text)) {
            std::collections::hash_map::Entry::Occupied(mut entry) => entry.get_mut().add(outcome, weight),
            std::collections::hash_map::Entry::Vacant(entry) => {
                self.distinct[slot] += 1;
                if usize::from(self.distinct[slot]) > EVIDENCE_VALUES_MAX {
                    self.values.retain(|(other, _), _| *other != id);
                    return;
                }
                entry.insert(Tally::default()).add(outcome, weight);
            }
        }
    }
}

/// The number of a field, given out on first sight; `None` if it is not looked at.
fn id_of(
    name: &Name,
    ignored: &HashSet<Name>,
    ids: &mut HashMap<Name, Option<u16>>,
    fields: &mut Arc<Vec<Name>>,
) -> Option<u16> {
    if let Some(id) = ids.get(name) {
        return *id;
    }
    if ids.len() >= 4 * EVIDENCE_FIELDS_MAX {
        return None;
    }
    let wanted = !ignored.contains(name) && fields.len() < EVIDENCE_FIELDS_MAX;
    let id = wanted.then(|| fields.len() as u16);
    if wanted {
        Arc::make_mut(fields).push(name.clone());
    }
    ids.insert(name.clone(), id);
    id
}

/// The text of a value that can be a category. Fractions are measurements, JSON and bytes are contents.
fn category(value: ValueRef<'_>) -> Option<SmolStr> {
    match value {
        ValueRef::Str(text) if !text.is_empty() && text.len() <= VALUE_BYTES_MAX => Some(SmolStr::new(text)),
        ValueRef::Int(number) => Some(SmolStr::new(number.to_string())),
        ValueRef::Bool(flag) => Some(SmolStr::new_static(if flag { "true" } else { "false" })),
        _ => None,
    }
}

/// SplitMix64's finaliser (Steele et al. 2014): every bit of the input reaches every bit of the output.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn hash_of(value: ValueRef<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        ValueRef::Str(text) | ValueRef::Json(text) => text.hash(&mut hasher),
        ValueRef::Int(number) => number.hash(&mut hasher),
        ValueRef::Float(number) => number.to_bits().hash(&mut hasher),
        ValueRef::Bool(flag) => flag.hash(&mut hasher),
        ValueRef::Bytes(bytes) => bytes.hash(&mut hasher),
    }
    hasher.finish()
}

impl Evidence {
    /// The minutes that overlap the `window` before `end`.
    fn within(&self, end: Timestamp, window: Duration) -> impl Iterator<Item = &Minute> {
        let first = (end - window).as_secs().div_euclid(60);
        let last = end.as_secs().div_euclid(60);
        self.minutes
            .iter()
            .map(|minute| &**minute)
            .filter(move |minute| (first..=last).contains(&minute.index))
    }

    /// The most over-represented value of each attribute among the bad events of the `window` before `end`, rounded
    /// to whole minutes outwards; most suspicious first, at most [`SUSPECTS_MAX`].
    ///
    /// Ranked by `share_of_bad − share_of_total`, the part of the badness that chance does not explain: 1 would be a
    /// value that all bad events and hardly any good ones have. One value per attribute, so that an attribute with many
    /// values cannot fill the list. Ties are settled by what says more about a cause (version before host) and then by
    /// name, so the same events always give the same list. Empty when badness is spread evenly.
    pub fn suspects(&self, end: Timestamp, window: Duration) -> Vec<Suspect> {
        let mut values: BTreeMap<(u16, &SmolStr), Tally> = BTreeMap::new();
        let mut total = Tally::default();
        let mut too_many: HashSet<u16> = HashSet::new();
        for minute in self.within(end, window) {
            total.good += minute.total.good;
            total.bad += minute.total.bad;
            for ((id, value), tally) in &minute.values {
                let sum = values.entry((*id, value)).or_default();
                sum.good += tally.good;
                sum.bad += tally.bad;
            }
            let over = minute
                .distinct
                .iter()
                .enumerate()
                .filter(|(_, count)| usize::from(**count) > EVIDENCE_VALUES_MAX);
            too_many.extend(over.map(|(id, _)| id as u16));
        }
        let mut best: BTreeMap<u16, Suspect> = BTreeMap::new();
        for ((id, value), tally) in values {
            if too_many.contains(&id) || tally.bad < SUSPECT_BAD_MIN {
                continue;
            }
            let suspect = Suspect::new(self.fields[usize::from(id)].clone(), value.clone(), tally, total);
            if suspect.excess() < EXCESS_MIN {
                continue;
            }
            match best.get(&id) {
                Some(known) if known.excess() >= suspect.excess() => {}
                _ => {
                    best.insert(id, suspect);
                }
            }
        }
        let mut suspects: Vec<Suspect> = best.into_values().collect();
        suspects.sort_by(|a, b| {
            // Differences below a hundredth are noise; let meaning decide.
            let rounded = |suspect: &Suspect| (suspect.excess() * 100.0).round() as i64;
            rounded(b)
                .cmp(&rounded(a))
                .then_with(|| preference(&a.field).cmp(&preference(&b.field)))
                .then_with(|| a.field.cmp(&b.field))
        });
        suspects.truncate(SUSPECTS_MAX);
        suspects
    }

    /// Distinct `user.id` among the bad events of the `window` before `end`, in whole minutes.
    pub fn users_hit(&self, end: Timestamp, window: Duration) -> UsersHit {
        let mut users: HashSet<u64> = HashSet::new();
        let mut at_least = false;
        for minute in self.within(end, window) {
            users.extend(&minute.users);
            at_least |= minute.users_overflow;
        }
        UsersHit { count: users.len() as u64, at_least }
    }

    /// A few traces with bad events, newest first.
    pub fn bad_traces(&self, end: Timestamp, window: Duration) -> Vec<SmolStr> {
        let mut traces: Vec<SmolStr> =
            self.within(end, window).flat_map(|minute| &minute.traces).cloned().collect();
        traces.reverse();
        traces.truncate(TRACES_PER_MINUTE);
        traces
    }
}

fn preference(field: &str) -> usize {
    PREFERRED.iter().position(|name| *name == field).unwrap_or(PREFERRED.len())
}

impl Suspect {
    fn new(field: SmolStr, value: SmolStr, tally: Tally, total: Tally) -> Self {
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let share_of_bad = share(tally.bad, total.bad);
        let share_of_total = share(tally.total(), total.total());
        Self {
            field,
            value,
            bad: tally.bad,
            total: tally.total(),
            share_of_bad,
            share_of_total,
            lift: if share_of_total > 0.0 { share_of_bad / share_of_total } else { 0.0 },
            rate: share(tally.bad, tally.total()),
        }
    }

    fn excess(&self) -> f64 {
        self.share_of_bad - self.share_of_total
    }
}
