//! Relabelling: rules that keep, drop and rewrite labels, of targets and of samples alike.
//! Source: upstream's `model/relabel/relabel.go` of version 3 and its documentation.
//!
//! Expressions are anchored at both ends and `.` takes line breaks too, as upstream writes `^(?s:…)$`. They are compiled once
//! and run in linear time.

use regex::Regex;

use crate::labels::LabelSet;
use crate::md5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl Action {
    pub const ALL: [(&'static str, Self); 11] = [
        ("replace", Self::Replace),
        ("keep", Self::Keep),
        ("drop", Self::Drop),
        ("keepequal", Self::KeepEqual),
        ("dropequal", Self::DropEqual),
        ("hashmod", Self::HashMod),
        ("labelmap", Self::LabelMap),
        ("labeldrop", Self::LabelDrop),
        ("labelkeep", Self::LabelKeep),
        ("lowercase", Self::Lowercase),
        ("uppercase", Self::Uppercase),
    ];

    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, action)| *action == self).map_or("", |(word, _)| word)
    }
}

/// One rule, checked.
#[derive(Debug, Clone)]
pub struct Rule {
    pub action: Action,
    pub source_labels: Vec<String>,
    pub separator: String,
    /// Without its anchors.
    pub pattern: String,
    pub(crate) regex: Regex,
    pub modulus: u64,
    pub target_label: String,
    pub replacement: String,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        let parts = |rule: &Self| {
            (rule.action, rule.source_labels.clone(), rule.separator.clone(), rule.pattern.clone())
        };
        parts(self) == parts(other)
            && self.modulus == other.modulus
            && self.target_label == other.target_label
            && self.replacement == other.replacement
    }
}

/// What a rule says that nothing else was written in.
pub const DEFAULT_PATTERN: &str = "(.*)";
pub const DEFAULT_SEPARATOR: &str = ";";
pub const DEFAULT_REPLACEMENT: &str = "$1";

impl Rule {
    /// A rule of this action that says nothing else.
    pub fn new(action: Action) -> Self {
        let regex = anchored(DEFAULT_PATTERN).expect("a constant expression");
        Self {
            action,
            source_labels: Vec::new(),
            separator: DEFAULT_SEPARATOR.to_owned(),
            pattern: DEFAULT_PATTERN.to_owned(),
            regex,
            modulus: 0,
            target_label: String::new(),
            replacement: DEFAULT_REPLACEMENT.to_owned(),
        }
    }

    pub fn with_pattern(mut self, pattern: &str) -> Result<Self, regex::Error> {
        self.regex = anchored(pattern)?;
        self.pattern = pattern.to_owned();
        Ok(self)
    }

    /// Whether the labels stay.
    fn apply(&self, labels: &mut LabelSet) -> bool {
        let mut joined = String::new();
        for (position, name) in self.source_labels.iter().enumerate() {
            if position > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(labels.get(name));
        }
        match self.action {
            Action::Drop => return !self.regex.is_match(&joined),
            Action::Keep => return self.regex.is_match(&joined),
            Action::DropEqual => return labels.get(&self.target_label) != joined,
            Action::KeepEqual => return labels.get(&self.target_label) == joined,
            Action::Replace => self.replace(&joined, labels),
            Action::Lowercase => labels.set(&self.target_label, joined.to_lowercase()),
            Action::Uppercase => labels.set(&self.target_label, joined.to_uppercase()),
            Action::HashMod => {
                let sum = md5::digest(joined.as_bytes());
                // Upstream takes the last eight bytes, the most significant first.
                let hash = u64::from_be_bytes([
                    sum[8], sum[9], sum[10], sum[11], sum[12], sum[13], sum[14], sum[15],
                ]);
                labels.set(&self.target_label, (hash % self.modulus.max(1)).to_string());
            }
            Action::LabelMap => {
                let mut renamed = Vec::new();
                for (name, value) in labels.iter() {
                    if self.regex.is_match(name) {
                        let to = self.regex.replace_all(name, self.replacement.as_str());
                        renamed.push((to.into_owned(), value.to_owned()));
                    }
                }
                for (name, value) in renamed {
                    labels.set(name, value);
                }
            }
            Action::LabelDrop => labels.retain(|name| !self.regex.is_match(name)),
            Action::LabelKeep => labels.retain(|name| self.regex.is_match(name)),
        }
        true
    }

    fn replace(&self, joined: &str, labels: &mut LabelSet) {
        // The common rule: everything into a label, by whatever it is made of.
        let plain_target = !self.target_label.contains('$');
        if self.pattern == DEFAULT_PATTERN && self.replacement == DEFAULT_REPLACEMENT && plain_target {
            labels.set(&self.target_label, joined);
            return;
        }
        let Some(captures) = self.regex.captures(joined) else { return };
        let expand = |template: &str| {
            let mut out = String::new();
            captures.expand(template, &mut out);
            out
        };
        let target = if plain_target { self.target_label.clone() } else { expand(&self.target_label) };
        if !is_label_name(&target) {
            return;
        }
        labels.set(target, expand(&self.replacement));
    }
}

/// Applies rules in their order. `false`: the labels are dropped.
pub fn process(labels: &mut LabelSet, rules: &[Rule]) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

