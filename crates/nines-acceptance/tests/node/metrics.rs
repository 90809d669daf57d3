//! Metrics with real clients: a Prometheus that writes, `promtool` and Grafana's data source that ask, OTLP beside them,
//! and a backup that holds them.

use std::path::Path;
use std::process::Stdio;

use anyhow::ensure;
use nines_acceptance::remote_write::{Series, written};
use nines_acceptance::{Api, Node, client, command, eventually, run_tool, shared, workspace_root};
use serde_json::{Value, json};

/// Debian's package of this name; `scripts/tools test` installs it.
pub const PROMETHEUS: &str = "prometheus";

fn now_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "samples must be of now")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as i64)
}

/// What both answer to the same question about the past.
async fn both(api: &Api, peer: &str, question: &str) -> anyhow::Result<(Value, Value)> {
    let ours = api.get(&format!("/prometheus/api/v1/{question}")).await?;
    let theirs: Value =
        serde_json::from_str(&client().get(format!("{peer}/api/v1/{question}")).send().await?.text().await?)?;
    Ok((ours["data"].clone(), theirs["data"].clone()))
}

#[tokio::test]
async fn a_real_prometheus_writes_and_both_answer_the_same() -> anyhow::Result<()> {
    let _machine = shared().await;
    if run_tool(PROMETHEUS, &["--version"], Path::new(".")).await.is_err() {
        println!("skipped: no prometheus (Debian's package of that name)");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let owner = node.key("owner.key")?;
    let target = node.addresses.http.trim_start_matches("http://");
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: nines\n  static_configs: [{{targets: ['{target}']}}]\n  authorization: {{credentials: {owner}}}\nremote_write:\n- url: {}/prometheus/api/v1/write\n  authorization: {{credentials: {}}}\n  queue_config: {{batch_send_deadline: 200ms}}\n",
        node.addresses.http,
        node.key("ingest.key")?
    );
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(folder.path().join("prometheus.yml"), config)?;
    // The port is chosen by the system and given up again just before.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let peer = format!("http://127.0.0.1:{port}");
    let mut prometheus = nines_base::spawn::program(PROMETHEUS)
        .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("prometheus").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let newest = eventually("ten scrapes", || async {
        let answer = api.get("/prometheus/api/v1/query?query=up[5m]").await?;
        let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
        Ok((values.len() >= 10).then(|| values.last().and_then(|last| last[0].as_f64())).flatten())
    })
    .await?;
    // Everything up to here has been scraped and written; both are asked about that past alone.
    let (start, end) = (newest.floor() - 8.0, newest.floor() - 1.0);
    for query in [
        "up",
        "nines_ingest_events_total",
        "sum(rate(nines_receive_requests_total[5s]))",
        "sum by (outcome) (increase(nines_receive_requests_total[4s]))",
        "max_over_time(nines_process_resident_bytes[3s]) / 1024 ^ 2",
        "quantile(0.9, scrape_duration_seconds)",
        "topk(2, nines_storage_rows) or vector(1)",
        "count({__name__=~\"nines_.+\"})",
        "absent(nothing)",
    ] {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let question = format!("query_range?query={encoded}&start={start}&end={end}&step=0.5");
        let (ours, theirs) = both(&api, &peer, &question).await?;
        ensure!(ours == theirs, "{query}\nours   {ours}\ntheirs {theirs}");
        let question = format!("query?query={encoded}&time={end}");
        let (ours, theirs) = both(&api, &peer, &question).await?;
        ensure!(sorted(&ours) == sorted(&theirs), "{query}\nours   {ours}\ntheirs {theirs}");
    }
    for question in [
        "labels?match[]=up",
        "label/job/values",
        "series?match[]=up",
        "query_range?query=up&start=1&end=0&step=1",
    ] {
        let (ours, theirs) = both(&api, &peer, question).await.unwrap_or_default();
        ensure!(ours == theirs, "{question}\nours   {ours}\ntheirs {theirs}");
    }
    // promtool knows no keys, but addresses that hold one.
    let url = node.addresses.http.replace("http://", &format!("http://any:{owner}@")) + "/prometheus";
    let (at_start, at_end) = (format!("--start={start}"), format!("--end={end}"));
    let at = format!("--time={end}");
    for (arguments, expected) in [
        (vec!["query", "instant", &at, &url, "up"], "=> 1 @["),
        (vec!["query", "range", &at_start, &at_end, "--step=1s", &url, "up"], "1 @["),
        (vec!["query", "series", "--match", "up", &at_start, &at_end, &url], "job=\"nines\""),
        (vec!["query", "labels", &at_start, &at_end, &url, "job"], "nines"),
    ] {
        let said = run_tool("promtool", &arguments, folder.path()).await?;
        ensure!(said.contains(expected), "promtool {arguments:?}: {said}");
    }
    // The Python client; the one for JavaScript asks beside the rule files, and promtool is Go's.
    let root = workspace_root();
    let (base, python) =
        (format!("{}/prometheus", node.addresses.http), root.join("target/metrics-venv/bin/python"));
    let said = run_tool(python, &["tests/metrics/ask.py", &base, &owner, "up"], &root).await?;
    let said: Value = serde_json::from_str(&said)?;
    for (question, expected) in [
        ("reachable", json!(true)),
        ("value", json!("1")),
        ("instant", json!("1")),
        ("jobs", json!(["nines"])),
        ("series", json!(1)),
        ("metrics", json!(true)),
    ] {
        ensure!(said[question] == expected, "{question}: {said}");
    }
    let stored = said["stored"].as_u64().unwrap_or(0);
    ensure!(stored >= 10 && said["points"].as_u64() > Some(0), "{said}");
    // The same in our own words.
    let said = command(&["promql", "up", "--range", "30s", "--step", "1s", "--output", "json"])?
        .env("NINES_URL", &node.addresses.http)
        .env("NINES_KEY", &owner)
        .output()
        .await?;
    let said: Value = serde_json::from_slice(&said.stdout)?;
    ensure!(said["result"][0]["metric"]["job"] == "nines", "{said}");
    prometheus.start_kill()?;
    prometheus.wait().await?;
    node.stop().await
}

