//! Requests of a service that sends no spans, by the counters and histograms that many instrumentations write.

use super::{Page, ServiceFacts, ask, escaped};
use crate::model::{Source, View};

/// Requests, where no spans say more: the counter that makes it known, its label of the status and what of it failed, the
/// buckets of times, their unit. The first that is there counts; of one name, all labels are looked at.
const REQUESTS: [(&str, &str, &str, &str, &str); 7] = [
    (
        "http_server_request_duration_seconds_count",
        "http_response_status_code",
        "5..",
        "http_server_request_duration_seconds_bucket",
        "seconds",
    ),
    (
        "http_server_duration_milliseconds_count",
        "http_status_code",
        "5..",
        "http_server_duration_milliseconds_bucket",
        "milliseconds",
    ),
    ("http_server_requests_seconds_count", "status", "5..", "http_server_requests_seconds_bucket", "seconds"),
    (
        "http_requests_total",
        "code|status|status_code",
        "5..",
        "http_request_duration_seconds_bucket",
        "seconds",
    ),
    (
        "http_request_duration_seconds_count",
        "code|status",
        "5..",
        "http_request_duration_seconds_bucket",
        "seconds",
    ),
    (
        "rpc_server_duration_milliseconds_count",
        "rpc_grpc_status_code",
        "2|4|12|13|14|15",
        "rpc_server_duration_milliseconds_bucket",
        "milliseconds",
    ),
    (
        "grpc_server_handled_total",
        "grpc_code",
        "Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss",
        "grpc_server_handling_seconds_bucket",
        "seconds",
    ),
];

pub fn metrics_asked() -> impl Iterator<Item = &'static str> {
    REQUESTS.iter().flat_map(|(counter, _, _, buckets, _)| [*counter, *buckets])
}

/// What counters say of requests: how many, how many failed, how long they took.
pub fn requests(facts: &ServiceFacts, page: &mut Page) {
    let known = REQUESTS.iter().find(|(counter, ..)| facts.metrics.contains(*counter));
    let Some((counter, labels, failed, buckets, unit)) = known else { return };
    page.row("requests", "Requests");
    let of = format!("job=~\"(.+/)?{}\"", escaped(&facts.service));
    let by = labels.replace('|', ", ");
    let panel = page.add("traffic", "Traffic by status", View::TimeSeries, (8, 9));
    (panel.stack, panel.unit) = (true, "requestsPerSecond".to_owned());
    let query = format!("sum by ({by}) (rate({counter}{{{of}}}[$__rate_interval]))");
    panel.queries.push(ask(Source::Promql(query), ""));
    let panel = page.add("errors", "Errors", View::TimeSeries, (8, 9));
    (panel.unit, panel.min) = ("ratio".to_owned(), Some(0.0));
    let bad = labels
        .split('|')
        .map(|label| format!("sum(rate({counter}{{{of}, {label}=~\"{failed}\"}}[$__rate_interval]))"));
    // Of the labels that a status may stand in, one is there.
    let bad: Vec<String> = bad.collect();
    let query =
        format!("({} or vector(0)) / sum(rate({counter}{{{of}}}[$__rate_interval]))", bad.join(" or "));
    panel.queries.push(ask(Source::Promql(query), "failed"));
    if facts.metrics.contains(*buckets) {
        let panel = page.add("latency", "Latency", View::TimeSeries, (8, 9));
        (*unit).clone_into(&mut panel.unit);
        for (quantile, legend) in [("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99")] {
            let query = format!(
                "histogram_quantile({quantile}, sum by (le) (rate({buckets}{{{of}}}[$__rate_interval])))"
            );
            panel.queries.push(ask(Source::Promql(query), legend));
        }
    }
}
