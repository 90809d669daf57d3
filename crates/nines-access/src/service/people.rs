//! Passwords, one-time codes, and the sessions that a person has open.

use std::collections::BTreeMap;

use nines_model::Timestamp;

use super::sign_in::Origin;
use super::{Access, SignedIn};
use crate::{
    AccessError, Account, AccountId, Action, Actor, Digest, Factors, Grant, Resource, Role, Secret, Session,
    SessionId, Via, authorize, password, totp,
};

/// Shorter ones are guessed; there are no rules besides (NIST SP 800-63B, 5.1.1).
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longer ones only cost time.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// For the days on which the phone is at home.
pub const RECOVERY_CODES: usize = 10;
/// Two requests about one account at once: then one of them looks again.
const RACES_MAX: usize = 8;
/// As apps show it.
const ISSUER: &str = "Nines";

/// What an account can sign in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonSecurity {
    pub account: Account,
    pub has_password: bool,
    pub has_totp: bool,
    pub recovery_codes_left: usize,
}

/// A second factor that is not confirmed yet.
#[derive(Debug)]
pub struct TotpEnrolment {
    /// To be typed where no picture can be taken.
    pub secret: Secret,
    /// `otpauth://…`, for the picture.
    pub uri: Secret,
}

/// What an identity provider says of somebody.
#[derive(Debug, Clone, Copy)]
pub struct Vouched<'a> {
    /// Never given to anybody else.
    pub subject: &'a str,
    pub name: &'a str,
    pub role: Role,
    /// The account's teams from now on; `None` leaves them to this node.
    pub teams: Option<&'a BTreeMap<String, Role>>,
    /// They showed more than one factor there.
    pub second_factor: bool,
}

impl Access {
    /// Exchanges a name and a password, and a one-time or recovery code where the account asks for one, for a session.
    ///
    /// # Errors
    /// [`AccessError::SecondFactor`] only after the right password: nobody learns who has a second factor.
    pub async fn sign_in_with_password(
        &self,
        name: &str,
        given: &str,
        code: Option<&str>,
        origin: &Origin<'_>,
    ) -> Result<SignedIn, AccessError> {
        let now = self.inner.clock.now();
        if let Some(wait) = self.inner.throttle.wait(origin.address, now) {
            return Err(AccessError::Throttled { wait });
        }
        let account = self.account_named(name).await.ok();
        if let Some(account) = &account
            && let Some(wait) = self.inner.lockout.wait(&account.id, origin.address, now)
        {
            return Err(AccessError::Throttled { wait });
        }
        let factors = match &account {
            Some(account) => self.inner.repository.factors(&account.id).await?,
            None => Factors::default(),
        };
        // Something is always computed, so that the time does not tell whether there is such an account.
        let is_right = self.is_password(factors.password.as_deref(), given).await?;
        let Some(account) = account.filter(|_| is_right) else {
            if let Ok(account) = self.account_named(name).await {
                self.inner.lockout.record_failure(&account.id, origin.address, now);
            }
            return Err(self.bad_credentials("name or password", origin.address, now));
        };
        let second_factor = self.show_code(&account, &factors, code, origin).await?;
        self.inner.lockout.forget(&account.id, origin.address);
        self.open_account_session(&account, second_factor, origin).await
    }

