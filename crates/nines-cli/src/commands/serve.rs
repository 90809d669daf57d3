use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};
use ipnet::IpNet;
use nines_base::ByteSize;
use nines_base::Shutdown;
use nines_server::{AwsSettings, Config, PairSettings};

use crate::exit::Code;
use crate::output;

#[derive(Debug, Args)]
#[command(
    long_about = "Run a node until Ctrl-C.\n\nListens on loopback only unless told otherwise. The first start makes an owner account, prints a link that signs you in once, and leaves an owner key and an ingest key in <data>/first-run.\n\nOrder: defaults, --config file, environment, flags.",
    after_help = "Examples:\n  nines serve\n  nines serve --data /var/lib/nines --public-url https://sre.example.com\n  nines serve --listen 127.0.0.1:0 --otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0\n  nines serve --allow-egress 10.1.0.0/16    pages may go to webhooks in this private network"
)]
pub struct Arguments {
    /// Configuration file (TOML)
    #[arg(long, env = "NINES_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything is kept; made if it is missing [default: ./nines-data]
    #[arg(long, env = "NINES_DATA", hide_env_values = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Web, API and OTLP over HTTP; port 0 takes a free one [default: 127.0.0.1:9999]
    #[arg(long, env = "NINES_LISTEN", hide_env_values = true, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// OTLP over gRPC [default: 127.0.0.1:4317]
    #[arg(long, env = "NINES_OTLP_GRPC", hide_env_values = true, value_name = "ADDRESS")]
    otlp_grpc: Option<SocketAddr>,
    /// OTLP over HTTP [default: 127.0.0.1:4318]
    #[arg(long, env = "NINES_OTLP_HTTP", hide_env_values = true, value_name = "ADDRESS")]
    otlp_http: Option<SocketAddr>,
    /// How people reach --listen, for the links in pages [default: the bound address]
    #[arg(long, env = "NINES_PUBLIC_URL", hide_env_values = true, value_name = "URL")]
    public_url: Option<String>,
    /// Take telemetry without a key [default: on loopback addresses only]
    #[arg(long, env = "NINES_ANONYMOUS_INGEST", hide_env_values = true, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    anonymous_ingest: Option<bool>,
    /// Bind beyond loopback although the connection is not encrypted: something in front must do that
    #[arg(long, env = "NINES_ALLOW_PLAINTEXT", hide_env_values = true, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    allow_plaintext: Option<bool>,
    /// A private network that pages may be sent to; may be repeated
    #[arg(
        long,
        env = "NINES_ALLOW_EGRESS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "CIDR"
    )]
    allow_egress: Vec<IpNet>,
    /// What the process may take, such as 1GiB [default: what its control group allows, or the machine has]
    #[arg(
        long,
        env = "NINES_MEMORY_MAX",
        hide_env_values = true,
        value_name = "SIZE",
        help_heading = "Limits"
    )]
    memory_max: Option<ByteSize>,
    /// What sealed telemetry may take on the disk; beyond it the oldest goes first [default: retention alone decides]
    #[arg(
        long,
        env = "NINES_DISK_MAX",
        hide_env_values = true,
        value_name = "SIZE",
        help_heading = "Limits"
    )]
    disk_max: Option<ByteSize>,
    /// How long metrics are kept, such as 30d or 1y [default: 90d]
    #[arg(
        long,
        env = "NINES_METRICS_RETENTION",
        hide_env_values = true,
        value_name = "DURATION",
        value_parser = nines_server::parse_retention,
        help_heading = "Limits"
    )]
    metrics_retention: Option<std::time::Duration>,
    /// Keep fewer samples of metrics that are older, such as 60d [default: all of them]
    #[arg(
        long,
        env = "NINES_METRICS_THIN_AFTER",
        hide_env_values = true,
        value_name = "DURATION",
        value_parser = nines_server::parse_retention,
        help_heading = "Limits"
    )]
    metrics_thin_after: Option<std::time::Duration>,
    /// Keep sealed telemetry in S3 (s3://bucket/prefix) or a mounted folder (file:///mnt) too: --disk-max costs no data then
    #[arg(
        long,
        env = "NINES_OBJECT_STORE",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Limits"
    )]
    object_store: Option<String>,
    /// Accept limits that remove more than a twentieth of the data at once; `nines limits confirm` does it while running
    #[arg(long, help_heading = "Limits")]
    confirm_limits: bool,
    /// Syslog over UDP, off unless given; port 0 takes a free one
    #[arg(
        long,
        env = "NINES_SYSLOG_UDP",
        hide_env_values = true,
        value_name = "ADDRESS",
        help_heading = "Syslog"
    )]
    syslog_udp: Option<SocketAddr>,
    /// Syslog over TCP, with either framing, off unless given
    #[arg(
        long,
        env = "NINES_SYSLOG_TCP",
        hide_env_values = true,
        value_name = "ADDRESS",
        help_heading = "Syslog"
    )]
    syslog_tcp: Option<SocketAddr>,
    /// Syslog over TLS, off unless given
    #[arg(
        long,
        env = "NINES_SYSLOG_TLS",
        hide_env_values = true,
        value_name = "ADDRESS",
        help_heading = "Syslog"
    )]
    syslog_tls: Option<SocketAddr>,
    /// Certificate chain for --syslog-tls (PEM)
    #[arg(
        long,
        env = "NINES_SYSLOG_TLS_CERT",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Syslog"
    )]
    syslog_tls_cert: Option<PathBuf>,
    /// Private key for --syslog-tls (PEM)
    #[arg(
        long,
        env = "NINES_SYSLOG_TLS_KEY",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Syslog"
    )]
    syslog_tls_key: Option<PathBuf>,
    /// Authorities whose certificates senders over TLS must show (PEM) [default: none is asked for]
    #[arg(
        long,
        env = "NINES_SYSLOG_TLS_CLIENT_CA",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Syslog"
    )]
    syslog_tls_client_ca: Option<PathBuf>,
    /// Alerts by mail (SMTP), off unless given; port 0 takes a free one
    #[arg(
        long,
        env = "NINES_SMTP_LISTEN",
        hide_env_values = true,
        value_name = "ADDRESS",
        help_heading = "Mail"
    )]
    smtp_listen: Option<SocketAddr>,
    /// Certificate chain for STARTTLS (PEM)
    #[arg(
        long,
        env = "NINES_SMTP_TLS_CERT",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Mail"
    )]
    smtp_tls_cert: Option<PathBuf>,
    /// Private key for STARTTLS (PEM)
    #[arg(
        long,
        env = "NINES_SMTP_TLS_KEY",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Mail"
    )]
    smtp_tls_key: Option<PathBuf>,
    /// Region of AWS that actions go to [default: the simulated cloud]
    #[arg(
        long,
        env = "NINES_AWS_REGION",
        hide_env_values = true,
        value_name = "REGION",
        help_heading = "Operations"
    )]
    aws_region: Option<String>,
    /// In place of AWS's public endpoints: a private one, or a mock
    #[arg(
        long,
        env = "NINES_AWS_ENDPOINT",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Operations"
    )]
    aws_endpoint: Option<String>,
    /// A role of this or another account that is taken on for every call
    #[arg(
        long,
        env = "NINES_AWS_ROLE",
        hide_env_values = true,
        value_name = "ARN",
        help_heading = "Operations"
    )]
    aws_role: Option<String>,
    /// The external id that the role asks for
    #[arg(
        long,
        env = "NINES_AWS_EXTERNAL_ID",
        hide_env_values = true,
        value_name = "ID",
        help_heading = "Operations"
    )]
    aws_external_id: Option<String>,
    /// An action that needs a second person besides those that say so themselves; may be repeated
    #[arg(
        long,
        env = "NINES_FOUR_EYES",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "ACTION",
        help_heading = "Operations"
    )]
    four_eyes: Vec<String>,
    /// Slack's signing secret: a file, or secret://name; without it no chat command is taken
    #[arg(
        long,
        env = "NINES_SLACK_SIGNING_SECRET",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Operations"
    )]
    slack_signing_secret: Option<PathBuf>,
    /// Whom a user of Slack is here, such as U02ABC=mei:responder; may be repeated
    #[arg(
        long,
        env = "NINES_SLACK_USERS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "USER=NAME:ROLE",
        help_heading = "Operations"
    )]
    slack_user: Vec<String>,
    /// File with the security tokens of outgoing webhooks of Microsoft Teams, one a line
    #[arg(
        long,
        env = "NINES_TEAMS_TOKENS",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Operations"
    )]
    teams_tokens: Option<PathBuf>,
    /// Whom a user of Teams is here, by Entra object id, such as 4f1c…=mei:responder; may be repeated
    #[arg(
        long,
        env = "NINES_TEAMS_USERS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "USER=NAME:ROLE",
        help_heading = "Operations"
    )]
    teams_user: Vec<String>,
    /// Public key of the application of Discord; without it no interaction is taken
    #[arg(
        long,
        env = "NINES_DISCORD_PUBLIC_KEY",
        hide_env_values = true,
        value_name = "HEX",
        help_heading = "Operations"
    )]
    discord_public_key: Option<String>,
    /// Whom a user of Discord is here, such as 4711=mei:responder; may be repeated
    #[arg(
        long,
        env = "NINES_DISCORD_USERS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "USER=NAME:ROLE",
        help_heading = "Operations"
    )]
    discord_user: Vec<String>,
    /// How often metrics are sealed; for measurements
    #[arg(long, hide = true, value_name = "DURATION", value_parser = seal_every)]
    metrics_seal_every: Option<std::time::Duration>,
    /// Listen for StatsD over UDP, such as 127.0.0.1:8125 [default: off]
    #[arg(
        long,
        env = "NINES_STATSD_UDP",
        hide_env_values = true,
        value_name = "ADDRESS",
        help_heading = "Metrics"
    )]
    statsd_udp: Option<SocketAddr>,
    /// Listen for StatsD over TCP [default: off]
    #[arg(
        long,
        env = "NINES_STATSD_TCP",
        hide_env_values = true,
        value_name = "ADDRESS",
        help_heading = "Metrics"
    )]
    statsd_tcp: Option<SocketAddr>,
    /// Folder of the files that scrape configurations name [default: scrape in the data directory]
    #[arg(
        long,
        env = "NINES_SCRAPE_FILES",
        hide_env_values = true,
        value_name = "FOLDER",
        help_heading = "Metrics"
    )]
    scrape_files: Option<PathBuf>,
    /// An address that is known to be good, as host:port: probes that reach none are at fault themselves; may be repeated
    #[arg(
        long,
        env = "NINES_PROBE_REFERENCE",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "HOST:PORT",
        help_heading = "Probes"
    )]
    probe_reference: Vec<String>,
    /// Called every minute while pages go out, so that somebody outside notices when this node is gone
    #[arg(
        long,
        env = "NINES_HEARTBEAT_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Probes"
    )]
    heartbeat_url: Option<String>,
    /// A file elsewhere, best on another machine's disk, that the end of the audit log is written down in every half minute
    #[arg(
        long,
        env = "NINES_AUDIT_ANCHORS",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Secrets"
    )]
    audit_anchors: Option<PathBuf>,
    /// What secrets are sealed by: a file, env:NAME, age:FILE or kms:KEY [default: <data>/master.key, which no backup copies]
    #[arg(
        long,
        env = "NINES_MASTER_KEY",
        hide_env_values = true,
        value_name = "KEY",
        help_heading = "Secrets"
    )]
    master_key: Option<String>,
    /// The master key before this one: what it sealed is sealed anew at the start; may be repeated
    #[arg(
        long,
        env = "NINES_PREVIOUS_MASTER_KEYS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "KEY",
        help_heading = "Secrets"
    )]
    previous_master_key: Vec<String>,
    /// For a kms: key: a file, best in memory (/run), with what it opened, so that the node starts while it is silent
    #[arg(
        long,
        env = "NINES_MASTER_KEY_CACHE",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Secrets"
    )]
    master_key_cache: Option<PathBuf>,
    /// PostgreSQL that this node shares with a second one: a URL, env:NAME, or a file that holds it
    #[arg(long, env = "NINES_PAIR", hide_env_values = true, value_name = "POSTGRES", help_heading = "Pair")]
    pair: Option<String>,
    /// Where the second node listens, such as http://10.0.0.2:9999: asked when PostgreSQL does not answer
    #[arg(long, env = "NINES_PAIR_PEER", hide_env_values = true, value_name = "URL", help_heading = "Pair")]
    pair_peer: Option<String>,
    /// What this node is called there [default: the host's name]
    #[arg(long, env = "NINES_PAIR_NAME", hide_env_values = true, value_name = "NAME", help_heading = "Pair")]
    pair_name: Option<String>,
    /// An identity provider that vouches for people (OpenID Connect), by its issuer
    #[arg(
        long,
        env = "NINES_OIDC_ISSUER",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Sign-in"
    )]
    oidc_issuer: Option<String>,
    /// What this node is called there
    #[arg(
        long,
        env = "NINES_OIDC_CLIENT_ID",
        hide_env_values = true,
        value_name = "ID",
        help_heading = "Sign-in"
    )]
    oidc_client_id: Option<String>,
    /// The secret it has there: secret://name, or a file
    #[arg(
        long,
        env = "NINES_OIDC_CLIENT_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        help_heading = "Sign-in"
    )]
    oidc_client_secret: Option<String>,
    /// The role of a group there, such as sre=admin, or *=viewer for everybody; may be repeated
    #[arg(
        long,
        env = "NINES_OIDC_ROLES",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "GROUP=ROLE",
        help_heading = "Sign-in"
    )]
    oidc_role: Vec<String>,
    #[command(flatten)]
    log: Log,
    /// Where flags and variables were given, by setting.
    #[arg(skip)]
    origins: BTreeMap<String, String>,
}

