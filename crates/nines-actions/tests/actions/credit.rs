//! Address credit over the action machine: what is bad is blocked, what is blocked is released, once each, however often
//! the process dies in between.

use std::sync::Arc;

use async_trait::async_trait;
use nines_actions::cloud::sim::{SimConfig, World};
use nines_actions::credit::{
    Access, Entry, Keeper, KeeperParts, Ledger, LedgerError, MemoryLedger, Mode, Phase, Settings,
};
use nines_actions::{Actions, Parts, Query, Rules, RunState, Seen};
use nines_base::{Clock, Random};

use crate::support::{Fused, Site, done, operator, poll_once};

const BAD: &str = "203.0.113.7";
const GOOD: &str = "198.51.100.9";

fn settings(mode: Mode) -> Settings {
    Settings {
        mode,
        from: "service.name: edge".to_owned(),
        allow: vec!["198.51.100.0/24".parse().unwrap()],
        list: "blocked".to_owned(),
        block_secs: 60,
        half_life_secs: 30,
        ..Settings::default()
    }
}

#[async_trait]
impl Ledger for Fused<MemoryLedger> {
    async fn load(&self) -> Result<Vec<Entry>, LedgerError> {
        self.inner.load().await
    }
    async fn put(&self, entries: &[Entry]) -> Result<(), LedgerError> {
        self.fuse.burn().await;
        let result = self.inner.put(entries).await;
        self.fuse.burn().await;
        result
    }
    async fn settings(&self) -> Result<Option<Settings>, LedgerError> {
        self.inner.settings().await
    }
    async fn put_settings(&self, settings: &Settings) -> Result<(), LedgerError> {
        self.inner.put_settings(settings).await
    }
}

/// A site with a keeper, whose process can die.
struct Guarded {
    site: Site,
    ledger: Arc<MemoryLedger>,
    keeper: Keeper,
    actions: Arc<Actions>,
    lives: u64,
}

impl Guarded {
    fn new(seed: u64, mode: Mode) -> Self {
        let site = Site::new(seed, SimConfig::default(), World::demo(), Rules::default());
        let ledger = Arc::new(MemoryLedger::default());
        done(ledger.put_settings(&settings(mode))).unwrap();
        let (actions, keeper) = process(&site, &ledger, 0);
        Self { site, ledger, keeper, actions, lives: 0 }
    }

    fn restart(&mut self) {
        self.lives += 1;
        (self.actions, self.keeper) = process(&self.site, &self.ledger, self.lives);
    }

    fn attack(&self) {
        let now = self.site.clock.now();
        self.keeper.with_credit(|credit| {
            for address in [BAD, GOOD, "10.0.0.1"] {
                for _ in 0..30 {
                    let address = address.parse().unwrap();
                    credit.observe(&Access { address, at: now, status: 404, path: "/.env", user_agent: "-" });
                }
            }
        });
    }

    /// Lets time pass in steps of a round, with the machine and the keeper at work; whether the process lives.
    fn pass(&self, secs: u64) -> bool {
        for _ in 0..secs.div_ceil(2) {
            self.site.advance(2);
            let due = done(nines_actions::Runs::due(&*self.site.runs, 100)).unwrap();
            for (id, at) in due {
                if at <= self.site.clock.now() && poll_once(self.actions.tick(&id)).is_none() {
                    return false;
                }
            }
            match poll_once(self.keeper.round()) {
                Some(round) => round.unwrap(),
                None => return false,
            }
        }
        true
    }

    /// Until the block is released; whether the process lives.
    fn finish(&self) -> bool {
        (0..400).all(|_| self.phase() == Some(Phase::Released) || self.pass(2))
    }

    fn list(&self) -> Vec<String> {
        match self.site.cloud.truth(&Query::BlockList { list: "blocked".to_owned() }) {
            Seen::BlockList { addresses } => addresses.into_iter().collect(),
            other => panic!("{other:?}"),
        }
    }

    fn phase(&self) -> Option<Phase> {
        self.keeper.entries().last().map(|entry| entry.phase)
    }
}

fn process(site: &Site, ledger: &Arc<MemoryLedger>, life: u64) -> (Arc<Actions>, Keeper) {
    let parts: Parts = site.parts();
    let actions = Arc::new(Actions::new(parts, Rules::default()));
    let parts = KeeperParts {
        actions: actions.clone(),
        ledger: Arc::new(Fused { fuse: site.fuse.clone(), inner: ledger.clone() }),
        clock: site.clock.clone() as _,
        random: Random::from_seed(77 + life),
        own: Vec::new(),
    };
    (actions, done(Keeper::open(parts)).unwrap())
}

#[test]
fn an_attacker_is_blocked_until_the_time_is_over_and_nobody_else_is() {
    let guarded = Guarded::new(1, Mode::Act);
    guarded.attack();
    assert!(guarded.pass(30));
    assert_eq!(guarded.list(), ["203.0.113.7/32"]);
    assert_eq!(guarded.phase(), Some(Phase::Blocked));
    let entry = guarded.keeper.entries()[0].clone();
    assert_eq!(entry.block.because[0].0, "secret-probe");
    // The score outlasts the block, then falls.
    assert!(guarded.pass(40));
    assert_eq!(guarded.phase(), Some(Phase::Blocked));
    assert!(guarded.pass(200));
    assert_eq!((guarded.list(), guarded.phase()), (vec![], Some(Phase::Released)));
    // Each run is on record, under the name of the rule.
    let events = guarded.site.notes.events.lock();
    assert!(
        events.values().all(|event| event.actor == "address credit" || event.actor == nines_actions::MACHINE),
        "{events:#?}"
    );
    assert_eq!(
        done(nines_actions::Runs::list(&*guarded.site.runs, &Default::default(), 10)).unwrap().len(),
        2
    );
}

