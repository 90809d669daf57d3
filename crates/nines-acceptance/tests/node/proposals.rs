//! A service that nobody has registered has its promises, and a dashboard, proposed from whatever it sends: spans are looked
//! at in `defaults.rs`, here it is metrics alone, by OTLP and by remote write, and logs alone.

use anyhow::ensure;
use nines_acceptance::remote_write::{Series, written};
use nines_acceptance::{Api, Node, client, eventually, shared};
use nines_base::SystemClock;
use serde_json::{Value, json};

const SECOND: u64 = 1_000_000_000;

fn now_nanos() -> u64 {
    u64::try_from(SystemClock::shared().now().as_nanos()).unwrap_or(0)
}

/// What is proposed, once there is something of the telemetry in it.
async fn proposed(api: &Api, service: &str, of: &str) -> anyhow::Result<Vec<Value>> {
    eventually("a proposal", || async {
        let found = api.get(&format!("/api/v1/services/{service}/defaults")).await?;
        ensure!(found["registered"] == false && found["partial"] == json!([]), "{found}");
        let proposals = found["proposals"].as_array().cloned().unwrap_or_default();
        let is_of = proposals.iter().any(|one| one["yaml"].as_str().is_some_and(|yaml| yaml.contains(of)));
        Ok(is_of.then_some(proposals))
    })
    .await
}

/// They are applied as they stand, and measured as telemetry goes on: `send` sends some that is good.
async fn measured(
    api: &Api,
    proposals: &[Value],
    send: impl AsyncFn(u64) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for one in proposals {
        api.apply(one["yaml"].as_str().unwrap_or_default()).await?;
    }
    for one in proposals {
        let path = format!("/api/v1/slos/{}", one["name"].as_str().unwrap_or_default());
        let mut round = 0;
        eventually("the promise to be measured", || {
            round += 1;
            let (path, send) = (&path, &send);
            async move {
                send(round).await?;
                let slo = api.get(path).await?;
                Ok((slo["measurement"] == "measured" && slo["good"].as_u64() > Some(0)).then_some(()))
            }
        })
        .await?;
    }
    Ok(())
}

/// The id of each panel, whose queries in PromQL can be asked.
async fn panels(api: &Api, service: &str) -> anyhow::Result<Vec<String>> {
    let drawn = api.get(&format!("/api/v1/services/{service}/dashboard")).await?;
    let panels = drawn["document"]["spec"]["panels"].as_array().cloned().unwrap_or_default();
    for query in panels.iter().flat_map(|panel| panel["queries"].as_array().into_iter().flatten()) {
        let Some(promql) = query["promql"].as_str() else { continue };
        let asked = promql.replace("$__rate_interval", "5m");
        let encoded: String = asked.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = api.get(&format!("/prometheus/api/v1/query?query={encoded}")).await?;
        ensure!(answer["status"] == "success", "{asked}: {answer}");
    }
    Ok(panels.iter().filter_map(|panel| panel["id"].as_str().map(str::to_owned)).collect())
}

/// `http.server.request.duration` with so many requests so far, one of 2 000 failed, 1 of 200 took longer than 250 ms.
fn durations(requests: u64, at: u64) -> Value {
    let point = |status: &str, count: u64| {
        let slow = count / 200;
        json!({
            "attributes": [
                {"key": "http.response.status_code", "value": {"intValue": status}},
                {"key": "http.route", "value": {"stringValue": "/pay"}}],
            "startTimeUnixNano": "1", "timeUnixNano": at.to_string(), "count": count.to_string(), "sum": 1.0,
            "explicitBounds": [0.05, 0.25, 1.0],
            "bucketCounts": ["0", (count - slow).to_string(), slow.to_string(), "0"]})
    };
    json!({"resourceMetrics": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "pay"}},
            {"key": "service.namespace", "value": {"stringValue": "shop"}}]},
        "scopeMetrics": [{"metrics": [{"name": "http.server.request.duration", "unit": "s", "histogram": {
            "aggregationTemporality": 2,
            "dataPoints": [point("200", requests - requests / 2_000), point("503", requests / 2_000)]}}]}]}]})
}

#[tokio::test]
async fn metrics_of_opentelemetry_alone_are_enough() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let began = now_nanos();
    let send = async |requests: u64, at: u64| {
        let body = durations(requests, at).to_string().into_bytes();
        let (status, answer) = api.call("POST", "/v1/metrics", Some(("application/json", body))).await?;
        ensure!(status == 200, "{answer}");
        Ok(())
    };
    for minute in 0..=100 {
        send(2_000 * minute, began - (100 - minute) * 60 * SECOND).await?;
    }
    let proposals = proposed(&api, "pay", "http_server_request_duration_seconds").await?;
    let [availability, latency] = proposals.as_slice() else { anyhow::bail!("{proposals:?}") };
    // One of 2 000: half of what 99.9 % allows.
    ensure!(availability["category"] == "availability" && availability["target"] == 0.999, "{availability}");
    let reason = latency["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("bound of its buckets") && reason.contains("1000 ms"), "{latency}");
    ensure!(latency["yaml"].as_str().is_some_and(|yaml| yaml.contains("value: 1\n")), "{latency}");
    let drawn = panels(&api, "pay").await?;
    ensure!(drawn.iter().any(|id| id == "traffic") && drawn.iter().any(|id| id == "latency"), "{drawn:?}");
    measured(&api, &proposals, async |round| send(200_000 + 2_000 * round, now_nanos()).await).await?;
    node.stop().await
}

