use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifier};

use super::*;
use crate::{ChannelKind, Draft, Event, PageId, Subject};

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Section 5 and appendix A of RFC 8291: the shared secret of its two key pairs, and everything that follows from it.
#[test]
fn the_example_of_the_standard_is_reproduced() {
    let shared = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
    let auth = bytes("BTBZMqHH6r4Tts7J_aSIgg");
    let browser =
        bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
    let own =
        bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
    let salt: [u8; 16] = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
    let (key, nonce) = keys(&shared, &auth, &browser, &own, &salt);
    assert_eq!(URL_SAFE_NO_PAD.encode(key), "oIhVW04MRdy2XN9CiKLxTg");
    assert_eq!(URL_SAFE_NO_PAD.encode(nonce), "4h_95klXJ5E_qnoN");
    let body = seal(b"When I grow up, I want to be a watermelon", &key, nonce, &salt, &own).unwrap();
    let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
    assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
}

/// As a browser does it, with a key pair of its own.
fn decrypt(body: &[u8], key: EphemeralPrivateKey, public: &[u8], auth: &[u8]) -> String {
    let (salt, rest) = body.split_at(16);
    assert_eq!(rest[..4], 4096_u32.to_be_bytes());
    assert_eq!(rest[4], 65);
    let (own, record) = rest[5..].split_at(65);
    let theirs = UnparsedPublicKey::new(&ECDH_P256, own);
    let (content, nonce) =
        agree_ephemeral(key, &theirs, |shared| keys(shared, auth, public, own, salt)).unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content).unwrap());
    let mut record = record.to_vec();
    let plain = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).unwrap();
    let (end, text) = plain.split_last().unwrap();
    assert_eq!(*end, 2, "the last record");
    String::from_utf8(text.to_vec()).unwrap()
}

fn subscription(browser: &str) -> Subscription {
    Subscription {
        endpoint: Secret::new("https://push.example:8443/send/abc"),
        p256dh: browser.to_owned(),
        auth: Secret::new(URL_SAFE_NO_PAD.encode([7; 16])),
    }
}

fn pusher() -> Pusher {
    let egress = Egress::new(nines_egress::Config::default()).unwrap();
    Pusher::new(new_key().unwrap(), "https://sre.example.com".to_owned(), egress)
}

fn delivery(title: &str, text: &str, kind: &str, url: &str) -> Delivery {
    let payload = json!({"type": kind, "data": {"incident": "INC-2026-0001", "level": "P0", "url": url,
        "acknowledge_url": format!("{url}?do=acknowledge")}});
    Delivery {
        page: PageId("p1".to_owned()),
        subject: Subject::incident("INC-2026-0001"),
        event: Event::Notice,
        content: Draft::plain(title, text, payload).for_channel(ChannelKind::WebPush),
        created_at: Timestamp::from_secs(1_795_000_000),
        now: Timestamp::from_secs(1_795_000_000),
        thread: None,
        epoch: None,
    }
}

fn shown(pusher: &Pusher, delivery: &Delivery) -> serde_json::Value {
    let Content::Message { title, text, payload } = &delivery.content else { panic!("a message") };
    serde_json::from_str(&pusher.plaintext(&Message { delivery, title, text, payload })).unwrap()
}

