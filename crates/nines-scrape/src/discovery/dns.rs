//! Names to targets: a small resolver for the record types that discovery knows, and the labels that it gives.
//! Source: RFC 1035, RFC 2782, and upstream's `discovery/dns/dns.go`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nines_base::{Random, SharedClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::GROUP_TARGETS_MAX;
use crate::config::{DnsDiscovery, Group, RecordType};
use crate::labels::LabelSet;

/// How long one server has for one question. `resolv.conf` has the same by default.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Pointers that a name in an answer may follow: a name has at most 127 parts.
const POINTERS_MAX: usize = 127;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Address(IpAddr),
    /// With its final dot.
    Srv {
        target: String,
        port: u16,
    },
    Mx {
        target: String,
    },
    Ns {
        target: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    #[error("`{name}` is no name that can be looked up")]
    Name { name: String },
    #[error("no name server answered for `{name}`: {reason}")]
    NoAnswer { name: String, reason: String },
    #[error("name server refused `{name}` with code {code}")]
    Refused { name: String, code: u8 },
    #[error("answer for `{name}` cannot be read: {reason}")]
    Broken { name: String, reason: &'static str },
}

/// Where names are looked up. Replaced in tests.
#[async_trait::async_trait]
pub trait Names: Send + Sync {
    /// All records of this type; none for a name that is not there.
    async fn lookup(&self, name: &str, record: RecordType) -> Result<Vec<Record>, DnsError>;
}

/// Name servers, asked one after the other over UDP, and over TCP where an answer does not fit.
#[derive(Debug)]
pub struct NameServers {
    pub servers: Vec<SocketAddr>,
    /// Tried behind names without a final dot, after the name itself.
    pub search: Vec<String>,
    pub clock: SharedClock,
    pub random: Random,
}

impl NameServers {
    /// From the text of a `resolv.conf`.
    pub fn from_resolv_conf(text: &str, clock: SharedClock, random: Random) -> Self {
        let (mut servers, mut search) = (Vec::new(), Vec::new());
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    servers.extend(address.map(|address| SocketAddr::new(address, 53)));
                }
                Some("search" | "domain") => search = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        Self { servers, search, clock, random }
    }

    async fn ask(&self, name: &str, record: RecordType) -> Result<Vec<Record>, DnsError> {
        let id = self.random.next_u64() as u16;
        let question = question(id, name, record)?;
        let mut reason = "none is configured".to_owned();
        for server in &self.servers {
            let answer = tokio::select! {
                answer = exchange(*server, &question, id) => answer,
                () = self.clock.sleep(ANSWER_WITHIN) => Err(std::io::ErrorKind::TimedOut.into()),
            };
            match answer {
                Ok(message) => return read_answer(name, record, &message),
                Err(error) => reason = format!("{server}: {error}"),
            }
        }
        Err(DnsError::NoAnswer { name: name.to_owned(), reason })
    }
}

