//! Masked secrets are nowhere: not in the journal, not in segments or indexes, not in an answer, not in the node's own log.

use std::path::Path;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, eventually, shared};
use serde_json::{Value, json};

/// What the rules below must find. None of it occurs in what a node writes by itself.
const CANARIES: [&str; 9] = [
    "4111111111111111",
    "5555 5555 5555 4444",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlMTIzNDU2",
    "correct-horse-battery",
    "canary.person@example.com",
    "A123456789",
    "0912-345-678",
    "CUST-004711",
];
const PASSWORD: &str = "correct-horse-battery";
/// Masked by nothing: it shows that the search for canaries would find one.
const CONTROL: &str = "control-canary-8731";

const RULES: &str = r"
apiVersion: nines/v1
kind: MaskingRules
metadata: {name: people}
spec:
  rules:
    - {find: email, action: hash}
    - {find: phone}
    - {find: national_id_tw}
    - {pattern: 'CUST-\d{6}', name: customer}
    - {everything: true, name: home, action: drop, fields: ['user.home_*']}
";

fn resource() -> Value {
    json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": "canaries"}},
        {"key": "deploy.password", "value": {"stringValue": "correct-horse-battery"}},
    ]})
}

/// Every canary in a body, in attributes of several types, and in what rows share.
fn logs() -> Value {
    // A password is only known by its name; every other canary by itself.
    let known: Vec<&str> = CANARIES.into_iter().filter(|canary| *canary != PASSWORD).collect();
    let text = format!("{CONTROL} {} password={PASSWORD}", known.join(" | "));
    let attributes = json!([
        {"key": "card", "value": {"intValue": "4111111111111111"}},
        {"key": "contact", "value": {"stringValue": "canary.person@example.com"}},
        {"key": "user.home_town", "value": {"stringValue": "canary.person@example.com"}},
        {"key": "nested", "value": {"kvlistValue": {"values": [
            {"key": "customer", "value": {"stringValue": "CUST-004711"}},
            {"key": "card", "value": {"intValue": "4111111111111111"}}
        ]}}},
        {"key": "raw", "value": {"bytesValue": "QUtJQUlPU0ZPRE5ON0VYQU1QTEU="}},
    ]);
    json!({"resourceLogs": [{"resource": resource(), "scopeLogs": [{"logRecords": [
        {"timeUnixNano": "0", "body": {"stringValue": text}, "attributes": attributes},
        {"timeUnixNano": "0", "body": {"stringValue": "mail of canary.person@example.com bounced"}},
    ]}]}]})
}

fn spans() -> Value {
    json!({"resourceSpans": [{"resource": resource(), "scopeSpans": [{"spans": [{
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "GET /pay/4111111111111111",
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000100000000",
        "attributes": [{"key": "http.url", "value": {"stringValue": "https://app:correct-horse-battery@pay.example/x"}}],
        "events": [{"name": "exception", "timeUnixNano": "1700000000050000000", "attributes": [
            {"key": "exception.message", "value": {"stringValue": "no card 5555 5555 5555 4444 of CUST-004711"}}
        ]}]
    }]}]}]})
}

async fn post(api: &Api, path: &str, body: &Value) -> anyhow::Result<u16> {
    api.status("POST", path, Some(("application/json", body.to_string().into_bytes()))).await
}

/// Which of `wanted` is in any file below `folder`, byte for byte.
fn found_in(folder: &Path, wanted: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(found_in(&path, wanted)?);
            continue;
        }
        // A file may go away while the node tidies up.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for text in wanted {
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(format!("{text} in {}", path.display()));
            }
        }
    }
    Ok(found)
}

/// Every stored field of every row, as text: what is compressed in a file is readable here.
async fn everything_stored(api: &Api) -> anyhow::Result<String> {
    let mut text = String::new();
    for table in ["logs", "spans"] {
        for row in api.sql(&format!("select * from {table}")).await? {
            text.push_str(&Value::from(row).to_string());
        }
    }
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_secret_is_in_no_byte_that_is_written() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    api.apply(RULES).await?;

    ensure!(post(&api, "/v1/logs", &logs()).await? == 200);
    ensure!(post(&api, "/v1/traces", &spans()).await? == 200);
    let line = json!({"message": format!("{CONTROL} canary.person@example.com"), "password": "correct-horse-battery"});
    ensure!(post(&api, "/api/v1/ingest/logs", &line).await? < 300);
    // What is refused must not be repeated in the log either.
    let broken = format!("{{\"message\": \"4111111111111111 {}\"", CANARIES[2]);
    let refused = api.status("POST", "/v1/logs", Some(("application/json", broken.into_bytes()))).await?;
    ensure!(refused == 400, "a broken body was answered {refused}");

    eventually("the lines are searchable", || async {
        Ok((api.sql_number("select count(*) from logs where \"service.name\" = 'canaries'").await? == 2.0)
            .then_some(()))
    })
    .await?;
    ensure!(!found_in(&data, &[CONTROL])?.is_empty(), "the journal is not where this test looks");
    let found = found_in(&data, &CANARIES)?;
    ensure!(found.is_empty(), "while hot: {found:?}");

    let rows = api
        .sql("select body, \"contact\" from logs where \"service.name\" = 'canaries' order by body")
        .await?;
    let bounced = rows[1][0].as_str().context("a body")?;
    let hash =
        bounced.strip_prefix("mail of ").and_then(|rest| rest.strip_suffix(" bounced")).context("a hash")?;
    ensure!(hash.starts_with("[email:") && hash.len() == "[email:0123456789abcdef]".len(), "{bounced}");
    ensure!(rows[0][1] == hash, "the same address has the same hash everywhere: {rows:?}");

    // Sealed, and read back by another process.
    node.stop().await?;
    let node = Node::start(&data, &[]).await?;
    let found = found_in(&data, &CANARIES)?;
    ensure!(found.is_empty(), "sealed: {found:?}");
    let stored = everything_stored(&node.api()?).await?;
    ensure!(
        stored.contains(CONTROL) && stored.contains("[payment_card]") && stored.contains("[customer]"),
        "{stored}"
    );
    for canary in CANARIES {
        ensure!(!stored.contains(canary), "{canary} is stored: {stored}");
    }
    ensure!(!stored.contains("home_town") || !stored.contains("canary.person"), "{stored}");
    node.stop().await?;
    let log = std::fs::read_to_string(data.with_extension("log"))?;
    for canary in CANARIES {
        ensure!(!log.contains(canary), "{canary} is in the node's own log");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_cannot_work_are_refused_when_they_are_applied() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    for (rule, reason) in [
        ("{pattern: 'a(', name: broken}", "unclosed group"),
        ("{find: emial}", "did you mean `email`?"),
        ("{everything: true, name: all}", "list its `fields`"),
        ("{find: email, pattern: 'x'}", "does not say one thing"),
    ] {
        let text = format!(
            "apiVersion: nines/v1\nkind: MaskingRules\nmetadata: {{name: a}}\nspec:\n  rules:\n    - {rule}\n"
        );
        let error = api.apply(&text).await.err().context("refused")?.to_string();
        ensure!(error.contains(reason), "{rule}: {error}");
    }
    node.stop().await
}
