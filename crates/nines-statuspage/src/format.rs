//! Pages and statements as they are stored: JSON tagged with the version of its format. Every version is read for ever.

use nines_incidents::{ApprovalRole, Language};
use nines_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Component, LinkSecret, Post, Statement, StatusError, StatusPage, Subscriber, Way};

#[derive(Serialize, Deserialize)]
#[serde(tag = "format")]
enum Stored<V1> {
    #[serde(rename = "1")]
    V1(V1),
}

#[derive(Serialize, Deserialize)]
struct PageV1 {
    title: String,
    description: String,
    components: Vec<(String, Vec<String>)>,
    secret_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mail_channel: Option<String>,
    updated_at: i64,
    updated_by: String,
}

#[derive(Serialize, Deserialize)]
struct StatementV1 {
    text: String,
    drafted_by: String,
    drafted_at: i64,
    approvals: Vec<(String, String)>,
    published_at: Option<i64>,
}

pub fn encode_page(page: &StatusPage) -> Result<String, StatusError> {
    let stored = PageV1 {
        title: page.title.clone(),
        description: page.description.clone(),
        components: page.components.iter().map(|it| (it.name.clone(), it.services.clone())).collect(),
        secret_sha256: page.secret.as_ref().map(|secret| secret.0.clone()),
        mail_channel: page.mail_channel.clone(),
        updated_at: page.updated_at.as_nanos(),
        updated_by: page.updated_by.clone(),
    };
    serde_json::to_string(&Stored::V1(stored)).map_err(|error| corrupt("write a status page", error))
}

pub fn decode_page(name: &str, text: &str) -> Result<StatusPage, StatusError> {
    let Stored::V1(it): Stored<PageV1> =
        serde_json::from_str(text).map_err(|error| corrupt("read a status page", error))?;
    Ok(StatusPage {
        name: name.to_owned(),
        title: it.title,
        description: it.description,
        components: it.components.into_iter().map(|(name, services)| Component { name, services }).collect(),
        secret: it.secret_sha256.map(LinkSecret),
        mail_channel: it.mail_channel,
        updated_at: Timestamp::from_nanos(it.updated_at),
        updated_by: it.updated_by,
    })
}

pub fn encode_statement(it: &Statement) -> Result<String, StatusError> {
    let approvals = it.approvals.iter().map(|(role, by)| (role.as_str().to_owned(), by.clone()));
    let stored = StatementV1 {
        text: it.text.clone(),
        drafted_by: it.drafted_by.clone(),
        drafted_at: it.drafted_at.as_nanos(),
        approvals: approvals.collect(),
        published_at: it.published_at.map(Timestamp::as_nanos),
    };
    serde_json::to_string(&Stored::V1(stored)).map_err(|error| corrupt("write a statement", error))
}

pub fn decode_statement(
    incident: &str,
    number: u32,
    version: u64,
    text: &str,
) -> Result<Statement, StatusError> {
    let Stored::V1(it): Stored<StatementV1> =
        serde_json::from_str(text).map_err(|error| corrupt("read a statement", error))?;
    let approvals: Result<Vec<_>, _> = it
        .approvals
        .into_iter()
        .map(|(role, by)| ApprovalRole::parse(&role).map(|role| (role, by)))
        .collect();
    Ok(Statement {
        incident: incident.to_owned(),
        number,
        version,
        text: it.text,
        drafted_by: it.drafted_by,
        drafted_at: Timestamp::from_nanos(it.drafted_at),
        approvals: approvals.map_err(|error| corrupt("read a statement", error))?,
        published_at: it.published_at.map(Timestamp::from_nanos),
    })
}

/// What of a subscriber is sealed: who it is.
#[derive(Serialize, Deserialize)]
struct SubscriberV1 {
    way: String,
    address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    components: Vec<String>,
    language: String,
    token: String,
}

/// The columns of a subscriber beside what is sealed.
pub struct SubscriberRow {
    pub page: String,
    pub id: String,
    pub asked_at: i64,
    pub confirmed_at: Option<i64>,
    pub told: i64,
}

pub fn encode_subscriber(it: &Subscriber) -> Result<String, StatusError> {
    let secret = match &it.way {
        Way::Email(_) => None,
        Way::Webhook { secret, .. } => Some(secret.clone()),
    };
    let stored = SubscriberV1 {
        way: it.way.as_str().to_owned(),
        address: it.way.address().to_owned(),
        secret,
        components: it.components.clone(),
        language: it.language.as_str().to_owned(),
        token: it.token.clone(),
    };
    serde_json::to_string(&Stored::V1(stored)).map_err(|error| corrupt("write a subscriber", error))
}

pub fn decode_subscriber(row: SubscriberRow, text: &str) -> Result<Subscriber, StatusError> {
    let Stored::V1(it): Stored<SubscriberV1> =
        serde_json::from_str(text).map_err(|error| corrupt("read a subscriber", error))?;
    let way = match it.way.as_str() {
        "webhook" => Way::Webhook { url: it.address, secret: it.secret.unwrap_or_default() },
        _ => Way::Email(it.address),
    };
    Ok(Subscriber {
        page: row.page,
        id: row.id,
        way,
        components: it.components,
        language: Language::from_tag(&it.language),
        token: it.token,
        asked_at: Timestamp::from_nanos(row.asked_at),
        confirmed_at: row.confirmed_at.map(Timestamp::from_nanos),
        told: row.told.cast_unsigned(),
    })
}

#[derive(Serialize, Deserialize)]
struct PostV1 {
    at: i64,
    components: Vec<String>,
    title: String,
    text: String,
}

pub fn encode_post(it: &Post) -> Result<String, StatusError> {
    let stored = PostV1 {
        at: it.at.as_nanos(),
        components: it.components.clone(),
        title: it.title.clone(),
        text: it.text.clone(),
    };
    serde_json::to_string(&Stored::V1(stored)).map_err(|error| corrupt("write a post", error))
}

pub fn decode_post(number: u64, key: String, anchor: String, text: &str) -> Result<Post, StatusError> {
    let Stored::V1(it): Stored<PostV1> =
        serde_json::from_str(text).map_err(|error| corrupt("read a post", error))?;
    let PostV1 { at, components, title, text } = it;
    Ok(Post { number, key, at: Timestamp::from_nanos(at), components, title, text, anchor, is_sequel: false })
}

fn corrupt(operation: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> StatusError {
    StatusError::Store { operation, source: Box::new(error) }
}
