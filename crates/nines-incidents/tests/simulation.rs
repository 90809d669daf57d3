//! Random stories (commands, alerts, pauses, rounds of the clock, restarts) against a second, much duller model: a
//! table of moves, and a clock that looks at every single second.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::sync::Arc;
use std::time::Duration;

use nines_incidents::contract::signal;
use nines_incidents::{Command, IncidentId, Level, NewUpdate, State};
use proptest::prelude::*;

use crate::World;

#[derive(Debug, Clone)]
enum Move {
    Pass(u32),
    Tick,
    Restart,
    Acknowledge,
    Confirm(Level),
    Update,
    Mitigate,
    Relapse,
    Resolve,
    Reopen,
    Review,
    Cancel,
    Alert { level: Level },
    AlertStops,
    Note,
}

fn moves() -> impl Strategy<Value = Move> {
    let level = prop_oneof![Just(Level::P0), Just(Level::P1), Just(Level::P2)];
    prop_oneof![
        6 => (1_u32..1800).prop_map(Move::Pass),
        1 => prop_oneof![Just(540_u32), Just(600), Just(601), Just(1200), Just(3600)].prop_map(Move::Pass),
        4 => Just(Move::Tick),
        1 => Just(Move::Restart),
        2 => Just(Move::Acknowledge),
        2 => level.clone().prop_map(Move::Confirm),
        4 => Just(Move::Update),
        1 => Just(Move::Mitigate),
        1 => Just(Move::Relapse),
        1 => Just(Move::Resolve),
        1 => Just(Move::Reopen),
        1 => Just(Move::Review),
        1 => Just(Move::Cancel),
        2 => level.prop_map(|level| Move::Alert { level }),
        1 => Just(Move::AlertStops),
        1 => Just(Move::Note),
    ]
}

/// What one incident should look like, kept second by second.
#[derive(Debug, Clone)]
struct Dull {
    state: &'static str,
    acked: bool,
    confirmed: Option<Level>,
    preliminary: Level,
    /// Seconds from now; negative when overdue.
    due_in: Option<i64>,
    cadence: i64,
    kept: u32,
    missed: u32,
    streak: u32,
    escalations: u32,
    resolved_ago: i64,
}

impl Dull {
    fn new(level: Level) -> Self {
        let mut dull = Self {
            state: "reported",
            acked: false,
            confirmed: None,
            preliminary: level,
            due_in: None,
            cadence: 0,
            kept: 0,
            missed: 0,
            streak: 0,
            escalations: 0,
            resolved_ago: 0,
        };
        dull.arm();
        dull
    }

    fn arm(&mut self) {
        self.cadence = match self.confirmed.unwrap_or(self.preliminary) {
            Level::P0 => 600,
            Level::P1 => 1200,
            Level::P2 => 3600,
        };
        self.due_in = Some(self.cadence);
    }

    fn second(&mut self) {
        self.resolved_ago += 1;
        let Some(due_in) = &mut self.due_in else { return };
        *due_in -= 1;
        if *due_in < 0 && (-*due_in - 1) % self.cadence == 0 {
            self.missed += 1;
            self.streak += 1;
            if self.streak == 2 {
                self.escalations += 1;
            }
        }
    }

    fn go(&mut self, state: &'static str) {
        self.state = state;
        self.due_in = match state {
            "resolved" | "reviewed" | "cancelled" => None,
            _ => self.due_in,
        };
    }

    /// Whether the move is legal, and what it does then.
    fn apply(&mut self, step: &Move) -> bool {
        let open = self.due_in.is_some();
        match (step, self.state) {
            (Move::Acknowledge, _) if open => {
                self.acked = true;
                if self.state == "confirmed" {
                    self.go("responding");
                }
            }
            (Move::Confirm(level), _) if open => {
                self.confirmed = Some(*level);
                if self.state == "reported" {
                    self.go(if self.acked { "responding" } else { "confirmed" });
                }
                self.arm();
            }
            (Move::Update, _) if open => {
                if self.due_in >= Some(0) {
                    self.kept += 1;
                    self.streak = 0;
                }
                self.arm();
            }
            (Move::Mitigate, "confirmed" | "responding") => self.go("mitigated"),
            (Move::Relapse, "mitigated") => self.go("responding"),
            (Move::Resolve, "confirmed" | "responding" | "mitigated") => {
                self.go("resolved");
                self.resolved_ago = 0;
            }
            (Move::Reopen, "resolved") => {
                self.go("responding");
                self.arm();
            }
            (Move::Review, "resolved") => self.go("reviewed"),
            (Move::Cancel, "reported" | "confirmed" | "responding") => self.go("cancelled"),
            (Move::Note, _) => {}
            _ => return false,
        }
        true
    }

    /// Whether the alert belongs to this incident, and what it does then.
    fn alert(&mut self, level: Level) -> bool {
        if self.due_in.is_none() {
            if self.state != "resolved" || self.resolved_ago > 1800 {
                return false;
            }
            self.go("responding");
            self.arm();
        }
        if self.confirmed.is_none() && level < self.preliminary {
            self.preliminary = level;
            self.arm();
        }
        true
    }
}

