//! What may come next while a filter is typed: real fields, real values with their counts, operators and keywords.

use std::ops::Range;

use nines_filter::{
    Comparison, Completion, Context, Expr, Filter, Literal, OPERATORS, Operator, Test, Wildcard, complete,
    nearest,
};
use nines_model::{Dataset, TimeRange, field};
use nines_storage::Column as StoredColumn;

use crate::engine::{Engine, Limits, Query};
use crate::error::QueryError;
use crate::facets::{FacetsRequest, facets};
use crate::sql::Column;
use crate::stats::QueryStats;

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

impl Engine {
    /// Never fails because of the text: half a filter is the normal case. Values cost one pass over their column.
    pub async fn suggest(&self, request: SuggestRequest) -> Result<Suggestions, QueryError> {
        let limits = request.limits.clone();
        self.run(limits, move |query| {
            let request = request.clone();
            async move { suggest(&query, &request).await }
        })
        .await
    }

    /// The fields of a dataset with their types, as of now.
    pub fn fields(&self, dataset: Dataset) -> Vec<Column> {
        let columns = self.store().columns(dataset);
        let shown = columns.iter().filter(|column| column.name != field::OVERFLOW);
        shown.map(|column| Column { name: column.name.to_string(), kind: column.kind.as_str() }).collect()
    }

    /// The known field that `name` was probably meant to be, if it is not known itself.
    pub fn nearest_field(&self, dataset: Dataset, name: &str) -> Option<String> {
        let columns = self.store().columns(dataset);
        if columns.iter().any(|column| column.name == name) {
            return None;
        }
        nearest(name, columns.iter().map(|column| column.name.as_str())).map(str::to_owned)
    }
}

async fn suggest(query: &Query, request: &SuggestRequest) -> Result<Suggestions, QueryError> {
    let Completion { context, replace, keywords } = complete(&request.text, request.cursor);
    let columns = query.engine().store().columns(request.dataset);
    let mut items = match context {
        Context::Field { prefix } => fields_like(&prefix, &columns),
        Context::Operator { field } => {
            let is_field = columns.iter().any(|column| column.name == field.as_str());
            if is_field { OPERATORS.map(operator).to_vec() } else { Vec::new() }
        }
        Context::Value { field, prefix } => {
            let found = facets(query, &values_request(request, field, &prefix)).await?;
            found.facets.into_iter().flat_map(|facet| values(facet.field, facet.values)).collect()
        }
        Context::Keyword => Vec::new(),
    };
    items.truncate(ITEMS_MAX);
    items.extend(keywords.iter().map(|text| item(text, SuggestionKind::Keyword)));
    Ok(Suggestions { replace, items, stats: query.stats() })
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
