//! For each instant of a trace the one span that it was waiting for.
//!
//! From the end of the root backwards: a span waited for the child that finished last; before that child began, for the
//! child that had finished last by then; and so on, each child in the same way. What no child explains is the span's own.
//! Children are clipped to their parents: what goes on after the answer was given is not waited for.
//!
//! Source: Zhang et al., "CRISP: Critical Path Analysis of Large-Scale Microservice Architectures", USENIX ATC 2022, §3;
//! the same rule as `computeCriticalPath` of Jaeger UI.

use super::Placed;

/// A stretch of the critical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// Index into [`super::Analysis::spans`].
    pub span: usize,
    /// After the start of the trace.
    pub start_ns: i64,
    pub end_ns: i64,
}

struct Frame {
    span: usize,
    start: i64,
    /// Everything from here on is explained.
    moment: i64,
    /// Children by end, each with its clipped times; the last ones are tried first.
    children: Vec<(i64, i64, usize)>,
}

/// The sections in order of time. They cover exactly the root's duration.
pub(super) fn path(placed: &[Placed], children: &[Vec<usize>], root: usize) -> Vec<Section> {
    let frame = |span: usize, start: i64, end: i64| {
        let mut clipped: Vec<(i64, i64, usize)> = children[span]
            .iter()
            .map(|child| (placed[*child].end_ns.min(end), placed[*child].start_ns.max(start), *child))
            .filter(|(end, start, _)| end > start)
            .collect();
        // Of two that end together the one that began first explains more.
        clipped.sort_unstable_by_key(|(end, start, child)| (*end, std::cmp::Reverse((*start, *child))));
        Frame { span, start, moment: end, children: clipped }
    };
    let mut sections = Vec::new();
    let mut stack = vec![frame(root, placed[root].start_ns, placed[root].end_ns)];
    while let Some(top) = stack.last_mut() {
        let span = top.span;
        let own = |from: i64, to: i64| (to > from).then_some(Section { span, start_ns: from, end_ns: to });
        let next = loop {
            match top.children.pop() {
                // It was still running when the path came by: something else was waited for.
                Some((end, _, _)) if end > top.moment => {}
                other => break other,
            }
        };
        match next {
            Some((end, start, child)) => {
                sections.extend(own(end, top.moment));
                top.moment = start;
                stack.push(frame(child, start, end));
            }
            None => {
                sections.extend(own(top.start, top.moment));
                stack.pop();
            }
        }
    }
    sections.reverse();
    sections
}
