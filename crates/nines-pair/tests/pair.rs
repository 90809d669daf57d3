//! Two machines, one lease and a bad world, in virtual time.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests do")]

use std::collections::BTreeMap;
use std::time::Duration;

use nines_base::Random;
use nines_pair::machine::{Acquired, Action, Lease, Machine, Question, Renewed, Timing};
use proptest::prelude::*;

/// What a step of the world takes.
const STEP: Duration = Duration::from_millis(20);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// PostgreSQL, which has the one true lease.
struct Store {
    holder: Option<usize>,
    epoch: i64,
    until: Duration,
    up: bool,
}

/// What is under way, by when it arrives.
enum Message {
    Read,
    Acquire { epoch: i64, deadline: Duration },
    Renew { epoch: i64 },
    Question(Question),
    ReadAnswer(Option<(Lease, Duration)>),
    AcquireAnswer(Acquired),
    RenewAnswer(i64, Renewed),
    Answer(i64, Option<Duration>),
}

struct Envelope {
    at: Duration,
    node: usize,
    /// When the node had asked, by its own clock, and in which of its lives.
    sent_at: Duration,
    life: u32,
    message: Message,
}

struct Node {
    machine: Machine,
    /// Its clock runs this much faster than the world's, in millionths.
    fast: i64,
    stopped_until: Duration,
    dead_until: Option<Duration>,
    reaches_store: bool,
    life: u32,
    /// Writes that the log does not have.
    waiting: bool,
    read_at: Duration,
}

struct World {
    now: Duration,
    random: Random,
    store: Store,
    nodes: Vec<Node>,
    linked: bool,
    /// Nothing is late or lost.
    calm: bool,
    wire: Vec<Envelope>,
    leads: BTreeMap<i64, usize>,
    takeovers: u32,
}

fn local(now: Duration, fast: i64) -> Duration {
    let nanos = i128::try_from(now.as_nanos()).unwrap();
    Duration::from_nanos(u64::try_from(nanos + nanos * i128::from(fast) / 1_000_000).unwrap())
}

impl World {
    fn new(seed: u64) -> Self {
        let random = Random::from_seed(seed);
        let node = || {
            // One in a hundred is far beyond what clocks of machines differ by.
            let fast = i64::try_from(random.below(20_000)).unwrap() - 10_000;
            Node {
                machine: Machine::new(Timing::default(), Duration::ZERO),
                fast,
                stopped_until: Duration::ZERO,
                dead_until: None,
                reaches_store: true,
                life: 0,
                waiting: false,
                read_at: Duration::ZERO,
            }
        };
        let nodes = vec![node(), node()];
        let store = Store { holder: None, epoch: 0, until: Duration::ZERO, up: true };
        Self {
            now: Duration::ZERO,
            random,
            store,
            nodes,
            linked: true,
            calm: false,
            wire: Vec::new(),
            leads: BTreeMap::new(),
            takeovers: 0,
        }
    }

    fn runs(&self, node: usize) -> bool {
        self.nodes[node].dead_until.is_none() && self.now >= self.nodes[node].stopped_until
    }

    fn permits(&self, node: usize) -> Option<i64> {
        let now = local(self.now, self.nodes[node].fast);
        self.runs(node).then(|| self.nodes[node].machine.permit(now)).flatten()
    }

    /// Whoever may send, may send under the epoch of the lease, and alone.
    fn check(&self) {
        let permitted: Vec<_> = (0..2).filter_map(|node| Some((node, self.permits(node)?))).collect();
        assert!(permitted.len() < 2, "both may send at {:?}: {permitted:?}", self.now);
        for (node, epoch) in permitted {
            assert_eq!(epoch, self.store.epoch, "node {node} sends with a stale epoch at {:?}", self.now);
        }
    }

    fn delay(&self) -> Duration {
        if !self.calm && self.random.below(12) == 0 {
            millis(self.random.below(2500))
        } else {
            millis(1 + self.random.below(60))
        }
    }

    fn post(&mut self, node: usize, sent_at: Duration, life: u32, message: Message) {
        let at = self.now + self.delay();
        self.wire.push(Envelope { at, node, sent_at, life, message });
    }

