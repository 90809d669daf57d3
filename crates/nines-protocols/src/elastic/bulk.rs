//! `_bulk`: lines in pairs, an action and its document.

use std::borrow::Cow;

use nines_base::ErrorKind;
use nines_model::{Batch, Dataset, Timestamp, Value};

use super::{DEFAULT_INDEX, MAX_ITEMS_PER_REQUEST};
use crate::document::DocumentReader;
use crate::intake::IntakeError;
use crate::json::{Cursor, Kind};
use crate::rows::RowWriter;

/// The longest index name and id that Elasticsearch takes (255 and 512 bytes).
const INDEX_BYTES_MAX: usize = 255;
const ID_BYTES_MAX: usize = 512;

/// A bulk request, read.
#[derive(Debug)]
pub struct Bulk<'a> {
    pub batch: Batch,
    /// One for each action, in order: clients match them by position.
    pub items: Vec<Item<'a>>,
}

#[derive(Debug, Clone)]
pub struct Item<'a> {
    pub operation: Operation,
    pub index: Cow<'a, str>,
    /// Only if the client chose one.
    pub id: Option<Cow<'a, str>>,
    /// `None` if the document is kept.
    pub error: Option<Box<ItemError>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemError {
    /// Elasticsearch's word, such as `document_parsing_exception`.
    pub kind: &'static str,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Index,
    Create,
    Update,
    Delete,
}

/// Nothing of the request is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BulkError {
    /// Elasticsearch's word, such as `illegal_argument_exception`.
    pub kind: &'static str,
    pub reason: String,
    too_large: bool,
}

impl BulkError {
    fn new(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), too_large: false }
    }

    pub fn error_kind(&self) -> ErrorKind {
        if self.too_large { ErrorKind::TooLarge } else { ErrorKind::InvalidInput }
    }
}

impl Operation {
    const ALL: [Self; 4] = [Self::Index, Self::Create, Self::Update, Self::Delete];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Reads the body of `_bulk`, or of `{index}/_bulk` with that index.
///
/// # Errors
/// As Elasticsearch: an empty body, a last line without its end, a line that is no action. A document that cannot be
/// read is its item's error.
pub fn bulk<'a>(
    body: &'a [u8],
    index: Option<&'a str>,
    received_at: Timestamp,
) -> Result<Bulk<'a>, BulkError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(BulkError::new("parse_exception", "request body is required"));
    }
    if body.last() != Some(&b'\n') {
        let reason = "the bulk request must be terminated by a newline [\\n]";
        return Err(BulkError::new("illegal_argument_exception", reason));
    }
    let mut reader = BulkReader {
        default_index: index.unwrap_or(DEFAULT_INDEX),
        rows: RowWriter::new(Dataset::Logs, received_at),
        items: Vec::new(),
        documents: DocumentReader::new(),
        resource_index: None,
    };
    reader.read(body)?;
    Ok(Bulk { batch: reader.rows.finish(), items: reader.items })
}

/// Reads one document, as `{index}/_doc` has it.
pub fn document(
    body: &[u8],
    index: &str,
    id: Option<&str>,
    received_at: Timestamp,
) -> Result<Batch, IntakeError> {
    let mut rows = RowWriter::new(Dataset::Logs, received_at);
    rows.set_resource([("elasticsearch.index", Value::str(index))]);
    let mut cursor = Cursor::new(crate::intake::text(body)?);
    read_document(&mut DocumentReader::new(), &mut cursor, &mut rows, id)?;
    rows.end()?;
    Ok(rows.finish())
}

fn read_document(
    reader: &mut DocumentReader,
    cursor: &mut Cursor<'_>,
    rows: &mut RowWriter,
    id: Option<&str>,
) -> Result<(), IntakeError> {
    reader.read(cursor, rows)?;
    cursor.end()?;
    match id {
        Some(id) => rows.str("event.id", id),
        None => Ok(()),
    }
}

struct BulkReader<'a> {
    default_index: &'a str,
    rows: RowWriter,
    items: Vec<Item<'a>>,
    documents: DocumentReader,
    /// The index that the shared resource of the rows names.
    resource_index: Option<Cow<'a, str>>,
}

impl<'a> BulkReader<'a> {
    fn read(&mut self, body: &'a [u8]) -> Result<(), BulkError> {
        let mut last: Option<(&'a [u8], Item<'a>)> = None;
        let mut rest = body;
        let mut number = 0;
        while let Some(line) = take_line(&mut rest) {
            number += 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            // Most bulks repeat one action.
            let item = match &last {
                Some((text, item)) if *text == line => item.clone(),
                _ => self.action(line, number)?,
            };
            if self.items.len() >= MAX_ITEMS_PER_REQUEST {
                let reason =
                    format!("request has more than {MAX_ITEMS_PER_REQUEST} items: send smaller batches");
                let kind = "illegal_argument_exception";
                return Err(BulkError { too_large: true, ..BulkError::new(kind, reason) });
            }
            last = Some((line, item.clone()));
            let document = if item.operation == Operation::Delete {
                None
            } else {
                number += 1;
                Some(take_line(&mut rest).unwrap_or_default())
            };
            let error = self.item(&item, document);
            self.items.push(Item { error, ..item });
        }
        Ok(())
    }

