//! The other end of a page: a webhook receiver as a customer would write it from the Standard Webhooks text, with a
//! verification of its own. Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use nines_base::{Random, SharedClock, Shutdown};
use nines_model::Timestamp;
use parking_lot::Mutex;
use sha2::Sha256;

/// A message whose time is further off than this is a replay or a wrong clock (the specification's figure).
const TOLERANCE: Duration = Duration::from_secs(300);

/// Pages that are kept: a demo that plays for a day sends some hundreds.
const KEPT_MAX: usize = 4096;

/// A page that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// `webhook-id`: the same on every attempt.
    pub id: String,
    pub at: Timestamp,
    pub signature: Result<(), SignatureError>,
    pub body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("a webhook header is missing or not text")]
    Missing,
    #[error("the time of the message is more than five minutes off")]
    Stale,
    #[error("no signature is made with our secret")]
    Wrong,
}

/// Listens on a loopback port until it is dropped.
pub struct Receiver {
    address: SocketAddr,
    secret: String,
    inner: Arc<Inner>,
    shutdown: Shutdown,
}

struct Inner {
    clock: SharedClock,
    key: Vec<u8>,
    received: Mutex<Vec<Received>>,
}

impl Receiver {
    pub async fn start(clock: SharedClock, random: &Random) -> std::io::Result<Self> {
        let key = random.bytes::<32>().to_vec();
        let secret = format!("whsec_{}", STANDARD.encode(&key));
        let inner = Arc::new(Inner { clock, key, received: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/pages", post(receive)).with_state(inner.clone());
        let shutdown = Shutdown::new();
        let stopping = shutdown.clone();
        tokio::spawn(async move {
            let _ = axum::serve(listener, router)
                .with_graceful_shutdown(async move { stopping.begun().await })
                .await;
        });
        Ok(Self { address, secret, inner, shutdown })
    }

    pub fn url(&self) -> String {
        format!("http://{}/pages", self.address)
    }

    /// `whsec_…`, for the channel's document.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The first page that came since `since` and is about `mark` (an alert's id, say).
    pub fn first(&self, mark: &str, since: Timestamp) -> Option<Received> {
        let received = self.inner.received.lock();
        received.iter().find(|page| page.at >= since && page.body.contains(mark)).cloned()
    }

    /// Pages whose signature did not hold.
    pub fn forged(&self) -> usize {
        self.inner.received.lock().iter().filter(|page| page.signature.is_err()).count()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

async fn receive(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let at = inner.clock.now();
    let signature = verify(&inner.key, &headers, &body, at);
    let id = headers.get("webhook-id").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let page = Received { id, at, signature, body: String::from_utf8_lossy(&body).into_owned() };
    let mut received = inner.received.lock();
    if received.len() == KEPT_MAX {
        received.remove(0);
    }
    received.push(page);
    if signature.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED }
}

/// Whether one of the signatures is ours, over `id.timestamp.body`, and the message is of now.
pub fn verify(key: &[u8], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
    let header =
        |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(SignatureError::Missing);
    let (id, timestamp, signatures) =
        (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    let sent = Timestamp::from_secs(timestamp.parse().map_err(|_| SignatureError::Missing)?);
    if now.since(sent).max(sent.since(now)) > TOLERANCE {
        return Err(SignatureError::Stale);
    }
    for signature in signatures.split(' ') {
        let Some(Ok(bytes)) = signature.strip_prefix("v1,").map(|encoded| STANDARD.decode(encoded)) else {
            continue;
        };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { continue };
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        // Compares in constant time.
        if mac.verify_slice(&bytes).is_ok() {
            return Ok(());
        }
    }
    Err(SignatureError::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `sign` example of the specification's reference libraries.
    const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
        headers.insert("webhook-timestamp", "1614265330".parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        headers
    }

    #[track_caller]
    fn check(signature: &str, body: &[u8], now_secs: i64, expected: Result<(), SignatureError>) {
        let key = STANDARD.decode(KEY).unwrap();
        assert_eq!(verify(&key, &headers(signature), body, Timestamp::from_secs(now_secs)), expected);
    }

    #[test]
    fn the_published_example_holds_and_nothing_near_it_does() {
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        check(good, BODY, 1_614_265_330, Ok(()));
        check(&format!("v1,AAAA v1a,zzzz {good}"), BODY, 1_614_265_330 + 300, Ok(()));
        check(good, BODY, 1_614_265_330 + 301, Err(SignatureError::Stale));
        check(good, BODY, 1_614_265_330 - 301, Err(SignatureError::Stale));
        check(good, br#"{"test": 2432232315}"#, 1_614_265_330, Err(SignatureError::Wrong));
        check("v1,", BODY, 1_614_265_330, Err(SignatureError::Wrong));
        check(
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            BODY,
            1_614_265_330,
            Err(SignatureError::Wrong),
        );
        let key = STANDARD.decode(KEY).unwrap();
        assert_eq!(verify(&key, &HeaderMap::new(), BODY, Timestamp::EPOCH), Err(SignatureError::Missing));
    }
}
