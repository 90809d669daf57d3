//! One request on its way through a pod: its trace context, its shopper, and what can be done with them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use nines_model::Timestamp;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::logs::{LogRecord, Logger, Severity};
use opentelemetry::propagation::{Extractor, Injector, TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

use super::pod::Pod;
use super::topology::Service;

/// Keys of the baggage, and of the span attributes that they become.
pub(super) const USER_ID: &str = "user.id";
pub(super) const CITY: &str = "geo.locality.name";

/// The trace goes on, and the shopper is known, wherever the request goes: W3C trace context and W3C baggage.
pub(super) fn propagator() -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ])
}

#[derive(Clone)]
pub(super) struct Call {
    pub(super) pod: Arc<Pod>,
    cx: Context,
}

/// Why a request failed, as it is told to the caller and to the telemetry.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    /// `error.type`.
    pub(super) kind: &'static str,
    pub(super) message: String,
}

/// What another service answered.
pub(super) struct Reply {
    pub(super) status: StatusCode,
}

/// Wraps every request: server span, metrics, access log of failures.
pub(super) async fn serve(State(pod): State<Arc<Pod>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("*", |path| path.as_str()).to_owned();
    let method = request.method().clone();
    let parent = propagator().extract_with_context(&Context::new(), &Headers(request.headers()));
    let started = pod.clock().monotonic();
    let mut attributes = vec![
        KeyValue::new("http.request.method", method.to_string()),
        KeyValue::new("http.route", route.clone()),
        KeyValue::new("url.path", request.uri().path().to_owned()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("server.address", pod.address.ip().to_string()),
        KeyValue::new("server.port", i64::from(pod.address.port())),
    ];
    attributes.extend(shopper(&parent));
    let builder = pod.telemetry.tracer.span_builder(format!("{method} {route}"));
    let span = builder
        .with_kind(SpanKind::Server)
        .with_attributes(attributes)
        .start_with_context(&pod.telemetry.tracer, &parent);
    let cx = parent.with_span(span);
    let call = Call { pod: pod.clone(), cx: cx.clone() };
    request.extensions_mut().insert(call);

    let response = next.run(request).await;

    let status = response.status();
    let span = cx.span();
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        // A handler that knows more has said so; its description wins in the SDK only if it came first.
        if response.extensions().get::<Described>().is_none() {
            span.set_attribute(KeyValue::new("error.type", status.as_u16().to_string()));
        }
        let reason =
            response.extensions().get::<Described>().map_or_else(|| status.to_string(), |it| it.0.clone());
        span.set_status(Status::error(reason));
    }
    span.end();
    let seconds = pod.clock().monotonic().saturating_sub(started).as_secs_f64();
    let labels = [
        KeyValue::new("http.request.method", method.to_string()),
        KeyValue::new("http.route", route),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
    ];
    pod.telemetry.request_duration.record(seconds, &labels);
    response
}

