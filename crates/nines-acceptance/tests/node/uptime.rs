//! Services looked at from outside: what is down is told to whoever is on call, what is only cut off is not.

mod targets;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, binary, command, eventually, run_tool, shared};
use serde_json::{Value, json};

use crate::reports::receiver;
use targets::{Proxy, Shop};

const EGRESS: [&str; 2] = ["--allow-egress", "127.0.0.0/8"];

/// A probe each second. `more` are further lines of its spec.
fn probe(name: &str, url: &str, more: &str) -> String {
    format!(
        "apiVersion: nines/v1\nkind: Probe\nmetadata: {{name: {name}, labels: {{tier: front}}}}\nspec:\n  \
         service: checkout\n  level: P0\n  interval: 1s\n{more}  http: {{url: '{url}/health'}}\n"
    )
}

/// The probe as the overview shows it, once it stands as asked.
async fn standing(api: &Api, name: &str, verdict: &str) -> anyhow::Result<Value> {
    eventually(&format!("{name} to be {verdict}"), || async {
        let overview = api.get("/api/v1/uptime").await?;
        let probes = overview["probes"].as_array().context("probes")?;
        let found = probes.iter().find(|probe| probe["name"] == name).context("the probe")?;
        Ok((found["verdict"] == verdict).then(|| found.clone()))
    })
    .await
}

async fn open_alerts(api: &Api) -> anyhow::Result<Vec<String>> {
    let answer = api.get("/alertmanager/api/v2/alerts").await?;
    let alerts = answer.as_array().context("alerts")?;
    Ok(alerts.iter().filter_map(|it| it["labels"]["alertname"].as_str().map(str::to_owned)).collect())
}

#[tokio::test]
async fn what_goes_down_calls_the_person_on_call_survives_a_crash_and_is_over_when_it_is_up()
-> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let (hook, taken) = receiver().await?;
    let shop = Shop::open("127.0.0.1:0").await?;
    let node = Node::start(&data, &EGRESS).await?;
    let api = node.api()?;
    let documents = crate::oncall::documents(&hook) + "---\n" + &probe("home", &shop.url, "");
    let applied = api.apply(&documents).await?;
    ensure!(applied["results"].to_string().contains("Probe"), "{applied}");
    let up = standing(&api, "home", "up").await?;
    ensure!(up["last"]["http_status"] == 200 && up["last"]["phases_ms"]["connect"].is_number(), "{up}");

    shop.set_healthy(false);
    let incident = eventually("ann to be called", || async {
        let taken = taken.lock().unwrap();
        let mut calls = taken.iter().filter(|page| page["type"] == "oncall.call");
        Ok(calls.next().and_then(|page| page["data"]["incident"].as_str().map(str::to_owned)))
    })
    .await?;
    // Three failures in a row make it down; two of them were repetitions, so it took at most two intervals.
    let failures = "SELECT count(*) FROM probes WHERE name = 'home' AND \"event.outcome\" = 'failure'";
    let regular = api.sql_number(&format!("{failures} AND \"probe.confirmation\" = false")).await?;
    println!("called after {regular} regular failures of {}", api.sql_number(failures).await?);
    let down = standing(&api, "home", "down").await?;
    ensure!(down["alerting"] == true, "{down}");
    let reason = down["last"]["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("status is 200–399") && reason.contains("500"), "{reason}");
    ensure!(open_alerts(&api).await? == ["ProbeDown"], "{:?}", open_alerts(&api).await?);
    let before = api.sql_number("SELECT count(*) FROM probes").await?;
    node.kill().await?;

    // Everything that was measured before is there, and nobody is called a second time for the same outage.
    let node = Node::start(&data, &EGRESS).await?;
    let api = node.api()?;
    ensure!(api.sql_number("SELECT count(*) FROM probes").await? >= before, "measurements are lost");
    let down = standing(&api, "home", "down").await?;
    ensure!(down["alerting"] == true, "{down}");
    let incidents = api.get("/api/v1/incidents").await?;
    ensure!(incidents["incidents"].as_array().is_some_and(|all| all.len() == 1), "{incidents}");
    ensure!(incidents["incidents"][0]["id"] == incident.as_str(), "{incidents}");

    shop.set_healthy(true);
    standing(&api, "home", "up").await?;
    eventually("the alert to be over", || async { Ok(open_alerts(&api).await?.is_empty().then_some(())) })
        .await?;
    let path = "/prometheus/api/v1/query?query=probe_success%7Bprobe%3D%22home%22%2Ctier%3D%22front%22%7D";
    let series = api.get(path).await?;
    ensure!(series["data"]["result"][0]["value"][1] == "1", "{series}");

    heartbeats(&api).await?;
    node.stop().await
}

