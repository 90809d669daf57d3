//! What happened and ended while a target could not be reached, in one message.

use serde_json::json;

use crate::{Draft, Page, PageFilter};

/// Lines shown; the rest is a number. A person reads twenty.
const LINES_MAX: usize = 20;

/// `pages` are those merged into the digest, newest first, at most [`PageFilter::LIMIT_MAX`] of them.
pub(super) fn draft(pages: &[Page]) -> Draft {
    let total = pages.len();
    let more = if total < PageFilter::LIMIT_MAX as usize { "" } else { " or more" };
    let alerts = if total == 1 { "alert" } else { "alerts" };
    let title = format!("{total}{more} {alerts} fired and resolved while this target could not be reached");
    let mut lines: Vec<String> = pages
        .iter()
        .take(LINES_MAX)
        .map(|page| format!("{} · {}", page.new.created_at, page.new.title))
        .collect();
    if total > lines.len() {
        lines.push(format!("and {} more", total - lines.len()));
    }
    let items: Vec<_> = pages
        .iter()
        .map(|page| {
            json!({
                "page": page.new.id.0,
                "subject": {"kind": page.new.subject.kind.as_str(), "id": page.new.subject.id},
                "title": page.new.title,
                "created_at": page.new.created_at.to_string(),
            })
        })
        .collect();
    let payload = json!({"type": "outbox.digest", "data": {"title": title, "total": total, "pages": items}});
    Draft::plain(title, lines.join("\n"), payload)
}