#[async_trait::async_trait]
impl Names for NameServers {
    async fn lookup(&self, name: &str, record: RecordType) -> Result<Vec<Record>, DnsError> {
        let found = self.ask(name, record).await?;
        if !found.is_empty() || name.ends_with('.') {
            return Ok(found);
        }
        for domain in &self.search {
            let found = self.ask(&format!("{name}.{domain}"), record).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }
}

async fn exchange(server: SocketAddr, question: &[u8], id: u16) -> std::io::Result<Vec<u8>> {
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut message = vec![0; 4096];
    loop {
        let length = socket.recv(&mut message).await?;
        // A datagram for somebody else's question is not an answer.
        if length >= 12 && message[..2] == id.to_be_bytes() && message[2] & 0x80 != 0 {
            message.truncate(length);
            break;
        }
    }
    if message[2] & 0x02 == 0 {
        return Ok(message);
    }
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(std::io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(question).await?;
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    if message.len() < 12 || message[..2] != id.to_be_bytes() {
        return Err(std::io::Error::other("answer to another question"));
    }
    Ok(message)
}

fn question(id: u16, name: &str, record: RecordType) -> Result<Vec<u8>, DnsError> {
    let bad = || DnsError::Name { name: name.to_owned() };
    let mut message = Vec::with_capacity(name.len() + 18);
    message.extend_from_slice(&id.to_be_bytes());
    // Recursion is wanted; one question.
    message.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for part in name.trim_end_matches('.').split('.') {
        let length =
            u8::try_from(part.len()).ok().filter(|length| (1..=63).contains(length)).ok_or_else(bad)?;
        message.push(length);
        message.extend_from_slice(part.as_bytes());
    }
    if message.len() > 12 + 254 {
        return Err(bad());
    }
    message.push(0);
    message.extend_from_slice(&record.code().to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    Ok(message)
}

struct Answer<'m> {
    message: &'m [u8],
    at: usize,
}

impl Answer<'_> {
    fn u8(&mut self) -> Option<u8> {
        let byte = *self.message.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from(self.u8()?) << 8 | u16::from(self.u8()?))
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.message.len())?;
        Some(())
    }

    /// With its final dot.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut at = self.at;
        let mut pointers = 0;
        loop {
            let length = usize::from(*self.message.get(at)?);
            match length {
                0 => {
                    at += 1;
                    break;
                }
                1..=63 => {
                    let part = self.message.get(at + 1..at + 1 + length)?;
                    name.push_str(&String::from_utf8_lossy(part));
                    name.push('.');
                    at += 1 + length;
                }
                192.. => {
                    let low = usize::from(*self.message.get(at + 1)?);
                    if pointers == 0 {
                        self.at = at + 2;
                    }
                    pointers += 1;
                    at = (length & 63) << 8 | low;
                }
                _ => return None,
            }
            if pointers > POINTERS_MAX || name.len() > 1024 {
                return None;
            }
        }
        if pointers == 0 {
            self.at = at;
        }
        Some(name)
    }

    fn record(&mut self) -> Option<(u16, usize)> {
        self.name()?;
        let kind = self.u16()?;
        self.skip(6)?;
        let length = usize::from(self.u16()?);
        Some((kind, length))
    }
}

fn read_answer(name: &str, wanted: RecordType, message: &[u8]) -> Result<Vec<Record>, DnsError> {
    let code = message.get(3).map_or(2, |flags| flags & 0x0f);
    match code {
        0 => {}
        // There is no such name.
        3 => return Ok(Vec::new()),
        code => return Err(DnsError::Refused { name: name.to_owned(), code }),
    }
    records(wanted, message).ok_or(DnsError::Broken { name: name.to_owned(), reason: "it is cut off" })
}

fn records(wanted: RecordType, message: &[u8]) -> Option<Vec<Record>> {
    let mut answer = Answer { message, at: 4 };
    let (questions, answers) = (answer.u16()?, answer.u16()?);
    answer.at = 12;
    for _ in 0..questions {
        answer.name()?;
        answer.skip(4)?;
    }
    let mut found = Vec::new();
    for _ in 0..answers {
        let (kind, length) = answer.record()?;
        let end = answer.at.checked_add(length).filter(|end| *end <= message.len())?;
        // A canonical name leads to the records that follow it.
        if kind == wanted.code() {
            let data = &message[answer.at..end];
            found.push(match wanted {
                RecordType::A => Record::Address(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into()),
                RecordType::Aaaa => Record::Address(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into()),
                RecordType::Srv => {
                    answer.skip(4)?;
                    let port = answer.u16()?;
                    Record::Srv { target: answer.name()?, port }
                }
                RecordType::Mx => {
                    answer.skip(2)?;
                    Record::Mx { target: answer.name()? }
                }
                RecordType::Ns => Record::Ns { target: answer.name()? },
            });
        }
        answer.at = end;
    }
    Some(found)
}

