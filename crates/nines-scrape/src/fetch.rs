//! One GET to a target.

use std::time::Duration;

use base64::Engine as _;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use nines_base::ErrorKind;
use nines_base::decompress::{DecompressError, Encoding, decompress};
use nines_base::disk::SharedDisk;
use nines_egress::{Egress, EgressError, Request};
use nines_secrets::{SecretError, SecretResolver};

use crate::config::{Authorization, Job, Protocol, Secret};
use crate::error::ScrapeError;
use crate::target::Target;

/// Longest secret file that is read; the longest tokens in use have a few KiB.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// What a fetch asks for. `Debug` shows no headers: they may hold secrets.
#[derive(Clone)]
pub struct FetchRequest {
    pub url: String,
    pub headers: HeaderMap,
    pub timeout: Duration,
    /// Of the body after decompression.
    pub body_bytes_max: u64,
    pub follow_redirects: bool,
}

impl std::fmt::Debug for FetchRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchRequest").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// An answer with status 200, decompressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

/// The way to targets.
#[async_trait::async_trait]
pub trait Fetch: Send + Sync {
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, ScrapeError>;
}

/// Over HTTP. Its `Egress` needs a policy that lets the targets' networks through, a timeout not below the longest
/// `scrape_timeout`, and `response_bytes_max` not below the largest `body_size_limit`: what it cuts off is cut off.
pub struct HttpFetch {
    egress: Egress,
}

impl HttpFetch {
    pub fn new(egress: Egress) -> Self {
        Self { egress }
    }
}

#[async_trait::async_trait]
impl Fetch for HttpFetch {
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, ScrapeError> {
        let limit = request.body_bytes_max;
        let mut call = Request::get(request.url);
        call.headers = request.headers;
        call.timeout = Some(request.timeout);
        call.follow_redirects = request.follow_redirects;
        let response = self.egress.send(call).await.map_err(|error| match error {
            EgressError::TooLarge { limit, .. } => ScrapeError::BodyTooLarge { limit },
            error => ScrapeError::Fetch { message: error.to_string(), kind: error.kind() },
        })?;
        if response.status.as_u16() != 200 {
            return Err(ScrapeError::Status { status: response.status.as_u16() });
        }
        let text = |name: HeaderName| {
            response.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let content_type = text(CONTENT_TYPE);
        let encoding = text(CONTENT_ENCODING);
        let body = response.body;
        // A body of megabytes takes milliseconds.
        let unpacked = tokio::task::spawn_blocking(move || {
            let encoding = Encoding::parse(encoding.as_deref())?;
            decompress(encoding, &body, limit)
        });
        let unpacked = unpacked
            .await
            .map_err(|error| ScrapeError::Fetch { message: error.to_string(), kind: ErrorKind::Internal })?;
        let body = unpacked.map_err(|error| match error {
            DecompressError::TooLarge { limit } => ScrapeError::BodyTooLarge { limit },
            error => ScrapeError::Fetch { message: error.to_string(), kind: error.kind() },
        })?;
        Ok(Fetched { content_type, body })
    }
}

/// The request for one scrape of a target. Reads secret files, which blocks.
pub(crate) fn request_for(
    job: &Job,
    target: &Target,
    disk: &SharedDisk,
    secrets: &dyn SecretResolver,
) -> Result<FetchRequest, ScrapeError> {
    let secret_text = |secret: &Secret| secret_text(secret, disk, secrets);
    let mut headers = HeaderMap::new();
    let plain = |text: String| HeaderValue::from_str(&text).ok();
    let mut set = |name: HeaderName, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.append(name, value);
        }
    };
    set(ACCEPT, plain(Protocol::accept(&job.protocols)));
    let encoding = if job.compression { "gzip" } else { "identity" };
    set(ACCEPT_ENCODING, plain(encoding.to_owned()));
    let timeout = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
    set(timeout, plain(target.timeout.as_secs_f64().to_string()));
    for (name, secret) in &job.headers {
        if let Ok(name) = HeaderName::try_from(name.as_str()) {
            set(name, hidden(&secret_text(secret)?));
        }
    }
    let authorization = match &job.authorization {
        None => None,
        Some(Authorization::Basic { username, password }) => {
            let pair = format!("{username}:{}", secret_text(password)?);
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            hidden(&format!("Basic {encoded}"))
        }
        Some(Authorization::Token { scheme, credentials }) => {
            hidden(&format!("{scheme} {}", secret_text(credentials)?))
        }
    };
    set(AUTHORIZATION, authorization);
    Ok(FetchRequest {
        url: target.url.clone(),
        headers,
        timeout: target.timeout,
        body_bytes_max: job.limits.body_bytes_max(),
        follow_redirects: job.follow_redirects,
    })
}

/// Marked so that it is never printed.
fn hidden(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Written text, what a reference stands for in the vault now, or what a file holds now.
fn secret_text(
    secret: &Secret,
    disk: &SharedDisk,
    secrets: &dyn SecretResolver,
) -> Result<String, ScrapeError> {
    let path = match secret {
        Secret::Written(text) => {
            let resolved = secrets.resolve_text(text);
            let failed = |error: SecretError| ScrapeError::Secret {
                path: if text.starts_with("secret://") {
                    text.clone()
                } else {
                    "the configuration".to_owned()
                },
                reason: error.to_string(),
            };
            return Ok(resolved.map_err(failed)?.expose().to_owned());
        }
        Secret::File(path) => path,
    };
    let failed = |reason: String| ScrapeError::Secret { path: path.display().to_string(), reason };
    let size = disk.size(path).map_err(|error| failed(error.to_string()))?;
    if size > SECRET_BYTES_MAX as u64 {
        return Err(failed(format!("it has more than {SECRET_BYTES_MAX} bytes")));
    }
    let bytes = disk.read(path).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    Ok(text.trim().to_owned())
}
