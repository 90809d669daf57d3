//! The samples of one series from many pieces: in the order in which they were written, so that of two samples with
//! the same time the last one written counts.

use std::io;
use std::sync::Arc;

use crate::codec::cursor::{Cursor, Damaged, put_varint, put_zigzag};
use crate::codec::{self, CHUNK_SAMPLES_MAX, Scratch};
use crate::head::pages::sort_last_wins;
use crate::model::{Histogram, Sample};
use crate::segment::{ChunkKind, SegmentWriter};

/// Histograms in one chunk: some hundred bytes each.
const CHUNK_HISTOGRAMS_MAX: usize = 128;

/// Reused from series to series.
#[derive(Debug, Default)]
pub struct Join {
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    pub histograms: Vec<(i64, Arc<Histogram>)>,
    samples: Vec<Sample>,
    scratch: Scratch,
    bytes: Vec<u8>,
}

impl Join {
    pub fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.histograms.clear();
    }

    pub fn add_chunk(&mut self, kind: ChunkKind, chunk: &[u8]) -> Result<(), Damaged> {
        let (samples, histograms) = (self.times.len(), self.histograms.len());
        let added = match kind {
            ChunkKind::Samples => codec::decode(chunk, &mut self.times, &mut self.values, &mut self.scratch),
            ChunkKind::Histograms => decode_histograms(chunk, &mut self.histograms),
        };
        if added.is_err() {
            self.times.truncate(samples);
            self.values.truncate(samples);
            self.histograms.truncate(histograms);
        }
        added
    }

    pub fn add_samples(&mut self, samples: &[Sample]) {
        self.times.extend(samples.iter().map(|sample| sample.t_ms));
        self.values.extend(samples.iter().map(|sample| sample.value));
    }

    /// Sorts, lets the last one written win, and keeps what is in `start_ms ..= end_ms`.
    pub fn finish(&mut self, start_ms: i64, end_ms: i64) {
        if !is_increasing(&self.times) {
            self.samples.clear();
            let pairs = self.times.iter().zip(&self.values);
            self.samples.extend(pairs.map(|(&t_ms, &value)| Sample { t_ms, value }));
            sort_last_wins(&mut self.samples);
            self.times.clear();
            self.values.clear();
            self.times.extend(self.samples.iter().map(|sample| sample.t_ms));
            self.values.extend(self.samples.iter().map(|sample| sample.value));
        }
        cut(&mut self.times, &mut self.values, start_ms, end_ms);
        self.histograms.retain(|(t_ms, _)| (start_ms..=end_ms).contains(t_ms));
        self.histograms.sort_by_key(|(t_ms, _)| *t_ms);
        self.histograms.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
    }

    /// After [`Join::finish`]: the series' chunks.
    pub fn write(&mut self, writer: &mut SegmentWriter<'_>) -> io::Result<()> {
        self.samples.clear();
        let pairs = self.times.iter().zip(&self.values);
        self.samples.extend(pairs.map(|(&t_ms, &value)| Sample { t_ms, value }));
        // Even parts: a last chunk of a few samples would be mostly header.
        let parts = self.samples.len().div_ceil(CHUNK_SAMPLES_MAX).max(1);
        for part in self.samples.chunks(self.samples.len().div_ceil(parts).max(1)) {
            self.bytes.clear();
            codec::encode(&mut self.bytes, part, &mut self.scratch);
            let span = (part[0].t_ms, part[part.len() - 1].t_ms);
            writer.chunk(ChunkKind::Samples, span, part.len() as u64, &self.bytes)?;
        }
        for part in self.histograms.chunks(CHUNK_HISTOGRAMS_MAX) {
            self.bytes.clear();
            encode_histograms(&mut self.bytes, part);
            let span = (part[0].0, part[part.len() - 1].0);
            writer.chunk(ChunkKind::Histograms, span, part.len() as u64, &self.bytes)?;
        }
        Ok(())
    }
}

fn is_increasing(times: &[i64]) -> bool {
    times.windows(2).all(|pair| pair[0] < pair[1])
}

fn cut(times: &mut Vec<i64>, values: &mut Vec<f64>, start_ms: i64, end_ms: i64) {
    let end = times.partition_point(|&time| time <= end_ms);
    times.truncate(end);
    values.truncate(end);
    let start = times.partition_point(|&time| time < start_ms);
    if start > 0 {
        times.drain(..start);
        values.drain(..start);
    }
}

fn encode_histograms(out: &mut Vec<u8>, histograms: &[(i64, Arc<Histogram>)]) {
    put_varint(out, histograms.len() as u64);
    let mut time = 0i64;
    for (t_ms, histogram) in histograms {
        put_zigzag(out, t_ms.wrapping_sub(time));
        time = *t_ms;
        histogram.encode(out);
    }
}

fn decode_histograms(chunk: &[u8], out: &mut Vec<(i64, Arc<Histogram>)>) -> Result<(), Damaged> {
    let mut cursor = Cursor::new(chunk, "histogram chunk");
    let mut time = 0i64;
    for _ in 0..cursor.count(20)? {
        time = time.wrapping_add(cursor.zigzag()?);
        out.push((time, Arc::new(Histogram::decode(&mut cursor)?)));
    }
    if cursor.is_empty() { Ok(()) } else { Err(cursor.damaged()) }
}
