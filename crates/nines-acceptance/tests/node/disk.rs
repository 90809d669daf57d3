//! A6, A7: a disk that is full, and one that fails. Nothing is acknowledged that is not kept, pages and audit go on, and the
//! node mends itself when the disk does.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, PATIENCE, alone, eventually};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Lines of one request.
const LINES: u64 = 200;
/// Between a refusal and the next try.
const RETRY: Duration = Duration::from_millis(50);

/// Sends numbered requests one by one and knows which of them were acknowledged.
pub struct Sender {
    api: Api,
    next: u64,
    pub acknowledged: BTreeSet<u64>,
    /// What refusals said.
    pub refused: Vec<String>,
}

impl Sender {
    pub fn new(node: &Node, first: u64) -> anyhow::Result<Self> {
        let api = Api::new(&node.addresses.http, &node.key("ingest.key")?);
        Ok(Self { api, next: first, acknowledged: BTreeSet::new(), refused: Vec::new() })
    }

    /// The status of the next request, whose lines have bodies of about `length` bytes that do not compress.
    pub async fn send(&mut self, length: usize) -> anyhow::Result<u16> {
        let request = self.next;
        self.next += 1;
        let noise = |line: u64| -> String {
            let mut state = request << 20 | line;
            let digits = std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'!' + (state >> 40) as u8 % 90)
            });
            digits.take(length).collect()
        };
        let lines =
            (0..LINES).map(|line| json!({"request": request, "body": noise(line)}).to_string() + "\n");
        let body: String = lines.collect();
        let path = "/api/v1/ingest/logs";
        let (status, answer) =
            self.api.send("POST", path, &[("content-type", "application/x-ndjson")], body.into()).await?;
        match status {
            200..300 => drop(self.acknowledged.insert(request)),
            // What a retry can help, and nothing else.
            429 | 503 | 507 => self.refused.push(answer.to_string()),
            other => anyhow::bail!("request {request}: {other} {answer}"),
        }
        Ok(status)
    }

    /// Tries again, as senders do.
    async fn until_taken(&mut self, what: &str) -> anyhow::Result<()> {
        let tries = async {
            while self.send(40).await? != 200 {
                tokio::time::sleep(RETRY).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, tries).await.with_context(|| format!("waited in vain: {what}"))?
    }
}

/// Every acknowledged request is there with all its lines; what was refused may be.
pub async fn check(api: &Api, acknowledged: &BTreeSet<u64>) -> anyhow::Result<()> {
    let rows = api.sql("select request, count(*) from logs group by request order by request").await?;
    let whole: BTreeSet<u64> =
        rows.iter().filter(|row| row[1].as_u64() == Some(LINES)).filter_map(|row| row[0].as_u64()).collect();
    ensure!(whole.len() == rows.len(), "a request is there in part or twice: {rows:?}");
    let lost: Vec<_> = acknowledged.difference(&whole).collect();
    println!("{} requests acknowledged, {} stored, {} lost", acknowledged.len(), whole.len(), lost.len());
    ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    Ok(())
}

