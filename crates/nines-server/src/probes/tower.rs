//! Takes measurements and pings in and knows what stands.
//!
//! What comes from elsewhere is stored before it is answered, and judged then. What the node's own runner measured is
//! judged first: a full disk must not keep a page from going out.

mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use nines_api as api;
use nines_base::{Random, SharedClock, Shutdown};
use nines_http::{AlertDesk, Feed, Uptime, UptimeError};
use nines_ingest::Ingest;
use nines_model::Timestamp;
use nines_oncall::alert::IncomingAlert;
use nines_probe::{
    HEARTBEAT_KIND, Heartbeat, HeartbeatState, LOCAL, Outcome, PROBE_KIND, PingKind, Probe, Taken, Taker,
    Watch,
};
use nines_query::Engine;
use nines_series::SeriesStore;
use nines_state::watch::{WatchNote, WatchNotes};
use parking_lot::Mutex;
use sha2::Sha256;
use tokio::sync::Notify;

use super::history::{self, History};
use super::notes::{HEARTBEAT, HeartbeatNote, KEY, KeyNote, PROBE, ProbeNote, RUNNER, RunnerNote};
use super::{alerts, record};

/// What silence changes is looked at so often.
const ROUND: Duration = Duration::from_secs(1);
/// After the desk or the disk failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Results of one report: a runner of a hundred probes gathers so many in ten minutes.
pub const RESULTS_MAX: usize = 1_000;
/// A clock that is ahead by more is not believed.
const AHEAD_MAX: Duration = Duration::from_secs(60);
/// Runners that are remembered; each location has one or two.
const RUNNERS_MAX: usize = 1_000;
/// 128 bits of the secret of a heartbeat's address.
const SECRET_BYTES: usize = 16;

pub struct Parts {
    pub clock: SharedClock,
    pub random: Random,
    pub ingest: Ingest,
    pub series: SeriesStore,
    pub notes: WatchNotes,
    pub desk: Arc<dyn AlertDesk>,
    pub feed: Feed,
    pub public_url: String,
}

pub struct Tower {
    parts: Parts,
    /// What was measured before is counted from what is stored.
    opened_at: Timestamp,
    /// Of the secrets of heartbeats.
    key: Vec<u8>,
    state: Mutex<State>,
    changed: Notify,
    /// Reports of one runner must not overtake each other.
    reporting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    probes: BTreeMap<String, Watched>,
    heartbeats: BTreeMap<String, Beating>,
    /// By location.
    runners: BTreeMap<String, RunnerSeen>,
    /// By id: the last number that is on disk.
    sequences: BTreeMap<String, u64>,
    /// What an earlier process left, by kind and name, until it is declared.
    notes: BTreeMap<(String, String), String>,
    /// Alerts of what is no longer declared, to be ended.
    withdrawn: Vec<String>,
    forgotten: Vec<(&'static str, String)>,
    local_sequence: u64,
}

struct Watched {
    probe: Arc<Probe>,
    document: String,
    watch: Watch,
    told: bool,
    certificate_told: bool,
    certificate_end: Option<Timestamp>,
    /// By location.
    last: BTreeMap<String, (Timestamp, api::ProbeResult)>,
    history: History,
    saved: String,
}

struct Beating {
    heartbeat: Heartbeat,
    state: HeartbeatState,
    told: bool,
    saved: String,
}

#[derive(Default)]
struct RunnerSeen {
    seen_at: Option<Timestamp>,
    fault: Option<String>,
}

/// An alert that the desk has to hear, and what it is of.
struct Word {
    of: Of,
    is_firing: bool,
    alert: IncomingAlert,
}

enum Of {
    Probe(String),
    Certificate(String),
    Heartbeat(String),
    Withdrawn(String),
}

impl Tower {
    /// Reads what an earlier process left.
    pub async fn open(parts: Parts) -> anyhow::Result<Self> {
        let mut state = State::default();
        let mut key = None;
        for note in parts.notes.load().await.context("cannot read what probes stand at")? {
            match note.kind.as_str() {
                RUNNER => {
                    if let Ok(runner) = serde_json::from_str::<RunnerNote>(&note.body) {
                        state.sequences.insert(note.name, runner.sequence);
                    }
                }
                KEY => key = serde_json::from_str::<KeyNote>(&note.body).ok().map(|note| note.key),
                _ => drop(state.notes.insert((note.kind, note.name), note.body)),
            }
        }
        let key = match key {
            Some(key) => key.into_bytes(),
            None => {
                let note = KeyNote::new(&parts.random.bytes::<32>());
                let key = note.key.clone().into_bytes();
                parts.notes.put(&[written(KEY, "heartbeats", &note)]).await?;
                key
            }
        };
        Ok(Self {
            opened_at: parts.clock.now(),
            parts,
            key,
            state: Mutex::new(state),
            changed: Notify::new(),
            reporting: tokio::sync::Mutex::default(),
        })
    }

