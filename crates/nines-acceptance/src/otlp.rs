use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use tonic::transport::Channel;

/// Spans to be sent: `count` of them with `test.id` from `first` on, of one service, at one time.
#[derive(Debug, Clone, Copy)]
pub struct Spans<'a> {
    pub service: &'a str,
    pub first: u64,
    pub count: u64,
    /// Nanoseconds since the Unix epoch.
    pub at: u64,
    /// Every n-th fails; 0 for none.
    pub fail_every: u64,
}

impl Spans<'_> {
    pub async fn send(self, client: &mut TraceServiceClient<Channel>) -> Result<(), tonic::Status> {
        client.export(span_request(self)).await.map(|_| ())
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }),
        ..Default::default()
    }
}

fn number(key: &str, value: i64) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::IntValue(value)) }),
        ..Default::default()
    }
}

/// Server spans of 10 ms with a status code, a version, a region and a user.
pub fn span_request(spans: Spans<'_>) -> ExportTraceServiceRequest {
    let made = (spans.first..spans.first + spans.count).map(|id| {
        let failed = spans.fail_every > 0 && id % spans.fail_every == 0;
        let mut trace_id = [1_u8; 16];
        trace_id[8..].copy_from_slice(&(id + 1).to_be_bytes());
        Span {
            trace_id: trace_id.to_vec(),
            span_id: (id + 1).to_be_bytes().to_vec(),
            name: "POST /checkout".to_owned(),
            kind: 2,
            start_time_unix_nano: spans.at,
            end_time_unix_nano: spans.at + 10_000_000,
            attributes: vec![
                number("test.id", i64::try_from(id).unwrap_or_default()),
                number("http.response.status_code", if failed { 503 } else { 200 }),
                text("cloud.region", if failed { "ap-southeast" } else { "eu-central" }),
                text("user.id", &format!("user-{}", id % 500)),
            ],
            status: Some(Status { code: if failed { 2 } else { 1 }, message: String::new() }),
            ..Default::default()
        }
    });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", spans.service), text("service.version", "2.4.1")],
                ..Default::default()
            }),
            scope_spans: vec![ScopeSpans { spans: made.collect(), ..Default::default() }],
            ..Default::default()
        }],
    }
}
