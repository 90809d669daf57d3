//! From YAML to [`ScrapeFile`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use nines_yaml::{Entry, Fields, Node, Raw, Reader};

use super::{
    Authorization, DEFAULT_INTERVAL, DEFAULT_TIMEOUT, DnsDiscovery, DocumentError, FileDiscovery, Group,
    JOBS_MAX, Job, Limits, Protocol, RecordType, Scheme, ScrapeFile, Secret,
};
use crate::labels::LabelSet;
use crate::relabel::{self, Action, Rule};
use crate::units::{parse_bytes, parse_duration};

/// Parts of `prometheus.yml` that this crate has nothing to do with.
const ELSEWHERE: [&str; 8] = [
    "alerting",
    "remote_write",
    "remote_read",
    "storage",
    "tracing",
    "otlp",
    "runtime",
    "scrape_config_files",
];

/// Keys of a job that Prometheus knows and that are not done here, with what to do instead.
const UNSUPPORTED: [(&str, &str); 9] = [
    ("oauth2", "use `authorization` with a token"),
    ("proxy_url", "targets are reached directly"),
    ("proxy_connect_header", "targets are reached directly"),
    ("no_proxy", "targets are reached directly"),
    ("scrape_failure_log_file", "failures are in the target's status and in the log"),
    ("convert_classic_histograms_to_nhcb", "classic histograms are stored as they are"),
    ("native_histogram_min_bucket_factor", "lower the resolution in the application"),
    ("metric_name_escaping_scheme", "names are UTF-8 and are not escaped"),
    ("proxy_from_environment", "targets are reached directly"),
];

/// Other kinds of discovery end so.
const DISCOVERY_SUFFIX: &str = "_sd_configs";

/// Reads a file. `file` is how messages call it; nothing is opened.
pub fn parse(file: Option<&str>, text: &str) -> Result<ScrapeFile, Vec<DocumentError>> {
    let mut reader = Reader::new(file, text);
    let mut result = ScrapeFile::default();
    match nines_yaml::parse(text) {
        Err(error) => reader.error(error.mark, "", error.message, error.hint),
        Ok(documents) => match documents.as_slice() {
            [] => {}
            [document] => read_file(&mut reader, document, &mut result),
            [_, second, ..] => {
                let hint = Some("put everything into one document".to_owned());
                reader.error(second.mark, "", "the file has more than one document", hint);
            }
        },
    }
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    result.warnings = reader.warnings;
    Ok(result)
}

/// What `global` says for all jobs.
struct Defaults {
    interval: Duration,
    timeout: Option<Duration>,
    protocols: Option<Vec<Protocol>>,
    native_histograms: bool,
    classic_histograms_too: bool,
    extra_metrics: bool,
    limits: Limits,
    keep_dropped_targets: usize,
}

fn read_file(reader: &mut Reader<'_>, document: &Node, result: &mut ScrapeFile) {
    let Some(mut fields) = reader.fields(document, "") else { return };
    let mut defaults = Defaults {
        interval: DEFAULT_INTERVAL,
        timeout: None,
        protocols: None,
        native_histograms: false,
        classic_histograms_too: false,
        extra_metrics: false,
        limits: Limits::default(),
        keep_dropped_targets: 0,
    };
    if let Some(mut global) =
        present(&mut fields, reader, "global").and_then(|node| reader.fields(node, "global"))
    {
        read_global(reader, &mut global, &mut defaults, result);
        global.finish(reader);
    }
    result.rule_files = fields.texts(reader, "rule_files");
    for key in ELSEWHERE {
        if let Some(node) = present(&mut fields, reader, key) {
            reader.warn(node.mark, key, "is not about scraping and is left alone");
        }
    }
    let jobs = match present(&mut fields, reader, "scrape_configs") {
        Some(node) => reader.items(node, "scrape_configs"),
        None => Vec::new(),
    };
    if jobs.len() > JOBS_MAX {
        let message = format!("has {} jobs, more than the {JOBS_MAX} that are read", jobs.len());
        reader.error(document.mark, "scrape_configs", message, None);
        return;
    }
    let mut names = BTreeSet::new();
    for (path, node) in jobs {
        let Some(fields) = reader.fields(node, &path) else { continue };
        let mark = fields.mark_of("job_name");
        let Some(job) = read_job(reader, fields, &defaults) else { continue };
        if !names.insert(job.name.clone()) {
            let message = format!("two jobs are named `{}`", job.name);
            reader.error(mark, &format!("{path}.job_name"), message, Some("rename one of them".to_owned()));
        }
        result.jobs.push(job);
    }
    fields.finish(reader);
}

