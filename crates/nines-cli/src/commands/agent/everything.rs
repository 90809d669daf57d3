//! `nines agent run`: everything that an agent does on a machine, by one file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use nines_base::disk::RealDisk;
use nines_base::{Backoff, ByteSize, MIB, Random, SharedClock, Shutdown, SystemClock};
use nines_client::Client;
use nines_collect::host::{self, Host, HostOptions, kubelet};
use nines_collect::{Queue, QueueOptions, Tail, TailOptions};
use nines_egress::{Config as EgressConfig, Egress, Policy, Request};
use serde::Deserialize;

use super::super::collect::{NodeSender, state_folder};
use super::super::serve::until_told_to_stop;
use super::super::{Session, import};
use crate::exit::Code;

/// Between two readings of the machine, unless the file says otherwise.
const INTERVAL: Duration = Duration::from_secs(15);
/// The shortest: a reading takes some milliseconds.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// A day and a half of readings of 10 kB each, every quarter of a minute.
const BUFFER_BYTES: u64 = 64 * MIB;
/// How often the agent says what it costs.
const COST_EVERY: Duration = Duration::from_secs(600);
const AGAIN: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) };
/// Between two looks at the files, as `agent tail` does.
const TAIL_INTERVAL: Duration = Duration::from_millis(250);

/// The file: TOML, every key optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// As text with a unit: `15s`.
    interval: Option<String>,
    /// As text with a unit: `64MiB`.
    buffer: Option<String>,
    /// Of everything that is sent.
    #[serde(default)]
    attributes: std::collections::BTreeMap<String, String>,
    processes: Option<bool>,
    containers: Option<bool>,
    kubelet: Option<Kubelet>,
    #[serde(default)]
    logs: Vec<Logs>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kubelet {
    /// `http://127.0.0.1:10255` or, behind a proxy that knows the cluster's authority, https.
    url: String,
    /// A file with a bearer token, read anew each time.
    token_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Logs {
    patterns: Vec<String>,
    service: Option<String>,
    format: Option<String>,
    #[serde(default)]
    from_end: bool,
    #[serde(default)]
    attributes: std::collections::BTreeMap<String, String>,
}

pub async fn run(config: Option<&Path>, state: Option<PathBuf>, session: &Session) -> anyhow::Result<Code> {
    let file = match config {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            toml::from_str(&text).with_context(|| format!("cannot use {}", path.display()))?
        }
        None => File::default(),
    };
    let interval = file.interval.as_deref().map(seconds).transpose()?.unwrap_or(INTERVAL).max(INTERVAL_MIN);
    let buffer = match &file.buffer {
        Some(text) => text.parse::<ByteSize>().map_err(|error| anyhow::anyhow!("buffer: {error}"))?.0,
        None => BUFFER_BYTES,
    };
    let (clock, random) = (SystemClock::shared(), Random::from_system());
    let mut attributes = host::identity(&random);
    attributes.extend(file.attributes.clone());
    let state = state_folder(state, &session.client)?;
    let queue = {
        let options = QueueOptions { folder: state.join("agent-metrics"), bytes_max: buffer };
        let (clock, random) = (Arc::clone(&clock), random.clone());
        tokio::task::spawn_blocking(move || Queue::open(options, RealDisk::shared(), clock, random)).await??
    };
    let reader = Reader {
        clock: Arc::clone(&clock),
        queue: queue.clone(),
        kubelet: file.kubelet.clone(),
        egress: Egress::new(EgressConfig { policy: Policy::with_loopback(), ..EgressConfig::default() })?,
        interval,
    };
    let options = HostOptions {
        attributes: attributes.clone(),
        processes: file.processes.unwrap_or(true),
        containers: file.containers.unwrap_or(true),
        ..HostOptions::default()
    };
    let shutdown = Shutdown::new();
    let tails = tails(file.logs, &attributes, &state, session, &clock)?;
    eprintln!(
        "collecting every {} s for {}; {} log patterns",
        interval.as_secs(),
        session.client.url(),
        tails.len()
    );
    let mut tasks = tokio::task::JoinSet::new();
    for tail in tails {
        let stop = shutdown.clone();
        tasks.spawn(async move { tail.run(&stop).await.map_err(anyhow::Error::from) });
    }
    let stop = shutdown.clone();
    tasks.spawn(async move { reader.run(Host::new(options), stop).await });
    let (client, stop, sending) = (session.client.clone(), shutdown.clone(), queue.clone());
    let sender_clock = Arc::clone(&clock);
    tasks.spawn(async move {
        send(client, sending, sender_clock, random, stop).await;
        Ok(())
    });
    tokio::select! {
        told = until_told_to_stop() => told?,
        ended = tasks.join_next() => if let Some(ended) = ended { ended?? },
    }
    shutdown.begin();
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    eprintln!("stopped: {} readings wait on disk for the node; {}", queue.len(), cost(&clock));
    Ok(Code::Ok)
}

/// `15s`, `1m`, `90`.
fn seconds(text: &str) -> anyhow::Result<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        _ => anyhow::bail!("interval `{text}` is not a duration: write 15s or 1m"),
    };
    let number: u64 = number.parse().with_context(|| format!("interval `{text}` is not a duration"))?;
    Ok(Duration::from_secs(number.saturating_mul(factor)))
}

