use std::time::Duration;

/// Upper bounds of the latency buckets in milliseconds; a last bucket takes the rest. They span a fast NVMe sync
/// (0.1 ms) to a disk in trouble.
pub const LATENCY_BOUNDS_MS: [f64; 12] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 500.0, 2_000.0];

/// Counts per bucket of [`LATENCY_BOUNDS_MS`], not cumulative, and the sum.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LatencyHistogram {
    pub counts: [u64; LATENCY_BOUNDS_MS.len() + 1],
    pub sum: Duration,
}

impl LatencyHistogram {
    pub fn record(&mut self, latency: Duration) {
        let millis = latency.as_secs_f64() * 1e3;
        let bucket = LATENCY_BOUNDS_MS.partition_point(|&bound| bound < millis);
        self.counts[bucket] += 1;
        self.sum += latency;
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The upper bound of the bucket that holds quantile `q`; the last bucket answers with the largest bound. `None`
    /// without records.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = (self.count() as f64 * q.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        let bound = LATENCY_BOUNDS_MS[bucket.min(LATENCY_BOUNDS_MS.len() - 1)];
        Some(Duration::from_secs_f64(bound / 1e3))
    }
}

/// What the journal says of itself. All counts are since it was opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JournalStats {
    pub segments: u64,
    /// On disk, damaged bytes included.
    pub bytes: u64,
    /// Waiting for their commit.
    pub queued_bytes: u64,
    /// The sequence number of the last durable record; 0 if there is none.
    pub durable_sequence: u64,
    pub commits: u64,
    pub failed_commits: u64,
    /// Since the last good commit. More than 0 means that nothing is being acknowledged.
    pub failed_commits_in_a_row: u64,
    pub last_error: Option<String>,
    /// Write and sync of one commit.
    pub commit_latency: LatencyHistogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_fall_into_the_bucket_whose_bound_they_do_not_exceed() {
        let mut histogram = LatencyHistogram::default();
        for micros in [100, 101, 3_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!((histogram.counts[0], histogram.counts[1], histogram.counts[12]), (1, 1, 1));
        assert_eq!(histogram.count(), 3);
    }
}
