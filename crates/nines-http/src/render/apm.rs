//! Figures of services as the wire has them: milliseconds, ratios and RFC 3339 instead of nanoseconds.

use nines_api as api;
use nines_apm::compare::{Compared, Comparison, REQUESTS_MIN};
use nines_apm::entries::{Entries, VersionFigures};
use nines_apm::errors::{self, Group};
use nines_apm::map::{Node, NodeKind, ServiceMap};
use nines_apm::stats::Interval;
use nines_apm::{Figures, Grid, Point};
use nines_model::TimeRange;

fn millis(nanos: f64) -> f64 {
    nanos / 1e6
}

pub fn figures(figures: &Figures, range: TimeRange) -> api::Figures {
    scaled(figures, range, 1)
}

/// Counts of a sample of one in `scale`, as if all had been counted.
fn scaled(figures: &Figures, range: TimeRange, scale: u64) -> api::Figures {
    let quantile = |q| figures.quantile_ns(q).map(millis);
    let seconds = range.duration().as_secs_f64();
    let requests = figures.requests * scale;
    api::Figures {
        requests,
        errors: figures.errors * scale,
        error_ratio: figures.error_ratio(),
        per_second: if seconds > 0.0 { requests as f64 / seconds } else { 0.0 },
        p50_ms: quantile(0.5),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        total_ms: millis(figures.total_ns as f64) * scale as f64,
    }
}

fn spark(points: &[Point]) -> api::Spark {
    api::Spark {
        requests: points.iter().map(|point| point.requests).collect(),
        errors: points.iter().map(|point| point.errors).collect(),
    }
}

pub fn services(entries: &Entries, range: TimeRange, stats: api::QueryStats) -> api::ApmServicesResponse {
    let services = entries.services().into_iter().map(|row| api::ApmService {
        name: row.service.to_string(),
        figures: figures(&row.figures, range),
        share: row.share,
        spark: spark(&row.series),
        endpoints: row.endpoints,
        versions: row.versions.iter().map(|it| version(it, range)).collect(),
        last_seen: row.last_seen.to_string(),
    });
    api::ApmServicesResponse {
        services: services.collect(),
        start: range.start.to_string(),
        end: range.end.to_string(),
        step_secs: entries.grid().step.as_secs_f64(),
        left_out: entries.left_out(),
        stats,
    }
}

fn version(it: &VersionFigures, range: TimeRange) -> api::ServiceVersion {
    api::ServiceVersion {
        version: it.version.to_string(),
        figures: figures(&it.figures, range),
        first_seen: it.first_seen.to_string(),
        last_seen: it.last_seen.to_string(),
    }
}

pub fn endpoints(entries: &Entries, range: TimeRange, stats: api::QueryStats) -> api::EndpointsResponse {
    let endpoints = entries.endpoints().into_iter().map(|row| api::ApmEndpoint {
        service: row.service.to_string(),
        name: row.name.as_ref().map(ToString::to_string),
        figures: figures(&row.figures, range),
        share: row.share,
        spark: spark(&row.series),
    });
    api::EndpointsResponse {
        endpoints: endpoints.collect(),
        start: range.start.to_string(),
        end: range.end.to_string(),
        step_secs: entries.grid().step.as_secs_f64(),
        stats,
    }
}

/// With `of`, only that service and those that it calls or that call it.
pub fn map(
    map: &ServiceMap,
    of: Option<&str>,
    range: TimeRange,
    stats: api::QueryStats,
) -> api::ServiceMapResponse {
    let scale = map.sampled;
    let wanted = |caller: &str, callee: &str| of.is_none_or(|of| caller == of || callee == of);
    let edges: Vec<api::MapEdge> = map
        .edges
        .iter()
        .filter(|edge| wanted(&edge.caller, &edge.callee))
        .map(|edge| api::MapEdge {
            source: id(NodeKind::Service, &edge.caller),
            target: id(edge.callee_kind, &edge.callee),
            figures: scaled(&edge.figures, range, scale),
            unanswered: edge.unanswered * scale,
            is_async: edge.is_async,
        })
        .collect();
    let shown = |node: &&Node| {
        let id = id(node.kind, &node.name);
        of.is_none_or(|of| {
            (node.kind == NodeKind::Service && node.name == of)
                || edges.iter().any(|edge| edge.source == id || edge.target == id)
        })
    };
    let nodes = map.nodes.iter().filter(shown).map(|node| api::MapNode {
        id: id(node.kind, &node.name),
        name: node.name.to_string(),
        kind: kind(node.kind).to_owned(),
        figures: scaled(&node.figures, range, scale),
    });
    api::ServiceMapResponse {
        nodes: nodes.collect(),
        edges,
        sampled: scale,
        lost_callers: map.lost_callers * scale,
        stats,
    }
}

