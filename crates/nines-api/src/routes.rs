//! Every route as data: the router is checked against this table, the OpenAPI document and the authorisation
//! matrix are built from it. A handler without a row, or a row without a handler, fails the build's tests.

mod credit;
mod dashboards;
mod fleet;
mod inventory;
mod learning;
mod node;
mod operations;
mod people;
mod policies;
mod protocols;
mod response;
mod telemetry;
mod uptime;

use crate::route::Route;

const TABLES: &[&[Route]] = &[
    node::ROUTES,
    people::ROUTES,
    policies::ROUTES,
    telemetry::ROUTES,
    uptime::ROUTES,
    dashboards::ROUTES,
    response::ROUTES,
    learning::ROUTES,
    operations::ROUTES,
    inventory::ROUTES,
    credit::ROUTES,
    fleet::ROUTES,
    protocols::ROUTES,
];

/// Every route.
pub const ROUTES: &[Route] = &joined::<{ count(TABLES) }>(TABLES);

/// What a route is about: the word of its table. Policies name it as a group of actions.
pub fn topic(operation: &str) -> &'static str {
    const TOPICS: [(&str, &[Route]); 10] = [
        ("node", node::ROUTES),
        ("people", people::ROUTES),
        ("policies", policies::ROUTES),
        ("telemetry", telemetry::ROUTES),
        ("uptime", uptime::ROUTES),
        ("response", response::ROUTES),
        ("learning", learning::ROUTES),
        ("operations", operations::ROUTES),
        ("inventory", inventory::ROUTES),
        ("telemetry", protocols::ROUTES),
    ];
    let holds = |(_, routes): &&(&str, &[Route])| routes.iter().any(|route| route.operation == operation);
    TOPICS.iter().find(holds).map_or("node", |(topic, _)| topic)
}

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
        // A text, put to the past.
        "check_policy",
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
        "import_dashboard",
        "apm_compare",
        "plan_action",
        "read_action",
        "rehearse_credit",
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
