//! The inventory: resources, standards, waivers, score.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    get(
        "/api/v1/inventory/score",
        "inventory_score",
        VIEWER,
        body::<InventoryScore>(),
        "How much of what there is keeps to the standards, by rule, owner, kind and day",
    ),
    get(
        "/api/v1/inventory/resources",
        "inventory_resources",
        VIEWER,
        body::<InventoryResources>(),
        "Resources with what did not pass, the worst first; as CSV with `format=csv`",
    )
    .query(&["kind", "owner", "q", "rule", "verdict", "gone", "limit", "format"]),
    get(
        "/api/v1/inventory/resource",
        "inventory_resource",
        VIEWER,
        body::<InventoryResource>(),
        "One resource by its key, with every verdict and what was collected",
    )
    .query(&["key"]),
    post(
        "/api/v1/inventory/import",
        "import_inventory",
        EDITOR,
        body::<InventoryImport>(),
        body::<InventoryTaken>(),
        "Take in a file: our own documents, what the aws command line prints, AWS Config, Terraform's state",
    )
    .audited("inventory.import"),
    post(
        "/api/v1/inventory/collect",
        "collect_inventory",
        EDITOR,
        None,
        body::<InventoryTaken>(),
        "Ask the providers for everything now",
    )
    .audited("inventory.collect"),
    get(
        "/api/v1/inventory/standards",
        "inventory_standards",
        VIEWER,
        body::<InventoryStandards>(),
        "Every standard, built in or of one's own",
    ),
    post(
        "/api/v1/inventory/standards",
        "apply_standards",
        EDITOR,
        body::<StandardsRequest>(),
        body::<StandardsApplied>(),
        "Apply standards of one's own",
    )
    .audited("inventory.standards.apply"),
    delete(
        "/api/v1/inventory/standards/{name}",
        "remove_standard",
        EDITOR,
        "Take a standard of one's own away; one that is built in and had its name counts again",
    )
    .audited("inventory.standards.remove"),
    get(
        "/api/v1/inventory/waivers",
        "inventory_waivers",
        VIEWER,
        body::<WaiversResponse>(),
        "What is waived, by whom, and until when",
    ),
    post(
        "/api/v1/inventory/waivers",
        "ask_waiver",
        EDITOR,
        body::<WaiverRequest>(),
        body::<ComplianceWaiver>(),
        "Ask for a waiver; a second person approves it",
    )
    .audited("inventory.waiver.ask"),
    post(
        "/api/v1/inventory/waivers/{id}/approve",
        "approve_waiver",
        EDITOR,
        None,
        body::<ComplianceWaiver>(),
        "Approve a waiver that somebody else asked for",
    )
    .audited("inventory.waiver.approve"),
    delete("/api/v1/inventory/waivers/{id}", "remove_waiver", EDITOR, "End a waiver now")
        .audited("inventory.waiver.remove"),
];
