//! The inventory of a node: what is kept, judged when somebody asks.

mod questions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nines_base::{Random, SharedClock};
use nines_model::Timestamp;
use parking_lot::RwLock;

use crate::InventoryError;
use crate::builtin;
use crate::listing::{Change, Listing, ListingState, Merged, merge};
use crate::report::{Day, Report, judge};
use crate::resource::{Resource, ResourceKey};
use crate::standard::{self, Standard};
use crate::waiver::{Scope, Waiver, WaiverState};

pub use questions::Query;

/// Resources kept: some 2 kB each in memory, 100 MB at the most.
pub const RESOURCES_MAX: usize = 50_000;
/// Standards of one's own.
pub const STANDARDS_MAX: usize = 500;
pub const WAIVERS_MAX: usize = 2_000;
/// Days of score: a year to compare with, and a month.
pub const DAYS_MAX: usize = 400;
/// Owners of one day that are kept; further ones are in the total.
const DAY_OWNERS_MAX: usize = 200;
/// What is gone is shown for a quarter, then forgotten.
const GONE_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// Ended waivers are shown for as long.
const WAIVER_KEPT: Duration = GONE_KEPT;
/// A report is made again after this time even if nothing changed, as ages do.
const REPORT_KEPT: Duration = Duration::from_secs(60);

/// Everything that is kept.
#[derive(Debug, Default)]
pub struct Stored {
    pub resources: Vec<Resource>,
    pub listings: Vec<ListingState>,
    pub waivers: Vec<Waiver>,
    /// Name and text of each standard of one's own.
    pub standards: Vec<(String, String)>,
    /// By day, the oldest first.
    pub days: Vec<Day>,
}

/// Where it is kept. Each call is whole or not at all.
#[async_trait]
pub trait Repository: Send + Sync {
    async fn load(&self) -> Result<Stored, InventoryError>;
    /// Keeps what a listing found, and forgets what is gone for too long.
    async fn put_listing(
        &self,
        state: &ListingState,
        resources: &[Resource],
        forgotten: &[ResourceKey],
    ) -> Result<(), InventoryError>;
    async fn put_waiver(&self, waiver: &Waiver) -> Result<(), InventoryError>;
    async fn remove_waiver(&self, id: &str) -> Result<(), InventoryError>;
    async fn put_standards(&self, standards: &[(String, String)]) -> Result<(), InventoryError>;
    async fn remove_standard(&self, name: &str) -> Result<(), InventoryError>;
    /// Keeps a day in place of what was kept of it, and none before `first_kept`.
    async fn put_day(&self, day: &Day, first_kept: &str) -> Result<(), InventoryError>;
}

#[derive(Default)]
struct Held {
    resources: BTreeMap<ResourceKey, Resource>,
    listings: BTreeMap<(String, String, String, String), ListingState>,
    waivers: BTreeMap<String, Waiver>,
    own: BTreeMap<String, String>,
    /// Built in and one's own, by name; one's own takes the place of one that is built in.
    standards: Arc<Vec<Standard>>,
    days: Vec<Day>,
    report: Option<(Timestamp, Arc<Report>)>,
}

/// Somebody who asks or approves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    pub name: String,
    /// The accounts whose eyes these may be: the one that the key belongs to, and the one that made it. Empty for a key
    /// of nobody, which approves nothing.
    pub people: Vec<String>,
}

/// A waiver as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWaiver {
    pub rule: String,
    pub scope: Scope,
    pub reason: String,
    pub owner: String,
    pub ends_at: Timestamp,
}

pub struct Inventory {
    repository: Arc<dyn Repository>,
    clock: SharedClock,
    random: Random,
    held: RwLock<Held>,
    /// One change at a time, so that what is kept and what is held agree.
    writing: tokio::sync::Mutex<()>,
}

