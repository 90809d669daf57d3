//! Durations: literals, numbers of seconds, and arithmetic with `step()` and `range()`.

use super::Parser;
use crate::ast::{BinaryOp, Duration};
use crate::error::ParseError;
use crate::lexer::Token;

impl Parser {
    /// A whole duration expression, as it stands in brackets.
    pub(super) fn duration(&mut self, minimum: u8) -> Result<Duration, ParseError> {
        let mut left = self.duration_unary()?;
        while let Some(op) = self.binary_operator() {
            let arithmetic = op.precedence() >= BinaryOp::Add.precedence() && op != BinaryOp::Atan2;
            if !arithmetic || op.precedence() < minimum {
                break;
            }
            self.advance();
            let next = op.precedence() + u8::from(op != BinaryOp::Pow);
            let right = self.nested(|parser| parser.duration(next))?;
            left = Duration::Binary { op, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    /// What may follow `offset` without parentheses: one operand with a sign.
    pub(super) fn offset_duration(&mut self) -> Result<Duration, ParseError> {
        let negative = self.is_sign("-");
        if negative || self.is_sign("+") {
            self.advance();
            let of = Box::new(self.duration_primary()?);
            return Ok(Duration::Signed { negative, of });
        }
        self.duration_primary()
    }

    fn duration_unary(&mut self) -> Result<Duration, ParseError> {
        let negative = self.is_sign("-");
        if !negative && !self.is_sign("+") {
            return self.duration_primary();
        }
        self.advance();
        let of = Box::new(self.nested(|parser| parser.duration(BinaryOp::Pow.precedence()))?);
        Ok(Duration::Signed { negative, of })
    }

    fn duration_primary(&mut self) -> Result<Duration, ParseError> {
        let span = self.span();
        match self.peek().clone() {
            Token::Duration(millis) => {
                self.advance();
                Ok(Duration::Literal(millis))
            }
            Token::Number(seconds) => {
                self.advance();
                Ok(Duration::Number(seconds))
            }
            Token::Sign("(") => {
                self.advance();
                let inside = self.nested(|parser| parser.duration(1))?;
                self.expect_sign(")", "duration")?;
                Ok(Duration::Paren(Box::new(inside)))
            }
            Token::Word(word) if self.sign_follows(1, "(") => {
                let word = word.to_ascii_lowercase();
                self.advance();
                self.advance();
                let duration = match word.as_str() {
                    "step" => Duration::Step,
                    "range" => Duration::Range,
                    "min_of" | "max_of" => {
                        let a = Box::new(self.nested(|parser| parser.duration(1))?);
                        self.expect_sign(",", "duration")?;
                        let b = Box::new(self.nested(|parser| parser.duration(1))?);
                        if word == "min_of" { Duration::Least(a, b) } else { Duration::Greatest(a, b) }
                    }
                    _ => {
                        let error = ParseError::new(format!("`{word}` is not for durations"), span);
                        return Err(error.hint("durations know step(), range(), min_of() and max_of()"));
                    }
                };
                self.expect_sign(")", "duration")?;
                Ok(duration)
            }
            _ => Err(self.unexpected("duration", "number, duration, step(), or range()")),
        }
    }
}
