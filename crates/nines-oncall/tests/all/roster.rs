//! Whom a policy means, as things are declared; and what people change by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use nines_base::ManualClock;
use nines_incidents::Role;
use nines_model::TimeRange;
use nines_oncall::document::Documents;
use nines_oncall::escalation::{Directory, Reach, Target, TargetKind, Urgency};
use nines_oncall::{BROWSERS, By, MemoryOncall, PersonId, Roster, Rota, RotaError};
use nines_slo::Registry;
use nines_slo::documents::parse_with;

use crate::schedules::at;

const FILE: &str = r#"
apiVersion: nines/v1
kind: Channel
metadata: {name: shop-chat}
spec: {type: webhook, url: "https://hooks.example/shop"}
---
apiVersion: nines/v1
kind: Team
metadata: {name: shop}
spec: {members: [ann, bo], channels: [shop-chat], escalation: front}
---
apiVersion: nines/v1
kind: Team
metadata: {name: desk}
spec: {members: [lin], channels: [shop-chat], firstLine: true}
---
apiVersion: nines/v1
kind: Service
metadata: {name: checkout}
spec: {owner: shop}
---
apiVersion: nines/v1
kind: Schedule
metadata: {name: front}
spec:
  timeZone: UTC
  layers:
    - name: week
      rotation: {every: 1w, on: mon, from: "2026-01-05"}
      participants: [ann]
---
apiVersion: nines/v1
kind: EscalationPolicy
metadata: {name: front}
spec: {steps: [{name: first, targets: [{schedule: front}]}]}
---
apiVersion: nines/v1
kind: PersonalRules
metadata: {name: ann}
spec: {high: [{channel: ann-phone}], low: []}
"#;

fn roster() -> Roster {
    let mut documents = Documents::default();
    let parsed = parse_with(None, FILE, &mut documents).unwrap();
    let mut registry = Registry::default();
    registry.apply(parsed.documents).unwrap();
    Roster::of(&documents, &registry)
}

#[test]
fn an_incident_escalates_by_the_policy_of_the_team_of_its_service() {
    let roster = roster();
    let policy = |service: &str| roster.policy_of(&[service.to_owned()]).map(|policy| policy.name.clone());
    assert_eq!(policy("checkout").as_deref(), Some("front"));
    // The first line answers for what nobody owns, and has no policy: its pages go by its routes.
    assert_eq!(policy("unheard-of"), None);
    assert_eq!(roster.team_of(&["unheard-of".to_owned()]).map(|(name, _)| name), Some("desk"));
}

#[test]
fn targets_mean_people_and_people_have_channels() {
    let roster = roster();
    let roles = BTreeMap::from([(Role::Commander, "lin".to_owned())]);
    let directory = roster.for_roles(&roles);
    let now = at("2026-11-22T00:00:00Z");
    let people = |names: &[&str]| Reach::People(names.iter().map(|name| PersonId::new(*name)).collect());
    for (kind, name, expected) in [
        (TargetKind::Schedule, "front", people(&["ann"])),
        (TargetKind::Team, "shop", people(&["ann", "bo"])),
        (TargetKind::Person, "zoe", people(&["zoe"])),
        (TargetKind::Role, "commander", people(&["lin"])),
        (TargetKind::Role, "deputy", Reach::Nobody),
        (TargetKind::Role, "captain", Reach::Unknown),
        (TargetKind::Team, "shap", Reach::Unknown),
    ] {
        assert_eq!(directory.reach(&Target::new(kind, name), now), expected, "{kind:?} {name}");
    }
    let channels = |person: &str, urgency: Urgency| -> Vec<String> {
        let contacts = directory.contacts(&PersonId::new(person), urgency);
        contacts.into_iter().map(|contact| contact.channel).collect()
    };
    assert_eq!(channels("ann", Urgency::High), ["ann-phone"]);
    assert_eq!(channels("bo", Urgency::High), ["shop-chat"], "without rules: the channels of the team");
    assert_eq!(channels("bo", Urgency::Low), [""; 0], "and a ticket for what can wait");
    assert_eq!(channels("zoe", Urgency::High), [""; 0]);
}

#[tokio::test]
async fn browsers_are_called_where_rules_name_them_and_where_there_are_none() {
    let now = at("2026-11-22T00:00:00Z");
    let rota = Rota::new(Arc::new(MemoryOncall::default()), ManualClock::at(now));
    let channels = |person: &str, urgency: Urgency| -> Vec<String> {
        let (roster, roles) = (rota.roster(), BTreeMap::new());
        let contacts = roster.for_roles(&roles).contacts(&PersonId::new(person), urgency);
        contacts.into_iter().map(|contact| contact.channel).collect()
    };
    rota.declare(roster()).await.unwrap();
    rota.set_browsers(["ann", "bo", "zoe"].map(PersonId::new).into()).await;
    assert_eq!(channels("ann", Urgency::High), ["ann-phone"], "her rules do not name them");
    assert_eq!(channels("bo", Urgency::High), ["browsers/bo", "shop-chat"]);
    assert_eq!(channels("bo", Urgency::Low), [""; 0], "a ticket, as before");
    assert_eq!(channels("zoe", Urgency::High), ["browsers/zoe"], "she is in no team and can be reached");
    // What is declared anew forgets nobody's browser.
    let mut declared = roster();
    let rules = declared.rules.get_mut(&PersonId::new("ann")).unwrap();
    rules.high[0].channel = BROWSERS.to_owned();
    rota.declare(declared).await.unwrap();
    assert_eq!(channels("ann", Urgency::High), ["browsers/ann"]);
    assert_eq!(channels("bo", Urgency::High), ["browsers/bo", "shop-chat"]);
    rota.set_browsers(std::collections::BTreeSet::new()).await;
    assert_eq!(channels("bo", Urgency::High), ["shop-chat"]);
    assert_eq!(
        channels("ann", Urgency::High),
        ["browsers/ann"],
        "which fails, and her next contact is called"
    );
}

#[tokio::test]
async fn what_people_change_by_hand_holds_at_once_and_can_be_taken_back() {
    let now = at("2026-11-22T00:00:00Z");
    let rota = Rota::new(Arc::new(MemoryOncall::default()), ManualClock::at(now));
    rota.declare(roster()).await.unwrap();
    let by = |id: &str| By { id: id.to_owned(), author: "bo".to_owned(), reason: "ann is ill".to_owned() };
    let range = TimeRange::new(now, at("2026-11-23T00:00:00Z"));
    let (ann, bo) = (PersonId::new("ann"), PersonId::new("bo"));
    let who = || rota.roster().schedules["front"].on_call_at(now).people;
    rota.take("front", &ann, &bo, range, &by("1")).await.unwrap();
    assert_eq!(who(), std::slice::from_ref(&bo));
    // Documents that are applied again do not undo it.
    rota.declare(roster()).await.unwrap();
    assert_eq!(who(), [bo]);
    rota.remove_override("front", "1").await.unwrap();
    assert_eq!(who(), std::slice::from_ref(&ann));
    assert!(matches!(rota.remove_override("front", "1").await, Err(RotaError::NoOverride { .. })));
    let error = rota.put_override("fron", range, vec![ann], &by("2")).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no schedule `fron`: did you mean `front`?");
    let empty = rota.put_override("front", range, Vec::new(), &by("3")).await;
    assert!(matches!(empty, Err(RotaError::Nobody)), "{empty:?}");
}
