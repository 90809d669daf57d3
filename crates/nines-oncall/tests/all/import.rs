//! Exports of three other tools, cut down to what matters, and who is on call after the move.

use nines_oncall::import::{Imported, goalert, grafana, pagerduty};
use nines_oncall::{Schedule, Unit};

use crate::schedules::at;

fn who(schedule: &Schedule, when: &str) -> String {
    let people = schedule.on_call_at(at(when)).people;
    people.iter().map(|person| person.as_str()).collect::<Vec<_>>().join("+")
}

fn notes(imported: &Imported) -> Vec<String> {
    imported.notes.iter().map(ToString::to_string).collect()
}

#[test]
fn pagerduty_schedules_and_policies_move() {
    let imported = pagerduty(
        br#"{"users": [{"id": "U1", "name": "Ann", "email": "ann@shop.example"}, {"id": "U2", "name": "Bo"}],
        "schedules": [{"id": "S1", "name": "Primary (EU)", "time_zone": "Europe/Berlin", "schedule_layers": [
          {"name": "nights", "start": "2026-01-05T00:00:00+01:00", "rotation_virtual_start": "2026-01-05T00:00:00+01:00",
           "rotation_turn_length_seconds": 86400, "users": [{"user": {"id": "U9", "summary": "Nora"}}],
           "restrictions": [{"type": "daily_restriction", "start_time_of_day": "22:00:00", "duration_seconds": 28800}]},
          {"name": "week", "start": "2026-01-05T09:00:00+01:00", "rotation_virtual_start": "2026-01-05T09:00:00+01:00",
           "rotation_turn_length_seconds": 604800, "users": [{"user": {"id": "U1"}}, {"user": {"id": "U2"}}]}]}],
        "escalation_policies": [
          {"id": "P1", "name": "Shop", "num_loops": 3, "escalation_rules": [
            {"escalation_delay_in_minutes": 10, "targets": [{"id": "S1", "type": "schedule_reference", "summary": "Primary (EU)"}]},
            {"escalation_delay_in_minutes": 30, "targets": [{"id": "U2", "type": "user_reference"}]}]},
          {"id": "P2", "name": "Empty", "num_loops": 0, "escalation_rules": []}]}"#,
    )
    .unwrap();
    let schedule = &imported.schedules[0];
    assert_eq!(schedule.name, "primary-eu");
    // Nights lie on top; the week hands over on Mondays at nine in Berlin, in summer too.
    assert_eq!(who(schedule, "2026-07-06T06:59:00Z"), "Bo");
    assert_eq!(who(schedule, "2026-07-06T07:00:00Z"), "ann@shop.example");
    assert_eq!(who(schedule, "2026-07-06T21:00:00Z"), "Nora");
    let policy = &imported.policies[0];
    assert_eq!((policy.repeat, policy.steps.len()), (3, 2));
    assert_eq!(policy.steps[0].targets[0].to_string(), "schedule primary-eu");
    assert_eq!(
        notes(&imported),
        [
            "schedule Primary (EU): translated",
            "escalation policy Shop: translated",
            "escalation policy Empty: left out: escalation policy `empty` has no steps; add one that calls a person, a team or a schedule",
        ]
    );
}

