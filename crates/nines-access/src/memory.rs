//! The store in memory: the reference that the durable one is compared with.

use std::collections::BTreeMap;

use async_trait::async_trait;
use nines_model::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use crate::audit::GENESIS;
use crate::repository::SESSIONS_PER_HOLDER_MAX;
use crate::{
    Account, AccountId, AuditEntry, AuditError, AuditLog, AuditRecord, Digest, Factors, Key, KeyId, Link,
    Membership, Repository, RepositoryError, Role, Session, SessionId,
};

#[derive(Default)]
pub struct MemoryRepository(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    generation: u64,
    accounts: Vec<Account>,
    keys: Vec<Key>,
    sessions: Vec<Session>,
    links: Vec<Link>,
    audit: Vec<AuditRecord>,
    factors: BTreeMap<AccountId, Factors>,
    subjects: BTreeMap<String, AccountId>,
    memberships: BTreeMap<(AccountId, String), Role>,
}

fn taken(what: String) -> RepositoryError {
    RepositoryError::Conflict { what }
}

impl Tables {
    fn add_account(&mut self, account: &Account, link: &Link) -> Result<(), RepositoryError> {
        self.insert_account(account)?;
        self.links.push(link.clone());
        Ok(())
    }

    fn insert_account(&mut self, account: &Account) -> Result<(), RepositoryError> {
        let name = account.name.to_lowercase();
        if self.accounts.iter().any(|known| known.name.to_lowercase() == name) {
            return Err(taken(format!("account `{}`", account.name)));
        }
        self.accounts.push(account.clone());
        Ok(())
    }

    fn add_key(&mut self, key: &Key) -> Result<(), RepositoryError> {
        if self.keys.iter().any(|known| known.id == key.id) {
            return Err(taken(format!("key `{}`", key.id)));
        }
        self.keys.push(key.clone());
        Ok(())
    }
}

impl MemoryRepository {
    fn change(&self) -> MutexGuard<'_, Tables> {
        let mut tables = self.0.lock();
        tables.generation += 1;
        tables
    }
}

#[async_trait]
impl Repository for MemoryRepository {
    fn generation(&self) -> u64 {
        self.0.lock().generation
    }

    async fn bootstrap(&self, account: &Account, keys: &[Key], link: &Link) -> Result<(), RepositoryError> {
        let mut tables = self.change();
        if !tables.accounts.is_empty() {
            return Err(taken("an account".to_owned()));
        }
        tables.add_account(account, link)?;
        keys.iter().try_for_each(|key| tables.add_key(key))
    }