    fn item(&mut self, item: &Item<'a>, document: Option<&'a [u8]>) -> Option<Box<ItemError>> {
        let error = |kind, reason: String| Some(Box::new(ItemError { kind, reason }));
        let document = match (item.operation, document) {
            (Operation::Index | Operation::Create, Some(document)) => document,
            (operation, _) => {
                let reason = format!(
                    "{} is not supported: nines keeps events, which do not change; use index or create",
                    operation.as_str()
                );
                return error("illegal_argument_exception", reason);
            }
        };
        if self.resource_index.as_ref() != Some(&item.index) {
            self.rows.set_resource([("elasticsearch.index", Value::str(&item.index))]);
            self.resource_index = Some(item.index.clone());
        }
        match self.document(document, item.id.as_deref()) {
            Ok(()) => None,
            Err(problem) => {
                self.rows.abandon();
                error("document_parsing_exception", format!("failed to parse: {problem}"))
            }
        }
    }

    fn document(&mut self, line: &'a [u8], id: Option<&str>) -> Result<(), IntakeError> {
        let text = crate::intake::text(line)?;
        let mut cursor = Cursor::new(text);
        read_document(&mut self.documents, &mut cursor, &mut self.rows, id)?;
        self.rows.end()
    }

    /// `{"create":{"_index":"…","_id":"…"}}`
    fn action(&self, line: &'a [u8], number: usize) -> Result<Item<'a>, BulkError> {
        let malformed = |problem: &dyn std::fmt::Display| {
            let reason = format!("malformed action/metadata line [{number}]: {problem}");
            BulkError::new("illegal_argument_exception", reason)
        };
        let text = std::str::from_utf8(line).map_err(|_| malformed(&"text is not valid UTF-8"))?;
        let mut cursor = Cursor::new(text);
        let parse = |cursor: &mut Cursor<'a>| -> Result<Option<(Cow<'a, str>, Metadata<'a>)>, crate::json::JsonError> {
            cursor.enter_object()?;
            let Some(name) = cursor.next_key(true)? else { return Ok(None) };
            let metadata = metadata(cursor)?;
            if cursor.next_key(false)?.is_some() {
                return Ok(None);
            }
            cursor.end()?;
            Ok(Some((name, metadata)))
        };
        let Some((name, metadata)) = parse(&mut cursor).map_err(|error| malformed(&error))? else {
            return Err(malformed(&"expected one of [create], [index], [update] or [delete] alone"));
        };
        let operation = Operation::ALL.into_iter().find(|operation| operation.as_str() == name);
        let Some(operation) = operation else {
            let expected = "expected one of [create], [index], [update] or [delete]";
            return Err(malformed(&format!("unknown action [{}], {expected}", shortened(&name))));
        };
        let index = metadata.index.unwrap_or(Cow::Borrowed(self.default_index));
        if index.is_empty() || index.len() > INDEX_BYTES_MAX {
            return Err(malformed(&format!("an index name has 1 to {INDEX_BYTES_MAX} bytes")));
        }
        if metadata.id.as_ref().is_some_and(|id| id.is_empty() || id.len() > ID_BYTES_MAX) {
            return Err(malformed(&format!("an id has 1 to {ID_BYTES_MAX} bytes")));
        }
        Ok(Item { operation, index, id: metadata.id, error: None })
    }
}

#[derive(Default)]
struct Metadata<'a> {
    index: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
}

fn metadata<'a>(cursor: &mut Cursor<'a>) -> Result<Metadata<'a>, crate::json::JsonError> {
    let mut metadata = Metadata::default();
    cursor.enter_object()?;
    let mut is_first = true;
    while let Some(key) = cursor.next_key(is_first)? {
        is_first = false;
        let place = match key.as_ref() {
            "_index" => &mut metadata.index,
            "_id" => &mut metadata.id,
            // Routing, pipelines and versions mean nothing here.
            _ => {
                cursor.raw()?;
                continue;
            }
        };
        *place = match cursor.kind()? {
            Kind::Str => Some(cursor.string()?),
            // `null` is absent; numbers are ids as well.
            _ => Some(cursor.raw()?).filter(|raw| *raw != "null").map(Cow::Borrowed),
        };
    }
    Ok(metadata)
}

/// Up to the next line feed, which is taken, too.
fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let line = &rest[..end];
    *rest = rest.get(end + 1..).unwrap_or_default();
    Some(line)
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}
