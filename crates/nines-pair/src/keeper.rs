//! The files of a member: fetched, followed, caught up before they are led from, and shipped when they were ahead.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nines_base::{Shutdown, SystemClock};
use nines_state::{Database, Domain, StateError};

use crate::pair::Pair;
use crate::snapshot::{self, SnapshotError};
use crate::store::{Appended, Entry, Known, StoreError};

/// How often a follower looks for news.
const ROUND: Duration = Duration::from_millis(200);
/// Writes that are read or shipped at once.
const BATCH: u32 = 256;
/// A log that is longer gets a new snapshot before it.
const LOG_MAX: i64 = 50_000;
/// Kept behind a snapshot, so that a member that is a little behind need not begin anew.
const LOG_KEPT: i64 = 10_000;
/// Rounds between two reports of the positions, and two looks at the log's length.
const REPORT_ROUNDS: u64 = 10;
const LENGTH_ROUNDS: u64 = 300;
/// Rounds between two looks at the peer: every five seconds.
const PEER_ROUNDS: u64 = 25;
/// Beside the positions of the files: what the member's clock showed when it told them, in milliseconds since 1970.
const CLOCK: &str = "clock_ms";

/// A file of the pair, the same at both members.
#[derive(Debug, Clone)]
pub struct File {
    pub name: &'static str,
    pub folder: PathBuf,
    pub domains: &'static [Domain],
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The file is not what the log was written upon.
    #[error("`{file}` differs from the pair's: {reason}")]
    Differs { file: &'static str, reason: String },
    #[error("the files have more than PostgreSQL's log, which was put back to an earlier state")]
    Ahead,
    #[error("the epoch ended before the files were ready")]
    Ended,
}

pub(crate) struct Keeper {
    pair: Pair,
    /// Open handles, in the order of the settings.
    databases: Vec<Database>,
    rounds: u64,
    /// A file differed: the next round fetches all of them.
    anew: bool,
    /// The epoch in which the files were seen to have more than the log.
    ahead_in: Option<i64>,
}

impl Keeper {
    pub fn new(pair: Pair) -> Self {
        Self { pair, databases: Vec::new(), rounds: 0, anew: false, ahead_in: None }
    }

    pub async fn run(mut self, stop: Shutdown) {
        while !stop.has_begun() {
            let epoch = self.pair.0.machine.lock().leads();
            let led = *self.pair.0.led.borrow();
            let done = match epoch {
                None => self.follow().await,
                Some(epoch) if led == Some(epoch) => self.lead(epoch).await,
                Some(epoch) => self.take_over(epoch).await,
            };
            let trouble = match done {
                Ok(()) => None,
                Err(error) => {
                    let differs = matches!(error, KeepError::Differs { .. });
                    let error = nines_base::chain(&error);
                    if differs {
                        tracing::error!(
                            error,
                            "this node's files are fetched anew; what was there is set aside"
                        );
                        self.anew = true;
                        // The other, if its files are fit, need not wait for the lease to end.
                        self.pair.give_back().await;
                    } else if self.pair.0.status.lock().trouble.as_ref() != Some(&error) {
                        tracing::warn!(error, "the pair's files are not up to date, will retry");
                    }
                    Some(error)
                }
            };
            self.pair.0.status.lock().trouble = trouble;
            self.rounds += 1;
            if self.pair.0.machine.lock().leads() == epoch {
                tokio::select! {
                    () = stop.begun() => {}
                    () = tokio::time::sleep(ROUND) => {}
                }
            }
        }
    }

    async fn open(&mut self) -> Result<(), KeepError> {
        if self.databases.is_empty() {
            for (file, path) in self.pair.files() {
                self.databases.push(Database::open_following(&path, file.domains).await?);
            }
        }
        Ok(())
    }

    async fn close(&mut self) {
        for database in self.databases.drain(..) {
            database.close().await;
        }
    }

    /// One round of a follower: files of this pair, and everything that the log has.
    async fn follow(&mut self) -> Result<(), KeepError> {
        self.open().await?;
        let known = self.pair.0.follow_line.known().await?;
        *self.pair.0.known.lock() = Some(known.clone());
        let Some(pair) = &known.pair else {
            // Nobody has led yet: whoever does brings its files.
            self.pair.0.machine.lock().set_eligible(true);
            return Ok(());
        };
        let mut belongs = !self.anew;
        for (index, database) in self.databases.iter().enumerate() {
            let name = self.pair.0.settings.files[index].name;
            let (first, _) = self.pair.0.follow_line.bounds(name).await?;
            let position = database.followed().await?;
            belongs &=
                position.is_some_and(|at| at.pair == *pair && (first == 0 || first <= at.sequence + 1));
        }
        if belongs && self.is_ahead().await? {
            let epoch = *self.ahead_in.get_or_insert(known.lease.epoch);
            let holder = known.lease.holder.as_ref();
            let another = holder.is_some_and(|holder| *holder != self.pair.0.settings.name);
            let is_led = another && known.lease.remaining > Duration::ZERO;
            if !(is_led && known.lease.epoch > epoch) {
                // If nobody leads, whoever does next begins a new log from its own files.
                self.pair.0.machine.lock().set_eligible(!is_led);
                return Err(KeepError::Ahead);
            }
        }
        // What was ahead once is not what the log has gone on from.
        belongs &= self.ahead_in.is_none();
        if !belongs {
            self.begin(&known).await?;
        }
        self.catch_up().await?;
        self.report().await?;
        self.pair.0.machine.lock().set_eligible(true);
        Ok(())
    }

