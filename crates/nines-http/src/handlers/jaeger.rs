//! Jaeger's query API, as its own page and Grafana's data source ask it: base address `http://host:9999/jaeger`.
//!
//! Answers have Jaeger's envelope, errors too. An unknown trace is 404 and not an empty list, which older Grafana versions
//! do not survive. Services and operations are those of the last day. Source: Jaeger `cmd/query/app/http_handler.go` and
//! `query_parser.go` (v1.60).

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nines_apm::map::NodeKind;
use nines_apm::{Apm, Scope, TRACES_MAX};
use nines_base::ErrorKind;
use nines_filter::{Expr, Filter, Literal, Operator, Test};
use nines_model::{SmolStr, TimeRange, Timestamp, field};
use nines_query::{Limits, QueryError};
use serde_json::{Map, Value, json};

use crate::SharedApp;
use crate::problem::status_of;
use crate::render::jaeger as render;

/// Services and operations are asked for without a time.
const NAMES_LOOKBACK: Duration = Duration::from_secs(24 * 3600);
/// A search without times, as Jaeger's page starts with.
const SEARCH_LOOKBACK: Duration = Duration::from_secs(3600);
/// A trace that a search found may begin before, and end after, the time that was searched.
const TRACE_MARGIN: Duration = Duration::from_secs(3600);
const TRACES_DEFAULT: usize = 20;

type Parameters = Vec<(String, String)>;

/// An error in Jaeger's envelope.
pub struct Refusal {
    kind: ErrorKind,
    message: String,
}

impl Refusal {
    fn invalid(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::InvalidInput, message: message.into() }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        let kind = error.kind();
        if kind == ErrorKind::Internal {
            tracing::error!(error = %error, "jaeger query failed");
        }
        Self { kind, message: error.to_string() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = status_of(self.kind);
        let error = json!({ "code": status.as_u16(), "msg": self.message });
        (status, Json(envelope(Value::Null, 0, json!([error])))).into_response()
    }
}

fn envelope(data: Value, total: usize, errors: Value) -> Value {
    json!({ "data": data, "total": total, "limit": 0, "offset": 0, "errors": errors })
}

fn list(items: Vec<Value>) -> Response {
    let total = items.len();
    (StatusCode::OK, Json(envelope(Value::Array(items), total, Value::Null))).into_response()
}

type Answer = Result<Response, Refusal>;

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
        .filter(|it| !it.is_empty())
}

fn required<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, Refusal> {
    parameter(parameters, name).ok_or_else(|| Refusal::invalid(format!("parameter '{name}' is required")))
}

fn last(app: &SharedApp, lookback: Duration) -> TimeRange {
    let end = app.clock.now() + Duration::from_secs(1);
    TimeRange::new(end - lookback, end)
}

async fn names(app: &SharedApp) -> Result<Vec<SmolStr>, Refusal> {
    Ok(Apm::new(app.engine.clone()).service_names(last(app, NAMES_LOOKBACK)).await?)
}

/// Span names of the service with their kinds; the kind may be given.
async fn span_names(
    app: &SharedApp,
    service: &str,
    kind: Option<&str>,
) -> Result<Vec<(SmolStr, SmolStr)>, Refusal> {
    let scope = Scope { service: Some(service.into()), ..Scope::of(last(app, NAMES_LOOKBACK)) };
    let mut found = Apm::new(app.engine.clone()).span_names(&scope).await?;
    found.retain(|(_, of)| kind.is_none_or(|kind| of.eq_ignore_ascii_case(kind)));
    Ok(found)
}

pub async fn services(State(app): State<SharedApp>) -> Answer {
    Ok(list(names(&app).await?.iter().map(|name| name.as_str().into()).collect()))
}

pub async fn operations_of(State(app): State<SharedApp>, Path(service): Path<String>) -> Answer {
    let mut names: Vec<SmolStr> =
        span_names(&app, &service, None).await?.into_iter().map(|(name, _)| name).collect();
    names.dedup();
    Ok(list(names.iter().map(|name| name.as_str().into()).collect()))
}

