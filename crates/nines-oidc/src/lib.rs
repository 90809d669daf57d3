//! Signing in by an identity provider: OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636).
//!
//! Words
//! - **Provider**: who vouches; known by its issuer and found by discovery ([`Provider`]).
//! - **Attempt**: one sign-in that was begun: its state, nonce and verifier, bound to one browser.
//! - **Identity**: whom the provider vouches for, with the subject that it never gives to anybody else ([`Identity`]).
//!
//! Promises
//! - Only RS256, PS256, ES256 and EdDSA are taken; the provider's own keys are asked for, and `none` or a shared secret never.
//! - Issuer, audience, expiry and nonce are checked before anything of a token is believed.
//! - A state is good once, for ten minutes, and only in the browser that began.
//! - Who somebody is follows from issuer and subject alone: an e-mail address or a name never opens an account.
//!
//! Written out here instead of `openidconnect` because `ring`, the HTTP client and the JSON reader are in the tree
//! already: that crate and its own client would have brought some forty others (docs/decisions/0015).

mod attempts;
mod error;
mod jwt;
mod provider;

pub use attempts::{ATTEMPT_TTL, ATTEMPTS_MAX};
pub use error::OidcError;
pub use provider::{Begun, Identity, Provider, ProviderConfig};
