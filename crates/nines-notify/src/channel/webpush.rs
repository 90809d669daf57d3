//! The notifications of a browser: one push service call for each page, encrypted for the browser alone.
//!
//! Encryption is RFC 8291 (`aes128gcm` of RFC 8188, one record), the sender is named by RFC 8292 (VAPID). Limits: a body of
//! 4096 bytes in all, of which the header takes 86, the tag 16 and the delimiter one. A push service keeps what it cannot
//! deliver for as long as `TTL` says; pages of one subject replace each other there by their topic.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use nines_egress::{Egress, Request};
use nines_model::Timestamp;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::dialect::{Message, clean, clean_lines, cut_bytes, hmac};
use super::{ChannelKind, Delivery, Outcome, outcome_of_error, outcome_of_status, wrong_content};
use crate::{Content, Secret};

/// 4096 bytes less header, tag and delimiter.
const PLAINTEXT_MAX: usize = 4096 - 86 - 16 - 1;
/// What fits on a lock screen.
const TITLE_MAX: usize = 120;
const BODY_BYTES_MAX: usize = 1_500;
/// A call that comes later than this is no call any more.
const TTL_SECS: u64 = 3_600;
/// RFC 8292 allows a day.
const TOKEN_SECS: i64 = 12 * 3_600;
/// The type of a payload that says that nobody has to answer any more: it replaces the calls that a browser shows.
pub const ANSWERED: &str = "oncall.answered";
/// Those of the push services in use have less than 500 characters.
const ENDPOINT_MAX: usize = 2_048;

/// Where one browser takes its messages, and what they are encrypted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The address that the browser was given by its push service. Whoever has it can try to send.
    pub endpoint: Secret,
    /// The browser's public key and secret, base64url.
    pub p256dh: String,
    pub auth: Secret,
}

/// Sends to browsers in the name of one node.
#[derive(Debug)]
pub struct Pusher {
    /// As [`new_key`] makes it.
    key: Secret,
    /// Whom a push service can ask about the sender. Left out if people reach the node without TLS.
    contact: Option<String>,
    public_url: String,
    egress: Egress,
}

/// What became of one message to one browser.
#[derive(Debug, Clone, PartialEq)]
pub enum Pushed {
    /// The push service has it.
    Taken,
    /// This browser takes nothing any more, by the status that its push service answered.
    Gone(u16),
    /// As of any channel, but never delivered.
    Failed(Outcome),
}

/// Why a browser cannot be reached with these keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    #[error("the browser's keys are no keys of P-256 and 16 bytes in base64url")]
    Browser,
    #[error("this node's key for browsers cannot be used")]
    Node,
    #[error("the random source of the system fails")]
    Random,
    #[error(
        "the address of the push service is no https URL of at most {ENDPOINT_MAX} characters with a host"
    )]
    Endpoint,
}

/// A new key of a node, base64url of PKCS #8.
///
/// # Errors
/// [`PushError::Random`].
pub fn new_key() -> Result<Secret, PushError> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(key.map_err(|_| PushError::Random)?)))
}

/// What a browser is told to take messages of: the public half, base64url.
///
/// # Errors
/// [`PushError::Node`].
pub fn public_key(key: &Secret) -> Result<String, PushError> {
    Ok(URL_SAFE_NO_PAD.encode(pair(key)?.public_key()))
}

fn pair(key: &Secret) -> Result<EcdsaKeyPair, PushError> {
    let pkcs8 = URL_SAFE_NO_PAD.decode(key.expose()).map_err(|_| PushError::Node)?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &SystemRandom::new())
        .map_err(|_| PushError::Node)
}

impl Subscription {
    /// Whether anything can be sent to it at all.
    ///
    /// # Errors
    /// [`PushError::Browser`], [`PushError::Endpoint`].
    pub fn check(&self) -> Result<(), PushError> {
        let endpoint = self.endpoint.expose();
        let is_printable = endpoint.bytes().all(|byte| byte.is_ascii_graphic());
        if endpoint.len() > ENDPOINT_MAX || !is_printable || !is_guarded(endpoint) {
            return Err(PushError::Endpoint);
        }
        origin(endpoint)?;
        encrypt(b"", self).map(drop)
    }

