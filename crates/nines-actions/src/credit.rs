//! IP credit: how much an address has misbehaved lately, from access logs, explained, and when to block it.
//!
//! Each request of an address earns points by the rules that it breaks ([`RULES`]); points halve every
//! [`HALF_LIFE`]. An address that reaches [`Config::block_at`] is to be blocked, for longer each time; it is released when its block
//! has expired *and* its score has fallen below [`Config::release_at`], so that it cannot flap. Addresses on the allow-list are never scored.
//!
//! Pure: events and the time go in, decisions come out. Carrying a decision out is an action (`waf.block`), with its plan,
//! its radius and its audit. Memory is bounded by [`Config::addresses_max`]: when it is full the least suspicious go, and
//! those that are blocked stay.
//!
//! An IPv6 address is judged by its /64, which is what one customer has.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use nines_model::Timestamp;

/// Points halve in this time: ten minutes of good behaviour forgive half.
pub const HALF_LIFE: Duration = Duration::from_secs(600);

/// One request, as an access log tells it.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    pub address: IpAddr,
    pub at: Timestamp,
    pub status: u16,
    pub path: &'a str,
    pub user_agent: &'a str,
}

/// What earns points.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Stable, for explanations.
    pub name: &'static str,
    pub about: &'static str,
    pub points: f32,
    applies: fn(&Access<'_>) -> bool,
}

const RULE_COUNT: usize = 6;

/// The rules with their points. With 100 to block: ten probes for secrets, or 25 failed sign-ins, or a scan of 50 missing
/// pages, each within minutes; or 2 000 plain requests, which is 3.3 a second over ten minutes with decay.
pub const RULES: [Rule; RULE_COUNT] = [
    Rule {
        name: "secret-probe",
        about: "asks for files that hold secrets",
        points: 10.0,
        applies: |access| {
            const PROBES: [&str; 8] = [
                "/.env",
                "/.git/",
                "/.aws/",
                "/wp-login.php",
                "/wp-admin",
                "/phpmyadmin",
                "/etc/passwd",
                "/actuator/env",
            ];
            let path = access.path.to_ascii_lowercase();
            PROBES.iter().any(|probe| path.contains(probe))
        },
    },
    Rule {
        name: "injection",
        about: "sends what tries to break out of a query or a folder",
        points: 20.0,
        applies: |access| {
            const MARKS: [&str; 7] =
                ["../", "..%2f", "union+select", "union%20select", "%27%20or%20", "<script", "${jndi:"];
            let path = access.path.to_ascii_lowercase();
            MARKS.iter().any(|mark| path.contains(mark))
        },
    },
    Rule {
        name: "denied",
        about: "is refused: wrong credentials or no right",
        points: 4.0,
        applies: |access| matches!(access.status, 401 | 403),
    },
    Rule {
        name: "missing",
        about: "asks for what is not there",
        points: 2.0,
        applies: |access| matches!(access.status, 404 | 405),
    },
    Rule {
        name: "no-agent",
        about: "does not say what it is",
        points: 0.5,
        applies: |access| access.user_agent.is_empty() || access.user_agent == "-",
    },
    Rule { name: "volume", about: "asks at all", points: 0.05, applies: |_| true },
];

#[derive(Debug, Clone)]
pub struct Config {
    /// Points at which an address is blocked. 100 by default.
    pub block_at: f32,
    /// Points below which it may be released. 40 by default: two half-lives after a narrow block.
    pub release_at: f32,
    /// The first block; each further one within a day is twice as long. 15 min by default.
    pub block_for: Duration,
    /// The longest block. 24 h by default.
    pub block_for_max: Duration,
    pub allow: Vec<IpNet>,
    /// Addresses remembered. 1 000 000 by default: some 100 MB.
    pub addresses_max: usize,
    /// Addresses blocked at a time: the firewall's set takes 10 000.
    pub blocks_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            block_at: 100.0,
            release_at: 40.0,
            block_for: Duration::from_secs(15 * 60),
            block_for_max: Duration::from_secs(24 * 3_600),
            allow: Vec::new(),
            addresses_max: 1_000_000,
            blocks_max: 10_000,
        }
    }
}

/// Points by rule, as of one second. 32 bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    points: [f32; RULE_COUNT],
    /// Seconds since the epoch.
    at: i64,
}

/// Why an address is blocked, and until when.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub network: IpNet,
    pub since: Timestamp,
    pub until: Timestamp,
    /// Blocks of this network within the last day, this one included.
    pub times: u32,
    pub score: f32,
    /// What it did, the worst first: rule and points.
    pub because: Vec<(&'static str, f32)>,
}

/// What is to be done, as the arguments of two actions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    pub block: Vec<Block>,
    pub release: Vec<IpNet>,
}

/// Scores of many addresses.
#[derive(Debug)]
pub struct Credit {
    config: Config,
    entries: HashMap<IpAddr, Entry>,
    /// Over the threshold and not blocked yet. Bounded by `addresses_max`, and emptied by every [`Credit::decide`].
    suspects: std::collections::BTreeSet<IpAddr>,
    blocked: BTreeMap<IpAddr, Block>,
    /// When the last block of an address ended, and how many it had: for a day. Bounded by `blocks_max`.
    past: BTreeMap<IpAddr, (Timestamp, u32)>,
}

/// How long a block is remembered after its end.
const PAST_KEPT: Duration = Duration::from_secs(24 * 3_600);

