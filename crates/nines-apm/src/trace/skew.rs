//! Clocks that disagree.
//!
//! Two things are certain whatever the clocks say: a span does not start before its parent, and what a *successful*
//! client call waited for has ended when the call ends. Where a child by another clock breaks either, its whole part of
//! the tree that was written by that clock is moved: into the middle of its parent if it fits (the two ways over the
//! network then take equally long), else to its parent's start. Nothing else is touched, so that a server that goes on
//! after its client gave up is shown as it was.
//!
//! Source: Jaeger's clock skew adjuster (`model/adjuster/clockskew.go`, v1), which moves *every* child that ends after
//! its parent; we do so only where the parent is known to have waited.

use super::Span;
use super::tree::Tree;

/// For each node of the tree the nanoseconds to add to its times.
pub(super) fn shifts(spans: &[Span], tree: &Tree) -> Vec<i64> {
    let mut shifts = vec![0; tree.nodes.len()];
    for (index, node) in tree.nodes.iter().enumerate() {
        let Some(parent) = node.parent else { continue };
        let (span, above) = (&spans[node.span], &spans[tree.nodes[parent].span]);
        shifts[index] =
            if span.clock == above.clock { shifts[parent] } else { shift(span, above, shifts[parent]) };
    }
    shifts
}

fn shift(span: &Span, parent: &Span, parent_shift: i64) -> i64 {
    let duration = span.duration_ns.max(0);
    let parent_duration = parent.duration_ns.max(0);
    let start = parent.start_ns.saturating_add(parent_shift);
    let end = start.saturating_add(parent_duration);
    let too_early = span.start_ns < start;
    let waited_for = parent.is_client && !parent.error && !span.is_async && duration <= parent_duration;
    let too_late = waited_for && span.start_ns.saturating_add(duration) > end;
    if !too_early && !too_late {
        return 0;
    }
    let room = if span.is_async { 0 } else { (parent_duration - duration).max(0) };
    start.saturating_add(room / 2).saturating_sub(span.start_ns)
}
