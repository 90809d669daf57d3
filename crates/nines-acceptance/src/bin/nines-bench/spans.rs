//! S2 and T1: spans in batches, and a trace by its id.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use nines_acceptance::{Node, Spans, span_request};
use nines_base::SharedClock;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tokio::sync::Semaphore;

use crate::figures::{cpu_seconds, distribution, now_nanos};

const FLOOD: Duration = Duration::from_secs(20);
const FLOOD_BATCH: u64 = 1000;
/// Requests in the air.
const FLOOD_SENDERS: usize = 4;

/// As many spans as the node takes, each acknowledged after fsync.
pub async fn flood(node: &Node, clock: &SharedClock) -> anyhow::Result<()> {
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

/// What a span costs on disk, and how long one trace takes to find.
pub async fn traces(node: &Node, clock: &SharedClock) -> anyhow::Result<()> {
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
