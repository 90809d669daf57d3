//! What people ask the inventory.

use std::sync::Arc;

use nines_model::Timestamp;

use super::Inventory;
use crate::condition::Truth;
use crate::listing::ListingState;
use crate::report::{Day, Verdicts, judge};
use crate::resource::{Resource, ResourceKey};
use crate::standard::Standard;
use crate::waiver::Waiver;

/// Which resources; every part that is given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    pub kind: Option<String>,
    /// Empty: those that nobody owns.
    pub owner: Option<String>,
    /// A part of id, name or a tag, in any case.
    pub text: Option<String>,
    /// Of which this standard does not say passed.
    pub rule: Option<String>,
    /// With a verdict like this that no waiver answers for.
    pub truth: Option<Truth>,
    /// Those that are gone, instead of those that are there.
    pub is_gone: bool,
}

impl Inventory {
    /// Resources with their verdicts, the worst first, and how many there are without `limit`.
    pub fn resources(&self, query: &Query, limit: usize) -> (Vec<(Resource, Verdicts)>, usize) {
        let now = self.clock.now();
        let held = self.held.read();
        let waivers: Vec<_> = held.waivers.values().cloned().collect();
        let text = query.text.as_ref().map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
        let mut found = Vec::new();
        for resource in held.resources.values().filter(|one| query.fits(one, text.as_deref())) {
            let verdicts = judge(resource, &held.standards, &waivers, now);
            if query.fits_verdicts(&verdicts) {
                found.push((resource, verdicts));
            }
        }
        let badness = |verdicts: &Verdicts| (verdicts.tally.failed, verdicts.tally.unknown);
        // Stable, so that equals stay in the order of their keys.
        found.sort_by_key(|(_, verdicts)| std::cmp::Reverse(badness(verdicts)));
        let count = found.len();
        found.truncate(limit);
        (found.into_iter().map(|(resource, verdicts)| (resource.clone(), verdicts)).collect(), count)
    }

    /// The tags of what has this id and is there, wherever that is; `None` if nothing is known of it. Costs a walk over all.
    pub fn tags_of(&self, id: &str) -> Option<std::collections::BTreeMap<String, String>> {
        let held = self.held.read();
        let mut found = held.resources.values().filter(|one| one.key.id == id && one.gone_at.is_none());
        found.next().map(|resource| resource.tags.clone())
    }

    pub fn resource(&self, key: &ResourceKey) -> Option<(Resource, Verdicts)> {
        let held = self.held.read();
        let resource = held.resources.get(key)?.clone();
        let waivers: Vec<_> = held.waivers.values().cloned().collect();
        let verdicts = judge(&resource, &held.standards, &waivers, self.clock.now());
        Some((resource, verdicts))
    }

    /// By name.
    pub fn standards(&self) -> Arc<Vec<Standard>> {
        Arc::clone(&self.held.read().standards)
    }

    /// The text of a standard of one's own.
    pub fn own_standard(&self, name: &str) -> Option<String> {
        self.held.read().own.get(name).cloned()
    }

    /// The newest first.
    pub fn waivers(&self) -> Vec<Waiver> {
        let mut waivers: Vec<_> = self.held.read().waivers.values().cloned().collect();
        waivers.sort_by(|a, b| (b.asked_at, &b.id).cmp(&(a.asked_at, &a.id)));
        waivers
    }

    pub fn listings(&self) -> Vec<ListingState> {
        self.held.read().listings.values().cloned().collect()
    }

    /// The oldest first.
    pub fn days(&self) -> Vec<Day> {
        self.held.read().days.clone()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Query {
    fn fits(&self, resource: &Resource, text: Option<&str>) -> bool {
        let owner = resource.owner().unwrap_or_default();
        let holds = |part: &str| {
            let has = |found: &str| found.to_lowercase().contains(part);
            has(&resource.key.id)
                || has(&resource.name)
                || resource.tags.iter().any(|(key, value)| has(key) || has(value))
        };
        resource.gone_at.is_some() == self.is_gone
            && self.kind.as_ref().is_none_or(|kind| *kind == resource.key.kind)
            && self.owner.as_ref().is_none_or(|wanted| wanted == owner)
            && text.is_none_or(holds)
    }

    fn fits_verdicts(&self, verdicts: &Verdicts) -> bool {
        let mut open = verdicts.verdicts.iter().filter(|one| {
            self.rule.as_ref().is_none_or(|rule| *rule == one.rule)
                && match self.truth {
                    Some(truth) => one.truth == truth && one.waiver.is_none(),
                    None => one.truth != Truth::True,
                }
        });
        (self.rule.is_none() && self.truth.is_none()) || open.next().is_some()
    }
}
