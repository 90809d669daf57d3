//! Sets of series as sorted lists of numbers, and how matchers choose among them.
//!
//! What answers is behind one small trait, because the head and each segment keep their own postings.

use std::sync::Arc;

use crate::matcher::Matcher;

/// Where series can be looked up by label. Lists are sorted and without repetition.
pub trait Lookup {
    /// Every series.
    fn all(&self) -> Vec<u32>;

    /// The series whose label `name` is exactly `value`.
    fn exact(&self, name: &str, value: &str) -> Option<&[u32]>;

    /// Calls `each` with every value of `name` and its series, in no order.
    fn values<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a Arc<str>, &'a [u32]));
}

/// The series that all of `matchers` match. No matcher matches every series.
///
/// Costs the lists of the values that match, not all series: a matcher that also matches the absent label is answered by
/// leaving out what it does not match.
pub fn select(index: &dyn Lookup, matchers: &[Matcher]) -> Vec<u32> {
    let mut chosen: Option<Vec<u32>> = None;
    let (mut narrowing, mut excluding) = (Vec::new(), Vec::new());
    for matcher in matchers {
        if matcher.matches("") { excluding.push(matcher) } else { narrowing.push(matcher) }
    }
    // The cheap and sharp ones first.
    narrowing.sort_by_key(|matcher| matcher.exact_values().map_or(usize::MAX, |values| values.len()));
    for matcher in narrowing {
        let found = matching(index, matcher);
        chosen = Some(match chosen {
            None => found,
            Some(chosen) => intersect(&chosen, &found),
        });
        if chosen.as_ref().is_some_and(Vec::is_empty) {
            return Vec::new();
        }
    }
    let mut chosen = chosen.unwrap_or_else(|| index.all());
    for matcher in excluding {
        let excluded = not_matching(index, matcher);
        chosen = subtract(&chosen, &excluded);
    }
    chosen
}

fn matching(index: &dyn Lookup, matcher: &Matcher) -> Vec<u32> {
    let mut lists = Vec::new();
    match matcher.exact_values() {
        Some(values) => lists.extend(values.iter().filter_map(|value| index.exact(&matcher.name, value))),
        None => index.values(&matcher.name, &mut |value, series| {
            if matcher.matches(value) {
                lists.push(series);
            }
        }),
    }
    union(&lists)
}

fn not_matching(index: &dyn Lookup, matcher: &Matcher) -> Vec<u32> {
    let mut lists = Vec::new();
    match matcher.excluded_values() {
        Some(values) => lists.extend(values.iter().filter_map(|value| index.exact(&matcher.name, value))),
        None => index.values(&matcher.name, &mut |value, series| {
            if !matcher.matches(value) {
                lists.push(series);
            }
        }),
    }
    union(&lists)
}

/// Of lists for different values of one label, which never share a series.
fn union(lists: &[&[u32]]) -> Vec<u32> {
    let mut all = Vec::with_capacity(lists.iter().map(|list| list.len()).sum());
    lists.iter().for_each(|list| all.extend_from_slice(list));
    if lists.len() > 1 {
        // Sorted runs one after the other are what this sort is made for.
        all.sort();
    }
    all
}

pub fn intersect(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut rest = long;
    let mut both = Vec::with_capacity(short.len());
    for &one in short {
        rest = &rest[gallop(rest, one)..];
        if rest.first() == Some(&one) {
            both.push(one);
        }
    }
    both
}

fn subtract(from: &[u32], what: &[u32]) -> Vec<u32> {
    let mut rest = what;
    let mut left = Vec::with_capacity(from.len());
    for &one in from {
        rest = &rest[gallop(rest, one)..];
        if rest.first() != Some(&one) {
            left.push(one);
        }
    }
    left
}

/// How many numbers at the front are below `bound`: doubling steps, then halving, so that near answers are cheap.
fn gallop(sorted: &[u32], bound: u32) -> usize {
    let mut step = 1;
    while step < sorted.len() && sorted[step - 1] < bound {
        step *= 2;
    }
    let from = step / 2;
    from + sorted[from..step.min(sorted.len())].partition_point(|&one| one < bound)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn lists_are_sets(
            a in proptest::collection::btree_set(0u32..200, 0..100),
            b in proptest::collection::btree_set(0u32..200, 0..100),
        ) {
            let list = |set: &BTreeSet<u32>| set.iter().copied().collect::<Vec<_>>();
            prop_assert_eq!(intersect(&list(&a), &list(&b)), list(&(&a & &b)));
            prop_assert_eq!(subtract(&list(&a), &list(&b)), list(&(&a - &b)));
        }
    }
}
