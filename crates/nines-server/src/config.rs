//! What a node is told. Order: defaults, file, environment, flags; the command line merges the last two.
//!
//! The file is TOML. Its keys are those of [`ConfigFile`]; an unknown key is an error with its line and the known keys.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use nines_base::ByteSize;
use serde::Deserialize;

mod settings;

pub use settings::{DEFAULT, FileFault, Setting};

/// How long metrics are kept if nothing else is said: a quarter of a year, so that last quarter can be looked at.
const METRICS_RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The span of a partition of the metric store: what is sealed then is whole.
const METRICS_SEAL_EVERY: Duration = Duration::from_secs(2 * 60 * 60);

/// A retention as text: `90d`, `1y`, `36h`, at least an hour.
///
/// # Errors
/// What is wrong with it, for people.
pub fn parse_retention(text: &str) -> Result<Duration, String> {
    let millis = nines_promql::parse_duration(text).and_then(|millis| u64::try_from(millis).ok());
    match millis.map(Duration::from_millis) {
        Some(retention) if retention >= Duration::from_secs(60 * 60) => Ok(retention),
        Some(_) => Err(format!("retention `{text}` is shorter than an hour: use 1h or more")),
        None => {
            Err(format!("retention `{text}` is not a duration: write a number and a unit, such as 90d or 1y"))
        }
    }
}

/// One node's configuration, whole.
#[derive(Debug, Clone)]
pub struct Config {
    /// Everything that the node keeps. Made if it is missing.
    pub data_dir: PathBuf,
    /// The web, the API and OTLP over HTTP.
    pub listen: SocketAddr,
    pub otlp_grpc: SocketAddr,
    pub otlp_http: SocketAddr,
    /// How people reach `listen`, for links in pages: `https://nines.example.com`. Default: the bound address.
    pub public_url: Option<String>,
    /// Whether telemetry is taken in without a key. `None`: on loopback addresses only.
    pub anonymous_ingest: Option<bool>,
    /// Bind beyond loopback although the connection is not encrypted: something in front must do that.
    pub allow_plaintext: bool,
    /// Private addresses that pages may be sent to; public ones always may.
    pub allow_egress: Vec<IpNet>,
    /// What the process may take. `None`: what its control group allows, or the machine has.
    pub memory_bytes: Option<u64>,
    /// What sealed telemetry may take on the disk. Beyond it the oldest goes first. `None`: retention alone decides.
    pub disk_bytes: Option<u64>,
    /// How long metrics are kept.
    pub metrics_retention: Duration,
    /// After which they keep fewer samples. `None`: never.
    pub metrics_thin_after: Option<Duration>,
    /// How often they are sealed, whether or not there are many. Only measurements set it.
    pub metrics_seal_every: Duration,
    /// Where sealed telemetry is kept besides the disk: `s3://bucket/prefix` or `file:///mounted/folder`. The disk budget then costs no data.
    pub object_store: Option<String>,
    /// Accept limits that remove more than a twentieth of the data at once.
    pub confirm_limits: bool,
    /// Off unless an address is given.
    pub syslog: SyslogConfig,
    /// Off unless an address is given.
    pub smtp: SmtpConfig,
    pub operations: OperationsConfig,
    /// Off unless an address is given.
    pub statsd: StatsdConfig,
    /// Below it are the files that scrape configurations may name. `None`: `scrape` in the data directory.
    pub scrape_files: Option<PathBuf>,
    pub probes: ProbesConfig,
    pub secrets: SecretsConfig,
    /// Where the audit log's end is written down every half minute: a file where nobody who can write the log can.
    pub audit_anchors: Option<PathBuf>,
    /// The other node that this one forms a pair with. `None`: it stands alone.
    pub pair: Option<PairSettings>,
    /// Who vouches for people. `None`: nobody but this node.
    pub oidc: Option<OidcSettings>,
    /// Where settings come from that are not defaults, by the key of [`Setting`].
    pub origins: BTreeMap<String, String>,
}

