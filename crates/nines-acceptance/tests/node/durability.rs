//! A1: nothing that was acknowledged is lost when the process is killed, whichever way it came in.

use std::collections::{BTreeMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use nines_acceptance::remote_write::{Series, written};
use nines_acceptance::{Api, Node, Spans, alone};
use nines_base::Random;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Kills of an ordinary run; `NINES_KILLS` asks for more.
const KILLS: usize = 20;
/// Rows of one request.
const ROWS: u64 = 100;
/// A life ends somewhere between the first and this acknowledged request of all doors together.
const REQUESTS_A_LIFE: u64 = 300;

/// A way in. Each row says which door it came through, and in which request: `elastic 17 3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Door {
    OtlpGrpc,
    OtlpHttp,
    Elastic,
    Loki,
    Json,
    Splunk,
    RemoteWrite,
}

const DOORS: [Door; 7] =
    [Door::OtlpGrpc, Door::OtlpHttp, Door::Elastic, Door::Loki, Door::Json, Door::Splunk, Door::RemoteWrite];

impl Door {
    fn name(self) -> &'static str {
        match self {
            Self::OtlpGrpc => "otlp-grpc",
            Self::OtlpHttp => "otlp-http",
            Self::Elastic => "elastic",
            Self::Loki => "loki",
            Self::Json => "json",
            Self::Splunk => "splunk",
            Self::RemoteWrite => "remote-write",
        }
    }

    /// Path, content type and body of one request over HTTP.
    fn request(self, number: u64, now: u64) -> (&'static str, &'static str, Vec<u8>) {
        let texts = (0..ROWS).map(|row| format!("{} {number} {row}", self.name()));
        let (path, content_type, body) = match self {
            Self::OtlpGrpc => unreachable!("spans go over gRPC"),
            Self::RemoteWrite => {
                // A series for each request and not for each row: a long run would meet the bound on series of one metric.
                let first = (now / 1_000_000) as i64 - ROWS as i64;
                let samples: Vec<_> = (0..ROWS).map(|row| (row as f64, first + row as i64)).collect();
                let series =
                    Series::new(&[("__name__", "kills"), ("request", &number.to_string())], &samples);
                return ("/prometheus/api/v1/write", "application/x-protobuf", written([series]));
            }
            Self::OtlpHttp => {
                let records: Vec<Value> = texts
                    .map(|text| json!({"timeUnixNano": now.to_string(), "body": {"stringValue": text}}))
                    .collect();
                let body = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
                ("/v1/logs", "application/json", body.to_string())
            }
            Self::Elastic => {
                let lines = texts.map(|text| {
                    format!("{{\"create\":{{\"_index\":\"logs\"}}}}\n{}\n", json!({"message": text}))
                });
                ("/elastic/_bulk", "application/x-ndjson", lines.collect())
            }
            Self::Loki => {
                let values: Vec<Value> = texts.map(|text| json!([now.to_string(), text])).collect();
                let body = json!({"streams": [{"stream": {"service_name": "loki"}, "values": values}]});
                ("/loki/api/v1/push", "application/json", body.to_string())
            }
            Self::Json => {
                let lines = texts.map(|text| format!("{}\n", json!({"body": text})));
                ("/api/v1/ingest/logs", "application/x-ndjson", lines.collect())
            }
            Self::Splunk => {
                let events = texts.map(|text| json!({"event": text}).to_string());
                ("/services/collector/event", "application/json", events.collect())
            }
        };
        (path, content_type, body.into_bytes())
    }
}

