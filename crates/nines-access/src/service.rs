//! The service that handlers call: who is this, may they, sign in, sign out, make and revoke.

mod device;
mod first_run;
mod manage;
mod people;
mod sign_in;
mod teams;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use nines_base::{Random, SharedClock};
use nines_model::Timestamp;
use nines_secrets::Sealer;

use crate::holder_cache::HolderCache;
use crate::key_cache::KeyCache;
use crate::lockout::Lockout;
use crate::secret::key_id;
use crate::throttle::Throttle;
use crate::{
    AccessError, Account, AccountId, Action, Actor, Bounds, Digest, Grant, Key, KeyId, Person, Repository,
    Resource, Role, Secret, Session, Teams, Via, authorize,
};

use device::Devices;
pub use device::{DEVICE_CODE_TTL, DEVICE_POLL_PAUSE, DeviceCode, DeviceRequest, DeviceToken};
pub use first_run::FirstRun;
pub use manage::{GRACE_DEFAULT, GRACE_MAX, Invitation, IssuedKey};
pub use people::{PersonSecurity, TotpEnrolment, Vouched};
pub use sign_in::{Origin, SignedIn, clear_cookie, session_cookie};
pub use teams::{TEAMS_PER_ACCOUNT_MAX, TeamMember};

/// A working day with its hand-over; then sign in again.
pub const SESSION_TTL: Duration = Duration::from_secs(12 * 3600);
/// How long a one-time link waits to be used. The first start's can be made anew at each start.
pub const LINK_TTL: Duration = Duration::from_secs(24 * 3600);
/// Slow hashes that are computed at once: each takes 19 MiB and a core for some tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;

#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Seals the secrets of second factors.
    pub sealer: Option<Sealer>,
    /// Callers without credentials may send telemetry. Only ever by explicit configuration.
    pub anonymous_ingest: bool,
}

/// Accounts, keys and sessions of this node. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    repository: Arc<dyn Repository>,
    clock: SharedClock,
    random: Random,
    config: Config,
    keys: KeyCache,
    accounts: HolderCache<AccountId, Arc<(Account, Teams)>>,
    sessions: HolderCache<Digest, Arc<Session>>,
    throttle: Throttle,
    lockout: Lockout,
    devices: Devices,
    hashing: tokio::sync::Semaphore,
    /// What the secrets of second factors are sealed by. Without it nobody can enrol one.
    sealer: Option<Sealer>,
}

/// What a request shows of its sender.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The `authorization` header or gRPC metadata: `Bearer nin_…`. Wins over the cookie.
    pub authorization: Option<&'a str>,
    /// The `cookie` header, whole.
    pub cookie: Option<&'a str>,
    /// The `x-nines-csrf` header.
    pub csrf: Option<&'a str>,
    /// Whether the method may change something (all but GET, HEAD and OPTIONS). Such a request by cookie needs the
    /// csrf token.
    pub is_unsafe: bool,
    /// The peer, for the throttle. Not a header that the peer can write.
    pub address: IpAddr,
}

/// Who calls, and for a session what its page needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    pub actor: Actor,
    pub session: Option<SessionInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    pub csrf_token: String,
    pub expires_at: Timestamp,
}

