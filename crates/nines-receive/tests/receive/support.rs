//! A server with a sink that does as it is told, and bare HTTP connections.

use std::future::poll_fn;
use std::io::Write;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use futures::future::BoxFuture;
use hyper::body::Body as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nines_base::{ManualClock, Shutdown};
use nines_model::{Batch, Timestamp};
use nines_protocols::otlp::Signal;
use nines_receive::{AnonymousGate, Connections, IngestGate, Limits, OtlpReceiver, Sink, SinkError};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Keeps what it is given, unless told to refuse; and only as fast as told.
pub struct TestSink {
    pub batches: Mutex<Vec<Batch>>,
    refusal: Mutex<Option<SinkError>>,
    /// One permit lets one submission through.
    gate: Semaphore,
}

impl TestSink {
    pub fn refuse(&self, refusal: Option<SinkError>) {
        *self.refusal.lock().unwrap() = refusal;
    }

    pub fn events(&self) -> usize {
        self.batches.lock().unwrap().iter().map(|batch| batch.rows.len()).sum()
    }

    /// From now on, submissions wait for [`TestSink::release`].
    pub fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn release(&self, submissions: usize) {
        self.gate.add_permits(submissions);
    }
}

impl Sink for TestSink {
    fn submit(&self, batches: Vec<Batch>, _bytes: u64) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            self.gate.acquire().await.unwrap().forget();
            if let Some(refusal) = self.refusal.lock().unwrap().clone() {
                return Err(refusal);
            }
            self.batches.lock().unwrap().extend(batches);
            Ok(())
        })
    }
}

pub struct TestServer {
    pub addr: SocketAddr,
    pub sink: Arc<TestSink>,
    pub clock: Arc<ManualClock>,
    pub receiver: OtlpReceiver,
    pub connections: Connections,
    pub shutdown: Shutdown,
    pub serving: JoinHandle<()>,
}

/// Limits that are quick to reach.
pub fn small_limits() -> Limits {
    Limits { http_body_bytes: 256 * 1024, grpc_message_bytes: 64 * 1024, ..Limits::default() }
}

impl TestServer {
    pub async fn start(limits: Limits) -> Self {
        Self::start_with(limits, Arc::new(AnonymousGate)).await
    }

    pub async fn start_with(limits: Limits, gate: Arc<dyn IngestGate>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let sink = Arc::new(TestSink {
            batches: Mutex::default(),
            refusal: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
        let max = limits.connections;
        let receiver = OtlpReceiver::new(limits, sink.clone(), gate, clock.clone());
        let shutdown = Shutdown::new();
        let connections = Connections::new("test", max);
        let serving = tokio::spawn({
            let (receiver, connections, shutdown) = (receiver.clone(), connections.clone(), shutdown.clone());
            async move { receiver.serve(listener, &connections, shutdown).await }
        });
        Self { addr, sink, clock, receiver, connections, shutdown, serving }
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.http(request(path, headers, body)).await
    }

    /// A log request as protobuf with `headers` added.
    pub async fn post_protobuf(&self, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let all = [&[("content-type", "application/x-protobuf")], headers].concat();
        self.post("/v1/logs", &all, body).await
    }

    /// Over a fresh HTTP/1.1 connection.
    pub async fn http(&self, request: Request<Body>) -> Answer {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let answer = Answer::read(sender.send_request(request).await.unwrap()).await;
        connection.abort();
        answer
    }

    /// Over a fresh HTTP/2 connection without TLS.
    pub async fn http2(&self, request: Request<Body>) -> Answer {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let answer = Answer::read(sender.send_request(request).await.unwrap()).await;
        connection.abort();
        answer
    }

    /// A gRPC call of which every byte is given.
    pub async fn call(&self, signal: Signal, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let all = [&[("content-type", "application/grpc"), ("te", "trailers")], headers].concat();
        let path = format!("http://{}{}", self.addr, signal.grpc_path());
        self.http2(request(&path, &all, body)).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub fn request(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: HeaderMap,
}

impl Answer {
    pub async fn read(response: hyper::Response<hyper::body::Incoming>) -> Self {
        let (parts, mut incoming) = response.into_parts();
        let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
            match frame.unwrap().into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().unwrap(),
            }
        }
        Self { status: parts.status, headers: parts.headers, body, trailers }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `grpc-status`, from the trailers or from the headers of an answer that has only those.
    pub fn grpc_status(&self) -> Option<u32> {
        let value = self.trailers.get("grpc-status").or_else(|| self.headers.get("grpc-status"))?;
        value.to_str().unwrap().parse().ok()
    }

    /// The `google.rpc.Status` of a protobuf error answer.
    pub fn rpc_status(&self) -> RpcStatus {
        RpcStatus::decode(&self.body[..]).unwrap()
    }
}

/// `google.rpc.Status`, from the `.proto` files of googleapis.
#[derive(Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

#[derive(Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes, tag = "2")]
    pub value: Vec<u8>,
}

#[derive(Message)]
pub struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<Delay>,
}

#[derive(Message)]
pub struct Delay {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl RpcStatus {
    /// Seconds and nanoseconds of the `RetryInfo`, if there is one.
    pub fn retry_delay(&self) -> Option<(i64, i32)> {
        let detail = self.details.first()?;
        assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.RetryInfo");
        let delay = RetryInfo::decode(&detail.value[..]).unwrap().retry_delay.unwrap();
        Some((delay.seconds, delay.nanos))
    }
}

pub fn logs(records: usize) -> ExportLogsServiceRequest {
    let record = LogRecord { severity_text: "INFO".to_owned(), ..Default::default() };
    let scope = ScopeLogs { log_records: vec![record; records], ..Default::default() };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { scope_logs: vec![scope], ..Default::default() }],
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// A gRPC message with its prefix.
pub fn framed(compressed: bool, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[u8::from(compressed)], &length[..], message].concat()
}
