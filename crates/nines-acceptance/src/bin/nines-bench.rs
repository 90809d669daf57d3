//! The figures that `make bench` prints: signal to page, ingest, and traces. Ratios and distributions, no verdicts.
//!
//! Rows D1, S2 and T1: what a sender on the same machine sees, with every acknowledgement after fsync.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::extract::State;
use nines_acceptance::{Node, Spans, span_request};
use nines_base::{Random, SharedClock, SystemClock};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tokio::sync::{Mutex, Semaphore};

/// Services of the D1 run, each with one promise, each broken once.
const SERVICES: usize = 60;
const SPANS_PER_SECOND: u64 = 20_000;
const WARM_UP: Duration = Duration::from_secs(10);
/// Faults begin evenly within this time.
const FAULTS_OVER: Duration = Duration::from_secs(45);
/// A page later than this after its fault counts as missed.
const MISSED_AFTER: Duration = Duration::from_secs(30);
const FLOOD: Duration = Duration::from_secs(20);
const FLOOD_BATCH: u64 = 1000;
/// Senders of the flood, and requests that each has in the air.
const FLOOD_SENDERS: usize = 4;

#[derive(Default)]
struct Arrivals(Mutex<HashMap<String, Duration>>);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let clock = SystemClock::shared();
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    signal_to_page(&node, &clock).await?;
    flood(&node, &clock).await?;
    traces(&node, &clock).await?;
    node.stop().await
}

/// D1: from the acknowledgement of the first bad event to the provider's request.
async fn signal_to_page(node: &Node, clock: &SharedClock) -> anyhow::Result<()> {
    let arrivals = Arc::new(Arrivals::default());
    let receiver = receiver(Arc::clone(&arrivals), Arc::clone(clock)).await?;
    node.api()?.apply(&documents(&receiver)).await?;

    let random = Random::from_seed(1);
    let started = clock.monotonic();
    let faults: Vec<Duration> =
        (0..SERVICES).map(|_| started + WARM_UP + FAULTS_OVER.mul_f64(random.unit())).collect();
    let first_bad: Arc<Mutex<HashMap<usize, Duration>>> = Arc::default();
    let mut senders = tokio::task::JoinSet::new();
    // Each service sends a batch every tick; the ticks of the services are spread evenly.
    let tick = Duration::from_millis(250);
    let batch = SPANS_PER_SECOND / 4 / SERVICES as u64;
    let end = started + WARM_UP + FAULTS_OVER + MISSED_AFTER;
    for (index, fault_at) in faults.iter().copied().enumerate() {
        let mut client = TraceServiceClient::connect(node.addresses.otlp_grpc.clone()).await?;
        let (clock, first_bad, arrivals) = (Arc::clone(clock), Arc::clone(&first_bad), Arc::clone(&arrivals));
        senders.spawn(async move {
            let service = service(index);
            let mut due = started + tick.mul_f64(index as f64 / SERVICES as f64);
            let mut next = 0;
            while due < end {
                clock.sleep(due.saturating_sub(clock.monotonic())).await;
                let bad = clock.monotonic() >= fault_at && !arrivals.0.lock().await.contains_key(&service);
                let spans = Spans {
                    service: &service,
                    first: next,
                    count: batch,
                    at: now_nanos(),
                    fail_every: u64::from(bad),
                };
                spans.send(&mut client).await.context("the node refused telemetry")?;
                if bad {
                    first_bad.lock().await.entry(index).or_insert_with(|| clock.monotonic());
                }
                next += batch;
                due += tick;
            }
            anyhow::Ok(next)
        });
    }
    let mut sent = 0;
    while let Some(done) = senders.join_next().await {
        sent += done??;
    }
    let elapsed = (clock.monotonic() - started).as_secs_f64();
    let (first_bad, arrivals) = (first_bad.lock().await, arrivals.0.lock().await);
    let mut latencies = Vec::new();
    let mut missed = 0;
    for index in 0..SERVICES {
        match (first_bad.get(&index), arrivals.get(&service(index))) {
            (Some(acknowledged), Some(arrived)) => {
                latencies.push(arrived.saturating_sub(*acknowledged).as_secs_f64())
            }
            _ => missed += 1,
        }
    }
    println!("D1 signal to page, ack of the first bad event to the provider's request");
    println!(
        "   at {:.0} spans/s over {SERVICES} services: {}; {missed} missed",
        sent as f64 / elapsed,
        distribution(&mut latencies)
    );
    Ok(())
}

