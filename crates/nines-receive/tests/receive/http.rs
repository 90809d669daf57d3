use nines_model::Dataset;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message;

use crate::support::{TestServer, gzip, logs, request, small_limits, zstd};

const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
    "spanId":"eee19b7ec3c1b174","name":"GET","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#;
const POINT: &str = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[
    {"timeUnixNano":"1","asInt":"5"}]}}]}]}]}"#;

#[tokio::test]
async fn each_signal_reaches_its_dataset_in_either_format() {
    let server = TestServer::start(small_limits()).await;
    let answer = server.post_protobuf(&[], logs(3).encode_to_vec()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, Some("application/x-protobuf"))
    );
    assert_eq!(answer.body, b"", "partial_success is unset on full success");

    for (path, body) in [("/v1/traces", SPAN), ("/v1/metrics", POINT)] {
        let answer = server.post(path, &[("content-type", "application/json; charset=utf-8")], body).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
        assert_eq!(answer.body, b"{}");
    }
    let batches = server.sink.batches.lock().unwrap();
    let kept: Vec<_> = batches.iter().map(|batch| (batch.dataset, batch.rows.len())).collect();
    assert_eq!(kept, [(Dataset::Logs, 3), (Dataset::Spans, 1), (Dataset::Metrics, 1)]);
    let stats = server.receiver.stats();
    assert_eq!((stats.requests_accepted, stats.items_accepted), (3, 5));
}

#[tokio::test]
async fn the_three_encodings_mean_the_same() {
    let server = TestServer::start(small_limits()).await;
    let body = logs(10).encode_to_vec();
    for (encoding, body) in
        [("identity", body.clone()), ("gzip", gzip(&body)), ("GZIP", gzip(&body)), ("zstd", zstd(&body))]
    {
        let answer = server.post_protobuf(&[("content-encoding", encoding)], body).await;
        assert_eq!(answer.status, 200, "{encoding}");
    }
    let batches = server.sink.batches.lock().unwrap();
    assert_eq!(batches.len(), 4);
    assert!(batches.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn an_empty_request_succeeds_and_stores_nothing() {
    let server = TestServer::start(small_limits()).await;
    assert_eq!(server.post_protobuf(&[], Vec::new()).await.status, 200);
    let answer = server.post("/v1/metrics", &[("content-type", "application/json")], "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"{}"[..]));
    assert!(server.sink.batches.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_partial_success_says_how_many_and_why_and_keeps_the_rest() {
    let server = TestServer::start(small_limits()).await;
    let two = SPAN.replace(r#""name":"GET""#, r#""name":"GET"},{"traceId":"aa""#);
    let answer = server.post("/v1/traces", &[("content-type", "application/json")], two).await;
    assert_eq!(answer.status, 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "1");
    assert!(partial["errorMessage"].as_str().unwrap().contains("trace id that is not 16 bytes"), "{partial}");
    assert_eq!(server.sink.events(), 1);
    assert_eq!(server.receiver.stats().items_rejected, 1);

    let mut request = logs(2);
    request.resource_logs[0].scope_logs[0].log_records[0].trace_id = vec![1; 3];
    let answer = server.post_protobuf(&[], request.encode_to_vec()).await;
    let partial = ExportLogsServiceResponse::decode(&answer.body[..]).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 0, "a repaired record is a warning");
    assert!(!partial.error_message.is_empty());
}

#[tokio::test]
async fn bad_data_is_400_with_a_status_in_the_format_of_the_request() {
    let server = TestServer::start(small_limits()).await;
    let json = SPAN.replace(r#""name":"GET""#, r#""kind":"SPAN_KIND_SERVER""#);
    let answer = server.post("/v1/traces", &[("content-type", "application/json")], json).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (400, Some("application/json")));
    assert_eq!(answer.json()["code"], 3);
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("spans[0].kind") && message.contains("integers, not names"), "{message}");

    let answer = server.post_protobuf(&[], b"not protobuf".to_vec()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (400, Some("application/x-protobuf"))
    );
    let status = answer.rpc_status();
    assert_eq!((status.code, status.details.len()), (3, 0));
    assert!(status.message.starts_with("body is not valid OTLP protobuf: "), "{}", status.message);
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(server.receiver.stats().requests_rejected, 2);
}

#[tokio::test]
async fn other_types_and_encodings_are_415_and_told_what_works() {
    let server = TestServer::start(small_limits()).await;
    for content_type in ["text/plain", "application/protobuf", "", "application/jsonx", "application/grpc"] {
        let answer = server.post("/v1/logs", &[("content-type", content_type)], "{}").await;
        assert_eq!(answer.status, 415, "{content_type}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.ends_with("use application/x-protobuf or application/json"), "{message}");
    }
    assert_eq!(server.post("/v1/logs", &[], "{}").await.status, 415);
    for encoding in ["br", "deflate", "snappy", "gzip, gzip", "gzip,zstd", "aws-chunked"] {
        let answer = server.post_protobuf(&[("content-encoding", encoding)], Vec::new()).await;
        assert_eq!(answer.status, 415, "{encoding}");
        assert_eq!(answer.header("accept-encoding"), Some("gzip, zstd, identity"));
    }
    let twice = [("content-encoding", "gzip"), ("content-encoding", "gzip")];
    assert_eq!(server.post_protobuf(&twice, gzip(&gzip(b""))).await.status, 415);
}

#[tokio::test]
async fn only_post_and_only_the_three_paths() {
    let server = TestServer::start(small_limits()).await;
    let mut get = request("/v1/logs", &[], "");
    *get.method_mut() = axum::http::Method::GET;
    assert_eq!(server.http(get).await.status, 405);
    assert_eq!(server.post("/v1/profiles", &[], "").await.status, 404);
    assert_eq!(server.post("/", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_body_without_a_length_is_read_to_its_end() {
    let server = TestServer::start(small_limits()).await;
    let chunks = logs(50).encode_to_vec().chunks(7).map(|chunk| chunk.to_vec()).collect::<Vec<_>>();
    let chunks = chunks.into_iter().map(Ok::<_, std::io::Error>);
    struct Chunks<I>(I);
    impl<I: Iterator<Item = Result<Vec<u8>, std::io::Error>> + Unpin> hyper::body::Body for Chunks<I> {
        type Data = bytes::Bytes;
        type Error = std::io::Error;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, std::io::Error>>> {
            std::task::Poll::Ready(
                self.0.next().map(|chunk| chunk.map(|data| hyper::body::Frame::data(data.into()))),
            )
        }
    }
    let body = axum::body::Body::new(Chunks(chunks));
    let answer = server.post("/v1/logs", &[("content-type", "application/x-protobuf")], body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(server.sink.events(), 50);
}

#[tokio::test]
async fn http2_without_tls_works_on_the_same_port() {
    let server = TestServer::start(small_limits()).await;
    let uri = format!("http://{}/v1/logs", server.addr);
    let headers = [("content-type", "application/x-protobuf")];
    let answer = server.http2(request(&uri, &headers, logs(1).encode_to_vec())).await;
    assert_eq!(answer.status, 200);
}
