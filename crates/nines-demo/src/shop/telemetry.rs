//! One pod's telemetry: the official OpenTelemetry SDK with traces, logs and metrics, each batched and sent as
//! OTLP/gRPC.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::logs::LoggerProvider;
use opentelemetry::metrics::{Histogram, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder as LogBatchConfig, BatchLogProcessor, SdkLogger, SdkLoggerProvider,
};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder as SpanBatchConfig, BatchSpanProcessor, SdkTracer, SdkTracerProvider,
};
use tonic::metadata::{MetadataMap, MetadataValue};

use super::ShopError;
use super::topology::Identity;

/// Where telemetry goes.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Such as `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// Sent as a bearer token, if the node asks for one.
    pub key: Option<String>,
    /// How long spans and logs wait for company. The SDK's default of 5 s would be most of the time to detection.
    pub delay: Duration,
}

/// Metrics are read this often; the promises are measured on spans.
const METRICS_EVERY: Duration = Duration::from_secs(10);

/// Spans and logs that wait in a pod: 16 s of the busiest pod's at ten times the usual traffic.
const QUEUE_MAX: usize = 8192;

/// A pod that stops waits this long for its last batch.
const STOP_WAIT_MAX: Duration = Duration::from_secs(3);

const SCOPE: &str = "shop";
/// As the semantic conventions advise for durations in seconds; those of the SDK are for milliseconds.
const DURATION_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub struct Telemetry {
    pub tracer: SdkTracer,
    pub logger: SdkLogger,
    /// `http.server.request.duration`, seconds.
    pub request_duration: Histogram<f64>,
    /// `db.client.connection.wait_time`, seconds.
    pub pool_wait: Histogram<f64>,
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
    metrics: SdkMeterProvider,
}

impl Telemetry {
    /// Must run inside a tokio runtime, which carries the connections.
    pub fn start(identity: &Identity, sender: &Sender) -> Result<Self, ShopError> {
        let failed = |reason: String| ShopError::Telemetry { service: identity.service.as_str(), reason };
        let metadata = metadata(sender).map_err(failed)?;
        let spans = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&sender.endpoint)
            .with_metadata(metadata.clone());
        let logs = LogExporter::builder()
            .with_tonic()
            .with_endpoint(&sender.endpoint)
            .with_metadata(metadata.clone());
        let metrics =
            MetricExporter::builder().with_tonic().with_endpoint(&sender.endpoint).with_metadata(metadata);
        let spans = spans.build().map_err(|error| failed(error.to_string()))?;
        let logs = logs.build().map_err(|error| failed(error.to_string()))?;
        let metrics = metrics.build().map_err(|error| failed(error.to_string()))?;

        let resource = resource(identity);
        let span_batches =
            SpanBatchConfig::default().with_max_queue_size(QUEUE_MAX).with_scheduled_delay(sender.delay);
        let traces = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_span_processor(
                BatchSpanProcessor::builder(spans).with_batch_config(span_batches.build()).build(),
            )
            .build();
        let log_batches =
            LogBatchConfig::default().with_max_queue_size(QUEUE_MAX).with_scheduled_delay(sender.delay);
        let logs = SdkLoggerProvider::builder()
            .with_resource(resource.clone())
            .with_log_processor(
                BatchLogProcessor::builder(logs).with_batch_config(log_batches.build()).build(),
            )
            .build();
        let metrics = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(PeriodicReader::builder(metrics).with_interval(METRICS_EVERY).build())
            .build();
        let meter = metrics.meter(SCOPE);
        let seconds =
            |name| meter.f64_histogram(name).with_unit("s").with_boundaries(DURATION_BOUNDS.to_vec()).build();
        Ok(Self {
            tracer: traces.tracer(SCOPE),
            logger: logs.logger(SCOPE),
            request_duration: seconds("http.server.request.duration"),
            pool_wait: seconds("db.client.connection.wait_time"),
            traces,
            logs,
            metrics,
        })
    }

    /// Sends what is left. A node that is gone is no reason to fail: the pod ends either way.
    pub async fn stop(&self) {
        let (traces, logs, metrics) = (self.traces.clone(), self.logs.clone(), self.metrics.clone());
        let stopping = tokio::task::spawn_blocking(move || {
            let _ = traces.shutdown_with_timeout(STOP_WAIT_MAX);
            let _ = logs.shutdown_with_timeout(STOP_WAIT_MAX);
            let _ = metrics.shutdown_with_timeout(STOP_WAIT_MAX);
        });
        let _ = stopping.await;
    }
}

fn metadata(sender: &Sender) -> Result<MetadataMap, String> {
    let mut metadata = MetadataMap::new();
    if let Some(key) = &sender.key {
        let value: MetadataValue<_> =
            format!("Bearer {key}").parse().map_err(|_| "the key cannot be sent in a header")?;
        metadata.insert("authorization", value);
    }
    Ok(metadata)
}

/// Names follow OpenTelemetry's semantic conventions 1.3x.
fn resource(identity: &Identity) -> Resource {
    let Identity { service, region, release, pod, zone, host } = identity;
    Resource::builder()
        .with_service_name(service.as_str())
        .with_attributes([
            KeyValue::new("service.namespace", "shop"),
            KeyValue::new("service.version", release.version),
            KeyValue::new("service.instance.id", pod.clone()),
            KeyValue::new("deployment.environment.name", "production"),
            KeyValue::new("vcs.ref.head.revision", release.commit),
            KeyValue::new("cloud.provider", "gcp"),
            KeyValue::new("cloud.region", region.cloud_region()),
            KeyValue::new("cloud.availability_zone", zone.clone()),
            KeyValue::new("host.name", host.clone()),
            KeyValue::new("os.type", "linux"),
            KeyValue::new("k8s.cluster.name", format!("shop-{}", region.cloud_region())),
            KeyValue::new("k8s.namespace.name", "shop"),
            KeyValue::new("k8s.deployment.name", service.as_str()),
            KeyValue::new("k8s.pod.name", pod.clone()),
            KeyValue::new("container.image.tags", release.version),
        ])
        .build()
}
