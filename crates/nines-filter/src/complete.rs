//! What may stand at the cursor while a filter is being typed. The names and values themselves come from the caller,
//! who knows the data.

use std::ops::Range;

use crate::parser::{ends_value, is_keyword, resolve_alias, word_len};

/// What to offer at the cursor, and which part of the text the choice replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub context: Context,
    /// Bytes of the text that the chosen completion replaces; empty where nothing has been typed yet.
    pub replace: Range<usize>,
    /// Keywords that fit here too and begin with what has been typed.
    pub keywords: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Context {
    /// A field name, or a word to search for.
    Field { prefix: String },
    /// A value of `field`; aliases are resolved and quotes removed.
    Value { field: String, prefix: String },
    /// An operator after `field`, which might also be a word.
    Operator { field: String },
    /// Nothing but [`Completion::keywords`].
    Keyword,
}

/// The operators to offer, the most used first.
pub const OPERATORS: [&str; 8] = [":", "!=", ">", ">=", "<", "<=", "=", "~"];

/// Reads `text` up to `cursor` (a byte offset; moved back to a character boundary and into the text). Never fails: a
/// text that is not a filter yet is the normal case.
pub fn complete(text: &str, cursor: usize) -> Completion {
    let mut cursor = cursor.min(text.len());
    while !text.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let mut scan = Scan { text: &text[..cursor], at: 0 };
    let mut state = State::Term;
    let mut groups: Vec<Option<String>> = Vec::new();
    loop {
        scan.skip_blanks();
        let start = scan.at;
        if scan.rest().is_empty() {
            return at_gap(state, cursor);
        }
        let in_group = groups.last().and_then(Clone::clone);
        state = match state {
            State::Value { field } if scan.take("(") => {
                groups.push(Some(field.clone()));
                State::Value { field }
            }
            State::Value { field } if scan.take("[") => State::Value { field },
            State::Value { field } if scan.take_operator() => State::Value { field },
            State::Value { field } => {
                let word = scan.value();
                if scan.rest().is_empty() {
                    let end = cursor + text[cursor..].find(ends_value).unwrap_or(text.len() - cursor);
                    return Completion {
                        context: Context::Value { field, prefix: word },
                        replace: start..end,
                        keywords: Vec::new(),
                    };
                }
                State::After { field: in_group }
            }
            _ if scan.take("(") => {
                groups.push(in_group);
                State::Term
            }
            _ if scan.take(")") => {
                groups.pop();
                State::After { field: groups.last().and_then(Clone::clone) }
            }
            // The rest of a range, or a sign that belongs nowhere.
            _ if scan.take("[") || scan.take("]") || scan.take("*") => State::After { field: in_group },
            State::Term | State::After { .. } | State::Name { .. } => {
                if let State::Name { name } = &state
                    && scan.take_operator()
                {
                    State::Value { field: resolve_alias(name).to_owned() }
                } else {
                    let after_term = matches!(state, State::After { .. } | State::Name { .. });
                    let (word, quoted) = scan.name();
                    if scan.rest().is_empty()
                        && !(quoted && scan.text.len() > start + 1 && scan.text.ends_with('"'))
                    {
                        return typing(text, start, cursor, word, after_term, in_group);
                    }
                    if !quoted && is_keyword(&word) {
                        match in_group {
                            Some(field) => State::Value { field },
                            None => State::Term,
                        }
                    } else if !quoted && word.eq_ignore_ascii_case("to") {
                        State::After { field: in_group }
                    } else {
                        State::Name { name: word }
                    }
                }
            }
        };
    }
}

enum State {
    /// A condition begins.
    Term,
    /// A name or word has been read.
    Name { name: String },
    /// An operator has been read.
    Value { field: String },
    /// A condition is complete. Inside a group, `field` is what it is about.
    After { field: Option<String> },
}

/// At the cursor nothing has been typed yet.
fn at_gap(state: State, cursor: usize) -> Completion {
    let (context, keywords) = match state {
        State::Term => (Context::Field { prefix: String::new() }, vec!["not"]),
        State::Name { name } => {
            (Context::Operator { field: resolve_alias(&name).to_owned() }, vec!["and", "or"])
        }
        State::Value { field } => (Context::Value { field, prefix: String::new() }, Vec::new()),
        State::After { field: Some(_) } => (Context::Keyword, vec!["or", "and"]),
        State::After { field: None } => (Context::Field { prefix: String::new() }, vec!["and", "or", "not"]),
    };
    Completion { context, replace: cursor..cursor, keywords }
}

