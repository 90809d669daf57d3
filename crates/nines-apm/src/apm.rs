//! The questions that read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::RecordBatch;
use serde::Deserialize;
use serde_json::{Map, Value};

use nines_filter::{Expr, Filter};
use nines_model::{Dataset, SmolStr, TimeRange, field};
use nines_query::{Engine, Limits, QueryError, QueryStats, ScanRequest};

use crate::columns::{FirstOf, Ints, Texts, times};
use crate::compare::{Comparison, compare};
use crate::entries::{self, Entries, UNKNOWN};
use crate::errors::{ErrorTally, Fingerprint, Group, Occurrence, Source};
use crate::map::{self, Calls, ServiceMap};

/// Answers questions about services from the spans of an engine. Cheap to clone.
#[derive(Clone)]
pub struct Apm {
    engine: Engine,
}

/// Which requests are looked at.
#[derive(Debug, Clone)]
pub struct Scope {
    pub range: TimeRange,
    pub service: Option<SmolStr>,
    /// On top, in the filter language. It is asked of each span (or record) by itself.
    pub filter: Filter,
}

impl Scope {
    pub fn of(range: TimeRange) -> Self {
        Self { range, service: None, filter: Filter::all() }
    }

    fn filter(&self) -> Filter {
        match &self.service {
            None => self.filter.clone(),
            Some(service) => {
                self.filter.clone().and(Filter::from_ast(Expr::equals(field::SERVICE_NAME, service.clone())))
            }
        }
    }
}

/// Traces that [`Apm::recent_traces`] finds at most: what Jaeger's own page lets one ask for.
pub const TRACES_MAX: usize = 1_500;

/// Spans with which a request enters a service.
const ENTRIES: &str = "kind: (server or consumer) or not parent_span_id: *";
/// Spans that may hold an error.
const FAILED_SPANS: &str = "status_code: error or events: *exception*";
/// Records that may hold one.
const FAILED_LOGS: &str = "severity_number >= 17 or exception.type: *";

const COMMIT: [&str; 4] =
    ["vcs.ref.head.revision", "vcs.repository.ref.revision", "git.commit.sha", "commit"];
const CODE_FILE: [&str; 2] = ["code.file.path", "code.filepath"];
const CODE_LINE: [&str; 2] = ["code.line.number", "code.lineno"];
const CODE_FUNCTION: [&str; 2] = ["code.function.name", "code.function"];
const USER: [&str; 2] = [field::USER_ID, "enduser.id"];

/// The columns that error groups are made of, spans' and logs' together.
const ERROR_COLUMNS: [&str; 30] = [
    field::TIMESTAMP,
    field::SERVICE_NAME,
    field::NAME,
    field::KIND,
    field::STATUS_CODE,
    field::STATUS_MESSAGE,
    field::SPAN_EVENTS,
    field::TRACE_ID,
    field::SPAN_ID,
    field::SERVICE_VERSION,
    field::SEVERITY_TEXT,
    field::SEVERITY_NUMBER,
    field::BODY,
    "error.type",
    "error.message",
    "exception.type",
    "exception.message",
    "exception.stacktrace",
    COMMIT[0],
    COMMIT[1],
    COMMIT[2],
    COMMIT[3],
    CODE_FILE[0],
    CODE_FILE[1],
    CODE_LINE[0],
    CODE_LINE[1],
    CODE_FUNCTION[0],
    CODE_FUNCTION[1],
    USER[0],
    USER[1],
];

impl Apm {
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// Figures of every endpoint and service in the scope.
    pub async fn entries(&self, scope: &Scope) -> Result<(Entries, QueryStats), QueryError> {
        let range = scope.range;
        let request = spans(scope, Some(ENTRIES), entries::COLUMNS);
        self.engine.scan(request, move || Entries::over(range), Entries::fold).await
    }

    /// Who calls whom. A service in the scope would cut away its neighbours, so the scope's service is not applied: the
    /// caller picks its edges from the answer.
    pub async fn map(&self, scope: &Scope) -> Result<(ServiceMap, QueryStats), QueryError> {
        let all = Scope { service: None, ..scope.clone() };
        let request = spans(&all, None, map::COLUMNS);
        let (calls, stats) = self.engine.scan(request, Calls::default, Calls::fold).await?;
        Ok((calls.finish(), stats))
    }

