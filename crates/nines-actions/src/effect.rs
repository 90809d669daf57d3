//! The changes that can be made, each with the question that shows whether it was made and the change that takes it
//! back. Pure: what an effect *means* is decided here, how it travels is a cloud's business.
//!
//! Every effect sets a state ("this instance runs"), never moves one ("one more instance"): so that looking can tell
//! whether it has happened, and a repeat after an answer that was lost can be avoided.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::seen::{Health, InstanceState, Query, Rule, Seen, Template};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    StartInstance { instance: String },
    StopInstance { instance: String },
    Register { group: String, instance: String },
    Deregister { group: String, instance: String },
    AddRule { listener: String, rule: Rule },
    DeleteRule { listener: String, rule: Rule },
    CreateTemplate { template: Template },
    DeleteTemplate { template: Template },
    SetDesired { group: String, desired: u32 },
    SetWeights { listener: String, weights: BTreeMap<String, u16> },
    RecordTerminated { instance: String, reason: String },
    ForgetTerminated { instance: String },
    Block { list: String, addresses: BTreeSet<String> },
    Unblock { list: String, addresses: BTreeSet<String> },
}

/// How far an effect has come, as far as a look can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Not visible. It may still become so, if it was asked for a moment ago.
    Absent,
    /// Visible and under way: asking again would be a second effect.
    Applied,
    Met,
    /// Cannot come about from here.
    Impossible(String),
}

use Standing::{Absent, Applied, Impossible, Met};

impl Effect {
    /// What to look at to know the standing.
    pub fn query(&self) -> Query {
        match self {
            Self::StartInstance { instance } | Self::StopInstance { instance } => {
                Query::Instance { instance: instance.clone() }
            }
            Self::Register { group, .. } | Self::Deregister { group, .. } => {
                Query::Targets { group: group.clone() }
            }
            Self::AddRule { listener, .. } | Self::DeleteRule { listener, .. } => {
                Query::Rules { listener: listener.clone() }
            }
            Self::CreateTemplate { .. } | Self::DeleteTemplate { .. } => Query::Templates,
            Self::SetDesired { group, .. } => Query::ScalingGroup { group: group.clone() },
            Self::SetWeights { listener, .. } => Query::Weights { listener: listener.clone() },
            Self::RecordTerminated { instance, .. } | Self::ForgetTerminated { instance } => {
                Query::Terminated { instance: instance.clone() }
            }
            Self::Block { list, .. } | Self::Unblock { list, .. } => Query::BlockList { list: list.clone() },
        }
    }

    pub fn standing(&self, seen: &Seen) -> Standing {
        match (self, seen) {
            (Self::StartInstance { instance }, Seen::Instance { state, .. }) => match state {
                InstanceState::Running => Met,
                InstanceState::Pending => Applied,
                InstanceState::Stopped | InstanceState::Stopping => Absent,
                InstanceState::ShuttingDown | InstanceState::Terminated => gone(instance, *state),
            },
            (Self::StopInstance { instance }, Seen::Instance { state, .. }) => match state {
                InstanceState::Stopped => Met,
                InstanceState::Stopping => Applied,
                InstanceState::Running | InstanceState::Pending => Absent,
                InstanceState::ShuttingDown | InstanceState::Terminated => gone(instance, *state),
            },
            (Self::Register { instance, .. }, Seen::Targets { health }) => match health.get(instance) {
                None | Some(Health::Draining) => Absent,
                Some(_) => Met,
            },
            (Self::Deregister { instance, .. }, Seen::Targets { health }) => match health.get(instance) {
                None | Some(Health::Draining) => Met,
                Some(_) => Absent,
            },
            (Self::AddRule { rule, .. }, Seen::Rules { rules }) => match at_priority(rules, rule.priority) {
                None => Absent,
                Some(found) if found == rule => Met,
                Some(_) => Impossible(format!("priority {} is in use by another rule", rule.priority)),
            },
            (Self::DeleteRule { rule, .. }, Seen::Rules { rules }) => {
                if at_priority(rules, rule.priority) == Some(rule) { Absent } else { Met }
            }
            (Self::CreateTemplate { template }, Seen::Templates { templates }) => {
                match templates.iter().find(|found| found.name == template.name) {
                    None => Absent,
                    Some(found) if found == template => Met,
                    Some(_) => Impossible(format!(
                        "launch template `{}` exists with another content: choose another name",
                        template.name
                    )),
                }
            }
            (Self::DeleteTemplate { template }, Seen::Templates { templates }) => {
                if templates.iter().any(|found| found.name == template.name) { Absent } else { Met }
            }
            (Self::SetDesired { group, desired }, Seen::ScalingGroup { min, max, desired: found, .. }) => {
                if found == desired {
                    Met
                } else if !(min..=max).contains(&desired) {
                    Impossible(format!(
                        "scaling group `{group}` takes {min} to {max} machines, not {desired}"
                    ))
                } else {
                    Absent
                }
            }
            (Self::SetWeights { weights, .. }, Seen::Weights { weights: found }) => met_if(weights == found),
            (Self::RecordTerminated { .. }, Seen::Terminated { .. }) => Met,
            (Self::RecordTerminated { .. }, Seen::Missing) => Absent,
            (Self::ForgetTerminated { .. }, Seen::Terminated { .. }) => Absent,
            (Self::ForgetTerminated { .. }, Seen::Missing) => Met,
            (Self::Block { addresses, .. }, Seen::BlockList { addresses: found }) => {
                met_if(addresses.is_subset(found))
            }
            (Self::Unblock { addresses, .. }, Seen::BlockList { addresses: found }) => {
                met_if(addresses.is_disjoint(found))
            }
            (_, Seen::Missing) => Impossible(format!("there is no {}", self.query().subject())),
            (_, other) => {
                Impossible(format!("the provider answered {other:?} about {}", self.query().subject()))
            }
        }
    }

