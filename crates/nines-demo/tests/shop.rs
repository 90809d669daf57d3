//! The shop against a collector that only keeps what it is sent: are the traces whole, and do the faults do what the
//! stories say?
#![allow(clippy::unwrap_used, reason = "helpers of tests: a surprise ends the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nines_base::SystemClock;
use nines_demo::{Region, Sender, Service, Shop};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use parking_lot::Mutex;
use tonic::{Request, Response, Status};

#[derive(Debug, Clone)]
struct Span {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    kind: i32,
    fields: BTreeMap<String, String>,
}

#[derive(Default)]
struct Kept {
    spans: Vec<Span>,
    logs: usize,
    log_traces: BTreeSet<Vec<u8>>,
    metrics: BTreeSet<String>,
    keys: BTreeSet<String>,
}

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Kept>>);

const SERVER: i32 = 2;

fn fields(into: &mut BTreeMap<String, String>, attributes: &[KeyValue]) {
    for attribute in attributes {
        let value = match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(text)) => text.clone(),
            Some(Value::IntValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        into.insert(attribute.key.clone(), value);
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.0.lock();
        if let Some(key) = request.metadata().get("authorization") {
            kept.keys.insert(key.to_str().unwrap().to_owned());
        }
        for resource in request.into_inner().resource_spans {
            let mut shared = BTreeMap::new();
            fields(&mut shared, &resource.resource.unwrap_or_default().attributes);
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let mut own = shared.clone();
                fields(&mut own, &span.attributes);
                kept.spans.push(Span {
                    trace: span.trace_id,
                    id: span.span_id,
                    parent: span.parent_span_id,
                    kind: span.kind,
                    fields: own,
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut kept = self.0.lock();
        let scopes = request.into_inner().resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
        for record in scopes.flat_map(|scope| scope.log_records) {
            kept.logs += 1;
            kept.log_traces.insert(record.trace_id);
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes =
            request.into_inner().resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        let names = scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name);
        self.0.lock().metrics.extend(names);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        let collector = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()))
            .add_service(LogsServiceServer::new(collector.clone()))
            .add_service(MetricsServiceServer::new(collector.clone()))
            .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
        tokio::spawn(server);
        (collector, address)
    }

    fn servers(&self, service: Service) -> Vec<Span> {
        let kept = self.0.lock();
        let is = |span: &&Span| span.kind == SERVER && span.fields["service.name"] == service.as_str();
        kept.spans.iter().filter(is).cloned().collect()
    }
}

async fn open(collector: SocketAddr) -> Shop {
    let sender = Sender {
        endpoint: format!("http://{collector}"),
        key: Some("nk_demo".to_owned()),
        delay: Duration::from_millis(50),
    };
    Shop::start(sender, SystemClock::shared(), 7).await.unwrap()
}

/// Waits until the collector holds what `done` looks for. The limit only ends a test that has failed.
async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never happened: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_one_trace_over_four_services_with_true_parents() {
    let (collector, address) = Collector::start().await;
    let shop = open(address).await;
    let traffic = shop.open(60.0, 1);
    eventually("twenty orders", || collector.servers(Service::Payment).len() >= 20).await;
    traffic.stop().await;
    shop.stop().await;

    let kept = collector.0.lock();
    let mut traces: BTreeMap<&[u8], Vec<&Span>> = BTreeMap::new();
    for span in &kept.spans {
        traces.entry(&span.trace).or_default().push(span);
    }
    let mut widest = 0;
    for spans in traces.values() {
        let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|span| (span.id.as_slice(), *span)).collect();
        let services: BTreeSet<&str> =
            spans.iter().map(|span| span.fields["service.name"].as_str()).collect();
        widest = widest.max(services.len());
        let roots: Vec<_> = spans.iter().filter(|span| span.parent.is_empty()).collect();
        assert_eq!(roots.len(), 1, "one root, the gateway");
        assert_eq!(roots[0].fields["service.name"], "gateway");
        for span in spans.iter().filter(|span| !span.parent.is_empty()) {
            let parent = by_id[span.parent.as_slice()];
            if span.kind == SERVER {
                // What was called is what the caller says that it called.
                assert_eq!(parent.fields["peer.service"], span.fields["service.name"]);
                assert_eq!(parent.fields["cloud.region"], span.fields["cloud.region"]);
            } else {
                assert_eq!(parent.fields["service.name"], span.fields["service.name"]);
            }
        }
        let users: BTreeSet<_> =
            spans.iter().filter(|span| span.kind == SERVER).map(|span| &span.fields["user.id"]).collect();
        assert_eq!(users.len(), 1, "one shopper, known to every service");
    }
    assert_eq!(widest, 4, "gateway, checkout, inventory and payment");
    for name in [
        "service.version",
        "k8s.pod.name",
        "host.name",
        "cloud.region",
        "vcs.ref.head.revision",
        "http.route",
    ] {
        assert!(
            kept.spans.iter().filter(|span| span.kind == SERVER).all(|span| span.fields.contains_key(name)),
            "{name}"
        );
    }
    assert!(kept.logs > 0 && kept.log_traces.iter().all(|trace| traces.contains_key(trace.as_slice())));
    assert!(kept.metrics.contains("http.server.request.duration"), "{:?}", kept.metrics);
    assert_eq!(kept.keys.iter().map(String::as_str).collect::<Vec<_>>(), ["Bearer nk_demo"]);
    let failed =
        |span: &&Span| span.fields.get("http.response.status_code").is_some_and(|code| code.starts_with('5'));
    assert_eq!(kept.spans.iter().filter(failed).count(), 0, "a calm shop does not fail");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_changes_what_is_said_and_done_and_a_roll_back_takes_it_back() {
    let (collector, address) = Collector::start().await;
    let shop = open(address).await;
    let traffic = shop.open(80.0, 2);
    let release = nines_demo::BAD_CHECKOUT;
    for region in Region::ALL {
        shop.roll(Service::Checkout, region, 2, release).await.unwrap();
    }
    let of = |version: &str, code: &str| {
        let spans = collector.servers(Service::Checkout);
        let is = |span: &&Span| {
            span.fields["service.version"] == version && span.fields["http.response.status_code"] == code
        };
        spans.iter().filter(is).count()
    };
    eventually("failures of 2.4.1", || of("2.4.1", "500") >= 30).await;
    eventually("orders of 2.4.0", || of("2.4.0", "200") >= 10).await;
    assert_eq!(of("2.4.0", "500"), 0, "the old version is well");

    shop.roll_back(Service::Checkout).await.unwrap();
    // Everything that the new version did has been sent when its pods have stopped.
    let (bad, good) = (of("2.4.1", "500"), of("2.4.0", "200"));
    eventually("orders after the roll-back", || of("2.4.0", "200") >= good + 30).await;
    assert_eq!(of("2.4.1", "500"), bad);
    traffic.stop().await;
    shop.stop().await;
}
