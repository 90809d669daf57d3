//! One conversation.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use nines_base::{SharedClock, Shutdown};
use smtp_proto::{Error, MAIL_BODY_BINARYMIME, Request};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};

use crate::{Limits, Postbox, Refusal, line, message};

/// Longest command line; RFC 5321 has 512, and parameters may lengthen it.
const COMMAND_BYTES_MAX: usize = 2_048;
/// A message that is too large is read to its end, so that its sender reads why; beyond this many times the limit it is cut.
const OVERSIZE_READ_FACTOR: usize = 16;

/// What every conversation of a listener shares.
pub struct Shared {
    pub postbox: Arc<dyn Postbox>,
    pub limits: Limits,
    pub clock: SharedClock,
    pub shutdown: Shutdown,
    pub has_tls: bool,
    /// No mail is taken before TLS is spoken.
    pub requires_tls: bool,
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Closed,
    /// The reply to `STARTTLS` is out, and nothing but TLS may follow.
    StartTls,
}

/// A mail on its way.
struct Envelope {
    from: String,
    to: Vec<String>,
}

pub struct Session<'a, S> {
    shared: &'a Shared,
    peer: IpAddr,
    is_tls: bool,
    reader: BufReader<ReadHalf<S>>,
    writer: WriteHalf<S>,
    /// Replies that go out together.
    out: Vec<u8>,
    has_greeted: bool,
    envelope: Option<Envelope>,
    commands: usize,
    mistakes: usize,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    pub fn new(shared: &'a Shared, stream: S, peer: IpAddr, is_tls: bool) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            shared,
            peer,
            is_tls,
            reader: BufReader::new(reader),
            writer,
            out: Vec::new(),
            has_greeted: false,
            envelope: None,
            commands: 0,
            mistakes: 0,
        }
    }

    /// Until either side has had enough. Gives the stream back for `STARTTLS`.
    pub async fn converse(mut self) -> io::Result<(End, S)> {
        if !self.is_tls {
            self.reply(220, "", "nines takes alerts by mail");
        }
        let end = self.commands().await?;
        self.flush().await?;
        Ok((end, self.reader.into_inner().unsplit(self.writer)))
    }

    async fn commands(&mut self) -> io::Result<End> {
        let mut command = Vec::new();
        loop {
            // What came in one go is answered in one go.
            if self.reader.buffer().is_empty() {
                self.flush().await?;
            }
            command.clear();
            let read = {
                let (clock, shutdown) = (&self.shared.clock, &self.shared.shutdown);
                tokio::select! {
                    read = line::read(&mut self.reader, &mut command, COMMAND_BYTES_MAX) => read?,
                    () = shutdown.begun() => {
                        self.reply(421, "4.3.2", "this node is stopping, come again");
                        return Ok(End::Closed);
                    }
                    () = clock.sleep(self.shared.limits.idle) => {
                        self.reply(421, "4.4.2", "nothing was said for too long");
                        return Ok(End::Closed);
                    }
                }
            };
            let Some(read) = read else { return Ok(End::Closed) };
            self.commands += 1;
            if self.commands > self.shared.limits.commands {
                self.reply(421, "4.7.0", "too many commands on one connection, open another");
                return Ok(End::Closed);
            }
            if read.bytes > COMMAND_BYTES_MAX {
                self.mistake(500, "5.5.2", &format!("a command has at most {COMMAND_BYTES_MAX} bytes"));
            } else if let Some(end) = self.command(&command).await? {
                return Ok(end);
            }
            if self.mistakes > self.shared.limits.mistakes {
                self.reply(421, "4.7.0", "too many mistakes");
                return Ok(End::Closed);
            }
        }
    }

    /// `Some` if the conversation is over.
    async fn command(&mut self, line: &[u8]) -> io::Result<Option<End>> {
        let request = Request::parse(&mut line.iter());
        match request {
            Ok(Request::Ehlo { .. }) => {
                (self.has_greeted, self.envelope) = (true, None);
                let size = format!("SIZE {}", self.shared.limits.message_bytes);
                let mut said =
                    vec!["nines", "PIPELINING", size.as_str(), "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"];
                said.extend((self.shared.has_tls && !self.is_tls).then_some("STARTTLS"));
                self.extensions(&said);
            }
            Ok(Request::Helo { .. }) => {
                (self.has_greeted, self.envelope) = (true, None);
                self.reply(250, "", "nines");
            }
            Ok(Request::Mail { from }) => self.mail(&from.address, from.size, from.flags),
            Ok(Request::Rcpt { to }) => self.recipient(&to.address).await,
            Ok(Request::Data) => return self.data().await,
            Ok(Request::Rset) => {
                self.envelope = None;
                self.reply(250, "2.0.0", "forgotten");
            }
            Ok(Request::Noop { .. }) => self.reply(250, "2.0.0", "here"),
            Ok(Request::Quit) => {
                self.reply(221, "2.0.0", "bye");
                return Ok(Some(End::Closed));
            }
            Ok(Request::Vrfy { .. }) => self.reply(252, "2.5.0", "send mail to it and see"),
            Ok(Request::Help { .. }) => {
                self.reply(
                    214,
                    "2.0.0",
                    "an address here is one of a MailIntegration, or a key of this node before the @",
                );
            }
            Ok(Request::StartTls) if self.is_tls => self.mistake(503, "5.5.1", "TLS is spoken already"),
            Ok(Request::StartTls) if !self.shared.has_tls => {
                self.mistake(
                    502,
                    "5.5.1",
                    "this node has no certificate for mail, start it with --smtp-tls-cert",
                );
            }
            Ok(Request::StartTls) => {
                // Whoever sits in between could have put commands behind it, to be read as if they came by TLS.
                if !self.reader.buffer().is_empty() {
                    self.reply(554, "5.5.1", "nothing may follow STARTTLS before its answer");
                    return Ok(Some(End::Closed));
                }
                self.reply(220, "2.0.0", "speak TLS");
                return Ok(Some(End::StartTls));
            }
            Ok(Request::Bdat { .. }) => {
                // What follows is no command, and was sent without being asked for.
                self.reply(502, "5.5.1", "CHUNKING is not spoken here, use DATA");
                return Ok(Some(End::Closed));
            }
            Ok(Request::Auth { .. }) => {
                self.mistake(502, "5.5.1", "nobody signs in here: the address says who sends");
            }
            Ok(other) => self.mistake(502, "5.5.1", &format!("{} is not spoken here", other.name())),
            Err(Error::InvalidSenderAddress) => self.mistake(501, "5.1.7", "this is no address of a sender"),
            Err(Error::InvalidRecipientAddress) => self.mistake(501, "5.1.3", "this is no address"),
            Err(Error::SyntaxError { syntax }) => self.mistake(501, "5.5.4", &format!("write {syntax}")),
            Err(Error::InvalidParameter { param }) => {
                self.mistake(501, "5.5.4", &format!("parameter {param} cannot be read"));
            }
            Err(Error::UnsupportedParameter { param }) => {
                self.mistake(555, "5.5.4", &format!("parameter {param} is not taken"));
            }
            Err(_) => self.mistake(500, "5.5.1", "this is no command of SMTP"),
        }
        Ok(None)
    }

    fn mail(&mut self, from: &str, size: usize, flags: u64) {
        let limit = self.shared.limits.message_bytes;
        if self.shared.requires_tls && !self.is_tls {
            return self.mistake(530, "5.7.0", "say STARTTLS first");
        }
        if !self.has_greeted {
            return self.mistake(503, "5.5.1", "say EHLO first");
        }
        if self.envelope.is_some() {
            return self.mistake(503, "5.5.1", "one message at a time: DATA or RSET comes first");
        }
        if size > limit {
            return self.mistake(552, "5.3.4", &too_large(limit));
        }
        if flags & MAIL_BODY_BINARYMIME != 0 {
            return self.mistake(555, "5.5.4", "BODY=BINARYMIME is not taken, use 8BITMIME");
        }
        self.envelope = Some(Envelope { from: from.to_owned(), to: Vec::new() });
        self.reply(250, "2.1.0", "sender noted");
    }

    async fn recipient(&mut self, to: &str) {
        let Some(envelope) = &self.envelope else {
            return self.mistake(503, "5.5.1", "say MAIL first");
        };
        if envelope.to.len() >= self.shared.limits.recipients {
            let text = format!("one message has at most {} addresses", self.shared.limits.recipients);
            return self.mistake(452, "4.5.3", &text);
        }
        match self.shared.postbox.accept(to, &envelope.from, self.peer).await {
            Ok(()) => {
                if let Some(envelope) = &mut self.envelope {
                    envelope.to.push(to.to_owned());
                }
                self.reply(250, "2.1.5", "address known");
            }
            Err(Refusal { code, status, text }) => self.mistake(code, status, &text),
        }
    }

    async fn data(&mut self) -> io::Result<Option<End>> {
        match &self.envelope {
            None => self.mistake(503, "5.5.1", "say MAIL first"),
            Some(envelope) if envelope.to.is_empty() => {
                self.mistake(554, "5.5.1", "no address was taken, so there is nobody to send to");
            }
            Some(_) => {
                self.reply(354, "", "end it with a line of one dot");
                self.flush().await?;
                let Some(read) = self.message().await? else { return Ok(Some(End::Closed)) };
                let Some(envelope) = self.envelope.take() else { return Ok(None) };
                self.deliver(envelope, read).await;
            }
        }
        Ok(None)
    }

    async fn deliver(&mut self, envelope: Envelope, bytes: Option<Vec<u8>>) {
        let limit = self.shared.limits.message_bytes;
        let Some(bytes) = bytes else { return self.reply(552, "5.3.4", &too_large(limit)) };
        let Some(mail) = message::read(&bytes, &envelope.from, envelope.to) else {
            return self.reply(554, "5.6.0", "this is no message: it has no header that can be read");
        };
        match self.shared.postbox.take(mail, self.peer).await {
            Ok(text) => self.reply(250, "2.0.0", &text),
            Err(Refusal { code, status, text }) => self.reply(code, status, &text),
        }
    }

    /// The message to its last line; `Some(None)` if it is too large, `None` if it never ended.
    async fn message(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        let limit = self.shared.limits.message_bytes;
        let (mut kept, mut read_bytes, mut after_crlf) = (Vec::new(), 0usize, true);
        loop {
            let start = kept.len();
            // Its first bytes are always kept, to see whether it is the last one.
            let room = limit.saturating_sub(start).max(3);
            let read = tokio::select! {
                read = line::read(&mut self.reader, &mut kept, room) => read?,
                () = self.shared.clock.sleep(self.shared.limits.idle) => {
                    self.reply(421, "4.4.2", "the message did not go on for too long");
                    return Ok(None);
                }
            };
            let Some(read) = read else { return Ok(None) };
            read_bytes = read_bytes.saturating_add(read.bytes);
            if after_crlf && &kept[start..] == b".\r\n" {
                kept.truncate(start);
                return Ok(Some((read_bytes <= limit + 3).then_some(kept)));
            }
            if read_bytes > limit.saturating_mul(OVERSIZE_READ_FACTOR) {
                self.reply(552, "5.3.4", &too_large(limit));
                return Ok(None);
            }
            if after_crlf && kept.get(start) == Some(&b'.') {
                kept.remove(start);
            }
            if read_bytes > limit {
                kept.truncate(start.min(limit));
            }
            after_crlf = read.has_crlf;
        }
    }

    fn mistake(&mut self, code: u16, status: &str, text: &str) {
        self.mistakes += 1;
        self.reply(code, status, text);
    }

    fn reply(&mut self, code: u16, status: &str, text: &str) {
        // One line, whatever is in an address or a reason.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect();
        let space = if status.is_empty() { "" } else { " " };
        self.out.extend_from_slice(format!("{code} {status}{space}{text}\r\n").as_bytes());
    }

    fn extensions(&mut self, said: &[&str]) {
        for (number, word) in said.iter().enumerate() {
            let mark = if number + 1 == said.len() { ' ' } else { '-' };
            self.out.extend_from_slice(format!("250{mark}{word}\r\n").as_bytes());
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.writer.write_all(&self.out).await?;
            self.out.clear();
        }
        self.writer.flush().await
    }
}

fn too_large(limit: usize) -> String {
    format!("a message has at most {limit} bytes: send it without its attachments")
}