/// What one sender knows: requests that were acknowledged, and those whose fate is open because the process died.
#[derive(Default)]
struct Ledger {
    acknowledged: HashSet<u64>,
    unknown: HashSet<u64>,
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_under_mixed_load_lose_nothing_acknowledged() -> anyhow::Result<()> {
    let _machine = alone().await;
    let of_environment = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = of_environment("NINES_SEED").unwrap_or(2026);
    let kills = of_environment("NINES_KILLS").unwrap_or(KILLS as u64);
    println!("seed {seed} (NINES_SEED replays it), {kills} kills (NINES_KILLS asks for more)");
    let random = Random::from_seed(seed);
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    #[expect(clippy::disallowed_methods, reason = "the rows must be of now")]
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    let mut ledgers: BTreeMap<Door, Ledger> = DOORS.map(|door| (door, Ledger::default())).into();
    let mut next_request = 0_u64;

    for life in 0..kills {
        let node = Node::start(&data, &[]).await.with_context(|| format!("after {life} kills"))?;
        let key = node.key("ingest.key")?;
        let (stop, stopped) = watch::channel(false);
        let (progress, mut seen) = watch::channel(0_u64);
        let mut senders = tokio::task::JoinSet::new();
        for door in DOORS {
            let (grpc, stopped, progress) =
                (node.addresses.otlp_grpc.clone(), stopped.clone(), progress.clone());
            let base = if door == Door::OtlpHttp { &node.addresses.otlp_http } else { &node.addresses.http };
            let api = Api::new(base, &key);
            let sending = Sending { door, first: next_request, now, stopped, progress };
            senders.spawn(async move { (door, sending.run(grpc, api).await) });
        }
        let last = 1 + random.below(REQUESTS_A_LIFE);
        seen.wait_for(|count| *count >= last).await?;
        node.kill().await?;
        stop.send(true)?;
        while let Some(done) = senders.join_next().await {
            let (door, (one, next)) = done?;
            let ledger = ledgers.get_mut(&door).context("every door has a ledger")?;
            ledger.acknowledged.extend(one.acknowledged);
            ledger.unknown.extend(one.unknown);
            next_request = next_request.max(next);
        }
    }

    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    for (door, ledger) in &ledgers {
        let stored = match door {
            Door::RemoteWrite => stored_series(&api, now).await?,
            door => stored(&api, *door).await?,
        };
        let lost: Vec<_> = ledger.acknowledged.difference(&stored).collect();
        println!(
            "{}: {} requests acknowledged, {} of unknown fate, {} stored, {} lost",
            door.name(),
            ledger.acknowledged.len(),
            ledger.unknown.len(),
            stored.len(),
            lost.len()
        );
        ensure!(lost.is_empty(), "acknowledged through {} and lost: {lost:?}", door.name());
        ensure!(!ledger.acknowledged.is_empty(), "nothing came in through {}", door.name());
        let known: HashSet<u64> = ledger.acknowledged.union(&ledger.unknown).copied().collect();
        ensure!(stored.is_subset(&known), "stored through {} but never sent", door.name());
    }
    node.stop().await
}

/// The requests that are stored. Each was sent once, and is there whole or not at all.
async fn stored(api: &Api, door: Door) -> anyhow::Result<HashSet<u64>> {
    let question = match door {
        Door::OtlpGrpc => {
            "select cast(\"test.id\" / 100 as bigint), count(*), count(distinct \"test.id\") from spans group by 1"
                .to_owned()
        }
        _ => format!(
            "select cast(split_part(body, ' ', 2) as bigint), count(*), count(distinct body) from logs where body like '{} %' group by 1",
            door.name()
        ),
    };
    let mut stored = HashSet::new();
    for row in api.sql(&question).await? {
        let numbers: Vec<u64> = row.iter().filter_map(Value::as_u64).collect();
        let &[request, rows, different] = numbers.as_slice() else { anyhow::bail!("{row:?}") };
        ensure!(different == ROWS, "request {request} of {} is torn: {different} rows", door.name());
        ensure!(rows == different, "request {request} of {} is stored twice, sent once", door.name());
        stored.insert(request);
    }
    Ok(stored)
}

/// The requests whose series are stored, each with all of its samples.
async fn stored_series(api: &Api, now: u64) -> anyhow::Result<HashSet<u64>> {
    let question = format!(
        "/prometheus/api/v1/query?query=count_over_time(kills%5B1h%5D)&time={}",
        now / 1_000_000_000 + 1
    );
    let answer = api.get(&question).await?;
    let mut stored = HashSet::new();
    for one in answer["data"]["result"].as_array().context("a vector")? {
        let request = one["metric"]["request"].as_str().context("a request")?.parse()?;
        ensure!(one["value"][1] == json!(ROWS.to_string()), "request {request} is torn: {one}");
        stored.insert(request);
    }
    Ok(stored)
}

/// One sender of one life.
struct Sending {
    door: Door,
    first: u64,
    now: u64,
    stopped: watch::Receiver<bool>,
    progress: watch::Sender<u64>,
}

impl Sending {
    /// Sends requests, each once, until told to stop or left alone by a dead process. Gives the next number.
    async fn run(self, grpc: String, api: Api) -> (Ledger, u64) {
        let mut ledger = Ledger::default();
        let mut number = self.first;
        let Ok(mut client) = TraceServiceClient::connect(grpc).await else { return (ledger, number) };
        while !*self.stopped.borrow() {
            let is_acknowledged = match self.door {
                Door::OtlpGrpc => {
                    let first = number * ROWS;
                    let spans =
                        Spans { service: "checkout", first, count: ROWS, at: self.now, fail_every: 0 };
                    spans.send(&mut client).await.is_ok()
                }
                door => {
                    let (path, content_type, body) = door.request(number, self.now);
                    let answer = api.call("POST", path, Some((content_type, body))).await;
                    answer.is_ok_and(|(status, body)| {
                        (200..300).contains(&status) && body["errors"] != json!(true)
                    })
                }
            };
            number += 1;
            if !is_acknowledged {
                ledger.unknown.insert(number - 1);
                break;
            }
            ledger.acknowledged.insert(number - 1);
            self.progress.send_modify(|count| *count += 1);
        }
        (ledger, number)
    }
}
