//! Reliability F3: no form of a URL opens a connection to where the policy says no.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nines_base::ErrorKind;
use nines_egress::{Config, Egress, EgressError, Lookup, Policy, Request};

/// A resolver in the hands of an attacker: each name gives what the table says, in turn.
struct Liar {
    answers: HashMap<&'static str, Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Liar {
    fn with(answers: &[(&'static str, &[&[&str]])]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        let answers =
            answers.iter().map(|(name, turns)| (*name, turns.iter().map(parse).collect())).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

#[async_trait::async_trait]
impl Lookup for Liar {
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        match self.answers.get(host) {
            Some(turns) => Ok(turns[turn.min(turns.len() - 1)].clone()),
            // Any other name is one that the attacker owns, pointed at this machine.
            None => Ok(vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()]),
        }
    }
}

/// A server that counts whoever comes.
async fn trap() -> (u16, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = visits.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (port, visits)
}

/// Hosts that mean loopback, private, link-local, metadata or nothing public at all, in the forms known from attacks.
const HOSTS: &[&str] = &[
    // dotted, short, decimal, octal, hexadecimal, mixed
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7F.0X0.0.1",
    "127.0.0.0x1",
    "0",
    "0.0.0.0",
    "0x0",
    "00",
    "0.1.2.3",
    // private, carrier, link-local, metadata
    "10.0.0.1",
    "10.1",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.1",
    "0xc0a80001",
    "3232235521",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "169.254.43518",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    // reserved, documentation, multicast, broadcast
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    // IPv6: loopback, unspecified, mapped, compatible, NAT64, 6to4, Teredo, unique local, link-local, site-local
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[2001:db8::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    // names: the machine, an attacker's zone, trailing dots, full-width and circled letters, percent escapes, case
    "localhost",
    "LOCALHOST",
    "localhost.",
    "localhost.localdomain",
    "foo.localhost",
    "127.0.0.1.nip.io",
    "metadata.google.internal",
    "ｌｏｃａｌｈｏｓｔ",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "①②⑦.⓪.⓪.①",
    "１２７.０.０.１",
    "127。0。0。1",
    "%6c%6f%63%61%6c%68%6f%73%74",
    "127.0.0.1%2e",
    "xn--80ak6aa92e.com",
    "attacker.example",
];

/// Whole URLs: user information, back-slashes, other schemes, fragments and queries that pretend to be a host.
const URLS: &[&str] = &[
    "http://example.com@127.0.0.1:PORT/",
    "http://example.com:80@127.0.0.1:PORT/",
    "http://a:b@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@example.com/",
    "http://127.0.0.1:PORT#@example.com/",
    "http://127.0.0.1:PORT?@example.com/",
    "http:127.0.0.1:PORT/",
    "http:/127.0.0.1:PORT/",
    "http:\\\\127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "\thttp://127.0.0.1:PORT/",
    "http://127.0.0.1\t:PORT/",
    "ht\ntp://127.0.0.1:PORT/",
    "HTTP://127.0.0.1:PORT/",
    "https://127.0.0.1:PORT/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/_x",
    "ftp://127.0.0.1:PORT/",
    "dict://127.0.0.1:PORT/",
    "ldap://127.0.0.1:PORT/",
    "unix:/var/run/docker.sock",
    "data:text/plain,x",
    "jar:http://127.0.0.1:PORT!/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT",
    "http://",
    "http://:PORT/",
    "",
    "javascript:alert(1)",
    "blob:http://127.0.0.1:PORT/x",
    "http://[::1%25lo]:PORT/",
    "http://127.0.0.1:PORT:80/",
];

#[tokio::test]
async fn no_form_of_a_forbidden_target_is_ever_connected_to() {
    let (port, visits) = trap().await;
    let egress = Egress::with_lookup(Config::default(), Liar::with(&[])).unwrap();
    let from_hosts = HOSTS.iter().map(|host| format!("http://{host}:{port}/"));
    let from_urls = URLS.iter().map(|url| url.replace("PORT", &port.to_string()));
    let mut count = 0;
    for url in from_hosts.chain(from_urls) {
        for request in [Request::get(&url), Request::post(&url, "{}")] {
            let error = egress.send(request).await.expect_err(&url);
            assert!(
                matches!(error, EgressError::Refused { .. } | EgressError::Url { .. }),
                "{url:?} should be refused before a connection, but: {error}"
            );
            assert!(!error.may_have_been_sent(), "{url:?}");
        }
        count += 1;
    }
    assert!(count >= 110, "the table shrank to {count}");
    assert_eq!(visits.load(Ordering::SeqCst), 0, "somebody came through");
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_judged_by_the_address_that_is_connected_to() {
    let (port, visits) = trap().await;
    // Public when it is checked by a naive client, loopback when it connects: one lookup decides here, and each new
    // connection looks up and checks again.
    let liar = Liar::with(&[("rebind.example", &[&["127.0.0.1"], &["192.0.2.1"], &["127.0.0.1"]])]);
    let egress = Egress::with_lookup(Config::default(), liar.clone()).unwrap();
    for _ in 0..3 {
        let error = egress.send(Request::get(format!("http://rebind.example:{port}/"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
    }
    assert_eq!(liar.asked.load(Ordering::SeqCst), 3, "each connection resolves once");
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_allowed_network_is_reached_and_its_neighbours_are_not() {
    let (port, visits) = trap().await;
    let policy = Policy { allow: vec!["127.0.0.1/32".parse().unwrap()] };
    let liar = Liar::with(&[("mixed.example", &[&["10.0.0.1", "127.0.0.1"]])]);
    let egress = Egress::with_lookup(Config { policy, ..Config::default() }, liar).unwrap();
    for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "mixed.example"] {
        // The trap hangs up, so the call fails, but only after it got there.
        let error = egress.send(Request::get(format!("http://{host}:{port}/"))).await.unwrap_err();
        assert!(!matches!(error, EgressError::Refused { .. }), "{host}: {error}");
    }
    assert!(visits.load(Ordering::SeqCst) >= 3);
    let error = egress.send(Request::get(format!("http://127.0.0.2:{port}/"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
}

#[test]
fn what_is_printed_never_holds_the_secret_part_of_a_url() {
    let request =
        Request::post("https://hooks.example/services/T0/B0/s3cret?key=s3cret", "s3cret").bearer("s3cret");
    assert!(!format!("{request:?}").contains("s3cret"), "{request:?}");
}

#[tokio::test]
async fn errors_never_hold_the_secret_part_of_a_url() {
    let egress = Egress::with_lookup(Config::default(), Liar::with(&[])).unwrap();
    for url in [
        "http://127.0.0.1:1/s3cret?s3cret",
        "ftp://host/s3cret",
        "http://u:s3cret@host/x",
        "http://x:99999/s3cret",
    ] {
        let error = egress.send(Request::get(url)).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
