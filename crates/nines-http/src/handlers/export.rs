//! Search answers as they are found: NDJSON for programs and the web application, CSV for spreadsheets.
//!
//! By `Accept` of `POST /api/v1/search`:
//! - `application/json`: one page ([`api::SearchResponse`]).
//! - `application/x-ndjson`: a row to a line, the first ones before the last are found; then one line
//!   `{"$nines": {…}}` with `notices`, `next_cursor` and `stats`, or with the `problem` that ended the answer early. No
//!   field begins with a dollar sign, so the line cannot be taken for a row.
//! - `text/csv`: the columns asked for with `columns`, else those of the dataset; a last line that begins with `#` says
//!   whether the limit cut the answer.
//!
//! Closing the connection stops the search within one page.

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use nines_api as api;
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange};
use nines_query as query;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::explore::add;
use super::telemetry::{self, DEFAULT_RANGE, dataset, notices, stats};
use crate::SharedApp;
use crate::extract::{Body, Caller, range};
use crate::problem::{ApiError, ApiResult};

/// Rows of one streamed answer: what a browser can hold and a spreadsheet can open.
pub const EXPORT_ROWS_MAX: u32 = 100_000;
/// Rows of the first part of a stream, so that something is seen at once, and of the others.
const FIRST_ROWS: usize = 100;
const NEXT_ROWS: usize = 2_000;
/// Columns of a CSV answer.
const CSV_COLUMNS_MAX: usize = 1_000;

#[derive(Debug, Deserialize)]
pub struct Shape {
    /// Of a CSV answer: fields, separated by commas.
    columns: Option<String>,
}

pub async fn search(
    State(app): State<SharedApp>,
    Query(shape): Query<Shape>,
    caller: Caller,
    headers: HeaderMap,
    Body(request): Body<api::SearchRequest>,
) -> ApiResult<Response> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kinds = || accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if kinds().any(|kind| matches!(kind, "application/x-ndjson" | "application/ndjson")) {
        let export = Export::new(app, &caller, request)?;
        return Ok(export.stream(Format::Ndjson, "application/x-ndjson"));
    }
    if kinds().any(|kind| kind == "text/csv") {
        let export = Export::new(app, &caller, request)?;
        let columns = export.csv_columns(shape.columns.as_deref())?;
        return Ok(export.stream(Format::Csv { columns }, "text/csv; charset=utf-8"));
    }
    telemetry::search(State(app), caller, Body(request)).await.map(IntoResponse::into_response)
}

enum Format {
    Ndjson,
    Csv { columns: Vec<String> },
}

/// A streamed answer while it is being written.
struct Export {
    app: SharedApp,
    dataset: Dataset,
    filter: Filter,
    range: TimeRange,
    limit: usize,
    cursor: Option<String>,
    sent: usize,
    notices: Vec<api::Notice>,
    stats: api::QueryStats,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    Begin,
    Rows,
    End,
}

impl Export {
    fn new(app: SharedApp, caller: &Caller, request: api::SearchRequest) -> ApiResult<Self> {
        let limit = request.limit.unwrap_or(query::PAGE_DEFAULT as u32);
        if limit == 0 || limit > EXPORT_ROWS_MAX {
            return Err(ApiError::invalid(format!("`limit` {limit} is not between 1 and {EXPORT_ROWS_MAX}"))
                .hint("narrow the time or the filter, or go on with `next_cursor`"));
        }
        let dataset = dataset(&request.dataset)?;
        let asked = Filter::parse(&request.filter)?;
        let range = range(request.start.as_deref(), request.end.as_deref(), app.clock.now(), DEFAULT_RANGE)?;
        Ok(Self {
            notices: notices(&app, caller, dataset, &asked),
            app,
            dataset,
            filter: caller.narrowed(asked),
            range,
            limit: limit as usize,
            cursor: request.cursor,
            sent: 0,
            stats: api::QueryStats::default(),
            stage: Stage::Begin,
        })
    }

