//! What chats and ticket systems may send back, by channel: the secrets that their requests are checked with, and what it
//! takes to answer. Follows the declared channels. Chats whose users command this node at their own level are configured
//! with the node instead, so that nobody makes themselves somebody else by a document.

mod signed;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use nines_notify::Secret;
use sha2::Sha256;
pub use signed::{BadSignature, Chat, ChatPerson, DiscordChat, TeamsChat};

/// Cheap to clone; clones share everything. Readers take no lock.
#[derive(Clone, Default)]
pub struct ChatHooks(Arc<ArcSwap<BTreeMap<String, Hook>>>);

/// What comes back from one channel.
#[derive(Debug, Clone)]
pub enum Hook {
    /// Slack's buttons are signed by the app, for all channels together; this is what opens a dialog.
    Slack { api_url: String, token: Secret },
    /// Telegram shows the secret in a header. `people` are by user id; they act as responders.
    Telegram { secret: Secret, api_url: String, token: Secret, people: BTreeMap<String, String> },
    /// Jira signs the body.
    Jira { secret: Secret },
}

impl ChatHooks {
    pub fn replace(&self, hooks: impl IntoIterator<Item = (String, Hook)>) {
        self.0.store(Arc::new(hooks.into_iter().collect()));
    }

    pub fn get(&self, channel: &str) -> Option<Hook> {
        self.0.load().get(channel).cloned()
    }

    /// Any channel of Slack that takes what people press: they share the app's token.
    pub fn slack(&self) -> Option<(String, Secret)> {
        self.0.load().values().find_map(|hook| match hook {
            Hook::Slack { api_url, token } => Some((api_url.clone(), token.clone())),
            _ => None,
        })
    }
}

/// `sha256=` and the hexadecimal HMAC of the body, as Jira and GitHub sign; compared in constant time.
pub fn is_signed(secret: &Secret, signature: &str, body: &[u8]) -> bool {
    let Some(digits) = signature.strip_prefix("sha256=") else { return false };
    let Some(given) = unhex(digits) else { return false };
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("hmac takes a key of any length");
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

/// Whether a shown secret is the one, in a time that does not depend on where they differ.
pub fn is_shown(secret: &Secret, shown: &str) -> bool {
    let digest = |text: &str| {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(b"nines shown secret").expect("hmac takes a key of any length");
        mac.update(text.as_bytes());
        mac
    };
    digest(secret.expose()).verify(&digest(shown).finalize().into_bytes()).is_ok()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    if digits.len() != 64 {
        return None;
    }
    (0..32).map(|index| u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation, whose scheme Jira shares ("Validating webhook deliveries").
    #[test]
    fn the_published_signature_is_taken_and_no_other() {
        let secret = Secret::new("It's a Secret to Everybody");
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(is_signed(&secret, signature, b"Hello, World!"));
        assert!(!is_signed(&secret, signature, b"Hello, World?"));
        assert!(!is_signed(&secret, &signature.replace('7', "8"), b"Hello, World!"));
        assert!(!is_signed(&secret, "sha256=", b""));
        assert!(is_shown(&secret, "It's a Secret to Everybody") && !is_shown(&secret, ""));
    }
}
