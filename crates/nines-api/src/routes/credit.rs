//! Address credit: scores, blocks, settings, rehearsal.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    get(
        "/api/v1/credit",
        "credit",
        VIEWER,
        body::<CreditStatus>(),
        "The settings, the worst addresses with what they did, and who is blocked until when",
    ),
    get(
        "/api/v1/credit/address",
        "explain_address",
        VIEWER,
        body::<CreditExplanation>(),
        "What is known about one address: points by rule, blocks, last requests",
    )
    .query(&["address"]),
    put(
        "/api/v1/credit/settings",
        "set_credit",
        ADMIN,
        body::<CreditSettings>(),
        body::<CreditStatus>(),
        "Put settings in force; scores are counted anew from what is stored",
    )
    .audited("credit.settings"),
    post(
        "/api/v1/credit/rehearse",
        "rehearse_credit",
        RESPONDER,
        body::<CreditRehearsalRequest>(),
        body::<CreditRehearsal>(),
        "Who would have been blocked by settings over a stored past, and whom it would have hurt; nothing is done",
    ),
    post(
        "/api/v1/credit/release",
        "release_address",
        RESPONDER,
        body::<CreditReleaseRequest>(),
        body::<CreditBlock>(),
        "End a block now; the address is let alone for an hour",
    )
    .audited("credit.release"),
];
