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
static CERTIFICATES: LazyLock<Mutex<Vec<(String, Vec<u8>)>>> = LazyLock::new(Mutex::default);

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
