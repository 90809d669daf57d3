//! Probes and heartbeats.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    // Uptime
    get(
        "/api/v1/uptime",
        "uptime",
        VIEWER,
        body::<UptimeResponse>(),
        "Probes with their verdicts, heartbeats, and whether the runners themselves are at fault",
    ),
    get(
        "/api/v1/probes/assigned",
        "assigned_probes",
        Access::Ingest,
        body::<AssignedProbes>(),
        "What a runner at a location is to check",
    )
    .query(&["location"]),
    post(
        "/api/v1/probes/results",
        "report_probes",
        Access::Ingest,
        body::<ProbeReport>(),
        body::<ProbeReportTaken>(),
        "What a runner has measured; answered when it is on disk, and stored once",
    ),
    get(
        "/api/v1/heartbeats/{name}/{ping}",
        "ping_heartbeat",
        Access::Public,
        body::<HeartbeatPinged>(),
        "A job says that it ran: `ping`, `start`, `fail` or its exit status, with its secret or an ingest key",
    )
    .query(&["secret"]),
    post(
        "/api/v1/heartbeats/{name}/{ping}",
        "ping_heartbeat_post",
        Access::Public,
        None,
        body::<HeartbeatPinged>(),
        "As GET; a body is left aside",
    )
    .query(&["secret"]),
];
