//! Indicators that are read from series with PromQL: what is asked, and how its answer becomes good and bad events.
//!
//! # How a metric becomes counts
//! - **Counted.** A ratio of counters (a selector of a counter, `rate`, `increase` or `sum` of one, their sums and
//!   differences) is counted from the samples themselves: what a series gained between two samples happened at the later
//!   one; a value that fell is a reset and counts whole. Windows of `rate` and `increase` are replaced by that, because a
//!   window is the objective's business. Nothing is extrapolated, so that the counts of neighbouring intervals add up to
//!   those of the longer one, and live counts equal those that a restart reads from the store.
//! - **Observed.** A threshold on a histogram counts observations at or below it, exactly where the threshold is a bucket's
//!   boundary; otherwise interpolated, with the two boundaries as bound ([`Bound`]).
//! - **Sampled.** Everything else is asked once per interval. Every value of a threshold metric is one event of that
//!   interval. A ratio of values counts [`PARTS`] per interval, because what it was a ratio of cannot be added up.
//!
//! What a query gives no value for was not measured: it is neither good nor bad.

mod count;

use std::time::Duration;

use nines_promql::ast::{AggregateOp, BinaryOp, Expr, Kind, Selector};
use nines_promql::{Matcher, ParseError};

pub use count::{Bound, CountError, Counted, GAP_MAX};

use crate::document::{Metric, Objective, Op, RatioParts, Source};
use crate::indicator::NotMeasured;

/// How often a query is asked if the objective's annotation `nines/interval` says nothing; a usual scrape interval.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(15);
/// What an interval counts as in a ratio whose values are no counts: thousandths.
pub const PARTS: u64 = 1_000;
/// What generators of rules write where they put a window. It is replaced before the query is read.
const WINDOW_PLACEHOLDERS: [&str; 3] = ["{{.window}}", "{{ .window }}", "{{ .Window }}"];
/// What stands for it; counting does not look at it, and for sampled queries it is a usual window.
const WINDOW_INSTEAD: &str = "5m";
/// Over which a bare counter that cannot be counted sample by sample is looked at.
const RATIO_WINDOW: &str = "5m";

/// An indicator over series.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricIndicator {
    pub form: MetricForm,
    pub interval: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MetricForm {
    /// Counters: `part` of `total` is bad, or good.
    Counts { part: Question, is_bad: bool, total: Question },
    /// Values of an interval: `part / total`, or `part` alone where `total` is absent.
    Share { part: Question, is_bad: bool, total: Option<Question> },
    /// A threshold on values, or on the observations of a histogram if the series turn out to be one.
    Threshold { of: Question, op: Op, value: f64 },
}

/// A query that has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// As it is asked: with placeholders replaced.
    pub text: String,
    expr: Expr,
    /// The counters that it adds up, if that is all that it does.
    leaves: Option<Vec<Leaf>>,
}

/// A selector of counters with its sign and weight.
#[derive(Debug, Clone, PartialEq)]
struct Leaf {
    matchers: Vec<Matcher>,
    name: Option<String>,
    factor: f64,
    offset_ms: i64,
    /// Written as a bare selector, so that only its name says whether it is a counter.
    bare: bool,
}

