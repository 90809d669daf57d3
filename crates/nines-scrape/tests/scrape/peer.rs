//! Beside a real Prometheus: both scrape the same targets with the same configuration, and must know the same series with
//! the same values. Runs where the packages `prometheus` and `prometheus-node-exporter` are installed, or where
//! `NINES_PROMETHEUS` and `NINES_NODE_EXPORTER` name the programs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use nines_base::disk::RealDisk;
use nines_base::spawn;
use nines_egress::{Config, Egress, Policy, Request};
use nines_scrape::config;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::http::scraper;
use crate::{Kept, eventually};

fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = named.into_iter().chain(std::env::split_paths(&path).map(|folder| folder.join(name)));
    let found = all.into_iter().find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: {name} is not installed");
    }
    found
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

const FIRST: &str = r#"# HELP requests_total All.
# TYPE requests_total counter
requests_total{code="200",job="mine",pod="a"} 1027
requests_total{code="500",job="mine",pod="b"} 3
# TYPE latency histogram
latency_bucket{le="0.5"} 2
latency_bucket{le="+Inf"} 3
latency_sum 1.75
latency_count 3
# TYPE t gauge
t{a="x\"y\\z\n"} -1.5e-07
twice 1
twice 1
tmp_one 1
tmp_two{keep="yes"} 2
escaped{instance="own",exported_instance="older"} NaN
inf{x="",y="é"} +Inf
gone 1
timed 7 TIME
"#;

const JOBS: &str = r#"
- job_name: plain
  static_configs: [{targets: ['TARGET'], labels: {env: prod}}]
- job_name: honoured
  honor_labels: true
  honor_timestamps: false
  metrics_path: /metrics
  params: {a: [b]}
  static_configs: [{targets: ['TARGET']}]
  metric_relabel_configs:
  - {source_labels: [__name__], regex: 'tmp_.*', action: drop}
  - {source_labels: [code], regex: '(.)..', target_label: class, replacement: '${1}xx'}
  - {action: labeldrop, regex: code}
- job_name: relabelled
  static_configs: [{targets: ['ignored:1', 'other:2']}]
  relabel_configs:
  - {source_labels: [__address__], regex: 'other.*', action: drop}
  - {source_labels: [__address__, job], separator: '/', target_label: from}
  - {source_labels: [__address__], regex: '(.*):(\d+)', target_label: 'port_${2}', replacement: 'p$2'}
  - {source_labels: [from], target_label: shard, modulus: 7, action: hashmod}
  - {source_labels: [from], target_label: LOUD, action: uppercase}
  - {regex: 'LO(.*)', replacement: 'quiet_$1', action: labelmap}
  - {target_label: __address__, replacement: 'TARGET'}
  metric_relabel_configs:
  - {source_labels: [pod, pod], regex: 'a;a', target_label: both}
  - {source_labels: [__name__, keep], regex: 'tmp_two;yes', target_label: __name__, replacement: kept_two}
  - {source_labels: [__name__], target_label: __name__, regex: 'latency_(.*)', replacement: 'lat:$1'}
- job_name: limited
  sample_limit: 5
  static_configs: [{targets: ['TARGET']}]
- job_name: labels
  label_limit: 4
  static_configs: [{targets: ['TARGET']}]
- job_name: closed
  static_configs: [{targets: ['127.0.0.1:1']}]
"#;

type Known = BTreeMap<String, String>;

/// What Prometheus knows now, as labels and value.
async fn theirs(egress: &Egress, port: u16, jobs: &str) -> Option<Known> {
    let url = format!(
        "http://127.0.0.1:{port}/api/v1/query?query=%7Bjob%21%3D%22%22%2C__name__%21%3D%22scrape_duration_seconds%22%7D"
    );
    let response = egress.send(Request::get(url)).await.ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&response.body).ok()?;
    let mut known = Known::new();
    for sample in answer["data"]["result"].as_array()? {
        let labels: config_labels::Pairs = serde_json::from_value(sample["metric"].clone()).ok()?;
        known.insert(config_labels::shown(&labels), number(sample["value"][1].as_str()?));
    }
    (!jobs.is_empty() && known.len() > 5).then_some(known)
}

mod config_labels {
    pub type Pairs = std::collections::BTreeMap<String, String>;

    pub fn shown(pairs: &Pairs) -> String {
        pairs.iter().map(|(name, value)| format!("{name}={value:?} ")).collect()
    }
}

fn number(text: &str) -> String {
    let value: f64 = text.trim_start_matches('+').parse().unwrap_or(f64::NAN);
    value.to_string()
}

/// The last of each series, unless it is a marker.
fn ours(kept: &Kept) -> Known {
    let mut known = Known::new();
    for batch in kept.0.lock().iter() {
        for point in &batch.points {
            let pairs =
                point.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let shown = config_labels::shown(&pairs);
            match &point.value {
                nines_scrape::PointValue::Float(value) if nines_series::is_stale(*value) => {
                    known.remove(&shown);
                }
                nines_scrape::PointValue::Float(value) => {
                    known.insert(shown, value.to_string());
                }
                nines_scrape::PointValue::Histogram(_) => {}
            }
        }
    }
    known.retain(|labels, _| !labels.contains("__name__=\"scrape_duration_seconds\""));
    known
}