    /// What takes this back, given what was seen before it. `None`: there was nothing to change.
    pub fn inverse(&self, before: &Seen) -> Option<Self> {
        if self.standing(before) == Met {
            return None;
        }
        Some(match self.clone() {
            Self::StartInstance { instance } => Self::StopInstance { instance },
            Self::StopInstance { instance } => Self::StartInstance { instance },
            Self::Register { group, instance } => Self::Deregister { group, instance },
            Self::Deregister { group, instance } => Self::Register { group, instance },
            Self::AddRule { listener, rule } => Self::DeleteRule { listener, rule },
            Self::DeleteRule { listener, rule } => Self::AddRule { listener, rule },
            Self::CreateTemplate { template } => Self::DeleteTemplate { template },
            Self::DeleteTemplate { template } => Self::CreateTemplate { template },
            Self::SetDesired { group, .. } => match before {
                Seen::ScalingGroup { desired, .. } => Self::SetDesired { group, desired: *desired },
                _ => return None,
            },
            Self::SetWeights { listener, .. } => match before {
                Seen::Weights { weights } => Self::SetWeights { listener, weights: weights.clone() },
                _ => return None,
            },
            Self::RecordTerminated { instance, .. } => Self::ForgetTerminated { instance },
            Self::ForgetTerminated { instance } => match before {
                Seen::Terminated { reason } => Self::RecordTerminated { instance, reason: reason.clone() },
                _ => return None,
            },
            // Only what was not there before may be taken out again.
            Self::Block { list, addresses } => match before {
                Seen::BlockList { addresses: found } => Self::Unblock { list, addresses: &addresses - found },
                _ => return None,
            },
            Self::Unblock { list, addresses } => match before {
                Seen::BlockList { addresses: found } => Self::Block { list, addresses: &addresses & found },
                _ => return None,
            },
        })
    }

    /// The part of an answer that this effect depends on: what is stored before it, and what a plan is bound to.
    pub fn focus(&self, seen: Seen) -> Seen {
        match (self, seen) {
            (
                Self::Register { instance, .. } | Self::Deregister { instance, .. },
                Seen::Targets { mut health },
            ) => {
                health.retain(|id, _| id == instance);
                Seen::Targets { health }
            }
            (Self::AddRule { rule, .. } | Self::DeleteRule { rule, .. }, Seen::Rules { mut rules }) => {
                rules.retain(|found| found.priority == rule.priority);
                Seen::Rules { rules }
            }
            (
                Self::CreateTemplate { template } | Self::DeleteTemplate { template },
                Seen::Templates { mut templates },
            ) => {
                templates.retain(|found| found.name == template.name);
                Seen::Templates { templates }
            }
            // Which machines a scaling group has changes by itself.
            (_, Seen::ScalingGroup { min, max, desired, .. }) => {
                Seen::ScalingGroup { min, max, desired, instances: BTreeSet::new() }
            }
            (
                Self::Block { addresses, .. } | Self::Unblock { addresses, .. },
                Seen::BlockList { addresses: found },
            ) => Seen::BlockList { addresses: &found & addresses },
            (_, seen) => seen,
        }
    }

    /// Whether the world has moved between the plan and now in a way that this effect would silently overwrite.
    pub fn has_drifted(&self, planned: &Seen, now: &Seen) -> bool {
        matches!(self, Self::SetDesired { .. } | Self::SetWeights { .. }) && planned != now
    }

