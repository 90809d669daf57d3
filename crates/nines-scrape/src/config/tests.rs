use super::*;

fn errors(text: &str) -> Vec<String> {
    parse(Some("p.yml"), text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_whole_prometheus_file_is_read() {
    let file = parse(
        None,
        r"
global:
  scrape_interval: 15s
  evaluation_interval: 30s
  external_labels: {cluster: eu, replica: 1}
rule_files: ['rules/*.yml']
alerting:
  alertmanagers: []
scrape_configs:
- job_name: prometheus
  static_configs: [{targets: ['localhost:9090']}]
- job_name: node
  scrape_interval: 5s
  honor_labels: true
  honor_timestamps: false
  scheme: https
  metrics_path: /m
  params: {collect: [cpu, 5]}
  basic_auth: {username: u, password: p4ss}
  http_headers: {X-Team: {values: [a]}, X-Key: {secrets: [s3cret]}}
  fallback_scrape_protocol: PrometheusText0.0.4
  body_size_limit: 10MB
  sample_limit: 100
  label_limit: 30
  file_sd_configs: [{files: ['targets/*.json'], refresh_interval: 1m}]
  dns_sd_configs: [{names: [_m._tcp.example.org]}, {names: [h], type: A, port: 9100}]
  relabel_configs:
  - {source_labels: [__address__], regex: '(.*):\d+', target_label: host}
  - {action: labeldrop, regex: 'tmp_.*'}
  metric_relabel_configs: [{source_labels: [__name__], regex: go_.*, action: drop}]
",
    )
    .unwrap();
    assert_eq!(file.rule_files, ["rules/*.yml"]);
    assert_eq!(file.external_labels.get("replica"), "1");
    assert!(file.warnings.iter().any(|warning| warning.path == "alerting"));
    let [first, node] = file.jobs.as_slice() else { panic!() };
    assert_eq!((first.interval.as_secs(), first.timeout.as_secs()), (15, 10));
    assert_eq!(first.protocols, Protocol::defaults(false));
    // The default timeout does not outlast a short interval.
    assert_eq!((node.interval.as_secs(), node.timeout.as_secs()), (5, 5));
    assert_eq!(node.params["collect"], ["cpu", "5"]);
    assert_eq!(node.limits, Limits { body_bytes: 10 << 20, samples: 100, labels: 30, ..Limits::default() });
    assert_eq!(
        (node.files.len(), node.dns.len(), node.relabel.len(), node.metric_relabel.len()),
        (1, 2, 2, 1)
    );
    assert_eq!(node.dns[0].record, RecordType::Srv);
    let debug = format!("{node:?}");
    assert!(!debug.contains("p4ss") && !debug.contains("s3cret"), "{debug}");
}

#[test]
fn all_mistakes_are_reported_at_once_with_their_places() {
    let found = errors(
        r"scrape_configs:
- job_name: a
  scrape_intervall: 5s
  scrape_timeout: 2m
  kubernetes_sd_configs: [{role: pod}]
  tls_config: {insecure_skip_verify: true}
  oauth2: {client_id: x}
- job_name: a
  relabel_configs:
  - {regex: '(', target_label: x}
  - {action: hashmod, target_label: x}
  - {action: replac}
  - {action: labeldrop, source_labels: [a], regex: b}
  basic_auth: {username: u}
  bearer_token: t
- scrape_interval: 5
- job_name: c
  file_sd_configs: [{files: ['x.txt']}]
  dns_sd_configs: [{names: [h], type: A}]
  body_size_limit: 10
  scrape_protocols: [PrometheusText0.0.5]
  metric_name_validation_scheme: legacy
",
    );
    let expected = [
        "p.yml:3:3: scrape_configs[0].scrape_intervall: unknown key `scrape_intervall`; did you mean `scrape_interval`?",
        "p.yml:4:19: scrape_configs[0].scrape_timeout: scrape timeout 120s is longer than the interval 60s",
        "p.yml:5:3: scrape_configs[0].kubernetes_sd_configs: discovery by kubernetes is known to Prometheus but not supported here; write the targets to a file and read it with `file_sd_configs`",
        "p.yml:6:15: scrape_configs[0].tls_config: `tls_config` is known to Prometheus but not supported here",
        "p.yml:7:3: scrape_configs[0].oauth2: `oauth2` is known to Prometheus but not supported here",
        "two jobs are named `a`",
        "`(` is no regular expression",
        "action `hashmod` needs a `modulus`",
        "`replac` is not known; did you mean `replace`?",
        "action `labeldrop` takes no other fields; leave only `regex`",
        "at most one of `basic_auth`, `authorization` and `bearer_token` may be given",
        "`job_name` is missing",
        "`5` is no duration; write `15s`, `1m` or `1h30m`",
        "path `x.txt` is not valid for file discovery",
        "a port is required for all types but SRV",
        "`10` is no size",
        "`PrometheusText0.0.5` is not known; did you mean `PrometheusText0.0.4`?",
        "validation scheme `legacy` is not supported here",
    ];
    for expected in expected {
        assert!(
            found.iter().any(|error| error.contains(expected)),
            "missing: {expected}\n{}",
            found.join("\n")
        );
    }
    // `replac` also lacks its target.
    assert_eq!(found.len(), expected.len() + 1, "{}", found.join("\n"));
}

#[test]
fn the_accept_header_is_upstreams() {
    assert_eq!(
        Protocol::accept(&Protocol::defaults(false)),
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
         text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    );
}
