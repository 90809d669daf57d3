//! The doors of other protocols: yes and no in their own words.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use nines_base::ErrorKind;
use nines_model::Dataset;
use nines_receive::{
    Doors, GateError, IngestGate, IngestIdentity, Limits, Receipts, ReceiptsError, SinkError,
};

use crate::support::TestServer;

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

async fn post(doors: &Doors, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = doors.handle(request.body(body.into()).unwrap()).await;
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const JSON: (&str, &str) = ("content-type", "application/json");
const BULK: &str = "{\"create\":{}}\n{\"message\":\"x\"}\n";
const LOKI: &str = r#"{"streams":[{"stream":{"app":"a"},"values":[["1","x"]]}]}"#;
const HEC: &str = r#"{"event":"x"}"#;
const FIREHOSE: &str = r#"{"requestId":"r1","timestamp":1,"records":[{"data":"eA=="}]}"#;
const CHANGE: &str = r#"{"routing_key":"good","payload":{"summary":"x","source":"ci"}}"#;

#[tokio::test]
async fn what_may_pass_is_refused_so_that_each_sender_tries_again() {
    let server = TestServer::start(Limits::default()).await;
    let doors = server.receiver.doors(None);
    for (kind, busy) in [(ErrorKind::Exhausted, 429), (ErrorKind::Unavailable, 503)] {
        let refusal =
            SinkError { kind, message: "not now".to_owned(), retry_after: Some(Duration::from_secs(7)) };
        server.sink.refuse(Some(refusal));
        let elastic = post(&doors, "/elastic/_bulk", &[NDJSON], BULK).await;
        assert_eq!((elastic.status, elastic.header("retry-after")), (busy, "7"));
        assert_eq!(elastic.header("x-elastic-product"), "Elasticsearch");
        assert_eq!(elastic.json()["status"], busy);
        if busy == 429 {
            assert_eq!(elastic.json()["error"]["type"], "es_rejected_execution_exception");
        }
        let loki = post(&doors, "/loki/api/v1/push", &[JSON], LOKI).await;
        assert_eq!((loki.status, loki.header("retry-after"), loki.text.as_str()), (busy, "7", "not now\n"));
        let splunk = post(&doors, "/services/collector", &[], HEC).await;
        assert_eq!((splunk.status, &splunk.json()["code"]), (503, &9.into()));
        let firehose = post(&doors, "/v1/firehose", &[("x-amz-firehose-request-id", "r1")], FIREHOSE).await;
        assert_eq!((firehose.status, &firehose.json()["requestId"]), (503, &"r1".into()));
        let json = post(&doors, "/api/v1/ingest/logs", &[JSON], "{\"a\":1}").await;
        assert_eq!((json.status, json.header("content-type")), (busy, "application/problem+json"));
    }
    assert_eq!(server.sink.events(), 0);
    server.sink.refuse(None);
    for (path, headers, body, status) in [
        ("/elastic/_bulk", NDJSON, BULK, 200),
        ("/elastic/logs/_doc", JSON, "{\"a\":1}", 201),
        ("/loki/api/v1/push", JSON, LOKI, 204),
        ("/services/collector/event/1.0", JSON, HEC, 200),
        ("/services/collector/raw", JSON, "x\ny\n", 200),
        ("/v1/firehose", JSON, FIREHOSE, 200),
        ("/v2/change/enqueue", JSON, CHANGE, 202),
        ("/api/v1/ingest/beacons?service=player", JSON, "{\"a\":1}", 200),
    ] {
        let answer = post(&doors, path, &[headers], body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    assert_eq!(server.sink.events(), 9);
}

/// Knows one key.
struct OneKey;

#[async_trait::async_trait]
impl IngestGate for OneKey {
    async fn admit(
        &self,
        authorization: Option<&str>,
        _: std::net::SocketAddr,
    ) -> Result<IngestIdentity, GateError> {
        match authorization {
            Some("good") => Ok(IngestIdentity { tenant: None }),
            Some("viewer") => Err(GateError::Forbidden),
            _ => Err(GateError::Unauthenticated),
        }
    }
}

#[tokio::test]
async fn keys_are_shown_in_each_protocols_own_way() {
    let server = TestServer::start_with(Limits::default(), Arc::new(OneKey)).await;
    let doors = server.receiver.doors(None);
    let basic = ("authorization", "Basic ZWxhc3RpYzpnb29k");
    for (path, key, body) in [
        ("/elastic/_bulk", basic, BULK),
        ("/elastic/_bulk", ("authorization", "ApiKey good"), BULK),
        ("/services/collector", ("authorization", "Splunk good"), HEC),
        ("/v1/firehose", ("x-amz-firehose-access-key", "good"), FIREHOSE),
        ("/v2/change/enqueue", ("x-unused", ""), CHANGE),
    ] {
        let answer = post(&doors, path, &[key], body).await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
    }
    let stored = server.sink.events();
    let viewer = ("authorization", "Bearer viewer");
    for (path, body) in [
        ("/elastic/_bulk", BULK),
        ("/elastic/_license", ""),
        ("/loki/api/v1/push", LOKI),
        ("/services/collector", HEC),
        ("/v1/firehose", FIREHOSE),
        ("/v1/cloudevents", "{}"),
        ("/api/v1/ingest/logs", "{}"),
        ("/v2/change/enqueue", "{}"),
    ] {
        assert_eq!(post(&doors, path, &[JSON], body).await.status, 401, "{path}");
        assert_eq!(post(&doors, path, &[JSON, viewer], body).await.status, 403, "{path}");
    }
    let elastic = post(&doors, "/elastic/_bulk", &[NDJSON], BULK).await;
    assert_eq!(elastic.json()["error"]["type"], "security_exception");
    assert_eq!(post(&doors, "/services/collector", &[], HEC).await.json()["code"], 2);
    let wrong = post(&doors, "/services/collector", &[("authorization", "Splunk bad")], HEC).await;
    assert_eq!(wrong.json()["code"], 3);
    assert_eq!(server.sink.events(), stored);
}

#[tokio::test]
async fn a_bulk_answers_for_each_item_in_its_place_and_media_type() {
    let server = TestServer::start(Limits::default()).await;
    let doors = server.receiver.doors(None);
    let accept = ("accept", "application/vnd.elasticsearch+json; compatible-with=9");
    let body = "{\"index\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"x\":1}\n{\"delete\":{\"_id\":\"2\"}}\n{\"create\":{}}\n{oops\n";
    let answer = post(&doors, "/elastic/logs/_bulk", &[NDJSON, accept], body).await;
    assert_eq!(answer.header("content-type"), "application/vnd.elasticsearch+json; compatible-with=9");
    let answer = answer.json();
    assert_eq!(answer["errors"], true);
    assert_eq!(
        (&answer["items"][0]["index"]["_index"], &answer["items"][0]["index"]["_id"]),
        (&"a".into(), &"1".into())
    );
    assert_eq!(answer["items"][0]["index"]["status"], 201);
    assert_eq!(answer["items"][1]["delete"]["status"], 400);
    assert_eq!(answer["items"][2]["create"]["error"]["type"], "document_parsing_exception");
    assert_eq!(answer["items"][2]["create"]["_index"], "logs");
    let brief =
        post(&doors, "/elastic/_bulk?filter_path=errors,items.*.error,items.*.status", &[NDJSON], BULK).await;
    assert_eq!(brief.json()["items"][0], serde_json::json!({ "create": { "status": 201 } }));
}

/// Says what it is told to.
#[derive(Default)]
struct TestReceipts(AtomicU64);

#[async_trait::async_trait]
impl Receipts for TestReceipts {
    async fn rows(&self, _: Dataset, _: &str) -> Result<u64, ReceiptsError> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn what_comes_twice_under_one_key_is_stored_once() {
    let server = TestServer::start(Limits::default()).await;
    let receipts = Arc::new(TestReceipts::default());
    let doors = server.receiver.doors(Some(receipts.clone()));
    let key = ("idempotency-key", "k1");
    let path = "/api/v1/ingest/logs?format=lines";
    // Refused once: the key is free again.
    let busy = SinkError { kind: ErrorKind::Exhausted, message: "not now".to_owned(), retry_after: None };
    server.sink.refuse(Some(busy));
    assert_eq!(post(&doors, path, &[key], "a\nb\n").await.status, 429);
    server.sink.refuse(None);
    // On its way: a second one waits its turn.
    server.sink.hold();
    let first = tokio::spawn({
        let doors = doors.clone();
        async move { post(&doors, path, &[key], "a\nb\n").await }
    });
    // The runtime has one thread, and the first takes its turn before it waits for anything.
    tokio::task::yield_now().await;
    assert_eq!(post(&doors, path, &[key], "a\nb\n").await.status, 429);
    server.sink.release(100);
    assert_eq!(first.await.unwrap().json()["accepted"], 2);
    let again = post(&doors, path, &[key], "a\nb\n").await.json();
    assert_eq!((&again["accepted"], &again["repeated"]), (&2.into(), &true.into()));
    assert_eq!(server.sink.events(), 2);
    // A process that has forgotten asks the rows, if it is told that it may have to.
    receipts.0.store(5, Ordering::Relaxed);
    let other = server.receiver.doors(Some(receipts));
    let repeat =
        post(&other, path, &[("idempotency-key", "k2"), ("nines-repeat", "true")], "c\n").await.json();
    assert_eq!((&repeat["accepted"], &repeat["repeated"]), (&5.into(), &true.into()));
    assert_eq!(post(&other, path, &[("idempotency-key", "")], "c\n").await.status, 400);
    assert_eq!(server.sink.events(), 2);
}
