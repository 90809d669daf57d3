//! What a cloud can be asked, and what it answers. These are stored words: a run keeps what it saw before it changed
//! anything. Names on disk are the serde names here, and `format` keeps a sample of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A question that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "query", rename_all = "snake_case")]
pub enum Query {
    Instance {
        instance: String,
    },
    /// Every target of a target group, with its health.
    Targets {
        group: String,
    },
    /// The rules of a listener, its default one left out.
    Rules {
        listener: String,
    },
    Templates,
    ScalingGroup {
        group: String,
    },
    /// How a listener's default rule shares its traffic between target groups.
    Weights {
        listener: String,
    },
    Terminated {
        instance: String,
    },
    /// The addresses of a block list.
    BlockList {
        list: String,
    },
}

/// What the subjects of block lists begin with.
pub(crate) const BLOCK_LIST_PREFIX: &str = "block-list/";

impl Query {
    /// The thing asked about, as people and lock keys name it.
    pub fn subject(&self) -> String {
        match self {
            Self::Instance { instance } => format!("instance/{instance}"),
            Self::Targets { group } => format!("target-group/{group}"),
            Self::Rules { listener } => format!("listener/{listener}/rules"),
            Self::Templates => "launch-templates".to_owned(),
            Self::ScalingGroup { group } => format!("scaling-group/{group}"),
            Self::Weights { listener } => format!("listener/{listener}/weights"),
            Self::Terminated { instance } => format!("terminated/{instance}"),
            Self::BlockList { list } => format!("{BLOCK_LIST_PREFIX}{list}"),
        }
    }
}

/// An answer. A thing that does not exist is an answer too ([`Seen::Missing`]), for reads may lag behind its making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum Seen {
    Missing,
    Instance { state: InstanceState, checks: Checks, zone: String },
    Targets { health: BTreeMap<String, Health> },
    Rules { rules: Vec<Rule> },
    Templates { templates: Vec<Template> },
    ScalingGroup { min: u32, max: u32, desired: u32, instances: BTreeSet<String> },
    Weights { weights: BTreeMap<String, u16> },
    Terminated { reason: String },
    BlockList { addresses: BTreeSet<String> },
}

/// As EC2 names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

/// The provider's own checks of machine and system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checks {
    Ok,
    Initializing,
    Impaired,
    /// Not running, or not told.
    Unknown,
}

/// As ELBv2 names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    Initial,
    Healthy,
    Unhealthy,
    Draining,
    /// Registered, but no listener uses the group or the machine is stopped.
    Unused,
    Unavailable,
}

/// A listener rule that forwards what matches to one group: how a bad caller or host is put in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// 1 to 50 000, unique on the listener; the smallest is tried first.
    pub priority: u16,
    pub host: Option<String>,
    /// Networks in CIDR form; at most five in all conditions of a rule (ELBv2's limit).
    pub source_ips: BTreeSet<String>,
    pub forward_to: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub name: String,
    pub image: String,
    pub instance_type: String,
}

macro_rules! words {
    ($type:ident { $($variant:ident => $word:literal),* $(,)? }) => {
        impl $type {
            /// The provider's word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words!(InstanceState {
    Pending => "pending",
    Running => "running",
    Stopping => "stopping",
    Stopped => "stopped",
    ShuttingDown => "shutting-down",
    Terminated => "terminated",
});
words!(Checks { Ok => "ok", Initializing => "initializing", Impaired => "impaired", Unknown => "unknown" });
words!(Health {
    Initial => "initial",
    Healthy => "healthy",
    Unhealthy => "unhealthy",
    Draining => "draining",
    Unused => "unused",
    Unavailable => "unavailable",
});
