use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nines_ingest::Tenant;

/// Decides who may send. Asked before the body is read, so a stranger costs little.
#[async_trait]
pub trait IngestGate: Send + Sync {
    /// As [`IngestGate::admit`], at once, for a sender who was here just before; `None` where that cannot be told.
    fn admit_known(&self, key: &str) -> Option<Result<IngestIdentity, GateError>> {
        let _ = key;
        None
    }

    /// `authorization` is the key that came as `Authorization: Bearer KEY` or as `x-nines-key: KEY` (header or gRPC
    /// metadata), without the scheme.
    async fn admit(&self, authorization: Option<&str>, peer: SocketAddr)
    -> Result<IngestIdentity, GateError>;
}

/// Who sends.
#[derive(Debug, Clone)]
pub struct IngestIdentity {
    /// Whose limits it counts against; `None` where nothing is counted.
    pub tenant: Option<Tenant>,
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
        Ok(IngestIdentity { tenant: None })
    }
}

const KEY_HEADER: &str = "x-nines-key";

/// Where Firehose puts its key.
const FIREHOSE_KEY_HEADER: &str = "x-amz-firehose-access-key";

/// The key in the headers; `Authorization` wins, except that Basic, which may be meant for a proxy, comes last. The
/// schemes are those of the protocols that are spoken here: `Bearer KEY`, `Splunk KEY`, `Basic base64(user:KEY)` with any
/// user, and `ApiKey base64(id:KEY)` or `ApiKey KEY` of Elasticsearch's clients.
pub fn key(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    authorization
        .and_then(authorization_key)
        .or_else(|| text(KEY_HEADER).map(Cow::Borrowed))
        .or_else(|| text(FIREHOSE_KEY_HEADER).map(Cow::Borrowed))
        .or_else(|| authorization.and_then(password).map(Cow::Owned))
}

fn authorization_key(value: &str) -> Option<Cow<'_, str>> {
    let (scheme, key) = value.trim().split_once(' ')?;
    let key = key.trim();
    let is = |known: &str| scheme.eq_ignore_ascii_case(known);
    if is("bearer") || is("splunk") {
        Some(Cow::Borrowed(key))
    } else if is("apikey") {
        Some(behind_colon(key).map_or(Cow::Borrowed(key), Cow::Owned))
    } else {
        None
    }
}

/// The password of Basic.
fn password(value: &str) -> Option<String> {
    let (scheme, encoded) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| behind_colon(encoded.trim()))?
}

/// The second half of `base64(first:second)`.
fn behind_colon(encoded: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(_, second)| second.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(name: &'static str, value: &str, expected: Option<&str>) {
        let headers = HeaderMap::from_iter([(
            axum::http::HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )]);
        assert_eq!(key(&headers).as_deref(), expected, "{name}: {value}");
    }

    #[test]
    fn each_protocol_has_its_own_way_to_show_a_key() {
        check("authorization", "Bearer nin_k_1", Some("nin_k_1"));
        check("authorization", "Splunk nin_k_1", Some("nin_k_1"));
        check("authorization", &format!("Basic {}", STANDARD.encode("elastic:nin_k_1")), Some("nin_k_1"));
        check("authorization", &format!("ApiKey {}", STANDARD.encode("id:nin_k_1")), Some("nin_k_1"));
        check("authorization", "ApiKey nin_k_1", Some("nin_k_1"));
        check("authorization", "Basic !", None);
        check("authorization", "Digest x", None);
        check("x-nines-key", " nin_k_1", Some("nin_k_1"));
        check("x-amz-firehose-access-key", "nin_k_1", Some("nin_k_1"));
    }
}
