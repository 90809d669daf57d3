//! The fifteen paths of InfraAPI on the simulated cloud.

use std::collections::BTreeSet;

use nines_actions::infra::{PATHS, Reply, dispatch};
use nines_actions::{ActionError, Caller, Level, RunId, RunState};
use serde_json::{Value, json};

use crate::support::{Site, done, in_service, machine, operator};

fn call(site: &Site, path: &str, body: Value, dry_run: bool) -> Result<Reply, ActionError> {
    let row = PATHS.iter().find(|row| row.path == path).unwrap();
    done(dispatch(&site.actions, path, row.method, &body, dry_run, &operator("mei")))
}

fn body_of(path: &str) -> Value {
    match path.rsplit_once("AWSResource/").map_or(path, |(_, name)| name) {
        "/Ops/Slack" => json!({"text": "help"}),
        "EC2/InService" => in_service(4),
        "EC2/Start" => json!({"instanceIds": [machine(4)]}),
        "ELB/Register" => json!({"instanceIds": [machine(1)], "targetGroup": "shop-green"}),
        "EC2/OffService" | "ELB/Deregister" => in_service(1),
        "EC2/Stop" => json!({"instanceIds": [machine(1)]}),
        "ELB/AddRuleQuarantine" => json!({
            "listener": "shop",
            "quarantineGroup": "quarantine",
            "priority": 10,
            "sourceIps": ["203.0.113.0/24"],
        }),
        "EC2/TerminatedUpdateTable" => json!({"instanceId": machine(6), "reason": "disk"}),
        "ELB/GroupInstancesState" => json!({"targetGroup": "shop-blue"}),
        "ASG/CreateLaunchTemplate" => {
            json!({"name": "fresh", "imageId": "ami-1", "instanceType": "m7g.large"})
        }
        "ASG/LaunchTemplateList" => json!({}),
        "ASG/SetDesiredCapacity" => json!({"group": "shop-web", "desiredCapacity": 3}),
        "ASG/SetWeight" => json!({"listener": "shop", "weights": {"shop-blue": 60, "shop-green": 40}}),
        "ASG/GroupWeight" => json!({"listener": "shop"}),
        other => panic!("{other}"),
    }
}

#[test]
fn the_paths_are_exactly_those_of_the_promise() {
    let paths: Vec<_> = PATHS.iter().map(|row| format!("{} {}", row.method, row.path)).collect();
    assert_eq!(
        paths.join("\n"),
        "\
POST /Ops/Slack
POST /Ops/AWSResource/ELB/Deregister
POST /Ops/AWSResource/EC2/InService
POST /Ops/AWSResource/EC2/OffService
POST /Ops/AWSResource/ELB/Register
POST /Ops/AWSResource/EC2/Start
POST /Ops/AWSResource/EC2/Stop
POST /Ops/AWSResource/ELB/AddRuleQuarantine
POST /Ops/AWSResource/EC2/TerminatedUpdateTable
POST /Ops/AWSResource/ELB/GroupInstancesState
POST /Ops/AWSResource/ASG/CreateLaunchTemplate
GET /Ops/AWSResource/ASG/LaunchTemplateList
POST /Ops/AWSResource/ASG/SetDesiredCapacity
POST /Ops/AWSResource/ASG/SetWeight
GET /Ops/AWSResource/ASG/GroupWeight"
    );
    let behind: BTreeSet<_> = PATHS.iter().filter_map(|row| row.action()).map(|action| action.name).collect();
    assert_eq!(behind.len(), 14);
    assert_eq!(PATHS[9].level(), Level::Public);
}

#[test]
fn every_path_answers_and_a_dry_run_does_nothing() {
    for row in PATHS {
        let site = Site::calm();
        let plan = call(&site, row.path, body_of(row.path), true).unwrap();
        assert_eq!(site.cloud.ledger(), []);
        let reply = call(&site, row.path, body_of(row.path), false).unwrap();
        let Reply::Accepted(run) = reply else {
            assert!(matches!(plan, Reply::Ok(_)));
            continue;
        };
        assert_eq!(plan.body()["planHash"], run["planHash"], "{}", row.path);
        let id = RunId(run["run"].as_str().unwrap().to_owned());
        if run["state"] == "waiting_for_approval" {
            let hash = run["planHash"].as_str().unwrap();
            done(site.actions.approve(&operator("lin"), &id, hash)).unwrap();
            done(site.actions.start(&operator("mei"), &id)).unwrap();
        }
        assert_eq!(site.finish(&id).state, RunState::Done, "{}", row.path);
        // Doing it again has nothing to do.
        let count = site.cloud.ledger().len();
        let again = call(&site, row.path, body_of(row.path), true).unwrap();
        let steps = again.body()["steps"].as_array().unwrap().clone();
        let changes = steps.iter().filter(|step| !step["description"].as_str().unwrap().starts_with("wait"));
        assert!(changes.clone().all(|step| step["nothingToDo"] == true), "{}: {steps:?}", row.path);
        assert!(count > 0, "{}", row.path);
    }
}

