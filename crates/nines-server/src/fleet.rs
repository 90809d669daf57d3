//! Infrastructure in a node: who reports, who has stopped, who is high or low, what will run full.
//!
//! - [`observe`]: reads the store every few seconds for who has reported, into the book of `nines-fleet`.
//! - [`cache`]: what was read of them a moment ago.
//! - [`measure`]: what of a kind can be measured, and its values now and before.
//! - [`saturation`]: what has a limit, continued by `nines-forecast`.
//! - [`watching`]: what becomes of a watch: an alert at the desk, as from any other system.
//!
//! The book and the watches are kept in `control.db`. Reading is bounded in samples and time like any question; a round
//! that cannot read changes nothing, so that a store that is slow makes nobody absent.

mod cache;
mod desk;
mod measure;
mod observe;
mod saturation;
mod watching;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nines_base::{ErrorKind, SharedClock, Shutdown};
use nines_fleet::{Book, Watch, format};
use nines_http::{AlertDesk, Feed, Fleet, FleetError};
use nines_metrics::{Questions, StoreSource};
use nines_model::Timestamp;
use nines_promql::{Control, Engine, QueryError};
use nines_state::Database;
use nines_state::fleet::{FleetNote, FleetNotes};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use saturation::Board;
use watching::Firing;

/// How often it is read who has reported. A fifth of the shortest interval that is usual.
const ROUND: Duration = Duration::from_secs(3);
/// How often it is foreseen what will run full, if a watch asks for it.
const FORECAST_ROUND: Duration = Duration::from_secs(60);
/// A round is followed by a rest of so many times its own length: reading who reports takes a fifth of a core at most.
const REST: u32 = 4;
/// How often what has changed of the book is kept.
const KEEP_ROUND: Duration = Duration::from_secs(60);
/// How often all of it is kept. A crash forgets at most so much of when somebody was last seen, and the first round after it
/// looks back over six times as much.
const TOUCH_ROUND: Duration = Duration::from_secs(600);
/// One question of a page or of a round.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// Samples that a selector may read: 96 MB, as the questions of the pages may.
const SAMPLES_MAX: u64 = 6_000_000;
/// Questions at once: one of a page beside that of the round.
const AT_ONCE: usize = 2;
const UNIT: &str = "unit";
const WATCH: &str = "watch";

pub struct Surroundings {
    pub clock: SharedClock,
    pub control: Database,
    pub questions: Questions,
    pub desk: Arc<dyn AlertDesk>,
    pub feed: Feed,
    pub public_url: String,
}

/// What is shared between the loop and those who ask.
pub(crate) struct Keeper {
    clock: SharedClock,
    questions: Questions,
    notes: FleetNotes,
    desk: Arc<dyn AlertDesk>,
    feed: Feed,
    public_url: String,
    book: RwLock<Book>,
    watches: RwLock<BTreeMap<String, Watch>>,
    /// By watch and subject.
    firing: Mutex<BTreeMap<(String, String), Firing>>,
    board: Mutex<Option<Arc<Board>>>,
    cache: cache::Cache,
    turns: Semaphore,
    /// A watch was put: look now.
    wake: Notify,
    shutdown: Shutdown,
}

/// For handlers, and the loop.
///
/// # Errors
/// A database that cannot be read. What one version cannot read is logged and left out.
pub async fn start(
    with: Surroundings,
    shutdown: &Shutdown,
) -> anyhow::Result<(Arc<dyn Fleet>, JoinHandle<()>)> {
    let notes = FleetNotes::new(with.control);
    let mut book = Book::new(with.clock.now().as_millis());
    let mut watches = BTreeMap::new();
    for note in notes.load().await? {
        let outcome = match note.kind.as_str() {
            UNIT => format::unit_of(&note.body).map(|unit| book.restore(unit)),
            _ => format::watch_of(&note.body).map(|watch| drop(watches.insert(watch.name.clone(), watch))),
        };
        if let Err(error) = outcome {
            tracing::error!(name = note.name, %error, "what is kept of a unit or a watch is left out");
        }
    }
    let keeper = Arc::new(Keeper {
        clock: with.clock,
        questions: with.questions,
        notes,
        desk: with.desk,
        feed: with.feed,
        public_url: with.public_url,
        book: RwLock::new(book),
        watches: RwLock::new(watches),
        firing: Mutex::default(),
        board: Mutex::default(),
        cache: cache::Cache::default(),
        turns: Semaphore::new(AT_ONCE),
        wake: Notify::new(),
        shutdown: shutdown.clone(),
    });
    let task = tokio::spawn(run(Arc::clone(&keeper)));
    Ok((Arc::new(desk::Desk(keeper)), task))
}

