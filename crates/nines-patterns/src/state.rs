//! The miner as text, so that ids, aliases and "first seen" survive a restart. See `docs/formats/patterns.md`.
//!
//! One JSON document a line: a head, then patterns, then aliases. What cannot be read is an error and the caller
//! starts afresh; ids are hashes, so the same patterns come back under the same ids either way.

use nines_base::ErrorKind;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::miner::{Miner, PatternId};
use crate::template::{Part, PartText, Slot, Template};
use crate::token::VARIABLE;

pub const STATE_VERSION: u32 = 1;
const STATE_FORMAT: &str = "nines-patterns";

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("state of patterns is empty")]
    Empty,
    #[error(
        "state of patterns has format `{format}` version {version}, this build reads `{STATE_FORMAT}` version {STATE_VERSION}: use a newer nines"
    )]
    Version { format: String, version: u32 },
    #[error("line {line} of the state of patterns cannot be read")]
    Line { line: usize, source: serde_json::Error },
}

impl StateError {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub format: String,
    pub version: u32,
    /// When the watch began, nanoseconds; absent in the state of a miner alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched_since: Option<i64>,
}

impl Head {
    pub fn new(watched_since: Option<i64>) -> Self {
        Self { format: STATE_FORMAT.to_owned(), version: STATE_VERSION, watched_since }
    }

    /// Reads and checks the first line.
    pub fn read(text: &str) -> Result<Self, StateError> {
        let line = text.lines().next().filter(|line| !line.trim().is_empty()).ok_or(StateError::Empty)?;
        let head: Self = serde_json::from_str(line).map_err(|source| StateError::Line { line: 1, source })?;
        if head.format != STATE_FORMAT || head.version != STATE_VERSION {
            return Err(StateError::Version { format: head.format, version: head.version });
        }
        Ok(head)
    }
}

/// Every line after the head.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Record {
    Pattern {
        id: String,
        count: u64,
        parts: Vec<PartRecord>,
        #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
        tail: SmolStr,
    },
    Alias(String, String),
    Facts(crate::book::FactsRecord),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    lead: SmolStr,
    /// Of a constant: its hash and text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    word: Option<(u64, SmolStr)>,
    /// Of a variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slot: Option<Slot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    so_far: Option<SmolStr>,
}

impl From<&Part> for PartRecord {
    fn from(part: &Part) -> Self {
        let lead = part.lead.clone();
        match &part.text {
            PartText::Constant(text) => {
                Self { lead, word: Some((part.hash, text.clone())), slot: None, so_far: None }
            }
            PartText::Variable { slot, so_far } => {
                Self { lead, word: None, slot: Some(*slot), so_far: so_far.clone() }
            }
        }
    }
}

impl From<PartRecord> for Part {
    fn from(record: PartRecord) -> Self {
        match record.word {
            Some((hash, text)) => Self { hash, lead: record.lead, text: PartText::Constant(text) },
            None => Self {
                hash: VARIABLE,
                lead: record.lead,
                text: PartText::Variable { slot: record.slot.unwrap_or(Slot::Any), so_far: record.so_far },
            },
        }
    }
}

/// Appends `record` as a line.
pub(crate) fn push(out: &mut String, record: &impl Serialize) {
    // Plain structs of strings and numbers always serialise.
    if let Ok(line) = serde_json::to_string(record) {
        out.push_str(&line);
        out.push('\n');
    }
}

impl Miner {
    /// The patterns and aliases as text. At most about 1 KiB per pattern.
    pub fn save(&self) -> String {
        let mut out = String::new();
        push(&mut out, &Head::new(None));
        self.save_records(&mut out);
        out
    }

    /// Takes in what [`Miner::save`] wrote: into an empty miner after a restart, or into one that has patterns of its
    /// own, whose counts are added.
    pub fn absorb(&mut self, text: &str) -> Result<(), StateError> {
        Head::read(text)?;
        for record in records(text) {
            self.absorb_record(record?);
        }
        self.take_merges();
        Ok(())
    }

    pub(crate) fn save_records(&self, out: &mut String) {
        for (id, template, count) in self.patterns() {
            let parts = template.parts.iter().map(PartRecord::from).collect();
            push(out, &Record::Pattern { id: id.to_string(), count, parts, tail: template.tail.clone() });
        }
        for (from, into) in self.aliases() {
            push(out, &Record::Alias(from.to_string(), into.to_string()));
        }
    }

    /// Returns what is not the miner's.
    pub(crate) fn absorb_record(&mut self, record: Record) -> Option<crate::book::FactsRecord> {
        match record {
            Record::Pattern { count, parts, tail, .. } => {
                let parts: Vec<Part> =
                    parts.into_iter().take(crate::token::TOKENS_MAX).map(Part::from).collect();
                let template = Template { parts: parts.into(), tail };
                self.place(template.shape(), template, count);
                None
            }
            Record::Alias(from, into) => {
                if let (Ok(from), Ok(into)) = (from.parse::<PatternId>(), into.parse::<PatternId>()) {
                    // A chain that would close on itself can only come from a damaged file.
                    if self.resolve(into) != from {
                        self.alias(from.0, into.0);
                    }
                }
                None
            }
            Record::Facts(facts) => Some(facts),
        }
    }
}

pub(crate) fn records(text: &str) -> impl Iterator<Item = Result<Record, StateError>> + '_ {
    text.lines().enumerate().skip(1).filter(|(_, line)| !line.is_empty()).map(|(index, line)| {
        serde_json::from_str(line).map_err(|source| StateError::Line { line: index + 1, source })
    })
}
