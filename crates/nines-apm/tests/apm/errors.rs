use nines_apm::Scope;
use nines_apm::errors::{Fingerprint, Source};
use nines_model::{TimeRange, Timestamp, Value};

use super::shop::{Fixture, START, event, hour, requests};

const STACK: &str = "titles::decode at src/titles.rs:52\ntokio::runtime::run at src/x.rs:1";

fn exception(stack: &str) -> Value {
    let event = serde_json::json!([{
        "timestamp": 0,
        "name": "exception",
        "attributes": {
            "exception.type": "DecodeError", "exception.message": "byte 17", "exception.stacktrace": stack,
        },
    }]);
    Value::Json(event.to_string().into())
}

#[tokio::test]
async fn an_error_is_one_group_with_its_place_versions_users_and_traces() {
    let mut spans = requests(300);
    let mut logs = Vec::new();
    let mut users = std::collections::BTreeSet::new();
    let mut failed = 0;
    for (index, span) in spans.iter_mut().enumerate() {
        if span.service == "checkout" && span.kind == "server" && span.error {
            failed += 1;
            let user = format!("u{}", index % 10);
            span.more.push(("events", exception(STACK)));
            span.more.push(("user.id", Value::str(&user)));
            span.more.push(("vcs.ref.head.revision", "9f3c2ab".into()));
            users.insert(user);
            // The same failure as a log record.
            logs.push(event(
                span.at,
                &[("service.name", "checkout")],
                vec![
                    ("severity_number", Value::Int(17)),
                    ("severity_text", "ERROR".into()),
                    ("body", "decode failed".into()),
                    ("exception.type", "DecodeError".into()),
                    ("exception.message", "byte 17".into()),
                    ("trace_id", Value::str(&span.trace)),
                    ("span_id", Value::str(&span.id)),
                ],
            ));
        }
    }
    logs.push(event(
        Timestamp::from_secs(START.as_secs() + 10),
        &[("service.name", "mail")],
        vec![
            ("severity_number", Value::Int(17)),
            ("severity_text", "ERROR".into()),
            ("body", "cannot send to 'anna'".into()),
            ("code.file.path", "src/mail.rs".into()),
            ("code.line.number", Value::Int(7)),
        ],
    ));
    assert!(failed > 20);
    let fixture = Fixture::of(&spans, logs).await;
    let (groups, tally, _) = fixture.apm.errors(&Scope::of(hour()), None).await.unwrap();
    assert_eq!(tally.left_out(), 0);
    let first = &groups[0];
    assert_eq!((&*first.service, first.source, &*first.kind), ("checkout", Source::Exception, "DecodeError"));
    assert_eq!((first.count, first.users), (failed, users.len() as u64));
    assert_eq!(first.versions.len(), 1);
    assert_eq!((&*first.versions[0].version, &*first.commits[0].version), ("2.0", "9f3c2ab"));
    let culprit = first.culprit().unwrap();
    assert_eq!((culprit.file.as_deref(), culprit.line), (Some("src/titles.rs"), Some(52)));
    assert_eq!(first.examples.len(), 5);
    assert!(first.examples[0].at >= first.examples[4].at);
    assert_eq!(first.series.iter().map(|point| point.errors).sum::<u64>(), failed);

    let mail = groups.iter().find(|group| group.service == "mail").unwrap();
    assert_eq!(mail.culprit().unwrap().file.as_deref(), Some("src/mail.rs"));
    // The gateway's 5xx are an echo, and come last.
    let echo = groups.last().unwrap();
    assert_eq!((&*echo.service, echo.follows), ("gateway", Some((first.fingerprint, 1.0))));
    // Checkout's exception, mail's record, and the gateway's two routes and its call.
    assert_eq!(groups.len(), 5);

    // Asked for alone, it still knows what it follows.
    let scope = Scope { service: Some("gateway".into()), ..Scope::of(hour()) };
    let (of_gateway, _, _) = fixture.apm.errors(&scope, None).await.unwrap();
    assert_eq!(of_gateway.len(), 3);
    assert!(of_gateway.iter().all(|group| group.follows == Some((first.fingerprint, 1.0))));

    let again = Fingerprint::parse(&first.fingerprint.to_string()).unwrap();
    let scope = Scope { service: Some("checkout".into()), ..Scope::of(hour()) };
    let (found, _, _) = fixture.apm.error(&scope, again, None).await.unwrap();
    assert_eq!(found.unwrap().count, failed);
}

#[tokio::test]
async fn what_did_not_happen_before_is_new() {
    let mut spans = requests(200);
    let middle = spans[700].at;
    for span in &mut spans {
        if span.service == "payment" && span.kind == "server" {
            span.error = true;
            span.more.push(("events", exception(STACK)));
        }
        if span.service == "checkout" && span.kind == "server" && span.at >= middle {
            span.error = true;
            span.more.push(("events", exception(STACK)));
        }
    }
    let fixture = Fixture::of(&spans, Vec::new()).await;
    let (now, before) = (TimeRange::new(middle, hour().end), TimeRange::new(START, middle));
    let (groups, _, _) = fixture.apm.errors(&Scope::of(now), Some(before)).await.unwrap();
    let of = |service: &str| {
        let group = groups.iter().find(|group| group.service == service && group.source == Source::Exception);
        group.unwrap().before
    };
    assert_eq!(of("payment"), Some(100));
    assert_eq!(of("checkout"), Some(0));
}
