//! Questions in PromQL, off the async threads, a bounded number at a time.

use std::sync::Arc;
use std::time::Duration;

use nines_base::{ErrorKind, Shutdown};
use nines_metrics::{Answered, Endpoint, Parameters, Questions, StoreSource};
use nines_model::Timestamp;
use nines_promql::{Control, Engine};
use tokio::sync::Semaphore;

use crate::problem::ApiError;

/// Questions that compute at once: two for each core of a small machine, so that a slow one does not stop the rest, and
/// few enough that what each may hold adds up to a fraction of the memory.
const AT_ONCE: usize = 4;

/// How long a question waits for its turn. A dashboard that asks twenty at a time has them all within seconds.
const TURN_WAIT_MAX: Duration = Duration::from_secs(30);

/// Of questions that are not Prometheus'. A person waits for them in front of a page.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// Samples that one of their selectors may read: a thousand series over a day at 15 s.
const ASK_SAMPLES_MAX: u64 = 6_000_000;

/// Cloning shares the turns.
#[derive(Clone)]
pub struct MetricQuestions {
    questions: Questions,
    turns: Arc<Semaphore>,
}

/// A question's turn.
pub struct Asked<'a> {
    pub questions: &'a Questions,
    pub control: &'a Control,
}

impl Asked<'_> {
    pub fn source(&self) -> StoreSource<'_> {
        StoreSource::new(self.questions.store(), self.control, ASK_SAMPLES_MAX, 1)
    }

    pub fn engine(&self) -> Engine {
        self.questions.engine(None)
    }

    pub fn now(&self) -> Timestamp {
        self.questions.clock().now()
    }
}

/// Dropped with the request when the client goes away.
struct CancelOnDrop(Shutdown);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.begin();
    }
}

impl MetricQuestions {
    pub fn new(questions: Questions) -> Self {
        Self { questions, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The same turns for questions that are not Prometheus': `ask` runs on a thread of its own, within the node's limits.
    ///
    /// # Errors
    /// No turn came, or `ask` panicked.
    pub async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Asked<'_>) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = tokio::select! {
            turn = Arc::clone(&self.turns).acquire_owned() => turn.ok(),
            () = self.questions.clock().sleep(TURN_WAIT_MAX) => None,
        };
        let busy =
            || ApiError::new(ErrorKind::Unavailable, "too many questions about metrics are being asked");
        let turn = turn.ok_or_else(|| busy().hint("try again in a few seconds"))?;
        let cancel = Shutdown::new();
        let _guard = CancelOnDrop(cancel.clone());
        let questions = self.questions.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let control = questions.control(cancel, Some(ASK_TIMEOUT));
            let answer = ask(&Asked { questions: &questions, control: &control });
            drop(turn);
            answer
        });
        asked.await.map_err(|error| {
            tracing::error!(%error, "a question about metrics panicked");
            ApiError::new(ErrorKind::Internal, "the question failed")
        })
    }

    /// Waits for a turn, then for the answer. Dropping this ends the question soon after; its turn is over when its
    /// thread has noticed.
    pub async fn answer(&self, endpoint: Endpoint, parameters: Parameters) -> Answered {
        let turn = tokio::select! {
            turn = Arc::clone(&self.turns).acquire_owned() => turn.ok(),
            () = self.questions.clock().sleep(TURN_WAIT_MAX) => None,
        };
        let Some(turn) = turn else { return Questions::queued_too_long() };
        let cancel = Shutdown::new();
        let _guard = CancelOnDrop(cancel.clone());
        let questions = self.questions.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let answered = questions.answer(&endpoint, &parameters, &cancel);
            drop(turn);
            answered
        });
        asked.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a question in PromQL panicked");
            Questions::failed()
        })
    }
}
