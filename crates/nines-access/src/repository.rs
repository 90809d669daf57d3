use async_trait::async_trait;
use nines_model::Timestamp;

use crate::{
    Account, AccountId, Digest, Factors, Key, KeyId, Link, Membership, RepositoryError, Role, Session,
    SessionId,
};

/// Sessions of one account or key; the oldest ends when one more begins.
pub const SESSIONS_PER_HOLDER_MAX: usize = 20;

/// Durable storage of accounts, keys, sessions and links. Each method is one transaction. Every implementation passes
/// `contract::check`.
#[async_trait]
pub trait Repository: Send + Sync + 'static {
    /// Another number after every write that is acknowledged, or may have happened: what was read between two equal ones
    /// is as it was. Costs no read.
    fn generation(&self) -> u64;

    /// Stores the first account with its keys and its link; `Conflict` if there is any account already.
    async fn bootstrap(&self, account: &Account, keys: &[Key], link: &Link) -> Result<(), RepositoryError>;

    /// `Conflict` if the name is taken, in any case.
    async fn insert_account(&self, account: &Account, link: &Link) -> Result<(), RepositoryError>;
    async fn account(&self, id: &AccountId) -> Result<Option<Account>, RepositoryError>;
    /// By name.
    async fn accounts(&self) -> Result<Vec<Account>, RepositoryError>;
    /// Ends its sessions, links and memberships with it. False if there is none or it was disabled before.
    async fn disable_account(&self, id: &AccountId, at: Timestamp) -> Result<bool, RepositoryError>;

    /// Takes the place of the account's links.
    async fn replace_link(&self, link: &Link) -> Result<(), RepositoryError>;
    /// The account that an unspent link is for, without spending it. None if it has expired.
    async fn link_account(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<AccountId>, RepositoryError>;
    /// Finds and removes the link, so that only one caller ever gets it. An expired one is removed and not given.
    async fn take_link(&self, digest: &Digest, now: Timestamp) -> Result<Option<Link>, RepositoryError>;

    /// The default for an account that never set anything.
    async fn factors(&self, id: &AccountId) -> Result<Factors, RepositoryError>;
    /// Stores `factors` if what is stored has revision `from`. False if somebody else was first.
    async fn swap_factors(
        &self,
        id: &AccountId,
        from: u64,
        factors: &Factors,
    ) -> Result<bool, RepositoryError>;
    /// Whom an identity provider calls `subject`.
    async fn account_by_subject(&self, subject: &str) -> Result<Option<Account>, RepositoryError>;
    /// `Conflict` if the name, in any case, or the subject is taken.
    async fn insert_subject_account(&self, account: &Account, subject: &str) -> Result<(), RepositoryError>;
    async fn set_role(&self, id: &AccountId, role: Role) -> Result<(), RepositoryError>;

    /// Of one account, or of everybody; by account and team.
    async fn memberships(&self, account: Option<&AccountId>) -> Result<Vec<Membership>, RepositoryError>;
    /// In place of the one that the account had in that team.
    async fn put_membership(&self, membership: &Membership) -> Result<(), RepositoryError>;
    /// False if there was none.
    async fn remove_membership(&self, account: &AccountId, team: &str) -> Result<bool, RepositoryError>;

    async fn insert_key(&self, key: &Key) -> Result<(), RepositoryError>;
    async fn key(&self, id: &KeyId) -> Result<Option<Key>, RepositoryError>;
    /// The newest first, revoked ones too.
    async fn keys(&self) -> Result<Vec<Key>, RepositoryError>;
    /// Ends the sessions that were opened with it. False if there is none or it was revoked before.
    async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<bool, RepositoryError>;
    /// Stores `new` in the place of [`Key::replaces`], which ends at `until` unless it ends before; the one that that had
    /// replaced is revoked now, so that two are good at once and no third. False, and nothing is stored, if there is no
    /// such key, or it was revoked or replaced before.
    async fn replace_key(&self, new: &Key, until: Timestamp) -> Result<bool, RepositoryError>;
    /// Never moves a time back.
    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<(), RepositoryError>;

    /// Removes the oldest sessions of the same account or key beyond [`SESSIONS_PER_HOLDER_MAX`].
    async fn insert_session(&self, session: &Session) -> Result<(), RepositoryError>;
    async fn session(&self, digest: &Digest) -> Result<Option<Session>, RepositoryError>;
    /// Of one account, those of its keys too, or of everybody; the newest first.
    async fn sessions(&self, account: Option<&AccountId>) -> Result<Vec<Session>, RepositoryError>;
    async fn delete_session(&self, id: &SessionId) -> Result<bool, RepositoryError>;
    /// Removes sessions and links that expired at or before `now`; gives how many.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, RepositoryError>;
}
