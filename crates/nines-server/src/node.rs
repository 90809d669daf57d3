//! How a node is put together, started and stopped.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use nines_access::{Access, Config as AccessConfig};
use nines_base::disk::{RealDisk, SharedDisk};
use nines_base::{Random, SharedClock, Shutdown, SystemClock};
use nines_egress::{Config as EgressConfig, Egress, Policy as EgressPolicy};
use nines_http::{AlertDesk, App, Auditor, Feed, MetricQuestions, Tails, router};
use nines_incidents::{Cadence, Incidents};
use nines_ingest::{Clocks, Ingest, IngestConfig};
use nines_notify::{Deliverer, DelivererConfig, OutboxStore, Targets};
use nines_oncall::{OncallRepository, Rota};
use nines_pair::Leadership;
use nines_query::{Engine, EngineConfig};
use nines_receive::{Limits, Metered, OtlpReceiver, Site, Syslog, SyslogLimits, serve};
use nines_slo::{LiveSlis, RecentChanges};
use nines_state::access::SqliteAccess;
use nines_state::alerts::Alerts;
use nines_state::audit::SqliteAudit;
use nines_state::incidents::SqliteIncidents;
use nines_state::intake::Intake;
use nines_state::oncall::SqliteOncall;
use nines_state::outbox::Outbox;
use nines_state::saved::SqliteSaved;
use nines_state::{
    Database, access, actions, audit, incidents, objects, oncall as state_oncall, response, rules, saved,
    secrets as state_secrets, watch,
};
use nines_storage::{BALLAST_BYTES, Limits as StoreLimits, Store, StoreConfig};
use nines_wal::JournalConfig;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::audit_anchors;
use crate::browsers;
use crate::config::Config;
use crate::credit;
use crate::first_run;
use crate::fleet;
use crate::gate::KeyGate;
use crate::health::NodeHealth;
use crate::inventory;
use crate::learning;
use crate::listeners::Listeners;
use crate::mail_door::{MailDesk, MailSocket};
use crate::masking::MaskingSwitch;
use crate::memory::{self, MemoryShares};
use crate::metric_slis;
use crate::object_store;
use crate::oidc;
use crate::oncall::{self, Auditor as PageAuditor, Desk, DeskParts, Escalator, EscalatorParts};
use crate::operations;
use crate::paging::{Paging, Vitals};
use crate::patterns::PatternKeeper;
use crate::probes;
use crate::prometheus::{self, PrometheusParts};
use crate::promises::{Followers, LiveObserver, PromiseKeeper};
use crate::receipts::StoredImports;
use crate::runbooks::Declared;
use crate::secrets;
use crate::series::{self, Metrics};
use crate::statsd::{StatsdParts, StatsdSockets};
use crate::subscribers;
use crate::syslog::SyslogSockets;
use crate::tenants;

/// What the page path and those who look at it find in `response.db`.
pub const RESPONSE_DOMAINS: &[nines_state::Domain] =
    &[response::DOMAIN, incidents::DOMAIN, state_oncall::DOMAIN];
/// What people configure, and all that is not of the page path.
pub const CONTROL_DOMAINS: &[nines_state::Domain] = &[
    objects::DOMAIN,
    access::DOMAIN,
    audit::DOMAIN,
    nines_state::browsers::DOMAIN,
    saved::DOMAIN,
    nines_state::dashboards::DOMAIN,
    actions::DOMAIN,
    nines_state::learning::DOMAIN,
    rules::DOMAIN,
    watch::DOMAIN,
    state_secrets::DOMAIN,
    nines_state::policies::DOMAIN,
    nines_state::statuspage::DOMAIN,
    nines_state::inventory::DOMAIN,
    nines_state::credit::DOMAIN,
    nines_state::fleet::DOMAIN,
];
/// Housekeeping of keys and sessions.
const ACCESS_ROUND: Duration = Duration::from_secs(60);
/// Threads of the page runtime: one that evaluates, one that talks to providers.
const PAGE_THREADS: usize = 2;
/// How long open requests may go on once stopping has begun.
const HTTP_DRAIN: Duration = Duration::from_secs(5);

