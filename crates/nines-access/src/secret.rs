//! Secrets: how they are made, written, read back and compared.

use std::fmt;
use std::hash::{Hash, Hasher};

use nines_base::Random;
use sha2::{Digest as _, Sha256};

use crate::{Grant, KeyId};

/// 256 bits: nothing to guess, so a fast hash is enough.
const SECRET_BYTES: usize = 32;
/// Text of [`SECRET_BYTES`] in [`ALPHABET`]: 256 / 5 rounded up.
const SECRET_CHARS: usize = 52;
/// Crockford's base 32 in lower case: no letter looks like a digit, and `_` cannot appear.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Whether a byte is in [`ALPHABET`]: asked for each character of each request's key.
const IS_CODE: [bool; 256] = {
    let mut is_code = [false; 256];
    let mut at = 0;
    while at < ALPHABET.len() {
        is_code[ALPHABET[at] as usize] = true;
        at += 1;
    }
    is_code
};

/// Text that opens something. It prints as dots; [`Secret::expose`] is the only way to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// SHA-256 of a secret: what is stored.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Secret {
    /// A fresh token of a session or a link.
    pub fn random(random: &Random) -> Self {
        Self(base32(&random.bytes::<SECRET_BYTES>()))
    }

    /// A fresh key: `nin_<kind>_<id>_<secret>`.
    pub fn random_key(random: &Random, grant: Grant) -> (KeyId, Self) {
        let id = KeyId(base32(&random.bytes::<8>()));
        let secret = base32(&random.bytes::<SECRET_BYTES>());
        let text = format!("nin_{}_{id}_{secret}", grant.as_str());
        (id, Self(text))
    }

    /// A recovery code: 80 bits in four groups, to be written on paper.
    pub fn random_recovery(random: &Random) -> Self {
        let text = base32(&random.bytes::<10>());
        let groups: Vec<&str> = [0, 4, 8, 12].iter().map(|start| &text[*start..start + 4]).collect();
        Self(groups.join("-"))
    }

    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself. For the one place that hands it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl Digest {
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// Looks at every byte whatever the earlier ones were. (What leaked would be a hash of a random secret anyway.)
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(&other.0).fold(0, |all, (mine, theirs)| all | (mine ^ theirs));
        std::hint::black_box(difference) == 0
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The id in a key's text, if the text has the shape of a key. Says nothing about whether it is a good one.
pub(crate) fn key_id(text: &str) -> Option<&str> {
    let mut parts = text.strip_prefix("nin_")?.split('_');
    let (kind, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let is_code = |text: &str| text.bytes().all(|byte| IS_CODE[usize::from(byte)]);
    let has_shape = parts.next().is_none()
        && Grant::ALL[1..].iter().any(|grant| grant.as_str() == kind)
        && id.len() == 13
        && secret.len() == SECRET_CHARS
        && is_code(id)
        && is_code(secret);
    has_shape.then_some(id)
}

/// The first characters of a key, to recognise it by: kind and id, nothing of the secret.
pub(crate) fn key_prefix(grant: Grant, id: &KeyId) -> String {
    format!("nin_{}_{id}", grant.as_str())
}

pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity((bytes.len() * 8).div_ceil(5));
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            out.push(char::from(ALPHABET[(bits >> held) as usize & 31]));
            bits &= (1 << held) - 1;
        }
    }
    if held > 0 {
        out.push(char::from(ALPHABET[(bits << (5 - held)) as usize & 31]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn keys_carry_their_id_and_print_as_dots() {
        let random = Random::from_seed(1);
        for grant in &Grant::ALL[1..] {
            let (id, secret) = Secret::random_key(&random, *grant);
            assert_eq!(key_id(secret.expose()), Some(id.0.as_str()));
            assert!(secret.expose().starts_with(&key_prefix(*grant, &id)));
            assert_eq!(format!("{secret:?} {:?}", secret.digest()), "Secret(…) Digest(…)");
            assert_eq!(Digest::from_hex(&secret.digest().to_hex()), Some(secret.digest()));
        }
        let (_, good) = Secret::random_key(&random, Grant::Role(Role::Owner));
        let good = good.expose();
        for bad in [
            "",
            "nin_",
            "nin_owner__",
            &good[4..],
            &good[..good.len() - 1],
            &format!("{good}0"),
            &format!("{good}_x"),
            &good.replace("owner", "root"),
            &good.to_uppercase(),
        ] {
            assert_eq!(key_id(bad), None, "{bad}");
        }
    }

    /// Crockford's alphabet over RFC 4648's bit order: the RFC's vector "foobar" (`mzxw6ytboi`) in that alphabet.
    #[test]
    fn base32_keeps_the_bit_order_of_rfc_4648() {
        assert_eq!(base32(b"foobar"), "csqpyrk1e8");
        assert_eq!(base32(&[0xff; 32]).len(), SECRET_CHARS);
    }
}
