//! C3: label sets without end from one sender, beside senders that behave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::remote_write::{Series, written};
use nines_acceptance::{Node, client};
use nines_base::SharedClock;

use crate::figures::{distribution, now_nanos};

/// Series that were there before, each with a sample a second.
const KNOWN: usize = 1_000;
const PER_REQUEST: u64 = 2_000;
/// Requests of the flood that are on their way at a time, as a sender with four shards has.
const SHARDS: usize = 4;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn now_ms() -> i64 {
    (now_nanos() / 1_000_000) as i64
}

struct Sender {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Sender {
    /// The status, and what was said.
    async fn send(&self, body: Vec<u8>) -> anyhow::Result<(u16, String)> {
        let request = self.http.post(&self.url).bearer_auth(&self.key);
        let request =
            request.header("content-type", "application/x-protobuf").header("content-encoding", "snappy");
        let answer = request.body(body).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }
}

fn resident_bytes(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}

/// The known series, a sample each a second until told to end. How long each request took.
async fn known_flow(
    sender: Arc<Sender>,
    clock: SharedClock,
    is_over: Arc<AtomicBool>,
) -> anyhow::Result<(u64, Vec<f64>)> {
    let (mut sent, mut took) = (0, Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        let began = clock.monotonic();
        let at = now_ms();
        let ids: Vec<String> = (0..KNOWN).map(|id| id.to_string()).collect();
        let series = ids.iter().map(|id| {
            Series::new(
                &[("__name__", "known_total"), ("instance", id), ("job", "quiet")],
                &[(sent as f64, at)],
            )
        });
        let (status, text) = sender.send(written(series)).await?;
        ensure!(status == 204, "a series that was there before is refused: {status} {text}");
        sent += 1;
        let spent = clock.monotonic() - began;
        took.push(spent.as_secs_f64());
        clock.sleep(Duration::from_secs(1).saturating_sub(spent)).await;
    }
    Ok((sent, took))
}

/// `NINES_LABEL_SETS` (ten million) within `NINES_LABEL_SECS` (600).
pub async fn flood(clock: &SharedClock) -> anyhow::Result<()> {
    let (sets, over) =
        (number("NINES_LABEL_SETS", 10_000_000), Duration::from_secs(number("NINES_LABEL_SECS", 600)));
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let process = node.process_id();
    let sender = Arc::new(Sender {
        http: client(),
        url: format!("{}/prometheus/api/v1/write", node.addresses.http),
        key: node.key("ingest.key")?,
    });
    let is_over = Arc::new(AtomicBool::new(false));
    let known = tokio::spawn(known_flow(sender.clone(), clock.clone(), is_over.clone()));
    let began = clock.monotonic();
    let (next, refused_requests) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let shards: Vec<_> = (0..SHARDS)
        .map(|_| {
            let (sender, clock, next, refused) =
                (sender.clone(), clock.clone(), next.clone(), refused_requests.clone());
            tokio::spawn(async move {
                loop {
                    let start = next.fetch_add(PER_REQUEST, Ordering::Relaxed);
                    if start >= sets {
                        return anyhow::Ok(());
                    }
                    let due = began + over.mul_f64(start as f64 / sets as f64);
                    clock.sleep(due.saturating_sub(clock.monotonic())).await;
                    let at = now_ms();
                    let ids: Vec<String> =
                        (start..sets.min(start + PER_REQUEST)).map(|id| format!("u-{id:08}")).collect();
                    let series = ids.iter().map(|id| {
                        let labels = [
                            ("__name__", "sessions_total"),
                            ("job", "loud"),
                            ("path", "/cart"),
                            ("user_id", id),
                        ];
                        Series::new(&labels, &[(1.0, at)])
                    });
                    let (status, text) = sender.send(written(series)).await?;
                    match status {
                        204 => {}
                        400 if text.contains("user_id") => _ = refused.fetch_add(1, Ordering::Relaxed),
                        _ => anyhow::bail!("{status} {text}"),
                    }
                }
            })
        })
        .collect();
    // The cap, when it was reached, when the offender was named, and the memory from then on.
    let (mut named_after, mut reached_at, mut at_cap, mut peak) = (None, None, 0, 0);
    let mut last = serde_json::Value::Null;
    while !shards.iter().all(|shard| shard.is_finished()) {
        clock.sleep(Duration::from_secs(1)).await;
        last = api.get("/api/v1/status").await?["series"].clone();
        let refused = last["refused_metrics"][0].clone();
        if refused["label"] == "user_id" && reached_at.is_none() {
            reached_at = Some(clock.monotonic() - began);
            named_after = Some(refused.clone());
            at_cap = resident_bytes(process)?;
        }
        peak = peak.max(resident_bytes(process)?);
    }
    for shard in shards {
        shard.await??;
    }
    let took = clock.monotonic() - began;
    is_over.store(true, Ordering::Relaxed);
    let (seconds, mut latencies) = known.await??;
    let at_end = resident_bytes(process)?;
    let question = "/prometheus/api/v1/query?query=sum(count_over_time(known_total[1h]))";
    let stored = api.get(question).await?["data"]["result"][0]["value"][1].clone();
    let kept =
        api.get("/prometheus/api/v1/query?query=count(count_over_time(sessions_total[1h]))").await?["data"]["result"][0]["value"]
            [1]
        .clone();
    println!(
        "C3 {sets} label sets in {:.0} s: {} series of the metric are kept (limit {}); first refusal, naming `user_id`, {:.0} s \
         after the start; {} requests refused in part",
        took.as_secs_f64(),
        kept.as_str().unwrap_or("?"),
        named_after.as_ref().map_or(0, |named| named["limit"].as_u64().unwrap_or(0)),
        reached_at.map_or(f64::NAN, |at| at.as_secs_f64()),
        refused_requests.load(Ordering::Relaxed),
    );
    println!(
        "   memory at the limit {:.0} MB, at the end {:.0} MB, peak {:.0} MB; series of the node {}",
        at_cap as f64 / 1e6,
        at_end as f64 / 1e6,
        peak as f64 / 1e6,
        last["active_series"],
    );
    println!(
        "   {KNOWN} known series beside them: {} of {} samples stored; request {}",
        stored.as_str().unwrap_or("?"),
        seconds * KNOWN as u64,
        distribution(&mut latencies)
    );
    let sent = (seconds * KNOWN as u64).to_string();
    ensure!(stored.as_str() == Some(&*sent), "samples of known series are missing");
    node.stop().await
}
