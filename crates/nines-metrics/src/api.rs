//! Prometheus' HTTP API: which questions there are, and what is answered.
//!
//! Source: prometheus/prometheus `web/api/v1/api.go` of version 3.14 and `docs/querying/api.md`. Texts of errors are
//! upstream's, because clients show them and some look for them.

use std::time::Duration;

use nines_base::{ErrorKind, Shutdown};
use nines_promql::{Answer, Control, LOOKBACK_MS, POINTS_MAX, QueryError, Value};
use nines_series::{DamagedPart, SeriesError};

use crate::encode::{push_list, push_result, push_text};
use crate::parameters::{Parameters, invalid};
use crate::questions::Questions;
use crate::source::StoreSource;

mod catalog;
mod monitoring;
mod status;

/// A question by its path below `/api/v1/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    Query,
    QueryRange,
    QueryExemplars,
    FormatQuery,
    ParseQuery,
    Series,
    Labels,
    LabelValues(String),
    Metadata,
    Rules,
    Alerts,
    Targets,
    ScrapePools,
    TargetsMetadata,
    BuildInfo,
    RuntimeInfo,
    Config,
    Flags,
    Tsdb,
}

/// Status and body of an answer, which is always JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    pub body: String,
}

/// Why there is no answer, in upstream's words for kinds of errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    kind: &'static str,
    status: u16,
    message: String,
}

impl Refused {
    pub fn bad_data(message: impl Into<String>) -> Self {
        Self { kind: "bad_data", status: 400, message: message.into() }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self { kind: "not_found", status: 404, message: message.into() }
    }

    fn of_kind(kind: ErrorKind, message: String) -> Self {
        let (kind, status) = match kind {
            ErrorKind::Cancelled => ("canceled", 503),
            ErrorKind::Timeout => ("timeout", 503),
            ErrorKind::Unavailable | ErrorKind::Exhausted => ("unavailable", 503),
            ErrorKind::Internal => ("internal", 500),
            _ => ("execution", 422),
        };
        Self { kind, status, message }
    }
}

impl From<QueryError> for Refused {
    fn from(error: QueryError) -> Self {
        let message = error.to_string();
        match error {
            QueryError::Parse(error) => invalid("query", error),
            QueryError::BadRequest(_) => Self::bad_data(message),
            // Upstream does not say that the series were being read when the time was up.
            QueryError::Source { message, kind: kind @ (ErrorKind::Timeout | ErrorKind::Cancelled) } => {
                Self::of_kind(kind, message)
            }
            other => Self::of_kind(other.kind(), message),
        }
    }
}

impl From<SeriesError> for Refused {
    fn from(error: SeriesError) -> Self {
        Self::of_kind(error.kind(), error.to_string())
    }
}

/// What goes behind `"data":`, and what was doubtful about it.
#[derive(Default)]
pub(crate) struct Data {
    json: String,
    warnings: Vec<String>,
    infos: Vec<String>,
}

impl Data {
    fn of(json: impl Into<String>) -> Self {
        Self { json: json.into(), ..Self::default() }
    }

    fn warn_of(mut self, damaged: &[DamagedPart]) -> Self {
        let text = |part: &DamagedPart| {
            format!("segment {} is damaged ({}): what it held is missing", part.segment, part.what)
        };
        self.warnings.extend(damaged.iter().map(text));
        self
    }
}

pub(crate) type Outcome = Result<Data, Refused>;

/// Warnings and infos of each kind that an answer carries, as upstream's.
const NOTES_MAX: usize = 10;

const TRUNCATED: &str = "results truncated due to limit";

impl Questions {
    /// Blocks for as long as the question takes, at most until `cancel` begins or the time is up.
    pub fn answer(&self, endpoint: &Endpoint, parameters: &Parameters, cancel: &Shutdown) -> Answered {
        let outcome = match endpoint {
            Endpoint::Query => self.query(parameters, cancel),
            Endpoint::QueryRange => self.query_range(parameters, cancel),
            Endpoint::QueryExemplars => self.query_exemplars(parameters, cancel),
            Endpoint::FormatQuery => expression(parameters).map(|expr| {
                let mut json = String::new();
                push_text(&mut json, &expr.to_string());
                Data::of(json)
            }),
            Endpoint::ParseQuery => expression(parameters)
                .and_then(|expr| crate::tree::tree(&expr).map_err(|message| invalid("query", message)))
                .map(|tree| Data::of(tree.to_string())),
            Endpoint::Series => self.series(parameters, cancel),
            Endpoint::Labels => self.label_names(parameters, cancel),
            Endpoint::LabelValues(name) => self.label_values(name, parameters, cancel),
            Endpoint::Metadata => self.metadata(parameters),
            Endpoint::Rules => self.rules(parameters),
            Endpoint::Alerts => self.alerts(),
            Endpoint::Targets => self.targets(parameters),
            Endpoint::ScrapePools => self.scrape_pools(),
            Endpoint::TargetsMetadata => self.targets_metadata(parameters),
            Endpoint::BuildInfo => Ok(Data::of(self.build_info())),
            Endpoint::RuntimeInfo => Ok(Data::of(self.runtime_info())),
            Endpoint::Config => Ok(Data::of("{\"yaml\":\"\"}")),
            Endpoint::Flags => Ok(Data::of(self.flags())),
            Endpoint::Tsdb => self.tsdb(parameters),
        };
        render(outcome)
    }

    /// For a question that waited too long for its turn.
    pub fn queued_too_long() -> Answered {
        render(Err(Refused::of_kind(ErrorKind::Timeout, "query timed out in query queue".to_owned())))
    }

