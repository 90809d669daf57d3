//! From declared channels to targets, and from a promise to the targets of its pages.

use std::collections::HashMap;

use nines_egress::Egress;
use nines_notify as notify;
use nines_secrets::{SecretError, SecretRef, SecretResolver, SecretText};
use nines_slo::{Channel, ChannelTarget, Document, DocumentKind, Promise, Registry, Team};
use notify::{ChannelKind, Route, Target, TargetId};

/// Where the pages of one promise go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    pub routes: Vec<Route>,
}

impl Routing {
    /// The channels that the SLO names itself, else those of the team that answers for it, else those of the first
    /// line: each gets every page.
    pub fn of(registry: &Registry, promise: &Promise, team: Option<&Team>) -> Self {
        let own = routes(registry, &promise.settings.channels);
        let of_team = || team.map(|team| routes(registry, &team.channels)).unwrap_or_default();
        let found = [own, of_team()].into_iter().find(|routes| !routes.is_empty());
        Self { routes: found.unwrap_or_else(|| first_line(registry)) }
    }
}

/// Who is told about an incident, by service; worked out whenever documents change.
#[derive(Debug, Default)]
pub struct Duty {
    by_service: HashMap<String, Vec<Route>>,
    first_line: Vec<Route>,
}

impl Duty {
    /// `promised` are the services of promises, with the routes of each.
    pub fn of<'a>(registry: &Registry, promised: impl Iterator<Item = (&'a str, &'a Routing)>) -> Self {
        let mut by_service: HashMap<String, Vec<Route>> = HashMap::new();
        for document in registry.iter() {
            let Document::Service(service) = &**document else { continue };
            let owner = service.owner.as_deref().and_then(|owner| registry.get(DocumentKind::Team, owner));
            if let Some(Document::Team(team)) = owner.map(|document| &**document) {
                add(
                    by_service.entry(service.meta.name.clone()).or_default(),
                    routes(registry, &team.channels),
                );
            }
        }
        for (service, routing) in promised {
            add(by_service.entry(service.to_owned()).or_default(), routing.routes.iter().cloned());
        }
        by_service.retain(|_, routes| !routes.is_empty());
        Self { by_service, first_line: first_line(registry) }
    }

    /// The routes of the teams that are the first line.
    pub fn first_line(&self) -> Vec<Route> {
        self.first_line.clone()
    }

    /// Every route of any of the services, each once; the first line's if none of them has one. Empty only where no
    /// team has a channel.
    pub fn routes(&self, services: &[String]) -> Vec<Route> {
        let mut found = Vec::new();
        for routes in services.iter().filter_map(|service| self.by_service.get(service)) {
            add(&mut found, routes.iter().cloned());
        }
        if found.is_empty() { self.first_line.clone() } else { found }
    }
}

/// The teams that say so are the first line. Where none does, all of them are: too loud is mended sooner than silent.
fn first_line(registry: &Registry) -> Vec<Route> {
    let teams = || {
        registry.iter().filter_map(|document| match &**document {
            Document::Team(team) => Some(team),
            _ => None,
        })
    };
    let named = teams().any(|team| team.first_line);
    let mut found = Vec::new();
    for team in teams().filter(|team| team.first_line || !named) {
        add(&mut found, routes(registry, &team.channels));
    }
    found
}

fn add(routes: &mut Vec<Route>, more: impl IntoIterator<Item = Route>) {
    for route in more {
        if !routes.contains(&route) {
            routes.push(route);
        }
    }
}

fn routes(registry: &Registry, channels: &[String]) -> Vec<Route> {
    let known = channels.iter().filter_map(|name| find(registry, name));
    known.map(|(target, kind)| Route { fallback: fallback(registry, &target.0), target, kind }).collect()
}

fn fallback(registry: &Registry, name: &str) -> Option<(TargetId, ChannelKind)> {
    match &**registry.get(DocumentKind::Channel, name)? {
        Document::Channel(channel) => find(registry, channel.fallback.as_deref()?),
        _ => None,
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
        ChannelTarget::Provider(provider) => crate::providers::kind(provider),
    }
}

/// Every declared channel as something that can deliver. One whose settings cannot be used is logged; its pages stay
/// queued and say so.
pub fn configured_targets(registry: &Registry, egress: &Egress, secrets: &dyn SecretResolver) -> Vec<Target> {
    registry
        .iter()
        .filter_map(|document| match &**document {
            Document::Channel(channel) => Some(channel),
            _ => None,
        })
        .filter_map(|channel| match target(channel, egress, secrets) {
            Ok(target) => target,
            Err(error) => {
                tracing::error!(channel = channel.meta.name, %error, "a channel's secret cannot be used");
                None
            }
        })
        .collect()
}

