//! F10: every way of getting a privileged action done that is not the right one.

use nines_actions::cloud::sim::{SimConfig, World};
use nines_actions::{ActionError, Caller, Effect, Level, Person, Request, Rules, RunId, RunState};
use nines_base::ErrorKind;
use serde_json::{Value, json};

use crate::support::{Site, done, intent, machine, operator};

/// Privileged actions with values that are right, and a change of the world under each plan.
fn privileged() -> Vec<(&'static str, Value, Effect)> {
    let weights = |blue: u16| [("shop-blue".to_owned(), blue), ("shop-green".to_owned(), 100 - blue)].into();
    vec![
        (
            "asg.set_desired_capacity",
            json!({"group": "shop-web", "desiredCapacity": 4}),
            Effect::SetDesired { group: "shop-web".to_owned(), desired: 2 },
        ),
        (
            "asg.set_weight",
            json!({"listener": "shop", "weights": {"shop-blue": 50, "shop-green": 50}}),
            Effect::SetWeights { listener: "shop".to_owned(), weights: weights(90) },
        ),
        ("ec2.stop", json!({"instanceIds": [machine(1)]}), Effect::StopInstance { instance: machine(1) }),
        (
            "ec2.off_service",
            json!({"instanceIds": [machine(2)], "targetGroup": "shop-blue"}),
            Effect::Deregister { group: "shop-blue".to_owned(), instance: machine(2) },
        ),
        (
            "waf.block",
            json!({"list": "blocked", "addresses": ["203.0.113.7/32"]}),
            Effect::Block { list: "blocked".to_owned(), addresses: ["203.0.113.7/32".to_owned()].into() },
        ),
    ]
}

fn guarded() -> Site {
    let four_eyes = privileged().iter().map(|(name, _, _)| (*name).to_owned()).collect();
    let rules = Rules { four_eyes, ..Rules::default() };
    // Slow enough that a change of the world is still seen as one.
    Site::new(5, SimConfig::default(), World::demo(), rules)
}

fn requested(site: &Site, action: &str, values: &Value) -> RunId {
    let intent = intent(action, values.clone()).unwrap();
    done(site.actions.submit(&operator("mei"), intent, &Request::default())).unwrap().id
}

fn approved(site: &Site, action: &str, values: &Value) -> RunId {
    let id = requested(site, action, values);
    let hash = site.run(&id).plan.hash;
    done(site.actions.approve(&operator("lin"), &id, &hash)).unwrap();
    id
}

type Abuse = fn(&Site, &str, &Value, &Effect) -> Result<RunId, ActionError>;

fn start(site: &Site, who: &Caller, id: &RunId) -> Result<RunId, ActionError> {
    done(site.actions.start(who, id)).map(|run| run.id)
}

fn approve(site: &Site, who: &Caller, id: &RunId, hash: &str) -> Result<RunId, ActionError> {
    done(site.actions.approve(who, id, hash))?;
    start(site, &operator("mei"), id)
}

