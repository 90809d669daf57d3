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
        "/api/v1/config",
        "config",
        ADMIN,
        body::<ConfigResponse>(),
        "Every setting of the node with its value, secrets redacted, and where it comes from",
    ),
    // The web application
    get("/", "ui", Access::Public, None, "The web application"),
    get("/{*path}", "ui_asset", Access::Public, None, "The web application's pages and assets"),
];
