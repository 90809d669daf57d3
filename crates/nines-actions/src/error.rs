use std::time::Duration;

use nines_base::ErrorKind;
use nines_model::Timestamp;

use crate::cloud::CloudError;

/// Why an action was refused or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error("there is no action `{name}`{}", hint(nearest.as_deref()))]
    UnknownAction { name: String, nearest: Option<String> },
    #[error("there is no parameter `{name}` of `{action}`{}", hint(nearest.as_deref()))]
    UnknownParameter { action: String, name: String, nearest: Option<String> },
    #[error("`{action}` needs `{name}`: {about}")]
    MissingParameter { action: String, name: String, about: String },
    #[error("`{name}` {reason}")]
    BadParameter { name: String, reason: String },
    #[error("{0}")]
    Invalid(String),
    #[error("there is no run `{0}`")]
    NoRun(String),
    #[error("there is no path `{method} {path}`{}", hint(nearest.as_deref()))]
    NoPath { method: String, path: String, nearest: Option<String> },
    #[error("{who} may not do this: {reason}")]
    Forbidden { who: String, reason: String },
    #[error("policy `{policy}` refuses this{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Barred { policy: String, reason: Option<String> },
    #[error("{reason}: make a plan that touches less, or ask for other limits")]
    OverRadius { reason: String },
    #[error("the plan is not possible: {reason}")]
    Impossible { reason: String },
    #[error("the plan has changed since {what}: look at the new one (hash {now}) and approve that")]
    PlanChanged { what: &'static str, now: String },
    #[error("the approval expired at {at}: ask for another")]
    ApprovalExpired { at: Timestamp },
    #[error("run `{run}` is {state}, so it cannot be {wanted}")]
    WrongState { run: String, state: &'static str, wanted: &'static str },
    #[error("`{target}` is in the hands of run `{run}`: wait for its end or cancel it")]
    TargetBusy { target: String, run: String },
    #[error("`{target}` had {count} runs within {} min, the most that are let: wait, or find out why they do not help", window.as_secs() / 60)]
    Damped { target: String, count: usize, window: Duration },
    #[error(
        "run `{run}` on `{target}` made things worse, so automation does not touch it again before {until}"
    )]
    Worsened { target: String, run: String, until: Timestamp },
    #[error("all actions are stopped by {by} since {at}: {reason}")]
    Stopped { by: String, at: Timestamp, reason: String },
    #[error("the idempotency key was used for another request (run `{run}`): choose a new key")]
    KeyReused { run: String },
    #[error("the audit log refuses, so nothing is done: {reason}")]
    Unaudited { reason: String },
    #[error("there are {limit} {what} already: wait until some are over")]
    TooMany { what: &'static str, limit: usize },
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Runs(#[from] RunsError),
}

/// What a store of runs can answer instead of doing it.
#[derive(Debug, thiserror::Error)]
pub enum RunsError {
    /// Somebody else stored this run first: read it again.
    #[error("run `{run}` has changed meanwhile")]
    Conflict { run: String },
    #[error("`{target}` is in the hands of run `{run}`")]
    Held { target: String, run: String },
    #[error("the idempotency key belongs to run `{run}`")]
    KeyTaken { run: String },
    #[error("cannot reach the store of runs to {operation}")]
    Unavailable { operation: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("run `{run}` cannot be read: {reason}")]
    Corrupt { run: String, reason: String },
}

impl ActionError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownAction { .. } | Self::NoRun(_) | Self::NoPath { .. } => ErrorKind::NotFound,
            Self::UnknownParameter { .. }
            | Self::MissingParameter { .. }
            | Self::BadParameter { .. }
            | Self::Invalid(_)
            | Self::Impossible { .. } => ErrorKind::InvalidInput,
            Self::Forbidden { .. }
            | Self::Barred { .. }
            | Self::OverRadius { .. }
            | Self::ApprovalExpired { .. } => ErrorKind::Forbidden,
            Self::PlanChanged { .. }
            | Self::WrongState { .. }
            | Self::TargetBusy { .. }
            | Self::KeyReused { .. } => ErrorKind::Conflict,
            Self::Damped { .. } | Self::Worsened { .. } | Self::TooMany { .. } => ErrorKind::Exhausted,
            Self::Stopped { .. } | Self::Unaudited { .. } => ErrorKind::Unavailable,
            Self::Cloud(error) => error.kind(),
            Self::Runs(error) => error.kind(),
        }
    }
}

impl RunsError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Conflict { .. } | Self::Held { .. } | Self::KeyTaken { .. } => ErrorKind::Conflict,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::Corrupt { .. } => ErrorKind::Internal,
        }
    }
}

pub(crate) fn hint(nearest: Option<&str>) -> String {
    nearest.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

/// The known word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Comparing costs the product of the lengths, so a hostile word is not compared at all.
    const WORD_BYTES_MAX: usize = 100;
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&known.to_lowercase(), &lower), known))
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 4))
        .min()
        .map(|(_, known)| known.to_owned())
}

/// Text from outside as it may stand in a message: clipped, control characters shown as escapes.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut shown: String = text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