#[test]
fn reads_tell_what_is_there() {
    let site = Site::calm();
    let state =
        call(&site, "/Ops/AWSResource/ELB/GroupInstancesState", json!({"targetGroup": "shop-blue"}), false);
    assert_eq!(state.unwrap().body()["instances"][0], json!({"instanceId": machine(1), "state": "healthy"}));
    let weight = call(&site, "/Ops/AWSResource/ASG/GroupWeight", json!({"listener": "shop"}), false).unwrap();
    assert_eq!(weight.body(), &json!({"weights": {"shop-blue": 100, "shop-green": 0}}));
}

#[test]
fn wrong_calls_say_what_is_wrong() {
    let site = Site::calm();
    let told = |path: &str, method: &str, body: Value, caller: &Caller| {
        done(dispatch(&site.actions, path, method, &body, false, caller)).unwrap_err().to_string()
    };
    let mei = operator("mei");
    assert_eq!(
        told("/Ops/AWSResource/EC2/Strat", "POST", json!({}), &mei),
        "there is no path `POST /Ops/AWSResource/EC2/Strat`; did you mean `/Ops/AWSResource/EC2/Start`?"
    );
    assert_eq!(
        told("/Ops/AWSResource/EC2/Start", "POST", json!({"instanceID": []}), &mei),
        "there is no parameter `instanceID` of `ec2.start`; did you mean `instanceIds`?"
    );
    assert_eq!(
        told("/Ops/AWSResource/EC2/Start", "POST", json!({"instanceIds": ["-rf"]}), &mei),
        "`instanceIds` must be instance ids such as i-0abcd1234abcd1234, not `-rf`"
    );
    let reader = Caller { level: Level::Public, ..operator("reader") };
    assert_eq!(
        told("/Ops/AWSResource/EC2/Stop", "POST", json!({"instanceIds": [machine(1)]}), &reader),
        "reader may not do this: this is protected, and they may call what is public"
    );
    let mut rule = body_of("/Ops/AWSResource/ELB/AddRuleQuarantine");
    rule.as_object_mut().unwrap().remove("sourceIps");
    assert!(told("/Ops/AWSResource/ELB/AddRuleQuarantine", "POST", rule, &mei).contains("all traffic"));
}

#[test]
fn a_chat_command_plans_confirms_and_tells_at_the_callers_own_level() {
    let site = Site::calm();
    let say = |text: &str, caller: &Caller| {
        let body = json!({"text": text});
        let reply = done(dispatch(&site.actions, "/Ops/Slack", "POST", &body, false, caller))?;
        Ok::<_, ActionError>(reply.body()["text"].as_str().unwrap().to_owned())
    };
    let mei = operator("mei");
    let plan = say(&format!("ec2.stop instanceIds={} incident=inc-7", machine(2)), &mei).unwrap();
    assert!(plan.contains("• stop instance i-00000000000000002\nto do it: confirm "), "{plan}");
    assert_eq!(site.cloud.ledger(), []);
    let id = plan.rsplit(' ').next().unwrap().to_owned();
    let reader = Caller { level: Level::Public, ..operator("reader") };
    assert!(say(&format!("confirm {id}"), &reader).is_err());
    assert!(say(&format!("confirm {id}"), &mei).unwrap().starts_with("started ec2.stop"));
    let run = site.finish(&RunId(id.clone()));
    assert_eq!((run.state, run.incident.as_deref()), (RunState::Done, Some("inc-7")));
    assert_eq!(say(&format!("status {id}"), &mei).unwrap(), format!("{id} is done"));
    for wrong in ["ec2.stop instanceIds=$(id)", "ec2.stop x", "reboot", "confirm", "confirm nobody"] {
        assert!(say(wrong, &mei).is_err(), "{wrong}");
    }
    let waits = say("asg.set_weight listener=shop weights=shop-blue:50,shop-green:50", &mei).unwrap();
    assert!(waits.contains("somebody else has to approve"), "{waits}");
}