/// S2 and T1, first figures: as many spans as the node takes, each acknowledged after fsync.
async fn flood(node: &Node, clock: &SharedClock) -> anyhow::Result<()> {
    let cpu_before = cpu_seconds(node.process_id())?;
    let started = clock.monotonic();
    let permits = Arc::new(Semaphore::new(FLOOD_SENDERS));
    let mut tasks = tokio::task::JoinSet::new();
    let mut acknowledgements = Vec::new();
    let client = TraceServiceClient::connect(node.addresses.otlp_grpc.clone()).await?;
    let mut sent = 0;
    while clock.monotonic() - started < FLOOD {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let (mut client, clock, first) = (client.clone(), Arc::clone(clock), sent);
        let request = span_request(Spans {
            service: "flood",
            first,
            count: FLOOD_BATCH,
            at: now_nanos(),
            fail_every: 500,
        });
        tasks.spawn(async move {
            let asked = clock.monotonic();
            let answer = client.export(request).await;
            drop(permit);
            answer.map(|_| (clock.monotonic() - asked).as_secs_f64())
        });
        sent += FLOOD_BATCH;
    }
    while let Some(done) = tasks.join_next().await {
        acknowledgements.push(done?.context("the node refused telemetry")?);
    }
    let elapsed = (clock.monotonic() - started).as_secs_f64();
    let cpu = cpu_seconds(node.process_id())? - cpu_before;
    println!(
        "S2 ingest of spans by gRPC in batches of {FLOOD_BATCH}, {FLOOD_SENDERS} in flight, sender on the same two cores"
    );
    println!(
        "   {:.0} spans/s for {elapsed:.0} s; {:.0} spans per server CPU-second; ack {}",
        sent as f64 / elapsed,
        sent as f64 / cpu,
        distribution(&mut acknowledgements)
    );
    Ok(())
}

/// T1: what a span costs on disk, and how long one trace takes to find.
async fn traces(node: &Node, clock: &SharedClock) -> anyhow::Result<()> {
    let api = node.api()?;
    let rows = api.sql("select trace_id from spans where \"service.name\" = 'flood' limit 50").await?;
    let mut times = Vec::new();
    for row in &rows {
        let trace_id = row[0].as_str().context("trace_id is text")?;
        let asked = clock.monotonic();
        api.get(&format!("/api/v1/traces/{trace_id}")).await?;
        times.push((clock.monotonic() - asked).as_secs_f64());
    }
    let status = api.get("/api/v1/status").await?;
    let spans = status["storage"]
        .as_array()
        .and_then(|all| all.iter().find(|dataset| dataset["dataset"] == "spans"))
        .context("spans are kept")?;
    let cold = spans["rows"].as_f64().unwrap_or(0.0) - spans["hot_rows"].as_f64().unwrap_or(0.0);
    println!("T1 traces");
    println!("   one trace by id over HTTP: {}", distribution(&mut times));
    println!(
        "   {:.1} bytes a span on disk ({cold:.0} spans in {} segments, {:.0} still hot)",
        spans["bytes_on_disk"].as_f64().unwrap_or(0.0) / cold.max(1.0),
        spans["segments"],
        spans["hot_rows"].as_f64().unwrap_or(0.0)
    );
    Ok(())
}

fn service(index: usize) -> String {
    format!("svc-{index:03}")
}

fn documents(receiver: &str) -> String {
    let mut yaml = format!(
        "apiVersion: nines/v1\nkind: Channel\nmetadata:\n  name: bench\nspec:\n  type: webhook\n  url: {receiver}\n  secret: whsec_bmluZXMtYmVuY2gtc2VjcmV0LW9mLTMyLWJ5dGVz\n"
    );
    for index in 0..SERVICES {
        let service = service(index);
        yaml.push_str(&format!(
            "---\napiVersion: openslo/v1\nkind: SLO\nmetadata:\n  name: {service}\n  annotations:\n    nines/channels: bench\nspec:\n  service: {service}\n  indicator:\n    metadata:\n      name: {service}-sli\n    spec:\n      ratioMetric:\n        bad:\n          metricSource:\n            type: nines\n            spec:\n              dataset: spans\n              filter: 'service.name: {service} and status_code: error'\n        total:\n          metricSource:\n            type: nines\n            spec:\n              dataset: spans\n              filter: 'service.name: {service}'\n  timeWindow:\n    - duration: 30d\n      isRolling: true\n  budgetingMethod: Occurrences\n  objectives:\n    - target: 0.999\n"
        ));
    }
    yaml
}

/// A provider that notes when the first page about each service came in.
async fn receiver(arrivals: Arc<Arrivals>, clock: SharedClock) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/page", listener.local_addr()?);
    let router = axum::Router::new()
        .route(
            "/page",
            axum::routing::post(
                |State((arrivals, clock)): State<(Arc<Arrivals>, SharedClock)>, body: String| async move {
                    let at = clock.monotonic();
                    let mut arrivals = arrivals.0.lock().await;
                    for index in 0..SERVICES {
                        if body.contains(&format!("\"{}\"", service(index))) {
                            arrivals.entry(service(index)).or_insert(at);
                        }
                    }
                },
            ),
        )
        .with_state((arrivals, clock));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

fn distribution(seconds: &mut [f64]) -> String {
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
fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().context("stat has a name in parentheses")?.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

fn now_nanos() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a sender stamps its spans with the machine's clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
}
