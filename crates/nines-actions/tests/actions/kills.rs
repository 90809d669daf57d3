//! The process is killed at every place where it touches the world, and at hundreds of random ones (a thousand with
//! `NINES_LONG_TESTS`), over composed actions
//! in a cloud that throttles, lags, loses answers and carries requests out late. At most one effect for each id; every run
//! ends done, compensated or waiting for a person with a reason; and what is compensated is as it was.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_actions::cloud::sim::{Faults, SimConfig, World};
use nines_actions::{
    Draft, Effect, Intent, Level, Limits, OnFailure, Request, Rules, Run, RunId, RunState, Standing, Tick,
    Wait, When,
};
use nines_base::{Clock, Random};

use crate::support::{Site, done, in_service, machine, operator, poll_once};

/// Runs for the random kills; each is killed several times.
const RUNS: u64 = 100;
/// With `NINES_LONG_TESTS`; then there are more than a thousand kills.
const RUNS_LONG: u64 = 400;
/// Kills of each run, at least, on average.
const KILLS_OF_A_RUN: f64 = 2.5;

fn rough(random: &Random) -> SimConfig {
    let secs = |low, high| Duration::from_secs(low + random.below(high - low));
    SimConfig {
        boot: secs(1, 90),
        shutdown: secs(1, 60),
        checks: secs(1, 60),
        warm_up: secs(1, 60),
        deregistration_delay: secs(1, 300),
        read_lag_max: secs(0, 20),
        faults: Faults {
            throttled: 0.2,
            answer_lost: 0.15,
            request_lost: 0.1,
            late: 0.1,
            late_max: Duration::from_secs(30),
            refused: 0.03,
        },
    }
}

fn composed(random: &Random) -> Intent {
    let groups = ["shop-blue", "shop-green"];
    let count = 1 + random.below(6);
    let mut drafts = Vec::new();
    for number in 0..count {
        let instance = machine(1 + u32::try_from(random.below(6)).unwrap());
        let group = groups[usize::try_from(random.below(2)).unwrap()].to_owned();
        let effect = match random.below(9) {
            0 => Effect::StartInstance { instance },
            1 => Effect::StopInstance { instance },
            2 => Effect::Register { group, instance },
            3 => Effect::Deregister { group, instance },
            4 => Effect::SetDesired {
                group: "shop-web".to_owned(),
                desired: 1 + u32::try_from(random.below(8)).unwrap(),
            },
            5 => {
                let blue = u16::try_from(random.below(100)).unwrap();
                let weights = [("shop-blue".to_owned(), blue), ("shop-green".to_owned(), 100 - blue)];
                Effect::SetWeights { listener: "shop".to_owned(), weights: weights.into() }
            }
            6 => Effect::AddRule {
                listener: "shop".to_owned(),
                rule: nines_actions::Rule {
                    priority: u16::try_from(1 + random.below(3)).unwrap(),
                    host: Some(format!("h{}.example", random.below(2))),
                    source_ips: Default::default(),
                    forward_to: "quarantine".to_owned(),
                },
            },
            7 => Effect::Block {
                list: "blocked".to_owned(),
                addresses: [format!("203.0.113.{}/32", random.below(4))].into(),
            },
            _ => Effect::CreateTemplate {
                template: nines_actions::Template {
                    name: format!("t{}", random.below(3)),
                    image: format!("ami-{}", random.below(2)),
                    instance_type: "m7g.large".to_owned(),
                },
            },
        };
        let mut draft = Draft::change(effect.clone(), Duration::from_secs(120 + random.below(600)));
        draft.group = format!("g{number}");
        draft.on_failure = match random.below(6) {
            0 => OnFailure::Continue,
            1 => OnFailure::Human,
            _ => OnFailure::Compensate,
        };
        if number > 0 && random.below(4) == 0 {
            let earlier = format!("g{}", random.below(number));
            draft.when = if random.below(2) == 0 { When::Done(earlier) } else { When::Changed(earlier) };
        }
        drafts.push(draft);
        if let (Effect::Deregister { group, instance }, 0) = (effect, random.below(2)) {
            drafts.push(Draft::wait(Wait::TargetGone { group, instance }, Duration::from_secs(400)));
        }
    }
    Intent {
        action: "runbook/random".to_owned(),
        arguments: Default::default(),
        level: Level::Protected,
        four_eyes: false,
        drafts,
        parts: Vec::new(),
    }
}

/// Whether an effect stands as met, for comparing a world with itself.
fn is_met(site: &Site, effect: &Effect) -> bool {
    effect.standing(&site.cloud.truth(&effect.query())) == Standing::Met
}

/// Carries a run to its end, dying on the way as often as `kill` says so.
fn carry(
    site: &mut Site,
    id: &RunId,
    mut kill: impl FnMut() -> Option<i64>,
    random: &Random,
) -> (Run, usize) {
    let mut kills = 0;
    for _ in 0..200_000 {
        site.fuse.set(kill().unwrap_or(i64::MAX / 2));
        let ticked = poll_once(site.actions.tick(id));
        site.fuse.set(i64::MAX / 2);
        match ticked {
            None => {
                kills += 1;
                site.restart();
                site.clock.advance(Duration::from_millis(random.below(20_000)));
            }
            Some(Ok(Tick::Rest { until })) => {
                // A worker is never exactly on time.
                let late = Duration::from_millis(random.below(500));
                site.clock.advance(until.since(site.clock.now()) + late);
            }
            Some(Ok(Tick::Idle)) => return (site.run(id), kills),
            Some(other) => panic!("{other:?}"),
        }
    }
    panic!("run {id} never ends: {:?}", site.run(id));
}

