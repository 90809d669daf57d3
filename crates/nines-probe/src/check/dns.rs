//! DNS: one question to one server, over UDP or TCP. A stub of its own, because a probe asks a certain server, once, and
//! wants its code and its answers as they are; a resolver hides just that.
//! Source: RFC 1035; RFC 3596 (AAAA), RFC 2782 (SRV), RFC 8659 (CAA), RFC 7766 (TCP).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::connect::{connect_fault, read_fault};
use super::{Checker, Fault, Trace};
use crate::measurement::{Assertion, FailureKind};
use crate::probe::{DnsCheck, RecordType};

/// Response codes with the names of IANA's registry.
pub const CODES: [(u8, &str); 7] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (9, "NOTAUTH"),
];
const CLASS_IN: u16 = 1;
const RECURSION_DESIRED: u16 = 0x0100;
const IS_RESPONSE: u16 = 0x8000;
const IS_TRUNCATED: u16 = 0x0200;
const HEADER_BYTES: usize = 12;
/// RFC 1035: 255 bytes for a name, 63 for a label.
const NAME_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: usize = 63;
/// Pointers in a name; each label can be behind one.
const JUMPS_MAX: usize = 128;
const ANSWERS_MAX: usize = 256;

/// Whether it can be asked for.
pub fn is_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.len() < NAME_BYTES_MAX
        && name.is_ascii()
        && name.split('.').all(|label| (1..=LABEL_BYTES_MAX).contains(&label.len()))
}

impl Checker {
    pub(super) async fn dns(&self, check: &DnsCheck, trace: &mut Trace) -> Result<(), Fault> {
        let id = self.random.next_u64() as u16;
        let question = question(id, &check.name, check.record);
        let before = self.clock.monotonic();
        let mut answer = if check.over_tcp {
            self.ask_tcp(check, &question, trace).await?
        } else {
            self.ask_udp(check, &question, id, trace).await?
        };
        if flags(&answer) & IS_TRUNCATED != 0 && !check.over_tcp {
            answer = self.ask_tcp(check, &question, trace).await?;
        }
        trace.phases.process = Some(self.clock.monotonic().saturating_sub(before));
        let broken = || Fault::new(FailureKind::Protocol, "the answer is not DNS");
        let (code, answers) = read(&answer, id, check.record).ok_or_else(broken)?;
        let word =
            |code: u8| CODES.iter().find(|(known, _)| *known == code).map_or("another code", |it| it.1);
        trace.facts.dns_code = Some(word(code));
        trace.facts.dns_answers.clone_from(&answers);
        let what = format!("the code is {}", word(check.code));
        trace.assertions.push(Assertion::new(what, code == check.code, word(code)));
        let saw = if answers.is_empty() { "no answer".to_owned() } else { answers.join(", ") };
        let is_same = |one: &str, other: &str| {
            one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
        };
        for wanted in &check.answers {
            let passed = answers.iter().any(|answer| is_same(answer, wanted));
            trace.assertions.push(Assertion::new(format!("{wanted} is among the answers"), passed, &saw));
        }
        if check.exact {
            let passed =
                answers.iter().all(|answer| check.answers.iter().any(|wanted| is_same(answer, wanted)));
            trace.assertions.push(Assertion::new("there is no other answer", passed, &saw));
        } else if check.answers.is_empty() && check.code == 0 {
            trace.assertions.push(Assertion::new("there is an answer", !answers.is_empty(), &saw));
        }
        Ok(())
    }

    async fn ask_udp(
        &self,
        check: &DnsCheck,
        question: &[u8],
        id: u16,
        trace: &mut Trace,
    ) -> Result<Vec<u8>, Fault> {
        let addresses = self.resolve(&check.server.host, trace).await?;
        let server = SocketAddr::new(addresses[0], check.server.port);
        trace.facts.address = Some(server.ip());
        trace.step = "waiting for the answer";
        let fault = |error: std::io::Error| connect_fault(server.ip(), server.port(), &error);
        let any: SocketAddr = if server.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let socket = UdpSocket::bind(any).await.map_err(fault)?;
        socket.connect(server).await.map_err(fault)?;
        socket.send(question).await.map_err(fault)?;
        let mut buffer = vec![0; 65_535];
        loop {
            let read = socket.recv(&mut buffer).await.map_err(fault)?;
            // Whoever guesses an address and a port must guess the number too.
            if read >= HEADER_BYTES && buffer[..2] == id.to_be_bytes() && flags(&buffer) & IS_RESPONSE != 0 {
                buffer.truncate(read);
                return Ok(buffer);
            }
        }
    }

