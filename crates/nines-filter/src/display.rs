//! The canonical text: it parses to an equal tree.

use std::fmt::{self, Display, Formatter, Write};

use crate::parser::is_keyword;
use crate::{Comparison, Expr, Filter, Literal, Operator, Pattern, Test, TextSearch, Wildcard};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.ast() {
            Expr::All => Ok(()),
            other => other.fmt(f),
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_char('*'),
            Self::And(parts) => list(f, parts, " and ", |part| matches!(part, Self::Or(_) | Self::And(_))),
            Self::Or(parts) => list(f, parts, " or ", |part| matches!(part, Self::Or(_))),
            Self::Not(inner) => match **inner {
                Self::And(_) | Self::Or(_) => write!(f, "not ({inner})"),
                _ => write!(f, "not {inner}"),
            },
            Self::Text(search) => search.fmt(f),
            Self::Compare(comparison) => comparison.fmt(f),
        }
    }
}

fn list(f: &mut Formatter<'_>, parts: &[Expr], between: &str, wrap: fn(&Expr) -> bool) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        if wrap(part) { write!(f, "({part})")? } else { write!(f, "{part}")? }
    }
    Ok(())
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Unquoted, `duration` would be read as its alias.
        let bare = self.field != "duration" && is_plain(&self.field, "_.-@/$");
        write_word(f, &self.field, bare)?;
        match &self.test {
            Test::Exists => f.write_str(": *"),
            Test::Is(Operator::Equal, literal) => write!(f, ": {literal}"),
            Test::Is(operator, literal) => write!(f, " {} {literal}", operator.as_str()),
            Test::Between { low, high } => write!(f, ": [{low} to {high}]"),
            Test::Like(wildcard) => write!(f, ": {wildcard}"),
            Test::Matches(pattern) => write!(f, " ~ {pattern}"),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_value(f, self.text())
    }
}

impl Display for Wildcard {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts().iter().enumerate() {
            if index > 0 {
                f.write_char('*')?;
            }
            if !part.is_empty() {
                write_value(f, part)?;
            }
        }
        Ok(())
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.source().replace('/', "\\/"), if self.ignores_case() { "i" } else { "" })
    }
}

impl Display for TextSearch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_word(f, self.text(), is_plain(self.text(), "_.-@/$"))?;
        f.write_str(if self.is_prefix() { "*" } else { "" })
    }
}

fn write_value(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let bare = text.starts_with('-') && is_plain(&text[1..], "_.") || is_plain(text, "_.-@/$:%+,#?&;{}");
    write_word(f, text, bare)
}

fn write_word(f: &mut Formatter<'_>, text: &str, bare: bool) -> fmt::Result {
    if bare {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            other => f.write_char(other)?,
        }
    }
    f.write_char('"')
}

/// Whether the word reads as itself without quotes.
fn is_plain(text: &str, signs: &str) -> bool {
    text.starts_with(|first: char| first.is_alphanumeric() || first == '_' || first == '/')
        && text.chars().all(|character| character.is_alphanumeric() || signs.contains(character))
        && !is_keyword(text)
}
