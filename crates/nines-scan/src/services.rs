//! Which services and operations there are, and which hurt: counts, errors and latency from spans.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;

use nines_filter::{Expr, Filter};
use nines_model::{Dataset, TimeRange, Timestamp, field};

use crate::coded::{ABSENT, Dictionary, UNKNOWN, encode};
use crate::error::ScanError;
use crate::part::{Columns, Part, times_of};
use crate::question::{Help, Question};
use crate::rows::Rows;
use crate::scanner::{Asked, Limits, Scanner};
use crate::select::{Selector, narrowed};
use crate::sketch::Sketch;
use crate::stats::QueryStats;

/// Lines of either list.
pub const OPERATIONS_MAX: usize = 1_000;
/// Services, and operation names, that are told apart while counting; a sketch of each pair takes some kilobytes.
const NAMES_MAX: usize = 20_000;

/// Spans of one service, or of one operation of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationSummary {
    pub service: String,
    /// The span's name; absent where all of a service is told.
    pub operation: Option<String>,
    pub spans: u64,
    /// Spans with `status_code: error`.
    pub errors: u64,
    /// Latency in nanoseconds, within [`crate::RELATIVE_ERROR`].
    pub p50_ns: Option<f64>,
    pub p95_ns: Option<f64>,
    /// All durations together: which operation costs users the most time.
    pub total_ns: f64,
    pub last_seen_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OperationsResult {
    pub operations: Vec<OperationSummary>,
    pub stats: QueryStats,
}

impl Scanner {
    /// Every service that has spans in the range, the busiest first.
    pub fn services(&self, range: TimeRange, limits: Limits) -> Asked<'_, OperationsResult> {
        Box::pin(self.run(limits, move |question| async move {
            summarise(&question, Filter::all(), range, false).await
        }))
    }

    /// The operations among the spans that `filter` selects, those that took the most time together first.
    pub fn operations(
        &self,
        filter: Filter,
        range: TimeRange,
        limits: Limits,
    ) -> Asked<'_, OperationsResult> {
        Box::pin(self.run(limits, move |question| {
            let filter = filter.clone();
            async move { summarise(&question, filter, range, true).await }
        }))
    }
}

/// The sums of one thread. Groups are pairs of codes: service, and operation or nothing.
struct Sums {
    services: Dictionary,
    operations: Dictionary,
    groups: HashMap<(u32, u32), Group>,
}

#[derive(Default)]
struct Group {
    spans: u64,
    errors: u64,
    durations: Sketch,
    total: f64,
    last: Option<i64>,
}

impl Sums {
    fn new() -> Self {
        Self {
            services: Dictionary::new(NAMES_MAX),
            operations: Dictionary::new(NAMES_MAX),
            groups: HashMap::new(),
        }
    }

    fn is_overflowed(&self) -> bool {
        self.services.is_overflowed() || self.operations.is_overflowed()
    }

    fn merge(mut self, other: Self) -> Self {
        for ((service, operation), theirs) in other.groups {
            let service = self.services.code(other.services.text(service));
            let operation = match operation {
                ABSENT => ABSENT,
                code => self.operations.code(other.operations.text(code)),
            };
            if service == UNKNOWN || operation == UNKNOWN {
                continue;
            }
            let mine = self.groups.entry((service, operation)).or_default();
            mine.spans += theirs.spans;
            mine.errors += theirs.errors;
            mine.durations.merge(&theirs.durations);
            mine.total += theirs.total;
            mine.last = mine.last.max(theirs.last);
        }
        self
    }

    fn into_summaries(self) -> Vec<OperationSummary> {
        let summary = |((service, operation), group): ((u32, u32), Group)| OperationSummary {
            service: self.services.text(service).to_owned(),
            operation: (operation != ABSENT).then(|| self.operations.text(operation).to_owned()),
            spans: group.spans,
            errors: group.errors,
            p50_ns: group.durations.quantile(0.5),
            p95_ns: group.durations.quantile(0.95),
            total_ns: group.total,
            last_seen_at: group.last.map(Timestamp::from_nanos),
        };
        self.groups.into_iter().map(summary).collect()
    }
}

