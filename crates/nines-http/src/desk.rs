//! What handlers need of the intake of foreign alerts. The server keeps it; this is declared here, by the side that asks.

use async_trait::async_trait;
use nines_base::ErrorKind;
use nines_oncall::alert::{Fingerprint, IncomingAlert};
use nines_oncall::noise::{Preview, Received, SeparateError, Silence};

/// What became of one alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Under which it is kept, and by which rule.
    pub fingerprint: Fingerprint,
    pub received: Received,
    /// Why nobody is told; `None` if somebody is.
    pub suppressed: Option<String>,
    /// The alerts that it is told with.
    pub group: String,
    /// The incident of its group, if that is open already.
    pub incident: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error("more alerts wait to be kept than there is room for; send them again in a moment")]
    Busy,
    #[error("alerts cannot be kept now ({0}); send them again")]
    Store(String),
    #[error(transparent)]
    Separate(SeparateError),
}

impl DeskError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Busy => ErrorKind::Exhausted,
            Self::Store(_) => ErrorKind::Unavailable,
            Self::Separate(error) => error.kind(),
        }
    }
}

#[async_trait]
pub trait AlertDesk: Send + Sync {
    /// Takes alerts in. They are on disk when this answers, one receipt for each, in order. `by` is who sent them.
    async fn receive(&self, alerts: Vec<IncomingAlert>, by: &str) -> Result<Vec<Receipt>, DeskError>;

    /// Undoes a merge: alerts of the fingerprint are one only if they agree in these labels too. Answers the new
    /// fingerprints.
    async fn separate(
        &self,
        fingerprint: &str,
        labels: &[String],
        by: &str,
    ) -> Result<Vec<String>, DeskError>;

    /// Undoes that, for what arrives from now on. Whether it was separated.
    async fn join(&self, fingerprint: &str) -> Result<bool, DeskError>;

    /// What a silence would hold back of the alerts that are open.
    async fn preview(&self, silence: &Silence) -> Result<Preview, DeskError>;
}
