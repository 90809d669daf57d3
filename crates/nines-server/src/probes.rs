//! Probes and heartbeats in a node: declared, carried out, judged, told, kept.
//!
//! - [`declared`]: the documents, beside those of promises.
//! - [`tower`]: takes measurements in, from the node's own runner and from others, and knows what stands.
//! - [`record`]: what a measurement becomes: a wide event and the series that blackbox_exporter would have.
//! - [`alerts`]: what becomes of a verdict: an alert at the desk, as from any other system.
//! - [`beacon`]: the node's own heartbeat, to somebody outside who notices when it ends.
//!
//! The checks and the verdicts have a thread and a runtime of their own, so that a slow question does not delay a page.

mod alerts;
mod beacon;
pub mod declared;
mod history;
mod notes;
mod record;
mod tower;

use std::sync::Arc;

use anyhow::Context;
use nines_base::{Random, SharedClock, Shutdown};
use nines_egress::Egress;
use nines_http::{AlertDesk, Feed, Promises};
use nines_ingest::Ingest;
use nines_probe::check::Checker;
use nines_probe::{HostPort, LOCAL, Runner, RunnerParts};
use nines_query::Engine;
use nines_series::SeriesStore;
use nines_state::Database;
use nines_state::objects::Objects;
use nines_state::watch::WatchNotes;

use crate::config::ProbesConfig;
use crate::paging::Vitals;
pub use record::result_of;
pub use tower::Tower;

/// Threads of the probes' runtime: one that waits for the network, one that judges.
const THREADS: usize = 2;

/// What probes need of a node.
pub struct Surroundings {
    pub clock: SharedClock,
    pub random: Random,
    pub control: Database,
    /// Documents, those that may hold secrets sealed.
    pub objects: Objects,
    pub egress: Egress,
    pub ingest: Ingest,
    pub series: SeriesStore,
    pub engine: Engine,
    pub desk: Arc<dyn AlertDesk>,
    pub feed: Feed,
    pub public_url: String,
    pub vitals: Arc<Vitals>,
    /// Who keeps the other documents.
    pub promises: Arc<dyn Promises>,
}

/// What a node holds of them.
pub struct Started {
    pub tower: Arc<Tower>,
    /// All documents, those of probes among them.
    pub declared: Arc<declared::Declared>,
    pub thread: std::thread::JoinHandle<()>,
}

/// Reads what is declared and what stood, and starts to check.
pub async fn start(
    config: &ProbesConfig,
    parts: Surroundings,
    shutdown: &Shutdown,
) -> anyhow::Result<Started> {
    let references = references(config)?;
    let notes = WatchNotes::new(parts.control.clone());
    let tower = Arc::new(
        Tower::open(tower::Parts {
            clock: Arc::clone(&parts.clock),
            random: parts.random.clone(),
            ingest: parts.ingest,
            series: parts.series,
            notes,
            desk: parts.desk,
            feed: parts.feed,
            public_url: parts.public_url.clone(),
        })
        .await?,
    );
    let checker =
        Checker::new(parts.egress.clone(), Arc::clone(&parts.clock), parts.random.clone(), environment);
    let runner = Runner::new(RunnerParts {
        checker,
        clock: Arc::clone(&parts.clock),
        location: LOCAL.to_owned(),
        references,
        home: None,
        taker: Arc::clone(&tower) as _,
    });
    let declared = declared::Declared::open(
        parts.promises,
        parts.objects,
        Arc::clone(&tower),
        runner.clone(),
        Arc::clone(&parts.clock),
    );
    let declared = Arc::new(declared.await?);
    let beacon = beacon::Beacon {
        url: config.heartbeat_url.clone(),
        egress: parts.egress,
        clock: Arc::clone(&parts.clock),
        vitals: parts.vitals,
    };
    let (kept, stop, engine) = (Arc::clone(&tower), shutdown.clone(), parts.engine);
    let thread = std::thread::Builder::new().name("probes".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("probes")
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(async {
                tokio::join!(
                    runner.run(stop.clone()),
                    kept.run(stop.clone()),
                    kept.recall(&engine),
                    beacon.run(stop.clone()),
                );
            }),
            Err(error) => tracing::error!(%error, "probes cannot run"),
        }
    })?;
    Ok(Started { tower, declared, thread })
}

/// What a header may be filled with: see [`nines_probe::ENVIRONMENT_PREFIX`].
pub fn environment(name: &str) -> Option<String> {
    name.starts_with(nines_probe::ENVIRONMENT_PREFIX).then(|| std::env::var(name).ok()).flatten()
}

fn references(config: &ProbesConfig) -> anyhow::Result<Vec<HostPort>> {
    let parse = |text: &String| {
        HostPort::parse(text)
            .with_context(|| format!("the reference `{text}` is not a host and a port, such as 192.0.2.1:53"))
    };
    config.references.iter().map(parse).collect()
}
