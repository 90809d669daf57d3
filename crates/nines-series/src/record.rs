//! What one record of the journal holds: a resolved request. `docs/formats/series.md` draws the bytes.
//!
//! Series are named by number. A number is defined, by its labels, in at least two records before it is used
//! alone, and anew after every seal: so the journal can be cut at a seal, and damage to one record loses only what is in it.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::codec::cursor::{Cursor, Damaged, put_bytes, put_varint, put_zigzag};
use crate::head::index::{Index, SeriesRef};
use crate::head::symbols::Symbol;
use crate::model::{Exemplar, Histogram, Labels, Metadata, MetricType, Sample};
use crate::request::Part;

const VERSION: u8 = 1;

/// A request whose series are known by number.
#[derive(Debug, Default)]
pub struct Batch {
    pub parts: Vec<BatchPart>,
    pub samples: Vec<Sample>,
    pub histograms: Vec<(i64, Arc<Histogram>)>,
    pub exemplars: Vec<(SeriesRef, Exemplar)>,
    pub metadata: Vec<(Arc<str>, Metadata)>,
}

#[derive(Debug, Clone, Copy)]
pub struct BatchPart {
    pub series: SeriesRef,
    pub samples: Part,
    pub histograms: Part,
}

/// What a record has of one series.
type OfSeries<'a> = (SeriesRef, &'a [Sample], &'a [(i64, Arc<Histogram>)]);

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.exemplars.is_empty() && self.metadata.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = OfSeries<'_>> {
        self.parts.iter().map(|part| {
            let samples = &self.samples[part.samples.range()];
            (part.series, samples, &self.histograms[part.histograms.range()])
        })
    }

    /// The record, with definitions of `defined`.
    pub fn encode(&self, index: &Index, defined: &[SeriesRef]) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.samples.len() * 12 + defined.len() * 32);
        out.push(VERSION);
        encode_definitions(&mut out, index, defined);
        put_varint(&mut out, self.parts.len() as u64);
        let (mut series, mut time) = (0i64, 0i64);
        for part in &self.parts {
            put_zigzag(&mut out, i64::from(part.series) - series);
            series = i64::from(part.series);
            put_varint(&mut out, part.samples.len() as u64);
            for sample in &self.samples[part.samples.range()] {
                put_zigzag(&mut out, sample.t_ms.wrapping_sub(time));
                out.extend_from_slice(&sample.value.to_le_bytes());
                time = sample.t_ms;
            }
            put_varint(&mut out, part.histograms.len() as u64);
            for (t_ms, histogram) in &self.histograms[part.histograms.range()] {
                put_zigzag(&mut out, *t_ms);
                histogram.encode(&mut out);
            }
        }
        put_varint(&mut out, self.exemplars.len() as u64);
        for (series, exemplar) in &self.exemplars {
            put_varint(&mut out, u64::from(*series));
            put_zigzag(&mut out, exemplar.t_ms);
            out.extend_from_slice(&exemplar.value.to_le_bytes());
            put_varint(&mut out, exemplar.labels.len() as u64);
            for (name, value) in exemplar.labels.iter() {
                put_bytes(&mut out, name.as_bytes());
                put_bytes(&mut out, value.as_bytes());
            }
        }
        encode_metadata(&mut out, &self.metadata);
        out
    }
}

fn encode_definitions(out: &mut Vec<u8>, index: &Index, defined: &[SeriesRef]) {
    let mut local: HashMap<Symbol, u32> = HashMap::new();
    let mut symbols: Vec<Symbol> = Vec::new();
    let mut number = |symbol: Symbol| {
        *local.entry(symbol).or_insert_with(|| {
            symbols.push(symbol);
            symbols.len() as u32 - 1
        })
    };
    let mut definitions = Vec::with_capacity(defined.len() * 20);
    for &series in defined {
        let pairs = index.pairs(series);
        put_varint(&mut definitions, u64::from(series));
        put_varint(&mut definitions, pairs.len() as u64 / 2);
        for &symbol in pairs {
            put_varint(&mut definitions, u64::from(number(symbol)));
        }
    }
    put_varint(out, symbols.len() as u64);
    for symbol in symbols {
        put_bytes(out, index.symbols().text(symbol).as_bytes());
    }
    put_varint(out, defined.len() as u64);
    out.extend_from_slice(&definitions);
}

