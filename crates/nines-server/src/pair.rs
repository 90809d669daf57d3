//! A node that is one of a pair: it stands by, leads, and stands by again.
//!
//! A standby runs nothing of a node but the pair's own thread, which follows the log. When the lease is its own and the
//! files are caught up, the whole node is started from them, as after a restart: nothing that it knows can be older than
//! they are. When the epoch ends the node is stopped whole; what it still tries to write or send meanwhile is refused.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use nines_api as api;
use nines_base::disk::RealDisk;
use nines_base::{Random, SharedClock, Shutdown, SystemClock};
use nines_notify::Permission;
use nines_pair::{Answer, File, Leadership, PROMISE_PATH, Pair, STATUS_PATH, Settings, Status};
use nines_receive::{Connections, Limits, serve};

use crate::config::{Config, PairSettings};
use crate::first_run::write_private;
use crate::node::{self, CONTROL_DOMAINS, RESPONSE_DOMAINS};

/// Which data directory has a name of the pair.
const DIRECTORY_FILE: &str = "pair.id";
/// A question of the peer.
const QUESTION_BYTES_MAX: usize = 4096;
/// Requests of the standby that are open when it starts to lead.
const STANDBY_DRAIN: Duration = Duration::from_millis(100);
/// A node that lost its lease and does not stop ends with its process: its successor has long begun.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What the deliverer asks.
#[derive(Debug)]
pub struct Lead(pub Leadership);

impl Permission for Lead {
    fn epoch(&self) -> Option<i64> {
        self.0.is_permitted().then_some(self.0.epoch)
    }
}

/// Runs until `stop` begins. `tell` gets a banner at the start, and that of the node whenever this one leads.
///
/// # Errors
/// Those of the start of a node, and a node that cannot be stopped after its lease: the process should end, and be started
/// again by whoever looks after it.
pub async fn run(mut config: Config, stop: Shutdown, tell: impl Fn(&str)) -> anyhow::Result<()> {
    config.check()?;
    let settings = config.pair.clone().context("there is no --pair")?;
    let clock = SystemClock::shared();
    let random = Random::from_system();
    let data = config.data_dir.clone();
    std::fs::create_dir_all(&data)
        .with_context(|| format!("cannot make the data directory {}", data.display()))?;
    let mut listener = Some(listen(config.listen).await?);
    if let Some(listener) = &listener {
        // Port 0 is chosen once: people and the peer know it.
        config.listen = listener.local_addr()?;
    }
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    // Held to the end: two processes on one directory would be one member who answers with two tongues.
    let (directory, _lock) = directory_id(&data, &random)?;
    let pair_stop = Shutdown::new();
    let pair = Pair::start(
        Settings {
            url: store_url(&settings.store)?,
            name: name_of(&settings),
            peer: settings.peer.clone(),
            public_url: public_url.clone(),
            directory,
            files: vec![
                File { name: "control.db", folder: data.clone(), domains: CONTROL_DOMAINS },
                File { name: "response.db", folder: data.clone(), domains: RESPONSE_DOMAINS },
            ],
        },
        random,
        RealDisk::shared(),
        pair_stop.clone(),
    )?;
    tell(&format!(
        "nines {}\n  web and API  {public_url}\n  pair         {} stands by until it has the lease",
        env!("CARGO_PKG_VERSION"),
        name_of(&settings)
    ));
    let done = loop {
        let listener = match listener.take() {
            Some(listener) => listener,
            None => listen(config.listen).await?,
        };
        let Some(leading) = stand_by(listener, &pair, &clock, &stop).await else { break Ok(()) };
        let epoch = leading.epoch;
        tracing::info!(epoch, "this node leads; it starts from the pair's files");
        let node = match node::start_in(config.clone(), Some(leading.clone())).await {
            Ok(node) => node,
            Err(error) => break Err(error),
        };
        tracing::info!(epoch, "started");
        tell(&node.banner());
        tokio::select! {
            () = leading.ended() => tracing::warn!(epoch, "the epoch is over; this node stops and stands by"),
            () = stop.begun() => {}
        }
        if tokio::time::timeout(STOP_LIMIT, node.shutdown()).await.is_err() {
            break Err(anyhow::anyhow!("the node did not stop within {STOP_LIMIT:?} of losing its lease"));
        }
        if stop.has_begun() {
            break Ok(());
        }
    };
    // Nothing of the node runs any more, so the other may have the lease at once.
    pair.give_back().await;
    pair_stop.begin();
    done
}

/// Answers that this node is the standby until it is not. `None`: it was stopped.
async fn stand_by(
    listener: tokio::net::TcpListener,
    pair: &Pair,
    clock: &SharedClock,
    stop: &Shutdown,
) -> Option<Leadership> {
    let router = Router::new()
        .route(PROMISE_PATH, post(promise))
        .route(STATUS_PATH, get(status))
        .fallback(elsewhere)
        .layer(axum::extract::DefaultBodyLimit::max(QUESTION_BYTES_MAX))
        .with_state(pair.clone());
    let over = Shutdown::new();
    let limits = Limits { drain_timeout: STANDBY_DRAIN, ..Limits::default() };
    let connections = Connections::new("standby", limits.connections);
    let serving = serve(listener, router, &limits, &connections, clock, &over);
    let waiting = async {
        let leading = tokio::select! {
            leading = pair.leads() => Some(leading),
            () = stop.begun() => None,
        };
        over.begin();
        leading
    };
    tokio::join!(serving, waiting).1
}

