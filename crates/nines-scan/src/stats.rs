use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a question cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryStats {
    /// From the moment the question was asked, waiting for its turn included.
    pub run_time: Duration,
    /// Rows that were looked at: those that no statistics, filter of a segment or kept answer could settle.
    pub rows_scanned: u64,
    /// Bytes read from segments, compressed as they lie. Hot rows cost none.
    pub bytes_scanned: u64,
    pub segments_scanned: u64,
    /// Segments that the time range, or what their footers say, told us to skip.
    pub segments_pruned: u64,
    pub rows_returned: u64,
    /// There were more rows than the limit.
    pub truncated: bool,
    /// What is missing from the answer, in words: damaged segments. Empty if the answer is whole.
    pub partial: Vec<String>,
}

/// Counts while a question runs, from any thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub rows: AtomicU64,
    pub bytes: AtomicU64,
}

impl Counters {
    pub fn add_rows(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
