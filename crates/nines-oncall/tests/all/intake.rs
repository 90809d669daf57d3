//! What others send, as they send it, and what is said when it is wrong.

use nines_incidents::Level;
use nines_oncall::alert::{AlertStatus, IncomingAlert};
use nines_oncall::intake::{
    Email, Intake, IntakeError, MailIntegration, Pattern, SnsKind, alertmanager, email, email_of, grafana,
    native, pagerduty, sns,
};

use crate::schedules::at;

fn one(intake: Result<Intake, IntakeError>) -> IncomingAlert {
    let intake = intake.unwrap();
    assert_eq!(intake.mistakes, []);
    assert_eq!(intake.alerts.len(), 1);
    intake.alerts.into_iter().next().unwrap()
}

fn refused<T: std::fmt::Debug>(answer: Result<T, IntakeError>, expected: &str) {
    assert_eq!(answer.unwrap_err().to_string(), expected);
}

#[test]
fn our_own_form_needs_a_title_and_names_mistakes_by_pointer() {
    let alert = one(native(
        br#"{"title": "checkout is slow", "labels": {"service": "checkout", "severity": "error"}}"#,
    ));
    assert_eq!((alert.level, alert.service.as_deref()), (Some(Level::P1), Some("checkout")));
    let list = native(
        br#"[{"title": "a"}, {"titel": "b"}, {"title": "c", "level": "P9"}, {"title": "d", "labels": {"a/b": [1]}},
            {"title": "e", "starts_at": "today"}, {"title": "f", "links": [{"url": "javascript:alert(1)"}]}, 7]"#,
    )
    .unwrap();
    assert_eq!(list.alerts.len(), 1);
    let mistakes: Vec<String> = list.mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        mistakes,
        [
            "/1/titel: is not known; did you mean `title`?",
            "/2/level: `P9` is not known; use P0, P1, P2",
            "/3/labels/a~1b: must be a string, not a list",
            "/4/starts_at: `today` is not a time: use RFC 3339, such as 2026-11-21T08:30:00Z",
            "/5/links/0/url: is not a web address; it begins with https:// or http://",
            "/6: must be an object, not a number",
        ]
    );
    refused(native(b"{"), "the body is not JSON: EOF while parsing an object at line 1 column 1");
}

#[test]
fn prometheus_and_its_webhook_are_the_same_alert() {
    let posted = one(alertmanager(
        br#"[{"labels": {"alertname": "DiskFull", "instance": "db-1", "severity": "critical", "job": "node"},
             "annotations": {"summary": "disk is full", "runbook_url": "https://wiki.example/disk"},
             "startsAt": "2026-11-22T01:02:03.5Z", "endsAt": "0001-01-01T00:00:00Z",
             "generatorURL": "http://prometheus:9090/graph?g0.expr=up"}]"#,
    ));
    assert_eq!(posted.title, "DiskFull: disk is full");
    assert_eq!((posted.level, posted.service.as_deref()), (Some(Level::P0), Some("node")));
    assert_eq!((posted.starts_at, posted.ends_at), (Some(at("2026-11-22T01:02:03.5Z")), None));
    assert_eq!(posted.links.len(), 2);
    let again = one(alertmanager(br#"[{"labels": {"severity": "critical", "job": "node", "instance": "db-1", "alertname": "DiskFull"}}]"#));
    assert_eq!(again.fingerprint, posted.fingerprint, "the order of labels does not matter");

    let mixed =
        alertmanager(br#"[{"labels": {}}, {"labels": {"alertname": "x"}}, {"annotations": {}}]"#).unwrap();
    assert_eq!(mixed.alerts.len(), 1);
    let mistakes: Vec<String> = mixed.mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        mistakes,
        ["/0/labels: has no labels; at least `alertname` is needed", "/2/labels: is missing"]
    );
    refused(alertmanager(b"{}"), "/alerts: is missing");
}

#[test]
fn grafana_says_when_it_is_over_and_where_to_look() {
    let alert = one(grafana(
        br#"{"receiver": "nines", "status": "resolved", "orgId": 1, "version": "1", "groupKey": "{}:{}",
            "alerts": [{"status": "resolved", "labels": {"alertname": "High latency", "service": "shop"},
              "annotations": {}, "startsAt": "2026-11-22T09:00:00+08:00", "endsAt": "2026-11-22T09:10:00+08:00",
              "generatorURL": "https://grafana.example/alerting/grafana/x/view", "fingerprint": "57c6d9296de2ad39",
              "silenceURL": "https://grafana.example/alerting/silence/new", "dashboardURL": "", "panelURL": "",
              "values": {"B": 1.5}, "valueString": "[ var='B' value=1.5 ]"}],
            "title": "[RESOLVED]", "state": "ok", "message": ""}"#,
    ));
    assert_eq!(alert.status, AlertStatus::Resolved);
    assert_eq!(alert.ends_at, Some(at("2026-11-22T01:10:00Z")));
    assert!(alert.fingerprint.to_string().ends_with(": the same fingerprint `57c6d9296de2ad39`"));
    let titles: Vec<&str> = alert.links.iter().map(|link| link.title.as_str()).collect();
    assert_eq!(titles, ["source", "silence"]);
}

