//! Dashboards: kept documents, their versions, imports, and the one that each service has by itself.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use nines_api as api;
use nines_base::ErrorKind;
use nines_dashboards::{
    Dashboard, DashboardError, Expected, Import, ImportError, Outcome, Revision, ServiceFacts, Stored,
    grafana, perses,
};
use nines_model::{Dataset, TimeRange, Timestamp};
use nines_series::{MatchOp, Matcher, Select};
use serde::Deserialize;

use super::slos::fault;
use super::telemetry::{of_service, search_dataset};
use crate::SharedApp;
use crate::extract::{Body, Caller};
use crate::problem::{ApiError, ApiResult};

/// A service that sent nothing for a day has nothing to show.
const FACTS_RANGE: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);
const NOTE_BYTES_MAX: usize = 500;
/// Names are looked for, no samples.
const SAMPLES_MAX: u64 = 1;

impl From<DashboardError> for ApiError {
    fn from(error: DashboardError) -> Self {
        let hint = match &error {
            DashboardError::Conflict { current, .. } => {
                let note =
                    if current.note.is_empty() { String::new() } else { format!(" (\"{}\")", current.note) };
                Some(format!(
                    "version {} is of {} by {}{note}: read it and put your changes to it",
                    current.version, current.at, current.by
                ))
            }
            DashboardError::Gone { .. } => Some("keep it with version 0 to make it anew".to_owned()),
            _ => None,
        };
        Self::from_kind(error.kind(), &error).hint_opt(hint)
    }
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        Self::new(error.kind(), error.to_string()).code("invalid_dashboard")
    }
}

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    service: Option<String>,
}

pub async fn list(
    State(app): State<SharedApp>,
    caller: Caller,
    Query(asked): Query<ListQuery>,
) -> ApiResult<Json<api::DashboardsResponse>> {
    let mut all = app.dashboards.list().await?;
    all.retain(|it| {
        sees(&app, &caller, it.service.as_deref(), it.team.as_deref())
            && (asked.service.is_none() || asked.service == it.service)
    });
    let dashboards = all.into_iter().map(|it| api::DashboardSummary {
        name: it.name,
        title: it.title,
        description: it.description,
        service: it.service,
        team: it.team,
        panels: it.panels,
        revision: revision(&it.revision),
    });
    Ok(Json(api::DashboardsResponse { dashboards: dashboards.collect() }))
}

#[derive(Debug, Deserialize)]
pub struct VersionQuery {
    version: Option<u64>,
}

pub async fn show(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Query(asked): Query<VersionQuery>,
) -> ApiResult<Json<api::Dashboard>> {
    let current = find(&app, &caller, &name).await?;
    let stored = match asked.version {
        Some(version) => {
            let old = app.dashboards.version(&name, version).await?;
            // It may have been of another team then.
            if !sees(&app, &caller, old.dashboard.service.as_deref(), old.dashboard.team.as_deref()) {
                return Err(DashboardError::NoVersion { name, version }.into());
            }
            old
        }
        None => current,
    };
    rendered(&stored.dashboard, revision(&stored.revision)).map(Json)
}