/// An instant vector has no order.
fn sorted(data: &Value) -> Vec<String> {
    let mut lines: Vec<String> =
        data["result"].as_array().into_iter().flatten().map(Value::to_string).collect();
    lines.sort();
    lines
}

const PYRRA: &str = "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {name: pages}\nspec:\n  target: '99'\n  window: 4w\n  indicator:\n    ratio:\n      errors: {metric: 'pages_total{code=\"500\"}'}\n      total: {metric: pages_total}\n";

/// A promise over counters and one over a histogram: declared with a misspelt metric at first, measured from what is
/// stored, breached by what comes in, the same when counted again from the store.
async fn promises_over_metrics(api: &Api, now: i64) -> anyhow::Result<()> {
    let minutes_ago = |back: i64| now / 15_000 * 15_000 - back * 60_000;
    // 20 minutes at 15 s, 30 requests each time; in the last three minutes half of them fail.
    let steps: Vec<i64> = (0..=80).map(|step| minutes_ago(20) + step * 15_000).collect();
    let failing = |at: i64| if at > minutes_ago(3) { 15.0 } else { 0.0 };
    let counter = |gain: &dyn Fn(i64) -> f64| -> Vec<(f64, i64)> {
        let mut value = 1_000.0;
        let mut samples = Vec::new();
        for at in &steps {
            value += gain(*at);
            samples.push((value, *at));
        }
        samples
    };
    let (bad, good) = (counter(&failing), counter(&|at| 30.0 - failing(at)));
    let quick = counter(&|_| 20.0);
    let all = counter(&|_| 30.0);
    let bucket = |le: &str, samples: &[(f64, i64)]| {
        Series::new(&[("__name__", "page_seconds_bucket"), ("le", le)], samples)
    };
    let series = [
        Series::new(&[("__name__", "pages_total"), ("code", "500")], &bad),
        Series::new(&[("__name__", "pages_total"), ("code", "200")], &good),
        bucket("0.1", &quick),
        bucket("0.5", &all),
        bucket("+Inf", &all),
    ];
    let headers = [("content-type", "application/x-protobuf")];
    let (status, _) = api.send("POST", "/prometheus/api/v1/write", &headers, written(series)).await?;
    ensure!(status == 204);
    let source = |query: &str| format!("{{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}");
    let slo = |name: &str, metric: String, objective: &str| {
        format!(
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}}}\nspec:\n  service: pages\n  indicator:\n    metadata: {{name: {name}}}\n    spec: {metric}\n  timeWindow: [{{duration: 30d, isRolling: true}}]\n  budgetingMethod: Occurrences\n  objectives: [{{target: 0.99{objective}}}]\n"
        )
    };
    let ratio = |metric: &str| {
        let (bad, total) =
            (format!("sum(rate({metric}{{code=\"500\"}}[5m]))"), format!("sum(rate({metric}[5m]))"));
        format!("{{ratioMetric: {{bad: {}, total: {}}}}}", source(&bad), source(&total))
    };
    let misspelt = api.apply(&slo("pages-answer", ratio("page_total"), "")).await?;
    ensure!(misspelt["warnings"].to_string().contains("did you mean `pages_total`?"), "{misspelt}");
    let (status, answer) = api
        .call(
            "POST",
            "/api/v1/apply",
            Some(("application/yaml", slo("pages-answer", ratio("pages_total["), "").into())),
        )
        .await?;
    ensure!(status >= 400 && answer["faults"][0]["line"] == 8, "{answer}");
    let latency = format!("{{thresholdMetric: {}}}", source("page_seconds_bucket"));
    let both =
        [slo("pages-answer", ratio("pages_total"), ""), slo("pages-quick", latency, ", op: lte, value: 0.3")];
    api.apply(&both.join("---\n")).await?;
    eventually("the promises over metrics to be measured", || async {
        let slo = api.get("/api/v1/slos/pages-answer").await?;
        let quick = api.get("/api/v1/slos/pages-quick").await?;
        let (good, total) = (slo["good"].as_u64().unwrap_or(0), slo["total"].as_u64().unwrap_or(0));
        let fires = slo["burns"].as_array().into_iter().flatten().any(|burn| burn["firing"] == true);
        // 20 of the 30 are at most 0.1 s, all at most 0.5 s: half of the rest by interpolation.
        let bound = &quick["metric"]["bound"];
        Ok((total - good >= 150
            && total >= 2_340
            && fires
            && quick["metric"]["method"] == "observed"
            && bound["below"] == 0.1
            && bound["above"] == 0.5)
            .then_some(()))
    })
    .await?;
    let replay = api.get("/api/v1/slos/pages-answer/replay").await?;
    ensure!(
        replay["live_total"] == replay["stored_total"] && replay["live_good"] == replay["stored_good"],
        "{replay}"
    );
    ensure!(replay["stored_total"].as_u64().is_some_and(|total| total > 2_000), "{replay}");
    Ok(())
}