/// A running node.
pub struct Node {
    addresses: [SocketAddr; 3],
    syslog: Vec<(&'static str, SocketAddr)>,
    public_url: String,
    owner_key: Option<String>,
    sign_in_token: Option<String>,
    shutdown: Shutdown,
    page_shutdown: Shutdown,
    tasks: Vec<JoinHandle<()>>,
    page_thread: Option<std::thread::JoinHandle<()>>,
    rules_thread: Option<std::thread::JoinHandle<()>>,
    probe_thread: Option<std::thread::JoinHandle<()>>,
    sli_threads: Vec<std::thread::JoinHandle<()>>,
    ingest: Ingest,
    store: Store,
    metrics: Metrics,
    patterns: PatternKeeper,
}

impl Node {
    pub fn http_addr(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub fn otlp_grpc_addr(&self) -> SocketAddr {
        self.addresses[1]
    }

    pub fn otlp_http_addr(&self) -> SocketAddr {
        self.addresses[2]
    }

    /// How people reach it, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The key that the first start left in the data directory, if it is still there.
    pub fn owner_key(&self) -> Option<&str> {
        self.owner_key.as_deref()
    }

    /// Signs the owner in, once.
    pub fn sign_in_url(&self) -> Option<String> {
        self.sign_in_token.as_ref().map(|token| format!("{}/first-run/{token}", self.public_url))
    }

    /// What a person needs to know at start; also what programs read: one address per line.
    pub fn banner(&self) -> String {
        let mut lines = vec![
            format!("nines {}", env!("CARGO_PKG_VERSION")),
            format!("  web and API  {}", self.public_url),
            format!("  OTLP gRPC    http://{}", self.otlp_grpc_addr()),
            format!("  OTLP HTTP    http://{}", self.otlp_http_addr()),
        ];
        lines.extend(self.syslog.iter().map(|(name, address)| format!("  {name}   {address}")));
        if let Some(url) = self.sign_in_url() {
            lines.push(format!("  sign in      {url}  (works once)"));
        }
        lines.join("\n")
    }

    /// Stops taking in, seals what is hot, and returns when everything is on disk. Pages that wait are sent by the next
    /// process.
    pub async fn shutdown(mut self) {
        self.shutdown.begin();
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the node ended badly");
            }
        }
        if let Some(thread) = self.rules_thread.take()
            && tokio::task::spawn_blocking(move || thread.join()).await.is_err()
        {
            tracing::error!("the evaluation of rules ended badly");
        }
        if let Some(thread) = self.probe_thread.take()
            && tokio::task::spawn_blocking(move || thread.join()).await.is_err()
        {
            tracing::error!("the probes ended badly");
        }
        for thread in self.sli_threads.drain(..) {
            if tokio::task::spawn_blocking(move || thread.join()).await.is_err() {
                tracing::error!("the measuring of metrics ended badly");
            }
        }
        self.page_shutdown.begin();
        if let Some(thread) = self.page_thread.take()
            && tokio::task::spawn_blocking(move || thread.join()).await.is_err()
        {
            tracing::error!("the page path ended badly");
        }
        if let Err(error) = self.ingest.close().await {
            tracing::error!(
                error = error.to_string(),
                "the journal did not close well; it will be recovered"
            );
        }
        self.metrics.close().await;
        self.patterns.stop();
        if let Err(error) = self.store.close().await {
            tracing::error!(error = error.to_string(), "hot rows were not sealed; the journal has them");
        }
    }
}

/// Opens everything, recovers, and serves. Returns once telemetry is taken in and pages can go out.
///
/// # Errors
/// A port that is taken, a data directory that is in use or cannot be read, a configuration that would be unsafe.
pub async fn start(config: Config) -> anyhow::Result<Node> {
    start_in(config, None).await
}

