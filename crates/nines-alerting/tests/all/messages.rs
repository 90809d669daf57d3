use nines_alerting::{
    AlertMessage, Change, Evidence, Language, Level, Links, LogPattern, Measurement, Missing, Reading,
    Suspect, Traffic, UsersHit, render,
};

use crate::scene::*;

fn evidence() -> Evidence {
    Evidence {
        users_hit: Some(UsersHit { count: 3200, window: secs(300) }),
        suspects: vec![
            Suspect { field: "service.version".into(), value: "2.4.1".into(), bad: 1_205, total: 3_600, share_of_bad: 0.98, share_of_all: 0.12 },
            Suspect { field: "cloud.region".into(), value: "ap-southeast".into(), bad: 1_119, total: 9_900, share_of_bad: 0.91, share_of_all: 0.33 },
        ],
        last_change: Some(Change {
            at: START - secs(360),
            kind: "deploy".into(),
            summary: "checkout 2.4.1".into(),
            by: Some("lin".into()),
            undo: Some("nines deploy checkout --rollback".into()),
        }),
        log_patterns: Vec::new(),
        sample_traces: vec!["4bf92f3577b34da6a3ce929d0e0e4736".into()],
        similar_incidents: vec!["INC-2026-0031".into()],
        incident: Some("INC-2026-0042".into()),
        on_call: Some("mei".into()),
        acknowledged_by: None,
        links: Links {
            incident: Some("http://127.0.0.1:9999/incidents/INC-2026-0042".into()),
            slo: Some("http://127.0.0.1:9999/slos/checkout-availability".into()),
            search: Some("http://127.0.0.1:9999/search?q=service.name%3Acheckout+and+http.response.status_code%3E%3D500".into()),
            traces: Some("http://127.0.0.1:9999/traces?service=checkout".into()),
            runbook: Some("https://wiki.example/runbooks/checkout".into()),
            acknowledge: Some("http://127.0.0.1:9999/incidents/INC-2026-0042?do=acknowledge".into()),
            silence: Some("http://127.0.0.1:9999/silences/new?alert=1".into()),
        },
    }
}

fn message_of(stage: &mut Stage, language: Language, reading: Reading, evidence: &Evidence) -> AlertMessage {
    let decision = stage.feed(reading.clone());
    let transition = decision.transition.expect("a transition");
    let alert = stage.track.alert.as_ref().expect("an alert");
    AlertMessage::compose(language, &stage.track.fingerprint(), alert, &transition, &reading, evidence)
}

fn fired(language: Language) -> AlertMessage {
    message_of(&mut Stage::new(), language, reading(START, OUTAGE), &evidence())
}

#[test]
fn a_page_says_all_in_plain_text_in_three_languages() {
    for language in Language::ALL {
        insta::assert_snapshot!(format!("text_{}", language.tag()), render::text(&fired(language)));
    }
}

#[test]
fn a_page_tells_what_is_new_in_the_logs() {
    let pattern = |template: &str, lines, times| LogPattern { template: template.to_owned(), lines, times };
    let log_patterns = vec![
        pattern("payment gateway timed out after <duration>", 200, Some(9.8)),
        pattern("cannot decode rune at byte <num>", 12, None),
        pattern("a third that nobody reads", 5, None),
    ];
    let evidence = Evidence { log_patterns, ..evidence() };
    let message = message_of(&mut Stage::new(), Language::English, reading(START, OUTAGE), &evidence);
    let fact = message.context.iter().find(|fact| fact.label == "In the logs").expect("a fact");
    assert_eq!(
        fact.text,
        "10× as often: payment gateway timed out after <duration> (200 lines); \
         new: cannot decode rune at byte <num> (12 lines)"
    );
}

#[test]
fn a_page_in_slack_mail_webhook_and_sms() {
    let message = fired(Language::English);
    assert_eq!((message.level, message.incomplete.as_slice()), (Level::P1, [].as_slice()));
    insta::assert_json_snapshot!("slack", render::slack(&message));
    insta::assert_json_snapshot!("webhook", render::webhook(&message));
    let email = render::email(&message);
    insta::assert_snapshot!("email_subject", email.subject);
    insta::assert_snapshot!("email_html", email.html.replace("</tr>", "</tr>\n"));
    insta::assert_snapshot!("sms", render::sms(&message));
}

