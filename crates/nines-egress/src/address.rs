//! Which addresses may be reached.
//! Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Globally routable unicast addresses, plus the networks that the administrator allows.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Reachable although not public: `127.0.0.0/8` for a demo, `10.1.0.0/16` for the mail relay. An IPv4 network also
    /// covers the IPv6-mapped form of its addresses.
    pub allow: Vec<IpNet>,
}

/// Why an address is not reached: the kind of network that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Loopback,
    Private,
    LinkLocal,
    Metadata,
    SharedCarrier,
    Unspecified,
    Multicast,
    Documentation,
    Reserved,
}

impl Refusal {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata address",
            Self::SharedCarrier => "a carrier-grade NAT address",
            Self::Unspecified => "an unspecified address",
            Self::Multicast => "a multicast or broadcast address",
            Self::Documentation => "a documentation address",
            Self::Reserved => "a reserved address",
        }
    }
}

impl Policy {
    /// Public addresses and this machine itself: for a demo and for tests.
    pub fn with_loopback() -> Self {
        let networks = ["127.0.0.0/8", "::1/128"];
        Self { allow: networks.iter().map(|text| text.parse().expect("a constant network")).collect() }
    }

    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        let canonical = address.to_canonical();
        if self.allow.iter().any(|network| network.contains(&address) || network.contains(&canonical)) {
            return Ok(());
        }
        match refusal(canonical) {
            None => Ok(()),
            Some(refusal) => Err(refusal),
        }
    }
}

fn refusal(address: IpAddr) -> Option<Refusal> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<Refusal> {
    match address.octets() {
        // AWS, GCP, Azure, Oracle | ECS task metadata | Alibaba | Azure's wire server, a public address that is not.
        [169, 254, 169, 254] | [169, 254, 170, 2] | [100, 100, 100, 200] | [168, 63, 129, 16] => {
            Some(Refusal::Metadata)
        }
        [0, ..] => Some(Refusal::Unspecified),
        [127, ..] => Some(Refusal::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some(Refusal::Private),
        [169, 254, ..] => Some(Refusal::LinkLocal),
        [100, 64..=127, ..] => Some(Refusal::SharedCarrier),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some(Refusal::Documentation),
        // Protocol assignments, 6to4 relays, benchmarking.
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Some(Refusal::Reserved),
        [255, 255, 255, 255] | [224..=239, ..] => Some(Refusal::Multicast),
        [240..=255, ..] => Some(Refusal::Reserved),
        _ => None,
    }
}

fn refusal_v6(address: Ipv6Addr) -> Option<Refusal> {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Refusal::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Refusal::Loopback),
        // EC2's and ECS's metadata over IPv6, GCP's likewise.
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, ..] => Some(Refusal::Metadata),
        [0xfc00..=0xfdff, ..] => Some(Refusal::Private),
        [0xfe80..=0xfebf, ..] => Some(Refusal::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Refusal::Multicast),
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Some(Refusal::Documentation),
        // NAT64 carries an IPv4 address in its end: what it would reach decides.
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => refusal_v4(embedded(high, low)),
        // 6to4 (2002::/16) and Teredo and other protocol assignments (2001::/23) tunnel to addresses that we cannot
        // see; nobody serves a webhook there.
        [0x2002, ..] | [0x2001, 0..=0x01ff, ..] => Some(Refusal::Reserved),
        // Only 2000::/3 is global unicast. The rest is reserved, the old site-local and IPv4-compatible forms included.
        [first, ..] if first & 0xe000 == 0x2000 => None,
        _ => Some(Refusal::Reserved),
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str) -> Result<(), Refusal> {
        Policy::default().check(address.parse().unwrap())
    }

    #[test]
    fn the_edges_of_each_special_network() {
        let table = [
            ("9.255.255.255", None),
            ("10.0.0.0", Some(Refusal::Private)),
            ("11.0.0.0", None),
            ("172.15.255.255", None),
            ("172.16.0.0", Some(Refusal::Private)),
            ("172.31.255.255", Some(Refusal::Private)),
            ("172.32.0.0", None),
            ("100.63.255.255", None),
            ("100.64.0.1", Some(Refusal::SharedCarrier)),
            ("100.128.0.0", None),
            ("169.254.169.254", Some(Refusal::Metadata)),
            ("169.254.1.1", Some(Refusal::LinkLocal)),
            ("198.17.255.255", None),
            ("198.18.0.1", Some(Refusal::Reserved)),
            ("223.255.255.255", None),
            ("224.0.0.1", Some(Refusal::Multicast)),
            ("255.255.255.255", Some(Refusal::Multicast)),
            ("2606:4700::1111", None),
            ("::ffff:8.8.8.8", None),
            ("::ffff:127.0.0.1", Some(Refusal::Loopback)),
            ("64:ff9b::8.8.8.8", None),
            ("64:ff9b::10.0.0.1", Some(Refusal::Private)),
            ("::127.0.0.1", Some(Refusal::Reserved)),
            ("fd00:ec2::254", Some(Refusal::Metadata)),
            ("fec0::1", Some(Refusal::Reserved)),
            ("2002:7f00:1::", Some(Refusal::Reserved)),
        ];
        for (address, expected) in table {
            assert_eq!(check(address).err(), expected, "{address}");
        }
    }

    #[test]
    fn an_allowed_network_covers_the_mapped_form_too() {
        let policy = Policy::with_loopback();
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(policy.check(address.parse().unwrap()), Ok(()), "{address}");
        }
        assert!(policy.check("10.0.0.1".parse().unwrap()).is_err());
    }
}
