//! Syslog listeners on real sockets, and a sink that takes its time.

use std::time::Duration;

use nines_base::{ErrorKind, Shutdown};
use nines_receive::{Connections, Limits, SinkError, Syslog, SyslogLimits};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::support::TestServer;

async fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(30), waiting).await.is_ok(),
        "waited in vain for {what}"
    );
}

fn syslog(server: &TestServer, limits: SyslogLimits) -> Syslog {
    Syslog::new(limits, server.sink.clone(), server.clock.clone())
}

#[tokio::test]
async fn both_framings_over_tcp_and_datagrams_over_udp_are_stored() {
    let server = TestServer::start(Limits::default()).await;
    let syslog = syslog(&server, SyslogLimits { message_bytes: 100, ..SyslogLimits::default() });
    let shutdown = Shutdown::new();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (tcp_at, udp_at) = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    let tasks = [
        tokio::spawn({
            let (syslog, stop) = (syslog.clone(), shutdown.clone());
            async move { syslog.serve_tcp(tcp, Connections::new("test", 10), stop).await }
        }),
        tokio::spawn({
            let (syslog, stop) = (syslog.clone(), shutdown.clone());
            async move { syslog.serve_udp(udp, stop).await }
        }),
    ];
    let mut stream = TcpStream::connect(tcp_at).await.unwrap();
    stream.write_all(b"<13>a: one\n10 <13>a: two<13>a: three\n").await.unwrap();
    stream.write_all(format!("<13>a: {}\n<13>a: last", "x".repeat(500)).as_bytes()).await.unwrap();
    drop(stream);
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..20 {
        sender.send_to(format!("<13>u: {number}").as_bytes(), udp_at).await.unwrap();
    }
    wait("25 messages", || server.sink.events() == 25).await;
    shutdown.begin();
    for task in tasks {
        task.await.unwrap();
    }
    let stats = syslog.stats();
    assert_eq!((stats.messages, stats.messages_cut, stats.messages_dropped), (25, 1, 0));
    let batches = server.sink.batches.lock().unwrap();
    let events: Vec<_> = batches.iter().flat_map(|batch| batch.rows.events()).collect();
    assert!(events.iter().all(|event| event.get_str("client.address") == Some("127.0.0.1")));
}

#[tokio::test]
async fn a_node_that_cannot_store_makes_tcp_wait_and_loses_nothing() {
    let server = TestServer::start(Limits::default()).await;
    let syslog = syslog(&server, SyslogLimits::default());
    let shutdown = Shutdown::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serving = tokio::spawn({
        let (syslog, stop) = (syslog.clone(), shutdown.clone());
        async move { syslog.serve_tcp(listener, Connections::new("test", 10), stop).await }
    });
    let full = SinkError { kind: ErrorKind::Unavailable, message: "disk full".to_owned(), retry_after: None };
    server.sink.refuse(Some(full));
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all("<13>a: x\n".repeat(1000).as_bytes()).await.unwrap();
    wait("the first attempt", || syslog.stats().waits > 0).await;
    assert_eq!(server.sink.events(), 0);
    server.sink.refuse(None);
    // The pause between attempts is of the test's clock.
    wait("all messages", || {
        server.clock.advance(Duration::from_secs(1));
        server.sink.events() == 1000
    })
    .await;
    shutdown.begin();
    drop(stream);
    serving.await.unwrap();
    assert_eq!(syslog.stats().messages_dropped, 0);
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let server = TestServer::start(Limits::default()).await;
    let syslog = syslog(&server, SyslogLimits { connections_per_address: 3, ..SyslogLimits::default() });
    let shutdown = Shutdown::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serving = tokio::spawn({
        let (syslog, stop) = (syslog.clone(), shutdown.clone());
        async move { syslog.serve_tcp(listener, Connections::new("test", 10), stop).await }
    });
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(TcpStream::connect(at).await.unwrap());
    }
    wait("refusals", || syslog.stats().connections_refused == 7).await;
    shutdown.begin();
    serving.await.unwrap();
}
