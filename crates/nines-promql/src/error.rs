//! What can go wrong.

use nines_base::ErrorKind;

use crate::ast::Span;

/// Why a text is not PromQL, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    pub message: String,
    pub span: Span,
    /// What to write instead.
    pub hint: Option<String>,
    /// `line:column` of the mistake, known once the text is.
    place: Option<String>,
}

impl ParseError {
    pub(crate) fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span, hint: None, place: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn placed(mut self, text: &str) -> Self {
        self.place = Some(self.span.line_and_column(text));
        self
    }

    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "parse error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The query is well formed but makes no sense on this data. Texts as upstream has them, where it has them.
    #[error("{0}")]
    Execution(String),
    /// A request that asks for something impossible, such as a step of zero.
    #[error("{0}")]
    BadRequest(String),
    #[error(
        "query processing would load too many {what}: at most {limit}: narrow the selectors or the range"
    )]
    TooMuch { what: &'static str, limit: usize },
    #[error("query timed out in expression evaluation")]
    Timeout,
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    #[error("reading series: {message}")]
    Source { message: String, kind: ErrorKind },
}

impl QueryError {
    pub(crate) fn execution(text: impl Into<String>) -> Self {
        Self::Execution(text.into())
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Parse(_) | Self::Execution(_) | Self::BadRequest(_) => ErrorKind::InvalidInput,
            Self::TooMuch { .. } => ErrorKind::TooLarge,
            Self::Timeout => ErrorKind::Timeout,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Source { kind, .. } => *kind,
        }
    }
}
