//! Which series there are: label sets to numbers and back, postings, and the budgets.
//!
//! A series' number (`ref`) is small, is given out at its first sample, and is used again some time after the series has
//! gone quiet. It is what the journal and the sample pages speak of. Nothing here is persisted as it is.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::quality::SeedableRandomState as Seeded;
use hashbrown::{HashMap, HashTable};

use super::symbols::{Symbol, Symbols};
use crate::error::{BudgetExceeded, Reason};
use crate::model::{Labels, METRIC_NAME};
use crate::postings::Lookup;
use crate::request::RawLabel;

pub type SeriesRef = u32;

/// Of one series. Mimir stops at 30; OpenTelemetry resources flattened to labels reach 60.
pub const LABELS_MAX: usize = 128;
/// As Mimir's defaults.
pub const LABEL_NAME_BYTES_MAX: usize = 1_024;
/// Four times Mimir's default: pods' image names with digests and SQL summaries come close to 2 KiB.
pub const LABEL_VALUE_BYTES_MAX: usize = 8_192;

/// How many records of the journal hold the definition of a series, so that damage to one of them loses only what is in it.
pub const DEFINITION_COPIES: u32 = 2;

/// Of a store that has just been opened. What was replayed is not defined in it, so the next records define it again.
pub const FIRST_EPOCH: u32 = 1;

/// How many active series there may be. An active series is one that had a sample since about the last two seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    pub series_max: u64,
    pub series_per_metric_max: u64,
}

impl Default for Budgets {
    /// Some 500 bytes of memory a series make two million of them 1 GB. One metric may take a tenth of that before it is
    /// stopped, which is above what upstream calls a large metric (100 000).
    fn default() -> Self {
        Self { series_max: 2_000_000, series_per_metric_max: 200_000 }
    }
}

#[derive(Debug)]
pub struct Index {
    symbols: Symbols,
    hash: Seeded,
    by_hash: HashTable<SeriesRef>,
    entries: Vec<Entry>,
    /// Names and values of all series, one after the other.
    labels: Vec<Symbol>,
    postings: HashMap<Symbol, HashMap<Symbol, Postings, Seeded>, Seeded>,
    /// Numbers that can be given out again, last freed first.
    free: Vec<SeriesRef>,
    live: u64,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    labels_at: u32,
    /// Symbols: two a label. 0 if the number is free.
    labels_len: u16,
    /// The epoch and how many records define the series in it; see [`Index::needs_definition`].
    defined: AtomicU32,
    touched_epoch: AtomicU32,
}

/// Most values of a label that tells series apart have one series.
#[derive(Debug)]
enum Postings {
    One([SeriesRef; 1]),
    Many(Vec<SeriesRef>),
}

impl Postings {
    fn as_slice(&self) -> &[SeriesRef] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }

    fn insert(&mut self, series: SeriesRef) {
        match self {
            Self::One([one]) => {
                *self = Self::Many(if *one < series { vec![*one, series] } else { vec![series, *one] });
            }
            Self::Many(many) if many.last().is_none_or(|&last| last < series) => many.push(series),
            // A number that is used again.
            Self::Many(many) => many.insert(many.partition_point(|&one| one < series), series),
        }
    }
}

impl Index {
    /// `seed` is secret, so that nobody can choose labels that all hash alike.
    pub fn new(seed: u64) -> Self {
        let hash = Seeded::with_seed(seed, foldhash::SharedSeed::global_fixed());
        Self {
            symbols: Symbols::new(hash.clone()),
            by_hash: HashTable::new(),
            entries: Vec::new(),
            labels: Vec::new(),
            postings: HashMap::with_hasher(hash.clone()),
            hash,
            free: Vec::new(),
            live: 0,
        }
    }

