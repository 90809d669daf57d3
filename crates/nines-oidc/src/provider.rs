//! One identity provider: where it is, who it says somebody is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use nines_base::{Random, SharedClock, percent_encoded};
use nines_egress::{Egress, Request, Response};
use nines_model::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::OidcError;
use crate::attempts::{Attempt, Attempts};
use crate::jwt::{Fault, KeySet};

/// Providers change keys over days and keep the old ones for a while.
const METADATA_TTL: Duration = Duration::from_secs(3600);
/// A token by a key that is not known fetches the keys anew, but not more often than this.
const REFETCH_PAUSE: Duration = Duration::from_secs(60);
/// How far the provider's clock may be from ours.
const SKEW: Duration = Duration::from_secs(60);
/// Groups of one person that are looked at.
const GROUPS_MAX: usize = 2_000;

#[derive(Clone)]
pub struct ProviderConfig {
    /// As the provider writes it, without `/.well-known/openid-configuration`.
    pub issuer: String,
    /// On the button.
    pub name: String,
    pub client_id: String,
    /// Empty for a public client.
    pub client_secret: String,
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
    /// The claim that lists groups.
    pub groups_claim: String,
    /// From a group to a role's word; `*` is anybody that the provider vouches for. The strongest counts.
    pub roles: BTreeMap<String, String>,
}

/// Where to send the browser, and what to remember it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub url: String,
    /// For a cookie of this browser.
    pub browser: String,
}

/// Whom the provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `issuer|sub`: never anybody else's.
    pub subject: String,
    /// For people to read. It opens nothing.
    pub name: String,
    /// Words of roles that the person's groups have here, as configured.
    pub roles: Vec<String>,
    /// `amr` says that more than one factor was shown (RFC 8176).
    pub second_factor: bool,
}

pub struct Provider {
    config: ProviderConfig,
    egress: Egress,
    clock: SharedClock,
    random: Random,
    attempts: Attempts,
    known: tokio::sync::Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    metadata: Arc<Metadata>,
    keys: Arc<KeySet>,
    read_at: Timestamp,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

impl Provider {
    pub fn new(config: ProviderConfig, egress: Egress, clock: SharedClock, random: Random) -> Self {
        let (attempts, known) = (Attempts::default(), tokio::sync::Mutex::default());
        Self { config, egress, clock, random, attempts, known }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The words of roles that some group has here.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.config.roles.values().map(String::as_str)
    }

    /// Begins a sign-in.
    pub async fn begin(&self) -> Result<Begun, OidcError> {
        let known = self.known(false).await?;
        let [state, nonce, verifier, browser] = [(); 4].map(|()| self.text());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let query = encoded(&[
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", &self.config.redirect_uri),
            ("scope", "openid profile email groups"),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let endpoint = &known.metadata.authorization_endpoint;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        let url = format!("{endpoint}{separator}{query}");
        self.attempts.add(Attempt {
            state,
            browser: browser.clone(),
            nonce,
            verifier,
            begun_at: self.clock.now(),
        });
        Ok(Begun { url, browser })
    }

    /// Exchanges the code that the browser brought back for who it is. `browser` is what its cookie says.
    pub async fn finish(&self, state: &str, code: &str, browser: &str) -> Result<Identity, OidcError> {
        let attempt =
            self.attempts.take(state, browser, self.clock.now()).ok_or(OidcError::UnknownAttempt)?;
        let known = self.known(false).await?;
        let token = self.exchange(&known.metadata, code, &attempt.verifier).await?;
        let claims = match known.keys.claims(&token) {
            Err(Fault::UnknownKey) => self.known(true).await?.keys.claims(&token),
            other => other,
        };
        let claims = claims.map_err(|fault| match fault {
            Fault::UnknownKey => bad("it is signed by a key that the provider does not publish"),
            Fault::Bad(reason) => bad(reason),
        })?;
        self.checked(&claims, &attempt.nonce)?;
        self.identity(&claims)
    }

    /// OpenID Connect Core 1.0, section 3.1.3.7.
    fn checked(&self, claims: &Value, nonce: &str) -> Result<(), OidcError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(self.config.issuer.as_str()) {
            return Err(bad("it is from another issuer"));
        }
        let client = Some(self.config.client_id.as_str());
        let audiences: Vec<_> = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one.as_str()],
            _ => Vec::new(),
        };
        if !audiences.iter().any(|audience| Some(*audience) == client) {
            return Err(bad("it is for somebody else"));
        }
        if (audiences.len() > 1 || text("azp").is_some()) && text("azp") != client {
            return Err(bad("it was given to somebody else"));
        }
        let now = self.clock.now();
        let at = |name: &str| {
            claims.get(name).and_then(Value::as_f64).map(|secs| Timestamp::from_secs(secs as i64))
        };
        if at("exp").is_none_or(|expiry| expiry + SKEW <= now) {
            return Err(bad("it has expired"));
        }
        if at("iat").is_none_or(|issued| issued > now + SKEW) {
            return Err(bad("it was issued in the future: compare the clocks"));
        }
        if at("nbf").is_some_and(|begin| begin > now + SKEW) {
            return Err(bad("it is not valid yet"));
        }
        if text("nonce") != Some(nonce) {
            return Err(bad("it belongs to another sign-in"));
        }
        Ok(())
    }