fn command(step: &Move) -> Option<Command> {
    let text = || "words".to_owned();
    Some(match step {
        Move::Acknowledge => Command::Acknowledge,
        Move::Confirm(level) => Command::Confirm { level: *level },
        Move::Update => Command::PostUpdate(NewUpdate { text: text(), ..NewUpdate::default() }),
        Move::Mitigate => Command::Mitigate { how: text() },
        Move::Relapse => Command::Relapse { reason: text() },
        Move::Resolve => Command::Resolve { summary: text() },
        Move::Reopen => Command::Reopen { reason: text() },
        Move::Review => Command::Review { summary: text() },
        Move::Cancel => Command::Cancel { reason: text() },
        Move::Note => Command::Note { text: text(), link: None },
        _ => return None,
    })
}

async fn compare(world: &World, id: IncidentId, dull: &Dull, is_settled: bool) {
    let incident = world.incidents.get(id).await.unwrap();
    assert_eq!(incident.state.as_str(), dull.state);
    assert_eq!(incident.level(), dull.confirmed.unwrap_or(dull.preliminary));
    let now = nines_base::Clock::now(&*world.clock);
    let due_in = incident.next_update_at().map(|due| due.as_secs() - now.as_secs());
    assert_eq!(due_in, dull.due_in);
    if is_settled {
        let record = incident.promises;
        assert_eq!((record.kept, record.missed, record.streak), (dull.kept, dull.missed, dull.streak));
        let escalations =
            world.kinds(id).await.into_iter().filter(|kind| kind.as_str() == "escalation").count();
        assert_eq!(escalations, dull.escalations as usize);
        // The promise of the promise clock: every open incident has a next step, or its absence is on record.
        if incident.state.is_open() {
            let promise = incident.promise.as_ref().unwrap();
            assert!(promise.due_at >= now || promise.misses == promise.misses_by(now) && promise.misses > 0);
        }
    }
    let timeline = world.timeline(id).await;
    assert!(timeline.iter().zip(1..).all(|(entry, sequence)| entry.sequence == sequence));
    assert_eq!(timeline.len() as u64, incident.entries);
}

async fn run(first: Level, story: &[Move]) {
    let mut world = World::new();
    let bystander = nines_incidents::Incidents::new(
        Arc::clone(&world.repository),
        world.clock.clone(),
        Default::default(),
    );
    let mut id = world.incidents.alert_fired(&signal("a0", "checkout", first)).await.unwrap().incident.id;
    let mut dull = Dull::new(first);
    let mut past = Vec::new();
    for (index, step) in story.iter().enumerate() {
        let mut is_settled = false;
        match step {
            Move::Pass(seconds) => {
                world.clock.advance(Duration::from_secs(u64::from(*seconds)));
                (0..*seconds).for_each(|_| dull.second());
            }
            Move::Tick => {
                world.tick().await;
                let before = world.incidents.revision().await.unwrap();
                assert!(world.tick().await.is_empty(), "a second round must be silent");
                assert_eq!(world.incidents.revision().await.unwrap(), before);
                is_settled = true;
            }
            Move::Restart => world.restart(),
            Move::Alert { level } => {
                let signal = signal(&format!("a{}", index + 1), "checkout", *level);
                let incident = world.incidents.alert_fired(&signal).await.unwrap().incident;
                if !dull.alert(*level) {
                    assert_ne!(incident.id, id);
                    past.push((id, world.timeline(id).await));
                    (id, dull) = (incident.id, Dull::new(*level));
                }
                is_settled = true;
            }
            Move::AlertStops => drop(world.incidents.alert_resolved("a0").await.unwrap()),
            step => {
                let before = world.incidents.get(id).await.unwrap();
                let result = world.act(id, command(step).unwrap()).await;
                let legal = dull.apply(step);
                assert_eq!(result.is_ok(), legal, "{step:?} in {}: {result:?}", before.state);
                match result {
                    Ok(after) => {
                        let moved = after.state != before.state;
                        let by_way_of =
                            |middle: State| before.state.may_become(middle) && middle == after.state;
                        assert!(!moved || State::ALL.into_iter().any(by_way_of));
                        is_settled = true;
                    }
                    Err(_) => assert_eq!(
                        world.incidents.get(id).await.unwrap(),
                        before,
                        "a refusal changes nothing"
                    ),
                }
            }
        }
        compare(&world, id, &dull, is_settled).await;
        // One that writes itself, and one that only hears of what others wrote.
        let stored = world.repository.open().await.unwrap();
        for incidents in [&world.incidents, &bystander] {
            let mut open = incidents.open().await.unwrap();
            open.sort_by_key(|incident| stored.iter().position(|known| known.id == incident.id));
            assert_eq!(open, stored, "what is held is what is stored");
        }
    }
    for (id, timeline) in past {
        assert_eq!(world.timeline(id).await[..timeline.len()], timeline, "the past does not change");
    }
    let keys: std::collections::BTreeSet<_> = world
        .incidents
        .pending_effects(10_000)
        .await
        .unwrap()
        .into_iter()
        .map(|pending| pending.effect.key)
        .collect();
    assert_eq!(keys.len(), world.effects().await.len(), "effect keys are unique");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_story_agrees_with_the_dull_model(first in 0_usize..3, story in prop::collection::vec(moves(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(Level::ALL[first], &story));
    }
}
