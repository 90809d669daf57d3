//! Requests out of access logs, for those who know nothing of Arrow.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{Int64Type, TimestampNanosecondType};
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp, field};
use nines_storage::Snapshot;

use nines_scan::{Limits, QueryStats, ScanRequest};

use crate::engine::Engine;
use crate::error::QueryError;

const CLIENT: &str = "client.address";
const STATUS: &str = "http.response.status_code";
const PATH: &str = "url.path";
const QUERY: &str = "url.query";
const AGENT: &str = "user_agent.original";

/// One line of an access log, borrowed. What the line does not tell is empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccessLine<'a> {
    pub at: Timestamp,
    pub client: &'a str,
    pub status: u16,
    pub path: &'a str,
    pub query: &'a str,
    pub agent: &'a str,
}

impl Engine {
    /// Folds every selected log line (or span) that has a client's address and an HTTP status into what `start` makes, in no order.
    /// Over a snapshot that was taken before, or over what there is now.
    #[expect(clippy::too_many_arguments, reason = "each is a part of the one question")]
    pub async fn scan_accesses<S, M, F>(
        &self,
        snapshot: Option<Arc<Snapshot>>,
        dataset: Dataset,
        filter: Filter,
        range: TimeRange,
        limits: Limits,
        start: M,
        fold: F,
    ) -> Result<(S, QueryStats), QueryError>
    where
        S: Send + 'static,
        M: Fn() -> S + Send + Sync + 'static,
        F: Fn(&mut S, AccessLine<'_>) + Send + Sync + 'static,
    {
        let columns = [field::TIMESTAMP, CLIENT, STATUS, PATH, QUERY, AGENT];
        let request = ScanRequest {
            dataset,
            filter,
            range,
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            limits,
        };
        let fold = move |state: &mut S, batch: &RecordBatch| fold_accesses(batch, |line| fold(state, line));
        Ok(self.scanner().scan_of(snapshot, request, start, fold).await?)
    }
}

fn fold_accesses(batch: &RecordBatch, mut fold: impl FnMut(AccessLine<'_>)) {
    let texts = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_view_opt());
    let times = batch.column_by_name(field::TIMESTAMP);
    let Some(times) = times.and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>()) else {
        return;
    };
    let statuses = batch.column_by_name(STATUS);
    let Some(statuses) = statuses.and_then(|column| column.as_primitive_opt::<Int64Type>()) else { return };
    let Some(clients) = texts(CLIENT) else { return };
    let (paths, queries, agents) = (texts(PATH), texts(QUERY), texts(AGENT));
    for row in 0..batch.num_rows() {
        if clients.is_null(row) || statuses.is_null(row) {
            continue;
        }
        fold(AccessLine {
            at: Timestamp::from_nanos(times.value(row)),
            client: clients.value(row),
            status: u16::try_from(statuses.value(row)).unwrap_or(0),
            path: text_at(paths, row),
            query: text_at(queries, row),
            agent: text_at(agents, row),
        });
    }
}

fn text_at(column: Option<&StringViewArray>, row: usize) -> &str {
    column.filter(|column| column.is_valid(row)).map_or("", |column| column.value(row))
}
