//! A policy that does something before, and while, it calls somebody: at the level of whoever applied it, once for each
//! round, whatever happens to the process, and never in the way of the next person.

use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Browser, Node, eventually};
use serde_json::{Value, json};

use crate::oncall;
use crate::reports::receiver;

const EGRESS: [&str; 2] = ["--allow-egress", "127.0.0.0/8"];
const RUNBOOK: &str = "apiVersion: nines/v1
kind: Runbook
metadata: {name: rest-a-machine}
spec:
  parameters:
    - {name: machine, type: instance, description: the machine that rests}
  steps:
    - {name: stop, action: ec2.stop, with: {instanceIds: ['${machine}']}}
";

/// ann and bo, who are called after machines have tried.
fn documents(hook: &str, policy: &str) -> String {
    let all = oncall::documents(hook);
    let people = all.split("apiVersion: nines/v1\nkind: EscalationPolicy").next().unwrap_or_default();
    let other = "apiVersion: nines/v1\nkind: Service\nmetadata: {name: carts}\nspec: {owner: shop}\n---\n";
    format!("{people}{other}{policy}")
}

fn policy(first: &str) -> String {
    format!(
        "apiVersion: nines/v1
kind: EscalationPolicy
metadata: {{name: shop}}
spec:
  repeat: 1
  steps:
    - name: machines
      targets: [{first}]
      timeout: 5s
    - name: people
      targets: [{{person: ann}}]
      timeout: 8s
    - name: head
      targets: [{{person: bo}}]
      timeout: 10m
"
    )
}

async fn opened(sender: &Api, api: &Api, service: &str, title: &str) -> anyhow::Result<String> {
    let sent = json!({"title": title, "level": "P0", "service": service});
    sender.post("/api/v1/alerts", &sent).await?;
    eventually("an incident", || async {
        let open = api.get("/api/v1/incidents?state=open").await?;
        let all = open["incidents"].as_array().cloned().unwrap_or_default();
        let its = all.iter().find(|it| it["title"].as_str().is_some_and(|it| it.contains(title)));
        Ok(its.and_then(|incident| incident["id"].as_str().map(str::to_owned)))
    })
    .await
}

async fn told(api: &Api, incident: &str) -> anyhow::Result<Vec<String>> {
    let incident = api.get(&format!("/api/v1/incidents/{incident}")).await?;
    let entries = incident["timeline"].as_array().cloned().unwrap_or_default();
    Ok(entries.iter().map(|entry| entry["text"].as_str().unwrap_or_default().to_owned()).collect())
}

async fn says(api: &Api, incident: &str, words: &[&str]) -> anyhow::Result<()> {
    eventually(&format!("the timeline to say {words:?}"), || async {
        let told = told(api, incident).await?;
        Ok(told.iter().any(|text| words.iter().all(|word| text.contains(word))).then_some(()))
    })
    .await
}

async fn runs(api: &Api, incident: &str) -> anyhow::Result<Vec<Value>> {
    let runs = api.get(&format!("/api/v1/actions/runs?incident={incident}")).await?;
    Ok(runs["runs"].as_array().cloned().unwrap_or_default())
}

async fn ended(api: &Api, incident: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/incidents/{incident}");
    api.post(&format!("{path}/acknowledge"), &json!({})).await?;
    api.post(&format!("{path}/cancel"), &json!({"text": "a test"})).await?;
    Ok(())
}