    /// The host of the push service: the one part of the address that is no secret.
    pub fn service(&self) -> String {
        let url: Option<http::Uri> = self.endpoint.expose().parse().ok();
        url.and_then(|url| url.host().map(str::to_owned)).unwrap_or_default()
    }
}

/// TLS, or this machine itself: what stands in for a push service in a test, where the administrator allows loopback.
fn is_guarded(endpoint: &str) -> bool {
    let url: Option<http::Uri> = endpoint.parse().ok();
    url.is_some_and(|url| match url.scheme_str() {
        Some("https") => true,
        Some("http") => url.host() == Some("127.0.0.1"),
        _ => false,
    })
}

impl Pusher {
    /// `public_url` is how people reach the node, without a slash at the end.
    pub fn new(key: Secret, public_url: String, egress: Egress) -> Self {
        let contact = public_url.starts_with("https://").then(|| public_url.clone());
        Self { key, contact, public_url, egress }
    }

    fn request(&self, to: &Subscription, message: &Message<'_>) -> Result<Request, PushError> {
        let body = encrypt(self.plaintext(message).as_bytes(), to)?;
        let endpoint = to.endpoint.expose();
        let token = vapid(&self.key, endpoint, self.contact.as_deref(), message.delivery.now)?;
        let is_urgent = matches!(message.level(), Some("P0" | "P1")) && !self.is_over(message);
        // 32 characters of base64url at most, and nothing that says what it is about.
        let topic = URL_SAFE_NO_PAD.encode(&Sha256::digest(message.key().as_bytes())[..24]);
        let name = HeaderName::from_static;
        Ok(Request::post(endpoint, body)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(AUTHORIZATION, &token)
            .header(name("ttl"), &TTL_SECS.to_string())
            .header(name("urgency"), if is_urgent { "high" } else { "normal" })
            .header(name("topic"), &topic))
    }

    /// One attempt.
    pub async fn push(&self, to: &Subscription, delivery: &Delivery) -> Pushed {
        let Content::Message { title, text, payload } = &delivery.content else {
            return Pushed::Failed(wrong_content(ChannelKind::WebPush));
        };
        let request = match self.request(to, &Message { delivery, title, text, payload }) {
            Ok(request) => request,
            Err(error @ PushError::Random) => {
                return Pushed::Failed(Outcome::Retryable { detail: error.to_string(), after: None });
            }
            Err(error) => return Pushed::Failed(Outcome::Permanent { detail: error.to_string() }),
        };
        match self.egress.send(request).await {
            Ok(response) if response.status.is_success() => Pushed::Taken,
            Ok(response) if [404, 410].contains(&response.status.as_u16()) => {
                Pushed::Gone(response.status.as_u16())
            }
            Ok(response) => Pushed::Failed(outcome_of_status(response.status, &response.headers)),
            Err(error) => Pushed::Failed(outcome_of_error(&error)),
        }
    }

    /// Whether nobody has to answer: it is over, or somebody has it in hand.
    fn is_over(&self, message: &Message<'_>) -> bool {
        message.is_over() || message.payload["type"] == ANSWERED
    }

    /// The path of an address of this node, which the worker of any of its origins can open; its list of incidents for
    /// every other address.
    fn path<'a>(&self, url: Option<&'a str>) -> &'a str {
        let path = url.and_then(|url| url.strip_prefix(&self.public_url));
        path.filter(|path| path.starts_with('/') && !path.starts_with("//")).unwrap_or("/incidents")
    }

    /// What the service worker (`ui/public/sw.js`) shows.
    fn plaintext(&self, message: &Message<'_>) -> String {
        let is_over = self.is_over(message);
        let answer = message.acknowledge_url().filter(|_| !is_over).map(|url| self.path(Some(url)));
        let mut room = BODY_BYTES_MAX;
        loop {
            let shown = json!({
                "title": clean(message.title, TITLE_MAX),
                "body": cut_bytes(&clean_lines(message.text, BODY_BYTES_MAX), room),
                "path": self.path(message.url()),
                "answer": answer,
                "tag": clean(&message.key(), TITLE_MAX),
                "over": is_over,
                "urgent": matches!(message.level(), Some("P0" | "P1")) && !is_over,
            })
            .to_string();
            // Marks that JSON has to escape take twice their place, and an address may be long.
            if shown.len() <= PLAINTEXT_MAX || room == 0 {
                return cut_bytes(&shown, PLAINTEXT_MAX);
            }
            room /= 2;
        }
    }
}

