//! Questions to telemetry.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    // Telemetry
    post(
        "/api/v1/sql",
        "sql",
        VIEWER,
        body::<SqlRequest>(),
        body::<SqlResponse>(),
        "Ask in SQL over hot and cold data together",
    ),
    post(
        "/api/v1/search",
        "search",
        VIEWER,
        body::<SearchRequest>(),
        body::<SearchResponse>(),
        "Rows that a filter matches, newest first; by `Accept` also streamed, as NDJSON or CSV",
    )
    .by_rows(),
    post(
        "/api/v1/search/histogram",
        "histogram",
        VIEWER,
        body::<HistogramRequest>(),
        body::<HistogramResponse>(),
        "Counts over time of what a filter matches",
    )
    .by_rows(),
    post(
        "/api/v1/search/facets",
        "facets",
        VIEWER,
        body::<FacetsRequest>(),
        body::<FacetsResponse>(),
        "Top values of the fields of what a filter matches",
    )
    .by_rows(),
    post(
        "/api/v1/search/suggest",
        "suggest",
        VIEWER,
        body::<SuggestRequest>(),
        body::<SuggestResponse>(),
        "What could come next in a filter, from real fields and values",
    ),
    post(
        "/api/v1/search/compare",
        "compare",
        VIEWER,
        body::<CompareRequest>(),
        body::<CompareResponse>(),
        "What is different about some rows: values that they have more often than the rest",
    )
    .by_rows(),
    post(
        "/api/v1/search/around",
        "around",
        VIEWER,
        body::<AroundRequest>(),
        body::<AroundResponse>(),
        "The rows before and after one",
    )
    .by_rows(),
    get(
        "/api/v1/tail",
        "tail",
        VIEWER,
        body::<TailRows>(),
        "Rows that a filter matches, as they come in (server-sent events)",
    )
    .query(&["dataset", "filter"])
    .by_rows(),
    get("/api/v1/saved", "saved", VIEWER, body::<SavedResponse>(), "Searches and SQL that teams keep")
        .query(&["kind", "team"]),
    get("/api/v1/saved/{name}", "saved_one", VIEWER, body::<SavedQuestion>(), "One saved question"),
    post(
        "/api/v1/saved",
        "save",
        RESPONDER,
        body::<SavedRequest>(),
        body::<SavedQuestion>(),
        "Keep a search or SQL under a name, in place of one that has it",
    )
    .audited("saved.put"),
    delete(
        "/api/v1/saved/{name}",
        "delete_saved",
        RESPONDER,
        "Delete a saved question: one's own, or as editor",
    )
    .audited("saved.delete"),
    get(
        "/api/v1/datasets/{dataset}/fields",
        "fields",
        VIEWER,
        body::<FieldsResponse>(),
        "The fields of a dataset",
    ),
    get(
        "/api/v1/traces/{trace_id}",
        "trace",
        VIEWER,
        body::<TraceResponse>(),
        "A trace with its critical path and its logs",
    )
    .in_teams(),
    get(
        "/api/v1/services",
        "services",
        VIEWER,
        body::<ServicesResponse>(),
        "Services seen in spans, busiest first",
    )
    .query(&["start", "end"])
    .in_teams(),
    get(
        "/api/v1/patterns",
        "patterns",
        VIEWER,
        body::<PatternsResponse>(),
        "Patterns of log lines with their trends, and which are new or surging",
    )
    .query(&["start", "end", "filter", "limit"])
    .by_rows(),
    get(
        "/api/v1/apm/services",
        "apm_services",
        VIEWER,
        body::<ApmServicesResponse>(),
        "Services by the time that callers waited for them, with their versions",
    )
    .query(&["start", "end", "service", "filter"])
    .by_rows(),
    get(
        "/api/v1/apm/endpoints",
        "apm_endpoints",
        VIEWER,
        body::<EndpointsResponse>(),
        "Endpoints by impact: rate, errors, latency, share of all time",
    )
    .query(&["start", "end", "service", "filter"])
    .by_rows(),
    get(
        "/api/v1/apm/map",
        "apm_map",
        VIEWER,
        body::<ServiceMapResponse>(),
        "Who calls whom, how often, how well; with `service`, its neighbours only",
    )
    .query(&["start", "end", "service", "filter"]),
    get(
        "/api/v1/apm/errors",
        "apm_errors",
        VIEWER,
        body::<ErrorGroupsResponse>(),
        "Error groups from exceptions, error logs and failed spans",
    )
    .query(&["start", "end", "service", "filter"])
    .by_rows(),
    get(
        "/api/v1/apm/errors/{fingerprint}",
        "apm_error",
        VIEWER,
        body::<ErrorGroupResponse>(),
        "One error group with its stack",
    )
    .query(&["start", "end", "service", "filter"])
    .by_rows(),
    post(
        "/api/v1/apm/compare",
        "apm_compare",
        VIEWER,
        body::<ApmCompareRequest>(),
        body::<ApmCompareResponse>(),
        "Two versions or two times beside each other, endpoint by endpoint",
    )
    .by_rows(),
    get(
        "/api/v1/changes",
        "changes",
        VIEWER,
        body::<ChangesResponse>(),
        "Deploys, flags and configuration changes, newest first",
    )
    .query(&["start", "end", "service"])
    .by_rows(),
    post(
        "/api/v1/changes",
        "record_change",
        Access::Ingest,
        body::<ChangeRequest>(),
        body::<Change>(),
        "Record a change",
    ),
];
