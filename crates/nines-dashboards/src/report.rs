use nines_base::ErrorKind;

use crate::Dashboard;

/// A dashboard of another system, as it was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub dashboard: Dashboard,
    /// In the order of the source.
    pub panels: Vec<PanelReport>,
    /// What is not about one panel: variables, annotations, the dashboard itself.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelReport {
    pub title: String,
    /// The kind of panel, in the words of the source.
    pub kind: String,
    pub outcome: Outcome,
    /// What was approximated, or why it was left out; empty if it was taken as it is.
    pub reasons: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    /// It shows the same data, not in every respect in the same way.
    Approximated,
    LeftOut,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Approximated => "approximated",
            Self::LeftOut => "left out",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("this is not JSON: {0}")]
    Json(String),
    #[error("this is not a dashboard of {system}: {reason}")]
    Shape { system: &'static str, reason: String },
    #[error("the dashboard has {bytes} bytes, more than {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the dashboard has {count} {what}, more than {limit}")]
    TooMany { what: &'static str, count: usize, limit: usize },
}

impl ImportError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Json(_) | Self::Shape { .. } | Self::TooMany { .. } => ErrorKind::InvalidInput,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
        }
    }
}

impl Import {
    pub fn count(&self, outcome: Outcome) -> usize {
        self.panels.iter().filter(|panel| panel.outcome == outcome).count()
    }
}
