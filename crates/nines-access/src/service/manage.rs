//! Making and taking away keys and accounts. Each call decides by [`authorize`] itself: no route can forget to.

use std::time::Duration;

use nines_model::Timestamp;

use super::{Access, LINK_TTL};
use crate::{
    AccessError, Account, AccountId, Action, Actor, Bounds, Grant, Key, KeyId, Link, NewKey, Realm,
    RepositoryError, Resource, Role, RouteAccess, Secret, authorize,
};

/// Keys that are neither revoked nor expired. One per service of a large company; more is a script gone wrong.
pub const KEYS_MAX: usize = 2000;
pub const ACCOUNTS_MAX: usize = 2000;
/// Characters of a name: it has to fit a line of the timeline.
pub const NAME_CHARS_MAX: usize = 100;

/// A key that was replaced goes on for as long as this at most: a release train, and the holiday in front of it.
pub const GRACE_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Unless something else is said.
pub const GRACE_DEFAULT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A key just made; the secret is shown this once.
#[derive(Debug)]
pub struct IssuedKey {
    pub key: Key,
    pub secret: Secret,
}

/// An account just made, and the token of the link that opens it.
#[derive(Debug)]
pub struct Invitation {
    pub account: Account,
    pub token: Secret,
}

impl Access {
    pub async fn create_key(&self, actor: &Actor, new: &NewKey) -> Result<IssuedKey, AccessError> {
        let resource = match realm_of(new.grant, &new.bounds) {
            // It has no id yet.
            Some(team) => Resource::Key { id: KeyId(String::new()), grant: new.grant, team: Some(team) },
            None => Resource::Holder { grant: new.grant },
        };
        authorize(actor, Action::CreateKey, &resource).into_result()?;
        if actor.bounds.as_ref().is_some_and(|bounds| !bounds.is_none()) {
            return Err(AccessError::BoundedMaker);
        }
        self.issue(actor, new).await
    }

    /// A key of the caller's own account with no more than they have: everybody with an account may, for their terminal.
    pub(super) async fn create_own_key(&self, actor: &Actor, new: &NewKey) -> Result<IssuedKey, AccessError> {
        let own = NewKey { account: None, ..new.clone() };
        if actor.account().is_none() || !actor.grant.may_give(own.grant) {
            return Err(AccessError::NoAccount);
        }
        self.issue(actor, &own).await
    }

    /// Makes a key in the place of another, with the same name, role, bounds and owner and a life as long. The old one goes on
    /// for `grace`, at most [`GRACE_MAX`], so that its users can change over; the one before it ends at once.
    pub async fn replace_key(
        &self,
        actor: &Actor,
        id: &KeyId,
        grace: Duration,
    ) -> Result<IssuedKey, AccessError> {
        let old = self.key_to_manage(actor, id, Action::CreateKey).await?;
        if actor.bounds.as_ref().is_some_and(|bounds| !bounds.is_none()) {
            return Err(AccessError::BoundedMaker);
        }
        if let Some(owner) = old.account.as_ref().filter(|owner| actor.account().as_ref() != Some(owner)) {
            let role =
                self.inner.repository.account(owner).await?.map_or(Grant::Nothing, |it| Grant::Role(it.role));
            authorize(actor, Action::CreateKey, &Resource::Holder { grant: role }).into_result()?;
        }
        let now = self.inner.clock.now();
        if !old.is_good_at(now) {
            return Err(AccessError::KeyEnded { name: old.name });
        }
        self.check_keys_count(now).await?;
        let (id, secret) = Secret::random_key(&self.inner.random, old.grant);
        let key = Key {
            id,
            digest: secret.digest(),
            created_at: now,
            created_by: actor.name.clone(),
            made_by: actor.account(),
            replaces: Some(old.id.clone()),
            expires_at: old.expires_at.map(|at| now + at.since(old.created_at)),
            last_used_at: None,
            ..old.clone()
        };
        if !self.inner.repository.replace_key(&key, now + grace.min(GRACE_MAX)).await? {
            return Err(AccessError::KeyReplaced { name: old.name });
        }
        for ended in [Some(&old.id), old.replaces.as_ref()].into_iter().flatten() {
            self.inner.keys.forget(ended);
        }
        Ok(IssuedKey { key, secret })
    }

