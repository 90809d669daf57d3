//! How a figure is taken and printed.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

/// Percentiles of durations in seconds, as text.
pub fn distribution(seconds: &mut [f64]) -> String {
    if seconds.is_empty() {
        return "no samples".to_owned();
    }
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| {
        seconds[((seconds.len() as f64 * share).ceil() as usize).clamp(1, seconds.len()) - 1] * 1e3
    };
    format!(
        "p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms (n = {})",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        seconds.len()
    )
}

/// User and system time of a process, from the kernel. `utime` and `stime` are fields 14 and 15 of `proc_pid_stat(5)`, in
/// hundredths of a second on every Linux that Debian ships.
pub fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().context("stat has a name in parentheses")?.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

pub fn now_nanos() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a sender stamps its spans with the machine's clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
}
