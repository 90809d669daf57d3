//! Real clients of on call: Prometheus firing a rule, `amtool`, PagerDuty's SDK, a parser of calendars.

use std::process::Stdio;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, eventually, run_tool, shared, workspace_root};
use serde_json::{Value, json};

use crate::oncall::documents;
use crate::reports::receiver;

#[tokio::test]
async fn prometheus_amtool_pagerduty_and_a_calendar_are_served_as_they_expect() -> anyhow::Result<()> {
    let _machine = shared().await;
    let root = workspace_root();
    run_tool("/bin/sh", &["tests/oncall/setup.sh"], &root).await?;
    let folder = tempfile::tempdir()?;
    let (hook, _taken) = receiver().await?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    let api = node.api()?;
    api.apply(&documents(&hook)).await?;
    prometheus(&node, &api, folder.path()).await.context("Prometheus")?;
    amtool(&node, &api, folder.path()).await.context("amtool")?;
    python(&node, &api, &root).await.context("Python")?;
    node.stop().await
}

/// A rule that always holds, evaluated each second, with our address as its Alertmanager.
async fn prometheus(node: &Node, api: &Api, folder: &std::path::Path) -> anyhow::Result<()> {
    let host = node.addresses.http.trim_start_matches("http://");
    let key = node.key("ingest.key")?;
    let rules = "groups:\n- name: test\n  rules:\n  - alert: AlwaysOn\n    expr: vector(1)\n    \
                 labels: {severity: critical, service: checkout}\n    \
                 annotations: {summary: it is on, runbook_url: 'https://runbooks.example/on'}\n";
    let config = format!(
        "global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n  \
         - path_prefix: /alertmanager\n    authorization: {{credentials: '{key}'}}\n    \
         static_configs: [{{targets: ['{host}']}}]\n"
    );
    write(&folder.join("rules.yml"), rules)?;
    write(&folder.join("prometheus.yml"), &config)?;
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("prometheus.log"))?;
    let mut prometheus = nines_base::spawn::program("prometheus")
        .args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=tsdb",
            "--web.listen-address=127.0.0.1:0",
        ])
        // The first evaluation is before it knows its Alertmanagers; by default it sends again a minute later.
        .arg("--rules.alert.resend-delay=2s")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("prometheus could not be started: run `scripts/tools test`")?;
    let alert = eventually("Prometheus' alert", || async {
        let alerts = api.get("/api/v1/alerts").await?;
        let foreign = alerts["foreign"].as_array().cloned().unwrap_or_default();
        Ok(foreign.into_iter().find(|alert| alert["labels"]["alertname"] == "AlwaysOn"))
    })
    .await;
    prometheus.kill().await?;
    let alert = alert?;
    ensure!(alert["level"] == "P0" && alert["service"] == "checkout", "{alert}");
    ensure!(alert["source"] == "alertmanager" && alert["title"] == "AlwaysOn: it is on", "{alert}");
    ensure!(alert["links"].to_string().contains("runbooks.example"), "{alert}");
    eventually("its incident", || async {
        let open = api.get("/api/v1/incidents?state=open").await?;
        Ok(open["incidents"].as_array().and_then(|open| open.first().cloned()))
    })
    .await?;
    Ok(())
}

async fn amtool(node: &Node, api: &Api, folder: &std::path::Path) -> anyhow::Result<()> {
    let http = format!("authorization: {{credentials: '{}'}}\n", node.key("owner.key")?);
    write(&folder.join("amtool-http.yml"), &http)?;
    let url = format!("--alertmanager.url={}/alertmanager", node.addresses.http);
    let with = |rest: &[&str]| {
        let mut arguments = vec![url.clone(), "--http.config.file=amtool-http.yml".to_owned()];
        arguments.extend(rest.iter().map(|word| (*word).to_owned()));
        let folder = folder.to_owned();
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            run_tool("amtool", &arguments, &folder).await
        }
    };
    with(&["alert", "add", "alertname=DiskFull", "host=db-1", "severity=warning", "service=db"]).await?;
    let listed = with(&["alert", "query", "alertname=DiskFull", "-o", "json"]).await?;
    let listed: Value = serde_json::from_str(&listed)?;
    ensure!(listed[0]["labels"]["host"] == "db-1" && listed[0]["status"]["state"] == "active", "{listed}");

    let id = with(&["silence", "add", "host=~db-.*", "--duration=1h", "--comment=new disks", "--author=lin"])
        .await?;
    let id = id.trim();
    let silences = with(&["silence", "query", "-o", "json"]).await?;
    let silences: Value = serde_json::from_str(&silences)?;
    ensure!(silences[0]["id"] == id && silences[0]["createdBy"] == "lin", "{silences}");
    ensure!(silences[0]["matchers"][0]["value"] == "db-.*", "{silences}");
    ensure!(silences[0]["matchers"][0]["isRegex"] == true, "{silences}");
    with(&["alert", "add", "alertname=DiskSlow", "host=db-2", "severity=warning", "service=db"]).await?;
    let quiet = with(&["alert", "query", "--silenced", "-o", "json"]).await?;
    ensure!(quiet.contains("DiskSlow") && quiet.contains(id), "{quiet}");
    with(&["silence", "expire", id]).await?;
    let left = with(&["silence", "query", "-o", "json"]).await?;
    ensure!(left.trim() == "[]" || left.trim() == "null" || left.trim().is_empty(), "{left}");
    let ours = api.get("/api/v1/silences").await?;
    ensure!(ours["silences"][0]["state"] == "ended", "{ours}");
    with(&["cluster", "show"]).await?;
    Ok(())
}

async fn python(node: &Node, api: &Api, root: &std::path::Path) -> anyhow::Result<()> {
    let python = root.join("target/oncall-venv/bin/python");
    let calendar = api.post("/api/v1/schedules/shop/calendars", &json!({})).await?;
    let calendar = calendar["url"].as_str().context("url")?;
    let key = node.key("ingest.key")?;
    let told = run_tool(
        python,
        &["tests/oncall/clients.py", "--url", &node.addresses.http, "--key", &key, "--calendar", calendar],
        root,
    )
    .await?;
    let told: Value = serde_json::from_str(&told)?;
    ensure!(told["dedup_key"] == "srv-1/disk", "{told}");
    ensure!(told["wrong_key"].as_u64().is_some_and(|status| status == 401 || status == 403), "{told}");
    let calendar = &told["calendar"];
    ensure!(calendar["people"] == json!(["ann on call: shop"]), "{told}");
    ensure!(calendar["problems"] == json!([]) && calendar["events"].as_u64() > Some(20), "{told}");
    let alerts = api.get("/api/v1/alerts").await?;
    let foreign = alerts["foreign"].as_array().context("foreign")?;
    let disk = foreign.iter().find(|alert| alert["source"] == "pagerduty").context("PagerDuty's alert")?;
    ensure!(disk["title"] == "disk is full" && disk["state"] == "resolved" && disk["count"] == 2, "{disk}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a test's own files, which need not be durable")]
fn write(path: &std::path::Path, text: &str) -> anyhow::Result<()> {
    Ok(std::fs::write(path, text)?)
}