/// Files of the journal, which strace is to break.
fn journal(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let files = std::fs::read_dir(data.join("journal"))?.map(|entry| Ok(entry?.path()));
    files.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_acknowledges_nothing_and_the_journal_mends_itself() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let node = Node::start(&data, &[]).await?;
    let mut sender = Sender::new(&node, 0)?;
    for _ in 0..20 {
        ensure!(sender.send(40).await? == 200, "a healthy node takes everything");
    }

    // From now on, each sync of the file that the journal writes to fails; the next file is healthy.
    let mut strace = nines_base::spawn::program("strace");
    strace.args(["-f", "-qq", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"]);
    for file in journal(&data)? {
        strace.arg("-P").arg(file);
    }
    strace.args(["-p", &node.process_id().to_string()]).stdin(Stdio::null()).stderr(Stdio::piped());
    let Ok(mut strace) = strace.kill_on_drop(true).spawn() else {
        println!("skipped: strace is not installed (`scripts/tools test` does that)");
        return node.stop().await;
    };
    let mut told = BufReader::new(strace.stderr.take().context("standard error is piped")?).lines();
    // It says nothing when it is attached: the first sync that it breaks does.
    let mut broken = None;
    for _ in 0..10_000 {
        let status = sender.send(40).await?;
        if status != 200 {
            broken = Some(status);
            break;
        }
        if strace.try_wait()?.is_some() {
            println!("skipped: {}", told.next_line().await?.unwrap_or_default());
            return node.stop().await;
        }
    }
    let broken = broken.context("no sync was broken")?;
    let line = tokio::time::timeout(PATIENCE, told.next_line()).await??.unwrap_or_default();
    ensure!(line.contains("EIO") && line.contains("INJECTED"), "{line}");
    println!("{line}: answered {broken}");

    // The same node takes telemetry in again, into a file that strace does not break.
    sender.until_taken("the journal goes on in a new file").await?;
    for _ in 0..20 {
        ensure!(sender.send(40).await? == 200, "the new file is healthy");
    }
    strace.start_kill()?;
    strace.wait().await?;
    let status = node.api()?.get("/api/v1/status").await?;
    println!("refused: {:?}; the node says {}", sender.refused, status["journal"]);
    check(&node.api()?, &sender.acknowledged).await?;
    // As the operating system would see it after a crash: everything that was acknowledged is in a file that was synced.
    node.kill().await?;
    let node = Node::start(&data, &[]).await?;
    check(&node.api()?, &sender.acknowledged).await?;
    node.stop().await
}

/// A small file system of its own, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where there is no right to mount.
    async fn mount(folder: &Path, bytes: u64) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        let mut mount = nines_base::spawn::program("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(folder)
            .stderr(Stdio::null());
        let is_mounted = mount.status().await.is_ok_and(|status| status.success());
        Ok(is_mounted.then(|| Self(folder.to_owned())))
    }

    async fn unmount(self) -> anyhow::Result<()> {
        let status = nines_base::spawn::program("umount").arg(&self.0).status().await?;
        ensure!(status.success(), "{} is still in use", self.0.display());
        Ok(())
    }
}

/// Takes all the space that there is.
fn fill(path: &Path) -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "it is there to take space")]
    let mut file = std::fs::File::create(path)?;
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_telemetry_and_still_takes_audit_entries() -> anyhow::Result<()> {
    const DISK_BYTES: u64 = 512 << 20;
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), DISK_BYTES).await? else {
        println!("skipped: nothing may be mounted here (it takes root)");
        return Ok(());
    };
    let data = disk.0.join("data");
    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    let ballast = data.join("telemetry/ballast");
    eventually("the ballast is made, since the disk is small", async || Ok(ballast.exists().then_some(())))
        .await?;
    let mut sender = Sender::new(&node, 0)?;
    ensure!(sender.send(1_000).await? == 200, "there is room");

    // Somebody else fills the disk; then the node fills what is left.
    let filler = disk.0.join("filler");
    #[expect(clippy::disallowed_methods, reason = "it is there to take space")]
    std::fs::write(&filler, vec![1_u8; (DISK_BYTES - (160 << 20)) as usize])?;
    for _ in 0..2_000 {
        if sender.send(4_000).await? != 200 {
            break;
        }
    }
    let refused = sender.refused.first().context("the disk never filled up")?;
    println!("after {} requests: {refused}", sender.acknowledged.len());
    ensure!(refused.contains("disk is nearly full"), "{refused}");

    // Not a byte is left: the ballast goes, and those who run the incident can still act, on record.
    let rest = disk.0.join("rest");
    fill(&rest)?;
    eventually("the ballast is given back", async || Ok((!ballast.exists()).then_some(()))).await?;
    for number in 0..20 {
        api.post("/api/v1/keys", &json!({"name": format!("key-{number}"), "role": "viewer"})).await?;
    }
    ensure!(sender.send(40).await? != 200, "telemetry may not take what the ballast gave back");
    ensure!(api.get("/api/v1/audit/verify").await?["intact"] == true, "the audit log is broken");

    // Space returns: so does the node, without a hand on it.
    for file in [&filler, &rest] {
        #[expect(clippy::disallowed_methods, reason = "it was there to take space")]
        std::fs::remove_file(file)?;
    }
    sender.until_taken("telemetry is taken in again").await?;
    check(&api, &sender.acknowledged).await?;
    node.kill().await?;
    let node = Node::start(&data, &[]).await?;
    check(&node.api()?, &sender.acknowledged).await?;
    let keys = node.api()?.get("/api/v1/keys").await?.to_string();
    ensure!(keys.contains("key-19"), "{keys}");
    node.stop().await?;
    disk.unmount().await
}
