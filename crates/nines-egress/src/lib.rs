//! The one way out: every HTTP call that Nines makes, resolved, checked and bounded.
//!
//! A URL that somebody typed (a webhook, a probe, an identity provider) must not reach what only this machine can
//! reach: loopback, the private network, the cloud's metadata service. Checking the name is not enough, for a name may
//! resolve to anything and to something else a moment later. So [`Egress`] resolves, checks the *addresses*, and
//! connects to one of those that it checked; a literal address in the URL is checked the same way.
//!
//! Words
//! - **Policy** ([`Policy`]): which addresses may be reached. Only globally routable unicast ones, plus what the
//!   administrator allows by network.
//! - **Refused**: an error that says the address is not allowed. It is never retried and never leaves the process.
//!
//! Promises
//! - No connection is opened to an address that the policy refuses, on any hop: redirects are not followed unless asked
//!   for, each hop is checked again, and credentials are dropped when the host changes.
//! - Every call ends: it has a connect timeout and a total one, and a cap on the bytes of the answer.
//! - Proxy settings of the environment are ignored; cookies are not kept; only `http` and `https` are spoken.
//! - An error tells whether the request may have reached the other side ([`EgressError::may_have_been_sent`]), because
//!   that is what makes a repeat a possible duplicate. It never holds the path or query of the URL, which may be secret.

mod address;
mod client;
mod error;
mod resolve;

pub use address::{Policy, Refusal};
pub use client::{Config, Egress, Request, Response};
pub use error::EgressError;
pub use ipnet::IpNet;
pub use resolve::{Lookup, SystemLookup};
