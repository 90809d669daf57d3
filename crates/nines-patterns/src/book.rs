//! The miner together with what people ask about patterns: how often, since when, how severe, by which services.

use std::collections::HashMap;

use nines_model::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::miner::{Config, Miner, PatternId};
use crate::state::{self, Head, Record, StateError};
use crate::trend::{Surge, Trend};

/// Services remembered per pattern; the same statement in more of them is told as "and others" by whoever shows it.
pub const SERVICES_MAX: usize = 8;
/// A pattern is called new for so many minutes after it was first seen.
pub const NEW_MINUTES: usize = 60;
/// A pattern without a line in so many minutes is no news.
const NEWS_MINUTES: i64 = 2 * crate::trend::RECENT_MINUTES as i64;
/// Longest example kept.
const EXAMPLE_BYTES_MAX: usize = 400;
/// A line's time is taken for the future's if it is further ahead of its arrival; then it counts when it arrived.
const AHEAD_NS_MAX: i64 = 60_000_000_000;
/// Facts are swept when there are so many more than patterns; each sweep removes at least as many.
const FACTS_SPARE: usize = 4096;

/// A line with what stands beside it in its record.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub text: &'a str,
    /// When it was written.
    pub at: Timestamp,
    /// When it arrived.
    pub received_at: Timestamp,
    /// OpenTelemetry's severity number, 0 if unknown.
    pub severity_number: i64,
    pub service: Option<&'a str>,
    /// How many lines it stands for: 1, or more where only some of them are looked at.
    pub weight: u32,
}

/// What is known about a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub trend: Trend,
    /// The highest OpenTelemetry severity number seen, 0 if none.
    pub severity_number: i64,
    /// Services and their lines, in order of first appearance, at most [`SERVICES_MAX`].
    pub services: Vec<(SmolStr, u64)>,
    /// The first line, shortened.
    pub example: SmolStr,
}

/// A pattern as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternView {
    pub id: PatternId,
    /// `Connection from <ip> closed after <duration>`
    pub template: String,
    pub facts: Facts,
    /// See [`Trend::is_new`], with [`NEW_MINUTES`].
    pub is_new: bool,
    pub surge: Option<Surge>,
}

/// Patterns of the lines that flow by. Bounded as [`Miner`] is; facts take about 1 KiB per pattern.
#[derive(Debug)]
pub struct Book {
    miner: Miner,
    facts: HashMap<PatternId, Facts>,
    watched_since: Timestamp,
}

impl Book {
    pub fn new(config: Config, now: Timestamp) -> Self {
        Self { miner: Miner::new(config), facts: HashMap::new(), watched_since: now }
    }

    /// Learns a line. About as cheap as [`Miner::learn`].
    pub fn observe(&mut self, line: Line<'_>) -> PatternId {
        let id = self.miner.learn(line.text);
        self.follow_merges();
        let at = if line.at.as_nanos().saturating_sub(line.received_at.as_nanos()) > AHEAD_NS_MAX {
            line.received_at
        } else {
            line.at
        };
        match self.facts.get_mut(&id) {
            Some(facts) => facts.add(line, at),
            None => {
                if self.facts.len() >= self.miner.len() + FACTS_SPARE {
                    self.sweep();
                }
                self.facts.insert(id, Facts::new(line, at));
            }
        }
        id
    }

    pub fn miner(&self) -> &Miner {
        &self.miner
    }

    /// The pattern of a line, without learning from it.
    pub fn find(&mut self, line: &str) -> Option<PatternId> {
        self.miner.find(line)
    }

    pub fn get(&self, id: PatternId, now: Timestamp) -> Option<PatternView> {
        let id = self.miner.resolve(id);
        let template = self.miner.template(id)?;
        let facts = self.facts.get(&id)?;
        Some(PatternView {
            id,
            template: template.to_string(),
            facts: facts.clone(),
            is_new: facts.trend.is_new(now, self.watched_since, NEW_MINUTES),
            surge: facts.trend.surge(now, self.watched_since),
        })
    }

    /// All patterns, those with the most lines first. Costs a copy of each: for the API, not for every line.
    pub fn list(&self, now: Timestamp) -> Vec<PatternView> {
        let mut views: Vec<PatternView> = self.facts.keys().filter_map(|&id| self.get(id, now)).collect();
        views.sort_by(|left, right| {
            right.facts.trend.total().cmp(&left.facts.trend.total()).then(left.id.cmp(&right.id))
        });
        views
    }