fn tails(
    logs: Vec<Logs>,
    attributes: &[(String, String)],
    state: &Path,
    session: &Session,
    clock: &SharedClock,
) -> anyhow::Result<Vec<Tail>> {
    let mut tails = Vec::new();
    for (index, logs) in logs.into_iter().enumerate() {
        let mut of_rows: std::collections::BTreeMap<String, String> = attributes.iter().cloned().collect();
        of_rows.extend(logs.service.map(|service| ("service.name".to_owned(), service)));
        of_rows.extend(logs.attributes);
        let sender =
            NodeSender { client: session.client.clone(), dataset: "logs".to_owned(), attributes: of_rows };
        let format =
            logs.format.as_deref().map(import::line_format).transpose().map_err(anyhow::Error::msg)?;
        let options = TailOptions {
            patterns: logs.patterns,
            format,
            state: state.join(format!("agent-logs-{index}")),
            from_end: logs.from_end,
            interval: TAIL_INTERVAL,
        };
        tails.push(Tail::new(
            Arc::new(sender),
            RealDisk::shared(),
            Arc::clone(clock),
            Random::from_system(),
            options,
        ));
    }
    Ok(tails)
}

/// Reads the machine and puts what it read into the queue.
struct Reader {
    clock: SharedClock,
    queue: Queue,
    kubelet: Option<Kubelet>,
    egress: Egress,
    interval: Duration,
}

impl Reader {
    async fn run(self, mut host: Host, shutdown: Shutdown) -> anyhow::Result<()> {
        let booted_at = host::booted_at();
        let mut said_at = self.clock.monotonic();
        while !shutdown.has_begun() {
            let started = self.clock.monotonic();
            let (back, mut reading) = tokio::task::spawn_blocking(move || {
                let reading = host.read();
                (host, reading)
            })
            .await?;
            host = back;
            if let Some(kubelet) = &self.kubelet {
                self.ask_kubelet(kubelet, &mut reading).await;
            }
            let now = u64::try_from(self.clock.now().as_nanos()).unwrap_or(0);
            let request = reading.to_otlp(&host.options().attributes, booted_at, now);
            if let Err(error) = self.queue.add(request).await {
                tracing::error!(%error, "a reading cannot be kept and is lost");
            }
            if self.clock.monotonic().saturating_sub(said_at) >= COST_EVERY {
                said_at = self.clock.monotonic();
                tracing::info!(
                    waiting = self.queue.len(),
                    dropped = self.queue.dropped(),
                    "{}",
                    cost(&self.clock)
                );
            }
            let spent = self.clock.monotonic().saturating_sub(started);
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.clock.sleep(self.interval.saturating_sub(spent)) => {}
            }
        }
        Ok(())
    }

    async fn ask_kubelet(&self, asked: &Kubelet, reading: &mut host::Reading) {
        let mut request = Request::get(format!("{}/stats/summary", asked.url.trim_end_matches('/')));
        if let Some(file) = &asked.token_file {
            match std::fs::read_to_string(file) {
                Ok(token) => request = request.bearer(token.trim()),
                Err(error) => {
                    tracing::warn!(file = %file.display(), %error, "the kubelet's token cannot be read")
                }
            }
        }
        match self.egress.send(request).await {
            Ok(response) if response.status.is_success() => {
                if let Err(error) = kubelet::read(reading, &response.body) {
                    tracing::warn!(%error, "the kubelet's summary cannot be read");
                }
            }
            Ok(response) => tracing::warn!(status = %response.status, "the kubelet does not answer"),
            Err(error) => tracing::warn!(%error, "the kubelet does not answer"),
        }
    }
}

/// Sends what waits, oldest first, for as long as it takes.
async fn send(client: Client, queue: Queue, clock: SharedClock, random: Random, shutdown: Shutdown) {
    let mut failures = 0;
    while !shutdown.has_begun() {
        let (sequence, request) = tokio::select! {
            next = queue.next() => next,
            () = shutdown.begun() => return,
        };
        match client.otlp_metrics(request.as_ref().clone()).await {
            Ok(()) => {
                failures = 0;
                queue.done(sequence).await;
            }
            Err(error) => {
                tracing::warn!(%error, waiting = queue.len(), "the node did not take a reading, will retry");
                let pause = AGAIN.pause(failures, &random);
                failures = failures.saturating_add(1);
                tokio::select! {
                    () = shutdown.begun() => {}
                    () = clock.sleep(pause) => {}
                }
            }
        }
    }
}

/// What the agent itself has cost, in words.
fn cost(clock: &SharedClock) -> String {
    let ran = clock.monotonic().as_secs_f64().max(1e-3);
    match host::own_cost() {
        Some((cpu_secs, resident)) => format!(
            "the agent itself took {cpu_secs:.2} CPU seconds in {ran:.0} s ({:.2} % of a core) and holds {}",
            100.0 * cpu_secs / ran,
            ByteSize(resident)
        ),
        None => "what the agent itself costs cannot be read here".to_owned(),
    }
}
