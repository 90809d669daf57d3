//! From the head to segments.
//!
//! The steps, in this order, so that a crash between any two loses nothing and shows nothing twice:
//! 1. Cut: between two writes, everything active becomes frozen; sequence number *C* is the next to be given out.
//! 2. One segment for each partition is published.
//! 3. The state file is published: "sealed below *C*". Before this the next start replays everything again, and what is in
//!    segments as well is the same; after it, nothing below *C* is replayed.
//! 4. The segments become visible, then what is frozen is forgotten. A question reads the head first.
//! 5. The journal is cut below *C*. Series that went quiet are forgotten.
//!
//! If a step fails, what is frozen stays visible and the next seal takes it along.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;

use hashbrown::HashMap;

use nines_base::disk::{self, Disk};

use super::exemplars::BySeries;
use super::write::Message;
use super::{Inner, SeriesStore, StoreConfig};
use crate::SeriesError;
use crate::codec::cursor::{Cursor, put_varint};
use crate::exemplars::share;
use crate::head::index::SeriesRef;
use crate::head::pages::Written;
use crate::join::Join;
use crate::model::Metadata;
use crate::record::{decode_metadata, encode_metadata};
use crate::segment::{
    ChunkKind, FILE_EXTENSION, PARTITION_MS, Segment, SegmentInfo, SegmentWriter, partition_of,
};

const STATE_FILE: &str = "state.bin";
const STATE_VERSION: u8 = 1;

/// Series that went quiet are forgotten once they are this share of all: the index is built anew, which is not free.
const QUIET_SHARE: u64 = 16;

/// What a seal did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SealReport {
    pub segments: u64,
    pub series: u64,
    pub samples: u64,
    pub histograms: u64,
    /// Of the new segments.
    pub bytes: u64,
    /// Given back by the journal.
    pub journal_bytes: u64,
    /// Forgotten because nothing had come for two seals.
    pub quiet_series: u64,
}

impl SeriesStore {
    /// Writes everything that is in the head now to segments, and cuts the journal. Blocks for as long as that takes;
    /// writes go on meanwhile. To be called every two hours, and whenever [`crate::SeriesStats::head_bytes`] or the
    /// journal grow beyond what the node wants to hold.
    pub fn seal(&self) -> Result<SealReport, SeriesError> {
        let inner = &self.0;
        let _alone = inner.maintenance.lock();
        let cut = inner.cut()?;
        let frozen = Frozen::of(inner);
        let mut report = SealReport { series: frozen.sampled as u64, ..SealReport::default() };
        let mut sealed = Vec::new();
        for &start_ms in &frozen.partitions {
            let segment = frozen.write(inner, start_ms, cut)?;
            if let Some(segment) = segment {
                report.segments += 1;
                report.samples += segment.info().samples;
                report.histograms += segment.info().histograms;
                report.bytes += segment.file_bytes();
                sealed.push(Arc::new(segment));
            }
        }
        drop(frozen);
        inner.write_state(cut)?;
        inner.add_segments(sealed);
        inner.pages.clear_frozen();
        inner.exemplars.lock().clear_frozen();
        report.journal_bytes = inner.journal.truncate_before(cut)?;
        report.quiet_series = inner.forget_quiet();
        Ok(report)
    }
}

impl Inner {
    /// Freezes the head between two writes; returns the sequence number of the first write that is not frozen.
    fn cut(&self) -> Result<u64, SeriesError> {
        let (done, frozen) = sync_channel(1);
        let cut = {
            let queue = self.queue.lock();
            let sender = queue.as_ref().ok_or(SeriesError::Closed)?;
            let act = Message::Cut(Box::new(move |inner: &Inner| {
                inner.pages.freeze();
                inner.exemplars.lock().freeze();
                // The caller waits.
                let _ = done.send(());
            }));
            sender.try_send(act).map_err(|_| SeriesError::Closed)?;
            // From here on definitions are written anew: those below the cut go away.
            self.epoch.fetch_add(1, Ordering::Release);
            self.journal.next_sequence()
        };
        frozen.recv().map_err(|_| SeriesError::Closed)?;
        Ok(cut)
    }

