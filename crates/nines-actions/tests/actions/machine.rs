use std::sync::atomic::Ordering;
use std::time::Duration;

use nines_actions::cloud::sim::{Faults, SimConfig, World};
use nines_actions::{
    ActionError, Answer, CloudError, Draft, Effect, EventKind, Health, Helped, InstanceState, Intent, Level,
    OnFailure, Query, Request, Rules, RunState, Seen, StepState, StepWork, Tick, When,
};
use nines_base::Clock;
use nines_model::Timestamp;
use serde_json::json;

use crate::support::{Site, done, in_service, intent, machine, operator};

fn health(site: &Site, number: u32) -> Option<Health> {
    match site.cloud.truth(&Query::Targets { group: "shop-blue".to_owned() }) {
        Seen::Targets { health } => health.get(&machine(number)).copied(),
        other => panic!("{other:?}"),
    }
}

fn state(site: &Site, number: u32) -> InstanceState {
    match site.cloud.truth(&Query::Instance { instance: machine(number) }) {
        Seen::Instance { state, .. } => state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn in_service_starts_checks_registers_and_waits_for_health() {
    let site = Site::calm();
    let run = site.begin("ec2.in_service", in_service(4));
    let run = site.finish(&run.id);
    assert_eq!(run.state, RunState::Done);
    assert_eq!((state(&site, 4), health(&site, 4)), (InstanceState::Running, Some(Health::Healthy)));
    let texts: Vec<_> = site.notes.events.lock().values().map(|event| event.text.clone()).collect();
    assert_eq!(
        texts,
        [
            "mei asked for ec2.in_service",
            "mei started ec2.in_service",
            "start instance i-00000000000000004",
            "done: start instance i-00000000000000004",
            "done: wait until i-00000000000000004 passes its checks",
            "register i-00000000000000004 in shop-blue",
            "done: register i-00000000000000004 in shop-blue",
            "done: wait until i-00000000000000004 is healthy in shop-blue",
            "done",
            "better: errors 4.1 % before, 0.2 % after",
        ]
    );
    // Again: everything is so already, and nothing is called.
    let calls = site.cloud.ledger().len();
    let again = site.begin("ec2.in_service", in_service(4));
    assert!(again.plan.steps.iter().all(|step| step.is_met || step.effect().is_none()));
    assert_eq!(site.finish(&again.id).state, RunState::Done);
    assert_eq!(site.cloud.ledger().len(), calls);
}

#[test]
fn off_service_deregisters_drains_and_stops() {
    let site = Site::calm();
    let run = site.begin("ec2.off_service", in_service(1));
    assert_eq!(site.finish(&run.id).state, RunState::Done);
    assert_eq!((state(&site, 1), health(&site, 1)), (InstanceState::Stopped, None));
    let ledger = site.cloud.ledger();
    let drained = ledger[1].at.since(ledger[0].at);
    assert!(drained >= SimConfig::default().deregistration_delay, "stopped {drained:?} after deregistering");
}

#[test]
fn a_machine_that_never_gets_healthy_is_taken_out_again_and_stopped() {
    let mut world = World::demo();
    world.break_instance(&machine(5));
    let site = Site::new(3, SimConfig::default(), world, Rules::default());
    let run = site.begin("ec2.in_service", in_service(5));
    let run = site.finish(&run.id);
    assert_eq!(run.state, RunState::Compensated);
    assert_eq!(
        run.reason.unwrap(),
        "wait until i-00000000000000005 passes its checks: it did not come about in time"
    );
    assert_eq!((state(&site, 5), health(&site, 5)), (InstanceState::Stopped, None));
    // What was running before is not stopped by the compensation.
    let run = site.begin("ec2.start", json!({"instanceIds": [machine(1), machine(5)]}));
    let waiting = done(site.actions.tick(&run.id)).unwrap();
    assert!(matches!(waiting, Tick::Rest { .. }));
    site.advance(60);
    done(site.actions.cancel(&operator("lin"), &run.id)).unwrap();
    assert_eq!(site.finish(&run.id).state, RunState::Compensated);
    assert_eq!((state(&site, 1), state(&site, 5)), (InstanceState::Running, InstanceState::Stopped));
}

#[test]
fn a_lost_answer_is_looked_up_before_anything_is_repeated() {
    let site = Site::calm();
    site.cloud.set_faults(Faults { answer_lost: 1.0, ..Faults::default() });
    let run = site.begin("ec2.stop", json!({"instanceIds": [machine(2)]}));
    done(site.actions.tick(&run.id)).unwrap();
    assert_eq!(site.run(&run.id).steps[0].state, StepState::Unknown);
    let run = site.finish(&run.id);
    assert_eq!((run.state, run.steps[0].attempt.calls), (RunState::Done, 1));
    assert_eq!(site.cloud.ledger().len(), 1);
}

#[test]
fn a_request_that_never_arrived_is_repeated_once_that_is_certain() {
    let site = Site::calm();
    site.cloud.set_faults(Faults { request_lost: 1.0, ..Faults::default() });
    let run = site.begin("ec2.stop", json!({"instanceIds": [machine(2)]}));
    let started = site.clock.now();
    done(site.actions.tick(&run.id)).unwrap();
    site.cloud.set_faults(Faults::default());
    let run = site.finish(&run.id);
    assert_eq!((run.state, run.steps[0].attempt.calls), (RunState::Done, 2));
    let called = run.steps[0].attempt.called_at.unwrap().since(started);
    assert!(called >= nines_actions::machine::SETTLE, "repeated after {called:?}");
}

#[test]
fn nothing_is_called_while_the_audit_log_refuses() {
    let site = Site::calm();
    site.notes.refuses.store(true, Ordering::Relaxed);
    let stop = intent("ec2.stop", json!({"instanceIds": [machine(2)]})).unwrap();
    let refused = done(site.actions.submit(&operator("mei"), stop.clone(), &Request::default()));
    assert!(matches!(refused, Err(ActionError::Unaudited { .. })), "{refused:?}");
    // It may also stop writing when the run is on its way.
    site.notes.refuses.store(false, Ordering::Relaxed);
    let run = site.begin("ec2.stop", json!({"instanceIds": [machine(2)]}));
    site.notes.refuses.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert!(matches!(done(site.actions.tick(&run.id)), Err(ActionError::Unaudited { .. })));
        site.advance(100);
    }
    assert_eq!(site.cloud.ledger(), []);
    site.notes.refuses.store(false, Ordering::Relaxed);
    assert_eq!(site.finish(&run.id).state, RunState::Done);
    assert_eq!(site.cloud.ledger().len(), 1);
}

#[test]
fn the_global_stop_holds_everything_and_lets_it_go_on() {
    let site = Site::calm();
    let run = site.begin("ec2.off_service", in_service(2));
    done(site.actions.tick(&run.id)).unwrap();
    // The audit log cannot keep anybody from stopping.
    site.notes.refuses.store(true, Ordering::Relaxed);
    done(site.actions.stop_all(&operator("lin"), "wrong group")).unwrap();
    site.notes.refuses.store(false, Ordering::Relaxed);
    let calls = site.cloud.ledger().len();
    for _ in 0..10 {
        assert_eq!(done(site.actions.tick(&run.id)).unwrap(), Tick::Stopped);
        site.advance(10);
    }
    assert_eq!(site.cloud.ledger().len(), calls);
    let stop = intent("ec2.stop", json!({"instanceIds": [machine(1)]})).unwrap();
    let other = done(site.actions.submit(&operator("mei"), stop, &Request::default())).unwrap();
    let refused = done(site.actions.start(&operator("mei"), &other.id)).unwrap_err().to_string();
    assert_eq!(refused, "all actions are stopped by lin since 2026-11-18T11:06:40Z: wrong group");
    done(site.actions.lift_stop(&operator("lin"))).unwrap();
    assert_eq!(site.finish(&run.id).state, RunState::Done);
}

#[test]
fn one_run_at_a_time_on_a_target_and_few_in_an_hour() {
    let site = Site::calm();
    let stop = || json!({"instanceIds": [machine(2)]});
    let first = site.begin("ec2.stop", stop());
    let second = intent("ec2.stop", stop()).unwrap();
    let second = done(site.actions.submit(&operator("mei"), second, &Request::default())).unwrap();
    let busy = done(site.actions.start(&operator("mei"), &second.id)).unwrap_err();
    assert!(matches!(&busy, ActionError::TargetBusy { run, .. } if *run == first.id.0), "{busy}");
    site.finish(&first.id);
    for number in 0..5 {
        let name = if number % 2 == 0 { "ec2.start" } else { "ec2.stop" };
        let run = site.begin(name, stop());
        assert_eq!(site.finish(&run.id).state, RunState::Done);
    }
    let seventh =
        done(site.actions.submit(&operator("mei"), intent("ec2.stop", stop()).unwrap(), &Request::default()));
    let damped = done(site.actions.start(&operator("mei"), &seventh.unwrap().id)).unwrap_err();
    assert!(matches!(damped, ActionError::Damped { count: 6, .. }), "{damped}");
    site.advance(3_600);
    site.begin("ec2.stop", stop());
}

#[test]
fn automation_leaves_alone_what_it_made_worse() {
    let site = Site::calm();
    *site.judge.0.lock() = Helped::Worse;
    let rule = nines_actions::Caller { is_automated: true, ..operator("rule/restart") };
    let request = |name| intent(name, json!({"instanceIds": [machine(2)]})).unwrap();
    let run = done(site.actions.submit(&rule, request("ec2.stop"), &Request::default())).unwrap();
    done(site.actions.start(&rule, &run.id)).unwrap();
    let run = site.finish(&run.id);
    assert_eq!(run.verdict.unwrap().helped, Helped::Worse);
    let again = done(site.actions.submit(&rule, request("ec2.start"), &Request::default())).unwrap();
    let refused = done(site.actions.start(&rule, &again.id)).unwrap_err();
    assert!(matches!(refused, ActionError::Worsened { .. }), "{refused}");
    // A person still may.
    let person =
        done(site.actions.submit(&operator("mei"), request("ec2.start"), &Request::default())).unwrap();
    done(site.actions.start(&operator("mei"), &person.id)).unwrap();
}

#[test]
fn a_repeat_with_the_same_key_is_the_same_run() {
    let site = Site::calm();
    let keyed = Request { idempotency_key: Some("k1".to_owned()), ..Request::default() };
    let stop = |number| intent("ec2.stop", json!({"instanceIds": [machine(number)]})).unwrap();
    let run = done(site.actions.submit(&operator("mei"), stop(2), &keyed)).unwrap();
    let again = done(site.actions.submit(&operator("mei"), stop(2), &keyed)).unwrap();
    assert_eq!(run.id, again.id);
    let other = done(site.actions.submit(&operator("mei"), stop(3), &keyed)).unwrap_err();
    assert!(matches!(other, ActionError::KeyReused { .. }));
    let lin = done(site.actions.submit(&operator("lin"), stop(2), &keyed)).unwrap();
    assert_ne!(lin.id, run.id);
}

/// Drafts of a composed action, by hand.
fn composed(drafts: Vec<Draft>) -> Intent {
    Intent {
        action: "runbook/test".to_owned(),
        arguments: Default::default(),
        level: Level::Protected,
        four_eyes: false,
        drafts,
        parts: Vec::new(),
    }
}

fn launch(site: &Site, intent: Intent) -> nines_actions::RunId {
    let run = done(site.actions.submit(&operator("mei"), intent, &Request::default())).unwrap();
    done(site.actions.start(&operator("mei"), &run.id)).unwrap().id
}

fn change(effect: Effect) -> Draft {
    Draft::change(effect, Duration::from_secs(60))
}

#[test]
fn a_manual_step_waits_for_a_person_and_goes_on_with_their_answer() {
    let site = Site::calm();
    let manual = Draft::new(StepWork::Manual("drain the queue".to_owned()), Duration::from_secs(60));
    let stop = change(Effect::StopInstance { instance: machine(2) });
    let id = launch(&site, composed(vec![stop.clone(), manual.clone()]));
    let run = site.finish(&id);
    assert_eq!(run.state, RunState::WaitingForHuman);
    assert_eq!(run.reason.unwrap(), "somebody has to do this and say so: drain the queue");
    // It holds its targets.
    let busy = intent("ec2.start", json!({"instanceIds": [machine(2)]})).unwrap();
    let busy = done(site.actions.submit(&operator("lin"), busy, &Request::default())).unwrap();
    assert!(done(site.actions.start(&operator("lin"), &busy.id)).is_err());
    done(site.actions.answer(&operator("lin"), &id, Answer::Done)).unwrap();
    assert_eq!(site.finish(&id).state, RunState::Done);
    assert!(done(site.actions.answer(&operator("lin"), &id, Answer::Done)).is_err());

    site.advance(3_600);
    let start = change(Effect::StartInstance { instance: machine(2) });
    let id = launch(&site, composed(vec![start, manual]));
    site.finish(&id);
    done(site.actions.answer(&operator("lin"), &id, Answer::Compensate)).unwrap();
    assert_eq!(site.finish(&id).state, RunState::Compensated);
    assert_eq!(state(&site, 2), InstanceState::Stopped);
}

#[test]
fn what_follows_depends_on_what_became_of_the_step_before() {
    let site = Site::calm();
    let step = |group: &str, effect, when| Draft { group: group.to_owned(), when, ..change(effect) };
    let template = |name: &str| nines_actions::Template {
        name: name.to_owned(),
        image: "ami-1".to_owned(),
        instance_type: "m7g.large".to_owned(),
    };
    let create = |name: &str| Effect::CreateTemplate { template: template(name) };
    let mut failing = step("first", Effect::StopInstance { instance: machine(9) }, When::Always);
    failing.on_failure = OnFailure::Continue;
    failing.timeout = Duration::from_secs(30);
    // The plan would refuse a machine that is not there; so it goes between plan and start in another group.
    site.cloud.set_faults(Faults::default());
    failing.work = StepWork::Change(Effect::StopInstance { instance: machine(3) });
    let drafts = vec![
        failing,
        step("second", create("a"), When::Done("first".to_owned())),
        step("third", create("b"), When::Failed("first".to_owned())),
        step("fourth", create("c"), When::Changed("third".to_owned())),
    ];
    let id = launch(&site, composed(drafts));
    // While it stops nobody can call; it takes longer than its 30 s.
    site.cloud.set_faults(Faults { throttled: 1.0, ..Faults::default() });
    for _ in 0..200 {
        match done(site.actions.tick(&id)).unwrap() {
            Tick::Rest { until } => site.clock.advance(until.since(site.clock.now())),
            tick => panic!("{tick:?}"),
        }
        if site.run(&id).steps[0].state == StepState::Failed {
            break;
        }
    }
    site.cloud.set_faults(Faults::default());
    let run = site.finish(&id);
    let states: Vec<_> = run.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Failed, StepState::Skipped, StepState::Done, StepState::Done]);
    assert_eq!(run.reason.unwrap(), "1 steps failed and the run went on, as it was told to");
}

