//! Slow senders, silent peers and stopping.

use std::time::Duration;

use nines_receive::{Cut, Limits};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{TestServer, logs, small_limits};

/// Advances the server's clock again and again until `done` is: what waits on the clock may not do so yet.
async fn advance_until<T>(server: &TestServer, step: Duration, done: impl Future<Output = T>) -> T {
    let mut done = std::pin::pin!(done);
    loop {
        tokio::select! {
            result = done.as_mut() => return result,
            () = tokio::time::sleep(Duration::from_millis(5)) => server.clock.advance(step),
        }
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off_and_may_be_sent_again() {
    let server = TestServer::start(small_limits()).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"half").await.unwrap();
    let mut answer = vec![0; 4096];
    let length = advance_until(&server, Duration::from_secs(10), stream.read(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"), "{answer}");
    assert_eq!(server.receiver.stats().requests_deferred, 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_a_success() {
    let server = TestServer::start(small_limits()).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let body = logs(2).encode_to_vec();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..body.len() - 1]).await.unwrap();
    drop(stream);
    // The next request is answered, so the broken one has been seen off.
    assert_eq!(server.post_protobuf(&[], body).await.status, 200);
    assert_eq!(server.sink.events(), 2);
}

#[tokio::test]
async fn peers_that_say_nothing_or_half_a_preface_are_dropped() {
    let server = TestServer::start(small_limits()).await;
    for start in ["", "P", "PRI * HTTP"] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let read = advance_until(&server, Duration::from_secs(10), stream.read(&mut [0; 16])).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{start:?}: {read:?}");
    }
}

/// Half of a head, also drop by drop, and nothing after an answer.
#[tokio::test]
async fn peers_that_never_finish_saying_what_they_want_are_dropped() {
    let server = TestServer::start(small_limits()).await;
    let silent = || server.connections.stats().cut[Cut::Silent as usize];
    let request = "POST /v1/nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    for (index, start) in ["POST /v1/logs HT", request].into_iter().enumerate() {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = advance_until(&server, Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok() && answer.is_empty() == (index == 0), "{start:?}: {read:?}");
        assert_eq!(silent(), index as u64 + 1, "{start:?}");
    }
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let drops = async {
        while stream.write_all(b"a").await.is_ok() {
            tokio::task::yield_now().await
        }
    };
    advance_until(&server, Duration::from_secs(10), drops).await;
    assert_eq!(silent(), 3);
}

/// In whatever pieces they come, whole or not.
#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let server = TestServer::start(small_limits()).await;
    for length in [33_000, 40_000, 60_000, 200_000] {
        for piece in [5_000, 30_000, usize::MAX] {
            let head = format!("POST /v1/logs HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "b".repeat(length));
            let mut stream = TcpStream::connect(server.addr).await.unwrap();
            for piece in head.as_bytes().chunks(piece) {
                // The node may have had enough before all of it is there.
                let _ = stream.write_all(piece).await;
                tokio::task::yield_now().await;
            }
            let mut answer = [0; 12];
            // What was not read makes the kernel throw the answer away.
            if stream.read_exact(&mut answer).await.is_ok() {
                assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 431", "{length} in pieces of {piece}");
            }
        }
    }
}

#[tokio::test]
async fn a_full_listener_makes_room_by_cutting_whoever_says_nothing_and_waits_while_all_work() {
    let server = TestServer::start(Limits { connections: 1, ..small_limits() }).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    assert_eq!(server.post_protobuf(&[], logs(1).encode_to_vec()).await.status, 200);
    let read = silent.read(&mut [0; 16]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert_eq!(server.connections.stats().cut[Cut::Crowded as usize], 1);

    server.sink.hold();
    let mut working = std::pin::pin!(server.post_protobuf(&[], logs(1).encode_to_vec()));
    let early = tokio::time::timeout(Duration::from_millis(50), working.as_mut()).await;
    assert!(early.is_err(), "the sink holds it");
    let mut waiting = std::pin::pin!(server.post_protobuf(&[], logs(1).encode_to_vec()));
    let early = advance_until(&server, Duration::from_millis(50), async {
        tokio::time::timeout(Duration::from_millis(100), waiting.as_mut()).await
    });
    assert!(early.await.is_err(), "the only place is at work");
    server.sink.release(2);
    assert_eq!(working.await.status, 200);
    assert_eq!(advance_until(&server, Duration::from_millis(50), waiting).await.status, 200);
}

#[tokio::test]
async fn whoever_does_not_take_an_answer_is_cut_and_counted() {
    let server = TestServer::start(small_limits()).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    // Answers to requests that nobody reads, until neither side's kernel takes more.
    let request = b"POST /v1/nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".repeat(1_000);
    while tokio::time::timeout(Duration::from_millis(200), stream.write_all(&request)).await.is_ok() {}
    let cut = || server.connections.stats().cut[Cut::Stalled as usize];
    advance_until(&server, Duration::from_secs(10), async {
        while cut() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn stopping_answers_what_has_begun_and_accepts_nothing_new() {
    let mut server = TestServer::start(small_limits()).await;
    server.sink.hold();
    let addr = server.addr;
    let (shutdown, sink) = (server.shutdown.clone(), server.sink.clone());
    let begun = server.post_protobuf(&[], logs(1).encode_to_vec());
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        shutdown.begin();
        // The listener is closed before the drain begins.
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
        sink.release(1);
    };
    let (answer, ()) = tokio::join!(begun, stop);
    assert_eq!(answer.status, 200);
    (&mut server.serving).await.unwrap();
    assert_eq!(server.sink.events(), 1);
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let mut server = TestServer::start(small_limits()).await;
    server.sink.hold();
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let body = logs(1).encode_to_vec();
    let mut stuck = stream;
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stuck.write_all(head.as_bytes()).await.unwrap();
    stuck.write_all(&body).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.begin();
    let (serving, clock) = (&mut server.serving, server.clock.clone());
    let mut serving = std::pin::pin!(serving);
    loop {
        tokio::select! {
            stopped = serving.as_mut() => break stopped.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(5)) => clock.advance(Duration::from_secs(1)),
        }
    }
    let read = stuck.read(&mut [0; 16]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "cut off without an answer: {read:?}");
}
