use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;

/// What a question cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryStats {
    /// From the moment the question was asked, waiting for its turn included.
    pub run_time: Duration,
    /// Rows that were looked at: hot rows, and stored rows that no statistics, bloom filter or index could skip.
    pub rows_scanned: u64,
    /// Bytes read from segments, compressed as they lie. Hot rows cost none.
    pub bytes_scanned: u64,
    pub segments_scanned: u64,
    /// Segments that the time range, or the statistics of a file, told us to skip.
    pub segments_pruned: u64,
    pub rows_returned: u64,
    /// There were more rows than the limit.
    pub truncated: bool,
    /// What is missing from the answer, in words: damaged segments. Empty if the answer is whole.
    pub partial: Vec<String>,
}

/// What the tables of one question count while they are planned.
#[derive(Debug, Default)]
pub(crate) struct ScanCounters {
    pub hot_rows: AtomicU64,
    pub segments_scanned: AtomicU64,
    pub segments_pruned: AtomicU64,
}

impl QueryStats {
    /// Adds what the tables counted and what the plans measured. Called once the plans have run.
    pub(crate) fn add_scans(&mut self, counters: &ScanCounters, plans: &[Arc<dyn ExecutionPlan>]) {
        self.rows_scanned += counters.hot_rows.load(Ordering::Relaxed);
        self.segments_scanned += counters.segments_scanned.load(Ordering::Relaxed);
        self.segments_pruned += counters.segments_pruned.load(Ordering::Relaxed);
        for plan in plans {
            self.add_plan(plan);
        }
    }

    fn add_plan(&mut self, plan: &Arc<dyn ExecutionPlan>) {
        // Only the readers of segments measure bytes.
        if let Some(metrics) = plan.metrics()
            && let Some(bytes) = metrics.sum_by_name("bytes_scanned")
        {
            let sum = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize() as u64);
            self.bytes_scanned += bytes.as_usize() as u64;
            self.rows_scanned += metrics.output_rows().unwrap_or(0) as u64 + sum("pushdown_rows_pruned");
        }
        for child in plan.children() {
            self.add_plan(child);
        }
    }
}
