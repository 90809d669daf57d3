//! Reliability F3, by the table: every spelling of every kind of address that must not be reached, as a URL, as the answer of a
//! resolver and as the target of a redirect. Counted at the connect hook: a listener that is behind each of them.
//!
//! The listener is on this machine, so what would reach another machine is counted by the guard's refusal and what would
//! reach this one by the listener too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::routing::get;
use nines_base::ErrorKind;
use nines_egress::{Config, Egress, EgressError, Lookup, Policy, Request};

/// One of each kind, and the edges of their networks.
const V4: &[&str] = &[
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.0.1",
    // Metadata: AWS, GCP, Azure, Oracle | ECS | Alibaba | Azure's wire server.
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
];

const V6: &[&str] = &[
    "::1",
    "::",
    "fc00::1",
    "fdff:ffff::1",
    // Metadata over IPv6: EC2, GCP.
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "3fff::1",
    "2001:0:4136:e378::1",
    "2001:20::1",
    "2002:c0a8:1::1",
    "100::1",
    "64:ff9b:1::1",
    "4000::1",
];

/// The spellings of an IPv4 address that some parser or other takes.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let number = address.to_bits();
    let (low16, low24) = (number & 0xffff, number & 0xff_ffff);
    let (high, low) = (number >> 16, number & 0xffff);
    let wide = |text: &str| -> String {
        let digit = |c: char| c.to_digit(10).and_then(|digit| char::from_u32(0xff10 + digit)).unwrap_or(c);
        text.chars().map(digit).collect()
    };
    vec![
        address.to_string(),
        format!("{address}."),
        number.to_string(),
        format!("0x{number:x}"),
        format!("0X{number:X}"),
        format!("0{number:o}"),
        format!("0x{a:02x}.0x{b:02x}.0x{c:02x}.0x{d:02x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0000{a:o}.{b}.{c}.{d}"),
        format!("{a}.0x{b:x}.0{c:o}.{d}"),
        format!("{a}.{low24}"),
        format!("{a}.{b}.{low16}"),
        format!("0x{a:x}.0x{low24:x}"),
        format!("{a}。{b}．{c}｡{d}"),
        wide(&address.to_string()),
        format!("%3{}{}", a / 100 % 10, &address.to_string()[1..]),
        format!("[::ffff:{address}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[0:0:0:0:0:FFFF:{high:X}:{low:X}]"),
        format!("[::{address}]"),
        format!("[64:ff9b::{address}]"),
        format!("[64:ff9b::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[::ffff:0:{address}]"),
    ]
}

fn spellings_v6(address: Ipv6Addr) -> Vec<String> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    vec![
        format!("[{address}]"),
        format!("[{a:04x}:{b:04x}:{c:04x}:{d:04x}:{e:04x}:{f:04x}:{g:04x}:{h:04x}]"),
        format!("[{a:X}:{b:X}:{c:X}:{d:X}:{e:X}:{f:X}:{g:X}:{h:X}]"),
    ]
}

fn hosts() -> Vec<String> {
    let v4 = V4.iter().flat_map(|text| spellings(text.parse().unwrap()));
    v4.chain(V6.iter().flat_map(|text| spellings_v6(text.parse().unwrap()))).collect()
}

/// What a name resolves to: the address that is encoded in it, and on each further question the next of them.
struct Zone {
    answers: Vec<IpAddr>,
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl Lookup for Zone {
    async fn lookup(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(vec![self.answers[turn % self.answers.len()]])
    }
}

fn inside() -> Vec<IpAddr> {
    V4.iter().chain(V6).map(|text| text.parse().unwrap()).collect()
}

/// A server that counts whoever comes.
async fn trap() -> (u16, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = visits.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, visits)
}

fn is_refused(error: &EgressError) -> bool {
    // A spelling that is no host at all is refused by the reader of URLs.
    matches!(error, EgressError::Refused { .. } | EgressError::Url { .. }) && !error.may_have_been_sent()
}