    fn add_segments(&self, new: Vec<Arc<Segment>>) {
        let mut segments = self.segments.write();
        *segments = Arc::new(segments.iter().cloned().chain(new).collect());
    }

    fn write_state(&self, cut: u64) -> Result<(), SeriesError> {
        let mut bytes = vec![STATE_VERSION];
        put_varint(&mut bytes, cut);
        let metadata: Vec<(Arc<str>, Metadata)> = {
            let known = self.metadata.lock();
            known.iter().map(|(metric, metadata)| (Arc::clone(metric), metadata.clone())).collect()
        };
        encode_metadata(&mut bytes, &metadata);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        let path = self.config.folder.join(STATE_FILE);
        let published = disk::publish(self.disk.as_ref(), &path, |file| file.write_all(&bytes));
        published.map_err(|error: std::io::Error| SeriesError::io("write", &path, error))
    }

    fn forget_quiet(&self) -> u64 {
        let _nobody_resolves = self.evicting.write();
        let epoch = self.epoch.load(Ordering::Acquire);
        let quiet: Vec<SeriesRef> = {
            let index = self.index.read();
            let quiet = index.quiet(epoch);
            if quiet.is_empty() || (quiet.len() as u64) < index.live() / QUIET_SHARE {
                return 0;
            }
            quiet.into_iter().filter(|&series| !self.pages.has_samples(series)).collect()
        };
        self.exemplars.lock().forget(|series| quiet.binary_search(&series).is_ok());
        self.pages.clear(&quiet);
        self.index.write().rebuild_without(&quiet);
        quiet.len() as u64
    }

    /// A name that no other segment ever has.
    pub(super) fn segment_path(&self, start_ms: i64, order: u64) -> PathBuf {
        let unique = self.random.next_u64() as u32;
        let name = format!("{order:020}-{}-{unique:08x}.{FILE_EXTENSION}", start_ms / 1_000);
        self.config.segments().join(name)
    }
}

/// The sequence number below which everything is in segments, and the metadata. A state that is damaged is as good as none: then
/// the journal is replayed from where it begins, and what is in segments as well is the same.
pub fn read_state(
    disk: &dyn Disk,
    config: &StoreConfig,
) -> Result<(u64, HashMap<Arc<str>, Metadata>), SeriesError> {
    let path = config.folder.join(STATE_FILE);
    let bytes = match disk.read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((0, HashMap::new())),
        read => read.map_err(|error| SeriesError::io("read", &path, error))?,
    };
    let parsed = bytes.split_last_chunk::<4>().and_then(|(content, checksum)| {
        let whole = crc32c::crc32c(content) == u32::from_le_bytes(*checksum);
        let mut cursor = Cursor::new(content, "state");
        let current = whole && cursor.u8().ok()? == STATE_VERSION;
        let cut = cursor.varint().ok().filter(|_| current)?;
        Some((cut, decode_metadata(&mut cursor).ok()?.into_iter().collect()))
    });
    if parsed.is_none() {
        tracing::error!(file = %path.display(), "state of the metric store is damaged: the whole journal is replayed");
    }
    Ok(parsed.unwrap_or_default())
}

/// What is being sealed, in the order of its labels.
struct Frozen {
    series: Vec<SeriesRef>,
    /// So many of the first of them have samples; the others only exemplars.
    sampled: usize,
    exemplars: BySeries,
    /// Of each series, in `ranks`.
    label_ends: Vec<u32>,
    /// Symbols of names and values in turn, numbered in the order of their texts.
    ranks: Vec<u32>,
    texts: Vec<Arc<str>>,
    /// Where each series of `order` has its samples: the place in `series`.
    order: Vec<u32>,
    spans: Vec<(i64, i64)>,
    partitions: BTreeSet<i64>,
}

