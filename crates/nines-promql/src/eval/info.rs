//! `info`: series with the labels of the info metrics that describe the same target.

use std::collections::{BTreeMap, HashMap};

use crate::ast::{Expr, Kind};
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::select::Latest;
use crate::labels::{Labels, METRIC_NAME};
use crate::matcher::{MatchOp, Matcher};
use crate::row::{Cell, Row, SAME_LABELS};
use crate::source::Selection;

/// The info metric that is meant if none is named.
const TARGET_INFO: &str = "target_info";
/// What tells targets apart, as OpenTelemetry's mapping to Prometheus has it.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// An info series with the time of its sample at each step.
struct InfoSeries {
    labels: Labels,
    /// When the sample was taken that is current at that step.
    taken: Vec<Option<i64>>,
}

impl Evaluator<'_> {
    pub(super) fn info(&self, args: &[Expr]) -> Result<Vec<Row>, QueryError> {
        let base = self.rows(&args[0])?;
        let by_target_info = || Matcher::new(METRIC_NAME, MatchOp::Equal, TARGET_INFO);
        let mut names: Vec<Matcher> = Vec::new();
        let mut data: Vec<Matcher> = Vec::new();
        if let Some(Kind::Vector(selector)) = args.get(1).map(|arg| &arg.kind) {
            for matcher in &selector.matchers {
                if matcher.name() == METRIC_NAME {
                    names.push(matcher.clone())
                } else {
                    data.push(matcher.clone())
                }
            }
        }
        // Series that are info series themselves stay as they are. Without a name only `target_info` is one, and then
        // only if there is no selector at all.
        let named = !names.is_empty();
        if !named {
            names.push(by_target_info().map_err(QueryError::Execution)?);
        } else if !names.iter().any(|matcher| matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex)) {
            // Names that are excluded say nothing of what an info metric is.
            let info = Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info");
            names.push(info.map_err(QueryError::Execution)?);
        }
        let is_info = |labels: &Labels| {
            (named || args.len() < 2) && names.iter().all(|matcher| matcher.matches_labels(labels))
        };
        let infos = self.info_series(&args[0], &base, &names, &data, &is_info)?;
        let mut out = Joined { rows: Vec::new(), places: HashMap::new(), steps: self.grid.steps };
        for row in &base {
            self.run.go_on()?;
            if is_info(&row.labels) {
                for step in 0..self.grid.steps {
                    if let Some(cell) = row.get(step) {
                        out.put(&row.labels, row.drop_name, step, cell)?;
                    }
                }
                continue;
            }
            self.enrich(row, &infos, &data, &mut out)?;
        }
        self.run.keep(out.rows.len() * self.grid.steps)?;
        Ok(out.rows)
    }

    /// The info series that belong to the base series, looked at when the base series were.
    fn info_series(
        &self,
        arg: &Expr,
        base: &[Row],
        names: &[Matcher],
        data: &[Matcher],
        is_info: &dyn Fn(&Labels) -> bool,
    ) -> Result<Vec<InfoSeries>, QueryError> {
        let mut matchers: Vec<Matcher> = names.iter().chain(data).cloned().collect();
        let mut identified = false;
        for label in IDENTIFYING {
            let wanted = base.iter().filter(|row| !is_info(&row.labels)).map(|row| row.labels.get(label));
            let mut values: Vec<String> =
                wanted.filter(|value| !value.is_empty()).map(regex::escape).collect();
            values.sort();
            values.dedup();
            if !values.is_empty() {
                identified = true;
                // So many that the expression gets too large are not filtered here but by the join.
                if let Ok(matcher) = Matcher::new(label, MatchOp::Regex, &values.join("|")) {
                    matchers.push(matcher);
                }
            }
        }
        if !identified {
            return Ok(Vec::new());
        }
        let (at, offset) = self.reference(arg)?;
        let looks = self.looks_at(at, offset);
        let lookback = self.run.options.lookback_ms;
        let selection = Selection {
            matchers: &matchers,
            start_ms: looks.first() - lookback + 1,
            end_ms: looks.last(),
            step_ms: looks.step(),
            range_ms: 0,
            function: Some("info"),
        };
        let mut found = Vec::new();
        let mut set = self.run.source.select(&selection)?;
        while let Some(view) = set.next()? {
            self.run.read(view.times.len() + view.histograms.len())?;
            let mut latest = Latest::default();
            let mut taken = vec![None; looks.steps()];
            for (step, taken) in taken.iter_mut().enumerate() {
                if let Some(sample) = latest.at(&view, looks.at(step), lookback) {
                    if matches!(sample.cell, Cell::Histogram(_)) {
                        let text =
                            format!("this should be an info metric, with float samples: {}", view.labels);
                        return Err(QueryError::execution(text));
                    }
                    *taken = Some(sample.time);
                }
            }
            found.push(InfoSeries { labels: view.labels.clone(), taken });
        }
        Ok(found)
    }

    /// The instant that the first selector in `arg` looks at: fixed, or so much before each step.
    fn reference(&self, arg: &Expr) -> Result<(Option<i64>, i64), QueryError> {
        let mut expr = arg;
        let (mut at, mut offset) = (None, 0);
        let mut look = |self_at: Option<i64>, self_offset: i64| {
            if self_at.is_some() {
                (at, offset) = (self_at, 0);
            }
            offset += self_offset;
        };
        loop {
            match &expr.kind {
                Kind::Vector(selector) => {
                    look(self.resolve_at(selector.at), self.offset(selector.offset.as_ref())?);
                    return Ok((at, offset));
                }
                Kind::Matrix(matrix) => {
                    let selector = &matrix.selector;
                    look(self.resolve_at(selector.at), self.offset(selector.offset.as_ref())?);
                    return Ok((at, offset));
                }
                Kind::Subquery(subquery) => {
                    look(self.resolve_at(subquery.at), self.offset(subquery.offset.as_ref())?);
                }
                _ => {}
            }
            match expr.children().into_iter().find(|child| !child.selectors().is_empty()) {
                Some(child) => expr = child,
                None => return Ok((at, offset)),
            }
        }
    }

    fn enrich(
        &self,
        row: &Row,
        infos: &[InfoSeries],
        data: &[Matcher],
        out: &mut Joined,
    ) -> Result<(), QueryError> {
        // The current series of each info metric, by the labels that the base series has.
        let mut by_name: BTreeMap<&str, Vec<&InfoSeries>> = BTreeMap::new();
        for info in infos {
            let same = |label: &&str| info.labels.get(label) == row.labels.get(label);
            if IDENTIFYING.iter().all(same) {
                by_name.entry(info.labels.metric_name()).or_default().push(info);
            }
        }
        let must_match = data.iter().any(|matcher| !matcher.matches(""));
        let mut known: HashMap<Vec<*const InfoSeries>, Labels> = HashMap::new();
        for step in 0..self.grid.steps {
            let Some(cell) = row.get(step) else { continue };
            let mut current: Vec<&InfoSeries> = Vec::new();
            for series in by_name.values() {
                if let Some(newest) = newest(series, step)? {
                    current.push(newest);
                }
            }
            if current.is_empty() && must_match {
                continue;
            }
            let key: Vec<*const InfoSeries> = current.iter().map(|info| std::ptr::from_ref(*info)).collect();
            let labels = match known.get(&key) {
                Some(labels) => labels.clone(),
                None => {
                    let labels = with_info(&row.labels, &current, data)?;
                    known.insert(key, labels.clone());
                    labels
                }
            };
            out.put(&labels, row.drop_name, step, cell)?;
        }
        Ok(())
    }
}

