//! Signed tokens (RFC 7515, 7517, 7518): the few forms that identity providers sign with, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// Bytes of a token: providers put groups in, and thousands of them are a misconfiguration.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Keys of a provider that are looked at.
const KEYS_MAX: usize = 32;

/// A provider's published keys.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Debug, Clone, Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that have to be understood: none is.
    crit: Option<Value>,
}

/// What is wrong with a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The keys that are known do not include the one that is named: worth fetching them anew.
    UnknownKey,
    Bad(&'static str),
}

impl KeySet {
    /// The claims of a token that one of these keys signed. Nothing of them is checked yet.
    pub fn claims(&self, token: &str) -> Result<Value, Fault> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Fault::Bad("it is too long"));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Fault::Bad("it is no signed token"));
        };
        let signed = &token[..header.len() + 1 + claims.len()];
        let header: Header = decoded(header)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or(Fault::Bad("its header cannot be read"))?;
        if header.crit.is_some() {
            return Err(Fault::Bad("it asks for an extension that is not known here"));
        }
        if !["RS256", "PS256", "ES256", "EdDSA"].contains(&header.alg.as_str()) {
            return Err(Fault::Bad(
                "it is not signed in a way that is taken here (RS256, PS256, ES256, EdDSA)",
            ));
        }
        let signature = decoded(signature).ok_or(Fault::Bad("its signature cannot be read"))?;
        let mut fits = self.keys.iter().take(KEYS_MAX).filter(|key| key.fits(&header)).peekable();
        if fits.peek().is_none() {
            return Err(Fault::UnknownKey);
        }
        if !fits.any(|key| key.verifies(&header.alg, signed.as_bytes(), &signature) == Some(true)) {
            return Err(Fault::Bad("its signature is wrong"));
        }
        decoded(claims)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .filter(Value::is_object)
            .ok_or(Fault::Bad("its claims cannot be read"))
    }
}

impl Jwk {
    fn fits(&self, header: &Header) -> bool {
        let kind = match header.alg.as_str() {
            "RS256" | "PS256" => "RSA",
            "ES256" => "EC",
            _ => "OKP",
        };
        self.kty == kind
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.alg.as_deref().is_none_or(|alg| alg == header.alg)
            && (header.kid.is_none() || self.kid == header.kid)
    }

    /// `None` for a key that is not whole.
    fn verifies(&self, algorithm: &str, signed: &[u8], signature: &[u8]) -> Option<bool> {
        let part = |text: &Option<String>| decoded(text.as_deref()?);
        let is_ok = match algorithm {
            "RS256" | "PS256" => {
                let how: &RsaParameters = if algorithm == "RS256" {
                    &RSA_PKCS1_2048_8192_SHA256
                } else {
                    &RSA_PSS_2048_8192_SHA256
                };
                let key = RsaPublicKeyComponents { n: part(&self.n)?, e: part(&self.e)? };
                key.verify(how, signed, signature).is_ok()
            }
            "ES256" => {
                if self.crv.as_deref() != Some("P-256") {
                    return None;
                }
                // SEC 1's uncompressed point.
                let point = [&[4][..], &part(&self.x)?, &part(&self.y)?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
            _ => {
                if self.crv.as_deref() != Some("Ed25519") {
                    return None;
                }
                UnparsedPublicKey::new(&ED25519, part(&self.x)?).verify(signed, signature).is_ok()
            }
        };
        Some(is_ok)
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    fn encoded(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    struct Issuer(EcdsaKeyPair);

    impl Issuer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
        }

        fn keys(&self, kid: &str) -> KeySet {
            let point = self.0.public_key().as_ref();
            let part = |range| URL_SAFE_NO_PAD.encode(&point[range]);
            let key = json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": part(1..33), "y": part(33..65)});
            serde_json::from_value(json!({"keys": [key]})).unwrap()
        }

        fn token(&self, header: &Value, claims: &Value) -> String {
            let signed = format!("{}.{}", encoded(header), encoded(claims));
            let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    #[test]
    fn only_what_the_provider_signed_is_read() {
        let (issuer, other) = (Issuer::new(), Issuer::new());
        let claims = json!({"sub": "7"});
        let header = json!({"alg": "ES256", "kid": "a"});
        let good = issuer.token(&header, &claims);
        let keys = issuer.keys("a");
        assert_eq!(keys.claims(&good), Ok(claims.clone()));
        assert_eq!(keys.claims(&other.token(&header, &claims)), Err(Fault::Bad("its signature is wrong")));
        assert_eq!(issuer.keys("b").claims(&good), Err(Fault::UnknownKey));
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "HS256", "kid": "a"}),
            json!({"alg": "ES256", "kid": "a", "crit": ["b64"]}),
            json!({"kid": "a"}),
        ] {
            let token = issuer.token(&header, &claims);
            assert!(matches!(keys.claims(&token), Err(Fault::Bad(_))), "{header}");
        }
        let unsigned = format!("{}.{}.", encoded(&json!({"alg": "none"})), encoded(&claims));
        let (head, _) = good.rsplit_once('.').unwrap();
        let swapped = format!(
            "{}.{}.{}",
            encoded(&header),
            encoded(&json!({"sub": "8"})),
            good.rsplit('.').next().unwrap()
        );
        for bad in [unsigned.as_str(), head, "", "..", "a.b.c", &format!("{good}.x"), &swapped] {
            assert!(keys.claims(bad).is_err(), "{bad}");
        }
    }
}