#[tokio::test]
async fn no_spelling_of_no_forbidden_address_is_connected_to() {
    let (port, visits) = trap().await;
    // A spelling that is read as a name is a name of the attacker's, pointed at this machine.
    let answers = vec!["127.0.0.1".parse().unwrap()];
    let zone = Arc::new(Zone { answers, asked: AtomicUsize::new(0) });
    let egress = Egress::with_lookup(Config::default(), zone).unwrap();
    let mut count = 0;
    for host in hosts() {
        for url in [
            format!("http://{host}:{port}/"),
            format!("https://{host}:{port}/latest/meta-data?x=1#y"),
            format!("http://{host}:80/"),
            format!("http://public.example@{host}:{port}/"),
        ] {
            let error = egress.send(Request::get(&url)).await.expect_err(&url);
            assert!(is_refused(&error), "{url}: {error}");
            count += 1;
        }
    }
    assert!(count >= 300, "the table shrank to {count}");
    println!("F3 {count} URLs, {} connections", visits.load(Ordering::SeqCst));
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_resolves_to_what_is_inside_is_refused_at_every_turn() {
    let (port, visits) = trap().await;
    let zone = Arc::new(Zone { answers: inside(), asked: AtomicUsize::new(0) });
    let egress = Egress::with_lookup(Config::default(), zone.clone()).unwrap();
    let turns = inside().len();
    for turn in 0..turns {
        let error = egress.send(Request::get(format!("http://rebind.example:{port}/"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden, "turn {turn}: {error}");
    }
    assert_eq!(zone.asked.load(Ordering::SeqCst), turns, "each connection asks once, and connects to that");
    println!("F3 {turns} rebindings, {} connections", visits.load(Ordering::SeqCst));
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

/// Public at first, inside when it is connected to again: what was checked for one connection is not believed for the next.
#[tokio::test]
async fn a_name_that_was_allowed_once_is_judged_again() {
    let (port, visits) = trap().await;
    let answers = ["127.0.0.2", "127.0.0.1"].iter().map(|text| text.parse().unwrap()).collect();
    let zone = Arc::new(Zone { answers, asked: AtomicUsize::new(0) });
    // One loopback address stands for the public one.
    let policy = Policy { allow: vec!["127.0.0.2/32".parse().unwrap()] };
    let timeout = std::time::Duration::from_millis(300);
    let egress = Egress::with_lookup(Config { policy, timeout, ..Config::default() }, zone).unwrap();
    let ask = || egress.send(Request::get(format!("http://rebind.example:{port}/")));
    assert!(!is_refused(&ask().await.unwrap_err()), "the first gets through, and is hung up on");
    assert_eq!(visits.load(Ordering::SeqCst), 1);
    assert_eq!(ask().await.unwrap_err().kind(), ErrorKind::Forbidden);
    assert_eq!(visits.load(Ordering::SeqCst), 1);
}

/// The first hops are allowed (another loopback address stands for public ones); the last leads inside.
#[tokio::test]
async fn no_redirect_leads_inside_after_any_number_of_hops() {
    let (port, visits) = trap().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let public = listener.local_addr().unwrap();
    let hosts: Arc<Vec<String>> = Arc::new(hosts());
    let targets = hosts.clone();
    let hop = get(move |Path((left, place)): Path<(u32, usize)>| {
        let targets = targets.clone();
        async move {
            let to = match left {
                0 => format!("http://{}:{port}/", targets[place]),
                left => format!("http://{public}/{}/{place}", left - 1),
            };
            match axum::http::HeaderValue::from_bytes(to.as_bytes()) {
                Ok(to) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to)]),
                Err(_) => unreachable!("a host never breaks a line"),
            }
        }
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/{left}/{place}", hop)).await });
    let answers = vec!["127.0.0.1".parse().unwrap()];
    let zone = Arc::new(Zone { answers, asked: AtomicUsize::new(0) });
    let policy = Policy { allow: vec!["127.0.0.2/32".parse().unwrap()] };
    let egress = Egress::with_lookup(Config { policy, ..Config::default() }, zone).unwrap();
    let (mut count, mut unread) = (0, 0);
    for hops in 0..5 {
        for (place, host) in hosts.iter().enumerate() {
            let mut request = Request::get(format!("http://{public}/{hops}/{place}")).bearer("s3cret");
            request.follow_redirects = true;
            match egress.send(request).await {
                Err(error) => {
                    assert!(
                        matches!(error, EgressError::Refused { .. } | EgressError::Url { .. }),
                        "{host}: {error}"
                    );
                }
                // A location in another script than ASCII is not read: the redirect itself is the answer.
                Ok(answer) => {
                    assert!(answer.status.is_redirection() && !host.is_ascii(), "{host}: {}", answer.status);
                    unread += 1;
                }
            }
            count += 1;
        }
    }
    println!(
        "F3 {count} redirects over 1 to 5 hops ({unread} not read), {} connections",
        visits.load(Ordering::SeqCst)
    );
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

/// The environment of a process cannot be changed safely from within, so another process has it: this test again, told so.
#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    const CHILD: &str = "NINES_EGRESS_PROXY_TEST";
    if std::env::var_os(CHILD).is_some() {
        let target = std::env::var("NINES_EGRESS_TARGET").unwrap();
        let config = Config { policy: Policy::with_loopback(), ..Config::default() };
        let answer = Egress::new(config).unwrap().send(Request::get(target)).await.unwrap();
        assert_eq!(answer.body, "reached");
        return;
    }
    let (port, visits) = trap().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", get(|| async { "reached" }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let proxy = format!("http://127.0.0.1:{port}");
    let mut child = nines_base::spawn::program(std::env::current_exe().unwrap());
    child.args(["--exact", "corpus::proxies_of_the_environment_are_ignored"]);
    child.envs(std::env::vars_os()).env(CHILD, "1").env("NINES_EGRESS_TARGET", target);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, &proxy);
    }
    let output = child.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(visits.load(Ordering::SeqCst), 0, "the proxy was asked");
}
