//! From the route table to a router.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, delete, get, on, post};
use nines_api::{Method, ROUTES, Route};

use crate::guard::{Gate, check_path, envelope, gate, not_found, route_access};
use crate::handlers::{
    alertmanager, alerts, apm, audit, browsers, changes, chat, clocks, credit, dashboards, defaults, explore,
    export, fleet, incidents, infra, intake, inventory, jaeger, learning, oidc, oncall, operations, patterns,
    people, policies, prometheus, replay, saved, secrets, session, silences, slos, sns, status, statuspage,
    stream, subscribers, tail, telemetry, uptime, web,
};
use crate::{SharedApp, problem::ApiError};

/// Everything that the node serves on its web and API listener.
///
/// # Panics
/// If a row of the table has no handler: a defect that a test finds.
pub fn router(app: SharedApp) -> Router {
    let (mut people, mut doors) = (Router::new(), Router::new());
    for route in ROUTES {
        let handler = handler(route)
            .unwrap_or_else(|| panic!("route {} {} has no handler", route.method.as_str(), route.path));
        if is_door(route) {
            // Receivers ask their own gate, which says no in the words of their protocol, and contain their own panics.
            // Nothing is put around them: one event a request must not pay for what only people need.
            doors = doors.route(route.path, handler);
        } else {
            let guard = Gate { app: app.clone(), access: route_access(route.access), route };
            people = people.route(route.path, handler.layer(from_fn_with_state(guard, gate)));
        }
    }
    let people = people
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app.clone())
        .layer(from_fn(catch_panics))
        .layer(from_fn_with_state(app.clone(), envelope));
    people.merge(doors.method_not_allowed_fallback(method_not_allowed).with_state(app))
}

