//! Bounds on what the other side may do: its size, its time, its redirects.

use std::time::Duration;

use axum::Router;
use axum::extract::Request as Incoming;
use axum::http::header::{AUTHORIZATION, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use nines_base::ErrorKind;
use nines_egress::{Config, Egress, EgressError, Policy, Request};

async fn serve(router: Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

fn egress(change: impl FnOnce(&mut Config)) -> Egress {
    let mut config = Config { policy: Policy::with_loopback(), ..Config::default() };
    change(&mut config);
    Egress::new(config).unwrap()
}

#[tokio::test]
async fn any_status_is_an_answer_and_our_name_is_told() {
    let router = Router::new().route(
        "/",
        post(|headers: HeaderMap, body: String| async move {
            (StatusCode::IM_A_TEAPOT, format!("{} {body}", headers["user-agent"].to_str().unwrap()))
        }),
    );
    let port = serve(router).await;
    let response =
        egress(|_| ()).send(Request::post(format!("http://127.0.0.1:{port}/"), "hello")).await.unwrap();
    assert_eq!(response.status, StatusCode::IM_A_TEAPOT);
    let text = String::from_utf8_lossy(&response.body).into_owned();
    assert!(text.starts_with("nines/") && text.ends_with(" hello"), "{text}");
}

#[tokio::test]
async fn a_long_answer_is_cut_off_with_and_without_a_declared_length() {
    let declared = get(|| async { "x".repeat(5000) });
    let streamed = get(|| async {
        let chunk = || Ok::<_, std::io::Error>("x".repeat(1000));
        axum::body::Body::from_stream(tokio_stream(std::iter::repeat_with(chunk).take(5)))
    });
    let port = serve(Router::new().route("/declared", declared).route("/streamed", streamed)).await;
    let egress = egress(|config| config.response_bytes_max = 4096);
    for path in ["declared", "streamed"] {
        let error = egress.send(Request::get(format!("http://127.0.0.1:{port}/{path}"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{path}: {error}");
        assert!(error.may_have_been_sent());
    }
}

fn tokio_stream<I: Iterator>(items: I) -> impl futures::Stream<Item = I::Item> {
    futures::stream::iter(items)
}

#[tokio::test]
async fn a_silent_server_ends_the_call_as_possibly_sent_and_a_closed_port_as_not_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let egress = egress(|config| config.timeout = Duration::from_millis(200));
    let error = egress.send(Request::post(format!("http://127.0.0.1:{port}/"), "x")).await.unwrap_err();
    assert!(matches!(error, EgressError::Timeout { .. }) && error.may_have_been_sent(), "{error}");
    drop(listener);
    let error = egress.send(Request::post(format!("http://127.0.0.1:{port}/"), "x")).await.unwrap_err();
    assert!(matches!(error, EgressError::Connect { .. }) && !error.may_have_been_sent(), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked_checked_on_each_hop_and_without_credentials() {
    let other = serve(Router::new().route(
        "/",
        get(|request: Incoming| async move {
            let secret =
                ["authorization", "x-api-key"].iter().any(|name| request.headers().contains_key(*name));
            if secret { "leaked" } else { "clean" }
        }),
    ))
    .await;
    let go = move |to: String| get(move || async move { (StatusCode::FOUND, [(LOCATION, to)]) });
    let router = Router::new()
        .route("/other", go(format!("http://127.0.0.1:{other}/")))
        .route("/inside", go("http://169.254.169.254/latest/meta-data".to_owned()))
        .route("/file", go("file:///etc/passwd".to_owned()))
        .route("/loop", go("/loop".to_owned()));
    let port = serve(router).await;
    let egress = egress(|_| ());
    let ask = |path: &str, follow| {
        let mut request = Request::get(format!("http://127.0.0.1:{port}/{path}")).bearer("s3cret");
        request.headers.insert("x-api-key", "s3cret".parse().unwrap());
        assert!(request.headers.contains_key(AUTHORIZATION));
        request.follow_redirects = follow;
        egress.send(request)
    };
    assert_eq!(ask("other", false).await.unwrap().status, StatusCode::FOUND);
    assert_eq!(ask("other", true).await.unwrap().body, "clean");
    assert_eq!(ask("inside", true).await.unwrap_err().kind(), ErrorKind::Forbidden);
    assert_eq!(ask("file", true).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(matches!(ask("loop", true).await.unwrap_err(), EgressError::Redirects { limit: 5, .. }));
}