/// The value, if there is one: `key:` with nothing behind it is as good as absent.
fn present<'n>(fields: &mut Fields<'n>, reader: &mut Reader<'_>, key: &'static str) -> Option<&'n Node> {
    fields.get(reader, key).filter(|node| !matches!(node.value, Raw::Null))
}

fn read_global(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    defaults: &mut Defaults,
    result: &mut ScrapeFile,
) {
    if let Some(interval) = duration(reader, fields, "scrape_interval") {
        defaults.interval = interval;
    }
    defaults.timeout = duration(reader, fields, "scrape_timeout");
    if let (Some(timeout), true) = (defaults.timeout, defaults.timeout > Some(defaults.interval)) {
        let message = format!("global scrape timeout {timeout:?} is longer than the interval");
        reader.error(fields.mark_of("scrape_timeout"), "global.scrape_timeout", message, None);
    }
    result.evaluation_interval = duration(reader, fields, "evaluation_interval");
    defaults.protocols = protocols(reader, fields);
    defaults.native_histograms = flag(reader, fields, "scrape_native_histograms", false);
    defaults.classic_histograms_too = flag(reader, fields, "always_scrape_classic_histograms", false);
    defaults.extra_metrics = flag(reader, fields, "extra_scrape_metrics", false);
    defaults.limits = limits(reader, fields, Limits::default());
    defaults.keep_dropped_targets = count(reader, fields, "keep_dropped_targets", 0);
    if let Some(node) = present(fields, reader, "external_labels") {
        let path = fields.path_of("external_labels");
        result.external_labels = label_set(reader, node, &path);
    }
    name_validation(reader, fields);
    for key in ["query_log_file", "rule_query_offset", "gogc", "runtime", "scrape_failure_log_file"] {
        if let Some(node) = present(fields, reader, key) {
            reader.warn(node.mark, &fields.path_of(key), "is not about scraping and is left alone");
        }
    }
    unsupported(reader, fields);
}

fn unsupported(reader: &mut Reader<'_>, fields: &mut Fields<'_>) {
    for (key, advice) in UNSUPPORTED {
        if present(fields, reader, key).is_some() {
            let (mark, path) = (fields.key_mark_of(key), fields.path_of(key));
            let message = format!("`{key}` is known to Prometheus but not supported here");
            reader.error(mark, &path, message, Some(advice.to_owned()));
        }
    }
}

