//! `/prometheus/api/v1/write`: Prometheus remote write 1.0 and 2.0.
//!
//! 204 is yes, after the fsync. What can never be written (labels, times, budgets) is 400 with the reasons, while the rest
//! of the request is written; what may pass is 503, which every sender repeats: 429 they drop unless told otherwise. A
//! request that comes again changes nothing, because a series has one value at a time.
//!
//! Source: <https://prometheus.io/docs/specs/prw/remote_write_spec/> and `…_2_0/`; where they are silent, prometheus/prometheus
//! `storage/remote/write_handler.go`.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use nines_base::decompress::{Encoding, decompress};
use nines_model::Dataset;
use nines_series::decode::{DecodeError, decode_v1, decode_v2};
use nines_series::{SeriesError, SeriesStore, WriteOutcome};

use super::{respond, with_retry_after};
use crate::body;
use crate::gate::IngestIdentity;
use crate::receiver::{INLINE_BYTES_MAX, Inner};
use crate::refusal::{Cause, Refusal};

const PROTOBUF: &str = "application/x-protobuf";
/// The values of `proto=`, which alone say what the body is.
const PROTO_V1: &str = "prometheus.WriteRequest";
const PROTO_V2: &str = "io.prometheus.write.v2.Request";

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

pub(super) async fn handle(
    inner: &Inner,
    series: Option<&SeriesStore>,
    request: Request<Body>,
    peer: SocketAddr,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let version = version(&parts.headers);
    let answer = match (inner.admit(&parts.headers, peer).await, &version, series) {
        (Err(refusal), ..) => Err(refusal),
        (Ok(_), _, None) => Err(Refusal::new(Cause::NotFound, "this node keeps no metrics")),
        (Ok(_), Err(refusal), _) => Err(refusal.clone()),
        (Ok(sender), Ok(version), Some(series)) => {
            write(inner, sender, series, *version, &parts.headers, body).await
        }
    };
    let (mut response, written) = match answer {
        Ok(outcome) => (answered(&outcome), outcome),
        Err(refusal) => {
            inner.refused("remote_write", &refusal);
            (refused(&refusal), WriteOutcome::default())
        }
    };
    // Also when nothing was written: a sender of 2.0 takes an answer without them for one of 1.0.
    if version == Ok(Version::V2) {
        for (name, count) in [
            (SAMPLES_WRITTEN, written.samples_written),
            (HISTOGRAMS_WRITTEN, written.histograms_written),
            (EXEMPLARS_WRITTEN, written.exemplars_written),
        ] {
            response.headers_mut().insert(name, HeaderValue::from(count));
        }
    }
    response
}

/// By the content type alone. One without `proto` is 1.0, and so is none at all, as old senders have it.
fn version(headers: &HeaderMap) -> Result<Version, Refusal> {
    let unsupported = |found: &str| {
        let message = format!(
            "content type `{found}` is not supported: use {PROTOBUF};proto={PROTO_V2} or {PROTOBUF};proto={PROTO_V1}"
        );
        Err(Refusal::new(Cause::UnsupportedType, message))
    };
    let value = match headers.get(CONTENT_TYPE).map(HeaderValue::to_str) {
        None => return Ok(Version::V1),
        Some(Err(_)) => return unsupported("?"),
        Some(Ok(value)) => value,
    };
    let mut parts = value.split(';').map(str::trim);
    match parts.next() {
        Some("") => return Ok(Version::V1),
        Some(essence) if essence.eq_ignore_ascii_case(PROTOBUF) => {}
        _ => return unsupported(value),
    }
    let proto = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"'))
    });
    match proto {
        None | Some(PROTO_V1) => Ok(Version::V1),
        Some(PROTO_V2) => Ok(Version::V2),
        Some(_) => unsupported(value),
    }
}

