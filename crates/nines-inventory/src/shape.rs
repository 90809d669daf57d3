//! One shape for what a provider says in several: what comes from its wire, from its command line and from a file of
//! somebody's else is judged by the same standards.
//!
//! Providers leave out what is not set. Where that is known of an attribute ([`LEFT_OUT`]) its absence is written down as
//! `null`; what is missing otherwise stays missing, and is not known.

use serde_json::{Map, Value, json};

use crate::condition::UNKNOWN_KEY;

/// Attributes of one resource: what AWS' longest answer for one thing (a web ACL with 100 rules) has, ten times over.
const ATTRIBUTES_BYTES_MAX: usize = 256 * 1024;

/// What the provider leaves out when there is none. `[]` goes into each item of a list.
const LEFT_OUT: &[(&str, &[&str])] = &[
    ("aws.ec2.instance", &["PublicIpAddress", "IamInstanceProfile", "KeyName"]),
    ("aws.ec2.volume", &["KmsKeyId"]),
    (
        "aws.ec2.security-group",
        &[
            "IpPermissions",
            "IpPermissions[].FromPort",
            "IpPermissions[].ToPort",
            "IpPermissions[].IpRanges",
            "IpPermissions[].Ipv6Ranges",
        ],
    ),
    ("aws.cloudwatch.alarm", &["AlarmActions"]),
    ("aws.logs.group", &["retentionInDays", "kmsKeyId"]),
    ("aws.dynamodb.table", &["SSEDescription", "DeletionProtectionEnabled"]),
    (
        "aws.iam.user",
        &["UserPolicyList", "AttachedManagedPolicies", "PasswordLastUsed", "AccessKeys[].LastUsedDate"],
    ),
    ("aws.iam.group", &["GroupPolicyList"]),
    ("aws.iam.role", &["RolePolicyList"]),
    ("aws.elb.listener", &["SslPolicy", "Certificates"]),
    ("aws.cloudfront.distribution", &["Origins[].S3OriginConfig", "Origins[].OriginAccessControlId"]),
    (
        "aws.athena.workgroup",
        &[
            "Configuration.BytesScannedCutoffPerQuery",
            "Configuration.ResultConfiguration.EncryptionConfiguration",
        ],
    ),
    ("aws.ssm.parameter", &["KeyId"]),
    ("aws.apigateway.stage", &["accessLogSettings", "methodSettings"]),
];

/// Keys of documents that IAM gives as percent-encoded text.
const POLICY_KEYS: [&str; 3] = ["PolicyDocument", "Document", "AssumeRolePolicyDocument"];
/// Each of a statement's parts may be left out for its opposite.
const STATEMENT_PARTS: [&str; 6] =
    ["Action", "NotAction", "Resource", "NotResource", "Condition", "Principal"];

/// The attributes of a resource of this kind as standards expect them.
pub fn shaped(kind: &str, mut attributes: Value) -> Value {
    if kind.starts_with("aws.iam.") {
        policies(&mut attributes);
        default_document(&mut attributes);
    }
    if kind == "aws.cloudfront.distribution" {
        counted_lists(&mut attributes);
        for key in ["ViewerCertificate", "DefaultCacheBehavior", "Logging", "Origins"] {
            // The command line prints the configuration inside the distribution.
            let found = attributes.pointer(&format!("/DistributionConfig/{key}")).cloned();
            if let (Some(found), Some(map)) = (found, attributes.as_object_mut()) {
                map.entry(key).or_insert(found);
            }
        }
    }
    if kind == "aws.elb.load-balancer" {
        dotted(&mut attributes, "LoadBalancerAttributes");
    }
    if kind == "aws.ssm.parameter"
        && let Some(map) = attributes.as_object_mut()
    {
        // Whoever exports a parameter with its value: it is not kept.
        map.remove("Value");
    }
    for (_, paths) in LEFT_OUT.iter().filter(|(wanted, _)| *wanted == kind) {
        for path in *paths {
            let parts: Vec<_> = path.split('.').collect();
            fill(&mut attributes, &parts);
        }
    }
    if attributes.to_string().len() > ATTRIBUTES_BYTES_MAX {
        return json!({UNKNOWN_KEY: format!("the attributes have more than {ATTRIBUTES_BYTES_MAX} bytes")});
    }
    attributes
}