/// Marks a response whose span already holds the error's description.
#[derive(Clone)]
struct Described(String);

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Absent only where the middleware is missing, which is a defect.
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Call {
    /// For a request that begins here.
    pub(super) fn attribute(&self, name: &'static str, value: impl Into<opentelemetry::Value>) {
        self.cx.span().set_attribute(KeyValue::new(name, value));
    }

    /// Takes a time about `typical`, as an exponential tail over a floor does.
    pub(super) async fn work(&self, typical: Duration) {
        let tail = -(1.0 - self.pod.random.unit()).ln() * 0.5;
        self.pod.clock().sleep(typical.mul_f64(0.5 + tail.min(3.0))).await;
    }

    /// A step inside this request with a span of its own.
    pub(super) fn child(&self, name: &'static str, kind: SpanKind, attributes: Vec<KeyValue>) -> Self {
        let tracer = &self.pod.telemetry.tracer;
        let builder = tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
        let span = builder.start_with_context(tracer, &self.cx);
        Self { pod: self.pod.clone(), cx: self.cx.with_span(span) }
    }

    pub(super) fn end(self) {
        self.cx.span().end();
    }

    /// Calls another service in this region, with a client span around it.
    pub(super) async fn ask(
        &self,
        service: Service,
        path: &'static str,
        wait: Duration,
    ) -> Result<Reply, Failure> {
        let attributes = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("peer.service", service.as_str()),
            KeyValue::new("url.path", path),
        ];
        let client = self.child(client_span_name(service), SpanKind::Client, attributes);
        let reply = client.send(service, path, wait).await;
        match &reply {
            Ok(reply) => {
                client.attribute("http.response.status_code", i64::from(reply.status.as_u16()));
                if reply.status.is_client_error() || reply.status.is_server_error() {
                    client.attribute("error.type", reply.status.as_u16().to_string());
                    client.cx.span().set_status(Status::error(reply.status.to_string()));
                }
            }
            Err(failure) => {
                client.attribute("error.type", failure.kind);
                client.cx.span().set_status(Status::error(failure.message.clone()));
            }
        }
        client.end();
        reply
    }

    async fn send(&self, service: Service, path: &str, wait: Duration) -> Result<Reply, Failure> {
        let unreachable =
            |message: String| Failure { status: StatusCode::BAD_GATEWAY, kind: "ConnectionError", message };
        let directory = self.pod.world.directory.load();
        let address = directory.pick(service, self.pod.identity.region);
        let address =
            address.ok_or_else(|| unreachable(format!("no pod of {} is known", service.as_str())))?;
        let mut request = nines_egress::Request::post(format!("http://{address}{path}"), "");
        propagator().inject_context(&self.cx, &mut HeadersMut(&mut request.headers));
        request.timeout = Some(wait);
        match self.pod.world.http.send(request).await {
            Ok(response) => Ok(Reply { status: response.status }),
            Err(nines_egress::EgressError::Timeout { .. }) => Err(Failure {
                status: StatusCode::GATEWAY_TIMEOUT,
                kind: "TimeoutError",
                message: format!("{} did not answer within {} ms", service.as_str(), wait.as_millis()),
            }),
            Err(error) => Err(unreachable(error.to_string())),
        }
    }

    pub(super) fn info(&self, body: String, attributes: Vec<(&'static str, String)>) {
        self.log(Severity::Info, "INFO", body, attributes);
    }

    pub(super) fn warn(&self, body: String, attributes: Vec<(&'static str, String)>) {
        self.log(Severity::Warn, "WARN", body, attributes);
    }

    /// An error as semantic conventions have it: an exception event on the span, its description as the span's status,
    /// and a log record that carries the trace.
    pub(super) fn exception(&self, kind: &'static str, message: &str, stack: &str) {
        let span = self.cx.span();
        span.set_attribute(KeyValue::new("error.type", kind));
        span.set_attribute(KeyValue::new("error.message", message.to_owned()));
        span.set_status(Status::error(format!("{kind}: {message}")));
        let exception = vec![
            KeyValue::new("exception.type", kind),
            KeyValue::new("exception.message", message.to_owned()),
            KeyValue::new("exception.stacktrace", stack.to_owned()),
        ];
        span.add_event("exception", exception);
        let attributes = vec![
            ("exception.type", kind.to_owned()),
            ("exception.message", message.to_owned()),
            ("exception.stacktrace", stack.to_owned()),
        ];
        self.log(Severity::Error, "ERROR", format!("{kind}: {message}"), attributes);
    }

    fn log(
        &self,
        severity: Severity,
        text: &'static str,
        body: String,
        attributes: Vec<(&'static str, String)>,
    ) {
        let logger = &self.pod.telemetry.logger;
        let mut record = logger.create_log_record();
        let now = system_time(self.pod.clock().now());
        record.set_timestamp(now);
        record.set_observed_timestamp(now);
        record.set_severity_number(severity);
        record.set_severity_text(text);
        record.set_body(body.into());
        let span = self.cx.span();
        let context = span.span_context();
        record.set_trace_context(context.trace_id(), context.span_id(), Some(context.trace_flags()));
        for attribute in shopper(&self.cx) {
            record.add_attribute(attribute.key, attribute.value.to_string());
        }
        for (name, value) in attributes {
            record.add_attribute(name, value);
        }
        logger.emit(record);
    }
}

impl Failure {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.message.clone()).into_response();
        response.extensions_mut().insert(Described(format!("{}: {}", self.kind, self.message)));
        response
    }
}

/// The shopper's attributes, from the baggage.
fn shopper(cx: &Context) -> Vec<KeyValue> {
    let baggage = cx.baggage();
    let known = [USER_ID, CITY].into_iter().filter_map(|name| Some((name, baggage.get(name)?)));
    known.map(|(name, value)| KeyValue::new(name, value.as_str().to_owned())).collect()
}

fn client_span_name(service: Service) -> &'static str {
    match service {
        Service::Gateway => "POST gateway",
        Service::Checkout => "POST checkout",
        Service::Payment => "POST payment",
        Service::Inventory => "POST inventory",
        Service::Recommendation => "POST recommendation",
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + at.since(Timestamp::EPOCH)
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

pub(super) struct HeadersMut<'a>(pub(super) &'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            self.0.insert(name, value);
        }
    }
}
