//! An indicator made ready to judge events: two filters over one dataset.

use std::time::Duration;

use nines_base::ErrorKind;
use nines_filter::{Expr, Filter, FilterError, Operator, Test};
use nines_model::{Dataset, RowRef, RowSet, Rows, SmolStr, field};

use crate::document::{Metric, NinesSource, Objective, Op, RatioParts, Source, Threshold, duration_unit};
use crate::metric::MetricIndicator;

/// What an event says about a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Good,
    Bad,
}

/// Judges events of one dataset. Those that `total` selects count; of these, those that `good` selects are good.
///
/// The same two filters, lowered to a query, count history: every form of indicator becomes this one. An indicator
/// written with `bad` has `good = not (bad)`; a threshold has `total = filter and field:*` and `good = field op value`,
/// so an event without the field is not judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Indicator {
    pub dataset: Dataset,
    pub total: Filter,
    pub good: Filter,
}

/// What a promise is measured by.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// Events, judged one by one as they arrive.
    Events(Indicator),
    /// Series, asked interval by interval.
    Series(MetricIndicator),
}

impl Measure {
    /// # Errors
    /// [`NotMeasured`]: the promise is shown as invalid with this reason.
    pub fn compile(
        metric: &Metric,
        objective: &Objective,
        interval: Option<Duration>,
    ) -> Result<Self, NotMeasured> {
        match MetricIndicator::compile(metric, objective, interval)? {
            Some(indicator) => Ok(Self::Series(indicator)),
            None => Indicator::compile(metric, objective).map(Self::Events),
        }
    }

    pub fn events(&self) -> Option<&Indicator> {
        match self {
            Self::Events(indicator) => Some(indicator),
            Self::Series(_) => None,
        }
    }

    pub fn series(&self) -> Option<&MetricIndicator> {
        match self {
            Self::Events(_) => None,
            Self::Series(indicator) => Some(indicator),
        }
    }
}

impl From<Indicator> for Measure {
    fn from(indicator: Indicator) -> Self {
        Self::Events(indicator)
    }
}

/// What an indicator says about the rows of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    /// The rows that count.
    pub total: RowSet,
    /// Of these, the good ones.
    pub good: RowSet,
}

impl Judged {
    /// The rows that count, in order, each with its outcome.
    pub fn outcomes(&self) -> impl Iterator<Item = (usize, Outcome)> {
        let outcome = |row| if self.good.contains(row) { Outcome::Good } else { Outcome::Bad };
        self.total.iter().map(move |row| (row, outcome(row)))
    }
}

/// Why there is nothing to measure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotMeasured {
    #[error("source type {0} is not measured yet")]
    ForeignSource(String),
    #[error("a ratio that was computed elsewhere (`raw`) is not measured yet")]
    Raw,
    #[error("the objective has no indicator")]
    NoIndicator,
    #[error("the threshold is missing")]
    NoThreshold,
    #[error("good and total read different datasets")]
    Datasets,
    #[error("PromQL: {0}")]
    Query(String),
    #[error("filter: {0}")]
    Filter(#[from] FilterError),
}

impl NotMeasured {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl Indicator {
    /// # Errors
    /// [`NotMeasured`]: the promise is shown as invalid with this reason.
    pub fn compile(metric: &Metric, objective: &Objective) -> Result<Self, NotMeasured> {
        match metric {
            Metric::Ratio { parts: RatioParts::Good { good, total }, .. } => {
                let (good, total) = same_dataset(ours(good)?, ours(total)?)?;
                Ok(Self {
                    dataset: total.dataset,
                    total: Filter::parse(&total.filter)?,
                    good: Filter::parse(&good.filter)?,
                })
            }
            Metric::Ratio { parts: RatioParts::Bad { bad, total }, .. } => {
                let (bad, total) = same_dataset(ours(bad)?, ours(total)?)?;
                let good = Filter::from_ast(Expr::not(Filter::parse(&bad.filter)?.ast().clone()));
                Ok(Self { dataset: total.dataset, total: Filter::parse(&total.filter)?, good })
            }
            Metric::Ratio { parts: RatioParts::Raw { .. }, .. } => Err(NotMeasured::Raw),
            Metric::Threshold(source) => threshold(ours(source)?, objective),
        }
    }

