//! The four matchers of PromQL. A missing label has the empty value.

use std::fmt;

use crate::SeriesError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

/// One condition on one label. Regular expressions are anchored at both ends, and `.` matches a line break, as upstream.
#[derive(Debug, Clone)]
pub struct Matcher {
    pub name: String,
    pub op: MatchOp,
    pub value: String,
    test: Test,
}

/// What a pattern amounts to. Most are one of the simple forms.
#[derive(Debug, Clone)]
enum Test {
    /// One of these values.
    OneOf(Vec<String>),
    Anything,
    NotEmpty,
    Prefix {
        prefix: String,
        more: bool,
    },
    Suffix {
        suffix: String,
        more: bool,
    },
    Contains(String),
    Regex(regex::Regex),
}

/// A compiled expression above this is refused: 1 MiB is thousands of alternatives.
const REGEX_BYTES_MAX: usize = 1 << 20;

impl Matcher {
    /// Fails for an expression that is not valid or compiles to more than a MiB.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, SeriesError> {
        let (name, value) = (name.into(), value.into());
        let test = match op {
            MatchOp::Equal | MatchOp::NotEqual => Test::OneOf(vec![value.clone()]),
            MatchOp::Regex | MatchOp::NotRegex => match simple(&value) {
                Some(test) => test,
                None => {
                    let anchored = format!("^(?s:{value})$");
                    let built = regex::RegexBuilder::new(&anchored).size_limit(REGEX_BYTES_MAX).build();
                    let named = || format!("{name}=~{value:?}");
                    Test::Regex(built.map_err(|source| SeriesError::Regex { matcher: named(), source })?)
                }
            },
        };
        Ok(Self { name, op, value, test })
    }

    /// For names and values that need no checking.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        let test = Test::OneOf(vec![value.clone()]);
        Self { name: name.into(), op: MatchOp::Equal, value, test }
    }

    pub fn matches(&self, value: &str) -> bool {
        self.test.holds(value) != self.is_negative()
    }

    fn is_negative(&self) -> bool {
        matches!(self.op, MatchOp::NotEqual | MatchOp::NotRegex)
    }

    /// The only values that match, if they can be listed.
    pub(crate) fn exact_values(&self) -> Option<&[String]> {
        match &self.test {
            Test::OneOf(values) if !self.is_negative() => Some(values),
            _ => None,
        }
    }

    /// The only values that do not match, if they can be listed.
    pub(crate) fn excluded_values(&self) -> Option<&[String]> {
        match &self.test {
            Test::OneOf(values) if self.is_negative() => Some(values),
            _ => None,
        }
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        let inner = |more: bool, length: usize| !more || value.len() > length;
        match self {
            Self::OneOf(values) => values.iter().any(|one| one == value),
            Self::Anything => true,
            Self::NotEmpty => !value.is_empty(),
            Self::Prefix { prefix, more } => value.starts_with(prefix.as_str()) && inner(*more, prefix.len()),
            Self::Suffix { suffix, more } => value.ends_with(suffix.as_str()) && inner(*more, suffix.len()),
            Self::Contains(part) => value.contains(part.as_str()),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

fn simple(pattern: &str) -> Option<Test> {
    match pattern {
        ".*" => return Some(Test::Anything),
        ".+" => return Some(Test::NotEmpty),
        _ => {}
    }
    if let Some(inner) = pattern.strip_prefix(".*").and_then(|rest| rest.strip_suffix(".*"))
        && is_literal(inner)
    {
        return Some(Test::Contains(inner.into()));
    }
    for (wild, more) in [(".*", false), (".+", true)] {
        if let Some(prefix) = pattern.strip_suffix(wild).filter(|prefix| is_literal(prefix)) {
            return Some(Test::Prefix { prefix: prefix.into(), more });
        }
        if let Some(suffix) = pattern.strip_prefix(wild).filter(|suffix| is_literal(suffix)) {
            return Some(Test::Suffix { suffix: suffix.into(), more });
        }
    }
    let inner = pattern.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(pattern);
    let mut values: Vec<String> = inner.split('|').map(str::to_owned).collect();
    // A union over postings must not count a series twice.
    values.sort_unstable();
    values.dedup();
    values.iter().all(|value| is_literal(value)).then_some(Test::OneOf(values))
}

fn is_literal(text: &str) -> bool {
    !text.contains(['.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$', '\\'])
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        };
        write!(f, "{}{op}{:?}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_forms_answer_as_the_expression_would() {
        let patterns = [
            ".*", ".+", "", "a", "a|b", "(a|b)", "a|", "ab.*", "ab.+", ".*ab", ".+ab", ".*ab.*", "a.b",
            "a.*b", "[ab]", "a?", "a|b.*", "a\\.b", "(a)|b", "^a$", ".*a|b", "a\nb", ".*.*", "x|.*",
        ];
        let values = ["", "a", "b", "ab", "abc", "xab", "xabx", "a.b", "a\nb", "aXb", "a|", "x", "(a", "b)"];
        for pattern in patterns {
            let regex = regex::Regex::new(&format!("^(?s:{pattern})$")).unwrap();
            let (yes, no) =
                (Matcher::new("l", MatchOp::Regex, pattern), Matcher::new("l", MatchOp::NotRegex, pattern));
            let (yes, no) = (yes.unwrap(), no.unwrap());
            for value in values {
                assert_eq!(yes.matches(value), regex.is_match(value), "{pattern:?} on {value:?}");
                assert_eq!(no.matches(value), !regex.is_match(value), "{pattern:?} on {value:?}");
            }
        }
    }

    #[test]
    fn a_bad_expression_is_named() {
        let error = Matcher::new("pod", MatchOp::Regex, "a(").unwrap_err();
        assert_eq!(error.to_string(), "matcher pod=~\"a(\" is not a valid regular expression");
    }
}
