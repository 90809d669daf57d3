//! A runner elsewhere: asks the node what to check, and hands in what it measured.
//!
//! What is measured is in a journal, synced, before it is sent, and is deleted there when the node has said that it is on
//! its own disk. What is to be checked is kept too, so that a runner measures while the node is away.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use nines_api::{ProbeReport, ProbeResult};
use nines_base::disk::{RealDisk, SharedDisk, publish};
use nines_base::{Backoff, Random, SharedClock, Shutdown, SystemClock};
use nines_client::Client;
use nines_egress::Policy;
use nines_probe::{HostPort, Runner, RunnerParts, Taken, Taker};
use nines_wal::{Journal, JournalConfig};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Join, checker};
use crate::commands::collect::state_folder;
use crate::commands::serve::until_told_to_stop;
use crate::connection::Connection;
use crate::exit::Code;

/// Results that wait for the node. With ten probes a minute that is more than three days; beyond it the oldest go.
const WAITING_MAX: usize = 50_000;
/// Results of one report; the node takes a thousand.
const REPORT_MAX: usize = 500;
/// How often the node is asked what to check, and told that the runner is there.
const ASK_EVERY: Duration = Duration::from_secs(10);
const AGAIN: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) };
/// What was to be checked last.
const ASSIGNED_FILE: &str = "assigned.yaml";
/// Who this is to the node, as long as the folder lives.
const RUNNER_FILE: &str = "runner.id";

/// Measurements on their way, oldest first.
struct Buffer {
    journal: Journal,
    waiting: Mutex<VecDeque<ProbeResult>>,
    signal: Notify,
}

impl Buffer {
    /// With what an earlier process could not hand in.
    fn open(folder: &Path, disk: &SharedDisk, clock: &SharedClock) -> anyhow::Result<Self> {
        let mut waiting = VecDeque::new();
        // Milliseconds of the clock begin above every number that was given before: nobody measures a thousand times a
        // second for years. So numbers grow even when the journal was emptied and reopened.
        let first = u64::try_from(clock.now().as_millis()).unwrap_or(1);
        let config = JournalConfig::new(folder.join("results"));
        let (journal, recovery) = Journal::open(
            config,
            Arc::clone(disk),
            Arc::clone(clock),
            Random::from_system(),
            first,
            &mut |sequence, payload| match serde_json::from_slice::<ProbeResult>(payload) {
                Ok(result) => waiting.push_back(ProbeResult { sequence, ..result }),
                Err(error) => tracing::error!(sequence, %error, "a kept measurement cannot be read"),
            },
        )
        .with_context(|| format!("cannot use {}", folder.display()))?;
        if !recovery.damaged.is_empty() {
            tracing::error!(damaged = recovery.damaged.len(), "part of the kept measurements is damaged");
        }
        Ok(Self { journal, waiting: Mutex::new(waiting), signal: Notify::new() })
    }

    fn next(&self) -> Vec<ProbeResult> {
        self.waiting.lock().iter().take(REPORT_MAX).cloned().collect()
    }

    /// Everything up to `sequence` is on the node's disk.
    async fn done(&self, sequence: u64) {
        {
            let mut waiting = self.waiting.lock();
            while waiting.front().is_some_and(|result| result.sequence <= sequence) {
                waiting.pop_front();
            }
        }
        let journal = self.journal.clone();
        let truncated = tokio::task::spawn_blocking(move || journal.truncate_before(sequence + 1)).await;
        if let Ok(Err(error)) = truncated {
            tracing::warn!(%error, "measurements that were handed in still take room");
        }
    }
}

