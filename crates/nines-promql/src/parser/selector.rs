//! Selectors: `name{label="value"}` and `{"name with blanks", "label with blanks"="value"}`.

use super::Parser;
use crate::ast::{Expr, Kind, Selector, Span};
use crate::error::ParseError;
use crate::labels::{Labels, METRIC_NAME};
use crate::lexer::Token;
use crate::matcher::{MatchOp, Matcher};

impl Parser {
    /// The braces, if any, after a name that has been read.
    pub(super) fn selector(&mut self, name: Option<String>, start: Span) -> Result<Expr, ParseError> {
        let (mut matchers, mut quoted_name) = (Vec::new(), None);
        if self.is_sign("{") {
            (matchers, quoted_name) = self.matchers(name.is_some())?;
        }
        let span = start.to(self.previous_span());
        if let Some(name) = &name {
            if let Some(twice) = matchers.iter().find(|matcher| matcher.name() == METRIC_NAME) {
                let other = twice.value();
                let message = format!("metric name must not be set twice: \"{name}\" or \"{other}\"");
                return Err(ParseError::new(message, span));
            }
            let by_name = Matcher::new(METRIC_NAME, MatchOp::Equal, name);
            matchers.push(by_name.map_err(|message| ParseError::new(message, span))?);
        }
        let name = name.or(quoted_name);
        let selector = Selector { name, matchers, ..Selector::default() };
        self.node(Kind::Vector(selector), span)
    }

    /// The matchers, and the name of the metric if it stands in quotes among them.
    fn matchers(&mut self, named: bool) -> Result<(Vec<Matcher>, Option<String>), ParseError> {
        self.expect_sign("{", "label matching")?;
        let mut matchers = Vec::new();
        let mut quoted_name = None;
        loop {
            if self.take_sign("}") {
                return Ok((matchers, quoted_name));
            }
            let span = self.span();
            let (name, quoted) = match self.advance() {
                Token::Word(word) if !word.contains(':') => (word, false),
                Token::Text(bytes) => (utf8(bytes, span)?, true),
                other => {
                    let message = format!(
                        "unexpected {} in label matching, expected label name or `}}`",
                        other.describe()
                    );
                    return Err(ParseError::new(message, span));
                }
            };
            let op = match self.peek() {
                Token::Sign("=") => MatchOp::Equal,
                Token::Sign("!=") => MatchOp::NotEqual,
                Token::Sign("=~") => MatchOp::Regex,
                Token::Sign("!~") => MatchOp::NotRegex,
                Token::Sign("," | "}") if quoted => {
                    if named || matchers.iter().any(|matcher: &Matcher| matcher.name() == METRIC_NAME) {
                        return Err(ParseError::new(
                            format!("metric name must not be set twice: \"{name}\""),
                            span,
                        ));
                    }
                    let matcher = Matcher::new(METRIC_NAME, MatchOp::Equal, &name);
                    matchers.push(matcher.map_err(|message| ParseError::new(message, span))?);
                    quoted_name = Some(name);
                    self.take_sign(",");
                    continue;
                }
                _ => return Err(self.unexpected("label matching", "one of `=`, `!=`, `=~`, `!~`")),
            };
            self.advance();
            let value_span = self.span();
            let Token::Text(bytes) = self.advance() else {
                return Err(ParseError::new(
                    "unexpected token in label matching, expected string",
                    value_span,
                ));
            };
            let matcher = Matcher::new(&name, op, &utf8(bytes, value_span)?);
            matchers.push(matcher.map_err(|message| ParseError::new(message, span.to(value_span)))?);
            if !self.is_sign("}") {
                self.expect_sign(",", "label matching")?;
            }
        }
    }

    /// `name{label="value"}` as the labels of one series: only `=`, for the test language.
    pub(crate) fn series_labels(&mut self) -> Result<Labels, ParseError> {
        let span = self.span();
        let name = match self.peek().clone() {
            Token::Word(word) => {
                self.advance();
                Some(word)
            }
            _ => None,
        };
        let expr = self.selector(name, span)?;
        let Kind::Vector(selector) = expr.kind else {
            return Err(ParseError::new("expected a series", span));
        };
        if let Some(matcher) = selector.matchers.iter().find(|matcher| matcher.op() != MatchOp::Equal) {
            return Err(ParseError::new(format!("a series has values, not conditions: {matcher}"), span));
        }
        Ok(Labels::new(selector.matchers.iter().map(|matcher| (matcher.name(), matcher.value()))))
    }
}

fn utf8(bytes: Vec<u8>, span: Span) -> Result<String, ParseError> {
    String::from_utf8(bytes).map_err(|_| ParseError::new("string is not UTF-8", span))
}
