//! The frames of a segment that hold exemplars, behind its series table. Readers that know nothing of them pass them over.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{BlockReader, Segment};
use crate::SeriesError;
use crate::codec::cursor::{Cursor, Damaged, put_bytes, put_varint, put_zigzag};
use crate::model::{Exemplar, Labels};

/// In one frame: some MiB in memory while it is written or read.
const PER_FRAME: usize = 8_192;

/// Least bytes of an exemplar: time, value, number of labels.
const BYTES_MIN: usize = 10;

/// Collects exemplars in the order of their series and times.
#[derive(Debug, Default)]
pub struct ExemplarFrame {
    start_ms: i64,
    names: Vec<Arc<str>>,
    body: Vec<u8>,
    count: usize,
    series: u32,
    t_ms: i64,
}

impl ExemplarFrame {
    /// Times are stored behind `start_ms`, the partition's start.
    pub fn new(start_ms: i64) -> Self {
        Self { start_ms, t_ms: start_ms, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn is_full(&self) -> bool {
        self.count >= PER_FRAME
    }

    pub fn push(&mut self, series: u32, exemplar: &Exemplar) {
        put_varint(&mut self.body, u64::from(series - self.series));
        put_zigzag(&mut self.body, exemplar.t_ms.wrapping_sub(self.t_ms));
        self.body.extend_from_slice(&exemplar.value.to_le_bytes());
        put_varint(&mut self.body, exemplar.labels.len() as u64);
        for (name, value) in exemplar.labels.iter() {
            // Exemplars have a handful of names among them.
            let known = self.names.iter().position(|known| known == name);
            let number = known.unwrap_or_else(|| {
                self.names.push(Arc::clone(name));
                self.names.len() - 1
            });
            put_varint(&mut self.body, number as u64);
            put_value(&mut self.body, value);
        }
        (self.series, self.t_ms) = (series, exemplar.t_ms);
        self.count += 1;
    }

    /// The raw bytes of the frame; empty afterwards.
    pub fn take(&mut self) -> Vec<u8> {
        let mut raw = Vec::with_capacity(self.body.len() + 64);
        put_varint(&mut raw, self.names.len() as u64);
        self.names.iter().for_each(|name| put_bytes(&mut raw, name.as_bytes()));
        put_varint(&mut raw, self.count as u64);
        raw.append(&mut self.body);
        *self = Self::new(self.start_ms);
        raw
    }
}

/// Ids of traces and spans are written in hexadecimal and stored as the bytes that they stand for.
fn put_value(out: &mut Vec<u8>, value: &str) {
    match packed(value.as_bytes()) {
        Some(bytes) => {
            put_varint(out, (bytes.len() as u64) << 1 | 1);
            out.extend_from_slice(&bytes);
        }
        None => {
            put_varint(out, (value.len() as u64) << 1);
            out.extend_from_slice(value.as_bytes());
        }
    }
}

fn packed(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    let is_worth = rest.is_empty() && !pairs.is_empty();
    is_worth.then(|| pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect())?
}

fn take_value(cursor: &mut Cursor<'_>) -> Result<String, Damaged> {
    let tag = cursor.varint()?;
    let length = usize::try_from(tag >> 1).map_err(|_| cursor.damaged())?;
    let bytes = cursor.take(length)?;
    if tag & 1 == 0 {
        return std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| cursor.damaged());
    }
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap_or_default();
    Ok(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect())
}

/// Reads the exemplars of one segment in the order of its series.
pub struct ExemplarReader<'a> {
    segment: &'a Segment,
    reader: BlockReader<'a>,
    frames: VecDeque<(u64, u32)>,
    read: VecDeque<(u32, Exemplar)>,
}

impl<'a> ExemplarReader<'a> {
    pub fn new(segment: &'a Segment) -> Result<Self, SeriesError> {
        let frames = segment.exemplar_frames().collect();
        Ok(Self { segment, reader: BlockReader::new(segment)?, frames, read: VecDeque::new() })
    }

