//! Recursive descent over the text; no separate lexer, because a sign means different things before and after an
//! operator (`url: http://host/a?b=c` is one comparison).
//!
//! ```text
//! filter     = [ any ]
//! any        = all { "or" all }
//! all        = one { [ "and" ] one }
//! one        = "not" one | "(" any ")" | "*" | name test | text
//! test       = ":" ( value | group | range | operator literal ) | operator literal | "~" regex
//! group      = "(" values ")"           values as any/all/one, with a value in place of name and test
//! range      = "[" bound "to" bound "]"
//! text       = ( word | quoted ) [ "*" ]
//! value      = { bare | quoted | "*" }  without blanks between
//! ```

use nines_model::{Name, SmolStr, field};

use crate::literal::is_time;
use crate::text::MAX_WORD_BYTES;
use crate::{Expr, FilterError, Literal, Operator, Pattern, Test, TextSearch, Wildcard};

/// The longest filter, in bytes. A page of conditions fits several times over.
pub const MAX_BYTES: usize = 8 * 1024;
/// The deepest nesting of parentheses and `not`. Bounds the recursion of everything that walks the tree.
pub const MAX_DEPTH: usize = 64;
/// The most comparisons, words and connectives. Bounds what one filter costs per event.
pub const MAX_NODES: usize = 512;

const KEYWORDS: [&str; 3] = ["and", "or", "not"];

/// What may be meant by a sign that is not of the language, longest first.
const FOREIGN: [(&str, &str); 14] = [
    ("===", "did you mean `=`?"),
    ("!==", "did you mean `!=`?"),
    ("==", "did you mean `=`?"),
    ("=~", "did you mean `~`?"),
    ("!~", "write `not field ~ /pattern/`"),
    ("<>", "did you mean `!=`?"),
    ("=>", "did you mean `>=`?"),
    ("=<", "did you mean `<=`?"),
    (":=", "did you mean `:`?"),
    ("::", "did you mean `:`?"),
    ("=!", "did you mean `!=`?"),
    ("><", "did you mean `!=`?"),
    ("~=", "did you mean `~`?"),
    ("<<", "did you mean `<`?"),
];

pub(crate) fn parse(source: &str) -> Result<Expr, FilterError> {
    if source.len() > MAX_BYTES {
        let message = format!("filter is {} bytes long, the limit is {MAX_BYTES}", source.len());
        return Err(FilterError::new(message, 0, 0).hint("use a regular expression or split it"));
    }
    let mut parser = Parser { source, at: 0, depth: 0, nodes: 0 };
    parser.skip_blanks();
    if parser.at_end() {
        return Ok(Expr::All);
    }
    let expr = parser.any(Scope::Event)?;
    if parser.peek() == Some(')') {
        return Err(parser.error_here("this `)` closes nothing", 1).hint("remove it, or open a `(` before"));
    }
    debug_assert!(parser.at_end());
    Ok(expr)
}

pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Characters that end a name or a word.
pub(crate) fn ends_word(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '(' | ')' | '[' | ']' | '"' | ':' | '=' | '<' | '>' | '~' | '*')
}

/// Characters that end an unquoted part of a value.
pub(crate) fn ends_value(character: char) -> bool {
    character.is_whitespace() || matches!(character, '(' | ')' | '[' | ']' | '"' | '*')
}

/// The field that a name means.
pub(crate) fn resolve_alias(name: &str) -> &str {
    if name == "duration" { field::DURATION_NS } else { name }
}

/// What a term is about: an event, or, inside `field: ( … )`, the value of a field.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Event,
    Field(&'a Name),
}

struct Parser<'a> {
    source: &'a str,
    at: usize,
    depth: usize,
    nodes: usize,
}

type Parsed<T> = Result<T, FilterError>;

impl<'a> Parser<'a> {
    fn any(&mut self, scope: Scope<'_>) -> Parsed<Expr> {
        let mut parts = vec![self.all(scope)?];
        while self.take_keyword("or") {
            self.count_node()?;
            parts.push(self.all(scope)?);
        }
        Ok(Expr::or(parts))
    }

    fn all(&mut self, scope: Scope<'_>) -> Parsed<Expr> {
        let mut parts = vec![self.one(scope)?];
        loop {
            self.skip_blanks();
            let explicit = self.take_keyword("and");
            if !explicit && (self.at_end() || self.peek() == Some(')') || self.sees_keyword("or")) {
                return Ok(Expr::and(parts));
            }
            if !explicit && let Scope::Field(_) = scope {
                let len = self.word_len();
                return Err(self
                    .error_here("values in a group need a keyword between them", len)
                    .hint("write `or`"));
            }
            parts.push(self.one(scope)?);
        }
    }