    /// Asks for a code where the account wants one, and spends it. Gives whether there was one.
    pub(super) async fn show_code(
        &self,
        account: &Account,
        factors: &Factors,
        code: Option<&str>,
        origin: &Origin<'_>,
    ) -> Result<bool, AccessError> {
        if !factors.needs_code() {
            return Ok(false);
        }
        let now = self.inner.clock.now();
        self.check_lockout(&account.id, origin, now)?;
        let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
            return Err(AccessError::SecondFactor);
        };
        if !self.use_code(&account.id, code).await? {
            self.inner.lockout.record_failure(&account.id, origin.address, now);
            return Err(self.bad_credentials("one-time code", origin.address, now));
        }
        Ok(true)
    }

    /// Takes the second factor away from somebody who lost phone and recovery codes, and ends their sessions: for an
    /// administrator of at least their role. False if there was none.
    pub async fn reset_second_factor(&self, actor: &Actor, id: &AccountId) -> Result<bool, AccessError> {
        let account = self.inner.repository.account(id).await?;
        let grant = account.as_ref().map_or(Grant::Nothing, |account| Grant::Role(account.role));
        authorize(actor, Action::ResetFactor, &Resource::Holder { grant }).into_result()?;
        let account = account.ok_or_else(|| AccessError::NotFound { what: "account", id: id.to_string() })?;
        let had = self.inner.repository.factors(&account.id).await?.needs_code();
        self.forget_totp(&account.id).await?;
        if had {
            self.end_other_sessions(actor, &account.id).await?;
        }
        Ok(had)
    }

    /// Sets the caller's password, and ends their other sessions. One that is set has to be shown.
    pub async fn set_password(
        &self,
        actor: &Actor,
        current: Option<&str>,
        new: &str,
        origin: &Origin<'_>,
    ) -> Result<(), AccessError> {
        let account = self.own_account(actor).await?;
        let is_long_enough = new.chars().count() >= PASSWORD_CHARS_MIN && new.len() <= PASSWORD_BYTES_MAX;
        if !is_long_enough || new.trim().eq_ignore_ascii_case(&account.name) {
            return Err(AccessError::WeakPassword { least: PASSWORD_CHARS_MIN });
        }
        let factors = self.inner.repository.factors(&account.id).await?;
        if factors.password.is_some() {
            self.check_password(&account, &factors, current.unwrap_or_default(), origin).await?;
        }
        let hash = self.hashed(new).await?;
        self.change(&account.id, |factors| {
            factors.password = Some(hash.clone());
            Some(())
        })
        .await?;
        self.end_other_sessions(actor, &account.id).await
    }

    /// What the caller can sign in with.
    pub async fn security(&self, actor: &Actor) -> Result<PersonSecurity, AccessError> {
        let account = self.own_account(actor).await?;
        let factors = self.inner.repository.factors(&account.id).await?;
        Ok(PersonSecurity {
            account,
            has_password: factors.password.is_some(),
            has_totp: factors.needs_code(),
            recovery_codes_left: if factors.needs_code() { factors.recovery.len() } else { 0 },
        })
    }

    /// Begins a second factor. It counts once a code of it was shown to [`Access::confirm_totp`].
    pub async fn enrol_totp(&self, actor: &Actor) -> Result<TotpEnrolment, AccessError> {
        let account = self.own_account(actor).await?;
        let sealer = self.inner.sealer.as_ref().ok_or(AccessError::NoSealer)?;
        let secret = totp::random_secret(&self.inner.random);
        let sealed = sealer.seal(&account.id.0, &totp::base32(&secret));
        let begun = self.change(&account.id, |factors| {
            if factors.needs_code() {
                return None;
            }
            factors.totp = Some(sealed.clone());
            (factors.is_totp_confirmed, factors.totp_step) = (false, 0);
            Some(())
        });
        if begun.await?.is_none() {
            return Err(AccessError::HasSecondFactor);
        }
        Ok(TotpEnrolment {
            secret: Secret::from_text(&totp::base32(&secret)),
            uri: Secret::from_text(&totp::uri(ISSUER, &account.name, &secret)),
        })
    }

    /// Makes a begun second factor count, and gives the recovery codes, this once.
    pub async fn confirm_totp(
        &self,
        actor: &Actor,
        code: &str,
        origin: &Origin<'_>,
    ) -> Result<Vec<Secret>, AccessError> {
        let account = self.own_account(actor).await?;
        let now = self.inner.clock.now();
        self.check_lockout(&account.id, origin, now)?;
        let codes: Vec<Secret> =
            (0..RECOVERY_CODES).map(|_| Secret::random_recovery(&self.inner.random)).collect();
        let confirmed = self.change(&account.id, |factors| {
            if factors.is_totp_confirmed {
                return None;
            }
            let step = self.step_of(&account.id, factors, code, now)?;
            (factors.is_totp_confirmed, factors.totp_step) = (true, step);
            factors.recovery = codes.iter().map(Secret::digest).collect();
            Some(())
        });
        if confirmed.await?.is_none() {
            self.inner.lockout.record_failure(&account.id, origin.address, now);
            return Err(AccessError::WrongCode);
        }
        self.end_other_sessions(actor, &account.id).await?;
        Ok(codes)
    }

    /// Takes the second factor away; a code of it has to be shown.
    pub async fn remove_totp(
        &self,
        actor: &Actor,
        code: &str,
        origin: &Origin<'_>,
    ) -> Result<(), AccessError> {
        let account = self.own_account(actor).await?;
        let now = self.inner.clock.now();
        self.check_lockout(&account.id, origin, now)?;
        if !self.use_code(&account.id, code.trim()).await? {
            self.inner.lockout.record_failure(&account.id, origin.address, now);
            return Err(AccessError::WrongCode);
        }
        self.forget_totp(&account.id).await
    }

    /// The caller's open sessions, the newest first; for administrators everybody's, with `all`.
    pub async fn sessions(&self, actor: &Actor, all: bool) -> Result<Vec<Session>, AccessError> {
        let now = self.inner.clock.now();
        let mut sessions = if all {
            authorize(actor, Action::ReadAccounts, &Resource::Node).into_result()?;
            self.inner.repository.sessions(None).await?
        } else {
            let account = self.own_account(actor).await?;
            self.inner.repository.sessions(Some(&account.id)).await?
        };
        sessions.retain(|session| now < session.expires_at);
        Ok(sessions)
    }

    /// Ends a session of the caller's own account, or as an administrator anybody's.
    pub async fn revoke_session(&self, actor: &Actor, id: &SessionId) -> Result<(), AccessError> {
        let own = match actor.account() {
            Some(account) => self.inner.repository.sessions(Some(&account)).await?,
            None => Vec::new(),
        };
        if own.iter().any(|session| session.id == *id) {
            self.inner.repository.delete_session(id).await?;
            return Ok(());
        }
        // Whether there is such a session is no business of those who may not end it.
        let may = authorize(actor, Action::EndSession, &Resource::Session { id: id.clone() }).into_result();
        if may.is_ok() && self.inner.repository.delete_session(id).await? {
            return Ok(());
        }
        Err(AccessError::NotFound { what: "session", id: id.to_string() })
    }

    /// Signs in whom an identity provider vouches for, under a subject that it never gives to anybody else. The first
    /// time makes an account; it never takes over one that somebody else made, whatever the names are. With `teams` the
    /// account's teams are these and no others from now on.
    pub async fn sign_in_with_subject(
        &self,
        vouched: &Vouched<'_>,
        origin: &Origin<'_>,
    ) -> Result<SignedIn, AccessError> {
        let Vouched { subject, name, role, teams, second_factor } = *vouched;
        let repository = &self.inner.repository;
        let now = self.inner.clock.now();
        let account = match repository.account_by_subject(subject).await? {
            Some(account) if account.disabled_at.is_some() => {
                return Err(self.bad_credentials("account", origin.address, now));
            }
            Some(account) if account.role == role => account,
            Some(account) => {
                repository.set_role(&account.id, role).await?;
                Account { role, ..account }
            }
            None => {
                let id = AccountId(self.inner.random.uuid(now).to_string());
                let name = super::manage::checked_name(name)?;
                let account = Account { id, name, role, created_at: now, disabled_at: None };
                match repository.insert_subject_account(&account, subject).await {
                    Err(crate::RepositoryError::Conflict { .. }) => {
                        return Err(AccessError::NameTaken { name: account.name });
                    }
                    other => other?,
                }
                account
            }
        };
        if let Some(teams) = teams {
            self.be_in(&account.id, teams).await?;
        }
        self.open_account_session(&account, second_factor, origin).await
    }

    async fn forget_totp(&self, account: &AccountId) -> Result<(), AccessError> {
        self.change(account, |factors| {
            (factors.totp, factors.is_totp_confirmed) = (None, false);
            factors.recovery.clear();
            Some(())
        })
        .await?;
        Ok(())
    }

    async fn own_account(&self, actor: &Actor) -> Result<Account, AccessError> {
        let account = match actor.account() {
            Some(id) => self.inner.repository.account(&id).await?,
            None => None,
        };
        account.filter(|account| account.disabled_at.is_none()).ok_or(AccessError::NoAccount)
    }

    async fn end_other_sessions(&self, actor: &Actor, account: &AccountId) -> Result<(), AccessError> {
        for session in self.inner.repository.sessions(Some(account)).await? {
            if actor.via != Via::Session(session.id.clone()) {
                self.inner.repository.delete_session(&session.id).await?;
            }
        }
        Ok(())
    }

    fn check_lockout(
        &self,
        account: &AccountId,
        origin: &Origin<'_>,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        match self.inner.lockout.wait(account, origin.address, now) {
            Some(wait) => Err(AccessError::Throttled { wait }),
            None => Ok(()),
        }
    }

    async fn check_password(
        &self,
        account: &Account,
        factors: &Factors,
        given: &str,
        origin: &Origin<'_>,
    ) -> Result<(), AccessError> {
        let now = self.inner.clock.now();
        self.check_lockout(&account.id, origin, now)?;
        if self.is_password(factors.password.as_deref(), given).await? {
            return Ok(());
        }
        self.inner.lockout.record_failure(&account.id, origin.address, now);
        Err(AccessError::WrongPassword)
    }

    /// Spends a one-time or recovery code.
    async fn use_code(&self, account: &AccountId, code: &str) -> Result<bool, AccessError> {
        let now = self.inner.clock.now();
        let recovery = Digest::of(&code.to_lowercase());
        let used = self.change(account, |factors| {
            if let Some(step) = self.step_of(account, factors, code, now) {
                factors.totp_step = step;
                return Some(());
            }
            let place = factors.recovery.iter().position(|known| *known == recovery)?;
            factors.recovery.remove(place);
            Some(())
        });
        Ok(used.await?.is_some())
    }

    fn step_of(&self, account: &AccountId, factors: &Factors, code: &str, now: Timestamp) -> Option<i64> {
        let sealed = factors.totp.as_deref()?;
        let secret = self.inner.sealer.as_ref()?.open(&account.0, sealed).ok()?;
        totp::matching_step(&totp::from_base32(&secret)?, code, now, factors.totp_step)
    }

    /// Changes factors by a function that may decline. Two changes at once come one after the other.
    async fn change<T>(
        &self,
        account: &AccountId,
        change: impl Fn(&mut Factors) -> Option<T>,
    ) -> Result<Option<T>, AccessError> {
        for _ in 0..RACES_MAX {
            let mut factors = self.inner.repository.factors(account).await?;
            let from = factors.revision;
            let Some(done) = change(&mut factors) else { return Ok(None) };
            factors.revision = from + 1;
            if self.inner.repository.swap_factors(account, from, &factors).await? {
                return Ok(Some(done));
            }
        }
        Err(AccessError::Busy)
    }

    async fn is_password(&self, stored: Option<&str>, given: &str) -> Result<bool, AccessError> {
        if given.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let (stored, given) = (stored.map(str::to_owned), Secret::from_text(given));
        self.slowly(move || password::verify(stored.as_deref(), given.expose())).await
    }

    async fn hashed(&self, given: &str) -> Result<String, AccessError> {
        let (given, salt) = (Secret::from_text(given), self.inner.random.bytes());
        self.slowly(move || password::hash(given.expose(), &salt)).await
    }

    /// Runs a slow hash off the async threads, a few at a time.
    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccessError> {
        let _turn = self.inner.hashing.acquire().await.map_err(|_| AccessError::Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| AccessError::Busy)
    }
}