    /// What is watched from now on.
    pub fn declare(&self, probes: Vec<(Arc<Probe>, String)>, heartbeats: Vec<Heartbeat>) {
        let now = self.parts.clock.now();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let mut before = std::mem::take(&mut state.probes);
        for (probe, document) in probes {
            let watched = match before.remove(&probe.name) {
                Some(mut watched) => {
                    watched.watch.redeclare(probe.thresholds(), &probe.locations);
                    watched.last.retain(|location, _| probe.locations.contains(location));
                    Watched { probe: Arc::clone(&probe), document, ..watched }
                }
                None => {
                    let note = state.notes.remove(&(PROBE.to_owned(), probe.name.clone()));
                    Watched::resumed(Arc::clone(&probe), document, note, now)
                }
            };
            state.probes.insert(probe.name.clone(), watched);
        }
        for (name, gone) in before {
            state.withdrawn.extend(gone.told.then(|| format!("probe/{name}")));
            state.withdrawn.extend(gone.certificate_told.then(|| format!("certificate/{name}")));
            state.forgotten.push((PROBE, name));
        }
        let mut before = std::mem::take(&mut state.heartbeats);
        for heartbeat in heartbeats {
            let beating = match before.remove(&heartbeat.name) {
                Some(beating) => Beating { heartbeat: heartbeat.clone(), ..beating },
                None => {
                    let note = state.notes.remove(&(HEARTBEAT.to_owned(), heartbeat.name.clone()));
                    let note = note.and_then(|note| serde_json::from_str::<HeartbeatNote>(&note).ok());
                    Beating {
                        state: note.as_ref().map_or(HeartbeatState::declared(now), HeartbeatNote::state),
                        told: note.is_some_and(|note| note.told),
                        heartbeat: heartbeat.clone(),
                        saved: String::new(),
                    }
                }
            };
            state.heartbeats.insert(heartbeat.name, beating);
        }
        for (name, gone) in before {
            state.withdrawn.extend(gone.told.then(|| format!("heartbeat/{name}")));
            state.forgotten.push((HEARTBEAT, name));
        }
        drop(guard);
        self.changed.notify_one();
        self.parts.feed.publish("uptime", None);
    }

    /// Kind and name of everything that is declared.
    pub fn names(&self) -> Vec<(&'static str, String)> {
        let state = self.state.lock();
        let probes = state.probes.keys().map(|name| (PROBE_KIND, name.clone()));
        probes.chain(state.heartbeats.keys().map(|name| (HEARTBEAT_KIND, name.clone()))).collect()
    }

    /// Judges and tells, until shutdown.
    pub async fn run(&self, shutdown: Shutdown) {
        while !shutdown.has_begun() {
            let pause = if self.round().await { ROUND } else { PAUSE };
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.parts.clock.sleep(pause) => {}
                () = self.changed.notified() => {}
            }
        }
        self.round().await;
    }

    /// Counts the stored measurements of the last days, once, after a start.
    pub async fn recall(&self, engine: &Engine) {
        let stored = history::stored(engine, self.opened_at).await;
        let mut state = self.state.lock();
        for (name, day, result, times) in stored {
            if let Some(watched) = state.probes.get_mut(&name) {
                watched.history.add(day, &result, times);
            }
        }
    }

    /// Whether everything that had to be told and kept is.
    async fn round(&self) -> bool {
        let now = self.parts.clock.now();
        let (words, has_changed) = self.settle(now);
        let mut is_done = true;
        if !words.is_empty() {
            let alerts = words.iter().map(|word| word.alert.clone()).collect();
            match self.parts.desk.receive(alerts, alerts::BY).await {
                Ok(_) => self.note_told(words),
                Err(error) => {
                    tracing::error!(%error, "the desk did not take what probes have to tell, will retry");
                    is_done = false;
                }
            }
        }
        if let Err(error) = self.keep().await {
            tracing::error!(error = error.to_string(), "what probes stand at cannot be kept, will retry");
            is_done = false;
        }
        if has_changed {
            self.parts.feed.publish("uptime", None);
        }
        is_done
    }

