//! What handlers ask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use nines_api as api;
use nines_filter::Filter;
use nines_fleet::{
    About, Book, Kind, Place, Retired, Standing, State, Unit, UnitKey, WATCHES_MAX, Watch, WatchError,
    WithName, format, median, spread,
};
use nines_http::{Fleet, FleetError, InfraQuestion, SaturationQuestion};
use nines_state::fleet::FleetNote;

use super::measure::{Asking, Values, of_kind, values};
use super::{Keeper, WATCH, question_failed, saturation, time};

/// Of the interval of a forecast, if nothing is said.
pub const PROBABILITY: f64 = 0.9;
/// Rows of an answer, if nothing is said and at most.
const ROWS_SHOWN: usize = 200;
const ROWS_SHOWN_MAX: usize = 2_000;
/// Units of an answer: a page of more cells than pixels helps nobody.
const UNITS_SHOWN_MAX: usize = 5_000;
/// Parts of one unit that are shown.
const PARTS_SHOWN_MAX: usize = 200;
/// Differences of less than this are nothing: five points of a ratio, and a twentieth of the middle of anything else.
const RATIO_LEAST: f64 = 0.05;
const REASON_BYTES_MAX: usize = 500;
/// Of measures without history in an answer about one unit.
const RANGE_SECS: u32 = 3_600;

pub struct Desk(pub Arc<Keeper>);

fn kind_of(text: &str) -> Result<Kind, FleetError> {
    let hint = || {
        FleetError::Invalid(format!("there is no kind `{text}`; use host, pod, container, process or target"))
    };
    Kind::parse(text).ok_or_else(hint)
}

fn filter_of(text: &str) -> Result<Filter, FleetError> {
    Filter::parse(text).map_err(|error| FleetError::Invalid(error.to_string()))
}

fn shown(unit: &Unit, standing: &Standing) -> api::InfraUnit {
    api::InfraUnit {
        kind: unit.key.kind.as_str().to_owned(),
        id: unit.key.id.clone(),
        name: unit.name.clone(),
        state: standing.state.as_str().to_owned(),
        since: time(standing.since_ms),
        reason: standing.reason.clone(),
        value: None,
        place: None,
        score: None,
        history: Vec::new(),
    }
}

#[async_trait]
impl Fleet for Desk {
    async fn units(&self, question: InfraQuestion) -> Result<api::InfraResponse, FleetError> {
        let kind = kind_of(question.kind.as_deref().unwrap_or("host"))?;
        let filter = filter_of(&question.filter)?;
        let asking =
            Asking::new(kind, question.measure.as_deref(), question.query.clone(), question.range_secs)
                .map_err(|known| {
                    FleetError::Invalid(format!(
                        "there is no such measure; of a {} there are {}",
                        kind.as_str(),
                        known.join(", ")
                    ))
                })?;
        let now_ms = self.0.now_ms();
        let asked = asking.clone();
        let found = self.0.ask(move |_, asked_store| values(asked_store, &asked, now_ms)).await?;
        let (values, mut notes) = match found {
            Ok(found) => found,
            // One's own question is one's own mistake; a store that is busy still knows who reports.
            Err(error) if question.query.is_some() => return Err(question_failed(&error)),
            Err(error) => (Values::new(), vec![format!("nothing is measured now: {error}")]),
        };
        let book = self.0.book.read();
        if book.refused() > 0 {
            notes.push("there are more units than are kept: some are left out".to_owned());
        }
        let groups = groups(&book, &question, kind, &filter, &asking, &values, now_ms, &mut notes);
        let labels = labels(&book, kind);
        let kinds = Kind::ALL.map(|kind| {
            let states = book.of_kind(kind).map(|unit| book.standing(unit, now_ms).state);
            let (mut count, mut absent) = (0, 0);
            for state in states {
                count += usize::from(state != State::Gone);
                absent += usize::from(state == State::Absent);
            }
            api::InfraKind { kind: kind.as_str().to_owned(), count, absent }
        });
        Ok(api::InfraResponse {
            kind: kind.as_str().to_owned(),
            kinds: kinds.to_vec(),
            step_secs: asking.step_secs(),
            measures: of_kind(kind, question.range_secs),
            measure: asking.measure,
            labels,
            groups,
            watching_since: time(book.watching_since_ms()),
            at: time(now_ms),
            notes,
        })
    }

