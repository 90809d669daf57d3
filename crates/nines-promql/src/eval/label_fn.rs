//! `label_replace`, `label_join`, and the order of labels.

use std::cmp::Ordering;

use crate::ast::Expr;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::labels::{METRIC_NAME, quoted};
use crate::matcher::anchored;
use crate::row::{Row, merge_same_labels};

impl Evaluator<'_> {
    pub(super) fn label_replace(&self, args: &[Expr]) -> Result<Vec<Row>, QueryError> {
        let target = self.label_name(&args[1], "destination label name in label_replace():")?;
        let (replacement, source, pattern) =
            (self.text(&args[2])?, self.text(&args[3])?, self.text(&args[4])?);
        let regex = anchored(&pattern).map_err(|_| {
            QueryError::execution(format!(
                "invalid regular expression in label_replace(): {}",
                quoted(&pattern).trim_matches('"')
            ))
        })?;
        let mut rows = self.rows(&args[0])?;
        self.run.go_on()?;
        let references = replacement.matches('$').count();
        let mut made = Made::by("label_replace()");
        for row in &mut rows {
            let value = row.labels.get(&source).to_owned();
            let Some(captures) = regex.captures(&value) else { continue };
            made.add(replacement.len() + references * value.len())?;
            let mut expanded = String::new();
            captures.expand(&replacement, &mut expanded);
            self.set_label(row, &target, &expanded);
        }
        merge_same_labels(rows)
    }

    pub(super) fn label_join(&self, args: &[Expr]) -> Result<Vec<Row>, QueryError> {
        let target = self.label_name(&args[1], "destination label name in label_join():")?;
        let separator = self.text(&args[2])?;
        let what = "source label name in label_join():";
        let sources: Result<Vec<String>, QueryError> =
            args[3..].iter().map(|arg| self.label_name(arg, what)).collect();
        let sources = sources?;
        let mut rows = self.rows(&args[0])?;
        self.run.go_on()?;
        let mut made = Made::by("label_join()");
        for row in &mut rows {
            let values: Vec<&str> = sources.iter().map(|name| row.labels.get(name)).collect();
            made.add(values.iter().map(|value| value.len() + separator.len()).sum())?;
            let joined = values.join(&separator);
            self.set_label(row, &target, &joined);
        }
        merge_same_labels(rows)
    }

    fn set_label(&self, row: &mut Row, name: &str, value: &str) {
        row.labels = row.labels.with(name, value);
        if name == METRIC_NAME {
            row.drop_name = false;
        }
    }
}

/// Of one value that a function makes; what senders give is far below it. Functions within functions double it each time.
const LABEL_BYTES_MAX: usize = 64 * 1024;
/// Of all values that one call makes: a kilobyte for each of 64 thousand series.
const LABELS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a function makes of labels, counted before it is made.
struct Made {
    function: &'static str,
    bytes: usize,
}

impl Made {
    fn by(function: &'static str) -> Self {
        Self { function, bytes: 0 }
    }

    fn add(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.bytes += bytes;
        let (what, limit) = match () {
            () if bytes > LABEL_BYTES_MAX => ("a label", LABEL_BYTES_MAX),
            () if self.bytes > LABELS_BYTES_MAX => ("labels", LABELS_BYTES_MAX),
            () => return Ok(()),
        };
        let function = self.function;
        Err(QueryError::execution(format!("{function} would make {what} of more than {limit} bytes")))
    }
}

/// Numbers within texts by their size: `pod-9` before `pod-10`.
pub(super) fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() && !b.is_empty() {
        let (left, right) = (chunk(a), chunk(b));
        let digits = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        let order = if digits(left) && digits(right) {
            let (x, y) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y)).then_with(|| right.len().cmp(&left.len()))
        } else {
            left.cmp(right)
        };
        if order != Ordering::Equal {
            return order;
        }
        a = &a[left.len()..];
        b = &b[right.len()..];
    }
    a.len().cmp(&b.len())
}

/// The run of digits, or of anything else, at the start.
fn chunk(text: &str) -> &str {
    let digits = text.starts_with(|first: char| first.is_ascii_digit());
    let end = text.find(|character: char| character.is_ascii_digit() != digits).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::natural_order;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["pod-10", "pod-9", "pod", "node-1", "pod-9a"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["node-1", "pod", "pod-9", "pod-9a", "pod-10"]);
    }
}
