//! Every route as data: the router is checked against this table, the OpenAPI document and the authorisation
//! matrix are built from it. A handler without a row, or a row without a handler, fails the build's tests.

mod learning;
mod node;
mod operations;
mod people;
mod protocols;
mod response;
mod telemetry;
mod uptime;

use crate::route::Route;

const TABLES: &[&[Route]] = &[
    node::ROUTES,
    people::ROUTES,
    telemetry::ROUTES,
    uptime::ROUTES,
    response::ROUTES,
    learning::ROUTES,
    operations::ROUTES,
    protocols::ROUTES,
];

/// Every route.
pub const ROUTES: &[Route] = &joined::<{ count(TABLES) }>(TABLES);

const fn count(tables: &[&[Route]]) -> usize {
    let (mut count, mut table) = (0, 0);
    while table < tables.len() {
        count += tables[table].len();
        table += 1;
    }
    count
}

/// One table of several, so that no file is longer than a sitting.
const fn joined<const COUNT: usize>(tables: &[&[Route]]) -> [Route; COUNT] {
    let mut all = [tables[0][0]; COUNT];
    let (mut next, mut table) = (0, 0);
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            all[next] = tables[table][row];
            next += 1;
            row += 1;
        }
        table += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Access, Method};

    /// Questions that are too long for a query string.
    const QUESTIONS: &[&str] = &[
        // Whoever asks here has shown nothing yet; what is answered to the code is audited.
        "begin_device",
        // A job that says that it ran is telemetry, under a secret of its own.
        "ping_heartbeat_post",
        "sql",
        "search",
        "histogram",
        "facets",
        "suggest",
        "compare",
        "around",
        "replay",
        "apm_compare",
        "plan_action",
        "read_action",
        "ops_elb_group_instances_state",
        "prometheus_query_form",
        "prometheus_query_range_form",
        "prometheus_exemplars_form",
        "prometheus_format_form",
        "prometheus_parse_form",
        "prometheus_series_form",
        "prometheus_labels_form",
    ];

    /// Signs somebody in, where the identity provider sends the browser with a GET.
    const SIGN_IN_BY_GET: &str = "oidc_callback";

    #[test]
    fn what_changes_something_has_a_word_in_the_audit_log() {
        for route in ROUTES {
            let may_change = route.operation == SIGN_IN_BY_GET
                || !matches!(route.method, Method::Get | Method::Options)
                    && route.access != Access::Ingest
                    && !QUESTIONS.contains(&route.operation);
            assert_eq!(
                route.audit.is_some(),
                may_change,
                "{} {}: give the row `.audited(…)`, or list it among the questions",
                route.method.as_str(),
                route.path
            );
        }
    }
}
