//! F9: hostile strings in every parameter. Each is refused with its name, or is exactly what arrives at the provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, State};
use axum::routing::post;
use nines_actions::catalog::{ACTIONS, Work};
use nines_actions::cloud::aws::{Aws, AwsConfig, Chain, WafScope, encode};
use nines_actions::parameter::{Argument, Kind};
use nines_actions::{Cloud, Effect, Intent, Template};
use nines_base::{ManualClock, Random};
use nines_egress::{Config, Egress, Policy};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{T0, machine};

/// Each goes into one parameter, in turn; with `NINES_LONG_TESTS` each goes into every one.
const STRINGS: usize = 10_000;

fn good(kind: Kind) -> Value {
    let group = "arn:aws:elasticloadbalancing:ap-northeast-1:1:targetgroup/shop/73e2d6bc24d8a067";
    match kind {
        Kind::Instance => json!(machine(1)),
        Kind::Instances => json!([machine(1)]),
        Kind::TargetGroup | Kind::Listener => json!(group),
        Kind::Name { .. } | Kind::ScalingGroup | Kind::BlockList => json!("shop-web"),
        Kind::Host => json!("shop.example"),
        Kind::Text { .. } => json!("磁碟壞了 (ticket 7)"),
        Kind::Number { .. } => json!(3),
        Kind::Networks { .. } => json!(["203.0.113.7/32"]),
        Kind::Weights => json!({group: 5}),
    }
}

/// Strings that have broken something somewhere, good values with a wound, and noise.
fn hostile(random: &Random) -> String {
    const NASTY: [&str; 28] = [
        "-rf",
        "--help",
        "-",
        "$(reboot)",
        "`id`",
        "; ls",
        "| cat",
        "a\nb",
        "a\r\nHost: x",
        "\0",
        "a\0b",
        "*",
        "?[a-z]",
        "~",
        "../../etc/passwd",
        "%00",
        "%0a",
        "a&Action=TerminateInstances",
        "a=b&c=d",
        "+",
        "a+b",
        "\u{202e}abc",
        "\u{200b}",
        "ÿ",
        "結帳",
        "🦀",
        "<a>&amp;</a>",
        "${jndi:ldap://x}",
    ];
    let pick = |list: &[&str]| list[usize::try_from(random.below(list.len() as u64)).unwrap()].to_owned();
    match random.below(4) {
        0 => pick(&NASTY),
        1 => {
            let base = pick(&[
                "i-00000000000000001",
                "shop-web",
                "203.0.113.7/32",
                "shop.example",
                "arn:aws:x:y:1:z",
            ]);
            let at = usize::try_from(random.below(base.len() as u64 + 1)).unwrap();
            format!("{}{}{}", &base[..at], pick(&NASTY), &base[at..])
        }
        2 => format!("{}{}", pick(&NASTY), pick(&NASTY)),
        _ => (0..random.below(12))
            .filter_map(|_| char::from_u32(u32::try_from(random.below(0x2ff)).unwrap()))
            .collect(),
    }
}

fn placed(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Instances | Kind::Networks { .. } => json!([text]),
        Kind::Weights => json!({text: 5}),
        _ => json!(text),
    }
}

/// Decodes a form in the plainest way, to be sure of what goes out.
fn decode(form: &str) -> Vec<(String, String)> {
    let text = |part: &str| {
        let mut bytes = Vec::new();
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (text(name), text(value))).unwrap();
    form.split('&').map(pair).collect()
}

#[test]
fn ten_thousand_strings_over_all_parameters_are_refused_or_arrive_as_they_are() {
    let random = Random::from_seed(9);
    let is_long = std::env::var_os("NINES_LONG_TESTS").is_some();
    let places: Vec<_> = ACTIONS
        .iter()
        .filter(|action| matches!(action.work, Work::Steps(_)))
        .flat_map(|action| action.parameters.iter().map(move |parameter| (action, parameter)))
        .collect();
    let (mut refused, mut passed) = (0, 0);
    for number in 0..STRINGS {
        let text = hostile(&random);
        let sent = vec![("Reason".to_owned(), text.clone()), (text.clone(), "x".to_owned())];
        assert_eq!(decode(&encode(&sent)), sent);
        let wanted = if is_long { &places[..] } else { &places[number % places.len()..][..1] };
        for (action, parameter) in wanted {
            let mut values: serde_json::Map<_, _> =
                action.parameters.iter().map(|known| (known.name.to_owned(), good(known.kind))).collect();
            values.insert(parameter.name.to_owned(), placed(parameter.kind, &text));
            match Intent::of_action(action.name, &values) {
                Err(error) => {
                    let told = error.to_string();
                    assert!(told.contains(parameter.name), "{told}");
                    assert!(!told.contains(['\n', '\r', '\0']), "{told:?}");
                    refused += 1;
                }
                Ok(intent) => {
                    passed += 1;
                    let arrived = match intent.arguments.0.get(parameter.name) {
                        Some(Argument::Text(value)) => value.clone(),
                        Some(Argument::List(values)) => values.join("\u{1}"),
                        Some(Argument::Weights(weights)) => weights.keys().cloned().collect(),
                        other => panic!("{}: {text:?} became {other:?}", parameter.name),
                    };
                    assert_eq!(arrived, text, "{} {}", action.name, parameter.name);
                    assert!(
                        !text.starts_with('-') || matches!(parameter.kind, Kind::Text { .. }),
                        "{text:?}"
                    );
                    assert!(!text.chars().any(char::is_control), "{text:?}");
                }
            }
        }
    }
    println!(
        "strings {STRINGS} in {} places, refused {refused}, passed and equal {passed}, anything else 0",
        places.len()
    );
    assert!(refused > STRINGS / 2 && passed > 0);
}

#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<BTreeMap<String, String>>>>);

#[tokio::test]
async fn what_passes_arrives_on_the_wire_as_it_is() {
    let received = Received::default();
    let app = Router::new()
        .route(
            "/",
            post(|State(received): State<Received>, Form(form): Form<BTreeMap<String, String>>| async move {
                received.0.lock().push(form);
                "<Response><ok/></Response>"
            }),
        )
        .with_state(received.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let egress = Egress::new(Config { policy: Policy::with_loopback(), ..Config::default() }).unwrap();
    let variables = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
    let config = AwsConfig {
        region: "ap-northeast-1".to_owned(),
        endpoint: Some(format!("http://{address}")),
        role: None,
        credentials: Chain { variables: variables.into(), ..Chain::default() },
        terminated_table: "terminated".to_owned(),
        waf_scope: WafScope::Regional,
    };
    let aws = Aws::new(config, egress, ManualClock::at(T0));
    let random = Random::from_seed(10);
    for _ in 0..200 {
        let (name, image) = (hostile(&random), hostile(&random));
        let template =
            Template { name: name.clone(), image: image.clone(), instance_type: "m7g.large".to_owned() };
        aws.change("run/0", &Effect::CreateTemplate { template }).await.unwrap();
        let form = received.0.lock().pop().unwrap();
        assert_eq!((&form["LaunchTemplateName"], &form["LaunchTemplateData.ImageId"]), (&name, &image));
        let names: Vec<_> = form.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "Action",
                "ClientToken",
                "LaunchTemplateData.ImageId",
                "LaunchTemplateData.InstanceType",
                "LaunchTemplateName",
                "Version",
            ]
        );
    }
    server.abort();
}