    fn csv_columns(&self, asked: Option<&str>) -> ApiResult<Vec<String>> {
        let columns: Vec<String> = match asked.filter(|asked| !asked.is_empty()) {
            Some(asked) => asked.split(',').map(|name| name.trim().to_owned()).collect(),
            None => {
                let known = self.app.engine.fields(self.dataset);
                known.into_iter().map(|column| column.name).take(CSV_COLUMNS_MAX).collect()
            }
        };
        if columns.len() > CSV_COLUMNS_MAX {
            return Err(ApiError::invalid(format!("{} columns are too many", columns.len()))
                .hint(format!("ask for at most {CSV_COLUMNS_MAX}")));
        }
        Ok(columns)
    }

    fn stream(self, format: Format, content_type: &'static str) -> Response {
        let parts = futures::stream::unfold((self, format), |(mut export, format)| async move {
            let part = export.next(&format).await?;
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(part)), (export, format)))
        });
        ([(header::CONTENT_TYPE, content_type)], HttpBody::from_stream(parts)).into_response()
    }

    /// The next part of the body; `None` when it is whole.
    async fn next(&mut self, format: &Format) -> Option<String> {
        if self.stage == Stage::End {
            return None;
        }
        let mut part = String::new();
        if self.stage == Stage::Begin {
            self.stage = Stage::Rows;
            if let Format::Csv { columns } = format {
                part.push_str(&csv_line(columns.iter().map(String::as_str)));
            }
        }
        let problem = match self.page().await {
            Ok(rows) => {
                for row in &rows {
                    match format {
                        Format::Ndjson => {
                            part.push_str(&serde_json::to_string(row).expect("a row is plain data"));
                            part.push('\n');
                        }
                        Format::Csv { columns } => {
                            let cells: Vec<String> = columns.iter().map(|name| cell(row.get(name))).collect();
                            part.push_str(&csv_line(cells.iter().map(String::as_str)));
                        }
                    }
                }
                None
            }
            Err(error) => Some(error.detail().to_owned()),
        };
        if problem.is_some() || self.cursor.is_none() || self.sent >= self.limit {
            self.stage = Stage::End;
            part.push_str(&self.last_line(format, problem));
        }
        Some(part)
    }

    async fn page(&mut self) -> ApiResult<Vec<Map<String, Value>>> {
        let most = if self.sent == 0 { FIRST_ROWS } else { NEXT_ROWS };
        let mut ask = query::SearchRequest::new(self.dataset, self.filter.clone(), self.range);
        ask.limit = most.min(self.limit - self.sent);
        ask.cursor = self.cursor.take();
        let answer = self.app.engine.search(ask).await?;
        self.sent += answer.rows.len();
        self.cursor = answer.next;
        let mut cost = stats(&answer.stats);
        cost.truncated = false;
        add(&mut self.stats, cost);
        Ok(answer.rows)
    }

    fn last_line(&mut self, format: &Format, problem: Option<String>) -> String {
        self.stats.rows_returned = self.sent as u64;
        self.stats.truncated = self.cursor.is_some();
        match format {
            Format::Ndjson => {
                let mut about = json!({ "notices": self.notices, "stats": self.stats });
                if let Some(cursor) = &self.cursor {
                    about["next_cursor"] = json!(cursor);
                }
                if let Some(problem) = problem {
                    about["problem"] = json!(problem);
                }
                format!("{}\n", json!({ "$nines": about }))
            }
            Format::Csv { .. } => match (problem, self.stats.truncated) {
                (Some(problem), _) => format!("# this answer is not whole: {problem}\r\n"),
                (None, true) => format!("# there are more rows: this answer was cut at {}\r\n", self.sent),
                (None, false) => String::new(),
            },
        }
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn csv_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    cells.map(crate::render::csv::cell).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::csv_line;

    #[test]
    fn cells_are_quoted_and_formulas_defused() {
        for (cells, expected) in [
            (vec!["a", "b c"], "a,b c\r\n"),
            (vec!["a,b", "say \"hi\"", "x\ny"], "\"a,b\",\"say \"\"hi\"\"\",\"x\ny\"\r\n"),
            (vec!["=1+1", "-5", "-x", "@a", ""], "'=1+1,-5,'-x,'@a,\r\n"),
        ] {
            assert_eq!(csv_line(cells.into_iter()), expected);
        }
    }
}
