//! UDP: a datagram is a message.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use futures::future::BoxFuture;
use nines_base::Shutdown;
use nines_model::Batch;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{Inner, Syslog, set_sender};

/// The largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Datagrams that become one batch if they have all arrived.
const BATCH_MAX: usize = 512;

/// Batches that wait for the disk: at some 200 bytes a message 256 × 512 of them are 26 MB, and seconds of a busy network.
const QUEUE_BATCHES: usize = 256;

impl Syslog {
    /// Serves syslog over UDP until `shutdown` begins; returns when what was received is stored.
    pub fn serve_udp(&self, socket: UdpSocket, shutdown: Shutdown) -> BoxFuture<'_, ()> {
        let (sender, receiver) = channel(QUEUE_BATCHES);
        Box::pin(async move {
            let receiving = self.inner.receive(socket, sender, shutdown.clone());
            let storing = self.inner.store_all(receiver, &shutdown);
            tokio::join!(receiving, storing);
        })
    }
}

impl Inner {
    async fn receive(&self, socket: UdpSocket, sender: Sender<(Batch, u64)>, shutdown: Shutdown) {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let first = tokio::select! {
                first = socket.recv_from(&mut datagram) => first,
                () = shutdown.begun() => return,
            };
            let mut next = first;
            let mut rows = self.rows();
            let mut bytes = 0;
            let mut last_peer: Option<SocketAddr> = None;
            for left in (0..BATCH_MAX).rev() {
                let (length, peer) = match next {
                    Ok(received) => received,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(error) => {
                        tracing::debug!(%error, "could not receive a datagram");
                        break;
                    }
                };
                if last_peer.map(|last| last.ip()) != Some(peer.ip()) {
                    set_sender(&mut rows, peer);
                    last_peer = Some(peer);
                }
                bytes += length as u64;
                let kept = length.min(self.limits.message_bytes);
                self.take(&datagram[..kept], kept < length, &mut rows);
                if left == 0 {
                    break;
                }
                next = socket.try_recv_from(&mut datagram);
            }
            let batch = rows.finish();
            let messages = batch.rows.len() as u64;
            if messages > 0 && sender.try_send((batch, bytes)).is_err() {
                self.dropped.fetch_add(messages, Ordering::Relaxed);
            }
        }
    }

    async fn store_all(&self, mut receiver: Receiver<(Batch, u64)>, shutdown: &Shutdown) {
        while let Some((batch, bytes)) = receiver.recv().await {
            self.store(batch, bytes, shutdown).await;
        }
    }
}
