//! What policies refuse, what they never give, and how mistakes are told.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::collections::{BTreeMap, BTreeSet};

use nines_model::Timestamp;
use nines_policy::{
    ActionWord, AppliesTo, Argument, Asked, Compiled, IncidentFacts, Kind, On, Operation, ParameterWord,
    Policies, PolicyError, Situation, Subject, TargetFacts, ValueKind, Vocabulary,
};
use proptest::prelude::*;

fn word(name: &str, groups: &[&str], applies_to: AppliesTo) -> ActionWord {
    ActionWord {
        name: name.to_owned(),
        about: format!("about {name}"),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        applies_to,
        parameters: Vec::new(),
    }
}

fn vocabulary() -> Vocabulary {
    let weights = ParameterWord { name: "weights".to_owned(), kind: ValueKind::Weights };
    let instances = ParameterWord { name: "instanceIds".to_owned(), kind: ValueKind::Texts };
    Vocabulary::new(vec![
        word("search", &["read", "telemetry"], AppliesTo::NodeAndServices),
        word("sql", &["read", "telemetry"], AppliesTo::NodeAndServices),
        word("put_secret", &["change", "people"], AppliesTo::Node),
        word("put_policy", &["change", "policies"], AppliesTo::Node),
        word("incident.resolve", &["change", "response"], AppliesTo::Incident),
        ActionWord {
            parameters: vec![weights],
            ..word("asg.set_weight", &["change", "operate"], AppliesTo::Target)
        },
        ActionWord {
            parameters: vec![instances],
            ..word("ec2.off_service", &["change", "operate"], AppliesTo::Target)
        },
    ])
}

fn person(name: &str, role: &str, teams: &[&str]) -> Subject {
    const ROLES: [&str; 6] = ["member", "viewer", "responder", "editor", "admin", "owner"];
    let held = ROLES.iter().position(|one| *one == role).unwrap();
    Subject {
        kind: Kind::User,
        name: name.to_owned(),
        role: role.to_owned(),
        roles: ROLES[..=held].iter().map(|role| (*role).to_owned()).collect(),
        teams: teams.iter().map(|team| (*team).to_owned()).collect(),
        second_factor: false,
        via: "session",
        from: Some("10.1.2.3".parse().unwrap()),
    }
}

fn policies(text: &str) -> Policies {
    let policies = Policies::new(vocabulary());
    policies.replace(Compiled::new(policies.vocabulary(), &[("house", text)]).unwrap());
    policies
}

fn at(text: &str) -> Situation<'static> {
    Situation { now: Timestamp::parse_rfc3339(text).unwrap(), operation: None }
}

/// The policy that refuses, or nothing.
fn refuser(
    policies: &Policies,
    subject: &Subject,
    action: &str,
    on: On<'_>,
    situation: Situation<'_>,
) -> String {
    let refusal = policies.refusal(&Asked { subject, action, on, situation });
    refusal.map(|refusal| refusal.policy).unwrap_or_default()
}

const PRODUCTION: &str = r#"
// Machines of production are the infrastructure team's, by day and with a second factor.
@id("production-by-day")
@reason("machines of production go in and out of service by team infra, with a second factor, from 09:00 to 18:00 in Taipei")
forbid (principal, action == Action::"ec2.off_service", resource in Environment::"prod")
unless {
  principal in Team::"infra" && context.secondFactor &&
  context.at["Asia/Taipei"].hour >= 9 && context.at["Asia/Taipei"].hour < 18
};

@id("contractors-and-pay")
@reason("contractors do not read what service pay logs")
forbid (principal in Team::"contractors", action in Action::"telemetry", resource == Service::"pay");

@id("not-alone")
forbid (principal, action == Action::"incident.resolve", resource)
when { resource.level == "P0" && resource.people < 1 };

@id("heavy-weights")
forbid (principal, action == Action::"asg.set_weight", resource)
when { context.parameters has weights && context.parameters.weights.max > 50 }
unless { context has incident && context.incident.open };
"#;

