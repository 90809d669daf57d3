//! One signed call: the query protocols (a form in, XML out) and the JSON ones. What a failure means is decided here.

use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use nines_base::{SharedClock, percent_encoded};
use nines_egress::{Egress, Request, Response};
use nines_model::Timestamp;
use serde_json::Value;

use super::AwsConfig;
use super::credentials::{Chain, Credentials, ROLE_SECS};
use super::sigv4::{Unsigned, sign};
use super::xml::Element;
use crate::CloudError;

/// A provider's interface: its name in addresses and signatures, and its version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    pub name: &'static str,
    pub version: &'static str,
}

pub(super) const EC2: Service = Service { name: "ec2", version: "2016-11-15" };
pub(super) const ELB: Service = Service { name: "elasticloadbalancing", version: "2015-12-01" };
pub(super) const SCALING: Service = Service { name: "autoscaling", version: "2011-01-01" };
pub(super) const ALARMS: Service = Service { name: "monitoring", version: "2010-08-01" };
pub(super) const IAM: Service = Service { name: "iam", version: "2010-05-08" };
pub(super) const STS: Service = Service { name: "sts", version: "2011-06-15" };

/// A call that failed, with the provider's own code if it gave one.
#[derive(Debug)]
pub(super) struct Fault {
    pub code: String,
    pub error: CloudError,
}

impl From<Fault> for CloudError {
    fn from(fault: Fault) -> Self {
        fault.error
    }
}

/// Parameters of a form, in order.
pub(super) type Form = Vec<(String, String)>;

/// Where calls go and as whom.
pub(super) struct Wire {
    pub egress: Egress,
    pub region: String,
    /// Instead of `https://{service}.{region}.amazonaws.com`.
    pub endpoint: Option<String>,
    pub chain: Chain,
    pub role: Option<Role>,
    pub clock: SharedClock,
    pub cached: tokio::sync::Mutex<Cached>,
}

/// The credentials in use.
#[derive(Default)]
pub(super) struct Cached {
    own: Option<Arc<Credentials>>,
    of_role: Option<Arc<Credentials>>,
}

/// Which thing of a service is asked for.
struct Place<'a> {
    method: Method,
    path: &'a str,
    query: &'a str,
}

/// A role of this or another account that is taken on for every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub arn: String,
    pub external_id: Option<String>,
}

impl Wire {
    pub fn new(config: AwsConfig, egress: Egress, clock: SharedClock) -> Self {
        Self {
            egress,
            region: config.region,
            endpoint: config.endpoint,
            chain: config.credentials,
            role: config.role,
            clock,
            cached: tokio::sync::Mutex::default(),
        }
    }

    /// A call of a query protocol.
    pub async fn query(&self, service: Service, action: &str, parameters: Form) -> Result<Element, Fault> {
        let credentials = self.credentials().await?;
        self.query_as(&credentials, service, action, parameters).await
    }

    async fn query_as(
        &self,
        credentials: &Credentials,
        service: Service,
        action: &str,
        parameters: Form,
    ) -> Result<Element, Fault> {
        let mut form = vec![
            ("Action".to_owned(), action.to_owned()),
            ("Version".to_owned(), service.version.to_owned()),
        ];
        form.extend(parameters);
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        let response = self.send(credentials, service.name, action, &headers, encode(&form)).await?;
        let text = String::from_utf8_lossy(&response.body);
        let parsed = Element::parse(&text);
        if response.status.is_success() {
            return parsed.map_err(|reason| garbled(action, &reason));
        }
        let error = parsed.ok().unwrap_or_default();
        let part = |name| error.search(name).map_or("", |element| element.text.trim()).to_owned();
        Err(fault(action, response.status.as_u16(), part("Code"), &part("Message")))
    }

    /// A call of a JSON protocol; `target` is the value of `x-amz-target`.
    pub async fn json(
        &self,
        service: &'static str,
        version: &str,
        target: &str,
        body: &Value,
    ) -> Result<Value, Fault> {
        let credentials = self.credentials().await?;
        let headers = [
            ("content-type", format!("application/x-amz-json-{version}")),
            ("x-amz-target", target.to_owned()),
        ];
        let action = target.rsplit('.').next().unwrap_or(target);
        let response = self.send(&credentials, service, action, &headers, body.to_string()).await?;
        let parsed: Result<Value, _> = serde_json::from_slice(&response.body);
        if response.status.is_success() {
            return parsed.map_err(|error| garbled(action, &error.to_string()));
        }
        let error = parsed.unwrap_or_default();
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        // `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`
        let code = part("__type").rsplit('#').next().unwrap_or_default().to_owned();
        let message = part("message") + &part("Message");
        Err(fault(action, response.status.as_u16(), code, &message))
    }

