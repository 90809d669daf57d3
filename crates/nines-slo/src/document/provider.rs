//! Channels whose settings are a few texts and secrets, as data: what each type takes, so that reading, writing and
//! redacting are the same for all of them.

use std::collections::BTreeMap;

use nines_yaml::{Fields, Reader};

use super::own::Secret;
use super::yaml::MapBuilder;

/// A type of channel and its settings.
#[derive(Debug, PartialEq, Eq)]
pub struct ProviderSpec {
    /// As written under `type`.
    pub word: &'static str,
    pub settings: &'static [Setting],
}

#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub required: bool,
    /// Never shown again.
    pub secret: bool,
}

const fn text(name: &'static str) -> Setting {
    Setting { name, required: true, secret: false }
}

const fn optional(name: &'static str) -> Setting {
    Setting { name, required: false, secret: false }
}

const fn secret(name: &'static str) -> Setting {
    Setting { name, required: true, secret: true }
}

const fn optional_secret(name: &'static str) -> Setting {
    Setting { name, required: false, secret: true }
}

const PHONE: &[Setting] = &[
    secret("url"),
    text("to"),
    optional("user"),
    optional_secret("token"),
    // `json` or `form`.
    optional("format"),
    optional("template"),
];

/// Every type beside webhook, slack and email. An address with a token in it is a secret.
pub const PROVIDERS: [ProviderSpec; 13] = [
    ProviderSpec { word: "slackWebhook", settings: &[secret("url")] },
    ProviderSpec { word: "teams", settings: &[secret("url")] },
    ProviderSpec { word: "discord", settings: &[secret("url")] },
    ProviderSpec {
        word: "telegram",
        // The webhook secret makes it interactive: Telegram sends it with what people press. `people` are those who may,
        // as `4711=lin, 4712=mei` by their ids; they act as responders.
        settings: &[
            secret("token"),
            text("chat"),
            optional("apiUrl"),
            optional_secret("webhookSecret"),
            optional("people"),
        ],
    },
    ProviderSpec { word: "line", settings: &[secret("token"), text("to"), optional("apiUrl")] },
    ProviderSpec { word: "wecom", settings: &[secret("url")] },
    ProviderSpec { word: "dingtalk", settings: &[secret("url"), optional_secret("secret")] },
    ProviderSpec { word: "feishu", settings: &[secret("url"), optional_secret("secret")] },
    ProviderSpec { word: "sms", settings: PHONE },
    ProviderSpec { word: "voice", settings: PHONE },
    ProviderSpec { word: "pagerduty", settings: &[secret("routingKey"), optional("apiUrl")] },
    ProviderSpec { word: "opsgenie", settings: &[secret("apiKey"), optional("apiUrl")] },
    ProviderSpec {
        word: "jira",
        settings: &[
            text("url"),
            text("project"),
            optional("issueType"),
            optional("user"),
            secret("token"),
            // With it, what people do to the issue comes back: done resolves, in progress acknowledges.
            optional_secret("webhookSecret"),
        ],
    },
];

/// The settings of one channel of a type of [`PROVIDERS`].
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderTarget {
    pub spec: &'static ProviderSpec,
    texts: BTreeMap<&'static str, String>,
    secrets: BTreeMap<&'static str, Secret>,
}

impl ProviderTarget {
    pub fn word(&self) -> &'static str {
        self.spec.word
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.get(name)
    }

    /// Reads the settings of `spec`; every mistake is told.
    pub(super) fn read(
        spec: &'static ProviderSpec,
        reader: &mut Reader<'_>,
        fields: &mut Fields<'_>,
    ) -> Option<Self> {
        let mut target = Self { spec, texts: BTreeMap::new(), secrets: BTreeMap::new() };
        let mut is_whole = true;
        for setting in spec.settings {
            let value = if setting.required {
                fields.required_text(reader, setting.name)
            } else {
                fields.text(reader, setting.name)
            };
            let is_address = setting.name == "url" || setting.name == "apiUrl";
            let is_wrong = |value: &String| {
                is_address
                    && (!(value.starts_with("https://") || value.starts_with("http://"))
                        || value.contains(char::is_whitespace))
            };
            if value.as_ref().is_some_and(is_wrong) {
                // The text may hold a token: the message does not repeat it.
                let (mark, path) = (fields.mark_of(setting.name), fields.path_of(setting.name));
                let hint = Some("write it with https:// and a host".to_owned());
                reader.error(mark, &path, "is not a URL that can be used here", hint);
                is_whole = false;
            }
            match value {
                Some(value) if setting.secret => {
                    drop(target.secrets.insert(setting.name, Secret::new(value)))
                }
                Some(value) => drop(target.texts.insert(setting.name, value)),
                None => is_whole &= !setting.required,
            }
        }
        if target.text("format").is_some_and(|format| !["json", "form"].contains(&format)) {
            let (mark, path) = (fields.mark_of("format"), fields.path_of("format"));
            reader.error(mark, &path, "is neither json nor form", None);
            is_whole = false;
        }
        is_whole.then_some(target)
    }

    pub(super) fn write(&self, spec: MapBuilder, shown: &dyn Fn(&Secret) -> String) -> MapBuilder {
        let spec = spec.text("type", Some(self.spec.word));
        self.spec.settings.iter().fold(spec, |spec, setting| {
            let secret = self.secret(setting.name).map(shown);
            spec.text(setting.name, secret.as_deref().or(self.text(setting.name)))
        })
    }
}
