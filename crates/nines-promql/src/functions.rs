//! The functions of PromQL: names, signatures and one line of help, for the parser and for completion.

use crate::ast::ValueType::{self, Matrix, Scalar, Text, Vector};

#[derive(Debug, PartialEq)]
pub struct Function {
    pub(crate) id: Id,
    pub name: &'static str,
    pub args: &'static [ValueType],
    pub arity: Arity,
    pub returns: ValueType,
    /// Upstream has it only behind `--enable-feature=promql-experimental-functions`.
    pub experimental: bool,
    pub help: &'static str,
}

/// What is special about the last argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    Exact,
    LastOptional,
    /// Any number of times, also none.
    LastRepeats,
}

impl Function {
    pub fn named(name: &str) -> Option<&'static Self> {
        FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().map(|at| &FUNCTIONS[at])
    }

    /// `rate(range vector) instant vector`, for completion and help.
    pub fn signature(&self) -> String {
        let mut args: Vec<String> = self.args.iter().map(|arg| arg.name().to_owned()).collect();
        if let Some(last) = args.last_mut() {
            match self.arity {
                Arity::Exact => {}
                Arity::LastOptional => *last = format!("[{last}]"),
                Arity::LastRepeats => last.push_str("..."),
            }
        }
        format!("{}({}) {}", self.name, args.join(", "), self.returns.name())
    }
}

/// One word for each function, so that the evaluator's `match` is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Abs,
    Absent,
    AbsentOverTime,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    AvgOverTime,
    Ceil,
    Changes,
    Clamp,
    ClampMax,
    ClampMin,
    Cos,
    Cosh,
    CountOverTime,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    DaysInMonth,
    Deg,
    Delta,
    Deriv,
    DoubleExponentialSmoothing,
    End,
    Exp,
    FirstOverTime,
    Floor,
    HistogramAvg,
    HistogramCount,
    HistogramFraction,
    HistogramQuantile,
    HistogramQuantiles,
    HistogramStddev,
    HistogramStdvar,
    HistogramSum,
    Hour,
    Idelta,
    Increase,
    Info,
    Irate,
    LabelJoin,
    LabelReplace,
    LastOverTime,
    Ln,
    Log10,
    Log2,
    MadOverTime,
    MaxOf,
    MaxOverTime,
    MinOf,
    MinOverTime,
    Minute,
    Month,
    Pi,
    PredictLinear,
    PresentOverTime,
    QuantileOverTime,
    Rad,
    Range,
    Rate,
    Resets,
    Round,
    Scalar,
    Sgn,
    Sin,
    Sinh,
    Sort,
    SortByLabel,
    SortByLabelDesc,
    SortDesc,
    Sqrt,
    Start,
    StartTimestamp,
    StddevOverTime,
    StdvarOverTime,
    Step,
    SumOverTime,
    Tan,
    Tanh,
    Time,
    Timestamp,
    TsOfFirstOverTime,
    TsOfLastOverTime,
    TsOfMaxOverTime,
    TsOfMinOverTime,
    Vector,
    Year,
}

