//! The machine with PostgreSQL, the peer and the files around it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nines_base::disk::SharedDisk;
use nines_base::{Random, Shutdown};
use nines_state::replication::{Journal, Kept, Refused};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::clock;
use crate::keeper::{File, Keeper};
use crate::machine::{Acquired, Action, Machine, Question, Timing};
use crate::peer::{Answer, Peer};
use crate::store::{Appended, Entry, Known, Line, StoreError};

/// How often the machine is asked what is due.
const TICK: Duration = Duration::from_millis(50);
/// A question about the lease that takes longer is as good as not answered: renewals come every 0.7 s.
const LEASE_LIMIT: Duration = Duration::from_millis(900);
/// A write that takes longer is sent again; it has the same id.
const LOG_LIMIT: Duration = Duration::from_millis(900);
/// Between two tries to ship a write.
const SHIP_PAUSE: Duration = Duration::from_millis(50);
/// Between two tries to reach PostgreSQL at the start.
const START_PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Settings {
    /// `postgres://…`; may hold a password.
    pub url: String,
    /// This node's, other than its peer's.
    pub name: String,
    /// Where the peer listens.
    pub peer: Option<String>,
    /// Where people reach this node.
    pub public_url: String,
    /// Knows this data directory from another with the same name.
    pub directory: String,
    pub files: Vec<File>,
}

/// What the node says of its pair.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    pub name: String,
    pub leads: bool,
    /// Of the lease, as last seen.
    pub epoch: i64,
    /// Who has the lease, as last seen, and where people reach it.
    pub leader: Option<String>,
    pub leader_url: String,
    pub reaches_postgresql: bool,
    /// Goes on by the peer's promise alone.
    pub by_promise: bool,
    /// Stands by, and would promise if PostgreSQL were gone.
    pub vouches: bool,
    /// For how long this node may send if nothing else happens.
    pub permitted_for: Duration,
    /// Writes that the log does not have yet.
    pub backlog: u64,
    /// The other member: its name, how long it was not seen by PostgreSQL, and by how many writes it is behind.
    pub other: Option<(String, Duration, u64)>,
    /// How far the other's clock is ahead of this one's, in seconds, as PostgreSQL's tells: steps of escalations are due by
    /// it after a takeover.
    pub other_clock_ahead: Option<f64>,
    /// Whether the peer answered when it was last looked at; only the leader looks.
    pub peer_answers: Option<bool>,
    /// Why this node cannot lead, if it cannot.
    pub trouble: Option<String>,
}

pub(crate) struct Inner {
    pub settings: Settings,
    pub timing: Timing,
    pub machine: Mutex<Machine>,
    pub random: Random,
    pub disk: SharedDisk,
    /// The epoch that this node's files are ready to be led in; `None`: it follows.
    pub led: watch::Sender<Option<i64>>,
    pub known: Mutex<Option<Known>>,
    pub status: Mutex<Status>,
    lease_line: Line,
    /// One for each file, so that pages do not wait behind the inventory.
    logs: Vec<(String, Line)>,
    pub follow_line: Line,
    peer: Option<Peer>,
    runtime: Handle,
}

/// A member of a pair. Cloning shares it.
#[derive(Clone)]
pub struct Pair(pub(crate) Arc<Inner>);

impl std::fmt::Debug for Pair {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Pair({})", self.0.settings.name)
    }
}