    async fn insert_account(&self, account: &Account, link: &Link) -> Result<(), RepositoryError> {
        self.change().add_account(account, link)
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, RepositoryError> {
        Ok(self.0.lock().accounts.iter().find(|account| account.id == *id).cloned())
    }

    async fn accounts(&self) -> Result<Vec<Account>, RepositoryError> {
        let mut accounts = self.0.lock().accounts.clone();
        accounts.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(accounts)
    }

    async fn disable_account(&self, id: &AccountId, at: Timestamp) -> Result<bool, RepositoryError> {
        let mut tables = self.change();
        let living =
            tables.accounts.iter_mut().find(|account| account.id == *id && account.disabled_at.is_none());
        let Some(account) = living else { return Ok(false) };
        account.disabled_at = Some(at);
        tables.sessions.retain(|session| session.account.as_ref() != Some(id));
        tables.links.retain(|link| link.account != *id);
        tables.memberships.retain(|(account, _), _| account != id);
        Ok(true)
    }

    async fn replace_link(&self, link: &Link) -> Result<(), RepositoryError> {
        let mut tables = self.change();
        tables.links.retain(|old| old.account != link.account);
        tables.links.push(link.clone());
        Ok(())
    }

    async fn link_account(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<AccountId>, RepositoryError> {
        let tables = self.0.lock();
        let link = tables.links.iter().find(|link| link.digest == *digest && now < link.expires_at);
        Ok(link.map(|link| link.account.clone()))
    }

    async fn take_link(&self, digest: &Digest, now: Timestamp) -> Result<Option<Link>, RepositoryError> {
        let mut tables = self.change();
        let Some(index) = tables.links.iter().position(|link| link.digest == *digest) else {
            return Ok(None);
        };
        let link = tables.links.remove(index);
        Ok((now < link.expires_at).then_some(link))
    }

    async fn factors(&self, id: &AccountId) -> Result<Factors, RepositoryError> {
        Ok(self.0.lock().factors.get(id).cloned().unwrap_or_default())
    }

    async fn swap_factors(
        &self,
        id: &AccountId,
        from: u64,
        factors: &Factors,
    ) -> Result<bool, RepositoryError> {
        let mut tables = self.change();
        if tables.factors.get(id).map_or(0, |stored| stored.revision) != from {
            return Ok(false);
        }
        tables.factors.insert(id.clone(), factors.clone());
        Ok(true)
    }

    async fn account_by_subject(&self, subject: &str) -> Result<Option<Account>, RepositoryError> {
        let tables = self.0.lock();
        let Some(id) = tables.subjects.get(subject) else { return Ok(None) };
        Ok(tables.accounts.iter().find(|account| account.id == *id).cloned())
    }

    async fn insert_subject_account(&self, account: &Account, subject: &str) -> Result<(), RepositoryError> {
        let mut tables = self.change();
        if tables.subjects.contains_key(subject) {
            return Err(taken("the subject".to_owned()));
        }
        tables.insert_account(account)?;
        tables.subjects.insert(subject.to_owned(), account.id.clone());
        Ok(())
    }

    async fn set_role(&self, id: &AccountId, role: Role) -> Result<(), RepositoryError> {
        let mut tables = self.change();
        for account in tables.accounts.iter_mut().filter(|account| account.id == *id) {
            account.role = role;
        }
        Ok(())
    }

    async fn memberships(&self, account: Option<&AccountId>) -> Result<Vec<Membership>, RepositoryError> {
        let tables = self.0.lock();
        let of = tables.memberships.iter().filter(|((holder, _), _)| account.is_none_or(|id| id == holder));
        Ok(of
            .map(|((account, team), role)| Membership {
                account: account.clone(),
                team: team.clone(),
                role: *role,
            })
            .collect())
    }

    async fn put_membership(&self, membership: &Membership) -> Result<(), RepositoryError> {
        let key = (membership.account.clone(), membership.team.clone());
        self.change().memberships.insert(key, membership.role);
        Ok(())
    }

    async fn remove_membership(&self, account: &AccountId, team: &str) -> Result<bool, RepositoryError> {
        Ok(self.change().memberships.remove(&(account.clone(), team.to_owned())).is_some())
    }

    async fn insert_key(&self, key: &Key) -> Result<(), RepositoryError> {
        self.change().add_key(key)
    }

    async fn key(&self, id: &KeyId) -> Result<Option<Key>, RepositoryError> {
        Ok(self.0.lock().keys.iter().find(|key| key.id == *id).cloned())
    }

    async fn keys(&self) -> Result<Vec<Key>, RepositoryError> {
        let mut keys = self.0.lock().keys.clone();
        keys.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
        Ok(keys)
    }

    async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<bool, RepositoryError> {
        let mut tables = self.change();
        let living = tables.keys.iter_mut().find(|key| key.id == *id && key.revoked_at.is_none());
        let Some(key) = living else { return Ok(false) };
        key.revoked_at = Some(at);
        tables.sessions.retain(|session| session.key.as_ref() != Some(id));
        Ok(true)
    }

    async fn replace_key(&self, new: &Key, until: Timestamp) -> Result<bool, RepositoryError> {
        let mut tables = self.change();
        let is_replaced =
            tables.keys.iter().any(|key| key.replaces.is_some() && key.replaces == new.replaces);
        let old = tables.keys.iter_mut().find(|key| Some(&key.id) == new.replaces.as_ref());
        let Some(old) = old.filter(|old| old.revoked_at.is_none() && !is_replaced) else { return Ok(false) };
        old.expires_at = Some(old.expires_at.map_or(until, |at| at.min(until)));
        let before = old.replaces.clone();
        for key in tables.keys.iter_mut().filter(|key| Some(&key.id) == before.as_ref()) {
            key.revoked_at.get_or_insert(new.created_at);
        }
        tables.sessions.retain(|session| session.key.is_none() || session.key != before);
        tables.keys.push(new.clone());
        Ok(true)
    }

    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<(), RepositoryError> {
        let mut tables = self.change();
        for (id, at) in used {
            if let Some(key) = tables.keys.iter_mut().find(|key| key.id == *id) {
                key.last_used_at = key.last_used_at.max(Some(*at));
            }
        }
        Ok(())
    }

    async fn insert_session(&self, session: &Session) -> Result<(), RepositoryError> {
        let mut tables = self.change();
        tables.sessions.push(session.clone());
        let is_theirs = |other: &Session| other.account == session.account && other.key == session.key;
        let mut theirs: Vec<_> = tables.sessions.iter().filter(|other| is_theirs(other)).cloned().collect();
        theirs.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
        for old in theirs.iter().skip(SESSIONS_PER_HOLDER_MAX) {
            tables.sessions.retain(|session| session.id != old.id);
        }
        Ok(())
    }

    async fn session(&self, digest: &Digest) -> Result<Option<Session>, RepositoryError> {
        Ok(self.0.lock().sessions.iter().find(|session| session.digest == *digest).cloned())
    }

    async fn sessions(&self, account: Option<&AccountId>) -> Result<Vec<Session>, RepositoryError> {
        let tables = self.0.lock();
        let is_its = |session: &&Session| {
            let key = tables.keys.iter().find(|key| Some(&key.id) == session.key.as_ref());
            account.is_none()
                || session.account.as_ref() == account
                || key.is_some_and(|key| key.account.as_ref() == account)
        };
        let mut sessions: Vec<_> = tables.sessions.iter().filter(is_its).cloned().collect();
        sessions.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
        Ok(sessions)
    }

    async fn delete_session(&self, id: &SessionId) -> Result<bool, RepositoryError> {
        let mut tables = self.change();
        let before = tables.sessions.len();
        tables.sessions.retain(|session| session.id != *id);
        Ok(tables.sessions.len() < before)
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        let mut tables = self.change();
        let before = tables.sessions.len() + tables.links.len();
        tables.sessions.retain(|session| now < session.expires_at);
        tables.links.retain(|link| now < link.expires_at);
        Ok((before - tables.sessions.len() - tables.links.len()) as u64)
    }
}

#[async_trait]
impl AuditLog for MemoryRepository {
    async fn append(&self, entry: &AuditEntry) -> Result<AuditRecord, AuditError> {
        let mut tables = self.0.lock();
        let previous = tables.audit.last().map_or(GENESIS, |record| record.hash);
        let record = entry.chained(tables.audit.len() as u64 + 1, previous);
        tables.audit.push(record.clone());
        Ok(record)
    }

    async fn find(&self, query: &crate::AuditQuery) -> Result<Vec<AuditRecord>, AuditError> {
        let all = self.read(0, u32::MAX).await?;
        let fitting = all.into_iter().rev().filter(|record| query.admits(record));
        Ok(fitting.take(query.limit as usize).collect())
    }

    async fn read(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, AuditError> {
        let tables = self.0.lock();
        let records = tables.audit.iter().filter(|record| record.sequence > after);
        Ok(records.take(limit as usize).cloned().collect())
    }
}
