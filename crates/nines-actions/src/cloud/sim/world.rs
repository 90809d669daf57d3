use std::collections::{BTreeMap, BTreeSet};

use nines_base::Random;
use nines_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::SimConfig;
use super::history::History;
use crate::cloud::CloudError;
use crate::effect::Effect;
use crate::format::nanos;
use crate::inventory::{
    BlockListItem, InstanceItem, Inventory, ListenerItem, ScalingGroupItem, TargetGroupItem,
};
use crate::seen::{Checks, Health, InstanceState, Query, Rule, Seen, Template};

/// Changes that are remembered, for people who look at the simulation and for tests.
pub const LEDGER_MAX: usize = 10_000;
/// Machines of the simulated cloud: a demo has a dozen.
const INSTANCES_MAX: usize = 1_000;

/// Everything in the simulated cloud, as it was, is, and is already decided to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct World {
    instances: BTreeMap<String, Instance>,
    groups: BTreeMap<String, BTreeMap<String, History<Phase>>>,
    listeners: BTreeMap<String, Listener>,
    templates: Option<History<Vec<Template>>>,
    scaling: BTreeMap<String, Scaling>,
    terminated: BTreeMap<String, History<Option<String>>>,
    lists: BTreeMap<String, History<BTreeSet<String>>>,
    /// Requests still on their way.
    late: Vec<Late>,
    ledger: Vec<LedgerEntry>,
}

/// One change that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    #[serde(with = "nanos")]
    pub at: Timestamp,
    pub id: String,
    pub effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Instance {
    zone: String,
    /// Empty for one that nobody has named.
    #[serde(default)]
    name: String,
    state: History<InstanceState>,
    /// It boots, but never passes its checks.
    is_broken: bool,
}

