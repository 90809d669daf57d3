//! Checks against real servers: openssl's, and some of a few lines here.

use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use nines_base::{Shutdown, SystemClock};
use nines_egress::{Config, Policy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::*;
use crate::{LOCAL, Runner, RunnerParts, Taken, Taker};

fn checker() -> Checker {
    let all = ["0.0.0.0/0", "::/0"].iter().map(|network| network.parse().unwrap()).collect();
    let egress = Egress::new(Config { policy: Policy { allow: all }, ..Config::default() }).unwrap();
    Checker::new(egress, SystemClock::shared(), Random::from_seed(7), |_| None)
}

fn probes(specs: &[String]) -> Vec<Arc<Probe>> {
    let document = |(index, spec): (usize, &String)| {
        format!(
            "apiVersion: nines/v1\nkind: Probe\nmetadata: {{name: p{index}}}\nspec:\n  timeout: 5s\n  interval: 1s\n  {spec}\n"
        )
    };
    let text: Vec<String> = specs.iter().enumerate().map(document).collect();
    crate::parse(None, &text.join("---\n")).unwrap().probes.into_iter().map(Arc::new).collect()
}

/// The outcome of one check, and why.
async fn seen(spec: &str) -> (Outcome, String) {
    let seen = checker().run(&probes(&[spec.to_owned()])[0]).await;
    (seen.outcome, seen.reason.map_or(String::new(), |(kind, text)| format!("{}: {text}", kind.as_str())))
}

/// Answers whatever it is asked with these bytes.
async fn server(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(answer).await;
        }
    });
    port
}

#[tokio::test]
async fn http_tcp_and_dns_say_what_they_saw() {
    let good = server(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"state\": \"ok\"}",
    )
    .await;
    let bad = server(b"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy").await;
    let odd = server(b"+PONG\r\n").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((read, from)) = socket.recv_from(&mut buffer).await {
            let mut answer = buffer[..read].to_vec();
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            answer[7] = 1;
            answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
            let _ = socket.send_to(&answer, from).await;
        }
    });
    let json = "expect: {status: 200, headers: {content-type: json}, json: [{path: $.state, equals: ok}], latencyBelow: 5s}";
    for (spec, outcome, reason) in [
        (format!("http: {{url: 'http://127.0.0.1:{good}/', {json}}}"), Outcome::Success, ""),
        (
            format!("http: {{url: 'http://127.0.0.1:{bad}/'}}"),
            Outcome::Failure,
            "assertion: not so: status is 200–399, saw 503",
        ),
        (
            format!("http: {{url: 'http://127.0.0.1:{odd}/'}}"),
            Outcome::Failure,
            "protocol: no answer in HTTP",
        ),
        (format!("tcp: {{address: '127.0.0.1:{odd}', send: PING, expect: PONG}}"), Outcome::Success, ""),
        (
            format!("tcp: {{address: '127.0.0.1:{odd}', send: PING, expect: PING}}"),
            Outcome::Failure,
            "saw +PONG",
        ),
        (
            "tcp: {address: '127.0.0.1:1'}".to_owned(),
            Outcome::Failure,
            "connect: cannot connect to 127.0.0.1:1",
        ),
        (
            format!(
                "dns: {{name: shop.example, server: '127.0.0.1:{dns}', answers: [192.0.2.7], exact: true}}"
            ),
            Outcome::Success,
            "",
        ),
        (
            format!("dns: {{name: shop.example, server: '127.0.0.1:{dns}', answers: [192.0.2.8]}}"),
            Outcome::Failure,
            "saw 192.0.2.7",
        ),
        (
            format!("http: {{url: 'http://127.0.0.1:{good}/', headers: {{x: {{env: NINES_PROBE_NONE}}}}}}"),
            Outcome::Unable,
            "not_permitted",
        ),
    ] {
        let (found, why) = seen(&spec).await;
        assert!(found == outcome && why.contains(reason), "{spec}\n{found:?} {why}");
    }
}

