//! S1 and F1: one event a request, and how soon it is found.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::Node;
use nines_base::SharedClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::figures::{cpu_seconds, distribution, now_nanos};

const LOAD: Duration = Duration::from_secs(10);
/// Connections that each wait for one answer before they send again: few, as an agent does; and many, as browsers do.
const CONNECTIONS: [usize; 2] = [4, 256];
const POSTS: usize = 100;

/// A connection that is kept, and speaks just enough HTTP/1.1 that the sender costs little of the two cores.
pub struct Wire {
    stream: TcpStream,
    address: String,
    key: String,
    answer: Vec<u8>,
}

impl Wire {
    pub async fn connect(url: &str, key: &str) -> anyhow::Result<Self> {
        let address = url.strip_prefix("http://").context("an address of plain HTTP")?.to_owned();
        let stream = TcpStream::connect(&address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, key: key.to_owned(), answer: Vec::with_capacity(4096) })
    }

    async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<()> {
        let Self { address, key, .. } = self;
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.say(&request).await
    }

    /// Sends what is given as it is, and waits for an answer of 2xx.
    pub async fn say(&mut self, request: &str) -> anyhow::Result<()> {
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the node hung up");
            let Some(end) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.answer[..end]);
            ensure!(head.starts_with("HTTP/1.1 2"), "the node refused an event: {head}");
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if self.answer.len() >= end + 4 + length.unwrap_or(0) {
                return Ok(());
            }
        }
    }
}

fn event(number: u64) -> String {
    format!(
        "{{\"timestamp\":{},\"service.name\":\"player\",\"severity_text\":\"INFO\",\"host.name\":\"edge-{}\",\"session.id\":\"s{number}\",\"body\":\"segment {number} played after {} ms\"}}",
        now_nanos(),
        number % 50,
        number % 900
    )
}

/// S1: what an event costs the server when it comes alone.
pub async fn one_a_request(node: &Node, clock: &SharedClock) -> anyhow::Result<()> {
    println!("S1 one event a request, each acknowledged after fsync");
    let key = node.key("ingest.key")?;
    for connections in CONNECTIONS {
        let cpu_before = cpu_seconds(node.process_id())?;
        let started = clock.monotonic();
        let sent = Arc::new(AtomicU64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let mut wire = Wire::connect(&node.addresses.http, &key).await?;
            let (clock, sent) = (Arc::clone(clock), Arc::clone(&sent));
            tasks.spawn(async move {
                while clock.monotonic() - started < LOAD {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    wire.post("/api/v1/ingest/logs", &event(number)).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        let (cpu, count) =
            (cpu_seconds(node.process_id())? - cpu_before, sent.load(Ordering::Relaxed) as f64);
        let elapsed = (clock.monotonic() - started).as_secs_f64();
        println!(
            "   {connections} connections: {:.0} events/s, {:.0} events per server CPU-second",
            count / elapsed,
            count / cpu
        );
    }
    Ok(())
}

/// F1: from the first byte of the post until a search has found it.
pub async fn post_to_searchable(node: &Node, clock: &SharedClock) -> anyhow::Result<()> {
    let api = node.api()?;
    let mut wire = Wire::connect(&node.addresses.http, &node.key("ingest.key")?).await?;
    let mut times = Vec::with_capacity(POSTS);
    for number in 0..POSTS {
        let posted = clock.monotonic();
        let body = format!(
            "{{\"timestamp\":{},\"service.name\":\"fresh\",\"body\":\"token{number}x\"}}",
            now_nanos()
        );
        wire.post("/api/v1/ingest/logs", &body).await?;
        let question = format!("select count(*) from logs where body = 'token{number}x'");
        ensure!(api.sql_number(&question).await? == 1.0, "an acknowledged event was not found at once");
        times.push((clock.monotonic() - posted).as_secs_f64());
    }
    println!("F1 post to searchable, acknowledgement and SQL query included: {}", distribution(&mut times));
    Ok(())
}
