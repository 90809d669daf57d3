//! The inventory on the wire.

use std::collections::BTreeMap;

use nines_api as api;
use nines_inventory::{Change, Inventory, Resource, Standard, Tally, Truth, Verdict, Verdicts, Waiver};
use nines_model::Timestamp;

use crate::{Collected, InventoryDesk};

pub fn tally(tally: &Tally) -> api::ComplianceTally {
    api::ComplianceTally {
        passed: tally.passed,
        failed: tally.failed,
        unknown: tally.unknown,
        waived: tally.waived,
        score: tally.score(),
    }
}

pub fn score(desk: &InventoryDesk) -> api::InventoryScore {
    let inventory = &desk.inventory;
    let report = inventory.report();
    let mut rules = standards(inventory);
    // What judges nothing here says nothing here.
    rules.retain(|rule| report.rules.contains_key(&rule.name));
    // One open door outweighs a few missing tags.
    let weight = |rule: &api::InventoryStandard| match rule.severity.as_str() {
        "critical" => 8,
        "high" => 4,
        "medium" => 2,
        _ => 1,
    };
    rules.sort_by_key(|rule| {
        std::cmp::Reverse((weight(rule) * rule.tally.failed, weight(rule) * rule.tally.unknown))
    });
    let groups = |found: &BTreeMap<String, Tally>| {
        let mut groups: Vec<_> = found
            .iter()
            .map(|(name, found)| api::ComplianceGroup { name: name.clone(), tally: tally(found) })
            .collect();
        let score = |group: &api::ComplianceGroup| group.tally.score.unwrap_or(f64::MAX);
        groups.sort_by(|a, b| score(a).total_cmp(&score(b)));
        groups
    };
    api::InventoryScore {
        total: tally(&report.total),
        resources: report.resources,
        rules,
        owners: groups(&report.owners),
        kinds: groups(&report.kinds),
        days: inventory
            .days()
            .iter()
            .map(|day| api::ComplianceDay { day: day.day.clone(), tally: tally(&day.total) })
            .collect(),
        listings: inventory
            .listings()
            .into_iter()
            .map(|listing| api::InventoryListing {
                provider: listing.provider,
                account: listing.account,
                region: listing.region,
                kind: listing.kind,
                tried_at: listing.tried_at.to_string(),
                complete_at: listing.complete_at.map(|at| at.to_string()),
                problem: listing.problem,
                count: listing.count,
            })
            .collect(),
        can_collect: desk.collector.is_some(),
    }
}

/// By name.
pub fn standards(inventory: &Inventory) -> Vec<api::InventoryStandard> {
    let report = inventory.report();
    let standards = inventory.standards();
    let rendered = standards.iter().map(|standard| api::InventoryStandard {
        name: standard.name.clone(),
        title: standard.title.clone(),
        severity: standard.severity.as_str().to_owned(),
        applies_to: standard.applies_to.clone(),
        why: standard.why.clone(),
        mend: standard.mend.clone(),
        link: standard.link.clone(),
        disabled: standard.is_disabled,
        yaml: inventory.own_standard(&standard.name),
        tally: tally(&report.rules.get(&standard.name).copied().unwrap_or_default()),
    });
    rendered.collect()
}

/// In a list: what did not pass, without the tree.
pub fn listed(resource: &Resource, verdicts: &Verdicts, standards: &[Standard]) -> api::InventoryResource {
    let mut rendered = self::resource(resource, verdicts, standards);
    rendered.attributes = None;
    rendered.verdicts.retain(|verdict| verdict.verdict != "passed");
    rendered
}

