//! Alerts that need not be told because another says more: by labels, and along the dependency graph.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use nines_filter::Filter;
use nines_incidents::Level;
use nines_model::Timestamp;

use crate::alert::IncomingAlert;

/// How far a fault is followed along dependencies: further away it explains everything and nothing.
pub const DEPTH_MAX: usize = 5;
/// Alerts that may hold others back; the gravest storms have fewer causes.
const SOURCES_MAX: usize = 10_000;

/// While an alert of `source` fires, those of `target` are not told if they agree in all labels of `equal`.
#[derive(Debug, Clone, PartialEq)]
pub struct InhibitRule {
    pub name: String,
    pub source: Filter,
    pub target: Filter,
    pub equal: Vec<String>,
}

/// Which services each service calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dependencies(HashMap<String, BTreeSet<String>>);

/// Why an alert is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inhibited {
    Rule {
        rule: String,
        by: String,
    },
    /// From the alert's service to the one that is at fault.
    Dependency {
        path: Vec<String>,
        by: Cause,
    },
}

/// What explains an alert of a service that needs another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// By its fingerprint.
    Alert(String),
    Incident(String),
}

/// An incident that is open, as far as it can explain alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIncident {
    pub id: String,
    pub services: Vec<String>,
    pub level: Level,
    pub since: Timestamp,
}

/// The alerts that may hold others back, kept up to date as alerts come and go.
#[derive(Debug, Clone, Default)]
pub struct Inhibitor {
    rules: Vec<InhibitRule>,
    graph: Dependencies,
    /// By rule, and the values of its equal labels: who fires.
    by_rule: HashMap<(usize, Vec<String>), BTreeSet<String>>,
    /// By service, the alerts that are P0 or P1.
    by_service: HashMap<String, Vec<Fault>>,
    sources: HashMap<String, Vec<(usize, Vec<String>)>>,
    /// Open incidents of P0 and P1.
    incidents: Vec<OpenIncident>,
}

#[derive(Debug, Clone, PartialEq)]
struct Fault {
    fingerprint: String,
    level: Level,
    since: Timestamp,
}

impl Dependencies {
    pub fn new(calls: impl IntoIterator<Item = (String, Vec<String>)>) -> Self {
        Self(calls.into_iter().map(|(service, calls)| (service, calls.into_iter().collect())).collect())
    }

    /// Whether nobody is known to need anybody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From calls seen one by one: caller and callee. A service that calls itself needs nobody.
    pub fn of_calls(calls: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut needs: HashMap<String, BTreeSet<String>> = HashMap::new();
        for (caller, callee) in calls {
            if caller != callee {
                needs.entry(caller).or_default().insert(callee);
            }
        }
        Self(needs)
    }

    /// These besides, as people declare them.
    #[must_use]
    pub fn with<'a>(mut self, declared: impl IntoIterator<Item = (&'a String, &'a Vec<String>)>) -> Self {
        for (service, needs) in declared {
            let needs = needs.iter().filter(|needed| *needed != service).cloned();
            self.0.entry(service.clone()).or_default().extend(needs);
        }
        self
    }

    /// Services that `service` needs, nearest first, each with the way to it.
    fn below(&self, service: &str) -> Vec<Vec<String>> {
        let mut seen: HashSet<&str> = HashSet::from([service]);
        let mut queue = VecDeque::from([vec![service.to_owned()]]);
        let mut found = Vec::new();
        while let Some(path) = queue.pop_front() {
            if path.len() > DEPTH_MAX {
                continue;
            }
            let Some(calls) = path.last().and_then(|last| self.0.get(last)) else { continue };
            for called in calls {
                if seen.insert(called) {
                    let mut longer = path.clone();
                    longer.push(called.clone());
                    found.push(longer.clone());
                    queue.push_back(longer);
                }
            }
        }
        found
    }
}

impl Inhibitor {
    pub fn new(rules: Vec<InhibitRule>, graph: Dependencies) -> Self {
        Self { rules, graph, ..Self::default() }
    }

    /// Services call others than before. What fires stays known.
    pub fn follow(&mut self, graph: Dependencies) {
        self.graph = graph;
    }