pub async fn history(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<Json<api::DashboardHistory>> {
    find(&app, &caller, &name).await?;
    let revisions = app.dashboards.history(&name).await?.iter().map(revision).collect();
    Ok(Json(api::DashboardHistory { name, revisions }))
}

pub async fn put(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Body(request): Body<api::DashboardRequest>,
) -> ApiResult<Json<api::Dashboard>> {
    let dashboard = read(&request.document)?;
    if dashboard.name != name {
        let detail = format!("the document is of `{}`, and the path of `{name}`", dashboard.name);
        return Err(ApiError::invalid(detail).hint("send it to its own path"));
    }
    if request.note.len() > NOTE_BYTES_MAX {
        return Err(ApiError::invalid(format!("the note has more than {NOTE_BYTES_MAX} bytes")));
    }
    if !sees(&app, &caller, dashboard.service.as_deref(), dashboard.team.as_deref()) {
        let detail = "the dashboard would belong to no service and no team of yours";
        return Err(
            ApiError::new(ErrorKind::Forbidden, detail).hint("set `service` or `team` to one of yours")
        );
    }
    // One of others is not replaced: it is not even there for the caller.
    match app.dashboards.get(&name).await {
        Ok(known)
            if !sees(&app, &caller, known.dashboard.service.as_deref(), known.dashboard.team.as_deref()) =>
        {
            return Err(ApiError::new(ErrorKind::Conflict, format!("the name `{name}` is taken"))
                .hint("choose another one"));
        }
        Ok(_) | Err(DashboardError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let expected = match request.version {
        None => Expected::Any,
        Some(0) => Expected::Nothing,
        Some(version) => Expected::Version(version),
    };
    let put = app.dashboards.put(&dashboard, expected, &caller.name, &request.note, app.clock.now()).await?;
    app.feed.publish("dashboards", Some(name));
    rendered(&dashboard, revision(put.revision())).map(Json)
}

pub async fn remove(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    find(&app, &caller, &name).await?;
    app.dashboards.remove(&name).await?;
    app.feed.publish("dashboards", Some(name));
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
pub struct ExportQuery {
    format: Option<String>,
}

pub async fn export(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Query(asked): Query<ExportQuery>,
) -> ApiResult<Json<api::DashboardExport>> {
    let dashboard = find(&app, &caller, &name).await?.dashboard;
    let format = asked.format.unwrap_or_else(|| "yaml".to_owned());
    let (text, left_out) = match format.as_str() {
        "yaml" => (nines_dashboards::yaml(&dashboard), Vec::new()),
        "json" => (format!("{:#}\n", nines_dashboards::json(&dashboard)), Vec::new()),
        "perses" => {
            let export = perses::export(&dashboard);
            (export.json, export.left_out)
        }
        other => {
            return Err(
                ApiError::invalid(format!("there is no format `{other}`")).hint("yaml, json or perses")
            );
        }
    };
    Ok(Json(api::DashboardExport { format, text, left_out }))
}

/// Reading it is bounded by its size, some milliseconds.
pub async fn import(
    Body(request): Body<api::DashboardImportRequest>,
) -> ApiResult<Json<api::DashboardImport>> {
    let (format, import) = match request.format.as_deref() {
        Some("grafana") => ("grafana", grafana::import(&request.text)?),
        Some("perses") => ("perses", perses::import(&request.text)?),
        Some(other) => {
            return Err(ApiError::invalid(format!("there is no format `{other}`")).hint("grafana or perses"));
        }
        None => match grafana::import(&request.text) {
            Ok(import) => ("grafana", import),
            Err(error @ ImportError::Shape { .. }) => {
                ("perses", perses::import(&request.text).map_err(|_| error)?)
            }
            Err(error) => return Err(error.into()),
        },
    };
    let Import { dashboard, panels, notes } = &import;
    let panels = panels.iter().map(|it| api::DashboardImportPanel {
        title: it.title.clone(),
        kind: it.kind.clone(),
        outcome: it.outcome.as_str().to_owned(),
        reasons: it.reasons.clone(),
    });
    Ok(Json(api::DashboardImport {
        format: format.to_owned(),
        document: wire(dashboard)?,
        yaml: nines_dashboards::yaml(dashboard),
        taken: import.count(Outcome::Taken),
        approximated: import.count(Outcome::Approximated),
        left_out: import.count(Outcome::LeftOut),
        panels: panels.collect(),
        notes: notes.clone(),
    }))
}

/// The one that is kept for a service, else one of what it sends.
pub async fn of_a_service(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(service): Path<String>,
) -> ApiResult<Json<api::Dashboard>> {
    if !caller.sees_service(&service) {
        return Err(ApiError::not_found(format!("there is no service `{service}`")));
    }
    let made = nines_dashboards::of_service(&facts(&app, &service).await?);
    match app.dashboards.get(&made.name).await {
        Ok(stored) if stored.dashboard.service.as_deref() == Some(service.as_str()) => {
            return rendered(&stored.dashboard, revision(&stored.revision)).map(Json);
        }
        Ok(_) | Err(DashboardError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let unkept = api::DashboardRevision {
        version: 0,
        at: app.clock.now().to_string(),
        by: String::new(),
        note: String::new(),
    };
    rendered(&made, unkept).map(Json)
}

/// What there is of a service: a look for one row of each kind, and the names of series.
async fn facts(app: &SharedApp, service: &str) -> ApiResult<ServiceFacts> {
    let now = app.clock.now();
    let range = TimeRange::new(now - FACTS_RANGE, now + std::time::Duration::from_secs(1));
    let has = |dataset: Dataset| async move {
        let found = search_dataset(app, dataset, Some(of_service(service)), range, 1).await;
        found.map(|rows| !rows.is_empty())
    };
    let slos = app.promises.of_service(service).into_iter().map(|view| view.promise.id.clone()).collect();
    let probes = app.uptime.overview(false).probes.into_iter();
    let probes = probes.filter(|probe| probe.service.as_deref() == Some(service)).map(|probe| probe.name);
    Ok(ServiceFacts {
        service: service.to_owned(),
        slos,
        probes: probes.collect(),
        has_spans: has(Dataset::Spans).await?,
        has_logs: has(Dataset::Logs).await?,
        metrics: metrics(app, service, range.start, now).await?,
    })
}

/// Which of the series that say how full something is this service sends.
async fn metrics(
    app: &SharedApp,
    service: &str,
    start: Timestamp,
    end: Timestamp,
) -> ApiResult<BTreeSet<String>> {
    // As the senders of series are named: `job` is the service, with its namespace before it.
    let names: Vec<&str> = ServiceFacts::metrics_asked().collect();
    let names = Matcher::new("__name__", MatchOp::Regex, names.join("|"));
    let literal = literal(service);
    let of_service = Matcher::new("job", MatchOp::Regex, format!("(.+/)?{literal}"));
    let of_pods = Matcher::new("pod", MatchOp::Regex, format!("{literal}.*"));
    let (Ok(names), Ok(of_service), Ok(of_pods)) = (names, of_service, of_pods) else {
        return Ok(BTreeSet::new());
    };
    let found = app.metrics.ask(move |asked| {
        let mut found = BTreeSet::new();
        for by in [of_service, of_pods] {
            let select = Select {
                matchers: &[names.clone(), by],
                start_ms: start.as_millis(),
                end_ms: end.as_millis(),
                samples_max: SAMPLES_MAX,
                threads: 1,
                cancelled: &|| asked.control.cancel.has_begun(),
            };
            let values = asked.questions.store().label_values("__name__", &select)?;
            found.extend(values.iter().map(|name| name.to_string()));
        }
        Ok::<_, nines_series::SeriesError>(found)
    });
    found.await?.map_err(|error| ApiError::from_kind(error.kind(), &error))
}

/// A text within a regular expression, where it stands for itself.
fn literal(text: &str) -> String {
    let mut made = String::new();
    for c in text.chars() {
        if !c.is_alphanumeric() && c != '-' && c != '_' {
            made.push('\\');
        }
        made.push(c);
    }
    made
}

/// Whether a dashboard of this service or this team is for the caller. One that is of neither is for those who see all.
fn sees(app: &SharedApp, caller: &Caller, service: Option<&str>, team: Option<&str>) -> bool {
    if caller.services.is_none() || service.is_some_and(|service| caller.sees_service(service)) {
        return true;
    }
    let Some(team) = team else { return false };
    let services = app.oncall.rota.roster().services_of(&BTreeSet::from([team.to_owned()]));
    services.iter().any(|service| caller.sees_service(service))
}

async fn find(app: &SharedApp, caller: &Caller, name: &str) -> ApiResult<Stored> {
    match app.dashboards.get(name).await {
        Ok(found)
            if sees(app, caller, found.dashboard.service.as_deref(), found.dashboard.team.as_deref()) =>
        {
            Ok(found)
        }
        Ok(_) | Err(DashboardError::NotFound(_)) => {
            let all = app.dashboards.list().await?;
            let seen = all.iter().filter(|it| sees(app, caller, it.service.as_deref(), it.team.as_deref()));
            let near = nines_filter::nearest(name, seen.map(|it| it.name.as_str()));
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            Err(ApiError::not_found(format!("there is no dashboard `{name}`")).hint_opt(hint))
        }
        Err(error) => Err(error.into()),
    }
}

/// A document of the wire, checked as one of a file is.
fn read(document: &api::DashboardDocument) -> ApiResult<Dashboard> {
    let internal = |error: serde_json::Error| ApiError::new(ErrorKind::Internal, error.to_string());
    let text = serde_json::to_string(document).map_err(internal)?;
    let parsed = nines_dashboards::parse(None, &text).map_err(|faults| {
        let detail = faults.first().map(|it| format!("{}: {}", it.path, it.message)).unwrap_or_default();
        ApiError::invalid(format!("the dashboard cannot be kept: {detail}"))
            .code("invalid_documents")
            .hint_opt(faults.first().and_then(|it| it.hint.clone()))
            .faults(faults.iter().map(fault).collect())
    })?;
    let first = parsed.dashboards.into_iter().next();
    first.ok_or_else(|| ApiError::invalid("the dashboard is empty"))
}

fn rendered(dashboard: &Dashboard, revision: api::DashboardRevision) -> ApiResult<api::Dashboard> {
    Ok(api::Dashboard { document: wire(dashboard)?, revision, yaml: nines_dashboards::yaml(dashboard) })
}

/// The wire's types have the document's keys: see the test of the round trip.
fn wire(dashboard: &Dashboard) -> ApiResult<api::DashboardDocument> {
    serde_json::from_value(nines_dashboards::json(dashboard))
        .map_err(|error| ApiError::new(ErrorKind::Internal, format!("a dashboard cannot be shown: {error}")))
}

fn revision(revision: &Revision) -> api::DashboardRevision {
    api::DashboardRevision {
        version: revision.version,
        at: revision.at.to_string(),
        by: revision.by.clone(),
        note: revision.note.clone(),
    }
}
