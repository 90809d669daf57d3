//! Policies of the organisation.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    get(
        "/api/v1/policies",
        "policies",
        ADMIN,
        body::<PoliciesResponse>(),
        "Documents of policies, and what became of the questions that were put to them",
    ),
    get(
        "/api/v1/policies/schema",
        "policy_schema",
        ADMIN,
        body::<PolicySchema>(),
        "The words that policies may use: the Cedar schema of this node",
    ),
    post(
        "/api/v1/policies/check",
        "check_policy",
        ADMIN,
        body::<PolicyCheckRequest>(),
        body::<PolicyChecked>(),
        "What a document would refuse of the last calls; nothing is applied",
    ),
    get(
        "/api/v1/policies/{name}/versions",
        "policy_versions",
        ADMIN,
        body::<PoliciesResponse>(),
        "The versions of one document, newest first",
    ),
    put(
        "/api/v1/policies/{name}",
        "put_policy",
        ADMIN,
        body::<PolicyRequest>(),
        body::<PolicyDocument>(),
        "Apply a document, as its newest version; it holds from the next call on",
    )
    .audited("policy.apply"),
    delete("/api/v1/policies/{name}", "remove_policy", ADMIN, "Remove a document with its versions")
        .audited("policy.remove"),
];
