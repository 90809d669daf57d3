//! The actions, as data: what each takes, who may call it, and the steps that it is made of.

use std::time::Duration;

use crate::effect::Effect;
use crate::error::nearest;
use crate::parameter::{ADDRESSES_MAX, Arguments, Kind, Parameter, RULE_SOURCES_MAX};
use crate::plan::{Draft, Wait};
use crate::seen::{Query, Rule, Template};
use crate::{ActionError, error};

/// In which of the three levels an interface is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Reads.
    Public,
    /// Changes that a key with the scope may make.
    Protected,
    /// For the infrastructure team.
    Private,
}

/// One action. Its name is stable: runs, audit entries and runbooks refer to it.
#[derive(Debug)]
pub struct Action {
    pub name: &'static str,
    pub summary: &'static str,
    pub level: Level,
    /// Whether somebody other than the author must approve each plan.
    pub four_eyes: bool,
    pub parameters: &'static [Parameter<'static>],
    pub work: Work,
}

#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Answered at once; changes nothing.
    Read(fn(&Arguments) -> Query),
    Steps(fn(&Arguments) -> Vec<Draft>),
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Protected => "protected",
            Self::Private => "private",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Public, Self::Protected, Self::Private].into_iter().find(|level| level.as_str() == word)
    }
}

/// The action of this name, in exactly this spelling.
///
/// # Errors
/// [`ActionError::UnknownAction`], with the nearest name.
pub fn find(name: &str) -> Result<&'static Action, ActionError> {
    ACTIONS.iter().find(|action| action.name == name).ok_or_else(|| ActionError::UnknownAction {
        name: error::shown(name),
        nearest: nearest(name, ACTIONS.iter().map(|action| action.name)),
    })
}

const INSTANCES: Parameter<'static> = Parameter {
    name: "instanceIds",
    kind: Kind::Instances,
    required: true,
    about: "the machines, such as [\"i-0abcd1234abcd1234\"]",
};
const TARGET_GROUP: Parameter<'static> = Parameter {
    name: "targetGroup",
    kind: Kind::TargetGroup,
    required: true,
    about: "the arn of the target group",
};
const LISTENER: Parameter<'static> =
    Parameter { name: "listener", kind: Kind::Listener, required: true, about: "the arn of the listener" };
const SCALING_GROUP: Parameter<'static> = Parameter {
    name: "group",
    kind: Kind::ScalingGroup,
    required: true,
    about: "the name of the auto-scaling group",
};
const REASON: Parameter<'static> = Parameter {
    name: "reason",
    kind: Kind::Text { chars_max: 500 },
    required: true,
    about: "why, for whoever finds the record",
};
const BLOCK_LIST: Parameter<'static> = Parameter {
    name: "list",
    kind: Kind::BlockList,
    required: true,
    about: "the name of the address set that the firewall blocks",
};
const ADDRESSES: Parameter<'static> = Parameter {
    name: "addresses",
    kind: Kind::Networks { count_max: ADDRESSES_MAX },
    required: true,
    about: "networks such as [\"203.0.113.7/32\"]",
};

/// How long a machine may take from `pending` to `running`: EC2 needs seconds for most types, minutes for metal.
const START_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// A clean shutdown; EC2 forces it after a few minutes.
const STOP_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Both status checks run each minute and need a few rounds after a boot.
const CHECKS_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Ten health checks at ELBv2's longest interval of 300 s would be 50 min; ten at the default of 30 s fit twice.
const HEALTHY_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// The longest deregistration delay that ELBv2 takes is 3600 s; the margin is for what reads lag.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3_600 + 300);
/// What the provider does at once: time for throttling and lost answers to pass.
pub(crate) const QUICK_TIMEOUT: Duration = Duration::from_secs(5 * 60);