    async fn unit(&self, kind: &str, id: &str) -> Result<api::InfraUnitDetail, FleetError> {
        let key = UnitKey { kind: kind_of(kind)?, id: id.to_owned() };
        let now_ms = self.0.now_ms();
        let missing = || FleetError::NotFound { kind: kind.to_owned(), id: id.to_owned() };
        if self.0.book.read().unit(&key).is_none() {
            return Err(missing());
        }
        let board = self.0.board_of_now().await.ok();
        let of_unit = |row: &&saturation::Row| row.unit.as_ref() == Some(&key);
        let saturation = board.iter().flat_map(|board| board.rows.iter().filter(of_unit));
        let saturation = saturation.map(|row| without_points(&row.shown)).collect();
        let book = self.0.book.read();
        let unit = book.unit(&key).ok_or_else(missing)?;
        let of = |unit: &Unit| shown(unit, &book.standing(unit, now_ms));
        let mut parts: Vec<api::InfraUnit> = book.seen_through(&key).map(of).collect();
        parts.sort_by_key(|part| (order(&part.state), part.kind.clone(), part.name.clone()));
        parts.truncate(PARTS_SHOWN_MAX);
        let queries = of_kind(key.kind, RANGE_SECS);
        Ok(api::InfraUnitDetail {
            unit: of(unit),
            labels: unit.attributes.clone(),
            first_seen: time(unit.first_seen_ms),
            last_seen: time(unit.last_seen_ms),
            interval_secs: unit.interval_ms() as f64 / 1e3,
            reporter: unit.reporter.as_ref().and_then(|key| book.unit(key)).map(of),
            parts,
            saturation,
            queries,
        })
    }

    async fn retire(&self, request: &api::InfraRetire, by: &str) -> Result<api::InfraUnit, FleetError> {
        let key = UnitKey { kind: kind_of(&request.kind)?, id: request.id.clone() };
        if request.reason.len() > REASON_BYTES_MAX {
            return Err(FleetError::Invalid(format!("a reason has at most {REASON_BYTES_MAX} bytes")));
        }
        let now_ms = self.0.now_ms();
        let retired = (!request.reason.trim().is_empty()).then(|| Retired {
            at_ms: now_ms,
            by: by.to_owned(),
            reason: request.reason.trim().to_owned(),
        });
        let unit = {
            let mut book = self.0.book.write();
            if !book.retire(&key, retired) {
                return Err(FleetError::NotFound { kind: request.kind.clone(), id: request.id.clone() });
            }
            book.unit(&key).cloned()
        };
        let Some(unit) = unit else {
            return Err(FleetError::NotFound { kind: request.kind.clone(), id: request.id.clone() });
        };
        let note = FleetNote {
            kind: super::UNIT.to_owned(),
            name: format::name_of(&key),
            body: format::unit_text(&unit),
        };
        self.0.notes.put(&[note]).await.map_err(|error| FleetError::Store(error.to_string()))?;
        let standing = self.0.book.read().standing(&unit, now_ms);
        Ok(shown(&unit, &standing))
    }

    fn watches(&self) -> api::InfraWatches {
        let watches = self.0.watches.read();
        api::InfraWatches { watches: watches.values().map(|watch| self.status(watch)).collect() }
    }

