//! Error groups: occurrences of what is very likely one defect, with where it is in the code, since which version, and
//! whom it hit.
//!
//! Three sources, the more telling one first. An *exception* on a span (an event as semantic conventions have it) or on a
//! log record; a *log* record of severity error or above without one; a span whose *status* is error without one. One
//! failure usually shows in several of them, so an exception is counted once per trace and place in the code, and the
//! other two count only where their service raised no exception in that trace. What is left of those is often the echo of an exception
//! in another service: [`Group::follows`] names it.
//!
//! The **fingerprint** is made of the service, the exception's type and the top frames of the team's own code, without
//! line numbers, which move with every commit. Without a stack the message stands in, with what varies taken out.

mod stack;
mod tally;
mod template;

use sha2::{Digest, Sha256};

use nines_model::{SmolStr, Timestamp};

pub use stack::{Frame, frames};
pub use tally::{ErrorTally, GROUPS_MAX, Occurrence, USERS_MAX};
pub use template::template;

use crate::figures::Point;

/// Frames that make a fingerprint: enough to tell two callers of one helper apart, few enough that a new
/// caller far up does not make a new group.
const FINGERPRINT_FRAMES: usize = 3;

/// 64 bits of SHA-256, written as 16 hexadecimal digits. Stable: links to a group stay valid over restarts and versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 16 {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(Self)
    }

    /// `message` counts only where no frame is the team's own.
    pub fn of(service: &str, kind: &str, frames: &[Frame], message: &str) -> Self {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        part(service);
        part(kind);
        let own: Vec<&Frame> = frames.iter().filter(|frame| frame.in_app).take(FINGERPRINT_FRAMES).collect();
        for frame in &own {
            part(&frame.function);
            part(frame.file.as_deref().unwrap_or_default());
        }
        if own.is_empty() {
            part(&template(message));
        }
        let digest = hash.finalize();
        let head: [u8; 8] = digest[..8].try_into().expect("SHA-256 has 32 bytes");
        Self(u64::from_be_bytes(head))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    Exception,
    Log,
    Status,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exception => "exception",
            Self::Log => "log",
            Self::Status => "status",
        }
    }
}

/// What a version, or a commit, had to do with a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCount {
    pub version: SmolStr,
    pub count: u64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
}

/// Where an occurrence can be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub at: Timestamp,
    pub trace_id: SmolStr,
    pub span_id: SmolStr,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub fingerprint: Fingerprint,
    pub service: SmolStr,
    pub source: Source,
    /// The exception's type, `error.type`, or the severity of the log record.
    pub kind: SmolStr,
    /// Of the latest occurrence.
    pub message: String,
    /// Of the latest occurrence that has one.
    pub stack: Option<String>,
    /// The innermost first.
    pub frames: Vec<Frame>,
    pub count: u64,
    /// Occurrences in the comparison range before this one, if there was one.
    pub before: Option<u64>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// Different `user.id`s.
    pub users: u64,
    /// There are more: see [`USERS_MAX`].
    pub users_at_least: bool,
    /// The newest first.
    pub versions: Vec<VersionCount>,
    pub commits: Vec<VersionCount>,
    /// Names of the spans it happened in, the most frequent first.
    pub places: Vec<(SmolStr, u64)>,
    /// The newest first.
    pub examples: Vec<Example>,
    pub series: Vec<Point>,
    /// The exception, elsewhere in the same traces, that this group most often comes with; and in what share of its
    /// occurrences that have a trace.
    pub follows: Option<(Fingerprint, f64)>,
}

impl Group {
    /// Where to look in the code: the innermost frame of the team's own, else the innermost.
    pub fn culprit(&self) -> Option<&Frame> {
        self.frames.iter().find(|frame| frame.in_app).or(self.frames.first())
    }
}