#[test]
fn a_compensation_that_fails_waits_for_a_person_with_the_reason() {
    let site = Site::calm();
    let impossible = change(Effect::SetDesired { group: "shop-web".to_owned(), desired: 3 });
    let stop = change(Effect::StopInstance { instance: machine(2) });
    let id = launch(&site, composed(vec![stop, impossible]));
    while site.run(&id).steps[0].state != StepState::Done {
        match done(site.actions.tick(&id)).unwrap() {
            Tick::Rest { until } => site.clock.advance(until.since(site.clock.now())),
            tick => panic!("{tick:?}"),
        }
        // The first tick may go on to the second step at once, so it is cut off here.
        if site.run(&id).steps[0].state == StepState::Done {
            break;
        }
    }
    site.cloud.set_faults(Faults { refused: 1.0, ..Faults::default() });
    done(site.actions.cancel(&operator("lin"), &id)).unwrap();
    let run = site.finish(&id);
    assert_eq!(run.state, RunState::WaitingForHuman);
    assert!(run.reason.as_ref().unwrap().starts_with("cannot take back"), "{run:?}");
    let by_hand = done(site.actions.cancel(&operator("lin"), &id));
    assert!(matches!(by_hand, Err(ActionError::WrongState { .. })));
    site.cloud.set_faults(Faults::default());
    done(site.actions.answer(&operator("lin"), &id, Answer::Retry)).unwrap();
    assert_eq!(site.finish(&id).state, RunState::Compensated);
    assert_eq!(state(&site, 2), InstanceState::Running);
}

