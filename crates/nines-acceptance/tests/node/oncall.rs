//! Who is called about an incident, by the clock, whatever happens to the process meanwhile; and what a storm does to the
//! person on call.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, Provider, Storm, alone, eventually};
use serde_json::{Value, json};

use crate::reports::receiver;

const EGRESS: [&str; 2] = ["--allow-egress", "127.0.0.0/8"];

/// A team of ann, who is on call, and bo, who is next.
pub fn documents(hook: &str) -> String {
    let channel = |name: &str| {
        format!(
            "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: {name}-hook}}\n\
             spec: {{type: webhook, url: '{hook}/{name}'}}\n---\n"
        )
    };
    let rules = |name: &str| {
        format!(
            "apiVersion: nines/v1\nkind: PersonalRules\nmetadata: {{name: {name}}}\n\
             spec: {{high: [{{channel: {name}-hook}}], low: []}}\n---\n"
        )
    };
    let rest = "apiVersion: nines/v1
kind: Team
metadata: {name: shop}
spec: {members: [ann, bo], channels: [team-hook], firstLine: true}
---
apiVersion: nines/v1
kind: Service
metadata: {name: checkout}
spec: {owner: shop}
---
apiVersion: nines/v1
kind: Schedule
metadata: {name: shop}
spec:
  timeZone: Asia/Taipei
  layers:
    - name: week
      rotation: {every: 1w, handOver: '09:00', on: mon, from: '2026-01-05'}
      participants: [ann]
---
apiVersion: nines/v1
kind: EscalationPolicy
metadata: {name: shop}
spec:
  repeat: 1
  steps:
    - name: on call
      targets: [{schedule: shop}]
      timeout: 6s
    - name: next
      targets: [{person: bo}]
      timeout: 5m
";
    channel("ann") + &channel("bo") + &channel("team") + &rules("ann") + &rules("bo") + rest
}

/// The calls that a person has had, by the receiver.
fn calls<'a>(taken: &'a [Value], person: &'a str) -> impl Iterator<Item = &'a Value> {
    taken.iter().filter(move |page| page["type"] == "oncall.call" && page["data"]["person"] == person)
}

#[tokio::test]
async fn nobody_answers_and_the_next_person_is_called_by_the_clock_across_a_crash() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let (hook, taken) = receiver().await?;
    let node = Node::start(&data, &EGRESS).await?;
    let api = node.api()?;
    api.apply(&documents(&hook)).await?;
    let who = api.get("/api/v1/oncall").await?;
    ensure!(who["teams"][0]["on_call"] == json!(["ann"]), "{who}");

    // A key and a title are all that it takes.
    let sender = Api::new(&node.addresses.http, &node.key("ingest.key")?);
    let sent = json!({"title": "checkout is down", "level": "P0", "service": "checkout"});
    let answer = sender.post("/api/v1/alerts", &sent).await?;
    ensure!(answer["alerts"][0]["received"] == "new", "{answer}");
    let incident = eventually("ann to be called", || async {
        let taken = taken.lock().unwrap();
        Ok(calls(&taken, "ann").next().and_then(|page| page["data"]["incident"].as_str().map(str::to_owned)))
    })
    .await?;
    node.kill().await?;

    let node = Node::start(&data, &EGRESS).await?;
    let api = node.api()?;
    eventually("bo to be called after a crash and six seconds", || async {
        Ok(calls(&taken.lock().unwrap(), "bo").next().map(|_| ()))
    })
    .await?;
    let path = format!("/api/v1/incidents/{incident}");
    let told = api.get(&path).await?;
    let steps = &told["escalation"]["steps"];
    ensure!(steps[0]["state"] == "done" && steps[1]["state"] == "running", "{steps}");
    ensure!(told["escalation"]["next_at"].is_string(), "{}", told["escalation"]);

    api.post(&format!("{path}/acknowledge"), &json!({})).await?;
    let told = eventually("the acknowledgement to reach the escalation", || async {
        let told = api.get(&path).await?;
        Ok((told["escalation"]["phase"] == "acknowledged").then_some(told))
    })
    .await?;
    ensure!(told["escalation"]["next_at"].is_null(), "something would still happen: {}", told["escalation"]);
    let sent = told["escalation"]["calls"].as_array().context("calls")?;
    ensure!(sent.iter().filter(|call| call["state"] == "delivered").count() == 2, "{sent:?}");
    let reached = taken.lock().unwrap().clone();
    // A page whose outcome the crash hid is sent again as what it is: the same page, written at the same time.
    for person in ["ann", "bo"] {
        let written: BTreeSet<_> =
            calls(&reached, person).map(|page| page["timestamp"].to_string()).collect();
        ensure!(written.len() == 1, "one order, one page, whatever crashes: {reached:?}");
    }

    // The alert ends, and nobody is called for that; the incident is over when a person says so.
    let ended = json!({"title": "checkout is down", "status": "resolved", "service": "checkout"});
    let answer = api.post("/api/v1/alerts", &ended).await?;
    ensure!(answer["alerts"][0]["received"] == "resolved", "{answer}");
    api.post(&format!("{path}/confirm"), &json!({"level": "P0"})).await?;
    api.post(&format!("{path}/resolve"), &json!({"text": "it is back"})).await?;
    eventually("the escalation to be over", || async {
        Ok((api.get(&path).await?["escalation"]["phase"] == "over").then_some(()))
    })
    .await?;

    // Documents are listed and deleted like all others; a team without a policy is named.
    let listed = api.get("/api/v1/objects?kind=EscalationPolicy").await?;
    ensure!(listed["objects"][0]["name"] == "shop", "{listed}");
    api.call("DELETE", "/api/v1/objects/EscalationPolicy/shop", None).await?;
    let status = api.get("/api/v1/status").await?;
    ensure!(status["paging"]["teams_without_policy"] == json!(["shop"]), "{status}");
    ensure!(status["paging"]["escalation_defects"] == 0, "{status}");
    node.stop().await
}