pub async fn operations(State(app): State<SharedApp>, Query(parameters): Query<Parameters>) -> Answer {
    let service = required(&parameters, "service")?;
    let found = span_names(&app, service, parameter(&parameters, "spanKind")).await?;
    let one = |(name, kind): &(SmolStr, SmolStr)| json!({ "name": name.as_str(), "spanKind": kind.as_str() });
    Ok(list(found.iter().map(one).collect()))
}

pub async fn services_v3(State(app): State<SharedApp>) -> Answer {
    let names: Vec<String> = names(&app).await?.iter().map(ToString::to_string).collect();
    Ok(Json(json!({ "services": names })).into_response())
}

pub async fn operations_v3(State(app): State<SharedApp>, Query(parameters): Query<Parameters>) -> Answer {
    let service = required(&parameters, "service")?;
    let found = span_names(&app, service, parameter(&parameters, "span_kind")).await?;
    let one = |(name, kind): &(SmolStr, SmolStr)| json!({ "name": name.as_str(), "spanKind": kind.as_str() });
    Ok(Json(json!({ "operations": found.iter().map(one).collect::<Vec<_>>() })).into_response())
}

pub async fn traces(State(app): State<SharedApp>, Query(parameters): Query<Parameters>) -> Answer {
    let apm = Apm::new(app.engine.clone());
    let asked: Vec<SmolStr> = parameters
        .iter()
        .filter(|(name, _)| name == "traceID")
        .map(|(_, id)| whole_id(id).map(Into::into))
        .collect::<Result<_, _>>()?;
    if asked.len() > TRACES_MAX {
        return Err(Refusal::invalid(format!("more than {TRACES_MAX} traces are asked for")));
    }
    let (ids, range) = if asked.is_empty() {
        let search = Search::parse(&parameters, last(&app, SEARCH_LOOKBACK))?;
        let (ids, _) = apm.recent_traces(&search.scope, search.limit).await?;
        (ids, search.scope.range)
    } else {
        (asked, TimeRange::ALL)
    };
    if ids.is_empty() {
        return Ok(list(Vec::new()));
    }
    let range = TimeRange::new(range.start - TRACE_MARGIN, range.end + TRACE_MARGIN);
    let (rows, stats) = apm.spans_of(&ids, range).await?;
    let traces = render::traces(&ids, &rows);
    if stats.truncated {
        let total = traces.len();
        let warning = json!([{ "code": 206, "msg": "there are more spans than one answer holds: ask for fewer traces" }]);
        return Ok(Json(envelope(Value::Array(traces), total, warning)).into_response());
    }
    Ok(list(traces))
}

pub async fn trace(State(app): State<SharedApp>, Path(trace_id): Path<String>) -> Answer {
    let (id, rows) = spans_of(&app, &trace_id).await?;
    if rows.is_empty() {
        let error = json!([{ "code": 404, "msg": "trace not found", "traceID": id }]);
        return Ok((StatusCode::NOT_FOUND, Json(envelope(Value::Null, 0, error))).into_response());
    }
    Ok(list(render::traces(&[id], &rows)))
}

pub async fn trace_v3(State(app): State<SharedApp>, Path(trace_id): Path<String>) -> Answer {
    let (_, rows) = spans_of(&app, &trace_id).await?;
    if rows.is_empty() {
        let error = json!({ "error": { "httpCode": 404, "message": "trace not found" } });
        return Ok((StatusCode::NOT_FOUND, Json(error)).into_response());
    }
    Ok(Json(json!({ "result": render::otlp(&rows) })).into_response())
}

async fn spans_of(app: &SharedApp, trace_id: &str) -> Result<(String, Vec<Map<String, Value>>), Refusal> {
    let id = whole_id(trace_id)?;
    let found = app.engine.trace(&id, TimeRange::ALL, Limits::default()).await?;
    Ok((id, found.spans))
}

