//! Promises, alerts, incidents and who is on call.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    // Promises
    get("/api/v1/slos", "slos", VIEWER, body::<SlosResponse>(), "The promise board, worst first")
        .query(&["lang"]).in_teams(),
    get("/api/v1/slos/{name}", "slo", VIEWER, body::<Slo>(), "One promise").query(&["lang"]).in_teams(),
    get(
        "/api/v1/slos/{name}/series",
        "slo_series",
        VIEWER,
        body::<SloSeriesResponse>(),
        "Good, total and budget over time",
    )
    .query(&["start", "end"]).in_teams(),
    get(
        "/api/v1/slos/{name}/suspects",
        "slo_suspects",
        VIEWER,
        body::<SuspectsResponse>(),
        "What stands out among the bad events of the last minutes",
    )
    .query(&["window_secs"]).in_teams(),
    get(
        "/api/v1/slos/{name}/replay",
        "slo_replay",
        VIEWER,
        body::<SloReplayResponse>(),
        "The live count beside the count from stored data",
    )
    .query(&["start", "end"]).in_teams(),
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
        "Apply YAML documents, all or none; a new service without promises is given its defaults",
    )
    .audited("objects.apply")
    .query(&["dry_run", "file", "defaults"]),
    post(
        "/api/v1/import/slos",
        "import_slos",
        EDITOR,
        None,
        body::<ImportSlosResponse>(),
        "Translate SLO documents of Sloth or Pyrra; with dry_run=false they are applied, all or none",
    )
    .audited("objects.apply")
    .query(&["dry_run", "file"]),
    get("/api/v1/objects", "objects", VIEWER, body::<ObjectsResponse>(), "Applied documents")
        .query(&["kind"]),
    delete("/api/v1/objects/{kind}/{name}", "delete_object", EDITOR, "Remove an applied document")
    .audited("objects.delete"),
    // Alerts and incidents
    get("/api/v1/alerts", "alerts", VIEWER, body::<AlertsResponse>(), "Alerts, firing first")
        .query(&["state", "slo"]).in_teams(),
    get("/api/v1/alerts/{id}", "alert", VIEWER, body::<Alert>(), "One alert with its pages").in_teams(),
    get("/api/v1/pages", "pages", VIEWER, body::<PagesResponse>(), "Pages and where they are")
        .query(&["state"]),
    get("/api/v1/incidents", "incidents", VIEWER, body::<IncidentsResponse>(), "Incidents, open first")
        .query(&["state"]).in_teams(),
    post(
        "/api/v1/incidents",
        "report_incident",
        RESPONDER,
        body::<ReportRequest>(),
        body::<ReportResponse>(),
        "Report an incident with the six fields",
    )
    .audited("incident.report").in_teams(),
    get("/api/v1/incidents/{id}", "incident", VIEWER, body::<IncidentDetail>(), "One incident, whole")
        .query(&["lang"]).in_teams(),
    post(
        "/api/v1/incidents/{id}/{step}",
        "step_incident",
        RESPONDER,
        body::<StepRequest>(),
        body::<Incident>(),
        "acknowledge, escalate, confirm, assign, update, note, mitigate, relapse, resolve, reopen, review, cancel",
    )
    .audited("incident.step").in_teams(),
    get(
        "/api/v1/events",
        "events",
        VIEWER,
        body::<StreamEvent>(),
        "What changes, as it changes (server-sent events)",
    )
    .query(&["since"]).in_teams(),
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
];
