//! Secrets, as handlers reach them.

use std::sync::Arc;

use async_trait::async_trait;
use nines_base::Random;
use nines_secrets::{SecretName, SecretRef, Vault};

/// The vault, and whoever has to hear of changes.
pub struct Secrets {
    pub vault: Vault,
    pub follower: Arc<dyn SecretFollower>,
    pub random: Random,
}

/// Whoever holds values that were resolved earlier, such as the channels.
#[async_trait]
pub trait SecretFollower: Send + Sync {
    /// A secret has another value now, or none. Returns when new uses get the new one.
    async fn changed(&self, name: &SecretName);
}

/// The references in a document's text. Also those in comments: better one too many in a warning than one too few.
pub fn references(text: &str) -> Vec<SecretRef> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-_.@".contains(char);
    let mut found = Vec::new();
    for (start, scheme) in text.match_indices("secret://") {
        let rest = &text[start + scheme.len()..];
        let end = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
        // A full stop at the end belongs to the sentence.
        let name = rest[..end].trim_end_matches('.');
        if let Ok(Some(reference)) = SecretRef::parse(&format!("{scheme}{name}"))
            && !found.contains(&reference)
        {
            found.push(reference);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_wherever_they_stand() {
        let text =
            "token: secret://slack-token\nurl: 'secret://hook@2' # see secret://hook@2.\nx: secret://\n";
        let found: Vec<_> = references(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["secret://slack-token", "secret://hook@2"]);
    }
}
