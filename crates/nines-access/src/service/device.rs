//! Signing a command line in through a browser, in the shape of RFC 8628: the terminal shows a code, a person who is
//! signed in confirms it, and the terminal gets a key of theirs.
//!
//! Requests live in memory: a node that restarts has forgotten them, and the person runs the command again.

use std::time::Duration;

use nines_model::Timestamp;
use parking_lot::Mutex;

use super::{Access, IssuedKey};
use crate::{AccessError, Actor, Digest, NewKey, Secret};

/// How long a code waits to be confirmed: as long as it takes to fetch a phone.
pub const DEVICE_CODE_TTL: Duration = Duration::from_secs(600);
/// How long a terminal waits between its questions.
pub const DEVICE_POLL_PAUSE: Duration = Duration::from_secs(2);
/// The key that a terminal gets; then it asks again.
const DEVICE_KEY_TTL: Duration = Duration::from_secs(90 * 24 * 3600);
/// Requests at once, each a few hundred bytes. Anybody can begin one, so the oldest makes room.
const REQUESTS_MAX: usize = 1_000;
/// Characters of a user code: 40 bits, good for ten minutes, and confirming one needs a session.
const USER_CODE_CHARS: usize = 8;
/// Of what a terminal calls itself.
const CLIENT_CHARS_MAX: usize = 80;

#[derive(Default)]
pub(crate) struct Devices(Mutex<Vec<Pending>>);

struct Pending {
    device: Digest,
    user_code: String,
    client: String,
    address: String,
    asked_at: Timestamp,
    polled_at: Option<Timestamp>,
    answer: Answer,
}

enum Answer {
    Waiting,
    Denied,
    /// Its maker confirmed it; the key is made when the terminal asks, so that it is nowhere until then.
    Confirmed(Box<Actor>),
}

/// What a terminal is given to show.
#[derive(Debug)]
pub struct DeviceCode {
    pub device: Secret,
    /// `ABCD-EFGH`.
    pub user_code: String,
}

/// What a person is asked to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    pub user_code: String,
    /// What the terminal calls itself; anybody can write anything here.
    pub client: String,
    /// From where it asked.
    pub address: String,
    pub asked_at: Timestamp,
}

/// What a terminal hears when it asks.
#[derive(Debug)]
pub enum DeviceToken {
    Pending,
    /// It asks more often than it was told to.
    SlowDown,
    Denied,
    /// The code is unknown, too old, or was used.
    Expired,
    Key(Box<IssuedKey>),
}

impl Access {
    /// Begins a request. Anybody may.
    pub fn begin_device(&self, client: &str, address: &str) -> DeviceCode {
        let now = self.inner.clock.now();
        let device = Secret::random(&self.inner.random);
        let text = crate::secret::base32(&self.inner.random.bytes::<5>()).to_uppercase();
        let (first, second) = text.split_at(USER_CODE_CHARS / 2);
        let user_code = format!("{first}-{second}");
        let mut requests = self.inner.devices.0.lock();
        requests.retain(|pending| now.since(pending.asked_at) < DEVICE_CODE_TTL);
        if requests.len() >= REQUESTS_MAX {
            requests.remove(0);
        }
        requests.push(Pending {
            device: device.digest(),
            user_code: user_code.clone(),
            client: client.chars().filter(|char| !char.is_control()).take(CLIENT_CHARS_MAX).collect(),
            address: address.to_owned(),
            asked_at: now,
            polled_at: None,
            answer: Answer::Waiting,
        });
        DeviceCode { device, user_code }
    }

    /// What waits under a user code, for a person who is signed in to look at.
    pub fn device_request(&self, actor: &Actor, user_code: &str) -> Result<DeviceRequest, AccessError> {
        actor.account().ok_or(AccessError::NoAccount)?;
        let now = self.inner.clock.now();
        let requests = self.inner.devices.0.lock();
        let pending =
            requests.iter().find(|pending| pending.is(user_code, now)).ok_or(AccessError::UnknownCode)?;
        Ok(DeviceRequest {
            user_code: pending.user_code.clone(),
            client: pending.client.clone(),
            address: pending.address.clone(),
            asked_at: pending.asked_at,
        })
    }

    /// Confirms or refuses a request. Only a person with an account can: the key will be theirs.
    pub fn answer_device(
        &self,
        actor: &Actor,
        user_code: &str,
        is_confirmed: bool,
    ) -> Result<(), AccessError> {
        actor.account().ok_or(AccessError::NoAccount)?;
        let now = self.inner.clock.now();
        let mut requests = self.inner.devices.0.lock();
        let pending =
            requests.iter_mut().find(|pending| pending.is(user_code, now)).ok_or(AccessError::UnknownCode)?;
        pending.answer =
            if is_confirmed { Answer::Confirmed(Box::new(actor.clone())) } else { Answer::Denied };
        Ok(())
    }

    /// The terminal's question. A confirmed request gives its key once.
    pub async fn device_token(&self, device: &str) -> Result<DeviceToken, AccessError> {
        let now = self.inner.clock.now();
        let digest = Digest::of(device.trim());
        let (actor, client) = {
            let mut requests = self.inner.devices.0.lock();
            requests.retain(|pending| now.since(pending.asked_at) < DEVICE_CODE_TTL);
            let Some(place) = requests.iter().position(|pending| pending.device == digest) else {
                return Ok(DeviceToken::Expired);
            };
            let pending = &mut requests[place];
            let last = pending.polled_at.replace(now);
            match &pending.answer {
                Answer::Waiting if last.is_some_and(|last| now.since(last) < DEVICE_POLL_PAUSE / 2) => {
                    return Ok(DeviceToken::SlowDown);
                }
                Answer::Waiting => return Ok(DeviceToken::Pending),
                Answer::Denied => {
                    requests.remove(place);
                    return Ok(DeviceToken::Denied);
                }
                Answer::Confirmed(_) => {}
            }
            let pending = requests.remove(place);
            let Answer::Confirmed(actor) = pending.answer else { return Ok(DeviceToken::Expired) };
            (actor, pending.client)
        };
        let name = format!("{} on {}", actor.name, if client.is_empty() { "a terminal" } else { &client });
        let name: String = name.chars().take(super::manage::NAME_CHARS_MAX).collect();
        let new = NewKey {
            name,
            grant: actor.grant,
            expires_at: Some(now + DEVICE_KEY_TTL),
            account: None,
            bounds: actor.bounds.as_deref().cloned().unwrap_or_default(),
        };
        Ok(DeviceToken::Key(Box::new(self.create_own_key(&actor, &new).await?)))
    }
}

impl Pending {
    /// However it was typed: in any case, with or without the dash.
    fn is(&self, user_code: &str, now: Timestamp) -> bool {
        let plain =
            |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
        matches!(self.answer, Answer::Waiting)
            && now.since(self.asked_at) < DEVICE_CODE_TTL
            && plain(&self.user_code) == plain(user_code)
    }
}
