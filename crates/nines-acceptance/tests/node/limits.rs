//! C2: limits of teams and datasets, set while the node runs, and removals that wait for somebody to confirm them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use nines_acceptance::remote_write::{Series, written};
use nines_acceptance::{Api, Node, Spans, client, command, eventually};
use nines_base::SystemClock;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::{Value, json};

const TEAMS: &str = "apiVersion: nines/v1\nkind: Team\nmetadata: {name: noisy}\nspec: {}\n---\n\
     apiVersion: nines/v1\nkind: Team\nmetadata: {name: quiet}\nspec: {}\n";

fn limits(text: &str) -> String {
    format!("apiVersion: nines/v1\nkind: TelemetryLimits\nmetadata: {{name: fair}}\nspec:\n  limits:\n{text}")
}

async fn ingest_key(api: &Api, team: &str) -> anyhow::Result<String> {
    let asked = json!({"name": format!("{team}-collector"), "role": "ingest", "team": team});
    let made = api.post("/api/v1/keys", &asked).await?;
    Ok(made["secret"].as_str().context("a secret")?.to_owned())
}

/// What the node says of one tenant or dataset.
async fn scope(api: &Api, kind: &str, name: &str) -> anyhow::Result<Value> {
    let status = api.get("/api/v1/status").await?;
    let scopes = status["ingest"]["scopes"].as_array().context("scopes")?;
    let found = scopes.iter().find(|one| one["scope"] == kind && one["name"] == name);
    found.cloned().with_context(|| format!("{kind} {name}: {scopes:?}"))
}

fn refused(scope: &Value) -> u64 {
    scope["refused"].as_array().into_iter().flatten().filter_map(|one| one["count"].as_u64()).sum()
}

