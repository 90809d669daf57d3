//! What a measurement becomes: a wide event in `probes`, and series by the names of blackbox_exporter, so that rules that
//! were written for it go on working.
//!
//! Source: ECS (`event.*`, `observer.*`), OpenTelemetry's semantic conventions (`url.full`, `http.*`, `tls.*`, `dns.*`),
//! blackbox_exporter 0.27 for the series.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_api as api;
use nines_model::{Batch, Dataset, Resource, RowsBuilder, Timestamp, Value, field};
use nines_probe::{Outcome, PingKind, Probe, Taken};
use nines_series::WriteRequest;

/// `job` of all series.
const JOB: &str = "probe";

/// A measurement on the wire: what the node's own runner and those elsewhere hand in alike.
pub fn result_of(taken: &Taken, sequence: u64) -> api::ProbeResult {
    let seen = &taken.measurement;
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    let facts = &seen.facts;
    api::ProbeResult {
        sequence,
        probe: taken.probe.name.clone(),
        location: taken.location.clone(),
        at: seen.at.to_string(),
        outcome: seen.outcome.as_str().to_owned(),
        error_type: seen.reason.as_ref().map(|(kind, _)| kind.as_str().to_owned()),
        reason: seen.reason.as_ref().map(|(_, text)| text.clone()),
        duration_ms: millis(seen.duration),
        phases_ms: seen
            .phases
            .named()
            .into_iter()
            .filter_map(|(name, took)| Some((name.to_owned(), millis(took?))))
            .collect(),
        runner_fault: taken.at_fault.clone(),
        confirmation: taken.is_confirmation,
        address: facts.address.map(|address| address.to_string()),
        http_status: facts.http_status,
        http_version: facts.http_version.map(str::to_owned),
        body_bytes: facts.body_bytes,
        redirects: facts.redirects,
        tls_version: facts.tls_version.map(str::to_owned),
        certificate: facts.certificate.as_ref().map(|found| api::ProbeCertificate {
            subject: found.subject.clone(),
            issuer: found.issuer.clone(),
            names: found.names.clone(),
            not_before: found.not_before.to_string(),
            not_after: found.not_after.to_string(),
            chain_not_after: found.chain_not_after.to_string(),
            chain_length: found.chain_length,
        }),
        dns_code: facts.dns_code.map(str::to_owned),
        dns_answers: facts.dns_answers.clone(),
        grpc_health: facts.grpc_health.map(str::to_owned),
        assertions: seen
            .assertions
            .iter()
            .map(|it| api::ProbeAssertion { what: it.what.clone(), passed: it.passed, saw: it.saw.clone() })
            .collect(),
    }
}

/// Whether a result speaks for the target, against it, or not at all; also the word of its event.
pub fn counts_as(result: &api::ProbeResult) -> &'static str {
    match (Outcome::parse(&result.outcome), &result.runner_fault) {
        (Some(Outcome::Success), _) => "good",
        (Some(Outcome::Failure), None) => "bad",
        _ => "unknown",
    }
}

/// The events of results. `runner`: who measured, for those that come from elsewhere. Also their size, roughly.
pub fn events(
    results: &[(&Probe, &api::ProbeResult, Timestamp)],
    runner: Option<&str>,
    received_at: Timestamp,
) -> (Batch, u64) {
    let mut rows = RowsBuilder::with_capacity(results.len());
    let mut bytes = 0;
    for (probe, result, at) in results {
        let service = probe.service.as_deref().map(|name| (field::SERVICE_NAME.into(), Value::str(name)));
        let resource = rows.add_resource(Resource { attributes: service.into_iter().collect() });
        rows.begin(resource);
        one(&mut rows, probe, result, runner);
        rows.commit(*at);
        bytes += 512 + result.reason.as_ref().map_or(0, String::len) as u64;
    }
    (Batch { dataset: Dataset::Probes, received_at, rows: rows.finish() }, bytes)
}

fn one(rows: &mut RowsBuilder, probe: &Probe, result: &api::ProbeResult, runner: Option<&str>) {
    let nanos = |millis: f64| (millis * 1e6).clamp(0.0, 9e18) as i64;
    let is_good = result.outcome == Outcome::Success.as_str();
    rows.str(field::NAME, &probe.name);
    rows.str(field::STATUS_CODE, if is_good { "ok" } else { "error" });
    rows.int(field::DURATION_NS, nanos(result.duration_ms));
    rows.str("event.kind", "event");
    rows.str("event.category", "network");
    rows.str("event.outcome", &result.outcome);
    rows.int("event.duration", nanos(result.duration_ms));
    rows.str("observer.geo.name", &result.location);
    rows.str("probe.type", probe.check.kind());
    rows.str("probe.target", &probe.target());
    rows.str("probe.result", counts_as(result));
    rows.bool("probe.confirmation", result.confirmation);
    if let Some(runner) = runner {
        rows.str("observer.name", runner);
        rows.int("event.sequence", i64::try_from(result.sequence).unwrap_or(i64::MAX));
    }
    let texts = [
        ("error.type", &result.error_type),
        (field::STATUS_MESSAGE, &result.reason),
        ("probe.runner.fault", &result.runner_fault),
        ("network.peer.address", &result.address),
        ("network.protocol.version", &result.http_version),
        ("tls.protocol.version", &result.tls_version),
        ("dns.response_code", &result.dns_code),
        ("rpc.grpc.health", &result.grpc_health),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            rows.str(name, text);
        }
    }
    for (phase, millis) in &result.phases_ms {
        rows.int(&format!("probe.phase.{phase}_ns"), nanos(*millis));
    }
    if let nines_probe::Check::Http(check) = &probe.check {
        rows.str("url.full", &check.url.to_string());
        rows.str("http.request.method", check.method.as_str());
    }
    if let Some(endpoint) = probe.endpoint() {
        rows.str("server.address", &endpoint.host);
        rows.int("server.port", i64::from(endpoint.port));
    }
    if let Some(status) = result.http_status {
        rows.int("http.response.status_code", i64::from(status));
    }
    if let Some(bytes) = result.body_bytes {
        rows.int("http.response.body.size", i64::try_from(bytes).unwrap_or(i64::MAX));
    }
    if let Some(certificate) = &result.certificate {
        rows.str("tls.server.subject", &certificate.subject);
        rows.str("tls.server.issuer", &certificate.issuer);
        rows.str("tls.server.not_before", &certificate.not_before);
        rows.str("tls.server.not_after", &certificate.not_after);
    }
    if !result.dns_answers.is_empty() {
        rows.str("dns.answers", &result.dns_answers.join(", "));
    }
    for (name, value) in &probe.labels {
        rows.str(&format!("labels.{name}"), value);
    }
}