async fn write(
    inner: &Inner,
    sender: IngestIdentity,
    series: &SeriesStore,
    version: Version,
    headers: &HeaderMap,
    body: Body,
) -> Result<WriteOutcome, Refusal> {
    match headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim()) {
        None | Some("") => {}
        Some(encoding) if encoding.eq_ignore_ascii_case("snappy") => {}
        Some(other) => {
            let message =
                format!("content encoding `{other}` is not supported: use snappy, the block format");
            return Err(Refusal::new(Cause::UnsupportedEncoding, message));
        }
    }
    let limit = inner.limits.http_body_bytes;
    let body = inner.check(&sender, body, limit).await?;
    let Ok(_permit) = inner.requests.try_acquire() else {
        return Err(Refusal::new(Cause::Busy, "too many requests at once: send again later"));
    };
    let mut held = inner.bytes.hold();
    let bytes = body::read(body, limit, inner.limits.body_timeout, &inner.clock, &mut held).await?;
    // The block says how long it is. What it will take is counted before it is decoded.
    let room = SNAPPY_SIZE_GUESS * bytes.len() as u64;
    if !held.grow(room) {
        return Err(Refusal::new(Cause::Busy, "too many bytes are waiting to be stored: send again later"));
    }
    let store = series.clone();
    let is_small = bytes.len() <= INLINE_BYTES_MAX / 8;
    let work = move || {
        let message = decompress(Encoding::Snappy, &bytes, limit)?;
        let request = match version {
            Version::V1 => decode_v1(&message),
            Version::V2 => decode_v2(&message),
        };
        let (request, bytes) = (request?, message.len() as u64);
        let samples = [(Dataset::Metrics, request.values())];
        let charge = sender.tenant.as_ref().map(|tenant| tenant.charge(&samples, bytes)).transpose()?;
        Ok((store.write(request)?, charge, bytes))
    };
    let (pending, charge, bytes) = inner.compute(is_small, work).await?;
    let outcome = pending.await?;
    if let Some(charge) = charge {
        charge.keep();
    }
    inner.counters.accepted(outcome.samples_written + outcome.histograms_written, outcome.rejected, bytes);
    Ok(outcome)
}

/// How many times its size a block of label sets usually unpacks to. Beyond the guess the limit of the body holds, for as
/// many bodies as there are decoders.
const SNAPPY_SIZE_GUESS: u64 = 4;

fn answered(outcome: &WriteOutcome) -> Response<Body> {
    if outcome.is_whole() {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return response;
    }
    let mut text = format!("{} samples were not written, the rest was:\n", outcome.rejected);
    for rejection in &outcome.rejections {
        text.push_str(&format!("{}: {}\n", rejection.series, rejection.reason));
    }
    respond(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", text)
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let status = match refusal.cause {
        Cause::Busy | Cause::OverLimit => StatusCode::SERVICE_UNAVAILABLE,
        _ => refusal.http_status(),
    };
    let body = format!("{}\n", refusal.message);
    let mut response = with_retry_after(respond(status, "text/plain; charset=utf-8", body), refusal);
    if refusal.cause == Cause::Unauthenticated {
        let challenge = HeaderValue::from_static("Basic realm=\"nines\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let cause = match error.kind() {
            nines_base::ErrorKind::TooLarge => Cause::TooLarge,
            _ => Cause::Malformed,
        };
        Self::new(cause, error.to_string())
    }
}

impl From<SeriesError> for Refusal {
    fn from(error: SeriesError) -> Self {
        // Whatever goes wrong with a write as a whole is on our side of the wire: let the sender keep its data.
        let retry_after = error.retry_after();
        let refusal = Self::new(Cause::Unavailable, error.to_string());
        Self { retry_after: retry_after.or(refusal.retry_after), ..refusal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: Option<&str>, expected: Option<Version>) {
        let mut headers = HeaderMap::new();
        headers.extend(content_type.map(|value| (CONTENT_TYPE, HeaderValue::from_str(value).unwrap())));
        assert_eq!(version(&headers).ok(), expected, "{content_type:?}");
    }

    #[test]
    fn the_content_type_alone_says_the_version() {
        check(None, Some(Version::V1));
        check(Some("application/x-protobuf"), Some(Version::V1));
        check(Some("application/x-protobuf;proto=prometheus.WriteRequest"), Some(Version::V1));
        check(Some("application/x-protobuf; proto=io.prometheus.write.v2.Request"), Some(Version::V2));
        check(
            Some("Application/X-Protobuf;charset=x;proto=\"io.prometheus.write.v2.Request\""),
            Some(Version::V2),
        );
        check(Some("application/x-protobuf;proto=io.prometheus.write.v3.Request"), None);
        check(Some("application/json"), None);
    }
}
