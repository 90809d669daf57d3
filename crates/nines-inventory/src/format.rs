//! Persisted forms, tagged with their version.

use std::collections::BTreeMap;

use nines_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::InventoryError;
use crate::listing::ListingState;
use crate::report::{Day, Tally};
use crate::resource::{Resource, ResourceKey};
use crate::waiver::{Scope, Waiver};

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum Versions<T> {
    #[serde(rename = "1")]
    V1(T),
}

#[derive(Serialize, Deserialize)]
struct ResourceV1 {
    name: String,
    tags: BTreeMap<String, String>,
    attributes: Value,
    first_seen: i64,
    last_seen: i64,
    gone: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct WaiverV1 {
    rule: String,
    resource: Option<String>,
    kind: Option<String>,
    account: Option<String>,
    owner_is: Option<String>,
    reason: String,
    owner: String,
    asked_by: String,
    asked_by_people: Vec<String>,
    asked: i64,
    approved_by: Option<String>,
    ends: i64,
}

#[derive(Serialize, Deserialize)]
struct ListingV1 {
    tried: i64,
    complete: Option<i64>,
    problem: Option<String>,
    count: usize,
}

/// Passed, failed, unknown, waived.
type Counts = [u64; 4];

#[derive(Serialize, Deserialize)]
struct DayV1 {
    total: Counts,
    rules: BTreeMap<String, Counts>,
    owners: BTreeMap<String, Counts>,
    kinds: BTreeMap<String, Counts>,
}

fn write<T: Serialize>(value: T) -> Result<String, InventoryError> {
    serde_json::to_string(&Versions::V1(value)).map_err(|error| InventoryError::Format {
        what: "record of the inventory",
        reason: error.to_string(),
    })
}

fn read<'a, T: Deserialize<'a>>(what: &'static str, body: &'a str) -> Result<T, InventoryError> {
    let Versions::V1(value) = serde_json::from_str(body)
        .map_err(|error| InventoryError::Format { what, reason: error.to_string() })?;
    Ok(value)
}

pub fn encode_resource(resource: &Resource) -> Result<String, InventoryError> {
    write(ResourceV1 {
        name: resource.name.clone(),
        tags: resource.tags.clone(),
        attributes: resource.attributes.clone(),
        first_seen: resource.first_seen_at.as_nanos(),
        last_seen: resource.last_seen_at.as_nanos(),
        gone: resource.gone_at.map(Timestamp::as_nanos),
    })
}

pub fn decode_resource(key: &str, body: &str) -> Result<Resource, InventoryError> {
    let stored: ResourceV1 = read("resource", body)?;
    let reason = || format!("`{key}` is no key");
    let key = ResourceKey::parse(key)
        .ok_or_else(|| InventoryError::Format { what: "resource", reason: reason() })?;
    Ok(Resource {
        key,
        name: stored.name,
        tags: stored.tags,
        attributes: stored.attributes,
        first_seen_at: Timestamp::from_nanos(stored.first_seen),
        last_seen_at: Timestamp::from_nanos(stored.last_seen),
        gone_at: stored.gone.map(Timestamp::from_nanos),
    })
}

pub fn encode_waiver(waiver: &Waiver) -> Result<String, InventoryError> {
    write(WaiverV1 {
        rule: waiver.rule.clone(),
        resource: waiver.scope.resource.clone(),
        kind: waiver.scope.kind.clone(),
        account: waiver.scope.account.clone(),
        owner_is: waiver.scope.owner.clone(),
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        asked_by: waiver.asked_by.clone(),
        asked_by_people: waiver.asked_by_people.clone(),
        asked: waiver.asked_at.as_nanos(),
        approved_by: waiver.approved_by.clone(),
        ends: waiver.ends_at.as_nanos(),
    })
}

pub fn decode_waiver(id: &str, body: &str) -> Result<Waiver, InventoryError> {
    let stored: WaiverV1 = read("waiver", body)?;
    Ok(Waiver {
        id: id.to_owned(),
        rule: stored.rule,
        scope: Scope {
            resource: stored.resource,
            kind: stored.kind,
            account: stored.account,
            owner: stored.owner_is,
        },
        reason: stored.reason,
        owner: stored.owner,
        asked_by: stored.asked_by,
        asked_by_people: stored.asked_by_people,
        asked_at: Timestamp::from_nanos(stored.asked),
        approved_by: stored.approved_by,
        ends_at: Timestamp::from_nanos(stored.ends),
    })
}

pub fn encode_listing(state: &ListingState) -> Result<String, InventoryError> {
    write(ListingV1 {
        tried: state.tried_at.as_nanos(),
        complete: state.complete_at.map(Timestamp::as_nanos),
        problem: state.problem.clone(),
        count: state.count,
    })
}

/// `key` is provider, account, region and kind with slashes between them.
pub fn decode_listing(key: &str, body: &str) -> Result<ListingState, InventoryError> {
    let stored: ListingV1 = read("listing", body)?;
    let mut parts = key.splitn(4, '/').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    Ok(ListingState {
        provider: next(),
        account: next(),
        region: next(),
        kind: next(),
        tried_at: Timestamp::from_nanos(stored.tried),
        complete_at: stored.complete.map(Timestamp::from_nanos),
        problem: stored.problem,
        count: stored.count,
    })
}

pub fn encode_day(day: &Day) -> Result<String, InventoryError> {
    let all = |map: &BTreeMap<String, Tally>| {
        map.iter().map(|(name, tally)| (name.clone(), counts(tally))).collect()
    };
    write(DayV1 {
        total: counts(&day.total),
        rules: all(&day.rules),
        owners: all(&day.owners),
        kinds: all(&day.kinds),
    })
}

pub fn decode_day(day: &str, body: &str) -> Result<Day, InventoryError> {
    let stored: DayV1 = read("day of the score", body)?;
    let all =
        |map: BTreeMap<String, Counts>| map.into_iter().map(|(name, counts)| (name, tally(counts))).collect();
    Ok(Day {
        day: day.to_owned(),
        total: tally(stored.total),
        rules: all(stored.rules),
        owners: all(stored.owners),
        kinds: all(stored.kinds),
    })
}

fn counts(tally: &Tally) -> Counts {
    [tally.passed, tally.failed, tally.unknown, tally.waived]
}

fn tally([passed, failed, unknown, waived]: Counts) -> Tally {
    Tally { passed, failed, unknown, waived }
}