#[async_trait]
impl Taker for Buffer {
    async fn take(&self, taken: Taken) {
        let mut result = nines_server::probe_result(&taken, 0);
        let payload = serde_json::to_vec(&result).expect("a result is plain data");
        let kept = match self.journal.append(payload) {
            Ok(ticket) => {
                result.sequence = ticket.sequence();
                ticket.await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            // Without a disk it is still worth sending, but there is no number to send it under.
            tracing::error!(probe = result.probe, %error, "a measurement cannot be kept");
            if result.sequence == 0 {
                return;
            }
        }
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING_MAX && waiting.pop_front().is_some() {
            tracing::warn!(
                waiting = WAITING_MAX,
                "the node is away for so long that the oldest measurement is dropped"
            );
        }
        // Tickets resolve in order of their numbers, tasks wake in any.
        let place = waiting.partition_point(|known| known.sequence < result.sequence);
        waiting.insert(place, result);
        self.signal.notify_one();
    }
}

pub(super) async fn run(join: Join, connection: &Connection) -> anyhow::Result<Code> {
    join.log.start()?;
    let location = join.location.context("there is no --location")?;
    let connection = Connection { url: join.join, key: connection.key.clone() };
    let client = connection.client()?;
    let folder = state_folder(join.state, &client)?.join(format!("probe-{location}"));
    let (disk, clock) = (RealDisk::shared(), SystemClock::shared());
    disk.create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let id = runner_id(&folder, &disk, &clock)?;
    let buffer = {
        let (folder, disk, clock) = (folder.clone(), Arc::clone(&disk), Arc::clone(&clock));
        Arc::new(tokio::task::spawn_blocking(move || Buffer::open(&folder, &disk, &clock)).await??)
    };
    let references = join
        .reference
        .iter()
        .map(|text| HostPort::parse(text).with_context(|| format!("`{text}` is not a host and a port")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let runner = Runner::new(RunnerParts {
        checker: checker(Policy { allow: with_home(join.allow_egress, &client).await }, &clock)?,
        clock: Arc::clone(&clock),
        location: location.clone(),
        references,
        home: home(&client),
        taker: Arc::clone(&buffer) as _,
    });
    let messenger = Messenger { client, clock, disk, folder, id, location, buffer, runner: runner.clone() };
    let shutdown = Shutdown::new();
    eprintln!("measuring at {} for {}", messenger.location, messenger.client.url());
    let work = async {
        tokio::join!(runner.run(shutdown.clone()), messenger.hand_in(&shutdown), messenger.ask(&shutdown),);
    };
    let mut work = std::pin::pin!(work);
    tokio::select! {
        () = work.as_mut() => {}
        told = until_told_to_stop() => {
            told?;
            shutdown.begin();
            work.await;
        }
    }
    let waiting = messenger.buffer.waiting.lock().len();
    eprintln!("stopped: {waiting} measurements wait on disk for the node");
    Ok(Code::Ok)
}

/// The node's address as a reference.
fn home(client: &Client) -> Option<HostPort> {
    let (scheme, rest) = client.url().split_once("://")?;
    let authority = rest.split('/').next()?;
    let port = if scheme == "https" { 443 } else { 80 };
    HostPort::parse(authority).or_else(|| HostPort::parse(&format!("{authority}:{port}")))
}

/// The node may be looked at wherever it is, since the runner speaks to it all the time.
async fn with_home(mut allowed: Vec<ipnet::IpNet>, client: &Client) -> Vec<ipnet::IpNet> {
    if let Some(home) = home(client)
        && let Ok(addresses) = tokio::net::lookup_host((home.host.as_str(), home.port)).await
    {
        allowed.extend(addresses.map(|address| ipnet::IpNet::from(address.ip())));
    }
    allowed
}

fn runner_id(folder: &Path, disk: &SharedDisk, clock: &SharedClock) -> anyhow::Result<String> {
    let path = folder.join(RUNNER_FILE);
    if let Ok(id) = disk.read(&path) {
        return Ok(String::from_utf8_lossy(&id).trim().to_owned());
    }
    let id = Random::from_system().uuid(clock.now()).simple().to_string();
    let written: std::io::Result<()> = publish(disk.as_ref(), &path, |file| file.write_all(id.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(id)
}

/// Between the runner and the node.
struct Messenger {
    client: Client,
    clock: SharedClock,
    disk: SharedDisk,
    folder: PathBuf,
    id: String,
    location: String,
    buffer: Arc<Buffer>,
    runner: Runner,
}

impl Messenger {
    async fn hand_in(&self, shutdown: &Shutdown) {
        let random = Random::from_system();
        let mut failures = 0;
        while !shutdown.has_begun() {
            let results = self.buffer.next();
            let is_more = results.len() == REPORT_MAX;
            let report = ProbeReport { runner: self.id.clone(), location: self.location.clone(), results };
            let pause = match self.client.report_probes(&report).await {
                Ok(taken) => {
                    failures = 0;
                    self.buffer.done(taken.sequence).await;
                    if is_more { Duration::ZERO } else { ASK_EVERY }
                }
                Err(error) => {
                    let pause = AGAIN.pause(failures, &random);
                    failures = failures.saturating_add(1);
                    let waiting = report.results.len();
                    tracing::warn!(%error, waiting, "the node did not take what was measured, will retry");
                    self.clock.sleep(pause).await;
                    Duration::ZERO
                }
            };
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.buffer.signal.notified() => {}
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    async fn ask(&self, shutdown: &Shutdown) {
        let path = self.folder.join(ASSIGNED_FILE);
        let mut known =
            self.disk.read(&path).map_or(String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
        self.follow(&known);
        while !shutdown.has_begun() {
            match self.client.assigned_probes(&self.location).await {
                Ok(assigned) if assigned.documents != known => {
                    known = assigned.documents;
                    self.follow(&known);
                    let bytes = known.as_bytes();
                    let written: std::io::Result<()> =
                        publish(self.disk.as_ref(), &path, |file| file.write_all(bytes));
                    if let Err(error) = written {
                        tracing::warn!(%error, "what is to be checked is not kept for a restart without the node");
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the node does not say what to check; going on with what is known")
                }
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.clock.sleep(ASK_EVERY) => {}
            }
        }
    }

    fn follow(&self, documents: &str) {
        match nines_probe::parse(None, documents) {
            Ok(parsed) => {
                tracing::info!(probes = parsed.probes.len(), "what is to be checked");
                self.runner.replace(parsed.probes.into_iter().map(Arc::new));
            }
            Err(errors) => {
                let error = errors.first().map(ToString::to_string).unwrap_or_default();
                tracing::error!(
                    error,
                    "what is to be checked cannot be read: is the node newer than this runner?"
                );
            }
        }
    }
}
