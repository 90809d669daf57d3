use std::fmt;

use nines_base::ErrorKind;

/// The request as a whole cannot be read: nothing of it is kept, and sending it again will not help.
/// Boxed, because it travels through every layer of the decoder and nearly never exists.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodeError(Box<Inner>);

#[derive(Debug, Clone, PartialEq)]
struct Inner {
    format: Format,
    /// Innermost step first: it grows while the error travels outwards.
    path: Vec<Step>,
    problem: Problem,
}

/// How the message is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `application/x-protobuf`, and every gRPC message.
    Protobuf,
    /// `application/json`, by the rules of OTLP/JSON.
    Json,
}

/// One field on the way to the mistake: its name as the `.proto` file or the JSON has it, and its index if repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub name: &'static str,
    pub index: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the message ends in the middle of a field at byte {at}")]
    Truncated { at: usize },
    #[error("the length at byte {at} says {length} bytes but {left} are left")]
    Length { at: usize, length: u64, left: usize },
    #[error("the number at byte {at} is longer than 64 bits")]
    Varint { at: usize },
    #[error("byte {at} is not the start of a field (number {number}, wire type {wire_type})")]
    Tag { at: usize, number: u64, wire_type: u8 },
    #[error("a group at byte {at} is not closed or is nested too deeply")]
    Group { at: usize },
    #[error("expected {expected} at byte {at}, found {found}")]
    WireType { at: usize, expected: &'static str, found: &'static str },
    #[error("the text at byte {at} is not valid UTF-8")]
    Utf8 { at: usize },
    /// From the JSON parser, with line and column.
    #[error("{0}")]
    Json(String),
}

impl DecodeError {
    pub(crate) fn protobuf(problem: Problem) -> Self {
        Self(Box::new(Inner { format: Format::Protobuf, path: Vec::new(), problem }))
    }

    /// `path` is outermost first.
    pub(crate) fn json(mut path: Vec<Step>, message: &str) -> Self {
        path.reverse();
        Self(Box::new(Inner { format: Format::Json, path, problem: Problem::Json(shorten(message)) }))
    }

    /// The same error seen from one level further out.
    pub(crate) fn within(mut self, name: &'static str, index: impl Into<Option<usize>>) -> Self {
        self.0.path.push(Step { name, index: index.into() });
        self
    }

    /// Where the mistake is, from the outside in: `resource_spans[0].scope_spans[0].spans[3].trace_id`.
    pub fn path(&self) -> String {
        self.0.path.iter().rev().map(Step::to_string).collect::<Vec<_>>().join(".")
    }

    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// The parser quotes the value that it stumbled over, which may be megabytes long. The beginning says what was found,
/// the end what was expected and where.
fn shorten(message: &str) -> String {
    let length = message.chars().count();
    if length <= 2 * QUOTED_CHARS {
        return message.to_owned();
    }
    let start: String = message.chars().take(QUOTED_CHARS).collect();
    let end: String = message.chars().skip(length - QUOTED_CHARS).collect();
    format!("{start} … {end}")
}

/// Of either end of a message: room for the longest "expected … at line … column …".
const QUOTED_CHARS: usize = 150;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}[{index}]", self.name),
            None => f.write_str(self.name),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.0.format {
            Format::Protobuf => "protobuf",
            Format::Json => "JSON",
        };
        write!(f, "body is not valid OTLP {format}")?;
        if !self.0.path.is_empty() {
            write!(f, ": {}", self.path())?;
        }
        write!(f, ": {}", self.0.problem)
    }
}

impl std::error::Error for DecodeError {}