/// One resource with every verdict, the worst first.
pub fn resource(resource: &Resource, verdicts: &Verdicts, standards: &[Standard]) -> api::InventoryResource {
    let find = |name: &str| standards.iter().find(|standard| standard.name == name);
    let mut found: Vec<_> = verdicts
        .verdicts
        .iter()
        .filter_map(|verdict| find(&verdict.rule).map(|standard| (verdict, standard)))
        .collect();
    let rank = |verdict: &Verdict| match (verdict.truth, verdict.waiver.is_some()) {
        (Truth::False, false) => 0,
        (Truth::Unknown, false) => 1,
        (_, true) => 2,
        (Truth::True, false) => 3,
    };
    found.sort_by_key(|(verdict, standard)| (rank(verdict), std::cmp::Reverse(standard.severity)));
    let key = &resource.key;
    api::InventoryResource {
        key: key.to_string(),
        provider: key.provider.clone(),
        account: key.account.clone(),
        region: key.region.clone(),
        kind: key.kind.clone(),
        id: key.id.clone(),
        name: resource.name.clone(),
        owner: resource.owner().map(str::to_owned),
        tags: resource.tags.clone(),
        first_seen_at: resource.first_seen_at.to_string(),
        last_seen_at: resource.last_seen_at.to_string(),
        gone_at: resource.gone_at.map(|at| at.to_string()),
        tally: tally(&verdicts.tally),
        verdicts: found.into_iter().map(|(verdict, standard)| self::verdict(verdict, standard)).collect(),
        attributes: Some(resource.attributes.clone()),
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match (verdict.truth, &verdict.waiver) {
        (Truth::True, _) => "passed",
        (_, Some(_)) => "waived",
        (Truth::False, None) => "failed",
        (Truth::Unknown, None) => "unknown",
    }
}

fn verdict(verdict: &Verdict, standard: &Standard) -> api::InventoryVerdict {
    api::InventoryVerdict {
        rule: verdict.rule.clone(),
        title: standard.title.clone(),
        severity: standard.severity.as_str().to_owned(),
        verdict: word(verdict).to_owned(),
        because: verdict.because.clone(),
        why: standard.why.clone(),
        mend: standard.mend.clone(),
        link: standard.link.clone(),
        waiver: verdict.waiver.clone(),
    }
}

pub fn waiver(waiver: &Waiver, now: Timestamp) -> api::ComplianceWaiver {
    api::ComplianceWaiver {
        id: waiver.id.clone(),
        rule: waiver.rule.clone(),
        resource: waiver.scope.resource.clone(),
        kind: waiver.scope.kind.clone(),
        account: waiver.scope.account.clone(),
        owner_is: waiver.scope.owner.clone(),
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        asked_by: waiver.asked_by.clone(),
        asked_at: waiver.asked_at.to_string(),
        approved_by: waiver.approved_by.clone(),
        ends_at: waiver.ends_at.to_string(),
        state: waiver.state(now).as_str().to_owned(),
    }
}

pub fn taken(source: &str, taken: &[Collected], skipped: BTreeMap<String, usize>) -> api::InventoryTaken {
    let listings = taken.iter().map(|Collected { listing, merged }| api::InventoryTakenKind {
        account: listing.account.clone(),
        region: listing.region.clone(),
        kind: listing.kind.clone(),
        seen: listing.seen.len(),
        added: merged.count(Change::Added),
        changed: merged.count(Change::Changed),
        gone: merged.count(Change::Gone),
        problem: listing.incomplete.clone(),
    });
    api::InventoryTaken { source: source.to_owned(), listings: listings.collect(), skipped }
}

/// One line for the audit log.
pub fn told(taken: &api::InventoryTaken) -> String {
    let sum = |part: fn(&api::InventoryTakenKind) -> usize| taken.listings.iter().map(part).sum::<usize>();
    format!(
        "{}: {} seen, {} added, {} changed, {} gone",
        taken.source,
        sum(|one| one.seen),
        sum(|one| one.added),
        sum(|one| one.changed),
        sum(|one| one.gone)
    )
}

/// One line for each verdict of each resource.
pub fn csv(found: &[(Resource, Verdicts)], standards: &[Standard]) -> String {
    let mut text = "account,region,kind,id,name,owner,rule,severity,verdict,because\n".to_owned();
    for (resource, verdicts) in found {
        for verdict in &verdicts.verdicts {
            let standard = standards.iter().find(|standard| standard.name == verdict.rule);
            let key = &resource.key;
            let cells: [&str; 10] = [
                &key.account,
                &key.region,
                &key.kind,
                &key.id,
                &resource.name,
                resource.owner().unwrap_or_default(),
                &verdict.rule,
                standard.map_or("", |standard| standard.severity.as_str()),
                word(verdict),
                &verdict.because,
            ];
            let cells: Vec<_> = cells.iter().map(|cell| super::csv::cell(cell)).collect();
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    text
}