/// The series whose sample is the newest; two of the same time contradict each other.
fn newest<'i>(series: &[&'i InfoSeries], step: usize) -> Result<Option<&'i InfoSeries>, QueryError> {
    let mut best: Option<(&InfoSeries, i64)> = None;
    for info in series {
        let Some(taken) = info.taken[step] else { continue };
        match best {
            Some((other, time)) if time == taken => {
                return Err(QueryError::execution(format!(
                    "found duplicate series for info metric: existing {} @ {time}, new {} @ {taken}",
                    other.labels, info.labels
                )));
            }
            Some((_, time)) if time > taken => {}
            _ => best = Some((info, taken)),
        }
    }
    Ok(best.map(|(info, _)| info))
}

fn with_info(base: &Labels, infos: &[&InfoSeries], data: &[Matcher]) -> Result<Labels, QueryError> {
    let mut added: BTreeMap<&str, &str> = BTreeMap::new();
    for info in infos {
        for label in info.labels.iter().filter(|label| label.name != METRIC_NAME) {
            if !data.is_empty() && !data.iter().any(|matcher| matcher.name() == label.name) {
                continue;
            }
            match added.get(label.name.as_str()) {
                Some(value) if *value != label.value => {
                    return Err(QueryError::execution(format!("conflicting label: {}", label.name)));
                }
                _ if !base.get(&label.name).is_empty() => {}
                _ => {
                    added.insert(&label.name, &label.value);
                }
            }
        }
    }
    let old = base.iter().map(|label| (label.name.as_str(), label.value.as_str()));
    Ok(Labels::new(old.chain(added)))
}

/// Rows under construction, by labels.
struct Joined {
    rows: Vec<Row>,
    places: HashMap<Labels, usize>,
    steps: usize,
}

impl Joined {
    fn put(&mut self, labels: &Labels, drop_name: bool, step: usize, cell: Cell) -> Result<(), QueryError> {
        let place = match self.places.get(labels) {
            Some(place) => *place,
            None => {
                self.places.insert(labels.clone(), self.rows.len());
                self.rows.push(Row::empty(labels.clone(), drop_name, self.steps));
                self.rows.len() - 1
            }
        };
        let row = &mut self.rows[place];
        if row.has(step) {
            return Err(QueryError::execution(SAME_LABELS));
        }
        row.set(step, cell);
        Ok(())
    }
}
