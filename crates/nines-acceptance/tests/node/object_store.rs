//! A8: what the disk has no room for lies in an object store, is fetched back whole, and an outage of that store is said and
//! costs nothing. The same journey on a mounted folder and on SeaweedFS, a real server of the S3 protocol.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, alone, client, eventually, run_tool, workspace_root};
use nines_base::SystemClock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Child;

use crate::backups::{bring_master_key, nines_with, text};
use crate::disk::{Sender, check};

const KEY: (&str, &str) = ("nines", "a-secret-of-the-test");

/// An object store that can be taken away with what is in it, and given back.
trait Place {
    fn url(&self) -> String;

    /// How errors name it.
    fn name(&self) -> String;

    /// What a node needs besides the URL.
    fn environment(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// Names of the segments of logs, as the store itself lists them.
    async fn segments(&self) -> anyhow::Result<Vec<String>>;

    async fn take_away(&mut self) -> anyhow::Result<()>;

    async fn give_back(&mut self) -> anyhow::Result<()>;
}

/// Names of files in a folder, which need not be there.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

struct Mount {
    folder: PathBuf,
    away: PathBuf,
}

#[expect(clippy::disallowed_methods, reason = "a mount that comes and goes, not a durable write")]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)
}

impl Place for Mount {
    fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    fn name(&self) -> String {
        self.url()
    }

    async fn segments(&self) -> anyhow::Result<Vec<String>> {
        Ok(names(&self.folder.join("segments/logs")))
    }

    async fn take_away(&mut self) -> anyhow::Result<()> {
        Ok(rename(&self.folder, &self.away)?)
    }

    async fn give_back(&mut self) -> anyhow::Result<()> {
        Ok(rename(&self.away, &self.folder)?)
    }
}

/// SeaweedFS on ports of its own: master, volume, filer, S3.
struct Weed {
    program: PathBuf,
    folder: PathBuf,
    ports: [u16; 4],
    server: Option<Child>,
}

impl Weed {
    /// `None` where it is not installed.
    async fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        let program = workspace_root().join("target/object-store-venv/bin/weed");
        if !program.exists() {
            return Ok(None);
        }
        std::fs::create_dir(folder)?;
        let identities = json!({"identities": [{
            "name": "nines",
            "credentials": [{"accessKey": KEY.0, "secretKey": KEY.1}],
            "actions": ["Admin", "Read", "Write", "List"],
        }]});
        #[expect(clippy::disallowed_methods, reason = "the server's configuration, in a folder of the test")]
        std::fs::write(folder.join("s3.json"), identities.to_string())?;
        let mut ports = [0; 4];
        let mut held = Vec::new();
        for port in &mut ports {
            // SeaweedFS serves gRPC ten thousand above each port.
            let listener = loop {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                if listener.local_addr()?.port() < 55_000 {
                    break listener;
                }
            };
            *port = listener.local_addr()?.port();
            held.push(listener);
        }
        drop(held);
        let mut weed = Self { program, folder: folder.to_owned(), ports, server: None };
        weed.give_back().await?;
        let made = client().post(format!("{}/buckets/telemetry/", weed.filer())).send().await?;
        ensure!(made.status().is_success(), "the bucket was not made: {}", made.text().await?);
        Ok(Some(weed))
    }

    fn filer(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[2])
    }

    fn s3(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[3])
    }
}

impl Place for Weed {
    fn url(&self) -> String {
        format!("{}?region=eu-central-1&endpoint={}", self.name(), self.s3())
    }

    fn name(&self) -> String {
        "s3://telemetry/node-1".to_owned()
    }

    fn environment(&self) -> Vec<(&'static str, &'static str)> {
        vec![("AWS_ACCESS_KEY_ID", KEY.0), ("AWS_SECRET_ACCESS_KEY", KEY.1)]
    }

