use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, COOKIE, LOCATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use nines_base::{MIB, chain};
use reqwest::Url;

use crate::resolve::Guard;
use crate::{EgressError, Lookup, Policy, SystemLookup};

/// RFC 9110 suggests no figure; browsers stop at 20, which is generous. Five hops cover http → https → www → path.
const REDIRECTS_MAX: usize = 5;

/// Idle connections kept for each host: enough for a channel's concurrency, few enough that a hundred hosts stay cheap.
const IDLE_PER_HOST_MAX: usize = 4;

#[derive(Debug, Clone)]
pub struct Config {
    pub policy: Policy,
    /// For the TCP and TLS handshakes. 5 s by default.
    pub connect_timeout: Duration,
    /// From the call to the last byte of the answer, redirects included. 10 s by default.
    pub timeout: Duration,
    /// Answers longer than this are cut off with an error. 1 MiB by default.
    pub response_bytes_max: u64,
    pub user_agent: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            response_bytes_max: MIB,
            user_agent: concat!("nines/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The HTTP client. Cloning shares the connections.
#[derive(Clone)]
pub struct Egress {
    client: reqwest::Client,
    guard: Guard,
    response_bytes_max: u64,
    timeout: Duration,
}

/// One call. Redirects are followed only for a GET or HEAD that asks for it.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Shorter than the configured one, if given.
    pub timeout: Option<Duration>,
    pub follow_redirects: bool,
}

#[derive(Debug, Clone)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url, Bytes::new())
    }

    pub fn post(url: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, url, body.into())
    }

    fn new(method: Method, url: impl Into<String>, body: Bytes) -> Self {
        let (headers, timeout, follow_redirects) = (HeaderMap::new(), None, false);
        Self { method, url: url.into(), headers, body, timeout, follow_redirects }
    }

    /// Text that cannot be a header value (a line break, a control character) is left out: it would be an injection.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// A bearer token, marked so that it is never printed.
    pub fn bearer(mut self, token: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}")) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
        self
    }
}

/// Shows the host only: path, query, headers and body may hold secrets.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = Url::parse(&self.url).ok().and_then(|url| url.host_str().map(str::to_owned));
        f.debug_struct("Request").field("method", &self.method).field("host", &host).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("policy", &self.guard.policy).finish_non_exhaustive()
    }
}

impl Egress {
    pub fn new(config: Config) -> Result<Self, EgressError> {
        Self::with_lookup(config, Arc::new(SystemLookup))
    }

    /// With another resolver, for tests.
    pub fn with_lookup(config: Config, lookup: Arc<dyn Lookup>) -> Result<Self, EgressError> {
        // Installed once for the process; a second call finds the first one's provider, which is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Guard { policy: Arc::new(config.policy), lookup };
        #[expect(clippy::disallowed_methods, reason = "this is the seam")]
        let builder = reqwest::Client::builder();
        let client = builder
            .user_agent(config.user_agent)
            .dns_resolver(guard.clone())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(config.connect_timeout)
            .timeout(config.timeout)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .build()
            .map_err(|error| EgressError::Setup { reason: chain(&error) })?;
        Ok(Self { client, guard, response_bytes_max: config.response_bytes_max, timeout: config.timeout })
    }

    /// Sends once; any status is an answer. Nothing is retried here: the caller knows whether a repeat is safe.
    pub async fn send(&self, request: Request) -> Result<Response, EgressError> {
        let url = parse(&request.url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let within = request.timeout.map_or(self.timeout, |timeout| timeout.min(self.timeout));
        match tokio::time::timeout(within, self.send_hops(request, url)).await {
            Ok(result) => result,
            Err(_) => Err(EgressError::Timeout { host }),
        }
    }

    /// The addresses of `host` that may be reached, for a client that is not HTTP (SMTP): it must connect to one of
    /// these and not look the name up again.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, EgressError> {
        self.guard.resolve(host).await
    }