    async fn check_keys_count(&self, now: Timestamp) -> Result<(), AccessError> {
        let living = self.inner.repository.keys().await?.iter().filter(|key| key.is_good_at(now)).count();
        if living < KEYS_MAX { Ok(()) } else { Err(AccessError::TooMany { what: "keys", limit: KEYS_MAX }) }
    }

    async fn issue(&self, actor: &Actor, new: &NewKey) -> Result<IssuedKey, AccessError> {
        let now = self.inner.clock.now();
        let name = checked_name(&new.name)?;
        if new.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(AccessError::ExpiryPast);
        }
        self.check_keys_count(now).await?;
        let account = match &new.account {
            None => actor.account(),
            Some(name) => {
                let account = self.account_named(name).await?;
                // Whoever could hand out a key of a stronger account would be that account.
                authorize(actor, Action::CreateKey, &Resource::Holder { grant: Grant::Role(account.role) })
                    .into_result()?;
                Some(account.id)
            }
        };
        let (id, secret) = Secret::random_key(&self.inner.random, new.grant);
        let key = Key {
            id,
            name,
            grant: new.grant,
            digest: secret.digest(),
            created_at: now,
            created_by: actor.name.clone(),
            account,
            made_by: actor.account(),
            bounds: new.bounds.clone(),
            replaces: None,
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        self.inner.repository.insert_key(&key).await?;
        Ok(IssuedKey { key, secret })
    }

    /// All keys, or those of the caller's teams; the newest first, revoked ones too.
    pub async fn keys(&self, actor: &Actor) -> Result<Vec<Key>, AccessError> {
        let permit = authorize(actor, Action::ReadKeys, &Resource::AnyTeam).into_result()?;
        let mut keys = self.inner.repository.keys().await?;
        if let Realm::Teams(teams) = permit.realm() {
            keys.retain(|key| key.bounds.team.as_ref().is_some_and(|team| teams.contains(team)));
        }
        Ok(keys)
    }

    /// A key that the actor may do this with. Decided before existence is told, so that only those who may learn which
    /// keys exist.
    async fn key_to_manage(&self, actor: &Actor, id: &KeyId, action: Action) -> Result<Key, AccessError> {
        let key = self.inner.repository.key(id).await?;
        let grant = key.as_ref().map_or(Grant::Nothing, |key| key.grant);
        let team = key.as_ref().and_then(|key| realm_of(key.grant, &key.bounds));
        let not_found = || AccessError::NotFound { what: "key", id: id.to_string() };
        let resource = Resource::Key { id: id.clone(), grant, team };
        if let Err(denial) = authorize(actor, action, &resource).into_result() {
            let manages_some = actor.teams_with(RouteAccess::AtLeast(Role::Admin)).next().is_some();
            return Err(if manages_some { not_found() } else { denial.into() });
        }
        key.ok_or_else(not_found)
    }

    /// Revokes a key, and ends the sessions opened with it, at once. Revoking twice is fine.
    pub async fn revoke_key(&self, actor: &Actor, id: &KeyId) -> Result<(), AccessError> {
        self.key_to_manage(actor, id, Action::RevokeKey).await?;
        self.inner.repository.revoke_key(id, self.inner.clock.now()).await?;
        self.inner.keys.forget(id);
        Ok(())
    }

