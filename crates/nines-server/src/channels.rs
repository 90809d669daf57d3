//! From declared channels to targets, and from a promise to the targets of its pages.

use nines_egress::Egress;
use nines_notify as notify;
use nines_slo::{Channel, ChannelTarget, Document, DocumentKind, Promise, Registry, Team};
use notify::{ChannelKind, Route, Target, TargetId};

/// Where the pages of one promise go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    pub routes: Vec<Route>,
}

impl Routing {
    /// The channels that the SLO names itself, else those of the team that answers for it: each gets every page.
    pub fn of(registry: &Registry, promise: &Promise, team: Option<&Team>) -> Self {
        let own = &promise.settings.channels;
        let names =
            if own.is_empty() { team.map(|team| team.channels.as_slice()).unwrap_or_default() } else { own };
        let known: Vec<(TargetId, ChannelKind)> =
            names.iter().filter_map(|name| find(registry, name)).collect();
        let routes =
            known.iter().map(|(target, kind)| Route { target: target.clone(), kind: *kind, fallback: None });
        Self { routes: routes.collect() }
    }
}

fn find(registry: &Registry, name: &str) -> Option<(TargetId, ChannelKind)> {
    match &**registry.get(DocumentKind::Channel, name)? {
        Document::Channel(channel) => Some((TargetId(name.to_owned()), kind(&channel.target))),
        _ => None,
    }
}

fn kind(target: &ChannelTarget) -> ChannelKind {
    match target {
        ChannelTarget::Webhook { .. } => ChannelKind::Webhook,
        ChannelTarget::Slack { .. } => ChannelKind::Slack,
        ChannelTarget::Email { .. } => ChannelKind::Email,
    }
}

/// Every declared channel as something that can deliver. One whose settings cannot be used is logged; its pages stay
/// queued and say so.
pub fn configured_targets(registry: &Registry, egress: &Egress) -> Vec<Target> {
    registry
        .iter()
        .filter_map(|document| match &**document {
            Document::Channel(channel) => Some(channel),
            _ => None,
        })
        .filter_map(|channel| target(channel, egress))
        .collect()
}

fn target(channel: &Channel, egress: &Egress) -> Option<Target> {
    let secret = |secret: &nines_slo::Secret| notify::Secret::new(secret.reveal());
    let made: std::sync::Arc<dyn notify::Channel> = match &channel.target {
        ChannelTarget::Webhook { url, secret: signing } => {
            let config = notify::WebhookConfig {
                url: notify::Secret::new(url),
                secrets: signing.iter().map(secret).collect(),
            };
            std::sync::Arc::new(notify::Webhook::new(config, egress.clone()))
        }
        ChannelTarget::Slack { api_url, token, channel } => {
            let config = notify::SlackConfig {
                api_url: api_url.clone().unwrap_or_else(|| notify::SlackConfig::API_URL.to_owned()),
                token: secret(token),
                channel: channel.clone(),
            };
            std::sync::Arc::new(notify::Slack::new(config, egress.clone()))
        }
        ChannelTarget::Email { smtp, from, to } => match email(smtp.reveal(), from, to) {
            Ok(config) => std::sync::Arc::new(notify::Email::new(config, egress.clone())),
            Err(reason) => {
                tracing::error!(channel = channel.meta.name, reason, "e-mail channel cannot be used");
                return None;
            }
        },
    };
    Some(Target { id: TargetId(channel.meta.name.clone()), channel: made })
}

/// Reads `smtp://[user:password@]host[:port]` (plain; STARTTLS with `?tls=starttls`) or `smtps://…` (TLS from the start).
fn email(url: &str, from: &str, to: &[String]) -> Result<notify::EmailConfig, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("the url has no scheme: use smtp:// or smtps://")?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let rest = rest.trim_end_matches('/');
    let (login, address) = match rest.rsplit_once('@') {
        Some((login, address)) => (Some(login), address),
        None => (None, rest),
    };
    let (tls, default_port) = match (scheme, query) {
        ("smtps", _) => (notify::SmtpTls::Tls, 465),
        ("smtp", "tls=starttls") => (notify::SmtpTls::StartTls, 587),
        ("smtp", _) => (notify::SmtpTls::None, 25),
        _ => return Err("the scheme is neither smtp nor smtps"),
    };
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| "the port is not a number")?),
        None => (address, default_port),
    };
    if host.is_empty() {
        return Err("the url names no host");
    }
    let user = login.map(|login| {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        (user.to_owned(), notify::Secret::new(password))
    });
    Ok(notify::EmailConfig { host: host.to_owned(), port, tls, user, from: from.to_owned(), to: to.to_vec() })
}
