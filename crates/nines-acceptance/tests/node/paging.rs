//! Reliability B4: a page needs neither `control.db` nor the object store.

use std::time::Duration;

use anyhow::ensure;
use nines_acceptance::{Node, Provider, Spans, alone, eventually};
use nines_base::SystemClock;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::json;

use crate::oncall::documents;

/// A promise of checkout, whose team calls ann by its policy.
const PROMISE: &str = "---
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-availability}
spec:
  service: checkout
  indicator:
    metadata: {name: checkout-sli}
    spec:
      ratioMetric:
        bad: {metricSource: {type: nines, spec: {dataset: spans, filter: 'service.name: checkout and status_code: error'}}}
        total: {metricSource: {type: nines, spec: {dataset: spans, filter: 'service.name: checkout'}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
";

fn now_nanos() -> u64 {
    u64::try_from(SystemClock::shared().now().as_nanos()).unwrap_or(0)
}

#[tokio::test]
async fn people_are_called_while_control_db_and_the_object_store_are_gone() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let (data, bucket) = (folder.path().join("data"), folder.path().join("bucket"));
    std::fs::create_dir(&bucket)?;
    let url = format!("file://{}", bucket.display());
    let provider = Provider::start().await?;
    let node = Node::start(&data, &["--allow-egress", "127.0.0.0/8", "--object-store", &url]).await?;
    let api = node.api()?;
    api.apply(&(documents(&provider.url) + PROMISE)).await?;
    let client = TraceServiceClient::connect(node.addresses.otlp_grpc.clone()).await?;
    let send =
        |first, fail_every| Spans { service: "checkout", first, count: 500, at: now_nanos(), fail_every };
    send(0, 0).send(&mut client.clone()).await?;
    eventually("the promise to be measured", || async {
        let slos = api.get("/api/v1/slos").await?;
        Ok((slos["slos"][0]["state"] != json!("unknown")).then_some(()))
    })
    .await?;

    // What is left of both is nothing: not a page of the database, not a folder.
    std::fs::remove_dir_all(&bucket)?;
    for file in ["control.db", "control.db-wal", "control.db-shm"] {
        let path = data.join(file);
        if path.exists() {
            std::fs::OpenOptions::new().write(true).truncate(true).open(&path)?;
        }
    }
    let clock = SystemClock::shared();
    let began = clock.monotonic();
    let called = eventually("ann to be called", || async {
        let first = 500 + u64::try_from((clock.monotonic() - began).as_millis())? * 10;
        // Whether telemetry is still taken without the keys of control.db is another question; some of it was.
        let _ = send(first, 2).send(&mut client.clone()).await;
        Ok(provider.called("ann", "checkout").await)
    })
    .await?;
    let after = called.saturating_sub(began);
    println!(
        "B4 control.db and the object store gone: ann called {:.2} s after the first bad span",
        after.as_secs_f64()
    );
    ensure!(after <= Duration::from_secs(30), "{after:?}");
    node.kill().await
}