/// What the senders of one team saw, in requests.
#[derive(Default)]
struct Ledger {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    other: AtomicU64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_sends_twenty_times_too_much_is_refused_and_the_other_is_not() -> anyhow::Result<()> {
    const ROWS: u64 = 100;
    /// Requests of the quiet team, one after the other; the noisy one sends as long as that takes, as fast as it can.
    const QUIET: u64 = 300;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    api.apply(TEAMS).await?;
    api.apply(&limits("  - {team: noisy, eventsPerSecond: 1000, burstSeconds: 1}\n")).await?;
    let body: String = (0..ROWS).map(|row| format!("{{\"body\":\"row {row}\"}}\n")).collect();
    let body: Arc<str> = body.into();
    let url = format!("{}/api/v1/ingest/logs", node.addresses.http);
    let clock = SystemClock::shared();
    let done = Arc::new(AtomicU64::new(0));
    let mut senders = tokio::task::JoinSet::new();
    let noise = Arc::new(Ledger::default());
    let noisy = ingest_key(&api, "noisy").await?;
    for _ in 0..4 {
        let (ledger, url, key, body, done) =
            (Arc::clone(&noise), url.clone(), noisy.clone(), Arc::clone(&body), Arc::clone(&done));
        senders.spawn(async move {
            let client = client();
            while done.load(Ordering::Relaxed) == 0 {
                ledger.sent.fetch_add(1, Ordering::Relaxed);
                let answer = client.post(&url).bearer_auth(&key).body(body.to_string()).send().await;
                let counter = match answer {
                    Ok(answer) if answer.status().is_success() => &ledger.acknowledged,
                    Ok(answer) if answer.status() == 429 && answer.headers().contains_key("retry-after") => {
                        &ledger.refused
                    }
                    _ => &ledger.other,
                };
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let quiet = Api::new(&node.addresses.http, &ingest_key(&api, "quiet").await?);
    let mut taken = Vec::new();
    for _ in 0..QUIET {
        let before = clock.monotonic();
        let headers = [("content-type", "application/x-ndjson")];
        let (status, answer) =
            quiet.send("POST", "/api/v1/ingest/logs", &headers, body.to_string().into()).await?;
        ensure!(status == 200, "the quiet team was answered {status}: {answer}");
        taken.push(clock.monotonic() - before);
    }
    done.store(1, Ordering::Relaxed);
    while let Some(sender) = senders.join_next().await {
        sender?;
    }
    taken.sort();
    let [sent, acknowledged, refusals, other] =
        [&noise.sent, &noise.acknowledged, &noise.refused, &noise.other]
            .map(|one| one.load(Ordering::Relaxed));
    let p99 = taken[taken.len() * 99 / 100];
    println!(
        "C2 noisy: {sent} requests sent, {acknowledged} acknowledged, {refusals} refused; quiet: {QUIET} sent, 0 refused, p99 {:.1} ms",
        p99.as_secs_f64() * 1e3
    );
    ensure!(other == 0, "{other} requests were not answered as they should");
    ensure!(sent == acknowledged + refusals, "{sent} sent, {acknowledged} acknowledged, {refusals} refused");
    ensure!(refusals > 20 * acknowledged.min(5), "this was no noise: {acknowledged} and {refusals}");
    // What the node counts is what the senders saw, and what is stored.
    let of_noisy = scope(&api, "team", "noisy").await?;
    ensure!(refused(&of_noisy) == refusals, "{of_noisy}");
    ensure!(of_noisy["accepted_requests"] == acknowledged, "{of_noisy}");
    let of_quiet = scope(&api, "team", "quiet").await?;
    ensure!(refused(&of_quiet) == 0 && of_quiet["accepted_events"] == QUIET * ROWS, "{of_quiet}");
    let stored = api.sql_number("select count(*) from logs").await? as u64;
    ensure!(stored == (acknowledged + QUIET) * ROWS, "{stored} stored");
    let (_, metrics) = api.call("GET", "/metrics", None).await?;
    let line = format!(
        "nines_limits_refused_total{{scope=\"team\",name=\"noisy\",reason=\"event_rate\"}} {refusals}"
    );
    ensure!(metrics.as_str().is_some_and(|text| text.contains(&line)), "no `{line}` in {metrics}");
    node.stop().await
}

/// A limit of nothing, so that each protocol says in its own words that it must come again.
#[tokio::test(flavor = "multi_thread")]
async fn each_protocol_says_whose_limit_it_was_and_when_to_come_back() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let owner = node.api()?;
    owner.apply(TEAMS).await?;
    let key = ingest_key(&owner, "noisy").await?;
    let api = Api::new(&node.addresses.http, &key);
    let sample = Series::new(&[("__name__", "up")], &[(1.0, 1_795_334_400_000)]);
    let doors: [(&str, &str, Vec<u8>, u16); 7] = [
        ("/api/v1/ingest/logs", "application/x-ndjson", b"{\"body\":\"a\"}\n".to_vec(), 429),
        (
            "/elastic/_bulk",
            "application/x-ndjson",
            b"{\"create\":{\"_index\":\"logs\"}}\n{\"message\":\"a\"}\n".to_vec(),
            429,
        ),
        (
            "/loki/api/v1/push",
            "application/json",
            b"{\"streams\":[{\"stream\":{},\"values\":[[\"1795334400000000000\",\"a\"]]}]}".to_vec(),
            429,
        ),
        (
            "/v1/logs",
            "application/json",
            b"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"a\"}}]}]}]}"
                .to_vec(),
            429,
        ),
        // Senders of these drop what is answered with 429.
        ("/prometheus/api/v1/write", "application/x-protobuf", written([sample]), 503),
        ("/services/collector/event", "application/json", b"{\"event\":\"a\"}".to_vec(), 503),
        (
            "/v1/cloudevents",
            "application/cloudevents+json",
            b"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"a\",\"type\":\"b\"}".to_vec(),
            429,
        ),
    ];
    let send = async |path: &str, content_type: &str, body: Vec<u8>| {
        let url = format!("{}{path}", node.addresses.http);
        let request = client().post(url).bearer_auth(&key).header("content-type", content_type).body(body);
        let answer = request.send().await?;
        let (status, retry) = (answer.status().as_u16(), answer.headers().get("retry-after").cloned());
        anyhow::Ok((status, retry, answer.text().await?))
    };
    for (path, content_type, body, _) in &doors {
        let (status, _, text) = send(path, content_type, body.clone()).await?;
        ensure!((200..300).contains(&status), "{path} without limits: {status} {text}");
    }
    owner.apply(&limits("  - {eachTeam: true, eventsPerSecond: 0}\n")).await?;
    for (path, content_type, body, expected) in &doors {
        let (status, retry, text) = send(path, content_type, body.clone()).await?;
        ensure!(status == *expected && retry.is_some(), "{path}: {status} {retry:?} {text}");
        ensure!(
            text.contains("team noisy")
                && text.contains("0 events a second")
                && text.contains("TelemetryLimits"),
            "{path}: {text}"
        );
    }
    let mut grpc = TraceServiceClient::connect(node.addresses.otlp_grpc.clone()).await?;
    // Nobody limits the organisation, whose key this is.
    let spans =
        || Spans { service: "checkout", first: 0, count: 1, at: 1_795_334_400_000_000_000, fail_every: 0 };
    spans().send(&mut grpc).await.context("the first listener takes anonymous senders on loopback")?;
    owner.apply(&limits("  - {organisation: true, bytesPerSecond: 0}\n")).await?;
    let refusal = spans().send(&mut grpc).await.err().context("refused")?;
    ensure!(refusal.code() == tonic::Code::ResourceExhausted, "{refusal:?}");
    ensure!(!refusal.details().is_empty() && refusal.message().contains("organisation"), "{refusal:?}");
    // A dataset's limit is felt by whoever sends it, and by nobody else.
    owner.apply(&limits("  - {dataset: logs, eventsPerSecond: 0}\n")).await?;
    let headers = [("content-type", "application/x-ndjson")];
    let (status, text) =
        api.send("POST", "/api/v1/ingest/logs", &headers, b"{\"body\":\"a\"}\n".to_vec()).await?;
    ensure!(status == 429 && text.to_string().contains("dataset logs"), "{status} {text}");
    let (status, text) =
        api.send("POST", "/api/v1/ingest/changes", &headers, b"{\"body\":\"a\"}\n".to_vec()).await?;
    ensure!(status == 200, "{status} {text}");
    ensure!(refused(&scope(&owner, "dataset", "logs").await?) == 1);
    let (status, problem) = owner
        .call(
            "POST",
            "/api/v1/apply",
            Some(("application/yaml", limits("  - {team: nosy, eventsPerSecond: 1}\n").into_bytes())),
        )
        .await?;
    ensure!((400..500).contains(&status) && problem.to_string().contains("noisy"), "{status} {problem}");
    node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_has_its_share_stored_is_refused_until_some_of_it_is_gone() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let node = Node::start(&data, &[]).await?;
    let owner = node.api()?;
    owner.apply(TEAMS).await?;
    let (noisy, quiet) = (ingest_key(&owner, "noisy").await?, ingest_key(&owner, "quiet").await?);
    let body: String =
        (0..2_000).map(|row| format!("{{\"body\":\"row {:x}\"}}\n", row * 7_919_u64)).collect();
    let headers = [("content-type", "application/x-ndjson")];
    let send = async |node: &Node, key: &str| {
        let api = Api::new(&node.addresses.http, key);
        api.send("POST", "/api/v1/ingest/logs", &headers, body.clone().into()).await
    };
    for _ in 0..8 {
        ensure!(send(&node, &noisy).await?.0 == 200);
    }
    ensure!(send(&node, &quiet).await?.0 == 200);
    // Stopping seals.
    node.stop().await?;
    let node = Node::start(&data, &[]).await?;
    let owner = node.api()?;
    let stored = eventually("what is stored is shared out", async || {
        let noisy = scope(&owner, "team", "noisy").await.ok();
        Ok(noisy.and_then(|one| one["stored_bytes"].as_u64()).filter(|bytes| *bytes > 0))
    });
    let stored = stored.await?;
    let of_quiet = scope(&owner, "team", "quiet").await?["stored_bytes"].as_u64().context("bytes")?;
    ensure!(
        stored / 8 >= of_quiet - 1 && stored / 8 <= of_quiet + 1,
        "{stored} and {of_quiet}: eight to one"
    );
    owner.apply(&limits(&format!("  - {{eachTeam: true, storedBytes: {}}}\n", stored / 2))).await?;
    let (status, text) = send(&node, &noisy).await?;
    ensure!(status == 429 && text.to_string().contains("storedBytes"), "{status} {text}");
    ensure!(send(&node, &quiet).await?.0 == 200, "the other team has room");
    let notices = owner.get("/api/v1/status").await?["notices"].to_string();
    ensure!(notices.contains("team noisy"), "{notices}");
    owner.apply(&limits(&format!("  - {{eachTeam: true, storedBytes: {}}}\n", stored * 2))).await?;
    ensure!(send(&node, &noisy).await?.0 == 200, "a raised budget holds at once");
    node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retention_that_deletes_much_waits_until_it_is_confirmed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    // Rows of long ago arrive now, so nothing is old by its arrival: a budget of the disk is what can delete today.
    let rows: String =
        (0..20_000).map(|row| format!("{{\"body\":\"row {:x}\"}}\n", row * 7_919_u64)).collect();
    let headers = [("content-type", "application/x-ndjson")];
    for _ in 0..2 {
        let node = Node::start(&data, &[]).await?;
        let sender = Api::new(&node.addresses.http, &node.key("ingest.key")?);
        let (status, text) =
            sender.send("POST", "/api/v1/ingest/logs", &headers, rows.clone().into()).await?;
        ensure!(status == 200, "{status} {text}");
        node.stop().await?;
    }
    let node = Node::start(&data, &["--disk-max", "64KiB"]).await?;
    let api = node.api()?;
    let waiting = eventually("the removal waits", async || {
        let limits = api.get("/api/v1/limits").await?;
        Ok(limits["removals"].as_array().and_then(|removals| removals.first().cloned()))
    });
    let waiting = waiting.await?;
    ensure!(waiting["limit"] == "disk budget" && waiting["rows"].as_u64() > Some(0), "{waiting}");
    ensure!(api.sql_number("select count(*) from logs").await? == 40_000.0, "nothing is deleted before that");

    // Only what waits can be confirmed, and only by those who may.
    let (status, answer) = api
        .call(
            "POST",
            "/api/v1/limits/confirm",
            Some(("application/json", b"{\"limits\":[\"retention of logs\"]}".to_vec())),
        )
        .await?;
    ensure!(status == 409, "{status} {answer}");
    let viewer = api.post("/api/v1/keys", &json!({"name": "viewer", "role": "viewer"})).await?;
    let viewer = Api::new(&node.addresses.http, viewer["secret"].as_str().context("a secret")?);
    let named = b"{\"limits\":[\"disk budget\"]}".to_vec();
    let (status, _) =
        viewer.call("POST", "/api/v1/limits/confirm", Some(("application/json", named))).await?;
    ensure!(status == 403, "{status}");
    let confirmed = command(&["limits", "confirm", "disk budget"])?
        .env("NINES_URL", &node.addresses.http)
        .env("NINES_KEY", node.key("owner.key")?)
        .output()
        .await?;
    ensure!(confirmed.status.success(), "{}", String::from_utf8_lossy(&confirmed.stderr));
    eventually("the rows are gone and nothing waits", async || {
        let limits = api.get("/api/v1/limits").await?;
        let left = api.sql_number("select count(*) from logs").await?;
        Ok((limits["removals"] == json!([]) && left < 40_000.0).then_some(()))
    })
    .await?;
    let log = api.get("/api/v1/audit?limit=50").await?.to_string();
    ensure!(log.contains("limits.confirm") && log.contains("disk budget"), "{log}");

    // A retention that a document says is wanted at once.
    api.apply(&limits("  - {dataset: spans, retention: 3d}\n")).await?;
    let text = api.get("/api/v1/limits").await?;
    let spans =
        text["limits"].as_array().context("limits")?.iter().find(|one| one["limit"] == "retention of spans");
    ensure!(spans.is_some_and(|one| one["wanted"] == 3 * 86_400), "{text}");
    node.stop().await
}
