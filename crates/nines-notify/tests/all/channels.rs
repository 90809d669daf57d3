//! Each channel against a provider that is strict about what it gets.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use nines_egress::{Config, Egress, Policy};
use nines_notify::contract::page;
use nines_notify::{
    Channel, Content, Delivery, Event, Outcome, Secret, Slack, SlackConfig, SlackWebhook, Webhook,
    WebhookConfig, signature,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::provider::START;

pub fn egress() -> Egress {
    let config =
        Config { policy: Policy::with_loopback(), timeout: Duration::from_secs(2), ..Config::default() };
    Egress::new(config).unwrap()
}

pub fn delivery(event: Event, content: Content) -> Delivery {
    let new = page("alert-1", "1", event, "x", 0);
    Delivery {
        page: new.id,
        subject: new.subject,
        event,
        content,
        created_at: START,
        now: START + Duration::from_secs(5),
        thread: None,
        epoch: None,
    }
}

type Answer = (StatusCode, Vec<(&'static str, String)>, String);

/// Keeps what came and answers from a script; at its end with the last entry.
#[derive(Clone, Default)]
struct Receiver {
    seen: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
    script: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    async fn start(script: impl IntoIterator<Item = Answer>) -> (Self, String) {
        let this = Self { script: Arc::new(Mutex::new(script.into_iter().collect())), ..Self::default() };
        let router = Router::new().route("/{*path}", post(receive)).with_state(this.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (this, url)
    }

    fn bodies(&self) -> Vec<(String, Value)> {
        let parse = |(path, _, body): &(String, HeaderMap, Bytes)| {
            (path.clone(), serde_json::from_slice(body).unwrap_or(Value::Null))
        };
        self.seen.lock().iter().map(parse).collect()
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    receiver.seen.lock().push((path, headers, body));
    let mut script = receiver.script.lock();
    let (status, extra, text) =
        if script.len() > 1 { script.pop_front().unwrap() } else { script.front().cloned().unwrap() };
    let mut response = (status, text).into_response();
    for (name, value) in extra {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

fn answer(status: u16, body: &str) -> Answer {
    (StatusCode::from_u16(status).unwrap(), Vec::new(), body.to_owned())
}

fn kind_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered { .. } => "delivered",
        Outcome::Retryable { .. } => "retryable",
        Outcome::Permanent { .. } => "permanent",
        Outcome::Unknown { .. } => "unknown",
    }
}

#[tokio::test]
async fn a_webhook_is_signed_and_named_the_same_on_every_attempt() {
    let (receiver, url) = Receiver::start([answer(503, ""), answer(204, "")]).await;
    let secrets = vec![Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Secret::new("next, as text")];
    let config =
        WebhookConfig { url: Secret::new(format!("{url}/hook?key=s3cret")), secrets: secrets.clone() };
    let webhook = Webhook::new(config, egress());
    let payload = json!({"type": "alert.fired", "data": {"title": "結帳失敗"}});
    let delivery = delivery(Event::Trigger, Content::Webhook { payload: payload.clone() });
    assert_eq!(kind_of(&webhook.deliver(&delivery).await), "retryable");
    assert_eq!(webhook.deliver(&delivery).await, Outcome::Delivered { reference: None });
    let seen = receiver.seen.lock().clone();
    for (_, headers, body) in &seen {
        assert_eq!(headers["webhook-id"], delivery.page.0.as_str());
        assert_eq!(headers["webhook-timestamp"], delivery.now.as_secs().to_string().as_str());
        assert_eq!(headers["content-type"], "application/json");
        let signatures: Vec<String> =
            secrets.iter().map(|secret| signature(secret, &delivery.page.0, delivery.now, body)).collect();
        assert_eq!(headers["webhook-signature"], signatures.join(" ").as_str());
        assert_eq!(serde_json::from_slice::<Value>(body).unwrap(), payload);
    }
    assert!(!format!("{webhook:?}").contains("s3cret"), "{webhook:?}");
}

#[tokio::test]
async fn each_status_of_a_webhook_means_what_it_says() {
    let table = [
        (200, "delivered"),
        (202, "delivered"),
        (301, "permanent"),
        (400, "permanent"),
        (401, "permanent"),
        (404, "permanent"),
        (408, "retryable"),
        (410, "permanent"),
        (413, "permanent"),
        (422, "permanent"),
        (425, "retryable"),
        (429, "retryable"),
        (500, "retryable"),
        (502, "retryable"),
        (503, "retryable"),
        (504, "unknown"),
    ];
    for (status, expected) in table {
        let (_, url) = Receiver::start([answer(status, "")]).await;
        let webhook =
            Webhook::new(WebhookConfig { url: Secret::new(format!("{url}/x")), secrets: vec![] }, egress());
        let outcome =
            webhook.deliver(&delivery(Event::Trigger, Content::Webhook { payload: json!({}) })).await;
        assert_eq!(kind_of(&outcome), expected, "{status}");
    }
}

#[tokio::test]
async fn what_was_sent_is_told_apart_from_what_was_not() {
    let content = || Content::Webhook { payload: json!({}) };
    let hook = |url: String| Webhook::new(WebhookConfig { url: Secret::new(url), secrets: vec![] }, egress());
    // Accepts the connection and is silent.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    assert_eq!(kind_of(&hook(url.clone()).deliver(&delivery(Event::Trigger, content())).await), "unknown");
    drop(silent);
    assert_eq!(kind_of(&hook(url).deliver(&delivery(Event::Trigger, content())).await), "retryable");
    for forbidden in ["http://169.254.169.254/", "http://10.0.0.1/", "ftp://x/", "nonsense"] {
        let outcome = hook(forbidden.to_owned()).deliver(&delivery(Event::Trigger, content())).await;
        assert_eq!(kind_of(&outcome), "permanent", "{forbidden}");
    }
    let wrong =
        hook("http://127.0.0.1:1/".to_owned()).deliver(&delivery(Event::Trigger, Content::Digest)).await;
    assert_eq!(kind_of(&wrong), "permanent");
}

fn slack_content() -> Content {
    Content::Slack {
        message: json!({
            "text": "it broke",
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*it broke*"}}],
        }),
    }
}

fn slack(url: &str) -> Slack {
    let config = SlackConfig {
        interactive: false,
        api_url: format!("{url}/api/"),
        token: Secret::new("xoxb-s3cret"),
        channel: "#shop".into(),
    };
    Slack::new(config, egress())
}

#[tokio::test]
async fn slack_posts_then_updates_and_answers_in_the_thread_when_it_is_over() {
    let ok = answer(200, r#"{"ok":true,"channel":"C024BE91L","ts":"1401383885.000061"}"#);
    let (receiver, url) = Receiver::start([ok]).await;
    let slack = slack(&url);
    let outcome = slack.deliver(&delivery(Event::Trigger, slack_content())).await;
    let Outcome::Delivered { reference: Some(reference) } = outcome else { panic!("{outcome:?}") };
    let mut resolve = delivery(Event::Resolve, slack_content());
    resolve.thread = Some(reference.clone());
    assert_eq!(slack.deliver(&resolve).await, Outcome::Delivered { reference: Some(reference) });

    let bodies = receiver.bodies();
    let methods: Vec<_> = bodies.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(methods, ["api/chat.postMessage", "api/chat.update", "api/chat.postMessage"]);
    assert_eq!(bodies[0].1["channel"], "#shop");
    assert_eq!(bodies[0].1["metadata"]["event_type"], "nines_page");
    assert!(bodies[0].1["blocks"].is_array() && bodies[0].1["text"].is_string());
    assert_eq!(
        (&bodies[1].1["channel"], &bodies[1].1["ts"]),
        (&json!("C024BE91L"), &json!("1401383885.000061"))
    );
    assert_eq!(bodies[2].1["thread_ts"], "1401383885.000061");
    for (_, headers, _) in receiver.seen.lock().iter() {
        assert_eq!(headers["authorization"], "Bearer xoxb-s3cret");
        assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    }
    assert!(!format!("{slack:?}").contains("s3cret"));
}

#[tokio::test]
async fn slack_says_no_in_the_body() {
    let table = [
        ("channel_not_found", "permanent"),
        ("not_in_channel", "permanent"),
        ("is_archived", "permanent"),
        ("msg_too_long", "permanent"),
        ("invalid_auth", "permanent"),
        ("account_inactive", "permanent"),
        ("token_revoked", "permanent"),
        ("no_text", "permanent"),
        ("missing_scope", "permanent"),
        ("ratelimited", "retryable"),
        ("internal_error", "retryable"),
        ("fatal_error", "retryable"),
        ("service_unavailable", "retryable"),
        ("request_timeout", "retryable"),
    ];
    for (error, expected) in table {
        let (_, url) =
            Receiver::start([answer(200, &json!({"ok": false, "error": error}).to_string())]).await;
        let outcome = slack(&url).deliver(&delivery(Event::Trigger, slack_content())).await;
        assert_eq!(kind_of(&outcome), expected, "{error}");
        assert!(format!("{outcome:?}").contains(error));
    }
    let (_, url) = Receiver::start([answer(200, "<html>login</html>")]).await;
    assert_eq!(kind_of(&slack(&url).deliver(&delivery(Event::Trigger, slack_content())).await), "unknown");
    let limited = (StatusCode::TOO_MANY_REQUESTS, vec![("retry-after", "30".to_owned())], String::new());
    let (_, url) = Receiver::start([limited]).await;
    let outcome = slack(&url).deliver(&delivery(Event::Trigger, slack_content())).await;
    assert!(
        matches!(outcome, Outcome::Retryable { after: Some(after), .. } if after == Duration::from_secs(30))
    );
}

#[tokio::test]
async fn slack_that_refuses_the_blocks_gets_the_text() {
    let script = [
        answer(200, r#"{"ok":false,"error":"invalid_blocks"}"#),
        answer(200, r#"{"ok":true,"channel":"C1","ts":"1.2"}"#),
    ];
    let (receiver, url) = Receiver::start(script).await;
    assert_eq!(kind_of(&slack(&url).deliver(&delivery(Event::Trigger, slack_content())).await), "delivered");
    let bodies = receiver.bodies();
    assert!(bodies[0].1["blocks"].is_array() && bodies[1].1.get("blocks").is_none());
    assert_eq!(bodies[1].1["text"], "it broke");
}

#[tokio::test]
async fn an_incoming_webhook_of_slack_takes_text_and_blocks() {
    let table = [
        (200, "ok", "delivered"),
        (403, "action_prohibited", "permanent"),
        (404, "no_service", "permanent"),
        (410, "channel_is_archived", "permanent"),
        (429, "", "retryable"),
        (500, "rollup_error", "retryable"),
    ];
    for (status, body, expected) in table {
        let (receiver, url) = Receiver::start([answer(status, body)]).await;
        let hook = SlackWebhook::new(Secret::new(format!("{url}/services/T0/B0/s3cret")), egress());
        assert_eq!(
            kind_of(&hook.deliver(&delivery(Event::Trigger, slack_content())).await),
            expected,
            "{status}"
        );
        assert!(receiver.bodies()[0].1["blocks"].is_array());
        assert!(!format!("{hook:?}").contains("s3cret"));
    }
}
