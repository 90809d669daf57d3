//! Slack's Block Kit. Limits: header 150, section text 3000, at most 10 fields of 2000 in a section, 50 blocks,
//! button text 75 and url 3000 characters.

use serde_json::{Value, json};

use super::{cut, one_line, text::heading};
use crate::AlertMessage;
use crate::language::word;

const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 3000;
const FIELD_MAX: usize = 2000;
const BUTTON_TEXT_MAX: usize = 75;
const BUTTON_URL_MAX: usize = 3000;
/// Slack allows 25 buttons; a message has at most as many links as there are kinds.
const BUTTONS_MAX: usize = 25;
/// The `text` that notifications show; Slack cuts at 4000 and so do we.
const TEXT_MAX: usize = 4000;

/// `{"text", "blocks"}`, to be merged with the channel and sent to `chat.postMessage`, `chat.update` or an incoming
/// webhook.
pub fn slack(message: &AlertMessage) -> Value {
    let language = message.language;
    let bold = |label: &str, text: &str| format!("*{label}*\n{}", escape(&one_line(text)));
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": cut(&one_line(&message.title), HEADER_MAX)}}),
        section(&bold(word::IMPACT.in_language(language), &message.explanation)),
        json!({"type": "section", "fields": [
            field(&bold(word::OBSERVED.in_language(language), &message.observed)),
            field(&bold(word::IDEAL.in_language(language), &message.ideal)),
            field(&bold(word::BUDGET.in_language(language), &message.budget)),
            field(&bold(word::SEVERITY.in_language(language), &format!(
                "{} {}, {}", message.level.as_str(), language.severity(message.severity), message.status.as_str()
            ))),
        ]}),
    ];
    let context =
        message.context.iter().map(|fact| format!("*{}* {}", fact.label, escape(&one_line(&fact.text))));
    blocks.push(section(&context.collect::<Vec<_>>().join("\n")));
    if !message.incomplete.is_empty() {
        let hints: Vec<_> = message.incomplete.iter().map(|missing| missing.hint()).collect();
        let text = format!("_{}: {}_", word::MISSING.in_language(language), hints.join("; "));
        blocks.push(
            json!({"type": "context", "elements": [{"type": "mrkdwn", "text": cut(&text, SECTION_MAX)}]}),
        );
    }
    let usable = message.links.iter().filter(|link| link.url.len() <= BUTTON_URL_MAX);
    let buttons: Vec<Value> = usable
        .take(BUTTONS_MAX)
        .map(|link| {
            json!({
                "type": "button",
                "action_id": format!("open_{}", link.kind.as_str()),
                "text": {"type": "plain_text", "text": cut(link.label, BUTTON_TEXT_MAX)},
                "url": link.url,
            })
        })
        .collect();
    if !buttons.is_empty() {
        blocks.push(json!({"type": "actions", "elements": buttons}));
    }
    json!({"text": cut(&escape(&heading(message)), TEXT_MAX), "blocks": blocks})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION_MAX)}})
}

fn field(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": cut(text, FIELD_MAX)})
}

/// The three characters that Slack's markup reserves; without this a field value could call `<!channel>`.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