/// The cursor is in or at the end of a word where a condition begins.
fn typing(
    text: &str,
    start: usize,
    cursor: usize,
    word: String,
    after_term: bool,
    in_group: Option<String>,
) -> Completion {
    let fitting: &[&'static str] = if after_term { &["and", "or", "not"] } else { &["not"] };
    let begins = |keyword: &&&str| {
        keyword.len() >= word.len() && keyword.as_bytes()[..word.len()].eq_ignore_ascii_case(word.as_bytes())
    };
    Completion {
        context: if in_group.is_some() { Context::Keyword } else { Context::Field { prefix: word.clone() } },
        replace: start..cursor + word_len(&text[cursor..]),
        keywords: fitting.iter().filter(begins).copied().collect(),
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn take_operator(&mut self) -> bool {
        ["!=", "<=", ">=", "!~", ":", "=", "<", ">", "~"].iter().any(|sign| self.take(sign))
    }

    /// Never advances by nothing: a sign that starts no word is passed over.
    fn name(&mut self) -> (String, bool) {
        if self.rest().starts_with('"') {
            return (self.quoted(), true);
        }
        let rest = self.rest();
        let len = word_len(rest).max(rest.chars().next().map_or(0, char::len_utf8));
        self.at += len;
        (rest[..len].to_owned(), false)
    }

    fn value(&mut self) -> String {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let rest = self.rest();
        let len =
            rest.find(ends_value).unwrap_or(rest.len()).max(rest.chars().next().map_or(0, char::len_utf8));
        self.at += len;
        rest[..len].to_owned()
    }

    /// A quoted text, closed or not, without its quotes and escapes.
    fn quoted(&mut self) -> String {
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 1;
                    return text;
                }
                '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                other => text.push(other),
            }
        }
        self.at = self.text.len();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` marks the cursor.
    #[track_caller]
    fn check(marked: &str, context: Context, replaced: &str, keywords: &[&str]) {
        let cursor = marked.find('|').unwrap();
        let text = marked.replacen('|', "", 1);
        let completion = complete(&text, cursor);
        assert_eq!(completion.context, context, "{marked}");
        assert_eq!(&text[completion.replace.clone()], replaced, "{marked}");
        assert_eq!(completion.keywords, keywords, "{marked}");
    }

    fn field(prefix: &str) -> Context {
        Context::Field { prefix: prefix.to_owned() }
    }

    fn value(field: &str, prefix: &str) -> Context {
        Context::Value { field: field.to_owned(), prefix: prefix.to_owned() }
    }

    #[test]
    fn the_cursor_decides_what_is_offered() {
        check("|", field(""), "", &["not"]);
        check("serv|", field("serv"), "serv", &[]);
        check("se|rv", field("se"), "serv", &[]);
        check("service.name |", Context::Operator { field: "service.name".to_owned() }, "", &["and", "or"]);
        check("service.name:|", value("service.name", ""), "", &[]);
        check("service.name: ch|eck", value("service.name", "ch"), "check", &[]);
        check("service.name: \"my ch|", value("service.name", "my ch"), "\"my ch", &[]);
        check("service.name: (a or b|", value("service.name", "b"), "b", &[]);
        check("service.name: (a |", Context::Keyword, "", &["or", "and"]);
        check("service.name: (a or b) |", field(""), "", &["and", "or", "not"]);
        check("service.name: (a or b) a|", field("a"), "a", &["and"]);
        check("a: b and (c: d or ht|", field("ht"), "ht", &[]);
        check("a: b and not |", field(""), "", &["not"]);
        check("duration > |", value("duration_ns", ""), "", &[]);
        check("\"my field\": v|", value("my field", "v"), "v", &[]);
        check("地區: 台|", value("地區", "台"), "台", &[]);
    }

    #[test]
    fn any_text_and_cursor_are_answered() {
        let text = "a: (b or \"c\\\" d\" [ 地 ~ /x/ != ) ) and * \\";
        for cursor in 0..text.len() + 3 {
            let completion = complete(text, cursor);
            assert!(text.get(completion.replace).is_some(), "cursor {cursor}");
        }
    }
}