fn read_job(reader: &mut Reader<'_>, mut all: Fields<'_>, defaults: &Defaults) -> Option<Job> {
    let fields = &mut all;
    let name = fields.required_text(reader, "job_name");
    let interval = duration(reader, fields, "scrape_interval").unwrap_or(defaults.interval);
    let own_timeout = duration(reader, fields, "scrape_timeout");
    if let Some(timeout) = own_timeout.filter(|timeout| *timeout > interval) {
        let message = format!("scrape timeout {timeout:?} is longer than the interval {interval:?}");
        reader.error(fields.mark_of("scrape_timeout"), &fields.path_of("scrape_timeout"), message, None);
    }
    let timeout = own_timeout.or(defaults.timeout).unwrap_or(DEFAULT_TIMEOUT).min(interval);
    let native_histograms = flag(reader, fields, "scrape_native_histograms", defaults.native_histograms);
    let classic = flag(reader, fields, "always_scrape_classic_histograms", defaults.classic_histograms_too);
    let classic = flag(reader, fields, "scrape_classic_histograms", classic);
    let protocols = protocols(reader, fields)
        .or_else(|| defaults.protocols.clone())
        .unwrap_or_else(|| Protocol::defaults(native_histograms));
    let fallback = choice(reader, fields, "fallback_scrape_protocol", &Protocol::ALL);
    let scheme = [("http", Scheme::Http), ("https", Scheme::Https)];
    let mut job = Job {
        name: name.clone().unwrap_or_default(),
        interval,
        timeout,
        honor_labels: flag(reader, fields, "honor_labels", false),
        honor_timestamps: flag(reader, fields, "honor_timestamps", true),
        track_timestamps_staleness: flag(reader, fields, "track_timestamps_staleness", false),
        protocols,
        fallback,
        native_histograms,
        classic_histograms_too: classic,
        extra_metrics: flag(reader, fields, "extra_scrape_metrics", defaults.extra_metrics),
        path: fields.text(reader, "metrics_path").unwrap_or_else(|| "/metrics".to_owned()),
        scheme: choice(reader, fields, "scheme", &scheme).unwrap_or_default(),
        params: params(reader, fields),
        compression: flag(reader, fields, "enable_compression", true),
        follow_redirects: flag(reader, fields, "follow_redirects", true),
        limits: limits(reader, fields, defaults.limits),
        keep_dropped_targets: count(reader, fields, "keep_dropped_targets", defaults.keep_dropped_targets),
        authorization: authorization(reader, fields),
        headers: http_headers(reader, fields),
        static_groups: Vec::new(),
        files: files(reader, fields),
        dns: dns(reader, fields),
        relabel: rules(reader, fields, "relabel_configs"),
        metric_relabel: rules(reader, fields, "metric_relabel_configs"),
    };
    // HTTP/2 is offered where TLS offers it; whoever turns it off gets HTTP/1.1 answers as well.
    flag(reader, fields, "enable_http2", true);
    let path = fields.path_of("static_configs");
    if let Some(node) = present(fields, reader, "static_configs") {
        for (position, (path, node)) in reader.items(node, &path).into_iter().enumerate() {
            // Upstream names the source by the position.
            job.static_groups.extend(group(reader, node, &path, position.to_string()));
        }
    }
    name_validation(reader, fields);
    tls(reader, fields);
    unsupported(reader, fields);
    other_discoveries(reader, fields);
    all.finish(reader);
    name.map(|_| job)
}

fn name_validation(reader: &mut Reader<'_>, fields: &mut Fields<'_>) {
    let Some(node) = present(fields, reader, "metric_name_validation_scheme") else { return };
    let path = fields.path_of("metric_name_validation_scheme");
    if let Some(scheme) = reader.text(node, &path)
        && scheme != "utf8"
    {
        let message = format!("validation scheme `{scheme}` is not supported here");
        reader.error(
            node.mark,
            &path,
            message,
            Some("names are UTF-8: write `utf8` or leave it out".to_owned()),
        );
    }
}

fn tls(reader: &mut Reader<'_>, fields: &mut Fields<'_>) {
    let Some(node) = present(fields, reader, "tls_config") else { return };
    if matches!(&node.value, Raw::Map(entries) if entries.is_empty()) {
        return;
    }
    let path = fields.path_of("tls_config");
    let hint = "certificates are checked against the system's authorities; add yours there".to_owned();
    reader.error(node.mark, &path, "`tls_config` is known to Prometheus but not supported here", Some(hint));
}