#[test]
fn a_cloud_that_cannot_be_read_ends_in_time() {
    let site = Site::calm();
    let run = site.begin("ec2.stop", json!({"instanceIds": [machine(2)]}));
    site.cloud.set_faults(Faults { throttled: 1.0, ..Faults::default() });
    let run = site.finish(&run.id);
    assert_eq!(run.state, RunState::Compensated);
    assert_eq!(site.cloud.ledger(), []);
    let throttled = CloudError::Throttled { operation: "x".to_owned(), code: "y".to_owned() };
    assert!(!throttled.may_have_been_done());
}

#[test]
fn every_event_is_told_in_order_with_its_incident() {
    let site = Site::calm();
    let request = Request { incident: Some("inc-42".to_owned()), ..Request::default() };
    let stop = intent("ec2.off_service", in_service(2)).unwrap();
    let run = done(site.actions.submit(&operator("mei"), stop, &request)).unwrap();
    done(site.actions.start(&operator("mei"), &run.id)).unwrap();
    let run = site.finish(&run.id);
    let events: Vec<_> = site.notes.events.lock().values().cloned().collect();
    let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=run.events_count).collect::<Vec<_>>());
    assert!(events.iter().all(|event| event.incident.as_deref() == Some("inc-42")));
    assert_eq!(events.last().unwrap().kind, EventKind::Judged);
    let calls = events.iter().filter(|event| event.kind == EventKind::Calling).count();
    assert_eq!(calls, site.cloud.ledger().len());
    assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert!(events[0].at >= Timestamp::EPOCH);
}
