//! Pushes small spans through ingest as fast as it takes them and prints the figures.
//!
//! `cargo run --release -p nines-ingest --example load -- FOLDER [SECONDS] [CLIENTS]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nines_base::disk::RealDisk;
use nines_base::{Clock, Random, Shutdown, SystemClock};
use nines_ingest::{Ingest, IngestConfig};
use nines_model::{Batch, Dataset, Event, Resource, Value};
use nines_storage::{Store, StoreConfig};
use nines_wal::JournalConfig;

const SPANS_PER_BATCH: u64 = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = std::path::PathBuf::from(arguments.next().ok_or("usage: load FOLDER [SECONDS] [CLIENTS]")?);
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let clients: u64 = arguments.next().map_or(Ok(4), |text| text.parse())?;
    let (disk, clock, random) = (RealDisk::shared(), SystemClock::shared(), Random::from_seed(1));
    let (store, _) = Store::open(StoreConfig::new(&folder), disk.clone(), clock.clone()).await?;
    let config = IngestConfig::new(JournalConfig::new(folder.join("journal")));
    let (ingest, recovery) =
        Ingest::start(config, store.clone(), disk, clock.clone(), random, Vec::new()).await?;
    println!("replayed {} events", recovery.replayed_events);
    let shutdown = Shutdown::new();
    let maintenance = tokio::spawn({
        let (store, shutdown) = (store.clone(), shutdown.clone());
        async move { store.run(&shutdown).await }
    });
    encode_only(clock.as_ref());
    let started = clock.monotonic();
    let refused = Arc::new(AtomicU64::new(0));
    let pushing: Vec<_> = (0..clients)
        .map(|client| {
            let (ingest, clock, refused) = (ingest.clone(), clock.clone(), refused.clone());
            tokio::spawn(async move {
                let random = Random::from_seed(client);
                while clock.monotonic() - started < Duration::from_secs(seconds) {
                    let batch = spans(clock.as_ref(), &random);
                    if let Err(error) = ingest.submit(vec![batch], SPANS_PER_BATCH * 300).await {
                        refused.fetch_add(1, Ordering::Relaxed);
                        clock.sleep(error.retry_after().unwrap_or_default() / 20).await;
                    }
                }
            })
        })
        .collect();
    for client in pushing {
        client.await?;
    }
    let elapsed = (clock.monotonic() - started).as_secs_f64();
    let stats = ingest.stats();
    let events = stats.accepted_events.values().sum::<u64>();
    println!(
        "{events} spans in {elapsed:.1} s: {:.0} spans/s, cpu {:.1} s",
        events as f64 / elapsed,
        cpu_seconds()
    );
    println!("refused {} ({:?})", refused.load(Ordering::Relaxed), stats.refused_requests);
    println!("ack latency {:?}", stats.ack_latency);
    println!("commits {}, {:?}", stats.journal.commits, stats.journal.commit_latency);
    println!("memory high water {} KiB, hot {} bytes", memory_high_water_kib(), store.hot_bytes());
    shutdown.begin();
    maintenance.await?;
    ingest.close().await?;
    println!("close {:?}", store.seal_all().await?);
    let stats = &store.stats().datasets[&Dataset::Spans];
    println!(
        "{} segments, {} rows, {:.1} bytes per row",
        stats.segments,
        stats.segment_rows,
        stats.segment_bytes as f64 / stats.segment_rows as f64
    );
    store.close().await?;
    Ok(())
}

fn encode_only(clock: &dyn Clock) {
    let batch = spans(clock, &Random::from_seed(1));
    let started = clock.monotonic();
    let bytes: usize = (0..200).map(|_| nines_storage::format::encode_batch(&batch).len()).sum();
    let elapsed = (clock.monotonic() - started).as_secs_f64();
    let events = 200.0 * SPANS_PER_BATCH as f64;
    println!("encode: {:.0} spans/s, {:.0} bytes per span", events / elapsed, bytes as f64 / events);
}

fn spans(clock: &dyn Clock, random: &Random) -> Batch {
    let service = format!("service-{}", random.below(20));
    let resource = Arc::new(Resource {
        attributes: vec![
            ("service.name".into(), service.as_str().into()),
            ("deployment.environment.name".into(), "production".into()),
            ("host.name".into(), format!("host-{}.example.internal", random.below(50)).as_str().into()),
        ],
    });
    let now = clock.now();
    let events: Vec<_> = (0..SPANS_PER_BATCH)
        .map(|number| {
            let fields = vec![
                ("trace_id".into(), Value::str(format!("{:016x}{:016x}", random.next_u64(), number))),
                ("span_id".into(), Value::str(format!("{:016x}", random.next_u64()))),
                (
                    "name".into(),
                    Value::str(["GET /cart", "GET /item/{id}", "POST /checkout"][number as usize % 3]),
                ),
                ("kind".into(), "server".into()),
                ("duration_ns".into(), Value::Int(random.below(200_000_000) as i64)),
                ("status_code".into(), if random.below(50) == 0 { "error" } else { "unset" }.into()),
                ("http.response.status_code".into(), Value::Int(200 + random.below(3) as i64 * 100)),
            ];
            let timestamp = now + Duration::from_micros(number);
            Event { timestamp, resource: Arc::clone(&resource), fields }
        })
        .collect();
    Batch::of_events(Dataset::Spans, now, &events)
}

fn memory_high_water_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// User and system time of this process, from `/proc/self/stat` (ticks of 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