    /// Whether a file has more than the log, besides what it has not shipped.
    async fn is_ahead(&self) -> Result<bool, KeepError> {
        for (index, database) in self.databases.iter().enumerate() {
            let position = database.followed().await?.map_or(0, |at| at.sequence);
            let waiting = database.backlog_len().await?;
            let (_, last) = self.pair.0.follow_line.bounds(self.pair.0.settings.files[index].name).await?;
            if position.saturating_sub_unsigned(waiting) > last {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Begins with the newest snapshot.
    async fn begin(&mut self, known: &Known) -> Result<(), KeepError> {
        tracing::info!(snapshot = known.snapshot, "the pair's files are fetched");
        self.close().await;
        for (file, path) in self.pair.files() {
            snapshot::fetch(&self.pair.0.disk, &self.pair.0.follow_line, known.snapshot, &path, file.name)
                .await?;
        }
        (self.anew, self.ahead_in) = (false, None);
        self.open().await
    }

    /// Applies what the log has and the files do not.
    async fn catch_up(&self) -> Result<(), KeepError> {
        for (index, database) in self.databases.iter().enumerate() {
            let file = self.pair.0.settings.files[index].name;
            let differs = |reason: String| KeepError::Differs { file, reason };
            self.match_backlog(file, database).await?;
            loop {
                let position = database.followed().await?.map_or(0, |at| at.sequence);
                let entries = self.pair.0.follow_line.entries(file, position, i64::from(BATCH)).await?;
                if entries.is_empty() {
                    break;
                }
                let writes: Vec<_> = entries.into_iter().map(|one| (one.sequence, one.changes)).collect();
                match database.follow(&writes).await {
                    Ok(()) => {}
                    Err(error @ StateError::Row { .. }) => return Err(differs(error.to_string())),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Writes that this node made alone and could not ship: the log has them, has nothing in their place, or has what
    /// another leader wrote, and then they are lost to the pair.
    async fn match_backlog(&self, file: &'static str, database: &Database) -> Result<(), KeepError> {
        while let Some(oldest) = database.backlog(1).await?.into_iter().next() {
            let there = self.pair.0.follow_line.entries(file, oldest.sequence - 1, 1).await?;
            match there.first() {
                None => break,
                Some(entry) if entry.id == oldest.id => database.backlog_shared(oldest.sequence).await?,
                Some(_) => {
                    let reason = format!(
                        "it has writes from number {} on that never reached PostgreSQL, and another node led since",
                        oldest.sequence
                    );
                    return Err(KeepError::Differs { file, reason });
                }
            }
        }
        Ok(())
    }

    /// The lease is this node's: its files get ready.
    async fn take_over(&mut self, epoch: i64) -> Result<(), KeepError> {
        self.open().await?;
        let known = self.pair.0.follow_line.known().await?;
        *self.pair.0.known.lock() = Some(known.clone());
        let is_ahead = known.pair.is_some() && self.is_ahead().await?;
        if known.pair.is_none() || is_ahead {
            if is_ahead {
                tracing::error!(
                    "PostgreSQL was put back to an earlier state; the log begins anew from this node's files"
                );
                self.pair.0.follow_line.clear(&self.pair.0.settings.name, epoch).await?;
            }
            let pair: String =
                self.pair.0.random.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
            for database in &self.databases {
                database.adopt(&pair).await?;
            }
            self.snapshot(epoch, known.snapshot + 1, &pair).await?;
            self.ahead_in = None;
        } else {
            self.catch_up().await?;
            while self.ship(epoch).await? > 0 {}
        }
        let machine = self.pair.0.machine.lock();
        if machine.leads() != Some(epoch) {
            return Err(KeepError::Ended);
        }
        self.pair.0.led.send_replace(Some(epoch));
        Ok(())
    }

    /// One round beside the node that leads.
    async fn lead(&mut self, epoch: i64) -> Result<(), KeepError> {
        if self.rounds.is_multiple_of(PEER_ROUNDS) {
            let pair = self.pair.clone();
            // Beside the round: a peer that is gone is waited for.
            tokio::spawn(async move { pair.look_at_peer().await });
        }
        let reaches = self.pair.0.machine.lock().reaches(crate::clock::now());
        let waiting = if reaches { self.ship(epoch).await? } else { self.waiting().await? };
        self.pair.0.machine.lock().set_waiting(waiting > 0);
        self.pair.0.status.lock().backlog = waiting;
        if reaches {
            self.report().await?;
            if self.rounds.is_multiple_of(LENGTH_ROUNDS) {
                self.shorten(epoch).await?;
            }
        }
        Ok(())
    }

    async fn waiting(&self) -> Result<u64, KeepError> {
        let mut waiting = 0;
        for database in &self.databases {
            waiting += database.backlog_len().await?;
        }
        Ok(waiting)
    }

    /// Ships a batch of each file's backlog. How many wait still.
    async fn ship(&self, epoch: i64) -> Result<u64, KeepError> {
        for (index, database) in self.databases.iter().enumerate() {
            let file = self.pair.0.settings.files[index].name;
            let entries: Vec<Entry> = database
                .backlog(BATCH)
                .await?
                .into_iter()
                .map(|one| Entry { sequence: one.sequence, id: one.id, changes: one.changes })
                .collect();
            let Some(last) = entries.last().map(|entry| entry.sequence) else { continue };
            match self.pair.append(epoch, file, entries).await? {
                Appended::Stored => database.backlog_shared(last).await?,
                Appended::Fenced => {
                    self.pair.step_down(epoch);
                    return Err(KeepError::Ended);
                }
                Appended::Behind => {
                    self.pair.step_down(epoch);
                    let reason = format!("the log has another write in the place of {last} or before");
                    return Err(KeepError::Differs { file, reason });
                }
            }
        }
        self.waiting().await
    }

    /// Tells the other how far this one is, and learns how far the other is.
    async fn report(&self) -> Result<(), KeepError> {
        if !self.rounds.is_multiple_of(REPORT_ROUNDS) {
            return Ok(());
        }
        let mut own = BTreeMap::new();
        for (index, database) in self.databases.iter().enumerate() {
            let position = database.followed().await?.map_or(0, |at| at.sequence);
            own.insert(self.pair.0.settings.files[index].name.to_owned(), position);
        }
        let (line, name) = (&self.pair.0.follow_line, &self.pair.0.settings.name);
        let mut told = own.clone();
        told.insert(CLOCK.to_owned(), clock_ms());
        line.seen(name, &serde_json::to_string(&told).unwrap_or_default()).await?;
        let mut ahead = None;
        let other = line.other(name).await?.map(|(name, secs, positions)| {
            let theirs: BTreeMap<String, i64> = serde_json::from_str(&positions).unwrap_or_default();
            // What its clock shows by now, if it runs as PostgreSQL's does.
            ahead = theirs.get(CLOCK).map(|clock| (clock - clock_ms()) as f64 / 1e3 + secs.max(0.0));
            let behind = |(file, at): (&String, &i64)| at - theirs.get(file).copied().unwrap_or(0);
            let lag = own.iter().map(behind).filter(|behind| *behind > 0).sum::<i64>();
            (name, Duration::from_secs_f64(secs.max(0.0)), u64::try_from(lag).unwrap_or(0))
        });
        let mut status = self.pair.0.status.lock();
        (status.other, status.other_clock_ahead) = (other, ahead);
        Ok(())
    }

    async fn shorten(&self, epoch: i64) -> Result<(), KeepError> {
        let mut length = 0;
        for file in &self.pair.0.settings.files {
            let (first, last) = self.pair.0.follow_line.bounds(file.name).await?;
            length = length.max(last - first);
        }
        if length < LOG_MAX {
            return Ok(());
        }
        let known = self.pair.0.follow_line.known().await?;
        let Some(pair) = &known.pair else { return Ok(()) };
        self.snapshot(epoch, known.snapshot + 1, pair).await
    }

    async fn snapshot(&self, epoch: i64, number: i64, pair: &str) -> Result<(), KeepError> {
        let (line, name) = (&self.pair.0.follow_line, &self.pair.0.settings.name);
        let mut logs = Vec::new();
        for (index, (file, path)) in self.pair.files().enumerate() {
            // From before the copy: what the copy has besides is applied only if it is not in it.
            let position = self.databases[index].followed().await?.map_or(0, |at| at.sequence);
            snapshot::send(&self.pair.0.disk, line, number, &path, file.name).await?;
            logs.push((file.name.to_owned(), (position - LOG_KEPT).max(0)));
        }
        if !line.publish(name, epoch, number, pair).await? {
            return Err(KeepError::Ended);
        }
        Ok(line.forget(number, &logs).await?)
    }
}

fn clock_ms() -> i64 {
    SystemClock::shared().now().as_nanos() / 1_000_000
}
