//! Master keys: what data keys are wrapped by.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nines_base::Random;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{DataKey, SecretError};

/// 256 bits.
pub const MASTER_KEY_BYTES: usize = 32;
/// What a wrapped data key is bound to.
const CONTEXT: &str = "nines data key";

/// A data key as it is stored: who wrapped it, and what came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    pub master: String,
    pub bytes: Vec<u8>,
}

/// Makes data keys and opens them again. The key itself may live elsewhere, so calls may take a while and fail.
#[async_trait]
pub trait MasterKey: Send + Sync + 'static {
    /// Tells this key from every other; says nothing about its bits. Stored beside what it wrapped.
    fn id(&self) -> &str;

    /// A fresh data key, and its wrapped form.
    async fn generate(&self) -> Result<(DataKey, Vec<u8>), SecretError>;

    /// Wraps a data key that another master key made.
    async fn wrap(&self, key: &DataKey) -> Result<Vec<u8>, SecretError>;

    async fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey, SecretError>;
}

/// A key that this machine holds, in a file or in the environment.
pub struct LocalMaster {
    id: String,
    key: DataKey,
    random: Random,
}

impl LocalMaster {
    pub fn from_bytes(bytes: &[u8; MASTER_KEY_BYTES], random: Random) -> Self {
        // Eight bytes of a hash with a prefix of its own: enough to tell keys apart, useless to find one.
        let digest = Sha256::new().chain_update(b"nines master key id\0").chain_update(bytes).finalize();
        let id: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let key = DataKey::from_bytes(bytes).expect("a master key is as long as a data key");
        Self { id: format!("local:{id}"), key, random }
    }

    /// 32 bytes as 64 hexadecimal digits or in base 64, with white space around.
    ///
    /// # Errors
    /// `from` says where the text came from, for the message; the text is not repeated.
    pub fn from_text(text: &str, from: &str, random: Random) -> Result<Self, SecretError> {
        let text = text.trim();
        let bytes = Zeroizing::new(
            if text.len() == 2 * MASTER_KEY_BYTES { from_hex(text) } else { STANDARD.decode(text).ok() }
                .unwrap_or_default(),
        );
        let bytes: &[u8; MASTER_KEY_BYTES] =
            bytes.as_slice().try_into().map_err(|_| SecretError::Master {
                id: from.to_owned(),
                reason:
                    "it is not 32 bytes in base 64 or hexadecimal; make one with `openssl rand -base64 32`"
                        .to_owned(),
            })?;
        Ok(Self::from_bytes(bytes, random))
    }

    /// A fresh key as it is written to a file.
    pub fn random_text(random: &Random) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(random.bytes::<MASTER_KEY_BYTES>()))
    }
}

#[async_trait]
impl MasterKey for LocalMaster {
    fn id(&self) -> &str {
        &self.id
    }

    async fn generate(&self) -> Result<(DataKey, Vec<u8>), SecretError> {
        let key = DataKey::random(&self.random);
        let wrapped = self.wrap(&key).await?;
        Ok((key, wrapped))
    }

    async fn wrap(&self, key: &DataKey) -> Result<Vec<u8>, SecretError> {
        Ok(self.key.seal(&self.random, CONTEXT, key.expose()))
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey, SecretError> {
        let opened = self.key.open(CONTEXT, wrapped).and_then(|plain| DataKey::from_bytes(&plain));
        opened.ok_or_else(|| SecretError::Damaged { what: "a data key".to_owned() })
    }
}

/// The master key in use, and those before it.
#[derive(Clone)]
pub struct Keyring {
    current: Arc<dyn MasterKey>,
    previous: Vec<Arc<dyn MasterKey>>,
}

impl Keyring {
    pub fn new(current: Arc<dyn MasterKey>, previous: Vec<Arc<dyn MasterKey>>) -> Self {
        Self { current, previous }
    }

    /// The id of the key in use.
    pub fn id(&self) -> &str {
        self.current.id()
    }

    pub(crate) async fn generate(&self) -> Result<(DataKey, Wrapped), SecretError> {
        let (key, bytes) = self.current.generate().await?;
        Ok((key, Wrapped { master: self.current.id().to_owned(), bytes }))
    }

    pub(crate) async fn rewrap(&self, key: &DataKey) -> Result<Wrapped, SecretError> {
        let bytes = self.current.wrap(key).await?;
        Ok(Wrapped { master: self.current.id().to_owned(), bytes })
    }

    pub(crate) async fn unwrap(&self, what: &str, wrapped: &Wrapped) -> Result<DataKey, SecretError> {
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let Some(master) = keys.find(|key| key.id() == wrapped.master) else {
            return Err(SecretError::WrongMaster { what: what.to_owned(), needed: wrapped.master.clone() });
        };
        match master.unwrap(&wrapped.bytes).await {
            Err(SecretError::Damaged { .. }) => Err(SecretError::Damaged { what: what.to_owned() }),
            other => other,
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_read_in_both_forms_and_a_wrong_one_is_not_repeated() {
        let random = Random::from_seed(1);
        let bytes = [0xa5; MASTER_KEY_BYTES];
        let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let one = LocalMaster::from_text(&format!(" {hex}\n"), "a file", random.clone()).unwrap();
        let other = LocalMaster::from_text(&STANDARD.encode(bytes), "a file", random.clone()).unwrap();
        assert_eq!(one.id(), other.id());
        let (key, wrapped) = one.generate().await.unwrap();
        assert_eq!(other.unwrap(&wrapped).await.unwrap().expose(), key.expose());
        let error = LocalMaster::from_text("hunter2-hunter2", "a file", random).err().unwrap().to_string();
        assert!(error.contains("a file") && !error.contains("hunter2"), "{error}");
    }
}
