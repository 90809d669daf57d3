use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error, as RFC 9457 has it (`application/problem+json`).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, PartialEq)]
pub struct Problem {
    /// `https://nines.invalid/problems/<code>`: an identifier, not a page.
    #[serde(rename = "type")]
    pub kind: String,
    /// Stable word to match on: `invalid_input`, `not_found`, `conflict`, `unauthenticated`, `forbidden`, `exhausted`,
    /// `too_large`, `timeout`, `cancelled`, `unavailable`, `internal`, or a finer one such as `invalid_filter`.
    pub code: String,
    pub status: u16,
    pub title: String,
    /// What was wrong, where.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Byte offset of the fault in the text that was sent (filter or SQL).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// Each fault of a document set, for `apply`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    pub request_id: String,
}

/// One fault in a document.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, PartialEq)]
pub struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1.
    pub column: u32,
    /// Such as `spec.objectives[0].target`.
    pub path: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
