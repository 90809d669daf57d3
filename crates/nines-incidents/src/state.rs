use std::fmt;

use crate::level::{UnknownWord, parse_word};

/// Where an incident stands.
///
/// ```text
/// reported ─confirm─► confirmed ─acknowledge─► responding ─mitigate─► mitigated ─resolve─► resolved ─review─► reviewed
///                                                   ▲                                          │
///                                                   └───────────────── reopen ─────────────────┘
/// reported, confirmed, responding ─cancel─► cancelled        any open state ─merge─► merged
/// ```
///
/// An incident acknowledged before it is confirmed goes straight to responding when it is; mitigation may be skipped;
/// a relapse takes `mitigated` back to `responding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    Reported,
    Confirmed,
    Responding,
    Mitigated,
    Resolved,
    Reviewed,
    Cancelled,
    Merged,
}

impl State {
    pub const ALL: [Self; 8] = [
        Self::Reported,
        Self::Confirmed,
        Self::Responding,
        Self::Mitigated,
        Self::Resolved,
        Self::Reviewed,
        Self::Cancelled,
        Self::Merged,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Confirmed => "confirmed",
            Self::Responding => "responding",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
            Self::Reviewed => "reviewed",
            Self::Cancelled => "cancelled",
            Self::Merged => "merged",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownWord> {
        parse_word(text, "an incident state", Self::ALL.into_iter().map(|state| (state, state.as_str())))
    }

    /// Open incidents have a promise to keep; closed ones have none.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Reported | Self::Confirmed | Self::Responding | Self::Mitigated)
    }

    /// The whole of the legal moves, as data. Staying is not a move.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Reported => &[Self::Confirmed, Self::Responding, Self::Cancelled, Self::Merged],
            Self::Confirmed => {
                &[Self::Responding, Self::Mitigated, Self::Resolved, Self::Cancelled, Self::Merged]
            }
            Self::Responding => &[Self::Mitigated, Self::Resolved, Self::Cancelled, Self::Merged],
            Self::Mitigated => &[Self::Responding, Self::Resolved, Self::Merged],
            Self::Resolved => &[Self::Responding, Self::Reviewed],
            Self::Reviewed | Self::Cancelled | Self::Merged => &[],
        }
    }

    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
