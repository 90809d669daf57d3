//! Chats whose users command this node as themselves: how their requests are signed, and whom their users are here.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use nines_access::{Actor, Grant, Person, Role, Via};
use nines_actions::infra::slack::{SIGNATURE_AGE_MAX, verify};
use nines_model::Timestamp;
use parking_lot::Mutex;
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::Sha256;

use super::unhex;

/// Signatures of chat commands that are remembered, so that none is taken twice: five minutes at a hundred a second.
const SIGNATURES_MAX: usize = 30_000;
/// How long a signature is remembered: as long as its time would be believed, from either side.
const SIGNATURES_KEPT: Duration = SIGNATURE_AGE_MAX.saturating_mul(2);
/// Teams gives tokens of 32 bytes; what is much shorter could be guessed.
const TEAMS_TOKEN_BYTES_MIN: usize = 16;

/// Whom a user of the chat is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatPerson {
    pub name: String,
    pub role: Role,
}

/// Why a signed command is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSignature {
    /// Wrong, too old, or not there.
    Wrong,
    /// It was taken before.
    Repeated,
    /// Too many commands in a short time to tell whether it is a repeat.
    Flooded,
}

/// By the provider's own user id: a display name can be anybody's.
struct People(BTreeMap<String, ChatPerson>);

impl People {
    fn actor(&self, user: &str, id: String) -> Option<Actor> {
        let person = self.0.get(user)?;
        Some(Actor {
            name: person.name.clone(),
            grant: Grant::Role(person.role),
            via: Via::System,
            person: Some(Person { id, key_maker: None }),
            ..Actor::anonymous(false)
        })
    }
}

/// What has been taken, for as long as it would be believed.
#[derive(Default)]
struct Taken(Mutex<HashMap<String, Timestamp>>);

impl Taken {
    fn once(&self, signature: String, now: Timestamp) -> Result<(), BadSignature> {
        let mut seen = self.0.lock();
        if seen.contains_key(&signature) {
            return Err(BadSignature::Repeated);
        }
        if seen.len() >= SIGNATURES_MAX {
            seen.retain(|_, at| now.since(*at) < SIGNATURES_KEPT);
            if seen.len() >= SIGNATURES_MAX {
                return Err(BadSignature::Flooded);
            }
        }
        seen.insert(signature, now);
        Ok(())
    }
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    now.since(at).max(at.since(now)) <= SIGNATURE_AGE_MAX
}

/// Slack: an HMAC of the app over a time and the body.
pub struct Chat {
    secret: String,
    people: People,
    taken: Taken,
}

impl Chat {
    pub fn new(secret: String, people: BTreeMap<String, ChatPerson>) -> Self {
        Self { secret, people: People(people), taken: Taken::default() }
    }

    /// Checks the signature over the raw body, and that it is used once.
    pub fn check(
        &self,
        timestamp: &str,
        signature: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), BadSignature> {
        if !verify(&self.secret, timestamp, body, signature, now) {
            return Err(BadSignature::Wrong);
        }
        // Only the digits count for the check, so only they count here.
        self.taken.once(signature.to_ascii_lowercase(), now)
    }

    /// The person behind a user id of the chat.
    pub fn actor(&self, user: &str) -> Option<Actor> {
        self.people.actor(user, format!("chat:{user}"))
    }
}

/// Microsoft Teams: an HMAC-SHA256 of an outgoing webhook over the body, in base64, under `Authorization: HMAC …`; the
/// token that Teams shows once is the key in base64. The time is in the body, so it is looked at once the body is
/// believed. Source: learn.microsoft.com, "Create Outgoing Webhooks".
pub struct TeamsChat {
    /// Each team has a webhook of its own.
    keys: Vec<Vec<u8>>,
    people: People,
    taken: Taken,
}

impl TeamsChat {
    /// `None` if there is no token, or one that Teams did not make.
    pub fn new(tokens: &[&str], people: BTreeMap<String, ChatPerson>) -> Option<Self> {
        let keys: Option<Vec<Vec<u8>>> = tokens
            .iter()
            .map(|token| STANDARD.decode(token).ok().filter(|it| it.len() >= TEAMS_TOKEN_BYTES_MIN))
            .collect();
        let keys = keys.filter(|keys| !keys.is_empty())?;
        Some(Self { keys, people: People(people), taken: Taken::default() })
    }

    /// Checks the signature over the raw body.
    pub fn check(&self, authorization: &str, body: &[u8]) -> Result<(), BadSignature> {
        let given = authorization.strip_prefix("HMAC ").and_then(|text| STANDARD.decode(text.trim()).ok());
        let given = given.ok_or(BadSignature::Wrong)?;
        let is_by = |key: &Vec<u8>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("hmac takes a key of any length");
            mac.update(body);
            mac.verify_slice(&given).is_ok()
        };
        // All are tried, so that the time says nothing of which it was.
        let signed = self.keys.iter().fold(false, |signed, key| is_by(key) | signed);
        if signed { Ok(()) } else { Err(BadSignature::Wrong) }
    }

    /// Whether a message that was believed is new: sent just now, and not taken before.
    pub fn once(&self, sent_at: Timestamp, id: &str, now: Timestamp) -> Result<(), BadSignature> {
        if !is_fresh(sent_at, now) {
            return Err(BadSignature::Wrong);
        }
        self.taken.once(format!("{}/{id}", sent_at.as_nanos()), now)
    }

    pub fn actor(&self, user: &str) -> Option<Actor> {
        self.people.actor(user, format!("chat:teams:{user}"))
    }
}

