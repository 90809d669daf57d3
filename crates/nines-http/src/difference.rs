//! What is different about some rows: values that they have significantly more often than the rest. Pure.
//!
//! For each value, with `a` of `A` selected rows and `b` of `B` others, the shares `p = a/A` and `q = b/B` are compared.
//! The **margin** is the lower end of the 95 % interval of `p - q` (Agresti and Caffo, "Simple and effective confidence
//! intervals for proportions", The American Statistician 54 (2000): one success and one failure are added to each side).
//! A value is told if its margin is positive, and the list is sorted by it: a value that all failing rows have and few
//! others do comes first, and what could be chance does not come at all.

use std::collections::HashMap;

use nines_api::{Difference, FieldValue};

/// Values told in all. More are not read.
const DIFFERENCES_MAX: usize = 40;
/// Fewer rows than this prove nothing, whatever their shares.
const ROWS_MIN: u64 = 3;
/// A value that the selected rows have so little more often explains nothing, however sure it is.
const MARGIN_MIN: f64 = 0.03;
/// Of the 95 % interval of the normal distribution.
const Z: f64 = 1.96;

/// How often a field's values occur among some rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Rows in all.
    pub rows: u64,
    /// By field, then by value.
    pub fields: HashMap<String, HashMap<String, u64>>,
}

/// The values that stand out among `selected`, a part of `all`; the strongest first.
///
/// ```
/// # use nines_http::{Tally, differences};
/// let tally = |rows, counts: &[(&str, u64)]| Tally {
///     rows,
///     fields: [("version".to_owned(), counts.iter().map(|(v, n)| (v.to_string(), *n)).collect())].into(),
/// };
/// // 90 of 100 failing requests ran version 2; of 1 000 requests in all, 190 did.
/// let found = differences(&tally(100, &[("1", 10), ("2", 90)]), &tally(1000, &[("1", 810), ("2", 190)]));
/// assert_eq!((found.len(), found[0].value.as_str()), (1, "2"));
/// // 90/100 against 100/900: 0.79 more often, and 0.70 at the least.
/// assert!((found[0].margin - 0.70).abs() < 0.02);
/// ```
pub fn differences(selected: &Tally, all: &Tally) -> Vec<Difference> {
    let rest_rows = all.rows.saturating_sub(selected.rows);
    if selected.rows < ROWS_MIN || rest_rows == 0 {
        return Vec::new();
    }
    let mut found: Vec<Difference> = Vec::new();
    for (field, values) in &selected.fields {
        for (value, count) in values.iter().filter(|(_, count)| **count >= ROWS_MIN) {
            let everywhere = all.fields.get(field).and_then(|values| values.get(value)).copied().unwrap_or(0);
            let rest = everywhere.saturating_sub(*count).min(rest_rows);
            let count = (*count).min(selected.rows);
            let margin = margin(count, selected.rows, rest, rest_rows);
            if margin >= MARGIN_MIN {
                found.push(Difference {
                    field: field.clone(),
                    value: value.clone(),
                    role: role(field).to_owned(),
                    selected: count,
                    rest,
                    selected_share: share(count, selected.rows),
                    rest_share: share(rest, rest_rows),
                    margin,
                    also: Vec::new(),
                });
            }
        }
    }
    found.sort_by(|left, right| {
        (right.margin.total_cmp(&left.margin))
            .then_with(|| favour(&left.field).cmp(&favour(&right.field)))
            .then_with(|| (&left.field, &left.value).cmp(&(&right.field, &right.value)))
    });
    let mut told = together(found);
    told.truncate(DIFFERENCES_MAX);
    told
}

/// Values that tell exactly the same rows apart become one: the version, the image's tag and the commit of one release.
fn together(found: Vec<Difference>) -> Vec<Difference> {
    let mut told: Vec<Difference> = Vec::new();
    for difference in found {
        let same = told.iter_mut().find(|known| {
            (known.selected, known.rest, known.role.as_str())
                == (difference.selected, difference.rest, difference.role.as_str())
        });
        match same {
            Some(known) => {
                known.also.push(FieldValue { field: difference.field, value: difference.value });
            }
            None => told.push(difference),
        }
    }
    told
}

fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

/// The lower end of the interval of `a/of_a - b/of_b`.
fn margin(a: u64, of_a: u64, b: u64, of_b: u64) -> f64 {
    let (p, n) = ((a as f64 + 1.0) / (of_a as f64 + 2.0), of_a as f64 + 2.0);
    let (q, m) = ((b as f64 + 1.0) / (of_b as f64 + 2.0), of_b as f64 + 2.0);
    p - q - Z * (p * (1.0 - p) / n + q * (1.0 - q) / m).sqrt()
}