    async fn segments(&self) -> anyhow::Result<Vec<String>> {
        let url = format!("{}/buckets/telemetry/node-1/segments/logs/?limit=1000", self.filer());
        let answer = client().get(url).header("accept", "application/json").send().await?;
        let listing: Value = answer.json().await.unwrap_or_default();
        let entries = listing["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        let paths = entries.iter().filter_map(|entry| Path::new(entry["FullPath"].as_str()?).file_name());
        Ok(paths.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    async fn take_away(&mut self) -> anyhow::Result<()> {
        let mut server = self.server.take().context("it does not run")?;
        server.start_kill()?;
        server.wait().await?;
        Ok(())
    }

    async fn give_back(&mut self) -> anyhow::Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("weed.log"))?;
        let mut command = nines_base::spawn::program(&self.program);
        command.args(["server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=20"]);
        command.args(["-master.volumeSizeLimitMB=64", "-volume.preStopSeconds=0"]);
        command.arg(format!("-dir={}", self.folder.display()));
        command.arg(format!("-s3.config={}", self.folder.join("s3.json").display()));
        for (name, port) in ["master", "volume", "filer", "s3"].iter().zip(self.ports) {
            command.arg(format!("-{name}.port={port}"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        self.server = Some(command.spawn()?);
        // The filer answers once the volumes are known; S3 comes last.
        eventually("SeaweedFS answers", async || {
            let filer = client().get(self.filer()).send().await;
            let s3 = client().get(self.s3()).send().await;
            Ok((filer.is_ok_and(|answer| answer.status().is_success()) && s3.is_ok()).then_some(()))
        })
        .await
    }
}

/// `nines verify` and `nines backup` reach what is only in the object store: a node on the restored directory, without any
/// object store, has every row.
async fn check_copies(
    folder: &Path,
    url: &str,
    environment: &[(&str, &str)],
    sender: &Sender,
) -> anyhow::Result<()> {
    let (data, repository, copy) = (folder.join("data"), folder.join("backups"), folder.join("copy"));
    let with_store = ["--data", text(&data), "--object-store", url];
    let (ok, report, told) = nines_with(&[&["verify"], &with_store[..]].concat(), environment).await?;
    let parts = report["parts"].as_array().context("parts")?;
    let read = parts.iter().find(|part| part["name"] == "segments in the object store");
    ensure!(ok && read.is_some_and(|part| part["count"] == 1), "{report} {told}");

    let backup = [&["backup", "--to", text(&repository)], &with_store[..]].concat();
    let (ok, report, told) = nines_with(&backup, environment).await?;
    ensure!(ok && report["missing"] == json!([]), "{report} {told}");
    let restore = ["restore", "--from", text(&repository), "--data", text(&copy)];
    let (ok, _, told) = nines_with(&restore, &[]).await?;
    ensure!(ok, "{told}");
    bring_master_key(&data, &copy)?;
    let restored = Node::start(&copy, &[]).await?;
    let owner =
        Api::new(&restored.addresses.http, std::fs::read_to_string(data.join("first-run/owner.key"))?.trim());
    check(&owner, &sender.acknowledged).await?;
    restored.stop().await
}

async fn journey(place: &mut impl Place) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let url = place.url();
    let environment = place.environment();
    let node = Node::start_with(&data, &["--object-store", &url], &environment).await?;
    let mut sender = Sender::new(&node, 0)?;
    for _ in 0..20 {
        ensure!(sender.send(4_000).await? == 200, "a healthy node takes everything");
    }
    // Stopping seals.
    node.stop().await?;
    let node = Node::start_with(&data, &["--object-store", &url], &environment).await?;
    let segments = data.join("telemetry/segments/logs");
    let sealed = names(&segments);
    eventually("the segment is in the object store", async || {
        Ok((place.segments().await? == sealed).then_some(()))
    })
    .await?;
    node.stop().await?;

    // With next to no disk, its file here goes. The question brings it back.
    let little = ["--object-store", &url, "--disk-max", "1MiB"];
    let node = Node::start_with(&data, &little, &environment).await?;
    let left = async || Ok(names(&segments).is_empty().then_some(()));
    eventually("the file leaves the disk", left).await?;
    check(&node.api()?, &sender.acknowledged).await?;
    ensure!(names(&segments) == sealed, "what was read is here again");
    node.stop().await?;

    // The same with the store away: an error that says so, and no answer that leaves the rows out.
    let node = Node::start_with(&data, &little, &environment).await?;
    eventually("the file leaves the disk again", left).await?;
    check_copies(folder.path(), &url, &environment, &sender).await?;
    place.take_away().await?;
    for (path, body) in [
        ("/api/v1/sql", json!({"query": "select count(*), max(body) from logs"})),
        (
            "/api/v1/search",
            json!({"dataset": "logs", "filter": "request: 3", "start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}),
        ),
    ] {
        let headers = [("content-type", "application/json")];
        let (status, answer) = node.api()?.send("POST", path, &headers, body.to_string().into()).await?;
        println!("{path}: {status} {answer}");
        ensure!(status == 503 && answer.to_string().contains(&place.name()), "{path}: {status} {answer}");
    }
    place.give_back().await?;
    // A store that comes back serves errors of its own for some seconds.
    let api = node.api()?;
    let acknowledged = &sender.acknowledged;
    eventually("every row is there again", async || Ok(Some(check(&api, acknowledged).await?))).await?;
    node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_the_disk_for_a_mounted_folder_is_fetched_back_and_an_outage_is_said() -> anyhow::Result<()>
{
    let _machine = alone().await;
    let above = tempfile::tempdir()?;
    let mut mount = Mount { folder: above.path().join("mount"), away: above.path().join("away") };
    std::fs::create_dir(&mount.folder)?;
    journey(&mut mount).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_the_disk_for_s3_is_fetched_back_and_an_outage_is_said() -> anyhow::Result<()> {
    let _machine = alone().await;
    let above = tempfile::tempdir()?;
    let Some(mut weed) = Weed::start(&above.path().join("weed")).await? else {
        println!("skipped: SeaweedFS is not installed (`scripts/clients object-store` does that)");
        return Ok(());
    };
    journey(&mut weed).await
}

/// Seconds without S3 in an ordinary run; `NINES_OUTAGE_SECS` asks for more, and then requests are paced.
const OUTAGE_SECS: u64 = 15;
/// Between two requests of a long outage: some 0.8 MB a second, so that the backlog outgrows the disk budget halfway.
const LONG_PACE: Duration = Duration::from_millis(500);
/// Of a request's 200 lines.
const LINE_BYTES: usize = 2_000;
/// For a backlog to be sent.
const DRAIN: Duration = Duration::from_secs(900);

/// Objects that the catalog does not know: nobody would ever delete them.
async fn orphans(data: &Path, place: &impl Place) -> anyhow::Result<Vec<String>> {
    let script = "import sqlite3, sys\n\
                  catalog = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)\n\
                  for (path,) in catalog.execute('select file_path from segments where remote_state is not null'):\n\
                  \tprint(path.rsplit('/', 1)[-1])\n";
    let catalog = data.join("telemetry/catalog.db");
    let known = run_tool("python3", &["-c", script, text(&catalog)], data).await?;
    let known: Vec<&str> = known.lines().collect();
    Ok(place.segments().await?.into_iter().filter(|name| !known.contains(&name.as_str())).collect())
}

/// A8: S3 dies while telemetry comes in, for longer than the disk budget has room. What is acknowledged is kept, what finds
/// no room is told to come back, and afterwards the backlog goes out without a hand on it.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_s3_while_telemetry_comes_in_loses_nothing_and_leaves_no_orphans() -> anyhow::Result<()>
{
    let _machine = alone().await;
    let above = tempfile::tempdir()?;
    let Some(mut weed) = Weed::start(&above.path().join("weed")).await? else {
        println!("skipped: SeaweedFS is not installed (`scripts/clients object-store` does that)");
        return Ok(());
    };
    let asked = std::env::var("NINES_OUTAGE_SECS").ok().and_then(|text| text.parse().ok());
    let (seconds, pace, budget) = match asked {
        Some(seconds) => (seconds, LONG_PACE, "1GiB"),
        None => (OUTAGE_SECS, Duration::ZERO, "256MiB"),
    };
    let data = above.path().join("data");
    let clock = SystemClock::shared();
    let node = Node::start_with(
        &data,
        &["--object-store", &weed.url(), "--disk-max", budget, "--memory-max", "1GiB"],
        &weed.environment(),
    )
    .await?;
    let api = node.api()?;
    let mut sender = Sender::new(&node, 0)?;
    let mut refused = 0_u64;
    // Some of it is there before the outage, and some on its way when it begins.
    while weed.segments().await?.is_empty() {
        ensure!(sender.send(LINE_BYTES).await? == 200, "a healthy node takes everything");
    }
    let before = weed.segments().await?.len();
    weed.take_away().await?;
    let until = clock.monotonic() + Duration::from_secs(seconds);
    while clock.monotonic() < until {
        if sender.send(LINE_BYTES).await? != 200 {
            refused += 1;
            clock.sleep(Duration::from_millis(100)).await;
        }
        clock.sleep(pace).await;
    }
    let status = api.get("/api/v1/status").await?;
    let notices = status["notices"].to_string();
    ensure!(notices.contains(&weed.name()) && notices.contains("cannot be reached"), "{notices}");
    let told = sender.refused.first().cloned().unwrap_or_default();
    ensure!(refused == 0 || told.contains("disk budget"), "{told}");

    weed.give_back().await?;
    let back = clock.monotonic();
    loop {
        let status = api.get("/api/v1/status").await?;
        let is_over = !status["notices"].to_string().contains("cannot be reached");
        if is_over && sender.send(LINE_BYTES).await? == 200 {
            break;
        }
        ensure!(clock.monotonic() - back < DRAIN, "the backlog does not go out: {}", status["notices"]);
        clock.sleep(Duration::from_millis(500)).await;
    }
    let drained = clock.monotonic() - back;
    let after = weed.segments().await?.len();
    check(&api, &sender.acknowledged).await?;
    let orphans = orphans(&data, &weed).await?;
    println!(
        "A8 {seconds} s without S3: {} requests acknowledged, {refused} refused for want of room, {} segments sent in {:.1} s afterwards, {} orphans",
        sender.acknowledged.len(),
        after - before,
        drained.as_secs_f64(),
        orphans.len()
    );
    ensure!(orphans.is_empty(), "objects that nobody remembers: {orphans:?}");
    ensure!(after > before, "there was no backlog");
    // The same from what lies there and on the disk after a kill.
    node.kill().await?;
    let node = Node::start_with(&data, &["--object-store", &weed.url()], &weed.environment()).await?;
    check(&node.api()?, &sender.acknowledged).await?;
    node.stop().await
}