#[tokio::test]
async fn a_policy_acts_at_its_owners_level_and_still_calls_the_next_person() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (hook, taken) = receiver().await?;
    let node = Node::start(&folder.path().join("data"), &EGRESS).await?;
    let api = node.api()?;
    let sender = Api::new(&node.addresses.http, &node.key("ingest.key")?);
    api.apply(RUNBOOK).await?;
    let first = "{action: runbook/rest-a-machine, with: {machine: i-00000000000000005}}, \
                 {action: asg.set_weight, with: {listener: shop, weights: {shop-blue: 80, shop-green: 20}}}, \
                 {action: ec2.stp, with: {}}";
    let applied = api.apply(&documents(&hook, &policy(first))).await?;
    ensure!(applied["warnings"].to_string().contains("did you mean `ec2.stop`?"), "{applied}");
    let last = policy("{person: ann}").replace("[{person: bo}]", "[{action: ec2.stop}]");
    let (status, refused) =
        api.call("POST", "/api/v1/apply", Some(("application/yaml", last.into()))).await?;
    ensure!(status == 400 && refused.to_string().contains("only calls actions"), "{status} {refused}");

    let incident = opened(&sender, &api, "checkout", "checkout is down").await?;
    says(&api, &incident, &["runbook/rest-a-machine", "of step machines", "started at the level of owner"])
        .await?;
    says(&api, &incident, &["asg.set_weight", "waits for a second person to approve it"]).await?;
    says(&api, &incident, &["ec2.stp", "not run", "there is no action"]).await?;
    eventually("bo to be called while an approval is waited for", || async {
        let calls = taken.lock().unwrap();
        Ok(calls.iter().any(|page| page["data"]["person"] == "bo").then_some(()))
    })
    .await?;
    let found = eventually("the run of the runbook to end well", || async {
        let found = runs(&api, &incident).await?;
        Ok(found.iter().any(|run| run["state"] == "done").then_some(found))
    })
    .await?;
    says(&api, &incident, &["operation:"]).await?;
    ensure!(found.len() == 2, "one run for each action that there is: {found:#?}");
    let waiting =
        found.iter().find(|run| run["plan"]["action"] == "asg.set_weight").context("the weights")?;
    ensure!(waiting["state"] == "waiting_for_approval", "{waiting:#}");
    ensure!(waiting["author"] == "escalation policy shop", "{waiting:#}");

    // Four eyes: those of whoever wrote the policy are the first two.
    let step =
        |step: &str| format!("/api/v1/actions/runs/{}/{step}", waiting["id"].as_str().unwrap_or_default());
    let approval = json!({"plan_hash": waiting["plan"]["hash"]});
    let body = |value: &Value| Some(("application/json", value.to_string().into_bytes()));
    let (status, refused) = api.call("POST", &step("approve"), body(&approval)).await?;
    ensure!(status == 403, "{status} {refused}");
    let lin = Browser::invited(&node, "lin", "admin").await?.terminal().await?;
    lin.post(&step("approve"), &approval).await?;
    eventually("the run to begin by itself once it is approved, and to end well", || async {
        let found = runs(&api, &incident).await?;
        Ok((found.len() == 2 && found.iter().all(|run| run["state"] == "done")).then_some(()))
    })
    .await?;
    says(&api, &incident, &["asg.set_weight", "started at the level of owner"]).await?;
    ended(&api, &incident).await?;

    // Whoever may not do it oneself does not get it done by a policy.
    let wu = Browser::invited(&node, "wu", "editor").await?.terminal().await?;
    wu.apply(&policy(
        "{action: asg.set_weight, with: {listener: shop, weights: {shop-blue: 70, shop-green: 30}}}",
    ))
    .await?;
    let second = opened(&sender, &api, "carts", "carts are empty").await?;
    says(&api, &second, &["asg.set_weight", "not run at the level of wu", "they may call what is protected"])
        .await?;
    ensure!(runs(&api, &second).await?.is_empty());
    ended(&api, &second).await?;
    node.stop().await
}

#[tokio::test]
async fn a_kill_between_order_and_run_starts_it_once() -> anyhow::Result<()> {
    /// Since the stop was lifted or the process before came up.
    const LIVES_MS: [u64; 4] = [300, 700, 1_100, 1_500];
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let (hook, _taken) = receiver().await?;
    let mut node = Node::start(&data, &EGRESS).await?;
    let api = node.api()?;
    let sender = Api::new(&node.addresses.http, &node.key("ingest.key")?);
    // Ordered, and not run: everything stands still.
    api.post("/api/v1/actions/stop", &json!({"reason": "to kill it before it runs"})).await?;
    let first = "{action: ec2.stop, with: {instanceIds: [i-00000000000000006]}}, {person: bo}";
    let waiting = policy(first).replace("timeout: 5s", "timeout: 10m");
    api.apply(&documents(&hook, &waiting)).await?;
    let incident = opened(&sender, &api, "checkout", "checkout is down").await?;
    says(&api, &incident, &["ec2.stop", "cannot be run yet", "to kill it before it runs"]).await?;
    node.kill().await?;
    node = Node::start(&data, &EGRESS).await?;
    ensure!(node.api()?.call("DELETE", "/api/v1/actions/stop", None).await?.0 == 204);
    for life in LIVES_MS {
        tokio::time::sleep(Duration::from_millis(life)).await;
        node.kill().await?;
        node = Node::start(&data, &EGRESS).await?;
    }
    let api = node.api()?;
    let found = eventually("the run to end well", || async {
        let found = runs(&api, &incident).await?;
        Ok(found.iter().any(|run| run["state"] == "done").then_some(found))
    })
    .await?;
    ensure!(found.len() == 1, "{found:#?}");

    // The step is asked for once more in the same round: what was done is not done again.
    let path = format!("/api/v1/incidents/{incident}");
    api.post(&format!("{path}/acknowledge"), &json!({})).await?;
    eventually("the order to be done", || async {
        let told = api.get(&path).await?;
        Ok((told["escalation"]["phase"] == "acknowledged").then_some(()))
    })
    .await?;
    ensure!(runs(&api, &incident).await?.len() == 1);
    node.stop().await
}