    fn settle(&self, now: Timestamp) -> (Vec<Word>, bool) {
        let mut state = self.state.lock();
        let url = &self.parts.public_url;
        let (mut words, mut has_changed) = (Vec::new(), false);
        for (name, watched) in &mut state.probes {
            has_changed |= watched.watch.settle(now);
            let standing = watched.watch.standing();
            // One that is paused has nothing to tell, and what it told is over.
            let is_firing = standing.is_alerting && !watched.probe.paused;
            if is_firing != watched.told {
                let views = watched.watch.views(now);
                let alert = alerts::of_probe(&watched.probe, is_firing, standing.since, &views, url);
                words.push(Word { of: Of::Probe(name.clone()), is_firing, alert });
            }
            let warning = watched.probe.certificate_warning;
            if let Some(end) = watched.certificate_end {
                let is_firing = !warning.is_zero() && !watched.probe.paused && end.since(now) < warning;
                if is_firing != watched.certificate_told {
                    let alert = alerts::of_certificate(&watched.probe, is_firing, end, now, url);
                    words.push(Word { of: Of::Certificate(name.clone()), is_firing, alert });
                }
            }
        }
        for (name, beating) in &state.heartbeats {
            let standing = beating.heartbeat.standing(&beating.state, now);
            if standing.is_alerting() != beating.told {
                let last = beating.state.last.map(|(at, _)| at);
                let alert = alerts::of_heartbeat(&beating.heartbeat, standing, last, url);
                words.push(Word {
                    of: Of::Heartbeat(name.clone()),
                    is_firing: standing.is_alerting(),
                    alert,
                });
                has_changed = true;
            }
        }
        for key in &state.withdrawn {
            let alert = alerts::withdrawn(key);
            words.push(Word { of: Of::Withdrawn(key.clone()), is_firing: false, alert });
        }
        (words, has_changed)
    }

    fn note_told(&self, words: Vec<Word>) {
        let mut state = self.state.lock();
        for word in words {
            tracing::info!(title = word.alert.title, is_firing = word.is_firing, "told the desk");
            match word.of {
                Of::Probe(name) => {
                    if let Some(watched) = state.probes.get_mut(&name) {
                        watched.told = word.is_firing;
                    }
                }
                Of::Certificate(name) => {
                    if let Some(watched) = state.probes.get_mut(&name) {
                        watched.certificate_told = word.is_firing;
                    }
                }
                Of::Heartbeat(name) => {
                    if let Some(beating) = state.heartbeats.get_mut(&name) {
                        beating.told = word.is_firing;
                    }
                }
                Of::Withdrawn(key) => state.withdrawn.retain(|known| *known != key),
            }
        }
    }

    /// Writes down what has changed.
    async fn keep(&self) -> Result<(), nines_state::StateError> {
        let (notes, forgotten) = {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            let probes = state.probes.iter().map(|(name, watched)| (watched.note(name), &watched.saved));
            let beats = state.heartbeats.iter().map(|(name, beating)| (beating.note(name), &beating.saved));
            let changed = probes.chain(beats).filter(|(note, saved)| note.body != **saved);
            let notes: Vec<WatchNote> = changed.map(|(note, _)| note).collect();
            (notes, std::mem::take(&mut state.forgotten))
        };
        for (kind, name) in forgotten {
            self.parts.notes.remove(kind, &name).await?;
        }
        if notes.is_empty() {
            return Ok(());
        }
        self.parts.notes.put(&notes).await?;
        let mut state = self.state.lock();
        for note in notes {
            let saved = match note.kind.as_str() {
                PROBE => state.probes.get_mut(&note.name).map(|watched| &mut watched.saved),
                _ => state.heartbeats.get_mut(&note.name).map(|beating| &mut beating.saved),
            };
            if let Some(saved) = saved {
                *saved = note.body;
            }
        }
        Ok(())
    }

    /// Makes results durable, as events and as series.
    async fn store(&self, results: &[api::ProbeResult], runner: Option<&str>) -> Result<u64, UptimeError> {
        let now = self.parts.clock.now();
        let (batch, bytes, series) = {
            let state = self.state.lock();
            let known: Vec<_> = results
                .iter()
                .filter_map(|result| {
                    let watched = state.probes.get(&result.probe)?;
                    Some((Arc::clone(&watched.probe), result, time_of(result, now)?))
                })
                .collect();
            let mut series = record::SeriesOf::default();
            known.iter().for_each(|(probe, result, at)| series.add(probe, result, *at));
            let rows: Vec<_> = known.iter().map(|(probe, result, at)| (&**probe, *result, *at)).collect();
            let (batch, bytes) = record::events(&rows, runner, now);
            (batch, bytes, series)
        };
        let stored = batch.rows.len() as u64;
        if !series.is_empty() {
            let pending = self.parts.series.write(series.request());
            let written = match pending {
                Ok(pending) => pending.await.map(drop),
                Err(error) => Err(error),
            };
            written.map_err(|error| UptimeError::Store(error.to_string()))?;
        }
        let submitted = self.parts.ingest.submit(vec![batch], bytes).await;
        submitted.map_err(|error| UptimeError::Store(error.to_string()))?;
        Ok(stored)
    }

