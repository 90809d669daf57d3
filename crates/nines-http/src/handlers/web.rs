//! The web application's files, and the page for every path that is the application's own.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::SharedApp;
use crate::problem::{ApiError, ApiResult};

/// Paths that belong to programs: a mistake there must be an error and never a page.
const MACHINE_PREFIXES: [&str; 4] = ["/api/", "/v1/", "/-/", "/metrics"];

/// The service worker: it shows notifications and opens pages, and loads nothing.
const WORKER: &str = "/sw.js";
const WORKER_POLICY: &str = "default-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

pub async fn serve(State(_): State<SharedApp>, uri: Uri, headers: HeaderMap) -> ApiResult<Response> {
    let path = uri.path();
    if MACHINE_PREFIXES.iter().any(|prefix| path.starts_with(prefix)) {
        return Err(ApiError::not_found(format!("there is nothing at {path}"))
            .hint("the routes are in /api/v1/openapi.json"));
    }
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let Some(asset) = nines_ui::asset(path, accepted) else {
        return Err(ApiError::not_found(format!("there is no page or asset at {path}")));
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known == Some(asset.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, asset.content_type)], asset.bytes).into_response()
    };
    let headers = response.headers_mut();
    if path == WORKER {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(WORKER_POLICY));
    }
    headers.insert(header::ETAG, HeaderValue::from_str(asset.etag).expect("an entity tag is visible ASCII"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let lasts = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(lasts));
    if let Some(encoding) = asset.encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(response)
}
