//! IP credit: how much an address has misbehaved lately, from access logs, explained, and when to block it.
//!
//! Words introduced here
//! - **Mark**: a request after the rules ([`RULES`]) have looked at it ([`Mark`]).
//! - **Score**: the points of an address, which halve every [`Config::half_life`] ([`Credit`]).
//! - **Block**: a network on the firewall's list until a time ([`Block`]); the **ledger** keeps them ([`Ledger`]).
//! - **Keeper**: turns decisions into runs of `waf.block` and `waf.unblock`, and knows how far each is ([`Keeper`]).
//! - **Rehearsal**: the same decisions over a stored past, without carrying them out ([`rehearse`]).
//!
//! An address that reaches [`Config::block_at`] is to be blocked, for longer each time; it is released when its block
//! has expired *and* its score has fallen below [`Config::release_at`], so that it cannot flap.
//!
//! Promises
//! - Networks of the allow-list and those of [`is_never_blocked`] are neither scored nor blocked, nor is a network that
//!   holds one of them.
//! - The score is what a sum over all requests would give, in whatever order they come.
//! - Memory is bounded by [`Config::addresses_max`]: when it is full the least suspicious go, and those that are blocked stay.
//!
//! An IPv6 address is judged by its /64, which is what one customer has.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;
use std::time::Duration;

use ipnet::IpNet;
use nines_model::Timestamp;

mod format;
mod keeper;
mod ledger;
mod rehearse;
mod rules;
mod settings;

pub use format::{read_entry, read_settings, write_entry, write_settings};
pub use keeper::{ACTOR, Keeper, KeeperError, KeeperParts, ROUND};
pub use ledger::{BLOCKS_KEPT, Entry, Ledger, LedgerError, MemoryLedger, Phase};
pub use rehearse::{Rehearsal, RehearsedBlock, rehearse};
pub use rules::{Access, Mark, RULE_COUNT, RULES, Rule};
pub use settings::{ALLOW_MAX, Mode, Settings};

/// Networks that no list of bad addresses may ever hold: what is not reached from the internet, or is no one sender's
/// (IANA's special-purpose registries; the documentation networks are left out, for nobody real is there).
const NEVER: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

static NEVER_NETWORKS: LazyLock<Vec<IpNet>> =
    LazyLock::new(|| NEVER.iter().map(|text| text.parse().expect("a constant network")).collect());

/// Whether the network touches loopback, private, link-local, shared or multicast ones.
pub fn is_never_blocked(network: &IpNet) -> bool {
    NEVER_NETWORKS.iter().any(|never| touches(never, network))
}

/// Whether two networks have an address in common.
pub(crate) fn touches(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

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
    /// Points halve in this time. 10 min by default: so long of good behaviour forgives half.
    pub half_life: Duration,
    pub allow: Vec<IpNet>,
    /// Addresses remembered. 200 000 by default: some 25 MB.
    pub addresses_max: usize,
    /// Addresses blocked at a time: the firewall's set takes 10 000.
    pub blocks_max: usize,
    /// Whether IPv6 networks are blocked as well; they are scored in any case.
    pub blocks_ipv6: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            block_at: 100.0,
            release_at: 40.0,
            block_for: Duration::from_secs(15 * 60),
            block_for_max: Duration::from_secs(24 * 3_600),
            half_life: Duration::from_secs(600),
            allow: Vec::new(),
            addresses_max: 200_000,
            blocks_max: 10_000,
            blocks_ipv6: true,
        }
    }
}

/// Points by rule, as of one second. 56 bytes.
#[derive(Debug, Clone, Copy)]
struct Points {
    points: [f32; RULE_COUNT],
    /// Seconds since the epoch.
    at: i64,
    /// The address that was seen last: of an IPv6 network one of many.
    last: IpAddr,
}

/// What is known about an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub network: IpNet,
    /// The address of the network that was seen last.
    pub address: IpAddr,
    pub score: f32,
    /// What it did, the worst first: rule and points.
    pub because: Vec<(&'static str, f32)>,
    /// The second of its last request.
    pub last_at: Timestamp,
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
    entries: HashMap<IpAddr, Points>,
    /// Over the threshold and not blocked yet. Bounded by `addresses_max`, and emptied by every [`Credit::decide`].
    suspects: std::collections::BTreeSet<IpAddr>,
    blocked: BTreeMap<IpAddr, Block>,
    /// When the last block of an address ended, and how many it had: for a day. Bounded by `blocks_max`.
    past: BTreeMap<IpAddr, (Timestamp, u32)>,
    /// Not to be blocked before a time, for a person said so. Bounded by [`HELD_MAX`].
    held: BTreeMap<IpAddr, Timestamp>,
}

/// How long a block is remembered after its end.
const PAST_KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Addresses that people have let go lately: more than a person releases in an hour.
const HELD_MAX: usize = 1_000;