/// Where a target is in its group; absent means never registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Absent,
    Registered,
    Draining,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Listener {
    rules: History<Vec<Rule>>,
    weights: History<BTreeMap<String, u16>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Scaling {
    min: u32,
    max: u32,
    group: Option<String>,
    desired: History<u32>,
    members: History<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Late {
    #[serde(with = "nanos")]
    due: Timestamp,
    id: String,
    effect: Effect,
}

impl World {
    /// A small shop: blue with three machines in service and one off, green with two off, a listener that sends all to
    /// blue, a scaling group, a block list.
    pub fn demo() -> Self {
        let mut world = Self::default();
        for number in 1..=6_u32 {
            let state = if number <= 3 { InstanceState::Running } else { InstanceState::Stopped };
            let id = format!("i-{number:017x}");
            world.add_instance(&id, state);
            world.name_instance(&id, &format!("shop-web-{number}"));
        }
        for group in ["shop-blue", "shop-green", "quarantine"] {
            world.add_group(group);
        }
        for number in 1..=3_u32 {
            world.add_target("shop-blue", &format!("i-{number:017x}"));
        }
        world.add_listener("shop", &[("shop-blue", 100), ("shop-green", 0)]);
        world.add_scaling_group("shop-web", 1, 8, None, &[]);
        world.add_block_list("blocked");
        world
    }

    pub fn add_instance(&mut self, id: &str, state: InstanceState) {
        let zone = format!("simulated-{}", if self.instances.len().is_multiple_of(2) { "a" } else { "b" });
        let instance = Instance { zone, name: String::new(), state: History::new(state), is_broken: false };
        self.instances.insert(id.to_owned(), instance);
    }

    pub fn name_instance(&mut self, id: &str, name: &str) {
        if let Some(instance) = self.instances.get_mut(id) {
            name.clone_into(&mut instance.name);
        }
    }

    /// The machine boots from now on without ever passing its checks.
    pub fn break_instance(&mut self, id: &str) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.is_broken = true;
        }
    }

    pub fn add_group(&mut self, name: &str) {
        self.groups.entry(name.to_owned()).or_default();
    }

    pub fn add_target(&mut self, group: &str, instance: &str) {
        let targets = self.groups.entry(group.to_owned()).or_default();
        targets.insert(instance.to_owned(), History::new(Phase::Registered));
    }

    pub fn add_listener(&mut self, name: &str, weights: &[(&str, u16)]) {
        let weights = weights.iter().map(|(group, weight)| ((*group).to_owned(), *weight)).collect();
        let listener = Listener { rules: History::new(Vec::new()), weights: History::new(weights) };
        self.listeners.insert(name.to_owned(), listener);
    }

    pub fn add_scaling_group(
        &mut self,
        name: &str,
        min: u32,
        max: u32,
        group: Option<&str>,
        members: &[&str],
    ) {
        let members: Vec<_> = members.iter().map(|id| (*id).to_owned()).collect();
        let desired = u32::try_from(members.len()).unwrap_or(u32::MAX).max(min);
        let scaling = Scaling {
            min,
            max,
            group: group.map(str::to_owned),
            desired: History::new(desired),
            members: History::new(members),
        };
        self.scaling.insert(name.to_owned(), scaling);
    }

    pub fn add_block_list(&mut self, name: &str) {
        self.lists.insert(name.to_owned(), History::new(BTreeSet::new()));
    }

    pub fn ledger(&self) -> &[LedgerEntry] {
        &self.ledger
    }

    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).expect("a world always prints")
    }

    pub(super) fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("the simulated cloud cannot be read: {error}"))
    }

    pub(super) fn arrive_later(&mut self, due: Timestamp, id: &str, effect: &Effect) {
        self.late.push(Late { due, id: id.to_owned(), effect: effect.clone() });
    }

    /// Carries out the requests that have arrived by now.
    pub(super) fn settle(&mut self, now: Timestamp, config: &SimConfig, random: &Random) {
        self.late.sort_by_key(|late| late.due);
        while self.late.first().is_some_and(|late| late.due <= now) {
            let late = self.late.remove(0);
            // Nobody hears the answer.
            let _ = self.change(&late.id, &late.effect, late.due, config, random);
        }
    }

    pub(super) fn look(&self, query: &Query, at: Timestamp, config: &SimConfig) -> Seen {
        match query {
            Query::Instance { instance } => self.instance(instance, at, config).unwrap_or(Seen::Missing),
            Query::Targets { group } => self.targets(group, at, config).unwrap_or(Seen::Missing),
            Query::Rules { listener } => match self.listeners.get(listener) {
                Some(listener) => Seen::Rules { rules: listener.rules.at(at).clone() },
                None => Seen::Missing,
            },
            Query::Weights { listener } => match self.listeners.get(listener) {
                Some(listener) => Seen::Weights { weights: listener.weights.at(at).clone() },
                None => Seen::Missing,
            },
            Query::Templates => {
                let templates = self.templates.as_ref().map(|all| all.at(at).clone()).unwrap_or_default();
                Seen::Templates { templates }
            }
            Query::ScalingGroup { group } => match self.scaling.get(group) {
                Some(scaling) => Seen::ScalingGroup {
                    min: scaling.min,
                    max: scaling.max,
                    desired: *scaling.desired.at(at),
                    instances: scaling.members.at(at).iter().cloned().collect(),
                },
                None => Seen::Missing,
            },
            Query::Terminated { instance } => {
                match self.terminated.get(instance).and_then(|record| record.at(at).clone()) {
                    Some(reason) => Seen::Terminated { reason },
                    None => Seen::Missing,
                }
            }
            Query::BlockList { list } => match self.lists.get(list) {
                Some(list) => Seen::BlockList { addresses: list.at(at).clone() },
                None => Seen::Missing,
            },
        }
    }

    /// As it is now, without lag; machines that have ended are left out.
    pub(super) fn inventory(&self, now: Timestamp, config: &SimConfig) -> Inventory {
        let named = |id: &String, name: &String| if name.is_empty() { id.clone() } else { name.clone() };
        let instances = self.instances.iter().map(|(id, instance)| InstanceItem {
            id: id.clone(),
            name: named(id, &instance.name),
            state: *instance.state.at(now),
            zone: instance.zone.clone(),
        });
        let target_groups = self.groups.keys().map(|name| TargetGroupItem {
            id: name.clone(),
            name: name.clone(),
            health: match self.targets(name, now, config) {
                Some(Seen::Targets { health }) => health,
                _ => BTreeMap::new(),
            },
        });
        let listeners = self.listeners.iter().map(|(name, listener)| ListenerItem {
            id: name.clone(),
            name: name.clone(),
            weights: listener.weights.at(now).clone(),
        });
        let scaling_groups = self.scaling.iter().map(|(name, scaling)| ScalingGroupItem {
            name: name.clone(),
            min: scaling.min,
            max: scaling.max,
            desired: *scaling.desired.at(now),
            instances: scaling.members.at(now).len(),
        });
        let templates = self.templates.as_ref().map(|all| all.at(now).clone()).unwrap_or_default();
        let block_lists = self
            .lists
            .iter()
            .map(|(name, list)| BlockListItem { name: name.clone(), addresses: Some(list.at(now).len()) });
        Inventory {
            instances: instances.filter(|item| item.state != InstanceState::Terminated).collect(),
            target_groups: target_groups.collect(),
            listeners: listeners.collect(),
            scaling_groups: scaling_groups.collect(),
            templates: templates.into_iter().map(|template| template.name).collect(),
            block_lists: block_lists.collect(),
            is_partial: false,
        }
    }

    fn instance(&self, id: &str, at: Timestamp, config: &SimConfig) -> Option<Seen> {
        let instance = self.instances.get(id)?;
        let state = *instance.state.at(at);
        let checks = match state {
            InstanceState::Running if instance.is_broken => Checks::Impaired,
            InstanceState::Running if is_past(at, instance.state.since(at), config.checks) => Checks::Ok,
            InstanceState::Running => Checks::Initializing,
            _ => Checks::Unknown,
        };
        Some(Seen::Instance { state, checks, zone: instance.zone.clone() })
    }

    fn targets(&self, group: &str, at: Timestamp, config: &SimConfig) -> Option<Seen> {
        let mut health = BTreeMap::new();
        for (id, phase) in self.groups.get(group)? {
            let now = match phase.at(at) {
                Phase::Absent => continue,
                Phase::Draining => Health::Draining,
                Phase::Registered => self.health(id, phase.since(at), at, config),
            };
            health.insert(id.clone(), now);
        }
        Some(Seen::Targets { health })
    }

    fn health(&self, id: &str, registered: Timestamp, at: Timestamp, config: &SimConfig) -> Health {
        let Some(instance) = self.instances.get(id) else { return Health::Unused };
        match instance.state.at(at) {
            InstanceState::Running if instance.is_broken => Health::Unhealthy,
            InstanceState::Running => {
                let ready = instance.state.since(at).max(registered);
                if is_past(at, ready, config.warm_up) { Health::Healthy } else { Health::Initial }
            }
            InstanceState::Pending => Health::Unhealthy,
            _ => Health::Unused,
        }
    }

    /// Carries a request out, as a provider would: again, if it is asked again.
    pub(super) fn change(
        &mut self,
        id: &str,
        effect: &Effect,
        now: Timestamp,
        config: &SimConfig,
        random: &Random,
    ) -> Result<(), CloudError> {
        let operation = effect.describe();
        self.carry_out(effect, now, config, random).map_err(|no| match no {
            No::NotNow(reason) => CloudError::NotNow { operation, reason },
            No::Never(reason) => CloudError::Refused { operation, reason },
        })?;
        if self.ledger.len() == LEDGER_MAX {
            self.ledger.remove(0);
        }
        self.ledger.push(LedgerEntry { at: now, id: id.to_owned(), effect: effect.clone() });
        Ok(())
    }

    fn carry_out(
        &mut self,
        effect: &Effect,
        now: Timestamp,
        config: &SimConfig,
        random: &Random,
    ) -> Result<(), No> {
        match effect {
            Effect::StartInstance { instance } => self.power(instance, true, now, config),
            Effect::StopInstance { instance } => self.power(instance, false, now, config),
            Effect::Register { group, instance } => {
                if !self.instances.contains_key(instance) {
                    return Err(No::Never(format!("InvalidTarget: there is no instance `{instance}`")));
                }
                let targets = known(&mut self.groups, group, "TargetGroupNotFound")?;
                let phase = targets.entry(instance.clone()).or_insert_with(|| History::new(Phase::Absent));
                if *phase.at(now) != Phase::Registered {
                    phase.set(now, Phase::Registered);
                }
                Ok(())
            }
            Effect::Deregister { group, instance } => {
                let targets = known(&mut self.groups, group, "TargetGroupNotFound")?;
                if let Some(phase) = targets.get_mut(instance)
                    && *phase.at(now) == Phase::Registered
                {
                    phase.set(now, Phase::Draining);
                    phase.then(now + config.deregistration_delay, Phase::Absent);
                }
                Ok(())
            }
            Effect::AddRule { listener, rule } => {
                let rules = &mut known(&mut self.listeners, listener, "ListenerNotFound")?.rules;
                let mut next = rules.at(now).clone();
                if next.iter().any(|known| known.priority == rule.priority) {
                    return Err(No::Never(format!("PriorityInUse: {}", rule.priority)));
                }
                next.push(rule.clone());
                next.sort_by_key(|rule| rule.priority);
                rules.set(now, next);
                Ok(())
            }
            Effect::DeleteRule { listener, rule } => {
                let rules = &mut known(&mut self.listeners, listener, "ListenerNotFound")?.rules;
                let mut next = rules.at(now).clone();
                next.retain(|known| known != rule);
                rules.set(now, next);
                Ok(())
            }
            Effect::CreateTemplate { template } => {
                let templates = self.templates.get_or_insert_with(|| History::new(Vec::new()));
                let mut next = templates.at(now).clone();
                if next.iter().any(|known| known.name == template.name) {
                    return Err(No::Never(format!("AlreadyExists: {}", template.name)));
                }
                next.push(template.clone());
                templates.set(now, next);
                Ok(())
            }
            Effect::DeleteTemplate { template } => {
                let templates = self.templates.get_or_insert_with(|| History::new(Vec::new()));
                let mut next = templates.at(now).clone();
                next.retain(|known| known.name != template.name);
                templates.set(now, next);
                Ok(())
            }
            Effect::SetDesired { group, desired } => self.scale(group, *desired, now, config, random),
            Effect::SetWeights { listener, weights } => {
                known(&mut self.listeners, listener, "ListenerNotFound")?.weights.set(now, weights.clone());
                Ok(())
            }
            Effect::RecordTerminated { instance, reason } => {
                self.record(instance).set(now, Some(reason.clone()));
                Ok(())
            }
            Effect::ForgetTerminated { instance } => {
                self.record(instance).set(now, None);
                Ok(())
            }
            Effect::Block { list, addresses } => {
                let list = known(&mut self.lists, list, "WAFNonexistentItem")?;
                let next = list.at(now) | addresses;
                list.set(now, next);
                Ok(())
            }
            Effect::Unblock { list, addresses } => {
                let list = known(&mut self.lists, list, "WAFNonexistentItem")?;
                let next = list.at(now) - addresses;
                list.set(now, next);
                Ok(())
            }
        }
    }

    fn power(&mut self, id: &str, on: bool, now: Timestamp, config: &SimConfig) -> Result<(), No> {
        let instance = known(&mut self.instances, id, "InvalidInstanceID.NotFound")?;
        let state = *instance.state.at(now);
        match (on, state) {
            (true, InstanceState::Stopped) => {
                instance.state.set(now, InstanceState::Pending);
                instance.state.then(now + config.boot, InstanceState::Running);
            }
            (false, InstanceState::Running) => {
                instance.state.set(now, InstanceState::Stopping);
                instance.state.then(now + config.shutdown, InstanceState::Stopped);
            }
            (true, InstanceState::Pending | InstanceState::Running)
            | (false, InstanceState::Stopping | InstanceState::Stopped) => {}
            (_, InstanceState::ShuttingDown | InstanceState::Terminated) => {
                return Err(No::Never(format!("IncorrectInstanceState: {}", state.as_str())));
            }
            (true, InstanceState::Stopping) | (false, InstanceState::Pending) => {
                return Err(No::NotNow(format!("IncorrectInstanceState: {}", state.as_str())));
            }
        }
        Ok(())
    }

    fn scale(
        &mut self,
        name: &str,
        desired: u32,
        now: Timestamp,
        config: &SimConfig,
        random: &Random,
    ) -> Result<(), No> {
        let full = self.instances.len();
        let scaling = known(&mut self.scaling, name, "ValidationError")?;
        if !(scaling.min..=scaling.max).contains(&desired) {
            let bounds = format!("{} to {}", scaling.min, scaling.max);
            return Err(No::Never(format!("ValidationError: desired capacity {desired} is not in {bounds}")));
        }
        let mut members = scaling.members.at(now).clone();
        let group = scaling.group.clone();
        let (mut made, mut ended) = (Vec::new(), Vec::new());
        while members.len() < desired as usize {
            if full + made.len() >= INSTANCES_MAX {
                return Err(No::Never(format!("InstanceLimitExceeded: {INSTANCES_MAX}")));
            }
            let id = format!("i-{:017x}", (u128::from(random.next_u64()) << 4) & 0xf_ffff_ffff_ffff_ffff);
            members.push(id.clone());
            made.push(id);
        }
        while members.len() > desired as usize {
            ended.extend(members.pop());
        }
        scaling.desired.set(now, desired);
        scaling.members.set(now, members);
        for id in made {
            self.add_instance(&id, InstanceState::Stopped);
            self.power(&id, true, now, config)?;
            if let Some(group) = &group {
                let targets = self.groups.entry(group.clone()).or_default();
                let phase = targets.entry(id).or_insert_with(|| History::new(Phase::Absent));
                phase.set(now, Phase::Registered);
            }
        }
        for id in ended {
            if let Some(instance) = self.instances.get_mut(&id) {
                instance.state.set(now, InstanceState::ShuttingDown);
                instance.state.then(now + config.shutdown, InstanceState::Terminated);
            }
            for phase in self.groups.values_mut().filter_map(|targets| targets.get_mut(&id)) {
                phase.set(now, Phase::Absent);
            }
        }
        Ok(())
    }

    fn record(&mut self, instance: &str) -> &mut History<Option<String>> {
        self.terminated.entry(instance.to_owned()).or_insert_with(|| History::new(None))
    }
}

enum No {
    NotNow(String),
    Never(String),
}

fn known<'a, T>(all: &'a mut BTreeMap<String, T>, name: &str, code: &str) -> Result<&'a mut T, No> {
    all.get_mut(name).ok_or_else(|| No::Never(format!("{code}: {name}")))
}

fn is_past(at: Timestamp, since: Timestamp, duration: std::time::Duration) -> bool {
    at >= since + duration
}
