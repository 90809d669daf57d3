//! The one filter language of Nines: search, SLIs, alert rules, routes, permissions and traffic policy are all
//! written in it, so a filter that worked in one place works in every other.
//!
//! # The language
//!
//! | written | selects events where |
//! |---|---|
//! | `service.name: checkout` | the field equals the value (`=` is the same) |
//! | `http.route: "/cart/{id}"` | the value has spaces or signs: quote it |
//! | `http.response.status_code >= 500` | the number compares so: `= != < <= > >=` |
//! | `duration > 300ms`, `http.request.body.size > 4KiB` | numbers may carry a unit of time or of size |
//! | `status_code: [500 to 599]` | both ends belong to the range; `*` leaves one end open |
//! | `cloud.region: (berlin or paris)` | any of the values |
//! | `host.name: web-*`, `error.type: *Timeout*` | the value has that shape |
//! | `feature_flag.key: *` | the field is present |
//! | `body ~ /timed? out/i` | the regular expression is found in the value (`i`: in any case) |
//! | `timeout`, `"connection reset"`, `time*` | the word or phrase occurs in one of the [`TEXT_FIELDS`] |
//! | `a and b`, `a b`, `a or b`, `not a`, `( … )` | keywords in any case; `not` binds tightest, then `and`, then `or` |
//! | nothing, or `*` | every event |
//!
//! Names that hold blanks or signs, or that are keywords, are quoted (`"my field": 1`). `duration` means
//! `duration_ns`, and `"duration"` in quotes means a field that is really called so.
//!
//! # How values compare
//!
//! The literal has no type of its own, quoted or not; the value that the event holds decides:
//! - **string or JSON text**: `=` compares all of the text, case-sensitive (`"0500"` is not `500`). `<` and `>` compare
//!   as numbers if the literal and the text are both plain decimal numbers; if the literal is not a number they compare
//!   by bytes; otherwise they are false.
//! - **number**: the literal must read as a number, else `=` is false. Integers compare exactly, mixed ones as 64-bit
//!   floats, NaN by IEEE 754 (equal to nothing). Time literals become nanoseconds, or the unit that the field's name
//!   ends in (`_us`, `_ms`, `_s`, `_seconds`). A shape such as `5*` is matched against the decimal digits of an integer,
//!   or of a float that is whole.
//! - **bool**: equal to `true` or `false` in any case; never less or greater.
//! - **bytes**: present, but equal to nothing.
//!
//! `timestamp` is the event's time and compares with RFC 3339 text.
//! A comparison on a missing field is false, `!=` included; `not` turns that into true. So `region != berlin` means
//! "has another region" and `not region: berlin` also means "has none".
//!
//! # Words and phrases
//!
//! A bare word or a phrase is looked for, in any case, as a run of characters that begins and ends at word boundaries: `time` is
//! found in `time-out` but not in `timeout`; `time*` is found in both. Letters, digits and `_` make words. Chinese,
//! Japanese and Korean text has no blanks, so next to such a character no boundary is needed. A word of 32 or 16
//! hexadecimal digits is also compared with `trace_id` or `span_id`. Case is folded for ASCII words by ASCII rules, for
//! others by Unicode simple folding.
//!
//! # Promises
//!
//! - Parsing is linear in the input and refuses early: see [`MAX_BYTES`], [`MAX_DEPTH`] and [`MAX_NODES`]. Regular
//!   expressions run in linear time with a bounded program. No input panics.
//! - [`Filter`] prints its canonical text, and that text parses to an equal filter.
//! - [`Filter::matches`] does not allocate.
//!
//! This crate does no IO and knows nothing of Arrow or SQL; `nines-query` lowers the same syntax tree to its plans and
//! calls [`Test::accepts`] for whatever has no exact counterpart there.

mod ast;
mod complete;
mod display;
mod error;
mod literal;
mod matching;
mod nearest;
mod parser;
mod pattern;
mod select;
mod text;

use std::str::FromStr;

use nines_model::{Event, RowSet, Rows};

pub use ast::{Comparison, Expr, Operator, Test};
pub use complete::{Completion, Context, OPERATORS, complete};
pub use error::FilterError;
pub use literal::{Literal, Number};
pub use matching::Record;
pub use nearest::nearest;
pub use nines_model::ValueRef;
pub use parser::{MAX_BYTES, MAX_DEPTH, MAX_NODES};
pub use pattern::{Pattern, Wildcard};
pub use text::{TEXT_FIELDS, TextSearch};

/// A filter that has been read and checked. The default one matches everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    ast: Expr,
}

impl Filter {
    /// Reads a filter. Cost is linear in the text, which may be hostile.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parser::parse(text).map(|ast| Self { ast })
    }

    /// The filter that selects every event.
    pub fn all() -> Self {
        Self { ast: Expr::All }
    }

    pub fn from_ast(ast: Expr) -> Self {
        Self { ast }
    }

    pub fn ast(&self) -> &Expr {
        &self.ast
    }

    /// Both filters at once.
    pub fn and(self, other: Self) -> Self {
        Self { ast: Expr::and(vec![self.ast, other.ast]) }
    }

    pub fn is_all(&self) -> bool {
        self.ast == Expr::All
    }

    /// Whether the event is selected. Does not allocate.
    pub fn matches(&self, event: &Event) -> bool {
        self.ast.accepts(event)
    }

    /// The rows of a batch that are selected: those for which [`Filter::accepts`] holds, found column by column.
    pub fn select(&self, rows: &Rows) -> RowSet {
        self.ast.select(rows, &RowSet::all(rows.len()))
    }

    /// As [`Filter::select`], of the rows in `within`.
    pub fn select_within(&self, rows: &Rows, within: &RowSet) -> RowSet {
        self.ast.select(rows, within)
    }

    /// As [`Filter::matches`], over anything that can be asked for its fields.
    pub fn accepts(&self, record: &impl Record) -> bool {
        self.ast.accepts(record)
    }

    /// The names of the fields that are compared, each once, in order of appearance. Words and phrases name none: see
    /// [`Filter::searches_text`].
    pub fn fields(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.ast.visit(&mut |expr| {
            if let Expr::Compare(comparison) = expr
                && !names.contains(&comparison.field.as_str())
            {
                names.push(comparison.field.as_str());
            }
        });
        names
    }

    /// Whether a word or phrase is looked for, that is, whether [`TEXT_FIELDS`] are read.
    pub fn searches_text(&self) -> bool {
        let mut found = false;
        self.ast.visit(&mut |expr| found |= matches!(expr, Expr::Text(_)));
        found
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::all()
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}
