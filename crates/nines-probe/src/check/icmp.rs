//! ICMP echo. By a ping socket where the kernel lets this user have one (`net.ipv4.ping_group_range`), else by a raw one
//! where the process may (`CAP_NET_RAW`); otherwise the check says that it is not permitted, and blames nobody.
//! Source: RFC 792, RFC 4443; Linux' ping sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::connect::{connect_fault, read_fault};
use super::{Checker, Fault, Trace};
use crate::measurement::FailureKind;
use crate::probe::IcmpCheck;

const ECHO_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const ECHO_V6: u8 = 128;
const REPLY_V6: u8 = 129;
const HEADER_BYTES: usize = 8;
/// Enough that no other ping has the same.
const PAYLOAD_BYTES: usize = 16;

impl Checker {
    pub(super) async fn icmp(&self, check: &IcmpCheck, trace: &mut Trace) -> Result<(), Fault> {
        let addresses = self.resolve(&check.host, trace).await?;
        let address = addresses[0];
        trace.facts.address = Some(address);
        trace.step = "waiting for the echo";
        let socket = open(address).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Fault::new(
                FailureKind::NotPermitted,
                "this machine does not let the probe ping: widen net.ipv4.ping_group_range, or grant CAP_NET_RAW",
            ),
            _ => connect_fault(address, 0, &error),
        })?;
        let payload: [u8; PAYLOAD_BYTES] = self.random.bytes();
        let identifier = self.random.next_u64() as u16;
        let before = self.clock.monotonic();
        socket
            .connect(SocketAddr::new(address, 0))
            .await
            .map_err(|error| connect_fault(address, 0, &error))?;
        let sent = socket.send(&echo(address, identifier, &payload)).await;
        sent.map_err(|error| connect_fault(address, 0, &error))?;
        let mut buffer = [0; 1500];
        loop {
            let read = socket.recv(&mut buffer).await.map_err(|error| read_fault("no echo", &error))?;
            if is_reply(address, &buffer[..read], &payload) {
                trace.phases.process = Some(self.clock.monotonic().saturating_sub(before));
                return Ok(());
            }
        }
    }
}

fn open(address: IpAddr) -> io::Result<UdpSocket> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))
        .or_else(|_| Socket::new(domain, Type::from(SOCK_RAW), Some(protocol)))?;
    socket.set_nonblocking(true)?;
    // Both kinds of socket send and receive datagrams, which is all that is done with it.
    UdpSocket::from_std(std::net::UdpSocket::from(socket))
}

/// `socket2` names it behind a feature that nothing else here needs.
const SOCK_RAW: i32 = 3;

fn echo(address: IpAddr, identifier: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![if address.is_ipv4() { ECHO_V4 } else { ECHO_V6 }, 0, 0, 0];
    packet.extend_from_slice(&identifier.to_be_bytes());
    packet.extend_from_slice(&1_u16.to_be_bytes());
    packet.extend_from_slice(payload);
    if address.is_ipv4() {
        // The kernel does it for IPv6, whose sum covers the addresses too.
        let sum = checksum(&packet).to_be_bytes();
        packet[2..4].copy_from_slice(&sum);
    }
    packet
}

/// RFC 1071. The packets here have an even number of bytes.
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded + (folded >> 16)) as u16)
}

fn is_reply(address: IpAddr, packet: &[u8], payload: &[u8]) -> bool {
    let wanted = if address.is_ipv4() { REPLY_V4 } else { REPLY_V6 };
    let is_it =
        |message: &[u8]| message.first() == Some(&wanted) && message.get(HEADER_BYTES..) == Some(payload);
    // A raw socket of IPv4 gives the header of the packet too; its length is in its first byte.
    let header = packet.first().filter(|byte| **byte >> 4 == 4).map(|byte| usize::from(byte & 15) * 4);
    is_it(packet) || (address.is_ipv4() && header.and_then(|header| packet.get(header..)).is_some_and(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_known_by_its_payload() {
        let address: IpAddr = [192, 0, 2, 1].into();
        let payload = [7; PAYLOAD_BYTES];
        let mut packet = echo(address, 0x1234, &payload);
        assert_eq!(checksum(&packet), 0, "the sum over a packet with its checksum is nothing");
        assert!(!is_reply(address, &packet, &payload));
        packet[0] = REPLY_V4;
        assert!(is_reply(address, &packet, &payload) && !is_reply(address, &packet, &[8; PAYLOAD_BYTES]));
        let mut raw = vec![0x45; 20];
        raw.extend_from_slice(&packet);
        assert!(is_reply(address, &raw, &payload));
        for end in 0..raw.len() {
            assert!(!is_reply(address, &raw[..end], &payload));
        }
    }
}
