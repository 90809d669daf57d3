//! HTTP and HTTPS, version 1.1 and 2, each request on a connection of its own so that every phase is seen.

use ::http::header::{HOST, LOCATION, USER_AGENT};
use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{ANSWER_BYTES_MAX, Checker, Fault, Trace, add, json_path};
use crate::measurement::{Assertion, FailureKind};
use crate::probe::{HttpCheck, endpoint_of};

const AGENT: &str = concat!("nines-probe/", env!("CARGO_PKG_VERSION"));

/// The last answer of the chain of redirects.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Checker {
    pub(super) async fn http(&self, check: &HttpCheck, trace: &mut Trace) -> Result<(), Fault> {
        let mut headers = HeaderMap::new();
        for (name, value) in &check.headers {
            let value = HeaderValue::try_from(self.value(value)?).map_err(|_| {
                Fault::new(
                    FailureKind::NotPermitted,
                    format!("the value of {name} cannot be sent in a header"),
                )
            })?;
            headers.append(name, value);
        }
        let may_follow = matches!(check.method, Method::GET | Method::HEAD);
        let mut url = check.url.clone();
        let answer = loop {
            let answer = self.hop(check, &url, headers.clone(), trace).await?;
            let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let is_hop = may_follow && answer.status.is_redirection() && check.redirects_max > 0;
            let Some(location) = location.filter(|_| is_hop) else { break answer };
            if trace.facts.redirects == check.redirects_max {
                let message = format!("more than {} redirects, the last to {location}", check.redirects_max);
                return Err(Fault::new(FailureKind::Protocol, message));
            }
            trace.facts.redirects += 1;
            let next = join(&url, location).ok_or_else(|| {
                Fault::new(
                    FailureKind::Protocol,
                    format!("redirected to `{location}`, which cannot be followed"),
                )
            })?;
            if next.authority() != url.authority() || next.scheme() != url.scheme() {
                // What was meant for one host is not for another.
                headers.clear();
            }
            url = next;
        };
        self.expect(check, &answer, trace);
        Ok(())
    }

    async fn hop(
        &self,
        check: &HttpCheck,
        url: &Uri,
        headers: HeaderMap,
        trace: &mut Trace,
    ) -> Result<Answer, Fault> {
        let endpoint = endpoint_of(url)
            .ok_or_else(|| Fault::new(FailureKind::Protocol, format!("`{url}` names no host")))?;
        let stream = self.connect(&endpoint, trace).await?;
        if url.scheme_str() != Some("https") {
            return self.exchange(stream, false, check, url, headers, trace).await;
        }
        let protocols: &[&[u8]] = &[b"h2", b"http/1.1"];
        let stream = self.handshake(stream, &endpoint.host, &check.tls, protocols, trace).await?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.exchange(stream, is_h2, check, url, headers, trace).await
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        is_h2: bool,
        check: &HttpCheck,
        url: &Uri,
        headers: HeaderMap,
        trace: &mut Trace,
    ) -> Result<Answer, Fault> {
        trace.step = "waiting for the answer";
        let before = self.clock.monotonic();
        let response = send(stream, is_h2, check, url, headers).await?;
        let answered = self.clock.monotonic();
        add(&mut trace.phases.process, answered.saturating_sub(before));
        trace.facts.http_status = Some(response.status().as_u16());
        trace.facts.http_version = Some(if is_h2 { "2" } else { "1.1" });
        trace.step = "reading the answer";
        let (head, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        while body.len() < ANSWER_BYTES_MAX
            && let Some(frame) = incoming.frame().await
        {
            let frame = frame.map_err(|error| {
                Fault::new(FailureKind::Protocol, format!("the answer broke off: {error}"))
            })?;
            if let Ok(data) = frame.into_data() {
                let room = ANSWER_BYTES_MAX - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        trace.facts.body_bytes = Some(body.len() as u64);
        add(&mut trace.phases.transfer, self.clock.monotonic().saturating_sub(answered));
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn expect(&self, check: &HttpCheck, answer: &Answer, trace: &mut Trace) {
        let expect = &check.expect;
        let status = answer.status.as_u16();
        let (what, passed) = if expect.status.is_empty() {
            ("status is 200–399".to_owned(), (200..400).contains(&status))
        } else {
            let shown: Vec<String> = expect.status.iter().map(shown_range).collect();
            (format!("status is {}", shown.join(" or ")), expect.status.iter().any(|it| it.contains(&status)))
        };
        trace.assertions.push(Assertion::new(what, passed, status.to_string()));
        for (name, pattern) in &expect.headers {
            let values: Vec<_> =
                answer.headers.get_all(name).iter().filter_map(|it| it.to_str().ok()).collect();
            let passed = values.iter().any(|value| pattern.is_match(value));
            let saw = if values.is_empty() { "no such header".to_owned() } else { values.join(", ") };
            trace.assertions.push(Assertion::new(
                format!("header {name} matches {}", pattern.as_str()),
                passed,
                saw,
            ));
        }
        let text = String::from_utf8_lossy(&answer.body);
        for wanted in &expect.body_contains {
            let what = format!("the body contains `{wanted}`");
            trace.assertions.push(Assertion::new(what, text.contains(wanted.as_str()), text.trim()));
        }
        for unwanted in &expect.body_lacks {
            let what = format!("the body lacks `{unwanted}`");
            trace.assertions.push(Assertion::new(what, !text.contains(unwanted.as_str()), text.trim()));
        }
        for pattern in &expect.body_matches {
            let what = format!("the body matches {}", pattern.as_str());
            trace.assertions.push(Assertion::new(what, pattern.is_match(&text), text.trim()));
        }
        if !expect.json.is_empty() {
            let root: Result<serde_json::Value, _> = serde_json::from_slice(&answer.body);
            for wanted in &expect.json {
                let (passed, saw) = match &root {
                    Ok(root) => json_path::check(wanted, root),
                    Err(error) => (false, format!("no JSON: {error}")),
                };
                trace.assertions.push(Assertion::new(json_path::describe(wanted), passed, saw));
            }
        }
        if let Some(limit) = expect.latency_below {
            let took = self.elapsed(trace);
            trace.assertions.push(Assertion::new(
                format!("it takes less than {limit:?}"),
                took < limit,
                format!("{took:.0?}"),
            ));
        }
    }
}

fn shown_range(range: &std::ops::RangeInclusive<u16>) -> String {
    match (*range.start(), *range.end()) {
        (start, end) if start == end => start.to_string(),
        (start, end) if start % 100 == 0 && end == start + 99 => format!("{}xx", start / 100),
        (start, end) => format!("{start}–{end}"),
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_h2: bool,
    check: &HttpCheck,
    url: &Uri,
    headers: HeaderMap,
) -> Result<Response<Incoming>, Fault> {
    let broken = |error: hyper::Error| {
        Fault::new(FailureKind::Protocol, format!("no answer in HTTP: {}", nines_base::chain(&error)))
    };
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let uri = if is_h2 { url.clone() } else { Uri::try_from(path).unwrap_or_default() };
    let mut request = Request::new(Full::new(Bytes::from(check.body.clone())));
    *request.method_mut() = check.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    let known = request.headers_mut();
    known.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    if !is_h2 && let Some(Ok(host)) = url.authority().map(|it| HeaderValue::from_str(it.as_str())) {
        known.entry(HOST).or_insert(host);
    }
    let io = TokioIo::new(stream);
    if is_h2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.map_err(broken)?;
        // Ends by itself when both halves of the conversation are dropped.
        tokio::spawn(connection);
        return sender.send_request(request).await.map_err(broken);
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(broken)?;
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(broken)
}

/// A reference in relation to the address that it came from (RFC 3986, section 5.2, without dot segments).
fn join(base: &Uri, reference: &str) -> Option<Uri> {
    let (scheme, authority) = (base.scheme_str()?, base.authority()?.as_str());
    let joined = if reference.contains("://") {
        reference.to_owned()
    } else if let Some(rest) = reference.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if reference.starts_with('/') {
        format!("{scheme}://{authority}{reference}")
    } else if reference.starts_with('?') {
        format!("{scheme}://{authority}{}{reference}", base.path())
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{reference}")
    };
    let joined = joined.split('#').next().unwrap_or_default();
    let url: Uri = joined.parse().ok()?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    let has_user = url.authority().is_some_and(|authority| authority.as_str().contains('@'));
    (is_web && !has_user).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_joined_to_where_they_came_from() {
        let base: Uri = "https://a.example/x/y?z=1".parse().unwrap();
        for (reference, expected) in [
            ("/b", "https://a.example/b"),
            ("c?d", "https://a.example/x/c?d"),
            ("?e", "https://a.example/x/y?e"),
            ("//b.example/", "https://b.example/"),
            ("http://b.example:8080/f#g", "http://b.example:8080/f"),
        ] {
            assert_eq!(join(&base, reference).unwrap().to_string(), expected);
        }
        for wrong in ["ftp://b.example", "file:///etc/passwd", "http://u:p@b.example/", "https://"] {
            assert_eq!(join(&base, wrong), None, "{wrong}");
        }
    }
}
