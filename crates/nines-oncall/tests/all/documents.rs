//! On-call as files: what is read, and what is said of mistakes.

use nines_incidents::Level;
use nines_oncall::document::{Documents, parse};
use nines_oncall::escalation::{TargetKind, Urgency};
use nines_oncall::noise::When;
use nines_oncall::{Holidays, Unit};

use crate::schedules::at;

const GOOD: &str = r#"
apiVersion: nines/v1
kind: Schedule
metadata: {name: shop}
spec:
  timeZone: Asia/Taipei
  holidays: ["2026-02-17", "2026-02-18"]
  layers:
    - name: week
      rotation: {every: 2w, handOver: "09:30", on: monday, from: "2026-01-05"}
      participants: [ann, {people: [bo, chen], shadows: [dee]}]
      holidays: skip
    - name: nights
      timeZone: Europe/Berlin
      rotation: {every: 12h, from: "2026-01-05", until: "2027-01-01"}
      participants: [eve]
      restrictions:
        - {from: "22:00", to: "06:00", days: [fri, sat]}
---
apiVersion: nines/v1
kind: EscalationPolicy
metadata: {name: shop}
spec:
  repeat: 2
  unackAfter: 30m
  steps:
    - name: crowd
      targets: [{team: all}, {webhook: chat}]
      roundRobin: true
      when: {levels: [P0, P1], alertsMin: 10, between: {from: "08:00", to: "20:00", timeZone: Asia/Taipei}}
    - targets: [{schedule: shop}, {person: boss}, {action: ec2.start, with: {instanceIds: [i-1], count: 2, deep: {a: 1.5}}}]
      timeout: 10m
---
apiVersion: nines/v1
kind: PersonalRules
metadata: {name: ann}
spec:
  person: ann@shop.example
  high: [{channel: chat}, {channel: voice, after: 5m}, {channel: sms, after: 2m}]
---
apiVersion: nines/v1
kind: Silence
metadata: {name: disks}
spec: {filter: "host: a*", author: lin, reason: new disks, from: "2026-11-22T00:00:00Z", until: "2026-11-23T00:00:00Z"}
---
apiVersion: nines/v1
kind: MaintenanceWindow
metadata: {name: patches}
spec:
  filter: "service.name: db"
  author: lin
  weekly: {timeZone: Europe/Berlin, days: [sun], at: "02:30", length: 2h, from: "2026-01-01"}
---
apiVersion: nines/v1
kind: MailIntegration
metadata: {name: zabbix}
spec:
  address: Zabbix-9f2c61d0b7
  service: db
  level: P2
  senders: [zabbix.example, "ops@example.com"]
  dedup: "Trigger: (.+)"
  resolved: "^Resolved in"
---
apiVersion: nines/v1
kind: ReviewReport
metadata: {name: weekly}
spec: {timeZone: Asia/Taipei, at: "10:30", on: tue, people: [ann], teams: [all], channels: [managers]}
---
apiVersion: nines/v1
kind: ReviewReport
metadata: {name: monthly}
spec: {every: month, channels: [managers]}
---
apiVersion: nines/v1
kind: Team
metadata: {name: all}
spec: {members: [ann]}
"#;

