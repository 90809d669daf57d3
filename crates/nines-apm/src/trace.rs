//! One trace: its tree, the clocks it was written by, the time each span spent itself, and the critical path.
//!
//! Traces are seldom as they should be. Spans come twice (senders retry), their parent never comes, a chain of parents
//! goes round in a circle, and each host has its own idea of the time. [`analyse`] takes any list of spans and says what
//! it had to mend. It costs O(n log n) and no recursion: a hostile trace may be as deep as it is long.

mod critical;
mod skew;
mod tree;

use nines_model::SmolStr;

pub use critical::Section;

/// What the analysis needs to know of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub id: SmolStr,
    pub parent: Option<SmolStr>,
    pub service: SmolStr,
    /// Whose clock wrote the times: a host, a pod, or the service where nothing better is known.
    pub clock: SmolStr,
    /// Nanoseconds since the Unix epoch, by that clock.
    pub start_ns: i64,
    /// A negative one counts as 0.
    pub duration_ns: i64,
    pub error: bool,
    /// The span only waits for its children's answers: kind `client`.
    pub is_client: bool,
    /// Work that nobody waits for: kind `consumer`.
    pub is_async: bool,
}

/// A span in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Index into the spans that were given.
    pub span: usize,
    /// Index into [`Analysis::spans`].
    pub parent: Option<usize>,
    pub depth: u32,
    /// After the start of the trace, by the clock of the first root; see `shifted_ns`.
    pub start_ns: i64,
    pub end_ns: i64,
    /// What was added to the span's own clock so that no answer comes before its question.
    pub shifted_ns: i64,
    /// Time in which no child ran.
    pub self_ns: i64,
    /// Time on the critical path.
    pub critical_ns: i64,
    /// It names a parent, and that span is not here.
    pub lost_parent: bool,
}

/// What one service did in the trace.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceShare {
    pub service: SmolStr,
    pub spans: u64,
    pub errors: u64,
    pub self_ns: i64,
    /// All services together: the duration of the main root.
    pub critical_ns: i64,
}

/// A trace, mended and measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Analysis {
    /// Parents before children, children by their start.
    pub spans: Vec<Placed>,
    /// When the trace starts: the earliest start after the clocks were put right, in nanoseconds since the Unix epoch.
    pub start_ns: i64,
    pub duration_ns: i64,
    /// The critical path of the main root in order of time: sections that follow each other without gap or overlap.
    pub critical: Vec<Section>,
    /// The root that the path belongs to: the longest one without a parent, else the longest whose parent is lost.
    /// Index into `spans`.
    pub main_root: Option<usize>,
    /// Those with most time on the critical path first.
    pub services: Vec<ServiceShare>,
    /// Spans that came more than once; the copies are left out.
    pub duplicates: u64,
    /// Spans whose parent is not here.
    pub lost_parents: u64,
    /// Circles of parents that had to be cut open.
    pub circles: u64,
}

/// Puts the spans in their places.
pub fn analyse(spans: &[Span]) -> Analysis {
    if spans.is_empty() {
        return Analysis::default();
    }
    let tree = tree::build(spans);
    let shifts = skew::shifts(spans, &tree);
    let mut placed: Vec<Placed> = tree
        .nodes
        .iter()
        .zip(&shifts)
        .map(|(node, shift)| {
            let span = &spans[node.span];
            let start = span.start_ns.saturating_add(*shift);
            Placed {
                span: node.span,
                parent: node.parent,
                depth: node.depth,
                start_ns: start,
                end_ns: start.saturating_add(span.duration_ns.max(0)),
                shifted_ns: *shift,
                self_ns: 0,
                critical_ns: 0,
                lost_parent: node.lost_parent,
            }
        })
        .collect();
    let start_ns = placed.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let end_ns = placed.iter().map(|span| span.end_ns).max().unwrap_or(0);
    for span in &mut placed {
        span.start_ns = span.start_ns.saturating_sub(start_ns);
        span.end_ns = span.end_ns.saturating_sub(start_ns);
    }
    let children = children_of(&placed);
    for index in 0..placed.len() {
        placed[index].self_ns = self_time(&placed, index, &children[index]);
    }
    let main_root = (0..placed.len()).filter(|index| placed[*index].parent.is_none()).max_by_key(|index| {
        let span = &placed[*index];
        (!span.lost_parent, span.end_ns - span.start_ns, std::cmp::Reverse(*index))
    });
    let critical = main_root.map_or_else(Vec::new, |root| critical::path(&placed, &children, root));
    for section in &critical {
        placed[section.span].critical_ns += section.end_ns - section.start_ns;
    }
    Analysis {
        services: shares(spans, &placed),
        lost_parents: placed.iter().filter(|span| span.lost_parent).count() as u64,
        spans: placed,
        start_ns,
        duration_ns: end_ns.saturating_sub(start_ns),
        critical,
        main_root,
        duplicates: tree.duplicates,
        circles: tree.circles,
    }
}

fn children_of(placed: &[Placed]) -> Vec<Vec<usize>> {
    let mut children = vec![Vec::new(); placed.len()];
    for (index, span) in placed.iter().enumerate() {
        if let Some(parent) = span.parent {
            children[parent].push(index);
        }
    }
    children
}

/// The span's time outside the union of its children.
fn self_time(placed: &[Placed], index: usize, children: &[usize]) -> i64 {
    let span = &placed[index];
    let mut times: Vec<(i64, i64)> =
        children.iter().map(|child| (placed[*child].start_ns, placed[*child].end_ns)).collect();
    times.sort_unstable();
    let (mut covered, mut up_to) = (0, span.start_ns);
    for (start, end) in times {
        let (start, end) = (start.max(up_to), end.min(span.end_ns));
        if end > start {
            covered += end - start;
            up_to = end;
        }
    }
    span.end_ns - span.start_ns - covered
}

fn shares(spans: &[Span], placed: &[Placed]) -> Vec<ServiceShare> {
    let mut shares: Vec<ServiceShare> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for place in placed {
        let span = &spans[place.span];
        let index = *known.entry(&span.service).or_insert_with(|| {
            let service = span.service.clone();
            shares.push(ServiceShare { service, spans: 0, errors: 0, self_ns: 0, critical_ns: 0 });
            shares.len() - 1
        });
        let share = &mut shares[index];
        share.spans += 1;
        share.errors += u64::from(span.error);
        share.self_ns += place.self_ns;
        share.critical_ns += place.critical_ns;
    }
    shares.sort_by_key(|share| std::cmp::Reverse((share.critical_ns, share.self_ns)));
    shares
}

#[cfg(test)]
mod tests;