impl Credit {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            entries: HashMap::new(),
            suspects: std::collections::BTreeSet::new(),
            blocked: BTreeMap::new(),
            past: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// Forgets every score and judges by another configuration. Blocks stay.
    pub fn begin_anew(&mut self, config: Config) {
        self.config = config;
        self.entries = HashMap::new();
        self.suspects.clear();
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes in one request. Costs one look-up; when memory is full, now and then a walk over everything.
    pub fn observe(&mut self, access: &Access<'_>) {
        self.take(&access.mark());
    }

    /// As [`Credit::observe`], of a request that the rules have looked at.
    pub fn take(&mut self, mark: &Mark) {
        let address = judged(mark.address);
        if !self.entries.contains_key(&address) {
            if self.spares(&network(address)) {
                return;
            }
            if self.entries.len() >= self.config.addresses_max {
                self.forget_the_least(mark.at);
            }
        }
        let (half_life, at) = (self.config.half_life, mark.at.as_secs());
        let fresh = Points { points: [0.0; RULE_COUNT], at, last: mark.address.to_canonical() };
        let entry = self.entries.entry(address).or_insert(fresh);
        if at >= entry.at {
            entry.last = mark.address.to_canonical();
        }
        entry.decay_to(mark.at, half_life);
        // An event that is older than what is known counts for what is left of it.
        let late = weight(entry.at - at, half_life);
        for (place, rule) in mark.rules() {
            entry.points[place] += rule.points * late;
        }
        if entry.score() >= self.config.block_at && !self.blocked.contains_key(&address) {
            self.suspects.insert(address);
        }
    }

    /// Adds the scores of another, as if its requests had come here. Its blocks are not taken over.
    pub fn absorb(&mut self, other: Self) {
        let half_life = self.config.half_life;
        for (address, theirs) in other.entries {
            if self.entries.len() >= self.config.addresses_max && !self.entries.contains_key(&address) {
                self.forget_the_least(Timestamp::from_secs(theirs.at));
            }
            let entry = self.entries.entry(address).or_insert(Points { points: [0.0; RULE_COUNT], ..theirs });
            let at = Timestamp::from_secs(entry.at.max(theirs.at));
            entry.last = if theirs.at > entry.at { theirs.last } else { entry.last };
            entry.decay_to(at, half_life);
            let theirs = theirs.at_time(at, half_life);
            entry.points.iter_mut().zip(theirs.points).for_each(|(points, more)| *points += more);
            if entry.score() >= self.config.block_at && !self.blocked.contains_key(&address) {
                self.suspects.insert(address);
            }
        }
    }

    /// What is known about an address now. `None`: nothing is known against it.
    pub fn explain(&self, address: IpAddr, now: Timestamp) -> Option<Standing> {
        let address = judged(address);
        self.entries.get(&address).map(|entry| self.standing(address, *entry, now))
    }

    /// The addresses with the highest scores now. Walks over everything.
    pub fn worst(&self, count: usize, now: Timestamp) -> Vec<Standing> {
        let half_life = self.config.half_life;
        let scored = |(address, entry): (&IpAddr, &Points)| (entry.at_time(now, half_life).score(), *address);
        let mut all: Vec<_> = self.entries.iter().map(scored).collect();
        let worse =
            |one: &(f32, IpAddr), other: &(f32, IpAddr)| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1));
        if count < all.len() {
            all.select_nth_unstable_by(count, worse);
            all.truncate(count);
        }
        all.sort_by(worse);
        all.into_iter().filter_map(|(_, address)| self.explain(address, now)).collect()
    }

    /// What is to be blocked and released now. Decisions are taken here: a block is in force from this call on.
    pub fn decide(&mut self, now: Timestamp) -> Changes {
        self.decide_up_to(now, usize::MAX)
    }

    /// As [`Credit::decide`], with at most so many new blocks, the worst first; the others come up again.
    pub fn decide_up_to(&mut self, now: Timestamp, new_max: usize) -> Changes {
        let mut changes = Changes { release: self.take_ended(now), ..Changes::default() };
        self.past.retain(|_, (ended, _)| *ended + PAST_KEPT > now);
        self.held.retain(|_, until| *until > now);
        if new_max == 0 {
            return changes;
        }
        let half_life = self.config.half_life;
        let suspects = std::mem::take(&mut self.suspects);
        let scored = |address: IpAddr| Some((address, self.entries.get(&address)?.at_time(now, half_life)));
        let mut suspects: Vec<_> = suspects.into_iter().filter_map(scored).collect();
        suspects.sort_by(|(_, one), (_, other)| other.score().total_cmp(&one.score()));
        for (address, entry) in suspects {
            let is_over = entry.score() >= self.config.block_at;
            let may_be = self.config.blocks_ipv6 || address.is_ipv4();
            if !is_over || !may_be || self.blocked.contains_key(&address) || self.held.contains_key(&address)
            {
                continue;
            }
            if changes.block.len() >= new_max || self.blocked.len() >= self.config.blocks_max {
                self.suspects.insert(address);
                continue;
            }
            let times = self.past.get(&address).map_or(1, |(_, times)| times + 1);
            let block = Block {
                network: network(address),
                since: now,
                until: now + self.config.length(times),
                times,
                score: entry.score(),
                because: entry.because(),
            };
            self.blocked.insert(address, block.clone());
            changes.block.push(block);
        }
        changes
    }

    /// Blocks whose time is over and whose address behaves, and those of networks that are allowed now.
    fn take_ended(&mut self, now: Timestamp) -> Vec<IpNet> {
        let is_over = |address: IpAddr, block: &Block| {
            let is_quiet = self.score(address, now) < self.config.release_at;
            block.until <= now && is_quiet || self.spares(&block.network)
        };
        let ended = self.blocked.iter().filter(|(address, block)| is_over(**address, block));
        let ended: Vec<_> = ended.map(|(address, _)| *address).collect();
        let mut networks = Vec::with_capacity(ended.len());
        for address in ended {
            if let Some(block) = self.blocked.remove(&address) {
                self.remember(address, now, block.times);
                networks.push(block.network);
            }
        }
        networks
    }

    fn remember(&mut self, address: IpAddr, ended: Timestamp, times: u32) {
        if self.past.len() >= self.config.blocks_max {
            self.past.pop_first();
        }
        self.past.insert(address, (ended, times));
    }

    /// Puts a block back that an earlier process decided, or that could not be released.
    pub fn restore(&mut self, block: Block) {
        self.blocked.insert(judged(block.network.addr()), block);
    }

    /// Remembers a block that an earlier process ended: the next one is longer.
    pub fn restore_past(&mut self, network: IpNet, ended: Timestamp, times: u32) {
        self.remember(judged(network.addr()), ended, times);
    }

    /// Takes a decision back that could not be written down: it is taken again.
    pub fn withdraw(&mut self, network: IpNet) {
        let address = judged(network.addr());
        self.blocked.remove(&address);
        self.suspects.insert(address);
    }

    /// Forgets a block and the points that led to it, and does not block the network again before `held_until`.
    pub fn pardon(&mut self, network: IpNet, held_until: Timestamp) {
        let address = judged(network.addr());
        self.blocked.remove(&address);
        self.suspects.remove(&address);
        self.entries.remove(&address);
        if self.held.len() >= HELD_MAX {
            self.held.pop_first();
        }
        self.held.insert(address, held_until);
    }

    /// What is blocked now.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocked.values()
    }

    /// Whether somebody is over the threshold and not decided about.
    pub fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// Addresses that something is known about.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the network is never blocked: by its kind, or because it is allowed.
    pub fn spares(&self, network: &IpNet) -> bool {
        is_never_blocked(network) || self.config.allow.iter().any(|allowed| touches(allowed, network))
    }

    fn score(&self, address: IpAddr, now: Timestamp) -> f32 {
        self.entries.get(&address).map_or(0.0, |entry| entry.at_time(now, self.config.half_life).score())
    }

    fn standing(&self, address: IpAddr, entry: Points, now: Timestamp) -> Standing {
        let decayed = entry.at_time(now, self.config.half_life);
        Standing {
            network: network(address),
            address: entry.last,
            score: decayed.score(),
            because: decayed.because(),
            last_at: Timestamp::from_secs(entry.at),
        }
    }

    /// Makes room: the quarter with the lowest scores goes, blocked ones excepted. A walk over everything for each quarter
    /// of it that is new, so a constant cost for each new address.
    fn forget_the_least(&mut self, now: Timestamp) {
        let half_life = self.config.half_life;
        let scored = |entry: &Points| entry.at_time(now, half_life).score();
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

impl Config {
    /// How long the block of an address lasts that is blocked for the `times`-th time within a day.
    fn length(&self, times: u32) -> Duration {
        self.block_for.saturating_mul(1 << times.saturating_sub(1).min(16)).min(self.block_for_max)
    }
}

impl Points {
    fn at_time(mut self, now: Timestamp, half_life: Duration) -> Self {
        self.decay_to(now, half_life);
        self
    }

    fn decay_to(&mut self, now: Timestamp, half_life: Duration) {
        let secs = now.as_secs() - self.at;
        if secs > 0 {
            let factor = weight(secs, half_life);
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
fn weight(secs: i64, half_life: Duration) -> f32 {
    if secs <= 0 { 1.0 } else { (-(secs as f32) / half_life.as_secs_f32()).exp2() }
}

/// The network that is judged, and blocked, for an address.
pub fn network_of(address: IpAddr) -> IpNet {
    network(judged(address))
}

/// The address by which an address is judged.
pub(crate) fn judged(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

/// The network that is blocked for an address that others are judged by.
pub(crate) fn network(address: IpAddr) -> IpNet {
    let bits = if address.is_ipv4() { 32 } else { 64 };
    IpNet::new_assert(address, bits)
}

#[cfg(test)]
mod tests;