    /// The error groups of the scope, and the tally that they came from. All services are read even where the scope names
    /// one, because a group may follow another service's exception. With `before`, occurrences in that range
    /// (which must end where the scope's begins) say whether a group is new.
    pub async fn errors(
        &self,
        scope: &Scope,
        before: Option<TimeRange>,
    ) -> Result<(Vec<Group>, ErrorTally, QueryStats), QueryError> {
        let range = scope.range;
        let start = before.map_or(range.start, |before| before.start);
        let of = scope.service.clone();
        let scope = Scope { range: TimeRange::new(start, range.end), service: None, ..scope.clone() };
        let columns = ERROR_COLUMNS.map(str::to_owned).to_vec();
        let request = |dataset, also| ScanRequest {
            dataset,
            filter: parsed(also).and(scope.filter()),
            range: scope.range,
            columns: columns.clone(),
            limits: Limits::default(),
        };
        // Spans first, because what they tell is not counted again from logs: the second scan goes on with a copy of the
        // first one's tally, and with a fresh copy if it has to start anew.
        let (tally, stats) = self
            .engine
            .scan(request(Dataset::Spans, FAILED_SPANS), move || ErrorTally::over(range), fold_spans)
            .await?;
        let (mut tally, more) =
            self.engine.scan(request(Dataset::Logs, FAILED_LOGS), move || tally.clone(), fold_logs).await?;
        let mut groups = tally.finish(before.is_some());
        groups.retain(|group| of.as_ref().is_none_or(|of| *of == group.service));
        Ok((groups, tally, sum(stats, more)))
    }

    /// One error group, found again by its fingerprint.
    pub async fn error(
        &self,
        scope: &Scope,
        fingerprint: Fingerprint,
        before: Option<TimeRange>,
    ) -> Result<(Option<Group>, ErrorTally, QueryStats), QueryError> {
        let (groups, tally, stats) = self.errors(scope, before).await?;
        let found = groups.into_iter().find(|group| group.fingerprint == fingerprint);
        Ok((found, tally, stats))
    }

    /// Both sides beside each other.
    pub async fn compare(
        &self,
        baseline: &Scope,
        candidate: &Scope,
    ) -> Result<(Comparison, QueryStats), QueryError> {
        let (a, stats) = self.entries(baseline).await?;
        let (b, more) = self.entries(candidate).await?;
        Ok((compare(&a, baseline.range, &b, candidate.range), sum(stats, more)))
    }

    /// Ids of traces with a span that the scope selects, the newest first; at most [`TRACES_MAX`].
    pub async fn recent_traces(
        &self,
        scope: &Scope,
        limit: usize,
    ) -> Result<(Vec<SmolStr>, QueryStats), QueryError> {
        let request = spans(scope, None, [field::TIMESTAMP, field::TRACE_ID]);
        let limit = limit.clamp(1, TRACES_MAX);
        let (found, stats) = self.engine.scan(request, move || Recent::of(limit), Recent::fold).await?;
        Ok((found.newest_first(), stats))
    }

    /// Every service that sent a span in the range, by name.
    pub async fn service_names(&self, range: TimeRange) -> Result<Vec<SmolStr>, QueryError> {
        let request = spans(&Scope::of(range), None, [field::SERVICE_NAME]);
        let (names, _) = self.engine.scan(request, BTreeSet::new, fold_service_names).await?;
        Ok(names.into_iter().collect())
    }

    /// Names of the spans in the scope with their kinds, by name; at most [`SPAN_NAMES_MAX`].
    pub async fn span_names(&self, scope: &Scope) -> Result<Vec<(SmolStr, SmolStr)>, QueryError> {
        let request = spans(scope, None, [field::NAME, field::KIND]);
        let (names, _) = self.engine.scan(request, BTreeSet::new, fold_span_names).await?;
        Ok(names.into_iter().collect())
    }

