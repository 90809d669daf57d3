//! The template language of alerts: the part of Go's `text/template` that rule files use, with Prometheus' functions.
//!
//! [`Template::parse`] checks a text, [`Template::expand`] fills it in. What is there: texts with trimmed blanks, comments,
//! pipelines, variables, fields, `if`/`else if`/`else`, `with`, `range` with `break` and `continue`, `define`, `template` and
//! `block`, Go's built-in functions, and those of Prometheus 3. What is not: methods of Go's types (`.Format` of a time),
//! `call`, complex numbers, and `tmpl`, which consoles have.
//!
//! Promises: no IO but the queries that a template asks for; the texts that come out are byte for byte Go's, `%v` of a
//! map included. No text panics; steps, depth, output and queries of an expansion are bounded.
//!
//! Source: `text/template` and `fmt` of Go 1.24; `template/template.go` of Prometheus 3.

mod compare;
mod eval;
mod functions;
mod lex;
mod number;
mod parse;
mod print;
mod value;

use std::collections::BTreeMap;

use nines_base::ErrorKind;

pub use functions::FUNCTIONS;
pub(crate) use functions::escape_query;
pub use number::{format_shortest, humanize};
pub use value::{QuerySample, Value};

use parse::Tree;

/// Longest template. The longest annotations of published packs have some 2 KiB.
pub const TEMPLATE_BYTES_MAX: usize = 64 * 1024;
/// Longest text that comes out; what receives alerts takes less.
pub const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// Nodes and calls of one expansion: a list of a thousand series with ten steps each fits ten times.
pub const STEPS_MAX: usize = 100_000;
/// Queries of one expansion. Each may cost what a rule costs.
pub const QUERIES_MAX: usize = 32;
/// How deep actions, parentheses and templates may nest.
pub const NESTING_MAX: usize = 64;

/// Answers the `query` function: an instant query, evaluated when the alert is.
pub type Query<'q> = dyn FnMut(&str) -> Result<Vec<QuerySample>, String> + 'q;

/// A text that has been checked.
#[derive(Debug, Clone)]
pub struct Template {
    root: Tree,
    defined: BTreeMap<String, Tree>,
}

/// What an expansion sees beside its data.
pub struct Surroundings<'a> {
    pub external_url: &'a str,
    /// Of the evaluation, in milliseconds.
    pub now_ms: i64,
    pub query: &'a mut Query<'a>,
}

/// What is wrong with a template, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct TemplateError {
    /// From 1, in the template.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    pub message: String,
}

impl TemplateError {
    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Self { line, column, message: message.into() }
    }

    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// The data of an alert: what `.Labels`, `$labels`, `.Value` and the others are.
#[derive(Debug, Clone)]
pub struct AlertData<'a> {
    pub labels: &'a BTreeMap<String, String>,
    pub external_labels: &'a BTreeMap<String, String>,
    pub external_url: &'a str,
    pub value: Value,
}

impl Template {
    /// Variables that every template of an alert may use.
    const VARIABLES: [&'static str; 4] = ["$labels", "$externalLabels", "$externalURL", "$value"];

    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_BYTES_MAX {
            let message = format!("template has more than {TEMPLATE_BYTES_MAX} bytes");
            return Err(TemplateError { line: 1, column: 1, message });
        }
        let (root, defined) = parse::parse(text, &Self::VARIABLES)?;
        Ok(Self { root, defined })
    }

    /// The text for one alert.
    pub fn expand(
        &self,
        data: &AlertData<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<String, TemplateError> {
        let labels = Value::of_labels(data.labels);
        let external_labels = Value::of_labels(data.external_labels);
        let url = Value::text(data.external_url);
        let variables = [&labels, &external_labels, &url, &data.value];
        let variables = Self::VARIABLES.iter().zip(variables);
        let variables = variables.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let dot = Value::record([
            ("Labels", labels.clone()),
            ("ExternalLabels", external_labels.clone()),
            ("ExternalURL", url.clone()),
            ("Value", data.value.clone()),
        ]);
        eval::run(&self.root, &self.defined, dot, variables, around)
    }

    /// Whether the text is the same for all alerts.
    pub fn is_plain(&self) -> bool {
        self.root.is_text()
    }
}

#[cfg(test)]
mod tests;