impl Question {
    /// # Errors
    /// What PromQL's parser says, or that the answer would not be a set of values.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = without_placeholders(text);
        let expr = nines_promql::parse(&text)?;
        let mut leaves = Vec::new();
        let leaves = linear(&expr, 1.0, &mut leaves).then_some(leaves).filter(|leaves| !leaves.is_empty());
        Ok(Self { text, expr, leaves })
    }

    /// The metric names that its selectors ask for, each once.
    pub fn metric_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        walk_selectors(&self.expr, &mut |selector| {
            if let Some(name) = selector.metric_name()
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
        });
        names
    }

    fn counters(&self, declared: Option<bool>) -> Option<&[Leaf]> {
        let is_counter = |leaf: &Leaf| {
            !leaf.bare || declared.unwrap_or_else(|| leaf.name.as_deref().is_some_and(has_counter_name))
        };
        self.leaves.as_deref().filter(|leaves| leaves.iter().all(is_counter))
    }

    /// The family whose parts are scraped together: `x` of `x_bucket`, `x_count` and `x_sum`.
    fn family(&self) -> Option<&str> {
        let mut names = self.leaves.iter().flatten().map(|leaf| leaf.name.as_deref());
        let first = family(names.next()??);
        names.all(|name| name.map(family) == Some(first)).then_some(first)
    }

    /// For a query that is no sum of counters: what is asked instead of a bare counter, whose value says nothing.
    fn windowed(mut self, declared: Option<bool>) -> Result<Self, ParseError> {
        let bare = matches!(self.expr.kind, Kind::Vector(_));
        if bare && self.counters(declared).is_some() {
            self = Self::parse(&format!("sum(increase({}[{RATIO_WINDOW}]))", self.text))?;
        }
        Ok(self)
    }

    /// The one histogram that a threshold may be about.
    fn histogram(&self) -> Option<&Leaf> {
        match self.leaves.as_deref() {
            Some([leaf]) if leaf.factor == 1.0 => Some(leaf),
            _ => None,
        }
    }
}

fn without_placeholders(text: &str) -> String {
    let mut text = text.trim().to_owned();
    for placeholder in WINDOW_PLACEHOLDERS {
        text = text.replace(placeholder, WINDOW_INSTEAD);
    }
    text
}

fn has_counter_name(name: &str) -> bool {
    ["_total", "_count", "_bucket", "_sum"].iter().any(|suffix| name.ends_with(suffix))
}

fn family(name: &str) -> &str {
    let cut = ["_count", "_bucket", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix));
    cut.unwrap_or(name)
}

/// Whether `expr` only adds counters up; their selectors go to `leaves`.
fn linear(expr: &Expr, factor: f64, leaves: &mut Vec<Leaf>) -> bool {
    match &expr.kind {
        Kind::Paren(inner) => linear(inner, factor, leaves),
        Kind::Unary { negative, expr } => linear(expr, if *negative { -factor } else { factor }, leaves),
        Kind::Aggregate(aggregate) => {
            aggregate.op == AggregateOp::Sum && linear(&aggregate.expr, factor, leaves)
        }
        Kind::Vector(selector) => leaf(selector, factor, true, leaves),
        Kind::Call { function, args } => match (function.name, args.as_slice()) {
            ("rate" | "increase" | "irate", [arg]) => match &arg.kind {
                Kind::Matrix(matrix) => leaf(&matrix.selector, factor, false, leaves),
                _ => false,
            },
            ("histogram_count", [arg]) => linear(arg, factor, leaves),
            _ => false,
        },
        Kind::Binary(binary) => match binary.op {
            BinaryOp::Add => linear(&binary.left, factor, leaves) && linear(&binary.right, factor, leaves),
            BinaryOp::Sub => linear(&binary.left, factor, leaves) && linear(&binary.right, -factor, leaves),
            // `… or vector(0)` says what is so here anyway: what is not there adds nothing.
            BinaryOp::Or => is_zero(&binary.right) && linear(&binary.left, factor, leaves),
            _ => false,
        },
        _ => false,
    }
}

fn is_zero(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Paren(inner) => is_zero(inner),
        Kind::Number { value, .. } => *value == 0.0,
        Kind::Call { function, args } => function.name == "vector" && args.iter().all(is_zero),
        _ => false,
    }
}

fn leaf(selector: &Selector, factor: f64, bare: bool, leaves: &mut Vec<Leaf>) -> bool {
    let times = nines_promql::ast::QueryTimes::default();
    let offset = selector.offset.as_ref().map_or(Ok(0), |offset| offset.resolve(times));
    let (None, Ok(offset_ms)) = (&selector.at, offset) else { return false };
    leaves.push(Leaf {
        matchers: selector.matchers.clone(),
        name: selector.metric_name().map(str::to_owned),
        factor,
        offset_ms,
        bare,
    });
    true
}

