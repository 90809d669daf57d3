//! Dashboards. Teams have those of their services, and those that name the team.

use crate::ServiceDefaults;
use crate::dashboards::*;
use crate::route::{EDITOR, Route, VIEWER, body, delete, get, post, put};

pub const ROUTES: &[Route] = &[
    get("/api/v1/dashboards", "dashboards", VIEWER, body::<DashboardsResponse>(), "Dashboards, by name")
        .query(&["service"])
        .in_teams(),
    post(
        "/api/v1/dashboards/import",
        "import_dashboard",
        VIEWER,
        body::<DashboardImportRequest>(),
        body::<DashboardImport>(),
        "What a dashboard of Grafana or Perses is here; keeps nothing",
    )
    .in_teams(),
    get(
        "/api/v1/dashboards/{name}",
        "dashboard",
        VIEWER,
        body::<Dashboard>(),
        "One dashboard, or one of its versions",
    )
    .query(&["version"])
    .in_teams(),
    put(
        "/api/v1/dashboards/{name}",
        "put_dashboard",
        EDITOR,
        body::<DashboardRequest>(),
        body::<Dashboard>(),
        "Keep a dashboard if nobody changed it in the meantime",
    )
    .audited("dashboards.put")
    .in_teams(),
    delete("/api/v1/dashboards/{name}", "remove_dashboard", EDITOR, "Remove a dashboard and its versions")
        .audited("dashboards.remove")
        .in_teams(),
    get(
        "/api/v1/dashboards/{name}/history",
        "dashboard_history",
        VIEWER,
        body::<DashboardHistory>(),
        "The versions of a dashboard",
    )
    .in_teams(),
    get(
        "/api/v1/dashboards/{name}/export",
        "export_dashboard",
        VIEWER,
        body::<DashboardExport>(),
        "A dashboard as text: yaml, json or perses",
    )
    .query(&["format"])
    .in_teams(),
    get(
        "/api/v1/services/{name}/dashboard",
        "service_dashboard",
        VIEWER,
        body::<Dashboard>(),
        "The dashboard of a service: the kept one, else one made from its telemetry",
    )
    .in_teams(),
    get(
        "/api/v1/services/{name}/defaults",
        "service_defaults",
        VIEWER,
        body::<ServiceDefaults>(),
        "What a service promises by itself, why, and whom its alerts reach",
    )
    .in_teams(),
];