    async fn ask_tcp(&self, check: &DnsCheck, question: &[u8], trace: &mut Trace) -> Result<Vec<u8>, Fault> {
        let mut stream = self.connect(&check.server, trace).await?;
        trace.step = "waiting for the answer";
        let fault = |error: std::io::Error| read_fault("no answer over TCP", &error);
        let mut framed = u16::try_from(question.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
        framed.extend_from_slice(question);
        stream.write_all(&framed).await.map_err(fault)?;
        let length = stream.read_u16().await.map_err(fault)?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.map_err(fault)?;
        Ok(answer)
    }
}

fn question(id: u16, name: &str, record: RecordType) -> Vec<u8> {
    let mut message = Vec::new();
    for number in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
        message.extend_from_slice(&number.to_be_bytes());
    }
    for label in name.trim_end_matches('.').split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(0));
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&record.number().to_be_bytes());
    message.extend_from_slice(&CLASS_IN.to_be_bytes());
    message
}

fn flags(message: &[u8]) -> u16 {
    message.get(2..4).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// Reads a message from front to back.
struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A name, its pointers followed.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut end = None;
        let mut jumps = 0;
        loop {
            let length = self.byte()?;
            match length {
                0 => break,
                1..=63 => {
                    let label = self.take(usize::from(length))?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.push_str(&String::from_utf8_lossy(label));
                    if name.len() > 4 * NAME_BYTES_MAX {
                        return None;
                    }
                }
                0xc0.. => {
                    let low = self.byte()?;
                    end.get_or_insert(self.at);
                    jumps += 1;
                    if jumps > JUMPS_MAX {
                        return None;
                    }
                    self.at = usize::from(length & 0x3f) << 8 | usize::from(low);
                }
                _ => return None,
            }
        }
        self.at = end.unwrap_or(self.at);
        Some(name)
    }
}

/// The code, and the answers of the type that was asked for. `None` if it is no answer to `id`.
fn read(message: &[u8], id: u16, record: RecordType) -> Option<(u8, Vec<String>)> {
    let mut cursor = Cursor { message, at: 0 };
    let (found, flags) = (cursor.u16()?, cursor.u16()?);
    if found != id || flags & IS_RESPONSE == 0 {
        return None;
    }
    let (questions, answers) = (cursor.u16()?, cursor.u16()?);
    cursor.take(4)?;
    for _ in 0..questions {
        cursor.name()?;
        cursor.take(4)?;
    }
    let mut found = Vec::new();
    for _ in 0..usize::from(answers).min(ANSWERS_MAX) {
        cursor.name()?;
        let (kind, class) = (cursor.u16()?, cursor.u16()?);
        let _ttl = cursor.u32()?;
        let length = usize::from(cursor.u16()?);
        let start = cursor.at;
        cursor.take(length)?;
        if kind == record.number() && class == CLASS_IN {
            // Names in it may point to anywhere in the message, so the whole of it stays in reach.
            found.push(value(&mut Cursor { message, at: start }, start + length, record)?);
        }
    }
    Some(((flags & 15) as u8, found))
}

