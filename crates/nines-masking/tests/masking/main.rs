//! What is found, what is left alone, and what masking promises whatever the text.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use nines_masking::{Action, BuiltIn, HashKey, Masked, Masker, Rule, Rules, What};
use nines_model::{Batch, Dataset, Event, Resource, Timestamp, Value};
use proptest::prelude::*;

mod corpus;

pub fn masker(rules: Vec<Rule>) -> Masker {
    Masker::new(Rules { rules }, HashKey::new([7; 32])).unwrap()
}

pub fn everything() -> Masker {
    masker(BuiltIn::ALL.into_iter().map(Rule::from).collect())
}

pub fn mask(masker: &Masker, text: &str) -> String {
    match masker.mask_text("body", text) {
        Masked::Text(text) => text.into_owned(),
        Masked::Dropped => panic!("dropped: {text}"),
    }
}

fn rule(what: What, action: Action, fields: &[&str]) -> Rule {
    Rule {
        name: "rule".to_owned(),
        what,
        action,
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
    }
}

#[test]
fn a_hash_is_the_same_for_the_same_text_and_key() {
    let hash = |key: u8, text: &str| {
        let rule = Rule { action: Action::Hash, ..Rule::from(BuiltIn::Email) };
        let masker = Masker::new(Rules { rules: vec![rule] }, HashKey::new([key; 32])).unwrap();
        mask(&masker, text)
    };
    let one = hash(1, "login of ann@example.com ok");
    assert_eq!(one, hash(1, "login of ann@example.com ok"));
    assert_ne!(one, hash(1, "login of bob@example.com ok"));
    assert_ne!(one, hash(2, "login of ann@example.com ok"));
    assert_eq!(one.len(), "login of [email:0123456789abcdef] ok".len());
}

#[test]
fn fields_and_actions_are_kept_to() {
    let customer = rule(What::Pattern(r"CUST-\d{6}".to_owned()), Action::Mask, &["customer.*"]);
    let masker = masker(vec![customer, rule(What::Everything, Action::Drop, &["user.ip"])]);
    let text =
        |field: &str, text: &str| masker.mask_text(field, text) == Masked::Text(text.to_owned().into());
    assert_eq!(masker.mask_text("customer.id", "CUST-123456"), Masked::Text("[rule]".into()));
    assert!(text("body", "CUST-123456"));
    assert_eq!(masker.mask_text("user.ip", "10.0.0.1"), Masked::Dropped);
    assert!(text("server.ip", "10.0.0.1"));
}

#[test]
fn a_field_whose_name_is_a_secret_is_masked_whole() {
    let masker = masker(vec![Rule::from(BuiltIn::Secret)]);
    for field in
        ["password", "db.password", "http.request.header.authorization", "apiKey", "X-Api-Key", "user_passwd"]
    {
        assert_eq!(masker.mask_text(field, "sunshine"), Masked::Text("[secret]".into()), "{field}");
    }
    for field in ["body", "password_length", "tokens", "key", "http.route"] {
        assert_eq!(masker.mask_text(field, "sunshine"), Masked::Text("sunshine".into()), "{field}");
    }
}

#[test]
fn rules_that_cannot_work_are_refused_with_the_reason() {
    let refused = |what: What| {
        let rules = Rules { rules: vec![rule(what, Action::Mask, &[])] };
        Masker::new(rules, HashKey::new([0; 32])).unwrap_err().to_string()
    };
    assert_eq!(
        refused(What::Pattern("a(".to_owned())),
        "masking rule `rule`: the pattern cannot be read: unclosed group"
    );
    assert_eq!(
        refused(What::Pattern("x*".to_owned())),
        "masking rule `rule`: the pattern matches the empty text: it would be everywhere"
    );
    assert!(refused(What::Pattern("(a{1000}){1000}".to_owned())).contains("cannot be read"));
    assert!(refused(What::Pattern("a".repeat(3000))).contains("longer than"));
    assert!(refused(What::Everything).contains("list its `fields`"));
}

#[test]
fn a_batch_is_masked_with_what_it_shares() {
    let resource = Resource { attributes: vec![("deploy.password".into(), Value::str("hunter2"))] };
    let resource = std::sync::Arc::new(resource);
    let event = |fields: Vec<(&str, Value)>| Event {
        timestamp: Timestamp::EPOCH,
        resource: std::sync::Arc::clone(&resource),
        fields: fields.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    };
    let mut batch = Batch::of_events(
        Dataset::Logs,
        Timestamp::EPOCH,
        &[
            event(vec![
                ("body", Value::str("paid with 4111 1111 1111 1111")),
                ("card", Value::Int(4111111111111111)),
            ]),
            event(vec![("raw", Value::Json(r#"{"card":4111111111111111,"n":"x 4111111111111111"}"#.into()))]),
            event(vec![
                ("bytes", Value::Bytes("AKIAIOSFODNN7EXAMPLE".into())),
                ("duration", Value::Int(1700000000000000000)),
            ]),
        ],
    );
    assert!(everything().mask_batch(&mut batch));
    let shown: Vec<String> = batch.rows.events().iter().map(|event| format!("{:?}", event.fields)).collect();
    assert_eq!(
        shown,
        [
            r#"[("body", Str("paid with [payment_card]"))]"#,
            r#"[("raw", Json("{\"card\":\"[payment_card]\",\"n\":\"x [payment_card]\"}"))]"#,
            r#"[("bytes", Bytes(b"[token]")), ("duration", Int(1700000000000000000))]"#,
        ]
    );
    for event in &batch.rows.events() {
        assert_eq!(event.resource.attributes, [("deploy.password".into(), Value::str("[secret]"))]);
    }
    assert!(!everything().mask_batch(&mut batch), "masking twice changes nothing more");
}

fn piece() -> impl Strategy<Value = String> {
    let known: Vec<String> = corpus::SECRETS.iter().map(|(_, secret)| (*secret).to_owned()).collect();
    prop_oneof![
        prop::sample::select(known),
        "[ -~]{0,12}",
        prop::sample::select(vec![
            "密碼", "=", ":", "@", " ", "-", "password", "\\\"", "é", "Bearer ", "eyJ", "0"
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    /// No text panics.
    #[test]
    fn any_bytes_are_taken(pieces in prop::collection::vec(piece(), 0..12)) {
        mask(&everything(), &pieces.concat());
    }

    /// Twice is once.
    #[test]
    fn masking_twice_is_masking_once(pieces in prop::collection::vec(piece(), 0..12)) {
        let text = pieces.join(" ");
        let masker = everything();
        let once = mask(&masker, &text);
        prop_assert_eq!(mask(&masker, &once), once.clone(), "{:?}", text);
    }

    /// A secret between blanks is found whatever stands around.
    #[test]
    fn a_secret_between_blanks_is_never_left(
        before in "[a-z ]{0,20}", index in 0_usize..corpus::SECRETS.len(), after in "[a-z ]{0,20}"
    ) {
        let (_, secret) = corpus::SECRETS[index];
        let text = format!("{before} {secret} {after}");
        let masked = mask(&everything(), &text);
        prop_assert!(!masked.contains(corpus::core_of(secret)), "{} -> {}", text, masked);
    }
}