/// Two nodes, of which one leads (docs/guides/pair.md).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairSettings {
    /// `postgres://…`, `env:NAME`, or a file that holds it.
    pub store: String,
    /// Where the other node listens: asked when PostgreSQL does not answer.
    pub peer: Option<String>,
    /// This node's, other than its peer's. `None`: the host's.
    pub name: Option<String>,
}

/// An identity provider that speaks OpenID Connect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// As the provider writes it.
    pub issuer: String,
    pub client_id: String,
    /// `secret://name`, or a file. Without it this is a public client.
    pub client_secret: Option<String>,
    /// On the button. By default the issuer's host.
    pub name: Option<String>,
    /// The claim that lists groups. By default `groups`.
    pub groups_claim: Option<String>,
    /// From a group to a role; `*` is anybody that the provider vouches for.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

/// Where StatsD is listened for. Its senders cannot show a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatsdConfig {
    pub udp: Option<SocketAddr>,
    pub tcp: Option<SocketAddr>,
}

/// How the node looks at others, and who looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbesConfig {
    /// `host:port` that are known to be good: a runner that reaches none of them is at fault. Empty: the targets are each
    /// other's witnesses.
    pub references: Vec<String>,
    /// Called every minute while the page path does its rounds.
    pub heartbeat_url: Option<String>,
}

/// What secrets are sealed by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretsConfig {
    /// A file, `env:NAME`, `age:FILE` or `kms:KEY`. `None`: a key that the node makes and keeps in its data directory.
    pub master_key: Option<String>,
    /// Those before it, for as long as something is still sealed by them: the next start wraps it anew.
    pub previous_master_keys: Vec<String>,
    /// For a `kms:` key: a file outside of the data directory with what it opened, for starts while it is silent.
    pub master_key_cache: Option<PathBuf>,
}

/// Where actions go, and who may command them how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationsConfig {
    /// `None`: the simulated cloud.
    pub aws: Option<AwsSettings>,
    /// Actions that need a second person besides those that say so themselves.
    pub four_eyes: BTreeSet<String>,
    /// Slack's signing secret: a file, or `secret://name`. Without it no chat command is taken.
    pub slack_signing_secret: Option<PathBuf>,
    /// Whom Slack's users are here: `USER_ID=name:role`.
    pub slack_users: Vec<String>,
    /// A file with the security tokens of outgoing webhooks of Microsoft Teams, one a line.
    pub teams_tokens: Option<PathBuf>,
    /// Whom users of Teams are here: `AAD_OBJECT_ID=name:role`.
    pub teams_users: Vec<String>,
    /// Of the application of Discord: 64 hexadecimal digits.
    pub discord_public_key: Option<String>,
    /// Whom users of Discord are here: `USER_ID=name:role`.
    pub discord_users: Vec<String>,
}

/// One account and region. Credentials come by the usual chain, environment, shared file, container, instance, unless
/// they are given. `secret://name` is read from the vault when the node starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsSettings {
    pub region: String,
    /// In place of the public endpoints, for all services: a private one, or a mock.
    pub endpoint: Option<String>,
    /// A role of this or another account that is taken on for every call.
    pub role: Option<String>,
    pub external_id: Option<String>,
    /// In place of the chain: both together, each as text or as `secret://name`.
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
    /// The DynamoDB table of terminated machines, its key `instance_id`.
    #[serde(default = "terminated_table")]
    pub terminated_table: String,
    /// Of the firewall's address sets: `regional` (the default) or `cloudfront`.
    pub waf_scope: Option<String>,
    /// Further accounts and regions for the inventory, which only looks.
    #[serde(default)]
    pub inventory: Vec<InventoryAccount>,
}

/// Another account or region that is only looked at: `[[aws.inventory]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryAccount {
    /// The role there that is taken on; without one, the node's own credentials.
    pub role: Option<String>,
    pub external_id: Option<String>,
    /// The region of `[aws]` unless it is given.
    pub region: Option<String>,
}