    /// The patterns that are news: new ones and surging ones, the most certain surge first, then new ones by severity
    /// and count. For attaching to an alert; at most `limit`.
    pub fn signals(&self, now: Timestamp, service: Option<&str>, limit: usize) -> Vec<PatternView> {
        let concerns = |facts: &Facts| {
            service.is_none_or(|service| facts.services.iter().any(|(name, _)| name == service))
        };
        // What has been quiet is no news, and is not worth the arithmetic.
        let quiet_before = now.as_nanos() - NEWS_MINUTES * 60_000_000_000;
        let mut news: Vec<PatternView> = self
            .facts
            .iter()
            .filter(|(_, facts)| facts.trend.last_seen().as_nanos() >= quiet_before && concerns(facts))
            .filter_map(|(&id, _)| self.get(id, now))
            .filter(|view| view.is_new || view.surge.is_some())
            .collect();
        let chance = |view: &PatternView| view.surge.map_or(1.0, |surge| surge.chance);
        news.sort_by(|left, right| {
            chance(left)
                .total_cmp(&chance(right))
                .then(right.facts.severity_number.cmp(&left.facts.severity_number))
                .then(right.facts.trend.total().cmp(&left.facts.trend.total()))
                .then(left.id.cmp(&right.id))
        });
        news.truncate(limit);
        news
    }

    /// The whole book as text, see `docs/formats/patterns.md`.
    pub fn save(&self) -> String {
        let mut out = String::new();
        state::push(&mut out, &Head::new(Some(self.watched_since.as_nanos())));
        self.miner.save_records(&mut out);
        let mut ids: Vec<&PatternId> = self.facts.keys().collect();
        ids.sort();
        for id in ids {
            if let Some(facts) = self.facts.get(id) {
                state::push(&mut out, &Record::Facts(facts.record(*id)));
            }
        }
        out
    }

    /// Takes in what [`Book::save`] wrote.
    pub fn restore(&mut self, text: &str) -> Result<(), StateError> {
        let head = Head::read(text)?;
        for record in state::records(text) {
            if let Some(record) = self.miner.absorb_record(record?) {
                let Ok(id) = record.id.parse::<PatternId>() else { continue };
                let id = self.miner.resolve(id);
                let facts = Facts::from(record);
                match self.facts.get_mut(&id) {
                    Some(known) => known.merge(facts),
                    None => drop(self.facts.insert(id, facts)),
                }
            }
        }
        self.follow_merges();
        if let Some(since) = head.watched_since {
            self.watched_since = self.watched_since.min(Timestamp::from_nanos(since));
        }
        Ok(())
    }

    fn follow_merges(&mut self) {
        if !self.miner.has_merges() {
            return;
        }
        for merge in self.miner.take_merges() {
            if let Some(facts) = self.facts.remove(&merge.from) {
                match self.facts.get_mut(&merge.into) {
                    Some(known) => known.merge(facts),
                    None => drop(self.facts.insert(merge.into, facts)),
                }
            }
        }
    }

    fn sweep(&mut self) {
        let miner = &self.miner;
        self.facts.retain(|&id, _| miner.template(id).is_some());
    }
}

impl Facts {
    fn new(line: Line<'_>, at: Timestamp) -> Self {
        Self {
            trend: Trend::new(at, line.weight),
            severity_number: line.severity_number,
            services: line
                .service
                .map(|service| (SmolStr::new(service), u64::from(line.weight)))
                .into_iter()
                .collect(),
            example: shorten(line.text),
        }
    }

    fn add(&mut self, line: Line<'_>, at: Timestamp) {
        self.trend.add(at, line.weight);
        self.severity_number = self.severity_number.max(line.severity_number);
        if let Some(service) = line.service {
            Self::count_service(&mut self.services, service, u64::from(line.weight));
        }
    }

    pub(crate) fn count_service(services: &mut Vec<(SmolStr, u64)>, service: &str, lines: u64) {
        if let Some((_, count)) = services.iter_mut().find(|(name, _)| name == service) {
            *count += lines;
        } else if services.len() < SERVICES_MAX {
            services.push((SmolStr::new(service), lines));
        }
    }

    fn merge(&mut self, other: Self) {
        if other.trend.first_seen() < self.trend.first_seen() {
            self.example = other.example;
        }
        self.trend.merge(&other.trend);
        self.severity_number = self.severity_number.max(other.severity_number);
        for (service, lines) in other.services {
            Self::count_service(&mut self.services, &service, lines);
        }
    }

    fn record(&self, id: PatternId) -> FactsRecord {
        FactsRecord {
            id: id.to_string(),
            trend: self.trend.save(),
            severity_number: self.severity_number,
            services: self.services.clone(),
            example: self.example.clone(),
        }
    }
}

/// A line as an example: cut if it is long.
pub(crate) fn shorten(text: &str) -> SmolStr {
    let mut end = text.len().min(EXAMPLE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    SmolStr::new(&text[..end])
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FactsRecord {
    id: String,
    /// Newest minute, first seen, last seen, lines, counts from the newest minute backwards.
    trend: (i64, i64, i64, u64, Vec<u32>),
    severity_number: i64,
    services: Vec<(SmolStr, u64)>,
    example: SmolStr,
}

impl From<FactsRecord> for Facts {
    fn from(record: FactsRecord) -> Self {
        Self {
            trend: Trend::restore(record.trend),
            severity_number: record.severity_number,
            services: record.services.into_iter().take(SERVICES_MAX).collect(),
            example: record.example,
        }
    }
}
