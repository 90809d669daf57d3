//! AWS Signature Version 4, the header form. Written out here because the whole of it is smaller than the adapter that
//! the signer of `object_store` would need, and that crate's `aws` feature would bring a second HTTP path into the
//! operations column. Source: "Create a signed AWS API request", IAM user guide; checked with the vectors published there.

use hmac::{Hmac, KeyInit, Mac};
use nines_model::Timestamp;
use sha2::{Digest, Sha256};

use super::credentials::Credentials;
use crate::plan::hex;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What is signed.
pub struct Unsigned<'a> {
    pub method: &'a str,
    pub host: &'a str,
    /// Encoded, beginning with a slash.
    pub path: &'a str,
    /// Encoded and sorted; empty without one.
    pub query: &'a str,
    /// Further headers, names in lower case. They are signed too.
    pub headers: &'a [(&'static str, String)],
    pub body: &'a [u8],
}

/// The headers to send besides those given: `x-amz-date`, perhaps `x-amz-security-token`, and `authorization`.
pub fn sign(
    request: &Unsigned<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    at: Timestamp,
) -> Vec<(&'static str, String)> {
    let time = at.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = &time[..8];
    let mut added = vec![("x-amz-date", time.clone())];
    if let Some(token) = credentials.token() {
        added.push(("x-amz-security-token", token.to_owned()));
    }

    let mut headers: Vec<(&str, &str)> = vec![("host", request.host)];
    headers.extend(request.headers.iter().chain(&added).map(|(name, value)| (*name, value.as_str())));
    headers.sort_unstable();
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
    for (name, value) in &headers {
        let folded: Vec<_> = value.split_ascii_whitespace().collect();
        canonical.push_str(&format!("{name}:{}\n", folded.join(" ")));
    }
    canonical.push_str(&format!("\n{names}\n{}", hex(&Sha256::digest(request.body))));

    let scope = format!("{date}/{region}/{service}/aws4_request");
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = mac(format!("AWS4{}", credentials.secret()).as_bytes(), date.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    let signature = hex(&mac(&key, to_sign.as_bytes()));
    let id = &credentials.access_key;
    let authorization =
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
    added.push(("authorization", authorization));
    added
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("hmac takes a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2015-08-30T12:36:00Z";

    fn check(request: &Unsigned<'_>, service: &str, signature: &str) {
        let credentials =
            Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, None);
        let at = Timestamp::parse_rfc3339(AT).unwrap();
        let added = sign(request, &credentials, "us-east-1", service, at);
        let (_, authorization) = added.last().unwrap();
        assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
    }

    /// From the Signature Version 4 test suite: `get-vanilla`, `post-vanilla`, `post-x-www-form-urlencoded`; and the
    /// worked example of the IAM user guide (ListUsers).
    #[test]
    fn the_published_signatures_are_reproduced() {
        let host = "example.amazonaws.com";
        let plain = |method| Unsigned { method, host, path: "/", query: "", headers: &[], body: b"" };
        check(&plain("GET"), "service", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        check(&plain("POST"), "service", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        let form = [("content-type", "application/x-www-form-urlencoded".to_owned())];
        check(
            &Unsigned { headers: &form, body: b"Param1=value1", ..plain("POST") },
            "service",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        );
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        check(
            &Unsigned {
                host: "iam.amazonaws.com",
                query: "Action=ListUsers&Version=2010-05-08",
                headers: &form,
                ..plain("GET")
            },
            "iam",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        );
    }
}
