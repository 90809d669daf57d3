//! The bytes of segments and records; `docs/formats/journal.md` draws them.

use std::ops::Range;

pub const SEGMENT_MAGIC: [u8; 8] = *b"NINESWAL";
pub const FORMAT_VERSION: u32 = 1;
/// magic 8, version 4, checksum 4, marker 8, first sequence 8.
pub const SEGMENT_HEADER_BYTES: usize = 32;
/// marker 8, payload length 4, checksum 4, sequence 8.
pub const RECORD_HEADER_BYTES: usize = 24;

/// Why bytes of a segment are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageReason {
    /// The segment's own header; its records are read all the same.
    SegmentHeader,
    /// A record does not start where it should.
    Marker,
    /// A record's checksum does not fit its bytes.
    Checksum,
    /// The file ends inside a record: a write that a crash or an error cut short, never acknowledged unless the file
    /// was cut afterwards.
    Torn,
    /// The file could not be read.
    Unreadable,
}

impl DamageReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SegmentHeader => "segment header is damaged",
            Self::Marker => "no record starts here",
            Self::Checksum => "record checksum does not fit",
            Self::Torn => "file ends inside a record",
            Self::Unreadable => "file cannot be read",
        }
    }
}

pub fn segment_header(marker: u64, first_sequence: u64) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut header = [0; SEGMENT_HEADER_BYTES];
    header[0..8].copy_from_slice(&SEGMENT_MAGIC);
    header[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&marker.to_le_bytes());
    header[24..32].copy_from_slice(&first_sequence.to_le_bytes());
    let checksum = crc32c::crc32c(&header);
    header[12..16].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The format version of a segment whose header is whole.
pub fn segment_version(bytes: &[u8]) -> Result<u32, DamageReason> {
    let header: &[u8; SEGMENT_HEADER_BYTES] = bytes.first_chunk().ok_or(DamageReason::Torn)?;
    let mut unsigned = *header;
    unsigned[12..16].fill(0);
    let whole = header[0..8] == SEGMENT_MAGIC && crc32c::crc32c(&unsigned) == u32_at(header, 12);
    if whole { Ok(u32_at(header, 8)) } else { Err(DamageReason::SegmentHeader) }
}

/// The checksum covers marker, length, sequence and payload. The payload comes first so that the caller can do the
/// long part before it knows the sequence number.
pub fn payload_checksum(payload: &[u8]) -> u32 {
    crc32c::crc32c(payload)
}

fn record_checksum(payload_checksum: u32, marker: u64, length: u32, sequence: u64) -> u32 {
    let mut covered = [0; 20];
    covered[0..8].copy_from_slice(&marker.to_le_bytes());
    covered[8..12].copy_from_slice(&length.to_le_bytes());
    covered[12..20].copy_from_slice(&sequence.to_le_bytes());
    crc32c::crc32c_append(payload_checksum, &covered)
}

pub fn encode_record(out: &mut Vec<u8>, marker: u64, sequence: u64, payload: &[u8], payload_checksum: u32) {
    let length = u32::try_from(payload.len()).expect("payloads are bounded far below 4 GiB");
    out.extend_from_slice(&marker.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&record_checksum(payload_checksum, marker, length, sequence).to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(payload);
}

/// What a segment holds, in order of offset.
#[derive(Debug, PartialEq)]
pub enum Found {
    Record { sequence: u64, payload: Range<usize> },
    Damaged { range: Range<usize>, reason: DamageReason },
}

/// Walks the records after the header. After damage it goes on at the next bytes that are a whole record.
pub struct Scan<'a> {
    bytes: &'a [u8],
    marker: u64,
    position: usize,
}

impl<'a> Scan<'a> {
    pub fn new(bytes: &'a [u8], marker: u64) -> Self {
        Self { bytes, marker, position: SEGMENT_HEADER_BYTES.min(bytes.len()) }
    }

    fn record_at(&self, position: usize) -> Result<(u64, Range<usize>), DamageReason> {
        let rest = &self.bytes[position..];
        let marker = self.marker.to_le_bytes();
        if !rest.starts_with(&marker[..rest.len().min(8)]) {
            // A file system may grow a file with zeros before a crash: that is a torn write too.
            let zeros = rest.iter().all(|&byte| byte == 0);
            return Err(if zeros { DamageReason::Torn } else { DamageReason::Marker });
        }
        let header: &[u8; RECORD_HEADER_BYTES] = rest.first_chunk().ok_or(DamageReason::Torn)?;
        let length = u32_at(header, 8);
        let sequence = u64::from_le_bytes(*header[16..].first_chunk().expect("the header has 24 bytes"));
        let payload = rest[RECORD_HEADER_BYTES..].get(..length as usize).ok_or(DamageReason::Torn)?;
        if record_checksum(payload_checksum(payload), self.marker, length, sequence) != u32_at(header, 12) {
            return Err(DamageReason::Checksum);
        }
        let start = position + RECORD_HEADER_BYTES;
        Ok((sequence, start..start + payload.len()))
    }

    /// The next position after `from` at which a whole record starts.
    fn resynchronise(&self, from: usize) -> Option<usize> {
        let marker = self.marker.to_le_bytes();
        (from..self.bytes.len().saturating_sub(RECORD_HEADER_BYTES - 1))
            .find(|&at| self.bytes[at..].starts_with(&marker) && self.record_at(at).is_ok())
    }
}

impl Iterator for Scan<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let start = self.position;
        if start >= self.bytes.len() {
            return None;
        }
        match self.record_at(start) {
            Ok((sequence, payload)) => {
                self.position = payload.end;
                Some(Found::Record { sequence, payload })
            }
            Err(reason) => {
                let next = self.resynchronise(start + 1);
                self.position = next.unwrap_or(self.bytes.len());
                // A record that runs past the end but is followed by others is not torn, its length is wrong.
                let reason = match (reason, next) {
                    (DamageReason::Torn, Some(_)) => DamageReason::Checksum,
                    (reason, _) => reason,
                };
                Some(Found::Damaged { range: start..self.position, reason })
            }
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the caller checked the length"))
}
