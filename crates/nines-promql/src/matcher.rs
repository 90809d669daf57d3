//! Label matchers.

use std::fmt;
use std::sync::Arc;

use crate::labels::{Labels, is_plain_label_name, quoted};

/// A compiled matcher takes at most this much memory: upstream has no limit, RE2 programs of real matchers stay below
/// a tenth of it.
const REGEX_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchOp {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// One condition on one label. An absent label has the empty value.
#[derive(Clone)]
pub struct Matcher {
    name: Arc<str>,
    op: MatchOp,
    value: Arc<str>,
    regex: Option<regex::Regex>,
}

impl Matcher {
    /// Compiles the expression, which matches only whole values. The error is the text to show.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, String> {
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(anchored(value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Self { name: name.into(), op, value: value.into(), regex })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn op(&self) -> MatchOp {
        self.op
    }

    pub fn value(&self) -> &str {
        &self.value
    }

    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => *self.value == *value,
            (MatchOp::NotEqual, _) => *self.value != *value,
            (MatchOp::Regex, Some(regex)) => regex.is_match(value),
            (MatchOp::NotRegex, Some(regex)) => !regex.is_match(value),
            (_, None) => false,
        }
    }

    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name))
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain_label_name(&self.name) {
            write!(f, "{}{}{}", self.name, self.op.symbol(), quoted(&self.value))
        } else {
            write!(f, "{}{}{}", quoted(&self.name), self.op.symbol(), quoted(&self.value))
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The expression over a whole text, dot matching newlines too, as upstream anchors it.
pub(crate) fn anchored(pattern: &str) -> Result<regex::Regex, String> {
    // Compiled on its own first, so that `a)(b` is no way out of the group around it.
    let build = |text: &str| regex::RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
    let wrapped = build(pattern).and_then(|_| build(&format!("^(?s:{pattern})$")));
    wrapped.map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("regular expression {} is larger than {limit} bytes when compiled", quoted(pattern))
        }
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or("syntax error").trim_start_matches("error: ");
            format!("regular expression {} is invalid: {reason}", quoted(pattern))
        }
    })
}
