//! An outage below explains the alerts above: they are held while its incident is open, say why, are counted, and are told
//! when it is resolved.

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, Provider, Spans, alone, eventually};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
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

/// Two services that need `db`: ann is called about `shop` by a policy, `mail` has the channel of its team alone.
fn promises(hook: &str) -> String {
    let promise = |service: &str| {
        format!(
            "---\napiVersion: nines/v1\nkind: Service\nmetadata: {{name: {service}}}\n\
             spec: {{owner: {service}, dependencies: [db]}}\n---\n\
             apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: {service}-hook}}\n\
             spec: {{type: webhook, url: '{hook}/{service}'}}\n---\n\
             apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {service}-availability}}\nspec:\n  service: {service}\n\
             \x20 indicator:\n    metadata: {{name: {service}-sli}}\n    spec:\n      ratioMetric:\n\
             \x20       bad: {{metricSource: {{type: nines, spec: {{dataset: spans, filter: 'service.name: {service} and status_code: error'}}}}}}\n\
             \x20       total: {{metricSource: {{type: nines, spec: {{dataset: spans, filter: 'service.name: {service}'}}}}}}\n\
             \x20 timeWindow: [{{duration: 30d, isRolling: true}}]\n  budgetingMethod: Occurrences\n\
             \x20 objectives: [{{target: 0.999}}]\n"
        )
    };
    "apiVersion: nines/v1\nkind: PersonalRules\nmetadata: {name: ann}\nspec: {high: [{channel: shop-hook}], low: []}\n---\n\
     apiVersion: nines/v1\nkind: Team\nmetadata: {name: shop}\nspec: {members: [ann]}\n---\n\
     apiVersion: nines/v1\nkind: EscalationPolicy\nmetadata: {name: shop}\n\
     spec: {steps: [{name: on call, targets: [{person: ann}], timeout: 30m}]}\n---\n\
     apiVersion: nines/v1\nkind: Team\nmetadata: {name: mail}\nspec: {channels: [mail-hook]}\n"
        .to_owned()
        + &promise("shop")
        + &promise("mail")
}

#[tokio::test]
async fn an_open_incident_below_holds_the_calls_of_promises_above() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    let (api, provider) = (node.api()?, Provider::start().await?);
    api.apply(&promises(&provider.url)).await?;
    let report = json!({
        "level": "P1", "class": "S1", "service": "db", "scope": "all", "status": "no answers",
        "started_at": "2026-11-21T08:00:00Z", "progress": "asking",
    });
    let cause = api.post("/api/v1/incidents", &report).await?;
    let cause = cause["id"].as_str().context("an id")?.to_owned();
    let client = TraceServiceClient::connect(node.addresses.otlp_grpc.clone()).await?;
    let clock = nines_base::SystemClock::shared();
    let mut first = 0;
    let mut incidents = Vec::new();
    for service in ["shop", "mail"] {
        // A fifth of what it answers is an error, so it is a P1: what fails altogether is held by nothing.
        let why = format!("{service} needs db: incident {cause} explains it");
        let (client, api) = (&client, &api);
        let held: std::sync::Mutex<Option<String>> = std::sync::Mutex::default();
        eventually("an incident that says why nobody is called", || {
            first += 500;
            let at = u64::try_from(clock.now().as_nanos()).unwrap_or(0);
            let (fail_every, first, why, held) = (5, first, &why, &held);
            async move {
                Spans { service, first, count: 500, at, fail_every }.send(&mut client.clone()).await?;
                let all = api.get("/api/v1/incidents").await?;
                let all = all["incidents"].as_array().cloned().unwrap_or_default();
                let Some(found) = all.into_iter().find(|one| one["service"] == service) else {
                    return Ok(None);
                };
                let id = found["id"].as_str().context("an id")?.to_owned();
                let shown = api.get(&format!("/api/v1/incidents/{id}")).await?;
                ensure!(shown["incident"]["level"] == "P1", "{shown:#}");
                *held.lock().unwrap() = Some(id);
                let is_held = shown["timeline"].to_string().contains(why.as_str());
                Ok(is_held.then_some(()))
            }
        })
        .await?;
        incidents.extend(held.into_inner().unwrap());
    }
    let shown = api.get(&format!("/api/v1/incidents/{}", incidents[0])).await?;
    let escalation = &shown["escalation"];
    ensure!(escalation["phase"] == "held", "{escalation:#}");
    ensure!(
        escalation["held_by"].as_str().is_some_and(|why| why.contains("shop needs db")),
        "{escalation:#}"
    );
    let about = |service: &'static str| {
        let provider = &provider;
        async move {
            let taken = provider.taken().await;
            taken.iter().filter(|(_, page)| page.to_string().contains(&format!("\"{service}\""))).count()
        }
    };
    ensure!(about("shop").await == 0 && about("mail").await == 0, "{:?}", provider.taken().await);

    let path = format!("/api/v1/incidents/{cause}");
    api.post(&format!("{path}/confirm"), &json!({"level": "P1"})).await?;
    api.post(&format!("{path}/resolve"), &json!({"text": "it answers again"})).await?;
    eventually("both to be told once the cause is gone", || async {
        Ok((about("shop").await > 0 && about("mail").await > 0).then_some(()))
    })
    .await?;
    ensure!(provider.called("ann", "shop").await.is_some(), "the policy calls");
    node.stop().await
}
