//! Log lines with what stands beside them, for those who read text and know nothing of Arrow.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, TimestampNanosecondType};
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp, field};

use nines_scan::{Limits, QueryStats, ScanRequest};

use crate::engine::Engine;
use crate::error::QueryError;

/// One log line, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogLine<'a> {
    pub at: Timestamp,
    pub body: &'a str,
    /// OpenTelemetry's severity number, 0 if unknown.
    pub severity_number: i64,
    pub service: Option<&'a str>,
}

impl Engine {
    /// Folds every selected log line into what `start` makes, as [`Engine::scan`] does. Lines without a text are left out.
    pub async fn scan_lines<S, M, F>(
        &self,
        filter: Filter,
        range: TimeRange,
        limits: Limits,
        start: M,
        fold: F,
    ) -> Result<(S, QueryStats), QueryError>
    where
        S: Send + 'static,
        M: Fn() -> S + Send + Sync + 'static,
        F: Fn(&mut S, LogLine<'_>) + Send + Sync + 'static,
    {
        let columns = [field::TIMESTAMP, field::BODY, field::SEVERITY_NUMBER, field::SERVICE_NAME];
        let request = ScanRequest {
            dataset: Dataset::Logs,
            filter,
            range,
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            limits,
        };
        self.scan(request, start, move |state, batch| fold_lines(batch, |line| fold(state, line))).await
    }
}

fn fold_lines(batch: &RecordBatch, mut fold: impl FnMut(LogLine<'_>)) {
    let texts = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_view_opt());
    let times = batch.column_by_name(field::TIMESTAMP);
    let Some(times) = times.and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>()) else {
        return;
    };
    let Some(bodies) = texts(field::BODY) else { return };
    let services = texts(field::SERVICE_NAME);
    let severities = batch.column_by_name(field::SEVERITY_NUMBER);
    let severities = severities.and_then(|column| column.as_primitive_opt::<Int64Type>());
    for row in 0..batch.num_rows() {
        if bodies.is_null(row) {
            continue;
        }
        fold(LogLine {
            at: Timestamp::from_nanos(times.value(row)),
            body: bodies.value(row),
            severity_number: severities
                .filter(|column| column.is_valid(row))
                .map_or(0, |column| column.value(row)),
            service: services.filter(|column| column.is_valid(row)).map(|column| column.value(row)),
        });
    }
}