#[test]
fn grafana_oncall_moves_with_its_pauses() {
    let imported = grafana(
        br#"{"users": {"results": [{"id": "U1", "email": "ann@x", "username": "ann"}, {"id": "U2", "email": "", "username": "bo"}]},
        "schedules": {"results": [{"id": "S1", "name": "Demo", "type": "web", "time_zone": "Asia/Taipei", "shifts": ["O1", "O2", "O3"]}]},
        "on_call_shifts": {"results": [
          {"id": "O1", "name": "weekly", "type": "rolling_users", "level": 0, "start": "2026-01-05T09:00:00", "duration": 604800,
           "frequency": "weekly", "interval": 1, "rolling_users": [["U1"], ["U2"]], "start_rotation_from_user_index": 1},
          {"id": "O2", "name": "lunch", "type": "recurrent_event", "level": 1, "start": "2026-01-05T12:00:00", "duration": 3600,
           "frequency": "weekly", "interval": 1, "by_day": ["MO", "TU"], "users": ["U1", "U2"]},
          {"id": "O3", "name": "once", "type": "single_event", "start": "2026-01-05T12:00:00", "duration": 3600}]},
        "escalation_chains": [{"id": "F1", "name": "default"}],
        "escalation_policies": [
          {"id": "E3", "escalation_chain_id": "F1", "position": 2, "type": "notify_persons", "persons_to_notify": ["U2"]},
          {"id": "E1", "escalation_chain_id": "F1", "position": 0, "type": "notify_on_call_from_schedule", "notify_on_call_from_schedule": "S1"},
          {"id": "E2", "escalation_chain_id": "F1", "position": 1, "type": "wait", "duration": 300},
          {"id": "E4", "escalation_chain_id": "F1", "position": 3, "type": "resolve"},
          {"id": "E5", "escalation_chain_id": "F1", "position": 4, "type": "repeat_escalation"}]}"#,
    )
    .unwrap();
    let schedule = &imported.schedules[0];
    assert_eq!(who(schedule, "2026-01-05T01:00:00Z"), "bo");
    assert_eq!(who(schedule, "2026-01-06T04:30:00Z"), "ann@x+bo");
    assert_eq!(who(schedule, "2026-01-07T04:30:00Z"), "bo");
    let policy = &imported.policies[0];
    assert_eq!(policy.steps[0].timeout.unwrap().as_secs(), 300);
    assert_eq!((policy.steps[0].targets[0].to_string().as_str(), policy.repeat), ("schedule demo", 5));
    let notes = notes(&imported);
    assert!(
        notes[0].contains("a shift of type single_event has no counterpart; add it as an override"),
        "{notes:?}"
    );
    assert!(
        notes.iter().any(|note| note.ends_with("a step of type resolve has no counterpart")),
        "{notes:?}"
    );
}

#[test]
fn goalert_calls_all_its_targets_after_the_move_too() {
    let imported = goalert(
        br#"{"data": {"users": {"nodes": [{"id": "u1", "name": "Ann", "email": "ann@x"}, {"id": "u2", "name": "Bo", "email": "bo@x"}]},
        "rotations": {"nodes": [{"id": "r1", "name": "Weekly", "type": "weekly", "shiftLength": 2, "timeZone": "America/Chicago",
          "start": "2026-01-05T15:00:00Z", "userIDs": ["u1", "u2"]}]},
        "schedules": {"nodes": [{"id": "s1", "name": "Ops", "timeZone": "America/Chicago", "targets": [
          {"target": {"type": "rotation", "id": "r1", "name": "Weekly"},
           "rules": [{"start": "00:00", "end": "00:00", "weekdayFilter": [true, true, true, true, true, true, true]}]},
          {"target": {"type": "user", "id": "u2", "name": "Bo"},
           "rules": [{"start": "20:00", "end": "08:00", "weekdayFilter": [true, false, false, false, false, false, true]}]}]}]},
        "escalationPolicies": {"nodes": [{"id": "e1", "name": "Ops", "repeat": 2, "steps": [
          {"delayMinutes": 15, "targets": [{"type": "schedule", "id": "s1", "name": "Ops"}, {"type": "slackChannel", "id": "C1", "name": "x"}]}]}]}}}"#,
    )
    .unwrap();
    let [rotation, nights] = &imported.schedules[..] else { panic!("{:?}", notes(&imported)) };
    assert_eq!((rotation.layers[0].rotation.unit, rotation.layers[0].rotation.length), (Unit::Week, 2));
    assert_eq!(who(rotation, "2026-01-19T14:59:00Z"), "ann@x");
    assert_eq!(who(rotation, "2026-01-19T15:00:00Z"), "bo@x");
    // Saturday night in Chicago, and not Friday's.
    assert_eq!(who(nights, "2026-01-11T03:00:00Z"), "bo@x");
    assert_eq!(who(nights, "2026-01-10T03:00:00Z"), "");
    assert_eq!(imported.policies[0].steps[0].targets.len(), 2);
    let notes = notes(&imported);
    assert!(
        notes.contains(
            &"escalation policy Ops: left out: a target of type slackChannel has no counterpart".to_owned()
        ),
        "{notes:?}"
    );
}
