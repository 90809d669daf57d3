//! Infrastructure with a real node: who falls silent is absent and told of, what fills is foreseen, a restart forgets nobody.

use std::time::Duration;

use anyhow::ensure;
use nines_acceptance::remote_write::{Series, written};
use nines_acceptance::{Api, Node, client, command, eventually, shared};
use serde_json::{Value, json};

const HOSTS: [&str; 6] = ["web-1", "web-2", "web-3", "web-4", "web-5", "web-6"];
const SILENT: &str = "web-3";
const DAY_MS: i64 = 86_400_000;
const GIB: f64 = 1_073_741_824.0;

fn now_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "samples must be of now")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as i64)
}

async fn write(node: &Node, series: Vec<Series>) -> anyhow::Result<()> {
    let answer = client()
        .post(format!("{}/prometheus/api/v1/write", node.addresses.http))
        .bearer_auth(node.key("ingest.key")?)
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .body(written(series))
        .send()
        .await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

/// As node_exporter has it: memory of each host, one of them three quarters full.
fn memory(hosts: &[&str], times_ms: &[i64]) -> Vec<Series> {
    let mut series = Vec::new();
    for host in hosts {
        let instance = format!("{host}:9100");
        let region = if *host < "web-4" { "eu-1" } else { "us-1" };
        let available = if *host == "web-5" { 2.0 } else { 7.5 };
        for (name, value) in
            [("node_memory_MemTotal_bytes", 10.0), ("node_memory_MemAvailable_bytes", available)]
        {
            let labels =
                [("__name__", name), ("cloud_region", region), ("instance", &instance), ("job", "node")];
            let samples: Vec<(f64, i64)> = times_ms.iter().map(|at| (value * GIB, *at)).collect();
            series.push(Series::new(&labels, &samples));
        }
    }
    series
}

/// A disk of 100 GiB that has grown by 10 a day to 60: full in four days. The other stays as it is.
fn disks(now_ms: i64) -> Vec<Series> {
    let times: Vec<i64> = (0..=288).rev().map(|step| now_ms - 1_000 - step * 900_000).collect();
    let mut series = Vec::new();
    for (host, per_day) in [("web-1", 10.0), ("web-2", 0.0)] {
        let instance = format!("{host}:9100");
        let used = |at: i64| 60.0 - per_day * (now_ms - at) as f64 / DAY_MS as f64;
        // A little unrest, the same each time.
        let unrest = |at: i64| ((at / 900_000) % 7 - 3) as f64 * 0.05;
        for (name, is_size) in [("node_filesystem_size_bytes", true), ("node_filesystem_avail_bytes", false)]
        {
            let labels = [
                ("__name__", name),
                ("fstype", "ext4"),
                ("instance", &instance),
                ("job", "node"),
                ("mountpoint", "/data"),
            ];
            let value = |at: i64| if is_size { 100.0 } else { 100.0 - used(at) - unrest(at) };
            let samples: Vec<(f64, i64)> = times.iter().map(|at| (value(*at) * GIB, *at)).collect();
            series.push(Series::new(&labels, &samples));
        }
    }
    series
}

async fn host(api: &Api, name: &str) -> anyhow::Result<Value> {
    let answer = api.get("/api/v1/infrastructure?by=cloud.region&measure=memory").await?;
    let groups = answer["groups"].as_array().cloned().unwrap_or_default();
    let units = groups.iter().flat_map(|group| group["units"].as_array().cloned().unwrap_or_default());
    Ok(units.into_iter().find(|unit| unit["name"] == name).unwrap_or(Value::Null))
}

async fn nines(node: &Node, arguments: &[&str]) -> anyhow::Result<String> {
    let said = command(arguments)?
        .env("NINES_URL", &node.addresses.http)
        .env("NINES_KEY", node.key("owner.key")?)
        .output()
        .await?;
    Ok(format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr)))
}

fn millis(time: &Value) -> anyhow::Result<i64> {
    let time: jiff::Timestamp = time.as_str().unwrap_or_default().parse()?;
    Ok(time.as_millisecond())
}

