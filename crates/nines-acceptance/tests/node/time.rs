//! D2 and D3: senders whose clocks differ, and telemetry that comes late, out of order and twice.

use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, Provider, Spans, eventually, shared, span_request};
use nines_base::{Random, SharedClock, SystemClock};
use nines_model::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use serde_json::{Value, json};

use crate::oncall::documents;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// The oldest event is so late.
const LATE_MAX: f64 = 6.0 * HOUR as f64;
/// Events of one service, of which one in ten comes twice.
const EVENTS: u64 = 2_000;
const BATCH: usize = 40;
/// Of each source whose clock is wrong.
const SKEWED: u64 = 120;
/// Stamped further ahead of its arrival than this, an event counts in no SLO (`nines_slo::FUTURE_MAX`).
const BELIEVED: i64 = 600;

/// A promise that the bad events of these tests do not endanger, or one that they do.
fn promise(name: &str, service: &str, dataset: &str, bad: &str, target: f64) -> String {
    format!(
        "---\napiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}}}\nspec:\n  service: {service}\n  \
         indicator:\n    metadata: {{name: {name}-sli}}\n    spec:\n      ratioMetric:\n        \
         bad: {{metricSource: {{type: nines, spec: {{dataset: {dataset}, filter: 'service.name: {service} and {bad}'}}}}}}\n        \
         total: {{metricSource: {{type: nines, spec: {{dataset: {dataset}, filter: 'service.name: {service}'}}}}}}\n  \
         timeWindow: [{{duration: 30d, isRolling: true}}]\n  budgetingMethod: Occurrences\n  objectives: [{{target: {target}}}]\n"
    )
}

/// An event on its way: when it happened by its sender's clock, in seconds from now, and whether it failed.
#[derive(Clone, Copy)]
struct Sent {
    id: u64,
    offset: f64,
    failed: bool,
}

fn stamp(clock: &SharedClock, offset: f64) -> u64 {
    (clock.now().as_nanos() as f64 + offset * 1e9) as u64
}

fn spans(clock: &SharedClock, service: &str, host: &str, sent: &[Sent]) -> ExportTraceServiceRequest {
    let all = Spans { service, first: 0, count: sent.len() as u64, at: 0, fail_every: 0 };
    let mut request = span_request(all);
    let of_one = &mut request.resource_spans[0];
    let name = AnyValue { value: Some(any_value::Value::StringValue(host.to_owned())) };
    let host = KeyValue { key: "host.name".to_owned(), value: Some(name), ..KeyValue::default() };
    of_one.resource.as_mut().expect("a resource was put there").attributes.push(host);
    for (span, sent) in of_one.scope_spans[0].spans.iter_mut().zip(sent) {
        span.span_id = (sent.id + 1).to_be_bytes().to_vec();
        span.start_time_unix_nano = stamp(clock, sent.offset);
        span.end_time_unix_nano = span.start_time_unix_nano + 1_000_000;
        span.status.as_mut().expect("a status was put there").code = if sent.failed { 2 } else { 1 };
    }
    request
}

fn logs(clock: &SharedClock, service: &str, host: &str, sent: &[Sent]) -> Value {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let records: Vec<Value> = sent
        .iter()
        .map(|sent| {
            json!({
                "timeUnixNano": stamp(clock, sent.offset).to_string(),
                "severityNumber": if sent.failed { 17 } else { 9 },
                "body": {"stringValue": format!("line {}", sent.id)},
            })
        })
        .collect();
    json!({"resourceLogs": [{
        "resource": {"attributes": [attribute("service.name", service), attribute("host.name", host)]},
        "scopeLogs": [{"logRecords": records}],
    }]})
}

/// Events that are late by a second to six hours, in no order, some of them twice.
fn late(random: &Random) -> Vec<Sent> {
    let mut all: Vec<Sent> = (0..EVENTS)
        .map(|id| {
            let share = random.below(1_000_001) as f64 / 1e6;
            Sent { id, offset: -LATE_MAX.powf(share), failed: random.below(20) == 0 }
        })
        .collect();
    all.extend_from_within(..EVENTS as usize / 10);
    for last in (1..all.len()).rev() {
        all.swap(last, random.below(last as u64 + 1) as usize);
    }
    all
}

