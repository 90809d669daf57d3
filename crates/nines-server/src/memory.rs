//! How much memory the node may take, and how it is shared out.
//!
//! Every bound here is on bytes that are counted while they are held. Beside them the process takes some 150 MiB for itself
//! (code, caches of fixed size, buffers of connections) and, while it seals, about twice what is being sealed.

use std::path::Path;

use nines_base::MIB;

/// The parts of the node that take memory by how much is asked of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryShares {
    /// Rows that are not sealed yet, of all datasets.
    pub hot_bytes: u64,
    /// Of one dataset, before it is sealed.
    pub seal_bytes: u64,
    /// Requests with telemetry that are not acknowledged yet, as decoded.
    pub inflight_bytes: u64,
    /// Bodies that one listener holds.
    pub body_bytes: u64,
    /// What one SQL question may use; four run at once.
    pub question_bytes: usize,
    /// Samples of metrics that are not sealed yet.
    pub series_head_bytes: u64,
    /// Series tables of sealed metrics, between questions.
    pub series_index_bytes: u64,
    /// Active series, at some 500 bytes each.
    pub series_max: u64,
    /// Samples that one question in PromQL reads, at 16 bytes each; four run at once.
    pub metric_question_samples: usize,
}

impl MemoryShares {
    /// An eighth for hot rows, which exist up to three times while they are sealed; a sixteenth each for what is in flight,
    /// for bodies and for a question. Of metrics the head gets an eighth, active series another, the tables of segments and
    /// a question a sixteenth each; they are taken only while metrics come. None is larger than what serves a node of 4 GiB
    /// well (for hot rows see `docs/decisions/0013-allocator.md`), and none so small that ordinary requests do not fit.
    pub fn of(total_bytes: u64) -> Self {
        let share = |part: u64, most: u64| (total_bytes / part).clamp(32 * MIB, most);
        let hot_bytes = share(8, 128 * MIB);
        Self {
            hot_bytes,
            seal_bytes: hot_bytes / 4,
            inflight_bytes: share(16, 64 * MIB),
            body_bytes: share(16, 256 * MIB),
            question_bytes: share(16, 256 * MIB) as usize,
            series_head_bytes: share(8, 1024 * MIB),
            series_index_bytes: share(16, 256 * MIB),
            series_max: share(8, 1024 * MIB) / SERIES_BYTES,
            metric_question_samples: (share(16, 800 * MIB) / SAMPLE_BYTES) as usize,
        }
    }
}

/// Of an active series in the index of the metric store, with its share of the postings.
const SERIES_BYTES: u64 = 512;
/// A time and a value.
const SAMPLE_BYTES: u64 = 16;

/// What this process may take: the smallest of the machine's memory and the limits of its control groups.
pub fn available_bytes() -> u64 {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(limit_file).filter_map(|file| number(&file));
    limits.chain(machine_bytes()).min().unwrap_or(4 * 1024 * MIB)
}

/// The file with the limit of a line of `/proc/self/cgroup` (`id:controllers:path`), in version 2 or 1.
fn limit_file(line: &str) -> Option<String> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let path = path.trim_end_matches('/');
    match controllers {
        "" => Some(format!("/sys/fs/cgroup{path}/memory.max")),
        "memory" => Some(format!("/sys/fs/cgroup/memory{path}/memory.limit_in_bytes")),
        _ => None,
    }
}

/// `None` for `max`, and for a file that is not there.
fn number(file: &str) -> Option<u64> {
    std::fs::read_to_string(Path::new(file)).ok()?.trim().parse().ok()
}

fn machine_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(kib.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fit_into_little_memory_and_stop_growing_in_much() {
        let little = MemoryShares::of(1024 * MIB);
        assert_eq!((little.hot_bytes, little.seal_bytes), (128 * MIB, 32 * MIB));
        assert_eq!((little.inflight_bytes, little.body_bytes), (64 * MIB, 64 * MIB));
        assert_eq!((little.series_head_bytes, little.series_max), (128 * MIB, 262_144));
        assert_eq!(MemoryShares::of(64 * 1024 * MIB), MemoryShares::of(16 * 1024 * MIB));
    }

    #[test]
    fn groups_of_both_versions_are_found() {
        let file = |line| limit_file(line).unwrap_or_default();
        assert_eq!(
            file("0::/system.slice/nines.service"),
            "/sys/fs/cgroup/system.slice/nines.service/memory.max"
        );
        assert_eq!(file("9:memory:/"), "/sys/fs/cgroup/memory/memory.limit_in_bytes");
        assert_eq!(file("4:cpu,cpuacct:/x"), "");
        assert!(available_bytes() > 0);
    }
}
