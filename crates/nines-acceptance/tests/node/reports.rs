//! A person's report reaches people, moves by the clock, and leaves its trace in the audit log.

use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use nines_acceptance::{Api, Node, eventually, shared};
use serde_json::{Value, json};

pub type Taken = Arc<Mutex<Vec<Value>>>;

/// A webhook receiver that keeps what it is sent.
pub async fn receiver() -> anyhow::Result<(String, Taken)> {
    let taken = Taken::default();
    let keep = |State(taken): State<Taken>, body: String| async move {
        taken.lock().unwrap().push(serde_json::from_str(&body).unwrap_or(Value::String(body)));
        StatusCode::OK
    };
    let router = axum::Router::new().route("/{name}", post(keep)).with_state(taken.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, taken))
}

fn people(hook: &str) -> String {
    format!(
        "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: desk-hook}}\n\
         spec: {{type: webhook, url: '{hook}/desk'}}\n---\n\
         apiVersion: nines/v1\nkind: Team\nmetadata: {{name: desk}}\n\
         spec: {{members: [lin], channels: [desk-hook], firstLine: true}}\n"
    )
}

fn report() -> Value {
    json!({
        "level": "P1", "class": "S1", "service": "loyalty", "scope": "members in Taipei",
        "status": "points are not added", "started_at": "2026-11-21T08:00:00Z", "progress": "asking the team",
    })
}

#[tokio::test]
async fn a_report_on_a_service_without_a_promise_reaches_the_first_line() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    let api = Api::new(&node.addresses.http, &node.key("owner.key")?);

    // Nobody is there to be told yet, and the timeline says so.
    let unheard = api.post("/api/v1/incidents", &report()).await?;
    let id = unheard["id"].as_str().context("id")?.to_owned();
    eventually("the timeline to say that nobody was told", || async {
        let incident = api.get(&format!("/api/v1/incidents/{id}")).await?.to_string();
        Ok(incident.contains("nobody was told").then_some(()))
    })
    .await?;

    let (hook, taken) = receiver().await?;
    api.apply(&people(&hook)).await?;
    let heard = api.post("/api/v1/incidents", &report()).await?;
    let id = heard["id"].as_str().context("id")?.to_owned();
    let page = eventually("the page about the report", || async {
        Ok(taken.lock().unwrap().iter().find(|page| page["data"]["incident"] == id.as_str()).cloned())
    })
    .await?;
    ensure!(page["type"] == "incident.opened", "{page}");
    ensure!(page["data"]["level"] == "P1" && page["data"]["service"] == "loyalty", "{page}");
    ensure!(page["data"]["next_update_at"] == heard["next_update_at"], "{page}");
    eventually("the timeline to say who was told", || async {
        let incident = api.get(&format!("/api/v1/incidents/{id}")).await?.to_string();
        Ok(incident.contains("told desk-hook").then_some(()))
    })
    .await?;
    node.stop().await
}

#[tokio::test]
async fn sign_ins_changes_and_refusals_are_in_an_unbroken_audit_log() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let owner = Api::new(&node.addresses.http, &node.key("owner.key")?);
    let key = json!({"name": "board", "role": "viewer"});
    let viewer = owner.post("/api/v1/keys", &key).await?;
    let secret = viewer["secret"].as_str().context("secret")?.to_owned();
    let incident = owner.post("/api/v1/incidents", &report()).await?;
    let id = incident["id"].as_str().context("id")?;
    owner.post(&format!("/api/v1/incidents/{id}/acknowledge"), &json!({})).await?;
    let dry_run = Some(("application/yaml", people("http://127.0.0.1:1").into_bytes()));
    owner.call("POST", "/api/v1/apply?dry_run=true", dry_run).await?;
    owner.apply(&people("http://127.0.0.1:1")).await?;
    let stranger = Api::new(&node.addresses.http, &secret);
    ensure!(stranger.status("GET", "/api/v1/audit", None).await? == 403);
    let sign_in = json!({ "key": secret }).to_string().into_bytes();
    stranger.call("POST", "/api/v1/session", Some(("application/json", sign_in))).await?;

    let log = owner.get("/api/v1/audit").await?;
    let entries = log["entries"].as_array().context("entries")?;
    let told: Vec<[&str; 3]> = entries
        .iter()
        .map(|entry| ["actor", "action", "result"].map(|field| entry[field].as_str().unwrap_or("")))
        .collect();
    let owner_name = told[0][0];
    let expected = [
        [owner_name, "key.create", "done"],
        [owner_name, "incident.report", "done"],
        [owner_name, "incident.step", "done"],
        [owner_name, "objects.apply", "done"],
        ["board", "route.audit", "denied"],
        ["board", "session.sign_in", "done"],
    ];
    ensure!(told == expected, "{told:#?}");
    ensure!(entries[3]["details"].as_str().is_some_and(|text| text.contains("Team/desk created")), "{log}");
    ensure!(entries.iter().all(|entry| !entry["address"].as_str().unwrap_or("").is_empty()), "{log}");
    ensure!(!log.to_string().contains(&secret), "the secret is in the audit log");
    let verdict = owner.get("/api/v1/audit/verify").await?;
    ensure!(verdict == json!({"intact": true, "entries": 6}), "{verdict}");
    node.stop().await
}
