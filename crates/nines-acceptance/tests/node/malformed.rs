//! Bad input gets a precise 4xx and changes nothing.

use std::path::Path;

use anyhow::Context;
use nines_acceptance::{Api, Node, shared, workspace_root};
use serde_json::{Value, json};

#[tokio::test]
async fn malformed_input_of_every_kind_is_refused_precisely_and_changes_nothing() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    // With no rows at all, some mistakes in expressions are never met.
    api.post("/api/v1/changes", &json!({ "title": "a row", "kind": "deploy", "service": "checkout" }))
        .await?;
    let row = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [{ "timeUnixNano": "1795305600000000000", "body": { "stringValue": "x" } }] }] }] });
    api.call("POST", "/v1/logs", Some(("application/json", row.to_string().into_bytes()))).await?;
    let before = state(&api).await?;
    let mut faults = Vec::new();
    let mut tried = 0;
    for (kind, method, path, content_type, body) in corpus()? {
        tried += 1;
        let (status, answer) = api.call(method, &path, Some((content_type, body.clone()))).await?;
        let precise = answer["code"].is_string()
            && answer["detail"].as_str().is_some_and(|detail| detail.len() > 8)
            || kind == "otlp" && status == 400;
        if !(400..500).contains(&status) || !precise {
            faults.push(format!(
                "{kind}: {:?}: {status} {answer}",
                String::from_utf8_lossy(&body[..body.len().min(120)])
            ));
        }
    }
    let after = state(&api).await?;
    println!("{tried} malformed inputs refused");
    assert!(faults.is_empty(), "{} of {tried}: {faults:#?}", faults.len());
    assert_eq!(before, after, "a refused input changed something");
    assert!(tried >= 300, "only {tried} inputs were tried");
    node.stop().await
}

/// What must not change: rows and declared objects.
async fn state(api: &Api) -> anyhow::Result<(Vec<f64>, Value)> {
    let mut rows = Vec::new();
    for table in ["logs", "spans", "metrics", "changes"] {
        rows.push(api.sql_number(&format!("select count(*) from {table}")).await?);
    }
    Ok((rows, api.get("/api/v1/objects").await?))
}

type Case = (&'static str, &'static str, String, &'static str, Vec<u8>);

fn corpus() -> anyhow::Result<Vec<Case>> {
    let root = workspace_root();
    let mut cases: Vec<Case> = Vec::new();
    for filter in last_column(&root.join("crates/nines-filter/tests/filter/malformed.txt"), 3)? {
        let body = json!({ "dataset": "spans", "filter": filter }).to_string().into_bytes();
        cases.push(("filter", "POST", "/api/v1/search".to_owned(), "application/json", body));
    }
    for query in last_column(&root.join("crates/nines-query/tests/query/malformed.txt"), 2)? {
        cases.push((
            "sql",
            "POST",
            "/api/v1/sql".to_owned(),
            "application/json",
            json!({ "query": query }).to_string().into_bytes(),
        ));
    }
    for yaml in yaml_documents(&root)? {
        cases.push(("yaml", "POST", "/api/v1/apply".to_owned(), "application/yaml", yaml.into_bytes()));
    }
    let span = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"x"}]}]}]}"#;
    for length in 1..span.len() {
        cases.push(("otlp", "POST", "/v1/traces".to_owned(), "application/json", span[..length].to_vec()));
    }
    for body in [
        "",
        "null",
        "[]",
        "{",
        "{\"query\": 1}",
        "{\"query\": null}",
        "\"x\"",
        "{\"limit\": -1, \"query\": \"select 1\"}",
    ] {
        cases.push(("json", "POST", "/api/v1/sql".to_owned(), "application/json", body.as_bytes().to_vec()));
    }
    Ok(cases)
}

/// The inputs of a corpus file whose lines have this many columns, the input last.
fn last_column(path: &Path, columns: usize) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(path)?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    Ok(lines.filter_map(|line| line.splitn(columns, '\t').nth(columns - 1)).map(str::to_owned).collect())
}

/// The corpus of the SLO crate: good documents with one edit each (`-` what stood there, `+` what stands there instead),
/// or whole texts (`|`).
fn yaml_documents(root: &Path) -> anyhow::Result<Vec<String>> {
    let folder = root.join("crates/nines-slo/tests/slo");
    let bases = std::fs::read_to_string(folder.join("bases.txt"))?;
    let base = |name: &str| {
        let found = bases.split("## ").find(|part| part.lines().next() == Some(name));
        found.and_then(|part| part.split_once('\n')).map(|(_, text)| text.to_owned())
    };
    let corpus = std::fs::read_to_string(folder.join("malformed.txt"))?;
    let mut documents = Vec::new();
    for block in corpus.split("\n## ").skip(1) {
        let mut text = String::new();
        let (mut from, mut to) = (None::<String>, Vec::new());
        let edit = |text: &mut String, from: &mut Option<String>, to: &mut Vec<String>| {
            if let Some(from) = from.take() {
                *text = text.replacen(&from, &to.join("\n"), 1);
            }
            to.clear();
        };
        for line in block.lines().skip(1) {
            let (mark, rest) = line.split_at_checked(1).unwrap_or_default();
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match mark {
                "b" => {
                    text = base(line.trim_start_matches("base ").trim()).context("a case names its base")?
                }
                "|" => text.push_str(&format!("{rest}\n")),
                "-" => {
                    edit(&mut text, &mut from, &mut to);
                    from = Some(rest.replace("\\n", "\n"));
                }
                "+" => to.push(rest.replace("\\n", "\n")),
                _ => {}
            }
        }
        edit(&mut text, &mut from, &mut to);
        documents.push(text);
    }
    Ok(documents)
}