fn other_discoveries(reader: &mut Reader<'_>, fields: &mut Fields<'_>) {
    /// What Prometheus 3 can discover by. Named here so that none of them is taken for a typing error.
    const KNOWN: [&str; 28] = [
        "azure_sd_configs",
        "aws_sd_configs",
        "consul_sd_configs",
        "digitalocean_sd_configs",
        "docker_sd_configs",
        "dockerswarm_sd_configs",
        "ec2_sd_configs",
        "eureka_sd_configs",
        "gce_sd_configs",
        "hetzner_sd_configs",
        "http_sd_configs",
        "ionos_sd_configs",
        "kubernetes_sd_configs",
        "kuma_sd_configs",
        "lightsail_sd_configs",
        "linode_sd_configs",
        "marathon_sd_configs",
        "nerve_sd_configs",
        "nomad_sd_configs",
        "openstack_sd_configs",
        "ovhcloud_sd_configs",
        "puppetdb_sd_configs",
        "scaleway_sd_configs",
        "serverset_sd_configs",
        "stackit_sd_configs",
        "triton_sd_configs",
        "uyuni_sd_configs",
        "vultr_sd_configs",
    ];
    for key in KNOWN {
        if present(fields, reader, key).is_some() {
            let kind = key.trim_end_matches(DISCOVERY_SUFFIX);
            let message = format!("discovery by {kind} is known to Prometheus but not supported here");
            let hint = "write the targets to a file and read it with `file_sd_configs`".to_owned();
            reader.error(fields.key_mark_of(key), &fields.path_of(key), message, Some(hint));
        }
    }
}

fn flag(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str, default: bool) -> bool {
    let Some(node) = present(fields, reader, key) else { return default };
    let path = fields.path_of(key);
    reader.boolean(node, &path).unwrap_or(default)
}

fn choice<T: Copy>(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    choices: &[(&str, T)],
) -> Option<T> {
    let node = present(fields, reader, key)?;
    let path = fields.path_of(key);
    reader.choice(node, &path, choices)
}