/// The name of the table unless it is given.
pub fn terminated_table() -> String {
    "terminated".to_owned()
}

/// Where syslog is listened for. Its senders cannot show a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyslogConfig {
    pub udp: Option<SocketAddr>,
    pub tcp: Option<SocketAddr>,
    pub tls: Option<SocketAddr>,
    /// For `tls`: certificate chain and key of this node, in PEM.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// If it is given, senders must show a certificate that one of these authorities issued.
    pub tls_client_ca: Option<PathBuf>,
}

/// Where alerts are taken by mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SmtpConfig {
    pub listen: Option<SocketAddr>,
    /// For `STARTTLS`: certificate chain and key of this node, in PEM.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read configuration file {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    Parse { path: PathBuf, message: String },
    #[error(
        "`{name}` {address} can be reached from other machines and is not encrypted: put a TLS proxy in front and allow it with --allow-plaintext, or bind 127.0.0.1"
    )]
    Plaintext { name: &'static str, address: SocketAddr },
    #[error(
        "`{name}` {address} can be reached from other machines, and StatsD senders cannot show a key: bind 127.0.0.1, or let everybody send with --anonymous-ingest"
    )]
    StatsdAnonymous { name: &'static str, address: SocketAddr },
    #[error(
        "`{name}` {address} can be reached from other machines, and syslog senders cannot show a key: use --syslog-tls with --syslog-tls-client-ca, or let everybody send with --anonymous-ingest"
    )]
    SyslogAnonymous { name: &'static str, address: SocketAddr },
    #[error("`syslog-tls` has no certificate: give --syslog-tls-cert and --syslog-tls-key, both in PEM")]
    SyslogTls,
    #[error(
        "`smtp-listen` {address} can be reached from other machines and is not encrypted: give --smtp-tls-cert and --smtp-tls-key, or allow it with --allow-plaintext"
    )]
    SmtpPlaintext { address: SocketAddr },
    #[error("`smtp-tls-cert` and `smtp-tls-key` belong together: give both, in PEM, or neither")]
    SmtpTls,
    #[error("cannot use {} for {what}: {reason}", path.display())]
    Certificate { what: &'static str, path: PathBuf, reason: String },
    #[error("`pair-peer` and `pair-name` are of no use without `pair`: give --pair postgres://…")]
    Pair,
}

/// The file's shape. Every key is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    pub data: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub otlp_grpc: Option<SocketAddr>,
    pub otlp_http: Option<SocketAddr>,
    pub public_url: Option<String>,
    pub anonymous_ingest: Option<bool>,
    pub allow_plaintext: Option<bool>,
    pub allow_egress: Option<Vec<IpNet>>,
    /// As text with a unit: `1GiB`.
    pub memory_max: Option<String>,
    pub disk_max: Option<String>,
    /// As text with a unit: `90d`.
    pub metrics_retention: Option<String>,
    pub metrics_thin_after: Option<String>,
    pub object_store: Option<String>,
    pub syslog_udp: Option<SocketAddr>,
    pub syslog_tcp: Option<SocketAddr>,
    pub syslog_tls: Option<SocketAddr>,
    pub syslog_tls_cert: Option<PathBuf>,
    pub syslog_tls_key: Option<PathBuf>,
    pub syslog_tls_client_ca: Option<PathBuf>,
    pub smtp_listen: Option<SocketAddr>,
    pub smtp_tls_cert: Option<PathBuf>,
    pub smtp_tls_key: Option<PathBuf>,
    /// A table: `[aws]` with `region`.
    pub aws: Option<AwsSettings>,
    pub four_eyes: Option<BTreeSet<String>>,
    pub slack_signing_secret: Option<PathBuf>,
    pub slack_users: Option<Vec<String>>,
    pub teams_tokens: Option<PathBuf>,
    pub teams_users: Option<Vec<String>>,
    pub discord_public_key: Option<String>,
    pub discord_users: Option<Vec<String>>,
    pub scrape_files: Option<PathBuf>,
    pub statsd_udp: Option<SocketAddr>,
    pub statsd_tcp: Option<SocketAddr>,
    pub probe_references: Option<Vec<String>>,
    pub heartbeat_url: Option<String>,
    /// A file, `env:NAME`, `age:FILE` or `kms:KEY`.
    pub master_key: Option<String>,
    pub previous_master_keys: Option<Vec<String>>,
    pub master_key_cache: Option<PathBuf>,
    pub audit_anchors: Option<PathBuf>,
    /// `postgres://…`, `env:NAME`, or a file that holds it.
    pub pair: Option<String>,
    pub pair_peer: Option<String>,
    pub pair_name: Option<String>,
    /// A table: `[oidc]` with `issuer`, `client_id` and `roles`.
    pub oidc: Option<OidcSettings>,
}

