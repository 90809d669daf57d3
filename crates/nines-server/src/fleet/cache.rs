//! Values that were read a moment ago, so that a page over thousands of units need not wait for the store.
//!
//! What is asked again is answered with what was read last while it is read anew behind it, so that a page that asks every
//! few seconds shows values of its last question or newer. What nobody has asked for a while is read before it is answered.

use std::collections::HashMap;
use std::sync::Arc;

use nines_fleet::{Kind, labels};
use nines_http::FleetError;
use nines_promql::QueryError;
use parking_lot::Mutex;

use super::Keeper;
use super::measure::{Asking, Values, values};

/// Younger than a scrape interval: reading it again would give the same.
const FRESH_MS: i64 = 5_000;
/// Twice as long as the page waits between two questions. What is older is not shown as of now.
const USABLE_MS: i64 = 30_000;
/// Some measures of each kind, in some widths; each has values of 60 000 units at most.
const KEPT_MAX: usize = 12;

/// What a question reads: all who ask it see the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    kind: Kind,
    measure: String,
    query: Option<String>,
    range_secs: u32,
}

/// Values with what is missing of them, as of an instant.
pub struct Read {
    pub at_ms: i64,
    pub values: Values,
    /// Labels of the kind, each with how many values it has: as often as this is read.
    pub labels: Vec<(String, usize)>,
    pub notes: Vec<String>,
}

struct Kept {
    read: Arc<Read>,
    asked_ms: i64,
    is_being_read: bool,
}

#[derive(Default)]
pub struct Cache(Mutex<HashMap<Key, Kept>>);

enum Found {
    Fresh(Arc<Read>),
    /// It is to be read again, by whoever got this.
    Stale(Arc<Read>),
    Nothing,
}

impl Cache {
    fn find(&self, key: &Key, now_ms: i64) -> Found {
        let mut kept = self.0.lock();
        let Some(known) = kept.get_mut(key) else { return Found::Nothing };
        known.asked_ms = now_ms;
        let age = now_ms - known.read.at_ms;
        if age >= USABLE_MS {
            return Found::Nothing;
        }
        if age < FRESH_MS || known.is_being_read {
            return Found::Fresh(Arc::clone(&known.read));
        }
        known.is_being_read = true;
        Found::Stale(Arc::clone(&known.read))
    }

    fn put(&self, key: Key, read: &Arc<Read>) {
        let mut kept = self.0.lock();
        if kept.len() >= KEPT_MAX && !kept.contains_key(&key) {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.asked_ms).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| kept.remove(&oldest));
        }
        kept.insert(key, Kept { read: Arc::clone(read), asked_ms: read.at_ms, is_being_read: false });
    }

    /// It could not be read: whoever asks next tries again.
    fn failed(&self, key: &Key) {
        if let Some(known) = self.0.lock().get_mut(key) {
            known.is_being_read = false;
        }
    }
}

impl Keeper {
    /// The values that a question asks for: read now, or a moment ago.
    pub async fn values_of(
        self: &Arc<Self>,
        asking: &Asking,
        query: Option<&str>,
    ) -> Result<Result<Arc<Read>, QueryError>, FleetError> {
        let key = Key {
            kind: asking.kind,
            measure: asking.measure.name.clone(),
            query: query.map(str::to_owned),
            range_secs: asking.range_secs,
        };
        match self.cache.find(&key, self.now_ms()) {
            Found::Fresh(read) => Ok(Ok(read)),
            Found::Stale(read) => {
                let (keeper, asking) = (Arc::clone(self), asking.clone());
                tokio::spawn(async move {
                    if !matches!(keeper.read_values(key.clone(), asking).await, Ok(Ok(_))) {
                        keeper.cache.failed(&key);
                    }
                });
                Ok(Ok(read))
            }
            Found::Nothing => self.read_values(key, asking.clone()).await,
        }
    }

    async fn read_values(
        self: &Arc<Self>,
        key: Key,
        asking: Asking,
    ) -> Result<Result<Arc<Read>, QueryError>, FleetError> {
        let now_ms = self.now_ms();
        let found = self.ask(move |keeper, asked| {
            let (values, notes) = values(asked, &asking, now_ms)?;
            let book = keeper.book.read();
            let labels = labels(&book, asking.kind).into_iter();
            let labels = labels.map(|(name, values)| (name.to_owned(), values)).collect();
            Ok::<_, QueryError>(Read { at_ms: now_ms, values, labels, notes })
        });
        Ok(found.await?.map(|read| {
            let read = Arc::new(read);
            self.cache.put(key, &read);
            read
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(measure: &str) -> Key {
        Key { kind: Kind::Host, measure: measure.to_owned(), query: None, range_secs: 60 }
    }

    fn read(at_ms: i64) -> Arc<Read> {
        Arc::new(Read { at_ms, values: Values::new(), labels: Vec::new(), notes: Vec::new() })
    }

    #[test]
    fn what_is_old_is_read_by_one_and_what_is_too_old_by_all() {
        let cache = Cache::default();
        assert!(matches!(cache.find(&key("cpu"), 0), Found::Nothing));
        cache.put(key("cpu"), &read(0));
        assert!(matches!(cache.find(&key("cpu"), FRESH_MS - 1), Found::Fresh(_)));
        assert!(matches!(cache.find(&key("cpu"), FRESH_MS), Found::Stale(_)));
        assert!(matches!(cache.find(&key("cpu"), FRESH_MS), Found::Fresh(_)));
        cache.failed(&key("cpu"));
        assert!(matches!(cache.find(&key("cpu"), FRESH_MS), Found::Stale(_)));
        assert!(matches!(cache.find(&key("cpu"), USABLE_MS), Found::Nothing));
    }

    #[test]
    fn it_keeps_what_is_asked_for() {
        let cache = Cache::default();
        for number in 0..KEPT_MAX as i64 {
            cache.put(key(&number.to_string()), &read(number));
        }
        assert!(matches!(cache.find(&key("0"), 100), Found::Fresh(_)));
        cache.put(key("another"), &read(101));
        assert_eq!(cache.0.lock().len(), KEPT_MAX);
        assert!(matches!(cache.find(&key("0"), 101), Found::Fresh(_)));
        assert!(matches!(cache.find(&key("1"), 101), Found::Nothing));
    }
}