/// The same in an epoch of a pair: nothing is written and no page is sent beyond it.
pub async fn start_in(config: Config, leading: Option<Leadership>) -> anyhow::Result<Node> {
    config.check()?;
    let clock = SystemClock::shared();
    let random = Random::from_system();
    let data = config.data_dir.as_path();
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot make the data directory {}", data.display()))?;
    let started_at = clock.now();
    let shutdown = Shutdown::new();
    let page_shutdown = Shutdown::new();

    // The doors first: a taken port should not cost a recovery.
    let http = bind("listen", config.listen).await?;
    let grpc = bind("otlp-grpc", config.otlp_grpc).await?;
    let otlp_http = bind("otlp-http", config.otlp_http).await?;
    let listeners = Listeners::open();
    let syslog_sockets = SyslogSockets::bind(&config).await?;
    let statsd_sockets = StatsdSockets::bind(&config).await?;
    let mail_socket = MailSocket::bind(&config).await?;
    let syslog_addresses =
        [syslog_sockets.addresses(), statsd_sockets.addresses(), mail_socket.addresses()].concat();
    let addresses = [http.local_addr()?, grpc.local_addr()?, otlp_http.local_addr()?];
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{}", addresses[0]));
    let public_url = public_url.trim_end_matches('/').to_owned();

    // The telemetry column.
    let disk: SharedDisk = RealDisk::shared();
    let shares = MemoryShares::of(config.memory_bytes.unwrap_or_else(memory::available_bytes));
    let (store, store_recovery) =
        Store::open(store_config(&config, shares)?, Arc::clone(&disk), Arc::clone(&clock)).await?;
    let live = Arc::new(LiveSlis::new());
    let changes = Arc::new(RecentChanges::new());
    let tails = Tails::default();
    let observer =
        LiveObserver { live: Arc::clone(&live), changes: Arc::clone(&changes), tails: tails.clone() };
    let masking = Arc::new(MaskingSwitch::open(data, &random)?);
    let tenants = tenants::open(data, &clock, &disk);
    let accesses = Arc::new(credit::AccessObserver::default());
    let clocks = Arc::new(Clocks::default());
    let patterns = PatternKeeper::start(data, Arc::clone(&disk), Arc::clone(&clock))?;
    let (ingest, ingest_recovery) = Ingest::start(
        IngestConfig {
            scrubber: Some(Arc::clone(&masking) as _),
            inflight_bytes_max: shares.inflight_bytes,
            ..IngestConfig::new(JournalConfig::new(data.join("journal")))
        },
        store.clone(),
        Arc::clone(&disk),
        Arc::clone(&clock),
        random.clone(),
        vec![
            Arc::new(observer),
            Arc::clone(&patterns.observer) as _,
            Arc::clone(&accesses) as _,
            Arc::clone(&clocks) as _,
        ],
    )
    .await?;
    let metrics = {
        let (config, disk, clock, random) =
            (config.clone(), Arc::clone(&disk), Arc::clone(&clock), random.clone());
        tokio::task::spawn_blocking(move || Metrics::open(&config, shares, &disk, &clock, &random)).await??
    };
    let sink = metrics.sink(Arc::new(ingest.clone()), Arc::clone(&masking) as _);
    let questions = EngineConfig { memory_bytes: shares.question_bytes, ..EngineConfig::default() };
    let engine = Engine::new(store.clone(), questions, Arc::clone(&clock))?;
    let recovery_damage: Vec<String> = ingest_recovery
        .journal
        .damaged
        .iter()
        .map(|damage| {
            format!(
                "journal {} at byte {}: {} bytes, {:?}",
                damage.file.display(),
                damage.offset,
                damage.bytes,
                damage.reason
            )
        })
        .collect();
    tracing::info!(
        segments = store_recovery.segments,
        rows = store_recovery.rows,
        orphans = store_recovery.orphans,
        replayed = ingest_recovery.replayed_events,
        damaged = recovery_damage.len(),
        "telemetry is recovered"
    );

    // Control state.
    let control = open_database(data, "control.db", CONTROL_DOMAINS, leading.as_ref()).await?;
    let (vault, objects) = secrets::open(&config, &control, &clock, &random).await?;
    let access = Access::new(
        Arc::new(SqliteAccess::new(control.clone())),
        Arc::clone(&clock),
        random.clone(),
        AccessConfig { anonymous_ingest: false, sealer: Some(vault.sealer("accounts").await?) },
    );
    let sign_in_token = first_run::prepare(&access, data).await?;
    let targets = Targets::default();
    let egress = Egress::new(EgressConfig {
        policy: EgressPolicy { allow: config.allow_egress.clone() },
        ..EgressConfig::default()
    })?;
    // What people see reads `response.db` over handles of its own, as does whoever must know whom to call.
    let response = open_database(data, "response.db", RESPONSE_DOMAINS, leading.as_ref()).await?;
    let oncall_store: Arc<dyn OncallRepository> = Arc::new(SqliteOncall::new(response.clone()));
    let rota = Rota::new(Arc::clone(&oncall_store), Arc::clone(&clock));
    let hooks = nines_http::ChatHooks::default();
    let runbooks: Arc<nines_http::Runbooks> = Arc::default();
    let (keeper, backfill) = PromiseKeeper::new(
        Arc::clone(&clock),
        store.clone(),
        engine.clone(),
        objects.clone(),
        Arc::clone(&live),
        Followers {
            targets: targets.clone(),
            masking,
            tenants: tenants.clone(),
            metrics: metrics.clone(),
            egress: egress.clone(),
            hooks: hooks.clone(),
            rota: rota.clone(),
            runbooks: Arc::clone(&runbooks),
            secrets: Arc::new(vault.clone()),
            questions: metrics.questions.clone(),
        },
    );
    let keeper = Arc::new(keeper);
    let (secrets, vault_keeper) = secrets::start(&vault, &keeper, &clock, &random, &shutdown);
    keeper.load().await?;
    // Once the documents have said what is wanted.
    if config.confirm_limits {
        store.confirm_limits().await?;
        metrics.confirm_limits();
    }
    let sli_threads = metric_slis::start(metric_slis::MetricSlis {
        live,
        questions: metrics.questions.clone(),
        clock: Arc::clone(&clock),
        shutdown: shutdown.clone(),
    })?;

    // The page path: its own file handle, threads and stop signal.
    let feed = Feed::new(Arc::clone(&clock));
    let browsers = browsers::open(browsers::Surroundings {
        control: &control,
        vault: &vault,
        rota: &rota,
        targets: &targets,
        egress: &egress,
        feed: &feed,
        clock: &clock,
        random: &random,
        public_url: &public_url,
    })
    .await?;
    let vitals = Arc::new(Vitals::default());
    let shared = Arc::new(oncall::Shared::default());
    let page_parts = PageParts {
        data: data.to_owned(),
        clock: Arc::clone(&clock),
        random: random.clone(),
        keeper: Arc::clone(&keeper),
        changes,
        targets: targets.clone(),
        feed: feed.clone(),
        public_url: public_url.clone(),
        vitals: Arc::clone(&vitals),
        news: Arc::clone(&patterns.news),
        rota: rota.clone(),
        shared: Arc::clone(&shared),
        leading: leading.clone(),
    };
    let (page_thread, (incidents, desk)) = start_page_path(page_parts, page_shutdown.clone()).await?;

    let outbox: Arc<dyn OutboxStore> = Arc::new(Outbox::new(response.clone()));
    let receiver = |listener: SocketAddr| {
        let gate = KeyGate {
            access: access.clone(),
            anonymous: config.takes_anonymous(listener),
            tenants: tenants.clone(),
        };
        let limits = Limits { in_flight_bytes: shares.body_bytes, ..Limits::default() };
        OtlpReceiver::new(limits, Arc::clone(&sink), Arc::new(gate), Arc::clone(&clock))
    };
    let [web_receiver, grpc_receiver, http_receiver] =
        [config.listen, config.otlp_grpc, config.otlp_http].map(receiver);
    let declared =
        Declared::open(Arc::clone(&keeper) as _, objects.clone(), Arc::clone(&runbooks), Arc::clone(&clock));
    let desk: Arc<dyn AlertDesk> = Arc::new(desk);
    let probed = probes::Surroundings {
        clock: Arc::clone(&clock),
        random: random.clone(),
        control: control.clone(),
        objects: objects.clone(),
        egress: egress.clone(),
        ingest: ingest.clone(),
        series: metrics.store.clone(),
        engine: engine.clone(),
        desk: Arc::clone(&desk),
        feed: feed.clone(),
        public_url: public_url.clone(),
        vitals: Arc::clone(&vitals),
        promises: Arc::new(declared.await?),
    };
    let probes = probes::start(&config.probes, probed, &shutdown).await?;
    let prometheus = PrometheusParts {
        secrets: Arc::new(vault.clone()),
        clock: Arc::clone(&clock),
        random: random.clone(),
        disk: Arc::clone(&disk),
        control: control.clone(),
        objects: objects.clone(),
        questions: metrics.questions.clone(),
        promises: probes.declared,
        desk: Arc::clone(&desk),
        feed: feed.clone(),
        public_url: public_url.clone(),
    };
    let prometheus = prometheus::start(&config, prometheus, &shutdown).await?;
    let (fleet, observing) = fleet::start(
        fleet::Surroundings {
            clock: Arc::clone(&clock),
            control: control.clone(),
            questions: prometheus.questions.clone(),
            desk: Arc::clone(&desk),
            feed: feed.clone(),
            public_url: public_url.clone(),
        },
        &shutdown,
    )
    .await?;
    let surroundings = operations::Surroundings {
        control: control.clone(),
        clock: Arc::clone(&clock),
        random: random.clone(),
        incidents: incidents.clone(),
        promises: Arc::clone(&keeper) as _,
        feed: feed.clone(),
        runbooks: Arc::clone(&runbooks),
        secrets: vault.clone(),
    };
    let (operations, action_machine) = operations::start(&config, surroundings, &shutdown).await?;
    let judged = credit::Surroundings {
        config: &config,
        public_url: &public_url,
        control: control.clone(),
        actions: Arc::clone(&operations.actions),
        observer: accesses,
        store: store.clone(),
        engine: engine.clone(),
        ingest: ingest.clone(),
        clock: Arc::clone(&clock),
        random: random.clone(),
    };
    let (credit, crediting) = credit::start(judged, &shutdown).await?;
    let (inventory, collecting) =
        inventory::start(&config, &control, &vault, &clock, &random, &shutdown).await?;
    let (learning, drafting) = learning::start(
        learning::Surroundings {
            control: control.clone(),
            clock: Arc::clone(&clock),
            incidents: incidents.clone(),
            promises: Arc::clone(&keeper) as _,
            feed: feed.clone(),
        },
        &shutdown,
    );
    let audit = Arc::new(SqliteAudit::new(control.clone()));
    let (audit_alarm, anchoring) =
        audit_anchors::start(config.audit_anchors.as_deref(), audit.clone(), &clock, &shutdown)?;
    let status = Arc::new(nines_state::statuspage::SqliteStatus::new(
        control.clone(),
        vault.sealer("subscribers").await?,
    ));
    let (engine_of_map, shared_of_map) = (engine.clone(), Arc::clone(&shared));
    let health = NodeHealth {
        clock: Arc::clone(&clock),
        started_at,
        disk: Arc::clone(&disk),
        data_dir: data.to_owned(),
        tenants: tenants.clone(),
        store: store.clone(),
        metrics: metrics.clone(),
        ingest: ingest.clone(),
        keeper: Arc::clone(&keeper),
        outbox: Arc::clone(&outbox),
        vitals,
        rota: rota.clone(),
        shared,
        listeners: listeners.clone(),
        receivers: vec![web_receiver.clone(), grpc_receiver.clone(), http_receiver.clone()],
        recovery_damage,
        audit_alarm,
        leading,
        last_rate: parking_lot::Mutex::new((clock.monotonic(), 0, 0.0)),
    };
    let imports = StoredImports { store: store.clone(), engine: engine.clone() };
    let doors = web_receiver.doors(Some(Arc::new(imports))).with_series(metrics.store.clone());
    let mail_desk = MailDesk { access: access.clone(), rota: rota.clone(), desk: Arc::clone(&desk) };
    let dashboards = crate::dashboards::open(prometheus.promises, &control, &clock);
    let app = Arc::new(App {
        version: env!("CARGO_PKG_VERSION"),
        clock: Arc::clone(&clock),
        random,
        shutdown: shutdown.clone(),
        access: access.clone(),
        audit: Auditor::new(audit, Arc::clone(&clock)),
        secrets,
        settings: config.shown(),
        policies: crate::policies::open(&control, &clock).await?,
        oidc: oidc::provider(&config, &public_url, &vault, &egress, &clock)?,
        anonymous_ingest: config.takes_anonymous(config.listen),
        public_url: public_url.clone(),
        store: store.clone(),
        engine,
        ingest: ingest.clone(),
        receiver: web_receiver,
        doors,
        promises: dashboards.declared,
        objects,
        alerts: Alerts::new(response.clone()),
        outbox,
        targets,
        incidents,
        health: Arc::new(health),
        feed,
        tails,
        patterns: Arc::clone(&patterns.book),
        clocks,
        metrics: MetricQuestions::new(prometheus.questions),
        saved: Arc::new(SqliteSaved::new(control.clone())),
        dashboards: dashboards.store,
        learning,
        status_pages: Arc::clone(&status) as _,
        subscribers: nines_http::Subscribers::new(status),
        hooks,
        browsers: browsers.clone(),
        oncall: nines_http::Oncall {
            rota,
            repository: oncall_store,
            intake: Intake::new(response),
            desk,
            egress,
        },
        operations,
        inventory,
        credit,
        uptime: probes.tower,
        fleet,
    });

    let mapping =
        oncall::dependencies::start(engine_of_map, shared_of_map, Arc::clone(&clock), shutdown.clone());
    let telling = subscribers::start(&app, &shutdown);
    let reporting = learning::report(&app, &shutdown);
    let acting = oncall::actions::start(&app, &shutdown);
    let mut tasks = vec![tokio::spawn({
        let (clock, stop) = (Arc::clone(&clock), shutdown.clone());
        let web_connections = listeners.web.clone();
        async move {
            let doors = app.doors.clone();
            serve(
                http,
                Site::from(router(app)).with_doors(doors),
                &Limits { drain_timeout: HTTP_DRAIN, ..Limits::default() },
                &web_connections,
                &clock,
                &stop,
            )
            .await
        }
    })];
    let otlp = [(grpc, grpc_receiver, listeners.otlp_grpc), (otlp_http, http_receiver, listeners.otlp_http)];
    for (listener, receiver, connections) in otlp {
        let stop = shutdown.clone();
        tasks.push(tokio::spawn(async move { receiver.serve(listener, &connections, stop).await }));
    }
    let senders = Metered { tenant: tenants.tenant(None), sink: Arc::new(ingest.clone()) };
    let syslog = Syslog::new(SyslogLimits::default(), Arc::new(senders), Arc::clone(&clock));
    tasks.extend(syslog_sockets.serve(&syslog, [listeners.syslog_tcp, listeners.syslog_tls], &shutdown));
    tasks.extend(mail_socket.serve(mail_desk, &clock, &shutdown));
    let statsd = StatsdParts {
        clock: Arc::clone(&clock),
        disk: Arc::clone(&disk),
        store: metrics.store.clone(),
        rows: Arc::new(ingest.clone()),
    };
    tasks.extend(statsd_sockets.serve(statsd, &shutdown));
    let weighed = tenants::Surroundings {
        clock: Arc::clone(&clock),
        disk,
        store: store.clone(),
        metrics: metrics.clone(),
    };
    tasks.push(tenants::start(tenants, data, weighed, &shutdown));
    tasks.push(action_machine);
    tasks.push(drafting);
    tasks.push(telling);
    tasks.push(acting);
    tasks.push(reporting);
    tasks.push(mapping);
    tasks.push(collecting);
    tasks.push(anchoring);
    tasks.push(crediting);
    tasks.push(observing);
    tasks.push(prometheus.scraping);
    tasks.push(tokio::spawn({
        let (keeper, stop) = (Arc::clone(&keeper), shutdown.clone());
        async move { keeper.run_backfill(backfill, stop).await }
    }));
    tasks.push(tokio::spawn({
        let (store, stop) = (store.clone(), shutdown.clone());
        async move { store.run(&stop).await }
    }));
    tasks.push(tokio::spawn(metrics.clone().keep(shutdown.clone())));
    tasks.push(vault_keeper);
    tasks.push(tokio::spawn({
        let stop = shutdown.clone();
        async move { browsers.keep(stop).await }
    }));
    tasks.push(tokio::spawn({
        let (clock, stop) = (Arc::clone(&clock), shutdown.clone());
        async move { keep_access(access, clock, stop).await }
    }));

    Ok(Node {
        addresses,
        syslog: syslog_addresses,
        public_url,
        owner_key: first_run::owner_key(data).ok(),
        sign_in_token,
        shutdown,
        page_shutdown,
        tasks,
        page_thread: Some(page_thread),
        rules_thread: Some(prometheus.rules),
        probe_thread: Some(probes.thread),
        sli_threads,
        ingest,
        store,
        metrics,
        patterns,
    })
}