const ABUSES: &[(&str, ErrorKind, Abuse)] = &[
    ("no approval", ErrorKind::Conflict, |site, action, values, _| {
        let id = requested(site, action, values);
        start(site, &operator("mei"), &id)
    }),
    ("self-approval", ErrorKind::Forbidden, |site, action, values, _| {
        let id = requested(site, action, values);
        let hash = site.run(&id).plan.hash;
        approve(site, &operator("mei"), &id, &hash)
    }),
    ("self-approval by another key", ErrorKind::Forbidden, |site, action, values, _| {
        let id = requested(site, action, values);
        let hash = site.run(&id).plan.hash;
        let author = operator("mei").person.unwrap();
        let second = Person { id: author.id.clone(), key_maker: None };
        let made_out = Person { id: "account-lin".to_owned(), key_maker: Some(author.id) };
        for person in [Some(second), Some(made_out), None] {
            let refusal = approve(site, &Caller { person, ..operator("not-mei") }, &id, &hash);
            refusal.err().filter(|error| error.kind() == ErrorKind::Forbidden).expect("it is the author");
        }
        // Their own key, of which the author has a copy.
        let copied = Person { id: "account-lin".to_owned(), key_maker: Some("account-mei".to_owned()) };
        approve(site, &Caller { person: Some(copied), ..operator("lin") }, &id, &hash)
    }),
    ("approval without the right", ErrorKind::Forbidden, |site, action, values, _| {
        let id = requested(site, action, values);
        let hash = site.run(&id).plan.hash;
        approve(site, &Caller { may_approve: false, ..operator("lin") }, &id, &hash)
    }),
    ("approval by a rule", ErrorKind::Forbidden, |site, action, values, _| {
        let id = requested(site, action, values);
        let hash = site.run(&id).plan.hash;
        approve(site, &Caller { is_automated: true, ..operator("lin") }, &id, &hash)
    }),
    ("approval of another plan", ErrorKind::Conflict, |site, action, values, _| {
        let id = requested(site, action, values);
        approve(site, &operator("lin"), &id, &"0".repeat(64))
    }),
    ("approval from below the level", ErrorKind::Forbidden, |site, action, values, _| {
        let id = requested(site, action, values);
        let hash = site.run(&id).plan.hash;
        approve(site, &Caller { level: Level::Public, ..operator("lin") }, &id, &hash)
    }),
    ("a plan changed after approval", ErrorKind::Conflict, |site, action, values, _| {
        let id = approved(site, action, values);
        // Somebody with a hand in the store swaps the steps under the approved hash.
        let mut run = site.run(&id);
        let mut other = run.plan.steps[0].clone();
        other.draft.timeout += std::time::Duration::from_secs(1);
        run.plan.steps[0] = other;
        done(nines_actions::Runs::save(&*site.runs, &mut run)).unwrap();
        start(site, &operator("mei"), &id)
    }),
    ("a world changed between dry run and start", ErrorKind::Conflict, |site, action, values, effect| {
        let id = approved(site, action, values);
        done(nines_actions::Cloud::change(&*site.cloud, "somebody-else", effect)).unwrap();
        site.advance(30);
        start(site, &operator("mei"), &id)
    }),
    ("an expired approval", ErrorKind::Forbidden, |site, action, values, _| {
        let id = approved(site, action, values);
        site.advance(3_600);
        start(site, &operator("mei"), &id)
    }),
    ("a replayed start", ErrorKind::Conflict, |site, action, values, _| {
        let id = approved(site, action, values);
        done(site.actions.start(&operator("mei"), &id)).unwrap();
        site.finish(&id);
        start(site, &operator("mei"), &id)
    }),
    ("a replayed approval for a new run", ErrorKind::Conflict, |site, action, values, _| {
        let old = approved(site, action, values);
        let approval = site.run(&old).approval;
        let id = requested(site, action, values);
        assert_ne!(old, id);
        assert!(approval.is_some());
        start(site, &operator("mei"), &id)
    }),
    ("a scope for something else", ErrorKind::Forbidden, |site, action, values, _| {
        let id = approved(site, action, values);
        let scopes = vec!["runbook/*".to_owned(), format!("{action}x"), "ec2.describe".to_owned()];
        start(site, &Caller { scopes, ..operator("mei") }, &id)
    }),
    ("a level below", ErrorKind::Forbidden, |site, action, values, _| {
        let id = approved(site, action, values);
        start(site, &Caller { level: Level::Public, ..operator("mei") }, &id)
    }),
    ("a start while everything is stopped", ErrorKind::Unavailable, |site, action, values, _| {
        let id = approved(site, action, values);
        done(site.actions.stop_all(&operator("lin"), "drill")).unwrap();
        start(site, &operator("mei"), &id)
    }),
    ("a start while nobody can write it down", ErrorKind::Unavailable, |site, action, values, _| {
        let id = approved(site, action, values);
        site.notes.refuses.store(true, std::sync::atomic::Ordering::Relaxed);
        start(site, &operator("mei"), &id)
    }),
    ("a start after it was cancelled", ErrorKind::Conflict, |site, action, values, _| {
        let id = approved(site, action, values);
        done(site.actions.cancel(&operator("mei"), &id)).unwrap();
        start(site, &operator("mei"), &id)
    }),
    ("a request for another plan than was seen", ErrorKind::Conflict, |site, action, values, _| {
        let request = Request { plan_hash: Some("0".repeat(64)), ..Request::default() };
        let intent = intent(action, values.clone()).unwrap();
        done(site.actions.submit(&operator("mei"), intent, &request)).map(|run| run.id)
    }),
];

