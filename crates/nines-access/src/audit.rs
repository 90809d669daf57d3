//! The audit log: who asked for what, and what became of it. Append-only, and chained: the hash of each entry covers
//! the entry and the hash before it, so that a changed, missing or moved entry shows. (That the newest entries are
//! not cut off is for a copy elsewhere to show.)

use async_trait::async_trait;
use nines_base::ErrorKind;
use nines_model::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{Actor, Digest, Via};

/// Longest text of one field; more is cut. An entry is a line, not a document.
pub const AUDIT_FIELD_BYTES_MAX: usize = 2 * 1024;

/// What is written down. No secrets: callers name ids, never tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: Timestamp,
    pub actor: String,
    /// `key:<id>`, `session:<id>`, `system` or `anonymous`.
    pub via: String,
    /// A stable word, such as `key.create` or `objects.apply`.
    pub action: String,
    /// Such as `key/3f…` or `SLO/checkout-availability`.
    pub resource: String,
    pub result: AuditResult,
    pub request_id: String,
    /// From where: the caller's network address, empty for the node itself.
    pub address: String,
    /// Anything more, as the caller writes it.
    pub details: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditResult {
    Done,
    Denied,
    Failed,
}

/// An entry in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub sequence: u64,
    pub entry: AuditEntry,
    pub hash: Digest,
}

/// Which entries to find; everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Entries before this one.
    pub before: Option<u64>,
    pub result: Option<AuditResult>,
    /// What the action begins with: `key.` finds all that is done to keys.
    pub action: Option<String>,
    /// Occurs in actor, action, resource, address or details, in any case.
    pub text: Option<String>,
    pub limit: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("cannot reach the audit log to {operation}")]
    Unavailable { operation: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the audit log is broken at entry {sequence}: what stands there is not what was written")]
    Broken { sequence: u64 },
}

impl AuditError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::Broken { .. } => ErrorKind::Internal,
        }
    }
}

#[async_trait]
pub trait AuditLog: Send + Sync + 'static {
    /// Durable when it returns. Entries are in one order, whoever appends.
    async fn append(&self, entry: &AuditEntry) -> Result<AuditRecord, AuditError>;

    /// Entries after `after`, in order.
    async fn read(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, AuditError>;

    /// Entries that fit, the newest first. Costs a walk back over the log until there are enough.
    async fn find(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, AuditError>;

    /// Reads the whole log and checks the chain. Gives the number of entries. Costs a scan.
    async fn verify(&self) -> Result<u64, AuditError> {
        const PAGE: u32 = 1000;
        let (mut count, mut last) = (0, GENESIS);
        loop {
            let page = self.read(count, PAGE).await?;
            if page.is_empty() {
                return Ok(count);
            }
            (count, last) = verify_chain(count, last, &page)?;
        }
    }
}

/// What the first entry's hash is chained to.
pub const GENESIS: Digest = Digest::from_bytes([0; 32]);

impl AuditQuery {
    pub fn admits(&self, record: &AuditRecord) -> bool {
        let entry = &record.entry;
        let holds = |text: &String| {
            let wanted = text.to_lowercase();
            let fields = [&entry.actor, &entry.action, &entry.resource, &entry.address, &entry.details];
            fields.into_iter().any(|field| field.to_lowercase().contains(&wanted))
        };
        self.before.is_none_or(|before| record.sequence < before)
            && self.result.is_none_or(|result| entry.result == result)
            && self.action.as_ref().is_none_or(|action| entry.action.starts_with(action.as_str()))
            && self.text.as_ref().is_none_or(holds)
    }
}

impl AuditEntry {
    pub fn new(at: Timestamp, actor: &Actor, action: &str, resource: &str, result: AuditResult) -> Self {
        let via = match &actor.via {
            Via::Anonymous => "anonymous".to_owned(),
            Via::System => "system".to_owned(),
            Via::Key(id) => format!("key:{id}"),
            Via::Session(id) => format!("session:{id}"),
        };
        Self {
            at,
            actor: clipped(&actor.name),
            via,
            action: clipped(action),
            resource: clipped(resource),
            result,
            request_id: String::new(),
            address: String::new(),
            details: String::new(),
        }
    }

    pub fn with_request(mut self, request_id: &str) -> Self {
        self.request_id = clipped(request_id);
        self
    }

    pub fn with_address(mut self, address: &str) -> Self {
        self.address = clipped(address);
        self
    }

    pub fn with_details(mut self, details: &str) -> Self {
        self.details = clipped(details);
        self
    }

    /// The record that follows `previous`.
    pub fn chained(&self, sequence: u64, previous: Digest) -> AuditRecord {
        AuditRecord { sequence, entry: self.clone(), hash: self.hash(sequence, previous) }
    }

    /// SHA-256 over the previous hash, the place, and each field with its length before it, so that no two different
    /// entries have the same bytes.
    fn hash(&self, sequence: u64, previous: Digest) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(previous.as_bytes());
        hasher.update(sequence.to_be_bytes());
        hasher.update(self.at.as_nanos().to_be_bytes());
        let fields = [
            self.actor.as_str(),
            &self.via,
            &self.action,
            &self.resource,
            self.result.as_str(),
            &self.request_id,
            &self.address,
            &self.details,
        ];
        for field in fields {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field.as_bytes());
        }
        Digest::from_bytes(hasher.finalize().into())
    }
}

/// Checks that `records` continue the chain after entry `after` with hash `previous`. Gives the new end.
pub fn verify_chain(
    after: u64,
    previous: Digest,
    records: &[AuditRecord],
) -> Result<(u64, Digest), AuditError> {
    let (mut sequence, mut hash) = (after, previous);
    for record in records {
        sequence += 1;
        let expected = record.entry.chained(sequence, hash);
        if record.sequence != sequence || record.hash != expected.hash {
            return Err(AuditError::Broken { sequence });
        }
        hash = record.hash;
    }
    Ok((sequence, hash))
}

impl AuditResult {
    pub const ALL: [Self; 3] = [Self::Done, Self::Denied, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.as_str() == text)
    }
}

fn clipped(text: &str) -> String {
    let mut end = text.len().min(AUDIT_FIELD_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
