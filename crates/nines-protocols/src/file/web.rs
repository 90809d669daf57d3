//! A request to a web server under both sets of names.

use nines_model::field;

use crate::intake::IntakeError;
use crate::rows::RowWriter;
use crate::severity;

/// What an access log says of a request; all borrowed, all optional.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct WebRequest<'a> {
    pub client: Option<&'a str>,
    pub client_port: Option<i64>,
    pub method: Option<&'a str>,
    pub path: Option<&'a str>,
    pub query: Option<&'a str>,
    pub scheme: Option<&'a str>,
    pub server: Option<&'a str>,
    pub server_port: Option<i64>,
    /// `HTTP/1.1`
    pub protocol: Option<&'a str>,
    pub status: Option<i64>,
    pub user_agent: Option<&'a str>,
    pub referer: Option<&'a str>,
    pub user: Option<&'a str>,
    pub request_bytes: Option<i64>,
    pub response_bytes: Option<i64>,
    pub duration_ns: Option<i64>,
}

impl<'a> WebRequest<'a> {
    /// Takes apart `GET http://host:80/path?query HTTP/1.1`, or the same with a path alone.
    pub fn set_request_line(&mut self, line: &'a str) {
        let Some((method, rest)) = line.split_once(' ') else { return };
        let (target, protocol) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        let is_present = |text: &&str| !matches!(*text, "" | "-");
        self.method = Some(method).filter(is_present);
        self.protocol = Some(protocol).filter(is_present);
        let target = target.trim_ascii();
        let target = match target.split_once("://") {
            Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                self.scheme = Some(scheme);
                let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
                self.set_authority(&rest[..path_at]);
                &rest[path_at..]
            }
            _ => target,
        };
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        self.path = Some(path).filter(is_present);
        self.query = query.filter(|query| !query.is_empty());
    }

    fn set_authority(&mut self, authority: &'a str) {
        match authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => (self.server, self.server_port) = (Some(host), Some(port)),
            None => self.server = Some(authority).filter(|host| !host.is_empty()),
        }
    }

    pub fn write(&self, rows: &mut RowWriter) -> Result<(), IntakeError> {
        self.write_body(rows)?;
        if let Some(status) = self.status {
            rows.int(field::SEVERITY_NUMBER, severity::of_http_status(status))?;
            rows.int("http.response.status_code", status)?;
            rows.int("sc_status", status)?;
        }
        let texts = [
            ("client.address", self.client),
            ("c_ip", self.client),
            ("original_ip", self.client),
            ("http.request.method", self.method),
            ("cs_method", self.method),
            ("url.path", self.path),
            ("cs_uri_stem", self.path),
            ("url.query", self.query),
            ("cs_uri_query", self.query),
            ("url.scheme", self.scheme),
            ("server.address", self.server),
            ("user_agent.original", self.user_agent),
            ("cs_user_agent", self.user_agent),
            ("http.request.header.referer", self.referer),
            ("cs_referer", self.referer),
            ("user.name", self.user),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                rows.str(name, value)?;
            }
        }
        if let Some((name, version)) = self.protocol.and_then(|protocol| protocol.split_once('/')) {
            rows.str("network.protocol.name", &name.to_ascii_lowercase())?;
            rows.str("network.protocol.version", version)?;
        }
        let numbers = [
            ("client.port", self.client_port),
            ("server.port", self.server_port),
            ("http.request.size", self.request_bytes),
            ("http.response.size", self.response_bytes),
            (field::DURATION_NS, self.duration_ns),
            ("time_taken", self.duration_ns.map(|nanos| (nanos + 500_000) / 1_000_000)),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                rows.int(name, value)?;
            }
        }
        Ok(())
    }

    fn write_body(&self, rows: &mut RowWriter) -> Result<(), IntakeError> {
        let mut body = format!("{} {}", self.method.unwrap_or("-"), self.path.unwrap_or("-"));
        if let Some(query) = self.query {
            body.push('?');
            body.push_str(query);
        }
        if let Some(status) = self.status {
            body.push(' ');
            body.push_str(&status.to_string());
        }
        rows.str(field::BODY, &body)
    }
}
