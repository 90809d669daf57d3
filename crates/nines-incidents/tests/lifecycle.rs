#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use nines_base::ErrorKind;
use nines_incidents::contract::{at, report};
use nines_incidents::{
    Actor, Approval, ApprovalRole, Audience, Class, Command, EntryKind, Level, NewUpdate, Role, State,
    Statistics,
};

use crate::{World, lin};

#[tokio::test]
async fn a_report_becomes_an_incident_with_a_preliminary_level_and_a_timer() {
    let world = World::new();
    let incident = world.incidents.report(&report("checkout", Level::P1), &lin()).await.unwrap();
    assert_eq!(incident.id.to_string(), "INC-2026-0001");
    assert_eq!((incident.state, incident.class, incident.level()), (State::Reported, Class::S2, Level::P1));
    assert_eq!(incident.confirmation, None);
    assert_eq!(incident.next_update_at(), Some(at(20)));
    assert_eq!(world.kinds(incident.id).await, [EntryKind::Opened, EntryKind::PromiseArmed]);
    assert_eq!(world.effects().await, ["opened"]);
}

#[tokio::test]
async fn a_next_update_can_be_given_within_a_day() {
    let world = World::new();
    let mut wanted = report("checkout", Level::P1);
    for (minutes, expected) in
        [(0, "is not after now"), (-1, "is not after now"), (24 * 60 + 1, "more than a day")]
    {
        wanted.next_update_at = Some(at(minutes));
        let error = world.incidents.report(&wanted, &lin()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    wanted.next_update_at = Some(at(45));
    let incident = world.incidents.report(&wanted, &lin()).await.unwrap();
    assert_eq!((incident.next_update_at(), incident.id.number), (Some(at(45)), 1));
}

#[tokio::test]
async fn each_missing_field_is_named() {
    let world = World::new();
    for field in ["service", "scope", "status", "progress"] {
        let mut broken = report("checkout", Level::P1);
        match field {
            "service" => broken.service.clear(),
            "scope" => broken.scope = " ".to_owned(),
            "status" => broken.status.clear(),
            _ => broken.progress.clear(),
        }
        let error = world.incidents.report(&broken, &lin()).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("`{field}` is missing")), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let future = nines_incidents::Report { started_at: at(6), ..report("checkout", Level::P1) };
    assert!(world.incidents.report(&future, &lin()).await.is_err());
    assert_eq!(world.reported("checkout", Level::P1).await.number, 1, "refusals use up no number");
}

#[tokio::test]
async fn the_same_report_sent_twice_is_one_incident() {
    let world = World::new();
    let keyed = nines_incidents::Report {
        idempotency_key: Some("form-1".to_owned()),
        ..report("checkout", Level::P1)
    };
    let first = world.incidents.report(&keyed, &lin()).await.unwrap();
    assert_eq!(world.incidents.report(&keyed, &lin()).await.unwrap(), first);
}

#[tokio::test]
async fn marks_are_set_by_doing_and_durations_are_computed() {
    let world = World::new();
    let id = world.reported("checkout", Level::P1).await;
    world.pass(2);
    world.act(id, Command::Acknowledge).await.unwrap();
    world.pass(1);
    let confirmed = world.act(id, Command::Confirm { level: Level::P0 }).await.unwrap();
    assert_eq!(confirmed.state, State::Responding, "it was taken before it was confirmed");
    assert_eq!(confirmed.next_update_at(), Some(at(13)));
    assert_eq!(confirmed.roles[&Role::Commander], "lin");
    world.pass(4);
    world.act(id, Command::Mitigate { how: "rollback".to_owned() }).await.unwrap();
    world.pass(3);
    let resolved = world.act(id, Command::Resolve { summary: "bad build".to_owned() }).await.unwrap();
    let durations = resolved.marks.durations();
    let minutes = |duration: std::time::Duration| duration.as_secs() / 60;
    assert_eq!(minutes(durations.to_detect), 5);
    assert_eq!(durations.to_acknowledge.map(minutes), Some(2));
    assert_eq!(durations.to_mitigate.map(minutes), Some(12));
    assert_eq!(durations.to_resolve.map(minutes), Some(15));
    assert_eq!(resolved.next_update_at(), None);
    let statistics = Statistics::of([&resolved]);
    assert_eq!(statistics.time_to_resolve.value().map(minutes), Some(15));
    assert_eq!(statistics.on_time_rate(), None, "no promise fell due");
}

#[tokio::test]
async fn illegal_moves_are_refused_with_a_way_on() {
    let world = World::new();
    let id = world.reported("checkout", Level::P1).await;
    let resolve = || Command::Resolve { summary: "done".to_owned() };
    let error = world.act(id, resolve()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "INC-2026-0001 is reported and cannot be resolved: confirm its level first (nines incident confirm \
         INC-2026-0001 --level …), or cancel it"
    );
    assert_eq!(error.kind(), ErrorKind::Conflict);
    world.act(id, Command::Confirm { level: Level::P1 }).await.unwrap();
    world.act(id, resolve()).await.unwrap();
    let error = world.act(id, Command::Acknowledge).await.unwrap_err();
    assert!(error.to_string().ends_with("reopen it first (nines incident reopen INC-2026-0001 --reason …)"));
    let reopened = world.act(id, Command::Reopen { reason: "errors again".to_owned() }).await.unwrap();
    assert_eq!((reopened.state, reopened.marks.resolved), (State::Responding, None));
    assert_eq!(reopened.next_update_at(), Some(at(20)));
    let missing = "INC-2026-0099".parse().unwrap();
    assert_eq!(
        world.act(missing, resolve()).await.unwrap_err().to_string(),
        "there is no incident INC-2026-0099"
    );
}

#[tokio::test]
async fn a_machine_cannot_confirm_or_speak_for_people() {
    let world = World::new();
    let id = world.reported("checkout", Level::P1).await;
    let update = Command::PostUpdate(NewUpdate { text: "fine".to_owned(), ..NewUpdate::default() });
    for command in [Command::Confirm { level: Level::P0 }, Command::Acknowledge, update] {
        let error = world.incidents.act(id, &command, &Actor::system()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden, "{command:?}");
    }
}

#[tokio::test]
async fn the_public_is_told_only_with_two_approvals() {
    let world = World::new();
    let id = world.reported("checkout", Level::P1).await;
    let approve = |role, by: &str| Approval { role, by: by.to_owned() };
    let update = |approvals| {
        Command::PostUpdate(NewUpdate {
            text: "we are on it".to_owned(),
            audiences: vec![Audience::Public, Audience::Manager, Audience::Public],
            approvals,
            ..NewUpdate::default()
        })
    };
    let pr = approve(ApprovalRole::PublicRelations, "mei");
    for approvals in [vec![], vec![pr.clone()], vec![pr.clone(), approve(ApprovalRole::Manager, "mei")]] {
        assert_eq!(world.act(id, update(approvals)).await.unwrap_err().kind(), ErrorKind::Forbidden);
    }
    world.act(id, update(vec![pr, approve(ApprovalRole::Manager, "chen")])).await.unwrap();
    let posted = world.incidents.updates(id).await.unwrap();
    assert_eq!(posted[0].audiences, [Audience::Manager, Audience::Public]);
    assert_eq!(posted[0].approvals.len(), 2);
}

#[tokio::test]
async fn a_correction_is_a_new_entry() {
    let world = World::new();
    let id = world.reported("checkout", Level::P1).await;
    let before = world.timeline(id).await;
    world.act(id, Command::Correct { sequence: 1, text: "only iOS".to_owned() }).await.unwrap();
    let after = world.timeline(id).await;
    assert_eq!(after[..before.len()], before);
    assert_eq!(after.last().unwrap().refers_to, Some(1));
    let error = world.act(id, Command::Correct { sequence: 99, text: "?".to_owned() }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn merging_moves_alerts_and_stops_the_clock() {
    let world = World::new();
    let kept = world.reported("checkout", Level::P1).await;
    let signal = nines_incidents::contract::signal("a1", "payment", Level::P1);
    let folded = world.incidents.alert_fired(&signal).await.unwrap().incident.id;
    let target = world.incidents.merge(folded, kept, &lin()).await.unwrap();
    assert_eq!(target.id, kept);
    assert_eq!(target.services, ["checkout", "payment"]);
    let source = world.incidents.get(folded).await.unwrap();
    assert_eq!((source.state, source.merged_into, source.promise), (State::Merged, Some(kept), None));
    let resolved = world.incidents.alert_resolved("a1").await.unwrap().unwrap();
    assert_eq!((resolved.id, resolved.firing_alerts()), (kept, 0));
    let error = world.incidents.merge(kept, kept, &lin()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(world.incidents.merge(folded, kept, &lin()).await.is_err());
}

#[tokio::test]
async fn entries_on_many_timelines_are_one_write_and_one_refusal_stops_no_other() {
    let world = World::new();
    let one = world.reported("checkout", Level::P1).await;
    let two = world.reported("payment", Level::P1).await;
    let unknown = nines_incidents::IncidentId { year: 2026, number: 99 };
    let record = |text: &str| nines_incidents::Record {
        at: nines_base::Clock::now(&*world.clock),
        kind: EntryKind::Page,
        text: nines_incidents::Text::Plain(text.to_owned()),
        link: None,
    };
    let records = [
        (one, record("ann called by chat")),
        (unknown, record("nobody called")),
        (two, record("bo called by chat")),
        (one, record("ann called by sms")),
    ];
    let refused = world.incidents.record(&records, &lin()).await.unwrap();
    assert_eq!(refused.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [unknown]);
    for (incident, expected) in
        [(one, vec!["ann called by chat", "ann called by sms"]), (two, vec!["bo called by chat"])]
    {
        let entries = world.timeline(incident).await;
        assert!(
            entries.iter().map(|entry| entry.sequence).eq(1..=entries.len() as u64),
            "numbered without a gap"
        );
        let told: Vec<String> = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Page)
            .map(|entry| match &entry.text {
                nines_incidents::Text::Plain(text) => text.clone(),
                phrase => format!("{phrase:?}"),
            })
            .collect();
        assert_eq!(told, expected);
    }
}