#[tokio::test]
async fn who_falls_silent_is_told_of_and_what_fills_is_foreseen() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    let began = now_ms();
    let past: Vec<i64> = (1..=30).rev().map(|ago| began - ago * 1_000).collect();
    write(&node, memory(&HOSTS, &past)).await?;
    write(&node, disks(began)).await?;
    let watch = json!({"name": "silent", "kind": "host", "filter": "cloud.region: eu-1", "absent_after": 4});
    api.post("/api/v1/infrastructure/watches", &watch).await?;
    let watch = json!({"name": "disks", "filter": "mountpoint: \"/data\"", "full_within_hours": 240});
    api.post("/api/v1/infrastructure/watches", &watch).await?;
    let wrong = json!({"name": "x", "filter": "a ==", "absent_after": 4});
    let wrong = Some(("application/json", wrong.to_string().into_bytes()));
    ensure!(api.status("POST", "/api/v1/infrastructure/watches", wrong).await? == 400);

    // The truth: 40 GiB are left, at 10 a day.
    let truth = began + 4 * DAY_MS;
    let found = api.get("/api/v1/saturation?q=mountpoint:*").await?;
    let disk = &found["rows"][0];
    ensure!(disk["name"] == "/data of web-1" && disk["outlook"] == "filling", "{found}");
    let between = millis(&disk["full_earliest"])?..=millis(&disk["full_latest"])?;
    ensure!(between.contains(&truth), "{truth} is not within {disk}");
    ensure!((millis(&disk["full_at"])? - truth).abs() < DAY_MS / 4, "{disk}");
    ensure!(found["rows"][1]["outlook"] == "safe", "{found}");
    let said = nines(&node, &["saturation", "mountpoint:*"]).await?;
    ensure!(said.contains("/data of web-1") && said.contains("full at"), "{said}");

    // All but one go on.
    let alive: Vec<&str> = HOSTS.into_iter().filter(|host| *host != SILENT).collect();
    let silent = eventually("the host to be absent", || async {
        write(&node, memory(&alive, &[now_ms()])).await?;
        let unit = host(&api, SILENT).await?;
        Ok((unit["state"] == "absent").then_some(unit))
    })
    .await?;
    ensure!(silent["value"].is_null(), "what is absent has no value: {silent}");
    let high = host(&api, "web-5").await?;
    ensure!(high["state"] == "reporting" && high["value"].as_f64() == Some(0.8), "{high}");
    let of_all = api.get("/api/v1/infrastructure?measure=memory").await?;
    ensure!(
        of_all["groups"][0]["units"].as_array().is_some_and(|units| units
            .iter()
            .any(|unit| { unit["name"] == "web-5" && unit["place"] == "high" })),
        "{of_all}"
    );
    let told = eventually("the alerts at the desk", || async {
        write(&node, memory(&alive, &[now_ms()])).await?;
        let answer = api.get("/alertmanager/api/v2/alerts").await?;
        let all = answer.as_array().cloned().unwrap_or_default();
        let of = |name: &str| all.iter().find(|it| it["labels"]["alertname"] == name).cloned();
        Ok(of("Absent").zip(of("RunsFull")))
    })
    .await?;
    ensure!(told.0["labels"]["host"] == SILENT && told.0["labels"]["cloud_region"] == "eu-1", "{told:?}");
    ensure!(told.1["labels"]["resource"] == "disk", "{told:?}");
    let said = nines(&node, &["infra", "--by", "cloud.region", "--absent"]).await?;
    ensure!(said.contains(SILENT) && said.contains("absent") && !said.contains("web-1"), "{said}");

    // Somebody says that it is gone; that is in the audit log, outlives a restart, and ends the alert.
    let retired = json!({"kind": "host", "id": SILENT, "reason": "scaled in"});
    let unit = api.post("/api/v1/infrastructure/retire", &retired).await?;
    ensure!(unit["state"] == "gone", "{unit}");
    let audit = api.get("/api/v1/audit?limit=20").await?;
    ensure!(audit.to_string().contains("infrastructure.retire"), "{audit}");
    eventually("the alert to be over", || async {
        let answer = api.get("/alertmanager/api/v2/alerts").await?;
        let all = answer.as_array().cloned().unwrap_or_default();
        Ok((!all.iter().any(|it| it["labels"]["alertname"] == "Absent")).then_some(()))
    })
    .await?;
    node.stop().await?;
    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    let unit = host(&api, SILENT).await?;
    ensure!(
        unit["state"] == "gone" && unit["reason"].as_str().is_some_and(|why| why.contains("scaled in")),
        "{unit}"
    );
    // A restart makes nobody absent who was heard until then.
    ensure!(host(&api, "web-1").await?["state"] == "reporting");
    let back = memory(&[SILENT], &[now_ms() + Duration::from_secs(2).as_millis() as i64]);
    write(&node, back).await?;
    eventually("who reports again to be back", || async {
        Ok((host(&api, SILENT).await?["state"] == "reporting").then_some(()))
    })
    .await?;
    node.stop().await
}
