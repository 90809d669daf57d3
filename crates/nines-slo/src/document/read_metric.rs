//! Reads what is measured: `openslo/v1` SLIs, their metric sources, and the filters in them.

use nines_filter::Filter;
use nines_model::{Dataset, field};

use super::Meta;
use super::period::{parse_latency, unit_nanos};
use super::slo::{Metric, NinesSource, Objective, QUERY_KEYS, RatioParts, Sli, Source, Threshold};
use super::yaml::Yaml;
use nines_yaml::{Fields, Reader};
use nines_yaml::{Mark, Node, Raw};

/// The datasets whose events can be judged one by one.
const DATASETS: [(&str, Dataset); 4] = [
    ("spans", Dataset::Spans),
    ("logs", Dataset::Logs),
    ("probes", Dataset::Probes),
    ("beacons", Dataset::Beacons),
];

pub(super) fn sli(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<Sli> {
    let description = spec.text(reader, "description");
    let path = spec.path.clone();
    let threshold_path = spec.path_of("thresholdMetric");
    let threshold = spec
        .get(reader, "thresholdMetric")
        .and_then(|node| metric_source(reader, node, &threshold_path, true));
    let ratio = spec.fields(reader, "ratioMetric").and_then(|fields| ratio(reader, fields));
    let metric = match (spec.has("thresholdMetric"), spec.has("ratioMetric")) {
        (true, false) => threshold.map(Metric::Threshold),
        (false, true) => ratio,
        (true, true) => {
            let mark = spec.key_mark_of("ratioMetric");
            let hint = Some("keep one of them".to_owned());
            reader.error(mark, &path, "`thresholdMetric` and `ratioMetric` exclude each other", hint);
            None
        }
        (false, false) if spec.entries().iter().any(|entry| entry.key.to_lowercase().contains("metric")) => {
            None
        }
        (false, false) => {
            reader.error(spec.mark, &path, "has neither `thresholdMetric` nor `ratioMetric`", None);
            None
        }
    };
    spec.finish(reader);
    Some(Sli { meta, description, metric: metric? })
}

fn ratio(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<Metric> {
    let counter = fields.boolean(reader, "counter");
    let part = |reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str| {
        let path = fields.path_of(key);
        fields.get(reader, key).and_then(|node| metric_source(reader, node, &path, false))
    };
    let good = part(reader, &mut fields, "good");
    let bad = part(reader, &mut fields, "bad");
    let total = part(reader, &mut fields, "total");
    let raw = part(reader, &mut fields, "raw");
    let raw_type = fields.get(reader, "rawType").and_then(|node| {
        reader.choice(node, &fields.path_of("rawType"), &[("success", "success"), ("failure", "failure")])
    });
    let has = |key| fields.has(key);
    let mistake = match (has("good"), has("bad"), has("total"), has("raw")) {
        (true, false, true, false) | (false, true, true, false) => None,
        (false, false, false, true) => (!has("rawType"))
            .then_some(("`raw` needs `rawType`", "write `rawType: success` or `rawType: failure`")),
        (true, true, ..) => Some(("`good` and `bad` exclude each other", "keep one of them, beside `total`")),
        (.., true) => Some(("`raw` excludes `good`, `bad` and `total`", "keep one form")),
        (false, false, ..) => Some(("has neither `good` nor `bad`", "write `good` or `bad`, beside `total`")),
        (.., false, _) => Some(("`total` is missing", "write which events count at all")),
    };
    if let Some((message, hint)) = mistake {
        // A misspelt part is reported once, as an unknown key.
        let known = ["counter", "good", "bad", "total", "raw", "rawType"];
        if fields.entries().iter().all(|entry| known.contains(&entry.key.as_str())) {
            reader.error(fields.mark, &fields.path.clone(), message, Some(hint.to_owned()));
        }
    }
    let same_dataset = match (good.as_ref().or(bad.as_ref()), &total) {
        (Some(Source::Nines(part)), Some(Source::Nines(total))) => part.dataset == total.dataset,
        _ => true,
    };
    if !same_dataset {
        let hint = Some("use the same dataset for both, as each event is judged once".to_owned());
        reader.error(
            fields.mark_of("total"),
            &fields.path_of("total"),
            "reads another dataset than its counterpart",
            hint,
        );
    }
    fields.finish(reader);
    let parts = match (good, bad, total, raw) {
        (Some(good), None, Some(total), None) => RatioParts::Good { good, total },
        (None, Some(bad), Some(total), None) => RatioParts::Bad { bad, total },
        (None, None, None, Some(raw)) => RatioParts::Raw { raw, raw_type: raw_type?.to_owned() },
        _ => return None,
    };
    Some(Metric::Ratio { counter, parts })
}

/// `{metricSource: {metricSourceRef?, type?, spec}}`.
fn metric_source(reader: &mut Reader<'_>, node: &Node, path: &str, threshold: bool) -> Option<Source> {
    let mut holder = reader.fields(node, path)?;
    let source = holder.required_fields(reader, "metricSource");
    holder.finish(reader);
    let mut source = source?;
    let data_source = source.text(reader, "metricSourceRef");
    let source_type = source.text(reader, "type");
    let spec_path = source.path_of("spec");
    let spec = source.required(reader, "spec");
    let mark = source.mark;
    let source_path = source.path.clone();
    source.finish(reader);
    let spec = spec?;
    if source_type.as_deref() == Some("nines") {
        let fields = reader.fields(spec, &spec_path)?;
        return nines_source(reader, fields, threshold).map(Source::Nines);
    }
    if let Some(near) = source_type.as_deref().filter(|word| word.eq_ignore_ascii_case("nines")) {
        let hint = Some("write `type: nines`".to_owned());
        reader.error(mark, &source_path, format!("`{near}` is not a type"), hint);
        return None;
    }
    if source_type.is_none() && data_source.is_none() {
        let hint = Some("write `type: nines` to measure events of this server".to_owned());
        reader.error(mark, &source_path, "has neither `type` nor `metricSourceRef`", hint);
        return None;
    }
    let found = Source::Foreign { source_type, data_source, spec: Yaml::from(spec) };
    if found.promql().is_some() {
        check_query(reader, spec, &spec_path, &found)?;
    } else if let Source::Foreign { source_type: Some(spoken), .. } = &found {
        let message = if found.is_of_prometheus() {
            "has no `query`, so it is not measured".to_owned()
        } else {
            format!("source type {spoken} is not measured yet")
        };
        reader.warn(mark, &source_path, message);
    }
    Some(found)
}

/// Reads a PromQL query and points into it: at the character in the file when the text stands there as it is.
fn check_query(reader: &mut Reader<'_>, spec: &Node, path: &str, source: &Source) -> Option<()> {
    let query = source.promql()?;
    let error = match crate::metric::Question::parse(query) {
        Ok(_) => return Some(()),
        Err(error) => error,
    };
    let written = match &spec.value {
        Raw::Map(entries) => entries.iter().find(|entry| QUERY_KEYS.contains(&entry.key.as_str())),
        _ => None,
    };
    let (node, key) = written.map_or((spec, "query"), |entry| (&entry.value, entry.key.as_str()));
    let mark = mark_inside(reader.source, node, query.trim(), error.span.start);
    let mut message = format!("PromQL: {}", error.message);
    if let Some(place) = error.to_string().split(": parse error").next() {
        message = format!("{message} (at {place} of the query)");
    }
    reader.error(mark, &format!("{path}.{key}"), message, error.hint);
    None
}

fn nines_source(reader: &mut Reader<'_>, mut spec: Fields<'_>, threshold: bool) -> Option<NinesSource> {
    let dataset = spec
        .required(reader, "dataset")
        .and_then(|node| reader.choice(node, &spec.path_of("dataset"), &DATASETS));
    let filter_path = spec.path_of("filter");
    let filter = match spec.get(reader, "filter") {
        Some(node) => filter_text(reader, node, &filter_path),
        None => Some(String::new()),
    };
    let mut source = NinesSource {
        dataset: Dataset::Spans,
        filter: String::new(),
        field: None,
        unit: None,
        threshold: None,
    };
    if threshold {
        source.field = spec
            .required_text(reader, "field")
            .map(|name| if name == "duration" { field::DURATION_NS.to_owned() } else { name });
        let unit_path = spec.path_of("unit");
        if let Some(node) = spec.get(reader, "unit") {
            let units = [("ns", "ns"), ("us", "us"), ("ms", "ms"), ("s", "s")];
            source.unit = reader.choice(node, &unit_path, &units).map(str::to_owned);
        }
        let threshold_path = spec.path_of("threshold");
        if let Some(node) = spec.get(reader, "threshold") {
            source.threshold = threshold_value(reader, node, &threshold_path);
        }
    }
    let incomplete = threshold && source.field.is_none();
    spec.finish(reader);
    source.dataset = dataset?;
    source.filter = filter?;
    (!incomplete).then_some(source)
}

fn threshold_value(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Threshold> {
    match &node.value {
        Raw::Str(text) => match parse_latency(text) {
            Some(nanos) => Some(Threshold::Latency { text: text.trim().to_owned(), nanos }),
            None => {
                let hint = Some("write a number with ns, us, ms or s, such as 300ms".to_owned());
                reader.error(node.mark, path, format!("`{text}` is not a length of time"), hint);
                None
            }
        },
        _ => reader.number(node, path).map(Threshold::Number),
    }
}

/// Checks the filter and points into it: at the character in the file when the text stands there as it is, else at
/// the start of the value.
pub(super) fn filter_text(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<String> {
    if matches!(node.value, Raw::Null) {
        return Some(String::new());
    }
    let text = reader.text(node, path)?;
    let text = text.trim_end();
    match Filter::parse(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            let mark = mark_inside(reader.source, node, text, error.offset);
            let column = text[..error.offset.min(text.len())].chars().count() + 1;
            let message = format!("filter: {} (character {column} of the filter)", error.message);
            reader.error(mark, path, message, error.hint);
            None
        }
    }
}

/// Where byte `offset` of a scalar's text stands in the file.
fn mark_inside(source: &str, node: &Node, text: &str, offset: usize) -> Mark {
    let offset = offset.min(text.len());
    let (before, line_of_text) = match text[..offset].rfind('\n') {
        Some(newline) => (&text[newline + 1..offset], text[..offset].matches('\n').count()),
        None => (&text[..offset], 0),
    };
    let written_line = text.lines().nth(line_of_text).unwrap_or_default();
    let first = node.mark.line as usize;
    // A block scalar's text begins on a line below its `|`; a plain one on its own. Escapes or folding make the text
    // differ from what is written: then the value's own place must do.
    for (index, line) in source.lines().enumerate().skip(first.saturating_sub(1) + line_of_text).take(2) {
        let from = if index + 1 == first { char_to_byte(line, node.mark.column as usize - 1) } else { 0 };
        if !written_line.is_empty()
            && let Some(found) = line.get(from..).and_then(|rest| rest.find(written_line))
        {
            let column = line[..from + found].chars().count() + before.chars().count() + 1;
            return Mark {
                line: u32::try_from(index + 1).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
            };
        }
    }
    node.mark
}

fn char_to_byte(line: &str, chars: usize) -> usize {
    line.char_indices().nth(chars).map_or(line.len(), |(at, _)| at)
}

/// What is wrong between an objective's `op` and `value` and its indicator: (errors with hints, warnings).
pub(crate) fn threshold_mistakes(
    metric: &Metric,
    objective: &Objective,
) -> (Vec<(&'static str, Option<String>)>, Vec<&'static str>) {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    match metric {
        Metric::Ratio { .. } => {
            if objective.op.is_some() || objective.value.is_some() {
                warnings.push("`op` and `value` say nothing about a ratio; they are ignored");
            }
        }
        Metric::Threshold(source) => {
            let inner = match source {
                Source::Nines(source) => source.threshold.is_some(),
                Source::Foreign { .. } => false,
            };
            match (objective.value.is_some(), inner) {
                (false, false) => errors.push((
                    "the threshold is missing",
                    Some(
                        "write `op: lte` and `value` here, or `threshold: 300ms` in the metric's spec"
                            .to_owned(),
                    ),
                )),
                (true, true) => errors.push((
                    "the threshold is said twice, as `value` here and as `threshold` of the metric",
                    Some("keep one of them".to_owned()),
                )),
                _ => {}
            }
            if objective.op.is_none() && objective.value.is_some() {
                warnings.push("`op` is not said; read as lte");
            }
        }
    }
    (errors, warnings)
}

/// Nanoseconds per unit of a threshold's number, for fields that hold durations in nanoseconds.
pub(crate) fn duration_unit(unit: Option<&str>) -> f64 {
    unit.and_then(unit_nanos).unwrap_or(1e6)
}