/// Longer than zero.
fn duration(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Duration> {
    let node = present(fields, reader, key)?;
    let path = fields.path_of(key);
    let text = scalar_text(reader, node, &path)?;
    match parse_duration(&text) {
        Some(duration) if !duration.is_zero() => Some(duration),
        Some(_) => {
            reader.error(node.mark, &path, "must be longer than zero", None);
            None
        }
        None => {
            let hint = Some("write `15s`, `1m` or `1h30m`".to_owned());
            reader.error(node.mark, &path, format!("`{text}` is no duration"), hint);
            None
        }
    }
}

/// A scalar as it was written, without a warning for numbers.
fn scalar_text(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<String> {
    match &node.value {
        Raw::Int(number) => Some(number.to_string()),
        _ => reader.text(node, path),
    }
}

fn count(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str, default: usize) -> usize {
    let Some(node) = present(fields, reader, key) else { return default };
    let path = fields.path_of(key);
    let number = reader.number(node, &path);
    match number {
        Some(number) if number >= 0.0 && number.fract() == 0.0 && number < 9.0e15 => number as usize,
        Some(_) => {
            reader.error(node.mark, &path, "must be a whole number", Some("0 is no limit".to_owned()));
            default
        }
        None => default,
    }
}

fn limits(reader: &mut Reader<'_>, fields: &mut Fields<'_>, default: Limits) -> Limits {
    let mut body_bytes = default.body_bytes;
    if let Some(node) = present(fields, reader, "body_size_limit") {
        let path = fields.path_of("body_size_limit");
        if let Some(text) = scalar_text(reader, node, &path) {
            match parse_bytes(&text) {
                Some(bytes) => body_bytes = bytes,
                None => {
                    let hint = Some("write `10MB`; units are powers of 1024".to_owned());
                    reader.error(node.mark, &path, format!("`{text}` is no size"), hint);
                }
            }
        }
    }
    Limits {
        body_bytes,
        samples: count(reader, fields, "sample_limit", default.samples),
        targets: count(reader, fields, "target_limit", default.targets),
        labels: count(reader, fields, "label_limit", default.labels),
        label_name_bytes: count(reader, fields, "label_name_length_limit", default.label_name_bytes),
        label_value_bytes: count(reader, fields, "label_value_length_limit", default.label_value_bytes),
        histogram_buckets: count(reader, fields, "native_histogram_bucket_limit", default.histogram_buckets),
    }
}

fn protocols(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Vec<Protocol>> {
    let node = present(fields, reader, "scrape_protocols")?;
    let path = fields.path_of("scrape_protocols");
    let mut all = Vec::new();
    for (path, node) in reader.items(node, &path) {
        let Some(protocol) = reader.choice(node, &path, &Protocol::ALL) else { continue };
        if all.contains(&protocol) {
            reader.error(node.mark, &path, "protocol is named twice", None);
        }
        all.push(protocol);
    }
    Some(all)
}

fn params(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    let Some(node) = present(fields, reader, "params") else { return all };
    let path = fields.path_of("params");
    let Some(params) = reader.fields(node, &path) else { return all };
    for Entry { key, value, .. } in params.entries() {
        let path = params.path_of(key);
        let values = reader.items(value, &path);
        let values = values.into_iter().filter_map(|(path, node)| scalar_text(reader, node, &path)).collect();
        all.insert(key.clone(), values);
    }
    params.finish_free(reader);
    all
}

fn secret(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    file_key: &'static str,
) -> Option<Secret> {
    let written = present(fields, reader, key)
        .and_then(|node| scalar_text(reader, node, &fields.path_of(key)))
        .map(Secret::Written);
    let file = fields.text(reader, file_key).map(|path| Secret::File(PathBuf::from(path)));
    if written.is_some() && file.is_some() {
        let message = format!("at most one of `{key}` and `{file_key}` may be given");
        reader.error(fields.mark_of(file_key), &fields.path_of(file_key), message, None);
    }
    written.or(file)
}

fn authorization(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Authorization> {
    let mut found: Vec<Authorization> = Vec::new();
    let path = fields.path_of("basic_auth");
    if let Some(node) = present(fields, reader, "basic_auth")
        && let Some(mut basic) = reader.fields(node, &path)
    {
        let username = basic.text(reader, "username").unwrap_or_default();
        let password = secret(reader, &mut basic, "password", "password_file");
        let password = password.unwrap_or(Secret::Written(String::new()));
        basic.finish(reader);
        found.push(Authorization::Basic { username, password });
    }
    let path = fields.path_of("authorization");
    if let Some(node) = present(fields, reader, "authorization")
        && let Some(mut token) = reader.fields(node, &path)
    {
        let scheme = token.text(reader, "type").unwrap_or_else(|| "Bearer".to_owned());
        if scheme.eq_ignore_ascii_case("basic") {
            let hint = Some("write `basic_auth` with a user name".to_owned());
            reader.error(token.mark_of("type"), &format!("{path}.type"), "type cannot be `basic`", hint);
        }
        let credentials = secret(reader, &mut token, "credentials", "credentials_file");
        token.finish(reader);
        let credentials = credentials.unwrap_or(Secret::Written(String::new()));
        found.push(Authorization::Token { scheme, credentials });
    }
    if let Some(credentials) = secret(reader, fields, "bearer_token", "bearer_token_file") {
        found.push(Authorization::Token { scheme: "Bearer".to_owned(), credentials });
    }
    if found.len() > 1 {
        let message = "at most one of `basic_auth`, `authorization` and `bearer_token` may be given";
        reader.error(fields.mark, &fields.path, message, None);
    }
    found.pop()
}

fn http_headers(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Vec<(String, Secret)> {
    /// Those that the client sets itself, or that `authorization` is for. As upstream.
    const RESERVED: [&str; 5] = ["authorization", "host", "content-length", "accept-encoding", "user-agent"];
    let mut all = Vec::new();
    let Some(node) = present(fields, reader, "http_headers") else { return all };
    let path = fields.path_of("http_headers");
    let Some(headers) = reader.fields(node, &path) else { return all };
    for Entry { key, key_mark, value } in headers.entries() {
        let path = headers.path_of(key);
        if RESERVED.contains(&key.to_ascii_lowercase().as_str()) {
            reader.error(*key_mark, &path, format!("header `{key}` cannot be set here"), None);
        }
        let Some(mut header) = reader.fields(value, &path) else { continue };
        for kind in ["values", "secrets"] {
            let values = header.texts(reader, kind).into_iter().map(Secret::Written);
            all.extend(values.map(|value| (key.clone(), value)));
        }
        let files = header.texts(reader, "files").into_iter().map(|path| Secret::File(path.into()));
        all.extend(files.map(|file| (key.clone(), file)));
        header.finish(reader);
    }
    headers.finish_free(reader);
    all
}

fn files(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Vec<FileDiscovery> {
    let mut all = Vec::new();
    let Some(node) = present(fields, reader, "file_sd_configs") else { return all };
    let path = fields.path_of("file_sd_configs");
    for (path, node) in reader.items(node, &path) {
        let Some(mut fields) = reader.fields(node, &path) else { continue };
        fields.required(reader, "files");
        let patterns = fields.texts(reader, "files");
        for pattern in &patterns {
            let known = [".json", ".yml", ".yaml"].iter().any(|ending| pattern.ends_with(ending));
            let star_in_folder = pattern.rsplit_once('/').is_some_and(|(folder, _)| folder.contains('*'));
            if !known || star_in_folder {
                let message = format!("path `{pattern}` is not valid for file discovery");
                let hint =
                    "paths end in .json, .yml or .yaml and have `*` in their last part only".to_owned();
                reader.error(fields.mark_of("files"), &fields.path_of("files"), message, Some(hint));
            }
        }
        let refresh = duration(reader, &mut fields, "refresh_interval").unwrap_or(Duration::from_secs(300));
        fields.finish(reader);
        all.push(FileDiscovery { patterns, refresh });
    }
    all
}

fn dns(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Vec<DnsDiscovery> {
    let mut all = Vec::new();
    let Some(node) = present(fields, reader, "dns_sd_configs") else { return all };
    let path = fields.path_of("dns_sd_configs");
    for (path, node) in reader.items(node, &path) {
        let Some(mut fields) = reader.fields(node, &path) else { continue };
        fields.required(reader, "names");
        let names = fields.texts(reader, "names");
        let record = choice(reader, &mut fields, "type", &RecordType::ALL).unwrap_or(RecordType::Srv);
        let port = count(reader, &mut fields, "port", 0);
        if record != RecordType::Srv && !(1..=65_535).contains(&port) {
            let message = "a port is required for all types but SRV".to_owned();
            reader.error(fields.mark, &path, message, Some("write `port: 9100`".to_owned()));
        }
        let refresh = duration(reader, &mut fields, "refresh_interval").unwrap_or(Duration::from_secs(30));
        fields.finish(reader);
        all.push(DnsDiscovery { names, record, port: u16::try_from(port).unwrap_or(0), refresh });
    }
    all
}

/// A map of names and texts.
pub(crate) fn label_set(reader: &mut Reader<'_>, node: &Node, path: &str) -> LabelSet {
    let mut labels = LabelSet::default();
    let Some(fields) = reader.fields(node, path) else { return labels };
    for Entry { key, key_mark, value } in fields.entries() {
        let path = fields.path_of(key);
        if !relabel::is_label_name(key) {
            reader.error(*key_mark, &path, "label name is empty", None);
        }
        if let Some(value) = scalar_text(reader, value, &path) {
            labels.set(key.as_str(), value);
        }
    }
    fields.finish_free(reader);
    labels
}

/// `targets` and `labels`, in a configuration or in a file of targets.
pub(crate) fn group(reader: &mut Reader<'_>, node: &Node, path: &str, source: String) -> Option<Group> {
    let mut fields = reader.fields(node, path)?;
    let mut targets = Vec::new();
    for address in fields.texts(reader, "targets") {
        targets.push([("__address__", address)].into_iter().collect());
    }
    let path = fields.path_of("labels");
    let labels = match present(&mut fields, reader, "labels") {
        Some(node) => label_set(reader, node, &path),
        None => LabelSet::default(),
    };
    fields.finish(reader);
    Some(Group { source, targets, labels })
}

fn rules(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Vec<Rule> {
    let Some(node) = present(fields, reader, key) else { return Vec::new() };
    let path = fields.path_of(key);
    let items = reader.items(node, &path);
    items.into_iter().filter_map(|(path, node)| rule(reader, node, &path)).collect()
}

fn rule(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Rule> {
    let mut fields = reader.fields(node, path)?;
    let action = choice(reader, &mut fields, "action", &Action::ALL).unwrap_or(Action::Replace);
    let mut rule = Rule::new(action);
    rule.source_labels = match present(&mut fields, reader, "source_labels") {
        Some(_) => fields.texts(reader, "source_labels"),
        None => Vec::new(),
    };
    let text = |reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str| {
        let node = present(fields, reader, key)?;
        scalar_text(reader, node, &fields.path_of(key))
    };
    let separator = text(reader, &mut fields, "separator");
    let pattern = text(reader, &mut fields, "regex");
    let target = text(reader, &mut fields, "target_label");
    let replacement = text(reader, &mut fields, "replacement");
    let modulus = count(reader, &mut fields, "modulus", 0);
    let fail = |reader: &mut Reader<'_>, message: String, hint: &str| {
        reader.error(node.mark, path, message, Some(hint.to_owned()));
    };
    let word = action.as_str();
    let needs_target = matches!(
        action,
        Action::Replace
            | Action::HashMod
            | Action::Lowercase
            | Action::Uppercase
            | Action::KeepEqual
            | Action::DropEqual
    );
    if needs_target && target.as_deref().unwrap_or_default().is_empty() {
        fail(
            reader,
            format!("action `{word}` needs a `target_label`"),
            "name the label that is written or compared",
        );
    }
    if action == Action::HashMod && modulus == 0 {
        fail(reader, "action `hashmod` needs a `modulus`".to_owned(), "write how many parts there are");
    }
    let alone = match action {
        Action::LabelDrop | Action::LabelKeep => {
            !rule.source_labels.is_empty()
                || target.is_some()
                || modulus != 0
                || separator.as_deref().is_some_and(|text| text != relabel::DEFAULT_SEPARATOR)
                || replacement.as_deref().is_some_and(|text| text != relabel::DEFAULT_REPLACEMENT)
        }
        Action::KeepEqual | Action::DropEqual => {
            pattern.as_deref().is_some_and(|text| text != relabel::DEFAULT_PATTERN)
                || modulus != 0
                || separator.as_deref().is_some_and(|text| text != relabel::DEFAULT_SEPARATOR)
                || replacement.as_deref().is_some_and(|text| text != relabel::DEFAULT_REPLACEMENT)
        }
        _ => false,
    };
    if alone {
        let hint = match action {
            Action::LabelDrop | Action::LabelKeep => "leave only `regex`",
            _ => "leave only `source_labels` and `target_label`",
        };
        fail(reader, format!("action `{word}` takes no other fields"), hint);
    }
    if let Some(separator) = separator {
        rule.separator = separator;
    }
    rule.target_label = target.unwrap_or_default();
    rule.replacement = replacement.unwrap_or(rule.replacement);
    rule.modulus = modulus as u64;
    if let Some(pattern) = pattern {
        match rule.clone().with_pattern(&pattern) {
            Ok(with) => rule = with,
            Err(error) => {
                let reason = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
                let at = fields.mark_of("regex");
                let message = format!("`{pattern}` is no regular expression: {reason}");
                reader.error(at, &fields.path_of("regex"), message, None);
            }
        }
    }
    fields.finish(reader);
    Some(rule)
}
