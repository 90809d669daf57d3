//! CloudWatch alarms through Amazon SNS.
//!
//! The signature is not verified here, since that needs the certificate; [`SnsMessage::signature`] holds all that it
//! takes. Addresses in the message are checked to be of SNS itself, so that nobody makes us call elsewhere.

use std::collections::BTreeMap;

use super::json::{Answer, At, parse};
use super::{IntakeError, TITLE_BYTES_MAX, clipped};
use crate::alert::{AlertStatus, Fingerprint, IncomingAlert, Link, Source};
use nines_incidents::Level;

#[derive(Debug, Clone, PartialEq)]
pub struct SnsMessage {
    /// Unique; SNS delivers at least once.
    pub id: String,
    pub topic: String,
    pub kind: SnsKind,
    pub signature: SnsSignature,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SnsKind {
    Alert(Box<IncomingAlert>),
    /// Somebody subscribes us: fetch the address once the signature has been verified and a person agrees.
    Confirm {
        subscribe_url: String,
    },
    Unsubscribed {
        subscribe_url: String,
    },
}

/// What a verifier needs: RSA over `signed_text` with the certificate at `certificate_url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsSignature {
    /// `1` is SHA-1, `2` is SHA-256.
    pub version: String,
    /// Base64.
    pub signature: String,
    pub certificate_url: String,
    pub signed_text: String,
}

/// One message as SNS posts it.
pub fn sns(body: &[u8]) -> Result<SnsMessage, IntakeError> {
    let value = parse(body)?;
    let root = At::root(&value);
    #[derive(Clone, Copy, PartialEq)]
    enum Type {
        Notification,
        Confirm,
        Unsubscribed,
    }
    let kind = root.required("Type")?.word(&[
        ("Notification", Type::Notification),
        ("SubscriptionConfirmation", Type::Confirm),
        ("UnsubscribeConfirmation", Type::Unsubscribed),
    ])?;
    // In this order, each as a line of its name and a line of its value; the subject only if there is one.
    let signed: &[&str] = match kind {
        Type::Notification => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
        _ => &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
    };
    let mut signed_text = String::new();
    for key in signed {
        if let Some(found) = root.get(key) {
            for line in [key, found.as_text()?] {
                signed_text.push_str(line);
                signed_text.push('\n');
            }
        } else if *key != "Subject" {
            root.required(key)?;
        }
    }
    let signature = SnsSignature {
        version: root.required_text("SignatureVersion")?.to_owned(),
        signature: root.required_text("Signature")?.to_owned(),
        certificate_url: amazon(&root, "SigningCertURL")?,
        signed_text,
    };
    let kind = match kind {
        Type::Notification => SnsKind::Alert(Box::new(alarm(&root)?)),
        Type::Confirm => SnsKind::Confirm { subscribe_url: amazon(&root, "SubscribeURL")? },
        Type::Unsubscribed => SnsKind::Unsubscribed { subscribe_url: amazon(&root, "SubscribeURL")? },
    };
    let text = |key| root.required_text(key).map(str::to_owned);
    Ok(SnsMessage { id: text("MessageId")?, topic: text("TopicArn")?, kind, signature })
}

fn amazon(root: &At<'_>, key: &str) -> Answer<String> {
    let url = root.required_text(key)?;
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let plain = host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    let is_amazon = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    if plain && host.starts_with("sns.") && is_amazon {
        return Ok(url.to_owned());
    }
    let hint = "it is https://sns.<region>.amazonaws.com/…";
    Err(root.required(key)?.wrong("is not an address of Amazon SNS", Some(hint)))
}

fn alarm(root: &At<'_>) -> Answer<IncomingAlert> {
    let message_at = root.required("Message")?;
    let text = message_at.as_text()?;
    let Ok(inner) = serde_json::from_str::<serde_json::Value>(text) else {
        return Err(message_at.wrong(
            "is not the JSON of a CloudWatch alarm",
            Some("switch raw message delivery off, and send alarms only"),
        ));
    };
    let message = At { value: &inner, pointer: message_at.pointer.clone() };
    let name = message.required_text("AlarmName")?;
    let state_at = message.required("NewStateValue")?;
    let (status, level) = state_at.word(&[
        ("ALARM", (AlertStatus::Firing, None)),
        ("OK", (AlertStatus::Resolved, None)),
        // Nobody knows: worth a ticket, not a page.
        ("INSUFFICIENT_DATA", (AlertStatus::Firing, Some(Level::P2))),
    ])?;
    let mut labels = BTreeMap::from([("alertname".to_owned(), name.to_owned())]);
    for (key, label) in [("AWSAccountId", "cloud.account.id"), ("Region", "cloud.region")] {
        labels.extend(message.text(key)?.map(|text| (label.to_owned(), text.to_owned())));
    }
    if let Some(trigger) = message.get("Trigger") {
        for (key, label) in [("MetricName", "metric"), ("Namespace", "namespace")] {
            labels.extend(trigger.text(key)?.map(|text| (label.to_owned(), text.to_owned())));
        }
        for dimension in trigger.list("Dimensions")? {
            let (name, value) = (dimension.required_text("name")?, dimension.required_text("value")?);
            labels.insert(name.to_owned(), value.to_owned());
        }
    }
    let annotations: BTreeMap<String, String> =
        [("AlarmDescription", "description"), ("NewStateReason", "reason")]
            .into_iter()
            .filter_map(|(key, name)| Some((name.to_owned(), message.text(key).ok()??.to_owned())))
            .collect();
    let arn = message.text("AlarmArn")?;
    let fingerprint = match arn {
        Some(arn) => Fingerprint::given(Source::CloudWatch, "AlarmArn", arn),
        None => Fingerprint::given(Source::CloudWatch, "AlarmName", name),
    };
    let changed_at = message.time("StateChangeTime")?;
    let region = arn.and_then(|arn| arn.split(':').nth(3));
    let console = region.map(|region| Link {
        title: "alarm".to_owned(),
        url: format!("https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:"),
    });
    Ok(IncomingAlert {
        fingerprint,
        source: Source::CloudWatch,
        status,
        title: clipped(root.text("Subject")?.unwrap_or(name), TITLE_BYTES_MAX),
        level: level.or_else(|| super::level_among(&labels)),
        service: super::service_among(&labels),
        starts_at: changed_at.filter(|_| status == AlertStatus::Firing),
        ends_at: changed_at.filter(|_| status == AlertStatus::Resolved),
        labels,
        annotations,
        links: console.into_iter().collect(),
    })
}
