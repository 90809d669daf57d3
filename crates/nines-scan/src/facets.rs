//! Which values the selected events have most often: the panel beside a search, and what is offered while typing.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nines_filter::{Filter, TEXT_FIELDS};
use nines_model::{Dataset, TimeRange, ValueType, field};
use nines_storage::Column;

use crate::counts::{take_counted, text_of};
use crate::error::ScanError;
use crate::part::Part;
use crate::question::{Help, Question, Target};
use crate::scanner::{Asked, Limits, Scanner};
use crate::stats::QueryStats;
use crate::tally::Tally;

/// Facets that are chosen if none are named: as many as a panel shows.
const FACETS_DEFAULT: usize = 16;
/// Facets that can be named in one request.
const FACETS_MAX: usize = 64;
/// Columns that are looked at in order to choose.
const CANDIDATES_MAX: usize = 100;
/// Values (events times fields) that are counted at most; then the answer says that it is a sample. One named
/// field of fifty million events is counted in full; a panel of sixteen chosen among a hundred samples half a
/// million events, enough for one part in a thousand.
const CELLS_MAX: u64 = 50_000_000;

#[derive(Debug, Clone)]
pub struct FacetsRequest {
    pub dataset: Dataset,
    pub filter: Filter,
    pub range: TimeRange,
    /// The fields to count; `None` lets the scanner choose those that divide the events best.
    pub fields: Option<Vec<String>>,
    /// Values per facet.
    pub top: usize,
    pub limits: Limits,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FacetsResult {
    /// In the order asked for, else the most useful first.
    pub facets: Vec<Facet>,
    /// Events that were counted.
    pub events: u64,
    /// Not all selected events were counted, only the first that were found.
    pub sampled: bool,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    pub field: String,
    /// Value as text, and events that have it: most frequent first.
    pub values: Vec<(String, u64)>,
    /// Events that have the field at all.
    pub present: u64,
    /// Different values; a lower bound if `overflowed`.
    pub distinct: u64,
    /// There were too many values to count them all.
    pub overflowed: bool,
}

impl Scanner {
    /// One pass over the candidate columns of the selected events.
    pub fn facets(&self, request: FacetsRequest) -> Asked<'_, FacetsResult> {
        let limits = request.limits.clone();
        Box::pin(self.run(limits, move |question| {
            let request = request.clone();
            async move { facets(&question, &request).await }
        }))
    }
}

pub(crate) async fn facets(
    question: &Arc<Question>,
    request: &FacetsRequest,
) -> Result<FacetsResult, ScanError> {
    let names = match &request.fields {
        Some(names) if names.len() > FACETS_MAX => {
            let message = format!("{} facets are too many", names.len());
            return Err(ScanError::invalid(message, format!("ask for at most {FACETS_MAX}")));
        }
        Some(names) => names.clone(),
        None => candidates(&question.scanner().store().columns(request.dataset)),
    };
    let mut target = question.target(request.dataset, &request.filter, request.range)?;
    let is_chosen = request.fields.is_none();
    let mut counted = Counted::nothing(&names);
    counted.take_counted(&mut target, request.range, &names)?;
    let counted = counted.merge(count(question, &Arc::new(target), &names, is_chosen).await?);
    let Counted { tallies, events, sampled } = counted;
    let mut facets: Vec<Facet> =
        names.into_iter().zip(tallies).map(|(name, tally)| facet(name, &tally, request.top.max(1))).collect();
    if is_chosen {
        facets.retain(|facet| facet.present > 0 && !facet.overflowed);
        facets.sort_by_cached_key(usefulness);
        facets.truncate(FACETS_DEFAULT);
    }
    Ok(FacetsResult { facets, events, sampled, stats: question.stats() })
}

struct Counted {
    tallies: Vec<Tally>,
    events: u64,
    sampled: bool,
}

impl Counted {
    fn nothing(names: &[String]) -> Self {
        Self { tallies: names.iter().map(|_| Tally::new()).collect(), events: 0, sampled: false }
    }

    /// Counts what segments have counted themselves, and takes those out of `target`.
    fn take_counted(
        &mut self,
        target: &mut Target,
        range: TimeRange,
        names: &[String],
    ) -> Result<(), ScanError> {
        let named: Vec<&str> = names.iter().map(String::as_str).collect();
        take_counted(target, range, &named, |group| {
            let events = group.minutes.iter().map(|(_, events)| events).sum();
            self.events += events;
            for (tally, name) in self.tallies.iter_mut().zip(&named) {
                if let Some(text) = text_of(group, name) {
                    tally.add(&text, events);
                }
            }
        })
    }

    fn merge(self, other: Self) -> Self {
        let tallies = self.tallies.into_iter().zip(&other.tallies);
        Self {
            tallies: tallies.map(|(mine, theirs)| mine.merge(theirs)).collect(),
            events: self.events + other.events,
            sampled: self.sampled || other.sampled,
        }
    }
}

