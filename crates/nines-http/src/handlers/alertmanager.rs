//! Alertmanager's API v2, as Prometheus, Grafana and `amtool` speak it. Follows `api/v2/openapi.yaml` of Alertmanager
//! 0.28: names, enums and status codes are upstream's.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nines_filter::{Expr, Filter, Operator, Test};
use nines_model::TimeRange;
use nines_oncall::intake;
use nines_oncall::noise::{LabelMatch, LabelOperator, Silence, SilenceId};
use nines_state::intake::{ForeignAlert, ForeignFilter};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::AuditNote;
use crate::extract::{BODY_BYTES_MAX, Body, Caller, bytes, optional_time, required_time};
use crate::handlers::intake::take;
use crate::problem::{ApiError, ApiResult};
use crate::{SharedApp, render};

/// The filter of a silence that has no matchers to be shown by is shown as a matcher of this name.
const FILTER_NAME: &str = "nines_filter";

/// Upstream answers 200 with an empty body.
pub async fn send(State(app): State<SharedApp>, caller: Caller, request: Request) -> ApiResult<Response> {
    let body = bytes(request, BODY_BYTES_MAX).await?;
    let Json(taken) = take(&app, intake::alertmanager(&body)?, &caller.name).await?;
    // As upstream: what can be read is kept, and the sender hears of the rest.
    match taken.mistakes.first() {
        None => Ok(StatusCode::OK.into_response()),
        Some(first) => {
            let message = first.message.clone();
            Err(ApiError::invalid(message).code("invalid_alerts").faults(taken.mistakes))
        }
    }
}

pub async fn status(State(app): State<SharedApp>) -> Json<Value> {
    Json(json!({
        "cluster": {"name": "nines", "status": "disabled", "peers": []},
        "config": {"original": "# nines: policies and schedules are documents; see `nines get EscalationPolicy`\n"},
        "uptime": app.clock.now().to_string(),
        "versionInfo": {
            "branch": "nines", "buildDate": "", "buildUser": "nines", "goVersion": "",
            "revision": "", "version": app.version,
        },
    }))
}

/// Teams, since they are who receives.
pub async fn receivers(State(app): State<SharedApp>) -> Json<Value> {
    let roster = app.oncall.rota.roster();
    Json(Value::Array(roster.teams.keys().map(|name| json!({ "name": name })).collect()))
}

#[derive(Debug, Default)]
pub struct Asked {
    filters: Vec<String>,
    active: bool,
    silenced: bool,
    inhibited: bool,
}

/// `filter` may be there several times, which a struct cannot say.
fn asked(query: &[(String, String)]) -> Asked {
    let flag =
        |name: &str| query.iter().find(|(key, _)| key == name).is_none_or(|(_, value)| value != "false");
    Asked {
        filters: query.iter().filter(|(key, _)| key == "filter").map(|(_, value)| value.clone()).collect(),
        active: flag("active"),
        silenced: flag("silenced"),
        inhibited: flag("inhibited"),
    }
}

pub async fn alerts(
    State(app): State<SharedApp>,
    Query(query): Query<Vec<(String, String)>>,
) -> ApiResult<Json<Value>> {
    let open = open(&app, &asked(&query)).await?;
    Ok(Json(Value::Array(open.iter().map(|alert| alert_json(&app, alert)).collect())))
}

pub async fn groups(
    State(app): State<SharedApp>,
    Query(query): Query<Vec<(String, String)>>,
) -> ApiResult<Json<Value>> {
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for alert in open(&app, &asked(&query)).await? {
        groups.entry(alert.group.clone()).or_default().push(alert_json(&app, &alert));
    }
    let groups = groups.into_iter().map(|(group, alerts)| {
        let labels: BTreeMap<&str, &str> = group.split(',').filter_map(|pair| pair.split_once('=')).collect();
        json!({"labels": labels, "receiver": {"name": "nines"}, "alerts": alerts})
    });
    Ok(Json(Value::Array(groups.collect())))
}