fn walk_selectors(expr: &Expr, see: &mut dyn FnMut(&Selector)) {
    match &expr.kind {
        Kind::Number { .. } | Kind::Text(_) => {}
        Kind::Vector(selector) => see(selector),
        Kind::Matrix(matrix) => see(&matrix.selector),
        Kind::Subquery(subquery) => walk_selectors(&subquery.expr, see),
        Kind::Call { args, .. } => args.iter().for_each(|arg| walk_selectors(arg, see)),
        Kind::Aggregate(aggregate) => {
            walk_selectors(&aggregate.expr, see);
            if let Some(param) = &aggregate.param {
                walk_selectors(param, see);
            }
        }
        Kind::Binary(binary) => {
            walk_selectors(&binary.left, see);
            walk_selectors(&binary.right, see);
        }
        Kind::Unary { expr, .. } | Kind::Paren(expr) => walk_selectors(expr, see),
    }
}

impl MetricIndicator {
    /// `None` if the metric is not about series.
    ///
    /// # Errors
    /// [`NotMeasured`]: the promise is shown as invalid with this reason.
    pub(crate) fn compile(
        metric: &Metric,
        objective: &Objective,
        interval: Option<Duration>,
    ) -> Result<Option<Self>, NotMeasured> {
        let interval = interval.unwrap_or(INTERVAL_DEFAULT);
        let is_ours = metric.sources().iter().any(|(_, source)| source.promql().is_some());
        if !is_ours {
            return Ok(None);
        }
        let form = match metric {
            Metric::Threshold(source) => {
                let value = objective.value.ok_or(NotMeasured::NoThreshold)?;
                MetricForm::Threshold { of: asked(source)?, op: objective.op.unwrap_or(Op::Lte), value }
            }
            Metric::Ratio { parts: RatioParts::Raw { raw, raw_type }, .. } => {
                MetricForm::Share { part: asked(raw)?, is_bad: raw_type == "failure", total: None }
            }
            Metric::Ratio { parts: RatioParts::Good { good, total }, counter } => {
                ratio(asked(good)?, false, asked(total)?, *counter)?
            }
            Metric::Ratio { parts: RatioParts::Bad { bad, total }, counter } => {
                ratio(asked(bad)?, true, asked(total)?, *counter)?
            }
        };
        Ok(Some(Self { form, interval }))
    }

    pub fn questions(&self) -> Vec<&Question> {
        match &self.form {
            MetricForm::Counts { part, total, .. } => vec![part, total],
            MetricForm::Share { part, total, .. } => std::iter::once(part).chain(total).collect(),
            MetricForm::Threshold { of, .. } => vec![of],
        }
    }

    /// How it is measured, in a word: `counted`, `sampled`, or `observed` where the name says that it is a histogram.
    pub fn method(&self) -> &'static str {
        match &self.form {
            MetricForm::Counts { .. } => "counted",
            MetricForm::Share { .. } => "sampled",
            MetricForm::Threshold { of, .. } => match of.histogram() {
                Some(leaf) if !leaf.bare || leaf.is_classic() => "observed",
                _ => "sampled",
            },
        }
    }
}

impl Leaf {
    /// The buckets of a histogram as series of their own.
    fn is_classic(&self) -> bool {
        self.name.as_deref().is_some_and(|name| name.ends_with("_bucket"))
    }
}

fn asked(source: &Source) -> Result<Question, NotMeasured> {
    let text = source.promql().ok_or(NotMeasured::Datasets)?;
    Question::parse(text).map_err(|error| NotMeasured::Query(error.to_string()))
}

fn ratio(
    part: Question,
    is_bad: bool,
    total: Question,
    counter: Option<bool>,
) -> Result<MetricForm, NotMeasured> {
    let counted = part.counters(counter).is_some() && total.counters(counter).is_some();
    // What is bad is never lost if it is seen a moment before or after its total. What is good would be: so a good part
    // is counted by samples only where it comes with its total, and by windows, as PromQL does, elsewhere.
    let together = part.family().is_some() && part.family() == total.family();
    if counted && (is_bad || together) {
        return Ok(MetricForm::Counts { part, is_bad, total });
    }
    let values = |question: Question| {
        question.windowed(counter).map_err(|error| NotMeasured::Query(error.to_string()))
    };
    Ok(MetricForm::Share { part: values(part)?, is_bad, total: Some(values(total)?) })
}

#[cfg(test)]
mod tests;
