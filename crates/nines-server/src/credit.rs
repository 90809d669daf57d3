//! Address credit in a node: fed by what is published, counted again from what is stored, its keeper's rounds.
//!
//! The publisher hands over what the rules need of each request and goes on; a thread of its own applies them. What cannot
//! be handed over at once is left out and counted. Scores are kept in memory alone: at the start, and whenever settings
//! change, they are counted from the stored logs of the last [`HALF_LIVES`] half-lives, as live SLIs are back-filled. A file
//! of scores would be older than the logs beside it after a kill, and one more form to keep; the logs are there anyway.
//! A cut between two batches says which requests are stored and which come in, so each counts once.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use ipnet::IpNet;
use nines_actions::Actions;
use nines_actions::credit::{
    Access, Credit, Keeper, KeeperParts, Mark, Mode, ROUND, Rehearsal, Settings, rehearse,
};
use nines_base::{Random, SharedClock, Shutdown};
use nines_filter::{Expr, Filter};
use nines_http::{AccessLog, AccessLogError, CreditDesk, Observed, StoredAccess};
use nines_ingest::{Ingest, Observer};
use nines_model::{Batch, Dataset, TimeRange, Timestamp};
use nines_query::{AccessLine, Engine, Limits};
use nines_state::Database;
use nines_state::credit::SqliteLedger;
use nines_storage::Store;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::config::Config;

/// Batches that wait for the thread: at a thousand requests each and a microsecond a request, a fifteenth of a second.
const QUEUE_BATCHES: usize = 64;
/// Of a path, with its query: longer ones differ where no rule looks.
const PATH_BYTES_MAX: usize = 1_024;
/// What is older has less than a thousandth of its points left.
const HALF_LIVES: u32 = 10;
/// Counting the past again takes no longer than a day of it.
const PAST_MAX: Duration = Duration::from_secs(86_400);
const PAST_TIMEOUT: Duration = Duration::from_secs(120);
/// Tries to count the past: a damaged segment costs one.
const PAST_TRIES: u32 = 3;
/// Requests of a rehearsal, which are put in order in memory: 80 MB.
const REHEARSED_MAX: usize = 2_000_000;

/// A request on its way to the thread; its texts lie in the chunk.
struct Line {
    address: IpAddr,
    at: Timestamp,
    status: u16,
    path_bytes: u16,
    has_agent: bool,
}

/// The requests of a batch.
struct Chunk {
    /// Which counting it belongs to.
    epoch: u64,
    texts: String,
    lines: Vec<Line>,
}

/// What the observer looks for.
struct Wanted {
    dataset: Dataset,
    filter: Filter,
}

/// What the publisher calls.
#[derive(Default)]
pub struct AccessObserver {
    /// `None`: nothing is scored.
    wanted: ArcSwapOption<Wanted>,
    /// Counted up at each cut: chunks from before it are in the stored past.
    epoch: AtomicU64,
    queue: Mutex<Option<SyncSender<Chunk>>>,
    requests: AtomicU64,
    left_out: AtomicU64,
    is_complete: AtomicBool,
}

