//! Tokens to a syntax tree: precedence climbing for operators, descent for the rest.
//!
//! Errors point at the token that is wrong. Where upstream's parser has a text for a mistake we use it, as people
//! search for it. Nesting and the height of the tree are bounded, so no text can overflow the stack here or later.

mod check;
mod duration;
mod modifiers;
mod selector;

use smol_str::SmolStr;

use crate::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Cardinality, Expr, Kind, Matching, Span, Text, ValueType,
};
use crate::error::ParseError;
use crate::functions::{FUNCTIONS, Function};
use crate::lexer::{Token, tokens};

/// Queries longer than this are refused. The longest in public rule packs have about 4 KiB.
pub const QUERY_BYTES_MAX: usize = 256 << 10;
/// Parentheses, calls, unary signs and powers inside of each other. A level takes at most about 10 KiB of stack in
/// the parser and in the evaluator together, so this stays well below the 2 MiB of a worker's stack.
pub const NESTING_MAX: usize = 64;
/// Operators in a row (`a or b or …`) grow the tree to one side, which the evaluator walks with a loop; printing and
/// dropping recurse with small frames.
pub const HEIGHT_MAX: usize = 2_000;

/// Parses and type-checks a query.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let parsed = if text.len() > QUERY_BYTES_MAX {
        Err(ParseError::new(format!("query is longer than {QUERY_BYTES_MAX} bytes"), Span::default()))
    } else {
        tokens(text).and_then(|tokens| {
            let mut parser = Parser { tokens, at: 0, nesting: 0 };
            if *parser.peek() == Token::End {
                return Err(ParseError::new("no expression found in input", Span::default()));
            }
            let expr = parser.expression(1)?;
            parser.end()?;
            check::check(&expr)?;
            Ok(expr)
        })
    };
    parsed.map_err(|error| error.placed(text))
}

/// Parses a selector alone, as the `match[]` parameters of the API hold it.
pub fn parse_selector(text: &str) -> Result<crate::ast::Selector, ParseError> {
    let expr = parse(text)?;
    match expr.kind {
        Kind::Vector(selector) => Ok(selector),
        _ => Err(ParseError::new("expected a vector selector", expr.span).placed(text)),
    }
}

pub(crate) struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    nesting: usize,
}

impl Parser {
    pub(crate) fn over(text: &str) -> Result<Self, ParseError> {
        Ok(Self { tokens: tokens(text)?, at: 0, nesting: 0 })
    }

