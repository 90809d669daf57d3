//! I1: the infrastructure of a large company on one page, by any grouping, while all of it reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use nines_acceptance::remote_write::{Series, written};
use nines_acceptance::{Node, client};
use nines_base::SharedClock;

use crate::figures::{cpu_seconds, distribution, now_nanos};

const CONTAINERS_EACH: usize = 20;
const INTERVAL: Duration = Duration::from_secs(15);
/// Hosts of one request: some four thousand samples.
const PER_REQUEST: usize = 100;
const ASKED: usize = 150;
/// As a page that is open does, only more often: between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// What a host and what runs on it say in one scrape.
fn scrape(host: usize, at: i64, round: usize) -> Vec<Series> {
    let name = format!("host-{host:04}");
    let instance = format!("{name}:9100");
    let region = ["eu-1", "eu-2", "us-1", "us-2", "ap-1"][host % 5];
    let rack = format!("r{:02}", host % 40);
    let of_host =
        [("cloud_region", region), ("instance", instance.as_str()), ("job", "node"), ("rack", rack.as_str())];
    let series = |metric: &str, more: &[(&str, &str)], value: f64| {
        let mut labels = vec![("__name__", metric)];
        labels.extend(of_host);
        labels.extend(more);
        labels.sort_unstable();
        Series::new(&labels, &[(value, at)])
    };
    // A little unrest, and one of a hundred that is nearly full.
    let free = if host % 100 == 7 { 2e9 } else { 30e9 + ((host * 31 + round * 17) % 100) as f64 * 1e8 };
    let idle = (round * 15) as f64 * (0.6 + (host % 7) as f64 * 0.03);
    let mut all = vec![
        series("up", &[], 1.0),
        series("node_memory_MemTotal_bytes", &[], 64e9),
        series("node_memory_MemAvailable_bytes", &[], free),
        series("node_cpu_seconds_total", &[("cpu", "0"), ("mode", "idle")], idle),
    ];
    for container in 0..CONTAINERS_EACH {
        let pod = format!("app-{}-{host:04}", container % 8);
        let container = format!("c{container:02}");
        let more = [
            ("container", container.as_str()),
            ("namespace", "shop"),
            ("node", name.as_str()),
            ("pod", pod.as_str()),
        ];
        let used = 1e8 + ((host * 7 + round) % 50) as f64 * 1e6;
        all.push(series("container_memory_usage_bytes", &more, used));
    }
    all
}

/// `NINES_HOSTS` (2 000) with twenty containers each.
pub async fn pages(clock: &SharedClock) -> anyhow::Result<()> {
    let hosts: usize = std::env::var("NINES_HOSTS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let (url, key) = (format!("{}/prometheus/api/v1/write", node.addresses.http), node.key("ingest.key")?);
    let is_over = Arc::new(AtomicBool::new(false));
    let reporting = {
        let (clock, is_over) = (clock.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            let http = client();
            let mut round = 0;
            while !is_over.load(Ordering::Relaxed) {
                let began = clock.monotonic();
                for first in (0..hosts).step_by(PER_REQUEST) {
                    let at = (now_nanos() / 1_000_000) as i64;
                    let some = first..hosts.min(first + PER_REQUEST);
                    let body = written(some.flat_map(|host| scrape(host, at, round)));
                    let request = http.post(&url).bearer_auth(&key);
                    let request = request
                        .header("content-type", "application/x-protobuf")
                        .header("content-encoding", "snappy");
                    let answer = request.body(body).send().await?;
                    ensure!(answer.status().is_success(), "{}", answer.text().await?);
                }
                round += 1;
                clock.sleep(INTERVAL.saturating_sub(clock.monotonic() - began)).await;
            }
            Ok(round)
        })
    };
    // Six scrapes, so that there is a rate and an interval of each.
    clock.sleep(INTERVAL * 6).await;
    let listed = api.get("/api/v1/infrastructure?kind=container").await?;
    println!(
        "I1 {hosts} hosts x {CONTAINERS_EACH} containers, each every {} s: {}",
        INTERVAL.as_secs(),
        listed["kinds"]
    );
    let (cpu, since) = (cpu_seconds(node.process_id())?, clock.monotonic());
    for (what, question) in [
        ("hosts by region, memory", "kind=host&by=cloud_region&measure=memory"),
        ("hosts by rack, memory", "kind=host&by=rack&measure=memory"),
        ("hosts by region, cpu", "kind=host&by=cloud_region&measure=cpu"),
        ("containers by namespace, memory", "kind=container&by=namespace&measure=memory"),
        ("containers by host, memory", "kind=container&by=node&measure=memory"),
        ("targets", "kind=target"),
    ] {
        // As the page asks for its grid, which shows no histories.
        let path = format!("/api/v1/infrastructure?{question}&history=none");
        let mut first = None;
        let (mut took, mut bytes) = (Vec::new(), 0);
        for _ in 0..ASKED {
            let began = clock.monotonic();
            let answer = api.get(&path).await?;
            let spent = (clock.monotonic() - began).as_secs_f64();
            first.get_or_insert(spent);
            took.push(spent);
            bytes = answer.to_string().len();
            clock.sleep(PAUSE).await;
        }
        println!(
            "   {what:<32} {}; the first {:.0} ms, {:.0} kB",
            distribution(&mut took),
            first.unwrap_or(0.0) * 1e3,
            bytes as f64 / 1e3
        );
    }
    let spent = (clock.monotonic() - since).as_secs_f64();
    let used = cpu_seconds(node.process_id())? - cpu;
    println!("   the node meanwhile: {:.0} % of a core", 100.0 * used / spent);
    is_over.store(true, Ordering::Relaxed);
    let rounds: usize = reporting.await??;
    println!("   {rounds} scrapes of each");
    node.stop().await
}
