//! C5: bodies that are small on the wire and huge behind it, at every door of a whole node: each is refused for good, and
//! none costs more memory than the limit that stops it.

use std::io::{Read, Write};

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use nines_acceptance::{Api, Node, alone, remote_write};
use nines_base::MIB;

/// What a body may be after decompression, and a gRPC message is a fifth of.
const LIMIT: u64 = 20 * MIB;
/// What bombs may cost together: one is decoded by each core, and what was freed is not given back at once.
const GROWTH_MAX: u64 = 4 * LIMIT;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// Doors that take a content coding, with what they read.
const DOORS: [(&str, &str); 13] = [
    ("/v1/logs", PROTOBUF),
    ("/v1/traces", PROTOBUF),
    ("/v1/metrics", PROTOBUF),
    ("/v1/logs", JSON),
    ("/v1/traces", JSON),
    ("/api/v1/ingest/logs", "application/x-ndjson"),
    ("/api/v1/ingest/changes", "text/plain"),
    ("/elastic/_bulk", "application/x-ndjson"),
    ("/elastic/logs/_doc", JSON),
    ("/loki/api/v1/push", JSON),
    ("/services/collector/event", JSON),
    ("/v1/cloudevents", "application/cloudevents+json"),
    ("/v1/firehose", JSON),
];

/// `bytes` of a byte through an encoder: nothing of that size is ever in memory.
fn stream(byte: u8, bytes: u64, mut encoder: impl Write) -> anyhow::Result<()> {
    std::io::copy(&mut std::io::repeat(byte).take(bytes), &mut encoder)?;
    Ok(())
}

fn gzip(byte: u8, bytes: u64) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    stream(byte, bytes, &mut encoder)?;
    Ok(encoder.finish()?)
}

fn zstd(byte: u8, bytes: u64, window_log: Option<u32>) -> anyhow::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1)?;
    if let Some(window_log) = window_log {
        encoder.window_log(window_log)?;
    }
    stream(byte, bytes, &mut encoder)?;
    Ok(encoder.finish()?)
}

struct Bomb {
    what: &'static str,
    encoding: &'static str,
    bytes: Vec<u8>,
    /// 413 where the limit stops it, 400 where a decoder is asked for what it does not do.
    is_too_large: bool,
}

fn bombs() -> anyhow::Result<Vec<Bomb>> {
    let mut bombs = Vec::new();
    let mut add =
        |what, encoding, bytes, is_too_large| bombs.push(Bomb { what, encoding, bytes, is_too_large });
    for (what, byte) in [("zeros", 0), ("spaces", b' '), ("brackets", b'[')] {
        add(what, "gzip", gzip(byte, 2 * LIMIT)?, true);
        add(what, "zstd", zstd(byte, 2 * LIMIT, None)?, true);
    }
    add("twenty times the limit", "gzip", gzip(0, 20 * LIMIT)?, true);
    add("twenty times the limit", "zstd", zstd(0, 20 * LIMIT, None)?, true);
    add("one byte too many", "gzip", gzip(b'\n', LIMIT + 1)?, true);
    add("one byte too many", "zstd", zstd(b'\n', LIMIT + 1, None)?, true);
    add("ten thousand members", "gzip", gzip(0, LIMIT / 5_000)?.repeat(10_000), true);
    add("ten thousand frames", "zstd", zstd(0, LIMIT / 5_000, None)?.repeat(10_000), true);
    add("a window of 2^27", "zstd", zstd(0, 100, Some(27))?, false);
    add("gzip that is cut off", "gzip", gzip(b' ', LIMIT / 2)?[..1_000].to_vec(), false);
    Ok(bombs)
}

/// A line of `/proc/PID/status`, in bytes.
fn memory(node: &Node, line: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.process_id()))?;
    let found = status.lines().find_map(|known| known.strip_prefix(line)).context("a line of status")?;
    Ok(found.trim_matches(&[':', '\t', ' '][..]).trim_end_matches(" kB").parse::<u64>()? * 1024)
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_at_every_door_are_refused_for_good_and_cost_little() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let api = Api::new(&node.addresses.http, &node.key("ingest.key")?);
    let bombs = bombs()?;
    let send = async |path: &str, content_type: &str, encoding: &str, body: Vec<u8>| {
        let headers = [("content-type", content_type), ("content-encoding", encoding)];
        api.send("POST", path, &headers, body).await
    };
    // Whatever a first request makes is there before anything is measured.
    send("/api/v1/ingest/logs", "application/x-ndjson", "gzip", gzip(b'\n', LIMIT / 2)?).await?;
    let before = memory(&node, "VmHWM")?;
    let mut refused = 0;
    for (path, content_type) in DOORS {
        for bomb in &bombs {
            let (status, answer) = send(path, content_type, bomb.encoding, bomb.bytes.clone()).await?;
            let expected = if bomb.is_too_large { status == 413 } else { status == 400 };
            ensure!(expected, "{path}: {} as {}: {status} {answer}", bomb.what, bomb.encoding);
            refused += 1;
        }
    }
    // A snappy block says how large it will be, and may lie.
    let prefixed = |length: u64, rest: &[u8]| {
        let mut block = Vec::new();
        let mut left = length;
        while left >= 0x80 {
            block.push(left as u8 | 0x80);
            left >>= 7;
        }
        block.push(left as u8);
        block.extend_from_slice(rest);
        block
    };
    let honest = remote_write::written([]);
    for length in [LIMIT + 1, 1 << 30, u64::from(u32::MAX), 1 << 40] {
        for rest in [&honest[..], &[0xfe; 1_000], b""] {
            for path in ["/prometheus/api/v1/write", "/loki/api/v1/push"] {
                let headers = [("content-type", PROTOBUF), ("content-encoding", "snappy")];
                let (status, answer) = api.send("POST", path, &headers, prefixed(length, rest)).await?;
                ensure!(matches!(status, 400 | 413), "{path}: snappy of {length}: {status} {answer}");
                refused += 1;
            }
        }
    }
    let growth = memory(&node, "VmHWM")?.saturating_sub(before);
    println!(
        "C5 {refused} bombs at {} doors refused, peak of memory {} MiB more",
        DOORS.len() + 2,
        growth / MIB
    );
    ensure!(refused >= 200, "only {refused} bombs");
    ensure!(growth <= GROWTH_MAX, "{} MiB more", growth / MIB);
    let owner = node.api()?;
    ensure!(owner.sql_number("select count(*) from logs").await? == 0.0, "something of a bomb was stored");
    node.stop().await
}
