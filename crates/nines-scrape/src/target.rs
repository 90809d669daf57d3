//! From what discovery found to what is scraped. Source: upstream's `scrape/target.go` of version 3.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{Group, Job};
use crate::labels::LabelSet;
use crate::md5;
use crate::relabel;
use crate::units::{format_duration, parse_duration};

/// The labels that steer a scrape.
const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const PATH: &str = "__metrics_path__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PARAM_PREFIX: &str = "__param_";
const META_PREFIX: &str = "__meta_";

/// One thing to scrape.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// As discovery and the configuration had them, before relabelling.
    pub discovered: LabelSet,
    /// After relabelling, without the reserved ones: what every sample gets.
    pub labels: LabelSet,
    pub url: String,
    pub interval: Duration,
    pub timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("target has no address: relabelling took `__address__` away")]
    NoAddress,
    #[error("`{0}` is not a host name with a port: write `host:9100`, and the path under `metrics_path`")]
    Address(String),
    #[error("label `{label}` has `{value}`, which is no duration longer than zero")]
    Duration { label: &'static str, value: String },
    #[error("scrape timeout {timeout:?} is longer than the interval {interval:?}")]
    Timeout { interval: Duration, timeout: Duration },
    #[error("scheme `{0}` is neither http nor https")]
    Scheme(String),
}

/// What became of a discovered address.
#[derive(Debug, Clone, PartialEq)]
pub enum Relabelled {
    Target(Box<Target>),
    /// With its labels before relabelling.
    Dropped(LabelSet),
}

/// The labels before relabelling: the target's own, the group's, then what the job says and nobody overrode.
fn discovered_labels(job: &Job, group: &Group, own: &LabelSet) -> LabelSet {
    let mut labels = own.clone();
    for (name, value) in group.labels.iter() {
        labels.set_if_absent(name, value);
    }
    let defaults = [
        ("job", job.name.clone()),
        (INTERVAL, format_duration(job.interval)),
        (TIMEOUT, format_duration(job.timeout)),
        (PATH, job.path.clone()),
        (SCHEME, job.scheme.as_str().to_owned()),
    ];
    for (name, value) in defaults {
        labels.set_if_absent(name, &value);
    }
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            labels.set(format!("{PARAM_PREFIX}{name}"), first.as_str());
        }
    }
    labels
}

/// The target that an address of a group becomes.
pub fn relabel_target(job: &Job, group: &Group, own: &LabelSet) -> Result<Relabelled, TargetError> {
    let discovered = discovered_labels(job, group, own);
    let mut labels = discovered.clone();
    if !relabel::process(&mut labels, &job.relabel) {
        return Ok(Relabelled::Dropped(discovered));
    }
    let address = labels.get(ADDRESS).to_owned();
    if address.is_empty() {
        return Err(TargetError::NoAddress);
    }
    // A path or a user in it would lead elsewhere than people read.
    if address.contains(['/', '?', '#', '@', ' ']) {
        return Err(TargetError::Address(address));
    }
    let interval = steering_duration(&labels, INTERVAL)?;
    let timeout = steering_duration(&labels, TIMEOUT)?;
    if timeout > interval {
        return Err(TargetError::Timeout { interval, timeout });
    }
    let url = url(job, &labels, &address)?;
    labels.retain(|name| !name.starts_with(META_PREFIX));
    labels.set_if_absent("instance", &address);
    let labels = labels.public().collect();
    Ok(Relabelled::Target(Box::new(Target { discovered, labels, url, interval, timeout })))
}

fn steering_duration(labels: &LabelSet, label: &'static str) -> Result<Duration, TargetError> {
    let value = labels.get(label);
    match parse_duration(value) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(TargetError::Duration { label, value: value.to_owned() }),
    }
}

fn url(job: &Job, labels: &LabelSet, address: &str) -> Result<String, TargetError> {
    let mut params: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, values) in &job.params {
        params.insert(name, values.iter().map(String::as_str).collect());
    }
    for (name, value) in labels.iter() {
        let Some(name) = name.strip_prefix(PARAM_PREFIX) else { continue };
        match params.entry(name).or_default().first_mut() {
            Some(first) => *first = value,
            None => {
                params.insert(name, vec![value]);
            }
        }
    }
    let mut query = String::new();
    for (name, values) in &params {
        for value in values {
            let joint = if query.is_empty() { '?' } else { '&' };
            query.push(joint);
            escape(name, &mut query, b"-_.~");
            query.push('=');
            escape(value, &mut query, b"-_.~");
        }
    }
    let scheme = labels.get(SCHEME);
    if !matches!(scheme, "http" | "https") {
        return Err(TargetError::Scheme(scheme.to_owned()));
    }
    let mut path = String::new();
    let written = labels.get(PATH);
    if !written.starts_with('/') {
        path.push('/');
    }
    escape(written, &mut path, b"-_.~/$&+,:;=@!'()*");
    Ok(format!("{scheme}://{address}{path}{query}"))
}