impl Default for Config {
    fn default() -> Self {
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            data_dir: PathBuf::from("./nines-data"),
            listen: loopback(9999),
            otlp_grpc: loopback(4317),
            otlp_http: loopback(4318),
            public_url: None,
            anonymous_ingest: None,
            allow_plaintext: false,
            allow_egress: Vec::new(),
            memory_bytes: None,
            disk_bytes: None,
            metrics_retention: METRICS_RETENTION,
            metrics_thin_after: None,
            metrics_seal_every: METRICS_SEAL_EVERY,
            object_store: None,
            confirm_limits: false,
            syslog: SyslogConfig::default(),
            smtp: SmtpConfig::default(),
            operations: OperationsConfig::default(),
            statsd: StatsdConfig::default(),
            scrape_files: None,
            probes: ProbesConfig::default(),
            secrets: SecretsConfig::default(),
            audit_anchors: None,
            pair: None,
            oidc: None,
            origins: BTreeMap::new(),
        }
    }
}

impl PairSettings {
    /// What was given of it; `None` if nothing was.
    pub fn of(store: Option<String>, peer: Option<String>, name: Option<String>) -> Option<Self> {
        let given = store.is_some() || peer.is_some() || name.is_some();
        given.then(|| Self { store: store.unwrap_or_default(), peer, name })
    }
}