pub static ACTIONS: &[Action] = &[
    Action {
        name: "ec2.start",
        summary: "power machines on",
        level: Level::Protected,
        four_eyes: false,
        parameters: &[INSTANCES],
        work: Work::Steps(|arguments| arguments.list("instanceIds").into_iter().map(start).collect()),
    },
    Action {
        name: "ec2.stop",
        summary: "power machines off",
        level: Level::Protected,
        four_eyes: false,
        parameters: &[INSTANCES],
        work: Work::Steps(|arguments| arguments.list("instanceIds").into_iter().map(stop).collect()),
    },
    Action {
        name: "ec2.in_service",
        summary: "power machines on and put them online: start, healthy, register, healthy in the group",
        level: Level::Protected,
        four_eyes: false,
        parameters: &[INSTANCES, TARGET_GROUP],
        work: Work::Steps(|arguments| {
            let group = arguments.text("targetGroup");
            let each = |instance: String| {
                let checks = Wait::ChecksPassed { instance: instance.clone() };
                [
                    start(instance.clone()),
                    Draft::wait(checks, CHECKS_TIMEOUT),
                    register(&group, &instance),
                    Draft::wait(Wait::TargetHealthy { group: group.clone(), instance }, HEALTHY_TIMEOUT),
                ]
            };
            arguments.list("instanceIds").into_iter().flat_map(each).collect()
        }),
    },
    Action {
        name: "ec2.off_service",
        summary: "take machines offline and power them off: deregister, drain, stop",
        level: Level::Protected,
        four_eyes: false,
        parameters: &[INSTANCES, TARGET_GROUP],
        work: Work::Steps(|arguments| {
            let group = arguments.text("targetGroup");
            let each = |instance: String| {
                [deregister(&group, &instance), drained(&group, &instance), stop(instance)]
            };
            arguments.list("instanceIds").into_iter().flat_map(each).collect()
        }),
    },
    Action {
        name: "ec2.terminated_update_table",
        summary: "record a machine as terminated",
        level: Level::Private,
        four_eyes: false,
        parameters: &[
            Parameter { name: "instanceId", kind: Kind::Instance, required: true, about: "the machine" },
            REASON,
        ],
        work: Work::Steps(|arguments| {
            let (instance, reason) = (arguments.text("instanceId"), arguments.text("reason"));
            vec![Draft::change(Effect::RecordTerminated { instance, reason }, QUICK_TIMEOUT)]
        }),
    },
    Action {
        name: "elb.register",
        summary: "put machines into a target group and wait until they are healthy",
        level: Level::Protected,
        four_eyes: false,
        parameters: &[INSTANCES, TARGET_GROUP],
        work: Work::Steps(|arguments| {
            let group = arguments.text("targetGroup");
            let each = |instance: String| {
                let healthy = Wait::TargetHealthy { group: group.clone(), instance: instance.clone() };
                [register(&group, &instance), Draft::wait(healthy, HEALTHY_TIMEOUT)]
            };
            arguments.list("instanceIds").into_iter().flat_map(each).collect()
        }),
    },
    Action {
        name: "elb.deregister",
        summary: "take machines out of a target group and wait until their connections have drained",
        level: Level::Protected,
        four_eyes: false,
        parameters: &[INSTANCES, TARGET_GROUP],
        work: Work::Steps(|arguments| {
            let group = arguments.text("targetGroup");
            let each = |instance: String| [deregister(&group, &instance), drained(&group, &instance)];
            arguments.list("instanceIds").into_iter().flat_map(each).collect()
        }),
    },
    Action {
        name: "elb.group_instances_state",
        summary: "the machines of a target group with their health",
        level: Level::Public,
        four_eyes: false,
        parameters: &[TARGET_GROUP],
        work: Work::Read(|arguments| Query::Targets { group: arguments.text("targetGroup") }),
    },
    Action {
        name: "elb.add_rule_quarantine",
        summary: "send a host or source networks to a quarantine target group by a listener rule",
        level: Level::Protected,
        four_eyes: false,
        parameters: &[
            LISTENER,
            Parameter {
                name: "quarantineGroup",
                kind: Kind::TargetGroup,
                required: true,
                about: "the arn of the target group that takes what matches",
            },
            Parameter {
                name: "priority",
                kind: Kind::Number { min: 1, max: 50_000 },
                required: true,
                about: "1 to 50000, free on the listener; the smallest is tried first",
            },
            Parameter { name: "host", kind: Kind::Host, required: false, about: "a host name to match" },
            Parameter {
                name: "sourceIps",
                kind: Kind::Networks { count_max: RULE_SOURCES_MAX },
                required: false,
                about: "source networks to match",
            },
        ],
        work: Work::Steps(|arguments| {
            let rule = Rule {
                priority: u16::try_from(arguments.number("priority")).expect("checked to be at most 50000"),
                host: arguments.optional_text("host"),
                source_ips: arguments.set("sourceIps"),
                forward_to: arguments.text("quarantineGroup"),
            };
            vec![Draft::change(Effect::AddRule { listener: arguments.text("listener"), rule }, QUICK_TIMEOUT)]
        }),
    },
    Action {
        name: "asg.create_launch_template",
        summary: "create a launch template",
        level: Level::Private,
        four_eyes: false,
        parameters: &[
            Parameter {
                name: "name",
                kind: Kind::Name { chars_max: 128 },
                required: true,
                about: "a name that no template has yet",
            },
            Parameter {
                name: "imageId",
                kind: Kind::Name { chars_max: 64 },
                required: true,
                about: "the image, such as ami-0abcd1234",
            },
            Parameter {
                name: "instanceType",
                kind: Kind::Name { chars_max: 32 },
                required: true,
                about: "such as m7g.large",
            },
        ],
        work: Work::Steps(|arguments| {
            let template = Template {
                name: arguments.text("name"),
                image: arguments.text("imageId"),
                instance_type: arguments.text("instanceType"),
            };
            vec![Draft::change(Effect::CreateTemplate { template }, QUICK_TIMEOUT)]
        }),
    },
    Action {
        name: "asg.launch_template_list",
        summary: "the launch templates",
        level: Level::Public,
        four_eyes: false,
        parameters: &[],
        work: Work::Read(|_| Query::Templates),
    },
    Action {
        name: "asg.set_desired_capacity",
        summary: "set how many machines a scaling group has, within its bounds",
        level: Level::Private,
        four_eyes: true,
        parameters: &[
            SCALING_GROUP,
            Parameter {
                name: "desiredCapacity",
                kind: Kind::Number { min: 0, max: 10_000 },
                required: true,
                about: "machines, within the group's minimum and maximum",
            },
        ],
        work: Work::Steps(|arguments| {
            let desired =
                u32::try_from(arguments.number("desiredCapacity")).expect("checked to be at most 10000");
            let group = arguments.text("group");
            vec![Draft::change(Effect::SetDesired { group, desired }, QUICK_TIMEOUT)]
        }),
    },
    Action {
        name: "asg.set_weight",
        summary: "share a listener's traffic between target groups",
        level: Level::Private,
        four_eyes: true,
        parameters: &[
            LISTENER,
            Parameter {
                name: "weights",
                kind: Kind::Weights,
                required: true,
                about: "target group to weight, such as {\"arn:…\": 90}",
            },
        ],
        work: Work::Steps(|arguments| {
            let (listener, weights) = (arguments.text("listener"), arguments.weights("weights"));
            vec![Draft::change(Effect::SetWeights { listener, weights }, QUICK_TIMEOUT)]
        }),
    },
    Action {
        name: "asg.group_weight",
        summary: "how a listener shares its traffic between target groups",
        level: Level::Public,
        four_eyes: false,
        parameters: &[LISTENER],
        work: Work::Read(|arguments| Query::Weights { listener: arguments.text("listener") }),
    },
    Action {
        name: "waf.block",
        summary: "put networks on a firewall's block list",
        level: Level::Protected,
        four_eyes: false,
        parameters: &[BLOCK_LIST, ADDRESSES],
        work: Work::Steps(|arguments| {
            let (list, addresses) = (arguments.text("list"), arguments.set("addresses"));
            vec![Draft::change(Effect::Block { list, addresses }, QUICK_TIMEOUT)]
        }),
    },
    Action {
        name: "waf.block_list",
        summary: "the networks on a firewall's block list",
        level: Level::Public,
        four_eyes: false,
        parameters: &[BLOCK_LIST],
        work: Work::Read(|arguments| Query::BlockList { list: arguments.text("list") }),
    },
    Action {
        name: "waf.unblock",
        summary: "take networks off a firewall's block list",
        level: Level::Protected,
        four_eyes: false,
        parameters: &[BLOCK_LIST, ADDRESSES],
        work: Work::Steps(|arguments| {
            let (list, addresses) = (arguments.text("list"), arguments.set("addresses"));
            vec![Draft::change(Effect::Unblock { list, addresses }, QUICK_TIMEOUT)]
        }),
    },
];

