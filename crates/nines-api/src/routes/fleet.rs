//! Infrastructure and saturation.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    get(
        "/api/v1/infrastructure",
        "infrastructure",
        VIEWER,
        body::<InfraResponse>(),
        "What reports and what has stopped, grouped by any label, with who is high or low in its group",
    )
    .query(&["kind", "by", "measure", "query", "q", "range", "state", "history", "unit"]),
    get(
        "/api/v1/infrastructure/unit",
        "infrastructure_unit",
        VIEWER,
        body::<InfraUnitDetail>(),
        "One host, pod, container, group of processes or target, with what is seen through it",
    )
    .query(&["kind", "id"]),
    post(
        "/api/v1/infrastructure/retire",
        "retire_unit",
        EDITOR,
        body::<InfraRetire>(),
        body::<InfraUnit>(),
        "Say that a unit is gone on purpose, until it reports again; without a reason, take that back",
    )
    .audited("infrastructure.retire"),
    get(
        "/api/v1/infrastructure/watches",
        "infra_watches",
        VIEWER,
        body::<InfraWatches>(),
        "What is told of when it falls silent or will run full, and what of it does now",
    ),
    post(
        "/api/v1/infrastructure/watches",
        "put_infra_watch",
        EDITOR,
        body::<InfraWatch>(),
        body::<InfraWatchStatus>(),
        "Tell of units that fall silent, or of what will reach its limit; in place of the watch of that name",
    )
    .audited("infrastructure.watch.put"),
    delete("/api/v1/infrastructure/watches/{name}", "delete_infra_watch", EDITOR, "Tell no more of it")
        .audited("infrastructure.watch.delete"),
    get(
        "/api/v1/saturation",
        "saturation",
        VIEWER,
        body::<SaturationResponse>(),
        "What has a limit and when it is reached, with its interval, the soonest first; `query` takes one's own ratio",
    )
    .query(&["q", "query", "probability", "id", "limit"]),
];
