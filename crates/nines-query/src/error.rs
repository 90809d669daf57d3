//! What can go wrong with a question, and how DataFusion's errors become words that a person can act on.

use std::time::Duration;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError, TableReference};
use nines_base::{ByteSize, ErrorKind, root_cause};
use nines_filter::{FilterError, nearest};
use nines_model::Dataset;
use nines_scan::ScanError;

#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The filter cannot be read. The error knows where.
    #[error("filter is not valid: {0}")]
    Filter(#[from] FilterError),
    /// The query is wrong and will be wrong again.
    #[error("{message}{}{}", at(.position), hinted(.hint))]
    Invalid {
        message: String,
        /// Line and column in the SQL text, counted from 1, where they are known.
        position: Option<(u64, u64)>,
        hint: Option<String>,
    },
    #[error("{what} changes things, and SQL only reads: use SELECT, EXPLAIN, SHOW or DESCRIBE")]
    ReadOnly { what: String },
    #[error("{what} is too large, the limit is {}: {hint}", ByteSize(*.limit))]
    TooLarge { what: &'static str, limit: u64, hint: &'static str },
    #[error("query took longer than {after:?}: narrow the time range or the filter")]
    Timeout { after: Duration },
    #[error("query was cancelled")]
    Cancelled,
    #[error("{what} needs more than {} of memory: {hint}", ByteSize(*.limit))]
    Memory { what: &'static str, limit: u64, hint: &'static str },
    /// Stored data could not be read.
    #[error("stored data of {dataset} cannot be read: {}", root_cause(&**.source))]
    Storage {
        dataset: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A defect of ours: the source is for the log.
    #[error("query failed inside")]
    Internal {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl QueryError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Filter(_) | Self::Invalid { .. } | Self::ReadOnly { .. } => ErrorKind::InvalidInput,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Memory { .. } => ErrorKind::Exhausted,
            Self::Storage { .. } => ErrorKind::Unavailable,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), position: None, hint: None }
    }

    pub(crate) fn hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Invalid { message, position, .. } => {
                Self::Invalid { message, position, hint: Some(text.into()) }
            }
            other => other,
        }
    }
}

impl From<ScanError> for QueryError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Invalid { message, hint } => Self::invalid(message).hint(hint),
            ScanError::Timeout { after } => Self::Timeout { after },
            ScanError::Cancelled => Self::Cancelled,
            ScanError::Memory { what, limit, hint } => Self::Memory { what, limit, hint },
            ScanError::Storage { dataset, source } => Self::Storage { dataset: dataset.to_string(), source },
            ScanError::Internal { source } => Self::Internal { source },
        }
    }
}

fn at(position: &Option<(u64, u64)>) -> String {
    position.map(|(line, column)| format!(" at line {line}, column {column}")).unwrap_or_default()
}

fn hinted(hint: &Option<String>) -> String {
    hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default()
}

/// In which step an error came up: the same mistake has other causes while planning than while running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Planning,
    Running,
}

/// The error in our words. `memory_limit` is what the query was allowed.
pub(crate) fn translate(error: DataFusionError, step: Step, memory_limit: u64) -> QueryError {
    let position = error
        .diagnostic()
        .and_then(|diagnostic| diagnostic.span)
        .map(|span| (span.start.line, span.start.column));
    let invalid = |message: String, hint: Option<String>| QueryError::Invalid { message, position, hint };
    let root = root_of(&error);
    match root {
        DataFusionError::SQL(parser_error, _) => syntax_error(&parser_error.to_string()),
        DataFusionError::SchemaError(schema_error, _) => {
            let (message, hint) = explain_schema_error(schema_error);
            invalid(message, hint)
        }
        DataFusionError::Plan(message) => {
            let (message, hint) = explain_plan_error(message);
            invalid(message, hint)
        }
        DataFusionError::NotImplemented(message) if message.contains("single SQL statement") => invalid(
            "only one statement can be asked at a time".to_owned(),
            Some("send them one by one".into()),
        ),
        DataFusionError::NotImplemented(message) => {
            invalid(lower_first(message), Some("write it another way".into()))
        }
        DataFusionError::ResourcesExhausted(_) => QueryError::Memory {
            what: "query",
            limit: memory_limit,
            hint: "narrow the time range, or group by fewer values",
        },
        DataFusionError::Configuration(message) => invalid(lower_first(message), None),
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            QueryError::Storage { dataset: "a dataset".to_owned(), source: Box::new(error) }
        }
        DataFusionError::ArrowError(arrow, _) if is_users(arrow) => {
            invalid(lower_first(&arrow.to_string()), None)
        }
        // Both at planning time and while running, this kind tells of values that a function cannot take.
        DataFusionError::Execution(message) => invalid(lower_first(first_line(message)), None),
        // Constants are evaluated while planning: a regular expression that cannot be read, for one.
        DataFusionError::External(source) if step == Step::Planning => {
            let text = source.to_string();
            let line = text.lines().last().unwrap_or(&text);
            invalid(
                lower_first(line.trim_start_matches("error: ")),
                Some("see the constants of the query".into()),
            )
        }
        // A regular expression that cannot be read, or is too large, is an internal error to the operator `~`.
        DataFusionError::Internal(message) if message.contains(NO_REGEX) => {
            let (_, reason) = message.split_once(NO_REGEX).unwrap_or(("", message));
            invalid(
                format!("regular expression cannot be used{}", first_line(reason)),
                Some("make it simpler: repetitions within repetitions are what makes it large".into()),
            )
        }
        // The planner checks some things late and calls them internal; nothing has run yet.
        DataFusionError::Internal(_) | DataFusionError::ArrowError(..) if step == Step::Planning => {
            tracing::debug!(error = %error, "query cannot be planned");
            invalid("this query cannot be planned".to_owned(), Some("simplify it step by step".into()))
        }
        // Constants are computed while planning: a regular expression that cannot be read comes up here.
        DataFusionError::External(source) if step == Step::Planning => {
            let text = source.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            invalid(
                lower_first(&last),
                Some("check the constants of the query, such as its regular expressions".into()),
            )
        }
        _ => QueryError::Internal { source: Box::new(error) },
    }
}

