//! Amazon SNS: CloudWatch alarms whose signature has been checked, and subscriptions that are confirmed by themselves,
//! since whoever asks for one holds a key of ours.
//!
//! The certificate comes from an address of SNS over TLS, as AWS documents it; SNS changes it about once a year.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nines_base::ErrorKind;
use nines_oncall::intake::{self, SnsKind, SnsSignature};
use parking_lot::Mutex;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use serde_json::json;

use crate::SharedApp;
use crate::extract::{BODY_BYTES_MAX, Caller, bytes};
use crate::handlers::intake::keep;
use crate::problem::{ApiError, ApiResult};

/// Certificates that are kept: one for each region that somebody uses, and its successor.
const CERTIFICATES_MAX: usize = 16;

/// Certificates by address, as DER, the newest last.
type Certificates = Vec<(String, Vec<u8>)>;

static CERTIFICATES: LazyLock<Mutex<Certificates>> = LazyLock::new(Mutex::default);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum SignatureError {
    #[error("the certificate of the signature cannot be read: {0}")]
    Certificate(&'static str),
    #[error("the signature version `{0}` is not known")]
    Version(String),
    #[error("the signature does not belong to the message")]
    Wrong,
}

pub async fn receive(State(app): State<SharedApp>, caller: Caller, request: Request) -> ApiResult<Response> {
    let body = bytes(request, BODY_BYTES_MAX).await?;
    let message = intake::sns(&body)?;
    let certificate = certificate(&app, &message.signature.certificate_url).await?;
    verify(&message.signature, &certificate).map_err(|error| {
        ApiError::new(ErrorKind::Forbidden, error.to_string())
            .code("sns_signature")
            .hint("the message was changed on the way, or is not from Amazon SNS")
    })?;
    match message.kind {
        SnsKind::Alert(alert) => {
            keep(&app, vec![*alert], &caller.name).await?;
        }
        SnsKind::Confirm { subscribe_url } => {
            fetch(&app, &subscribe_url).await?;
            tracing::info!(topic = message.topic, by = caller.name, "confirmed a subscription of Amazon SNS");
        }
        SnsKind::Unsubscribed { .. } => {
            tracing::warn!(topic = message.topic, "Amazon SNS will send no more alarms of this topic");
        }
    }
    Ok((StatusCode::OK, Json(json!({"message_id": message.id}))).into_response())
}

async fn certificate(app: &SharedApp, url: &str) -> ApiResult<Vec<u8>> {
    let known = CERTIFICATES.lock().iter().find(|(known, _)| known == url).map(|(_, der)| der.clone());
    if let Some(der) = known {
        return Ok(der);
    }
    let pem = fetch(app, url).await?;
    let der = der(&pem).map_err(|error| ApiError::new(ErrorKind::Unavailable, error.to_string()))?;
    let mut kept = CERTIFICATES.lock();
    if kept.len() >= CERTIFICATES_MAX {
        kept.remove(0);
    }
    kept.push((url.to_owned(), der.clone()));
    Ok(der)
}

/// From an address of SNS; the reader of the message has checked that it is one.
async fn fetch(app: &SharedApp, url: &str) -> ApiResult<Vec<u8>> {
    let failed = |why: String| {
        ApiError::new(ErrorKind::Unavailable, format!("Amazon SNS cannot be asked: {why}"))
            .hint("SNS will send the message again")
    };
    let response = app
        .oncall
        .egress
        .send(nines_egress::Request::get(url))
        .await
        .map_err(|error| failed(error.to_string()))?;
    if !response.status.is_success() {
        return Err(failed(format!("it answered {}", response.status)));
    }
    Ok(response.body.to_vec())
}

fn der(pem: &[u8]) -> Result<Vec<u8>, SignatureError> {
    let wrong = || SignatureError::Certificate("it is not PEM");
    let text = std::str::from_utf8(pem).map_err(|_| wrong())?;
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----").ok_or_else(wrong)?;
    let (encoded, _) = rest.split_once("-----END CERTIFICATE-----").ok_or_else(wrong)?;
    let encoded: String = encoded.split_whitespace().collect();
    STANDARD.decode(encoded).map_err(|_| wrong())
}

/// RSA over the signed text: version 1 with SHA-1, version 2 with SHA-256.
fn verify(signature: &SnsSignature, certificate: &[u8]) -> Result<(), SignatureError> {
    let algorithm = match signature.version.as_str() {
        "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        "2" => &RSA_PKCS1_2048_8192_SHA256,
        other => return Err(SignatureError::Version(other.to_owned())),
    };
    let certificate = certificate.into();
    let certificate = webpki::EndEntityCert::try_from(&certificate)
        .map_err(|_| SignatureError::Certificate("it is not an X.509 certificate"))?;
    let info = certificate.subject_public_key_info();
    let key = rsa_key(info.as_ref()).ok_or(SignatureError::Certificate("it has no RSA key"))?;
    let given = STANDARD.decode(&signature.signature).map_err(|_| SignatureError::Wrong)?;
    UnparsedPublicKey::new(algorithm, key)
        .verify(signature.signed_text.as_bytes(), &given)
        .map_err(|_| SignatureError::Wrong)
}

/// The key inside a `SubjectPublicKeyInfo` (RFC 5280, 4.1): a sequence of an algorithm and a bit string.
fn rsa_key(info: &[u8]) -> Option<&[u8]> {
    let (outer, _) = element(info, 0x30)?;
    let (_, rest) = element(outer, 0x30)?;
    let (bits, _) = element(rest, 0x03)?;
    // The first byte counts the bits that are not used: none in a key.
    bits.split_first().filter(|(unused, _)| **unused == 0).map(|(_, key)| key)
}

/// One element of DER with this tag: its content, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), rest.get(2..)?),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate and signatures made with `openssl req -x509 -newkey rsa:2048` and `openssl dgst -sign`.
    const PEM: &str = "-----BEGIN CERTIFICATE-----\n\
        MIIDGzCCAgOgAwIBAgIUEsi488yDDaNmjjIsjppChgwXTxwwDQYJKoZIhvcNAQEL\n\
        BQAwHDEaMBgGA1UEAwwRc25zLmFtYXpvbmF3cy5jb20wIBcNMjYxMTIyMDk0NzIx\n\
        WhgPMjEyNjEwMjkwOTQ3MjFaMBwxGjAYBgNVBAMMEXNucy5hbWF6b25hd3MuY29t\n\
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoFKwy7LgJoTaqjl1/zIT\n\
        34nJrriBfmq0uV308A2tAnmIS+J/IU6xi5fwIpS5qELaM4ZrCxSlmRcS3oG/Ucg/\n\
        /cIdR92sxXkPPlqx+PliiPPpwOFIjo57lY5b8Mdbb/eBPJQWblLp6iB1mQrnoBuq\n\
        uTmjDsRMG0Gw5BfAvLRsHiAddQxX9XDrlyT1Lwjx+ZQklXwephEhoPhcqRjBAs0z\n\
        UpnLMNFoDogbCFByZpz9t3Y2aOlwrNq7Vzj5wo20HXpoC879dXoHo1SXfC+wP/+B\n\
        dbYqM4GnsJkepgNkl98hGcmHWcSeckWTbmzSfcNZJBZIysE0k/+SR3bWJ2wvNpAS\n\
        TQIDAQABo1MwUTAdBgNVHQ4EFgQUA1QyP+ehC62CoMn4OBBjvGKBVQ8wHwYDVR0j\n\
        BBgwFoAUA1QyP+ehC62CoMn4OBBjvGKBVQ8wDwYDVR0TAQH/BAUwAwEB/zANBgkq\n\
        hkiG9w0BAQsFAAOCAQEAYG/App5wjuoGhikjCM34PGKeb2jzt7EUs0CjvBdhmcXR\n\
        Nmi97tbZdhIpgL2clpW/YFSTRk4YXyLI+jJMCbmjTE5k97+lXPYj6K24Kpz5+FhW\n\
        kvxN4x0GqVZjlahOKRa+qyL/qQEln1s2pn1+JSDdR9DXqOIVpjQ46dW38z0ounIi\n\
        kfiUKgyjTQPURHzYQ2jqktIwrmv6K6zPGKS2DjSrq54ZiR0Hfz0NUzQPf+rzSlXR\n\
        HEwOrKnjbNdzHdUyvwh63gth4mQQ7WevCIkKyCGyW8zZJ2uUB1Y1Lv9TkF6hP8zC\n\
        36fpXMqEBiOK4Pm+2EchXOaEi4UNt6pS1Il2ZG5ZwQ==\n\
        -----END CERTIFICATE-----";
    const SHA1: &str = "O2xGwb0MCkfJX1dE/1Prki+mTJqXtvUYEzYcA/yVawKe8Uvq9ynhm0fJ56OANY+fIhlCFd5x5QbOwuI23MTl1mqbisH8wDnyWkFQ/nG0CRVZcL/Fh/JbPaPkPIreQJ6nN/uyUJZ6XAZR1+H+b41dcDyVOC6sphtqEHQBrjRGsGlKEoEo4DGwmgvKiprilt8wOaT8i/YoxagfJsULEu/BIM+rMd0zBO7e/Z/WZ1pzh1iKbubPIHj5gpL0B+1h4NQcLt3oy1qgcsJOMPOZLbNFQ/KGqCcasXtXiopooAfMKogE97YrvPo+t2gX0NlWwxKlYn7trT7tcDbCbbX9MtQQGA==";
    const SHA256: &str = "T3WiFw4wECTeI9mDw+/Pk0cv8MDrgS870MJ8k27mmC4KqqxYJ/0vphl0XYjAdCzAAXINLJ2iIw8bg7KR8EBnhf/+g+dXcUY7oovTg9XwFZiwMnB/iY+dJ4jX1Oh4f+zETrxF4/sg+9ICtxflME0yq9J/s0VCOOQs6qIR8Pu8ab3rRpRACln5gYkn8YdNpXGg0cIz7r7SUzv6m1Y6pg6zHsLy5UhZUOoF7m5O4wyIoChFadURoOZpaQWteVAGwgpK4+OBwvBLbidxd2VOIvmSz0X968b6epdPplAE0SNykWO1X3zTWaunx3xNvqvIzkafozR0c4k35ojjj8Laqdr83w==";
    const TEXT: &str = "Message\nhello\nMessageId\n1\nTimestamp\n2026-11-22T00:00:00.000Z\nTopicArn\narn:aws:sns:eu-west-1:1:t\nType\nNotification\n";

    fn signed(version: &str, signature: &str, text: &str) -> SnsSignature {
        SnsSignature {
            version: version.to_owned(),
            signature: signature.to_owned(),
            certificate_url: String::new(),
            signed_text: text.to_owned(),
        }
    }

    #[test]
    fn both_versions_are_verified_and_a_changed_message_is_refused() {
        let certificate = der(PEM.as_bytes()).unwrap();
        for (version, signature) in [("1", SHA1), ("2", SHA256)] {
            assert_eq!(verify(&signed(version, signature, TEXT), &certificate), Ok(()), "version {version}");
            let changed = TEXT.replace("hello", "hallo");
            let outcome = verify(&signed(version, signature, &changed), &certificate);
            assert_eq!(outcome, Err(SignatureError::Wrong), "version {version}");
        }
        assert_eq!(verify(&signed("1", SHA256, TEXT), &certificate), Err(SignatureError::Wrong));
        assert_eq!(verify(&signed("2", "", TEXT), &certificate), Err(SignatureError::Wrong));
        let unknown = verify(&signed("3", SHA256, TEXT), &certificate);
        assert_eq!(unknown, Err(SignatureError::Version("3".to_owned())));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert!(der(b"-----BEGIN CERTIFICATE-----\nno end").is_err());
        let outcome = verify(&signed("2", SHA256, TEXT), b"0\x03\x02\x01\x05");
        assert!(matches!(outcome, Err(SignatureError::Certificate(_))), "{outcome:?}");
    }
}
