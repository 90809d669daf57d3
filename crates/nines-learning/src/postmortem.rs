//! The record of what one incident teaches.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use nines_incidents::{Class, IncidentId, Level, Marks};
use nines_model::Timestamp;

use crate::LearningError;

/// Timeline entries that are frozen: with 500 characters each at most some 200 KiB, and more than a meeting reads.
pub const LINES_MAX: usize = 300;
/// Characters of a frozen entry.
pub(crate) const LINE_CHARS_MAX: usize = 500;
/// Bytes of one section: twenty pages of text.
pub const SECTION_BYTES_MAX: usize = 64 * 1024;
/// Measures of one postmortem; a list of more is a plan and lives elsewhere.
pub const MEASURES_MAX: usize = 50;

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, PartialEq)]
pub struct Postmortem {
    pub incident: IncidentId,
    /// Counts the changes, from 1. The key of optimistic locking.
    pub version: u64,
    pub state: State,
    /// P0 and P1 must be learnt from; drills need not.
    pub mandatory: bool,
    /// The last day on which closing it is in time.
    pub due: Option<Day>,
    pub owner: Option<String>,
    /// What people wrote; a section that is not there is empty.
    pub sections: BTreeMap<Section, String>,
    pub measures: Vec<Measure>,
    /// Data that was lost, in time before the fault: what a drill calls the recovery point.
    pub data_lost: Option<Duration>,
    pub facts: Facts,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub updated_by: String,
    pub closed: Option<(Timestamp, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    Draft,
    Closed,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Closed => "closed",
        }
    }
}

/// The parts that people write, in the order of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    Overview,
    WhatHappened,
    Impact,
    ContributingFactors,
    Resolution,
    WentWell,
    WentBadly,
    Lucky,
    Meeting,
    InternalMail,
    ExternalMessage,
}

impl Section {
    pub const ALL: [Self; 11] = [
        Self::Overview,
        Self::WhatHappened,
        Self::Impact,
        Self::ContributingFactors,
        Self::Resolution,
        Self::WentWell,
        Self::WentBadly,
        Self::Lucky,
        Self::Meeting,
        Self::InternalMail,
        Self::ExternalMessage,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::WhatHappened => "what_happened",
            Self::Impact => "impact",
            Self::ContributingFactors => "contributing_factors",
            Self::Resolution => "resolution",
            Self::WentWell => "went_well",
            Self::WentBadly => "went_badly",
            Self::Lucky => "lucky",
            Self::Meeting => "meeting",
            Self::InternalMail => "internal_mail",
            Self::ExternalMessage => "external_message",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::WhatHappened => "What happened",
            Self::Impact => "Impact",
            Self::ContributingFactors => "Contributing factors",
            Self::Resolution => "Resolution",
            Self::WentWell => "What went well",
            Self::WentBadly => "What went badly",
            Self::Lucky => "Where we were lucky",
            Self::Meeting => "Meeting",
            Self::InternalMail => "Internal mail",
            Self::ExternalMessage => "External message",
        }
    }

    pub fn parse(text: &str) -> Result<Self, LearningError> {
        let found = Self::ALL.into_iter().find(|section| section.as_str() == text);
        found.ok_or_else(|| {
            let near = Self::ALL
                .into_iter()
                .map(|section| (strsim::damerau_levenshtein(section.as_str(), text), section.as_str()))
                .min()
                .filter(|(distance, _)| *distance <= 3);
            let hint = near.map(|(_, word)| format!(": did you mean `{word}`?")).unwrap_or_default();
            let text: String = text.chars().take(64).collect();
            LearningError::Invalid(format!("a postmortem has no section `{text}`{hint}"))
        })
    }
}

/// Something that somebody will do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// From 1, unique within its list.
    pub number: u32,
    pub text: String,
    pub kind: MeasureKind,
    pub owner: Option<String>,
    pub due: Option<Day>,
    /// A ticket elsewhere: its key or its address.
    pub ticket: Option<String>,
    pub done: Option<(Timestamp, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeasureKind {
    ShortTerm,
    LongTerm,
}

impl MeasureKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShortTerm => "short_term",
            Self::LongTerm => "long_term",
        }
    }

    pub fn parse(text: &str) -> Result<Self, LearningError> {
        match text {
            "short_term" => Ok(Self::ShortTerm),
            "long_term" => Ok(Self::LongTerm),
            other => {
                let other: String = other.chars().take(64).collect();
                Err(LearningError::Invalid(format!(
                    "`{other}` is no kind of measure: use short_term or long_term"
                )))
            }
        }
    }
}