const READ: [&str; 5] =
    [field::TIMESTAMP, field::SERVICE_NAME, field::NAME, field::DURATION_NS, field::OVERFLOW];

async fn summarise(
    question: &Arc<Question>,
    filter: Filter,
    range: TimeRange,
    by_operation: bool,
) -> Result<OperationsResult, ScanError> {
    let target = Arc::new(question.target(Dataset::Spans, &filter, range)?);
    let failed = Filter::from_ast(Expr::equals(field::STATUS_CODE, "error"));
    let failed = Selector::new(&failed, TimeRange::ALL, &target.snapshot.schema);
    let work = {
        let target = Arc::clone(&target);
        move |question: &Question, _: usize, part: &Part, sums: &mut Sums| {
            let rows = question.select(part, &target.selector)?;
            let failed = narrowed(part, rows.clone(), &failed.settled(part))?;
            let mut failed = Marks::new(&rows, &failed);
            for batch in part.read(&READ, &rows)? {
                add(sums, &batch?, &mut failed, by_operation);
            }
            Ok(ControlFlow::Continue(()))
        }
    };
    let sums = question.scan(Help::AtOnce, target.parts.clone(), Sums::new, work).await?;
    let mut truncated = sums.iter().any(Sums::is_overflowed);
    let sums = sums.into_iter().reduce(Sums::merge).unwrap_or_else(Sums::new);
    truncated |= sums.is_overflowed() || sums.groups.len() > OPERATIONS_MAX;
    let mut operations = sums.into_summaries();
    operations.sort_by(|left, right| {
        let by_weight = if by_operation {
            right.total_ns.total_cmp(&left.total_ns)
        } else {
            right.spans.cmp(&left.spans)
        };
        by_weight
            .then_with(|| left.service.cmp(&right.service))
            .then_with(|| left.operation.cmp(&right.operation))
    });
    operations.truncate(OPERATIONS_MAX);
    let stats = QueryStats { rows_returned: operations.len() as u64, truncated, ..question.stats() };
    Ok(OperationsResult { operations, stats })
}

/// Tells for each chosen row in turn whether it is among the marked ones, which are some of them.
struct Marks<'a> {
    rows: Box<dyn Iterator<Item = usize> + 'a>,
    marked: std::iter::Peekable<Box<dyn Iterator<Item = usize> + 'a>>,
}

impl<'a> Marks<'a> {
    fn new(rows: &'a Rows, marked: &'a Rows) -> Self {
        Self { rows: rows.positions(), marked: marked.positions().peekable() }
    }

    fn next(&mut self) -> bool {
        self.rows.next().is_some_and(|row| self.marked.next_if_eq(&row).is_some())
    }
}

fn add(sums: &mut Sums, batch: &Columns, failed: &mut Marks<'_>, by_operation: bool) {
    let [times, service, name, duration, overflow] = &batch.arrays[..] else { return };
    let overflow = overflow.as_ref();
    let services = encode(field::SERVICE_NAME, service.as_ref(), overflow, batch.rows, &mut sums.services);
    let names =
        by_operation.then(|| encode(field::NAME, name.as_ref(), overflow, batch.rows, &mut sums.operations));
    let durations = duration.as_ref().and_then(|array| array.as_primitive_opt::<Int64Type>());
    let times = times.as_ref().map_or(&[][..], times_of);
    for row in 0..batch.rows {
        let has_failed = failed.next();
        let key = (services[row], names.as_ref().map_or(ABSENT, |names| names[row]));
        if key.0 == ABSENT || key.0 == UNKNOWN || key.1 == UNKNOWN {
            continue;
        }
        let group = sums.groups.entry(key).or_default();
        group.spans += 1;
        group.errors += u64::from(has_failed);
        group.last = group.last.max(times.get(row).copied());
        if let Some(durations) = durations.filter(|durations| durations.is_valid(row)) {
            let nanos = durations.value(row) as f64;
            group.durations.insert(nanos);
            group.total += nanos;
        }
    }
}