impl Observer for AccessObserver {
    fn observe(&self, _: u64, batch: &Batch) {
        let wanted = self.wanted.load();
        let Some(wanted) = wanted.as_ref().filter(|wanted| wanted.dataset == batch.dataset) else { return };
        let chunk = self.pick(wanted, batch);
        if chunk.lines.is_empty() {
            return;
        }
        let count = chunk.lines.len() as u64;
        let sent = self.queue.lock().as_ref().is_some_and(|queue| queue.try_send(chunk).is_ok());
        let counter = if sent { &self.requests } else { &self.left_out };
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

impl AccessObserver {
    fn pick(&self, wanted: &Wanted, batch: &Batch) -> Chunk {
        let epoch = self.epoch.load(Ordering::Acquire);
        let mut chunk = Chunk { epoch, texts: String::new(), lines: Vec::new() };
        let selected = wanted.filter.select(&batch.rows);
        for (row, event) in batch.rows.iter().enumerate().filter(|(row, _)| selected.contains(*row)) {
            let Some(address) = event.get_str("client.address").and_then(address_of) else { continue };
            let status = event.get("http.response.status_code").and_then(|value| value.as_int());
            let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else { continue };
            let before = chunk.texts.len();
            push_clipped(&mut chunk.texts, event.get_str("url.path").unwrap_or_default(), before);
            if let Some(query) = event.get_str("url.query") {
                push_clipped(&mut chunk.texts, "?", before);
                push_clipped(&mut chunk.texts, query, before);
            }
            let agent = event.get_str("user_agent.original").unwrap_or_default();
            chunk.lines.push(Line {
                address,
                at: batch.rows.timestamp(row),
                status,
                path_bytes: u16::try_from(chunk.texts.len() - before).unwrap_or(u16::MAX),
                has_agent: !matches!(agent, "" | "-"),
            });
        }
        chunk
    }
}

/// Appends as much as a path may have, from where it begins.
fn push_clipped(texts: &mut String, text: &str, begin: usize) {
    let room = PATH_BYTES_MAX.saturating_sub(texts.len() - begin);
    let end = (0..=text.len().min(room)).rev().find(|&end| text.is_char_boundary(end));
    texts.push_str(&text[..end.unwrap_or(0)]);
}

/// Some logs write the port behind it.
fn address_of(text: &str) -> Option<IpAddr> {
    let parsed = text.parse().or_else(|_| text.parse().map(|socket: std::net::SocketAddr| socket.ip()));
    parsed.ok().map(|address: IpAddr| address.to_canonical())
}

/// Applies the rules to what the observer hands over, until it is gone.
fn score(observer: &AccessObserver, keeper: &Keeper, queue: &Receiver<Chunk>) {
    for chunk in queue {
        let mut texts = chunk.texts.as_str();
        let marks: Vec<Mark> = chunk
            .lines
            .iter()
            .map(|line| {
                let (path, rest) = texts.split_at(line.path_bytes.into());
                texts = rest;
                let user_agent = if line.has_agent { "some" } else { "" };
                Access { address: line.address, at: line.at, status: line.status, path, user_agent }.mark()
            })
            .collect();
        keeper.with_credit(|credit| {
            // Looked at under the lock, under which a cut counts it up.
            if chunk.epoch == observer.epoch.load(Ordering::Acquire) {
                marks.iter().for_each(|mark| credit.take(mark));
            }
        });
    }
}

/// The logs, stored and coming in.
struct Logs {
    observer: Arc<AccessObserver>,
    keeper: Arc<Keeper>,
    store: Store,
    engine: Engine,
    ingest: Ingest,
    clock: SharedClock,
    /// One counting at a time.
    counting: tokio::sync::Mutex<()>,
}

impl Logs {
    /// Counts scores anew, from a cut on.
    async fn count_anew(&self, settings: &Settings) -> anyhow::Result<()> {
        let _one_at_a_time = self.counting.lock().await;
        self.observer.is_complete.store(false, Ordering::Relaxed);
        if settings.mode == Mode::Off {
            self.observer.wanted.store(None);
            self.keeper.with_credit(|credit| credit.begin_anew(self.keeper.config_of(settings)));
            return Ok(());
        }
        let filter = Filter::parse(&settings.from)?;
        let wanted = Wanted { dataset: settings.dataset, filter: filter.clone() };
        self.observer.wanted.store(Some(Arc::new(wanted)));
        let back =
            Duration::from_secs(settings.half_life_secs.into()).saturating_mul(HALF_LIVES).min(PAST_MAX);
        let mut problem = None;
        for _ in 0..PAST_TRIES {
            let now = self.clock.now();
            let range = TimeRange::new(now - back, Timestamp::MAX);
            let (observer, keeper, store) =
                (Arc::clone(&self.observer), Arc::clone(&self.keeper), self.store.clone());
            let (config, dataset) = (self.keeper.config_of(settings), settings.dataset);
            let snapshot = self.ingest.at_cut({
                let config = config.clone();
                move |_| {
                    keeper.with_credit(|credit| {
                        observer.epoch.fetch_add(1, Ordering::AcqRel);
                        credit.begin_anew(config);
                    });
                    store.snapshot(dataset, range)
                }
            });
            let snapshot = Arc::new(snapshot.await?.context("cannot look at the stored logs")?);
            let limits = Limits { timeout: Some(PAST_TIMEOUT), ..Limits::default() };
            let scanned = self.engine.scan_accesses(
                Some(snapshot),
                settings.dataset,
                filter.clone(),
                range,
                limits,
                move || Credit::new(config.clone()),
                |credit, line| {
                    if let Some(mark) = mark_of(&line) {
                        credit.take(&mark);
                    }
                },
            );
            match scanned.await {
                Ok((counted, _)) => {
                    let addresses = counted.len();
                    self.keeper.with_credit(|credit| credit.absorb(counted));
                    self.observer.is_complete.store(true, Ordering::Relaxed);
                    tracing::info!(addresses, mode = settings.mode.as_str(), "address credit is counted");
                    return Ok(());
                }
                Err(error) => problem = Some(error),
            }
        }
        Err(problem.map_or_else(|| anyhow::anyhow!("the past was not counted"), anyhow::Error::from))
    }
}

fn mark_of(line: &AccessLine<'_>) -> Option<Mark> {
    access_of(line).map(|access| access.mark)
}

fn access_of(line: &AccessLine<'_>) -> Option<StoredAccess> {
    let address = address_of(line.client)?;
    let mut path = String::new();
    push_clipped(&mut path, line.path, 0);
    if !line.query.is_empty() {
        push_clipped(&mut path, "?", 0);
        push_clipped(&mut path, line.query, 0);
    }
    let access = Access { address, at: line.at, status: line.status, path: &path, user_agent: line.agent };
    Some(StoredAccess { mark: access.mark(), path })
}

#[async_trait]
impl AccessLog for Logs {
    fn observed(&self) -> Observed {
        Observed {
            requests: self.observer.requests.load(Ordering::Relaxed),
            left_out: self.observer.left_out.load(Ordering::Relaxed),
            is_complete: self.observer.is_complete.load(Ordering::Relaxed),
        }
    }

    async fn follow(&self, settings: &Settings) -> Result<(), AccessLogError> {
        self.count_anew(settings).await.map_err(|error| {
            tracing::warn!(error = format!("{error:#}"), "address credit does not know the stored past");
            AccessLogError::Unavailable("the settings are in force, but the stored logs could not be counted")
        })
    }

    async fn rehearse(&self, settings: &Settings, range: TimeRange) -> Result<Rehearsal, AccessLogError> {
        let filter = Filter::parse(&settings.from)?;
        let limits = Limits { timeout: Some(PAST_TIMEOUT), ..Limits::default() };
        let gather = |(marks, surplus): &mut (Vec<Mark>, u64), line: AccessLine<'_>| match mark_of(&line) {
            Some(mark) if marks.len() < REHEARSED_MAX => marks.push(mark),
            Some(_) => *surplus += 1,
            None => {}
        };
        let start = || (Vec::new(), 0_u64);
        let scanned = self.engine.scan_accesses(None, settings.dataset, filter, range, limits, start, gather);
        let ((mut marks, surplus), _) = scanned.await?;
        if surplus > 0 {
            let found = marks.len() as u64 + surplus;
            return Err(AccessLogError::TooMany { found, limit: REHEARSED_MAX });
        }
        let config = self.keeper.config_of(settings);
        let end = range.end.min(self.clock.now());
        let rehearsed = tokio::task::spawn_blocking(move || rehearse(config, &mut marks, end));
        rehearsed.await.map_err(|_| AccessLogError::Unavailable("the rehearsal was broken off"))
    }

    async fn requests_of(
        &self,
        settings: &Settings,
        address: IpAddr,
        since: Timestamp,
        count: usize,
    ) -> Result<Vec<StoredAccess>, AccessLogError> {
        let filter = Filter::from_ast(Expr::equals("client.address", address.to_string()));
        let range = TimeRange::new(since, Timestamp::MAX);
        let gather = move |found: &mut Vec<StoredAccess>, line: AccessLine<'_>| {
            found.extend(access_of(&line));
            if found.len() >= count.saturating_mul(10).max(1) {
                newest(found, count);
            }
        };
        let limits = Limits::default();
        let scanned =
            self.engine.scan_accesses(None, settings.dataset, filter, range, limits, Vec::new, gather);
        let (mut found, _) = scanned.await?;
        newest(&mut found, count);
        Ok(found)
    }
}

