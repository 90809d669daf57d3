//! What handlers need of the infrastructure. The server keeps it; this is declared here, by the side that asks.

use async_trait::async_trait;
use nines_api as api;
use nines_base::ErrorKind;

#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error("{0}")]
    Invalid(String),
    #[error("there is no {kind} `{id}`")]
    NotFound { kind: String, id: String },
    #[error("series cannot be asked now: {message}")]
    Question { message: String, kind: ErrorKind },
    #[error(transparent)]
    Watch(#[from] nines_fleet::WatchError),
    #[error("what was said cannot be kept now: {0}")]
    Store(String),
}

impl FleetError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) => ErrorKind::InvalidInput,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Question { kind, .. } => *kind,
            Self::Watch(error) => error.kind(),
            Self::Store(_) => ErrorKind::Unavailable,
        }
    }
}

/// Which units are asked for, and how.
#[derive(Debug, Clone, Default)]
pub struct InfraQuestion {
    /// `host` if it is not said.
    pub kind: Option<String>,
    pub by: Option<String>,
    pub measure: Option<String>,
    /// PromQL in place of a measure.
    pub query: Option<String>,
    pub filter: String,
    pub range_secs: u32,
    /// Only units in this state.
    pub state: Option<String>,
    pub histories: Histories,
}

/// Whose histories are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Histories {
    #[default]
    All,
    None,
    /// Of this unit alone.
    Of(String),
}

/// Which measures with a limit are asked for.
#[derive(Debug, Clone, Default)]
pub struct SaturationQuestion {
    pub filter: String,
    /// A ratio in PromQL in place of what is known to have a limit.
    pub query: Option<String>,
    pub probability: Option<f64>,
    /// This one alone, with history and fan.
    pub id: Option<String>,
    pub limit: Option<usize>,
}

#[async_trait]
pub trait Fleet: Send + Sync {
    async fn units(&self, question: InfraQuestion) -> Result<api::InfraResponse, FleetError>;

    async fn unit(&self, kind: &str, id: &str) -> Result<api::InfraUnitDetail, FleetError>;

    /// It is on disk when this answers.
    async fn retire(&self, request: &api::InfraRetire, by: &str) -> Result<api::InfraUnit, FleetError>;

    fn watches(&self) -> api::InfraWatches;

    /// It is on disk when this answers, and looked at within seconds.
    async fn put_watch(&self, watch: &api::InfraWatch) -> Result<api::InfraWatchStatus, FleetError>;

    async fn delete_watch(&self, name: &str) -> Result<(), FleetError>;

    async fn saturation(&self, question: SaturationQuestion) -> Result<api::SaturationResponse, FleetError>;
}