    /// Rows of `spans` that belong to any of the traces, each an object of its fields, oldest first.
    pub async fn spans_of(
        &self,
        trace_ids: &[SmolStr],
        range: TimeRange,
    ) -> Result<(Vec<Map<String, Value>>, QueryStats), QueryError> {
        let (mut rows, mut stats) = (Vec::new(), QueryStats::default());
        for ids in trace_ids.chunks(TRACES_AT_ONCE) {
            let one = |id: &SmolStr| Expr::equals(field::TRACE_ID, id.clone());
            let filter = Filter::from_ast(Expr::or(ids.iter().map(one).collect()));
            let mut ask = nines_query::SearchRequest::new(Dataset::Spans, filter, range);
            ask.limit = nines_query::PAGE_MAX;
            ask.order = nines_query::Order::OldestFirst;
            // Page by page: a few traces may have more spans than a page has rows.
            loop {
                let page = self.engine.search(ask.clone()).await?;
                rows.extend(page.rows);
                stats = sum(stats, page.stats);
                match page.next {
                    Some(next) if rows.len() < SPANS_MAX => ask.cursor = Some(next),
                    Some(_) => {
                        stats.truncated = true;
                        return Ok((rows, stats));
                    }
                    None => break,
                }
            }
        }
        stats.truncated = false;
        stats.rows_returned = rows.len() as u64;
        Ok((rows, stats))
    }
}

/// Names in a list that people choose from.
pub const SPAN_NAMES_MAX: usize = 10_000;

fn fold_service_names(names: &mut BTreeSet<SmolStr>, batch: &RecordBatch) {
    let services = Texts::of(batch, field::SERVICE_NAME);
    // Rows lie sorted by service: nearly always the same as the one before.
    let mut last = "";
    for service in (0..batch.num_rows()).filter_map(|row| services.get(row)) {
        if service != last && names.len() < SPAN_NAMES_MAX {
            names.insert(service.into());
        }
        last = service;
    }
}

fn fold_span_names(names: &mut BTreeSet<(SmolStr, SmolStr)>, batch: &RecordBatch) {
    let (spans, kinds) = (Texts::of(batch, field::NAME), Texts::of(batch, field::KIND));
    for row in 0..batch.num_rows() {
        let pair =
            (SmolStr::new(spans.get(row).unwrap_or_default()), kinds.get(row).unwrap_or("internal").into());
        if names.len() < SPAN_NAMES_MAX {
            names.insert(pair);
        }
    }
}

/// Ids in one question: a filter of more is slower than two questions.
const TRACES_AT_ONCE: usize = 50;
/// Spans of all traces of one answer together, as JSON about a kilobyte each.
const SPANS_MAX: usize = 100_000;

fn spans<const N: usize>(scope: &Scope, also: Option<&str>, columns: [&str; N]) -> ScanRequest {
    let filter = match also {
        Some(also) => parsed(also).and(scope.filter()),
        None => scope.filter(),
    };
    ScanRequest {
        dataset: Dataset::Spans,
        filter,
        range: scope.range,
        columns: columns.map(str::to_owned).to_vec(),
        limits: Limits::default(),
    }
}

fn parsed(filter: &str) -> Filter {
    Filter::parse(filter).expect("filters of our own are valid")
}

fn sum(a: QueryStats, b: QueryStats) -> QueryStats {
    let mut partial = a.partial;
    partial.extend(b.partial);
    partial.dedup();
    QueryStats {
        run_time: a.run_time + b.run_time,
        rows_scanned: a.rows_scanned + b.rows_scanned,
        bytes_scanned: a.bytes_scanned + b.bytes_scanned,
        segments_scanned: a.segments_scanned + b.segments_scanned,
        segments_pruned: a.segments_pruned + b.segments_pruned,
        rows_returned: a.rows_returned + b.rows_returned,
        truncated: a.truncated || b.truncated,
        partial,
    }
}

/// The newest time of each trace, of the newest traces.
struct Recent {
    limit: usize,
    by_id: HashMap<SmolStr, i64>,
}

impl Recent {
    fn of(limit: usize) -> Self {
        Self { limit, by_id: HashMap::new() }
    }

    fn fold(&mut self, batch: &RecordBatch) {
        let ids = Texts::of(batch, field::TRACE_ID);
        for (row, at) in times(batch).iter().enumerate() {
            let Some(id) = ids.get(row) else { continue };
            match self.by_id.get_mut(id) {
                Some(newest) => *newest = (*newest).max(*at),
                None => drop(self.by_id.insert(id.into(), *at)),
            }
        }
        // Forgetting in bulk makes it cheap; what is forgotten is older than `limit` others.
        if self.by_id.len() > self.limit * 8 {
            let kept: Vec<(SmolStr, i64)> = self.sorted().into_iter().take(self.limit * 2).collect();
            self.by_id = kept.into_iter().collect();
        }
    }

    fn sorted(&self) -> Vec<(SmolStr, i64)> {
        let mut all: Vec<(SmolStr, i64)> = self.by_id.iter().map(|(id, at)| (id.clone(), *at)).collect();
        all.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        all
    }

