//! Upstream's `.test` scripts, run unchanged.
//!
//! The language is that of `promql/promqltest/README.md`: `load`, `load_with_nhcb`, `clear`, `eval instant`, `eval range`,
//! `expect …`. Like upstream's runner, each instant query is also run with `@` set on every selector at other
//! times, and as the middle step of a range query; a case passes only if all of these do.

mod compare;
mod load;
mod notation;
mod script;

use std::path::{Path, PathBuf};

use crate::ast::{At, Expr, Kind};
use crate::engine::{Control, Engine, Options};
use crate::functions::Id;
use crate::parser;
use crate::source::{Lent, Source};
use crate::value::{Answer, Sample, SampleValue, Value};

use load::Storage;
use script::{Command, Eval, When};

/// What came of running scripts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub files: usize,
    pub cases: usize,
    pub passed: usize,
    pub failures: Vec<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub file: String,
    /// From 1.
    pub line: usize,
    pub why: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}

/// Runs all `.test` files of a directory, in the order of their names.
pub fn run_dir(path: &Path) -> std::io::Result<Report> {
    let entries: std::io::Result<Vec<PathBuf>> =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut files = entries?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    let mut report = Report::default();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        run_script(&name, &text, &mut report);
    }
    Ok(report)
}

/// A series from one line of the notation, `name{label="value"} 1 2 _ 3x4`, with a value every `step_ms` from the epoch on.
pub fn series_from_notation(line: &str, step_ms: i64) -> Result<crate::source::SeriesData, String> {
    let (labels, items) = notation::series(line)?;
    let mut storage = Storage::default();
    let series = script::LoadSeries { labels, items, starts: Vec::new() };
    storage.load(&script::Load { step: step_ms, with_custom_buckets: false, series: vec![series] })?;
    storage.source().series.pop().ok_or_else(|| "no series".to_owned())
}

/// Runs one script and adds to `report`.
pub fn run_script(name: &str, text: &str, report: &mut Report) {
    report.files += 1;
    let engine =
        Engine { options: Options { delayed_name_removal: true, ..Options::default() }, ..Engine::default() };
    let mut storage = Storage::default();
    for (line, command) in script::commands(text) {
        let outcome = match command {
            Ok(Command::Clear) => {
                storage = Storage::default();
                continue;
            }
            Ok(Command::Load(load)) => match storage.load(&load) {
                Ok(()) => continue,
                Err(why) => Err(why),
            },
            Ok(Command::Eval(eval)) => {
                let source = storage.source();
                case(&engine, &source, &eval).and_then(|()| {
                    let lent = Lent(&source, THREADS);
                    case(&engine, &lent, &eval).map_err(|why| format!("{why} (read by {THREADS} threads)"))
                })
            }
            Err(why) => Err(why),
        };
        report.cases += 1;
        match outcome {
            Ok(()) => report.passed += 1,
            Err(why) => report.failures.push(Failure { file: name.to_owned(), line, why }),
        }
    }
}

/// Every case is asked twice: of series that one thread reads, and of the same lent to so many.
const THREADS: usize = 3;

fn case(engine: &Engine, source: &dyn Source, eval: &Eval) -> Result<(), String> {
    let control = Control::default();
    let (start, end, step) = match eval.when {
        When::Range { start, end, step } => (start, end, step),
        When::Instant { at } => return instant_case(engine, source, eval, at),
    };
    match engine.range(source, &eval.query, start, end, step, &control) {
        Ok(answer) => {
            compare::check_notes(eval, &eval.query, &answer)?;
            compare::check_value(eval, &answer.value)
        }
        Err(error) => compare::check_error(eval, &error),
    }
}

fn instant_case(engine: &Engine, source: &dyn Source, eval: &Eval, at: i64) -> Result<(), String> {
    let mut variants = vec![(eval.query.clone(), at)];
    if let Ok(expr) = parser::parse(&eval.query) {
        variants.extend(at_variants(&expr, at));
    }
    for (query, at) in variants {
        one_instant(engine, source, eval, &query, at).map_err(|why| {
            if query == eval.query { why } else { format!("{why} (as `{query}` at {at} ms)") }
        })?;
    }
    Ok(())
}