fn handler(route: &Route) -> Option<MethodRouter<SharedApp>> {
    Some(match (route.method, route.operation) {
        (Method::Get, "healthy") => get(status::healthy),
        (Method::Get, "ready") => get(status::ready),
        (Method::Get, "metrics") => get(status::metrics),
        (Method::Get, "openapi") => get(status::openapi),
        (Method::Get, "status") => get(status::status),
        (Method::Get, "clocks") => get(clocks::clocks),
        (Method::Get, "config") => get(status::config),
        (Method::Get, "limits") => get(status::limits),
        (Method::Post, "confirm_limits") => post(status::confirm_limits),
        (Method::Get, "session") => get(session::show),
        (Method::Post, "sign_in") => post(session::sign_in),
        (Method::Delete, "sign_out") => delete(session::sign_out),
        (Method::Get, "sign_in_ways") => get(oidc::ways),
        (Method::Get, "oidc_start") => get(oidc::start),
        (Method::Get, "oidc_callback") => get(oidc::callback),
        (Method::Get, "accounts") => get(people::accounts),
        (Method::Post, "invite") => post(people::invite),
        (Method::Post, "new_link") => post(people::new_link),
        (Method::Delete, "disable_account") => delete(people::disable),
        (Method::Delete, "reset_second_factor") => delete(people::reset_second_factor),
        (Method::Get, "teams") => get(people::teams),
        (Method::Put, "put_member") => on(MethodFilter::PUT, people::put_member),
        (Method::Delete, "remove_member") => delete(people::remove_member),
        (Method::Get, "me") => get(people::me),
        (Method::Post, "set_password") => post(people::set_password),
        (Method::Post, "begin_totp") => post(people::begin_totp),
        (Method::Post, "confirm_totp") => post(people::confirm_totp),
        (Method::Post, "remove_totp") => post(people::remove_totp),
        (Method::Get, "browsers") => get(browsers::list),
        (Method::Post, "register_browser") => post(browsers::register),
        (Method::Delete, "remove_browser") => delete(browsers::remove),
        (Method::Post, "test_browser") => post(browsers::test),
        (Method::Get, "sessions") => get(people::sessions),
        (Method::Delete, "end_session") => delete(people::end_session),
        (Method::Post, "begin_device") => post(people::begin_device),
        (Method::Post, "device_token") => post(people::device_token),
        (Method::Get, "device") => get(people::device),
        (Method::Post, "answer_device") => post(people::answer_device),
        (Method::Post, "replace_key") => post(session::replace_key),
        (Method::Get, "keys") => get(session::keys),
        (Method::Post, "create_key") => post(session::create_key),
        (Method::Delete, "revoke_key") => delete(session::revoke_key),
        (Method::Get, "policies") => get(policies::list),
        (Method::Get, "policy_schema") => get(policies::schema),
        (Method::Post, "check_policy") => post(policies::check),
        (Method::Get, "policy_versions") => get(policies::versions),
        (Method::Put, "put_policy") => on(MethodFilter::PUT, policies::put),
        (Method::Delete, "remove_policy") => delete(policies::remove),
        (Method::Get, "audit") => get(audit::list),
        (Method::Get, "audit_verify") => get(audit::verify),
        (Method::Get, "secrets") => get(secrets::list),
        (Method::Put, "put_secret") => on(MethodFilter::PUT, secrets::put),
        (Method::Post, "rotate_secret") => post(secrets::rotate),
        (Method::Post, "reveal_secret") => post(secrets::reveal),
        (Method::Delete, "delete_secret") => delete(secrets::delete),
        (Method::Post, "sql") => post(telemetry::sql),
        (Method::Post, "search") => post(export::search),
        (Method::Post, "compare") => post(explore::compare),
        (Method::Post, "around") => post(explore::around),
        (Method::Get, "tail") => get(tail::tail),
        (Method::Get, "uptime") => get(uptime::show),
        (Method::Get, "assigned_probes") => get(uptime::assigned),
        (Method::Post, "report_probes") => post(uptime::report),
        (Method::Get, "ping_heartbeat") => get(uptime::ping),
        (Method::Post, "ping_heartbeat_post") => post(uptime::ping),
        (Method::Get, "saved") => get(saved::list),
        (Method::Get, "saved_one") => get(saved::show),
        (Method::Post, "save") => post(saved::save),
        (Method::Delete, "delete_saved") => delete(saved::delete),
        (Method::Get, "dashboards") => get(dashboards::list),
        (Method::Get, "dashboard") => get(dashboards::show),
        (Method::Put, "put_dashboard") => on(MethodFilter::PUT, dashboards::put),
        (Method::Delete, "remove_dashboard") => delete(dashboards::remove),
        (Method::Get, "dashboard_history") => get(dashboards::history),
        (Method::Get, "export_dashboard") => get(dashboards::export),
        (Method::Post, "import_dashboard") => post(dashboards::import),
        (Method::Get, "service_dashboard") => get(dashboards::of_a_service),
        (Method::Get, "service_defaults") => get(defaults::show),
        (Method::Post, "replay") => post(replay::replay),
        (Method::Post, "histogram") => post(telemetry::histogram),
        (Method::Post, "facets") => post(telemetry::facets),
        (Method::Post, "suggest") => post(telemetry::suggest),
        (Method::Get, "fields") => get(telemetry::fields),
        (Method::Get, "trace") => get(telemetry::trace),
        (Method::Get, "services") => get(telemetry::services),
        (Method::Get, "patterns") => get(patterns::patterns),
        (Method::Get, "apm_services") => get(apm::services),
        (Method::Get, "apm_endpoints") => get(apm::endpoints),
        (Method::Get, "apm_map") => get(apm::map),
        (Method::Get, "apm_errors") => get(apm::errors),
        (Method::Get, "apm_error") => get(apm::error),
        (Method::Post, "apm_compare") => post(apm::compare),
        (Method::Get, "jaeger_services") => get(jaeger::services),
        (Method::Get, "jaeger_service_operations") => get(jaeger::operations_of),
        (Method::Get, "jaeger_operations") => get(jaeger::operations),
        (Method::Get, "jaeger_traces") => get(jaeger::traces),
        (Method::Get, "jaeger_trace") => get(jaeger::trace),
        (Method::Get, "jaeger_dependencies") => get(jaeger::dependencies),
        (Method::Get, "jaeger_v3_services") => get(jaeger::services_v3),
        (Method::Get, "jaeger_v3_operations") => get(jaeger::operations_v3),
        (Method::Get, "jaeger_v3_trace") => get(jaeger::trace_v3),
        (Method::Get, operation) if prometheus::endpoint(operation).is_some() => {
            prometheus::get(prometheus::endpoint(operation)?)
        }
        (Method::Post, operation) if prometheus::endpoint(operation).is_some() => {
            prometheus::post(prometheus::endpoint(operation)?)
        }
        (Method::Get, "prometheus_label_values") => get(prometheus::label_values),
        (Method::Get, "changes") => get(changes::list),
        (Method::Post, "record_change") => post(changes::record),
        (Method::Get, "slos") => get(slos::list),
        (Method::Get, "slo") => get(slos::show),
        (Method::Get, "slo_series") => get(slos::history),
        (Method::Get, "slo_suspects") => get(slos::suspects),
        (Method::Get, "slo_replay") => get(slos::replay),
        (Method::Post, "apply") => post(slos::apply),
        (Method::Post, "import_slos") => post(slos::import),
        (Method::Get, "objects") => get(slos::objects),
        (Method::Delete, "delete_object") => delete(slos::delete),
        (Method::Get, "alerts") => get(alerts::list),
        (Method::Get, "alert") => get(alerts::show),
        (Method::Get, "pages") => get(alerts::pages),
        (Method::Get, "incidents") => get(incidents::list),
        (Method::Post, "report_incident") => post(incidents::report),
        (Method::Get, "incident") => get(incidents::show),
        (Method::Post, "step_incident") => post(incidents::step),
        (Method::Post, "chat_slack_command") => post(chat::slack_command),
        (Method::Post, "chat_slack_interaction") => post(chat::slack_interaction),
        (Method::Post, "chat_teams") => post(chat::teams::message),
        (Method::Post, "chat_discord") => post(chat::discord::interaction),
        (Method::Post, "chat_telegram") => post(chat::telegram),
        (Method::Post, "chat_jira") => post(chat::jira),
        (Method::Get, "infrastructure") => get(fleet::units),
        (Method::Get, "infrastructure_unit") => get(fleet::unit),
        (Method::Post, "retire_unit") => post(fleet::retire),
        (Method::Get, "infra_watches") => get(fleet::watches),
        (Method::Post, "put_infra_watch") => post(fleet::put_watch),
        (Method::Delete, "delete_infra_watch") => delete(fleet::delete_watch),
        (Method::Get, "saturation") => get(fleet::saturation),
        (Method::Get, "inventory_score") => get(inventory::score),
        (Method::Get, "inventory_resources") => get(inventory::resources),
        (Method::Get, "inventory_resource") => get(inventory::resource),
        (Method::Post, "import_inventory") => post(inventory::import),
        (Method::Post, "collect_inventory") => post(inventory::collect),
        (Method::Get, "inventory_standards") => get(inventory::standards),
        (Method::Post, "apply_standards") => post(inventory::apply),
        (Method::Delete, "remove_standard") => delete(inventory::remove_standard),
        (Method::Get, "inventory_waivers") => get(inventory::waivers),
        (Method::Post, "ask_waiver") => post(inventory::ask_waiver),
        (Method::Post, "approve_waiver") => post(inventory::approve_waiver),
        (Method::Delete, "remove_waiver") => delete(inventory::remove_waiver),
        (Method::Get, "status_page") => get(statuspage::page),
        (Method::Get, "status_page_feed") => get(statuspage::feed),
        (Method::Post, "subscribe_status") => post(subscribers::subscribe),
        (Method::Get, "status_subscription") => get(subscribers::shown),
        (Method::Post, "change_status_subscription") => post(subscribers::change),
        (Method::Get, "status_pages") => get(statuspage::list),
        (Method::Post, "put_status_page") => post(statuspage::put),
        (Method::Delete, "remove_status_page") => delete(statuspage::remove),
        (Method::Get, "statements") => get(statuspage::statements),
        (Method::Post, "draft_statement") => post(statuspage::draft),
        (Method::Post, "approve_statement") => post(statuspage::approve),
        (Method::Get, "postmortems") => get(learning::postmortems),
        (Method::Get, "postmortem") => get(learning::postmortem),
        (Method::Get, "postmortem_markdown") => get(learning::as_markdown),
        (Method::Post, "edit_postmortem") => post(learning::edit),
        (Method::Post, "step_postmortem") => post(learning::step),
        (Method::Get, "review") => get(learning::review),
        (Method::Get, "review_reports") => get(learning::reports),
        (Method::Get, "review_report") => get(learning::report),
        (Method::Post, "send_review_report") => post(learning::send_report),
        (Method::Get, "meeting") => get(learning::meeting),
        (Method::Post, "edit_meeting") => post(learning::edit_meeting),
        (Method::Get, "takeover") => get(learning::takeover),
        (Method::Post, "edit_takeover") => post(learning::edit_takeover),
        (Method::Get, "oncall") => get(oncall::now),
        (Method::Get, "shifts") => get(oncall::shifts),
        (Method::Post, "override_shift") => post(oncall::override_shift),
        (Method::Delete, "remove_override") => delete(oncall::remove_override),
        (Method::Post, "take_shift") => post(oncall::take),
        (Method::Post, "swap_shifts") => post(oncall::swap),
        (Method::Get, "calendars") => get(oncall::calendars),
        (Method::Post, "create_calendar") => post(oncall::create_calendar),
        (Method::Delete, "remove_calendar") => delete(oncall::remove_calendar),
        (Method::Get, "calendar") => get(oncall::calendar),
        (Method::Get, "escalations") => get(oncall::escalations),
        (Method::Get, "silences") => get(silences::list),
        (Method::Post, "silence") => post(silences::set),
        (Method::Delete, "end_silence") => delete(silences::end),
        (Method::Get, "maintenance") => get(oncall::maintenance),
        (Method::Post, "plan_maintenance") => post(oncall::plan_maintenance),
        (Method::Post, "oncall_import") => post(oncall::import),
        (Method::Post, "send_alerts") => post(intake::native),
        (Method::Post, "separate_alerts") => post(intake::separate),
        (Method::Delete, "join_alerts") => delete(intake::join),
        (Method::Post, "grafana_alerts") => post(intake::grafana),
        (Method::Post, "sns_alerts") => post(sns::receive),
        (Method::Post, "pagerduty_event") => post(intake::pagerduty),
        (Method::Get, "alertmanager_status") => get(alertmanager::status),
        (Method::Get, "alertmanager_receivers") => get(alertmanager::receivers),
        (Method::Get, "alertmanager_alerts") => get(alertmanager::alerts),
        (Method::Post, "alertmanager_send") => post(alertmanager::send),
        (Method::Get, "alertmanager_groups") => get(alertmanager::groups),
        (Method::Get, "alertmanager_silences") => get(alertmanager::silences),
        (Method::Post, "alertmanager_silence") => post(alertmanager::set_silence),
        (Method::Get, "alertmanager_silence_one") => get(alertmanager::silence_one),
        (Method::Delete, "alertmanager_end_silence") => delete(alertmanager::end_silence),
        (Method::Get, "actions") => get(operations::list),
        (Method::Get, "credit") => get(credit::status),
        (Method::Get, "explain_address") => get(credit::explain),
        (Method::Put, "set_credit") => on(MethodFilter::PUT, credit::set),
        (Method::Post, "rehearse_credit") => post(credit::rehearse),
        (Method::Post, "release_address") => post(credit::release),
        (Method::Get, "cloud_inventory") => get(operations::inventory),
        (Method::Post, "read_action") => post(operations::read),
        (Method::Post, "plan_action") => post(operations::plan),
        (Method::Get, "runs") => get(operations::runs),
        (Method::Post, "start_run") => post(operations::start),
        (Method::Get, "run") => get(operations::show),
        (Method::Get, "run_history") => get(operations::history),
        (Method::Get, "run_events") => get(operations::events),
        (Method::Post, "step_run") => post(operations::step),
        (Method::Post, "stop_actions") => post(operations::stop),
        (Method::Delete, "lift_stop") => delete(operations::lift_stop),
        (Method::Post, "ops_slack") => post(infra::slack),
        (method, _) if route.path.starts_with("/Ops/AWSResource/") => on(filter(method), infra::call),
        (Method::Get, "events") => get(stream::events),
        (Method::Post, operation) if OTLP.contains(&operation) => post(otlp),
        (method, operation) if DOORS.contains(&operation) => on(filter(method), door),
        (Method::Get, "ui" | "ui_asset") => get(web::serve),
        _ => return None,
    })
}

