use super::text::heading;
use super::{cut, one_line, text};
use crate::language::word;
use crate::{AlertMessage, Status};

/// Subject lines are folded at 78 by the mail library; people and phones read about this much.
const SUBJECT_MAX: usize = 150;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Subject, plain text and HTML with inline styles only, which is what mail readers keep. No images, no tracking.
pub fn email(message: &AlertMessage) -> Email {
    Email { subject: cut(&heading(message), SUBJECT_MAX), text: text(message), html: html(message) }
}

fn html(message: &AlertMessage) -> String {
    let language = message.language;
    let colour = match (message.status, message.level) {
        (Status::Resolved, _) => "#2b8a3e",
        (_, crate::Level::P0 | crate::Level::P1) => "#c92a2a",
        (_, crate::Level::P2) => "#e67700",
    };
    let row = |label: &str, text: &str| {
        format!(
            "<tr><th align=\"left\" valign=\"top\" style=\"padding:4px 12px 4px 0;color:#495057\">{}</th>\
             <td style=\"padding:4px 0\">{}</td></tr>",
            escape(label),
            escape(&one_line(text))
        )
    };
    let mut rows = String::new();
    let severity = format!(
        "{} {}, {}",
        message.level.as_str(),
        language.severity(message.severity),
        message.status.as_str()
    );
    rows.push_str(&row(word::SEVERITY.in_language(language), &severity));
    rows.push_str(&row(word::IMPACT.in_language(language), &message.explanation));
    rows.push_str(&row(word::OBSERVED.in_language(language), &message.observed));
    rows.push_str(&row(word::IDEAL.in_language(language), &message.ideal));
    rows.push_str(&row(word::BUDGET.in_language(language), &message.budget));
    for fact in &message.context {
        rows.push_str(&row(fact.label, &fact.text));
    }
    if !message.incomplete.is_empty() {
        let hints: Vec<_> = message.incomplete.iter().map(|missing| missing.hint()).collect();
        rows.push_str(&row(word::MISSING.in_language(language), &hints.join("; ")));
    }
    let links: Vec<String> = message
        .links
        .iter()
        .map(|link| format!("<a href=\"{}\">{}</a>", escape(&link.url), escape(link.label)))
        .collect();
    format!(
        "<!doctype html><html lang=\"{lang}\"><body style=\"font-family:system-ui,sans-serif;color:#212529\">\
         <h1 style=\"font-size:18px;border-left:4px solid {colour};padding-left:10px\">{title}</h1>\
         <table style=\"border-collapse:collapse;font-size:14px\">{rows}</table>\
         <p style=\"font-size:14px\">{links}</p>\
         <p style=\"font-size:12px;color:#868e96\">{alert} · {fingerprint}</p></body></html>",
        lang = language.tag(),
        title = escape(&one_line(&message.title)),
        links = links.join(" · "),
        alert = escape(&message.alert.0),
        fingerprint = escape(&message.fingerprint),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
