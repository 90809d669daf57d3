//! What people change, and the gate at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_model::Timestamp;

use crate::{LearningError, MEASURES_MAX, Measure, Postmortem, SECTION_BYTES_MAX, Section, State};

/// Bytes of a measure, an owner or a ticket: a line.
const LINE_BYTES_MAX: usize = 1_000;

/// What to change; `None` leaves a part as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edit {
    pub owner: Option<Option<String>>,
    pub sections: BTreeMap<Section, String>,
    /// In place of all measures. Those that are done keep who said so and when.
    pub measures: Option<Vec<Measure>>,
    pub data_lost: Option<Option<Duration>>,
}

impl Postmortem {
    /// Applies an edit to the version that its author saw.
    ///
    /// # Errors
    /// Stale, closed, or a part that is too long or says nothing.
    pub fn edited(&self, version: u64, edit: Edit, by: &str, now: Timestamp) -> Result<Self, LearningError> {
        self.check_version(version)?;
        let touches_text = edit.owner.is_some() || !edit.sections.is_empty() || edit.data_lost.is_some();
        if self.state == State::Closed && touches_text {
            return Err(LearningError::Closed(self.incident));
        }
        let mut next = self.clone();
        if let Some(owner) = edit.owner {
            next.owner =
                owner.map(|owner| line("owner", &owner)).transpose()?.filter(|owner| !owner.is_empty());
        }
        for (section, text) in edit.sections {
            if text.len() > SECTION_BYTES_MAX {
                let (name, bytes) = (section.as_str(), text.len());
                return Err(LearningError::Invalid(format!(
                    "section `{name}` has {bytes} bytes, more than {SECTION_BYTES_MAX}: shorten it and link to the rest"
                )));
            }
            if text.trim().is_empty() {
                next.sections.remove(&section)
            } else {
                next.sections.insert(section, text)
            };
        }
        if let Some(measures) = edit.measures {
            next.measures = numbered(&self.measures, measures, by, now)?;
        }
        if let Some(lost) = edit.data_lost {
            next.data_lost = lost;
        }
        if next.state == State::Closed {
            next.gate()?;
        }
        Ok(next.touched(by, now))
    }

    /// Closes it, if nothing is missing.
    ///
    /// # Errors
    /// [`LearningError::NotReady`] with everything that is missing.
    pub fn close(&self, version: u64, by: &str, now: Timestamp) -> Result<Self, LearningError> {
        self.check_version(version)?;
        self.gate()?;
        let mut next = self.clone();
        next.state = State::Closed;
        next.closed = Some((now, by.to_owned()));
        Ok(next.touched(by, now))
    }

    pub fn reopen(&self, version: u64, by: &str, now: Timestamp) -> Result<Self, LearningError> {
        self.check_version(version)?;
        let mut next = self.clone();
        next.state = State::Draft;
        next.closed = None;
        Ok(next.touched(by, now))
    }

    /// What stands between this and closing it; empty if nothing does.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.owner.is_none() {
            missing.push("it has no owner".to_owned());
        }
        for section in [Section::WhatHappened, Section::ContributingFactors, Section::Resolution] {
            if self.sections.get(&section).is_none_or(|text| text.trim().is_empty()) {
                missing.push(format!("section `{}` is empty", section.as_str()));
            }
        }
        if !self.measures.iter().any(Measure::is_owned_and_dated) {
            missing.push("it needs a long-term measure with an owner and a day".to_owned());
        }
        missing
    }

    /// Not closed although its day is over.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state == State::Draft && self.due.is_some_and(|due| now >= due.end())
    }

    fn gate(&self) -> Result<(), LearningError> {
        let missing = self.missing();
        if missing.is_empty() {
            return Ok(());
        }
        Err(LearningError::NotReady { incident: self.incident, missing })
    }

    fn check_version(&self, version: u64) -> Result<(), LearningError> {
        if version == self.version {
            return Ok(());
        }
        Err(LearningError::Stale { what: format!("the postmortem of {}", self.incident) })
    }

    fn touched(mut self, by: &str, now: Timestamp) -> Self {
        self.version += 1;
        self.updated_at = now;
        self.updated_by = by.to_owned();
        self
    }
}

/// Checks measures, numbers the new ones (number 0), and keeps who did what is done already.
pub(crate) fn numbered(
    known: &[Measure],
    measures: Vec<Measure>,
    by: &str,
    now: Timestamp,
) -> Result<Vec<Measure>, LearningError> {
    if measures.len() > MEASURES_MAX {
        let count = measures.len();
        return Err(LearningError::Invalid(format!("{count} measures are too many: at most {MEASURES_MAX}")));
    }
    let mut last = known.iter().chain(&measures).map(|measure| measure.number).max().unwrap_or(0);
    let mut numbered: Vec<Measure> = Vec::with_capacity(measures.len());
    for mut measure in measures {
        measure.text = line("measure", &measure.text)?;
        if measure.text.is_empty() {
            return Err(LearningError::Invalid("a measure says nothing: write what will be done".to_owned()));
        }
        for part in [&mut measure.owner, &mut measure.ticket] {
            *part = part
                .as_deref()
                .map(|text| line("measure", text))
                .transpose()?
                .filter(|text| !text.is_empty());
        }
        if measure.number == 0 {
            last += 1;
            measure.number = last;
        }
        if numbered.iter().any(|other| other.number == measure.number) {
            return Err(LearningError::Invalid(format!("measure {} is there twice", measure.number)));
        }
        let before = known.iter().find(|known| known.number == measure.number);
        measure.done = match (measure.done, before.and_then(|known| known.done.clone())) {
            (None, _) => None,
            (Some(_), Some(done)) => Some(done),
            (Some(_), None) => Some((now, by.to_owned())),
        };
        numbered.push(measure);
    }
    Ok(numbered)
}

/// One line: trimmed, without control characters, bounded.
pub(crate) fn line(part: &str, text: &str) -> Result<String, LearningError> {
    if text.len() > LINE_BYTES_MAX {
        let bytes = text.len();
        return Err(LearningError::Invalid(format!(
            "{part} has {bytes} bytes, more than {LINE_BYTES_MAX}: shorten it"
        )));
    }
    Ok(text.replace(|c: char| c.is_control(), " ").trim().to_owned())
}