/// RFC 8291: encrypted for the browser, with a key that is used once.
fn encrypt(plaintext: &[u8], to: &Subscription) -> Result<Vec<u8>, PushError> {
    let random = SystemRandom::new();
    let decoded =
        |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| PushError::Browser);
    let (browser, auth) = (decoded(&to.p256dh)?, decoded(to.auth.expose())?);
    if browser.len() != 65 || auth.len() != 16 {
        return Err(PushError::Browser);
    }
    let mut salt = [0; 16];
    random.fill(&mut salt).map_err(|_| PushError::Random)?;
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(|_| PushError::Random)?;
    let public = own.compute_public_key().map_err(|_| PushError::Random)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &browser);
    agree_ephemeral(own, &theirs, |shared| {
        let (key, nonce) = keys(shared, &auth, &browser, public.as_ref(), &salt);
        seal(plaintext, &key, nonce, &salt, public.as_ref())
    })
    .map_err(|_| PushError::Browser)?
}

/// Content key and nonce, RFC 8291 section 3.4.
fn keys(shared: &[u8], auth: &[u8], browser: &[u8], own: &[u8], salt: &[u8]) -> ([u8; 16], [u8; 12]) {
    let secret = hmac(auth, &[shared]);
    let input = hmac(&secret, &[b"WebPush: info\0", browser, own, &[1]]);
    let pseudorandom = hmac(salt, &[&input]);
    let key = hmac(&pseudorandom, &[b"Content-Encoding: aes128gcm\0", &[1]]);
    let nonce = hmac(&pseudorandom, &[b"Content-Encoding: nonce\0", &[1]]);
    let (mut short_key, mut short_nonce) = ([0; 16], [0; 12]);
    short_key.copy_from_slice(&key[..16]);
    short_nonce.copy_from_slice(&nonce[..12]);
    (short_key, short_nonce)
}

/// Header and one record, RFC 8188 section 2.
fn seal(
    plaintext: &[u8],
    key: &[u8; 16],
    nonce: [u8; 12],
    salt: &[u8; 16],
    own: &[u8],
) -> Result<Vec<u8>, PushError> {
    let mut record = plaintext.to_vec();
    // The last record.
    record.push(2);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).map_err(|_| PushError::Browser)?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)
        .map_err(|_| PushError::Browser)?;
    let length = u8::try_from(own.len()).map_err(|_| PushError::Browser)?;
    Ok([salt.as_slice(), &4096_u32.to_be_bytes(), &[length], own, &record].concat())
}

/// RFC 8292: who sends, for the one push service, for half a day.
fn vapid(key: &Secret, endpoint: &str, contact: Option<&str>, now: Timestamp) -> Result<String, PushError> {
    let pair = pair(key)?;
    let mut claims = json!({"aud": origin(endpoint)?, "exp": now.as_secs() + TOKEN_SECS});
    if let Some(contact) = contact {
        claims["sub"] = json!(contact);
    }
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&json!({"typ": "JWT", "alg": "ES256"})), encode(&claims));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| PushError::Random)?;
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    Ok(format!("vapid t={token}, k={}", URL_SAFE_NO_PAD.encode(pair.public_key())))
}

fn origin(endpoint: &str) -> Result<String, PushError> {
    let url: http::Uri = endpoint.parse().map_err(|_| PushError::Endpoint)?;
    let (scheme, authority) = url.scheme_str().zip(url.authority()).ok_or(PushError::Endpoint)?;
    // With a login the origin would be another text than the one that the push service compares.
    if authority.as_str().contains('@') {
        return Err(PushError::Endpoint);
    }
    Ok(format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests;
