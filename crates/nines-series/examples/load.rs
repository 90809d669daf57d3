//! Loads remote-write bodies from disk through every step of the store and prints what each costs.
//!
//! ```text
//! cargo run --release -p nines-series --example load -- BODIES [FOLDER]
//! ```
//!
//! `BODIES.bin` holds snappy'd remote write 1.0 bodies one after the other, `BODIES.idx` a line `offset bytes series` for
//! each. The store is made in FOLDER (default: a temporary one), on the machine's disk, with real syncs.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::{Context, Result};

use nines_base::decompress::{Encoding, decompress};
use nines_base::disk::RealDisk;
use nines_base::{Clock, ManualClock, Random, SharedClock, SystemClock};
use nines_series::decode::decode_v1;
use nines_series::{Budgets, Matcher, Select, SeriesStore, StoreConfig};

/// Requests that wait for their fsync, as that many connections would.
const IN_FLIGHT: usize = 4;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let bodies = arguments.next().context("usage: load BODIES [FOLDER]")?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments.next().map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let blob = std::fs::read(format!("{bodies}.bin"))?;
    let index = std::fs::read_to_string(format!("{bodies}.idx"))?;
    let timer: SharedClock = SystemClock::shared();
    // The corpus ends at a fixed time: the store lives shortly after it.
    let (mut newest, mut samples, mut raw_bytes) = (0i64, 0u64, 0usize);
    let before = Cost::now(timer.as_ref());
    for body in each_body(&blob, &index) {
        let raw = decompress(Encoding::Snappy, body, 256 << 20)?;
        raw_bytes += raw.len();
    }
    println!("snappy alone: {} MB, {}", raw_bytes / 1_000_000, before.until(timer.as_ref()).text());
    let before = Cost::now(timer.as_ref());
    for body in each_body(&blob, &index) {
        let raw = decompress(Encoding::Snappy, body, 256 << 20)?;
        let request = decode_v1(&raw)?;
        samples += request.sample_count() as u64;
        let times = request.iter().flat_map(|(_, samples, _)| samples).map(|sample| sample.t_ms);
        newest = newest.max(times.max().unwrap_or(0));
    }
    let decode = before.until(timer.as_ref());
    println!("snappy + decode: {samples} samples, {}", decode.per(samples));

    let clock = ManualClock::at(nines_model::Timestamp::from_secs(newest / 1_000 + 1));
    let config = StoreConfig {
        budgets: Budgets { series_max: 5_000_000, series_per_metric_max: 5_000_000 },
        ..StoreConfig::new(&folder)
    };
    let before = Cost::now(timer.as_ref());
    let (store, recovery) =
        SeriesStore::open(config, RealDisk::shared(), clock.clone(), Random::from_system())?;
    println!("open: replayed {}, {}", recovery.replayed_samples, before.until(timer.as_ref()).text());
    let before = Cost::now(timer.as_ref());
    let mut waiting = VecDeque::new();
    for body in each_body(&blob, &index) {
        let raw = decompress(Encoding::Snappy, body, 256 << 20)?;
        waiting.push_back(store.write(decode_v1(&raw)?)?);
        if waiting.len() >= IN_FLIGHT
            && let Some(write) = waiting.pop_front()
        {
            anyhow::ensure!(write.wait()?.is_whole(), "a sample was not written");
        }
    }
    for write in waiting {
        anyhow::ensure!(write.wait()?.is_whole(), "a sample was not written");
    }
    let acked = before.until(timer.as_ref());
    let stats = store.stats();
    println!("to durable ack: {}, rss {} MB", acked.per(samples), rss_mb());
    println!(
        "  series {}, head {} MB, index {} MB, journal {} MB",
        stats.active_series,
        stats.head_bytes >> 20,
        stats.index_bytes >> 20,
        stats.journal.bytes >> 20
    );
    ask(&store, timer.as_ref(), newest, "head")?;
    let before = Cost::now(timer.as_ref());
    let report = store.seal()?;
    let sealing = before.until(timer.as_ref());
    println!(
        "seal: {} segments, {} samples, {} bytes, {:.3} B a sample, {}",
        report.segments,
        report.samples,
        report.bytes,
        report.bytes as f64 / report.samples as f64,
        sealing.text()
    );
    println!("all: {}, peak rss {} MB", acked.plus(&sealing).per(samples), peak_rss_mb());
    ask(&store, timer.as_ref(), newest, "segments, cold")?;
    ask(&store, timer.as_ref(), newest, "segments, warm")?;
    clock.advance(std::time::Duration::from_secs(3 * 86_400));
    let before = Cost::now(timer.as_ref());
    while let Some(report) = store.compact()? {
        let bytes = report.bytes_after as f64 / report.samples as f64;
        println!(
            "merge: {} segments, {bytes:.3} B a sample, {}",
            report.inputs,
            before.until(timer.as_ref()).text()
        );
    }
    ask(&store, timer.as_ref(), newest, "merged")?;
    Ok(())
}

/// The samples behind `sum by (service) (rate(http_requests_total[5m]))` over the last hour.
fn ask(store: &SeriesStore, timer: &dyn Clock, newest: i64, of: &str) -> Result<()> {
    let matchers = [Matcher::equal("__name__", "http_requests_total")];
    for threads in [1, 2] {
        let before = Cost::now(timer);
        let selection = store.select(&Select {
            matchers: &matchers,
            start_ms: newest - 3_600_000,
            end_ms: newest,
            samples_max: 1 << 30,
            threads,
            cancelled: &|| false,
        })?;
        let samples: usize = selection.series.iter().map(|series| series.times_ms.len()).sum();
        let series = selection.series.len();
        println!(
            "select {of}, {threads} threads: {series} series, {samples} samples, {}",
            before.until(timer).text()
        );
    }
    Ok(())
}

fn each_body<'a>(blob: &'a [u8], index: &'a str) -> impl Iterator<Item = &'a [u8]> {
    index.lines().filter_map(move |line| {
        let mut numbers = line.split(' ').map_while(|number| number.parse::<usize>().ok());
        let (at, bytes) = (numbers.next()?, numbers.next()?);
        blob.get(at..at + bytes)
    })
}

/// What this process has used.
struct Cost {
    wall: f64,
    cpu: f64,
}

impl Cost {
    fn now(timer: &dyn Clock) -> Self {
        // Fields 14 and 15, in hundredths of a second, behind the name in parentheses.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        Self { wall: timer.monotonic().as_secs_f64(), cpu: ticks as f64 / 100.0 }
    }

    fn until(&self, timer: &dyn Clock) -> Self {
        let now = Self::now(timer);
        Self { wall: now.wall - self.wall, cpu: now.cpu - self.cpu }
    }

    fn plus(&self, other: &Self) -> Self {
        Self { wall: self.wall + other.wall, cpu: self.cpu + other.cpu }
    }

    fn text(&self) -> String {
        format!("{:.3} s, {:.2} CPU-s", self.wall, self.cpu)
    }

    fn per(&self, samples: u64) -> String {
        format!("{}, {:.0} k samples per CPU-s", self.text(), samples as f64 / self.cpu / 1e3)
    }
}

fn rss_mb() -> u64 {
    status("VmRSS:")
}

fn peak_rss_mb() -> u64 {
    status("VmHWM:")
}

fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim().split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) / 1_000
}
