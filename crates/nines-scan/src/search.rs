//! The latest (or earliest) events that a filter selects, a page at a time.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use serde_json::{Map, Value};

use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp, field};

use crate::cursor::Cursor;
use crate::error::ScanError;
use crate::objects::{Object, content_hash, kept, objects, size_of};
use crate::part::{Part, times_of};
use crate::predicate::Node;
use crate::question::{Help, Question, Target};
use crate::rows::Rows;
use crate::scanner::{Asked, Limits, Scanner};
use crate::stats::QueryStats;

/// Rows on one page unless the request says otherwise.
pub const PAGE_DEFAULT: usize = 100;
/// The most rows on one page.
pub const PAGE_MAX: usize = 10_000;
/// The most that one page takes in memory.
pub const PAGE_BYTES_MAX: usize = 64 << 20;
/// Events of one instant among which a page may have to be found; 16 bytes each.
const TIES_MAX: usize = 2_000_000;
/// Parts whose filters and kept answers are looked at before any thread is called: some microseconds each.
const LOOKED_AT_FIRST_MAX: usize = 256;

#[derive(Debug, Clone)]
pub struct SearchRequest {
    pub dataset: Dataset,
    pub filter: Filter,
    pub range: TimeRange,
    /// At most [`PAGE_MAX`].
    pub limit: usize,
    /// [`SearchResult::next`] of the page before.
    pub cursor: Option<String>,
    pub order: Order,
    pub limits: Limits,
}

impl SearchRequest {
    pub fn new(dataset: Dataset, filter: Filter, range: TimeRange) -> Self {
        let order = Order::NewestFirst;
        Self { dataset, filter, range, limit: PAGE_DEFAULT, cursor: None, order, limits: Limits::default() }
    }
}

/// Rows of one instant follow in an order that depends only on what they say, so pages neither repeat nor lose rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    /// One object per event: `timestamp` and every field that is present, those from the overflow included.
    pub rows: Vec<Map<String, Value>>,
    /// Asks for the rows after these; absent on the last page.
    pub next: Option<String>,
    pub stats: QueryStats,
}

impl Scanner {
    /// Costs two passes: the first reads only times and what the filter needs, newest part first, and skips parts that
    /// are older than a full page; the second reads whole rows of the page alone.
    pub fn search(&self, request: SearchRequest) -> Asked<'_, SearchResult> {
        let limits = request.limits.clone();
        Box::pin(self.run(limits, move |question| {
            let request = request.clone();
            async move { page(&question, &request).await }
        }))
    }
}

pub(crate) async fn page(
    question: &Arc<Question>,
    request: &SearchRequest,
) -> Result<SearchResult, ScanError> {
    let cursor = request.cursor.as_deref().map(Cursor::parse).transpose()?;
    let limit = request.limit.clamp(1, PAGE_MAX);
    let skip = cursor.map_or(0, |cursor| cursor.skip);
    let range = cursor.map_or(request.range, |cursor| cursor.rest_of(request.range, request.order));
    let target = Arc::new(question.target(request.dataset, &request.filter, range)?);
    let mut found = candidates(question, &target, request.order, skip + limit + 1).await?;
    let more = found.len() > skip + limit;
    let last = found.get((skip + limit).min(found.len()).wrapping_sub(1)).map(|last| last.time);
    break_ties(question, &target, &mut found, skip, limit).await?;
    let on_page: Vec<Candidate> = found.iter().skip(skip).take(limit).copied().collect();
    let next = match last {
        Some(time) if more => {
            // Rows of the last instant that this page and those before it have shown.
            let shown = found.iter().take(skip + limit).rev().take_while(|row| row.time == time).count();
            Some(Cursor { at: request.order.at(time), skip: shown }.to_string())
        }
        _ => None,
    };
    let mut rows = fetch(question, &target, request.order, &on_page).await?;
    rows.sort_unstable_by_key(|(time, _)| *time);
    for tied in rows.chunk_by_mut(|left, right| left.0 == right.0).filter(|tied| tied.len() > 1) {
        tied.sort_by_cached_key(|(_, fields)| content_hash(fields));
    }
    let rows: Vec<_> = rows.into_iter().map(|(_, fields)| fields).collect();
    let stats =
        QueryStats { rows_returned: rows.len() as u64, truncated: next.is_some(), ..question.stats() };
    Ok(SearchResult { rows, next, stats })
}

/// A selected row: where it is, and its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// Nanoseconds, negated if the newest come first: less is earlier on the page.
    time: i64,
    part: u32,
    row: u32,
}

impl Order {
    /// Nanoseconds such that less is earlier on the page. Reversing the bits instead of the sign keeps every time apart.
    fn rank(self, nanos: i64) -> i64 {
        match self {
            Self::NewestFirst => !nanos,
            Self::OldestFirst => nanos,
        }
    }