impl Measure {
    /// Open, and its day is over.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.done.is_none() && self.due.is_some_and(|due| now >= due.end())
    }

    /// Long-term, with an owner and a day: what the gate asks for.
    pub fn is_owned_and_dated(&self) -> bool {
        self.kind == MeasureKind::LongTerm && self.owner.is_some() && self.due.is_some()
    }
}

/// A day in UTC, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i32);

impl Day {
    pub fn of(at: Timestamp) -> Self {
        Self(i32::try_from(at.as_secs().div_euclid(86_400)).unwrap_or(i32::MAX))
    }

    pub fn start(self) -> Timestamp {
        Timestamp::from_secs(i64::from(self.0) * 86_400)
    }

    /// The first instant that is not of this day.
    pub fn end(self) -> Timestamp {
        self.start() + DAY
    }

    /// 0 is Monday. 1970-01-01 was a Thursday.
    pub fn weekday(self) -> i32 {
        (self.0 + 3).rem_euclid(7)
    }

    /// `count` working days (Monday to Friday) later; holidays are not known here.
    pub fn plus_working_days(self, count: u32) -> Self {
        let mut day = self;
        for _ in 0..count {
            day.0 += 1;
            while day.weekday() >= 5 {
                day.0 += 1;
            }
        }
        day
    }

    /// `2026-11-27`.
    pub fn parse(text: &str) -> Result<Self, LearningError> {
        let wrong = || {
            let text: String = text.chars().take(32).collect();
            LearningError::Invalid(format!("`{text}` is not a day: write it as 2026-11-27"))
        };
        if text.len() != 10 {
            return Err(wrong());
        }
        Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).map(Self::of).map_err(|_| wrong())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.start().to_string()[..10])
    }
}

/// What was so when the incident was resolved. Never changed afterwards, except that an incident which is reopened and
/// resolved again is frozen anew while its postmortem is a draft.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub frozen_at: Timestamp,
    pub title: String,
    pub level: Level,
    pub preliminary_level: Level,
    pub class: Class,
    /// The impacted one first.
    pub services: Vec<String>,
    pub is_drill: bool,
    pub marks: Marks,
    /// Who did something, most active first.
    pub people: Vec<String>,
    pub updates_kept: u32,
    pub updates_missed: u32,
    pub timeline: Vec<Line>,
    /// Entries that are not among `timeline` because there were too many.
    pub timeline_left_out: u32,
    pub charts: Vec<Chart>,
}

/// A frozen timeline entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub at: Timestamp,
    pub actor: String,
    pub kind: String,
    pub text: String,
    pub link: Option<String>,
}

/// A promise over the time of the incident, as counts of equal steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub slo: String,
    /// The promised share, in `[0, 1]`.
    pub target: f64,
    pub start: Timestamp,
    pub step: Duration,
    pub good: Vec<u64>,
    pub total: Vec<u64>,
    /// Share of the whole window's error budget that went in this time; above 1 is more than all of it. `None` where
    /// nothing was measured.
    pub budget_spent: Option<f64>,
}

impl Chart {
    pub fn bad(&self) -> u64 {
        self.total.iter().sum::<u64>().saturating_sub(self.good.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_counted_by_working_weeks() {
        let friday = Day::parse("2026-11-20").unwrap();
        assert_eq!((friday.weekday(), friday.to_string().as_str()), (4, "2026-11-20"));
        assert_eq!(friday.plus_working_days(5).to_string(), "2026-11-27");
        assert_eq!(Day::parse("2026-11-22").unwrap().plus_working_days(1).to_string(), "2026-11-23");
        assert_eq!(friday.plus_working_days(1).to_string(), "2026-11-23");
        for wrong in ["", "2026-13-01", "20.11.2026", "2026-11-20T", "tomorrow"] {
            assert!(Day::parse(wrong).is_err(), "{wrong}");
        }
    }
}