#[test]
fn random_kills_over_random_composed_actions() {
    let generous = Limits { healthy_percent_min: 0, shrink_percent_max: 100, ..Limits::default() };
    let rules = Rules { limits: Limits { machines_max: 50, ..generous }, ..Rules::default() };
    let (mut kills, mut effects, mut refused) = (0, 0, 0);
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let is_long = std::env::var_os("NINES_LONG_TESTS").is_some();
    let seeds = if is_long { RUNS_LONG } else { RUNS };
    for seed in 0..seeds {
        let random = Random::from_seed(seed);
        let mut site = Site::new(seed, rough(&random), World::demo(), rules.clone());
        let quiet = site.cloud.clone();
        quiet.set_faults(Faults::default());
        let intent = composed(&random);
        let Ok(run) = done(site.actions.submit(&operator("mei"), intent, &Request::default())) else {
            refused += 1;
            continue;
        };
        done(site.actions.start(&operator("mei"), &run.id)).unwrap();
        let planned: Vec<_> = run.plan.steps.iter().filter_map(|step| step.effect().cloned()).collect();
        let before: Vec<_> = planned.iter().map(|effect| is_met(&site, effect)).collect();
        quiet.set_faults(rough(&random).faults);
        let cancel_at = (random.below(4) == 0).then(|| random.below(60));
        let (mut ticks, fates) = (0, Random::from_seed(seed ^ 0xdead));
        let kill = || {
            ticks += 1;
            (fates.below(3) == 0 && ticks < 60).then(|| i64::try_from(fates.below(24)).unwrap())
        };
        if let Some(points) = cancel_at {
            site.fuse.set(i64::try_from(points).unwrap());
            if poll_once(site.actions.tick(&run.id)).is_none() {
                kills += 1;
                site.restart();
            }
            site.fuse.set(i64::MAX / 2);
            let _ = done(site.actions.cancel(&operator("lin"), &run.id));
        }
        let (run, died) = carry(&mut site, &run.id, kill, &random);
        kills += died;
        // Whatever is still on its way arrives now.
        site.advance(120);
        let after: Vec<_> = planned.iter().map(|effect| is_met(&site, effect)).collect();

        let mut by_id: BTreeMap<String, usize> = BTreeMap::new();
        for entry in site.cloud.ledger() {
            *by_id.entry(entry.id).or_default() += 1;
        }
        effects += by_id.len();
        let twice: Vec<_> = by_id.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "seed {seed}: more than one effect for {twice:?}\n{run:#?}");
        *ends.entry(run.state.as_str()).or_default() += 1;
        match run.state {
            RunState::Done => {}
            RunState::Compensated => {
                assert!(run.reason.is_some(), "seed {seed}");
                assert_eq!(before, after, "seed {seed}: compensated, but not as it was\n{run:#?}");
            }
            RunState::WaitingForHuman => {
                let reason = run.reason.clone().expect("it says what it waits for");
                let kind = reason.rsplit(": ").next().unwrap_or_default().to_owned();
                *reasons.entry(kind).or_default() += 1;
            }
            state => panic!("seed {seed}: ended {}", state.as_str()),
        }
        let events = site.notes.events.lock();
        let told: Vec<_> = events.keys().map(|(_, sequence)| *sequence).collect();
        assert_eq!(told, (1..=run.events_count).collect::<Vec<_>>(), "seed {seed}: an event is missing");
    }
    println!(
        "kills {kills}, runs {}, plans refused {refused}, effects {effects}, twice 0, ends {ends:?}, people asked {reasons:?}",
        ends.values().sum::<usize>()
    );
    assert!(kills as f64 >= KILLS_OF_A_RUN * seeds as f64, "only {kills} kills");
}

/// Dies once at each place in turn, from the first touch of the world to the last.
fn enumerate(action: &str, values: &serde_json::Value, faults: &Faults) -> i64 {
    let mut point = 0;
    loop {
        let mut site = Site::calm();
        let run = site.begin(action, values.clone());
        site.cloud.set_faults(faults.clone());
        let random = Random::from_seed(u64::try_from(point).unwrap());
        // The fuse burns on over ticks, so that every place of the whole run is met.
        site.fuse.set(point);
        let mut died = false;
        for _ in 0..10_000 {
            match poll_once(site.actions.tick(&run.id)) {
                None => {
                    died = true;
                    site.fuse.set(i64::MAX / 2);
                    site.restart();
                    site.clock.advance(Duration::from_millis(random.below(5_000)));
                }
                Some(Ok(Tick::Rest { until })) => site.clock.advance(until.since(site.clock.now())),
                Some(Ok(Tick::Idle)) => break,
                Some(other) => panic!("{other:?}"),
            }
        }
        site.fuse.set(i64::MAX / 2);
        let run = site.run(&run.id);
        assert_eq!(run.state, RunState::Done, "{action} killed at {point}");
        let mut ids: Vec<_> = site.cloud.ledger().into_iter().map(|entry| entry.id).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!((count, ids.len()), (2, 2), "{action} killed at {point}");
        let told = site.notes.events.lock().len() as u64;
        assert_eq!(told, run.events_count, "{action} killed at {point}");
        if !died {
            return point;
        }
        point += 1;
    }
}

#[test]
fn in_and_off_service_survive_a_kill_at_every_place() {
    let lossy = Faults { answer_lost: 1.0, ..Faults::default() };
    for faults in [Faults::default(), lossy] {
        let on = enumerate("ec2.in_service", &in_service(4), &faults);
        let off = enumerate("ec2.off_service", &in_service(1), &faults);
        println!("places killed at: in service {on}, off service {off}");
        assert!(on > 50 && off > 50);
    }
}