    /// Makes an account; whoever opens its link first is it.
    pub async fn invite(&self, actor: &Actor, name: &str, role: Role) -> Result<Invitation, AccessError> {
        authorize(actor, Action::InviteAccount, &Resource::Holder { grant: Grant::Role(role) })
            .into_result()?;
        let now = self.inner.clock.now();
        let name = checked_name(name)?;
        if self.inner.repository.accounts().await?.len() >= ACCOUNTS_MAX {
            return Err(AccessError::TooMany { what: "accounts", limit: ACCOUNTS_MAX });
        }
        let id = AccountId(self.inner.random.uuid(now).to_string());
        let account = Account { id, name, role, created_at: now, disabled_at: None };
        let token = Secret::random(&self.inner.random);
        let link = Link { digest: token.digest(), account: account.id.clone(), expires_at: now + LINK_TTL };
        match self.inner.repository.insert_account(&account, &link).await {
            Err(RepositoryError::Conflict { .. }) => Err(AccessError::NameTaken { name: account.name }),
            other => {
                other?;
                Ok(Invitation { account, token })
            }
        }
    }

    /// A fresh one-time token for an account, in place of the one before.
    pub async fn new_link(&self, actor: &Actor, id: &AccountId) -> Result<Invitation, AccessError> {
        let account = self.inner.repository.account(id).await?;
        let grant = account.as_ref().map_or(Grant::Nothing, |account| Grant::Role(account.role));
        authorize(actor, Action::InviteAccount, &Resource::Holder { grant }).into_result()?;
        let Some(account) = account.filter(|account| account.disabled_at.is_none()) else {
            return Err(AccessError::NotFound { what: "account", id: id.to_string() });
        };
        let token = Secret::random(&self.inner.random);
        let expires_at = self.inner.clock.now() + LINK_TTL;
        let link = Link { digest: token.digest(), account: account.id.clone(), expires_at };
        self.inner.repository.replace_link(&link).await?;
        Ok(Invitation { account, token })
    }

    /// The living account with this name, in any case.
    pub(super) async fn account_named(&self, name: &str) -> Result<Account, AccessError> {
        let wanted = name.trim().to_lowercase();
        let accounts = self.inner.repository.accounts().await?;
        let found = accounts
            .into_iter()
            .find(|account| account.disabled_at.is_none() && account.name.to_lowercase() == wanted);
        found.ok_or_else(|| AccessError::NotFound {
            what: "account",
            id: name.chars().take(NAME_CHARS_MAX).collect(),
        })
    }

    pub async fn accounts(&self, actor: &Actor) -> Result<Vec<Account>, AccessError> {
        authorize(actor, Action::ReadAccounts, &Resource::Node).into_result()?;
        Ok(self.inner.repository.accounts().await?)
    }

    /// Takes everything away from an account, at once and for ever. The last owner stays.
    pub async fn disable_account(&self, actor: &Actor, id: &AccountId) -> Result<(), AccessError> {
        let accounts = self.inner.repository.accounts().await?;
        let account = accounts.iter().find(|account| account.id == *id);
        let grant = account.map_or(Grant::Nothing, |account| Grant::Role(account.role));
        authorize(actor, Action::DisableAccount, &Resource::Holder { grant }).into_result()?;
        let Some(account) = account else {
            return Err(AccessError::NotFound { what: "account", id: id.to_string() });
        };
        let owners = accounts
            .iter()
            .filter(|account| account.role == Role::Owner && account.disabled_at.is_none())
            .count();
        if account.role == Role::Owner && account.disabled_at.is_none() && owners == 1 {
            return Err(AccessError::LastOwner { name: account.name.clone() });
        }
        self.inner.repository.disable_account(id, self.inner.clock.now()).await?;
        Ok(())
    }
}

pub(super) fn checked_name(name: &str) -> Result<String, AccessError> {
    let name = name.trim();
    let is_good =
        !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    if is_good { Ok(name.to_owned()) } else { Err(AccessError::BadName { limit: NAME_CHARS_MAX }) }
}

/// The team to which whoever manages a key must have rights. A key for telemetry sends for every service, whichever team it
/// counts for, so only those who manage the node's keys manage it.
fn realm_of(grant: Grant, bounds: &Bounds) -> Option<String> {
    bounds.team.clone().filter(|_| grant != Grant::Ingest)
}
