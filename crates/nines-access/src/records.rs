//! What is stored about accounts, keys, sessions and links.

use std::borrow::Borrow;
use std::fmt;

use nines_model::Timestamp;

use crate::{Digest, Grant, Person, Role};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        /// So that maps are asked with text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// A UUIDv7.
    AccountId
);
id!(
    /// The middle part of the key's text; public.
    KeyId
);
id!(
    /// A UUIDv7; not the cookie.
    SessionId
);

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    /// Unique, as it appears on timelines and in the audit log.
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
    /// Set once and for ever: sessions and links of the account stop at once.
    pub disabled_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub id: KeyId,
    pub name: String,
    pub grant: Grant,
    pub digest: Digest,
    pub created_at: Timestamp,
    pub created_by: String,
    /// Whose it is; `None` for a machine's.
    pub account: Option<AccountId>,
    /// The account that made it.
    pub made_by: Option<AccountId>,
    pub bounds: Bounds,
    /// The key in whose place it came; that one goes on for a while.
    pub replaces: Option<KeyId>,
    pub expires_at: Option<Timestamp>,
    /// To the minute or so: written now and then, not per request.
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    pub name: String,
    pub grant: Grant,
    pub expires_at: Option<Timestamp>,
    /// The name of the account that it is for; without one, the maker's.
    pub account: Option<String>,
    pub bounds: Bounds,
}

/// What a key may do less than its grant says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Its grant holds in this team and nowhere else. Of a key for telemetry: what it sends counts against this team's
    /// limits.
    pub team: Option<String>,
    /// In the filter language: the rows of telemetry that it sees. Calls that cannot be narrowed to them are refused.
    pub filter: Option<String>,
    /// Operations on the cloud that it may start: names, `ec2.*` or `runbook/*`. Empty for all.
    pub scopes: Vec<String>,
    /// Calls in a minute; beyond it they are told to wait.
    pub rate_per_minute: Option<u32>,
}

impl Bounds {
    /// Whether nothing is bounded.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A browser signed in, by a link (then it has the account's role, as it is now) or by a key (then the key's grant,
/// for as long as the key lives).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub digest: Digest,
    pub account: Option<AccountId>,
    pub key: Option<KeyId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// From where it was opened.
    pub address: String,
    /// What the browser called itself, clipped; for people to recognise it by.
    pub client: String,
    /// Whether a one-time code was shown when it was opened.
    pub second_factor: bool,
}

/// What an account may do in a team.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    pub account: AccountId,
    /// The name of the team, as documents declare it.
    pub team: String,
    /// One of [`Role::IN_TEAM`].
    pub role: Role,
}

/// A one-time token for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub digest: Digest,
    pub account: AccountId,
    pub expires_at: Timestamp,
}

impl Key {
    pub fn is_good_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// Whose eyes look through this key.
    pub fn person(&self) -> Option<Person> {
        let account = self.account.as_ref()?;
        let key_maker = self.made_by.as_ref().filter(|maker| *maker != account);
        Some(Person { id: account.0.clone(), key_maker: key_maker.map(|maker| maker.0.clone()) })
    }

    /// Kind and id, to recognise the key by; nothing of the secret.
    pub fn prefix(&self) -> String {
        crate::secret::key_prefix(self.grant, &self.id)
    }
}