fn one_instant(
    engine: &Engine,
    source: &dyn Source,
    eval: &Eval,
    query: &str,
    at: i64,
) -> Result<(), String> {
    let control = Control::default();
    let answer = match engine.instant(source, query, at, &control) {
        Ok(answer) => answer,
        Err(error) => return compare::check_error(eval, &error),
    };
    compare::check_notes(eval, query, &answer)?;
    compare::check_value(eval, &answer.value)?;
    let depends_on_query = ["start()", "end()", "range()", "step()"].iter().any(|call| query.contains(call));
    if eval.excluded_from_range || depends_on_query {
        return Ok(());
    }
    let answer = engine
        .range(source, query, at - 60_000, at + 60_000, 60_000, &control)
        .map_err(|error| format!("as a range query: {error}"))?;
    if eval.is_ordered() {
        return Ok(());
    }
    let middle = middle_of(answer, at, matches!(eval.expects_scalar(), Some(true)));
    compare::check_value(eval, &middle).map_err(|why| format!("in the middle of a range query: {why}"))
}

/// The samples of a range at one of its steps.
fn middle_of(answer: Answer, at: i64, scalar: bool) -> Value {
    let Value::Matrix(series) = answer.value else { return answer.value };
    let mut samples = Vec::new();
    for series in series {
        let float = series.floats.iter().find(|(time, _)| *time == at);
        let histogram = series.histograms.iter().find(|(time, _)| *time == at);
        let value = match (float, histogram) {
            (Some((_, value)), _) => SampleValue::Float(*value),
            (None, Some((_, histogram))) => SampleValue::Histogram(histogram.clone()),
            (None, None) => continue,
        };
        samples.push(Sample { labels: series.labels, time_ms: at, value });
    }
    match (scalar, samples.first()) {
        (true, Some(Sample { value: SampleValue::Float(value), .. })) => {
            Value::Scalar { time_ms: at, value: *value }
        }
        _ => Value::Vector(samples),
    }
}

/// The query pinned to its time with `@`, to be asked at other times with the same result.
fn at_variants(expr: &Expr, at: i64) -> Vec<(String, i64)> {
    let mut pinned = expr.clone();
    if !pin(&mut pinned, at) {
        return Vec::new();
    }
    let query = pinned.to_string();
    let times: Vec<i64> = if at == 0 { vec![-1000, 0, 1000] } else { vec![-10 * at, 0, at / 5, at, 10 * at] };
    times.into_iter().map(|time| (query.clone(), time)).collect()
}

/// Sets `@` on everything that takes it, but not inside of subqueries that have it. Whether the result is the same
/// at all times then.
fn pin(expr: &mut Expr, at: i64) -> bool {
    let pinned = At::Time(at);
    match &mut expr.kind {
        Kind::Number { .. } | Kind::Text(_) => true,
        Kind::Vector(selector) => {
            selector.at.get_or_insert(pinned);
            true
        }
        Kind::Matrix(matrix) => {
            matrix.selector.at.get_or_insert(pinned);
            true
        }
        Kind::Subquery(subquery) => {
            subquery.at.get_or_insert(pinned);
            // What is inside is looked at from the subquery's own times, which do not move any more.
            !has_time_function(&subquery.expr)
        }
        Kind::Call { function, args } => {
            !is_time_function(function.id) && args.iter_mut().map(|arg| pin(arg, at)).fold(true, |a, b| a & b)
        }
        Kind::Aggregate(aggregate) => {
            let param = aggregate.param.as_mut().is_none_or(|param| pin(param, at));
            pin(&mut aggregate.expr, at) && param
        }
        Kind::Binary(binary) => {
            let left = pin(&mut binary.left, at);
            pin(&mut binary.right, at) && left
        }
        Kind::Unary { expr, .. } | Kind::Paren(expr) => pin(expr, at),
    }
}

/// Functions that look at the time of the evaluation itself.
fn is_time_function(id: Id) -> bool {
    matches!(
        id,
        Id::DaysInMonth
            | Id::DayOfMonth
            | Id::DayOfWeek
            | Id::DayOfYear
            | Id::Hour
            | Id::Minute
            | Id::Month
            | Id::Year
            | Id::PredictLinear
            | Id::Time
            | Id::Timestamp
            | Id::Start
            | Id::End
            | Id::Range
            | Id::Step
    )
}

fn has_time_function(expr: &Expr) -> bool {
    let here = matches!(&expr.kind, Kind::Call { function, .. } if is_time_function(function.id));
    here || expr.children().into_iter().any(has_time_function)
}
