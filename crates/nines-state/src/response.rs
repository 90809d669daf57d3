//! `response.db`: the tables of the page path that belong together, alerts and outbox.

use crate::{Domain, Migration};

/// Alerts and the outbox share a domain because an alert and its pages are written in one transaction.
pub const DOMAIN: Domain = Domain {
    name: "response",
    migrations: &[Migration {
        version: 1,
        sql: include_str!("../migrations/response/0001_alerts_and_outbox.sql"),
    }],
};