fn start(instance: String) -> Draft {
    Draft::change(Effect::StartInstance { instance }, START_TIMEOUT)
}

fn stop(instance: String) -> Draft {
    Draft::change(Effect::StopInstance { instance }, STOP_TIMEOUT)
}

fn register(group: &str, instance: &str) -> Draft {
    let (group, instance) = (group.to_owned(), instance.to_owned());
    Draft::change(Effect::Register { group, instance }, QUICK_TIMEOUT)
}

fn deregister(group: &str, instance: &str) -> Draft {
    let (group, instance) = (group.to_owned(), instance.to_owned());
    Draft::change(Effect::Deregister { group, instance }, QUICK_TIMEOUT)
}

fn drained(group: &str, instance: &str) -> Draft {
    Draft::wait(Wait::TargetGone { group: group.to_owned(), instance: instance.to_owned() }, DRAIN_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_a_typo_finds_its_neighbour() {
        let names: std::collections::BTreeSet<_> = ACTIONS.iter().map(|action| action.name).collect();
        assert_eq!(names.len(), ACTIONS.len());
        let error = find("ec2.ofservice").unwrap_err().to_string();
        assert_eq!(error, "there is no action `ec2.ofservice`; did you mean `ec2.off_service`?");
    }

    #[test]
    fn reads_are_public_and_changes_are_not() {
        for action in ACTIONS {
            let is_read = matches!(action.work, Work::Read(_));
            assert_eq!(is_read, action.level == Level::Public, "{}", action.name);
        }
    }
}
