//! The StatsD listeners of a node: lines over UDP and TCP, added up in memory, written to the series store every ten
//! seconds. Off unless an address is given; senders cannot show a key.
//!
//! What was received since the last flush is lost if the process dies: that is StatsD's own promise. What was dropped is
//! counted by reason, the datagrams that the kernel threw away included, in `nines_statsd_lines_total`,
//! `nines_statsd_dropped_total` and `nines_statsd_datagrams_lost_total`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use nines_base::disk::SharedDisk;
use nines_base::{SharedClock, Shutdown};
use nines_metrics::statsd::{Aggregator, FLUSH, Flushed, LINE_BYTES_MAX};
use nines_model::{Batch, Dataset};
use nines_receive::Sink;
use nines_series::SeriesStore;
use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::config::Config;

/// The largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Datagrams that are added up before the lock is given back.
const DATAGRAMS_AT_ONCE: usize = 64;
/// Streams at once; each holds a line at most.
const STREAMS_MAX: usize = 256;
/// A stream that says nothing for so long is closed.
const STREAM_IDLE: Duration = Duration::from_secs(600);
/// Where the kernel says how many datagrams it threw away.
const UDP_TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];

/// Sockets that wait to be served.
#[derive(Default)]
pub struct StatsdSockets {
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
}

/// What the listeners write with.
pub struct StatsdParts {
    pub clock: SharedClock,
    pub disk: SharedDisk,
    pub store: SeriesStore,
    /// Events go here, as rows.
    pub rows: Arc<dyn Sink>,
}

impl StatsdSockets {
    /// # Errors
    /// A port that is taken.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let mut sockets = Self::default();
        if let Some(address) = config.statsd.udp {
            let bound = UdpSocket::bind(address).await;
            sockets.udp = Some(bound.with_context(|| format!("cannot listen on {address} (--statsd-udp)"))?);
        }
        if let Some(address) = config.statsd.tcp {
            let bound = TcpListener::bind(address).await;
            sockets.tcp = Some(bound.with_context(|| format!("cannot listen on {address} (--statsd-tcp)"))?);
        }
        Ok(sockets)
    }

    /// Each open socket with its name, as people read it.
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let udp = self.udp.as_ref().and_then(|socket| socket.local_addr().ok());
        let tcp = self.tcp.as_ref().and_then(|listener| listener.local_addr().ok());
        let all = [("StatsD UDP", udp), ("StatsD TCP", tcp)];
        all.into_iter().filter_map(|(name, address)| Some((name, address?))).collect()
    }

    /// Serves until shutdown; the last flush is written before the tasks end. None if no socket is open.
    pub fn serve(self, parts: StatsdParts, shutdown: &Shutdown) -> Vec<JoinHandle<()>> {
        if self.udp.is_none() && self.tcp.is_none() {
            return Vec::new();
        }
        let port =
            self.udp.as_ref().and_then(|socket| socket.local_addr().ok()).map(|address| address.port());
        let statsd = Arc::new(Statsd { parts, aggregator: Mutex::default(), port });
        let mut tasks = Vec::new();
        let (receiving, received) = tokio::sync::mpsc::channel::<()>(1);
        if let Some(socket) = self.udp {
            let (statsd, stop, alive) = (Arc::clone(&statsd), shutdown.clone(), receiving.clone());
            tasks.push(tokio::spawn(async move {
                statsd.receive(socket, stop).await;
                drop(alive);
            }));
        }
        if let Some(listener) = self.tcp {
            let (statsd, stop, alive) = (Arc::clone(&statsd), shutdown.clone(), receiving.clone());
            tasks.push(tokio::spawn(async move {
                statsd.accept(listener, stop).await;
                drop(alive);
            }));
        }
        let stop = shutdown.clone();
        tasks.push(tokio::spawn(async move { statsd.flush_all(received, stop).await }));
        tasks
    }
}

struct Statsd {
    parts: StatsdParts,
    aggregator: Mutex<Aggregator>,
    port: Option<u16>,
}