    fn at(self, rank: i64) -> Timestamp {
        Timestamp::from_nanos(self.rank(rank))
    }

    /// The times whose rank is at most `rank`.
    fn up_to(self, rank: i64) -> TimeRange {
        let time = self.at(rank);
        match self {
            Self::NewestFirst => TimeRange::new(time, Timestamp::MAX),
            Self::OldestFirst => {
                TimeRange::new(Timestamp::MIN, Timestamp::from_nanos(time.as_nanos().saturating_add(1)))
            }
        }
    }

    /// The best rank that a row of the part can have.
    fn best(self, part: &Part) -> i64 {
        match self {
            Self::NewestFirst => self.rank(part.max_time.as_nanos()),
            Self::OldestFirst => self.rank(part.min_time.as_nanos()),
        }
    }
}

/// The first `wanted` selected rows by time, and all others of the last one's instant.
async fn candidates(
    question: &Arc<Question>,
    target: &Arc<Target>,
    order: Order,
    wanted: usize,
) -> Result<Vec<Candidate>, ScanError> {
    let mut parts: Vec<(u32, Part, Option<Node>)> =
        (0..).zip(&target.parts).map(|(index, part)| (index, part.clone(), None)).collect();
    let is_brief = parts.len() <= LOOKED_AT_FIRST_MAX && look_at_first(question, target, &mut parts);
    parts.sort_by_key(|(_, part, _)| order.best(part));
    let (parts, known): (Vec<Part>, Vec<(u32, Option<Node>)>) =
        parts.into_iter().map(|(index, part, left)| (part, (index, left))).unzip();
    // What comes after this rank is not on the page: the least that any thread knows.
    let bound = Arc::new(AtomicI64::new(i64::MAX));
    let work = {
        let (target, bound) = (Arc::clone(target), Arc::clone(&bound));
        move |question: &Question, index: usize, part: &Part, found: &mut Vec<Candidate>| {
            let worst = bound.load(Ordering::Relaxed);
            if order.best(part) > worst {
                // The parts are sorted: no later one is better.
                return Ok(ControlFlow::Break(()));
            }
            let selector = target.selector.within(order.up_to(worst));
            let (number, left) = &known[index];
            let rows = match left {
                Some(left) => question.select_of(part, &selector, left.clone())?,
                None => question.select(part, &selector)?,
            };
            if rows.is_none() {
                return Ok(ControlFlow::Continue(()));
            }
            if let Some(objects) = kept(part, &rows) {
                let candidate = |object: &Arc<Object>| Candidate {
                    time: order.rank(object.at.as_nanos()),
                    part: *number,
                    row: object.row as u32,
                };
                found.extend(objects.iter().map(candidate));
            } else {
                add_candidates(part, &rows, *number, order, wanted, &bound, found)?;
            }
            keep_first(found, wanted)?;
            bound.fetch_min(last_of(found, wanted), Ordering::Relaxed);
            Ok(ControlFlow::Continue(()))
        }
    };
    let help = if is_brief { Help::Later } else { Help::AtOnce };
    let mut found: Vec<Candidate> = question.scan(help, parts, Vec::new, work).await?.concat();
    keep_first(&mut found, wanted)?;
    found.sort_unstable();
    Ok(found)
}