/// The targets of one name, with upstream's labels.
pub(crate) async fn groups_of_name(
    names: &dyn Names,
    config: &DnsDiscovery,
    name: &str,
) -> Result<Group, DnsError> {
    let mut group = Group { source: name.to_owned(), ..Group::default() };
    for record in names.lookup(name, config.record).await?.into_iter().take(GROUP_TARGETS_MAX) {
        let mut labels = LabelSet::default();
        labels.set("__meta_dns_name", name);
        let address = match record {
            Record::Address(IpAddr::V6(address)) => format!("[{address}]:{}", config.port),
            Record::Address(address) => format!("{address}:{}", config.port),
            Record::Srv { target, port } => {
                labels.set("__meta_dns_srv_record_target", target.as_str());
                labels.set("__meta_dns_srv_record_port", port.to_string());
                format!("{}:{port}", target.trim_end_matches('.'))
            }
            Record::Mx { target } => {
                labels.set("__meta_dns_mx_record_target", target.as_str());
                format!("{}:{}", target.trim_end_matches('.'), config.port)
            }
            Record::Ns { target } => {
                labels.set("__meta_dns_ns_record_target", target.as_str());
                format!("{}:{}", target.trim_end_matches('.'), config.port)
            }
        };
        labels.set("__address__", address);
        group.targets.push(labels);
    }
    Ok(group)
}

#[cfg(test)]
mod tests {
    use nines_base::SystemClock;
    use proptest::prelude::*;

    use super::*;

    /// A server's answer with one SRV record whose target points back into the question, behind a canonical name.
    fn answer_to(question: &[u8]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2] = 0x81;
        message[7] = 2;
        // The name of the question is at 12; a CNAME first, to be passed over.
        message.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12]);
        message.extend_from_slice(&[
            0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 10, 0, 1, 0, 2, 0x23, 0x8c, 1, b'h', 0xc0, 12,
        ]);
        message
    }

    #[tokio::test]
    async fn a_name_server_is_asked_and_its_records_become_targets() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut question = vec![0; 512];
            let (length, from) = server.recv_from(&mut question).await.unwrap();
            // Somebody else's answer first.
            server.send_to(&[0; 12], from).await.unwrap();
            server.send_to(&answer_to(&question[..length]), from).await.unwrap();
        });
        let (clock, random) = (SystemClock::shared(), Random::from_seed(3));
        let names = NameServers { servers: vec![address], search: Vec::new(), clock, random };
        let refresh = Duration::from_secs(30);
        let config = DnsDiscovery { names: vec![], record: RecordType::Srv, port: 0, refresh };
        let group = groups_of_name(&names, &config, "_web._tcp.example.org").await.unwrap();
        serving.await.unwrap();
        assert_eq!(group.targets.len(), 1);
        let labels = &group.targets[0];
        assert_eq!(labels.get("__address__"), "h._web._tcp.example.org:9100");
        assert_eq!(labels.get("__meta_dns_srv_record_target"), "h._web._tcp.example.org.");
        assert_eq!(labels.get("__meta_dns_name"), "_web._tcp.example.org");
    }

    #[test]
    fn a_resolv_conf_is_read_and_bad_names_are_refused() {
        let text = "# c\nnameserver 10.0.0.2\nnameserver fe80::1\nsearch a.example b.example\noptions x\n";
        let servers = NameServers::from_resolv_conf(text, SystemClock::shared(), Random::from_seed(1));
        assert_eq!((servers.servers.len(), servers.search.len()), (2, 2));
        assert!(question(1, &"x".repeat(64), RecordType::A).is_err());
        assert!(question(1, "a..b", RecordType::A).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_panics_or_loops(mut message in prop::collection::vec(any::<u8>(), 0..200), kind in 0..5_usize) {
            if message.len() > 3 {
                message[3] &= 0xf0;
            }
            let _ = read_answer("x", RecordType::ALL[kind].1, &message);
        }
    }
}