fn store_config(config: &Config, shares: MemoryShares) -> anyhow::Result<StoreConfig> {
    let default = StoreConfig::new(config.data_dir.join("telemetry"));
    Ok(StoreConfig {
        seal_bytes: shares.seal_bytes,
        hot_bytes_max: shares.hot_bytes,
        ballast_bytes: BALLAST_BYTES,
        limits: StoreLimits {
            disk_bytes: config.disk_bytes.map(|bytes| bytes - bytes / series::DISK_SHARE),
            ..default.limits
        },
        remote: config.object_store.as_deref().map(object_store::open).transpose()?,
        ..default
    })
}

async fn bind(name: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let hint = "is another nines, or another collector, running? choose another port, or 0 for any";
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} (--{name}): {hint}"))
}

async fn open_database(
    data: &Path,
    file: &str,
    domains: &[nines_state::Domain],
    leading: Option<&Leadership>,
) -> anyhow::Result<Database> {
    let path = data.join(file);
    let opened = match leading {
        Some(leading) => Database::open_leading(&path, domains, Arc::new(leading.clone())).await,
        None => Database::open(&path, domains).await,
    };
    opened.with_context(|| format!("cannot open {}", path.display()))
}

async fn keep_access(access: Access, clock: SharedClock, shutdown: Shutdown) {
    while !shutdown.has_begun() {
        if let Err(error) = access.tick().await {
            tracing::warn!(error = error.to_string(), "keys and sessions could not be tidied");
        }
        tokio::select! {
            () = shutdown.begun() => {}
            () = clock.sleep(ACCESS_ROUND) => {}
        }
    }
}