/// OTLP as JSON: a cumulative counter, a delta one and an exponential histogram.
fn otlp(now: i64) -> Value {
    let nanos = |ms: i64| (ms * 1_000_000).to_string();
    let point = |value: i64, at: i64, start: i64| json!({"asInt": value.to_string(), "timeUnixNano": nanos(at), "startTimeUnixNano": nanos(start)});
    json!({"resourceMetrics": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "checkout"}},
            {"key": "service.instance.id", "value": {"stringValue": "pod-1"}},
            {"key": "cloud.region", "value": {"stringValue": "ap-east-2"}},
        ]},
        "scopeMetrics": [{"metrics": [
            {"name": "http.server.requests", "unit": "{request}", "sum": {
                "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [point(40, now, now - 60_000)]}},
            {"name": "jobs.done", "sum": {"aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [
                point(3, now - 20_000, now - 30_000), point(4, now - 10_000, now - 20_000)]}},
            {"name": "payload.size", "unit": "By", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [{
                "timeUnixNano": nanos(now), "startTimeUnixNano": nanos(now - 60_000), "count": "4", "sum": 14.0,
                "scale": 0, "zeroCount": "0", "positive": {"offset": 0, "bucketCounts": ["1", "2", "1"]}}]}},
        ]}],
    }]})
}

