//! The labels of a series: a small sorted list of names and values that is shared, not copied.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use smol_str::SmolStr;

/// The label that holds the name of the metric.
pub const METRIC_NAME: &str = "__name__";
/// Labels that describe a metric rather than a series; whatever drops the name drops these too.
const METADATA: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label {
    pub name: SmolStr,
    pub value: SmolStr,
}

/// Sorted by name, each name once, no empty values. Cloning shares.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[Label]>);

impl Default for Labels {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl Labels {
    /// Sorts; of equal names the last wins; an empty value means that the label is absent.
    pub fn new<N: Into<SmolStr>, V: Into<SmolStr>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| Label { name: name.into(), value: value.into() });
        let mut labels: Vec<Label> = pairs.collect();
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        let mut unique: Vec<Label> = Vec::with_capacity(labels.len());
        for label in labels {
            match unique.last_mut() {
                Some(last) if last.name == label.name => *last = label,
                _ => unique.push(label),
            }
        }
        unique.retain(|label| !label.value.is_empty());
        Self(unique.into())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.0.iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value, or the empty string: PromQL knows no difference between absent and empty.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|label| label.name == name).map_or("", |label| &label.value)
    }

    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// With `name` set to `value`, or removed if `value` is empty.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let rest = self.0.iter().filter(|label| label.name != name);
        let pairs = rest.map(|label| (label.name.clone(), label.value.clone()));
        Self::new(pairs.chain(std::iter::once((name.into(), value.into()))))
    }

    #[must_use]
    pub fn keeping(&self, names: &[SmolStr]) -> Self {
        self.filtered(|name| names.iter().any(|kept| kept == name))
    }

    #[must_use]
    pub fn dropping(&self, names: &[SmolStr]) -> Self {
        self.filtered(|name| !names.iter().any(|dropped| dropped == name))
    }

    /// Without the name, the type and the unit of the metric.
    #[must_use]
    pub fn without_metadata(&self) -> Self {
        if self.0.iter().any(|label| METADATA.contains(&label.name.as_str())) {
            self.filtered(|name| !METADATA.contains(&name))
        } else {
            self.clone()
        }
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|label| keep(&label.name)).cloned().collect())
    }

    /// A hash that is the same in every process and release, as `limit_ratio` samples by it.
    pub fn stable_hash(&self) -> u64 {
        let mut hasher = twox_hash::XxHash64::with_seed(0);
        for label in self.0.iter() {
            hasher.write(label.name.as_bytes());
            hasher.write(&[0xff]);
            hasher.write(label.value.as_bytes());
            hasher.write(&[0xff]);
        }
        hasher.finish()
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (position, label) in self.0.iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            if is_plain_label_name(&label.name) {
                write!(f, "{comma}{}={}", label.name, quoted(&label.value))?;
            } else {
                write!(f, "{comma}{}={}", quoted(&label.name), quoted(&label.value))?;
            }
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which labels make two series belong together: those named, or all but those named.
#[derive(Debug, Clone)]
pub(crate) struct Grouping {
    names: Vec<SmolStr>,
    without: bool,
}

impl Grouping {
    pub fn new(names: &[SmolStr], without: bool) -> Self {
        let mut names = names.to_vec();
        if without {
            names.push(METRIC_NAME.into());
        }
        names.sort();
        names.dedup();
        Self { names, without }
    }

    fn holds(&self, name: &str) -> bool {
        self.names.binary_search_by(|probe| probe.as_str().cmp(name)).is_ok() != self.without
    }

    /// Equal for labels whose [`Self::project`] is equal. Allocates nothing.
    pub fn hash(&self, labels: &Labels) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        for label in labels.iter().filter(|label| self.holds(&label.name)) {
            label.hash(&mut hasher);
        }
        hasher.finish()
    }

    pub fn same(&self, a: &Labels, projected: &Labels) -> bool {
        a.iter().filter(|label| self.holds(&label.name)).eq(projected.iter())
    }

    pub fn project(&self, labels: &Labels) -> Labels {
        if self.without { labels.dropping(&self.names) } else { labels.keeping(&self.names) }
    }
}

/// Numbers the distinct projections of labels, in order of appearance.
#[derive(Debug)]
pub(crate) struct Groups {
    grouping: Grouping,
    by_hash: std::collections::HashMap<u64, Vec<usize>>,
    pub labels: Vec<Labels>,
}

impl Groups {
    pub fn new(grouping: Grouping) -> Self {
        Self { grouping, by_hash: Default::default(), labels: Vec::new() }
    }

    pub fn of(&mut self, labels: &Labels) -> usize {
        let hash = self.grouping.hash(labels);
        let candidates = self.by_hash.entry(hash).or_default();
        let found = candidates.iter().find(|group| self.grouping.same(labels, &self.labels[**group]));
        if let Some(group) = found {
            return *group;
        }
        let group = self.labels.len();
        candidates.push(group);
        self.labels.push(self.grouping.project(labels));
        group
    }
}

/// Whether the name needs no quotes in PromQL.
pub(crate) fn is_plain_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(crate) fn is_plain_metric_name(name: &str) -> bool {
    !name.is_empty() && is_plain_label_name(&name.replace(':', "_"))
}

/// In double quotes, with the escapes that both Go and we read.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            control if control.is_control() => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_unique_and_never_empty() {
        let labels = Labels::new([("b", "2"), ("a", "1"), ("b", "3"), ("c", "")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="3"}"#);
        assert_eq!(labels.get("c"), "");
        assert_eq!(labels.with("a", "").to_string(), r#"{b="3"}"#);
    }

    #[test]
    fn groups_are_numbered_by_their_projection() {
        let mut groups = Groups::new(Grouping::new(&["job".into()], false));
        let first = Labels::new([("job", "a"), ("pod", "1")]);
        let second = Labels::new([("job", "a"), ("pod", "2")]);
        assert_eq!((groups.of(&first), groups.of(&second)), (0, 0));
        assert_eq!(groups.of(&Labels::new([("pod", "2")])), 1);
        let mut groups = Groups::new(Grouping::new(&["pod".into()], true));
        assert_eq!((groups.of(&first.with(METRIC_NAME, "x")), groups.of(&second)), (0, 0));
    }
}
