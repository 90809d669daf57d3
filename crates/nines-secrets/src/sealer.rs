//! Stored text that holds secrets without being one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use nines_base::Random;

use crate::{DataKey, SecretError};

/// What sealed text begins with. No YAML document that means anything begins so.
const MARK: &str = "sealed:1:";

/// Seals text by one data key. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    purpose: Arc<str>,
    key: Arc<DataKey>,
    random: Random,
}

impl Sealer {
    pub fn new(purpose: &str, key: DataKey, random: Random) -> Self {
        Self { purpose: purpose.into(), key: Arc::new(key), random }
    }

    pub fn is_sealed(text: &str) -> bool {
        text.starts_with(MARK)
    }

    /// `context` must be the same to open it, so that a row moved elsewhere does not open.
    pub fn seal(&self, context: &str, text: &str) -> String {
        let sealed = self.key.seal(&self.random, &self.bound(context), text.as_bytes());
        format!("{MARK}{}", STANDARD_NO_PAD.encode(sealed))
    }

    /// Text that was never sealed is given as it is: it was stored before there was a key.
    pub fn open(&self, context: &str, text: &str) -> Result<String, SecretError> {
        let Some(sealed) = text.strip_prefix(MARK) else { return Ok(text.to_owned()) };
        let plain =
            STANDARD_NO_PAD.decode(sealed).ok().and_then(|it| self.key.open(&self.bound(context), &it));
        let text = plain.and_then(|plain| String::from_utf8(plain.to_vec()).ok());
        text.ok_or_else(|| SecretError::Damaged { what: context.to_owned() })
    }

    fn bound(&self, context: &str) -> String {
        format!("nines {}\0{context}", self.purpose)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.purpose)
    }
}
