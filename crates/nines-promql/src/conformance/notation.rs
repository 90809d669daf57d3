//! Series as the scripts write them: `name{label="value"} 1 2 _ 3x4 0+10x5 {{schema:0 count:3}} stale`.

use std::sync::Arc;

use crate::histogram::{CUSTOM_SCHEMA, Histogram, ResetHint};
use crate::labels::Labels;
use crate::lexer::parse_duration;
use crate::number::stale_marker;
use crate::parser::Parser;

/// One position of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Omitted,
    Float(f64),
    /// With whether the hint of a reset was written out.
    Histogram(Arc<Histogram>, bool),
}

/// More positions than this are a mistake in the script.
const ITEMS_MAX: usize = 1_000_000;

pub(super) fn series(line: &str) -> Result<(Labels, Vec<Item>), String> {
    let (labels, rest) = metric(line)?;
    Ok((labels, items(rest)?))
}

/// The labels at the start of a line, and what follows.
pub(super) fn metric(line: &str) -> Result<(Labels, &str), String> {
    let end = end_of_metric(line);
    let mut parser = Parser::over(&line[..end]).map_err(|error| error.to_string())?;
    let labels = parser.series_labels().map_err(|error| error.to_string())?;
    if !parser.rest_is(&crate::lexer::Token::End) {
        return Err(format!("expected a series, got {:?}", &line[..end]));
    }
    Ok((labels, &line[end..]))
}

fn end_of_metric(line: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    let mut depth = 0;
    for (at, character) in line.char_indices() {
        match quote {
            Some(open) => {
                if escaped {
                    escaped = false;
                } else if character == '\\' && open != '`' {
                    escaped = true;
                } else if character == open {
                    quote = None;
                }
            }
            None => match character {
                '"' | '\'' | '`' => quote = Some(character),
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                ' ' | '\t' if depth == 0 => {
                    // Blanks may stand between the name and the braces, but not before two of them.
                    let rest = line[at..].trim_start();
                    if !rest.starts_with('{') || rest.starts_with("{{") {
                        return at;
                    }
                }
                _ => {}
            },
        }
    }
    line.len()
}

fn items(text: &str) -> Result<Vec<Item>, String> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = end_of_item(rest);
        let (item, after) = rest.split_at(end);
        let more = one(item).map_err(|why| format!("{why} in {item:?}"))?;
        if all.len() + more.len() > ITEMS_MAX {
            return Err(format!("more than {ITEMS_MAX} values"));
        }
        all.extend(more);
        rest = after.trim_start();
    }
    Ok(all)
}

/// An item ends at a blank that is not inside of braces.
fn end_of_item(text: &str) -> usize {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ' ' | '\t' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

fn one(item: &str) -> Result<Vec<Item>, String> {
    if item.starts_with("{{") {
        return histograms(item);
    }
    if item == "stale" {
        return Ok(vec![Item::Float(stale_marker())]);
    }
    let (value, times) = match item.rsplit_once('x') {
        Some((value, times)) => (value, Some(times.parse::<usize>().map_err(|error| error.to_string())?)),
        None => (item, None),
    };
    if times.is_some_and(|times| times > ITEMS_MAX) {
        return Err("too many repetitions".to_owned());
    }
    if value == "_" {
        return Ok(vec![Item::Omitted; times.unwrap_or(1)]);
    }
    let (first, step) = split_step(value);
    let first = number(first)?;
    match (step, times) {
        (None, None) => Ok(vec![Item::Float(first)]),
        (None, Some(times)) => Ok(vec![Item::Float(first); times + 1]),
        (Some(step), Some(times)) => {
            let step = number(step)?;
            let mut current = first;
            let mut all = Vec::with_capacity(times + 1);
            for _ in 0..=times {
                all.push(Item::Float(current));
                current += step;
            }
            Ok(all)
        }
        (Some(_), None) => Err("a step needs a number of times".to_owned()),
    }
}

/// `1+2` or `1-2`: the sign of the step is not that of an exponent.
fn split_step(value: &str) -> (&str, Option<&str>) {
    let bytes = value.as_bytes();
    for at in 1..bytes.len() {
        let exponent = matches!(bytes[at - 1], b'e' | b'E') && !value.starts_with("0x");
        if matches!(bytes[at], b'+' | b'-') && !exponent && !matches!(bytes[at - 1], b'+' | b'-') {
            let step = if bytes[at] == b'+' { &value[at + 1..] } else { &value[at..] };
            return (&value[..at], Some(step));
        }
    }
    (value, None)
}

pub(super) fn number(text: &str) -> Result<f64, String> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = if rest.eq_ignore_ascii_case("inf") {
        Some(f64::INFINITY)
    } else if rest.eq_ignore_ascii_case("nan") {
        Some(f64::NAN)
    } else {
        crate::lexer::parse_number(rest).or_else(|| parse_duration(rest).map(|millis| millis as f64 / 1000.0))
    };
    let magnitude = magnitude.ok_or_else(|| format!("{text:?} is no number"))?;
    Ok(if negative { -magnitude } else { magnitude })
}

