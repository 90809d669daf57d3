//! The samples of the head, by series number.
//!
//! Words introduced here
//! - **Page**: [`PAGE_SERIES`] neighbouring series behind one lock. Series of one scrape are neighbours, so a request
//!   takes few locks and walks memory forwards.
//! - **Tail**: the newest samples of a series as they came, at most [`TAIL_MAX`]; then they become a chunk.
//! - **Frozen**: what is being sealed. It stays visible here until its segments are.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::index::SeriesRef;
use crate::codec::{self, Scratch};
use crate::model::{Histogram, Sample};

/// 80 KiB a page: a lock is taken for some hundred series at a time, and two threads seldom want the same.
const PAGE_SERIES: usize = 1_024;

/// Samples that wait uncompressed: 512 bytes for an active series at the most, where a chunk's own header (20 bytes) is
/// spread over 32 samples until sealing joins the chunks.
pub const TAIL_MAX: usize = 32;

/// A tail starts with room for this many: what a scrape every 15 s brings in a minute.
const TAIL_START: usize = 4;

pub type Histograms = Vec<(i64, Arc<Histogram>)>;

/// Samples in the order in which they were written: of two with the same time the later counts.
#[derive(Debug, Default)]
pub struct Written {
    pub chunks: Vec<HeadChunk>,
    pub tail: Vec<Sample>,
    /// In the order of arrival.
    pub histograms: Option<Box<Histograms>>,
    tail_unsorted: bool,
}

#[derive(Debug, Clone)]
pub struct HeadChunk {
    pub t_min: i64,
    pub t_max: i64,
    pub bytes: Arc<[u8]>,
}

#[derive(Debug)]
struct Slot {
    active: Written,
    frozen: Option<Box<Written>>,
    /// The newest sample or histogram ever; `i64::MIN` before the first.
    last_t_ms: i64,
}

impl Default for Slot {
    fn default() -> Self {
        Self { active: Written::default(), frozen: None, last_t_ms: i64::MIN }
    }
}

type Page = Vec<Slot>;

#[derive(Debug, Default)]
pub struct Pages {
    pages: RwLock<Vec<Arc<Mutex<Page>>>>,
    /// Of the newest sample of any series; 0 before the first.
    newest_t_ms: AtomicI64,
    samples: AtomicU64,
    /// Of tails and chunks, as they are accounted and not as the allocator sees them.
    bytes: AtomicI64,
}

/// What a batch of appends did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    pub samples: u64,
    /// Same time and same bits as a sample that was the newest of its series.
    pub duplicates: u64,
    pub out_of_order: u64,
}

impl Pages {
    pub fn newest_t_ms(&self) -> i64 {
        self.newest_t_ms.load(Ordering::Relaxed)
    }

