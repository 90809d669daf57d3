//! What a page shows of incidents, what it does not, and that nothing in it is markup.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::collections::BTreeMap;
use std::time::Duration;

use nines_incidents::machine::{apply, open_by_report};
use nines_incidents::{
    Actor, Approval, ApprovalRole, Audience, Cadence, Class, Command, Incident, IncidentId, Language, Level,
    NewUpdate, Report, Update,
};
use nines_model::Timestamp;
use nines_statuspage::format::{decode_page, decode_statement, encode_page, encode_statement};
use nines_statuspage::{
    Component, Condition, DAYS, Form, Frame, LinkSecret, Maintenance, Post, Seen, Statement, StatusPage,
    Subscriber, View, Way, atom, html, letter, news, rss, view,
};

/// 2026-11-22, 12:00.
const NOW: Timestamp = Timestamp::from_secs(1_795_348_800);
const HOUR: Duration = Duration::from_secs(3_600);

fn page() -> StatusPage {
    let component = |name: &str, services: &[&str]| Component {
        name: name.to_owned(),
        services: services.iter().map(|it| (*it).to_owned()).collect(),
    };
    StatusPage {
        name: "public".to_owned(),
        title: "Shop".to_owned(),
        description: String::new(),
        components: vec![component("Checkout", &["checkout", "payments"]), component("Search", &["search"])],
        secret: None,
        mail_channel: None,
        updated_at: NOW,
        updated_by: "lin".to_owned(),
    }
}

/// Confirmed at `level`, two hours ago, with the commands after it.
fn incident(number: u32, service: &str, level: Level, more: &[Command]) -> (Incident, Vec<Update>) {
    let (cadence, start) = (Cadence::default(), NOW - HOUR * 2);
    let report = Report {
        class: Class::S1,
        level,
        service: service.to_owned(),
        scope: "SECRET scope".to_owned(),
        status: "SECRET status".to_owned(),
        started_at: start,
        progress: "SECRET".to_owned(),
        next_update_at: None,
        title: Some("SECRET title".to_owned()),
        is_drill: false,
        idempotency_key: None,
    };
    let id = IncidentId { year: 2026, number };
    let (lin, mut updates) = (Actor::person("lin"), Vec::new());
    let mut incident = open_by_report(id, &report, &lin, &cadence, start).unwrap().incident;
    for command in [Command::Confirm { level }].iter().chain(more) {
        let step = apply(&incident, command, &lin, &cadence, NOW - HOUR).unwrap();
        incident = step.incident;
        updates.extend(step.updates);
    }
    (incident, updates)
}

fn public(text: &str) -> Command {
    let approval = |role, by: &str| Approval { role, by: by.to_owned() };
    Command::PostUpdate(NewUpdate {
        text: text.to_owned(),
        audiences: vec![Audience::Public],
        approvals: vec![
            approval(ApprovalRole::PublicRelations, "mei"),
            approval(ApprovalRole::Manager, "bo"),
        ],
        ..NewUpdate::default()
    })
}

fn inside(text: &str) -> Command {
    Command::PostUpdate(NewUpdate { text: text.to_owned(), ..NewUpdate::default() })
}

fn shown(known: Vec<(Incident, Vec<Update>)>, maintenance: &[Maintenance], watched_since: Timestamp) -> View {
    let updates: BTreeMap<_, _> =
        known.iter().map(|(incident, updates)| (incident.id, updates.clone())).collect();
    let incidents: Vec<Incident> = known.into_iter().map(|(incident, _)| incident).collect();
    view(
        &page(),
        &Seen {
            now: NOW,
            watched_since,
            incidents: &incidents,
            updates: &updates,
            maintenance,
            planned: &[],
        },
    )
}