    /// Appends those of `series` for which `wanted` holds. To be asked for series in rising order: those of series in between
    /// are passed over.
    pub fn take(
        &mut self,
        series: u32,
        wanted: &dyn Fn(&Exemplar) -> bool,
        out: &mut Vec<Exemplar>,
    ) -> Result<(), SeriesError> {
        loop {
            while let Some((of, _)) = self.read.front().filter(|(of, _)| *of <= series) {
                let is_asked = *of == series;
                let next = self.read.pop_front().filter(|(_, exemplar)| is_asked && wanted(exemplar));
                out.extend(next.map(|(_, exemplar)| exemplar));
            }
            if !self.read.is_empty() || !self.read_frame(series)? {
                return Ok(());
            }
        }
    }

    /// The series that have exemplars, in rising order. Reads and checks all of them.
    pub fn series(segment: &'a Segment) -> Result<Vec<u32>, SeriesError> {
        let mut reader = Self::new(segment)?;
        let mut series = Vec::new();
        while reader.read_frame(0)? {
            series.extend(reader.read.drain(..).map(|(of, _)| of));
            series.dedup();
        }
        Ok(series)
    }

    /// Whether there was another; leaves out series below `from`.
    fn read_frame(&mut self, from: u32) -> Result<bool, SeriesError> {
        let Some((at, stored)) = self.frames.pop_front() else { return Ok(false) };
        let raw = self.reader.frame(at, stored, "exemplars")?;
        let decoded = decode(raw, self.segment.info().start_ms, from, &mut self.read);
        decoded.map_err(|source| self.segment.damaged(source))?;
        Ok(true)
    }
}

fn decode(raw: &[u8], start_ms: i64, from: u32, out: &mut VecDeque<(u32, Exemplar)>) -> Result<(), Damaged> {
    let mut cursor = Cursor::new(raw, "exemplars");
    let mut names: Vec<Arc<str>> = Vec::new();
    for _ in 0..cursor.count(1)? {
        names.push(Arc::from(cursor.str()?));
    }
    let (mut series, mut t_ms) = (0u32, start_ms);
    for _ in 0..cursor.count(BYTES_MIN)? {
        let step = cursor.varint_u32()?;
        series = series.checked_add(step).ok_or(cursor.damaged())?;
        t_ms = t_ms.wrapping_add(cursor.zigzag()?);
        let value = cursor.f64()?;
        let mut labels = Vec::new();
        for _ in 0..cursor.count(2)? {
            let number = cursor.varint_u32()? as usize;
            let name = names.get(number).ok_or(cursor.damaged())?;
            let value = take_value(&mut cursor)?;
            if series >= from {
                labels.push((Arc::clone(name), Arc::from(value)));
            }
        }
        if series >= from {
            let labels = Labels::new::<Arc<str>, Arc<str>>(labels);
            out.push_back((series, Exemplar { t_ms, value, labels }));
        }
    }
    if cursor.is_empty() { Ok(()) } else { Err(cursor.damaged()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(t_ms: i64, value: f64, labels: &[(&str, &str)]) -> Exemplar {
        Exemplar { t_ms, value, labels: Labels::new(labels.iter().copied()) }
    }

    #[test]
    fn what_is_written_is_read() {
        let trace = ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736");
        let all = [
            (0, exemplar(1_000, 0.5, &[trace, ("span_id", "00f067aa0ba902b7")])),
            (0, exemplar(2_000, f64::INFINITY, &[("trace_id", "4BF9"), ("user", "łódź")])),
            (7, exemplar(-5, -0.0, &[])),
            (7, exemplar(9, 1.0, &[("odd", "abc"), trace])),
        ];
        let mut frame = ExemplarFrame::new(500);
        all.iter().for_each(|(series, exemplar)| frame.push(*series, exemplar));
        let raw = frame.take();
        assert!(frame.is_empty());
        let mut read = VecDeque::new();
        decode(&raw, 500, 0, &mut read).unwrap();
        assert_eq!(Vec::from(read.clone()), all);
        read.clear();
        decode(&raw, 500, 1, &mut read).unwrap();
        assert_eq!(Vec::from(read), all[2..]);
        // Nothing that is cut short passes, and nothing panics.
        for length in 0..raw.len() {
            assert!(decode(&raw[..length], 500, 0, &mut VecDeque::new()).is_err(), "{length}");
        }
    }
}