    fn step(&mut self) {
        self.now += STEP;
        for node in 0..2 {
            if self.nodes[node].dead_until.is_some_and(|until| self.now >= until) {
                let now = local(self.now, self.nodes[node].fast);
                self.nodes[node].dead_until = None;
                self.nodes[node].machine = Machine::new(Timing::default(), now);
            }
        }
        // What happens first after a stop: the deadline of a send is looked at before anything else is heard.
        self.check();
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.wire).into_iter().partition(|one| {
            let for_node = !matches!(
                one.message,
                Message::Read | Message::Acquire { .. } | Message::Renew { .. } | Message::Question(_)
            );
            // The kernel keeps what comes for a stopped process.
            one.at <= self.now && !(for_node && self.now < self.nodes[one.node].stopped_until)
        });
        self.wire = later;
        for envelope in due {
            self.deliver(envelope);
            self.check();
        }
        for node in 0..2 {
            if self.runs(node) {
                let now = local(self.now, self.nodes[node].fast);
                let waiting = self.nodes[node].waiting;
                self.nodes[node].machine.set_waiting(waiting);
                let actions = self.nodes[node].machine.due(now);
                self.act(node, now, actions);
            }
        }
        self.check();
    }

    fn deliver(&mut self, envelope: Envelope) {
        let Envelope { node, sent_at, life, message, .. } = envelope;
        let (world, up) = (self.now, self.store.up && self.nodes[node].reaches_store);
        let lease = Timing::default().lease;
        let now = local(self.now, self.nodes[node].fast);
        let is_same = life == self.nodes[node].life && self.nodes[node].dead_until.is_none();
        match message {
            Message::Read => {
                let lease = Lease {
                    holder: self.store.holder.map(|holder| ["a", "b"][holder].to_owned()),
                    epoch: self.store.epoch,
                    remaining: self.store.until.saturating_sub(world),
                };
                self.post(node, sent_at, life, Message::ReadAnswer(up.then_some((lease, world))));
            }
            Message::Acquire { epoch, deadline } => {
                let free = self.store.holder.is_none() || world >= self.store.until;
                let acquired = if !up {
                    Acquired::Unknown
                } else if free && self.store.epoch == epoch && world < deadline {
                    self.store =
                        Store { holder: Some(node), epoch: epoch + 1, until: world + lease, up: true };
                    // The answer may get lost.
                    if !self.calm && self.random.below(8) == 0 {
                        Acquired::Unknown
                    } else {
                        Acquired::Won { epoch: epoch + 1 }
                    }
                } else {
                    Acquired::Lost
                };
                self.post(node, sent_at, life, Message::AcquireAnswer(acquired));
            }
            Message::Renew { epoch } => {
                let renewed = if !up {
                    Renewed::Failed
                } else if self.store.epoch == epoch {
                    self.store.until = world + lease;
                    Renewed::Kept
                } else {
                    Renewed::Fenced
                };
                self.post(node, sent_at, life, Message::RenewAnswer(epoch, renewed));
            }
            Message::Question(question) => {
                let peer = 1 - node;
                let there = local(self.now, self.nodes[peer].fast);
                let promise = (self.linked && self.runs(peer))
                    .then(|| self.nodes[peer].machine.asked(there, question).ok())
                    .flatten();
                self.post(node, sent_at, life, Message::Answer(question.epoch, promise));
            }
            _ if !is_same => {}
            Message::ReadAnswer(answer) => {
                if let Some((_, read_at)) = &answer {
                    self.nodes[node].read_at = *read_at;
                }
                let lease = answer.map(|(lease, _)| lease);
                let actions = self.nodes[node].machine.read(sent_at, now, lease.as_ref());
                self.act(node, now, actions);
            }
            Message::AcquireAnswer(acquired) => {
                let actions = self.nodes[node].machine.acquired(sent_at, now, acquired);
                self.act(node, now, actions);
            }
            Message::RenewAnswer(epoch, renewed) => {
                let actions = self.nodes[node].machine.renewed(epoch, sent_at, now, renewed);
                self.act(node, now, actions);
            }
            Message::Answer(epoch, promise) => {
                self.nodes[node].machine.answered(epoch, sent_at, promise);
            }
        }
    }

    fn act(&mut self, node: usize, now: Duration, actions: Vec<Action>) {
        let life = self.nodes[node].life;
        for action in actions {
            let message = match action {
                Action::Read => Message::Read,
                Action::Acquire { epoch } => {
                    // By the store's own clock, from when it was read.
                    let deadline = self.nodes[node].read_at + Timing::default().acquire_within;
                    Message::Acquire { epoch, deadline }
                }
                Action::Renew { epoch } => Message::Renew { epoch },
                Action::Ask { epoch } => {
                    Message::Question(Question { epoch, waiting: self.nodes[node].waiting })
                }
                Action::Lead { epoch } => {
                    assert!(self.leads.insert(epoch, node).is_none(), "epoch {epoch} was led twice");
                    self.takeovers += 1;
                    continue;
                }
                Action::Follow => {
                    self.nodes[node].waiting = false;
                    continue;
                }
            };
            self.post(node, now, life, message);
        }
    }

    fn break_something(&mut self) {
        let node = usize::try_from(self.random.below(2)).unwrap();
        let long = millis(200 + self.random.below(9000));
        match self.random.below(9) {
            0 => self.kill(node, long),
            1 | 2 => self.nodes[node].stopped_until = self.now + long,
            3 => self.nodes[node].reaches_store = false,
            4 => self.store.up = false,
            5 => self.linked = !self.linked,
            6 => self.nodes[node].waiting = !self.nodes[node].waiting,
            7 => self.nodes[node].reaches_store = true,
            _ => self.store.up = true,
        }
    }

    fn kill(&mut self, node: usize, long: Duration) {
        self.nodes[node].dead_until = Some(self.now + long);
        self.nodes[node].life += 1;
        self.nodes[node].waiting = false;
    }

    fn heal(&mut self) {
        self.store.up = true;
        self.linked = true;
        for node in &mut self.nodes {
            (node.reaches_store, node.stopped_until, node.waiting) = (true, self.now, false);
            node.dead_until = node.dead_until.map(|_| self.now);
        }
    }

    fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step();
        }
    }

    /// Until somebody may send. How long it took.
    fn led_within(&mut self, limit: Duration) -> Duration {
        let from = self.now;
        while (0..2).all(|node| self.permits(node).is_none()) {
            self.step();
            assert!(self.now - from <= limit, "nobody leads after {limit:?}");
        }
        self.now - from
    }

    fn leader(&self) -> usize {
        (0..2).find(|node| self.permits(*node).is_some()).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn never_two_and_never_with_a_stale_epoch_and_one_again_once_all_is_well(seed: u64) {
        let mut world = World::new(seed);
        world.led_within(millis(60_000));
        for _ in 0..40 {
            world.break_something();
            let pause = millis(world.random.below(6000));
            world.run_for(pause);
        }
        world.heal();
        world.calm = true;
        world.run_for(millis(15_000));
        world.led_within(millis(10_000));
    }
}