#[test]
fn components_follow_confirmed_incidents_and_show_approved_statements_only() {
    let resolve = Command::Resolve { summary: "SECRET summary".to_owned() };
    let view = shown(
        vec![
            incident(2, "payments", Level::P1, &[inside("SECRET update"), public("we are on it")]),
            incident(1, "search", Level::P0, &[public("it was down"), resolve]),
        ],
        &[],
        NOW - HOUR * 24 * 10,
    );
    assert_eq!((view.overall, view.components[0].condition), (Condition::Partial, Condition::Partial));
    assert_eq!(view.components[1].condition, Condition::Operational);
    let today = view.components[0].days.last().unwrap();
    assert_eq!((today.worst, today.down), (Condition::Partial, HOUR * 2));
    assert_eq!(view.components[1].days.last().unwrap().down, HOUR, "from two hours ago to one hour ago");
    // Ten days are watched: two of 240 hours were down; the days before are unknown, not green.
    assert_eq!(view.components[0].days[0].worst, Condition::Unknown);
    assert_eq!(view.components[0].days[DAYS - 5].worst, Condition::Operational);
    assert!(
        (view.components[0].uptime.unwrap() - (1.0 - 2.0 / 240.0)).abs() < 1e-9,
        "{:?}",
        view.components[0].uptime
    );
    assert_eq!(view.open[0].statements[0].1, "we are on it");
    assert_eq!((view.open.len(), view.past.len()), (1, 1));
    let text = html(
        &view,
        &Frame { feed: Some("https://nines.example/status/public/atom.xml"), ..Frame::default() },
    );
    let feeds = [
        atom(&view, "https://nines.example/status/public"),
        rss(&view, "https://nines.example/status/public"),
    ];
    for text in [&text, &feeds[0], &feeds[1]] {
        assert!(text.contains("we are on it") && text.contains("it was down"), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
}

#[test]
fn what_nobody_confirmed_or_was_a_drill_is_not_shown_and_maintenance_is_blue() {
    let (mut unconfirmed, _) = incident(1, "checkout", Level::P0, &[]);
    unconfirmed.confirmation = None;
    let (mut drill, _) = incident(2, "checkout", Level::P0, &[]);
    drill.is_drill = true;
    let window = Maintenance {
        components: Vec::new(),
        from: NOW,
        name: "disks".to_owned(),
        reason: "new ones".to_owned(),
        services: vec!["search".to_owned()],
        until: NOW + HOUR,
    };
    let view = shown(vec![(unconfirmed, Vec::new()), (drill, Vec::new())], &[window], NOW - HOUR);
    assert_eq!(view.components[0].condition, Condition::Operational);
    assert_eq!(
        (view.components[1].condition, view.overall),
        (Condition::Maintenance, Condition::Maintenance)
    );
    assert!(view.open.is_empty() && view.maintenance.len() == 1);
    let unwatched = shown(Vec::new(), &[], Timestamp::MAX);
    assert_eq!((unwatched.overall, unwatched.components[0].uptime), (Condition::Unknown, None));
}

/// Every way to begin markup, in every text that a page takes.
#[test]
fn no_text_makes_markup_in_any_of_the_three_documents() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut pick = |from: &[&str]| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        from[usize::try_from(seed % from.len() as u64).unwrap()].to_owned()
    };
    // 500 payloads: five of them in each of a hundred pages.
    for _ in 0..100 {
        let mut payload = || {
            format!(
                "{}{}{}{}",
                pick(&["\"", "'", "\">", "'>", "]]>", "-->", "</style>", "</title>", "&#60;", ""]),
                pick(&[
                    "<script>",
                    "<img src=x ",
                    "<svg/",
                    "<a href=javascript:",
                    "<iframe srcdoc=",
                    "<style>@import",
                    "<!--",
                    "<?xml",
                ]),
                pick(&[
                    "onerror=alert(1)",
                    "onload=alert(1)",
                    "alert(1)//",
                    "\u{0}\u{8}",
                    "\u{202e}",
                    "\n\r"
                ]),
                pick(&[">", "</script>", "//", "\u{ffff}", " autofocus"]),
            )
        };
        let mut page = page();
        page.title = payload();
        page.description = payload();
        page.components[0].name = payload();
        let (incident, updates) = incident(1, "checkout", Level::P0, &[public(&payload())]);
        let window = Maintenance {
            components: Vec::new(),
            from: NOW,
            name: payload(),
            reason: payload(),
            services: vec!["checkout".to_owned()],
            until: NOW + HOUR,
        };
        let updates = BTreeMap::from([(incident.id, updates)]);
        let view = view(
            &page,
            &Seen {
                now: NOW,
                watched_since: NOW - HOUR,
                incidents: &[incident],
                updates: &updates,
                maintenance: &[window],
                planned: &[],
            },
        );
        let documents = [
            html(&view, &Frame::default()),
            atom(&view, "https://n.example/s"),
            rss(&view, "https://n.example/s"),
        ];
        for document in documents {
            let lower = document.to_lowercase();
            for begins in ["<script", "<img", "<svg", "<iframe", "<a href=javascript", "<!--"] {
                assert!(!lower.contains(begins), "{begins} in {document}");
            }
            assert_eq!(lower.matches("<style").count(), lower.matches("</style>").count());
            assert!(!document.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}

#[test]
fn statements_need_two_people_and_pages_survive_the_database() {
    let draft = Statement::new("INC-2026-0001", 1, " we are on it ", "lin", NOW).unwrap();
    let by_pr = draft.approved(ApprovalRole::PublicRelations, "mei").unwrap();
    assert!(!by_pr.is_approved());
    assert!(by_pr.approved(ApprovalRole::Manager, "mei").is_err(), "one person is not two");
    assert!(by_pr.approved(ApprovalRole::PublicRelations, "bo").is_err());
    let both = by_pr.approved(ApprovalRole::Manager, "bo").unwrap();
    assert!(both.is_approved() && both.version == 3);
    let stored = encode_statement(&both).unwrap();
    assert_eq!(decode_statement("INC-2026-0001", 1, 3, &stored).unwrap(), both);

    let mut page = page();
    page.secret = Some(LinkSecret::of("s3cret"));
    assert!(page.is_open_to(Some("s3cret")) && !page.is_open_to(Some("s3cre")) && !page.is_open_to(None));
    let stored = encode_page(&page).unwrap();
    assert!(!stored.contains("s3cret"));
    assert_eq!(decode_page("public", &stored).unwrap(), page);
    page.components[0].services.clear();
    assert!(page.check().is_err());
}

fn subscriber(way: Way, components: &[&str]) -> Subscriber {
    Subscriber {
        id: Subscriber::id_of("public", &way),
        page: "public".to_owned(),
        way,
        components: components.iter().map(|name| (*name).to_owned()).collect(),
        language: Language::ZhTw,
        token: "0123456789abcdef".to_owned(),
        asked_at: NOW - HOUR * 3,
        confirmed_at: Some(NOW - HOUR * 3),
        told: 0,
    }
}

#[test]
fn news_are_found_by_looking_and_have_the_same_key_each_time() {
    let open = || incident(7, "checkout", Level::P0, &[]);
    let first = news(&shown(vec![open()], &[], NOW - HOUR * 24));
    assert_eq!(first.iter().map(|post| post.key.as_str()).collect::<Vec<_>>(), ["INC-2026-0007/open/major"]);
    assert_eq!(first, news(&shown(vec![open()], &[], NOW - HOUR * 24)));
    // A statement says more than that it is looked into.
    let told = news(&shown(
        vec![incident(7, "checkout", Level::P0, &[public("A fix is out")])],
        &[],
        NOW - HOUR * 24,
    ));
    assert!(
        told.len() == 1 && told[0].text == "A fix is out" && told[0].key.contains("/statement/"),
        "{told:?}"
    );
    // What is over without a word is told only to those who know of it.
    let over = Command::Resolve { summary: "rolled back".to_owned() };
    let ended = news(&shown(vec![incident(7, "checkout", Level::P0, &[over])], &[], NOW - HOUR * 24));
    assert!(ended.len() == 1 && ended[0].is_sequel, "{ended:?}");
    assert!(!format!("{first:?}{told:?}{ended:?}").contains("SECRET"));

    let all = subscriber(Way::Email("ann@example.com".to_owned()), &[]);
    let other = subscriber(Way::Email("ann@example.com".to_owned()), &["Search"]);
    assert!(all.wants(&first[0], NOW) && !other.wants(&first[0], NOW));
    let mut late = all.clone();
    late.confirmed_at = Some(NOW + HOUR);
    assert!(
        !late.wants(&first[0], NOW) && !all.wants(&first[0], NOW + HOUR * 49),
        "neither before it asked nor days later"
    );
}

#[test]
fn addresses_are_checked_and_letters_hold_no_markup() {
    let email = |text: &str| subscriber(Way::Email(text.to_owned()), &[]).check();
    for bad in [
        "",
        "ann",
        "a@b",
        "a b@example.com",
        "a@example.com\r\nBcc: x@y.z",
        "<a@b.c>",
        "a@b.c,d@e.f",
        "a@b@c.d",
    ] {
        assert!(email(bad).is_err(), "{bad:?}");
    }
    email("ann+status@example.com").unwrap();
    let webhook =
        |url: &str| subscriber(Way::Webhook { url: url.to_owned(), secret: String::new() }, &[]).check();
    assert!(webhook("ftp://x.example/").is_err() && webhook("https://x.example/a b").is_err());
    webhook("https://x.example/hook").unwrap();
    assert_eq!(
        Subscriber::id_of("public", &Way::Email("Ann@Example.com".to_owned())),
        Subscriber::id_of("public", &Way::Email("ann@example.com".to_owned())),
        "an address is there once"
    );
    let post = Post {
        number: 1,
        key: "k".to_owned(),
        at: NOW,
        components: Vec::new(),
        title: "<script>alert(1)</script>".to_owned(),
        text: "a & b\n<img src=x>".to_owned(),
        anchor: String::new(),
        is_sequel: false,
    };
    let (subject, text, html) =
        letter("Shop\r\nX: y", &[post], Language::ZhTw, None, "https://n.example/leave?a&b");
    assert!(
        !subject.contains(['\r', '\n']) && text.contains("取消訂閱: https://n.example/leave?a&b"),
        "{subject} {text}"
    );
    assert!(!html.contains("<script") && !html.contains("<img") && html.contains("leave?a&amp;b"), "{html}");
}

#[test]
fn a_page_speaks_the_three_languages_and_asks_for_no_program() {
    let view = shown(vec![incident(7, "checkout", Level::P0, &[])], &[], NOW - HOUR * 24);
    let form = Some(Form { action: "/status/public/subscribers", email: true });
    for (language, word) in
        [(Language::En, "Major outage"), (Language::ZhTw, "重大中斷"), (Language::ZhCn, "重大中断")]
    {
        let text = html(&view, &Frame { language, form: form.clone(), key: Some("k&"), ..Frame::default() });
        assert!(text.contains(word) && text.contains(&format!("lang=\"{}\"", language.as_str())), "{text}");
        assert!(text.contains("name=\"key\" value=\"k&amp;\"") && !text.contains("<script"), "{text}");
    }
}