#[test]
fn production_by_day_by_infra_with_a_second_factor() {
    let policies = policies(PRODUCTION);
    let target = |environment: Option<&str>| TargetFacts {
        id: "instance/i-0abc".to_owned(),
        environment: environment.map(str::to_owned),
        service: None,
    };
    let operation = Operation {
        phase: "start",
        runbook: None,
        incident: None,
        machines: 1,
        parameters: BTreeMap::from([("instanceIds".to_owned(), Argument::Texts(vec!["i-0abc".to_owned()]))]),
    };
    let infra = Subject { second_factor: true, ..person("mei", "responder", &["infra"]) };
    let check = |subject: &Subject, environment: Option<&str>, time: &str, expected: &str| {
        let situation = Situation { operation: Some(&operation), ..at(time) };
        let target = target(environment);
        let got = refuser(&policies, subject, "ec2.off_service", On::Target(&target), situation);
        assert_eq!(got, expected, "{} {environment:?} {time}", subject.name);
    };
    let refused = "house/production-by-day";
    check(&infra, Some("prod"), "2026-11-23T01:00:00Z", "");
    // 08:59 and 18:00 in Taipei.
    check(&infra, Some("prod"), "2026-11-23T00:59:59Z", refused);
    check(&infra, Some("prod"), "2026-11-23T10:00:00Z", refused);
    check(&infra, Some("test"), "2026-11-23T10:00:00Z", "");
    check(&infra, None, "2026-11-23T10:00:00Z", "");
    check(&Subject { second_factor: false, ..infra.clone() }, Some("prod"), "2026-11-23T01:00:00Z", refused);
    check(&person("owner", "owner", &[]), Some("prod"), "2026-11-23T01:00:00Z", refused);
}

#[test]
fn contractors_are_kept_from_one_service_and_others_are_not() {
    let policies = policies(PRODUCTION);
    let now = at("2026-11-23T01:00:00Z").now;
    let declared = [("pay", Some("payments")), ("shop", Some("shop"))];
    let contractor = person("temp", "viewer", &["contractors"]);
    let reachable = policies.reachable(&contractor, "search", now, declared);
    assert_eq!(reachable.hidden.keys().collect::<Vec<_>>(), ["pay"]);
    assert_eq!(
        reachable.hidden["pay"].reason.as_deref(),
        Some("contractors do not read what service pay logs")
    );
    assert_eq!(reachable.others, None);
    // Nobody declares pay: it is known by its name in the policy.
    assert_eq!(policies.reachable(&contractor, "search", now, []).hidden.len(), 1);
    let own = policies.reachable(&person("mei", "viewer", &["shop"]), "search", now, declared);
    assert_eq!(own, Default::default());
}

#[test]
fn incidents_and_weights() {
    let policies = policies(PRODUCTION);
    let incident = |level: &str, people| IncidentFacts {
        id: "INC-2026-0001".to_owned(),
        level: level.to_owned(),
        is_open: true,
        services: vec!["shop".to_owned()],
        team: None,
        people,
    };
    let mei = person("mei", "responder", &[]);
    for (level, people, expected) in [("P0", 0, "house/not-alone"), ("P0", 1, ""), ("P1", 0, "")] {
        let facts = incident(level, people);
        let got =
            refuser(&policies, &mei, "incident.resolve", On::Incident(&facts), at("2026-11-23T01:00:00Z"));
        assert_eq!(got, expected, "{level} with {people} others");
    }
    let open = incident("P1", 0);
    let closed = IncidentFacts { is_open: false, ..incident("P1", 0) };
    for (weight, of, expected) in [
        (50, None, ""),
        (51, None, "house/heavy-weights"),
        (51, Some(&closed), "house/heavy-weights"),
        (51, Some(&open), ""),
    ] {
        let weights = BTreeMap::from([("blue".to_owned(), weight), ("green".to_owned(), 1)]);
        let operation = Operation {
            phase: "start",
            runbook: None,
            incident: of,
            machines: 0,
            parameters: BTreeMap::from([("weights".to_owned(), Argument::Weights(weights))]),
        };
        let target = TargetFacts { id: "listener/1".to_owned(), ..TargetFacts::default() };
        let situation = Situation { operation: Some(&operation), ..at("2026-11-23T01:00:00Z") };
        let got = refuser(&policies, &mei, "asg.set_weight", On::Target(&target), situation);
        assert_eq!(got, expected, "{weight} {of:?}");
    }
}

