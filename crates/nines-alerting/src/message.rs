//! The message of an alert: seven fields that the product fills, so that it can be acted on without opening anything.
//! 1 title, 2 severity, 3 explanation (what it means for users), 4 observed state, 5 ideal state, 6 context, 7 links.

use std::time::Duration;

use nines_model::Timestamp;

use crate::language::{Rates, word};
use crate::{
    AlertId, Change, ConditionKind, Evidence, Language, OpenAlert, Reading, Severity, Subject, Suspect,
    Transition, TransitionKind,
};

/// Proposed for the incident; people confirm it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    P0,
    P1,
    P2,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P0 => "P0",
            Self::P1 => "P1",
            Self::P2 => "P2",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Firing,
    Flapping,
    Resolved,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Flapping => "flapping",
            Self::Resolved => "resolved",
        }
    }
}

/// A part that could not be filled. A message that has some is marked, and says in words what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Missing {
    UsersHit,
    NormalRate,
    ErrorRate,
    Budget,
    Owner,
    Suspect,
    LastChange,
    Runbook,
    Incident,
    Search,
}

impl Missing {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsersHit => "users_hit",
            Self::NormalRate => "normal_rate",
            Self::ErrorRate => "error_rate",
            Self::Budget => "budget",
            Self::Owner => "owner",
            Self::Suspect => "suspect",
            Self::LastChange => "last_change",
            Self::Runbook => "runbook",
            Self::Incident => "incident",
            Self::Search => "search",
        }
    }

    /// What to do so that it is filled next time.
    pub fn hint(self) -> &'static str {
        match self {
            Self::UsersHit => "users hit: name the field that identifies a user in the slo",
            Self::NormalRate => "normal rate: less than a day of history",
            Self::ErrorRate => "error rate: no events in the last minutes",
            Self::Budget => "budget: the slo is too young or not measured",
            Self::Owner => "owner: name a team in the slo or the service",
            Self::Suspect => "suspect: no attribute stands out among the bad events",
            Self::LastChange => "last change: none was reported in the last day",
            Self::Runbook => "runbook: add a link to the alert policy",
            Self::Incident => "incident: none is open for this alert",
            Self::Search => "search: the sli has no filter to search with",
        }
    }
}

/// A line of context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub label: &'static str,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    Incident,
    Slo,
    Search,
    Traces,
    Runbook,
    Acknowledge,
    Silence,
}

impl LinkKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Slo => "slo",
            Self::Search => "search",
            Self::Traces => "traces",
            Self::Runbook => "runbook",
            Self::Acknowledge => "acknowledge",
            Self::Silence => "silence",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub kind: LinkKind,
    pub label: &'static str,
    pub url: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AlertMessage {
    pub language: Language,
    pub status: Status,
    pub kind: TransitionKind,
    pub alert: AlertId,
    pub number: u32,
    pub fingerprint: String,
    pub slo: String,
    pub service: String,
    pub owner: String,
    pub incident: Option<String>,

    pub title: String,
    pub severity: Severity,
    pub level: Level,
    pub explanation: String,
    pub observed: String,
    pub ideal: String,
    pub context: Vec<Fact>,
    pub links: Vec<Link>,

    /// What is left of the error budget and when it is gone, as a sentence.
    pub budget: String,
    pub at: Timestamp,
    pub started_at: Timestamp,
    pub detected_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// In the order of the enum, without repeats.
    pub incomplete: Vec<Missing>,

    // For machines, beside the sentences.
    pub error_rate: Option<f64>,
    pub normal_rate: Option<f64>,
    pub objective: f64,
    pub budget_left: Option<f64>,
    pub exhaustion_in: Option<Duration>,
    pub users_hit: Option<u64>,
    pub suspects: Vec<Suspect>,
    pub last_change: Option<Change>,
    /// Traces of bad events, newest first.
    pub sample_traces: Vec<String>,
}

/// Log patterns in a message: their templates are long.
const PATTERNS_SHOWN: usize = 2;
/// Three suspects: the first is usually right, a third is the last that a person reads.
const SUSPECTS_SHOWN: usize = 3;
const TRACES_SHOWN: usize = 3;

/// From this fraction on, a page is proposed as P0: most users are hit, or soon will be.
const P0_ERROR_RATE: f64 = 0.4;

