//! What says how the node is, and the web application.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
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
    get(
        "/api/v1/clocks",
        "clocks",
        VIEWER,
        body::<ClocksResponse>(),
        "Senders whose clocks differ from the node's, or who send late, furthest away first",
    ),
    get(
        "/api/v1/config",
        "config",
        ADMIN,
        body::<ConfigResponse>(),
        "Every setting of the node with its value, secrets redacted, and where it comes from",
    ),
    get(
        "/api/v1/limits",
        "limits",
        VIEWER,
        body::<LimitsResponse>(),
        "How much telemetry is kept, and what limits would delete at once and do not before somebody confirms it",
    ),
    post(
        "/api/v1/limits/confirm",
        "confirm_limits",
        ADMIN,
        body::<ConfirmLimitsRequest>(),
        body::<LimitsResponse>(),
        "Deletes what the named limits want deleted, however much it is",
    )
    .audited("limits.confirm"),
    // The web application
    get("/", "ui", Access::Public, None, "The web application"),
    get("/{*path}", "ui_asset", Access::Public, None, "The web application's pages and assets"),
];