/// What an SLO says, beside what is stored of its service: good and all, from the API and from SQL.
async fn counts(
    api: &Api,
    slo: &str,
    service: &str,
    dataset: &str,
    bad: &str,
) -> anyhow::Result<[[u64; 2]; 2]> {
    let said = api.get(&format!("/api/v1/slos/{slo}")).await?;
    let start = said["window_start"].as_str().context("window_start")?;
    // A second more, as that which is running counts.
    let asked = format!(
        "select count(*) filter (where not ({bad})), count(*) from {dataset} where \"service.name\" = '{service}' \
         and timestamp >= timestamp '{start}' and timestamp < now() + interval '1 second'"
    );
    let rows = api.sql(&asked).await?;
    let stored = rows.first().context("a row")?;
    let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    Ok([[number(&said["good"]), number(&said["total"])], [number(&stored[0]), number(&stored[1])]])
}

#[tokio::test(flavor = "multi_thread")]
async fn late_and_skewed() -> anyhow::Result<()> {
    let _machine = shared().await;
    let seed = std::env::var("NINES_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(2026);
    println!("seed {seed} (NINES_SEED replays it)");
    let (random, clock) = (Random::from_seed(seed), SystemClock::shared());
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let provider = Provider::start().await?;
    let egress = ["--allow-egress", "127.0.0.0/8"];
    let node = Node::start(&data, &egress).await?;
    let api = node.api()?;
    const SLOS: [(&str, &str, &str, &str, &str); 5] = [
        ("shop-spans", "shop", "spans", "status_code: error", "status_code = 'error'"),
        ("cart-spans", "cart", "spans", "status_code: error", "status_code = 'error'"),
        ("shop-logs", "shop", "logs", "severity_number >= 17", "severity_number >= 17"),
        ("checkout-spans", "checkout", "spans", "status_code: error", "status_code = 'error'"),
        ("idle-spans", "idle", "spans", "status_code: error", "status_code = 'error'"),
    ];
    let promises: String = SLOS
        .iter()
        .map(|(name, service, dataset, bad, _)| {
            let is_tight = ["checkout", "idle"].contains(service);
            promise(name, service, dataset, bad, if is_tight { 0.999 } else { 0.5 })
        })
        .collect();
    api.apply(&(documents(&provider.url) + &promises)).await?;

    // Everything comes late, from right and from wrong clocks, by both protocols at once.
    let mut grpc = TraceServiceClient::connect(node.addresses.otlp_grpc.clone()).await?;
    let door = Api::new(&node.addresses.otlp_http, &node.key("ingest.key")?);
    let mut sent = 0;
    for service in ["shop", "cart"] {
        let events = late(&random);
        for batch in events.chunks(BATCH) {
            grpc.export(spans(&clock, service, "on-time", batch)).await?;
            if service == "shop" {
                door.post("/v1/logs", &logs(&clock, service, "on-time", batch)).await?;
            }
        }
        sent += events.len();
        for (host, days) in [("ahead", 1), ("behind", -1)] {
            let skewed: Vec<Sent> = (0..SKEWED)
                .map(|id| Sent { id, offset: (days * DAY) as f64 - id as f64 / 100.0, failed: id % 3 == 0 })
                .collect();
            grpc.export(spans(&clock, service, host, &skewed)).await?;
            door.post("/v1/logs", &logs(&clock, service, host, &skewed)).await?;
        }
    }
    // A failure that was over five hours ago, heard of now: of a service that is well since, and of one that was silent.
    let burst: Vec<Sent> =
        (0..200).map(|id| Sent { id, offset: -(5 * HOUR) as f64 + id as f64 / 10.0, failed: true }).collect();
    let well: Vec<Sent> =
        (0..500).map(|id| Sent { id, offset: -1.0 - id as f64 / 10.0, failed: false }).collect();
    grpc.export(spans(&clock, "checkout", "on-time", &well)).await?;
    grpc.export(spans(&clock, "checkout", "on-time", &burst)).await?;
    grpc.export(spans(&clock, "idle", "on-time", &burst)).await?;

    equal(&api, &SLOS).await?;
    let shop = api.get("/api/v1/slos/shop-spans").await?;
    ensure!(shop["total"] == EVENTS + EVENTS / 10 + SKEWED, "{shop}");
    ensure!(shop["left_out_ahead"] == SKEWED && shop["left_out_late"] == 0, "{shop}");
    let checkout = api.get("/api/v1/slos/checkout-spans").await?;
    ensure!(checkout["budget"]["spent_events"] == 200.0, "the budget is charged: {checkout}");
    clocks_are_told(&api).await?;
    arrivals_are_kept(&api).await?;
    // Each rule has been looked at some times since.
    nobody_is_called(&api, &provider, &clock).await?;
    node.kill().await?;

    let node = Node::start(&data, &egress).await?;
    let api = node.api()?;
    equal(&api, &SLOS).await?;
    arrivals_are_kept(&api).await?;
    nobody_is_called(&api, &provider, &clock).await?;
    println!(
        "D2, D3: {sent} spans of two services and half as many log lines 1 s to 6 h late, in no order, a tenth of them \
         twice, and {} of each from clocks a day ahead and behind: each SLO's counts are those of SQL, also after a kill",
        4 * SKEWED
    );

    // The same service, the same failures, but now.
    let grpc = TraceServiceClient::connect(node.addresses.otlp_grpc.clone()).await?;
    eventually("ann to be called", || {
        let now: Vec<Sent> = (0..200).map(|id| Sent { id, offset: -0.1, failed: true }).collect();
        let (request, mut grpc) = (spans(&clock, "checkout", "on-time", &now), grpc.clone());
        let provider = provider.clone();
        async move {
            grpc.export(request).await?;
            Ok(provider.called("ann", "checkout").await)
        }
    })
    .await?;
    node.kill().await
}

/// Waits until each SLO counts what is stored of its window.
async fn equal(api: &Api, slos: &[(&str, &str, &str, &str, &str)]) -> anyhow::Result<()> {
    for (name, service, dataset, _, bad) in slos {
        let found = eventually("counts to be those that are stored", || async {
            let [said, stored] = counts(api, name, service, dataset, bad).await?;
            ensure!(said == stored, "{name} says {said:?}, {stored:?} are stored");
            Ok(Some(said))
        });
        let found = found.await?;
        ensure!(found[1] > 0, "{name} counts nothing");
    }
    Ok(())
}

/// The two hosts whose clocks are wrong, and no other, in the API and among the metrics.
async fn clocks_are_told(api: &Api) -> anyhow::Result<()> {
    let clocks = api.get("/api/v1/clocks").await?;
    let worst = clocks["worst"].as_array().context("worst")?;
    let mut found: Vec<(String, String, i64)> = Vec::new();
    for one in worst {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let ahead = one["ahead_secs"].as_f64().context("ahead_secs")?;
        found.push((text("service"), text("place"), (ahead / 60.0).round() as i64));
        // Its row leads to what it sent.
        let asked = json!({
            "dataset": one["dataset"], "filter": one["filter"], "start": one["start"], "end": one["end"], "limit": 500,
        });
        let rows = api.post("/api/v1/search", &asked).await?;
        ensure!(!rows["rows"].as_array().context("rows")?.is_empty(), "{one} finds nothing: {rows}");
    }
    found.retain(|(service, ..)| service != "idle");
    found.sort();
    let day = DAY / 60;
    let expected = ["cart", "shop"].map(|service| {
        [(service.to_owned(), "ahead".to_owned(), day), (service.to_owned(), "behind".to_owned(), -day)]
    });
    ensure!(found == expected.concat(), "{found:?}");
    // That nothing comes any more must show, whatever the stamps are.
    let status = api.get("/api/v1/status").await?;
    let at = |name: &Value| Timestamp::parse_rfc3339(name.as_str().unwrap_or_default());
    ensure!(at(&status["ingest"]["last_event_at"])? <= at(&status["now"])?, "{status}");
    let (_, metrics) = api.call("GET", "/metrics", None).await?;
    let metrics = metrics.as_str().context("text")?;
    let line = "nines_clocks_source_ahead_seconds{service=\"shop\",place=\"ahead\"} 86";
    ensure!(metrics.contains(line) && metrics.contains("nines_clocks_ahead 2\n"), "{metrics}");
    let ahead = format!("nines_ingest_ahead_events_total {}\n", 4 * SKEWED);
    ensure!(metrics.contains(&ahead), "{metrics}");
    Ok(())
}

/// A line of another time says when it came, and no other does.
async fn arrivals_are_kept(api: &Api) -> anyhow::Result<()> {
    let far = format!("abs(date_part('epoch', timestamp) - date_part('epoch', now())) > {}", BELIEVED + 300);
    let near = format!("abs(date_part('epoch', timestamp) - date_part('epoch', now())) < {}", BELIEVED / 2);
    let count = async |condition: &str| {
        api.sql_number(&format!("select count(*) from logs where \"service.name\" = 'shop' and {condition}"))
            .await
    };
    let kept = "abs(date_part('epoch', observed_timestamp) - date_part('epoch', now())) < 300";
    let all_far = count(&far).await?;
    ensure!(all_far >= 2.0 * SKEWED as f64, "{all_far} lines of another time");
    ensure!(count(&format!("{far} and {kept}")).await? == all_far, "lines without the time of their arrival");
    ensure!(
        count(&format!("{near} and observed_timestamp is not null")).await? == 0.0,
        "lines that need none"
    );
    Ok(())
}

/// Nobody, after rules have been looked at for three seconds.
async fn nobody_is_called(api: &Api, provider: &Provider, clock: &SharedClock) -> anyhow::Result<()> {
    let began = clock.now();
    eventually("rules to be evaluated", || async {
        let answer = api.get("/api/v1/slos").await?;
        let at = Timestamp::parse_rfc3339(answer["at"].as_str().context("at")?)?;
        Ok((at > began + Duration::from_secs(3)).then_some(()))
    })
    .await?;
    // All that is known of the silent service's last six hours is bad: its team may read that, but nobody is called.
    let is_ticket = |page: &Value| page["data"]["severity"] == "ticket" && page["data"]["service"] == "idle";
    let taken = provider.taken().await;
    ensure!(taken.iter().all(|(_, page)| is_ticket(page) && page["type"] == "alert.fired"), "{taken:?}");
    Ok(())
}

/// What becomes of a row by its stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Stored at its own time.
    Kept,
    /// Stored at the time of its arrival; what could not be read as a time is kept as text, where the protocol has it so.
    Arrival,
    /// The answer names it.
    Refused,
}