    fn identity(&self, claims: &Value) -> Result<Identity, OidcError> {
        let text =
            |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let subject = text("sub").ok_or_else(|| bad("it names nobody"))?;
        let email = text("email").filter(|_| claims.get("email_verified") == Some(&Value::Bool(true)));
        let name = text("preferred_username").or(email).or_else(|| text("name")).unwrap_or(subject);
        let groups: Vec<&str> = match claims.get(&self.config.groups_claim) {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).take(GROUPS_MAX).collect(),
            Some(Value::String(one)) => vec![one.as_str()],
            _ => Vec::new(),
        };
        let methods = claims.get("amr").and_then(Value::as_array);
        let mapped = |group: &str| self.config.roles.get(group).cloned();
        Ok(Identity {
            subject: format!("{}|{subject}", self.config.issuer),
            name: name.trim().to_owned(),
            roles: groups.into_iter().chain(["*"]).filter_map(mapped).collect(),
            second_factor: methods.is_some_and(|methods| methods.iter().any(|method| method == "mfa")),
        })
    }

    async fn exchange(&self, metadata: &Metadata, code: &str, verifier: &str) -> Result<String, OidcError> {
        let config = &self.config;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", config.redirect_uri.as_str()),
            ("code_verifier", verifier),
            ("client_id", config.client_id.as_str()),
        ];
        // RFC 6749, section 2.3.1: Basic unless the provider takes the form only.
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.iter().any(|known| known == method);
        let by_form = takes("client_secret_post") && !takes("client_secret_basic");
        if by_form && !config.client_secret.is_empty() {
            form.push(("client_secret", config.client_secret.as_str()));
        }
        let mut request = Request::post(&metadata.token_endpoint, encoded(&form))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        if !by_form && !config.client_secret.is_empty() {
            let pair =
                format!("{}:{}", percent_encoded(&config.client_id), percent_encoded(&config.client_secret));
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            request = request.header(AUTHORIZATION, &format!("Basic {pair}"));
        }
        let response = self.sent(request).await?;
        if !response.status.is_success() {
            // Its body may repeat the code; the status is enough to know where to look.
            let reason = format!("its token endpoint answered {}", response.status.as_u16());
            return Err(OidcError::Refused { reason });
        }
        let tokens: Tokens = self.read(&response, "the token endpoint's answer")?;
        tokens
            .id_token
            .ok_or_else(|| self.setup("its token endpoint gives no id_token: ask for the scope openid"))
    }

    /// Metadata and keys, fetched when they are old, or `anew` if that was not done a moment ago.
    async fn known(&self, anew: bool) -> Result<Known, OidcError> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        let ttl = if anew { REFETCH_PAUSE } else { METADATA_TTL };
        if let Some(known) = known.as_ref().filter(|known| now.since(known.read_at) < ttl) {
            return Ok(known.clone());
        }
        let issuer = &self.config.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = self.read(&self.sent(Request::get(url)).await?, "its discovery document")?;
        if metadata.issuer != *issuer {
            return Err(self.setup(&format!("it calls itself {}", metadata.issuer)));
        }
        let keys: KeySet = self.read(&self.sent(Request::get(&metadata.jwks_uri)).await?, "its keys")?;
        let fresh = Known { metadata: Arc::new(metadata), keys: Arc::new(keys), read_at: now };
        *known = Some(fresh.clone());
        Ok(fresh)
    }

    async fn sent(&self, request: Request) -> Result<Response, OidcError> {
        self.egress.send(request).await.map_err(|error| OidcError::Unreachable {
            issuer: self.config.issuer.clone(),
            reason: nines_base::root_cause(&error),
        })
    }

    fn read<T: DeserializeOwned>(&self, response: &Response, what: &str) -> Result<T, OidcError> {
        if !response.status.is_success() {
            return Err(self.setup(&format!("{what} answered {}", response.status.as_u16())));
        }
        // The parser's message could quote a token.
        serde_json::from_slice(&response.body).map_err(|_| self.setup(&format!("{what} cannot be read")))
    }

    fn setup(&self, reason: &str) -> OidcError {
        OidcError::Setup { issuer: self.config.issuer.clone(), reason: reason.to_owned() }
    }

    /// 256 random bits as 43 characters, which is what RFC 7636 asks of a verifier.
    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.random.bytes::<32>())
    }
}

