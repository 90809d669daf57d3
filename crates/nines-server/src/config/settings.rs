//! Configuration that explains itself: every setting with its value, and every mistake of a file at its place.
//!
//! Values that may hold a secret are redacted here, by the setting and not by looks: the address that is called while
//! pages go out is often all that its service asks for.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nines_base::ByteSize;
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigFile};

/// One setting as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// As in the file; `aws.region` for the key of a table.
    pub key: &'static str,
    /// As in the file, without what is secret. `None`: not set.
    pub value: Option<String>,
    /// `default`, `FILE:LINE`, `$NAME` or `--flag`.
    pub origin: String,
}

/// A mistake of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    /// From 1, in characters.
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
}

/// What stands for a default.
pub const DEFAULT: &str = "default";

impl Config {
    /// Every setting, in the order of the reference.
    pub fn settings(&self) -> Vec<Setting> {
        let aws = self.operations.aws.as_ref();
        let oidc = self.oidc.as_ref();
        let pair = self.pair.as_ref();
        let (syslog, statsd) = (&self.syslog, &self.statsd);
        let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let text = |it: Option<&dyn ToString>| it.map(ToString::to_string);
        let values: Vec<(&'static str, Option<String>)> = vec![
            ("data", Some(self.data_dir.display().to_string())),
            ("listen", Some(self.listen.to_string())),
            ("otlp_grpc", Some(self.otlp_grpc.to_string())),
            ("otlp_http", Some(self.otlp_http.to_string())),
            ("public_url", self.public_url.as_deref().map(without_userinfo)),
            ("anonymous_ingest", self.anonymous_ingest.map(|it| it.to_string())),
            ("allow_plaintext", Some(self.allow_plaintext.to_string())),
            ("allow_egress", list(self.allow_egress.iter())),
            ("memory_max", self.memory_bytes.map(|bytes| ByteSize(bytes).to_string())),
            ("disk_max", self.disk_bytes.map(|bytes| ByteSize(bytes).to_string())),
            ("metrics_retention", Some(retention(self.metrics_retention))),
            ("metrics_thin_after", self.metrics_thin_after.map(retention)),
            ("object_store", self.object_store.as_deref().map(without_userinfo)),
            ("syslog_udp", syslog.udp.map(|it| it.to_string())),
            ("syslog_tcp", syslog.tcp.map(|it| it.to_string())),
            ("syslog_tls", syslog.tls.map(|it| it.to_string())),
            ("syslog_tls_cert", path(&syslog.tls_cert)),
            ("syslog_tls_key", path(&syslog.tls_key)),
            ("syslog_tls_client_ca", path(&syslog.tls_client_ca)),
            ("smtp_listen", self.smtp.listen.map(|it| it.to_string())),
            ("smtp_tls_cert", path(&self.smtp.tls_cert)),
            ("smtp_tls_key", path(&self.smtp.tls_key)),
            ("aws.region", aws.map(|aws| aws.region.clone())),
            ("aws.endpoint", aws.and_then(|aws| aws.endpoint.as_deref()).map(without_userinfo)),
            ("aws.role", aws.and_then(|aws| aws.role.clone())),
            ("aws.external_id", aws.and_then(|aws| aws.external_id.as_deref()).map(unless_reference)),
            ("aws.access_key_id", aws.and_then(|aws| aws.access_key_id.clone())),
            (
                "aws.secret_access_key",
                aws.and_then(|aws| aws.secret_access_key.as_deref()).map(unless_reference),
            ),
            ("aws.terminated_table", aws.map(|aws| aws.terminated_table.clone())),
            ("aws.waf_scope", aws.and_then(|aws| aws.waf_scope.clone())),
            (
                "aws.inventory",
                aws.and_then(|aws| {
                    list(aws.inventory.iter().map(|account| {
                        account.role.clone().or_else(|| account.region.clone()).unwrap_or_default()
                    }))
                }),
            ),
            ("four_eyes", list(self.operations.four_eyes.iter())),
            ("slack_signing_secret", path(&self.operations.slack_signing_secret)),
            ("slack_users", list(self.operations.slack_users.iter())),
            ("teams_tokens", path(&self.operations.teams_tokens)),
            ("teams_users", list(self.operations.teams_users.iter())),
            ("discord_public_key", self.operations.discord_public_key.clone()),
            ("discord_users", list(self.operations.discord_users.iter())),
            ("scrape_files", path(&self.scrape_files)),
            ("statsd_udp", statsd.udp.map(|it| it.to_string())),
            ("statsd_tcp", statsd.tcp.map(|it| it.to_string())),
            ("probe_references", list(self.probes.references.iter())),
            ("heartbeat_url", self.probes.heartbeat_url.as_deref().map(host_alone)),
            ("master_key", self.secrets.master_key.clone()),
            ("previous_master_keys", list(self.secrets.previous_master_keys.iter())),
            ("master_key_cache", path(&self.secrets.master_key_cache)),
            ("audit_anchors", path(&self.audit_anchors)),
            ("pair", pair.map(|pair| without_userinfo(&pair.store))),
            ("pair_peer", pair.and_then(|pair| pair.peer.as_deref()).map(without_userinfo)),
            ("pair_name", pair.and_then(|pair| pair.name.clone())),
            ("oidc.issuer", oidc.map(|oidc| without_userinfo(&oidc.issuer))),
            ("oidc.client_id", oidc.map(|oidc| oidc.client_id.clone())),
            ("oidc.client_secret", oidc.and_then(|oidc| oidc.client_secret.clone())),
            ("oidc.name", text(oidc.and_then(|oidc| oidc.name.as_ref()).map(|name| name as &dyn ToString))),
            ("oidc.groups_claim", oidc.and_then(|oidc| oidc.groups_claim.clone())),
            (
                "oidc.roles",
                oidc.and_then(|oidc| list(oidc.roles.iter().map(|(group, role)| format!("{group}={role}")))),
            ),
        ];
        let origin = |key: &str| self.origins.get(key).cloned().unwrap_or_else(|| DEFAULT.to_owned());
        values.into_iter().map(|(key, value)| Setting { key, value, origin: origin(key) }).collect()
    }