#[test]
fn pagerduty_senders_are_understood() {
    let event = pagerduty(
        br#"{"routing_key": "R0UT1NG", "event_action": "trigger",
            "payload": {"summary": "Example alert on host1.example.com", "source": "monitoringtool:host1",
              "severity": "critical", "timestamp": "2015-07-17T08:42:58.315+0000", "component": "postgres",
              "group": "prod-datapipe", "class": "deploy", "custom_details": {"ping time": "1500ms", "load": {"a": 1}}},
            "links": [{"href": "https://example.com/", "text": "Link text"}], "client": "Sample", "client_url": "https://x"}"#,
    )
    .unwrap();
    let alert = &event.alert;
    assert_eq!((event.routing_key.as_str(), alert.level), ("R0UT1NG", Some(Level::P0)));
    assert_eq!(alert.starts_at, Some(at("2015-07-17T08:42:58.315Z")));
    assert_eq!(alert.annotations["load"], r#"{"a":1}"#);
    assert_eq!(event.dedup_key, alert.fingerprint.id);
    let over = pagerduty(br#"{"routing_key": "R", "event_action": "resolve", "dedup_key": "db/1"}"#).unwrap();
    assert_eq!(over.alert.status, AlertStatus::Resolved);
    refused(
        pagerduty(br#"{"routing_key": "R", "event_action": "resolve"}"#),
        "/: /dedup_key is needed to say which alert is meant; repeat the one that the trigger was answered with",
    );
    refused(pagerduty(br#"{"routing_key": "R", "event_action": "trigger"}"#), "/payload: is missing");
    refused(
        pagerduty(br#"{"routing_key": "R", "event_action": "trigger", "payload": {"summary": "a", "source": "b", "severity": "bad"}}"#),
        "/payload/severity: `bad` is not known; use critical, error, warning, info",
    );
}

const ALARM: &str = r#"{\"AlarmName\": \"CPU\", \"AWSAccountId\": \"1\", \"NewStateValue\": \"ALARM\", \"NewStateReason\": \"Threshold Crossed\", \"StateChangeTime\": \"2026-11-22T00:00:00.000+0000\", \"Region\": \"Asia Pacific (Tokyo)\", \"AlarmArn\": \"arn:aws:cloudwatch:ap-northeast-1:1:alarm:CPU\", \"Trigger\": {\"MetricName\": \"CPUUtilization\", \"Namespace\": \"AWS/EC2\", \"Dimensions\": [{\"name\": \"InstanceId\", \"value\": \"i-1\"}]}}"#;

fn sns_body(kind: &str, more: &str) -> String {
    format!(
        r#"{{"Type": "{kind}", "MessageId": "m-1", "TopicArn": "arn:aws:sns:ap-northeast-1:1:alarms",
            "Message": "{ALARM}", "Timestamp": "2026-11-22T00:00:01.000Z", "SignatureVersion": "2",
            "Signature": "c2ln", "SigningCertURL": "https://sns.ap-northeast-1.amazonaws.com/x.pem"{more}}}"#
    )
}

#[test]
fn cloudwatch_alarms_arrive_through_sns() {
    let message = sns(sns_body("Notification", r#", "Subject": "ALARM: CPU""#).as_bytes()).unwrap();
    assert!(message.signature.signed_text.starts_with("Message\n{\"AlarmName\""));
    assert!(message.signature.signed_text.contains("\nMessageId\nm-1\nSubject\nALARM: CPU\nTimestamp\n"));
    assert!(message.signature.signed_text.ends_with("\nType\nNotification\n"));
    let SnsKind::Alert(alert) = message.kind else { panic!("an alert") };
    assert_eq!((alert.title.as_str(), alert.status), ("ALARM: CPU", AlertStatus::Firing));
    assert_eq!(alert.labels["InstanceId"], "i-1");
    assert_eq!(alert.starts_at, Some(at("2026-11-22T00:00:00Z")));

    let confirm = r#", "Token": "t", "SubscribeURL": "https://sns.ap-northeast-1.amazonaws.com/?Action=ConfirmSubscription""#;
    let message = sns(sns_body("SubscriptionConfirmation", confirm).as_bytes()).unwrap();
    assert!(matches!(message.kind, SnsKind::Confirm { .. }));
    for address in [
        "http://sns.eu-west-1.amazonaws.com/",
        "https://sns.evil.example/",
        "https://sns.x.amazonaws.com@evil/",
    ] {
        let confirm = format!(r#", "Token": "t", "SubscribeURL": "{address}""#);
        refused(
            sns(sns_body("SubscriptionConfirmation", &confirm).as_bytes()),
            "/SubscribeURL: is not an address of Amazon SNS; it is https://sns.<region>.amazonaws.com/…",
        );
    }
}

#[test]
fn mails_with_one_subject_are_one_alert() {
    let mail = |subject: &str| {
        email(&Email {
            from: "nas@home.example".to_owned(),
            to: "alerts+storage@nines.example".to_owned(),
            subject: subject.to_owned(),
            text: "volume 1 is degraded".to_owned(),
            date: None,
        })
        .unwrap()
    };
    let first = mail("[P1] Volume 1 degraded at 03:12");
    assert_eq!((first.level, first.service.as_deref()), (Some(Level::P1), Some("storage")));
    assert_eq!(first.title, "Volume 1 degraded at 03:12");
    assert_eq!(mail("Re: [critical] Volume 1 degraded at 04:00").fingerprint, first.fingerprint);
    let over = mail("RESOLVED: Volume 1 degraded at 05:00");
    assert_eq!((over.status, &over.fingerprint), (AlertStatus::Resolved, &first.fingerprint));
    assert_ne!(mail("Fan failed").fingerprint, first.fingerprint);
}

#[test]
fn an_integration_says_how_its_mails_are_read() {
    let integration = MailIntegration {
        name: "zabbix".to_owned(),
        address: "zabbix-9f2c61d0b7".to_owned(),
        service: Some("db".to_owned()),
        level: Some(Level::P2),
        senders: vec!["zabbix.example".to_owned(), "ops@example.com".to_owned()],
        dedup: Some(Pattern::new("Trigger: (.+)").unwrap()),
        resolved: Some(Pattern::new("^Resolved in").unwrap()),
    };
    let mail = |subject: &str, text: &str| {
        let (subject, text) = (subject.to_owned(), text.to_owned());
        email_of(
            &integration,
            &Email { subject, text, from: "a@zabbix.example".to_owned(), ..Email::default() },
        )
        .unwrap()
    };
    let first = mail("Problem: disk full", "Trigger: db-1 disk\nhost db-1");
    assert_eq!(
        (first.status, first.level, first.service.as_deref()),
        (AlertStatus::Firing, Some(Level::P2), Some("db"))
    );
    let over = mail("Resolved in 5m: disk full", "Trigger: db-1 disk");
    assert_eq!((over.status, &over.fingerprint), (AlertStatus::Resolved, &first.fingerprint));
    // What the expression does not find is told apart by its subject, and marks mean nothing beside a pattern.
    let other = mail("OK: fan 3 is back", "no such line");
    assert_eq!(
        (other.status, other.fingerprint.clone()),
        (AlertStatus::Firing, mail("fan 4 is back", "").fingerprint)
    );
    assert_ne!(other.fingerprint, first.fingerprint);
    for (sender, is_taken) in [
        ("x@Zabbix.example", true),
        ("ops@example.com", true),
        ("x@example.com", false),
        ("x@zabbix.example.evil", false),
        ("", false),
    ] {
        assert_eq!(integration.takes_from(sender), is_taken, "{sender}");
    }
    assert!(Pattern::new("(").is_err());
}

/// Nothing that is sent makes the translators panic.
#[test]
fn hostile_bodies_are_refused_quietly() {
    let mut rng = crate::random::Rng::new(crate::random::seed());
    let whole = sns_body("Notification", "");
    let samples = [whole.as_str(), r#"[{"labels": {"a": "b"}, "startsAt": "2026-11-22T00:00:00+0é00"}]"#];
    for _ in 0..3_000 {
        let mut body = rng.pick(&samples).as_bytes().to_vec();
        for _ in 0..=rng.below(4) {
            let place = rng.below(body.len());
            match rng.below(3) {
                0 => body.truncate(place.max(1)),
                1 => body[place] = rng.next() as u8,
                _ => drop(body.remove(place)),
            }
            if body.is_empty() {
                body.push(b'[');
            }
        }
        drop((sns(&body), alertmanager(&body), grafana(&body), native(&body), pagerduty(&body)));
        let text = String::from_utf8_lossy(&body).into_owned();
        drop(email(&Email { subject: text.clone(), to: text, ..Email::default() }));
    }
}