#[test]
fn no_privileged_action_is_done_in_a_way_that_is_not_the_right_one() {
    let mut tried = 0;
    for (action, values, drift) in privileged() {
        for (abuse, kind, attempt) in ABUSES {
            let site = guarded();
            let refusal = attempt(&site, action, &values, &drift);
            let error = refusal.err().unwrap_or_else(|| panic!("{action}: {abuse} was let through"));
            assert_eq!(error.kind(), *kind, "{action}: {abuse}: {error}");
            let before = site.cloud.ledger();
            for run in done(nines_actions::Runs::list(&*site.runs, &Default::default(), 10)).unwrap() {
                let _ = done(site.actions.tick(&run.id));
            }
            assert_eq!(site.cloud.ledger(), before, "{action}: {abuse} had an effect");
            tried += 1;
        }
        // The right way works.
        let site = guarded();
        let id = approved(&site, action, &values);
        start(&site, &operator("mei"), &id).unwrap();
        assert_eq!(site.finish(&id).state, RunState::Done, "{action}");
    }
    println!("abuses tried {tried}, unauthorised effects 0");
}

#[test]
fn a_plan_over_the_blast_radius_cannot_be_asked_for() {
    let site = Site::calm();
    let all: Vec<_> = (1..=3).map(machine).collect();
    for (action, values) in [
        ("ec2.off_service", json!({"instanceIds": all, "targetGroup": "shop-blue"})),
        ("elb.deregister", json!({"instanceIds": [machine(1), machine(2)], "targetGroup": "shop-blue"})),
        ("ec2.start", json!({"instanceIds": (1..=11).map(machine).collect::<Vec<_>>()})),
    ] {
        let intent = intent(action, values).unwrap();
        let refused = done(site.actions.submit(&operator("mei"), intent, &Request::default())).unwrap_err();
        let is_refused = matches!(refused, ActionError::OverRadius { .. } | ActionError::Impossible { .. });
        assert!(is_refused, "{action}: {refused}");
    }
    let one =
        intent("elb.deregister", json!({"instanceIds": [machine(1)], "targetGroup": "shop-blue"})).unwrap();
    let plan = done(site.actions.plan(&operator("mei"), one)).unwrap();
    assert_eq!((plan.radius.groups[0].healthy, plan.radius.groups[0].healthy_min), (3, 2));
    let unknown = intent("ec2.stop", json!({"instanceIds": [machine(77)]})).unwrap();
    let refused = done(site.actions.plan(&operator("mei"), unknown)).unwrap_err().to_string();
    assert_eq!(refused, "the plan is not possible: there is no instance/i-0000000000000004d");
}

#[test]
fn the_same_request_in_the_same_world_has_the_same_hash() {
    let plan = || {
        let site = Site::calm();
        let intent =
            intent("asg.set_desired_capacity", json!({"group": "shop-web", "desiredCapacity": 4})).unwrap();
        done(site.actions.plan(&operator("mei"), intent)).unwrap()
    };
    assert_eq!(plan(), plan());
    // Changing this value breaks approvals that are on their way: count the hash's version up.
    assert_eq!(plan().hash, "c6f0435d0be2cd129b2e9b244201c8f8e1509171f1ee48cf13693a9645b85df2");
}
