//! What came against what was expected.

use crate::conformance::notation::Item;
use crate::conformance::script::{Eval, Wanted, When};
use crate::error::QueryError;
use crate::histogram::Histogram;
use crate::number::almost_equal;
use crate::value::{Answer, SampleValue, Series, Value};

/// Relative difference that upstream's runner allows.
const EPSILON: f64 = 1e-6;

pub(super) fn check_error(eval: &Eval, error: &QueryError) -> Result<(), String> {
    match &eval.fail {
        None => Err(error.to_string()),
        Some(wanted) if wanted.accepts(&error.to_string()) => Ok(()),
        Some(wanted) => Err(format!("expected error {wanted}, got {:?}", error.to_string())),
    }
}

pub(super) fn check_notes(eval: &Eval, query: &str, answer: &Answer) -> Result<(), String> {
    if eval.fail.is_some() {
        return Err("expected an error but got none".to_owned());
    }
    let warnings = answer.annotations.warnings(query);
    let infos = answer.annotations.infos(query);
    check_texts("warning", &eval.warns, eval.no_warn, &warnings)?;
    check_texts("info", &eval.infos, eval.no_info, &infos)
}

fn check_texts(kind: &str, wanted: &[Wanted], none: bool, found: &[String]) -> Result<(), String> {
    if none && !found.is_empty() {
        return Err(format!("expected no {kind}, got {found:?}"));
    }
    for wanted in wanted {
        if !found.iter().any(|text| wanted.accepts(text)) {
            return Err(format!("expected {kind} {wanted}, got {found:?}"));
        }
    }
    for text in found {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted.accepts(text)) {
            return Err(format!("unexpected {kind} {text:?}"));
        }
    }
    Ok(())
}

pub(super) fn check_value(eval: &Eval, value: &Value) -> Result<(), String> {
    match value {
        Value::Text { value, .. } => match &eval.text {
            Some(wanted) if wanted == value => Ok(()),
            wanted => Err(format!("expected string {wanted:?}, got {value:?}")),
        },
        Value::Scalar { value, .. } => match eval.scalar {
            Some(wanted) if almost_equal(wanted, *value, EPSILON) => Ok(()),
            Some(wanted) => Err(format!("expected scalar {wanted}, got {value}")),
            None => Err(format!("expected series, got scalar {value}")),
        },
        Value::Vector(samples) => {
            if let Some(wanted) = eval.scalar {
                return Err(format!("expected scalar {wanted}, got a vector"));
            }
            let mut seen = vec![false; eval.series.len()];
            for (position, sample) in samples.iter().enumerate() {
                let place = eval.series.iter().rposition(|(labels, _)| *labels == sample.labels);
                let Some(place) = place else {
                    return Err(format!("unexpected {} with {}", sample.labels, shown(&sample.value)));
                };
                if eval.is_ordered() && place != position {
                    return Err(format!("{} is at position {position}, expected {place}", sample.labels));
                }
                seen[place] = true;
                let wanted = eval.series[place].1.first().unwrap_or(&Item::Omitted);
                if !same(wanted, &sample.value) {
                    let found = shown(&sample.value);
                    return Err(format!("expected {wanted:?} for {}, got {found}", sample.labels));
                }
            }
            missing(eval, &seen)
        }
        Value::Matrix(all) => matrix(eval, all),
    }
}

fn matrix(eval: &Eval, all: &[Series]) -> Result<(), String> {
    let (start, end, step) = match (eval.grid, eval.when) {
        (Some(grid), _) => grid,
        (None, When::Range { start, end, step }) => (start, end, step),
        (None, When::Instant { at }) => (at, at, 1),
    };
    if eval.is_ordered() || eval.scalar.is_some() {
        return Err("expected an ordered result or a scalar, got a matrix".to_owned());
    }
    let mut seen = vec![false; eval.series.len()];
    for series in all {
        let place = eval.series.iter().rposition(|(labels, _)| *labels == series.labels);
        let Some(place) = place else {
            return Err(format!("unexpected {} with {:?}", series.labels, series.floats));
        };
        seen[place] = true;
        let items = &eval.series[place].1;
        for (at, wanted) in items.iter().enumerate() {
            let time = start + step * at as i64;
            if time > end {
                return Err(format!("{} values for {} do not fit the range", items.len(), series.labels));
            }
            let found = at_time(series, time);
            let fits = match (&found, wanted) {
                (None, Item::Omitted) => true,
                (Some(found), wanted) => same(wanted, found),
                _ => false,
            };
            if !fits {
                let found = found.as_ref().map_or("nothing".to_owned(), shown);
                return Err(format!("expected {wanted:?} at {time} ms for {}, got {found}", series.labels));
            }
        }
        let wanted = items.iter().filter(|item| **item != Item::Omitted).count();
        let found = series.floats.len() + series.histograms.len();
        if wanted != found {
            return Err(format!("expected {wanted} samples for {}, got {found}", series.labels));
        }
    }
    missing(eval, &seen)
}

fn at_time(series: &Series, time: i64) -> Option<SampleValue> {
    if let Ok(at) = series.floats.binary_search_by_key(&time, |point| point.0) {
        return Some(SampleValue::Float(series.floats[at].1));
    }
    let at = series.histograms.binary_search_by_key(&time, |point| point.0).ok()?;
    Some(SampleValue::Histogram(series.histograms[at].1.clone()))
}

fn missing(eval: &Eval, seen: &[bool]) -> Result<(), String> {
    match seen.iter().position(|seen| !seen) {
        // Of a series that is written twice only the last is looked for.
        Some(at) if !eval.series[at + 1..].iter().any(|other| other.0 == eval.series[at].0) => {
            Err(format!("expected {}, which is missing", eval.series[at].0))
        }
        _ => Ok(()),
    }
}

fn same(wanted: &Item, found: &SampleValue) -> bool {
    match (wanted, found) {
        (Item::Float(wanted), SampleValue::Float(found)) => almost_equal(*wanted, *found, EPSILON),
        (Item::Histogram(wanted, hinted), SampleValue::Histogram(found)) => {
            (!hinted || wanted.hint == found.hint)
                && same_histogram(&(**wanted).clone().compacted(), &(**found).clone().compacted())
        }
        _ => false,
    }
}

fn same_histogram(a: &Histogram, b: &Histogram) -> bool {
    let close = |a: f64, b: f64| almost_equal(a, b, EPSILON);
    let lists = |a: &[(i32, f64)], b: &[(i32, f64)]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && close(a.1, b.1))
    };
    a.schema == b.schema
        && close(a.count, b.count)
        && close(a.sum, b.sum)
        && a.bounds == b.bounds
        && a.zero_threshold == b.zero_threshold
        && close(a.zero_count, b.zero_count)
        && lists(&a.positive, &b.positive)
        && lists(&a.negative, &b.negative)
}

fn shown(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(value) => value.to_string(),
        SampleValue::Histogram(histogram) => format!("{histogram:?}"),
    }
}
