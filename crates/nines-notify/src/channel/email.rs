//! E-mail over SMTP: one message, text and HTML, to all recipients of the target.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment as MailFile, Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::{self, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use nines_egress::Egress;
use sha2::{Digest, Sha256};

use super::{Channel, ChannelKind, Delivery, Limits, Outcome, outcome_of_error, wrong_content};
use crate::{Attachment, Content, Secret, Subject};

/// Two connections, and no more than five messages a second: what a small relay takes without greylisting us.
const LIMITS: Limits = Limits { concurrency: 2, interval: Duration::from_millis(200) };

/// For each SMTP command. The deliverer bounds the whole.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// Plain text: for a relay on this machine or network.
    None,
    /// STARTTLS, required: a server that does not offer it is not sent anything.
    StartTls,
    /// TLS from the first byte (port 465).
    Tls,
}

#[derive(Debug, Clone)]
pub struct EmailConfig {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    pub user: Option<(String, Secret)>,
    /// `Nines <nines@example.com>` or an address alone.
    pub from: String,
    pub to: Vec<String>,
}

#[derive(Debug)]
pub struct Email {
    config: EmailConfig,
    egress: Egress,
}

impl Email {
    pub fn new(config: EmailConfig, egress: Egress) -> Self {
        Self { config, egress }
    }

    fn message(
        &self,
        delivery: &Delivery,
        content: (&str, &str, &str),
        attachments: &[Attachment],
    ) -> Result<Message, String> {
        let (subject, text, html) = content;
        let mailbox = |text: &str| {
            text.parse::<Mailbox>().map_err(|error| format!("`{text}` is not a mail address: {error}"))
        };
        let from = mailbox(&self.config.from)?;
        let domain = from.email.domain().to_owned();
        let mut builder = Message::builder().from(from);
        for to in &self.config.to {
            builder = builder.to(mailbox(to)?);
        }
        // The page's id on every attempt: a mail store that sees it twice shows one. All mails of a subject refer to
        // one that never existed, which readers show as one conversation.
        let thread = format!("<{}@{domain}>", thread_id(&delivery.subject));
        let nanos = u64::try_from(delivery.created_at.as_nanos()).unwrap_or(0);
        builder
            .subject(subject)
            .message_id(Some(format!("<{}@{domain}>", delivery.page)))
            .in_reply_to(thread.clone())
            .references(thread)
            .date(UNIX_EPOCH + Duration::from_nanos(nanos))
            .multipart(body(text, html, attachments)?)
            .map_err(|error| format!("cannot write the mail: {error}"))
    }

