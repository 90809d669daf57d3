//! Which alerts are open, and which of those that arrived are the same.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use nines_base::ErrorKind;
use nines_model::Timestamp;

use crate::alert::{AlertStatus, Fingerprint, IncomingAlert};

/// Alerts that are known at once. A storm of 50 000 fits twice; one alert is about a kilobyte.
pub const ALERTS_MAX: usize = 100_000;
/// Different alerts that one entry remembers having merged; more are counted only.
pub const MEMBERS_MAX: usize = 50;
/// An alert that comes back within this time of ending is the same one.
pub const REOPEN_WITHIN: Duration = Duration::from_secs(30 * 60);
/// Fingerprints that people have taken apart.
const SEPARATIONS_MAX: usize = 1_000;

/// The alerts that are open, and those that ended less than [`REOPEN_WITHIN`] ago.
#[derive(Debug, Clone, Default)]
pub struct AlertBook {
    entries: HashMap<String, AlertEntry>,
    /// Fingerprints that are split further, by these labels.
    separations: HashMap<String, Vec<String>>,
    /// Alerts that found no place in the book.
    pub uncounted: u64,
}

/// One alert as it stands, with what was merged into it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertEntry {
    /// As it arrived last.
    pub alert: IncomingAlert,
    /// Times that it arrived.
    pub count: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    pub reopened: u32,
    /// The different sets of labels that it arrived with.
    pub members: Vec<Member>,
    /// Members beyond [`MEMBERS_MAX`].
    pub members_unlisted: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub alert: IncomingAlert,
    pub count: u64,
    pub last_at: Timestamp,
}

/// What an alert turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    New,
    /// One that is open; arrived so often by now.
    Merged {
        count: u64,
    },
    /// One that ended a short while ago.
    Reopened {
        after: Duration,
    },
    Resolved {
        open_for: Duration,
    },
    /// It says that something ended that is not open.
    NothingToResolve,
    /// The book is full. It is counted and told about like one that is new.
    Overflow,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expired {
    pub fingerprint: String,
    pub ended_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeparateError {
    #[error("there is no alert `{fingerprint}`; it may have ended more than 30 minutes ago")]
    NotFound { fingerprint: String },
    #[error("all alerts of `{fingerprint}` have the same {labels}; choose a label in which they differ{}", hint(.differing))]
    SameValues { fingerprint: String, labels: String, differing: Vec<String> },
    #[error("{SEPARATIONS_MAX} fingerprints are separated already; join some again first")]
    TooMany,
}

fn hint(differing: &[String]) -> String {
    if differing.is_empty() { String::new() } else { format!(", such as {}", differing.join(", ")) }
}

impl SeparateError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::SameValues { .. } => ErrorKind::InvalidInput,
            Self::TooMany => ErrorKind::Exhausted,
        }
    }
}

impl AlertBook {
    /// Takes an alert in. The fingerprint under which it is kept may be finer than its own, where people have
    /// separated it: it is returned.
    pub fn receive(&mut self, mut alert: IncomingAlert, now: Timestamp) -> (Fingerprint, Received) {
        let fingerprint = self.fingerprint_of(&alert);
        alert.fingerprint = fingerprint.clone();
        let received = self.place(alert, now);
        (fingerprint, received)
    }

    /// Under which fingerprint an alert is kept.
    pub fn fingerprint_of(&self, alert: &IncomingAlert) -> Fingerprint {
        match self.separations.get(&alert.fingerprint.id) {
            Some(labels) => alert.fingerprint.part(&values(alert, labels)),
            None => alert.fingerprint.clone(),
        }
    }

    fn place(&mut self, alert: IncomingAlert, now: Timestamp) -> Received {
        // Alertmanager's resolved alerts say when; an end that has passed means the same.
        let ended_at = alert.ends_at.filter(|at| *at <= now);
        let is_over = alert.status == AlertStatus::Resolved || ended_at.is_some();
        if let Some(entry) = self.entries.get_mut(&alert.fingerprint.id) {
            return match is_over {
                true => entry.resolve(ended_at.unwrap_or(now), now),
                false => entry.join(alert, now),
            };
        }
        // Some senders acknowledge and resolve by key alone: that says nothing of an alert that is not known.
        if is_over || alert.title.is_empty() {
            return Received::NothingToResolve;
        }
        if self.entries.len() >= ALERTS_MAX {
            self.uncounted += 1;
            return Received::Overflow;
        }
        self.entries.insert(alert.fingerprint.id.clone(), AlertEntry::new(alert, now));
        Received::New
    }

