//! Reads `openslo/v1alpha` SLOs, which Sloth and other tools wrote, into the v1 shape: `ratioMetrics` of an objective
//! becomes its indicator, `timeWindows` becomes `timeWindow`.

use jiff::civil;

use super::Meta;
use super::period::{Period, PeriodUnit};
use super::read_other;
use super::read_slo::{budgeting, rolling_window, target};
use super::slo::{Metric, Objective, Op, RatioParts, Ref, Sli, Slo, Source, Window};
use super::yaml::{MapBuilder, Yaml};
use nines_yaml::{Fields, Reader};
use nines_yaml::{Node, Raw};

pub(super) fn slo(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<Slo> {
    reader.warn(spec.mark, "", "openslo/v1alpha is read as openslo/v1");
    let description = spec.text(reader, "description");
    let service = spec.required_text(reader, "service");
    let budgeting = budgeting(reader, &mut spec);
    let indicator_path = spec.path_of("indicator");
    let common =
        spec.get(reader, "indicator").and_then(|node| threshold_indicator(reader, node, &indicator_path));
    let window = time_windows(reader, &mut spec);
    let objectives_path = spec.path_of("objectives");
    let nodes = match spec.required(reader, "objectives") {
        Some(node) => {
            let items = reader.items(node, &objectives_path);
            if items.is_empty() && matches!(node.value, Raw::Seq(_) | Raw::Null) {
                reader.error(node.mark, &objectives_path, "has no entries, at least one is needed", None);
            }
            items
        }
        None => Vec::new(),
    };
    let mut objectives = Vec::new();
    for (path, node) in nodes {
        if let Some(objective) = objective(reader, node, &path, common.is_some()) {
            objectives.push(objective);
        }
    }
    let alert_policies = read_other::alert_policies(reader, &mut spec);
    let settings =
        read_other::settings(reader, &meta, objectives.iter().map(|objective| objective.target).min());
    spec.finish(reader);
    Some(Slo {
        meta,
        description,
        service: service?,
        indicator: common.map(|sli| Ref::Inline(Box::new(sli))),
        window: window?,
        budgeting: budgeting?,
        objectives,
        alert_policies,
        settings,
    })
}

fn threshold_indicator(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Sli> {
    let mut fields = reader.fields(node, path)?;
    let metric_path = fields.path_of("thresholdMetric");
    let source =
        fields.required(reader, "thresholdMetric").and_then(|node| source(reader, node, &metric_path));
    fields.finish(reader);
    Some(Sli { meta: Meta::default(), description: None, metric: Metric::Threshold(source?) })
}

fn objective(reader: &mut Reader<'_>, node: &Node, path: &str, common: bool) -> Option<Objective> {
    let mut fields = reader.fields(node, path)?;
    let display_name = fields.text(reader, "displayName");
    let op_path = fields.path_of("op");
    let op = fields.get(reader, "op").and_then(|node| reader.choice(node, &op_path, &Op::WORDS));
    let value = fields.number(reader, "value");
    let target = target(reader, &mut fields);
    let ratio = fields.fields(reader, "ratioMetrics").and_then(|fields| ratio(reader, fields));
    match (fields.has("ratioMetrics"), common) {
        (false, false) => {
            reader.error(fields.mark, path, "has no `ratioMetrics`, and the SLO has no indicator", None)
        }
        (true, true) => {
            reader.error(fields.mark, path, "has `ratioMetrics` beside the SLO's own indicator", None)
        }
        _ => {}
    }
    fields.finish(reader);
    let indicator =
        ratio.map(|metric| Ref::Inline(Box::new(Sli { meta: Meta::default(), description: None, metric })));
    Some(Objective {
        display_name,
        target: target?,
        op,
        value,
        time_slice_target: None,
        time_slice_window: None,
        composite_weight: None,
        indicator,
    })
}

fn ratio(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<Metric> {
    let counter = fields.boolean(reader, "incremental").or(fields.boolean(reader, "counter"));
    let good_path = fields.path_of("good");
    let bad_path = fields.path_of("bad");
    let total_path = fields.path_of("total");
    let good = fields.get(reader, "good").and_then(|node| source(reader, node, &good_path));
    let bad = fields.get(reader, "bad").and_then(|node| source(reader, node, &bad_path));
    let total = fields.required(reader, "total").and_then(|node| source(reader, node, &total_path));
    if fields.has("good") == fields.has("bad") {
        reader.error(fields.mark, &fields.path.clone(), "must have one of `good` and `bad`", None);
    }
    fields.finish(reader);
    let total = total?;
    let parts = match (good, bad) {
        (Some(good), None) => RatioParts::Good { good, total },
        (None, Some(bad)) => RatioParts::Bad { bad, total },
        _ => return None,
    };
    Some(Metric::Ratio { counter, parts })
}

/// `{source, queryType, query, metadata?}`.
fn source(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Source> {
    let mut fields = reader.fields(node, path)?;
    let source_type = fields.required_text(reader, "source");
    let query_type = fields.text(reader, "queryType");
    let query = fields.required_text(reader, "query");
    let metadata = fields.get(reader, "metadata").map(Yaml::from);
    let mark = fields.mark;
    fields.finish(reader);
    let source_type = source_type?;
    let spec = MapBuilder::default()
        .text("queryType", query_type.as_deref())
        .text("query", query.as_deref())
        .maybe("metadata", metadata)
        .build();
    let found = Source::Foreign { source_type: Some(source_type), data_source: None, spec };
    match found.promql().map(crate::metric::Question::parse) {
        Some(Ok(_)) => {}
        Some(Err(error)) => {
            reader.error(mark, &format!("{path}.query"), format!("PromQL: {error}"), error.hint.clone());
            return None;
        }
        None => {
            if let Source::Foreign { source_type: Some(spoken), .. } = &found {
                reader.warn(mark, path, format!("source type {spoken} is not measured yet"));
            }
        }
    }
    Some(found)
}

fn time_windows(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Option<Window> {
    const UNITS: [(&str, PeriodUnit); 7] = [
        ("Minute", PeriodUnit::Minute),
        ("Hour", PeriodUnit::Hour),
        ("Day", PeriodUnit::Day),
        ("Week", PeriodUnit::Week),
        ("Month", PeriodUnit::Month),
        ("Quarter", PeriodUnit::Quarter),
        ("Year", PeriodUnit::Year),
    ];
    let path = spec.path_of("timeWindows");
    let node = spec.required(reader, "timeWindows")?;
    let before = reader.errors.len();
    let items = reader.items(node, &path);
    let [(item_path, item)] = items.as_slice() else {
        if reader.errors.len() == before {
            reader.error(
                node.mark,
                &path,
                format!("has {} entries, exactly one is needed", items.len()),
                None,
            );
        }
        return None;
    };
    let mut fields = reader.fields(item, item_path)?;
    let unit_path = fields.path_of("unit");
    let unit = fields.required(reader, "unit").and_then(|node| reader.choice(node, &unit_path, &UNITS));
    let count_path = fields.path_of("count");
    let count = fields.required(reader, "count").and_then(|node| match node.value {
        Raw::Int(count) if (1..=i64::from(Period::COUNT_MAX)).contains(&count) => u32::try_from(count).ok(),
        _ => {
            let message = format!("must be a whole number from 1 to {}", Period::COUNT_MAX);
            reader.error(node.mark, &count_path, message, None);
            None
        }
    });
    let rolling = fields.boolean(reader, "isRolling");
    let calendar = fields.fields(reader, "calendar");
    let mark = fields.mark;
    fields.finish(reader);
    let calendar = calendar.map(|mut calendar| {
        let start = calendar.required_text(reader, "startTime");
        let zone = calendar.required_text(reader, "timeZone");
        calendar.finish(reader);
        (start, zone)
    });
    let period = Period::new(count?, unit?);
    match calendar {
        Some((start, zone)) if rolling != Some(true) => {
            let (start, zone) = (start?, zone?);
            let start = start.trim().parse::<civil::DateTime>().ok();
            if start.is_none() || jiff::tz::TimeZone::get(&zone).is_err() {
                reader.error(mark, item_path, "`calendar` has no valid startTime and timeZone", None);
                return None;
            }
            Some(Window::Calendar { period, start: start?, zone })
        }
        _ => {
            if rolling.is_none() {
                reader.warn(mark, item_path, "`isRolling` is not said; read as a rolling window");
            }
            rolling_window(reader, period, mark, item_path)
        }
    }
}
