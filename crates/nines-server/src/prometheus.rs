//! Prometheus' own files in a node: scrape configurations and rule files, applied as they are.
//!
//! - [`PrometheusFiles`] takes them out of what people apply, checks them, and keeps them as text among all other
//!   documents. What is applied is what runs, from that moment on and after a restart.
//! - A [`Scraper`] fetches the targets and writes to the series store; an `Ok` of that store means fsynced and visible.
//! - The rules run on a thread of their own ([`rules`]) over `control.db`: evaluating thousands of expressions may take as
//!   long as it takes, and the page path shares neither a thread nor a file with it. An alert reaches people through the
//!   desk that takes alerts of other systems in.
//!
//! Files that a configuration names (secrets, targets) are read below one folder only, because whoever may apply a
//! document may not thereby read any file of this machine.

mod files;
mod rules;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nines_base::disk::SharedDisk;
use nines_base::{MIB, Random, SharedClock, Shutdown};
use nines_egress::{Config as EgressConfig, Egress, IpNet, Policy};
use nines_http::{AlertDesk, Feed, Promises};
use nines_metrics::{Around, Questions};
use nines_rules::Evaluator;
use nines_scrape::config::{BODY_BYTES_MAX, ScrapeFile};
use nines_scrape::{HttpFetch, LabelSet, NameServers, Parts, Scraper};
use nines_secrets::SecretResolver;
use nines_state::Database;
use nines_state::objects::Objects;
use nines_state::rules::RuleStates;
use tokio::sync::Notify;

pub use files::PrometheusFiles;

use crate::config::Config;

/// Of groups that name none, if no configuration says otherwise; upstream's default.
const EVALUATION_INTERVAL: Duration = Duration::from_secs(60);
/// How long a firing alert waits until it is told again; upstream's default.
const RESEND: Duration = Duration::from_secs(60);
/// No scrape takes longer, whatever the job says: the longest interval in use is ten minutes.
const SCRAPE_TIMEOUT_MAX: Duration = Duration::from_secs(600);
/// A body as it comes over the wire, still compressed.
const BODY_ON_WIRE_MAX: u64 = if BODY_BYTES_MAX > 64 * MIB { BODY_BYTES_MAX } else { 64 * MIB };
/// Where the system's resolver is configured.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Networks that targets may be in besides the public one: exporters are at home on this machine and next to it. The
/// addresses of clouds' metadata services are in none of them.
const TARGET_NETWORKS: [&str; 5] =
    ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/// What the parts tell each other.
#[derive(Default)]
pub(crate) struct Applied {
    /// Scrape configurations by name.
    scrapes: ArcSwap<Vec<(String, ScrapeFile)>>,
    external_labels: ArcSwap<LabelSet>,
    /// Rules were changed.
    changed: Notify,
}

/// What Prometheus' files are put into effect with.
pub struct PrometheusParts {
    pub secrets: Arc<dyn SecretResolver>,
    pub clock: SharedClock,
    pub random: Random,
    pub disk: SharedDisk,
    pub control: Database,
    /// Documents, those that may hold secrets sealed.
    pub objects: Objects,
    pub questions: Questions,
    pub promises: Arc<dyn Promises>,
    pub desk: Arc<dyn AlertDesk>,
    pub feed: Feed,
    pub public_url: String,
}

/// What runs.
pub struct Prometheus {
    pub promises: Arc<dyn Promises>,
    pub questions: Questions,
    /// Ends the scrapes once shutdown has begun.
    pub scraping: tokio::task::JoinHandle<()>,
    pub rules: std::thread::JoinHandle<()>,
}

/// Reads what is applied and begins to scrape and to evaluate.
///
/// # Errors
/// A database that cannot be read. A stored document that this version cannot read is logged and left out.
pub async fn start(
    config: &Config,
    parts: PrometheusParts,
    shutdown: &Shutdown,
) -> anyhow::Result<Prometheus> {
    let base = config.scrape_files.clone().unwrap_or_else(|| config.data_dir.join("scrape"));
    let base = std::path::absolute(&base).unwrap_or(base);
    let evaluator = Arc::new(Evaluator::new(EVALUATION_INTERVAL, RESEND));
    let scraper = Arc::new(Scraper::new(Parts {
        clock: Arc::clone(&parts.clock),
        fetch: Arc::new(HttpFetch::new(egress(config)?)),
        appender: Arc::new(parts.questions.store().clone()),
        names: Arc::new(name_servers(&parts)),
        disk: Arc::clone(&parts.disk),
        secrets: Arc::clone(&parts.secrets),
        base: base.clone(),
        offset_seed: offset_seed(&config.data_dir),
    }));
    let applied = Arc::new(Applied::default());
    let files = PrometheusFiles {
        promises: parts.promises,
        objects: parts.objects,
        clock: Arc::clone(&parts.clock),
        scraper: Arc::clone(&scraper),
        evaluator: Arc::clone(&evaluator),
        applied: Arc::clone(&applied),
        base,
        applying: tokio::sync::Mutex::default(),
    };
    let before = parts.clock.now().as_millis();
    files.load().await?;
    let states = RuleStates::new(parts.control);
    rules::restore(&evaluator, &states, before).await?;
    let questions = parts
        .questions
        .with(Around { rules: Some(Arc::clone(&evaluator)), targets: Some(Arc::clone(&scraper)) });
    let rules = rules::Rules {
        evaluator,
        questions: questions.clone(),
        states,
        desk: parts.desk,
        applied,
        clock: parts.clock,
        feed: parts.feed,
        public_url: parts.public_url,
        shutdown: shutdown.clone(),
    };
    let rules = rules.start()?;
    let stop = shutdown.clone();
    let scraping = tokio::spawn(async move {
        stop.begun().await;
        scraper.stop();
    });
    Ok(Prometheus { promises: Arc::new(files), questions, scraping, rules })
}

/// With a policy of its own: a target is where the operator says, also beside this node; a webhook is not.
fn egress(config: &Config) -> anyhow::Result<Egress> {
    let near = TARGET_NETWORKS.iter().map(|text| text.parse::<IpNet>().expect("a constant network"));
    Ok(Egress::new(EgressConfig {
        policy: Policy { allow: near.chain(config.allow_egress.iter().copied()).collect() },
        timeout: SCRAPE_TIMEOUT_MAX,
        response_bytes_max: BODY_ON_WIRE_MAX,
        ..EgressConfig::default()
    })?)
}

fn name_servers(parts: &PrometheusParts) -> NameServers {
    let text = parts.disk.read(&PathBuf::from(RESOLV_CONF)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    NameServers::from_resolv_conf(&text, Arc::clone(&parts.clock), parts.random.clone())
}

/// Where the data lies is what tells nodes of one machine apart, and stays over a restart: FNV-1a of its path.
fn offset_seed(data: &std::path::Path) -> u64 {
    let bytes = data.as_os_str().as_encoded_bytes();
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
