//! C6: clients that say nothing, little or far too much, at every door of a whole node: others are answered all the while,
//! and memory stays where it was.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::{Api, Node, Spans, alone, client, eventually};
use nines_base::{MIB, SharedClock, SystemClock};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::frames::{self, CONTINUATION, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS};

/// Connections at each door in an ordinary run; `NINES_CONNECTIONS` asks for more.
const CONNECTIONS: usize = 500;
/// Where they come from.
const ADDRESSES: usize = 100;
/// What all of them may cost.
const GROWTH_MAX: u64 = 200 * MIB;
/// Streams that are opened and reset, frames that continue a head, settings and pings: of each flood.
const FLOOD: usize = 20_000;

/// What an idle connection has said.
const WORDS: [&[u8]; 3] = [b"", b"G", b"GET /healthz HTTP/1.1\r\nhost: x\r\n"];

fn connections() -> usize {
    std::env::var("NINES_CONNECTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(CONNECTIONS)
}

/// A node with all its doors.
struct House {
    node: Node,
    clock: SharedClock,
    lines: u64,
    /// The longest that anybody else waited.
    slowest: Duration,
}

impl House {
    fn doors(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let addresses = &self.node.addresses;
        let bare = |url: &str| url.trim_start_matches("http://").to_owned();
        let other = |name: &'static str| {
            let port = addresses.port(name).with_context(|| format!("no {name}"))?;
            anyhow::Ok((name, format!("127.0.0.1:{port}")))
        };
        Ok(vec![
            ("web and API", bare(&addresses.http)),
            ("OTLP HTTP", bare(&addresses.otlp_http)),
            ("OTLP gRPC", bare(&addresses.otlp_grpc)),
            other("syslog TCP")?,
            other("StatsD TCP")?,
            other("mail (SMTP)")?,
        ])
    }

    /// A request at each door over connections of their own, each answered as ever.
    async fn serves_others(&mut self) -> anyhow::Result<()> {
        let begun = self.clock.monotonic();
        let addresses = &self.node.addresses;
        let health = client().get(format!("{}/healthz", addresses.http)).send().await?;
        ensure!(health.status() == 200, "health: {}", health.status());
        let key = self.node.key("ingest.key")?;
        let (status, answer) = Api::new(&addresses.otlp_http, &key)
            .send("POST", "/v1/logs", &[("content-type", "application/json")], b"{}".to_vec())
            .await?;
        ensure!(status == 200, "OTLP over HTTP: {status} {answer}");
        let channel = tonic::transport::Endpoint::new(addresses.otlp_grpc.clone())?.connect().await?;
        let spans = Spans {
            service: "others",
            first: self.lines,
            count: 1,
            at: 1_700_000_000_000_000_000,
            fail_every: 0,
        };
        spans.send(&mut TraceServiceClient::new(channel)).await?;
        let port = addresses.port("syslog TCP").context("syslog")?;
        let mut syslog = TcpStream::connect(("127.0.0.1", port)).await?;
        syslog.write_all(b"<13>others: line\n").await?;
        syslog.shutdown().await?;
        self.lines += 1;
        let (api, lines) = (self.node.api()?, self.lines);
        eventually("the line of syslog", async || {
            let found = api.sql_number("select count(*) from logs where body = 'line'").await?;
            Ok((found as u64 >= lines).then_some(()))
        })
        .await?;
        self.slowest = self.slowest.max(self.clock.monotonic() - begun);
        Ok(())
    }

    async fn cut(&self, reason: &str) -> anyhow::Result<u64> {
        let status = self.node.api()?.get("/api/v1/status").await?;
        let listeners = status["listeners"].as_array().context("listeners")?.iter();
        let cut = listeners.flat_map(|listener| listener["cut"].as_array().into_iter().flatten());
        Ok(cut.filter(|cut| cut["reason"] == reason).filter_map(|cut| cut["count"].as_u64()).sum())
    }
}

async fn connect(address: &str) -> anyhow::Result<TcpStream> {
    TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))
}

/// From one of many addresses of this machine: some doors take so many of one and no more.
async fn connect_from(number: usize, address: &str) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 1, 1 + number as u8], 0)))?;
    Ok(socket.connect(address.parse()?).await?)
}

/// Until the node has closed it. What it said until then.
async fn heard(stream: &mut TcpStream) -> Vec<u8> {
    let (mut heard, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        heard.extend_from_slice(&chunk[..length]);
    }
    heard
}