impl Frozen {
    fn of(inner: &Inner) -> Self {
        let (mut series, mut spans, mut partitions) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut join = Join::default();
        inner.pages.each_frozen(|one, written| {
            let (mut from, mut to) = (i64::MAX, i64::MIN);
            each_span(written, |t_min, t_max| (from, to) = (from.min(t_min), to.max(t_max)));
            note_partitions(&mut partitions, written, &mut join);
            series.push(one);
            spans.push((from, to));
        });
        let sampled = series.len();
        let exemplars = inner.exemplars.lock().frozen();
        let places: HashMap<SeriesRef, usize> = series.iter().copied().zip(0..).collect();
        for (&one, exemplars) in &exemplars {
            partitions.extend(exemplars.iter().map(|exemplar| partition_of(exemplar.t_ms, PARTITION_MS)));
            let place = places.get(&one).copied().unwrap_or_else(|| {
                series.push(one);
                spans.push((i64::MAX, i64::MIN));
                series.len() - 1
            });
            let (from, to) = &mut spans[place];
            for exemplar in exemplars {
                (*from, *to) = ((*from).min(exemplar.t_ms), (*to).max(exemplar.t_ms));
            }
        }
        let (label_ends, ranks, texts) = ranked_labels(inner, &series);
        let order = Vec::new();
        let mut frozen =
            Self { series, sampled, exemplars, label_ends, ranks, texts, order, spans, partitions };
        frozen.order = (0..frozen.series.len() as u32).collect();
        let mut order = std::mem::take(&mut frozen.order);
        order.sort_unstable_by(|&a, &b| frozen.labels(a).cmp(frozen.labels(b)));
        frozen.order = order;
        frozen
    }

    fn labels(&self, place: u32) -> &[u32] {
        let place = place as usize;
        let start = if place == 0 { 0 } else { self.label_ends[place - 1] as usize };
        &self.ranks[start..self.label_ends[place] as usize]
    }

    fn write(&self, inner: &Inner, start_ms: i64, cut: u64) -> Result<Option<Segment>, SeriesError> {
        let end_ms = start_ms.saturating_add(PARTITION_MS - 1);
        let inside = |&&place: &&u32| {
            let (from, to) = self.spans[place as usize];
            from <= end_ms && start_ms <= to
        };
        let mut used = vec![false; self.texts.len()];
        for &place in self.order.iter().filter(inside) {
            self.labels(place).iter().for_each(|&rank| used[rank as usize] = true);
        }
        // The symbols of this segment: those used, densely numbered in the same order.
        let mut next = 0u32;
        let mut number = |used: &bool| {
            next += u32::from(*used);
            next.wrapping_sub(1)
        };
        let numbers: Vec<u32> = used.iter().map(&mut number).collect();
        let info = SegmentInfo { start_ms, span_ms: PARTITION_MS, order: cut, ..SegmentInfo::default() };
        let path = inner.segment_path(start_ms, cut);
        let mut series = 0;
        disk::publish(inner.disk.as_ref(), &path, |file| {
            let mut writer = SegmentWriter::new(file, info, share(self.exemplars.len()))?;
            let (mut join, mut labels) = (Join::default(), Vec::new());
            for &place in self.order.iter().filter(inside) {
                let one = self.series[place as usize];
                if (place as usize) < self.sampled {
                    let mut outcome = Ok(());
                    inner.pages.each_of(&[one], |_, written| {
                        // What is active came after the cut.
                        outcome = write_series(written[0], (start_ms, end_ms), &mut join, &mut writer);
                    });
                    outcome?;
                }
                for exemplar in self.exemplars.get(&one).into_iter().flatten() {
                    if (start_ms..=end_ms).contains(&exemplar.t_ms) {
                        writer.exemplars(std::slice::from_ref(exemplar));
                    }
                }
                labels.clear();
                labels.extend(self.labels(place).iter().map(|&rank| numbers[rank as usize]));
                writer.end_series(&labels)?;
            }
            let texts = self.texts.iter().zip(&used).filter(|(_, used)| **used).map(|(text, _)| &**text);
            series = writer.finish(texts)?.series;
            Ok(())
        })
        .map_err(|error: std::io::Error| SeriesError::io("write", &path, error))?;
        if series == 0 {
            // Chunks reached over the partition, but had no sample in it.
            let _ = inner.disk.remove(&path);
            return Ok(None);
        }
        Segment::open(inner.disk.as_ref(), &path).map(Some)
    }
}