/// A job that is not heard from is an alert until it is.
async fn heartbeats(api: &Api) -> anyhow::Result<()> {
    api.apply(
        "apiVersion: nines/v1\nkind: Heartbeat\nmetadata: {name: backup}\nspec: {period: 1s, grace: 1s, service: checkout}\n",
    )
    .await?;
    eventually("the silence to be an alert", || async {
        Ok((open_alerts(api).await? == ["HeartbeatMissed"]).then_some(()))
    })
    .await?;
    api.apply(
        "apiVersion: nines/v1\nkind: Heartbeat\nmetadata: {name: backup}\nspec: {period: 1h, service: checkout}\n",
    )
    .await?;
    let overview = api.get("/api/v1/uptime").await?;
    let url = overview["heartbeats"][0]["ping_url"].as_str().context("the address")?.to_owned();
    let (base, rest) = url.split_at(url.find("/api/").context("a path")?);
    // Whoever pings has nothing but the address.
    let job = Api::new(base, "");
    for (path, status) in [
        (rest.replace("/ping?", "/start?"), 200),
        (rest.to_owned(), 200),
        (rest.replace("/ping?", "/wrong?"), 400),
        (format!("{}0", &rest[..rest.len() - 1]), if rest.ends_with('0') { 200 } else { 404 }),
        ("/api/v1/heartbeats/backup/ping".to_owned(), 404),
    ] {
        let (seen, body) = job.call("GET", &path, None).await?;
        ensure!(seen == status, "{path}: {seen} {body}");
    }
    eventually("the alert to be over", || async { Ok(open_alerts(api).await?.is_empty().then_some(())) })
        .await?;
    let (status, body) = job.call("POST", &rest.replace("/ping?", "/3?"), None).await?;
    ensure!(status == 200 && body["standing"] == "failed", "{status} {body}");
    eventually("an exit status other than 0 to be an alert", || async {
        Ok((open_alerts(api).await? == ["HeartbeatMissed"]).then_some(()))
    })
    .await
}