    /// Lets results count.
    fn judge(&self, location: &str, results: Vec<api::ProbeResult>) {
        let now = self.parts.clock.now();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if state.runners.len() < RUNNERS_MAX || state.runners.contains_key(location) {
            state.runners.entry(location.to_owned()).or_default().seen_at = Some(now);
        }
        for result in results {
            let Some(at) = time_of(&result, now) else { continue };
            let Some(watched) = state.probes.get_mut(&result.probe) else { continue };
            let outcome = Outcome::parse(&result.outcome).unwrap_or(Outcome::Unable);
            // A machine without a network is at fault as plainly as one that reaches no reference.
            let is_cut_off = result.error_type.as_deref() == Some("no_network");
            let fault = result.runner_fault.clone().or(result.reason.clone().filter(|_| is_cut_off));
            if let Some(runner) = state.runners.get_mut(location)
                && (fault.is_some() || outcome != Outcome::Unable)
            {
                runner.fault.clone_from(&fault);
            }
            watched.watch.observe(location, at, outcome, fault.is_some(), result.reason.as_deref());
            if !result.confirmation {
                watched.history.add(at, record::counts_as(&result), 1);
                watched.history.forget(now);
            }
            let certificate = result.certificate.as_ref();
            let end = certificate.and_then(|it| Timestamp::parse_rfc3339(&it.chain_not_after).ok());
            watched.certificate_end = end.or(watched.certificate_end);
            let is_newer = watched.last.get(location).is_none_or(|(known, _)| *known < at);
            if is_newer && watched.probe.locations.iter().any(|known| known == location) {
                watched.last.insert(location.to_owned(), (at, result));
            }
        }
        drop(guard);
        self.changed.notify_one();
    }