fn fill(at: &mut Value, path: &[&str]) {
    let Some((key, rest)) = path.split_first() else { return };
    let (key, is_list) = key.strip_suffix("[]").map_or((*key, false), |key| (key, true));
    let Some(map) = at.as_object_mut().filter(|map| !map.contains_key(UNKNOWN_KEY)) else { return };
    if rest.is_empty() {
        map.entry(key).or_insert(Value::Null);
        return;
    }
    match map.get_mut(key) {
        Some(Value::Array(items)) if is_list => items.iter_mut().for_each(|item| fill(item, rest)),
        Some(value) if !is_list => fill(value, rest),
        _ => {}
    }
}

/// `{Quantity, Items}` is a list.
fn counted_lists(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.contains_key("Quantity")
                && map.keys().all(|key| matches!(key.as_str(), "Quantity" | "Items"))
            {
                *value = map.remove("Items").unwrap_or_else(|| json!([]));
                counted_lists(value);
            } else {
                map.values_mut().for_each(counted_lists);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(counted_lists),
        _ => {}
    }
}

/// `[{Key: a.b, Value: c}]` as a tree.
fn dotted(attributes: &mut Value, key: &str) {
    let Some(Value::Array(pairs)) = attributes.get(key).cloned() else { return };
    let mut tree = Map::new();
    for pair in &pairs {
        let (Some(name), Some(value)) = (pair["Key"].as_str(), pair.get("Value")) else { continue };
        let mut at = &mut tree;
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                at.insert(part.to_owned(), value.clone());
                break;
            }
            let next = at.entry(part).or_insert_with(|| json!({}));
            let Some(map) = next.as_object_mut() else { break };
            at = map;
        }
    }
    attributes[key] = Value::Object(tree);
}

fn policies(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                if POLICY_KEYS.contains(&key.as_str()) {
                    policy(value);
                } else {
                    policies(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(policies),
        _ => {}
    }
}

fn policy(document: &mut Value) {
    if let Value::String(text) = &*document {
        let plain = if text.trim_start().starts_with('{') { text.clone() } else { percent_decoded(text) };
        *document = serde_json::from_str(&plain)
            .unwrap_or_else(|_| json!({UNKNOWN_KEY: "the policy cannot be read"}));
    }
    let Some(statements) = document.get_mut("Statement") else { return };
    if statements.is_object() {
        *statements = Value::Array(vec![statements.take()]);
    }
    for statement in statements.as_array_mut().into_iter().flatten() {
        if let Some(map) = statement.as_object_mut() {
            for part in STATEMENT_PARTS {
                map.entry(part).or_insert(Value::Null);
            }
        }
    }
}

/// The document that is in force, where it can be named without looking for it.
fn default_document(attributes: &mut Value) {
    let versions = attributes.get("PolicyVersionList").and_then(Value::as_array);
    let is_default = |version: &&Value| {
        matches!(&version["IsDefaultVersion"], Value::Bool(true)) || version["IsDefaultVersion"] == "true"
    };
    let found = versions.and_then(|versions| versions.iter().find(is_default));
    if let Some(document) = found.and_then(|version| version.get("Document")).cloned() {
        attributes["DefaultDocument"] = document;
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_leaves_out_is_known_to_be_absent() {
        let attributes = shaped("aws.ec2.instance", json!({"MetadataOptions": {"HttpTokens": "required"}}));
        assert_eq!(attributes["PublicIpAddress"], Value::Null);
        assert!(attributes.get("Monitoring").is_none(), "the rest stays unknown");
        let group = shaped("aws.ec2.security-group", json!({"IpPermissions": [{"IpProtocol": "-1"}]}));
        assert!(group["IpPermissions"][0].get("FromPort").is_some());
    }

    #[test]
    fn attributes_with_dots_become_a_tree() {
        let pairs = json!([{"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": "b"}]);
        let found = shaped("aws.elb.load-balancer", json!({"LoadBalancerAttributes": pairs}));
        assert_eq!(found["LoadBalancerAttributes"]["access_logs"]["s3"]["enabled"], "true");
    }

    #[test]
    fn a_policy_is_read_however_it_is_written() {
        let encoded = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%7D%7D";
        let versions = json!([{"IsDefaultVersion": "true", "Document": encoded}]);
        let found = shaped("aws.iam.policy", json!({"PolicyVersionList": versions}));
        let statement = &found["DefaultDocument"]["Statement"][0];
        assert_eq!(statement["Action"], "*");
        assert!(statement.get("Resource").is_some_and(Value::is_null));
    }
}