#[tokio::test]
async fn every_kind_of_check_says_what_it_saw() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let shop = Shop::open("127.0.0.1:0").await?;
    let tls = targets::tls(folder.path()).await?;
    let banner = targets::banner().await?;
    let dns = targets::dns().await?;
    let authority = std::fs::read_to_string(folder.path().join("cert.pem"))?.replace('\n', "\n        ");
    let document = |name: &str, spec: &str| {
        format!(
            "apiVersion: nines/v1\nkind: Probe\nmetadata: {{name: {name}}}\nspec:\n  timeout: 5s\n  {spec}\n---\n"
        )
    };
    let good = document(
        "http",
        &format!(
            "http: {{url: '{}/redirect', expect: {{json: [{{path: '$.state', equals: ok}}], headers: {{content-type: json}}, latencyBelow: 5s}}}}",
            shop.url
        ),
    ) + &document(
        "https",
        &format!(
            "http:\n    url: https://localhost:{tls}/\n    tls:\n      lastsAtLeast: 1d\n      authorities: |\n        {authority}"
        ),
    ) + &document(
        "tls",
        &format!("tls: {{address: 'localhost:{tls}', names: [localhost], skipVerification: true}}"),
    ) + &document(
        "tcp",
        &format!("tcp: {{address: '127.0.0.1:{banner}', send: \"PING\\r\\n\", expect: PONG}}"),
    ) + &document(
        "dns",
        &format!("dns: {{name: shop.example, server: '127.0.0.1:{dns}', answers: [192.0.2.7], exact: true}}"),
    ) + &document("grpc", &format!("grpc: {{address: '{}', service: shop.Cart}}", shop.address));
    for result in tried(folder.path(), &good).await? {
        ensure!(result["outcome"] == "success", "{result}");
    }
    let bad = document("untrusted", &format!("tls: {{address: 'localhost:{tls}'}}"))
        + &document(
            "soon",
            &format!("tls: {{address: 'localhost:{tls}', skipVerification: true, lastsAtLeast: 400d}}"),
        )
        + &document(
            "body",
            &format!("http: {{url: '{}/health', expect: {{bodyContains: fine, bodyLacks: ok}}}}", shop.url),
        )
        + &document(
            "hops",
            &format!("http: {{url: '{}/redirect', redirects: 0, expect: {{status: 200}}}}", shop.url),
        )
        + &document(
            "answers",
            &format!("dns: {{name: shop.example, server: '127.0.0.1:{dns}', answers: [192.0.2.8]}}"),
        )
        + &document("serving", &format!("grpc: {{address: '{}', service: shop.Stock}}", shop.address))
        + &document("nobody", "tcp: {address: '127.0.0.1:1'}")
        + &document("noname", "http: {url: 'http://nobody.invalid/'}");
    let expected = [
        ("untrusted", "certificate", "is not good"),
        ("soon", "assertion", "lasts 400 d more"),
        ("body", "assertion", "contains `fine`"),
        ("hops", "assertion", "status is 200, saw 302"),
        ("answers", "assertion", "192.0.2.8 is among the answers, saw 192.0.2.7"),
        ("serving", "assertion", "shop.Stock is SERVING, saw NOT_SERVING"),
        ("nobody", "connect", "Connection refused"),
        ("noname", "", "nobody.invalid"),
    ];
    let results = tried(folder.path(), &bad).await?;
    ensure!(results.len() == expected.len(), "{results:?}");
    for (result, (name, kind, reason)) in results.iter().zip(expected) {
        let text = result["reason"].as_str().unwrap_or_default();
        // A machine without any resolver cannot tell whether a name exists, and says so.
        let kind = if kind.is_empty() { result["error_type"].as_str().unwrap_or_default() } else { kind };
        ensure!(result["probe"] == name && result["error_type"] == kind && text.contains(reason), "{result}");
    }
    Ok(())
}

