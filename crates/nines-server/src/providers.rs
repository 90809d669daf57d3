//! From the declared settings of a provider to the channel that speaks its dialect.

use std::sync::Arc;

use nines_egress::Egress;
use nines_http::Hook;
use nines_notify as notify;
use nines_secrets::{SecretError, SecretResolver};
use nines_slo::{Channel, ChannelTarget, Document, ProviderTarget, Registry};
use notify::{BodyFormat, ChannelKind, Secret, Spoken};

pub fn kind(provider: &ProviderTarget) -> ChannelKind {
    match provider.word() {
        "slackWebhook" => ChannelKind::Slack,
        "teams" => ChannelKind::Teams,
        "discord" => ChannelKind::Discord,
        "telegram" => ChannelKind::Telegram,
        "line" => ChannelKind::Line,
        "wecom" => ChannelKind::Wecom,
        "dingtalk" => ChannelKind::Dingtalk,
        "feishu" => ChannelKind::Feishu,
        "sms" => ChannelKind::Sms,
        "voice" => ChannelKind::Voice,
        "pagerduty" => ChannelKind::PagerDuty,
        "opsgenie" => ChannelKind::Opsgenie,
        "jira" => ChannelKind::Jira,
        other => unreachable!("{other} is in no table of providers"),
    }
}

/// # Errors
/// If a setting refers to a secret that is not there.
pub fn channel(
    provider: &ProviderTarget,
    egress: &Egress,
    secrets: &dyn SecretResolver,
) -> Result<Arc<dyn notify::Channel>, SecretError> {
    let optional = |name| provider.secret(name).map(|secret| resolved(secret, secrets)).transpose();
    // What is required was read, or there would be no document.
    let secret = |name| Ok::<_, SecretError>(optional(name)?.unwrap_or_else(|| Secret::new("")));
    let text = |name| provider.text(name).unwrap_or_default().to_owned();
    let text_or = |name, default: &str| provider.text(name).unwrap_or(default).to_owned();
    let egress = egress.clone();
    let channel: Arc<dyn notify::Channel> = match kind(provider) {
        ChannelKind::Slack => Arc::new(notify::SlackWebhook::new(secret("url")?, egress)),
        ChannelKind::Teams => Arc::new(Spoken::new(notify::Teams { url: secret("url")? }, egress)),
        ChannelKind::Discord => Arc::new(Spoken::new(notify::Discord { url: secret("url")? }, egress)),
        ChannelKind::Telegram => {
            let telegram = notify::Telegram {
                api_url: text_or("apiUrl", notify::Telegram::API_URL),
                token: secret("token")?,
                chat: text("chat"),
                interactive: provider.secret("webhookSecret").is_some(),
            };
            Arc::new(Spoken::new(telegram, egress))
        }
        ChannelKind::Line => {
            let line = notify::Line {
                api_url: text_or("apiUrl", notify::Line::API_URL),
                token: secret("token")?,
                to: text("to"),
            };
            Arc::new(Spoken::new(line, egress))
        }
        ChannelKind::Wecom => Arc::new(Spoken::new(notify::Wecom { url: secret("url")? }, egress)),
        ChannelKind::Dingtalk => Arc::new(Spoken::new(
            notify::Dingtalk { url: secret("url")?, secret: optional("secret")? },
            egress,
        )),
        ChannelKind::Feishu => {
            Arc::new(Spoken::new(notify::Feishu { url: secret("url")?, secret: optional("secret")? }, egress))
        }
        kind @ (ChannelKind::Sms | ChannelKind::Voice) => {
            let phone = notify::Phone {
                voice: kind == ChannelKind::Voice,
                url: secret("url")?,
                to: text("to"),
                token: optional("token")?,
                user: provider.text("user").map(str::to_owned),
                format: if provider.text("format") == Some("form") {
                    BodyFormat::Form
                } else {
                    BodyFormat::Json
                },
                template: text_or("template", notify::Phone::TEMPLATE),
            };
            Arc::new(Spoken::new(phone, egress))
        }
        ChannelKind::PagerDuty => {
            let pagerduty = notify::PagerDuty {
                api_url: text_or("apiUrl", notify::PagerDuty::API_URL),
                routing_key: secret("routingKey")?,
            };
            Arc::new(Spoken::new(pagerduty, egress))
        }
        ChannelKind::Opsgenie => {
            let opsgenie = notify::Opsgenie {
                api_url: text_or("apiUrl", notify::Opsgenie::API_URL),
                api_key: secret("apiKey")?,
            };
            Arc::new(Spoken::new(opsgenie, egress))
        }
        ChannelKind::Jira => {
            let config = notify::JiraConfig {
                url: text("url"),
                project: text("project"),
                issue_type: text_or("issueType", "Task"),
                user: provider.text("user").map(str::to_owned),
                token: secret("token")?,
            };
            Arc::new(notify::Jira::new(config, egress))
        }
        ChannelKind::Webhook | ChannelKind::Email | ChannelKind::WebPush => {
            unreachable!("these have settings of their own, or no document at all")
        }
    };
    Ok(channel)
}

/// The text itself, or the secret that it refers to.
fn resolved(text: &nines_slo::Secret, secrets: &dyn SecretResolver) -> Result<Secret, SecretError> {
    Ok(Secret::new(secrets.resolve_text(text.reveal())?.expose()))
}

/// What may come back, by channel.
pub fn hooks(registry: &Registry, secrets: &dyn SecretResolver) -> Vec<(String, Hook)> {
    let channels = registry.iter().filter_map(|document| match &**document {
        Document::Channel(channel) => Some(channel),
        _ => None,
    });
    let hooks = channels.filter_map(|channel| match hook(channel, secrets) {
        Ok(hook) => Some((channel.meta.name.clone(), hook?)),
        Err(error) => {
            tracing::error!(channel = channel.meta.name, %error, "a channel's secret cannot be used");
            None
        }
    });
    hooks.collect()
}

fn hook(channel: &Channel, secrets: &dyn SecretResolver) -> Result<Option<Hook>, SecretError> {
    match &channel.target {
        ChannelTarget::Slack { api_url, token, interactive: true, .. } => Ok(Some(Hook::Slack {
            api_url: api_url.clone().unwrap_or_else(|| notify::SlackConfig::API_URL.to_owned()),
            token: resolved(token, secrets)?,
        })),
        ChannelTarget::Provider(provider) => {
            let Some(webhook_secret) = provider.secret("webhookSecret") else { return Ok(None) };
            let webhook_secret = resolved(webhook_secret, secrets)?;
            match (kind(provider), provider.secret("token")) {
                (ChannelKind::Telegram, Some(token)) => Ok(Some(Hook::Telegram {
                    secret: webhook_secret,
                    api_url: provider.text("apiUrl").unwrap_or(notify::Telegram::API_URL).to_owned(),
                    token: resolved(token, secrets)?,
                    people: people(provider.text("people").unwrap_or_default()),
                })),
                (ChannelKind::Jira, _) => Ok(Some(Hook::Jira { secret: webhook_secret })),
                _ => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// `4711=lin, 4712=mei`; what is no pair is nobody.
fn people(text: &str) -> std::collections::BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let trimmed = pairs.map(|(id, name)| (id.trim().to_owned(), name.trim().to_owned()));
    trimmed.filter(|(id, name)| !id.is_empty() && !name.is_empty()).collect()
}