/// How Arrow says it.
const NO_REGEX: &str = "Regular expression did not compile";

/// The innermost error of DataFusion's own kind.
fn root_of(error: &DataFusionError) -> &DataFusionError {
    let mut error = error;
    loop {
        error = match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => inner,
            DataFusionError::Shared(inner) => inner,
            DataFusionError::Collection(errors) if !errors.is_empty() => &errors[0],
            DataFusionError::ArrowError(arrow, _) => match &**arrow {
                ArrowError::ExternalError(source) => match source.downcast_ref::<DataFusionError>() {
                    Some(inner) => inner,
                    None => return error,
                },
                _ => return error,
            },
            DataFusionError::External(source) => match source.downcast_ref::<DataFusionError>() {
                Some(inner) => inner,
                None => return error,
            },
            other => return other,
        };
    }
}

/// Whether the values or the expressions of the query are at fault.
fn is_users(error: &ArrowError) -> bool {
    matches!(
        error,
        ArrowError::CastError(_)
            | ArrowError::ParseError(_)
            | ArrowError::DivideByZero
            | ArrowError::ArithmeticOverflow(_)
            | ArrowError::InvalidArgumentError(_)
            | ArrowError::ComputeError(_)
            | ArrowError::NotYetImplemented(_)
    )
}

/// `sql parser error: Expected: …, found: … at Line: 1, Column: 8`, in our form.
fn syntax_error(text: &str) -> QueryError {
    let text = text
        .trim_start_matches("sql parser error: ")
        .trim_start_matches("ParserError(\"")
        .trim_end_matches("\")");
    let (message, position) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => {
            let mut numbers = place
                .split(", Column: ")
                .map(|part| part.trim_matches(|c: char| !c.is_ascii_digit()).parse());
            match (numbers.next(), numbers.next()) {
                (Some(Ok(line)), Some(Ok(column))) => (message, Some((line, column))),
                _ => (message, None),
            }
        }
        None => (text, None),
    };
    let hint = message
        .rsplit_once("found: ")
        .and_then(|(_, word)| nearest(word, KEYWORDS))
        .map(|keyword| format!("did you mean {keyword}?"));
    QueryError::Invalid { message: format!("syntax error: {}", lower_first(message)), position, hint }
}

const KEYWORDS: [&str; 14] = [
    "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "UNION", "JOIN", "WITH",
    "EXPLAIN", "DISTINCT", "BETWEEN",
];

fn explain_schema_error(error: &SchemaError) -> (String, Option<String>) {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let names = valid_fields.iter().map(|column| column.name.as_str());
            let hint = match nearest(&field.name, names) {
                Some(name) if name.contains(['.', '-', '/']) || name.chars().any(char::is_uppercase) => Some(
                    format!("did you mean \"{name}\"? (names with signs or capitals need double quotes)"),
                ),
                Some(name) => Some(format!("did you mean {name}?")),
                None => Some("`describe` the table to see its columns; text is quoted with '…'".to_owned()),
            };
            (format!("there is no column \"{}\"", field.name), hint)
        }
        SchemaError::AmbiguousReference { field } => {
            let hint = format!("write the table before it, as in logs.\"{}\"", field.name);
            (format!("column \"{}\" is in more than one table", field.name), Some(hint))
        }
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            (format!("two columns are called \"{name}\""), Some("rename one with AS".to_owned()))
        }
    }
}

fn explain_plan_error(text: &str) -> (String, Option<String>) {
    if let Some(name) =
        text.strip_prefix("table '").and_then(|rest| rest.split_once("' not found")).map(|(name, _)| name)
    {
        let table = TableReference::from(name).table().to_owned();
        let hint = match nearest(&table, Dataset::ALL.map(Dataset::as_str)) {
            Some(name) => format!("did you mean {name}?"),
            None => format!("the tables are {}", Dataset::ALL.map(Dataset::as_str).join(", ")),
        };
        return (format!("there is no table \"{table}\""), Some(hint));
    }
    let (message, hint) = match text.split_once("Did you mean ") {
        Some((message, meant)) => {
            let meant = meant.lines().next().unwrap_or(meant).trim_end_matches(['?', '.']).replace('\'', "");
            (message.trim(), Some(format!("did you mean {meant}?")))
        }
        None => (text, None),
    };
    (lower_first(first_line(message).trim_end_matches('.')), hint)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// Errors begin with a small letter, unless the first word is an abbreviation or a name.
fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}
