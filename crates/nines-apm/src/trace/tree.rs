//! From a list of spans to a forest in order.

use std::collections::HashMap;

use super::Span;

pub(super) struct Node {
    /// Index into the spans that were given.
    pub span: usize,
    /// Index into [`Tree::nodes`].
    pub parent: Option<usize>,
    pub depth: u32,
    pub lost_parent: bool,
}

#[derive(Default)]
pub(super) struct Tree {
    /// Parents before children.
    pub nodes: Vec<Node>,
    pub duplicates: u64,
    pub circles: u64,
}

pub(super) fn build(spans: &[Span]) -> Tree {
    let mut tree = Tree::default();
    let (unique, by_id) = without_copies(spans, &mut tree.duplicates);
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for &index in &unique {
        let parent = spans[index].parent.as_ref().and_then(|parent| by_id.get(parent.as_str()));
        match parent {
            Some(&parent) if parent != index => children.entry(parent).or_default().push(index),
            _ => roots.push(index),
        }
    }
    let by_start = |index: &usize| (spans[*index].start_ns, *index);
    for list in children.values_mut() {
        // Taken from the end of a stack: the latest first.
        list.sort_unstable_by_key(|index| std::cmp::Reverse(by_start(index)));
    }
    roots.sort_unstable_by_key(by_start);
    let mut placed = vec![false; spans.len()];
    for root in roots {
        place(&mut tree, spans, &by_id, &children, &mut placed, root);
    }
    // What no root leads to are circles. Each is opened at its earliest span.
    let mut rest: Vec<usize> = unique.into_iter().filter(|index| !placed[*index]).collect();
    rest.sort_unstable_by_key(by_start);
    for index in rest {
        if !placed[index] {
            tree.circles += 1;
            place(&mut tree, spans, &by_id, &children, &mut placed, index);
        }
    }
    tree
}

/// Spans without their copies, and which span an id means. A copy has the same id and the same times: it was sent twice.
/// Two different spans under one id (Zipkin's client and server share theirs) both stay; children belong to the one
/// that is not a client.
fn without_copies<'a>(spans: &'a [Span], duplicates: &mut u64) -> (Vec<usize>, HashMap<&'a str, usize>) {
    let mut seen: HashMap<(&str, i64, i64, bool), ()> = HashMap::new();
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    let mut unique = Vec::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        let key = (span.id.as_str(), span.start_ns, span.duration_ns, span.is_client);
        if seen.insert(key, ()).is_some() {
            *duplicates += 1;
            continue;
        }
        unique.push(index);
        by_id
            .entry(&span.id)
            .and_modify(|known| {
                if spans[*known].is_client && !span.is_client {
                    *known = index;
                }
            })
            .or_insert(index);
    }
    (unique, by_id)
}

fn place(
    tree: &mut Tree,
    spans: &[Span],
    by_id: &HashMap<&str, usize>,
    children: &HashMap<usize, Vec<usize>>,
    placed: &mut [bool],
    root: usize,
) {
    let mut stack = vec![(root, None, 0)];
    while let Some((index, parent, depth)) = stack.pop() {
        if std::mem::replace(&mut placed[index], true) {
            continue;
        }
        let lost_parent = parent.is_none()
            && spans[index].parent.as_ref().is_some_and(|parent| !by_id.contains_key(parent.as_str()));
        let node = tree.nodes.len();
        tree.nodes.push(Node { span: index, parent, depth, lost_parent });
        for &child in children.get(&index).into_iter().flatten() {
            stack.push((child, Some(node), depth + 1));
        }
    }
}