    /// The same on the wire.
    pub fn shown(&self) -> Vec<nines_api::ConfigSetting> {
        let shown = |Setting { key, value, origin }: Setting| nines_api::ConfigSetting {
            key: key.to_owned(),
            value,
            origin,
        };
        self.settings().into_iter().map(shown).collect()
    }

    /// Reads a file's text on top of the defaults, with where each setting of it stands.
    ///
    /// # Errors
    /// All unknown keys, else the first value that cannot be read, each at its place.
    pub fn from_text(path: &Path, text: &str) -> Result<Self, Vec<FileFault>> {
        let table = DeTable::parse(text).map_err(|error| vec![fault_of(text, &error)])?;
        let mut faults = Vec::new();
        let mut lines = BTreeMap::new();
        for (key, value) in table.get_ref() {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            match (tables().get(name), value.get_ref()) {
                (Some(known), DeValue::Table(inner)) => {
                    for inner in inner.keys() {
                        let (inner, at) = (inner.get_ref().as_ref(), inner.span().start);
                        unknown(text, at, inner, known, &mut faults);
                        lines.insert(format!("{name}.{inner}"), place(text, at).0);
                    }
                }
                _ => unknown(text, at, name, &top(), &mut faults),
            }
            lines.insert(name.to_owned(), place(text, at).0);
        }
        if !faults.is_empty() {
            faults.sort_by_key(|fault| (fault.line, fault.column));
            return Err(faults);
        }
        let file: ConfigFile = toml::from_str(text).map_err(|error| vec![fault_of(text, &error)])?;
        let mut config = Self::of_file(file).map_err(|(key, message)| {
            let at = table
                .get_ref()
                .iter()
                .find(|(name, _)| name.get_ref() == key)
                .map_or(0, |(_, value)| value.span().start);
            let (line, column) = place(text, at);
            vec![FileFault { line, column, message, hint: None }]
        })?;
        let origins = lines.into_iter().map(|(key, line)| (key, format!("{}:{line}", path.display())));
        config.origins = origins.collect();
        Ok(config)
    }
}

const REDACTED: &str = "(redacted)";

/// A reference names a secret and holds none.
fn unless_reference(text: &str) -> String {
    if text.starts_with("secret://") { text.to_owned() } else { REDACTED.to_owned() }
}

/// The keys of the file itself.
fn top() -> Vec<&'static str> {
    let keys = Config::default().settings().into_iter().map(|setting| setting.key);
    keys.map(|key| key.split_once('.').map_or(key, |(table, _)| table)).collect()
}

/// The keys of its tables, by table.
fn tables() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for setting in Config::default().settings() {
        if let Some((table, key)) = setting.key.split_once('.') {
            tables.entry(table).or_default().push(key);
        }
    }
    tables
}

fn unknown(text: &str, at: usize, name: &str, known: &[&str], faults: &mut Vec<FileFault>) {
    if known.contains(&name) {
        return;
    }
    let (line, column) = place(text, at);
    // With dashes, as the flag is called, is the likeliest mistake.
    let near = nines_filter::nearest(&name.replace('-', "_"), known.iter().copied());
    faults.push(FileFault {
        line,
        column,
        message: format!(
            "there is no setting `{}`",
            name.chars().filter(|char| !char.is_control()).take(64).collect::<String>()
        ),
        hint: near.map(|near| format!("did you mean `{near}`?")),
    });
}