fn target(
    channel: &Channel,
    egress: &Egress,
    secrets: &dyn SecretResolver,
) -> Result<Option<Target>, SecretError> {
    // What a field stands for: itself, or the secret that it refers to.
    let text = |text: &str| secrets.resolve_text(text).map(|value| notify::Secret::new(value.expose()));
    let secret = |secret: &nines_slo::Secret| text(secret.reveal());
    let made: std::sync::Arc<dyn notify::Channel> = match &channel.target {
        ChannelTarget::Webhook { url, secret: signing } => {
            let config = notify::WebhookConfig {
                url: text(url)?,
                secrets: signing_secrets(signing.as_ref(), secrets)?,
            };
            std::sync::Arc::new(notify::Webhook::new(config, egress.clone()))
        }
        ChannelTarget::Slack { api_url, token, channel, interactive } => {
            let config = notify::SlackConfig {
                api_url: api_url.clone().unwrap_or_else(|| notify::SlackConfig::API_URL.to_owned()),
                token: secret(token)?,
                channel: channel.clone(),
                interactive: *interactive,
            };
            std::sync::Arc::new(notify::Slack::new(config, egress.clone()))
        }
        ChannelTarget::Provider(provider) => crate::providers::channel(provider, egress, secrets)?,
        ChannelTarget::Email { smtp, from, to } => {
            match email(secrets.resolve_text(smtp.reveal())?.expose(), from, to) {
                Ok(config) => std::sync::Arc::new(notify::Email::new(config, egress.clone())),
                Err(reason) => {
                    tracing::error!(channel = channel.meta.name, reason, "e-mail channel cannot be used");
                    return Ok(None);
                }
            }
        }
    };
    Ok(Some(Target { id: TargetId(channel.meta.name.clone()), channel: made }))
}

/// Every value that is good now: while a signing secret is being replaced, the receiver may know either.
fn signing_secrets(
    signing: Option<&nines_slo::Secret>,
    secrets: &dyn SecretResolver,
) -> Result<Vec<notify::Secret>, SecretError> {
    let Some(signing) = signing else { return Ok(Vec::new()) };
    let values = match SecretRef::parse(signing.reveal())? {
        Some(reference) => secrets.resolve_all(&reference)?,
        None => vec![SecretText::new(signing.reveal())],
    };
    Ok(values.iter().map(|value| notify::Secret::new(value.expose())).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(yaml: &str) -> Registry {
        let mut registry = Registry::default();
        registry.apply(nines_slo::parse(None, yaml).expect("documents").documents).expect("applied");
        registry
    }

    fn team(name: &str, more: &str) -> String {
        format!(
            "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: {name}-hook}}\n\
             spec: {{type: webhook, url: 'https://hooks.example/{name}'}}\n---\n\
             apiVersion: nines/v1\nkind: Team\nmetadata: {{name: {name}}}\nspec: {{channels: [{name}-hook]{more}}}\n---\n"
        )
    }

    fn targets(duty: &Duty, service: &str) -> Vec<String> {
        duty.routes(&[service.to_owned()]).iter().map(|route| route.target.to_string()).collect()
    }

    #[test]
    fn an_incident_reaches_the_team_of_its_service_and_else_the_first_line() {
        let service =
            "apiVersion: nines/v1\nkind: Service\nmetadata: {name: checkout}\nspec: {owner: shop}\n";
        let yaml = team("shop", "") + &team("desk", ", firstLine: true") + service;
        let duty = Duty::of(&registry(&yaml), std::iter::empty());
        assert_eq!(targets(&duty, "checkout"), ["shop-hook"]);
        assert_eq!(targets(&duty, "unheard-of"), ["desk-hook"]);
    }

    #[test]
    fn without_a_first_line_every_team_is_told_and_without_teams_nobody() {
        let yaml = team("shop", "") + &team("desk", "");
        let duty = Duty::of(&registry(yaml.trim_end_matches("---\n")), std::iter::empty());
        let mut told = targets(&duty, "unheard-of");
        told.sort();
        assert_eq!(told, ["desk-hook", "shop-hook"]);
        assert_eq!(targets(&Duty::default(), "unheard-of"), [""; 0]);
    }
}
