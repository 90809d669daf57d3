//! One data key, one value: AES-256-GCM with a fresh nonce, bound to what it is for.

use nines_base::Random;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::SecretText;

/// The first byte of what is sealed, so that another way can follow.
const FORM: u8 = 1;
pub(crate) const KEY_BYTES: usize = 32;

/// 256 random bits. Overwritten when dropped; it does not print.
pub struct DataKey(Zeroizing<[u8; KEY_BYTES]>);

impl DataKey {
    pub fn random(random: &Random) -> Self {
        Self(Zeroizing::new(random.bytes()))
    }

    /// `None` if there are not as many bytes as a key has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// For the master key that wraps it.
    pub fn expose(&self) -> &[u8] {
        &*self.0
    }

    /// Form, nonce, ciphertext and tag. `context` is not in it, but must be the same to open it.
    pub fn seal(&self, random: &Random, context: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(plain);
        self.key()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut sealed,
            )
            .expect("a value is far shorter than what the cipher can take");
        let head = [&[FORM][..], &nonce].concat();
        sealed.splice(0..0, head);
        sealed
    }

    /// `None` if it was changed, or sealed by another key or for something else.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (form, rest) = sealed.split_first()?;
        if *form != FORM || rest.len() < NONCE_LEN {
            return None;
        }
        let (nonce, ciphertext) = rest.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let length = self.key().open_in_place(nonce, Aad::from(context.as_bytes()), &mut buffer).ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }

    pub(crate) fn open_text(&self, context: &str, sealed: &[u8]) -> Option<SecretText> {
        let plain = self.open(context, sealed)?;
        Some(SecretText::new(std::str::from_utf8(&plain).ok()?))
    }

    fn key(&self) -> LessSafeKey {
        LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, self.expose()).expect("the key has the cipher's length"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_context_and_every_flip_is_seen() {
        let random = Random::from_seed(7);
        let (key, other) = (DataKey::random(&random), DataKey::random(&random));
        let sealed = key.seal(&random, "a@1", b"hush");
        assert_eq!(&**key.open("a@1", &sealed).unwrap(), b"hush");
        assert!(key.open("a@2", &sealed).is_none() && other.open("a@1", &sealed).is_none());
        for index in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[index] ^= 1;
            assert!(key.open("a@1", &bad).is_none(), "byte {index}");
        }
        for length in 0..sealed.len() {
            assert!(key.open("a@1", &sealed[..length]).is_none());
        }
        assert_ne!(sealed, key.seal(&random, "a@1", b"hush"), "each sealing has a nonce of its own");
    }
}