/// Samples of one series in one partition. Chunks that lie in it whole and alone are taken as they are.
fn write_series(
    written: &Written,
    (start_ms, end_ms): (i64, i64),
    join: &mut Join,
    writer: &mut SegmentWriter<'_>,
) -> std::io::Result<()> {
    if let ([chunk], None) = (written.chunks.as_slice(), &written.histograms)
        && chunk.t_min >= start_ms
        && chunk.t_max <= end_ms
    {
        let count = crate::codec::count(&chunk.bytes);
        return writer.chunk(ChunkKind::Samples, (chunk.t_min, chunk.t_max), count, &chunk.bytes);
    }
    join.clear();
    for chunk in written.chunks.iter().filter(|chunk| chunk.t_min <= end_ms && start_ms <= chunk.t_max) {
        // We made it ourselves and it has not left memory: an error here is a defect, and must not pass for a seal.
        join.add_chunk(ChunkKind::Samples, &chunk.bytes).map_err(std::io::Error::other)?;
    }
    if let Some(histograms) = &written.histograms {
        join.histograms.extend(histograms.iter().cloned());
    }
    join.finish(start_ms, end_ms);
    join.write(writer)
}

fn each_span(written: &Written, mut each: impl FnMut(i64, i64)) {
    written.chunks.iter().for_each(|chunk| each(chunk.t_min, chunk.t_max));
    let histograms = written.histograms.iter().flat_map(|histograms| histograms.iter());
    histograms.for_each(|(t_ms, _)| each(*t_ms, *t_ms));
}

fn note_partitions(partitions: &mut BTreeSet<i64>, written: &Written, join: &mut Join) {
    for chunk in &written.chunks {
        let (first, last) =
            (partition_of(chunk.t_min, PARTITION_MS), partition_of(chunk.t_max, PARTITION_MS));
        partitions.extend([first, last]);
        if last > first.saturating_add(PARTITION_MS) {
            // A chunk of an import can span years: only its samples say which partitions there are.
            join.clear();
            let _ = join.add_chunk(ChunkKind::Samples, &chunk.bytes);
            partitions.extend(join.times.iter().map(|&time| partition_of(time, PARTITION_MS)));
        }
    }
    let histograms = written.histograms.iter().flat_map(|histograms| histograms.iter());
    partitions.extend(histograms.map(|(t_ms, _)| partition_of(*t_ms, PARTITION_MS)));
}

type Ranked = (Vec<u32>, Vec<u32>, Vec<Arc<str>>);

/// Labels as numbers that compare as their texts do, copied so that the index is free again.
fn ranked_labels(inner: &Inner, series: &[SeriesRef]) -> Ranked {
    let index = inner.index.read();
    let symbols = index.symbols();
    let mut by_text: Vec<u32> = (0..symbols.len() as u32).collect();
    by_text.sort_unstable_by(|&a, &b| symbols.text(a).cmp(symbols.text(b)));
    let mut rank_of = vec![0u32; by_text.len()];
    for (rank, &symbol) in by_text.iter().enumerate() {
        rank_of[symbol as usize] = rank as u32;
    }
    let (mut label_ends, mut ranks) = (Vec::with_capacity(series.len()), Vec::new());
    for &one in series {
        ranks.extend(index.pairs(one).iter().map(|&symbol| rank_of[symbol as usize]));
        label_ends.push(ranks.len() as u32);
    }
    (label_ends, ranks, by_text.iter().map(|&symbol| Arc::clone(symbols.text(symbol))).collect())
}