fn newest(found: &mut Vec<StoredAccess>, count: usize) {
    found.sort_by_key(|access| std::cmp::Reverse(access.mark.at));
    found.truncate(count);
}

/// What address credit stands on in this node.
pub struct Surroundings<'a> {
    pub config: &'a Config,
    pub public_url: &'a str,
    pub control: Database,
    pub actions: Arc<Actions>,
    pub observer: Arc<AccessObserver>,
    pub store: Store,
    pub engine: Engine,
    pub ingest: Ingest,
    pub clock: SharedClock,
    pub random: Random,
}

/// Opens the ledger and starts the keeper. The thread that scores ends when the node lets go of the observer's queue, with
/// the task that is given.
///
/// # Errors
/// What is kept cannot be read.
pub async fn start(
    surroundings: Surroundings<'_>,
    shutdown: &Shutdown,
) -> anyhow::Result<(CreditDesk, JoinHandle<()>)> {
    let Surroundings { config, public_url, control, actions, observer, store, engine, ingest, clock, random } =
        surroundings;
    let own = own_addresses(config, public_url).await;
    let ledger = Arc::new(SqliteLedger::new(control));
    let parts = KeeperParts { actions, ledger, clock: Arc::clone(&clock), random, own };
    let keeper = Arc::new(Keeper::open(parts).await.context("cannot open the ledger of blocked addresses")?);
    let (sender, receiver) = sync_channel(QUEUE_BATCHES);
    *observer.queue.lock() = Some(sender);
    let thread = std::thread::Builder::new().name("credit".to_owned()).spawn({
        let (observer, keeper) = (Arc::clone(&observer), Arc::clone(&keeper));
        move || score(&observer, &keeper, &receiver)
    })?;
    let logs = Arc::new(Logs {
        observer: Arc::clone(&observer),
        keeper: Arc::clone(&keeper),
        store,
        engine,
        ingest,
        clock: Arc::clone(&clock),
        counting: tokio::sync::Mutex::default(),
    });
    let desk = CreditDesk { keeper: Arc::clone(&keeper), log: Arc::clone(&logs) as _ };
    let shutdown = shutdown.clone();
    let worker = tokio::spawn(async move {
        if let Err(error) = logs.count_anew(&keeper.settings()).await {
            tracing::warn!(error = format!("{error:#}"), "address credit does not know the stored past");
        }
        while !shutdown.has_begun() {
            if let Err(error) = keeper.round().await {
                tracing::warn!(%error, "address credit could not go on; it tries again");
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = clock.sleep(ROUND) => {}
            }
        }
        observer.wanted.store(None);
        drop(observer.queue.lock().take());
        if tokio::task::spawn_blocking(move || thread.join()).await.is_err() {
            tracing::error!("the thread that scores addresses ended badly");
        }
    });
    Ok((desk, worker))
}