    async fn put_watch(&self, asked: &api::InfraWatch) -> Result<api::InfraWatchStatus, FleetError> {
        let about = match (asked.absent_after, asked.full_within_hours) {
            (Some(intervals), None) => About::Absence { intervals },
            (None, Some(within_hours)) => {
                About::Forecast { within_hours, level: asked.probability.unwrap_or(PROBABILITY) }
            }
            _ => {
                let text = "say either `absent_after` (missed reports) or `full_within_hours`";
                return Err(FleetError::Invalid(text.to_owned()));
            }
        };
        // What falls silent is looked at now; what will run full is a ticket.
        let usual = if matches!(about, About::Absence { .. }) { "P1" } else { "P2" };
        let severity = asked.severity.as_deref().unwrap_or(usual);
        let kind = asked.kind.as_deref();
        let watch = Watch::new(&asked.name, kind, &asked.filter, about, severity, asked.service.clone())?;
        let is_full = {
            let known = self.0.watches.read();
            known.len() >= WATCHES_MAX && !known.contains_key(&watch.name)
        };
        if is_full {
            return Err(WatchError::TooMany.into());
        }
        let note =
            FleetNote { kind: WATCH.to_owned(), name: watch.name.clone(), body: format::watch_text(&watch) };
        self.0.notes.put(&[note]).await.map_err(|error| FleetError::Store(error.to_string()))?;
        self.0.watches.write().insert(watch.name.clone(), watch.clone());
        self.0.wake.notify_one();
        Ok(self.status(&watch))
    }

    async fn delete_watch(&self, name: &str) -> Result<(), FleetError> {
        if !self.0.watches.read().contains_key(name) {
            return Err(FleetError::NotFound { kind: WATCH.to_owned(), id: name.to_owned() });
        }
        self.0.notes.remove(WATCH, name).await.map_err(|error| FleetError::Store(error.to_string()))?;
        self.0.watches.write().remove(name);
        self.0.end_watch(name).await;
        Ok(())
    }

    async fn saturation(&self, question: SaturationQuestion) -> Result<api::SaturationResponse, FleetError> {
        let filter = filter_of(&question.filter)?;
        let level = question.probability.unwrap_or(PROBABILITY);
        if !(0.5..=0.99).contains(&level) {
            return Err(FleetError::Invalid(format!("a probability of {level} is outside of 0.5 to 0.99")));
        }
        let board = if question.query.is_none() && level == PROBABILITY {
            self.0.board_of_now().await?
        } else {
            let (query, now_ms) = (question.query.clone(), self.0.now_ms());
            let board = self.0.ask(move |keeper, asked| {
                let book = keeper.book.read().clone();
                saturation::board(asked, &book, query.as_deref(), level, now_ms)
            });
            Arc::new(board.await?.map_err(|error| question_failed(&error))?)
        };
        let is_wanted = |row: &&saturation::Row| match &question.id {
            Some(id) => row.shown.id == *id,
            None => filter.accepts(&WithName { name: &row.shown.name, labels: &row.attributes }),
        };
        let limit = question.limit.unwrap_or(ROWS_SHOWN).min(ROWS_SHOWN_MAX);
        let wanted: Vec<&saturation::Row> = board.rows.iter().filter(is_wanted).collect();
        let rows = wanted.iter().take(limit).map(|row| match question.id {
            Some(_) => row.shown.clone(),
            None => without_points(&row.shown),
        });
        Ok(api::SaturationResponse {
            rows: rows.collect(),
            count: wanted.len(),
            at: time(board.at_ms),
            factors: board.factors(),
            notes: board.notes.clone(),
        })
    }
}

impl Desk {
    fn status(&self, watch: &Watch) -> api::InfraWatchStatus {
        let (absent_after, full_within_hours, probability) = match watch.about {
            About::Absence { intervals } => (Some(intervals), None, None),
            About::Forecast { within_hours, level } => (None, Some(within_hours), Some(level)),
        };
        let firing = self.0.firing.lock();
        let of_watch = firing.iter().filter(|((name, _), _)| *name == watch.name);
        api::InfraWatchStatus {
            watch: api::InfraWatch {
                name: watch.name.clone(),
                kind: watch.kind.map(|kind| kind.as_str().to_owned()),
                filter: watch.filter.to_string(),
                absent_after,
                full_within_hours,
                probability,
                severity: Some(watch.severity.clone()),
                service: watch.service.clone(),
            },
            firing: of_watch.map(|(_, firing)| firing.text.clone()).collect(),
        }
    }
}

