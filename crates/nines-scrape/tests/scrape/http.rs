//! Over real HTTP, from a server that says what it was asked, into a real store.

use std::sync::Arc;

use nines_base::disk::RealDisk;
use nines_base::{Random, SystemClock};
use nines_egress::{Config, Egress, Policy};
use nines_scrape::{Appender, HttpFetch, Parts, Scraper, config};
use nines_series::{MatchOp, Matcher, Select, SeriesStore, StoreConfig};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{Kept, OneSecret, eventually, nobody};

/// Answers every request with the same bytes and keeps the heads of the requests.
async fn serve(answer: Vec<u8>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = heads.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 8192];
            let length = stream.read(&mut head).await.unwrap_or(0);
            seen.lock().push(String::from_utf8_lossy(&head[..length]).into_owned());
            let _ = stream.write_all(&answer).await;
        }
    });
    (port, heads)
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut all =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    all.extend_from_slice(body);
    all
}

pub fn scraper(appender: Arc<dyn Appender>, jobs: &str) -> Scraper {
    let config = Config { policy: Policy::with_loopback(), response_bytes_max: 1 << 28, ..Config::default() };
    let scraper = Scraper::new(Parts {
        clock: SystemClock::shared(),
        fetch: Arc::new(HttpFetch::new(Egress::new(config).unwrap())),
        appender,
        names: nobody(),
        disk: RealDisk::shared(),
        secrets: Arc::new(OneSecret),
        base: std::env::temp_dir(),
        offset_seed: 1,
    });
    scraper.apply(config::parse(None, jobs).unwrap_or_else(|errors| panic!("{errors:?}")).jobs);
    scraper
}

/// Scrapes often enough that nobody waits.
fn job(port: u16, more: &str) -> String {
    format!(
        "scrape_configs:\n- job_name: j\n  scrape_interval: 200ms\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n{more}"
    )
}

#[tokio::test]
async fn a_scrape_asks_as_upstream_does_and_is_found_in_the_store() {
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zipped, b"# TYPE x counter\nx_total{a=\"b\"} 5\n").unwrap();
    let headers = "content-type: text/plain; version=0.0.4\r\ncontent-encoding: gzip\r\n";
    let (port, heads) = serve(answer("200 OK", headers, &zipped.finish().unwrap())).await;
    let folder = tempfile::tempdir().unwrap();
    let disk = RealDisk::shared();
    disk.create(&folder.path().join("token")).unwrap().write_all(b"s3cret\n").unwrap();
    let store_folder = folder.path().join("store");
    let (store, _) =
        SeriesStore::open(StoreConfig::new(store_folder), disk, SystemClock::shared(), Random::from_seed(1))
            .unwrap();
    let token = folder.path().join("token");
    let more =
        format!("  params: {{m: ['a b']}}\n  authorization: {{credentials_file: '{}'}}\n", token.display());
    let scraper = scraper(Arc::new(store.clone()), &job(port, &more));
    let found = || {
        let matchers = [Matcher::new("__name__", MatchOp::Regex, "x_total|up").unwrap()];
        let (start_ms, end_ms) = (0, i64::MAX);
        let (samples_max, threads, cancelled) = (1_000_000, 1, &|| false);
        store
            .select(&Select { matchers: &matchers, start_ms, end_ms, samples_max, threads, cancelled })
            .unwrap()
            .series
    };
    eventually("samples in the store", || {
        found().iter().any(|series| series.labels.metric_name() == Some("x_total"))
    })
    .await;
    scraper.stop();
    let series = found();
    let texts: Vec<String> = series.iter().map(|series| series.labels.to_string()).collect();
    assert!(
        texts.contains(&format!("x_total{{a=\"b\", instance=\"127.0.0.1:{port}\", job=\"j\"}}")),
        "{texts:?}"
    );
    let head = heads.lock()[0].to_ascii_lowercase();
    for expected in [
        "get /metrics?m=a%20b http/1.1",
        "accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,",
        "accept-encoding: gzip",
        "x-prometheus-scrape-timeout-seconds: 0.2",
        "authorization: bearer s3cret",
    ] {
        assert!(head.contains(expected), "{expected}\n{head}");
    }
}

#[tokio::test]
async fn references_are_read_from_the_vault_and_one_to_nothing_is_the_target_s_error() {
    let (port, heads) = serve(answer("200 OK", "content-type: text/plain\r\n", b"x 1\n")).await;
    let reference = |name: &str| format!("  authorization: {{credentials: 'secret://{name}'}}\n");
    let scraper = self::scraper(Arc::new(Kept::default()), &job(port, &reference("token")));
    eventually("a scrape", || !heads.lock().is_empty()).await;
    assert!(heads.lock()[0].to_ascii_lowercase().contains("authorization: bearer fr0m-the-vault"));
    scraper.stop();

    let scraper = self::scraper(Arc::new(Kept::default()), &job(port, &reference("gone")));
    let error = || scraper.targets().first().and_then(|target| target.state.last_error.clone());
    eventually("the error", || error().is_some()).await;
    let told = error().unwrap().to_string();
    assert!(told.contains("secret://gone") && told.contains("no secret"), "{told}");
}

#[tokio::test]
async fn what_a_target_can_do_wrong_is_its_last_error() {
    let text = "content-type: text/plain\r\n";
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut bomb, &vec![b'x'; 1 << 20]).unwrap();
    let table = [
        (answer("500 Oops", text, b"x 1\n"), "", "server returned HTTP status 500"),
        (answer("302 Found", "location: http://169.254.169.254/\r\n", b""), "", "169.254.169.254"),
        (answer("200 OK", text, b"x{ 1\n"), "", "line 1, column 3: expected a label name"),
        (answer("200 OK", "", b"x 1\n"), "", "target says nothing of its format"),
        (
            answer(
                "200 OK",
                "content-type: text/plain\r\ncontent-encoding: gzip\r\n",
                &bomb.finish().unwrap(),
            ),
            "  body_size_limit: 10KB\n",
            "body is larger than 10 KiB",
        ),
        (Vec::new(), "", ""),
    ];
    for (answer, more, expected) in table {
        let (port, _) = serve(answer).await;
        let kept = Arc::new(Kept::default());
        let scraper = scraper(kept.clone(), &job(port, more));
        let error = || Some(scraper.targets().first()?.state.last_error.as_ref()?.to_string());
        eventually(expected, || error().is_some()).await;
        scraper.stop();
        let up = kept.series(&format!("up{{instance=\"127.0.0.1:{port}\", job=\"j\"}}"));
        assert_eq!(up[0].1, 0.0);
    }
    // Nobody listens.
    let kept = Arc::new(Kept::default());
    let scraper = scraper(kept.clone(), &job(1, ""));
    eventually("a failure", || kept.count() > 0).await;
    assert_eq!(kept.series("up{instance=\"127.0.0.1:1\", job=\"j\"}")[0].1, 0.0);
    scraper.stop();
}