fn histograms(item: &str) -> Result<Vec<Item>, String> {
    let (first, hinted, rest) = histogram(item)?;
    if rest.is_empty() {
        return Ok(vec![Item::Histogram(Arc::new(first), hinted)]);
    }
    let times_of = |text: &str| -> Result<usize, String> {
        let digits =
            text.strip_prefix('x').ok_or_else(|| format!("expected x and a number, got {text:?}"))?;
        digits.parse::<usize>().map_err(|error| error.to_string())
    };
    if rest.starts_with('x') {
        return Ok(vec![Item::Histogram(Arc::new(first), hinted); times_of(rest)? + 1]);
    }
    let subtract = rest.starts_with('-');
    let (step, _, rest) = histogram(&rest[1..])?;
    let times = times_of(rest)?;
    let mut all = vec![Item::Histogram(Arc::new(first.clone()), hinted)];
    let mut current = first;
    for _ in 0..times {
        let combined = if subtract { current.subtract(&step) } else { current.add(&step) };
        combined.map_err(|_| "histograms of different kinds cannot be added".to_owned())?;
        all.push(Item::Histogram(Arc::new(current.clone()), false));
    }
    Ok(all)
}

/// `{{schema:0 sum:1 buckets:[1 2]}}`, whether it has a hint, and what follows.
fn histogram(text: &str) -> Result<(Histogram, bool, &str), String> {
    let body = text.strip_prefix("{{").ok_or_else(|| "expected a histogram".to_owned())?;
    let end = body.find("}}").ok_or_else(|| "histogram without an end".to_owned())?;
    let (mut body, rest) = (body[..end].trim(), &body[end + 2..]);
    let mut histogram = Histogram::default();
    let (mut hinted, mut offset, mut negative_offset) = (false, 0_i32, 0_i32);
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    while !body.is_empty() {
        let (key, after) = body.split_once(':').ok_or_else(|| format!("expected key:value, got {body:?}"))?;
        let after = after.trim_start();
        let (value, next) = if let Some(list) = after.strip_prefix('[') {
            let close = list.find(']').ok_or_else(|| "list without an end".to_owned())?;
            (&list[..close], &list[close + 1..])
        } else {
            let end = after.find([' ', '\t']).unwrap_or(after.len());
            after.split_at(end)
        };
        let list = || value.split_whitespace().map(number).collect::<Result<Vec<f64>, String>>();
        let whole = || value.parse::<i32>().map_err(|error| format!("{error}: {value:?}"));
        match key.trim() {
            "schema" => histogram.schema = whole()?,
            "sum" => histogram.sum = number(value)?,
            "count" => histogram.count = number(value)?,
            "z_bucket" => histogram.zero_count = number(value)?,
            "z_bucket_w" => histogram.zero_threshold = number(value)?,
            "custom_values" => histogram.bounds = list()?,
            "buckets" => positive = list()?,
            "offset" => offset = whole()?,
            "n_buckets" => negative = list()?,
            "n_offset" => negative_offset = whole()?,
            "counter_reset_hint" => {
                hinted = true;
                histogram.hint = match value {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NotReset,
                    "gauge" => ResetHint::Gauge,
                    other => return Err(format!("{other:?} is no hint")),
                };
            }
            other => return Err(format!("{other:?} is no part of a histogram")),
        }
        body = next.trim_start();
    }
    let placed = |counts: Vec<f64>, offset: i32| -> Vec<(i32, f64)> {
        counts.into_iter().enumerate().map(|(at, count)| (offset + at as i32, count)).collect()
    };
    histogram.positive = placed(positive, offset);
    histogram.negative = placed(negative, negative_offset);
    if histogram.schema == CUSTOM_SCHEMA {
        histogram.zero_threshold = 0.0;
    }
    Ok((histogram, hinted, rest))
}

/// A line of start times: `name{…}@st -1m 0s -30s-1mx3 _`. Offsets in milliseconds from the samples' own times.
pub(super) fn starts(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut all: Vec<Option<i64>> = Vec::new();
    for item in text.split_whitespace() {
        let (value, times) = match item.rsplit_once('x') {
            Some((value, times)) => (value, Some(times.parse::<usize>().map_err(|error| error.to_string())?)),
            None => (item, None),
        };
        if value == "_" {
            all.extend(vec![None; times.unwrap_or(1)]);
            continue;
        }
        if value == "*" {
            let last = all.iter().rev().find_map(|start| *start).unwrap_or(0);
            all.extend(vec![Some(last); times.unwrap_or(0) + 1]);
            continue;
        }
        let (first, step) = split_step(value);
        let first = signed_duration(first)?;
        let step = step.map_or(Ok(0), signed_duration)?;
        for at in 0..=times.unwrap_or(0) as i64 {
            all.push(Some(first + step * at));
        }
    }
    Ok(all)
}

fn signed_duration(text: &str) -> Result<i64, String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    parse_duration(rest).map(|millis| sign * millis).ok_or_else(|| format!("{text:?} is no duration"))
}