    async fn send_hops(&self, request: Request, mut url: Url) -> Result<Response, EgressError> {
        let follow = request.follow_redirects && matches!(request.method, Method::GET | Method::HEAD);
        let mut headers = request.headers.clone();
        for _ in 0..=REDIRECTS_MAX {
            let response = self.send_hop(&request, &url, headers.clone()).await?;
            if !(follow && response.status.is_redirection()) {
                return Ok(response);
            }
            let Some(location) = response.headers.get(LOCATION).and_then(|value| value.to_str().ok()) else {
                return Ok(response);
            };
            let next = url.join(location).map_err(|error| unusable(location, error.to_string()))?;
            let next = parse(next.as_str())?;
            if next.origin() != url.origin() {
                // Whatever was meant for the first host is not for the next: not only the well-known headers, for a
                // token often travels under a name of its own.
                for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
                    headers.remove(name);
                }
                headers = keep_harmless(&headers);
            }
            url = next;
        }
        Err(EgressError::Redirects { host: host_of(&url), limit: REDIRECTS_MAX })
    }

    async fn send_hop(
        &self,
        request: &Request,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Response, EgressError> {
        let host = host_of(url);
        // The client's connector does not ask its resolver about literal addresses, so they are checked here; a name
        // is looked up and checked by the connector itself, at the moment of connecting.
        if url.domain().is_none() {
            self.guard.resolve(&host).await?;
        }
        let sent = self
            .client
            .request(request.method.clone(), url.clone())
            .headers(headers)
            .body(request.body.clone())
            .send()
            .await;
        let mut response = sent.map_err(|error| classify(&host, error))?;
        let too_large = || EgressError::TooLarge { host: host.clone(), limit: self.response_bytes_max };
        if response.content_length().is_some_and(|length| length > self.response_bytes_max) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| classify(&host, error))? {
            if (body.len() + chunk.len()) as u64 > self.response_bytes_max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: response.status(), headers: response.headers().clone(), body: body.freeze() })
    }
}

fn parse(text: &str) -> Result<Url, EgressError> {
    let url = Url::parse(text).map_err(|error| unusable(text, error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(unusable(text, format!("scheme `{}` is not http or https", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable(text, "it holds a user name or password; use a header instead".to_owned()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(unusable(text, "it has no host".to_owned()));
    }
    Ok(url)
}

fn unusable(text: &str, reason: String) -> EgressError {
    // Only scheme and host are shown, cut at the first character that may begin something secret.
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    let authority = text[start..end].rsplit_once('@').map_or(&text[start..end], |(_, host)| host);
    let shown: String = format!("{}{authority}", &text[..start]).chars().take(200).collect();
    EgressError::Url { url: shown, reason }
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn keep_harmless(headers: &HeaderMap) -> HeaderMap {
    use http::header::{ACCEPT, ACCEPT_LANGUAGE, USER_AGENT};
    let mut kept = HeaderMap::new();
    for name in [ACCEPT, ACCEPT_LANGUAGE, USER_AGENT] {
        if let Some(value) = headers.get(&name) {
            kept.insert(name, value.clone());
        }
    }
    kept
}

fn classify(host: &str, error: reqwest::Error) -> EgressError {
    let host = host.to_owned();
    // The guard's own answer lies somewhere in the chain.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        match inner.downcast_ref::<EgressError>() {
            Some(EgressError::Refused { host, address, refusal }) => {
                return EgressError::Refused { host: host.clone(), address: *address, refusal: *refusal };
            }
            Some(EgressError::Resolve { host, reason }) => {
                return EgressError::Resolve { host: host.clone(), reason: reason.clone() };
            }
            _ => cause = inner.source(),
        }
    }
    if error.is_builder() {
        return EgressError::Url { url: host, reason: chain(&error.without_url()) };
    }
    // A timeout while connecting is a failed connection: nothing was sent.
    match (error.is_connect(), error.is_timeout()) {
        (true, _) => EgressError::Connect { host, reason: chain(&error.without_url()) },
        (false, true) => EgressError::Timeout { host },
        (false, false) => EgressError::Broken { host, reason: chain(&error.without_url()) },
    }
}