    /// Over names and values in order. Not injective; every find compares.
    #[inline]
    pub fn hash_of(&self, labels: &[RawLabel<'_>]) -> u64 {
        let mut hasher = self.hash.build_hasher();
        for (name, value) in labels {
            hasher.write(name);
            hasher.write(value);
        }
        hasher.finish()
    }

    /// `labels` sorted.
    #[inline]
    pub fn find(&self, hash: u64, labels: &[RawLabel<'_>]) -> Option<SeriesRef> {
        self.by_hash.find(hash, |&series| self.is(series, hash, labels)).copied()
    }

    fn is(&self, series: SeriesRef, hash: u64, labels: &[RawLabel<'_>]) -> bool {
        let entry = &self.entries[series as usize];
        if entry.hash != hash || usize::from(entry.labels_len) != 2 * labels.len() {
            return false;
        }
        let pairs = self.pairs(series).as_chunks::<2>().0;
        pairs.iter().zip(labels).all(|(&[name, value], label)| {
            self.symbols.text(name).as_bytes() == label.0 && self.symbols.text(value).as_bytes() == label.1
        })
    }

    /// Symbols of names and values in turn, sorted by name.
    pub fn pairs(&self, series: SeriesRef) -> &[Symbol] {
        let entry = &self.entries[series as usize];
        &self.labels[entry.labels_at as usize..][..usize::from(entry.labels_len)]
    }

    pub fn labels(&self, series: SeriesRef) -> Labels {
        let text = |symbol: Symbol| Arc::clone(self.symbols.text(symbol));
        let pairs = self.pairs(series).as_chunks::<2>().0.iter();
        Labels::from_sorted(pairs.map(|&[name, value]| (text(name), text(value))).collect())
    }

    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    pub fn live(&self) -> u64 {
        self.live
    }

    pub fn refs(&self) -> impl Iterator<Item = SeriesRef> {
        let numbered = self.entries.iter().enumerate();
        numbered.filter(|(_, entry)| entry.labels_len > 0).map(|(series, _)| series as SeriesRef)
    }

    pub fn is_live(&self, series: SeriesRef) -> bool {
        self.entries.get(series as usize).is_some_and(|entry| entry.labels_len > 0)
    }

    /// Adds a series that is not there, or says why not. `labels` sorted, unique and not empty; they are checked here.
    pub fn add(&mut self, hash: u64, labels: &[RawLabel<'_>], budgets: Budgets) -> Result<SeriesRef, Reason> {
        let texts = check(labels)?;
        self.check_budgets(&texts, budgets)?;
        let series = self.free.pop().unwrap_or(self.entries.len() as SeriesRef);
        Ok(self.place(series, hash, &texts))
    }

    /// As [`Index::add`], under a given number and without budgets: what the journal says was there. A series that has the
    /// number already is forgotten.
    pub fn restore(&mut self, series: SeriesRef, labels: &[(&str, &str)]) {
        let raw: Vec<RawLabel<'_>> =
            labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let hash = self.hash_of(&raw);
        if self.is_live(series) {
            if self.is(series, hash, &raw) {
                return;
            }
            self.forget(series);
        }
        // The same labels under another number: the later one is what later records speak of.
        if let Some(old) = self.find(hash, &raw) {
            self.forget(old);
        }
        while self.entries.len() <= series as usize {
            self.free.push(self.entries.len() as SeriesRef);
            self.entries.push(Entry::free());
        }
        if let Some(at) = self.free.iter().rposition(|&free| free == series) {
            self.free.swap_remove(at);
        }
        self.place(series, hash, labels);
        // What the journal brings back counts as named just now: its senders are about to come back too.
        self.touch(series, FIRST_EPOCH);
    }

    fn place(&mut self, series: SeriesRef, hash: u64, labels: &[(&str, &str)]) -> SeriesRef {
        let labels_at = self.labels.len() as u32;
        for (name, value) in labels {
            let (name, value) = (self.symbols.intern(name), self.symbols.intern(value));
            self.labels.extend([name, value]);
            post(&mut self.postings, &self.hash, name, value, series);
        }
        let labels_len = 2 * labels.len() as u16;
        let entry = Entry { hash, labels_at, labels_len, ..Entry::free() };
        match self.entries.get_mut(series as usize) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        let entries = &self.entries;
        self.by_hash.insert_unique(hash, series, |&series| entries[series as usize].hash);
        self.live += 1;
        series
    }

    fn check_budgets(&self, labels: &[(&str, &str)], budgets: Budgets) -> Result<(), Reason> {
        let metric = labels.iter().find(|(name, _)| *name == METRIC_NAME).map_or("", |(_, value)| value);
        let of_metric = self.metric_series(metric).len() as u64;
        let (limit, of_metric) = if of_metric >= budgets.series_per_metric_max {
            (budgets.series_per_metric_max, true)
        } else if self.live >= budgets.series_max {
            (budgets.series_max, false)
        } else {
            return Ok(());
        };
        let empty: Arc<str> = Arc::from("");
        // Who fills it is found once for many refusals, not here.
        Err(Reason::Budget(BudgetExceeded {
            metric: metric.into(),
            label: empty,
            label_values: 0,
            limit,
            of_metric,
        }))
    }

    pub fn metric_series(&self, metric: &str) -> &[SeriesRef] {
        self.exact(METRIC_NAME, metric).unwrap_or_default()
    }

    /// Whether the next record must define the series, because fewer than [`DEFINITION_COPIES`] durable ones of this epoch do.
    #[inline]
    pub fn needs_definition(&self, series: SeriesRef, epoch: u32) -> bool {
        let defined = self.entries[series as usize].defined.load(Ordering::Relaxed);
        defined >> 2 != epoch || defined & 3 < DEFINITION_COPIES
    }

    /// Called once a record with its definition is durable.
    pub fn note_definition(&self, series: SeriesRef, epoch: u32) {
        let defined = &self.entries[series as usize].defined;
        let known = defined.load(Ordering::Relaxed);
        let copies = if known >> 2 == epoch { (known & 3) + 1 } else { 1 };
        defined.store(epoch << 2 | copies.min(DEFINITION_COPIES), Ordering::Relaxed);
    }

    #[inline]
    pub fn touch(&self, series: SeriesRef, epoch: u32) {
        let touched = &self.entries[series as usize].touched_epoch;
        // A line that only reads stays in every core's cache.
        if touched.load(Ordering::Relaxed) != epoch {
            touched.store(epoch, Ordering::Relaxed);
        }
    }

    /// The series that no request has named in `epoch` or the one before.
    pub fn quiet(&self, epoch: u32) -> Vec<SeriesRef> {
        let old = |&series: &SeriesRef| {
            self.entries[series as usize].touched_epoch.load(Ordering::Relaxed) + 1 < epoch
        };
        self.refs().filter(old).collect()
    }

    /// Forgets `gone` (sorted) and gives back their memory by building everything else anew. Costs about a microsecond per series that stays.
    pub fn rebuild_without(&mut self, gone: &[SeriesRef]) {
        let mut fresh = Self {
            symbols: Symbols::new(self.hash.clone()),
            hash: self.hash.clone(),
            by_hash: HashTable::with_capacity(self.live as usize - gone.len().min(self.live as usize)),
            entries: Vec::with_capacity(self.entries.len()),
            labels: Vec::new(),
            postings: HashMap::with_hasher(self.hash.clone()),
            free: Vec::new(),
            live: 0,
        };
        let mut symbol_of: Vec<Option<Symbol>> = vec![None; self.symbols.len()];
        let mut gone = gone.iter().copied().peekable();
        for (number, old) in self.entries.iter().enumerate() {
            let series = number as SeriesRef;
            if gone.next_if_eq(&series).is_some() || old.labels_len == 0 {
                fresh.entries.push(Entry::free());
                fresh.free.push(series);
                continue;
            }
            let labels_at = fresh.labels.len() as u32;
            for &symbol in self.pairs(series) {
                let text = self.symbols.text(symbol);
                let known = &mut symbol_of[symbol as usize];
                fresh.labels.push(*known.get_or_insert_with(|| fresh.symbols.intern_shared(text)));
            }
            for pair in fresh.labels[labels_at as usize..].as_chunks::<2>().0 {
                post(&mut fresh.postings, &fresh.hash, pair[0], pair[1], series);
            }
            let Entry { hash, labels_len, .. } = *old;
            let (defined, touched_epoch) = (old.defined.load(Ordering::Relaxed), &old.touched_epoch);
            let touched_epoch = AtomicU32::new(touched_epoch.load(Ordering::Relaxed));
            let defined = AtomicU32::new(defined);
            fresh.entries.push(Entry { hash, labels_at, labels_len, defined, touched_epoch });
            let entries = &fresh.entries;
            fresh.by_hash.insert_unique(hash, series, |&series| entries[series as usize].hash);
            fresh.live += 1;
        }
        fresh.free.reverse();
        *self = fresh;
    }

    /// For the few that replay replaces.
    fn forget(&mut self, series: SeriesRef) {
        let pairs: Vec<Symbol> = self.pairs(series).to_vec();
        for pair in pairs.as_chunks::<2>().0 {
            let Some(values) = self.postings.get_mut(&pair[0]) else { continue };
            let emptied = match values.get_mut(&pair[1]) {
                Some(Postings::Many(many)) => {
                    many.retain(|&one| one != series);
                    many.is_empty()
                }
                _ => true,
            };
            if emptied {
                values.remove(&pair[1]);
            }
        }
        let hash = self.entries[series as usize].hash;
        if let Ok(found) = self.by_hash.find_entry(hash, |&one| one == series) {
            found.remove();
        }
        self.entries[series as usize] = Entry::free();
        self.free.push(series);
        self.live -= 1;
    }

    /// Approximate, in bytes.
    pub fn memory(&self) -> u64 {
        let entries = self.entries.capacity() * size_of::<Entry>() + self.labels.capacity() * 4;
        // A table keeps an eighth of its places free and doubles: 8 bytes a series on average. A label costs its place in a list.
        let (tables, lists) = (self.live * 8, self.labels.len() as u64 / 2 * 6);
        entries as u64 + tables + lists + self.symbols.bytes()
    }

    pub fn label_names(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        let named = self.postings.iter().filter(|(_, values)| !values.is_empty());
        named.map(|(&name, values)| (self.symbols.text(name), values.len()))
    }
}

impl Entry {
    fn free() -> Self {
        let zero = || AtomicU32::new(0);
        Self { hash: 0, labels_at: 0, labels_len: 0, defined: zero(), touched_epoch: zero() }
    }
}

fn post(
    postings: &mut HashMap<Symbol, HashMap<Symbol, Postings, Seeded>, Seeded>,
    hash: &Seeded,
    name: Symbol,
    value: Symbol,
    series: SeriesRef,
) {
    let values = postings.entry(name).or_insert_with(|| HashMap::with_hasher(hash.clone()));
    match values.entry(value) {
        hashbrown::hash_map::Entry::Occupied(mut list) => list.get_mut().insert(series),
        hashbrown::hash_map::Entry::Vacant(place) => {
            place.insert(Postings::One([series]));
        }
    }
}

/// What every stored label set holds to, beyond being sorted.
fn check<'a>(labels: &[RawLabel<'a>]) -> Result<Vec<(&'a str, &'a str)>, Reason> {
    if labels.is_empty() {
        return Err(Reason::NoLabels);
    }
    if labels.len() > LABELS_MAX {
        return Err(Reason::TooManyLabels { limit: LABELS_MAX });
    }
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).map_err(|_| Reason::NotUtf8);
    let check = |&(name, value): &RawLabel<'a>| {
        if name.is_empty() {
            return Err(Reason::EmptyLabelName);
        }
        for (part, bytes, limit) in
            [("name", name, LABEL_NAME_BYTES_MAX), ("value", value, LABEL_VALUE_BYTES_MAX)]
        {
            if bytes.len() > limit {
                return Err(Reason::LabelTooLong { part, limit });
            }
        }
        Ok((text(name)?, text(value)?))
    };
    labels.iter().map(check).collect()
}

impl Lookup for Index {
    fn all(&self) -> Vec<u32> {
        self.refs().collect()
    }

    fn exact(&self, name: &str, value: &str) -> Option<&[u32]> {
        let values = self.postings.get(&self.symbols.find(name)?)?;
        values.get(&self.symbols.find(value)?).map(Postings::as_slice)
    }

    fn values<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a Arc<str>, &'a [u32])) {
        let values = self.symbols.find(name).and_then(|name| self.postings.get(&name));
        for (&value, series) in values.into_iter().flatten() {
            each(self.symbols.text(value), series.as_slice());
        }
    }
}