impl Config {
    /// The defaults, changed by a file.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::from_text(path, &text).map_err(|faults| {
            let told = |fault: &FileFault| {
                let hint = fault.hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default();
                format!("line {}, column {}: {}{hint}", fault.line, fault.column, fault.message)
            };
            let message = faults.iter().map(told).collect::<Vec<_>>().join("; ");
            ConfigError::Parse { path: path.to_owned(), message }
        })
    }

    /// The defaults, changed by what a file says; else the key of the value that cannot be read, and why.
    fn of_file(file: ConfigFile) -> Result<Self, (&'static str, String)> {
        let default = Self::default();
        let size = |key: &'static str, text: Option<String>| {
            let size = text.map(|text| text.parse::<ByteSize>()).transpose();
            size.map(|size| size.map(|ByteSize(bytes)| bytes)).map_err(|error| (key, error.to_string()))
        };
        Ok(Self {
            data_dir: file.data.unwrap_or(default.data_dir),
            listen: file.listen.unwrap_or(default.listen),
            otlp_grpc: file.otlp_grpc.unwrap_or(default.otlp_grpc),
            otlp_http: file.otlp_http.unwrap_or(default.otlp_http),
            public_url: file.public_url.or(default.public_url),
            anonymous_ingest: file.anonymous_ingest.or(default.anonymous_ingest),
            allow_plaintext: file.allow_plaintext.unwrap_or(default.allow_plaintext),
            allow_egress: file.allow_egress.unwrap_or(default.allow_egress),
            memory_bytes: size("memory_max", file.memory_max)?,
            disk_bytes: size("disk_max", file.disk_max)?,
            metrics_retention: match file.metrics_retention {
                None => default.metrics_retention,
                Some(text) => parse_retention(&text).map_err(|message| ("metrics_retention", message))?,
            },
            metrics_thin_after: file
                .metrics_thin_after
                .map(|text| parse_retention(&text))
                .transpose()
                .map_err(|message| ("metrics_thin_after", message))?,
            metrics_seal_every: default.metrics_seal_every,
            object_store: file.object_store.or(default.object_store),
            confirm_limits: false,
            syslog: SyslogConfig {
                udp: file.syslog_udp,
                tcp: file.syslog_tcp,
                tls: file.syslog_tls,
                tls_cert: file.syslog_tls_cert,
                tls_key: file.syslog_tls_key,
                tls_client_ca: file.syslog_tls_client_ca,
            },
            smtp: SmtpConfig {
                listen: file.smtp_listen,
                tls_cert: file.smtp_tls_cert,
                tls_key: file.smtp_tls_key,
            },
            operations: OperationsConfig {
                aws: file.aws,
                four_eyes: file.four_eyes.unwrap_or_default(),
                slack_signing_secret: file.slack_signing_secret,
                slack_users: file.slack_users.unwrap_or_default(),
                teams_tokens: file.teams_tokens,
                teams_users: file.teams_users.unwrap_or_default(),
                discord_public_key: file.discord_public_key,
                discord_users: file.discord_users.unwrap_or_default(),
            },
            statsd: StatsdConfig { udp: file.statsd_udp, tcp: file.statsd_tcp },
            scrape_files: file.scrape_files,
            probes: ProbesConfig {
                references: file.probe_references.unwrap_or_default(),
                heartbeat_url: file.heartbeat_url,
            },
            secrets: SecretsConfig {
                master_key: file.master_key,
                previous_master_keys: file.previous_master_keys.unwrap_or_default(),
                master_key_cache: file.master_key_cache,
            },
            audit_anchors: file.audit_anchors,
            pair: PairSettings::of(file.pair, file.pair_peer, file.pair_name),
            oidc: file.oidc,
            origins: BTreeMap::new(),
        })
    }

    /// Refuses what would be unsafe unless it was asked for by name.
    pub fn check(&self) -> Result<(), ConfigError> {
        let listeners =
            [("listen", self.listen), ("otlp-grpc", self.otlp_grpc), ("otlp-http", self.otlp_http)];
        for (name, address) in listeners.into_iter().filter(|(_, address)| !address.ip().is_loopback()) {
            if !self.allow_plaintext {
                return Err(ConfigError::Plaintext { name, address });
            }
        }
        let statsd = [("statsd-udp", self.statsd.udp), ("statsd-tcp", self.statsd.tcp)];
        for (name, address) in statsd {
            let Some(address) = address.filter(|address| !address.ip().is_loopback()) else { continue };
            if !self.allow_plaintext {
                return Err(ConfigError::Plaintext { name, address });
            }
            if self.anonymous_ingest != Some(true) {
                return Err(ConfigError::StatsdAnonymous { name, address });
            }
        }
        self.check_smtp()?;
        if self.pair.as_ref().is_some_and(|pair| pair.store.is_empty()) {
            return Err(ConfigError::Pair);
        }
        self.check_syslog()
    }

    /// An address is what lets a sender in, so beyond loopback it is not to be read on the way.
    fn check_smtp(&self) -> Result<(), ConfigError> {
        let smtp = &self.smtp;
        if smtp.tls_cert.is_some() != smtp.tls_key.is_some() {
            return Err(ConfigError::SmtpTls);
        }
        let open = smtp.listen.filter(|address| !address.ip().is_loopback());
        match open.filter(|_| smtp.tls_cert.is_none() && !self.allow_plaintext) {
            Some(address) => Err(ConfigError::SmtpPlaintext { address }),
            None => Ok(()),
        }
    }

    /// Syslog senders show no key, so beyond loopback they must be let in by name, or show a certificate.
    fn check_syslog(&self) -> Result<(), ConfigError> {
        let syslog = &self.syslog;
        if syslog.tls.is_some() && (syslog.tls_cert.is_none() || syslog.tls_key.is_none()) {
            return Err(ConfigError::SyslogTls);
        }
        let listeners = [("syslog-udp", syslog.udp), ("syslog-tcp", syslog.tcp), ("syslog-tls", syslog.tls)];
        for (name, address) in listeners {
            let Some(address) = address.filter(|address| !address.ip().is_loopback()) else { continue };
            let is_tls = name == "syslog-tls";
            if !is_tls && !self.allow_plaintext {
                return Err(ConfigError::Plaintext { name, address });
            }
            if self.anonymous_ingest != Some(true) && !(is_tls && syslog.tls_client_ca.is_some()) {
                return Err(ConfigError::SyslogAnonymous { name, address });
            }
        }
        Ok(())
    }

    /// Whether a sender on this listener may come without a key.
    pub fn takes_anonymous(&self, listener: SocketAddr) -> bool {
        self.anonymous_ingest.unwrap_or(listener.ip().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_loopback_and_safe() {
        let config = Config::default();
        config.check().unwrap();
        assert!(config.takes_anonymous(config.otlp_grpc));
    }

    #[test]
    fn a_bind_beyond_loopback_is_refused_unless_asked_for_and_then_needs_keys() {
        let open = "0.0.0.0:4317".parse().unwrap();
        let mut config = Config { otlp_grpc: open, ..Config::default() };
        assert!(config.check().unwrap_err().to_string().contains("--allow-plaintext"));
        config.allow_plaintext = true;
        config.check().unwrap();
        assert!(!config.takes_anonymous(open), "anonymous ingest must be asked for by name too");
        config.anonymous_ingest = Some(true);
        assert!(config.takes_anonymous(open));
    }

    #[test]
    fn syslog_beyond_loopback_needs_certificates_or_an_open_door() {
        let open = Some("0.0.0.0:6514".parse().unwrap());
        let pem = || Some(PathBuf::from("node.pem"));
        let tls = SyslogConfig { tls: open, tls_cert: pem(), tls_key: pem(), ..SyslogConfig::default() };
        let check = |syslog: SyslogConfig, anonymous: Option<bool>, plaintext: bool| {
            let config = Config {
                syslog,
                anonymous_ingest: anonymous,
                allow_plaintext: plaintext,
                ..Config::default()
            };
            config.check().map_err(|error| error.to_string())
        };
        assert!(check(tls.clone(), None, false).unwrap_err().contains("--syslog-tls-client-ca"));
        check(SyslogConfig { tls_client_ca: pem(), ..tls.clone() }, None, false).unwrap();
        assert!(
            check(SyslogConfig { tls_key: None, ..tls }, None, false).unwrap_err().contains("no certificate")
        );
        let udp = SyslogConfig { udp: open, ..SyslogConfig::default() };
        assert!(check(udp.clone(), None, false).unwrap_err().contains("--allow-plaintext"));
        assert!(check(udp.clone(), None, true).unwrap_err().contains("--anonymous-ingest"));
        check(udp, Some(true), true).unwrap();
    }

    #[test]
    fn mail_beyond_loopback_is_encrypted_or_asked_for() {
        let check = |smtp: SmtpConfig, allow_plaintext| {
            let config = Config { smtp, allow_plaintext, ..Config::default() };
            config.check().map_err(|error| error.to_string())
        };
        let open = SmtpConfig { listen: Some("0.0.0.0:2525".parse().unwrap()), ..SmtpConfig::default() };
        assert!(check(open.clone(), false).unwrap_err().contains("--smtp-tls-cert"));
        check(open.clone(), true).unwrap();
        let pem = || Some(PathBuf::from("node.pem"));
        assert!(
            check(SmtpConfig { tls_cert: pem(), ..open.clone() }, false).unwrap_err().contains("together")
        );
        check(SmtpConfig { tls_cert: pem(), tls_key: pem(), ..open }, false).unwrap();
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nines.toml");
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\nlisten_adress = \"x\"\n").unwrap();
        let text = Config::from_file(&path).unwrap_err().to_string();
        assert!(text.contains("line 2") && text.contains("listen_adress"), "{text}");
    }
}
