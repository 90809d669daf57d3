//! Questions in PromQL, off the async threads, a bounded number at a time.

use std::sync::Arc;
use std::time::Duration;

use nines_base::Shutdown;
use nines_metrics::{Answered, Endpoint, Parameters, Questions};
use tokio::sync::Semaphore;

/// Questions that compute at once: two for each core of a small machine, so that a slow one does not stop the rest, and
/// few enough that what each may hold adds up to a fraction of the memory.
const AT_ONCE: usize = 4;

/// How long a question waits for its turn. A dashboard that asks twenty at a time has them all within seconds.
const TURN_WAIT_MAX: Duration = Duration::from_secs(30);

/// Cloning shares the turns.
#[derive(Clone)]
pub struct MetricQuestions {
    questions: Questions,
    turns: Arc<Semaphore>,
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
