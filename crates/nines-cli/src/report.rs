//! Errors as people read them: what went wrong, the causes, where, and what to do.

use std::error::Error;

use nines_client::ClientError;

use crate::output::style;

/// To standard error.
pub fn print(error: &anyhow::Error) {
    eprint!("{}", render(error));
}

fn render(error: &anyhow::Error) -> String {
    let mut text = format!("{} {}\n", style::red("error:"), chain(error));
    if let Some(client) = error.chain().find_map(|cause| cause.downcast_ref::<ClientError>()) {
        for fault in client.faults() {
            text.push_str(&fault_lines(fault));
        }
        if let Some(hint) = client.hint() {
            text.push_str(&format!("{} {hint}\n", style::cyan("hint:")));
        }
        if let Some(problem) = client.problem().filter(|problem| problem.status >= 500) {
            text.push_str(&format!("{} request {}\n", style::dim("id:"), problem.request_id));
        }
    }
    text
}

/// Each cause once: some errors repeat their source's text.
fn chain(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(current) = cause {
        let part = current.to_string();
        if !parts.iter().any(|earlier| earlier.contains(&part)) {
            parts.push(part);
        }
        cause = current.source();
    }
    parts.join(": ")
}

/// `file:line:column: message`, and a hint below it.
pub fn fault_lines(fault: &nines_api::Fault) -> String {
    let file = fault.file.as_deref().unwrap_or("-");
    let mut text = format!("{file}:{}:{}: {}", fault.line, fault.column, fault.message);
    if !fault.path.is_empty() {
        text.push_str(&format!(" {}", style::dim(&format!("({})", fault.path))));
    }
    text.push('\n');
    if let Some(hint) = &fault.hint {
        text.push_str(&format!("  {} {hint}\n", style::cyan("hint:")));
    }
    text
}

/// The line of `text` that holds byte `offset`, with a caret below it.
pub fn caret(text: &str, offset: usize) -> String {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let indent = unicode_width::UnicodeWidthStr::width(&text[start..offset]);
    format!("  {line}\n  {}{}\n", " ".repeat(indent), style::red("^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_points_at_the_fault_under_wide_characters_too() {
        assert_eq!(caret("a: b", 3), "  a: b\n     ^\n");
        assert_eq!(caret("select\n選擇 x", 7 + 7), "  選擇 x\n       ^\n");
        assert_eq!(caret("", 9), "  \n  ^\n");
        // In the middle of a character: at its start.
        assert_eq!(caret("é", 1), "  é\n  ^\n");
    }

    #[test]
    fn a_fault_names_its_place() {
        let fault = nines_api::Fault {
            file: Some("slo.yaml".to_owned()),
            line: 3,
            column: 7,
            path: String::new(),
            message: "unknown key `targt`".to_owned(),
            hint: Some("did you mean `target`".to_owned()),
        };
        assert_eq!(fault_lines(&fault), "slo.yaml:3:7: unknown key `targt`\n  hint: did you mean `target`\n");
    }
}
