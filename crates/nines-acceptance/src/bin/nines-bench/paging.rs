//! D1: how long from a bad event to the provider that is to page somebody.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::State;
use nines_acceptance::{Node, Spans};
use nines_base::{Random, SharedClock};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tokio::sync::Mutex;

use crate::figures::{distribution, now_nanos};

/// Services of the run, each with one promise, each broken once.
const SERVICES: usize = 60;
const SPANS_PER_SECOND: u64 = 20_000;
const WARM_UP: Duration = Duration::from_secs(10);
/// Faults begin evenly within this time.
const FAULTS_OVER: Duration = Duration::from_secs(45);
/// A page later than this after its fault counts as missed.
const MISSED_AFTER: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Arrivals(Mutex<HashMap<String, Duration>>);

/// From the acknowledgement of the first bad event to the provider's request.
pub async fn signal_to_page(node: &Node, clock: &SharedClock) -> anyhow::Result<()> {
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
