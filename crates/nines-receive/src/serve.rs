//! The listener loop, for the receivers and for whoever else serves HTTP.

use std::convert::Infallible;
use std::error::Error as _;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Response, StatusCode};
use futures::future::{BoxFuture, Either, ready};
use hyper::Version;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use nines_base::{SharedClock, Shutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::config::Limits;
use crate::connections::{Connections, Cut, Place};
use crate::doors::Doors;
use crate::grpc;
use crate::receiver::OtlpReceiver;
use crate::watch::{Answer, Flow, WatchedIo};

/// After a failed accept (no file descriptors left, usually): time for some to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How an HTTP/2 connection begins.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Between two looks at a connection that has sent a part of the preface.
const PREFACE_PAUSE: Duration = Duration::from_millis(20);

/// Headers of one request. Over HTTP/1 the library takes a hundred at most, and bounds what it has read before a head is whole,
/// so that one may be larger that came in one piece.
const HEAD_BYTES_MAX: u32 = 32 * 1024;

/// Streams that a peer opened and reset before they were looked at; more end the connection (CVE-2023-44487).
const RESETS_UNSEEN_MAX: usize = 20;

/// Streams that were reset because of a mistake of the peer's; more end the connection (CVE-2025-8671).
const RESETS_FOR_MISTAKES_MAX: usize = 100;

/// Of answers that the peer's windows have no room for, per stream.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Flow-control windows: what a peer may send before it is asked for, per stream and per connection.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Looks, in the shorter of [`Limits::answer_timeout`] and [`Limits::head_timeout`], at whether a peer takes its answers and
/// says what it wants next. The server library's own timer for the latter costs one timer a request.
const LOOKS_PER_TIMEOUT: u32 = 4;

/// A silent HTTP/2 peer is asked whether it is there, and dropped if it does not answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

impl OtlpReceiver {
    /// Serves OTLP over gRPC and over HTTP on `listener` (bind it first, to know the port) until `shutdown` begins;
    /// then as [`serve`].
    pub async fn serve(&self, listener: TcpListener, connections: &Connections, shutdown: Shutdown) {
        let router = self.grpc_router().merge(self.http_router()).fallback(grpc::unknown_path);
        let inner = &self.inner;
        serve(listener, router, &inner.limits, connections, &inner.clock, &shutdown).await;
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
///
/// Every listener of HTTP is served by this, so what bounds a connection stands in this file and in [`Limits`] alone.
pub async fn serve(
    listener: TcpListener,
    site: impl Into<Site>,
    limits: &Limits,
    connections: &Connections,
    clock: &SharedClock,
    shutdown: &Shutdown,
) {
    serve_site(listener, site.into(), limits, connections, clock, shutdown).await;
}

/// The body of an async function is compiled by the crate that awaits it, and what it awaits with it: without the box all
/// that runs for a request would be as slow as a crate that is not optimised.
fn serve_site<'a>(
    listener: TcpListener,
    site: Site,
    limits: &'a Limits,
    connections: &'a Connections,
    clock: &'a SharedClock,
    shutdown: &'a Shutdown,
) -> BoxFuture<'a, ()> {
    Box::pin(accept_all(listener, site, limits, connections, clock, shutdown))
}

async fn accept_all(
    listener: TcpListener,
    site: Site,
    limits: &Limits,
    connections: &Connections,
    clock: &SharedClock,
    shutdown: &Shutdown,
) {
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, connections, clock) => accepted,
            () = shutdown.begun() => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let connection = Connection {
            peer,
            place,
            limits: limits.clone(),
            clock: Arc::clone(clock),
            shutdown: shutdown.clone(),
        };
        open.spawn(connection.run(stream, site.clone()));
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

struct Connection {
    peer: SocketAddr,
    place: Arc<Place>,
    limits: Limits,
    clock: SharedClock,
    shutdown: Shutdown,
}

impl Connection {
    async fn run(self, stream: TcpStream, site: Site) {
        let begun = tokio::select! {
            begun = has_begun(&stream, self.limits.head_timeout, &self.clock, &self.shutdown) => begun,
            () = self.place.is_wanted() => Err(Some(Cut::Crowded)),
        };
        let reason = match begun {
            // Behind a pointer, so that whoever says nothing takes little room.
            Ok(version) => Box::pin(self.speak(version, stream, site)).await,
            Err(reason) => reason,
        };
        if let Some(reason) = reason {
            self.place.count(reason);
            tracing::debug!(peer = %self.peer, reason = reason.as_str(), "connection cut");
        }
    }

    /// Until either side ends it; says why if it was the node.
    async fn speak(&self, version: Version, stream: TcpStream, site: Site) -> Option<Cut> {
        let speaks_http2 = version == Version::HTTP_2;
        let flow = Flow::new(&self.clock);
        let router = TowerToHyperService::new(site.router.clone());
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            let (begun, peer) = (flow.begin(&self.place), self.peer);
            let answer = match site.door(&request) {
                // Over HTTP/2 the library bounds it.
                _ if !speaks_http2 && head_bytes(&request) > HEAD_BYTES_MAX as usize => {
                    Either::Right(Either::Left(ready(Ok(head_too_large()))))
                }
                // Boxed while it is small: what it will need is not moved about with it.
                Some(doors) => {
                    Either::Left(Box::pin(
                        async move { Ok(doors.answer(request.map(Body::new), peer).await) },
                    ))
                }
                None => {
                    request.extensions_mut().insert(ConnectInfo(peer));
                    Either::Right(Either::Right(router.call(request)))
                }
            };
            async move { Ok::<_, Infallible>(answer.await?.map(|body| Answer::new(body, speaks_http2, begun))) }
        });
        let io = WatchedIo::new(TokioIo::new(stream), Arc::clone(&flow));
        let builder = connection_builder(&self.limits, version);
        let look_every = self.limits.answer_timeout.min(self.limits.head_timeout) / LOOKS_PER_TIMEOUT;
        let mut connection = pin!(builder.serve_connection(io, service));
        let mut is_stopping = false;
        loop {
            tokio::select! {
                biased;
                result = connection.as_mut() => return self.reason(result.err()?.as_ref()),
                () = self.place.is_wanted() => return Some(Cut::Crowded),
                () = self.clock.sleep(look_every) => {
                    if flow.stalled_for() >= self.limits.answer_timeout {
                        return Some(Cut::Stalled);
                    }
                    // Over HTTP/2 it is asked whether it is there.
                    if !speaks_http2 && flow.silent_for() >= self.limits.head_timeout {
                        return Some(Cut::Silent);
                    }
                }
                () = self.shutdown.begun(), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// `None` where the peer went away.
    fn reason(&self, error: &(dyn std::error::Error + 'static)) -> Option<Cut> {
        tracing::debug!(peer = %self.peer, %error, "connection ended with an error");
        let hyper = error.downcast_ref::<hyper::Error>()?;
        if hyper.is_timeout() {
            return Some(Cut::Silent);
        }
        let http2 = hyper.source().and_then(|source| source.downcast_ref::<h2::Error>());
        let is_protocol = hyper.is_parse() || http2.is_some_and(|error| error.is_library() && !error.is_io());
        is_protocol.then_some(Cut::Protocol)
    }
}

/// The path and the headers, as they came but for what lies between.
fn head_bytes(request: &hyper::Request<Incoming>) -> usize {
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    request.uri().path_and_query().map_or(0, |path| path.as_str().len()) + headers.sum::<usize>()
}

fn head_too_large() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    clock: &SharedClock,
) -> Option<(TcpStream, SocketAddr, Arc<Place>)> {
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are small: waiting to fill a packet would delay every acknowledgement by 40 ms.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "could not set TCP_NODELAY");
            }
            Some((stream, peer, connections.place(clock).await))
        }
        Err(error) => {
            tracing::warn!(%error, "could not accept a connection");
            clock.sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Waits until it is clear which version of HTTP the peer speaks. The server library decides by the first bytes and
/// has no timeout for them, so a peer that sends none, or `PRI`, would hold a connection for ever. An error says why the node
/// wants no more of it, `None` that the peer went away or the node stops.
async fn has_begun(
    stream: &TcpStream,
    timeout: Duration,
    clock: &SharedClock,
    shutdown: &Shutdown,
) -> Result<Version, Option<Cut>> {
    let is_clear = async {
        let mut start = [0; HTTP2_PREFACE.len()];
        loop {
            match stream.peek(&mut start).await {
                Ok(0) | Err(_) => return Err(None),
                Ok(length) if length < start.len() && HTTP2_PREFACE.starts_with(&start[..length]) => {
                    clock.sleep(PREFACE_PAUSE).await;
                }
                Ok(_) if start == *HTTP2_PREFACE => return Ok(Version::HTTP_2),
                Ok(_) => return Ok(Version::HTTP_11),
            }
        }
    };
    tokio::select! {
        is_clear = is_clear => is_clear,
        () = clock.sleep(timeout) => Err(Some(Cut::Silent)),
        () = shutdown.begun() => Err(None),
    }
}

fn connection_builder(limits: &Limits, version: Version) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_concurrent_streams(limits.streams_per_connection)
        .max_pending_accept_reset_streams(RESETS_UNSEEN_MAX)
        .max_local_error_reset_streams(RESETS_FOR_MISTAKES_MAX)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    if version == Version::HTTP_2 { builder.http2_only() } else { builder.http1_only() }
}