// How the node's own log is written, to standard error. Not a doc comment: it would become the command's description.
#[derive(Debug, Args)]
pub struct Log {
    /// What is logged: a level, or levels by part such as info,nines_storage=debug
    #[arg(long, env = "NINES_LOG", hide_env_values = true, default_value = "info", value_name = "LEVEL")]
    log: String,
    /// Form of the log
    #[arg(long, env = "NINES_LOG_FORMAT", hide_env_values = true, value_enum, default_value_t)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    #[default]
    Text,
    Json,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Code> {
    arguments.log.start()?;
    let config = arguments.config()?;
    if config.pair.is_some() {
        return run_pair(config).await;
    }
    let node = nines_server::start(config).await?;
    // Listened for before anybody knows that the node is there, or a stop right after its start would be no clean one.
    let mut signals = StopSignals::listen()?;
    // `ready` on a line of its own is what scripts wait for.
    output::write(&format!("{}\nready\n", node.banner()))?;
    signals.wait().await;
    eprintln!("stopping: what was acknowledged is safe; press Ctrl-C again to stop at once");
    tokio::select! {
        () = node.shutdown() => Ok(Code::Ok),
        () = signals.wait() => Ok(Code::Failed),
    }
}

/// One of two: it leads or stands by, and changes between them, until it is stopped.
async fn run_pair(config: Config) -> anyhow::Result<Code> {
    let mut signals = StopSignals::listen()?;
    let stop = Shutdown::new();
    let serving = nines_server::run_pair(config, stop.clone(), |banner| {
        // Whoever reads it must not stop the node by going away.
        if let Err(error) = output::write(&format!("{banner}\nready\n")) {
            tracing::warn!(%error, "nobody reads where this node listens");
        }
    });
    tokio::pin!(serving);
    tokio::select! {
        done = &mut serving => return done.map(|()| Code::Failed),
        () = signals.wait() => {}
    }
    eprintln!("stopping: what was acknowledged is safe; press Ctrl-C again to stop at once");
    stop.begin();
    tokio::select! {
        done = serving => done.map(|()| Code::Ok),
        () = signals.wait() => Ok(Code::Failed),
    }
}

/// The settings that are called otherwise on the command line.
const RENAMED: [(&str, &str); 6] = [
    ("slack_user", "slack_users"),
    ("teams_user", "teams_users"),
    ("discord_user", "discord_users"),
    ("probe_reference", "probe_references"),
    ("previous_master_key", "previous_master_keys"),
    ("oidc_role", "oidc.roles"),
];

impl Arguments {
    /// Remembers which settings were given as flags and which as variables.
    pub fn note_origins(&mut self, matches: &ArgMatches) {
        let command = crate::help::command();
        let serve = command.find_subcommand("serve");
        for argument in serve.into_iter().flat_map(clap::Command::get_arguments) {
            let id = argument.get_id().as_str();
            // Of other groups of the command line, `matches` knows nothing.
            let Ok(true) = matches.try_contains_id(id) else { continue };
            let origin = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => format!("--{}", argument.get_long().unwrap_or(id)),
                Some(ValueSource::EnvVariable) => {
                    format!("${}", argument.get_env().map(|name| name.to_string_lossy()).unwrap_or_default())
                }
                _ => continue,
            };
            let renamed =
                RENAMED.iter().find(|(flag, _)| *flag == id).map(|(_, setting)| (*setting).to_owned());
            let in_table = || {
                ["aws", "oidc"]
                    .into_iter()
                    .find_map(|table| Some(format!("{table}.{}", id.strip_prefix(table)?.strip_prefix('_')?)))
            };
            self.origins.insert(renamed.or_else(in_table).unwrap_or_else(|| id.to_owned()), origin);
        }
    }