async fn promise(State(pair): State<Pair>, headers: HeaderMap, body: Bytes) -> Response {
    let secret = headers.get("nines-pair").and_then(|secret| secret.to_str().ok()).unwrap_or_default();
    let answer = pair.asked(secret, &body);
    let status = match &answer {
        Answer::Promise(_) => StatusCode::OK,
        Answer::Refused(_) => StatusCode::CONFLICT,
        Answer::Stranger => return StatusCode::FORBIDDEN.into_response(),
    };
    (status, axum::Json(answer)).into_response()
}

/// No secrets and nothing of the data: who leads, and how far this one is.
async fn status(State(pair): State<Pair>) -> Response {
    axum::Json(shown(pair.status())).into_response()
}

/// What is not asked of a standby: alerts and telemetry are never taken here, so that none is acknowledged and lost.
async fn elsewhere(State(pair): State<Pair>) -> Response {
    let status = pair.status();
    let leader = if status.leads || status.leader.is_none() { String::new() } else { status.leader_url };
    let detail = match leader.as_str() {
        "" => "this node stands by and nobody leads its pair just now; try again".to_owned(),
        url => format!("this node stands by; {url} leads"),
    };
    let problem = api::Problem {
        kind: "https://nines.invalid/problems/standby".to_owned(),
        code: "standby".to_owned(),
        status: 503,
        title: "this node stands by".to_owned(),
        detail,
        hint: Some("send it to the node that leads, or send it again".to_owned()),
        offset: None,
        faults: Vec::new(),
        request_id: String::new(),
    };
    let mut answer = (StatusCode::SERVICE_UNAVAILABLE, axum::Json(problem)).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    if let Ok(leader) = HeaderValue::from_str(&leader) {
        headers.insert("nines-leader", leader);
    }
    answer
}

/// On the wire.
pub fn shown(status: Status) -> api::PairStatus {
    let (other, other_seen_secs, other_behind_writes) = match status.other {
        Some((name, seen, behind)) => (Some(name), Some(seen.as_secs_f64()), Some(behind)),
        None => (None, None, None),
    };
    api::PairStatus {
        name: status.name,
        role: if status.leads { "leader" } else { "standby" }.to_owned(),
        epoch: status.epoch,
        leader: status.leader,
        leader_url: status.leader_url,
        reaches_postgresql: status.reaches_postgresql,
        by_promise: status.by_promise,
        vouches: status.vouches,
        permitted_secs: status.permitted_for.as_secs_f64(),
        backlog_writes: status.backlog,
        other,
        other_seen_secs,
        other_behind_writes,
        other_clock_secs: status.other_clock_ahead,
        peer_answers: status.peer_answers,
        trouble: status.trouble,
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (--listen): is another nines running?"))
}

/// A URL as it is; otherwise where it is kept, so that a password need not be on the command line.
fn store_url(text: &str) -> anyhow::Result<String> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(text.to_owned());
    }
    if text.starts_with("secret://") {
        bail!(
            "--pair cannot be a secret:// reference, because the pair's files hold the vault: give env:NAME, or a file"
        );
    }
    // It may be a URL with a mistake in its scheme, and that with a password.
    let shown = if text.contains('@') { "what was given" } else { text };
    let url = match text.strip_prefix("env:") {
        Some(name) => std::env::var(name)
            .with_context(|| format!("--pair is to be in the variable {name}, which is not set"))?,
        None => std::fs::read_to_string(text).with_context(|| {
            format!("--pair is neither a postgres:// URL nor a file that can be read: {shown}")
        })?,
    };
    let url = url.trim();
    if !url.starts_with("postgres") {
        bail!("--pair: what {shown} holds is no postgres:// URL");
    }
    Ok(url.to_owned())
}

fn name_of(settings: &PairSettings) -> String {
    settings.name.clone().unwrap_or_else(|| {
        let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        let host = host.trim();
        if host.is_empty() { "node".to_owned() } else { host.to_owned() }
    })
}

/// The id of the directory, and the lock on it.
fn directory_id(data: &Path, random: &Random) -> anyhow::Result<(String, std::fs::File)> {
    let path = data.join(DIRECTORY_FILE);
    if !path.exists() {
        let id: String = random.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(&path, &id)?;
    }
    let failed = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(&path).with_context(failed)?;
    file.try_lock()
        .with_context(|| format!("{} is in use: is another nines running on it?", data.display()))?;
    let id = std::fs::read_to_string(&path).with_context(failed)?;
    Ok((id.trim().to_owned(), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_read_from_where_it_is_kept_and_no_error_repeats_a_password() {
        let folder = tempfile::tempdir().unwrap();
        let (url, file) = ("postgres://nines:hunter2@db/nines", folder.path().join("url"));
        #[expect(clippy::disallowed_methods, reason = "a file that the test reads back")]
        std::fs::write(&file, format!("{url}\n")).unwrap();
        for given in [url, file.to_str().unwrap()] {
            assert_eq!(store_url(given).unwrap(), url);
        }
        for (given, told) in [
            ("secret://pair", "env:NAME, or a file"),
            ("env:NINES_NO_SUCH_VARIABLE", "NINES_NO_SUCH_VARIABLE"),
            ("/no/such/file", "/no/such/file"),
            ("postgress//nines:hunter2@db/nines", "what was given"),
        ] {
            let error = format!("{:#}", store_url(given).unwrap_err());
            assert!(error.contains(told), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