#[test]
fn a_browser_reads_it_and_its_push_service_knows_who_sends() {
    let random = SystemRandom::new();
    for text in ["payments fail", &"\"\u{1}逐字 \\ ".repeat(900)] {
        let key = EphemeralPrivateKey::generate(&ECDH_P256, &random).unwrap();
        let public = key.compute_public_key().unwrap();
        let (to, pusher) = (subscription(&URL_SAFE_NO_PAD.encode(&public)), pusher());
        let node = pair(&pusher.key).unwrap().public_key().as_ref().to_vec();
        let url = "https://sre.example.com/incident/INC-2026-0001";
        let delivery = delivery("[P0] INC-2026-0001: payments fail", text, "oncall.call", url);
        let Content::Message { title, text, payload } = &delivery.content else { panic!("a message") };
        let request = pusher.request(&to, &Message { delivery: &delivery, title, text, payload }).unwrap();
        assert!(request.body.len() <= 4096, "{}", request.body.len());
        assert_eq!(request.headers["content-encoding"], "aes128gcm");
        assert_eq!(
            (&request.headers["urgency"], &request.headers["ttl"]),
            (&"high".parse().unwrap(), &"3600".parse().unwrap())
        );
        assert_eq!(request.headers["topic"].len(), 32);
        let shown: serde_json::Value =
            serde_json::from_str(&decrypt(&request.body, key, public.as_ref(), &[7; 16])).unwrap();
        assert_eq!(shown["title"], "[P0] INC-2026-0001: payments fail");
        assert_eq!(shown["path"], "/incident/INC-2026-0001");
        assert_eq!(shown["answer"], "/incident/INC-2026-0001?do=acknowledge");
        assert_eq!((&shown["tag"], &shown["over"]), (&json!("nines-INC-2026-0001"), &json!(false)));

        let told = request.headers["authorization"].to_str().unwrap();
        let (token, k) = told.strip_prefix("vapid t=").and_then(|told| told.split_once(", k=")).unwrap();
        assert_eq!(bytes(k), node);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        Verifier::new(&ECDSA_P256_SHA256_FIXED, &node).verify(signed.as_bytes(), &bytes(signature)).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&bytes(signed.split_once('.').unwrap().1)).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443");
        assert_eq!(claims["sub"], "https://sre.example.com");
        assert_eq!(claims["exp"], 1_795_000_000 + 43_200);
    }
}

#[test]
fn what_is_answered_calls_nobody_and_no_notification_leads_elsewhere() {
    let pusher = pusher();
    let answered =
        shown(&pusher, &delivery("t", "x", ANSWERED, "https://sre.example.com/incident/INC-2026-0001"));
    assert_eq!(
        (&answered["over"], &answered["urgent"], &answered["answer"]),
        (&json!(true), &json!(false), &json!(null))
    );
    for url in [
        "https://evil.example/incident/INC-2026-0001",
        "https://sre.example.com.evil.example/",
        "https://sre.example.com//evil.example/",
        "https://sre.example.com@evil.example/",
        "",
    ] {
        let shown = shown(&pusher, &delivery("t", "x", "oncall.call", url));
        assert_eq!(shown["path"], "/incidents", "{url}");
    }
    let hostile = shown(&pusher, &delivery("a\u{202e}b\nc", &"逐".repeat(5_000), "oncall.call", ""));
    assert_eq!(hostile["title"], "ab c");
    assert!(hostile["body"].as_str().unwrap().len() <= 1_500);
}

#[test]
fn subscriptions_that_are_none_are_said_to_be_so() {
    let key = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
    let good = subscription(&URL_SAFE_NO_PAD.encode(key.compute_public_key().unwrap()));
    assert_eq!(good.check(), Ok(()));
    assert_eq!(good.service(), "push.example");
    for (p256dh, auth) in [("", ""), ("AAAA", "AAAA"), ("*", "*")] {
        let bad = Subscription { p256dh: p256dh.to_owned(), auth: Secret::new(auth), ..good.clone() };
        assert_eq!(bad.check(), Err(PushError::Browser));
    }
    // 65 bytes that are no point of the curve.
    let bad = Subscription { p256dh: URL_SAFE_NO_PAD.encode([4; 65]), ..good.clone() };
    assert_eq!(bad.check(), Err(PushError::Browser));
    let long = format!("https://push.example/{}", "a".repeat(ENDPOINT_MAX));
    for endpoint in [
        "",
        "/send",
        "http://push.example/send",
        "https://ann:secret@push.example/send",
        "ftp://push.example/send",
        "https://push.example/\u{e9}",
        &long,
    ] {
        let bad = Subscription { endpoint: Secret::new(endpoint), ..good.clone() };
        assert_eq!(bad.check(), Err(PushError::Endpoint), "{endpoint}");
    }
    assert_eq!(public_key(&Secret::new("AAAA")), Err(PushError::Node));
}