impl Credit {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            entries: HashMap::new(),
            suspects: std::collections::BTreeSet::new(),
            blocked: BTreeMap::new(),
            past: BTreeMap::new(),
        }
    }

    /// Takes in one request. Costs one look-up; when memory is full, now and then a walk over everything.
    pub fn observe(&mut self, access: &Access<'_>) {
        let address = judged(access.address);
        if self.is_allowed(access.address) {
            return;
        }
        if self.entries.len() >= self.config.addresses_max && !self.entries.contains_key(&address) {
            self.forget_the_least(access.at);
        }
        let entry =
            self.entries.entry(address).or_insert(Entry { at: access.at.as_secs(), ..Entry::default() });
        entry.decay_to(access.at);
        // An event that is older than what is known counts for what is left of it.
        let late = weight(entry.at - access.at.as_secs());
        for (points, rule) in entry.points.iter_mut().zip(&RULES) {
            if (rule.applies)(access) {
                *points += rule.points * late;
            }
        }
        if entry.score() >= self.config.block_at && !self.blocked.contains_key(&address) {
            self.suspects.insert(address);
        }
    }

    /// The score of an address now, with what it is made of, the largest first. `None`: nothing is known against it.
    pub fn explain(&self, address: IpAddr, now: Timestamp) -> Option<(f32, Vec<(&'static str, f32)>)> {
        let mut entry = *self.entries.get(&judged(address))?;
        entry.decay_to(now);
        Some((entry.score(), entry.because()))
    }

    /// What is to be blocked and released now. Decisions are taken here: a block is in force from this call on.
    pub fn decide(&mut self, now: Timestamp) -> Changes {
        let mut changes = Changes::default();
        let ended: Vec<_> = self
            .blocked
            .iter()
            .filter(|(address, block)| {
                block.until <= now && self.score(**address, now) < self.config.release_at
            })
            .map(|(address, _)| *address)
            .collect();
        for address in ended {
            if let Some(block) = self.blocked.remove(&address) {
                if self.past.len() >= self.config.blocks_max {
                    self.past.pop_first();
                }
                self.past.insert(address, (now, block.times));
                changes.release.push(block.network);
            }
        }
        self.past.retain(|_, (ended, _)| *ended + PAST_KEPT > now);
        for address in std::mem::take(&mut self.suspects) {
            let Some(mut entry) = self.entries.get(&address).copied() else { continue };
            entry.decay_to(now);
            // The worst may have to wait for room; it comes up again with its next request.
            let is_over = entry.score() >= self.config.block_at;
            if !is_over || self.blocked.len() >= self.config.blocks_max || self.blocked.contains_key(&address)
            {
                continue;
            }
            let times = self.past.get(&address).map_or(1, |(_, times)| times + 1);
            let length = self.config.block_for.saturating_mul(1 << (times - 1).min(16));
            let block = Block {
                network: network(address),
                since: now,
                until: now + length.min(self.config.block_for_max),
                times,
                score: entry.score(),
                because: entry.because(),
            };
            self.blocked.insert(address, block.clone());
            changes.block.push(block);
        }
        changes
    }

    /// What is blocked now.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocked.values()
    }

    /// Addresses that something is known about.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.config.allow.iter().any(|network| network.contains(&address))
    }

    fn score(&self, address: IpAddr, now: Timestamp) -> f32 {
        self.entries.get(&address).map_or(0.0, |entry| {
            let mut entry = *entry;
            entry.decay_to(now);
            entry.score()
        })
    }

    /// Makes room: the quarter with the lowest scores goes, blocked ones excepted. A walk over everything for each quarter
    /// of it that is new, so a constant cost for each new address.
    fn forget_the_least(&mut self, now: Timestamp) {
        let scored = |entry: &Entry| {
            let mut entry = *entry;
            entry.decay_to(now);
            entry.score()
        };
        let mut scores: Vec<f32> = self.entries.values().map(scored).collect();
        let quarter = scores.len() / 4;
        let (_, limit, _) = scores.select_nth_unstable_by(quarter, f32::total_cmp);
        let limit = *limit;
        let mut to_go = quarter + 1;
        let blocked = &self.blocked;
        self.entries.retain(|address, entry| {
            let goes = to_go > 0 && scored(entry) <= limit && !blocked.contains_key(address);
            to_go -= usize::from(goes);
            !goes
        });
    }
}

impl Entry {
    fn decay_to(&mut self, now: Timestamp) {
        let secs = now.as_secs() - self.at;
        if secs > 0 {
            let factor = weight(secs);
            self.points.iter_mut().for_each(|points| *points *= factor);
            self.at = now.as_secs();
        }
    }

    fn score(&self) -> f32 {
        self.points.iter().sum()
    }

    fn because(&self) -> Vec<(&'static str, f32)> {
        const POINTS_SHOWN_MIN: f32 = 0.01;
        let mut because: Vec<_> = RULES
            .iter()
            .zip(self.points)
            .filter(|(_, points)| *points >= POINTS_SHOWN_MIN)
            .map(|(rule, points)| (rule.name, points))
            .collect();
        because.sort_by(|a, b| b.1.total_cmp(&a.1));
        because
    }
}

/// What is left of a point after some seconds; 1 for none or fewer.
fn weight(secs: i64) -> f32 {
    if secs <= 0 { 1.0 } else { (-(secs as f32) / HALF_LIFE.as_secs_f32()).exp2() }
}

/// The address by which an address is judged.
fn judged(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

fn network(address: IpAddr) -> IpNet {
    let bits = if address.is_ipv4() { 32 } else { 64 };
    IpNet::new_assert(address, bits)
}

#[cfg(test)]
mod tests;
