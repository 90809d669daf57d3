//! What sets the affected apart: the label and value that they have and the others do not.

use std::collections::BTreeMap;

/// A factor is said of two or more: one alone differs in everything.
const AFFECTED_MIN: usize = 2;
/// So much of the affected must have it.
const SHARE_MIN: f64 = 0.8;
/// And so much less of the others.
const LIFT_MIN: f64 = 0.5;

type Attributes = BTreeMap<String, String>;

/// "Only where `label` is `value`."
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    pub label: String,
    pub value: String,
    /// Of the affected, between 0 and 1.
    pub share: f64,
    /// Of the others.
    pub share_of_rest: f64,
}

/// The factor that tells best, if one does. Of equals the first by name, so that the answer stays the same.
pub fn factor(affected: &[&Attributes], rest: &[&Attributes]) -> Option<Factor> {
    if affected.len() < AFFECTED_MIN || rest.is_empty() {
        return None;
    }
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (label, value) in affected.iter().flat_map(|attributes| attributes.iter()) {
        *counts.entry((label, value)).or_default() += 1;
    }
    let mut best: Option<Factor> = None;
    for ((label, value), count) in counts {
        let share = count as f64 / affected.len() as f64;
        if share < SHARE_MIN {
            continue;
        }
        let have = rest.iter().filter(|one| one.get(label).is_some_and(|found| found == value)).count();
        let share_of_rest = have as f64 / rest.len() as f64;
        let lift = share - share_of_rest;
        let is_better = best.as_ref().is_none_or(|known| lift > known.share - known.share_of_rest + 1e-9);
        if lift >= LIFT_MIN && is_better {
            best = Some(Factor { label: label.to_owned(), value: value.to_owned(), share, share_of_rest });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(region: &str, disk: &str, name: &str) -> Attributes {
        let pairs = [("cloud_region", region), ("disk", disk), ("name", name)];
        pairs.map(|(label, value)| (label.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn what_the_affected_share_and_the_others_lack_is_the_factor() {
        let affected = [host("eu-1", "ssd", "a"), host("eu-1", "ssd", "b"), host("eu-1", "hdd", "c")];
        let rest = [
            host("us-1", "ssd", "d"),
            host("us-2", "ssd", "e"),
            host("eu-1", "ssd", "f"),
            host("us-1", "ssd", "g"),
        ];
        let (affected, rest) = (affected.iter().collect::<Vec<_>>(), rest.iter().collect::<Vec<_>>());
        let found = factor(&affected, &rest).unwrap();
        assert_eq!((found.label.as_str(), found.value.as_str()), ("cloud_region", "eu-1"));
        assert_eq!((found.share, found.share_of_rest), (1.0, 0.25));
        assert_eq!(factor(&affected[..1], &rest), None);
        assert_eq!(factor(&affected, &affected), None);
    }
}