#[tokio::test]
async fn otlp_is_series_and_rows_and_grafana_finds_its_way() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let (data, repository) = (folder.path().join("data"), folder.path().join("backups"));
    let node = Node::start(&data, &[]).await?;
    let owner_key = node.key("owner.key")?;
    let api = node.api()?;
    let now = now_ms();
    let body = otlp(now).to_string().into_bytes();
    let sender = Api::new(&node.addresses.otlp_http, "");
    for (api, path) in [(&sender, "/v1/metrics"), (&api, "/prometheus/api/v1/otlp/v1/metrics")] {
        let (status, answer) = api.call("POST", path, Some(("application/json", body.clone()))).await?;
        ensure!(status == 200, "{path}: {answer}");
    }
    let value = async |api: &Api, query: &str| -> anyhow::Result<String> {
        let form = format!("query={}", query.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>());
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let (status, answer) =
            api.send("POST", "/prometheus/api/v1/query", &headers, form.into_bytes()).await?;
        ensure!(status == 200, "{query}: {answer}");
        Ok(answer["data"]["result"][0]["value"][1].as_str().unwrap_or("nothing").to_owned())
    };
    for (query, expected) in [
        ("http_server_requests_total{job=\"checkout\", instance=\"pod-1\"}", "40"),
        // Sent twice, added up once.
        ("jobs_done_total", "7"),
        ("histogram_count(payload_size_bytes)", "4"),
        ("sum by (cloud_region) (info(http_server_requests_total, {cloud_region=\"ap-east-2\"}))", "40"),
    ] {
        let found = value(&api, query).await?;
        ensure!(found == expected, "{query}: {found}");
    }
    // The rows are there as ever: one a point, of each of the two requests.
    ensure!(api.sql_number("select count(*) from metrics").await? == 8.0);
    let question =
        "select sum(value) from metrics where name = 'jobs.done' and \"cloud.region\" = 'ap-east-2'";
    ensure!(api.sql_number(question).await? == 14.0);

    // What Grafana's data source asks, in its order.
    ensure!(value(&api, "1+1").await? == "nothing", "a scalar is no vector");
    let info = api.get("/prometheus/api/v1/status/buildinfo").await?;
    ensure!(info["data"]["version"].is_string() && info["data"]["features"].is_null(), "{info}");
    let (from, to) = (now / 1000 - 600, now / 1000 + 60);
    for (path, expected) in [
        (format!("labels?start={from}&end={to}"), json!("__name__")),
        (
            format!("label/__name__/values?start={from}&end={to}&match[]={{job=\"checkout\"}}"),
            json!("http_server_requests_total"),
        ),
        (
            format!("series?match[]=jobs_done_total&start={from}&end={to}"),
            json!({"__name__": "jobs_done_total", "instance": "pod-1", "job": "checkout"}),
        ),
    ] {
        let answer = api.get(&format!("/prometheus/api/v1/{path}")).await?;
        ensure!(answer["data"][0] == expected, "{path}: {answer}");
    }
    for path in [
        "metadata",
        "rules?type=alert",
        "alerts",
        "query_exemplars?query=jobs_done_total",
        "status/flags",
        "status/config",
        "status/tsdb",
        "status/runtimeinfo",
        "format_query?query=up",
        "parse_query?query=up",
    ] {
        let answer = api.get(&format!("/prometheus/api/v1/{path}")).await?;
        ensure!(answer["status"] == "success", "{path}: {answer}");
    }
    let form = format!("query=sum(rate(jobs_done_total%5B1m%5D))&start={from}&end={to}&step=15");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let (status, answer) =
        api.send("POST", "/prometheus/api/v1/query_range", &headers, form.into_bytes()).await?;
    ensure!(status == 200 && answer["data"]["resultType"] == "matrix", "{answer}");
    let (status, answer) = api.call("GET", "/prometheus/api/v1/query?query=sum(", None).await?;
    ensure!(status == 400 && answer["errorType"] == "bad_data", "{answer}");

    promises_over_metrics(&api, now).await?;
    let (_, imported) =
        api.call("POST", "/api/v1/import/slos", Some(("application/yaml", PYRRA.into()))).await?;
    ensure!(imported["report"][0]["outcome"] == "translated" && imported["dry_run"] == true, "{imported}");
    let (status, answer) =
        api.call("POST", "/api/v1/apply", Some(("application/yaml", PYRRA.into()))).await?;
    ensure!(status == 422 || status == 400, "{answer}");
    ensure!(answer.to_string().contains("nines slo import"), "{answer}");

    // A backup of the node while it runs holds them, and so does the node after a kill.
    let series = (0..500)
        .map(|index| Series::new(&[("__name__", "copied"), ("index", &index.to_string())], &[(1.0, now)]));
    let headers = [("content-type", "application/x-protobuf")];
    let (status, _) = api.send("POST", "/prometheus/api/v1/write", &headers, written(series)).await?;
    ensure!(status == 204);
    let text = |path: &Path| path.to_str().unwrap_or_default().to_owned();
    let (data_text, repository_text) = (text(&data), text(&repository));
    let copy = folder.path().join("copy");
    ensure!(command(&["backup", "--data", &data_text, "--to", &repository_text])?.status().await?.success());
    ensure!(
        command(&["restore", "--from", &repository_text, "--data", &text(&copy)])?.status().await?.success()
    );
    ensure!(command(&["verify", "--data", &text(&copy)])?.status().await?.success());
    crate::backups::bring_master_key(&data, &copy)?;
    node.kill().await?;
    for folder in [&copy, &data] {
        let node = Node::start(folder, &[]).await?;
        let api = Api::new(&node.addresses.http, &owner_key);
        ensure!(value(&api, "count(copied)").await? == "500" && value(&api, "jobs_done_total").await? == "7");
        node.stop().await?;
    }
    Ok(())
}

