//! What shape a statement may have. The planner calls itself once for each step of a chain, `1 + 1 + …` or `select … union
//! select …`, and does not look how deep it is: a long one would end the process. So chains are counted before anything is
//! planned, the longest by the words of the text, before it is even a tree.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, visit_expressions, visit_relations};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::QueryError;
use crate::functions::is_growing;

/// Operators in a text: a filter that was made by a program compares a field with some hundred values.
const OPERATORS_MAX: usize = 1_000;
/// SELECTs in a text: each may be a step of a chain of unions, or of tables that are made of each other.
const SELECTS_MAX: usize = 100;
/// Tables that are named in a text: each may be a step of a chain of joins.
const TABLES_MAX: usize = 100;
/// Calls of functions that make long texts: each may hold its share of memory at the same time.
const TEXTS_MAX: usize = 32;
/// Ways in which rows are grouped at once: each holds groups of its own. A cube of eight values has as many.
const GROUPINGS_MAX: u64 = 256;

/// Before it is parsed. A text that cannot be read as words is left to the parser, which says where and why.
pub(crate) fn check_text(sql: &str) -> Result<(), QueryError> {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize() else { return Ok(()) };
    let selects = tokens.iter().filter(|token| keyword(token) == Some(Keyword::SELECT)).count();
    let operators = tokens.iter().filter(|token| is_operator(token)).count();
    bounded("SELECTs", selects, SELECTS_MAX, "send several queries")?;
    bounded("operators", operators, OPERATORS_MAX, "use `in (…)` or a `values` table for many values")
}

/// Before it is planned.
pub(crate) fn check_statement(statement: &Statement) -> Result<(), QueryError> {
    let statement = match statement {
        Statement::Explain(explain) => return check_statement(&explain.statement),
        Statement::Statement(statement) => statement,
        _ => return Ok(()),
    };
    let mut tables = 0;
    let _ = visit_relations(statement, |_| -> ControlFlow<()> {
        tables += 1;
        ControlFlow::Continue(())
    });
    bounded("tables", tables, TABLES_MAX, "send several queries")?;
    let (mut groupings, mut texts) = (1_u64, 0);
    let _ = visit_expressions(statement, |expression| -> ControlFlow<()> {
        let ways = match expression {
            Expr::Cube(sets) => 1_u64.checked_shl(u32::try_from(sets.len()).unwrap_or(u32::MAX)),
            Expr::Rollup(sets) => Some(sets.len() as u64 + 1),
            Expr::GroupingSets(sets) => Some(sets.len() as u64),
            Expr::Function(function) if is_growing(&function.name.to_string()) => {
                texts += 1;
                Some(1)
            }
            _ => Some(1),
        };
        groupings = groupings.saturating_mul(ways.unwrap_or(u64::MAX));
        ControlFlow::Continue(())
    });
    bounded("functions that make long texts", texts, TEXTS_MAX, "send several queries")?;
    let groupings = usize::try_from(groupings).unwrap_or(usize::MAX);
    bounded("ways of grouping", groupings, GROUPINGS_MAX as usize, "group by fewer values at once")
}

fn bounded(what: &str, count: usize, max: usize, hint: &str) -> Result<(), QueryError> {
    if count <= max {
        return Ok(());
    }
    Err(QueryError::invalid(format!("the query has more than {max} {what}")).hint(hint))
}

fn keyword(token: &Token) -> Option<Keyword> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

/// Whatever may take an expression and make a larger one of it without parentheses.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(_) => keyword(token).is_some_and(|word| OPERATOR_WORDS.contains(&word)),
        Token::EOF
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::Whitespace(_)
        | Token::Comma
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::SemiColon => false,
        _ => true,
    }
}

const OPERATOR_WORDS: [Keyword; 20] = [
    Keyword::AND,
    Keyword::OR,
    Keyword::XOR,
    Keyword::NOT,
    Keyword::IS,
    Keyword::IN,
    Keyword::LIKE,
    Keyword::ILIKE,
    Keyword::RLIKE,
    Keyword::REGEXP,
    Keyword::SIMILAR,
    Keyword::BETWEEN,
    Keyword::COLLATE,
    Keyword::AT,
    Keyword::DIV,
    Keyword::OVERLAPS,
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::JOIN,
];