    fn one(&mut self, scope: Scope<'_>) -> Parsed<Expr> {
        self.skip_blanks();
        self.count_node()?;
        let start = self.at;
        if self.take_keyword("not") {
            return self.nested(start, |parser| Ok(Expr::not(parser.one(scope)?)));
        }
        if self.take('(') {
            return self.nested(start, |parser| {
                parser.skip_blanks();
                if parser.peek() == Some(')') {
                    let error = FilterError::new("these parentheses are empty", start, parser.at + 1 - start);
                    return Err(error.hint("put a condition between them"));
                }
                let inner = parser.any(scope)?;
                if parser.take(')') {
                    return Ok(inner);
                }
                Err(FilterError::new("this `(` is never closed", start, 1).hint("add a `)`"))
            });
        }
        self.refuse_connective(scope)?;
        match scope {
            Scope::Event => self.term(),
            Scope::Field(name) => self.value_test(name, Operator::Equal),
        }
    }

    /// Words and signs that cannot start a term, each with what was probably meant.
    fn refuse_connective(&self, scope: Scope<'_>) -> Parsed<()> {
        let wanted = match scope {
            Scope::Event => "a condition",
            Scope::Field(_) => "a value",
        };
        if self.at_end() {
            return Err(self.error_here(format!("{wanted} is missing at the end"), 0).hint("complete it"));
        }
        for keyword in KEYWORDS {
            if self.sees_keyword(keyword) {
                let message = format!("expected {wanted}, found the keyword `{keyword}`");
                let hint = format!("quote it to mean the word: \"{keyword}\"");
                return Err(self.error_here(message, keyword.len()).hint(hint));
            }
        }
        if self.peek() == Some(')') {
            return Err(self
                .error_here(format!("{wanted} is missing before this `)`"), 1)
                .hint("complete it"));
        }
        for (sign, keyword) in [("&&", "and"), ("||", "or"), ("&", "and"), ("|", "or")] {
            if self.rest().starts_with(sign) {
                let hint = format!("did you mean `{keyword}`?");
                return Err(self.error_here(format!("`{sign}` is not an operator"), sign.len()).hint(hint));
            }
        }
        Ok(())
    }

    /// A comparison, a word or a phrase.
    fn term(&mut self) -> Parsed<Expr> {
        let start = self.at;
        if self.peek() == Some('*') {
            return self.everything();
        }
        let (name, quoted) = self.name()?;
        let end = self.at;
        if self.peek() == Some('*') {
            self.at += 1;
            return self.text(&name, true, start);
        }
        self.skip_blanks();
        if self.sees_operator() {
            if name.is_empty() {
                return Err(
                    FilterError::new("a field name is empty", start, end - start).hint("name a field")
                );
            }
            let name = Name::new(if quoted { &name } else { resolve_alias(&name) });
            return self.test(&name);
        }
        self.at = end;
        if !quoted && (name.starts_with('-') || name.starts_with('!')) {
            let sign = &name[..1];
            let hint = format!("write `not` to exclude, or quote it to search for it: \"{name}\"");
            return Err(FilterError::new(format!("`{sign}` cannot start a word"), start, 1).hint(hint));
        }
        self.text(&name, false, start)
    }

