//! One call: from a row of the route table to a request, and from the response to a wire type.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use nines_api::{Method, Problem, ROUTES, Route};
use nines_egress::{Egress, EgressError, Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ClientError;

/// Ten thousand rows (the API's most) of 6 KiB, which is more than a wide event has.
pub const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// The server gives a query 300 s at most; some time for the answer to travel comes on top.
pub const ANSWER_WAIT_MAX: Duration = Duration::from_secs(330);

/// How much of an answer that is no problem document is shown.
const SHOWN_CHARS_MAX: usize = 200;

pub(crate) struct Call {
    route: &'static Route,
    parameters: Vec<String>,
    query: Vec<(&'static str, String)>,
    attributes: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

enum Body {
    None,
    Json(Vec<u8>),
    Yaml(String),
    /// As it is, under this content type.
    Raw(&'static str, Vec<u8>),
}

impl Call {
    /// The call named `operation` in the route table.
    pub(crate) fn new(operation: &'static str) -> Self {
        let route = ROUTES
            .iter()
            .find(|route| route.operation == operation)
            .expect("every operation named in this crate is in the route table, as the tests make sure");
        Self {
            route,
            parameters: Vec::new(),
            query: Vec::new(),
            attributes: Vec::new(),
            headers: Vec::new(),
            body: Body::None,
        }
    }

    /// Fills the next `{parameter}` of the path.
    pub(crate) fn parameter(mut self, value: &str) -> Self {
        self.parameters.push(encode(value));
        self
    }

    /// Adds a query parameter, if there is a value.
    pub(crate) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        debug_assert!(self.route.query.contains(&name), "{name} is not a parameter of {}", self.route.path);
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, ClientError> {
        let bytes = serde_json::to_vec(body)
            .map_err(|source| ClientError::Unreadable { operation: self.route.operation, source })?;
        self.body = Body::Json(bytes);
        Ok(self)
    }

    pub(crate) fn yaml(mut self, text: String) -> Self {
        self.body = Body::Yaml(text);
        self
    }

    pub(crate) fn raw(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.body = Body::Raw(content_type, body);
        self
    }

    /// Adds a header, if there is a value.
    pub(crate) fn header(mut self, name: &'static str, value: Option<String>) -> Self {
        self.headers.extend(value.map(|value| (name, value)));
        self
    }

    /// Adds parameters that the route table does not name: attributes of telemetry.
    pub(crate) fn attributes(mut self, attributes: &[(String, String)]) -> Self {
        self.attributes = attributes.to_vec();
        self
    }

    /// The path with its parameters and query.
    pub(crate) fn target(&self) -> String {
        let mut values = self.parameters.iter();
        let mut target = String::new();
        for part in self.route.path.split_inclusive('/') {
            match part.strip_prefix('{') {
                Some(rest) => {
                    target.push_str(values.next().map_or("", String::as_str));
                    target.push_str(if rest.ends_with('/') { "/" } else { "" });
                }
                None => target.push_str(part),
            }
        }
        let named = self.query.iter().map(|(name, value)| ((*name).to_owned(), value));
        let attributes = self.attributes.iter().map(|(name, value)| (encode(name), value));
        for (index, (name, value)) in named.chain(attributes).enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(&name);
            target.push('=');
            target.push_str(&encode(value));
        }
        target
    }

    /// Sends it and reads the whole answer; its status is a success.
    pub(crate) async fn send(
        self,
        egress: &Egress,
        base: &str,
        key: Option<&str>,
        wait: Duration,
    ) -> Result<Answer, ClientError> {
        let operation = self.route.operation;
        let response =
            egress.send(self.request(base, key, Some(wait))).await.map_err(|source| failed(base, source))?;
        if response.status.is_success() {
            return Ok(Answer { body: response.body, operation });
        }
        Err(refused(base, &response))
    }

    fn request(self, base: &str, key: Option<&str>, wait: Option<Duration>) -> Request {
        let url = format!("{base}{}", self.target());
        let method = match self.route.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Delete => http::Method::DELETE,
            Method::Options => http::Method::OPTIONS,
        };
        let (content_type, body) = match self.body {
            Body::None => (None, Bytes::new()),
            Body::Json(bytes) => (Some("application/json"), bytes.into()),
            Body::Yaml(text) => (Some("application/yaml"), text.into()),
            Body::Raw(content_type, bytes) => (Some(content_type), bytes.into()),
        };
        let headers = HeaderMap::new();
        let mut request = Request { method, url, headers, body, timeout: wait, follow_redirects: false };
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        for (name, value) in &self.headers {
            request = request.header(HeaderName::from_static(name), value);
        }
        match key {
            Some(key) => request.bearer(key),
            None => request,
        }
    }
}

/// The body of a success.
pub(crate) struct Answer {
    body: Bytes,
    operation: &'static str,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        let operation = self.operation;
        serde_json::from_slice(&self.body).map_err(|source| ClientError::Unreadable { operation, source })
    }
}

fn failed(base: &str, source: EgressError) -> ClientError {
    ClientError::Unreachable { url: base.to_owned(), source }
}

fn refused(base: &str, response: &Response) -> ClientError {
    match serde_json::from_slice::<Problem>(&response.body) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) if prometheus_error(&response.body).is_some() => ClientError::Prometheus {
            status: response.status.as_u16(),
            message: prometheus_error(&response.body).unwrap_or_default(),
        },
        Err(_) => {
            let start =
                String::from_utf8_lossy(&response.body).trim().chars().take(SHOWN_CHARS_MAX).collect();
            ClientError::NotAProblem { url: base.to_owned(), status: response.status.as_u16(), start }
        }
    }
}

/// The message of `{"status":"error","errorType":…,"error":…}`.
fn prometheus_error(body: &[u8]) -> Option<String> {
    let envelope: serde_json::Value = serde_json::from_slice(body).ok()?;
    (envelope["status"] == "error").then(|| envelope["error"].as_str().map(str::to_owned))?
}

/// Percent-encodes everything that is not unreserved (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(call: Call, expected: &str) {
        assert_eq!(call.target(), expected);
    }

    #[test]
    fn a_path_takes_its_parameters_in_order_and_encoded() {
        check(Call::new("sql"), "/api/v1/sql");
        check(Call::new("incident").parameter("INC-2026-0042"), "/api/v1/incidents/INC-2026-0042");
        check(Call::new("step_incident").parameter("a/b").parameter("note"), "/api/v1/incidents/a%2Fb/note");
        check(Call::new("fields").parameter("logs"), "/api/v1/datasets/logs/fields");
        check(
            Call::new("apply").query("dry_run", Some(true)).query("file", Some("a b/é.yaml")),
            "/api/v1/apply?dry_run=true&file=a%20b%2F%C3%A9.yaml",
        );
        check(Call::new("alerts").query("state", None::<String>), "/api/v1/alerts");
    }
}