/// What a job said of itself, as an event beside those of probes.
pub fn ping_event(
    heartbeat: &nines_probe::Heartbeat,
    kind: PingKind,
    at: Timestamp,
    took: Option<Duration>,
) -> Batch {
    let mut rows = RowsBuilder::new();
    let service = heartbeat.service.as_deref().map(|name| (field::SERVICE_NAME.into(), Value::str(name)));
    let resource = rows.add_resource(Resource { attributes: service.into_iter().collect() });
    rows.begin(resource);
    rows.str(field::NAME, &heartbeat.name);
    rows.str("probe.type", "heartbeat");
    rows.str("event.kind", "event");
    rows.str("event.action", kind.as_str());
    rows.str("event.outcome", if kind == PingKind::Fail { "failure" } else { "success" });
    rows.str(field::STATUS_CODE, if kind == PingKind::Fail { "error" } else { "ok" });
    if let Some(took) = took {
        let nanos = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
        rows.int(field::DURATION_NS, nanos);
        rows.int("event.duration", nanos);
    }
    rows.commit(at);
    Batch { dataset: Dataset::Probes, received_at: at, rows: rows.finish() }
}

/// Series of results, kept apart from the request that borrows them.
#[derive(Default)]
pub struct SeriesOf {
    series: Vec<(BTreeMap<String, String>, i64, f64)>,
}

impl SeriesOf {
    pub fn add(&mut self, probe: &Probe, result: &api::ProbeResult, at: Timestamp) {
        let secs = |millis: f64| millis / 1e3;
        let flag = |is: bool| f64::from(u8::from(is));
        let mut put = |name: &str, extra: &[(&str, &str)], value: f64| {
            let mut labels: BTreeMap<String, String> = probe.labels.clone();
            labels.insert("__name__".to_owned(), name.to_owned());
            labels.insert("job".to_owned(), JOB.to_owned());
            labels.insert("instance".to_owned(), probe.target());
            labels.insert("probe".to_owned(), probe.name.clone());
            labels.insert("location".to_owned(), result.location.clone());
            if let Some(service) = &probe.service {
                labels.insert("service".to_owned(), service.clone());
            }
            labels.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            self.series.push((labels, at.as_millis(), value));
        };
        put("probe_runner_at_fault", &[], flag(result.runner_fault.is_some()));
        let counts = counts_as(result);
        if counts == "unknown" {
            // Nothing is known of the target, so nothing is said of it: the series has a gap.
            return;
        }
        put("probe_success", &[], flag(counts == "good"));
        put("probe_duration_seconds", &[], secs(result.duration_ms));
        let kind = probe.check.kind();
        if let Some(millis) = result.phases_ms.get("resolve") {
            put("probe_dns_lookup_time_seconds", &[], secs(*millis));
        }
        if matches!(kind, "http" | "icmp" | "dns" | "grpc") {
            for (phase, millis) in &result.phases_ms {
                let phase = if kind == "icmp" && phase == "processing" { "rtt" } else { phase.as_str() };
                put(&format!("probe_{kind}_duration_seconds"), &[("phase", phase)], secs(*millis));
            }
        }
        if let Some(status) = result.http_status.filter(|_| kind == "http") {
            put("probe_http_status_code", &[], f64::from(status));
            put("probe_http_redirects", &[], f64::from(result.redirects));
            put("probe_http_ssl", &[], flag(result.tls_version.is_some()));
        }
        if let Some(bytes) = result.body_bytes {
            put("probe_http_uncompressed_body_length", &[], bytes as f64);
        }
        if let Some(version) = result.http_version.as_deref().and_then(|version| version.parse().ok()) {
            put("probe_http_version", &[], version);
        }
        if let Some(certificate) = &result.certificate
            && let Ok(end) = Timestamp::parse_rfc3339(&certificate.chain_not_after)
        {
            put("probe_ssl_earliest_cert_expiry", &[], end.as_secs_f64());
        }
        if let Some(version) = &result.tls_version {
            put("probe_tls_version_info", &[("version", &format!("TLS {version}"))], 1.0);
        }
        if kind == "dns" {
            put("probe_dns_answer_rrs", &[], result.dns_answers.len() as f64);
            put("probe_dns_query_succeeded", &[], flag(result.dns_code.is_some()));
        }
        if let Some(state) = &result.grpc_health {
            put("probe_grpc_healthcheck_response", &[("serving_status", state)], 1.0);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    pub fn request(&self) -> WriteRequest<'_> {
        let mut request = WriteRequest::default();
        for (labels, at, value) in &self.series {
            for (name, value) in labels {
                request.label(name.as_bytes(), value.as_bytes());
            }
            request.sample(*at, *value);
            request.end_series();
        }
        request
    }
}
