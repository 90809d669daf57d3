//! Search that guides: what is different about some rows, what lies around one, what is coming in, what was kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{QueryStats, Time};

/// Some of the rows of a search, to be held against the rest of them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CompareRequest {
    #[serde(default = "logs")]
    pub dataset: String,
    /// All rows: those that are selected, and those that they are compared with.
    #[serde(default)]
    pub filter: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    pub selected: Selection,
}

/// Rows that pass all of these; at least one is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Selection {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
}

fn logs() -> String {
    "logs".to_owned()
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CompareResponse {
    /// Rows that are selected, and the rest.
    pub selected: u64,
    pub rest: u64,
    /// What stands out among the selected rows, the strongest first.
    pub differences: Vec<Difference>,
    /// Fields that were looked at.
    pub fields: u32,
    /// The counts are of a sample.
    pub sampled: bool,
    pub stats: QueryStats,
}

/// A value that the selected rows have more often than the rest.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    pub field: String,
    pub value: String,
    /// `place`: where or in what it happens, such as a version, a region, a flag; `symptom`: how it shows, such as an
    /// error type or a status code.
    pub role: String,
    pub selected: u64,
    pub rest: u64,
    /// Share of the selected rows that have the value, 0 to 1.
    pub selected_share: f64,
    pub rest_share: f64,
    /// How much more often at the least, in shares, with 95 % confidence. What the list is sorted by.
    pub margin: f64,
    /// Other fields that tell exactly the same rows apart.
    pub also: Vec<FieldValue>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldValue {
    pub field: String,
    pub value: String,
}

/// The rows before and after a moment, of one stream.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AroundRequest {
    #[serde(default = "logs")]
    pub dataset: String,
    /// Of the row in the middle, as the search gave it.
    pub at: Time,
    /// What rows have in common with it; empty takes every row of the dataset.
    #[serde(default)]
    pub stream: Vec<FieldValue>,
    /// Default 20, at most 200, on each side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AroundResponse {
    /// Oldest first; those before the moment, then those at and after it.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
    /// How many of the rows lie before the moment.
    pub before: u32,
    /// There are earlier ones, and later ones, within the day that was looked at.
    pub more_before: bool,
    pub more_after: bool,
    pub stats: QueryStats,
}

/// Rows that have just come in, in order of arrival: an event of `GET /api/v1/tail`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TailRows {
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Matching rows left out since the last event, because they came faster than they can be read.
    pub skipped: u64,
    /// Rows not even looked at since the last event, because ingest had no time to spare.
    pub unread: u64,
}

/// A search or an SQL text that is kept under a name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SavedRequest {
    pub name: String,
    /// `search` or `sql`.
    pub kind: String,
    /// The team that it is for; absent: everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The filter or the SQL.
    pub text: String,
    /// As people write times: `now-1h` or RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Fields shown as columns; empty: the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_by: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SavedQuestion {
    #[serde(flatten)]
    pub question: SavedRequest,
    pub created_by: String,
    pub created_at: Time,
    pub updated_by: String,
    pub updated_at: Time,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SavedResponse {
    /// By name.
    pub questions: Vec<SavedQuestion>,
}