/// As zone files write it.
fn value(cursor: &mut Cursor<'_>, end: usize, record: RecordType) -> Option<String> {
    Some(match record {
        RecordType::A => Ipv4Addr::from(<[u8; 4]>::try_from(cursor.take(4)?).ok()?).to_string(),
        RecordType::Aaaa => Ipv6Addr::from(<[u8; 16]>::try_from(cursor.take(16)?).ok()?).to_string(),
        RecordType::Cname | RecordType::Ns | RecordType::Ptr => cursor.name()?,
        RecordType::Mx => format!("{} {}", cursor.u16()?, cursor.name()?),
        RecordType::Srv => {
            let (priority, weight, port) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
            format!("{priority} {weight} {port} {}", cursor.name()?)
        }
        RecordType::Soa => {
            let (primary, mailbox) = (cursor.name()?, cursor.name()?);
            format!("{primary} {mailbox} {}", cursor.u32()?)
        }
        RecordType::Txt => {
            let mut text = String::new();
            while cursor.at < end {
                let length = usize::from(cursor.byte()?);
                text.push_str(&String::from_utf8_lossy(cursor.take(length)?));
            }
            text
        }
        RecordType::Caa => {
            let (flags, length) = (cursor.byte()?, usize::from(cursor.byte()?));
            let tag = String::from_utf8_lossy(cursor.take(length)?).into_owned();
            let rest = cursor.take(end.checked_sub(cursor.at)?)?;
            format!("{flags} {tag} \"{}\"", String::from_utf8_lossy(rest))
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The answer to `question`, with these records: type and data.
    fn answer(question: &[u8], code: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2..4].copy_from_slice(&(IS_RESPONSE | code).to_be_bytes());
        message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        for (kind, data) in records {
            // A pointer to the name of the question.
            message.extend_from_slice(&[0xc0, 12]);
            message.extend_from_slice(&kind.to_be_bytes());
            message.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
            message.extend_from_slice(&(data.len() as u16).to_be_bytes());
            message.extend_from_slice(data);
        }
        message
    }

    #[test]
    fn records_are_written_as_in_zone_files() {
        // `\xc0\x0c` points to the name of the question, shop.example.
        let table: [(RecordType, &[u8], &str); 9] = [
            (RecordType::A, &[192, 0, 2, 1], "192.0.2.1"),
            (RecordType::Aaaa, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "2001:db8::1"),
            (RecordType::Cname, b"\x03www\xc0\x0c", "www.shop.example"),
            (RecordType::Mx, b"\x00\x0a\x04mail\xc0\x0c", "10 mail.shop.example"),
            (RecordType::Txt, b"\x03one\x03two", "onetwo"),
            (RecordType::Srv, b"\x00\x01\x00\x02\x01\xbb\xc0\x0c", "1 2 443 shop.example"),
            (RecordType::Caa, b"\x00\x05issueca.example", "0 issue \"ca.example\""),
            (RecordType::Ns, b"\x02ns\xc0\x0c", "ns.shop.example"),
            (
                RecordType::Soa,
                b"\x02ns\xc0\x0c\x02me\xc0\x0c\x00\x00\x00\x07",
                "ns.shop.example me.shop.example 7",
            ),
        ];
        for (record, data, expected) in table {
            let question = question(7, "shop.example.", record);
            let other = (RecordType::Cname.number(), &b"\xc0\x0c"[..]);
            let message = answer(&question, 0, &[other, (record.number(), data)]);
            let (code, answers) = read(&message, 7, record).unwrap();
            assert_eq!((code, answers.last().map(String::as_str)), (0, Some(expected)), "{record:?}");
        }
        let question = question(7, "shop.example", RecordType::A);
        assert_eq!(read(&answer(&question, 3, &[]), 7, RecordType::A), Some((3, vec![])));
        assert_eq!(
            read(&answer(&question, 0, &[]), 8, RecordType::A),
            None,
            "the answer to another question"
        );
        assert_eq!(read(&question, 7, RecordType::A), None, "a question is no answer");
    }

    #[test]
    fn names_that_point_in_circles_end() {
        let question = question(7, "shop.example", RecordType::Cname);
        let at = question.len() + 12;
        let pointer = [0xc0 | (at >> 8) as u8, at as u8];
        let message = answer(&question, 0, &[(RecordType::Cname.number(), &pointer)]);
        assert_eq!(read(&message, 7, RecordType::Cname), None);
    }

    #[test]
    fn names_have_labels() {
        assert!(is_name("shop.example") && is_name("_dmarc.example."));
        let long = "a".repeat(64);
        for wrong in ["", ".", "a..b", &long, &"a.".repeat(200)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), record in 0_usize..10) {
            if bytes.len() > 4 {
                bytes[..4].copy_from_slice(&[0, 7, 0x80, 0]);
            }
            let _ = read(&bytes, 7, RecordType::ALL[record]);
        }
    }
}
