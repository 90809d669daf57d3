use nines_actions::runbook::Runbook;
use nines_actions::{Level, Request, RunState};
use serde_json::json;

use crate::support::{Site, done, machine, operator};

const REPLACE: &str = r#"
apiVersion: nines/v1
kind: Runbook
metadata:
  name: replace-machine
spec:
  description: put a fresh machine into service, then take the old one out
  parameters:
    - {name: fresh, type: instance, description: the machine that comes}
    - {name: old, type: instance, description: the machine that goes}
  steps:
    - name: bring-in
      action: ec2.in_service
      with: {instanceIds: ["${fresh}"], targetGroup: shop-blue}
    - name: look
      manual: watch the error rate for five minutes
    - name: take-out
      action: ec2.off_service
      with: {instanceIds: ["${old}"], targetGroup: shop-blue}
      when: {done: bring-in}
      onFailure: human
"#;

#[test]
fn a_runbook_runs_on_the_same_machine() {
    let book = Runbook::parse(REPLACE).unwrap();
    assert_eq!(
        (book.name.as_str(), book.level, book.four_eyes),
        ("replace-machine", Level::Protected, false)
    );
    let values = json!({"fresh": machine(4), "old": machine(1)});
    let intent = book.intent(values.as_object().unwrap()).unwrap();
    let site = Site::calm();
    let run = done(site.actions.submit(&operator("mei"), intent, &Request::default())).unwrap();
    assert_eq!(run.plan.steps.len(), 8);
    assert_eq!(run.plan.radius.groups[0].healthy_min, 3);
    done(site.actions.start(&operator("mei"), &run.id)).unwrap();
    assert_eq!(site.finish(&run.id).state, RunState::WaitingForHuman);
    done(site.actions.answer(&operator("lin"), &run.id, nines_actions::Answer::Done)).unwrap();
    assert_eq!(site.finish(&run.id).state, RunState::Done);
}

#[test]
fn a_runbook_asks_for_no_less_than_what_it_does() {
    let text = REPLACE.replace(
        "manual: watch the error rate for five minutes",
        "action: asg.set_desired_capacity\n      with: {group: shop-web, desiredCapacity: 3}",
    );
    let book = Runbook::parse(&text).unwrap();
    assert_eq!((book.level, book.four_eyes), (Level::Private, true));
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let table = [
        ("kind: Runbook", "kind: Runbok", "line 3, column 7: `kind` must be `Runbook`"),
        (
            "  name: replace-machine",
            "  nam: x",
            "line 5, column 3: `metadata` has no `nam`; did you mean `name`?",
        ),
        (
            "ec2.in_service",
            "ec2.in_servce",
            "line 13, column 15: there is no action `ec2.in_servce`; did you mean `ec2.in_service`?",
        ),
        (
            "{instanceIds: [\"${fresh}\"]",
            "{instanceId: [\"${fresh}\"]",
            "line 14, column 14: `with of ec2.in_service` has no `instanceId`; did you mean `instanceIds`?",
        ),
        (
            "\"${fresh}\"",
            "\"${fresch}\"",
            "line 14, column 28: there is no parameter `fresch`; did you mean `fresh`?",
        ),
        (
            "\"${fresh}\"",
            "\"x-${fresh}\"",
            "line 14, column 28: a parameter stands alone, as `${name}`: it cannot be part of a longer text",
        ),
        (
            "{done: bring-in}",
            "{done: brin-in}",
            "line 20, column 20: there is no earlier step `brin-in`; did you mean `bring-in`?",
        ),
        ("{done: bring-in}", "{done: take-out}", "line 20, column 20: there is no earlier step `take-out`"),
        (
            "onFailure: human",
            "onFailure: panic",
            "line 21, column 18: `onFailure` must be `compensate`, `continue` or `human`",
        ),
        (
            "type: instance, description: the machine that comes",
            "type: instanc, description: x",
            "line 9, column 27: there is no type `instanc`; did you mean `instance`?",
        ),
        ("name: look", "name: bring-in", "line 15, column 7: there are two steps `bring-in`"),
        (
            "onFailure: human",
            "timeout: 25h",
            "line 21, column 16: `timeout` must be from 1s to 24h, such as `90s`, `10m` or `2h`",
        ),
    ];
    for (from, to, expected) in table {
        assert!(REPLACE.contains(from), "{from}");
        let error = Runbook::parse(&REPLACE.replacen(from, to, 1)).unwrap_err().to_string();
        assert_eq!(error, expected);
    }
    for text in
        ["", "a: [", "- x", "apiVersion: nines/v1\nkind: Runbook\nmetadata: {name: x}\nspec: {steps: []}"]
    {
        assert!(Runbook::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_value_that_does_not_fit_names_its_step() {
    let book = Runbook::parse(REPLACE).unwrap();
    let values = json!({"fresh": "i-1", "old": machine(1)});
    let told = book.intent(values.as_object().unwrap()).unwrap_err().to_string();
    assert_eq!(told, "`fresh` must be instance ids such as i-0abcd1234abcd1234, not `i-1`");
    let told = book.intent(json!({"fresh": machine(4)}).as_object().unwrap()).unwrap_err().to_string();
    assert_eq!(told, "`runbook/replace-machine` needs `old`: the machine that goes");
}

#[path = "../../../../tests/hostile/templates.rs"]
mod hostile;

/// Reliability F7: what is given for a parameter is a value, whatever language it is written in; and a runbook that holds a
/// template where a parameter could stand is refused or takes it as text.
#[test]
fn hostile_templates_reach_nothing() {
    let bait = hostile::Bait::lay();
    let templates = bait.templates();
    let mut refused = 0;
    for template in &templates {
        let quoted = serde_json::Value::from(template.as_str()).to_string();
        match Runbook::parse(&REPLACE.replacen("shop-blue", &quoted, 1)) {
            Ok(book) => {
                let shown = format!("{book:?}");
                assert_eq!(hostile::Bait::leaked(&shown), None, "{template}");
            }
            Err(error) => {
                assert_eq!(hostile::Bait::leaked(&error.to_string()), None, "{template}");
                refused += 1;
            }
        }
    }
    assert!(!bait.taken(), "a parameter has opened a connection");
    println!(
        "F7 {} values in a runbook: {refused} refused, the others text; nothing reached",
        templates.len()
    );
}
