use super::{cut, one_line};
use crate::AlertMessage;
use crate::language::word;

/// The whole message as plain text: for chat without formatting, for e-mail's text part, for a terminal.
pub fn text(message: &AlertMessage) -> String {
    let language = message.language;
    let label = |word: &crate::language::Word| word.in_language(language);
    let mut lines = vec![heading(message), String::new()];
    lines.push(format!("{}: {}", label(&word::IMPACT), one_line(&message.explanation)));
    lines.push(format!("{}: {}", label(&word::OBSERVED), one_line(&message.observed)));
    lines.push(format!("{}: {}", label(&word::IDEAL), one_line(&message.ideal)));
    lines.push(format!("{}: {}", label(&word::BUDGET), message.budget));
    lines.push(String::new());
    lines.extend(message.context.iter().map(|fact| format!("{}: {}", fact.label, one_line(&fact.text))));
    if !message.incomplete.is_empty() {
        lines.push(String::new());
        let hints: Vec<_> = message.incomplete.iter().map(|missing| missing.hint()).collect();
        lines.push(format!("{}: {}", label(&word::MISSING), hints.join("; ")));
    }
    if !message.links.is_empty() {
        lines.push(String::new());
        lines.extend(message.links.iter().map(|link| format!("{}: {}", link.label, link.url)));
    }
    lines.push(String::new());
    lines.push(format!("{} · {}", message.alert, message.fingerprint));
    lines.join("\n")
}

/// `[P1 page, firing] checkout: 4.1 % of requests fail (normal 0.2 %)`
pub(super) fn heading(message: &AlertMessage) -> String {
    let severity = message.language.severity(message.severity);
    format!(
        "[{} {severity}, {}] {}",
        message.level.as_str(),
        message.status.as_str(),
        one_line(&message.title)
    )
}

/// One SMS: 160 characters if all are in the GSM alphabet, else 70 (3GPP TS 23.038). The incident link, if it fits,
/// takes precedence over the end of the title.
pub fn sms(message: &AlertMessage) -> String {
    let link = message.incident.as_ref().or(Some(&message.alert.0)).cloned().unwrap_or_default();
    // Our own typography costs half the message in the other alphabet.
    let title = one_line(&message.title).replace('\u{a0}', " ").replace('…', "...");
    let status = if message.status == crate::Status::Resolved { "OK" } else { message.level.as_str() };
    let body = format!("{status} {title}");
    let is_gsm = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii() && !matches!(c, '`' | '[' | ']' | '{' | '}' | '~' | '^' | '|' | '\\'))
    };
    let limit = if is_gsm(&body) && is_gsm(&link) { 160 } else { 70 };
    let room = limit - link.chars().count().min(limit / 2) - 1;
    let body = if limit == 160 && body.chars().count() > room {
        format!("{}...", body.chars().take(room - 3).collect::<String>())
    } else {
        cut(&body, room)
    };
    format!("{body} {}", cut(&link, limit / 2))
}
