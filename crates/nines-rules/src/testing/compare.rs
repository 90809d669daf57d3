//! What was expected against what was found.

use std::collections::BTreeMap;

use nines_promql::{Labels, Sample, SampleValue};

use super::ExpressionTest;

type Labelled = (BTreeMap<String, String>, BTreeMap<String, String>);

pub(super) fn shown_alerts(alerts: &[Labelled]) -> String {
    if alerts.is_empty() {
        return "none".to_owned();
    }
    let shown = |map: &BTreeMap<String, String>| {
        let pairs: Vec<String> = map.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    let all: Vec<String> = alerts
        .iter()
        .map(|(labels, annotations)| format!("{} with annotations {}", shown(labels), shown(annotations)))
        .collect();
    all.join("; ")
}

pub(super) fn samples(test: &ExpressionTest, found: &[Sample], fuzzy: bool) -> Result<(), String> {
    let mut found: Vec<(Labels, SampleValue)> =
        found.iter().map(|sample| (sample.labels.clone(), sample.value.clone())).collect();
    let mut expected: Vec<(Labels, SampleValue)> =
        test.expected.iter().map(|sample| (sample.labels.clone(), sample.value.clone())).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    let same = found.len() == expected.len()
        && found.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && equal(&a.1, &b.1, fuzzy));
    if same {
        return Ok(());
    }
    let time = nines_promql::format_duration(test.at_ms);
    Err(format!("`{}` at {time}: expected {}, got {}", test.expr, shown(&expected), shown(&found)))
}

/// Exactly, NaN to NaN; or as close as upstream's `fuzzy_compare` has it.
fn equal(a: &SampleValue, b: &SampleValue, fuzzy: bool) -> bool {
    match (a, b) {
        (SampleValue::Float(a), SampleValue::Float(b)) => {
            let exactly = a == b || (a.is_nan() && b.is_nan());
            // Upstream multiplies both by 2^-52 and some; one part in 10^15.
            exactly || (fuzzy && (a - b).abs() <= 1e-15 * a.abs().max(b.abs()))
        }
        (SampleValue::Histogram(a), SampleValue::Histogram(b)) => {
            (**a).clone().compacted().same_as(&(**b).clone().compacted())
        }
        _ => false,
    }
}

fn shown(samples: &[(Labels, SampleValue)]) -> String {
    if samples.is_empty() {
        return "nothing".to_owned();
    }
    let all: Vec<String> = samples
        .iter()
        .map(|(labels, value)| match value {
            SampleValue::Float(value) => format!("{labels} {}", nines_promql::format_float(*value)),
            SampleValue::Histogram(histogram) => format!("{labels} {}", histogram.describe()),
        })
        .collect();
    all.join("; ")
}
