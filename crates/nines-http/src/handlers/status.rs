//! The node's own health.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_api as api;
use nines_base::ErrorKind;

use crate::SharedApp;
use crate::audit::AuditNote;
use crate::extract::Body;
use crate::problem::{ApiError, ApiResult};

/// Sources whose clocks are metrics, each with a label of its own: what a dashboard shows. The others are counted.
const CLOCKS_MAX: usize = 20;

pub async fn healthy() -> &'static str {
    "healthy\n"
}

pub async fn ready(State(app): State<SharedApp>) -> Response {
    if app.shutdown.has_begun() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    "ready\n".into_response()
}

pub async fn config(State(app): State<SharedApp>) -> Json<api::ConfigResponse> {
    Json(api::ConfigResponse { settings: app.settings.clone() })
}

pub async fn status(State(app): State<SharedApp>) -> ApiResult<Json<api::Status>> {
    app.health
        .status()
        .await
        .map(Json)
        .map_err(|error| ApiError::from_kind(nines_base::ErrorKind::Unavailable, &*error))
}

pub async fn limits(State(app): State<SharedApp>) -> Json<api::LimitsResponse> {
    Json(app.health.limits().await)
}

pub async fn confirm_limits(
    State(app): State<SharedApp>,
    Body(asked): Body<api::ConfirmLimitsRequest>,
) -> ApiResult<(Extension<AuditNote>, Json<api::LimitsResponse>)> {
    let waiting = app.health.limits().await.removals;
    let named: Vec<&api::Removal> =
        waiting.iter().filter(|removal| asked.limits.contains(&removal.limit)).collect();
    if let Some(unknown) = asked.limits.iter().find(|name| named.iter().all(|one| one.limit != **name)) {
        let detail = format!("nothing waits to be confirmed for `{unknown}`");
        return Err(ApiError::new(ErrorKind::Conflict, detail).hint("GET /api/v1/limits says what does"));
    }
    if named.is_empty() {
        return Err(ApiError::invalid("`limits` names none").hint("name what GET /api/v1/limits says"));
    }
    let text = |one: &&api::Removal| {
        format!(
            "{}: {} rows in {} segments, {} of {} bytes",
            one.limit, one.rows, one.segments, one.bytes, one.live_bytes
        )
    };
    let details = named.iter().map(text).collect::<Vec<_>>().join("; ");
    app.health
        .confirm_limits(&asked.limits)
        .await
        .map_err(|error| ApiError::from_kind(ErrorKind::Unavailable, &*error))?;
    let note = AuditNote { resource: Some("limits".to_owned()), details, ..AuditNote::default() };
    Ok((Extension(note), Json(app.health.limits().await)))
}

