//! The node is killed in the middle of a composed run: at most one effect for each id, and an end that people can see.

use std::collections::BTreeSet;

use super::*;

const RUNBOOK: &str = r#"
apiVersion: nines/v1
kind: Runbook
metadata:
  name: replace-machine
spec:
  description: put a fresh machine into service, then take the old one out
  parameters:
    - {name: fresh, type: instance, description: the machine that comes}
    - {name: old, type: instance, description: the machine that goes}
  steps:
    - name: bring-in
      action: ec2.in_service
      with: {instanceIds: ["${fresh}"], targetGroup: shop-blue}
    - name: take-out
      action: ec2.off_service
      with: {instanceIds: ["${old}"], targetGroup: shop-blue}
      when: {done: bring-in}
"#;

/// Kills of the process, by time since the run was started or the process before came up.
const LIVES_MS: [u64; 6] = [150, 1_300, 400, 5_200, 2_500, 9_000];

#[tokio::test]
async fn a_composed_run_outlives_its_process() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let mut node = Node::start(&data, &[]).await?;
    let applied = node.api()?.apply(RUNBOOK).await?;
    ensure!(applied["results"][0]["kind"] == "Runbook", "{applied:#}");
    let incident = node
        .api()?
        .post(
            "/api/v1/incidents",
            &json!({
                "class": "S2", "level": "P1", "service": "shop", "scope": "all", "status": "slow",
                "started_at": "2026-01-01T00:00:00Z", "progress": "replacing a machine",
            }),
        )
        .await?;
    let incident = incident["id"].as_str().context("an incident has an id")?.to_owned();
    let arguments = json!({"fresh": machine(4), "old": machine(1)});
    let action = "runbook/replace-machine";
    let plan =
        node.api()?.post("/api/v1/actions/plan", &json!({"action": action, "arguments": arguments})).await?;
    ensure!(plan["steps"].as_array().map(Vec::len) == Some(7), "{plan:#}");
    let body = json!({
        "action": action, "arguments": arguments, "plan_hash": plan["hash"], "incident": incident,
        "idempotency_key": "once",
    });
    let run = node.api()?.post("/api/v1/actions/runs", &body).await?;
    let id = run["id"].as_str().context("a run has an id")?.to_owned();
    for life in LIVES_MS {
        tokio::time::sleep(Duration::from_millis(life)).await;
        node.kill().await?;
        node = Node::start(&data, &[]).await?;
        // Whoever asks again gets the same run.
        let again = node.api()?.post("/api/v1/actions/runs", &body).await?;
        ensure!(again["id"] == id, "{again:#}");
    }
    let ended = settled(&node.api()?, &id).await?;
    println!("after {} kills: {} ({})", LIVES_MS.len(), ended["state"], ended["reason"]);
    ensure!(ended["state"] == "done" || ended["reason"].is_string(), "{ended:#}");

    // The timeline of the incident tells of it.
    let told = node.api()?.get(&format!("/api/v1/incidents/{incident}")).await?;
    let told: Vec<_> =
        told["timeline"].as_array().into_iter().flatten().map(|entry| entry["text"].to_string()).collect();
    ensure!(told.iter().any(|text| text.contains("started runbook/replace-machine")), "{told:#?}");
    // The history has each event once, in order.
    let events = node.api()?.get(&format!("/api/v1/actions/runs/{id}/history")).await?;
    let numbers: Vec<_> = events["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| event["sequence"].as_u64())
        .collect();
    ensure!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
    let streamed = node.api()?.events(&format!("/api/v1/actions/runs/{id}/events")).await?.next().await?;
    ensure!(streamed["sequence"] == 1, "{streamed:#}");
    node.stop().await?;

    let world = sqlite(&data.join("control.db"), "SELECT world FROM simulated_cloud").await?;
    let world: Value = serde_json::from_str(world[0][0].as_str().context("a world is text")?)?;
    let ids: Vec<_> =
        world["ledger"].as_array().into_iter().flatten().map(|entry| entry["id"].to_string()).collect();
    let unique: BTreeSet<_> = ids.iter().collect();
    ensure!(ids.len() == unique.len(), "an effect was had twice: {ids:#?}");
    println!("{} effects, each once", ids.len());
    Ok(())
}
