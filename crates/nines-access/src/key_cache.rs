//! Keys in memory, so that ingest does not ask the store for each request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::secret::Digest;
use crate::{Key, KeyId, Sender};

/// A key that was revoked by another process is refused after at most this long; one revoked here, at once.
pub const KEY_CACHE_TTL: Duration = Duration::from_secs(5);
/// Keys in use at once. At about 400 bytes each, under 2 MiB; beyond it the cache starts again from empty.
pub const KEY_CACHE_MAX: usize = 4096;

/// Whether what was read then still counts. A clock that stepped back must not keep anything for ever.
pub(crate) fn is_fresh(read_at: Timestamp, now: Timestamp) -> bool {
    now >= read_at && now.since(read_at) < KEY_CACHE_TTL
}

#[derive(Default)]
pub(crate) struct KeyCache(Mutex<Inner>);

/// A key as it was read. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) key: Arc<Key>,
    /// Who sends by it, where the key alone says so.
    pub(crate) sender: Option<Sender>,
    read_at: Timestamp,
}

#[derive(Default)]
struct Inner {
    keys: HashMap<KeyId, Known>,
    /// When keys were last used, not yet in the store. Bounded with `keys`.
    used: HashMap<KeyId, Timestamp>,
    /// Calls of keys with a limit: since when, and how many. Bounded by [`KEY_CACHE_MAX`].
    calls: HashMap<KeyId, (Timestamp, u32)>,
}

/// The window in which calls of a key are counted.
const MINUTE: Duration = Duration::from_secs(60);

impl KeyCache {
    /// The good key with this id and digest, if it is known; it counts as used.
    pub(crate) fn used(&self, id: &str, digest: &Digest, now: Timestamp) -> Option<Known> {
        let mut inner = self.0.lock();
        let known = inner.keys.get(id)?;
        if !is_fresh(known.read_at, now) || known.key.digest != *digest || !known.key.is_good_at(now) {
            return None;
        }
        let known = known.clone();
        inner.mark_used(&known.key.id, now);
        Some(known)
    }

    /// Keeps a key that was just read, and used.
    pub(crate) fn insert(&self, key: Arc<Key>, sender: Option<Sender>, now: Timestamp) {
        let mut inner = self.0.lock();
        if inner.keys.len() >= KEY_CACHE_MAX {
            inner.keys.clear();
        }
        inner.mark_used(&key.id, now);
        inner.keys.insert(key.id.clone(), Known { key, sender, read_at: now });
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

    pub(crate) fn take_used(&self) -> Vec<(KeyId, Timestamp)> {
        self.0.lock().used.drain().collect()
    }
}

impl Inner {
    fn mark_used(&mut self, id: &KeyId, now: Timestamp) {
        if let Some(last) = self.used.get_mut(id) {
            *last = now;
        } else if self.used.len() < KEY_CACHE_MAX {
            self.used.insert(id.clone(), now);
        }
    }
}