/// Percent-encodes all but letters, digits and `kept`.
fn escape(text: &str, out: &mut String, kept: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

impl Target {
    /// What makes it this target: labels and URL. The same in every process.
    pub fn hash(&self) -> u64 {
        let sum = md5::digest(format!("{}{}", self.labels, self.url).as_bytes());
        u64::from_be_bytes([sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], sum[7]])
    }

    /// How long after `now` (nanoseconds since the epoch) its next scrape is due. Targets are spread over the
    /// interval, and each keeps its place in it over restarts. As upstream's `Target.offset`.
    pub fn offset(&self, now_nanos: i64, seed: u64) -> Duration {
        let interval = i64::try_from(self.interval.as_nanos()).unwrap_or(i64::MAX).max(1);
        let base = interval - now_nanos.rem_euclid(interval);
        let place = ((self.hash() ^ seed) % interval as u64) as i64;
        let next = base + place;
        let next = if next > interval { next - interval } else { next };
        Duration::from_nanos(next as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn job(yaml: &str) -> Job {
        let text = format!("scrape_configs:\n- job_name: node\n{yaml}");
        config::parse(None, &text).unwrap().jobs.remove(0)
    }

    fn one(job: &Job) -> Result<Relabelled, TargetError> {
        let group = &job.static_groups[0];
        relabel_target(job, group, &group.targets[0])
    }

    fn target(job: &Job) -> Target {
        match one(job).unwrap() {
            Relabelled::Target(target) => *target,
            Relabelled::Dropped(labels) => panic!("dropped: {labels}"),
        }
    }

    #[test]
    fn a_plain_target_gets_job_instance_and_url() {
        let found = target(&job("  static_configs: [{targets: ['h:1'], labels: {env: prod}}]\n"));
        assert_eq!(found.labels.to_string(), r#"{env="prod", instance="h:1", job="node"}"#);
        assert_eq!(found.url, "http://h:1/metrics");
        assert_eq!(found.discovered.get("__scrape_timeout__"), "10s");
        // Upstream adds no port since version 3.
        assert_eq!(target(&job("  static_configs: [{targets: [h]}]\n")).url, "http://h/metrics");
    }

    #[test]
    fn the_exporter_pattern_moves_the_address_into_a_parameter() {
        let probe = job(r"
  metrics_path: /probe
  params: {module: [http_2xx], target: [x], debug: ['a b', c]}
  static_configs: [{targets: ['https://example.org/?q=1']}]
  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__param_target], target_label: instance}
  - {target_label: __address__, replacement: 'blackbox:9115'}
  - {target_label: __scrape_interval__, replacement: 5m}
");
        let found = target(&probe);
        assert_eq!(
            found.url,
            "http://blackbox:9115/probe?debug=a%20b&debug=c&module=http_2xx&target=https%3A%2F%2Fexample.org%2F%3Fq%3D1"
        );
        assert_eq!(found.labels.get("instance"), "https://example.org/?q=1");
        assert_eq!(found.interval, Duration::from_secs(300));
    }

    #[test]
    fn what_cannot_be_scraped_says_why() {
        let with = |rule: &str| {
            one(&job(&format!("  static_configs: [{{targets: ['h:1']}}]\n  relabel_configs: [{rule}]\n")))
        };
        assert!(matches!(
            with("{action: drop, source_labels: [job], regex: node}"),
            Ok(Relabelled::Dropped(_))
        ));
        assert_eq!(with("{action: labeldrop, regex: __address__}"), Err(TargetError::NoAddress));
        assert!(matches!(
            with("{target_label: __address__, replacement: 'h:1/x'}"),
            Err(TargetError::Address(_))
        ));
        assert!(matches!(
            with("{target_label: __address__, replacement: 'u@h'}"),
            Err(TargetError::Address(_))
        ));
        assert!(matches!(
            with("{target_label: __scheme__, replacement: gopher}"),
            Err(TargetError::Scheme(_))
        ));
        assert!(matches!(
            with("{target_label: __scrape_timeout__, replacement: 2m}"),
            Err(TargetError::Timeout { .. })
        ));
    }

    #[test]
    fn offsets_spread_targets_and_stay_the_same() {
        let targets: Vec<String> = (0..200).map(|host| format!("'h{host}:1'")).collect();
        let job = job(&format!(
            "  scrape_interval: 10s\n  static_configs: [{{targets: [{}]}}]\n",
            targets.join(",")
        ));
        let group = &job.static_groups[0];
        let mut slots = [0; 10];
        for own in &group.targets {
            let Ok(Relabelled::Target(target)) = relabel_target(&job, group, own) else { panic!() };
            let due = |now: i64| now + target.offset(now, 7).as_nanos() as i64;
            // Whenever it is asked, the next scrape falls on the same place of the interval.
            assert_eq!(due(1_000) % 10_000_000_000, due(123_456_789_012_345) % 10_000_000_000);
            assert!(target.offset(5, 7) <= Duration::from_secs(10));
            slots[(target.offset(0, 7).as_secs() % 10) as usize] += 1;
        }
        assert!(slots.iter().all(|count| (5..=40).contains(count)), "{slots:?}");
    }
}