#[test]
fn watching_blocks_nobody_and_a_proposal_waits_for_a_person() {
    let guarded = Guarded::new(2, Mode::Watch);
    guarded.attack();
    assert!(guarded.pass(60));
    assert!(guarded.list().is_empty() && guarded.keeper.entries().is_empty());
    assert_eq!(guarded.keeper.worst(5)[0].network.to_string(), "203.0.113.7/32");

    let guarded = Guarded::new(3, Mode::Propose);
    guarded.attack();
    assert!(guarded.pass(40));
    assert!(guarded.list().is_empty(), "nobody has approved it");
    let run = guarded.keeper.entries()[0].run.clone().unwrap();
    let run = guarded.site.run(&run);
    assert_eq!(run.state, RunState::WaitingForApproval);
    done(guarded.actions.approve(&operator("mei"), &run.id, &run.plan.hash)).unwrap();
    assert!(guarded.pass(40));
    assert_eq!(guarded.list(), ["203.0.113.7/32"]);
    // The minute counts from the approval; released by the machine itself.
    assert!(guarded.pass(120));
    assert_eq!((guarded.list(), guarded.phase()), (vec![], Some(Phase::Released)));

    // What nobody approves is withdrawn once the address has calmed down.
    let guarded = Guarded::new(7, Mode::Propose);
    guarded.attack();
    assert!(guarded.pass(300));
    assert_eq!((guarded.list(), guarded.phase()), (vec![], Some(Phase::Failed)));
    assert!(guarded.site.cloud.ledger().is_empty());
}

#[test]
fn a_person_releases_at_once_and_the_address_is_let_alone() {
    let guarded = Guarded::new(4, Mode::Act);
    guarded.attack();
    assert!(guarded.pass(10));
    assert_eq!(guarded.list(), ["203.0.113.7/32"]);
    let network = "203.0.113.7/32".parse().unwrap();
    done(guarded.keeper.release(&operator("mei"), network)).unwrap();
    assert!(done(guarded.keeper.release(&operator("mei"), network)).is_err(), "it is on its way out");
    assert!(guarded.pass(40));
    assert_eq!((guarded.list(), guarded.phase()), (vec![], Some(Phase::Released)));
    guarded.attack();
    assert!(guarded.pass(60));
    assert!(guarded.list().is_empty());
}

#[test]
fn what_is_blocked_is_released_even_when_blocking_was_turned_off_and_a_proposal_is_given_up() {
    let guarded = Guarded::new(5, Mode::Act);
    guarded.attack();
    assert!(guarded.pass(10));
    done(guarded.keeper.set(settings(Mode::Off))).unwrap();
    assert!(guarded.pass(120));
    assert_eq!((guarded.list(), guarded.phase()), (vec![], Some(Phase::Released)));

    let guarded = Guarded::new(6, Mode::Propose);
    guarded.attack();
    assert!(guarded.pass(10));
    let run = guarded.keeper.entries()[0].run.clone().unwrap();
    done(guarded.keeper.set(settings(Mode::Watch))).unwrap();
    assert!(guarded.pass(10));
    assert_eq!(guarded.site.run(&run).state, RunState::Cancelled);
    assert_eq!(guarded.phase(), Some(Phase::Failed));
}

#[test]
fn settings_that_would_let_anybody_block_anybody_are_refused() {
    let refused = |settings: Settings| settings.check().unwrap_err().to_string();
    let from = refused(Settings { from: " ".to_owned(), ..settings(Mode::Act) });
    assert!(from.starts_with("`from` must say whose access logs are believed"), "{from}");
    let list = refused(Settings { list: String::new(), ..settings(Mode::Propose) });
    assert!(list.starts_with("`list` must name"), "{list}");
    let release = refused(Settings { release_at: 100.0, ..settings(Mode::Watch) });
    assert!(release.starts_with("`release_at` must be"), "{release}");
    settings(Mode::Act).check().unwrap();
}

/// Dies at every place where it touches the store, the cloud or the audit log; each time another process goes on.
#[test]
fn a_process_that_dies_anywhere_blocks_once_and_releases_once() {
    let mut kills = 0;
    for points in (0..2_000).step_by(3) {
        let mut guarded = Guarded::new(1_000 + points, Mode::Act);
        guarded.attack();
        guarded.site.fuse.set(i64::try_from(points).unwrap());
        let lived = guarded.finish();
        guarded.site.fuse.set(i64::MAX);
        kills += u64::from(!lived);
        if !lived {
            guarded.restart();
            // Whoever keeps the logs gives the past again; the attack is in it.
            if guarded.keeper.entries().is_empty() {
                guarded.attack();
            }
            assert!(guarded.finish());
        }
        assert_eq!(guarded.list(), Vec::<String>::new(), "points {points}: a block that nobody ended");
        assert_eq!(guarded.phase(), Some(Phase::Released), "points {points}");
        let ids: Vec<String> = guarded.site.cloud.ledger().into_iter().map(|entry| entry.id).collect();
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "points {points}: an effect was had twice");
        assert_eq!(ids.len(), 2, "points {points}: one block and one release: {ids:?}");
        if lived {
            println!("{kills} kills; every block was put in force once and released once");
            assert!(kills > 20, "{kills}");
            return;
        }
    }
    panic!("the story never gets to its end");
}
