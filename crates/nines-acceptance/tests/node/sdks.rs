//! The official Python and Node SDKs send 100 000 items of each protocol; SQL finds exactly those, value by value.

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, run_tool, shared, workspace_root};
use serde_json::Value;

#[tokio::test]
async fn counts_and_values_in_sql_are_exactly_those_that_the_sdks_sent() -> anyhow::Result<()> {
    let _machine = shared().await;
    let root = workspace_root();
    run_tool("/bin/sh", &["tests/otlp/setup.sh"], &root).await?;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let senders: [(&str, Vec<&str>); 2] =
        [("target/otlp-venv/bin/python", vec!["tests/otlp/send.py"]), ("node", vec!["tests/otlp/send.mjs"])];
    let mut checked = 0;
    for (program, mut arguments) in senders {
        arguments.extend(["--grpc", &node.addresses.otlp_grpc, "--http", &node.addresses.otlp_http]);
        let program =
            if program.contains('/') { root.join(program).into_os_string() } else { program.into() };
        let answer: Value = serde_json::from_str(&run_tool(program, &arguments, &root).await?)?;
        for sent in answer["sent"].as_array().context("the sender says what it sent")? {
            check(&api, sent).await.with_context(|| format!("{} by {}", sent["client"], sent["protocol"]))?;
            checked += 1;
        }
    }
    ensure!(checked >= 4, "only {checked} protocols were sent");
    node.stop().await
}

async fn check(api: &Api, sent: &Value) -> anyhow::Result<()> {
    let service = sent["service"].as_str().context("a service")?;
    let of = |table: &str, what: &str, more: &str| {
        format!("select {what} from {table} where \"service.name\" = '{service}'{more}")
    };
    let expectations = [
        (of("spans", "count(*)", ""), &sent["spans"]["count"]),
        (of("spans", "count(distinct span_id)", ""), &sent["spans"]["count"]),
        (of("spans", "sum(i)", ""), &sent["spans"]["sum_i"]),
        (of("spans", "sum(f)", ""), &sent["spans"]["sum_f"]),
        (of("spans", "sum(duration_ns)", ""), &sent["spans"]["sum_duration_ns"]),
        (of("spans", "count(*)", " and status_code = 'error'"), &sent["spans"]["errors"]),
        (of("logs", "count(*)", ""), &sent["logs"]["count"]),
        (of("logs", "sum(i)", ""), &sent["logs"]["sum_i"]),
        (of("logs", "sum(f)", ""), &sent["logs"]["sum_f"]),
        (of("logs", "count(*)", " and severity_number between 13 and 16"), &sent["logs"]["warnings"]),
        (of("metrics", "count(*)", ""), &sent["points"]["count"]),
        (of("metrics", "sum(i)", ""), &sent["points"]["sum_i"]),
        (of("metrics", "sum(value)", ""), &sent["points"]["sum_value"]),
    ];
    for (query, expected) in expectations {
        // A sender that does not tell a figure leaves it out.
        let Some(expected) = expected.as_f64() else { continue };
        let found = api.sql_number(&query).await?;
        ensure!(found == expected, "{query}: {found}, but {expected} was sent");
    }
    println!(
        "{service}: {} spans, {} logs, {} points as sent",
        sent["spans"]["count"], sent["logs"]["count"], sent["points"]["count"]
    );
    Ok(())
}
