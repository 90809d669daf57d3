//! What handlers take from a request, each with a precise refusal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use nines_api::Role;
use nines_base::ErrorKind;
use nines_filter::Filter;
use nines_incidents::Language;
use nines_model::{TimeRange, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problem::{ApiError, ApiResult};

/// A request body of our own API: documents and questions, not telemetry.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Who is calling, put there by the guard. A handler that takes it can only run behind the guard.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    pub name: String,
    /// `None` for a key that may only send telemetry.
    pub role: Option<Role>,
    /// The rows of telemetry that they see, if that is not all.
    pub sees: Option<Filter>,
    /// The services that they see, if that is not all.
    pub services: Option<Arc<BTreeSet<String>>>,
    /// Services that a policy keeps from them, besides.
    pub hidden: Arc<BTreeSet<String>>,
}

impl Caller {
    /// What was asked, among the rows that the caller may see.
    pub fn narrowed(&self, asked: Filter) -> Filter {
        match &self.sees {
            Some(sees) => sees.clone().and(asked),
            None => asked,
        }
    }

    /// Whether what belongs to this service is for them.
    pub fn sees_service(&self, service: &str) -> bool {
        self.services.as_ref().is_none_or(|services| services.contains(service))
            && !self.hidden.contains(service)
    }

    /// Whether what mixes all services is for them.
    pub fn sees_all(&self) -> bool {
        self.services.is_none() && self.hidden.is_empty()
    }

    /// The same for what belongs to several, any of which is enough.
    pub fn sees_one_of<'a>(&self, services: impl IntoIterator<Item = &'a str>) -> bool {
        let mut services = services.into_iter().peekable();
        // What belongs to no service is for all who are not kept to some.
        (self.services.is_none() && services.peek().is_none())
            || services.any(|service| self.sees_service(service))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::new(ErrorKind::Unauthenticated, "nobody is signed in"))
    }
}

/// A JSON body. The content type must say so, which also keeps plain HTML forms of other sites out.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        if !content_type
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        {
            return Err(ApiError::invalid(format!("content type `{content_type}` is not accepted here"))
                .code("unsupported_media_type")
                .hint("send content-type: application/json"));
        }
        let bytes = bytes(request, BODY_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            ApiError::invalid(format!("the body is not what this call takes: {error}"))
                .code("invalid_body")
                .hint("the shapes are in /api/v1/openapi.json")
        })
    }
}

/// For a whole body to arrive: a sender of a byte now and then would hold its request for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The whole body, refused as soon as it is longer than `limit`, or if it takes longer than [`BODY_TIMEOUT`].
pub async fn bytes(request: Request, limit: usize) -> ApiResult<Vec<u8>> {
    let body = tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(request.into_body(), limit));
    let body = body.await.map_err(|_| {
        ApiError::invalid(format!("the body was not whole after {} s", BODY_TIMEOUT.as_secs()))
    })?;
    let body = body.map_err(|error| {
        let mut source: Option<&dyn std::error::Error> = Some(&error);
        while let Some(cause) = source {
            if cause.to_string().contains("length limit") {
                return ApiError::new(ErrorKind::TooLarge, format!("the body has more than {limit} bytes"));
            }
            source = cause.source();
        }
        ApiError::invalid("the body ended before it was whole")
    })?;
    Ok(body.to_vec())
}

/// The language to write in: `?lang=`, else `Accept-Language`, else English.
pub struct Lang(pub Language);

#[derive(Deserialize)]
struct LangQuery {
    lang: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Lang {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let asked =
            Query::<LangQuery>::from_request_parts(parts, state).await.ok().and_then(|query| query.0.lang);
        let accepted = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let tag =
            asked.or_else(|| accepted.and_then(|text| text.split([',', ';']).next()).map(str::to_owned));
        Ok(Self(tag.as_deref().map_or(Language::En, Language::from_tag)))
    }
}

pub fn required_time(field: &str, text: &str) -> ApiResult<Timestamp> {
    Timestamp::parse_rfc3339(text).map_err(|error| ApiError::invalid(format!("`{field}`: {error}")))
}

pub fn optional_time(field: &str, text: Option<&str>) -> ApiResult<Option<Timestamp>> {
    text.filter(|text| !text.is_empty()).map(|text| required_time(field, text)).transpose()
}

/// `start` and `end` of a question: by default the `default` before now.
pub fn range(
    start: Option<&str>,
    end: Option<&str>,
    now: Timestamp,
    default: Duration,
) -> ApiResult<TimeRange> {
    // Rounded up, so that what arrived in this very moment is in.
    let end = optional_time("end", end)?.unwrap_or(now + Duration::from_secs(1));
    let start = optional_time("start", start)?.unwrap_or(end - default);
    if start >= end {
        return Err(ApiError::invalid(format!("`start` {start} is not before `end` {end}")).hint("swap them"));
    }
    Ok(TimeRange::new(start, end))
}
