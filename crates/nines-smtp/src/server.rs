//! Listening, and who may be connected.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use nines_base::{SharedClock, Shutdown};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::session::{End, Session, Shared};
use crate::{Limits, Postbox};

/// After a failed accept (no file descriptors left, usually): time for some to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server of mail.
pub struct Smtp {
    postbox: Arc<dyn Postbox>,
    limits: Limits,
    clock: SharedClock,
    tls: Option<Arc<ServerConfig>>,
    requires_tls: bool,
}

impl Smtp {
    /// `tls`: what `STARTTLS` is answered with; with `requires_tls` no mail is taken before it.
    pub fn new(
        postbox: Arc<dyn Postbox>,
        limits: Limits,
        clock: SharedClock,
        tls: Option<Arc<ServerConfig>>,
        requires_tls: bool,
    ) -> Self {
        Self { postbox, limits, clock, tls, requires_tls }
    }

    /// Until `shutdown` begins; returns when every conversation is over.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) {
        let slots = Arc::new(Semaphore::new(self.limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let seats = Arc::new(Mutex::new(HashMap::<IpAddr, usize>::new()));
        let acceptor = self.tls.map(TlsAcceptor::from);
        let shared = Arc::new(Shared {
            postbox: self.postbox,
            limits: self.limits,
            clock: self.clock,
            shutdown: shutdown.clone(),
            has_tls: acceptor.is_some(),
            requires_tls: self.requires_tls,
        });
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.begun() => break,
                Some(_) = open.join_next(), if !open.is_empty() => continue,
            };
            let (mut stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection for mail");
                    shared.clock.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // A name of IPv4 in IPv6 is the same peer.
            let address = peer.ip().to_canonical();
            let slot = Arc::clone(&slots).try_acquire_owned();
            let seat = Seat::take(&seats, address, shared.limits.connections_per_address);
            let (Ok(slot), Some(seat)) = (slot, seat) else {
                // A full house answers at once and keeps nobody waiting; best effort, the sender comes again.
                drop(stream.try_write(b"421 4.7.0 too many connections, come again\r\n"));
                drop(stream.shutdown().await);
                continue;
            };
            let (shared, acceptor) = (Arc::clone(&shared), acceptor.clone());
            open.spawn(async move {
                let _held = (slot, seat);
                tokio::select! {
                    ended = converse(&shared, acceptor, stream, address) => if let Err(error) = ended {
                        tracing::debug!(%error, peer = %address, "a conversation by SMTP ended badly");
                    },
                    () = shared.clock.sleep(shared.limits.conversation) => {
                        tracing::debug!(peer = %address, "a conversation by SMTP took too long");
                    }
                }
            });
        }
        while open.join_next().await.is_some() {}
    }
}

async fn converse(
    shared: &Shared,
    acceptor: Option<TlsAcceptor>,
    stream: TcpStream,
    peer: IpAddr,
) -> io::Result<()> {
    let (end, stream) = Session::new(shared, stream, peer, false).converse().await?;
    let (End::StartTls, Some(acceptor)) = (end, acceptor) else { return finish(stream).await };
    let handshake = acceptor.accept(stream);
    let stream = tokio::select! {
        stream = handshake => stream?,
        () = shared.clock.sleep(shared.limits.handshake) => return Err(io::ErrorKind::TimedOut.into()),
    };
    let (_, stream) = Session::new(shared, stream, peer, true).converse().await?;
    finish(stream).await
}

async fn finish(mut stream: impl tokio::io::AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await
}

/// One connection of an address.
struct Seat {
    seats: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Seat {
    fn take(seats: &Arc<Mutex<HashMap<IpAddr, usize>>>, address: IpAddr, max: usize) -> Option<Self> {
        let mut taken = seats.lock();
        let count = taken.entry(address).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Self { seats: Arc::clone(seats), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}
