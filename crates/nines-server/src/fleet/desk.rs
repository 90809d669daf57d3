//! What handlers ask.

use std::sync::Arc;

use async_trait::async_trait;
use nines_api as api;
use nines_base::ErrorKind;
use nines_filter::Filter;
use nines_fleet::{
    About, Group, Grouping, Kind, Member, Retired, Standing, Unit, UnitKey, WATCHES_MAX, Watch, WatchError,
    WithName, counted, format, grouped, labels,
};
use nines_http::{Fleet, FleetError, Histories, InfraQuestion, SaturationQuestion};
use nines_state::fleet::FleetNote;

use super::cache::Read;
use super::measure::{Asking, Values, of_kind};
use super::{Keeper, WATCH, question_failed, saturation, time};

/// Of the interval of a forecast, if nothing is said.
pub const PROBABILITY: f64 = 0.9;
/// Rows of an answer, if nothing is said and at most.
const ROWS_SHOWN: usize = 200;
const ROWS_SHOWN_MAX: usize = 2_000;
/// Units of an answer: a page of more cells than pixels helps nobody. Groups count all of theirs.
const UNITS_SHOWN_MAX: usize = 2_500;
/// Groups of an answer: nobody reads more headings.
const GROUPS_SHOWN_MAX: usize = 300;
/// Parts of one unit that are shown.
const PARTS_SHOWN_MAX: usize = 200;
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
        let found = self.0.values_of(&asking, question.query.as_deref()).await?;
        let (read, notes) = match found {
            Ok(read) => (Some(Arc::clone(&read)), read.notes.clone()),
            // One's own question is one's own mistake; a store that is busy still knows who reports.
            Err(error) if question.query.is_some() => return Err(question_failed(&error)),
            Err(error) => (None, vec![format!("nothing is measured now: {error}")]),
        };
        let keeper = Arc::clone(&self.0);
        // Tens of thousands of units are looked at.
        let made = tokio::task::spawn_blocking(move || {
            answer(&keeper, &question, &filter, asking, read.as_deref(), notes, now_ms)
        });
        made.await.map_err(|error| FleetError::Question {
            message: format!("the units could not be put together: {error}"),
            kind: ErrorKind::Internal,
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

fn answer(
    keeper: &Keeper,
    question: &InfraQuestion,
    filter: &Filter,
    asking: Asking,
    read: Option<&Read>,
    mut notes: Vec<String>,
    now_ms: i64,
) -> api::InfraResponse {
    let kind = asking.kind;
    let nothing = Values::new();
    let book = keeper.book.read();
    if book.refused() > 0 {
        notes.push("there are more units than are kept: some are left out".to_owned());
    }
    let grouping = Grouping {
        kind,
        by: question.by.as_deref(),
        filter,
        state: question.state.as_deref(),
        is_ratio: asking.measure.unit == "ratio",
        shown_max: UNITS_SHOWN_MAX,
        groups_max: GROUPS_SHOWN_MAX,
    };
    let (groups, tally) = grouped(&book, &grouping, read.map_or(&nothing, |read| &read.values), now_ms);
    let shown: usize = groups.iter().map(|group| group.members.len()).sum();
    if tally.groups > groups.len() {
        notes.push(format!(
            "{} of {} groups are shown, those that want looking at: filter them",
            groups.len(),
            tally.groups
        ));
    } else if tally.units > shown {
        notes.push(format!("{shown} of {} are shown: filter them", tally.units));
    }
    let label = |(name, values): (&str, usize)| api::InfraLabel { name: name.to_owned(), values };
    let labels = match read {
        Some(read) => read.labels.iter().map(|(name, values)| label((name, *values))).collect(),
        None => labels(&book, kind).into_iter().map(label).collect(),
    };
    let kinds = Kind::ALL.map(|kind| {
        let (count, absent) = counted(&book, kind, now_ms);
        api::InfraKind { kind: kind.as_str().to_owned(), count, absent }
    });
    api::InfraResponse {
        kind: kind.as_str().to_owned(),
        kinds: kinds.to_vec(),
        step_secs: asking.step_secs(),
        measures: of_kind(kind, question.range_secs),
        measure: asking.measure,
        labels,
        groups: groups.iter().map(|one| group(one, &question.histories)).collect(),
        tally: api::InfraTally {
            groups: tally.groups,
            reporting: tally.reporting,
            late: tally.late,
            absent: tally.absent,
            gone: tally.gone,
        },
        watching_since: time(book.watching_since_ms()),
        at: time(now_ms),
        notes,
    }
}

fn member(member: &Member<'_>, histories: &Histories) -> api::InfraUnit {
    let is_told = match histories {
        Histories::All => true,
        Histories::None => false,
        Histories::Of(id) => *id == member.unit.key.id,
    };
    let history = member.history.filter(|_| is_told);
    api::InfraUnit {
        value: member.value,
        place: member.place.map(|place| place.as_str().to_owned()),
        score: member.score,
        history: history.map(<[_]>::to_vec).unwrap_or_default(),
        ..shown(member.unit, &member.standing)
    }
}

fn group(group: &Group<'_>, histories: &Histories) -> api::InfraGroup {
    api::InfraGroup {
        name: group.name.to_owned(),
        reporting: group.reporting,
        late: group.late,
        absent: group.absent,
        gone: group.gone,
        median: group.median,
        units: group.members.iter().map(|one| member(one, histories)).collect(),
    }
}