/// Operations of the OTLP receiver.
const OTLP: [&str; 4] = ["otlp_logs", "otlp_traces", "otlp_metrics", "prometheus_otlp"];

/// Operations of the receiver's other doors.
const DOORS: [&str; 16] = [
    "elastic_root",
    "elastic_hello",
    "elastic_ask",
    "elastic_post",
    "elastic_put",
    "loki_push",
    "ingest",
    "splunk_health",
    "splunk_health_1",
    "splunk_collector",
    "splunk",
    "firehose",
    "cloudevents",
    "cloudevents_handshake",
    "change_event",
    "prometheus_write",
];

/// Its key is in the body, so it asks its own gate.
const PAGERDUTY_EVENT: &str = "pagerduty_event";

fn is_door(route: &Route) -> bool {
    route.operation == PAGERDUTY_EVENT || OTLP.contains(&route.operation) || DOORS.contains(&route.operation)
}

fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Delete => MethodFilter::DELETE,
        Method::Options => MethodFilter::OPTIONS,
    }
}

/// The receiver has its own limits and speaks the protocol's own errors.
async fn otlp(State(app): State<SharedApp>, mut request: Request) -> Response {
    if request.uri().path() == "/prometheus/api/v1/otlp/v1/metrics" {
        // Where Prometheus takes OTLP; the receiver knows one spelling of each path.
        *request.uri_mut() = axum::http::Uri::from_static("/v1/metrics");
    }
    as_sent(app.receiver.handle_http(request).await)
}