    /// Connects to the address that the egress policy let through; the certificate is still checked by name.
    fn transport(&self, address: IpAddr) -> Result<AsyncSmtpTransport<Tokio1Executor>, smtp::Error> {
        let parameters = || TlsParameters::new(self.config.host.clone());
        let tls = match self.config.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::StartTls => Tls::Required(parameters()?),
            SmtpTls::Tls => Tls::Wrapper(parameters()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
            .port(self.config.port)
            .tls(tls)
            .timeout(Some(COMMAND_TIMEOUT))
            .pool_config(PoolConfig::new().max_size(1));
        if let Some((user, password)) = &self.config.user {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(builder.build())
    }
}

/// Text and HTML, and files beside them.
fn body(text: &str, html: &str, attachments: &[Attachment]) -> Result<MultiPart, String> {
    let said = MultiPart::alternative_plain_html(text.to_owned(), html.to_owned());
    if attachments.is_empty() {
        return Ok(said);
    }
    let mut whole = MultiPart::mixed().multipart(said);
    for Attachment { name, media_type, text } in attachments {
        let kind = ContentType::parse(media_type)
            .map_err(|error| format!("`{media_type}` is no type of a file: {error}"))?;
        whole = whole.singlepart(MailFile::new(name.clone()).body(text.clone(), kind));
    }
    Ok(whole)
}

/// Letters and digits only, whatever the subject's id holds.
fn thread_id(subject: &Subject) -> String {
    let digest = Sha256::digest(format!("{} {}", subject.kind.as_str(), subject.id).as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A letter to one reader who asked for it.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// Tells letters apart: the same on every attempt.
    pub id: &'a str,
    pub to: &'a str,
    pub subject: &'a str,
    pub text: &'a str,
    pub html: &'a str,
    /// Where one POST ends it (RFC 8058).
    pub leave: Option<&'a str>,
    pub at: nines_model::Timestamp,
}

impl Email {
    /// Sends by the channel's server and in its name. One attempt, as [`Channel::deliver`].
    pub async fn post(&self, letter: &Letter<'_>) -> Outcome {
        match self.letter(letter) {
            Ok(message) => self.send(message).await,
            Err(detail) => Outcome::Permanent { detail },
        }
    }

    fn letter(&self, letter: &Letter<'_>) -> Result<Message, String> {
        let mailbox = |text: &str| {
            // Whose address it is must not come into logs.
            text.parse::<Mailbox>().map_err(|_| "this is not a mail address".to_owned())
        };
        let from = mailbox(&self.config.from)?;
        let domain = from.email.domain().to_owned();
        let nanos = u64::try_from(letter.at.as_nanos()).unwrap_or(0);
        let mut builder = Message::builder()
            .from(from)
            .to(mailbox(letter.to)?)
            .subject(letter.subject)
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            .date(UNIX_EPOCH + Duration::from_nanos(nanos));
        if let Some(leave) = letter.leave {
            let header = |name, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
            builder = builder
                .raw_header(header("List-Unsubscribe", format!("<{leave}>")))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        builder
            .multipart(MultiPart::alternative_plain_html(letter.text.to_owned(), letter.html.to_owned()))
            .map_err(|error| format!("cannot write the mail: {error}"))
    }

    async fn send(&self, message: Message) -> Outcome {
        let addresses = match self.egress.resolve(&self.config.host).await {
            Ok(addresses) => addresses,
            Err(error) => return outcome_of_error(&error),
        };
        let mut last = Outcome::Retryable { detail: "no address to connect to".to_owned(), after: None };
        for address in addresses {
            let transport = match self.transport(address) {
                Ok(transport) => transport,
                Err(error) => return Outcome::Retryable { detail: format!("tls: {error}"), after: None },
            };
            // Connecting, greeting and signing in come first and apart: whatever fails there, nothing was sent.
            match transport.test_connection().await {
                Ok(_) => return send(&transport, message).await,
                Err(error) if error.is_permanent() => return Outcome::Permanent { detail: describe(&error) },
                Err(error) => last = Outcome::Retryable { detail: describe(&error), after: None },
            }
        }
        last
    }
}

#[async_trait::async_trait]
impl Channel for Email {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Email
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Content::Email { subject, text, html, attachments } = &delivery.content else {
            return wrong_content(self.kind());
        };
        match self.message(delivery, (subject, text, html), attachments) {
            Ok(message) => self.send(message).await,
            Err(detail) => Outcome::Permanent { detail },
        }
    }

    fn mailer(&self) -> Option<&Email> {
        Some(self)
    }
}

async fn send(transport: &AsyncSmtpTransport<Tokio1Executor>, message: Message) -> Outcome {
    match transport.send(message).await {
        Ok(_) => Outcome::Delivered { reference: None },
        Err(error) if error.is_permanent() => Outcome::Permanent { detail: describe(&error) },
        Err(error) if error.is_transient() => Outcome::Retryable { detail: describe(&error), after: None },
        Err(error) if error.is_client() => Outcome::Permanent { detail: describe(&error) },
        // The connection broke or fell silent somewhere between MAIL and the answer to the data.
        Err(error) => Outcome::Unknown { detail: describe(&error) },
    }
}

/// The server's code and text, cut: it is hostile input on its way to a screen.
fn describe(error: &smtp::Error) -> String {
    let text: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    format!("smtp: {text}")
}