    fn config(self) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::from_file(path)?,
            None => Config::default(),
        };
        set(&mut config.data_dir, self.data);
        set(&mut config.listen, self.listen);
        set(&mut config.otlp_grpc, self.otlp_grpc);
        set(&mut config.otlp_http, self.otlp_http);
        set(&mut config.allow_plaintext, self.allow_plaintext);
        config.public_url = self.public_url.or(config.public_url);
        config.anonymous_ingest = self.anonymous_ingest.or(config.anonymous_ingest);
        if !self.allow_egress.is_empty() {
            config.allow_egress = self.allow_egress;
        }
        config.memory_bytes = self.memory_max.map(|ByteSize(bytes)| bytes).or(config.memory_bytes);
        config.disk_bytes = self.disk_max.map(|ByteSize(bytes)| bytes).or(config.disk_bytes);
        set(&mut config.metrics_retention, self.metrics_retention);
        config.metrics_thin_after = self.metrics_thin_after.or(config.metrics_thin_after);
        config.object_store = self.object_store.or(config.object_store);
        config.confirm_limits = self.confirm_limits;
        set(&mut config.metrics_seal_every, self.metrics_seal_every);
        config.statsd.udp = self.statsd_udp.or(config.statsd.udp);
        config.statsd.tcp = self.statsd_tcp.or(config.statsd.tcp);
        config.scrape_files = self.scrape_files.or(config.scrape_files);
        let operations = &mut config.operations;
        if let Some(region) = self.aws_region {
            let terminated_table = nines_server::terminated_table();
            let settings = AwsSettings { terminated_table, ..AwsSettings::default() };
            operations.aws.get_or_insert(settings).region = region;
        }
        if let Some(aws) = &mut operations.aws {
            aws.endpoint = self.aws_endpoint.or(aws.endpoint.take());
            aws.role = self.aws_role.or(aws.role.take());
            aws.external_id = self.aws_external_id.or(aws.external_id.take());
        } else if self.aws_endpoint.is_some() || self.aws_role.is_some() {
            anyhow::bail!("there is no region for AWS: give --aws-region too");
        }
        operations.four_eyes.extend(self.four_eyes);
        operations.slack_signing_secret =
            self.slack_signing_secret.or(operations.slack_signing_secret.take());
        if !self.slack_user.is_empty() {
            operations.slack_users = self.slack_user;
        }
        operations.teams_tokens = self.teams_tokens.or(operations.teams_tokens.take());
        if !self.teams_user.is_empty() {
            operations.teams_users = self.teams_user;
        }
        operations.discord_public_key = self.discord_public_key.or(operations.discord_public_key.take());
        if !self.discord_user.is_empty() {
            operations.discord_users = self.discord_user;
        }
        let probes = &mut config.probes;
        if !self.probe_reference.is_empty() {
            probes.references = self.probe_reference;
        }
        probes.heartbeat_url = self.heartbeat_url.or(probes.heartbeat_url.take());
        config.audit_anchors = self.audit_anchors.or(config.audit_anchors.take());
        if let Some(given) = PairSettings::of(self.pair, self.pair_peer, self.pair_name) {
            let pair = config.pair.get_or_insert_default();
            pair.peer = given.peer.or(pair.peer.take());
            pair.name = given.name.or(pair.name.take());
            if !given.store.is_empty() {
                pair.store = given.store;
            }
        }
        let secrets = &mut config.secrets;
        secrets.master_key = self.master_key.or(secrets.master_key.take());
        secrets.master_key_cache = self.master_key_cache.or(secrets.master_key_cache.take());
        if !self.previous_master_key.is_empty() {
            secrets.previous_master_keys = self.previous_master_key;
        }
        if let Some(issuer) = self.oidc_issuer {
            config.oidc.get_or_insert_default().issuer = issuer;
        }
        if let Some(oidc) = &mut config.oidc {
            set(&mut oidc.client_id, self.oidc_client_id);
            oidc.client_secret = self.oidc_client_secret.or(oidc.client_secret.take());
            for text in &self.oidc_role {
                let (group, role) = text.rsplit_once('=').with_context(|| {
                    format!("`{text}` is no role of a group: write GROUP=ROLE, such as sre=admin")
                })?;
                oidc.roles.insert(group.to_owned(), role.to_owned());
            }
        }
        let syslog = &mut config.syslog;
        syslog.udp = self.syslog_udp.or(syslog.udp);
        syslog.tcp = self.syslog_tcp.or(syslog.tcp);
        syslog.tls = self.syslog_tls.or(syslog.tls);
        syslog.tls_cert = self.syslog_tls_cert.or(syslog.tls_cert.take());
        syslog.tls_key = self.syslog_tls_key.or(syslog.tls_key.take());
        syslog.tls_client_ca = self.syslog_tls_client_ca.or(syslog.tls_client_ca.take());
        let smtp = &mut config.smtp;
        smtp.listen = self.smtp_listen.or(smtp.listen);
        smtp.tls_cert = self.smtp_tls_cert.or(smtp.tls_cert.take());
        smtp.tls_key = self.smtp_tls_key.or(smtp.tls_key.take());
        config.origins.extend(self.origins);
        Ok(config)
    }
}