/// Counts until the data or the bound ends, the newest parts first. `only_few` passes over columns with very many
/// different values.
async fn count(
    question: &Arc<Question>,
    target: &Arc<Target>,
    names: &[String],
    only_few: bool,
) -> Result<Counted, ScanError> {
    let events_max = CELLS_MAX / names.len().max(1) as u64;
    let events = Arc::new(AtomicU64::new(0));
    let sampled = Arc::new(AtomicBool::new(false));
    let mut parts = target.parts.clone();
    parts.sort_by_key(|part| std::cmp::Reverse(part.max_time));
    let work = {
        let (target, events, sampled) = (Arc::clone(target), Arc::clone(&events), Arc::clone(&sampled));
        let names = names.to_vec();
        move |question: &Question, _: usize, part: &Part, tallies: &mut Vec<Tally>| {
            if events.load(Ordering::Relaxed) >= events_max {
                sampled.store(true, Ordering::Relaxed);
                return Ok(ControlFlow::Break(()));
            }
            let rows = question.select(part, &target.selector)?;
            // A column that is not coded has too many different values to divide the events.
            let skipped: Vec<bool> = names.iter().map(|name| only_few && part.is_costly(name)).collect();
            let read = names.iter().zip(&skipped).filter(|(_, skipped)| !**skipped);
            let mut read: Vec<&str> = read.map(|(name, _)| name.as_str()).collect();
            read.push(field::OVERFLOW);
            for batch in part.read(&read, &rows)? {
                let batch = batch?;
                let (overflow, columns) =
                    batch.arrays.split_last().expect("the overflow is always asked for");
                let mut columns = columns.iter();
                for ((tally, name), skipped) in tallies.iter_mut().zip(&names).zip(&skipped) {
                    if *skipped {
                        tally.overflow();
                    } else {
                        let column = columns.next().and_then(Option::as_ref);
                        tally.count(name, column, overflow.as_ref(), batch.rows);
                    }
                }
                events.fetch_add(batch.rows as u64, Ordering::Relaxed);
            }
            Ok(ControlFlow::Continue(()))
        }
    };
    let blank = || names.iter().map(|_| Tally::new()).collect::<Vec<_>>();
    let counted = question.scan(Help::AtOnce, parts, blank, work).await?;
    let merge = |mine: Vec<Tally>, theirs: Vec<Tally>| {
        mine.into_iter().zip(&theirs).map(|(mine, theirs)| mine.merge(theirs)).collect()
    };
    Ok(Counted {
        tallies: counted.into_iter().reduce(merge).unwrap_or_else(blank),
        events: events.load(Ordering::Relaxed),
        sampled: sampled.load(Ordering::Relaxed),
    })
}

fn facet(field: String, tally: &Tally, top: usize) -> Facet {
    let mut values = tally.most_frequent();
    values.truncate(top);
    Facet {
        field,
        values,
        present: tally.present,
        distinct: tally.distinct(),
        overflowed: tally.is_overflowed(),
    }
}

/// Fields that people look at first, in this order.
const FAVOURITES: [&str; 14] = [
    field::SERVICE_NAME,
    field::SEVERITY_TEXT,
    field::STATUS_CODE,
    field::NAME,
    "http.route",
    "http.response.status_code",
    "cloud.region",
    field::DEPLOYMENT_ENVIRONMENT,
    field::SERVICE_VERSION,
    field::KIND,
    "exception.type",
    "error.type",
    "host.name",
    field::CHANGE_KIND,
];

/// Columns that may divide the events: short texts, flags and integers, neither ids nor times nor prose.
fn candidates(columns: &[Column]) -> Vec<String> {
    let divides = |column: &&Column| {
        let name = column.name.as_str();
        let is_prose = TEXT_FIELDS.contains(&name) && !FAVOURITES.contains(&name);
        let is_id = name.ends_with("_id") || name.ends_with(".id");
        matches!(column.kind, ValueType::Str | ValueType::Bool | ValueType::Int)
            && !is_prose
            && !is_id
            && !name.ends_with("_ns")
            && name != field::OVERFLOW
    };
    let mut names: Vec<String> =
        columns.iter().filter(divides).map(|column| column.name.to_string()).collect();
    names.sort_by_key(|name| favour(name));
    names.truncate(CANDIDATES_MAX);
    names
}

fn favour(name: &str) -> usize {
    FAVOURITES.iter().position(|favourite| *favourite == name).unwrap_or(FAVOURITES.len())
}

/// Sorts before others: favourites that divide, then fields with a few values that many events have.
fn usefulness(facet: &Facet) -> (bool, usize, bool, std::cmp::Reverse<u64>, String) {
    let divides = facet.distinct > 1;
    let readable = facet.distinct <= 50;
    (!divides, favour(&facet.field), !readable, std::cmp::Reverse(facet.present), facet.field.clone())
}