#[test]
fn a_resolved_alert_says_how_long_and_what_it_cost() {
    let mut stage = Stage::new();
    stage.run(720, OUTAGE);
    stage.run(30, REPAIRED);
    let mut last = reading(stage.now, REPAIRED);
    (last.budget_left, last.budget_left_time, last.exhaustion_in) = (Some(0.42), Some(secs(1088)), None);
    (last.error_rate, last.good) = (Some(0.002), 29_940);
    let evidence = Evidence { acknowledged_by: Some("mei".into()), ..evidence() };
    let message = message_of(&mut stage, Language::English, last, &evidence);
    insta::assert_snapshot!("resolved", render::text(&message));
}

#[test]
fn traffic_that_stopped_is_told_as_such_and_proposed_as_p0() {
    let mut silent = reading(START, QUIET);
    silent.traffic = Some(Traffic { events: 0, expected: 6_000.0, window: secs(60) });
    (silent.measurement, silent.error_rate, silent.good, silent.total) = (Measurement::Stale, None, 0, 0);
    let message = message_of(&mut Stage::new(), Language::English, silent, &evidence());
    assert_eq!(message.level, Level::P0);
    insta::assert_snapshot!("traffic_stopped", render::text(&message));
}

#[test]
fn what_is_not_known_is_said_and_listed() {
    let mut bare = reading(START, OUTAGE);
    bare.subject = std::sync::Arc::new(nines_alerting::Subject {
        slo: "x".into(),
        service: "x".into(),
        ..Default::default()
    });
    (bare.normal_rate, bare.budget_left) = (None, None);
    let message = message_of(&mut Stage::new(), Language::English, bare, &Evidence::default());
    let all = [
        Missing::UsersHit,
        Missing::NormalRate,
        Missing::Budget,
        Missing::Owner,
        Missing::Suspect,
        Missing::LastChange,
        Missing::Runbook,
        Missing::Incident,
        Missing::Search,
    ];
    assert_eq!(message.incomplete, all);
    for field in [&message.title, &message.explanation, &message.observed, &message.ideal, &message.budget] {
        assert!(!field.is_empty());
    }
    assert!(!message.context.is_empty());
    insta::assert_snapshot!("incomplete", render::text(&message));
}

#[test]
fn hostile_and_endless_text_respects_every_limit_and_escapes() {
    let nasty = format!("<script>alert(1)</script><!channel> \"&\r\nBcc: x\u{202e}{}", "錯".repeat(9000));
    let mut evidence = evidence();
    evidence.suspects = vec![
        Suspect {
            field: nasty.clone(),
            value: nasty.clone(),
            bad: 1,
            total: 1,
            share_of_bad: 1.0,
            share_of_all: 0.1
        };
        9
    ];
    evidence.last_change.as_mut().unwrap().summary = nasty.clone();
    evidence.links.search = Some(format!("http://x/{}", "y".repeat(4000)));
    let mut reading = reading(START, OUTAGE);
    let mut subject = (*subject()).clone();
    (subject.service, subject.noun) = (nasty.clone(), nasty);
    reading.subject = std::sync::Arc::new(subject);
    let message = message_of(&mut Stage::new(), Language::English, reading, &evidence);

    let slack = render::slack(&message);
    let chars = |value: &serde_json::Value| value.as_str().map_or(0, |text| text.chars().count());
    let blocks = slack["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50 && chars(&slack["text"]) <= 4000);
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => assert!(chars(&block["text"]["text"]) <= 150),
            "section" => {
                assert!(chars(&block["text"]["text"]) <= 3000);
                for field in block["fields"].as_array().into_iter().flatten() {
                    assert!(chars(&field["text"]) <= 2000);
                }
            }
            "actions" => {
                for button in block["elements"].as_array().unwrap() {
                    assert!(chars(&button["url"]) <= 3000 && chars(&button["text"]["text"]) <= 75);
                }
            }
            _ => {}
        }
    }
    let markup: String = blocks.iter().skip(1).map(|block| block.to_string()).collect();
    assert!(!markup.contains("<!channel>") && !markup.contains("<script"));

    let email = render::email(&message);
    assert!(email.subject.chars().count() <= 150 && !email.subject.contains(['\r', '\n', '\u{202e}']));
    assert!(!email.html.contains("<script") && !email.text.contains('\u{202e}'));
    assert!(!render::text(&message).lines().any(|line| line.starts_with("Bcc:")));
    assert!(render::sms(&message).chars().count() <= 70, "not in the GSM alphabet");
    assert!(render::sms(&fired(Language::English)).chars().count() <= 160);
}