#[tokio::test]
async fn schedules_are_changed_by_hand_and_silences_say_what_they_would_hide() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let (hook, taken) = receiver().await?;
    let node = Node::start(&folder.path().join("data"), &EGRESS).await?;
    let api = node.api()?;
    api.apply(&documents(&hook)).await?;

    let shifts = api.get("/api/v1/schedules/shop/shifts").await?;
    ensure!(shifts["gaps"] == json!([]) && shifts["layers"][0]["name"] == "week", "{shifts}");
    let (start, end) = (shifts["start"].as_str().context("start")?, shifts["end"].as_str().context("end")?);
    let take = json!({"start": start, "end": end, "person": "bo", "reason": "ann is ill"});
    let taken_over = api.post("/api/v1/schedules/shop/take", &take).await?;
    ensure!(taken_over["overrides"][0]["instead_of"] == "ann", "{taken_over}");
    let who = api.get("/api/v1/oncall").await?;
    ensure!(who["schedules"][0]["on_call"] == json!(["bo"]), "{who}");
    ensure!(who["schedules"][0]["because"].as_str().is_some_and(|why| why.contains("ann is ill")), "{who}");
    let id = taken_over["overrides"][0]["id"].as_str().context("id")?;
    api.call("DELETE", &format!("/api/v1/schedules/shop/overrides/{id}"), None).await?;
    let who = api.get("/api/v1/oncall").await?;
    ensure!(who["schedules"][0]["on_call"] == json!(["ann"]), "{who}");

    // What is silenced is kept and counted, and calls nobody.
    let until = shifts["shifts"][0]["end"].as_str().context("end of a shift")?;
    let silence = json!({"filter": "service.name: checkout", "end": until, "reason": "new disks"});
    let preview = api.post("/api/v1/silences?dry_run=true", &silence).await?;
    ensure!(preview["dry_run"] == true && preview["preview"]["matching"] == 0, "{preview}");
    api.post("/api/v1/silences", &silence).await?;
    let quiet = json!({"title": "slow", "service": "checkout", "level": "P0"});
    let answer = api.post("/api/v1/alerts", &quiet).await?;
    let why = answer["alerts"][0]["suppressed"].as_str().context("suppressed")?;
    ensure!(why.contains("new disks"), "{why}");
    let loud = json!({"title": "lost", "service": "payment", "level": "P0"});
    api.post("/api/v1/alerts", &loud).await?;
    eventually("the alert that is not silenced to call ann", || async {
        Ok(calls(&taken.lock().unwrap(), "ann").next().map(|_| ()))
    })
    .await?;
    let reached = taken.lock().unwrap().clone();
    ensure!(calls(&reached, "ann").all(|page| page["data"]["service"] == "payment"), "{reached:?}");
    let alerts = api.get("/api/v1/alerts").await?;
    let counts = json!({"alerts": 2, "open": 2, "suppressed": 1, "received": 2});
    ensure!(alerts["foreign_counts"] == counts, "{}", alerts["foreign_counts"]);

    // Two alerts that were one by their key are taken apart by the label in which they differ.
    for host in ["a", "b"] {
        let one = json!({"title": "disk", "dedup_key": "disks", "service": "db", "labels": {"host": host}});
        api.post("/api/v1/alerts", &one).await?;
    }
    let alerts = api.get("/api/v1/alerts").await?;
    let foreign = alerts["foreign"].as_array().context("foreign")?;
    let merged = foreign.iter().find(|alert| alert["title"] == "disk").context("the disk")?;
    ensure!(merged["count"] == 2 && merged["differing_labels"] == json!(["host"]), "{merged}");
    ensure!(merged["fingerprint_rule"].as_str().is_some_and(|rule| rule.contains("dedup_key")), "{merged}");
    let fingerprint = merged["fingerprint"].as_str().context("fingerprint")?;
    let apart =
        api.post(&format!("/api/v1/alerts/{fingerprint}/separate"), &json!({"labels": ["host"]})).await?;
    ensure!(apart["fingerprints"].as_array().is_some_and(|made| made.len() == 2), "{apart}");
    node.stop().await
}

#[tokio::test]
async fn a_storm_calls_nobody_to_death_and_hides_no_p0() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let provider = Provider::start().await?;
    let node = Node::start(&folder.path().join("data"), &EGRESS).await?;
    node.api()?.apply(&documents(&provider.url)).await?;
    // A tenth of what `make bench-paging` sends, as fast as it is taken.
    let storm = Storm { alerts: 5_000, services: 50, over: Duration::ZERO };
    let ledger = storm.rage(&node, &provider).await?;
    println!("{ledger}");
    ensure!(ledger.received == ledger.sent as u64 && ledger.open == ledger.received, "{ledger}");
    ensure!(ledger.most.1 <= 10, "{ledger}");
    node.stop().await
}
