//! Conversations with a server whose limits are small.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nines_base::{ManualClock, SharedClock, Shutdown, SystemClock};
use nines_model::Timestamp;
use nines_smtp::{Limits, Mail, Postbox, Refusal, Smtp};
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Default)]
struct Kept(Mutex<Vec<Mail>>);

#[async_trait::async_trait]
impl Postbox for Kept {
    async fn accept(&self, to: &str, _: &str, _: IpAddr) -> Result<(), Refusal> {
        match to.starts_with("known") {
            true => Ok(()),
            false => Err(Refusal::new(550, "5.1.1", "nobody\r\n250 injected")),
        }
    }

    async fn take(&self, mail: Mail, _: IpAddr) -> Result<String, Refusal> {
        self.0.lock().push(mail);
        Ok("kept".to_owned())
    }
}

const LIMITS: Limits = Limits {
    message_bytes: 100,
    connections: 3,
    connections_per_address: 2,
    recipients: 2,
    commands: 12,
    mistakes: 3,
    idle: Duration::from_secs(60),
    conversation: Duration::from_secs(600),
    handshake: Duration::from_secs(10),
};

struct Server {
    address: SocketAddr,
    taken: Arc<Kept>,
    shutdown: Shutdown,
}

async fn server(clock: SharedClock, requires_tls: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, taken, shutdown) =
        (listener.local_addr().unwrap(), Arc::new(Kept::default()), Shutdown::new());
    let smtp = Smtp::new(Arc::clone(&taken) as _, LIMITS, clock, None, requires_tls);
    let stop = shutdown.clone();
    tokio::spawn(async move { smtp.serve(listener, stop).await });
    Server { address, taken, shutdown }
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(server: &Server) -> Self {
        Self(BufReader::new(TcpStream::connect(server.address).await.unwrap()))
    }

    async fn greeted(server: &Server) -> Self {
        let mut client = Self::connect(server).await;
        client.expect("220").await;
        client.say("HELO x", "250").await;
        client
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line
    }

    async fn expect(&mut self, begin: &str) {
        let line = self.line().await;
        assert!(line.starts_with(begin), "expected {begin}: {line:?}");
    }

    async fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn say(&mut self, text: &str, begin: &str) {
        self.send(&format!("{text}\r\n")).await;
        self.expect(begin).await;
    }

    async fn deliver(&mut self, message: &str, begin: &str) {
        self.say("MAIL FROM:<a@b.example>", "250").await;
        self.say("RCPT TO:<known@b.example>", "250").await;
        self.say("DATA", "354").await;
        self.send(message).await;
        self.expect(begin).await;
    }
}

#[tokio::test]
async fn a_message_is_as_large_as_the_limit_and_no_larger() {
    let server = server(SystemClock::shared(), false).await;
    let message = |bytes: usize| {
        let head = "Subject: s\r\n\r\n";
        format!("{head}{}\r\n.\r\n", "x".repeat(bytes - head.len() - 2))
    };
    for (bytes, reply) in
        [(100, "250 2.0.0 kept"), (101, "552 5.3.4"), (102, "552 5.3.4"), (1_000, "552 5.3.4")]
    {
        let mut client = Client::greeted(&server).await;
        client.deliver(&message(bytes), reply).await;
        client.say("QUIT", "221").await;
    }
    // Far beyond it nobody is listened to to the end.
    let mut client = Client::greeted(&server).await;
    client.deliver(&message(2_000).replace("\r\n.\r\n", "\r\n"), "552 5.3.4").await;
    assert_eq!(client.line().await, "");
    assert_eq!(server.taken.0.lock().len(), 1);
}

#[tokio::test]
async fn a_message_ends_at_a_dot_between_two_line_ends_of_mail() {
    let server = server(SystemClock::shared(), false).await;
    let mut client = Client::greeted(&server).await;
    client.deliver("Subject: s\r\n\r\na\n.\r\nb\r\n.\n..c\r\n.\r\n", "250").await;
    // Nothing but the end is no message, and the conversation goes on.
    client.deliver(".\r\n", "554 5.6.0").await;
    let text = server.taken.0.lock()[0].text.replace('\r', "");
    assert!(text.starts_with("a\n.\nb\n") && text.ends_with("c"), "{text:?}");
}

#[tokio::test]
async fn everything_is_bounded() {
    let server = server(SystemClock::shared(), false).await;
    let mut first = Client::greeted(&server).await;
    let _second = Client::greeted(&server).await;
    Client::connect(&server).await.expect("421 4.7.0 too many connections").await;
    first.say("MAIL FROM:<a@b.example>", "250").await;
    // A refusal is one line, whatever it is made of.
    first.say("RCPT TO:<x@b.example>", "550 5.1.1 nobody  250 injected").await;
    for reply in ["250", "250", "452 4.5.3"] {
        first.say("RCPT TO:<known@b.example>", reply).await;
    }
    first.say(&"x".repeat(5_000), "500 5.5.2").await;
    first.say("NONSENSE", "500 5.5.1").await;
    first.expect("421 4.7.0 too many mistakes").await;
    assert_eq!(first.line().await, "");
    // Its seat is free again.
    let mut third = loop {
        let mut client = Client::connect(&server).await;
        if client.line().await.starts_with("220") {
            break client;
        }
    };
    for _ in 0..LIMITS.commands {
        third.say("NOOP", "250").await;
    }
    third.say("NOOP", "421 4.7.0 too many commands").await;
}

#[tokio::test]
async fn whoever_says_nothing_is_sent_away_and_a_stop_is_told() {
    let clock = ManualClock::at(Timestamp::from_secs(1));
    let server = server(clock.clone(), true).await;
    let mut client = Client::greeted(&server).await;
    client.say("MAIL FROM:<a@b.example>", "530 5.7.0 say STARTTLS first").await;
    client.say("STARTTLS", "502 5.5.1").await;
    let silent = async {
        // The answer is out before the wait begins, so the clock is moved until it is over.
        loop {
            clock.advance(LIMITS.idle);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = client.expect("421 4.4.2") => {}
        () = silent => {}
    }
    let mut client = Client::greeted(&server).await;
    server.shutdown.begin();
    client.expect("421 4.3.2").await;
}
