//! What people add to pages that are generated from facts: the weekly meeting and the takeover of a service.

use std::collections::BTreeMap;
use std::fmt;

use nines_model::{TimeRange, Timestamp};

use crate::edit::{line, numbered};
use crate::{Day, LearningError, Measure};

/// Bytes of one point.
pub const POINT_BYTES_MAX: usize = 16 * 1024;

/// The points of a weekly meeting that facts cannot fill.
pub const MEETING_POINTS: [&str; 6] =
    ["present", "coming_changes", "decisions", "asks_of_others", "asks_of_us", "tech_sync"];

/// The twelve steps of taking over a service.
pub const TAKEOVER_STEPS: [&str; 12] = [
    "product",
    "documents",
    "resources",
    "architecture",
    "recent_faults",
    "requirements",
    "developers",
    "expectations",
    "metrics",
    "progress",
    "improvements",
    "value",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SheetKind {
    /// Key: a [`Week`].
    Meeting,
    /// Key: the name of a service.
    Takeover,
}

impl SheetKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Meeting => "meeting",
            Self::Takeover => "takeover",
        }
    }

    pub fn points(self) -> &'static [&'static str] {
        match self {
            Self::Meeting => &MEETING_POINTS,
            Self::Takeover => &TAKEOVER_STEPS,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    pub kind: SheetKind,
    pub key: String,
    /// 0 until it is stored.
    pub version: u64,
    pub points: BTreeMap<String, Point>,
    /// To-dos that came up; open ones are carried over to every later meeting.
    pub measures: Vec<Measure>,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Point {
    pub text: String,
    /// Ticked, by whom and when.
    pub done: Option<(Timestamp, String)>,
}

impl Sheet {
    pub fn new(kind: SheetKind, key: &str, now: Timestamp) -> Self {
        Self {
            kind,
            key: key.to_owned(),
            version: 0,
            points: BTreeMap::new(),
            measures: Vec::new(),
            updated_at: now,
            updated_by: String::new(),
        }
    }

    /// `points`: new text and whether it is ticked. `measures`: in place of all, if given.
    ///
    /// # Errors
    /// Stale, or a point that the sheet does not have.
    pub fn edited(
        &self,
        version: u64,
        points: BTreeMap<String, (String, bool)>,
        measures: Option<Vec<Measure>>,
        by: &str,
        now: Timestamp,
    ) -> Result<Self, LearningError> {
        if version != self.version {
            return Err(LearningError::Stale { what: format!("{} {}", self.kind.as_str(), self.key) });
        }
        let mut next = self.clone();
        for (name, (text, ticked)) in points {
            if !self.kind.points().contains(&name.as_str()) {
                let (name, known) = (line("point", &name)?, self.kind.points().join(", "));
                return Err(LearningError::Invalid(format!(
                    "there is no point `{name}`: the points are {known}"
                )));
            }
            if text.len() > POINT_BYTES_MAX {
                let bytes = text.len();
                return Err(LearningError::Invalid(format!(
                    "`{name}` has {bytes} bytes, more than {POINT_BYTES_MAX}"
                )));
            }
            let done = next.points.get(&name).and_then(|point| point.done.clone());
            let done = ticked.then(|| done.unwrap_or_else(|| (now, by.to_owned())));
            next.points.insert(name, Point { text, done });
        }
        if let Some(measures) = measures {
            next.measures = numbered(&self.measures, measures, by, now)?;
        }
        next.version += 1;
        next.updated_at = now;
        next.updated_by = by.to_owned();
        Ok(next)
    }
}

/// A week as ISO 8601 counts them: `2026-W47`, from Monday, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Week {
    monday: Day,
}

impl Week {
    pub fn of(at: Timestamp) -> Self {
        let day = Day::of(at);
        Self { monday: Day(day.0 - day.weekday()) }
    }

    pub fn range(self) -> TimeRange {
        TimeRange::new(self.monday.start(), Day(self.monday.0 + 7).start())
    }

    /// The year to which its Thursday belongs, and its number there, from 1.
    fn number(self) -> (i32, i32) {
        let thursday = Day(self.monday.0 + 3);
        let year: i32 = thursday.to_string()[..4].parse().unwrap_or(1970);
        let first = Day::parse(&format!("{year:04}-01-01")).map_or(thursday.0, |day| day.0);
        (year, (thursday.0 - first) / 7 + 1)
    }

    pub fn parse(text: &str) -> Result<Self, LearningError> {
        let wrong = || {
            let text: String = text.chars().take(32).collect();
            LearningError::Invalid(format!("`{text}` is not a week: write it as 2026-W47"))
        };
        let (year, number) = text.split_once("-W").ok_or_else(wrong)?;
        let number: i32 = number.parse().map_err(|_| wrong())?;
        // The fourth of January is always in the first week.
        let fourth = Day::parse(&format!("{year}-01-04")).map_err(|_| wrong())?;
        let week = Self { monday: Day(fourth.0 - fourth.weekday() + 7 * (number - 1)) };
        if week.to_string() == text { Ok(week) } else { Err(wrong()) }
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, number) = self.number();
        write!(f, "{year:04}-W{number:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sources: the examples of ISO 8601 week dates at year ends.
    #[test]
    fn weeks_belong_to_the_year_of_their_thursday() {
        for (day, week) in [
            ("2026-11-22", "2026-W47"),
            ("2005-01-01", "2004-W53"),
            ("2007-12-31", "2008-W01"),
            ("2010-01-03", "2009-W53"),
            ("2026-01-01", "2026-W01"),
        ] {
            let found = Week::of(Day::parse(day).unwrap().start());
            assert_eq!(found.to_string(), week, "{day}");
            assert_eq!(Week::parse(week).unwrap(), found, "{day}");
        }
        for wrong in ["2026-W00", "2026-W54", "2026-47", "W47", "2026-W7"] {
            assert!(Week::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sheet_keeps_who_ticked_a_point_first() {
        let now = Timestamp::from_secs(100);
        let sheet = Sheet::new(SheetKind::Takeover, "checkout", now);
        let point = |text: &str, ticked| BTreeMap::from([("product".to_owned(), (text.to_owned(), ticked))]);
        let ticked = sheet.edited(0, point("sells things", true), None, "lin", now).unwrap();
        let later = ticked
            .edited(1, point("sells many things", true), None, "mei", Timestamp::from_secs(200))
            .unwrap();
        assert_eq!(later.points["product"].done, Some((now, "lin".to_owned())));
        assert!(matches!(
            later.edited(1, point("", false), None, "x", now),
            Err(LearningError::Stale { .. })
        ));
        let unknown = BTreeMap::from([("prodct".to_owned(), (String::new(), true))]);
        assert!(
            later
                .edited(2, unknown, None, "x", now)
                .unwrap_err()
                .to_string()
                .contains("the points are product")
        );
    }
}