impl Inventory {
    /// Opens what is kept.
    ///
    /// # Errors
    /// Those of the repository, and a stored standard that cannot be read.
    pub async fn open(
        repository: Arc<dyn Repository>,
        clock: SharedClock,
        random: Random,
    ) -> Result<Self, InventoryError> {
        let stored = repository.load().await?;
        let mut held = Held {
            resources: stored.resources.into_iter().map(|one| (one.key.clone(), one)).collect(),
            listings: stored.listings.into_iter().map(|one| (listing_key(&one), one)).collect(),
            waivers: stored.waivers.into_iter().map(|one| (one.id.clone(), one)).collect(),
            own: stored.standards.into_iter().collect(),
            days: stored.days,
            ..Held::default()
        };
        held.standards = Arc::new(all_standards(&held.own)?);
        Ok(Self {
            repository,
            clock,
            random,
            held: RwLock::new(held),
            writing: tokio::sync::Mutex::default(),
        })
    }

    /// Takes in a listing.
    ///
    /// # Errors
    /// [`InventoryError::Full`] beyond [`RESOURCES_MAX`]; those of the repository. Then nothing is changed.
    pub async fn take(&self, listing: &Listing) -> Result<Merged, InventoryError> {
        let _writing = self.writing.lock().await;
        let now = self.clock.now();
        let (merged, state, forgotten) = {
            let held = self.held.read();
            let merged = merge(
                listing,
                |key| held.resources.get(key),
                held.resources.values().filter(|one| is_of(listing, &one.key)),
                now,
            );
            if held.resources.len() + merged.count(Change::Added) > RESOURCES_MAX {
                let text = format!("the inventory keeps {RESOURCES_MAX} resources, and this would be more");
                return Err(InventoryError::Full(text));
            }
            let state = listing_state(listing, &held, now);
            let is_old = |one: &&Resource| {
                is_of(listing, &one.key) && one.gone_at.is_some_and(|at| at < now - GONE_KEPT)
            };
            let met = |key: &ResourceKey| merged.resources.iter().any(|(_, one)| one.key == *key);
            let old = held.resources.values().filter(is_old).map(|one| one.key.clone());
            let forgotten: Vec<_> = old.filter(|key| !met(key)).collect();
            (merged, state, forgotten)
        };
        let resources: Vec<_> = merged.resources.iter().map(|(_, one)| one.clone()).collect();
        self.repository.put_listing(&state, &resources, &forgotten).await?;
        let mut held = self.held.write();
        for key in &forgotten {
            held.resources.remove(key);
        }
        held.resources.extend(resources.into_iter().map(|one| (one.key.clone(), one)));
        held.listings.insert(listing_key(&state), state);
        held.report = None;
        Ok(merged)
    }

    /// What a listing would change; nothing is.
    pub fn foresee(&self, listing: &Listing) -> Merged {
        let held = self.held.read();
        let kept = held.resources.values().filter(|one| is_of(listing, &one.key));
        merge(listing, |key| held.resources.get(key), kept, self.clock.now())
    }

    /// Applies standards of one's own; of the same name, they take the place of what was there.
    ///
    /// # Errors
    /// Every mistake of the text; then none is applied.
    pub async fn apply(&self, file: Option<&str>, text: &str) -> Result<Vec<String>, InventoryError> {
        let parsed = standard::parse(file, text).map_err(InventoryError::Document)?;
        let mut texts = Vec::new();
        for part in split(text) {
            let read = standard::parse(file, &part).map_err(InventoryError::Document)?;
            texts.extend(read.first().map(|standard| (standard.name.clone(), part)));
        }
        if parsed.is_empty() || texts.len() != parsed.len() {
            return Err(InventoryError::Invalid(
                "the text holds no standard: write `kind: Standard` documents with --- between them"
                    .to_owned(),
            ));
        }
        let _writing = self.writing.lock().await;
        let mut own = self.held.read().own.clone();
        own.extend(texts.iter().cloned());
        if own.len() > STANDARDS_MAX {
            return Err(InventoryError::Full(format!("there can be {STANDARDS_MAX} standards of one's own")));
        }
        let standards = all_standards(&own)?;
        self.repository.put_standards(&texts).await?;
        self.put_standards(own, standards);
        Ok(texts.into_iter().map(|(name, _)| name).collect())
    }

