use std::collections::BTreeMap;

use nines_model::Dataset;
use nines_wal::{JournalStats, LatencyHistogram};

/// Counts since the start, replay not included.
#[derive(Debug, Clone, Default)]
pub struct IngestStats {
    pub accepted_events: BTreeMap<Dataset, u64>,
    /// As received: before decoding, after decompression.
    pub accepted_bytes: u64,
    pub accepted_requests: u64,
    /// Requests, by [`crate::IngestError::reason`].
    pub refused_requests: BTreeMap<&'static str, u64>,
    /// Events without a time, which got that of their arrival.
    pub undated_events: u64,
    /// Events stamped more than [`crate::FAR_MIN`] after their arrival. They are kept as they are.
    pub ahead_events: u64,
    /// Events stamped more than that before their arrival. They are kept as they are.
    pub late_events: u64,
    pub inflight_bytes: u64,
    pub inflight_requests: u64,
    /// Of the newest visible batch.
    pub last_sequence: u64,
    /// From submit to acknowledgement.
    pub ack_latency: LatencyHistogram,
    pub observer_panics: u64,
    pub journal: JournalStats,
}