fn id(of: NodeKind, name: &str) -> String {
    format!("{}:{name}", kind(of))
}

fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Service => "service",
        NodeKind::Database => "database",
        NodeKind::Queue => "queue",
        NodeKind::External => "external",
    }
}

pub fn groups(
    groups: &[Group],
    grid: Grid,
    range: TimeRange,
    left_out: u64,
    stats: api::QueryStats,
) -> api::ErrorGroupsResponse {
    api::ErrorGroupsResponse {
        groups: groups.iter().map(group).collect(),
        start: range.start.to_string(),
        end: range.end.to_string(),
        step_secs: grid.step.as_secs_f64(),
        left_out,
        stats,
    }
}

pub fn one_group(
    found: &Group,
    grid: Grid,
    range: TimeRange,
    stats: api::QueryStats,
) -> api::ErrorGroupResponse {
    api::ErrorGroupResponse {
        group: group(found),
        stack: found.stack.clone(),
        frames: found.frames.iter().map(frame).collect(),
        start: range.start.to_string(),
        end: range.end.to_string(),
        step_secs: grid.step.as_secs_f64(),
        stats,
    }
}

fn group(it: &Group) -> api::ErrorGroup {
    let before = it.before.unwrap_or(0);
    api::ErrorGroup {
        fingerprint: it.fingerprint.to_string(),
        service: it.service.to_string(),
        source: it.source.as_str().to_owned(),
        kind: it.kind.to_string(),
        message: it.message.clone(),
        culprit: it.culprit().map(frame),
        count: it.count,
        is_new: before == 0 && it.before.is_some(),
        before,
        first_seen: it.first_seen.to_string(),
        last_seen: it.last_seen.to_string(),
        users: it.users,
        users_at_least: it.users_at_least,
        versions: it.versions.iter().map(version_count).collect(),
        commits: it.commits.iter().map(version_count).collect(),
        places: it
            .places
            .iter()
            .map(|(name, count)| api::PlaceCount { name: name.to_string(), count: *count })
            .collect(),
        examples: it
            .examples
            .iter()
            .map(|example| api::ErrorExample {
                at: example.at.to_string(),
                trace_id: example.trace_id.to_string(),
                span_id: example.span_id.to_string(),
            })
            .collect(),
        spark: spark(&it.series),
        follows: it.follows.map(|(cause, share)| api::Follows { fingerprint: cause.to_string(), share }),
    }
}

fn frame(frame: &errors::Frame) -> api::StackFrame {
    api::StackFrame {
        function: frame.function.to_string(),
        file: frame.file.as_ref().map(ToString::to_string),
        line: frame.line,
        in_app: frame.in_app,
    }
}

fn version_count(it: &errors::VersionCount) -> api::VersionCount {
    api::VersionCount {
        version: it.version.to_string(),
        count: it.count,
        first_seen: it.first_seen.to_string(),
        last_seen: it.last_seen.to_string(),
    }
}

pub fn comparison(found: &Comparison, stats: api::QueryStats) -> api::ApmCompareResponse {
    let one = |row: &Compared| api::ComparedEndpoint {
        service: row.endpoint.as_ref().map(|endpoint| endpoint.service.to_string()),
        name: row.endpoint.as_ref().and_then(|endpoint| endpoint.name.as_ref()).map(ToString::to_string),
        baseline: figures(&row.baseline, found.baseline_range),
        candidate: figures(&row.candidate, found.candidate_range),
        error_change: row.error_change.map(interval),
        p50_ratio: row.p50_ratio.map(interval),
        p95_ratio: row.p95_ratio.map(interval),
        errors: row.errors.as_str().to_owned(),
        latency: row.latency.as_str().to_owned(),
    };
    api::ApmCompareResponse {
        total: one(&found.total),
        endpoints: found.endpoints.iter().map(one).collect(),
        confidence: 0.95,
        requests_min: REQUESTS_MIN,
        stats,
    }
}

fn interval(it: Interval) -> api::Interval {
    api::Interval { low: it.low, high: it.high }
}
