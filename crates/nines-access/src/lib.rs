//! Who may do what: accounts, keys, sessions and the one authorisation decision.
//!
//! Words introduced here
//! - **Role**: what a person may do, each role including the one before ([`Role`]).
//! - **Grant**: what a credential may do: a role, or only to send telemetry, or nothing ([`Grant`]).
//! - **Actor**: whoever calls, authenticated, with the grant in force ([`Actor`]).
//! - **Action** and **resource**: what is asked, and of what. [`ACTIONS`] says, as data, what each action needs;
//!   [`authorize`] is the only function that decides, and denies what it does not know.
//! - **Permit**: the proof of a decision. It cannot be made elsewhere, so a function that asks for one cannot be
//!   called without the question having been put.
//! - **Key**: `nin_<kind>_<id>_<secret>`, for machines and command lines. Shown once; only a hash is stored.
//! - **Session**: a browser signed in, in the server's store and revocable at once; the cookie is its secret.
//! - **Person**: whose eyes look through a credential; four eyes are counted by it ([`Person`]).
//! - **Factors**: what an account proves itself by: a password, one-time codes, recovery codes ([`Factors`]).
//! - **Link**: a one-time token that opens a session of an account: the first start's, or an invitation.
//! - **Audit log**: what was asked and decided, append-only, each entry carrying the hash of the one before.
//! - **Anchor**: where the audit log ended at some time, kept elsewhere ([`Anchor`]).
//!
//! Secrets are 256 random bits, so a plain SHA-256 of them is enough to store: there is nothing to guess, and no
//! slow hash in the way of ingest. What people choose themselves goes through Argon2id. Nothing here has `Debug` or `Display` on a secret.

mod actor;
pub mod anchor;
pub mod audit;
mod authorize;
mod error;
mod factors;
mod holder_cache;
mod key_cache;
mod lockout;
mod password;
mod records;
mod repository;
mod role;
mod secret;
mod service;
mod throttle;
mod totp;

pub mod contract;
mod memory;

pub use actor::{Actor, Person, Teams, Via};
pub use anchor::Anchor;
pub use audit::{AuditEntry, AuditError, AuditLog, AuditQuery, AuditRecord, AuditResult, verify_chain};
pub use authorize::{ACTIONS, Action, Decision, Denial, Permit, Realm, Resource, authorize};
pub use error::{AccessError, RepositoryError};
pub use factors::Factors;
pub use memory::MemoryRepository;
pub use records::{Account, AccountId, Bounds, Key, KeyId, Link, Membership, NewKey, Session, SessionId};
pub use repository::{Repository, SESSIONS_PER_HOLDER_MAX};
pub use role::{Exposure, Grant, Role, RouteAccess, Standing, UnknownRole};
pub use secret::{Digest, Secret};
pub use service::{
    Access, Authenticated, Config, Credentials, DEVICE_CODE_TTL, DEVICE_POLL_PAUSE, DeviceCode,
    DeviceRequest, DeviceToken, FirstRun, GRACE_DEFAULT, GRACE_MAX, Invitation, IssuedKey, LINK_TTL, Origin,
    PersonSecurity, SESSION_TTL, Sender, SessionInfo, SignedIn, TEAMS_PER_ACCOUNT_MAX, TeamMember,
    TotpEnrolment, Vouched, clear_cookie, session_cookie,
};
