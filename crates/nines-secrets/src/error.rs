use nines_base::ErrorKind;

use crate::{NAME_CHARS_MAX, SECRETS_MAX, StoreError, VALUE_BYTES_MAX};

/// No message holds a value, or anything that a caller sent where a value could have been.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error(
        "a secret's name has 1 to {NAME_CHARS_MAX} lower-case letters, digits, `-`, `_` or `.`: write it as in secret://slack-token"
    )]
    BadName,
    #[error("the version after `@` is not a number from 1: write secret://name@2, or leave it out")]
    BadVersion,
    #[error("a value has 1 to {VALUE_BYTES_MAX} bytes: keep large things in a file and its key here")]
    BadValue,
    #[error("there are {SECRETS_MAX} secrets already: delete some first")]
    TooMany,
    #[error("there is no secret `{name}`: set it with `nines secret set`")]
    NotFound { name: String },
    #[error(
        "the secret `{name}` has no version {version} any more: leave the version out, or set the value again"
    )]
    NoVersion { name: String, version: u32 },
    #[error(
        "`{what}` is sealed by the master key {needed}, which is not here: start with it as --master-key or --previous-master-key"
    )]
    WrongMaster { what: String, needed: String },
    /// The ciphertext was changed or moved, or the key is not what its name says.
    #[error("`{what}` does not open: its stored form was changed")]
    Damaged { what: String },
    #[error("the master key {id} cannot be used: {reason}")]
    Master { id: String, reason: String },
    #[error("the master key {id} does not answer: {reason}")]
    MasterUnavailable { id: String, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SecretError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BadName | Self::BadVersion | Self::BadValue => ErrorKind::InvalidInput,
            Self::TooMany => ErrorKind::Exhausted,
            Self::NotFound { .. } | Self::NoVersion { .. } => ErrorKind::NotFound,
            Self::WrongMaster { .. } | Self::MasterUnavailable { .. } | Self::Store(_) => {
                ErrorKind::Unavailable
            }
            Self::Damaged { .. } | Self::Master { .. } => ErrorKind::Internal,
        }
    }
}