fn seal_every(text: &str) -> Result<std::time::Duration, String> {
    let millis = nines_promql::parse_duration(text).and_then(|millis| u64::try_from(millis).ok());
    millis
        .map(std::time::Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is not a duration, such as 1s or 2h"))
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

impl Log {
    /// Quiet, for commands that have a voice of their own.
    pub fn of_errors() -> Self {
        Self {
            log: std::env::var("NINES_LOG").unwrap_or_else(|_| "error".to_owned()),
            log_format: LogFormat::Text,
        }
    }

    pub fn start(&self) -> anyhow::Result<()> {
        use std::io::IsTerminal;
        use tracing_subscriber::EnvFilter;

        let filter: EnvFilter =
            self.log.parse().with_context(|| format!("`{}` is not a log level", self.log))?;
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Json => builder.json().init(),
            LogFormat::Text => {
                let colour = std::io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
                builder.with_ansi(colour).init();
            }
        }
        Ok(())
    }
}

/// Ctrl-C, and the signal by which a service manager stops a service: heard from the moment of listening on.
struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn listen() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// As one wait, for commands that nobody stops in their first moment.
pub async fn until_told_to_stop() -> anyhow::Result<()> {
    StopSignals::listen()?.wait().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments as All, Command};
    use clap::FromArgMatches;

    fn config(line: &[&str]) -> Config {
        let matches =
            crate::help::command().try_get_matches_from([&["nines", "serve"], line].concat()).unwrap();
        let Command::Serve(serve) = All::from_arg_matches(&matches).unwrap().command else {
            panic!("another command")
        };
        serve.config().unwrap()
    }

    #[test]
    fn without_flags_it_is_the_default() {
        assert_eq!(format!("{:?}", config(&[])), format!("{:?}", Config::default()));
    }

    #[test]
    fn flags_win_over_the_file() {
        use std::io::Write;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nines.toml");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).open(&path).unwrap();
        file.write_all(
            b"listen = \"127.0.0.1:1\"\notlp_grpc = \"127.0.0.1:2\"\nallow_egress = [\"10.0.0.0/8\"]\n",
        )
        .unwrap();
        let config =
            config(&["--config", path.to_str().unwrap(), "--listen", "127.0.0.1:0", "--anonymous-ingest"]);
        assert_eq!((config.listen.port(), config.otlp_grpc.port()), (0, 2));
        assert_eq!(config.anonymous_ingest, Some(true));
        assert_eq!(config.allow_egress, ["10.0.0.0/8".parse().unwrap()]);
    }
}
