//! Bad input at every door gets a precise 4xx in the protocol's own words and changes nothing; bombs cost little.

use std::io::Write as _;

use anyhow::ensure;
use nines_acceptance::{Api, Node, shared};
use serde_json::{Value, json};

struct Case {
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
}

const LOKI: &str = "/loki/api/v1/push";
const BULK: &str = "/elastic/_bulk";
const JSON: &str = "/api/v1/ingest/logs";
const HEC: &str = "/services/collector/event";
const FIREHOSE: &str = "/v1/firehose";
const EVENTS: &str = "/v1/cloudevents";
const CHANGE: &str = "/v2/change/enqueue";

fn case(path: &'static str, content_type: &'static str, body: impl Into<Vec<u8>>) -> Case {
    Case { path, headers: vec![("content-type", content_type)], body: body.into() }
}

/// Whole requests, each of which is good; every shorter one is not.
fn good() -> Vec<Case> {
    let event = r#"{"specversion":"1.0","id":"1","source":"/a","type":"b"}"#;
    vec![
        case(LOKI, "application/json", r#"{"streams":[{"stream":{"app":"a"},"values":[["1","x"]]}]}"#),
        case(JSON, "application/json", r#"[{"message":"a","n":1},{"message":"b"}]"#),
        case(HEC, "application/json", r#"{"event":"x","time":1,"fields":{"a":"b"}}"#),
        case(FIREHOSE, "application/json", r#"{"requestId":"r","timestamp":1,"records":[{"data":"eA=="}]}"#),
        case(EVENTS, "application/cloudevents+json", event),
        case(EVENTS, "application/cloudevents-batch+json", format!("[{event}]")),
        case(CHANGE, "application/json", r#"{"payload":{"summary":"x","source":"ci"}}"#),
    ]
}

fn malformed() -> Vec<Case> {
    let mut cases = Vec::new();
    for whole in good() {
        for length in 0..whole.body.len() {
            let body = whole.body[..length].to_vec();
            cases.push(Case { path: whole.path, headers: whole.headers.clone(), body });
        }
    }
    let es = "application/x-ndjson";
    for body in [
        "",
        "\n",
        "{\"create\":{}}",
        "x\n",
        "{}\n{}\n",
        "{\"create\":1}\n{}\n",
        "{\"upsert\":{}}\n{}\n",
        "{\"create\":{},\"index\":{}}\n{}\n",
        "[]\n{}\n",
        "{\"create\":{\"_index\":\"\"}}\n{}\n",
    ] {
        cases.push(case(BULK, es, body));
    }
    for body in [
        "null",
        "7",
        "\"x\"",
        "[1]",
        "{\"a\":1}}",
        "{'a':1}",
        "{\"a\":NaN}",
        "\u{feff}{}",
        "{\"a\":\"\u{1}\"}",
    ] {
        cases.push(case(JSON, "application/json", body));
    }
    cases.push(case(JSON, "application/json", b"{\"a\":\"\xff\"}".to_vec()));
    cases.push(case(JSON, "application/xml", "<a/>"));
    cases.push(case("/api/v1/ingest/logs?format=xml", "application/json", "{}"));
    cases.push(case("/api/v1/ingest/nothing", "application/json", "{}"));
    cases.push(case("/api/v1/ingest/spans", "application/json", "{}"));
    cases.push(case(LOKI, "application/x-protobuf", "not snappy"));
    cases.push(case(LOKI, "text/plain", "x"));
    cases.push(case(HEC, "application/json", "{\"time\":1}"));
    cases.push(case("/services/collector/raw", "text/plain", " \n"));
    cases.push(case("/services/collector/ack", "application/json", "{}"));
    cases.push(case("/elastic/logs/_doc", "application/json", "[1]"));
    cases.push(case("/elastic/logs/_search", "application/json", "{}"));
    for encoding in ["br", "deflate", "snappy", "gzip, gzip", "gzip"] {
        for whole in good() {
            let mut headers = whole.headers.clone();
            headers.push(("content-encoding", encoding));
            cases.push(Case { path: whole.path, headers, body: whole.body });
        }
    }
    // Deep and wide.
    for depth in [65, 1_000, 10_000] {
        let deep = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let array = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        cases.push(case(JSON, "application/json", deep.clone()));
        cases.push(case(JSON, "application/json", array.clone()));
        cases.push(case(HEC, "application/json", format!("{{\"event\":{deep}}}")));
        cases.push(case("/elastic/logs/_doc", "application/json", array));
        cases.push(case(EVENTS, "application/cloudevents+json", format!("{{\"data\":{deep}}}")));
        cases.push(case(LOKI, "application/json", deep));
    }
    let wide: Vec<String> = (0..100_000).map(|index| format!("\"f{index}\":{index}")).collect();
    cases.push(case(JSON, "application/json", format!("{{{}}}", wide.join(","))));
    cases.push(case("/elastic/logs/_doc", "application/json", format!("{{{}}}", wide.join(","))));
    cases.push(case(JSON, "application/json", format!("{{\"{}\":1}}", "k".repeat(10 << 20))));
    cases.push(case(JSON, "application/json", "{\"a\":1}".repeat(200_001)));
    cases
}

#[tokio::test]
async fn malformed_input_at_every_door_is_refused_precisely_and_changes_nothing() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    for whole in good() {
        let answer = api.send("POST", whole.path, &whole.headers, whole.body.clone()).await?;
        ensure!((200..300).contains(&answer.0), "{}: {answer:?}", whole.path);
    }
    let before = rows(&api).await?;
    let cases = malformed();
    let mut faults = Vec::new();
    for Case { path, headers, body } in &cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
        let (status, answer) = api.send("POST", path, headers, body.clone()).await?;
        let precise = answer.to_string().len() > 20;
        if !(400..500).contains(&status) || !precise {
            faults.push(format!("{path} {headers:?} {shown:?}: {status} {answer}"));
        }
    }
    println!("{} malformed inputs refused", cases.len());
    ensure!(faults.is_empty(), "{} of {}: {faults:#?}", faults.len(), cases.len());
    ensure!(rows(&api).await? == before, "a refused input changed something");
    ensure!(cases.len() >= 300, "only {} inputs", cases.len());
    // One bad document of a bulk is that document's affair.
    let body = "{\"create\":{}}\n{\"i\":1}\n{\"create\":{}}\n{broken\n{\"create\":{}}\n{\"i\":2}\n";
    let (status, answer) =
        api.send("POST", BULK, &[("content-type", "application/x-ndjson")], body.into()).await?;
    let statuses: Vec<&Value> =
        answer["items"].as_array().into_iter().flatten().map(|item| &item["create"]["status"]).collect();
    ensure!(status == 200 && statuses == [&json!(201), &json!(400), &json!(201)], "{answer}");
    node.stop().await
}

async fn rows(api: &Api) -> anyhow::Result<Vec<f64>> {
    let mut rows = Vec::new();
    for table in ["logs", "spans", "metrics", "changes", "probes", "beacons"] {
        rows.push(api.sql_number(&format!("select count(*) from {table}")).await?);
    }
    Ok(rows)
}

/// More than the receiver takes after decompression (20 MiB), in few bytes.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let zeros = vec![b' '; 1 << 20];
    let gzip = |mebibytes: usize, level: u32| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        for _ in 0..mebibytes {
            encoder.write_all(&zeros).expect("writing to memory");
        }
        encoder.finish().expect("writing to memory")
    };
    let zstd = |mebibytes: usize, level: i32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), level).expect("a level");
        for _ in 0..mebibytes {
            encoder.write_all(&zeros).expect("writing to memory");
        }
        encoder.finish().expect("writing to memory")
    };
    let mut bombs = Vec::new();
    for mebibytes in [21, 64, 256] {
        for level in [1, 6, 9] {
            bombs.push(("gzip", gzip(mebibytes, level)));
        }
        for level in [1, 3, 9] {
            bombs.push(("zstd", zstd(mebibytes, level)));
        }
    }
    let (small_gzip, small_zstd) = (gzip(11, 6), zstd(11, 3));
    bombs.push(("gzip", small_gzip.repeat(2)));
    bombs.push(("gzip", small_gzip.repeat(50)));
    bombs.push(("zstd", small_zstd.repeat(2)));
    bombs.push(("zstd", small_zstd.repeat(50)));
    for length in [1, 5, small_gzip.len() / 2, small_gzip.len() - 1] {
        bombs.push(("gzip", small_gzip[..length].to_vec()));
        bombs.push(("zstd", small_zstd[..length.min(small_zstd.len() - 1)].to_vec()));
    }
    bombs
}