pub async fn metrics(State(app): State<SharedApp>) -> ApiResult<Response> {
    let status = app
        .health
        .status()
        .await
        .map_err(|error| ApiError::from_kind(nines_base::ErrorKind::Unavailable, &*error))?;
    let clocks = super::clocks::answer(&app.clocks, app.clock.now(), CLOCKS_MAX);
    let text = exposition(&status, &clocks);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

pub async fn openapi(State(app): State<SharedApp>) -> Json<serde_json::Value> {
    Json(api::openapi(app.version))
}

/// The store of metric series.
fn series(series: &api::SeriesStatus, metric: &mut impl FnMut(&str, &str, &str, &[(String, f64)])) {
    let mut one = |name: &str, kind: &str, help: &str, value: u64| {
        metric(name, kind, help, &[(String::new(), value as f64)]);
    };
    one("nines_series_active", "gauge", "Series that got a sample lately.", series.active_series);
    one("nines_series_samples_total", "counter", "Samples written to series.", series.samples);
    one("nines_series_late_deltas_total", "counter", "Deltas that came too late.", series.late_deltas);
    one("nines_series_head_samples", "gauge", "Samples that are not sealed.", series.head_samples);
    one("nines_series_memory_bytes", "gauge", "Memory of the series store.", series.memory_bytes);
    one("nines_series_segments", "gauge", "Segments of series on disk.", series.segments);
    one("nines_series_bytes", "gauge", "Bytes of segments of series on disk.", series.bytes_on_disk);
    one("nines_series_journal_bytes", "gauge", "Bytes of the journal of series.", series.journal_bytes);
    let rejected: Vec<_> = series
        .rejected
        .iter()
        .map(|refused| (format!("{{reason={:?}}}", refused.reason), refused.count as f64))
        .collect();
    let help = "Samples that can never be written.";
    metric("nines_series_rejected_total", "counter", help, &rejected);
}

/// Whether somebody is still being looked for, and whether somebody looks after that.
fn paging(paging: &api::PagingStatus, metric: &mut impl FnMut(&str, &str, &str, &[(String, f64)])) {
    let mut one = |name: &str, kind: &str, help: &str, value: f64| {
        metric(name, kind, help, &[(String::new(), value)]);
    };
    let oldest = paging.oldest_queued_secs.unwrap_or(0.0);
    one("nines_paging_oldest_queued_seconds", "gauge", "Since the page that waits longest was due.", oldest);
    let escalating = paging.escalating as f64;
    one("nines_escalation_incidents", "gauge", "Open incidents that escalate by a policy.", escalating);
    let age = paging.walked_secs_ago;
    one("nines_escalation_age_seconds", "gauge", "Since escalations were last walked.", age);
    let held = paging.digesting as f64;
    one("nines_escalation_digesting", "gauge", "Calls that wait for a digest.", held);
    one("nines_audit_looks_total", "counter", "Looks of the auditor of paging.", paging.audits as f64);
    one("nines_audit_age_seconds", "gauge", "Since the last of them.", paging.audited_secs_ago);
    let defects = paging.escalation_defects as f64;
    one("nines_audit_defects", "gauge", "Incidents that would be forgotten, as of the last.", defects);
}

/// Who sends how much, and what limits refused. Teams are as many as are declared.
fn scopes(scopes: &[api::ScopeStatus], metric: &mut impl FnMut(&str, &str, &str, &[(String, f64)])) {
    let labels = |one: &api::ScopeStatus| format!("scope={:?},name={:?}", one.scope, one.name);
    let by_scope = |value: fn(&api::ScopeStatus) -> u64| -> Vec<(String, f64)> {
        scopes.iter().map(|one| (format!("{{{}}}", labels(one)), value(one) as f64)).collect()
    };
    let help = "Requests acknowledged, by tenant and by dataset with limits.";
    metric("nines_limits_requests_total", "counter", help, &by_scope(|one| one.accepted_requests));
    let help = "Events acknowledged, by the same.";
    metric("nines_limits_events_total", "counter", help, &by_scope(|one| one.accepted_events));
    let help = "Bytes acknowledged, by the same.";
    metric("nines_limits_bytes_total", "counter", help, &by_scope(|one| one.accepted_bytes));
    let help = "Bytes sealed and kept, by the same.";
    metric("nines_limits_stored_bytes", "gauge", help, &by_scope(|one| one.stored_bytes));
    let refused: Vec<_> = scopes
        .iter()
        .flat_map(|one| one.refused.iter().map(move |refused| (one, refused)))
        .map(|(one, refused)| {
            (format!("{{{},reason={:?}}}", labels(one), refused.reason), refused.count as f64)
        })
        .collect();
    metric("nines_limits_refused_total", "counter", "Requests that a limit refused.", &refused);
}

/// Whose stamps are not of the time at which they arrive.
fn clocks(
    stamps: &api::StampStatus,
    clocks: &api::ClocksResponse,
    metric: &mut impl FnMut(&str, &str, &str, &[(String, f64)]),
) {
    let mut one = |name: &str, kind: &str, help: &str, value: u64| {
        metric(name, kind, help, &[(String::new(), value as f64)]);
    };
    let help = "Events without a time, which got that of their arrival.";
    one("nines_ingest_undated_events_total", "counter", help, stamps.undated);
    let help = "Events stamped more than ten minutes after their arrival.";
    one("nines_ingest_ahead_events_total", "counter", help, stamps.ahead);
    let help = "Events stamped more than ten minutes before their arrival.";
    one("nines_ingest_late_events_total", "counter", help, stamps.late);
    one("nines_clocks_sources", "gauge", "Sources heard of in the last minutes.", clocks.sources);
    one("nines_clocks_ahead", "gauge", "Sources whose clocks are ahead.", clocks.ahead);
    one("nines_clocks_behind", "gauge", "Sources whose clocks are behind, or who send late.", clocks.behind);
    let worst = clocks.worst.iter().map(|one| {
        let labels = [("service", &one.service), ("place", &one.place)];
        let labels = labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        (format!("{{{}}}", labels.join(",")), one.ahead_secs)
    });
    let help = "How far a source's newest stamps are ahead of their arrival, of those furthest away.";
    metric("nines_clocks_source_ahead_seconds", "gauge", help, &worst.collect::<Vec<_>>());
}

/// The value of a label that somebody else named, as Prometheus' text format has it.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

/// Connections of each listener: how many are open, how many may be, and which were cut.
fn listeners(all: &[api::ListenerStatus], metric: &mut impl FnMut(&str, &str, &str, &[(String, f64)])) {
    let each = |value: fn(&api::ListenerStatus) -> u64| -> Vec<(String, f64)> {
        all.iter().map(|one| (format!("{{listener={:?}}}", one.name), value(one) as f64)).collect()
    };
    metric("nines_connections_open", "gauge", "Connections that are open.", &each(|one| one.open));
    let help = "Connections that a listener has room for; more get the room of those that are idle.";
    metric("nines_connections_max", "gauge", help, &each(|one| one.max));
    let cut: Vec<_> = all
        .iter()
        .flat_map(|one| one.cut.iter().map(move |cut| (one, cut)))
        .map(|(one, cut)| (format!("{{listener={:?},reason={:?}}}", one.name, cut.reason), cut.count as f64))
        .collect();
    metric("nines_connections_cut_total", "counter", "Connections that the node cut, by reason.", &cut);
}

/// How this node of a pair stands.
fn pair(pair: &api::PairStatus, metric: &mut impl FnMut(&str, &str, &str, &[(String, f64)])) {
    let mut one = |name: &str, help: &str, value: f64| {
        metric(name, "gauge", help, &[(String::new(), value)]);
    };
    one("nines_pair_epoch", "How often the lease has changed hands.", pair.epoch as f64);
    one("nines_pair_leads", "1 at the node that leads.", f64::from(pair.role == "leader"));
    let up = f64::from(pair.reaches_postgresql);
    one("nines_pair_postgresql_up", "1 if PostgreSQL answered within the last second.", up);
    one(
        "nines_pair_permitted_seconds",
        "For how long it may send if nothing else happens.",
        pair.permitted_secs,
    );
    one("nines_pair_backlog_writes", "Writes that the log does not have yet.", pair.backlog_writes as f64);
    let behind = pair.other_behind_writes.unwrap_or(0) as f64;
    one("nines_pair_other_behind_writes", "How many writes the other node is behind.", behind);
    let seen = pair.other_seen_secs.unwrap_or(f64::NAN);
    one("nines_pair_other_seen_seconds", "Since PostgreSQL last saw the other node.", seen);
    let ahead = pair.other_clock_secs.unwrap_or(f64::NAN);
    one("nines_pair_other_clock_seconds", "How far the other node's clock is ahead of this one's.", ahead);
    let answers = pair.peer_answers.map_or(f64::NAN, f64::from);
    one("nines_pair_peer_up", "1 if the other node answers at --pair-peer; the leader asks.", answers);
}

/// Prometheus' text format: `nines_<part>_<what>_<unit>[_total]`. Labels are datasets and refusal reasons, which are few
/// and our own, and [`CLOCKS_MAX`] names of sources.
fn exposition(status: &api::Status, sources: &api::ClocksResponse) -> String {
    let mut out = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for (labels, value) in samples {
            out.push_str(&format!("{name}{labels} {value}\n"));
        }
    };
    let one = |value: f64| vec![(String::new(), value)];
    metric(
        "nines_ingest_events_total",
        "counter",
        "Events acknowledged.",
        &one(status.ingest.accepted_events as f64),
    );
    metric(
        "nines_ingest_bytes_total",
        "counter",
        "Bytes acknowledged.",
        &one(status.ingest.accepted_bytes as f64),
    );
    let refused: Vec<_> = status
        .ingest
        .refused
        .iter()
        .map(|refused| (format!("{{reason={:?}}}", refused.reason), refused.count as f64))
        .collect();
    metric("nines_ingest_refused_total", "counter", "Requests that the store had no room for.", &refused);
    let requests = &status.ingest.requests;
    let answered = [
        ("accepted", requests.accepted),
        ("rejected", requests.rejected),
        ("deferred", requests.deferred),
        ("failed", requests.failed),
    ];
    metric(
        "nines_receive_requests_total",
        "counter",
        "Requests with telemetry, by how they were answered; the deferred ones were told to come back.",
        &answered.map(|(outcome, count)| (format!("{{outcome={outcome:?}}}"), count as f64)),
    );
    let help =
        "Records that accepted requests had and that can never be taken; the answer named each reason.";
    metric("nines_receive_records_rejected_total", "counter", help, &one(requests.records_rejected as f64));
    clocks(&status.ingest.stamps, sources, &mut metric);
    listeners(&status.listeners, &mut metric);
    let by_dataset = |value: fn(&api::DatasetStatus) -> u64| -> Vec<(String, f64)> {
        status
            .storage
            .iter()
            .map(|dataset| (format!("{{dataset={:?}}}", dataset.dataset), value(dataset) as f64))
            .collect()
    };
    metric("nines_storage_rows", "gauge", "Rows kept.", &by_dataset(|dataset| dataset.rows));
    metric("nines_storage_hot_rows", "gauge", "Rows in memory.", &by_dataset(|dataset| dataset.hot_rows));
    metric("nines_storage_segments", "gauge", "Segments on disk.", &by_dataset(|dataset| dataset.segments));
    metric(
        "nines_storage_bytes",
        "gauge",
        "Bytes of segments on disk.",
        &by_dataset(|dataset| dataset.bytes_on_disk),
    );
    scopes(&status.ingest.scopes, &mut metric);
    series(&status.series, &mut metric);
    metric("nines_journal_bytes", "gauge", "Bytes of the journal.", &one(status.journal_bytes as f64));
    metric("nines_paging_rules", "gauge", "Promises that are evaluated.", &one(status.paging.rules as f64));
    metric("nines_paging_firing", "gauge", "Alerts that fire.", &one(status.paging.firing as f64));
    metric("nines_paging_queued", "gauge", "Pages that wait.", &one(status.paging.queued as f64));
    metric(
        "nines_paging_undeliverable",
        "gauge",
        "Pages that no provider takes.",
        &one(status.paging.undeliverable as f64),
    );
    metric(
        "nines_paging_evaluation_age_seconds",
        "gauge",
        "Since the last finished evaluation.",
        &one(status.paging.evaluated_secs_ago),
    );
    paging(&status.paging, &mut metric);
    if let Some(status) = &status.pair {
        pair(status, &mut metric);
    }
    metric("nines_process_resident_bytes", "gauge", "Resident memory.", &one(status.memory_bytes as f64));
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_of_others_do_not_end_their_label() {
        assert_eq!(escaped("a\"b\\c\nd é{}"), r#"a\"b\\c\nd é{}"#);
    }
}