/// A turn to ask the store, on a thread of its own.
struct Asked<'a> {
    questions: &'a Questions,
    control: Control,
}

impl Asked<'_> {
    fn source(&self) -> StoreSource<'_> {
        StoreSource::new(self.questions.store(), &self.control, SAMPLES_MAX, 1)
    }

    fn engine(&self, lookback_ms: Option<i64>) -> Engine {
        self.questions.engine(lookback_ms)
    }
}

impl Keeper {
    fn now_ms(&self) -> i64 {
        self.clock.now().as_millis()
    }

    async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Keeper, &Asked<'_>) -> T + Send + 'static,
    ) -> Result<T, FleetError> {
        let failed = |message: &str, kind| FleetError::Question { message: message.to_owned(), kind };
        let turn = tokio::select! {
            turn = self.turns.acquire() => turn.ok(),
            () = self.clock.sleep(ASK_TIMEOUT) => None,
        };
        let _turn =
            turn.ok_or_else(|| failed("too many questions are being asked", ErrorKind::Unavailable))?;
        let keeper = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let control = keeper.questions.control(keeper.shutdown.clone(), Some(ASK_TIMEOUT));
            ask(&keeper, &Asked { questions: &keeper.questions, control })
        });
        asked.await.map_err(|error| {
            tracing::error!(%error, "a question about infrastructure panicked");
            failed("the question failed", ErrorKind::Internal)
        })
    }

    /// Units that have changed; all of them at the end, so that the last sight of each is kept.
    async fn keep(&self) {
        let changed = self.book.write().take_changed();
        let note = |unit: &nines_fleet::Unit| FleetNote {
            kind: UNIT.to_owned(),
            name: format::name_of(&unit.key),
            body: format::unit_text(unit),
        };
        let notes: Vec<FleetNote> = changed.iter().map(note).collect();
        if !notes.is_empty()
            && let Err(error) = self.notes.put(&notes).await
        {
            tracing::warn!(%error, "what reported is not kept, will retry");
            self.book.write().touch_all();
        }
        let over = self.book.write().forget(self.now_ms());
        for key in over {
            if let Err(error) = self.notes.remove(UNIT, &format::name_of(&key)).await {
                tracing::warn!(%error, "what is long gone is not forgotten yet");
            }
        }
    }
}

async fn run(keeper: Arc<Keeper>) {
    let began = keeper.clock.monotonic();
    let (mut observed_ms, mut kept, mut touched, mut foreseen): (Option<i64>, _, _, Option<Duration>) =
        (None, began, began, None);
    while !keeper.shutdown.has_begun() {
        let round_began = keeper.clock.monotonic();
        match keeper.ask(move |keeper, asked| observe::round(keeper, asked, observed_ms)).await {
            Ok(Ok(until_ms)) => {
                observed_ms = Some(until_ms);
                keeper.watch_absence().await;
            }
            Ok(Err(error)) => tracing::warn!(error = error.message, "who reports cannot be read, will retry"),
            Err(error) => tracing::warn!(%error, "who reports cannot be read, will retry"),
        }
        let now = keeper.clock.monotonic();
        let has_forecasts = keeper.has_forecast_watches();
        if has_forecasts && foreseen.is_none_or(|at| now.saturating_sub(at) >= FORECAST_ROUND) {
            foreseen = Some(now);
            keeper.watch_forecasts().await;
        }
        if now.saturating_sub(kept) >= KEEP_ROUND {
            kept = now;
            if now.saturating_sub(touched) >= TOUCH_ROUND {
                touched = now;
                keeper.book.write().touch_all();
            }
            keeper.keep().await;
        }
        tokio::select! {
            () = keeper.shutdown.begun() => {}
            () = keeper.wake.notified() => foreseen = None,
            () = keeper.clock.sleep(ROUND.max(now.saturating_sub(round_began) * REST)) => {}
        }
    }
    keeper.book.write().touch_all();
    keeper.keep().await;
}

fn time(ms: i64) -> String {
    Timestamp::from_millis(ms).to_string()
}

fn question_failed(error: &QueryError) -> FleetError {
    match error.kind() {
        ErrorKind::InvalidInput => FleetError::Invalid(error.to_string()),
        kind => FleetError::Question { message: error.to_string(), kind },
    }
}
