//! Alerts by mail: the listener, and the postbox behind it.
//!
//! An address is one of a `MailIntegration`, or a key of this node before the `@`; `+service` behind it names the service.
//! What the answer to a message says is kept is on disk, as with `POST /api/v1/alerts`: the desk is the same.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use nines_access::{Access, AccessError, Action, Actor, Credentials, Resource, authorize};
use nines_base::{ErrorKind, SharedClock, Shutdown};
use nines_http::AlertDesk;
use nines_oncall::Rota;
use nines_oncall::intake::{Email, MailIntegration, email, email_of};
use nines_smtp::{Limits, Mail, Postbox, Refusal, Smtp};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::syslog::tls_config;

/// What keys of a node begin with.
const KEY_PREFIX: &str = "nin_";

/// A socket that waits to be served.
#[derive(Default)]
pub struct MailSocket {
    listener: Option<TcpListener>,
    tls: Option<Arc<ServerConfig>>,
    requires_tls: bool,
}

impl MailSocket {
    /// # Errors
    /// A port that is taken, a certificate that cannot be used.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let smtp = &config.smtp;
        let Some(address) = smtp.listen else { return Ok(Self::default()) };
        let tls = match (&smtp.tls_cert, &smtp.tls_key) {
            (Some(cert), Some(key)) => Some(Arc::new(tls_config("mail", cert, key, None)?)),
            _ => None,
        };
        let bound = TcpListener::bind(address).await;
        let listener = bound.with_context(|| format!("cannot listen on {address} (--smtp-listen)"))?;
        let requires_tls = tls.is_some() && !config.allow_plaintext && !address.ip().is_loopback();
        Ok(Self { listener: Some(listener), tls, requires_tls })
    }

    /// The open socket with its name, as people read it.
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let address = self.listener.as_ref().and_then(|listener| listener.local_addr().ok());
        address.map(|address| ("mail (SMTP)", address)).into_iter().collect()
    }

    pub fn serve(self, desk: MailDesk, clock: &SharedClock, shutdown: &Shutdown) -> Option<JoinHandle<()>> {
        let listener = self.listener?;
        let postbox: Arc<dyn Postbox> = Arc::new(desk);
        let smtp = Smtp::new(postbox, Limits::default(), Arc::clone(clock), self.tls, self.requires_tls);
        let stop = shutdown.clone();
        Some(tokio::spawn(async move { smtp.serve(listener, stop).await }))
    }
}

/// Whoever an address stands for.
enum Owner {
    Key(Actor),
    Integration(Arc<MailIntegration>),
}

/// The postbox: from addresses to alerts.
pub struct MailDesk {
    pub access: Access,
    pub rota: Rota,
    pub desk: Arc<dyn AlertDesk>,
}

impl MailDesk {
    async fn owner(&self, to: &str, peer: IpAddr) -> Result<Owner, Refusal> {
        let (local, _) = to.rsplit_once('@').unwrap_or((to, ""));
        let (name, _) = local.split_once('+').unwrap_or((local, ""));
        if !name.starts_with(KEY_PREFIX) {
            let found = self.rota.roster().mail.get(&name.to_lowercase()).cloned();
            return found.map(Owner::Integration).ok_or_else(|| {
                let text = "there is no such address: declare a MailIntegration, or write a key before the @";
                Refusal::new(550, "5.1.1", text)
            });
        }
        let header = format!("Bearer {name}");
        let credentials = Credentials {
            authorization: Some(&header),
            cookie: None,
            csrf: None,
            is_unsafe: true,
            address: peer,
        };
        let authenticated = self.access.authenticate(&credentials).await.map_err(|error| unknown(&error))?;
        let allowed = authorize(&authenticated.actor, Action::SendTelemetry, &Resource::Node).into_result();
        allowed
            .map_err(|denial| Refusal::new(550, "5.7.1", format!("the key may not send alerts: {denial}")))?;
        Ok(Owner::Key(authenticated.actor))
    }
}

fn unknown(error: &AccessError) -> Refusal {
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Exhausted | ErrorKind::Timeout | ErrorKind::Internal => {
            Refusal::new(450, "4.7.1", format!("the key cannot be looked up now, come again: {error}"))
        }
        _ => Refusal::new(
            550,
            "5.1.1",
            "the key before the @ is none of this node: it may be revoked, or a program has changed its letters",
        ),
    }
}

#[async_trait]
impl Postbox for MailDesk {
    async fn accept(&self, to: &str, from: &str, peer: IpAddr) -> Result<(), Refusal> {
        match self.owner(to, peer).await? {
            Owner::Integration(integration) if !integration.takes_from(from) => {
                let text = format!(
                    "mail integration {} takes no mail from <{from}>: see its senders",
                    integration.name
                );
                Err(Refusal::new(550, "5.7.1", text))
            }
            Owner::Key(_) | Owner::Integration(_) => Ok(()),
        }
    }

    async fn take(&self, mail: Mail, peer: IpAddr) -> Result<String, Refusal> {
        let Mail { from, to, subject, text, date } = mail;
        let mut kept = Vec::new();
        for address in to {
            let owner = self.owner(&address, peer).await?;
            let mut read = Email {
                from: from.clone(),
                to: address.clone(),
                subject: subject.clone(),
                text: text.clone(),
                date,
            };
            let (alert, by) = match &owner {
                Owner::Integration(integration) => {
                    (email_of(integration, &read), format!("mail {}", integration.name))
                }
                Owner::Key(actor) => {
                    // The name in place of the key: it stays the same when the key is changed, and is no secret.
                    let tag = address.split_once('+').and_then(|(_, tag)| tag.split_once('@'));
                    read.to = format!("{}+{}@", actor.name, tag.map_or("", |(tag, _)| tag));
                    (email(&read), actor.name.clone())
                }
            };
            let alert = alert.map_err(|error| Refusal::new(554, "5.6.0", error.to_string()))?;
            let receipts = self.desk.receive(vec![alert], &by).await;
            let receipts = receipts.map_err(|error| Refusal::new(451, "4.3.0", error.to_string()))?;
            kept.extend(receipts.into_iter().map(|receipt| receipt.fingerprint.id));
        }
        Ok(format!("kept as {}", kept.join(", ")))
    }
}
