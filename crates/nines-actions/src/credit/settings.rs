//! What people set about address credit.

use std::time::Duration;

use ipnet::IpNet;
use nines_model::Dataset;

use super::{Config, network};
use crate::ActionError;

/// Networks that may be allowed: each request of a new address is compared with all of them.
pub const ALLOW_MAX: usize = 200;
/// Addresses that scores are kept of: some 25 MB, and more than one service sees within an hour of calm.
const ADDRESSES_MAX: usize = 200_000;
/// What a firewall's set of addresses takes.
const BLOCKS_MAX: u32 = 10_000;
/// A week: who is to stay out for longer is a matter for a person.
const BLOCK_SECS_MAX: u32 = 7 * 86_400;

/// How far the node goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing is scored.
    #[default]
    Off,
    /// Scores only.
    Watch,
    /// A run is planned for each batch of bad addresses, and waits for a person's approval.
    Propose,
    /// Blocks by itself.
    Act,
}

impl Mode {
    pub const ALL: [Self; 4] = [Self::Off, Self::Watch, Self::Propose, Self::Act];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Watch => "watch",
            Self::Propose => "propose",
            Self::Act => "act",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }

    pub fn may_block(self) -> bool {
        matches!(self, Self::Propose | Self::Act)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub mode: Mode,
    /// Which access logs are believed, in the filter language; empty for all. Whoever may write a line that this selects
    /// may have an address blocked, so the modes that block want it said.
    pub from: String,
    /// Logs, or the spans of servers. One of them: a request that is in both would count twice.
    pub dataset: Dataset,
    /// Never scored and never blocked.
    pub allow: Vec<IpNet>,
    /// The firewall's set for IPv4.
    pub list: String,
    /// The one for IPv6. `None`: IPv6 addresses are scored and not blocked.
    pub list_ipv6: Option<String>,
    pub block_at: f32,
    pub release_at: f32,
    pub half_life_secs: u32,
    pub block_secs: u32,
    pub block_secs_max: u32,
    /// Networks blocked at a time.
    pub blocks_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let config = Config::default();
        let secs = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(BLOCK_SECS_MAX);
        Self {
            mode: Mode::Off,
            from: String::new(),
            dataset: Dataset::Logs,
            allow: Vec::new(),
            list: String::new(),
            list_ipv6: None,
            block_at: config.block_at,
            release_at: config.release_at,
            half_life_secs: secs(config.half_life),
            block_secs: secs(config.block_for),
            block_secs_max: secs(config.block_for_max),
            blocks_max: 100,
        }
    }
}

impl Settings {
    /// Whether they make sense together; what the filter says is for whoever reads filters.
    ///
    /// # Errors
    /// [`ActionError::BadParameter`], naming the first that does not.
    pub fn check(&self) -> Result<(), ActionError> {
        let bad =
            |name: &str, reason: String| Err(ActionError::BadParameter { name: name.to_owned(), reason });
        if self.allow.len() > ALLOW_MAX {
            return bad(
                "allow",
                format!("may have {ALLOW_MAX} networks, not {}: join neighbours", self.allow.len()),
            );
        }
        if !matches!(self.dataset, Dataset::Logs | Dataset::Spans) {
            return bad("dataset", format!("must be logs or spans, not {}", self.dataset.as_str()));
        }
        let is_between = |value: f32, low: f32, high: f32| value.is_finite() && value >= low && value <= high;
        if !is_between(self.block_at, 1.0, 1e6) {
            return bad("block_at", format!("must be from 1 to 1000000 points, not {}", self.block_at));
        }
        if !is_between(self.release_at, 0.1, self.block_at * 0.99) {
            return bad(
                "release_at",
                format!("must be from 0.1 to 99 % of block_at, not {}", self.release_at),
            );
        }
        if !(1..=86_400).contains(&self.half_life_secs) {
            return bad("half_life_secs", format!("must be from 1 to 86400, not {}", self.half_life_secs));
        }
        if !(1..=BLOCK_SECS_MAX).contains(&self.block_secs_max) {
            return bad(
                "block_secs_max",
                format!("must be from 1 to {BLOCK_SECS_MAX}, not {}", self.block_secs_max),
            );
        }
        if !(1..=self.block_secs_max).contains(&self.block_secs) {
            return bad("block_secs", format!("must be from 1 to block_secs_max, not {}", self.block_secs));
        }
        if !(1..=BLOCKS_MAX).contains(&self.blocks_max) {
            return bad("blocks_max", format!("must be from 1 to {BLOCKS_MAX}, not {}", self.blocks_max));
        }
        if self.mode.may_block() && self.list.is_empty() {
            return bad("list", "must name the firewall's address set, for this mode blocks".to_owned());
        }
        if self.mode.may_block() && self.from.trim().is_empty() {
            return bad(
                "from",
                "must say whose access logs are believed, such as `service.name: edge`, for whoever may write one \
                 may have an address blocked"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The scorer's configuration; `own` are the node's own addresses.
    pub fn config(&self, own: &[IpNet]) -> Config {
        let secs = |secs: u32| Duration::from_secs(secs.into());
        // An address of the node's is judged, and so spared, as a whole network.
        let own = own.iter().map(|own| network(super::judged(own.addr())));
        Config {
            block_at: self.block_at,
            release_at: self.release_at,
            block_for: secs(self.block_secs),
            block_for_max: secs(self.block_secs_max),
            half_life: secs(self.half_life_secs),
            allow: self.allow.iter().copied().chain(own).collect(),
            addresses_max: ADDRESSES_MAX,
            blocks_max: self.blocks_max as usize,
            blocks_ipv6: self.list_ipv6.is_some(),
        }
    }

    /// The firewall's set that a network goes into.
    pub fn list_of(&self, network: &IpNet) -> Option<&str> {
        match network {
            IpNet::V4(_) => Some(&self.list),
            IpNet::V6(_) => self.list_ipv6.as_deref(),
        }
    }
}
