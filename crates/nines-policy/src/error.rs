//! What can be wrong, with its place.

use nines_base::ErrorKind;

/// One mistake of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The document's name.
    pub document: String,
    /// From 1, in characters.
    pub line: u32,
    pub column: u32,
    pub message: String,
    pub hint: Option<String>,
}

impl Fault {
    /// At a byte offset of the text.
    pub(crate) fn at(document: &str, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let lines = before.matches('\n').count();
        Self {
            document: document.to_owned(),
            line: u32::try_from(lines + 1).unwrap_or(u32::MAX),
            column: count(&before[line_start..]).saturating_add(1),
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.document, self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("policy document `{name}` has {} mistakes, the first at line {}, column {}: {}", faults.len(), faults[0].line, faults[0].column, faults[0].message)]
    Invalid {
        name: String,
        /// Never empty.
        faults: Vec<Fault>,
    },
    #[error("there is no policy document `{name}`{}", nearest.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default())]
    NotFound { name: String, nearest: Option<String> },
    #[error("`{name}` is no name of a policy document: use 1 to 63 lowercase letters, digits and dashes")]
    BadName { name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The store refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach the policies to {operation}")]
pub struct StoreError {
    pub operation: &'static str,
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl PolicyError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } | Self::BadName { .. } => ErrorKind::InvalidInput,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Store(_) => ErrorKind::Unavailable,
        }
    }
}