/// Heads that are too much, over both versions of HTTP.
async fn too_many_headers(address: &str) -> anyhow::Result<()> {
    let many = "a: b\r\n".repeat(200);
    let large = format!("a: {}\r\n", "b".repeat(40_000));
    for headers in [many, large] {
        let mut stream = connect(address).await?;
        let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        // The node may have had enough before all of it is there.
        let _ = stream.write_all(head.as_bytes()).await;
        let answer = heard(&mut stream).await;
        let answer = String::from_utf8_lossy(&answer);
        ensure!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let mut stream = connect(address).await?;
    let mut head = frames::get("/healthz");
    for _ in 0..10 {
        head.extend(frames::header("a", &"b".repeat(5_000)));
    }
    stream.write_all(&frames::opening(&[])).await?;
    stream.write_all(&frames::head(1, &head)).await?;
    let answer = frames::until_answer(&mut stream, 1).await?;
    // `431` in Huffman's code; or the stream is reset.
    let is_refused = |head: Vec<u8>| head.windows(3).any(|code| code == [0x69, 0x90, 0xff]);
    ensure!(answer.is_none_or(is_refused), "a head of 50 kB is taken");
    Ok(())
}

/// `frame` again and again, on one connection whose answers nobody reads, until the node has had enough of it or does not
/// read on. True if it closed the connection.
async fn flood(address: &str, mut frame: impl FnMut(usize) -> Vec<u8>) -> anyhow::Result<bool> {
    let mut stream = connect(address).await?;
    stream.write_all(&frames::opening(&[])).await?;
    for turn in 0..FLOOD {
        let bytes = frame(turn);
        match tokio::time::timeout(Duration::from_secs(1), stream.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(true),
            Err(_) => return Ok(false),
        }
    }
    // It may still be reading; what it makes of it is heard.
    Ok(tokio::time::timeout(Duration::from_secs(1), heard(&mut stream)).await.is_ok())
}

async fn floods(address: &str) -> anyhow::Result<[bool; 5]> {
    let odd = |turn: usize| u32::try_from(turn).unwrap_or(u32::MAX / 4) * 2 + 1;
    let resets = flood(address, |turn| {
        let open = frames::head(odd(turn), &frames::get("/healthz"));
        [open, frames::frame(RST_STREAM, 0, odd(turn), &8_u32.to_be_bytes())].concat()
    });
    // A window that grows by nothing is a mistake, which the node answers with a reset of its own.
    let mistakes = flood(address, |turn| {
        let open = frames::head(odd(turn), &frames::get("/healthz"));
        [open, frames::frame(frames::WINDOW_UPDATE, 0, odd(turn), &[0; 4])].concat()
    });
    let continuations = flood(address, |turn| match turn {
        0 => frames::frame(HEADERS, END_STREAM, 1, &frames::get("/healthz")),
        _ => frames::frame(CONTINUATION, 0, 1, &frames::header("a", &"b".repeat(1_000))),
    });
    let settings = flood(address, |_| frames::frame(SETTINGS, 0, 0, &[]).repeat(100));
    let pings = flood(address, |_| frames::frame(PING, 0, 0, &[7; 8]).repeat(100));
    let (resets, mistakes, continuations, settings, pings) =
        tokio::join!(resets, mistakes, continuations, settings, pings);
    Ok([resets?, mistakes?, continuations?, settings?, pings?])
}

/// Connections that ask for all that a page needs, over and over, and take none of it.
async fn windows_of_nothing(address: &str, path: &str, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut held = Vec::new();
    for turn in 0..count {
        let mut stream = connect(address).await?;
        if turn % 2 == 0 {
            // HTTP/2: no window for any stream.
            stream.write_all(&frames::opening(&[(4, 0)])).await?;
            for number in 0..50 {
                stream.write_all(&frames::head(number * 2 + 1, &frames::get(path))).await?;
            }
        } else {
            let asked = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(50);
            stream.write_all(asked.as_bytes()).await?;
        }
        held.push(stream);
    }
    Ok(held)
}

/// The largest thing that the web application consists of: anybody may ask for it.
async fn largest_asset(node: &Node) -> anyhow::Result<String> {
    let index = client().get(&node.addresses.http).send().await?.text().await?;
    let found = index.split('"').find(|text| text.starts_with("/assets/") && text.ends_with(".js"));
    Ok(found.context("a script in the page")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_slow_and_flooding_clients_leave_the_others_alone() -> anyhow::Result<()> {
    let _machine = alone().await;
    let count = connections();
    let folder = tempfile::tempdir()?;
    let [syslog, statsd, smtp] = ["--syslog-tcp", "--statsd-tcp", "--smtp-listen"];
    let any = "127.0.0.1:0";
    let node = Node::start(&folder.path().join("data"), &[syslog, any, statsd, any, smtp, any]).await?;
    let clock = SystemClock::shared();
    let mut house = House { node, clock, lines: 0, slowest: Duration::ZERO };
    let asset = largest_asset(&house.node).await?;
    house.serves_others().await?;
    let quiet = std::mem::take(&mut house.slowest);
    let before = memory(&house.node, "VmHWM")?;
    for (name, address) in house.doors()? {
        let mut crowd = Vec::with_capacity(count);
        for number in 0..count {
            let stream = connect_from(number % ADDRESSES, &address).await;
            let mut stream = stream.with_context(|| format!("{name}: connection {number}"))?;
            // A door that has no room for it may have closed it by now, which is its right.
            let _ = stream.write_all(WORDS[number % WORDS.len()]).await;
            crowd.push(stream);
        }
        house.serves_others().await.with_context(|| format!("beside {count} idle connections at {name}"))?;
        println!(
            "C6 {count} idle connections at {name}: {} MiB more at most",
            memory(&house.node, "VmHWM")?.saturating_sub(before) / MIB
        );
    }
    let [web, http, grpc, ..] = &house.doors()?[..] else { anyhow::bail!("three doors of HTTP") };
    let addresses = [&web.1, &http.1, &grpc.1].map(String::clone);
    let before_floods = house.cut("protocol").await?;
    for address in &addresses {
        too_many_headers(address).await?;
        let [resets, mistakes, continuations, settings, pings] = floods(address).await?;
        ensure!(mistakes && continuations, "{address}: a flood went on and on: {mistakes} {continuations}");
        println!(
            "C6 floods at {address} ended by the node: resets {resets}, settings {settings}, pings {pings}"
        );
        house.serves_others().await.context("after floods")?;
    }
    let protocol = house.cut("protocol").await? - before_floods;
    ensure!(protocol >= 6, "{protocol} connections cut for what they spoke");
    let held = windows_of_nothing(&addresses[0], &asset, (count / 10).max(10)).await?;
    house.serves_others().await.context("beside windows of nothing")?;
    let growth = memory(&house.node, "VmHWM")?.saturating_sub(before);
    let crowded = house.cut("crowded").await?;
    println!(
        "C6 {count} idle connections at each of 6 doors, five floods at three, {} that take no answer: peak of memory {} MiB more, the slowest round at all doors {:?} ({quiet:?} before), {protocol} cut for what they spoke, {crowded} to make room",
        held.len(),
        growth / MIB,
        house.slowest,
    );
    ensure!(growth <= GROWTH_MAX, "{} MiB more", growth / MIB);
    if std::env::var_os("NINES_LONG_TESTS").is_some() {
        patience(&house, &addresses[0]).await?;
    }
    drop(held);
    house.node.stop().await
}

/// What takes as long as the node is patient: each ends, and is counted.
async fn patience(house: &House, address: &str) -> anyhow::Result<()> {
    let (silent, stalled) = (house.cut("silent").await?, house.cut("stalled").await?);
    let begun = house.clock.monotonic();
    let mut loris = connect(address).await?;
    let head = b"GET /healthz HTTP/1.1\r\nhost: x\r\na: ".iter().chain(std::iter::repeat(&b'b'));
    for byte in head {
        if loris.write_all(&[*byte]).await.is_err() || !is_open(&loris) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let after = house.clock.monotonic() - begun;
    println!("C6 a byte of a head now and then: cut after {after:?}");
    eventually("those that say nothing to be counted", async || {
        Ok((house.cut("silent").await? > silent).then_some(()))
    })
    .await?;
    eventually("those that take nothing to be counted", async || {
        Ok((house.cut("stalled").await? > stalled).then_some(()))
    })
    .await?;
    println!("C6 stalled: {} cut", house.cut("stalled").await? - stalled);
    Ok(())
}

fn is_open(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0; 64]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// A line of `/proc/PID/status`, in bytes.
fn memory(node: &Node, line: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.process_id()))?;
    let found = status.lines().find_map(|known| known.strip_prefix(line)).context("a line of status")?;
    Ok(found.trim_matches(&[':', '\t', ' '][..]).trim_end_matches(" kB").parse::<u64>()? * 1024)
}
