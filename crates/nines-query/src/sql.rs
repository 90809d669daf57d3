//! SQL as people and programs write it. Read only.

use std::time::Duration;

use datafusion::common::TableReference;
use datafusion::config::Dialect;
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SQLOptions;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use futures::StreamExt;
use nines_base::Shutdown;
use nines_model::{Dataset, TimeRange};
use nines_scan::{Limits, QueryStats, cell, kind_of};
use serde_json::Value;

use crate::engine::{Engine, Query};
use crate::error::{QueryError, Step};
use crate::shape;

/// The longest SQL text: a page of it is 4 KiB.
pub const SQL_BYTES_MAX: usize = 64 * 1024;
/// Rows in an answer unless the request says otherwise.
pub const ROWS_DEFAULT: usize = 10_000;
/// No request can ask for more rows in one answer; it is held in memory as JSON.
pub const ROWS_MAX: usize = 100_000;
/// An answer ends early when its text has reached about this size.
const ANSWER_BYTES_MAX: usize = 64 << 20;

#[derive(Debug, Clone, Default)]
pub struct SqlRequest {
    pub query: String,
    /// [`ROWS_DEFAULT`] if absent; at most [`ROWS_MAX`].
    pub limit_rows: Option<usize>,
    pub timeout: Option<Duration>,
    pub cancel: Shutdown,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SqlResult {
    pub columns: Vec<Column>,
    /// One value per column. See the crate documentation for how values become JSON.
    pub rows: Vec<Vec<Value>>,
    pub stats: QueryStats,
}

/// A column of an answer, or a field of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// `string`, `int`, `float`, `bool`, `bytes`, `time`, `null`, or `text` for what has only a textual form.
    pub kind: &'static str,
}

impl Engine {
    /// Runs one SELECT, EXPLAIN, SHOW or DESCRIBE over the tables `logs`, `spans`, `metrics`, `probes`, `beacons` and
    /// `changes`, each as of now. Everything else is refused with [`QueryError::ReadOnly`] before anything is read.
    pub async fn sql(&self, request: SqlRequest) -> Result<SqlResult, QueryError> {
        if request.query.len() > SQL_BYTES_MAX {
            let hint = "select through views of fewer columns, or send several queries";
            return Err(QueryError::TooLarge { what: "the query", limit: SQL_BYTES_MAX as u64, hint });
        }
        let limits = Limits { timeout: request.timeout, cancel: request.cancel.clone() };
        let limit = request.limit_rows.unwrap_or(ROWS_DEFAULT).min(ROWS_MAX);
        self.run(limits, move |query| {
            let sql = request.query.clone();
            async move { answer(&query, &sql, limit).await }
        })
        .await
    }
}

async fn answer(query: &Query, sql: &str, limit: usize) -> Result<SqlResult, QueryError> {
    let frame = plan(query, sql).await?;
    let columns = frame.schema().fields().iter();
    let columns =
        columns.map(|field| Column { name: field.name().clone(), kind: kind_of(field.data_type()) });
    let columns = columns.collect();
    let mut stream = query.stream(frame).await?;
    let mut rows = Vec::new();
    let mut bytes = 0;
    let mut truncated = false;
    'answer: while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| query.error(error, Step::Running))?;
        for row in 0..batch.num_rows() {
            if rows.len() == limit || bytes > ANSWER_BYTES_MAX {
                truncated = true;
                break 'answer;
            }
            let cells: Vec<Value> = batch.columns().iter().map(|column| cell(column, row)).collect();
            bytes += cells.iter().map(size_of_json).sum::<usize>();
            rows.push(cells);
        }
    }
    drop(stream);
    let stats = QueryStats { rows_returned: rows.len() as u64, truncated, ..query.stats() };
    Ok(SqlResult { columns, rows, stats })
}

/// Parses, refuses what is not a question, takes one snapshot of each table that is named, and plans.
async fn plan(query: &Query, sql: &str) -> Result<DataFrame, QueryError> {
    let planning = |error| query.error(error, Step::Planning);
    if sql.trim().is_empty() {
        return Err(QueryError::invalid("query is empty").hint("try `select * from logs limit 10`"));
    }
    shape::check_text(sql)?;
    let state = query.context().state();
    let statement = state.sql_to_statement(sql, &Dialect::Generic).map_err(planning)?;
    refuse_changes(&statement)?;
    shape::check_statement(&statement)?;
    let references = state.resolve_table_references(&statement).map_err(planning)?;
    for dataset in wanted(&references) {
        let snapshot = query.snapshot(dataset, TimeRange::ALL).await?;
        query.register(dataset, &snapshot)?;
    }
    // The state was a copy without the tables.
    let plan = query.context().state().statement_to_plan(statement).await.map_err(planning)?;
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(&plan).map_err(|_| QueryError::ReadOnly { what: "this statement".to_owned() })?;
    query.context().execute_logical_plan(plan).await.map_err(planning)
}

/// Whatever names `information_schema` may ask for any table.
fn wanted(references: &[TableReference]) -> Vec<Dataset> {
    let asks_schema = references.iter().any(|reference| reference.schema() == Some("information_schema"));
    Dataset::ALL
        .into_iter()
        .filter(|dataset| {
            asks_schema || references.iter().any(|reference| reference.table() == dataset.as_str())
        })
        .collect()
}

fn refuse_changes(statement: &Statement) -> Result<(), QueryError> {
    let read_only = |what: &str| Err(QueryError::ReadOnly { what: what.to_owned() });
    match statement {
        Statement::Explain(explain) => refuse_changes(&explain.statement),
        Statement::CopyTo(_) => read_only("COPY"),
        Statement::CreateExternalTable(_) => read_only("CREATE EXTERNAL TABLE"),
        Statement::Reset(_) => read_only("RESET"),
        Statement::Statement(statement) => match &**statement {
            Ast::Query(_)
            | Ast::Explain { .. }
            | Ast::ExplainTable { .. }
            | Ast::ShowTables { .. }
            | Ast::ShowColumns { .. }
            | Ast::ShowFunctions { .. } => Ok(()),
            // The first words name the statement: `INSERT`, `CREATE TABLE`.
            other => {
                let text = other.to_string();
                let words: Vec<&str> =
                    text.split_whitespace().take_while(|word| is_keyword(word)).take(2).collect();
                let words = words.join(" ");
                read_only(if words.is_empty() { "this statement" } else { &words })
            }
        },
    }
}

fn is_keyword(word: &str) -> bool {
    word.chars().all(|character| character.is_ascii_uppercase())
}

/// Bytes that the value will take on the wire, roughly.
fn size_of_json(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        _ => 8,
    }
}
