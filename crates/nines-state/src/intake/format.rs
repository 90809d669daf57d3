//! The persisted form of an alert of another system: JSON, tagged with its version.

use std::collections::BTreeMap;

use nines_incidents::Level;
use nines_model::Timestamp;
use nines_oncall::alert::{AlertStatus, Fingerprint, FingerprintRule, IncomingAlert, Link, Source};
use nines_oncall::noise::{AlertEntry, Member};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum Versioned {
    #[serde(rename = "1")]
    V1(EntryV1),
}

#[derive(Serialize, Deserialize)]
struct EntryV1 {
    alert: AlertV1,
    count: u64,
    first_at: i64,
    last_at: i64,
    resolved_at: Option<i64>,
    reopened: u32,
    members: Vec<MemberV1>,
    members_unlisted: u64,
}

#[derive(Serialize, Deserialize)]
struct MemberV1 {
    alert: AlertV1,
    count: u64,
    last_at: i64,
}

#[derive(Serialize, Deserialize)]
struct AlertV1 {
    fingerprint: String,
    rule: RuleV1,
    source: String,
    status: String,
    title: String,
    level: Option<String>,
    service: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    /// Title and address.
    links: Vec<(String, String)>,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RuleV1 {
    Given { field: String, value: String },
    Labels {},
    Title {},
}

/// The keys of senders that fingerprints are made of.
const GIVEN_FIELDS: [&str; 4] = ["dedup_key", "fingerprint", "AlarmArn", "AlarmName"];

pub(super) fn write(entry: &AlertEntry) -> String {
    let v1 = EntryV1 {
        alert: alert_v1(&entry.alert),
        count: entry.count,
        first_at: entry.first_at.as_nanos(),
        last_at: entry.last_at.as_nanos(),
        resolved_at: entry.resolved_at.map(Timestamp::as_nanos),
        reopened: entry.reopened,
        members: entry.members.iter().map(member_v1).collect(),
        members_unlisted: entry.members_unlisted,
    };
    serde_json::to_string(&Versioned::V1(v1)).expect("plain data always becomes JSON")
}

pub(super) fn read(text: &str) -> Result<AlertEntry, String> {
    let Versioned::V1(v1) = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let members = v1.members.into_iter().map(|member| {
        Ok(Member {
            alert: alert(member.alert)?,
            count: member.count,
            last_at: Timestamp::from_nanos(member.last_at),
        })
    });
    Ok(AlertEntry {
        alert: alert(v1.alert)?,
        count: v1.count,
        first_at: Timestamp::from_nanos(v1.first_at),
        last_at: Timestamp::from_nanos(v1.last_at),
        resolved_at: v1.resolved_at.map(Timestamp::from_nanos),
        reopened: v1.reopened,
        members: members.collect::<Result<_, String>>()?,
        members_unlisted: v1.members_unlisted,
    })
}

fn member_v1(member: &Member) -> MemberV1 {
    MemberV1 { alert: alert_v1(&member.alert), count: member.count, last_at: member.last_at.as_nanos() }
}

fn alert_v1(alert: &IncomingAlert) -> AlertV1 {
    AlertV1 {
        fingerprint: alert.fingerprint.id.clone(),
        rule: match &alert.fingerprint.rule {
            FingerprintRule::Given { field, value } => {
                RuleV1::Given { field: (*field).to_owned(), value: value.clone() }
            }
            FingerprintRule::Labels => RuleV1::Labels {},
            FingerprintRule::Title => RuleV1::Title {},
        },
        source: alert.source.as_str().to_owned(),
        status: alert.status.as_str().to_owned(),
        title: alert.title.clone(),
        level: alert.level.map(|level| level.as_str().to_owned()),
        service: alert.service.clone(),
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        links: alert.links.iter().map(|link| (link.title.clone(), link.url.clone())).collect(),
        starts_at: alert.starts_at.map(Timestamp::as_nanos),
        ends_at: alert.ends_at.map(Timestamp::as_nanos),
    }
}

fn alert(v1: AlertV1) -> Result<IncomingAlert, String> {
    let rule = match v1.rule {
        RuleV1::Given { field, value } => {
            let known = GIVEN_FIELDS.into_iter().find(|known| *known == field);
            FingerprintRule::Given { field: known.unwrap_or("key"), value }
        }
        RuleV1::Labels {} => FingerprintRule::Labels,
        RuleV1::Title {} => FingerprintRule::Title,
    };
    let source = Source::ALL.into_iter().find(|source| source.as_str() == v1.source);
    let statuses = [AlertStatus::Firing, AlertStatus::Acknowledged, AlertStatus::Resolved];
    let status = statuses.into_iter().find(|status| status.as_str() == v1.status);
    Ok(IncomingAlert {
        fingerprint: Fingerprint { id: v1.fingerprint, rule },
        source: source.ok_or_else(|| format!("unknown source `{}`", v1.source))?,
        status: status.ok_or_else(|| format!("unknown status `{}`", v1.status))?,
        title: v1.title,
        level: v1.level.map(|word| Level::parse(&word).map_err(|error| error.to_string())).transpose()?,
        service: v1.service,
        labels: v1.labels,
        annotations: v1.annotations,
        links: v1.links.into_iter().map(|(title, url)| Link { title, url }).collect(),
        starts_at: v1.starts_at.map(Timestamp::from_nanos),
        ends_at: v1.ends_at.map(Timestamp::from_nanos),
    })
}
