//! TCP and TLS.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use futures::future::BoxFuture;
use nines_base::Shutdown;
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::frame::Framer;
use super::{Inner, Syslog, set_sender};
use crate::connections::{Connections, Cut, Place};

/// Read at once, and how much of it is stored together if the sender has more at hand.
const READ_BYTES: usize = 32 * 1024;
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// After a failed accept (no file descriptors left, usually): time for some to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Syslog {
    /// Serves syslog over TCP until `shutdown` begins; returns when what was read is stored.
    pub fn serve_tcp(
        &self,
        listener: TcpListener,
        connections: Connections,
        shutdown: Shutdown,
    ) -> BoxFuture<'_, ()> {
        Box::pin(self.serve(listener, None, connections, shutdown))
    }

    /// As [`Syslog::serve_tcp`], over TLS.
    pub fn serve_tls(
        &self,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        connections: Connections,
        shutdown: Shutdown,
    ) -> BoxFuture<'_, ()> {
        Box::pin(self.serve(listener, Some(TlsAcceptor::from(tls)), connections, shutdown))
    }

    async fn serve(
        &self,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        connections: Connections,
        shutdown: Shutdown,
    ) {
        let peers = Arc::new(Peers::default());
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.begun() => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a syslog connection");
                    self.inner.clock.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(seat) = peers.take(peer.ip(), self.inner.limits.connections_per_address) else {
                self.inner.refused.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%peer, "syslog connection refused: too many from this address");
                continue;
            };
            let place = connections.place(&self.inner.clock).await;
            let (inner, tls, shutdown) = (Arc::clone(&self.inner), tls.clone(), shutdown.clone());
            open.spawn(async move {
                tokio::select! {
                    () = inner.connection(stream, peer, tls, &place, &shutdown) => {}
                    // Only between two batches, so nothing that was read is lost.
                    () = place.is_wanted() => place.count(Cut::Crowded),
                }
                drop(seat);
            });
            while open.try_join_next().is_some() {}
        }
        drop(listener);
        while open.join_next().await.is_some() {}
    }
}

impl Inner {
    async fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<TlsAcceptor>,
        place: &Arc<Place>,
        shutdown: &Shutdown,
    ) {
        let Some(tls) = tls else { return self.read(stream, peer, place, shutdown).await };
        let accepted = tokio::select! {
            accepted = tls.accept(stream) => accepted,
            () = self.clock.sleep(self.limits.handshake_timeout) => {
                place.count(Cut::Silent);
                return tracing::debug!(%peer, "syslog sender did not finish its TLS handshake");
            }
            () = shutdown.begun() => return,
        };
        match accepted {
            Ok(stream) => self.read(stream, peer, place, shutdown).await,
            Err(error) => tracing::info!(%peer, %error, "syslog sender was refused by TLS"),
        }
    }

    async fn read(
        &self,
        mut stream: impl AsyncRead + Unpin,
        peer: SocketAddr,
        place: &Arc<Place>,
        shutdown: &Shutdown,
    ) {
        let mut framer = Framer::new(self.limits.message_bytes);
        let mut is_open = true;
        while is_open {
            let mut rows = self.rows();
            set_sender(&mut rows, peer);
            let mut bytes = 0;
            // The first bytes are waited for, more are taken as long as they are there already.
            while bytes < BATCH_BYTES_MAX {
                let buffer = framer.buffer();
                buffer.reserve(READ_BYTES);
                let length = if bytes == 0 {
                    tokio::select! {
                        length = stream.read_buf(buffer) => Some(length),
                        () = shutdown.begun() => return,
                    }
                } else {
                    at_hand(stream.read_buf(buffer)).await
                };
                match length {
                    None => break,
                    Some(Ok(0)) => is_open = false,
                    Some(Ok(length)) => bytes += length,
                    Some(Err(error)) => {
                        tracing::debug!(%peer, %error, "syslog connection ended with an error");
                        is_open = false;
                    }
                }
                while let Some(message) = framer.next() {
                    self.take(message.bytes, message.is_cut, &mut rows);
                }
                if !is_open {
                    if let Some(message) = framer.last() {
                        self.take(message.bytes, message.is_cut, &mut rows);
                    }
                    break;
                }
            }
            let busy = place.begin();
            self.store(rows.finish(), bytes as u64, shutdown).await;
            drop(busy);
        }
    }

    pub(super) fn take(&self, message: &[u8], is_cut: bool, rows: &mut nines_protocols::rows::RowWriter) {
        if is_cut {
            self.cut.fetch_add(1, Ordering::Relaxed);
        }
        if let Err(error) = nines_protocols::syslog::decode(message, rows) {
            // A batch is bounded by bytes far below the number of rows that this is about.
            tracing::error!(%error, "a syslog message was not taken");
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The output of `future` if it is ready at once.
async fn at_hand<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// How many connections each address has.
#[derive(Default)]
struct Peers(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place among those of its address.
struct Seat {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Peers {
    fn take(self: &Arc<Self>, address: IpAddr, limit: usize) -> Option<Seat> {
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Seat { peers: Arc::clone(self), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.peers.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}
