//! What follows a selector or an expression: ranges, `offset`, `@`, `anchored`, `smoothed`.

use super::Parser;
use crate::ast::{At, Duration, Edges, Expr, Kind, Matrix, QueryTimes, Subquery};
use crate::error::ParseError;
use crate::lexer::Token;

impl Parser {
    /// `[5m]` makes a range vector of a selector, `[1h:5m]` and `[1h:]` a subquery of any expression.
    pub(super) fn range(&mut self, expr: Expr) -> Result<Expr, ParseError> {
        let opening = self.span();
        self.advance();
        let range_span = self.span();
        let range = self.duration(1)?;
        self.positive(&range, range_span)?;
        if !self.is_sign(":") {
            self.expect_sign("]", "subquery or range selector")?;
            let span = expr.span.to(self.previous_span());
            return match expr.kind {
                Kind::Vector(selector) => {
                    if selector.offset.is_some() {
                        let message = "no offset modifiers allowed before range";
                        return Err(ParseError::new(message, opening));
                    }
                    if selector.at.is_some() {
                        return Err(ParseError::new("no @ modifiers allowed before range", opening));
                    }
                    if selector.edges != Edges::Plain {
                        let message = "no anchored or smoothed modifiers allowed before range";
                        return Err(ParseError::new(message, opening));
                    }
                    self.node(Kind::Matrix(Matrix { selector, range }), span)
                }
                _ => Err(ParseError::new("ranges only allowed for vector selectors", expr.span)),
            };
        }
        self.advance();
        let step = if self.is_sign("]") {
            None
        } else {
            let span = self.span();
            let step = self.duration(1)?;
            self.positive(&step, span)?;
            Some(step)
        };
        self.expect_sign("]", "subquery or range selector")?;
        let span = expr.span.to(self.previous_span());
        let subquery = Subquery { expr, range, step, offset: None, at: None };
        self.node(Kind::Subquery(Box::new(subquery)), span)
    }

    fn positive(&self, duration: &Duration, span: crate::ast::Span) -> Result<(), ParseError> {
        if !duration.is_constant() {
            return Ok(());
        }
        match duration.resolve(QueryTimes::default()) {
            Ok(millis) if millis > 0 => Ok(()),
            Ok(_) => Err(ParseError::new("duration must be greater than 0", span)),
            Err(message) => Err(ParseError::new(message, span)),
        }
    }

    pub(super) fn offset(&mut self, expr: &mut Expr) -> Result<(), ParseError> {
        let word = self.span();
        self.advance();
        let duration = self.offset_duration()?;
        if duration.is_constant()
            && let Err(message) = duration.resolve(QueryTimes::default())
        {
            return Err(ParseError::new(message, word));
        }
        let end = self.previous_span();
        let slot = match &mut expr.kind {
            Kind::Vector(selector) => &mut selector.offset,
            Kind::Matrix(matrix) => &mut matrix.selector.offset,
            Kind::Subquery(subquery) => &mut subquery.offset,
            _ => {
                let message = "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery";
                return Err(ParseError::new(message, word));
            }
        };
        if slot.is_some() {
            return Err(ParseError::new("offset may not be set multiple times", word));
        }
        *slot = Some(duration);
        expr.span = expr.span.to(end);
        Ok(())
    }

    pub(super) fn at_modifier(&mut self, expr: &mut Expr) -> Result<(), ParseError> {
        let sign = self.span();
        self.advance();
        let at = self.at_time()?;
        let end = self.previous_span();
        let slot = match &mut expr.kind {
            Kind::Vector(selector) => &mut selector.at,
            Kind::Matrix(matrix) => &mut matrix.selector.at,
            Kind::Subquery(subquery) => &mut subquery.at,
            _ => {
                let message = "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
                return Err(ParseError::new(message, sign));
            }
        };
        if slot.is_some() {
            return Err(ParseError::new("@ <timestamp> may not be set multiple times", sign));
        }
        *slot = Some(at);
        expr.span = expr.span.to(end);
        Ok(())
    }

    fn at_time(&mut self) -> Result<At, ParseError> {
        let span = self.span();
        for (word, at) in [("start", At::Start), ("end", At::End)] {
            if self.is_word(word) {
                self.advance();
                self.expect_sign("(", "@ modifier")?;
                self.expect_sign(")", "@ modifier")?;
                return Ok(at);
            }
        }
        let negative = self.is_sign("-");
        if negative || self.is_sign("+") {
            self.advance();
        }
        let number = self.number("@ modifier")?;
        let seconds = if negative { -number } else { number };
        let millis = (seconds * 1000.0).round();
        if millis.is_nan() || millis.abs() >= 9.2e18 {
            let message = format!("timestamp out of bounds for @ modifier: {seconds}");
            return Err(ParseError::new(message, span));
        }
        Ok(At::Time(millis as i64))
    }

    pub(super) fn edges(&mut self, expr: &mut Expr) -> Result<(), ParseError> {
        let word = self.span();
        let anchored = self.is_word("anchored");
        self.advance();
        let edges = if anchored { Edges::Anchored } else { Edges::Smoothed };
        let selector = match &mut expr.kind {
            Kind::Vector(_) if anchored => {
                let message = "anchored modifier can only be used with range selectors";
                return Err(ParseError::new(message, word));
            }
            Kind::Vector(selector) => selector,
            Kind::Matrix(matrix) => &mut matrix.selector,
            Kind::Subquery(_) => {
                let name = if anchored { "anchored" } else { "smoothed" };
                let message = format!("{name} modifier is not supported for subqueries");
                return Err(ParseError::new(message, word));
            }
            _ => {
                let name = if anchored { "anchored" } else { "smoothed" };
                return Err(ParseError::new(format!("{name} modifier not implemented"), word));
            }
        };
        if selector.edges != Edges::Plain {
            let message = "anchored and smoothed modifiers cannot be used together or twice";
            return Err(ParseError::new(message, word));
        }
        selector.edges = edges;
        expr.span = expr.span.to(word);
        Ok(())
    }

    /// Only a number may follow; for the test language.
    pub(crate) fn rest_is(&self, token: &Token) -> bool {
        self.peek() == token
    }
}
