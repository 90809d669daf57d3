//! Who is connected to one listener, and who has to go.
//!
//! A listener has room for so many connections. When it is full, the newcomer gets the room of the one that has been idle
//! longest: first of those that never finished a request, then of those that did. So a crowd that connects and says nothing
//! shuts nobody out, however large it is, and a sender between two requests keeps its connection as long as there is room.
//! A connection with a request in it is left alone here; what it may hold up is bounded by the timeouts of [`Limits`].
//!
//! [`Limits`]: crate::Limits

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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
    open: Mutex<Open>,
    turns: AtomicU64,
    cut: [AtomicU64; Cut::ALL.len()],
}

/// Touched when a connection comes, goes or has to go, and not for a request.
#[derive(Default)]
struct Open {
    by_number: HashMap<u64, Arc<State>>,
    numbered: u64,
    /// Those found idle at the last look, longest last, with their turns then.
    candidates: Vec<(u64, Arc<State>)>,
}

/// What one connection does.
struct State {
    requests: AtomicUsize,
    /// Who has the lowest has to go first: [`FINISHED`] if a request was ever finished, and a number that grows with each
    /// rest. [`ASKED`] if it was asked to go since.
    turn: AtomicU64,
    leave: Notify,
}

const FINISHED: u64 = 1 << 63;
const ASKED: u64 = u64::MAX;

/// A look costs a pass over all connections, so it finds so many at once.
const CANDIDATES_MAX: usize = 64;

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
                open: Mutex::default(),
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
            self.inner.open.lock().ask_longest_idle();
            let slot = Arc::clone(&self.inner.slots).acquire_owned();
            tokio::select! {
                slot = slot => break slot.expect("the semaphore is never closed"),
                () = clock.sleep(CROWDED_PAUSE) => {}
            }
        };
        let turn = self.inner.turns.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State {
            requests: AtomicUsize::new(0),
            turn: AtomicU64::new(turn),
            leave: Notify::new(),
        });
        let number = {
            let mut open = self.inner.open.lock();
            open.numbered += 1;
            let number = open.numbered;
            open.by_number.insert(number, Arc::clone(&state));
            number
        };
        Arc::new(Place { connections: Arc::clone(&self.inner), _slot: slot, number, state })
    }
}

impl Open {
    fn ask_longest_idle(&mut self) {
        if self.ask_candidate() {
            return;
        }
        let idle = |state: &Arc<State>| {
            let turn = state.turn.load(Ordering::Acquire);
            (turn != ASKED && state.requests.load(Ordering::Acquire) == 0).then(|| (turn, Arc::clone(state)))
        };
        self.candidates = self.by_number.values().filter_map(idle).collect();
        if self.candidates.len() > CANDIDATES_MAX {
            self.candidates.select_nth_unstable_by_key(CANDIDATES_MAX, |(turn, _)| *turn);
            self.candidates.truncate(CANDIDATES_MAX);
        }
        self.candidates.sort_unstable_by_key(|(turn, _)| Reverse(*turn));
        self.ask_candidate();
    }

    /// The next one that has been idle since it was found. `false` if there is none.
    fn ask_candidate(&mut self) -> bool {
        while let Some((turn, state)) = self.candidates.pop() {
            let is_idle = state.requests.load(Ordering::Acquire) == 0;
            let asked = || state.turn.compare_exchange(turn, ASKED, Ordering::AcqRel, Ordering::Acquire);
            if is_idle && asked().is_ok() {
                state.leave.notify_one();
                return true;
            }
        }
        false
    }
}

/// One connection's place. Dropped with it.
pub struct Place {
    connections: Arc<Inner>,
    _slot: OwnedSemaphorePermit,
    number: u64,
    state: Arc<State>,
}

impl Place {
    /// Until the place is wanted by somebody else, and nothing is going on here.
    pub async fn is_wanted(&self) {
        loop {
            self.state.leave.notified().await;
            // A request may have begun since it was chosen; then it is left alone, and is idle again afterwards.
            if self.state.requests.load(Ordering::Acquire) == 0 {
                return;
            }
        }
    }

    /// A request begins; it ends when what is returned is dropped.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.state.requests.fetch_add(1, Ordering::AcqRel);
        Busy(Arc::clone(self))
    }

    /// Counts that the node ends this connection, and why.
    pub fn count(&self, cut: Cut) {
        self.connections.cut[cut as usize].fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whoever has it for a candidate asks the next one.
        self.state.turn.store(ASKED, Ordering::Release);
        self.connections.open.lock().by_number.remove(&self.number);
    }
}

/// A request that is being answered.
pub struct Busy(Arc<Place>);

impl Drop for Busy {
    fn drop(&mut self) {
        let Place { connections, state, .. } = self.0.as_ref();
        let turn = connections.turns.fetch_add(1, Ordering::Relaxed);
        state.turn.store(FINISHED | turn, Ordering::Release);
        state.requests.fetch_sub(1, Ordering::AcqRel);
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
        assert_eq!((connections.stats().open, connections.inner.open.lock().by_number.len()), (1, 1));
    }
}
