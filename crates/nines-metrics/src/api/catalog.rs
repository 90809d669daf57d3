//! Which series, labels, values, metadata and exemplars there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nines_base::Shutdown;
use nines_promql::{Control, Matcher};
use nines_series::{DamagedPart, EXEMPLARS_ANSWERED_MAX, Exemplar, Labels, Metadata, Select, SeriesError};

use super::{Data, Outcome, Refused, TRUNCATED, cut};
use crate::encode::{push_float, push_list, push_map, push_text, push_time};
use crate::parameters::{Parameters, TIME_MS_MAX, invalid, unescape_name};
use crate::questions::Questions;
use crate::source::{is_over, matcher};

/// Series that a question for label sets gives back: some hundred bytes of JSON each.
const SERIES_MAX: usize = 1_000_000;

impl Questions {
    pub(super) fn series(&self, parameters: &Parameters, cancel: &Shutdown) -> Outcome {
        let limit = parameters.limit("limit")?;
        let selectors = parameters.selectors()?;
        if selectors.is_empty() {
            return Err(Refused::bad_data("no match[] parameter provided"));
        }
        let range = self.range(parameters, cancel)?;
        let mut found: BTreeSet<Labels> = BTreeSet::new();
        let mut damaged: Vec<DamagedPart> = Vec::new();
        for selector in &selectors {
            let (labels, missing) = range.ask(selector, |select| self.store.series(select))?;
            found.extend(labels);
            damaged.extend(missing);
            if found.len() > SERIES_MAX {
                let text = format!("more than {SERIES_MAX} series match: narrow match[] or the time range");
                return Err(Refused::bad_data(text));
            }
        }
        let mut found: Vec<Labels> = found.into_iter().collect();
        let is_cut = cut(&mut found, limit);
        let mut json = String::new();
        push_list(&mut json, &found, push_stored_labels);
        Ok(truncated(Data::of(json), is_cut).warn_of(&damaged))
    }

    pub(super) fn label_names(&self, parameters: &Parameters, cancel: &Shutdown) -> Outcome {
        self.texts(parameters, cancel, |select| self.store.label_names(select))
    }

    pub(super) fn label_values(&self, name: &str, parameters: &Parameters, cancel: &Shutdown) -> Outcome {
        let name = unescape_name(name);
        if name.is_empty() {
            return Err(Refused::bad_data(format!("invalid label name: {name:?}")));
        }
        self.texts(parameters, cancel, |select| self.store.label_values(&name, select))
    }

    fn texts(
        &self,
        parameters: &Parameters,
        cancel: &Shutdown,
        ask: impl Fn(&Select<'_>) -> Result<Vec<Arc<str>>, SeriesError>,
    ) -> Outcome {
        let limit = parameters.limit("limit")?;
        let mut selectors = parameters.selectors()?;
        if selectors.is_empty() {
            selectors.push(Vec::new());
        }
        let range = self.range(parameters, cancel)?;
        let mut texts: BTreeSet<Arc<str>> = BTreeSet::new();
        for selector in &selectors {
            texts.extend(range.ask(selector, &ask)?);
        }
        let mut texts: Vec<Arc<str>> = texts.into_iter().collect();
        let is_cut = cut(&mut texts, limit);
        let mut json = String::new();
        push_list(&mut json, &texts, |out, text| push_text(out, text));
        Ok(truncated(Data::of(json), is_cut))
    }

    pub(super) fn metadata(&self, parameters: &Parameters) -> Outcome {
        let limit = parameters.limit("limit")?;
        // One entry a metric is kept, so every limit of them but a negative one is fine.
        parameters.limit("limit_per_metric")?;
        let wanted = parameters.get("metric");
        let mut known: Vec<(Arc<str>, Metadata)> = self.store.metadata();
        known.retain(|(metric, _)| wanted.is_none_or(|wanted| wanted == &**metric));
        known.truncate(limit);
        let mut json = String::from("{");
        for (index, (metric, metadata)) in known.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            push_text(&mut json, metric);
            json.push_str(":[");
            let pairs =
                [("type", metadata.kind.as_str()), ("help", &*metadata.help), ("unit", &*metadata.unit)];
            push_map(&mut json, pairs.into_iter());
            json.push(']');
        }
        json.push('}');
        Ok(Data::of(json))
    }

    pub(super) fn query_exemplars(&self, parameters: &Parameters, cancel: &Shutdown) -> Outcome {
        let start = parameters.time("start")?.unwrap_or(-TIME_MS_MAX);
        let end = parameters.time("end")?.unwrap_or(TIME_MS_MAX);
        if end < start {
            return Err(Refused::bad_data("end timestamp must not be before start timestamp"));
        }
        let expr = super::expression(parameters)?;
        let mut by_series: BTreeMap<Labels, Vec<Exemplar>> = BTreeMap::new();
        let (mut damaged, mut is_cut) = (Vec::new(), false);
        let range = self.range(parameters, cancel)?;
        for selector in expr.selectors() {
            let found = range.ask(&selector.matchers, |select| self.store.exemplars(select))?;
            // What two selectors find of a series is the same.
            by_series.extend(found.series);
            damaged.extend(found.damaged);
            is_cut |= found.is_cut;
        }
        let by_series: Vec<_> = by_series.into_iter().collect();
        let mut json = String::new();
        push_list(&mut json, &by_series, |out, (labels, exemplars)| {
            out.push_str("{\"seriesLabels\":");
            push_stored_labels(out, labels);
            out.push_str(",\"exemplars\":");
            push_list(out, exemplars, |out, exemplar| {
                out.push_str("{\"labels\":");
                push_stored_labels(out, &exemplar.labels);
                out.push_str(",\"value\":");
                push_float(out, exemplar.value);
                out.push_str(",\"timestamp\":");
                push_time(out, exemplar.t_ms);
                out.push('}');
            });
            out.push('}');
        });
        let mut data = Data::of(json);
        if is_cut {
            let text = format!("more than {EXEMPLARS_ANSWERED_MAX} exemplars match: the oldest are left out");
            data.warnings.push(text);
        }
        damaged.sort_unstable();
        damaged.dedup();
        Ok(data.warn_of(&damaged))
    }

    fn range(&self, parameters: &Parameters, cancel: &Shutdown) -> Result<Range, Refused> {
        let start_ms = parameters.time("start")?.unwrap_or(-TIME_MS_MAX);
        let end_ms = parameters.time("end")?.unwrap_or(TIME_MS_MAX);
        if end_ms < start_ms {
            return Err(invalid("end", "end timestamp must not be before start time"));
        }
        Ok(Range { start_ms, end_ms, control: self.control_of(parameters, cancel)? })
    }
}

/// The times that a question is about, and how long it may take.
struct Range {
    start_ms: i64,
    end_ms: i64,
    control: Control,
}

impl Range {
    fn ask<T>(
        &self,
        matchers: &[Matcher],
        ask: impl Fn(&Select<'_>) -> Result<T, SeriesError>,
    ) -> Result<T, Refused> {
        let matchers: Result<Vec<_>, _> = matchers.iter().map(matcher).collect();
        let answer = ask(&Select {
            matchers: &matchers?,
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            samples_max: u64::MAX,
            threads: 1,
            cancelled: &|| is_over(&self.control),
        });
        Ok(answer?)
    }
}

fn push_stored_labels(out: &mut String, labels: &Labels) {
    push_map(out, labels.iter().map(|(name, value)| (&**name, &**value)));
}

fn truncated(mut data: Data, is_cut: bool) -> Data {
    if is_cut {
        data.warnings.push(TRUNCATED.to_owned());
    }
    data
}
