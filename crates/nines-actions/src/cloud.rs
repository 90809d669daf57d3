//! Providers behind one trait: look, and change.
//!
//! An implementation makes one attempt, bounds its time and retries nothing: when to repeat is the machine's decision, and
//! it depends on knowing whether a failed call may still have been carried out ([`CloudError::may_have_been_done`]).

use async_trait::async_trait;
use nines_base::ErrorKind;

use crate::effect::Effect;
use crate::inventory::Inventory;
use crate::seen::{Query, Seen};

pub mod aws;
pub mod sim;

#[async_trait]
pub trait Cloud: Send + Sync {
    /// For plans and audit entries, such as `simulated` or `aws ap-northeast-1`.
    fn name(&self) -> String;

    /// Looks. The answer may be older than the last change, by [`crate::machine::READ_LAG_MAX`] at most.
    async fn look(&self, query: &Query) -> Result<Seen, CloudError>;

    /// Asks for a change, once. `id` names the effect, the same in every attempt; a provider that knows client tokens
    /// gets one made of it.
    async fn change(&self, id: &str, effect: &Effect) -> Result<(), CloudError>;

    /// What there is. Costs a provider a dozen calls and more; whoever asks often keeps the answer for a while.
    async fn inventory(&self) -> Result<Inventory, CloudError>;
}

/// Why a provider did not do it. Texts name the operation and the provider's code, never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// Not done; worth another try after a pause.
    #[error("the provider has no room for `{operation}` now ({code})")]
    Throttled { operation: String, code: String },
    /// Not done: the thing is in a state that will pass.
    #[error("`{operation}` has to wait: {reason}")]
    NotNow { operation: String, reason: String },
    /// Certainly not received.
    #[error("the provider cannot be reached for `{operation}`: {reason}")]
    Unreachable { operation: String, reason: String },
    /// It may or may not have been done.
    #[error("the answer to `{operation}` was lost: {reason}")]
    Lost { operation: String, reason: String },
    /// Not done, and never will be.
    #[error("the provider refuses `{operation}`: {reason}")]
    Refused { operation: String, reason: String },
    #[error("the provider does not let us `{operation}`: {reason}")]
    Forbidden { operation: String, reason: String },
}

impl CloudError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Throttled { .. } => ErrorKind::Exhausted,
            Self::NotNow { .. } => ErrorKind::Conflict,
            Self::Unreachable { .. } | Self::Lost { .. } => ErrorKind::Unavailable,
            Self::Refused { .. } => ErrorKind::InvalidInput,
            Self::Forbidden { .. } => ErrorKind::Forbidden,
        }
    }

    pub fn may_have_been_done(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::Forbidden { .. })
    }
}