/// Addresses by which this node is reached, or by which it reaches others.
async fn own_addresses(config: &Config, public_url: &str) -> Vec<IpNet> {
    let mut own: Vec<IpAddr> = [config.listen, config.otlp_grpc, config.otlp_http].map(|at| at.ip()).to_vec();
    // Connecting a datagram socket sends nothing: it only asks the routing table which address would be the sender's.
    for (any, far) in [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")] {
        let local = UdpSocket::bind(any).and_then(|socket| {
            socket.connect(far)?;
            socket.local_addr()
        });
        own.extend(local.map(|at| at.ip()).ok());
    }
    let authority = public_url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let target = if authority.rsplit(']').next().is_some_and(|rest| rest.contains(':')) {
        authority.to_owned()
    } else {
        format!("{authority}:443")
    };
    if let Ok(found) = tokio::net::lookup_host(target).await {
        own.extend(found.map(|at| at.ip()));
    }
    own.retain(|address| !address.is_unspecified());
    own.into_iter().map(|address| IpNet::from(address.to_canonical())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_port_and_paths_are_clipped_at_characters() {
        assert_eq!(address_of("203.0.113.7:4711"), address_of("::ffff:203.0.113.7"));
        assert_eq!(address_of("[2001:db8::7]:443"), address_of("2001:db8::7"));
        assert_eq!(address_of("edge-1"), None);
        let mut texts = "x".repeat(7);
        push_clipped(&mut texts, &"é".repeat(PATH_BYTES_MAX), 7);
        assert_eq!(texts.len(), 7 + PATH_BYTES_MAX);
        push_clipped(&mut texts, "more", 7);
        assert_eq!(texts.len(), 7 + PATH_BYTES_MAX);
    }
}
