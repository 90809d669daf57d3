//! Questions that a team keeps under a name, so that the second person to ask need not find the words again.
//!
//! Words
//! - **Question**: a search or an SQL text, with what it takes to show it as its author saw it ([`Question`]).
//! - **Saved**: a question as it is kept, with who kept it and when ([`Saved`]).
//!
//! Promises
//! - A name is unique in any case; saving under a known name replaces the question and keeps its first author.
//! - Everything is bounded: see [`QUESTIONS_MAX`], [`TEXT_BYTES_MAX`], [`NAME_CHARS_MAX`], [`COLUMNS_MAX`].
//!
//! Whether the text is a good filter or good SQL is for those who run it: this crate does no IO and parses neither.

pub mod contract;
pub mod memory;
mod question;

use async_trait::async_trait;
use nines_base::ErrorKind;
use nines_model::Timestamp;

pub use question::{COLUMNS_MAX, NAME_CHARS_MAX, Question, QuestionKind, TEXT_BYTES_MAX};

/// Questions of one node. A list of this many is searched, not read; each has some KiB at most.
pub const QUESTIONS_MAX: usize = 500;

/// A question as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    pub question: Question,
    /// Who kept it first.
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_by: String,
    pub updated_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The message names the part and what is wrong with it.
    #[error("{0}")]
    Invalid(String),
    #[error("there is no saved question `{0}`")]
    NotFound(String),
    #[error("there are {QUESTIONS_MAX} saved questions already: delete some first")]
    TooMany,
    #[error("saved questions cannot be reached")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl SavedError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) => ErrorKind::InvalidInput,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::TooMany => ErrorKind::Exhausted,
            Self::Store(_) => ErrorKind::Unavailable,
        }
    }
}

/// Where questions are kept. A write that returned `Ok` is durable.
#[async_trait]
pub trait SavedQuestions: Send + Sync {
    /// All, by name.
    async fn list(&self) -> Result<Vec<Saved>, SavedError>;

    /// By name, in any case.
    async fn get(&self, name: &str) -> Result<Saved, SavedError>;

    /// Keeps a question that was checked with [`Question::check`], in place of one of the same name.
    async fn put(&self, question: &Question, by: &str, at: Timestamp) -> Result<Saved, SavedError>;

    async fn delete(&self, name: &str) -> Result<(), SavedError>;
}