pub fn encode_metadata(out: &mut Vec<u8>, metadata: &[(Arc<str>, Metadata)]) {
    put_varint(out, metadata.len() as u64);
    for (metric, Metadata { kind, help, unit }) in metadata {
        out.push(*kind as u8);
        for text in [metric, help, unit] {
            put_bytes(out, text.as_bytes());
        }
    }
}

/// A record read back. Parts speak of numbers that may be undefined; the reader counts those.
#[derive(Debug, Default)]
pub struct Record<'a> {
    pub definitions: Vec<(SeriesRef, Vec<(&'a str, &'a str)>)>,
    pub batch: Batch,
}

pub fn decode(bytes: &[u8]) -> Result<Record<'_>, Damaged> {
    let mut cursor = Cursor::new(bytes, "journal record");
    if cursor.u8()? != VERSION {
        return Err(cursor.damaged());
    }
    let definitions = decode_definitions(&mut cursor)?;
    let mut batch = Batch::default();
    let (mut series, mut time) = (0i64, 0i64);
    for _ in 0..cursor.count(3)? {
        series = series.wrapping_add(cursor.zigzag()?);
        let number = SeriesRef::try_from(series).map_err(|_| cursor.damaged())?;
        let start = batch.samples.len() as u32;
        for _ in 0..cursor.count(9)? {
            time = time.wrapping_add(cursor.zigzag()?);
            batch.samples.push(Sample { t_ms: time, value: cursor.f64()? });
        }
        let samples = Part { start, end: batch.samples.len() as u32 };
        let start = batch.histograms.len() as u32;
        for _ in 0..cursor.count(20)? {
            let t_ms = cursor.zigzag()?;
            batch.histograms.push((t_ms, Arc::new(Histogram::decode(&mut cursor)?)));
        }
        let histograms = Part { start, end: batch.histograms.len() as u32 };
        batch.parts.push(BatchPart { series: number, samples, histograms });
    }
    for _ in 0..cursor.count(11)? {
        let series = cursor.varint_u32()?;
        let (t_ms, value) = (cursor.zigzag()?, cursor.f64()?);
        let mut labels = Vec::new();
        for _ in 0..cursor.count(2)? {
            labels.push((cursor.str()?, cursor.str()?));
        }
        batch.exemplars.push((series, Exemplar { t_ms, value, labels: Labels::new(labels) }));
    }
    batch.metadata = decode_metadata(&mut cursor)?;
    if cursor.is_empty() { Ok(Record { definitions, batch }) } else { Err(cursor.damaged()) }
}

type Definition<'a> = (SeriesRef, Vec<(&'a str, &'a str)>);

fn decode_definitions<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Definition<'a>>, Damaged> {
    let mut symbols = Vec::new();
    for _ in 0..cursor.count(1)? {
        symbols.push(cursor.str()?);
    }
    let mut definitions = Vec::new();
    for _ in 0..cursor.count(2)? {
        let series = cursor.varint_u32()?;
        let mut labels = Vec::new();
        for _ in 0..cursor.count(2)? {
            let mut symbol = || {
                let index = cursor.varint_u32()? as usize;
                symbols.get(index).copied().ok_or(cursor.damaged())
            };
            labels.push((symbol()?, symbol()?));
        }
        definitions.push((series, labels));
    }
    Ok(definitions)
}

pub fn decode_metadata(cursor: &mut Cursor<'_>) -> Result<Vec<(Arc<str>, Metadata)>, Damaged> {
    let mut metadata = Vec::new();
    for _ in 0..cursor.count(4)? {
        let kind = MetricType::ALL.get(usize::from(cursor.u8()?)).copied().unwrap_or_default();
        let metric = Arc::from(cursor.str()?);
        let (help, unit) = (Arc::from(cursor.str()?), Arc::from(cursor.str()?));
        metadata.push((metric, Metadata { kind, help, unit }));
    }
    Ok(metadata)
}
