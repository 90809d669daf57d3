//! The blast radius: what a plan touches, and how much a plan may touch.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ActionError;
use crate::effect::{Effect, short};
use crate::plan::Step;
use crate::seen::{Health, Query, Seen};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Radius {
    /// Machines that are changed.
    pub machines: BTreeSet<String>,
    pub groups: Vec<GroupImpact>,
    pub capacities: Vec<CapacityImpact>,
    /// Networks put on or taken off block lists.
    pub networks: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupImpact {
    pub group: String,
    /// Machines in the group now, whatever their health.
    pub registered: usize,
    pub healthy: usize,
    /// The fewest healthy machines at any moment of the plan, if every step goes well.
    pub healthy_min: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityImpact {
    pub group: String,
    pub from: u32,
    pub to: u32,
}

/// How much one plan may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// 10 by default: one rack's worth of machines, and what a person can read in a plan.
    pub machines_max: usize,
    /// Of the machines that are healthy now, the share that must stay so; 50 by default, and always at least one.
    pub healthy_percent_min: usize,
    /// Machines by which one step changes a scaling group; 20 by default.
    pub capacity_step_max: u32,
    /// The share of a scaling group that one step may take away; 50 by default.
    pub shrink_percent_max: u32,
    /// 500 by default.
    pub networks_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            machines_max: 10,
            healthy_percent_min: 50,
            capacity_step_max: 20,
            shrink_percent_max: 50,
            networks_max: 500,
        }
    }
}

impl Radius {
    pub(crate) fn of(steps: &[Step], seen: &BTreeMap<Query, Seen>) -> Self {
        let mut radius = Self::default();
        let mut groups: BTreeMap<&str, (BTreeSet<&str>, GroupImpact)> = BTreeMap::new();
        for effect in steps.iter().filter_map(Step::effect) {
            match effect {
                Effect::StartInstance { instance } | Effect::StopInstance { instance } => {
                    radius.machines.insert(instance.clone());
                }
                Effect::Register { group, instance } | Effect::Deregister { group, instance } => {
                    radius.machines.insert(instance.clone());
                    let (healthy, impact) = groups.entry(group).or_insert_with(|| group_now(group, seen));
                    if matches!(effect, Effect::Register { .. }) {
                        healthy.insert(instance);
                    } else {
                        healthy.remove(instance.as_str());
                    }
                    impact.healthy_min = impact.healthy_min.min(healthy.len());
                }
                Effect::SetDesired { group, desired } => {
                    let query = effect.query();
                    if let Some(Seen::ScalingGroup { desired: from, .. }) = seen.get(&query) {
                        let impact = CapacityImpact { group: group.clone(), from: *from, to: *desired };
                        radius.capacities.push(impact);
                    }
                }
                Effect::Block { addresses, .. } | Effect::Unblock { addresses, .. } => {
                    radius.networks += addresses.len();
                }
                _ => {}
            }
        }
        radius.groups = groups.into_values().map(|(_, impact)| impact).collect();
        radius
    }
}

fn group_now<'a>(group: &str, seen: &'a BTreeMap<Query, Seen>) -> (BTreeSet<&'a str>, GroupImpact) {
    let query = Query::Targets { group: group.to_owned() };
    let (healthy, registered) = match seen.get(&query) {
        Some(Seen::Targets { health }) => {
            let healthy = health.iter().filter(|(_, health)| **health == Health::Healthy);
            (healthy.map(|(instance, _)| instance.as_str()).collect::<BTreeSet<_>>(), health.len())
        }
        _ => (BTreeSet::new(), 0),
    };
    let count = healthy.len();
    (healthy, GroupImpact { group: group.to_owned(), registered, healthy: count, healthy_min: count })
}

impl Limits {
    pub(crate) fn check(&self, radius: &Radius) -> Result<(), ActionError> {
        let over = |reason: String| Err(ActionError::OverRadius { reason });
        if radius.machines.len() > self.machines_max {
            return over(format!(
                "the plan changes {} machines, more than the {} that one plan may",
                radius.machines.len(),
                self.machines_max
            ));
        }
        if radius.networks > self.networks_max {
            return over(format!(
                "the plan lists {} networks, more than the {} that one plan may",
                radius.networks, self.networks_max
            ));
        }
        for group in &radius.groups {
            let needed = (group.healthy * self.healthy_percent_min).div_ceil(100).max(1).min(group.healthy);
            if group.healthy_min < needed {
                return over(format!(
                    "`{}` would fall from {} healthy machines to {}, below the {needed} that must stay",
                    short(&group.group),
                    group.healthy,
                    group.healthy_min
                ));
            }
        }
        for capacity in &radius.capacities {
            let CapacityImpact { group, from, to } = capacity;
            let step = from.abs_diff(*to);
            let is_deep_cut =
                to < from && u64::from(step) * 100 > u64::from(*from) * u64::from(self.shrink_percent_max);
            if step > self.capacity_step_max || is_deep_cut {
                return over(format!(
                    "`{group}` would go from {from} to {to} machines, but one step is at most {} machines and {} % down",
                    self.capacity_step_max, self.shrink_percent_max
                ));
            }
        }
        Ok(())
    }
}
