//! Prometheus' HTTP API, as Grafana's data source, `promtool` and the client libraries ask it: base address
//! `http://host:9999/prometheus`.
//!
//! Parameters come in the query string, or as a form, or both. What is answered is in `nines_metrics`.

use axum::extract::{Form, FromRequest, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};
use nines_metrics::{Answered, Endpoint, Parameters};

use crate::SharedApp;
use crate::problem::ApiError;

/// The endpoint of an operation of the route table, asked with GET or as a form.
pub fn endpoint(operation: &str) -> Option<Endpoint> {
    let operation = operation.strip_prefix("prometheus_")?;
    Some(match operation.strip_suffix("_form").unwrap_or(operation) {
        "query" => Endpoint::Query,
        "query_range" => Endpoint::QueryRange,
        "exemplars" => Endpoint::QueryExemplars,
        "format" => Endpoint::FormatQuery,
        "parse" => Endpoint::ParseQuery,
        "series" => Endpoint::Series,
        "labels" => Endpoint::Labels,
        "metadata" => Endpoint::Metadata,
        "rules" => Endpoint::Rules,
        "alerts" => Endpoint::Alerts,
        "targets" => Endpoint::Targets,
        "scrape_pools" => Endpoint::ScrapePools,
        "targets_metadata" => Endpoint::TargetsMetadata,
        "buildinfo" => Endpoint::BuildInfo,
        "runtimeinfo" => Endpoint::RuntimeInfo,
        "config" => Endpoint::Config,
        "flags" => Endpoint::Flags,
        "tsdb" => Endpoint::Tsdb,
        _ => return None,
    })
}

pub fn get(endpoint: Endpoint) -> MethodRouter<SharedApp> {
    routing::get(async move |State(app): State<SharedApp>, Query(query): Query<Pairs>| {
        render(app.metrics.answer(endpoint, Parameters(query)).await)
    })
}

pub fn post(endpoint: Endpoint) -> MethodRouter<SharedApp> {
    routing::post(async move |State(app): State<SharedApp>, Query(query): Query<Pairs>, request: Request| {
        match form(request).await {
            // The form before the query string, as Go's `ParseForm` has it.
            Ok(form) => {
                let parameters = Parameters(form.into_iter().chain(query).collect());
                render(app.metrics.answer(endpoint, parameters).await)
            }
            Err(error) => error.into_response(),
        }
    })
}

pub async fn label_values(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Query(query): Query<Pairs>,
) -> Response {
    render(app.metrics.answer(Endpoint::LabelValues(name), Parameters(query)).await)
}

type Pairs = Vec<(String, String)>;

/// Other bodies than forms are passed over, as upstream does.
async fn form(request: Request) -> Result<Pairs, ApiError> {
    let content_type =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = content_type.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Vec::new());
    }
    // At most two MiB of it, which is axum's own bound; a query has a quarter of that at most.
    let form = Form::<Pairs>::from_request(request, &()).await;
    form.map(|Form(pairs)| pairs)
        .map_err(|error| ApiError::invalid(format!("the form cannot be read: {}", error.body_text())))
}

fn render(answered: Answered) -> Response {
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], answered.body).into_response()
}
