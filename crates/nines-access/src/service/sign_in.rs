//! Sessions and their cookie.

use std::net::IpAddr;

use nines_model::Timestamp;

use super::{Access, Held, SESSION_TTL};
use crate::{
    AccessError, Account, AccountId, Action, Actor, Digest, Grant, KeyId, Resource, Secret, Session,
    SessionId, Via, authorize,
};

const COOKIE: &str = "nines_session";
/// Of what a browser calls itself: enough to tell a phone from a laptop.
const CLIENT_CHARS_MAX: usize = 200;

/// Where somebody signs in from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The peer, for the throttle. Not a header that the peer can write.
    pub address: IpAddr,
    /// The `user-agent` header, or empty.
    pub client: &'a str,
}

/// What a session stands for: one of the two.
#[derive(Default)]
struct Holder {
    account: Option<AccountId>,
    key: Option<KeyId>,
    /// A one-time code was shown too.
    second_factor: bool,
}

/// A session just opened.
#[derive(Debug)]
pub struct SignedIn {
    pub actor: Actor,
    /// Goes into the cookie: see [`session_cookie`].
    pub token: Secret,
    pub csrf_token: String,
    pub expires_at: Timestamp,
}

impl Access {
    /// Exchanges a key for a session. The session ends with the key, or after [`SESSION_TTL`].
    pub async fn sign_in_with_key(&self, key: &str, origin: &Origin<'_>) -> Result<SignedIn, AccessError> {
        let key = self.verify_key(key.trim(), origin.address).await?;
        if !matches!(key.grant, Grant::Role(_)) {
            return Err(AccessError::NoSession);
        }
        let now = self.inner.clock.now();
        let expires_at = key.expires_at.map_or(now + SESSION_TTL, |expiry| expiry.min(now + SESSION_TTL));
        let holder = Holder { key: Some(key.id.clone()), ..Holder::default() };
        self.open_session(self.held_by_key(&key).await?, holder, origin, expires_at).await
    }

    /// Exchanges a one-time token, and a one-time or recovery code where the account asks for one, for a session. The
    /// token is spent by the right code and not before: who found a link in a mailbox can neither use it nor use it up.
    pub async fn sign_in_with_link(
        &self,
        token: &str,
        code: Option<&str>,
        origin: &Origin<'_>,
    ) -> Result<SignedIn, AccessError> {
        let now = self.inner.clock.now();
        let repository = &self.inner.repository;
        let digest = Digest::of(token.trim());
        let bad_link = || self.bad_credentials("one-time link", origin.address, now);
        let id = repository.link_account(&digest, now).await?.ok_or_else(bad_link)?;
        let account = repository.account(&id).await?.filter(|account| account.disabled_at.is_none());
        let account = account.ok_or_else(bad_link)?;
        let factors = repository.factors(&account.id).await?;
        let second_factor = self.show_code(&account, &factors, code, origin).await?;
        // Of two that came this far with one link, one gets it.
        repository.take_link(&digest, now).await?.ok_or_else(bad_link)?;
        self.inner.lockout.forget(&account.id, origin.address);
        self.open_account_session(&account, second_factor, origin).await
    }

    /// A session of an account whose owner has proved who they are, by a one-time code too or not.
    pub(super) async fn open_account_session(
        &self,
        account: &Account,
        second_factor: bool,
        origin: &Origin<'_>,
    ) -> Result<SignedIn, AccessError> {
        let holder = Holder { account: Some(account.id.clone()), second_factor, ..Holder::default() };
        let held = Held::of(&(account.clone(), self.teams_of(&account.id).await?));
        self.open_session(held, holder, origin, self.inner.clock.now() + SESSION_TTL).await
    }

    /// Ends the session that the actor is in; for an actor without one there is nothing to do.
    pub async fn sign_out(&self, actor: &Actor) -> Result<(), AccessError> {
        if let Via::Session(id) = &actor.via {
            self.end_session(actor, id).await?;
        }
        Ok(())
    }

    /// Ends a session at once: one's own, or as an administrator somebody else's.
    pub async fn end_session(&self, actor: &Actor, id: &SessionId) -> Result<(), AccessError> {
        authorize(actor, Action::EndSession, &Resource::Session { id: id.clone() }).into_result()?;
        self.inner.repository.delete_session(id).await?;
        Ok(())
    }

    async fn open_session(
        &self,
        held: Held,
        holder: Holder,
        origin: &Origin<'_>,
        expires_at: Timestamp,
    ) -> Result<SignedIn, AccessError> {
        let Holder { account, key, second_factor } = holder;
        let now = self.inner.clock.now();
        let token = Secret::random(&self.inner.random);
        let id = SessionId(self.inner.random.uuid(now).to_string());
        let session = Session {
            id: id.clone(),
            digest: token.digest(),
            account,
            key,
            created_at: now,
            expires_at,
            address: origin.address.to_string(),
            client: origin.client.chars().filter(|char| !char.is_control()).take(CLIENT_CHARS_MAX).collect(),
            second_factor,
        };
        self.inner.repository.insert_session(&session).await?;
        let csrf_token = csrf_token(&token);
        Ok(SignedIn { actor: held.actor(Via::Session(id)), token, csrf_token, expires_at })
    }
}

/// The `set-cookie` value for a session. `is_secure` for a node reached by TLS.
pub fn session_cookie(signed_in: &SignedIn, now: Timestamp, is_secure: bool) -> String {
    let max_age = signed_in.expires_at.since(now).as_secs();
    cookie(signed_in.token.expose(), max_age, is_secure)
}

/// The `set-cookie` value that removes it.
pub fn clear_cookie(is_secure: bool) -> String {
    cookie("", 0, is_secure)
}

fn cookie(value: &str, max_age_secs: u64, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_secs}{secure}")
}

/// The session's token in a `cookie` header. Two of them are none: somebody planted one.
pub(super) fn cookie_value(header: &str) -> Option<&str> {
    let mut values = header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value);
    let value = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(value)
}

/// Follows from the session's token, so it needs no place in the store; the token cannot be computed from it.
pub(super) fn csrf_token(token: &Secret) -> String {
    Digest::of(&format!("csrf:{}", token.expose())).to_hex()
}
