//! Calls of functions that take no range vector, and scalars.

use crate::annotations::Note;
use crate::ast::{Expr, Kind, Span};
use crate::error::QueryError;
use crate::eval::select::Read;
use crate::eval::{Evaluator, Looks, map_floats};
use crate::functions::{Function, Id};
use crate::labels::{Labels, METRIC_NAME};
use crate::matcher::{MatchOp, Matcher};
use crate::row::{Cell, Row, is_absent, present};

impl Evaluator<'_> {
    pub(super) fn scalar_call(&self, expr: &Expr) -> Result<Vec<f64>, QueryError> {
        let Kind::Call { function, args } = &expr.kind else {
            return Err(QueryError::execution("expected a function"));
        };
        let steps = self.grid.steps;
        let times = self.run.times;
        let constant = |value: f64| Ok(vec![value; steps]);
        match function.id {
            Id::Time => Ok((0..steps).map(|step| self.grid.time(step) as f64 / 1000.0).collect()),
            Id::Pi => constant(std::f64::consts::PI),
            Id::Start => constant(times.start as f64 / 1000.0),
            Id::End => constant(times.end as f64 / 1000.0),
            Id::Step => constant(times.step as f64 / 1000.0),
            Id::Range => constant((times.end - times.start) as f64 / 1000.0),
            Id::MinOf | Id::MaxOf => {
                let (a, b) = (self.scalar(&args[0])?, self.scalar(&args[1])?);
                let least = function.id == Id::MinOf;
                let pick = |(a, b): (f64, f64)| match (a.is_nan() || b.is_nan(), least) {
                    (true, _) => f64::NAN,
                    (_, true) => a.min(b),
                    (_, false) => a.max(b),
                };
                Ok(a.into_iter().zip(b).map(pick).collect())
            }
            Id::Scalar => self.only_value(&args[0]),
            _ => Err(QueryError::execution(format!("{} is no scalar", function.name))),
        }
    }

    /// `scalar`: the float of the only element that has one.
    fn only_value(&self, arg: &Expr) -> Result<Vec<f64>, QueryError> {
        let steps = self.grid.steps;
        let mut values = vec![f64::NAN; steps];
        let mut counts = vec![0_u32; steps];
        self.stream(arg, &mut |row| {
            for (step, value) in row.values.iter().enumerate() {
                if !is_absent(*value) {
                    values[step] = *value;
                    counts[step] = counts[step].saturating_add(1);
                }
            }
            Ok(())
        })?;
        for (value, count) in values.iter_mut().zip(counts) {
            if count != 1 {
                *value = f64::NAN;
            }
        }
        Ok(values)
    }

    pub(super) fn vector_call(
        &self,
        function: &'static Function,
        args: &[Expr],
        expr: &Expr,
    ) -> Result<Vec<Row>, QueryError> {
        let sorts = matches!(function.id, Id::Sort | Id::SortDesc | Id::SortByLabel | Id::SortByLabelDesc);
        if sorts && self.run.times.step > 0 {
            self.run.note(Note::SortInRange, expr.span);
        }
        match function.id {
            Id::Vector => {
                let values = self.scalar(&args[0])?;
                let values = values.into_iter().map(present).collect();
                let labels = Labels::default();
                Ok(vec![Row { labels, drop_name: false, values, histograms: Vec::new() }])
            }
            Id::Absent => self.absent(&args[0]),
            Id::AbsentOverTime => self.absent_over_time(&args[0]),
            Id::Timestamp | Id::StartTimestamp => self.timestamp(function.id, &args[0]),
            Id::LabelReplace => self.label_replace(args),
            Id::LabelJoin => self.label_join(args),
            Id::Info => self.info(args),
            Id::Sort | Id::SortDesc => self.sort(&args[0], function.id == Id::SortDesc),
            Id::SortByLabel | Id::SortByLabelDesc => {
                self.sort_by_label(args, function.id == Id::SortByLabelDesc)
            }
            Id::HistogramQuantile => {
                let q = self.scalar(&args[0])?;
                self.histogram_quantiles(&args[1], None, &[(q, args[0].span)])
            }
            Id::HistogramQuantiles => {
                let label = self.text(&args[1])?;
                let qs: Result<Vec<(Vec<f64>, Span)>, QueryError> =
                    args[2..].iter().map(|arg| Ok((self.scalar(arg)?, arg.span))).collect();
                self.histogram_quantiles(&args[0], Some(&label), &qs?)
            }
            Id::HistogramFraction => self.histogram_fraction(args),
            Id::HistogramCount
            | Id::HistogramSum
            | Id::HistogramAvg
            | Id::HistogramStddev
            | Id::HistogramStdvar => self.of_histograms(function.id, &args[0]),
            Id::DayOfMonth
            | Id::DayOfWeek
            | Id::DayOfYear
            | Id::DaysInMonth
            | Id::Hour
            | Id::Minute
            | Id::Month
            | Id::Year => self.calendar(function.id, args.first()),
            _ => self.of_each_float(function, args, expr),
        }
    }

    /// A string argument.
    pub(super) fn text(&self, arg: &Expr) -> Result<String, QueryError> {
        match &arg.inner().kind {
            Kind::Text(text) => Ok(text.value.clone()),
            _ => Err(QueryError::execution("expected a string")),
        }
    }

    /// A string argument that must be the name of a label. `what` says which, for the message.
    pub(super) fn label_name(&self, arg: &Expr, what: &str) -> Result<String, QueryError> {
        match &arg.inner().kind {
            Kind::Text(text) if text.bytes_if_not_utf8.is_none() && !text.value.is_empty() => {
                Ok(text.value.clone())
            }
            Kind::Text(text) => Err(QueryError::execution(format!("invalid {what} {text}"))),
            _ => Err(QueryError::execution("expected a string")),
        }
    }

    fn absent(&self, arg: &Expr) -> Result<Vec<Row>, QueryError> {
        let mut values = vec![1.0; self.grid.steps];
        self.stream(arg, &mut |row| {
            for (step, out) in values.iter_mut().enumerate() {
                let histogram = matches!(row.histograms.get(step), Some(Some(_)));
                if histogram || !is_absent(row.values[step]) {
                    *out = crate::row::ABSENT;
                }
            }
            Ok(())
        })?;
        Ok(self.absence(arg, values, false))
    }

    fn absent_over_time(&self, arg: &Expr) -> Result<Vec<Row>, QueryError> {
        let mut values = vec![1.0; self.grid.steps];
        self.range_call(Id::AbsentOverTime, std::slice::from_ref(arg), 0, &mut |row| {
            for (step, out) in values.iter_mut().enumerate() {
                if !is_absent(row.values[step]) {
                    *out = crate::row::ABSENT;
                }
            }
            Ok(())
        })?;
        Ok(self.absence(arg, values, true))
    }

    /// Ones with the labels that the selector asked for.
    fn absence(&self, arg: &Expr, values: Vec<f64>, drop_name: bool) -> Vec<Row> {
        if values.iter().all(|value| is_absent(*value)) {
            return Vec::new();
        }
        let matchers: &[Matcher] = match &arg.inner().kind {
            Kind::Vector(selector) => &selector.matchers,
            Kind::Matrix(matrix) => &matrix.selector.matchers,
            _ => &[],
        };
        let mut labels = Labels::default();
        let mut seen: Vec<&str> = Vec::new();
        for matcher in matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
            // A label that is asked for twice cannot be told.
            if matcher.op() == MatchOp::Equal && !seen.contains(&matcher.name()) {
                labels = labels.with(matcher.name(), matcher.value());
                seen.push(matcher.name());
            } else {
                labels = labels.with(matcher.name(), "");
            }
        }
        vec![Row { labels, drop_name, values, histograms: Vec::new() }]
    }

    fn timestamp(&self, id: Id, arg: &Expr) -> Result<Vec<Row>, QueryError> {
        let mut rows = Vec::new();
        if let Kind::Vector(selector) = &arg.inner().kind {
            let read = if id == Id::Timestamp { Read::Time } else { Read::Start };
            let looks = self.looks(selector)?;
            self.vector_at(&selector.matchers, looks, read, None, &mut |row| {
                self.run.keep(row.values.len())?;
                rows.push(row.to_row());
                Ok(())
            })?;
        } else if id == Id::Timestamp {
            rows = self.rows(arg)?;
            for row in &mut rows {
                for step in 0..self.grid.steps {
                    if row.has(step) {
                        row.values[step] = self.grid.time(step) as f64 / 1000.0;
                    }
                }
                row.histograms = Vec::new();
            }
        }
        rows.iter_mut().for_each(|row| self.drop_name(row));
        self.merged(rows)
    }

    /// Functions of one float with constants of the step: `abs`, `clamp`, `round`, …
    fn of_each_float(
        &self,
        function: &'static Function,
        args: &[Expr],
        expr: &Expr,
    ) -> Result<Vec<Row>, QueryError> {
        let scalars: Result<Vec<Vec<f64>>, QueryError> =
            args[1..].iter().map(|arg| self.scalar(arg)).collect();
        let scalars = scalars?;
        let mut rows = self.rows(&args[0])?;
        for row in &mut rows {
            match super::instant_fn::of_one(function.id) {
                Some(change) => map_floats(row, change),
                None => {
                    row.histograms = Vec::new();
                    for step in 0..self.grid.steps {
                        if is_absent(row.values[step]) {
                            continue;
                        }
                        let constant = |at: usize| scalars.get(at).map(|values| values[step]);
                        let value = super::instant_fn::with_constants(
                            function.id,
                            row.values[step],
                            constant(0),
                            constant(1),
                        );
                        let Some(value) = value else {
                            let text = format!("{} cannot be evaluated at {:?}", function.name, expr.span);
                            return Err(QueryError::execution(text));
                        };
                        row.values[step] = if is_absent(value) { value } else { present(value) };
                    }
                }
            }
            self.drop_name(row);
        }
        rows.retain(|row| !row.is_empty());
        self.merged(rows)
    }

    fn calendar(&self, id: Id, arg: Option<&Expr>) -> Result<Vec<Row>, QueryError> {
        let Some(arg) = arg else {
            let at = |step| super::instant_fn::calendar(id, (self.grid.time(step).div_euclid(1000)) as f64);
            let values = (0..self.grid.steps).map(at).collect();
            let labels = Labels::default();
            return Ok(vec![Row { labels, drop_name: false, values, histograms: Vec::new() }]);
        };
        let mut rows = self.rows(arg)?;
        for row in &mut rows {
            map_floats(row, |value| super::instant_fn::calendar(id, value));
            self.drop_name(row);
        }
        rows.retain(|row| !row.is_empty());
        self.merged(rows)
    }

    fn of_histograms(&self, id: Id, arg: &Expr) -> Result<Vec<Row>, QueryError> {
        let finds_resets = matches!(id, Id::HistogramCount | Id::HistogramSum | Id::HistogramAvg);
        let mut rows = Evaluator { finds_resets, ..*self }.rows(arg)?;
        rows.retain(|row| !row.histograms.is_empty());
        for row in &mut rows {
            let histograms = std::mem::take(&mut row.histograms);
            for (value, histogram) in row.values.iter_mut().zip(histograms) {
                *value = histogram.map_or(crate::row::ABSENT, |histogram| {
                    present(match id {
                        Id::HistogramCount => histogram.count,
                        Id::HistogramSum => histogram.sum,
                        Id::HistogramAvg => histogram.sum / histogram.count,
                        Id::HistogramStdvar => histogram.variance(),
                        _ => histogram.variance().sqrt(),
                    })
                });
            }
            self.drop_name(row);
        }
        self.merged(rows)
    }

    fn histogram_fraction(&self, args: &[Expr]) -> Result<Vec<Row>, QueryError> {
        let (lower, upper) = (self.scalar(&args[0])?, self.scalar(&args[1])?);
        let span = args[2].span;
        self.over_histograms(&args[2], |step, found, metric| match found {
            super::instant_fn::Observed::Native(histogram) => {
                if histogram.sum.is_nan() {
                    self.run.note(Note::FractionNan { metric: metric.to_owned() }, span);
                }
                histogram.fraction(lower[step], upper[step])
            }
            super::instant_fn::Observed::Classic(buckets) => {
                crate::histogram::classic_fraction(lower[step], upper[step], buckets)
            }
        })
    }

    pub(super) fn looks_at(&self, at: Option<i64>, offset: i64) -> Looks {
        Looks::new(self.grid, at, offset)
    }

    fn sort(&self, arg: &Expr, descending: bool) -> Result<Vec<Row>, QueryError> {
        let mut rows = self.rows(arg)?;
        if self.grid.steps != 1 {
            rows.iter_mut().for_each(|row| row.histograms = Vec::new());
            rows.retain(|row| !row.is_empty());
            return Ok(rows);
        }
        rows.retain(|row| matches!(row.get(0), Some(Cell::Float(_))));
        rows.sort_by(|a, b| super::pick::nan_last(a.values[0], b.values[0], descending));
        Ok(rows)
    }

    fn sort_by_label(&self, args: &[Expr], descending: bool) -> Result<Vec<Row>, QueryError> {
        let names: Result<Vec<String>, QueryError> = args[1..].iter().map(|arg| self.text(arg)).collect();
        let names = names?;
        let mut rows = self.rows(&args[0])?;
        rows.sort_by(|a, b| {
            let by_names = names
                .iter()
                .map(|name| super::label_fn::natural_order(a.labels.get(name), b.labels.get(name)));
            let order = by_names
                .fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
                .then_with(|| a.labels.cmp(&b.labels));
            if descending { order.reverse() } else { order }
        });
        Ok(rows)
    }
}