/// How a failure shows, as against where it happens: an error's type explains no error.
fn role(field: &str) -> &'static str {
    const SYMPTOMS: [&str; 12] = [
        "error.",
        "exception.",
        "status_",
        "http.response.",
        "rpc.grpc.status_code",
        "rpc.response.status_code",
        "severity_",
        "duration",
        "event.outcome",
        "log.pattern",
        "otel.status",
        "body",
    ];
    if SYMPTOMS.iter().any(|start| field.starts_with(start)) { "symptom" } else { "place" }
}

/// Among fields that tell the same rows apart, those that people can act on come first.
fn favour(field: &str) -> usize {
    const FIRST: [&str; 7] =
        ["service.version", "feature_flag.", "app.", "cloud.region", "deployment.", "service.name", "db."];
    const LAST: [&str; 6] = ["container.", "vcs.", "k8s.", "host.", "process.", "telemetry."];
    match (
        FIRST.iter().position(|start| field.starts_with(start)),
        LAST.iter().position(|start| field.starts_with(start)),
    ) {
        (Some(place), _) => place,
        (None, None) => FIRST.len(),
        (None, Some(place)) => FIRST.len() + 1 + place,
    }
}

/// Whether values of the field can explain anything: neither ids nor times nor prose.
pub fn explains(field: &str, kind: &str) -> bool {
    const NOT: [&str; 10] = [
        "timestamp",
        "observed_timestamp",
        "body",
        "events",
        "links",
        "trace_state",
        "overflow",
        "flags",
        "parent_span_id",
        "span_id",
    ];
    matches!(kind, "string" | "int" | "bool")
        && !NOT.contains(&field)
        && ![
            "_ns",
            "trace_id",
            ".stacktrace",
            "thread.id",
            ".port",
            "process.pid",
            "dropped_attributes_count",
        ]
        .iter()
        .any(|end| field.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: u64, counts: &[(&str, &str, u64)]) -> Tally {
        let mut tally = Tally { rows, ..Tally::default() };
        for (field, value, count) in counts {
            tally.fields.entry((*field).to_owned()).or_default().insert((*value).to_owned(), *count);
        }
        tally
    }

    fn told(selected: &Tally, all: &Tally) -> Vec<String> {
        let text = |found: Difference| {
            let also: String = found.also.iter().map(|also| format!(" = {}", also.field)).collect();
            format!("{} {}: {}{also}", found.role, found.field, found.value)
        };
        differences(selected, all).into_iter().map(text).collect()
    }

    #[test]
    fn a_release_is_one_difference_and_its_errors_are_a_symptom() {
        let selected = tally(
            100,
            &[
                ("service.version", "2.4.1", 100),
                ("container.image.tags", "2.4.1", 100),
                ("cloud.region", "tokyo", 34),
                ("error.type", "CurrencyError", 100),
            ],
        );
        let all = tally(
            1000,
            &[
                ("service.version", "2.4.1", 400),
                ("service.version", "2.4.0", 600),
                ("container.image.tags", "2.4.1", 400),
                ("cloud.region", "tokyo", 333),
                ("error.type", "CurrencyError", 100),
            ],
        );
        assert_eq!(
            told(&selected, &all),
            ["symptom error.type: CurrencyError", "place service.version: 2.4.1 = container.image.tags"]
        );
    }

    #[test]
    fn chance_is_not_told() {
        // Three of four selected rows are in Berlin, as are half of the others.
        let selected = tally(4, &[("cloud.region", "berlin", 3)]);
        assert!(told(&selected, &tally(1004, &[("cloud.region", "berlin", 503)])).is_empty());
        // Nothing to compare with, and nothing selected.
        assert!(told(&selected, &selected).is_empty());
        assert!(told(&Tally::default(), &selected).is_empty());
    }

    #[test]
    fn a_sample_that_does_not_add_up_is_survived() {
        let selected = tally(50, &[("a", "x", 70)]);
        let all = tally(80, &[("a", "x", 10)]);
        for found in differences(&selected, &all) {
            assert!((0.0..=1.0).contains(&found.selected_share) && (0.0..=1.0).contains(&found.rest_share));
        }
    }

    #[test]
    fn ids_times_and_prose_explain_nothing() {
        for field in ["trace_id", "timestamp", "duration_ns", "exception.stacktrace", "body"] {
            assert!(!explains(field, "string"), "{field}");
        }
        for field in
            ["service.version", "k8s.pod.name", "db.query.text", "feature_flag.result.variant", "user.id"]
        {
            assert!(explains(field, "string"), "{field}");
        }
        assert!(!explains("ratio", "float"));
    }
}