    /// A read of a REST protocol. `path` is encoded and begins with a slash; `query` is encoded and sorted.
    ///
    /// # Errors
    /// As the other calls, with the code of an XML error or of a JSON one.
    pub async fn get(&self, service: &'static str, path: &str, query: &str) -> Result<Response, Fault> {
        let credentials = self.credentials().await?;
        // S3 asks for the hash of the body as a header; this is the one of none.
        const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let headers = [("x-amz-content-sha256", EMPTY.to_owned())];
        let headers = if service == "s3" { &headers[..] } else { &[] };
        let place = Place { method: Method::GET, path, query };
        let response = self.send_to(&credentials, service, path, &place, headers, String::new()).await?;
        if response.status.is_success() {
            return Ok(response);
        }
        let text = String::from_utf8_lossy(&response.body);
        let (code, message) = match (Element::parse(&text), serde_json::from_str::<Value>(&text)) {
            (Ok(error), _) => {
                // The error itself may be the root.
                let part = |name: &str| {
                    let found = error.search(name).map(|element| element.text.trim().to_owned());
                    found.unwrap_or_default()
                };
                (part("Code"), part("Message"))
            }
            (Err(_), Ok(error)) => {
                let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
                (part("__type"), part("message") + &part("Message"))
            }
            (Err(_), Err(_)) => (String::new(), String::new()),
        };
        Err(fault(path, response.status.as_u16(), code, &message))
    }

    async fn send(
        &self,
        credentials: &Credentials,
        service: &str,
        action: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Response, Fault> {
        let place = Place { method: Method::POST, path: "/", query: "" };
        self.send_to(credentials, service, action, &place, headers, body).await
    }

    /// Where a service is reached and in whose name its calls are signed: these two are the same for every region.
    fn home(&self, service: &str) -> (String, &str) {
        let is_global = matches!(service, "iam" | "cloudfront");
        let region = if is_global { "us-east-1" } else { &self.region };
        let base = match &self.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None if is_global => format!("https://{service}.amazonaws.com"),
            None => format!("https://{service}.{region}.amazonaws.com"),
        };
        (base, region)
    }

    async fn send_to(
        &self,
        credentials: &Credentials,
        service: &str,
        action: &str,
        place: &Place<'_>,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Response, Fault> {
        let (base, region) = self.home(service);
        let host = base.split_once("://").map_or(base.as_str(), |(_, rest)| rest).to_owned();
        let Place { method, path, query } = place;
        let unsigned =
            Unsigned { method: method.as_str(), host: &host, path, query, headers, body: body.as_bytes() };
        let added = sign(&unsigned, credentials, region, service, self.clock.now());
        let mark = if query.is_empty() { "" } else { "?" };
        let mut request = Request::post(format!("{base}{path}{mark}{query}"), body.clone());
        request.method = method.clone();
        if service == "apigateway" {
            // Without it the answer is in HAL. Proxies may add to this header, so it is not signed.
            request = request.header(ACCEPT, "application/json");
        }
        for (name, value) in headers.iter().chain(&added) {
            if *name == "content-type" {
                request = request.header(CONTENT_TYPE, value);
            } else if let Ok(mut value) = HeaderValue::from_str(value) {
                value.set_sensitive(true);
                request.headers.insert(HeaderName::from_static(name), value);
            }
        }
        self.egress.send(request).await.map_err(|error| {
            let (operation, reason) = (action.to_owned(), error.to_string());
            let error = if error.may_have_been_sent() {
                CloudError::Lost { operation, reason }
            } else {
                CloudError::Unreachable { operation, reason }
            };
            Fault { code: String::new(), error }
        })
    }

