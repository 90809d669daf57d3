//! Dates and names out of X.509 certificates (RFC 5280), for people to see. Trust is decided elsewhere, by a library.
//!
//! Reads only what it needs of the DER and gives up quietly at what it does not expect: any bytes are fine.

use std::net::IpAddr;

use nines_model::Timestamp;

use crate::measurement::CertificateFacts;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]` of the version, `[3]` of the extensions; `[2]` and `[7]` of subject alternative names.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// 2.5.29.17, 2.5.4.3, 2.5.4.10.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
/// Certificates of content networks have some hundred.
const NAMES_MAX: usize = 100;

/// What the first certificate of a chain says, and when the chain ends. `None` if it cannot be read.
pub fn facts<C: AsRef<[u8]>>(chain: &[C]) -> Option<CertificateFacts> {
    let mut facts = read(chain.first()?.as_ref())?;
    let ends = chain.iter().filter_map(|certificate| Some(read(certificate.as_ref())?.not_after));
    facts.chain_not_after = ends.min().unwrap_or(facts.not_after);
    facts.chain_length = u32::try_from(chain.len()).unwrap_or(u32::MAX);
    Some(facts)
}

/// The content of the next value and what follows it.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
    }
}

fn read(certificate: &[u8]) -> Option<CertificateFacts> {
    let mut outer = Der(Der(certificate).expect(SEQUENCE)?);
    let mut body = Der(outer.expect(SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        body.next()?;
    }
    let (_serial, _algorithm) = (body.next()?, body.next()?);
    let issuer = name(body.expect(SEQUENCE)?);
    let mut validity = Der(body.expect(SEQUENCE)?);
    let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
    let subject = name(body.expect(SEQUENCE)?);
    let mut names = Vec::new();
    while let Some((tag, content)) = body.next() {
        if tag == EXTENSIONS {
            names = alternative_names(content).unwrap_or_default();
        }
    }
    Some(CertificateFacts {
        subject,
        issuer,
        names,
        not_before,
        not_after,
        chain_not_after: not_after,
        chain_length: 1,
    })
}

/// The common name, else the organisation, else nothing.
fn name(content: &[u8]) -> String {
    let mut sets = Der(content);
    let (mut common, mut organization) = (None, None);
    while let Some(set) = sets.expect(SET) {
        let Some(attribute) = Der(set).expect(SEQUENCE) else { continue };
        let mut attribute = Der(attribute);
        let Some(kind) = attribute.expect(OID) else { continue };
        let Some((_, value)) = attribute.next() else { continue };
        let value = String::from_utf8_lossy(value).into_owned();
        match kind {
            COMMON_NAME => common = Some(value),
            ORGANIZATION => organization = Some(value),
            _ => {}
        }
    }
    common.or(organization).unwrap_or_default()
}

fn alternative_names(content: &[u8]) -> Option<Vec<String>> {
    let mut extensions = Der(Der(content).expect(SEQUENCE)?);
    while let Some(extension) = extensions.expect(SEQUENCE) {
        let mut extension = Der(extension);
        if extension.expect(OID)? != ALTERNATIVE_NAMES {
            continue;
        }
        let octets = loop {
            let (tag, content) = extension.next()?;
            if tag == OCTETS {
                break content;
            }
        };
        let mut list = Der(Der(octets).expect(SEQUENCE)?);
        let mut names = Vec::new();
        while let Some((tag, content)) = list.next() {
            let name = match tag {
                DNS_NAME => Some(String::from_utf8_lossy(content).into_owned()),
                IP_ADDRESS => address(content).map(|address| address.to_string()),
                _ => None,
            };
            names.extend(name.filter(|_| names.len() < NAMES_MAX));
        }
        return Some(names);
    }
    None
}

fn address(content: &[u8]) -> Option<IpAddr> {
    match content.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(content).ok()?)),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(content).ok()?)),
        _ => None,
    }
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`; two digits below 50 are of this century (RFC 5280, section 4.1.2.5.1).
fn time((tag, content): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(content).ok().filter(|text| text.is_ascii())?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: u16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2);
    let [month, day, hour, minute, second] = [part(0)?, part(2)?, part(4)?, part(6)?, part(8)?];
    let text = format!("{year:04}-{month}-{day}T{hour}:{minute}:{second}Z");
    match Timestamp::parse_rfc3339(&text) {
        Ok(at) => Some(at),
        // The year 9999 stands for "no end", and lies beyond what nanoseconds can count.
        Err(_) if year > 2200 => Some(Timestamp::MAX),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made by `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj "/O=Shop/CN=shop.example" -addext
    /// "subjectAltName=DNS:shop.example,DNS:*.shop.example,IP:10.0.0.1" -days 90 -outform DER`.
    const SHOP: &[u8] = include_bytes!("testdata/shop.der");

    #[test]
    fn dates_and_names_are_read() {
        let facts = facts(&[SHOP, SHOP]).unwrap();
        assert_eq!((facts.subject.as_str(), facts.issuer.as_str()), ("shop.example", "shop.example"));
        assert_eq!(facts.names, ["shop.example", "*.shop.example", "10.0.0.1"]);
        assert_eq!(facts.not_after.since(facts.not_before).as_secs(), 90 * 86_400);
        assert_eq!((facts.chain_length, facts.chain_not_after), (2, facts.not_after));
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let at = |tag, text: &str| time((tag, text.as_bytes())).map(|at| at.to_string());
        assert_eq!(at(UTC_TIME, "491231235959Z").as_deref(), Some("2049-12-31T23:59:59Z"));
        assert_eq!(at(UTC_TIME, "990101000000Z").as_deref(), Some("1999-01-01T00:00:00Z"));
        assert_eq!(at(GENERALIZED_TIME, "20500101000000Z").as_deref(), Some("2050-01-01T00:00:00Z"));
        assert_eq!(time((GENERALIZED_TIME, b"99991231235959Z")), Some(Timestamp::MAX));
        assert_eq!(at(UTC_TIME, "4912"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..500, byte: u8) {
            let _ = facts(&[bytes]);
            let mut damaged = SHOP.to_vec();
            let at = at % damaged.len();
            damaged[at] = byte;
            let _ = facts(&[damaged]);
        }
    }
}