async fn door(State(app): State<SharedApp>, request: Request) -> Response {
    match check_path(request.uri().path()) {
        Ok(()) => app.doors.handle(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Answers repeat what a sender wrote; a browser must not take them for more than they say they are.
fn as_sent(mut response: Response) -> Response {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn method_not_allowed(request: Request) -> Response {
    let error =
        ApiError::invalid(format!("{} is not a method of {}", request.method(), request.uri().path()));
    let mut response =
        error.code("method_not_allowed").hint("the methods are in /api/v1/openapi.json").into_response();
    *response.status_mut() = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// A panic in a handler fails that request, loudly, and nothing else.
async fn catch_panics(request: Request, next: axum::middleware::Next) -> Response {
    use futures::FutureExt;
    match std::panic::AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            tracing::error!(panic = text.unwrap_or("unknown"), "handler panicked");
            ApiError::new(nines_base::ErrorKind::Internal, "the request failed inside nines").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_has_a_handler() {
        for route in ROUTES {
            assert!(handler(route).is_some(), "{} {} has no handler", route.method.as_str(), route.path);
        }
    }

    #[test]
    fn what_goes_by_the_router_is_in_the_table() {
        for path in nines_receive::Doors::BUSY {
            let is_row = |route: &&Route| {
                let (fixed, parameter) = route.path.split_once('{').unwrap_or((route.path, ""));
                let rest = path.strip_prefix(fixed);
                rest.is_some_and(|rest| rest.is_empty() == parameter.is_empty() && !rest.contains('/'))
            };
            let row = ROUTES.iter().filter(|route| route.method == Method::Post).find(is_row);
            assert!(row.is_some_and(is_door), "{path} is no door of the table");
        }
    }
}