/// Discord: an Ed25519 signature of the application over a time and the body. Source: discord.com/developers,
/// "Interactions: Receiving and Responding".
pub struct DiscordChat {
    key: Vec<u8>,
    people: People,
    taken: Taken,
    /// Where answers go that come later.
    pub api_url: String,
}

impl DiscordChat {
    pub const API_URL: &str = "https://discord.com/api/v10";

    /// `None` if the key is not 64 hexadecimal digits.
    pub fn new(public_key: &str, people: BTreeMap<String, ChatPerson>) -> Option<Self> {
        let key = unhex(public_key.trim())?;
        Some(Self { key, people: People(people), taken: Taken::default(), api_url: Self::API_URL.to_owned() })
    }

    /// Checks the signature over the time and the raw body, that the time is now, and that it is used once.
    pub fn check(
        &self,
        timestamp: &str,
        signature: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), BadSignature> {
        let at = timestamp.parse::<i64>().map_err(|_| BadSignature::Wrong)?;
        let given = unhex_long(signature).ok_or(BadSignature::Wrong)?;
        let signed = [timestamp.as_bytes(), body].concat();
        let is_signed = UnparsedPublicKey::new(&ED25519, &self.key).verify(&signed, &given).is_ok();
        if !is_signed || !is_fresh(Timestamp::from_secs(at), now) {
            return Err(BadSignature::Wrong);
        }
        self.taken.once(signature.to_ascii_lowercase(), now)
    }

    pub fn actor(&self, user: &str) -> Option<Actor> {
        self.people.actor(user, format!("chat:discord:{user}"))
    }
}

/// A signature: twice as long as a key.
fn unhex_long(digits: &str) -> Option<Vec<u8>> {
    if digits.len() != 128 || !digits.is_ascii() {
        return None;
    }
    let (first, second) = digits.split_at(64);
    Some([unhex(first)?, unhex(second)?].concat())
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    fn people() -> BTreeMap<String, ChatPerson> {
        [("U1".to_owned(), ChatPerson { name: "mei".to_owned(), role: Role::Responder })].into()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn teams_signs_the_body_with_the_token_that_it_showed() {
        let (one, other) = (STANDARD.encode([7; 32]), STANDARD.encode([8; 32]));
        let chat = TeamsChat::new(&[&one, &other], people()).unwrap();
        let sign = |key: [u8; 32], body: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(body);
            format!("HMAC {}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        let body = b"{\"text\":\"list\"}";
        for key in [[7; 32], [8; 32]] {
            assert_eq!(chat.check(&sign(key, body), body), Ok(()));
        }
        let good = sign([7; 32], body);
        for (bad, body) in [
            (sign([9; 32], body), &body[..]),
            (good.clone(), b"{\"text\":\"ack\"}"),
            (good.replace("HMAC ", "Bearer "), body),
            (String::new(), body),
            ("HMAC ".to_owned(), body),
        ] {
            assert_eq!(chat.check(&bad, body), Err(BadSignature::Wrong), "{bad}");
        }
        let now = Timestamp::from_secs(1_000_000);
        assert_eq!(chat.once(now, "m1", now), Ok(()));
        assert_eq!(chat.once(now, "m1", now), Err(BadSignature::Repeated));
        assert_eq!(chat.once(now - Duration::from_secs(301), "m2", now), Err(BadSignature::Wrong));
        assert!(TeamsChat::new(&["c2hvcnQ="], people()).is_none() && TeamsChat::new(&[], people()).is_none());
        assert_eq!(chat.actor("U1").map(|actor| actor.name), Some("mei".to_owned()));
        assert!(chat.actor("mei").is_none());
    }

    #[test]
    fn discord_signs_the_time_with_the_body() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let chat = DiscordChat::new(&hex(pair.public_key().as_ref()), people()).unwrap();
        let now = Timestamp::from_secs(1_000_000);
        let sign = |at: &str, body: &[u8]| hex(pair.sign(&[at.as_bytes(), body].concat()).as_ref());
        let body = b"{\"type\":1}";
        let good = sign("1000000", body);
        for (at, signature, body) in [
            ("1000001", good.as_str(), &body[..]),
            ("1000000", &good, b"{\"type\":2}"),
            ("1000000", &good[..126], body),
            ("1000000", "", body),
            ("999699", &sign("999699", body), body),
            ("soon", &sign("soon", body), body),
        ] {
            assert_eq!(chat.check(at, signature, body, now), Err(BadSignature::Wrong), "{at} {signature}");
        }
        assert_eq!(chat.check("1000000", &good, body, now), Ok(()));
        assert_eq!(chat.check("1000000", &good.to_uppercase(), body, now), Err(BadSignature::Repeated));
        assert!(DiscordChat::new("abc", people()).is_none());
    }
}
