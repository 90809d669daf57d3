//! What an account proves itself by, besides links: a password and a second factor.

use crate::Digest;

/// As stored, one for each account. Changed by [`crate::Repository::swap_factors`] alone, so that a code is used once
/// even if it is sent twice at the same time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Factors {
    /// Counts changes; 0 if nothing was ever stored.
    pub revision: u64,
    /// Argon2id, in the PHC string form.
    pub password: Option<String>,
    /// The sealed secret of the one-time codes.
    pub totp: Option<String>,
    /// Somebody has shown a code of it. Before that it is asked of nobody.
    pub is_totp_confirmed: bool,
    /// The step of the last code that was used; only later ones are good.
    pub totp_step: i64,
    /// Of the codes that are not used yet.
    pub recovery: Vec<Digest>,
}

impl Factors {
    pub fn needs_code(&self) -> bool {
        self.totp.is_some() && self.is_totp_confirmed
    }
}
