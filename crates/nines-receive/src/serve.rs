//! The listener loop, for the receivers and for whoever else serves HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures::future::Either;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use nines_base::{SharedClock, Shutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::Limits;
use crate::doors::Doors;
use crate::grpc;
use crate::receiver::OtlpReceiver;

/// After a failed accept (no file descriptors left, usually): time for some to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How an HTTP/2 connection begins.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Between two looks at a connection that has sent a part of the preface.
const PREFACE_PAUSE: Duration = Duration::from_millis(20);

/// Headers of one request.
const HEAD_BYTES_MAX: u32 = 32 * 1024;

/// Flow-control windows: what a peer may send before it is asked for, per stream and per connection.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// A silent HTTP/2 peer is asked whether it is there, and dropped if it does not answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

impl OtlpReceiver {
    /// Serves OTLP over gRPC and over HTTP on `listener` (bind it first, to know the port) until `shutdown` begins;
    /// then as [`serve`].
    pub async fn serve(&self, listener: TcpListener, shutdown: Shutdown) {
        let router = self.grpc_router().merge(self.http_router()).fallback(grpc::unknown_path);
        serve(listener, router, &self.inner.limits, &self.inner.clock, &shutdown).await;
    }
}

/// What is behind a listener.
#[derive(Clone)]
pub struct Site {
    router: Router,
    doors: Option<Arc<Doors>>,
}

impl Site {
    /// The doors that take one event a request are found by their exact path, before any routing, which would cost as much
    /// as all else together. The router must have them too: it answers every other spelling.
    #[must_use]
    pub fn with_doors(self, doors: Doors) -> Self {
        Self { doors: Some(Arc::new(doors)), ..self }
    }

    fn door(&self, request: &hyper::Request<Incoming>) -> Option<Arc<Doors>> {
        let doors = self.doors.as_ref()?;
        Doors::is_busy(request.method(), request.uri().path()).then(|| Arc::clone(doors))
    }
}

impl From<Router> for Site {
    fn from(router: Router) -> Self {
        Self { router, doors: None }
    }
}

/// Serves a site over HTTP/1 and HTTP/2 until `shutdown` begins; then stops accepting and returns when the open
/// requests are answered, or cut off after [`Limits::drain_timeout`]. A request carries its peer as
/// `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    site: impl Into<Site>,
    limits: &Limits,
    clock: &SharedClock,
    shutdown: &Shutdown,
) {
    let site = site.into();
    let slots = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots, clock) => accepted,
            () = shutdown.begun() => break,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let connection =
            connection(stream, peer, site.clone(), limits.clone(), Arc::clone(clock), shutdown.clone());
        open.spawn(async move {
            connection.await;
            drop(slot);
        });
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    tokio::select! {
        () = async { while open.join_next().await.is_some() {} } => {}
        () = clock.sleep(limits.drain_timeout) => {
            tracing::warn!(connections = open.len(), "connections cut off while stopping");
            open.shutdown().await;
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    site: Site,
    limits: Limits,
    clock: SharedClock,
    shutdown: Shutdown,
) {
    if !has_begun(&stream, limits.head_timeout, &clock, &shutdown).await {
        return;
    }
    let builder = connection_builder(&limits);
    let router = TowerToHyperService::new(site.router.clone());
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        match site.door(&request) {
            Some(doors) => Either::Left(async move { Ok(doors.answer(request.map(Body::new)).await) }),
            None => Either::Right(router.call(request)),
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "connection ended with an error");
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    clock: &SharedClock,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are small: waiting to fill a packet would delay every acknowledgement by 40 ms.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "could not set TCP_NODELAY");
            }
            Some((stream, peer, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "could not accept a connection");
            clock.sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Waits until it is clear which version of HTTP the peer speaks. The server library decides by the first bytes and
/// has no timeout for them, so a peer that sends none, or `PRI`, would hold a connection for ever.
async fn has_begun(stream: &TcpStream, timeout: Duration, clock: &SharedClock, shutdown: &Shutdown) -> bool {
    let is_clear = async {
        let mut start = [0; HTTP2_PREFACE.len()];
        loop {
            match stream.peek(&mut start).await {
                Ok(0) | Err(_) => return false,
                Ok(length) if length < start.len() && HTTP2_PREFACE.starts_with(&start[..length]) => {
                    clock.sleep(PREFACE_PAUSE).await;
                }
                Ok(_) => return true,
            }
        }
    };
    tokio::select! {
        is_clear = is_clear => is_clear,
        () = clock.sleep(timeout) => false,
        () = shutdown.begun() => false,
    }
}

fn connection_builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(HEAD_BYTES_MAX as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_concurrent_streams(limits.streams_per_connection)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