    /// Takes a standard of one's own away; one that is built in and had its name counts again.
    ///
    /// # Errors
    /// [`InventoryError::NotFound`]; those of the repository.
    pub async fn remove_standard(&self, name: &str) -> Result<(), InventoryError> {
        let _writing = self.writing.lock().await;
        let mut own = self.held.read().own.clone();
        if own.remove(name).is_none() {
            if builtin::standards().iter().any(|one| one.name == name) {
                let text = format!("`{name}` is built in: apply one of the same name with `disabled: true`");
                return Err(InventoryError::Conflict(text));
            }
            return Err(InventoryError::NotFound { what: "standard of your own", name: name.to_owned() });
        }
        let standards = all_standards(&own)?;
        self.repository.remove_standard(name).await?;
        self.put_standards(own, standards);
        Ok(())
    }

    fn put_standards(&self, own: BTreeMap<String, String>, standards: Vec<Standard>) {
        let mut held = self.held.write();
        (held.own, held.standards) = (own, Arc::new(standards));
        held.report = None;
    }

    /// Asks for a waiver. It waives nothing before a second person has approved it.
    ///
    /// # Errors
    /// [`InventoryError::Invalid`] naming the field, [`InventoryError::NotFound`] for an unknown rule.
    pub async fn ask_waiver(&self, new: NewWaiver, by: &By) -> Result<Waiver, InventoryError> {
        let now = self.clock.now();
        let waiver = Waiver {
            id: format!("wv-{:012x}", self.random.next_u64() >> 16),
            rule: new.rule,
            scope: new.scope,
            reason: new.reason,
            owner: new.owner,
            asked_by: by.name.clone(),
            asked_by_people: by.people.clone(),
            asked_at: now,
            approved_by: None,
            ends_at: new.ends_at,
        };
        waiver.check(now)?;
        let _writing = self.writing.lock().await;
        let old: Vec<_> = {
            let held = self.held.read();
            if !held.standards.iter().any(|one| one.name == waiver.rule) {
                return Err(InventoryError::NotFound { what: "standard", name: waiver.rule });
            }
            let is_old = |one: &&Waiver| one.ends_at < now - WAIVER_KEPT;
            held.waivers.values().filter(is_old).map(|one| one.id.clone()).collect()
        };
        for id in &old {
            self.repository.remove_waiver(id).await?;
            self.held.write().waivers.remove(id);
        }
        if self.held.read().waivers.len() >= WAIVERS_MAX {
            return Err(InventoryError::Full(format!(
                "there are {WAIVERS_MAX} waivers: mend something first"
            )));
        }
        self.keep_waiver(waiver).await
    }

    /// # Errors
    /// [`InventoryError::Conflict`] for who asked for it themselves, and for one that has ended or is in force.
    pub async fn approve_waiver(&self, id: &str, by: &By) -> Result<Waiver, InventoryError> {
        let _writing = self.writing.lock().await;
        let found = self.held.read().waivers.get(id).cloned();
        let mut waiver =
            found.ok_or_else(|| InventoryError::NotFound { what: "waiver", name: id.to_owned() })?;
        let refused = |text: &str| Err(InventoryError::Conflict(text.to_owned()));
        match waiver.state(self.clock.now()) {
            WaiverState::Ended => return refused("the waiver has ended: ask for a new one"),
            WaiverState::InForce => return refused("the waiver is in force already"),
            WaiverState::Asked if by.people.is_empty() => {
                return refused("a key that belongs to nobody approves nothing: sign in as a person");
            }
            WaiverState::Asked if by.people.iter().any(|person| waiver.asked_by_people.contains(person)) => {
                return refused("who asked for a waiver cannot approve it: ask somebody else");
            }
            WaiverState::Asked => waiver.approved_by = Some(by.name.clone()),
        }
        self.keep_waiver(waiver).await
    }

    async fn keep_waiver(&self, waiver: Waiver) -> Result<Waiver, InventoryError> {
        self.repository.put_waiver(&waiver).await?;
        let mut held = self.held.write();
        held.waivers.insert(waiver.id.clone(), waiver.clone());
        held.report = None;
        Ok(waiver)
    }