/// What crosses into the page path.
struct PageParts {
    data: std::path::PathBuf,
    clock: SharedClock,
    random: Random,
    keeper: Arc<PromiseKeeper>,
    changes: Arc<RecentChanges>,
    targets: Targets,
    feed: Feed,
    public_url: String,
    vitals: Arc<Vitals>,
    news: crate::patterns::News,
    rota: Rota,
    shared: Arc<oncall::Shared>,
    leading: Option<Leadership>,
}

/// Starts the page runtime on a thread of its own, and gives what people and the page path share: the incidents, and the
/// desk that takes alerts of other systems in.
async fn start_page_path(
    parts: PageParts,
    shutdown: Shutdown,
) -> anyhow::Result<(std::thread::JoinHandle<()>, (Incidents, Desk))> {
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("paging".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(PAGE_THREADS)
            .thread_name("paging")
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(run_page_path(parts, shutdown, ready)),
            Err(error) => drop(ready.send(Err(anyhow::Error::from(error)))),
        }
    })?;
    let shared = is_ready.await.context("the page path ended before it was ready")??;
    Ok((thread, shared))
}

async fn run_page_path(
    parts: PageParts,
    shutdown: Shutdown,
    ready: tokio::sync::oneshot::Sender<anyhow::Result<(Incidents, Desk)>>,
) {
    let database =
        match open_database(&parts.data, "response.db", RESPONSE_DOMAINS, parts.leading.as_ref()).await {
            Ok(database) => database,
            Err(error) => return drop(ready.send(Err(error))),
        };
    let outbox: Arc<dyn OutboxStore> = Arc::new(Outbox::new(database.clone()));
    let repository = Arc::new(SqliteIncidents::new(database.clone()));
    let incidents = Incidents::new(repository, Arc::clone(&parts.clock), Cadence::default());
    let deliverer = Deliverer::new(
        Arc::clone(&outbox),
        parts.targets.clone(),
        Arc::clone(&parts.clock),
        parts.random,
        DelivererConfig {
            permission: parts.leading.map(|leading| Arc::new(crate::pair::Lead(leading)) as _),
            ..DelivererConfig::default()
        },
    );
    let repository: Arc<dyn OncallRepository> = Arc::new(SqliteOncall::new(database.clone()));
    let escalator = Escalator::new(EscalatorParts {
        clock: Arc::clone(&parts.clock),
        rota: parts.rota.clone(),
        repository: Arc::clone(&repository),
        incidents: incidents.clone(),
        alerts: Alerts::new(database.clone()),
        outbox: Arc::clone(&outbox),
        deliverer: deliverer.clone(),
        targets: parts.targets,
        keeper: Arc::clone(&parts.keeper),
        feed: parts.feed.clone(),
        public_url: parts.public_url.clone(),
        shared: Arc::clone(&parts.shared),
        vitals: Arc::clone(&parts.vitals),
    });
    let auditor = PageAuditor {
        clock: Arc::clone(&parts.clock),
        rota: parts.rota.clone(),
        repository: Arc::clone(&repository),
        incidents: incidents.clone(),
        outbox: Arc::clone(&outbox),
        deliverer: deliverer.clone(),
        keeper: Arc::clone(&parts.keeper),
        public_url: parts.public_url.clone(),
        shared: Arc::clone(&parts.shared),
        vitals: Arc::clone(&parts.vitals),
    };
    let (desk, intake) = Desk::new(DeskParts {
        clock: Arc::clone(&parts.clock),
        rota: parts.rota.clone(),
        repository,
        store: Intake::new(database.clone()),
        incidents: incidents.clone(),
        feed: parts.feed.clone(),
        public_url: parts.public_url.clone(),
        shared: Arc::clone(&parts.shared),
    });
    let paging = Paging {
        clock: parts.clock,
        keeper: parts.keeper,
        changes: parts.changes,
        alerts: Alerts::new(database),
        outbox,
        deliverer,
        incidents: incidents.clone(),
        feed: parts.feed,
        public_url: parts.public_url,
        vitals: parts.vitals,
        news: parts.news,
        rota: parts.rota,
        shared: parts.shared,
        explained: Arc::default(),
    };
    if ready.send(Ok((incidents, desk))).is_ok() {
        let (calling, taking) = (escalator.run(shutdown.clone()), intake.run(shutdown.clone()));
        let auditing = tokio::spawn(auditor.run(shutdown.clone()));
        let beside = [tokio::spawn(calling), tokio::spawn(taking), auditing];
        paging.run(shutdown).await;
        for task in beside {
            if let Err(error) = task.await {
                tracing::error!(%error, "a loop of the page path ended badly");
            }
        }
    }
}