#[test]
fn a_leader_that_dies_is_followed_within_ten_seconds() {
    let mut worst = Duration::ZERO;
    for seed in 0..200 {
        let mut world = World::new(seed);
        world.calm = true;
        world.led_within(millis(10_000));
        world.run_for(millis(6000 + seed * 13));
        world.led_within(millis(10_000));
        let leader = world.leader();
        world.kill(leader, millis(60_000));
        worst = worst.max(world.led_within(millis(10_000)));
        assert_eq!(world.leader(), 1 - leader);
    }
    println!("the longest of 200 takeovers took {worst:?}");
}

#[test]
fn without_postgresql_the_leader_goes_on_by_its_peers_promise_and_only_by_that() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        world.calm = true;
        world.led_within(millis(10_000));
        world.run_for(millis(8000));
        world.led_within(millis(10_000));
        let (leader, takeovers) = (world.leader(), world.takeovers);
        world.store.up = false;
        world.run_for(millis(8000));
        let mut permitted = 0;
        for _ in 0..500 {
            world.step();
            permitted += u32::from(world.permits(leader).is_some());
        }
        assert_eq!(permitted, 500, "seed {seed}: the leader was permitted in {permitted} of 500 steps");
        // What it wrote meanwhile is in the log before anybody else leads.
        world.nodes[leader].waiting = true;
        world.store.up = true;
        world.run_for(millis(8000));
        assert_eq!((world.leader(), world.takeovers), (leader, takeovers), "seed {seed}");
        world.store.up = false;
        world.linked = false;
        world.run_for(millis(8000));
        assert_eq!(world.permits(leader), None, "seed {seed}: neither a lease nor a promise");
    }
}