/// Jaeger writes ids without leading zeros.
fn whole_id(text: &str) -> Result<String, Refusal> {
    let hexadecimal =
        !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hexadecimal {
        return Err(Refusal::invalid(format!(
            "`{text}` is not a trace id: it has up to 32 hexadecimal digits"
        )));
    }
    Ok(format!("{:0>32}", text.to_ascii_lowercase()))
}

pub async fn dependencies(State(app): State<SharedApp>, Query(parameters): Query<Parameters>) -> Answer {
    let number = |name: &str| -> Result<Option<i64>, Refusal> {
        let text = parameter(&parameters, name);
        let parsed = text.map(|text| text.parse().map_err(|_| not_a_number(name, text)));
        parsed.transpose()
    };
    let end = number("endTs")?.map_or_else(|| app.clock.now(), Timestamp::from_millis);
    let lookback = number("lookback")?.and_then(|millis| u64::try_from(millis).ok());
    let lookback = lookback.map_or(NAMES_LOOKBACK, Duration::from_millis);
    let scope = Scope::of(TimeRange::new(end - lookback, end));
    let (map, _) = Apm::new(app.engine.clone()).map(&scope).await?;
    let edges = map.edges.iter().map(|edge| {
        json!({
            "parent": edge.caller.as_str(),
            "child": edge.callee.as_str(),
            "callCount": edge.figures.requests * map.sampled,
            "source": if edge.callee_kind == NodeKind::Service { "spans" } else { "attributes" },
        })
    });
    Ok(list(edges.collect()))
}

fn not_a_number(name: &str, text: &str) -> Refusal {
    Refusal::invalid(format!("unable to parse param '{name}': `{text}` is not a number"))
}

#[derive(Debug)]
struct Search {
    scope: Scope,
    limit: usize,
}

impl Search {
    fn parse(parameters: &Parameters, default: TimeRange) -> Result<Self, Refusal> {
        let service = required(parameters, "service")?;
        let micros = |name: &str, default: Timestamp| match parameter(parameters, name) {
            None => Ok(default),
            Some(text) => match text.parse::<i64>() {
                Ok(micros) => Ok(Timestamp::from_nanos(micros.saturating_mul(1_000))),
                Err(_) => Err(not_a_number(name, text)),
            },
        };
        let range = TimeRange::new(micros("start", default.start)?, micros("end", default.end)?);
        let limit = match parameter(parameters, "limit") {
            None => TRACES_DEFAULT,
            Some(text) => text.parse().map_err(|_| not_a_number("limit", text))?,
        };
        let mut parts = Vec::new();
        if let Some(operation) = parameter(parameters, "operation").filter(|name| *name != "all") {
            parts.push(Expr::equals(field::NAME, operation));
        }
        for (name, operator) in
            [("minDuration", Operator::GreaterOrEqual), ("maxDuration", Operator::LessOrEqual)]
        {
            if let Some(text) = parameter(parameters, name) {
                let nanos = go_duration(text).ok_or_else(|| {
                    Refusal::invalid(format!(
                        "unable to parse param '{name}': `{text}` is not a duration such as 100ms"
                    ))
                })?;
                let literal = Literal::for_field(field::DURATION_NS, SmolStr::from(nanos.to_string()));
                parts.push(Expr::compare(field::DURATION_NS, Test::Is(operator, literal)));
            }
        }
        for (name, value) in tags(parameters)? {
            parts.push(tag_is(&name, &value));
        }
        let scope =
            Scope { range, service: Some(service.into()), filter: Filter::from_ast(Expr::and(parts)) };
        Ok(Self { scope, limit })
    }
}