    /// `None` if the event does not count. The caller has checked the dataset.
    pub fn classify(&self, row: RowRef<'_>) -> Option<Outcome> {
        if !self.total.accepts(&row) {
            return None;
        }
        Some(if self.good.accepts(&row) { Outcome::Good } else { Outcome::Bad })
    }

    /// Of the rows in `within`, those that count, and of these the good ones: as [`Indicator::classify`], for a whole
    /// batch.
    pub(crate) fn judge(&self, rows: &Rows, within: &RowSet) -> Judged {
        let total = self.total.select_within(rows, within);
        let good = if total.is_empty() { total.clone() } else { self.good.select_within(rows, &total) };
        Judged { total, good }
    }

    /// The one service whose events can count, if the filter names one outright. Events of others need not be judged.
    pub(crate) fn only_service(&self) -> Option<SmolStr> {
        let named = |part: &Expr| -> Option<SmolStr> {
            let Expr::Compare(comparison) = part else { return None };
            match &comparison.test {
                Test::Is(Operator::Equal, literal) if comparison.field == field::SERVICE_NAME => {
                    Some(SmolStr::new(literal.text()))
                }
                _ => None,
            }
        };
        match self.total.ast() {
            Expr::And(parts) => parts.iter().find_map(named),
            alone => named(alone),
        }
    }

    /// Fields that define this indicator: they cannot explain its badness.
    pub(crate) fn own_fields(&self) -> Vec<&str> {
        let mut fields = self.total.fields();
        fields.extend(self.good.fields());
        fields
    }
}

fn ours(source: &Source) -> Result<&NinesSource, NotMeasured> {
    match source {
        Source::Nines(source) => Ok(source),
        Source::Foreign { source_type, data_source, .. } => {
            let name = source_type.as_deref().or(data_source.as_deref()).unwrap_or("unknown");
            Err(NotMeasured::ForeignSource(name.to_owned()))
        }
    }
}

fn same_dataset<'a>(
    part: &'a NinesSource,
    total: &'a NinesSource,
) -> Result<(&'a NinesSource, &'a NinesSource), NotMeasured> {
    if part.dataset == total.dataset { Ok((part, total)) } else { Err(NotMeasured::Datasets) }
}

fn threshold(source: &NinesSource, objective: &Objective) -> Result<Indicator, NotMeasured> {
    let name = source.field.as_deref().ok_or(NotMeasured::NoThreshold)?;
    let op = objective.op.unwrap_or(Op::Lte).symbol();
    let unit = source.unit.as_deref();
    // Numbers in a unit become the field's own unit: nanoseconds for durations, else the filter language's reading of
    // a time literal (`response_time_ms < 300ms` compares 300).
    let number = |value: f64| match (name == field::DURATION_NS, unit) {
        (true, _) => format!("{}", (value * duration_unit(unit)).round()),
        (false, Some(unit)) => format!("{value}{unit}"),
        (false, None) => format!("{value}"),
    };
    let value = match (&source.threshold, objective.value) {
        (Some(Threshold::Latency { nanos, .. }), _) if name == field::DURATION_NS => {
            format!("{}", nanos.round())
        }
        (Some(Threshold::Latency { text, .. }), _) => text.clone(),
        (Some(Threshold::Number(value)), _) => number(*value),
        (None, Some(value)) => number(value),
        (None, None) => return Err(NotMeasured::NoThreshold),
    };
    let quoted = format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    let exists = Filter::parse(&format!("{quoted}: *"))?;
    let good = Filter::parse(&format!("{quoted} {op} {value}"))?;
    Ok(Indicator { dataset: source.dataset, total: Filter::parse(&source.filter)?.and(exists), good })
}