impl Pair {
    /// Starts the pair's thread. It does not wait for PostgreSQL: until that answers, this node follows.
    pub fn start(
        settings: Settings,
        random: Random,
        disk: SharedDisk,
        stop: Shutdown,
    ) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| StoreError::Refused(format!("cannot start the pair: {error}")))?;
        let peer = settings.peer.as_deref().map(Peer::new).transpose();
        let peer = peer.map_err(|error| StoreError::Refused(format!("--pair-peer: {error}")))?;
        let timing = Timing::default();
        let log =
            |file: &File| Ok((file.name.to_owned(), Line::new(&settings.url, LOG_LIMIT, timing.statement)?));
        let logs = settings.files.iter().map(log).collect::<Result<Vec<_>, StoreError>>()?;
        let inner = Arc::new(Inner {
            timing,
            machine: Mutex::new(Machine::new(timing, clock::now())),
            random,
            disk,
            led: watch::Sender::new(None),
            known: Mutex::new(None),
            status: Mutex::new(Status { name: settings.name.clone(), ..Status::default() }),
            lease_line: Line::new(&settings.url, LEASE_LIMIT, timing.statement)?,
            logs,
            follow_line: Line::new(&settings.url, LOG_LIMIT * 5, LOG_LIMIT * 10)?,
            peer,
            runtime: runtime.handle().clone(),
            settings,
        });
        inner.machine.lock().set_eligible(false);
        let pair = Self(Arc::clone(&inner));
        let thread = std::thread::Builder::new().name("pair".to_owned());
        let run = pair.clone();
        thread
            .spawn(move || runtime.block_on(run.run(stop)))
            .map_err(|error| StoreError::Refused(format!("cannot start the pair: {error}")))?;
        Ok(pair)
    }

    async fn run(self, stop: Shutdown) {
        if self.join(&stop).await.is_none() {
            return;
        }
        let keeper = tokio::spawn(Keeper::new(self.clone()).run(stop.clone()));
        while !stop.has_begun() {
            let actions = self.0.machine.lock().due(clock::now());
            self.perform(actions);
            tokio::time::sleep(TICK).await;
        }
        if keeper.await.is_err() {
            tracing::error!("the keeper of the pair's files ended badly");
        }
    }

    /// Until PostgreSQL has let this node take part.
    async fn join(&self, stop: &Shutdown) -> Option<()> {
        let settings = &self.0.settings;
        while !stop.has_begun() {
            let joined = async {
                self.0.follow_line.prepare().await?;
                self.0.follow_line.join(&settings.name, &settings.directory).await
            };
            match joined.await {
                Ok(()) => return Some(()),
                Err(error) => {
                    let error = nines_base::chain(&error);
                    tracing::error!(error, "this node cannot take part in its pair yet");
                    self.0.status.lock().trouble = Some(error);
                }
            }
            tokio::time::sleep(START_PAUSE).await;
        }
        None
    }

    fn perform(&self, actions: Vec<Action>) {
        for action in actions {
            let (pair, sent_at) = (self.clone(), clock::now());
            match action {
                Action::Lead { epoch } => tracing::info!(epoch, "this node has the lease"),
                Action::Follow => {
                    tracing::warn!("another node leads, or must: this one follows");
                    self.0.led.send_replace(None);
                }
                action => drop(tokio::spawn(async move {
                    let actions = pair.ask(action, sent_at).await;
                    pair.perform(actions);
                })),
            }
        }
    }

    async fn ask(&self, action: Action, sent_at: Duration) -> Vec<Action> {
        let inner = &self.0;
        let name = &inner.settings.name;
        match action {
            Action::Read => {
                let known = inner.lease_line.known().await;
                let known = known.inspect_err(|error| {
                    tracing::warn!(error = nines_base::chain(error), "the lease cannot be read")
                });
                let lease = known.as_ref().ok().map(|known| known.lease.clone());
                if let Ok(known) = known {
                    *inner.known.lock() = Some(known);
                }
                inner.machine.lock().read(sent_at, clock::now(), lease.as_ref())
            }
            Action::Acquire { epoch } => {
                let read_at = inner.known.lock().as_ref().map_or(0, |known| known.now_micros);
                let within = i64::try_from(inner.timing.acquire_within.as_micros()).unwrap_or(0);
                let url = &inner.settings.public_url;
                let acquired =
                    inner.lease_line.acquire(name, url, epoch, read_at + within, inner.timing).await;
                if acquired == Acquired::Lost {
                    tracing::info!("the lease went to the other node");
                }
                inner.machine.lock().acquired(sent_at, clock::now(), acquired)
            }
            Action::Renew { epoch } => {
                let renewed = inner.lease_line.renew(name, epoch, inner.timing).await;
                inner.machine.lock().renewed(epoch, sent_at, clock::now(), renewed)
            }
            Action::Ask { epoch } => {
                let waiting = inner.machine.lock().waits();
                let secret = inner.known.lock().as_ref().map(|known| known.secret.clone());
                let promise = match (&inner.peer, secret) {
                    (Some(peer), Some(secret)) => peer.ask(&secret, Question { epoch, waiting }).await,
                    _ => None,
                };
                inner.machine.lock().answered(epoch, sent_at, promise);
                Vec::new()
            }
            Action::Lead { .. } | Action::Follow => vec![action],
        }
    }

    /// Waits until this node's files are ready to be led.
    pub async fn leads(&self) -> Leadership {
        let mut led = self.0.led.subscribe();
        let epoch = led.wait_for(Option::is_some).await.ok().and_then(|led| *led);
        Leadership { pair: self.clone(), epoch: epoch.unwrap_or(-1) }
    }

    /// Gives the lease back, if this node has it: call it when nothing writes or sends any more.
    pub async fn give_back(&self) {
        let epoch = self.0.machine.lock().leads();
        let actions = self.0.machine.lock().follow(clock::now());
        self.0.machine.lock().set_eligible(false);
        for _ in actions {
            self.0.led.send_replace(None);
        }
        let Some(epoch) = epoch else { return };
        let pair = self.clone();
        let given = self
            .0
            .runtime
            .spawn(async move { pair.0.lease_line.give_back(&pair.0.settings.name, epoch).await });
        match given.await {
            Ok(Ok(())) => tracing::info!(epoch, "the lease is given back"),
            _ => tracing::warn!(epoch, "the lease could not be given back; it ends by itself"),
        }
    }

    /// Answers the other member, which shows what only members know.
    pub fn asked(&self, secret: &str, body: &[u8]) -> Answer {
        let is_member = self.0.known.lock().as_ref().is_some_and(|known| same(&known.secret, secret));
        let asked: Option<crate::peer::Asked> = serde_json::from_slice(body).ok();
        let (true, Some(asked)) = (is_member, asked) else { return Answer::Stranger };
        let question = Question { epoch: asked.epoch, waiting: asked.waiting };
        match self.0.machine.lock().asked(clock::now(), question) {
            Ok(promise) => Answer::Promise(u64::try_from(promise.as_millis()).unwrap_or(0)),
            Err(reason) => Answer::Refused(reason.to_owned()),
        }
    }

    /// Whether the peer is where it should be, so that nobody learns only when PostgreSQL is gone that it is not.
    pub(crate) async fn look_at_peer(&self) {
        let Some(peer) = &self.0.peer else { return };
        let answers = peer.answers().await;
        if self.0.status.lock().peer_answers.replace(answers) != Some(answers) && !answers {
            tracing::warn!(
                "the peer does not answer at --pair-peer; without PostgreSQL this node would stop"
            );
        }
    }

    pub fn status(&self) -> Status {
        let now = clock::now();
        let mut status = self.0.status.lock().clone();
        let machine = self.0.machine.lock();
        status.leads = machine.leads().is_some();
        status.reaches_postgresql = machine.reaches(now);
        status.by_promise = machine.may_wait(now);
        status.vouches = machine.vouches();
        status.permitted_for = machine.permitted_until().saturating_sub(now);
        drop(machine);
        if let Some(known) = &*self.0.known.lock() {
            status.epoch = known.lease.epoch;
            status.leader.clone_from(&known.lease.holder);
            status.leader_url.clone_from(&known.url);
        }
        if let Some(epoch) = *self.0.led.borrow() {
            status.epoch = epoch;
            status.leader = Some(self.0.settings.name.clone());
            status.leader_url.clone_from(&self.0.settings.public_url);
        }
        status
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&File, PathBuf)> {
        self.0.settings.files.iter().map(|file| (file, file.folder.join(file.name)))
    }

    /// Sends writes of a file to the log, on the pair's own thread.
    pub(crate) async fn append(
        &self,
        epoch: i64,
        file: &str,
        entries: Vec<Entry>,
    ) -> Result<Appended, StoreError> {
        let (pair, file) = (self.clone(), file.to_owned());
        let sent = self.0.runtime.spawn(async move {
            let line = pair.0.logs.iter().find(|(name, _)| *name == file).map(|(_, line)| line);
            let line = line.ok_or_else(|| StoreError::Refused(format!("`{file}` is no file of the pair")))?;
            line.append(&pair.0.settings.name, epoch, &file, &entries).await
        });
        sent.await.unwrap_or_else(|_| Err(StoreError::Refused("the pair has stopped".to_owned())))
    }

    /// This node must not lead on: the log has what the files do not, or the other way round.
    pub(crate) fn step_down(&self, epoch: i64) {
        let mut machine = self.0.machine.lock();
        if machine.leads() == Some(epoch) && !machine.follow(clock::now()).is_empty() {
            drop(machine);
            self.0.led.send_replace(None);
        }
    }
}