    /// What has ended because nobody sent it again, by fingerprint. Forgets what ended long ago.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Expired> {
        let mut expired = Vec::new();
        for entry in self.entries.values_mut().filter(|entry| entry.resolved_at.is_none()) {
            if let Some(ended_at) = entry.alert.ends_at.filter(|at| *at <= now) {
                entry.resolved_at = Some(ended_at);
                expired.push(Expired { fingerprint: entry.alert.fingerprint.id.clone(), ended_at });
            }
        }
        self.entries.retain(|_, entry| entry.resolved_at.is_none_or(|at| now.since(at) <= REOPEN_WITHIN));
        expired.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        expired
    }

    /// Undoes a merge: from now on alerts of `fingerprint` are one only if they also agree in `labels`. What is known of
    /// the past is taken apart likewise; the new fingerprints are returned.
    pub fn separate(&mut self, fingerprint: &str, labels: &[String]) -> Result<Vec<String>, SeparateError> {
        let not_found = || SeparateError::NotFound { fingerprint: fingerprint.to_owned() };
        let entry = self.entries.get(fingerprint).ok_or_else(not_found)?;
        if self.separations.len() >= SEPARATIONS_MAX {
            return Err(SeparateError::TooMany);
        }
        let mut parts: BTreeMap<String, AlertEntry> = BTreeMap::new();
        for member in &entry.members {
            let mut alert = member.alert.clone();
            alert.fingerprint = alert.fingerprint.part(&values(&alert, labels));
            let part = parts.entry(alert.fingerprint.id.clone()).or_insert_with(|| AlertEntry {
                count: 0,
                members: Vec::new(),
                members_unlisted: 0,
                ..AlertEntry { alert: alert.clone(), ..entry.clone() }
            });
            part.count += member.count;
            part.last_at = part.last_at.max(member.last_at);
            part.members.push(Member { alert, ..member.clone() });
        }
        if parts.len() < 2 {
            return Err(SeparateError::SameValues {
                fingerprint: fingerprint.to_owned(),
                labels: labels.join(", "),
                differing: entry.differing_labels(),
            });
        }
        self.separations.insert(fingerprint.to_owned(), labels.to_vec());
        self.entries.remove(fingerprint);
        let made = parts.keys().cloned().collect();
        self.entries.extend(parts);
        Ok(made)
    }

    /// Puts an entry back as it was stored; what stood under its fingerprint is replaced.
    pub fn put(&mut self, entry: AlertEntry) {
        self.entries.insert(entry.alert.fingerprint.id.clone(), entry);
    }

    /// Forgets an entry, as if nothing had arrived.
    pub fn forget(&mut self, fingerprint: &str) {
        self.entries.remove(fingerprint);
    }

    /// Puts a separation back as it was stored.
    pub fn put_separation(&mut self, fingerprint: String, labels: Vec<String>) {
        self.separations.insert(fingerprint, labels);
    }

    /// Undoes [`AlertBook::separate`] for what arrives from now on.
    pub fn join(&mut self, fingerprint: &str) -> bool {
        self.separations.remove(fingerprint).is_some()
    }

    pub fn get(&self, fingerprint: &str) -> Option<&AlertEntry> {
        self.entries.get(fingerprint)
    }

    /// Fingerprints that people have taken apart, each with the labels by which.
    pub fn separations(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.separations.iter()
    }

    /// In no particular order.
    pub fn open(&self) -> impl Iterator<Item = &AlertEntry> {
        self.entries.values().filter(|entry| entry.resolved_at.is_none())
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn values(alert: &IncomingAlert, labels: &[String]) -> Vec<String> {
    labels.iter().map(|label| alert.get(label).unwrap_or_default().to_owned()).collect()
}

impl AlertEntry {
    fn new(alert: IncomingAlert, now: Timestamp) -> Self {
        let member = Member { alert: alert.clone(), count: 1, last_at: now };
        Self {
            alert,
            count: 1,
            first_at: now,
            last_at: now,
            resolved_at: None,
            reopened: 0,
            members: vec![member],
            members_unlisted: 0,
        }
    }

    fn resolve(&mut self, ended_at: Timestamp, now: Timestamp) -> Received {
        if self.resolved_at.is_some() {
            return Received::NothingToResolve;
        }
        self.last_at = now;
        self.resolved_at = Some(ended_at);
        Received::Resolved { open_for: ended_at.since(self.first_at) }
    }

    fn join(&mut self, alert: IncomingAlert, now: Timestamp) -> Received {
        self.count += 1;
        self.last_at = now;
        if alert.title.is_empty() {
            self.alert.status = alert.status;
            return Received::Merged { count: self.count };
        }
        match self.members.iter().position(|member| member.alert.labels == alert.labels) {
            Some(known) => {
                self.members[known].count += 1;
                self.members[known].last_at = now;
            }
            None if self.members.len() < MEMBERS_MAX => {
                self.members.push(Member { alert: alert.clone(), count: 1, last_at: now });
            }
            None => self.members_unlisted += 1,
        }
        self.alert = alert;
        match self.resolved_at.take() {
            None => Received::Merged { count: self.count },
            Some(ended_at) if now.since(ended_at) <= REOPEN_WITHIN => {
                self.reopened += 1;
                Received::Reopened { after: now.since(ended_at) }
            }
            // It ended long ago and has not been forgotten yet.
            Some(_) => {
                let alert = self.alert.clone();
                *self = Self::new(alert, now);
                Received::New
            }
        }
    }

    /// Labels in which the members differ, at most five: by these they can be taken apart.
    pub fn differing_labels(&self) -> Vec<String> {
        let Some(first) = self.members.first() else { return Vec::new() };
        let names = self.members.iter().flat_map(|member| member.alert.labels.keys());
        let names: std::collections::BTreeSet<_> = names.collect();
        let differs = |name: &&String| {
            self.members.iter().any(|member| member.alert.labels.get(*name) != first.alert.labels.get(*name))
        };
        names.into_iter().filter(differs).take(5).cloned().collect()
    }
}