    /// The keys that no two runs may hold at a time.
    pub fn target_keys(&self) -> Vec<String> {
        match self {
            Self::Register { instance, .. } | Self::Deregister { instance, .. } => {
                vec![format!("instance/{instance}")]
            }
            Self::AddRule { listener, rule } | Self::DeleteRule { listener, rule } => {
                vec![format!("listener/{listener}/rules/{}", rule.priority)]
            }
            Self::CreateTemplate { template } | Self::DeleteTemplate { template } => {
                vec![format!("launch-template/{}", template.name)]
            }
            other => vec![other.query().subject()],
        }
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        match self {
            Self::StartInstance { instance } => format!("start instance {instance}"),
            Self::StopInstance { instance } => format!("stop instance {instance}"),
            Self::Register { group, instance } => format!("register {instance} in {}", short(group)),
            Self::Deregister { group, instance } => format!("deregister {instance} from {}", short(group)),
            Self::AddRule { listener, rule } => {
                format!("add rule {} on {}: {}", rule.priority, short(listener), rule.describe())
            }
            Self::DeleteRule { listener, rule } => {
                format!("delete rule {} on {}", rule.priority, short(listener))
            }
            Self::CreateTemplate { template } => format!("create launch template {}", template.name),
            Self::DeleteTemplate { template } => format!("delete launch template {}", template.name),
            Self::SetDesired { group, desired } => {
                format!("set the desired capacity of {group} to {desired}")
            }
            Self::SetWeights { listener, weights } => {
                let shares: Vec<_> =
                    weights.iter().map(|(group, weight)| format!("{} {weight}", short(group))).collect();
                format!("set the weights of {} to {}", short(listener), shares.join(", "))
            }
            Self::RecordTerminated { instance, .. } => format!("record that {instance} was terminated"),
            Self::ForgetTerminated { instance } => format!("remove the record of {instance}"),
            Self::Block { list, addresses } => format!("block {} in {list}", joined(addresses)),
            Self::Unblock { list, addresses } => format!("unblock {} in {list}", joined(addresses)),
        }
    }
}

impl Rule {
    fn describe(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.host.as_ref().map(|host| format!("host {host}")));
        if !self.source_ips.is_empty() {
            parts.push(format!("from {}", joined(&self.source_ips)));
        }
        format!("{} to {}", parts.join(" and "), short(&self.forward_to))
    }
}

fn met_if(met: bool) -> Standing {
    if met { Met } else { Absent }
}

fn gone(instance: &str, state: InstanceState) -> Standing {
    Impossible(format!("instance {instance} is {}", state.as_str()))
}

fn at_priority(rules: &[Rule], priority: u16) -> Option<&Rule> {
    rules.iter().find(|rule| rule.priority == priority)
}

/// The name in an ARN: `…:targetgroup/shop/73e2d6bc24d8a067` is `shop`.
pub(crate) fn short(name: &str) -> &str {
    let Some(resource) = name.strip_prefix("arn:").and_then(|rest| rest.splitn(5, ':').last()) else {
        return name;
    };
    let mut parts = resource.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("listener"), Some(_), Some(balancer)) => balancer,
        (Some(_), Some(name), _) => name,
        _ => resource,
    }
}

fn joined(set: &BTreeSet<String>) -> String {
    const SHOWN_MAX: usize = 5;
    let shown: Vec<_> = set.iter().take(SHOWN_MAX).map(String::as_str).collect();
    let more = set.len().saturating_sub(SHOWN_MAX);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(state: InstanceState) -> Seen {
        Seen::Instance { state, checks: crate::seen::Checks::Unknown, zone: "a".to_owned() }
    }

    #[test]
    fn an_effect_that_was_met_before_has_nothing_to_take_back() {
        let start = Effect::StartInstance { instance: "i-1".to_owned() };
        assert_eq!(start.inverse(&instance(InstanceState::Running)), None);
        let stop = Effect::StopInstance { instance: "i-1".to_owned() };
        assert_eq!(start.inverse(&instance(InstanceState::Stopped)), Some(stop));
    }

    #[test]
    fn only_the_addresses_that_a_run_added_are_taken_out_again() {
        let set = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
        let block = Effect::Block { list: "bad".to_owned(), addresses: set(&["1.1.1.1/32", "2.2.2.2/32"]) };
        let before = Seen::BlockList { addresses: set(&["1.1.1.1/32", "9.9.9.9/32"]) };
        let expected = Effect::Unblock { list: "bad".to_owned(), addresses: set(&["2.2.2.2/32"]) };
        assert_eq!(block.inverse(&block.focus(before)), Some(expected));
    }

    #[test]
    fn capacity_outside_the_bounds_is_impossible_and_drift_is_told() {
        let seen = |desired| Seen::ScalingGroup { min: 1, max: 4, desired, instances: BTreeSet::new() };
        let set = |desired| Effect::SetDesired { group: "web".to_owned(), desired };
        assert_eq!(set(3).standing(&seen(2)), Standing::Absent);
        assert!(matches!(set(5).standing(&seen(2)), Standing::Impossible(why) if why.contains("1 to 4")));
        assert!(set(3).has_drifted(&seen(2), &seen(4)) && !set(3).has_drifted(&seen(2), &seen(2)));
    }

    #[test]
    fn names_in_arns_are_short() {
        let arn = "arn:aws:elasticloadbalancing:ap-northeast-1:1:targetgroup/shop/73e2";
        assert_eq!(short(arn), "shop");
        assert_eq!(short("arn:aws:elasticloadbalancing:r:1:listener/app/front/50dc/f2f7"), "front");
        assert_eq!(short("shop"), "shop");
    }
}
