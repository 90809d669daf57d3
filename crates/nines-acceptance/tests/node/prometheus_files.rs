//! Prometheus' own files: the same configuration and the same rules in a real Prometheus and in a node, asked the same;
//! alerts that outlive `kill -9`; published rule packs; StatsD.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use nines_acceptance::{
    Api, Node, client, command, eventually, run_tool, shared, shared_folder, workspace_root,
};
use serde_json::{Value, json};

use crate::metrics::PROMETHEUS;

const RULES: &str = r#"groups:
- name: shop
  interval: 1s
  rules:
  - record: job:orders:rate5s
    expr: sum by (job) (rate(orders_total[5s]))
    labels: {team: checkout}
  - alert: QueueFull
    expr: queue_depth > 10
    for: 2s
    keep_firing_for: 1h
    labels: {severity: critical, service: checkout}
    annotations:
      summary: 'queue of {{ $labels.instance }} holds {{ $value | humanize }}'
  - alert: QueueLong
    expr: queue_depth > 10
    for: 1h
  - alert: Broken
    expr: vector(1) + on() group_left() (queue_depth or orders_total)
- name: slow
  interval: 1h
  rules:
  - alert: Never
    expr: absent(nothing_at_all)
    for: 2h
"#;

/// An exporter whose queue is as deep as the test says.
async fn exporter(depth: Arc<AtomicU64>) -> anyhow::Result<String> {
    let orders = Arc::new(AtomicU64::new(0));
    let answer = move || {
        let orders = orders.fetch_add(3, Ordering::Relaxed);
        let depth = depth.load(Ordering::Relaxed);
        let body = format!(
            "# HELP orders_total Orders.\n# TYPE orders_total counter\norders_total{{shop=\"a\"}} {orders}\n# TYPE queue_depth gauge\nqueue_depth {depth}\n"
        );
        async move { ([("content-type", "text/plain; version=0.0.4")], body) }
    };
    let router = axum::Router::new().route("/metrics", axum::routing::get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn peer(url: &str, question: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&client().get(format!("{url}/api/v1/{question}")).send().await?.text().await?)?)
}

async fn ours(api: &Api, question: &str) -> anyhow::Result<Value> {
    api.get(&format!("/prometheus/api/v1/{question}")).await
}

/// Rules without what must differ: times, and the folder of the file.
fn plain(rules: &Value) -> Value {
    let mut rules = rules["data"].clone();
    strip(&mut rules);
    // A new group is evaluated at once here, and in Prometheus at its place in the interval, which may be an hour away.
    if let Some(groups) = rules["groups"].as_array_mut() {
        groups.retain(|group| group["name"] != "slow");
    }
    rules
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for key in [
                "evaluationTime",
                "lastEvaluation",
                "activeAt",
                "keepFiringSince",
                "file",
                "value",
                "lastScrape",
                "lastScrapeDuration",
                "globalUrl",
                "lastError",
            ] {
                map.remove(key);
            }
            // Prometheus 2.42 leaves empty ones out.
            map.retain(|_, value| *value != json!({}));
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn alert<'a>(alerts: &'a Value, name: &str) -> Option<&'a Value> {
    alerts["data"]["alerts"].as_array()?.iter().find(|alert| alert["labels"]["alertname"] == name)
}

async fn apply(node: &Node, owner: &str, files: &[&str]) -> anyhow::Result<String> {
    let mut arguments = vec!["apply", "--output", "json"];
    files.iter().for_each(|file| arguments.extend(["-f", *file]));
    let output =
        command(&arguments)?.env("NINES_URL", &node.addresses.http).env("NINES_KEY", owner).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?)
}