/// The selected rows of a part that no known row rules out.
fn add_candidates(
    part: &Part,
    rows: &Rows,
    number: u32,
    order: Order,
    wanted: usize,
    bound: &AtomicI64,
    found: &mut Vec<Candidate>,
) -> Result<(), ScanError> {
    let mut positions = rows.positions();
    for batch in part.read(&[field::TIMESTAMP], rows)? {
        let batch = batch?;
        let Some(times) = &batch.arrays[0] else { continue };
        let worst = bound.load(Ordering::Relaxed);
        for (nanos, position) in times_of(times).iter().zip(&mut positions) {
            let time = order.rank(*nanos);
            if time <= worst {
                found.push(Candidate { time, part: number, row: position as u32 });
            }
        }
        if found.len() >= 2 * wanted.max(1_024) {
            keep_first(found, wanted)?;
            bound.fetch_min(last_of(found, wanted), Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Leaves out the parts of which filters and statistics tell that nothing is selected, and notes what is left to be asked of
/// the others. Returns whether earlier answers tell the rest.
fn look_at_first(question: &Question, target: &Target, parts: &mut Vec<(u32, Part, Option<Node>)>) -> bool {
    parts.retain_mut(|(_, part, left)| {
        let node = target.selector.filter().settle(part);
        let may_hold = !node.is_const(false);
        *left = Some(node);
        may_hold
    });
    let is_kept = |part: &Part, left: &Option<Node>| {
        left.as_ref().is_some_and(|left| question.is_kept(part, &target.selector, left))
    };
    parts.iter().all(|(_, part, left)| is_kept(part, left))
}

/// The last rank that is still of use, once there are enough rows.
fn last_of(found: &[Candidate], wanted: usize) -> i64 {
    if found.len() < wanted {
        return i64::MAX;
    }
    found.iter().map(|row| row.time).max().unwrap_or(i64::MAX)
}

/// Drops what comes after the instant of the row that is the `wanted`th.
fn keep_first(found: &mut Vec<Candidate>, wanted: usize) -> Result<(), ScanError> {
    if found.len() <= wanted {
        return Ok(());
    }
    let (_, last, _) = found.select_nth_unstable_by_key(wanted - 1, |row| row.time);
    let last = last.time;
    found.retain(|row| row.time <= last);
    if found.len() > TIES_MAX {
        return Err(ScanError::Memory {
            what: "sorting the events of one instant",
            limit: (TIES_MAX * std::mem::size_of::<Candidate>()) as u64,
            hint: "narrow the filter",
        });
    }
    Ok(())
}

/// Puts rows of one instant in the order of their content, where a page begins or ends among them.
async fn break_ties(
    question: &Arc<Question>,
    target: &Arc<Target>,
    found: &mut [Candidate],
    skip: usize,
    limit: usize,
) -> Result<(), ScanError> {
    let mut done = 0;
    for boundary in [skip, skip + limit] {
        if boundary == 0 || boundary >= found.len() || boundary < done {
            continue;
        }
        let time = found[boundary].time;
        if found[boundary - 1].time != time {
            continue;
        }
        let start = found.partition_point(|row| row.time < time);
        let end = found.partition_point(|row| row.time <= time);
        let mut hashed = hashes(question, target, &found[start..end]).await?;
        hashed.sort_unstable();
        for (place, (_, candidate)) in found[start..end].iter_mut().zip(hashed) {
            *place = candidate;
        }
        done = end;
    }
    Ok(())
}

async fn hashes(
    question: &Arc<Question>,
    target: &Arc<Target>,
    tied: &[Candidate],
) -> Result<Vec<(u64, Candidate)>, ScanError> {
    let time = tied[0].time;
    each_object(question, target, tied, move |part, object, hashed: &mut Vec<_>| {
        let candidate = Candidate { time, part, row: object.row as u32 };
        hashed.push((content_hash(&object.fields), candidate));
        Ok(())
    })
    .await
}

async fn fetch(
    question: &Arc<Question>,
    target: &Arc<Target>,
    order: Order,
    on_page: &[Candidate],
) -> Result<Vec<(i64, Map<String, Value>)>, ScanError> {
    let bytes = AtomicUsize::new(0);
    each_object(question, target, on_page, move |_, object, found: &mut Vec<_>| {
        if bytes.fetch_add(size_of(&object.fields), Ordering::Relaxed) > PAGE_BYTES_MAX {
            let hint = "ask for fewer rows";
            return Err(ScanError::Memory { what: "the page", limit: PAGE_BYTES_MAX as u64, hint });
        }
        found.push((order.rank(object.at.as_nanos()), object.fields));
        Ok(())
    })
    .await
}

/// Reads whole rows and hands each, with the number of its part, to `see`.
async fn each_object<T: Send + 'static>(
    question: &Arc<Question>,
    target: &Arc<Target>,
    wanted: &[Candidate],
    see: impl Fn(u32, Object, &mut Vec<T>) -> Result<(), ScanError> + Send + Sync + 'static,
) -> Result<Vec<T>, ScanError> {
    /// Rows of a part that are objects at one time.
    const OBJECTS_MAX: usize = 1_024;
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable_by_key(|row| (row.part, row.row));
    let mut parts = Vec::new();
    let mut chosen: Vec<(u32, Vec<Rows>)> = Vec::new();
    for of_part in wanted.chunk_by(|left, right| left.part == right.part) {
        let part = &target.parts[of_part[0].part as usize];
        let portions = of_part
            .chunks(OBJECTS_MAX)
            .map(|portion| Rows::at(portion.iter().map(|row| row.row as usize), part.rows));
        chosen.push((of_part[0].part, portions.collect()));
        parts.push(part.clone());
    }
    let columns = question.scanner().store().columns(target.snapshot.dataset);
    let work = move |_: &Question, index: usize, part: &Part, found: &mut Vec<T>| {
        let (number, portions) = &chosen[index];
        for rows in portions {
            for object in objects(part, rows, &columns)? {
                see(*number, object, found)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    Ok(question.scan(Help::Later, parts, Vec::new, work).await?.into_iter().flatten().collect())
}