impl AlertMessage {
    /// Writes the message of a transition. `alert` is the alert after it; `reading` the one that caused it.
    pub fn compose(
        language: Language,
        fingerprint: &str,
        alert: &OpenAlert,
        transition: &Transition,
        reading: &Reading,
        evidence: &Evidence,
    ) -> Self {
        let writer = Writer { language, alert, transition, reading, evidence, subject: &reading.subject };
        let status = match transition.kind {
            TransitionKind::Resolved => Status::Resolved,
            _ if alert.flapping => Status::Flapping,
            _ => Status::Firing,
        };
        Self {
            language,
            status,
            kind: transition.kind,
            alert: alert.id.clone(),
            number: transition.number,
            fingerprint: fingerprint.to_owned(),
            slo: reading.subject.slo.clone(),
            service: reading.subject.service.clone(),
            owner: reading.subject.owner.clone(),
            incident: evidence.incident.clone(),
            title: writer.title(status),
            severity: transition.severity,
            level: writer.level(),
            explanation: writer.explanation(status),
            observed: writer.observed(),
            ideal: language.ideal(reading.objective, &reading.window, reading.sla),
            context: writer.context(),
            links: writer.links(),
            budget: language.budget(reading.budget_left, reading.budget_left_time, reading.exhaustion_in),
            at: transition.at,
            started_at: alert.started_at,
            detected_at: alert.detected_at,
            ended_at: alert.resolved_at,
            incomplete: writer.incomplete(),
            error_rate: reading.error_rate,
            normal_rate: reading.normal_rate,
            objective: reading.objective,
            budget_left: reading.budget_left,
            exhaustion_in: reading.exhaustion_in,
            users_hit: evidence.users_hit.map(|users| users.count),
            suspects: evidence.suspects.iter().take(SUSPECTS_SHOWN).cloned().collect(),
            last_change: evidence.last_change.clone(),
            sample_traces: evidence.sample_traces.iter().take(TRACES_SHOWN).cloned().collect(),
        }
    }
}

struct Writer<'a> {
    language: Language,
    alert: &'a OpenAlert,
    transition: &'a Transition,
    reading: &'a Reading,
    evidence: &'a Evidence,
    subject: &'a Subject,
}

