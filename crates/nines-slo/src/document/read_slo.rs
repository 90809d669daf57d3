//! Reads `openslo/v1` SLO and SLI.

use std::time::Duration;

use jiff::civil;
use nines_filter::Filter;
use nines_model::{Dataset, field};

use super::Meta;
use super::node::{Mark, Node, Raw};
use super::period::{Period, PeriodUnit, Ratio, parse_latency, unit_nanos};
use super::read_other;
use super::reader::{Fields, Reader};
use super::slo::{
    Budgeting, Metric, NinesSource, Objective, Op, RatioParts, Ref, Sli, Slo, Source, Threshold, Window,
};
use super::yaml::Yaml;

/// The datasets whose events can be judged one by one.
const DATASETS: [(&str, Dataset); 4] = [
    ("spans", Dataset::Spans),
    ("logs", Dataset::Logs),
    ("probes", Dataset::Probes),
    ("beacons", Dataset::Beacons),
];
const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn slo(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<Slo> {
    let description = spec.text(reader, "description");
    let service = spec.required_text(reader, "service");
    let budgeting = budgeting(reader, &mut spec);
    let indicator = indicator_ref(reader, &mut spec);
    let window = time_window(reader, &mut spec);

    let objectives_path = spec.path_of("objectives");
    let objective_nodes = match spec.required(reader, "objectives") {
        Some(node) => {
            let items = reader.items(node, &objectives_path);
            if items.is_empty() && !matches!(node.value, Raw::Map(_) | Raw::Str(_)) {
                reader.error(node.mark, &objectives_path, "has no entries, at least one is needed", None);
            }
            items
        }
        None => Vec::new(),
    };
    let mut objectives = Vec::new();
    for (path, node) in &objective_nodes {
        if let Some(objective) = objective(reader, node, path, budgeting) {
            check_indicator(reader, node.mark, path, indicator.as_ref(), &objective);
            objectives.push(objective);
        }
    }
    let alert_policies = read_other::alert_policies(reader, &mut spec);
    let settings = read_other::settings(reader, &meta, objectives.iter().map(|objective| objective.target).min());
    spec.finish(reader);
    Some(Slo {
        meta,
        description,
        service: service?,
        indicator,
        window: window?,
        budgeting: budgeting?,
        objectives,
        alert_policies,
        settings,
    })
}

pub(super) fn budgeting(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Option<Budgeting> {
    let node = spec.required(reader, "budgetingMethod")?;
    reader.choice(node, &spec.path_of("budgetingMethod"), &Budgeting::WORDS)
}

/// `indicator` or `indicatorRef`, in the spec or in an objective.
fn indicator_ref(reader: &mut Reader<'_>, holder: &mut Fields<'_>) -> Option<Ref<Sli>> {
    let named = holder.text(reader, "indicatorRef");
    let path = holder.path_of("indicator");
    let inline = holder.get(reader, "indicator").and_then(|node| inline_sli(reader, node, &path));
    if named.is_some() && holder.has("indicator") {
        let mark = holder.key_mark_of("indicatorRef");
        let hint = Some("keep one of them".to_owned());
        reader.error(mark, &holder.path_of("indicatorRef"), "`indicator` and `indicatorRef` exclude each other", hint);
    }
    inline.map(|sli| Ref::Inline(Box::new(sli))).or(named.map(Ref::Named))
}

fn inline_sli(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Sli> {
    let mut fields = reader.fields(node, path)?;
    // An inline object may repeat what it is.
    fields.text(reader, "apiVersion");
    fields.text(reader, "kind");
    let meta = read_other::meta(reader, &mut fields, false);
    let spec = fields.required_fields(reader, "spec");
    fields.finish(reader);
    sli(reader, meta, spec?)
}

pub(super) fn sli(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<Sli> {
    let description = spec.text(reader, "description");
    let path = spec.path.clone();
    let threshold_path = spec.path_of("thresholdMetric");
    let threshold = spec.get(reader, "thresholdMetric").and_then(|node| metric_source(reader, node, &threshold_path, true));
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
        (false, false) if spec.entries().iter().any(|entry| entry.key.to_lowercase().contains("metric")) => None,
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
    let raw_type = fields
        .get(reader, "rawType")
        .and_then(|node| {
            reader.choice(node, &fields.path_of("rawType"), &[("success", "success"), ("failure", "failure")])
        });
    let has = |key| fields.has(key);
    let mistake = match (has("good"), has("bad"), has("total"), has("raw")) {
        (true, false, true, false) | (false, true, true, false) => None,
        (false, false, false, true) => {
            (!has("rawType")).then_some(("`raw` needs `rawType`", "write `rawType: success` or `rawType: failure`"))
        }
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
        reader.error(fields.mark_of("total"), &fields.path_of("total"), "reads another dataset than its counterpart", hint);
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
    let spoken = source_type.as_deref().unwrap_or("of another data source");
    reader.warn(mark, &source_path, format!("source type {spoken} is not measured yet"));
    Some(Source::Foreign { source_type, data_source, spec: Yaml::from(spec) })
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
    let mut source = NinesSource { dataset: Dataset::Spans, filter: String::new(), field: None, unit: None, threshold: None };
    if threshold {
        source.field = spec.required_text(reader, "field").map(|name| {
            if name == "duration" { field::DURATION_NS.to_owned() } else { name }
        });
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
        if !written_line.is_empty() && let Some(found) = line.get(from..).and_then(|rest| rest.find(written_line)) {
            let column = line[..from + found].chars().count() + before.chars().count() + 1;
            return Mark { line: u32::try_from(index + 1).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) };
        }
    }
    node.mark
}

fn char_to_byte(line: &str, chars: usize) -> usize {
    line.char_indices().nth(chars).map_or(line.len(), |(at, _)| at)
}

fn objective(reader: &mut Reader<'_>, node: &Node, path: &str, budgeting: Option<Budgeting>) -> Option<Objective> {
    let mut fields = reader.fields(node, path)?;
    let display_name = fields.text(reader, "displayName");
    let op_path = fields.path_of("op");
    let op = fields.get(reader, "op").and_then(|node| reader.choice(node, &op_path, &Op::WORDS));
    let value = fields.number(reader, "value");
    let target = target(reader, &mut fields);
    let time_slice_target = share(reader, &mut fields, "timeSliceTarget");
    let time_slice_window = time_slice_window(reader, &mut fields);
    let composite_weight = fields.number(reader, "compositeWeight");
    let indicator = indicator_ref(reader, &mut fields);
    let need = |reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, method: &str| {
        if !fields.has(key) {
            let message = format!("`{key}` is missing, budgetingMethod {method} needs it");
            reader.error(fields.mark, &fields.path, message, None);
        }
    };
    match budgeting {
        Some(Budgeting::Timeslices) => {
            need(reader, &fields, "timeSliceTarget", "Timeslices");
            need(reader, &fields, "timeSliceWindow", "Timeslices");
        }
        Some(Budgeting::RatioTimeslices) => need(reader, &fields, "timeSliceWindow", "RatioTimeslices"),
        _ => {}
    }
    let wrong_value = value.is_none() && fields.has("value");
    fields.finish(reader);
    let target = target?;
    if wrong_value {
        return None;
    }
    Some(Objective {
        display_name,
        target,
        op,
        value,
        time_slice_target,
        time_slice_window,
        composite_weight,
        indicator,
    })
}

/// `target` in [0, 1) or `targetPercent` in [0, 100), not both.
pub(super) fn target(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Ratio> {
    let share = fields.number(reader, "target");
    let percent = fields.number(reader, "targetPercent");
    let (given, key, limit) = match (fields.has("target"), fields.has("targetPercent")) {
        (true, false) => (share?, "target", 1.0),
        (false, true) => (percent?, "targetPercent", 100.0),
        (true, true) => {
            let mark = fields.key_mark_of("targetPercent");
            let path = fields.path_of("targetPercent");
            let hint = Some("keep one of them".to_owned());
            reader.error(mark, &path, "`target` and `targetPercent` exclude each other", hint);
            return None;
        }
        (false, false) => {
            let misspelt = fields.entries().iter().any(|entry| entry.key.to_lowercase().starts_with("targ"));
            if !misspelt {
                let hint = Some("write `target: 0.999` or `targetPercent: 99.9`".to_owned());
                reader.error(fields.mark, &fields.path.clone(), "has neither `target` nor `targetPercent`", hint);
            }
            return None;
        }
    };
    if !(0.0..limit).contains(&given) {
        let hint = match key {
            "target" if (10.0..100.0).contains(&given) => format!("write `targetPercent: {given}`"),
            "target" => "write a share from 0 up to, but not, 1, such as 0.999".to_owned(),
            _ => "write a percentage from 0 up to, but not, 100, such as 99.9".to_owned(),
        };
        reader.error(fields.mark_of(key), &fields.path_of(key), format!("{given} is out of range"), Some(hint));
        return None;
    }
    match Ratio::from_f64(given / limit).filter(|target| *target < Ratio::ONE) {
        Some(target) => Some(target),
        None => {
            let hint = Some("nine digits are the limit".to_owned());
            reader.error(fields.mark_of(key), &fields.path_of(key), format!("{given} leaves no budget"), hint);
            None
        }
    }
}

fn share(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Ratio> {
    let given = fields.number(reader, key)?;
    let share = Ratio::from_f64(given).filter(|share| *share > Ratio::ZERO);
    if share.is_none() {
        let hint = Some("write a share above 0 and up to 1, such as 0.95".to_owned());
        reader.error(fields.mark_of(key), &fields.path_of(key), format!("{given} is out of range"), hint);
    }
    share
}

fn time_slice_window(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Duration> {
    let period = period(reader, fields, "timeSliceWindow")?;
    let length = period.nominal();
    if length < MINUTE || length > DAY || length.as_secs() % 60 != 0 || DAY.as_secs() % length.as_secs() != 0 {
        let hint = Some("slices are whole minutes that divide a day: 1m, 5m, 15m, 1h".to_owned());
        let path = fields.path_of("timeSliceWindow");
        reader.error(fields.mark_of("timeSliceWindow"), &path, format!("a slice cannot be {period} long"), hint);
        return None;
    }
    Some(length)
}

pub(super) fn period(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Period> {
    let path = fields.path_of(key);
    let node = fields.get(reader, key)?;
    let text = match &node.value {
        Raw::Int(_) | Raw::Float(_) => {
            let number = reader.source.get(node.source.clone()).unwrap_or_default();
            let hint = Some(format!("write {number}m for minutes, or h, d, w, M, Q, Y"));
            reader.error(node.mark, &path, "is a number without a unit", hint);
            return None;
        }
        _ => reader.text(node, &path)?,
    };
    match Period::parse(&text) {
        Ok(period) => Some(period),
        Err(hint) => {
            reader.error(node.mark, &path, format!("`{text}` is not a length of time"), Some(hint));
            None
        }
    }
}

/// Exactly one window, rolling or calendar.
fn time_window(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Option<Window> {
    let path = spec.path_of("timeWindow");
    let node = spec.required(reader, "timeWindow")?;
    let before = reader.errors.len();
    let items = reader.items(node, &path);
    let [(item_path, item)] = items.as_slice() else {
        if reader.errors.len() == before {
            let message = format!("has {} entries, exactly one is needed", items.len());
            let hint = Some("make one SLO per window".to_owned()).filter(|_| items.len() > 1);
            reader.error(node.mark, &path, message, hint);
        }
        return None;
    };
    let mut fields = reader.fields(item, item_path)?;
    let period = period(reader, &mut fields, "duration");
    if !fields.has("duration") && !fields.entries().iter().any(|entry| super::nearest(&entry.key, ["duration"]).is_some()) {
        reader.error(fields.mark, item_path, "`duration` is missing", Some("write `duration: 30d`".to_owned()));
    }
    let rolling = fields.boolean(reader, "isRolling");
    let calendar = fields.fields(reader, "calendar");
    let has_calendar = fields.has("calendar");
    let (mark, duration_mark) = (fields.mark, fields.mark_of("duration"));
    let duration_path = fields.path_of("duration");
    fields.finish(reader);
    match (rolling, has_calendar) {
        (Some(true), true) => {
            let hint = Some("drop `calendar`, or write `isRolling: false`".to_owned());
            reader.error(mark, item_path, "a rolling window has no calendar", hint);
            None
        }
        (Some(false), false) => {
            let hint = Some("add `calendar` with startTime and timeZone, or write `isRolling: true`".to_owned());
            reader.error(mark, item_path, "a window that does not roll needs a calendar", hint);
            None
        }
        (rolling, false) => {
            if rolling.is_none() {
                reader.warn(mark, item_path, "`isRolling` is not said; read as a rolling window");
            }
            rolling_window(reader, period?, duration_mark, &duration_path)
        }
        (_, true) => calendar_window(reader, calendar?, period, duration_mark, &duration_path),
    }
}

pub(super) fn rolling_window(reader: &mut Reader<'_>, period: Period, mark: Mark, path: &str) -> Option<Window> {
    if period.nominal() < Duration::from_secs(3_600) || period.nominal() > crate::ROLLING_MAX {
        let hint = Some(format!("from 1h to {}d; for a month write 1M or 30d", crate::ROLLING_MAX.as_secs() / 86_400));
        reader.error(mark, path, format!("a rolling window cannot be {period} long"), hint);
        return None;
    }
    if period.unit >= PeriodUnit::Month {
        let days = period.nominal().as_secs() / 86_400;
        reader.warn(mark, path, format!("a rolling window of {period} is read as {days} days"));
    }
    Some(Window::Rolling(period))
}

fn calendar_window(
    reader: &mut Reader<'_>,
    mut calendar: Fields<'_>,
    period: Option<Period>,
    duration_mark: Mark,
    duration_path: &str,
) -> Option<Window> {
    let start_text = calendar.required_text(reader, "startTime");
    let start = start_text.and_then(|text| {
        let parsed = text.trim().parse::<civil::DateTime>().ok();
        if parsed.is_none() {
            let hint = Some("write it like 2026-01-01 00:00:00".to_owned());
            let path = calendar.path_of("startTime");
            reader.error(calendar.mark_of("startTime"), &path, format!("`{text}` is not a local time"), hint);
        }
        parsed
    });
    let zone = calendar.required_text(reader, "timeZone").and_then(|name| {
        let known = jiff::tz::TimeZone::get(&name).is_ok();
        if !known {
            let hint = nearest_zone(&name).unwrap_or("use a name of the IANA database, such as Asia/Taipei".to_owned());
            let path = calendar.path_of("timeZone");
            reader.error(calendar.mark_of("timeZone"), &path, format!("`{name}` is not a time zone"), Some(hint));
        }
        known.then_some(name)
    });
    calendar.finish(reader);
    let mut period = period?;
    if period.unit == PeriodUnit::Minute {
        let month = Period::new(period.count, PeriodUnit::Month);
        let message = format!("{period} is minutes; a calendar window is read as {month}");
        reader.warn(duration_mark, duration_path, message);
        period = month;
    }
    if period.unit < PeriodUnit::Day || period.nominal() > crate::CALENDAR_MAX {
        let hint = Some("from 1d to 1Y".to_owned());
        reader.error(duration_mark, duration_path, format!("a calendar window cannot be {period} long"), hint);
        return None;
    }
    Some(Window::Calendar { period, start: start?, zone: zone? })
}

fn nearest_zone(name: &str) -> Option<String> {
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    super::nearest(name, known.iter().map(String::as_str)).map(|zone| format!("did you mean `{zone}`?"))
}

/// An objective must have something to compare, and only if there is something.
fn check_indicator(reader: &mut Reader<'_>, mark: Mark, path: &str, common: Option<&Ref<Sli>>, objective: &Objective) {
    match (common, &objective.indicator) {
        (None, None) => {
            // Where the SLO's own indicator was there but wrong, that has been said.
            if reader.errors.is_empty() {
                let hint = Some("write `indicator` or `indicatorRef` in the spec or here".to_owned());
                reader.error(mark, path, "has no indicator", hint);
            }
        }
        (Some(_), Some(_)) => {
            let hint = Some("keep the one in the spec or those in the objectives".to_owned());
            reader.error(mark, path, "has an indicator beside the SLO's own", hint);
        }
        (Some(indicator), None) | (None, Some(indicator)) => {
            if let Some(sli) = indicator.inline() {
                let (errors, warnings) = threshold_mistakes(&sli.metric, objective);
                errors.into_iter().for_each(|(message, hint)| reader.error(mark, path, message, hint));
                warnings.into_iter().for_each(|message| reader.warn(mark, path, message));
            }
        }
    }
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
                    Some("write `op: lte` and `value` here, or `threshold: 300ms` in the metric's spec".to_owned()),
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
