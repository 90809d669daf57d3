//! Answers as JSON, byte for byte as Prometheus writes them: times as seconds with milliseconds only where there are any,
//! values as strings, exponents as Go writes them.
//!
//! Source: prometheus/prometheus `web/api/v1/json_codec.go` and `util/jsonutil/marshal.go`.

use std::fmt::Write as _;

use nines_promql::{Histogram, Labels, SampleValue, Series, Value};

/// `"data"` of an evaluated query: `{"resultType":…,"result":…}`.
pub fn push_result(out: &mut String, value: &Value) {
    let kind = match value {
        Value::Scalar { .. } => "scalar",
        Value::Text { .. } => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    };
    let _ = write!(out, "{{\"resultType\":\"{kind}\",\"result\":");
    match value {
        Value::Scalar { time_ms, value } => push_sample(out, *time_ms, *value),
        Value::Text { time_ms, value } => {
            out.push('[');
            push_time(out, *time_ms);
            out.push(',');
            push_text(out, value);
            out.push(']');
        }
        Value::Vector(samples) => push_list(out, samples, |out, sample| {
            out.push_str("{\"metric\":");
            push_labels(out, &sample.labels);
            match &sample.value {
                SampleValue::Float(value) => {
                    out.push_str(",\"value\":");
                    push_sample(out, sample.time_ms, *value);
                }
                SampleValue::Histogram(histogram) => {
                    out.push_str(",\"histogram\":");
                    push_histogram_sample(out, sample.time_ms, histogram);
                }
            }
            out.push('}');
        }),
        Value::Matrix(series) => push_list(out, series, push_series),
    }
    out.push('}');
}

fn push_series(out: &mut String, series: &Series) {
    out.push_str("{\"metric\":");
    push_labels(out, &series.labels);
    if !series.floats.is_empty() {
        out.push_str(",\"values\":");
        push_list(out, &series.floats, |out, (time, value)| push_sample(out, *time, *value));
    }
    if !series.histograms.is_empty() {
        out.push_str(",\"histograms\":");
        push_list(out, &series.histograms, |out, (time, histogram)| {
            push_histogram_sample(out, *time, histogram);
        });
    }
    out.push('}');
}

pub fn push_labels(out: &mut String, labels: &Labels) {
    push_map(out, labels.iter().map(|label| (label.name.as_str(), label.value.as_str())));
}

pub fn push_map<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push('{');
    for (index, (name, value)) in pairs.enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_text(out, name);
        out.push(':');
        push_text(out, value);
    }
    out.push('}');
}

pub fn push_list<T>(out: &mut String, items: &[T], mut push: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}

/// `[1435781451.781,"1"]`
fn push_sample(out: &mut String, time_ms: i64, value: f64) {
    out.push('[');
    push_time(out, time_ms);
    out.push(',');
    push_float(out, value);
    out.push(']');
}

fn push_histogram_sample(out: &mut String, time_ms: i64, histogram: &Histogram) {
    out.push('[');
    push_time(out, time_ms);
    out.push_str(",{\"count\":");
    push_float(out, histogram.count);
    out.push_str(",\"sum\":");
    push_float(out, histogram.sum);
    let mut is_first = true;
    for bucket in histogram.buckets() {
        if bucket.count == 0.0 {
            continue;
        }
        out.push_str(if is_first { ",\"buckets\":[" } else { "," });
        is_first = false;
        // How the bounds are: open left 0, open right 1, open both 2, closed both 3.
        let bounds = match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        };
        let _ = write!(out, "[{bounds},");
        push_float(out, bucket.lower);
        out.push(',');
        push_float(out, bucket.upper);
        out.push(',');
        push_float(out, bucket.count);
        out.push(']');
    }
    if !is_first {
        out.push(']');
    }
    out.push_str("}]");
}

/// Seconds, with three digits behind the point if there is anything behind it.
pub fn push_time(out: &mut String, time_ms: i64) {
    let sign = if time_ms < 0 { "-" } else { "" };
    let magnitude = time_ms.unsigned_abs();
    let (seconds, millis) = (magnitude / 1_000, magnitude % 1_000);
    let _ =
        if millis == 0 { write!(out, "{sign}{seconds}") } else { write!(out, "{sign}{seconds}.{millis:03}") };
}

/// As a string, because JSON has no infinities. Plain below 1e21 and from 1e-6, else with an exponent of two digits.
pub fn push_float(out: &mut String, value: f64) {
    let magnitude = value.abs();
    let _ = if value.is_nan() {
        write!(out, "\"NaN\"")
    } else if value.is_infinite() {
        write!(out, "\"{}Inf\"", if value > 0.0 { '+' } else { '-' })
    } else if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        write!(out, "\"{digits}e{sign}{exponent:0>2}\"")
    } else {
        write!(out, "\"{value}\"")
    };
}

/// A JSON string.
pub fn push_text(out: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return;
    }
    // Serialising a string cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_go_writes_them() {
        for (value, expected) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (0.000_001, "0.000001"),
            (9.9e-7, "9.9e-07"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (1.797e308, "1.797e+308"),
        ] {
            let mut out = String::new();
            push_float(&mut out, value);
            assert_eq!(out, format!("\"{expected}\""));
        }
        for (time, expected) in
            [(0, "0"), (1_435_781_451_781, "1435781451.781"), (-1, "-0.001"), (2_010, "2.010")]
        {
            let mut out = String::new();
            push_time(&mut out, time);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_histogram_shows_its_bounds() {
        let histogram = Histogram {
            count: 3.0,
            sum: 1.5,
            zero_threshold: 0.001,
            zero_count: 1.0,
            positive: vec![(0, 2.0), (1, 0.0)],
            ..Histogram::default()
        };
        let mut out = String::new();
        push_histogram_sample(&mut out, 1_500, &histogram);
        assert_eq!(
            out,
            r#"[1.500,{"count":"3","sum":"1.5","buckets":[[3,"-0.001","0.001","1"],[0,"0.5","1","2"]]}]"#
        );
    }
}
