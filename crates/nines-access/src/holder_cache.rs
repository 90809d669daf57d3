//! Accounts and sessions in memory, so that what a page asks does not read the store for each call.
//!
//! What was read counts only as long as the store has not been written since ([`Repository::generation`]): what is taken
//! away holds from the next call.
//!
//! [`Repository::generation`]: crate::Repository::generation

use std::collections::HashMap;
use std::hash::Hash;

use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::key_cache::is_fresh;

/// Accounts, and as many sessions, in use at once. At about 400 bytes each, under 2 MiB; beyond it the cache starts again
/// from empty.
const HOLDERS_MAX: usize = 4096;

pub(crate) struct HolderCache<K, V>(Mutex<HashMap<K, Read<V>>>);

struct Read<V> {
    value: V,
    generation: u64,
    /// Another process does not tell us of its writes: they are seen after at most `KEY_CACHE_TTL`.
    at: Timestamp,
}

impl<K, V> Default for HolderCache<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> HolderCache<K, V> {
    /// What was read of `key`, if that is what a read would tell now.
    pub(crate) fn get(&self, key: &K, generation: u64, now: Timestamp) -> Option<V> {
        let known = self.0.lock();
        let read = known.get(key)?;
        (is_fresh(read.at, now) && read.generation == generation).then(|| read.value.clone())
    }

    /// Keeps what was read. `generation` and `now` are those from before the read.
    pub(crate) fn put(&self, key: K, value: V, generation: u64, now: Timestamp) {
        let mut known = self.0.lock();
        if known.len() >= HOLDERS_MAX {
            known.clear();
        }
        known.insert(key, Read { value, generation, at: now });
    }
}