#[tokio::test]
async fn the_same_files_do_the_same_as_in_a_real_prometheus_and_outlive_a_kill() -> anyhow::Result<()> {
    let _machine = shared().await;
    if run_tool(PROMETHEUS, &["--version"], Path::new(".")).await.is_err() {
        println!("skipped: no prometheus (Debian's package of that name)");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let depth = Arc::new(AtomicU64::new(3));
    let target = exporter(Arc::clone(&depth)).await?;
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\nscrape_configs:\n- job_name: shop\n  static_configs:\n  - targets: ['{target}']\n    labels: {{region: east}}\n- job_name: gone\n  static_configs: [{{targets: ['127.0.0.1:9']}}]\n"
    );
    let (config_file, rules_file) = (folder.path().join("prometheus.yml"), folder.path().join("rules.yml"));
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    {
        std::fs::write(&config_file, &config)?;
        std::fs::write(&rules_file, RULES)?;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let theirs = format!("http://127.0.0.1:{port}");
    let mut prometheus = nines_base::spawn::program(PROMETHEUS)
        .arg(format!("--config.file={}", config_file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("prometheus").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let data = folder.path().join("data");
    let node = Node::start(&data, &["--statsd-udp", "127.0.0.1:0", "--statsd-tcp", "127.0.0.1:0"]).await?;
    let owner = node.key("owner.key")?;
    let api = node.api()?;
    statsd(&node)?;
    let paths = [config_file.display().to_string(), rules_file.display().to_string()];
    let said = apply(&node, &owner, &[&paths[0], &paths[1]]).await?;
    ensure!(said.contains("ScrapeConfig") && said.contains("PrometheusRule"), "{said}");
    ensure!(said.contains("apply them by themselves"), "rule_files are named: {said}");

    // The same series with the same labels, and the same state of targets.
    let question = "series?match[]={job=\"shop\"}&match[]={job=\"gone\"}";
    eventually("the same series", || async {
        let (mine, peers) = (ours(&api, question).await?, peer(&theirs, question).await?);
        let [mut mine, peers] = [mine, peers].map(|answer| {
            let set: std::collections::BTreeSet<String> =
                answer["data"].as_array().into_iter().flatten().map(Value::to_string).collect();
            set
        });
        // What later versions write of a scrape besides.
        mine.retain(|one| peers.contains(one) || !one.contains("scrape_"));
        Ok((mine.len() > 8 && mine == peers).then_some(()))
    })
    .await?;
    let targets = eventually("the same targets", || async {
        let (mine, peers) = (ours(&api, "targets").await?, peer(&theirs, "targets").await?);
        let order = |answer: Value| {
            let mut targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
            targets.iter_mut().for_each(strip);
            targets.sort_by_key(Value::to_string);
            targets
        };
        let errors = mine["data"]["activeTargets"].to_string();
        let (mine, peers) = (order(mine), order(peers));
        Ok((mine.len() == 2 && mine == peers).then_some(errors))
    })
    .await?;
    ensure!(targets.contains("\"down\"") && targets.contains("refused"), "{targets}");
    ensure!(ours(&api, "scrape_pools").await?["data"]["scrapePools"] == json!(["gone", "shop"]));
    let metadata = ours(&api, "targets/metadata?metric=orders_total").await?;
    ensure!(
        metadata["data"][0]["help"] == "Orders." && metadata["data"][0]["type"] == "counter",
        "{metadata}"
    );

    // The same alerts, from inactive over pending to firing.
    let same = async |what: &str, state: &str| {
        eventually(what, || async {
            let (mine, peers) = (ours(&api, "rules").await?, peer(&theirs, "rules").await?);
            let is_there = mine["data"]["groups"][0]["rules"][1]["state"] == state;
            ensure!(is_there && plain(&mine) == plain(&peers), "ours: {mine}\ntheirs: {peers}");
            Ok(Some(mine))
        })
        .await
    };
    same("all is quiet", "inactive").await?;
    depth.store(40, Ordering::Relaxed);
    let rules = same("the alert fires in both", "firing").await?;
    let fires = &rules["data"]["groups"][0]["rules"][1]["alerts"][0];
    ensure!(fires["annotations"]["summary"] == format!("queue of {target} holds 40"), "{fires}");
    ensure!(fires["value"] == "4e+01", "{fires}");
    let recorded = ours(&api, "query?query=job:orders:rate5s").await?;
    ensure!(recorded["data"]["result"][0]["metric"]["team"] == "checkout", "{recorded}");
    for (filter, expected) in [
        ("type=record", 1),
        ("type=alert&rule_name[]=QueueFull", 1),
        ("rule_group[]=slow", 1),
        ("file[]=other.yml", 0),
        ("match[]={service=\"checkout\"}", 1),
    ] {
        let answer = ours(&api, &format!("rules?{filter}")).await?;
        let groups = answer["data"]["groups"].as_array().context("groups")?;
        let rules: usize = groups.iter().filter_map(|group| Some(group["rules"].as_array()?.len())).sum();
        ensure!(rules == expected, "{filter}: {answer}");
    }
    let first = ours(&api, "rules?group_limit=1&exclude_alerts=true").await?["data"].clone();
    let token = first["groupNextToken"].as_str().context("a second page")?;
    let second = ours(&api, &format!("rules?group_limit=1&group_next_token={token}")).await?;
    ensure!(second["data"]["groups"][0]["name"] == "slow" && second["data"]["groupNextToken"].is_null());
    let (status, _) = api.call("GET", "/prometheus/api/v1/rules?type=other", None).await?;
    ensure!(status == 400);

    // It reaches people as any other alert does, with a way to the page that shows its expression.
    let foreign = eventually("the alert has an incident", || async {
        let answer = api.get("/api/v1/alerts").await?;
        let all = answer["foreign"].as_array().cloned().unwrap_or_default();
        Ok(all
            .into_iter()
            .find(|one| one["labels"]["alertname"] == "QueueFull" && one["incident"].is_string()))
    })
    .await?;
    ensure!(foreign["source"] == "nines" && foreign["level"] == "P0", "{foreign}");
    ensure!(
        foreign["links"][0]["url"].as_str().is_some_and(|url| url.contains("/graph?g0.expr=")),
        "{foreign}"
    );

    // The public client for JavaScript.
    run_tool("/bin/sh", &["scripts/clients", "metrics"], &workspace_root()).await?;
    let url = format!("{}/prometheus", node.addresses.http);
    let said =
        run_tool("node", &["tests/metrics/ask.mjs", &url, &owner, "up{job=\"shop\"}"], &workspace_root())
            .await?;
    let said: Value = serde_json::from_str(&said)?;
    ensure!(said["value"] == 1.0 && said["targets"] == json!(["gone down", "shop up"]), "{said}");
    ensure!(
        said["alerts"].to_string().contains("QueueFull firing") && said["groups"] == json!(["shop", "slow"]),
        "{said}"
    );

    // StatsD has been flushed by now.
    eventually("the counts of StatsD", || async {
        let answer = ours(&api, "query?query=sum by (route) (shop_pay_total)").await?;
        let found = &answer["data"]["result"][0];
        Ok((found["metric"]["route"] == "/pay" && found["value"][1] == "7").then_some(()))
    })
    .await?;
    let dropped = ours(&api, "query?query=nines_statsd_dropped_total{reason=\"malformed\"}").await?;
    ensure!(dropped["data"]["result"][0]["value"][1] == "1", "{dropped}");
    // Events go their own way, into the logs.
    eventually("the event of StatsD", || async {
        let question =
            "select count(*) from logs where event_name = 'statsd.event' and \"service.name\" = 'shop'";
        Ok((api.sql_number(question).await? == 1.0).then_some(()))
    })
    .await?;

    // After a kill both alerts stand where they stood.
    let before = ours(&api, "alerts").await?;
    let (full, long) = (alert(&before, "QueueFull"), alert(&before, "QueueLong"));
    let (full, long) =
        (full.context("fires")?["activeAt"].clone(), long.context("pending")?["activeAt"].clone());
    node.kill().await?;
    // The condition goes while nobody looks; `keep_firing_for` holds the alert all the same.
    depth.store(3, Ordering::Relaxed);
    let node = Node::start(&data, &[]).await?;
    let api = Api::new(&node.addresses.http, &owner);
    let after = eventually("a first evaluation", || async {
        let after = ours(&api, "alerts").await?;
        Ok(alert(&after, "QueueFull").is_some().then_some(after))
    })
    .await?;
    let fires = alert(&after, "QueueFull").context("fires still")?;
    ensure!(fires["state"] == "firing" && fires["activeAt"] == full, "{fires} since {full}");
    if let Some(pending) = alert(&after, "QueueLong") {
        ensure!(pending["state"] == "pending", "{pending}, before since {long}");
    }
    eventually("scraping goes on", || async {
        let answer = ours(&api, "query?query=queue_depth").await?;
        Ok((answer["data"]["result"][0]["value"][1] == "3").then_some(()))
    })
    .await?;

    // What is taken away is gone at once, and its series have ended.
    let delete = ["delete", "ScrapeConfig", "prometheus.yml"];
    let output =
        command(&delete)?.env("NINES_URL", &node.addresses.http).env("NINES_KEY", &owner).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(ours(&api, "targets").await?["data"]["activeTargets"] == json!([]));
    eventually("the series has ended", || async {
        let left = ours(&api, "query?query=up").await?["data"]["result"].clone();
        ensure!(left == json!([]), "still there: {left}");
        Ok(Some(()))
    })
    .await?;

    packs(&node, &owner, &api).await?;
    prometheus.start_kill()?;
    prometheus.wait().await?;
    node.stop().await
}

fn statsd(node: &Node) -> anyhow::Result<()> {
    let port = node.addresses.port("StatsD UDP").context("StatsD listens")?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    for datagram in [
        "shop.pay:1|c|#route:/pay\nshop.pay:2|c|@0.5|#route:/pay",
        "shop.pay:2|c|#route:/pay",
        "no statsd",
        "_e{6,2}:Deploy|v2|#service:shop",
    ] {
        socket.send_to(datagram.as_bytes(), ("127.0.0.1", port))?;
    }
    Ok(())
}

/// Published rule packs load as they are.
async fn packs(node: &Node, owner: &str, api: &Api) -> anyhow::Result<()> {
    let Some(packs) = shared_folder().map(|shared| shared.join("data/alert-rules")).filter(|it| it.is_dir())
    else {
        println!("skipped: rule packs (../shared/data/alert-rules)");
        return Ok(());
    };
    let folder = packs.display().to_string();
    let said = apply(node, owner, &[&folder]).await?;
    let applied = said.matches("\"kind\": \"PrometheusRule\"").count();
    ensure!(applied == 56, "{applied} packs: {said}");
    let answer = ours(api, "rules?type=alert&exclude_alerts=true").await?;
    let groups = answer["data"]["groups"].as_array().context("groups")?;
    let alerts: usize = groups.iter().filter_map(|group| Some(group["rules"].as_array()?.len())).sum();
    ensure!(alerts >= 446, "{alerts} alerting rules");
    println!("{applied} rule packs, {alerts} alerting rules");
    Ok(())
}
