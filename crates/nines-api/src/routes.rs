//! Every route as data: the router is checked against this table, the OpenAPI document and the authorisation
//! matrix are built from it. A handler without a row, or a row without a handler, fails the build's tests.

use crate::route::*;
use crate::*;

const PROMETHEUS_QUERY: &[&str] = &["query", "time", "timeout", "limit", "lookback_delta", "stats"];
const PROMETHEUS_QUERY_RANGE: &[&str] =
    &["query", "start", "end", "step", "timeout", "limit", "lookback_delta", "stats"];
const PROMETHEUS_CATALOG: &[&str] = &["match[]", "start", "end", "limit"];

pub const ROUTES: &[Route] = &[
    get("/-/healthy", "healthy", Access::Public, None, "The process answers"),
    get("/-/ready", "ready", Access::Public, None, "Recovery is over and telemetry is taken in"),
    get("/metrics", "metrics", VIEWER, None, "The node's own metrics, in Prometheus' text format"),
    get("/api/v1/openapi.json", "openapi", Access::Public, None, "This document"),
    get(
        "/api/v1/status",
        "status",
        VIEWER,
        body::<Status>(),
        "What the node takes in, refuses, keeps and owes",
    ),
    // Signing in
    get("/api/v1/session", "session", VIEWER, body::<Session>(), "Who am I"),
    post(
        "/api/v1/session",
        "sign_in",
        Access::Public,
        body::<SignInRequest>(),
        body::<Session>(),
        "Exchange a key or the first-run token for a session",
    )
    .audited("session.sign_in"),
    delete("/api/v1/session", "sign_out", VIEWER, "End the session")
    .audited("session.sign_out"),
    get("/api/v1/keys", "keys", ADMIN, body::<KeysResponse>(), "All keys, without their secrets"),
    post(
        "/api/v1/keys",
        "create_key",
        ADMIN,
        body::<KeyRequest>(),
        body::<KeyCreated>(),
        "Make a key; the secret is shown once",
    )
    .audited("key.create"),
    delete("/api/v1/keys/{id}", "revoke_key", ADMIN, "Revoke a key at once")
    .audited("key.revoke"),
    get("/api/v1/audit", "audit", ADMIN, body::<AuditResponse>(), "Who did what: in the order it was done, or with `newest` the other way round, filtered")
        .query(&["after", "limit", "newest", "before", "action", "result", "text"]),
    get(
        "/api/v1/audit/verify",
        "audit_verify",
        ADMIN,
        body::<AuditVerdict>(),
        "Checks the chain of the whole audit log",
    ),
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
    ),
    post(
        "/api/v1/search/histogram",
        "histogram",
        VIEWER,
        body::<HistogramRequest>(),
        body::<HistogramResponse>(),
        "Counts over time of what a filter matches",
    ),
    post(
        "/api/v1/search/facets",
        "facets",
        VIEWER,
        body::<FacetsRequest>(),
        body::<FacetsResponse>(),
        "Top values of the fields of what a filter matches",
    ),
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
    ),
    post(
        "/api/v1/search/around",
        "around",
        VIEWER,
        body::<AroundRequest>(),
        body::<AroundResponse>(),
        "The rows before and after one",
    ),
    get(
        "/api/v1/tail",
        "tail",
        VIEWER,
        body::<TailRows>(),
        "Rows that a filter matches, as they come in (server-sent events)",
    )
    .query(&["dataset", "filter"]),
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
    delete("/api/v1/saved/{name}", "delete_saved", RESPONDER, "Delete a saved question: one's own, or as editor")
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
    ),
    get(
        "/api/v1/services",
        "services",
        VIEWER,
        body::<ServicesResponse>(),
        "Services seen in spans, busiest first",
    )
    .query(&["start", "end"]),
    get(
        "/api/v1/patterns",
        "patterns",
        VIEWER,
        body::<PatternsResponse>(),
        "Patterns of log lines with their trends, and which are new or surging",
    )
    .query(&["start", "end", "filter", "limit"]),
    get(
        "/api/v1/apm/services",
        "apm_services",
        VIEWER,
        body::<ApmServicesResponse>(),
        "Services by the time that callers waited for them, with their versions",
    )
    .query(&["start", "end", "service", "filter"]),
    get(
        "/api/v1/apm/endpoints",
        "apm_endpoints",
        VIEWER,
        body::<EndpointsResponse>(),
        "Endpoints by impact: rate, errors, latency, share of all time",
    )
    .query(&["start", "end", "service", "filter"]),
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
    .query(&["start", "end", "service", "filter"]),
    get(
        "/api/v1/apm/errors/{fingerprint}",
        "apm_error",
        VIEWER,
        body::<ErrorGroupResponse>(),
        "One error group with its stack",
    )
    .query(&["start", "end", "service", "filter"]),
    post(
        "/api/v1/apm/compare",
        "apm_compare",
        VIEWER,
        body::<ApmCompareRequest>(),
        body::<ApmCompareResponse>(),
        "Two versions or two times beside each other, endpoint by endpoint",
    ),
    get(
        "/api/v1/changes",
        "changes",
        VIEWER,
        body::<ChangesResponse>(),
        "Deploys, flags and configuration changes, newest first",
    )
    .query(&["start", "end", "service"]),
    post(
        "/api/v1/changes",
        "record_change",
        Access::Ingest,
        body::<ChangeRequest>(),
        body::<Change>(),
        "Record a change",
    ),
    // Promises
    get("/api/v1/slos", "slos", VIEWER, body::<SlosResponse>(), "The promise board, worst first")
        .query(&["lang"]),
    get("/api/v1/slos/{name}", "slo", VIEWER, body::<Slo>(), "One promise").query(&["lang"]),
    get(
        "/api/v1/slos/{name}/series",
        "slo_series",
        VIEWER,
        body::<SloSeriesResponse>(),
        "Good, total and budget over time",
    )
    .query(&["start", "end"]),
    get(
        "/api/v1/slos/{name}/suspects",
        "slo_suspects",
        VIEWER,
        body::<SuspectsResponse>(),
        "What stands out among the bad events of the last minutes",
    )
    .query(&["window_secs"]),
    get(
        "/api/v1/slos/{name}/replay",
        "slo_replay",
        VIEWER,
        body::<SloReplayResponse>(),
        "The live count beside the count from stored data",
    )
    .query(&["start", "end"]),
    post(
        "/api/v1/replay",
        "replay",
        RESPONDER,
        body::<ReplayRequest>(),
        body::<ReplayResponse>(),
        "A stored window through today's promises and rules, with the pages it would have made",
    ),
    post(
        "/api/v1/apply",
        "apply",
        EDITOR,
        None,
        body::<ApplyResponse>(),
        "Apply YAML documents, all or none",
    )
    .audited("objects.apply")
    .query(&["dry_run", "file"]),
    get("/api/v1/objects", "objects", VIEWER, body::<ObjectsResponse>(), "Applied documents")
        .query(&["kind"]),
    delete("/api/v1/objects/{kind}/{name}", "delete_object", EDITOR, "Remove an applied document")
    .audited("objects.delete"),
    // Alerts and incidents
    get("/api/v1/alerts", "alerts", VIEWER, body::<AlertsResponse>(), "Alerts, firing first")
        .query(&["state", "slo"]),
    get("/api/v1/alerts/{id}", "alert", VIEWER, body::<Alert>(), "One alert with its pages"),
    get("/api/v1/pages", "pages", VIEWER, body::<PagesResponse>(), "Pages and where they are")
        .query(&["state"]),
    get("/api/v1/incidents", "incidents", VIEWER, body::<IncidentsResponse>(), "Incidents, open first")
        .query(&["state"]),
    post(
        "/api/v1/incidents",
        "report_incident",
        RESPONDER,
        body::<ReportRequest>(),
        body::<ReportResponse>(),
        "Report an incident with the six fields",
    )
    .audited("incident.report"),
    get("/api/v1/incidents/{id}", "incident", VIEWER, body::<IncidentDetail>(), "One incident, whole")
        .query(&["lang"]),
    post(
        "/api/v1/incidents/{id}/{step}",
        "step_incident",
        RESPONDER,
        body::<StepRequest>(),
        body::<Incident>(),
        "acknowledge, escalate, confirm, assign, update, note, mitigate, relapse, resolve, reopen, review, cancel",
    )
    .audited("incident.step"),
    get(
        "/api/v1/events",
        "events",
        VIEWER,
        body::<StreamEvent>(),
        "What changes, as it changes (server-sent events)",
    )
    .query(&["since"]),
    // On call
    get("/api/v1/oncall", "oncall", VIEWER, body::<OncallResponse>(), "Who is on call now, by team and schedule"),
    get(
        "/api/v1/schedules/{name}/shifts",
        "shifts",
        VIEWER,
        body::<ShiftsResponse>(),
        "Shifts, gaps, overrides and load of a schedule; the next two weeks unless asked for",
    )
    .query(&["start", "end"]),
    post(
        "/api/v1/schedules/{name}/overrides",
        "override_shift",
        RESPONDER,
        body::<OverrideRequest>(),
        body::<OverridesResponse>(),
        "Others are on call for a time",
    )
    .audited("oncall.override"),
    delete(
        "/api/v1/schedules/{name}/overrides/{id}",
        "remove_override",
        RESPONDER,
        "Take an override back, also a shift that was taken or swapped",
    )
    .audited("oncall.override_removed"),
    post(
        "/api/v1/schedules/{name}/take",
        "take_shift",
        RESPONDER,
        body::<TakeRequest>(),
        body::<OverridesResponse>(),
        "Take a shift over from somebody",
    )
    .audited("oncall.take"),
    post(
        "/api/v1/schedules/{name}/swap",
        "swap_shifts",
        RESPONDER,
        body::<SwapRequest>(),
        body::<OverridesResponse>(),
        "Two people give each other a time",
    )
    .audited("oncall.swap"),
    get(
        "/api/v1/schedules/{name}/calendars",
        "calendars",
        VIEWER,
        body::<CalendarsResponse>(),
        "Addresses of calendars, without their secrets",
    ),
    post(
        "/api/v1/schedules/{name}/calendars",
        "create_calendar",
        RESPONDER,
        body::<CalendarRequest>(),
        body::<CalendarCreated>(),
        "Make an iCalendar address; its secret is shown once",
    )
    .audited("oncall.calendar"),
    delete("/api/v1/schedules/{name}/calendars/{id}", "remove_calendar", RESPONDER, "Make an address useless")
        .audited("oncall.calendar_removed"),
    get(
        "/api/v1/calendars/{token}",
        "calendar",
        Access::Public,
        None,
        "The shifts of a schedule as iCalendar, to whoever has the address",
    ),
    get(
        "/api/v1/escalations",
        "escalations",
        VIEWER,
        body::<EscalationsResponse>(),
        "Where the escalations of open incidents stand",
    ),
    get("/api/v1/silences", "silences", VIEWER, body::<SilencesResponse>(), "Silences, those that hold first"),
    post(
        "/api/v1/silences",
        "silence",
        RESPONDER,
        body::<SilenceRequest>(),
        body::<SilenceResponse>(),
        "Do not tell of what a filter matches, until a time; with `dry_run`, what that would be",
    )
    .audited("silence.set")
    .query(&["dry_run"]),
    delete("/api/v1/silences/{id}", "end_silence", RESPONDER, "End a silence now").audited("silence.end"),
    get("/api/v1/maintenance", "maintenance", VIEWER, body::<MaintenanceResponse>(), "Maintenance windows"),
    post(
        "/api/v1/maintenance",
        "plan_maintenance",
        EDITOR,
        body::<MaintenanceRequest>(),
        body::<MaintenanceResponse>(),
        "Plan a window that happens once",
    )
    .audited("maintenance.plan"),
    post(
        "/api/v1/oncall/import",
        "oncall_import",
        EDITOR,
        None,
        body::<ImportResponse>(),
        "Schedules and policies from an export of `grafana`, `pagerduty` or `goalert`",
    )
    .audited("oncall.import")
    .query(&["from", "dry_run"]),
    // Alerts of other systems
    post(
        "/api/v1/alerts",
        "send_alerts",
        Access::Ingest,
        body::<AlertRequest>(),
        body::<IntakeResponse>(),
        "An alert, or a list of them; a title is enough",
    ),
    post(
        "/api/v1/alerts/{id}/separate",
        "separate_alerts",
        RESPONDER,
        body::<SeparateRequest>(),
        body::<SeparateResponse>(),
        "Undo a merge: alerts of this fingerprint are one only if they agree in these labels too",
    )
    .audited("alert.separate"),
    delete("/api/v1/alerts/{id}/separate", "join_alerts", RESPONDER, "Undo that, for what comes from now on")
        .audited("alert.join"),
    door(Method::Post, "/api/v1/alerts/grafana", "grafana_alerts", Access::Ingest, "Grafana: its webhook"),
    door(
        Method::Post,
        "/api/v1/alerts/sns",
        "sns_alerts",
        Access::Ingest,
        "Amazon SNS: CloudWatch alarms, signatures checked, subscriptions confirmed",
    ),
    door(
        Method::Post,
        "/v2/enqueue",
        "pagerduty_event",
        Access::Ingest,
        "PagerDuty: Events API v2; one of our keys is the routing key",
    ),
    get("/alertmanager/api/v2/status", "alertmanager_status", VIEWER, None, "Alertmanager: what it is"),
    get("/alertmanager/api/v2/receivers", "alertmanager_receivers", VIEWER, None, "Alertmanager: teams"),
    get("/alertmanager/api/v2/alerts", "alertmanager_alerts", VIEWER, None, "Alertmanager: alerts that are open")
        .query(&["filter", "active", "silenced", "inhibited", "unprocessed", "receiver"]),
    door(
        Method::Post,
        "/alertmanager/api/v2/alerts",
        "alertmanager_send",
        Access::Ingest,
        "Alertmanager: alerts as Prometheus sends them",
    ),
    get("/alertmanager/api/v2/alerts/groups", "alertmanager_groups", VIEWER, None, "Alertmanager: alerts by group")
        .query(&["filter", "active", "silenced", "inhibited", "receiver"]),
    get("/alertmanager/api/v2/silences", "alertmanager_silences", VIEWER, None, "Alertmanager: silences")
        .query(&["filter"]),
    post(
        "/alertmanager/api/v2/silences",
        "alertmanager_silence",
        RESPONDER,
        None,
        None,
        "Alertmanager: set a silence, or set one again",
    )
    .audited("silence.set"),
    get("/alertmanager/api/v2/silence/{id}", "alertmanager_silence_one", VIEWER, None, "Alertmanager: one silence"),
    delete("/alertmanager/api/v2/silence/{id}", "alertmanager_end_silence", RESPONDER, "Alertmanager: end a silence")
        .audited("silence.end"),
    // Operations
    get("/api/v1/actions", "actions", VIEWER, body::<ActionsResponse>(), "What can be done, with the type of each parameter"),
    get("/api/v1/actions/inventory", "cloud_inventory", VIEWER, body::<CloudInventory>(), "What there is to act on, by name"),
    post(
        "/api/v1/actions/read",
        "read_action",
        VIEWER,
        body::<PlanRequest>(),
        body::<SeenResponse>(),
        "Carry out an action that only reads",
    ),
    post(
        "/api/v1/actions/plan",
        "plan_action",
        RESPONDER,
        body::<PlanRequest>(),
        body::<ActionPlan>(),
        "What would be done, and what it touches; nothing is",
    ),
    get("/api/v1/actions/runs", "runs", VIEWER, body::<RunsResponse>(), "Runs, newest first")
        .query(&["state", "incident", "action", "limit"]),
    post(
        "/api/v1/actions/runs",
        "start_run",
        RESPONDER,
        body::<RunRequest>(),
        body::<ActionRun>(),
        "Carry a plan out, or ask for its approval",
    )
    .audited("action.run"),
    get("/api/v1/actions/runs/{id}", "run", VIEWER, body::<ActionRun>(), "One run as it is now"),
    get(
        "/api/v1/actions/runs/{id}/history",
        "run_history",
        VIEWER,
        body::<RunEventsResponse>(),
        "What happened to a run",
    )
    .query(&["after"]),
    get(
        "/api/v1/actions/runs/{id}/events",
        "run_events",
        VIEWER,
        body::<RunEvent>(),
        "What happens to a run, as it happens, until it is over (server-sent events)",
    )
    .query(&["after"]),
    post(
        "/api/v1/actions/runs/{id}/{step}",
        "step_run",
        RESPONDER,
        body::<RunStepRequest>(),
        body::<ActionRun>(),
        "approve, start, cancel, answer",
    )
    .audited("action.step"),
    post(
        "/api/v1/actions/stop",
        "stop_actions",
        RESPONDER,
        body::<StopRequest>(),
        body::<GlobalStop>(),
        "Stop everything: no run calls anybody until it is lifted",
    )
    .audited("action.stop"),
    delete("/api/v1/actions/stop", "lift_stop", ADMIN, "Let runs go on").audited("action.lift_stop"),
    // InfraAPI: the fifteen paths, as they were agreed on
    Route { access: Access::Signed, ..infra(Method::Post, "/Ops/Slack", "ops_slack", VIEWER, "A signed chat command: plan, confirm, status, cancel") }
        .audited("ops.slack"),
    infra(Method::Post, "/Ops/AWSResource/ELB/Deregister", "ops_elb_deregister", RESPONDER, "Take machines out of a target group and let them drain")
        .audited("ops.elb.deregister"),
    infra(Method::Post, "/Ops/AWSResource/EC2/InService", "ops_ec2_in_service", RESPONDER, "Power machines on and put them online")
        .audited("ops.ec2.in_service"),
    infra(Method::Post, "/Ops/AWSResource/EC2/OffService", "ops_ec2_off_service", RESPONDER, "Take machines offline and power them off")
        .audited("ops.ec2.off_service"),
    infra(Method::Post, "/Ops/AWSResource/ELB/Register", "ops_elb_register", RESPONDER, "Put machines into a target group")
        .audited("ops.elb.register"),
    infra(Method::Post, "/Ops/AWSResource/EC2/Start", "ops_ec2_start", RESPONDER, "Power machines on")
        .audited("ops.ec2.start"),
    infra(Method::Post, "/Ops/AWSResource/EC2/Stop", "ops_ec2_stop", RESPONDER, "Power machines off")
        .audited("ops.ec2.stop"),
    infra(
        Method::Post,
        "/Ops/AWSResource/ELB/AddRuleQuarantine",
        "ops_elb_add_rule_quarantine",
        RESPONDER,
        "Send a host or source networks to a quarantine target group",
    )
    .audited("ops.elb.add_rule_quarantine"),
    infra(
        Method::Post,
        "/Ops/AWSResource/EC2/TerminatedUpdateTable",
        "ops_ec2_terminated_update_table",
        ADMIN,
        "Record a machine as terminated",
    )
    .audited("ops.ec2.terminated_update_table"),
    infra(
        Method::Post,
        "/Ops/AWSResource/ELB/GroupInstancesState",
        "ops_elb_group_instances_state",
        VIEWER,
        "The machines of a target group with their health",
    ),
    infra(
        Method::Post,
        "/Ops/AWSResource/ASG/CreateLaunchTemplate",
        "ops_asg_create_launch_template",
        ADMIN,
        "Create a launch template",
    )
    .audited("ops.asg.create_launch_template"),
    infra(Method::Get, "/Ops/AWSResource/ASG/LaunchTemplateList", "ops_asg_launch_template_list", VIEWER, "The launch templates"),
    infra(
        Method::Post,
        "/Ops/AWSResource/ASG/SetDesiredCapacity",
        "ops_asg_set_desired_capacity",
        ADMIN,
        "Set how many machines a scaling group has, within its bounds",
    )
    .audited("ops.asg.set_desired_capacity"),
    infra(Method::Post, "/Ops/AWSResource/ASG/SetWeight", "ops_asg_set_weight", ADMIN, "Share a listener's traffic between target groups")
        .audited("ops.asg.set_weight"),
    infra(Method::Get, "/Ops/AWSResource/ASG/GroupWeight", "ops_asg_group_weight", VIEWER, "How a listener shares its traffic")
        .query(&["dryRun", "listener"]),
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
    get("/prometheus/api/v1/rules", "prometheus_rules", VIEWER, None, "Prometheus: rules; there are none yet"),
    get("/prometheus/api/v1/alerts", "prometheus_alerts", VIEWER, None, "Prometheus: alerts of its rules"),
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
    // The web application
    get("/", "ui", Access::Public, None, "The web application"),
    get("/{*path}", "ui_asset", Access::Public, None, "The web application's pages and assets"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Questions that are too long for a query string.
    const QUESTIONS: &[&str] = &[
        "sql",
        "search",
        "histogram",
        "facets",
        "suggest",
        "compare",
        "around",
        "replay",
        "apm_compare",
        "plan_action",
        "read_action",
        "ops_elb_group_instances_state",
        "prometheus_query_form",
        "prometheus_query_range_form",
        "prometheus_exemplars_form",
        "prometheus_format_form",
        "prometheus_parse_form",
        "prometheus_series_form",
        "prometheus_labels_form",
    ];

    #[test]
    fn what_changes_something_has_a_word_in_the_audit_log() {
        for route in ROUTES {
            let may_change = !matches!(route.method, Method::Get | Method::Options)
                && route.access != Access::Ingest
                && !QUESTIONS.contains(&route.operation);
            assert_eq!(
                route.audit.is_some(),
                may_change,
                "{} {}: give the row `.audited(…)`, or list it among the questions",
                route.method.as_str(),
                route.path
            );
        }
    }
}
