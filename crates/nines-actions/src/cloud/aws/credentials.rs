//! Who we are at AWS: the usual chain, and a role taken on for a while.
//!
//! In order: `AWS_ACCESS_KEY_ID` in the environment, the shared credentials file, the container's endpoint (ECS, EKS pod
//! identity), the instance's metadata (IMDSv2 only). With a role, those credentials only ask STS for it; what the role
//! gives is short-lived and used for everything else. Temporary credentials are fetched again [`REFRESH_BEFORE`] their end.
//!
//! The metadata endpoints are addresses that [`Egress`] refuses: the caller gives an `Egress` of its own for them, which
//! allows exactly those.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, Method};
use nines_base::SharedClock;
use nines_egress::{Egress, Request, Response};
use nines_model::Timestamp;
use serde::Deserialize;

use crate::CloudError;

/// As the SDKs do: five minutes before they end.
pub const REFRESH_BEFORE: Duration = Duration::from_secs(300);
/// A role is taken on for the shortest time that STS gives.
pub(super) const ROLE_SECS: u32 = 900;

const METADATA: &str = "http://169.254.169.254";
const CONTAINER: &str = "http://169.254.170.2";

/// Keys; they print nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    secret: String,
    token: Option<String>,
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Credentials {
    pub fn new(access_key: &str, secret: &str, token: Option<&str>, expires_at: Option<Timestamp>) -> Self {
        let token = token.filter(|token| !token.is_empty()).map(str::to_owned);
        Self { access_key: access_key.to_owned(), secret: secret.to_owned(), token, expires_at }
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub(super) fn is_good_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| now + REFRESH_BEFORE < expiry)
    }
}

/// Where to look for credentials.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// The environment, given whole so that a test has its own.
    pub variables: BTreeMap<String, String>,
    /// `~/.aws/credentials` unless `AWS_SHARED_CREDENTIALS_FILE` says otherwise.
    pub home: Option<PathBuf>,
    /// Reaches the metadata endpoints. `None` leaves them out.
    pub metadata: Option<Egress>,
    /// Another address of the instance's metadata, for tests.
    pub metadata_url: Option<String>,
}

impl Chain {
    /// The first credentials that are found.
    ///
    /// # Errors
    /// [`CloudError::Forbidden`] if there are none, saying where was looked; [`CloudError::Unreachable`] if an endpoint that
    /// is configured does not answer.
    pub async fn load(&self, clock: &SharedClock) -> Result<Credentials, CloudError> {
        if let Some(found) = self.of_environment() {
            return Ok(found);
        }
        if let Some(found) = self.of_file()? {
            return Ok(found);
        }
        if let Some(metadata) = &self.metadata {
            if let Some(found) = self.of_container(metadata).await? {
                return Ok(found);
            }
            if self.variable("AWS_EC2_METADATA_DISABLED") != Some("true") {
                return self.of_instance(metadata, clock).await;
            }
        }
        Err(CloudError::Forbidden {
            operation: "find aws credentials".to_owned(),
            reason:
                "neither the environment, the shared credentials file, a container nor the instance has any"
                    .to_owned(),
        })
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn of_environment(&self) -> Option<Credentials> {
        let (id, secret) = self.variable("AWS_ACCESS_KEY_ID").zip(self.variable("AWS_SECRET_ACCESS_KEY"))?;
        Some(Credentials::new(id, secret, self.variable("AWS_SESSION_TOKEN"), None))
    }

    fn of_file(&self) -> Result<Option<Credentials>, CloudError> {
        let named = self.variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
        let usual = self.home.as_ref().map(|home| home.join(".aws/credentials"));
        let Some(path) = named.or(usual) else { return Ok(None) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(unreadable(format!("the shared credentials file cannot be read: {error}")));
            }
        };
        let profile = profile(&text, self.variable("AWS_PROFILE").unwrap_or("default"));
        let value = |name: &str| profile.get(name).map(String::as_str);
        let keys = value("aws_access_key_id").zip(value("aws_secret_access_key"));
        Ok(keys.map(|(id, secret)| Credentials::new(id, secret, value("aws_session_token"), None)))
    }