fn bad(reason: &str) -> OidcError {
    OidcError::BadToken { reason: reason.to_owned() }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use nines_base::ManualClock;
    use serde_json::json;

    use super::*;

    fn provider() -> Provider {
        let roles =
            [("sre", "admin"), ("*", "viewer")].map(|(group, role)| (group.to_owned(), role.to_owned()));
        let config = ProviderConfig {
            issuer: "https://id.example".to_owned(),
            name: "Example".to_owned(),
            client_id: "nines".to_owned(),
            client_secret: String::new(),
            redirect_uri: "https://sre.example/oidc/callback".to_owned(),
            groups_claim: "groups".to_owned(),
            roles: roles.into(),
        };
        let egress = Egress::new(nines_egress::Config::default()).unwrap();
        Provider::new(config, egress, ManualClock::at(Timestamp::from_secs(1_000)), Random::from_seed(1))
    }

    #[test]
    fn every_claim_that_guards_is_checked() {
        let good = json!({
            "iss": "https://id.example", "aud": "nines", "exp": 1_100, "iat": 990, "nonce": "n", "sub": "7",
        });
        let provider = provider();
        let check = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            provider.checked(&claims, "n")
        };
        provider.checked(&good, "n").unwrap();
        check("aud", json!(["nines"])).unwrap();
        check("exp", json!(950)).unwrap();
        for (name, value) in [
            ("iss", json!("https://id.example/")),
            ("aud", json!("other")),
            ("aud", json!(["nines", "other"])),
            ("aud", Value::Null),
            ("azp", json!("other")),
            ("exp", json!(940)),
            ("exp", Value::Null),
            ("iat", json!(1_061)),
            ("nbf", json!(1_061)),
            ("nonce", json!("m")),
            ("nonce", Value::Null),
        ] {
            assert!(check(name, value.clone()).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn groups_give_roles_and_an_address_that_nobody_verified_is_no_name() {
        let provider = provider();
        let claims = json!({"sub": "7", "email": "owner@example.com", "groups": ["sre", "cooks"]});
        let identity = provider.identity(&claims).unwrap();
        assert_eq!(identity.subject, "https://id.example|7");
        assert_eq!(
            (identity.name.as_str(), identity.roles),
            ("7", vec!["admin".to_owned(), "viewer".to_owned()])
        );
        let claims = json!({"sub": "7", "email": "mei@example.com", "email_verified": true});
        assert_eq!(provider.identity(&claims).unwrap().name, "mei@example.com");
        assert!(provider.identity(&json!({"sub": ""})).is_err());
        for (methods, second_factor) in [
            (json!(["pwd", "mfa"]), true),
            (json!(["pwd"]), false),
            (json!("mfa"), false),
            (Value::Null, false),
        ] {
            let identity = provider.identity(&json!({"sub": "7", "amr": methods})).unwrap();
            assert_eq!(identity.second_factor, second_factor, "{methods}");
        }
    }
}
