//! Messages without what varies, so that `order 17 not found` and `order 18 not found` are one.

/// Longer messages are told apart by their beginning.
const TEMPLATE_BYTES_MAX: usize = 300;

/// The message with numbers, hexadecimal ids and quoted parts replaced by `*`.
///
/// ```
/// # use nines_apm::errors::template;
/// assert_eq!(template("order 17 of 'anna' not found (0x7f1a, 3b241101-e2bb-4255-8caf-4136c566a962)"),
///     "order * of * not found (*, *)");
/// ```
pub fn template(message: &str) -> String {
    let mut end = message.len().min(TEMPLATE_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = String::with_capacity(end);
    let mut rest = &message[..end];
    while let Some(first) = rest.chars().next() {
        if let Some(length) = quoted(rest, first) {
            out.push('*');
            rest = &rest[length..];
            continue;
        }
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let word = &rest[..length];
        out.push_str(if varies(word) { "*" } else { word });
        rest = &rest[length..];
    }
    out
}

/// The length of the quoted part at the beginning. An apostrophe inside a word quotes nothing, as words are taken whole.
fn quoted(text: &str, first: char) -> Option<usize> {
    if !matches!(first, '\'' | '"' | '`') {
        return None;
    }
    text[1..].find(first).map(|at| at + 2)
}

/// Chinese, Japanese and Korean characters each stand alone, as their texts have no blanks.
fn is_word(c: char) -> bool {
    (c.is_alphanumeric() && c < '\u{2e80}') || matches!(c, '_' | '-' | '.')
}

/// Numbers with their units and signs, versions, ids: whatever holds a digit.
fn varies(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_and_values_go() {
        for (message, expected) in [
            ("", ""),
            ("connection refused", "connection refused"),
            ("can't do it", "can't do it"),
            ("waited 30.5ms for 10.0.0.7:5432", "waited * for *:*"),
            ("第17次重試失敗", "第*次重試失敗"),
            ("重試 17 次失敗", "重試 * 次失敗"),
            ("it says \"no", "it says \"no"),
        ] {
            assert_eq!(template(message), expected);
        }
        assert!(template(&"x 1 ".repeat(1000)).len() <= TEMPLATE_BYTES_MAX);
        assert_eq!(template("\u{1f4a5}".repeat(500).as_str()).len() % 4, 0);
    }
}