/// Takes as long whatever is shown.
fn same(known: &str, shown: &str) -> bool {
    known.len() == shown.len()
        && known.bytes().zip(shown.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// One epoch of this node's: what it may do, it may do only in this.
#[derive(Debug, Clone)]
pub struct Leadership {
    pair: Pair,
    pub epoch: i64,
}

impl Leadership {
    /// Whether this node may write and send at this instant. Costs a look at the clock.
    pub fn is_permitted(&self) -> bool {
        self.pair.0.machine.lock().permit(clock::now()) == Some(self.epoch)
    }

    /// Returns once this epoch is over for this node.
    pub async fn ended(&self) {
        let mut led = self.pair.0.led.subscribe();
        // An error means that the pair itself is gone.
        let _ = led.wait_for(|led| *led != Some(self.epoch)).await;
    }

    pub fn status(&self) -> Status {
        self.pair.status()
    }
}

#[async_trait]
impl Journal for Leadership {
    async fn append(
        &self,
        file: &str,
        sequence: i64,
        changes: Vec<u8>,
        waiting: bool,
    ) -> Result<Kept, Refused> {
        let refused = |reason: &str| Err(Refused { reason: reason.to_owned() });
        let inner = &self.pair.0;
        let id: String = inner.random.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let entry = Entry { sequence, id: id.clone(), changes };
        loop {
            {
                let mut machine = inner.machine.lock();
                let now = clock::now();
                if machine.permit(now) != Some(self.epoch) {
                    return refused("its lease is over");
                }
                if machine.may_wait(now) {
                    machine.set_waiting(true);
                    return Ok(Kept::Waits { id, epoch: self.epoch });
                }
                if waiting {
                    return refused("earlier writes are on their way to PostgreSQL; try again");
                }
            }
            match self.pair.append(self.epoch, file, vec![entry.clone()]).await {
                Ok(Appended::Stored) => return Ok(Kept::Shared),
                Ok(Appended::Fenced) => {
                    self.pair.step_down(self.epoch);
                    return refused("another node leads");
                }
                Ok(Appended::Behind) => {
                    tracing::error!(file, sequence, "the log has another write in this place");
                    self.pair.step_down(self.epoch);
                    return refused("its file is behind the log");
                }
                Err(error) => {
                    tracing::warn!(file, error = nines_base::chain(&error), "a write is not in the log yet");
                    tokio::time::sleep(SHIP_PAUSE).await;
                }
            }
        }
    }

    fn broken(&self, file: &str) {
        tracing::error!(file, "a write that the log has could not be committed here");
        self.pair.step_down(self.epoch);
    }
}
