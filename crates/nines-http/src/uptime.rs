//! What handlers need to know of probes and heartbeats. The server keeps them; this is declared here, by the side that asks.

use async_trait::async_trait;
use nines_api as api;
use nines_base::ErrorKind;

/// As written under `kind:`, in `nines/v1`.
pub const KINDS: [&str; 2] = ["Probe", "Heartbeat"];

#[derive(Debug, thiserror::Error)]
pub enum UptimeError {
    #[error("there is no heartbeat `{name}`, or the secret is not its own")]
    Heartbeat { name: String },
    #[error("`{word}` is not something that a job says of itself")]
    Ping { word: String },
    #[error("result {sequence}: {message}")]
    Result { sequence: u64, message: String },
    #[error("a report has {count} results, more than {limit}")]
    TooMany { count: usize, limit: usize },
    #[error("what was measured cannot be kept now: {0}")]
    Store(String),
}

impl UptimeError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Heartbeat { .. } => ErrorKind::NotFound,
            Self::Ping { .. } | Self::Result { .. } => ErrorKind::InvalidInput,
            Self::TooMany { .. } => ErrorKind::TooLarge,
            Self::Store(_) => ErrorKind::Unavailable,
        }
    }
}

#[async_trait]
pub trait Uptime: Send + Sync {
    /// Everything as it stands now. Addresses of heartbeats hold secrets, so they are there only if they are asked for.
    fn overview(&self, with_secrets: bool) -> api::UptimeResponse;

    fn assigned(&self, location: &str) -> api::AssignedProbes;

    /// Takes the results of a runner. They are on disk when this answers; those that were taken before are left out.
    async fn report(&self, report: api::ProbeReport) -> Result<api::ProbeReportTaken, UptimeError>;

    /// A job says something of itself. It is on disk when this answers. `secret`: `None` if the caller has shown a key
    /// that may send telemetry.
    async fn ping(
        &self,
        name: &str,
        word: &str,
        secret: Option<&str>,
    ) -> Result<api::HeartbeatPinged, UptimeError>;
}