/// Sorted by name.
#[rustfmt::skip]
pub static FUNCTIONS: [Function; 90] = [
    Function { id: Id::Abs, name: "abs", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the absolute value" },
    Function { id: Id::Absent, name: "absent", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "1 if the vector is empty" },
    Function { id: Id::AbsentOverTime, name: "absent_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "1 if the range holds nothing" },
    Function { id: Id::Acos, name: "acos", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the arc cosine" },
    Function { id: Id::Acosh, name: "acosh", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the inverse hyperbolic cosine" },
    Function { id: Id::Asin, name: "asin", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the arc sine" },
    Function { id: Id::Asinh, name: "asinh", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the inverse hyperbolic sine" },
    Function { id: Id::Atan, name: "atan", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the arc tangent" },
    Function { id: Id::Atanh, name: "atanh", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the inverse hyperbolic tangent" },
    Function { id: Id::AvgOverTime, name: "avg_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the average over the range" },
    Function { id: Id::Ceil, name: "ceil", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "rounded up" },
    Function { id: Id::Changes, name: "changes", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "how often the value changed" },
    Function { id: Id::Clamp, name: "clamp", args: &[Vector, Scalar, Scalar], arity: Arity::Exact, returns: Vector, experimental: false, help: "limited to a minimum and a maximum" },
    Function { id: Id::ClampMax, name: "clamp_max", args: &[Vector, Scalar], arity: Arity::Exact, returns: Vector, experimental: false, help: "limited to a maximum" },
    Function { id: Id::ClampMin, name: "clamp_min", args: &[Vector, Scalar], arity: Arity::Exact, returns: Vector, experimental: false, help: "limited to a minimum" },
    Function { id: Id::Cos, name: "cos", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the cosine" },
    Function { id: Id::Cosh, name: "cosh", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the hyperbolic cosine" },
    Function { id: Id::CountOverTime, name: "count_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "how many samples the range holds" },
    Function { id: Id::DayOfMonth, name: "day_of_month", args: &[Vector], arity: Arity::LastOptional, returns: Vector, experimental: false, help: "the day of the month, 1 to 31, in UTC" },
    Function { id: Id::DayOfWeek, name: "day_of_week", args: &[Vector], arity: Arity::LastOptional, returns: Vector, experimental: false, help: "the day of the week, 0 for Sunday" },
    Function { id: Id::DayOfYear, name: "day_of_year", args: &[Vector], arity: Arity::LastOptional, returns: Vector, experimental: false, help: "the day of the year, from 1" },
    Function { id: Id::DaysInMonth, name: "days_in_month", args: &[Vector], arity: Arity::LastOptional, returns: Vector, experimental: false, help: "how many days the month has" },
    Function { id: Id::Deg, name: "deg", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "radians to degrees" },
    Function { id: Id::Delta, name: "delta", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the difference between the ends of a range, of a gauge" },
    Function { id: Id::Deriv, name: "deriv", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the slope per second by linear regression" },
    Function { id: Id::DoubleExponentialSmoothing, name: "double_exponential_smoothing", args: &[Matrix, Scalar, Scalar], arity: Arity::Exact, returns: Vector, experimental: true, help: "the smoothed value at the end of the range" },
    Function { id: Id::End, name: "end", args: &[], arity: Arity::Exact, returns: Scalar, experimental: true, help: "the end of the query, in seconds" },
    Function { id: Id::Exp, name: "exp", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "e to that power" },
    Function { id: Id::FirstOverTime, name: "first_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: true, help: "the oldest sample of the range" },
    Function { id: Id::Floor, name: "floor", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "rounded down" },
    Function { id: Id::HistogramAvg, name: "histogram_avg", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the average observation of native histograms" },
    Function { id: Id::HistogramCount, name: "histogram_count", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the number of observations of native histograms" },
    Function { id: Id::HistogramFraction, name: "histogram_fraction", args: &[Scalar, Scalar, Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the part of the observations between two values" },
    Function { id: Id::HistogramQuantile, name: "histogram_quantile", args: &[Scalar, Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the value below which that part of the observations lies" },
    Function { id: Id::HistogramQuantiles, name: "histogram_quantiles", args: &[Vector, Text, Scalar, Scalar], arity: Arity::LastRepeats, returns: Vector, experimental: true, help: "several quantiles at once, told apart by a label" },
    Function { id: Id::HistogramStddev, name: "histogram_stddev", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the estimated standard deviation of the observations" },
    Function { id: Id::HistogramStdvar, name: "histogram_stdvar", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the estimated variance of the observations" },
    Function { id: Id::HistogramSum, name: "histogram_sum", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the sum of the observations" },
    Function { id: Id::Hour, name: "hour", args: &[Vector], arity: Arity::LastOptional, returns: Vector, experimental: false, help: "the hour of the day in UTC" },
    Function { id: Id::Idelta, name: "idelta", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the difference of the last two samples" },
    Function { id: Id::Increase, name: "increase", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "how much a counter grew over the range" },
    Function { id: Id::Info, name: "info", args: &[Vector, Vector], arity: Arity::LastOptional, returns: Vector, experimental: true, help: "adds the labels of info metrics such as target_info" },
    Function { id: Id::Irate, name: "irate", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the growth per second between the last two samples" },
    Function { id: Id::LabelJoin, name: "label_join", args: &[Vector, Text, Text, Text], arity: Arity::LastRepeats, returns: Vector, experimental: false, help: "joins the values of labels into another label" },
    Function { id: Id::LabelReplace, name: "label_replace", args: &[Vector, Text, Text, Text, Text], arity: Arity::Exact, returns: Vector, experimental: false, help: "sets a label from a match on another" },
    Function { id: Id::LastOverTime, name: "last_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the newest sample of the range" },
    Function { id: Id::Ln, name: "ln", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the natural logarithm" },
    Function { id: Id::Log10, name: "log10", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the decimal logarithm" },
    Function { id: Id::Log2, name: "log2", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the binary logarithm" },
    Function { id: Id::MadOverTime, name: "mad_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: true, help: "the median absolute deviation over the range" },
    Function { id: Id::MaxOf, name: "max_of", args: &[Scalar, Scalar], arity: Arity::Exact, returns: Scalar, experimental: true, help: "the larger of two numbers" },
    Function { id: Id::MaxOverTime, name: "max_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the largest value of the range" },
    Function { id: Id::MinOf, name: "min_of", args: &[Scalar, Scalar], arity: Arity::Exact, returns: Scalar, experimental: true, help: "the smaller of two numbers" },
    Function { id: Id::MinOverTime, name: "min_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the smallest value of the range" },
    Function { id: Id::Minute, name: "minute", args: &[Vector], arity: Arity::LastOptional, returns: Vector, experimental: false, help: "the minute of the hour in UTC" },
    Function { id: Id::Month, name: "month", args: &[Vector], arity: Arity::LastOptional, returns: Vector, experimental: false, help: "the month, 1 to 12, in UTC" },
    Function { id: Id::Pi, name: "pi", args: &[], arity: Arity::Exact, returns: Scalar, experimental: false, help: "the number pi" },
    Function { id: Id::PredictLinear, name: "predict_linear", args: &[Matrix, Scalar], arity: Arity::Exact, returns: Vector, experimental: false, help: "the value in so many seconds by linear regression" },
    Function { id: Id::PresentOverTime, name: "present_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "1 for each series with a sample in the range" },
    Function { id: Id::QuantileOverTime, name: "quantile_over_time", args: &[Scalar, Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the quantile of the samples of the range" },
    Function { id: Id::Rad, name: "rad", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "degrees to radians" },
    Function { id: Id::Range, name: "range", args: &[], arity: Arity::Exact, returns: Scalar, experimental: true, help: "the length of the query, in seconds" },
    Function { id: Id::Rate, name: "rate", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the average growth per second of a counter" },
    Function { id: Id::Resets, name: "resets", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "how often a counter was reset" },
    Function { id: Id::Round, name: "round", args: &[Vector, Scalar], arity: Arity::LastOptional, returns: Vector, experimental: false, help: "rounded to the nearest multiple" },
    Function { id: Id::Scalar, name: "scalar", args: &[Vector], arity: Arity::Exact, returns: Scalar, experimental: false, help: "the value of the only element, else NaN" },
    Function { id: Id::Sgn, name: "sgn", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the sign" },
    Function { id: Id::Sin, name: "sin", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the sine" },
    Function { id: Id::Sinh, name: "sinh", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the hyperbolic sine" },
    Function { id: Id::Sort, name: "sort", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "ordered by value, ascending" },
    Function { id: Id::SortByLabel, name: "sort_by_label", args: &[Vector, Text], arity: Arity::LastRepeats, returns: Vector, experimental: true, help: "ordered by labels, ascending" },
    Function { id: Id::SortByLabelDesc, name: "sort_by_label_desc", args: &[Vector, Text], arity: Arity::LastRepeats, returns: Vector, experimental: true, help: "ordered by labels, descending" },
    Function { id: Id::SortDesc, name: "sort_desc", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "ordered by value, descending" },
    Function { id: Id::Sqrt, name: "sqrt", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the square root" },
    Function { id: Id::Start, name: "start", args: &[], arity: Arity::Exact, returns: Scalar, experimental: true, help: "the start of the query, in seconds" },
    Function { id: Id::StartTimestamp, name: "start_timestamp", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: true, help: "since when the counter counts, in seconds" },
    Function { id: Id::StddevOverTime, name: "stddev_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the standard deviation over the range" },
    Function { id: Id::StdvarOverTime, name: "stdvar_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the variance over the range" },
    Function { id: Id::Step, name: "step", args: &[], arity: Arity::Exact, returns: Scalar, experimental: true, help: "the step of the query, in seconds" },
    Function { id: Id::SumOverTime, name: "sum_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: false, help: "the sum over the range" },
    Function { id: Id::Tan, name: "tan", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the tangent" },
    Function { id: Id::Tanh, name: "tanh", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "the hyperbolic tangent" },
    Function { id: Id::Time, name: "time", args: &[], arity: Arity::Exact, returns: Scalar, experimental: false, help: "the time of the evaluation, in seconds" },
    Function { id: Id::Timestamp, name: "timestamp", args: &[Vector], arity: Arity::Exact, returns: Vector, experimental: false, help: "when the sample was taken, in seconds" },
    Function { id: Id::TsOfFirstOverTime, name: "ts_of_first_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: true, help: "when the oldest sample of the range was taken" },
    Function { id: Id::TsOfLastOverTime, name: "ts_of_last_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: true, help: "when the newest sample of the range was taken" },
    Function { id: Id::TsOfMaxOverTime, name: "ts_of_max_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: true, help: "when the largest sample of the range was taken" },
    Function { id: Id::TsOfMinOverTime, name: "ts_of_min_over_time", args: &[Matrix], arity: Arity::Exact, returns: Vector, experimental: true, help: "when the smallest sample of the range was taken" },
    Function { id: Id::Vector, name: "vector", args: &[Scalar], arity: Arity::Exact, returns: Vector, experimental: false, help: "the number as a vector without labels" },
    Function { id: Id::Year, name: "year", args: &[Vector], arity: Arity::LastOptional, returns: Vector, experimental: false, help: "the year in UTC" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(FUNCTIONS.is_sorted_by_key(|function| function.name));
        assert_eq!(
            Function::named("round").unwrap().signature(),
            "round(instant vector, [scalar]) instant vector"
        );
        assert!(Function::named("ROUND").is_none());
    }
}
