//! A key of AWS's key service that wraps data keys: the key itself never leaves it. JSON 1.1, `TrentService`; see
//! "GenerateDataKey", "Encrypt" and "Decrypt" in the KMS API reference.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nines_base::SharedClock;
use nines_egress::Egress;
use serde_json::{Value, json};

use super::AwsConfig;
use super::wire::{Fault, Wire};
use crate::CloudError;

/// What each wrapped key is bound to: an administrator sees it in CloudTrail, and can demand it in the key's policy.
const CONTEXT: (&str, &str) = ("application", "nines");

/// One key of one account and region.
pub struct Kms {
    wire: Wire,
    /// An id, an ARN, or `alias/name`.
    key: String,
}

impl Kms {
    pub fn new(config: AwsConfig, key: String, egress: Egress, clock: SharedClock) -> Self {
        Self { wire: Wire::new(config, egress, clock), key }
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// A fresh key of 256 bits, in clear and wrapped.
    pub async fn generate(&self) -> Result<(Vec<u8>, Vec<u8>), CloudError> {
        let answer = self.call("GenerateDataKey", json!({"KeyId": self.key, "KeySpec": "AES_256"})).await?;
        Ok((bytes(&answer, "Plaintext")?, bytes(&answer, "CiphertextBlob")?))
    }

    pub async fn wrap(&self, plain: &[u8]) -> Result<Vec<u8>, CloudError> {
        let answer =
            self.call("Encrypt", json!({"KeyId": self.key, "Plaintext": STANDARD.encode(plain)})).await?;
        bytes(&answer, "CiphertextBlob")
    }

    /// Names the key, so that what somebody wrapped by a key of their own is refused.
    pub async fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, CloudError> {
        let body = json!({"KeyId": self.key, "CiphertextBlob": STANDARD.encode(wrapped)});
        bytes(&self.call("Decrypt", body).await?, "Plaintext")
    }

    async fn call(&self, action: &str, mut body: Value) -> Result<Value, CloudError> {
        body["EncryptionContext"] = json!({CONTEXT.0: CONTEXT.1});
        match self.wire.json("kms", "1.1", &format!("TrentService.{action}"), &body).await {
            // Nothing here changes anything in the cloud: a lost answer is as good as none.
            Err(Fault { error: CloudError::Lost { operation, reason }, .. }) => {
                Err(CloudError::Unreachable { operation, reason })
            }
            other => Ok(other?),
        }
    }
}

fn bytes(answer: &Value, field: &str) -> Result<Vec<u8>, CloudError> {
    let text = answer.get(field).and_then(Value::as_str);
    text.and_then(|text| STANDARD.decode(text).ok()).ok_or_else(|| CloudError::Unreachable {
        operation: "use a key of kms".to_owned(),
        reason: format!("the answer has no {field}"),
    })
}
