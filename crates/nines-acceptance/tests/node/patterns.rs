//! Patterns of the lines that a node took in: over all of them, over a filter, and across a restart.

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, eventually, shared};
use serde_json::{Value, json};

fn record(body: &str, severity: u8) -> Value {
    json!({"timeUnixNano": "0", "severityNumber": severity, "body": {"stringValue": body}})
}

async fn send(api: &Api, service: &str, records: &[Value]) -> anyhow::Result<()> {
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    let body = json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]});
    let status =
        api.status("POST", "/v1/logs", Some(("application/json", body.to_string().into_bytes()))).await?;
    ensure!(status == 200, "logs were answered {status}");
    Ok(())
}

fn told(answer: &Value) -> Vec<(String, u64)> {
    let patterns = answer["patterns"].as_array().cloned().unwrap_or_default();
    let one = |pattern: &Value| {
        (
            pattern["template"].as_str().unwrap_or_default().to_owned(),
            pattern["count"].as_u64().unwrap_or_default(),
        )
    };
    patterns.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_are_counted_and_keep_their_ids() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    let mut records: Vec<Value> =
        (0..40).map(|n| record(&format!("order {n} stored in {} ms", n * 7), 9)).collect();
    for user in ["ann", "bob", "cleo", "dan", "eve"] {
        records
            .push(record(&format!("2024-05-01 12:30:01 WARN auth.Login: wrong password of user {user}"), 13));
    }
    send(&api, "shop", &records).await?;
    send(&api, "bank", &[record("cannot decode rune at byte 17", 17)]).await?;

    let answer = api.get("/api/v1/patterns").await?;
    let expected = [
        ("order <num> stored in <duration>".to_owned(), 40),
        ("wrong password of user <*>".to_owned(), 5),
        ("cannot decode rune at byte <num>".to_owned(), 1),
    ];
    ensure!(told(&answer) == expected, "{answer}");
    ensure!(answer["lines"] == 46 && answer["found"] == 3 && answer["sampled"] == false, "{answer}");
    let order = &answer["patterns"][0];
    ensure!(
        order["services"] == json!([{"name": "shop", "count": 40}]) && order["severity_number"] == 9,
        "{order}"
    );
    let trend: u64 = order["trend"].as_array().context("a trend")?.iter().filter_map(Value::as_u64).sum();
    ensure!(trend == 40, "{order}");

    // The pattern's own filter leads to its lines.
    let filter = order["filter"].as_str().context("a filter")?;
    let search = json!({"dataset": "logs", "filter": filter, "limit": 100});
    let found = api.post("/api/v1/search", &search).await?;
    ensure!(found["rows"].as_array().is_some_and(|rows| rows.len() == 40), "{filter}: {found}");

    let bank = api.get("/api/v1/patterns?filter=service.name%3Abank").await?;
    ensure!(told(&bank) == expected[2..], "{bank}");
    let (status, _) = api.send("GET", "/api/v1/patterns?limit=0", &[], Vec::new()).await?;
    ensure!(status == 400);

    let ids = |answer: &Value| -> Vec<Value> {
        answer["patterns"].as_array().into_iter().flatten().map(|pattern| pattern["id"].clone()).collect()
    };
    node.stop().await?;
    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    let again = eventually("the same patterns after a restart", || async {
        let again = api.get("/api/v1/patterns").await?;
        Ok((told(&again) == expected).then_some(again))
    })
    .await?;
    ensure!(ids(&again) == ids(&answer), "{again}");
    node.stop().await
}
