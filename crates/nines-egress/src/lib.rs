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
//!
//! Who dials out, and by whose word. A house test knows the crates and the files that can; one that is new has to come here.
//!
//! | who | by whose word | how |
//! |---|---|---|
//! | webhooks, Slack, chat, SNS, status page subscribers | editors, subscribers | [`Egress::send`] |
//! | push services of browsers | whoever is signed in, for their own browser | [`Egress::send`] |
//! | e-mail | editors | [`Egress::resolve`], then SMTP to one of those addresses |
//! | identity providers (OIDC) | the administrator | [`Egress::send`] |
//! | probes: HTTP, TCP, TLS, DNS, ICMP | editors | [`Egress::resolve`], then a connection to one of those addresses |
//! | scraping and its discovery over HTTP | editors | [`Egress::send`], with a policy of its own: near targets are its purpose |
//! | AWS: actions, inventory, KMS | the administrator | [`Egress::send`]; metadata addresses for credentials alone |
//! | discovery by DNS | the machine | the name servers of `resolv.conf`, over UDP and TCP |
//! | the object store (`--object-store`) | whoever starts the node | its own client; no text of a document gets there |
//! | the client, `nines import`, the agent and the demo | whoever runs them | [`Egress::send`], loopback allowed |
//! | a pair: the other node (`--pair-peer`) | whoever starts the node | [`Egress::send`], with a policy of its own: any address |
//! | a pair: PostgreSQL (`--pair`) | whoever starts the node | its own client; no text of a document gets there |
//! | this node's own addresses, for those that are never blocked | whoever starts the node | one look-up of the public URL's host; no connection |

mod address;
mod client;
mod error;
mod resolve;

pub use address::{Policy, Refusal};
pub use client::{Config, Egress, Request, Response};
pub use error::EgressError;
pub use ipnet::IpNet;
pub use resolve::{Lookup, SystemLookup};