    /// For a question that died of a defect.
    pub fn failed() -> Answered {
        render(Err(Refused::of_kind(ErrorKind::Internal, "the query failed because of a defect".to_owned())))
    }

    fn query(&self, parameters: &Parameters, cancel: &Shutdown) -> Outcome {
        let limit = parameters.limit("limit")?;
        let time_ms = parameters.time("time")?.unwrap_or_else(|| self.clock.now().as_millis());
        let control = self.control_of(parameters, cancel)?;
        let engine = self.engine(lookback(parameters)?);
        let expr = expression(parameters)?;
        let source = self.source(&control);
        let answer = engine.instant_of(&source, &expr, time_ms, &control)?;
        Ok(self.answered(parameters, answer, limit, &source.damaged()))
    }

    fn query_range(&self, parameters: &Parameters, cancel: &Shutdown) -> Outcome {
        let limit = parameters.limit("limit")?;
        let start = parameters.required_time("start")?;
        let end = parameters.required_time("end")?;
        if end < start {
            return Err(invalid("end", "end timestamp must not be before start time"));
        }
        let step = parameters.duration("step")?;
        let step = step.ok_or_else(|| invalid("step", "cannot parse \"\" to a valid duration"))?;
        if step <= 0 {
            let text =
                "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(invalid("step", text));
        }
        if (end.saturating_sub(start)) / step > POINTS_MAX as i64 {
            let text = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
            return Err(Refused::bad_data(text));
        }
        let control = self.control_of(parameters, cancel)?;
        let mut engine = self.engine(lookback(parameters)?);
        // Both ends count, so the bound above lets one point more pass.
        engine.limits.points = POINTS_MAX + 1;
        let expr = expression(parameters)?;
        let source = self.source(&control);
        let times = nines_promql::ast::QueryTimes { start, end, step };
        let answer = engine.range_of(&source, &expr, times, &control)?;
        Ok(self.answered(parameters, answer, limit, &source.damaged()))
    }

    pub(crate) fn control_of(&self, parameters: &Parameters, cancel: &Shutdown) -> Result<Control, Refused> {
        let timeout = parameters.duration("timeout")?;
        let timeout = timeout.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
        Ok(self.control(cancel.clone(), timeout))
    }

    pub(crate) fn source<'a>(&'a self, control: &'a Control) -> StoreSource<'a> {
        StoreSource::new(&self.store, control, self.limits.samples_max as u64, self.limits.threads)
    }

    fn answered(
        &self,
        parameters: &Parameters,
        answer: Answer,
        limit: usize,
        damaged: &[DamagedPart],
    ) -> Data {
        let Answer { mut value, annotations, stats } = answer;
        let is_cut = match &mut value {
            Value::Vector(samples) => cut(samples, limit),
            Value::Matrix(series) => cut(series, limit),
            _ => false,
        };
        let mut json = String::new();
        push_result(&mut json, &value);
        if parameters.get("stats").is_some() {
            json.pop();
            // Upstream counts the samples that were looked at, and the most that were held at once.
            json.push_str(&format!(
                ",\"stats\":{{\"samples\":{{\"totalQueryableSamples\":{},\"peakSamples\":{}}},\"seriesFetched\":\"{}\"}}}}",
                stats.samples_read, stats.samples_kept, stats.series
            ));
        }
        let query = parameters.get("query").unwrap_or_default();
        let mut data = Data { json, warnings: annotations.warnings(query), infos: annotations.infos(query) };
        if is_cut {
            data.warnings.push(TRUNCATED.to_owned());
        }
        data.warn_of(damaged)
    }
}

/// Whether something was cut off.
pub(crate) fn cut<T>(items: &mut Vec<T>, limit: usize) -> bool {
    let is_cut = items.len() > limit;
    items.truncate(limit);
    is_cut
}

fn expression(parameters: &Parameters) -> Result<nines_promql::ast::Expr, Refused> {
    let text = parameters.get("query").unwrap_or_default();
    nines_promql::parse(text).map_err(|error| invalid("query", error))
}

fn lookback(parameters: &Parameters) -> Result<Option<i64>, Refused> {
    match parameters.duration("lookback_delta")? {
        Some(lookback) if lookback <= 0 => {
            Err(invalid("lookback_delta", format!("must be above zero, such as {}", LOOKBACK_MS / 1_000)))
        }
        lookback => Ok(lookback),
    }
}

fn render(outcome: Outcome) -> Answered {
    let mut body = String::new();
    let status = match outcome {
        Ok(data) => {
            body.push_str("{\"status\":\"success\",\"data\":");
            body.push_str(&data.json);
            push_notes(&mut body, "warnings", &data.warnings);
            push_notes(&mut body, "infos", &data.infos);
            200
        }
        Err(refused) => {
            body.push_str("{\"status\":\"error\",\"errorType\":");
            push_text(&mut body, refused.kind);
            body.push_str(",\"error\":");
            push_text(&mut body, &refused.message);
            refused.status
        }
    };
    body.push('}');
    Answered { status, body }
}

fn push_notes(body: &mut String, name: &str, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    let mut shown: Vec<String> = notes.iter().take(NOTES_MAX).cloned().collect();
    if notes.len() > NOTES_MAX {
        shown.push(format!("{} more {name} were omitted", notes.len() - NOTES_MAX));
    }
    body.push_str(&format!(",\"{name}\":"));
    push_list(body, &shown, |out, note| push_text(out, note));
}
