//! Names to addresses, and the check between them and the connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::{EgressError, Policy};

/// Where names are looked up. Replaced in tests by one that lies.
#[async_trait::async_trait]
pub trait Lookup: Send + Sync + 'static {
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The machine's resolver (`getaddrinfo`).
#[derive(Debug, Default)]
pub struct SystemLookup;

#[async_trait::async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Looks up and keeps only what the policy lets through. This is the resolver that the HTTP client connects with, so
/// the address that was checked is the address that is used.
#[derive(Clone)]
pub(crate) struct Guard {
    pub policy: Arc<Policy>,
    pub lookup: Arc<dyn Lookup>,
}

impl Guard {
    /// The addresses of `host` that may be reached: at least one.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, EgressError> {
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return match self.policy.check(address) {
                Ok(()) => Ok(vec![address]),
                Err(refusal) => Err(EgressError::Refused { host: host.to_owned(), address, refusal }),
            };
        }
        let found = self.lookup.lookup(host).await;
        let found = found
            .map_err(|error| EgressError::Resolve { host: host.to_owned(), reason: error.to_string() })?;
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in found {
            match self.policy.check(address) {
                Ok(()) => allowed.push(address),
                Err(refusal) => refused = Some((address, refusal)),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some((address, refusal))) => {
                Err(EgressError::Refused { host: host.to_owned(), address, refusal })
            }
            (true, None) => Err(EgressError::Resolve {
                host: host.to_owned(),
                reason: "the name has no address".to_owned(),
            }),
        }
    }
}

impl reqwest::dns::Resolve for Guard {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = Guard::resolve(&guard, name.as_str()).await?;
            let addresses: reqwest::dns::Addrs =
                Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
