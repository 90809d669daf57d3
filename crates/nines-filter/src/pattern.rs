use nines_model::SmolStr;
use regex::{Regex, RegexBuilder};

/// A regular expression of the `regex` crate, which runs in time linear in the text. Found anywhere in the value.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: SmolStr,
    ignore_case: bool,
    regex: Regex,
}

/// Bytes of compiled program: about fifty Unicode classes. Bounds what one filter can cost to build and to hold.
const MAX_PROGRAM_BYTES: usize = 512 * 1024;
/// Nesting of groups, so that the parser's recursion is bounded.
const MAX_NESTING: u32 = 64;

impl Pattern {
    /// `Err` says in one line what is wrong with the expression.
    pub fn new(source: &str, ignore_case: bool) -> Result<Self, String> {
        let regex = RegexBuilder::new(source)
            .case_insensitive(ignore_case)
            .size_limit(MAX_PROGRAM_BYTES)
            .dfa_size_limit(MAX_PROGRAM_BYTES)
            .nest_limit(MAX_NESTING)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "it would need too much memory".to_owned(),
                other => last_line(&other.to_string()),
            })?;
        Ok(Self { source: SmolStr::new(source), ignore_case, regex })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }

    pub fn is_found_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.ignore_case == other.ignore_case
    }
}

/// The parser of `regex` explains itself over several lines, of which the last says what is wrong.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// A shape: fixed parts with anything, or nothing, in place of each `*`. Case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wildcard {
    /// What stands between the stars; first and last may be empty. At least two.
    parts: Vec<SmolStr>,
}

impl Wildcard {
    /// `parts` are what stands before, between and after the stars; neighbouring stars are one.
    pub fn new(parts: Vec<SmolStr>) -> Self {
        assert!(parts.len() >= 2, "a wildcard without a star is an equality");
        let last = parts.len() - 1;
        let keep = |index: usize, part: &SmolStr| index == 0 || index == last || !part.is_empty();
        let parts =
            parts.into_iter().enumerate().filter(|(index, part)| keep(*index, part)).map(|(_, part)| part);
        Self { parts: parts.collect() }
    }

    pub fn prefix(text: impl Into<SmolStr>) -> Self {
        Self { parts: vec![text.into(), SmolStr::default()] }
    }

    pub fn parts(&self) -> &[SmolStr] {
        &self.parts
    }

    /// The fixed beginning, if the shape is nothing else than a beginning.
    pub fn as_prefix(&self) -> Option<&str> {
        match &self.parts[..] {
            [first, last] if last.is_empty() => Some(first),
            _ => None,
        }
    }

    pub fn fits(&self, text: &str) -> bool {
        let (first, rest) = self.parts.split_first().expect("at least two parts");
        let (last, middle) = rest.split_last().expect("at least two parts");
        let Some(text) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut text) = text.strip_suffix(last.as_str()) else { return false };
        // The leftmost place for each part leaves the most room for the next.
        for part in middle {
            match text.find(part.as_str()) {
                Some(at) => text = &text[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_fit_like_their_regular_expressions() {
        let shapes = ["a*", "*a", "*a*", "a*b", "ab*ba", "*ab*ab*", "a*b*c", "**a"];
        let texts = ["", "a", "ab", "ba", "aba", "abba", "abab", "xaxbxc", "abc", "aab"];
        for shape in shapes {
            let wildcard = Wildcard::new(shape.split('*').map(SmolStr::new).collect());
            let regex = Regex::new(&format!("^{}$", shape.replace('*', ".*"))).unwrap();
            for text in texts {
                assert_eq!(wildcard.fits(text), regex.is_match(text), "{shape} on {text}");
            }
        }
    }

    #[test]
    fn a_large_program_is_refused() {
        assert!(Pattern::new(r"(\w{100}){100}", false).unwrap_err().contains("too much memory"));
        assert!(Pattern::new(&"(".repeat(200), false).is_err());
    }
}