    /// Ends a waiver now, or withdraws one that was asked for.
    ///
    /// # Errors
    /// [`InventoryError::NotFound`]; those of the repository.
    pub async fn remove_waiver(&self, id: &str) -> Result<(), InventoryError> {
        let _writing = self.writing.lock().await;
        if !self.held.read().waivers.contains_key(id) {
            return Err(InventoryError::NotFound { what: "waiver", name: id.to_owned() });
        }
        self.repository.remove_waiver(id).await?;
        let mut held = self.held.write();
        held.waivers.remove(id);
        held.report = None;
        Ok(())
    }

    /// Keeps the score of the day as it is now. Nothing is kept of a day without anything to judge.
    ///
    /// # Errors
    /// Those of the repository.
    pub async fn keep_day(&self) -> Result<(), InventoryError> {
        let report = self.report();
        if report.total.score().is_none() {
            return Ok(());
        }
        let _writing = self.writing.lock().await;
        let now = self.clock.now();
        let day_of = |at: Timestamp| at.to_jiff().strftime("%Y-%m-%d").to_string();
        let mut owners = report.owners.clone();
        while owners.len() > DAY_OWNERS_MAX {
            owners.pop_last();
        }
        let day = Day {
            day: day_of(now),
            total: report.total,
            rules: report.rules.clone(),
            owners,
            kinds: report.kinds.clone(),
        };
        let first_kept = day_of(now - Duration::from_secs((DAYS_MAX as u64 - 1) * 86_400));
        if self.held.read().days.last() == Some(&day) {
            return Ok(());
        }
        self.repository.put_day(&day, &first_kept).await?;
        let mut held = self.held.write();
        held.days.retain(|one| one.day != day.day && one.day >= first_kept);
        held.days.push(day);
        held.days.sort_by(|a, b| a.day.cmp(&b.day));
        Ok(())
    }

    /// What everything adds up to. At most [`REPORT_KEPT`] old, and never older than the last change.
    pub fn report(&self) -> Arc<Report> {
        let now = self.clock.now();
        if let Some((at, report)) = &self.held.read().report
            && now.since(*at) < REPORT_KEPT
        {
            return Arc::clone(report);
        }
        let mut held = self.held.write();
        let mut report = Report::default();
        let waivers: Vec<_> = held.waivers.values().cloned().collect();
        for resource in held.resources.values().filter(|one| one.gone_at.is_none()) {
            report.add(resource, &judge(resource, &held.standards, &waivers, now));
        }
        let report = Arc::new(report);
        held.report = Some((now, Arc::clone(&report)));
        report
    }
}

fn is_of(listing: &Listing, key: &ResourceKey) -> bool {
    key.provider == listing.provider
        && key.account == listing.account
        && key.region == listing.region
        && key.kind == listing.kind
}

fn listing_state(listing: &Listing, held: &Held, now: Timestamp) -> ListingState {
    let mut state = ListingState {
        provider: listing.provider.clone(),
        account: listing.account.clone(),
        region: listing.region.clone(),
        kind: listing.kind.clone(),
        tried_at: now,
        complete_at: listing.incomplete.is_none().then_some(now),
        problem: listing.incomplete.clone(),
        count: listing.seen.len(),
    };
    if state.complete_at.is_none() {
        let before = held.listings.get(&listing_key(&state));
        state.complete_at = before.and_then(|before| before.complete_at);
    }
    state
}

fn listing_key(state: &ListingState) -> (String, String, String, String) {
    (state.provider.clone(), state.account.clone(), state.region.clone(), state.kind.clone())
}

/// The documents of a text, each with its own text.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        if line == "---" || line.starts_with("--- ") {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}

fn all_standards(own: &BTreeMap<String, String>) -> Result<Vec<Standard>, InventoryError> {
    let mut all: BTreeMap<_, _> =
        builtin::standards().into_iter().map(|one| (one.name.clone(), one)).collect();
    for text in own.values() {
        let parsed = standard::parse(None, text).map_err(InventoryError::Document)?;
        all.extend(parsed.into_iter().map(|one| (one.name.clone(), one)));
    }
    Ok(all.into_values().collect())
}
