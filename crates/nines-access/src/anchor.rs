//! Anchors: where the audit log ended at some time, kept where nobody who can write the log can write.
//!
//! The chain itself shows what was changed, taken out, moved or put in. That its newest entries were cut off, or that
//! everything from some entry on was written anew with the right hashes, only an anchor shows: the log must still hold the
//! entry that it names. So what happened is located to one entry in the first case, and to the entries after the last anchor
//! that holds in the second.

use std::fmt;
use std::str::FromStr;

use crate::audit::GENESIS;
use crate::{AuditRecord, Digest, verify_chain};

/// The last entry of the log at some time. As text `NUMBER:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub sequence: u64,
    pub hash: Digest,
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash.to_hex())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no anchor: give NUMBER:HASH as `nines audit verify` prints it")]
pub struct NoAnchor(String);

impl FromStr for Anchor {
    type Err = NoAnchor;

    fn from_str(text: &str) -> Result<Self, NoAnchor> {
        let parts = text.split_once(':').and_then(|(number, hash)| {
            Some(Self { sequence: number.parse().ok()?, hash: Digest::from_hex(hash)? })
        });
        parts.ok_or_else(|| NoAnchor(text.to_owned()))
    }
}

impl From<&AuditRecord> for Anchor {
    fn from(record: &AuditRecord) -> Self {
        Self { sequence: record.sequence, hash: record.hash }
    }
}

/// The anchors of a file: one in each line, after the time at which it was taken if that stands there. Empty lines and those
/// that begin with `#` say nothing.
///
/// # Errors
/// The number of the line, and what it should be.
pub fn read_anchors(text: &str) -> Result<Vec<Anchor>, String> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let said = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    said.map(|(number, line)| {
        let anchor = line.rsplit(char::is_whitespace).next().unwrap_or(line);
        anchor.parse().map_err(|error: NoAnchor| format!("line {number}: {error}"))
    })
    .collect()
}

/// What is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("entry {sequence} is not what was written")]
    Changed { sequence: u64 },
    #[error(
        "the log was cut off or written anew after entry {holds_to}: it does not hold the anchor of entry {missing}"
    )]
    Anew {
        /// The last anchored entry that the log still holds; 0 if there is none.
        holds_to: u64,
        /// The first that it does not hold.
        missing: u64,
    },
}

/// A log read from its first entry to its last. Costs a hash an entry and no memory.
#[derive(Debug)]
pub struct Check {
    /// Ascending.
    anchors: Vec<Anchor>,
    held: usize,
    end: (u64, Digest),
    fault: Option<Fault>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Entries that are as they were written.
    pub entries: u64,
    /// Where the log ends. `None`: it is empty.
    pub end: Option<Anchor>,
    pub anchors_held: usize,
    pub fault: Option<Fault>,
}

impl Check {
    pub fn new(mut anchors: Vec<Anchor>) -> Self {
        anchors.sort_by_key(|anchor| anchor.sequence);
        Self { anchors, held: 0, end: (0, GENESIS), fault: None }
    }

    /// The next entries, in the order of the log.
    pub fn take(&mut self, records: &[AuditRecord]) {
        for record in records {
            if self.fault.is_some() {
                return;
            }
            match verify_chain(self.end.0, self.end.1, std::slice::from_ref(record)) {
                Ok(end) => self.end = end,
                Err(_) => self.fault = Some(Fault::Changed { sequence: self.end.0 + 1 }),
            }
            while let Some(anchor) =
                self.anchors.get(self.held).filter(|anchor| anchor.sequence == record.sequence)
                && self.fault.is_none()
            {
                if anchor.hash == record.hash {
                    self.held += 1;
                } else {
                    self.fault = Some(self.anew(anchor.sequence));
                }
            }
        }
    }

    pub fn end(self) -> Checked {
        let missing = self.anchors.get(self.held).map(|anchor| self.anew(anchor.sequence));
        let (sequence, hash) = self.end;
        Checked {
            entries: sequence,
            end: (sequence > 0).then_some(Anchor { sequence, hash }),
            anchors_held: self.held,
            fault: self.fault.or(missing),
        }
    }

    fn anew(&self, missing: u64) -> Fault {
        let holds_to = self.held.checked_sub(1).map_or(0, |last| self.anchors[last].sequence);
        Fault::Anew { holds_to, missing }
    }
}
