//! Address credit, as handlers reach it.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use nines_actions::credit::{Keeper, Mark, Rehearsal, Settings};
use nines_model::{TimeRange, Timestamp};

use crate::problem::ApiError;

/// The keeper of blocks, and the logs that it judges by.
pub struct CreditDesk {
    pub keeper: Arc<Keeper>,
    pub log: Arc<dyn AccessLog>,
}

/// A request of an address, as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAccess {
    pub mark: Mark,
    /// With its query.
    pub path: String,
}

/// How many requests were scored, and whether all were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    pub requests: u64,
    /// There were too many at once.
    pub left_out: u64,
    /// Whether the stored past is in the scores.
    pub is_complete: bool,
}

/// Why stored requests were not looked at.
#[derive(Debug, thiserror::Error)]
pub enum AccessLogError {
    #[error(transparent)]
    Filter(#[from] nines_filter::FilterError),
    #[error(transparent)]
    Query(#[from] nines_query::QueryError),
    #[error("there are {found} requests in that time, more than {limit}")]
    TooMany { found: u64, limit: usize },
    #[error("{0}")]
    Unavailable(&'static str),
}

impl From<AccessLogError> for ApiError {
    fn from(error: AccessLogError) -> Self {
        match error {
            AccessLogError::Filter(error) => error.into(),
            AccessLogError::Query(error) => error.into(),
            AccessLogError::TooMany { .. } => {
                Self::invalid(error.to_string()).hint("ask for a shorter time, or for fewer logs by `from`")
            }
            AccessLogError::Unavailable(text) => Self::new(nines_base::ErrorKind::Unavailable, text),
        }
    }
}

/// Access logs, stored and coming in.
#[async_trait]
pub trait AccessLog: Send + Sync {
    fn observed(&self) -> Observed;

    /// Follows settings that were put in force: scores are counted anew, from what is stored and what comes in.
    async fn follow(&self, settings: &Settings) -> Result<(), AccessLogError>;

    /// Stored requests through settings.
    ///
    /// # Errors
    /// More requests than fit in memory: a shorter time is to be asked for.
    async fn rehearse(&self, settings: &Settings, range: TimeRange) -> Result<Rehearsal, AccessLogError>;

    /// The newest requests of one address, at most `count`, the newest first.
    async fn requests_of(
        &self,
        settings: &Settings,
        address: IpAddr,
        since: Timestamp,
        count: usize,
    ) -> Result<Vec<StoredAccess>, AccessLogError>;
}