async fn open(app: &SharedApp, asked: &Asked) -> ApiResult<Vec<ForeignAlert>> {
    let matchers = asked.filters.iter().map(|text| matcher(text)).collect::<ApiResult<Vec<_>>>()?;
    let filter = LabelMatch::filter(&matchers).map_err(nines_oncall::RotaError::from)?;
    let query =
        ForeignFilter { open: Some(true), limit: ForeignFilter::LIMIT_MAX, ..ForeignFilter::default() };
    let open = app.oncall.intake.alerts(&query).await?;
    let is_wanted = |alert: &ForeignAlert| match &alert.suppressed {
        None => asked.active,
        Some(why) if why.starts_with("silence ") => asked.silenced,
        Some(_) => asked.inhibited,
    };
    Ok(open.into_iter().filter(|alert| is_wanted(alert) && filter.accepts(&alert.entry.alert)).collect())
}

/// `name="value"`, `name=~value`, as the command line of `amtool` sends them.
fn matcher(text: &str) -> ApiResult<LabelMatch> {
    for (sign, operator) in [
        ("!~", LabelOperator::NotMatches),
        ("=~", LabelOperator::Matches),
        ("!=", LabelOperator::NotEqual),
        ("=", LabelOperator::Equal),
    ] {
        if let Some((name, value)) = text.trim_matches(['{', '}']).split_once(sign) {
            let value = value.trim();
            let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            let (name, value) = (name.trim().to_owned(), value.to_owned());
            return Ok(LabelMatch { name, operator, value });
        }
    }
    Err(ApiError::invalid(format!("`{text}` is not a matcher")).hint("write it as name=\"value\""))
}

fn alert_json(app: &SharedApp, stored: &ForeignAlert) -> Value {
    let (entry, alert) = (&stored.entry, &stored.entry.alert);
    let mut labels = alert.labels.clone();
    labels.entry("alertname".to_owned()).or_insert_with(|| alert.title.clone());
    let silence = stored.suppressed.as_ref().and_then(|why| why.strip_prefix("silence "));
    let silenced_by: Vec<&str> = silence.and_then(|rest| rest.split(' ').next()).into_iter().collect();
    let is_suppressed = stored.suppressed.is_some();
    // Upstream repeats alerts until they end; ours last until somebody says that they have.
    let ends_at = alert.ends_at.unwrap_or_else(|| app.clock.now() + std::time::Duration::from_secs(300));
    json!({
        "annotations": alert.annotations,
        "labels": labels,
        "startsAt": alert.starts_at.unwrap_or(entry.first_at).to_string(),
        "endsAt": ends_at.to_string(),
        "updatedAt": entry.last_at.to_string(),
        "fingerprint": alert.fingerprint.id,
        "generatorURL": alert.links.first().map(|link| link.url.clone()).unwrap_or_default(),
        "receivers": [{"name": "nines"}],
        "status": {
            "state": if is_suppressed { "suppressed" } else { "active" },
            "silencedBy": silenced_by,
            "inhibitedBy": [],
            "mutedBy": [],
        },
    })
}

pub async fn silences(
    State(app): State<SharedApp>,
    Query(query): Query<Vec<(String, String)>>,
) -> ApiResult<Json<Value>> {
    let wanted = asked(&query).filters;
    let all = all_silences(&app).await?;
    let shown = all.iter().map(|silence| silence_json(&app, silence)).filter(|silence| {
        wanted.iter().all(|text| {
            matcher(text).is_ok_and(|wanted| {
                let matchers = silence["matchers"].as_array().cloned().unwrap_or_default();
                matchers.iter().any(|has| has["name"] == wanted.name && has["value"] == wanted.value)
            })
        })
    });
    Ok(Json(Value::Array(shown.collect())))
}

pub async fn silence_one(State(app): State<SharedApp>, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let all = all_silences(&app).await?;
    let found = all.iter().find(|silence| silence.id.0 == id);
    found
        .map(|silence| Json(silence_json(&app, silence)))
        .ok_or_else(|| ApiError::not_found(format!("there is no silence `{id}`")))
}

async fn all_silences(app: &SharedApp) -> ApiResult<Vec<Silence>> {
    let mut all = app.oncall.repository.silences().await?;
    for silence in &app.oncall.rota.roster().silences {
        if !all.iter().any(|known| known.id == silence.id) {
            all.push(silence.clone());
        }
    }
    Ok(all)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostedSilence {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<PostedMatcher>,
    #[serde(default)]
    starts_at: Option<String>,
    ends_at: String,
    #[serde(default)]
    created_by: String,
    comment: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedMatcher {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default)]
    is_equal: Option<bool>,
}