#[test]
fn every_kind_is_read() {
    let Documents { schedules, policies, rules, silences, windows, mail, reports, warnings } =
        parse(None, GOOD).unwrap();
    assert_eq!(warnings, []);
    let shop = &schedules[0];
    assert_eq!(shop.holidays.len(), 2);
    assert_eq!((shop.layers[0].rotation.unit, shop.layers[0].rotation.length), (Unit::Week, 2));
    assert_eq!((shop.layers[0].rotation.weekday, shop.layers[0].holidays), (Some(0), Holidays::Off));
    assert_eq!(shop.layers[0].participants[1].shadows[0].as_str(), "dee");
    assert_eq!((shop.layers[1].zone.name(), shop.layers[1].windows.len()), ("Europe/Berlin", 1));
    assert_eq!(shop.on_call_at(at("2026-01-05T01:30:00Z")).people[0].as_str(), "ann");
    let policy = &policies[0];
    assert_eq!((policy.repeat, policy.steps.len()), (2, 2));
    assert_eq!(policy.steps[0].condition.levels, [Level::P0, Level::P1]);
    assert_eq!(policy.steps[1].name, "step 2");
    assert_eq!(policy.steps[1].targets[0].kind, TargetKind::Schedule);
    let order: Vec<_> = rules[0].contacts(Urgency::High).into_iter().map(|contact| contact.channel).collect();
    assert_eq!(order, ["chat", "sms", "voice"]);
    assert_eq!(policy.steps[1].targets[2].with, r#"{"instanceIds":["i-1"],"count":2,"deep":{"a":1.5}}"#);
    assert_eq!(silences[0].id.0, "disks");
    assert_eq!((reports[0].weekday, reports[0].at_secs), (1, 37_800));
    assert_eq!((mail[0].address.as_str(), mail[0].level), ("zabbix-9f2c61d0b7", Some(Level::P2)));
    assert!(matches!(windows[0].when, When::Weekly { every_weeks: 1, .. }));
}

fn mistakes(text: &str) -> Vec<String> {
    let errors = parse(Some("oncall.yaml"), text).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_is_named_at_its_place() {
    let wrong = r#"apiVersion: nines/v1
kind: Schedule
metadata: {name: shop}
spec:
  timeZone: Asia/Tapei
  layers:
    - name: week
      rotation: {every: 1m, handOver: "25:00", from: "05.01.2026"}
      particpants: [ann]
      restrictions: [{from: "08:00", to: "24:30", days: [mun]}]
---
apiVersion: nines/v1
kind: EscalationPolicy
metadata: {name: shop}
spec:
  repeat: 10
  steps:
    - targets: [{shedule: shop}]
---
apiVersion: nines/v1
kind: Shedule
metadata: {name: x}
spec: {}
"#;
    assert_eq!(
        mistakes(wrong),
        [
            "oncall.yaml:5:13: spec.timeZone: `Asia/Tapei` is not a time zone; did you mean `Asia/Taipei`?",
            "oncall.yaml:8:25: spec.layers[0].rotation.every: `1m` is no length of a turn; a number and one of h, d, w: 12h, 1d, 2w",
            "oncall.yaml:8:39: spec.layers[0].rotation.handOver: `25:00` is not a time of day; write it as 09:00, up to 23:59",
            "oncall.yaml:8:54: spec.layers[0].rotation.from: `05.01.2026` is not a date; write it as \"2026-01-05\"",
            "oncall.yaml:9:7: spec.layers[0].particpants: unknown key `particpants`; did you mean `participants`?",
            "oncall.yaml:10:42: spec.layers[0].restrictions[0].to: `24:30` is not a time of day; write it as 09:00, up to 24:00",
            "oncall.yaml:10:58: spec.layers[0].restrictions[0].days[0]: `mun` is not a weekday; one of mon, tue, wed, thu, fri, sat, sun",
            "oncall.yaml:16:11: spec.repeat: must be a whole number from 0 to 9",
            "oncall.yaml:18:18: spec.steps[0].targets[0].shedule: unknown key `shedule`; did you mean `schedule`?",
            "oncall.yaml:21:7: kind: `Shedule` is not a kind of nines/v1; did you mean `Schedule`?",
        ]
    );
}

#[test]
fn what_is_wrong_as_a_whole_is_told_at_the_part() {
    let policy = "apiVersion: nines/v1\nkind: EscalationPolicy\nmetadata: {name: p}\nspec:\n  steps:\n    \
                  - {name: a, targets: [{person: ann}]}\n    - {name: b, targets: [{webhook: chat}]}\n";
    assert_eq!(
        mistakes(policy),
        [
            "oncall.yaml:7:7: spec.steps[1]: the last step `b` of escalation policy `p` only calls webhooks, so an incident \
          could end without a human knowing; add a person, a team or a schedule to it"
        ]
    );
    let report =
        "apiVersion: nines/v1\nkind: ReviewReport\nmetadata: {name: r}\nspec: {every: month, on: mon}\n";
    assert_eq!(
        mistakes(report),
        ["oncall.yaml:4:26: spec.on: a report of a month goes out on its first day"]
    );
    let silence = "apiVersion: nines/v1\nkind: Silence\nmetadata: {name: s}\nspec: {filter: 'a: b', author: lin, \
                   reason: r, from: '2026-11-01T00:00:00Z', until: '2026-11-22T00:00:00Z'}\n";
    assert!(
        mistakes(silence)[0].contains("spec.until: the silence lasts 21 days"),
        "{:?}",
        mistakes(silence)
    );
}

/// What is stored is what was meant: printed and read again, every document is the same.
#[test]
fn documents_come_back_from_their_own_text() {
    let documents = parse(None, GOOD).unwrap();
    let texts = documents.texts();
    assert_eq!(texts.len(), documents.keys().len());
    let text: Vec<String> = texts.into_iter().map(|(_, _, text)| text).collect();
    let again = parse(None, &text.join("---\n")).unwrap_or_else(|errors| panic!("{errors:#?}\n{text:#?}"));
    assert_eq!(again, documents);
}