fn without_points(row: &api::Saturation) -> api::Saturation {
    api::Saturation { history: Vec::new(), fan: Vec::new(), ..row.clone() }
}

fn order(state: &str) -> u8 {
    match state {
        "absent" => 0,
        "late" => 1,
        "reporting" => 2,
        _ => 3,
    }
}

#[expect(clippy::too_many_arguments, reason = "what was asked, and what is known")]
fn groups(
    book: &Book,
    question: &InfraQuestion,
    kind: Kind,
    filter: &Filter,
    asking: &Asking,
    values: &Values,
    now_ms: i64,
    notes: &mut Vec<String>,
) -> Vec<api::InfraGroup> {
    let mut members: BTreeMap<String, Vec<api::InfraUnit>> = BTreeMap::new();
    let mut count = 0;
    for unit in book.of_kind(kind).filter(|unit| filter.accepts(*unit)) {
        let standing = book.standing(unit, now_ms);
        if question.state.as_deref().is_some_and(|wanted| wanted != standing.state.as_str()) {
            continue;
        }
        count += 1;
        if count > UNITS_SHOWN_MAX {
            continue;
        }
        let mut one = shown(unit, &standing);
        if let Some(history) = values.get(&unit.key) {
            // Nothing is said of now by who does not report now.
            let reports = matches!(standing.state, State::Reporting | State::Late);
            one.value = history.last().copied().flatten().filter(|_| reports);
            one.history.clone_from(history);
        }
        let group = question.by.as_deref().and_then(|by| unit.attribute(by)).unwrap_or_default();
        members.entry(group.to_owned()).or_default().push(one);
    }
    if count > UNITS_SHOWN_MAX {
        notes.push(format!("{UNITS_SHOWN_MAX} of {count} are shown: filter them"));
    }
    members.into_iter().map(|(name, units)| group(name, units, &asking.measure.unit)).collect()
}

fn group(name: String, mut units: Vec<api::InfraUnit>, unit: &str) -> api::InfraGroup {
    let now: Vec<f64> = units.iter().filter_map(|unit| unit.value).collect();
    let middle = median(&now);
    if let Some(spread) = spread(&now) {
        let least = if unit == "ratio" { RATIO_LEAST } else { spread.median.abs() * RATIO_LEAST };
        for unit in &mut units {
            let Some(value) = unit.value else { continue };
            let place = spread.place(value, least);
            unit.place = Some(place.as_str().to_owned());
            // A score is said of who stands out; of a thousand others it is noise.
            unit.score = (place != Place::Usual).then(|| spread.score(value, least));
        }
    }
    let by_value = |unit: &api::InfraUnit| unit.value.unwrap_or(f64::NEG_INFINITY);
    units.sort_by(|a, b| {
        order(&a.state)
            .cmp(&order(&b.state))
            .then_with(|| by_value(b).total_cmp(&by_value(a)))
            .then_with(|| a.name.cmp(&b.name))
    });
    let of = |state: &str| units.iter().filter(|unit| unit.state == state).count();
    api::InfraGroup {
        name,
        reporting: of("reporting"),
        late: of("late"),
        absent: of("absent"),
        gone: of("gone"),
        median: middle,
        units,
    }
}

/// Labels that could be grouped by: those with more than one value first, and the fewest values first.
fn labels(book: &Book, kind: Kind) -> Vec<api::InfraLabel> {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for unit in book.of_kind(kind) {
        for (name, value) in &unit.attributes {
            known.entry(name).or_default().insert(value);
        }
    }
    let label = |(name, values): (&str, BTreeSet<&str>)| api::InfraLabel {
        name: name.to_owned(),
        values: values.len(),
    };
    let mut labels: Vec<api::InfraLabel> = known.into_iter().map(label).collect();
    labels.sort_by_key(|label| (label.values < 2, label.values, label.name.clone()));
    labels
}
