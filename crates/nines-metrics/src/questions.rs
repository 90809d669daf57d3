//! What questions are asked of: the store, the evaluator and their bounds.

use std::sync::Arc;
use std::time::Duration;

use nines_base::{SharedClock, Shutdown};
use nines_model::Timestamp;
use nines_promql::{Control, Engine, Limits, Options, SAMPLES_MAX};
use nines_rules::Evaluator;
use nines_scrape::Scraper;
use nines_series::SeriesStore;

/// How long a question may take if it does not say; upstream's `--query.timeout`.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(120);

/// Bounds of one question.
#[derive(Debug, Clone, Copy)]
pub struct QuestionLimits {
    /// Samples that one selector reads, and that all steps together keep: 16 and 8 bytes each.
    pub samples_max: usize,
    /// Threads that decode.
    pub threads: usize,
    /// However long the caller would wait.
    pub timeout_max: Duration,
}

impl Default for QuestionLimits {
    fn default() -> Self {
        Self { samples_max: SAMPLES_MAX, threads: 2, timeout_max: TIMEOUT_DEFAULT }
    }
}

/// What the node says of itself where Prometheus would.
#[derive(Debug, Clone)]
pub struct About {
    pub version: &'static str,
    pub started_at: Timestamp,
    pub retention: Duration,
}

/// What fills the store from inside the node, if anything does.
#[derive(Clone, Default)]
pub struct Around {
    pub rules: Option<Arc<Evaluator>>,
    pub targets: Option<Arc<Scraper>>,
}

/// Questions to one store. Cloning shares it.
#[derive(Clone)]
pub struct Questions {
    pub(crate) store: SeriesStore,
    pub(crate) clock: SharedClock,
    pub(crate) limits: QuestionLimits,
    pub(crate) about: About,
    pub(crate) around: Around,
}

impl Questions {
    pub fn new(store: SeriesStore, clock: SharedClock, limits: QuestionLimits, about: About) -> Self {
        Self { store, clock, limits, about, around: Around::default() }
    }

    /// The same store, with what is scraped and evaluated beside it.
    #[must_use]
    pub fn with(mut self, around: Around) -> Self {
        self.around = around;
        self
    }

    pub fn store(&self) -> &SeriesStore {
        &self.store
    }

    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Give up when `cancel` begins, or after `timeout`, which the limits cut.
    pub fn control(&self, cancel: Shutdown, timeout: Option<Duration>) -> Control {
        let timeout = timeout.unwrap_or(TIMEOUT_DEFAULT).min(self.limits.timeout_max);
        let deadline = self.clock.monotonic().saturating_add(timeout);
        Control { cancel, deadline: Some((SharedClock::clone(&self.clock), deadline)) }
    }

    /// The evaluator within this node's limits.
    pub fn engine(&self, lookback_ms: Option<i64>) -> Engine {
        let defaults = Options::default();
        Engine {
            options: Options { lookback_ms: lookback_ms.unwrap_or(defaults.lookback_ms), ..defaults },
            limits: Limits { samples: self.limits.samples_max, ..Limits::default() },
        }
    }
}
