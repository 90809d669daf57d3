//! Keys in memory, so that ingest does not ask the store for each request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::{Key, KeyId};

/// A key that was revoked by another process is refused after at most this long; one revoked here, at once.
pub const KEY_CACHE_TTL: Duration = Duration::from_secs(5);
/// Keys in use at once. At about 400 bytes each, under 2 MiB; beyond it the cache starts again from empty.
pub const KEY_CACHE_MAX: usize = 4096;

#[derive(Default)]
pub(crate) struct KeyCache(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    keys: HashMap<KeyId, (Timestamp, Arc<Key>)>,
    /// When keys were last used, not yet in the store. Bounded with `keys`.
    used: HashMap<KeyId, Timestamp>,
    /// Calls of keys with a limit: since when, and how many. Bounded by [`KEY_CACHE_MAX`].
    calls: HashMap<KeyId, (Timestamp, u32)>,
}

/// The window in which calls of a key are counted.
const MINUTE: Duration = Duration::from_secs(60);

impl KeyCache {
    pub(crate) fn get(&self, id: &KeyId, now: Timestamp) -> Option<Arc<Key>> {
        let inner = self.0.lock();
        let (read_at, key) = inner.keys.get(id)?;
        // A clock that stepped back must not keep a key for ever.
        let is_fresh = now >= *read_at && now.since(*read_at) < KEY_CACHE_TTL;
        is_fresh.then(|| Arc::clone(key))
    }

    pub(crate) fn insert(&self, key: Arc<Key>, now: Timestamp) {
        let mut inner = self.0.lock();
        if inner.keys.len() >= KEY_CACHE_MAX {
            inner.keys.clear();
        }
        inner.keys.insert(key.id.clone(), (now, key));
    }

    /// Counts one call; how long to wait if that was one too many.
    pub(crate) fn count(&self, id: &KeyId, limit: u32, now: Timestamp) -> Option<Duration> {
        let mut inner = self.0.lock();
        if !inner.calls.contains_key(id) && inner.calls.len() >= KEY_CACHE_MAX {
            inner.calls.retain(|_, (since, _)| now.since(*since) < MINUTE);
            if inner.calls.len() >= KEY_CACHE_MAX {
                // More keys with limits than there can be in use: none of them is counted further.
                return Some(MINUTE);
            }
        }
        let (since, count) = inner.calls.entry(id.clone()).or_insert((now, 0));
        if now.since(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        if *count >= limit {
            return Some(MINUTE.saturating_sub(now.since(*since)));
        }
        *count += 1;
        None
    }

    pub(crate) fn forget(&self, id: &KeyId) {
        self.0.lock().keys.remove(id);
    }

    pub(crate) fn mark_used(&self, id: &KeyId, now: Timestamp) {
        let mut inner = self.0.lock();
        if inner.used.len() < KEY_CACHE_MAX || inner.used.contains_key(id) {
            inner.used.insert(id.clone(), now);
        }
    }

    pub(crate) fn take_used(&self) -> Vec<(KeyId, Timestamp)> {
        self.0.lock().used.drain().collect()
    }
}