    async fn of_container(&self, metadata: &Egress) -> Result<Option<Credentials>, CloudError> {
        let relative = self.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let full = self.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").map(str::to_owned);
        let Some(url) = relative.map(|path| format!("{CONTAINER}{path}")).or(full) else { return Ok(None) };
        let mut request = Request::get(url);
        let file = self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        let token = match file {
            Some(file) => Some(std::fs::read_to_string(file).map_err(|error| {
                unreadable(format!("the container's token file cannot be read: {error}"))
            })?),
            None => self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(str::to_owned),
        };
        if let Some(token) = token {
            request = request.header(http::header::AUTHORIZATION, token.trim());
        }
        read_keys(&fetch(metadata, request, "the container's credentials").await?).map(Some)
    }

    async fn of_instance(&self, metadata: &Egress, clock: &SharedClock) -> Result<Credentials, CloudError> {
        const WHAT: &str = "the instance's credentials";
        let base = self.metadata_url.as_deref().unwrap_or(METADATA);
        let mut session = Request::post(format!("{base}/latest/api/token"), "");
        session.method = Method::PUT;
        let session = session.header(HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"), "300");
        let token = fetch(metadata, session, WHAT).await?;
        let token = String::from_utf8_lossy(&token.body).trim().to_owned();
        let get = |path: &str| {
            Request::get(format!("{base}/latest/meta-data/iam/security-credentials/{path}"))
                .header(HeaderName::from_static("x-aws-ec2-metadata-token"), &token)
        };
        let role = fetch(metadata, get(""), WHAT).await?;
        let role = String::from_utf8_lossy(&role.body);
        let role = role.lines().next().unwrap_or_default().trim().to_owned();
        let found = read_keys(&fetch(metadata, get(&role), WHAT).await?)?;
        if found.expires_at.is_some_and(|expiry| expiry <= clock.now()) {
            return Err(unreadable(format!("{WHAT} have expired")));
        }
        Ok(found)
    }
}

async fn fetch(egress: &Egress, request: Request, what: &str) -> Result<Response, CloudError> {
    let operation = format!("read {what}");
    match egress.send(request).await {
        Ok(response) if response.status.is_success() => Ok(response),
        Ok(response) => Err(CloudError::Unreachable {
            operation,
            reason: format!("http status {}", response.status.as_u16()),
        }),
        Err(error) => Err(CloudError::Unreachable { operation, reason: error.to_string() }),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

fn read_keys(response: &Response) -> Result<Credentials, CloudError> {
    // The parser's message could quote the secret.
    let keys: Keys = serde_json::from_slice(&response.body)
        .map_err(|_| unreadable("the endpoint's answer holds no credentials".to_owned()))?;
    let expires_at = keys.expiration.and_then(|text| Timestamp::parse_rfc3339(&text).ok());
    Ok(Credentials::new(&keys.access_key_id, &keys.secret_access_key, keys.token.as_deref(), expires_at))
}

/// One section of an INI file.
fn profile(text: &str, wanted: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut is_wanted = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_wanted = name.trim() == wanted;
        } else if let (true, Some((key, value))) = (is_wanted, line.split_once('=')) {
            found.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    found
}

fn unreadable(reason: String) -> CloudError {
    CloudError::Unreachable { operation: "read aws credentials".to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_from_its_own_section() {
        let text = "# mine\n[default]\naws_access_key_id = A\n\n[ops]\naws_access_key_id=B\naws_secret_access_key = s=1\n";
        assert_eq!(profile(text, "ops")["aws_secret_access_key"], "s=1");
        assert_eq!(profile(text, "default").len(), 1);
        assert!(profile(text, "other").is_empty());
    }

    #[test]
    fn keys_do_not_print() {
        let printed = format!("{:?}", Credentials::new("AKIDX", "hush", Some("token"), None));
        assert!(!printed.contains("hush") && !printed.contains("token\""), "{printed}");
    }
}