pub async fn set_silence(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(posted): Body<PostedSilence>,
) -> ApiResult<(Extension<AuditNote>, Json<Value>)> {
    let now = app.clock.now();
    let matches: Vec<LabelMatch> = posted
        .matchers
        .into_iter()
        .map(|matcher| LabelMatch {
            operator: match (matcher.is_equal.unwrap_or(true), matcher.is_regex) {
                (true, false) => LabelOperator::Equal,
                (false, false) => LabelOperator::NotEqual,
                (true, true) => LabelOperator::Matches,
                (false, true) => LabelOperator::NotMatches,
            },
            name: matcher.name,
            value: matcher.value,
        })
        .collect();
    let filter = LabelMatch::filter(&matches).map_err(nines_oncall::RotaError::from)?;
    let known = posted.id.filter(|id| !id.is_empty());
    // As upstream: a silence that is set again goes on under its id.
    let id = match known {
        Some(id) if all_silences(&app).await?.iter().any(|silence| silence.id.0 == id) => id,
        Some(id) => return Err(ApiError::not_found(format!("there is no silence `{id}`"))),
        None => app.random.uuid(now).to_string(),
    };
    let start = optional_time("startsAt", posted.starts_at.as_deref())?.unwrap_or(now).max(now);
    let author = if posted.created_by.is_empty() { caller.name } else { posted.created_by };
    let silence = Silence {
        id: SilenceId(id.clone()),
        filter,
        range: TimeRange { start, end: required_time("endsAt", &posted.ends_at)? },
        author,
        reason: posted.comment,
        created_at: now,
        matched_at: None,
        noticed_at: None,
    };
    app.oncall.rota.silence(&silence).await?;
    app.feed.publish("oncall", None);
    let note = AuditNote {
        resource: Some(format!("silences/{id}")),
        details: format!("{}: {}", silence.filter, silence.reason),
        ..AuditNote::default()
    };
    Ok((Extension(note), Json(json!({ "silenceID": id }))))
}

pub async fn end_silence(State(app): State<SharedApp>, Path(id): Path<String>) -> ApiResult<StatusCode> {
    app.oncall.rota.end_silence(&id).await?;
    app.feed.publish("oncall", None);
    Ok(StatusCode::OK)
}

fn silence_json(app: &SharedApp, silence: &Silence) -> Value {
    let state = match render::oncall::silence(silence, false, app.clock.now()).state.as_str() {
        "ended" => "expired",
        "pending" => "pending",
        _ => "active",
    };
    json!({
        "id": silence.id.to_string(),
        "status": {"state": state},
        "updatedAt": silence.created_at.to_string(),
        "startsAt": silence.range.start.to_string(),
        "endsAt": silence.range.end.to_string(),
        "createdBy": silence.author,
        "comment": silence.reason,
        "matchers": matchers_of(&silence.filter),
    })
}

/// The matchers that a filter was made of, where it can be said by matchers; else its text as one.
fn matchers_of(filter: &Filter) -> Value {
    let parts: Vec<&Expr> = match filter.ast() {
        Expr::And(parts) => parts.iter().collect(),
        one => vec![one],
    };
    let found: Option<Vec<Value>> = parts.into_iter().map(matcher_of).collect();
    let whole =
        || json!([{"name": FILTER_NAME, "value": filter.to_string(), "isRegex": false, "isEqual": true}]);
    found.map_or_else(whole, Value::Array)
}

fn matcher_of(part: &Expr) -> Option<Value> {
    let (part, is_equal) = match part {
        Expr::Not(inner) => (&**inner, false),
        other => (other, true),
    };
    let said = |name: &str, value: &str, is_regex: bool, is_equal: bool| {
        Some(json!({"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal}))
    };
    match part {
        Expr::Compare(comparison) => match &comparison.test {
            Test::Is(Operator::Equal, literal) => {
                said(comparison.field.as_str(), literal.text(), false, is_equal)
            }
            Test::Matches(pattern) => {
                let source = pattern.source();
                let inner = source.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"))?;
                said(comparison.field.as_str(), inner, true, is_equal)
            }
            // A label that is not there is the same as one that is empty.
            Test::Exists => said(comparison.field.as_str(), "", false, !is_equal),
            _ => None,
        },
        _ => None,
    }
}