impl Statsd {
    async fn receive(&self, socket: UdpSocket, shutdown: Shutdown) {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let mut next = tokio::select! {
                first = socket.recv(&mut datagram) => first,
                () = shutdown.begun() => return,
            };
            let now = self.parts.clock.now();
            let mut aggregator = self.aggregator.lock();
            for _ in 0..DATAGRAMS_AT_ONCE {
                match next {
                    Ok(length) => aggregator.take(&datagram[..length], now),
                    Err(_) => break,
                }
                next = socket.try_recv(&mut datagram);
            }
            // The one that was received beyond the last round.
            if let Ok(length) = next {
                aggregator.take(&datagram[..length], now);
            }
        }
    }

    async fn accept(self: &Arc<Self>, listener: TcpListener, shutdown: Shutdown) {
        let room = Arc::new(Semaphore::new(STREAMS_MAX));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.begun() => return,
            };
            let Ok((stream, _)) = accepted else { continue };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                tracing::warn!(streams = STREAMS_MAX, "a stream of StatsD is refused: too many are open");
                continue;
            };
            let (statsd, stop) = (Arc::clone(self), shutdown.clone());
            tokio::spawn(async move {
                statsd.read(stream, stop).await;
                drop(place);
            });
        }
    }

    async fn read(&self, mut stream: TcpStream, shutdown: Shutdown) {
        let mut buffer = Vec::with_capacity(2 * LINE_BYTES_MAX);
        loop {
            let read = tokio::select! {
                read = stream.read_buf(&mut buffer) => read,
                () = self.parts.clock.sleep(STREAM_IDLE) => return,
                () = shutdown.begun() => return,
            };
            let is_end = !matches!(read, Ok(length) if length > 0);
            let whole = if is_end {
                buffer.len()
            } else {
                buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
            };
            if whole > 0 {
                self.aggregator.lock().take(&buffer[..whole], self.parts.clock.now());
                buffer.drain(..whole);
            }
            if is_end {
                return;
            }
            if buffer.len() > LINE_BYTES_MAX {
                self.aggregator.lock().malformed();
                return;
            }
        }
    }

    /// Until nobody receives any more.
    async fn flush_all(&self, mut received: tokio::sync::mpsc::Receiver<()>, shutdown: Shutdown) {
        loop {
            let is_over = tokio::select! {
                () = self.parts.clock.sleep(FLUSH) => false,
                () = shutdown.begun() => true,
                _ = received.recv() => true,
            };
            self.flush().await;
            if is_over {
                return;
            }
        }
    }

    async fn flush(&self) {
        let now = self.parts.clock.now();
        let (mut flushed, tally) = {
            let mut aggregator = self.aggregator.lock();
            (aggregator.flush(now), aggregator.tally())
        };
        flushed.count("nines_statsd_lines_total", &[], tally.taken as f64);
        for (reason, count) in tally.dropped() {
            flushed.count("nines_statsd_dropped_total", &[("reason", reason)], count as f64);
        }
        if let Some(port) = self.port {
            let lost = lost_by_kernel(&self.parts.disk, port);
            flushed.count("nines_statsd_datagrams_lost_total", &[], lost as f64);
        }
        let events = std::mem::take(&mut flushed.events);
        if let Err(error) = write(self.parts.store.clone(), flushed).await {
            tracing::error!(error, "ten seconds of StatsD are lost");
        }
        if !events.is_empty() {
            let batch = Batch::of_events(Dataset::Logs, now, &events);
            // About what they took on the wire.
            let bytes = (events.len() * 200) as u64;
            if let Err(error) = self.parts.rows.submit(vec![batch], bytes).await {
                tracing::error!(%error, events = events.len(), "events of StatsD are lost");
            }
        }
    }
}

async fn write(store: SeriesStore, flushed: Flushed) -> Result<(), String> {
    let pending = tokio::task::spawn_blocking(move || store.write(flushed.request()));
    let pending = pending.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let outcome = pending.await.map_err(|error| error.to_string())?;
    if outcome.rejected > 0 {
        tracing::warn!(rejected = outcome.rejected, "samples of StatsD were refused by the store");
    }
    Ok(())
}

/// The last column of the kernel's table, of the sockets that listen on this port; 0 where there is no such table.
fn lost_by_kernel(disk: &SharedDisk, port: u16) -> u64 {
    let mut lost = 0;
    for table in UDP_TABLES {
        let text = disk.read(Path::new(table)).unwrap_or_default();
        lost += lost_in(&String::from_utf8_lossy(&text), port);
    }
    lost
}

fn lost_in(table: &str, port: u16) -> u64 {
    let is_ours = |local: &str| {
        local.rsplit_once(':').is_some_and(|(_, known)| u16::from_str_radix(known, 16) == Ok(port))
    };
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = lines.filter(|columns| columns.get(1).is_some_and(|local| is_ours(local)));
    ours.filter_map(|columns| columns.last()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_says_what_it_threw_away() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  390: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 30586 2 0000000000000000 17\n  391: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 30587 2 0000000000000000 4\n";
        assert_eq!((lost_in(table, 8125), lost_in(table, 53), lost_in(table, 1)), (17, 4, 0));
    }
}
