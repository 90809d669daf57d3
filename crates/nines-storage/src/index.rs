//! What a segment says about itself beside its Parquet statistics: which words its row groups may hold, and how many
//! rows of each service and severity there are in each minute.
//!
//! It lies in the file, between the last row group and the footer, where readers of Parquet pass it by; the footer's
//! key-value pair [`INDEX_KEY`] says where. The bytes are described in `docs/formats/segment.md`.
//!
//! Promises
//! - [`SegmentIndex::may_contain`] is never false for a row group that has the token; it is true by mistake for about
//!   one token in thirty.
//! - [`SegmentIndex::counts`], when there are some, count every row of the segment exactly once.
//! - A segment without an index, or with one that is damaged, is as readable as any: it answers "may be".

mod counts;
mod filter;
mod read;
mod tokens;

pub use counts::{CountGroup, MINUTE_NANOS};
pub use read::{IndexError, SegmentIndex, index_location};
pub use tokens::{Token, each_token, required_tokens};

pub(crate) use counts::CountsBuilder;
pub(crate) use filter::FilterBuilder;

/// In the footer: `<offset> <length>` of the index in the file, in decimal.
pub const INDEX_KEY: &str = "nines.index";

const MAGIC: [u8; 8] = *b"NINESIDX";
const VERSION: u8 = 1;

/// Columns whose words are in the filters: where words and phrases are looked for (`nines_filter::TEXT_FIELDS`; a test
/// of the query side compares the lists).
pub const INDEXED_TEXT: [&str; 10] = [
    "body",
    "name",
    "status_message",
    "event_name",
    "service.name",
    "exception.type",
    "exception.message",
    "error.message",
    "url.path",
    "http.route",
];

/// The whole index as bytes.
pub(crate) fn encode(counts: Option<CountsBuilder>, filters: &[Option<Vec<u64>>]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&MAGIC);
    out.push(VERSION);
    match counts {
        Some(counts) => counts.encode(&mut out),
        None => out.push(0),
    }
    put_varint(&mut out, filters.len() as u64);
    for filter in filters {
        match filter {
            None => put_varint(&mut out, 0),
            Some(words) => {
                put_varint(&mut out, words.len() as u64);
                out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            }
        }
    }
    let checksum = crc32c::crc32c(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// LEB128.
fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}
