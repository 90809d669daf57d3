//! A message in the form that each channel takes. All are pure, respect the channel's limits by cutting at the end of
//! the least important part, and escape for their sink: a label value from the telemetry is hostile text.

mod email;
mod slack;
mod text;
mod webhook;

pub use email::{Email, email};
pub use slack::slack;
pub use text::{sms, text};
pub use webhook::webhook;

/// Cuts to at most `max` characters (Unicode scalar values), the last of them an ellipsis if anything was cut.
fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(max.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// Text from telemetry on one line, without control characters and without marks that reorder what follows (Unicode
/// bidirectional overrides), so that it cannot forge a line, a header or a terminal escape.
fn one_line(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    text.chars()
        .map(|c| if c.is_whitespace() && c != '\u{a0}' { ' ' } else { c })
        .filter(|c| !harmful(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_on_its_line() {
        assert_eq!(one_line("a\r\nBcc: x\u{1b}[31m\u{202e}z"), "a  Bcc: x[31mz");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("預算用盡", 4), "預算用盡");
    }
}