impl Writer<'_> {
    /// What the alert is about: traffic that stopped outweighs everything, a burn outweighs stale data.
    fn cause(&self) -> ConditionKind {
        let has = |kind| self.alert.conditions.iter().any(|condition| condition.kind == kind);
        if has(ConditionKind::TrafficStopped) {
            ConditionKind::TrafficStopped
        } else if has(ConditionKind::Burn) {
            ConditionKind::Burn
        } else {
            ConditionKind::DataStale
        }
    }

    fn rates(&self) -> Rates<'_> {
        Rates {
            service: &self.subject.service,
            noun: &self.subject.noun,
            failing: self.subject.failing,
            error_rate: self.reading.error_rate,
            normal_rate: self.reading.normal_rate,
            recent: self.reading.recent,
        }
    }

    fn lasted(&self) -> Duration {
        self.transition.at.since(self.alert.started_at)
    }

    fn title(&self, status: Status) -> String {
        let service = &self.subject.service;
        if status == Status::Resolved {
            return self.language.title_resolved(service, &self.subject.slo, self.lasted());
        }
        let title = match self.cause() {
            ConditionKind::Burn => self.language.title_bad(&self.rates()),
            ConditionKind::TrafficStopped => self.language.title_stopped(service, &self.subject.noun),
            ConditionKind::DataStale => self.language.title_stale(service),
        };
        if status == Status::Flapping { self.language.title_flapping(&title) } else { title }
    }

    fn level(&self) -> Level {
        let total = self.cause() == ConditionKind::TrafficStopped
            || self.reading.error_rate.is_some_and(|rate| rate >= P0_ERROR_RATE);
        match self.transition.severity {
            Severity::Page if total => Level::P0,
            Severity::Page => Level::P1,
            Severity::Ticket => Level::P2,
        }
    }

    fn explanation(&self, status: Status) -> String {
        let (language, service) = (self.language, self.subject.service.as_str());
        if status == Status::Resolved {
            let spent = match (self.alert.budget_left_at_start, self.reading.budget_left) {
                (Some(before), Some(now)) => Some((before - now).max(0.0)),
                _ => None,
            };
            return language.impact_resolved(self.lasted(), spent);
        }
        match (self.cause(), self.reading.traffic) {
            (ConditionKind::TrafficStopped, Some(traffic)) => {
                language.impact_stopped(service, &self.subject.noun, traffic.expected, traffic.window)
            }
            (ConditionKind::DataStale, _) => {
                let age = self.reading.last_event_at.map(|newest| self.reading.at.since(newest));
                language.impact_stale(service, age)
            }
            _ => {
                let users = self.evidence.users_hit.map(|users| (users.count, users.window));
                language.impact(&self.rates(), users)
            }
        }
    }

    fn observed(&self) -> String {
        let reading = self.reading;
        let mut text = self.language.observed(&self.rates(), reading.good, reading.total);
        if reading.measurement != crate::Measurement::Measured {
            text.push(' ');
            text.push_str(&self.language.observed_measurement(reading.measurement));
        }
        text
    }

    fn context(&self) -> Vec<Fact> {
        let language = self.language;
        let mut facts = Vec::new();
        let mut add = |label: &crate::language::Word, text: String| {
            facts.push(Fact { label: label.in_language(language), text })
        };
        let unknown = || word::UNKNOWN.in_language(language).to_owned();
        add(&word::STARTED, self.alert.started_at.to_string());
        add(&word::DETECTED, self.alert.detected_at.to_string());
        if let Some(ended_at) = self.alert.resolved_at {
            add(&word::ENDED, ended_at.to_string());
        }
        let environment =
            self.subject.environment.as_ref().map_or(String::new(), |name| format!(" ({name})"));
        add(&word::SERVICE, format!("{}{environment}", self.subject.service));
        let owner = &self.subject.owner;
        add(&word::OWNER, if owner.is_empty() { unknown() } else { owner.clone() });
        if let Some(person) = &self.evidence.on_call {
            add(&word::ON_CALL, person.clone());
        }
        if let Some(person) = &self.evidence.acknowledged_by {
            add(&word::ACKNOWLEDGED, person.clone());
        }
        let suspects = self.evidence.suspects.iter().take(SUSPECTS_SHOWN);
        let suspects: Vec<_> = suspects
            .map(|one| language.suspect(&one.field, &one.value, one.share_of_bad, one.share_of_all))
            .collect();
        add(&word::SUSPECT, if suspects.is_empty() { unknown() } else { suspects.join("; ") });
        let patterns = self.evidence.log_patterns.iter().take(PATTERNS_SHOWN);
        let patterns: Vec<_> =
            patterns.map(|one| language.log_pattern(&one.template, one.lines, one.times)).collect();
        if !patterns.is_empty() {
            add(&word::LOG_PATTERNS, patterns.join("; "));
        }
        add(
            &word::CHANGE,
            self.evidence.last_change.as_ref().map_or_else(unknown, |change| {
                let before = self.alert.started_at.since(change.at);
                language.change(
                    &change.kind,
                    &change.summary,
                    before,
                    change.by.as_deref(),
                    change.undo.as_deref(),
                )
            }),
        );
        add(&word::WHY, self.transition.reason.to_string());
        if !self.evidence.sample_traces.is_empty() {
            let traces = self.evidence.sample_traces.iter().take(TRACES_SHOWN);
            add(&word::TRACES, traces.cloned().collect::<Vec<_>>().join(", "));
        }
        if !self.evidence.similar_incidents.is_empty() {
            add(&word::SIMILAR, self.evidence.similar_incidents.join(", "));
        }
        facts
    }

    fn links(&self) -> Vec<Link> {
        let links = &self.evidence.links;
        let all = [
            (LinkKind::Incident, &word::LINK_INCIDENT, &links.incident),
            (LinkKind::Acknowledge, &word::LINK_ACKNOWLEDGE, &links.acknowledge),
            (LinkKind::Search, &word::LINK_SEARCH, &links.search),
            (LinkKind::Traces, &word::LINK_TRACES, &links.traces),
            (LinkKind::Slo, &word::LINK_SLO, &links.slo),
            (LinkKind::Runbook, &word::LINK_RUNBOOK, &links.runbook),
            (LinkKind::Silence, &word::LINK_SILENCE, &links.silence),
        ];
        let present =
            all.into_iter().filter_map(|(kind, label, url)| url.as_ref().map(|url| (kind, label, url)));
        present
            .map(|(kind, label, url)| Link {
                kind,
                label: label.in_language(self.language),
                url: url.clone(),
            })
            .collect()
    }

    fn incomplete(&self) -> Vec<Missing> {
        let (reading, evidence) = (self.reading, self.evidence);
        let burn = self.cause() == ConditionKind::Burn;
        let checks = [
            (Missing::UsersHit, burn && evidence.users_hit.is_none()),
            (Missing::NormalRate, burn && reading.normal_rate.is_none()),
            (Missing::ErrorRate, burn && reading.error_rate.is_none()),
            (Missing::Budget, reading.budget_left.is_none()),
            (Missing::Owner, self.subject.owner.is_empty()),
            (Missing::Suspect, burn && evidence.suspects.is_empty()),
            (Missing::LastChange, evidence.last_change.is_none()),
            (Missing::Runbook, evidence.links.runbook.is_none()),
            (Missing::Incident, evidence.links.incident.is_none()),
            (Missing::Search, evidence.links.search.is_none()),
        ];
        checks.into_iter().filter(|(_, missing)| *missing).map(|(field, _)| field).collect()
    }
}