fn difference(ours: &Known, theirs: &Known) -> Vec<String> {
    let mut all = Vec::new();
    for (labels, value) in ours {
        match theirs.get(labels) {
            None => all.push(format!("only ours: {labels} {value}")),
            Some(other) if other != value => all.push(format!("{labels}: ours {value}, theirs {other}")),
            Some(_) => {}
        }
    }
    let missing = theirs.iter().filter(|(labels, _)| !ours.contains_key(*labels));
    all.extend(missing.map(|(labels, value)| format!("only theirs: {labels} {value}")));
    all
}

struct Peer {
    egress: Egress,
    port: u16,
    _folder: tempfile::TempDir,
    _child: tokio::process::Child,
}

async fn start(prometheus: &PathBuf, jobs: &str) -> Peer {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().await;
    let file = folder.path().join("prometheus.yml");
    let disk = RealDisk::shared();
    let text = format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}");
    disk.create(&file).unwrap().write_all(text.as_bytes()).unwrap();
    let child = spawn::program(prometheus)
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--log.level=error")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let policy = Config { policy: Policy::with_loopback(), response_bytes_max: 1 << 26, ..Config::default() };
    Peer { egress: Egress::new(policy).unwrap(), port, _folder: folder, _child: child }
}

/// Until both know the same, or for as long as anybody would wait.
async fn agree(peer: &Peer, kept: &Kept, must_hold: &str) -> usize {
    let mut last = Vec::new();
    for _ in 0..150 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let Some(theirs) = theirs(&peer.egress, peer.port, "all").await else { continue };
        let ours = ours(kept);
        let there = |known: &Known| known.keys().any(|labels| labels.contains(must_hold));
        if !there(&ours) || !there(&theirs) {
            continue;
        }
        last = difference(&ours, &theirs);
        if last.is_empty() {
            return ours.len();
        }
    }
    panic!("after {must_hold}: {} differences\n{}", last.len(), last[..last.len().min(40)].join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_targets_give_the_same_series() {
    let Some(prometheus) = program("NINES_PROMETHEUS", "prometheus") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let body: Arc<Mutex<String>> = Arc::new(Mutex::new(FIRST.to_owned()));
    let serving = body.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = serving.lock().clone();
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let _ = stream.read(&mut head).await;
                let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
                let body = body.replace("TIME", &(now - 500).to_string());
                let text = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(text.as_bytes()).await;
            });
        }
    });
    let jobs = JOBS.replace("TARGET", &target);
    let peer = start(&prometheus, &jobs).await;
    let kept = Arc::new(Kept::default());
    let text = format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}");
    assert!(config::parse(None, &text).is_ok());
    let scraper = scraper(kept.clone(), &text);
    let first = agree(&peer, &kept, "__name__=\"gone\"").await;
    // Series vanish, others come; then the body is broken.
    *body.lock() =
        FIRST.replace("gone 1\n", "came 2\n").replace("1027", "1028").replace("timed 7 TIME\n", "");
    let second = agree(&peer, &kept, "__name__=\"came\"").await;
    *body.lock() = "requests_total{ 5\n".to_owned();
    let third = loop {
        let known = ours(&kept);
        if !known.keys().any(|labels| labels.contains("came")) {
            break agree(&peer, &kept, "__name__=\"up\"").await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    println!("{first}, then {second}, then {third} series, all the same");
    scraper.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_exporter_has_the_same_series_for_both() {
    let Some(prometheus) = program("NINES_PROMETHEUS", "prometheus") else { return };
    let Some(exporter) = program("NINES_NODE_EXPORTER", "prometheus-node-exporter") else { return };
    let port = free_port().await;
    let _child = spawn::program(&exporter)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let jobs = format!("- job_name: node\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n");
    let peer = start(&prometheus, &jobs).await;
    let kept = Arc::new(Kept::default());
    let scraper = scraper(
        kept.clone(),
        &format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}"),
    );
    eventually("a scrape", || {
        kept.series(&format!("up{{instance=\"127.0.0.1:{port}\", job=\"node\"}}"))
            .iter()
            .any(|(_, up)| *up == 1.0)
    })
    .await;
    let mut last = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let Some(theirs) = theirs(&peer.egress, peer.port, "node").await else { continue };
        // Values move between two scrapes; version 2 writes quantiles as they come, version 3 as numbers.
        let names = |known: &Known| -> Known {
            let plain = |labels: &String| {
                labels
                    .replace("quantile=\"0.0\"", "quantile=\"0\"")
                    .replace("quantile=\"1.0\"", "quantile=\"1\"")
            };
            known.keys().map(|labels| (plain(labels), String::new())).collect()
        };
        let (ours, theirs) = (names(&ours(&kept)), names(&theirs));
        last = difference(&ours, &theirs);
        if last.is_empty() && ours.len() > 100 {
            println!("{} series, the same for both", ours.len());
            scraper.stop();
            return;
        }
    }
    panic!("{} differences\n{}", last.len(), last[..last.len().min(40)].join("\n"));
}