    fn newest_first(&self) -> Vec<SmolStr> {
        self.sorted().into_iter().take(self.limit).map(|(id, _)| id).collect()
    }
}

/// What spans and logs tell of errors in the same words.
struct Common<'a> {
    services: Texts<'a>,
    versions: Texts<'a>,
    commits: FirstOf<'a, 4>,
    users: FirstOf<'a, 2>,
    traces: Texts<'a>,
    spans: Texts<'a>,
    files: FirstOf<'a, 2>,
    functions: FirstOf<'a, 2>,
    lines: [Ints<'a>; 2],
}

impl<'a> Common<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        Self {
            services: Texts::of(batch, field::SERVICE_NAME),
            versions: Texts::of(batch, field::SERVICE_VERSION),
            commits: FirstOf::of(batch, &COMMIT),
            users: FirstOf::of(batch, &USER),
            traces: Texts::of(batch, field::TRACE_ID),
            spans: Texts::of(batch, field::SPAN_ID),
            files: FirstOf::of(batch, &CODE_FILE),
            functions: FirstOf::of(batch, &CODE_FUNCTION),
            lines: CODE_LINE.map(|name| Ints::of(batch, name)),
        }
    }

    fn get(&self, row: usize, at: i64) -> Occurrence<'a> {
        let line = self.lines.iter().find_map(|lines| lines.get(row));
        Occurrence {
            at,
            service: self.services.get(row).unwrap_or(UNKNOWN),
            version: self.versions.get(row),
            commit: self.commits.get(row),
            user: self.users.get(row),
            trace_id: self.traces.get(row).filter(|id| !id.is_empty()),
            span_id: self.spans.get(row).filter(|id| !id.is_empty()),
            file: self.files.get(row),
            function: self.functions.get(row),
            line: line.and_then(|line| u32::try_from(line).ok()),
            ..Occurrence::default()
        }
    }
}

#[derive(Deserialize)]
struct SpanEvent {
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
}

impl SpanEvent {
    fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }
}

fn fold_spans(tally: &mut ErrorTally, batch: &RecordBatch) {
    let common = Common::of(batch);
    let [names, kinds, statuses, messages, events, types] = [
        field::NAME,
        field::KIND,
        field::STATUS_CODE,
        field::STATUS_MESSAGE,
        field::SPAN_EVENTS,
        "error.type",
    ]
    .map(|name| Texts::of(batch, name));
    for (row, &at) in times(batch).iter().enumerate() {
        let it = Occurrence { place: names.get(row), ..common.get(row, at) };
        let mut raised = false;
        let text = events.get(row).filter(|text| text.contains("exception"));
        let events: Vec<SpanEvent> =
            text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        for event in events.iter().filter(|event| event.name == "exception") {
            raised = true;
            let at = if event.timestamp > 0 { event.timestamp } else { at };
            tally.exception(&Occurrence {
                at,
                kind: event.text("exception.type").unwrap_or("exception"),
                message: event.text("exception.message").unwrap_or_default(),
                stack: event.text("exception.stacktrace"),
                ..it.clone()
            });
        }
        let kind = types.get(row).unwrap_or("error");
        // A caller whose client span is marked by the answer's status only repeats what the callee tells.
        let echo = kinds.get(row) == Some("client") && kind.bytes().all(|byte| byte.is_ascii_digit());
        if !raised && !echo && statuses.get(row) == Some("error") {
            let message = messages.get(row).unwrap_or_default();
            tally.other(Source::Status, &Occurrence { kind, message, ..it });
        }
    }
}

fn fold_logs(tally: &mut ErrorTally, batch: &RecordBatch) {
    let common = Common::of(batch);
    let [types, messages, stacks, bodies, severities] =
        ["exception.type", "exception.message", "exception.stacktrace", field::BODY, field::SEVERITY_TEXT]
            .map(|name| Texts::of(batch, name));
    for (row, &at) in times(batch).iter().enumerate() {
        let it = common.get(row, at);
        let body = bodies.get(row).unwrap_or_default();
        match types.get(row) {
            Some(kind) => {
                let message = messages.get(row).unwrap_or(body);
                tally.exception(&Occurrence { kind, message, stack: stacks.get(row), ..it });
            }
            None => {
                let kind = severities.get(row).filter(|text| !text.is_empty()).unwrap_or("error");
                tally.other(Source::Log, &Occurrence { kind, message: body, ..it });
            }
        }
    }
}
