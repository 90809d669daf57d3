//! A cache that is bounded in bytes and forgets what was not used for longest.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// What an entry costs beside its value: its key, its place in the map and the two words of its `Arc`.
const ENTRY_BYTES: usize = 96;

#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    bytes_max: usize,
    state: Mutex<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    entries: HashMap<K, Entry<V>>,
    bytes: usize,
    /// Counts uses; an entry's `used` tells its age.
    now: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    bytes: usize,
    used: u64,
}

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::new(State { entries: HashMap::new(), bytes: 0, now: 0 }) }
    }

    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut state = self.state.lock();
        state.now += 1;
        let now = state.now;
        let entry = state.entries.get_mut(key)?;
        entry.used = now;
        Some(Arc::clone(&entry.value))
    }

    /// Keeps `value`, which takes about `bytes`, unless it is too large to be worth it.
    pub fn put(&self, key: K, value: Arc<V>, bytes: usize) {
        let bytes = bytes + ENTRY_BYTES;
        if bytes > self.bytes_max / 4 {
            return;
        }
        let mut state = self.state.lock();
        state.now += 1;
        let used = state.now;
        if let Some(old) = state.entries.insert(key, Entry { value, bytes, used }) {
            state.bytes -= old.bytes;
        }
        state.bytes += bytes;
        if state.bytes > self.bytes_max {
            state.forget_oldest(self.bytes_max / 4 * 3);
        }
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.state.lock().bytes
    }
}

impl<K: Eq + Hash + Clone, V> State<K, V> {
    /// Down to `target` at once, so that looking for the oldest is paid for by many insertions.
    fn forget_oldest(&mut self, target: usize) {
        let mut ages: Vec<(u64, K)> =
            self.entries.iter().map(|(key, entry)| (entry.used, key.clone())).collect();
        ages.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in ages {
            if self.bytes <= target {
                break;
            }
            if let Some(gone) = self.entries.remove(&key) {
                self.bytes -= gone.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_within_its_bound_and_keeps_what_is_used() {
        let cache: Cache<u32, u32> = Cache::new(100 * ENTRY_BYTES);
        for key in 0..10_000 {
            cache.put(key, Arc::new(key), 0);
            assert!(cache.bytes() <= 100 * ENTRY_BYTES);
            assert!(cache.get(&0).is_some(), "the one in use was forgotten at {key}");
        }
        assert!(cache.get(&5_000).is_none());
        cache.put(1, Arc::new(1), 100 * ENTRY_BYTES);
        assert!(cache.get(&1).is_none(), "too large to keep");
    }
}
