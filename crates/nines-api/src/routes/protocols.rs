//! What agents and tools of others speak.

use crate::route::*;

const PROMETHEUS_QUERY: &[&str] = &["query", "time", "timeout", "limit", "lookback_delta", "stats"];
const PROMETHEUS_QUERY_RANGE: &[&str] =
    &["query", "start", "end", "step", "timeout", "limit", "lookback_delta", "stats"];
const PROMETHEUS_RULES: &[&str] = &[
    "type",
    "rule_name[]",
    "rule_group[]",
    "file[]",
    "match[]",
    "exclude_alerts",
    "group_limit",
    "group_next_token",
];
const PROMETHEUS_CATALOG: &[&str] = &["match[]", "start", "end", "limit"];

pub(super) const ROUTES: &[Route] = &[
    // OTLP, also on its own port
    post("/v1/logs", "otlp_logs", Access::Ingest, None, None, "OTLP logs"),
    post("/v1/traces", "otlp_traces", Access::Ingest, None, None, "OTLP traces"),
    post("/v1/metrics", "otlp_metrics", Access::Ingest, None, None, "OTLP metrics"),
    // Jaeger, for its own page and Grafana's data source at /jaeger
    get("/jaeger/api/services", "jaeger_services", VIEWER, None, "Jaeger: services"),
    get(
        "/jaeger/api/services/{service}/operations",
        "jaeger_service_operations",
        VIEWER,
        None,
        "Jaeger: span names of a service",
    ),
    get("/jaeger/api/operations", "jaeger_operations", VIEWER, None, "Jaeger: span names and kinds")
        .query(&["service", "spanKind"]),
    get("/jaeger/api/traces", "jaeger_traces", VIEWER, None, "Jaeger: traces that were searched for")
        .query(&[
            "service",
            "operation",
            "tags",
            "start",
            "end",
            "lookback",
            "minDuration",
            "maxDuration",
            "limit",
            "traceID",
        ]),
    get("/jaeger/api/traces/{trace_id}", "jaeger_trace", VIEWER, None, "Jaeger: one trace")
        .query(&["start", "end"]),
    get("/jaeger/api/dependencies", "jaeger_dependencies", VIEWER, None, "Jaeger: calls between services")
        .query(&["endTs", "lookback"]),
    get("/jaeger/api/v3/services", "jaeger_v3_services", VIEWER, None, "Jaeger v3: services"),
    get("/jaeger/api/v3/operations", "jaeger_v3_operations", VIEWER, None, "Jaeger v3: span names")
        .query(&["service", "span_kind"]),
    get("/jaeger/api/v3/traces/{trace_id}", "jaeger_v3_trace", VIEWER, None, "Jaeger v3: one trace as OTLP")
        .query(&["start_time", "end_time"]),
    // Prometheus, for Grafana's data source and everything else that asks it, at /prometheus
    get("/prometheus/api/v1/query", "prometheus_query", VIEWER, None, "Prometheus: a query at one instant")
        .query(PROMETHEUS_QUERY),
    post("/prometheus/api/v1/query", "prometheus_query_form", VIEWER, None, None, "Prometheus: the same as a form"),
    get("/prometheus/api/v1/query_range", "prometheus_query_range", VIEWER, None, "Prometheus: a query over a range")
        .query(PROMETHEUS_QUERY_RANGE),
    post(
        "/prometheus/api/v1/query_range",
        "prometheus_query_range_form",
        VIEWER,
        None,
        None,
        "Prometheus: the same as a form",
    ),
    get("/prometheus/api/v1/query_exemplars", "prometheus_exemplars", VIEWER, None, "Prometheus: exemplars")
        .query(&["query", "start", "end"]),
    post(
        "/prometheus/api/v1/query_exemplars",
        "prometheus_exemplars_form",
        VIEWER,
        None,
        None,
        "Prometheus: the same as a form",
    ),
    get("/prometheus/api/v1/format_query", "prometheus_format", VIEWER, None, "Prometheus: a query in canonical form")
        .query(&["query"]),
    post("/prometheus/api/v1/format_query", "prometheus_format_form", VIEWER, None, None, "Prometheus: the same as a form"),
    get("/prometheus/api/v1/parse_query", "prometheus_parse", VIEWER, None, "Prometheus: a query as a tree")
        .query(&["query"]),
    post("/prometheus/api/v1/parse_query", "prometheus_parse_form", VIEWER, None, None, "Prometheus: the same as a form"),
    get("/prometheus/api/v1/series", "prometheus_series", VIEWER, None, "Prometheus: series that match")
        .query(PROMETHEUS_CATALOG),
    post("/prometheus/api/v1/series", "prometheus_series_form", VIEWER, None, None, "Prometheus: the same as a form"),
    get("/prometheus/api/v1/labels", "prometheus_labels", VIEWER, None, "Prometheus: names of labels")
        .query(PROMETHEUS_CATALOG),
    post("/prometheus/api/v1/labels", "prometheus_labels_form", VIEWER, None, None, "Prometheus: the same as a form"),
    get(
        "/prometheus/api/v1/label/{name}/values",
        "prometheus_label_values",
        VIEWER,
        None,
        "Prometheus: values of a label",
    )
    .query(PROMETHEUS_CATALOG),
    get("/prometheus/api/v1/metadata", "prometheus_metadata", VIEWER, None, "Prometheus: types, helps and units")
        .query(&["metric", "limit", "limit_per_metric"]),
    get("/prometheus/api/v1/rules", "prometheus_rules", VIEWER, None, "Prometheus: rules and how they stand")
        .query(PROMETHEUS_RULES),
    get("/prometheus/api/v1/alerts", "prometheus_alerts", VIEWER, None, "Prometheus: alerts of its rules"),
    get("/prometheus/api/v1/targets", "prometheus_targets", VIEWER, None, "Prometheus: what is scraped and how it went")
        .query(&["state", "scrapePool"]),
    get("/prometheus/api/v1/scrape_pools", "prometheus_scrape_pools", VIEWER, None, "Prometheus: names of scrape jobs"),
    get(
        "/prometheus/api/v1/targets/metadata",
        "prometheus_targets_metadata",
        VIEWER,
        None,
        "Prometheus: types, helps and units as targets expose them",
    )
    .query(&["match_target", "metric", "limit"]),
    get("/prometheus/api/v1/status/buildinfo", "prometheus_buildinfo", VIEWER, None, "Prometheus: which one this is"),
    get("/prometheus/api/v1/status/runtimeinfo", "prometheus_runtimeinfo", VIEWER, None, "Prometheus: since when"),
    get("/prometheus/api/v1/status/config", "prometheus_config", VIEWER, None, "Prometheus: its configuration, empty"),
    get("/prometheus/api/v1/status/flags", "prometheus_flags", VIEWER, None, "Prometheus: limits and retention"),
    get("/prometheus/api/v1/status/tsdb", "prometheus_tsdb", VIEWER, None, "Prometheus: where series come from")
        .query(&["limit"]),
    door(
        Method::Post,
        "/prometheus/api/v1/write",
        "prometheus_write",
        Access::Ingest,
        "Prometheus remote write 1.0 and 2.0",
    ),
    post(
        "/prometheus/api/v1/otlp/v1/metrics",
        "prometheus_otlp",
        Access::Ingest,
        None,
        None,
        "OTLP metrics, where Prometheus takes them",
    ),
    // What other agents speak
    door(Method::Get, "/elastic", "elastic_root", Access::Ingest, "Elasticsearch: what clients ask first"),
    door(Method::Get, "/elastic/", "elastic_hello", Access::Ingest, "Elasticsearch: what clients ask first"),
    door(
        Method::Get,
        "/elastic/{*path}",
        "elastic_ask",
        Access::Ingest,
        "Elasticsearch: licence, health, templates and policies, as agents ask for them",
    ),
    door(
        Method::Post,
        "/elastic/{*path}",
        "elastic_post",
        Access::Ingest,
        "Elasticsearch: `_bulk`, `{index}/_bulk`, `{index}/_doc`",
    ),
    door(
        Method::Put,
        "/elastic/{*path}",
        "elastic_put",
        Access::Ingest,
        "Elasticsearch: as with POST; templates and policies are accepted and ignored",
    ),
    door(Method::Post, "/loki/api/v1/push", "loki_push", Access::Ingest, "Loki: JSON, or protobuf in snappy"),
    door(
        Method::Post,
        "/api/v1/ingest/{dataset}",
        "ingest",
        Access::Ingest,
        "Events as JSON or NDJSON, or lines of a file in `format`; other parameters are attributes of all of them",
    )
    .query(&["format", "service", "host"]),
    door(
        Method::Get,
        "/services/collector/health",
        "splunk_health",
        Access::Public,
        "Splunk HEC: whether somebody is there",
    ),
    door(
        Method::Get,
        "/services/collector/health/1.0",
        "splunk_health_1",
        Access::Public,
        "Splunk HEC: whether somebody is there",
    ),
    door(Method::Post, "/services/collector", "splunk_collector", Access::Ingest, "Splunk HEC: events"),
    door(
        Method::Post,
        "/services/collector/{*path}",
        "splunk",
        Access::Ingest,
        "Splunk HEC: `event`, `raw`, each also with `/1.0`",
    ),
    door(
        Method::Post,
        "/v1/firehose",
        "firehose",
        Access::Ingest,
        "Amazon Data Firehose, with CloudWatch Logs subscriptions or any lines",
    ),
    door(Method::Post, "/v1/cloudevents", "cloudevents", Access::Ingest, "CloudEvents 1.0, in all three modes"),
    door(
        Method::Options,
        "/v1/cloudevents",
        "cloudevents_handshake",
        Access::Public,
        "CloudEvents: the handshake of web hooks",
    ),
    door(
        Method::Post,
        "/v2/change/enqueue",
        "change_event",
        Access::Ingest,
        "A change as pipelines send it to PagerDuty",
    ),
];
