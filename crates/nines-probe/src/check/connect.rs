//! From a name to a connection, with what each step took.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nines_egress::EgressError;
use tokio::net::TcpStream;

use super::{Checker, Fault, Trace, add};
use crate::measurement::FailureKind;
use crate::probe::HostPort;

/// Linux: what connecting answers when this machine has no way to the network at all. They come at once and from here,
/// so they say nothing about the target. ENONET, ENETDOWN, ENETUNREACH, EADDRNOTAVAIL.
const NO_NETWORK: [i32; 4] = [64, 100, 101, 99];
/// What getaddrinfo says when no resolver answered (EAI_AGAIN); a name that does not exist is told otherwise.
const NO_RESOLVER: &str = "Temporary failure in name resolution";

impl Checker {
    /// Addresses that may be reached: at least one.
    pub(super) async fn resolve(&self, host: &str, trace: &mut Trace) -> Result<Vec<IpAddr>, Fault> {
        trace.step = "looking the name up";
        let before = self.clock.monotonic();
        let found = self.egress.resolve(host).await;
        add(&mut trace.phases.resolve, self.clock.monotonic().saturating_sub(before));
        found.map_err(|error| {
            let kind = match &error {
                EgressError::Refused { .. } => FailureKind::Forbidden,
                EgressError::Resolve { reason, .. } if reason.contains(NO_RESOLVER) => FailureKind::NoNetwork,
                _ => FailureKind::Resolve,
            };
            Fault::new(kind, error.to_string())
        })
    }

    /// The first address that takes the connection, in the order of the resolver.
    pub(super) async fn connect(&self, target: &HostPort, trace: &mut Trace) -> Result<TcpStream, Fault> {
        let addresses = self.resolve(&target.host, trace).await?;
        trace.step = "connecting";
        let before = self.clock.monotonic();
        let mut last: Option<(IpAddr, io::Error)> = None;
        for address in addresses {
            trace.facts.address = Some(address);
            match TcpStream::connect(SocketAddr::new(address, target.port)).await {
                Ok(stream) => {
                    add(&mut trace.phases.connect, self.clock.monotonic().saturating_sub(before));
                    // A probe writes little and waits for it.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                // The fault of a target outweighs that of this machine: IPv6 may be missing here and IPv4 be refused.
                Err(error) => match &last {
                    Some((_, worse)) if !is_local(worse) && is_local(&error) => {}
                    _ => last = Some((address, error)),
                },
            }
        }
        add(&mut trace.phases.connect, self.clock.monotonic().saturating_sub(before));
        let (address, error) = last.expect("resolving gives at least one address");
        Err(connect_fault(address, target.port, &error))
    }

    /// Without a trace, for references.
    pub(super) async fn dial(&self, target: &HostPort) -> io::Result<TcpStream> {
        let addresses = self.egress.resolve(&target.host).await.map_err(io::Error::other)?;
        let targets: Vec<_> = addresses.into_iter().map(|ip| SocketAddr::new(ip, target.port)).collect();
        TcpStream::connect(targets.as_slice()).await
    }
}

fn is_local(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| NO_NETWORK.contains(&code))
}

pub(super) fn connect_fault(address: IpAddr, port: u16, error: &io::Error) -> Fault {
    let kind = if is_local(error) { FailureKind::NoNetwork } else { FailureKind::Connect };
    Fault::new(kind, format!("cannot connect to {}: {error}", SocketAddr::new(address, port)))
}

pub(super) fn read_fault(what: &str, error: &io::Error) -> Fault {
    Fault::new(FailureKind::Protocol, format!("{what}: {error}"))
}