    pub(crate) fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn peek_after(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)].0
    }

    pub(crate) fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    /// The token before the next one.
    fn previous_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].1
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.at].0.clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn sign_follows(&self, ahead: usize, sign: &str) -> bool {
        matches!(self.peek_after(ahead), Token::Sign(found) if *found == sign)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    fn expect_sign(&mut self, sign: &str, context: &str) -> Result<(), ParseError> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.unexpected(context, &format!("`{sign}`"))) }
    }

    fn unexpected(&self, context: &str, expected: &str) -> ParseError {
        let found = self.peek().describe();
        ParseError::new(format!("unexpected {found} in {context}, expected {expected}"), self.span())
    }

    fn end(&mut self) -> Result<(), ParseError> {
        match self.peek() {
            Token::End => Ok(()),
            other => {
                Err(ParseError::new(format!("unexpected {} after expression", other.describe()), self.span()))
            }
        }
    }

    /// Counts a level of recursion around `parse`.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.nesting >= NESTING_MAX {
            let message = format!("expression is nested more than {NESTING_MAX} levels deep");
            return Err(ParseError::new(message, self.span()));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    fn node(&self, kind: Kind, span: Span) -> Result<Expr, ParseError> {
        let expr = Expr::new(kind, span);
        if expr.height > HEIGHT_MAX {
            let message = format!("expression has more than {HEIGHT_MAX} operators in a row");
            return Err(ParseError::new(message, span));
        }
        Ok(expr)
    }

    /// An expression of operators that bind at least as tightly as `minimum`.
    fn expression(&mut self, minimum: u8) -> Result<Expr, ParseError> {
        let mut left = self.unary()?;
        while let Some(op) = self.binary_operator() {
            if op.precedence() < minimum {
                break;
            }
            self.advance();
            let (returns_bool, matching) = self.binary_modifiers(op)?;
            let right = if op == BinaryOp::Pow {
                self.nested(|parser| parser.expression(op.precedence()))?
            } else {
                self.nested(|parser| parser.expression(op.precedence() + 1))?
            };
            let span = left.span.to(right.span);
            let binary = Binary { op, left, right, returns_bool, matching };
            left = self.node(Kind::Binary(Box::new(binary)), span)?;
        }
        Ok(left)
    }

    fn binary_operator(&self) -> Option<BinaryOp> {
        Some(match self.peek() {
            Token::Sign(sign) => match *sign {
                "+" => BinaryOp::Add,
                "-" => BinaryOp::Sub,
                "*" => BinaryOp::Mul,
                "/" => BinaryOp::Div,
                "%" => BinaryOp::Mod,
                "^" => BinaryOp::Pow,
                "==" => BinaryOp::Equal,
                "!=" => BinaryOp::NotEqual,
                ">" => BinaryOp::Greater,
                "<" => BinaryOp::Less,
                ">=" => BinaryOp::GreaterOrEqual,
                "<=" => BinaryOp::LessOrEqual,
                "</" => BinaryOp::TrimUpper,
                ">/" => BinaryOp::TrimLower,
                _ => return None,
            },
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "and" => BinaryOp::And,
                "or" => BinaryOp::Or,
                "unless" => BinaryOp::Unless,
                "atan2" => BinaryOp::Atan2,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// `bool`, `on (…)`, `group_left (…)`, `fill (…)` after an operator.
    fn binary_modifiers(&mut self, op: BinaryOp) -> Result<(bool, Matching), ParseError> {
        let mut matching = Matching::default();
        if op.is_set() {
            matching.cardinality = Cardinality::ManyToMany;
        }
        let mut returns_bool = false;
        // `bool` may also be the name of a metric; it is one where an operand can not follow it.
        if self.is_word("bool")
            && !matches!(self.peek_after(1), Token::End | Token::Sign(")" | "{" | "[" | ","))
        {
            if !op.is_comparison() {
                let message = "bool modifier can only be used on comparison operators";
                return Err(ParseError::new(message, self.span()));
            }
            self.advance();
            returns_bool = true;
        }
        let on = self.is_word("on");
        if (on || self.is_word("ignoring")) && self.sign_follows(1, "(") {
            self.advance();
            matching.on = on;
            matching.labels = self.label_names("grouping opts")?;
            let left = self.is_word("group_left");
            if left || self.is_word("group_right") {
                let span = self.span();
                self.advance();
                if op.is_set() {
                    let message = format!("no grouping allowed for {:?} operation", op.symbol());
                    return Err(ParseError::new(message, span));
                }
                matching.cardinality = if left { Cardinality::ManyToOne } else { Cardinality::OneToMany };
                if self.is_sign("(") {
                    matching.include = self.label_names("grouping opts")?;
                }
                let twice = matching.include.iter().find(|name| on && matching.labels.contains(name));
                if let Some(name) = twice {
                    let message = format!("label \"{name}\" must not occur in ON and GROUP clause at once");
                    return Err(ParseError::new(message, span));
                }
            }
        }
        self.fill_modifiers(op, &mut matching)?;
        Ok((returns_bool, matching))
    }

    fn fill_modifiers(&mut self, op: BinaryOp, matching: &mut Matching) -> Result<(), ParseError> {
        loop {
            let sides = if self.is_word("fill") {
                (true, true)
            } else if self.is_word("fill_left") {
                (true, false)
            } else if self.is_word("fill_right") {
                (false, true)
            } else {
                return Ok(());
            };
            if !self.sign_follows(1, "(") {
                return Ok(());
            }
            let span = self.span();
            if op.is_set() {
                let message =
                    format!("filling in missing series not allowed for set operator {:?}", op.symbol());
                return Err(ParseError::new(message, span));
            }
            self.advance();
            self.advance();
            let negative = self.is_sign("-");
            if negative || self.is_sign("+") {
                self.advance();
            }
            let number = self.number("fill modifier")?;
            let value = if negative { -number } else { number };
            self.expect_sign(")", "fill modifier")?;
            if sides.0 {
                matching.fill_left = Some(value);
            }
            if sides.1 {
                matching.fill_right = Some(value);
            }
        }
    }

    fn number(&mut self, context: &str) -> Result<f64, ParseError> {
        let value = match self.peek() {
            Token::Number(value) => *value,
            Token::Duration(millis) => *millis as f64 / 1000.0,
            Token::Word(word) => match special_number(word) {
                Some(value) => value,
                None => return Err(self.unexpected(context, "number")),
            },
            _ => return Err(self.unexpected(context, "number")),
        };
        self.advance();
        Ok(value)
    }

    fn unary(&mut self) -> Result<Expr, ParseError> {
        let negative = self.is_sign("-");
        if !negative && !self.is_sign("+") {
            return self.postfix();
        }
        let start = self.span();
        self.advance();
        // Weaker than `^`, as strong as `*`: `-2 ^ 2` is -4.
        let expr = self.nested(|parser| parser.expression(BinaryOp::Pow.precedence()))?;
        let span = start.to(expr.span);
        if let Kind::Number { value, written_as_duration } = expr.kind {
            let value = if negative { -value } else { value };
            return self.node(Kind::Number { value, written_as_duration }, span);
        }
        self.node(Kind::Unary { negative, expr: Box::new(expr) }, span)
    }

    /// A primary expression with its `[range]`, `offset`, `@`, `anchored` and `smoothed`.
    fn postfix(&mut self) -> Result<Expr, ParseError> {
        let mut expr = self.primary()?;
        loop {
            if self.is_sign("[") {
                expr = self.range(expr)?;
            } else if self.is_word("offset") {
                self.offset(&mut expr)?;
            } else if self.is_sign("@") {
                self.at_modifier(&mut expr)?;
            } else if self.is_word("anchored") || self.is_word("smoothed") {
                self.edges(&mut expr)?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, ParseError> {
        let span = self.span();
        match self.peek().clone() {
            Token::Number(value) => {
                self.advance();
                self.node(Kind::Number { value, written_as_duration: false }, span)
            }
            Token::Duration(millis) => {
                self.advance();
                self.node(Kind::Number { value: millis as f64 / 1000.0, written_as_duration: true }, span)
            }
            Token::Text(bytes) => {
                self.advance();
                self.node(Kind::Text(text_of(bytes)), span)
            }
            Token::Sign("(") => {
                self.advance();
                let inside = self.nested(|parser| parser.expression(1))?;
                self.expect_sign(")", "paren expression")?;
                self.node(Kind::Paren(Box::new(inside)), span.to(self.previous_span()))
            }
            Token::Sign("{") => self.selector(None, span),
            Token::Word(word) => self.word(&word, span),
            other => {
                let message = format!("unexpected {}", other.describe());
                Err(ParseError::new(message, span).hint("expected a metric, a number, a function or `(`"))
            }
        }
    }

    fn word(&mut self, word: &str, span: Span) -> Result<Expr, ParseError> {
        if let Some(value) = special_number(word)
            && !self.sign_follows(1, "{")
        {
            self.advance();
            return self.node(Kind::Number { value, written_as_duration: false }, span);
        }
        let parenthesis = self.sign_follows(1, "(");
        if let Some(op) = AggregateOp::named(word) {
            let clause = matches!(self.peek_after(1), Token::Word(next)
                if next.eq_ignore_ascii_case("by") || next.eq_ignore_ascii_case("without"));
            if parenthesis || (clause && self.sign_follows(2, "(")) {
                self.advance();
                return self.aggregate(op, span);
            }
        }
        if parenthesis {
            // The words of durations are written in any case, all other functions are not.
            let lower = word.to_ascii_lowercase();
            let context = matches!(lower.as_str(), "start" | "end" | "step" | "range");
            let Some(function) = Function::named(if context { &lower } else { word }) else {
                let names = FUNCTIONS.iter().map(|function| function.name);
                let names = names.chain(AggregateOp::ALL.into_iter().map(AggregateOp::name));
                let error = ParseError::new(format!("unknown function with name \"{word}\""), span);
                return Err(match nearest(word, names) {
                    Some(name) => error.hint(format!("did you mean `{name}`?")),
                    None => error,
                });
            };
            self.advance();
            let args = self.arguments()?;
            let span = span.to(self.previous_span());
            return self.node(Kind::Call { function, args }, span);
        }
        self.advance();
        self.selector(Some(word.to_owned()), span)
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, ParseError> {
        self.expect_sign("(", "function call")?;
        let mut args = Vec::new();
        if self.take_sign(")") {
            return Ok(args);
        }
        loop {
            args.push(self.nested(|parser| parser.expression(1))?);
            if self.take_sign(")") {
                return Ok(args);
            }
            self.expect_sign(",", "function call")?;
            if self.is_sign(")") {
                return Err(ParseError::new(
                    "trailing commas not allowed in function call args",
                    self.span(),
                ));
            }
        }
    }

    fn aggregate(&mut self, op: AggregateOp, start: Span) -> Result<Expr, ParseError> {
        let before = self.grouping()?;
        let opening = self.span();
        let mut args = self.arguments()?;
        let clause = match before {
            Some(clause) => Some(clause),
            None => self.grouping()?,
        };
        let (grouping, without) = clause.unwrap_or_default();
        let span = start.to(self.previous_span());
        let wanted = 1 + usize::from(op.has_param());
        if args.len() != wanted {
            let message = if args.is_empty() {
                "no arguments for aggregate expression provided".to_owned()
            } else {
                format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                    args.len()
                )
            };
            return Err(ParseError::new(message, opening.to(span)));
        }
        let Some(expr) = args.pop() else { return Err(self.unexpected("aggregation", "an expression")) };
        let aggregate = Aggregate { op, expr, param: args.pop(), grouping, without };
        self.node(Kind::Aggregate(Box::new(aggregate)), span)
    }

    /// `by (…)` or `without (…)`.
    fn grouping(&mut self) -> Result<Option<(Vec<SmolStr>, bool)>, ParseError> {
        let without = self.is_word("without");
        if !without && !self.is_word("by") {
            return Ok(None);
        }
        self.advance();
        Ok(Some((self.label_names("grouping opts")?, without)))
    }

    /// A list of labels in parentheses.
    fn label_names(&mut self, context: &str) -> Result<Vec<SmolStr>, ParseError> {
        self.expect_sign("(", context)?;
        let mut names = Vec::new();
        loop {
            if self.take_sign(")") {
                return Ok(names);
            }
            let name = match self.peek() {
                Token::Word(word) if !word.contains(':') => word.clone(),
                Token::Text(bytes) => match String::from_utf8(bytes.clone()) {
                    Ok(name) if !name.is_empty() => name,
                    _ => return Err(ParseError::new("invalid label name", self.span())),
                },
                _ => return Err(self.unexpected(context, "label")),
            };
            self.advance();
            names.push(name.into());
            if !self.is_sign(")") {
                self.expect_sign(",", context)?;
            }
        }
    }
}

/// `inf` and `nan` in any case.
fn special_number(word: &str) -> Option<f64> {
    if word.eq_ignore_ascii_case("inf") {
        Some(f64::INFINITY)
    } else if word.eq_ignore_ascii_case("nan") {
        Some(f64::NAN)
    } else {
        None
    }
}

fn text_of(bytes: Vec<u8>) -> Text {
    match String::from_utf8(bytes) {
        Ok(value) => Text { value, bytes_if_not_utf8: None },
        Err(error) => {
            let bytes = error.into_bytes();
            Text { value: String::from_utf8_lossy(&bytes).into_owned(), bytes_if_not_utf8: Some(bytes) }
        }
    }
}

/// The known name that `word` most likely means.
fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let scored = names.map(|name| (strsim::normalized_damerau_levenshtein(word, name), name));
    scored.filter(|(score, _)| *score >= 0.6).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

fn expect_type(expr: &Expr, wanted: ValueType, context: &str) -> Result<(), ParseError> {
    let found = expr.value_type();
    if found == wanted {
        return Ok(());
    }
    let message = format!("expected type {} in {context}, got {}", wanted.name(), found.name());
    Err(ParseError::new(message, expr.span))
}