/// Snappy blocks whose length lies, or does not.
fn snappy_bombs() -> Vec<Vec<u8>> {
    let mut bombs = Vec::new();
    for declared in [21 << 20, 1 << 28, 1 << 30, u64::from(u32::MAX)] {
        let mut block = Vec::new();
        let mut rest = declared;
        while rest > 127 {
            block.push((rest & 127) as u8 | 128);
            rest >>= 7;
        }
        block.push(rest as u8);
        for tail in [&b""[..], b"\x00x", b"\xfe\x01\x00", &[0xff; 64], &b"\x00x\xfe\x01\x00".repeat(1000)] {
            bombs.push([&block[..], tail].concat());
        }
    }
    bombs
}

#[tokio::test]
async fn bombs_at_every_door_are_contained() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = node.api()?;
    let before = rows(&api).await?;
    let mut tried = 0;
    let mut faults = Vec::new();
    let doors = [
        (BULK, "application/x-ndjson"),
        (LOKI, "application/json"),
        (JSON, "application/json"),
        (HEC, "application/json"),
        ("/services/collector/raw", "text/plain"),
        (FIREHOSE, "application/json"),
        (EVENTS, "application/cloudevents+json"),
        (CHANGE, "application/json"),
    ];
    for (encoding, bomb) in bombs() {
        for (path, content_type) in doors {
            tried += 1;
            let headers = [("content-type", content_type), ("content-encoding", encoding)];
            let (status, answer) = api.send("POST", path, &headers, bomb.clone()).await?;
            if !matches!(status, 400 | 413) {
                faults.push(format!("{path} {encoding} of {} bytes: {status} {answer}", bomb.len()));
            }
        }
    }
    for bomb in snappy_bombs() {
        tried += 1;
        let headers = [("content-type", "application/x-protobuf")];
        let (status, answer) = api.send("POST", LOKI, &headers, bomb).await?;
        if !matches!(status, 400 | 413) {
            faults.push(format!("snappy: {status} {answer}"));
        }
    }
    println!("{tried} bombs contained");
    ensure!(faults.is_empty(), "{} of {tried}: {faults:#?}", faults.len());
    ensure!(tried >= 200 && rows(&api).await? == before);
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.process_id()))?;
    let peak_kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or_default();
    println!("peak memory {} MiB", peak_kib / 1024);
    ensure!(peak_kib < 400 * 1024, "peak memory was {} MiB", peak_kib / 1024);
    node.stop().await
}
