//! The client against a server that is not ours: it must say exactly what it was asked to, and tell every kind of
//! answer apart.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a surprise ends the test")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use nines_api::*;
use nines_base::ErrorKind;
use nines_client::{ApplyOptions, Client, ClientError, ObjectsQuery};
use serde_json::json;

#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    uri: String,
    authorization: Option<String>,
    content_type: Option<String>,
    body: String,
}

type Seen = Arc<Mutex<Vec<Asked>>>;

/// Answers everything with `status` and `body`, and keeps what it was asked.
async fn server(status: u16, body: serde_json::Value) -> (SocketAddr, Seen) {
    text_server(status, body.to_string()).await
}

async fn text_server(status: u16, body: String) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let kept = seen.clone();
    let handler = move |method: Method, uri: Uri, headers: HeaderMap, sent: Bytes| {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        kept.lock().unwrap().push(Asked {
            method,
            uri: uri.to_string(),
            authorization: header("authorization"),
            content_type: header("content-type"),
            body: String::from_utf8(sent.to_vec()).unwrap(),
        });
        async move { (StatusCode::from_u16(status).unwrap(), body) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (address, seen)
}

fn client(address: SocketAddr) -> Client {
    Client::new(&format!("http://{address}/"), Some("nk_secret".to_owned())).unwrap()
}

#[tokio::test]
async fn a_call_is_what_the_route_table_says() {
    let (address, seen) = server(200, json!({ "dry_run": true, "results": [], "warnings": [] })).await;
    let options = ApplyOptions { dry_run: true, without_defaults: true };
    let answer = client(address).apply("a: 1\n".to_owned(), Some("slos/a b.yaml"), options).await.unwrap();
    assert!(answer.dry_run);
    let asked = seen.lock().unwrap()[0].clone();
    assert_eq!(
        (asked.method, asked.uri.as_str()),
        (Method::POST, "/api/v1/apply?dry_run=true&defaults=false&file=slos%2Fa%20b.yaml")
    );
    assert_eq!(asked.authorization.as_deref(), Some("Bearer nk_secret"));
    assert_eq!(asked.content_type.as_deref(), Some("application/yaml"));
    assert_eq!(asked.body, "a: 1\n");
}

#[tokio::test]
async fn a_problem_keeps_everything_that_it_says() {
    let problem = Problem {
        kind: "https://nines.invalid/problems/invalid_filter".to_owned(),
        code: "invalid_filter".to_owned(),
        status: 400,
        title: "invalid filter".to_owned(),
        detail: "unknown field `servce.name`".to_owned(),
        hint: Some("did you mean `service.name`".to_owned()),
        offset: Some(4),
        faults: vec![],
        request_id: "r1".to_owned(),
    };
    let (address, _) = server(400, serde_json::to_value(&problem).unwrap()).await;
    let error = client(address).search(&search()).await.unwrap_err();
    assert_eq!(error.problem(), Some(&problem));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!((error.offset(), error.hint()), (Some(4), problem.hint.clone()));
    assert_eq!(error.to_string(), "unknown field `servce.name`");
}

#[tokio::test]
async fn answers_that_are_not_ours_are_told_apart() {
    let (address, _) = text_server(502, "<html>bad gateway</html>".to_owned()).await;
    let error = client(address).status().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::NotAProblem { status: 502, start, .. } if start.contains("bad gateway"))
    );
    assert!(error.is_retryable());

    let (address, _) = text_server(200, "welcome to nginx".to_owned()).await;
    let error = client(address).slos().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreadable { operation: "slos", .. }), "{error:?}");

    // A port that was just given back.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let error = client(closed).status().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.hint().unwrap().contains("nines serve"));
}

#[tokio::test]
async fn a_key_that_would_break_the_header_is_refused() {
    let error = Client::new("http://127.0.0.1:1", Some("nk\r\nx-evil: 1".to_owned())).unwrap_err();
    assert!(matches!(error, ClientError::InvalidKey));
    let client = Client::new("http://127.0.0.1:1", Some("nk_secret".to_owned())).unwrap();
    assert!(!format!("{client:?}").contains("nk_secret"));
}

/// Calls everything once: a method that names an operation which the route table does not have panics, and one that
/// uses another method or path than the table's is found here.
#[tokio::test]
async fn every_method_is_a_route() {
    let (address, seen) = server(204, json!(null)).await;
    let client = client(address);
    let (step, change) = (StepRequest::default(), change());
    let _ = client.ready(std::time::Duration::from_secs(5)).await;
    let _ = client.status().await;
    let _ = client.session().await;
    let _ = client.keys().await;
    let key = KeyRequest {
        name: String::new(),
        role: String::new(),
        expires_at: None,
        account: None,
        team: None,
        filter: None,
        scopes: Vec::new(),
        rate_per_minute: None,
    };
    let _ = client.create_key(&key).await;
    let _ = client.revoke_key("k").await;
    let _ = client.sql(&SqlRequest { query: String::new(), limit: None, timeout_secs: None }).await;
    let _ = client.search(&search()).await;
    let _ = client.facets(&serde_json::from_value(json!({})).unwrap()).await;
    let _ = client.histogram(&serde_json::from_value(json!({})).unwrap()).await;
    let _ = client.suggest(&serde_json::from_value(json!({ "text": "" })).unwrap()).await;
    let _ = client.fields("logs").await;
    let _ = client.trace("t").await;
    let _ = client.services(Some("a"), Some("b")).await;
    let _ = client.changes(Some("a"), Some("b"), Some("c")).await;
    let _ = client.record_change(&change).await;
    let _ = client.slos().await;
    let _ = client.slo("s").await;
    let _ = client.slo_suspects("s", Some(60)).await;
    let _ = client.apply(String::new(), None, ApplyOptions::default()).await;
    let _ = client.objects(&ObjectsQuery { kind: Some("SLO".to_owned()) }).await;
    let _ = client.delete_object("SLO", "s").await;
    let _ = client.alerts(Some("firing"), Some("s")).await;
    let _ = client.alert("a").await;
    let _ = client.pages(Some("queued")).await;
    let _ = client.incidents(Some("reported")).await;
    let _ = client.report_incident(&report()).await;
    let _ = client.incident("i").await;
    let _ = client.step_incident("i", "note", &step).await;

    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 29);
    for asked in seen.iter() {
        let path = asked.uri.split('?').next().unwrap();
        let known = ROUTES
            .iter()
            .any(|route| route.method.as_str() == asked.method.as_str() && matches(route.path, path));
        assert!(known, "{} {} is no route", asked.method, asked.uri);
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    !template.contains(&"{*path}")
        && template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(part, value)| part == value || (part.starts_with('{') && !value.is_empty()))
}

fn search() -> SearchRequest {
    serde_json::from_value(json!({ "filter": "not servce.name: a" })).unwrap()
}

fn change() -> ChangeRequest {
    serde_json::from_value(json!({ "title": "t", "kind": "deploy", "service": "s" })).unwrap()
}

fn report() -> ReportRequest {
    serde_json::from_value(json!({
        "level": "P1", "class": "S2", "service": "s", "scope": "s", "status": "s",
        "started_at": "2026-11-21T08:00:00Z", "progress": "p",
    }))
    .unwrap()
}
