//! Silences: what people do not want to hear for a while.

use std::fmt;
use std::time::Duration;

use nines_base::ErrorKind;
use nines_filter::{Expr, Filter, FilterError, Pattern, Test};
use nines_model::{TimeRange, Timestamp};

use crate::alert::IncomingAlert;

/// A silence that is needed longer is a rule that is wrong.
pub const SILENCE_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Its author is told so long before it ends.
pub const SILENCE_NOTICE: Duration = Duration::from_secs(15 * 60);
/// A silence that no open alert has matched for so long ends by itself: what it was for is over.
pub const UNMATCHED_AFTER: Duration = Duration::from_secs(3_600);
/// Alerts that a preview lists; it counts all.
const PREVIEW_LISTED: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SilenceId(pub String);

#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    pub id: SilenceId,
    pub filter: Filter,
    pub range: TimeRange,
    pub author: String,
    pub reason: String,
    pub created_at: Timestamp,
    /// When an open alert matched it last.
    pub matched_at: Option<Timestamp>,
    /// When its author was told that it ends.
    pub noticed_at: Option<Timestamp>,
}

/// A matcher as Alertmanager writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMatch {
    pub name: String,
    pub operator: LabelOperator,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelOperator {
    Equal,
    NotEqual,
    Matches,
    NotMatches,
}

/// What a silence would hold back now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    pub matching: usize,
    pub of: usize,
    /// The first by title.
    pub titles: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SilenceError {
    #[error("a silence needs {what}; {hint}")]
    Missing { what: &'static str, hint: &'static str },
    #[error("the silence ends at {at}, which is not after its start")]
    EmptyRange { at: Timestamp },
    #[error(
        "the silence lasts {days} days, more than the 7 that are allowed; fix the rule, or set it again then"
    )]
    TooLong { days: u64 },
    #[error("the filter selects every alert; name at least one label, or use a maintenance window")]
    Everything,
    #[error("the matcher on `{label}` is not a regular expression: {reason}")]
    Pattern { label: String, reason: String },
    #[error("the filter cannot be read")]
    Filter(#[source] FilterError),
}

impl SilenceError {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl Silence {
    /// Checks a silence that somebody wants to set.
    pub fn check(&self) -> Result<(), SilenceError> {
        if self.author.trim().is_empty() {
            return Err(SilenceError::Missing { what: "an author", hint: "say who answers for it" });
        }
        if self.reason.trim().is_empty() {
            return Err(SilenceError::Missing { what: "a reason", hint: "whoever finds it will ask" });
        }
        if self.range.end <= self.range.start {
            return Err(SilenceError::EmptyRange { at: self.range.end });
        }
        if self.range.duration() > SILENCE_MAX {
            return Err(SilenceError::TooLong { days: self.range.duration().as_secs().div_ceil(86_400) });
        }
        if self.filter.is_all() {
            return Err(SilenceError::Everything);
        }
        Ok(())
    }

    pub fn holds(&self, alert: &IncomingAlert, now: Timestamp) -> bool {
        self.range.contains(now) && self.filter.accepts(alert)
    }

    /// What it would hold back of the alerts that are open.
    pub fn preview<'a>(&self, open: impl Iterator<Item = &'a IncomingAlert>) -> Preview {
        let (mut of, mut titles) = (0, Vec::new());
        for alert in open {
            of += 1;
            if self.filter.accepts(alert) {
                titles.push(alert.title.clone());
            }
        }
        let matching = titles.len();
        titles.sort();
        titles.truncate(PREVIEW_LISTED);
        Preview { matching, of, titles }
    }

    /// Whether its author is to be told now that it ends soon. Once; the caller keeps `noticed_at`.
    pub fn notice_is_due(&self, now: Timestamp) -> bool {
        self.noticed_at.is_none() && self.range.contains(now) && now + SILENCE_NOTICE >= self.range.end
    }

    /// Whether it ends early because nothing has matched it for [`UNMATCHED_AFTER`].
    pub fn is_idle(&self, now: Timestamp) -> bool {
        let since = self.matched_at.unwrap_or(self.range.start).max(self.range.start);
        self.range.contains(now) && now.since(since) >= UNMATCHED_AFTER
    }
}

impl LabelMatch {
    /// All of the matchers as one filter. As in Alertmanager a regular expression is anchored, and a label that is
    /// missing is the same as one that is empty.
    pub fn filter(matches: &[Self]) -> Result<Filter, SilenceError> {
        let parts = matches.iter().map(Self::expression).collect::<Result<Vec<_>, _>>()?;
        // Through the text, so that what is stored and shown is what is evaluated.
        Filter::parse(&Filter::from_ast(Expr::and(parts)).to_string()).map_err(SilenceError::Filter)
    }

    fn expression(&self) -> Result<Expr, SilenceError> {
        let name = self.name.as_str();
        let exists = || Expr::compare(name, Test::Exists);
        let positive = match self.operator {
            LabelOperator::Equal | LabelOperator::NotEqual if self.value.is_empty() => Expr::not(exists()),
            LabelOperator::Equal | LabelOperator::NotEqual => Expr::equals(name, self.value.as_str()),
            LabelOperator::Matches | LabelOperator::NotMatches => {
                let wrong = |reason| SilenceError::Pattern { label: self.name.clone(), reason };
                let pattern = Pattern::new(&format!("^(?:{})$", self.value), false).map_err(wrong)?;
                let takes_empty = pattern.is_found_in("");
                let matches = Expr::compare(name, Test::Matches(pattern));
                if takes_empty { Expr::or(vec![matches, Expr::not(exists())]) } else { matches }
            }
        };
        Ok(match self.operator {
            LabelOperator::Equal | LabelOperator::Matches => positive,
            LabelOperator::NotEqual | LabelOperator::NotMatches => match positive {
                // Twice not is what was meant.
                Expr::Not(inner) => *inner,
                other => Expr::not(other),
            },
        })
    }
}

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