    fn secret(&self, name: &str) -> String {
        let code = self.mac(name).finalize().into_bytes();
        code[..SECRET_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn mac(&self, name: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(b"heartbeat/");
        mac.update(name.as_bytes());
        mac
    }

    /// In constant time.
    fn is_secret(&self, name: &str, shown: &str) -> bool {
        let byte = |at: usize| u8::from_str_radix(shown.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..SECRET_BYTES).map(|index| byte(2 * index)).collect();
        shown.len() == 2 * SECRET_BYTES
            && bytes.is_some_and(|bytes| self.mac(name).verify_truncated_left(&bytes).is_ok())
    }
}

/// When it was measured; a clock that is ahead is set right, and one that cannot be read counts for nothing.
fn time_of(result: &api::ProbeResult, now: Timestamp) -> Option<Timestamp> {
    let at = Timestamp::parse_rfc3339(&result.at).ok()?;
    Some(if at > now + AHEAD_MAX { now } else { at })
}

fn written(kind: &str, name: &str, body: &impl serde::Serialize) -> WatchNote {
    let body = serde_json::to_string(body).expect("notes are plain data");
    WatchNote { kind: kind.to_owned(), name: name.to_owned(), body }
}

impl Watched {
    fn resumed(probe: Arc<Probe>, document: String, note: Option<String>, now: Timestamp) -> Self {
        let note = note.and_then(|note| serde_json::from_str::<ProbeNote>(&note).ok());
        let thresholds = probe.thresholds();
        let mut watch = match &note {
            Some(note) => Watch::resumed(thresholds, &probe.locations, note.standing()),
            None => Watch::new(thresholds, &probe.locations, now),
        };
        for (location, is_up, since) in note.iter().flat_map(|note| &note.locations) {
            watch.believe(location, *is_up, Timestamp::from_nanos(*since), now);
        }
        Self {
            probe,
            document,
            watch,
            told: note.as_ref().is_some_and(|note| note.told),
            certificate_told: note.as_ref().is_some_and(|note| note.certificate_told),
            certificate_end: None,
            last: BTreeMap::new(),
            history: History::default(),
            saved: String::new(),
        }
    }

    fn note(&self, name: &str) -> WatchNote {
        let known = self.watch.known();
        let note = ProbeNote::new(self.watch.standing(), self.told, self.certificate_told, known);
        written(PROBE, name, &note)
    }
}

impl Beating {
    fn note(&self, name: &str) -> WatchNote {
        written(HEARTBEAT, name, &HeartbeatNote::new(&self.state, self.told))
    }
}

#[async_trait]
impl Taker for Tower {
    async fn take(&self, taken: Taken) {
        let sequence = {
            let mut state = self.state.lock();
            state.local_sequence += 1;
            state.local_sequence
        };
        let result = record::result_of(&taken, sequence);
        self.judge(LOCAL, vec![result.clone()]);
        if let Err(error) = self.store(&[result], None).await {
            tracing::error!(probe = taken.probe.name, %error, "a measurement was judged but not kept");
        }
    }
}

#[async_trait]
impl Uptime for Tower {
    fn overview(&self, with_secrets: bool) -> api::UptimeResponse {
        view::overview(self, with_secrets)
    }

    fn assigned(&self, location: &str) -> api::AssignedProbes {
        let state = self.state.lock();
        let here = state.probes.values().filter(|watched| watched.probe.runs_at(location));
        let documents: Vec<&str> = here.map(|watched| watched.document.trim_end()).collect();
        let mut documents = documents.join("\n---\n");
        documents.push('\n');
        api::AssignedProbes { location: location.to_owned(), documents }
    }

    async fn report(&self, report: api::ProbeReport) -> Result<api::ProbeReportTaken, UptimeError> {
        let api::ProbeReport { runner, location, mut results } = report;
        if results.len() > RESULTS_MAX {
            return Err(UptimeError::TooMany { count: results.len(), limit: RESULTS_MAX });
        }
        let _turn = self.reporting.lock().await;
        let known = self.state.lock().sequences.get(&runner).copied().unwrap_or(0);
        let last = results.iter().map(|result| result.sequence).max().unwrap_or(0).max(known);
        results.retain(|result| result.sequence > known);
        for result in &mut results {
            if Outcome::parse(&result.outcome).is_none() {
                let message = format!("`{}` is no outcome: success, failure or unknown", result.outcome);
                return Err(UptimeError::Result { sequence: result.sequence, message });
            }
            // A runner speaks for its own location.
            result.location.clone_from(&location);
        }
        let stored = self.store(&results, Some(&runner)).await?;
        if last > known {
            let note = written(RUNNER, &runner, &RunnerNote::new(last));
            let kept = self.parts.notes.put(&[note]).await;
            kept.map_err(|error| UptimeError::Store(error.to_string()))?;
            let mut state = self.state.lock();
            if state.sequences.len() < RUNNERS_MAX || state.sequences.contains_key(&runner) {
                state.sequences.insert(runner, last);
            }
        }
        self.judge(&location, results);
        Ok(api::ProbeReportTaken { sequence: last, stored })
    }

    async fn ping(
        &self,
        name: &str,
        word: &str,
        secret: Option<&str>,
    ) -> Result<api::HeartbeatPinged, UptimeError> {
        let unknown = || UptimeError::Heartbeat { name: name.to_owned() };
        if secret.is_some_and(|secret| !self.is_secret(name, secret)) {
            return Err(unknown());
        }
        let kind = match (word, word.parse::<u8>()) {
            ("ping", _) | (_, Ok(0)) => PingKind::Success,
            ("start", _) => PingKind::Start,
            ("fail", _) | (_, Ok(_)) => PingKind::Fail,
            _ => return Err(UptimeError::Ping { word: word.to_owned() }),
        };
        let now = self.parts.clock.now();
        let (note, batch, answer) = {
            let mut state = self.state.lock();
            let beating = state.heartbeats.get_mut(name).ok_or_else(unknown)?;
            beating.state.ping(kind, now);
            let heartbeat = &beating.heartbeat;
            let answer = api::HeartbeatPinged {
                name: name.to_owned(),
                standing: heartbeat.standing(&beating.state, now).as_str().to_owned(),
                due_at: heartbeat.due_at(&beating.state).to_string(),
            };
            let took = beating.state.took.filter(|_| kind != PingKind::Start);
            (beating.note(name), record::ping_event(heartbeat, kind, now, took), answer)
        };
        self.parts.notes.put(&[note]).await.map_err(|error| UptimeError::Store(error.to_string()))?;
        if let Err(error) = self.parts.ingest.submit(vec![batch], 256).await {
            tracing::warn!(heartbeat = name, %error, "a ping is known, but its event was not kept");
        }
        self.changed.notify_one();
        Ok(answer)
    }
}