/// With both ends tied, as upstream writes it.
pub(crate) fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
    // Compiled on its own first, so that `a)(b` is no way out of the group around it.
    Regex::new(pattern)?;
    Regex::new(&format!("^(?s:{pattern})$"))
}

/// Since version 3 a label may have any name but none.
pub(crate) fn is_label_name(name: &str) -> bool {
    !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After upstream's table in `relabel_test.go`: labels, rules, and what comes out (`None`: dropped).
    #[track_caller]
    fn check(labels: &[(&str, &str)], rules: &[Rule], expected: Option<&[(&str, &str)]>) {
        let mut set: LabelSet = labels.iter().copied().collect();
        let stays = process(&mut set, rules);
        let expected = expected.map(|pairs| pairs.iter().copied().collect::<LabelSet>());
        assert_eq!(stays.then_some(set), expected);
    }

    fn rule(action: Action, sources: &[&str], pattern: &str) -> Rule {
        let rule =
            Rule { source_labels: sources.iter().map(|s| (*s).to_owned()).collect(), ..Rule::new(action) };
        rule.with_pattern(pattern).unwrap()
    }

    fn to(rule: Rule, target: &str, replacement: &str) -> Rule {
        Rule { target_label: target.to_owned(), replacement: replacement.to_owned(), ..rule }
    }

    #[test]
    fn replace_rewrites_where_the_whole_value_matches() {
        let labels = [("a", "foo"), ("b", "bar"), ("c", "baz")];
        let replace = |pattern: &str| rule(Action::Replace, &["a"], pattern);
        check(
            &labels,
            &[to(replace("f(.*)"), "d", "ch${1}-ch${1}")],
            Some(&[("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "choo-choo")]),
        );
        // Not anchored by hand, yet anchored.
        check(&labels, &[to(replace("fo"), "d", "x")], Some(&labels));
        // An empty result removes the label.
        check(&labels, &[to(replace("f(x?)oo"), "b", "$1")], Some(&[("a", "foo"), ("c", "baz")]));
        // The target may be made of what matched.
        check(
            &labels,
            &[to(rule(Action::Replace, &["a", "b"], "f(.*);(.*)r"), "${1}x", "${2}")],
            Some(&[("a", "foo"), ("b", "bar"), ("c", "baz"), ("oox", "ba")]),
        );
        // `$1a` is the group `1a`, which is not there.
        check(&[("a", "x")], &[to(replace("(.*)"), "b", "$1a")], Some(&[("a", "x")]));
        check(&[("a", "x\ny")], &[to(replace("x.y"), "b", "hit")], Some(&[("a", "x\ny"), ("b", "hit")]));
    }

    #[test]
    fn keep_and_drop_look_at_joined_values() {
        let labels = [("a", "foo"), ("b", "bar")];
        check(&labels, &[rule(Action::Keep, &["a", "b"], "foo;bar")], Some(&labels));
        check(&labels, &[rule(Action::Keep, &["a"], "no")], None);
        check(&labels, &[rule(Action::Drop, &["a"], ".*o")], None);
        check(&labels, &[rule(Action::Drop, &["missing"], "x?")], None);
        check(&labels, &[to(rule(Action::KeepEqual, &["a"], "(.*)"), "b", "")], None);
        check(&labels, &[to(rule(Action::DropEqual, &["a"], "(.*)"), "b", "")], Some(&labels));
        check(&[("a", "x"), ("b", "x")], &[to(rule(Action::DropEqual, &["a"], "(.*)"), "b", "")], None);
    }

    #[test]
    fn labels_are_mapped_dropped_and_kept_by_name() {
        let labels = [("__meta_k_app", "x"), ("a", "y")];
        check(
            &labels,
            &[to(rule(Action::LabelMap, &[], "__meta_k_(.+)"), "", "my_$1")],
            Some(&[("__meta_k_app", "x"), ("a", "y"), ("my_app", "x")]),
        );
        check(&labels, &[rule(Action::LabelDrop, &[], "__meta.*")], Some(&[("a", "y")]));
        check(&labels, &[rule(Action::LabelKeep, &[], "__meta.*")], Some(&[("__meta_k_app", "x")]));
    }

    #[test]
    fn hashes_and_cases_are_upstreams() {
        // From upstream's table: hashmod 1000 of `foobar...`.
        let hash = Rule { modulus: 1000, ..to(rule(Action::HashMod, &["c"], "(.*)"), "d", "") };
        check(
            &[("a", "foo"), ("b", "bar"), ("c", "baz")],
            std::slice::from_ref(&hash),
            Some(&[("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "976")]),
        );
        check(
            &[("a", "foo\nbar")],
            &[Rule { source_labels: vec!["a".into()], target_label: "b".into(), ..hash }],
            Some(&[("a", "foo\nbar"), ("b", "734")]),
        );
        check(
            &[("a", "FoO")],
            &[
                to(rule(Action::Lowercase, &["a"], "(.*)"), "b", ""),
                to(rule(Action::Uppercase, &["a"], "(.*)"), "c", ""),
            ],
            Some(&[("a", "FoO"), ("b", "foo"), ("c", "FOO")]),
        );
    }
}
