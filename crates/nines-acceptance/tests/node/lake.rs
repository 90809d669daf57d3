//! Other engines read the segments as they lie: DuckDB attaches the catalog as a DuckLake and finds what SQL found.

use std::path::Path;

use anyhow::{Context, ensure};
use nines_acceptance::{Node, client, run_tool, shared, workspace_root};
use serde_json::{Value, json};

/// What DuckDB answers to each query.
async fn duckdb(data: &Path, queries: &[&str]) -> anyhow::Result<Vec<Value>> {
    let root = workspace_root();
    let data = data.to_str().context("a temporary folder has a plain name")?;
    let arguments: Vec<&str> = ["tests/lake/query.py", data].iter().chain(queries).copied().collect();
    let answer = run_tool(root.join("target/lake-venv/bin/python"), &arguments, &root).await?;
    answer.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Lines of one service, whose attributes differ in number and in kind from those of the next.
fn lines(service: &str, first: i64, count: i64, attribute: &str) -> String {
    let line = |i: i64| {
        json!({
            "@timestamp": format!("2026-11-20T{:02}:{:02}:00.{:06}Z", i / 60 % 24, i % 60, i),
            "service.name": service, "message": format!("request {i} took {} ms", i * 7 % 900),
            attribute: i, "even": i % 2 == 0, "Even": format!("{}", i % 2 == 0), "share": i as f64 / 8.0,
        })
    };
    (first..first + count).map(|i| format!("{}\n", line(i))).collect()
}

#[tokio::test]
async fn duckdb_reads_the_segments_as_they_lie() -> anyhow::Result<()> {
    let _machine = shared().await;
    run_tool("/bin/sh", &["tests/lake/setup.sh"], &workspace_root()).await?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    // The second start adds columns that files of the first do not have.
    for (service, first, attribute) in [("checkout", 0, "order.id"), ("search", 700, "hits")] {
        let node = Node::start(&data, &[]).await?;
        let sent = client()
            .post(format!("{}/api/v1/ingest/logs", node.addresses.http))
            .bearer_auth(node.key("ingest.key")?)
            .header("content-type", "application/x-ndjson")
            .body(lines(service, first, 700, attribute))
            .send()
            .await?;
        let status = sent.status();
        ensure!(status.is_success(), "{status}: {}", sent.text().await?);
        node.stop().await?;
    }
    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    let queries = [
        "select count(*), sum(\"order.id\"), sum(hits), sum(share), sum(case when even then 1 else 0 end) from {}",
        "select \"service.name\", count(*), max(body) from {} group by 1 order by 1",
        "select count(*) from {} where timestamp < '2026-11-20T02:00:00Z' and hits is null",
        "select count(*) from {} where \"service.name\" = 'search' and \"order.id\" is not null",
        "select count(*), min(extract(epoch from timestamp)) from {}",
    ];
    let mut expected = Vec::new();
    for query in queries {
        expected.push(api.sql(&query.replace("{}", "logs")).await?);
    }
    node.stop().await?;
    let asked: Vec<String> = queries.map(|query| query.replace("{}", "nines.logs")).into();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    for ((query, nines), duckdb) in queries.iter().zip(&expected).zip(duckdb(&data, &asked).await?) {
        println!("{query}: {duckdb}");
        ensure!(numbers(&json!(nines)) == numbers(&duckdb), "{query}: {nines:?}, but DuckDB says {duckdb}");
    }

    // As of the first start's last seal, the second's lines are not there; a file that is out of range is not opened.
    let snapshots =
        duckdb(&data, &["select snapshot_id from nines.snapshots() where snapshot_id > 0 order by 1"])
            .await?;
    let first = snapshots[0][0][0].as_i64().context("a snapshot")?;
    let then = format!("select count(*) from nines.logs at (version => {first})");
    let plan = "explain analyze select count(*) from nines.logs where timestamp > '2027-01-01T00:00:00Z'";
    let answers = duckdb(&data, &[&then, plan]).await?;
    ensure!(answers[0] == json!([[700]]), "{}", answers[0]);
    let plan = answers[1].to_string();
    ensure!(plan.contains("Total Files Read: 0"), "{plan}");
    Ok(())
}

/// Both engines' numbers as such, however they are written.
fn numbers(answer: &Value) -> Vec<Vec<String>> {
    let cell = |cell: &Value| {
        let number = cell.as_f64().or_else(|| cell.as_str()?.parse().ok());
        number.map_or_else(|| cell.to_string(), |number| number.to_string())
    };
    let rows = answer.as_array().into_iter().flatten();
    rows.map(|row| row.as_array().into_iter().flatten().map(cell).collect()).collect()
}