/// `nines probe run` over these documents.
async fn tried(folder: &Path, documents: &str) -> anyhow::Result<Vec<Value>> {
    use tokio::io::AsyncWriteExt;

    let file = folder.join("probes.yaml");
    tokio::fs::File::create(&file).await?.write_all(documents.as_bytes()).await?;
    let arguments = ["probe", "run", "--file", file.to_str().context("a path")?, "--output", "json"];
    let output = command(&arguments)?.output().await?;
    let results: Result<Vec<Value>, _> = serde_json::from_slice(&output.stdout);
    results.with_context(|| format!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
async fn a_runner_elsewhere_keeps_what_the_node_has_not_and_nothing_is_lost_or_counted_twice()
-> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let shop = Shop::open("127.0.0.1:0").await?;
    let node = Node::start(&data, &EGRESS).await?;
    // The node comes back on another port; the runner knows one address.
    let proxy = Proxy::open("127.0.0.1:0", &node.addresses.http).await?;
    let api = node.api()?;
    api.apply(&probe("home", &shop.url, "  locations: [tokyo]\n")).await?;
    let key = node.key("ingest.key")?;
    let state = folder.path().join("runner");
    let start = || {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(folder.path().join("runner.log"))?;
        let arguments =
            ["probe", "--join", &proxy.url, "--location", "tokyo", "--allow-egress", "127.0.0.0/8"];
        let child = command(&arguments)?.args(["--key", &key, "--state"]).arg(&state).stderr(log).spawn();
        anyhow::Ok(child?)
    };
    let mut runner = start()?;
    standing(&api, "home", "up").await?;
    agent(&api, &proxy.url, &key, &shop.url, folder.path()).await?;
    node.kill().await?;
    // What is measured meanwhile waits on the runner's disk, and outlives the runner too.
    let seen = shop.seen();
    eventually("measurements without a node", || async { Ok((shop.seen() > seen + 3).then_some(())) })
        .await?;
    runner.start_kill()?;
    runner.wait().await?;
    let mut runner = start()?;

    let node = Node::start(&data, &EGRESS).await?;
    proxy.lead_to(&node.addresses.http);
    let api = node.api()?;
    let numbers =
        "SELECT count(*) AS n, count(DISTINCT \"event.sequence\") AS d FROM probes WHERE name = 'home'";
    let goal = shop.seen();
    eventually("everything that was measured to arrive", || async {
        let rows = api.sql(numbers).await?;
        ensure!(rows[0][0] == rows[0][1], "something is stored twice: {rows:?}");
        Ok((rows[0][0].as_u64() >= Some(goal as u64)).then_some(()))
    })
    .await?;
    standing(&api, "home", "up").await?;
    runner.start_kill()?;
    runner.wait().await?;
    node.stop().await
}

/// One configuration: the machine, a kubelet and a file; killed at once, it sends what waited when it is started again.
async fn agent(api: &Api, url: &str, key: &str, kubelet: &str, folder: &Path) -> anyhow::Result<()> {
    use tokio::io::AsyncWriteExt;

    let config = folder.join("agent.toml");
    let text = format!(
        "interval = '1s'\nattributes = {{'cloud.region' = 'mars'}}\nkubelet = {{url = '{kubelet}'}}\n\
         [[logs]]\npatterns = ['{}/*.app']\nservice = 'lander'\n",
        folder.display()
    );
    tokio::fs::File::create(&config).await?.write_all(text.as_bytes()).await?;
    tokio::fs::File::create(folder.join("a.app")).await?.write_all(b"touched down\n").await?;
    let state = folder.join("agent");
    let arguments = ["agent", "run", "--url", url, "--key", key];
    let mut child = command(&arguments)?.arg("--config").arg(&config).arg("--state").arg(&state).spawn()?;
    for query in [
        "system_memory_limit_bytes",
        "system_filesystem_usage_bytes",
        "rate(system_cpu_time_seconds_total[1m])",
        "process_memory_usage_bytes",
        "k8s_pod_cpu_time_seconds_total{k8s_pod_name=\"cart-1\"}",
    ] {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/prometheus/api/v1/query?query={encoded}");
        eventually(query, || async {
            let answer = api.get(&path).await?;
            let found = answer["data"]["result"].as_array().is_some_and(|all| !all.is_empty());
            Ok(found.then_some(()))
        })
        .await?;
    }
    eventually("the host in the infrastructure, with its region and what runs there", || async {
        let answer = api.get("/api/v1/infrastructure?by=cloud.region&q=cloud.region:mars").await?;
        let unit = answer["groups"][0]["units"][0].clone();
        if answer["groups"][0]["name"] != "mars" || unit["state"] != "reporting" {
            return Ok(None);
        }
        let name = unit["id"].as_str().unwrap_or_default();
        let detail = api.get(&format!("/api/v1/infrastructure/unit?kind=host&id={name}")).await?;
        let runs = |kind: &str| {
            detail["parts"].as_array().is_some_and(|all| all.iter().any(|it| it["kind"] == kind))
        };
        Ok((runs("process") && runs("pod") && detail["interval_secs"].as_f64() <= Some(5.0)).then_some(()))
    })
    .await?;
    eventually("the line of the file", || async {
        let count = "SELECT count(*) FROM logs WHERE body = 'touched down' AND \"service.name\" = 'lander'";
        Ok((api.sql_number(count).await? == 1.0).then_some(()))
    })
    .await?;
    child.start_kill()?;
    child.wait().await?;
    Ok(())
}

#[tokio::test]
async fn a_runner_that_is_cut_off_pages_nobody_and_says_so() -> anyhow::Result<()> {
    const HERE: &str = "10.231.77.1";
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let Some(space) = targets::NetworkSpace::make("nines-probe", HERE, "10.231.77.2").await? else {
        println!("skipped: this test needs root and network namespaces");
        return Ok(());
    };
    let shop = Arc::new(Shop::open(&format!("{HERE}:0")).await?);
    let data = folder.path().join("data");
    let (mut node, url) = space.serve(&data).await?;
    let key = std::fs::read_to_string(data.join("first-run/owner.key"))?;
    let file = folder.path().join("probe.yaml");
    {
        use tokio::io::AsyncWriteExt;
        let text = probe("home", &shop.url, "");
        tokio::fs::File::create(&file).await?.write_all(text.as_bytes()).await?;
    }
    let nines = binary()?;
    let inside = |arguments: &[&str]| {
        let mut all =
            vec!["netns", "exec", "nines-probe", nines.to_str().unwrap_or_default(), "--url", &url, "--key"];
        all.extend([key.trim(), "--output", "json"]);
        all.extend_from_slice(arguments);
        all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()
    };
    let ask = |arguments: Vec<String>| async move {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let text = run_tool("/usr/sbin/ip", &arguments, Path::new("/")).await?;
        anyhow::Ok(serde_json::from_str::<Value>(&text).unwrap_or(Value::Null))
    };
    ask(inside(&["apply", "-f", file.to_str().context("a path")?])).await?;
    let until = |what: &'static str, wanted: fn(&Value) -> bool| {
        eventually(what, move || async move {
            let overview = ask(inside(&["probe", "list"])).await?;
            Ok(wanted(&overview).then_some(overview))
        })
    };
    until("the target to be up", |it| it["probes"][0]["verdict"] == "up").await?;

    space.cut().await?;
    let cut = until("the runner to say that it is at fault", |it| it["runners"][0]["standing"] == "at_fault")
        .await?;
    println!("cut off: {}", cut["runners"][0]["finding"]);
    ensure!(cut["probes"][0]["alerting"] == false, "{cut}");
    let cut = until("the verdict to be open", |it| it["probes"][0]["verdict"] == "unknown").await?;
    ensure!(cut["probes"][0]["locations"][0]["standing"] == "runner_at_fault", "{cut}");
    // Many intervals later still nobody is told.
    eventually("ten measurements of a runner that is cut off", || async {
        let overview = ask(inside(&["probe", "list"])).await?;
        ensure!(overview["probes"][0]["alerting"] == false, "{overview}");
        Ok((overview["probes"][0]["days"][0]["unknown"].as_u64() >= Some(10)).then_some(()))
    })
    .await?;

    space.mend().await?;
    until("the target to be up again", |it| it["probes"][0]["verdict"] == "up").await?;
    // The reverse: the network is fine and the target is not.
    shop.set_healthy(false);
    let down = until("the target to be down", |it| it["probes"][0]["verdict"] == "down").await?;
    ensure!(down["probes"][0]["alerting"] == true && down["runners"][0]["standing"] == "ok", "{down}");
    let alerts = ask(inside(&["alert", "list"])).await?;
    ensure!(!json!(alerts).is_null(), "{alerts}");
    node.start_kill()?;
    node.wait().await?;
    Ok(())
}
