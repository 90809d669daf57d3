//! People: accounts, what they sign in with, their sessions, and terminals that sign in through a browser.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Account {
    pub id: String,
    pub name: String,
    /// `member`, `viewer`, `responder`, `editor`, `admin`, `owner`.
    pub role: String,
    pub created_at: Time,
    pub disabled: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccountsResponse {
    /// By name.
    pub accounts: Vec<Account>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InviteRequest {
    pub name: String,
    pub role: String,
}

/// An account and the link that signs its owner in, once, within a day.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Invited {
    pub account: Account,
    pub link: String,
}

/// The caller.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Me {
    pub account: Account,
    pub has_password: bool,
    /// One-time codes are asked for.
    pub has_totp: bool,
    pub recovery_codes_left: usize,
}

#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordRequest {
    /// The one that is set now, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// At least twelve characters.
    pub new: String,
}

/// A second factor that counts once a code of it was confirmed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TotpBegun {
    /// To be typed where no picture can be taken.
    pub secret: String,
    /// `otpauth://…`, which is what the picture says.
    pub uri: String,
    /// The picture, as SVG.
    pub svg: String,
}

#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct CodeRequest {
    pub code: String,
}

#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// Each is good once. Shown this once.
    pub codes: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenSession {
    pub id: String,
    /// Whose it is, for administrators who look at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Opened by a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub created_at: Time,
    pub expires_at: Time,
    pub address: String,
    /// What the browser called itself.
    pub client: String,
    /// The one that asks.
    pub is_current: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionsResponse {
    /// The newest first.
    pub sessions: Vec<OpenSession>,
}

/// A team, and what those who are in it may do there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Team {
    pub name: String,
    /// No document declares it (any more): its members may do nothing there.
    pub is_declared: bool,
    /// The services that it answers for.
    pub services: Vec<String>,
    /// By name.
    pub members: Vec<Member>,
    /// Whether the caller may change its members.
    pub may_manage: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The account's name.
    pub name: String,
    /// `viewer`, `responder`, `editor`, `admin`.
    pub role: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MemberRequest {
    /// `viewer`, `responder`, `editor`, `admin`.
    pub role: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TeamsResponse {
    /// By name.
    pub teams: Vec<Team>,
}

/// Ways to sign in besides keys, links and passwords.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignInWays {
    /// What the identity provider is called, if there is one: go to `/oidc/start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceRequest {
    /// What the terminal calls itself: shown to the person who confirms.
    #[serde(default)]
    pub client: String,
}

/// As in RFC 8628.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceBegun {
    pub device_code: String,
    /// `ABCD-EFGH`.
    pub user_code: String,
    pub verification_uri: String,
    pub verification_uri_complete: String,
    pub expires_in_secs: u64,
    pub interval_secs: u64,
}

/// What waits to be confirmed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceWaiting {
    pub user_code: String,
    /// Anybody can write anything here.
    pub client: String,
    pub address: String,
    pub asked_at: Time,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceAnswer {
    pub confirm: bool,
}

#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceTokenRequest {
    pub device_code: String,
}

/// A key of the person who confirmed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceKey {
    pub name: String,
    pub role: String,
    /// Shown this once.
    pub secret: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}