impl Access {
    pub fn new(repository: Arc<dyn Repository>, clock: SharedClock, random: Random, config: Config) -> Self {
        let inner = Inner {
            repository,
            clock,
            random,
            sealer: config.sealer.clone(),
            config,
            keys: KeyCache::default(),
            accounts: HolderCache::default(),
            sessions: HolderCache::default(),
            throttle: Throttle::default(),
            lockout: Lockout::default(),
            devices: Devices::default(),
            hashing: tokio::sync::Semaphore::new(HASHES_AT_ONCE),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Who is calling. No credentials make an anonymous actor; wrong ones are an error, so that a typo is not taken
    /// for a choice. Routes that are public do not ask: an expired cookie must not hide the page to sign in on.
    ///
    /// Costs lookups in memory for what was used in the last seconds, unless something was written about anybody since, so
    /// that what was taken away holds at once; else up to three reads of the store.
    pub async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Authenticated, AccessError> {
        if let Some(header) = credentials.authorization {
            let text = bearer(header).ok_or(AccessError::BadCredentials { what: "authorization header" })?;
            let key = self.verify_key(text, credentials.address).await?;
            let held = self.held_by_key(&key).await?;
            let mut actor = held.actor(Via::Key(key.id.clone()));
            actor.from = Some(credentials.address);
            return Ok(Authenticated { actor, session: None });
        }
        match credentials.cookie.and_then(sign_in::cookie_value) {
            Some(token) => self.authenticate_session(token, credentials).await,
            None => {
                let actor = Actor::anonymous(self.inner.config.anonymous_ingest);
                Ok(Authenticated { actor, session: None })
            }
        }
    }

    async fn authenticate_session(
        &self,
        token: &str,
        credentials: &Credentials<'_>,
    ) -> Result<Authenticated, AccessError> {
        let now = self.inner.clock.now();
        let token = Secret::from_text(token);
        let session = self.session(token.digest(), now).await?;
        let holder = match session {
            Some(session) if now < session.expires_at => {
                self.holder(&session, now).await?.map(|it| (session, it))
            }
            _ => None,
        };
        // Not counted as a failed attempt: every open page of an expired session asks again.
        let Some((session, held)) = holder else {
            return Err(AccessError::BadCredentials { what: "session" });
        };
        let csrf_token = sign_in::csrf_token(&token);
        if credentials.is_unsafe {
            let sent = credentials.csrf.map(Digest::of);
            if sent != Some(Digest::of(&csrf_token)) {
                return Err(AccessError::Csrf);
            }
        }
        let mut actor = held.actor(Via::Session(session.id.clone()));
        actor.second_factor = session.second_factor;
        actor.from = Some(credentials.address);
        Ok(Authenticated { actor, session: Some(SessionInfo { csrf_token, expires_at: session.expires_at }) })
    }

    /// Who is behind a session, as they are now; `None` if account or key are gone.
    async fn holder(&self, session: &Session, now: Timestamp) -> Result<Option<Held>, AccessError> {
        if let Some(id) = &session.account {
            let account = self.account(id).await?;
            return Ok(account.filter(|known| known.0.disabled_at.is_none()).map(|known| Held::of(&known)));
        }
        let Some(id) = &session.key else { return Ok(None) };
        match self.inner.repository.key(id).await?.filter(|key| key.is_good_at(now)) {
            Some(key) => self.held_by_key(&key).await.map(Some),
            None => Ok(None),
        }
    }

    /// What somebody may do now whose name stands under something that they left behind, such as a document. `None` if
    /// nobody has that name any more, or if it could mean holders who may do different things: a name is no proof, so
    /// where an account and keys share one, all of them, past ones too, must be the same person with the same grant.
    pub async fn holder_named(&self, name: &str) -> Result<Option<Actor>, AccessError> {
        let now = self.inner.clock.now();
        let accounts = self.inner.repository.accounts().await?;
        let account = accounts.into_iter().find(|account| account.name.eq_ignore_ascii_case(name));
        let keys = self.inner.repository.keys().await?;
        let keys: Vec<Key> = keys.into_iter().filter(|key| key.name.eq_ignore_ascii_case(name)).collect();
        let is_same = |one: &Key, other: &Key| {
            (one.grant, &one.bounds, &one.account) == (other.grant, &other.bounds, &other.account)
        };
        if keys.windows(2).any(|pair| !is_same(&pair[0], &pair[1])) {
            return Ok(None);
        }
        if let Some(account) = account {
            let is_its = |key: &Key| {
                key.account.as_ref() == Some(&account.id)
                    && key.grant == Grant::Role(account.role)
                    && key.bounds.is_none()
            };
            if account.disabled_at.is_some() || !keys.iter().all(is_its) {
                return Ok(None);
            }
            let teams = self.teams_of(&account.id).await?;
            return Ok(Some(Held::of(&(account, teams)).actor(Via::System)));
        }
        match keys.iter().find(|key| key.is_good_at(now)) {
            Some(key) => Ok(Some(self.held_by_key(key).await?.actor(Via::System))),
            None => Ok(None),
        }
    }

    /// What a key opens. One that is kept to a team opens nothing beyond it; one with all that its account may do
    /// everywhere opens that account's teams too.
    async fn held_by_key(&self, key: &Key) -> Result<Held, AccessError> {
        let (mut grant, mut teams) = (key.grant, Teams::default());
        match (&key.bounds.team, &key.account, key.grant) {
            (Some(team), _, Grant::Role(role)) => {
                grant = Grant::Role(Role::Member);
                teams = Arc::new([(team.clone(), role)].into());
            }
            // What it sends counts for the team. It opens nothing there.
            (Some(_), _, Grant::Ingest) => {}
            (Some(_), _, Grant::Nothing) => {}
            (None, Some(id), Grant::Role(role)) => {
                if let Some(known) = self.account(id).await?
                    && known.0.role == role
                    && known.0.disabled_at.is_none()
                {
                    teams = Arc::clone(&known.1);
                }
            }
            (None, ..) => {}
        }
        Ok(Held::by(key, grant, teams))
    }

    /// The session that this is the digest of, which may have expired.
    async fn session(&self, digest: Digest, now: Timestamp) -> Result<Option<Arc<Session>>, AccessError> {
        let generation = self.inner.repository.generation();
        if let Some(known) = self.inner.sessions.get(&digest, generation, now) {
            return Ok(Some(known));
        }
        let Some(session) = self.inner.repository.session(&digest).await?.map(Arc::new) else {
            return Ok(None);
        };
        self.inner.sessions.put(digest, Arc::clone(&session), generation, now);
        Ok(Some(session))
    }

    /// An account with its teams, as they are now.
    async fn account(&self, id: &AccountId) -> Result<Option<Arc<(Account, Teams)>>, AccessError> {
        let (generation, now) = (self.inner.repository.generation(), self.inner.clock.now());
        if let Some(known) = self.inner.accounts.get(id, generation, now) {
            return Ok(Some(known));
        }
        let Some(account) = self.inner.repository.account(id).await? else { return Ok(None) };
        let known = Arc::new((account, self.teams_of(id).await?));
        self.inner.accounts.put(id.clone(), Arc::clone(&known), generation, now);
        Ok(Some(known))
    }

    async fn teams_of(&self, account: &AccountId) -> Result<Teams, AccessError> {
        let memberships = self.inner.repository.memberships(Some(account)).await?;
        Ok(Arc::new(memberships.into_iter().map(|member| (member.team, member.role)).collect()))
    }

    /// The key that this text is, if it is a good one.
    async fn verify_key(&self, text: &str, address: IpAddr) -> Result<Arc<Key>, AccessError> {
        let now = self.inner.clock.now();
        let digest = Digest::of(text);
        let is_it = |key: &Key| key.digest == digest && key.is_good_at(now);
        let Some(id) = key_id(text) else { return Err(self.bad_credentials("key", address, now)) };
        if let Some(known) = self.inner.keys.used(id, &digest, now) {
            self.check_rate(&known.key, now)?;
            return Ok(known.key);
        }
        let id = KeyId(id.to_owned());
        let Some(key) = self.inner.repository.key(&id).await?.filter(is_it).map(Arc::new) else {
            return Err(self.bad_credentials("key", address, now));
        };
        self.check_rate(&key, now)?;
        self.inner.keys.insert(Arc::clone(&key), Sender::by(&key), now);
        Ok(key)
    }

    /// Who sends telemetry by this key, if that can be told from memory: a key for sending and nothing else, used in the
    /// last seconds. `None` says nothing about the key: [`Access::authenticate`] has to look.
    ///
    /// # Errors
    /// The key's rate is used up.
    pub fn known_sender(&self, key: &str) -> Option<Result<Sender, AccessError>> {
        let now = self.inner.clock.now();
        let known = self.inner.keys.used(key_id(key)?, &Digest::of(key), now)?;
        let sender = known.sender?;
        Some(self.check_rate(&known.key, now).map(|()| sender))
    }

    /// Counts a call of a key that may only make so many.
    fn check_rate(&self, key: &Key, now: Timestamp) -> Result<(), AccessError> {
        let Some(limit) = key.bounds.rate_per_minute else { return Ok(()) };
        match self.inner.keys.count(&key.id, limit, now) {
            Some(wait) => Err(AccessError::TooFast { limit, wait }),
            None => Ok(()),
        }
    }

    /// Counts a failed attempt and gives its answer: wrong, or wrong too often. Good credentials are never made to
    /// wait: with 256 random bits nobody guesses one, and a broken agent must not lock out the people beside it.
    fn bad_credentials(&self, what: &'static str, address: IpAddr, now: Timestamp) -> AccessError {
        if let Some(wait) = self.inner.throttle.wait(address, now) {
            return AccessError::Throttled { wait };
        }
        self.inner.throttle.record_failure(address, now);
        tracing::info!(%address, what, "refused credentials");
        AccessError::BadCredentials { what }
    }

    /// One round of housekeeping: writes down when keys were last used and removes what expired. Idempotent; run it
    /// once a minute and when stopping.
    pub async fn tick(&self) -> Result<(), AccessError> {
        let used = self.inner.keys.take_used();
        if !used.is_empty() {
            self.inner.repository.touch_keys(&used).await?;
        }
        let removed = self.inner.repository.delete_expired(self.inner.clock.now()).await?;
        if removed > 0 {
            tracing::debug!(removed, "removed expired sessions and links");
        }
        Ok(())
    }
}

/// Who sends telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// What they send counts for it.
    pub team: Option<Arc<str>>,
}

impl Sender {
    /// Only of a key whose rights depend on nothing else, so that they need not be looked up again.
    fn by(key: &Key) -> Option<Self> {
        if key.grant != Grant::Ingest {
            return None;
        }
        let actor = Held::by(key, key.grant, Teams::default()).actor(Via::Key(key.id.clone()));
        let decision = authorize(&actor, Action::SendTelemetry, &Resource::Node);
        decision.is_allowed().then(|| Self { team: key.bounds.team.as_deref().map(Arc::from) })
    }
}

/// What a credential opens.
struct Held {
    name: String,
    grant: Grant,
    teams: Teams,
    person: Option<Person>,
    bounds: Option<Arc<Bounds>>,
}

impl Held {
    fn of((account, teams): &(Account, Teams)) -> Self {
        Self {
            name: account.name.clone(),
            grant: Grant::Role(account.role),
            teams: Arc::clone(teams),
            person: Some(Person { id: account.id.0.clone(), key_maker: None }),
            bounds: None,
        }
    }

    fn by(key: &Key, grant: Grant, teams: Teams) -> Self {
        let bounds = (!key.bounds.is_none()).then(|| Arc::new(key.bounds.clone()));
        Self { name: key.name.clone(), grant, teams, person: key.person(), bounds }
    }

    fn actor(self, via: Via) -> Actor {
        let Self { name, grant, teams, person, bounds } = self;
        Actor { name, grant, teams, via, person, bounds, second_factor: false, from: None }
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
