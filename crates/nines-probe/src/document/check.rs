//! The part of a probe that says what is checked: exactly one of `http`, `tcp`, `tls`, `dns`, `icmp` and `grpc`.

use std::time::Duration;

use http::{HeaderName, Method, Uri};
use nines_yaml::{Fields, Node, Raw, Reader};

use super::fields::{length, pattern};
use crate::probe::*;

const KINDS: [&str; 6] = ["http", "tcp", "tls", "dns", "icmp", "grpc"];
/// A request that is longer is no probe.
const BODY_BYTES_MAX: usize = 64 * 1024;
const REDIRECTS_DEFAULT: u32 = 5;
const REDIRECTS_MAX: u32 = 10;
/// RFC 8484 aside, where resolvers listen.
const DNS_PORT: u16 = 53;
/// Headers that hold secrets by their nature. Documents are read by everybody, so they name a variable instead.
const SECRET_HEADERS: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"];

pub fn read(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Option<Check> {
    let present: Vec<&str> = KINDS.into_iter().filter(|kind| spec.has(kind)).collect();
    if present.len() > 1 {
        let message = format!("has {}: a probe checks one thing", present.join(" and "));
        reader.error(spec.key_mark_of(present[1]), &spec.path, message, Some("split it".to_owned()));
    }
    let mut check = None;
    for kind in KINDS {
        let Some(mut fields) = spec.fields(reader, kind) else { continue };
        let read = match kind {
            "http" => http(reader, &mut fields).map(|check| Check::Http(Box::new(check))),
            "tcp" => tcp(reader, &mut fields).map(Check::Tcp),
            "tls" => tls(reader, &mut fields).map(Check::Tls),
            "dns" => dns(reader, &mut fields).map(Check::Dns),
            "icmp" => host(reader, &mut fields).map(|host| Check::Icmp(IcmpCheck { host })),
            _ => grpc(reader, &mut fields).map(Check::Grpc),
        };
        fields.finish(reader);
        check = check.or(read);
    }
    if present.is_empty() {
        let hint = "write `http: {url: https://example.com}`, or one of tcp, tls, dns, icmp, grpc";
        reader.error(spec.mark, &spec.path, "does not say what is checked", Some(hint.to_owned()));
    }
    check
}

fn http(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<HttpCheck> {
    let url = web_address(reader, fields);
    let method = match fields.get(reader, "method") {
        Some(node) => {
            let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
            let choices = methods.map(|method| (method, method));
            reader.choice(node, &fields.path_of("method"), &choices)
        }
        None => Some("GET"),
    };
    let headers = headers(reader, fields);
    let body = fields.text(reader, "body").unwrap_or_default();
    if body.len() > BODY_BYTES_MAX {
        let message = format!("has {} bytes, more than {BODY_BYTES_MAX}", body.len());
        reader.error(fields.mark_of("body"), &fields.path_of("body"), message, None);
    }
    let redirects_max = match fields.number(reader, "redirects") {
        None => REDIRECTS_DEFAULT,
        Some(hops) if hops.fract() == 0.0 && (0.0..=f64::from(REDIRECTS_MAX)).contains(&hops) => hops as u32,
        Some(hops) => {
            let message = format!("must be a whole number from 0 to {REDIRECTS_MAX}, not {hops}");
            reader.error(fields.mark_of("redirects"), &fields.path_of("redirects"), message, None);
            REDIRECTS_DEFAULT
        }
    };
    let tls = tls_options(reader, fields, "tls").unwrap_or_default();
    let expect = match fields.fields(reader, "expect") {
        Some(mut expect) => {
            let read = http_expect(reader, &mut expect);
            expect.finish(reader);
            read
        }
        None => HttpExpect::default(),
    };
    let method = Method::from_bytes(method?.as_bytes()).ok()?;
    Some(HttpCheck { url: url?, method, headers, body, redirects_max, tls, expect })
}

fn web_address(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Uri> {
    let text = fields.required_text(reader, "url")?;
    let wrong = match text.parse::<Uri>() {
        Ok(url) if !matches!(url.scheme_str(), Some("http" | "https")) => {
            format!("`{text}` does not begin with http:// or https://")
        }
        Ok(url) if url.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            "has a user name in it: send it as a header".to_owned()
        }
        Ok(url) if url.host().is_none_or(str::is_empty) => format!("`{text}` names no host"),
        Ok(url) => return Some(url),
        Err(error) => format!("`{text}` is not a web address: {error}"),
    };
    reader.error(fields.mark_of("url"), &fields.path_of("url"), wrong, None);
    None
}

fn headers(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Vec<(HeaderName, Secretive)> {
    let mut headers = Vec::new();
    let Some(map) = fields.fields(reader, "headers") else { return headers };
    for entry in map.entries() {
        let path = map.path_of(&entry.key);
        let Ok(name) = HeaderName::try_from(entry.key.as_str()) else {
            reader.error(entry.key_mark, &path, format!("`{}` is not a name of a header", entry.key), None);
            continue;
        };
        let value = match &entry.value.value {
            Raw::Map(_) => environment(reader, &entry.value, &path),
            _ => {
                let text = reader.text(&entry.value, &path);
                if text.is_some() && SECRET_HEADERS.contains(&name.as_str()) {
                    let hint = format!(
                        "documents are read by everybody: write `{{env: {ENVIRONMENT_PREFIX}TOKEN}}` and set that where the probe runs"
                    );
                    reader.error(entry.value.mark, &path, "holds a secret", Some(hint));
                    continue;
                }
                text.map(Secretive::Plain)
            }
        };
        headers.extend(value.map(|value| (name, value)));
    }
    map.finish_free(reader);
    headers
}

fn environment(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Secretive> {
    let mut fields = reader.fields(node, path)?;
    let name = fields.required_text(reader, "env");
    if let Some(name) = &name
        && !name.starts_with(ENVIRONMENT_PREFIX)
    {
        let message = format!("`{name}` may not be sent out");
        let hint = format!("only variables that begin with {ENVIRONMENT_PREFIX} may");
        reader.error(fields.mark_of("env"), &fields.path_of("env"), message, Some(hint));
    }
    fields.finish(reader);
    name.map(Secretive::Environment)
}

fn http_expect(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> HttpExpect {
    let mut expect = HttpExpect::default();
    if let Some(node) = fields.get(reader, "status") {
        let path = fields.path_of("status");
        let nodes = match &node.value {
            Raw::Seq(_) => reader.items(node, &path),
            _ => vec![(path, node)],
        };
        for (path, node) in nodes {
            expect.status.extend(status(reader, node, &path));
        }
    }
    if let Some(map) = fields.fields(reader, "headers") {
        for entry in map.entries() {
            let path = map.path_of(&entry.key);
            match HeaderName::try_from(entry.key.as_str()) {
                Ok(name) => {
                    let wanted = pattern(reader, &entry.value, &path);
                    expect.headers.extend(wanted.map(|wanted| (name, wanted)));
                }
                Err(_) => {
                    let message = format!("`{}` is not a name of a header", entry.key);
                    reader.error(entry.key_mark, &path, message, None);
                }
            }
        }
        map.finish_free(reader);
    }
    expect.body_contains = one_or_more(reader, fields, "bodyContains");
    expect.body_lacks = one_or_more(reader, fields, "bodyLacks");
    if let Some(node) = fields.get(reader, "bodyMatches") {
        let path = fields.path_of("bodyMatches");
        let nodes = match &node.value {
            Raw::Seq(_) => reader.items(node, &path),
            _ => vec![(path, node)],
        };
        for (path, node) in nodes {
            expect.body_matches.extend(pattern(reader, node, &path));
        }
    }
    for (path, node) in fields.items(reader, "json") {
        expect.json.extend(json(reader, node, &path));
    }
    expect.latency_below =
        length(reader, fields, "latencyBelow", Duration::from_millis(1), Duration::from_secs(120));
    expect
}

/// `200`, `2xx`, `200-299`.
fn status(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let text = match &node.value {
        Raw::Int(number) => number.to_string(),
        _ => reader.text(node, path)?,
    };
    let code = |text: &str| text.trim().parse::<u16>().ok().filter(|code| (100..=599).contains(code));
    let range = match (text.strip_suffix("xx"), text.split_once('-')) {
        (Some(hundreds), _) => {
            let start = hundreds.parse::<u16>().ok().filter(|digit| (1..=5).contains(digit)).map(|d| d * 100);
            start.map(|start| start..=start + 99)
        }
        (None, Some((first, last))) => code(first).zip(code(last)).map(|(first, last)| first..=last),
        (None, None) => code(&text).map(|code| code..=code),
    };
    if range.as_ref().is_none_or(std::ops::RangeInclusive::is_empty) {
        let hint = "write `200`, `2xx` or `200-204`".to_owned();
        reader.error(node.mark, path, format!("`{text}` is no status"), Some(hint));
        return None;
    }
    range
}

fn one_or_more(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Vec<String> {
    let Some(node) = fields.get(reader, key) else { return Vec::new() };
    let path = fields.path_of(key);
    match &node.value {
        Raw::Seq(_) => {
            let items = reader.items(node, &path);
            items.into_iter().filter_map(|(path, node)| reader.text(node, &path)).collect()
        }
        _ => reader.text(node, &path).into_iter().collect(),
    }
}

fn json(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<JsonExpect> {
    let mut fields = reader.fields(node, path)?;
    let written = fields.required_text(reader, "path");
    let equals = fields.get(reader, "equals").and_then(|node| match &node.value {
        Raw::Bool(flag) => Some(flag.to_string()),
        Raw::Int(number) => Some(number.to_string()),
        Raw::Float(number) => Some(number.to_string()),
        _ => reader.text(node, "equals"),
    });
    let matches = fields.get(reader, "matches");
    let matches = matches.and_then(|node| pattern(reader, node, &fields.path_of("matches")));
    let both = fields.has("equals") && fields.has("matches");
    if both {
        reader.error(fields.mark, &fields.path, "has both `equals` and `matches`: keep one", None);
    }
    let expect = match (equals, matches) {
        (Some(text), _) => JsonValue::Equals(text),
        (None, Some(wanted)) => JsonValue::Matches(wanted),
        (None, None) => JsonValue::Exists,
    };
    let written = written?;
    let steps = crate::check::json_path::parse(&written);
    if steps.is_none() {
        let hint = "write `$.data.items[0].state`".to_owned();
        let message = format!("`{written}` is not a path into JSON");
        reader.error(fields.mark_of("path"), &fields.path_of("path"), message, Some(hint));
    }
    fields.finish(reader);
    Some(JsonExpect { path: written, steps: steps?, expect })
}

fn tls_options(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<TlsOptions> {
    let mut tls = fields.fields(reader, key)?;
    let options = options_of(reader, &mut tls);
    tls.finish(reader);
    Some(options)
}

fn options_of(reader: &mut Reader<'_>, tls: &mut Fields<'_>) -> TlsOptions {
    const LONG: Duration = Duration::from_secs(3650 * 24 * 3600);
    TlsOptions {
        skip_verification: tls.boolean(reader, "skipVerification").unwrap_or(false),
        authorities: tls.text(reader, "authorities"),
        server_name: tls.text(reader, "serverName"),
        lasts_at_least: length(reader, tls, "lastsAtLeast", Duration::ZERO, LONG).unwrap_or_default(),
    }
}

fn address(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<HostPort> {
    let text = fields.required_text(reader, "address")?;
    let address = HostPort::parse(&text);
    if address.is_none() {
        let hint = "write `db.example:5432`".to_owned();
        let message = format!("`{text}` is not a host and a port");
        reader.error(fields.mark_of("address"), &fields.path_of("address"), message, Some(hint));
    }
    address
}

/// `tls: true`, or a map of options.
fn maybe_tls(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<TlsOptions> {
    let node = fields.get(reader, "tls")?;
    match &node.value {
        Raw::Bool(wanted) => wanted.then(TlsOptions::default),
        _ => {
            let mut tls = reader.fields(node, &fields.path_of("tls"))?;
            let options = options_of(reader, &mut tls);
            tls.finish(reader);
            Some(options)
        }
    }
}

fn tcp(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<TcpCheck> {
    let address = address(reader, fields);
    let tls = maybe_tls(reader, fields);
    let send = fields.text(reader, "send").unwrap_or_default();
    let expect = fields.get(reader, "expect");
    let expect = expect.and_then(|node| pattern(reader, node, &fields.path_of("expect")));
    Some(TcpCheck { address: address?, tls, send, expect })
}

fn tls(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<TlsCheck> {
    let address = address(reader, fields);
    let names = fields.texts(reader, "names");
    let options = options_of(reader, fields);
    Some(TlsCheck { address: address?, options, names })
}

fn dns(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<DnsCheck> {
    let name = fields.required_text(reader, "name");
    let record = match fields.get(reader, "type") {
        Some(node) => {
            let choices = RecordType::ALL.map(|record| (record.as_str(), record));
            reader.choice(node, &fields.path_of("type"), &choices)
        }
        None => Some(RecordType::A),
    };
    let server = fields.required_text(reader, "server").and_then(|text| {
        let with_port = || HostPort::parse(&text);
        let without = || HostPort::parse(&format!("[{text}]:{DNS_PORT}"));
        let alone = || HostPort::parse(&format!("{text}:{DNS_PORT}"));
        let is_v6 = text.parse::<std::net::Ipv6Addr>().is_ok();
        let server = if is_v6 { without() } else { with_port().or_else(alone) };
        if server.is_none() {
            let hint = "write `1.1.1.1` or `ns.example:53`".to_owned();
            let message = format!("`{text}` is not a server");
            reader.error(fields.mark_of("server"), &fields.path_of("server"), message, Some(hint));
        }
        server
    });
    let over_tcp = fields.boolean(reader, "tcp").unwrap_or(false);
    let code = match fields.get(reader, "code") {
        Some(node) => {
            let choices = crate::check::dns::CODES.map(|(code, word)| (word, code));
            reader.choice(node, &fields.path_of("code"), &choices).unwrap_or(0)
        }
        None => 0,
    };
    let answers = fields.texts(reader, "answers");
    let exact = fields.boolean(reader, "exact").unwrap_or(false);
    let name = name?;
    if !crate::check::dns::is_name(&name) {
        reader.error(
            fields.mark_of("name"),
            &fields.path_of("name"),
            format!("`{name}` is no domain name"),
            None,
        );
        return None;
    }
    Some(DnsCheck { name, record: record?, server: server?, over_tcp, code, answers, exact })
}

fn host(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let host = fields.required_text(reader, "host")?;
    if host.contains(['/', ' ', '@']) {
        let hint = Some("write `host: gateway.example`".to_owned());
        reader.error(fields.mark_of("host"), &fields.path_of("host"), format!("`{host}` is no host"), hint);
        return None;
    }
    Some(host)
}

fn grpc(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<GrpcCheck> {
    let address = address(reader, fields);
    let service = fields.text(reader, "service").unwrap_or_default();
    let tls = maybe_tls(reader, fields);
    Some(GrpcCheck { address: address?, service, tls })
}
