use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::physical_plan::ExecutionPlan;
use nines_scan::QueryStats;

/// What the tables of one query count while they are planned.
#[derive(Debug, Default)]
pub(crate) struct ScanCounters {
    pub hot_rows: AtomicU64,
    pub segments_scanned: AtomicU64,
    pub segments_pruned: AtomicU64,
}

impl ScanCounters {
    /// Adds what the tables counted and what the plans measured. Called once the plans have run.
    pub fn add_to(&self, stats: &mut QueryStats, plans: &[Arc<dyn ExecutionPlan>]) {
        stats.rows_scanned += self.hot_rows.load(Ordering::Relaxed);
        stats.segments_scanned += self.segments_scanned.load(Ordering::Relaxed);
        stats.segments_pruned += self.segments_pruned.load(Ordering::Relaxed);
        for plan in plans {
            add_plan(stats, plan);
        }
    }
}

fn add_plan(stats: &mut QueryStats, plan: &Arc<dyn ExecutionPlan>) {
    // Only the readers of segments measure bytes.
    if let Some(metrics) = plan.metrics()
        && let Some(bytes) = metrics.sum_by_name("bytes_scanned")
    {
        let sum = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize() as u64);
        stats.bytes_scanned += bytes.as_usize() as u64;
        stats.rows_scanned += metrics.output_rows().unwrap_or(0) as u64 + sum("pushdown_rows_pruned");
    }
    for child in plan.children() {
        add_plan(stats, child);
    }
}