    async fn credentials(&self) -> Result<Arc<Credentials>, Fault> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.now();
        let is_good = |found: &Option<Arc<Credentials>>| found.clone().filter(|found| found.is_good_at(now));
        if self.role.is_some()
            && let Some(found) = is_good(&cached.of_role)
        {
            return Ok(found);
        }
        let own = match is_good(&cached.own) {
            Some(own) => own,
            None => Arc::new(
                self.chain.load(&self.clock).await.map_err(|error| Fault { code: String::new(), error })?,
            ),
        };
        cached.own = Some(own.clone());
        let Some(role) = &self.role else { return Ok(own) };
        let taken = Arc::new(self.assume(&own, role).await?);
        cached.of_role = Some(taken.clone());
        Ok(taken)
    }

    async fn assume(&self, own: &Credentials, role: &Role) -> Result<Credentials, Fault> {
        let mut form = vec![
            ("RoleArn".to_owned(), role.arn.clone()),
            ("RoleSessionName".to_owned(), "nines-actions".to_owned()),
            ("DurationSeconds".to_owned(), ROLE_SECS.to_string()),
        ];
        form.extend(role.external_id.clone().map(|id| ("ExternalId".to_owned(), id)));
        let answer =
            self.query_as(own, STS, "AssumeRole", form).await.map_err(|fault| match fault.error {
                // Taking a role on changes nothing: whatever became of it, nothing was done for the caller.
                CloudError::Lost { operation, reason } => {
                    Fault { error: CloudError::Unreachable { operation, reason }, ..fault }
                }
                error => Fault { error, ..fault },
            })?;
        let keys = answer.search("Credentials").ok_or_else(|| garbled("AssumeRole", "no credentials"))?;
        let expires_at = Timestamp::parse_rfc3339(keys.text_at("Expiration")).ok();
        let token = Some(keys.text_at("SessionToken"));
        Ok(Credentials::new(keys.text_at("AccessKeyId"), keys.text_at("SecretAccessKey"), token, expires_at))
    }
}

/// `application/x-www-form-urlencoded` as SigV4 wants it: everything but unreserved characters as `%XX`.
pub fn encode(form: &[(String, String)]) -> String {
    let pairs: Vec<_> = form
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
        .collect();
    pairs.join("&")
}

/// A success that cannot be read: it may well have been done.
fn garbled(action: &str, reason: &str) -> Fault {
    let reason = format!("the answer cannot be read: {reason}");
    Fault { code: String::new(), error: CloudError::Lost { operation: action.to_owned(), reason } }
}

fn fault(action: &str, status: u16, code: String, message: &str) -> Fault {
    let operation = action.to_owned();
    let reason: String = format!("{code}: {message}").chars().take(300).collect();
    let error = match code.as_str() {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceededException"
        | "ServiceUnavailable"
        | "Unavailable" => CloudError::Throttled { operation, code: code.clone() },
        "IncorrectInstanceState"
        | "IncorrectState"
        | "ScalingActivityInProgress"
        | "ResourceContention"
        | "WAFOptimisticLockException"
        | "WAFUnavailableEntityException"
        | "ConditionalCheckFailedException"
        | "ResourceInUseException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired" => CloudError::NotNow { operation, reason },
        "UnauthorizedOperation"
        | "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException"
        | "OptInRequired" => CloudError::Forbidden { operation, reason },
        // Refused before the service looked at it, in words of somebody else's.
        "" if status == 403 => CloudError::Forbidden { operation, reason: "http status 403".to_owned() },
        _ if status == 503 || status == 429 => {
            CloudError::Throttled { operation, code: format!("http status {status}") }
        }
        // An inner part failed, before or after it did what was asked.
        _ if status >= 500 => {
            CloudError::Lost { operation, reason: format!("http status {status}, {reason}") }
        }
        _ => CloudError::Refused { operation, reason },
    };
    Fault { code, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_whether_something_may_have_been_done() {
        let kind = |status, code: &str| fault("StartInstances", status, code.to_owned(), "").error;
        assert!(matches!(kind(400, "RequestLimitExceeded"), CloudError::Throttled { .. }));
        assert!(matches!(kind(503, ""), CloudError::Throttled { .. }));
        assert!(matches!(kind(400, "IncorrectInstanceState"), CloudError::NotNow { .. }));
        assert!(matches!(kind(403, "UnauthorizedOperation"), CloudError::Forbidden { .. }));
        assert!(matches!(kind(400, "InvalidParameterValue"), CloudError::Refused { .. }));
        assert!(kind(500, "InternalError").may_have_been_done());
        assert!(!kind(400, "Throttling").may_have_been_done());
    }
}