    fn everything(&mut self) -> Parsed<Expr> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            None | Some(')') => Ok(Expr::All),
            Some(next) if next.is_whitespace() => Ok(Expr::All),
            _ => {
                let error = FilterError::new("a word or a field name cannot begin with `*`", start, 1);
                Err(error.hint("name the field, as in `body: *word*`"))
            }
        }
    }

    fn text(&self, text: &str, prefix: bool, start: usize) -> Parsed<Expr> {
        let error = |message: String| FilterError::new(message, start, self.at - start);
        if text.is_empty() {
            return Err(error("this phrase is empty".to_owned()).hint("put words between the quotes"));
        }
        TextSearch::new(text, prefix).map(Expr::Text).ok_or_else(|| {
            error(format!("a phrase of {} bytes is too long, the limit is {MAX_WORD_BYTES}", text.len()))
                .hint("search for its most telling part")
        })
    }

    /// A quoted or bare name, or the word that turns out to be text. Never empty unless quoted.
    fn name(&mut self) -> Parsed<(String, bool)> {
        if self.peek() == Some('"') {
            return Ok((self.quoted()?, true));
        }
        let len = self.word_len();
        if len == 0 {
            return Err(self.unexpected_sign());
        }
        let word = &self.rest()[..len];
        self.at += len;
        Ok((word.to_owned(), false))
    }

    fn unexpected_sign(&self) -> FilterError {
        let sign = self.peek().unwrap_or(' ');
        let error = self.error_here(format!("unexpected `{sign}`"), sign.len_utf8());
        match sign {
            '[' | ']' => error.hint("a range needs a field, as in `status: [500 to 599]`"),
            ':' | '=' | '<' | '>' | '~' => {
                error.hint("name a field before it, as in `service.name: checkout`")
            }
            _ => error.hint("quote text that holds signs"),
        }
    }

    /// What follows a field name: at an operator.
    fn test(&mut self, name: &Name) -> Parsed<Expr> {
        for (sign, hint) in FOREIGN {
            if self.rest().starts_with(sign) {
                return Err(self.error_here(format!("`{sign}` is not an operator"), sign.len()).hint(hint));
            }
        }
        let start = self.at;
        match self.operator() {
            None => {
                self.at += 1;
                self.regex(name, start)
            }
            Some((operator, sign)) => {
                self.at += sign.len();
                self.skip_blanks();
                if sign == ":" {
                    match self.peek() {
                        Some('(') => return self.group(name),
                        Some('[') => return self.range(name),
                        Some('<' | '>' | '=' | '!' | '~') if self.sees_operator() => return self.test(name),
                        _ => {}
                    }
                }
                self.value_test(name, operator)
            }
        }
    }

    /// The operator here and its spelling; `None` at `~`.
    fn operator(&self) -> Option<(Operator, &'static str)> {
        const SIGNS: [(&str, Operator); 7] = [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
            ("=", Operator::Equal),
            (":", Operator::Equal),
        ];
        SIGNS
            .iter()
            .find(|(sign, _)| self.rest().starts_with(sign))
            .map(|(sign, operator)| (*operator, *sign))
    }

    fn group(&mut self, name: &Name) -> Parsed<Expr> {
        let start = self.at;
        self.at += 1;
        self.nested(start, |parser| {
            parser.skip_blanks();
            if parser.peek() == Some(')') {
                let error = FilterError::new("this group of values is empty", start, parser.at + 1 - start);
                return Err(error.hint("put values between the parentheses, as in `(a or b)`"));
            }
            let inner = parser.any(Scope::Field(name))?;
            if parser.take(')') {
                return Ok(inner);
            }
            Err(FilterError::new("this `(` is never closed", start, 1).hint("add a `)`"))
        })
    }

    fn range(&mut self, name: &Name) -> Parsed<Expr> {
        let start = self.at;
        self.at += 1;
        let low = self.bound(name)?;
        self.skip_blanks();
        if !self.take_keyword("to") {
            let len = self.word_len();
            let word = &self.rest()[..len];
            let error = self.error_here("expected `to` between the ends of the range", len);
            let meant = strsim::levenshtein(&word.to_lowercase(), "to") == 1;
            return Err(error.hint(if meant { "did you mean `to`?" } else { "write `[low to high]`" }));
        }
        let high = self.bound(name)?;
        self.skip_blanks();
        if !self.take(']') {
            return Err(FilterError::new("this `[` is never closed", start, 1).hint("write `[low to high]`"));
        }
        if let (Some(low), Some(high)) = (&low, &high)
            && is_reversed(low, high)
        {
            let message = format!("the range from {low} to {high} is empty");
            return Err(FilterError::new(message, start, self.at - start).hint("write the lower end first"));
        }
        let test = match (low, high) {
            (None, None) => Test::Exists,
            (Some(low), None) => Test::Is(Operator::GreaterOrEqual, low),
            (None, Some(high)) => Test::Is(Operator::LessOrEqual, high),
            (Some(low), Some(high)) => Test::Between { low, high },
        };
        Ok(Expr::compare(name.clone(), test))
    }

    /// One end of a range; none for `*`.
    fn bound(&mut self, name: &Name) -> Parsed<Option<Literal>> {
        self.skip_blanks();
        let start = self.at;
        if self.sees_keyword("to") || matches!(self.peek(), None | Some(']')) {
            return Err(self.error_here("an end of the range is missing", 0).hint("write `[low to high]`"));
        }
        match self.value()? {
            Written::Plain(text) => self.literal(name, text, start).map(Some),
            Written::Anything => Ok(None),
            Written::Shape(_) => {
                let error = FilterError::new("an end of a range cannot hold `*`", start, self.at - start);
                Err(error.hint("write the whole value, or `*` alone for an open end"))
            }
        }
    }

    fn regex(&mut self, name: &Name, operator_at: usize) -> Parsed<Expr> {
        self.skip_blanks();
        if self.peek() != Some('/') {
            let error = FilterError::new("`~` needs a regular expression", operator_at, 1);
            return Err(error.hint("write it between slashes, as in `body ~ /timed? out/`"));
        }
        if *name == field::TIMESTAMP {
            return Err(FilterError::new("`timestamp` is a time, not text", operator_at, 1)
                .hint("compare it with < or >"));
        }
        let start = self.at;
        self.at += 1;
        let mut pattern = String::new();
        loop {
            match self.next() {
                None => {
                    let error = FilterError::new("this regular expression is never closed", start, 1);
                    return Err(error.hint("add a `/`"));
                }
                Some('/') => break,
                Some('\\') => match self.next() {
                    Some('/') => pattern.push('/'),
                    Some(other) => pattern.extend(['\\', other]),
                    None => pattern.push('\\'),
                },
                Some(other) => pattern.push(other),
            }
        }
        let flags = self.word_len();
        let ignore_case = match &self.rest()[..flags] {
            "" => false,
            "i" => true,
            other => {
                let error =
                    self.error_here(format!("`{other}` is not a flag of a regular expression"), flags);
                return Err(error.hint("the only flag is `i`, for any case"));
            }
        };
        self.at += flags;
        let pattern = Pattern::new(&pattern, ignore_case).map_err(|reason| {
            let error = FilterError::new(
                format!("regular expression is not valid: {reason}"),
                start,
                self.at - start,
            );
            error.hint("see the syntax of RE2; escape signs with `\\`")
        })?;
        Ok(Expr::compare(name.clone(), Test::Matches(pattern)))
    }

    fn value_test(&mut self, name: &Name, operator: Operator) -> Parsed<Expr> {
        let start = self.at;
        self.refuse_missing_value(name)?;
        let test = match self.value()? {
            Written::Plain(text) => Test::Is(operator, self.literal(name, text, start)?),
            Written::Anything if operator == Operator::Equal => Test::Exists,
            Written::Shape(_) if name == field::TIMESTAMP => {
                let error = FilterError::new("`timestamp` is a time, not text", start, self.at - start);
                return Err(error.hint("compare it with < or >, or give a range"));
            }
            Written::Shape(shape) if operator == Operator::Equal => Test::Like(shape),
            Written::Anything | Written::Shape(_) => {
                let message = format!("`{}` does not work with `*`", operator.as_str());
                let error = FilterError::new(message, start, self.at - start);
                return Err(match operator {
                    Operator::NotEqual => error.hint("write `not field: value*`"),
                    _ => error.hint("compare with a whole value"),
                });
            }
        };
        Ok(Expr::compare(name.clone(), test))
    }

    fn refuse_missing_value(&self, name: &Name) -> Parsed<()> {
        let missing = |len| self.error_here(format!("field `{name}` lacks a value"), len);
        if self.at_end() {
            return Err(missing(0).hint("add a value, or `*` for any"));
        }
        for keyword in KEYWORDS {
            if self.sees_keyword(keyword) {
                let hint = format!("add one before `{keyword}`, or quote it to mean the word: \"{keyword}\"");
                return Err(missing(keyword.len()).hint(hint));
            }
        }
        match self.peek() {
            Some(')') => Err(missing(1).hint("add a value, or `*` for any")),
            Some('(') => Err(self
                .error_here("a group of values stands after `:`", 1)
                .hint("write `field: (a or b)`; to exclude, `not field: (a or b)`")),
            Some('[') => {
                Err(self.error_here("a range stands after `:`", 1).hint("write `field: [low to high]`"))
            }
            Some(']') => Err(missing(1).hint("quote text that holds signs")),
            Some('<' | '>' | '=' | '~') => {
                let len =
                    self.rest().chars().take_while(|sign| matches!(sign, '<' | '>' | '=' | '~')).count();
                Err(self
                    .error_here("two operators in a row", len)
                    .hint("use one of : = != < <= > >= ~, or quote the value"))
            }
            _ => Ok(()),
        }
    }

    /// Quoted, bare and starred parts, as long as no blank comes between.
    fn value(&mut self) -> Parsed<Written> {
        let mut parts = vec![String::new()];
        let mut quoted = false;
        loop {
            match self.peek() {
                Some('"') => {
                    quoted = true;
                    let text = self.quoted()?;
                    parts.last_mut().expect("never empty").push_str(&text);
                }
                Some('*') => {
                    self.at += 1;
                    parts.push(String::new());
                }
                _ => {
                    let len = self.rest().find(ends_value).unwrap_or(self.rest().len());
                    if len == 0 {
                        break;
                    }
                    let text = &self.rest()[..len];
                    parts.last_mut().expect("never empty").push_str(text);
                    self.at += len;
                }
            }
        }
        if parts.len() == 1 {
            return Ok(Written::Plain(parts.remove(0)));
        }
        if !quoted && parts.iter().all(String::is_empty) {
            return Ok(Written::Anything);
        }
        Ok(Written::Shape(Wildcard::new(parts.into_iter().map(SmolStr::from).collect())))
    }

    fn literal(&self, name: &Name, text: String, start: usize) -> Parsed<Literal> {
        let literal = Literal::for_field(name, text);
        if name == field::TIMESTAMP && is_time(name) && literal.number().is_none() {
            let message = format!("`{}` is not a time", literal.text());
            let error = FilterError::new(message, start, self.at - start);
            return Err(error.hint("use RFC 3339, such as 2026-11-21T08:30:00Z"));
        }
        Ok(literal)
    }

    /// A quoted text with `\"`, `\\`, `\n`, `\r` and `\t`; at its opening quote.
    fn quoted(&mut self) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let escape_at = self.at;
            match self.next() {
                None => {
                    return Err(FilterError::new("this quote is never closed", start, 1).hint("add a `\"`"));
                }
                Some('"') => return Ok(text),
                Some('\\') => match self.next() {
                    Some(sign @ ('"' | '\\')) => text.push(sign),
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    _ => {
                        let error =
                            FilterError::new("unknown escape in quotes", escape_at, self.at - escape_at);
                        return Err(
                            error.hint("use \\\" \\\\ \\n \\r or \\t; a single backslash is written \\\\")
                        );
                    }
                },
                Some(other) => text.push(other),
            }
        }
    }

    // Reading characters.

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn at_end(&self) -> bool {
        self.at == self.source.len()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_blanks(&mut self) {
        self.at = self.source.len() - self.rest().trim_start().len();
    }

    /// Bytes of the word here. A `!` belongs to the word unless it begins an operator.
    fn word_len(&self) -> usize {
        word_len(self.rest())
    }

    fn sees_operator(&self) -> bool {
        let rest = self.rest();
        rest.starts_with([':', '=', '<', '>', '~']) || rest.starts_with("!=") || rest.starts_with("!~")
    }

    fn sees_keyword(&self, keyword: &str) -> bool {
        let len = self.word_len();
        self.rest()[..len].eq_ignore_ascii_case(keyword)
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        self.skip_blanks();
        let found = self.sees_keyword(keyword);
        if found {
            self.at += keyword.len();
        }
        found
    }

    // Limits and errors.

    fn nested<T>(&mut self, start: usize, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            let error = FilterError::new(format!("nested deeper than {MAX_DEPTH} levels"), start, 1);
            return Err(error.hint("remove parentheses or `not`"));
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    fn count_node(&mut self) -> Parsed<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let error = self.error_here(format!("more than {MAX_NODES} conditions"), 0);
            return Err(error.hint("use a regular expression, a range or a shape such as `web-*`"));
        }
        Ok(())
    }

    fn error_here(&self, message: impl Into<String>, len: usize) -> FilterError {
        FilterError::new(message, self.at, len)
    }
}

/// Bytes of the word that `text` begins with.
pub(crate) fn word_len(text: &str) -> usize {
    let operator_at = |at: usize| text[at..].starts_with("!=") || text[at..].starts_with("!~");
    text.char_indices()
        .find(|(at, character)| ends_word(*character) || *character == '!' && operator_at(*at))
        .map_or(text.len(), |(at, _)| at)
}

/// A value as it stands in the text.
enum Written {
    Plain(String),
    /// `*` alone.
    Anything,
    Shape(Wildcard),
}

fn is_reversed(low: &Literal, high: &Literal) -> bool {
    match (low.number(), high.number()) {
        (Some(low), Some(high)) => low.as_f64() > high.as_f64(),
        _ => false,
    }
}