#[test]
fn a_permit_keeps_its_action_to_those_whom_it_names_and_gives_nothing_else() {
    let policies = policies(
        r#"@id("secrets") @reason("secrets are the platform team's")
           permit (principal in Team::"platform", action == Action::"put_secret", resource);"#,
    );
    let now = at("2026-11-23T01:00:00Z");
    let owner = person("owner", "owner", &[]);
    assert_eq!(refuser(&policies, &owner, "put_secret", On::Node, now), "house/secrets");
    assert_eq!(refuser(&policies, &person("ann", "editor", &["platform"]), "put_secret", On::Node, now), "");
    assert_eq!(refuser(&policies, &owner, "put_policy", On::Node, now), "", "no permit speaks of it");
    assert_eq!(refuser(&policies, &owner, "search", On::Node, now), "");
}

#[test]
fn without_policies_nothing_is_asked() {
    let policies = Policies::new(vocabulary());
    let anybody = person("anybody", "member", &[]);
    assert!(policies.is_empty());
    assert_eq!(refuser(&policies, &anybody, "no such action", On::Node, at("2026-11-23T01:00:00Z")), "");
    assert_eq!(policies.counters(), Default::default());
}

#[test]
fn roles_include_the_ones_before_and_addresses_are_networks() {
    let policies = policies(
        r#"@id("office") forbid (principal in Role::"editor", action in Action::"change", resource)
           unless { context has from && context.from.isInRange(ip("10.1.0.0/16")) };"#,
    );
    let now = at("2026-11-23T01:00:00Z");
    let from = |role: &str, address: &str| Subject {
        from: Some(address.parse().unwrap()),
        ..person("ann", role, &[])
    };
    for (role, address, expected) in [
        ("responder", "203.0.113.7", ""),
        ("editor", "203.0.113.7", "house/office"),
        ("owner", "203.0.113.7", "house/office"),
        ("owner", "10.1.2.3", ""),
        // The same address, as a listener for both families sees it.
        ("owner", "::ffff:10.1.2.3", ""),
    ] {
        assert_eq!(
            refuser(&policies, &from(role, address), "put_secret", On::Node, now),
            expected,
            "{role} {address}"
        );
    }
}

#[test]
fn what_cannot_be_evaluated_refuses_what_changes_something_and_is_counted() {
    // Overflow is the one error that a validated policy can still have.
    let policies = policies(
        r#"@id("overflow") forbid (principal, action, resource) when {
             9223372036854775807 + context.at["UTC"].hour > 0 };"#,
    );
    let now = at("2026-11-23T01:00:00Z");
    let mei = person("mei", "owner", &[]);
    assert_eq!(refuser(&policies, &mei, "put_secret", On::Node, now), "house/overflow");
    assert_eq!(refuser(&policies, &mei, "search", On::Node, now), "");
    assert_eq!(policies.counters().errors, 2);
}

#[test]
fn a_document_that_cannot_be_read_stops_changes_but_not_its_mending() {
    let policies = Policies::new(vocabulary());
    policies.replace(Compiled::load(policies.vocabulary(), &[("old", "forbid (who knows);"), ("good", "")]));
    let now = at("2026-11-23T01:00:00Z");
    let mei = person("mei", "owner", &[]);
    assert_eq!(refuser(&policies, &mei, "put_secret", On::Node, now), "old");
    assert_eq!(refuser(&policies, &mei, "put_policy", On::Node, now), "");
    assert_eq!(refuser(&policies, &mei, "search", On::Node, now), "");
}