    pub fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed).max(0) as u64
    }

    /// The newest time of a series; `None` if it has none.
    pub fn last_t_ms(&self, series: SeriesRef) -> Option<i64> {
        let page = self.page(series)?;
        let last = page.lock().get(series as usize % PAGE_SERIES).map(|slot| slot.last_t_ms);
        last.filter(|&last| last != i64::MIN)
    }

    fn page(&self, series: SeriesRef) -> Option<Arc<Mutex<Page>>> {
        self.pages.read().get(series as usize / PAGE_SERIES).map(Arc::clone)
    }

    fn make_page(&self, series: SeriesRef) -> Arc<Mutex<Page>> {
        if let Some(page) = self.page(series) {
            return page;
        }
        let index = series as usize / PAGE_SERIES;
        let mut pages = self.pages.write();
        while pages.len() <= index {
            let slots = std::iter::repeat_with(Slot::default).take(PAGE_SERIES).collect();
            pages.push(Arc::new(Mutex::new(slots)));
        }
        Arc::clone(&pages[index])
    }

    /// Appends samples of many series; `parts` best in order of their numbers.
    pub fn append<'a>(
        &self,
        parts: impl Iterator<Item = (SeriesRef, &'a [Sample], &'a [(i64, Arc<Histogram>)])>,
        scratch: &mut Scratch,
    ) -> Appended {
        let mut appended = Appended::default();
        let (mut newest, mut bytes) = (self.newest_t_ms(), 0i64);
        let mut parts = parts.peekable();
        while let Some(&(first, ..)) = parts.peek() {
            let index = first as usize / PAGE_SERIES;
            let page = self.make_page(first);
            let mut page = page.lock();
            let here = |part: &(SeriesRef, _, _)| part.0 as usize / PAGE_SERIES == index;
            while let Some((series, samples, histograms)) = parts.next_if(here) {
                let slot = &mut page[series as usize % PAGE_SERIES];
                for &sample in samples {
                    bytes += slot.append(sample, &mut appended, scratch);
                }
                if !histograms.is_empty() {
                    bytes += slot.append_histograms(histograms, &mut appended);
                }
                newest = newest.max(slot.last_t_ms);
            }
        }
        self.newest_t_ms.fetch_max(newest, Ordering::Relaxed);
        self.samples.fetch_add(appended.samples, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        appended
    }

    /// Makes everything that is active frozen. Costs some 100 ns a series.
    pub fn freeze(&self) {
        let mut scratch = Scratch::default();
        for page in self.all_pages() {
            for slot in page.lock().iter_mut().filter(|slot| !slot.active.is_empty()) {
                let active = std::mem::take(&mut slot.active);
                match &mut slot.frozen {
                    None => slot.frozen = Some(Box::new(active)),
                    // The last sealing failed.
                    Some(frozen) => frozen.extend(active, &mut scratch),
                }
            }
        }
    }

    /// Calls `each` with every series that is frozen, its tail made a chunk.
    pub fn each_frozen(&self, mut each: impl FnMut(SeriesRef, &Written)) {
        let mut scratch = Scratch::default();
        for (index, page) in self.all_pages().into_iter().enumerate() {
            let (mut bytes, mut page) = (0, page.lock());
            for (place, slot) in page.iter_mut().enumerate() {
                if let Some(frozen) = &mut slot.frozen {
                    bytes += frozen.close_tail(&mut scratch);
                    each((index * PAGE_SERIES + place) as SeriesRef, frozen);
                }
            }
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Forgets what is frozen: it is in segments now.
    pub fn clear_frozen(&self) {
        let mut samples = 0;
        for page in self.all_pages() {
            let mut bytes = 0;
            for slot in page.lock().iter_mut() {
                if let Some(frozen) = slot.frozen.take() {
                    bytes += frozen.bytes();
                }
                samples += slot.active.count();
            }
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.samples.store(samples, Ordering::Relaxed);
    }

    /// Empties the places of series that are gone, so that their numbers can be given out again.
    pub fn clear(&self, gone: &[SeriesRef]) {
        for &series in gone {
            if let Some(page) = self.page(series) {
                page.lock()[series as usize % PAGE_SERIES] = Slot::default();
            }
        }
    }

    pub fn has_samples(&self, series: SeriesRef) -> bool {
        self.page(series).is_some_and(|page| {
            let page = page.lock();
            let slot = &page[series as usize % PAGE_SERIES];
            slot.frozen.is_some() || !slot.active.is_empty()
        })
    }

    /// Calls `each` with what the given series (sorted) have written, frozen first: the order of writing.
    pub fn each_of(&self, series: &[SeriesRef], mut each: impl FnMut(SeriesRef, &[&Written])) {
        let mut series = series.iter().copied().peekable();
        while let Some(&first) = series.peek() {
            let index = first as usize / PAGE_SERIES;
            let Some(page) = self.page(first) else { return };
            let page = page.lock();
            while let Some(one) = series.next_if(|&one| one as usize / PAGE_SERIES == index) {
                let slot = &page[one as usize % PAGE_SERIES];
                match &slot.frozen {
                    Some(frozen) => each(one, &[frozen, &slot.active]),
                    None if slot.active.is_empty() => {}
                    None => each(one, &[&slot.active]),
                }
            }
        }
    }

    fn all_pages(&self) -> Vec<Arc<Mutex<Page>>> {
        self.pages.read().clone()
    }
}

impl Slot {
    /// Returns how the accounted bytes change.
    #[inline]
    fn append(&mut self, sample: Sample, appended: &mut Appended, scratch: &mut Scratch) -> i64 {
        if sample.t_ms > self.last_t_ms {
            self.last_t_ms = sample.t_ms;
        } else if let Some(newest) = self.active.tail.last_mut().filter(|newest| newest.t_ms == sample.t_ms) {
            // The last one written counts.
            let same = newest.value.to_bits() == sample.value.to_bits();
            appended.duplicates += u64::from(same);
            newest.value = sample.value;
            return 0;
        } else {
            appended.out_of_order += 1;
            self.active.tail_unsorted = true;
        }
        appended.samples += 1;
        self.active.push(sample, scratch)
    }

    fn append_histograms(&mut self, histograms: &[(i64, Arc<Histogram>)], appended: &mut Appended) -> i64 {
        let mut bytes = 0;
        let all = self.active.histograms.get_or_insert_default();
        for (t_ms, histogram) in histograms {
            appended.out_of_order += u64::from(*t_ms < self.last_t_ms);
            self.last_t_ms = self.last_t_ms.max(*t_ms);
            all.push((*t_ms, Arc::clone(histogram)));
            bytes += HISTOGRAM_BYTES;
        }
        appended.samples += histograms.len() as u64;
        bytes
    }
}

/// A histogram of twenty buckets with its lists; the true size differs, the bound does not need it.
const HISTOGRAM_BYTES: i64 = 512;
const CHUNK_BYTES: i64 = (size_of::<HeadChunk>() + 32) as i64;
const SAMPLE_BYTES: i64 = size_of::<Sample>() as i64;

impl Written {
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.chunks.is_empty() && self.histograms.is_none()
    }

    fn push(&mut self, sample: Sample, scratch: &mut Scratch) -> i64 {
        let mut bytes = 0;
        if self.tail.len() == self.tail.capacity() {
            if self.tail.len() >= TAIL_MAX {
                bytes += self.close_tail(scratch);
                // It was full once and will be again.
                self.tail.reserve_exact(TAIL_MAX);
            } else {
                self.tail.reserve_exact(self.tail.len().max(TAIL_START));
            }
        }
        self.tail.push(sample);
        bytes + SAMPLE_BYTES
    }

    fn close_tail(&mut self, scratch: &mut Scratch) -> i64 {
        if self.tail.is_empty() {
            return 0;
        }
        let mut tail = std::mem::take(&mut self.tail);
        let waited = tail.len() as i64 * SAMPLE_BYTES;
        if std::mem::take(&mut self.tail_unsorted) {
            sort_last_wins(&mut tail);
        }
        let mut bytes = Vec::with_capacity(tail.len() * 4);
        codec::encode(&mut bytes, &tail, scratch);
        let (t_min, t_max) = (tail[0].t_ms, tail[tail.len() - 1].t_ms);
        self.chunks.reserve_exact(usize::from(self.chunks.is_empty()));
        self.chunks.push(HeadChunk { t_min, t_max, bytes: bytes.into() });
        let taken = self.chunks.last().map_or(0, |chunk| chunk.bytes.len()) as i64 + CHUNK_BYTES;
        taken - waited
    }

    fn extend(&mut self, later: Self, scratch: &mut Scratch) {
        self.close_tail(scratch);
        self.chunks.extend(later.chunks);
        self.tail = later.tail;
        self.tail_unsorted = later.tail_unsorted;
        if let Some(later) = later.histograms {
            self.histograms.get_or_insert_default().extend(*later);
        }
    }

    fn count(&self) -> u64 {
        let chunked = self.chunks.iter().map(|chunk| codec::count(&chunk.bytes)).sum::<u64>();
        let histograms = self.histograms.as_ref().map_or(0, |histograms| histograms.len());
        chunked + self.tail.len() as u64 + histograms as u64
    }

    fn bytes(&self) -> i64 {
        let chunks: i64 = self.chunks.iter().map(|chunk| chunk.bytes.len() as i64 + CHUNK_BYTES).sum();
        let histograms = self.histograms.as_ref().map_or(0, |histograms| histograms.len()) as i64;
        chunks + self.tail.len() as i64 * SAMPLE_BYTES + histograms * HISTOGRAM_BYTES
    }
}

/// Sorts by time; of samples with the same time the last stays.
pub fn sort_last_wins(samples: &mut Vec<Sample>) {
    samples.sort_by_key(|sample| sample.t_ms);
    samples.dedup_by(|later, earlier| {
        let same = later.t_ms == earlier.t_ms;
        if same {
            *earlier = *later;
        }
        same
    });
}