/// `tags={"a":"b"}` and `tag=a:b`, any number of each.
fn tags(parameters: &Parameters) -> Result<Vec<(String, String)>, Refusal> {
    let mut found = Vec::new();
    for (name, value) in parameters {
        match name.as_str() {
            "tags" if !value.is_empty() => {
                let object: Map<String, Value> = serde_json::from_str(value)
                    .map_err(|error| Refusal::invalid(format!("malformed 'tags' parameter: {error}")))?;
                found.extend(object.into_iter().map(|(name, value)| match value {
                    Value::String(text) => (name, text),
                    other => (name, other.to_string()),
                }));
            }
            "tag" => {
                let (name, value) = value
                    .split_once(':')
                    .ok_or_else(|| Refusal::invalid("malformed 'tag' parameter, expecting key:value"))?;
                found.push((name.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Jaeger's own names for what we keep in fields.
fn tag_is(name: &str, value: &str) -> Expr {
    match (name, value) {
        ("error", "true") => Expr::equals(field::STATUS_CODE, "error"),
        ("error", "false") => Expr::not(Expr::equals(field::STATUS_CODE, "error")),
        ("span.kind", _) => Expr::equals(field::KIND, value),
        ("otel.status_code", _) => Expr::equals(field::STATUS_CODE, value.to_ascii_lowercase()),
        ("otel.status_description", _) => Expr::equals(field::STATUS_MESSAGE, value),
        _ => Expr::equals(name, value),
    }
}

/// Go's `time.ParseDuration` as far as people type it: `1.5s`, `100ms`, `1m30s`, `250us`. In nanoseconds.
fn go_duration(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..unit_end] {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    (!text.is_empty() && total.is_finite() && total < i64::MAX as f64).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: TimeRange = TimeRange { start: Timestamp::from_secs(0), end: Timestamp::from_secs(9) };

    fn search(parameters: &[(&str, &str)]) -> Result<(String, usize, TimeRange), String> {
        let owned =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Search::parse(&owned, RANGE)
            .map(|it| (it.scope.filter.ast().to_string(), it.limit, it.scope.range))
            .map_err(|refusal| refusal.message)
    }

    #[test]
    fn what_jaegers_page_asks_becomes_a_filter() {
        let asked = [
            ("service", "shop"),
            ("operation", "GET /"),
            ("tags", r#"{"http.response.status_code":"503","error":"true"}"#),
            ("tag", "cloud.region:berlin"),
            ("start", "1000000"),
            ("end", "5000000"),
            ("minDuration", "1.5s"),
            ("maxDuration", "1m30s"),
            ("limit", "50"),
            ("lookback", "1h"),
        ];
        let (filter, limit, range) = search(&asked).unwrap();
        let expected = "name: \"GET /\" and duration_ns >= 1500000000 and duration_ns <= 90000000000 \
                        and http.response.status_code: 503 and status_code: error and cloud.region: berlin";
        let expected = Filter::parse(expected).unwrap();
        assert_eq!(Filter::parse(&filter).unwrap(), expected);
        assert_eq!((limit, range.start, range.end), (50, Timestamp::from_secs(1), Timestamp::from_secs(5)));
        assert_eq!(
            search(&[("service", "shop"), ("operation", "all")]).unwrap(),
            ("*".to_owned(), 20, RANGE)
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let refused = |name: &str, value: &str| search(&[("service", "shop"), (name, value)]).unwrap_err();
        assert_eq!(search(&[]).unwrap_err(), "parameter 'service' is required");
        assert!(refused("minDuration", "soon").contains("minDuration"));
        assert!(refused("start", "now").contains("start"));
        assert!(refused("limit", "-1").contains("limit"));
        assert!(refused("tags", "{").contains("tags"));
        assert!(refused("tag", "x").contains("key:value"));
    }

    #[test]
    fn durations_and_ids_as_jaeger_writes_them() {
        for (text, nanos) in [
            ("100ms", Some(100_000_000)),
            ("1.5s", Some(1_500_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("250us", Some(250_000)),
            ("5", None),
            ("", None),
            ("ms", None),
            ("1fortnight", None),
        ] {
            assert_eq!(go_duration(text), nanos, "{text}");
        }
        assert_eq!(whole_id("AB").ok().unwrap(), format!("{:0>32}", "ab"));
        assert!(whole_id("xyz").is_err() && whole_id("").is_err());
    }
}