#[tokio::test]
async fn counters_of_prometheus_alone_are_enough() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let (url, key) = (format!("{}/prometheus/api/v1/write", node.addresses.http), node.key("ingest.key")?);
    let began = (now_nanos() / 1_000_000) as i64;
    let http = client();
    let send = async |points: &[(f64, i64)]| {
        let of = |code: &str, share: f64| {
            let labels = [
                ("__name__", "http_requests_total"),
                ("instance", "a:80"),
                ("job", "cart"),
                ("status", code),
            ];
            let samples: Vec<(f64, i64)> =
                points.iter().map(|(value, at)| ((value * share).floor(), *at)).collect();
            Series::new(&labels, &samples)
        };
        let body = written([of("200", 0.98), of("500", 0.02)]);
        let request = http.post(&url).bearer_auth(&key).body(body);
        let request =
            request.header("content-type", "application/x-protobuf").header("content-encoding", "snappy");
        let answer = request.send().await?;
        ensure!(answer.status().is_success(), "{}", answer.text().await?);
        Ok(())
    };
    let past: Vec<(f64, i64)> =
        (0..=100).map(|minute| (f64::from(minute) * 1e3, began - i64::from(100 - minute) * 60_000)).collect();
    send(&past).await?;
    let proposals = proposed(&api, "cart", "http_requests_total").await?;
    // Two of a hundred failed: 95 % leaves room. There is no histogram, so nothing is said of time.
    let [availability] = proposals.as_slice() else { anyhow::bail!("{proposals:?}") };
    ensure!(availability["target"] == 0.95, "{availability}");
    ensure!(
        availability["yaml"].as_str().is_some_and(|yaml| yaml.contains(r#"status=~"5..""#)),
        "{availability}"
    );
    let drawn = panels(&api, "cart").await?;
    ensure!(drawn.iter().any(|id| id == "traffic") && drawn.iter().all(|id| id != "latency"), "{drawn:?}");
    measured(&api, &proposals, async |round| {
        let at = (now_nanos() / 1_000_000) as i64;
        send(&[(1e5 + round as f64 * 1e3, at)]).await
    })
    .await?;
    node.stop().await
}

fn records(service: &str, count: u64, of: impl Fn(u64) -> Value) -> Vec<u8> {
    let now = now_nanos();
    let record = |number: u64| {
        let mut record = json!({"timeUnixNano": (now - number * SECOND / 100).to_string(), "body": {"stringValue": format!("request {number}")}});
        let more = of(number);
        for (name, value) in more.as_object().into_iter().flatten() {
            record[name] = value.clone();
        }
        record
    };
    let records: Vec<Value> = (0..count).map(record).collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]})
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn logs_alone_are_enough_and_say_what_they_cannot() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let access = |number: u64| {
        let status = if number.is_multiple_of(500) { "502" } else { "200" };
        json!({"severityNumber": 9, "attributes": [{"key": "http.response.status_code", "value": {"intValue": status}}]})
    };
    let lines = |number: u64| json!({"severityNumber": if number.is_multiple_of(50) { 17 } else { 9 }});
    let send = async |body: Vec<u8>| {
        let (status, answer) = api.call("POST", "/v1/logs", Some(("application/json", body))).await?;
        ensure!(status == 200, "{answer}");
        Ok(())
    };
    send(records("gate", 5_000, access)).await?;
    let proposals = proposed(&api, "gate", "http.response.status_code").await?;
    let [availability] = proposals.as_slice() else { anyhow::bail!("{proposals:?}") };
    ensure!(availability["category"] == "availability" && availability["target"] == 0.995, "{availability}");
    let drawn = panels(&api, "gate").await?;
    ensure!(drawn.iter().any(|id| id == "log-errors"), "{drawn:?}");
    measured(&api, &proposals, async |_| send(records("gate", 100, access)).await).await?;

    send(records("batch", 5_000, lines)).await?;
    let proposals = proposed(&api, "batch", "severity_number").await?;
    let [quality] = proposals.as_slice() else { anyhow::bail!("{proposals:?}") };
    ensure!(quality["category"] == "quality" && quality["name"] == "batch-quality", "{quality}");
    ensure!(
        quality["reason"].as_str().is_some_and(|reason| reason.contains("nothing counts its requests")),
        "{quality}"
    );
    measured(&api, &proposals, async |_| send(records("batch", 100, lines)).await).await?;
    node.stop().await
}
