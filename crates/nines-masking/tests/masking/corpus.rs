//! Texts with and without something to mask. The secrets are made up or published for tests by their issuers.

use nines_masking::{BuiltIn, Rule};

use crate::{everything, mask, masker};

/// What must be found, by the built-in that must find it.
pub const SECRETS: [(BuiltIn, &str); 37] = [
    (BuiltIn::PaymentCard, "4111111111111111"),
    (BuiltIn::PaymentCard, "5555-5555-5555-4444"),
    (BuiltIn::PaymentCard, "3782 822463 10005"),
    (BuiltIn::PaymentCard, "6200000000000005"),
    (BuiltIn::Token, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"),
    (BuiltIn::Token, "AKIAIOSFODNN7EXAMPLE"),
    (BuiltIn::Token, "Bearer abcdef0123456789abcdef0123456789"),
    (BuiltIn::Token, "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
    (BuiltIn::Token, "glpat-0123456789abcdefghij"),
    (BuiltIn::Token, "xoxb-123456789012-abcdefghijkl"),
    (BuiltIn::Token, "sk_live_0123456789abcdefghijklmn"),
    (BuiltIn::Token, "AIzaSyA0123456789abcdefghijklmnopqrstuv"),
    (BuiltIn::Token, "-----BEGIN RSA PRIVATE KEY-----\nMIIEow0BAAKCAQEA\n-----END RSA PRIVATE KEY-----"),
    (BuiltIn::Secret, "password=correct-horse"),
    (BuiltIn::Secret, "pwd='correct horse'"),
    (BuiltIn::Secret, "\"client_secret\": \"correct-horse\""),
    (BuiltIn::Secret, "{\\\"password\\\":\\\"correct-horse\\\"}"),
    (BuiltIn::Secret, "DB_PASSWORD=correct-horse"),
    (BuiltIn::Secret, "Authorization: Basic Y29ycmVjdDpob3JzZTE="),
    (BuiltIn::Secret, "access_token=9f8e7d6c5b4a"),
    (BuiltIn::Secret, "postgres://app:correct-horse@db.internal/shop"),
    (BuiltIn::Secret, "password: c0rrect-horse"),
    (BuiltIn::Email, "ann.lee+news@mail.example.com"),
    (BuiltIn::Email, "王小明@example.com.tw"),
    (BuiltIn::Phone, "+886 912 345 678"),
    (BuiltIn::Phone, "+1 (415) 555-2671"),
    (BuiltIn::Phone, "+8613812345678"),
    (BuiltIn::Phone, "0912-345-678"),
    (BuiltIn::Phone, "0912345678"),
    (BuiltIn::Phone, "02-2345-6789"),
    (BuiltIn::Phone, "(02) 2345-6789"),
    (BuiltIn::Phone, "13812345678"),
    (BuiltIn::Phone, "(415) 555-2671"),
    (BuiltIn::Phone, "415-555-2671"),
    (BuiltIn::NationalIdTw, "A123456789"),
    (BuiltIn::NationalIdCn, "11010519491231002X"),
    (BuiltIn::SsnUs, "123-45-6789"),
];

/// Lines of working systems in which nothing is to be found.
const CLEAN: [&str; 29] = [
    "2024-05-01T12:30:01.123456789Z INFO request 7 took 1514038530000 ns",
    "081109 203615 148 INFO dfs.DataNode: Received block blk_-1608999687919862906 of size 67108864 from /10.250.19.102",
    "instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d memory limit: 96258.00 MB, free: 95746.00 MB",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
    "epoch 1700000000000000000 1700000000000000 1700000000000 1700000000",
    "max_tokens=4096 token_count: 17 tokens=12 token=12345678",
    "password: incorrect",
    "password must be changed",
    "wrong password for user ann",
    "secret not found: default/tls",
    "password=*** token=null secret=${SECRET} pwd=\"\"",
    "authorization: denied",
    "session closed for user root",
    "eyJust a word",
    "bearer of bad news, bearer token missing",
    "sort key=orders:1234 partition key: 7",
    "https://example.com/a:b/c@d?x=1",
    "git@github.com:nines/nines.git is not an address",
    "version 1.2.3-4567 build 20240501-123456",
    "10.251.73.220:50010 is added to blk_7128370237687728475",
    "PCI 0000:00:1f.2 IRQ 19, BAR 0xfeb00000-0xfeb7ffff",
    "size 4111111111111112 bytes 378282246310006",
    "at com.example.Foo.bar(Foo.java:123) ~[app-1.2.3.jar:1.2.3]",
    "order_0912345678_x A1234567890 B123456789x",
    "FF:F2:9F:16:E2:23:00:0D:60:E9 ip=10.0.0.151 v=9 t=4",
    "Verification succeeded for blk_-4980916519894289629",
    "row 4980916519894289629 moved by -4111111111111111",
    "Processed session termination for sessionid: 0x14ede63a5a70002",
    "commit 8a2f1c4d5e6f7a8b9c0d 2024-05-01 +0800 123-456",
];

/// The part of a secret that must not be seen again: without the name, the scheme or the user that stand before it.
pub fn core_of(secret: &str) -> &str {
    [
        "correct-horse",
        "correct horse",
        "Y29ycmVjdDpob3JzZTE=",
        "9f8e7d6c5b4a",
        "c0rrect-horse",
        "abcdef0123456789",
        "MIIEow0BAAKCAQEA",
    ]
    .into_iter()
    .find(|core| secret.contains(core))
    .unwrap_or(secret)
}

#[test]
fn every_secret_is_found_by_its_rule_alone() {
    for (what, secret) in SECRETS {
        let masker = masker(vec![Rule::from(what)]);
        for text in [
            secret.to_owned(),
            format!("got {secret} from peer"),
            format!("got {secret}, then more."),
            format!("使用者 {secret} 登入"),
            format!("<{secret}>"),
        ] {
            let masked = mask(&masker, &text);
            assert!(!masked.contains(core_of(secret)), "{text} -> {masked}");
            assert!(masked.contains(&format!("[{what}]")), "{text} -> {masked}");
        }
    }
}

#[test]
fn what_is_not_secret_is_left_alone() {
    let masker = everything();
    for line in CLEAN {
        let expected = match line {
            // An address all the same: nobody can know.
            line if line.starts_with("git@") => "[email]:nines/nines.git is not an address",
            line => line,
        };
        assert_eq!(mask(&masker, line), expected);
    }
}

#[test]
fn what_stands_around_a_secret_stays() {
    let masker = everything();
    for (text, expected) in [
        ("user ann@example.com paid 4111111111111111.", "user [email] paid [payment_card]."),
        ("GET /login?user=ann&password=abc&next=/ 200", "GET /login?user=ann&password=[secret]&next=/ 200"),
        ("{\"password\":\"a\\\"b c\",\"n\":1}", "{\"password\":\"[secret]\",\"n\":1}"),
        ("redis://:s3cret@cache:6379/0 up", "redis://:[secret]@cache:6379/0 up"),
        ("Authorization: Bearer abcdefghij0123456789 sent", "Authorization: [secret] sent"),
        ("id A123456789, 電話 0912-345-678。", "id [national_id_tw], 電話 [phone]。"),
        ("ids=[11010519491231002X]", "ids=[[national_id_cn]]"),
    ] {
        assert_eq!(mask(&masker, text), expected);
    }
}
