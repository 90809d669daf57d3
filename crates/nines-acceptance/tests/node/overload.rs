//! C1: more than the node can take, in little memory: it refuses what it cannot keep, says so, and loses nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::{Node, alone, client, eventually};
use nines_base::SystemClock;

/// What the node and all its page cache may take.
const MEMORY_BYTES: u64 = 1 << 30;
/// Seconds of overload in an ordinary run; `NINES_OVERLOAD_SECS` asks for more.
const SECONDS: u64 = 15;
/// Many times what a node of two cores answers at once.
const SENDERS: usize = 96;
const ROWS: u64 = 4_000;

/// What the senders saw, in rows; refusals in requests too.
#[derive(Default)]
struct Ledger {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    broken: AtomicU64,
    without_retry_after: AtomicU64,
}

/// A memory control group of version 1, removed at the end.
struct Group(PathBuf);

impl Group {
    /// `None` where there is no right or no such group.
    fn around(node: &Node) -> Option<Self> {
        let folder = Path::new("/sys/fs/cgroup/memory").join(format!("nines-test-{}", node.process_id()));
        std::fs::create_dir(&folder).ok()?;
        let group = Self(folder);
        // What it took before stays with its old group.
        let status = std::fs::read_to_string(format!("/proc/{}/status", node.process_id())).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = resident.trim().trim_end_matches(" kB").trim().parse().ok()?;
        group.write("memory.limit_in_bytes", MEMORY_BYTES - kib * 1024)?;
        group.write("cgroup.procs", node.process_id().into())?;
        Some(group)
    }

    #[expect(clippy::disallowed_methods, reason = "a control group is no durable file")]
    fn write(&self, file: &str, value: u64) -> Option<()> {
        std::fs::write(self.0.join(file), value.to_string()).ok()
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.0.join(file))?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Fails while the process is still there, which leaves an empty folder behind.
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overload_in_a_gibibyte_is_refused_countably_and_nothing_else_is_lost() -> anyhow::Result<()> {
    let _machine = alone().await;
    let seconds = std::env::var("NINES_OVERLOAD_SECS").ok().and_then(|text| text.parse().ok());
    let seconds = Duration::from_secs(seconds.unwrap_or(SECONDS));
    let folder = tempfile::tempdir()?;
    let memory_max = MEMORY_BYTES.to_string();
    let node = Node::start(&folder.path().join("data"), &["--memory-max", &memory_max]).await?;
    let Some(group) = Group::around(&node) else {
        println!("skipped: no memory control group can be made here (it takes root and version 1)");
        return node.stop().await;
    };
    let ledger = Arc::new(Ledger::default());
    let clock = SystemClock::shared();
    let until = clock.monotonic() + seconds;
    let url = format!("{}/api/v1/ingest/logs", node.addresses.http);
    let key = node.key("ingest.key")?;
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let (ledger, clock, url, key) = (Arc::clone(&ledger), Arc::clone(&clock), url.clone(), key.clone());
        senders.spawn(async move {
            let client = client();
            let body = body(sender);
            while clock.monotonic() < until {
                ledger.sent.fetch_add(ROWS, Ordering::Relaxed);
                let request = client
                    .post(&url)
                    .bearer_auth(&key)
                    .header("content-type", "application/x-ndjson")
                    .body(body.clone());
                let counter = match request.send().await {
                    Ok(answer) if answer.status().is_success() => &ledger.acknowledged,
                    Ok(answer) if matches!(answer.status().as_u16(), 429 | 503) => {
                        if answer.headers().get("retry-after").is_none() {
                            ledger.without_retry_after.fetch_add(1, Ordering::Relaxed);
                        }
                        &ledger.refused
                    }
                    _ => &ledger.broken,
                };
                counter.fetch_add(ROWS, Ordering::Relaxed);
            }
        });
    }
    while let Some(done) = senders.join_next().await {
        done?;
    }
    let [sent, acknowledged, refused, broken] =
        [&ledger.sent, &ledger.acknowledged, &ledger.refused, &ledger.broken]
            .map(|counter| counter.load(Ordering::Relaxed));
    let kills = group.read("memory.oom_control")?;
    let peak: u64 = group.read("memory.max_usage_in_bytes")?.trim().parse()?;
    println!(
        "{} s, {SENDERS} senders: {sent} rows sent, {acknowledged} acknowledged, {refused} refused, {broken} without an answer; peak {} MiB of memory with page cache",
        seconds.as_secs(),
        peak >> 20
    );
    ensure!(kills.lines().any(|line| line == "oom_kill 0"), "the kernel killed: {kills}");
    ensure!(broken == 0, "{broken} rows got no answer");
    ensure!(sent == acknowledged + refused, "{sent} sent, {acknowledged} acknowledged, {refused} refused");
    ensure!(acknowledged > 0 && refused > 0, "this was no overload: {acknowledged} and {refused}");
    ensure!(ledger.without_retry_after.load(Ordering::Relaxed) == 0, "a refusal did not say when to return");

    let api = node.api()?;
    let stored = eventually("the node to answer again", async || {
        Ok(api.sql_number("select count(*) from logs").await.ok())
    });
    ensure!(stored.await? as u64 == acknowledged, "not what was acknowledged is stored");
    let status = api.get("/api/v1/status").await?;
    let deferred = status["ingest"]["requests"]["deferred"].as_u64().context("refusals are counted")?;
    ensure!(deferred * ROWS == refused, "{deferred} refusals counted, {} seen", refused / ROWS);
    node.stop().await
}

/// About a megabyte, as an agent sends.
fn body(sender: usize) -> String {
    let line = |row: u64| {
        format!(
            "{{\"service.name\":\"edge-{sender}\",\"severity_text\":\"INFO\",\"host.name\":\"host-{}\",\"trace_id\":\"{:032x}\",\"body\":\"GET /v1/items/{} took {} ms for client {} of region {}\"}}\n",
            row % 40,
            row * 7919 + sender as u64,
            row * 31,
            row % 900,
            row * 131,
            row % 12
        )
    };
    (0..ROWS).map(line).collect()
}
