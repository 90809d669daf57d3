//! A door for mail: SMTP as a server speaks it (RFC 5321), and what a message says.
//!
//! Words
//! - **Postbox** ([`Postbox`]): whoever the mail is for. It is asked for each address, then given the message.
//! - **Refusal** ([`Refusal`]): the reply that the sender's people read, with its code and what to do.
//!
//! Promises
//! - `250` after a message means that the postbox has it for good: it is sent after [`Postbox::take`] has answered.
//! - A message ends at a line of one dot between two CRLF and nowhere else, so nothing is smuggled in by bare line feeds
//!   (RFC 5321, section 4.1.1.4).
//! - What was sent before TLS is not believed after it: bytes that follow `STARTTLS` at once end the connection.
//! - Connections, commands, recipients, lines and messages are bounded by [`Limits`].
//!
//! Knows nothing of alerts, keys or people.

mod line;
mod message;
mod server;
mod session;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use nines_model::Timestamp;

pub use server::Smtp;

/// What one listener takes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of one message, its headers and attachments included; what monitoring writes has some KiB. A message is read into
    /// memory, so this times `connections` is what mail may take.
    pub message_bytes: usize,
    pub connections: usize,
    /// At once, of one address.
    pub connections_per_address: usize,
    /// Of one message.
    pub recipients: usize,
    /// Of one connection: a thousand mails over one are many.
    pub commands: usize,
    /// Of one connection, before it is closed.
    pub mistakes: usize,
    /// How long a sender may say nothing.
    pub idle: Duration,
    /// How long one connection may last, however busy: a sender of a byte now and then is never idle.
    pub conversation: Duration,
    /// How long TLS may take to be agreed on.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 1024 * 1024,
            connections: 64,
            connections_per_address: 16,
            recipients: 50,
            commands: 10_000,
            mistakes: 20,
            idle: Duration::from_secs(60),
            conversation: Duration::from_secs(600),
            handshake: Duration::from_secs(10),
        }
    }
}

/// A message that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// The author by the message's header, else by the envelope. The sender's word.
    pub from: String,
    /// Addresses that the postbox has accepted, in their order.
    pub to: Vec<String>,
    /// Decoded.
    pub subject: String,
    /// The plain text; of a message that has only HTML, its text.
    pub text: String,
    pub date: Option<Timestamp>,
}

/// Why mail is not taken: one reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 4xx: come again; 5xx: never.
    pub code: u16,
    /// RFC 3463, such as `5.1.1`.
    pub status: &'static str,
    /// One line.
    pub text: String,
}

impl Refusal {
    pub fn new(code: u16, status: &'static str, text: impl Into<String>) -> Self {
        Self { code, status, text: text.into() }
    }
}

/// Whoever mail is for.
#[async_trait]
pub trait Postbox: Send + Sync + 'static {
    /// Whether mail from `from` to `to`, as the envelope names them, is taken.
    async fn accept(&self, to: &str, from: &str, peer: IpAddr) -> Result<(), Refusal>;

    /// Takes a message in. What it answered with `Ok` it has for good; the text is for the sender's log.
    async fn take(&self, mail: Mail, peer: IpAddr) -> Result<String, Refusal>;
}
