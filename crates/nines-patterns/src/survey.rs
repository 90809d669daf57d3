//! The patterns of some lines, picked from stored ones: how often each, when, how severe, from whom.

use std::collections::HashMap;

use nines_model::{TimeRange, Timestamp};
use smol_str::SmolStr;

use crate::book::{Book, Facts, Line, SERVICES_MAX, shorten};
use crate::miner::{Config, Miner, PatternId};
use crate::template::Template;

/// Lines that are all looked at: half a second of one core. Beyond, every second one of as many again, then every fourth,
/// and so on: the counts are then estimates.
pub const SURVEYED_MAX: u64 = 500_000;
/// Steps in which the trend of a survey is counted.
pub const SURVEY_STEPS: usize = 60;

/// Counts of one pattern within the surveyed time.
#[derive(Debug, Clone, PartialEq)]
pub struct Surveyed {
    pub id: PatternId,
    pub template: Template,
    /// Lines, exact or estimated, see [`Survey::is_sampled`].
    pub count: u64,
    /// By step.
    pub trend: Vec<u64>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub severity_number: i64,
    /// With most lines first, at most [`SERVICES_MAX`].
    pub services: Vec<(SmolStr, u64)>,
    pub example: SmolStr,
}

/// Counts lines that come in any order. Bounded as [`Miner`] is.
#[derive(Debug)]
pub struct Survey {
    range: TimeRange,
    miner: Miner,
    tallies: HashMap<PatternId, Tally>,
    lines: u64,
    looked_at: u64,
    stride: u64,
}

#[derive(Debug)]
struct Tally {
    count: u64,
    trend: Box<[u64; SURVEY_STEPS]>,
    first_seen: Timestamp,
    last_seen: Timestamp,
    severity_number: i64,
    services: Vec<(SmolStr, u64)>,
    example: SmolStr,
}

impl Survey {
    pub fn new(range: TimeRange) -> Self {
        Self {
            range,
            miner: Miner::new(Config::default()),
            tallies: HashMap::new(),
            lines: 0,
            looked_at: 0,
            stride: 1,
        }
    }

    pub fn add(&mut self, line: Line<'_>) {
        self.lines += 1;
        if !self.lines.is_multiple_of(self.stride) {
            return;
        }
        self.looked_at += 1;
        let weight = self.stride;
        if self.looked_at.is_multiple_of(SURVEYED_MAX) {
            self.stride *= 2;
        }
        let id = self.miner.learn(line.text);
        let step = self.step_of(line.at);
        self.tallies.entry(id).or_insert_with(|| Tally::new(line)).add(line, step, weight);
    }

    /// All lines that were added.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Not every line was looked at: counts are estimates, and patterns of a few lines may be missing.
    pub fn is_sampled(&self) -> bool {
        self.looked_at < self.lines
    }

    /// The length of a step in nanoseconds.
    pub fn step_nanos(&self) -> i64 {
        step_nanos(self.range)
    }

    /// The patterns, the most frequent first, under the ids that `book` knows them by.
    pub fn finish(self, book: &mut Book) -> Vec<Surveyed> {
        let mut merged: HashMap<PatternId, Surveyed> = HashMap::new();
        let mut tallies: Vec<(PatternId, Tally)> = self.tallies.into_iter().collect();
        tallies.sort_by_key(|(id, _)| *id);
        for (id, tally) in tallies {
            let id = self.miner.resolve(id);
            let Some(template) = self.miner.template(id) else { continue };
            // The book has seen more lines and may have generalised further.
            let known = book.find(&tally.example).filter(|known| book.miner().template(*known).is_some());
            let (id, template) = match known.and_then(|known| Some((known, book.miner().template(known)?))) {
                Some((known, general)) => (known, general.clone()),
                None => (id, template.clone()),
            };
            match merged.get_mut(&id) {
                Some(surveyed) => tally.merge_into(surveyed),
                None => drop(merged.insert(id, tally.into_surveyed(id, template))),
            }
        }
        let mut found: Vec<Surveyed> = merged.into_values().collect();
        for surveyed in &mut found {
            surveyed.services.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
            surveyed.services.truncate(SERVICES_MAX);
        }
        found.sort_by(|left, right| right.count.cmp(&left.count).then(left.id.cmp(&right.id)));
        found
    }

    fn step_of(&self, at: Timestamp) -> usize {
        let offset = at.as_nanos().saturating_sub(self.range.start.as_nanos()).max(0);
        ((offset / step_nanos(self.range)) as usize).min(SURVEY_STEPS - 1)
    }
}

fn step_nanos(range: TimeRange) -> i64 {
    let length = range.end.as_nanos().saturating_sub(range.start.as_nanos()).max(1);
    length.div_euclid(SURVEY_STEPS as i64) + i64::from(length % SURVEY_STEPS as i64 != 0)
}

impl Tally {
    fn new(line: Line<'_>) -> Self {
        Self {
            count: 0,
            trend: Box::new([0; SURVEY_STEPS]),
            first_seen: line.at,
            last_seen: line.at,
            severity_number: 0,
            services: Vec::new(),
            example: shorten(line.text),
        }
    }

    fn add(&mut self, line: Line<'_>, step: usize, weight: u64) {
        self.count += weight;
        self.trend[step] += weight;
        self.first_seen = self.first_seen.min(line.at);
        self.last_seen = self.last_seen.max(line.at);
        self.severity_number = self.severity_number.max(line.severity_number);
        if let Some(service) = line.service {
            Facts::count_service(&mut self.services, service, weight);
        }
    }

    fn into_surveyed(self, id: PatternId, template: Template) -> Surveyed {
        Surveyed {
            id,
            template,
            count: self.count,
            trend: self.trend.to_vec(),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            severity_number: self.severity_number,
            services: self.services,
            example: self.example,
        }
    }

    fn merge_into(self, surveyed: &mut Surveyed) {
        surveyed.count += self.count;
        for (sum, count) in surveyed.trend.iter_mut().zip(*self.trend) {
            *sum += count;
        }
        if self.first_seen < surveyed.first_seen {
            surveyed.example = self.example;
        }
        surveyed.first_seen = surveyed.first_seen.min(self.first_seen);
        surveyed.last_seen = surveyed.last_seen.max(self.last_seen);
        surveyed.severity_number = surveyed.severity_number.max(self.severity_number);
        for (service, count) in self.services {
            Facts::count_service(&mut surveyed.services, &service, count);
        }
    }
}
