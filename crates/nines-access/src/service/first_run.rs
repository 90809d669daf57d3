//! The first start: an owner, two keys and a link, without a default password anywhere.

use super::{Access, LINK_TTL};
use crate::{AccessError, Account, AccountId, Bounds, Grant, Key, Link, RepositoryError, Role, Secret};

/// What the first start makes. The server writes the keys to files (mode 0600) and prints the link *before* it calls
/// [`Access::complete_first_run`]: a crash in between then leaves files with keys that do not work and are replaced
/// at the next start, and never an owner whom nobody can be.
pub struct FirstRun {
    pub owner_key: Secret,
    pub ingest_key: Secret,
    pub link_token: Secret,
    account: Account,
    keys: [Key; 2],
    link: Link,
}

impl Access {
    /// Whether this node has no account yet.
    pub async fn is_first_run(&self) -> Result<bool, AccessError> {
        Ok(self.inner.repository.accounts().await?.is_empty())
    }

    /// Makes the secrets; nothing is stored yet.
    pub fn prepare_first_run(&self) -> FirstRun {
        let now = self.inner.clock.now();
        let random = &self.inner.random;
        let account = Account {
            id: AccountId(random.uuid(now).to_string()),
            name: "owner".to_owned(),
            role: Role::Owner,
            created_at: now,
            disabled_at: None,
        };
        let key = |name: &str, grant| {
            let (id, secret) = Secret::random_key(random, grant);
            let key = Key {
                id,
                name: name.to_owned(),
                grant,
                digest: secret.digest(),
                created_at: now,
                created_by: "first start".to_owned(),
                account: Some(account.id.clone()),
                made_by: Some(account.id.clone()),
                replaces: None,
                bounds: Bounds::default(),
                expires_at: None,
                last_used_at: None,
                revoked_at: None,
            };
            (key, secret)
        };
        let (owner, owner_key) = key("owner", Grant::Role(Role::Owner));
        let (ingest, ingest_key) = key("ingest", Grant::Ingest);
        let link_token = Secret::random(random);
        let link =
            Link { digest: link_token.digest(), account: account.id.clone(), expires_at: now + LINK_TTL };
        FirstRun { owner_key, ingest_key, link_token, account, keys: [owner, ingest], link }
    }

    /// Stores them. `NotFirstRun` if somebody else was first; then the secrets are worth nothing.
    pub async fn complete_first_run(&self, first: &FirstRun) -> Result<(), AccessError> {
        match self.inner.repository.bootstrap(&first.account, &first.keys, &first.link).await {
            Err(RepositoryError::Conflict { .. }) => Err(AccessError::NotFirstRun),
            other => Ok(other?),
        }
    }

    /// A fresh one-time token for the oldest owner, in place of the one before. For a person at the machine who
    /// starts the server again; whoever can do that can read the store as well. `None` if there is no owner.
    pub async fn owner_link(&self) -> Result<Option<Secret>, AccessError> {
        let accounts = self.inner.repository.accounts().await?;
        let owner = accounts
            .into_iter()
            .filter(|account| account.role == Role::Owner && account.disabled_at.is_none())
            .min_by_key(|account| account.created_at);
        let Some(owner) = owner else { return Ok(None) };
        let token = Secret::random(&self.inner.random);
        let expires_at = self.inner.clock.now() + LINK_TTL;
        self.inner
            .repository
            .replace_link(&Link { digest: token.digest(), account: owner.id, expires_at })
            .await?;
        Ok(Some(token))
    }
}