    /// These are open now, in place of those before.
    pub fn follow_incidents(&mut self, open: impl IntoIterator<Item = OpenIncident>) {
        self.incidents = open.into_iter().filter(|it| it.level != Level::P2).take(SOURCES_MAX).collect();
    }

    /// An alert fires that is not held back itself: what is held back holds nothing back.
    pub fn fired(&mut self, alert: &IncomingAlert, since: Timestamp) {
        let id = &alert.fingerprint.id;
        if self.sources.len() >= SOURCES_MAX || self.sources.contains_key(id) {
            return;
        }
        let mut keys = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.source.accepts(alert) {
                let key = (index, equal_values(rule, alert));
                self.by_rule.entry(key.clone()).or_default().insert(id.clone());
                keys.push(key);
            }
        }
        let is_grave = alert.level.is_some_and(|level| level != Level::P2);
        if let (true, Some(service), Some(level)) = (is_grave, alert.get("service.name"), alert.level) {
            let faults = self.by_service.entry(service.to_owned()).or_default();
            faults.push(Fault { fingerprint: id.clone(), level, since });
        } else if keys.is_empty() {
            return;
        }
        self.sources.insert(id.clone(), keys);
    }

    pub fn ended(&mut self, alert: &IncomingAlert) {
        let id = &alert.fingerprint.id;
        for key in self.sources.remove(id).unwrap_or_default() {
            if let Some(sources) = self.by_rule.get_mut(&key) {
                sources.remove(id);
                if sources.is_empty() {
                    self.by_rule.remove(&key);
                }
            }
        }
        for faults in self.by_service.values_mut() {
            faults.retain(|fault| fault.fingerprint != *id);
        }
        self.by_service.retain(|_, faults| !faults.is_empty());
    }

    /// Whether the alert need not be told. A P0 is held back by no dependency: if it is wrong, it is worth a page.
    pub fn inhibits(&self, alert: &IncomingAlert, since: Timestamp) -> Option<Inhibited> {
        self.by_rules(alert).or_else(|| self.by_graph(alert, since))
    }

    fn by_rules(&self, alert: &IncomingAlert) -> Option<Inhibited> {
        let rules = self.rules.iter().enumerate();
        // As in Alertmanager: what is itself a source of the rule is held back by none of its sources.
        let mut rules = rules.filter(|(_, rule)| rule.target.accepts(alert) && !rule.source.accepts(alert));
        rules.find_map(|(index, rule)| {
            let sources = self.by_rule.get(&(index, equal_values(rule, alert)))?;
            Some(Inhibited::Rule { rule: rule.name.clone(), by: sources.first()?.clone() })
        })
    }

    fn by_graph(&self, alert: &IncomingAlert, since: Timestamp) -> Option<Inhibited> {
        let level = alert.level.unwrap_or(Level::P2);
        if level == Level::P0 || (self.by_service.is_empty() && self.incidents.is_empty()) {
            return None;
        }
        let service = alert.get("service.name")?;
        self.graph.below(service).into_iter().find_map(|path| {
            let below = path.last()?;
            // Where services need each other, the older fault is the cause; else they would hold each other back.
            let is_circle =
                || self.graph.below(below).iter().any(|path| path.last().is_some_and(|last| last == service));
            let explains = |fault: &&Fault| {
                !level.is_graver_than(fault.level)
                    && ((fault.since, &fault.fingerprint) < (since, &alert.fingerprint.id) || !is_circle())
            };
            let fault = self.by_service.get(below).and_then(|faults| faults.iter().find(explains));
            // An incident that the service has a part in already is its own, and explains nothing away.
            let is_cause = |incident: &&OpenIncident| {
                incident.services.contains(below)
                    && !incident.services.iter().any(|its| its == service)
                    && !level.is_graver_than(incident.level)
                    && (incident.since < since || !is_circle())
            };
            let by = match fault {
                Some(fault) => Cause::Alert(fault.fingerprint.clone()),
                None => Cause::Incident(self.incidents.iter().find(is_cause)?.id.clone()),
            };
            Some(Inhibited::Dependency { by, path })
        })
    }
}

fn equal_values(rule: &InhibitRule, alert: &IncomingAlert) -> Vec<String> {
    rule.equal.iter().map(|label| alert.get(label).unwrap_or_default().to_owned()).collect()
}