#[tokio::test]
async fn tls_tells_the_certificate_whatever_it_is_worth() {
    let folder = tempfile::tempdir().unwrap();
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 30 \
               -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    let openssl = || {
        let mut command = nines_base::spawn::program("/usr/bin/openssl");
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let Ok(made) = openssl().args(new.split_whitespace()).status().await else {
        return println!("skipped: there is no /usr/bin/openssl");
    };
    assert!(made.success());
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let serve = format!("s_server -accept {port} -cert cert.pem -key key.pem -www -quiet");
    let _server = openssl().args(serve.split_whitespace()).spawn().unwrap();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::task::yield_now().await;
    }
    let authority =
        std::fs::read_to_string(folder.path().join("cert.pem")).unwrap().replace('\n', "\n        ");
    let trusted = format!("authorities: |\n        {authority}");
    for (spec, outcome, reason) in [
        (
            format!(
                "http:\n    url: https://localhost:{port}/\n    tls:\n      lastsAtLeast: 1d\n      {trusted}"
            ),
            Outcome::Success,
            "",
        ),
        (
            format!("tls: {{address: 'localhost:{port}'}}"),
            Outcome::Failure,
            "certificate: the certificate of localhost is not good",
        ),
        (
            format!("tls: {{address: 'localhost:{port}', skipVerification: true, names: [localhost]}}"),
            Outcome::Success,
            "",
        ),
        (
            format!("tls: {{address: 'localhost:{port}', skipVerification: true, lastsAtLeast: 60d}}"),
            Outcome::Failure,
            "lasts 60 d more",
        ),
    ] {
        let (found, why) = seen(&spec).await;
        assert!(found == outcome && why.contains(reason), "{spec}\n{found:?} {why}");
    }
}

/// Hands on what a runner measured.
struct Collector(tokio::sync::mpsc::Sender<Taken>);

#[async_trait]
impl Taker for Collector {
    async fn take(&self, taken: Taken) {
        let _ = self.0.send(taken).await;
    }
}

#[tokio::test]
async fn a_runner_blames_itself_only_if_it_reaches_no_reference() {
    let good = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for (reference, is_at_fault) in [(good, false), (1, true)] {
        let (taker, mut taken) = tokio::sync::mpsc::channel(100);
        let runner = Runner::new(RunnerParts {
            checker: checker(),
            clock: SystemClock::shared(),
            location: LOCAL.to_owned(),
            references: vec![HostPort { host: "127.0.0.1".to_owned(), port: reference }],
            home: None,
            taker: Arc::new(Collector(taker)),
        });
        runner.replace(probes(&["tcp: {address: '127.0.0.1:2'}".to_owned()]));
        let shutdown = Shutdown::new();
        let (running, stop) = (runner.clone(), shutdown.clone());
        let task = tokio::spawn(async move { running.run(stop).await });
        let mut confirmations = 0;
        for _ in 0..3 {
            let taken = taken.recv().await.unwrap();
            assert_eq!(taken.measurement.outcome, Outcome::Failure);
            assert_eq!(taken.at_fault.is_some(), is_at_fault, "{:?}", taken.at_fault);
            confirmations += u32::from(taken.is_confirmation);
        }
        // Until it is down a target is looked at again before its time; a runner at fault does not press on.
        assert_eq!(confirmations, if is_at_fault { 0 } else { 2 });
        shutdown.begin();
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_machine_without_a_network_blames_nobody() {
    let itself = std::env::current_exe().unwrap();
    let mut inside = nines_base::spawn::program("/usr/bin/unshare");
    inside.arg("--net").arg(itself).args(["--ignored", "--exact", "check::tests::inside_an_empty_network"]);
    match inside.stdout(Stdio::piped()).stderr(Stdio::null()).output().await {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains("1 passed"), "{text}");
        }
        Ok(output) if !output.stdout.is_empty() => panic!("{}", String::from_utf8_lossy(&output.stdout)),
        _ => println!("skipped: this test needs the right to make a network of its own"),
    }
}

#[tokio::test]
#[ignore = "run by the test above, in a network with nothing in it"]
async fn inside_an_empty_network() {
    for spec in [
        "tcp: {address: '192.0.2.1:80'}",
        "dns: {name: a.example, server: 192.0.2.1}",
        "icmp: {host: 192.0.2.1}",
    ] {
        let (outcome, why) = seen(spec).await;
        assert!(outcome == Outcome::Unable && why.contains("no_network"), "{spec}\n{outcome:?} {why}");
    }
}