/// Exemplars lead to traces, whatever happened to the node since.
#[tokio::test]
async fn exemplars_of_otlp_are_answered_after_a_kill() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let at = now_ms();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let body = json!({"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "pay"}}]},
        "scopeMetrics": [{"metrics": [{"name": "wait", "unit": "s", "histogram": {
            "aggregationTemporality": 2,
            "dataPoints": [{
                "startTimeUnixNano": "1", "timeUnixNano": format!("{at}000000"), "count": "2", "sum": 0.9,
                "explicitBounds": [0.5], "bucketCounts": ["1", "1"],
                "exemplars": [{"timeUnixNano": format!("{at}000000"), "asDouble": 0.8, "traceId": trace, "spanId": "00f067aa0ba902b7"}]}]}}]}]}]});
    let (status, answer) =
        api.call("POST", "/v1/metrics", Some(("application/json", body.to_string().into_bytes()))).await?;
    ensure!(status == 200, "{answer}");
    let query = "/prometheus/api/v1/query_exemplars?query=wait_seconds_bucket";
    let before = api.get(query).await?["data"].clone();
    ensure!(before[0]["exemplars"][0]["labels"]["trace_id"] == trace, "{before}");
    ensure!(
        before[0]["seriesLabels"]["le"] == "+Inf" && before[0]["exemplars"][0]["value"] == "0.8",
        "{before}"
    );
    node.kill().await?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let after = node.api()?.get(query).await?["data"].clone();
    ensure!(after == before, "{after}");
    node.stop().await
}
