//! Who is connected to one listener, and who has to go.
//!
//! A listener has room for so many connections. When it is full, the newcomer gets the room of the one that has been idle
//! longest: first of those that never finished a request, then of those that did. So a crowd that connects and says nothing
//! shuts nobody out, however large it is, and a sender between two requests keeps its connection as long as there is room.
//! A connection with a request in it is left alone here; what it may hold up is bounded by the timeouts of [`Limits`].
//!
//! [`Limits`]: crate::Limits

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nines_base::SharedClock;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Between two looks for somebody idle while all of a full listener work, and after somebody was asked to go.
const CROWDED_PAUSE: Duration = Duration::from_millis(50);

/// Why a connection was cut by the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Idle longest when the listener was full.
    Crowded,
    /// Did not say in time what it wants.
    Silent,
    /// Did not take its answer in time.
    Stalled,
    /// Broke the protocol: a flood of resets or of continuations, a head without end, bytes that are no HTTP.
    Protocol,
}

impl Cut {
    pub const ALL: [Self; 4] = [Self::Crowded, Self::Silent, Self::Stalled, Self::Protocol];

    /// As the metric `nines_connections_cut_total` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crowded => "crowded",
            Self::Silent => "silent",
            Self::Stalled => "stalled",
            Self::Protocol => "protocol",
        }
    }
}

/// The connections of one listener. Cloning shares them.
#[derive(Clone)]
pub struct Connections {
    inner: Arc<Inner>,
}

struct Inner {
    listener: &'static str,
    max: usize,
    slots: Arc<Semaphore>,
    /// What can be cut, in the order in which it would be: those that never finished a request before those that did,
    /// then by how long they have been idle.
    idle: Mutex<BTreeMap<Turn, Arc<Notify>>>,
    turns: AtomicU64,
    cut: [AtomicU64; Cut::ALL.len()],
}

/// Whether a request was ever finished, and a number that grows.
type Turn = (bool, u64);

/// What a listener's connections look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionStats {
    pub listener: &'static str,
    pub open: usize,
    pub max: usize,
    /// By [`Cut`], in the order of [`Cut::ALL`].
    pub cut: [u64; Cut::ALL.len()],
}

impl Connections {
    /// `listener`: as metrics name it.
    pub fn new(listener: &'static str, max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            inner: Arc::new(Inner {
                listener,
                max,
                slots: Arc::new(Semaphore::new(max)),
                idle: Mutex::default(),
                turns: AtomicU64::new(0),
                cut: Default::default(),
            }),
        }
    }

    pub fn stats(&self) -> ConnectionStats {
        let inner = &self.inner;
        ConnectionStats {
            listener: inner.listener,
            open: inner.max - inner.slots.available_permits(),
            max: inner.max,
            cut: std::array::from_fn(|at| inner.cut[at].load(Ordering::Relaxed)),
        }
    }

    /// A place for a connection that was accepted. While every other one is at work, waits.
    pub async fn place(&self, clock: &SharedClock) -> Arc<Place> {
        let slot = loop {
            if let Ok(slot) = Arc::clone(&self.inner.slots).try_acquire_owned() {
                break slot;
            }
            if let Some((_, idle)) = self.inner.idle.lock().pop_first() {
                idle.notify_one();
            }
            let slot = Arc::clone(&self.inner.slots).acquire_owned();
            tokio::select! {
                slot = slot => break slot.expect("the semaphore is never closed"),
                () = clock.sleep(CROWDED_PAUSE) => {}
            }
        };
        let place = Place {
            connections: Arc::clone(&self.inner),
            _slot: slot,
            leave: Arc::default(),
            state: Mutex::new(State { requests: 0, has_finished: false, turn: None }),
        };
        place.rest(&mut place.state.lock());
        Arc::new(place)
    }
}

/// One connection's place. Dropped with it.
pub struct Place {
    connections: Arc<Inner>,
    _slot: OwnedSemaphorePermit,
    leave: Arc<Notify>,
    state: Mutex<State>,
}

struct State {
    requests: usize,
    has_finished: bool,
    /// Its key among the idle ones, if it is one of them.
    turn: Option<Turn>,
}

impl Place {
    /// Until the place is wanted by somebody else, and nothing is going on here.
    pub async fn is_wanted(&self) {
        loop {
            self.leave.notified().await;
            // A request may have begun since it was chosen; then it is left alone, and is idle again afterwards.
            if self.state.lock().requests == 0 {
                return;
            }
        }
    }

    /// A request begins; it ends when what is returned is dropped.
    pub fn begin(self: &Arc<Self>) -> Busy {
        let mut state = self.state.lock();
        state.requests += 1;
        if let Some(turn) = state.turn.take() {
            self.connections.idle.lock().remove(&turn);
        }
        Busy(Arc::clone(self))
    }

    /// Counts that the node ends this connection, and why.
    pub fn count(&self, cut: Cut) {
        self.connections.cut[cut as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn rest(&self, state: &mut State) {
        let turn = (state.has_finished, self.connections.turns.fetch_add(1, Ordering::Relaxed));
        state.turn = Some(turn);
        self.connections.idle.lock().insert(turn, Arc::clone(&self.leave));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(turn) = self.state.lock().turn {
            self.connections.idle.lock().remove(&turn);
        }
    }
}

/// A request that is being answered.
pub struct Busy(Arc<Place>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.requests -= 1;
        state.has_finished = true;
        if state.requests == 0 {
            self.0.rest(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use nines_base::ManualClock;
    use nines_model::Timestamp;

    use super::*;

    async fn leaves(place: &Place) -> bool {
        tokio::time::timeout(Duration::from_millis(20), place.is_wanted()).await.is_ok()
    }

    #[tokio::test]
    async fn a_full_listener_asks_the_idle_to_go_strangers_first_and_leaves_the_busy_alone() {
        let clock: SharedClock = ManualClock::at(Timestamp::EPOCH);
        let connections = Connections::new("test", 3);
        let known = connections.place(&clock).await;
        drop(known.begin());
        let busy = connections.place(&clock).await;
        let request = busy.begin();
        let stranger = connections.place(&clock).await;
        let mut fourth = std::pin::pin!(connections.place(&clock));
        assert!(tokio::time::timeout(Duration::from_millis(20), fourth.as_mut()).await.is_err());
        assert!(leaves(&stranger).await && !leaves(&known).await && !leaves(&busy).await);
        drop(stranger);
        let fourth = fourth.await;
        let second_request = fourth.begin();
        let mut fifth = std::pin::pin!(connections.place(&clock));
        assert!(tokio::time::timeout(Duration::from_millis(20), fifth.as_mut()).await.is_err());
        assert!(leaves(&known).await && !leaves(&busy).await && !leaves(&fourth).await);
        drop((known, second_request));
        let _fifth = fifth.await;
        assert_eq!(connections.stats().open, 3);
        drop((busy, request, fourth));
        assert_eq!((connections.stats().open, connections.inner.idle.lock().len()), (1, 1));
    }
}