fn fault_of(text: &str, error: &toml::de::Error) -> FileFault {
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    FileFault { line, column, message: error.message().replace('\n', ", "), hint: None }
}

/// Line and column of a byte, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> Option<String> {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    (!items.is_empty()).then(|| items.join(", "))
}

/// As it is written in a file: `90d`, or `36h` for what is no whole days.
fn retention(retention: Duration) -> String {
    const HOUR: u64 = 60 * 60;
    match retention.as_secs() {
        secs if secs % (24 * HOUR) == 0 => format!("{}d", secs / (24 * HOUR)),
        secs if secs % HOUR == 0 => format!("{}h", secs / HOUR),
        secs => format!("{secs}s"),
    }
}

/// Scheme and host: the path is the secret.
fn host_alone(url: &str) -> String {
    let url = without_userinfo(url);
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            if host.len() == rest.len() { url } else { format!("{scheme}://{host}/{REDACTED}") }
        }
        None => REDACTED.to_owned(),
    }
}

fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{REDACTED}@{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_file_is_a_setting_and_the_other_way_round() {
        let keys = |of: &str, text: &str| {
            let error = toml::from_str::<ConfigFile>(text).unwrap_err().message().to_owned();
            let known = error.split_once("expected one of ").unwrap_or_else(|| panic!("{of}: {error}")).1;
            known.split(", ").map(|key| key.trim_matches('`').to_owned()).collect::<Vec<_>>()
        };
        let (top, tables) = (top(), tables());
        for key in keys("the file", "nonsense = 1") {
            assert!(top.contains(&key.as_str()), "`{key}` of the file is not among the settings");
        }
        for (table, text) in [("aws", "[aws]\nnonsense = 1"), ("oidc", "[oidc]\nnonsense = 1")] {
            let known = keys(table, text);
            for key in &known {
                assert!(tables[table].contains(&key.as_str()), "`{table}.{key}` is not among the settings");
            }
            assert_eq!(known.len(), tables[table].len());
        }
    }

    #[test]
    fn each_unknown_key_is_told_at_its_place_with_what_was_meant() {
        let text =
            "listen = \"127.0.0.1:1\"\n  otlp-grpc = \"x\"\n\n[aws]\nregion = \"eu\"\nrole_arn = \"x\"\n";
        let faults = Config::from_text(Path::new("nines.toml"), text).unwrap_err();
        let told: Vec<_> = faults
            .iter()
            .map(|fault| (fault.line, fault.column, fault.message.as_str(), fault.hint.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                (2, 3, "there is no setting `otlp-grpc`", Some("did you mean `otlp_grpc`?")),
                (6, 1, "there is no setting `role_arn`", None),
            ]
        );
    }

    #[test]
    fn a_value_that_cannot_be_read_is_told_at_its_place() {
        for (text, line, column, words) in [
            ("data = \"x\"\nlisten = \"nowhere\"\n", 2, 10, "invalid socket address"),
            ("listen = 7\n", 1, 10, "invalid"),
            ("memory_max = \"lots\"\n", 1, 14, "lots"),
            ("metrics_retention = \"1s\"\n", 1, 21, "shorter than an hour"),
            ("listen = \n", 1, 10, ""),
        ] {
            let faults = Config::from_text(Path::new("nines.toml"), text).unwrap_err();
            let fault = &faults[0];
            assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault:?}");
            assert!(fault.message.contains(words), "{text}: {fault:?}");
        }
    }

    #[test]
    fn settings_say_where_they_come_from_and_keep_secrets() {
        let text = "listen = \"127.0.0.1:1\"\nheartbeat_url = \"https://hc.example/5f1d-token\"\nobject_store = \"s3://key:hunter2@bucket/x\"\n[aws]\nregion = \"eu-west-1\"\nexternal_id = \"hunter2\"\n";
        let config = Config::from_text(Path::new("nines.toml"), text).unwrap();
        let settings = config.settings();
        let of = |key: &str| {
            let setting = settings.iter().find(|setting| setting.key == key).unwrap();
            (setting.value.as_deref().unwrap_or("-"), setting.origin.as_str())
        };
        assert_eq!(of("listen"), ("127.0.0.1:1", "nines.toml:1"));
        assert_eq!(of("otlp_grpc"), ("127.0.0.1:4317", "default"));
        assert_eq!(of("heartbeat_url"), ("https://hc.example/(redacted)", "nines.toml:2"));
        assert_eq!(of("object_store"), ("s3://(redacted)@bucket/x", "nines.toml:3"));
        assert_eq!(of("aws.region"), ("eu-west-1", "nines.toml:5"));
        assert_eq!(of("aws.external_id"), ("(redacted)", "nines.toml:6"));
        assert_eq!(of("public_url"), ("-", "default"));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