#[test]
fn mistakes_are_told_at_their_place_with_what_was_meant() {
    let told = |text: &str| match Compiled::new(&vocabulary(), &[("house", text)]) {
        Err(PolicyError::Invalid { faults, .. }) => {
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        other => panic!("{other:?}"),
    };
    for (text, place, words) in [
        ("forbid (principal, action, resource)", "house:1:37", "unexpected end of input"),
        (
            "// one\nforbid (principal, action == Action::\"serch\", resource);",
            "house:2:",
            "did you mean `Action::\"search\"`",
        ),
        (
            "forbid (principal, action == Action::\"search\", resource)\n  when { context.secondfactor };",
            "house:2:",
            "did you mean `secondFactor`",
        ),
        (
            "forbid (principal, action, resource) when {\n  context.at[\"Asia/Taipai\"].hour > 9 };",
            "house:2:15",
            "did you mean `Asia/Taipei`?",
        ),
        (
            "@id(\"a\") forbid (principal, action, resource) when { true };\n@id(\"a\") forbid (principal, action, resource);",
            "house:2:1",
            "there are two policies `a`",
        ),
    ] {
        let said = told(text);
        assert!(said.contains(place) && said.contains(words), "{text}\n  gave {said}\n  not {place} {words}");
    }
}

/// Policies of all kinds, some of them nonsense in effect, all of them valid.
fn policy() -> impl Strategy<Value = String> {
    let effect = prop::sample::select(vec!["permit", "forbid"]);
    let who = prop::sample::select(vec![
        "principal",
        "principal in Team::\"infra\"",
        "principal in Role::\"editor\"",
        "principal is Key",
        "principal == User::\"mei\"",
    ]);
    let what = prop::sample::select(vec![
        "action",
        "action in Action::\"read\"",
        "action in [Action::\"search\", Action::\"put_secret\"]",
        "action == Action::\"sql\"",
    ]);
    let on = prop::sample::select(vec!["resource", "resource is Node", "resource is Service"]);
    let when = prop::sample::select(vec![
        "",
        "when { context.secondFactor }",
        "unless { context.at[\"UTC\"].hour < 12 }",
        "when { context.via == \"key\" }",
    ]);
    (effect, who, what, on, when)
        .prop_map(|(effect, who, what, on, when)| format!("{effect} ({who}, {what}, {on}) {when};"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// One more `forbid` never lets anybody do more, and removing all policies never lets anybody do less.
    #[test]
    fn more_forbids_never_give_more(
        texts in prop::collection::vec(policy(), 1..5),
        role in prop::sample::select(vec!["member", "viewer", "editor", "owner"]),
        team in prop::option::of(Just("infra")),
        is_key in any::<bool>(),
        second_factor in any::<bool>(),
        hour in 0_i64..24,
    ) {
        let subject = Subject {
            kind: if is_key { Kind::Key } else { Kind::User },
            second_factor,
            via: if is_key { "key" } else { "session" },
            teams: team.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(),
            ..person("mei", role, &[])
        };
        let without = texts.join("\n");
        // Read one without the other, a text may hold no valid policy at all: then there is nothing to compare.
        let words = vocabulary();
        let Ok(few) = Compiled::new(&words, &[("house", &without)]) else { return Ok(()) };
        let with = format!("{without}\nforbid (principal in Team::\"infra\", action in Action::\"change\", resource);");
        let Ok(more) = Compiled::new(&words, &[("house", &with)]) else { return Ok(()) };
        let situation = Situation { now: Timestamp::from_secs(hour * 3_600), operation: None };
        for (action, on) in [
            ("search", On::Node),
            ("search", On::Service { name: "pay", owner: Some("payments") }),
            ("sql", On::Node),
            ("put_secret", On::Node),
        ] {
            let asked = Asked { subject: &subject, action, on, situation };
            let nothing = Compiled::empty().would_refuse(&asked, &words);
            prop_assert!(nothing.is_none());
            let (few, more) = (few.would_refuse(&asked, &words), more.would_refuse(&asked, &words));
            prop_assert!(few.is_none() || more.is_some(), "{action}: {few:?} with fewer, {more:?} with more");
            if team.is_some() && action == "put_secret" {
                prop_assert!(more.is_some());
            }
        }
    }
}
