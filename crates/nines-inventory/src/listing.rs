//! What a provider answered, and what follows for what is kept.

use std::collections::{BTreeMap, BTreeSet};

use nines_model::Timestamp;
use serde_json::Value;

use crate::resource::{Resource, ResourceKey};

/// A resource as somebody saw it just now.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub key: ResourceKey,
    pub name: String,
    pub tags: BTreeMap<String, String>,
    pub attributes: Value,
}

/// The answer to "every thing of this kind, in this account and region".
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    pub provider: String,
    pub account: String,
    pub region: String,
    pub kind: String,
    pub seen: Vec<Seen>,
    /// Why it is not whole: refused, throttled to the end, or more than fits. Then nothing is gone by it.
    pub incomplete: Option<String>,
}

/// What is known of a kind in an account: when it was last asked for, and whether it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingState {
    pub provider: String,
    pub account: String,
    pub region: String,
    pub kind: String,
    pub tried_at: Timestamp,
    /// The last time that it was whole.
    pub complete_at: Option<Timestamp>,
    /// Why it was not whole the last time.
    pub problem: Option<String>,
    pub count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Changed,
    Gone,
    /// Seen again as it was.
    Same,
}

/// What is to be kept after a listing.
#[derive(Debug, Default)]
pub struct Merged {
    pub resources: Vec<(Change, Resource)>,
}

impl Merged {
    pub fn count(&self, wanted: Change) -> usize {
        self.resources.iter().filter(|(change, _)| *change == wanted).count()
    }
}

/// Lays what was seen over what is kept. `known` is asked for a resource by its key; `kept` are the resources of the
/// listing's kind, account and region, which a complete listing may declare gone.
pub fn merge<'a>(
    listing: &Listing,
    known: impl Fn(&ResourceKey) -> Option<&'a Resource>,
    kept: impl Iterator<Item = &'a Resource>,
    now: Timestamp,
) -> Merged {
    let mut merged = Merged::default();
    let mut met = BTreeSet::new();
    for seen in &listing.seen {
        // A page that shifted while it was read names a thing twice.
        if !met.insert(&seen.key) {
            continue;
        }
        let before = known(&seen.key);
        let resource = Resource {
            key: seen.key.clone(),
            name: seen.name.clone(),
            tags: seen.tags.clone(),
            attributes: seen.attributes.clone(),
            first_seen_at: before.map_or(now, |before| before.first_seen_at),
            last_seen_at: now,
            gone_at: None,
        };
        let change = match before {
            None => Change::Added,
            Some(before)
                if before.gone_at.is_none()
                    && before.name == resource.name
                    && before.tags == resource.tags
                    && before.attributes == resource.attributes =>
            {
                Change::Same
            }
            Some(_) => Change::Changed,
        };
        merged.resources.push((change, resource));
    }
    if listing.incomplete.is_none() {
        let absent = kept.filter(|resource| resource.gone_at.is_none() && !met.contains(&resource.key));
        merged.resources.extend(
            absent.map(|resource| (Change::Gone, Resource { gone_at: Some(now), ..resource.clone() })),
        );
    }
    merged
}
