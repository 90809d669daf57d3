use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// Decides who may send. Asked before the body is read, so a stranger costs little.
#[async_trait]
pub trait IngestGate: Send + Sync {
    /// `authorization` is the key that came as `Authorization: Bearer KEY` or as `x-nines-key: KEY` (header or gRPC
    /// metadata), without the scheme.
    async fn admit(&self, authorization: Option<&str>, peer: SocketAddr)
    -> Result<IngestIdentity, GateError>;
}

/// Who sends, for logs and audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestIdentity {
    /// The key's name; `anonymous` where no key is asked for.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No key, or one that nobody has been given.
    #[error("an ingest key is needed: send it as `authorization: Bearer KEY` or `x-nines-key: KEY`")]
    Unauthenticated,
    #[error("this key may not send telemetry: use an ingest key")]
    Forbidden,
    /// The key's rate is used up. Worth retrying.
    #[error("this key has used up its rate: send again in {} s", .retry_after.as_secs_f64().ceil())]
    Exhausted { retry_after: Duration },
}

/// Lets everybody in. For tests and for servers that say `anonymous ingest` by name.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnonymousGate;

#[async_trait]
impl IngestGate for AnonymousGate {
    async fn admit(
        &self,
        _authorization: Option<&str>,
        _peer: SocketAddr,
    ) -> Result<IngestIdentity, GateError> {
        Ok(IngestIdentity { name: "anonymous".to_owned() })
    }
}

const KEY_HEADER: &str = "x-nines-key";

/// The key in the headers; `Authorization` wins.
pub(crate) fn key(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    bearer.or_else(|| headers.get(KEY_HEADER)?.to_str().ok().map(str::trim))
}
