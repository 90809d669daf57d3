//! What a bulk request is answered.

use std::fmt::Write;

use super::bulk::Item;
use crate::json::write_string;

/// Which parts of the answer the client asked for by `filter_path`. Agents ask for the errors alone, which saves both
/// sides most of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Full,
    /// `errors`, and of each item its status and error: `filter_path=errors,items.*.error,items.*.status`.
    Brief,
}

impl Shape {
    /// From the value of `filter_path`. Fields that were not asked for may be in the answer, those that were always are.
    pub fn of(filter_path: Option<&str>) -> Self {
        let is_brief = |path: &str| {
            matches!(path, "took" | "errors" | "items.*.error" | "items.*.status")
                || path.starts_with("items.*.error.")
                || path.starts_with("items.") && (path.ends_with(".error") || path.ends_with(".status"))
        };
        match filter_path {
            Some(paths) if paths.split(',').all(|path| is_brief(path.trim())) => Self::Brief,
            _ => Self::Full,
        }
    }
}

/// The answer to a bulk request that was taken in.
#[derive(Debug)]
pub struct BulkAnswer<'a> {
    pub took_ms: u64,
    pub items: &'a [Item<'a>],
    pub shape: Shape,
    /// Unlike that of any other request: ids that the client did not choose are made of it and the position.
    pub request_id: u64,
}

/// The size of a full item with a short index name.
const ITEM_BYTES: usize = 200;

impl BulkAnswer<'_> {
    /// The body, in JSON.
    pub fn body(&self) -> String {
        let failed = self.items.iter().any(|item| item.error.is_some());
        let item_bytes = if self.shape == Shape::Full { ITEM_BYTES } else { 32 };
        let mut out = String::with_capacity(64 + self.items.len() * item_bytes);
        let _ = write!(out, "{{\"took\":{},\"errors\":{failed},\"items\":[", self.took_ms);
        let prefix = format!("{:016x}", self.request_id);
        for (position, item) in self.items.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            out.push_str("{\"");
            out.push_str(item.operation.as_str());
            out.push_str("\":{");
            if self.shape == Shape::Full || item.error.is_some() {
                self.write_identity(&mut out, item, &prefix, position);
            }
            self.write_outcome(&mut out, item);
            out.push_str("}}");
        }
        out.push_str("]}");
        out
    }

    fn write_identity(&self, out: &mut String, item: &Item<'_>, prefix: &str, position: usize) {
        out.push_str("\"_index\":");
        write_string(out, &item.index);
        match &item.id {
            Some(id) => {
                out.push_str(",\"_id\":");
                write_string(out, id);
            }
            None => {
                let _ = write!(out, ",\"_id\":\"{prefix}{position:04}\"");
            }
        }
        out.push(',');
    }

    fn write_outcome(&self, out: &mut String, item: &Item<'_>) {
        match (&item.error, self.shape) {
            (Some(error), _) => {
                let _ = write!(out, "\"status\":400,\"error\":{{\"type\":\"{}\",\"reason\":", error.kind);
                write_string(out, &error.reason);
                out.push('}');
            }
            (None, Shape::Brief) => out.push_str("\"status\":201"),
            (None, Shape::Full) => out.push_str(
                "\"_version\":1,\"result\":\"created\",\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\
                 \"_seq_no\":0,\"_primary_term\":1,\"status\":201",
            ),
        }
    }
}

/// The body of a refusal as Elasticsearch writes it.
pub fn error_body(kind: &str, reason: &str, status: u16) -> String {
    let mut error = String::from("{\"type\":");
    write_string(&mut error, kind);
    error.push_str(",\"reason\":");
    write_string(&mut error, reason);
    let rest = &error[1..];
    format!("{{\"error\":{{\"root_cause\":[{error}}}],{rest}}},\"status\":{status}}}")
}
