//! What may come next while a filter is typed: real fields, real values with their counts, operators and keywords.
//!
//! Values must be there while a person types, so they come from tallies: how often each value of a field occurs in a
//! segment, counted once per segment and field, and kept. The counts are of whole segments, also where the range holds
//! only a part of one, and of a bounded number of rows: [`Suggestions::approximate`] says so.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use nines_filter::{
    Comparison, Completion, Context, Expr, Filter, Literal, OPERATORS, Operator, Test, Wildcard, complete,
    nearest,
};
use nines_model::{Dataset, TimeRange, field};
use nines_storage::Column as StoredColumn;

use crate::cache::Cache;
use crate::error::ScanError;
use crate::facets::{FacetsRequest, facets};
use crate::part::Part;
use crate::question::{Help, Question};
use crate::rows::Rows;
use crate::scanner::{Asked, Limits, Scanner};
use crate::stats::QueryStats;
use crate::tally::Tally;

/// As many lines as a list under the cursor shows without scrolling for long.
const ITEMS_MAX: usize = 30;

#[derive(Debug, Clone)]
pub struct SuggestRequest {
    pub dataset: Dataset,
    pub text: String,
    /// Bytes before the cursor.
    pub cursor: usize,
    /// Where to look for values.
    pub range: TimeRange,
    pub limits: Limits,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Suggestions {
    /// Bytes of the text that the chosen item replaces.
    pub replace: Range<usize>,
    /// The best first.
    pub items: Vec<Suggestion>,
    /// Counts are of a part of the events, or of some beside those of the range.
    pub approximate: bool,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// To be put in as it is: quoted where the language needs it.
    pub text: String,
    pub kind: SuggestionKind,
    /// A field's type.
    pub detail: Option<String>,
    /// Events that have the value, of those that were counted.
    pub count: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuggestionKind {
    Field,
    Value,
    Operator,
    Keyword,
}

/// Rows whose values are counted for one answer, the newest first: at 5 ns each, 20 ms on one thread. What was counted
/// before costs nothing, so that the next answers cover more.
const ROWS_MAX: usize = 4_000_000;
/// Tallies that are kept: a few dozen bytes per value and at most a thousand values each.
const TALLIES_BYTES_MAX: usize = 8 << 20;

/// Tallies by segment and field.
#[derive(Debug)]
pub(crate) struct Tallies(Cache<(i64, String), Tally>);

impl Default for Tallies {
    fn default() -> Self {
        Self(Cache::new(TALLIES_BYTES_MAX))
    }
}

impl Scanner {
    /// Never fails because of the text: half a filter is the normal case.
    pub fn suggest(&self, request: SuggestRequest) -> Asked<'_, Suggestions> {
        let limits = request.limits.clone();
        Box::pin(self.run(limits, move |question| {
            let request = request.clone();
            async move { suggest(&question, &request).await }
        }))
    }
}

async fn suggest(question: &Arc<Question>, request: &SuggestRequest) -> Result<Suggestions, ScanError> {
    let Completion { context, replace, keywords } = complete(&request.text, request.cursor);
    let columns = question.scanner().store().columns(request.dataset);
    let mut approximate = false;
    let mut items = match context {
        Context::Field { prefix } => fields_like(&prefix, &columns),
        Context::Operator { field } => {
            let is_field = columns.iter().any(|column| column.name == field.as_str());
            if is_field { OPERATORS.map(operator).to_vec() } else { Vec::new() }
        }
        Context::Value { field, prefix } => {
            let found = frequent_values(question, request, &field, &prefix).await?;
            approximate = found.approximate;
            values(field, found.values).collect()
        }
        Context::Keyword => Vec::new(),
    };
    items.truncate(ITEMS_MAX);
    items.extend(keywords.iter().map(|text| item(text, SuggestionKind::Keyword)));
    Ok(Suggestions { replace, items, approximate, stats: question.stats() })
}

struct Found {
    values: Vec<(String, u64)>,
    approximate: bool,
}

async fn frequent_values(
    question: &Arc<Question>,
    request: &SuggestRequest,
    field: &str,
    prefix: &str,
) -> Result<Found, ScanError> {
    let (tally, approximate) = tally_of(question, request, field).await?;
    let mut values = tally.most_frequent();
    values.retain(|(value, _)| value.starts_with(prefix));
    if tally.is_overflowed() && !prefix.is_empty() && values.is_empty() {
        // An id, nearly: only looking for what begins so can find it.
        let found = facets(question, &values_request(request, field.to_owned(), prefix)).await?;
        let values = found.facets.into_iter().flat_map(|facet| facet.values).collect();
        return Ok(Found { values, approximate: true });
    }
    values.truncate(ITEMS_MAX);
    Ok(Found { values, approximate: approximate || tally.is_overflowed() })
}

/// How often each value of the field occurs, and whether that is only about so.
async fn tally_of(
    question: &Arc<Question>,
    request: &SuggestRequest,
    name: &str,
) -> Result<(Tally, bool), ScanError> {
    let target = question.target(request.dataset, &Filter::all(), request.range)?;
    let mut approximate = false;
    let mut sum = Tally::new();
    let mut parts = target.parts;
    parts.sort_by_key(|part| std::cmp::Reverse(part.max_time));
    let cache = &question.scanner().tallies().0;
    let key = |part: &Part| part.row_group().map(|(segment, _)| (segment.file.id, name.to_owned()));
    let mut known = HashSet::new();
    for key in parts.iter().filter_map(key) {
        if !known.contains(&key.0)
            && let Some(tally) = cache.get(&key)
        {
            known.insert(key.0);
            sum = sum.merge(&tally);
        }
    }
    parts.retain(|part| part.row_group().is_none_or(|(segment, _)| !known.contains(&segment.file.id)));
    let inside = |part: &Part| request.range.start <= part.min_time && part.max_time < request.range.end;
    approximate |= !parts.iter().all(inside) || !known.is_empty() && request.range != TimeRange::ALL;
    // Only segments of which every row group is counted are kept.
    let mut rows = 0;
    let asked = parts.len();
    parts.retain(|part| {
        rows += part.rows;
        rows <= ROWS_MAX
    });
    approximate |= parts.len() < asked;
    let mut groups: HashMap<i64, usize> = HashMap::new();
    for (segment, _) in parts.iter().filter_map(Part::row_group) {
        *groups.entry(segment.file.id).or_default() += 1;
    }
    let whole: HashMap<i64, bool> = parts
        .iter()
        .filter_map(Part::row_group)
        .map(|(segment, _)| (segment.file.id, groups[&segment.file.id] == segment.row_groups()))
        .collect();
    for (segment, tally) in count(question, parts, name).await? {
        sum = sum.merge(&tally);
        if let Some(id) = segment.filter(|id| whole[id]) {
            let bytes = tally.bytes();
            cache.put((id, name.to_owned()), Arc::new(tally), bytes);
        }
    }
    Ok((sum, approximate))
}

/// Tallies by segment; that of the hot rows has none.
async fn count(
    question: &Arc<Question>,
    parts: Vec<Part>,
    name: &str,
) -> Result<BTreeMap<Option<i64>, Tally>, ScanError> {
    let work = {
        let name = name.to_owned();
        move |_: &Question, _: usize, part: &Part, tallies: &mut BTreeMap<Option<i64>, Tally>| {
            let id = part.row_group().map(|(segment, _)| segment.file.id);
            let tally = tallies.entry(id).or_insert_with(Tally::new);
            if part.is_costly(&name) {
                tally.overflow();
                return Ok(ControlFlow::Continue(()));
            }
            for batch in part.read(&[name.as_str(), field::OVERFLOW], &Rows::All(part.rows))? {
                let batch = batch?;
                tally.count(&name, batch.arrays[0].as_ref(), batch.arrays[1].as_ref(), batch.rows);
            }
            Ok(ControlFlow::Continue(()))
        }
    };
    let mut sum: BTreeMap<Option<i64>, Tally> = BTreeMap::new();
    for (id, tally) in question.scan(Help::AtOnce, parts, BTreeMap::new, work).await?.into_iter().flatten() {
        let before = sum.remove(&id).unwrap_or_else(Tally::new);
        sum.insert(id, before.merge(&tally));
    }
    Ok(sum)
}

/// Names that begin with the prefix, then those that hold it, then one that is like it.
fn fields_like(prefix: &str, columns: &[StoredColumn]) -> Vec<Suggestion> {
    let wanted = prefix.to_lowercase();
    let names = || columns.iter().filter(|column| column.name != field::OVERFLOW);
    let begins = |column: &&StoredColumn| column.name.to_lowercase().starts_with(&wanted);
    let holds = |column: &&StoredColumn| column.name.to_lowercase().contains(&wanted);
    let mut found: Vec<&StoredColumn> = names().filter(begins).collect();
    found.extend(names().filter(|column| holds(column) && !begins(column)));
    if found.is_empty()
        && let Some(like) = nearest(prefix, names().map(|column| column.name.as_str()))
    {
        found.extend(names().filter(|column| column.name == like));
    }
    found.into_iter().map(field_item).collect()
}

fn field_item(column: &StoredColumn) -> Suggestion {
    // `name: *` in canonical text begins with the name as it must be written.
    let written = Comparison { field: column.name.clone(), test: Test::Exists }.to_string();
    let text = written.strip_suffix(": *").unwrap_or(&written);
    Suggestion { detail: Some(column.kind.as_str().to_owned()), ..item(text, SuggestionKind::Field) }
}

fn values_request(request: &SuggestRequest, field: String, prefix: &str) -> FacetsRequest {
    let with_prefix = if prefix.is_empty() {
        Filter::all()
    } else {
        Filter::from_ast(Expr::compare(field.as_str(), Test::Like(Wildcard::prefix(prefix))))
    };
    FacetsRequest {
        dataset: request.dataset,
        filter: with_prefix,
        range: request.range,
        fields: Some(vec![field]),
        top: ITEMS_MAX,
        limits: request.limits.clone(),
    }
}

fn values(field: String, values: Vec<(String, u64)>) -> impl Iterator<Item = Suggestion> {
    values.into_iter().map(move |(value, count)| {
        let literal = Literal::for_field(&field, value);
        let written =
            Comparison { field: field.as_str().into(), test: Test::Is(Operator::Equal, literal.clone()) };
        debug_assert!(Filter::parse(&written.to_string()).is_ok());
        Suggestion { count: Some(count), ..item(&literal.to_string(), SuggestionKind::Value) }
    })
}

fn operator(sign: &str) -> Suggestion {
    item(sign, SuggestionKind::Operator)
}

fn item(text: &str, kind: SuggestionKind) -> Suggestion {
    Suggestion { text: text.to_owned(), kind, detail: None, count: None }
}
