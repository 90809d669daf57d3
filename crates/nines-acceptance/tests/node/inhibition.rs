//! An outage below explains the alerts above: they are held while its incident is open, say why, are counted, and are told
//! when it is resolved.

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, eventually};
use serde_json::{Value, json};

use crate::reports::receiver;

const DOCUMENTS: &str = "apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {owner: desk, dependencies: [cart]}
---
apiVersion: nines/v1
kind: Service
metadata: {name: cart}
spec: {owner: desk, dependencies: [db]}
---
apiVersion: nines/v1
kind: Channel
metadata: {name: hook}
spec: {type: webhook, url: 'HOOK/page'}
---
apiVersion: nines/v1
kind: Team
metadata: {name: desk}
spec: {channels: [hook], firstLine: true}
";

async fn alert(api: &Api, fingerprint: &str) -> anyhow::Result<(Value, Value)> {
    let answer = api.get("/api/v1/alerts").await?;
    let all = answer["foreign"].as_array().cloned().unwrap_or_default();
    let found = all.into_iter().find(|alert| alert["fingerprint"] == fingerprint);
    Ok((found.context("the alert is listed")?, answer["foreign_counts"].clone()))
}

#[tokio::test]
async fn an_open_incident_below_holds_alerts_above_and_lets_them_go() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let (hook, _taken) = receiver().await?;
    let egress = ["--allow-egress", "127.0.0.0/8"];
    let node = Node::start(&data, &egress).await?;
    let api = node.api()?;
    api.apply(&DOCUMENTS.replace("HOOK", &hook)).await?;
    // Somebody reports it: no alert stands behind it.
    let report = json!({
        "level": "P1", "class": "S1", "service": "db", "scope": "all", "status": "no answers",
        "started_at": "2026-11-21T08:00:00Z", "progress": "asking",
    });
    let incident = api.post("/api/v1/incidents", &report).await?;
    let incident = incident["id"].as_str().context("an id")?.to_owned();
    let sent = json!({"title": "shop is slow", "level": "P1", "service": "shop"});
    let why = format!("shop needs cart needs db: incident {incident} explains it");
    // The desk looks at incidents once a second, so an alert of the same second may still be told: another one is sent.
    let mut number = 0;
    let held = eventually("an alert that is held by the incident", || {
        number += 1;
        let mut sent = sent.clone();
        sent["dedup_key"] = json!(format!("slow-{number}"));
        let api = &api;
        let why = &why;
        async move {
            let answer = api.post("/api/v1/alerts", &sent).await?;
            let one = &answer["alerts"][0];
            Ok((one["suppressed"] == **why)
                .then(|| one["fingerprint"].as_str().unwrap_or_default().to_owned()))
        }
    })
    .await?;
    let (shown, counts) = alert(&api, &held).await?;
    ensure!(shown["suppressed"] == why && shown["state"] == "firing", "{shown:#}");
    ensure!(counts["suppressed"].as_u64() >= Some(1), "it is not counted: {counts}");
    // A P0 is told whatever explains it, and what nobody needs explains nothing.
    for (level, service) in [("P0", "shop"), ("P1", "mail")] {
        let told = json!({"title": "down", "level": level, "service": service});
        let answer = api.post("/api/v1/alerts", &told).await?;
        ensure!(answer["alerts"][0]["suppressed"].is_null(), "{level} {service}: {answer}");
    }
    // A restart forgets none of it.
    node.kill().await?;
    let node = Node::start(&data, &egress).await?;
    let api = node.api()?;
    ensure!(alert(&api, &held).await?.0["suppressed"] == why);

    let path = format!("/api/v1/incidents/{incident}");
    api.post(&format!("{path}/confirm"), &json!({"level": "P1"})).await?;
    api.post(&format!("{path}/resolve"), &json!({"text": "it answers again"})).await?;
    eventually("the alert to be told once the incident is over", || async {
        let (shown, _) = alert(&api, &held).await?;
        Ok((shown["suppressed"].is_null() && shown["incident"].is_string()).then_some(()))
    })
    .await?;
    node.stop().await
}