/// Every stamp that a clock gone wrong may write, at each door: kept as it is, or at its arrival, or refused by name. Nothing
/// is lost in silence.
#[tokio::test(flavor = "multi_thread")]
async fn stamps_at_every_door() -> anyhow::Result<()> {
    use Fate::*;
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let (api, key) = (node.api()?, node.key("ingest.key")?);
    let (door, otlp) = (Api::new(&node.addresses.http, &key), Api::new(&node.addresses.otlp_http, &key));
    let now = SystemClock::shared().now().as_secs();
    // Seconds since 1970, with what becomes of them at the doors below, in their order.
    let stamps: [(i64, [Fate; 5]); 8] = [
        (now - DAY, [Kept; 5]),
        (now + DAY, [Kept; 5]),
        (now - 400 * DAY, [Kept; 5]),
        (86_400, [Kept; 5]),
        (0, [Arrival; 5]),
        (-86_400, [Refused, Kept, Kept, Kept, Refused]),
        (9_214_560_000, [Kept; 5]),
        (10_413_792_000, [Refused, Arrival, Arrival, Refused, Refused]),
    ];
    let (mut refusals, mut faults) = (0, Vec::new());
    for (number, (stamp, fates)) in stamps.into_iter().enumerate() {
        let nanos = i128::from(stamp) * 1_000_000_000;
        let text = written(stamp);
        for (name, expected) in ["otlp", "json", "elastic", "loki", "splunk"].into_iter().zip(fates) {
            let body = format!("{name} {number}");
            let (door, path, form, sent) = match name {
                "otlp" => {
                    // Unsigned: a negative time wraps round.
                    let nanos = (nanos as u64).to_string();
                    let records = json!([{"timeUnixNano": nanos, "body": {"stringValue": body}}]);
                    let sent = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
                    (&otlp, "/v1/logs", "application/json", sent.to_string())
                }
                "json" => {
                    let sent = json!({"time": text, "message": body});
                    (&door, "/api/v1/ingest/logs", "application/x-ndjson", sent.to_string())
                }
                "elastic" => {
                    let document = json!({"@timestamp": text, "message": body});
                    let sent = format!("{{\"create\":{{\"_index\":\"logs\"}}}}\n{document}\n");
                    (&door, "/elastic/_bulk", "application/x-ndjson", sent)
                }
                "loki" => {
                    let values = json!([[nanos.to_string(), body]]);
                    let sent = json!({"streams": [{"stream": {"service_name": "loki"}, "values": values}]});
                    (&door, "/loki/api/v1/push", "application/json", sent.to_string())
                }
                _ => {
                    let sent = json!({"time": stamp, "event": body});
                    (&door, "/services/collector/event", "application/json", sent.to_string())
                }
            };
            let (status, answer) = door.call("POST", path, Some((form, sent.into_bytes()))).await?;
            let asked = format!(
                "select cast(date_part('epoch', timestamp) as bigint) from logs where body = '{body}'"
            );
            let rows = api.sql(&asked).await?;
            let found = match rows.first().map(|row| row[0].as_i64().unwrap_or_default()) {
                Some(at) if at == stamp => Kept,
                Some(at) if (at - now).abs() < 300 => Arrival,
                Some(at) => anyhow::bail!("{name} has made {at} of {stamp}"),
                None => Refused,
            };
            if found != expected {
                faults.push(format!("{name} {stamp} ({text}): {found:?}, {status} {answer}"));
            }
            if found == Refused {
                refusals += 1;
                let said = answer.to_string();
                ensure!(
                    status >= 400
                        || said.contains("rejectedLogRecords\":\"1")
                        || said.contains("rejectedLogRecords\":1"),
                    "{said}"
                );
                ensure!(said.contains("time"), "{name} does not say what was wrong: {status} {said}");
            }
        }
    }
    ensure!(faults.is_empty(), "{faults:#?}");
    let texts = api
        .sql("select \"time\", \"@timestamp\" from logs where body in ('json 7', 'elastic 7') order by 1")
        .await?;
    let far = json!([["2300-01-01T00:00:00Z", null], [null, "2300-01-01T00:00:00Z"]]);
    ensure!(json!(texts) == far, "what is no time stays as text: {texts:?}");
    let (_, metrics) = api.call("GET", "/metrics", None).await?;
    let metrics = metrics.as_str().context("text")?;
    let counted = |name: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        line.unwrap_or(-1.0)
    };
    ensure!(counted("nines_receive_records_rejected_total") == 2.0, "{metrics}");
    ensure!(
        counted("nines_receive_requests_total{outcome=\"rejected\"}") >= f64::from(refusals - 2),
        "{metrics}"
    );
    println!(
        "D2: 8 stamps at 5 doors, {refusals} refused by name; {} ahead and {} late are kept",
        counted("nines_ingest_ahead_events_total"),
        counted("nines_ingest_late_events_total")
    );
    node.kill().await
}

/// RFC 3339 of seconds since 1970, also beyond the times that can be stored.
fn written(secs: i64) -> String {
    if secs > Timestamp::MAX.as_secs() {
        return "2300-01-01T00:00:00Z".to_owned();
    }
    Timestamp::from_secs(secs).to_string()
}
